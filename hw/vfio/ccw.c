/*
 * vfio-ccw: a subchannel of the host, passed through to the guest
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The device: properties, realize, unrealize, reset, and the two doors. Guest
 * instructions come in from the channel subsystem core, the host's news from
 * the link; both go to the state machine (ccw-fsm.c), and what that says is to
 * be done is done in carry_out(), nowhere else.
 *
 * Everything here runs with the BQL held and does not wait for the host, with
 * two exceptions: realize, which has to learn what the host's device is, and
 * unrealize, which gives up the BQL while what it has cut off returns.
 */

#include "qemu/osdep.h"
#include CONFIG_DEVICES /* CONFIG_IOMMUFD, CONFIG_VFIO_USER */
#include "qapi/error.h"
#include "qapi/qapi-events-vfio.h"
#include "qapi/qapi-visit-sockets.h"
#include "qapi/qapi-visit-vfio.h"
#include "qemu/bitmap.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/module.h"
#include "qemu/sockets.h"
#include "hw/hotplug.h"
#include "hw/qdev-properties.h"
#include "hw/resettable.h"
#include "hw/s390x/ccw-device.h"
#include "hw/s390x/vfio-ccw.h"
#include "hw/vfio/ccw-link.h"
#include "hw/vfio/ccw-reopen.h"
#include "migration/blocker.h"
#include "system/iommufd.h"
#include "system/runstate.h"
#include "trace.h"

/* What a channel path is where the host does not say: FICON, native. */
#define CHPID_TYPE_FICON 0x1b

#define MSG_TIMEOUT_MS 5000

/* What all of realize may keep the CPUs of a running machine from running */
#define REALIZE_TIMEOUT_MS 500

/*
 * For a halt, for a clear, and for what is under way otherwise. A channel
 * program that is not stopped by then is stopped by the host when it sees its
 * device closed.
 */
#define QUIESCE_TIMEOUT_MS 500

struct VFIOCCWDevice {
    S390CCWDevice parent_obj;

    VFIODevice vdev;
    VFIOCCWTarget target;
    VFIOCCWLink link;
    VFIOCCWReopen reopen;
    VFIOCCWFsm fsm;
    VfioCcwStats stats;       /* since realize, past resets and losses */
    bool asked_back;          /* by the host, which may be lost instead */
    bool unplugging;          /* when the host has stopped */
    bool at_rest;             /* unplugging: it was reset, or is being reset */
    bool reset_waits;         /* that of the machine, for the host's device */
    QEMUTimer *quiesce_timer;
    uint32_t quiesce_timeout; /* ms */
    uint32_t realize_timeout; /* ms */
    DECLARE_BITMAP(chpids, MAX_CHPID + 1); /* paths it has, or had */
    VfioCcwLossPolicy on_loss;
    QEMUBH *unplug_bh;
    bool force_orb_pfch;
    char *who;                /* for messages: id, device, subchannel */
    Error *migration_blocker;
};

struct VFIOCCWDeviceClass {
    S390CCWDeviceClass parent_class;

    ResettablePhases parent_phases;
};

static SubchDev *subchannel_of(VFIOCCWDevice *vcdev)
{
    return CCW_DEVICE(vcdev)->sch;
}

static void carry_out(VFIOCCWDevice *vcdev, const VFIOCCWVerdict *verdict);

static void count(VfioCcwStats *stats, const VFIOCCWVerdict *verdict)
{
    switch (verdict->event) {
    case VFIO_CCW_EV_SSCH:
        stats->starts += !verdict->cc;
        break;
    case VFIO_CCW_EV_HSCH:
        stats->halts += !verdict->cc;
        break;
    case VFIO_CCW_EV_CSCH:
        stats->clears += !verdict->cc;
        break;
    case VFIO_CCW_EV_XSCH:
        stats->cancels += !verdict->cc;
        break;
    case VFIO_CCW_EV_RETRY:
        stats->retries += !verdict->stale;
        break;
    case VFIO_CCW_EV_IRB_PARTIAL ... VFIO_CCW_EV_IRB_ALERT:
        stats->stale_interrupts += verdict->stale;
        break;
    case VFIO_CCW_EV_GONE:
        stats->losses += verdict->from != verdict->to;
        break;
    case VFIO_CCW_EV_RETURNED:
        stats->returns += verdict->from != verdict->to;
        break;
    default:
        break;
    }
}

static void door(VFIOCCWDevice *vcdev, VFIOCCWVerdict verdict)
{
    assert(bql_locked());
    trace_vfio_ccw_event(vcdev->who, vfio_ccw_event_name(verdict.event),
                         verdict.stale ? " (stale)" : "",
                         vfio_ccw_state_name(verdict.from),
                         vfio_ccw_state_name(verdict.to), verdict.cc);
    count(&vcdev->stats, &verdict);
    carry_out(vcdev, &verdict);
}

/* Before there is a subchannel, the device is what it is to be. */
static void describe(VFIOCCWDevice *vcdev)
{
    SubchDev *sch = subchannel_of(vcdev);
    const CssDevId *devno = &CCW_DEVICE(vcdev)->devno;
    const char *id = DEVICE(vcdev)->id;
    GString *who = g_string_new("vfio-ccw");

    if (id) {
        g_string_append_printf(who, " %s", id);
    }
    if (sch) {
        g_string_append_printf(who, " (device %x.%x.%04x, subchannel "
                               "%x.%x.%04x)", sch->cssid, sch->ssid, sch->devno,
                               sch->cssid, sch->ssid, sch->schid);
    } else if (devno->valid) {
        g_string_append_printf(who, " (device %x.%x.%04x)", devno->cssid,
                               devno->ssid, devno->devid);
    }
    g_free(vcdev->who);
    vcdev->who = g_string_free(who, false);
}

/*
 * What a verdict asks for.
 */

/* As vfio_ccw_link_request() */
static int request(VFIOCCWDevice *vcdev, VFIOCCWFunction function)
{
    ORB orb = vcdev->fsm.orb;

    if (vcdev->force_orb_pfch && !(orb.ctrl0 & ORB_CTRL0_MASK_PFCH)) {
        orb.ctrl0 |= ORB_CTRL0_MASK_PFCH;
        warn_report_once("%s: prefetch forced on, programs that change "
                         "themselves will fail", vcdev->who);
    }
    trace_vfio_ccw_request(vcdev->who, function, vcdev->fsm.request,
                           orb.cpa);
    return vfio_ccw_link_request(&vcdev->link, function, vcdev->fsm.request,
                                 &orb);
}

/* What came of request(), once all else that the verdict asked for is done */
static void tell_of_request(VFIOCCWDevice *vcdev, int ret)
{
    VFIOCCWFsm *fsm = &vcdev->fsm;
    VFIOCCWAnswer answer = { .request = fsm->request, .ret = ret };

    if (ret > 0) {
        door(vcdev, vfio_ccw_fsm_progress(fsm, VFIO_CCW_EV_SENT,
                                          fsm->request));
    } else if (ret < 0) {
        door(vcdev, vfio_ccw_fsm_answered(fsm, &answer));
    }
}

/* Only a migration could forbid it, and that is what this device forbids. */
static void unplug(VFIOCCWDevice *vcdev)
{
    Error *err = NULL;

    qdev_unplug(DEVICE(vcdev), &err);
    if (err) {
        warn_report_err(err);
    }
}

/* In the main loop: the thread that noticed cannot close the link. */
static void unplug_lost(void *opaque)
{
    unplug(opaque);
}

static void tell_management(VFIOCCWDevice *vcdev, VfioCcwHostStatus status)
{
    g_autofree char *path = object_get_canonical_path(OBJECT(vcdev));

    qapi_event_send_vfio_ccw_host(DEVICE(vcdev)->id, path, status);
}

static void host_lost(VFIOCCWDevice *vcdev)
{
    g_autofree char *fault = vfio_ccw_link_take_fault(&vcdev->link);

    warn_report("%s: the host is lost%s%s", vcdev->who, fault ? ": " : "",
                fault ?: "");
    tell_management(vcdev, VFIO_CCW_HOST_STATUS_LOST);
    if (vcdev->on_loss == VFIO_CCW_LOSS_POLICY_UNPLUG) {
        qemu_bh_schedule(vcdev->unplug_bh);
    }
    vfio_ccw_reopen_begin(&vcdev->reopen);
}

/* To the guest first, then to management. */
static void report(VFIOCCWDevice *vcdev, const VFIOCCWVerdict *verdict)
{
    SubchDev *sch = subchannel_of(vcdev);
    bool news = DEVICE(vcdev)->hotplugged ||
                verdict->event != VFIO_CCW_EV_OPEN;

    css_generate_sch_crws(sch->cssid, sch->ssid, sch->schid, news,
                          verdict->to == VFIO_CCW_IDLE);
    if (verdict->event == VFIO_CCW_EV_GONE) {
        host_lost(vcdev);
    } else if (verdict->event == VFIO_CCW_EV_RETURNED) {
        info_report("%s: the host is back", vcdev->who);
        tell_management(vcdev, VFIO_CCW_HOST_STATUS_RETURNED);
    }
}

static void carry_out(VFIOCCWDevice *vcdev, const VFIOCCWVerdict *verdict)
{
    SubchDev *sch = subchannel_of(vcdev);
    VFIOCCWLink *link = &vcdev->link;
    unsigned todo = verdict->todo;
    int requested = 0;

    if (todo & VFIO_CCW_DO_GIVE_UP_HOST) {
        vfio_ccw_link_give_up(link);
    }
    if (todo & VFIO_CCW_DO_WITHDRAW_REQUEST) {
        vfio_ccw_link_withdraw(link);
    }
    if (todo & VFIO_CCW_DO_WITHDRAW_IRQ) {
        css_clear_io_interrupt(css_build_subchannel_id(sch), sch->schid);
    }
    if (todo & VFIO_CCW_DO_RESET_HOST) {
        vfio_ccw_link_reset(link);
    }
    if (todo & VFIO_CCW_DO_REQUEST) {
        requested = request(vcdev, verdict->function);
    }
    if (todo & VFIO_CCW_DO_INTERRUPT) {
        trace_vfio_ccw_interrupt(vcdev->who, sch->curr_status.scsw.ctrl,
                                 sch->curr_status.scsw.dstat,
                                 sch->curr_status.scsw.cstat);
        css_inject_io_interrupt(sch);
    }
    if (todo & VFIO_CCW_DO_REPORT) {
        report(vcdev, verdict);
    }
    if (todo & VFIO_CCW_DO_UNPLUG) {
        unplug(vcdev);
    }
    if (todo & VFIO_CCW_DO_COMPLAIN) {
        error_report_once("%s: bug: event %s in state %s", vcdev->who,
                          vfio_ccw_event_name(verdict->event),
                          vfio_ccw_state_name(verdict->from));
    }
    tell_of_request(vcdev, requested);
}

/*
 * The guest's door.
 */

static IOInstEnding instruction(SubchDev *sch, VFIOCCWEvent event,
                                const ORB *orb)
{
    VFIOCCWDevice *vcdev = VFIO_CCW(sch->driver_data);
    VFIOCCWVerdict verdict = vfio_ccw_fsm_instruction(&vcdev->fsm, event, orb);

    door(vcdev, verdict);
    return verdict.cc;
}

static IOInstEnding ssch(SubchDev *sch, const ORB *orb)
{
    return instruction(sch, VFIO_CCW_EV_SSCH, orb);
}

static IOInstEnding hsch(SubchDev *sch)
{
    return instruction(sch, VFIO_CCW_EV_HSCH, NULL);
}

static IOInstEnding csch(SubchDev *sch)
{
    return instruction(sch, VFIO_CCW_EV_CSCH, NULL);
}

static IOInstEnding xsch(SubchDev *sch)
{
    return instruction(sch, VFIO_CCW_EV_XSCH, NULL);
}

static IOInstEnding rsch(SubchDev *sch)
{
    return instruction(sch, VFIO_CCW_EV_RSCH, NULL);
}

static void tsch(SubchDev *sch)
{
    VFIOCCWDevice *vcdev = VFIO_CCW(sch->driver_data);

    door(vcdev, vfio_ccw_fsm_tested(&vcdev->fsm));
}

/*
 * What the host's device has may change storage until the host has stopped it.
 * Channel end is the end of that.
 */
static bool may_transfer(VFIOCCWDevice *vcdev)
{
    return vfio_ccw_fsm_stopping(&vcdev->fsm) ||
           vfio_ccw_link_resetting(&vcdev->link);
}

/* The machine is to be reset, and its CPUs do not run until that is done. */
static bool quiesce(SubchDev *sch)
{
    VFIOCCWDevice *vcdev = VFIO_CCW(sch->driver_data);
    VFIOCCWFsm *fsm = &vcdev->fsm;

    if (fsm->start_at_host) {
        vcdev->reset_waits = true;
        door(vcdev, vfio_ccw_fsm_event(fsm, VFIO_CCW_EV_RESET));
    }
    vcdev->reset_waits |= vfio_ccw_fsm_stopping(fsm);
    vcdev->reset_waits &= may_transfer(vcdev);
    return !vcdev->reset_waits;
}

static void go_on_with_reset(VFIOCCWDevice *vcdev)
{
    if (vcdev->reset_waits && !may_transfer(vcdev)) {
        vcdev->reset_waits = false;
        qemu_system_reset_request(SHUTDOWN_CAUSE_SUBSYSTEM_RESET);
    }
}

/* In a state that was loaded another device has the number that it had. */
static void renumbered(SubchDev *sch)
{
    VFIOCCWDevice *vcdev = VFIO_CCW(sch->driver_data);
    CcwDevice *ccw_dev = CCW_DEVICE(vcdev);

    CCW_DEVICE_GET_CLASS(ccw_dev)->refill_ids(ccw_dev);
    describe(vcdev);
    vcdev->link.who = vcdev->who;
}

static const SubchDevOps subchannel_ops = {
    .ssch = ssch,
    .hsch = hsch,
    .csch = csch,
    .xsch = xsch,
    .rsch = rsch,
    .tsch = tsch,
    .quiesce = quiesce,
    .renumbered = renumbered,
};

/* TSCH: the SCSW is there already. */
static void build_irb(SubchDev *sch, IRB *irb)
{
    VFIOCCWDevice *vcdev = VFIO_CCW(sch->driver_data);

    irb->esw = vcdev->fsm.irb.esw;
    memcpy(irb->ecw, vcdev->fsm.irb.ecw, sizeof(irb->ecw));
    memcpy(irb->emw, vcdev->fsm.irb.emw, sizeof(irb->emw));
}

/* STSCH: the guest gets the copy that is there; the next one will be newer. */
static IOInstEnding stsch(SubchDev *sch)
{
    VFIOCCWDevice *vcdev = VFIO_CCW(sch->driver_data);

    vfio_ccw_link_refresh_schib(&vcdev->link);
    return IOINST_CC_EXPECTED;
}

/*
 * The host's door.
 */

/* The guest asks the css core what a path is that its SCHIB shows. */
static void learn_paths(VFIOCCWDevice *vcdev)
{
    SubchDev *sch = subchannel_of(vcdev);
    const PMCW pmcw = sch->curr_status.pmcw;

    for (int i = 0; i < ARRAY_SIZE(pmcw.chpid); i++) {
        if ((pmcw.pim & (0x80 >> i)) &&
            !test_and_set_bit(pmcw.chpid[i], vcdev->chpids)) {
            css_add_chpid(sch->cssid, pmcw.chpid[i], CHPID_TYPE_FICON, false);
        }
    }
}

/*
 * A host has channel paths of this subchannel to report on, nothing else. The
 * guest's RCHP does not reach it, so nothing is solicited; and a CRW that says
 * that it is chained would take the next one with it, whoever made that.
 */
static bool may_relay(VFIOCCWDevice *vcdev, CRW crw)
{
    uint16_t erc = crw.flags & CRW_FLAGS_MASK_ERC;
    uint16_t rest = crw.flags & ~(CRW_FLAGS_MASK_ERC | CRW_FLAGS_MASK_R);

    return rest == CRW_RSC_CHP << 8 && erc >= CRW_ERC_AVAIL &&
           erc <= CRW_ERC_PMOD && crw.rsid <= MAX_CHPID &&
           test_bit(crw.rsid, vcdev->chpids);
}

static void relay_crw(VFIOCCWDevice *vcdev, CRW crw)
{
    VFIOCCWVerdict verdict = vfio_ccw_fsm_event(&vcdev->fsm, VFIO_CCW_EV_CRW);

    door(vcdev, verdict);
    if (!(verdict.todo & VFIO_CCW_DO_RELAY_CRW)) {
        return;
    }
    if (!may_relay(vcdev, crw)) {
        trace_vfio_ccw_crw_invalid(vcdev->who, crw.flags, crw.rsid);
        vcdev->stats.crws_invalid++;
        return;
    }
    switch (css_queue_crws(&crw, 1)) {
    case CRW_QUEUED:
        vcdev->stats.crws_relayed++;
        break;
    case CRW_MERGED:
        vcdev->stats.crws_merged++;
        break;
    case CRW_LOST:
        vcdev->stats.crws_lost++;
        break;
    }
}

/*
 * Unplugging. The guest hears of it at once; then what the host has of its work
 * is stopped, which takes as long as that takes, but no longer than it may.
 */

/* It may be asked for again before the main loop comes to it. */
static void finish_unplug(void *opaque)
{
    DeviceState *dev = opaque;

    if (dev->realized) {
        hotplug_handler_unplug(qdev_get_hotplug_handler(dev), dev,
                               &error_abort);
        object_unparent(OBJECT(dev));
    }
    object_unref(OBJECT(dev));
}

/* In a bottom half: whoever noticed has the device on its stack. */
static void go_away(VFIOCCWDevice *vcdev)
{
    aio_bh_schedule_oneshot(qemu_get_aio_context(), finish_unplug,
                            object_ref(OBJECT(vcdev)));
}

/*
 * What cannot be cut off goes on until Linux has stopped it, when the device is
 * closed or reset: for minutes, if the device does not react. Nobody can wait
 * for close(), but a worker can for a reset, and then there is nothing left.
 */
static bool at_rest(VFIOCCWDevice *vcdev)
{
    VFIOCCWLink *link = &vcdev->link;

    if (!link->transport->cut && !vcdev->at_rest) {
        vcdev->at_rest = true;
        vfio_ccw_link_reset(link);
    }
    return vfio_ccw_link_idle(link);
}

static void go_away_when_stopped(VFIOCCWDevice *vcdev)
{
    if (vcdev->unplugging && !vfio_ccw_fsm_stopping(&vcdev->fsm) &&
        vfio_ccw_link_idle(&vcdev->link) && at_rest(vcdev)) {
        go_away(vcdev);
    }
}

static void see_what_has_ended(VFIOCCWDevice *vcdev)
{
    go_away_when_stopped(vcdev);
    go_on_with_reset(vcdev);
}

/* In real time: a machine that is stopped gives its devices back as well. */
static void set_quiesce_timer(VFIOCCWDevice *vcdev)
{
    timer_mod(vcdev->quiesce_timer,
              qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + vcdev->quiesce_timeout);
}

static void give_back(VFIOCCWDevice *vcdev)
{
    if (vcdev->asked_back) {
        door(vcdev, vfio_ccw_fsm_event(&vcdev->fsm, VFIO_CCW_EV_REQ));
    }
}

/* Linux also asks for a device that is not there any more: that is a loss. */
static void asked_back(VFIOCCWDevice *vcdev)
{
    if (!vcdev->asked_back && !vcdev->unplugging) {
        vcdev->asked_back = true;
        set_quiesce_timer(vcdev);
        vfio_ccw_link_look(&vcdev->link);
    }
}

static void quiesce_expired(void *opaque)
{
    VFIOCCWDevice *vcdev = opaque;

    if (!vcdev->unplugging) {
        give_back(vcdev); /* to a host that does not say if it is lost */
        return;
    }
    if (!vfio_ccw_fsm_stopping(&vcdev->fsm)) {
        if (vcdev->link.transport->cut) {
            go_away(vcdev); /* and cut off what is under way yet */
        }
        return;
    }
    set_quiesce_timer(vcdev);
    door(vcdev, vfio_ccw_fsm_event(&vcdev->fsm, VFIO_CCW_EV_EXPIRED));
    see_what_has_ended(vcdev);
}

static void unplug_request(CcwDevice *ccw_dev)
{
    VFIOCCWDevice *vcdev = VFIO_CCW(ccw_dev);

    if (DEVICE(vcdev)->pending_deleted_event) {
        return;
    }
    DEVICE(vcdev)->pending_deleted_event = true;
    vcdev->unplugging = true;
    set_quiesce_timer(vcdev);
    vfio_ccw_reopen_stop(&vcdev->reopen);
    door(vcdev, vfio_ccw_fsm_event(&vcdev->fsm, VFIO_CCW_EV_CLOSE));
    if (vcdev->fsm.state == VFIO_CCW_NOT_OPER) {
        vfio_ccw_link_close(&vcdev->link); /* nothing is to be stopped there */
    }
    see_what_has_ended(vcdev);
}

static VFIOCCWRuling ask_judge(void *opaque, const VFIOCCWEvidence *evidence)
{
    VFIOCCWDevice *vcdev = opaque;
    VFIOCCWExpected expected = vfio_ccw_fsm_expected(&vcdev->fsm);

    return vfio_ccw_judge(&expected, evidence);
}

static void host_irb(VFIOCCWDevice *vcdev, const VFIOCCWEvidence *evidence)
{
    const SCSW *scsw = &evidence->irb.scsw;
    VFIOCCWVerdict verdict[VFIO_CCW_MAX_FINDINGS];
    unsigned nr = vfio_ccw_fsm_irb(&vcdev->fsm, evidence, verdict);

    trace_vfio_ccw_irb(vcdev->who, scsw->flags, scsw->ctrl, scsw->cpa,
                       scsw->dstat, scsw->cstat, scsw->count);
    for (unsigned i = 0; i < nr; i++) {
        door(vcdev, verdict[i]);
    }
}

static void host_news(void *opaque, const VFIOCCWNews *news)
{
    VFIOCCWDevice *vcdev = opaque;
    VFIOCCWFsm *fsm = &vcdev->fsm;

    switch (news->kind) {
    case VFIO_CCW_NEWS_SENT:
        door(vcdev, vfio_ccw_fsm_progress(fsm, VFIO_CCW_EV_SENT,
                                          news->request));
        break;
    case VFIO_CCW_NEWS_RETRY:
        door(vcdev, vfio_ccw_fsm_progress(fsm, VFIO_CCW_EV_RETRY,
                                          news->request));
        break;
    case VFIO_CCW_NEWS_ANSWER:
        trace_vfio_ccw_answer(vcdev->who, news->answer->request,
                              news->answer->ret);
        door(vcdev, vfio_ccw_fsm_answered(fsm, news->answer));
        break;
    case VFIO_CCW_NEWS_IRB:
        host_irb(vcdev, news->evidence);
        break;
    case VFIO_CCW_NEWS_SCHIB:
        door(vcdev, vfio_ccw_fsm_schib(fsm, news->schib));
        learn_paths(vcdev);
        break;
    case VFIO_CCW_NEWS_CRW:
        relay_crw(vcdev, news->crw);
        break;
    case VFIO_CCW_NEWS_REQ:
        asked_back(vcdev);
        break;
    case VFIO_CCW_NEWS_LOOKED:
        give_back(vcdev);
        break;
    case VFIO_CCW_NEWS_GONE:
        door(vcdev, vfio_ccw_fsm_event(fsm, VFIO_CCW_EV_GONE));
        break;
    case VFIO_CCW_NEWS_IDLE:
        break;
    }
    see_what_has_ended(vcdev);
}

/*
 * Life.
 */

#ifdef CONFIG_VFIO_USER
static bool check_timeouts(VFIOCCWDevice *vcdev, Error **errp)
{
    const char *zero = !vcdev->target.msg_timeout ? "x-msg-timeout" :
                       !vcdev->realize_timeout ? "x-realize-timeout" : NULL;

    if (zero) {
        error_setg(errp, "%s=0 leaves the server no time to answer, use at "
                   "least 1 (ms)", zero);
    }
    return !zero;
}
#endif

static const VFIOCCWTransport *choose_transport(VFIOCCWDevice *vcdev,
                                                Error **errp)
{
    int ways = !!vcdev->vdev.sysfsdev + (vcdev->vdev.fd >= 0) +
               !!vcdev->target.socket;

    if (ways != 1) {
        error_setg(errp, "%s: use exactly one of sysfsdev=PATH, fd=FD (with "
                   "iommufd=ID) and socket=ADDRESS",
                   ways ? "more than one way to reach a host device"
                        : "no host device");
        return NULL;
    }
#ifdef CONFIG_VFIO_USER
    if (vcdev->target.socket) {
        return check_timeouts(vcdev, errp) ? &vfio_ccw_transport_user : NULL;
    }
#endif
    return &vfio_ccw_transport_kernel;
}

/* A host without SCHIB and without sysfs: one path, as virtual devices have */
static void assume_paths(SCHIB *schib)
{
    schib->pmcw.pim = 0x80;
    schib->pmcw.pam = 0x80;
    schib->pmcw.pom = 0xff;
}

/* How a guest finds the paths of a device that is new to it */
static void show_host(VFIOCCWDevice *vcdev, const SCHIB *host)
{
    SubchDev *sch = subchannel_of(vcdev);

    vfio_ccw_fsm_schib(&vcdev->fsm, host);
    sch->curr_status.pmcw.lpm = sch->curr_status.pmcw.pim;
    learn_paths(vcdev);
}

static void build_schib(VFIOCCWDevice *vcdev, SCHIB *host, bool have_host)
{
    SubchDev *sch = subchannel_of(vcdev);

    if (!have_host) {
        *host = sch->curr_status;
        if (!vcdev->vdev.sysfsdev) {
            assume_paths(host);
        }
    }
    show_host(vcdev, host);
}

/* While the machine runs, its CPUs wait for the host as well. */
static uint32_t time_to_realize(VFIOCCWDevice *vcdev)
{
    uint32_t ms = vcdev->target.msg_timeout;

    return runstate_is_running() ? MIN(ms, vcdev->realize_timeout) : ms;
}

static void limit_waiting(VFIOCCWLink *link, uint32_t ms)
{
    if (link->transport->limit_waiting) {
        link->transport->limit_waiting(link, ms);
    }
}

static bool open_host(VFIOCCWDevice *vcdev, Error **errp)
{
    ERRP_GUARD();
    VFIOCCWLink *link = &vcdev->link;
    bool have_schib;
    SCHIB schib;

    if (link->transport->connect(link, &vcdev->target, errp) < 0) {
        return false;
    }
    limit_waiting(link, time_to_realize(vcdev));
    if (!link->transport->negotiate(link, errp) ||
        !link->transport->attach(link, &vcdev->target, true, errp) ||
        !vfio_ccw_link_negotiate(link, &schib, &have_schib, errp) ||
        !vfio_ccw_link_open(link, errp)) {
        vfio_ccw_link_explain(link, errp);
        vfio_ccw_link_abandon(link);
        link->transport->detach(link);
        return false;
    }
    limit_waiting(link, 0);
    build_schib(vcdev, &schib, have_schib);
    return true;
}

static bool block_migration(VFIOCCWDevice *vcdev, Error **errp)
{
    error_setg(&vcdev->migration_blocker, "%s: what the host's device is doing "
               "cannot be migrated or saved; unplug it before", vcdev->who);
    return migrate_add_blocker(&vcdev->migration_blocker, errp) == 0;
}

/* What the device did for its last client is none of the guest's business. */
static void host_returned(void *opaque, const SCHIB *schib)
{
    VFIOCCWDevice *vcdev = opaque;

    vcdev->asked_back = false;
    vfio_ccw_link_reset(&vcdev->link);
    if (schib) {
        show_host(vcdev, schib);
    }
    door(vcdev, vfio_ccw_fsm_event(&vcdev->fsm, VFIO_CCW_EV_RETURNED));
}

static void forget_host(VFIOCCWDevice *vcdev)
{
    migrate_del_blocker(&vcdev->migration_blocker);
    qemu_bh_delete(vcdev->unplug_bh);
    timer_free(vcdev->quiesce_timer);
    vfio_ccw_reopen_destroy(&vcdev->reopen);
    vfio_ccw_link_destroy(&vcdev->link);
}

/* The guest hears of the device last, when nothing can fail any more. */
static bool realize_subchannel(VFIOCCWDevice *vcdev, Error **errp)
{
    S390CCWDevice *cdev = S390_CCW_DEVICE(vcdev);
    S390CCWDeviceClass *cdc = S390_CCW_DEVICE_GET_CLASS(cdev);
    const VFIOCCWTransport *transport = choose_transport(vcdev, errp);
    SubchDev *sch;

    if (!transport || !cdc->realize(cdev, vcdev->vdev.sysfsdev, errp)) {
        return false;
    }
    sch = subchannel_of(vcdev);
    sch->ops = &subchannel_ops;
    sch->irb_cb = build_irb;
    describe(vcdev);
    vcdev->target.mdev = cdev->mdevid;
    vcdev->target.only_once = vcdev->vdev.fd >= 0;
    vfio_ccw_fsm_init(&vcdev->fsm, &sch->curr_status);
    vfio_ccw_link_init(&vcdev->link, &vcdev->vdev, transport, vcdev->who,
                       host_news, ask_judge, vcdev);
    vcdev->quiesce_timer = timer_new_ms(QEMU_CLOCK_REALTIME, quiesce_expired,
                                        vcdev);
    vfio_ccw_reopen_init(&vcdev->reopen, &vcdev->link, &vcdev->target,
                         host_returned, vcdev);
    vcdev->unplug_bh = qemu_bh_new(unplug_lost, vcdev);
    if (!block_migration(vcdev, errp) || !open_host(vcdev, errp)) {
        forget_host(vcdev);
        cdc->unrealize(cdev);
        return false;
    }
    door(vcdev, vfio_ccw_fsm_event(&vcdev->fsm, VFIO_CCW_EV_OPEN));
    return true;
}

/*
 * A guest sees the default channel subsystem, as its own 0. The others are for
 * guests that enable MCSS-E, of which there are none.
 */
static bool check_devno(VFIOCCWDevice *vcdev, Error **errp)
{
    const CssDevId *devno = &CCW_DEVICE(vcdev)->devno;

    if (devno->valid && devno->cssid != VIRTUAL_CSSID) {
        error_setg(errp, "guests do not see devices of channel subsystem %x, "
                   "use devno=%x.%x.%04x", devno->cssid, VIRTUAL_CSSID,
                   devno->ssid, devno->devid);
        return false;
    }
    return true;
}

static void vfio_ccw_realize(DeviceState *dev, Error **errp)
{
    ERRP_GUARD();
    VFIOCCWDevice *vcdev = VFIO_CCW(dev);

    describe(vcdev);
    if (!check_devno(vcdev, errp) || !realize_subchannel(vcdev, errp)) {
        error_prepend(errp, "%s: ", vcdev->who);
    }
}

static void vfio_ccw_unrealize(DeviceState *dev)
{
    VFIOCCWDevice *vcdev = VFIO_CCW(dev);
    S390CCWDevice *cdev = S390_CCW_DEVICE(dev);
    VFIOCCWLink *link = &vcdev->link;

    door(vcdev, vfio_ccw_fsm_event(&vcdev->fsm, VFIO_CCW_EV_CLOSE));
    vfio_ccw_reopen_stop(&vcdev->reopen);
    vfio_ccw_link_close(link);
    vfio_ccw_link_drain(link);
    if (vcdev->fsm.state != VFIO_CCW_NOT_OPER) {
        door(vcdev, vfio_ccw_fsm_event(&vcdev->fsm, VFIO_CCW_EV_QUIESCED));
    }
    link->transport->detach(link);
    forget_host(vcdev);
    S390_CCW_DEVICE_GET_CLASS(cdev)->unrealize(cdev);
}

/* The host's part goes on behind our back, for all devices at once. */
static void vfio_ccw_reset_hold(Object *obj, ResetType type)
{
    VFIOCCWDevice *vcdev = VFIO_CCW(obj);
    VFIOCCWDeviceClass *vcc = VFIO_CCW_GET_CLASS(obj);

    if (vcc->parent_phases.hold) {
        vcc->parent_phases.hold(obj, type);
    }
    vcdev->reset_waits = false;
    door(vcdev, vfio_ccw_fsm_event(&vcdev->fsm, VFIO_CCW_EV_RESET));
}

static void compute_needs_reset(VFIODevice *vdev)
{
    vdev->needs_reset = false;
}

static VFIODeviceOps vfio_ccw_ops = {
    .vfio_compute_needs_reset = compute_needs_reset,
};

/*
 * The pages that a channel program uses are pinned while it runs; a guest does
 * not give those to its balloon.
 */
static void vfio_ccw_instance_init(Object *obj)
{
    VFIOCCWDevice *vcdev = VFIO_CCW(obj);

    vcdev->vdev.mdev = true;
    vfio_device_init(&vcdev->vdev, VFIO_DEVICE_TYPE_CCW, &vfio_ccw_ops,
                     DEVICE(obj), true);
}

static void vfio_ccw_instance_finalize(Object *obj)
{
    VFIOCCWDevice *vcdev = VFIO_CCW(obj);

    /* It was never attached, or it would be closed. */
    if (vcdev->vdev.fd >= 0) {
        close(vcdev->vdev.fd);
    }
    qapi_free_SocketAddress(vcdev->target.socket);
    g_free(vcdev->who);
}

static void get_stats(Object *obj, Visitor *v, const char *name, void *opaque,
                      Error **errp)
{
    VfioCcwStats *stats = &VFIO_CCW(obj)->stats;

    visit_type_VfioCcwStats(v, name, &stats, errp);
}

static char *get_state(Object *obj, Error **errp)
{
    return g_strdup(vfio_ccw_state_name(VFIO_CCW(obj)->fsm.state));
}

static int get_on_host_loss(Object *obj, Error **errp)
{
    return VFIO_CCW(obj)->on_loss;
}

static void set_on_host_loss(Object *obj, int policy, Error **errp)
{
    VFIO_CCW(obj)->on_loss = policy;
}

#ifdef CONFIG_IOMMUFD
static void set_fd(Object *obj, const char *str, Error **errp)
{
    if (DEVICE(obj)->realized) {
        error_setg(errp, "'fd' cannot be changed after realize");
        return;
    }
    vfio_device_set_fd(&VFIO_CCW(obj)->vdev, str, errp);
}
#endif

#ifdef CONFIG_VFIO_USER
static void get_socket(Object *obj, Visitor *v, const char *name, void *opaque,
                       Error **errp)
{
    SocketAddress *socket = VFIO_CCW(obj)->target.socket;
    QNull *null = NULL;

    if (socket) {
        visit_type_SocketAddress(v, name, &socket, errp);
    } else {
        visit_type_null(v, name, &null, errp);
    }
}

static void set_socket(Object *obj, Visitor *v, const char *name, void *opaque,
                       Error **errp)
{
    ERRP_GUARD();
    VFIOCCWDevice *vcdev = VFIO_CCW(obj);
    SocketAddress *socket;

    if (!visit_type_SocketAddress(v, name, &socket, errp)) {
        error_prepend(errp, "'%s' has to be like {\"type\": \"unix\", "
                      "\"path\": PATH}, which -device takes in its JSON syntax "
                      "only: ", name);
        return;
    }
    qapi_free_SocketAddress(vcdev->target.socket);
    vcdev->target.socket = socket;
}

/* For "info qtree", which shows the fields of no struct */
static char *print_socket(Object *obj, const Property *prop)
{
    SocketAddress *socket = VFIO_CCW(obj)->target.socket;

    return socket ? socket_uri(socket) : g_strdup("<null>");
}

static const PropertyInfo socket_property = {
    .type = "SocketAddress",
    .description =
        "address of a vfio-user server that is the host (UNIX sockets only)",
    .print = print_socket,
    .get = get_socket,
    .set = set_socket,
};
#endif

static const Property vfio_ccw_properties[] = {
    DEFINE_PROP_STRING("sysfsdev", VFIOCCWDevice, vdev.sysfsdev),
    DEFINE_PROP_BOOL("force-orb-pfch", VFIOCCWDevice, force_orb_pfch, false),
    DEFINE_PROP_UINT32("x-quiesce-timeout", VFIOCCWDevice, quiesce_timeout,
                       QUIESCE_TIMEOUT_MS),
#ifdef CONFIG_IOMMUFD
    DEFINE_PROP_LINK("iommufd", VFIOCCWDevice, vdev.iommufd,
                     TYPE_IOMMUFD_BACKEND, IOMMUFDBackend *),
#endif
#ifdef CONFIG_VFIO_USER
    DEFINE_PROP("socket", VFIOCCWDevice, target.socket, socket_property,
                SocketAddress *),
    DEFINE_PROP_UINT32("x-msg-timeout", VFIOCCWDevice, target.msg_timeout,
                       MSG_TIMEOUT_MS),
    DEFINE_PROP_UINT32("x-realize-timeout", VFIOCCWDevice, realize_timeout,
                       REALIZE_TIMEOUT_MS),
#endif
    DEFINE_PROP_CCW_LOADPARM("loadparm", CcwDevice, loadparm),
};

static void describe_properties(ObjectClass *klass)
{
    object_class_property_set_description(klass, "x-state",
        "state of the subchannel, as in docs/devel/vfio-ccw.rst");
    object_class_property_set_description(klass, "x-stats",
        "what was counted since the device was plugged");
    object_class_property_set_description(klass, "on-host-loss",
        "what to do when the host is lost: keep (default) or unplug");
    object_class_property_set_description(klass, "sysfsdev",
        "sysfs path of the host's mediated device");
    object_class_property_set_description(klass, "force-orb-pfch",
        "tell the host that every channel program may be prefetched");
    object_class_property_set_description(klass, "x-quiesce-timeout",
        "milliseconds that a host has for each step of stopping its device");
    object_class_property_set_description(klass, "loadparm",
        "which entry of the boot menu to choose");
#ifdef CONFIG_IOMMUFD
    object_class_property_set_description(klass, "iommufd",
        "ID of the iommufd object to use");
    object_class_property_set_description(klass, "fd",
        "file descriptor of the host's device, opened by somebody else");
#endif
#ifdef CONFIG_VFIO_USER
    object_class_property_set_description(klass, "x-msg-timeout",
        "milliseconds until a server that does not answer is given up");
    object_class_property_set_description(klass, "x-realize-timeout",
        "milliseconds that a server has for all answers while a running "
        "machine waits for the device to be plugged");
#endif
}

static void vfio_ccw_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    CCWDeviceClass *ck = CCW_DEVICE_CLASS(klass);
    S390CCWDeviceClass *cdc = S390_CCW_DEVICE_CLASS(klass);
    VFIOCCWDeviceClass *vcc = VFIO_CCW_CLASS(klass);

    device_class_set_props(dc, vfio_ccw_properties);
    object_class_property_add_str(klass, "x-state", get_state, NULL);
    object_class_property_add(klass, "x-stats", "VfioCcwStats", get_stats, NULL,
                              NULL, NULL);
    object_class_property_add_enum(klass, "on-host-loss", "VfioCcwLossPolicy",
                                   &VfioCcwLossPolicy_lookup,
                                   get_on_host_loss, set_on_host_loss);
#ifdef CONFIG_IOMMUFD
    object_class_property_add_str(klass, "fd", NULL, set_fd);
#endif
    describe_properties(klass);
    dc->desc = "subchannel of the host, passed through";
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    dc->realize = vfio_ccw_realize;
    dc->unrealize = vfio_ccw_unrealize;
    ck->unplug_request = unplug_request;
    cdc->handle_store = stsch;
    resettable_class_set_parent_phases(RESETTABLE_CLASS(klass), NULL,
                                       vfio_ccw_reset_hold, NULL,
                                       &vcc->parent_phases);
}

static const TypeInfo vfio_ccw_types[] = {
    {
        .name = TYPE_VFIO_CCW,
        .parent = TYPE_S390_CCW,
        .instance_size = sizeof(VFIOCCWDevice),
        .instance_init = vfio_ccw_instance_init,
        .instance_finalize = vfio_ccw_instance_finalize,
        .class_size = sizeof(VFIOCCWDeviceClass),
        .class_init = vfio_ccw_class_init,
    },
};

DEFINE_TYPES(vfio_ccw_types)
