/*
 * vfio-ccw: a question to the host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The regions of the host's driver, and their byte order: nobody else accesses
 * them, but for the first SCHIB, which the link reads when it is opened.
 *
 * A job is a coroutine of ccw-link.c. It runs with the BQL held, in whichever
 * thread has it, and yields where it asks the host.
 */

#include "qemu/osdep.h"
#include <linux/vfio.h>
#include <linux/vfio_ccw.h>
#include "qemu/bswap.h"
#include "hw/vfio/ccw-job.h"

/*
 * Byte order: every region is big-endian, as on the wire so on any host.
 */

/*
 * The region has no place for an ORB's extension: to Linux that would be what
 * follows the ORB there, the IRB of an earlier start included.
 */
static void orb_to_be(struct ccw_io_region *region, const ORB *orb)
{
    ORB be = {
        .intparm = cpu_to_be32(orb->intparm),
        .ctrl0 = cpu_to_be16(orb->ctrl0),
        .lpm = orb->lpm,
        .ctrl1 = orb->ctrl1 & ~ORB_CTRL1_MASK_ORBX,
        .cpa = cpu_to_be32(orb->cpa),
    };

    QEMU_BUILD_BUG_ON(sizeof(be) != sizeof(region->orb_area));
    memcpy(region->orb_area, &be, sizeof(be));
}

static void scsw_from_be(SCSW *scsw)
{
    scsw->flags = be16_to_cpu(scsw->flags);
    scsw->ctrl = be16_to_cpu(scsw->ctrl);
    scsw->cpa = be32_to_cpu(scsw->cpa);
    scsw->count = be16_to_cpu(scsw->count);
}

static void irb_from_be(IRB *irb)
{
    scsw_from_be(&irb->scsw);
    irb->esw.word0 = be32_to_cpu(irb->esw.word0);
    irb->esw.erw = be32_to_cpu(irb->esw.erw);
    irb->esw.word2 = be64_to_cpu(irb->esw.word2);
    irb->esw.word4 = be32_to_cpu(irb->esw.word4);
    for (int i = 0; i < ARRAY_SIZE(irb->ecw); i++) {
        irb->ecw[i] = be32_to_cpu(irb->ecw[i]);
        irb->emw[i] = be32_to_cpu(irb->emw[i]);
    }
}

void vfio_ccw_schib_from_be(SCHIB *schib)
{
    SCSW scsw = schib->scsw;

    schib->pmcw.intparm = be32_to_cpu(schib->pmcw.intparm);
    schib->pmcw.flags = be16_to_cpu(schib->pmcw.flags);
    schib->pmcw.devno = be16_to_cpu(schib->pmcw.devno);
    schib->pmcw.mbi = be16_to_cpu(schib->pmcw.mbi);
    schib->pmcw.chars = be32_to_cpu(schib->pmcw.chars);
    schib->mba = be64_to_cpu(schib->mba);
    scsw_from_be(&scsw);
    schib->scsw = scsw;
}

static int coroutine_fn read_schib(VFIOCCWLink *link, SCHIB *schib)
{
    int ret;

    QEMU_BUILD_BUG_ON(sizeof(*schib) != SCHIB_AREA_SIZE);
    ret = link->transport->read(link, link->schib_region, 0, schib,
                                sizeof(*schib));
    if (!ret) {
        vfio_ccw_schib_from_be(schib);
    }
    return ret;
}

static void coroutine_fn job_read_schib(VFIOCCWJob *job)
{
    if (job->link->schib_region >= 0) {
        job->has_schib = true;
        job->schib_turn = ++job->link->schib_turn;
        job->schib_ret = read_schib(job->link, &job->schib);
    }
}

/* ORB and SCSW only: the driver's IRB area may hold what nobody has read. */
static void coroutine_fn job_start(VFIOCCWJob *job)
{
    VFIOCCWLink *link = job->link;
    struct ccw_io_region region = {};
    SCSW scsw = { .ctrl = cpu_to_be16(SCSW_FCTL_START_FUNC) };

    orb_to_be(&region, &job->request.orb);
    memcpy(region.scsw_area, &scsw, sizeof(scsw));
    job->ret = link->transport->write(link, link->io_region, &region,
                                      offsetof(struct ccw_io_region, irb_area));
}

static void coroutine_fn job_command(VFIOCCWJob *job)
{
    VFIOCCWLink *link = job->link;
    bool halt = job->lane == VFIO_CCW_LANE_HALT;
    struct ccw_cmd_region region = {
        .command = cpu_to_be32(halt ? VFIO_CCW_ASYNC_CMD_HSCH
                                    : VFIO_CCW_ASYNC_CMD_CSCH),
    };

    if (link->async_region < 0) {
        /* An old driver: only a reset stops the program that is running. */
        job->ret = link->transport->reset(link);
        return;
    }
    job->ret = link->transport->write(link, link->async_region, &region,
                                      sizeof(region));
}

/* If the driver has lost an end, an alert has overwritten it. */
static bool may_be_stuck(const VFIOCCWJob *job)
{
    const SCSW *newest = &job->link->last_irb.scsw;

    return job->lane == VFIO_CCW_LANE_START && job->ret == -EBUSY &&
           job->request.attempts &&
           vfio_ccw_status_of(newest) == VFIO_CCW_OF_NOTHING;
}

bool vfio_ccw_job_found_stuck(const VFIOCCWJob *job)
{
    return may_be_stuck(job) && job->has_schib && !job->schib_ret &&
           !(job->schib.scsw.ctrl & (SCSW_CTRL_MASK_FCTL |
                                     SCSW_CTRL_MASK_ACTL |
                                     SCSW_STCTL_STATUS_PEND));
}

static void coroutine_fn job_request(VFIOCCWJob *job)
{
    if (job->lane == VFIO_CCW_LANE_START) {
        job_start(job);
    } else {
        job_command(job);
    }
    if (vfio_ccw_errno_needs_schib(job->ret) || may_be_stuck(job)) {
        job_read_schib(job);
    }
}

static int coroutine_fn read_irb(VFIOCCWJob *job, IRB *irb)
{
    VFIOCCWLink *link = job->link;
    int ret;

    QEMU_BUILD_BUG_ON(sizeof(*irb) != IRB_AREA_SIZE);
    ret = link->transport->read(link, link->io_region,
                                offsetof(struct ccw_io_region, irb_area),
                                irb, sizeof(*irb));
    if (!ret) {
        irb_from_be(irb);
    }
    return ret;
}

static void coroutine_fn job_schib_of_irb(VFIOCCWJob *job)
{
    VFIOCCWEvidence *evidence = &job->evidence;

    job_read_schib(job);
    evidence->schib = VFIO_CCW_SCHIB_NONE;
    if (job->has_schib && !job->schib_ret) {
        evidence->schib = VFIO_CCW_SCHIB_READ;
        evidence->host_ctrl = job->schib.scsw.ctrl;
    }
}

static void coroutine_fn job_irb_again(VFIOCCWJob *job)
{
    VFIOCCWEvidence *evidence = &job->evidence;
    bool signalled = vfio_ccw_link_take_irb_signal(job->link);
    IRB irb;

    job->ret = read_irb(job, &irb);
    evidence->again = VFIO_CCW_AGAIN_SAME;
    if (memcmp(&irb, &evidence->irb, sizeof(irb))) {
        evidence->again = VFIO_CCW_AGAIN_CHANGED;
        job->link->due[VFIO_CCW_LANE_IRB] |= signalled;
    }
}

/* Path not operational makes a guest look at its paths, in a fresh SCHIB. */
static void coroutine_fn job_irb(VFIOCCWJob *job)
{
    VFIOCCWLink *link = job->link;
    VFIOCCWEvidence *evidence = &job->evidence;
    VFIOCCWRuling ruling;

    job->ret = read_irb(job, &evidence->irb);
    evidence->repeated = !memcmp(&evidence->irb, &link->last_irb,
                                 sizeof(evidence->irb));
    if (!job->ret && (evidence->irb.scsw.flags & SCSW_FLAGS_MASK_PNO)) {
        job_schib_of_irb(job);
    }
    while (!job->ret) {
        evidence->overtaken = link->nr_sent != job->nr_sent;
        ruling = link->judge(link->opaque, evidence);
        if (ruling.next == VFIO_CCW_RULED) {
            return;
        }
        if (ruling.next == VFIO_CCW_READ_SCHIB) {
            job_schib_of_irb(job);
        } else {
            job_irb_again(job);
        }
    }
}

static void coroutine_fn job_crws(VFIOCCWJob *job)
{
    VFIOCCWLink *link = job->link;
    struct ccw_crw_region region;

    while (job->num_crws < VFIO_CCW_MAX_CRWS) {
        job->ret = link->transport->read(link, link->crw_region, 0, &region,
                                         sizeof(region));
        if (job->ret || !region.crw) {
            break;
        }
        job->crws[job->num_crws++] = (CRW) {
            .flags = be32_to_cpu(region.crw) >> 16,
            .rsid = be32_to_cpu(region.crw),
        };
    }
    /* A guest that is told of a path wants to see it in the SCHIB. */
    if (job->num_crws) {
        job_read_schib(job);
    }
}

/* The IRB that is there afterwards is not one of the new life. */
static void coroutine_fn job_reset(VFIOCCWJob *job)
{
    VFIOCCWLink *link = job->link;

    if (link->vdev->reset_works) {
        job->ret = link->transport->reset(link);
    }
    if (!job->ret) {
        job->ret = read_irb(job, &job->evidence.irb);
    }
    job_read_schib(job);
}

void coroutine_fn vfio_ccw_job_work(VFIOCCWJob *job)
{
    switch (job->lane) {
    case VFIO_CCW_LANE_RESET:
        job_reset(job);
        break;
    case VFIO_CCW_LANE_IRB:
        job_irb(job);
        break;
    case VFIO_CCW_LANE_SCHIB:
        job_read_schib(job);
        break;
    case VFIO_CCW_LANE_CRW:
        job_crws(job);
        break;
    default:
        job_request(job);
        break;
    }
}
