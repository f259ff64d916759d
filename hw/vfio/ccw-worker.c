/*
 * vfio-ccw: the threads that wait for the host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A pool of glib's, for all devices. It has no limit of its own: the callers
 * have, since a device has at most one job of a lane under way (ccw-link.h).
 *
 * A worker takes the BQL itself and goes on with the coroutine that waits for
 * it: that is one thread less to wake than a bottom half in the main loop.
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "qemu/tsan.h"
#include "hw/vfio/ccw-worker.h"

typedef struct Task {
    VFIOCCWWork *work;
    void *opaque;
    Coroutine *co;
} Task;

static void leave_rcu(gpointer unused)
{
    rcu_unregister_thread();
}

/* Device code, which may be an RCU reader, runs in the coroutine. */
static void join_rcu(void)
{
    static GPrivate joined = G_PRIVATE_INIT(leave_rcu);

    if (!g_private_get(&joined)) {
        rcu_register_thread();
        g_private_set(&joined, &joined);
    }
}

static void run(gpointer data, gpointer unused)
{
    Task *task = data;

    QEMU_TSAN_ANNOTATE_HAPPENS_AFTER(task);
    join_rcu();
    task->work(task->opaque);
    bql_lock();
    qemu_coroutine_enter(task->co);
    bql_unlock();
}

void coroutine_fn vfio_ccw_worker_run(VFIOCCWWork *work, void *opaque)
{
    static GThreadPool *pool;
    Task task = {
        .work = work,
        .opaque = opaque,
        .co = qemu_coroutine_self(),
    };

    assert(bql_locked());
    if (!pool) {
        pool = g_thread_pool_new(run, NULL, -1, false, NULL);
    }
    /* The pool's lock is glib's, of which the sanitizer does not know. */
    QEMU_TSAN_ANNOTATE_HAPPENS_BEFORE(&task);
    g_thread_pool_push(pool, &task, NULL);
    qemu_coroutine_yield();
}
