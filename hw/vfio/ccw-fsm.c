/*
 * vfio-ccw: the guest-facing state machine of a passed-through subchannel
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Primer. A subchannel performs at most one function that counts: clear wins
 * over halt, halt wins over start. The guest begins one with an instruction
 * that is answered at once; the host is asked meanwhile (see ccw-link.c), and
 * what comes of it reaches the guest as status and an interrupt. So each
 * function goes QUEUED -> SENT -> ACTIVE -> IDLE with status pending, and each
 * of those steps can be overtaken. The table below is the whole machine.
 *
 * Before the table is looked up, an input is named: an instruction is refused
 * for what the PMCW (cc 3) or pending status (cc 1) say; an answer to a request
 * that is not the newest is stale; an IRB is stale, or one or two of six
 * events, which ccw-judge.c says. After it, exactly one function, dispatch(),
 * writes the state.
 *
 * Called with the BQL held, by ccw.c only (and by its unit tests).
 */

#include "qemu/osdep.h"
#include "hw/vfio/ccw-fsm.h"

/* What an event brings along; which member is meant follows from the event. */
typedef struct Input {
    const ORB *orb;
    const IRB *irb;
    const SCHIB *schib;
    const VFIOCCWAnswer *answer;
} Input;

/* Changes SCSW, PMCW and the waiting status; returns VFIO_CCW_DO_xxx. */
typedef unsigned Action(VFIOCCWFsm *fsm, const Input *in);

static Action start, halt, clear, clear_again, cancel, tested, sent, unsent,
    accepted, failed, partial, end, end_halted, keep, keep_partial, end_halt,
    end_clear, late, defer, alert, paths, relay, unplug, gone, returned,
    quiesce, quiesce_halt, quiesce_on, quiesce_clear, stopping, quiesced,
    quiesced_by_loss, hide, reset, cut_short;

typedef enum CellKind {
    CELL_BUG,     /* cannot happen: a mistake of ours, reported and survived */
    CELL_IGNORED, /* legal, and nothing to do */
    CELL_STALE,   /* belongs to something that was superseded: dropped */
    CELL_REFUSED, /* the instruction ends with .cc and changes nothing */
    CELL_DO,
} CellKind;

typedef struct Cell {
    CellKind kind;
    int cc;
    Action *action;
    const char *name;
    VFIOCCWState next;
} Cell;

#define BUG         { CELL_BUG }
#define IGNORED     { CELL_IGNORED }
#define STALE       { CELL_STALE }
#define CC2         { CELL_REFUSED, 2 }
#define CC3         { CELL_REFUSED, 3 }
#define DO(what, state) \
    { CELL_DO, 0, what, #what, VFIO_CCW_##state }

/* The lines of a row, in the order of VFIOCCWEvent. */
#define GUEST(ssch, hsch, csch, xsch, rsch, tsch, tsch_primary)               \
    [VFIO_CCW_EV_SSCH] = ssch, [VFIO_CCW_EV_HSCH] = hsch,                     \
    [VFIO_CCW_EV_CSCH] = csch, [VFIO_CCW_EV_XSCH] = xsch,                     \
    [VFIO_CCW_EV_RSCH] = rsch, [VFIO_CCW_EV_TSCH] = tsch,                     \
    [VFIO_CCW_EV_TSCH_PRIMARY] = tsch_primary
#define ANSWER(sent, retry, accepted, failed)                                 \
    [VFIO_CCW_EV_SENT] = sent, [VFIO_CCW_EV_RETRY] = retry,                   \
    [VFIO_CCW_EV_ACCEPTED] = accepted, [VFIO_CCW_EV_FAILED] = failed
#define IRBS(partial, end, halt, clear, late, alert)                          \
    [VFIO_CCW_EV_IRB_PARTIAL] = partial, [VFIO_CCW_EV_IRB_END] = end,         \
    [VFIO_CCW_EV_IRB_HALT] = halt, [VFIO_CCW_EV_IRB_CLEAR] = clear,           \
    [VFIO_CCW_EV_IRB_LATE] = late, [VFIO_CCW_EV_IRB_ALERT] = alert
#define DEVICE(schib, crw, req, gone, returned)                               \
    [VFIO_CCW_EV_SCHIB] = schib, [VFIO_CCW_EV_CRW] = crw,                     \
    [VFIO_CCW_EV_REQ] = req, [VFIO_CCW_EV_GONE] = gone,                       \
    [VFIO_CCW_EV_RETURNED] = returned
#define QEMU(open, close, expired, quiesced, reset)                           \
    [VFIO_CCW_EV_OPEN] = open, [VFIO_CCW_EV_CLOSE] = close,                   \
    [VFIO_CCW_EV_EXPIRED] = expired, [VFIO_CCW_EV_QUIESCED] = quiesced,       \
    [VFIO_CCW_EV_RESET] = reset

/* The lines that are the same wherever the device is open and at work. */
#define DEVICE_OPEN                                                           \
    DEVICE(DO(paths, SAME), DO(relay, SAME), DO(unplug, SAME),                \
           DO(gone, NOT_OPER), BUG)

/* In a row, SAME is that row's state. */
#define VFIO_CCW_SAME VFIO_CCW_STATE__MAX

/*
 * GUEST:  SSCH HSCH CSCH XSCH RSCH, TSCH that leaves the function in progress,
 *         TSCH of primary status.         PoP ch. 14, "I/O Instructions"
 * ANSWER: SENT RETRY ACCEPTED FAILED.     Linux: fsm_io_request(),
 *                                         fsm_io_busy(), fsm_io_retry(),
 *                                         fsm_async_request()
 * IRBS:   PARTIAL END HALT CLEAR LATE ALERT.
 *                                         PoP ch. 16, "Subchannel-Status Word";
 *                                         Linux: vfio_ccw_sch_io_todo()
 * DEVICE: SCHIB CRW REQ GONE RETURNED.    PoP ch. 17, "Channel Report"; Linux:
 *                                         vfio_ccw_chp_event(), fsm_notoper()
 * QEMU:   OPEN CLOSE EXPIRED QUIESCED RESET.
 *                                         Linux: fsm_open(), fsm_close()
 */
static const Cell table[VFIO_CCW_STATE__MAX][VFIO_CCW_EV__MAX] = {

/* PoP: "not operational", cc 3 for all. Linux: VFIO_CCW_STATE_NOT_OPER. */
[VFIO_CCW_NOT_OPER] = {
    GUEST(CC3, CC3, CC3, CC3, CC3, CC3, BUG),
    ANSWER(BUG, BUG, BUG, BUG),
    IRBS(STALE, STALE, STALE, STALE, STALE, STALE),
    DEVICE(DO(paths, SAME), IGNORED, IGNORED, IGNORED, DO(returned, IDLE)),
    QEMU(BUG, IGNORED, BUG, BUG, DO(gone, NOT_OPER)) },

/* No function can be requested of a host that is not open. */
[VFIO_CCW_STANDBY] = {
    GUEST(CC3, CC3, CC3, CC3, CC3, CC3, BUG),
    ANSWER(BUG, BUG, BUG, BUG),
    IRBS(STALE, STALE, STALE, STALE, STALE, STALE),
    DEVICE(DO(paths, SAME), IGNORED, IGNORED, IGNORED, IGNORED),
    QEMU(DO(returned, IDLE), IGNORED, BUG, BUG, IGNORED) },

/* PoP 14, SSCH, HSCH, CSCH: accepted. XSCH, RSCH: no start to act on, cc 2. */
[VFIO_CCW_IDLE] = {
    GUEST(DO(start, START_QUEUED), DO(halt, HALT_QUEUED),
          DO(clear, CLEAR_QUEUED), CC2, CC2, DO(tested, SAME), BUG),
    ANSWER(BUG, BUG, BUG, BUG),
    IRBS(STALE, STALE, STALE, STALE, DO(late, SAME), DO(alert, SAME)),
    DEVICE_OPEN,
    QEMU(BUG, DO(quiesce, QUIESCING), BUG, BUG, DO(reset, IDLE)) },

/*
 * XSCH tells the truth only here: the host has not seen this start. Nor does it
 * ever see one that QEMU cannot have it execute: that fails from here.
 */
[VFIO_CCW_START_QUEUED] = {
    GUEST(CC2, DO(halt, HALT_QUEUED), DO(clear, CLEAR_QUEUED),
          DO(cancel, IDLE), CC2, DO(tested, SAME), BUG),
    ANSWER(DO(sent, START_SENT), BUG, BUG, DO(failed, IDLE)),
    IRBS(STALE, STALE, STALE, STALE, DO(defer, IDLE), DO(alert, SAME)),
    DEVICE_OPEN,
    QEMU(BUG, DO(quiesce, QUIESCING), BUG, BUG, DO(reset, IDLE)) },

/* Linux: CP_PROCESSING; no IRB can belong to a start that was not answered. */
[VFIO_CCW_START_SENT] = {
    GUEST(CC2, DO(halt, HALT_QUEUED), DO(clear, CLEAR_QUEUED), CC2, CC2,
          DO(tested, SAME), BUG),
    ANSWER(BUG, DO(unsent, START_QUEUED), DO(accepted, START_ACTIVE),
           DO(failed, IDLE)),
    IRBS(STALE, STALE, STALE, STALE, STALE, DO(alert, SAME)),
    DEVICE_OPEN,
    QEMU(BUG, DO(quiesce_halt, QUIESCING_HALT), BUG, BUG, DO(reset, IDLE)) },

/* Linux: CP_PENDING. XSCH: the host interface cannot cancel, so cc 2. */
[VFIO_CCW_START_ACTIVE] = {
    GUEST(CC2, DO(halt, HALT_QUEUED), DO(clear, CLEAR_QUEUED), CC2, CC2,
          DO(tested, SAME), DO(tested, IDLE)),
    ANSWER(BUG, BUG, BUG, BUG),
    IRBS(DO(partial, SAME), DO(end, IDLE), DO(cut_short, IDLE), STALE,
         DO(end, IDLE), DO(alert, SAME)),
    DEVICE_OPEN,
    QEMU(BUG, DO(quiesce_halt, QUIESCING_HALT), BUG, BUG, DO(reset, IDLE)) },

/* PoP 14, HSCH cc 2: halt in progress. Only a clear overtakes. */
[VFIO_CCW_HALT_QUEUED] = {
    GUEST(CC2, CC2, DO(clear, CLEAR_QUEUED), CC2, CC2, DO(tested, SAME), BUG),
    ANSWER(DO(sent, HALT_SENT), BUG, BUG, BUG),
    IRBS(DO(keep_partial, SAME), DO(end_halted, IDLE), STALE, STALE,
         DO(end_halted, IDLE), DO(alert, SAME)),
    DEVICE_OPEN,
    QEMU(BUG, DO(quiesce_on, QUIESCING_HALT), BUG, BUG, DO(reset, IDLE)) },

/* The start may end before the halt is there: one story, told at the end. */
[VFIO_CCW_HALT_SENT] = {
    GUEST(CC2, CC2, DO(clear, CLEAR_QUEUED), CC2, CC2, DO(tested, SAME), BUG),
    ANSWER(BUG, DO(unsent, HALT_QUEUED), DO(accepted, HALT_ACTIVE),
           DO(failed, IDLE)),
    IRBS(DO(keep_partial, SAME), DO(keep, SAME), STALE, STALE, DO(keep, SAME),
         DO(alert, SAME)),
    DEVICE_OPEN,
    QEMU(BUG, DO(quiesce_on, QUIESCING_HALT), BUG, BUG, DO(reset, IDLE)) },

[VFIO_CCW_HALT_ACTIVE] = {
    GUEST(CC2, CC2, DO(clear, CLEAR_QUEUED), CC2, CC2, DO(tested, SAME), BUG),
    ANSWER(BUG, BUG, BUG, BUG),
    IRBS(DO(keep_partial, SAME), DO(keep, SAME), DO(end_halt, IDLE), STALE,
         DO(keep, SAME), DO(alert, SAME)),
    DEVICE_OPEN,
    QEMU(BUG, DO(quiesce_on, QUIESCING_HALT_ACTIVE), BUG, BUG,
         DO(reset, IDLE)) },

/* PoP 14, CSCH: always cc 0; one clear serves all that ask for it. */
[VFIO_CCW_CLEAR_QUEUED] = {
    GUEST(CC2, CC2, DO(clear_again, SAME), CC2, CC2, DO(tested, SAME), BUG),
    ANSWER(DO(sent, CLEAR_SENT), BUG, BUG, BUG),
    IRBS(STALE, STALE, STALE, STALE, STALE, DO(alert, SAME)),
    DEVICE_OPEN,
    QEMU(BUG, DO(quiesce_on, QUIESCING_CLEAR), BUG, BUG, DO(reset, IDLE)) },

[VFIO_CCW_CLEAR_SENT] = {
    GUEST(CC2, CC2, DO(clear_again, SAME), CC2, CC2, DO(tested, SAME), BUG),
    ANSWER(BUG, DO(unsent, CLEAR_QUEUED), DO(accepted, CLEAR_ACTIVE),
           DO(failed, IDLE)),
    IRBS(STALE, STALE, STALE, STALE, STALE, DO(alert, SAME)),
    DEVICE_OPEN,
    QEMU(BUG, DO(quiesce_on, QUIESCING_CLEAR), BUG, BUG, DO(reset, IDLE)) },

[VFIO_CCW_CLEAR_ACTIVE] = {
    GUEST(CC2, CC2, DO(clear, CLEAR_QUEUED), CC2, CC2, DO(tested, SAME), BUG),
    ANSWER(BUG, BUG, BUG, BUG),
    IRBS(STALE, STALE, STALE, DO(end_clear, IDLE), STALE, DO(alert, SAME)),
    DEVICE_OPEN,
    QEMU(BUG, DO(quiesce_on, QUIESCING_CLEAR_ACTIVE), BUG, BUG,
         DO(reset, IDLE)) },

/*
 * Linux: vfio_ccw_sch_quiesce(), cio_cancel_halt_clear(). The guest's own halt
 * or clear is as good as one of ours, and counts when the host has accepted it.
 * That a start has ended meanwhile does not count: it may not have been the
 * newest one.
 */
[VFIO_CCW_QUIESCING_HALT] = {
    GUEST(CC3, CC3, CC3, CC3, CC3, CC3, BUG),
    ANSWER(IGNORED, IGNORED, DO(stopping, QUIESCING_HALT_ACTIVE),
           DO(quiesce_clear, QUIESCING_CLEAR)),
    IRBS(STALE, STALE, STALE, STALE, STALE, STALE),
    DEVICE(IGNORED, IGNORED, IGNORED, DO(quiesced_by_loss, QUIESCING),
           IGNORED),
    QEMU(BUG, IGNORED, DO(quiesce_clear, QUIESCING_CLEAR),
         DO(quiesced, STANDBY), DO(hide, SAME)) },

[VFIO_CCW_QUIESCING_HALT_ACTIVE] = {
    GUEST(CC3, CC3, CC3, CC3, CC3, CC3, BUG),
    ANSWER(BUG, BUG, BUG, BUG),
    IRBS(STALE, STALE, DO(quiesced, QUIESCING), STALE, STALE, STALE),
    DEVICE(IGNORED, IGNORED, IGNORED, DO(quiesced_by_loss, QUIESCING),
           IGNORED),
    QEMU(BUG, IGNORED, DO(quiesce_clear, QUIESCING_CLEAR),
         DO(quiesced, STANDBY), DO(hide, SAME)) },

[VFIO_CCW_QUIESCING_CLEAR] = {
    GUEST(CC3, CC3, CC3, CC3, CC3, CC3, BUG),
    ANSWER(IGNORED, IGNORED, DO(stopping, QUIESCING_CLEAR_ACTIVE),
           DO(quiesced, QUIESCING)),
    IRBS(STALE, STALE, STALE, STALE, STALE, STALE),
    DEVICE(IGNORED, IGNORED, IGNORED, DO(quiesced_by_loss, QUIESCING),
           IGNORED),
    QEMU(BUG, IGNORED, DO(quiesced, QUIESCING), DO(quiesced, STANDBY),
         DO(hide, SAME)) },

[VFIO_CCW_QUIESCING_CLEAR_ACTIVE] = {
    GUEST(CC3, CC3, CC3, CC3, CC3, CC3, BUG),
    ANSWER(BUG, BUG, BUG, BUG),
    IRBS(STALE, STALE, STALE, DO(quiesced, QUIESCING), STALE, STALE),
    DEVICE(IGNORED, IGNORED, IGNORED, DO(quiesced_by_loss, QUIESCING),
           IGNORED),
    QEMU(BUG, IGNORED, DO(quiesced, QUIESCING), DO(quiesced, STANDBY),
         DO(hide, SAME)) },

[VFIO_CCW_QUIESCING] = {
    GUEST(CC3, CC3, CC3, CC3, CC3, CC3, BUG),
    ANSWER(BUG, BUG, BUG, BUG),
    IRBS(STALE, STALE, STALE, STALE, STALE, STALE),
    DEVICE(IGNORED, IGNORED, IGNORED, IGNORED, IGNORED),
    QEMU(BUG, IGNORED, BUG, DO(quiesced, STANDBY), DO(hide, SAME)) },
};

/* What the guest's own ORB decides in the SCSW; the rest is the host's. */
#define SCSW_FLAGS_OF_ORB \
    (SCSW_FLAGS_MASK_KEY | SCSW_FLAGS_MASK_SCTL | SCSW_FLAGS_MASK_FMT | \
     SCSW_FLAGS_MASK_PFCH | SCSW_FLAGS_MASK_ISIC | SCSW_FLAGS_MASK_ALCC | \
     SCSW_FLAGS_MASK_SSI)

#define SCSW_STCTL_ENDING \
    (SCSW_STCTL_ALERT | SCSW_STCTL_PRIMARY | SCSW_STCTL_SECONDARY)

#define SCSW_ACTL_PENDINGS \
    (SCSW_ACTL_RESUME_PEND | SCSW_ACTL_START_PEND | SCSW_ACTL_HALT_PEND | \
     SCSW_ACTL_CLEAR_PEND | SCSW_ACTL_SUSP)

#define SCSW_ACTL_ACTIVE (SCSW_ACTL_SUBCH_ACTIVE | SCSW_ACTL_DEVICE_ACTIVE)

static VFIOCCWFunction function_of(VFIOCCWState state)
{
    switch (state) {
    case VFIO_CCW_HALT_QUEUED ... VFIO_CCW_HALT_ACTIVE:
    case VFIO_CCW_QUIESCING_HALT ... VFIO_CCW_QUIESCING_HALT_ACTIVE:
        return VFIO_CCW_FN_HALT;
    case VFIO_CCW_CLEAR_QUEUED ... VFIO_CCW_CLEAR_ACTIVE:
    case VFIO_CCW_QUIESCING_CLEAR ... VFIO_CCW_QUIESCING_CLEAR_ACTIVE:
        return VFIO_CCW_FN_CLEAR;
    default:
        return VFIO_CCW_FN_START;
    }
}

static bool status_pending(VFIOCCWFsm *fsm)
{
    return fsm->schib->scsw.ctrl & SCSW_STCTL_STATUS_PEND;
}

/* Unsolicited status is no function's end. */
static bool alert_pending(VFIOCCWFsm *fsm)
{
    const SCSW scsw = fsm->schib->scsw;

    return status_pending(fsm) &&
           vfio_ccw_status_of(&scsw) == VFIO_CCW_OF_NOTHING;
}

static bool intermediate_only(uint16_t ctrl)
{
    return (ctrl & SCSW_CTRL_MASK_STCTL) ==
           (SCSW_STCTL_INTERMEDIATE | SCSW_STCTL_STATUS_PEND);
}

/* PoP: only an enabled subchannel with a device is operational. */
static bool operational(VFIOCCWFsm *fsm)
{
    uint16_t need = PMCW_FLAGS_MASK_DNV | PMCW_FLAGS_MASK_ENA;

    return (fsm->schib->pmcw.flags & need) == need;
}

/* The caller writes the SCSW anew. */
static void forget_status(VFIOCCWFsm *fsm)
{
    fsm->end.valid = false;
    fsm->alert.valid = false;
    fsm->halted.valid = false;
    memset(&fsm->irb, 0, sizeof(fsm->irb));
}

static void forget_starts(VFIOCCWFsm *fsm)
{
    fsm->start_at_host = false;
    if (fsm->device_end_due == VFIO_CCW_DUE_DELIVER) {
        fsm->device_end_due = VFIO_CCW_DUE_NO;
    }
}

static void set_status(VFIOCCWStatus *status, const IRB *irb)
{
    status->irb = *irb;
    status->valid = true;
}

static void show_status(VFIOCCWFsm *fsm, const IRB *irb)
{
    SCHIB *schib = fsm->schib;

    schib->scsw.flags = (schib->scsw.flags & SCSW_FLAGS_OF_ORB) |
                        (irb->scsw.flags & ~SCSW_FLAGS_OF_ORB);
    schib->scsw.ctrl &= ~SCSW_CTRL_MASK_STCTL;
    schib->scsw.ctrl |= irb->scsw.ctrl & SCSW_CTRL_MASK_STCTL;
    schib->scsw.cpa = irb->scsw.cpa;
    schib->scsw.dstat = irb->scsw.dstat;
    schib->scsw.cstat = irb->scsw.cstat;
    schib->scsw.count = irb->scsw.count;
    fsm->irb = *irb;
}

static unsigned show_alert(VFIOCCWFsm *fsm, const IRB *irb)
{
    show_status(fsm, irb);
    fsm->paths_used = true;
    return VFIO_CCW_DO_INTERRUPT;
}

/*
 * With status, a halt or clear is over, and nothing is ever suspended: what is
 * left for the host to say is how far the start has come.
 */
static uint16_t activity(VFIOCCWFsm *fsm, const IRB *irb)
{
    if (!(fsm->schib->scsw.ctrl & SCSW_FCTL_START_FUNC)) {
        return 0;
    }
    return irb->scsw.ctrl & (SCSW_ACTL_START_PEND | SCSW_ACTL_ACTIVE);
}

/* Status of the function in progress, whose activity is the host's @irb's. */
static unsigned show_progress(VFIOCCWFsm *fsm, const IRB *irb)
{
    show_status(fsm, irb);
    fsm->schib->scsw.ctrl &= ~SCSW_CTRL_MASK_ACTL;
    fsm->schib->scsw.ctrl |= activity(fsm, irb);
    return VFIO_CCW_DO_INTERRUPT;
}

/* PoP: status that is pending is never overwritten. */
static unsigned present(VFIOCCWFsm *fsm, const IRB *irb)
{
    IRB merged = *irb;

    if (!status_pending(fsm)) {
        return show_progress(fsm, irb);
    }
    if (!alert_pending(fsm)) {
        vfio_ccw_irb_add(&merged, &fsm->irb);
        show_progress(fsm, &merged);
        return 0; /* the interrupt for it is pending, or taken already */
    }
    if (fsm->end.valid) {
        vfio_ccw_irb_add(&merged, &fsm->end.irb);
    }
    set_status(&fsm->end, &merged);
    return 0;
}

/* Nothing is pending now: nothing may wait behind it. */
static unsigned show_waiting(VFIOCCWFsm *fsm)
{
    if (fsm->end.valid) {
        fsm->end.valid = false;
        return show_progress(fsm, &fsm->end.irb);
    }
    if (fsm->alert.valid) {
        fsm->alert.valid = false;
        return show_alert(fsm, &fsm->alert.irb);
    }
    return 0;
}

/* PoP 14, SSCH. LPM, interruption parameter: the ORB's replace the PMCW's. */
static unsigned start(VFIOCCWFsm *fsm, const Input *in)
{
    SCHIB *schib = fsm->schib;
    const ORB *orb = in->orb;

    QEMU_BUILD_BUG_ON(ORB_CTRL0_MASK_FMT != SCSW_FLAGS_MASK_FMT);
    QEMU_BUILD_BUG_ON(ORB_CTRL0_MASK_PFCH != SCSW_FLAGS_MASK_PFCH);
    QEMU_BUILD_BUG_ON(ORB_CTRL0_MASK_ISIC != SCSW_FLAGS_MASK_ISIC);
    QEMU_BUILD_BUG_ON(ORB_CTRL0_MASK_ALCC != SCSW_FLAGS_MASK_ALCC);
    QEMU_BUILD_BUG_ON(ORB_CTRL0_MASK_SSIC != SCSW_FLAGS_MASK_SSI);

    fsm->orb = *orb;
    schib->pmcw.intparm = orb->intparm;
    schib->pmcw.lpm = orb->lpm;
    schib->pmcw.pnom = 0;
    fsm->refused = 0;
    schib->scsw.flags = orb->ctrl0 & SCSW_FLAGS_OF_ORB;
    schib->scsw.ctrl |= SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND;
    fsm->request++;
    fsm->start = fsm->request;
    return VFIO_CCW_DO_REQUEST;
}

/*
 * PoP 14, HSCH. The start function stays indicated; intermediate status of a
 * start that is being halted is withdrawn, and what waited behind it is shown.
 */
static unsigned halt(VFIOCCWFsm *fsm, const Input *in)
{
    SCHIB *schib = fsm->schib;
    unsigned todo = VFIO_CCW_DO_WITHDRAW_REQUEST | VFIO_CCW_DO_REQUEST;

    if (status_pending(fsm)) {
        schib->scsw.ctrl &= ~SCSW_CTRL_MASK_STCTL;
        memset(&fsm->irb, 0, sizeof(fsm->irb));
        todo |= VFIO_CCW_DO_WITHDRAW_IRQ | show_waiting(fsm);
    }
    schib->scsw.ctrl |= SCSW_FCTL_HALT_FUNC | SCSW_ACTL_HALT_PEND;
    fsm->request++;
    return todo;
}

/* PoP 15, "Clear Function" and 17, "I/O-System Reset" */
static void initialise_paths(VFIOCCWFsm *fsm)
{
    fsm->schib->pmcw.pnom = 0;
    fsm->schib->pmcw.lpum = 0;
    fsm->schib->pmcw.pom = 0xff;
    fsm->refused = 0;
}

/* PoP 14, CSCH and 15.3.2: status of any kind goes, paths are as initialised */
static unsigned clear_again(VFIOCCWFsm *fsm, const Input *in)
{
    forget_status(fsm);
    fsm->schib->scsw = (SCSW) {
        .ctrl = SCSW_FCTL_CLEAR_FUNC | SCSW_ACTL_CLEAR_PEND,
    };
    initialise_paths(fsm);
    return VFIO_CCW_DO_WITHDRAW_IRQ;
}

static unsigned clear(VFIOCCWFsm *fsm, const Input *in)
{
    clear_again(fsm, in);
    fsm->request++;
    return VFIO_CCW_DO_WITHDRAW_REQUEST | VFIO_CCW_DO_WITHDRAW_IRQ |
           VFIO_CCW_DO_REQUEST;
}

/* PoP 14, XSCH: no interrupt will come. */
static unsigned cancel(VFIOCCWFsm *fsm, const Input *in)
{
    fsm->schib->scsw.ctrl &= ~(SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND);
    return VFIO_CCW_DO_WITHDRAW_REQUEST;
}

/*
 * PoP figure 14-2, then what waited behind the status that was taken, whose
 * interrupt goes with it. An alert is no function's status, so taking it leaves
 * a function alone.
 */
static unsigned tested(VFIOCCWFsm *fsm, const Input *in)
{
    SCHIB *schib = fsm->schib;
    uint16_t ctrl = schib->scsw.ctrl;
    bool alert = alert_pending(fsm);

    schib->scsw.ctrl &= ~SCSW_CTRL_MASK_STCTL;
    memset(&fsm->irb, 0, sizeof(fsm->irb));
    if (alert) {
        schib->scsw.flags &= SCSW_FLAGS_OF_ORB;
    } else if (!intermediate_only(ctrl)) {
        schib->scsw.ctrl &= ~(SCSW_CTRL_MASK_FCTL | SCSW_ACTL_PENDINGS);
        schib->scsw.flags &= ~SCSW_FLAGS_MASK_PNO;
        if (fsm->start_at_host) {
            fsm->start_at_host = false;
            fsm->device_end_due = VFIO_CCW_DUE_DELIVER;
        }
    }
    return VFIO_CCW_DO_WITHDRAW_IRQ | show_waiting(fsm);
}

static unsigned sent(VFIOCCWFsm *fsm, const Input *in)
{
    if (fsm->state == VFIO_CCW_START_QUEUED) {
        fsm->start_at_host = true;
    }
    return 0;
}

static unsigned unsent(VFIOCCWFsm *fsm, const Input *in)
{
    if (fsm->state == VFIO_CCW_START_SENT) {
        fsm->start_at_host = false;
    }
    return 0;
}

static unsigned accepted(VFIOCCWFsm *fsm, const Input *in)
{
    fsm->paths_used = true;
    return 0;
}

/*
 * PoP 15, "Halt Function": start pending in the status that ends it says that
 * the start was not even begun.
 */
static IRB halted_irb(VFIOCCWFsm *fsm, const IRB *of_host)
{
    IRB irb = *of_host;

    if (!fsm->start_at_host) {
        irb.scsw.ctrl |= fsm->schib->scsw.ctrl & SCSW_ACTL_START_PEND;
    }
    irb.scsw.ctrl &= ~SCSW_ACTL_HALT_PEND;
    return irb;
}

/*
 * PoP 15, "Path-Operational Mask": it is the guest's to set, by MSCH. A path's
 * bit is the host's only when that changes, or when the host finds that the
 * path is not operational.
 */
static uint8_t merged_pom(VFIOCCWFsm *fsm, PMCW host)
{
    PMCW pmcw = fsm->schib->pmcw;
    uint8_t news = (fsm->paths.pom ^ host.pom) | (host.pnom & ~pmcw.pnom);

    return (pmcw.pom & ~news) | (host.pom & news);
}

/* What the host found a path to be counts when that was the guest's I/O. */
static void take_paths(VFIOCCWFsm *fsm, PMCW host)
{
    SCHIB *schib = fsm->schib;

    if (fsm->paths_used) {
        schib->pmcw.pom = merged_pom(fsm, host);
        schib->pmcw.pnom = host.pnom | fsm->refused;
        schib->pmcw.lpum = host.lpum;
    }
    schib->pmcw.pim = host.pim;
    schib->pmcw.pam = host.pam;
    memcpy(schib->pmcw.chpid, host.chpid, sizeof(schib->pmcw.chpid));
    fsm->paths = host;
}

/*
 * Path not operational makes a guest look which path that is. The host's PNOM
 * does not say so where its channel subsystem refused the start at once.
 */
static void refuse_paths(VFIOCCWFsm *fsm)
{
    uint8_t lpm = fsm->orb.lpm;
    uint8_t installed = lpm & fsm->paths.pim;

    if (!(fsm->paths.pnom & lpm)) {
        fsm->refused = installed ? installed : lpm;
    }
    fsm->paths_used = true;
    take_paths(fsm, fsm->paths);
}

/* The device end of an earlier start is due whatever became of this one. */
static unsigned failed_start(VFIOCCWFsm *fsm, const VFIOCCWAnswer *answer)
{
    IRB irb = vfio_ccw_irb_of_failed_start(answer, &fsm->orb);

    if (irb.scsw.flags & SCSW_FLAGS_MASK_PNO) {
        refuse_paths(fsm);
    }
    if (fsm->device_end_due == VFIO_CCW_DUE_DELIVER) {
        irb.scsw.ctrl |= SCSW_ACTL_DEVICE_ACTIVE;
    }
    fsm->start_at_host = false;
    return present(fsm, &irb);
}

static unsigned end(VFIOCCWFsm *fsm, const Input *in)
{
    forget_starts(fsm);
    return present(fsm, in->irb);
}

/*
 * A halt or clear that failed, or that was the host's reset, may leave a device
 * end behind. To the guest that start is over.
 */
static unsigned end_signal(VFIOCCWFsm *fsm, const IRB *irb)
{
    fsm->device_end_due = MAX(fsm->device_end_due, VFIO_CCW_DUE_DISCARD);
    return end(fsm, &(Input) { .irb = irb });
}

/* What is known by now of a start that is halted, @of_host being the latest. */
static IRB story_of_halt(VFIOCCWFsm *fsm, const IRB *of_host)
{
    IRB irb = halted_irb(fsm, of_host);

    if (fsm->halted.valid) {
        vfio_ccw_irb_add(&irb, &fsm->halted.irb);
    }
    return irb;
}

/* The end of the start that was halted counts for more than the halt's own. */
static unsigned end_halt(VFIOCCWFsm *fsm, const Input *in)
{
    bool ended = fsm->halted.valid && !fsm->start_at_host;
    IRB irb = ended ? fsm->halted.irb : story_of_halt(fsm, in->irb);

    fsm->halted.valid = false;
    return end_signal(fsm, &irb);
}

static unsigned failed(VFIOCCWFsm *fsm, const Input *in)
{
    IRB irb;

    if (function_of(fsm->state) == VFIO_CCW_FN_START) {
        return failed_start(fsm, in->answer);
    }
    irb = vfio_ccw_irb_of_failed_signal(in->answer);
    if (fsm->state == VFIO_CCW_HALT_SENT) {
        return end_halt(fsm, &(Input) { .irb = &irb });
    }
    return end_signal(fsm, &irb);
}

static unsigned partial(VFIOCCWFsm *fsm, const Input *in)
{
    return present(fsm, in->irb);
}

/* The start was over before the halt left QEMU: that is how it was halted. */
static unsigned end_halted(VFIOCCWFsm *fsm, const Input *in)
{
    return VFIO_CCW_DO_WITHDRAW_REQUEST | end_halt(fsm, in);
}

/* The start is over; the guest hears of it when its halt is. */
static unsigned keep(VFIOCCWFsm *fsm, const Input *in)
{
    IRB irb = story_of_halt(fsm, in->irb);

    set_status(&fsm->halted, &irb);
    forget_starts(fsm);
    return 0;
}

/*
 * Channel end alone: its count is what the guest will want to know. Nobody is
 * told how far a program got that is being halted.
 */
static unsigned keep_partial(VFIOCCWFsm *fsm, const Input *in)
{
    IRB irb = story_of_halt(fsm, in->irb);

    if (fsm->start_at_host && !intermediate_only(in->irb->scsw.ctrl)) {
        set_status(&fsm->halted, &irb);
    }
    return 0;
}

/* PoP 15.3.3: status pending alone; nothing else in the SCSW means anything. */
static unsigned end_clear(VFIOCCWFsm *fsm, const Input *in)
{
    IRB irb = { .scsw.ctrl = SCSW_STCTL_STATUS_PEND };

    return end_signal(fsm, &irb);
}

/* Device end after a channel end that the guest has taken already. */
static unsigned late(VFIOCCWFsm *fsm, const Input *in)
{
    fsm->schib->scsw.ctrl &= ~SCSW_ACTL_DEVICE_ACTIVE;
    forget_starts(fsm);
    if (!operational(fsm)) {
        return 0;
    }
    return present(fsm, in->irb);
}

/* PoP 16, deferred cc 1: the device had status before the start was there. */
static unsigned defer(VFIOCCWFsm *fsm, const Input *in)
{
    IRB irb = *in->irb;

    irb.scsw.flags |= 1 << 8;
    irb.scsw.ctrl = (irb.scsw.ctrl & SCSW_CTRL_MASK_STCTL) |
                    SCSW_STCTL_ALERT | SCSW_ACTL_START_PEND;
    return VFIO_CCW_DO_WITHDRAW_REQUEST | end(fsm, &(Input) { .irb = &irb });
}

/*
 * Linux halts what uses a path that is taken away. To the guest, which asked
 * for no halt, an error on the way to the device has ended its program.
 */
static unsigned cut_short(VFIOCCWFsm *fsm, const Input *in)
{
    IRB irb = *in->irb;

    irb.scsw.ctrl = SCSW_STCTL_ENDING | SCSW_STCTL_STATUS_PEND;
    irb.scsw.cstat |= SCSW_CSTAT_INTF_CTRL_CHK;
    return end(fsm, &(Input) { .irb = &irb });
}

/* PoP 16-17: a disabled subchannel is never made status pending. */
static unsigned alert(VFIOCCWFsm *fsm, const Input *in)
{
    if (!operational(fsm)) {
        return 0;
    }
    if (status_pending(fsm)) {
        set_status(&fsm->alert, in->irb);
        return 0;
    }
    return show_alert(fsm, in->irb);
}

static unsigned paths(VFIOCCWFsm *fsm, const Input *in)
{
    take_paths(fsm, in->schib->pmcw);
    return 0;
}

/* The paths of a device that the guest has not used since it knows them */
static void forget_path_use(VFIOCCWFsm *fsm)
{
    initialise_paths(fsm);
    fsm->paths_used = false;
    take_paths(fsm, fsm->paths);
}

static unsigned relay(VFIOCCWFsm *fsm, const Input *in)
{
    return VFIO_CCW_DO_RELAY_CRW;
}

static unsigned unplug(VFIOCCWFsm *fsm, const Input *in)
{
    return VFIO_CCW_DO_UNPLUG;
}

/* Nothing is in progress for the guest, no status is pending or waiting. */
static void forget_all(VFIOCCWFsm *fsm)
{
    forget_status(fsm);
    fsm->schib->scsw = (SCSW) { };
    forget_starts(fsm);
}

/*
 * ... nor is an answer to anything that was asked of the host. Linux's reset
 * stops no device that has presented channel end.
 */
static void abandon(VFIOCCWFsm *fsm)
{
    forget_all(fsm);
    fsm->device_end_due = VFIO_CCW_DUE_DISCARD_ALL;
    fsm->request++;
}

/*
 * The SCHIB says so before the channel report does. A reset finds the device
 * as gone as before, but nobody to report it to.
 */
static unsigned gone(VFIOCCWFsm *fsm, const Input *in)
{
    bool news = fsm->state != VFIO_CCW_NOT_OPER;

    abandon(fsm);
    fsm->schib->pmcw.flags &= ~(PMCW_FLAGS_MASK_DNV | PMCW_FLAGS_MASK_ENA);
    return VFIO_CCW_DO_GIVE_UP_HOST | VFIO_CCW_DO_WITHDRAW_IRQ |
           (news ? VFIO_CCW_DO_REPORT : 0);
}

static unsigned returned(VFIOCCWFsm *fsm, const Input *in)
{
    fsm->schib->pmcw.flags |= PMCW_FLAGS_MASK_DNV;
    forget_path_use(fsm);
    return VFIO_CCW_DO_REPORT;
}

/* The css core's reset makes it look as if the device were there. */
static unsigned hide(VFIOCCWFsm *fsm, const Input *in)
{
    fsm->schib->pmcw.flags &= ~(PMCW_FLAGS_MASK_DNV | PMCW_FLAGS_MASK_ENA);
    return 0;
}

/* The guest hears that the device goes before anything is done about it. */
static unsigned disappear(VFIOCCWFsm *fsm)
{
    forget_all(fsm);
    hide(fsm, NULL);
    return VFIO_CCW_DO_WITHDRAW_IRQ | VFIO_CCW_DO_REPORT;
}

/* The host has nothing of the guest's, or has not seen it: cancelled. */
static unsigned quiesce(VFIOCCWFsm *fsm, const Input *in)
{
    return disappear(fsm) | quiesced(fsm, in);
}

/* What has been asked of the host stops it. */
static unsigned quiesce_on(VFIOCCWFsm *fsm, const Input *in)
{
    return disappear(fsm);
}

static unsigned quiesce_halt(VFIOCCWFsm *fsm, const Input *in)
{
    fsm->request++;
    return disappear(fsm) | VFIO_CCW_DO_REQUEST;
}

static unsigned quiesce_clear(VFIOCCWFsm *fsm, const Input *in)
{
    fsm->request++;
    return VFIO_CCW_DO_WITHDRAW_REQUEST | VFIO_CCW_DO_REQUEST;
}

static unsigned stopping(VFIOCCWFsm *fsm, const Input *in)
{
    return 0;
}

static unsigned quiesced(VFIOCCWFsm *fsm, const Input *in)
{
    abandon(fsm);
    return VFIO_CCW_DO_WITHDRAW_REQUEST;
}

/* Who is lost stops by itself. */
static unsigned quiesced_by_loss(VFIOCCWFsm *fsm, const Input *in)
{
    return quiesced(fsm, in) | VFIO_CCW_DO_GIVE_UP_HOST;
}

/* The css core has reset the PMCW; the paths are the host's again. */
static unsigned reset(VFIOCCWFsm *fsm, const Input *in)
{
    abandon(fsm);
    forget_path_use(fsm);
    fsm->schib->pmcw.lpm = fsm->schib->pmcw.pim;
    return VFIO_CCW_DO_WITHDRAW_REQUEST | VFIO_CCW_DO_WITHDRAW_IRQ |
           VFIO_CCW_DO_RESET_HOST;
}

/* The only place that writes the state. */
static VFIOCCWVerdict dispatch(VFIOCCWFsm *fsm, VFIOCCWEvent event,
                               const Input *in)
{
    const Cell *cell = &table[fsm->state][event];
    VFIOCCWVerdict verdict = {
        .cc = cell->cc,
        .event = event,
        .from = fsm->state,
        .to = fsm->state,
        .stale = cell->kind == CELL_STALE,
    };

    if (cell->kind == CELL_BUG) {
        verdict.todo = VFIO_CCW_DO_COMPLAIN;
    }
    if (cell->kind != CELL_DO) {
        return verdict;
    }
    verdict.todo = cell->action(fsm, in);
    if (cell->next != VFIO_CCW_SAME) {
        fsm->state = cell->next;
    }
    verdict.to = fsm->state;
    verdict.function = function_of(fsm->state);
    return verdict;
}

static VFIOCCWVerdict refused(VFIOCCWFsm *fsm, VFIOCCWEvent event, int cc)
{
    return (VFIOCCWVerdict) {
        .cc = cc,
        .event = event,
        .from = fsm->state,
        .to = fsm->state,
    };
}

static VFIOCCWVerdict stale(VFIOCCWFsm *fsm, VFIOCCWEvent event)
{
    VFIOCCWVerdict verdict = refused(fsm, event, 0);

    verdict.stale = true;
    return verdict;
}

void vfio_ccw_fsm_init(VFIOCCWFsm *fsm, SCHIB *schib)
{
    *fsm = (VFIOCCWFsm) {
        .state = VFIO_CCW_STANDBY,
        .schib = schib,
        /* by whoever had the host's device before */
        .device_end_due = VFIO_CCW_DUE_DISCARD,
    };
}

/* PoP 14: does pending status give this instruction cc 1? */
static bool refused_by_status(uint16_t ctrl, VFIOCCWEvent event)
{
    if (event == VFIO_CCW_EV_CSCH || !(ctrl & SCSW_STCTL_STATUS_PEND)) {
        return false;
    }
    return event != VFIO_CCW_EV_HSCH || !intermediate_only(ctrl);
}

VFIOCCWVerdict vfio_ccw_fsm_instruction(VFIOCCWFsm *fsm, VFIOCCWEvent event,
                                        const ORB *orb)
{
    if (!operational(fsm)) {
        return refused(fsm, event, 3);
    }
    if (refused_by_status(fsm->schib->scsw.ctrl, event)) {
        return refused(fsm, event, 1);
    }
    return dispatch(fsm, event, &(Input) { .orb = orb });
}

VFIOCCWVerdict vfio_ccw_fsm_tested(VFIOCCWFsm *fsm)
{
    uint16_t ctrl = fsm->schib->scsw.ctrl;
    VFIOCCWEvent event = VFIO_CCW_EV_TSCH;

    if (!status_pending(fsm)) {
        return refused(fsm, event, 1);
    }
    if (fsm->state == VFIO_CCW_START_ACTIVE && !alert_pending(fsm) &&
        !intermediate_only(ctrl)) {
        event = VFIO_CCW_EV_TSCH_PRIMARY;
    }
    return dispatch(fsm, event, &(Input) { });
}

VFIOCCWVerdict vfio_ccw_fsm_progress(VFIOCCWFsm *fsm, VFIOCCWEvent event,
                                     uint32_t request)
{
    if (request != fsm->request) {
        return stale(fsm, event);
    }
    return dispatch(fsm, event, &(Input) { });
}

VFIOCCWVerdict vfio_ccw_fsm_answered(VFIOCCWFsm *fsm,
                                     const VFIOCCWAnswer *answer)
{
    VFIOCCWEvent event = answer->ret ? VFIO_CCW_EV_FAILED
                                     : VFIO_CCW_EV_ACCEPTED;

    if (vfio_ccw_answer_says_gone(answer)) {
        return vfio_ccw_fsm_event(fsm, VFIO_CCW_EV_GONE);
    }
    if (answer->request != fsm->request) {
        if (answer->ret && answer->request == fsm->start) {
            fsm->start_at_host = false; /* it has been overtaken, and refused */
        }
        return stale(fsm, event);
    }
    return dispatch(fsm, event, &(Input) { .answer = answer });
}

/* What the host has accepted last, if its end was not seen yet */
static VFIOCCWFunction awaited_function(const VFIOCCWFsm *fsm)
{
    switch (fsm->state) {
    case VFIO_CCW_START_ACTIVE:
    case VFIO_CCW_HALT_ACTIVE:
    case VFIO_CCW_CLEAR_ACTIVE:
    case VFIO_CCW_QUIESCING_HALT_ACTIVE:
    case VFIO_CCW_QUIESCING_CLEAR_ACTIVE:
        return function_of(fsm->state);
    default:
        return VFIO_CCW_FN__MAX;
    }
}

VFIOCCWExpected vfio_ccw_fsm_expected(const VFIOCCWFsm *fsm)
{
    return (VFIOCCWExpected) {
        .function = awaited_function(fsm),
        .start_may_end = fsm->start_at_host &&
                         (fsm->state == VFIO_CCW_START_ACTIVE ||
                          function_of(fsm->state) == VFIO_CCW_FN_HALT),
        .device_end_due = fsm->device_end_due,
    };
}

static VFIOCCWEvent event_of(VFIOCCWStatusOf of)
{
    return VFIO_CCW_EV_IRB_PARTIAL + (of - VFIO_CCW_OF_START_PARTIAL);
}

unsigned vfio_ccw_fsm_irb(VFIOCCWFsm *fsm, const VFIOCCWEvidence *evidence,
                          VFIOCCWVerdict verdict[VFIO_CCW_MAX_FINDINGS])
{
    VFIOCCWExpected expected = vfio_ccw_fsm_expected(fsm);
    VFIOCCWRuling ruling = vfio_ccw_judge(&expected, evidence);

    fsm->device_end_due = ruling.device_end_due;
    for (unsigned i = 0; i < ruling.nr; i++) {
        verdict[i] = dispatch(fsm, event_of(ruling.finding[i].of),
                              &(Input) { .irb = &ruling.finding[i].irb });
    }
    if (!ruling.nr) {
        verdict[0] = stale(fsm,
                           event_of(vfio_ccw_status_of(&evidence->irb.scsw)));
    }
    return MAX(ruling.nr, 1);
}

VFIOCCWVerdict vfio_ccw_fsm_schib(VFIOCCWFsm *fsm, const SCHIB *schib)
{
    return dispatch(fsm, VFIO_CCW_EV_SCHIB, &(Input) { .schib = schib });
}

VFIOCCWVerdict vfio_ccw_fsm_event(VFIOCCWFsm *fsm, VFIOCCWEvent event)
{
    return dispatch(fsm, event, &(Input) { });
}

bool vfio_ccw_fsm_busy(const VFIOCCWFsm *fsm)
{
    return fsm->state >= VFIO_CCW_START_QUEUED &&
           fsm->state <= VFIO_CCW_CLEAR_ACTIVE;
}

bool vfio_ccw_fsm_stopping(const VFIOCCWFsm *fsm)
{
    return fsm->state >= VFIO_CCW_QUIESCING_HALT &&
           fsm->state < VFIO_CCW_QUIESCING;
}

const char *vfio_ccw_state_name(VFIOCCWState state)
{
    static const char *const names[VFIO_CCW_STATE__MAX] = {
        [VFIO_CCW_NOT_OPER] = "NOT_OPER",
        [VFIO_CCW_STANDBY] = "STANDBY",
        [VFIO_CCW_IDLE] = "IDLE",
        [VFIO_CCW_START_QUEUED] = "START_QUEUED",
        [VFIO_CCW_START_SENT] = "START_SENT",
        [VFIO_CCW_START_ACTIVE] = "START_ACTIVE",
        [VFIO_CCW_HALT_QUEUED] = "HALT_QUEUED",
        [VFIO_CCW_HALT_SENT] = "HALT_SENT",
        [VFIO_CCW_HALT_ACTIVE] = "HALT_ACTIVE",
        [VFIO_CCW_CLEAR_QUEUED] = "CLEAR_QUEUED",
        [VFIO_CCW_CLEAR_SENT] = "CLEAR_SENT",
        [VFIO_CCW_CLEAR_ACTIVE] = "CLEAR_ACTIVE",
        [VFIO_CCW_QUIESCING_HALT] = "QUIESCING_HALT",
        [VFIO_CCW_QUIESCING_HALT_ACTIVE] = "QUIESCING_HALT_ACTIVE",
        [VFIO_CCW_QUIESCING_CLEAR] = "QUIESCING_CLEAR",
        [VFIO_CCW_QUIESCING_CLEAR_ACTIVE] = "QUIESCING_CLEAR_ACTIVE",
        [VFIO_CCW_QUIESCING] = "QUIESCING",
    };

    return names[state];
}

const char *vfio_ccw_event_name(VFIOCCWEvent event)
{
    static const char *const names[VFIO_CCW_EV__MAX] = {
        [VFIO_CCW_EV_SSCH] = "SSCH",
        [VFIO_CCW_EV_HSCH] = "HSCH",
        [VFIO_CCW_EV_CSCH] = "CSCH",
        [VFIO_CCW_EV_XSCH] = "XSCH",
        [VFIO_CCW_EV_RSCH] = "RSCH",
        [VFIO_CCW_EV_TSCH] = "TSCH",
        [VFIO_CCW_EV_TSCH_PRIMARY] = "TSCH_PRIMARY",
        [VFIO_CCW_EV_SENT] = "SENT",
        [VFIO_CCW_EV_RETRY] = "RETRY",
        [VFIO_CCW_EV_ACCEPTED] = "ACCEPTED",
        [VFIO_CCW_EV_FAILED] = "FAILED",
        [VFIO_CCW_EV_IRB_PARTIAL] = "IRB_PARTIAL",
        [VFIO_CCW_EV_IRB_END] = "IRB_END",
        [VFIO_CCW_EV_IRB_HALT] = "IRB_HALT",
        [VFIO_CCW_EV_IRB_CLEAR] = "IRB_CLEAR",
        [VFIO_CCW_EV_IRB_LATE] = "IRB_LATE",
        [VFIO_CCW_EV_IRB_ALERT] = "IRB_ALERT",
        [VFIO_CCW_EV_SCHIB] = "SCHIB",
        [VFIO_CCW_EV_CRW] = "CRW",
        [VFIO_CCW_EV_REQ] = "REQ",
        [VFIO_CCW_EV_GONE] = "GONE",
        [VFIO_CCW_EV_RETURNED] = "RETURNED",
        [VFIO_CCW_EV_OPEN] = "OPEN",
        [VFIO_CCW_EV_CLOSE] = "CLOSE",
        [VFIO_CCW_EV_EXPIRED] = "EXPIRED",
        [VFIO_CCW_EV_QUIESCED] = "QUIESCED",
        [VFIO_CCW_EV_RESET] = "RESET",
    };

    return names[event];
}

char *vfio_ccw_fsm_describe(VFIOCCWState state, VFIOCCWEvent event)
{
    const Cell *cell = &table[state][event];

    switch (cell->kind) {
    case CELL_BUG:
        return g_strdup("-");
    case CELL_IGNORED:
        return g_strdup("ignored");
    case CELL_STALE:
        return g_strdup("stale");
    case CELL_REFUSED:
        return g_strdup_printf("cc %d", cell->cc);
    default:
        if (cell->next == VFIO_CCW_SAME || cell->next == state) {
            return g_strdup(cell->name);
        }
        return g_strdup_printf("%s, %s", cell->name,
                               vfio_ccw_state_name(cell->next));
    }
}
