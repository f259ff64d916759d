/*
 * The conformance script on the emulated vfio_ccw driver
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A vfio-user client, one request at a time, in the thread of who plays.
 */

#ifndef TESTS_VFIO_CCW_CONFORMANCE_EMULATED_H
#define TESTS_VFIO_CCW_CONFORMANCE_EMULATED_H

#include "devices.h"
#include "player.h"

typedef struct Emulated Emulated;

/* Plays on @devices, of which it closes what it has opened */
Emulated *emulated_new(ConformanceDevices *devices);
void emulated_free(Emulated *emulated);

void emulated_play(Emulated *emulated, const char *step,
                   char result[VFIO_PLAYER_RESULT]);

#endif
