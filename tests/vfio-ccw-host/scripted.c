/*
 * Scripted and instant devices: for tests that are not about a device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Called by subchannel.c in the host's thread.
 */

#include "qemu/osdep.h"
#include "devices.h"

static void scripted_start(void *device, HostSubchannel *sch,
                           ChannelProgram *cp)
{
}

static void scripted_end(void *device, HostSubchannel *sch)
{
}

const HostDeviceOps scripted_device_ops = {
    .start = scripted_start,
    .halt = scripted_end,
    .clear = scripted_end,
};

static void instant_start(void *device, HostSubchannel *sch,
                          ChannelProgram *cp)
{
    HostStatus status = {
        .dstat = SCSW_DSTAT_CHANNEL_END | SCSW_DSTAT_DEVICE_END,
        .cpa = cp->orb.cpa + sizeof(CCW1),
    };

    host_subchannel_present(sch, &status);
}

static void instant_end(void *device, HostSubchannel *sch)
{
    host_subchannel_present(sch, &(HostStatus) { 0 });
}

const HostDeviceOps instant_device_ops = {
    .start = instant_start,
    .halt = instant_end,
    .clear = instant_end,
};
