/*
 * Unit test of how vfio-ccw waits for Linux's driver: the threads that do, and
 * what they ask
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The BQL is a mutex of the test's. work(), what notices the end of a thread,
 * and what stands for the kernel run in the workers, everything else in the
 * test's thread, but for the rest of a coroutine, which is what is tested.
 */

#include "qemu/osdep.h"
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include "qapi/error.h"
#include "qemu/main-loop.h"
#include "qemu/notify.h"
#include "hw/vfio/ccw-link.h"
#include "hw/vfio/ccw-worker.h"
#include "hw/vfio/vfio-container.h"
#include "system/address-spaces.h"

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

/*
 * The kernel, and QEMU's own ways to it
 */

#define REGION 3
#define OFFSET 8
#define SIZE 16
#define FD 12345

AddressSpace address_space_memory;

static char data[SIZE];
static int kernel_ret;      /* of the system call, -errno if it fails */
static int asked;
static bool attachable;
static unsigned attached, named;
static unsigned eventfds;   /* the kernel has: bit 1u << index */
static VFIOContainer container;

bool vfio_device_get_name(VFIODevice *vdev, Error **errp)
{
    named++;
    if (!attachable) {
        error_setg(errp, "no name");
    }
    return attachable;
}

void vfio_device_free_name(VFIODevice *vdev)
{
    named--;
}

bool vfio_device_attach(char *name, VFIODevice *vdev, AddressSpace *as,
                        Error **errp)
{
    g_assert_cmpstr(name, ==, "mdev");
    g_assert_true(as == &address_space_memory);
    if (!attachable) {
        error_setg(errp, "no device");
        return false;
    }
    vdev->bcontainer = &container;
    vdev->num_irqs = VFIO_CCW_NUM_IRQS;
    attached++;
    return true;
}

void vfio_device_detach(VFIODevice *vdev)
{
    vdev->bcontainer = NULL;
    attached--;
}

bool vfio_device_irq_set_signaling(VFIODevice *vdev, int index, int subindex,
                                   int action, int fd, Error **errp)
{
    g_assert_nonnull(vdev->bcontainer);
    g_assert_cmpint(subindex, ==, 0);
    g_assert_cmpint(action, ==, VFIO_IRQ_SET_ACTION_TRIGGER);
    g_assert_cmpint(fd, ==, -1);
    eventfds &= ~(1u << index);
    return true;
}

int ioctl(int fd, unsigned long request, ...)
{
    g_assert_false(bql_locked());
    g_assert_cmpint(fd, ==, FD);
    g_assert_cmphex(request, ==, VFIO_DEVICE_RESET);
    asked++;
    errno = -MIN(kernel_ret, 0);
    return kernel_ret < 0 ? -1 : 0;
}

static int region_read(VFIODevice *vdev, uint8_t region, off_t offset,
                       uint32_t size, void *to)
{
    g_assert_false(bql_locked());
    g_assert_cmpint(region, ==, REGION);
    g_assert_cmpint(offset, ==, OFFSET);
    g_assert_cmpint(size, ==, SIZE);
    g_assert_true(to == data);
    asked++;
    return kernel_ret;
}

static int region_write(VFIODevice *vdev, uint8_t region, off_t offset,
                        uint32_t size, void *from, bool post)
{
    g_assert_false(post);
    g_assert_cmpint(offset, ==, 0);
    return region_read(vdev, region, OFFSET, size, from);
}

static VFIODeviceIOOps io_ops = {
    .region_read = region_read,
    .region_write = region_write,
};
static VFIODevice vdev = { .fd = FD, .io_ops = &io_ops };
static VFIOCCWLink host = {
    .vdev = &vdev,
    .transport = &vfio_ccw_transport_kernel,
};

static int coroutine_fn ask_read(void)
{
    return host.transport->read(&host, REGION, OFFSET, data, SIZE);
}

static int coroutine_fn ask_write(void)
{
    return host.transport->write(&host, REGION, data, SIZE);
}

static int coroutine_fn ask_reset(void)
{
    return host.transport->reset(&host);
}

typedef struct Question {
    const char *name;
    int coroutine_fn (*ask)(void);
    int kernel_ret;
    int ret;
} Question;

static const Question questions[] = {
    { "read", ask_read, SIZE, 0 },
    { "read-in-part", ask_read, SIZE - 1, -ESHUTDOWN },
    { "read-nothing", ask_read, 0, -ESHUTDOWN },
    { "read-in-vain", ask_read, -EIO, -EIO },
    { "write", ask_write, SIZE, 0 },
    { "write-in-part", ask_write, SIZE - 1, -ESHUTDOWN },
    { "write-nothing", ask_write, 0, -ESHUTDOWN },
    { "write-in-vain", ask_write, -EAGAIN, -EAGAIN },
    { "reset", ask_reset, 0, 0 },
    { "reset-in-vain", ask_reset, -ENODEV, -ENODEV },
};

static void coroutine_fn question_co(void *opaque)
{
    const Question *question = opaque;

    g_assert_cmpint(question->ask(), ==, question->ret);
    qemu_sem_post(&done);
}

static void test_question(const void *opaque)
{
    const Question *question = opaque;

    asked = 0;
    kernel_ret = question->kernel_ret;
    bql_lock();
    qemu_coroutine_enter(qemu_coroutine_create(question_co, (void *)question));
    bql_unlock();
    qemu_sem_wait(&done);
    g_assert_cmpint(asked, ==, 1);
}

static void test_device_that_can_be_attached(void)
{
    const VFIOCCWTransport *transport = host.transport;
    VFIOCCWTarget target = { .mdev = (char *)"mdev" };

    attachable = true;
    vdev.fd = FD;
    g_assert_cmpint(transport->connect(&host, &target, &error_abort), ==, 0);
    g_assert_true(transport->negotiate(&host, &error_abort));
    g_assert_true(transport->attach(&host, &target, true, &error_abort));
    g_assert_cmpint(vdev.fd, ==, FD);
    g_assert_cmpuint(attached, ==, 1);
    g_assert_cmpuint(named, ==, 1);
    eventfds = (1u << VFIO_CCW_NUM_IRQS) - 1;
    transport->detach(&host);
    g_assert_cmphex(eventfds, ==, 0);
    g_assert_cmpint(vdev.fd, ==, -1);
    g_assert_cmpuint(attached, ==, 0);
    g_assert_cmpuint(named, ==, 0);
}

/* What has been closed is not to be closed once more, when QEMU gives up. */
static void test_device_that_cannot_be_attached(void)
{
    VFIOCCWTarget target = { .mdev = (char *)"mdev" };
    Error *err = NULL;

    attachable = false;
    vdev.fd = FD;
    g_assert_false(host.transport->attach(&host, &target, true, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, "no device");
    error_free(err);
    err = NULL;
    g_assert_cmpint(vdev.fd, ==, -1);
    g_assert_cmpint(host.transport->connect(&host, &target, &err), ==, -ENOENT);
    g_assert_cmpstr(error_get_pretty(err), ==, "no name");
    error_free(err);
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
    for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
        g_autofree char *path = g_strdup_printf("/vfio-ccw/kernel/%s",
                                                questions[i].name);

        g_test_add_data_func(path, &questions[i], test_question);
    }
    g_test_add_func("/vfio-ccw/kernel/attached",
                    test_device_that_can_be_attached);
    g_test_add_func("/vfio-ccw/kernel/not-attached",
                    test_device_that_cannot_be_attached);
    return g_test_run();
}
