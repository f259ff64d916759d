/*
 * QTest of vfio-ccw: the normal course of a start
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All code below runs in the test's thread; see vfio-ccw-fixture.h.
 */

#include "qemu/osdep.h"
#include "vfio-ccw-fixture.h"

#define FBA_DEV_TYPE 0x9336

static void test_sense_id(void)
{
    Bed *bed = bed_with_disk();
    ORB orb = sense_id_orb(bed);
    IOIntCode code;
    IRB irb;

    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    g_assert_cmpint(qcss_tsch(bed->qts, SCHID, &irb), ==, 1);
    g_assert_cmpint(qcss_ssch(bed->qts, SCHID, &orb), ==, 0);
    qcss_wait_io(bed->qts, QCSS_CR6_ISC3, &code);
    g_assert_cmphex(code.subsys_id, ==, SCHID);
    g_assert_cmphex(code.intparm, ==, INTPARM_SSCH);
    g_assert_cmpint(IO_INT_WORD_ISC(code.interrupt_id), ==, QCSS_ISC);

    g_assert_cmpint(qcss_tsch(bed->qts, SCHID, &irb), ==, 0);
    g_assert_cmphex(irb.scsw.ctrl, ==, SCSW_FCTL_START_FUNC | FINAL_STCTL);
    g_assert_cmphex(irb.scsw.dstat, ==, NORMAL_END);
    g_assert_cmphex(irb.scsw.cstat, ==, 0);
    g_assert_cmphex(irb.scsw.cpa, ==, PROGRAM + sizeof(CCW1));
    g_assert_cmpint(irb.scsw.count, ==, 0);
    g_assert_cmpint(qcss_tsch(bed->qts, SCHID, &irb), ==, 1);
    g_assert_cmphex(scsw_ctrl(bed), ==, 0);

    g_assert_cmphex(qtest_readb(bed->qts, DATA), ==, 0xff);
    g_assert_cmphex(qtest_readw(bed->qts, DATA + 4), ==, FBA_DEV_TYPE);
    g_assert_cmphex(qtest_readb(bed->qts, DATA + SENSE_ID_LEN), ==, 0);

    bed_end(bed);
}

/* The ORB of a start as it comes to the host; the start comes to its end. */
static ORB orb_at_host(uint8_t ctrl1)
{
    Bed *bed = bed_enabled();
    ORB sent = noop_orb(bed);
    ORB orb;

    sent.ctrl1 = ctrl1;
    /* The words of an ORB extension, most of which are reserved */
    qtest_memset(bed->qts, QCSS_OPERAND + sizeof(sent), 0, 20);
    g_assert_cmpint(qcss_ssch(bed->qts, SCHID, &sent), ==, 0);
    vfio_ccw_host_wait_start(bed->host, &orb);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_normal_end(bed);
    bed_end(bed);
    return orb;
}

static void test_host_gets_the_orb(void)
{
    ORB orb = orb_at_host(ORB_CTRL1_MASK_ILS);

    g_assert_cmphex(orb.cpa, ==, PROGRAM);
    g_assert_cmphex(orb.lpm, ==, 0xff);
    g_assert_cmphex(orb.ctrl0 & ORB_CTRL0_MASK_FMT, !=, 0);
    g_assert_cmphex(orb.ctrl1, ==, ORB_CTRL1_MASK_ILS);
}

/*
 * An ORB extension does not go to the host, so nothing must be taken for one:
 * Linux would find its last IRB there.
 */
static void test_host_gets_no_extended_orb(void)
{
    ORB orb = orb_at_host(ORB_CTRL1_MASK_ILS | ORB_CTRL1_MASK_ORBX);

    g_assert_cmphex(orb.ctrl1, ==, ORB_CTRL1_MASK_ILS);
}

/* Old guests do not allow prefetching, and old hosts do nothing else. */
static void test_prefetch_is_forced(const void *forced)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_unplugged(&config);
    QDict *arguments = device_arguments(bed);
    IRB irb = {
        .scsw.flags = SCSW_FLAGS_MASK_FMT,
        .scsw.ctrl = SCSW_FCTL_START_FUNC | FINAL_STCTL,
        .scsw.cpa = PROGRAM + sizeof(CCW1),
        .scsw.dstat = NORMAL_END,
        .esw.word0 = ESW_LAST_PATH,
    };
    ORB orb, orb_of_host;

    qdict_put_bool(arguments, "force-orb-pfch", GPOINTER_TO_INT(forced));
    plug_with(bed, arguments);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    orb = noop_orb(bed);
    orb.ctrl0 &= ~ORB_CTRL0_MASK_PFCH;
    g_assert_cmpint(qcss_ssch(bed->qts, SCHID, &orb), ==, 0);
    vfio_ccw_host_wait_start(bed->host, &orb_of_host);
    g_assert_cmphex(orb_of_host.ctrl0, ==, orb.ctrl0 |
                    (forced ? ORB_CTRL0_MASK_PFCH : 0));
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_exactly(bed, &irb);
    assert_usable(bed);
    bed_end(bed);
}

#define MEASUREMENT_BLOCKS (QCSS_FREE + 0x2000)
#define MEASUREMENT_BLOCK_SIZE 32
#define SCHM_UPDATE 2
#define PMCW_FLAGS_BLOCK_UPDATE 0x0010

static unsigned count_measured(Bed *bed, unsigned block)
{
    return qtest_readw(bed->qts, MEASUREMENT_BLOCKS +
                       block * MEASUREMENT_BLOCK_SIZE);
}

/* PoP 17, "Measurement-Block Update": of this subchannel, what is accepted */
static void test_starts_are_measured(void)
{
    Bed *bed = bed_enabled();
    SCHIB schib;

    assert_usable(bed);
    qcss_schm(bed->qts, SCHM_UPDATE, MEASUREMENT_BLOCKS);
    assert_usable(bed);
    g_assert_cmpint(count_measured(bed, 1), ==, 0);

    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    schib.pmcw.flags |= PMCW_FLAGS_BLOCK_UPDATE;
    schib.pmcw.mbi = 1;
    g_assert_cmpint(qcss_msch(bed->qts, SCHID, &schib), ==, 0);
    start_accepted(bed);
    g_assert_cmpint(count_measured(bed, 1), ==, 1);
    g_assert_cmpint(ssch(bed), ==, 2);
    g_assert_cmpint(count_measured(bed, 1), ==, 1);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_normal_end(bed);
    assert_usable(bed);
    g_assert_cmpint(count_measured(bed, 1), ==, 2);
    g_assert_cmpint(count_measured(bed, 0), ==, 0);

    qcss_schm(bed->qts, 0, 0);
    assert_usable(bed);
    g_assert_cmpint(count_measured(bed, 1), ==, 2);
    g_assert_cmpint(qtest_readw(bed->qts, MEASUREMENT_BLOCK_SIZE), ==, 0);
    bed_end(bed);
}

/* Rules 1 and 2 */
static void test_ssch_does_not_wait_for_the_host(void)
{
    Bed *bed = bed_enabled();
    SCHIB schib;
    IRB irb;

    start_sent(bed);
    g_assert_cmphex(scsw_ctrl(bed), ==,
                    SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");

    g_assert_cmpint(ssch(bed), ==, 2);
    g_assert_cmpint(qcss_rsch(bed->qts, SCHID), ==, 2);
    /* PoP: the IRB is stored all the same. */
    memset(&irb, 0xff, sizeof(irb));
    g_assert_cmpint(qcss_tsch(bed->qts, SCHID, &irb), ==, 1);
    g_assert_cmphex(irb.scsw.flags, ==, ORB_FLAGS);
    g_assert_cmphex(irb.scsw.ctrl, ==,
                    SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND);
    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    g_assert_cmpint(qcss_msch(bed->qts, SCHID, &schib), ==, 2);
    g_assert_cmphex(scsw_ctrl(bed), ==,
                    SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND);
    expect_nothing(bed);

    vfio_ccw_host_release(bed->host, VFIO_CCW_HOST_START, 0);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START);
    complete_start(bed);
    assert_usable(bed);
    bed_end(bed);
}

static void test_second_ssch_while_active_is_cc2(void)
{
    Bed *bed = bed_enabled();
    unsigned starts;

    start_accepted(bed);
    starts = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS);
    g_assert_cmpint(ssch(bed), ==, 2);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_normal_end(bed);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS), ==,
                    starts);
    bed_end(bed);
}

/* The host may interrupt before it has answered the hand-over. */
static void test_interrupt_before_the_answer(void)
{
    Bed *bed = bed_enabled();
    unsigned signals = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_SIGNALS);

    start_unanswered(bed);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_SIGNALS, signals + 1);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START_REPLY);
    expect_normal_end(bed);
    assert_usable(bed);
    bed_end(bed);
}

/* Rule 1: reading the IRB does not hold anyone up either. */
static void test_irb_is_read_off_the_main_loop(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_READ);
    start_accepted(bed);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_READ);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");
    g_assert_cmpint(ssch(bed), ==, 2);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    expect_normal_end(bed);
    bed_end(bed);
}

/* The start ends like this without the host. */
static void assert_kept_from_the_host(Bed *bed, const ORB *orb, const IRB *irb)
{
    unsigned writes = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_IO_WRITES);

    g_assert_cmpint(qcss_ssch(bed->qts, SCHID, orb), ==, 0);
    expect_exactly(bed, irb);
    assert_usable(bed);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_IO_WRITES),
                    ==, writes + 1);
}

/* Rule 4: the host interface knows no resume. */
static void test_suspend_control_is_a_program_check(void)
{
    Bed *bed = bed_enabled();
    ORB orb = noop_orb(bed);
    IRB irb = {
        .scsw.flags = ORB_FLAGS | SCSW_FLAGS_MASK_SCTL,
        .scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_STCTL_ALERT | FINAL_STCTL,
        .scsw.cpa = PROGRAM + sizeof(CCW1),
        .scsw.cstat = SCSW_CSTAT_PROG_CHECK,
    };

    orb.ctrl0 |= ORB_CTRL0_MASK_SPND;
    assert_kept_from_the_host(bed, &orb, &irb);
    bed_end(bed);
}

/*
 * PoP 15, "Operation-Request Block": the address is that of a doubleword, and
 * for format-0 CCWs has 24 bits. PoP 16, "Program Check"
 */
static void test_bad_cpa_is_a_program_check(void)
{
    static const struct {
        uint16_t format;
        uint32_t cpa;
    } bad[] = {
        { ORB_CTRL0_MASK_FMT, PROGRAM + 1 },
        { ORB_CTRL0_MASK_FMT, PROGRAM + 4 },
        { 0, PROGRAM + 4 },
        { 0, PROGRAM + 0x01000000 },
    };
    Bed *bed = bed_enabled();
    ORB orb = noop_orb(bed);
    CCW1 noop = { .cmd_code = CCW_CMD_NOOP, .flags = CCW_FLAG_SLI, .count = 1 };

    qcss_write_ccws(bed->qts, PROGRAM + 0x01000000, &noop, 1);
    for (int i = 0; i < ARRAY_SIZE(bad); i++) {
        IRB irb = {
            .scsw.flags = SCSW_FLAGS_MASK_PFCH | bad[i].format,
            .scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_STCTL_ALERT | FINAL_STCTL,
            .scsw.cpa = bad[i].cpa + sizeof(CCW1),
            .scsw.cstat = SCSW_CSTAT_PROG_CHECK,
        };

        orb.ctrl0 = ORB_CTRL0_MASK_PFCH | bad[i].format;
        orb.cpa = bad[i].cpa;
        assert_kept_from_the_host(bed, &orb, &irb);
    }
    bed_end(bed);
}

static uint8_t pnom_of(Bed *bed)
{
    SCHIB schib;

    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    return schib.pmcw.pnom;
}

/* STSCH until the guest has what the host's SCHIB is by now */
static void wait_schib_read(Bed *bed)
{
    PMCW pmcw = vfio_ccw_host_default_config().pmcw;
    int64_t deadline = qcss_deadline();
    SCHIB schib;

    pmcw.chpid[7] = 0xee;
    vfio_ccw_host_set_pmcw(bed->host, &pmcw);
    do {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    } while (schib.pmcw.chpid[7] != 0xee);
}

/*
 * PoP 15, "Start Function": no path, deferred condition code 3. PoP 16, "Path
 * Not Operational (N)": that was found of none. Linux would take its own mask.
 */
static void test_no_path_is_deferred_cc3(void)
{
    Bed *bed = bed_enabled();
    ORB orb = noop_orb(bed);
    IRB irb = {
        .scsw.flags = ORB_FLAGS | SCSW_FLAGS_MASK_CC,
        .scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND | ALERT_STCTL,
    };

    orb.lpm = 0;
    assert_kept_from_the_host(bed, &orb, &irb);
    g_assert_cmpint(qcss_ssch(bed->qts, SCHID, &orb), ==, 0);
    expect_exactly(bed, &irb);
    g_assert_cmphex(pnom_of(bed), ==, 0);
    bed_end(bed);
}

/*
 * PoP 15, "Path-Not-Operational Mask": it is there with N, and until the next
 * start. The host's own does not say which path that is.
 */
static void test_refused_path_is_in_pnom(void)
{
    Bed *bed = bed_enabled();
    ORB orb = noop_orb(bed);
    IRB irb = {
        .scsw.flags = ORB_FLAGS | SCSW_FLAGS_MASK_CC | SCSW_FLAGS_MASK_PNO,
        .scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND | ALERT_STCTL,
    };

    orb.lpm = 0x40;
    g_assert_cmpint(qcss_ssch(bed->qts, SCHID, &orb), ==, 0);
    retry_until_pending(bed);
    g_assert_cmphex(pnom_of(bed), ==, 0x40);
    expect_exactly(bed, &irb);
    wait_schib_read(bed);
    g_assert_cmphex(pnom_of(bed), ==, 0x40);
    assert_usable(bed);
    g_assert_cmphex(pnom_of(bed), ==, 0);
    bed_end(bed);
}

/* What was not wanted of that start is of no concern to what comes then. */
static void test_halt_after_suspend_control(void)
{
    Bed *bed = bed_enabled();
    ORB orb = noop_orb(bed);

    orb.ctrl0 |= ORB_CTRL0_MASK_SPND;
    g_assert_cmpint(qcss_ssch(bed->qts, SCHID, &orb), ==, 0);
    expect_irb(bed, SCSW_FCTL_START_FUNC | SCSW_STCTL_ALERT | FINAL_STCTL, 0,
               SCSW_CSTAT_PROG_CHECK);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_halt(bed->host);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_HALT_FUNC);
    bed_end(bed);
}

static void add_tests(void)
{
    qtest_add_func("/vfio-ccw/start/sense-id", test_sense_id);
    qtest_add_func("/vfio-ccw/start/host-gets-the-orb",
                   test_host_gets_the_orb);
    qtest_add_func("/vfio-ccw/start/host-gets-no-extended-orb",
                   test_host_gets_no_extended_orb);
    qtest_add_data_func("/vfio-ccw/start/prefetch-is-forced/not",
                        GINT_TO_POINTER(false), test_prefetch_is_forced);
    qtest_add_data_func("/vfio-ccw/start/prefetch-is-forced/where-wanted",
                        GINT_TO_POINTER(true), test_prefetch_is_forced);
    qtest_add_func("/vfio-ccw/start/starts-are-measured",
                   test_starts_are_measured);
    qtest_add_func("/vfio-ccw/start/ssch-does-not-wait-for-the-host",
                   test_ssch_does_not_wait_for_the_host);
    qtest_add_func("/vfio-ccw/start/second-ssch-while-active-is-cc2",
                   test_second_ssch_while_active_is_cc2);
    qtest_add_func("/vfio-ccw/start/interrupt-before-the-answer",
                   test_interrupt_before_the_answer);
    qtest_add_func("/vfio-ccw/start/irb-is-read-off-the-main-loop",
                   test_irb_is_read_off_the_main_loop);
    qtest_add_func("/vfio-ccw/start/bad-cpa-is-a-program-check",
                   test_bad_cpa_is_a_program_check);
    qtest_add_func("/vfio-ccw/start/no-path-is-deferred-cc3",
                   test_no_path_is_deferred_cc3);
    qtest_add_func("/vfio-ccw/start/refused-path-is-in-pnom",
                   test_refused_path_is_in_pnom);
    qtest_add_func("/vfio-ccw/resume/suspend-control-is-a-program-check",
                   test_suspend_control_is_a_program_check);
    qtest_add_func("/vfio-ccw/resume/halt-after-suspend-control",
                   test_halt_after_suspend_control);
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
