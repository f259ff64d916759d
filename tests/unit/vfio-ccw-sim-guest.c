/*
 * Simulation of vfio-ccw: the guest, and what it must see
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The guest issues channel I/O instructions, sensible or not, and remembers
 * what it was promised; each status that it takes must be the end of what it
 * began. Here is also what stands for ccw.c and the channel subsystem core:
 * the doors of the state machine, and what its verdicts ask for.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "vfio-ccw-sim.h"

#define CE_DE (SCSW_DSTAT_CHANNEL_END | SCSW_DSTAT_DEVICE_END)
#define OPERATIONAL (PMCW_FLAGS_MASK_DNV | PMCW_FLAGS_MASK_ENA)

static uint16_t fctl(void)
{
    return sim.schib.scsw.ctrl & SCSW_CTRL_MASK_FCTL;
}

static bool status_pending(void)
{
    return sim.schib.scsw.ctrl & SCSW_STCTL_STATUS_PEND;
}

static bool operational(void)
{
    return (sim.schib.pmcw.flags & OPERATIONAL) == OPERATIONAL;
}

static bool intermediate_only(uint16_t ctrl)
{
    return (ctrl & SCSW_CTRL_MASK_STCTL) ==
           (SCSW_STCTL_INTERMEDIATE | SCSW_STCTL_STATUS_PEND);
}

static SimStart *newest(void)
{
    return &sim.start[sim.nr_starts];
}

/*
 * What a verdict asks for
 */

static void inject(void)
{
    if (sim.leaving) {
        sim_fail("an interrupt of a device that goes");
    }
    if (sim.irq_pending || sim.irq_taken) {
        sim_fail("a second interrupt for one status");
    }
    sim.irq_pending = true;
}

static void withdraw_irq(void)
{
    sim.irq_pending = false;
    sim.irq_taken = false;
}

static void report(const VFIOCCWVerdict *verdict)
{
    if (verdict->event == VFIO_CCW_EV_OPEN) {
        return;
    }
    if (sim.leaving && verdict->event != VFIO_CCW_EV_CLOSE) {
        sim_fail("a report of a device that goes");
    }
    if (verdict->event == VFIO_CCW_EV_RETURNED) {
        if (!(sim.schib.pmcw.flags & PMCW_FLAGS_MASK_DNV)) {
            sim_fail("the return is reported before the SCHIB shows it");
        }
        sim.reports = 0;
        return;
    }
    if (sim.schib.pmcw.flags & OPERATIONAL) {
        sim_fail("the loss is reported before the SCHIB shows it");
    }
    if (sim.reports++) {
        sim_fail("the device is reported as gone twice");
    }
}

/* What the state machine was told last that led to another state */
static VFIOCCWEvent last_event;

static void door(VFIOCCWVerdict verdict);

/* As in ccw.c */
static void tell_of_request(int ret)
{
    VFIOCCWAnswer answer = { .request = sim.fsm.request, .ret = ret };

    if (ret > 0) {
        door(vfio_ccw_fsm_progress(&sim.fsm, VFIO_CCW_EV_SENT,
                                   sim.fsm.request));
    } else if (ret < 0) {
        newest()->never_send = true;
        newest()->ret = ret;
        door(vfio_ccw_fsm_answered(&sim.fsm, &answer));
    }
}

static void carry_out(const VFIOCCWVerdict *verdict)
{
    unsigned todo = verdict->todo;
    int requested = 0;

    if (todo & VFIO_CCW_DO_GIVE_UP_HOST) {
        vfio_ccw_link_give_up(&sim.link);
        sim.function = VFIO_CCW_FN__MAX;
    }
    if (todo & VFIO_CCW_DO_WITHDRAW_REQUEST) {
        vfio_ccw_link_withdraw(&sim.link);
    }
    if (todo & VFIO_CCW_DO_WITHDRAW_IRQ) {
        withdraw_irq();
    }
    if (todo & VFIO_CCW_DO_RESET_HOST) {
        sim.life++;
        vfio_ccw_link_reset(&sim.link);
    }
    if (todo & VFIO_CCW_DO_REQUEST) {
        requested = vfio_ccw_link_request(&sim.link, verdict->function,
                                          sim.fsm.request, &sim.fsm.orb);
    }
    if (todo & VFIO_CCW_DO_INTERRUPT) {
        inject();
    }
    if (todo & VFIO_CCW_DO_REPORT) {
        report(verdict);
    }
    if (todo & VFIO_CCW_DO_UNPLUG) {
        sim.unplug_due = true; /* a job is on the stack */
    }
    if (todo & VFIO_CCW_DO_COMPLAIN) {
        sim_fail("event %s in state %s", vfio_ccw_event_name(verdict->event),
                 vfio_ccw_state_name(verdict->from));
    }
    tell_of_request(requested);
}

static void door(VFIOCCWVerdict verdict)
{
    sim_log("fsm: %s%s: %s -> %s, todo 0x%x",
            vfio_ccw_event_name(verdict.event), verdict.stale ? " (stale)" : "",
            vfio_ccw_state_name(verdict.from), vfio_ccw_state_name(verdict.to),
            verdict.todo);
    sim_note(verdict.from, verdict.event);
    if (verdict.to != verdict.from) {
        last_event = verdict.event;
    }
    carry_out(&verdict);
}

static void relay_crw(CRW crw)
{
    VFIOCCWVerdict verdict = vfio_ccw_fsm_event(&sim.fsm, VFIO_CCW_EV_CRW);

    door(verdict);
    if (!(verdict.todo & VFIO_CCW_DO_RELAY_CRW)) {
        return;
    }
    sim_log("guest: gets CRW %u", crw.rsid);
    if (sim.leaving) {
        sim_fail("a CRW through a device that goes");
    }
    if (crw.rsid != sim.last_crw + 1) {
        sim_fail("CRW %u comes after CRW %u", crw.rsid, sim.last_crw);
    }
    sim.last_crw = crw.rsid;
}

/* An answer that is an errno says nothing of the device. */
static void check_look(void)
{
    if (sim.gone_when_asked && operational() && !sim.profile.error_rate &&
        sim.link.schib_region >= 0) {
        sim_fail("QEMU looked for a device that is gone, and found it");
    }
}

/* What no host changes in the life of a device tells its byte order. */
static void check_schib(const SCHIB *schib)
{
    const PMCW *pmcw = &sim.sch.pmcw;

    if (sim.link.schib_region < 0) {
        sim_fail("the SCHIB of a host that shows none");
    }
    if (schib->pmcw.intparm != pmcw->intparm ||
        schib->pmcw.devno != pmcw->devno || schib->pmcw.mbi != pmcw->mbi ||
        schib->pmcw.chars != pmcw->chars ||
        (schib->pmcw.flags ^ pmcw->flags) & ~OPERATIONAL) {
        sim_fail("a SCHIB that is not the host's");
    }
}

static VFIOCCWRuling ask_judge(void *opaque, const VFIOCCWEvidence *evidence)
{
    VFIOCCWExpected expected = vfio_ccw_fsm_expected(&sim.fsm);

    return vfio_ccw_judge(&expected, evidence);
}

static void host_irb(const VFIOCCWEvidence *evidence)
{
    const SCSW *scsw = &evidence->irb.scsw;
    VFIOCCWVerdict verdict[VFIO_CCW_MAX_FINDINGS];
    unsigned nr;

    sim_log("link: IRB flags 0x%04x ctrl 0x%04x dstat 0x%02x count %u",
            scsw->flags, scsw->ctrl, scsw->dstat, scsw->count);
    nr = vfio_ccw_fsm_irb(&sim.fsm, evidence, verdict);
    if (nr == 2 && verdict[1].event == VFIO_CCW_EV_IRB_ALERT) {
        sim_note_overwritten(verdict[0].from);
    }
    for (unsigned i = 0; i < nr; i++) {
        door(verdict[i]);
    }
}

static void host_news(void *opaque, const VFIOCCWNews *news)
{
    VFIOCCWFsm *fsm = &sim.fsm;

    if (!sim.link.open && news->kind != VFIO_CCW_NEWS_IDLE) {
        sim_fail("news %d of a link that is closed", news->kind);
    }
    switch (news->kind) {
    case VFIO_CCW_NEWS_SENT:
        door(vfio_ccw_fsm_progress(fsm, VFIO_CCW_EV_SENT, news->request));
        break;
    case VFIO_CCW_NEWS_RETRY:
        door(vfio_ccw_fsm_progress(fsm, VFIO_CCW_EV_RETRY, news->request));
        break;
    case VFIO_CCW_NEWS_ANSWER:
        sim_log("link: the host answers %d", news->answer->ret);
        door(vfio_ccw_fsm_answered(fsm, news->answer));
        break;
    case VFIO_CCW_NEWS_IRB:
        host_irb(news->evidence);
        break;
    case VFIO_CCW_NEWS_SCHIB:
        check_schib(news->schib);
        door(vfio_ccw_fsm_schib(fsm, news->schib));
        break;
    case VFIO_CCW_NEWS_CRW:
        relay_crw(news->crw);
        break;
    case VFIO_CCW_NEWS_REQ:
        sim.gone_when_asked = sim.sch.gone;
        vfio_ccw_link_look(&sim.link);
        break;
    case VFIO_CCW_NEWS_LOOKED:
        check_look();
        door(vfio_ccw_fsm_event(fsm, VFIO_CCW_EV_REQ));
        break;
    case VFIO_CCW_NEWS_IDLE:
        if (!vfio_ccw_link_idle(&sim.link)) {
            sim_fail("idle, with %u jobs", sim.link.jobs);
        }
        break;
    case VFIO_CCW_NEWS_GONE:
        door(vfio_ccw_fsm_event(fsm, VFIO_CCW_EV_GONE));
        break;
    }
}

/*
 * Instructions
 */

static int expected_cc(VFIOCCWEvent event)
{
    uint16_t ctrl = sim.schib.scsw.ctrl;

    if (!operational()) {
        return 3;
    }
    if (event == VFIO_CCW_EV_CSCH) {
        return 0;
    }
    if (status_pending() &&
        !(event == VFIO_CCW_EV_HSCH && intermediate_only(ctrl))) {
        return 1;
    }
    switch (event) {
    case VFIO_CCW_EV_SSCH:
        return fctl() ? 2 : 0;
    case VFIO_CCW_EV_HSCH:
        return fctl() & (SCSW_FCTL_HALT_FUNC | SCSW_FCTL_CLEAR_FUNC) ? 2 : 0;
    case VFIO_CCW_EV_XSCH:
        return sim.fsm.state == VFIO_CCW_START_QUEUED ? 0 : 2;
    default:
        return 2;
    }
}

/* True: condition code 0. */
static bool instruction(VFIOCCWEvent event, const ORB *orb)
{
    const VFIOCCWFsm fsm = sim.fsm;
    const SCHIB schib = sim.schib;
    int expected = expected_cc(event);
    VFIOCCWVerdict verdict = vfio_ccw_fsm_instruction(&sim.fsm, event, orb);

    sim_log("guest: %s, cc %d", vfio_ccw_event_name(event), verdict.cc);
    if (verdict.cc != expected) {
        sim_fail("%s ends with cc %d instead of %d",
                 vfio_ccw_event_name(event), verdict.cc, expected);
    }
    if (verdict.cc) {
        if (verdict.todo || memcmp(&fsm, &sim.fsm, sizeof(fsm)) ||
            memcmp(&schib, &sim.schib, sizeof(schib))) {
            sim_fail("%s with cc %d has an effect", vfio_ccw_event_name(event),
                     verdict.cc);
        }
        sim_note(verdict.from, event);
        return false;
    }
    if (fsm.state == VFIO_CCW_START_QUEUED) {
        newest()->never_send = true;
    }
    if (event == VFIO_CCW_EV_SSCH) {
        sim.function = VFIO_CCW_FN_START;
    } else if (event == VFIO_CCW_EV_HSCH) {
        sim.function = VFIO_CCW_FN_HALT;
        sim.signal_ended = false;
        sim.signal_ret = 0;
    } else if (event == VFIO_CCW_EV_CSCH) {
        sim.function = VFIO_CCW_FN_CLEAR;
        if (fsm.state < VFIO_CCW_CLEAR_QUEUED) {
            sim.signal_ended = false;
            sim.signal_ret = 0;
        }
    } else {
        sim.function = VFIO_CCW_FN__MAX;
        newest()->over = true;
    }
    door(verdict);
    return true;
}

static void ssch(void)
{
    uint32_t id = sim.nr_starts + 1;
    unsigned nr_programs = SIM_GUEST_SIZE / 2 / sizeof(CCW1);
    ORB orb = {
        .intparm = id,
        .ctrl0 = ORB_CTRL0_MASK_FMT | ORB_CTRL0_MASK_PFCH,
        .lpm = sim_one_in(8) ? 0x40 : 0xff,
        .cpa = sizeof(CCW1) * (id % nr_programs),
    };

    if (id > SIM_MAX_STARTS) {
        return;
    }
    if (sim.profile.same_ends) {
        orb.cpa = 0;
    }
    if (sim_one_in(32)) {
        orb.cpa = SIM_GUEST_SIZE;
    }
    if (sim_one_in(32)) {
        orb.ctrl0 |= ORB_CTRL0_MASK_SPND;
    }
    sim.start[id] = (SimStart) {
        .cpa = orb.cpa,
        .life = sim.life,
        .count = sim.profile.same_ends ? 0 : id,
    };
    sim.nr_starts++;
    if (!instruction(VFIO_CCW_EV_SSCH, &orb)) {
        sim.nr_starts--;
    }
}

static void stsch(void)
{
    sim_log("guest: STSCH");
    vfio_ccw_link_refresh_schib(&sim.link);
}

static void msch(bool enable)
{
    if (!(sim.schib.pmcw.flags & PMCW_FLAGS_MASK_DNV) || status_pending() ||
        fctl()) {
        return;
    }
    sim_log("guest: MSCH, %s", enable ? "enable" : "disable");
    sim.schib.pmcw.flags &= ~PMCW_FLAGS_MASK_ENA;
    sim.schib.pmcw.flags |= enable ? PMCW_FLAGS_MASK_ENA : 0;
}

/* What the channel subsystem core does before it is vfio-ccw's turn */
static void reset(void)
{
    sim_log("guest: system reset");
    if (sim.fsm.state == VFIO_CCW_START_QUEUED) {
        newest()->never_send = true;
    }
    sim.schib.pmcw.flags &= ~PMCW_FLAGS_MASK_ENA;
    sim.schib.pmcw.flags |= PMCW_FLAGS_MASK_DNV;
    sim.schib.scsw = (SCSW) {};
    sim.function = VFIO_CCW_FN__MAX;
    door(vfio_ccw_fsm_event(&sim.fsm, VFIO_CCW_EV_RESET));
}

/*
 * Status
 */

static bool includes(uint8_t all, uint8_t some)
{
    return (some & ~all) == 0;
}

static void check_start_is(bool right, const char *why)
{
    if (!right) {
        sim_fail("start %u: %s (its answer was %d, its own dstat 0x%02x, "
                 "cstat 0x%02x)", sim.nr_starts, why, newest()->ret,
                 newest()->dstat, newest()->cstat);
    }
}

/* Status that the device presented: it must be this start's own. */
static void check_own(const SCSW *scsw)
{
    SimStart *start = newest();

    check_start_is(start->presented &&
                   includes(start->dstat, scsw->dstat) &&
                   includes(start->cstat, scsw->cstat) &&
                   scsw->count == start->count, "status is not its own");
}

/*
 * QEMU knows that the device has ended this start, but not how: what is shown
 * must be nothing that the device might have said, but for channel end that was
 * pending before.
 */
static bool is_lost_end(const SCSW *scsw)
{
    const SimStart *start = newest();

    return (start->presented || start->cc) &&
           includes(start->dstat, scsw->dstat) && !scsw->cpa &&
           (scsw->cstat & ~SCSW_CSTAT_PCI) == SCSW_CSTAT_CHN_CTRL_CHK &&
           sim_device_active_start() != sim.nr_starts;
}

/* The halt failed after that: how far the program got is not known then. */
static void check_own_of_failed_halt(const SCSW *scsw)
{
    check_start_is(newest()->presented &&
                   includes(newest()->dstat, scsw->dstat),
                   "status of a failed halt is not its own");
}

static void check_failure(const SCSW *scsw)
{
    int ret = newest()->ret;

    switch (scsw->cstat) {
    case SCSW_CSTAT_PROG_CHECK:
        check_start_is(ret == -EINVAL || ret == -EOPNOTSUPP, "program check");
        break;
    case SCSW_CSTAT_PROT_CHECK:
        check_start_is(ret == -EFAULT || ret == -EPERM, "protection check");
        break;
    case SCSW_CSTAT_CHN_CTRL_CHK:
        check_start_is(ret == -ENOMEM || ret == -ENOTTY || ret == -EIO,
                       "channel-control check");
        break;
    default:
        check_start_is(false, "an end without a reason");
    }
}

/* Device end of an earlier start, whose channel end was taken alone? */
static bool is_earlier_device_end(const SCSW *scsw)
{
    for (uint32_t id = 1; id < sim.nr_starts; id++) {
        if (sim.start[id].dstat == CE_DE &&
            sim.start[id].count == scsw->count) {
            return scsw->dstat == SCSW_DSTAT_DEVICE_END;
        }
    }
    return false;
}

static bool is_late(const SCSW *scsw)
{
    return (scsw->ctrl & (SCSW_STCTL_PRIMARY | SCSW_STCTL_SECONDARY)) ==
           SCSW_STCTL_SECONDARY && is_earlier_device_end(scsw);
}

static void check_end_of_start(const SCSW *scsw)
{
    SimStart *start = newest();
    int ret = start->ret;

    if (fctl() || (scsw->ctrl & SCSW_CTRL_MASK_FCTL) != SCSW_FCTL_START_FUNC) {
        sim_fail("start %u ends as what it is not", sim.nr_starts);
    }
    switch ((scsw->flags & SCSW_FLAGS_MASK_CC) >> 8) {
    case 0:
        if (is_lost_end(scsw)) {
            sim_log("guest: is told that the end of start %u is lost",
                    sim.nr_starts);
        } else if (start->presented) {
            check_own(scsw);
        } else {
            check_failure(scsw);
        }
        break;
    case 1:
        check_start_is(ret == -EAGAIN || ret == -EBUSY || start->cc == 1 ||
                       is_late(scsw), "deferred cc 1");
        break;
    default:
        check_start_is(ret == -EACCES || ret == -ENODEV || start->cc == 3,
                       "deferred cc 3");
    }
}

static bool signal_failed(const SCSW *scsw)
{
    return (scsw->ctrl & SCSW_STCTL_ALERT) ||
           (scsw->flags & SCSW_FLAGS_MASK_PNO);
}

/* Old drivers cannot, and without the async region a reset is the end. */
bool sim_can_tell_ends_apart(void)
{
    unsigned need = 1u << VFIO_CCW_HOST_REGION_ASYNC |
                    1u << VFIO_CCW_HOST_REGION_SCHIB;

    return (sim.profile.regions & need) == need;
}

static void check_end_of_signal(const SCSW *scsw)
{
    bool halt = sim.function == VFIO_CCW_FN_HALT;
    uint16_t own = halt ? SCSW_FCTL_HALT_FUNC : SCSW_FCTL_CLEAR_FUNC;
    bool failed = signal_failed(scsw) || sim.signal_ret;

    if (!(scsw->ctrl & own)) {
        sim_fail("a %s ends as what it is not", halt ? "halt" : "clear");
    }
    if (halt && scsw->dstat) {
        if (scsw->cstat & SCSW_CSTAT_CHN_CTRL_CHK) {
            check_own_of_failed_halt(scsw);
        } else if (!is_late(scsw)) {
            check_own(scsw);
        }
    } else if (!failed && !sim.signal_ended && sim_can_tell_ends_apart()) {
        sim_fail("a %s ends before the device has ended it",
                 halt ? "halt" : "clear");
    }
    if (!failed && sim_device_active_start() && sim_can_tell_ends_apart() &&
        sim.start[sim_device_active_start()].life == sim.life) {
        sim_fail("start %u is executed still after a %s has ended",
                 sim_device_active_start(), halt ? "halt" : "clear");
    }
}

/* The function goes on, or there is none: alerts, PCI, device end */
static void check_other_status(const SCSW *scsw)
{
    uint16_t stctl = scsw->ctrl & SCSW_CTRL_MASK_STCTL;

    if (stctl == (SCSW_STCTL_ALERT | SCSW_STCTL_STATUS_PEND)) {
        /* Where there are more signals than IRBs, one may be repeated. */
        if (!sim.alerted && !is_earlier_device_end(scsw)) {
            sim_fail("an alert that the device did not present");
        }
    } else if (intermediate_only(scsw->ctrl)) {
        check_own(scsw);
    } else if (!(stctl & SCSW_STCTL_SECONDARY)) {
        sim_fail("status 0x%02x of no function", stctl);
    }
}

static void check_status(const SCSW *scsw)
{
    if (sim.function == VFIO_CCW_FN__MAX || fctl()) {
        check_other_status(scsw);
        return;
    }
    if (sim.function == VFIO_CCW_FN_START) {
        check_end_of_start(scsw);
    } else {
        check_end_of_signal(scsw);
    }
    /* A halt or clear that failed has not ended it. */
    newest()->over = sim.function == VFIO_CCW_FN_START ||
                     !signal_failed(scsw);
    sim.function = VFIO_CCW_FN__MAX;
}

static void tsch(void)
{
    const SCSW scsw = sim.schib.scsw;
    bool pending = status_pending();

    sim_log("guest: TSCH flags 0x%04x ctrl 0x%04x dstat 0x%02x cstat 0x%02x "
            "count %u", scsw.flags, scsw.ctrl, scsw.dstat, scsw.cstat,
            scsw.count);
    door(vfio_ccw_fsm_tested(&sim.fsm));
    if (pending) {
        check_status(&scsw);
    }
}

/*
 * What the guest may do
 */

bool sim_guest_interrupted(void)
{
    return sim.irq_pending || sim.irq_taken;
}

void sim_guest_take_status(void)
{
    if (sim.irq_pending) {
        sim_log("guest: is interrupted");
        sim.irq_pending = false;
        sim.irq_taken = true;
    } else {
        tsch();
    }
}

void sim_guest_clear(void)
{
    instruction(VFIO_CCW_EV_CSCH, NULL);
}

void sim_guest_step(void)
{
    switch (sim_below(32)) {
    case 0 ... 8:
        ssch();
        break;
    case 9 ... 12:
        instruction(VFIO_CCW_EV_HSCH, NULL);
        break;
    case 13 ... 15:
        instruction(VFIO_CCW_EV_CSCH, NULL);
        break;
    case 16 ... 18:
        instruction(VFIO_CCW_EV_XSCH, NULL);
        break;
    case 19:
        instruction(VFIO_CCW_EV_RSCH, NULL);
        break;
    case 20 ... 21:
        tsch();
        break;
    case 22 ... 23:
        stsch();
        break;
    case 24:
        msch(false);
        break;
    case 25 ... 30:
        msch(true);
        break;
    default:
        if (sim_one_in(4)) {
            reset();
        }
    }
}

/*
 * Life
 */

static void open_link(void)
{
    SCHIB host;
    bool have_host;
    Error *err = NULL;

    if (!vfio_ccw_link_negotiate(&sim.link, &host, &have_host, &err) ||
        !vfio_ccw_link_open(&sim.link, &err)) {
        sim_fail("the host cannot be opened: %s", error_get_pretty(err));
    }
    if (have_host) {
        check_schib(&host);
        door(vfio_ccw_fsm_schib(&sim.fsm, &host));
    }
}

bool sim_host_may_return(void)
{
    return !sim.unplugged && sim.fsm.state == VFIO_CCW_NOT_OPER &&
           vfio_ccw_link_idle(&sim.link);
}

/* What the old one had to report the guest does not hear any more. */
void sim_guest_have_host_back(void)
{
    sim_log("host: is back");
    vfio_ccw_link_close(&sim.link);
    sim_host_renew();
    sim.last_crw = sim.nr_crws;
    open_link();
    sim_host_hold_everything();
    sim.life++;
    vfio_ccw_link_reset(&sim.link);
    door(vfio_ccw_fsm_event(&sim.fsm, VFIO_CCW_EV_RETURNED));
    msch(true);
}

void sim_guest_open(void)
{
    sim.function = VFIO_CCW_FN__MAX;
    sim.schib = (SCHIB) { .pmcw.flags = PMCW_FLAGS_MASK_DNV };
    vfio_ccw_fsm_init(&sim.fsm, &sim.schib);
    vfio_ccw_link_init(&sim.link, &sim.vdev, &sim_transport, "simulation",
                       host_news, ask_judge, NULL);
    open_link();
    door(vfio_ccw_fsm_event(&sim.fsm, VFIO_CCW_EV_OPEN));
    msch(true);
}

/* Where the host did not say that it failed, it does nothing any more. */
static void check_quiesced(void)
{
    bool by_end = last_event == VFIO_CCW_EV_IRB_HALT ||
                  last_event == VFIO_CCW_EV_IRB_CLEAR;

    if (by_end && sim_device_active_start() && sim_can_tell_ends_apart() &&
        sim.start[sim_device_active_start()].life == sim.link.life) {
        sim_fail("start %u runs, but its host is quiesced",
                 sim_device_active_start());
    }
}

/* Guest and host go on with what they do. */
static bool step_while_going(void)
{
    if (sim_one_in(32)) {
        reset();
    } else if (sim_one_in(8)) {
        sim_guest_step();
    } else if (sim.profile.mischief && sim_one_in(8)) {
        sim_host_mischief();
    }
    return sim_step_outside_guest();
}

/*
 * QEMU may lose its patience at any time, and does when nothing goes on: with
 * the halt, with the clear, and with what is under way yet, which is cut off.
 */
static void await_quiesced(void)
{
    unsigned patience = sim_one_in(2) ? sim_below(100) : UINT_MAX;
    unsigned lost = 0;

    while (vfio_ccw_fsm_stopping(&sim.fsm) ||
           !vfio_ccw_link_idle(&sim.link)) {
        if (patience-- && step_while_going()) {
            sim_check();
            continue;
        }
        if (!vfio_ccw_fsm_stopping(&sim.fsm)) {
            break;
        }
        if (++lost > 2) {
            sim_fail("neither a halt nor a clear, but it does not go");
        }
        door(vfio_ccw_fsm_event(&sim.fsm, VFIO_CCW_EV_EXPIRED));
        sim_check();
    }
    check_quiesced();
}

void sim_guest_unplug(void)
{
    sim_log("guest: unplug");
    if (sim.fsm.state == VFIO_CCW_START_QUEUED) {
        newest()->never_send = true;
    }
    sim.leaving = true;
    door(vfio_ccw_fsm_event(&sim.fsm, VFIO_CCW_EV_CLOSE));
    sim.function = VFIO_CCW_FN__MAX;
    if (sim.fsm.state == VFIO_CCW_NOT_OPER) {
        vfio_ccw_link_close(&sim.link);
    }
    if (!sim_one_in(8)) { /* or nobody asks before it is unrealized */
        await_quiesced();
    }
    sim.unplugged = true;
    vfio_ccw_link_close(&sim.link);
    vfio_ccw_link_drain(&sim.link);
    if (sim.fsm.state != VFIO_CCW_NOT_OPER) {
        door(vfio_ccw_fsm_event(&sim.fsm, VFIO_CCW_EV_QUIESCED));
    }
    if (sim.fsm.state != VFIO_CCW_STANDBY &&
        sim.fsm.state != VFIO_CCW_NOT_OPER) {
        sim_fail("unplugged in state %s", vfio_ccw_state_name(sim.fsm.state));
    }
    if (sim_guest_interrupted() || sim_nr_questions()) {
        sim_fail("unplugged, but an interrupt or a question is left");
    }
}

/*
 * What holds after each step
 */

static uint16_t fctl_of_state(VFIOCCWState state)
{
    switch (state) {
    case VFIO_CCW_START_QUEUED ... VFIO_CCW_START_ACTIVE:
        return SCSW_FCTL_START_FUNC;
    case VFIO_CCW_HALT_QUEUED ... VFIO_CCW_HALT_ACTIVE:
        return SCSW_FCTL_HALT_FUNC;
    case VFIO_CCW_CLEAR_QUEUED ... VFIO_CCW_CLEAR_ACTIVE:
        return SCSW_FCTL_CLEAR_FUNC;
    default:
        return 0;
    }
}

static void check_scsw(void)
{
    uint16_t shown = fctl();
    uint16_t expected = fctl_of_state(sim.fsm.state);

    if (expected == SCSW_FCTL_HALT_FUNC) {
        shown &= ~SCSW_FCTL_START_FUNC;
    }
    if (!expected && status_pending()) {
        return; /* that of the function which has ended */
    }
    if (shown != expected) {
        sim_fail("function control 0x%04x in state %s", shown,
                 vfio_ccw_state_name(sim.fsm.state));
    }
}

static void check_status_pending(void)
{
    if (!status_pending() && (sim.schib.scsw.ctrl & SCSW_CTRL_MASK_STCTL)) {
        sim_fail("status that is not pending");
    }
    if (status_pending() && !operational()) {
        sim_fail("status of a subchannel that is not operational");
    }
    if (status_pending() != sim_guest_interrupted()) {
        sim_fail(status_pending() ? "status without an interrupt"
                                  : "an interrupt without status");
    }
}

static void check_presence(void)
{
    bool there = !sim.leaving && sim.fsm.state != VFIO_CCW_NOT_OPER;

    if (!!(sim.schib.pmcw.flags & PMCW_FLAGS_MASK_DNV) != there) {
        sim_fail(there ? "the device is there, but not in the SCHIB"
                       : "the device is in the SCHIB, but not there");
    }
}

/* What the guest was told of is what it sees, from then on. */
static void check_paths(void)
{
    unsigned shown = lduw_be_p(&sim.schib.pmcw.chpid[6]);

    if ((sim.profile.regions & (1u << VFIO_CCW_HOST_REGION_SCHIB)) &&
        shown < sim.last_crw) {
        sim_fail("the SCHIB is as old as CRW %u, but the guest has CRW %u",
                 shown, sim.last_crw);
    }
}

static void check_lanes(void)
{
    unsigned busy = 0;

    for (int lane = 0; lane < VFIO_CCW_LANE__MAX; lane++) {
        busy += sim.link.busy[lane];
    }
    if (busy != sim.link.jobs || busy != sim_nr_questions()) {
        sim_fail("%u lanes are busy with %u jobs and %u questions", busy,
                 sim.link.jobs, sim_nr_questions());
    }
}

void sim_check(void)
{
    check_scsw();
    check_status_pending();
    check_presence();
    check_paths();
    check_lanes();
}
