/*
 * Channel programs: translated by the driver, executed by the channel
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * cp.c takes the guest's program as the Linux driver does, with its limits
 * and errors: a prefetched private copy, in format 1, all data areas known
 * and pinned. channel.c executes such a copy for a device model. Host's
 * thread only.
 */

#ifndef TESTS_VFIO_CCW_HOST_CP_H
#define TESTS_VFIO_CCW_HOST_CP_H

#include "dma.h"
#include "subchannel.h"

/* CCWs fetched per segment, and the segments that one program may have */
#define CP_SEGMENT_CCWS 256
#define CP_MAX_SEGMENTS 16

typedef struct ChannelExtent {
    uint64_t iova;
    uint32_t len;
} ChannelExtent;

typedef struct ChannelCcw {
    uint8_t cmd;
    uint8_t flags;
    uint16_t count;
    uint32_t cda;
    /* Where its data is, in ChannelProgram.extents; none if not pinned */
    uint32_t first_extent;
    uint32_t nr_extents;
} ChannelCcw;

/* Consecutive CCWs; a program has one and one more for each new TIC target */
typedef struct ChannelSegment {
    uint32_t cpa;
    unsigned len;
    ChannelCcw ccw[];
} ChannelSegment;

struct ChannelProgram {
    ORB orb;
    uint32_t idaw_block;
    GPtrArray *segments;
    GArray *extents;
};

/* Both return 0 or what the driver returns to user space */
int cp_init(ChannelProgram **cpp, HostDma *dma, const ORB *orb);
int cp_prefetch(ChannelProgram *cp, HostDma *dma);

/* A program lives as long as the driver or the subchannel has use for it */
ChannelProgram *cp_ref(ChannelProgram *cp);
void cp_unref(ChannelProgram *cp);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ChannelProgram, cp_unref)

/* The CCW at @cpa; NULL if none begins there */
ChannelCcw *cp_find(ChannelProgram *cp, uint32_t cpa);

/* Does the program use any byte of this range? */
bool cp_iova_pinned(ChannelProgram *cp, uint64_t iova, uint64_t size);

typedef struct ChannelRun ChannelRun;

/*
 * The device's side of an execution. command() gets each command once,
 * however many CCWs its data is chained over, and returns its device status.
 * initial(), where it is not NULL, hears of the first command's acceptance,
 * if the ORB asks for an interruption then.
 */
typedef struct ChannelRunOps {
    uint8_t (*command)(void *device, uint8_t cmd, ChannelRun *run);
    void (*pci)(void *device, uint32_t cpa);
    void (*initial)(void *device, uint32_t cpa);
} ChannelRunOps;

struct ChannelRun {
    const ChannelRunOps *ops;
    void *device;
    ChannelProgram *cp;
    HostDma *dma;
    uint32_t cpa;           /* of the current CCW */
    ChannelCcw *ccw;        /* the current CCW, NULL before the first */
    uint32_t done;          /* bytes of the current CCW already moved */
    bool accepted;          /* the first command was */
    bool transfer;          /* the device asked for data */
    bool exhausted;         /* the device asked for more than there is */
    HostStatus status;
};

void channel_run_init(ChannelRun *run, const ChannelRunOps *ops, void *device,
                      ChannelProgram *cp, HostDma *dma);

/*
 * Executes up to @max commands. Returns true when the program has ended, with
 * its status in run->status.
 */
bool channel_run(ChannelRun *run, unsigned max);

/*
 * For command(): take bytes from the guest's data area, or put them into it.
 * Both return how many were moved: fewer than @len when the CCW's count is
 * exhausted or storage cannot be accessed.
 */
size_t channel_take(ChannelRun *run, void *buf, size_t len);
size_t channel_put(ChannelRun *run, const void *buf, size_t len);

#endif
