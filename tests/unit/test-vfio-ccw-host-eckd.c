/*
 * Tests of the emulated 3390 disk and its image file
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The channel programs are those of Linux's dasd_eckd driver, of dasdfmt and of
 * the boot loader, and those that try each command's checks.
 *
 * What a track has to look like is written down here once more, byte by
 * byte, and compared with the image; where Hercules is installed, its tools
 * are a second opinion.
 */

#include "qemu/osdep.h"
#include <glib/gstdio.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include "qapi/error.h"
#include "tests/vfio-ccw-host/ckd-image.h"
#include "tests/vfio-ccw-host/devices.h"
#include "vfio-ccw-host-common.h"

#define DATA           0x8000
#define PARAMETERS     0x4000
#define CYLINDERS      3
#define TRACKS         (CYLINDERS * 15)
#define TRACK          56832
#define HEADER         512
#define IMAGE_SIZE     (HEADER + TRACKS * TRACK)
#define BLOCKS         12       /* of 4096 bytes, on a track */
#define BLOCK          4096
#define PAGE           4096

#define CMD_SENSE      0x04
#define CC             CCW_FLAG_CC
#define SLI            CCW_FLAG_SLI
#define UNIT_CHECK     (CE_DE | SCSW_DSTAT_UNIT_CHECK)
#define UNIT_EXCEPTION (CE_DE | SCSW_DSTAT_UNIT_EXCEP)
#define MATCH          (CE_DE | SCSW_DSTAT_STAT_MOD)

#define MASK_NO_WRITE  0x40
#define MASK_UPDATE    0x80
#define MASK_ALL       0xc0

#define WRITE          0x01
#define FORMAT         0x03
#define READ           0x06

typedef struct Fixture {
    Guest g;
    char *directory;
    char *image;
    char *journal;
    uint8_t *expected;          /* the contents of the image */
    HostSubchannel sch;
    Dasd *dasd;
    IRB irb;
    uint32_t parameters;        /* where the next CCW's are put */
} Fixture;

/*
 * What an image looks like
 */

static uint8_t *track_of(uint8_t *image, unsigned track)
{
    return image + HEADER + (size_t)track * TRACK;
}

static uint8_t pattern(unsigned track, unsigned record, unsigned i)
{
    return track * 89 + record * 31 + i * 7 + i / 256;
}

/* A record and the end behind it; returns where that is */
static size_t put_record(uint8_t *image, unsigned track, size_t pos,
                         unsigned record, unsigned key_len, unsigned data_len)
{
    uint8_t *p = track_of(image, track) + pos;

    stw_be_p(p, track / 15);
    stw_be_p(p + 2, track % 15);
    p[4] = record;
    p[5] = key_len;
    stw_be_p(p + 6, data_len);
    for (unsigned i = 0; i < key_len + data_len; i++) {
        p[8 + i] = record ? pattern(track, record, i) : 0;
    }
    memset(p + 8 + key_len + data_len, 0xff, 8);
    return pos + 8 + key_len + data_len;
}

static size_t put_empty_track(uint8_t *image, unsigned track)
{
    uint8_t *p = track_of(image, track);

    memset(p, 0, TRACK);
    stw_be_p(p + 1, track / 15);
    stw_be_p(p + 3, track % 15);
    return put_record(image, track, 5, 0, 0, 8);
}

/* The records of a disk in Linux's compatible disk layout */
static void record_lengths(unsigned track, unsigned record, unsigned *key_len,
                           unsigned *data_len)
{
    static const unsigned first[] = { 24, 144, 80 };

    *key_len = 0;
    *data_len = BLOCK;
    if (track == 0 && record <= 3) {
        *key_len = 4;
        *data_len = first[record - 1];
    } else if (track == 1) {
        *key_len = 44;
        *data_len = 96;
    }
}

static void put_linux_track(uint8_t *image, unsigned track)
{
    size_t pos = put_empty_track(image, track);
    unsigned key_len, data_len;

    for (int record = 1; record <= BLOCKS; record++) {
        record_lengths(track, record, &key_len, &data_len);
        pos = put_record(image, track, pos, record, key_len, data_len);
    }
}

static uint8_t *make_image(bool formatted)
{
    static const uint8_t header[] = {
        'C', 'K', 'D', '_', 'P', '3', '7', '0', 15, 0, 0, 0,
        0x00, 0xde, 0, 0, 0x90, 0, 0, 0,
        'T', 'E', 'S', 'T', '0', '0', '0', '0', '0', '0', '0', '1',
    };
    uint8_t *image = g_malloc0(IMAGE_SIZE);

    memcpy(image, header, sizeof(header));
    for (int track = 0; track < TRACKS; track++) {
        if (formatted) {
            put_linux_track(image, track);
        } else {
            put_empty_track(image, track);
        }
    }
    return image;
}

/* Where a block of a track in Linux's layout is in the image */
static size_t block_pos(unsigned track, unsigned record)
{
    g_assert_cmpuint(track, >=, 2);
    return HEADER + (size_t)track * TRACK + 21 + (record - 1) * (8 + BLOCK) +
           8;
}

static void expect_image(Fixture *f)
{
    g_autofree char *contents = NULL;
    gsize size;

    g_assert(g_file_get_contents(f->image, &contents, &size, NULL));
    g_assert_cmpuint(size, ==, IMAGE_SIZE);
    for (size_t i = 0; i < size; i++) {
        if ((uint8_t)contents[i] != f->expected[i]) {
            g_error("byte %zu of track %zd is %02x and should be %02x",
                    (i - HEADER) % TRACK, ((ssize_t)i - HEADER) / TRACK,
                    (uint8_t)contents[i], f->expected[i]);
        }
    }
}

/*
 * Writes of the file, which a test can make fail or be the last
 */

static struct {
    unsigned good;              /* writes that succeed before anything is */
    enum { ALWAYS_GOOD, KILLED, NO_SPACE } then;
    unsigned eighths;           /* of the next that are still done */
} writes;

/* Instead of the C library's: whatever the model writes to a file */
ssize_t pwrite(int fd, const void *buf, size_t len, off_t offset)
{
    struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };
    ssize_t ret;

    if (writes.then == ALWAYS_GOOD || writes.good) {
        writes.good -= writes.then != ALWAYS_GOOD;
        return pwritev(fd, &iov, 1, offset);
    }
    /* The kernel looks for a SIGKILL, and for space, only between pages */
    iov.iov_len = offset / PAGE == (offset + len - 1) / PAGE
        ? (writes.eighths == 8 ? len : 0) : len * writes.eighths / 8;
    ret = pwritev(fd, &iov, 1, offset);
    if (writes.then == KILLED) {
        _exit(EXIT_SUCCESS);
    }
    writes.eighths = 0;
    if (ret > 0) {
        return ret;
    }
    errno = ENOSPC;
    return -1;
}

/*
 * A disk, and channel programs for it
 */

static void take_irb(void *opaque)
{
    Fixture *f = opaque;

    g_assert_cmpint(host_subchannel_tsch(&f->sch, &f->irb), ==, 0);
}

static void open_disk(Fixture *f)
{
    PMCW pmcw = {
        .flags = PMCW_FLAGS_MASK_DNV | PMCW_FLAGS_MASK_ENA,
        .pim = 0xc0,
        .pam = 0xc0,
    };

    f->dasd = dasd_eckd_open(f->image, &f->g.dma, NULL, &error_abort);
    host_subchannel_init(&f->sch, &pmcw, &dasd_ops, f->dasd, take_irb, f);
}

static void close_disk(Fixture *f)
{
    g_assert(dasd_close(f->dasd, &error_abort));
    host_subchannel_destroy(&f->sch);
}

static void setup(Fixture *f, const void *raw)
{
    guest_init(&f->g);
    f->g.orb.lpm = 0x80;
    f->parameters = PARAMETERS;
    f->directory = g_dir_make_tmp("vfio-ccw-host-XXXXXX", NULL);
    g_assert_nonnull(f->directory);
    f->image = g_build_filename(f->directory, "image", NULL);
    f->journal = g_strconcat(f->image, ".journal", NULL);
    f->expected = make_image(!raw);
    g_assert(g_file_set_contents(f->image, (char *)f->expected, IMAGE_SIZE,
                                 NULL));
    open_disk(f);
}

static void teardown(Fixture *f, const void *arg)
{
    close_disk(f);
    g_assert_cmpint(unlink(f->image), ==, 0);
    g_assert_cmpint(rmdir(f->directory), ==, 0);
    g_free(f->image);
    g_free(f->journal);
    g_free(f->directory);
    g_free(f->expected);
    guest_destroy(&f->g);
}

/* Executes what has been put together, and begins anew */
static void disk_start(Fixture *f)
{
    g_autoptr(ChannelProgram) cp = NULL;

    memset(&f->irb, 0, sizeof(f->irb));
    g_assert_cmpint(guest_translate(&f->g, &cp), ==, 0);
    g_assert_cmpint(host_subchannel_ssch(&f->sch, &f->g.orb, cp), ==, 0);
    host_subchannel_run(&f->sch);
    while (!f->irb.scsw.ctrl) {
        g_main_context_iteration(NULL, false);
    }
    f->g.next_ccw = PROGRAM;
    f->parameters = PARAMETERS;
}

static void disk_run(Fixture *f, uint8_t dstat, uint8_t cstat, uint16_t count)
{
    disk_start(f);
    g_assert_cmphex(f->irb.scsw.dstat, ==, dstat);
    g_assert_cmphex(f->irb.scsw.cstat, ==, cstat);
    g_assert_cmpuint(f->irb.scsw.count, ==, count);
}

/* The program ends normally */
static void disk_run_well(Fixture *f)
{
    disk_run(f, CE_DE, 0, 0);
}

/* The program ended with the CCW of this number, counted from 0 */
static void expect_ended_at(Fixture *f, unsigned ccw)
{
    g_assert_cmphex(f->irb.scsw.cpa, ==, PROGRAM + (ccw + 1) * 8);
}

static void expect_sense(Fixture *f, uint8_t sense0, uint8_t sense1,
                         uint8_t sense7)
{
    const uint8_t *sense = f->g.memory + DATA;

    guest_ccw(&f->g, CMD_SENSE, 0, 32, DATA);
    disk_run_well(f);
    g_assert_cmphex(sense[0], ==, sense0);
    g_assert_cmphex(sense[1], ==, sense1);
    g_assert_cmphex(sense[7], ==, sense7);
    /* What makes Linux decode it as 24 bytes, instead of trying again */
    g_assert_cmphex(sense[27], ==, 0x80);
    guest_ccw(&f->g, CMD_SENSE, 0, 32, DATA);
    disk_run_well(f);
    for (int i = 0; i < 32; i++) {
        g_assert_cmphex(sense[i], ==, 0);
    }
}

/* The program ends with unit check */
static void disk_run_check(Fixture *f, unsigned ccw, uint8_t sense0,
                           uint8_t sense1, uint8_t sense7)
{
    disk_start(f);
    g_assert_cmphex(f->irb.scsw.dstat, ==, UNIT_CHECK);
    g_assert_cmphex(f->irb.scsw.cstat & ~SCSW_CSTAT_INCORR_LEN, ==, 0);
    expect_ended_at(f, ccw);
    expect_sense(f, sense0, sense1, sense7);
}

static void disk_run_reject(Fixture *f, unsigned ccw, uint8_t message)
{
    disk_run_check(f, ccw, 0x80, 0, message);
}

#define INVALID_COMMAND   1
#define INVALID_SEQUENCE  2
#define COUNT_TOO_SMALL   3
#define INVALID_PARAMETER 4

#define NO_RECORD         0x08
#define FILE_PROTECTED    0x04
#define END_OF_CYLINDER   0x20
#define INVALID_FORMAT    0x40

/* A CCW with parameters of its own */
static uint8_t *parameters(Fixture *f, uint8_t cmd, uint8_t flags,
                           uint16_t count)
{
    uint8_t *p = f->g.memory + f->parameters;

    memset(p, 0, count);
    guest_ccw(&f->g, cmd, flags, count, f->parameters);
    f->parameters += ROUND_UP(count, 8);
    g_assert_cmphex(f->parameters, <=, DATA);
    return p;
}

static void put_cchh(uint8_t *p, unsigned track)
{
    stw_be_p(p, track / 15);
    stw_be_p(p + 2, track % 15);
}

static uint8_t *extent(Fixture *f, uint8_t mask, unsigned first, unsigned last)
{
    uint8_t *p = parameters(f, 0x63, CC, 16);

    p[0] = mask;
    p[1] = 0xc0;
    put_cchh(p + 8, first);
    put_cchh(p + 12, last);
    return p;
}

/* @length is that of the records, or 0 */
static uint8_t *locate(Fixture *f, uint8_t operation, unsigned count,
                       unsigned track, unsigned record, unsigned length)
{
    uint8_t *p = parameters(f, 0x47, CC, 16);

    p[0] = operation;
    p[1] = length ? 0x80 : 0;
    p[3] = count;
    put_cchh(p + 4, track);
    put_cchh(p + 8, track);
    p[12] = record;
    stw_be_p(p + 14, length);
    return p;
}

static uint8_t *seek(Fixture *f, unsigned track)
{
    uint8_t *p = parameters(f, 0x07, CC, 6);

    put_cchh(p + 2, track);
    return p;
}

/* With a TIC back to itself, as long as the record is another */
static void search(Fixture *f, unsigned track, unsigned record)
{
    uint32_t ccw = f->g.next_ccw;
    uint8_t *p = parameters(f, 0x31, CC, 5);

    put_cchh(p, track);
    p[4] = record;
    guest_ccw(&f->g, CCW_CMD_TIC, 0, 0, ccw);
}

static void expect_block(Fixture *f, unsigned track, unsigned record,
                         uint32_t addr)
{
    for (int i = 0; i < BLOCK; i++) {
        g_assert_cmphex(f->g.memory[addr + i], ==, pattern(track, record, i));
    }
}

static void expect_count(Fixture *f, uint32_t addr, unsigned track,
                         unsigned record, unsigned key_len, unsigned data_len)
{
    uint8_t count[8];

    put_cchh(count, track);
    count[4] = record;
    count[5] = key_len;
    stw_be_p(count + 6, data_len);
    g_assert_cmpmem(f->g.memory + addr, 8, count, 8);
}

/*
 * Identity and state
 */

static void test_identity(Fixture *f, const void *arg)
{
    static const uint8_t id[] = {
        0xff, 0x39, 0x90, 0xe9, 0x33, 0x90, 0x0a, 0x00, 0x40, 0xfa, 0x01, 0x00
    };
    static const uint8_t device[] = {
        0xdc, 0x01, 0x01, 0x00, 0xf0, 0xf0, 0xf3, 0xf3, 0xf9, 0xf0,
        0xf0, 0xf0, 0xc1, 0xc8, 0xd9, 0xc3, 0xf0, 0xf0,
        /* TEST00000001 */
        0xe3, 0xc5, 0xe2, 0xe3, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf1,
        0x00, 0x00,
    };
    const uint8_t *p = f->g.memory + DATA;

    guest_ccw(&f->g, CCW_CMD_SENSE_ID, SLI, 256, DATA);
    disk_run(f, CE_DE, 0, 256 - sizeof(id));
    g_assert_cmpmem(p, sizeof(id), id, sizeof(id));

    guest_ccw(&f->g, 0x64, 0, 64, DATA);
    disk_run_well(f);
    g_assert_cmphex(lduw_be_p(p), ==, 0x3990);
    g_assert_cmphex(lduw_be_p(p + 3), ==, 0x3390);
    g_assert_cmpuint(lduw_be_p(p + 12), ==, CYLINDERS);
    g_assert_cmpuint(lduw_be_p(p + 14), ==, 15);
    g_assert_cmpuint(p[16], ==, 224);
    g_assert_cmpuint(ldl_be_p(p + 16) & 0xffffff, ==, 58786);
    g_assert_cmphex(p[8], ==, 0);       /* no XRC, no PPRC */
    g_assert_cmpuint(ldl_be_p(p + 60), ==, CYLINDERS);

    guest_ccw(&f->g, 0xfa, 0, 256, DATA);
    disk_run_well(f);
    g_assert_cmpmem(p, sizeof(device), device, sizeof(device));
    /* One node element descriptor of a device, one general qualifier */
    for (int i = 32; i < 224; i += 32) {
        g_assert_false(p[i] >> 6 == 3 && p[i + 1] == 1);
        g_assert_cmphex(p[i] >> 6, !=, 2);
        g_assert_cmphex(p[i] >> 6, !=, 1);
    }
    g_assert_cmphex(p[224] >> 6, ==, 2);
    g_assert_cmphex(p[224 + 17] & 4, ==, 0);

    guest_ccw(&f->g, 0x54, 0, 44, DATA);
    disk_run_well(f);
    g_assert_cmphex(p[0], ==, 1);

    guest_ccw(&f->g, CCW_CMD_NOOP, SLI, 1, 0);
    disk_run(f, CE_DE, 0, 1);
}

static void test_rejects(Fixture *f, const void *arg)
{
    static const uint8_t commands[] = {
        0xe7, 0x4b, 0xa5, 0xa6, 0xde, 0x95, 0xf7, 0xf9, 0xf3, 0x5b, 0xea, 0x1a,
        0x22, 0x96, 0xff, 0x01,
    };

    for (int i = 0; i < ARRAY_SIZE(commands); i++) {
        guest_ccw(&f->g, commands[i], SLI, 12, DATA);
        disk_run_reject(f, 0, INVALID_COMMAND);
    }
    /* A NOP does not clear the sense data, any other command does */
    guest_ccw(&f->g, 0xe7, SLI, 12, DATA);
    disk_start(f);
    guest_ccw(&f->g, CCW_CMD_NOOP, SLI, 1, 0);
    disk_start(f);
    expect_sense(f, 0x80, 0, INVALID_COMMAND);
    guest_ccw(&f->g, 0xe7, SLI, 12, DATA);
    disk_start(f);
    guest_ccw(&f->g, 0x64, 0, 64, DATA);
    disk_start(f);
    guest_ccw(&f->g, CMD_SENSE, 0, 32, DATA);
    disk_run_well(f);
    g_assert_cmphex(f->g.memory[DATA], ==, 0);
}

static void set_pgid(Fixture *f, uint8_t path, uint8_t function,
                     const char *pgid)
{
    uint8_t *p = parameters(f, 0xaf, SLI, 12);

    p[0] = function;
    memcpy(p + 1, pgid, 11);
    f->g.orb.lpm = path;
}

static void expect_path(Fixture *f, uint8_t path, uint8_t state,
                        const char *pgid)
{
    f->g.orb.lpm = path;
    guest_ccw(&f->g, 0x34, SLI, 12, DATA);
    disk_run_well(f);
    g_assert_cmphex(f->g.memory[DATA], ==, state);
    g_assert_cmpmem(f->g.memory + DATA + 1, 11, pgid, 11);
}

static void test_path_group(Fixture *f, const void *arg)
{
    static const char none[11];
    static const char first[] = "first group", other[] = "other group";

    expect_path(f, 0x80, 0x00, none);
    set_pgid(f, 0x80, 0x80, none);
    disk_run_reject(f, 0, INVALID_PARAMETER);
    set_pgid(f, 0x80, 0x80, first);
    disk_run_well(f);
    expect_path(f, 0x80, 0xc8, first);
    expect_path(f, 0x40, 0x00, none);
    set_pgid(f, 0x40, 0x00, first);
    disk_run_well(f);
    expect_path(f, 0x40, 0xc0, first);

    /* A path keeps its identifier; that of zeroes is none */
    set_pgid(f, 0x40, 0x80, other);
    disk_run_reject(f, 0, INVALID_PARAMETER);
    set_pgid(f, 0x40, 0x80, none);
    disk_run_reject(f, 0, INVALID_PARAMETER);
    set_pgid(f, 0x40, 0x60, first);
    disk_run_reject(f, 0, INVALID_PARAMETER);
    set_pgid(f, 0x40, 0x01, first);
    disk_run_reject(f, 0, INVALID_PARAMETER);
    parameters(f, 0xaf, SLI, 11);
    disk_run_reject(f, 0, COUNT_TOO_SMALL);
    expect_path(f, 0x40, 0xc0, first);

    /* Resign takes the path out, disband all of them */
    set_pgid(f, 0x40, 0x40, first);
    disk_run_well(f);
    expect_path(f, 0x40, 0x80, first);
    expect_path(f, 0x80, 0xc8, first);
    set_pgid(f, 0x40, 0x80, first);
    disk_run_well(f);
    set_pgid(f, 0x80, 0xa0, first);
    disk_run_well(f);
    expect_path(f, 0x80, 0x80, first);
    expect_path(f, 0x40, 0x80, first);

    /* Neither is part of a chain */
    guest_ccw(&f->g, CCW_CMD_NOOP, CC | SLI, 1, 0);
    guest_ccw(&f->g, 0x34, SLI, 12, DATA);
    disk_run_reject(f, 1, INVALID_SEQUENCE);
    guest_ccw(&f->g, 0x34, CC | SLI, 12, DATA);
    guest_ccw(&f->g, CCW_CMD_NOOP, SLI, 1, 0);
    disk_run_reject(f, 0, INVALID_SEQUENCE);
    parameters(f, 0xaf, SLI | CC, 12)[0] = 0x80;
    guest_ccw(&f->g, CCW_CMD_NOOP, SLI, 1, 0);
    disk_run_reject(f, 0, INVALID_SEQUENCE);
}

static void test_reserve(Fixture *f, const void *arg)
{
    static const uint8_t reserve[] = { 0xb4, 0x14 };
    static const char none[11];

    for (int i = 0; i < ARRAY_SIZE(reserve); i++) {
        guest_ccw(&f->g, reserve[i], SLI, 32, DATA);
        disk_run_well(f);
        expect_path(f, 0x80, 0x30, none);
        expect_path(f, 0x40, 0x30, none);
        guest_ccw(&f->g, 0x94, SLI, 32, DATA);
        disk_run_well(f);
        expect_path(f, 0x80, 0x00, none);
    }
    /* How Linux takes a disk from another system */
    guest_ccw(&f->g, 0x14, SLI | CC, 32, DATA);
    guest_ccw(&f->g, 0x94, SLI, 32, DATA);
    disk_run_well(f);
    expect_path(f, 0x80, 0x00, none);
}

static void prepare(Fixture *f, uint8_t order, uint8_t suborder)
{
    uint8_t *p = parameters(f, 0x27, CC, 12);

    p[0] = order;
    p[6] = suborder;
}

static void test_subsystem(Fixture *f, const void *arg)
{
    static const uint8_t rejected[] = { 0x52, 0x53, 0x1c, 0x50, 0x01, 0x00 };
    const uint8_t *data = f->g.memory + DATA;
    uint8_t *p;

    /* No features, so that Linux uses none */
    prepare(f, 0x18, 0x41);
    guest_ccw(&f->g, 0x3e, 0, 256, DATA);
    memset(f->g.memory + DATA, 0xff, 256);
    disk_run_well(f);
    for (int i = 0; i < 256; i++) {
        g_assert_cmphex(data[i], ==, 0);
    }
    /* One base device, no alias */
    prepare(f, 0x18, 0x0e);
    guest_ccw(&f->g, 0x3e, 0, 512, DATA);
    memset(f->g.memory + DATA, 0xff, 512);
    disk_run_well(f);
    for (int i = 0; i < 512; i++) {
        g_assert_cmphex(data[i], ==, i == 0);
    }
    /* No messages */
    prepare(f, 0x18, 0x03);
    guest_ccw(&f->g, 0x3e, SLI, 4096, DATA);
    disk_run(f, CE_DE, 0, 4096 - 9);
    g_assert_cmphex(ldl_be_p(data), ==, 0x00090000);

    p = parameters(f, 0x27, 0, 66);
    p[0] = 0x1d;
    p[6] = 0xc8;
    p[7] = 0x88;
    disk_run_well(f);

    for (int i = 0; i < ARRAY_SIZE(rejected); i++) {
        prepare(f, 0x18, rejected[i]);
        guest_ccw(&f->g, 0x3e, SLI, 28, DATA);
        disk_run_reject(f, 0, INVALID_PARAMETER);
    }
    prepare(f, 0xb0, 0x41);
    guest_ccw(&f->g, 0x3e, SLI, 28, DATA);
    disk_run_reject(f, 0, INVALID_PARAMETER);
    parameters(f, 0x27, SLI, 11);
    disk_run_reject(f, 0, COUNT_TOO_SMALL);

    /* What is prepared is for the next command only */
    guest_ccw(&f->g, 0x3e, SLI, 256, DATA);
    disk_run_reject(f, 0, INVALID_SEQUENCE);
    prepare(f, 0x18, 0x41);
    guest_ccw(&f->g, CCW_CMD_NOOP, CC | SLI, 1, 0);
    guest_ccw(&f->g, 0x3e, SLI, 256, DATA);
    disk_run_reject(f, 1, INVALID_SEQUENCE);
    prepare(f, 0x18, 0x41);
    guest_ccw(&f->g, 0x3e, SLI | CC, 256, DATA);
    guest_ccw(&f->g, 0x3e, SLI, 256, DATA);
    disk_run_reject(f, 2, INVALID_SEQUENCE);
    prepare(f, 0x18, 0x41);
    f->g.next_ccw = PROGRAM;
    guest_ccw(&f->g, 0x27, 0, 12, PARAMETERS);
    disk_run_well(f);
    guest_ccw(&f->g, 0x3e, SLI, 256, DATA);
    disk_run_reject(f, 0, INVALID_SEQUENCE);
}

/*
 * Extents and domains
 */

static void test_extent_checks(Fixture *f, const void *arg)
{
    static const struct {
        unsigned byte;
        uint8_t value;
    } invalid[] = {
        { 0, 0x20 }, { 1, 0x00 }, { 1, 0x80 }, { 2, 0xe0 }, { 4, 1 }, { 5, 1 },
        { 6, 1 }, { 9, CYLINDERS }, { 11, 15 }, { 13, CYLINDERS }, { 15, 15 },
        { 8, 1 }, { 12, 1 }, { 10, 1 },
    };

    for (int i = 0; i < ARRAY_SIZE(invalid); i++) {
        extent(f, 0, 0, 14)[invalid[i].byte] = invalid[i].value;
        guest_ccw(&f->g, CCW_CMD_NOOP, SLI, 1, 0);
        disk_run_reject(f, 0, INVALID_PARAMETER);
    }
    extent(f, 0, 3, 2);
    guest_ccw(&f->g, CCW_CMD_NOOP, SLI, 1, 0);
    disk_run_reject(f, 0, INVALID_PARAMETER);
    parameters(f, 0x63, SLI, 15)[1] = 0xc0;
    disk_run_reject(f, 0, COUNT_TOO_SMALL);
    extent(f, 0, 0, 1);
    extent(f, 0, 0, 1);
    guest_ccw(&f->g, CCW_CMD_NOOP, SLI, 1, 0);
    disk_run_reject(f, 1, INVALID_SEQUENCE);

    /* Nothing outside can be reached, in whatever way */
    extent(f, 0, 3, 4);
    locate(f, READ, 1, 2, 1, 0);
    guest_ccw(&f->g, 0x06, 0, BLOCK, DATA);
    disk_run_check(f, 1, 0, FILE_PROTECTED, 0);
    extent(f, 0, 3, 4);
    locate(f, READ, 1, 5, 1, 0);
    guest_ccw(&f->g, 0x06, 0, BLOCK, DATA);
    disk_run_check(f, 1, 0, FILE_PROTECTED, 0);
    extent(f, 0, 3, 4);
    seek(f, 5);
    guest_ccw(&f->g, 0x06, 0, BLOCK, DATA);
    disk_run_check(f, 1, 0, FILE_PROTECTED, 0);
    seek(f, 5);
    extent(f, 0, 3, 4);
    guest_ccw(&f->g, 0x06, 0, BLOCK, DATA);
    disk_run_reject(f, 2, INVALID_SEQUENCE);
    /* The mask can exclude seeks */
    extent(f, 0x08, 3, 4);
    seek(f, 3);
    guest_ccw(&f->g, 0x06, 0, BLOCK, DATA);
    disk_run_check(f, 1, 0, FILE_PROTECTED, 0);
    /* Nothing of one program is left for the next */
    guest_ccw(&f->g, 0x06, 0, BLOCK, DATA);
    disk_run_reject(f, 0, INVALID_SEQUENCE);
    locate(f, READ, 1, 3, 1, 0);
    guest_ccw(&f->g, 0x06, 0, BLOCK, DATA);
    disk_run_reject(f, 0, INVALID_SEQUENCE);
}

static void test_locate_checks(Fixture *f, const void *arg)
{
    static const struct {
        unsigned byte;
        uint8_t value;
    } invalid[] = {
        { 0, 0x02 }, { 0, 0x0b }, { 0, 0x0c }, { 0, 0x41 }, { 0, 0x83 },
        { 0, 0xc6 }, { 0, 0x00 }, { 1, 0x02 }, { 1, 0x80 }, { 2, 1 }, { 3, 0 },
        { 4, 1 }, { 5, CYLINDERS }, { 6, 1 }, { 7, 15 }, { 13, 224 },
        { 15, 1 },
    };

    for (int i = 0; i < ARRAY_SIZE(invalid); i++) {
        extent(f, 0, 0, 14);
        locate(f, READ, 1, 2, 1, 0)[invalid[i].byte] = invalid[i].value;
        guest_ccw(&f->g, 0x06, 0, BLOCK, DATA);
        disk_run_reject(f, 1, INVALID_PARAMETER);
    }
    /* A record longer than the block that the extent announced */
    stw_be_p(extent(f, 0, 0, 14) + 2, 2048);
    locate(f, WRITE, 1, 2, 1, BLOCK);
    guest_ccw(&f->g, 0x85, 0, BLOCK, DATA);
    disk_run_reject(f, 1, INVALID_PARAMETER);
    extent(f, 0, 0, 14);
    parameters(f, 0x47, SLI, 15);
    disk_run_reject(f, 1, COUNT_TOO_SMALL);
    /* No such record; the last sector and "any" are fine */
    extent(f, 0, 0, 14);
    locate(f, READ, 1, 2, 13, 0);
    guest_ccw(&f->g, 0x06, 0, BLOCK, DATA);
    disk_run_check(f, 1, 0, NO_RECORD, 0);
    extent(f, 0, 0, 14);
    locate(f, READ, 1, 2, 1, 0)[13] = 223;
    guest_ccw(&f->g, 0x06, CC, BLOCK, DATA);
    locate(f, READ, 1, 2, 1, 0)[13] = 0xff;
    guest_ccw(&f->g, 0x06, 0, BLOCK, DATA);
    disk_run_well(f);
    expect_block(f, 2, 1, DATA);
}

/* What belongs into a domain, what does not, and how domains end */
static void test_domains(Fixture *f, const void *arg)
{
    static const struct {
        uint8_t operation;
        uint8_t cmd;
    } invalid[] = {
        { READ, 0x85 }, { READ, 0x1d }, { READ, 0x05 }, { READ, 0x31 },
        { READ, 0x07 }, { READ, 0x47 }, { READ, 0x63 }, { READ, 0x03 },
        { READ, 0x04 }, { READ, 0x02 }, { WRITE, 0x06 }, { WRITE, 0x1d },
        { WRITE, 0x12 }, { FORMAT, 0x85 }, { FORMAT, 0x06 },
        { FORMAT, 0x9d }, { 0x16, 0x06 }, { 0x16, 0x12 }, { 0x16, 0x16 },
    };

    for (int i = 0; i < ARRAY_SIZE(invalid); i++) {
        g_test_message("operation %x, command %x", invalid[i].operation,
                       invalid[i].cmd);
        extent(f, MASK_ALL, 0, 14);
        locate(f, invalid[i].operation, 1, 2, 0, 0);
        guest_ccw(&f->g, invalid[i].cmd, SLI, 16, DATA);
        disk_run_reject(f, 2, INVALID_SEQUENCE);
    }

    extent(f, 0, 0, 14);
    locate(f, READ, 2, 2, 1, 0);
    guest_ccw(&f->g, 0x86, 0, BLOCK, DATA);
    disk_run_check(f, 2, 0x81, 0, 0);
    extent(f, 0, 0, 14);
    locate(f, READ, 2, 2, 1, 0);
    f->g.next_ccw -= 8;
    guest_ccw(&f->g, 0x47, 0, 16, f->parameters - 16);
    disk_run_check(f, 1, 0x81, 0, 0);

    /* Behind a domain there is none: a further read is like any */
    extent(f, 0, 0, 14);
    locate(f, READ, 1, 2, 1, 0);
    guest_ccw(&f->g, 0x86, CC, BLOCK, DATA);
    guest_ccw(&f->g, CCW_CMD_NOOP, CC | SLI, 1, 0);
    guest_ccw(&f->g, 0x86, 0, BLOCK, DATA);
    disk_run_well(f);
    expect_block(f, 2, 2, DATA);
    /* Nor is there one behind "orient" */
    extent(f, 0, 0, 14);
    locate(f, 0x00, 0, 2, 5, 0);
    guest_ccw(&f->g, 0x06, 0, BLOCK, DATA);
    disk_run_well(f);
    expect_block(f, 2, 5, DATA);
}

/*
 * Reading
 */

/* Linux: one Locate Record, then blocks over tracks and cylinders */
static void test_read(Fixture *f, const void *arg)
{
    extent(f, MASK_NO_WRITE, 14, 15);
    locate(f, READ, 5, 14, 10, BLOCK);
    for (int i = 0; i < 5; i++) {
        guest_ccw(&f->g, 0x86, i < 4 ? CC : 0, BLOCK, DATA + i * BLOCK);
    }
    disk_run_well(f);
    for (int i = 0; i < 3; i++) {
        expect_block(f, 14, 10 + i, DATA + i * BLOCK);
    }
    for (int i = 0; i < 2; i++) {
        expect_block(f, 15, 1 + i, DATA + (3 + i) * BLOCK);
    }

    /* To the end of the extent, and no further */
    extent(f, MASK_NO_WRITE, 14, 15);
    locate(f, READ, 3, 15, 11, BLOCK);
    for (int i = 0; i < 3; i++) {
        guest_ccw(&f->g, 0x86, i < 2 ? CC : 0, BLOCK, DATA);
    }
    disk_run_check(f, 4, 0, FILE_PROTECTED, 0);

    /* Outside a domain a cylinder is an end as well */
    seek(f, 14);
    search(f, 14, 12);
    guest_ccw(&f->g, 0x06, CC, BLOCK, DATA);
    guest_ccw(&f->g, 0x86, 0, BLOCK, DATA);
    disk_run_check(f, 4, 0, END_OF_CYLINDER, 0);
    seek(f, 13);
    search(f, 13, 12);
    guest_ccw(&f->g, 0x06, CC, BLOCK, DATA);
    guest_ccw(&f->g, 0x86, 0, BLOCK, DATA);
    disk_run_well(f);
    expect_block(f, 14, 1, DATA);
    /* The mask can exclude the next track */
    extent(f, 0x18, 0, 14);
    locate(f, 0x00, 0, 2, 12, 0);
    guest_ccw(&f->g, 0x06, CC, BLOCK, DATA);
    guest_ccw(&f->g, 0x86, 0, BLOCK, DATA);
    disk_run_check(f, 3, 0, FILE_PROTECTED, 0);

    /* Without the multitrack bit the track begins again */
    extent(f, MASK_NO_WRITE, 2, 2);
    locate(f, READ, 2, 2, 12, BLOCK);
    guest_ccw(&f->g, 0x06, CC, BLOCK, DATA);
    guest_ccw(&f->g, 0x06, 0, BLOCK, DATA);
    disk_run_well(f);
    expect_block(f, 2, 1, DATA);

    /* And again: only searches and reads of count fields end there */
    extent(f, MASK_NO_WRITE, 2, 2);
    locate(f, READ, 2 * BLOCKS + 2, 2, 1, BLOCK);
    for (int i = 0; i < 2 * BLOCKS + 2; i++) {
        guest_ccw(&f->g, 0x06, i < 2 * BLOCKS + 1 ? CC : 0, BLOCK, DATA);
    }
    disk_run_well(f);
    expect_block(f, 2, 2, DATA);

    /* Lengths are the channel's affair */
    extent(f, MASK_NO_WRITE, 2, 2);
    locate(f, READ, 1, 2, 1, BLOCK);
    guest_ccw(&f->g, 0x86, 0, BLOCK + 1, DATA);
    disk_run(f, CE_DE, SCSW_CSTAT_INCORR_LEN, 1);
    extent(f, MASK_NO_WRITE, 2, 2);
    locate(f, READ, 1, 2, 1, BLOCK);
    guest_ccw(&f->g, 0x86, SLI, 100, DATA);
    disk_run_well(f);
}

/* The first two tracks of Linux's layout have keys */
static void test_read_keys(Fixture *f, const void *arg)
{
    static const uint16_t lengths[] = { 28, 148, 84 };

    extent(f, MASK_NO_WRITE, 0, 1);
    for (int i = 0; i < 3; i++) {
        locate(f, READ, 1, 0, i + 1, lengths[i]);
        guest_ccw(&f->g, 0x8e, CC, lengths[i], DATA + i * 256);
    }
    locate(f, READ, 1, 1, 12, 140);
    guest_ccw(&f->g, 0x8e, CC, 140, DATA + 3 * 256);
    locate(f, READ, 2, 1, 1, 0);
    guest_ccw(&f->g, 0x86, CC, 96, DATA + 4 * 256);
    guest_ccw(&f->g, 0x1e, CC, 148, DATA + 5 * 256);
    locate(f, READ, 1, 1, 5, 0);
    guest_ccw(&f->g, 0x16, 0, 16, DATA + 6 * 256);
    disk_run_well(f);
    for (int i = 0; i < 3; i++) {
        g_assert_cmphex(f->g.memory[DATA + i * 256], ==,
                        pattern(0, i + 1, 0));
        g_assert_cmphex(f->g.memory[DATA + i * 256 + lengths[i] - 1], ==,
                        pattern(0, i + 1, lengths[i] - 1));
    }
    g_assert_cmphex(f->g.memory[DATA + 3 * 256], ==, pattern(1, 12, 0));
    /* Data alone, and a whole record with its count field */
    g_assert_cmphex(f->g.memory[DATA + 4 * 256], ==, pattern(1, 1, 44));
    expect_count(f, DATA + 5 * 256, 1, 2, 44, 96);
    g_assert_cmphex(f->g.memory[DATA + 5 * 256 + 8], ==, pattern(1, 2, 0));
    expect_count(f, DATA + 6 * 256, 1, 0, 0, 8);
}

/* Linux's analysis of a disk that it sees for the first time */
static void test_analysis(Fixture *f, const void *raw)
{
    extent(f, MASK_NO_WRITE, 0, 1)[1] = 0xc4;
    locate(f, READ, 4, 0, 0, 0);
    for (int i = 0; i < 4; i++) {
        guest_ccw(&f->g, 0x12, CC, 8, DATA + i * 8);
    }
    locate(f, READ, 1, 1, 0, 0);
    guest_ccw(&f->g, 0x12, 0, 8, DATA + 32);
    if (raw) {
        disk_run_check(f, 2, 0, NO_RECORD, 0);
        return;
    }
    disk_run_well(f);
    expect_count(f, DATA, 0, 1, 4, 24);
    expect_count(f, DATA + 8, 0, 2, 4, 144);
    expect_count(f, DATA + 16, 0, 3, 4, 80);
    expect_count(f, DATA + 24, 0, 4, 0, BLOCK);
    expect_count(f, DATA + 32, 1, 1, 44, 96);
}

/* The format check of dasdfmt: more counts than there are, twice around */
static void test_format_check(Fixture *f, const void *arg)
{
    extent(f, MASK_NO_WRITE, 3, 3)[1] = 0xc4;
    locate(f, READ, 50, 3, 0, 0);
    for (int i = 0; i < 50; i++) {
        guest_ccw(&f->g, 0x12, (i < 49 ? CC : 0) | SLI, 8, DATA + 512 + i * 8);
    }
    disk_run_check(f, 2 + 2 * BLOCKS, 0, NO_RECORD, 0);
    for (int i = 0; i < 2 * BLOCKS; i++) {
        expect_count(f, DATA + 512 + i * 8, 3, i % BLOCKS + 1, 0, BLOCK);
    }
}

/* The boot loader's way: seek, search, transfer in channel, read */
static void test_search(Fixture *f, const void *arg)
{
    seek(f, 20);
    search(f, 20, 7);
    guest_ccw(&f->g, 0x06, CC | SLI, BLOCK, DATA);
    guest_ccw(&f->g, 0x86, SLI, BLOCK, DATA + BLOCK);
    disk_run_well(f);
    expect_block(f, 20, 7, DATA);
    expect_block(f, 20, 8, DATA + BLOCK);

    /* R0 is found as well, and its data read */
    seek(f, 20);
    search(f, 20, 0);
    guest_ccw(&f->g, 0x06, 0, 8, DATA);
    disk_run_well(f);

    /* One that is not there: all records twice, then the end */
    seek(f, 20);
    search(f, 20, 13);
    guest_ccw(&f->g, 0x06, SLI, BLOCK, DATA);
    disk_run_check(f, 1, 0, NO_RECORD, 0);

    /* Other status than "equal" goes on with the next CCW */
    seek(f, 20);
    put_cchh(parameters(f, 0x31, 0, 5), 20);
    disk_run(f, MATCH, 0, 0);
    seek(f, 20);
    parameters(f, 0x31, 0, 5)[4] = 9;
    disk_run(f, CE_DE, 0, 0);

    /* Parameters of Seek */
    parameters(f, 0x07, SLI, 5);
    disk_run_reject(f, 0, COUNT_TOO_SMALL);
    seek(f, 0)[0] = 1;
    guest_ccw(&f->g, CCW_CMD_NOOP, SLI, 1, 0);
    disk_run_reject(f, 0, INVALID_PARAMETER);
    seek(f, TRACKS);
    guest_ccw(&f->g, CCW_CMD_NOOP, SLI, 1, 0);
    disk_run_reject(f, 0, INVALID_PARAMETER);
    seek(f, 0)[5] = 15;
    guest_ccw(&f->g, CCW_CMD_NOOP, SLI, 1, 0);
    disk_run_reject(f, 0, INVALID_PARAMETER);
    parameters(f, 0x31, SLI, 5);
    disk_run_reject(f, 0, INVALID_SEQUENCE);
}

static void test_ipl(Fixture *f, const void *arg)
{
    guest_ccw(&f->g, 0x02, CC, 24, DATA);
    guest_ccw(&f->g, 0x06, 0, 144, DATA + 256);
    disk_run_well(f);
    /* The key is not part of it */
    g_assert_cmphex(f->g.memory[DATA], ==, pattern(0, 1, 4));
    g_assert_cmphex(f->g.memory[DATA + 23], ==, pattern(0, 1, 27));
    g_assert_cmphex(f->g.memory[DATA + 256], ==, pattern(0, 2, 4));

    guest_ccw(&f->g, CCW_CMD_NOOP, CC | SLI, 1, 0);
    guest_ccw(&f->g, 0x02, 0, 24, DATA);
    disk_run_reject(f, 1, INVALID_SEQUENCE);
    guest_ccw(&f->g, 0x02, CC, 24, DATA);
    extent(f, 0, 0, 1);
    guest_ccw(&f->g, CCW_CMD_NOOP, SLI, 1, 0);
    disk_run_reject(f, 1, INVALID_SEQUENCE);
    /* It stands for Define Extent */
    guest_ccw(&f->g, 0x02, CC, 24, DATA);
    locate(f, READ, 1, 44, 12, 0);
    guest_ccw(&f->g, 0x06, 0, BLOCK, DATA);
    disk_run_well(f);
    expect_block(f, 44, 12, DATA);
}

static void test_ipl_raw(Fixture *f, const void *arg)
{
    guest_ccw(&f->g, 0x02, 0, 24, DATA);
    disk_run_check(f, 0, 0, NO_RECORD, 0);
}

/*
 * Writing
 */

static void fill(Fixture *f, uint32_t addr, unsigned seed, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        f->g.memory[addr + i] = seed + i * 13 + i / 256;
    }
}

/* Linux: one Locate Record, here over a cylinder's end */
static void write_five_blocks(Fixture *f)
{
    fill(f, DATA, 1, 5 * BLOCK);
    extent(f, MASK_UPDATE, 14, 15);
    locate(f, WRITE, 5, 14, 10, BLOCK);
    for (int i = 0; i < 5; i++) {
        guest_ccw(&f->g, 0x85, i < 4 ? CC : 0, BLOCK, DATA + i * BLOCK);
    }
}

static void expect_five_blocks(Fixture *f, uint8_t *image)
{
    for (int i = 0; i < 5; i++) {
        size_t pos = i < 3 ? block_pos(14, 10 + i) : block_pos(15, i - 2);

        memcpy(image + pos, f->g.memory + DATA + i * BLOCK, BLOCK);
    }
}

static void test_write(Fixture *f, const void *arg)
{
    write_five_blocks(f);
    disk_run_well(f);
    expect_five_blocks(f, f->expected);
    expect_image(f);

    /* Volume label: key and data */
    fill(f, DATA, 2, 84);
    extent(f, MASK_UPDATE, 0, 0);
    locate(f, WRITE, 1, 0, 3, 84);
    guest_ccw(&f->g, 0x8d, 0, 84, DATA);
    disk_run_well(f);
    memcpy(track_of(f->expected, 0) + 213 + 8, f->g.memory + DATA, 84);
    expect_image(f);

    /* What the channel does not have becomes zero */
    extent(f, MASK_UPDATE, 20, 20);
    locate(f, WRITE, 1, 20, 1, BLOCK);
    guest_ccw(&f->g, 0x85, SLI, 100, DATA);
    disk_run_well(f);
    memset(f->expected + block_pos(20, 1), 0, BLOCK);
    memcpy(f->expected + block_pos(20, 1), f->g.memory + DATA, 100);
    expect_image(f);

    /* Without a domain, behind a search */
    seek(f, 21);
    search(f, 21, 4);
    guest_ccw(&f->g, 0x05, 0, BLOCK, DATA);
    disk_run_well(f);
    memcpy(f->expected + block_pos(21, 4), f->g.memory + DATA, BLOCK);
    expect_image(f);
}

static void test_write_checks(Fixture *f, const void *arg)
{
    /* The length that was announced is not the record's */
    extent(f, MASK_UPDATE, 2, 2);
    locate(f, WRITE, 1, 2, 1, 2048);
    guest_ccw(&f->g, 0x85, 0, 2048, DATA);
    disk_run_check(f, 2, 0, INVALID_FORMAT, 0);
    extent(f, MASK_UPDATE, 0, 0);
    locate(f, WRITE, 1, 0, 3, 80);
    guest_ccw(&f->g, 0x8d, 0, 80, DATA);
    disk_run_check(f, 2, 0, INVALID_FORMAT, 0);
    /* The mask has no writes */
    extent(f, MASK_NO_WRITE, 2, 2);
    locate(f, WRITE, 1, 2, 1, BLOCK);
    guest_ccw(&f->g, 0x85, 0, BLOCK, DATA);
    disk_run_reject(f, 2, INVALID_SEQUENCE);
    extent(f, MASK_NO_WRITE, 2, 2);
    locate(f, FORMAT, 1, 2, 0, BLOCK);
    guest_ccw(&f->g, 0x1d, SLI, 8, DATA);
    disk_run_reject(f, 2, INVALID_SEQUENCE);
    /* Or only updates */
    extent(f, MASK_UPDATE, 2, 2);
    locate(f, FORMAT, 1, 2, 0, BLOCK);
    guest_ccw(&f->g, 0x1d, SLI, 8, DATA);
    disk_run_reject(f, 2, INVALID_SEQUENCE);
    /* R0 is only for who asks for all */
    extent(f, 0, 2, 2);
    locate(f, 0x40 | FORMAT, 1, 2, 0, 0);
    guest_ccw(&f->g, 0x15, SLI, 8, DATA);
    disk_run_reject(f, 2, INVALID_SEQUENCE);
    /* Outside the extent */
    extent(f, MASK_UPDATE, 2, 2);
    locate(f, WRITE, 2, 2, 12, BLOCK);
    guest_ccw(&f->g, 0x85, CC, BLOCK, DATA);
    guest_ccw(&f->g, 0x85, 0, BLOCK, DATA);
    memcpy(f->expected + block_pos(2, 12), f->g.memory + DATA, BLOCK);
    disk_run_check(f, 3, 0, FILE_PROTECTED, 0);
    /* Neither found nor located, or found only in part */
    seek(f, 2);
    guest_ccw(&f->g, 0x05, 0, BLOCK, DATA);
    disk_run_reject(f, 1, INVALID_SEQUENCE);
    seek(f, 2);
    guest_ccw(&f->g, 0x85, 0, BLOCK, DATA);
    disk_run_reject(f, 1, INVALID_SEQUENCE);
    seek(f, 2);
    search(f, 2, 0);
    put_cchh(parameters(f, 0x31, CC | SLI, 4), 2);
    guest_ccw(&f->g, CCW_CMD_TIC, 0, 0, PROGRAM);
    guest_ccw(&f->g, 0x05, 0, BLOCK, DATA);
    disk_run_reject(f, 5, INVALID_SEQUENCE);
    /* R0 is no record to update */
    seek(f, 2);
    search(f, 2, 0);
    guest_ccw(&f->g, 0x05, SLI, 8, DATA);
    disk_run_reject(f, 3, INVALID_SEQUENCE);
    seek(f, 2);
    search(f, 2, 1);
    guest_ccw(&f->g, CCW_CMD_NOOP, CC | SLI, 1, 0);
    guest_ccw(&f->g, 0x05, 0, BLOCK, DATA);
    disk_run_reject(f, 4, INVALID_SEQUENCE);
    /* Storage that cannot be read: the record remains as it is */
    extent(f, MASK_UPDATE, 2, 2);
    locate(f, WRITE, 1, 2, 1, BLOCK);
    f->g.orb.ctrl0 |= ORB_CTRL0_MASK_C64;
    /* Only the first of these may begin within a page */
    stq_be_p(f->g.memory + 0x7000, DATA + 0xf00);
    stq_be_p(f->g.memory + 0x7008, DATA + 0x1080);
    guest_ccw(&f->g, 0x85, CCW_FLAG_IDA, BLOCK, 0x7000);
    disk_run(f, CE_DE, SCSW_CSTAT_PROG_CHECK, BLOCK - 256);
    f->g.orb.ctrl0 &= ~ORB_CTRL0_MASK_C64;
    expect_image(f);
}

/* The count field of a record that is written, alone or with data */
static void format(Fixture *f, uint8_t cmd, uint8_t flags, unsigned track,
                   unsigned record, unsigned key_len, unsigned data_len)
{
    uint8_t *p = parameters(f, cmd, SLI | flags, 8);

    put_cchh(p, track);
    p[4] = record;
    p[5] = key_len;
    stw_be_p(p + 6, data_len);
}

static void zero_record(Fixture *f, unsigned track, unsigned pos, size_t len)
{
    memset(track_of(f->expected, track) + pos + 8, 0, len);
}

/* dasdfmt: several tracks in one program, over a cylinder's end */
static void test_format(Fixture *f, const void *arg)
{
    extent(f, 0, 14, 16)[7] = 4;
    locate(f, FORMAT, 3 * BLOCKS, 14, 0, BLOCK);
    for (int track = 14; track <= 16; track++) {
        for (int record = 1; record <= BLOCKS; record++) {
            bool next = track > 14 && record == 1;
            bool last = track == 16 && record == BLOCKS;

            format(f, next ? 0x9d : 0x1d, last ? 0 : CC, track, record, 0,
                   BLOCK);
        }
    }
    disk_run_well(f);
    for (int track = 14; track <= 16; track++) {
        size_t pos = put_empty_track(f->expected, track);

        for (int record = 1; record <= BLOCKS; record++) {
            size_t end = put_record(f->expected, track, pos, record, 0, BLOCK);

            zero_record(f, track, pos, BLOCK);
            pos = end;
        }
    }
    expect_image(f);
}

/* dasdfmt first makes track 0 one that nobody takes for formatted */
static void test_invalidate(Fixture *f, const void *arg)
{
    extent(f, 0, 0, 0)[7] = 4;
    locate(f, FORMAT, 1, 0, 0, 8);
    format(f, 0x1d, 0, 0, 1, 0, 0);
    disk_run_well(f);
    /* What was behind the new end of the track remains where it was */
    put_record(f->expected, 0, 21, 1, 0, 0);
    expect_image(f);

    extent(f, MASK_NO_WRITE, 0, 1);
    locate(f, READ, 4, 0, 0, 0);
    for (int i = 0; i < 4; i++) {
        guest_ccw(&f->g, 0x12, i < 3 ? CC : 0, 8, DATA + 512 + i * 8);
    }
    disk_run_check(f, 4, 0, NO_RECORD, 0);
    expect_count(f, DATA + 512, 0, 1, 0, 0);
    expect_count(f, DATA + 520, 0, 1, 0, 0);
    /* A record without data is the end of a file */
    extent(f, MASK_NO_WRITE, 0, 1);
    locate(f, READ, 1, 0, 1, 0);
    guest_ccw(&f->g, 0x06, SLI, 8, DATA);
    disk_run(f, UNIT_EXCEPTION, 0, 8);
    extent(f, MASK_UPDATE, 0, 1);
    locate(f, WRITE, 1, 0, 1, 8);
    guest_ccw(&f->g, 0x85, SLI, 8, DATA);
    disk_run_check(f, 2, 0, INVALID_FORMAT, 0);
}

static void test_format_data(Fixture *f, const void *arg)
{
    size_t pos;

    /* A record in the middle, with key and data: what follows is gone */
    extent(f, 0, 1, 1);
    locate(f, FORMAT, 1, 1, 4, 0);
    fill(f, DATA, 3, 8 + 140);
    put_cchh(f->g.memory + DATA, 1);
    f->g.memory[DATA + 4] = 5;
    f->g.memory[DATA + 5] = 44;
    stw_be_p(f->g.memory + DATA + 6, 96);
    guest_ccw(&f->g, 0x1d, 0, 148, DATA);
    disk_run_well(f);
    pos = put_record(f->expected, 1, 21 + 4 * 148, 5, 44, 96);
    memcpy(track_of(f->expected, 1) + pos - 140, f->g.memory + DATA + 8, 140);
    expect_image(f);

    /* R0 for who may: what follows is gone, its own data new */
    extent(f, MASK_ALL, 7, 7);
    locate(f, 0x40 | FORMAT, 2, 7, 0, 0);
    format(f, 0x15, CC, 7, 0, 0, 8);
    format(f, 0x1d, 0, 7, 1, 0, 512);
    disk_run_well(f);
    put_record(f->expected, 7, 5, 0, 0, 8);
    pos = put_record(f->expected, 7, 21, 1, 0, 512);
    zero_record(f, 7, pos - 520, 512);
    expect_image(f);
    extent(f, MASK_ALL, 7, 7);
    locate(f, FORMAT, 1, 7, 0, 0);
    format(f, 0x15, 0, 7, 0, 0, 8);
    disk_run_reject(f, 2, INVALID_SEQUENCE);

    /* A count field that is none */
    extent(f, 0, 8, 8);
    locate(f, FORMAT, 1, 8, 0, 0);
    guest_ccw(&f->g, 0x1d, SLI, 7, DATA);
    disk_run_reject(f, 2, COUNT_TOO_SMALL);
    expect_image(f);
}

/* How many records of each length a 3390's track has, by its formula */
static void test_capacity(Fixture *f, const void *arg)
{
    static const struct {
        unsigned key_len, len, records;
    } cases[] = {
        { 0, 4096, 12 }, { 0, 2048, 21 }, { 0, 1024, 33 }, { 0, 512, 49 },
        { 0, 27998, 2 }, { 0, 18452, 3 }, { 0, 56664, 1 },
        /* 34 of the track's 1729 units each, and 153 */
        { 44, 96, 50 }, { 8, 4096, 11 },
    };

    for (int i = 0; i < ARRAY_SIZE(cases); i++) {
        unsigned n = cases[i].records;

        extent(f, 0, 2, 2);
        locate(f, FORMAT, n + 1, 2, 0, 0);
        for (int record = 1; record <= n + 1; record++) {
            format(f, 0x1d, record <= n ? CC : 0, 2, record,
                   cases[i].key_len, cases[i].len);
        }
        disk_run_check(f, 2 + n, 0, INVALID_FORMAT, 0);
        extent(f, MASK_NO_WRITE, 2, 2);
        locate(f, READ, 1, 2, n, 0);
        guest_ccw(&f->g, 0x06, SLI, 8, DATA);
        disk_run_well(f);
        extent(f, MASK_NO_WRITE, 2, 2);
        locate(f, READ, 1, 2, n + 1, 0);
        guest_ccw(&f->g, 0x06, SLI, 8, DATA);
        disk_run_check(f, 1, 0, NO_RECORD, 0);
    }
}

/*
 * The file
 */

static char *read_image(Fixture *f)
{
    char *contents;
    gsize size;

    g_assert(g_file_get_contents(f->image, &contents, &size, NULL));
    g_assert_cmpuint(size, ==, IMAGE_SIZE);
    return contents;
}

static void write_image(Fixture *f, const uint8_t *contents, gsize size)
{
    g_assert(g_file_set_contents(f->image, (const char *)contents, size,
                                 NULL));
}

/* Opens the disk and writes, in a process that dies after some writes */
static bool killed_while_writing(Fixture *f, unsigned good, unsigned eighths)
{
    pid_t child = fork();
    int status;

    g_assert_cmpint(child, >=, 0);
    if (child == 0) {
        writes.then = KILLED;
        writes.good = good;
        writes.eighths = eighths;
        open_disk(f);
        write_five_blocks(f);
        disk_start(f);
        _exit(2);
    }
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert(WIFEXITED(status));
    g_assert(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 2);
    return WEXITSTATUS(status) == 0;
}

/* Each track is old or new; returns how many are new */
static int new_tracks(Fixture *f, uint8_t *new)
{
    g_autofree uint8_t *found = (uint8_t *)read_image(f);
    int count = 0;

    g_assert_cmpmem(found, HEADER, f->expected, HEADER);
    for (int track = 0; track < TRACKS; track++) {
        const uint8_t *p = track_of(found, track);

        if (memcmp(p, track_of(f->expected, track), TRACK) == 0) {
            continue;
        }
        g_assert_cmpmem(p, TRACK, track_of(new, track), TRACK);
        count++;
    }
    return count;
}

/*
 * A daemon that is killed leaves each track old or new, wherever in a write
 * it is killed, and wherever the next one is killed as it opens the image
 */
static void test_killed(Fixture *f, const void *arg)
{
    g_autofree uint8_t *new = g_memdup2(f->expected, IMAGE_SIZE);
    unsigned seen[3] = { 0 }, good;
    bool killed = true;

    close_disk(f);
    write_five_blocks(f);
    expect_five_blocks(f, new);
    for (good = 0; killed; good++) {
        for (unsigned eighths = 0; eighths <= 8; eighths += 4) {
            for (unsigned again = 0; again < 3; again++) {
                int count;

                write_image(f, f->expected, IMAGE_SIZE);
                killed = killed_while_writing(f, good, eighths);
                if (again) {
                    killed_while_writing(f, again - 1, eighths);
                }
                f->g.next_ccw = PROGRAM;
                open_disk(f);
                close_disk(f);
                count = new_tracks(f, new);
                g_assert_cmpint(count, <=, 2);
                seen[count]++;
            }
        }
    }
    g_assert_cmpuint(good, >, 2);
    for (int i = 0; i < ARRAY_SIZE(seen); i++) {
        g_assert_cmpuint(seen[i], >, 0);
    }
    write_image(f, f->expected, IMAGE_SIZE);
    open_disk(f);
}

/* Without the journal that belongs to it, a half written image is refused */
static void test_lost_journal(Fixture *f, const void *arg)
{
    g_autofree uint8_t *before = NULL, *after = NULL;
    /* One that would be replayed, if it were this image's: at HEADER, 8 */
    static const char other[16 + 8 + 4 + 8] = { [22] = 2, [27] = 8 };
    Error *err = NULL;

    close_disk(f);
    /* The journal and the mark are good, the image is not */
    g_assert(killed_while_writing(f, 2, 4));
    before = (uint8_t *)read_image(f);
    g_assert_cmpint(unlink(f->journal), ==, 0);
    g_assert_null(dasd_eckd_open(f->image, NULL, NULL, &err));
    error_free_or_abort(&err);
    g_assert(g_file_set_contents(f->journal, "something", -1, NULL));
    g_assert_null(dasd_eckd_open(f->image, NULL, NULL, &err));
    error_free_or_abort(&err);
    g_assert(g_file_set_contents(f->journal, other, sizeof(other), NULL));
    g_assert_null(dasd_eckd_open(f->image, NULL, NULL, &err));
    error_free_or_abort(&err);
    after = (uint8_t *)read_image(f);
    g_assert_cmpmem(after, IMAGE_SIZE, before, IMAGE_SIZE);

    /* A journal that no image asks for is nobody's */
    write_image(f, f->expected, IMAGE_SIZE);
    open_disk(f);
    expect_image(f);
}

/* The file system is full: reported, not hidden, and repaired later */
static void test_full(Fixture *f, const void *arg)
{
    g_autofree uint8_t *new = g_memdup2(f->expected, IMAGE_SIZE);
    unsigned good;

    write_five_blocks(f);
    expect_five_blocks(f, new);
    for (good = 0; ; good++) {
        writes.then = NO_SPACE;
        writes.good = good;
        writes.eighths = 4;
        f->g.next_ccw = PROGRAM;
        write_five_blocks(f);
        disk_start(f);
        if (f->irb.scsw.dstat == CE_DE) {
            break;
        }
        g_assert_cmphex(f->irb.scsw.dstat, ==, UNIT_CHECK);
        expect_sense(f, 0x10, 0x80, 0x10);
        /* Nor can any other track be used while this one is not written */
        seek(f, 30);
        guest_ccw(&f->g, CCW_CMD_NOOP, SLI, 1, 0);
        disk_run_check(f, 0, 0x10, 0x80, 0x10);
        for (int track = 14; track <= 15; track++) {
            extent(f, MASK_UPDATE, track, track);
            locate(f, WRITE, 1, track, track == 14 ? 12 : 2, BLOCK);
            guest_ccw(&f->g, 0x85, 0, BLOCK,
                      DATA + (track == 14 ? 2 : 4) * BLOCK);
            disk_start(f);
            g_assert_cmphex(f->irb.scsw.dstat, ==, UNIT_CHECK);
        }

        writes.then = ALWAYS_GOOD;
        seek(f, 30);
        guest_ccw(&f->g, CCW_CMD_NOOP, CC | SLI, 1, 0);
        guest_ccw(&f->g, 0x06, 0, BLOCK, DATA);
        disk_run_well(f);
        expect_block(f, 30, 1, DATA);
        g_assert_cmpint(new_tracks(f, new), >, 0);
        close_disk(f);
        write_image(f, f->expected, IMAGE_SIZE);
        open_disk(f);
    }
    writes.then = ALWAYS_GOOD;
    g_assert_cmpuint(good, >, 2);
    g_assert_cmpint(new_tracks(f, new), ==, 2);
}

/* A disk that could not be written when it is closed says so */
static void test_full_at_close(Fixture *f, const void *arg)
{
    g_autofree uint8_t *new = g_memdup2(f->expected, IMAGE_SIZE);
    Error *err = NULL;

    writes.then = NO_SPACE;
    writes.good = 2;
    writes.eighths = 4;
    write_five_blocks(f);
    expect_five_blocks(f, new);
    disk_start(f);
    g_assert_cmphex(f->irb.scsw.dstat, ==, UNIT_CHECK);
    g_assert_false(dasd_close(f->dasd, &err));
    error_free_or_abort(&err);
    host_subchannel_destroy(&f->sch);
    writes.then = ALWAYS_GOOD;
    open_disk(f);
    g_assert_cmpint(new_tracks(f, new), ==, 1);
}

/* A track that is none is reported, and remains as it is */
static void test_bad_tracks(Fixture *f, const void *arg)
{
    /* Home address; no end; no R0; a count field that leads out */
    close_disk(f);
    track_of(f->expected, 3)[4]++;
    memset(track_of(f->expected, 4) + 21 + BLOCKS * (8 + BLOCK), 0,
           TRACK - 21 - BLOCKS * (8 + BLOCK));
    memset(track_of(f->expected, 5) + 5, 0xff, 8);
    stw_be_p(track_of(f->expected, 6) + 21 + 6, 0xffff);
    track_of(f->expected, 7)[0] = 1;
    write_image(f, f->expected, IMAGE_SIZE);
    open_disk(f);
    for (int track = 3; track <= 7; track++) {
        seek(f, track);
        guest_ccw(&f->g, 0x06, 0, BLOCK, DATA);
        disk_run_check(f, 0, 0, INVALID_FORMAT, 0);
        extent(f, 0, track, track);
        locate(f, FORMAT, 1, track, 0, 0);
        format(f, 0x1d, 0, track, 1, 0, 512);
        disk_run_check(f, 1, 0, INVALID_FORMAT, 0);
    }
    expect_image(f);
}

static void expect_refused(Fixture *f, const uint8_t *contents, gsize size)
{
    g_autofree char *found = NULL;
    Error *err = NULL;
    gsize found_size;

    write_image(f, contents, size);
    g_assert_null(dasd_eckd_open(f->image, NULL, NULL, &err));
    g_test_message("%s", error_get_pretty(err));
    error_free_or_abort(&err);
    g_assert(g_file_get_contents(f->image, &found, &found_size, NULL));
    g_assert_cmpmem(found, found_size, contents, size);
    g_assert_false(g_file_test(f->journal, G_FILE_TEST_EXISTS));
}

static void test_images(Fixture *f, const void *arg)
{
    static const struct {
        unsigned byte;
        uint8_t value;
    } header[] = {
        { 0, 'X' }, { 4, 'C' }, { 5, '0' }, { 8, 16 }, { 9, 1 }, { 12, 1 },
        { 13, 0xdf }, { 16, 0x80 }, { 17, 1 }, { 18, 2 }, { 19, 1 },
        /* The home addresses of the first and of the last track */
        { HEADER + 4, 1 }, { IMAGE_SIZE - TRACK + 4, 1 },
    };
    static const int sizes[] = {
        0, 1, 511, HEADER, HEADER + 1, IMAGE_SIZE - 1, IMAGE_SIZE - TRACK,
    };
    Error *err = NULL;

    /* Nobody else has it */
    g_assert_null(dasd_eckd_open(f->image, NULL, NULL, &err));
    error_free_or_abort(&err);
    close_disk(f);
    for (int i = 0; i < ARRAY_SIZE(header); i++) {
        g_autofree uint8_t *bad = g_memdup2(f->expected, IMAGE_SIZE);

        bad[header[i].byte] = header[i].value;
        expect_refused(f, bad, IMAGE_SIZE);
    }
    for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
        expect_refused(f, f->expected, sizes[i]);
    }
    g_assert_cmpint(unlink(f->image), ==, 0);
    g_assert_null(dasd_eckd_open(f->image, NULL, NULL, &err));
    error_free_or_abort(&err);
    write_image(f, f->expected, IMAGE_SIZE);
    open_disk(f);
}

/* Two disks must not look like one, so that one without a serial has some */
static void test_serial(Fixture *f, const void *arg)
{
    struct stat st;
    char number[13];

    close_disk(f);
    memset(f->expected + 20, 0, 12);
    write_image(f, f->expected, IMAGE_SIZE);
    open_disk(f);
    guest_ccw(&f->g, 0xfa, 0, 256, DATA);
    disk_run_well(f);
    /* It is the file's, which has no other's inode */
    g_assert_cmpint(stat(f->image, &st), ==, 0);
    snprintf(number, sizeof(number), "%012" PRIX64, (uint64_t)st.st_ino);
    for (int i = 0; i < 12; i++) {
        g_assert_cmphex(f->g.memory[DATA + 18 + i], ==,
                        g_ascii_isdigit(number[i]) ? 0xf0 + number[i] - '0'
                                                   : 0xc1 + number[i] - 'A');
    }
}

static void test_create(Fixture *f, const void *arg)
{
    g_autofree char *path = g_build_filename(f->directory, "new", NULL);
    g_autofree uint8_t *found = NULL;
    Error *err = NULL;
    gsize size;

    g_assert(ckd_image_create(path, CYLINDERS, &error_abort));
    g_assert(g_file_get_contents(path, (char **)&found, &size, NULL));
    /* All but the serial number, which is another each time */
    g_assert_cmpuint(size, ==, IMAGE_SIZE);
    g_assert_cmpint(memcmp(found + 20, f->expected + 20, 12), !=, 0);
    memcpy(found + 20, f->expected + 20, 12);
    g_assert_cmpmem(found, size, f->expected, size);

    g_assert_false(ckd_image_create(path, CYLINDERS, &err));
    error_free_or_abort(&err);
    g_assert_cmpint(unlink(path), ==, 0);
    g_assert_false(ckd_image_create(path, 0, &err));
    error_free_or_abort(&err);
    g_assert_false(ckd_image_create(path, 65521, &err));
    error_free_or_abort(&err);
    writes.then = NO_SPACE;
    writes.good = 3;
    writes.eighths = 0;
    g_assert_false(ckd_image_create(path, 1, &err));
    error_free_or_abort(&err);
    writes.then = ALWAYS_GOOD;
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

/*
 * Random channel programs
 */

static void random_parameters(Fixture *f, GRand *rand, uint8_t *p,
                              unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        p[i] = g_rand_int_range(rand, 0, 8) ? g_rand_int_range(rand, 0, 4)
                                            : g_rand_int(rand);
    }
}

/* Not always a sensible one */
static void random_ccw(Fixture *f, GRand *rand, unsigned first, unsigned last)
{
    static const uint8_t commands[] = {
        0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0d, 0x0e, 0x12, 0x14, 0x15, 0x16,
        0x1d, 0x1e, 0x27, 0x31, 0x34, 0x3e, 0x47, 0x54, 0x63, 0x64, 0x85, 0x86,
        0x8d, 0x8e, 0x92, 0x94, 0x9d, 0x9e, 0xaf, 0xb4, 0xe4, 0xfa,
        0x85, 0x86, 0x1d, 0x1d, 0x1d, 0x9d, 0x9d,
    };
    static const uint8_t operations[] = { 0x01, 0x03, 0x06, 0x16, 0x43 };
    uint8_t cmd = commands[g_rand_int_range(rand, 0, ARRAY_SIZE(commands))];
    unsigned track = g_rand_int_range(rand, first, last + 2);
    uint8_t *p;

    switch (g_rand_int_range(rand, 0, 6)) {
    case 0:
        locate(f, operations[g_rand_int_range(rand, 0, 5)],
               g_rand_int_range(rand, 1, 6), track,
               g_rand_int_range(rand, 0, 5),
               g_rand_boolean(rand) ? BLOCK : 0);
        return;
    case 1:
        search(f, track, g_rand_int_range(rand, 0, 5));
        return;
    case 2:
        seek(f, track);
        return;
    case 3:
        format(f, g_rand_boolean(rand) ? 0x1d : 0x9d, CC, track,
               g_rand_int_range(rand, 0, 14), g_rand_int_range(rand, 0, 64),
               g_rand_int_range(rand, 0, 9000));
        return;
    default:
        p = parameters(f, cmd, CC | SLI, g_rand_int_range(rand, 1, 256));
        random_parameters(f, rand, p, f->g.memory + f->parameters - p);
    }
}

static void expect_track(const uint8_t *p)
{
    unsigned pos = 5;

    do {
        pos += 8 + p[pos + 5] + lduw_be_p(p + pos + 6);
        g_assert_cmpuint(pos, <=, TRACK - 8);
    } while (ldq_be_p(p + pos) != UINT64_MAX);
}

/*
 * Whatever a program does: it ends, only the tracks of its extent change, and
 * these remain tracks
 */
static void test_random(Fixture *f, const void *arg)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(g_test_rand_int());

    for (int round = 0; round < 60; round++) {
        unsigned first = g_rand_int_range(rand, 0, TRACKS - 3);
        unsigned last = g_rand_int_range(rand, first, first + 3);
        g_autofree uint8_t *found = NULL;

        for (int i = 0; i < 50; i++) {
            static const uint8_t masks[] = { 0x00, 0x00, 0xc0, 0x80, 0x40 };

            extent(f, masks[g_rand_int_range(rand, 0, 5)], first, last);
            for (int n = g_rand_int_range(rand, 1, 12); n; n--) {
                random_ccw(f, rand, first, last);
            }
            guest_ccw(&f->g, CCW_CMD_NOOP, SLI, 1, 0);
            disk_start(f);
        }
        found = (uint8_t *)read_image(f);
        for (int track = 0; track < TRACKS; track++) {
            uint8_t *p = track_of(found, track);

            expect_track(p);
            if (track >= first && track <= last) {
                memcpy(track_of(f->expected, track), p, TRACK);
            }
        }
        g_assert_cmpmem(found, IMAGE_SIZE, f->expected, IMAGE_SIZE);
    }
}

/* The same on tracks that are not what they should be */
static void test_random_tracks(Fixture *f, const void *arg)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(g_test_rand_int());

    close_disk(f);
    for (int round = 0; round < 20; round++) {
        for (int track = 1; track < TRACKS - 1; track++) {
            uint8_t *p = track_of(f->expected, track);

            put_linux_track(f->expected, track);
            for (int i = 0; i < 3; i++) {
                p[5 + g_rand_int_range(rand, 0, 3) * 8 +
                  g_rand_int_range(rand, 0, 8)] = g_rand_int(rand);
            }
        }
        write_image(f, f->expected, IMAGE_SIZE);
        open_disk(f);
        for (int i = 0; i < 50; i++) {
            extent(f, 0, 0, TRACKS - 1);
            for (int n = g_rand_int_range(rand, 1, 12); n; n--) {
                random_ccw(f, rand, 0, TRACKS - 2);
            }
            guest_ccw(&f->g, CCW_CMD_NOOP, SLI, 1, 0);
            disk_start(f);
        }
        close_disk(f);
        g_free(read_image(f));
    }
    write_image(f, f->expected, IMAGE_SIZE);
    open_disk(f);
}

/* A program without end can be ended, and does not take the thread for it */
static void test_endless(Fixture *f, const void *arg)
{
    for (int clear = 0; clear < 2; clear++) {
        g_autoptr(ChannelProgram) cp = NULL;

        fill(f, DATA, clear, BLOCK);
        seek(f, 2);
        search(f, 2, 1);
        guest_ccw(&f->g, 0x05, CC, BLOCK, DATA);
        guest_ccw(&f->g, CCW_CMD_TIC, 0, 0, PROGRAM);
        memset(&f->irb, 0, sizeof(f->irb));
        g_assert_cmpint(guest_translate(&f->g, &cp), ==, 0);
        g_assert_cmpint(host_subchannel_ssch(&f->sch, &f->g.orb, cp), ==, 0);
        host_subchannel_run(&f->sch);
        for (int i = 0; i < 3; i++) {
            g_assert(g_main_context_iteration(NULL, false));
        }
        g_assert_cmphex(f->irb.scsw.ctrl, ==, 0);
        g_assert_cmpint(clear ? host_subchannel_csch(&f->sch)
                              : host_subchannel_hsch(&f->sch), ==, 0);
        host_subchannel_run(&f->sch);
        g_assert_cmphex(f->irb.scsw.ctrl & SCSW_STCTL_STATUS_PEND, !=, 0);
        g_assert_false(g_main_context_iteration(NULL, false));
        f->g.next_ccw = PROGRAM;
        f->parameters = PARAMETERS;

        /* What it wrote before is in the file */
        memcpy(f->expected + block_pos(2, 1), f->g.memory + DATA, BLOCK);
        expect_image(f);
    }
}

/*
 * Hercules
 */

static bool run_tool(Fixture *f, const char *const *argv)
{
    g_autofree char *output = NULL, *errors = NULL;
    g_autoptr(GError) err = NULL;
    int status;

    g_assert(g_spawn_sync(f->directory, (char **)argv, NULL,
                          G_SPAWN_SEARCH_PATH, NULL, NULL, &output, &errors,
                          &status, &err));
    g_test_message("%s: %s%s", argv[0], output, errors);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool has_hercules(void)
{
    g_autofree char *path = g_find_program_in_path("dasdinit");

    if (!path) {
        g_test_skip("Hercules' tools are not installed");
    }
    return path;
}

static void remove_file(Fixture *f, const char *name)
{
    g_autofree char *path = g_build_filename(f->directory, name, NULL);

    g_assert_cmpint(unlink(path), ==, 0);
}

/* As dasdfmt does from the third track on */
static void format_tracks(Fixture *f, unsigned first, unsigned last)
{
    for (unsigned track = first; track <= last; track++) {
        extent(f, 0, track, track);
        locate(f, FORMAT, BLOCKS, track, 0, BLOCK);
        for (int record = 1; record <= BLOCKS; record++) {
            format(f, 0x1d, record < BLOCKS ? CC : 0, track, record, 0, BLOCK);
        }
        disk_run_well(f);
    }
}

/* A disk that Hercules has formatted for Linux is one that we format */
static void test_hercules_dasdinit(Fixture *f, const void *arg)
{
    const char *raw[] = {
        "dasdinit", "-lfs", "-r", "image", "3390", "3", NULL
    };
    const char *formatted[] = {
        "dasdinit", "-lfs", "-linux", "image", "3390", "TST001", "3", NULL
    };
    g_autofree uint8_t *ours = NULL, *theirs = NULL;

    if (!has_hercules()) {
        return;
    }
    close_disk(f);
    g_assert_cmpint(unlink(f->image), ==, 0);
    g_assert(run_tool(f, raw));
    open_disk(f);
    format_tracks(f, 2, TRACKS - 1);
    ours = (uint8_t *)read_image(f);
    close_disk(f);
    g_assert_cmpint(unlink(f->image), ==, 0);
    g_assert(run_tool(f, formatted));
    theirs = (uint8_t *)read_image(f);
    open_disk(f);
    g_assert_cmpmem(track_of(ours, 2), (TRACKS - 2) * TRACK,
                    track_of(theirs, 2), (TRACKS - 2) * TRACK);

    /* Its first two tracks, as Linux's analysis reads them */
    extent(f, MASK_NO_WRITE, 0, 1);
    locate(f, READ, 4, 0, 0, 0);
    for (int i = 0; i < 4; i++) {
        guest_ccw(&f->g, 0x12, CC, 8, DATA + i * 8);
    }
    locate(f, READ, 1, 1, 0, 0);
    guest_ccw(&f->g, 0x12, 0, 8, DATA + 32);
    disk_run_well(f);
    expect_count(f, DATA, 0, 1, 4, 24);
    expect_count(f, DATA + 8, 0, 2, 4, 144);
    expect_count(f, DATA + 16, 0, 3, 4, 80);
    expect_count(f, DATA + 24, 0, 4, 0, BLOCK);
    expect_count(f, DATA + 32, 1, 1, 44, 96);
}

/* Hercules reads each track that we have written as we have written it */
static void test_hercules_dasdcopy(Fixture *f, const void *arg)
{
    const char *compress[] = {
        "dasdcopy", "-q", "-0", "-o", "CCKD", "image", "compressed", NULL
    };
    const char *expand[] = {
        "dasdcopy", "-q", "-lfs", "-o", "CKD", "compressed", "copy", NULL
    };
    g_autofree char *copy = g_build_filename(f->directory, "copy", NULL);
    g_autofree char *contents = NULL;
    gsize size;

    if (!has_hercules()) {
        return;
    }
    write_five_blocks(f);
    disk_run_well(f);
    expect_five_blocks(f, f->expected);
    format_tracks(f, 20, 22);
    for (int track = 20; track <= 22; track++) {
        for (int record = 1; record <= BLOCKS; record++) {
            memset(f->expected + block_pos(track, record), 0, BLOCK);
        }
    }
    close_disk(f);
    g_assert(run_tool(f, compress));
    g_assert(run_tool(f, expand));
    g_assert(g_file_get_contents(copy, &contents, &size, NULL));
    g_assert_cmpmem(contents + HEADER, size - HEADER, f->expected + HEADER,
                    IMAGE_SIZE - HEADER);
    remove_file(f, "compressed");
    remove_file(f, "copy");
    open_disk(f);
}

static void add_disk(const char *name, void (*test)(Fixture *, const void *))
{
    g_autofree char *path = g_strconcat("/vfio-ccw-host/dasd-eckd/", name,
                                        NULL);

    g_test_add(path, Fixture, NULL, setup, test, teardown);
}

/* Without records but for R0 */
static void add_raw_disk(const char *name,
                         void (*test)(Fixture *, const void *))
{
    g_autofree char *path = g_strconcat("/vfio-ccw-host/dasd-eckd/", name,
                                        "/raw", NULL);

    g_test_add(path, Fixture, "raw", setup, test, teardown);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_disk("identity", test_identity);
    add_disk("rejects", test_rejects);
    add_disk("path-group", test_path_group);
    add_disk("reserve", test_reserve);
    add_disk("subsystem", test_subsystem);
    add_disk("extent-checks", test_extent_checks);
    add_disk("locate-checks", test_locate_checks);
    add_disk("domains", test_domains);
    add_disk("read", test_read);
    add_disk("read-keys", test_read_keys);
    add_disk("analysis", test_analysis);
    add_raw_disk("analysis", test_analysis);
    add_disk("format-check", test_format_check);
    add_disk("search", test_search);
    add_disk("ipl", test_ipl);
    add_raw_disk("ipl", test_ipl_raw);
    add_disk("write", test_write);
    add_disk("write-checks", test_write_checks);
    add_disk("format", test_format);
    add_raw_disk("format", test_format);
    add_disk("invalidate", test_invalidate);
    add_disk("format-data", test_format_data);
    add_disk("capacity", test_capacity);
    add_disk("killed", test_killed);
    add_disk("lost-journal", test_lost_journal);
    add_disk("full", test_full);
    add_disk("full-at-close", test_full_at_close);
    add_disk("bad-tracks", test_bad_tracks);
    add_disk("images", test_images);
    add_disk("serial", test_serial);
    add_raw_disk("create", test_create);
    add_disk("random", test_random);
    add_disk("random-tracks", test_random_tracks);
    add_disk("endless", test_endless);
    add_disk("hercules/dasdinit", test_hercules_dasdinit);
    add_disk("hercules/dasdcopy", test_hercules_dasdcopy);
    return g_test_run();
}
