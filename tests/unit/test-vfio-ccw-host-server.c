/*
 * Tests of the emulated vfio_ccw host driver over its vfio-user socket
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "qapi/error.h"
#include "qemu/memfd.h"
#include "tests/vfio-ccw-host/faults.h"
#include "tests/vfio-ccw-host/message.h"
#include "tests/vfio-ccw-host/sockets.h"
#include "vfio-ccw-host-common.h"

/* A tiny vfio-user client */
typedef struct Client {
    char *directory;
    char *path;
    VfioCcwHost *host;
    QIOChannel *ioc;
    int guest_fd;
    uint8_t *guest;
    int io_eventfd;
    uint16_t next_id;
} Client;

typedef struct Reply {
    VFIOUserHdr hdr;
    uint8_t payload[4096];
} Reply;

static void client_connect(Client *c)
{
    c->ioc = host_connect(c->path, &error_abort);
}

static void client_close(Client *c)
{
    object_unref(OBJECT(c->ioc));
}

static void send_bytes(Client *c, const void *data, size_t len, int fd)
{
    struct iovec iov = { (void *)data, len };

    qio_channel_writev_full_all(c->ioc, &iov, 1, &fd, fd >= 0, 0,
                                &error_abort);
}

static bool recv_bytes(Client *c, void *data, size_t len)
{
    return qio_channel_read_all(c->ioc, data, len, NULL) == 0;
}

static void recv_reply(Client *c, Reply *reply)
{
    g_assert(recv_bytes(c, &reply->hdr, sizeof(reply->hdr)));
    g_assert_cmpuint(reply->hdr.size, <=, sizeof(*reply));
    g_assert(recv_bytes(c, reply->payload,
                        reply->hdr.size - sizeof(reply->hdr)));
}

/* @message has room for the header in front; returns the request's id */
static uint16_t send_request(Client *c, uint16_t command, void *message,
                             size_t size, int fd)
{
    VFIOUserHdr hdr = {
        .id = c->next_id++,
        .command = command,
        .size = size,
        .flags = VFIO_USER_REQUEST,
    };

    memcpy(message, &hdr, sizeof(hdr));
    send_bytes(c, message, size, fd);
    return hdr.id;
}

/* Sends a request and returns the errno of its reply */
static int request(Client *c, uint16_t command, void *message, size_t size,
                   int fd, Reply *reply)
{
    uint16_t id = send_request(c, command, message, size, fd);

    recv_reply(c, reply);
    g_assert_cmpuint(reply->hdr.id, ==, id);
    g_assert_cmpuint(reply->hdr.command, ==, command);
    g_assert_cmphex(reply->hdr.flags & VFIO_USER_TYPE, ==, VFIO_USER_REPLY);
    if (reply->hdr.flags & VFIO_USER_ERROR) {
        return reply->hdr.error_reply;
    }
    return 0;
}

static void client_hello(Client *c)
{
    static const char caps[] = "{\"capabilities\":{\"max_msg_fds\":8}}";
    struct {
        VFIOUserVersion version;
        char caps[sizeof(caps)];
    } message = { 0 };
    Reply reply;

    memcpy(message.caps, caps, sizeof(caps));
    g_assert_cmpint(request(c, VFIO_USER_VERSION, &message, sizeof(message),
                            -1, &reply), ==, 0);
    g_assert_cmpuint(reply.payload[reply.hdr.size - sizeof(reply.hdr) - 1],
                     ==, 0);
}

static void client_map(Client *c, uint64_t iova, uint64_t size, int fd)
{
    VFIOUserDMAMap map = {
        .argsz = sizeof(struct vfio_iommu_type1_dma_map),
        .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
        .iova = iova,
        .size = size,
    };
    Reply reply;

    g_assert_cmpint(request(c, VFIO_USER_DMA_MAP, &map, sizeof(map), fd,
                            &reply), ==, 0);
}

static void client_set_eventfd(Client *c, unsigned index, int fd)
{
    VFIOUserIRQSet irq = {
        .argsz = sizeof(struct vfio_irq_set),
        .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
        .index = index,
        .count = 1,
    };
    Reply reply;

    g_assert_cmpint(request(c, VFIO_USER_DEVICE_SET_IRQS, &irq, sizeof(irq),
                            fd, &reply), ==, 0);
}

static uint16_t send_write(Client *c, uint32_t region, const void *data,
                           uint32_t count)
{
    g_autofree VFIOUserRegionRW *rw = g_malloc0(sizeof(*rw) + count);

    rw->region = region;
    rw->count = count;
    memcpy(rw->data, data, count);
    return send_request(c, VFIO_USER_REGION_WRITE, rw, sizeof(*rw) + count,
                        -1);
}

static uint16_t send_start(Client *c)
{
    struct ccw_io_region io;

    io_region_for(&io, SCSW_FCTL_START_FUNC);
    return send_write(c, 0, &io, 24);
}

static uint16_t send_async(Client *c, uint32_t command)
{
    uint32_t be = cpu_to_be32(command);

    return send_write(c, 1, &be, sizeof(be));
}

static void expect_reply(Client *c, uint16_t id, int err)
{
    Reply reply;

    recv_reply(c, &reply);
    g_assert_cmpuint(reply.hdr.id, ==, id);
    g_assert_cmphex(reply.hdr.flags, ==,
                    VFIO_USER_REPLY | (err ? VFIO_USER_ERROR : 0));
    g_assert_cmpint(reply.hdr.error_reply, ==, err);
}

static void expect_interrupt(Client *c)
{
    struct pollfd poll_io = { .fd = c->io_eventfd, .events = POLLIN };
    uint64_t value;

    g_assert_cmpint(poll(&poll_io, 1, VFIO_CCW_HOST_WAIT_SECONDS * 1000), ==,
                    1);
    g_assert_cmpint(read(c->io_eventfd, &value, sizeof(value)), ==,
                    sizeof(value));
}

static void client_read(Client *c, uint32_t region, uint32_t offset,
                        void *data, uint32_t count)
{
    VFIOUserRegionRW rw = {
        .offset = offset,
        .region = region,
        .count = count,
    };
    Reply reply;

    g_assert_cmpint(request(c, VFIO_USER_REGION_READ, &rw, sizeof(rw), -1,
                            &reply), ==, 0);
    g_assert_cmpuint(reply.hdr.size, ==, sizeof(rw) + count);
    memcpy(data, reply.payload + sizeof(rw) - sizeof(rw.hdr), count);
}

static void client_begin(Client *c, const VfioCcwHostConfig *config)
{
    memset(c, 0, sizeof(*c));
    c->directory = g_dir_make_tmp("vfio-ccw-host-XXXXXX", NULL);
    g_assert_nonnull(c->directory);
    c->path = g_build_filename(c->directory, "socket", NULL);
    c->host = vfio_ccw_host_start(c->path, config, &error_abort);
    c->guest_fd = qemu_memfd_create("guest", GUEST_SIZE, false, 0, 0,
                                    &error_abort);
    c->guest = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
                    c->guest_fd, 0);
    g_assert(c->guest != MAP_FAILED);
    put_nop(c->guest + PROGRAM);
    c->io_eventfd = eventfd(0, 0);
    client_connect(c);
}

static void client_setup(Client *c, const void *device)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.device = GPOINTER_TO_UINT(device);
    client_begin(c, &config);
}

static void client_ready_to_migrate(Client *c, const void *device)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.device = GPOINTER_TO_UINT(device);
    config.can_migrate = true;
    client_begin(c, &config);
    client_hello(c);
}

static void client_ready(Client *c, const void *device)
{
    client_setup(c, device);
    client_hello(c);
    client_map(c, 0, GUEST_SIZE, c->guest_fd);
    client_set_eventfd(c, VFIO_CCW_IO_IRQ_INDEX, c->io_eventfd);
}

static void client_teardown(Client *c, const void *device)
{
    vfio_ccw_host_stop(c->host, &error_abort);
    g_assert_false(g_file_test(c->path, G_FILE_TEST_EXISTS));
    g_assert_cmpint(rmdir(c->directory), ==, 0);
    client_close(c);
    close(c->io_eventfd);
    close(c->guest_fd);
    munmap(c->guest, GUEST_SIZE);
    g_free(c->path);
    g_free(c->directory);
}

static void test_start(Client *c, const void *device)
{
    uint16_t id = send_start(c);
    uint8_t irb[64];
    ORB orb;

    expect_reply(c, id, 0);
    vfio_ccw_host_wait_start(c->host, &orb);
    g_assert_cmphex(orb.intparm, ==, 0x12345678);
    g_assert_cmphex(orb.cpa, ==, PROGRAM);
    vfio_ccw_host_present_status(c->host, CE_DE, 0, 7);
    expect_interrupt(c);
    client_read(c, 0, 24, irb, sizeof(irb));
    g_assert_cmphex(ldl_be_p(irb + 4), ==, PROGRAM + 8);
    g_assert_cmphex(ldl_be_p(irb + 8), ==, CE_DE << 24 | 7);
}

static void test_instant(Client *c, const void *device)
{
    for (int i = 0; i < 100; i++) {
        expect_reply(c, send_start(c), 0);
        expect_interrupt(c);
    }
    g_assert_cmpuint(vfio_ccw_host_count(c->host, VFIO_CCW_HOST_STARTS), ==,
                     100);
}

static void test_recurring_answers(Client *c, const void *device)
{
    vfio_ccw_host_answer_every(c->host, VFIO_CCW_HOST_START, -EBUSY, 2, 5);
    for (int i = 0; i < 20; i++) {
        expect_reply(c, send_start(c), i % 5 < 3 ? 0 : EBUSY);
        if (i % 5 < 3) {
            expect_interrupt(c);
        }
    }
}

static void expect_interrupts(Client *c, unsigned count)
{
    expect_interrupt(c);
    g_assert_cmpuint(vfio_ccw_host_count(c->host, VFIO_CCW_HOST_INTERRUPTS),
                     ==, count);
}

/* The device does not hear of the start, but of the clear that follows */
static void test_lost_start(Client *c, const void *device)
{
    vfio_ccw_host_answer(c->host, VFIO_CCW_HOST_DEVICE_START, -ECANCELED, 1);
    expect_reply(c, send_start(c), 0);
    expect_reply(c, send_async(c, VFIO_CCW_ASYNC_CMD_CSCH), 0);
    expect_interrupts(c, 1);
    expect_reply(c, send_start(c), 0);
    expect_interrupts(c, 2);
}

/* A clear makes the subchannel forget what the device has yet to hear */
static void test_held_device_start(Client *c, const void *device)
{
    vfio_ccw_host_hold(c->host, VFIO_CCW_HOST_DEVICE_START);
    expect_reply(c, send_start(c), 0);
    vfio_ccw_host_wait_held(c->host, VFIO_CCW_HOST_DEVICE_START);
    expect_reply(c, send_async(c, VFIO_CCW_ASYNC_CMD_CSCH), 0);
    expect_interrupts(c, 1);
    expect_reply(c, send_start(c), 0);
    vfio_ccw_host_wait_held(c->host, VFIO_CCW_HOST_DEVICE_START);
    vfio_ccw_host_unhold(c->host, VFIO_CCW_HOST_DEVICE_START);
    expect_interrupts(c, 2);
}

/* Neither does a halt that the device does not hear of end anything */
static void test_lost_halt(Client *c, const void *device)
{
    vfio_ccw_host_answer(c->host, VFIO_CCW_HOST_DEVICE_START, -ECANCELED, 1);
    vfio_ccw_host_answer(c->host, VFIO_CCW_HOST_DEVICE_HALT, -ECANCELED, 1);
    expect_reply(c, send_start(c), 0);
    expect_reply(c, send_async(c, VFIO_CCW_ASYNC_CMD_HSCH), 0);
    expect_reply(c, send_async(c, VFIO_CCW_ASYNC_CMD_HSCH), EBUSY);
    expect_reply(c, send_async(c, VFIO_CCW_ASYNC_CMD_CSCH), 0);
    expect_interrupts(c, 1);
    expect_reply(c, send_start(c), 0);
    expect_interrupts(c, 2);
}

/* Answers come when they can, in whatever order */
static void test_order(Client *c, const void *device)
{
    uint16_t start, clear;

    vfio_ccw_host_hold(c->host, VFIO_CCW_HOST_START_REPLY);
    start = send_start(c);
    vfio_ccw_host_wait_held(c->host, VFIO_CCW_HOST_START_REPLY);
    clear = send_async(c, VFIO_CCW_ASYNC_CMD_CSCH);
    expect_reply(c, clear, 0);
    vfio_ccw_host_wait_clear(c->host);
    vfio_ccw_host_release(c->host, VFIO_CCW_HOST_START_REPLY, -EFAULT);
    expect_reply(c, start, EFAULT);
}

static void test_held_start(Client *c, const void *device)
{
    uint16_t start, clear;

    vfio_ccw_host_hold(c->host, VFIO_CCW_HOST_START);
    start = send_start(c);
    vfio_ccw_host_wait_held(c->host, VFIO_CCW_HOST_START);
    clear = send_async(c, VFIO_CCW_ASYNC_CMD_CSCH);
    expect_reply(c, clear, EAGAIN);
    vfio_ccw_host_unhold(c->host, VFIO_CCW_HOST_START);
    expect_reply(c, start, 0);
    vfio_ccw_host_wait_start(c->host, NULL);
}

/* Memory without a file descriptor: the server has to ask for it */
static void test_dma_by_message(Client *c, const void *device)
{
    struct ccw_io_region io;
    VFIOUserDMARW *read_request;
    uint16_t start, reset;
    VFIOUserHdr hdr;
    Reply reply, answer = { 0 };

    client_map(c, 0x100000, 0x10000, -1);
    io_region_for(&io, SCSW_FCTL_START_FUNC);
    stl_be_p(io.orb_area + 8, 0x100000);
    start = send_write(c, 0, &io, 24);

    recv_reply(c, &reply);
    read_request = (VFIOUserDMARW *)&reply;
    g_assert_cmpuint(reply.hdr.command, ==, VFIO_USER_DMA_READ);
    g_assert_cmphex(read_request->offset, ==, 0x100000);
    g_assert_cmpuint(read_request->count, ==, 2048);

    /* What comes meanwhile is kept for later */
    reset = send_request(c, VFIO_USER_DEVICE_RESET, &hdr, sizeof(hdr), -1);

    memcpy(&answer, &reply, sizeof(*read_request));
    answer.hdr.flags = VFIO_USER_REPLY;
    answer.hdr.size = sizeof(*read_request) + 2048;
    put_nop((uint8_t *)&answer + sizeof(*read_request));
    send_bytes(c, &answer, answer.hdr.size, -1);
    expect_reply(c, start, 0);
    expect_reply(c, reset, 0);
    g_assert_cmpuint(vfio_ccw_host_count(c->host, VFIO_CCW_HOST_RESETS), ==,
                     1);
}

static void test_dma_client_dies(Client *c, const void *device)
{
    struct ccw_io_region io;
    Reply reply;

    client_map(c, 0x100000, 0x10000, -1);
    io_region_for(&io, SCSW_FCTL_START_FUNC);
    stl_be_p(io.orb_area + 8, 0x100000);
    send_write(c, 0, &io, 24);
    recv_reply(c, &reply);
    g_assert_cmpuint(reply.hdr.command, ==, VFIO_USER_DMA_READ);
    client_close(c);
    vfio_ccw_host_wait_count(c->host, VFIO_CCW_HOST_CLOSES, 1);
    client_connect(c);
    client_hello(c);
}

/* The next client finds a device that works, whatever the last one left */
static void test_reconnect(Client *c, const void *device)
{
    expect_reply(c, send_start(c), 0);
    vfio_ccw_host_hold(c->host, VFIO_CCW_HOST_CLEAR);
    send_async(c, VFIO_CCW_ASYNC_CMD_CSCH);
    vfio_ccw_host_wait_held(c->host, VFIO_CCW_HOST_CLEAR);
    client_close(c);
    vfio_ccw_host_wait_count(c->host, VFIO_CCW_HOST_CLOSES, 1);

    client_connect(c);
    client_hello(c);
    client_map(c, 0, GUEST_SIZE, c->guest_fd);
    g_assert_cmpuint(vfio_ccw_host_count(c->host, VFIO_CCW_HOST_OPENS), ==, 2);
    expect_reply(c, send_start(c), 0);

    vfio_ccw_host_disconnect(c->host);
    g_assert_false(recv_bytes(c, &(char) { 0 }, 1));
    client_close(c);
    client_connect(c);
    client_hello(c);
}

/* Answers what QEMU must not take for good: less than was asked for */
static void test_short_replies(Client *c, const void *device)
{
    VFIOUserRegionRW rw = {
        .region = VFIO_CCW_HOST_REGION_SCHIB,
        .count = sizeof(SCHIB),
    };
    Reply reply;

    vfio_ccw_host_answer(c->host, VFIO_CCW_HOST_SCHIB_READ, 10, 1);
    g_assert_cmpint(request(c, VFIO_USER_REGION_READ, &rw, sizeof(rw), -1,
                            &reply), ==, 0);
    g_assert_cmpuint(reply.hdr.size, ==, sizeof(rw) + 10);
    g_assert_cmpuint(((VFIOUserRegionRW *)&reply)->count, ==, 10);

    vfio_ccw_host_answer(c->host, VFIO_CCW_HOST_CLEAR_REPLY, 3, 1);
    for (int round = 0; round < 2; round++) {
        send_async(c, VFIO_CCW_ASYNC_CMD_CSCH);
        recv_reply(c, &reply);
        g_assert_cmpuint(reply.hdr.size, ==, sizeof(rw));
        g_assert_cmphex(reply.hdr.flags, ==, VFIO_USER_REPLY);
        g_assert_cmpuint(((VFIOUserRegionRW *)&reply)->count, ==,
                         round ? sizeof(uint32_t) : 3);
    }
}

static void test_gone(Client *c, const void *device)
{
    vfio_ccw_host_make_gone(c->host);
    expect_reply(c, send_start(c), EIO);
    expect_reply(c, send_async(c, VFIO_CCW_ASYNC_CMD_CSCH), EIO);
}

static void test_withheld_version(Client *c, const void *device)
{
    VFIOUserVersion version = { 0 };
    uint16_t id;

    vfio_ccw_host_hold(c->host, VFIO_CCW_HOST_VERSION);
    id = send_request(c, VFIO_USER_VERSION, &version, sizeof(version), -1);
    vfio_ccw_host_wait_held(c->host, VFIO_CCW_HOST_VERSION);
    g_assert_cmpuint(vfio_ccw_host_count(c->host, VFIO_CCW_HOST_OPENS), ==, 0);
    vfio_ccw_host_release(c->host, VFIO_CCW_HOST_VERSION, -EINVAL);
    expect_reply(c, id, EINVAL);
}

/* Region information as the kernel gives it, in two steps */
static void test_region_info(Client *c, const void *device)
{
    VFIOUserRegionInfo ask = {
        .argsz = sizeof(struct vfio_region_info),
        .index = 1,
    };
    struct vfio_region_info_cap_type type;
    struct vfio_region_info info;
    Reply reply;

    g_assert_cmpint(request(c, VFIO_USER_DEVICE_GET_REGION_INFO, &ask,
                            sizeof(ask), -1, &reply), ==, 0);
    memcpy(&info, reply.payload, sizeof(info));
    g_assert_cmphex(info.flags, ==, VFIO_REGION_INFO_FLAG_READ |
                    VFIO_REGION_INFO_FLAG_WRITE | VFIO_REGION_INFO_FLAG_CAPS);
    g_assert_cmpuint(info.cap_offset, ==, 0);
    g_assert_cmpuint(info.argsz, ==, sizeof(info) + sizeof(type));

    ask.argsz = info.argsz;
    g_assert_cmpint(request(c, VFIO_USER_DEVICE_GET_REGION_INFO, &ask,
                            sizeof(ask), -1, &reply), ==, 0);
    memcpy(&info, reply.payload, sizeof(info));
    g_assert_cmpuint(info.cap_offset, ==, sizeof(info));
    memcpy(&type, reply.payload + sizeof(info), sizeof(type));
    g_assert_cmpuint(type.header.id, ==, VFIO_REGION_INFO_CAP_TYPE);
    g_assert_cmpuint(type.type, ==, VFIO_REGION_TYPE_CCW);
    g_assert_cmpuint(type.subtype, ==, VFIO_REGION_SUBTYPE_CCW_ASYNC_CMD);
}

/* What no client should send is refused, and does no harm */
static void test_bad_requests(Client *c, const void *device)
{
    uint8_t buf[64] = { 0 };
    VFIOUserRegionRW rw = { .region = 0, .count = 100 };
    VFIOUserDMAMap map = {
        .flags = VFIO_DMA_MAP_FLAG_READ, .iova = 0x1000, .size = 0x1000,
    };
    VFIOUserIRQSet irq = { .argsz = 4096 };
    Reply reply;

    g_assert_cmpint(request(c, 0, buf, 16, -1, &reply), ==, ENOTTY);
    g_assert_cmpint(request(c, 0xffff, buf, 16, -1, &reply), ==, ENOTTY);
    g_assert_cmpint(request(c, VFIO_USER_DIRTY_PAGES, buf, 16, -1, &reply),
                    ==, ENOTTY);
    g_assert_cmpint(request(c, VFIO_USER_REGION_READ, buf, 20, -1, &reply),
                    ==, EINVAL);
    /* Less data than it says */
    g_assert_cmpint(request(c, VFIO_USER_REGION_WRITE, &rw, sizeof(rw), -1,
                            &reply), ==, EINVAL);
    rw.count = UINT32_MAX;
    g_assert_cmpint(request(c, VFIO_USER_REGION_READ, &rw, sizeof(rw), -1,
                            &reply), ==, EINVAL);
    g_assert_cmpint(request(c, VFIO_USER_DMA_MAP, &map, sizeof(map), -1,
                            &reply), ==, EEXIST);
    map.iova = UINT64_MAX - 1;
    g_assert_cmpint(request(c, VFIO_USER_DMA_MAP, &map, sizeof(map), -1,
                            &reply), ==, EINVAL);
    /* Beyond the end of the file */
    map.iova = 0x200000;
    map.offset = GUEST_SIZE;
    g_assert_cmpint(request(c, VFIO_USER_DMA_MAP, &map, sizeof(map),
                            c->guest_fd, &reply), ==, EINVAL);
    g_assert_cmpint(request(c, VFIO_USER_DEVICE_SET_IRQS, &irq, sizeof(irq),
                            -1, &reply), ==, EINVAL);
    expect_reply(c, send_start(c), 0);
}

static void test_no_hello(Client *c, const void *device)
{
    VFIOUserVersion version = { .major = 1 };
    uint8_t buf[64] = { 0 };
    Reply reply;

    g_assert_cmpint(request(c, VFIO_USER_DEVICE_RESET, buf, 16, -1, &reply),
                    ==, EINVAL);
    g_assert_cmpint(request(c, VFIO_USER_VERSION, &version, sizeof(version),
                            -1, &reply), ==, EINVAL);
    client_hello(c);
    g_assert_cmpint(request(c, VFIO_USER_VERSION, &version, sizeof(version),
                            -1, &reply), ==, EINVAL);
}

/* A stream that makes no sense any more is closed */
static void test_bad_stream(Client *c, const void *device)
{
    VFIOUserHdr hdr = { .command = VFIO_USER_REGION_READ };
    static const uint32_t sizes[] = { 0, 15, UINT32_MAX };

    for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
        hdr.size = sizes[i];
        send_bytes(c, &hdr, sizeof(hdr), -1);
        g_assert_false(recv_bytes(c, &(char) { 0 }, 1));
        client_close(c);
        client_connect(c);
        client_hello(c);
    }
    /* In the middle of a header, and of a payload */
    for (int len = 7; len <= 23; len += 16) {
        uint8_t buf[32] = { 0 };

        hdr.size = sizeof(buf);
        memcpy(buf, &hdr, sizeof(hdr));
        send_bytes(c, buf, len, -1);
        client_close(c);
        client_connect(c);
        client_hello(c);
    }
}

/* A socket in use stays so, however often one tries; a dead one is taken */
static void test_socket_path(Client *c, const void *device)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    g_autofree char *path = g_build_filename(c->directory, "other", NULL);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    Error *err = NULL;

    for (int i = 0; i < 5; i++) {
        g_assert_null(vfio_ccw_host_start(c->path, &config, &err));
        error_free_or_abort(&err);
    }
    expect_reply(c, send_start(c), 0);

    g_assert(g_file_set_contents(path, "", 0, NULL));
    g_assert_null(vfio_ccw_host_start(path, &config, &err));
    error_free_or_abort(&err);
    g_assert_cmpint(unlink(path), ==, 0);

    g_assert_cmpuint(strlen(path), <, sizeof(address.sun_path));
    strcpy(address.sun_path, path);
    g_assert_cmpint(bind(fd, (void *)&address, sizeof(address)), ==, 0);
    close(fd);
    vfio_ccw_host_stop(vfio_ccw_host_start(path, &config, &error_abort),
                       &error_abort);
}

/*
 * A second client is hung up on, whatever it has sent, and the first one does
 * not notice. One that comes when the first has left is served, though what
 * that one sent last may not have been read yet.
 */
static void test_second_client(Client *c, const void *device)
{
    VFIOUserHdr hdr = {
        .command = VFIO_USER_DEVICE_RESET, .size = sizeof(hdr),
    };
    Client second = { .path = c->path };

    for (int i = 0; i < 3; i++) {
        client_connect(&second);
        g_assert_false(recv_bytes(&second, &(char) { 0 }, 1));
        client_close(&second);
    }
    expect_reply(c, send_start(c), 0);
    for (int i = 0; i < 100; i++) {
        send_bytes(c, &hdr, sizeof(hdr), -1);
        client_close(c);
        client_connect(c);
        client_hello(c);
    }
}

static struct stat stat_of(const char *path)
{
    struct stat st;

    g_assert_cmpint(stat(path, &st), ==, 0);
    return st;
}

/* Two groups that are there are not to be expected: a number will do */
static void test_shared_socket(Client *c, const void *device)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    g_autofree char *path = g_build_filename(c->directory, "other", NULL);
    g_autofree char *group = g_strdup_printf("%u", getegid());
    mode_t mask = umask(0);
    Error *err = NULL;

    vfio_ccw_host_stop(vfio_ccw_host_start_on(
        host_listen_for(path, NULL, 0606, &error_abort), &config,
        &error_abort), &error_abort);
    for (int mode = -1; mode <= 0600; mode += 0601) {
        QIOChannelSocket *listener = host_listen_for(path, group, mode,
                                                     &error_abort);

        g_assert_cmphex(stat_of(path).st_mode & 0777, ==,
                        mode < 0 ? 0660 : mode);
        g_assert_cmpuint(stat_of(path).st_gid, ==, getegid());
        object_unref(OBJECT(listener));
        g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    }
    g_assert_null(host_listen_for(path, "no such group", -1, &err));
    error_free_or_abort(&err);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    g_assert_cmphex(umask(mask), ==, 0);
}

/* Whoever made the socket goes on having it */
static void test_inherited_socket(Client *c, const void *device)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    g_autofree char *path = g_build_filename(c->directory, "other", NULL);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    Client client = { .path = path };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    Error *err = NULL;

    g_assert_cmpuint(strlen(path), <, sizeof(address.sun_path));
    strcpy(address.sun_path, path);
    g_assert_cmpint(bind(fd, (void *)&address, sizeof(address)), ==, 0);
    g_assert_null(host_listen_on_fd(fd, &err));
    error_free_or_abort(&err);
    g_assert_null(host_listen_on_fd(STDIN_FILENO, &err));
    error_free_or_abort(&err);
    g_assert_null(host_listen_on_fd(-1, &err));
    error_free_or_abort(&err);

    g_assert_cmpint(listen(fd, 1), ==, 0);
    for (int i = 0; i < 2; i++) {
        VfioCcwHost *host;

        host = vfio_ccw_host_start_on(host_listen_on_fd(dup(fd), &error_abort),
                                      &config, &error_abort);
        client_connect(&client);
        client_hello(&client);
        client_close(&client);
        vfio_ccw_host_stop(host, &error_abort);
        g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
    }
    close(fd);
    g_assert_cmpint(unlink(path), ==, 0);
}

/* Byte by byte is as good as all at once */
static void test_slow_client(Client *c, const void *device)
{
    VFIOUserHdr hdr = {
        .id = 99, .command = VFIO_USER_DEVICE_RESET, .size = sizeof(hdr),
    };

    for (int i = 0; i < sizeof(hdr); i++) {
        send_bytes(c, (uint8_t *)&hdr + i, 1, -1);
    }
    expect_reply(c, 99, 0);
}

/* Nor need messages end where a send ends; descriptors are of the last one */
static void test_hasty_client(Client *c, const void *device)
{
    struct QEMU_PACKED {
        VFIOUserHdr reset[3];
        VFIOUserIRQSet irq;
        VFIOUserHdr last;
    } message = {
        .irq = {
            .hdr = {
                .id = 3,
                .command = VFIO_USER_DEVICE_SET_IRQS,
                .size = sizeof(message.irq),
            },
            .argsz = sizeof(struct vfio_irq_set),
            .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
            .count = 1,
        },
    };
    size_t half = offsetof(typeof(message), last) + sizeof(message.last) / 2;
    int fd = eventfd(0, 0);

    for (int i = 0; i < ARRAY_SIZE(message.reset); i++) {
        message.reset[i] = (VFIOUserHdr) {
            .id = i,
            .command = VFIO_USER_DEVICE_RESET,
            .size = sizeof(VFIOUserHdr),
        };
    }
    message.last = message.reset[0];
    message.last.id = 4;

    send_bytes(c, &message, offsetof(typeof(message), last), fd);
    for (int i = 0; i < 4; i++) {
        expect_reply(c, i, 0);
    }
    expect_reply(c, send_start(c), 0);
    vfio_ccw_host_present_status(c->host, CE_DE, 0, 0);
    g_assert_cmpint(read(fd, &(uint64_t) { 0 }, sizeof(uint64_t)), ==,
                    sizeof(uint64_t));

    send_bytes(c, &message, half, -1);
    for (int i = 0; i < 3; i++) {
        expect_reply(c, i, 0);
    }
    expect_reply(c, 3, 0);
    send_bytes(c, (uint8_t *)&message + half, sizeof(message) - half, -1);
    expect_reply(c, 4, 0);
    close(fd);
}

typedef struct Feature {
    VFIOUserHdr hdr;
    struct vfio_device_feature feature;
    struct vfio_device_feature_mig_state state;
} QEMU_PACKED Feature;

/* Whether or not data goes along, there is room for that of the reply. */
static int request_feature(Client *c, uint32_t flags, uint32_t state,
                           Feature *reply)
{
    size_t size = flags & VFIO_DEVICE_FEATURE_SET ? sizeof(Feature) :
                  offsetof(Feature, state);
    Feature message = {
        .feature.argsz = sizeof(Feature) - sizeof(VFIOUserHdr),
        .feature.flags = flags,
        .state.device_state = state,
    };
    Reply answer;
    int ret = request(c, VFIO_USER_DEVICE_FEATURE, &message, size, -1,
                      &answer);

    if (!ret) {
        g_assert_cmpuint(answer.hdr.size, <=, sizeof(*reply));
        memset(reply, 0, sizeof(*reply));
        memcpy(reply, &answer, answer.hdr.size);
        g_assert_cmphex(reply->feature.flags, ==, flags);
    }
    return ret;
}

static void test_migration(Client *c, const void *device)
{
    const uint32_t get = VFIO_DEVICE_FEATURE_GET |
                         VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE;
    const uint32_t set = VFIO_DEVICE_FEATURE_SET |
                         VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE;
    Feature reply;

    g_assert_cmpint(request_feature(c, VFIO_DEVICE_FEATURE_GET |
                                    VFIO_DEVICE_FEATURE_MIGRATION, 0, &reply),
                    ==, 0);
    g_assert_cmpuint(reply.hdr.size, ==, sizeof(reply));
    g_assert_cmpuint(reply.feature.argsz, ==, 16);
    /* The flags, 64 bits */
    g_assert_cmphex(reply.state.device_state, ==, VFIO_MIGRATION_STOP_COPY);
    g_assert_cmphex(reply.state.data_fd, ==, 0);

    g_assert_cmpint(request_feature(c, get, 0, &reply), ==, 0);
    g_assert_cmpuint(reply.state.device_state, ==, VFIO_DEVICE_STATE_RUNNING);
    g_assert_cmpint(request_feature(c, set, VFIO_DEVICE_STATE_STOP_COPY,
                                    &reply), ==, 0);
    g_assert_cmpuint(reply.hdr.size, ==, sizeof(reply));
    g_assert_cmpuint(reply.state.device_state, ==,
                     VFIO_DEVICE_STATE_STOP_COPY);
    g_assert_cmpint(request_feature(c, set, VFIO_DEVICE_STATE_PRE_COPY,
                                    &reply), ==, EINVAL);
    g_assert_cmpint(request_feature(c, get, 0, &reply), ==, 0);
    g_assert_cmpuint(reply.state.device_state, ==,
                     VFIO_DEVICE_STATE_STOP_COPY);
    g_assert_cmpint(request_feature(c, VFIO_DEVICE_FEATURE_PROBE | get, 0,
                                    &reply), ==, 0);
    g_assert_cmpuint(reply.hdr.size, ==, offsetof(Feature, state));
}

/* No room for the reply, and more data than any feature has */
static void test_bad_features(Client *c, const void *device)
{
    uint8_t buf[128] = { 0 };
    Feature *message = (Feature *)buf;
    Reply reply;

    message->feature.argsz = 15;
    message->feature.flags = VFIO_DEVICE_FEATURE_GET |
                             VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE;
    g_assert_cmpint(request(c, VFIO_USER_DEVICE_FEATURE, buf,
                            offsetof(Feature, state), -1, &reply), ==, EINVAL);
    message->feature.argsz = sizeof(buf);
    g_assert_cmpint(request(c, VFIO_USER_DEVICE_FEATURE, buf, sizeof(buf), -1,
                            &reply), ==, EINVAL);
    g_assert_cmpint(request(c, VFIO_USER_DEVICE_FEATURE, buf, 20, -1, &reply),
                    ==, EINVAL);
}

static void test_no_migration(Client *c, const void *device)
{
    Feature reply;

    g_assert_cmpint(request_feature(c, VFIO_DEVICE_FEATURE_GET |
                                    VFIO_DEVICE_FEATURE_MIGRATION, 0, &reply),
                    ==, ENOTTY);
}

/* The fault begins when it is told to, not when its time first comes round */
static void test_slow_from_the_start(Client *c, const void *device)
{
    const HostFault *slow = host_fault_find("slow");
    uint16_t id;

    g_assert_nonnull(slow);
    host_fault_begin(slow, c->host);
    id = send_start(c);
    vfio_ccw_host_wait_held(c->host, VFIO_CCW_HOST_START);
    while (vfio_ccw_host_count(c->host, VFIO_CCW_HOST_INTERRUPTS) == 0) {
        g_main_context_iteration(NULL, true);
    }
    expect_reply(c, id, 0);
    g_assert(g_source_remove_by_user_data(c->host));
}

static void add_client(const char *name, VfioCcwHostDevice device,
                       void (*start)(Client *, const void *),
                       void (*test)(Client *, const void *))
{
    g_test_add(name, Client, GUINT_TO_POINTER(device), start, test,
               client_teardown);
}

static void add_instant(const char *name, void (*test)(Client *, const void *))
{
    add_client(name, VFIO_CCW_HOST_INSTANT, client_ready, test);
}

static void add_server(const char *name, void (*test)(Client *, const void *))
{
    add_client(name, VFIO_CCW_HOST_SCRIPTED, client_ready, test);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    g_test_init(&argc, &argv, NULL);
    add_server("/vfio-ccw-host/server/start", test_start);
    add_instant("/vfio-ccw-host/server/instant", test_instant);
    add_instant("/vfio-ccw-host/server/recurring", test_recurring_answers);
    add_instant("/vfio-ccw-host/server/lost-start", test_lost_start);
    add_instant("/vfio-ccw-host/server/lost-halt", test_lost_halt);
    add_instant("/vfio-ccw-host/server/device-start", test_held_device_start);
    add_instant("/vfio-ccw-host/server/slow-fault", test_slow_from_the_start);
    add_server("/vfio-ccw-host/server/order", test_order);
    add_server("/vfio-ccw-host/server/held-start", test_held_start);
    add_server("/vfio-ccw-host/server/dma", test_dma_by_message);
    add_server("/vfio-ccw-host/server/dma-dies", test_dma_client_dies);
    add_server("/vfio-ccw-host/server/reconnect", test_reconnect);
    add_server("/vfio-ccw-host/server/short-replies", test_short_replies);
    add_server("/vfio-ccw-host/server/gone", test_gone);
    add_server("/vfio-ccw-host/server/region-info", test_region_info);
    add_server("/vfio-ccw-host/server/bad-requests", test_bad_requests);
    add_server("/vfio-ccw-host/server/bad-stream", test_bad_stream);
    add_server("/vfio-ccw-host/server/path", test_socket_path);
    add_server("/vfio-ccw-host/server/second-client", test_second_client);
    add_server("/vfio-ccw-host/server/shared-socket", test_shared_socket);
    add_server("/vfio-ccw-host/server/inherited-socket",
               test_inherited_socket);
    add_server("/vfio-ccw-host/server/slow", test_slow_client);
    add_server("/vfio-ccw-host/server/hasty", test_hasty_client);
    add_server("/vfio-ccw-host/server/no-migration", test_no_migration);
    add_client("/vfio-ccw-host/server/migration", VFIO_CCW_HOST_SCRIPTED,
               client_ready_to_migrate, test_migration);
    add_client("/vfio-ccw-host/server/bad-features", VFIO_CCW_HOST_SCRIPTED,
               client_ready_to_migrate, test_bad_features);
    add_client("/vfio-ccw-host/server/version", VFIO_CCW_HOST_SCRIPTED,
               client_setup, test_withheld_version);
    add_client("/vfio-ccw-host/server/no-hello", VFIO_CCW_HOST_SCRIPTED,
               client_setup, test_no_hello);
    return g_test_run();
}
