/*
 * vfio-ccw: the guest-facing state machine of a passed-through subchannel
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A pure function of (state, event): it changes the guest's SCSW and the path
 * fields of its PMCW, and returns the condition code of an instruction and a
 * set of things to do. It does no I/O, takes no lock and knows no thread; of
 * QEMU it needs PoP's types only. Everything is in host byte order.
 *
 * Called by hw/vfio/ccw.c alone, with the BQL held, and by its unit tests.
 */

#ifndef HW_VFIO_CCW_FSM_H
#define HW_VFIO_CCW_FSM_H

#include "qemu/bitops.h"
#include "hw/vfio/ccw-irb.h"
#include "hw/vfio/ccw-judge.h"

/*
 * States sub-divide what the function-control bits of the SCSW already say:
 * in START_x, HALT_x and CLEAR_x that function is the newest one in progress.
 *   QUEUED  accepted from the guest, kept in QEMU, can still be withdrawn
 *   SENT    handed over, the host's answer is outstanding
 *   ACTIVE  accepted by the host, ends with an interrupt
 * In the other states no function is in progress (status may be pending).
 */
typedef enum VFIOCCWState {
    VFIO_CCW_NOT_OPER,     /* the device is gone: everything gets cc 3 */
    VFIO_CCW_STANDBY,      /* realized, the host side is not open for I/O */
    VFIO_CCW_IDLE,         /* ready, or only status pending */
    VFIO_CCW_START_QUEUED,
    VFIO_CCW_START_SENT,   /* the Linux driver's CP_PROCESSING */
    VFIO_CCW_START_ACTIVE, /* the Linux driver's CP_PENDING */
    VFIO_CCW_HALT_QUEUED,
    VFIO_CCW_HALT_SENT,
    VFIO_CCW_HALT_ACTIVE,
    VFIO_CCW_CLEAR_QUEUED,
    VFIO_CCW_CLEAR_SENT,
    VFIO_CCW_CLEAR_ACTIVE,
    /* going offline: nothing reaches the guest any more */
    VFIO_CCW_QUIESCING_HALT,  /* the host is to halt what it has */
    VFIO_CCW_QUIESCING_HALT_ACTIVE,  /* ... and has accepted that */
    VFIO_CCW_QUIESCING_CLEAR, /* ... to clear it, as the halt was of no use */
    VFIO_CCW_QUIESCING_CLEAR_ACTIVE,
    VFIO_CCW_QUIESCING,       /* it has nothing: jobs are awaited */
    VFIO_CCW_STATE__MAX
} VFIOCCWState;

typedef enum VFIOCCWEvent {
    /* from the guest */
    VFIO_CCW_EV_SSCH,
    VFIO_CCW_EV_HSCH,
    VFIO_CCW_EV_CSCH,
    VFIO_CCW_EV_XSCH,
    VFIO_CCW_EV_RSCH,
    VFIO_CCW_EV_TSCH,         /* took status, the function goes on */
    VFIO_CCW_EV_TSCH_PRIMARY, /* took primary status: the start is over */
    /* from the host: what became of the request in flight */
    VFIO_CCW_EV_SENT,         /* it is with the host */
    VFIO_CCW_EV_RETRY,        /* -EAGAIN, -EBUSY: kept, sent again later */
    VFIO_CCW_EV_ACCEPTED,
    VFIO_CCW_EV_FAILED,
    /* from the host: an IRB, by function control and finality */
    VFIO_CCW_EV_IRB_PARTIAL,  /* PCI, initial status, channel end alone */
    VFIO_CCW_EV_IRB_END,      /* the start is over */
    VFIO_CCW_EV_IRB_HALT,
    VFIO_CCW_EV_IRB_CLEAR,
    VFIO_CCW_EV_IRB_LATE,     /* secondary status of an earlier start */
    VFIO_CCW_EV_IRB_ALERT,    /* unsolicited */
    /* from the host: the device as a whole */
    VFIO_CCW_EV_SCHIB,        /* a fresh SCHIB was read */
    VFIO_CCW_EV_CRW,          /* a channel report is to be relayed */
    VFIO_CCW_EV_REQ,          /* the host wants the device back */
    VFIO_CCW_EV_GONE,
    VFIO_CCW_EV_RETURNED,
    /* from QEMU */
    VFIO_CCW_EV_OPEN,
    VFIO_CCW_EV_CLOSE,
    VFIO_CCW_EV_EXPIRED,      /* the host took too long over its quiescing */
    VFIO_CCW_EV_QUIESCED,     /* nothing is outstanding any more */
    VFIO_CCW_EV_RESET,
    VFIO_CCW_EV__MAX
} VFIOCCWEvent;

/* What the caller has to do after an event, in this order. */
#define VFIO_CCW_DO_GIVE_UP_HOST     BIT(0) /* ask nothing of it any more */
#define VFIO_CCW_DO_WITHDRAW_REQUEST BIT(1) /* drop what is QUEUED */
#define VFIO_CCW_DO_WITHDRAW_IRQ     BIT(2) /* drop the pending I/O interrupt */
#define VFIO_CCW_DO_RESET_HOST       BIT(3)
#define VFIO_CCW_DO_REQUEST          BIT(4) /* queue .function for the host */
#define VFIO_CCW_DO_INTERRUPT        BIT(5) /* status became pending */
#define VFIO_CCW_DO_RELAY_CRW        BIT(6)
#define VFIO_CCW_DO_REPORT           BIT(7) /* CRW: it has gone or come */
#define VFIO_CCW_DO_UNPLUG           BIT(8)
#define VFIO_CCW_DO_COMPLAIN         BIT(9) /* an impossible cell was met */

typedef struct VFIOCCWVerdict {
    int cc;                   /* meaningful for instructions only */
    unsigned todo;            /* VFIO_CCW_DO_xxx */
    VFIOCCWFunction function; /* for VFIO_CCW_DO_REQUEST */
    VFIOCCWEvent event;       /* what it was taken for; for traces */
    VFIOCCWState from;
    VFIOCCWState to;
    bool stale;               /* answer or IRB of something superseded */
} VFIOCCWVerdict;

/* A status that waits until the guest has taken the one that is pending. */
typedef struct VFIOCCWStatus {
    bool valid;
    IRB irb;
} VFIOCCWStatus;

typedef struct VFIOCCWFsm {
    VFIOCCWState state;
    SCHIB *schib;         /* what the guest sees; owned by the subchannel */
    ORB orb;              /* of the newest start */
    uint32_t request;     /* number of the request in flight */
    uint32_t start;       /* ... and of the newest start */
    bool start_at_host;   /* the newest start was sent, its end not seen yet */
    VFIOCCWDeviceEndDue device_end_due;
    IRB irb;              /* the pending status; its ESW and ECW count */
    VFIOCCWStatus end;    /* end of a function, behind other status */
    VFIOCCWStatus alert;  /* unsolicited status, behind other status */
    VFIOCCWStatus halted; /* of a start that is being halted */
    PMCW paths;           /* path fields as the host reported them last */
    bool paths_used;      /* by the host, for the guest, since a reset */
    uint8_t refused;      /* paths that the newest start was refused on */
} VFIOCCWFsm;

/* @schib must outlive the machine. The state is STANDBY. */
void vfio_ccw_fsm_init(VFIOCCWFsm *fsm, SCHIB *schib);

/*
 * SSCH (@orb is its ORB), HSCH, CSCH, XSCH, RSCH: the verdict has the cc. With
 * cc != 0 nothing has changed.
 */
VFIOCCWVerdict vfio_ccw_fsm_instruction(VFIOCCWFsm *fsm, VFIOCCWEvent event,
                                        const ORB *orb);

/* TSCH has stored the IRB; clears what PoP figure 14-2 says. */
VFIOCCWVerdict vfio_ccw_fsm_tested(VFIOCCWFsm *fsm);

/* The link sent (SENT) or took back (RETRY) request number @request. */
VFIOCCWVerdict vfio_ccw_fsm_progress(VFIOCCWFsm *fsm, VFIOCCWEvent event,
                                     uint32_t request);

/*
 * The final answer to a request: of the host, or of QEMU to a start that is not
 * sent for what its ORB asks for.
 */
VFIOCCWVerdict vfio_ccw_fsm_answered(VFIOCCWFsm *fsm,
                                     const VFIOCCWAnswer *answer);

/* What the judge has to know of the machine. */
VFIOCCWExpected vfio_ccw_fsm_expected(const VFIOCCWFsm *fsm);

/*
 * The host's IRB, of which as much is known as the judge wants. It must have
 * been read at a time when no request was SENT: then a function that is SENT
 * now cannot be meant. It can be two events, so returns how many of @verdict
 * are valid, at least one.
 */
unsigned vfio_ccw_fsm_irb(VFIOCCWFsm *fsm, const VFIOCCWEvidence *evidence,
                          VFIOCCWVerdict verdict[VFIO_CCW_MAX_FINDINGS]);

/* A fresh SCHIB of the host. */
VFIOCCWVerdict vfio_ccw_fsm_schib(VFIOCCWFsm *fsm, const SCHIB *schib);

/* CRW, REQ, GONE, RETURNED, OPEN, CLOSE, EXPIRED, QUIESCED, RESET. */
VFIOCCWVerdict vfio_ccw_fsm_event(VFIOCCWFsm *fsm, VFIOCCWEvent event);

/* True where a start, halt or clear waits for the host or its interrupt. */
bool vfio_ccw_fsm_busy(const VFIOCCWFsm *fsm);

/* True where the host has been told to stop and has not done so. */
bool vfio_ccw_fsm_stopping(const VFIOCCWFsm *fsm);

const char *vfio_ccw_state_name(VFIOCCWState state);
const char *vfio_ccw_event_name(VFIOCCWEvent event);

/*
 * The cell of the table as the documentation shows it: "cc 2", "ignored",
 * "stale", "-" (cannot happen), "tested", "start, START_QUEUED". The caller
 * frees it.
 */
char *vfio_ccw_fsm_describe(VFIOCCWState state, VFIOCCWEvent event);

#endif /* HW_VFIO_CCW_FSM_H */
