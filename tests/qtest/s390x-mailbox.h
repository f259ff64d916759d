/*
 * A guest program that issues the instructions a qtest puts in its mailbox
 *
 * For tests that need real CPUs: two of them under TCG, each serving its own
 * mailbox. The program is in s390x-mailbox.S. Called from the test's thread;
 * posting does not wait for the CPU.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_S390X_MAILBOX_H
#define TESTS_S390X_MAILBOX_H

#include "libqtest.h"

/* Instructions whose storage operand is where GR2 says */
#define S390X_INSN_MSCH  0xb2322000
#define S390X_INSN_SSCH  0xb2332000
#define S390X_INSN_STSCH 0xb2342000
#define S390X_INSN_TSCH  0xb2352000

/* Start a machine whose CPUs 0 and 1 run the program. */
QTestState *s390x_mailbox_init(const char *extra_args);

/* Let @cpu, which has no request, issue @insn with these general registers. */
void s390x_mailbox_post(QTestState *qts, int cpu, uint32_t insn, uint64_t gr1,
                        uint64_t gr2);

/* Wait until @cpu has carried it out; the condition code. */
int s390x_mailbox_wait(QTestState *qts, int cpu);

/* Post and wait. */
int s390x_mailbox_issue(QTestState *qts, int cpu, uint32_t insn, uint64_t gr1,
                        uint64_t gr2);

/* Wait until @cpu has been seen running. */
void s390x_mailbox_wait_running(QTestState *qts, int cpu);

#endif
