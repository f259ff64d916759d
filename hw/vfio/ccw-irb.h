/*
 * vfio-ccw: the status that a guest is shown
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Functions without state: all that they know is in their arguments. Everything
 * is in host byte order.
 *
 * Called by hw/vfio/ccw-fsm.c; the errno table by ccw-job.c and ccw-link.c too.
 */

#ifndef HW_VFIO_CCW_IRB_H
#define HW_VFIO_CCW_IRB_H

#include "hw/s390x/ioinst.h"

/* The host's answer to a request, or what kept it from answering. */
typedef struct VFIOCCWAnswer {
    uint32_t request;
    int ret;              /* 0 or -errno as the driver or the link gave it */
    bool schib_lost;      /* the SCHIB was read after @ret and failed */
} VFIOCCWAnswer;

/* Is there no device any more? */
bool vfio_ccw_answer_says_gone(const VFIOCCWAnswer *answer);

/* @ret is 0 or -errno. Is the request to be sent again? */
bool vfio_ccw_errno_is_retried(int ret);

/* ... at once when this device's request returns that is with the driver? */
bool vfio_ccw_errno_is_own_lock(int ret);

/* Is the SCHIB to be read, since only that tells what it means? */
bool vfio_ccw_errno_needs_schib(int ret);

/* What a start ends with that was refused. */
IRB vfio_ccw_irb_of_failed_start(const VFIOCCWAnswer *answer, const ORB *orb);

/* What a start ends with of which the host lost the end. */
IRB vfio_ccw_irb_of_lost_end(void);

/* What a halt or clear ends with that was refused. */
IRB vfio_ccw_irb_of_failed_signal(const VFIOCCWAnswer *answer);

/* Adds what was pending before to status that follows it. */
void vfio_ccw_irb_add(IRB *newer, const IRB *older);

#endif /* HW_VFIO_CCW_IRB_H */
