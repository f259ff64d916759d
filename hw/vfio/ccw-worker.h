/*
 * vfio-ccw: the threads that wait for the host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * For a transport whose questions block, as those to the kernel do.
 */

#ifndef HW_VFIO_CCW_WORKER_H
#define HW_VFIO_CCW_WORKER_H

#include "qemu/coroutine.h"

/* Threads that wait for more work, at most */
#define VFIO_CCW_WORKERS_WAITING 8

typedef void VFIOCCWWork(void *opaque);

/*
 * With the BQL held: yield until another thread has called @work, without the
 * BQL. Any number can be under way; one that takes long does not hold up the
 * others.
 */
void coroutine_fn vfio_ccw_worker_run(VFIOCCWWork *work, void *opaque);

#endif /* HW_VFIO_CCW_WORKER_H */
