/*
 * UNIX sockets: to listen on one that nobody else serves, or that somebody else
 * has made; to connect to one
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Called by host.c and by the daemon, in the thread of who starts a host; the
 * tests' clients call host_connect().
 */

#include "qemu/osdep.h"
#include <grp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/sockets.h"
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

static bool find_group(const char *group, gid_t *gid, Error **errp)
{
    struct group *entry = getgrnam(group);
    unsigned number;

    if (entry) {
        *gid = entry->gr_gid;
    } else if (qemu_strtoui(group, NULL, 10, &number) == 0) {
        *gid = number;
    } else {
        error_setg(errp, "there is no group '%s'", group);
        return false;
    }
    return true;
}

static bool share(const char *path, const char *group, int mode, Error **errp)
{
    gid_t gid;

    if (group) {
        if (!find_group(group, &gid, errp)) {
            return false;
        }
        if (chown(path, -1, gid) < 0) {
            error_setg_errno(errp, errno, "cannot give socket '%s' to group "
                             "'%s'", path, group);
            return false;
        }
    }
    if (chmod(path, mode < 0 ? 0660 : mode) < 0) {
        error_setg_errno(errp, errno, "cannot set the mode of socket '%s'",
                         path);
        return false;
    }
    return true;
}

/* At no time can anybody connect who is not meant to */
QIOChannelSocket *host_listen_for(const char *path, const char *group, int mode,
                                  Error **errp)
{
    mode_t mask = umask(0177);
    QIOChannelSocket *listener = host_listen(path, errp);

    umask(mask);
    if (listener && !share(path, group, mode, errp)) {
        object_unref(OBJECT(listener));
        return NULL;
    }
    return listener;
}

static bool is_listener(int fd)
{
    struct sockaddr_storage address;
    socklen_t address_len = sizeof(address);
    int listening = 0;
    socklen_t len = sizeof(listening);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 &&
           listening &&
           getsockname(fd, (struct sockaddr *)&address, &address_len) == 0 &&
           address.ss_family == AF_UNIX;
}

QIOChannelSocket *host_listen_on_fd(int fd, Error **errp)
{
    g_autoptr(QIOChannelSocket) listener = NULL;

    if (!is_listener(fd)) {
        error_setg(errp, "file descriptor %d is no UNIX socket that listens",
                   fd);
        return NULL;
    }
    qemu_set_cloexec(fd);
    listener = qio_channel_socket_new_fd(fd, errp);
    if (!listener ||
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
