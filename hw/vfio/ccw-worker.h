/*
 * vfio-ccw: the threads that wait for the host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Called by ccw-link.c, with the BQL held.
 */

#ifndef HW_VFIO_CCW_WORKER_H
#define HW_VFIO_CCW_WORKER_H

typedef void VFIOCCWWork(void *opaque);

/*
 * On another thread, call @work without the BQL and then @done with it. Any
 * number can be under way; one that takes long does not hold up the others.
 */
void vfio_ccw_worker_submit(VFIOCCWWork *work, VFIOCCWWork *done,
                            void *opaque);

#endif /* HW_VFIO_CCW_WORKER_H */
