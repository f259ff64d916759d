/*
 * What the tests of the emulated vfio_ccw host driver have in common
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/mman.h>
#include "qapi/error.h"
#include "qemu/memfd.h"
#include "vfio-ccw-host-common.h"

static int no_transfer(void *opaque, bool write, uint64_t iova, void *buf,
                       size_t len)
{
    g_assert_not_reached();
}

void guest_init(Guest *guest)
{
    int fd = qemu_memfd_create("guest", 2 * GUEST_SIZE, false, 0, 0,
                               &error_abort);

    guest->memory = mmap(NULL, 2 * GUEST_SIZE, PROT_READ | PROT_WRITE,
                         MAP_SHARED, fd, 0);
    g_assert(guest->memory != MAP_FAILED);
    host_dma_init(&guest->dma, no_transfer, NULL);
    g_assert_cmpint(host_dma_map(&guest->dma, 0, GUEST_SIZE, true, fd, 0), ==,
                    0);
    g_assert_cmpint(host_dma_map(&guest->dma, GUEST_SIZE, GUEST_SIZE, false,
                                 fd, GUEST_SIZE), ==, 0);
    close(fd);
    guest->orb = (ORB) {
        .ctrl0 = ORB_CTRL0_MASK_FMT | ORB_CTRL0_MASK_PFCH,
        .lpm = 0xff,
        .cpa = PROGRAM,
    };
    guest->next_ccw = PROGRAM;
}

void guest_destroy(Guest *guest)
{
    host_dma_destroy(&guest->dma);
    munmap(guest->memory, 2 * GUEST_SIZE);
}

void guest_ccw(Guest *guest, uint8_t cmd, uint8_t flags, uint16_t count,
               uint32_t cda)
{
    uint8_t *p = guest->memory + guest->next_ccw;

    if (guest->orb.ctrl0 & ORB_CTRL0_MASK_FMT) {
        p[0] = cmd;
        p[1] = flags;
        stw_be_p(p + 2, count);
        stl_be_p(p + 4, cda);
    } else {
        stl_be_p(p, cmd << 24 | cda);
        p[4] = flags;
        p[5] = 0;
        stw_be_p(p + 6, count);
    }
    guest->next_ccw += sizeof(CCW1);
}

int guest_translate(Guest *guest, ChannelProgram **cp)
{
    int ret = cp_init(cp, &guest->dma, &guest->orb);

    return ret ?: cp_prefetch(*cp, &guest->dma);
}

void put_nop(void *ccw)
{
    stl_be_p(ccw, CCW_CMD_NOOP << 24 | CCW_FLAG_SLI << 16 | 1);
}

void io_region_for(struct ccw_io_region *io, uint16_t fctl)
{
    memset(io, 0, sizeof(*io));
    stl_be_p(io->orb_area, 0x12345678);
    stw_be_p(io->orb_area + 4, ORB_CTRL0_MASK_FMT | ORB_CTRL0_MASK_PFCH);
    io->orb_area[6] = 0xff;
    stl_be_p(io->orb_area + 8, PROGRAM);
    stw_be_p(io->scsw_area + 2, fctl);
}
