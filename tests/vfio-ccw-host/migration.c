/*
 * Migration: the states of a VFIO device that can be migrated
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * See migration.h. All of it runs in the host's thread.
 */

#include "qemu/osdep.h"
#include "migration.h"

/*
 * Every way is through STOP. What is not here, because there is no such state
 * or because nothing leads out of it or to it, is 0: VFIO_DEVICE_STATE_ERROR.
 */
static const uint8_t first_step[VFIO_DEVICE_STATE_NR][VFIO_DEVICE_STATE_NR] = {
    [VFIO_DEVICE_STATE_STOP] = {
        [VFIO_DEVICE_STATE_STOP] = VFIO_DEVICE_STATE_STOP,
        [VFIO_DEVICE_STATE_RUNNING] = VFIO_DEVICE_STATE_RUNNING,
        [VFIO_DEVICE_STATE_STOP_COPY] = VFIO_DEVICE_STATE_STOP_COPY,
        [VFIO_DEVICE_STATE_RESUMING] = VFIO_DEVICE_STATE_RESUMING,
    },
    [VFIO_DEVICE_STATE_RUNNING] = {
        [VFIO_DEVICE_STATE_STOP] = VFIO_DEVICE_STATE_STOP,
        [VFIO_DEVICE_STATE_RUNNING] = VFIO_DEVICE_STATE_RUNNING,
        [VFIO_DEVICE_STATE_STOP_COPY] = VFIO_DEVICE_STATE_STOP,
        [VFIO_DEVICE_STATE_RESUMING] = VFIO_DEVICE_STATE_STOP,
    },
    [VFIO_DEVICE_STATE_STOP_COPY] = {
        [VFIO_DEVICE_STATE_STOP] = VFIO_DEVICE_STATE_STOP,
        [VFIO_DEVICE_STATE_RUNNING] = VFIO_DEVICE_STATE_STOP,
        [VFIO_DEVICE_STATE_STOP_COPY] = VFIO_DEVICE_STATE_STOP_COPY,
        [VFIO_DEVICE_STATE_RESUMING] = VFIO_DEVICE_STATE_STOP,
    },
    [VFIO_DEVICE_STATE_RESUMING] = {
        [VFIO_DEVICE_STATE_STOP] = VFIO_DEVICE_STATE_STOP,
        [VFIO_DEVICE_STATE_RUNNING] = VFIO_DEVICE_STATE_STOP,
        [VFIO_DEVICE_STATE_STOP_COPY] = VFIO_DEVICE_STATE_STOP,
        [VFIO_DEVICE_STATE_RESUMING] = VFIO_DEVICE_STATE_RESUMING,
    },
};

enum vfio_device_mig_state host_migration_next(uint32_t from, uint32_t to)
{
    if (from >= VFIO_DEVICE_STATE_NR || to >= VFIO_DEVICE_STATE_NR) {
        return VFIO_DEVICE_STATE_ERROR;
    }
    return first_step[from][to];
}

static int get_abilities(void *data)
{
    struct vfio_device_feature_migration *abilities = data;

    *abilities = (struct vfio_device_feature_migration) {
        .flags = VFIO_MIGRATION_STOP_COPY,
    };
    return sizeof(*abilities);
}

static int get_state(HostMigration *migration, void *data)
{
    struct vfio_device_feature_mig_state *state = data;

    *state = (struct vfio_device_feature_mig_state) {
        .device_state = migration->state,
        .data_fd = -1,
    };
    return sizeof(*state);
}

static int set_state(HostMigration *migration, const void *data, size_t size)
{
    const struct vfio_device_feature_mig_state *wanted = data;

    if (size < sizeof(*wanted) ||
        host_migration_next(migration->state, wanted->device_state) ==
        VFIO_DEVICE_STATE_ERROR) {
        return -EINVAL;
    }
    while (migration->state != wanted->device_state) {
        enum vfio_device_mig_state next =
            host_migration_next(migration->state, wanted->device_state);
        int ret = migration->perform(migration->opaque, migration->state, next);

        migration->state = ret ? VFIO_DEVICE_STATE_ERROR : next;
        if (ret) {
            return ret;
        }
    }
    return 0;
}

static uint32_t methods_of(uint32_t feature)
{
    switch (feature) {
    case VFIO_DEVICE_FEATURE_MIGRATION:
        return VFIO_DEVICE_FEATURE_GET;
    case VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE:
        return VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET;
    default:
        return 0;
    }
}

int host_migration_feature(HostMigration *migration, uint32_t flags,
                           void *data, size_t size)
{
    const uint32_t both = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET;
    uint32_t feature = flags & VFIO_DEVICE_FEATURE_MASK;
    uint32_t methods = methods_of(feature);
    uint32_t wanted = flags & both;
    bool probe = flags & VFIO_DEVICE_FEATURE_PROBE;

    if (flags & ~(VFIO_DEVICE_FEATURE_MASK | both |
                  VFIO_DEVICE_FEATURE_PROBE) ||
        (!probe && wanted == both)) {
        return -EINVAL;
    }
    if (!methods) {
        return -ENOTTY;
    }
    if ((wanted & ~methods) || (!probe && !wanted)) {
        return -EINVAL;
    }
    if (probe) {
        return 0;
    }
    if (wanted == VFIO_DEVICE_FEATURE_SET) {
        return set_state(migration, data, size);
    }
    return feature == VFIO_DEVICE_FEATURE_MIGRATION
           ? get_abilities(data) : get_state(migration, data);
}
