/*
 * vfio-ccw: a question to the host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ccw-link.c fills a job in and looks at what came of it; between those
 * vfio_ccw_job_work() has it for itself. All of it with the BQL held.
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
    /* filled in by its work */
    int ret;                /* 0 or -errno */
    int schib_ret;
    bool has_schib;         /* schib_ret and, if that is 0, schib are valid */
    uint32_t schib_turn;    /* reading began after those with a lower one */
    SCHIB schib;
    uint32_t nr_sent;       /* requests, when it began */
    VFIOCCWEvidence evidence; /* of the IRB */
    unsigned num_crws;
    CRW crws[VFIO_CCW_MAX_CRWS];
} VFIOCCWJob;

/* Ask the host, however long that takes; the lane says what is asked. */
void coroutine_fn vfio_ccw_job_work(VFIOCCWJob *job);

/* A start was refused twice, and what with is not seen in the host's SCHIB. */
bool vfio_ccw_job_found_stuck(const VFIOCCWJob *job);

/* From the byte order of the regions to that of this machine */
void vfio_ccw_schib_from_be(SCHIB *schib);

#endif /* HW_VFIO_CCW_JOB_H */
