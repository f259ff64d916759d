/*
 * Server: one end of a vfio-user connection
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The functions of its table are those of host.c; all runs in the host's
 * thread, but for host_server_shutdown().
 */

#include "qemu/osdep.h"
#include <poll.h>
#include "qemu/thread.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "io/channel-socket.h"
#include "message.h"
#include "server.h"

struct HostServer {
    GMainContext *context;
    const HostServerOps *ops;
    void *opaque;
    QIOChannelSocket *listener;
    GSource *accept_source;     /* NULL while the next client has to wait */

    QemuMutex lock;             /* protects the next two */
    QIOChannel *ioc;            /* NULL while there is no client */
    bool shutdown;

    unsigned connection;        /* counts up with each that ends */
    GSource *read_source;
    GSource *drain_source;      /* messages were queued behind our back */
    HostMessage *incoming;      /* received, but not looked at yet */
    GQueue messages;            /* complete, not handled yet */
    bool broken;                /* nothing more can come from this client */
    bool said_hello;
    bool greeted;               /* and the hello was accepted */
    unsigned refuse_in;         /* requests; 0: none is to be refused */
    int refuse_err;
    uint16_t next_id;
    uint32_t max_transfer;
    HostDma dma;
};

struct HostRequest {
    HostServer *server;
    unsigned connection;
    VFIOUserRegionRW rw;
};

static void send_message(HostServer *server, struct iovec *iov, size_t niov)
{
    if (qio_channel_writev_all(server->ioc, iov, niov, NULL) < 0) {
        server->broken = true;
    }
}

/* A reply is the header and up to two parts; an error has no more */
static void send_reply(HostServer *server, const VFIOUserHdr *request, int err,
                       const void *body, size_t body_len,
                       const void *data, size_t data_len)
{
    VFIOUserHdr hdr = {
        .id = request->id,
        .command = request->command,
        .size = sizeof(hdr) + (err ? 0 : body_len + data_len),
        .flags = VFIO_USER_REPLY | (err ? VFIO_USER_ERROR : 0),
        .error_reply = -err,
    };
    struct iovec iov[] = {
        { &hdr, sizeof(hdr) },
        { (void *)body, body_len },
        { (void *)data, data_len },
    };

    if (!(request->flags & VFIO_USER_NO_REPLY)) {
        send_message(server, iov, err ? 1 : ARRAY_SIZE(iov));
    }
}

static void send_version(HostServer *server, const VFIOUserHdr *request)
{
    g_autofree char *json = g_strdup_printf(
        "{\"" VFIO_USER_CAP "\":{"
        "\"" VFIO_USER_CAP_MAX_FDS "\":1,"
        "\"" VFIO_USER_CAP_MAX_XFER "\":%d,"
        "\"" VFIO_USER_CAP_PGSIZES "\":%d}}",
        VFIO_USER_DEF_MAX_XFER, VFIO_USER_DEF_PGSIZE);
    uint16_t version[2] = { VFIO_USER_MAJOR_VER, VFIO_USER_MINOR_VER };

    send_reply(server, request, 0, version, sizeof(version),
               json, strlen(json) + 1);
}

void host_request_done(void *opaque, int err, const void *data, size_t len)
{
    g_autofree HostRequest *request = opaque;
    HostServer *server = request->server;
    const VFIOUserHdr *hdr = &request->rw.hdr;

    if (request->connection != server->connection) {
        return;
    }

    switch (hdr->command) {
    case VFIO_USER_VERSION:
        if (err == 0) {
            server->greeted = true;
            send_version(server, hdr);
            return;
        }
        break;
    case VFIO_USER_REGION_READ:
    case VFIO_USER_REGION_WRITE:
        request->rw.count = len;
        send_reply(server, hdr, err, &request->rw.offset,
                   sizeof(request->rw) - sizeof(*hdr), data, data ? len : 0);
        return;
    }
    send_reply(server, hdr, err, NULL, 0, NULL, 0);
}

static HostRequest *request_new(HostServer *server, const HostMessage *message)
{
    HostRequest *request = g_new0(HostRequest, 1);

    request->server = server;
    request->connection = server->connection;
    memcpy(&request->rw, message->hdr,
           MIN(message->hdr->size, sizeof(request->rw)));
    return request;
}

/*
 * The handlers of requests. Their payload is as long as handlers[] demands.
 * They return a negative errno to be answered with, or have answered, or
 * have left that to somebody else.
 */

/* What the client can take at once; false if it does not make sense */
static bool parse_capabilities(HostServer *server, const char *json)
{
    QObject *parsed = qobject_from_json(json, NULL);
    QDict *version = qobject_to(QDict, parsed);
    QDict *caps = version ? qdict_get_qdict(version, VFIO_USER_CAP) : NULL;
    int64_t max = VFIO_USER_DEF_MAX_XFER;

    if (caps) {
        max = qdict_get_try_int(caps, VFIO_USER_CAP_MAX_XFER, max);
    }
    qobject_unref(parsed);
    if (!version || max <= 0) {
        return false;
    }
    server->max_transfer = MIN(max, VFIO_USER_DEF_MAX_XFER);
    return true;
}

static int handle_version(HostServer *server, HostMessage *message)
{
    VFIOUserVersion *version = (VFIOUserVersion *)message->hdr;
    size_t json_len = message->hdr->size - sizeof(*version);

    if (server->said_hello || version->major != VFIO_USER_MAJOR_VER) {
        return -EINVAL;
    }
    server->max_transfer = VFIO_USER_DEF_MAX_XFER;
    if (json_len > 0 && (version->capabilities[json_len - 1] != '\0' ||
                         !parse_capabilities(server, version->capabilities))) {
        return -EINVAL;
    }
    server->said_hello = true;
    server->ops->hello(server->opaque, request_new(server, message));
    return 0;
}

static int handle_dma_map(HostServer *server, HostMessage *message)
{
    VFIOUserDMAMap *map = (VFIOUserDMAMap *)message->hdr;
    const uint32_t known = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
    int ret;

    if (map->flags & ~known || !(map->flags & known) || message->nr_fds > 1) {
        return -EINVAL;
    }
    ret = host_dma_map(&server->dma, map->iova, map->size,
                       map->flags & VFIO_DMA_MAP_FLAG_WRITE,
                       message->nr_fds ? message->fds[0] : -1, map->offset);
    if (ret == 0) {
        send_reply(server, message->hdr, 0, NULL, 0, NULL, 0);
    }
    return ret;
}

static int handle_dma_unmap(HostServer *server, HostMessage *message)
{
    VFIOUserDMAUnmap *unmap = (VFIOUserDMAUnmap *)message->hdr;
    bool all = unmap->flags == VFIO_DMA_UNMAP_FLAG_ALL;
    int ret = 0;

    if ((unmap->flags && !all) || (all && (unmap->iova || unmap->size))) {
        return -EINVAL;
    }
    if (all) {
        server->ops->dma_unmap(server->opaque, 0, UINT64_MAX);
        host_dma_unmap_all(&server->dma);
    } else {
        server->ops->dma_unmap(server->opaque, unmap->iova, unmap->size);
        ret = host_dma_unmap(&server->dma, unmap->iova, unmap->size);
    }
    if (ret == 0) {
        send_reply(server, message->hdr, 0, &unmap->argsz,
                   sizeof(*unmap) - sizeof(unmap->hdr), NULL, 0);
    }
    return ret;
}

static int handle_get_info(HostServer *server, HostMessage *message)
{
    VFIOUserDeviceInfo *request = (VFIOUserDeviceInfo *)message->hdr;
    /* The kernel's structure has since grown by a field */
    const size_t len = sizeof(*request) - sizeof(request->hdr);
    struct vfio_device_info info = { .argsz = len };

    if (request->argsz < len) {
        return -EINVAL;
    }
    server->ops->get_info(server->opaque, &info);
    send_reply(server, message->hdr, 0, &info, len, NULL, 0);
    return 0;
}

static int handle_get_region_info(HostServer *server, HostMessage *message)
{
    VFIOUserRegionInfo *request = (VFIOUserRegionInfo *)message->hdr;
    struct vfio_region_info info = {
        .argsz = request->argsz,
        .index = request->index,
    };
    struct vfio_region_info_cap_type type = { 0 };
    size_t type_len = 0;
    int ret;

    if (request->argsz < sizeof(info)) {
        return -EINVAL;
    }
    ret = server->ops->get_region_info(server->opaque, &info, &type);
    if (ret) {
        return ret;
    }
    if (type.type) {
        info.flags |= VFIO_REGION_INFO_FLAG_CAPS;
        if (info.argsz >= sizeof(info) + sizeof(type)) {
            info.cap_offset = sizeof(info);
            type_len = sizeof(type);
        } else {
            /* The client is to ask again with more room */
            info.argsz = sizeof(info) + sizeof(type);
        }
    }
    send_reply(server, message->hdr, 0, &info, sizeof(info), &type, type_len);
    return 0;
}

static int handle_get_irq_info(HostServer *server, HostMessage *message)
{
    VFIOUserIRQInfo *request = (VFIOUserIRQInfo *)message->hdr;
    struct vfio_irq_info info = {
        .argsz = request->argsz,
        .index = request->index,
    };
    int ret;

    if (request->argsz < sizeof(info)) {
        return -EINVAL;
    }
    ret = server->ops->get_irq_info(server->opaque, &info);
    if (ret == 0) {
        send_reply(server, message->hdr, 0, &info, sizeof(info), NULL, 0);
    }
    return ret;
}

static int handle_set_irqs(HostServer *server, HostMessage *message)
{
    struct vfio_irq_set *irq = (void *)(message->hdr + 1);
    int ret;

    if (irq->argsz < sizeof(*irq) || message->nr_fds > 1 ||
        irq->argsz > host_message_payload(message)) {
        return -EINVAL;
    }
    ret = server->ops->set_irqs(server->opaque, irq,
                                host_message_steal_fd(message));
    if (ret == 0) {
        send_reply(server, message->hdr, 0, NULL, 0, NULL, 0);
    }
    return ret;
}

static int handle_region_read(HostServer *server, HostMessage *message)
{
    VFIOUserRegionRW *rw = (VFIOUserRegionRW *)message->hdr;

    if (rw->count > VFIO_USER_DEF_MAX_XFER) {
        return -EINVAL;
    }
    server->ops->region_read(server->opaque, request_new(server, message),
                             rw->region, rw->offset, rw->count);
    return 0;
}

static int handle_region_write(HostServer *server, HostMessage *message)
{
    VFIOUserRegionRW *rw = (VFIOUserRegionRW *)message->hdr;

    if (rw->count != message->hdr->size - sizeof(*rw)) {
        return -EINVAL;
    }
    server->ops->region_write(server->opaque, request_new(server, message),
                              rw->region, rw->offset, rw->data, rw->count);
    return 0;
}

static int handle_reset(HostServer *server, HostMessage *message)
{
    server->ops->reset(server->opaque, request_new(server, message));
    return 0;
}

/* The data of any feature */
#define MAX_FEATURE 16

static int handle_feature(HostServer *server, HostMessage *message)
{
    struct vfio_device_feature *request = (void *)(message->hdr + 1);
    struct vfio_device_feature reply = *request;
    size_t size = host_message_payload(message) - sizeof(*request);
    uint64_t data[MAX_FEATURE / sizeof(uint64_t)] = {};
    int filled;

    if (size > sizeof(data)) {
        return -EINVAL;
    }
    memcpy(data, request->data, size);
    filled = server->ops->feature(server->opaque, request->flags, data, size);
    if (filled < 0) {
        return filled;
    }
    if (filled && request->argsz < sizeof(reply) + filled) {
        return -EINVAL;
    }
    if (filled) {
        reply.argsz = sizeof(reply) + filled;
    }
    send_reply(server, message->hdr, 0, &reply, sizeof(reply), data,
               filled ?: size);
    return 0;
}

static const struct {
    size_t size;
    int (*handle)(HostServer *server, HostMessage *message);
} handlers[] = {
    [VFIO_USER_VERSION] = { sizeof(VFIOUserVersion), handle_version },
    [VFIO_USER_DMA_MAP] = { sizeof(VFIOUserDMAMap), handle_dma_map },
    [VFIO_USER_DMA_UNMAP] = { sizeof(VFIOUserDMAUnmap), handle_dma_unmap },
    [VFIO_USER_DEVICE_GET_INFO] = {
        sizeof(VFIOUserDeviceInfo), handle_get_info
    },
    [VFIO_USER_DEVICE_GET_REGION_INFO] = {
        sizeof(VFIOUserRegionInfo), handle_get_region_info
    },
    [VFIO_USER_DEVICE_GET_IRQ_INFO] = {
        sizeof(VFIOUserIRQInfo), handle_get_irq_info
    },
    [VFIO_USER_DEVICE_SET_IRQS] = { sizeof(VFIOUserIRQSet), handle_set_irqs },
    [VFIO_USER_REGION_READ] = { sizeof(VFIOUserRegionRW), handle_region_read },
    [VFIO_USER_REGION_WRITE] = {
        sizeof(VFIOUserRegionRW), handle_region_write
    },
    [VFIO_USER_DEVICE_RESET] = { sizeof(VFIOUserHdr), handle_reset },
    [VFIO_USER_DEVICE_FEATURE] = {
        sizeof(VFIOUserHdr) + sizeof(struct vfio_device_feature),
        handle_feature
    },
};

unsigned host_server_refuse(HostServer *server, unsigned nth, int err)
{
    unsigned left = server->refuse_in;

    server->refuse_in = nth;
    server->refuse_err = err;
    return left;
}

static int handle_request(HostServer *server, HostMessage *message)
{
    uint16_t command = message->hdr->command;

    if (server->refuse_in && --server->refuse_in == 0) {
        return server->refuse_err;
    }
    if (command >= ARRAY_SIZE(handlers) || !handlers[command].handle) {
        return -ENOTTY;
    }
    if (message->hdr->size < handlers[command].size ||
        (!server->greeted && command != VFIO_USER_VERSION)) {
        return -EINVAL;
    }
    return handlers[command].handle(server, message);
}

static void handle_message(HostServer *server, HostMessage *message)
{
    int ret;

    /* A reply that nobody waits for any more */
    if ((message->hdr->flags & VFIO_USER_TYPE) != VFIO_USER_REQUEST) {
        return;
    }
    ret = handle_request(server, message);
    if (ret) {
        send_reply(server, message->hdr, ret, NULL, 0, NULL, 0);
    }
}

static void source_clear(GSource **source)
{
    if (*source) {
        g_source_destroy(*source);
        g_source_unref(*source);
        *source = NULL;
    }
}

static void drop_client(HostServer *server)
{
    QIOChannel *ioc = server->ioc;

    if (!ioc) {
        return;
    }
    source_clear(&server->read_source);
    source_clear(&server->drain_source);
    qemu_mutex_lock(&server->lock);
    server->ioc = NULL;
    qemu_mutex_unlock(&server->lock);
    server->connection++;
    if (server->said_hello) {
        server->ops->bye(server->opaque);
    }
    object_unref(OBJECT(ioc));

    g_clear_pointer(&server->incoming, host_message_free);
    g_queue_clear_full(&server->messages, (GDestroyNotify)host_message_free);
    host_dma_unmap_all(&server->dma);
    server->broken = false;
    server->said_hello = false;
    server->greeted = false;
}

static gboolean accept_client(QIOChannel *ioc, GIOCondition condition,
                              void *opaque);

static void await_client(HostServer *server)
{
    server->accept_source =
        qio_channel_add_watch_source(QIO_CHANNEL(server->listener), G_IO_IN,
                                     accept_client, server, NULL,
                                     server->context);
}

void host_server_disconnect(HostServer *server)
{
    if (server->ioc) {
        drop_client(server);
        if (!server->accept_source) {
            await_client(server);
        }
    }
}

static void drain_messages(HostServer *server)
{
    while (!server->broken) {
        g_autoptr(HostMessage) message = g_queue_pop_head(&server->messages);

        if (!message) {
            return;
        }
        handle_message(server, message);
    }
    host_server_disconnect(server);
}

/* All that one read has brought; dropping the client drops the rest as well */
static void receive_messages(HostServer *server)
{
    do {
        HostMessage *message;

        switch (host_message_receive(&server->incoming, server->ioc,
                                     &message)) {
        case HOST_MESSAGE_AGAIN:
            return;
        case HOST_MESSAGE_BROKEN:
            server->broken = true;
            break;
        case HOST_MESSAGE_COMPLETE:
            g_queue_push_tail(&server->messages, message);
            break;
        }
        drain_messages(server);
    } while (server->incoming);
}

static gboolean drain_later(void *opaque)
{
    HostServer *server = opaque;

    source_clear(&server->drain_source);
    drain_messages(server);
    if (server->incoming) {
        receive_messages(server);
    }
    return G_SOURCE_REMOVE;
}

static gboolean client_readable(QIOChannel *ioc, GIOCondition condition,
                                void *opaque)
{
    receive_messages(opaque);
    return G_SOURCE_CONTINUE;
}

/* What it sent before may not have been read yet */
static bool client_has_left(HostServer *server)
{
    struct pollfd polled = {
        .fd = QIO_CHANNEL_SOCKET(server->ioc)->fd,
        .events = POLLRDHUP,
    };

    return poll(&polled, 1, 0) == 1 && (polled.revents & (POLLRDHUP | POLLHUP));
}

static gboolean accept_client(QIOChannel *ioc, GIOCondition condition,
                              void *opaque)
{
    HostServer *server = opaque;
    QIOChannelSocket *client;

    if (server->ioc && client_has_left(server)) {
        source_clear(&server->accept_source);
        return G_SOURCE_REMOVE;
    }
    client = qio_channel_socket_accept(server->listener, NULL);
    if (!client) {
        return G_SOURCE_CONTINUE;
    }
    if (server->ioc) {
        /* To be hung up on is how a second one learns that it is not alone */
        object_unref(OBJECT(client));
        return G_SOURCE_CONTINUE;
    }
    if (!qio_channel_set_blocking(QIO_CHANNEL(client), false, NULL)) {
        object_unref(OBJECT(client));
        return G_SOURCE_CONTINUE;
    }

    qemu_mutex_lock(&server->lock);
    server->ioc = QIO_CHANNEL(client);
    if (server->shutdown) {
        qio_channel_shutdown(server->ioc, QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
    }
    qemu_mutex_unlock(&server->lock);

    server->read_source =
        qio_channel_add_watch_source(server->ioc, G_IO_IN, client_readable,
                                     server, NULL, server->context);
    /* It never does, and glib has two wakeups less for each message */
    g_source_set_can_recurse(server->read_source, true);
    return G_SOURCE_CONTINUE;
}

/*
 * Transfers to and from memory that only the client can reach. It is asked
 * and waited for; other messages that come meanwhile are kept for later.
 */

static HostMessage *wait_reply(HostServer *server, uint16_t id)
{
    while (!server->broken) {
        HostMessage *message;
        VFIOUserHdr *hdr;

        switch (host_message_receive(&server->incoming, server->ioc,
                                     &message)) {
        case HOST_MESSAGE_AGAIN:
            qio_channel_wait(server->ioc, G_IO_IN);
            continue;
        case HOST_MESSAGE_BROKEN:
            server->broken = true;
            continue;
        case HOST_MESSAGE_COMPLETE:
            break;
        }
        hdr = message->hdr;
        if ((hdr->flags & VFIO_USER_TYPE) == VFIO_USER_REPLY && hdr->id == id) {
            return message;
        }
        g_queue_push_tail(&server->messages, message);
    }
    return NULL;
}

static int transfer_chunk(HostServer *server, bool write, uint64_t iova,
                          void *buf, uint32_t len)
{
    VFIOUserDMARW request = {
        .hdr = {
            .id = server->next_id++,
            .command = write ? VFIO_USER_DMA_WRITE : VFIO_USER_DMA_READ,
            .size = sizeof(request) + (write ? len : 0),
            .flags = VFIO_USER_REQUEST,
        },
        .offset = iova,
        .count = len,
    };
    struct iovec iov[] = {
        { &request, sizeof(request) },
        { buf, write ? len : 0 },
    };
    g_autoptr(HostMessage) reply = NULL;
    VFIOUserDMARW *rw;

    send_message(server, iov, ARRAY_SIZE(iov));
    reply = wait_reply(server, request.hdr.id);
    if (!reply) {
        return -EFAULT;
    }
    if (reply->hdr->flags & VFIO_USER_ERROR) {
        return reply->hdr->error_reply == EPERM ? -EPERM : -EFAULT;
    }
    if (write) {
        return 0;
    }
    rw = (VFIOUserDMARW *)reply->hdr;
    if (reply->hdr->size != sizeof(*rw) + len || rw->count != len) {
        return -EFAULT;
    }
    memcpy(buf, rw->data, len);
    return 0;
}

static int transfer(void *opaque, bool write, uint64_t iova, void *buf,
                    size_t len)
{
    HostServer *server = opaque;
    int ret = 0;

    for (size_t done = 0; ret == 0 && done < len;) {
        uint32_t n = MIN(len - done, server->max_transfer);

        ret = transfer_chunk(server, write, iova + done, buf + done, n);
        done += n;
    }
    /* Not all callers come from drain_messages() */
    if ((server->broken || server->incoming ||
         !g_queue_is_empty(&server->messages)) && !server->drain_source) {
        server->drain_source = g_idle_source_new();
        g_source_set_priority(server->drain_source, G_PRIORITY_DEFAULT);
        g_source_set_callback(server->drain_source, drain_later, server, NULL);
        g_source_attach(server->drain_source, server->context);
    }
    return ret;
}

HostServer *host_server_new(QIOChannelSocket *listener, GMainContext *context,
                            const HostServerOps *ops, void *opaque)
{
    HostServer *server = g_new0(HostServer, 1);

    server->context = context;
    server->ops = ops;
    server->opaque = opaque;
    server->listener = listener;
    qemu_mutex_init(&server->lock);
    g_queue_init(&server->messages);
    host_dma_init(&server->dma, transfer, server);
    await_client(server);
    return server;
}

void host_server_free(HostServer *server)
{
    drop_client(server);
    source_clear(&server->accept_source);
    /* Unlinks the socket as well, unless it was inherited */
    object_unref(OBJECT(server->listener));
    host_dma_destroy(&server->dma);
    qemu_mutex_destroy(&server->lock);
    g_free(server);
}

HostDma *host_server_dma(HostServer *server)
{
    return &server->dma;
}

void host_server_shutdown(HostServer *server)
{
    qemu_mutex_lock(&server->lock);
    server->shutdown = true;
    if (server->ioc) {
        qio_channel_shutdown(server->ioc, QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
    }
    qemu_mutex_unlock(&server->lock);
}
