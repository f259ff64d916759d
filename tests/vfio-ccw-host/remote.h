/*
 * Remote: vfio-ccw-host.h for a test in another process, line by line
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Called by vfio-ccw-host.c, in the daemon's main thread. A line is one call:
 * the name of a function of vfio-ccw-host.h without its prefix, and its
 * numbers. The answer, when the call has returned, is "ok", with a number
 * where the function has a result, or "error". See remote.c for the calls.
 */

#ifndef TESTS_VFIO_CCW_HOST_REMOTE_H
#define TESTS_VFIO_CCW_HOST_REMOTE_H

#include "vfio-ccw-host.h"

/* Serve @host to who is at the other end of @fd, until that is closed. */
void host_remote_begin(VfioCcwHost *host, int fd);

#endif
