/*
 * Fixture of the vfio-ccw qtests whose host is hostile
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Between QEMU and a good host is a wire that changes, drops or cuts messages,
 * or adds to them. Whatever it does, QEMU answers, its other device goes on,
 * and no file descriptor is left behind. Called from the test's own thread.
 */

#ifndef TESTS_VFIO_CCW_SCENE_H
#define TESTS_VFIO_CCW_SCENE_H

#include "vfio-ccw-fixture.h"
#include "vfio-ccw-wire.h"

/* For a host that answers, if late */
#define LONG_TIMEOUT_MS 60000

/* A machine with a device that nobody attacks, and a wire for one that is */
typedef struct Scene {
    Bed *bed;
    Wire *wire;
    VfioCcwHost *witness;
    unsigned fds;
} Scene;

/* The device that is to be attacked is not plugged yet. */
Scene *scene_new(void);
/* The same with a QEMU that says what it has to say to the file *@said */
Scene *scene_new_recorded(char **said);
void scene_end(Scene *scene);

/* The answer to device_add, which the caller frees */
QDict *try_to_plug(Scene *scene, int timeout);
/* The same, where @timeout bounds nothing but all of realize */
QDict *try_to_plug_within(Scene *scene, int timeout);
/* The device works when this returns. */
void plug_and_enable(Scene *scene, int timeout);
void unplug(Scene *scene);

/* The guest takes the channel reports that are pending. */
void forget_reports(Scene *scene);

/* QEMU answers, and its other device does not even notice. */
void assert_unhurt(Scene *scene);
void assert_nothing_left(Scene *scene);

#endif
