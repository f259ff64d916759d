/*
 * Timed device: each start takes a while, and ends with normal status
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Called by subchannel.c, and by its own timer, in the host's thread.
 */

#include "qemu/osdep.h"
#include "devices.h"

struct TimedDevice {
    GMainContext *context;
    unsigned ms;
    HostSubchannel *sch;
    GSource *timer;         /* of the start in progress, or NULL */
};

TimedDevice *timed_device_new(unsigned ms, GMainContext *context)
{
    TimedDevice *timed = g_new0(TimedDevice, 1);

    timed->context = context;
    timed->ms = ms;
    return timed;
}

static void stop_timer(TimedDevice *timed)
{
    if (timed->timer) {
        g_source_destroy(timed->timer);
        g_clear_pointer(&timed->timer, g_source_unref);
    }
}

void timed_device_free(TimedDevice *timed)
{
    stop_timer(timed);
    g_free(timed);
}

static gboolean time_is_up(void *opaque)
{
    TimedDevice *timed = opaque;

    stop_timer(timed);
    instant_device_ops.start(NULL, timed->sch, timed->sch->cp);
    return G_SOURCE_REMOVE;
}

static void timed_start(void *device, HostSubchannel *sch, ChannelProgram *cp)
{
    TimedDevice *timed = device;

    stop_timer(timed);
    timed->sch = sch;
    timed->timer = g_timeout_source_new(timed->ms);
    g_source_set_callback(timed->timer, time_is_up, timed, NULL);
    g_source_attach(timed->timer, timed->context);
}

static void timed_end(void *device, HostSubchannel *sch)
{
    stop_timer(device);
    instant_device_ops.halt(NULL, sch);
}

const HostDeviceOps timed_device_ops = {
    .start = timed_start,
    .halt = timed_end,
    .clear = timed_end,
};
