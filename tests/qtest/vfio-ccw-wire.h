/*
 * The wire between QEMU's vfio-ccw and its host, in bad hands
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Listens where QEMU looks for its vfio-user server, and passes the messages of
 * both on, through a function of the test that may change, drop or add to them,
 * or cut the wire. The host behind it is a good one, so that a test has to say
 * no more than what is wrong.
 *
 * A wire relays in a thread of its own, one connection after the other. The
 * tamper function runs there; all other functions are for any thread.
 */

#ifndef TESTS_VFIO_CCW_WIRE_H
#define TESTS_VFIO_CCW_WIRE_H

#include "hw/vfio-user/protocol.h"

typedef struct Wire Wire;

/* It is the tamper function's to change; the fds stay the wire's. */
typedef struct WireMessage {
    bool from_host;
    GByteArray *bytes;          /* as on the wire, with its header */
    const int *fds;
    size_t nr_fds;
} WireMessage;

typedef enum WireFate {
    WIRE_PASS,
    WIRE_DROP,
    WIRE_CUT,                   /* after what is left of the message */
} WireFate;

typedef WireFate WireTamper(Wire *wire, WireMessage *message, void *opaque);

/* The wire listens on @path; the host on @host_path. */
Wire *wire_new(const char *path, const char *host_path);
void wire_free(Wire *wire);

/*
 * From now on messages go through @tamper, NULL for none. When this returns,
 * the function before it is not running any more.
 */
void wire_set_tamper(Wire *wire, WireTamper *tamper, void *opaque);

/*
 * Send this to QEMU, between two messages. False if QEMU is not connected, or
 * takes no more at this moment.
 */
bool wire_inject(Wire *wire, const void *data, size_t len, int *fds,
                 size_t nr_fds);

/*
 * From now on what goes to QEMU comes in pieces of @size bytes, each when QEMU
 * has read the one before; 0 for messages as they are.
 */
void wire_set_pieces(Wire *wire, size_t size);

/* Leave unread what QEMU sends over this connection. */
void wire_turn_deaf(Wire *wire);

/* The same, but QEMU is told so when it sends something, not before. */
void wire_refuse(Wire *wire);

/* Close both connections, if there are any. */
void wire_cut(Wire *wire);

static inline VFIOUserHdr *wire_header(const WireMessage *message)
{
    return (VFIOUserHdr *)message->bytes->data;
}

#endif
