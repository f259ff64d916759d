/*
 * vfio-ccw: the threads that wait for the host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A pool of glib's, for all devices. It has no limit of its own: the callers
 * have, since a device has at most one job of a lane under way (ccw-link.h).
 *
 * A worker takes the BQL itself to hand over its result: that is one thread
 * less to wake than a bottom half in the main loop.
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "hw/vfio/ccw-worker.h"

typedef struct Task {
    VFIOCCWWork *work;
    VFIOCCWWork *done;
    void *opaque;
} Task;

static void leave_rcu(gpointer unused)
{
    rcu_unregister_thread();
}

/* Device code, which may be an RCU reader, runs in .done. */
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
    g_autofree Task *task = data;

    join_rcu();
    task->work(task->opaque);
    bql_lock();
    task->done(task->opaque);
    bql_unlock();
}

void vfio_ccw_worker_submit(VFIOCCWWork *work, VFIOCCWWork *done,
                            void *opaque)
{
    static GThreadPool *pool;
    Task *task = g_new(Task, 1);

    assert(bql_locked());
    if (!pool) {
        pool = g_thread_pool_new(run, NULL, -1, false, NULL);
    }
    *task = (Task) { .work = work, .done = done, .opaque = opaque };
    g_thread_pool_push(pool, task, NULL);
}
