/*
 * vfio-ccw: the way to a host that is Linux's vfio_ccw driver
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * By a group, iommufd, or a file that somebody else has opened. Called by
 * hw/vfio/ccw.c, ccw-link.c and ccw-reopen.c, with the BQL held. What is asked
 * of the driver blocks until it has an answer, so a worker does that, without
 * the BQL.
 */

#include "qemu/osdep.h"
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include "qemu/main-loop.h"
#include "hw/vfio/ccw-link.h"
#include "hw/vfio/ccw-worker.h"
#include "system/address-spaces.h"

static int kernel_connect(VFIOCCWLink *link, const VFIOCCWTarget *target,
                          Error **errp)
{
    return vfio_device_get_name(link->vdev, errp) ? 0 : -ENOENT;
}

static bool kernel_negotiate(VFIOCCWLink *link, Error **errp)
{
    return true;
}

static bool kernel_attach(VFIOCCWLink *link, const VFIOCCWTarget *target,
                          bool wait, Error **errp)
{
    if (!vfio_device_attach(target->mdev, link->vdev, &address_space_memory,
                            errp)) {
        link->vdev->fd = -1; /* closed, as a success would be later */
        return false;
    }
    return true;
}

/* Linux's driver has them until it is told, also when its device is closed. */
static void drop_eventfds(VFIODevice *vdev)
{
    for (int i = 0; i < MIN(vdev->num_irqs, VFIO_CCW_NUM_IRQS); i++) {
        vfio_device_irq_set_signaling(vdev, i, 0, VFIO_IRQ_SET_ACTION_TRIGGER,
                                      -1, NULL);
    }
}

static void kernel_detach(VFIOCCWLink *link)
{
    if (link->vdev->bcontainer) {
        drop_eventfds(link->vdev);
    }
    vfio_device_detach(link->vdev);
    vfio_device_free_name(link->vdev);
    link->vdev->fd = -1;
}

typedef struct KernelAccess {
    VFIODevice *vdev;
    int region;
    off_t offset;
    void *data;
    uint32_t size;
    int ret;
} KernelAccess;

static void kernel_read_work(void *opaque)
{
    KernelAccess *access = opaque;
    VFIODevice *vdev = access->vdev;

    access->ret = vdev->io_ops->region_read(vdev, access->region,
                                            access->offset, access->size,
                                            access->data);
}

static void kernel_write_work(void *opaque)
{
    KernelAccess *access = opaque;
    VFIODevice *vdev = access->vdev;

    access->ret = vdev->io_ops->region_write(vdev, access->region,
                                             access->offset, access->size,
                                             access->data, false);
}

static void kernel_reset_work(void *opaque)
{
    KernelAccess *access = opaque;

    access->ret = ioctl(access->vdev->fd, VFIO_DEVICE_RESET) ? -errno : 0;
}

static int coroutine_fn kernel_access(VFIOCCWWork *work, KernelAccess *access)
{
    vfio_ccw_worker_run(work, access);
    if (access->ret < 0) {
        return access->ret;
    }
    return access->ret == access->size ? 0 : -ESHUTDOWN;
}

static int coroutine_fn kernel_read(VFIOCCWLink *link, int region, off_t offset,
                                    void *data, uint32_t size)
{
    KernelAccess access = {
        .vdev = link->vdev,
        .region = region,
        .offset = offset,
        .data = data,
        .size = size,
    };

    return kernel_access(kernel_read_work, &access);
}

static int coroutine_fn kernel_write(VFIOCCWLink *link, int region,
                                     const void *data, uint32_t size)
{
    KernelAccess access = {
        .vdev = link->vdev,
        .region = region,
        .data = (void *)data,
        .size = size,
    };

    return kernel_access(kernel_write_work, &access);
}

static int coroutine_fn kernel_reset(VFIOCCWLink *link)
{
    KernelAccess access = { .vdev = link->vdev };

    return kernel_access(kernel_reset_work, &access);
}

static void kernel_watch(VFIOCCWLink *link, int fd, IOHandler *handler)
{
    qemu_set_fd_handler(fd, handler, NULL, link);
}

const VFIOCCWTransport vfio_ccw_transport_kernel = {
    .connect = kernel_connect,
    .negotiate = kernel_negotiate,
    .attach = kernel_attach,
    .detach = kernel_detach,
    .read = kernel_read,
    .write = kernel_write,
    .reset = kernel_reset,
    .watch = kernel_watch,
};
