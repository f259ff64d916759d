/*
 * QTest of the channel subsystem with a device that QEMU emulates itself
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The test of the "css" commands and of libqos/css.c, and of what the channel
 * subsystem does for every device, whatever is behind the subchannel.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "libqos/css.h"
#include "libqtest.h"
#include "s390x-mailbox.h"

#define DEVNO 0x1234
#define SCHID QCSS_FIRST_SCHID

#define INTPARM_MSCH 0xcafe0001
#define INTPARM_SSCH 0xcafe0002

#define PROGRAM QCSS_FREE
#define IDAWS   (QCSS_FREE + 0x800)
#define DATA    (QCSS_FREE + 0x1000)

/* The machine has no storage there. */
#define NO_STORAGE 0x80000000

/* CHSC that sets domain attributes, or stores what has happened elsewhere */
#define CHSC_PAGE              (QCSS_FREE + 0x2000)
#define CHSC_SDA               0x0031
#define CHSC_NO_DATA           8
#define CHSC_OK                1
#define CHSC_SEI               0x000e
#define SEI_LENGTH             0x10
#define SEI_OF_PCI             (1ULL << 61)
#define SDA_LENGTH             0x400
#define SDA_CHANNEL_SUBSYSTEMS 0
#define SDA_SUBCHANNEL_SETS    2

/* Where virtual devices are */
#define VIRTUAL_CSSID 0xfeu
/* In a subsystem-identification word: it says which channel subsystem. */
#define SCHID_M       0x00080000
#define VIRTIO_CHPID  0

#define SENSE_ID_LEN 7

/* What virtio-rng-ccw answers to SENSE ID */
#define VIRTIO_CU_TYPE  0x3832
#define VIRTIO_RNG_MODEL 4

#define ALL_PENDING (SCSW_STCTL_PRIMARY | SCSW_STCTL_SECONDARY | \
                     SCSW_STCTL_STATUS_PEND)

static QTestState *start(void)
{
    return qcss_init("-device virtio-rng-ccw,id=rng,devno=fe.0.1234");
}

static QTestState *start_enabled(void)
{
    QTestState *qts = start();

    qcss_enable(qts, SCHID, INTPARM_MSCH);
    return qts;
}

static ORB store_program(QTestState *qts, CCW1 ccw)
{
    qcss_write_ccws(qts, PROGRAM, &ccw, 1);
    return qcss_orb(INTPARM_SSCH, PROGRAM);
}

static ORB store_sense_id(QTestState *qts)
{
    return store_program(qts, (CCW1) {
        .cmd_code = CCW_CMD_SENSE_ID,
        .flags = CCW_FLAG_SLI,
        .count = SENSE_ID_LEN,
        .cda = DATA,
    });
}

/* NOP that suspends the program before it is executed */
static ORB store_suspended_noop(QTestState *qts)
{
    ORB orb = store_program(qts, (CCW1) {
        .cmd_code = CCW_CMD_NOOP,
        .flags = CCW_FLAG_SLI | CCW_FLAG_SUSPEND,
        .count = 1,
        .cda = DATA,
    });

    orb.ctrl0 |= ORB_CTRL0_MASK_SPND;
    return orb;
}

static void assert_irb(QTestState *qts, uint16_t fctl, uint16_t stctl,
                       uint8_t dstat, uint8_t cstat)
{
    IRB irb;

    qcss_wait_irb(qts, SCHID, &irb);
    g_assert_cmphex(irb.scsw.ctrl & SCSW_CTRL_MASK_FCTL, ==, fctl);
    g_assert_cmphex(irb.scsw.ctrl & SCSW_CTRL_MASK_STCTL, ==, stctl);
    g_assert_cmphex(irb.scsw.dstat, ==, dstat);
    g_assert_cmphex(irb.scsw.cstat, ==, cstat);
}

static void test_stsch_finds_devices(void)
{
    QTestState *qts = start();
    SCHIB schib;

    g_assert_cmphex(qcss_find(qts, DEVNO), ==, SCHID);
    g_assert_cmphex(qcss_find(qts, DEVNO + 1), ==, 0);

    g_assert_cmpint(qcss_stsch(qts, SCHID, &schib), ==, 0);
    g_assert_cmphex(schib.pmcw.flags, ==, PMCW_FLAGS_MASK_DNV);
    g_assert_cmphex(schib.pmcw.pam, ==, 0x80);
    g_assert_cmphex(schib.scsw.ctrl, ==, 0);

    /* There is no more after the last one. */
    g_assert_cmpint(qcss_stsch(qts, SCHID + 1, &schib), ==, 3);
    qtest_quit(qts);
}

static void test_msch_changes_what_programs_may(void)
{
    QTestState *qts = start_enabled();
    SCHIB schib;

    g_assert_cmpint(qcss_stsch(qts, SCHID, &schib), ==, 0);
    g_assert_cmphex(schib.pmcw.intparm, ==, INTPARM_MSCH);
    g_assert_cmphex(schib.pmcw.flags & PMCW_FLAGS_MASK_ENA, !=, 0);
    g_assert_cmphex(schib.pmcw.flags & PMCW_FLAGS_MASK_ISC, ==,
                    QCSS_ISC << 11);

    schib.pmcw.devno++;
    schib.pmcw.flags &= ~PMCW_FLAGS_MASK_DNV;
    g_assert_cmpint(qcss_msch(qts, SCHID, &schib), ==, 0);
    g_assert_cmphex(qcss_find(qts, DEVNO), ==, SCHID);
    qtest_quit(qts);
}

static void test_no_subchannel_is_cc3(void)
{
    QTestState *qts = start();
    ORB orb = store_sense_id(qts);
    SCHIB schib = { };
    IRB irb;

    g_assert_cmpint(qcss_ssch(qts, SCHID + 1, &orb), ==, 3);
    g_assert_cmpint(qcss_msch(qts, SCHID + 1, &schib), ==, 3);
    g_assert_cmpint(qcss_tsch(qts, SCHID + 1, &irb), ==, 3);
    g_assert_cmpint(qcss_xsch(qts, SCHID + 1), ==, 3);
    g_assert_cmpint(qcss_hsch(qts, SCHID + 1), ==, 3);
    g_assert_cmpint(qcss_csch(qts, SCHID + 1), ==, 3);
    g_assert_cmpint(qcss_rsch(qts, SCHID + 1), ==, 3);
    qtest_quit(qts);
}

static void test_disabled_subchannel_is_cc3(void)
{
    QTestState *qts = start();
    ORB orb = store_sense_id(qts);
    IRB irb;

    g_assert_cmpint(qcss_ssch(qts, SCHID, &orb), ==, 3);
    g_assert_cmpint(qcss_tsch(qts, SCHID, &irb), ==, 3);
    g_assert_cmpint(qcss_xsch(qts, SCHID), ==, 3);
    g_assert_cmpint(qcss_hsch(qts, SCHID), ==, 3);
    g_assert_cmpint(qcss_csch(qts, SCHID), ==, 3);
    g_assert_cmpint(qcss_rsch(qts, SCHID), ==, 3);
    qtest_quit(qts);
}

static void test_sense_id(void)
{
    QTestState *qts = start_enabled();
    ORB orb = store_sense_id(qts);
    IOIntCode code;
    IRB irb;

    g_assert_cmpint(qcss_tsch(qts, SCHID, &irb), ==, 1);
    g_assert_cmpint(qcss_ssch(qts, SCHID, &orb), ==, 0);

    g_assert_false(qcss_dequeue_io(qts, QCSS_CR6_ALL & ~QCSS_CR6_ISC3, &code));
    g_assert_true(qcss_dequeue_io(qts, QCSS_CR6_ISC3, &code));
    g_assert_false(qcss_dequeue_io(qts, QCSS_CR6_ALL, &code));
    g_assert_cmphex(code.subsys_id, ==, SCHID);
    g_assert_cmphex(code.intparm, ==, INTPARM_SSCH);
    g_assert_cmpint(IO_INT_WORD_ISC(code.interrupt_id), ==, QCSS_ISC);

    g_assert_cmpint(qcss_tsch(qts, SCHID, &irb), ==, 0);
    g_assert_cmphex(irb.scsw.ctrl, ==, SCSW_FCTL_START_FUNC | ALL_PENDING);
    g_assert_cmphex(irb.scsw.dstat, ==,
                    SCSW_DSTAT_CHANNEL_END | SCSW_DSTAT_DEVICE_END);
    g_assert_cmphex(irb.scsw.cstat, ==, 0);
    g_assert_cmphex(irb.scsw.cpa, ==, PROGRAM + sizeof(CCW1));
    g_assert_cmpint(irb.scsw.count, ==, 0);
    g_assert_cmpint(qcss_tsch(qts, SCHID, &irb), ==, 1);

    g_assert_cmphex(qtest_readb(qts, DATA), ==, 0xff);
    g_assert_cmphex(qtest_readw(qts, DATA + 1), ==, VIRTIO_CU_TYPE);
    g_assert_cmphex(qtest_readb(qts, DATA + 3), ==, VIRTIO_RNG_MODEL);
    g_assert_cmphex(qtest_readb(qts, DATA + SENSE_ID_LEN), ==, 0);
    qtest_quit(qts);
}

static ORB store_indirect_sense_id(QTestState *qts, uint16_t format,
                                   const uint32_t areas[2])
{
    ORB orb = store_program(qts, (CCW1) {
        .cmd_code = CCW_CMD_SENSE_ID,
        .flags = CCW_FLAG_SLI | CCW_FLAG_IDA,
        .count = SENSE_ID_LEN,
        .cda = IDAWS,
    });

    for (int i = 0; i < 2; i++) {
        if (format & ORB_CTRL0_MASK_C64) {
            qtest_writeq(qts, IDAWS + i * 8, areas[i]);
        } else {
            qtest_writel(qts, IDAWS + i * 4, areas[i]);
        }
    }
    orb.ctrl0 |= format;
    return orb;
}

/*
 * The answer to SENSE ID begins 3 bytes before the end of one block and goes
 * on in another, which is not the one behind it.
 */
static void assert_indirect_sense_id(QTestState *qts, uint16_t format,
                                     uint32_t block)
{
    static const uint8_t id[SENSE_ID_LEN] = {
        0xff, VIRTIO_CU_TYPE >> 8, VIRTIO_CU_TYPE & 0xff, VIRTIO_RNG_MODEL
    };
    const uint32_t areas[] = { DATA + block - 3, DATA + 4 * block };
    uint8_t seen[SENSE_ID_LEN];
    ORB orb = store_indirect_sense_id(qts, format, areas);

    g_assert_cmpint(qcss_ssch(qts, SCHID, &orb), ==, 0);
    assert_irb(qts, SCSW_FCTL_START_FUNC, ALL_PENDING,
               SCSW_DSTAT_CHANNEL_END | SCSW_DSTAT_DEVICE_END, 0);
    qtest_memread(qts, areas[0], seen, 3);
    qtest_memread(qts, areas[1], seen + 3, sizeof(seen) - 3);
    g_assert_cmpmem(seen, sizeof(seen), id, sizeof(id));
}

static void test_format_1_idaws(void)
{
    QTestState *qts = start_enabled();

    assert_indirect_sense_id(qts, 0, 2 * KiB);
    qtest_quit(qts);
}

static void test_format_2_idaws(void)
{
    QTestState *qts = start_enabled();

    assert_indirect_sense_id(qts, ORB_CTRL0_MASK_C64, 4 * KiB);
    assert_indirect_sense_id(qts, ORB_CTRL0_MASK_C64 | ORB_CTRL0_MASK_I2K,
                             2 * KiB);
    qtest_quit(qts);
}

/*
 * PoP 15, "CCW Indirect Data Addressing": all IDAWs but the first designate the
 * beginning of a block.
 */
static void assert_bad_idaw(QTestState *qts, uint16_t format, uint32_t block)
{
    const uint32_t areas[] = { DATA + block - 3, DATA + 4 * block + 1 };
    ORB orb = store_indirect_sense_id(qts, format, areas);

    qtest_memset(qts, areas[1], 0, SENSE_ID_LEN);
    g_assert_cmpint(qcss_ssch(qts, SCHID, &orb), ==, 0);
    assert_irb(qts, SCSW_FCTL_START_FUNC, ALL_PENDING | SCSW_STCTL_ALERT, 0,
               SCSW_CSTAT_PROG_CHECK);
    g_assert_cmphex(qtest_readb(qts, areas[1]), ==, 0);
}

static void test_second_idaw_not_on_a_block(void)
{
    QTestState *qts = start_enabled();

    assert_bad_idaw(qts, 0, 2 * KiB);
    assert_bad_idaw(qts, ORB_CTRL0_MASK_C64, 4 * KiB);
    assert_bad_idaw(qts, ORB_CTRL0_MASK_C64 | ORB_CTRL0_MASK_I2K, 2 * KiB);
    qtest_quit(qts);
}

/* PoP 15, "Transfer in Channel": not as the first CCW of a program. */
static void test_first_ccw_is_tic(void)
{
    const CCW1 ccws[] = {
        { .cmd_code = CCW_CMD_TIC, .cda = PROGRAM + 8 },
        { .cmd_code = CCW_CMD_NOOP, .flags = CCW_FLAG_SLI | CCW_FLAG_CC,
          .count = 1, .cda = DATA },
        { .cmd_code = CCW_CMD_TIC, .cda = PROGRAM + 24 },
        { .cmd_code = CCW_CMD_NOOP, .flags = CCW_FLAG_SLI,
          .count = 1, .cda = DATA },
    };
    QTestState *qts = start_enabled();
    ORB orb = qcss_orb(INTPARM_SSCH, PROGRAM);

    qcss_write_ccws(qts, PROGRAM, ccws, ARRAY_SIZE(ccws));
    g_assert_cmpint(qcss_ssch(qts, SCHID, &orb), ==, 0);
    assert_irb(qts, SCSW_FCTL_START_FUNC, ALL_PENDING | SCSW_STCTL_ALERT, 0,
               SCSW_CSTAT_PROG_CHECK);

    orb.cpa += 8;
    g_assert_cmpint(qcss_ssch(qts, SCHID, &orb), ==, 0);
    assert_irb(qts, SCSW_FCTL_START_FUNC, ALL_PENDING,
               SCSW_DSTAT_CHANNEL_END | SCSW_DSTAT_DEVICE_END, 0);
    qtest_quit(qts);
}

/* ... which the one that a program is resumed at is not. */
static void test_resumed_at_tic(void)
{
    const CCW1 tic = { .cmd_code = CCW_CMD_TIC, .cda = PROGRAM + 8 };
    const CCW1 noop = { .cmd_code = CCW_CMD_NOOP, .flags = CCW_FLAG_SLI,
                        .count = 1, .cda = DATA };
    QTestState *qts = start_enabled();
    ORB orb = store_suspended_noop(qts);
    IOIntCode code;

    g_assert_cmpint(qcss_ssch(qts, SCHID, &orb), ==, 0);
    qcss_dequeue_io(qts, QCSS_CR6_ALL, &code);
    qcss_write_ccws(qts, PROGRAM, &tic, 1);
    qcss_write_ccws(qts, PROGRAM + 8, &noop, 1);
    g_assert_cmpint(qcss_rsch(qts, SCHID), ==, 0);
    assert_irb(qts, SCSW_FCTL_START_FUNC, ALL_PENDING,
               SCSW_DSTAT_CHANNEL_END | SCSW_DSTAT_DEVICE_END, 0);
    qtest_quit(qts);
}

/* The device is on path 80 alone. */
static void start_without_a_path(QTestState *qts)
{
    ORB orb = store_sense_id(qts);

    orb.lpm = 0x40;
    g_assert_cmpint(qcss_ssch(qts, SCHID, &orb), ==, 0);
}

/* PoP 16, "Deferred Condition Code": the next start has one of its own. */
static void test_deferred_cc_is_of_one_start(void)
{
    QTestState *qts = start_enabled();
    ORB orb = store_sense_id(qts);
    IRB irb;

    start_without_a_path(qts);
    qcss_wait_irb(qts, SCHID, &irb);
    g_assert_cmphex(irb.scsw.flags & SCSW_FLAGS_MASK_CC, ==,
                    SCSW_FLAGS_MASK_CC);
    g_assert_cmpint(qcss_ssch(qts, SCHID, &orb), ==, 0);
    qcss_wait_irb(qts, SCHID, &irb);
    g_assert_cmphex(irb.scsw.flags & SCSW_FLAGS_MASK_CC, ==, 0);

    start_without_a_path(qts);
    g_assert_cmpint(qcss_csch(qts, SCHID), ==, 0);
    qcss_wait_irb(qts, SCHID, &irb);
    g_assert_cmphex(irb.scsw.flags & SCSW_FLAGS_MASK_CC, ==, 0);
    qtest_quit(qts);
}

/* PoP 14, TSCH: with the status goes the interruption that it made pending. */
static void test_tsch_withdraws_the_interruption(void)
{
    QTestState *qts = start_enabled();
    ORB orb = store_sense_id(qts);
    IOIntCode code;
    IRB irb;

    g_assert_cmpint(qcss_ssch(qts, SCHID, &orb), ==, 0);
    g_assert_cmpint(qcss_tsch(qts, SCHID, &irb), ==, 0);
    g_assert_false(qcss_dequeue_io(qts, QCSS_CR6_ALL, &code));
    qtest_quit(qts);
}

/* PoP 14, CSCH, and 15, "Clear Function": it is the only one that is left. */
static void test_csch_withdraws_the_interruption(void)
{
    QTestState *qts = start_enabled();
    ORB orb = store_sense_id(qts);
    IOIntCode code;

    g_assert_cmpint(qcss_ssch(qts, SCHID, &orb), ==, 0);
    g_assert_cmpint(qcss_csch(qts, SCHID), ==, 0);
    g_assert_true(qcss_dequeue_io(qts, QCSS_CR6_ALL, &code));
    g_assert_false(qcss_dequeue_io(qts, QCSS_CR6_ALL, &code));
    qtest_quit(qts);
}

/* PoP 15, "Clear Function": status pending alone, whatever was pending. */
static void test_csch_discards_status(void)
{
    QTestState *qts = start_enabled();
    ORB orb = store_sense_id(qts);

    g_assert_cmpint(qcss_ssch(qts, SCHID, &orb), ==, 0);
    g_assert_cmpint(qcss_csch(qts, SCHID), ==, 0);
    assert_irb(qts, SCSW_FCTL_CLEAR_FUNC, SCSW_STCTL_STATUS_PEND, 0, 0);
    qtest_quit(qts);
}

static void test_status_pending_is_cc1(void)
{
    QTestState *qts = start_enabled();
    ORB orb = store_sense_id(qts);
    SCHIB schib;

    g_assert_cmpint(qcss_ssch(qts, SCHID, &orb), ==, 0);
    g_assert_cmpint(qcss_stsch(qts, SCHID, &schib), ==, 0);
    g_assert_cmphex(schib.scsw.ctrl & SCSW_CTRL_MASK_STCTL, ==, ALL_PENDING);

    g_assert_cmpint(qcss_ssch(qts, SCHID, &orb), ==, 1);
    g_assert_cmpint(qcss_msch(qts, SCHID, &schib), ==, 1);
    g_assert_cmpint(qcss_xsch(qts, SCHID), ==, 1);
    g_assert_cmpint(qcss_hsch(qts, SCHID), ==, 1);
    g_assert_cmpint(qcss_rsch(qts, SCHID), ==, 1);
    qtest_quit(qts);
}

static void test_nothing_started_is_cc2(void)
{
    QTestState *qts = start_enabled();

    g_assert_cmpint(qcss_xsch(qts, SCHID), ==, 2);
    g_assert_cmpint(qcss_rsch(qts, SCHID), ==, 2);
    qtest_quit(qts);
}

static void test_suspended_program_is_cancelled(void)
{
    QTestState *qts = start_enabled();
    ORB orb = store_suspended_noop(qts);
    IOIntCode code;
    SCHIB schib;

    g_assert_cmpint(qcss_ssch(qts, SCHID, &orb), ==, 0);
    g_assert_cmpint(qcss_ssch(qts, SCHID, &orb), ==, 2);
    g_assert_cmpint(qcss_stsch(qts, SCHID, &schib), ==, 0);
    g_assert_cmpint(qcss_msch(qts, SCHID, &schib), ==, 2);

    /* QEMU interrupts for the suspension as well, asked to or not. */
    qcss_dequeue_io(qts, QCSS_CR6_ALL, &code);
    g_assert_cmpint(qcss_xsch(qts, SCHID), ==, 0);
    g_assert_false(qcss_dequeue_io(qts, QCSS_CR6_ALL, &code));
    g_assert_cmpint(qcss_xsch(qts, SCHID), ==, 2);
    qtest_quit(qts);
}

static void test_suspended_program_is_resumed(void)
{
    QTestState *qts = start_enabled();
    ORB orb = store_suspended_noop(qts);
    IOIntCode code;

    g_assert_cmpint(qcss_ssch(qts, SCHID, &orb), ==, 0);
    qcss_dequeue_io(qts, QCSS_CR6_ALL, &code);
    store_program(qts, (CCW1) {
        .cmd_code = CCW_CMD_NOOP,
        .flags = CCW_FLAG_SLI,
        .count = 1,
        .cda = DATA,
    });
    g_assert_cmpint(qcss_rsch(qts, SCHID), ==, 0);
    assert_irb(qts, SCSW_FCTL_START_FUNC, ALL_PENDING,
               SCSW_DSTAT_CHANNEL_END | SCSW_DSTAT_DEVICE_END, 0);
    qtest_quit(qts);
}

static void test_halt_ends_with_an_interruption(void)
{
    QTestState *qts = start_enabled();

    g_assert_cmpint(qcss_hsch(qts, SCHID), ==, 0);
    assert_irb(qts, SCSW_FCTL_HALT_FUNC, SCSW_STCTL_STATUS_PEND,
               SCSW_DSTAT_DEVICE_END, 0);
    qtest_quit(qts);
}

static void test_clear_ends_with_an_interruption(void)
{
    QTestState *qts = start_enabled();

    g_assert_cmpint(qcss_csch(qts, SCHID), ==, 0);
    assert_irb(qts, SCSW_FCTL_CLEAR_FUNC, SCSW_STCTL_STATUS_PEND, 0, 0);
    qtest_quit(qts);
}

static void test_bad_program_is_a_program_check(void)
{
    QTestState *qts = start_enabled();
    ORB orb = store_program(qts, (CCW1) { .cmd_code = 0 });

    g_assert_cmpint(qcss_ssch(qts, SCHID, &orb), ==, 0);
    assert_irb(qts, SCSW_FCTL_START_FUNC, ALL_PENDING | SCSW_STCTL_ALERT,
               0, SCSW_CSTAT_PROG_CHECK);
    qtest_quit(qts);
}

static void test_bad_operands_are_program_interruptions(void)
{
    QTestState *qts = start_enabled();
    static const char *const storage_insns[] = {
        "ssch", "msch", "stsch", "tsch"
    };
    ORB orb = store_sense_id(qts);
    ORB bad_orb = orb;
    uint32_t no_one = SCHID & 0xffff;
    SCHIB schib;

    for (size_t i = 0; i < ARRAY_SIZE(storage_insns); i++) {
        const char *insn = storage_insns[i];

        g_assert_cmpint(qcss_issue_at(qts, insn, SCHID, QCSS_OPERAND + 2), ==,
                        QCSS_PGM_SPECIFICATION);
        g_assert_cmpint(qcss_issue_at(qts, insn, no_one, QCSS_OPERAND), ==,
                        QCSS_PGM_OPERAND);
        g_assert_cmpint(qcss_issue_at(qts, insn, SCHID, 1ULL << 40), ==,
                        QCSS_PGM_ADDRESSING);
    }
    g_assert_cmpint(qcss_xsch(qts, no_one), ==, QCSS_PGM_OPERAND);
    g_assert_cmpint(qcss_hsch(qts, no_one), ==, QCSS_PGM_OPERAND);
    g_assert_cmpint(qcss_csch(qts, no_one), ==, QCSS_PGM_OPERAND);
    g_assert_cmpint(qcss_rsch(qts, no_one), ==, QCSS_PGM_OPERAND);

    bad_orb.ctrl0 |= ORB_CTRL0_MASK_INVALID;
    g_assert_cmpint(qcss_ssch(qts, SCHID, &bad_orb), ==, QCSS_PGM_OPERAND);
    g_assert_cmpint(qcss_stsch(qts, SCHID, &schib), ==, 0);
    schib.pmcw.flags |= PMCW_FLAGS_MASK_INVALID;
    g_assert_cmpint(qcss_msch(qts, SCHID, &schib), ==, QCSS_PGM_OPERAND);

    /* The next instruction is not taken for one that failed. */
    g_assert_cmpint(qcss_ssch(qts, SCHID, &orb), ==, 0);
    qtest_quit(qts);
}

static void enable_facility(QTestState *qts, uint32_t operation)
{
    qtest_writel(qts, CHSC_PAGE, SDA_LENGTH << 16 | CHSC_SDA);
    qtest_writel(qts, CHSC_PAGE + 4, operation);
    g_assert_cmpint(qcss_chsc(qts, CHSC_PAGE), ==, 0);
    g_assert_cmphex(qtest_readl(qts, CHSC_PAGE + SDA_LENGTH), ==,
                    CHSC_NO_DATA << 16 | CHSC_OK);
}

/* A valid ORB is a valid SCHIB as well: the operand is not what is refused. */
static void assert_schid_refused(QTestState *qts, uint32_t schid)
{
    static const char *const storage_insns[] = {
        "ssch", "msch", "stsch", "tsch"
    };
    ORB orb = qcss_orb(INTPARM_SSCH, PROGRAM);

    for (size_t i = 0; i < ARRAY_SIZE(storage_insns); i++) {
        qcss_write_orb(qts, QCSS_OPERAND, &orb);
        g_assert_cmpint(qcss_issue_at(qts, storage_insns[i], schid,
                                      QCSS_OPERAND), ==, QCSS_PGM_OPERAND);
    }
    g_assert_cmpint(qcss_xsch(qts, schid), ==, QCSS_PGM_OPERAND);
    g_assert_cmpint(qcss_hsch(qts, schid), ==, QCSS_PGM_OPERAND);
    g_assert_cmpint(qcss_csch(qts, schid), ==, QCSS_PGM_OPERAND);
    g_assert_cmpint(qcss_rsch(qts, schid), ==, QCSS_PGM_OPERAND);
}

/* PoP 14, "I/O Instructions": bits 40-43 of general register 1 are zeros. */
static void test_reserved_bits_of_a_schid(void)
{
    QTestState *qts = start_enabled();

    for (uint32_t bit = 0x00100000; bit <= 0x00800000; bit <<= 1) {
        assert_schid_refused(qts, SCHID | bit);
    }
    qtest_quit(qts);
}

/* PoP 14: so is bit 44 (m), and the CSSID, until there are several. */
static void test_cssid_needs_mcsse(void)
{
    uint32_t of_css = SCHID | VIRTUAL_CSSID << 24 | SCHID_M;
    QTestState *qts = start_enabled();
    SCHIB schib;

    assert_schid_refused(qts, of_css);
    assert_schid_refused(qts, SCHID | SCHID_M);
    assert_schid_refused(qts, SCHID | VIRTUAL_CSSID << 24);

    enable_facility(qts, SDA_CHANNEL_SUBSYSTEMS);
    g_assert_cmpint(qcss_stsch(qts, of_css, &schib), ==, 0);
    g_assert_cmphex(schib.pmcw.devno, ==, DEVNO);
    assert_schid_refused(qts, SCHID | VIRTUAL_CSSID << 24);

    qtest_system_reset(qts);
    assert_schid_refused(qts, of_css);
    qtest_quit(qts);
}

/*
 * PoP 15, "Operation-Request Block": with X one, it has five more words, of
 * which bytes 0 and 2 are priorities and all the others are zeros.
 */
static void test_orb_extension(void)
{
    const uint64_t extension = QCSS_OPERAND + sizeof(ORB);
    QTestState *qts = start_enabled();
    ORB orb = store_sense_id(qts);

    for (int i = 0; i < 20; i++) {
        qtest_memset(qts, extension, 0, 20);
        qtest_writeb(qts, extension + i, 1);
        orb.ctrl1 = ORB_CTRL1_MASK_ORBX;
        if (i != 0 && i != 2) {
            g_assert_cmpint(qcss_ssch(qts, SCHID, &orb), ==, QCSS_PGM_OPERAND);
            orb.ctrl1 = 0;
        }
        g_assert_cmpint(qcss_ssch(qts, SCHID, &orb), ==, 0);
        assert_irb(qts, SCSW_FCTL_START_FUNC, ALL_PENDING,
                   SCSW_DSTAT_CHANNEL_END | SCSW_DSTAT_DEVICE_END, 0);
    }
    qtest_quit(qts);
}

/* The same: an access exception for a word of it comes before all that. */
static void test_orb_extension_without_storage(void)
{
    QTestState *qts = qcss_init("-m 16M -device virtio-rng-ccw,"
                                "devno=fe.0.1234");
    const uint64_t end = 16 * MiB - sizeof(ORB);
    ORB orb = qcss_orb(INTPARM_SSCH, PROGRAM);

    qcss_enable(qts, SCHID, INTPARM_MSCH);
    orb.ctrl1 |= ORB_CTRL1_MASK_ORBX;
    qcss_write_orb(qts, end, &orb);
    g_assert_cmpint(qcss_issue_at(qts, "ssch", SCHID, end), ==,
                    QCSS_PGM_ADDRESSING);
    qtest_quit(qts);
}

/* PoP 14, MSCH: a limit mode of 11 is an operand exception. */
static void test_limit_modes(void)
{
    QTestState *qts = start_enabled();
    SCHIB schib, after;

    g_assert_cmpint(qcss_stsch(qts, SCHID, &schib), ==, 0);
    schib.pmcw.flags |= PMCW_FLAGS_MASK_LM;
    g_assert_cmpint(qcss_msch(qts, SCHID, &schib), ==, QCSS_PGM_OPERAND);
    g_assert_cmpint(qcss_stsch(qts, SCHID, &after), ==, 0);
    g_assert_cmphex(after.pmcw.flags & PMCW_FLAGS_MASK_LM, ==, 0);

    for (uint16_t mode = 0x20; mode <= 0x40; mode += 0x20) {
        schib.pmcw.flags &= ~PMCW_FLAGS_MASK_LM;
        schib.pmcw.flags |= mode;
        g_assert_cmpint(qcss_msch(qts, SCHID, &schib), ==, 0);
        g_assert_cmpint(qcss_stsch(qts, SCHID, &after), ==, 0);
        g_assert_cmphex(after.pmcw.flags & PMCW_FLAGS_MASK_LM, ==, mode);
    }
    qtest_quit(qts);
}

static void assert_crw(QTestState *qts, uint16_t flags, uint16_t rsid)
{
    CRW crw;

    g_assert_cmpint(qcss_stcrw(qts, &crw), ==, 0);
    g_assert_cmphex(crw.flags, ==, flags);
    g_assert_cmphex(crw.rsid, ==, rsid);
}

static void assert_no_crw(QTestState *qts)
{
    CRW crw;

    g_assert_cmpint(qcss_stcrw(qts, &crw), ==, 1);
    g_assert_cmphex(crw.flags, ==, 0);
    g_assert_false(qcss_dequeue_crw_mchk(qts));
}

static void assert_subchannel_report(QTestState *qts)
{
    qcss_wait_crw_mchk(qts);
    assert_crw(qts, CRW_RSC_SUBCH << 8 | CRW_ERC_IPI, SCHID & 0xffff);
    assert_no_crw(qts);
}

static void test_plugging_is_reported(void)
{
    QTestState *qts = qcss_init("");

    g_assert_false(qcss_dequeue_crw_mchk(qts));
    g_assert_cmphex(qcss_find(qts, DEVNO), ==, 0);

    qtest_qmp_device_add(qts, "virtio-rng-ccw", "rng",
                         "{'devno': 'fe.0.1234'}");
    assert_subchannel_report(qts);
    g_assert_cmphex(qcss_find(qts, DEVNO), ==, SCHID);

    qtest_qmp_device_del(qts, "rng");
    assert_subchannel_report(qts);
    g_assert_cmphex(qcss_find(qts, DEVNO), ==, 0);
    qtest_quit(qts);
}

/* The guest looks at the subchannel when it hears of it, once. */
static void test_reports_are_not_repeated(void)
{
    QTestState *qts = qcss_init("");

    for (int i = 0; i < 3; i++) {
        qtest_qmp_device_add(qts, "virtio-rng-ccw", "rng",
                             "{'devno': 'fe.0.1234'}");
        qtest_qmp_device_del(qts, "rng");
    }
    assert_subchannel_report(qts);
    qtest_quit(qts);
}

/* PoP: an access exception suppresses the instruction. */
static void test_report_stays_that_cannot_be_stored(void)
{
    QTestState *qts = qcss_init("");

    qtest_qmp_device_add(qts, "virtio-rng-ccw", "rng",
                         "{'devno': 'fe.0.1234'}");
    g_assert_cmpint(qcss_stcrw_at(qts, NO_STORAGE), ==, QCSS_PGM_ADDRESSING);
    assert_subchannel_report(qts);
    qtest_quit(qts);
}

/* The guest does not know yet that there is no other. */
static void test_no_report_cannot_be_stored(void)
{
    QTestState *qts = qcss_init("");

    qtest_qmp_device_add(qts, "virtio-rng-ccw", "rng",
                         "{'devno': 'fe.0.1234'}");
    qcss_wait_crw_mchk(qts);
    assert_crw(qts, CRW_RSC_SUBCH << 8 | CRW_ERC_IPI, SCHID & 0xffff);
    g_assert_cmpint(qcss_stcrw_at(qts, NO_STORAGE), ==, QCSS_PGM_ADDRESSING);
    qtest_qmp_device_del(qts, "rng");
    g_assert_false(qcss_dequeue_crw_mchk(qts));
    assert_crw(qts, CRW_RSC_SUBCH << 8 | CRW_ERC_IPI, SCHID & 0xffff);
    assert_no_crw(qts);
    qtest_quit(qts);
}

/* All virtual devices are on one path. */
static void test_path_reset_is_reported(void)
{
    QTestState *qts = start();

    g_assert_cmpint(qcss_rchp(qts, VIRTIO_CHPID + 1), ==, 3);
    g_assert_false(qcss_dequeue_crw_mchk(qts));
    g_assert_cmpint(qcss_rchp(qts, VIRTIO_CHPID), ==, 0);
    qcss_wait_crw_mchk(qts);
    assert_crw(qts, CRW_RSC_CHP << 8 | CRW_ERC_INIT | CRW_FLAGS_MASK_S,
               VIRTIO_CHPID);
    assert_no_crw(qts);
    qtest_quit(qts);
}

static void store_event_information(QTestState *qts)
{
    qtest_writel(qts, CHSC_PAGE, SEI_LENGTH << 16 | CHSC_SEI);
    qtest_writel(qts, CHSC_PAGE + 4, 0);
    qtest_writeq(qts, CHSC_PAGE + 8, SEI_OF_PCI);
    g_assert_cmpint(qcss_chsc(qts, CHSC_PAGE), ==, 0);
    g_assert_cmphex(qtest_readw(qts, CHSC_PAGE + SEI_LENGTH + 2), ==, CHSC_OK);
}

/* The guest asks once for all that has happened, so it is told once. */
static void test_event_is_reported(void)
{
    QTestState *qts = qcss_init("");

    qtest_qmp_device_add(qts, "virtio-rng-pci", "first", "{}");
    qcss_wait_crw_mchk(qts);
    assert_crw(qts, CRW_RSC_CSS << 8 | CRW_ERC_EVENT, 0);
    qtest_qmp_device_add(qts, "virtio-rng-pci", "second", "{}");
    assert_no_crw(qts);

    store_event_information(qts);
    store_event_information(qts);
    qtest_qmp_device_add(qts, "virtio-rng-pci", "third", "{}");
    qcss_wait_crw_mchk(qts);
    assert_crw(qts, CRW_RSC_CSS << 8 | CRW_ERC_EVENT, 0);
    assert_no_crw(qts);
    qtest_quit(qts);
}

/* The guest has to be told which of several sets it is, in a second CRW. */
static void test_reports_of_several_subchannel_sets(void)
{
    uint16_t flags = CRW_RSC_SUBCH << 8 | CRW_ERC_IPI;
    QTestState *qts = qcss_init("");

    enable_facility(qts, SDA_SUBCHANNEL_SETS);
    qtest_qmp_device_add(qts, "virtio-rng-ccw", "rng",
                         "{'devno': 'fe.1.1234'}");
    qcss_wait_crw_mchk(qts);
    assert_crw(qts, flags | CRW_FLAGS_MASK_C, 0);
    assert_crw(qts, flags, 1 << 4);
    assert_no_crw(qts);
    qtest_quit(qts);
}

/* The same, and which of several channel subsystems */
static void test_reports_of_several_css(void)
{
    uint16_t of_subchannel = CRW_RSC_SUBCH << 8 | CRW_ERC_IPI;
    uint16_t of_path = CRW_RSC_CHP << 8 | CRW_ERC_INIT | CRW_FLAGS_MASK_S;
    QTestState *qts = qcss_init("");

    enable_facility(qts, SDA_CHANNEL_SUBSYSTEMS);
    qtest_qmp_device_add(qts, "virtio-rng-ccw", "rng",
                         "{'devno': 'fe.0.1234'}");
    qcss_wait_crw_mchk(qts);
    assert_crw(qts, of_subchannel | CRW_FLAGS_MASK_C, 0);
    assert_crw(qts, of_subchannel, VIRTUAL_CSSID << 8);
    assert_no_crw(qts);

    g_assert_cmpint(qcss_rchp(qts, VIRTUAL_CSSID << 16 | VIRTIO_CHPID), ==, 0);
    qcss_wait_crw_mchk(qts);
    assert_crw(qts, of_path | CRW_FLAGS_MASK_C, VIRTIO_CHPID);
    assert_crw(qts, of_path, VIRTUAL_CSSID << 8);
    assert_no_crw(qts);
    qtest_quit(qts);
}

/* PoP 17, "I/O-System Reset": no report and no machine check is pending. */
static void test_reset_clears_reports(void)
{
    QTestState *qts = qcss_init("");
    CRW crw;

    qtest_qmp_device_add(qts, "virtio-rng-ccw", "rng",
                         "{'devno': 'fe.0.1234'}");
    qtest_system_reset(qts);
    g_assert_false(qcss_dequeue_crw_mchk(qts));
    g_assert_cmpint(qcss_stcrw(qts, &crw), ==, 1);

    /* The machine check was pending; it is not believed to be so still. */
    qtest_qmp_device_del(qts, "rng");
    assert_subchannel_report(qts);
    qtest_quit(qts);
}

/* Subsystem resets and load-clear; what is in storage stays. */
static void test_diag308_resets_subchannels(void)
{
    static const unsigned subcodes[] = { 0, 1, 3 };
    QTestState *qts = start();
    IOIntCode code;
    SCHIB schib;
    ORB orb;

    for (size_t i = 0; i < ARRAY_SIZE(subcodes); i++) {
        qcss_enable(qts, SCHID, INTPARM_MSCH);
        orb = store_sense_id(qts);
        g_assert_cmpint(qcss_ssch(qts, SCHID, &orb), ==, 0);
        qcss_diag308(qts, subcodes[i]);
        g_assert_cmpint(qcss_stsch(qts, SCHID, &schib), ==, 0);
        g_assert_cmphex(schib.pmcw.flags, ==, PMCW_FLAGS_MASK_DNV);
        g_assert_cmphex(schib.pmcw.intparm, ==, 0);
        g_assert_cmphex(schib.scsw.ctrl, ==, 0);
        g_assert_false(qcss_dequeue_io(qts, QCSS_CR6_ALL, &code));
        g_assert_cmphex(qtest_readw(qts, DATA + 1), ==, VIRTIO_CU_TYPE);
    }
    qtest_quit(qts);
}

/* The same by a program: what one CPU starts, the other can end. */
static void test_sense_id_on_two_cpus(void)
{
    QTestState *qts = s390x_mailbox_init("-device virtio-rng-ccw,"
                                         "devno=fe.0.1234");
    ORB orb = store_sense_id(qts);
    SCHIB schib;
    IRB irb;

    s390x_mailbox_wait_running(qts, 0);
    s390x_mailbox_wait_running(qts, 1);

    g_assert_cmpint(s390x_mailbox_issue(qts, 0, S390X_INSN_STSCH, SCHID,
                                        QCSS_OPERAND), ==, 0);
    qcss_read_schib(qts, QCSS_OPERAND, &schib);
    g_assert_cmphex(schib.pmcw.devno, ==, DEVNO);
    qcss_set_enabled(&schib, INTPARM_MSCH);
    qcss_write_schib(qts, QCSS_OPERAND, &schib);
    g_assert_cmpint(s390x_mailbox_issue(qts, 0, S390X_INSN_MSCH, SCHID,
                                        QCSS_OPERAND), ==, 0);

    qcss_write_orb(qts, QCSS_OPERAND, &orb);
    g_assert_cmpint(s390x_mailbox_issue(qts, 0, S390X_INSN_SSCH, SCHID,
                                        QCSS_OPERAND), ==, 0);
    g_assert_cmpint(s390x_mailbox_issue(qts, 1, S390X_INSN_TSCH, SCHID,
                                        QCSS_OPERAND), ==, 0);
    qcss_read_irb(qts, QCSS_OPERAND, &irb);
    g_assert_cmphex(irb.scsw.ctrl, ==, SCSW_FCTL_START_FUNC | ALL_PENDING);
    g_assert_cmphex(qtest_readw(qts, DATA + 1), ==, VIRTIO_CU_TYPE);
    g_assert_cmpint(s390x_mailbox_issue(qts, 1, S390X_INSN_TSCH, SCHID,
                                        QCSS_OPERAND), ==, 1);
    qtest_quit(qts);
}

/*
 * Operands that a program cannot access, with DAT and low-address protection on
 *
 * PoP 6, "Recognition of Access Exceptions": such an instruction is nullified
 * or suppressed. So nothing changes; what is pending remains so.
 */

#define STORAGE_AT(page) (0x180000 + (page) * 0x1000)
#define SEGMENT_TABLE STORAGE_AT(0)
#define PAGE_TABLES   STORAGE_AT(1)     /* 1 MiB each, 0x800 apart */
#define PAGE_TABLE_LEN 0x800
#define CONTROLS      STORAGE_AT(2)

#define UNMAPPED      STORAGE_AT(16)
#define READ_ONLY     STORAGE_AT(18)
#define MAPPED_TO_NOWHERE STORAGE_AT(20)
#define LOW_PROTECTED 0x1000            /* as is 0 */

#define SEGMENTS 2
#define PAGES_PER_SEGMENT 256
#define ENTRY_INVALID   0x400
#define ENTRY_PROTECTED 0x200
#define SEGMENT_INVALID 0x20

#define CR0_LOW_ADDRESS_PROTECTION 0x10000000
#define SYSTEM_MASK_DAT 0x04

#define PGM_PROTECTION       (-0x04)
#define PGM_PAGE_TRANSLATION (-0x11)

/* Lowcore: the translation-exception identification */
#define TEID 0xa8
#define TEID_PAGE (~0xfffULL)
#define TEID_DAT_PROTECTION 0x4

#define STSI_BASIC_MACHINE 0x10000001

typedef struct BadOperand {
    uint32_t page;
    bool runs_into;     /* the operand begins in the last word before it */
    int fetch;          /* 0: it can be fetched */
    int store;
    uint64_t teid;
} BadOperand;

static const BadOperand bad_operands[] = {
    { UNMAPPED, false, PGM_PAGE_TRANSLATION, PGM_PAGE_TRANSLATION, 0 },
    { UNMAPPED, true, PGM_PAGE_TRANSLATION, PGM_PAGE_TRANSLATION, 0 },
    { READ_ONLY, false, 0, PGM_PROTECTION, TEID_DAT_PROTECTION },
    { READ_ONLY, true, 0, PGM_PROTECTION, TEID_DAT_PROTECTION },
    { MAPPED_TO_NOWHERE, false, QCSS_PGM_ADDRESSING, QCSS_PGM_ADDRESSING },
    { MAPPED_TO_NOWHERE, true, QCSS_PGM_ADDRESSING, QCSS_PGM_ADDRESSING },
    { LOW_PROTECTED, false, 0, PGM_PROTECTION, 0 },
    { LOW_PROTECTED, true, 0, PGM_PROTECTION, 0 },
};

typedef struct StorageInsn {
    const char *name;
    uint32_t insn;
    uint64_t gr1;
    bool fetches;
    bool stores;
    bool one_page;      /* the operand never runs into another one */
} StorageInsn;

static const StorageInsn storage_insns[] = {
    { "SSCH", S390X_INSN_SSCH, SCHID, true, false },
    { "MSCH", S390X_INSN_MSCH, SCHID, true, false },
    { "STSCH", S390X_INSN_STSCH, SCHID, false, true },
    { "STSCH of no subchannel", S390X_INSN_STSCH, SCHID + 9, false, true },
    { "TSCH", S390X_INSN_TSCH, SCHID, false, true },
    { "TSCH of no subchannel", S390X_INSN_TSCH, SCHID + 9, false, true },
    { "TPI", S390X_INSN_TPI, 0, false, true },
    { "STCRW", S390X_INSN_STCRW, 0, false, true, true },
    { "CHSC", S390X_INSN_CHSC, 0, true, true, true },
    { "STSI", S390X_INSN_STSI, 1, false, true, true },
    { "CLP", S390X_INSN_CLP, 0, true, false, true },
};

static void map_page(QTestState *qts, uint32_t page, uint64_t entry)
{
    qtest_writeq(qts, PAGE_TABLES + (page >> 20) * PAGE_TABLE_LEN +
                 (page >> 12) % PAGES_PER_SEGMENT * 8, entry);
}

static void store_dat_tables(QTestState *qts)
{
    for (int i = 0; i < 512; i++) {
        qtest_writeq(qts, SEGMENT_TABLE + i * 8, i < SEGMENTS ?
                     PAGE_TABLES + i * PAGE_TABLE_LEN : SEGMENT_INVALID);
    }
    for (uint32_t page = 0; page < SEGMENTS << 20; page += 0x1000) {
        map_page(qts, page, page);
    }
    map_page(qts, UNMAPPED, UNMAPPED | ENTRY_INVALID);
    map_page(qts, READ_ONLY, READ_ONLY | ENTRY_PROTECTED);
    map_page(qts, MAPPED_TO_NOWHERE, NO_STORAGE);
}

/* The instructions have no condition code of their own. */
static void issue(QTestState *qts, uint32_t insn, uint64_t gr1, uint64_t gr2)
{
    g_assert_cmpint(s390x_mailbox_issue(qts, 0, insn, gr1, gr2), >=, 0);
}

static void protect_storage(QTestState *qts)
{
    store_dat_tables(qts);
    qtest_writel(qts, CONTROLS, CR0_LOW_ADDRESS_PROTECTION);
    qtest_writel(qts, CONTROLS + 4, SEGMENT_TABLE);
    qtest_writel(qts, CONTROLS + 8, QCSS_CR6_ALL);
    qtest_writeb(qts, CONTROLS + 12, SYSTEM_MASK_DAT);
    issue(qts, S390X_INSN_LCTL_0, 0, CONTROLS);
    issue(qts, S390X_INSN_LCTL_1, 0, CONTROLS + 4);
    issue(qts, S390X_INSN_LCTL_6, 0, CONTROLS + 8);
    issue(qts, S390X_INSN_SSM, 0, CONTROLS + 12);
    issue(qts, S390X_INSN_LGR_01, STSI_BASIC_MACHINE, 0);
}

/* A CHSC that would take an event, were its response not to be stored there */
static void store_sei(QTestState *qts, uint32_t page)
{
    qtest_writel(qts, page, SEI_LENGTH << 16 | CHSC_SEI);
    qtest_writel(qts, page + 4, 0);
    qtest_writeq(qts, page + 8, SEI_OF_PCI);
    qtest_writeq(qts, page + SEI_LENGTH, 0);
}

static void assert_not_accessed(QTestState *qts, const StorageInsn *insn,
                                const BadOperand *bad)
{
    int fetch = insn->fetches ? bad->fetch : 0;
    int expected = fetch ? fetch : insn->stores ? bad->store : 0;
    int got;

    if (!expected || (bad->runs_into && insn->one_page)) {
        return;
    }
    qtest_writeq(qts, TEID, 0);
    got = s390x_mailbox_issue(qts, 0, insn->insn, insn->gr1,
                              bad->page - (bad->runs_into ? 4 : 0));
    g_test_message("%s %s page 0x%x: %d", insn->name,
                   bad->runs_into ? "into" : "in", bad->page, got);
    g_assert_cmpint(got, ==, expected);
    if (expected != QCSS_PGM_ADDRESSING) {
        uint64_t teid = qtest_readq(qts, TEID);

        g_assert_cmphex(teid & TEID_PAGE, ==, bad->page);
        g_assert_cmphex(teid & TEID_DAT_PROTECTION, ==, bad->teid);
    }
}

static void assert_nothing_stored(QTestState *qts, const BadOperand *bad)
{
    if (bad->page == READ_ONLY || bad->page == LOW_PROTECTED) {
        g_assert_cmphex(qtest_readw(qts, bad->page), ==, SEI_LENGTH);
        g_assert_cmphex(qtest_readq(qts, bad->page + SEI_LENGTH), ==, 0);
    }
    if (bad->runs_into) {
        g_assert_cmphex(qtest_readl(qts, bad->page - 4), ==, 0);
    }
}

/* With an interruption, a channel report and, on PCI, an event pending */
static QTestState *start_with_all_pending(bool pci)
{
    QTestState *qts = s390x_mailbox_init("-device virtio-rng-ccw,"
                                         "devno=fe.0.1234");
    ORB orb = store_sense_id(qts);
    SCHIB schib;

    issue(qts, S390X_INSN_STSCH, SCHID, QCSS_OPERAND);
    qcss_read_schib(qts, QCSS_OPERAND, &schib);
    qcss_set_enabled(&schib, INTPARM_MSCH);
    qcss_write_schib(qts, QCSS_OPERAND, &schib);
    issue(qts, S390X_INSN_MSCH, SCHID, QCSS_OPERAND);
    qcss_write_orb(qts, QCSS_OPERAND, &orb);
    issue(qts, S390X_INSN_SSCH, SCHID, QCSS_OPERAND);
    qtest_qmp_device_add(qts, "virtio-rng-ccw", "rng",
                         "{'devno': 'fe.0.1235'}");
    if (pci) {
        qtest_qmp_device_add(qts, "virtio-rng-pci", "pci", "{}");
    }
    store_sei(qts, READ_ONLY);
    store_sei(qts, LOW_PROTECTED);
    return qts;
}

static void assert_all_pending(QTestState *qts, bool pci)
{
    IRB irb;

    g_assert_cmpint(s390x_mailbox_issue(qts, 0, S390X_INSN_TPI, 0,
                                        QCSS_OPERAND), ==, 1);
    g_assert_cmphex(qtest_readl(qts, QCSS_OPERAND), ==, SCHID);
    g_assert_cmphex(qtest_readl(qts, QCSS_OPERAND + 4), ==, INTPARM_SSCH);

    g_assert_cmpint(s390x_mailbox_issue(qts, 0, S390X_INSN_TSCH, SCHID,
                                        QCSS_OPERAND), ==, 0);
    qcss_read_irb(qts, QCSS_OPERAND, &irb);
    g_assert_cmphex(irb.scsw.ctrl, ==, SCSW_FCTL_START_FUNC | ALL_PENDING);

    g_assert_cmpint(s390x_mailbox_issue(qts, 0, S390X_INSN_STCRW, 0,
                                        QCSS_OPERAND), ==, 0);
    g_assert_cmphex(qtest_readw(qts, QCSS_OPERAND), ==,
                    CRW_RSC_SUBCH << 8 | CRW_ERC_IPI);
    if (pci) {
        store_sei(qts, CHSC_PAGE);
        issue(qts, S390X_INSN_CHSC, 0, CHSC_PAGE);
        g_assert_cmphex(qtest_readw(qts, CHSC_PAGE + SEI_LENGTH + 2), ==,
                        CHSC_OK);
    }
}

static void test_inaccessible_operands(void)
{
    bool pci = qtest_has_device("virtio-rng-pci");
    QTestState *qts = start_with_all_pending(pci);

    protect_storage(qts);
    for (size_t i = 0; i < ARRAY_SIZE(bad_operands); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(storage_insns); j++) {
            assert_not_accessed(qts, &storage_insns[j], &bad_operands[i]);
        }
        assert_nothing_stored(qts, &bad_operands[i]);
    }
    assert_all_pending(qts, pci);
    qtest_quit(qts);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    if (!qtest_has_device("virtio-rng-ccw")) {
        g_test_skip("no virtio-rng-ccw");
        return g_test_run();
    }
    qtest_add_func("/css/stsch-finds-devices", test_stsch_finds_devices);
    qtest_add_func("/css/msch-changes-what-programs-may",
                   test_msch_changes_what_programs_may);
    qtest_add_func("/css/no-subchannel-is-cc3", test_no_subchannel_is_cc3);
    qtest_add_func("/css/disabled-subchannel-is-cc3",
                   test_disabled_subchannel_is_cc3);
    qtest_add_func("/css/sense-id", test_sense_id);
    qtest_add_func("/css/format-1-idaws", test_format_1_idaws);
    qtest_add_func("/css/format-2-idaws", test_format_2_idaws);
    qtest_add_func("/css/second-idaw-not-on-a-block",
                   test_second_idaw_not_on_a_block);
    qtest_add_func("/css/first-ccw-is-tic", test_first_ccw_is_tic);
    qtest_add_func("/css/resumed-at-tic", test_resumed_at_tic);
    qtest_add_func("/css/deferred-cc-is-of-one-start",
                   test_deferred_cc_is_of_one_start);
    qtest_add_func("/css/tsch-withdraws-the-interruption",
                   test_tsch_withdraws_the_interruption);
    qtest_add_func("/css/csch-withdraws-the-interruption",
                   test_csch_withdraws_the_interruption);
    qtest_add_func("/css/csch-discards-status", test_csch_discards_status);
    qtest_add_func("/css/status-pending-is-cc1", test_status_pending_is_cc1);
    qtest_add_func("/css/nothing-started-is-cc2", test_nothing_started_is_cc2);
    qtest_add_func("/css/suspended-program-is-cancelled",
                   test_suspended_program_is_cancelled);
    qtest_add_func("/css/suspended-program-is-resumed",
                   test_suspended_program_is_resumed);
    qtest_add_func("/css/halt-ends-with-an-interruption",
                   test_halt_ends_with_an_interruption);
    qtest_add_func("/css/clear-ends-with-an-interruption",
                   test_clear_ends_with_an_interruption);
    qtest_add_func("/css/bad-program-is-a-program-check",
                   test_bad_program_is_a_program_check);
    qtest_add_func("/css/bad-operands-are-program-interruptions",
                   test_bad_operands_are_program_interruptions);
    qtest_add_func("/css/reserved-bits-of-a-schid",
                   test_reserved_bits_of_a_schid);
    qtest_add_func("/css/cssid-needs-mcsse", test_cssid_needs_mcsse);
    qtest_add_func("/css/orb-extension", test_orb_extension);
    qtest_add_func("/css/orb-extension-without-storage",
                   test_orb_extension_without_storage);
    qtest_add_func("/css/limit-modes", test_limit_modes);
    qtest_add_func("/css/plugging-is-reported", test_plugging_is_reported);
    qtest_add_func("/css/reports-are-not-repeated",
                   test_reports_are_not_repeated);
    qtest_add_func("/css/report-stays-that-cannot-be-stored",
                   test_report_stays_that_cannot_be_stored);
    qtest_add_func("/css/no-report-cannot-be-stored",
                   test_no_report_cannot_be_stored);
    qtest_add_func("/css/path-reset-is-reported",
                   test_path_reset_is_reported);
    if (qtest_has_device("virtio-rng-pci")) {
        qtest_add_func("/css/event-is-reported", test_event_is_reported);
    }
    qtest_add_func("/css/reports-of-several-subchannel-sets",
                   test_reports_of_several_subchannel_sets);
    qtest_add_func("/css/reports-of-several-css", test_reports_of_several_css);
    qtest_add_func("/css/reset-clears-reports", test_reset_clears_reports);
    qtest_add_func("/css/diag308-resets-subchannels",
                   test_diag308_resets_subchannels);
    if (qtest_has_accel("tcg")) {
        qtest_add_func("/css/sense-id-on-two-cpus", test_sense_id_on_two_cpus);
        qtest_add_func("/css/inaccessible-operands",
                       test_inaccessible_operands);
    }
    return g_test_run();
}
