/*
 * vfio-ccw: having a host back that was lost
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A lost host is closed, and then opened anew, again and again with growing
 * delays, until that succeeds. The delays are virtual time: while the machine
 * is stopped nothing is tried. Called by ccw.c with the BQL held; nothing here
 * waits for the host.
 */

#ifndef HW_VFIO_CCW_REOPEN_H
#define HW_VFIO_CCW_REOPEN_H

#include "hw/vfio/ccw-link.h"

/* The link is open again; @schib is the host's, or NULL if it shows none. */
typedef void VFIOCCWReopened(void *opaque, const SCHIB *schib);

typedef struct VFIOCCWReopen {
    VFIOCCWLink *link;
    const VFIOCCWTarget *target;
    VFIOCCWReopened *reopened;
    void *opaque;

    QEMUTimer *timer;
    unsigned delay_ms;     /* before the attempt that comes, or came last */
    int64_t reopened_ms;   /* when the last one succeeded */
    bool stopped;
    bool expected;         /* that this attempt fails: nobody is there */
    GHashTable *warned;    /* of these causes, since the host was lost */

    /* what a worker has found out */
    bool ok;
    Error *err;
    bool have_schib;
    SCHIB schib;
} VFIOCCWReopen;

/* @link and @target must outlive it. */
void vfio_ccw_reopen_init(VFIOCCWReopen *reopen, VFIOCCWLink *link,
                          const VFIOCCWTarget *target,
                          VFIOCCWReopened *reopened, void *opaque);

/* The host was lost. */
void vfio_ccw_reopen_begin(VFIOCCWReopen *reopen);

/*
 * Begin nothing any more. What is under way ends when the link is closed and
 * drained; whatever is attached then is the caller's to detach.
 */
void vfio_ccw_reopen_stop(VFIOCCWReopen *reopen);

void vfio_ccw_reopen_destroy(VFIOCCWReopen *reopen);

#endif /* HW_VFIO_CCW_REOPEN_H */
