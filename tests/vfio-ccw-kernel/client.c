/*
 * Client: the interposed kernel's connection to an emulated host driver
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * See client.h.  A thread of the client's own receives: answers, for which
 * other threads wait, and the server's accesses to memory, which it carries
 * out.  This is loaded into QEMU before QEMU's own code runs, so it uses glib
 * and the C library only.
 */

#include "qemu/osdep.h"
#include <sys/socket.h>
#include <sys/un.h>
#include "client.h"
#include "hw/vfio-user/protocol.h"

#define VERSION_JSON \
    "{\"" VFIO_USER_CAP "\":{\"" VFIO_USER_CAP_MAX_FDS "\":8}}"

typedef struct Call {
    void *reply;
    size_t room;
    ssize_t ret;
    bool done;
} Call;

struct KernelClient {
    int fd;
    KernelDma *dma;
    GThread *receiver;
    GMutex send_lock;           /* one message at a time */

    GMutex lock;                /* of what follows */
    GCond answered;
    GHashTable *calls;          /* of the id: Call */
    uint16_t next_id;
    bool broken;
};

static bool send_message(KernelClient *client, VFIOUserHdr *hdr,
                         const void *body, int fd)
{
    struct iovec iov[] = {
        { hdr, sizeof(*hdr) },
        { (void *)body, hdr->size - sizeof(*hdr) },
    };
    union {
        struct cmsghdr align;
        char data[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct msghdr msg = { .msg_iov = iov, .msg_iovlen = ARRAY_SIZE(iov) };
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&client->send_lock);

    if (fd >= 0) {
        struct cmsghdr *cmsg;

        msg.msg_control = &control;
        msg.msg_controllen = sizeof(control);
        cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
    }
    /* A blocking socket takes all of a message, unless it is closed. */
    return sendmsg(client->fd, &msg, MSG_NOSIGNAL) == hdr->size;
}

static bool receive(KernelClient *client, void *data, size_t len)
{
    return recv(client->fd, data, len, MSG_WAITALL) == len;
}

static void end_call(KernelClient *client, const VFIOUserHdr *hdr,
                     const void *body, size_t len)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&client->lock);
    Call *call = g_hash_table_lookup(client->calls, GUINT_TO_POINTER(hdr->id));

    if (!call) {
        return;
    }
    if (hdr->flags & VFIO_USER_ERROR) {
        call->ret = -(ssize_t)hdr->error_reply;
    } else {
        memcpy(call->reply, body, MIN(len, call->room));
        call->ret = len;
    }
    call->done = true;
    g_hash_table_remove(client->calls, GUINT_TO_POINTER(hdr->id));
    g_cond_broadcast(&client->answered);
}

static bool serve_memory(KernelClient *client, VFIOUserHdr *hdr, void *body,
                         size_t len)
{
    bool write = hdr->command == VFIO_USER_DMA_WRITE;
    VFIOUserDMARW *rw = g_malloc0(sizeof(*rw) + VFIO_USER_DEF_MAX_XFER);
    g_autofree void *freed = rw;
    size_t fixed = sizeof(*rw) - sizeof(rw->hdr);
    int ret = -EINVAL;

    if (len >= fixed) {
        memcpy(&rw->offset, body, len);
    }
    if (len >= fixed && rw->count <= VFIO_USER_DEF_MAX_XFER &&
        len == fixed + (write ? rw->count : 0)) {
        ret = client->dma(write, rw->offset, rw->data, rw->count);
    }
    rw->hdr = (VFIOUserHdr) {
        .id = hdr->id,
        .command = hdr->command,
        .flags = VFIO_USER_REPLY | (ret ? VFIO_USER_ERROR : 0),
        .size = sizeof(rw->hdr) + (ret ? 0 : fixed + (write ? 0 : rw->count)),
        .error_reply = -ret,
    };
    return send_message(client, &rw->hdr, &rw->offset, -1);
}

static bool receive_message(KernelClient *client)
{
    g_autofree void *body = NULL;
    VFIOUserHdr hdr;
    size_t len;

    if (!receive(client, &hdr, sizeof(hdr)) || hdr.size < sizeof(hdr) ||
        hdr.size > sizeof(VFIOUserDMARW) + VFIO_USER_DEF_MAX_XFER) {
        return false;
    }
    len = hdr.size - sizeof(hdr);
    body = g_malloc(len);
    if (len && !receive(client, body, len)) {
        return false;
    }
    if ((hdr.flags & VFIO_USER_TYPE) == VFIO_USER_REPLY) {
        end_call(client, &hdr, body, len);
        return true;
    }
    return serve_memory(client, &hdr, body, len);
}

static void *receiver(void *opaque)
{
    KernelClient *client = opaque;
    g_autoptr(GMutexLocker) locker = NULL;

    while (receive_message(client)) {
        continue;
    }
    locker = g_mutex_locker_new(&client->lock);
    client->broken = true;
    g_cond_broadcast(&client->answered);
    return NULL;
}

/* QEMU's signals are for its own threads. */
static GThread *start_receiver(KernelClient *client)
{
    sigset_t all, old;
    GThread *thread;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    thread = g_thread_new("vfio-ccw-kernel", receiver, client);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return thread;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -1;
    }
    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool negotiate(KernelClient *client)
{
    struct {
        uint16_t major;
        uint16_t minor;
        char json[sizeof(VERSION_JSON)];
    } hello = { VFIO_USER_MAJOR_VER, VFIO_USER_MINOR_VER, VERSION_JSON };

    return kernel_client_call(client, VFIO_USER_VERSION, &hello, sizeof(hello),
                              -1, NULL, 0) >= 0;
}

KernelClient *kernel_client_new(const char *path, KernelDma *dma)
{
    int fd = connect_to(path);
    KernelClient *client;

    if (fd < 0) {
        return NULL;
    }
    client = g_new0(KernelClient, 1);
    client->fd = fd;
    client->dma = dma;
    g_mutex_init(&client->send_lock);
    g_mutex_init(&client->lock);
    g_cond_init(&client->answered);
    client->calls = g_hash_table_new(NULL, NULL);
    client->receiver = start_receiver(client);
    if (!negotiate(client)) {
        kernel_client_free(client);
        return NULL;
    }
    return client;
}

void kernel_client_free(KernelClient *client)
{
    shutdown(client->fd, SHUT_RDWR);
    g_thread_join(client->receiver);
    close(client->fd);
    g_hash_table_unref(client->calls);
    g_cond_clear(&client->answered);
    g_mutex_clear(&client->lock);
    g_mutex_clear(&client->send_lock);
    g_free(client);
}

ssize_t kernel_client_call(KernelClient *client, uint16_t command,
                           const void *body, size_t len, int fd,
                           void *reply, size_t room)
{
    Call call = { .reply = reply, .room = room, .ret = -ENODEV };
    VFIOUserHdr hdr = {
        .command = command,
        .size = sizeof(hdr) + len,
    };

    g_mutex_lock(&client->lock);
    hdr.id = client->next_id++;
    g_hash_table_insert(client->calls, GUINT_TO_POINTER(hdr.id), &call);
    g_mutex_unlock(&client->lock);

    if (!send_message(client, &hdr, body, fd)) {
        shutdown(client->fd, SHUT_RDWR);
    }

    g_mutex_lock(&client->lock);
    while (!call.done && !client->broken) {
        g_cond_wait(&client->answered, &client->lock);
    }
    g_hash_table_remove(client->calls, GUINT_TO_POINTER(hdr.id));
    g_mutex_unlock(&client->lock);
    return call.ret;
}
