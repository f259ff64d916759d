/*
 * UNIX sockets: to listen on one that nobody else serves, to connect to one
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Called by server.c, in the thread of who starts a host; the tests' clients
 * call host_connect().
 */

#include "qemu/osdep.h"
#include <sys/socket.h>
#include <sys/un.h>
#include "qapi/error.h"
#include "sockets.h"

/* Would a client be answered there? Never waits for that */
static bool is_served(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd;
    bool served;

    if (strlen(path) >= sizeof(address.sun_path)) {
        return false;
    }
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    served = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ||
             errno == EAGAIN;
    close(fd);
    return served;
}

/* A socket that is served must not be taken away from who serves it */
static bool path_is_free(const char *path, Error **errp)
{
    struct stat st;

    if (lstat(path, &st) < 0) {
        return true;
    }
    if (!S_ISSOCK(st.st_mode)) {
        error_setg(errp, "'%s' exists and is not a socket", path);
        return false;
    }
    if (is_served(path)) {
        error_setg(errp, "socket '%s' is in use", path);
        return false;
    }
    return true;
}

QIOChannelSocket *host_listen(const char *path, Error **errp)
{
    g_autoptr(QIOChannelSocket) listener = NULL;
    SocketAddress address = {
        .type = SOCKET_ADDRESS_TYPE_UNIX,
        .u.q_unix.path = (char *)path,
    };

    if (!path_is_free(path, errp)) {
        return NULL;
    }
    listener = qio_channel_socket_new();
    if (qio_channel_socket_listen_sync(listener, &address, 1, errp) < 0 ||
        !qio_channel_set_blocking(QIO_CHANNEL(listener), false, errp)) {
        return NULL;
    }
    return g_steal_pointer(&listener);
}

QIOChannel *host_connect(const char *path, Error **errp)
{
    g_autoptr(QIOChannelSocket) client = qio_channel_socket_new();
    SocketAddress address = {
        .type = SOCKET_ADDRESS_TYPE_UNIX,
        .u.q_unix.path = (char *)path,
    };

    if (qio_channel_socket_connect_sync(client, &address, errp) < 0) {
        return NULL;
    }
    return QIO_CHANNEL(g_steal_pointer(&client));
}
