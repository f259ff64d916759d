/*
 * Faults: ways in which the vfio-ccw-host daemon can serve a guest badly
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Called by vfio-ccw-host.c, in the daemon's main thread.
 */

#ifndef TESTS_VFIO_CCW_HOST_FAULTS_H
#define TESTS_VFIO_CCW_HOST_FAULTS_H

#include "vfio-ccw-host.h"

typedef struct HostFault HostFault;

/* NULL if there is no fault of this name */
const HostFault *host_fault_find(const char *name);

/* What --help says about all of them, one a line */
char *host_fault_describe(void);

/* From now on, until the main loop ends for good, @host has this fault */
void host_fault_begin(const HostFault *fault, VfioCcwHost *host);

#endif
