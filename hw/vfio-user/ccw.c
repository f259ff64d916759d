/*
 * vfio-ccw: the way to a host that is a vfio-user server behind a socket
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Called by hw/vfio/ccw.c, ccw-link.c and ccw-reopen.c, with the BQL held but
 * for negotiate, which a worker may call without. A question is sent by the
 * thread that asks; the thread that receives answers and I/O interrupts,
 * vfio-user's I/O thread, handles them too, if it gets the BQL. It does not
 * sleep until then, since who holds the BQL may be waiting for a reply; the
 * main loop handles them instead.
 *
 * What the server asks for, access to guest memory, is answered in the main
 * loop.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "hw/vfio/ccw-link.h"
#include "hw/vfio-user/device.h"
#include "hw/vfio-user/proxy.h"
#include "system/address-spaces.h"
#include "system/dma.h"

static void refuse(VFIOUserProxy *proxy, VFIOUserHdr *hdr, int err)
{
    if (hdr->flags & VFIO_USER_NO_REPLY) {
        g_free(hdr);
    } else {
        vfio_user_send_error(proxy, hdr, err);
    }
}

/* Whatever the reason: to the server there is no such memory. */
static void answer(VFIOUserProxy *proxy, VFIOUserHdr *hdr, size_t size,
                   MemTxResult result)
{
    if (result != MEMTX_OK) {
        refuse(proxy, hdr, ENODEV);
    } else if (hdr->flags & VFIO_USER_NO_REPLY) {
        g_free(hdr);
    } else {
        vfio_user_send_reply(proxy, hdr, size);
    }
}

static void dma_read(VFIOUserProxy *proxy, const VFIOUserDMARW *request)
{
    size_t size = sizeof(*request) + request->count;
    VFIOUserDMARW *reply = g_malloc0(size);
    MemTxResult result;

    *reply = *request;
    result = dma_memory_read(&address_space_memory, reply->offset, reply->data,
                             reply->count, MEMTXATTRS_UNSPECIFIED);
    answer(proxy, &reply->hdr, size, result);
}

static void dma_write(VFIOUserProxy *proxy, VFIOUserDMARW *request)
{
    MemTxResult result;

    result = dma_memory_write(&address_space_memory, request->offset,
                              request->data, request->count,
                              MEMTXATTRS_UNSPECIFIED);
    answer(proxy, &request->hdr, sizeof(*request), result);
}

/* Main loop. Takes over the message's header, which is the whole message. */
static void server_request(void *opaque, VFIOUserMsg *msg)
{
    VFIOCCWLink *link = opaque;
    VFIOUserProxy *proxy = link->vdev->proxy;
    VFIOUserDMARW *request = (VFIOUserDMARW *)msg->hdr;
    size_t size = msg->hdr->size;

    if (msg->fds) {
        vfio_user_putfds(msg);
        refuse(proxy, msg->hdr, EINVAL);
        return;
    }
    switch (msg->hdr->command) {
    case VFIO_USER_DMA_READ:
        if (size < sizeof(*request) || request->count > proxy->max_xfer_size) {
            break;
        }
        dma_read(proxy, request);
        g_free(request);
        return;
    case VFIO_USER_DMA_WRITE:
        if (size < sizeof(*request) ||
            request->count > size - sizeof(*request)) {
            break;
        }
        dma_write(proxy, request);
        return;
    }
    refuse(proxy, msg->hdr, EINVAL);
}

static void server_lost(void *opaque)
{
    vfio_ccw_link_lost(opaque);
}

static int user_connect(VFIOCCWLink *link, const VFIOCCWTarget *target,
                        Error **errp)
{
    VFIODevice *vdev = link->vdev;
    int ret;

    if (target->socket->type != SOCKET_ADDRESS_TYPE_UNIX) {
        error_setg(errp, "a socket of type %s cannot pass guest memory, use "
                   "type unix", SocketAddressType_str(target->socket->type));
        return -EINVAL;
    }
    ret = vfio_user_connect_dev(target->socket, &vdev->proxy, errp);
    if (ret < 0) {
        return ret;
    }
    vdev->name = g_strdup(target->socket->u.q_unix.path);
    vdev->io_ops = &vfio_user_device_io_ops_sock;
    vdev->use_region_fds = true;
    vdev->proxy->wait_time = target->msg_timeout;
    vfio_user_set_lost_handler(vdev->proxy, server_lost, link);
    vfio_user_set_handler(vdev, server_request, link);
    return 0;
}

static void user_limit_waiting(VFIOCCWLink *link, uint32_t ms)
{
    vfio_user_set_time_limit(link->vdev->proxy, ms);
}

static char *user_take_fault(VFIOCCWLink *link)
{
    return link->vdev->proxy ? vfio_user_take_fault(link->vdev->proxy) : NULL;
}

static bool user_negotiate(VFIOCCWLink *link, Error **errp)
{
    ERRP_GUARD();
    VFIODevice *vdev = link->vdev;
    struct vfio_device_info info;

    /* The information is for attach, which is not to ask for it. */
    if (!vfio_user_validate_version(vdev->proxy, errp) ||
        !vfio_user_get_device_info(vdev->proxy, &info, errp)) {
        error_prepend(errp, "%s: ", vdev->name);
        return false;
    }
    return true;
}

static bool user_attach(VFIOCCWLink *link, const VFIOCCWTarget *target,
                        bool wait, Error **errp)
{
    ERRP_GUARD();
    VFIODevice *vdev = link->vdev;

    if (!wait) {
        vfio_user_set_async_dma(vdev->proxy);
    }
    if (!vfio_device_attach_by_iommu_type(TYPE_VFIO_IOMMU_USER, vdev->name,
                                          vdev, &address_space_memory, errp)) {
        error_prepend(errp, "%s: ", vdev->name);
        return false;
    }
    vfio_user_set_async_dma(vdev->proxy);
    return true;
}

static bool user_connected(VFIOCCWLink *link)
{
    return vfio_user_connected(link->vdev->proxy);
}

static void user_cut(VFIOCCWLink *link)
{
    vfio_user_cut(link->vdev->proxy);
}

/* The server forgets guest memory when the connection ends; nobody waits. */
static void user_detach(VFIOCCWLink *link)
{
    VFIODevice *vdev = link->vdev;

    if (!vdev->proxy) {
        return;
    }
    user_cut(link);
    vfio_device_detach(vdev);
    vfio_user_disconnect(vdev->proxy);
    vdev->proxy = NULL;
    g_clear_pointer(&vdev->name, g_free);
}

/*
 * Questions
 */

static void go_on(void *opaque)
{
    qemu_coroutine_enter(opaque);
}

/* @msg becomes the reply, which has at most @rsize bytes. */
static int coroutine_fn ask(VFIOCCWLink *link, VFIOUserHdr *msg, int rsize)
{
    vfio_user_send_call(link->vdev->proxy, msg, rsize, go_on,
                        qemu_coroutine_self());
    qemu_coroutine_yield();
    if ((msg->flags & VFIO_USER_TYPE) != VFIO_USER_REPLY) {
        return -ESHUTDOWN;
    }
    return msg->flags & VFIO_USER_ERROR ? -msg->error_reply : 0;
}

static int coroutine_fn user_read(VFIOCCWLink *link, int region, off_t offset,
                                  void *data, uint32_t size)
{
    size_t rsize = sizeof(VFIOUserRegionRW) + size;
    g_autofree VFIOUserRegionRW *msg = g_malloc0(rsize);
    int ret;

    vfio_user_request_msg(&msg->hdr, VFIO_USER_REGION_READ, sizeof(*msg), 0);
    msg->offset = offset;
    msg->region = region;
    msg->count = size;
    ret = ask(link, &msg->hdr, rsize);
    if (ret) {
        return ret;
    }
    if (msg->hdr.size != rsize || msg->count != size) {
        return -ESHUTDOWN;
    }
    memcpy(data, msg->data, size);
    return 0;
}

static int coroutine_fn user_write(VFIOCCWLink *link, int region,
                                   const void *data, uint32_t size)
{
    g_autofree VFIOUserRegionRW *msg = g_malloc0(sizeof(*msg) + size);
    int ret;

    vfio_user_request_msg(&msg->hdr, VFIO_USER_REGION_WRITE,
                          sizeof(*msg) + size, 0);
    msg->region = region;
    msg->count = size;
    memcpy(msg->data, data, size);
    ret = ask(link, &msg->hdr, msg->hdr.size);
    if (ret) {
        return ret;
    }
    /* What is not in the reply would be what was sent. */
    return msg->hdr.size >= sizeof(*msg) && msg->count == size ? 0 : -ESHUTDOWN;
}

static int coroutine_fn user_reset(VFIOCCWLink *link)
{
    VFIOUserHdr msg;

    vfio_user_request_msg(&msg, VFIO_USER_DEVICE_RESET, sizeof(msg), 0);
    return ask(link, &msg, sizeof(msg));
}

/*
 * The I/O interrupt
 */

typedef struct VFIOCCWWatch {
    VFIOCCWLink *link;
    AioContext *ctx;
    int fd;
    IOHandler *handler;
    QEMUBH *bh;
} VFIOCCWWatch;

/* I/O thread. The main loop takes this signal where the BQL is not free. */
static void signalled(void *opaque)
{
    VFIOCCWWatch *watch = opaque;

    if (vfio_user_bql_trylock()) {
        watch->handler(watch->link);
        bql_unlock();
        return;
    }
    aio_set_fd_handler(watch->ctx, watch->fd, NULL, NULL, NULL, NULL, NULL);
    qemu_bh_schedule(watch->bh);
}

static void look_out(VFIOCCWWatch *watch)
{
    aio_set_fd_handler(watch->ctx, watch->fd, signalled, NULL, NULL, NULL,
                       watch);
}

static void handle_in_main_loop(void *opaque)
{
    VFIOCCWWatch *watch = opaque;

    watch->handler(watch->link);
    look_out(watch);
}

static void watch_begin(VFIOCCWLink *link, int fd, IOHandler *handler)
{
    VFIOCCWWatch *watch = g_new(VFIOCCWWatch, 1);

    *watch = (VFIOCCWWatch) {
        .link = link,
        .ctx = link->vdev->proxy->ctx,
        .fd = fd,
        .handler = handler,
        .bh = qemu_bh_new(handle_in_main_loop, watch),
    };
    link->watch = watch;
    look_out(watch);
}

static void watch_end(VFIOCCWLink *link)
{
    VFIOCCWWatch *watch = g_steal_pointer(&link->watch);

    aio_set_fd_handler(watch->ctx, watch->fd, NULL, NULL, NULL, NULL, NULL);
    vfio_user_wait_iothread(link->vdev->proxy);
    qemu_bh_delete(watch->bh);
    g_free(watch);
}

static void user_watch(VFIOCCWLink *link, int fd, IOHandler *handler)
{
    if (handler) {
        watch_begin(link, fd, handler);
    } else {
        watch_end(link);
    }
}

const VFIOCCWTransport vfio_ccw_transport_user = {
    .connect = user_connect,
    .limit_waiting = user_limit_waiting,
    .negotiate = user_negotiate,
    .attach = user_attach,
    .detach = user_detach,
    .connected = user_connected,
    .take_fault = user_take_fault,
    .cut = user_cut,
    .read = user_read,
    .write = user_write,
    .reset = user_reset,
    .watch = user_watch,
};
