/*
 * A guest program that issues the instructions a qtest puts in its mailbox
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * See s390x-mailbox.h for its use, s390x-mailbox.S for the program.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "libqos/css.h"
#include "s390x-mailbox.h"
#include "s390x-mailbox-program.h"

/* The program's view, big-endian; mailboxes are MAILBOX_STRIDE apart. */
typedef struct S390XMailbox {
    uint32_t request;
    uint32_t done;
    uint64_t list;
    uint64_t length;
    uint64_t pause;
    uint64_t count;
    uint64_t resume_psw[2];
    S390XInsn single;
} S390XMailbox;

#define MAILBOX_BASE   0x2000
#define MAILBOX_STRIDE 0x100

static uint64_t mailbox(int cpu, size_t offset)
{
    return MAILBOX_BASE + cpu * MAILBOX_STRIDE + offset;
}

#define FIELD(cpu, name) mailbox(cpu, offsetof(S390XMailbox, name))

QTestState *s390x_mailbox_init(const char *extra_args)
{
    g_autofree char *args = g_strdup_printf("-accel tcg -smp 2 %s",
                                            extra_args);

    return qcss_init_firmware(s390x_mailbox_program,
                              sizeof(s390x_mailbox_program), args);
}

static S390XInsn swap_insn(S390XInsn insn)
{
    return (S390XInsn) {
        .insn = cpu_to_be32(insn.insn),
        .cc = cpu_to_be32(insn.cc),
        .gr1 = cpu_to_be64(insn.gr1),
        .gr2 = cpu_to_be64(insn.gr2),
    };
}

static void swap_list(S390XInsn *insns, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        insns[i] = swap_insn(insns[i]);
    }
}

void s390x_mailbox_post_list(QTestState *qts, int cpu, uint64_t addr,
                             const S390XInsn *insns, size_t n,
                             uint64_t pause)
{
    g_autofree S390XInsn *be = g_memdup2(insns, n * sizeof(*insns));
    uint32_t last = qtest_readl(qts, FIELD(cpu, request));

    g_assert_cmpint(qtest_readl(qts, FIELD(cpu, done)), ==, last);
    swap_list(be, n);
    qtest_memwrite(qts, addr, be, n * sizeof(*be));
    qtest_writeq(qts, FIELD(cpu, list), addr);
    qtest_writeq(qts, FIELD(cpu, length), n);
    qtest_writeq(qts, FIELD(cpu, pause), pause);
    qtest_writel(qts, FIELD(cpu, request), last + 1);
}

void s390x_mailbox_wait_list(QTestState *qts, int cpu, uint64_t addr,
                             S390XInsn *insns, size_t n)
{
    uint32_t request = qtest_readl(qts, FIELD(cpu, request));
    int64_t deadline = qcss_deadline();

    while (qtest_readl(qts, FIELD(cpu, done)) != request) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
    qtest_memread(qts, addr, insns, n * sizeof(*insns));
    swap_list(insns, n);
}

void s390x_mailbox_post(QTestState *qts, int cpu, uint32_t insn, uint64_t gr1,
                        uint64_t gr2)
{
    S390XInsn single = { .insn = insn, .gr1 = gr1, .gr2 = gr2 };

    s390x_mailbox_post_list(qts, cpu, FIELD(cpu, single), &single, 1, 1);
}

int s390x_mailbox_wait(QTestState *qts, int cpu)
{
    S390XInsn single;

    s390x_mailbox_wait_list(qts, cpu, FIELD(cpu, single), &single, 1);
    return single.cc;
}

int s390x_mailbox_issue(QTestState *qts, int cpu, uint32_t insn, uint64_t gr1,
                        uint64_t gr2)
{
    s390x_mailbox_post(qts, cpu, insn, gr1, gr2);
    return s390x_mailbox_wait(qts, cpu);
}

void s390x_mailbox_forget(QTestState *qts, int cpu)
{
    qtest_writel(qts, FIELD(cpu, done), qtest_readl(qts, FIELD(cpu, request)));
}

void s390x_mailbox_wait_running(QTestState *qts, int cpu)
{
    uint64_t count = qtest_readq(qts, FIELD(cpu, count));
    int64_t deadline = qcss_deadline();

    while (qtest_readq(qts, FIELD(cpu, count)) == count) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
}
