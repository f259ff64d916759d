/*
 * What the tests of the emulated vfio_ccw host driver have in common
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_UNIT_VFIO_CCW_HOST_COMMON_H
#define TESTS_UNIT_VFIO_CCW_HOST_COMMON_H

#include "qemu/bswap.h"
#include "tests/vfio-ccw-host/cp.h"
#include "tests/vfio-ccw-host/vfio-ccw-host.h"

#define CE_DE (SCSW_DSTAT_CHANNEL_END | SCSW_DSTAT_DEVICE_END)

/* Guest memory, and where in it a channel program is */
#define GUEST_SIZE (64 * 1024)
#define PROGRAM 0x1000

/* A guest without a client: memory as the host sees it, a program in it */
typedef struct Guest {
    HostDma dma;
    uint8_t *memory;            /* GUEST_SIZE, and as much read-only */
    ORB orb;
    uint32_t next_ccw;          /* where the next one is put */
} Guest;

void guest_init(Guest *guest);
void guest_destroy(Guest *guest);

/* Appends a CCW in the format that the ORB says */
void guest_ccw(Guest *guest, uint8_t cmd, uint8_t flags, uint16_t count,
               uint32_t cda);

/* What the driver does with the program that the ORB points to */
int guest_translate(Guest *guest, ChannelProgram **cp);

/* A NOP, in format 1, with SLI and nothing chained to it */
void put_nop(void *ccw);

/* What user space writes to start the program, or to ask for @fctl */
void io_region_for(struct ccw_io_region *io, uint16_t fctl);

#endif
