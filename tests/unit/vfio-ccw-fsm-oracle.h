/*
 * vfio-ccw: an independent opinion of what its state machine has to do
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The state machine (hw/vfio/ccw-fsm.c) is a table. This is written from the
 * Principles of Operation the other way round: it holds facts (where is the
 * start, is status pending, whose is it) and rules that are predicates over
 * them; the state is computed from the facts and never decides anything.
 *
 * Called by test-vfio-ccw-fsm.c, in its only thread.
 */

#ifndef TESTS_UNIT_VFIO_CCW_FSM_ORACLE_H
#define TESTS_UNIT_VFIO_CCW_FSM_ORACLE_H

#include "hw/vfio/ccw-fsm.h"

typedef enum Side {
    SIDE_CLOSED,    /* not open for I/O */
    SIDE_OPEN,
    SIDE_HALTING,   /* to be closed: the host is to halt what it has */
    SIDE_CLEARING,  /* ... or to clear it */
    SIDE_CLOSING,   /* it has nothing, QEMU's own work is awaited */
    SIDE_LOST,      /* the device is gone */
} Side;

typedef enum Place {
    PLACE_NONE,     /* not in progress */
    PLACE_KEPT,     /* with QEMU, can be withdrawn */
    PLACE_GOING,    /* handed over, no answer yet */
    PLACE_TAKEN,    /* the host accepted it */
} Place;

typedef struct Ruling {
    int cc;
    unsigned todo;
    bool stale;
} Ruling;

typedef struct Oracle {
    PMCW pmcw;              /* what the guest sees */
    SCSW scsw;
    IRB logout;             /* ESW and ECW that TSCH stores */
    PMCW host_paths;
    bool host_used_paths;   /* for the guest, since it may have known them */
    uint8_t refused_paths;  /* what the guest sees in PNOM beside the host's */
    ORB orb;                /* of the newest start, till accepted */
    Side side;
    Place start;
    Place halt;
    Place clear;
    bool start_at_host;     /* sent, and its end was not seen */
    bool device_end_due;    /* of a start whose primary status was taken */
    bool leftover_due;      /* ... whose end nobody waits for any more */
    bool stop_taken;        /* the halt or clear of a side to be closed */
    bool shows_alert;       /* the pending status is unsolicited */
    uint32_t request;
    uint32_t start_request; /* of the newest start */
    VFIOCCWStatus end;      /* waits behind an alert */
    VFIOCCWStatus alert;    /* waits behind any status */
    VFIOCCWStatus kept;     /* of a start that is being halted */
} Oracle;

void oracle_init(Oracle *o);

Ruling oracle_instruction(Oracle *o, VFIOCCWEvent event, const ORB *orb);
Ruling oracle_tested(Oracle *o);
Ruling oracle_progress(Oracle *o, VFIOCCWEvent event, uint32_t request);
Ruling oracle_answered(Oracle *o, const VFIOCCWAnswer *answer);
/*
 * It is the first time that this IRB is read. @schib: the host's subchannel is
 * known not to perform a start or halt any more; @host_idle: nor anything else.
 * With two events, stale is what the first is.
 */
Ruling oracle_irb(Oracle *o, const IRB *irb, bool host_idle, bool schib);
Ruling oracle_schib(Oracle *o, const SCHIB *schib);
Ruling oracle_event(Oracle *o, VFIOCCWEvent event);

/* The name that the state machine has for the facts. */
VFIOCCWState oracle_state(const Oracle *o);

#endif /* TESTS_UNIT_VFIO_CCW_FSM_ORACLE_H */
