/*
 * The conformance script on the emulated vfio_ccw driver
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What Linux has as system calls are vfio-user requests here. Their errors
 * are those that came in the reply.
 */

#include "qemu/osdep.h"
#include <sys/mman.h>
#include "qapi/error.h"
#include "qemu/memfd.h"
#include "hw/vfio-user/protocol.h"
#include "tests/vfio-ccw-host/message.h"
#include "tests/vfio-ccw-host/sockets.h"
#include "emulated.h"

struct Emulated {
    VfioPlayer player;
    ConformanceDevices *devices;
    unsigned disk;
    QIOChannel *ioc;            /* NULL while nothing is open */
    int memory_fd;
    uint16_t next_id;
};

/* A request or a reply: a header, and what its command has behind it */
typedef struct Message {
    VFIOUserHdr hdr;
    uint8_t payload[4096];
} Message;

static bool send_message(Emulated *e, Message *message, size_t len, int fd)
{
    struct iovec iov = { message, sizeof(message->hdr) + len };

    message->hdr.id = e->next_id++;
    message->hdr.size = iov.iov_len;
    message->hdr.flags = VFIO_USER_REQUEST;
    return qio_channel_writev_full_all(e->ioc, &iov, 1, &fd, fd >= 0, 0,
                                       NULL) == 0;
}

static bool receive(Emulated *e, void *data, size_t len)
{
    return qio_channel_read_all(e->ioc, data, len, NULL) == 0;
}

/* @message is the request with @len of payload, then the reply */
static int request(Emulated *e, uint16_t command, Message *message,
                   size_t len, int fd)
{
    message->hdr.command = command;
    if (!e->ioc) {
        return -EBADF;
    }
    if (!send_message(e, message, len, fd) ||
        !receive(e, &message->hdr, sizeof(message->hdr)) ||
        message->hdr.size > sizeof(*message) ||
        !receive(e, message->payload,
                 message->hdr.size - sizeof(message->hdr))) {
        return -ENOTCONN;
    }
    return message->hdr.flags & VFIO_USER_ERROR
           ? -(int)message->hdr.error_reply : 0;
}

static void emulated_close(void *opaque)
{
    Emulated *e = opaque;

    object_unref(OBJECT(e->ioc));
    e->ioc = NULL;
}

static int emulated_open(void *opaque, const char *device)
{
    static const char caps[] = "{\"capabilities\":{}}";
    Message message = { 0 };
    Emulated *e = opaque;
    int ret;

    emulated_close(e);
    if (!conformance_devices_find(device, &e->disk)) {
        return -ENOENT;
    }
    e->ioc = host_connect(conformance_devices_socket(e->devices, e->disk),
                          NULL);
    if (!e->ioc) {
        return -ENODEV;
    }
    /* Version 0.0, then what the client can */
    memcpy(message.payload + 4, caps, sizeof(caps));
    ret = request(e, VFIO_USER_VERSION, &message, 4 + sizeof(caps), -1);
    if (ret) {
        emulated_close(e);
    }
    return ret;
}

static int emulated_read(void *opaque, unsigned region, unsigned pos,
                         void *buf, unsigned count)
{
    VFIOUserRegionRW rw = { .offset = pos, .region = region, .count = count };
    const size_t len = sizeof(rw) - sizeof(rw.hdr);
    Message message = { 0 };
    int ret;

    memcpy(message.payload, &rw.offset, len);
    ret = request(opaque, VFIO_USER_REGION_READ, &message, len, -1);
    if (ret) {
        return ret;
    }
    memcpy(&rw.offset, message.payload, len);
    memcpy(buf, message.payload + len, MIN(count, rw.count));
    return rw.count;
}

static int emulated_write(void *opaque, unsigned region, unsigned pos,
                          const void *buf, unsigned count)
{
    VFIOUserRegionRW rw = { .offset = pos, .region = region, .count = count };
    const size_t len = sizeof(rw) - sizeof(rw.hdr);
    Message message = { 0 };
    int ret;

    memcpy(message.payload, &rw.offset, len);
    memcpy(message.payload + len, buf, count);
    ret = request(opaque, VFIO_USER_REGION_WRITE, &message, len + count, -1);
    if (ret) {
        return ret;
    }
    memcpy(&rw.offset, message.payload, len);
    return rw.count;
}

/* The structure goes there and comes back, as long as the caller says */
static int exchange(Emulated *e, uint16_t command, void *arg, size_t room)
{
    Message message = { 0 };
    size_t len;
    int ret;

    memcpy(message.payload, arg, room);
    ret = request(e, command, &message, room, -1);
    len = message.hdr.size - sizeof(message.hdr);
    if (ret == 0) {
        memcpy(arg, message.payload, MIN(room, len));
    }
    return ret;
}

static int set_irqs(Emulated *e, const struct vfio_irq_set *irq)
{
    Message message = { 0 };
    size_t len = MAX(irq->argsz, sizeof(*irq));
    int32_t fd = -1;

    g_assert(len <= sizeof(*irq) + sizeof(fd));
    memcpy(message.payload, irq, len);
    if (irq->flags & VFIO_IRQ_SET_DATA_EVENTFD) {
        /* Goes beside the message instead of in it */
        memcpy(&fd, irq->data, sizeof(fd));
        len = MIN(len, sizeof(*irq));
        memcpy(message.payload, &(uint32_t) { MIN(irq->argsz, len) },
               sizeof(uint32_t));
    }
    return request(e, VFIO_USER_DEVICE_SET_IRQS, &message, len, fd);
}

static int emulated_ioctl(void *opaque, unsigned long number, void *arg)
{
    Message message = { 0 };

    switch (number) {
    case VFIO_DEVICE_GET_INFO:
        /* The kernel's structure has grown since; vfio-user's has not */
        return exchange(opaque, VFIO_USER_DEVICE_GET_INFO, arg,
                        sizeof(VFIOUserDeviceInfo) - sizeof(VFIOUserHdr));
    case VFIO_DEVICE_GET_REGION_INFO:
        return exchange(opaque, VFIO_USER_DEVICE_GET_REGION_INFO, arg,
                        sizeof(struct vfio_region_info) +
                        sizeof(struct vfio_region_info_cap_type));
    case VFIO_DEVICE_GET_IRQ_INFO:
        return exchange(opaque, VFIO_USER_DEVICE_GET_IRQ_INFO, arg,
                        sizeof(struct vfio_irq_info));
    case VFIO_DEVICE_SET_IRQS:
        return set_irqs(opaque, arg);
    case VFIO_DEVICE_FEATURE:
        return exchange(opaque, VFIO_USER_DEVICE_FEATURE, arg,
                        sizeof(struct vfio_device_feature) + 16);
    case VFIO_DEVICE_RESET:
        return request(opaque, VFIO_USER_DEVICE_RESET, &message, 0, -1);
    default:
        /* No command now, nor soon */
        return request(opaque, UINT16_MAX, &message, 0, -1);
    }
}

static int emulated_map(void *opaque, uint64_t iova, uint64_t size,
                        bool writable)
{
    Emulated *e = opaque;
    VFIOUserDMAMap map = {
        .flags = VFIO_DMA_MAP_FLAG_READ |
                 (writable ? VFIO_DMA_MAP_FLAG_WRITE : 0),
        .offset = iova,
        .iova = iova,
        .size = size,
    };
    Message message = { 0 };

    map.argsz = sizeof(map) - sizeof(map.hdr);
    memcpy(message.payload, &map.argsz, map.argsz);
    return request(e, VFIO_USER_DMA_MAP, &message, map.argsz, e->memory_fd);
}

static int emulated_unmap(void *opaque, uint64_t iova, uint64_t size)
{
    VFIOUserDMAUnmap unmap = { .iova = iova, .size = size };
    Message message = { 0 };

    unmap.argsz = sizeof(unmap) - sizeof(unmap.hdr);
    memcpy(message.payload, &unmap.argsz, unmap.argsz);
    return request(opaque, VFIO_USER_DMA_UNMAP, &message, unmap.argsz, -1);
}

static int emulated_vary(void *opaque, bool on)
{
    Emulated *e = opaque;

    conformance_devices_vary(e->devices, e->disk, on);
    return 0;
}

static int emulated_remove(void *opaque)
{
    Emulated *e = opaque;

    conformance_devices_remove(e->devices, e->disk);
    return 0;
}

static const VfioPlayerOps emulated_ops = {
    .open = emulated_open,
    .close = emulated_close,
    .read = emulated_read,
    .write = emulated_write,
    .ioctl = emulated_ioctl,
    .map = emulated_map,
    .unmap = emulated_unmap,
    .vary = emulated_vary,
    .remove = emulated_remove,
};

Emulated *emulated_new(ConformanceDevices *devices)
{
    Emulated *e = g_new0(Emulated, 1);
    uint8_t *memory;

    e->devices = devices;
    e->memory_fd = qemu_memfd_create("guest", VFIO_PLAYER_MEMORY, false, 0, 0,
                                     &error_abort);
    memory = mmap(NULL, VFIO_PLAYER_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED,
                  e->memory_fd, 0);
    g_assert(memory != MAP_FAILED);
    g_assert(vfio_player_init(&e->player, &emulated_ops, e, memory));
    return e;
}

void emulated_free(Emulated *e)
{
    emulated_close(e);
    munmap(e->player.memory, VFIO_PLAYER_MEMORY);
    vfio_player_destroy(&e->player);
    close(e->memory_fd);
    g_free(e);
}

void emulated_play(Emulated *e, const char *step,
                   char result[VFIO_PLAYER_RESULT])
{
    vfio_player_play(&e->player, step, result);
}
