/*
 * The wire between QEMU's vfio-ccw and its host, in bad hands
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * See vfio-ccw-wire.h. What is shared between the thread that relays and the
 * test's is protected by one lock, which the former holds but while it waits
 * for messages.
 */

#include "qemu/osdep.h"
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include "qapi/error.h"
#include "qemu/thread.h"
#include "io/channel-socket.h"
#include "tests/vfio-ccw-host/message.h"
#include "tests/vfio-ccw-host/sockets.h"
#include "vfio-ccw-wire.h"

enum { QEMU, HOST, NR_ENDS };

struct Wire {
    char *host_path;
    QIOChannelSocket *listener;
    QemuThread thread;

    QemuRecMutex lock;          /* protects the rest; a tamper injects */
    bool ended;
    bool deaf;                  /* to QEMU */
    QIOChannel *end[NR_ENDS];   /* NULL while there is no connection */
    HostMessage *incoming[NR_ENDS];
    WireTamper *tamper;
    void *opaque;
    size_t piece;               /* 0: as it comes */
};

static void hang_up(Wire *wire)
{
    for (int i = 0; i < NR_ENDS; i++) {
        g_clear_pointer(&wire->incoming[i], host_message_free);
        object_unref(OBJECT(wire->end[i]));
        wire->end[i] = NULL;
    }
    wire->deaf = false;
}

void wire_cut(Wire *wire)
{
    qemu_rec_mutex_lock(&wire->lock);
    for (int i = 0; i < NR_ENDS && wire->end[i]; i++) {
        qio_channel_shutdown(wire->end[i], QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
    }
    qemu_rec_mutex_unlock(&wire->lock);
}

static bool send_all(QIOChannel *ioc, const void *data, size_t len, int *fds,
                     size_t nr_fds)
{
    struct iovec iov = { .iov_base = (void *)data, .iov_len = len };

    return qio_channel_writev_full_all(ioc, &iov, 1, fds, nr_fds, 0, NULL) == 0;
}

/* Also where nobody will ever read it any more */
static void wait_until_read(QIOChannel *ioc)
{
    int unread;

    do {
        g_thread_yield();
        g_assert(ioctl(QIO_CHANNEL_SOCKET(ioc)->fd, SIOCOUTQ, &unread) == 0);
    } while (unread);
}

/* The file descriptors come with the last one. */
static bool send_pieces(QIOChannel *ioc, size_t piece, const uint8_t *data,
                        size_t len, int *fds, size_t nr_fds)
{
    for (; len > piece; data += piece, len -= piece) {
        wait_until_read(ioc);
        if (!send_all(ioc, data, piece, NULL, 0)) {
            return false;
        }
    }
    wait_until_read(ioc);
    return send_all(ioc, data, len, fds, nr_fds);
}

static bool send_to(Wire *wire, int to, const void *data, size_t len,
                    int *fds, size_t nr_fds)
{
    QIOChannel *ioc = wire->end[to];

    if (!ioc) {
        return false;
    }
    if (to == QEMU && wire->piece) {
        return send_pieces(ioc, wire->piece, data, len, fds, nr_fds);
    }
    return send_all(ioc, data, len, fds, nr_fds);
}

/*
 * Without the lock, so that a flood does not keep the relay from its turn. A
 * socket takes what is not huge in one piece or not at all.
 */
bool wire_inject(Wire *wire, const void *data, size_t len, int *fds,
                 size_t nr_fds)
{
    struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
    QIOChannel *ioc;
    size_t piece;
    ssize_t sent;

    qemu_rec_mutex_lock(&wire->lock);
    ioc = wire->end[QEMU];
    piece = wire->piece;
    if (ioc) {
        object_ref(OBJECT(ioc));
    }
    qemu_rec_mutex_unlock(&wire->lock);
    if (!ioc) {
        return false;
    }
    if (piece) {
        sent = send_pieces(ioc, piece, data, len, fds, nr_fds) ? len : 0;
    } else {
        sent = qio_channel_writev_full(ioc, &iov, 1, fds, nr_fds, 0, NULL);
    }
    object_unref(OBJECT(ioc));
    g_assert(sent <= 0 || sent == len);
    return sent > 0;
}

void wire_set_pieces(Wire *wire, size_t size)
{
    qemu_rec_mutex_lock(&wire->lock);
    wire->piece = size;
    qemu_rec_mutex_unlock(&wire->lock);
}

void wire_turn_deaf(Wire *wire)
{
    qemu_rec_mutex_lock(&wire->lock);
    wire->deaf = true;
    qemu_rec_mutex_unlock(&wire->lock);
}

void wire_refuse(Wire *wire)
{
    qemu_rec_mutex_lock(&wire->lock);
    wire->deaf = true;
    qio_channel_shutdown(wire->end[QEMU], QIO_CHANNEL_SHUTDOWN_READ,
                         &error_abort);
    qemu_rec_mutex_unlock(&wire->lock);
}

void wire_set_tamper(Wire *wire, WireTamper *tamper, void *opaque)
{
    qemu_rec_mutex_lock(&wire->lock);
    wire->tamper = tamper;
    wire->opaque = opaque;
    qemu_rec_mutex_unlock(&wire->lock);
}

/* Returns false when nothing more goes over this connection. */
static bool pass_on(Wire *wire, int from, const HostMessage *received)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    WireMessage message = {
        .from_host = from == HOST,
        .bytes = bytes,
        .fds = received->fds,
        .nr_fds = received->nr_fds,
    };
    WireFate fate = WIRE_PASS;
    bool sent = true;

    g_byte_array_append(bytes, (const void *)received->hdr,
                        received->hdr->size);
    if (wire->tamper) {
        fate = wire->tamper(wire, &message, wire->opaque);
    }
    if (fate != WIRE_DROP && bytes->len) {
        sent = send_to(wire, from == HOST ? QEMU : HOST, bytes->data,
                       bytes->len, received->fds, received->nr_fds);
    }
    return sent && fate != WIRE_CUT;
}

/* All that one read has brought */
static bool relay(Wire *wire, int from)
{
    do {
        g_autoptr(HostMessage) message = NULL;

        switch (host_message_receive(&wire->incoming[from], wire->end[from],
                                     &message)) {
        case HOST_MESSAGE_AGAIN:
            return true;
        case HOST_MESSAGE_BROKEN:
            return false;
        default:
            if (!pass_on(wire, from, message)) {
                return false;
            }
        }
    } while (wire->incoming[from]);
    return true;
}

static bool wait_and_relay(Wire *wire, GPollFD *polled)
{
    bool going_on = true;

    g_poll(polled, NR_ENDS, -1);
    qemu_rec_mutex_lock(&wire->lock);
    polled[QEMU].events = wire->deaf ? 0 : G_IO_IN;
    for (int i = 0; i < NR_ENDS && going_on; i++) {
        if (polled[i].revents & (polled[i].events | G_IO_HUP)) {
            going_on = relay(wire, i);
        }
    }
    if (!going_on) {
        hang_up(wire);
    }
    qemu_rec_mutex_unlock(&wire->lock);
    return going_on;
}

static bool pick_up(Wire *wire, QIOChannelSocket *client, GPollFD *polled)
{
    bool ended;

    qemu_rec_mutex_lock(&wire->lock);
    ended = wire->ended;
    if (ended) {
        object_unref(OBJECT(client));
    } else {
        wire->end[QEMU] = QIO_CHANNEL(client);
        wire->end[HOST] = host_connect(wire->host_path, &error_abort);
    }
    for (int i = 0; i < NR_ENDS && !ended; i++) {
        qio_channel_set_blocking(wire->end[i], false, &error_abort);
        polled[i] = (GPollFD) {
            .fd = QIO_CHANNEL_SOCKET(wire->end[i])->fd,
            .events = G_IO_IN,
        };
    }
    qemu_rec_mutex_unlock(&wire->lock);
    return !ended;
}

static void *wire_thread(void *opaque)
{
    Wire *wire = opaque;
    QIOChannelSocket *client;
    GPollFD polled[NR_ENDS];

    while ((client = qio_channel_socket_accept(wire->listener, NULL)) &&
           pick_up(wire, client, polled)) {
        while (wait_and_relay(wire, polled)) {
            ;
        }
    }
    return NULL;
}

Wire *wire_new(const char *path, const char *host_path)
{
    Wire *wire = g_new0(Wire, 1);

    wire->host_path = g_strdup(host_path);
    wire->listener = host_listen(path, &error_abort);
    qio_channel_set_blocking(QIO_CHANNEL(wire->listener), true, &error_abort);
    qemu_rec_mutex_init(&wire->lock);
    qemu_thread_create(&wire->thread, "wire", wire_thread, wire,
                       QEMU_THREAD_JOINABLE);
    return wire;
}

void wire_free(Wire *wire)
{
    qemu_rec_mutex_lock(&wire->lock);
    wire->ended = true;
    wire_cut(wire);
    qemu_rec_mutex_unlock(&wire->lock);
    qio_channel_shutdown(QIO_CHANNEL(wire->listener),
                         QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
    qemu_thread_join(&wire->thread);
    /* Unlinks the socket as well */
    object_unref(OBJECT(wire->listener));
    qemu_rec_mutex_destroy(&wire->lock);
    g_free(wire->host_path);
    g_free(wire);
}
