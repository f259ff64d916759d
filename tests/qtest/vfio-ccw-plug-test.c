/*
 * QTest of vfio-ccw that is unplugged: by QMP and by its host, in any state
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All code below runs in the test's thread; see vfio-ccw-fixture.h.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "vfio-ccw-fixture.h"

/*
 * A device that is usable, and whose host has so long for each step. It is not
 * given up for anything else.
 */
static Bed *bed_quiescing(unsigned ms)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_unplugged(&config);
    QDict *arguments = device_arguments(bed);

    qdict_put_int(arguments, "x-msg-timeout", 3600000);
    qdict_put_int(arguments, "x-quiesce-timeout", ms);
    plug_with(bed, arguments);
    expect_usable(bed);
    return bed;
}

/* What is to come of the host comes. */
static Bed *bed_patient(void)
{
    return bed_quiescing(60000);
}

/* Nothing comes of it, which is to be noticed soon. */
static Bed *bed_impatient(void)
{
    return bed_quiescing(50);
}

/* A request to unplug, and what is to be seen of it */

static void request_by_qmp(Bed *bed)
{
    qtest_qmp_assert_success(bed->qts, "{'execute': 'device_del',"
                             "'arguments': {'id': 'ccw0'}}");
}

static void request_by_host(Bed *bed)
{
    vfio_ccw_host_signal(bed->host, VFIO_CCW_REQ_IRQ_INDEX);
}

static void assert_not_operational(Bed *bed)
{
    IRB irb;

    g_assert_cmpint(ssch(bed), ==, 3);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 3);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 3);
    g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, 3);
    g_assert_cmpint(qcss_tsch(bed->qts, SCHID, &irb), ==, 3);
}

/* The guest has heard of it, and hears nothing more until it is over. */
static void expect_leaving(Bed *bed, const char *state)
{
    expect_subchannel_report(bed);
    wait_state(bed, state);
    g_assert_cmphex(qcss_find(bed->qts, DEVNO), ==, 0);
    assert_not_operational(bed);
    expect_nothing(bed);
}

static void expect_gone_for_good(Bed *bed, unsigned closes)
{
    qtest_qmp_eventwait(bed->qts, "DEVICE_DELETED");
    assert_unplugged(bed);
    expect_nothing(bed);
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_CLOSES, closes);
}

static void assert_pluggable_again(Bed *bed)
{
    plug(bed);
    expect_usable(bed);
}

/* Quiescing: cancelled, else halted, else cleared */

static void test_queued_start_is_cancelled(void)
{
    Bed *bed = bed_patient();
    unsigned starts = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS);

    start_queued(bed);
    request_by_qmp(bed);
    expect_leaving(bed, "QUIESCING");
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    expect_gone_for_good(bed, 1);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS), ==,
                    starts);
    g_assert_cmpint(vfio_ccw_host_count(bed->host,
                                        VFIO_CCW_HOST_ASYNC_WRITES), ==, 0);
    assert_pluggable_again(bed);
    bed_end(bed);
}

/* A server that is cut off has nothing left to do: it is asked for nothing. */
static void test_idle_device_is_not_reset(void)
{
    Bed *bed = bed_patient();
    unsigned resets = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_RESETS);

    request_by_qmp(bed);
    expect_subchannel_report(bed);
    expect_gone_for_good(bed, 1);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_RESETS), ==,
                    resets);
    bed_end(bed);
}

/* The host is not closed before its device has ended the halt. */
static void test_active_start_is_halted(void)
{
    Bed *bed = bed_patient();

    start_active(bed);
    request_by_qmp(bed);
    vfio_ccw_host_wait_halt(bed->host);
    expect_leaving(bed, "QUIESCING_HALT_ACTIVE");
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_gone_for_good(bed, 1);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_CLEARS), ==,
                    0);
    assert_pluggable_again(bed);
    bed_end(bed);
}

static void test_failed_halt_is_followed_by_a_clear(void)
{
    Bed *bed = bed_patient();

    start_active(bed);
    vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_HALT, -ENOMEM, 1);
    request_by_qmp(bed);
    vfio_ccw_host_wait_clear(bed->host);
    expect_leaving(bed, "QUIESCING_CLEAR_ACTIVE");
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_gone_for_good(bed, 1);
    assert_pluggable_again(bed);
    bed_end(bed);
}

/* The device does not hear of the halt: it is cleared after a while. */
static void test_lost_halt_is_followed_by_a_clear(void)
{
    Bed *bed = bed_impatient();

    start_active(bed);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_DEVICE_HALT);
    request_by_qmp(bed);
    expect_subchannel_report(bed);
    vfio_ccw_host_wait_halt(bed->host);
    vfio_ccw_host_wait_clear(bed->host);
    expect_gone_for_good(bed, 1);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_DEVICE_HALT);
    assert_pluggable_again(bed);
    bed_end(bed);
}

/* It asked for its device, but does not say whether that is there. */
static void test_silent_host_has_its_device_stopped(void)
{
    Bed *bed = bed_impatient();

    start_active(bed);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_DEVICE_HALT);
    request_by_host(bed);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    vfio_ccw_host_wait_halt(bed->host);
    vfio_ccw_host_wait_clear(bed->host);
    expect_subchannel_report(bed);
    expect_gone_for_good(bed, 1);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_DEVICE_HALT);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    assert_pluggable_again(bed);
    bed_end(bed);
}

/* Nobody answers anything: it takes its time, but an end it has. */
static void test_stuck_host_is_cut_off(void)
{
    Bed *bed = bed_impatient();

    start_sent(bed);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_HALT);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_CLEAR);
    request_by_qmp(bed);
    expect_subchannel_report(bed);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");
    qtest_qmp_eventwait(bed->qts, "DEVICE_DELETED");
    assert_unplugged(bed);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_CLOSES, 1);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_HALT);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_CLEAR);
    assert_pluggable_again(bed);
    bed_end(bed);
}

/* How far quiescing has got, and what the host withholds for that */
typedef struct Stage {
    const char *state;
    void (*enter)(Bed *bed);
    uint16_t fctl;          /* whose end is awaited */
} Stage;

static void quiesce_halting(Bed *bed)
{
    start_active(bed);
    request_by_qmp(bed);
    vfio_ccw_host_wait_halt(bed->host);
}

static void quiesce_clearing(Bed *bed)
{
    start_active(bed);
    vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_HALT, -ENOMEM, 1);
    request_by_qmp(bed);
    vfio_ccw_host_wait_clear(bed->host);
}

/* An IRB is read, else all would be over. */
static void quiesce_reading(Bed *bed)
{
    start_queued(bed);
    request_by_qmp(bed);
}

static const Stage stages[] = {
    { "QUIESCING_HALT_ACTIVE", quiesce_halting, SCSW_FCTL_HALT_FUNC },
    { "QUIESCING_CLEAR_ACTIVE", quiesce_clearing, SCSW_FCTL_CLEAR_FUNC },
    { "QUIESCING", quiesce_reading },
};

/* The guest was told that the device goes, and need not know why. */
static void test_host_is_lost_meanwhile(const void *data)
{
    const Stage *stage = data;
    Bed *bed = bed_patient();

    stage->enter(bed);
    expect_leaving(bed, stage->state);
    bed_stop_host(bed);
    qtest_qmp_eventwait(bed->qts, "DEVICE_DELETED");
    assert_unplugged(bed);
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
    bed_end(bed);
}

/* It goes already: nothing that asks for it again makes a difference. */
static void test_requested_meanwhile(const void *data)
{
    const Stage *stage = data;
    Bed *bed = bed_patient();
    QDict *error;

    stage->enter(bed);
    expect_leaving(bed, stage->state);
    request_by_host(bed);
    error = qtest_qmp_assert_failure_ref(bed->qts, "{'execute': 'device_del',"
                                         "'arguments': {'id': 'ccw0'}}");
    qobject_unref(error);
    expect_nothing(bed);
    wait_state(bed, stage->state);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    expect_gone_for_good(bed, 1);
    assert_pluggable_again(bed);
    bed_end(bed);
}

/* Rule 6: the guest has been told that the device goes, and that is all. */
static void test_nothing_is_heard_meanwhile(const void *data)
{
    const Stage *stage = data;
    Bed *bed = bed_patient();
    const CRW path_off = {
        .flags = CRW_RSC_CHP << 8 | CRW_ERC_PERRN,
        .rsid = vfio_ccw_host_default_config().pmcw.chpid[0],
    };
    unsigned reads;

    stage->enter(bed);
    expect_leaving(bed, stage->state);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    vfio_ccw_host_queue_crw(bed->host, path_off);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    reads = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_IO_READS);
    vfio_ccw_host_present_irb(bed->host, &(IRB) {
        .scsw.ctrl = ALERT_STCTL,
        .scsw.dstat = SCSW_DSTAT_ATTENTION,
    });
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_IO_READS, reads + 1);
    wait_state(bed, stage->state);
    expect_nothing(bed);
    vfio_ccw_host_present_irb(bed->host, &(IRB) {
        .scsw.ctrl = stage->fctl | SCSW_STCTL_STATUS_PEND,
    });
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    expect_gone_for_good(bed, 1);
    assert_pluggable_again(bed);
    bed_end(bed);
}

/* The css core makes all its devices look present; this one stays hidden. */
static void test_machine_is_reset_meanwhile(void)
{
    Bed *bed = bed_patient();

    start_active(bed);
    request_by_qmp(bed);
    vfio_ccw_host_wait_halt(bed->host);
    expect_leaving(bed, "QUIESCING_HALT_ACTIVE");
    qtest_system_reset(bed->qts);
    g_assert_false(machine_runs(bed));
    g_assert_cmphex(qcss_find(bed->qts, DEVNO), ==, 0);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_gone_for_good(bed, 1);
    wait_machine_runs(bed);
    assert_pluggable_again(bed);
    bed_end(bed);
}

static void test_machine_is_stopped_meanwhile(void)
{
    Bed *bed = bed_patient();

    start_active(bed);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'stop'}");
    request_by_qmp(bed);
    vfio_ccw_host_wait_halt(bed->host);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    qtest_qmp_eventwait(bed->qts, "DEVICE_DELETED");
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_CLOSES, 1);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'cont'}");
    expect_subchannel_report(bed);
    assert_pluggable_again(bed);
    bed_end(bed);
}

/* Requests in every state, of both who can make one */

static void in_idle(Bed *bed)
{
}

static void in_start_queued(Bed *bed)
{
    start_queued(bed);
}

static void in_start_sent(Bed *bed)
{
    start_sent(bed);
}

static void in_start_active(Bed *bed)
{
    start_active(bed);
}

static void in_status_pending(Bed *bed)
{

    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_ATTENTION, 0, 0);
    wait_pending(bed, SCSW_STCTL_STATUS_PEND);
}

static void in_halt_queued(Bed *bed)
{
    vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_HALT, -EBUSY, 1);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    wait_state(bed, "HALT_QUEUED");
}

static void in_halt_sent(Bed *bed)
{
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_HALT);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_HALT);
}

static void in_halt_active(Bed *bed)
{
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    wait_state(bed, "HALT_ACTIVE");
}

static void in_clear_queued(Bed *bed)
{
    vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_CLEAR, -EBUSY, 1);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    wait_state(bed, "CLEAR_QUEUED");
}

static void in_clear_sent(Bed *bed)
{
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_CLEAR);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_CLEAR);
}

static void in_clear_active(Bed *bed)
{
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    wait_state(bed, "CLEAR_ACTIVE");
}

static void in_not_oper(Bed *bed)
{
    vfio_ccw_host_make_gone(bed->host);
    g_assert_cmpint(ssch(bed), ==, 0);
    wait_state(bed, "NOT_OPER");
    expect_subchannel_report(bed);
}

typedef struct State {
    const char *name;
    void (*enter)(Bed *bed);
    bool silent;                /* the host does not even show a SCHIB */
} State;

static const State states[] = {
    { "idle", in_idle },
    { "start-queued", in_start_queued },
    { "start-sent", in_start_sent, true },
    { "start-active", in_start_active },
    { "status-pending", in_status_pending },
    { "halt-queued", in_halt_queued },
    { "halt-sent", in_halt_sent, true },
    { "halt-active", in_halt_active },
    { "clear-queued", in_clear_queued },
    { "clear-sent", in_clear_sent, true },
    { "clear-active", in_clear_active },
    { "not-oper", in_not_oper },
};

/*
 * The host is of no help: it withholds what it withholds, and its device
 * presents no status. Twice is once.
 */
static void request_twice(const State *state, void (*request)(Bed *bed))
{
    Bed *bed = bed_impatient();
    QDict *answer;

    state->enter(bed);
    request(bed);
    request_by_host(bed);
    if (request == request_by_qmp) {
        /* Whichever of the two errors: it is going, or has gone. */
        answer = qtest_qmp(bed->qts, "{'execute': 'device_del', 'arguments':"
                           "{'id': 'ccw0'}}");
        g_assert_true(qdict_haskey(answer, "error"));
        qobject_unref(answer);
    }
    if (state->enter != in_not_oper) {
        expect_subchannel_report(bed);
    }
    expect_gone_for_good(bed, 1);
    bed_end(bed);
}

static void test_by_qmp(const void *state)
{
    request_twice(state, request_by_qmp);
}

static void test_by_host(const void *state)
{
    request_twice(state, request_by_host);
}

/* It takes a look at the SCHIB, and none of the time that the host has. */
static void test_by_host_at_once(void)
{
    Bed *bed = bed_quiescing(3600000);

    request_by_host(bed);
    qtest_qmp_eventwait(bed->qts, "DEVICE_DELETED");
    bed_end(bed);
}

/* What was seen before a reset is not told after it: another look is taken. */
static void test_by_host_while_the_machine_is_reset(void)
{
    Bed *bed = bed_quiescing(3600000);

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    request_by_host(bed);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    qtest_system_reset_nowait(bed->qts);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    qtest_qmp_eventwait(bed->qts, "DEVICE_DELETED");
    bed_end(bed);
}

/*
 * Linux asks for a device that is not there any more as for any other, but it
 * is lost: it stays plugged, to have it back some day.
 */
static void test_by_host_that_is_lost(const void *data)
{
    const State *state = data;
    Bed *bed = bed_patient();

    state->enter(bed);
    vfio_ccw_host_make_gone(bed->host);
    request_by_host(bed);
    expect_gone(bed);
    wait_state(bed, "NOT_OPER");
    request_by_host(bed);
    expect_nothing(bed);
    g_assert_null(qtest_qmp_event_ref(bed->qts, "DEVICE_DELETED"));
    qtest_qmp_device_del(bed->qts, "ccw0");
    bed_end(bed);
}

/* Around realize, and of one while another is realized */

static void test_directly_after_plug(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_unplugged(&config);

    for (unsigned round = 1; round <= 3; round++) {
        plug(bed);
        request_by_qmp(bed);
        qtest_qmp_eventwait(bed->qts, "DEVICE_DELETED");
        assert_unplugged(bed);
        vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_CLOSES, round);
    }
    bed_end(bed);
}

/* The one waits for its halt when the other comes, and goes when it may. */
static void test_while_another_is_plugged(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_patient();
    VfioCcwHost *host;

    start_active(bed);
    request_by_qmp(bed);
    vfio_ccw_host_wait_halt(bed->host);
    expect_leaving(bed, "QUIESCING_HALT_ACTIVE");
    host = plug_another(bed, 0, config);
    g_assert_cmphex(qcss_find(bed->qts, DEVNO + 1), !=, 0);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    qtest_qmp_eventwait(bed->qts, "DEVICE_DELETED");
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_CLOSES, 1);
    g_assert_cmphex(qcss_find(bed->qts, DEVNO + 1), !=, 0);
    vfio_ccw_host_stop(host, &error_abort);
    bed_end(bed);
}

/* Again and again, each time with a start at the host that does not end */

#define CYCLES 1000
#define WARM_UP 100     /* until pools have what they keep */

/*
 * What the cycles may add to what QEMU has resident. Sanitizers keep freed
 * memory, but report what is not freed.
 */
#if defined(QEMU_SANITIZE_ADDRESS) || defined(QEMU_SANITIZE_THREAD)
#define MAX_GROWTH_KIB INT_MAX
#else
#define MAX_GROWTH_KIB 256
#endif

static unsigned resident_kib(Bed *bed)
{
    return resident_of_qemu(bed) / 1024;
}

static void cycle(Bed *bed, unsigned round)
{
    plug(bed);
    expect_subchannel_report(bed);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    g_assert_cmpint(ssch(bed), ==, 0);
    vfio_ccw_host_wait_start(bed->host, NULL);
    request_by_qmp(bed);
    expect_subchannel_report(bed);
    qtest_qmp_eventwait(bed->qts, "DEVICE_DELETED");
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_HALTS, round);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_CLOSES, round);
}

static void test_cycles_leave_nothing(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    unsigned fds = 0, threads = 0, kib = 0;
    Bed *bed;

    config.device = VFIO_CCW_HOST_TIMED;
    config.service_ms = 3600 * 1000;
    bed = bed_unplugged(&config);
    for (unsigned round = 1; round <= CYCLES; round++) {
        cycle(bed, round);
        if (round == WARM_UP) {
            fds = count_of_qemu(bed, "fd");
            threads = count_of_qemu(bed, "task");
            kib = resident_kib(bed);
        }
    }
    g_test_message("%u fds were %u, %u threads were %u, %u KiB were %u",
                   count_of_qemu(bed, "fd"), fds, count_of_qemu(bed, "task"),
                   threads, resident_kib(bed), kib);
    g_assert_cmpint(count_of_qemu(bed, "fd"), ==, fds);
    wait_threads(bed, threads);
    g_assert_cmpint((int)(resident_kib(bed) - kib), <=, MAX_GROWTH_KIB);
    assert_unplugged(bed);
    bed_end(bed);
}

static void add_tests(void)
{
    qtest_add_func("/vfio-ccw/quiesce/queued-start-is-cancelled",
                   test_queued_start_is_cancelled);
    qtest_add_func("/vfio-ccw/quiesce/idle-device-is-not-reset",
                   test_idle_device_is_not_reset);
    qtest_add_func("/vfio-ccw/quiesce/active-start-is-halted",
                   test_active_start_is_halted);
    qtest_add_func("/vfio-ccw/quiesce/failed-halt-is-followed-by-a-clear",
                   test_failed_halt_is_followed_by_a_clear);
    qtest_add_func("/vfio-ccw/quiesce/lost-halt-is-followed-by-a-clear",
                   test_lost_halt_is_followed_by_a_clear);
    qtest_add_func("/vfio-ccw/quiesce/silent-host-has-its-device-stopped",
                   test_silent_host_has_its_device_stopped);
    qtest_add_func("/vfio-ccw/quiesce/stuck-host-is-cut-off",
                   test_stuck_host_is_cut_off);
    for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
        g_autofree char *lost = g_strdup_printf(
            "/vfio-ccw/quiesce/host-is-lost-in/%s", stages[i].state);
        g_autofree char *requested = g_strdup_printf(
            "/vfio-ccw/quiesce/is-requested-in/%s", stages[i].state);
        g_autofree char *heard = g_strdup_printf(
            "/vfio-ccw/quiesce/nothing-is-heard-in/%s", stages[i].state);

        qtest_add_data_func(lost, &stages[i], test_host_is_lost_meanwhile);
        qtest_add_data_func(requested, &stages[i], test_requested_meanwhile);
        qtest_add_data_func(heard, &stages[i], test_nothing_is_heard_meanwhile);
    }
    qtest_add_func("/vfio-ccw/quiesce/machine-is-reset-meanwhile",
                   test_machine_is_reset_meanwhile);
    qtest_add_func("/vfio-ccw/quiesce/machine-is-stopped-meanwhile",
                   test_machine_is_stopped_meanwhile);
    qtest_add_func("/vfio-ccw/unplug/by-host/at-once", test_by_host_at_once);
    qtest_add_func("/vfio-ccw/unplug/by-host/while-the-machine-is-reset",
                   test_by_host_while_the_machine_is_reset);
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        g_autofree char *by_qmp = g_strdup_printf("/vfio-ccw/unplug/by-qmp/%s",
                                                  states[i].name);
        g_autofree char *by_host = g_strdup_printf(
            "/vfio-ccw/unplug/by-host/%s", states[i].name);
        g_autofree char *lost = g_strdup_printf(
            "/vfio-ccw/unplug/by-host-that-is-lost/%s", states[i].name);

        qtest_add_data_func(by_qmp, &states[i], test_by_qmp);
        /* A lost host is closed anyway, see vfio-ccw-life-test.c. */
        if (states[i].enter != in_not_oper) {
            qtest_add_data_func(by_host, &states[i], test_by_host);
            if (!states[i].silent) {
                qtest_add_data_func(lost, &states[i],
                                    test_by_host_that_is_lost);
            }
        }
    }
    qtest_add_func("/vfio-ccw/unplug/directly-after-plug",
                   test_directly_after_plug);
    qtest_add_func("/vfio-ccw/unplug/cycles-leave-nothing",
                   test_cycles_leave_nothing);
    qtest_add_func("/vfio-ccw/unplug/while-another-is-plugged",
                   test_while_another_is_plugged);
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
