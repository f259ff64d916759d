/*
 * vfio-ccw: the threads that wait for the host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * As many as there are questions under way, for all devices: that is bounded by
 * the callers, since a device has at most one job of a lane under way
 * (ccw-link.h). One that has nothing to do ends if enough others wait for work.
 *
 * A worker takes the BQL itself and goes on with the coroutine that waits for
 * it: that is one thread less to wake than a bottom half in the main loop. The
 * coroutine may end there, and is kept by the thread for the next one. What a
 * thread keeps is freed with it if QEMU has made it; a thread of a pool of
 * glib's would lose it.
 */

#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "qemu/thread.h"
#include "hw/vfio/ccw-worker.h"

typedef struct Task {
    VFIOCCWWork *work;
    void *opaque;
    Coroutine *co;
} Task;

static QemuMutex lock;              /* protects the rest */
static QemuCond pushed;
static GQueue tasks = G_QUEUE_INIT;
static unsigned waiting;

static void __attribute__((constructor)) init(void)
{
    qemu_mutex_init(&lock);
    qemu_cond_init(&pushed);
}

/* Returns NULL if enough others wait for a task. */
static Task *next_task(void)
{
    QEMU_LOCK_GUARD(&lock);

    while (g_queue_is_empty(&tasks)) {
        if (waiting == VFIO_CCW_WORKERS_WAITING) {
            return NULL;
        }
        waiting++;
        qemu_cond_wait(&pushed, &lock);
        waiting--;
    }
    return g_queue_pop_head(&tasks);
}

/* Returns whether a worker waits for it. */
static bool push(Task *task)
{
    QEMU_LOCK_GUARD(&lock);

    g_queue_push_tail(&tasks, task);
    qemu_cond_signal(&pushed);
    return g_queue_get_length(&tasks) <= waiting;
}

static void run(Task *task)
{
    task->work(task->opaque);
    bql_lock();
    qemu_coroutine_enter(task->co);
    bql_unlock();
}

static void *worker_thread(void *unused)
{
    Task *task;

    /* Device code, which may be an RCU reader, runs in the coroutine. */
    rcu_register_thread();
    while ((task = next_task())) {
        run(task);
    }
    rcu_unregister_thread();
    return NULL;
}

void coroutine_fn vfio_ccw_worker_run(VFIOCCWWork *work, void *opaque)
{
    QemuThread thread;
    Task task = {
        .work = work,
        .opaque = opaque,
        .co = qemu_coroutine_self(),
    };

    assert(bql_locked());
    if (!push(&task)) {
        qemu_thread_create(&thread, "vfio-ccw", worker_thread, NULL,
                           QEMU_THREAD_DETACHED);
    }
    qemu_coroutine_yield();
}
