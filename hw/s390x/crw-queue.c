/*
 * Channel reports that wait for the guest to store them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * See crw-queue.h. The queue is part of what is migrated, so what an older
 * QEMU sent may be longer than the bound; it is served all the same.
 */

#include "qemu/osdep.h"
#include "hw/s390x/crw-queue.h"

/*
 * The reporting source: its kind, and the IDs in all CRWs of the report. The
 * last CRW of a report is not chained, so the length is the same as well.
 */
static bool same_source(const CrwContainer *entry, const CRW *crws, unsigned n)
{
    uint16_t kind = CRW_FLAGS_MASK_RSC | CRW_FLAGS_MASK_C;

    for (unsigned i = 0; i < n; i++) {
        if (!entry || ((entry->crw.flags ^ crws[i].flags) & kind) ||
            entry->crw.rsid != crws[i].rsid) {
            return false;
        }
        entry = QTAILQ_NEXT(entry, sibling);
    }
    return true;
}

/* Whether something was lost is another matter than what is reported. */
static bool says_the_same(const CrwContainer *entry, const CRW *crws,
                          unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if ((entry->crw.flags ^ crws[i].flags) & ~CRW_FLAGS_MASK_R) {
            return false;
        }
        entry = QTAILQ_NEXT(entry, sibling);
    }
    return true;
}

static void keep_overflow(CrwContainer *entry, const CRW *crws, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        entry->crw.flags |= crws[i].flags & CRW_FLAGS_MASK_R;
        entry = QTAILQ_NEXT(entry, sibling);
    }
}

/*
 * An older report that says the same is no substitute where a newer one of
 * the source says otherwise.
 */
static CrwContainer *newest_of_source(CrwQueue *queue, const CRW *crws,
                                      unsigned n, unsigned *length)
{
    CrwContainer *entry, *found = NULL;
    bool chained = false;

    *length = 0;
    QTAILQ_FOREACH(entry, queue, sibling) {
        if (!chained && same_source(entry, crws, n)) {
            found = entry;
        }
        chained = entry->crw.flags & CRW_FLAGS_MASK_C;
        ++*length;
    }
    return found;
}

CrwFate crw_queue_add(CrwQueue *queue, const CRW *crws, unsigned n)
{
    unsigned length;
    CrwContainer *entry = newest_of_source(queue, crws, n, &length);

    if (entry && says_the_same(entry, crws, n)) {
        keep_overflow(entry, crws, n);
        return CRW_MERGED;
    }
    if (length + n > CRW_QUEUE_MAX) {
        QTAILQ_LAST(queue)->crw.flags |= CRW_FLAGS_MASK_R;
        return CRW_LOST;
    }
    for (unsigned i = 0; i < n; i++) {
        entry = g_new(CrwContainer, 1);
        entry->crw = crws[i];
        QTAILQ_INSERT_TAIL(queue, entry, sibling);
    }
    return CRW_QUEUED;
}

bool crw_queue_take(CrwQueue *queue, CRW *crw)
{
    CrwContainer *entry = QTAILQ_FIRST(queue);

    if (!entry) {
        return false;
    }
    *crw = entry->crw;
    QTAILQ_REMOVE(queue, entry, sibling);
    g_free(entry);
    return true;
}

void crw_queue_put_back(CrwQueue *queue, CRW crw)
{
    CrwContainer *entry = g_new(CrwContainer, 1);

    entry->crw = crw;
    QTAILQ_INSERT_HEAD(queue, entry, sibling);
}

void crw_queue_clear(CrwQueue *queue)
{
    CRW crw;

    while (crw_queue_take(queue, &crw)) {
        ;
    }
}
