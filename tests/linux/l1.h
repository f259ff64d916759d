/*
 * L1: the Linux under test, seen by a test that runs on it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * L0 is QEMU with the emulated host driver, on the machine that runs the
 * tests; L1 is Linux in it, whose vfio_ccw driver is under test; L2 is the
 * QEMU with -device vfio-ccw that a test starts on L1. Behind L1's subchannel
 * is the host of vfio-ccw-host.h, in a process beside L0, and the test reaches
 * it, and L0's monitor, over virtio-serial ports.
 * Called by vfio-ccw-linux-test.c, from the test's thread. What Linux refuses
 * ends the test.
 */

#ifndef TESTS_LINUX_L1_H
#define TESTS_LINUX_L1_H

#include "tests/vfio-ccw-host/vfio-ccw-host.h"

/* A mediated device of vfio_ccw */
typedef struct L1Mdev {
    char *subchannel;           /* bus id */
    char *home;                 /* of the subchannel, in sysfs */
    char *path;                 /* of the mdev, in sysfs */
} L1Mdev;

/*
 * The subchannel of the device @devno, bound to vfio_ccw, gets an mdev: the
 * same one each time, as an administrator would define it.
 */
L1Mdev *l1_mdev_new(const char *devno);

/* Remove it if it is still there, and forget it. */
void l1_mdev_free(L1Mdev *mdev);

/* What Linux does when an administrator removes it: returns at once. */
GThread *l1_mdev_begin_remove(L1Mdev *mdev);

/* The character device for iommufd, open; it survives an exec. */
int l1_mdev_open_cdev(L1Mdev *mdev);

/* Whether the mdev is there */
bool l1_mdev_exists(L1Mdev *mdev);

/* Its subchannel: Linux forgets one that is gone when the mdev is closed. */
bool l1_subchannel_exists(L1Mdev *mdev);

/* Whether L1 has a subchannel with the device @devno */
bool l1_has_device(const char *devno);

/* Let Linux believe that the machine reports this (CIO_INJECT). */
void l1_inject_crw(unsigned rsc, unsigned erc, unsigned rsid);

/*
 * The host of vfio-ccw-host.h: the calls of that name, see
 * tests/vfio-ccw-host/remote.h
 */
void l1_host_hold(VfioCcwHostStep step);
void l1_host_wait_held(VfioCcwHostStep step);
void l1_host_release(VfioCcwHostStep step);
void l1_host_unhold(VfioCcwHostStep step);
void l1_host_present_status(uint8_t dstat, uint8_t cstat, uint16_t count);
void l1_host_present_alert(uint8_t dstat);
void l1_host_disconnect(void);
unsigned l1_host_count(VfioCcwHostCounter counter);

/* A command for L0's monitor (HMP); its answer is not awaited. */
void l1_monitor(const char *command);

#endif
