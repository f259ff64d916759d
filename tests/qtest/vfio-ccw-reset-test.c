/*
 * QTest of vfio-ccw: the guest's machine is reset, and its host's devices
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All code below runs in the test's thread; see vfio-ccw-fixture.h.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "vfio-ccw-fixture.h"

#define CHPID 0x40

/*
 * Who resets the machine, and how. The monitor and load-clear reset all of it,
 * and its channel subsystem twice; the other two are subsystem resets.
 */

static void modified_clear(QTestState *qts)
{
    qcss_diag308(qts, 0);
}

static void load_normal(QTestState *qts)
{
    qcss_diag308(qts, 1);
}

static void load_clear(QTestState *qts)
{
    qcss_diag308(qts, 3);
}

typedef struct Kind {
    const char *name;
    void (*reset)(QTestState *qts);
} Kind;

static const Kind kinds[] = {
    { "by-monitor", qtest_system_reset },
    { "modified-clear", modified_clear },
    { "load-normal", load_normal },
    { "load-clear", load_clear },
};

/* What the test that is running is about */
static const Kind *kind;

static void begin_reset(Bed *bed)
{
    kind->reset(bed->qts);
}

static void reset(Bed *bed)
{
    begin_reset(bed);
    wait_machine_runs(bed);
}

/* The machine is reset; the host's part of that is under way. */
static void reset_machine(Bed *bed)
{
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_RESET);
    begin_reset(bed);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_RESET);
}

/* ... and the guest begins to use the device again. */
static void start_during_reset(Bed *bed)
{
    reset_machine(bed);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    g_assert_cmpint(ssch(bed), ==, 0);
}

static void test_reset_when_idle(void)
{
    Bed *bed = bed_enabled();

    reset(bed);
    assert_reset_subchannel(bed);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    assert_usable(bed);
    bed_end(bed);
}

static void test_reset_ends_an_active_start(void)
{
    Bed *bed = bed_enabled();
    unsigned resets = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_RESETS);

    start_accepted(bed);
    reset(bed);
    assert_reset_subchannel(bed);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    assert_usable(bed);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_RESETS), >,
                    resets);
    bed_end(bed);
}

/* The host cannot reset its device in time: nobody but its guest waits. */
static void test_reset_does_not_wait_for_the_host(void)
{
    Bed *bed = bed_enabled();
    IRB irb;

    reset_machine(bed);
    assert_reset_subchannel(bed);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    g_assert_cmpint(ssch(bed), ==, 0);
    g_assert_cmpint(qcss_tsch(bed->qts, SCHID, &irb), ==, 1);
    g_assert_cmpint(ssch(bed), ==, 2);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");
    expect_nothing(bed);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_RESET);
    complete_start(bed);
    assert_usable(bed);
    bed_end(bed);
}

/* Several devices on one machine */

#define MANY 4

static void run_instant_program(Bed *bed, uint32_t schid)
{
    ORB orb = noop_orb(bed);
    IRB irb;

    qcss_enable(bed->qts, schid, INTPARM_MSCH);
    g_assert_cmpint(qcss_ssch(bed->qts, schid, &orb), ==, 0);
    qcss_wait_irb(bed->qts, schid, &irb);
    g_assert_cmphex(irb.scsw.ctrl, ==, SCSW_FCTL_START_FUNC | FINAL_STCTL);
    g_assert_cmphex(irb.scsw.dstat, ==, NORMAL_END);
}

/*
 * PoP 17, "I/O-System Reset": what is under way ends. Storage may be the next
 * program's as soon as a CPU runs, so none does while the host's device may yet
 * transfer what the last one asked for.
 */

/* The device has accepted a program that is to change storage at DATA. */
static void begin_transfer(Bed *bed)
{
    ORB orb = sense_id_orb(bed);

    qtest_writeb(bed->qts, DATA, 0);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_DEVICE_START);
    g_assert_cmpint(qcss_ssch(bed->qts, SCHID, &orb), ==, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_DEVICE_START);
}

static void wait_transfer(Bed *bed)
{
    int64_t deadline = qcss_deadline();

    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_DEVICE_START);
    while (qtest_readb(bed->qts, DATA) != 0xff) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
}

static void test_nothing_is_transferred_after_it(void)
{
    Bed *bed = bed_with_disk();

    run_instant_program(bed, SCHID);
    begin_transfer(bed);
    reset_machine(bed);
    g_assert_false(machine_runs(bed));
    wait_transfer(bed);
    g_assert_false(machine_runs(bed));
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_RESET);
    wait_machine_runs(bed);
    assert_reset_subchannel(bed);
    run_instant_program(bed, SCHID);
    bed_end(bed);
}

/* How the host's reset may end, and whether there is a device then */
typedef struct Ending {
    const char *name;
    void (*end)(Bed *bed);
    bool usable;
} Ending;

static void end_done(Bed *bed)
{
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_RESET);
}

static void end_failed(Bed *bed)
{
    vfio_ccw_host_release(bed->host, VFIO_CCW_HOST_RESET, -EINVAL);
}

static void end_lost(Bed *bed)
{
    bed_stop_host(bed);
}

static void end_gone(Bed *bed)
{
    vfio_ccw_host_release(bed->host, VFIO_CCW_HOST_CRW_READ, -EIO);
}

static void end_unplugged(Bed *bed)
{
    qtest_qmp_assert_success(bed->qts, "{'execute': 'device_del',"
                             "'arguments': {'id': 'ccw0'}}");
}

static const Ending endings[] = {
    { "done", end_done, true },
    { "failed", end_failed },
    { "lost", end_lost },
    { "unplugged", end_unplugged },
};

static const Ending no_host[] = {
    { "lost", end_lost },
    { "gone", end_gone },
    { "unplugged", end_unplugged },
};

/* ... and a machine that is reset once more meanwhile waits as well. */
static void test_machine_waits_until_it_is(const void *data)
{
    const Ending *ending = data;
    Bed *bed = bed_enabled();

    start_active(bed);
    reset_machine(bed);
    g_assert_false(machine_runs(bed));
    begin_reset(bed);
    g_assert_false(machine_runs(bed));
    ending->end(bed);
    wait_machine_runs(bed);
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
    if (ending->usable) {
        assert_reset_subchannel(bed);
        qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
        assert_usable(bed);
    } else {
        g_assert_cmphex(qcss_find(bed->qts, DEVNO), ==, 0);
    }
    bed_end(bed);
}

/*
 * A reset that waits for the answer to a start is not asked for then. Channel
 * reports are the one thing that is read past a reset.
 */
static void test_machine_waits_for_no_host(const void *data)
{
    const Ending *ending = data;
    Bed *bed = bed_enabled();

    start_unanswered(bed);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_CRW_READ);
    vfio_ccw_host_signal(bed->host, VFIO_CCW_CRW_IRQ_INDEX);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_CRW_READ);
    begin_reset(bed);
    g_assert_false(machine_runs(bed));
    ending->end(bed);
    wait_machine_runs(bed);
    g_assert_cmphex(qcss_find(bed->qts, DEVNO), ==, 0);
    bed_end(bed);
}

static void start_on(Bed *bed, uint32_t schid)
{
    ORB orb = noop_orb(bed);

    g_assert_cmpint(qcss_ssch(bed->qts, schid, &orb), ==, 0);
}

/* All are asked at once, and the last that answers counts. */
static void test_machine_waits_for_the_slowest(void)
{
    Bed *bed = bed_enabled();
    VfioCcwHost *other = plug_another(bed, 0, vfio_ccw_host_default_config());
    unsigned reads;

    start_active(bed);
    qcss_enable(bed->qts, SCHID + 1, INTPARM_MSCH);
    start_on(bed, SCHID + 1);
    vfio_ccw_host_wait_start(other, NULL);

    vfio_ccw_host_hold(other, VFIO_CCW_HOST_RESET);
    reset_machine(bed);
    vfio_ccw_host_wait_held(other, VFIO_CCW_HOST_RESET);
    reads = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_SCHIB_READS);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_RESET);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_SCHIB_READS, reads + 1);
    g_assert_false(machine_runs(bed));
    vfio_ccw_host_unhold(other, VFIO_CCW_HOST_RESET);
    wait_machine_runs(bed);
    vfio_ccw_host_stop(other, &error_abort);
    bed_end(bed);
}

/* More devices, which have worked */
static void plug_many(Bed *bed, VfioCcwHost *hosts[MANY])
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.device = VFIO_CCW_HOST_INSTANT;
    for (int i = 0; i < MANY; i++) {
        hosts[i] = plug_another(bed, i, config);
        run_instant_program(bed, SCHID + 1 + i);
    }
}

static void stop_many(VfioCcwHost *hosts[MANY])
{
    for (int i = 0; i < MANY; i++) {
        vfio_ccw_host_stop(hosts[i], &error_abort);
    }
}

/* One host cannot reset its device: the others' devices are ready. */
static void test_reset_of_many_waits_for_none(void)
{
    VfioCcwHost *hosts[MANY];
    Bed *bed = bed_enabled();

    plug_many(bed, hosts);
    start_during_reset(bed);
    for (int i = 0; i < MANY; i++) {
        run_instant_program(bed, SCHID + 1 + i);
    }
    qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_RESET);
    complete_start(bed);
    stop_many(hosts);
    bed_end(bed);
}

/*
 * What was under way when the guest was reset: the host withholds it over the
 * reset, and lets it go in the guest's new life.
 */

typedef struct Withheld {
    const char *test;
    VfioCcwHostStep step;
    bool active;            /* after a start that is under way */
    void (*begin)(Bed *bed);
    int err;
} Withheld;

static void begin_start(Bed *bed)
{
    g_assert_cmpint(ssch(bed), ==, 0);
}

static void begin_halt(Bed *bed)
{
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
}

static void begin_clear(Bed *bed)
{
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
}

static void begin_end(Bed *bed)
{
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
}

static void begin_attention(Bed *bed)
{
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_ATTENTION, 0, 0);
}

static void begin_stsch(Bed *bed)
{
    scsw_ctrl(bed);
}

static const Withheld withheld[] = {
    { "start", VFIO_CCW_HOST_START, false, begin_start },
    { "start-that-fails", VFIO_CCW_HOST_START, false, begin_start, -EINVAL },
    { "start-that-is-busy", VFIO_CCW_HOST_START, false, begin_start, -EBUSY },
    { "start-without-path", VFIO_CCW_HOST_START, false, begin_start, -EACCES },
    { "answer-to-start", VFIO_CCW_HOST_START_REPLY, false, begin_start },
    { "halt", VFIO_CCW_HOST_HALT, true, begin_halt },
    { "halt-that-fails", VFIO_CCW_HOST_HALT, true, begin_halt, -EINVAL },
    { "answer-to-halt", VFIO_CCW_HOST_HALT_REPLY, true, begin_halt },
    { "clear", VFIO_CCW_HOST_CLEAR, true, begin_clear },
    { "clear-that-is-busy", VFIO_CCW_HOST_CLEAR, true, begin_clear, -EAGAIN },
    { "answer-to-clear", VFIO_CCW_HOST_CLEAR_REPLY, true, begin_clear },
    { "irb", VFIO_CCW_HOST_IO_READ, true, begin_end },
    { "irb-of-attention", VFIO_CCW_HOST_IO_READ, false, begin_attention },
    { "attention", VFIO_CCW_HOST_INTERRUPT, false, begin_attention },
    { "schib", VFIO_CCW_HOST_SCHIB_READ, false, begin_stsch },
    { "interrupt", VFIO_CCW_HOST_INTERRUPT, true, begin_end },
    { "work-of-interrupt", VFIO_CCW_HOST_IO_WORK, true, begin_end },
};

static unsigned requests_seen(Bed *bed)
{
    return vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_IO_WRITES) +
           vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_ASYNC_WRITES);
}

/* A start that the host's device has, as the last one that it was given */
static void start_after_reset(Bed *bed, unsigned starts)
{
    g_assert_cmpint(ssch(bed), ==, 0);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_STARTS, starts + 1);
}

/* The host is not asked for its reset, or cannot end it, before it goes on. */
static bool holds_up_reset(const Withheld *w)
{
    switch (w->step) {
    case VFIO_CCW_HOST_IO_READ:
        return w->active;
    case VFIO_CCW_HOST_SCHIB_READ:
    case VFIO_CCW_HOST_INTERRUPT:
    case VFIO_CCW_HOST_IO_WORK:
        return false;
    default:
        return true;
    }
}

static void let_go(Bed *bed, const Withheld *w)
{
    if (w->err) {
        vfio_ccw_host_release(bed->host, w->step, w->err);
    }
    vfio_ccw_host_unhold(bed->host, w->step);
}

static void begin_new_life(Bed *bed)
{
    wait_machine_runs(bed);
    assert_reset_subchannel(bed);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
}

static void test_nothing_of_the_old_life_comes(const void *data)
{
    const Withheld *w = data;
    Bed *bed = bed_enabled();
    unsigned writes;
    SCHIB schib;
    IRB irb;

    if (w->active) {
        start_active(bed);
    }
    vfio_ccw_host_hold(bed->host, w->step);
    w->begin(bed);
    vfio_ccw_host_wait_held(bed->host, w->step);
    begin_reset(bed);
    writes = requests_seen(bed);
    if (holds_up_reset(w)) {
        g_assert_false(machine_runs(bed));
        let_go(bed, w);
        begin_new_life(bed);
    } else {
        begin_new_life(bed);
        let_go(bed, w);
    }
    expect_nothing(bed);
    /* What the host was too busy for is not tried again. */
    qtest_clock_step(bed->qts, 10 * RETRY_STEP_NS);
    expect_nothing(bed);
    g_assert_cmpint(requests_seen(bed), ==, writes);
    g_assert_cmpint(qcss_tsch(bed->qts, SCHID, &irb), ==, 1);
    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    g_assert_cmphex(schib.scsw.ctrl, ==, 0);
    g_assert_cmphex(schib.pmcw.intparm, ==, INTPARM_MSCH);
    bed_end(bed);
}

/* What the driver hands on now ends no start; the newest one ends by itself. */
static void expect_withheld_end_to_be_stale(Bed *bed)
{
    unsigned reads = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_IO_READS);

    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_WORK);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_IO_READS, reads + 1);
    expect_nothing(bed);
    g_assert_cmphex(scsw_ctrl(bed) & SCSW_CTRL_MASK_FCTL, ==,
                    SCSW_FCTL_START_FUNC);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_normal_end(bed);
    expect_nothing(bed);
    assert_usable(bed);
}

/*
 * Linux's driver may signal the interrupt of before its reset after it. It is
 * not the end of the program that runs then.
 */
static void test_late_end_is_not_the_next_one(void)
{
    Bed *bed = bed_enabled();
    unsigned starts;

    start_active(bed);
    starts = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_WORK);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_WORK);
    reset(bed);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    start_after_reset(bed, starts);
    expect_withheld_end_to_be_stale(bed);
    bed_end(bed);
}

/*
 * The machine was reset, and the host has done its part of that: QEMU reads no
 * report before that. This one is of no installed path.
 */
static void wait_reset_by_host(Bed *bed)
{
    unsigned reads = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_CRW_READS);

    vfio_ccw_host_queue_crw(bed->host, (CRW) {
        .flags = CRW_RSC_CHP << 8 | CRW_ERC_INIT,
        .rsid = CHPID + 1,
    });
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_CRW_READS, reads + 1);
}

/*
 * The driver signals once more before that, and shows the IRB before it: the
 * end of an earlier start, or status that nobody has read before the reset.
 */
static void expect_late_end_behind_an_old_irb(Bed *bed)
{
    unsigned starts = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS);

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_WORK);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 1);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_WORK);
    begin_reset(bed);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    begin_new_life(bed);
    wait_reset_by_host(bed);
    signal_again(bed);
    start_after_reset(bed, starts);
    expect_withheld_end_to_be_stale(bed);
}

static void test_late_end_comes_behind_an_old_one(void)
{
    Bed *bed = bed_enabled();

    start_accepted(bed);
    expect_late_end_behind_an_old_irb(bed);
    bed_end(bed);
}

static void test_late_end_comes_behind_unread_status(void)
{
    Bed *bed = bed_enabled();

    start_accepted(bed);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_present_status(bed->host, 0, SCSW_CSTAT_PCI, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_READ);
    expect_late_end_behind_an_old_irb(bed);
    bed_end(bed);
}

/*
 * Linux's reset stops no device that has presented channel end. Its device end
 * comes in the guest's new life, and is none of it.
 */

typedef struct LeftBehind {
    const char *host;
    unsigned regions;       /* that it does not have */
} LeftBehind;

static const LeftBehind left_behind[] = {
    { "with-schib", 0 },
    { "without-schib", 1u << VFIO_CCW_HOST_REGION_SCHIB },
};

static Bed *bed_after_channel_end(const LeftBehind *left)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed;

    config.regions &= ~left->regions;
    bed = bed_enabled_with(&config);
    start_accepted(bed);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_CHANNEL_END, 0, 0);
    expect_irb(bed, SCSW_FCTL_START_FUNC | SCSW_STCTL_PRIMARY |
               SCSW_STCTL_STATUS_PEND, SCSW_DSTAT_CHANNEL_END, 0);
    return bed;
}

static Bed *bed_reset_after_channel_end(const LeftBehind *left)
{
    Bed *bed = bed_after_channel_end(left);

    reset(bed);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    wait_reset_by_host(bed);
    return bed;
}

static void test_late_device_end_is_nothing(const void *data)
{
    Bed *bed = bed_reset_after_channel_end(data);
    unsigned reads = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_IO_READS);

    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_DEVICE_END, 0, 0);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_IO_READS, reads + 1);
    expect_nothing(bed);
    g_assert_cmphex(scsw_ctrl(bed), ==, 0);
    assert_usable(bed);
    bed_end(bed);
}

/* Its interrupt is taken, but not handed on before the host has a start. */
static void start_past_device_end(Bed *bed)
{
    unsigned starts = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS);

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_WORK);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_DEVICE_END, 0, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_WORK);
    start_after_reset(bed, starts);
}

static void test_late_device_end_ends_no_start(const void *data)
{
    Bed *bed = bed_reset_after_channel_end(data);

    start_past_device_end(bed);
    expect_withheld_end_to_be_stale(bed);
    bed_end(bed);
}

/*
 * The driver shows an earlier start's device end once more before that: it is
 * not the one that is to come.
 */
static void test_late_device_end_comes_behind_an_old_one(const void *data)
{
    Bed *bed = bed_after_channel_end(data);
    unsigned reads;

    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_DEVICE_END, 0, 0);
    expect_irb(bed, SCSW_STCTL_SECONDARY | SCSW_STCTL_STATUS_PEND,
               SCSW_DSTAT_DEVICE_END, 0);

    start_accepted(bed);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_WORK);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_CHANNEL_END, 0, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_WORK);
    begin_reset(bed);
    begin_new_life(bed);
    wait_reset_by_host(bed);
    signal_again(bed);
    reads = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_IO_READS);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_WORK);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_IO_READS, reads + 1);
    start_past_device_end(bed);
    expect_withheld_end_to_be_stale(bed);
    bed_end(bed);
}

static void expect_lost_end(Bed *bed)
{
    expect_irb(bed, SCSW_FCTL_START_FUNC | FINAL_STCTL | SCSW_STCTL_ALERT, 0,
               SCSW_CSTAT_CHN_CTRL_CHK);
    expect_nothing(bed);
}

/*
 * The host has one place for an IRB, and channel end of the new start was lost
 * there: so device end may be of either. But the start is over.
 */
static void test_lost_end_is_told(void)
{
    Bed *bed = bed_reset_after_channel_end(&left_behind[0]);

    start_past_device_end(bed);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_CHANNEL_END, 0, 0);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_DEVICE_END, 0, 0);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_WORK);
    expect_lost_end(bed);
    assert_usable(bed);
    bed_end(bed);
}

/*
 * The end of the new start is not lost, but the host hands it on when the guest
 * has got over that, and has begun the next one.
 */
static void test_lost_end_is_told_once(void)
{
    Bed *bed = bed_reset_after_channel_end(&left_behind[0]);
    unsigned starts;

    start_past_device_end(bed);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_release(bed->host, VFIO_CCW_HOST_IO_WORK, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_WORK);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    expect_lost_end(bed);

    starts = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS);
    start_after_reset(bed, starts);
    expect_withheld_end_to_be_stale(bed);
    bed_end(bed);
}

/* It was signalled after the guest's reset, but before that of the host. */
static void test_attention_during_a_reset_is_cleared(void)
{
    Bed *bed = bed_enabled();
    unsigned signals;

    reset_machine(bed);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    signals = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_SIGNALS);
    begin_attention(bed);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_SIGNALS, signals + 1);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_RESET);
    assert_usable(bed);
    bed_end(bed);
}

static void test_queued_start_is_never_sent(void)
{
    Bed *bed = bed_enabled();
    unsigned writes = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_IO_WRITES);

    start_queued(bed);
    reset(bed);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    assert_usable(bed);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_IO_WRITES),
                    ==, writes + 1);
    bed_end(bed);
}

/* The interruption was pending, or taken, but the status was not. */
static void test_pending_status_is_cleared(void)
{
    Bed *bed = bed_enabled();
    IOIntCode code;
    IRB irb;

    for (int taken = 0; taken < 2; taken++) {
        start_active(bed);
        vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
        wait_pending(bed, SCSW_STCTL_STATUS_PEND);
        if (taken) {
            qcss_wait_io(bed->qts, QCSS_CR6_ALL, &code);
        }
        reset(bed);
        assert_reset_subchannel(bed);
        qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
        expect_nothing(bed);
        g_assert_cmpint(qcss_tsch(bed->qts, SCHID, &irb), ==, 1);
        assert_usable(bed);
    }
    bed_end(bed);
}

/* Channel reports */

static void expect_report(Bed *bed, uint16_t flags)
{
    CRW crw;

    qcss_wait_crw_mchk(bed->qts);
    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 0);
    g_assert_cmphex(crw.flags, ==, flags);
    g_assert_cmphex(crw.rsid, ==, CHPID);
    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 1);
}

static void test_pending_report_is_cleared(void)
{
    CRW path_off = { CRW_RSC_CHP << 8 | CRW_ERC_PERRN, CHPID };
    CRW path_on = { CRW_RSC_CHP << 8 | CRW_ERC_INIT, CHPID };
    Bed *bed = bed_enabled();
    CRW crw;

    vfio_ccw_host_queue_crw(bed->host, path_off);
    while (!counter_of(bed, "ccw0", "crws-relayed")) {
        ;
    }
    reset(bed);
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 1);
    vfio_ccw_host_queue_crw(bed->host, path_on);
    expect_report(bed, path_on.flags);
    bed_end(bed);
}

/*
 * Did the path go before the guest was reset or after? A report too many does
 * no harm, one that is missing does.
 */
static void test_report_is_not_lost(void)
{
    CRW path_off = { CRW_RSC_CHP << 8 | CRW_ERC_PERRN, CHPID };
    Bed *bed = bed_enabled();

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_CRW_READ);
    vfio_ccw_host_queue_crw(bed->host, path_off);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_CRW_READ);
    reset(bed);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_CRW_READ);
    expect_report(bed, path_off.flags);
    bed_end(bed);
}

/* The paths are the host's: what changed meanwhile is seen without a report. */
static void test_paths_are_those_of_the_host(void)
{
    PMCW pmcw = vfio_ccw_host_default_config().pmcw;
    Bed *bed = bed_enabled();
    int64_t deadline = qcss_deadline();
    SCHIB schib;

    pmcw.pim = pmcw.pam = 0xc0;
    pmcw.pom = 0x7f;
    pmcw.chpid[1] = CHPID + 1;
    vfio_ccw_host_set_pmcw(bed->host, &pmcw);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    reset(bed);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    /* That is the reset's; what the guest's STSCH ask for stays withheld. */
    vfio_ccw_host_release(bed->host, VFIO_CCW_HOST_SCHIB_READ, 0);
    while (qcss_stsch(bed->qts, SCHID, &schib) == 0 &&
           schib.pmcw.pim != 0xc0) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
    for (int round = 0; round < 2; round++) {
        g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
        g_assert_cmphex(schib.pmcw.pim, ==, 0xc0);
        g_assert_cmphex(schib.pmcw.pam, ==, 0xc0);
        g_assert_cmphex(schib.pmcw.pom, ==, 0xff);
        g_assert_cmphex(schib.pmcw.chpid[0], ==, CHPID);
        g_assert_cmphex(schib.pmcw.chpid[1], ==, CHPID + 1);
        reset(bed);
    }
    /* PoP 15, "Logical-Path Mask": initially, the installed paths */
    g_assert_cmphex(schib.pmcw.lpm, ==, 0xc0);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    bed_end(bed);
}

/*
 * PoP 17, "I/O-System Reset": no path was used, none was found not operational
 * and all are operational; what the host did before is not the guest's I/O.
 */
static void test_path_use_begins_anew(void)
{
    PMCW pmcw = vfio_ccw_host_default_config().pmcw;
    Bed *bed = bed_enabled();
    int64_t deadline = qcss_deadline();
    SCHIB schib;

    reset(bed);
    pmcw.lpum = 0x80;
    pmcw.pnom = 0x40;
    pmcw.chpid[7] = CHPID + 7;
    vfio_ccw_host_set_pmcw(bed->host, &pmcw);
    do {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    } while (schib.pmcw.chpid[7] != CHPID + 7);
    g_assert_cmphex(schib.pmcw.lpum, ==, 0);
    g_assert_cmphex(schib.pmcw.pnom, ==, 0);
    g_assert_cmphex(schib.pmcw.pom, ==, 0xff);

    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    assert_usable(bed);
    do {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    } while (schib.pmcw.lpum != 0x80);
    g_assert_cmphex(schib.pmcw.pnom, ==, 0);
    bed_end(bed);
}

/*
 * A device that cannot be reset cannot be used. It is withheld until QEMU is
 * done with its reset, which resets the channel subsystem twice: nobody would
 * hear of what is reported between the two.
 */
static void test_failed_reset_is_gone(const void *data)
{
    Bed *bed = bed_enabled();

    reset_machine(bed);
    vfio_ccw_host_release(bed->host, VFIO_CCW_HOST_RESET,
                          GPOINTER_TO_INT(data));
    expect_gone(bed);
    bed_end(bed);
}

/* The guest began to use it before that was known. */
static void test_failed_reset_ends_a_start(void)
{
    Bed *bed = bed_enabled();
    unsigned starts = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS);

    start_during_reset(bed);
    vfio_ccw_host_release(bed->host, VFIO_CCW_HOST_RESET, -EIO);
    expect_gone(bed);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS), ==,
                    starts);
    bed_end(bed);
}

/* A guest that boots finds no device there, and was told of none. */
static void test_gone_stays_gone(void)
{
    Bed *bed = bed_enabled();
    unsigned resets;

    vfio_ccw_host_make_gone(bed->host);
    scsw_ctrl(bed);
    expect_gone(bed);
    resets = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_RESETS);
    reset(bed);
    g_assert_cmphex(qcss_find(bed->qts, DEVNO), ==, 0);
    g_assert_cmpint(ssch(bed), ==, 3);
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_RESETS), ==,
                    resets);
    bed_end(bed);
}

/* What waits for the end of a reset does not survive the next one. */
static void test_reset_during_a_reset(void)
{
    Bed *bed = bed_enabled();
    unsigned starts = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS);
    unsigned resets = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_RESETS);

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_RESET);
    for (int i = 0; i < 3; i++) {
        reset(bed);
        vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_RESET);
        assert_reset_subchannel(bed);
        qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
        g_assert_cmpint(ssch(bed), ==, 0);
    }
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_RESET);
    complete_start(bed);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS), ==,
                    starts + 1);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_RESETS), ==,
                    resets + 1);
    bed_end(bed);
}

/* A start that was made during the reset can be taken back like any other. */
static void test_start_during_a_reset_is_cancelled(void)
{
    Bed *bed = bed_enabled();
    unsigned starts = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS);

    start_during_reset(bed);
    g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_RESET);
    assert_usable(bed);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS), ==,
                    starts + 1);
    bed_end(bed);
}

/*
 * All hosts are at it at the same time, so that it takes as long as the slowest
 * of them takes.
 */
static void test_all_are_reset_at_once(void)
{
    VfioCcwHost *hosts[MANY];
    Bed *bed = bed_enabled();

    plug_many(bed, hosts);
    for (int i = 0; i < MANY; i++) {
        vfio_ccw_host_hold(hosts[i], VFIO_CCW_HOST_RESET);
    }
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_RESET);
    reset(bed);
    for (int i = 0; i < MANY; i++) {
        vfio_ccw_host_wait_held(hosts[i], VFIO_CCW_HOST_RESET);
    }
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_RESET);
    for (int i = 0; i < MANY; i++) {
        vfio_ccw_host_unhold(hosts[i], VFIO_CCW_HOST_RESET);
        run_instant_program(bed, SCHID + 1 + i);
    }
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_RESET);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    assert_usable(bed);
    stop_many(hosts);
    bed_end(bed);
}

/* Each test with each kind of reset */

typedef struct Case {
    const Kind *kind;
    void (*test)(void);
    void (*test_of)(const void *data);
    const void *data;
} Case;

static void run_case(const void *opaque)
{
    const Case *c = opaque;

    kind = c->kind;
    if (c->test) {
        c->test();
    } else {
        c->test_of(c->data);
    }
}

static void add_case(const char *name, Case c)
{
    g_autofree char *path = g_strdup_printf("/vfio-ccw/reset/%s/%s",
                                            c.kind->name, name);

    qtest_add_data_func_full(path, g_memdup2(&c, sizeof(c)), run_case, g_free);
}

static void add_case_of(const Kind *kind, const char *test, const char *name,
                        void (*test_of)(const void *), const void *data)
{
    g_autofree char *path = g_strdup_printf("%s/%s", test, name);

    add_case(path, (Case) { .kind = kind, .test_of = test_of, .data = data });
}

static void add_cases(const Kind *of)
{
    static const struct {
        const char *name;
        void (*test)(void);
    } tests[] = {
        { "when-idle", test_reset_when_idle },
        { "ends-an-active-start", test_reset_ends_an_active_start },
        { "nothing-is-transferred-after-it",
          test_nothing_is_transferred_after_it },
        { "machine-waits-for-the-slowest", test_machine_waits_for_the_slowest },
        { "late-end-is-not-the-next-one", test_late_end_is_not_the_next_one },
        { "late-end-comes-behind-an-old-one",
          test_late_end_comes_behind_an_old_one },
        { "late-end-comes-behind-unread-status",
          test_late_end_comes_behind_unread_status },
        { "attention-meanwhile-is-cleared",
          test_attention_during_a_reset_is_cleared },
        { "queued-start-is-never-sent", test_queued_start_is_never_sent },
        { "pending-status-is-cleared", test_pending_status_is_cleared },
        { "pending-report-is-cleared", test_pending_report_is_cleared },
        { "report-is-not-lost", test_report_is_not_lost },
        { "paths-are-those-of-the-host", test_paths_are_those_of_the_host },
        { "path-use-begins-anew", test_path_use_begins_anew },
        { "failed-ends-a-start", test_failed_reset_ends_a_start },
        { "gone-stays-gone", test_gone_stays_gone },
        { "during-a-reset", test_reset_during_a_reset },
        { "start-meanwhile-is-cancelled",
          test_start_during_a_reset_is_cancelled },
        { "does-not-wait-for-the-host", test_reset_does_not_wait_for_the_host },
        { "of-many-waits-for-none", test_reset_of_many_waits_for_none },
        { "all-at-once", test_all_are_reset_at_once },
        { "lost-end-is-told", test_lost_end_is_told },
        { "lost-end-is-told-once", test_lost_end_is_told_once },
    };
    static const struct {
        const char *name;
        int err;
    } failures[] = {
        { "einval", -EINVAL },
        { "enodev", -ENODEV },
        { "etimedout", -ETIMEDOUT },
    };

    for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
        add_case(tests[i].name, (Case) { of, tests[i].test });
    }
    for (size_t i = 0; i < ARRAY_SIZE(withheld); i++) {
        add_case_of(of, "old-life", withheld[i].test,
                    test_nothing_of_the_old_life_comes, &withheld[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
        add_case_of(of, "machine-waits-until-it-is", endings[i].name,
                    test_machine_waits_until_it_is, &endings[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(no_host); i++) {
        add_case_of(of, "machine-waits-for-no-host", no_host[i].name,
                    test_machine_waits_for_no_host, &no_host[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(left_behind); i++) {
        const LeftBehind *left = &left_behind[i];

        add_case_of(of, "late-device-end/is-nothing", left->host,
                    test_late_device_end_is_nothing, left);
        add_case_of(of, "late-device-end/ends-no-start", left->host,
                    test_late_device_end_ends_no_start, left);
        add_case_of(of, "late-device-end/behind-an-old-one", left->host,
                    test_late_device_end_comes_behind_an_old_one, left);
    }
    for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
        add_case_of(of, "failed-is-gone", failures[i].name,
                    test_failed_reset_is_gone,
                    GINT_TO_POINTER(failures[i].err));
    }
}

static void add_tests(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        add_cases(&kinds[i]);
    }
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
