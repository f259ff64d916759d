/*
 * QTest of vfio-ccw: what the guest sees of the host's interrupts
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All code below runs in the test's thread; see vfio-ccw-fixture.h.
 */

#include "qemu/osdep.h"
#include "vfio-ccw-fixture.h"

/* What a program that runs to its end leaves behind */
static const IRB normal_end = {
    .scsw.flags = ORB_FLAGS,
    .scsw.ctrl = SCSW_FCTL_START_FUNC | FINAL_STCTL,
    .scsw.cpa = PROGRAM + sizeof(CCW1),
    .scsw.dstat = NORMAL_END,
    .esw.word0 = ESW_LAST_PATH,
};

static const IRB attention = {
    .scsw.ctrl = ALERT_STCTL,
    .scsw.dstat = SCSW_DSTAT_ATTENTION,
    .esw.word0 = ESW_LAST_PATH,
};

/* Program-controlled interruption, then the end */

static IRB pci_of_active_start(void)
{
    IRB irb = normal_end;

    irb.scsw.ctrl = SCSW_FCTL_START_FUNC | ACTL_ACTIVE |
                    SCSW_STCTL_INTERMEDIATE | SCSW_STCTL_STATUS_PEND;
    irb.scsw.dstat = 0;
    irb.scsw.cstat = SCSW_CSTAT_PCI;
    irb.esw.word0 = 0;
    return irb;
}

static void test_intermediate_status_keeps_the_start(void)
{
    Bed *bed = bed_enabled();
    IRB irb = pci_of_active_start();

    start_accepted(bed);
    for (int round = 0; round < 2; round++) {
        vfio_ccw_host_present_status(bed->host, 0, SCSW_CSTAT_PCI, 0);
        expect_exactly(bed, &irb);
        g_assert_cmphex(scsw_ctrl(bed), ==,
                        SCSW_FCTL_START_FUNC | ACTL_ACTIVE);
        g_assert_cmpint(ssch(bed), ==, 2);
        g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, 2);
    }
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_exactly(bed, &normal_end);
    g_assert_cmphex(scsw_ctrl(bed), ==, 0);
    assert_usable(bed);
    bed_end(bed);
}

/* PoP: what the guest has not taken yet accumulates, with one interruption. */
static void test_end_joins_intermediate_status(void)
{
    Bed *bed = bed_enabled();
    IRB irb = normal_end;

    irb.scsw.ctrl |= SCSW_STCTL_INTERMEDIATE;
    irb.scsw.cstat = SCSW_CSTAT_PCI;
    start_accepted(bed);
    vfio_ccw_host_present_status(bed->host, 0, SCSW_CSTAT_PCI, 0);
    wait_pending(bed, SCSW_STCTL_INTERMEDIATE);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    wait_pending(bed, SCSW_STCTL_INTERMEDIATE | SCSW_STCTL_PRIMARY);
    expect_exactly(bed, &irb);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

/* Channel end, then device end */

static IRB channel_end(void)
{
    IRB irb = normal_end;

    irb.scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_ACTL_DEVICE_ACTIVE |
                    SCSW_STCTL_PRIMARY | SCSW_STCTL_STATUS_PEND;
    irb.scsw.dstat = SCSW_DSTAT_CHANNEL_END;
    return irb;
}

static IRB late_device_end(void)
{
    IRB irb = normal_end;

    irb.scsw.ctrl = SCSW_STCTL_SECONDARY | SCSW_STCTL_STATUS_PEND;
    irb.scsw.dstat = SCSW_DSTAT_DEVICE_END;
    return irb;
}

/* A start whose channel end the guest has taken */
static void start_ended_by_channel(Bed *bed)
{
    IRB irb = channel_end();

    start_accepted(bed);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_CHANNEL_END, 0, 0);
    expect_exactly(bed, &irb);
    g_assert_cmphex(scsw_ctrl(bed), ==, SCSW_ACTL_DEVICE_ACTIVE);
}

static void test_device_end_follows_channel_end(void)
{
    Bed *bed = bed_enabled();
    IRB irb = late_device_end();

    start_ended_by_channel(bed);
    g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, 2);
    expect_nothing(bed);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_DEVICE_END, 0, 0);
    expect_exactly(bed, &irb);
    g_assert_cmphex(scsw_ctrl(bed), ==, 0);
    assert_usable(bed);
    bed_end(bed);
}

static void test_device_end_joins_channel_end(void)
{
    Bed *bed = bed_enabled();

    start_accepted(bed);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_CHANNEL_END, 0, 0);
    wait_pending(bed, SCSW_STCTL_PRIMARY);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_DEVICE_END, 0, 0);
    wait_pending(bed, SCSW_STCTL_SECONDARY);
    expect_exactly(bed, &normal_end);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

/* PoP 16, deferred cc 1: status came before the start could begin. */
static void test_device_end_defers_the_next_start(void)
{
    Bed *bed = bed_enabled();
    unsigned writes = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_IO_WRITES);
    IRB irb = late_device_end();

    irb.scsw.flags |= 1 << 8;
    irb.scsw.ctrl |= SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND |
                     SCSW_STCTL_ALERT;
    start_ended_by_channel(bed);
    g_assert_cmpint(ssch(bed), ==, 0);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_IO_WRITES, writes + 2);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_DEVICE_END, 0, 0);
    expect_exactly(bed, &irb);
    g_assert_cmphex(scsw_ctrl(bed), ==, 0);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

/* The host cannot take a start before the device end of the one before. */
static void test_start_before_device_end_is_given_up(void)
{
    Bed *bed = bed_enabled();
    IRB deferred = {
        .scsw.flags = ORB_FLAGS | 1 << 8,
        .scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND |
                     SCSW_ACTL_DEVICE_ACTIVE | ALERT_STCTL,
    };
    IRB irb = late_device_end();

    start_ended_by_channel(bed);
    g_assert_cmpint(ssch(bed), ==, 0);
    retry_until_pending(bed);
    expect_exactly(bed, &deferred);
    g_assert_cmphex(scsw_ctrl(bed), ==, SCSW_ACTL_DEVICE_ACTIVE);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_DEVICE_END, 0, 0);
    expect_exactly(bed, &irb);
    assert_usable(bed);
    bed_end(bed);
}

/*
 * The next start is on its way to the host when device end comes, so the host
 * is done with that and accepts the start.
 */

static Bed *bed_started_past_device_end(unsigned regions)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    unsigned starts, signals;
    Bed *bed;

    config.regions &= regions;
    bed = bed_enabled_with(&config);
    start_ended_by_channel(bed);
    starts = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS);
    signals = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_SIGNALS);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_WRITE);
    g_assert_cmpint(ssch(bed), ==, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_WRITE);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_DEVICE_END, 0, 0);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_SIGNALS, signals + 1);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_WRITE);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_STARTS, starts + 1);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_READ);
    return bed;
}

static void test_device_end_does_not_end_the_next_start(const void *regions)
{
    Bed *bed = bed_started_past_device_end(GPOINTER_TO_UINT(regions));
    uint16_t begun = SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND |
                     SCSW_ACTL_DEVICE_ACTIVE;
    IRB irb = late_device_end();

    irb.scsw.ctrl = begun | ALERT_STCTL;
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    expect_exactly(bed, &irb);
    g_assert_cmphex(scsw_ctrl(bed), ==, begun);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_exactly(bed, &normal_end);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

/*
 * The host has one place for an IRB, and channel end of the new start was lost
 * there: so device end may be of either. But the start is over.
 */
static void test_end_that_is_lost_is_told(void)
{
    Bed *bed = bed_started_past_device_end(~0u);

    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_CHANNEL_END, 0, 0);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_DEVICE_END, 0, 0);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    expect_irb(bed, SCSW_FCTL_START_FUNC | FINAL_STCTL | SCSW_STCTL_ALERT, 0,
               SCSW_CSTAT_CHN_CTRL_CHK);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

/* Deferred condition codes of the host */

static void test_deferred_cc_is_the_host_s(const void *data)
{
    static const uint8_t pnom = 0x80;
    uint16_t flags = GPOINTER_TO_INT(data);
    PMCW pmcw = vfio_ccw_host_default_config().pmcw;
    Bed *bed = bed_enabled();
    SCHIB schib;
    IRB irb = {
        .scsw.flags = ORB_FLAGS | flags,
        .scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND | ALERT_STCTL,
    };

    start_accepted(bed);
    pmcw.pnom = pnom;
    vfio_ccw_host_set_pmcw(bed->host, &pmcw);
    vfio_ccw_host_present_irb(bed->host, &irb);
    retry_until_pending(bed);
    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    if (flags & SCSW_FLAGS_MASK_PNO) {
        g_assert_cmphex(schib.pmcw.pnom, ==, pnom);
    }
    expect_exactly(bed, &irb);
    g_assert_cmphex(scsw_ctrl(bed), ==, 0);
    assert_usable(bed);
    bed_end(bed);
}

/* The program came to its end, on another path than it should have had. */
static void test_path_not_operational_is_shown(void)
{
    PMCW pmcw = vfio_ccw_host_default_config().pmcw;
    Bed *bed = bed_enabled();
    IRB irb = normal_end;
    SCHIB schib;

    irb.scsw.flags |= SCSW_FLAGS_MASK_PNO;
    start_accepted(bed);
    pmcw.pnom = 0x40;
    vfio_ccw_host_set_pmcw(bed->host, &pmcw);
    vfio_ccw_host_present_irb(bed->host, &irb);
    retry_until_pending(bed);
    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    g_assert_cmphex(schib.pmcw.pnom, ==, pmcw.pnom);
    expect_exactly(bed, &irb);
    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    g_assert_cmphex(schib.scsw.flags & SCSW_FLAGS_MASK_PNO, ==, 0);
    assert_usable(bed);
    bed_end(bed);
}

/* Unsolicited status, which is no function's: the function goes on. */

static void expect_attention(Bed *bed, uint16_t flags, uint16_t ctrl)
{
    IRB irb = attention;

    irb.scsw.flags = flags;
    irb.scsw.ctrl |= ctrl;
    expect_exactly(bed, &irb);
    g_assert_cmphex(scsw_ctrl(bed), ==, ctrl);
}

static void end_with(Bed *bed, const IRB *irb)
{
    vfio_ccw_host_present_irb(bed->host, irb);
    expect_exactly(bed, irb);
    expect_nothing(bed);
    assert_usable(bed);
}

static void test_attention_while_a_start_is_queued(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_present_irb(bed->host, &attention);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_READ);
    g_assert_cmpint(ssch(bed), ==, 0);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    expect_attention(bed, ORB_FLAGS,
                     SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND);
    vfio_ccw_host_wait_start(bed->host, NULL);
    end_with(bed, &normal_end);
    bed_end(bed);
}

static void test_attention_while_a_start_is_sent(void)
{
    Bed *bed = bed_enabled();

    start_sent(bed);
    vfio_ccw_host_present_irb(bed->host, &attention);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START);
    expect_attention(bed, ORB_FLAGS,
                     SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND);
    vfio_ccw_host_wait_start(bed->host, NULL);
    end_with(bed, &normal_end);
    bed_end(bed);
}

static void test_attention_while_a_start_is_active(void)
{
    Bed *bed = bed_enabled();

    start_accepted(bed);
    vfio_ccw_host_present_irb(bed->host, &attention);
    expect_attention(bed, ORB_FLAGS,
                     SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND);
    g_assert_cmpint(ssch(bed), ==, 2);
    end_with(bed, &normal_end);
    bed_end(bed);
}

static void test_attention_while_halting(void)
{
    Bed *bed = bed_enabled();
    IRB irb = {
        .scsw.flags = ORB_FLAGS,
        .scsw.ctrl = SCSW_FCTL_HALT_FUNC | SCSW_STCTL_STATUS_PEND,
    };

    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_halt(bed->host);
    vfio_ccw_host_present_irb(bed->host, &attention);
    expect_attention(bed, ORB_FLAGS,
                     SCSW_FCTL_HALT_FUNC | SCSW_ACTL_HALT_PEND);
    end_with(bed, &irb);
    bed_end(bed);
}

static void test_attention_while_clearing(void)
{
    Bed *bed = bed_enabled();
    IRB irb = {
        .scsw.ctrl = SCSW_FCTL_CLEAR_FUNC | SCSW_STCTL_STATUS_PEND,
    };

    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_clear(bed->host);
    vfio_ccw_host_present_irb(bed->host, &attention);
    expect_attention(bed, 0, SCSW_FCTL_CLEAR_FUNC | SCSW_ACTL_CLEAR_PEND);
    end_with(bed, &irb);
    bed_end(bed);
}

static void test_attention_is_delivered(void)
{
    Bed *bed = bed_enabled();
    IOIntCode code;
    IRB irb;

    /* SSCH has replaced the interruption parameter. */
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_ATTENTION, 0, 0);
    qcss_wait_io(bed->qts, QCSS_CR6_ISC3, &code);
    g_assert_cmphex(code.intparm, ==, INTPARM_MSCH);
    g_assert_cmpint(qcss_tsch(bed->qts, SCHID, &irb), ==, 0);
    g_assert_cmphex(irb.scsw.ctrl, ==, ALERT_STCTL);
    g_assert_cmphex(irb.scsw.dstat, ==, SCSW_DSTAT_ATTENTION);
    assert_usable(bed);
    bed_end(bed);
}

static void test_attention_is_not_delivered_when_disabled(void)
{
    Bed *bed = bed_enabled();
    unsigned signals = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_SIGNALS);

    qcss_disable(bed->qts, SCHID);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_ATTENTION, 0, 0);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_SIGNALS, signals + 1);
    expect_nothing(bed);
    g_assert_cmphex(scsw_ctrl(bed), ==, 0);
    bed_end(bed);
}

static void test_pending_status_is_not_overwritten(void)
{
    Bed *bed = bed_enabled();
    unsigned signals = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_SIGNALS);
    IOIntCode code;
    IRB irb;

    start_accepted(bed);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    qcss_wait_io(bed->qts, QCSS_CR6_ALL, &code);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_ATTENTION, 0, 0);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_SIGNALS, signals + 2);
    expect_nothing(bed);
    g_assert_cmpint(qcss_tsch(bed->qts, SCHID, &irb), ==, 0);
    g_assert_cmphex(irb.scsw.ctrl, ==, SCSW_FCTL_START_FUNC | FINAL_STCTL);
    g_assert_cmphex(irb.scsw.dstat, ==, NORMAL_END);
    expect_irb(bed, ALERT_STCTL, SCSW_DSTAT_ATTENTION, 0);
    bed_end(bed);
}

static void test_signal_without_interrupt_is_nothing(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_signal(bed->host, VFIO_CCW_IO_IRQ_INDEX);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

/* What the host still shows is how an earlier program ended. */
static void test_old_irb_does_not_end_a_new_start(void)
{
    Bed *bed = bed_enabled();

    start_accepted(bed);
    vfio_ccw_host_signal(bed->host, VFIO_CCW_IO_IRQ_INDEX);
    expect_nothing(bed);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_normal_end(bed);
    bed_end(bed);
}

/* The program had ended when the clear came: the guest hears of one end. */
static void test_stale_end_is_not_the_end_of_a_clear(void)
{
    Bed *bed = bed_enabled();

    start_active(bed);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_READ);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_wait_clear(bed->host);
    expect_nothing(bed);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_CLEAR_FUNC);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

#define NO_STORAGE 0x80000000

/* PoP 6: the instruction is suppressed, so nothing of the status is taken. */
static void test_status_stays_that_cannot_be_stored(void)
{
    Bed *bed = bed_enabled();

    start_accepted(bed);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    wait_pending(bed, SCSW_STCTL_STATUS_PEND);
    g_assert_cmpint(qcss_issue_at(bed->qts, "tsch", SCHID, NO_STORAGE), ==,
                    QCSS_PGM_ADDRESSING);
    expect_exactly(bed, &normal_end);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

/* PoP 14, TSCH: the interruption request goes with the status. */
static void test_taking_status_takes_its_interruption(void)
{
    Bed *bed = bed_enabled();
    IRB irb;

    vfio_ccw_host_present_irb(bed->host, &attention);
    wait_pending(bed, SCSW_STCTL_ALERT);
    g_assert_cmpint(qcss_tsch(bed->qts, SCHID, &irb), ==, 0);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

/* The slot has never had an IRB. */
static void test_first_signal_may_have_no_irb(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_plugged(&config);

    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    start_accepted(bed);
    vfio_ccw_host_signal(bed->host, VFIO_CCW_IO_IRQ_INDEX);
    expect_nothing(bed);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_exactly(bed, &normal_end);
    bed_end(bed);
}

static void test_two_signals_may_be_one_irb(void)
{
    Bed *bed = bed_enabled();

    for (int round = 0; round < 2; round++) {
        start_accepted(bed);
        vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
        vfio_ccw_host_signal(bed->host, VFIO_CCW_IO_IRQ_INDEX);
        expect_exactly(bed, &normal_end);
        vfio_ccw_host_signal(bed->host, VFIO_CCW_IO_IRQ_INDEX);
        expect_nothing(bed);
    }
    bed_end(bed);
}

/* Somebody has pressed the key again: nothing else is different. */
static void test_attention_comes_again(void)
{
    Bed *bed = bed_enabled();

    for (int round = 0; round < 3; round++) {
        vfio_ccw_host_present_irb(bed->host, &attention);
        expect_attention(bed, ORB_FLAGS, 0);
        expect_nothing(bed);
    }
    assert_usable(bed);
    bed_end(bed);
}

/* That cannot be told from it, and one too many does no harm. */
static void test_attention_signalled_twice_is_delivered_twice(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_present_irb(bed->host, &attention);
    expect_attention(bed, ORB_FLAGS, 0);
    vfio_ccw_host_signal(bed->host, VFIO_CCW_IO_IRQ_INDEX);
    expect_attention(bed, ORB_FLAGS, 0);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

static void test_ends_signalled_twice_are_shown_once(void)
{
    Bed *bed = bed_enabled();

    start_accepted(bed);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_CHANNEL_END, 0, 0);
    wait_pending(bed, SCSW_STCTL_STATUS_PEND);
    signal_again(bed);
    expect_irb(bed, SCSW_FCTL_START_FUNC | SCSW_STCTL_PRIMARY |
               SCSW_STCTL_STATUS_PEND, SCSW_DSTAT_CHANNEL_END, 0);
    expect_nothing(bed);
    signal_again(bed);
    expect_nothing(bed);

    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_DEVICE_END, 0, 0);
    wait_pending(bed, SCSW_STCTL_STATUS_PEND);
    signal_again(bed);
    expect_irb(bed, SCSW_STCTL_SECONDARY | SCSW_STCTL_STATUS_PEND,
               SCSW_DSTAT_DEVICE_END, 0);
    expect_nothing(bed);
    signal_again(bed);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

/* No function is in progress that this could be taken for the end of. */
static void test_attention_asks_for_no_schib(void)
{
    Bed *bed = bed_enabled();
    unsigned reads = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_SCHIB_READS);

    for (int i = 0; i < 3; i++) {
        vfio_ccw_host_present_irb(bed->host, &attention);
        expect_irb(bed, ALERT_STCTL, SCSW_DSTAT_ATTENTION, 0);
    }
    g_assert_cmpuint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_SCHIB_READS),
                     ==, reads);
    bed_end(bed);
}

/* Rule 7: to write all of the I/O region would destroy what nobody has read. */
static void test_start_leaves_the_irb_alone(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_present_irb(bed->host, &attention);
    expect_attention(bed, ORB_FLAGS, 0);
    start_accepted(bed);
    vfio_ccw_host_signal(bed->host, VFIO_CCW_IO_IRQ_INDEX);
    expect_attention(bed, ORB_FLAGS,
                     SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND);
    end_with(bed, &normal_end);
    bed_end(bed);
}

/* Linux may show the end of an earlier clear, or halt, once more. */
static void test_old_end_does_not_end_a_new_start(const void *data)
{
    uint16_t fctl = GPOINTER_TO_INT(data);
    Bed *bed = bed_enabled();
    IRB irb = { .scsw.ctrl = fctl | SCSW_STCTL_STATUS_PEND };

    if (fctl == SCSW_FCTL_CLEAR_FUNC) {
        g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
        vfio_ccw_host_wait_clear(bed->host);
    } else {
        g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
        vfio_ccw_host_wait_halt(bed->host);
    }
    vfio_ccw_host_present_irb(bed->host, &irb);
    expect_end_of(bed, fctl);

    start_accepted(bed);
    vfio_ccw_host_present_irb(bed->host, &irb);
    expect_nothing(bed);
    g_assert_cmphex(scsw_ctrl(bed), ==,
                    SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND);
    end_with(bed, &normal_end);
    bed_end(bed);
}

static Bed *bed_without_schib(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.regions &= ~(1u << VFIO_CCW_HOST_REGION_SCHIB);
    return bed_enabled_with(&config);
}

static Bed *bed_with_unreadable_schib(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_SCHIB_READ, -ENOMEM,
                         UINT_MAX);
    return bed;
}

/*
 * Nothing tells the end of that halt from the end of one that the host began by
 * itself: where no SCHIB can be asked, it ends no start.
 */
static void old_halt_ends_no_new_start(Bed *bed)
{
    IRB irb = {
        .scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_FCTL_HALT_FUNC |
                     SCSW_STCTL_STATUS_PEND,
    };

    start_active(bed);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_halt(bed->host);
    vfio_ccw_host_present_irb(bed->host, &irb);
    expect_end_of(bed, SCSW_FCTL_HALT_FUNC);

    start_accepted(bed);
    wait_state(bed, "START_ACTIVE");
    vfio_ccw_host_present_irb(bed->host, &irb);
    expect_nothing(bed);
    end_with(bed, &normal_end);
    bed_end(bed);
}

static void test_old_halt_without_schib(void)
{
    old_halt_ends_no_new_start(bed_without_schib());
}

/*
 * Such an end is not shown, but it was there: the end of the start is not the
 * one of the program before it once more, though it looks like that.
 */
static void test_end_behind_a_halt_that_is_not_shown(void)
{
    Bed *bed = bed_without_schib();

    start_accepted(bed);
    end_with(bed, &normal_end);
    start_accepted(bed);
    wait_state(bed, "START_ACTIVE");
    vfio_ccw_host_present_irb(bed->host, &(IRB) {
        .scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_FCTL_HALT_FUNC |
                     SCSW_STCTL_STATUS_PEND,
    });
    expect_nothing(bed);
    end_with(bed, &normal_end);
    bed_end(bed);
}

static void test_old_halt_with_unreadable_schib(void)
{
    old_halt_ends_no_new_start(bed_with_unreadable_schib());
}

/* The end of a signal is read twice, and the second time in vain. */
static void show_halt_end_once(Bed *bed)
{
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_present_irb(bed->host, &(IRB) {
        .scsw.ctrl = SCSW_FCTL_HALT_FUNC | SCSW_STCTL_STATUS_PEND,
    });
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_release(bed->host, VFIO_CCW_HOST_IO_READ, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_READ);
}

static void test_end_of_halt_that_is_cleared_is_unreadable(void)
{
    Bed *bed = bed_enabled();

    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_halt(bed->host);
    show_halt_end_once(bed);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_clear(bed->host);
    vfio_ccw_host_release(bed->host, VFIO_CCW_HOST_IO_READ, -EIO);
    expect_gone(bed);
    bed_end(bed);
}

static void test_end_of_no_halt_is_unreadable(void)
{
    Bed *bed = bed_without_schib();

    start_accepted(bed);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_present_irb(bed->host, &(IRB) {
        .scsw.ctrl = SCSW_FCTL_HALT_FUNC | SCSW_STCTL_STATUS_PEND,
    });
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_release(bed->host, VFIO_CCW_HOST_IO_READ, -EIO);
    expect_gone(bed);
    bed_end(bed);
}

/*
 * The driver has one place for an IRB. QEMU has not read what is there when the
 * device presents more: the newer IRB is all that is left.
 */

typedef struct Overwritten {
    const char *name;
    bool start;
    int (*instruction)(QTestState *qts, uint32_t schid);
    void (*wait)(VfioCcwHost *host);
    uint16_t ctrl;        /* what the guest is told */
    uint8_t cstat;
} Overwritten;

static const Overwritten overwritten[] = {
    { "start", true, NULL, NULL,
      SCSW_FCTL_START_FUNC | FINAL_STCTL | SCSW_STCTL_ALERT,
      SCSW_CSTAT_CHN_CTRL_CHK },
    { "halt", false, qcss_hsch, vfio_ccw_host_wait_halt,
      SCSW_FCTL_HALT_FUNC | SCSW_STCTL_STATUS_PEND },
    { "halt-of-a-start", true, qcss_hsch, vfio_ccw_host_wait_halt,
      SCSW_FCTL_START_FUNC | SCSW_FCTL_HALT_FUNC | SCSW_STCTL_STATUS_PEND },
    { "clear", false, qcss_csch, vfio_ccw_host_wait_clear,
      SCSW_FCTL_CLEAR_FUNC | SCSW_STCTL_STATUS_PEND },
    { "clear-of-a-start", true, qcss_csch, vfio_ccw_host_wait_clear,
      SCSW_FCTL_CLEAR_FUNC | SCSW_STCTL_STATUS_PEND },
};

static void begin(Bed *bed, const Overwritten *function)
{
    if (function->start) {
        start_accepted(bed);
        wait_state(bed, "START_ACTIVE");
    }
    if (function->instruction) {
        g_assert_cmpint(function->instruction(bed->qts, SCHID), ==, 0);
        function->wait(bed->host);
    }
}

static void present_end(Bed *bed, const Overwritten *function)
{
    vfio_ccw_host_present_status(bed->host, function->instruction ? 0
                                                                  : NORMAL_END,
                                 0, 0);
}

static void let_read(Bed *bed, unsigned signals)
{
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_SIGNALS, signals + 2);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
}

/* The function ends all the same, and the alert comes once, after its end. */
static void test_alert_overwrites_an_end(const void *data)
{
    const Overwritten *function = data;
    Bed *bed = bed_enabled();
    unsigned signals = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_SIGNALS);

    begin(bed, function);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_READ);
    present_end(bed, function);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_ATTENTION, 0, 0);
    let_read(bed, signals);
    expect_irb(bed, function->ctrl, 0, function->cstat);
    expect_irb(bed, ALERT_STCTL, SCSW_DSTAT_ATTENTION, 0);
    expect_nothing(bed);
    g_assert_cmphex(scsw_ctrl(bed), ==, 0);
    assert_usable(bed);
    bed_end(bed);
}

/*
 * The driver has not seen the end either, so it keeps the program for ever and
 * refuses the next start. QEMU has the idle device halted, which frees it.
 */
static void test_driver_loses_an_end(const void *data)
{
    const Overwritten *function = data;
    Bed *bed = bed_enabled();
    unsigned writes, halts;

    begin(bed, function);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_WORK);
    present_end(bed, function);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_WORK);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_ATTENTION, 0, 0);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_WORK);
    expect_irb(bed, function->ctrl, 0, function->cstat);
    expect_irb(bed, ALERT_STCTL, SCSW_DSTAT_ATTENTION, 0);

    /* Time passes for one retry only: the start must not be given up. */
    writes = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_IO_WRITES);
    halts = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_HALTS);
    g_assert_cmpint(ssch(bed), ==, 0);
    wait_retried(bed, VFIO_CCW_HOST_IO_WRITES, writes + 2);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_HALTS, halts + 1);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    vfio_ccw_host_wait_start(bed->host, NULL);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_normal_end(bed);
    expect_nothing(bed);
    g_assert_cmpuint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_HALTS), ==,
                     halts + 1);
    assert_usable(bed);
    bed_end(bed);
}

/* Nobody can tell that there was an alert; the end is the function's own. */
static void test_end_overwrites_an_alert(const void *data)
{
    const Overwritten *function = data;
    Bed *bed = bed_enabled();
    unsigned signals = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_SIGNALS);

    begin(bed, function);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_present_irb(bed->host, &attention);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_READ);
    present_end(bed, function);
    let_read(bed, signals);
    if (function->instruction) {
        expect_irb(bed, function->ctrl, 0, 0);
    } else {
        expect_exactly(bed, &normal_end);
    }
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

static void add_overwritten(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(overwritten); i++) {
        g_autofree char *end = g_strdup_printf(
            "/vfio-ccw/interrupt/alert-overwrites-the-end-of/%s",
            overwritten[i].name);
        g_autofree char *alert = g_strdup_printf(
            "/vfio-ccw/interrupt/alert-is-overwritten-by-the-end-of/%s",
            overwritten[i].name);

        qtest_add_data_func(end, &overwritten[i],
                            test_alert_overwrites_an_end);
        qtest_add_data_func(alert, &overwritten[i],
                            test_end_overwrites_an_alert);
        if (overwritten[i].start) {
            g_autofree char *driver = g_strdup_printf(
                "/vfio-ccw/interrupt/driver-loses-the-end-of/%s",
                overwritten[i].name);

            qtest_add_data_func(driver, &overwritten[i],
                                test_driver_loses_an_end);
        }
    }
}

/* Sense: who has it is up to the host, which has fetched it already. */
static void test_sense_is_in_the_ecw(const void *data)
{
    uint32_t concurrent_sense = GPOINTER_TO_INT(data);
    Bed *bed = bed_enabled();
    SCHIB schib;
    IRB irb = normal_end;

    irb.scsw.flags |= SCSW_FLAGS_MASK_ECTL;
    irb.scsw.ctrl |= SCSW_STCTL_ALERT;
    irb.scsw.dstat |= SCSW_DSTAT_UNIT_CHECK;
    irb.esw = (ESW) {
        .word0 = 0x00800000,
        .erw = ESW_ERW_SENSE | 0x00200000,
        .word2 = 0x1122334455667788,
        .word4 = 0x99aabbcc,
    };
    for (size_t i = 0; i < sizeof(irb.ecw); i++) {
        ((uint8_t *)irb.ecw)[i] = 0xa0 + i;
    }

    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    schib.pmcw.chars = concurrent_sense;
    g_assert_cmpint(qcss_msch(bed->qts, SCHID, &schib), ==, 0);
    start_accepted(bed);
    end_with(bed, &irb);
    bed_end(bed);
}

/* A broken host: every bit of the IRB is one. */
static void test_garbage_is_nothing(void)
{
    Bed *bed = bed_enabled();
    IRB garbage;

    memset(&garbage, 0xff, sizeof(garbage));
    vfio_ccw_host_present_irb(bed->host, &garbage);
    expect_nothing(bed);
    g_assert_cmphex(scsw_ctrl(bed), ==, 0);

    start_accepted(bed);
    vfio_ccw_host_present_irb(bed->host, &garbage);
    expect_nothing(bed);
    end_with(bed, &normal_end);
    bed_end(bed);
}

static void add_variants(void)
{
    qtest_add_data_func("/vfio-ccw/interrupt/"
                        "device-end-does-not-end-the-next-start/with-schib",
                        GUINT_TO_POINTER(~0u),
                        test_device_end_does_not_end_the_next_start);
    qtest_add_data_func("/vfio-ccw/interrupt/"
                        "device-end-does-not-end-the-next-start/without-schib",
                        GUINT_TO_POINTER(~(1u << VFIO_CCW_HOST_REGION_SCHIB)),
                        test_device_end_does_not_end_the_next_start);
    qtest_add_data_func("/vfio-ccw/interrupt/deferred-cc1-is-the-host-s",
                        GINT_TO_POINTER(1 << 8),
                        test_deferred_cc_is_the_host_s);
    qtest_add_data_func("/vfio-ccw/interrupt/deferred-cc3-is-the-host-s",
                        GINT_TO_POINTER(3 << 8 | SCSW_FLAGS_MASK_PNO),
                        test_deferred_cc_is_the_host_s);
    qtest_add_data_func("/vfio-ccw/interrupt/old-clear-ends-no-new-start",
                        GINT_TO_POINTER(SCSW_FCTL_CLEAR_FUNC),
                        test_old_end_does_not_end_a_new_start);
    qtest_add_data_func("/vfio-ccw/interrupt/old-halt-ends-no-new-start",
                        GINT_TO_POINTER(SCSW_FCTL_HALT_FUNC),
                        test_old_end_does_not_end_a_new_start);
    qtest_add_func("/vfio-ccw/interrupt/old-halt-without-schib",
                   test_old_halt_without_schib);
    qtest_add_func("/vfio-ccw/interrupt/end-behind-a-halt-that-is-not-shown",
                   test_end_behind_a_halt_that_is_not_shown);
    qtest_add_func("/vfio-ccw/interrupt/old-halt-with-unreadable-schib",
                   test_old_halt_with_unreadable_schib);
    qtest_add_func("/vfio-ccw/interrupt/unreadable-end-of-a-cleared-halt",
                   test_end_of_halt_that_is_cleared_is_unreadable);
    qtest_add_func("/vfio-ccw/interrupt/unreadable-end-of-no-halt",
                   test_end_of_no_halt_is_unreadable);
    qtest_add_data_func("/vfio-ccw/interrupt/sense-with-concurrent-sense",
                        GINT_TO_POINTER(PMCW_CHARS_MASK_CSENSE),
                        test_sense_is_in_the_ecw);
    qtest_add_data_func("/vfio-ccw/interrupt/sense-without-concurrent-sense",
                        GINT_TO_POINTER(0), test_sense_is_in_the_ecw);
}

static void add_tests(void)
{
    qtest_add_func("/vfio-ccw/interrupt/intermediate-status-keeps-the-start",
                   test_intermediate_status_keeps_the_start);
    qtest_add_func("/vfio-ccw/interrupt/attention-is-delivered",
                   test_attention_is_delivered);
    qtest_add_func("/vfio-ccw/interrupt/"
                   "attention-is-not-delivered-when-disabled",
                   test_attention_is_not_delivered_when_disabled);
    qtest_add_func("/vfio-ccw/interrupt/pending-status-is-not-overwritten",
                   test_pending_status_is_not_overwritten);
    qtest_add_func("/vfio-ccw/interrupt/status-stays-that-cannot-be-stored",
                   test_status_stays_that_cannot_be_stored);
    qtest_add_func("/vfio-ccw/interrupt/signal-alone-is-nothing",
                   test_signal_without_interrupt_is_nothing);
    qtest_add_func("/vfio-ccw/interrupt/old-irb-does-not-end-a-new-start",
                   test_old_irb_does_not_end_a_new_start);
    qtest_add_func("/vfio-ccw/interrupt/stale-end-is-not-the-end-of-a-clear",
                   test_stale_end_is_not_the_end_of_a_clear);
    qtest_add_func("/vfio-ccw/interrupt/end-joins-intermediate-status",
                   test_end_joins_intermediate_status);
    qtest_add_func("/vfio-ccw/interrupt/device-end-follows-channel-end",
                   test_device_end_follows_channel_end);
    qtest_add_func("/vfio-ccw/interrupt/device-end-joins-channel-end",
                   test_device_end_joins_channel_end);
    qtest_add_func("/vfio-ccw/interrupt/device-end-defers-the-next-start",
                   test_device_end_defers_the_next_start);
    qtest_add_func("/vfio-ccw/interrupt/start-before-device-end-is-given-up",
                   test_start_before_device_end_is_given_up);
    qtest_add_func("/vfio-ccw/interrupt/end-that-is-lost-is-told",
                   test_end_that_is_lost_is_told);
    qtest_add_func("/vfio-ccw/interrupt/attention-while-a-start-is-queued",
                   test_attention_while_a_start_is_queued);
    qtest_add_func("/vfio-ccw/interrupt/attention-while-a-start-is-sent",
                   test_attention_while_a_start_is_sent);
    qtest_add_func("/vfio-ccw/interrupt/attention-while-a-start-is-active",
                   test_attention_while_a_start_is_active);
    qtest_add_func("/vfio-ccw/interrupt/attention-while-halting",
                   test_attention_while_halting);
    qtest_add_func("/vfio-ccw/interrupt/attention-while-clearing",
                   test_attention_while_clearing);
    qtest_add_func("/vfio-ccw/interrupt/taking-status-takes-its-interruption",
                   test_taking_status_takes_its_interruption);
    qtest_add_func("/vfio-ccw/interrupt/first-signal-may-have-no-irb",
                   test_first_signal_may_have_no_irb);
    qtest_add_func("/vfio-ccw/interrupt/two-signals-may-be-one-irb",
                   test_two_signals_may_be_one_irb);
    qtest_add_func("/vfio-ccw/interrupt/attention-comes-again",
                   test_attention_comes_again);
    qtest_add_func("/vfio-ccw/interrupt/"
                   "attention-signalled-twice-is-delivered-twice",
                   test_attention_signalled_twice_is_delivered_twice);
    qtest_add_func("/vfio-ccw/interrupt/path-not-operational-is-shown",
                   test_path_not_operational_is_shown);
    qtest_add_func("/vfio-ccw/interrupt/ends-signalled-twice-are-shown-once",
                   test_ends_signalled_twice_are_shown_once);
    qtest_add_func("/vfio-ccw/interrupt/attention-asks-for-no-schib",
                   test_attention_asks_for_no_schib);
    qtest_add_func("/vfio-ccw/interrupt/start-leaves-the-irb-alone",
                   test_start_leaves_the_irb_alone);
    qtest_add_func("/vfio-ccw/interrupt/garbage-is-nothing",
                   test_garbage_is_nothing);
    add_variants();
    add_overwritten();
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
