/*
 * What sysfs has of a host's vfio-ccw devices, for an interposed kernel
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A directory as tests/vfio-ccw-kernel expects it in VFIO_CCW_KERNEL, with the
 * mediated devices that a test's QEMU is told of by sysfsdev=.  Called by the
 * fixture, from the test's own thread.
 */

#ifndef TESTS_VFIO_CCW_SYSFS_H
#define TESTS_VFIO_CCW_SYSFS_H

#include "hw/s390x/ioinst.h"

/*
 * Add device @number, with the paths of @pmcw, whose driver is the emulated one
 * that listens on @socket; a device of that number is replaced.
 */
void sysfs_add_device(const char *dir, unsigned number, const char *socket,
                      const PMCW *pmcw);

/* The path of that mediated device, there or not; the caller frees it. */
char *sysfs_device(const char *dir, unsigned number);

/* Remove the directory with all that is in it, if it is there. */
void sysfs_remove(const char *dir);

#endif
