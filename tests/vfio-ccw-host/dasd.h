/*
 * Disks: what the models of all disks have in common
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A model of a disk begins with a Dasd and has a DasdModel. dasd.c executes
 * the channel programs, gives long ones their turns, ends them, and keeps the
 * sense data; dasd-fba.c is the shorter example of a model. Host's thread
 * only.
 */

#ifndef TESTS_VFIO_CCW_HOST_DASD_H
#define TESTS_VFIO_CCW_HOST_DASD_H

#include "devices.h"

/* In the first byte of the sense data */
#define DASD_SENSE_COMMAND_REJECT  0x80
#define DASD_SENSE_EQUIPMENT_CHECK 0x10
/* In the second byte */
#define DASD_SENSE1_FILE_PROTECTED 0x04
#define DASD_SENSE1_WRITE_INHIBIT  0x02

#define DASD_DONE (SCSW_DSTAT_CHANNEL_END | SCSW_DSTAT_DEVICE_END)

typedef struct DasdModel {
    /* A channel program begins */
    void (*begin)(Dasd *dasd);
    /* As in ChannelRunOps; all sense data but for NOP and SENSE is cleared */
    uint8_t (*command)(Dasd *dasd, uint8_t cmd, ChannelRun *run);
    /*
     * A channel program has ended with device status @dstat, or is being
     * ended. Returns the device status that the guest gets. Can be NULL.
     */
    uint8_t (*end)(Dasd *dasd, uint8_t dstat);
    /* Closes the image and frees @dasd in any case */
    bool (*close)(Dasd *dasd, Error **errp);
} DasdModel;

struct Dasd {
    const DasdModel *model;
    HostDma *dma;
    GMainContext *context;
    HostSubchannel *sch;        /* of the last start */
    ChannelRun run;
    GSource *slice;             /* the rest of a long program */
    uint8_t sense[32];
};

void dasd_init(Dasd *dasd, const DasdModel *model, HostDma *dma,
               GMainContext *context);

/* Sets the sense data, the rest of it zero; returns the device status */
uint8_t dasd_unit_check(Dasd *dasd, uint8_t sense0, uint8_t sense1);

/* The SENSE command */
uint8_t dasd_sense(Dasd *dasd, ChannelRun *run);

/*
 * The file descriptor of an image that no other disk uses, and its size; -1
 * if there is none.
 */
int dasd_image_open(const char *path, off_t *size, Error **errp);
bool dasd_image_close(int fd, const char *path, Error **errp);

/* All @len bytes, or false and errno */
bool dasd_image_read(int fd, void *buf, size_t len, off_t offset);
bool dasd_image_write(int fd, const void *buf, size_t len, off_t offset);

#endif
