/*
 * vfio-ccw: what a worker does
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A job is one question to the host. ccw-link.c fills it in with the BQL held
 * and looks at the answer with the BQL held; between those a worker has it for
 * itself.
 */

#ifndef HW_VFIO_CCW_JOB_H
#define HW_VFIO_CCW_JOB_H

#include "hw/vfio/ccw-link.h"

/* What a host that never runs out of CRWs can make us read in one go. */
#define VFIO_CCW_MAX_CRWS 64

typedef struct VFIOCCWJob {
    VFIOCCWLink *link;
    VFIOCCWLane lane;
    uint32_t life;
    VFIOCCWRequest request;
    /* filled in by the worker */
    int ret;                /* 0 or -errno */
    bool overtook;          /* a start had not returned when this was sent */
    int schib_ret;
    bool has_schib;         /* schib_ret and, if that is 0, schib are valid */
    SCHIB schib;
    bool suspect;           /* the IRB may be an earlier one again */
    bool stale;             /* it is */
    IRB last_irb;
    IRB irb;
    unsigned num_crws;
    CRW crws[VFIO_CCW_MAX_CRWS];
} VFIOCCWJob;

/*
 * Ask the host, as long as that takes. Without the BQL; the lane says what is
 * asked.
 */
void vfio_ccw_job_work(void *job);

/* The IRB ends a halt or clear, not a start. */
bool vfio_ccw_job_ends_signal(const VFIOCCWJob *job);

/*
 * Read the host's SCHIB: 0, -errno, or -ESHUTDOWN if the link gave less. Waits
 * for the host. Host byte order.
 */
int vfio_ccw_read_schib(VFIOCCWLink *link, SCHIB *schib);

#endif /* HW_VFIO_CCW_JOB_H */
