/*
 * A 9336 fixed-block disk on a plain file
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The commands that Linux sends to one: those of its dasd_fba driver and
 * those by which its common I/O layer recognizes a device. Anything else gets
 * unit check, command reject. A write ends when its data is in the file.
 *
 * Called by dasd.c, and by host.c to open an image, all in the host's thread.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "dasd.h"

#define BLOCK 512

#define CMD_WRITE            0x41
#define CMD_READ             0x42
#define CMD_LOCATE           0x43
#define CMD_DEFINE_EXTENT    0x63
#define CMD_READ_DEV_CHARS   0x64

#define LOCATE_OP_MASK         0x0f
#define LOCATE_OP_WRITE        0x01
#define LOCATE_OP_WRITE_VERIFY 0x05
#define LOCATE_OP_READ         0x06

typedef struct DasdFba {
    Dasd parent;
    int fd;
    char *path;
    uint32_t blocks;

    /* Both last until the end of the channel program */
    struct {
        bool defined;
        bool writable;
        uint32_t location;      /* of its first block on the disk */
        uint32_t first;         /* that block's number in the extent */
        uint32_t last;
    } extent;
    struct {
        uint8_t operation;      /* 0 when nothing is located */
        uint32_t block;
        uint32_t count;
    } located;

    uint8_t buffer[128 * BLOCK];
} DasdFba;

static uint8_t unit_check(DasdFba *dasd, uint8_t sense0, uint8_t sense1)
{
    return dasd_unit_check(&dasd->parent, sense0, sense1);
}

static uint8_t sense_id(ChannelRun *run)
{
    /* Control unit 6310 model 80, device 9336 model 10 */
    static const uint8_t id[] = {
        0xff, 0x63, 0x10, 0x80, 0x93, 0x36, 0x10
    };

    channel_put(run, id, sizeof(id));
    return DASD_DONE;
}

static uint8_t read_device_characteristics(DasdFba *dasd, ChannelRun *run)
{
    uint8_t data[32] = {
        0x30,                   /* burst mode, data chaining allowed */
        0x08,                   /* movable access mechanism */
        0x21, 0x11,             /* direct access, 9336 */
    };

    stw_be_p(data + 4, BLOCK);
    stl_be_p(data + 6, 111);    /* blocks per cyclical group */
    stl_be_p(data + 10, 777);   /* and per access position */
    stl_be_p(data + 14, dasd->blocks);
    channel_put(run, data, sizeof(data));
    return DASD_DONE;
}

static uint8_t define_extent(DasdFba *dasd, ChannelRun *run)
{
    uint32_t location, first, last;
    uint8_t data[16];

    if (channel_take(run, data, sizeof(data)) < sizeof(data)) {
        return unit_check(dasd, DASD_SENSE_COMMAND_REJECT, 0);
    }
    location = ldl_be_p(data + 4);
    first = ldl_be_p(data + 8);
    last = ldl_be_p(data + 12);
    if (dasd->extent.defined || lduw_be_p(data + 2) != BLOCK ||
        last < first || location >= dasd->blocks ||
        last - first >= dasd->blocks - location) {
        return unit_check(dasd, DASD_SENSE_COMMAND_REJECT, 0);
    }
    dasd->extent.defined = true;
    dasd->extent.writable = (data[0] & 0xc0) == 0;
    dasd->extent.location = location;
    dasd->extent.first = first;
    dasd->extent.last = last;
    return DASD_DONE;
}

static bool is_write(uint8_t operation)
{
    return operation == LOCATE_OP_WRITE || operation == LOCATE_OP_WRITE_VERIFY;
}

static uint8_t locate(DasdFba *dasd, ChannelRun *run)
{
    uint8_t operation, data[8];
    uint32_t count, block;

    if (channel_take(run, data, sizeof(data)) < sizeof(data) ||
        !dasd->extent.defined) {
        return unit_check(dasd, DASD_SENSE_COMMAND_REJECT, 0);
    }
    operation = data[0] & LOCATE_OP_MASK;
    count = lduw_be_p(data + 2);
    block = ldl_be_p(data + 4);
    if (count == 0 || (!is_write(operation) && operation != LOCATE_OP_READ)) {
        return unit_check(dasd, DASD_SENSE_COMMAND_REJECT, 0);
    }
    if (block < dasd->extent.first || block > dasd->extent.last ||
        count - 1 > dasd->extent.last - block) {
        return unit_check(dasd, 0, DASD_SENSE1_FILE_PROTECTED);
    }
    if (is_write(operation) && !dasd->extent.writable) {
        return unit_check(dasd, DASD_SENSE_COMMAND_REJECT,
                          DASD_SENSE1_WRITE_INHIBIT);
    }
    dasd->located.operation = operation;
    dasd->located.block = dasd->extent.location + block - dasd->extent.first;
    dasd->located.count = count;
    return DASD_DONE;
}

static bool file_zero(DasdFba *dasd, off_t offset, size_t len)
{
    if (fallocate(dasd->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  offset, len) == 0) {
        return true;
    }
    memset(dasd->buffer, 0, sizeof(dasd->buffer));
    for (size_t done = 0; done < len;) {
        size_t n = MIN(len - done, sizeof(dasd->buffer));

        if (!dasd_image_write(dasd->fd, dasd->buffer, n, offset + done)) {
            return false;
        }
        done += n;
    }
    return true;
}

static uint8_t read_blocks(DasdFba *dasd, ChannelRun *run)
{
    off_t offset = (off_t)dasd->located.block * BLOCK;
    size_t left = (size_t)dasd->located.count * BLOCK;

    if (dasd->located.operation != LOCATE_OP_READ) {
        return unit_check(dasd, DASD_SENSE_COMMAND_REJECT, 0);
    }
    dasd->located.operation = 0;

    while (left) {
        size_t n = MIN(left, sizeof(dasd->buffer));

        if (!dasd_image_read(dasd->fd, dasd->buffer, n, offset)) {
            return unit_check(dasd, DASD_SENSE_EQUIPMENT_CHECK, 0);
        }
        if (channel_put(run, dasd->buffer, n) < n) {
            break;
        }
        offset += n;
        left -= n;
    }
    return DASD_DONE;
}

/*
 * A write of no data at all makes zeroes of all located blocks, which is how
 * Linux discards; one that ends within a block has that filled with zeroes.
 */
static uint8_t write_blocks(DasdFba *dasd, ChannelRun *run)
{
    off_t offset = (off_t)dasd->located.block * BLOCK;
    size_t len = (size_t)dasd->located.count * BLOCK;
    size_t done = 0, asked, n;

    if (!is_write(dasd->located.operation)) {
        return unit_check(dasd, DASD_SENSE_COMMAND_REJECT, 0);
    }
    dasd->located.operation = 0;

    do {
        size_t padded;

        asked = MIN(len - done, sizeof(dasd->buffer));
        n = channel_take(run, dasd->buffer, asked);
        padded = ROUND_UP(n, BLOCK);
        memset(dasd->buffer + n, 0, padded - n);
        if (run->status.cstat & ~SCSW_CSTAT_PCI) {
            return DASD_DONE;
        }
        if (!dasd_image_write(dasd->fd, dasd->buffer, padded, offset + done)) {
            return unit_check(dasd, DASD_SENSE_EQUIPMENT_CHECK, 0);
        }
        done += n;
    } while (n == asked && done < len);

    if (done == 0 && !file_zero(dasd, offset, len)) {
        return unit_check(dasd, DASD_SENSE_EQUIPMENT_CHECK, 0);
    }
    return DASD_DONE;
}

static uint8_t fba_command(Dasd *parent, uint8_t cmd, ChannelRun *run)
{
    DasdFba *dasd = container_of(parent, DasdFba, parent);

    switch (cmd) {
    case CCW_CMD_NOOP:
        return DASD_DONE;
    case CCW_CMD_BASIC_SENSE:
        return dasd_sense(parent, run);
    case CCW_CMD_SENSE_ID:
        return sense_id(run);
    case CMD_READ_DEV_CHARS:
        return read_device_characteristics(dasd, run);
    case CMD_DEFINE_EXTENT:
        return define_extent(dasd, run);
    case CMD_LOCATE:
        return locate(dasd, run);
    case CMD_READ:
        return read_blocks(dasd, run);
    case CMD_WRITE:
        return write_blocks(dasd, run);
    default:
        return unit_check(dasd, DASD_SENSE_COMMAND_REJECT, 0);
    }
}

static void fba_begin(Dasd *parent)
{
    DasdFba *dasd = container_of(parent, DasdFba, parent);

    dasd->extent.defined = false;
    dasd->located.operation = 0;
}

static bool fba_close(Dasd *parent, Error **errp)
{
    DasdFba *dasd = container_of(parent, DasdFba, parent);
    bool ok = dasd_image_close(dasd->fd, dasd->path, errp);

    g_free(dasd->path);
    g_free(dasd);
    return ok;
}

static const DasdModel fba_model = {
    .begin = fba_begin,
    .command = fba_command,
    .close = fba_close,
};

Dasd *dasd_fba_open(const char *path, HostDma *dma, GMainContext *context,
                    Error **errp)
{
    DasdFba *dasd;
    off_t size;
    int fd = dasd_image_open(path, &size, errp);

    if (fd < 0) {
        return NULL;
    }
    if (size / BLOCK > UINT32_MAX) {
        error_setg(errp, "'%s' has %jd bytes: a disk image must have less than "
                   "2 TiB, which is at most %u blocks of %d bytes", path,
                   (intmax_t)size, UINT32_MAX, BLOCK);
        close(fd);
        return NULL;
    }
    if (size == 0 || size % BLOCK) {
        error_setg(errp, "'%s' has %jd bytes: a disk image must have a "
                   "multiple of %d, and at least one block", path,
                   (intmax_t)size, BLOCK);
        close(fd);
        return NULL;
    }
    dasd = g_new0(DasdFba, 1);
    dasd_init(&dasd->parent, &fba_model, dma, context);
    dasd->fd = fd;
    dasd->path = g_strdup(path);
    dasd->blocks = size / BLOCK;
    return &dasd->parent;
}
