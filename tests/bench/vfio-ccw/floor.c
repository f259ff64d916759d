/*
 * The least that a round trip to another process can take on this machine
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Called by vfio-ccw-bench.c while it has no other threads.
 */

#include "qemu/osdep.h"
#include <linux/vfio_ccw.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "qemu/thread.h"
#include "qemu/timer.h"
#include "hw/vfio-user/protocol.h"
#include "floor.h"

typedef struct Wire {
    int client;
    int server;
    int event;
    unsigned count;
} Wire;

#define REQUEST_SIZE sizeof(VFIOUserRegionRW)
#define WRITE_SIZE \
    (REQUEST_SIZE + offsetof(struct ccw_io_region, irb_area))
#define IRB_REPLY_SIZE (REQUEST_SIZE + IRB_AREA_SIZE)

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
    uint8_t message[WRITE_SIZE + IRB_REPLY_SIZE] = { 0 };

    for (unsigned i = 0; i < wire->count; i++) {
        receive_all(wire->server, message, WRITE_SIZE);
        send_all(wire->event, &one, sizeof(one));
        send_all(wire->server, message, REQUEST_SIZE);
        receive_all(wire->server, message, REQUEST_SIZE);
        send_all(wire->server, message, IRB_REPLY_SIZE);
    }
    return NULL;
}

static void round_trip(const Wire *wire)
{
    uint64_t signals;
    uint8_t message[WRITE_SIZE + IRB_REPLY_SIZE] = { 0 };

    send_all(wire->client, message, WRITE_SIZE);
    receive_all(wire->client, message, REQUEST_SIZE);
    g_assert_cmpint(read(wire->event, &signals, sizeof(signals)), ==,
                    sizeof(signals));
    send_all(wire->client, message, REQUEST_SIZE);
    receive_all(wire->client, message, IRB_REPLY_SIZE);
}

static void measure(const Wire *wire, double *us)
{
    for (unsigned i = 0; i < wire->count; i++) {
        int64_t began = get_clock();

        round_trip(wire);
        us[i] = (get_clock() - began) / 1e3;
    }
}

void floor_round_trips(double *us, unsigned count)
{
    size_t size = count * sizeof(*us);
    double *shared = mmap(NULL, size, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    Wire wire = { .count = count };
    QemuThread server;
    int sockets[2], status;
    pid_t child;

    g_assert_true(shared != MAP_FAILED);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), ==, 0);
    wire.client = sockets[0];
    wire.server = sockets[1];
    wire.event = eventfd(0, 0);
    g_assert_cmpint(wire.event, >=, 0);

    child = fork();
    g_assert_cmpint(child, >=, 0);
    if (child == 0) {
        measure(&wire, shared);
        _exit(0);
    }
    qemu_thread_create(&server, "server", serve, &wire, QEMU_THREAD_JOINABLE);
    qemu_thread_join(&server);
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_cmpint(status, ==, 0);

    memcpy(us, shared, size);
    munmap(shared, size);
    close(wire.client);
    close(wire.server);
    close(wire.event);
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
    uint8_t message[WRITE_SIZE];

    for (unsigned i = 0; i < wire->count; i++) {
        receive_all(wire->server, message, sizeof(message));
    }
    return NULL;
}

void floor_sends(double *us, unsigned count, unsigned pause_ms)
{
    uint8_t message[WRITE_SIZE] = { 0 };
    Wire wire = { .count = count };
    QemuThread receiver;
    int sockets[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), ==, 0);
    wire.client = sockets[0];
    wire.server = sockets[1];
    qemu_thread_create(&receiver, "receiver", receive, &wire,
                       QEMU_THREAD_JOINABLE);
    for (unsigned i = 0; i < count; i++) {
        int64_t began = get_clock(), now;

        do {
            now = get_clock();
        } while (now - began < pause_ms * SCALE_MS);
        send_all(wire.client, message, sizeof(message));
        us[i] = (get_clock() - now) / 1e3;
    }
    qemu_thread_join(&receiver);
    close(wire.client);
    close(wire.server);
}
