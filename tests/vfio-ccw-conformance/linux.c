/*
 * The conformance script on Linux's own vfio_ccw driver
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The first and only process of a Linux s390x guest (an initramfs with
 * nothing but this as /init). It takes steps, a line each, from its virtio
 * serial port, carries them out on /dev/vfio, and answers with a line.
 * "diskN" is the device on subchannel 0.0.000N, which it takes from the
 * kernel's own driver when it is opened first.
 *
 * Cross-built against a libc and the kernel's headers alone, hence without
 * QEMU's osdep.h.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/utsname.h>
#include "player.h"

#define PORT "/dev/vport0p1"

/* The region's index is in the upper bits of the file offset */
#define OFFSET_SHIFT 10

typedef struct Linux {
    uint8_t *memory;
    unsigned disk;
    int container;
    int group;
    int device;
} Linux;

/*
 * The administrator's side: sysfs
 */

static int sysfs_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int ret;

    if (fd < 0) {
        return -errno;
    }
    ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
    close(fd);
    return ret;
}

static void subchannel_path(unsigned disk, const char *file, char *path)
{
    snprintf(path, PATH_MAX, "/sys/bus/css/devices/0.0.%04x/%s", disk, file);
}

static void mdev_name(unsigned disk, char *name)
{
    snprintf(name, 40, "00000000-0000-0000-0000-%012x", disk);
}

static int make_mdev(unsigned disk)
{
    char bus_id[16], name[40], path[PATH_MAX], driver[PATH_MAX] = "";
    int ret;

    snprintf(bus_id, sizeof(bus_id), "0.0.%04x", disk);
    mdev_name(disk, name);
    subchannel_path(disk, "driver", path);
    if (readlink(path, driver, sizeof(driver) - 1) > 0 &&
        strstr(driver, "vfio_ccw")) {
        return 0;
    }

    subchannel_path(disk, "driver_override", path);
    ret = sysfs_write(path, "vfio_ccw");
    subchannel_path(disk, "driver/unbind", path);
    ret = ret ?: sysfs_write(path, bus_id);
    ret = ret ?: sysfs_write("/sys/bus/css/drivers/vfio_ccw/bind", bus_id);
    subchannel_path(disk, "mdev_supported_types/vfio_ccw-io/create", path);
    return ret ?: sysfs_write(path, name);
}

static int mdev_group(const char *mdev)
{
    char path[PATH_MAX], link[PATH_MAX] = "", *number;

    snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/iommu_group", mdev);
    if (readlink(path, link, sizeof(link) - 1) < 0) {
        return -errno;
    }
    number = strrchr(link, '/');
    return number ? atoi(number + 1) : -ENOENT;
}

/* It comes back when the device file has been closed, so not to us */
static int linux_remove(void *opaque)
{
    Linux *l = opaque;
    char name[40], path[PATH_MAX];
    pid_t pid = fork();

    if (pid == 0) {
        mdev_name(l->disk, name);
        snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/remove", name);
        close(l->device);
        close(l->group);
        close(l->container);
        _exit(sysfs_write(path, "1") ? EXIT_FAILURE : EXIT_SUCCESS);
    }
    return pid < 0 ? -errno : 0;
}

static int linux_vary(void *opaque, bool on)
{
    Linux *l = opaque;
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "/sys/devices/css0/chp0.%02x/status",
             0x40 + l->disk);
    return sysfs_write(path, on ? "on" : "off");
}

/*
 * The user's side: /dev/vfio
 */

static void file_close(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

static void linux_close(void *opaque)
{
    Linux *l = opaque;

    file_close(&l->device);
    file_close(&l->group);
    file_close(&l->container);
}

static int open_group(Linux *l, int number)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "/dev/vfio/%d", number);
    l->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
    l->group = open(path, O_RDWR | O_CLOEXEC);
    if (l->container < 0 || l->group < 0 ||
        ioctl(l->group, VFIO_GROUP_SET_CONTAINER, &l->container) < 0 ||
        ioctl(l->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) < 0) {
        return -errno;
    }
    return 0;
}

static int linux_open(void *opaque, const char *device)
{
    Linux *l = opaque;
    char name[40];
    int ret;

    linux_close(l);
    if (sscanf(device, "disk%u", &l->disk) != 1) {
        return -ENOENT;
    }
    mdev_name(l->disk, name);
    ret = make_mdev(l->disk);
    ret = ret ?: mdev_group(name);
    if (ret >= 0) {
        ret = open_group(l, ret);
    }
    if (ret) {
        return ret;
    }
    l->device = ioctl(l->group, VFIO_GROUP_GET_DEVICE_FD, name);
    return l->device < 0 ? -errno : 0;
}

static int linux_read(void *opaque, unsigned region, unsigned pos, void *buf,
                      unsigned count)
{
    Linux *l = opaque;
    off_t offset = ((off_t)region << OFFSET_SHIFT) + pos;
    ssize_t ret = pread(l->device, buf, count, offset);

    return ret < 0 ? -errno : ret;
}

static int linux_write(void *opaque, unsigned region, unsigned pos,
                       const void *buf, unsigned count)
{
    Linux *l = opaque;
    off_t offset = ((off_t)region << OFFSET_SHIFT) + pos;
    ssize_t ret = pwrite(l->device, buf, count, offset);

    return ret < 0 ? -errno : ret;
}

static int linux_ioctl(void *opaque, unsigned long request, void *arg)
{
    Linux *l = opaque;
    int ret = ioctl(l->device, request, arg);

    return ret < 0 ? -errno : ret;
}

static int linux_map(void *opaque, uint64_t iova, uint64_t size, bool writable)
{
    Linux *l = opaque;
    struct vfio_iommu_type1_dma_map map = {
        .argsz = sizeof(map),
        .flags = VFIO_DMA_MAP_FLAG_READ |
                 (writable ? VFIO_DMA_MAP_FLAG_WRITE : 0),
        .vaddr = (uintptr_t)l->memory + iova,
        .iova = iova,
        .size = size,
    };

    return ioctl(l->container, VFIO_IOMMU_MAP_DMA, &map) < 0 ? -errno : 0;
}

static int linux_unmap(void *opaque, uint64_t iova, uint64_t size)
{
    Linux *l = opaque;
    struct vfio_iommu_type1_dma_unmap unmap = {
        .argsz = sizeof(unmap),
        .iova = iova,
        .size = size,
    };

    return ioctl(l->container, VFIO_IOMMU_UNMAP_DMA, &unmap) < 0 ? -errno : 0;
}

static const VfioPlayerOps linux_ops = {
    .open = linux_open,
    .close = linux_close,
    .read = linux_read,
    .write = linux_write,
    .ioctl = linux_ioctl,
    .map = linux_map,
    .unmap = linux_unmap,
    .vary = linux_vary,
    .remove = linux_remove,
};

/* Says which kernel this is, which is that it is ready, and goes on */
static bool serve(VfioPlayer *player, FILE *from, FILE *to)
{
    char step[512], result[VFIO_PLAYER_RESULT];
    struct utsname name;

    if (uname(&name) != 0) {
        return false;
    }
    fprintf(to, "%s\n", name.release);
    while (fflush(to) == 0 && fgets(step, sizeof(step), from)) {
        vfio_player_play(player, step, result);
        fprintf(to, "%s\n", result);
    }
    return true;
}

static bool run(void)
{
    Linux l = { .container = -1, .group = -1, .device = -1 };
    VfioPlayer player;
    FILE *from, *to;
    int port;

    if (mount("none", "/proc", "proc", 0, NULL) != 0 ||
        mount("none", "/sys", "sysfs", 0, NULL) != 0 ||
        mount("none", "/dev", "devtmpfs", 0, NULL) != 0) {
        perror("mount");
        return false;
    }
    /* An initramfs of one file has had no console up to now */
    if (!freopen("/dev/console", "w", stderr)) {
        return false;
    }
    /* It can be opened once only */
    port = open(PORT, O_RDWR | O_CLOEXEC);
    from = fdopen(port, "r");
    to = fdopen(dup(port), "w");
    l.memory = mmap(NULL, VFIO_PLAYER_MEMORY, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!from || !to || l.memory == MAP_FAILED ||
        !vfio_player_init(&player, &linux_ops, &l, l.memory)) {
        perror(PORT);
        return false;
    }
    return serve(&player, from, to);
}

int main(void)
{
    if (!run()) {
        fputs("vfio-ccw-conformance: failed\n", stderr);
    }
    return reboot(RB_POWER_OFF);
}
