/*
 * UNIX sockets: to listen on one that nobody else serves, to connect to one
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_VFIO_CCW_HOST_SOCKETS_H
#define TESTS_VFIO_CCW_HOST_SOCKETS_H

#include "io/channel-socket.h"

/* A non-blocking listener, which unlinks the socket when it goes; or NULL */
QIOChannelSocket *host_listen(const char *path, Error **errp);

/* A blocking connection, which is closed when it goes; or NULL */
QIOChannel *host_connect(const char *path, Error **errp);

#endif
