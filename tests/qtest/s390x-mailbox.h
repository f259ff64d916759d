/*
 * A guest program that issues the instructions a qtest puts in its mailbox
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * For tests that need real CPUs: two of them under TCG, each serving its own
 * mailbox. The program is in s390x-mailbox.S. Called from the test's thread;
 * posting does not wait for the CPU.
 */

#ifndef TESTS_S390X_MAILBOX_H
#define TESTS_S390X_MAILBOX_H

#include "libqtest.h"

/* Instructions without a storage operand */
#define S390X_INSN_CSCH  0xb2300000
#define S390X_INSN_HSCH  0xb2310000
#define S390X_INSN_XSCH  0xb2760000

/* Instructions whose storage operand is where GR2 says */
#define S390X_INSN_MSCH  0xb2322000
#define S390X_INSN_SSCH  0xb2332000
#define S390X_INSN_STSCH 0xb2342000
#define S390X_INSN_TSCH  0xb2352000
#define S390X_INSN_TPI   0xb2362000
#define S390X_INSN_STCRW 0xb2392000
#define S390X_INSN_CHSC  0xb25f0020
#define S390X_INSN_STSI  0xb27d2000
#define S390X_INSN_CLP   0xb9a00002

/* GR0 becomes what GR1 is */
#define S390X_INSN_LGR_01 0xb9040001

/* Bits 32-63 of a control register, or the system mask, from there */
#define S390X_INSN_LCTL_0 0xb7002000
#define S390X_INSN_LCTL_1 0xb7112000
#define S390X_INSN_LCTL_6 0xb7662000
#define S390X_INSN_SSM    0x80002000

/* DIAGNOSE 308; GR2 is the subcode */
#define S390X_INSN_DIAG308 0x83020308

/* The PSW at real address 0 of a guest whose program is to begin anew */
#define S390X_MAILBOX_PSW 0x0008000180009000

/* One instruction of a list, in host byte order */
typedef struct S390XInsn {
    uint32_t insn;
    /*
     * Once it has been carried out: the condition code, or the negative of the
     * program-interruption code
     */
    int32_t cc;
    uint64_t gr1;
    uint64_t gr2;
} S390XInsn;

/* Start a machine whose CPUs 0 and 1 run the program. */
QTestState *s390x_mailbox_init(const char *extra_args);

/* Let @cpu, which has no request, issue @insn with these general registers. */
void s390x_mailbox_post(QTestState *qts, int cpu, uint32_t insn, uint64_t gr1,
                        uint64_t gr2);

/* Wait until @cpu has carried it out; what S390XInsn has as cc. */
int s390x_mailbox_wait(QTestState *qts, int cpu);

/*
 * The same with a list of @n, put at @addr in the guest's storage; waiting
 * fetches their condition codes. After each instruction the CPU does nothing
 * for as long as it takes to count @pause, at least 1, down to zero.
 */
void s390x_mailbox_post_list(QTestState *qts, int cpu, uint64_t addr,
                             const S390XInsn *insns, size_t n,
                             uint64_t pause);
void s390x_mailbox_wait_list(QTestState *qts, int cpu, uint64_t addr,
                             S390XInsn *insns, size_t n);

/* Post and wait. */
int s390x_mailbox_issue(QTestState *qts, int cpu, uint32_t insn, uint64_t gr1,
                        uint64_t gr2);

/*
 * What @cpu was to issue has reset the machine, and so it does again when the
 * program begins anew: let it have no request.
 */
void s390x_mailbox_forget(QTestState *qts, int cpu);

/* Wait until @cpu has been seen running. */
void s390x_mailbox_wait_running(QTestState *qts, int cpu);

#endif
