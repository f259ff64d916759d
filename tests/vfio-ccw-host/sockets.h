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

/*
 * The same, where only those can connect that @mode (-1: 0660) lets: the user,
 * or a member of @group (NULL: this process's), by name or number
 */
QIOChannelSocket *host_listen_for(const char *path, const char *group, int mode,
                                  Error **errp);

/* One that somebody else has made, and that stays when the listener goes */
QIOChannelSocket *host_listen_on_fd(int fd, Error **errp);

/* A blocking connection, which is closed when it goes; or NULL */
QIOChannel *host_connect(const char *path, Error **errp);

#endif
