/*
 * What the tests of the emulated vfio_ccw host driver have in common
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_UNIT_VFIO_CCW_HOST_COMMON_H
#define TESTS_UNIT_VFIO_CCW_HOST_COMMON_H

#include "qemu/bswap.h"
#include "tests/vfio-ccw-host/vfio-ccw-host.h"

#define CE_DE (SCSW_DSTAT_CHANNEL_END | SCSW_DSTAT_DEVICE_END)

/* Guest memory, and where in it a channel program is */
#define GUEST_SIZE (64 * 1024)
#define PROGRAM 0x1000

/* A NOP, in format 1, with SLI and nothing chained to it */
static inline void put_nop(void *ccw)
{
    stl_be_p(ccw, CCW_CMD_NOOP << 24 | CCW_FLAG_SLI << 16 | 1);
}

/* What user space writes to start the program, or to ask for @fctl */
static inline void io_region_for(struct ccw_io_region *io, uint16_t fctl)
{
    memset(io, 0, sizeof(*io));
    stl_be_p(io->orb_area, 0x12345678);
    stw_be_p(io->orb_area + 4, ORB_CTRL0_MASK_FMT | ORB_CTRL0_MASK_PFCH);
    io->orb_area[6] = 0xff;
    stl_be_p(io->orb_area + 8, PROGRAM);
    stw_be_p(io->scsw_area + 2, fctl);
}

#endif
