/*
 * Subchannel: what the emulated host driver finds below itself
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Instructions come from driver.c, status from the devices; all of it in the
 * host's thread.
 */

#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "cp.h"
#include "subchannel.h"

/*
 * A status that has to wait until the one before is taken: it is not of the
 * same operation, or it is an IRB that a test has chosen
 */
typedef struct Waiting {
    bool is_irb;
    IRB irb;
    HostStatus status;
} Waiting;

#define ACTL_PENDING (SCSW_ACTL_RESUME_PEND | SCSW_ACTL_START_PEND | \
                      SCSW_ACTL_HALT_PEND | SCSW_ACTL_CLEAR_PEND)
#define ACTL_ACTIVE  (SCSW_ACTL_SUBCH_ACTIVE | SCSW_ACTL_DEVICE_ACTIVE)

/* Subchannel status that comes with alert status */
#define CSTAT_ALERT  ((uint8_t)~(SCSW_CSTAT_PCI | SCSW_CSTAT_INCORR_LEN))

void host_subchannel_init(HostSubchannel *sch, const PMCW *pmcw,
                          const HostDeviceOps *ops, void *device,
                          void (*interrupt)(void *opaque), void *opaque)
{
    *sch = (HostSubchannel) {
        .pmcw = *pmcw,
        .ops = ops,
        .device = device,
        .interrupt = interrupt,
        .opaque = opaque,
    };
    g_queue_init(&sch->waiting);
}

void host_subchannel_destroy(HostSubchannel *sch)
{
    g_queue_clear_full(&sch->waiting, g_free);
    cp_unref(sch->cp);
}

static bool not_operational(HostSubchannel *sch)
{
    uint16_t flags = sch->pmcw.flags;

    return sch->gone || !(flags & PMCW_FLAGS_MASK_DNV) ||
           !(flags & PMCW_FLAGS_MASK_ENA);
}

static bool status_pending(HostSubchannel *sch)
{
    return sch->scsw.ctrl & SCSW_STCTL_STATUS_PEND;
}

static bool only_intermediate(const SCSW *scsw)
{
    return scsw->ctrl & SCSW_STCTL_INTERMEDIATE &&
           !(scsw->ctrl & (SCSW_STCTL_PRIMARY | SCSW_STCTL_SECONDARY |
                           SCSW_STCTL_ALERT));
}

int host_subchannel_ssch(HostSubchannel *sch, const ORB *orb,
                         ChannelProgram *cp)
{
    SCSW *scsw = &sch->scsw;
    PMCW *pmcw = &sch->pmcw;

    if (not_operational(sch)) {
        return 3;
    }
    if (status_pending(sch)) {
        return 1;
    }
    if (scsw->ctrl & SCSW_CTRL_MASK_FCTL) {
        return 2;
    }
    if (!(orb->lpm & pmcw->pam)) {
        return 3;
    }

    pmcw->lpm = orb->lpm;
    pmcw->pnom = 0;
    /* The ORB's key, S, F, P, I, A and U are where the SCSW has them */
    *scsw = (SCSW) {
        .flags = orb->ctrl0 & (SCSW_FLAGS_MASK_KEY | SCSW_FLAGS_MASK_SCTL |
                               SCSW_FLAGS_MASK_FMT | SCSW_FLAGS_MASK_PFCH |
                               SCSW_FLAGS_MASK_ISIC | SCSW_FLAGS_MASK_ALCC |
                               SCSW_FLAGS_MASK_SSI),
        .ctrl = SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND,
        .cpa = orb->cpa,
    };
    cp_unref(sch->cp);
    sch->cp = cp_ref(cp);
    return 0;
}

/* The halt ends the start: an IRB of the start can come no more */
static void drop_waiting_starts(HostSubchannel *sch)
{
    GList *next;

    for (GList *link = sch->waiting.head; link; link = next) {
        Waiting *waiting = link->data;

        next = link->next;
        if (waiting->is_irb &&
            waiting->irb.scsw.ctrl & SCSW_FCTL_START_FUNC) {
            g_queue_delete_link(&sch->waiting, link);
            g_free(waiting);
        }
    }
}

int host_subchannel_hsch(HostSubchannel *sch)
{
    SCSW *scsw = &sch->scsw;

    if (not_operational(sch)) {
        return 3;
    }
    if (status_pending(sch) && !only_intermediate(scsw)) {
        return 1;
    }
    if (scsw->ctrl & (SCSW_FCTL_HALT_FUNC | SCSW_FCTL_CLEAR_FUNC)) {
        return 2;
    }

    /* Intermediate status of an active subchannel is withdrawn */
    scsw->ctrl &= ~SCSW_CTRL_MASK_STCTL;
    scsw->flags &= ~SCSW_FLAGS_MASK_ZCC;
    drop_waiting_starts(sch);
    scsw->ctrl |= SCSW_FCTL_HALT_FUNC | SCSW_ACTL_HALT_PEND;
    return 0;
}

int host_subchannel_csch(HostSubchannel *sch)
{
    SCSW *scsw = &sch->scsw;
    PMCW *pmcw = &sch->pmcw;

    if (not_operational(sch)) {
        return 3;
    }

    g_queue_clear_full(&sch->waiting, g_free);
    pmcw->pom = 0xff;
    pmcw->lpum = 0;
    pmcw->pnom = 0;
    *scsw = (SCSW) {
        .ctrl = SCSW_FCTL_CLEAR_FUNC | SCSW_ACTL_CLEAR_PEND,
    };
    sch->goes_on = 0;
    return 0;
}

int host_subchannel_xsch(HostSubchannel *sch)
{
    SCSW *scsw = &sch->scsw;

    if (not_operational(sch)) {
        return 3;
    }
    if (scsw->ctrl & SCSW_CTRL_MASK_STCTL) {
        return 1;
    }
    if ((scsw->ctrl & SCSW_CTRL_MASK_FCTL) != SCSW_FCTL_START_FUNC ||
        scsw->ctrl & SCSW_ACTL_SUBCH_ACTIVE ||
        !(scsw->ctrl & (SCSW_ACTL_RESUME_PEND | SCSW_ACTL_START_PEND |
                        SCSW_ACTL_SUSP))) {
        return 2;
    }

    scsw->ctrl &= ~(SCSW_FCTL_START_FUNC | SCSW_ACTL_RESUME_PEND |
                    SCSW_ACTL_START_PEND | SCSW_ACTL_SUSP);
    scsw->dstat = 0;
    scsw->cstat = 0;
    return 0;
}

/* Unsolicited, or of a function that is over: what is in progress goes on. */
static bool ends_nothing(const SCSW *scsw, const IRB *irb)
{
    uint16_t fctl = irb->scsw.ctrl & SCSW_CTRL_MASK_FCTL;
    uint16_t stctl = irb->scsw.ctrl & SCSW_CTRL_MASK_STCTL;

    if (fctl) {
        return !(fctl & scsw->ctrl);
    }
    return !(irb->scsw.flags & SCSW_FLAGS_MASK_CC) &&
           stctl == (SCSW_STCTL_ALERT | SCSW_STCTL_STATUS_PEND);
}

/* What TSCH clears once it has stored status that was pending */
static void clear_status(SCSW *scsw)
{
    bool intermediate = only_intermediate(scsw);

    scsw->ctrl &= ~SCSW_CTRL_MASK_STCTL;
    scsw->flags &= ~(SCSW_FLAGS_MASK_ZCC | SCSW_FLAGS_MASK_ECTL);
    if (!intermediate) {
        scsw->ctrl &= ~(SCSW_CTRL_MASK_FCTL | ACTL_PENDING | SCSW_ACTL_SUSP);
        scsw->flags &= ~SCSW_FLAGS_MASK_PNO;
    }
}

int host_subchannel_tsch(HostSubchannel *sch, IRB *irb)
{
    if (not_operational(sch)) {
        return 3;
    }

    *irb = sch->irb;
    irb->scsw = sch->scsw;
    if (!status_pending(sch)) {
        return 1;
    }
    clear_status(&sch->scsw);
    sch->scsw.ctrl |= sch->goes_on;
    sch->goes_on = 0;
    memset(&sch->irb, 0, sizeof(sch->irb));
    return 0;
}

int host_subchannel_stsch(HostSubchannel *sch, SCHIB *schib)
{
    if (sch->gone) {
        return 3;
    }
    *schib = (SCHIB) { .pmcw = sch->pmcw, .scsw = sch->scsw };
    schib->scsw.ctrl |= sch->goes_on;
    return 0;
}

int host_subchannel_msch(HostSubchannel *sch, const PMCW *pmcw)
{
    const uint16_t mask = PMCW_FLAGS_MASK_ISC | PMCW_FLAGS_MASK_ENA;

    if (sch->gone) {
        return 3;
    }
    if (status_pending(sch)) {
        return 1;
    }
    if (sch->scsw.ctrl & SCSW_CTRL_MASK_FCTL) {
        return 2;
    }
    sch->pmcw.flags &= ~mask;
    sch->pmcw.flags |= pmcw->flags & mask;
    sch->pmcw.chars &= ~PMCW_CHARS_MASK_CSENSE;
    sch->pmcw.chars |= pmcw->chars & PMCW_CHARS_MASK_CSENSE;
    if (!(sch->pmcw.flags & PMCW_FLAGS_MASK_ENA)) {
        /* As what the device presents from now on: PoP, PMCW, "Enabled (E)" */
        g_queue_clear_full(&sch->waiting, g_free);
    }
    return 0;
}

void host_subchannel_run(HostSubchannel *sch)
{
    SCSW *scsw = &sch->scsw;

    if (sch->gone) {
        return;
    }
    if (scsw->ctrl & SCSW_ACTL_CLEAR_PEND) {
        scsw->ctrl &= ~SCSW_ACTL_CLEAR_PEND;
        sch->ops->clear(sch->device, sch);
    } else if (scsw->ctrl & SCSW_ACTL_HALT_PEND) {
        scsw->ctrl &= ~SCSW_ACTL_HALT_PEND;
        sch->ops->halt(sch->device, sch);
    } else if (scsw->ctrl & SCSW_ACTL_START_PEND &&
               !(scsw->ctrl & SCSW_FCTL_HALT_FUNC) && !status_pending(sch)) {
        scsw->ctrl &= ~SCSW_ACTL_START_PEND;
        scsw->ctrl |= ACTL_ACTIVE;
        sch->pmcw.lpum = pow2floor(sch->pmcw.lpm &
                                         sch->pmcw.pam);
        sch->ops->start(sch->device, sch, sch->cp);
    }
}

static void keep_for_later(HostSubchannel *sch, const Waiting *waiting)
{
    g_queue_push_tail(&sch->waiting, g_memdup2(waiting, sizeof(*waiting)));
}

static bool ending(HostSubchannel *sch)
{
    return sch->scsw.ctrl & (SCSW_FCTL_HALT_FUNC | SCSW_FCTL_CLEAR_FUNC);
}

/*
 * Status of one operation accumulates until it is taken (PoP 16, "Status
 * Control"). An operation that has ended, or that is halted or cleared, has
 * nothing to add any more: the device keeps what it has to say.
 */
static bool adds_up(HostSubchannel *sch)
{
    return sch->scsw.ctrl & ACTL_ACTIVE && !ending(sch);
}

static bool is_intermediate(const HostStatus *status)
{
    return status->suspended || status->initial ||
           (!status->dstat && status->cstat == SCSW_CSTAT_PCI);
}

static uint16_t start_status(uint16_t ctrl, const HostStatus *status)
{
    uint16_t stctl = SCSW_STCTL_STATUS_PEND;

    if (is_intermediate(status)) {
        if (status->suspended) {
            ctrl = (ctrl & ~ACTL_ACTIVE) | SCSW_ACTL_SUSP;
        }
        return ctrl | SCSW_STCTL_INTERMEDIATE | stctl;
    }

    if (status->dstat & SCSW_DSTAT_UNIT_CHECK || status->cstat & CSTAT_ALERT) {
        stctl |= SCSW_STCTL_ALERT;
    }
    if (ctrl & SCSW_FCTL_START_FUNC &&
        (status->dstat & SCSW_DSTAT_CHANNEL_END ||
         !(status->dstat & SCSW_DSTAT_DEVICE_END))) {
        stctl |= SCSW_STCTL_PRIMARY;
    }
    if (status->dstat & SCSW_DSTAT_CHANNEL_END &&
        !(status->dstat & SCSW_DSTAT_DEVICE_END)) {
        ctrl &= ~SCSW_ACTL_SUBCH_ACTIVE;
    } else {
        ctrl &= ~ACTL_ACTIVE;
        stctl |= SCSW_STCTL_SECONDARY;
    }
    return ctrl | stctl;
}

/* The address and the count are those of primary status, once there is one */
static void add_start_status(SCSW *scsw, const HostStatus *status)
{
    if (!(scsw->ctrl & SCSW_STCTL_PRIMARY)) {
        scsw->cpa = status->cpa;
        scsw->count = status->count;
    }
    scsw->ctrl = start_status(scsw->ctrl, status);
    scsw->flags |= status->initial ? SCSW_FLAGS_MASK_ZCC : 0;
}

/*
 * PoP 16, "Extended-Status Word": the path last used is there, but with
 * intermediate status or status pending alone. L is zero: format 1.
 */
static void store_esw(HostSubchannel *sch)
{
    const uint16_t meaningful = SCSW_STCTL_ALERT | SCSW_STCTL_PRIMARY |
                                SCSW_STCTL_SECONDARY;

    if (sch->scsw.ctrl & meaningful) {
        sch->irb.esw.word0 = sch->pmcw.lpum << 16;
    }
}

/* PoP 17, "Concurrent-Sense Facility" */
static void store_sense(HostSubchannel *sch)
{
    uint8_t data[HOST_SENSE_SIZE] = { 0 };
    unsigned count;

    if (!(sch->pmcw.chars & PMCW_CHARS_MASK_CSENSE) || !sch->ops->sense) {
        return;
    }
    count = sch->ops->sense(sch->device, data);
    if (count) {
        sch->scsw.flags |= SCSW_FLAGS_MASK_ECTL;
        sch->irb.esw.erw = ESW_ERW_SENSE | count << 16;
        memcpy(sch->irb.ecw, data, sizeof(data));
    }
}

static void add_status(HostSubchannel *sch, const HostStatus *status)
{
    SCSW *scsw = &sch->scsw;

    scsw->flags &= ~SCSW_FLAGS_MASK_CC;
    scsw->dstat |= status->dstat;
    scsw->cstat |= status->cstat;
    if (scsw->ctrl & SCSW_FCTL_CLEAR_FUNC) {
        *scsw = (SCSW) {
            .ctrl = SCSW_FCTL_CLEAR_FUNC | SCSW_STCTL_STATUS_PEND,
        };
    } else if (scsw->ctrl & SCSW_FCTL_HALT_FUNC) {
        /* A start that had not begun stays visible as start pending */
        scsw->ctrl &= ~(ACTL_ACTIVE | SCSW_ACTL_HALT_PEND);
        scsw->ctrl |= SCSW_STCTL_STATUS_PEND;
        scsw->count = status->count;
    } else if (scsw->ctrl & (SCSW_FCTL_START_FUNC | ACTL_ACTIVE)) {
        add_start_status(scsw, status);
    } else {
        scsw->ctrl = SCSW_STCTL_ALERT | SCSW_STCTL_STATUS_PEND;
        scsw->cpa = 0;
        scsw->count = status->count;
    }
    store_esw(sch);
    if (scsw->dstat & status->dstat & SCSW_DSTAT_UNIT_CHECK) {
        store_sense(sch);
    }
}

void host_subchannel_present(HostSubchannel *sch, const HostStatus *status)
{
    if (not_operational(sch)) {
        return;
    }
    if (status_pending(sch)) {
        if (adds_up(sch)) {
            /* The interruption for it is pending already */
            add_status(sch, status);
        } else {
            keep_for_later(sch, &(Waiting) { .status = *status });
        }
        return;
    }
    if (ending(sch) && is_intermediate(status)) {
        /* Does not end the halt or the clear, and tells nobody anything */
        return;
    }

    memset(&sch->irb, 0, sizeof(sch->irb));
    sch->scsw.dstat = 0;
    sch->scsw.cstat = 0;
    add_status(sch, status);
    sch->interrupt(sch->opaque);
}

void host_subchannel_present_irb(HostSubchannel *sch, const IRB *irb)
{
    if (not_operational(sch)) {
        return;
    }
    if (status_pending(sch)) {
        keep_for_later(sch, &(Waiting) { .is_irb = true, .irb = *irb });
        return;
    }

    sch->irb = *irb;
    sch->goes_on = ends_nothing(&sch->scsw, irb)
                   ? sch->scsw.ctrl & (SCSW_CTRL_MASK_FCTL |
                                       SCSW_CTRL_MASK_ACTL) : 0;
    sch->scsw = irb->scsw;
    sch->interrupt(sch->opaque);
}

void host_subchannel_present_waiting(HostSubchannel *sch)
{
    g_autofree Waiting *next = g_queue_pop_head(&sch->waiting);

    if (!next) {
        return;
    }
    if (next->is_irb) {
        host_subchannel_present_irb(sch, &next->irb);
    } else {
        host_subchannel_present(sch, &next->status);
    }
}

void host_subchannel_force_clear(HostSubchannel *sch)
{
    if (host_subchannel_csch(sch) != 0) {
        return;
    }
    host_subchannel_run(sch);
    if (sch->scsw.ctrl & SCSW_FCTL_CLEAR_FUNC && !status_pending(sch)) {
        host_subchannel_present(sch, &(HostStatus) { 0 });
    }
}
