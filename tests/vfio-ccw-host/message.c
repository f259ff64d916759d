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

static size_t message_want(const HostMessage *message)
{
    return message->have < sizeof(VFIOUserHdr) ? sizeof(VFIOUserHdr)
                                               : message->hdr->size;
}

static void add_fds(HostMessage *message, int *fds, size_t nr_fds)
{
    if (nr_fds) {
        message->fds = g_renew(int, message->fds, message->nr_fds + nr_fds);
        memcpy(message->fds + message->nr_fds, fds, nr_fds * sizeof(fds[0]));
        message->nr_fds += nr_fds;
    }
    g_free(fds);
}

/* Returns false when the size in the header is none */
static bool make_room(HostMessage *message)
{
    uint32_t size = message->hdr->size;

    if (size < sizeof(VFIOUserHdr) || size > MAX_MESSAGE) {
        return false;
    }
    message->hdr = g_realloc(message->hdr, size);
    return true;
}

HostMessageResult host_message_receive(HostMessage **messagep, QIOChannel *ioc)
{
    HostMessage *message = *messagep;

    if (!message) {
        message = g_new0(HostMessage, 1);
        message->hdr = g_new(VFIOUserHdr, 1);
        *messagep = message;
    }

    while (message->have < message_want(message)) {
        struct iovec iov = {
            .iov_base = (uint8_t *)message->hdr + message->have,
            .iov_len = message_want(message) - message->have,
        };
        size_t nr_fds = 0;
        int *fds = NULL;
        ssize_t n;

        /* Eventfds are shared with the client, and so is O_NONBLOCK */
        n = qio_channel_readv_full(ioc, &iov, 1, &fds, &nr_fds,
                                   QIO_CHANNEL_READ_FLAG_FD_PRESERVE_BLOCKING,
                                   NULL);
        if (n == QIO_CHANNEL_ERR_BLOCK) {
            return HOST_MESSAGE_AGAIN;
        }
        add_fds(message, fds, nr_fds);
        if (n <= 0) {
            return HOST_MESSAGE_BROKEN;
        }
        message->have += n;
        if (message->have == sizeof(VFIOUserHdr) && !make_room(message)) {
            return HOST_MESSAGE_BROKEN;
        }
    }
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
