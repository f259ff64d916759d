/*
 * vfio-ccw: the link to the host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whoever has the BQL decides what is to be asked of the host: a vCPU (an
 * instruction), the main loop (an eventfd, a timer), or the thread that brings
 * an answer. What is asked is a job, a coroutine (ccw-job.c) that yields while
 * the host has its question, however long. So everything here, and all of a
 * job, runs with the BQL held and never waits.
 *
 * A job never waits for another job, and a device has at most one job a lane.
 * Two questions may come to the host in another order than they left, or be
 * looked at by two threads of it at once: so a reset is sent when all requests
 * have returned, and a halt or clear that overtook a start, or a clear that
 * overtook a halt, is sent again when that was accepted, for it may have come
 * too early.
 *
 * An IRB is never read while a request is with the host, and no start is sent
 * while an IRB is being read or waits to be. So an IRB that is delivered while
 * a request is SENT is older than that request, and the host's only IRB slot
 * has been emptied before a start can fill it.
 *
 * Whose an IRB is, the link does not know: it reads what the judge
 * (ccw-judge.c) asks for, and delivers that as evidence.
 */

#include "qemu/osdep.h"
#include <sys/uio.h>
#include <linux/vfio.h>
#include <linux/vfio_ccw.h>
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "hw/vfio/ccw-job.h"
#include "hw/vfio/ccw-link.h"
#include "trace.h"

/*
 * A request that is answered -EAGAIN or -EBUSY is sent again after 1, 2, 4 ...
 * 256 ms, 16 times in all: for 2.0 s, which is less than a guest's own time-out
 * of an internal request.
 */
#define MAX_ATTEMPTS 16
#define MAX_DELAY_MS 256

static const char *const lane_names[VFIO_CCW_LANE__MAX] = {
    [VFIO_CCW_LANE_START] = "start",
    [VFIO_CCW_LANE_HALT] = "halt",
    [VFIO_CCW_LANE_CLEAR] = "clear",
    [VFIO_CCW_LANE_RESET] = "reset",
    [VFIO_CCW_LANE_IRB] = "irb",
    [VFIO_CCW_LANE_SCHIB] = "schib",
    [VFIO_CCW_LANE_CRW] = "crw",
};

static void finish(VFIOCCWJob *job);

static void coroutine_fn run(void *opaque)
{
    VFIOCCWJob *job = opaque;

    vfio_ccw_job_work(job);
    finish(job);
}

static void submit(VFIOCCWLink *link, VFIOCCWLane lane,
                   const VFIOCCWRequest *request)
{
    VFIOCCWJob *job = g_new0(VFIOCCWJob, 1);

    job->link = link;
    job->lane = lane;
    job->life = link->life;
    job->nr_sent = link->nr_sent;
    if (request) {
        job->request = *request;
        link->nr_sent++;
    }
    if (lane == VFIO_CCW_LANE_HALT || lane == VFIO_CCW_LANE_CLEAR) {
        link->overtaken[VFIO_CCW_LANE_START] = link->busy[VFIO_CCW_LANE_START];
        link->overtaken[VFIO_CCW_LANE_HALT] = link->busy[VFIO_CCW_LANE_HALT];
    }
    link->busy[lane] = true;
    link->due[lane] = false;
    vfio_ccw_link_enter(link);
    trace_vfio_ccw_job(link->who, lane_names[lane], job->request.number);
    qemu_coroutine_enter(qemu_coroutine_create(run, job));
}

static bool request_at_host(VFIOCCWLink *link)
{
    return link->busy[VFIO_CCW_LANE_START] || link->busy[VFIO_CCW_LANE_HALT] ||
           link->busy[VFIO_CCW_LANE_CLEAR];
}

/* A halt or clear goes past everything but its own kind, the first time. */
static bool goes_past(const VFIOCCWRequest *request)
{
    return request->lane != VFIO_CCW_LANE_START && !request->attempts;
}

/*
 * What does not go past others waits until they have returned, and takes the
 * interrupt first that the host may be busy with.
 */
static bool may_send(VFIOCCWLink *link)
{
    VFIOCCWRequest *request = &link->queued;

    if (!request->valid || link->busy[request->lane] ||
        timer_pending(link->retry_timer)) {
        return false;
    }
    return goes_past(request) ||
           (!request_at_host(link) && !link->busy[VFIO_CCW_LANE_IRB]);
}

static void deliver(VFIOCCWLink *link, VFIOCCWNews news)
{
    if (link->open) {
        link->deliver(link->opaque, &news);
    }
}

static void deliver_request(VFIOCCWLink *link, int kind, uint32_t number)
{
    deliver(link, (VFIOCCWNews) { .kind = kind, .request = number });
}

static void send_request(VFIOCCWLink *link)
{
    submit(link, link->queued.lane, &link->queued);
    link->queued.valid = false;
}

/*
 * Has this interrupt been signalled? The host has the same eventfd, and with it
 * the same O_NONBLOCK: it could make us wait here. Not so with RWF_NOWAIT, but
 * for kernels before 5.8, which do not have that for eventfds.
 */
static bool take_signal(EventNotifier *notifier)
{
    uint64_t count;
    struct iovec iov = { .iov_base = &count, .iov_len = sizeof(count) };
    ssize_t n = preadv2(event_notifier_get_fd(notifier), &iov, 1, -1,
                        RWF_NOWAIT);

    if (n < 0 && errno == EOPNOTSUPP) {
        return event_notifier_test_and_clear(notifier);
    }
    return n == sizeof(count);
}

static void note_io_signal(VFIOCCWLink *link)
{
    if (take_signal(&link->irq[VFIO_CCW_IO_IRQ_INDEX])) {
        link->due[VFIO_CCW_LANE_IRB] = true;
    }
}

bool vfio_ccw_link_take_irb_signal(VFIOCCWLink *link)
{
    bool signalled;

    if (link->open) {
        note_io_signal(link);
    }
    signalled = link->due[VFIO_CCW_LANE_IRB];
    link->due[VFIO_CCW_LANE_IRB] = false;
    return signalled;
}

/*
 * Ask whatever can be asked now. True: the request was sent, which the state
 * machine has to be told.
 */
static bool ask(VFIOCCWLink *link)
{
    assert(bql_locked());
    if (!link->open || link->given_up || link->busy[VFIO_CCW_LANE_RESET]) {
        return false;
    }
    if (link->due[VFIO_CCW_LANE_RESET]) {
        if (!request_at_host(link)) {
            submit(link, VFIO_CCW_LANE_RESET, NULL);
        }
        return false;
    }
    /* An IRB that is there already must not pass for one of a new request. */
    if (link->queued.valid && !goes_past(&link->queued)) {
        note_io_signal(link);
    }
    if (link->due[VFIO_CCW_LANE_IRB] && !link->busy[VFIO_CCW_LANE_IRB] &&
        !request_at_host(link)) {
        submit(link, VFIO_CCW_LANE_IRB, NULL);
    }
    for (int lane = VFIO_CCW_LANE_SCHIB; lane <= VFIO_CCW_LANE_CRW; lane++) {
        if (link->due[lane] && !link->busy[lane]) {
            submit(link, lane, NULL);
        }
    }
    if (!may_send(link)) {
        return false;
    }
    send_request(link);
    return true;
}

static void kick(VFIOCCWLink *link)
{
    if (ask(link)) {
        deliver_request(link, VFIO_CCW_NEWS_SENT, link->queued.number);
    }
}

static void retry_timer_cb(void *opaque)
{
    kick(opaque);
}

/*
 * Was this halt or clear perhaps there before what it is to end? Of a clear,
 * that may be a halt, whose interrupt would then come after that of the clear.
 */
static bool came_too_early(const VFIOCCWJob *job)
{
    return job->lane != VFIO_CCW_LANE_START && !job->ret &&
           (job->link->overtaken[VFIO_CCW_LANE_START] ||
            job->link->overtaken[VFIO_CCW_LANE_HALT]);
}

static bool means_try_again(const VFIOCCWJob *job)
{
    return (vfio_ccw_errno_is_retried(job->ret) || came_too_early(job)) &&
           job->request.number == job->link->queued.number &&
           job->request.attempts + 1 < MAX_ATTEMPTS;
}

static void queue_again(VFIOCCWJob *job)
{
    VFIOCCWLink *link = job->link;
    unsigned delay = MIN(1 << job->request.attempts, MAX_DELAY_MS);

    trace_vfio_ccw_retry(link->who, job->request.number, job->ret,
                         job->request.attempts, delay);
    link->queued = job->request;
    link->queued.attempts++;
    if (job->ret && !(vfio_ccw_errno_is_own_lock(job->ret) &&
                      request_at_host(link))) {
        timer_mod(link->retry_timer,
                  qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) + delay);
    }
    deliver_request(link, VFIO_CCW_NEWS_RETRY, job->request.number);
}

/*
 * Linux's driver accepts no start before it has copied the end of the last one.
 * If an alert has overwritten that, it never does: the subchannel is idle, and
 * the driver answers -EBUSY. The end of a halt frees the driver. That halt is
 * nobody's request, and its IRB ends nothing.
 */
static void unstick(VFIOCCWLink *link, const VFIOCCWJob *job)
{
    static const VFIOCCWRequest nobodys = { .lane = VFIO_CCW_LANE_HALT };

    if (vfio_ccw_job_found_stuck(job) && link->async_region >= 0 &&
        !link->busy[VFIO_CCW_LANE_HALT]) {
        submit(link, VFIO_CCW_LANE_HALT, &nobodys);
    }
}

/*
 * Unless a newer one was delivered: SCHIBs may come in another order than they
 * were asked for.
 */
static void show_schib(VFIOCCWJob *job)
{
    VFIOCCWLink *link = job->link;

    if (!job->has_schib || job->schib_ret ||
        (int32_t)(job->schib_turn - link->schib_shown) < 0) {
        return;
    }
    link->schib_shown = job->schib_turn;
    deliver(link, (VFIOCCWNews) { .kind = VFIO_CCW_NEWS_SCHIB,
                                  .schib = &job->schib });
}

/* The SCHIB is news of its own: it counts also where the answer is stale. */
static void deliver_answer(VFIOCCWJob *job)
{
    VFIOCCWAnswer answer = {
        .request = job->request.number,
        .ret = job->ret,
        .schib_lost = job->has_schib && job->schib_ret,
    };

    show_schib(job);
    deliver(job->link, (VFIOCCWNews) { .kind = VFIO_CCW_NEWS_ANSWER,
                                       .answer = &answer });
}

static void deliver_irb(VFIOCCWLink *link, const VFIOCCWEvidence *evidence)
{
    deliver(link, (VFIOCCWNews) {
        .kind = VFIO_CCW_NEWS_IRB,
        .evidence = evidence,
    });
}

/* No interrupt comes of a halt or clear that a reset stood in for. */
static void deliver_emulated_end(VFIOCCWJob *job)
{
    VFIOCCWEvidence evidence = {
        .irb.scsw.ctrl = SCSW_STCTL_STATUS_PEND |
                         (job->lane == VFIO_CCW_LANE_HALT
                          ? SCSW_FCTL_HALT_FUNC : SCSW_FCTL_CLEAR_FUNC),
        .schib = VFIO_CCW_SCHIB_NONE, /* the reset has ended */
    };

    deliver_irb(job->link, &evidence);
}

static void finish_request(VFIOCCWJob *job)
{
    if (means_try_again(job)) {
        show_schib(job);
        queue_again(job);
        unstick(job->link, job);
        return;
    }
    deliver_answer(job);
    if (!job->ret && job->lane != VFIO_CCW_LANE_START &&
        job->link->async_region < 0 &&
        job->request.number == job->link->queued.number) {
        deliver_emulated_end(job);
    }
}

static void deliver_gone(VFIOCCWLink *link)
{
    deliver(link, (VFIOCCWNews) { .kind = VFIO_CCW_NEWS_GONE });
}

static void deliver_schib(VFIOCCWJob *job)
{
    VFIOCCWAnswer answer = {
        .ret = job->schib_ret,
        .schib_lost = job->schib_ret != 0,
    };

    show_schib(job);
    if (job->has_schib && vfio_ccw_answer_says_gone(&answer)) {
        deliver_gone(job->link);
    }
}

/* One that was under way when the look was asked for does not count. */
static void finish_look(VFIOCCWJob *job)
{
    VFIOCCWLink *link = job->link;

    if (!link->looking || link->due[VFIO_CCW_LANE_SCHIB]) {
        return;
    }
    if (job->life != link->life) {
        link->due[VFIO_CCW_LANE_SCHIB] = true; /* nobody has heard of it */
        return;
    }
    link->looking = false;
    deliver(link, (VFIOCCWNews) { .kind = VFIO_CCW_NEWS_LOOKED });
}

static void finish_irb(VFIOCCWJob *job)
{
    VFIOCCWLink *link = job->link;

    deliver_schib(job);
    if (job->ret) {
        deliver_gone(link); /* the guest would wait for interrupts for ever */
        return;
    }
    link->last_irb = job->evidence.irb;
    /* What the host was busy with may be over now. */
    timer_del(link->retry_timer);
    deliver_irb(link, &job->evidence);
}

/*
 * A reset of the guest does not undo what has happened to its paths. Whether a
 * CRW was reported before it or after cannot be told; none may be missing.
 */
static void finish_crws(VFIOCCWJob *job)
{
    VFIOCCWLink *link = job->link;

    deliver_schib(job);
    for (unsigned i = 0; i < job->num_crws; i++) {
        deliver(link, (VFIOCCWNews) { .kind = VFIO_CCW_NEWS_CRW,
                                      .crw = job->crws[i] });
    }
    if (job->num_crws == VFIO_CCW_MAX_CRWS) {
        link->due[VFIO_CCW_LANE_CRW] = true;
    }
    /* What it took off the host's queue cannot be asked for again. */
    if (job->ret) {
        deliver_gone(link);
    }
}

/* What the driver signalled while it quiesced belongs to the old life. */
static void finish_reset(VFIOCCWJob *job)
{
    VFIOCCWLink *link = job->link;

    if (link->open) {
        take_signal(&link->irq[VFIO_CCW_IO_IRQ_INDEX]);
    }
    link->due[VFIO_CCW_LANE_IRB] = false;
    if (job->ret) {
        warn_report("%s: the host's reset of the device failed: %s",
                    link->who, strerror(-job->ret));
        deliver_gone(link);
        return;
    }
    link->last_irb = job->evidence.irb;
    deliver_schib(job);
}

static bool outlives_reset(VFIOCCWLane lane)
{
    return lane == VFIO_CCW_LANE_RESET || lane == VFIO_CCW_LANE_CRW;
}

static void finish(VFIOCCWJob *job)
{
    VFIOCCWLink *link = job->link;

    link->busy[job->lane] = false;
    if (job->ret) {
        link->overtaken[job->lane] = false;
    }
    trace_vfio_ccw_job_done(link->who, lane_names[job->lane],
                            job->request.number, job->ret);
    if (job->life == link->life || outlives_reset(job->lane)) {
        switch (job->lane) {
        case VFIO_CCW_LANE_RESET:
            finish_reset(job);
            break;
        case VFIO_CCW_LANE_IRB:
            finish_irb(job);
            break;
        case VFIO_CCW_LANE_SCHIB:
            deliver_schib(job);
            break;
        case VFIO_CCW_LANE_CRW:
            finish_crws(job);
            break;
        default:
            finish_request(job);
            break;
        }
    }
    if (job->lane == VFIO_CCW_LANE_SCHIB) {
        finish_look(job);
    }
    g_free(job);
    kick(link);
    vfio_ccw_link_leave(link);
}

/*
 * PoP 15, "Operation-Request Block": Linux would put a path mask of its own in
 * place of none, and copy a program from any address. It cannot be told to
 * resume, so it must not be made to suspend. The error is the one with which
 * Linux would say what the guest is to be told.
 */
static int reason_to_refuse(const ORB *orb)
{
    uint32_t invalid = orb->ctrl0 & ORB_CTRL0_MASK_FMT ? 0x80000007
                                                       : 0xff000007;

    if (!orb->lpm) {
        return -EACCES;
    }
    if (orb->cpa & invalid) {
        return -EINVAL;
    }
    return orb->ctrl0 & ORB_CTRL0_MASK_SPND ? -EOPNOTSUPP : 0;
}

int vfio_ccw_link_request(VFIOCCWLink *link, VFIOCCWFunction function,
                          uint32_t number, const ORB *orb)
{
    int ret = function == VFIO_CCW_FN_START ? reason_to_refuse(orb) : 0;

    QEMU_BUILD_BUG_ON((int)VFIO_CCW_FN_START != VFIO_CCW_LANE_START);
    QEMU_BUILD_BUG_ON((int)VFIO_CCW_FN_HALT != VFIO_CCW_LANE_HALT);
    QEMU_BUILD_BUG_ON((int)VFIO_CCW_FN_CLEAR != VFIO_CCW_LANE_CLEAR);

    if (ret) {
        trace_vfio_ccw_start_refused(link->who, ret);
        return ret;
    }
    timer_del(link->retry_timer);
    link->queued = (VFIOCCWRequest) {
        .valid = true,
        .lane = (VFIOCCWLane)function,
        .number = number,
        .orb = *orb,
    };
    return ask(link);
}

void vfio_ccw_link_withdraw(VFIOCCWLink *link)
{
    link->queued.valid = false;
}

static void make_due(VFIOCCWLink *link, VFIOCCWLane lane)
{
    link->due[lane] = true;
    kick(link);
}

void vfio_ccw_link_refresh_schib(VFIOCCWLink *link)
{
    /* One that is under way is fresh enough: a guest may look all the time. */
    if (link->schib_region >= 0 && !link->busy[VFIO_CCW_LANE_SCHIB]) {
        make_due(link, VFIO_CCW_LANE_SCHIB);
    }
}

void vfio_ccw_link_look(VFIOCCWLink *link)
{
    link->looking = true;
    make_due(link, VFIO_CCW_LANE_SCHIB);
}

void vfio_ccw_link_reset(VFIOCCWLink *link)
{
    vfio_ccw_link_withdraw(link);
    link->life++;
    /* Nothing was sent since the reset began that is with the host now. */
    if (!link->busy[VFIO_CCW_LANE_RESET]) {
        make_due(link, VFIO_CCW_LANE_RESET);
    }
}

bool vfio_ccw_link_resetting(const VFIOCCWLink *link)
{
    return link->open && !link->given_up &&
           (link->due[VFIO_CCW_LANE_RESET] || link->busy[VFIO_CCW_LANE_RESET]);
}

void vfio_ccw_link_give_up(VFIOCCWLink *link)
{
    link->given_up = true;
}

void vfio_ccw_link_lost(VFIOCCWLink *link)
{
    deliver_gone(link);
}

static void io_irq(void *opaque)
{
    VFIOCCWLink *link = opaque;

    note_io_signal(link);
    kick(link);
}

static void crw_irq(void *opaque)
{
    VFIOCCWLink *link = opaque;

    if (take_signal(&link->irq[VFIO_CCW_CRW_IRQ_INDEX])) {
        make_due(link, VFIO_CCW_LANE_CRW);
    }
}

static void req_irq(void *opaque)
{
    VFIOCCWLink *link = opaque;

    if (take_signal(&link->irq[VFIO_CCW_REQ_IRQ_INDEX])) {
        deliver(link, (VFIOCCWNews) { .kind = VFIO_CCW_NEWS_REQ });
    }
}

static const struct {
    const char *name;
    IOHandler *handler;
} irqs[VFIO_CCW_NUM_IRQS] = {
    [VFIO_CCW_IO_IRQ_INDEX] = { "I/O", io_irq },
    [VFIO_CCW_CRW_IRQ_INDEX] = { "CRW", crw_irq },
    [VFIO_CCW_REQ_IRQ_INDEX] = { "REQ", req_irq },
};

/* Less than 0 is -errno: the host does not say. */
static int host_has_irq(VFIOCCWLink *link, int index)
{
    struct vfio_irq_info info;
    int ret;

    if (index >= link->vdev->num_irqs) {
        return 0;
    }
    ret = vfio_device_get_irq_info(link->vdev, index, &info);
    return ret ?: info.count > 0;
}

/* I/O interrupts are many, the others rare: those can go the long way. */
static void watch(VFIOCCWLink *link, int index, IOHandler *handler)
{
    int fd = event_notifier_get_fd(&link->irq[index]);

    if (index == VFIO_CCW_IO_IRQ_INDEX) {
        link->transport->watch(link, fd, handler);
    } else {
        qemu_set_fd_handler(fd, handler, NULL, link);
    }
}

static bool register_irq(VFIOCCWLink *link, int index, Error **errp)
{
    EventNotifier *notifier = &link->irq[index];
    int ret;

    ret = host_has_irq(link, index);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "cannot ask for the host's %s interrupt",
                         irqs[index].name);
        return false;
    }
    if (!ret) {
        error_setg(errp, "the host's driver has no %s interrupt",
                   irqs[index].name);
        return false;
    }
    ret = event_notifier_init(notifier, 0);
    if (ret) {
        error_setg_errno(errp, -ret, "no eventfd for the %s interrupt",
                         irqs[index].name);
        return false;
    }
    if (!vfio_device_irq_set_signaling(link->vdev, index, 0,
                                       VFIO_IRQ_SET_ACTION_TRIGGER,
                                       event_notifier_get_fd(notifier), errp)) {
        event_notifier_cleanup(notifier);
        return false;
    }
    link->irq_registered[index] = true;
    return true;
}

static void unregister_irqs(VFIOCCWLink *link)
{
    for (int i = 0; i < VFIO_CCW_NUM_IRQS; i++) {
        link->irq_registered[i] = false;
        event_notifier_cleanup(&link->irq[i]);
    }
}

static void listen_to_irqs(VFIOCCWLink *link, bool listen)
{
    for (int i = 0; i < VFIO_CCW_NUM_IRQS; i++) {
        if (link->irq_registered[i]) {
            watch(link, i, listen ? irqs[i].handler : NULL);
        }
    }
}

/*
 * I/O is what a device is for; a host with CRWs but no way to announce them is
 * broken; a host that cannot ask for its device back is merely old.
 */
static bool register_irqs(VFIOCCWLink *link, Error **errp)
{
    if (!register_irq(link, VFIO_CCW_IO_IRQ_INDEX, errp)) {
        return false;
    }
    if (link->crw_region >= 0 &&
        !register_irq(link, VFIO_CCW_CRW_IRQ_INDEX, errp)) {
        return false;
    }
    if (host_has_irq(link, VFIO_CCW_REQ_IRQ_INDEX) > 0) {
        return register_irq(link, VFIO_CCW_REQ_IRQ_INDEX, errp);
    }
    return true;
}

static bool check_size(const struct vfio_region_info *info, const char *name,
                       size_t size, Error **errp)
{
    if (info->size != size) {
        error_setg(errp, "the host's %s region has %" PRIu64
                   " bytes instead of %zu", name, (uint64_t)info->size, size);
        return false;
    }
    return true;
}

static bool find_optional(VFIOCCWLink *link, uint32_t subtype, const char *name,
                          size_t size, int *index, Error **errp)
{
    struct vfio_region_info *info;

    *index = -1;
    if (vfio_device_get_region_info_type(link->vdev, VFIO_REGION_TYPE_CCW,
                                         subtype, &info)) {
        return true;
    }
    *index = info->index;
    return check_size(info, name, size, errp);
}

static bool find_regions(VFIOCCWLink *link, Error **errp)
{
    struct vfio_region_info *info;
    int ret;

    if (!(link->vdev->flags & VFIO_DEVICE_FLAGS_CCW)) {
        error_setg(errp, "the host's device is not a vfio-ccw device");
        return false;
    }
    link->io_region = VFIO_CCW_CONFIG_REGION_INDEX;
    if (link->vdev->num_initial_regions <= link->io_region) {
        error_setg(errp, "the host's driver has no I/O region");
        return false;
    }
    ret = vfio_device_get_region_info(link->vdev, link->io_region, &info);
    if (ret) {
        error_setg_errno(errp, -ret, "cannot ask for the host's I/O region");
        return false;
    }
    return check_size(info, "I/O", sizeof(struct ccw_io_region), errp) &&
           find_optional(link, VFIO_REGION_SUBTYPE_CCW_ASYNC_CMD, "async",
                         sizeof(struct ccw_cmd_region), &link->async_region,
                         errp) &&
           find_optional(link, VFIO_REGION_SUBTYPE_CCW_SCHIB, "schib",
                         sizeof(struct ccw_schib_region), &link->schib_region,
                         errp) &&
           find_optional(link, VFIO_REGION_SUBTYPE_CCW_CRW, "crw",
                         sizeof(struct ccw_crw_region), &link->crw_region,
                         errp);
}

static bool read_first_schib(VFIOCCWLink *link, SCHIB *schib, bool *have_schib,
                             Error **errp)
{
    VFIODevice *vdev = link->vdev;
    int ret;

    *have_schib = link->schib_region >= 0;
    if (!*have_schib) {
        return true;
    }
    ret = vdev->io_ops->region_read(vdev, link->schib_region, 0,
                                    sizeof(*schib), schib);
    if (ret != sizeof(*schib)) {
        error_setg_errno(errp, ret < 0 ? -ret : ESHUTDOWN,
                         "cannot read the host's SCHIB");
        return false;
    }
    vfio_ccw_schib_from_be(schib);
    return true;
}

bool vfio_ccw_link_negotiate(VFIOCCWLink *link, SCHIB *schib, bool *have_schib,
                             Error **errp)
{
    return find_regions(link, errp) &&
           read_first_schib(link, schib, have_schib, errp) &&
           register_irqs(link, errp);
}

char *vfio_ccw_link_take_fault(VFIOCCWLink *link)
{
    return link->transport->take_fault ? link->transport->take_fault(link)
                                       : NULL;
}

void vfio_ccw_link_explain(VFIOCCWLink *link, Error **errp)
{
    g_autofree char *fault = vfio_ccw_link_take_fault(link);

    if (fault) {
        error_free(*errp);
        *errp = NULL;
        error_setg(errp, "%s: %s", link->vdev->name, fault);
    }
}

void vfio_ccw_link_abandon(VFIOCCWLink *link)
{
    unregister_irqs(link);
}

/*
 * No job is left of an earlier host, so no lane is busy. Its last request and
 * its last IRB the reset will forget.
 */
static void forget_everything(VFIOCCWLink *link)
{
    link->given_up = false;
    memset(link->due, 0, sizeof(link->due));
    link->looking = false;
}

/*
 * A fault that has not lost the host, such as a late answer to what it need not
 * have, must not be taken for the cause of a loss that comes later.
 */
bool vfio_ccw_link_open(VFIOCCWLink *link, Error **errp)
{
    g_autofree char *fault = vfio_ccw_link_take_fault(link);

    if (link->transport->connected && !link->transport->connected(link)) {
        error_setg(errp, "the host was lost again%s%s", fault ? ": " : "",
                   fault ?: "");
        return false;
    }
    forget_everything(link);
    listen_to_irqs(link, true);
    link->open = true;
    return true;
}

void vfio_ccw_link_init(VFIOCCWLink *link, VFIODevice *vdev,
                        const VFIOCCWTransport *transport, const char *who,
                        VFIOCCWDeliver *deliver_cb, VFIOCCWAskJudge *judge,
                        void *opaque)
{
    *link = (VFIOCCWLink) {
        .vdev = vdev,
        .transport = transport,
        .who = who,
        .deliver = deliver_cb,
        .judge = judge,
        .opaque = opaque,
        .retry_timer = timer_new_ms(QEMU_CLOCK_VIRTUAL, retry_timer_cb, link),
    };
    qemu_cond_init(&link->job_done);
}

/*
 * The host is not asked to drop its end of the eventfds, which might take long:
 * a server does so by itself, and a kernel when it is detached.
 */
void vfio_ccw_link_close(VFIOCCWLink *link)
{
    if (link->open) {
        link->open = false;
        listen_to_irqs(link, false);
        unregister_irqs(link);
    }
    if (link->jobs && link->transport->cut) {
        link->transport->cut(link);
    }
}

bool vfio_ccw_link_idle(const VFIOCCWLink *link)
{
    return !link->jobs;
}

void vfio_ccw_link_enter(VFIOCCWLink *link)
{
    link->jobs++;
}

void vfio_ccw_link_leave(VFIOCCWLink *link)
{
    link->jobs--;
    if (vfio_ccw_link_idle(link)) {
        link->deliver(link->opaque,
                      &(VFIOCCWNews) { .kind = VFIO_CCW_NEWS_IDLE });
    }
    qemu_cond_signal(&link->job_done);
}

void vfio_ccw_link_drain(VFIOCCWLink *link)
{
    while (link->jobs) {
        qemu_cond_wait_bql(&link->job_done);
    }
}

void vfio_ccw_link_destroy(VFIOCCWLink *link)
{
    timer_free(link->retry_timer);
    qemu_cond_destroy(&link->job_done);
}
