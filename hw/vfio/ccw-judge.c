/*
 * vfio-ccw: which function does this IRB end?
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Linux's driver has one place for an IRB. It copies an IRB there some time
 * after it has taken it from the subchannel (TSCH), and then signals. So:
 *
 *   overwritten   a newer IRB takes the place of one that nobody has read, and
 *                 an end may be lost
 *   repeated      a signal comes for an IRB that was read for an earlier one,
 *                 even after the next start was accepted
 *   leftover      an IRB of before a reset is copied after it
 *   in order      but an IRB never takes the place of a newer one, and nothing
 *                 is lost without a newer one
 *   taken         the host accepts a start only when it has taken the status of
 *                 all that was before
 *
 * The bytes of an IRB do not tell a repeated or leftover end from one of the
 * newest start. The host's SCHIB does: if it shows the function in progress,
 * or status pending for it, then another IRB is certain to come. If it shows
 * nothing in progress, the function is over, whatever the IRB is that made us
 * look. Read after the SCHIB, the IRB is the same, or the end has replaced it
 * meanwhile, which has a signal of its own.
 *
 * One moment is left: when the end was taken and is not copied yet, the SCHIB
 * shows nothing in progress and the place has the IRB of before. In Linux it is
 * microseconds long.
 *
 * Called by ccw-fsm.c, with the BQL held, and by its unit test.
 */

#include "qemu/osdep.h"
#include "hw/vfio/ccw-irb.h"
#include "hw/vfio/ccw-judge.h"

#define ACTIVE (SCSW_ACTL_SUBCH_ACTIVE | SCSW_ACTL_DEVICE_ACTIVE)

/* The columns of the table are sets. */
#define ANY 0xff

/* What the IRB claims to be */
#define PARTIAL    (1 << VFIO_CCW_OF_START_PARTIAL)
#define END        (1 << VFIO_CCW_OF_START_END)
#define HALTED     (1 << VFIO_CCW_OF_HALT)
#define CLEARED    (1 << VFIO_CCW_OF_CLEAR)
#define DEVICE_END (1 << VFIO_CCW_OF_DEVICE)
#define ALERT      (1 << VFIO_CCW_OF_NOTHING)
#define CUT_SHORT  (1 << 6)  /* HALTED, and the start function is indicated */

/* What the host has accepted, and its end was not seen */
#define START   (1 << VFIO_CCW_FN_START)
#define HALT    (1 << VFIO_CCW_FN_HALT)
#define CLEAR   (1 << VFIO_CCW_FN_CLEAR)
#define NOTHING (1 << VFIO_CCW_FN__MAX)
#define A_FUNCTION (START | HALT | CLEAR)

/* The newest start */
#define MAY_END  (1 << true)
#define NOT_OUT  (1 << false)

/* The device end of an earlier one */
#define NOT_DUE  (1 << VFIO_CCW_DUE_NO)
#define DELIVER  (1 << VFIO_CCW_DUE_DELIVER)
#define DISCARD  (1 << VFIO_CCW_DUE_DISCARD | 1 << VFIO_CCW_DUE_DISCARD_ALL)

/* Can it be older than the newest start? */
#define FRESH    (1 << false)
#define DOUBTFUL (1 << true)

/* What the host's SCHIB shows */
#define UNREAD   (1 << 0)
#define UNKNOWN  (1 << 1)
#define AT_WORK  (1 << 2)    /* on the function that the IRB claims to end */
#define ON_OTHER (1 << 3)    /* on something else: the device is active, say */
#define IDLE     (1 << 4)

typedef enum Decision {
    DROP,            /* it is of something that is over */
    READ_SCHIB,      /* that will tell */
    TAKE,            /* it is what it claims to be */
    TAKE_AS_ALERT,   /* device end of an earlier start, past the newest one */
    /* These count if the IRB is still there after the SCHIB was read. */
    TAKE_IF_STILL,
    START_IS_LOST,   /* the end of the newest start was overwritten */
    END_IS_LOST,     /* ... of the function that is awaited */
    TAKE_THEN_LOST,  /* both: first this, then the end */
    LOST_THEN_TAKE,  /* both: first the end, then this; if not still, this */
} Decision;

typedef struct Rule {
    unsigned irb;
    unsigned awaited;
    unsigned start;
    unsigned due;
    unsigned doubt;
    unsigned host;
    Decision decision;
} Rule;

/* The first rule that fits decides. */
static const Rule rules[] = {
/* IRB             awaited      start    due       doubt     host */

/* The newest start's own status; in the common case nothing else is read. */
{ PARTIAL | END,   ANY,         MAY_END, ANY,      FRESH,    ANY,
  TAKE },
/* Repeated or leftover, if the host is AT_WORK; or it just looks like that. */
{ PARTIAL | END,   ANY,         MAY_END, ANY,      DOUBTFUL, UNREAD,
  READ_SCHIB },
{ PARTIAL | END,   ANY,         MAY_END, ANY,      DOUBTFUL, UNKNOWN,
  TAKE },
{ PARTIAL | END,   ANY,         MAY_END, ANY,      DOUBTFUL, ON_OTHER | IDLE,
  TAKE_IF_STILL },

/* Device end alone. No start is out: the guest waits for it, or nobody does. */
{ DEVICE_END,      NOTHING,     NOT_OUT, DELIVER,  ANY,      ANY,
  TAKE },
{ DEVICE_END,      NOTHING,     NOT_OUT, ANY,      ANY,      ANY,
  DROP },
/* It can only be the newest start's: its channel end was overwritten. */
{ DEVICE_END,      START | NOTHING,
                                MAY_END, NOT_DUE,  FRESH,    ANY,
  TAKE },
{ DEVICE_END,      ANY,         ANY,     ANY,      ANY,      UNREAD,
  READ_SCHIB },
{ DEVICE_END,      ANY,         MAY_END, NOT_DUE,  DOUBTFUL, AT_WORK,
  DROP },
{ DEVICE_END,      START | NOTHING,
                                MAY_END, NOT_DUE,  DOUBTFUL, ON_OTHER | IDLE,
  TAKE_IF_STILL },
/* An earlier start's, or the newest's, whose channel end was overwritten. */
{ DEVICE_END,      START | NOTHING,
                                MAY_END, DELIVER | DISCARD,
                                                   ANY,      IDLE,
  START_IS_LOST },
/* It, or the end that it followed, has overwritten that of a halt or clear. */
{ DEVICE_END,      HALT,        NOT_OUT, DELIVER,  ANY,      IDLE,
  TAKE_THEN_LOST },
{ DEVICE_END,      HALT | CLEAR,
                                ANY,     ANY,      ANY,      IDLE,
  END_IS_LOST },
{ DEVICE_END,      ANY,         MAY_END, DELIVER,  ANY,      ANY,
  TAKE_AS_ALERT },
{ DEVICE_END,      ANY,         MAY_END, NOT_DUE,  ANY,      ANY,
  TAKE },
{ DEVICE_END,      HALT,        NOT_OUT, DELIVER,  ANY,      ANY,
  TAKE },

/* Unsolicited; repeated or a second one: nobody can tell. */
{ ALERT,           NOTHING,     ANY,     ANY,      ANY,      ANY,
  TAKE },
{ ALERT,           A_FUNCTION,  ANY,     ANY,      ANY,      UNREAD,
  READ_SCHIB },
/* It has overwritten the end of what was awaited. */
{ ALERT,           A_FUNCTION,  ANY,     ANY,      ANY,      IDLE,
  LOST_THEN_TAKE },
{ ALERT,           A_FUNCTION,  ANY,     ANY,      ANY,      ANY,
  TAKE },

/* All ends of a clear look alike, and most of those of a halt: as above. */
{ HALTED | CUT_SHORT,
                   HALT,        ANY,     ANY,      ANY,      UNKNOWN,
  TAKE },
{ HALTED | CUT_SHORT,
                   HALT,        ANY,     ANY,      ANY,      ON_OTHER | IDLE,
  TAKE_IF_STILL },
{ CLEARED,         CLEAR,       ANY,     ANY,      ANY,      UNKNOWN,
  TAKE },
{ CLEARED,         CLEAR,       ANY,     ANY,      ANY,      ON_OTHER | IDLE,
  TAKE_IF_STILL },
/* Linux halts a start whose path is taken away; or an earlier halt's end. */
{ CUT_SHORT,       START,       ANY,     ANY,      ANY,      ON_OTHER | IDLE,
  TAKE_IF_STILL },

/* It is stale: an earlier function's, or it may have overwritten an end. */
{ ANY,             A_FUNCTION,  ANY,     ANY,      ANY,      UNREAD,
  READ_SCHIB },
{ ANY,             A_FUNCTION,  ANY,     ANY,      ANY,      IDLE,
  END_IS_LOST },
{ ANY,             ANY,         ANY,     ANY,      ANY,      ANY,
  DROP },
};

/* Linux: vfio_ccw_sch_io_todo() tells unsolicited and final apart like this. */
VFIOCCWStatusOf vfio_ccw_status_of(const SCSW *scsw)
{
    uint16_t stctl = scsw->ctrl & SCSW_CTRL_MASK_STCTL;

    if (!(scsw->flags & SCSW_FLAGS_MASK_CC) &&
        stctl == (SCSW_STCTL_ALERT | SCSW_STCTL_STATUS_PEND)) {
        return VFIO_CCW_OF_NOTHING;
    }
    if (scsw->ctrl & SCSW_FCTL_CLEAR_FUNC) {
        return VFIO_CCW_OF_CLEAR;
    }
    if (scsw->ctrl & SCSW_FCTL_HALT_FUNC) {
        return VFIO_CCW_OF_HALT;
    }
    if ((stctl & SCSW_STCTL_SECONDARY) && !(stctl & SCSW_STCTL_PRIMARY) &&
        !(scsw->ctrl & SCSW_FCTL_START_FUNC)) {
        return VFIO_CCW_OF_DEVICE;
    }
    return scsw->ctrl & ACTIVE ? VFIO_CCW_OF_START_PARTIAL
                               : VFIO_CCW_OF_START_END;
}

static unsigned claim_of(const SCSW *scsw)
{
    VFIOCCWStatusOf of = vfio_ccw_status_of(scsw);

    if (of == VFIO_CCW_OF_HALT && (scsw->ctrl & SCSW_FCTL_START_FUNC)) {
        return CUT_SHORT;
    }
    return 1 << of;
}

/* A program can interrupt twice with the same IRB. */
static bool is_intermediate(const SCSW *scsw)
{
    return (scsw->ctrl & SCSW_CTRL_MASK_STCTL) ==
           (SCSW_STCTL_INTERMEDIATE | SCSW_STCTL_STATUS_PEND);
}

static bool is_doubtful(const VFIOCCWExpected *x, const VFIOCCWEvidence *e)
{
    return x->device_end_due == VFIO_CCW_DUE_DISCARD_ALL ||
           (e->repeated && !is_intermediate(&e->irb.scsw));
}

/* Device end alone comes when the start function is not indicated any more. */
static uint16_t function_ended_by(unsigned claim, const SCSW *scsw)
{
    return claim == DEVICE_END ? SCSW_FCTL_START_FUNC
                               : scsw->ctrl & SCSW_CTRL_MASK_FCTL;
}

static unsigned host_of(unsigned claim, const VFIOCCWEvidence *e)
{
    switch (e->schib) {
    case VFIO_CCW_SCHIB_UNREAD:
        return UNREAD;
    case VFIO_CCW_SCHIB_NONE:
        return UNKNOWN;
    default:
        break;
    }
    if (e->host_ctrl & function_ended_by(claim, &e->irb.scsw)) {
        return AT_WORK;
    }
    return e->host_ctrl & (SCSW_CTRL_MASK_FCTL | SCSW_CTRL_MASK_ACTL |
                           SCSW_STCTL_SECONDARY) ? ON_OTHER : IDLE;
}

static Decision decide(const VFIOCCWExpected *x, const VFIOCCWEvidence *e,
                       unsigned claim)
{
    /* What was read before a halt or clear was sent says nothing of that. */
    unsigned awaited = e->overtaken ? NOTHING : 1 << x->function;
    unsigned start = 1 << x->start_may_end;
    unsigned due = 1 << x->device_end_due;
    unsigned doubt = 1 << is_doubtful(x, e);
    unsigned host = host_of(claim, e);
    const Rule *rule = rules;

    while (!(rule->irb & claim && rule->awaited & awaited &&
             rule->start & start && rule->due & due && rule->doubt & doubt &&
             rule->host & host)) {
        rule++;
    }
    return rule->decision;
}

/* The IRB is not what was there when the SCHIB was read. */
static Decision unless_still(Decision decision)
{
    switch (decision) {
    case TAKE_IF_STILL:
    case START_IS_LOST:
    case END_IS_LOST:
    case TAKE_THEN_LOST:
        return DROP; /* the newer one is for the next signal */
    case LOST_THEN_TAKE:
        return TAKE;
    default:
        return decision;
    }
}

static void find(VFIOCCWRuling *ruling, VFIOCCWStatusOf of, IRB irb)
{
    ruling->finding[ruling->nr++] = (VFIOCCWFinding) { .of = of, .irb = irb };
}

/* How it ended is not known; its end may come yet, and is stale then. */
static void find_lost_start(VFIOCCWRuling *ruling)
{
    find(ruling, VFIO_CCW_OF_START_END, vfio_ccw_irb_of_lost_end());
    ruling->device_end_due = VFIO_CCW_DUE_DISCARD_ALL;
}

/* Of a halt or clear, it is enough to know that it has ended. */
static void find_lost_end(VFIOCCWRuling *ruling, VFIOCCWFunction function)
{
    bool halt = function == VFIO_CCW_FN_HALT;

    if (function == VFIO_CCW_FN_START) {
        find_lost_start(ruling);
        return;
    }
    find(ruling, halt ? VFIO_CCW_OF_HALT : VFIO_CCW_OF_CLEAR, (IRB) {
        .scsw.ctrl = SCSW_STCTL_STATUS_PEND |
                     (halt ? SCSW_FCTL_HALT_FUNC : SCSW_FCTL_CLEAR_FUNC),
    });
}

/*
 * A device takes no program before it has presented the device end of the one
 * before. So where the host has accepted the newest start, what was due came
 * first, or was overwritten. After a reset an alert proves nothing: the host
 * may accept the newest start before it copies what it took before that.
 */
static VFIOCCWDeviceEndDue due_after(const VFIOCCWExpected *x,
                                     const VFIOCCWEvidence *e, unsigned claim,
                                     Decision decision)
{
    bool device_end = claim == DEVICE_END && !e->repeated &&
                      e->again != VFIO_CCW_AGAIN_CHANGED;
    bool proof = decision != DROP && x->start_may_end &&
                 (claim != ALERT || x->device_end_due == VFIO_CCW_DUE_DELIVER);

    return device_end || proof ? VFIO_CCW_DUE_NO : x->device_end_due;
}

static IRB as_alert(const IRB *irb)
{
    IRB alert = *irb;

    alert.scsw.flags &= ~SCSW_FLAGS_MASK_CC;
    alert.scsw.ctrl = SCSW_STCTL_ALERT | SCSW_STCTL_STATUS_PEND;
    return alert;
}

static void carry_out(VFIOCCWRuling *ruling, Decision decision,
                      const VFIOCCWExpected *x, const IRB *irb)
{
    VFIOCCWStatusOf of = vfio_ccw_status_of(&irb->scsw);

    switch (decision) {
    case TAKE:
    case TAKE_IF_STILL:
        find(ruling, of, *irb);
        break;
    case TAKE_AS_ALERT:
        find(ruling, VFIO_CCW_OF_NOTHING, as_alert(irb));
        break;
    case START_IS_LOST:
        find_lost_start(ruling);
        break;
    case END_IS_LOST:
        find_lost_end(ruling, x->function);
        break;
    case TAKE_THEN_LOST:
        find(ruling, of, *irb);
        find_lost_end(ruling, x->function);
        break;
    case LOST_THEN_TAKE:
        find_lost_end(ruling, x->function);
        find(ruling, of, *irb);
        break;
    default:
        break;
    }
}

VFIOCCWRuling vfio_ccw_judge(const VFIOCCWExpected *x, const VFIOCCWEvidence *e)
{
    VFIOCCWRuling ruling = { .device_end_due = x->device_end_due };
    unsigned claim = claim_of(&e->irb.scsw);
    Decision decision = DROP;

    if (e->irb.scsw.ctrl & SCSW_STCTL_STATUS_PEND) {
        decision = decide(x, e, claim);
    }
    if (decision == READ_SCHIB) {
        ruling.next = VFIO_CCW_READ_SCHIB;
        return ruling;
    }
    if (unless_still(decision) != decision) {
        if (e->again == VFIO_CCW_AGAIN_UNREAD) {
            ruling.next = VFIO_CCW_READ_IRB;
            return ruling;
        }
        if (e->again == VFIO_CCW_AGAIN_CHANGED) {
            decision = unless_still(decision);
        }
    }
    ruling.device_end_due = due_after(x, e, claim, decision);
    carry_out(&ruling, decision, x, &e->irb);
    return ruling;
}
