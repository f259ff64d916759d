/*
 * Simulation of vfio-ccw: what the link takes from QEMU
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Workers are contexts of this thread that run when the simulation says so and
 * stop wherever a real one may be overtaken: before and after each access to
 * the host, and before they hand over their result. The timer and the eventfds'
 * handlers are called by the simulation too. These definitions come before
 * those of QEMU's libraries.
 */

#include "qemu/osdep.h"
#include <poll.h>
#include <ucontext.h>
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "monitor/monitor.h"
#include "hw/vfio/ccw-worker.h"
#include "vfio-ccw-sim.h"

#define STACK_SIZE (64 * 1024)

/*
 * Workers
 */

typedef struct Worker {
    ucontext_t context;
    char stack[STACK_SIZE];
    VFIOCCWWork *work;
    VFIOCCWWork *done;
    void *opaque;
    bool worked;
    const bool *awaited;
} Worker;

static GQueue workers = G_QUEUE_INIT;
static GQueue unused = G_QUEUE_INIT;
static Worker *current;
static ucontext_t simulation;

static void run_work(void)
{
    current->work(current->opaque);
    current->worked = true;
}

void vfio_ccw_worker_submit(VFIOCCWWork *work, VFIOCCWWork *done, void *opaque)
{
    Worker *worker = g_queue_pop_head(&unused) ?: g_new0(Worker, 1);

    if (sim.link.given_up) {
        sim_fail("the host is asked although it was given up");
    }
    worker->work = work;
    worker->done = done;
    worker->opaque = opaque;
    worker->worked = false;
    worker->awaited = NULL;
    getcontext(&worker->context);
    worker->context.uc_stack.ss_sp = worker->stack;
    worker->context.uc_stack.ss_size = sizeof(worker->stack);
    worker->context.uc_link = &simulation;
    makecontext(&worker->context, run_work, 0);
    g_queue_push_tail(&workers, worker);
}

static bool runnable(const Worker *worker)
{
    return !worker->awaited || *worker->awaited || sim.link_lost;
}

unsigned sim_nr_workers(void)
{
    return g_queue_get_length(&workers);
}

unsigned sim_nr_runnable_workers(void)
{
    unsigned n = 0;

    for (GList *l = workers.head; l; l = l->next) {
        n += runnable(l->data);
    }
    return n;
}

/* Runs the @n-th worker that can run, up to where it pauses. */
void sim_run_worker(unsigned n)
{
    GList *l = workers.head;

    while (!runnable(l->data) || n--) {
        l = l->next;
    }
    current = l->data;
    if (current->worked) {
        Worker *worker = g_steal_pointer(&current);

        g_queue_delete_link(&workers, l);
        g_queue_push_tail(&unused, worker);
        worker->done(worker->opaque);
        return;
    }
    swapcontext(&simulation, &current->context);
    current = NULL;
}

bool sim_in_worker(void)
{
    return current;
}

void sim_worker_pause(const bool *flag)
{
    current->awaited = flag;
    swapcontext(&current->context, &simulation);
    current->awaited = NULL;
}

void qemu_cond_wait_bql(QemuCond *cond)
{
    if (!sim_step_outside_guest()) {
        sim_fail("a worker is awaited that never returns");
    }
}

/*
 * Eventfds
 */

static struct {
    int fd;
    IOHandler *handler;
    void *opaque;
} handlers[VFIO_CCW_NUM_IRQS];

void qemu_set_fd_handler(int fd, IOHandler *fd_read, IOHandler *fd_write,
                         void *opaque)
{
    for (int i = 0; i < VFIO_CCW_NUM_IRQS; i++) {
        if (fd == event_notifier_get_fd(&sim.link.irq[i])) {
            handlers[i].fd = fd;
            handlers[i].handler = fd_read;
            handlers[i].opaque = opaque;
            return;
        }
    }
    sim_fail("an fd of somebody else");
}

bool sim_eventfd_ready(unsigned index)
{
    struct pollfd pollfd = { .fd = handlers[index].fd, .events = POLLIN };

    return handlers[index].handler && poll(&pollfd, 1, 0) == 1;
}

void sim_eventfd_handle(unsigned index)
{
    handlers[index].handler(handlers[index].opaque);
}

/*
 * Time: it passes when a timer is fired.
 */

static QEMUTimer *timer;
static int64_t now;

int64_t qemu_clock_get_ns(QEMUClockType type)
{
    return now;
}

void timer_init_full(QEMUTimer *ts, QEMUTimerListGroup *group,
                     QEMUClockType type, int scale, int attributes,
                     QEMUTimerCB *cb, void *opaque)
{
    *ts = (QEMUTimer) {
        .expire_time = -1,
        .scale = scale,
        .cb = cb,
        .opaque = opaque,
    };
    timer = ts;
}

void timer_mod(QEMUTimer *ts, int64_t expire_time)
{
    ts->expire_time = expire_time * ts->scale;
}

void timer_del(QEMUTimer *ts)
{
    ts->expire_time = -1;
}

bool timer_pending(const QEMUTimer *ts)
{
    return ts->expire_time >= 0;
}

void sim_timer_fire(void)
{
    now = MAX(now, timer->expire_time);
    timer_del(timer);
    timer->cb(timer->opaque);
}

/*
 * Information on the device, and what is said of it
 */

static struct {
    struct vfio_region_info info;
    struct vfio_region_info_cap_type type;
} regions[VFIO_CCW_HOST_NR_REGIONS];

int vfio_device_get_region_info(VFIODevice *vdev, int index,
                                struct vfio_region_info **info)
{
    if (!sim_host_region_info(index, &regions[index].info,
                              &regions[index].type)) {
        return -EINVAL;
    }
    *info = &regions[index].info;
    return 0;
}

int vfio_device_get_region_info_type(VFIODevice *vdev, uint32_t type,
                                     uint32_t subtype,
                                     struct vfio_region_info **info)
{
    for (int i = 0; i < vdev->num_initial_regions; i++) {
        struct vfio_region_info_cap_type *cap = &regions[i].type;

        vfio_device_get_region_info(vdev, i, info);
        if (cap->type == type && cap->subtype == subtype) {
            return 0;
        }
    }
    return -ENODEV;
}

int vfio_device_get_irq_info(VFIODevice *vdev, int index,
                             struct vfio_irq_info *info)
{
    *info = (struct vfio_irq_info) { .argsz = sizeof(*info), .index = index };
    return host_driver_get_irq_info(&sim.driver, info);
}

bool vfio_device_irq_set_signaling(VFIODevice *vdev, int index, int subindex,
                                   int action, int fd, Error **errp)
{
    struct vfio_irq_set irq = {
        .argsz = sizeof(irq) + sizeof(int32_t),
        .flags = VFIO_IRQ_SET_DATA_EVENTFD | action,
        .index = index,
        .count = 1,
    };

    return host_driver_set_irqs(&sim.driver, &irq, dup(fd)) == 0;
}

int error_vprintf(const char *fmt, va_list ap)
{
    g_autofree char *text = g_strchomp(g_strdup_vprintf(fmt, ap));

    sim_log("QEMU says: %s", text);
    return 0;
}

int error_vprintf_unless_qmp(const char *fmt, va_list ap)
{
    return error_vprintf(fmt, ap);
}
