/*
 * Simulation of vfio-ccw: what the link takes from QEMU
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The timer and the eventfds' handlers are called by the simulation. These
 * definitions come before those of QEMU's libraries.
 */

#include "qemu/osdep.h"
#include <poll.h>
#include <sys/uio.h>
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "monitor/monitor.h"
#include "vfio-ccw-sim.h"

void qemu_cond_wait_bql(QemuCond *cond)
{
    if (!sim_step_outside_guest()) {
        sim_fail("a job is awaited that never ends");
    }
}

/* The jobs' coroutines need to know only that they all are in one place. */
AioContext *qemu_get_current_aio_context(void)
{
    return NULL;
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

/* The link reads eventfds so, where the kernel lets it. */
ssize_t preadv2(int fd, const struct iovec *iov, int iovcnt, off_t offset,
                int flags)
{
    if (sim.profile.old_kernel) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return readv(fd, iov, iovcnt);
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
