/*
 * Messages: how vfio-user ones come from a socket
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Used by server.c in the host's thread.
 */

#ifndef TESTS_VFIO_CCW_HOST_MESSAGE_H
#define TESTS_VFIO_CCW_HOST_MESSAGE_H

#include "io/channel.h"
#include "hw/vfio-user/protocol.h"

/* docs/interop/vfio-user.rst has it, QEMU does not use it */
#define VFIO_USER_DEVICE_FEATURE 16

typedef struct HostMessage {
    VFIOUserHdr *hdr;           /* with the payload behind it */
    size_t have;
    size_t room;
    int *fds;
    size_t nr_fds;
} HostMessage;

typedef enum HostMessageResult {
    HOST_MESSAGE_COMPLETE,
    HOST_MESSAGE_AGAIN,
    HOST_MESSAGE_BROKEN,
} HostMessageResult;

/*
 * Receives *@messagep from a non-blocking channel, in one read if it can. What
 * was received of the next message, or even of several, is in *@incoming, which
 * is NULL when there is nothing: a caller that waits for the channel has to ask
 * again until then. A channel is broken when it has ended or when what it says
 * cannot be a message.
 */
HostMessageResult host_message_receive(HostMessage **incoming, QIOChannel *ioc,
                                       HostMessage **messagep);

/* The number of bytes after the header */
size_t host_message_payload(const HostMessage *message);

/* The file descriptor that came along, now the caller's; -1 if none did */
int host_message_steal_fd(HostMessage *message);

void host_message_free(HostMessage *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostMessage, host_message_free)

#endif
