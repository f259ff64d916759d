/*
 * The vfio-ccw conformance script: from its file to a record
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Called by the test of the emulated driver and by the program that plays on
 * Linux's.
 */

#ifndef TESTS_VFIO_CCW_CONFORMANCE_SCRIPT_H
#define TESTS_VFIO_CCW_CONFORMANCE_SCRIPT_H

#include "devices.h"
#include "player.h"

/* Carries out a step that is not about @devices; false if it cannot */
typedef bool ConformancePlay(void *opaque, const char *step,
                             char result[VFIO_PLAYER_RESULT], Error **errp);

/*
 * Plays the script in the file @path. The record has the same lines, each
 * step with " = " and its result behind it.
 */
char *conformance_script_play(const char *path, ConformanceDevices *devices,
                              ConformancePlay *play, void *opaque,
                              Error **errp);

#endif
