/*
 * vfio-ccw: what a device has counted
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Read-only properties of the device; they count from realize to unrealize,
 * past resets and losses of the host. Called by ccw.c with the BQL held.
 */

#ifndef HW_VFIO_CCW_STATS_H
#define HW_VFIO_CCW_STATS_H

#include "hw/vfio/ccw-fsm.h"
#include "qom/object.h"

typedef struct VFIOCCWStats {
    uint64_t starts;
    uint64_t halts;
    uint64_t clears;
    uint64_t cancels;
    uint64_t retries;
    uint64_t stale_interrupts;
    uint64_t losses;
    uint64_t returns;
    uint64_t crws_relayed;
    uint64_t crws_merged;
    uint64_t crws_lost;
    uint64_t crws_invalid;
} VFIOCCWStats;

/* Count what this verdict is about, if it is about anything that counts. */
void vfio_ccw_stats_note(VFIOCCWStats *stats, const VFIOCCWVerdict *verdict);

/* @offset is where instances of @klass have their VFIOCCWStats. */
void vfio_ccw_stats_add_properties(ObjectClass *klass, size_t offset);

#endif /* HW_VFIO_CCW_STATS_H */
