/*
 * A 9336 fixed-block disk on a plain file
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The commands that Linux sends to one: those of its dasd_fba driver and
 * those by which its common I/O layer recognizes a device. Anything else gets
 * unit check, command reject. A write ends when its data is in the file.
 *
 * Called by subchannel.c and channel.c, and by host.c to open and close, all
 * in the host's thread.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "devices.h"

#define BLOCK 512

/* Commands in a row before other events of the host get their turn */
#define SLICE 64

#define CMD_WRITE            0x41
#define CMD_READ             0x42
#define CMD_LOCATE           0x43
#define CMD_DEFINE_EXTENT    0x63
#define CMD_READ_DEV_CHARS   0x64

#define SENSE_COMMAND_REJECT  0x80
#define SENSE_EQUIPMENT_CHECK 0x10
/* In the second byte */
#define SENSE1_FILE_PROTECTED 0x04
#define SENSE1_WRITE_INHIBIT  0x02

#define LOCATE_OP_MASK         0x0f
#define LOCATE_OP_WRITE        0x01
#define LOCATE_OP_WRITE_VERIFY 0x05
#define LOCATE_OP_READ         0x06

#define DSTAT_DONE (SCSW_DSTAT_CHANNEL_END | SCSW_DSTAT_DEVICE_END)

struct DasdFba {
    int fd;
    char *path;
    uint32_t blocks;
    HostDma *dma;
    GMainContext *context;
    HostSubchannel *sch;
    ChannelRun run;
    GSource *slice;             /* the rest of a long program */
    uint8_t sense[32];

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
};

static uint8_t unit_check(DasdFba *dasd, uint8_t sense0, uint8_t sense1)
{
    dasd->sense[0] = sense0;
    dasd->sense[1] = sense1;
    return DSTAT_DONE | SCSW_DSTAT_UNIT_CHECK;
}

static uint8_t sense(DasdFba *dasd, ChannelRun *run)
{
    channel_put(run, dasd->sense, sizeof(dasd->sense));
    memset(dasd->sense, 0, sizeof(dasd->sense));
    return DSTAT_DONE;
}

static uint8_t sense_id(ChannelRun *run)
{
    /* Control unit 6310 model 80, device 9336 model 10 */
    static const uint8_t id[] = {
        0xff, 0x63, 0x10, 0x80, 0x93, 0x36, 0x10
    };

    channel_put(run, id, sizeof(id));
    return DSTAT_DONE;
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
    return DSTAT_DONE;
}

static uint8_t define_extent(DasdFba *dasd, ChannelRun *run)
{
    uint32_t location, first, last;
    uint8_t data[16];

    if (channel_take(run, data, sizeof(data)) < sizeof(data)) {
        return unit_check(dasd, SENSE_COMMAND_REJECT, 0);
    }
    location = ldl_be_p(data + 4);
    first = ldl_be_p(data + 8);
    last = ldl_be_p(data + 12);
    if (dasd->extent.defined || lduw_be_p(data + 2) != BLOCK ||
        last < first || location >= dasd->blocks ||
        last - first >= dasd->blocks - location) {
        return unit_check(dasd, SENSE_COMMAND_REJECT, 0);
    }
    dasd->extent.defined = true;
    dasd->extent.writable = (data[0] & 0xc0) == 0;
    dasd->extent.location = location;
    dasd->extent.first = first;
    dasd->extent.last = last;
    return DSTAT_DONE;
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
        return unit_check(dasd, SENSE_COMMAND_REJECT, 0);
    }
    operation = data[0] & LOCATE_OP_MASK;
    count = lduw_be_p(data + 2);
    block = ldl_be_p(data + 4);
    if (count == 0 || (!is_write(operation) && operation != LOCATE_OP_READ)) {
        return unit_check(dasd, SENSE_COMMAND_REJECT, 0);
    }
    if (block < dasd->extent.first || block > dasd->extent.last ||
        count - 1 > dasd->extent.last - block) {
        return unit_check(dasd, 0, SENSE1_FILE_PROTECTED);
    }
    if (is_write(operation) && !dasd->extent.writable) {
        return unit_check(dasd, SENSE_COMMAND_REJECT, SENSE1_WRITE_INHIBIT);
    }
    dasd->located.operation = operation;
    dasd->located.block = dasd->extent.location + block - dasd->extent.first;
    dasd->located.count = count;
    return DSTAT_DONE;
}

static bool file_read(DasdFba *dasd, off_t offset, size_t len)
{
    ssize_t n = RETRY_ON_EINTR(pread(dasd->fd, dasd->buffer, len, offset));

    return n == len;
}

static bool file_write(DasdFba *dasd, off_t offset, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = RETRY_ON_EINTR(pwrite(dasd->fd, dasd->buffer + done,
                                          len - done, offset + done));

        if (n <= 0) {
            return false;
        }
        done += n;
    }
    return true;
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

        if (!file_write(dasd, offset + done, n)) {
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
        return unit_check(dasd, SENSE_COMMAND_REJECT, 0);
    }
    dasd->located.operation = 0;

    while (left) {
        size_t n = MIN(left, sizeof(dasd->buffer));

        if (!file_read(dasd, offset, n)) {
            return unit_check(dasd, SENSE_EQUIPMENT_CHECK, 0);
        }
        if (channel_put(run, dasd->buffer, n) < n) {
            break;
        }
        offset += n;
        left -= n;
    }
    return DSTAT_DONE;
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
        return unit_check(dasd, SENSE_COMMAND_REJECT, 0);
    }
    dasd->located.operation = 0;

    do {
        size_t padded;

        asked = MIN(len - done, sizeof(dasd->buffer));
        n = channel_take(run, dasd->buffer, asked);
        padded = ROUND_UP(n, BLOCK);
        memset(dasd->buffer + n, 0, padded - n);
        if (run->status.cstat & ~SCSW_CSTAT_PCI) {
            return DSTAT_DONE;
        }
        if (!file_write(dasd, offset + done, padded)) {
            return unit_check(dasd, SENSE_EQUIPMENT_CHECK, 0);
        }
        done += n;
    } while (n == asked && done < len);

    if (done == 0 && !file_zero(dasd, offset, len)) {
        return unit_check(dasd, SENSE_EQUIPMENT_CHECK, 0);
    }
    return DSTAT_DONE;
}

static uint8_t dasd_command(void *device, uint8_t cmd, ChannelRun *run)
{
    DasdFba *dasd = device;

    if (cmd == CCW_CMD_NOOP) {
        return DSTAT_DONE;
    }
    if (cmd == CCW_CMD_BASIC_SENSE) {
        return sense(dasd, run);
    }

    memset(dasd->sense, 0, sizeof(dasd->sense));
    switch (cmd) {
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
        return unit_check(dasd, SENSE_COMMAND_REJECT, 0);
    }
}

static void dasd_pci(void *device, uint32_t cpa)
{
    DasdFba *dasd = device;
    HostStatus status = { .cstat = SCSW_CSTAT_PCI, .cpa = cpa };

    host_subchannel_present(dasd->sch, &status);
}

static void dasd_initial(void *device, uint32_t cpa)
{
    DasdFba *dasd = device;
    HostStatus status = { .initial = true, .cpa = cpa };

    host_subchannel_present(dasd->sch, &status);
}

static const ChannelRunOps run_ops = {
    .command = dasd_command,
    .pci = dasd_pci,
    .initial = dasd_initial,
};

/* Returns false while there is more of the program to execute */
static bool run_slice(DasdFba *dasd)
{
    HostStatus status;

    if (!channel_run(&dasd->run, SLICE)) {
        return false;
    }
    status = dasd->run.status;
    host_subchannel_present(dasd->sch, &status);
    return true;
}

static void stop(DasdFba *dasd)
{
    if (dasd->slice) {
        g_source_destroy(dasd->slice);
        g_clear_pointer(&dasd->slice, g_source_unref);
    }
}

static gboolean run_later(void *opaque)
{
    DasdFba *dasd = opaque;

    if (run_slice(dasd)) {
        stop(dasd);
    }
    return G_SOURCE_CONTINUE;
}

static void dasd_start(void *device, HostSubchannel *sch, ChannelProgram *cp)
{
    DasdFba *dasd = device;

    dasd->sch = sch;
    dasd->extent.defined = false;
    dasd->located.operation = 0;
    channel_run_init(&dasd->run, &run_ops, dasd, cp, dasd->dma);
    if (run_slice(dasd)) {
        return;
    }
    dasd->slice = g_idle_source_new();
    g_source_set_priority(dasd->slice, G_PRIORITY_DEFAULT);
    g_source_set_callback(dasd->slice, run_later, dasd, NULL);
    g_source_attach(dasd->slice, dasd->context);
}

static void dasd_halt(void *device, HostSubchannel *sch)
{
    DasdFba *dasd = device;
    HostStatus status = { .dstat = dasd->slice ? DSTAT_DONE : 0 };

    stop(dasd);
    host_subchannel_present(sch, &status);
}

static void dasd_clear(void *device, HostSubchannel *sch)
{
    DasdFba *dasd = device;

    stop(dasd);
    memset(dasd->sense, 0, sizeof(dasd->sense));
    host_subchannel_present(sch, &(HostStatus) { 0 });
}

static unsigned dasd_sense(void *device, uint8_t *data)
{
    DasdFba *dasd = device;

    QEMU_BUILD_BUG_ON(sizeof(dasd->sense) > HOST_SENSE_SIZE);
    memcpy(data, dasd->sense, sizeof(dasd->sense));
    memset(dasd->sense, 0, sizeof(dasd->sense));
    return sizeof(dasd->sense);
}

const HostDeviceOps dasd_fba_ops = {
    .start = dasd_start,
    .halt = dasd_halt,
    .clear = dasd_clear,
    .sense = dasd_sense,
};

static bool check_image(int fd, const char *path, uint32_t *blocks,
                        Error **errp)
{
    off_t size = lseek(fd, 0, SEEK_END);
    int ret;

    if (size < 0) {
        error_setg_errno(errp, errno, "cannot find the size of '%s'", path);
        return false;
    }
    if (size / BLOCK > UINT32_MAX) {
        error_setg(errp, "'%s' has %jd bytes: a disk image must have less than "
                   "2 TiB, which is at most %u blocks of %d bytes", path,
                   (intmax_t)size, UINT32_MAX, BLOCK);
        return false;
    }
    if (size == 0 || size % BLOCK) {
        error_setg(errp, "'%s' has %jd bytes: a disk image must have a "
                   "multiple of %d, and at least one block", path,
                   (intmax_t)size, BLOCK);
        return false;
    }
    ret = qemu_lock_fd(fd, 0, 0, true);
    if (ret) {
        error_setg_errno(errp, -ret, "'%s' is in use as another disk", path);
        return false;
    }
    *blocks = size / BLOCK;
    return true;
}

DasdFba *dasd_fba_open(const char *path, HostDma *dma, GMainContext *context,
                       Error **errp)
{
    uint32_t blocks;
    DasdFba *dasd;
    int fd = qemu_open(path, O_RDWR, errp);

    if (fd < 0) {
        return NULL;
    }
    if (!check_image(fd, path, &blocks, errp)) {
        close(fd);
        return NULL;
    }
    dasd = g_new0(DasdFba, 1);
    dasd->fd = fd;
    dasd->path = g_strdup(path);
    dasd->blocks = blocks;
    dasd->dma = dma;
    dasd->context = context;
    return dasd;
}

bool dasd_fba_close(DasdFba *dasd, Error **errp)
{
    bool ok = fdatasync(dasd->fd) == 0;

    if (!ok) {
        error_setg_errno(errp, errno, "cannot flush '%s'", dasd->path);
    }
    stop(dasd);
    close(dasd->fd);
    g_free(dasd->path);
    g_free(dasd);
    return ok;
}
