/*
 * vfio-ccw: what a device has counted
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * See ccw-stats.h. A new counter is a field there and a line in the table here.
 */

#include "qemu/osdep.h"
#include "qapi/visitor.h"
#include "hw/vfio/ccw-stats.h"

static const struct {
    const char *name;
    size_t offset;
    const char *description;
} counters[] = {
    { "starts", offsetof(VFIOCCWStats, starts),
      "START SUBCHANNEL instructions that were accepted" },
    { "halts", offsetof(VFIOCCWStats, halts),
      "HALT SUBCHANNEL instructions that were accepted" },
    { "clears", offsetof(VFIOCCWStats, clears),
      "CLEAR SUBCHANNEL instructions that were accepted" },
    { "cancels", offsetof(VFIOCCWStats, cancels),
      "CANCEL SUBCHANNEL instructions that cancelled a start" },
    { "retries", offsetof(VFIOCCWStats, retries),
      "requests that a busy host made us repeat" },
    { "stale-interrupts", offsetof(VFIOCCWStats, stale_interrupts),
      "IRBs of the host that belonged to no function in progress" },
    { "losses", offsetof(VFIOCCWStats, losses),
      "how often the host's device was lost" },
    { "returns", offsetof(VFIOCCWStats, returns),
      "how often the host's device came back" },
    { "crws-relayed", offsetof(VFIOCCWStats, crws_relayed),
      "channel reports of the host that the guest gets" },
    { "crws-merged", offsetof(VFIOCCWStats, crws_merged),
      "channel reports of the host that were pending already" },
    { "crws-lost", offsetof(VFIOCCWStats, crws_lost),
      "channel reports of the host that the guest sees as an overflow" },
    { "crws-invalid", offsetof(VFIOCCWStats, crws_invalid),
      "channel reports of the host that are none of a path of its own" },
};

void vfio_ccw_stats_note(VFIOCCWStats *stats, const VFIOCCWVerdict *verdict)
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

static void get_counter(Object *obj, Visitor *v, const char *name,
                        void *opaque, Error **errp)
{
    uint64_t *counter = (void *)obj + (uintptr_t)opaque;

    visit_type_uint64(v, name, counter, errp);
}

void vfio_ccw_stats_add_properties(ObjectClass *klass, size_t offset)
{
    for (int i = 0; i < ARRAY_SIZE(counters); i++) {
        void *where = (void *)(uintptr_t)(offset + counters[i].offset);

        object_class_property_add(klass, counters[i].name, "uint64",
                                  get_counter, NULL, NULL, where);
        object_class_property_set_description(klass, counters[i].name,
                                              counters[i].description);
    }
}
