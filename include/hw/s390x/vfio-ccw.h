/*
 * vfio-ccw: a subchannel of the host, passed through to the guest
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_CCW_H
#define HW_VFIO_CCW_H

#include "hw/s390x/s390-ccw.h"
#include "hw/vfio/vfio-device.h"
#include "qom/object.h"

#define TYPE_VFIO_CCW "vfio-ccw"
OBJECT_DECLARE_TYPE(VFIOCCWDevice, VFIOCCWDeviceClass, VFIO_CCW)

#endif /* HW_VFIO_CCW_H */
