/*
 * vfio-ccw: which function does this IRB end?
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One pure function. The link brings evidence: an IRB, and what it has read to
 * find out about it. The state machine says what it expects. The judge names
 * the events that follow, or what is to be read first. It keeps nothing, and
 * nobody else has an opinion on whose an IRB is. All is in host byte order.
 *
 * Called by ccw-fsm.c, and by its unit test.
 */

#ifndef HW_VFIO_CCW_JUDGE_H
#define HW_VFIO_CCW_JUDGE_H

#include "hw/s390x/ioinst.h"

typedef enum VFIOCCWFunction {
    VFIO_CCW_FN_START,
    VFIO_CCW_FN_HALT,
    VFIO_CCW_FN_CLEAR,
    VFIO_CCW_FN__MAX
} VFIOCCWFunction;

/* What may an earlier start than the newest one have to present yet? */
typedef enum VFIOCCWDeviceEndDue {
    VFIO_CCW_DUE_NO,
    VFIO_CCW_DUE_DELIVER,     /* device end: the guest took its channel end */
    /* The rest is over to the guest, so what comes of it is discarded. */
    VFIO_CCW_DUE_DISCARD,     /* device end: it was halted or cleared */
    VFIO_CCW_DUE_DISCARD_ALL, /* its end too: it was reset, or given up */
} VFIOCCWDeviceEndDue;

/* What the state machine expects. */
typedef struct VFIOCCWExpected {
    /* accepted by the host, its end not seen; VFIO_CCW_FN__MAX: none */
    VFIOCCWFunction function;
    /* the host has accepted the newest start: it may end, below a halt too */
    bool start_may_end;
    VFIOCCWDeviceEndDue device_end_due;
} VFIOCCWExpected;

/* What the link has read; it begins with the IRB alone. */
typedef struct VFIOCCWEvidence {
    IRB irb;
    bool repeated;       /* equals the IRB that was read before this one */
    bool overtaken;      /* a request was sent after reading this began */
    enum {
        VFIO_CCW_SCHIB_UNREAD,
        VFIO_CCW_SCHIB_NONE, /* there is none, or reading it failed */
        VFIO_CCW_SCHIB_READ,
    } schib;             /* after the IRB */
    uint16_t host_ctrl;  /* SCHIB_READ: its SCSW's control bits */
    enum {
        VFIO_CCW_AGAIN_UNREAD,
        VFIO_CCW_AGAIN_SAME,
        VFIO_CCW_AGAIN_CHANGED,
    } again;             /* the IRB, after the SCHIB */
} VFIOCCWEvidence;

/* In the order of VFIO_CCW_EV_IRB_xxx */
typedef enum VFIOCCWStatusOf {
    VFIO_CCW_OF_START_PARTIAL,
    VFIO_CCW_OF_START_END,
    VFIO_CCW_OF_HALT,
    VFIO_CCW_OF_CLEAR,
    VFIO_CCW_OF_DEVICE,   /* device end alone */
    VFIO_CCW_OF_NOTHING,  /* unsolicited */
} VFIOCCWStatusOf;

typedef struct VFIOCCWFinding {
    VFIOCCWStatusOf of;
    IRB irb;              /* the host's, or one that says: the end is lost */
} VFIOCCWFinding;

#define VFIO_CCW_MAX_FINDINGS 2

typedef struct VFIOCCWRuling {
    enum {
        VFIO_CCW_RULED,
        VFIO_CCW_READ_SCHIB,  /* first, then judge again */
        VFIO_CCW_READ_IRB,    /* once more */
    } next;
    unsigned nr;              /* 0: the IRB is stale */
    VFIOCCWFinding finding[VFIO_CCW_MAX_FINDINGS]; /* in this order */
    VFIOCCWDeviceEndDue device_end_due;            /* from now on */
} VFIOCCWRuling;

VFIOCCWRuling vfio_ccw_judge(const VFIOCCWExpected *expected,
                             const VFIOCCWEvidence *evidence);

/* What an IRB claims to be */
VFIOCCWStatusOf vfio_ccw_status_of(const SCSW *scsw);

#endif /* HW_VFIO_CCW_JUDGE_H */
