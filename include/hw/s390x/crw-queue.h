/*
 * Channel reports that wait for the guest to store them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A bounded queue of channel-report words (PoP 17, "Channel Report"), used by
 * css.c, which knows when a machine check is due, and by its unit test. Called
 * with the BQL held.
 */

#ifndef HW_S390X_CRW_QUEUE_H
#define HW_S390X_CRW_QUEUE_H

#include "qemu/queue.h"
#include "hw/s390x/ioinst.h"

/*
 * More than a machine has reports for at a time; a guest that was told of an
 * overflow looks at everything there is.
 */
#define CRW_QUEUE_MAX 256

typedef struct CrwContainer {
    CRW crw;
    QTAILQ_ENTRY(CrwContainer) sibling;
} CrwContainer;

typedef QTAILQ_HEAD(CrwQueue, CrwContainer) CrwQueue;

/* What became of a report */
typedef enum CrwFate {
    CRW_QUEUED,
    CRW_MERGED, /* the newest report of its source is pending and says it */
    CRW_LOST,   /* no room: the newest CRW that is pending shows an overflow */
} CrwFate;

/*
 * Add the report @crws, one CRW or two that are chained: they stay together
 * whatever becomes of them.
 */
CrwFate crw_queue_add(CrwQueue *queue, const CRW *crws, unsigned n);

/* The oldest CRW, for STCRW; false if there is none. */
bool crw_queue_take(CrwQueue *queue, CRW *crw);

/* What was taken could not be stored: it is the oldest one again. */
void crw_queue_put_back(CrwQueue *queue, CRW crw);

void crw_queue_clear(CrwQueue *queue);

#endif /* HW_S390X_CRW_QUEUE_H */
