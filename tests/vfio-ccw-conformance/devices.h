/*
 * The devices of the vfio-ccw conformance script
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each is a DASD of the emulated host driver. To play on the emulated driver,
 * these drivers are what is tried. To play on Linux's, QEMU's -device vfio-ccw
 * gives them to a Linux guest, and Linux's driver is tried in there; so the
 * same devices are behind both. Called from the thread of who plays.
 */

#ifndef TESTS_VFIO_CCW_CONFORMANCE_DEVICES_H
#define TESTS_VFIO_CCW_CONFORMANCE_DEVICES_H

/* Those that the script has: disk0 and so on */
#define CONFORMANCE_DISKS 6

typedef struct ConformanceDevices ConformanceDevices;

/* @behind_linux: it is Linux's driver that is tried */
ConformanceDevices *conformance_devices_new(bool behind_linux, Error **errp);
void conformance_devices_free(ConformanceDevices *devices);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ConformanceDevices, conformance_devices_free)

/* Returns false if there is no device of this name */
bool conformance_devices_find(const char *name, unsigned *disk);

/* Where vfio-user reaches it */
const char *conformance_devices_socket(ConformanceDevices *devices,
                                       unsigned disk);

/*
 * Carries out a step that starts with "device"; returns false and sets @errp
 * if there is no such step
 */
bool conformance_devices_play(ConformanceDevices *devices, const char *step,
                              Error **errp);

/* What a host's administrator does to the emulated driver of @disk */
void conformance_devices_vary(ConformanceDevices *devices, unsigned disk,
                              bool on);
void conformance_devices_remove(ConformanceDevices *devices, unsigned disk);

#endif
