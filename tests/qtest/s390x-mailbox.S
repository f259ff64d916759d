/*
 * A guest program that issues the instructions a qtest puts in its mailbox
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The firmware (-bios) of tests with real CPUs (-accel tcg), which have no
 * "css" commands: one mailbox for each of CPU 0 and 1. A request is a list of
 * instructions, which are issued one after the other with a pause after each. A
 * CPU without a request does nothing but count: its counter tells whether the
 * CPU is running. An instruction that ends with a program interruption has the
 * negative of the interruption code in place of its condition code.
 * What is here and in s390x-mailbox.h has to agree; the program in that header
 * is made from this file by scripts/s390x_program.sh.
 *
 * QEMU loads the program at 0x9000 and starts CPU 0 there; it runs anywhere.
 */

        .set MAILBOX_CPU0, 0x2000
        .set MAILBOX_CPU1, 0x2100

        /* Offsets in a mailbox; see struct S390XMailbox */
        .set REQUEST, 0
        .set DONE, 4
        .set LIST, 8
        .set LENGTH, 16
        .set PAUSE, 24
        .set COUNT, 32
        .set RESUME_PSW, 40

        /* Offsets in an entry of the list; see struct S390XInsn */
        .set INSN, 0
        .set CC, 4
        .set GR1, 8
        .set GR2, 16
        .set ENTRY_SIZE, 24

        /* Lowcore, and the SIGP order that makes a CPU load the restart PSW */
        .set PGM_CODE, 0x8e
        .set PGM_OLD_PSW, 0x150
        .set RESTART_NEW_PSW, 0x1a0
        .set PGM_NEW_PSW, 0x1d0
        .set SIGP_RESTART, 6

        .text
start_cpu0:
        larl    %r3, psw_mask
        mvc     PGM_NEW_PSW(8), 0(%r3)
        mvc     RESTART_NEW_PSW(8), 0(%r3)
        larl    %r3, interrupted
        stg     %r3, PGM_NEW_PSW + 8
        larl    %r3, start_cpu1
        stg     %r3, RESTART_NEW_PSW + 8
        lghi    %r4, 1
        sigp    %r2, %r4, SIGP_RESTART
        lghi    %r13, MAILBOX_CPU0
        j       serve

start_cpu1:
        lghi    %r13, MAILBOX_CPU1

serve:
        lg      %r3, COUNT(%r13)
        aghi    %r3, 1
        stg     %r3, COUNT(%r13)
        l       %r4, REQUEST(%r13)
        c       %r4, DONE(%r13)
        je      serve

        lg      %r6, LIST(%r13)
        lg      %r7, LENGTH(%r13)
next_insn:
        lg      %r1, GR1(%r6)
        lg      %r2, GR2(%r6)
        ex      %r0, INSN(%r6)
        ipm     %r5
        srl     %r5, 28
        st      %r5, CC(%r6)
carried_out:
        lg      %r8, PAUSE(%r13)
        brctg   %r8, .
        la      %r6, ENTRY_SIZE(%r6)
        brctg   %r7, next_insn
        /* Last: DONE vouches for what the request has stored. */
        st      %r4, DONE(%r13)
        j       serve

interrupted:
        llgh    %r5, PGM_CODE
        lcr     %r5, %r5
        st      %r5, CC(%r6)
        /* As it was, address translation included */
        mvc     RESUME_PSW(8, %r13), PGM_OLD_PSW
        larl    %r3, carried_out
        stg     %r3, RESUME_PSW + 8(%r13)
        lpswe   RESUME_PSW(%r13)

        .balign 8
psw_mask:
        /* 64-bit addressing, nothing enabled */
        .quad   0x0000000180000000
