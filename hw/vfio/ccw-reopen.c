/*
 * vfio-ccw: having a host back that was lost
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * See ccw-reopen.h. An attempt is a coroutine. Two of its steps change what
 * QEMU has, with the BQL held, and do not wait: connect and attach. The other
 * two negotiate with the host and wait for it: a worker does that, without the
 * BQL.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "hw/vfio/ccw-reopen.h"
#include "hw/vfio/ccw-worker.h"
#include "trace.h"

#define FIRST_DELAY_MS 1000
#define MAX_DELAY_MS 32000

static int64_t now_ms(void)
{
    return qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL);
}

static void wait_longer(VFIOCCWReopen *reopen)
{
    reopen->delay_ms = MIN(reopen->delay_ms * 2, MAX_DELAY_MS);
}

static void set_timer(VFIOCCWReopen *reopen)
{
    timer_mod(reopen->timer, now_ms() + reopen->delay_ms);
}

static void negotiate_connection(void *opaque)
{
    VFIOCCWReopen *reopen = opaque;
    VFIOCCWLink *link = reopen->link;

    reopen->ok = link->transport->negotiate(link, &reopen->err);
}

static void negotiate_link(void *opaque)
{
    VFIOCCWReopen *reopen = opaque;

    reopen->ok = vfio_ccw_link_negotiate(reopen->link, &reopen->schib,
                                         &reopen->have_schib, &reopen->err);
}

static bool coroutine_fn ask(VFIOCCWReopen *reopen, VFIOCCWWork *work)
{
    vfio_ccw_worker_run(work, reopen);
    return reopen->ok && !reopen->stopped;
}

static bool coroutine_fn open_again(VFIOCCWReopen *reopen)
{
    VFIOCCWLink *link = reopen->link;
    const VFIOCCWTransport *transport = link->transport;
    int ret = transport->connect(link, reopen->target, &reopen->err);

    reopen->expected = ret == -ENOENT || ret == -ECONNREFUSED;
    return !ret &&
           ask(reopen, negotiate_connection) &&
           transport->attach(link, reopen->target, false, &reopen->err) &&
           ask(reopen, negotiate_link) &&
           vfio_ccw_link_open(link, &reopen->err);
}

/* That nobody is there is expected; all else somebody has to put right. */
static void failed(VFIOCCWReopen *reopen)
{
    VFIOCCWLink *link = reopen->link;
    const char *why;

    vfio_ccw_link_explain(link, &reopen->err);
    why = error_get_pretty(reopen->err);
    wait_longer(reopen);
    trace_vfio_ccw_reopen_failed(link->who, why, reopen->delay_ms);
    if (!reopen->expected && g_hash_table_add(reopen->warned, g_strdup(why))) {
        warn_report("%s: cannot have the host back: %s", link->who, why);
    }
    link->transport->detach(link);
    set_timer(reopen);
}

static void succeeded(VFIOCCWReopen *reopen)
{
    reopen->reopened_ms = now_ms();
    trace_vfio_ccw_reopened(reopen->link->who);
    reopen->reopened(reopen->opaque,
                     reopen->have_schib ? &reopen->schib : NULL);
}

static void coroutine_fn attempt(void *opaque)
{
    VFIOCCWReopen *reopen = opaque;
    bool opened;

    vfio_ccw_link_enter(reopen->link);
    opened = open_again(reopen);
    if (!opened) {
        vfio_ccw_link_abandon(reopen->link);
    }
    vfio_ccw_link_leave(reopen->link);
    if (opened) {
        succeeded(reopen);
    } else if (!reopen->stopped) {
        failed(reopen);
    }
    error_free(reopen->err);
    reopen->err = NULL;
}

static void timer_cb(void *opaque)
{
    VFIOCCWReopen *reopen = opaque;
    VFIOCCWLink *link = reopen->link;

    vfio_ccw_link_close(link);
    if (link->jobs) {
        /* What was asked before the loss has not returned. */
        set_timer(reopen);
        return;
    }
    link->transport->detach(link);
    if (reopen->target->only_once) {
        warn_report("%s: a file that came with fd= cannot be opened again, "
                    "unplug the device", link->who);
        return;
    }
    qemu_coroutine_enter(qemu_coroutine_create(attempt, reopen));
}

/* A host that is lost as soon as it is back is not asked more often for it. */
void vfio_ccw_reopen_begin(VFIOCCWReopen *reopen)
{
    if (now_ms() - reopen->reopened_ms < MAX_DELAY_MS) {
        wait_longer(reopen);
    } else {
        reopen->delay_ms = FIRST_DELAY_MS;
    }
    g_hash_table_remove_all(reopen->warned);
    set_timer(reopen);
}

void vfio_ccw_reopen_stop(VFIOCCWReopen *reopen)
{
    reopen->stopped = true;
    timer_del(reopen->timer);
}

void vfio_ccw_reopen_init(VFIOCCWReopen *reopen, VFIOCCWLink *link,
                          const VFIOCCWTarget *target,
                          VFIOCCWReopened *reopened, void *opaque)
{
    *reopen = (VFIOCCWReopen) {
        .link = link,
        .target = target,
        .reopened = reopened,
        .opaque = opaque,
        .timer = timer_new_ms(QEMU_CLOCK_VIRTUAL, timer_cb, reopen),
        .warned = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .reopened_ms = -MAX_DELAY_MS,
    };
}

void vfio_ccw_reopen_destroy(VFIOCCWReopen *reopen)
{
    timer_free(reopen->timer);
    g_hash_table_destroy(reopen->warned);
}
