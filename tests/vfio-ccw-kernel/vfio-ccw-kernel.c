/*
 * Linux's vfio_ccw driver for a QEMU under test, at the system-call boundary
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Loaded into QEMU by LD_PRELOAD.  It takes the place of the C library's
 * open(), ioctl(), pread(), pwrite(), close() and fopen() for what belongs to
 * VFIO, so that sysfsdev= and fd= work on any machine: /dev/vfio/N,
 * /dev/vfio/vfio, /dev/iommu, /dev/vfio/devices/vfioN and the attributes of a
 * subchannel.  The environment's VFIO_CCW_KERNEL is a directory of the test's:
 *
 *   N                          the socket of the emulated host driver
 *                              (tests/vfio-ccw-host) that is group or device N
 *   css/0.0.XXXX/ATTRIBUTE     what sysfs has of a subchannel
 *   css/chp0.XX/ATTRIBUTE      and of a channel path
 *
 * Every access goes to that driver as a vfio-user message, and the thread waits
 * for the answer, as it does in a system call: the test's one driver model
 * decides what happens, whichever way QEMU reaches it.  All mappings of memory
 * are one address space.
 */

#include "qemu/osdep.h"
#include <dlfcn.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include "client.h"
#include "hw/vfio-user/protocol.h"

/* Linux: VFIO_CCW_OFFSET_SHIFT */
#define REGION_SHIFT 10

static const char *const css_directories[] = {
    "/sys/bus/css/devices/",
    "/sys/devices/css0/",
};

typedef enum Kind {
    KIND_CONTAINER,
    KIND_GROUP,
    KIND_IOMMUFD,
    KIND_DEVICE,
} Kind;

/* An open file, which lives as long as a call that uses it */
typedef struct File {
    Kind kind;
    unsigned number;            /* of the group or device */
    bool has_container;
    KernelClient *client;       /* of an open device */
} File;

typedef struct Mapping {
    uint64_t iova;
    uint64_t size;
    uint8_t *host;
    bool writable;
} Mapping;

static GMutex files_lock;
static GHashTable *files;       /* of the file descriptor: File */

/* Opening devices, mapping and unmapping happen one after the other. */
static GMutex attach_lock;
static GPtrArray *clients;

/* Taken last, by the threads that carry out the drivers' accesses as well */
static GMutex mappings_lock;
static GArray *mappings;

#define NEXT(name) ({                                                \
    static typeof(name) *next;                                       \
    if (!next) {                                                     \
        next = (typeof(next))dlsym(RTLD_NEXT, #name "64") ?:          \
               (typeof(next))dlsym(RTLD_NEXT, #name);                \
    }                                                                \
    next;                                                            \
})

static char *test_path(const char *name)
{
    return g_build_filename(g_getenv("VFIO_CCW_KERNEL"), name, NULL);
}

static int fail(int err)
{
    errno = err;
    return -1;
}

/*
 * Memory
 */

static Mapping *find_mapping(uint64_t iova, uint64_t len)
{
    for (guint i = 0; mappings && i < mappings->len; i++) {
        Mapping *mapping = &g_array_index(mappings, Mapping, i);

        if (iova >= mapping->iova &&
            iova - mapping->iova < mapping->size &&
            len <= mapping->size - (iova - mapping->iova)) {
            return mapping;
        }
    }
    return NULL;
}

static int access_memory(bool write, uint64_t iova, void *data, size_t len)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&mappings_lock);
    Mapping *mapping = find_mapping(iova, len);
    void *host;

    if (!mapping || (write && !mapping->writable)) {
        return -EFAULT;
    }
    host = mapping->host + (iova - mapping->iova);
    if (write) {
        memcpy(host, data, len);
    } else {
        memcpy(data, host, len);
    }
    return 0;
}

static void tell_mapping(KernelClient *client, const Mapping *mapping)
{
    VFIOUserDMAMap map = {
        .argsz = sizeof(map) - sizeof(map.hdr),
        .flags = VFIO_DMA_MAP_FLAG_READ |
                 (mapping->writable ? VFIO_DMA_MAP_FLAG_WRITE : 0),
        .iova = mapping->iova,
        .size = mapping->size,
    };

    kernel_client_call(client, VFIO_USER_DMA_MAP, &map.argsz, map.argsz, -1,
                       NULL, 0);
}

static int map_memory(uint64_t iova, uint64_t size, uint64_t host,
                      bool writable)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&attach_lock);
    Mapping mapping = { iova, size, (void *)(uintptr_t)host, writable };

    g_mutex_lock(&mappings_lock);
    if (!mappings) {
        mappings = g_array_new(false, false, sizeof(Mapping));
    }
    g_array_append_val(mappings, mapping);
    g_mutex_unlock(&mappings_lock);
    for (guint i = 0; clients && i < clients->len; i++) {
        tell_mapping(clients->pdata[i], &mapping);
    }
    return 0;
}

/* A driver has to end what it does there before the memory goes. */
static int unmap_memory(uint64_t iova, uint64_t *size)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&attach_lock);
    VFIOUserDMAUnmap unmap = {
        .argsz = sizeof(unmap) - sizeof(unmap.hdr),
        .iova = iova,
        .size = *size,
    };

    for (guint i = 0; clients && i < clients->len; i++) {
        kernel_client_call(clients->pdata[i], VFIO_USER_DMA_UNMAP,
                           &unmap.argsz, unmap.argsz, -1, NULL, 0);
    }
    g_mutex_lock(&mappings_lock);
    *size = 0;
    for (guint i = mappings ? mappings->len : 0; i-- > 0;) {
        Mapping *mapping = &g_array_index(mappings, Mapping, i);

        if (mapping->iova >= iova && mapping->iova - iova < unmap.size) {
            *size += mapping->size;
            g_array_remove_index_fast(mappings, i);
        }
    }
    g_mutex_unlock(&mappings_lock);
    return 0;
}

/*
 * Files
 */

static void file_release(void *opaque)
{
    File *file = opaque;

    if (file->client) {
        g_mutex_lock(&attach_lock);
        g_ptr_array_remove(clients, file->client);
        g_mutex_unlock(&attach_lock);
        kernel_client_free(file->client);
    }
}

static void file_unref(File *file)
{
    g_atomic_rc_box_release_full(file, file_release);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(File, file_unref)

/* A reference, or NULL if the descriptor is none of VFIO's */
static File *file_ref(int fd)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&files_lock);
    File *file = files ? g_hash_table_lookup(files, GINT_TO_POINTER(fd))
                       : NULL;

    return file ? g_atomic_rc_box_acquire(file) : NULL;
}

/* VFIO's files are character devices, and QEMU looks whether they are. */
static int file_open(Kind kind, unsigned number, File **filep)
{
    File *file = g_atomic_rc_box_new0(File);
    int fd = NEXT(open)("/dev/null", O_RDWR | O_CLOEXEC);

    file->kind = kind;
    file->number = number;
    g_mutex_lock(&files_lock);
    if (!files) {
        files = g_hash_table_new_full(NULL, NULL, NULL,
                                      (GDestroyNotify)file_unref);
    }
    g_hash_table_insert(files, GINT_TO_POINTER(fd), file);
    g_mutex_unlock(&files_lock);
    if (filep) {
        *filep = file;
    }
    return fd;
}

static bool is_there(unsigned number)
{
    g_autofree char *name = g_strdup_printf("%u", number);
    g_autofree char *path = test_path(name);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

/* Is @path one of VFIO's?  Then *fdp is the open file, or -1 with errno. */
static bool open_vfio(const char *path, int *fdp)
{
    unsigned number;
    Kind kind;

    if (!strcmp(path, "/dev/vfio/vfio")) {
        *fdp = file_open(KIND_CONTAINER, 0, NULL);
        return true;
    }
    if (!strcmp(path, "/dev/iommu")) {
        *fdp = file_open(KIND_IOMMUFD, 0, NULL);
        return true;
    }
    if (sscanf(path, "/dev/vfio/devices/vfio%u", &number) == 1) {
        kind = KIND_DEVICE;
    } else if (sscanf(path, "/dev/vfio/%u", &number) == 1) {
        kind = KIND_GROUP;
    } else {
        return false;
    }
    *fdp = is_there(number) ? file_open(kind, number, NULL) : fail(ENOENT);
    return true;
}

static int open_device(File *file)
{
    g_autofree char *name = g_strdup_printf("%u", file->number);
    g_autofree char *path = test_path(name);
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&attach_lock);

    file->client = kernel_client_new(path, access_memory);
    if (!file->client) {
        return fail(ENODEV);
    }
    if (!clients) {
        clients = g_ptr_array_new();
    }
    g_ptr_array_add(clients, file->client);
    for (guint i = 0; mappings && i < mappings->len; i++) {
        tell_mapping(file->client, &g_array_index(mappings, Mapping, i));
    }
    return 0;
}

/*
 * ioctl()
 */

static int container_ioctl(File *file, unsigned long request, void *arg)
{
    struct vfio_iommu_type1_info *info = arg;
    struct vfio_iommu_type1_dma_map *map = arg;
    struct vfio_iommu_type1_dma_unmap *unmap = arg;
    uint64_t size;

    switch (request) {
    case VFIO_GET_API_VERSION:
        return VFIO_API_VERSION;
    case VFIO_CHECK_EXTENSION:
        return (uintptr_t)arg == VFIO_TYPE1v2_IOMMU;
    case VFIO_SET_IOMMU:
        return 0;
    case VFIO_IOMMU_GET_INFO:
        info->flags = VFIO_IOMMU_INFO_PGSIZES;
        info->iova_pgsizes = qemu_real_host_page_size();
        return 0;
    case VFIO_IOMMU_MAP_DMA:
        return map_memory(map->iova, map->size, map->vaddr,
                          map->flags & VFIO_DMA_MAP_FLAG_WRITE);
    case VFIO_IOMMU_UNMAP_DMA:
        size = unmap->size;
        unmap_memory(unmap->iova, &size);
        unmap->size = size;
        return 0;
    default:
        return fail(ENOTTY);
    }
}

static int group_ioctl(File *file, unsigned long request, void *arg)
{
    struct vfio_group_status *status = arg;
    File *device;
    int fd;

    switch (request) {
    case VFIO_GROUP_GET_STATUS:
        status->flags = VFIO_GROUP_FLAGS_VIABLE |
                        (file->has_container ? VFIO_GROUP_FLAGS_CONTAINER_SET
                                             : 0);
        return 0;
    case VFIO_GROUP_SET_CONTAINER:
        file->has_container = true;
        return 0;
    case VFIO_GROUP_UNSET_CONTAINER:
        file->has_container = false;
        return 0;
    case VFIO_GROUP_GET_DEVICE_FD:
        fd = file_open(KIND_DEVICE, file->number, &device);
        if (open_device(device)) {
            close(fd);
            return fail(ENODEV);
        }
        return fd;
    default:
        return fail(ENOTTY);
    }
}

static int iommufd_ioctl(File *file, unsigned long request, void *arg)
{
    struct iommu_ioas_alloc *alloc = arg;
    struct iommu_ioas_map *map = arg;
    struct iommu_ioas_unmap *unmap = arg;
    uint64_t size;

    switch (request) {
    case IOMMU_IOAS_ALLOC:
        alloc->out_ioas_id = 1;
        return 0;
    case IOMMU_DESTROY:
        return 0;
    case IOMMU_IOAS_MAP:
        return map_memory(map->iova, map->length, map->user_va,
                          map->flags & IOMMU_IOAS_MAP_WRITEABLE);
    case IOMMU_IOAS_UNMAP:
        size = unmap->length;
        unmap_memory(unmap->iova, &size);
        unmap->length = size;
        return 0;
    default:
        return fail(ENOTTY);
    }
}

/* An ioctl() whose structure is the message's body: 0 or -1 */
static int device_call(File *file, uint16_t command, const void *body,
                       size_t len, int fd, void *reply, size_t room)
{
    ssize_t ret = kernel_client_call(file->client, command, body, len, fd,
                                     reply, room);

    return ret < 0 ? fail(-ret) : 0;
}

static int get_device_info(File *file, struct vfio_device_info *info)
{
    VFIOUserDeviceInfo answer = {
        .argsz = sizeof(answer) - sizeof(answer.hdr),
    };
    size_t len = answer.argsz;

    if (device_call(file, VFIO_USER_DEVICE_GET_INFO, &answer.argsz, len, -1,
                    &answer.argsz, len)) {
        return -1;
    }
    info->flags = answer.flags;
    info->num_regions = answer.num_regions;
    info->num_irqs = answer.num_irqs;
    return 0;
}

static int get_region_info(File *file, struct vfio_region_info *info)
{
    if (device_call(file, VFIO_USER_DEVICE_GET_REGION_INFO, info,
                    sizeof(*info), -1, info, info->argsz)) {
        return -1;
    }
    info->offset = (uint64_t)info->index << REGION_SHIFT;
    return 0;
}

/* An eventfd goes beside the message, not in it. */
static int set_irqs(File *file, const struct vfio_irq_set *irq)
{
    struct vfio_irq_set body = *irq;
    int fd = -1;

    if (irq->flags & VFIO_IRQ_SET_DATA_EVENTFD) {
        memcpy(&fd, irq->data, sizeof(fd));
    }
    body.argsz = sizeof(body);
    return device_call(file, VFIO_USER_DEVICE_SET_IRQS, &body, sizeof(body),
                       fd, NULL, 0);
}

static int device_ioctl(File *file, unsigned long request, void *arg)
{
    struct vfio_device_bind_iommufd *bind = arg;
    struct vfio_irq_info *irq = arg;

    if (request == VFIO_DEVICE_BIND_IOMMUFD) {
        bind->out_devid = 1;
        return open_device(file);
    }
    if (!file->client) {
        return fail(EINVAL);
    }
    switch (request) {
    case VFIO_DEVICE_ATTACH_IOMMUFD_PT:
    case VFIO_DEVICE_DETACH_IOMMUFD_PT:
        return 0;
    case VFIO_DEVICE_GET_INFO:
        return get_device_info(file, arg);
    case VFIO_DEVICE_GET_REGION_INFO:
        return get_region_info(file, arg);
    case VFIO_DEVICE_GET_IRQ_INFO:
        return device_call(file, VFIO_USER_DEVICE_GET_IRQ_INFO, irq,
                           sizeof(*irq), -1, irq, sizeof(*irq));
    case VFIO_DEVICE_SET_IRQS:
        return set_irqs(file, arg);
    case VFIO_DEVICE_RESET:
        return device_call(file, VFIO_USER_DEVICE_RESET, NULL, 0, -1, NULL, 0);
    default:
        return fail(ENOTTY);
    }
}

/*
 * Regions
 */

static ssize_t access_region(File *file, uint16_t command, void *data,
                             size_t count, off_t pos)
{
    size_t fixed = sizeof(VFIOUserRegionRW) - sizeof(VFIOUserHdr);
    bool write = command == VFIO_USER_REGION_WRITE;
    g_autofree VFIOUserRegionRW *rw = g_malloc0(sizeof(*rw) + count);
    ssize_t ret;

    rw->offset = pos & ((1 << REGION_SHIFT) - 1);
    rw->region = pos >> REGION_SHIFT;
    rw->count = count;
    if (write) {
        memcpy(rw->data, data, count);
    }
    ret = kernel_client_call(file->client, command, &rw->offset,
                             fixed + (write ? count : 0), -1, &rw->offset,
                             fixed + count);
    if (ret < 0) {
        return fail(-ret);
    }
    if (!write) {
        memcpy(data, rw->data, MIN(count, rw->count));
    }
    return rw->count;
}

/*
 * What QEMU calls instead of the C library's
 */

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list arguments;
    int fd;

    if (open_vfio(path, &fd)) {
        return fd;
    }
    va_start(arguments, flags);
    if (flags & (O_CREAT | O_TMPFILE)) {
        mode = va_arg(arguments, int);
    }
    va_end(arguments);
    return NEXT(open)(path, flags, mode);
}

/* Where QEMU is built with _FORTIFY_SOURCE */
int fortified_open(const char *path, int flags) __asm__("__open64_2");
int fortified_open(const char *path, int flags)
{
    return open(path, flags);
}

FILE *fopen(const char *path, const char *mode)
{
    g_autofree char *css = test_path("css");

    for (int i = 0; i < ARRAY_SIZE(css_directories); i++) {
        if (g_str_has_prefix(path, css_directories[i])) {
            g_autofree char *redirected =
                g_build_filename(css, path + strlen(css_directories[i]), NULL);

            return NEXT(fopen)(redirected, mode);
        }
    }
    return NEXT(fopen)(path, mode);
}

int close(int fd)
{
    g_autoptr(File) file = NULL;

    g_mutex_lock(&files_lock);
    if (files) {
        g_hash_table_steal_extended(files, GINT_TO_POINTER(fd), NULL,
                                    (gpointer *)&file);
    }
    g_mutex_unlock(&files_lock);
    return NEXT(close)(fd);
}

int ioctl(int fd, unsigned long request, ...)
{
    g_autoptr(File) file = file_ref(fd);
    va_list arguments;
    void *arg;

    va_start(arguments, request);
    arg = va_arg(arguments, void *);
    va_end(arguments);
    if (!file) {
        return NEXT(ioctl)(fd, request, arg);
    }
    switch (file->kind) {
    case KIND_CONTAINER:
        return container_ioctl(file, request, arg);
    case KIND_GROUP:
        return group_ioctl(file, request, arg);
    case KIND_IOMMUFD:
        return iommufd_ioctl(file, request, arg);
    case KIND_DEVICE:
        return device_ioctl(file, request, arg);
    default:
        g_assert_not_reached();
    }
}

ssize_t pread(int fd, void *data, size_t count, off_t pos)
{
    g_autoptr(File) file = file_ref(fd);

    if (!file || !file->client) {
        return NEXT(pread)(fd, data, count, pos);
    }
    return access_region(file, VFIO_USER_REGION_READ, data, count, pos);
}

ssize_t fortified_pread(int fd, void *data, size_t count, off_t pos,
                        size_t room) __asm__("__pread64_chk");
ssize_t fortified_pread(int fd, void *data, size_t count, off_t pos,
                        size_t room)
{
    g_assert(count <= room);
    return pread(fd, data, count, pos);
}

ssize_t pwrite(int fd, const void *data, size_t count, off_t pos)
{
    g_autoptr(File) file = file_ref(fd);

    if (!file || !file->client) {
        return NEXT(pwrite)(fd, data, count, pos);
    }
    return access_region(file, VFIO_USER_REGION_WRITE, (void *)data, count,
                         pos);
}
