/*
 * A guest program that measures channel I/O with the guest's own clock
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The firmware (-bios) of the guest in vfio-ccw-bench.c, which writes requests
 * into the block and reads the results from guest storage. A request is one
 * instruction, or, if that is 0, a run: COUNT starts, on DEVICES subchannels at
 * once, each started again in the order in which their interruptions come.
 * While there is no request, CLOCK follows the TOD clock.
 * What is here and in vfio-ccw-bench.c has to agree; bench-guest-program.h is
 * made from this file by scripts/s390x_program.sh.
 *
 * QEMU loads the program at 0x9000 and starts CPU 0 there; it runs anywhere.
 */

        .set BLOCK, 0x2000
        .set DEVICE_BLOCKS, 0x4000
        .set SAMPLES_HIGH, 0x0040       /* 0x00400000 */

        /* Offsets in the block; see struct GuestBlock */
        .set REQUEST, 0
        .set DONE, 4
        .set INSN, 8
        .set CC, 12
        .set GR1, 16
        .set GR2, 24
        .set CLOCK, 32
        .set BEGAN, 40
        .set ENDED, 48
        .set DEVICES, 56
        .set COUNT, 60
        .set WAIT_PSW, 64
        .set IRB, 0x200

        /* Offsets in a device's block, of 32 bytes; see struct GuestDevice */
        .set STARTED, 0
        .set SAMPLE, 8
        .set ORB, 16
        .set ACCEPTED, 24
        .set ORB_DISTANCE, 0x20

        /* Offsets in a sample, of 16 bytes */
        .set SSCH_TIME, 0
        .set ROUND_TRIP, 8

        /* Lowcore */
        .set SUBSYSTEM_ID, 0xb8
        .set SUBCHANNEL_NUMBER, 0xba
        .set IO_NEW_PSW, 0x1f0

        .text
        lghi    %r13, BLOCK
        larl    %r3, all_subclasses
        lctlg   %c6, %c6, 0(%r3)
        larl    %r3, disabled_mask
        mvc     IO_NEW_PSW(8), 0(%r3)
        larl    %r3, interrupted
        stg     %r3, IO_NEW_PSW + 8
        larl    %r3, waiting
        stg     %r3, WAIT_PSW + 8(%r13)

serve:
        stckf   CLOCK(%r13)
        l       %r4, REQUEST(%r13)
        c       %r4, DONE(%r13)
        je      serve
        l       %r5, INSN(%r13)
        ltr     %r5, %r5
        jz      run

        lg      %r1, GR1(%r13)
        lg      %r2, GR2(%r13)
        stckf   BEGAN(%r13)
        ex      %r0, INSN(%r13)
        ipm     %r5
        stckf   ENDED(%r13)
        srl     %r5, 28
        st      %r5, CC(%r13)

        /* Last: DONE vouches for what the request has stored. */
finish:
        st      %r4, DONE(%r13)
        j       serve

        /*
         * %r6 next sample, %r7 starts and %r8 ends that are still to come,
         * %r10 subchannel number
         */
run:
        llilh   %r6, SAMPLES_HIGH
        l       %r7, COUNT(%r13)
        lr      %r8, %r7
        lhi     %r10, 0
        st      %r10, CC(%r13)
        stckf   BEGAN(%r13)
start_next:
        brasl   %r14, start
        ahi     %r10, 1
        c       %r10, DEVICES(%r13)
        jl      start_next

wait:
        lpswe   WAIT_PSW(%r13)
waiting:
        j       waiting
interrupted:
        l       %r1, SUBSYSTEM_ID
        tsch    IRB(%r13)
        jnz     wait
        llgh    %r10, SUBCHANNEL_NUMBER
        brasl   %r14, find_device
        stckf   ACCEPTED(%r3)
        lg      %r2, ACCEPTED(%r3)
        sg      %r2, STARTED(%r3)
        lg      %r5, SAMPLE(%r3)
        stg     %r2, ROUND_TRIP(%r5)
        ahi     %r8, -1
        jz      ended
        ltr     %r7, %r7
        jz      wait
        brasl   %r14, start
        j       wait

        /* Two ORBs in turn, so that no interruption is like the one before. */
start:
        lgr     %r9, %r14
        brasl   %r14, find_device
        stg     %r6, SAMPLE(%r3)
        lr      %r1, %r10
        oilh    %r1, 1
        lg      %r2, ORB(%r3)
        xi      ORB + 7(%r3), ORB_DISTANCE
        stckf   STARTED(%r3)
        ssch    0(%r2)
        ipm     %r5
        stckf   ACCEPTED(%r3)
        srl     %r5, 28
        ltr     %r5, %r5
        jnz     refused
        lg      %r2, ACCEPTED(%r3)
        sg      %r2, STARTED(%r3)
        stg     %r2, SSCH_TIME(%r6)
        aghi    %r6, 16
        ahi     %r7, -1
        br      %r9

find_device:
        llgfr   %r3, %r10
        sllg    %r3, %r3, 5
        aghi    %r3, DEVICE_BLOCKS
        br      %r14

refused:
        st      %r5, CC(%r13)
ended:
        stckf   ENDED(%r13)
        j       finish

        .balign 8
disabled_mask:
        /* 64-bit addressing, nothing enabled */
        .quad   0x0000000180000000
all_subclasses:
        .quad   0x00000000ff000000
