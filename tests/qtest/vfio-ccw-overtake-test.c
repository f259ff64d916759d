/*
 * QTest of vfio-ccw: halt, clear and cancel, and the starts they overtake
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All code below runs in the test's thread; see vfio-ccw-fixture.h.
 */

#include "qemu/osdep.h"
#include "vfio-ccw-fixture.h"

/* The mask of the only path that the host's device has */
#define PATH 0x80

/* What is true of halt and of clear alike has one test for both. */
typedef struct Signal {
    const char *name;
    int (*instruction)(QTestState *qts, uint32_t schid);
    void (*wait)(VfioCcwHost *host);
    VfioCcwHostStep step;
    VfioCcwHostStep reply;
    const char *queued;
    uint16_t fctl;
    uint16_t actl;
} Signal;

static const Signal signals[] = {
    { "halt", qcss_hsch, vfio_ccw_host_wait_halt, VFIO_CCW_HOST_HALT,
      VFIO_CCW_HOST_HALT_REPLY, "HALT_QUEUED", SCSW_FCTL_HALT_FUNC,
      SCSW_ACTL_HALT_PEND },
    { "clear", qcss_csch, vfio_ccw_host_wait_clear, VFIO_CCW_HOST_CLEAR,
      VFIO_CCW_HOST_CLEAR_REPLY, "CLEAR_QUEUED", SCSW_FCTL_CLEAR_FUNC,
      SCSW_ACTL_CLEAR_PEND },
};

/*
 * The device ends a halt or clear, and the guest sees that byte for byte. With
 * the end of a halt comes what is known of the start before it, @of_start among
 * it; CSCH leaves nothing of that.
 */
static void expect_end(Bed *bed, const Signal *signal, uint16_t of_start)
{
    const IRB of_host = {
        .scsw.flags = ORB_FLAGS,
        .scsw.ctrl = signal->fctl | SCSW_STCTL_STATUS_PEND,
        .scsw.cpa = 0x12345678,
        .scsw.dstat = SCSW_DSTAT_DEVICE_END,
        .scsw.count = 0x9abc,
        .esw.word0 = ESW_LAST_PATH,
    };
    IRB irb = {};

    if (signal->fctl == SCSW_FCTL_HALT_FUNC) {
        irb = of_host;
        irb.scsw.ctrl |= of_start;
    } else {
        irb.scsw.ctrl = of_host.scsw.ctrl;
    }
    vfio_ccw_host_present_irb(bed->host, &of_host);
    expect_exactly(bed, &irb);
    g_assert_cmphex(scsw_ctrl(bed), ==, 0);
    expect_nothing(bed);
}

static void expect_signal(Bed *bed, const Signal *signal, uint16_t of_start)
{
    signal->wait(bed->host);
    expect_end(bed, signal, of_start);
}

static void test_when_idle(const void *data)
{
    const Signal *signal = data;
    Bed *bed = bed_enabled();

    g_assert_cmpint(signal->instruction(bed->qts, SCHID), ==, 0);
    signal->wait(bed->host);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 2);
    expect_end(bed, signal, 0);
    assert_usable(bed);
    bed_end(bed);
}

static void test_ends_an_active_start(const void *data)
{
    const Signal *signal = data;
    Bed *bed = bed_enabled();

    start_active(bed);
    g_assert_cmpint(signal->instruction(bed->qts, SCHID), ==, 0);
    expect_signal(bed, signal, SCSW_FCTL_START_FUNC);
    assert_usable(bed);
    bed_end(bed);
}

static void test_does_not_wait_for_the_host(const void *data)
{
    const Signal *signal = data;
    Bed *bed = bed_enabled();

    vfio_ccw_host_hold(bed->host, signal->step);
    g_assert_cmpint(signal->instruction(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_held(bed->host, signal->step);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");
    g_assert_cmphex(scsw_ctrl(bed), ==, signal->fctl | signal->actl);
    vfio_ccw_host_unhold(bed->host, signal->step);
    expect_signal(bed, signal, 0);
    assert_usable(bed);
    bed_end(bed);
}

/*
 * The host's answer to the start is missing, but it can take a halt. QEMU
 * cannot know that the halt was not there before the start. When the start's
 * answer says that it was accepted, the halt is sent once more.
 */
static void test_overtakes_an_unanswered_start(const void *data)
{
    const Signal *signal = data;
    Bed *bed = bed_enabled();

    start_unanswered(bed);
    g_assert_cmpint(signal->instruction(bed->qts, SCHID), ==, 0);
    signal->wait(bed->host);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START_REPLY);
    expect_signal(bed, signal, SCSW_FCTL_START_FUNC);
    assert_usable(bed);
    bed_end(bed);
}

/* Until the guest has seen what a SCHIB says that was asked for after this. */
static void look(Bed *bed, uint8_t pnom)
{
    PMCW paths = vfio_ccw_host_default_config().pmcw;
    SCHIB schib;
    int64_t deadline = qcss_deadline();

    paths.pnom = pnom;
    vfio_ccw_host_set_pmcw(bed->host, &paths);
    do {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    } while (schib.pmcw.pnom != pnom);
}

/* Whatever else is asked of the host meanwhile, it overtook that start. */
static void test_overtakes_while_the_guest_looks(const void *data)
{
    const Signal *signal = data;
    Bed *bed = bed_enabled();

    start_unanswered(bed);
    vfio_ccw_host_hold(bed->host, signal->reply);
    g_assert_cmpint(signal->instruction(bed->qts, SCHID), ==, 0);
    signal->wait(bed->host);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START_REPLY);
    look(bed, 0x40);
    look(bed, 0x20);
    vfio_ccw_host_unhold(bed->host, signal->reply);
    expect_signal(bed, signal, SCSW_FCTL_START_FUNC);
    assert_usable(bed);
    bed_end(bed);
}

/*
 * A start that is refused, when a signal has overtaken it, was not there to be
 * ended: the signal is not sent again.
 */
static void test_overtakes_a_start_that_fails(const void *data)
{
    const Signal *signal = data;
    Bed *bed = bed_enabled();
    unsigned asked = vfio_ccw_host_count(bed->host,
                                         VFIO_CCW_HOST_ASYNC_WRITES);

    start_unanswered(bed);
    vfio_ccw_host_hold(bed->host, signal->reply);
    g_assert_cmpint(signal->instruction(bed->qts, SCHID), ==, 0);
    signal->wait(bed->host);
    vfio_ccw_host_release(bed->host, VFIO_CCW_HOST_START_REPLY, -ENOMEM);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START_REPLY);
    look(bed, 0x40);
    look(bed, 0x20);
    vfio_ccw_host_unhold(bed->host, signal->reply);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, signal->fctl);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_ASYNC_WRITES),
                    ==, asked + 1);
    assert_usable(bed);
    bed_end(bed);
}

/*
 * A clear that went past a halt is refused: the halt is with the host yet, and
 * neither a start nor another halt goes past that.
 */
static void test_refused_clear_leaves_the_halt(void)
{
    Bed *bed = bed_enabled();
    unsigned starts;

    start_active(bed);
    starts = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_IO_WRITES);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_HALT_REPLY);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_halt(bed->host);
    vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_CLEAR, -ENOMEM, 1);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    expect_irb(bed, SCSW_FCTL_CLEAR_FUNC | FINAL_STCTL | SCSW_STCTL_ALERT, 0,
               SCSW_CSTAT_CHN_CTRL_CHK);
    g_assert_cmpint(ssch(bed), ==, 0);
    wait_state(bed, "START_QUEUED");
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    wait_state(bed, "HALT_QUEUED");

    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_HALT_REPLY);
    vfio_ccw_host_wait_halt(bed->host);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_irb(bed, SCSW_FCTL_START_FUNC | SCSW_FCTL_HALT_FUNC |
               SCSW_STCTL_STATUS_PEND, 0, 0);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_IO_WRITES), ==,
                    starts);
    assert_usable(bed);
    bed_end(bed);
}

/*
 * A clear that overtook went twice, and the first ends while an older IRB is
 * held against the SCHIB: that is not the end of the second.
 */
static void test_first_of_two_clears_is_not_the_end(void)
{
    Bed *bed = bed_enabled();

    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    expect_signal(bed, &signals[0], 0);
    start_unanswered(bed);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_clear(bed->host);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_WORK);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_WORK);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START_REPLY);
    vfio_ccw_host_wait_clear(bed->host);
    wait_state(bed, "CLEAR_ACTIVE");
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    vfio_ccw_host_signal(bed->host, VFIO_CCW_IO_IRQ_INDEX);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_WORK);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    expect_nothing(bed);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_CLEAR_FUNC);
    assert_usable(bed);
    bed_end(bed);
}

/*
 * The host is still busy with the start and refuses the halt with -EAGAIN. It
 * is not asked again, however long that takes, and once more as soon as the
 * start has been answered.
 */
static void follow_a_stuck_start(Bed *bed, const Signal *signal,
                                 int64_t stuck_ns)
{
    unsigned writes = vfio_ccw_host_count(bed->host,
                                          VFIO_CCW_HOST_ASYNC_WRITES);

    start_sent(bed);
    g_assert_cmpint(signal->instruction(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_ASYNC_WRITES, writes + 1);
    wait_state(bed, signal->queued);
    qtest_clock_step(bed->qts, stuck_ns);
    expect_nothing(bed);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_ASYNC_WRITES),
                    ==, writes + 1);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START);
    vfio_ccw_host_wait_start(bed->host, NULL);
    expect_signal(bed, signal, SCSW_FCTL_START_FUNC);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_ASYNC_WRITES),
                    ==, writes + 2);
}

static void test_follows_a_stuck_start(const void *data)
{
    Bed *bed = bed_enabled();

    follow_a_stuck_start(bed, data, 1);
    follow_a_stuck_start(bed, data, NS_PER_S);
    assert_usable(bed);
    bed_end(bed);
}

/*
 * A host that is busy with something else is given time, which an answer to the
 * start does not cut short.
 */
static void test_gives_a_busy_host_time(const void *data)
{
    const Signal *signal = data;
    Bed *bed = bed_enabled();
    unsigned asked = vfio_ccw_host_count(bed->host,
                                         VFIO_CCW_HOST_ASYNC_WRITES);

    start_unanswered(bed);
    vfio_ccw_host_answer(bed->host, signal->step, -EBUSY, 1);
    g_assert_cmpint(signal->instruction(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_ASYNC_WRITES, asked + 1);
    wait_state(bed, signal->queued);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START_REPLY);
    look(bed, 0x40);
    look(bed, 0x20);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_ASYNC_WRITES),
                    ==, asked + 1);
    wait_retried(bed, VFIO_CCW_HOST_ASYNC_WRITES, asked + 2);
    expect_signal(bed, signal, SCSW_FCTL_START_FUNC);
    assert_usable(bed);
    bed_end(bed);
}

/* The start fails after a clear has replaced it: nothing of that is seen. */
static void test_clear_hides_the_error_of_a_start(void)
{
    Bed *bed = bed_enabled();

    start_sent(bed);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_release(bed->host, VFIO_CCW_HOST_START, -EINVAL);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START);
    wait_retried(bed, VFIO_CCW_HOST_CLEARS, 1);
    expect_nothing(bed);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_CLEAR_FUNC);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

static void test_cancel_nothing_is_cc2(void)
{
    Bed *bed = bed_enabled();

    g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, 2);
    bed_end(bed);
}

/* Data may move: saying that it was cancelled would be a lie. */
static void test_cancel_what_the_host_has_is_cc2(void)
{
    Bed *bed = bed_enabled();

    start_sent(bed);
    g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, 2);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START);
    vfio_ccw_host_wait_start(bed->host, NULL);
    g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, 2);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_normal_end(bed);
    bed_end(bed);
}

static void test_cancel_a_queued_start(void)
{
    Bed *bed = bed_enabled();
    unsigned starts = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS);

    start_queued(bed);
    g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, 0);
    g_assert_cmphex(scsw_ctrl(bed), ==, 0);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    expect_nothing(bed);
    assert_usable(bed);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS), ==,
                    starts + 1);
    bed_end(bed);
}

static void test_drops_a_queued_start(const void *data)
{
    const Signal *signal = data;
    Bed *bed = bed_enabled();
    unsigned starts = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS);

    start_queued(bed);
    g_assert_cmpint(signal->instruction(bed->qts, SCHID), ==, 0);
    signal->wait(bed->host);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    /* PoP 15: start pending, in the status that ends the halt, says so. */
    expect_end(bed, signal, SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND);
    assert_usable(bed);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS), ==,
                    starts + 1);
    bed_end(bed);
}

static void test_queued_start_is_sent_in_its_turn(void)
{
    Bed *bed = bed_enabled();

    start_queued(bed);
    g_assert_cmphex(scsw_ctrl(bed), ==,
                    SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    complete_start(bed);
    bed_end(bed);
}

/* A halt or clear is all the guest hears of: with nothing of a start in it */

static IRB clear_end(void)
{
    return (IRB) {
        .scsw.ctrl = SCSW_FCTL_CLEAR_FUNC | SCSW_STCTL_STATUS_PEND,
    };
}

static void expect_clear_alone(Bed *bed)
{
    IRB irb = clear_end();

    vfio_ccw_host_wait_clear(bed->host);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_exactly(bed, &irb);
    g_assert_cmphex(scsw_ctrl(bed), ==, 0);
    expect_nothing(bed);
    assert_usable(bed);
}

/* The host is busy with a start: the halt waits for that, and never goes. */
static void test_clear_overtakes_a_queued_halt(void)
{
    Bed *bed = bed_enabled();

    start_sent(bed);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_ASYNC_WRITES, 1);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_ASYNC_WRITES, 2);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START);
    vfio_ccw_host_wait_start(bed->host, NULL);
    wait_retried(bed, VFIO_CCW_HOST_CLEARS, 1);
    expect_clear_alone(bed);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_HALTS), ==,
                    0);
    bed_end(bed);
}

/* The host has halted, but not said so: the clear may have come first. */
static void test_clear_overtakes_a_halt(void)
{
    Bed *bed = bed_enabled();

    start_active(bed);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_HALT_REPLY);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_HALT_REPLY);
    vfio_ccw_host_wait_halt(bed->host);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_clear(bed->host);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_HALT_REPLY);
    expect_clear_alone(bed);
    bed_end(bed);
}

/* The host has not acted on the halt when the clear comes. */
static void test_clear_overtakes_a_sent_halt(void)
{
    Bed *bed = bed_enabled();

    start_active(bed);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_HALT);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_HALT);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_ASYNC_WRITES, 2);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_HALT);
    wait_retried(bed, VFIO_CCW_HOST_CLEARS, 1);
    expect_clear_alone(bed);
    bed_end(bed);
}

/* QEMU has the answer to the halt, or it would send the clear twice. */
static void test_clear_overtakes_an_active_halt(void)
{
    Bed *bed = bed_enabled();

    start_active(bed);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_halt(bed->host);
    wait_state(bed, "HALT_ACTIVE");
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    expect_clear_alone(bed);
    bed_end(bed);
}

/* How the halt ended is on its way to the guest when the clear comes. */
static void test_clear_overtakes_the_end_of_a_halt(void)
{
    Bed *bed = bed_enabled();

    start_active(bed);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_halt(bed->host);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_READ);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    expect_clear_alone(bed);
    bed_end(bed);
}

/* PoP: status that the guest has not taken goes, and its interruption too. */
static void test_clear_discards_pending_status(void)
{
    Bed *bed = bed_enabled();

    start_active(bed);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    wait_pending(bed, SCSW_STCTL_STATUS_PEND);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    g_assert_cmphex(scsw_ctrl(bed), ==,
                    SCSW_FCTL_CLEAR_FUNC | SCSW_ACTL_CLEAR_PEND);
    expect_nothing(bed);
    expect_clear_alone(bed);
    bed_end(bed);
}

/* CSCH is always accepted; one clear answers for all. */
static void test_second_clear_is_the_same_clear(void)
{
    Bed *bed = bed_enabled();

    start_active(bed);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_CLEAR);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_CLEAR);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_CLEAR);
    expect_clear_alone(bed);
    bed_end(bed);
}

/* The start had ended when the halt came: one story, in each order */

static IRB ended_and_halted(void)
{
    return (IRB) {
        .scsw.flags = ORB_FLAGS,
        .scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_FCTL_HALT_FUNC | FINAL_STCTL,
        .scsw.cpa = PROGRAM + sizeof(CCW1),
        .scsw.dstat = NORMAL_END,
        .esw.word0 = ESW_LAST_PATH,
    };
}

static void expect_one_story(Bed *bed)
{
    IRB irb = ended_and_halted();

    expect_exactly(bed, &irb);
    g_assert_cmphex(scsw_ctrl(bed), ==, 0);
    expect_nothing(bed);
    assert_usable(bed);
}

static void test_halt_of_an_ended_start_is_cc1(void)
{
    Bed *bed = bed_enabled();

    start_active(bed);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    wait_pending(bed, SCSW_STCTL_STATUS_PEND);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 1);
    expect_normal_end(bed);
    assert_usable(bed);
    g_assert_cmpint(vfio_ccw_host_count(bed->host,
                                        VFIO_CCW_HOST_ASYNC_WRITES), ==, 0);
    bed_end(bed);
}

/*
 * The host refuses the halt because the end is pending there; with that, the
 * halt has nothing left to do.
 */
static void test_end_comes_before_the_halt_is_accepted(void)
{
    Bed *bed = bed_enabled();

    start_active(bed);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_INTERRUPT);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_INTERRUPT);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_ASYNC_WRITES, 1);
    expect_nothing(bed);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_INTERRUPT);
    expect_one_story(bed);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_HALTS), ==,
                    0);
    bed_end(bed);
}

/* The end is in the host's slot when the host takes the halt. */
static void test_end_comes_after_the_halt_is_accepted(void)
{
    Bed *bed = bed_enabled();
    unsigned reads;

    start_active(bed);
    reads = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_IO_READS);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_WORK);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_WORK);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_halt(bed->host);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_WORK);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_IO_READS, reads + 1);
    expect_nothing(bed);
    g_assert_cmphex(scsw_ctrl(bed), ==,
                    SCSW_FCTL_START_FUNC | SCSW_FCTL_HALT_FUNC |
                    SCSW_ACTL_HALT_PEND | ACTL_ACTIVE);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_one_story(bed);
    bed_end(bed);
}

/* The same, but the host's answer to the halt is late. */
static void test_end_comes_before_the_answer_to_the_halt(void)
{
    Bed *bed = bed_enabled();
    unsigned reads;

    start_active(bed);
    reads = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_IO_READS);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_WORK);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_HALT_REPLY);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_WORK);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_HALT_REPLY);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_WORK);
    expect_nothing(bed);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_HALT_REPLY);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_IO_READS, reads + 1);
    expect_nothing(bed);
    vfio_ccw_host_wait_halt(bed->host);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_one_story(bed);
    bed_end(bed);
}

/* The end is being read when the halt comes, and goes past that. */
static void test_end_is_read_while_the_halt_is_sent(void)
{
    Bed *bed = bed_enabled();

    start_active(bed);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_READ);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_halt(bed->host);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    expect_nothing(bed);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_one_story(bed);
    bed_end(bed);
}

/* A host that does not take the halt may go on: it must not look halted. */
static void test_halt_that_the_host_refuses_ends(void)
{
    Bed *bed = bed_enabled();
    IRB irb = {
        .scsw.flags = ORB_FLAGS,
        .scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_FCTL_HALT_FUNC |
                     SCSW_STCTL_PRIMARY | SCSW_STCTL_SECONDARY |
                     SCSW_STCTL_ALERT | SCSW_STCTL_STATUS_PEND,
        .scsw.cstat = SCSW_CSTAT_CHN_CTRL_CHK,
    };

    start_active(bed);
    vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_HALT, -EBUSY, UINT_MAX);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    retry_until_pending(bed);
    expect_exactly(bed, &irb);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

/* A path goes, and Linux halts what uses it: the guest asked for no halt. */
static void test_start_that_the_host_halts_ends(void)
{
    Bed *bed = bed_enabled();

    start_active(bed);
    vfio_ccw_host_path_event(bed->host, VFIO_CCW_HOST_PATH_OFF, PATH);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_irb(bed, SCSW_FCTL_START_FUNC | FINAL_STCTL | SCSW_STCTL_ALERT, 0,
               SCSW_CSTAT_INTF_CTRL_CHK);
    g_assert_cmphex(scsw_ctrl(bed), ==, 0);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

/* XSCH never says that something was cancelled which was not. */
static void test_cancel_is_cc2_but_for_a_queued_start(void)
{
    Bed *bed = bed_enabled();

    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, 2);
    vfio_ccw_host_wait_halt(bed->host);
    g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, 2);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_HALT_FUNC);

    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, 2);
    vfio_ccw_host_wait_clear(bed->host);
    g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, 2);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_CLEAR_FUNC);
    bed_end(bed);
}

static const struct {
    const char *name;
    void (*test)(const void *signal);
} of_signals[] = {
    { "when-idle", test_when_idle },
    { "ends-an-active-start", test_ends_an_active_start },
    { "does-not-wait-for-the-host", test_does_not_wait_for_the_host },
    { "overtakes-an-unanswered-start", test_overtakes_an_unanswered_start },
    { "overtakes-while-the-guest-looks", test_overtakes_while_the_guest_looks },
    { "follows-a-stuck-start", test_follows_a_stuck_start },
    { "gives-a-busy-host-time", test_gives_a_busy_host_time },
    { "overtakes-a-start-that-fails", test_overtakes_a_start_that_fails },
    { "drops-a-queued-start", test_drops_a_queued_start },
};

static void add_tests_of(const Signal *signal)
{
    for (int i = 0; i < ARRAY_SIZE(of_signals); i++) {
        g_autofree char *path = g_strdup_printf("/vfio-ccw/%s/%s",
                                                signal->name,
                                                of_signals[i].name);

        qtest_add_data_func(path, signal, of_signals[i].test);
    }
}

static void add_tests(void)
{
    for (int i = 0; i < ARRAY_SIZE(signals); i++) {
        add_tests_of(&signals[i]);
    }
    qtest_add_func("/vfio-ccw/clear/first-of-two-is-not-the-end",
                   test_first_of_two_clears_is_not_the_end);
    qtest_add_func("/vfio-ccw/clear/refused-leaves-the-halt",
                   test_refused_clear_leaves_the_halt);
    qtest_add_func("/vfio-ccw/clear/hides-the-error-of-a-start",
                   test_clear_hides_the_error_of_a_start);
    qtest_add_func("/vfio-ccw/clear/overtakes-a-halt",
                   test_clear_overtakes_a_halt);
    qtest_add_func("/vfio-ccw/cancel/nothing-is-cc2",
                   test_cancel_nothing_is_cc2);
    qtest_add_func("/vfio-ccw/cancel/what-the-host-has-is-cc2",
                   test_cancel_what_the_host_has_is_cc2);
    qtest_add_func("/vfio-ccw/cancel/a-queued-start",
                   test_cancel_a_queued_start);
    qtest_add_func("/vfio-ccw/cancel/not-a-queued-start-is-sent-in-its-turn",
                   test_queued_start_is_sent_in_its_turn);
    qtest_add_func("/vfio-ccw/clear/overtakes-a-queued-halt",
                   test_clear_overtakes_a_queued_halt);
    qtest_add_func("/vfio-ccw/clear/overtakes-a-sent-halt",
                   test_clear_overtakes_a_sent_halt);
    qtest_add_func("/vfio-ccw/clear/overtakes-an-active-halt",
                   test_clear_overtakes_an_active_halt);
    qtest_add_func("/vfio-ccw/clear/overtakes-the-end-of-a-halt",
                   test_clear_overtakes_the_end_of_a_halt);
    qtest_add_func("/vfio-ccw/clear/discards-pending-status",
                   test_clear_discards_pending_status);
    qtest_add_func("/vfio-ccw/clear/second-is-the-same",
                   test_second_clear_is_the_same_clear);
    qtest_add_func("/vfio-ccw/halt/of-an-ended-start-is-cc1",
                   test_halt_of_an_ended_start_is_cc1);
    qtest_add_func("/vfio-ccw/halt/end-comes-before-it-is-accepted",
                   test_end_comes_before_the_halt_is_accepted);
    qtest_add_func("/vfio-ccw/halt/end-comes-after-it-is-accepted",
                   test_end_comes_after_the_halt_is_accepted);
    qtest_add_func("/vfio-ccw/halt/end-comes-before-its-answer",
                   test_end_comes_before_the_answer_to_the_halt);
    qtest_add_func("/vfio-ccw/halt/end-is-read-while-it-is-sent",
                   test_end_is_read_while_the_halt_is_sent);
    qtest_add_func("/vfio-ccw/halt/that-the-host-refuses-ends",
                   test_halt_that_the_host_refuses_ends);
    qtest_add_func("/vfio-ccw/halt/by-the-host-ends-a-start",
                   test_start_that_the_host_halts_ends);
    qtest_add_func("/vfio-ccw/cancel/is-cc2-but-for-a-queued-start",
                   test_cancel_is_cc2_but_for_a_queued_start);
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
