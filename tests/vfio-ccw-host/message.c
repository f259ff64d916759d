/*
 * Messages: how vfio-user ones come from a socket
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Called by server.c in the host's thread.
 */

#include "qemu/osdep.h"
#include "message.h"

/* The longest: a region or DMA transfer of the largest size */
#define MAX_MESSAGE (sizeof(VFIOUserRegionRW) + VFIO_USER_DEF_MAX_XFER)

/* More than most have: they come in one read */
#define READ_AHEAD 256

static HostMessage *message_new(size_t room)
{
    HostMessage *message = g_new0(HostMessage, 1);

    message->room = MAX(room, READ_AHEAD);
    message->hdr = g_malloc(message->room);
    return message;
}

static bool has_header(const HostMessage *message)
{
    return message->have >= sizeof(VFIOUserHdr);
}

static bool is_whole(const HostMessage *message)
{
    return has_header(message) && message->have >= message->hdr->size;
}

static void add_fds(HostMessage *message, const int *fds, size_t nr_fds)
{
    message->fds = g_renew(int, message->fds, message->nr_fds + nr_fds);
    memcpy(message->fds + message->nr_fds, fds, nr_fds * sizeof(fds[0]));
    message->nr_fds += nr_fds;
}

/* Returns false when the size in the header is none */
static bool make_room(HostMessage *message)
{
    uint32_t size = message->hdr->size;

    if (size < sizeof(VFIOUserHdr) || size > MAX_MESSAGE) {
        return false;
    }
    if (size > message->room) {
        message->room = size;
        message->hdr = g_realloc(message->hdr, size);
    }
    return true;
}

/*
 * Takes off the end of @message what is not of it: NULL if there is nothing.
 * The @nr_fds last ones came with that: a read ends with the message that has
 * file descriptors.
 */
static HostMessage *split(HostMessage *message, size_t nr_fds)
{
    size_t size = message->hdr->size;
    size_t more = message->have - size;
    HostMessage *next;

    if (!more) {
        return NULL;
    }
    next = message_new(more);
    memcpy(next->hdr, (uint8_t *)message->hdr + size, more);
    next->have = more;
    message->have = size;
    if (nr_fds) {
        message->nr_fds -= nr_fds;
        add_fds(next, message->fds + message->nr_fds, nr_fds);
    }
    return next;
}

/* Like qio_channel_readv(), and tells how many file descriptors came */
static ssize_t read_some(HostMessage *message, QIOChannel *ioc, size_t *nr_fds)
{
    struct iovec iov = {
        .iov_base = (uint8_t *)message->hdr + message->have,
        .iov_len = message->room - message->have,
    };
    g_autofree int *fds = NULL;
    ssize_t n;

    /* Eventfds are shared with the client, and so is O_NONBLOCK */
    n = qio_channel_readv_full(ioc, &iov, 1, &fds, nr_fds,
                               QIO_CHANNEL_READ_FLAG_FD_PRESERVE_BLOCKING,
                               NULL);
    if (n < 0) {
        return n;
    }
    message->have += n;
    if (*nr_fds) {
        add_fds(message, fds, *nr_fds);
    }
    return n;
}

HostMessageResult host_message_receive(HostMessage **incoming, QIOChannel *ioc,
                                       HostMessage **messagep)
{
    HostMessage *message = *incoming ?: message_new(0);
    size_t nr_fds = message->nr_fds;

    *incoming = message;
    while (!is_whole(message)) {
        ssize_t n;

        if (has_header(message) && !make_room(message)) {
            return HOST_MESSAGE_BROKEN;
        }
        n = read_some(message, ioc, &nr_fds);
        if (n == QIO_CHANNEL_ERR_BLOCK) {
            return HOST_MESSAGE_AGAIN;
        }
        if (n <= 0) {
            return HOST_MESSAGE_BROKEN;
        }
    }
    if (!make_room(message)) {
        return HOST_MESSAGE_BROKEN;
    }
    *incoming = split(message, nr_fds);
    *messagep = message;
    return HOST_MESSAGE_COMPLETE;
}

size_t host_message_payload(const HostMessage *message)
{
    return message->hdr->size - sizeof(VFIOUserHdr);
}

int host_message_steal_fd(HostMessage *message)
{
    int fd = -1;

    if (message->nr_fds) {
        fd = message->fds[0];
        message->fds[0] = -1;
    }
    return fd;
}

void host_message_free(HostMessage *message)
{
    if (!message) {
        return;
    }
    for (size_t i = 0; i < message->nr_fds; i++) {
        if (message->fds[i] >= 0) {
            close(message->fds[i]);
        }
    }
    g_free(message->fds);
    g_free(message->hdr);
    g_free(message);
}
