/*
 * The least that a round trip to another process can take on this machine
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Called by vfio-ccw-bench.c while it has no other threads but those of hosts.
 * A child process does nothing but what a signal handler may.
 */

#include "qemu/osdep.h"
#include <glib/gstdio.h>
#include <linux/vfio.h>
#include <linux/vfio_ccw.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/memfd.h"
#include "qemu/thread.h"
#include "qemu/timer.h"
#include "hw/vfio-user/protocol.h"
#include "tests/vfio-ccw-host/sockets.h"
#include "tests/vfio-ccw-host/vfio-ccw-host.h"
#include "floor.h"

#define REQUEST_SIZE sizeof(VFIOUserRegionRW)
#define IRB_REPLY_SIZE (REQUEST_SIZE + IRB_AREA_SIZE)

typedef struct StartMessage {
    VFIOUserRegionRW rw;
    uint8_t orb_area[ORB_AREA_SIZE];
    uint8_t scsw_area[SCSW_AREA_SIZE];
} StartMessage;

typedef struct Wire {
    int client;
    int server;
    int event;
    unsigned count;
    unsigned received;          /* atomic */
    StartMessage start[2];      /* in turn */
    VFIOUserRegionRW irb_read;
} Wire;

/* In storage of this size, from its begin on */
#define PROGRAM_SIZE 4096

static void send_all(int fd, const void *data, size_t size)
{
    g_assert_cmpint(write(fd, data, size), ==, size);
}

static void receive_all(int fd, void *data, size_t size)
{
    g_assert_cmpint(recv(fd, data, size, MSG_WAITALL), ==, size);
}

static void *serve(void *opaque)
{
    Wire *wire = opaque;
    uint64_t one = 1;
    uint8_t message[sizeof(StartMessage) + IRB_REPLY_SIZE] = { 0 };

    for (unsigned i = 0; i < wire->count; i++) {
        receive_all(wire->server, message, sizeof(StartMessage));
        send_all(wire->event, &one, sizeof(one));
        send_all(wire->server, message, REQUEST_SIZE);
        receive_all(wire->server, message, REQUEST_SIZE);
        send_all(wire->server, message, IRB_REPLY_SIZE);
    }
    return NULL;
}

static void round_trip(const Wire *wire, const StartMessage *start)
{
    uint64_t signals;
    uint8_t message[IRB_REPLY_SIZE];

    send_all(wire->client, start, sizeof(*start));
    receive_all(wire->client, message, REQUEST_SIZE);
    g_assert_cmpint(read(wire->event, &signals, sizeof(signals)), ==,
                    sizeof(signals));
    send_all(wire->client, &wire->irb_read, sizeof(wire->irb_read));
    receive_all(wire->client, message, IRB_REPLY_SIZE);
}

static void measure(const Wire *wire, double *us)
{
    for (unsigned i = 0; i < wire->count; i++) {
        int64_t began = get_clock();

        round_trip(wire, &wire->start[i % 2]);
        us[i] = (get_clock() - began) / 1e3;
    }
}

static void write_messages(Wire *wire)
{
    for (int i = 0; i < ARRAY_SIZE(wire->start); i++) {
        StartMessage *start = &wire->start[i];

        start->rw = (VFIOUserRegionRW) {
            .hdr = {
                .command = VFIO_USER_REGION_WRITE,
                .size = sizeof(*start),
            },
            .region = VFIO_CCW_CONFIG_REGION_INDEX,
            .count = sizeof(*start) - sizeof(start->rw),
        };
        stw_be_p(start->orb_area + 4,
                 ORB_CTRL0_MASK_FMT | ORB_CTRL0_MASK_PFCH);
        start->orb_area[6] = 0xff;
        stl_be_p(start->orb_area + 8, i * sizeof(CCW1));
        stw_be_p(start->scsw_area + 2, SCSW_FCTL_START_FUNC);
    }
    wire->irb_read = (VFIOUserRegionRW) {
        .hdr = {
            .command = VFIO_USER_REGION_READ,
            .size = sizeof(wire->irb_read),
        },
        .offset = offsetof(struct ccw_io_region, irb_area),
        .region = VFIO_CCW_CONFIG_REGION_INDEX,
        .count = IRB_AREA_SIZE,
    };
}

/* Returns the child, which writes its times to @us. */
static pid_t fork_client(const Wire *wire, double *us)
{
    pid_t child = fork();

    g_assert_cmpint(child, >=, 0);
    if (child == 0) {
        measure(wire, us);
        _exit(0);
    }
    return child;
}

static void wait_client(pid_t child)
{
    int status;

    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_cmpint(status, ==, 0);
}

static double *share_times(unsigned count)
{
    double *us = mmap(NULL, count * sizeof(*us), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    g_assert_true(us != MAP_FAILED);
    return us;
}

static void take_times(double *us, double *shared, unsigned count)
{
    memcpy(us, shared, count * sizeof(*us));
    munmap(shared, count * sizeof(*us));
}

void floor_round_trips(double *us, unsigned count)
{
    double *shared = share_times(count);
    Wire wire = { .count = count };
    QemuThread server;
    int sockets[2];
    pid_t child;

    write_messages(&wire);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), ==, 0);
    wire.client = sockets[0];
    wire.server = sockets[1];
    wire.event = eventfd(0, 0);
    g_assert_cmpint(wire.event, >=, 0);

    child = fork_client(&wire, shared);
    qemu_thread_create(&server, "server", serve, &wire, QEMU_THREAD_JOINABLE);
    qemu_thread_join(&server);
    wait_client(child);

    take_times(us, shared, count);
    close(wire.client);
    close(wire.server);
    close(wire.event);
}

/* A request of the preparations, whose reply may say what it likes */
static void prepare(QIOChannel *ioc, VFIOUserHdr *request, uint16_t command,
                    size_t size, int fd)
{
    struct iovec iov = { .iov_base = request, .iov_len = size };
    g_autofree char *payload = NULL;
    VFIOUserHdr reply;

    request->command = command;
    request->size = size;
    qio_channel_writev_full_all(ioc, &iov, 1, &fd, fd >= 0, 0, &error_abort);
    qio_channel_read_all(ioc, (char *)&reply, sizeof(reply), &error_abort);
    g_assert_cmphex(reply.flags, ==, VFIO_USER_REPLY);
    payload = g_malloc(reply.size);
    qio_channel_read_all(ioc, payload, reply.size - sizeof(reply),
                         &error_abort);
}

/* Makes the host ready for starts of the programs in @storage_fd. */
static void prepare_host(QIOChannel *ioc, int storage_fd, int event)
{
    VFIOUserVersion version = { .major = VFIO_USER_MAJOR_VER };
    VFIOUserDMAMap map = {
        .argsz = sizeof(struct vfio_iommu_type1_dma_map),
        .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
        .size = PROGRAM_SIZE,
    };
    VFIOUserIRQSet irq = {
        .argsz = sizeof(struct vfio_irq_set),
        .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
        .index = VFIO_CCW_IO_IRQ_INDEX,
        .count = 1,
    };

    prepare(ioc, &version.hdr, VFIO_USER_VERSION, sizeof(version), -1);
    prepare(ioc, &map.hdr, VFIO_USER_DMA_MAP, sizeof(map), storage_fd);
    prepare(ioc, &irq.hdr, VFIO_USER_DEVICE_SET_IRQS, sizeof(irq), event);
}

static void write_programs(uint8_t *storage)
{
    for (int i = 0; i < 2; i++) {
        uint8_t *ccw = storage + i * sizeof(CCW1);

        ccw[0] = CCW_CMD_NOOP;
        ccw[1] = CCW_FLAG_SLI;
        stw_be_p(ccw + 2, 1);
    }
}

void floor_host_round_trips(double *us, unsigned count)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    g_autofree char *dir = g_dir_make_tmp("vfio-ccw-bench-XXXXXX", NULL);
    g_autofree char *path = g_strdup_printf("%s/floor", dir);
    double *shared = share_times(count);
    Wire wire = { .count = count, .event = eventfd(0, 0) };
    QIOChannel *ioc;
    VfioCcwHost *host;
    int storage_fd;
    void *storage = qemu_memfd_alloc("program", PROGRAM_SIZE, 0, &storage_fd,
                                     &error_abort);

    write_programs(storage);
    write_messages(&wire);
    config.device = VFIO_CCW_HOST_INSTANT;
    host = vfio_ccw_host_start(path, &config, &error_abort);
    ioc = host_connect(path, &error_abort);
    prepare_host(ioc, storage_fd, wire.event);
    wire.client = QIO_CHANNEL_SOCKET(ioc)->fd;

    wait_client(fork_client(&wire, shared));
    g_assert_cmpuint(vfio_ccw_host_count(host, VFIO_CCW_HOST_STARTS), ==,
                     count);

    take_times(us, shared, count);
    object_unref(OBJECT(ioc));
    vfio_ccw_host_stop(host, &error_abort);
    qemu_memfd_free(storage, PROGRAM_SIZE, storage_fd);
    close(wire.event);
    g_rmdir(dir);
}

typedef struct Court {
    QemuMutex lock;
    QemuCond cond;
    unsigned hits;              /* even: ours, odd: the other thread's */
    unsigned end;
} Court;

static void hit_back(Court *court, unsigned side)
{
    while (court->hits % 2 != side) {
        qemu_cond_wait(&court->cond, &court->lock);
    }
    court->hits++;
    qemu_cond_signal(&court->cond);
}

static void *other_side(void *opaque)
{
    Court *court = opaque;

    qemu_mutex_lock(&court->lock);
    while (court->hits < court->end) {
        hit_back(court, 1);
    }
    qemu_mutex_unlock(&court->lock);
    return NULL;
}

void floor_thread_hops(double *us, unsigned count)
{
    Court court = { .end = 2 * count };
    QemuThread other;

    qemu_mutex_init(&court.lock);
    qemu_cond_init(&court.cond);
    qemu_thread_create(&other, "other", other_side, &court,
                       QEMU_THREAD_JOINABLE);
    qemu_mutex_lock(&court.lock);
    for (unsigned i = 0; i < count; i++) {
        int64_t began = get_clock();

        hit_back(&court, 0);
        while (court.hits % 2) {
            qemu_cond_wait(&court.cond, &court.lock);
        }
        us[i] = (get_clock() - began) / 2e3;
    }
    qemu_mutex_unlock(&court.lock);
    qemu_thread_join(&other);
    qemu_cond_destroy(&court.cond);
    qemu_mutex_destroy(&court.lock);
}

static void *receive(void *opaque)
{
    Wire *wire = opaque;
    uint8_t message[sizeof(StartMessage)];

    for (unsigned i = 0; i < wire->count; i++) {
        receive_all(wire->server, message, sizeof(message));
        qatomic_set(&wire->received, i + 1);
    }
    return NULL;
}

static int64_t be_busy(unsigned ms)
{
    int64_t began = get_clock(), now;

    do {
        now = get_clock();
    } while (now - began < ms * SCALE_MS);
    return now;
}

void floor_sends(double *us, unsigned count, unsigned pause_ms)
{
    uint8_t message[sizeof(StartMessage)] = { 0 };
    Wire wire = { .count = count };
    QemuThread receiver;
    int sockets[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), ==, 0);
    wire.client = sockets[0];
    wire.server = sockets[1];
    qemu_thread_create(&receiver, "receiver", receive, &wire,
                       QEMU_THREAD_JOINABLE);
    for (unsigned i = 0; i < count; i++) {
        int64_t began = be_busy(pause_ms);

        send_all(wire.client, message, sizeof(message));
        us[i] = (get_clock() - began) / 1e3;
        while (qatomic_read(&wire.received) <= i) {
            /* The receiver is to wait for the next one. */
        }
    }
    qemu_thread_join(&receiver);
    close(wire.client);
    close(wire.server);
}

void floor_system_calls(double *us, unsigned count, unsigned pause_ms)
{
    for (unsigned i = 0; i < count; i++) {
        int64_t began = be_busy(pause_ms);

        getppid();
        us[i] = (get_clock() - began) / 1e3;
    }
}
