/*
 * Tests of the emulated vfio_ccw host driver's channel programs: how they are
 * translated, how they are executed, and the disk that they drive
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <glib/gstdio.h>
#include <sys/mman.h>
#include "qapi/error.h"
#include "qemu/memfd.h"
#include "tests/vfio-ccw-host/cp.h"
#include "tests/vfio-ccw-host/devices.h"
#include "vfio-ccw-host-common.h"

#define DATA  0x8000
#define IDAL  0x2000
#define OTHER 0x3000
#define BLOCKS 2048

/* Commands of the test's own device; any other ends with unit check */
#define CMD_WRITE 0x01
#define CMD_READ  0x02
#define CMD_SEARCH 0x31         /* ends with status modifier */

typedef struct Fixture {
    HostDma dma;
    uint8_t *guest;
    ORB orb;
    uint32_t next_ccw;          /* where the next one is put */
    HostStatus status;
    unsigned pcis;
    /* What the device wants to move, what it got, what it gives */
    size_t want;
    size_t moved;
    uint8_t data[0x10000];
    unsigned commands;
    /* For those tests that have a disk */
    char *directory;
    char *image;
    HostSubchannel sch;
    DasdFba *dasd;
    IRB irb;
} Fixture;

static int no_transfer(void *opaque, bool write, uint64_t iova, void *buf,
                       size_t len)
{
    g_assert_not_reached();
}

static void setup(Fixture *f, const void *arg)
{
    int fd = qemu_memfd_create("guest", 2 * GUEST_SIZE, false, 0, 0,
                               &error_abort);

    f->guest = mmap(NULL, 2 * GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
                    fd, 0);
    g_assert(f->guest != MAP_FAILED);
    host_dma_init(&f->dma, no_transfer, NULL);
    g_assert_cmpint(host_dma_map(&f->dma, 0, GUEST_SIZE, true, fd, 0), ==, 0);
    /* The second half can be read only */
    g_assert_cmpint(host_dma_map(&f->dma, GUEST_SIZE, GUEST_SIZE, false, fd,
                                 GUEST_SIZE), ==, 0);
    close(fd);
    f->orb = (ORB) {
        .ctrl0 = ORB_CTRL0_MASK_FMT | ORB_CTRL0_MASK_PFCH,
        .lpm = 0xff,
        .cpa = PROGRAM,
    };
    f->next_ccw = PROGRAM;
    for (int i = 0; i < sizeof(f->data); i++) {
        f->data[i] = i * 7;
    }
}

static void teardown(Fixture *f, const void *arg)
{
    host_dma_destroy(&f->dma);
    munmap(f->guest, 2 * GUEST_SIZE);
}

/* Appends a CCW in the ORB's format */
static void ccw(Fixture *f, uint8_t cmd, uint8_t flags, uint16_t count,
                uint32_t cda)
{
    uint8_t *p = f->guest + f->next_ccw;

    if (f->orb.ctrl0 & ORB_CTRL0_MASK_FMT) {
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
    f->next_ccw += 8;
}

static int translate(Fixture *f, ChannelProgram **cp)
{
    int ret = cp_init(cp, &f->dma, &f->orb);

    return ret ?: cp_prefetch(*cp, &f->dma);
}

static void expect_translation(Fixture *f, int err)
{
    g_autoptr(ChannelProgram) cp = NULL;

    g_assert_cmpint(translate(f, &cp), ==, err);
}

static uint8_t test_command(void *opaque, uint8_t cmd, ChannelRun *run)
{
    const uint8_t done = SCSW_DSTAT_CHANNEL_END | SCSW_DSTAT_DEVICE_END;
    Fixture *f = opaque;

    f->commands++;
    switch (cmd) {
    case CCW_CMD_NOOP:
        return done;
    case CMD_WRITE:
        f->moved = channel_take(run, f->data, f->want);
        return done;
    case CMD_READ:
        f->moved = channel_put(run, f->data, f->want);
        return done;
    case CMD_SEARCH:
        return done | SCSW_DSTAT_STAT_MOD;
    default:
        return done | SCSW_DSTAT_UNIT_CHECK;
    }
}

static void test_pci(void *opaque, uint32_t cpa)
{
    Fixture *f = opaque;

    f->pcis++;
}

static const ChannelRunOps test_ops = {
    .command = test_command,
    .pci = test_pci,
};

static void run(Fixture *f)
{
    g_autoptr(ChannelProgram) cp = NULL;
    ChannelRun run;

    g_assert_cmpint(translate(f, &cp), ==, 0);
    channel_run_init(&run, &test_ops, f, cp, &f->dma);
    g_assert(channel_run(&run, 1000));
    f->status = run.status;
}

static void expect_status(Fixture *f, uint8_t dstat, uint8_t cstat,
                          uint16_t count, uint32_t cpa)
{
    g_assert_cmphex(f->status.dstat, ==, dstat);
    g_assert_cmphex(f->status.cstat, ==, cstat);
    g_assert_cmpuint(f->status.count, ==, count);
    g_assert_cmphex(f->status.cpa, ==, cpa);
}

static void expect_data(Fixture *f, uint32_t addr, size_t from, size_t len)
{
    g_assert_cmpmem(f->guest + addr, len, f->data + from, len);
}

static void test_dma(Fixture *f, const void *arg)
{
    uint8_t buf[16];

    g_assert_cmpint(host_dma_read(&f->dma, GUEST_SIZE - 8, buf, 16), ==, 0);
    g_assert_cmpint(host_dma_write(&f->dma, GUEST_SIZE - 8, buf, 16), ==,
                    -EPERM);
    g_assert_cmpint(host_dma_read(&f->dma, 2 * GUEST_SIZE - 8, buf, 16), ==,
                    -EINVAL);
    /* Ranges go as they came */
    g_assert_cmpint(host_dma_unmap(&f->dma, 0, GUEST_SIZE - 1), ==, -EINVAL);
    g_assert_cmpint(host_dma_unmap(&f->dma, 0, GUEST_SIZE), ==, 0);
    g_assert_cmpint(host_dma_read(&f->dma, 0, buf, 1), ==, -EINVAL);
    g_assert_cmpint(host_dma_read(&f->dma, GUEST_SIZE, buf, 1), ==, 0);
}

/*
 * Translation
 */

static void test_segment_limit(Fixture *f, const void *arg)
{
    for (int i = 0; i < 255; i++) {
        ccw(f, CCW_CMD_NOOP, CCW_FLAG_CC | CCW_FLAG_SLI, 1, 0);
    }
    ccw(f, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
    expect_translation(f, 0);

    /* The 256th chains on: there is no end */
    f->next_ccw -= 8;
    ccw(f, CCW_CMD_NOOP, CCW_FLAG_CC | CCW_FLAG_SLI, 1, 0);
    ccw(f, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
    expect_translation(f, -EINVAL);
}

static void test_segments_limit(Fixture *f, const void *arg)
{
    for (int n = 16; n <= 17; n++) {
        for (int i = 0; i < n; i++) {
            f->next_ccw = PROGRAM + i * 0x100;
            ccw(f, CCW_CMD_NOOP, CCW_FLAG_CC | CCW_FLAG_SLI, 1, 0);
            ccw(f, CCW_CMD_TIC, 0, 0, f->next_ccw + 0xf8);
        }
        f->next_ccw -= 8;
        ccw(f, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
        expect_translation(f, n <= CP_MAX_SEGMENTS ? 0 : -EINVAL);
    }
}

/* 2048 bytes are fetched, however short the program is */
static void test_fetch(Fixture *f, const void *arg)
{
    f->orb.cpa = f->next_ccw = 2 * GUEST_SIZE - 2048;
    ccw(f, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
    expect_translation(f, 0);
    f->orb.cpa = f->next_ccw = 2 * GUEST_SIZE - 2040;
    ccw(f, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
    expect_translation(f, -EINVAL);
}

static void test_pin(Fixture *f, const void *arg)
{
    static const struct {
        uint8_t cmd, flags;
        uint16_t count;
        uint32_t cda;
        int err;
    } cases[] = {
        { CMD_READ, 0, 512, DATA, 0 },
        { CMD_READ, 0, 512, 2 * GUEST_SIZE - 256, -EPERM },
        { CMD_READ, 0, 512, 2 * GUEST_SIZE, -EINVAL },
        /* Pages are pinned to be written, whatever the command */
        { CMD_WRITE, 0, 1, GUEST_SIZE, -EPERM },
        /* Nothing of these is pinned */
        { CMD_READ, 0, 0, 0x7ffffff0, 0 },
        { CMD_READ, CCW_FLAG_SKIP, 512, 0x7ffffff0, 0 },
        { CCW_CMD_NOOP, 0, 1, 0x7ffffff0, 0 },
        { CMD_WRITE, CCW_FLAG_SKIP, 512, 0x7fff0000, -EINVAL },
        { CMD_READ, CCW_FLAG_IDA, 512, 0x7fff0000, -EINVAL },
    };

    for (int i = 0; i < ARRAY_SIZE(cases); i++) {
        f->next_ccw = PROGRAM;
        ccw(f, cases[i].cmd, cases[i].flags, cases[i].count, cases[i].cda);
        expect_translation(f, cases[i].err);
    }
}

/*
 * Execution
 */

static void test_read(Fixture *f, const void *arg)
{
    f->want = 100;
    ccw(f, CMD_READ, 0, 100, DATA);
    run(f);
    expect_status(f, CE_DE, 0, 0, PROGRAM + 8);
    expect_data(f, DATA, 0, 100);
}

static void test_format0(Fixture *f, const void *arg)
{
    f->orb.ctrl0 &= ~ORB_CTRL0_MASK_FMT;
    f->want = 100;
    ccw(f, CCW_CMD_NOOP, CCW_FLAG_CC | CCW_FLAG_SLI, 1, 0);
    /* Any command with this nibble, and anything for flags and count */
    ccw(f, 0xf8, 0xff, 0xffff, OTHER);
    f->next_ccw = OTHER;
    ccw(f, CMD_READ, 0, 100, DATA);
    run(f);
    expect_status(f, CE_DE, 0, 0, OTHER + 8);
    expect_data(f, DATA, 0, 100);
}

static void test_lengths(Fixture *f, const void *arg)
{
    static const struct {
        size_t want;
        uint16_t count;
        uint8_t flags, cstat;
        uint16_t residual;
    } cases[] = {
        { 100, 100, 0, 0, 0 },
        { 100, 120, 0, SCSW_CSTAT_INCORR_LEN, 20 },
        { 100, 120, CCW_FLAG_SLI, 0, 20 },
        { 100, 80, 0, SCSW_CSTAT_INCORR_LEN, 0 },
        { 100, 80, CCW_FLAG_SLI, 0, 0 },
    };

    for (int i = 0; i < ARRAY_SIZE(cases); i++) {
        f->want = cases[i].want;
        f->next_ccw = PROGRAM;
        memset(f->guest + DATA, 0, 128);
        ccw(f, CMD_READ, cases[i].flags, cases[i].count, DATA);
        run(f);
        expect_status(f, CE_DE, cases[i].cstat, cases[i].residual,
                      PROGRAM + 8);
        g_assert_cmpuint(f->moved, ==, MIN(f->want, cases[i].count));
        g_assert_cmpuint(f->guest[DATA + cases[i].count], ==, 0);
    }

    /* Incorrect length breaks the chain, unless suppressed */
    f->next_ccw = PROGRAM;
    f->commands = 0;
    ccw(f, CMD_READ, CCW_FLAG_CC, 120, DATA);
    ccw(f, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
    run(f);
    expect_status(f, CE_DE, SCSW_CSTAT_INCORR_LEN, 20, PROGRAM + 8);
    g_assert_cmpuint(f->commands, ==, 1);
}

static void test_data_chaining(Fixture *f, const void *arg)
{
    f->want = 300;
    ccw(f, CMD_READ, CCW_FLAG_DC, 100, DATA);
    /* Skipped, then over a TIC into another segment */
    ccw(f, 0, CCW_FLAG_DC | CCW_FLAG_SKIP, 50, DATA + 0x100);
    ccw(f, CCW_CMD_TIC, 0, 0, OTHER);
    f->next_ccw = OTHER;
    ccw(f, 0, 0, 150, DATA + 0x200);
    run(f);
    expect_status(f, CE_DE, 0, 0, OTHER + 8);
    g_assert_cmpuint(f->commands, ==, 1);
    expect_data(f, DATA, 0, 100);
    g_assert_cmpuint(f->guest[DATA + 0x101], ==, 0);
    expect_data(f, DATA + 0x200, 150, 150);

    /* A device that ends within the chain */
    f->want = 50;
    run(f);
    expect_status(f, CE_DE, SCSW_CSTAT_INCORR_LEN, 50, PROGRAM + 8);
}

static void test_take(Fixture *f, const void *arg)
{
    f->want = 200;
    memset(f->guest + DATA, 0x11, 100);
    memset(f->guest + DATA + 0x1000, 0x22, 100);
    ccw(f, CMD_WRITE, CCW_FLAG_DC, 100, DATA);
    ccw(f, 0, 0, 100, DATA + 0x1000);
    run(f);
    expect_status(f, CE_DE, 0, 0, PROGRAM + 16);
    g_assert_cmphex(f->data[99], ==, 0x11);
    g_assert_cmphex(f->data[100], ==, 0x22);
    g_assert_cmphex(f->data[199], ==, 0x22);
}

static void test_command_chaining(Fixture *f, const void *arg)
{
    ccw(f, CCW_CMD_NOOP, CCW_FLAG_CC | CCW_FLAG_SLI, 1, 0);
    ccw(f, CMD_SEARCH, CCW_FLAG_CC | CCW_FLAG_SLI, 1, DATA);
    ccw(f, CCW_CMD_TIC, 0, 0, PROGRAM);
    ccw(f, CCW_CMD_NOOP, CCW_FLAG_CC | CCW_FLAG_SLI | CCW_FLAG_PCI, 1, 0);
    ccw(f, 0x77, CCW_FLAG_CC | CCW_FLAG_SLI, 1, DATA);
    ccw(f, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
    run(f);
    expect_status(f, CE_DE | SCSW_DSTAT_UNIT_CHECK, 0, 1, PROGRAM + 5 * 8);
    g_assert_cmpuint(f->commands, ==, 4);
    g_assert_cmpuint(f->pcis, ==, 1);
}

static void test_endless(Fixture *f, const void *arg)
{
    g_autoptr(ChannelProgram) cp = NULL;
    ChannelRun run;

    ccw(f, CCW_CMD_NOOP, CCW_FLAG_CC | CCW_FLAG_SLI, 1, 0);
    ccw(f, CCW_CMD_TIC, 0, 0, PROGRAM);
    ccw(f, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
    g_assert_cmpint(translate(f, &cp), ==, 0);
    channel_run_init(&run, &test_ops, f, cp, &f->dma);
    for (int i = 1; i <= 3; i++) {
        g_assert_false(channel_run(&run, 10));
        g_assert_cmpuint(f->commands, ==, i * 10);
    }
}

static void test_program_checks(Fixture *f, const void *arg)
{
    static const struct {
        uint8_t cmd, flags;
        uint16_t count;
        uint32_t cda;
    } first[] = {
        { CCW_CMD_TIC, 0, 0, OTHER },
        { 0x10, 0, 1, DATA },
        { CMD_READ, CCW_FLAG_DC, 0, DATA },
        { CMD_READ, CCW_FLAG_SUSPEND, 1, DATA },
    };

    f->next_ccw = OTHER;
    ccw(f, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
    for (int i = 0; i < ARRAY_SIZE(first); i++) {
        f->next_ccw = PROGRAM;
        f->commands = 0;
        ccw(f, first[i].cmd, first[i].flags, first[i].count, first[i].cda);
        ccw(f, 0, 0, 1, DATA);
        run(f);
        g_assert_cmphex(f->status.cstat, ==, SCSW_CSTAT_PROG_CHECK);
        g_assert_cmphex(f->status.dstat, ==, 0);
        g_assert_cmpuint(f->commands, ==, 0);
    }

    /* A TIC to a TIC */
    f->next_ccw = OTHER;
    ccw(f, CCW_CMD_TIC, 0, 0, PROGRAM);
    f->next_ccw = PROGRAM;
    ccw(f, CCW_CMD_NOOP, CCW_FLAG_CC | CCW_FLAG_SLI, 1, 0);
    ccw(f, CCW_CMD_TIC, 0, 0, OTHER);
    run(f);
    g_assert_cmphex(f->status.cstat, ==, SCSW_CSTAT_PROG_CHECK);
}

static void test_suspend(Fixture *f, const void *arg)
{
    f->orb.ctrl0 |= ORB_CTRL0_MASK_SPND;
    ccw(f, CCW_CMD_NOOP, CCW_FLAG_CC | CCW_FLAG_SLI, 1, 0);
    ccw(f, CCW_CMD_NOOP, CCW_FLAG_SLI | CCW_FLAG_SUSPEND, 1, 0);
    run(f);
    g_assert(f->status.suspended);
    g_assert_cmphex(f->status.dstat, ==, 0);
    g_assert_cmpuint(f->commands, ==, 1);
}

/* Each format: an offset into the first block only, backwards in storage */
static void test_idal(Fixture *f, const void *arg)
{
    static const struct {
        uint16_t orb;
        uint32_t block;
    } formats[] = {
        { 0, 2048 },
        { ORB_CTRL0_MASK_I2K, 2048 },
        { ORB_CTRL0_MASK_C64 | ORB_CTRL0_MASK_I2K, 2048 },
        { ORB_CTRL0_MASK_C64, 4096 },
    };
    const uint32_t offset = 0x123;

    for (int i = 0; i < ARRAY_SIZE(formats); i++) {
        uint32_t block = formats[i].block;
        bool format2 = formats[i].orb & ORB_CTRL0_MASK_C64;
        uint32_t first_len = block - offset;

        memset(f->guest + DATA, 0, GUEST_SIZE - DATA);
        for (int j = 0; j < 3; j++) {
            uint32_t idaw = DATA + (2 - j) * block + (j == 0 ? offset : 0);

            if (format2) {
                stq_be_p(f->guest + IDAL + j * 8, idaw);
            } else {
                stl_be_p(f->guest + IDAL + j * 4, idaw);
            }
        }
        f->orb.ctrl0 = ORB_CTRL0_MASK_FMT | formats[i].orb;
        f->next_ccw = PROGRAM;
        f->want = first_len + block + 10;
        ccw(f, CMD_READ, CCW_FLAG_IDA, f->want, IDAL);
        run(f);
        expect_status(f, CE_DE, 0, 0, PROGRAM + 8);
        expect_data(f, DATA + 2 * block + offset, 0, first_len);
        expect_data(f, DATA + block, first_len, block);
        expect_data(f, DATA, first_len + block, 10);
        g_assert_cmpuint(f->guest[DATA + 10], ==, 0);

        /* An offset anywhere but in the first */
        f->guest[IDAL + (format2 ? 15 : 7)] = 4;
        run(f);
        g_assert_cmphex(f->status.cstat, ==, SCSW_CSTAT_PROG_CHECK);
        g_assert_cmpuint(f->moved, ==, first_len);
    }
}

/*
 * The disk
 */

#define CMD_SENSE      0x04
#define CMD_FBA_WRITE  0x41
#define CMD_FBA_READ   0x42
#define CMD_LOCATE     0x43
#define CMD_EXTENT     0x63
#define CMD_RDC        0x64
#define CC             CCW_FLAG_CC

#define EXTENT_DATA    0x4000
#define LOCATE_DATA    0x4010
#define LOCATE_WRITE   5
#define LOCATE_READ    6

static void take_irb(void *opaque)
{
    Fixture *f = opaque;

    g_assert_cmpint(host_subchannel_tsch(&f->sch, &f->irb), ==, 0);
}

static void disk_setup(Fixture *f, const void *arg)
{
    PMCW pmcw = { .flags = PMCW_FLAGS_MASK_DNV, .pim = 0x80, .pam = 0x80 };
    int fd;

    setup(f, arg);
    f->directory = g_dir_make_tmp("vfio-ccw-host-XXXXXX", NULL);
    g_assert_nonnull(f->directory);
    f->image = g_build_filename(f->directory, "image", NULL);
    fd = g_open(f->image, O_RDWR | O_CREAT, 0600);
    g_assert_cmpint(ftruncate(fd, BLOCKS * 512), ==, 0);
    close(fd);
    f->dasd = dasd_fba_open(f->image, &f->dma, NULL, &error_abort);
    host_subchannel_init(&f->sch, &pmcw, &dasd_fba_ops, f->dasd, take_irb, f);
    g_assert_cmpint(host_subchannel_msch_ena(&f->sch, true), ==, 0);
}

static void disk_teardown(Fixture *f, const void *arg)
{
    g_assert(dasd_fba_close(f->dasd, &error_abort));
    host_subchannel_destroy(&f->sch);
    g_assert_cmpint(unlink(f->image), ==, 0);
    g_assert_cmpint(rmdir(f->directory), ==, 0);
    g_free(f->image);
    g_free(f->directory);
    teardown(f, arg);
}

/* Executes what ccw() has put together, and begins anew */
static void disk_start(Fixture *f)
{
    g_autoptr(ChannelProgram) cp = NULL;

    memset(&f->irb, 0, sizeof(f->irb));
    g_assert_cmpint(translate(f, &cp), ==, 0);
    g_assert_cmpint(host_subchannel_ssch(&f->sch, &f->orb, cp), ==, 0);
    host_subchannel_run(&f->sch);
    f->next_ccw = PROGRAM;
}

static void disk_run(Fixture *f, uint8_t dstat, uint8_t cstat, uint16_t count)
{
    disk_start(f);
    g_assert_cmphex(f->irb.scsw.dstat, ==, dstat);
    g_assert_cmphex(f->irb.scsw.cstat, ==, cstat);
    g_assert_cmpuint(f->irb.scsw.count, ==, count);
}

static void expect_sense(Fixture *f, uint8_t sense0, uint8_t sense1)
{
    ccw(f, CMD_SENSE, 0, 32, DATA);
    disk_run(f, CE_DE, 0, 0);
    g_assert_cmphex(f->guest[DATA], ==, sense0);
    g_assert_cmphex(f->guest[DATA + 1], ==, sense1);
    ccw(f, CMD_SENSE, 0, 32, DATA);
    disk_run(f, CE_DE, 0, 0);
    g_assert_cmphex(f->guest[DATA] | f->guest[DATA + 1], ==, 0);
}

/* Linux's define extent: the located blocks are relative to @first */
static void extent(Fixture *f, uint8_t mask, uint32_t first, uint32_t count)
{
    uint8_t *p = f->guest + EXTENT_DATA;

    memset(p, 0, 16);
    p[0] = mask;
    stw_be_p(p + 2, 512);
    stl_be_p(p + 4, first);
    stl_be_p(p + 12, count - 1);
    ccw(f, CMD_EXTENT, CC, 16, EXTENT_DATA);
}

/* @nr tells apart the data of several in one program */
static void locate(Fixture *f, int nr, uint8_t operation, uint32_t block,
                   uint16_t count)
{
    uint8_t *p = f->guest + LOCATE_DATA + nr * 8;

    p[0] = operation;
    p[1] = 0;
    stw_be_p(p + 2, count);
    stl_be_p(p + 4, block);
    ccw(f, CMD_LOCATE, CC, 8, LOCATE_DATA + nr * 8);
}

static void expect_file(Fixture *f, uint32_t block, const void *data,
                        size_t len)
{
    g_autofree char *contents = NULL;
    gsize size;

    g_assert(g_file_get_contents(f->image, &contents, &size, NULL));
    g_assert_cmpuint(size, ==, BLOCKS * 512);
    g_assert_cmpmem(contents + block * 512, len, data, len);
}

static void test_disk_identity(Fixture *f, const void *arg)
{
    static const uint8_t id[] = { 0xff, 0x63, 0x10, 0x80, 0x93, 0x36, 0x10 };

    ccw(f, CCW_CMD_SENSE_ID, CCW_FLAG_SLI, 256, DATA);
    disk_run(f, CE_DE, 0, 256 - sizeof(id));
    g_assert_cmpmem(f->guest + DATA, sizeof(id), id, sizeof(id));

    ccw(f, CMD_RDC, 0, 32, DATA);
    disk_run(f, CE_DE, 0, 0);
    g_assert_cmphex(f->guest[DATA] & 0x10, ==, 0x10);
    g_assert_cmpuint(lduw_be_p(f->guest + DATA + 4), ==, 512);
    g_assert_cmpuint(ldl_be_p(f->guest + DATA + 14), ==, BLOCKS);
}

static void test_disk_rejects(Fixture *f, const void *arg)
{
    static const uint8_t commands[] = { 0x34, 0xaf, 0x14, 0x94, 0x02, 0x22 };

    for (int i = 0; i < ARRAY_SIZE(commands); i++) {
        ccw(f, commands[i], CCW_FLAG_SLI, 12, DATA);
        disk_run(f, CE_DE | SCSW_DSTAT_UNIT_CHECK, 0, 12);
        g_assert_cmphex(f->irb.scsw.ctrl, ==,
                        SCSW_FCTL_START_FUNC | SCSW_STCTL_ALERT |
                        SCSW_STCTL_PRIMARY | SCSW_STCTL_SECONDARY |
                        SCSW_STCTL_STATUS_PEND);
        expect_sense(f, 0x80, 0);
    }
}

/* One block each, chained, as the driver does it */
static void test_disk_write_read(Fixture *f, const void *arg)
{
    memcpy(f->guest + DATA, f->data, 2048);
    extent(f, 0, 100, 4);
    locate(f, 0, LOCATE_WRITE, 0, 4);
    for (int i = 0; i < 4; i++) {
        ccw(f, CMD_FBA_WRITE, i < 3 ? CCW_FLAG_DC : 0, 512, DATA + i * 512);
    }
    disk_run(f, CE_DE, 0, 0);
    expect_file(f, 100, f->data, 2048);

    memset(f->guest + DATA, 0, 2048);
    extent(f, 0x40, 100, 4);
    locate(f, 0, LOCATE_READ, 1, 3);
    ccw(f, CMD_FBA_READ, 0, 1536, DATA);
    disk_run(f, CE_DE, 0, 0);
    expect_data(f, DATA, 512, 1536);
}

static void test_disk_large(Fixture *f, const void *arg)
{
    uint32_t len = 127 * 512;
    g_autofree uint8_t *expected = g_malloc(2 * len);

    /* More than the model moves at once, over two CCWs */
    f->orb.ctrl0 |= ORB_CTRL0_MASK_C64;
    for (int i = 0; i < 16; i++) {
        stq_be_p(f->guest + IDAL + i * 8, DATA + i % 8 * 4096);
    }
    memcpy(f->guest + DATA, f->data, 0x8000);
    for (int i = 0; i < 2 * len; i++) {
        expected[i] = f->data[i % len % 0x8000];
    }
    extent(f, 0, 0, 254);
    locate(f, 0, LOCATE_WRITE, 0, 254);
    ccw(f, CMD_FBA_WRITE, CCW_FLAG_DC | CCW_FLAG_IDA, len, IDAL);
    ccw(f, CMD_FBA_WRITE, CCW_FLAG_IDA, len, IDAL);
    disk_run(f, CE_DE, 0, 0);
    expect_file(f, 0, expected, 2 * len);
}

/* The driver's discard: no data for whole pages, zeroes around them */
static void test_disk_discard(Fixture *f, const void *arg)
{
    g_autofree uint8_t *ones = g_malloc(32 * 512);
    const uint8_t zeroes[18 * 512] = { 0 };

    memset(ones, 0xff, 32 * 512);
    memset(f->guest + DATA, 0xff, 32 * 512);
    extent(f, 0, 0, 32);
    locate(f, 0, LOCATE_WRITE, 0, 32);
    ccw(f, CMD_FBA_WRITE, 0, 32 * 512, DATA);
    disk_run(f, CE_DE, 0, 0);

    memset(f->guest + DATA, 0, 32 * 512);
    extent(f, 0, 6, 18);
    locate(f, 0, LOCATE_WRITE, 0, 2);
    ccw(f, CMD_FBA_WRITE, CC | CCW_FLAG_SLI, 1024, DATA);
    locate(f, 1, LOCATE_WRITE, 2, 16);
    ccw(f, CMD_FBA_WRITE, CCW_FLAG_SLI, 0, 0);
    disk_run(f, CE_DE, 0, 0);
    expect_file(f, 0, ones, 6 * 512);
    expect_file(f, 6, zeroes, 18 * 512);
    expect_file(f, 24, ones, 8 * 512);
}

static void test_disk_bounds(Fixture *f, const void *arg)
{
    static const struct {
        uint8_t mask;
        uint32_t first, count;
        uint8_t operation;
        uint32_t block;
        uint16_t blocks;
        uint8_t sense0, sense1;
    } cases[] = {
        { 0, BLOCKS - 1, 2, LOCATE_WRITE, 0, 1, 0x80, 0 },
        { 0, BLOCKS, 1, LOCATE_WRITE, 0, 1, 0x80, 0 },
        { 0, UINT32_MAX, 2, LOCATE_WRITE, 0, 1, 0x80, 0 },
        { 0, 0, 4, LOCATE_WRITE, 0, 5, 0, 4 },
        { 0, 0, 4, LOCATE_WRITE, 3, 2, 0, 4 },
        { 0, 0, 4, LOCATE_WRITE, 4, 1, 0, 4 },
        { 0, 0, 4, LOCATE_WRITE, 0, 0, 0x80, 0 },
        { 0, 0, 4, 8, 0, 1, 0x80, 0 },
        { 0x40, 0, 4, LOCATE_WRITE, 0, 1, 0x80, 2 },
        /* A write where a read was announced */
        { 0, 0, 4, LOCATE_READ, 0, 1, 0x80, 0 },
    };
    const uint8_t zeroes[4 * 512] = { 0 };

    memset(f->guest + DATA, 0xff, 512);
    for (int i = 0; i < ARRAY_SIZE(cases); i++) {
        extent(f, cases[i].mask, cases[i].first, cases[i].count);
        locate(f, 0, cases[i].operation, cases[i].block, cases[i].blocks);
        ccw(f, CMD_FBA_WRITE, 0, 512, DATA);
        memset(f->guest + DATA, 0xff, 512);
        disk_start(f);
        g_test_message("case %d", i);
        g_assert_cmphex(f->irb.scsw.dstat, ==, CE_DE | SCSW_DSTAT_UNIT_CHECK);
        expect_sense(f, cases[i].sense0, cases[i].sense1);
    }
    expect_file(f, 0, zeroes, sizeof(zeroes));

    /* Nothing of one program is left for the next */
    extent(f, 0, 0, 4);
    locate(f, 0, LOCATE_WRITE, 0, 1);
    ccw(f, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
    disk_run(f, CE_DE, 0, 1);
    ccw(f, CMD_FBA_WRITE, 0, 512, DATA);
    disk_run(f, CE_DE | SCSW_DSTAT_UNIT_CHECK, 0, 512);
}

static void test_disk_images(void)
{
    g_autofree char *directory = g_dir_make_tmp("vfio-ccw-host-XXXXXX", NULL);
    g_autofree char *image = g_build_filename(directory, "image", NULL);
    Error *err = NULL;

    g_assert_null(dasd_fba_open(image, NULL, NULL, &err));
    error_free_or_abort(&err);
    g_assert(g_file_set_contents(image, "", 0, NULL));
    g_assert_null(dasd_fba_open(image, NULL, NULL, &err));
    error_free_or_abort(&err);
    g_assert(g_file_set_contents(image, "x", 1, NULL));
    g_assert_null(dasd_fba_open(image, NULL, NULL, &err));
    error_free_or_abort(&err);
    g_assert_cmpint(unlink(image), ==, 0);
    g_assert_cmpint(rmdir(directory), ==, 0);
}

static void add_cp(const char *name, void (*test)(Fixture *, const void *))
{
    g_test_add(name, Fixture, NULL, setup, test, teardown);
}

static void add_disk(const char *name, void (*test)(Fixture *, const void *))
{
    g_test_add(name, Fixture, NULL, disk_setup, test, disk_teardown);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_cp("/vfio-ccw-host/cp/dma", test_dma);
    add_cp("/vfio-ccw-host/cp/segment", test_segment_limit);
    add_cp("/vfio-ccw-host/cp/segments", test_segments_limit);
    add_cp("/vfio-ccw-host/cp/fetch", test_fetch);
    add_cp("/vfio-ccw-host/cp/pin", test_pin);
    add_cp("/vfio-ccw-host/channel/read", test_read);
    add_cp("/vfio-ccw-host/channel/take", test_take);
    add_cp("/vfio-ccw-host/channel/format0", test_format0);
    add_cp("/vfio-ccw-host/channel/lengths", test_lengths);
    add_cp("/vfio-ccw-host/channel/data-chaining", test_data_chaining);
    add_cp("/vfio-ccw-host/channel/command-chaining", test_command_chaining);
    add_cp("/vfio-ccw-host/channel/endless", test_endless);
    add_cp("/vfio-ccw-host/channel/checks", test_program_checks);
    add_cp("/vfio-ccw-host/channel/suspend", test_suspend);
    add_cp("/vfio-ccw-host/channel/idal", test_idal);
    add_disk("/vfio-ccw-host/dasd-fba/identity", test_disk_identity);
    add_disk("/vfio-ccw-host/dasd-fba/rejects", test_disk_rejects);
    add_disk("/vfio-ccw-host/dasd-fba/write-read", test_disk_write_read);
    add_disk("/vfio-ccw-host/dasd-fba/large", test_disk_large);
    add_disk("/vfio-ccw-host/dasd-fba/discard", test_disk_discard);
    add_disk("/vfio-ccw-host/dasd-fba/bounds", test_disk_bounds);
    g_test_add_func("/vfio-ccw-host/dasd-fba/images", test_disk_images);
    return g_test_run();
}
