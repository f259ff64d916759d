/*
 * Player: carries out the steps of the vfio-ccw conformance script
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A step is a line of text about one thing that user space can do with a
 * vfio-ccw device; what came of it is text again. The same player is used on
 * Linux's own driver (linux.c) and on the emulated one (emulated.c), which
 * differ in a VfioPlayerOps. It is plain C with a libc and the kernel's
 * headers, because it is also built without QEMU. One thread.
 */

#ifndef TESTS_VFIO_CCW_CONFORMANCE_PLAYER_H
#define TESTS_VFIO_CCW_CONFORMANCE_PLAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/vfio.h>
#include <linux/vfio_ccw.h>

/* The memory of channel programs; an IOVA is an offset into it */
#define VFIO_PLAYER_MEMORY (1024 * 1024)

/* What a result needs at most, its final zero included */
#define VFIO_PLAYER_RESULT 1024

/* Each function returns what the system call returns, or a negative errno */
typedef struct VfioPlayerOps {
    int (*open)(void *opaque, const char *device);
    void (*close)(void *opaque);
    int (*read)(void *opaque, unsigned region, unsigned pos, void *buf,
                unsigned count);
    int (*write)(void *opaque, unsigned region, unsigned pos, const void *buf,
                 unsigned count);
    int (*ioctl)(void *opaque, unsigned long request, void *arg);
    int (*map)(void *opaque, uint64_t iova, uint64_t size, bool writable);
    int (*unmap)(void *opaque, uint64_t iova, uint64_t size);
    /* What the administrator of the host does to the device opened last */
    int (*vary)(void *opaque, bool on);
    int (*remove)(void *opaque);
} VfioPlayerOps;

typedef struct VfioPlayer {
    const VfioPlayerOps *ops;
    void *opaque;
    uint8_t *memory;                    /* VFIO_PLAYER_MEMORY bytes */
    int eventfd[VFIO_CCW_NUM_IRQS];     /* counting, and not blocking */
    int no_eventfd;                     /* some other kind of file */
} VfioPlayer;

/* Returns false if it cannot have its eventfds */
bool vfio_player_init(VfioPlayer *player, const VfioPlayerOps *ops,
                      void *opaque, uint8_t *memory);
void vfio_player_destroy(VfioPlayer *player);

/* Carries out @step and stores what came of it */
void vfio_player_play(VfioPlayer *player, const char *step,
                      char result[VFIO_PLAYER_RESULT]);

#endif
