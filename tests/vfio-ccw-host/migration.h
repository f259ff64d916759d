/*
 * Migration: the states of a VFIO device that can be migrated
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * VFIO_DEVICE_FEATURE with its features MIGRATION and MIG_DEVICE_STATE, for a
 * device with neither peer-to-peer quiescence nor pre-copy, and with no state
 * to be transferred. What a state means for the device is its driver's. Linux's
 * vfio_ccw has none of it. Used by regions.c, in the host's thread.
 */

#ifndef TESTS_VFIO_CCW_HOST_MIGRATION_H
#define TESTS_VFIO_CCW_HOST_MIGRATION_H

#include <linux/vfio.h>

typedef struct HostMigration {
    enum vfio_device_mig_state state;
    /* Go from one state to a neighbour: 0 or -errno */
    int (*perform)(void *opaque, enum vfio_device_mig_state from,
                   enum vfio_device_mig_state to);
    void *opaque;
} HostMigration;

/*
 * host_migration_next: where the way from @from to @to goes first
 *
 * VFIO_DEVICE_STATE_ERROR if there is none, or one of them is no state.
 */
enum vfio_device_mig_state host_migration_next(uint32_t from, uint32_t to);

/*
 * host_migration_feature: VFIO_DEVICE_FEATURE, with these @flags
 *
 * @data has @size bytes, more than enough for what GET fills in. Returns how
 * much that is, or -errno; a state that cannot be gone to changes nothing. If
 * perform() fails on the way, the state is VFIO_DEVICE_STATE_ERROR.
 */
int host_migration_feature(HostMigration *migration, uint32_t flags,
                           void *data, size_t size);

#endif
