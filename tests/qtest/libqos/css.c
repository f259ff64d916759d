/*
 * libqos: channel I/O through the "css" commands of qtest
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * See css.h; the commands themselves are in hw/s390x/css-qtest.c.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "css.h"

/* On a machine that is slow, and busy with something else */
#define LONGEST_WAIT_S 120

QTestState *qcss_init_firmware(const void *firmware, size_t size,
                               const char *extra_args)
{
    g_autofree char *file = NULL;
    g_autoptr(GError) err = NULL;
    QTestState *qts;
    int fd;

    fd = g_file_open_tmp("qcss-firmware-XXXXXX", &file, &err);
    g_assert_no_error(err);
    g_assert_cmpint(qemu_write_full(fd, firmware, size), ==, size);
    close(fd);

    qts = qtest_initf("-machine s390-ccw-virtio -nodefaults -bios %s %s",
                      file, extra_args);
    unlink(file);
    return qts;
}

QTestState *qcss_init(const char *extra_args)
{
    static const uint8_t never_executed[4096];

    return qcss_init_firmware(never_executed, sizeof(never_executed),
                              extra_args);
}

static uint32_t parse_word(const char *word)
{
    unsigned int value;

    g_assert_cmpint(qemu_strtoui(word, NULL, 0, &value), ==, 0);
    return value;
}

static int parse_ending(gchar **reply)
{
    int value = parse_word(reply[2]);

    if (strcmp(reply[1], "pgm") == 0) {
        return -value;
    }
    g_assert_cmpstr(reply[1], ==, "cc");
    return value;
}

static int issue(QTestState *qts, const char *insn, uint32_t operand)
{
    g_auto(GStrv) reply = qtest_machine_command(qts, 2, "css %s 0x%x", insn,
                                                operand);

    return parse_ending(reply);
}

int qcss_issue_at(QTestState *qts, const char *insn, uint32_t schid,
                  uint64_t addr)
{
    g_auto(GStrv) reply = qtest_machine_command(qts, 2,
                                                "css %s 0x%x 0x%" PRIx64,
                                                insn, schid, addr);

    return parse_ending(reply);
}

int qcss_xsch(QTestState *qts, uint32_t schid)
{
    return issue(qts, "xsch", schid);
}

int qcss_hsch(QTestState *qts, uint32_t schid)
{
    return issue(qts, "hsch", schid);
}

int qcss_csch(QTestState *qts, uint32_t schid)
{
    return issue(qts, "csch", schid);
}

int qcss_rsch(QTestState *qts, uint32_t schid)
{
    return issue(qts, "rsch", schid);
}

int qcss_stcrw_at(QTestState *qts, uint32_t addr)
{
    return issue(qts, "stcrw", addr);
}

int qcss_chsc(QTestState *qts, uint32_t addr)
{
    return issue(qts, "chsc", addr);
}

int qcss_rchp(QTestState *qts, uint32_t path)
{
    return issue(qts, "rchp", path);
}

void qcss_schm(QTestState *qts, uint32_t control, uint64_t block_origin)
{
    g_assert_cmpint(qcss_issue_at(qts, "schm", control, block_origin), >=, 0);
}

void qcss_diag308(QTestState *qts, unsigned subcode)
{
    g_auto(GStrv) reply = qtest_machine_command(qts, 2, "css diag308 %u",
                                                subcode);

    g_assert_cmpint(parse_ending(reply), >=, 0);
    /* The reset is over before QEMU looks at another command. */
    qtest_readb(qts, 0);
}

/*
 * The conversions are their own inverse, so each serves both directions.
 */
static void swap_orb(ORB *orb)
{
    orb->intparm = cpu_to_be32(orb->intparm);
    orb->ctrl0 = cpu_to_be16(orb->ctrl0);
    orb->cpa = cpu_to_be32(orb->cpa);
}

/* By value: a SCHIB is packed. */
static SCSW swap_scsw(SCSW scsw)
{
    scsw.flags = cpu_to_be16(scsw.flags);
    scsw.ctrl = cpu_to_be16(scsw.ctrl);
    scsw.cpa = cpu_to_be32(scsw.cpa);
    scsw.count = cpu_to_be16(scsw.count);
    return scsw;
}

static PMCW swap_pmcw(PMCW pmcw)
{
    pmcw.intparm = cpu_to_be32(pmcw.intparm);
    pmcw.flags = cpu_to_be16(pmcw.flags);
    pmcw.devno = cpu_to_be16(pmcw.devno);
    pmcw.mbi = cpu_to_be16(pmcw.mbi);
    pmcw.chars = cpu_to_be32(pmcw.chars);
    return pmcw;
}

static void swap_schib(SCHIB *schib)
{
    schib->pmcw = swap_pmcw(schib->pmcw);
    schib->scsw = swap_scsw(schib->scsw);
    schib->mba = cpu_to_be64(schib->mba);
}

static void swap_irb(IRB *irb)
{
    irb->scsw = swap_scsw(irb->scsw);
    irb->esw.word0 = cpu_to_be32(irb->esw.word0);
    irb->esw.erw = cpu_to_be32(irb->esw.erw);
    irb->esw.word2 = cpu_to_be64(irb->esw.word2);
    irb->esw.word4 = cpu_to_be32(irb->esw.word4);
}

void qcss_write_orb(QTestState *qts, uint64_t addr, const ORB *orb)
{
    ORB be = *orb;

    swap_orb(&be);
    qtest_memwrite(qts, addr, &be, sizeof(be));
}

void qcss_write_schib(QTestState *qts, uint64_t addr, const SCHIB *schib)
{
    SCHIB be = *schib;

    swap_schib(&be);
    qtest_memwrite(qts, addr, &be, sizeof(be));
}

void qcss_read_schib(QTestState *qts, uint64_t addr, SCHIB *schib)
{
    qtest_memread(qts, addr, schib, sizeof(*schib));
    swap_schib(schib);
}

void qcss_read_irb(QTestState *qts, uint64_t addr, IRB *irb)
{
    qtest_memread(qts, addr, irb, sizeof(*irb));
    swap_irb(irb);
}

int qcss_ssch(QTestState *qts, uint32_t schid, const ORB *orb)
{
    qcss_write_orb(qts, QCSS_OPERAND, orb);
    return qcss_issue_at(qts, "ssch", schid, QCSS_OPERAND);
}

int qcss_msch(QTestState *qts, uint32_t schid, const SCHIB *schib)
{
    qcss_write_schib(qts, QCSS_OPERAND, schib);
    return qcss_issue_at(qts, "msch", schid, QCSS_OPERAND);
}

int qcss_stsch(QTestState *qts, uint32_t schid, SCHIB *schib)
{
    int cc = qcss_issue_at(qts, "stsch", schid, QCSS_OPERAND);

    qcss_read_schib(qts, QCSS_OPERAND, schib);
    return cc;
}

int qcss_tsch(QTestState *qts, uint32_t schid, IRB *irb)
{
    int cc = qcss_issue_at(qts, "tsch", schid, QCSS_OPERAND);

    qcss_read_irb(qts, QCSS_OPERAND, irb);
    return cc;
}

int qcss_stcrw(QTestState *qts, CRW *crw)
{
    int cc = qcss_stcrw_at(qts, QCSS_OPERAND);

    crw->flags = qtest_readw(qts, QCSS_OPERAND + offsetof(CRW, flags));
    crw->rsid = qtest_readw(qts, QCSS_OPERAND + offsetof(CRW, rsid));
    return cc;
}

int64_t qcss_deadline(void)
{
    return g_get_monotonic_time() + LONGEST_WAIT_S * G_USEC_PER_SEC;
}

bool qcss_dequeue_io(QTestState *qts, uint32_t cr6, IOIntCode *code)
{
    g_auto(GStrv) reply = qtest_machine_command(qts, 1, "css dequeue-io 0x%x",
                                                cr6);

    if (strcmp(reply[1], "none") == 0) {
        return false;
    }
    g_assert_cmpint(g_strv_length(reply), ==, 4);
    code->subsys_id = parse_word(reply[1]);
    code->intparm = parse_word(reply[2]);
    code->interrupt_id = parse_word(reply[3]);
    return true;
}

bool qcss_dequeue_crw_mchk(QTestState *qts)
{
    g_auto(GStrv) reply = qtest_machine_command(qts, 1,
                                                "css dequeue-crw-mchk");

    return strcmp(reply[1], "taken") == 0;
}

void qcss_wait_io(QTestState *qts, uint32_t cr6, IOIntCode *code)
{
    int64_t deadline = qcss_deadline();

    while (!qcss_dequeue_io(qts, cr6, code)) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
}

void qcss_wait_crw_mchk(QTestState *qts)
{
    int64_t deadline = qcss_deadline();

    while (!qcss_dequeue_crw_mchk(qts)) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
}

void qcss_wait_irb(QTestState *qts, uint32_t schid, IRB *irb)
{
    IOIntCode code;

    qcss_wait_io(qts, QCSS_CR6_ALL, &code);
    g_assert_cmphex(code.subsys_id, ==, schid);
    g_assert_cmpint(qcss_tsch(qts, schid, irb), ==, 0);
}

uint32_t qcss_find(QTestState *qts, uint16_t devno)
{
    uint32_t schid;
    SCHIB schib;

    for (schid = QCSS_FIRST_SCHID; qcss_stsch(qts, schid, &schib) == 0;
         schid++) {
        if ((schib.pmcw.flags & PMCW_FLAGS_MASK_DNV) &&
            schib.pmcw.devno == devno) {
            return schid;
        }
    }
    return 0;
}

void qcss_set_enabled(SCHIB *schib, uint32_t intparm)
{
    schib->pmcw.intparm = intparm;
    schib->pmcw.flags &= ~PMCW_FLAGS_MASK_ISC;
    schib->pmcw.flags |= PMCW_FLAGS_MASK_ENA | QCSS_ISC << 11;
}

void qcss_enable(QTestState *qts, uint32_t schid, uint32_t intparm)
{
    SCHIB schib;

    g_assert_cmpint(qcss_stsch(qts, schid, &schib), ==, 0);
    qcss_set_enabled(&schib, intparm);
    g_assert_cmpint(qcss_msch(qts, schid, &schib), ==, 0);
}

void qcss_disable(QTestState *qts, uint32_t schid)
{
    SCHIB schib;

    g_assert_cmpint(qcss_stsch(qts, schid, &schib), ==, 0);
    schib.pmcw.flags &= ~PMCW_FLAGS_MASK_ENA;
    g_assert_cmpint(qcss_msch(qts, schid, &schib), ==, 0);
}

void qcss_write_ccws(QTestState *qts, uint64_t addr, const CCW1 *ccws,
                     size_t n)
{
    for (size_t i = 0; i < n; i++) {
        CCW1 be = ccws[i];

        be.count = cpu_to_be16(be.count);
        be.cda = cpu_to_be32(be.cda);
        qtest_memwrite(qts, addr + i * sizeof(be), &be, sizeof(be));
    }
}

ORB qcss_orb(uint32_t intparm, uint32_t cpa)
{
    return (ORB) {
        .intparm = intparm,
        .ctrl0 = ORB_CTRL0_MASK_FMT | ORB_CTRL0_MASK_PFCH,
        .lpm = 0xff,
        .cpa = cpa,
    };
}
