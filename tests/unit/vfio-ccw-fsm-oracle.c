/*
 * vfio-ccw: an independent opinion of what its state machine has to do
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * See vfio-ccw-fsm-oracle.h. Called by test-vfio-ccw-fsm.c, in its only
 * thread.
 */

#include "qemu/osdep.h"
#include "vfio-ccw-fsm-oracle.h"

/* What of the SCSW's flags the guest said in its ORB, and what the host. */
#define FLAGS_OF_ORB (SCSW_FLAGS_MASK_KEY | SCSW_FLAGS_MASK_SCTL |           \
                      SCSW_FLAGS_MASK_FMT | SCSW_FLAGS_MASK_PFCH |           \
                      SCSW_FLAGS_MASK_ISIC | SCSW_FLAGS_MASK_ALCC |          \
                      SCSW_FLAGS_MASK_SSI)
#define FLAGS_OF_STATUS (SCSW_FLAGS_MASK_ESWF | SCSW_FLAGS_MASK_CC |         \
                         SCSW_FLAGS_MASK_ZCC | SCSW_FLAGS_MASK_ECTL |        \
                         SCSW_FLAGS_MASK_PNO)
#define ACTIVE (SCSW_ACTL_SUBCH_ACTIVE | SCSW_ACTL_DEVICE_ACTIVE)
#define OPERATIONAL (PMCW_FLAGS_MASK_DNV | PMCW_FLAGS_MASK_ENA)
#define INTERMEDIATE_ONLY (SCSW_STCTL_INTERMEDIATE | SCSW_STCTL_STATUS_PEND)
#define UNSOLICITED (SCSW_STCTL_ALERT | SCSW_STCTL_STATUS_PEND)

/* Facts */

static uint16_t fctl(const Oracle *o)
{
    return o->scsw.ctrl & SCSW_CTRL_MASK_FCTL;
}

static uint16_t stctl(const SCSW *scsw)
{
    return scsw->ctrl & SCSW_CTRL_MASK_STCTL;
}

static bool status_pending(const Oracle *o)
{
    return o->scsw.ctrl & SCSW_STCTL_STATUS_PEND;
}

static bool intermediate_only(const Oracle *o)
{
    return stctl(&o->scsw) == INTERMEDIATE_ONLY;
}

static bool operational(const Oracle *o)
{
    return o->side == SIDE_OPEN &&
           (o->pmcw.flags & OPERATIONAL) == OPERATIONAL;
}

static Place *newest_function(Oracle *o)
{
    Place *by_age[] = { &o->clear, &o->halt, &o->start };
    size_t i;

    for (i = 0; i < ARRAY_SIZE(by_age); i++) {
        if (*by_age[i] != PLACE_NONE) {
            return by_age[i];
        }
    }
    return NULL;
}

VFIOCCWState oracle_state(const Oracle *o)
{
    static const VFIOCCWState of_side[] = {
        [SIDE_CLOSED] = VFIO_CCW_STANDBY,
        [SIDE_OPEN] = VFIO_CCW_IDLE,
        [SIDE_HALTING] = VFIO_CCW_QUIESCING_HALT,
        [SIDE_CLEARING] = VFIO_CCW_QUIESCING_CLEAR,
        [SIDE_CLOSING] = VFIO_CCW_QUIESCING,
        [SIDE_LOST] = VFIO_CCW_NOT_OPER,
    };

    if (o->stop_taken && o->side == SIDE_HALTING) {
        return VFIO_CCW_QUIESCING_HALT_ACTIVE;
    }
    if (o->stop_taken && o->side == SIDE_CLEARING) {
        return VFIO_CCW_QUIESCING_CLEAR_ACTIVE;
    }
    if (o->side != SIDE_OPEN) {
        return of_side[o->side];
    }
    if (o->clear != PLACE_NONE) {
        return VFIO_CCW_CLEAR_QUEUED + (o->clear - PLACE_KEPT);
    }
    if (o->halt != PLACE_NONE) {
        return VFIO_CCW_HALT_QUEUED + (o->halt - PLACE_KEPT);
    }
    if (o->start != PLACE_NONE) {
        return VFIO_CCW_START_QUEUED + (o->start - PLACE_KEPT);
    }
    return of_side[SIDE_OPEN];
}

/* Status */

static void forget_status(Oracle *o)
{
    o->scsw.ctrl &= ~SCSW_CTRL_MASK_STCTL;
    o->shows_alert = false;
    memset(&o->logout, 0, sizeof(o->logout));
}

static void forget_waiting(Oracle *o)
{
    o->end.valid = false;
    o->alert.valid = false;
    o->kept.valid = false;
}

static void forget_starts(Oracle *o)
{
    o->start_at_host = false;
    o->device_end_due = false;
}

static void forget_functions(Oracle *o)
{
    o->start = o->halt = o->clear = PLACE_NONE;
}

/*
 * Status that follows other status of the same start adds to it. Behind status
 * of one that was not begun, it can be device end of the start before.
 */
static IRB added(const IRB *older, const IRB *newer)
{
    const uint16_t kept = SCSW_FLAGS_MASK_ZCC | SCSW_FLAGS_MASK_CC |
                          SCSW_FLAGS_MASK_PNO;
    const uint16_t logs = SCSW_FLAGS_MASK_ESWF | SCSW_FLAGS_MASK_ECTL;
    bool was_primary = stctl(&older->scsw) & SCSW_STCTL_PRIMARY;
    bool is_primary = stctl(&newer->scsw) & SCSW_STCTL_PRIMARY;
    IRB sum = *newer;

    /* Only primary status says how far the program got. */
    if (was_primary && !is_primary) {
        sum.scsw.cpa = older->scsw.cpa;
        sum.scsw.count = older->scsw.count;
        if (!(newer->scsw.flags & logs)) {
            sum = *older;
            sum.scsw.ctrl = newer->scsw.ctrl;
            sum.scsw.flags = newer->scsw.flags | (older->scsw.flags & logs);
            sum.scsw.dstat = newer->scsw.dstat;
            sum.scsw.cstat = newer->scsw.cstat;
        }
    }
    sum.scsw.ctrl |= stctl(&older->scsw);
    sum.scsw.ctrl |= older->scsw.ctrl & SCSW_ACTL_START_PEND;
    sum.scsw.flags |= older->scsw.flags & kept;
    sum.scsw.dstat |= older->scsw.dstat;
    sum.scsw.cstat |= older->scsw.cstat;
    return sum;
}

static void wait_behind(VFIOCCWStatus *waiting, const IRB *irb)
{
    waiting->irb = waiting->valid ? added(&waiting->irb, irb) : *irb;
    waiting->valid = true;
}

/* What the guest reads with @irb; it keeps what it knows of functions. */
static void write_scsw(Oracle *o, const IRB *irb)
{
    uint16_t functions = fctl(o);
    uint16_t of_orb = o->scsw.flags & FLAGS_OF_ORB;

    o->scsw = irb->scsw;
    o->scsw.flags &= FLAGS_OF_STATUS;
    o->scsw.flags |= of_orb;
    o->scsw.ctrl &= SCSW_CTRL_MASK_STCTL;
    /* Nothing else can be pending or active when there is status. */
    if (functions & SCSW_FCTL_START_FUNC) {
        o->scsw.ctrl |= irb->scsw.ctrl & (SCSW_ACTL_START_PEND | ACTIVE);
    }
    o->scsw.ctrl |= functions;
    o->logout = *irb;
}

static unsigned show_alert(Oracle *o, const IRB *irb)
{
    uint16_t before = o->scsw.ctrl;

    if (!operational(o)) {
        return 0;
    }
    if (status_pending(o)) {
        o->alert.irb = *irb;
        o->alert.valid = true;
        return 0;
    }
    write_scsw(o, irb);
    o->scsw.ctrl = (before & ~SCSW_CTRL_MASK_STCTL) | UNSOLICITED;
    o->shows_alert = true;
    o->host_used_paths = true;
    return VFIO_CCW_DO_INTERRUPT;
}

static unsigned show_status(Oracle *o, const IRB *irb)
{
    IRB shown = *irb;

    if (!operational(o)) {
        return 0;
    }
    if (status_pending(o) && o->shows_alert) {
        wait_behind(&o->end, irb);
        return 0;
    }
    if (status_pending(o)) {
        IRB pending = o->logout;

        pending.scsw = o->scsw;
        shown = added(&pending, irb);
        write_scsw(o, &shown);
        return 0;
    }
    write_scsw(o, &shown);
    return VFIO_CCW_DO_INTERRUPT;
}

static unsigned show_waiting(Oracle *o)
{
    if (status_pending(o)) {
        return 0;
    }
    if (o->end.valid) {
        o->end.valid = false;
        return show_status(o, &o->end.irb);
    }
    if (o->alert.valid) {
        o->alert.valid = false;
        return show_alert(o, &o->alert.irb);
    }
    return 0;
}

/* Instructions */

static Ruling refuse(int cc)
{
    return (Ruling) { .cc = cc };
}

static Ruling start_subchannel(Oracle *o, const ORB *orb)
{
    if (status_pending(o)) {
        return refuse(1);
    }
    if (fctl(o)) {
        return refuse(2);
    }
    o->orb = *orb;
    o->start = PLACE_KEPT;
    o->start_at_host = false;
    o->scsw.flags = orb->ctrl0 & FLAGS_OF_ORB;
    o->scsw.ctrl |= SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND;
    o->pmcw.intparm = orb->intparm;
    o->pmcw.lpm = orb->lpm;
    o->pmcw.pnom = 0;
    o->refused_paths = 0;
    return (Ruling) { .todo = VFIO_CCW_DO_REQUEST };
}

static Ruling halt_subchannel(Oracle *o)
{
    Ruling ruling = {
        .todo = VFIO_CCW_DO_WITHDRAW_REQUEST | VFIO_CCW_DO_REQUEST,
    };

    if (status_pending(o) && !intermediate_only(o)) {
        return refuse(1);
    }
    if (fctl(o) & (SCSW_FCTL_HALT_FUNC | SCSW_FCTL_CLEAR_FUNC)) {
        return refuse(2);
    }
    if (status_pending(o)) {
        forget_status(o);
        ruling.todo |= VFIO_CCW_DO_WITHDRAW_IRQ;
    }
    if (o->start == PLACE_KEPT) {
        o->start = PLACE_NONE;
    }
    o->halt = PLACE_KEPT;
    o->scsw.ctrl |= SCSW_FCTL_HALT_FUNC | SCSW_ACTL_HALT_PEND;
    ruling.todo |= show_waiting(o);
    return ruling;
}

/* All are operational, and none was used or found otherwise. */
static void paths_as_at_first(Oracle *o)
{
    PMCW *pmcw = &o->pmcw;

    pmcw->pnom = 0;
    pmcw->lpum = 0;
    pmcw->pom = 0xff;
    o->refused_paths = 0;
}

static Ruling clear_subchannel(Oracle *o)
{
    Ruling ruling = { .todo = VFIO_CCW_DO_WITHDRAW_IRQ };

    /* One that has not got to the host yet serves both who asked for it. */
    if (o->clear == PLACE_NONE || o->clear == PLACE_TAKEN) {
        ruling.todo |= VFIO_CCW_DO_WITHDRAW_REQUEST | VFIO_CCW_DO_REQUEST;
        forget_functions(o);
        o->clear = PLACE_KEPT;
    }
    forget_status(o);
    forget_waiting(o);
    o->scsw = (SCSW) { .ctrl = SCSW_FCTL_CLEAR_FUNC | SCSW_ACTL_CLEAR_PEND };
    paths_as_at_first(o);
    return ruling;
}

static Ruling cancel_subchannel(Oracle *o)
{
    if (status_pending(o)) {
        return refuse(1);
    }
    if (fctl(o) != SCSW_FCTL_START_FUNC || o->start != PLACE_KEPT) {
        return refuse(2);
    }
    o->start = PLACE_NONE;
    o->scsw.ctrl &= ~(SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND);
    return (Ruling) { .todo = VFIO_CCW_DO_WITHDRAW_REQUEST };
}

Ruling oracle_instruction(Oracle *o, VFIOCCWEvent event, const ORB *orb)
{
    if (!operational(o)) {
        return refuse(3);
    }
    switch (event) {
    case VFIO_CCW_EV_SSCH:
        return start_subchannel(o, orb);
    case VFIO_CCW_EV_HSCH:
        return halt_subchannel(o);
    case VFIO_CCW_EV_CSCH:
        return clear_subchannel(o);
    case VFIO_CCW_EV_XSCH:
        return cancel_subchannel(o);
    case VFIO_CCW_EV_RSCH:
        /* What could be resumed never starts: see the ORB's S bit. */
        return refuse(status_pending(o) ? 1 : 2);
    default:
        g_assert_not_reached();
    }
}

Ruling oracle_tested(Oracle *o)
{
    SCSW *scsw = &o->scsw;
    bool of_function = !o->shows_alert && !intermediate_only(o);

    if (!status_pending(o)) {
        return refuse(0);
    }
    if (of_function) {
        scsw->ctrl &= SCSW_CTRL_MASK_STCTL | ACTIVE;
        scsw->flags &= ~SCSW_FLAGS_MASK_PNO;
        o->device_end_due |= o->start_at_host;
        o->start_at_host = false;
        forget_functions(o);
    }
    if (o->shows_alert) {
        scsw->flags &= FLAGS_OF_ORB;
    }
    forget_status(o);
    return (Ruling) { .todo = VFIO_CCW_DO_WITHDRAW_IRQ | show_waiting(o) };
}

/* What became of a request */

static IRB status_irb(uint16_t flags, uint16_t ctrl, uint8_t cstat)
{
    return (IRB) {
        .scsw = { .flags = flags, .ctrl = ctrl, .cstat = cstat },
    };
}

static bool says_gone(const VFIOCCWAnswer *answer)
{
    switch (-answer->ret) {
    case EIO:
    case ENODEV:
        return answer->schib_lost;
    case ETIMEDOUT:
    case ESHUTDOWN:
        return true;
    default:
        return false;
    }
}

/* The deferred condition code for @error, or 0 where it is a check. */
static int deferred_cc(int error)
{
    switch (error) {
    case EAGAIN:
    case EBUSY:
        return 1;
    case EACCES:
    case ENODEV:
        return 3;
    default:
        return 0;
    }
}

static uint8_t check_for(int error)
{
    switch (error) {
    case EINVAL:
    case EOPNOTSUPP:
        return SCSW_CSTAT_PROG_CHECK;
    case EFAULT:
    case EPERM:
        return SCSW_CSTAT_PROT_CHECK;
    default:
        return SCSW_CSTAT_CHN_CTRL_CHK;
    }
}

static IRB failed_start(const Oracle *o, int error)
{
    uint16_t due = o->device_end_due ? SCSW_ACTL_DEVICE_ACTIVE : 0;
    int cc = deferred_cc(error);
    IRB irb;

    if (cc) {
        bool path_tried = cc == 3 && o->orb.lpm;

        return status_irb((cc << 8) | (path_tried ? SCSW_FLAGS_MASK_PNO : 0),
                          due | SCSW_ACTL_START_PEND | UNSOLICITED, 0);
    }
    irb = status_irb(0, due | UNSOLICITED | SCSW_STCTL_PRIMARY |
                     SCSW_STCTL_SECONDARY, check_for(error));
    irb.scsw.cpa = o->orb.cpa + 8;
    return irb;
}

/* It has ended, as the host's subchannel shows, but its status was lost. */
static IRB unknown_end(void)
{
    return status_irb(0, UNSOLICITED | SCSW_STCTL_PRIMARY |
                      SCSW_STCTL_SECONDARY, SCSW_CSTAT_CHN_CTRL_CHK);
}

/* Not alert alone: a program would take that for unsolicited status. */
static IRB failed_order(int error)
{
    if (deferred_cc(error) == 3) {
        return status_irb(SCSW_FLAGS_MASK_PNO, SCSW_STCTL_STATUS_PEND, 0);
    }
    return status_irb(0, UNSOLICITED | SCSW_STCTL_PRIMARY |
                      SCSW_STCTL_SECONDARY, SCSW_CSTAT_CHN_CTRL_CHK);
}

/*
 * A program may set a bit of POM that the host has as zero: it stays as long as
 * the host has nothing to add.
 */
static void take_paths(Oracle *o, PMCW from)
{
    PMCW *to = &o->pmcw;

    for (uint8_t path = 0x80; path; path >>= 1) {
        bool changed = (from.pom & path) != (o->host_paths.pom & path);
        bool found = (from.pnom & path) && !(to->pnom & path);

        if (o->host_used_paths && (changed || found)) {
            to->pom &= ~path;
            to->pom |= from.pom & path;
        }
    }
    o->host_paths = from;
    to->pim = from.pim;
    to->pam = from.pam;
    memcpy(to->chpid, from.chpid, sizeof(to->chpid));
    if (o->host_used_paths) {
        to->lpum = from.lpum;
        to->pnom = from.pnom | o->refused_paths;
    }
}

static void new_paths(Oracle *o)
{
    paths_as_at_first(o);
    o->host_used_paths = false;
    take_paths(o, o->host_paths);
}

/* With N, a path of the ORB's is in PNOM: an installed one, if there is any. */
static void name_a_path(Oracle *o)
{
    uint8_t lpm = o->orb.lpm;

    o->host_used_paths = true;
    if ((lpm & o->host_paths.pnom) == 0) {
        o->refused_paths = lpm & o->host_paths.pim ? lpm & o->host_paths.pim
                                                   : lpm;
    }
    take_paths(o, o->host_paths);
}

/*
 * All functions end together: at most one of them counted. A device may have
 * its own end still to present after a halt or clear.
 */
static unsigned end_functions(Oracle *o, const IRB *irb)
{
    o->leftover_due |= o->halt != PLACE_NONE || o->clear != PLACE_NONE;
    forget_functions(o);
    forget_starts(o);
    return show_status(o, irb);
}

/* Start pending tells the program that a halted start never began. */
static IRB of_halted_start(const Oracle *o, const IRB *irb)
{
    IRB told = *irb;

    told.scsw.ctrl &= ~SCSW_ACTL_HALT_PEND;
    if (!o->start_at_host) {
        told.scsw.ctrl |= o->scsw.ctrl & SCSW_ACTL_START_PEND;
    }
    return told;
}

/* A start that has not ended ends with its halt, whatever it has shown. */
static unsigned end_halt(Oracle *o, const IRB *irb)
{
    IRB shown = of_halted_start(o, irb);

    if (o->kept.valid) {
        shown = o->start_at_host ? added(&o->kept.irb, &shown) : o->kept.irb;
    }
    o->kept.valid = false;
    return end_functions(o, &shown);
}

static void zero_scsw(Oracle *o)
{
    memset(&o->scsw, 0, sizeof(o->scsw));
    forget_status(o);
    forget_waiting(o);
    forget_functions(o);
    forget_starts(o);
}

/*
 * Going offline: what the host has is halted, and cleared if that does not end
 * it in time. Linux's cio_cancel_halt_clear() has this order.
 */

static bool is_stopping(const Oracle *o)
{
    return o->side == SIDE_HALTING || o->side == SIDE_CLEARING;
}

static Ruling have_stopped(Oracle *o)
{
    o->leftover_due = true;
    o->side = SIDE_CLOSING;
    return (Ruling) { .todo = VFIO_CCW_DO_WITHDRAW_REQUEST };
}

static Ruling stop_harder(Oracle *o)
{
    if (o->side == SIDE_CLEARING) {
        return have_stopped(o);
    }
    o->side = SIDE_CLEARING;
    o->stop_taken = false;
    return (Ruling) {
        .todo = VFIO_CCW_DO_WITHDRAW_REQUEST | VFIO_CCW_DO_REQUEST,
    };
}

/* Nothing but the end of what was accepted last says that all has ended. */
static Ruling status_while_stopping(Oracle *o, const SCSW *scsw, bool idle)
{
    bool clears = scsw->ctrl & SCSW_FCTL_CLEAR_FUNC;
    bool halts = !clears && scsw->ctrl & SCSW_FCTL_HALT_FUNC;

    if (o->stop_taken && (idle || (o->side == SIDE_HALTING ? halts : clears))) {
        return have_stopped(o);
    }
    return (Ruling) { .stale = true };
}

static Ruling lose_device(Oracle *o)
{
    if (is_stopping(o)) {
        have_stopped(o);
        return (Ruling) {
            .todo = VFIO_CCW_DO_WITHDRAW_REQUEST | VFIO_CCW_DO_GIVE_UP_HOST,
        };
    }
    if (o->side != SIDE_OPEN) {
        return refuse(0);
    }
    zero_scsw(o);
    o->leftover_due = true;
    o->side = SIDE_LOST;
    o->pmcw.flags &= ~OPERATIONAL;
    return (Ruling) {
        .todo = VFIO_CCW_DO_GIVE_UP_HOST | VFIO_CCW_DO_WITHDRAW_IRQ |
                VFIO_CCW_DO_REPORT,
    };
}

Ruling oracle_progress(Oracle *o, VFIOCCWEvent event, uint32_t request)
{
    Place *function = newest_function(o);

    if (is_stopping(o) && request == o->request) {
        return refuse(0);
    }
    if (o->side != SIDE_OPEN || request != o->request || !function) {
        return (Ruling) { .stale = true };
    }
    *function = event == VFIO_CCW_EV_SENT ? PLACE_GOING : PLACE_KEPT;
    if (function == &o->start) {
        o->start_at_host = event == VFIO_CCW_EV_SENT;
    }
    return refuse(0);
}

Ruling oracle_answered(Oracle *o, const VFIOCCWAnswer *answer)
{
    Place *function = newest_function(o);
    Ruling ruling = { 0 };
    IRB irb;

    if (says_gone(answer)) {
        return lose_device(o);
    }
    /* A halt or clear has overtaken the start, which the host refuses. */
    if (answer->ret && answer->request == o->start_request &&
        answer->request != o->request) {
        o->start_at_host = false;
    }
    if (is_stopping(o) && answer->request == o->request) {
        o->stop_taken = !answer->ret;
        return answer->ret ? stop_harder(o) : refuse(0);
    }
    if (o->side != SIDE_OPEN || answer->request != o->request || !function) {
        return (Ruling) { .stale = true };
    }
    if (!answer->ret) {
        o->host_used_paths = true;
        /* Start pending stays: nobody says when the first command ran. */
        *function = PLACE_TAKEN;
        return ruling;
    }
    if (function == &o->start) {
        irb = failed_start(o, -answer->ret);
        if (irb.scsw.flags & SCSW_FLAGS_MASK_PNO) {
            name_a_path(o);
        }
        o->start = PLACE_NONE;
        o->start_at_host = false;
        ruling.todo = show_status(o, &irb);
        return ruling;
    }
    irb = failed_order(-answer->ret);
    ruling.todo = function == &o->halt ? end_halt(o, &irb)
                                       : end_functions(o, &irb);
    return ruling;
}

/* Interrupts */

/* Secondary status of a start whose primary status is no longer there. */
static bool is_secondary_alone(const SCSW *scsw)
{
    return (scsw->ctrl & (SCSW_STCTL_PRIMARY | SCSW_STCTL_SECONDARY |
                          SCSW_FCTL_START_FUNC)) == SCSW_STCTL_SECONDARY;
}

/*
 * The host's channel subsystem was told by somebody else to halt this start: it
 * did not end by itself, and not as the program wanted it.
 */
static Ruling cut_off(Oracle *o, const IRB *irb)
{
    IRB told = *irb;

    told.scsw.ctrl = UNSOLICITED | SCSW_STCTL_PRIMARY | SCSW_STCTL_SECONDARY;
    told.scsw.cstat |= SCSW_CSTAT_INTF_CTRL_CHK;
    return (Ruling) { .todo = end_functions(o, &told) };
}

/* An earlier halt may have an IRB that is late: the host has to confirm it. */
static Ruling halt_status(Oracle *o, const IRB *irb, bool confirmed)
{
    if (o->halt == PLACE_NONE && o->clear == PLACE_NONE && confirmed &&
        o->start == PLACE_TAKEN && (irb->scsw.ctrl & SCSW_FCTL_START_FUNC)) {
        o->device_end_due = false;
        o->leftover_due = false;
        return cut_off(o, irb);
    }
    if (o->halt != PLACE_TAKEN) {
        return (Ruling) { .stale = true };
    }
    return (Ruling) { .todo = end_halt(o, irb) };
}

static Ruling clear_status(Oracle *o, const IRB *irb)
{
    IRB alone = status_irb(0, SCSW_STCTL_STATUS_PEND, 0);

    if (o->clear != PLACE_TAKEN) {
        return (Ruling) { .stale = true };
    }
    return (Ruling) { .todo = end_functions(o, &alone) };
}

/* Device end of an earlier start: it kept the new one from starting. */
static Ruling kept_by_late_status(Oracle *o, const IRB *irb)
{
    IRB deferred = *irb;

    deferred.scsw.flags = (deferred.scsw.flags & ~SCSW_FLAGS_MASK_CC) |
                          (1 << 8);
    deferred.scsw.ctrl |= SCSW_ACTL_START_PEND | UNSOLICITED;
    return (Ruling) {
        .todo = VFIO_CCW_DO_WITHDRAW_REQUEST | end_functions(o, &deferred),
    };
}

/*
 * Device end of an earlier start, but the host began the new one meanwhile. It
 * says nothing of the new one: neither that it ended nor that it was halted.
 */
static Ruling late_status_of_nothing(Oracle *o, const IRB *irb)
{
    IRB alert = *irb;

    alert.scsw.ctrl = UNSOLICITED;
    return (Ruling) { .todo = show_alert(o, &alert) };
}

/* Status of a start that is being halted. */
static Ruling halted_start_status(Oracle *o, const IRB *irb, bool ends)
{
    IRB told = of_halted_start(o, irb);

    if (!ends && o->start_at_host && stctl(&irb->scsw) != INTERMEDIATE_ONLY) {
        wait_behind(&o->kept, &told);
    }
    if (!ends) {
        return refuse(0);
    }
    if (o->halt == PLACE_KEPT) {
        return (Ruling) {
            .todo = VFIO_CCW_DO_WITHDRAW_REQUEST | end_halt(o, irb),
        };
    }
    wait_behind(&o->kept, &told);
    forget_starts(o);
    return refuse(0);
}

static bool has_newest(const Oracle *o)
{
    return o->start_at_host && o->clear == PLACE_NONE &&
           (o->halt != PLACE_NONE || o->start == PLACE_TAKEN);
}

static bool is_awaited(Oracle *o)
{
    Place *function = newest_function(o);

    return o->side == SIDE_OPEN && function && *function == PLACE_TAKEN;
}

/* Status of a start that is not secondary status alone */
static Ruling start_status(Oracle *o, const IRB *irb, bool ends)
{
    o->device_end_due = false;
    o->leftover_due = false;
    if (o->halt != PLACE_NONE) {
        return halted_start_status(o, irb, ends);
    }
    return (Ruling) {
        .todo = ends ? end_functions(o, irb) : show_status(o, irb),
    };
}

/*
 * The host does nothing any more, but what tells of the end is not there. How a
 * start ended the guest has to know; its own status may still come.
 */
static Ruling lost_end(Oracle *o)
{
    IRB unknown = unknown_end();
    IRB halted = status_irb(0, SCSW_FCTL_HALT_FUNC | SCSW_STCTL_STATUS_PEND, 0);
    IRB cleared = status_irb(0, SCSW_STCTL_STATUS_PEND, 0);
    Ruling ruling;

    if (o->clear != PLACE_NONE) {
        return clear_status(o, &cleared);
    }
    if (o->halt == PLACE_TAKEN) {
        return halt_status(o, &halted, false);
    }
    ruling = start_status(o, &unknown, true);
    o->leftover_due = true;
    return ruling;
}

/* Nobody has asked for it: whatever is in progress goes on, if it does. */
static Ruling alert_status(Oracle *o, const IRB *irb, bool idle)
{
    Ruling ruling = { 0 };

    if (idle && is_awaited(o)) {
        ruling = lost_end(o);
    } else {
        o->device_end_due &= !has_newest(o);
    }
    ruling.todo |= show_alert(o, irb);
    return ruling;
}

/* Secondary status alone, after a start that the guest knows to be over */
static Ruling late_status(Oracle *o, const IRB *irb)
{
    if (o->clear != PLACE_NONE) {
        return (Ruling) { .stale = true };
    }
    if (o->halt != PLACE_NONE) {
        return halted_start_status(o, irb, true);
    }
    if (o->start == PLACE_GOING) {
        return (Ruling) { .stale = true };
    }
    if (o->start == PLACE_KEPT) {
        return kept_by_late_status(o, irb);
    }
    o->scsw.ctrl &= ~SCSW_ACTL_DEVICE_ACTIVE;
    return (Ruling) { .todo = end_functions(o, irb) };
}

/*
 * A device takes no program before it has got rid of the device end of the one
 * before. So where it has the newest start, that device end was there first: it
 * is what the host shows first, or has been lost there. The same of a program
 * that a reset, halt or clear has put an end to, but nobody wants to know.
 */
static Ruling secondary_alone(Oracle *o, const IRB *irb, bool idle)
{
    bool due = o->device_end_due;
    bool leftover = o->leftover_due;
    bool signalled = o->halt == PLACE_TAKEN || o->clear == PLACE_TAKEN;

    o->device_end_due = false;
    o->leftover_due = false;
    if (signalled && idle) {
        Ruling kept = { 0 };

        if (due && o->halt == PLACE_TAKEN && !has_newest(o)) {
            kept = late_status(o, irb);
        }
        kept.todo |= lost_end(o).todo;
        return kept;
    }
    if (!has_newest(o)) {
        return due ? late_status(o, irb) : (Ruling) { .stale = true };
    }
    if (!due && !leftover) {
        return start_status(o, irb, true);
    }
    if (idle) {
        IRB unknown = unknown_end();
        Ruling ruling = start_status(o, &unknown, true);

        o->leftover_due = true;
        return ruling;
    }
    return due ? late_status_of_nothing(o, irb) : (Ruling) { .stale = true };
}

static Ruling status_of_function(Oracle *o, const IRB *irb, bool idle,
                                 bool schib)
{
    uint16_t ctrl = irb->scsw.ctrl;
    Ruling ruling = { .stale = true };

    if (ctrl & SCSW_FCTL_CLEAR_FUNC) {
        ruling = clear_status(o, irb);
    } else if (ctrl & SCSW_FCTL_HALT_FUNC) {
        ruling = halt_status(o, irb, schib);
    } else if (has_newest(o)) {
        return start_status(o, irb, !(ctrl & ACTIVE));
    }
    return ruling.stale && idle && is_awaited(o) ? lost_end(o) : ruling;
}

Ruling oracle_irb(Oracle *o, const IRB *irb, bool host_idle, bool schib)
{
    const SCSW *scsw = &irb->scsw;
    bool unsolicited = !(scsw->flags & SCSW_FLAGS_MASK_CC) &&
                       stctl(scsw) == UNSOLICITED;
    bool late = !unsolicited && is_secondary_alone(scsw) &&
                !(scsw->ctrl & SCSW_CTRL_MASK_FCTL);

    if (!(scsw->ctrl & SCSW_STCTL_STATUS_PEND)) {
        return (Ruling) { .stale = true };
    }
    if (o->side != SIDE_OPEN) {
        o->leftover_due &= !late;
        return is_stopping(o) ? status_while_stopping(o, scsw, host_idle)
                              : (Ruling) { .stale = true };
    }
    if (unsolicited) {
        return alert_status(o, irb, host_idle);
    }
    if (late) {
        return secondary_alone(o, irb, host_idle);
    }
    return status_of_function(o, irb, host_idle, schib);
}

/* The device as a whole, and QEMU */

Ruling oracle_schib(Oracle *o, const SCHIB *schib)
{
    if (o->side == SIDE_OPEN || o->side == SIDE_CLOSED ||
        o->side == SIDE_LOST) {
        take_paths(o, schib->pmcw);
    }
    return refuse(0);
}

static Ruling reset_subchannel(Oracle *o)
{
    if (o->side == SIDE_LOST) {
        o->pmcw.flags &= ~OPERATIONAL;
        return (Ruling) {
            .todo = VFIO_CCW_DO_GIVE_UP_HOST | VFIO_CCW_DO_WITHDRAW_IRQ,
        };
    }
    if (is_stopping(o) || o->side == SIDE_CLOSING) {
        o->pmcw.flags &= ~OPERATIONAL;
        return refuse(0);
    }
    if (o->side != SIDE_OPEN) {
        return refuse(0);
    }
    zero_scsw(o);
    o->leftover_due = true;
    new_paths(o);
    o->pmcw.lpm = o->pmcw.pim;
    return (Ruling) {
        .todo = VFIO_CCW_DO_WITHDRAW_REQUEST | VFIO_CCW_DO_WITHDRAW_IRQ |
                VFIO_CCW_DO_RESET_HOST,
    };
}

static Ruling open_side(Oracle *o, Side from)
{
    if (o->side != from) {
        return refuse(0);
    }
    o->side = SIDE_OPEN;
    o->pmcw.flags |= PMCW_FLAGS_MASK_DNV;
    new_paths(o);
    return (Ruling) { .todo = VFIO_CCW_DO_REPORT };
}

/* Only what the host may have seen has to be stopped there. */
static Ruling close_side(Oracle *o)
{
    const unsigned hidden = VFIO_CCW_DO_WITHDRAW_IRQ | VFIO_CCW_DO_REPORT;
    bool clears = o->clear != PLACE_NONE;
    bool halts = o->halt != PLACE_NONE;
    bool starts = o->start == PLACE_GOING || o->start == PLACE_TAKEN;

    if (o->side != SIDE_OPEN) {
        return refuse(0);
    }
    o->stop_taken = clears ? o->clear == PLACE_TAKEN : o->halt == PLACE_TAKEN;
    zero_scsw(o);
    o->pmcw.flags &= ~OPERATIONAL;
    o->side = clears ? SIDE_CLEARING : halts || starts ? SIDE_HALTING
                                                       : SIDE_CLOSING;
    if (!is_stopping(o)) {
        return (Ruling) { .todo = hidden | VFIO_CCW_DO_WITHDRAW_REQUEST };
    }
    return (Ruling) {
        .todo = hidden | (halts || clears ? 0 : VFIO_CCW_DO_REQUEST),
    };
}

Ruling oracle_event(Oracle *o, VFIOCCWEvent event)
{
    bool in_use = o->side == SIDE_OPEN;

    switch (event) {
    case VFIO_CCW_EV_CRW:
        return (Ruling) {
            .todo = o->side == SIDE_OPEN ? VFIO_CCW_DO_RELAY_CRW : 0,
        };
    case VFIO_CCW_EV_REQ:
        return (Ruling) { .todo = in_use ? VFIO_CCW_DO_UNPLUG : 0 };
    case VFIO_CCW_EV_GONE:
        return lose_device(o);
    case VFIO_CCW_EV_RETURNED:
        return open_side(o, SIDE_LOST);
    case VFIO_CCW_EV_OPEN:
        return open_side(o, SIDE_CLOSED);
    case VFIO_CCW_EV_CLOSE:
        return close_side(o);
    case VFIO_CCW_EV_EXPIRED:
        return is_stopping(o) ? stop_harder(o) : refuse(0);
    case VFIO_CCW_EV_QUIESCED:
        o->side = SIDE_CLOSED;
        return (Ruling) { .todo = VFIO_CCW_DO_WITHDRAW_REQUEST };
    case VFIO_CCW_EV_RESET:
        return reset_subchannel(o);
    default:
        g_assert_not_reached();
    }
}

void oracle_init(Oracle *o)
{
    memset(o, 0, sizeof(*o));
    o->side = SIDE_CLOSED;
    o->leftover_due = true; /* whoever used the device before may have left */
}
