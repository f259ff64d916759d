/*
 * Execution of a translated channel program for a device model
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Called by the device models in the host's thread.
 */

#include "qemu/osdep.h"
#include "cp.h"

/* Unusual device status ends the program, the rest may be chained upon */
#define DSTAT_ENDS ((uint8_t)~(SCSW_DSTAT_CHANNEL_END | \
                               SCSW_DSTAT_DEVICE_END | SCSW_DSTAT_STAT_MOD))

void channel_run_init(ChannelRun *run, const ChannelRunOps *ops, void *device,
                      ChannelProgram *cp, HostDma *dma)
{
    *run = (ChannelRun) {
        .ops = ops,
        .device = device,
        .cp = cp,
        .dma = dma,
        .cpa = cp->orb.cpa,
    };
}

/*
 * The CCW at @cpa, or the one that its TIC leads to; NULL if that cannot be.
 * A TIC must not come first, nor lead to another, and its flags and count
 * must be zero: PoP 15, "Transfer in Channel". The channel-program address is
 * that of the TIC if there is no CCW where it leads: PoP 16.
 */
static ChannelCcw *fetch_ccw(ChannelRun *run, uint32_t cpa)
{
    ChannelCcw *ccw = cp_find(run->cp, cpa);
    bool first = !run->ccw;
    ChannelCcw *target;

    run->cpa = cpa;
    if (!ccw || ccw->cmd != CCW_CMD_TIC) {
        return ccw;
    }
    target = cp_find(run->cp, ccw->cda);
    if (first || ccw->flags || ccw->count || !target) {
        return NULL;
    }
    run->cpa = ccw->cda;
    return target->cmd != CCW_CMD_TIC ? target : NULL;
}

/* Makes the CCW at @cpa current. There are no MIDAWs here: no flag for them */
static bool fetch(ChannelRun *run, uint32_t cpa)
{
    ChannelCcw *ccw = fetch_ccw(run, cpa);

    if (!ccw || ccw->flags & CCW_FLAG_MIDA) {
        run->status.cstat |= SCSW_CSTAT_PROG_CHECK;
        return false;
    }
    run->ccw = ccw;
    run->done = 0;
    if (ccw->flags & CCW_FLAG_PCI) {
        run->ops->pci(run->device, run->cpa + sizeof(CCW1));
    }
    return true;
}

static bool fetch_chained_data(ChannelRun *run)
{
    if (!fetch(run, run->cpa + sizeof(CCW1))) {
        return false;
    }
    if (run->ccw->count == 0) {
        run->status.cstat |= SCSW_CSTAT_PROG_CHECK;
        return false;
    }
    return true;
}

/* The extent for the next byte of the current CCW, and where in it */
static ChannelExtent *current_extent(ChannelRun *run, uint32_t *offset)
{
    uint32_t skip = run->done;

    for (uint32_t i = 0; i < run->ccw->nr_extents; i++) {
        ChannelExtent *extent = &g_array_index(run->cp->extents, ChannelExtent,
                                               run->ccw->first_extent + i);

        /* Only the first IDAW may point into its block */
        if (i > 0 && extent->iova % run->cp->idaw_block) {
            return NULL;
        }
        if (skip < extent->len) {
            *offset = skip;
            return extent;
        }
        skip -= extent->len;
    }
    return NULL;
}

/* Moves up to @len bytes of the current CCW; returns 0 on a check */
static size_t move_some(ChannelRun *run, uint8_t *buf, size_t len, bool put)
{
    size_t n = MIN(len, run->ccw->count - run->done);
    ChannelExtent *extent;
    uint32_t offset = 0;
    int ret;

    if (put && run->ccw->flags & CCW_FLAG_SKIP) {
        return n;
    }
    extent = current_extent(run, &offset);
    if (!extent) {
        run->status.cstat |= SCSW_CSTAT_PROG_CHECK;
        return 0;
    }
    n = MIN(n, extent->len - offset);
    if (put) {
        ret = host_dma_write(run->dma, extent->iova + offset, buf, n);
    } else {
        ret = host_dma_read(run->dma, extent->iova + offset, buf, n);
    }
    if (ret) {
        run->status.cstat |= ret == -EPERM ? SCSW_CSTAT_PROT_CHECK
                                           : SCSW_CSTAT_PROG_CHECK;
        return 0;
    }
    return n;
}

/*
 * PoP 16, "Zero Condition Code": the device has taken the first command. That
 * is so when data are asked for, or when the command was an immediate one that
 * is chained on; one that is the whole program has its ending status at once.
 */
static void first_command_accepted(ChannelRun *run)
{
    if (run->accepted) {
        return;
    }
    run->accepted = true;
    if (run->cp->orb.ctrl0 & ORB_CTRL0_MASK_ISIC && run->ops->initial) {
        run->ops->initial(run->device, run->cpa + sizeof(CCW1));
    }
}

static size_t move(ChannelRun *run, uint8_t *buf, size_t len, bool put)
{
    size_t moved = 0;

    first_command_accepted(run);
    run->transfer = true;
    while (moved < len && !(run->status.cstat & ~SCSW_CSTAT_PCI)) {
        size_t n;

        if (run->done == run->ccw->count) {
            if (!(run->ccw->flags & CCW_FLAG_DC)) {
                run->exhausted = true;
                break;
            }
            if (!fetch_chained_data(run)) {
                break;
            }
        }
        n = move_some(run, buf + moved, len - moved, put);
        run->done += n;
        moved += n;
    }
    return moved;
}

size_t channel_take(ChannelRun *run, void *buf, size_t len)
{
    return move(run, buf, len, false);
}

size_t channel_put(ChannelRun *run, const void *buf, size_t len)
{
    return move(run, (uint8_t *)buf, len, true);
}

/*
 * An immediate command that is carried out has moved nothing of its count.
 * PoP 15 ignores that only in the incorrect-length-suppression mode of the
 * ORB. Format-0 programs would always be in it, but Linux runs them as format
 * 1.
 */
static bool incorrect_length(ChannelRun *run)
{
    if (!run->transfer && (run->cp->orb.ctrl1 & ORB_CTRL1_MASK_ILS ||
                           run->status.dstat & DSTAT_ENDS)) {
        return false;
    }
    if (run->ccw->flags & CCW_FLAG_DC) {
        return true;
    }
    return !(run->ccw->flags & CCW_FLAG_SLI) &&
           (run->done < run->ccw->count || run->exhausted);
}

/* PoP 15, "Command Code": TIC is known by all eight bits in format 1 */
static bool valid_command(const ChannelCcw *ccw)
{
    return (ccw->cmd & 0xf) != 0 && (ccw->cmd & 0xf) != CCW_CMD_TIC;
}

/* Returns false when the program ends with this command */
static bool run_command(ChannelRun *run)
{
    ChannelCcw *ccw = run->ccw;

    if (ccw->flags & CCW_FLAG_SUSPEND) {
        if (run->cp->orb.ctrl0 & ORB_CTRL0_MASK_SPND) {
            run->status.suspended = true;
            run->status.dstat = 0;
        } else {
            run->status.cstat |= SCSW_CSTAT_PROG_CHECK;
        }
        return false;
    }
    if (!valid_command(ccw) || (ccw->flags & CCW_FLAG_DC && !ccw->count)) {
        run->status.cstat |= SCSW_CSTAT_PROG_CHECK;
        return false;
    }

    run->transfer = false;
    run->exhausted = false;
    run->status.dstat = run->ops->command(run->device, ccw->cmd, run);
    if (run->status.cstat & ~SCSW_CSTAT_PCI) {
        return false;
    }
    if (incorrect_length(run)) {
        run->status.cstat |= SCSW_CSTAT_INCORR_LEN;
        return false;
    }
    if (!(run->ccw->flags & CCW_FLAG_CC) || run->status.dstat & DSTAT_ENDS) {
        return false;
    }
    first_command_accepted(run);
    return true;
}

static bool fetch_chained_command(ChannelRun *run)
{
    uint32_t next = run->cpa + sizeof(CCW1);

    if (run->status.dstat & SCSW_DSTAT_STAT_MOD) {
        next += sizeof(CCW1);
    }
    return fetch(run, next);
}

bool channel_run(ChannelRun *run, unsigned max)
{
    bool more = run->ccw ? fetch_chained_command(run) : fetch(run, run->cpa);

    for (unsigned n = 1; more && run_command(run); n++) {
        if (n == max) {
            return false;
        }
        more = fetch_chained_command(run);
    }

    run->status.cpa = run->cpa + sizeof(CCW1);
    run->status.count = run->ccw ? run->ccw->count - run->done : 0;
    return true;
}
