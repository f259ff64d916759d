/*
 * Devices: what can be behind the subchannel of an emulated host driver
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A new one needs a HostDeviceOps here, and its start() a ChannelRunOps whose
 * command() knows the device's commands: the channel does chaining, IDALs
 * and lengths (cp.h), the subchannel the rest of the status (subchannel.h).
 * timed.c is a short one. A disk has all of that in dasd.c, and needs a
 * DasdModel (dasd.h). host.c chooses among them.
 */

#ifndef TESTS_VFIO_CCW_HOST_DEVICES_H
#define TESTS_VFIO_CCW_HOST_DEVICES_H

#include "cp.h"
#include "dma.h"
#include "subchannel.h"

/* Does nothing: a test presents the status; needs no device pointer */
extern const HostDeviceOps scripted_device_ops;

/* Ends everything at once; needs no device pointer */
extern const HostDeviceOps instant_device_ops;

/* Ends each start after a while, normally; its pointer is a TimedDevice */
extern const HostDeviceOps timed_device_ops;

typedef struct TimedDevice TimedDevice;

TimedDevice *timed_device_new(unsigned ms, GMainContext *context);
void timed_device_free(TimedDevice *timed);

/* Any disk; its device pointer is a Dasd */
extern const HostDeviceOps dasd_ops;

typedef struct Dasd Dasd;

/*
 * A 9336 disk on a plain file. @dma is that of the programs it gets, @context
 * runs the long ones.
 */
Dasd *dasd_fba_open(const char *path, HostDma *dma, GMainContext *context,
                    Error **errp);

/* A 3390 disk on a CKD image (ckd-image.h), in the same way */
Dasd *dasd_eckd_open(const char *path, HostDma *dma, GMainContext *context,
                     Error **errp);

/* Flushes the file to its medium; the Dasd is gone in any case */
bool dasd_close(Dasd *dasd, Error **errp);

#endif
