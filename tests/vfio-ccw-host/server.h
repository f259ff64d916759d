/*
 * Server: one end of a vfio-user connection
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Serves one client after the other and hangs up on those that come meanwhile.
 * Knows the messages, but not what is behind them, which is a table of
 * functions. A request that can take long is answered by host_request_done(),
 * at any time and in any order, also when its client has left meanwhile.
 * Everything but host_server_shutdown() is called in the thread that runs
 * @context.
 */

#ifndef TESTS_VFIO_CCW_HOST_SERVER_H
#define TESTS_VFIO_CCW_HOST_SERVER_H

#include <linux/vfio.h>
#include "io/channel-socket.h"
#include "dma.h"

typedef struct HostServer HostServer;
typedef struct HostRequest HostRequest;

/* Functions that return int return 0 or a negative errno */
typedef struct HostServerOps {
    /* A client says hello; it is refused if this ends with an error */
    void (*hello)(void *opaque, HostRequest *request);
    /* A client has left that said hello, whether that was answered or not */
    void (*bye)(void *opaque);
    void (*get_info)(void *opaque, struct vfio_device_info *info);
    /* @type is left zero for a region that has no type capability */
    int (*get_region_info)(void *opaque, struct vfio_region_info *info,
                           struct vfio_region_info_cap_type *type);
    int (*get_irq_info)(void *opaque, struct vfio_irq_info *info);
    /* @irq has its data behind it; @fd, -1 if none, is the callee's */
    int (*set_irqs)(void *opaque, const struct vfio_irq_set *irq, int fd);
    void (*region_read)(void *opaque, HostRequest *request, uint32_t region,
                        uint64_t offset, uint32_t count);
    void (*region_write)(void *opaque, HostRequest *request, uint32_t region,
                         uint64_t offset, const void *data, uint32_t count);
    void (*reset)(void *opaque, HostRequest *request);
    /* VFIO_DEVICE_FEATURE; returns how much of @data GET has filled in */
    int (*feature)(void *opaque, uint32_t flags, void *data, size_t size);
    /* This range is about to be unmapped */
    void (*dma_unmap)(void *opaque, uint64_t iova, uint64_t size);
} HostServerOps;

/* Takes over @listener */
HostServer *host_server_new(QIOChannelSocket *listener, GMainContext *context,
                            const HostServerOps *ops, void *opaque);
void host_server_free(HostServer *server);

/* The client's memory; empty while there is none */
HostDma *host_server_dma(HostServer *server);

/*
 * host_request_done: answer a HostRequest, and free it
 *
 * Has the form of the driver's completion functions. @err is 0 or a negative
 * errno; @data is what a region_read has read.
 */
void host_request_done(void *request, int err, const void *data, size_t len);

/* Close the client's connection, if there is one, and accept the next */
void host_server_disconnect(HostServer *server);

/*
 * The @nth request from now is answered with @err, a negative errno, and
 * nobody behind the server hears of it; 0 takes that back. Returns which one
 * it was to have been, if it has not come.
 */
unsigned host_server_refuse(HostServer *server, unsigned nth, int err);

/* From any thread: whatever the server is waiting for from its client ends */
void host_server_shutdown(HostServer *server);

#endif
