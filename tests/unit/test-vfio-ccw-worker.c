/*
 * Unit test of the threads that wait for vfio-ccw's host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The BQL is a mutex of the test's. work() and what notices the end of a thread
 * run in the workers, everything else in the test's thread, but for the rest of
 * a coroutine, which is what is tested.
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/notify.h"
#include "hw/vfio/ccw-worker.h"

/* More at once than ever wait for work */
#define NR_ENDING 5
#define NR_JOBS (VFIO_CCW_WORKERS_WAITING + NR_ENDING)

typedef struct Job {
    Notifier at_thread_end;
    QemuThread thread;
} Job;

static QemuMutex bql;
static __thread bool have_bql;
static __thread bool known;
static unsigned threads;    /* that have had work */
static QemuSemaphore begun, go, done, ended;

bool bql_locked(void)
{
    return have_bql;
}

void bql_lock_impl(const char *file, int line)
{
    qemu_mutex_lock(&bql);
    have_bql = true;
}

void bql_unlock(void)
{
    have_bql = false;
    qemu_mutex_unlock(&bql);
}

bool mutex_is_bql(QemuMutex *mutex)
{
    return mutex == &bql;
}

void bql_update_status(bool locked)
{
    have_bql = locked;
}

static void wait_times(QemuSemaphore *sem, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        qemu_sem_wait(sem);
    }
}

static void notice_end(Notifier *notifier, void *unused)
{
    qemu_sem_post(&ended);
}

static void work(void *opaque)
{
    Job *job = opaque;

    g_assert_false(bql_locked());
    qemu_thread_get_self(&job->thread);
    if (!known) {
        known = true;
        qatomic_inc(&threads);
        job->at_thread_end.notify = notice_end;
        qemu_thread_atexit_add(&job->at_thread_end);
    }
    qemu_sem_post(&begun);
    qemu_sem_wait(&go);
}

static void coroutine_fn job_co(void *opaque)
{
    Job *job = opaque;

    vfio_ccw_worker_run(work, job);
    g_assert_true(bql_locked());
    g_assert_true(qemu_thread_is_self(&job->thread));
    qemu_sem_post(&done);
}

static void begin(Job *job)
{
    bql_lock();
    qemu_coroutine_enter(qemu_coroutine_create(job_co, job));
    bql_unlock();
}

static void let_go_on(unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        qemu_sem_post(&go);
    }
    wait_times(&done, nr);
}

/* All of them are under way at once. */
static void have_done(Job *jobs, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        begin(&jobs[i]);
    }
    wait_times(&begun, nr);
    let_go_on(nr);
}

/*
 * Then there are more threads than needed, and those that end do it as threads
 * of QEMU's do. Whether they leave coroutines behind is what the address
 * sanitizer looks for. When the last of them looked, all others waited: so they
 * have the next jobs, and go on to wait for more.
 */
static void test_as_many_as_needed(void)
{
    static Job first[NR_JOBS], next[VFIO_CCW_WORKERS_WAITING], last[NR_JOBS];

    have_done(first, NR_JOBS);
    wait_times(&ended, NR_ENDING);
    g_assert_cmpuint(qatomic_read(&threads), ==, NR_JOBS);
    have_done(next, VFIO_CCW_WORKERS_WAITING);
    g_assert_cmpuint(qatomic_read(&threads), ==, NR_JOBS);
    have_done(last, NR_JOBS);
    wait_times(&ended, NR_ENDING);
}

int main(int argc, char **argv)
{
    qemu_mutex_init(&bql);
    qemu_sem_init(&begun, 0);
    qemu_sem_init(&go, 0);
    qemu_sem_init(&done, 0);
    qemu_sem_init(&ended, 0);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vfio-ccw/worker/as-many-as-needed",
                    test_as_many_as_needed);
    return g_test_run();
}
