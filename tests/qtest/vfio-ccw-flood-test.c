/*
 * QTest of vfio-ccw: a server from which something comes without end
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * QEMU goes on, and does not keep more and more of it; see vfio-ccw-scene.h.
 * The wire's thread runs the functions named tamper_*, one of their own runs
 * flood_requests() and flood_interrupts(), the test's thread everything else.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/thread.h"
#include "hw/s390x/crw-queue.h"
#include "vfio-ccw-scene.h"

#define REQUEST_ID 0xbeef

#define CHPID 0x40

/* Who has refused so many messages, one after the other, takes no more. */
#define MAX_REFUSED 100000

/* How much more memory than before QEMU may use */
#define MAX_GROWTH (64 * 1024 * 1024)

typedef struct Flood {
    QemuThread thread;
    bool over;
    Scene *scene;
    int eventfd[VFIO_CCW_NUM_IRQS];
    unsigned irqs;              /* one bit each: of these */
} Flood;

static void *flood_requests(void *opaque)
{
    Flood *flood = opaque;
    VFIOUserHdr hdr[1024] = { };

    for (size_t i = 0; i < ARRAY_SIZE(hdr); i++) {
        hdr[i] = (VFIOUserHdr) {
            .id = REQUEST_ID,
            .command = UINT16_MAX,
            .size = sizeof(hdr[i]),
            .flags = VFIO_USER_NO_REPLY,
        };
    }
    while (!qatomic_read(&flood->over)) {
        wire_inject(flood->scene->wire, hdr, sizeof(hdr), NULL, 0);
    }
    return NULL;
}

static void end_flood(Flood *flood)
{
    qatomic_set(&flood->over, true);
    qemu_thread_join(&flood->thread);
}

/* The thread that reads them must not keep the main loop from its turn. */
static void test_flood_of_requests(void)
{
    Scene *scene = scene_new();
    Flood flood = { .scene = scene };
    uint64_t before;

    plug_and_enable(scene, LONG_TIMEOUT_MS);
    before = resident_of_qemu(scene->bed);
    qemu_thread_create(&flood.thread, "flood", flood_requests, &flood,
                       QEMU_THREAD_JOINABLE);
    for (int i = 0; i < 20; i++) {
        assert_unhurt(scene);
    }
    g_assert_cmpuint(resident_of_qemu(scene->bed), <, before + MAX_GROWTH);
    end_flood(&flood);
    assert_usable(scene->bed);
    unplug(scene);
    assert_nothing_left(scene);
    scene_end(scene);
}

/* A server that asks for guest memory, and does not take it */
static void test_flood_without_reading(void)
{
    Scene *scene = scene_new();
    VFIOUserDMARW rw = {
        .hdr = {
            .id = REQUEST_ID,
            .command = VFIO_USER_DMA_READ,
            .size = sizeof(rw),
        },
        .offset = 0,
        .count = VFIO_USER_DEF_MAX_XFER,
    };
    uint64_t before;
    unsigned refused = 0;

    plug_and_enable(scene, LONG_TIMEOUT_MS);
    start_active(scene->bed);
    before = resident_of_qemu(scene->bed);
    wire_turn_deaf(scene->wire);
    while (refused < MAX_REFUSED) {
        refused = wire_inject(scene->wire, &rw, sizeof(rw), NULL, 0)
                  ? 0 : refused + 1;
        g_assert_cmpuint(resident_of_qemu(scene->bed), <, before + MAX_GROWTH);
    }
    assert_unhurt(scene);
    wire_cut(scene->wire);
    expect_gone(scene->bed);
    unplug(scene);
    assert_nothing_left(scene);
    scene_end(scene);
}

static WireFate tamper_copy_eventfds(Wire *wire, WireMessage *message,
                                     void *opaque)
{
    const VFIOUserIRQSet *set = (VFIOUserIRQSet *)message->bytes->data;
    Flood *flood = opaque;

    if (!message->from_host && message->nr_fds &&
        set->hdr.command == VFIO_USER_DEVICE_SET_IRQS &&
        set->index < ARRAY_SIZE(flood->eventfd)) {
        flood->eventfd[set->index] = dup(message->fds[0]);
    }
    return WIRE_PASS;
}

static void *flood_interrupts(void *opaque)
{
    Flood *flood = opaque;
    const uint64_t one = 1;

    while (!qatomic_read(&flood->over)) {
        for (size_t i = 0; i < ARRAY_SIZE(flood->eventfd); i++) {
            if (flood->irqs & (1u << i)) {
                g_assert_cmpint(write(flood->eventfd[i], &one, sizeof(one)),
                                ==, sizeof(one));
            }
        }
    }
    return NULL;
}

static void begin_flood_of_interrupts(Flood *flood)
{
    qemu_thread_create(&flood->thread, "flood", flood_interrupts, flood,
                       QEMU_THREAD_JOINABLE);
}

static void end_flood_of_interrupts(Flood *flood)
{
    end_flood(flood);
    for (size_t i = 0; i < ARRAY_SIZE(flood->eventfd); i++) {
        close(flood->eventfd[i]);
    }
}

static void plug_with_eventfds(Scene *scene, Flood *flood)
{
    wire_set_tamper(scene->wire, tamper_copy_eventfds, flood);
    plug_and_enable(scene, LONG_TIMEOUT_MS);
    wire_set_tamper(scene->wire, NULL, NULL);
}

static void test_flood_of_interrupts(void)
{
    Scene *scene = scene_new();
    Flood flood = {
        .scene = scene,
        .irqs = 1u << VFIO_CCW_IO_IRQ_INDEX | 1u << VFIO_CCW_CRW_IRQ_INDEX,
    };
    uint64_t before;

    plug_with_eventfds(scene, &flood);
    before = resident_of_qemu(scene->bed);
    begin_flood_of_interrupts(&flood);
    for (int i = 0; i < 20; i++) {
        assert_unhurt(scene);
    }
    g_assert_cmpuint(resident_of_qemu(scene->bed), <, before + MAX_GROWTH);
    end_flood_of_interrupts(&flood);
    assert_usable(scene->bed);
    unplug(scene);
    assert_nothing_left(scene);
    scene_end(scene);
}

/*
 * Whenever QEMU asks, there is one more channel report: a path goes and comes,
 * so that none is a copy of the one before.
 */
static WireFate tamper_add_crw(Wire *wire, WireMessage *message, void *opaque)
{
    VFIOUserRegionRW *rw = (VFIOUserRegionRW *)message->bytes->data;
    unsigned *reports = opaque;
    uint32_t erc;

    if (message->from_host && rw->hdr.command == VFIO_USER_REGION_READ &&
        message->bytes->len == sizeof(*rw) + sizeof(struct ccw_crw_region) &&
        rw->region == VFIO_CCW_HOST_REGION_CRW) {
        erc = ++*reports % 2 ? CRW_ERC_PERRN : CRW_ERC_INIT;
        stl_be_p(rw->data, (CRW_RSC_CHP << 8 | erc) << 16 | CHPID);
    }
    return WIRE_PASS;
}

static int64_t reports_counted(Scene *scene)
{
    return counter_of(scene->bed, "ccw0", "crws-relayed") +
           counter_of(scene->bed, "ccw0", "crws-merged") +
           counter_of(scene->bed, "ccw0", "crws-lost");
}

static void wait_reports_counted(Scene *scene, int64_t count)
{
    int64_t deadline = qcss_deadline();

    while (reports_counted(scene) < count) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
}

/* The oldest are pending, and the last of them says that more are lost. */
static void expect_full_queue(Scene *scene)
{
    QTestState *qts = scene->bed->qts;
    unsigned pending = 0;
    CRW crw = { };

    qcss_wait_crw_mchk(qts);
    while (!(crw.flags & CRW_FLAGS_MASK_R)) {
        g_assert_cmpint(qcss_stcrw(qts, &crw), ==, 0);
        g_assert_cmpint(++pending, <=, CRW_QUEUE_MAX);
    }
    g_assert_cmpint(pending, ==, CRW_QUEUE_MAX);
}

static void flood_with_reports(Scene *scene, unsigned *reports)
{
    uint64_t before;

    plug_and_enable(scene, LONG_TIMEOUT_MS);
    before = resident_of_qemu(scene->bed);
    wire_set_tamper(scene->wire, tamper_add_crw, reports);
    vfio_ccw_host_signal(scene->bed->host, VFIO_CCW_CRW_IRQ_INDEX);
    for (int64_t i = 1; i <= 20; i++) {
        wait_reports_counted(scene, i * CRW_QUEUE_MAX);
        assert_usable(scene->bed);
        assert_unhurt(scene);
    }
    g_assert_cmpuint(resident_of_qemu(scene->bed), <, before + MAX_GROWTH);
}

static void test_flood_of_reports(void)
{
    Scene *scene = scene_new();
    unsigned reports = 0;

    flood_with_reports(scene, &reports);
    wire_set_tamper(scene->wire, NULL, NULL);
    wait_reports_counted(scene, reports);
    expect_full_queue(scene);
    assert_usable(scene->bed);
    unplug(scene);
    assert_nothing_left(scene);
    scene_end(scene);
}

/* It is in the middle of that when it has to go. */
static void test_unplug_in_a_flood_of_reports(void)
{
    Scene *scene = scene_new();
    unsigned reports = 0;

    flood_with_reports(scene, &reports);
    unplug(scene);
    assert_nothing_left(scene);
    scene_end(scene);
}

/*
 * A host that asks for its device again and again, and does not let it go: it
 * is given back once, in bounded time, and not much is said about it.
 */
static void test_flood_of_asking_back(void)
{
    g_autofree char *said = NULL;
    Scene *scene = scene_new_recorded(&said);
    Flood flood = { .scene = scene, .irqs = 1u << VFIO_CCW_REQ_IRQ_INDEX };
    uint64_t before;

    plug_with_eventfds(scene, &flood);
    vfio_ccw_host_hold(scene->bed->host, VFIO_CCW_HOST_START);
    g_assert_cmpint(ssch(scene->bed), ==, 0);
    before = resident_of_qemu(scene->bed);
    begin_flood_of_interrupts(&flood);
    for (int i = 0; i < 20; i++) {
        assert_unhurt(scene);
    }
    g_assert_cmpuint(resident_of_qemu(scene->bed), <, before + MAX_GROWTH);
    qtest_qmp_eventwait(scene->bed->qts, "DEVICE_DELETED");
    end_flood_of_interrupts(&flood);
    assert_nothing_left(scene);
    forget_reports(scene);
    g_assert_cmpuint(count_messages(said), <=, 1);
    vfio_ccw_host_unhold(scene->bed->host, VFIO_CCW_HOST_START);
    scene_end(scene);
    unlink(said);
}

static void add_tests(void)
{
    qtest_add_func("/vfio-ccw/hostile/flood/of-requests",
                   test_flood_of_requests);
    qtest_add_func("/vfio-ccw/hostile/flood/of-reads-without-taking-the-data",
                   test_flood_without_reading);
    qtest_add_func("/vfio-ccw/hostile/flood/of-interrupts",
                   test_flood_of_interrupts);
    qtest_add_func("/vfio-ccw/hostile/flood/of-reports",
                   test_flood_of_reports);
    qtest_add_func("/vfio-ccw/hostile/flood/of-reports-ends-by-unplug",
                   test_unplug_in_a_flood_of_reports);
    qtest_add_func("/vfio-ccw/hostile/flood/of-asking-for-the-device",
                   test_flood_of_asking_back);
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
