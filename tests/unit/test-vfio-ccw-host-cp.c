/*
 * Tests of the emulated vfio_ccw host driver's channel programs: how they are
 * translated, and how they are executed
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "vfio-ccw-host-common.h"

#define DATA  0x8000
#define IDAL  0x2000
#define OTHER 0x3000

/* Commands of the test's own device; any other ends with unit check */
#define CMD_WRITE 0x01
#define CMD_READ  0x02
#define CMD_SEARCH 0x31         /* ends with status modifier */

typedef struct Fixture {
    Guest g;
    HostStatus status;
    unsigned pcis;
    unsigned initials;
    /* What the device wants to move, what it got, what it gives */
    size_t want;
    size_t moved;
    uint8_t data[0x10000];
    unsigned commands;
} Fixture;

static void setup(Fixture *f, const void *arg)
{
    guest_init(&f->g);
    for (int i = 0; i < sizeof(f->data); i++) {
        f->data[i] = i * 7;
    }
}

static void teardown(Fixture *f, const void *arg)
{
    guest_destroy(&f->g);
}

static void expect_translation(Fixture *f, int err)
{
    g_autoptr(ChannelProgram) cp = NULL;

    g_assert_cmpint(guest_translate(&f->g, &cp), ==, err);
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

static void test_initial(void *opaque, uint32_t cpa)
{
    Fixture *f = opaque;

    g_assert_cmphex(cpa, ==, PROGRAM + 8);
    f->initials++;
}

static const ChannelRunOps test_ops = {
    .command = test_command,
    .pci = test_pci,
    .initial = test_initial,
};

static void run(Fixture *f)
{
    g_autoptr(ChannelProgram) cp = NULL;
    ChannelRun run;

    g_assert_cmpint(guest_translate(&f->g, &cp), ==, 0);
    channel_run_init(&run, &test_ops, f, cp, &f->g.dma);
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
    g_assert_cmpmem(f->g.memory + addr, len, f->data + from, len);
}

static void test_dma(Fixture *f, const void *arg)
{
    uint8_t buf[16];

    g_assert_cmpint(host_dma_read(&f->g.dma, GUEST_SIZE - 8, buf, 16), ==, 0);
    g_assert_cmpint(host_dma_write(&f->g.dma, GUEST_SIZE - 8, buf, 16), ==,
                    -EPERM);
    g_assert_cmpint(host_dma_read(&f->g.dma, 2 * GUEST_SIZE - 8, buf, 16), ==,
                    -EINVAL);
    /* Ranges go as they came */
    g_assert_cmpint(host_dma_unmap(&f->g.dma, 0, GUEST_SIZE - 1), ==, -EINVAL);
    g_assert_cmpint(host_dma_unmap(&f->g.dma, 0, GUEST_SIZE), ==, 0);
    g_assert_cmpint(host_dma_read(&f->g.dma, 0, buf, 1), ==, -EINVAL);
    g_assert_cmpint(host_dma_read(&f->g.dma, GUEST_SIZE, buf, 1), ==, 0);
}

/*
 * Translation
 */

static void test_segment_limit(Fixture *f, const void *arg)
{
    for (int i = 0; i < 255; i++) {
        guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_CC | CCW_FLAG_SLI, 1, 0);
    }
    guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
    expect_translation(f, 0);

    /* The 256th chains on: there is no end */
    f->g.next_ccw -= 8;
    guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_CC | CCW_FLAG_SLI, 1, 0);
    guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
    expect_translation(f, -EINVAL);
}

static void test_segments_limit(Fixture *f, const void *arg)
{
    for (int n = 16; n <= 17; n++) {
        for (int i = 0; i < n; i++) {
            f->g.next_ccw = PROGRAM + i * 0x100;
            guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_CC | CCW_FLAG_SLI, 1, 0);
            guest_ccw(&f->g, CCW_CMD_TIC, 0, 0, f->g.next_ccw + 0xf8);
        }
        f->g.next_ccw -= 8;
        guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
        expect_translation(f, n <= CP_MAX_SEGMENTS ? 0 : -EINVAL);
    }
}

/* 2048 bytes are fetched, however short the program is */
static void test_fetch(Fixture *f, const void *arg)
{
    f->g.orb.cpa = f->g.next_ccw = 2 * GUEST_SIZE - 2048;
    guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
    expect_translation(f, 0);
    f->g.orb.cpa = f->g.next_ccw = 2 * GUEST_SIZE - 2040;
    guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
    expect_translation(f, -EINVAL);
    f->g.orb.cpa = f->g.next_ccw = 2 * GUEST_SIZE - sizeof(CCW1);
    guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
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
        f->g.next_ccw = PROGRAM;
        guest_ccw(&f->g, cases[i].cmd, cases[i].flags, cases[i].count,
                  cases[i].cda);
        expect_translation(f, cases[i].err);
    }
}

/*
 * Execution
 */

static void test_read(Fixture *f, const void *arg)
{
    f->want = 100;
    guest_ccw(&f->g, CMD_READ, 0, 100, DATA);
    run(f);
    expect_status(f, CE_DE, 0, 0, PROGRAM + 8);
    expect_data(f, DATA, 0, 100);
}

static void test_format0(Fixture *f, const void *arg)
{
    f->g.orb.ctrl0 &= ~ORB_CTRL0_MASK_FMT;
    f->want = 100;
    guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_CC | CCW_FLAG_SLI, 1, 0);
    /* Any command with this nibble, and anything for flags and count */
    guest_ccw(&f->g, 0xf8, 0xff, 0xffff, OTHER);
    f->g.next_ccw = OTHER;
    guest_ccw(&f->g, CMD_READ, 0, 100, DATA);
    run(f);
    expect_status(f, CE_DE, 0, 0, OTHER + 8);
    expect_data(f, DATA, 0, 100);
}

/* A program check in format 0 (PoP 15, "Count"), but not on Linux */
static void test_format0_no_count(Fixture *f, const void *arg)
{
    f->g.orb.ctrl0 &= ~ORB_CTRL0_MASK_FMT;
    guest_ccw(&f->g, CCW_CMD_NOOP, 0, 0, 0);
    run(f);
    expect_status(f, CE_DE, 0, 0, PROGRAM + 8);
}

/*
 * PoP 15, "Incorrect-Length-Suppression Mode": an immediate command with a
 * count that is not suppressed. One that is refused is not carried out.
 */
static void test_immediate_length(Fixture *f, const void *arg)
{
    static const struct {
        uint8_t cmd, flags;
        uint16_t count;
        uint8_t ctrl1, cstat;
        unsigned commands;
    } cases[] = {
        { CCW_CMD_NOOP, CCW_FLAG_CC, 1, 0, SCSW_CSTAT_INCORR_LEN, 1 },
        { CCW_CMD_NOOP, CCW_FLAG_CC | CCW_FLAG_SLI, 1, 0, 0, 2 },
        { CCW_CMD_NOOP, CCW_FLAG_CC, 0, 0, 0, 2 },
        { CCW_CMD_NOOP, CCW_FLAG_CC, 1, ORB_CTRL1_MASK_ILS, 0, 2 },
        { 0x77, CCW_FLAG_CC, 1, 0, 0, 1 },
    };

    for (int i = 0; i < ARRAY_SIZE(cases); i++) {
        f->g.orb.ctrl1 = cases[i].ctrl1;
        f->g.next_ccw = PROGRAM;
        f->commands = 0;
        guest_ccw(&f->g, cases[i].cmd, cases[i].flags, cases[i].count, DATA);
        guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
        run(f);
        g_assert_cmphex(f->status.cstat, ==, cases[i].cstat);
        g_assert_cmpuint(f->commands, ==, cases[i].commands);
    }
}

/*
 * PoP 16, "Zero Condition Code": once, when the device has taken the first
 * command; not if that is refused, or ends at once and ends the program
 */
static void test_initial_status(Fixture *f, const void *arg)
{
    static const struct {
        uint8_t cmd, flags;
        unsigned initials;
    } cases[] = {
        { CMD_READ, 0, 1 },
        { CMD_READ, CCW_FLAG_CC, 1 },
        { CMD_WRITE, CCW_FLAG_CC, 1 },
        { CCW_CMD_NOOP, CCW_FLAG_CC, 1 },
        { CCW_CMD_NOOP, 0, 0 },
        { 0x77, CCW_FLAG_CC, 0 },
    };

    f->want = 1;
    for (int i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
        unsigned n = i / 2;
        bool asked = i % 2;
        unsigned initials = cases[n].initials;

        f->g.orb.ctrl0 &= ~ORB_CTRL0_MASK_ISIC;
        f->g.orb.ctrl0 |= asked ? ORB_CTRL0_MASK_ISIC : 0;
        f->g.next_ccw = PROGRAM;
        f->initials = 0;
        guest_ccw(&f->g, cases[n].cmd, cases[n].flags | CCW_FLAG_SLI, 1,
                  DATA);
        guest_ccw(&f->g, CMD_READ, CCW_FLAG_SLI, 1, DATA);
        run(f);
        g_assert_cmpuint(f->initials, ==, asked ? initials : 0);
    }
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
        f->g.next_ccw = PROGRAM;
        memset(f->g.memory + DATA, 0, 128);
        guest_ccw(&f->g, CMD_READ, cases[i].flags, cases[i].count, DATA);
        run(f);
        expect_status(f, CE_DE, cases[i].cstat, cases[i].residual,
                      PROGRAM + 8);
        g_assert_cmpuint(f->moved, ==, MIN(f->want, cases[i].count));
        g_assert_cmpuint(f->g.memory[DATA + cases[i].count], ==, 0);
    }

    /* Incorrect length breaks the chain, unless suppressed */
    f->g.next_ccw = PROGRAM;
    f->commands = 0;
    guest_ccw(&f->g, CMD_READ, CCW_FLAG_CC, 120, DATA);
    guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
    run(f);
    expect_status(f, CE_DE, SCSW_CSTAT_INCORR_LEN, 20, PROGRAM + 8);
    g_assert_cmpuint(f->commands, ==, 1);
}

static void test_data_chaining(Fixture *f, const void *arg)
{
    f->want = 300;
    guest_ccw(&f->g, CMD_READ, CCW_FLAG_DC, 100, DATA);
    /* Skipped, then over a TIC into another segment */
    guest_ccw(&f->g, 0, CCW_FLAG_DC | CCW_FLAG_SKIP, 50, DATA + 0x100);
    guest_ccw(&f->g, CCW_CMD_TIC, 0, 0, OTHER);
    f->g.next_ccw = OTHER;
    guest_ccw(&f->g, 0, 0, 150, DATA + 0x200);
    run(f);
    expect_status(f, CE_DE, 0, 0, OTHER + 8);
    g_assert_cmpuint(f->commands, ==, 1);
    expect_data(f, DATA, 0, 100);
    g_assert_cmpuint(f->g.memory[DATA + 0x101], ==, 0);
    expect_data(f, DATA + 0x200, 150, 150);

    /* A device that ends within the chain */
    f->want = 50;
    run(f);
    expect_status(f, CE_DE, SCSW_CSTAT_INCORR_LEN, 50, PROGRAM + 8);
}

static void test_take(Fixture *f, const void *arg)
{
    f->want = 200;
    memset(f->g.memory + DATA, 0x11, 100);
    memset(f->g.memory + DATA + 0x1000, 0x22, 100);
    guest_ccw(&f->g, CMD_WRITE, CCW_FLAG_DC, 100, DATA);
    guest_ccw(&f->g, 0, 0, 100, DATA + 0x1000);
    run(f);
    expect_status(f, CE_DE, 0, 0, PROGRAM + 16);
    g_assert_cmphex(f->data[99], ==, 0x11);
    g_assert_cmphex(f->data[100], ==, 0x22);
    g_assert_cmphex(f->data[199], ==, 0x22);
}

static void test_command_chaining(Fixture *f, const void *arg)
{
    guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_CC | CCW_FLAG_SLI, 1, 0);
    guest_ccw(&f->g, CMD_SEARCH, CCW_FLAG_CC | CCW_FLAG_SLI, 1, DATA);
    guest_ccw(&f->g, CCW_CMD_TIC, 0, 0, PROGRAM);
    guest_ccw(&f->g, CCW_CMD_NOOP,
              CCW_FLAG_CC | CCW_FLAG_SLI | CCW_FLAG_PCI, 1, 0);
    guest_ccw(&f->g, 0x77, CCW_FLAG_CC | CCW_FLAG_SLI, 1, DATA);
    guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
    run(f);
    expect_status(f, CE_DE | SCSW_DSTAT_UNIT_CHECK, 0, 1, PROGRAM + 5 * 8);
    g_assert_cmpuint(f->commands, ==, 4);
    g_assert_cmpuint(f->pcis, ==, 1);
}

static void test_endless(Fixture *f, const void *arg)
{
    g_autoptr(ChannelProgram) cp = NULL;
    ChannelRun run;

    guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_CC | CCW_FLAG_SLI, 1, 0);
    guest_ccw(&f->g, CCW_CMD_TIC, 0, 0, PROGRAM);
    guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
    g_assert_cmpint(guest_translate(&f->g, &cp), ==, 0);
    channel_run_init(&run, &test_ops, f, cp, &f->g.dma);
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
        { CMD_READ, CCW_FLAG_MIDA, 1, DATA },
        { 0x18, 0, 1, DATA },
        { 0xf8, 0, 1, OTHER },
    };

    f->g.next_ccw = OTHER;
    guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
    for (int i = 0; i < ARRAY_SIZE(first); i++) {
        f->g.next_ccw = PROGRAM;
        f->commands = 0;
        guest_ccw(&f->g, first[i].cmd, first[i].flags, first[i].count,
                  first[i].cda);
        guest_ccw(&f->g, 0, 0, 1, DATA);
        run(f);
        g_assert_cmphex(f->status.cstat, ==, SCSW_CSTAT_PROG_CHECK);
        g_assert_cmphex(f->status.dstat, ==, 0);
        g_assert_cmpuint(f->commands, ==, 0);
    }

    /* A TIC to a TIC */
    f->g.next_ccw = OTHER;
    guest_ccw(&f->g, CCW_CMD_TIC, 0, 0, PROGRAM);
    f->g.next_ccw = PROGRAM;
    guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_CC | CCW_FLAG_SLI, 1, 0);
    guest_ccw(&f->g, CCW_CMD_TIC, 0, 0, OTHER);
    run(f);
    g_assert_cmphex(f->status.cstat, ==, SCSW_CSTAT_PROG_CHECK);
}

/* PoP 15, "Transfer in Channel" */
static void test_bad_tics(Fixture *f, const void *arg)
{
    static const struct {
        uint8_t cmd, flags;
        uint16_t count;
        uint32_t cda;
        uint8_t cstat;
    } tics[] = {
        { CCW_CMD_TIC, 0, 0, PROGRAM + 2 * 8, 0 },
        { CCW_CMD_TIC, CCW_FLAG_SLI, 0, PROGRAM + 2 * 8,
          SCSW_CSTAT_PROG_CHECK },
        { CCW_CMD_TIC, CCW_FLAG_CC, 0, PROGRAM + 2 * 8,
          SCSW_CSTAT_PROG_CHECK },
        { CCW_CMD_TIC, 0, 1, PROGRAM + 2 * 8, SCSW_CSTAT_PROG_CHECK },
        { 0x18, 0, 0, PROGRAM + 2 * 8, SCSW_CSTAT_PROG_CHECK },
        /* Into the program, and not to a doubleword */
        { CCW_CMD_TIC, 0, 0, PROGRAM + 4, SCSW_CSTAT_PROG_CHECK },
        /* Elsewhere Linux copies from there, and the copy is at one */
        { CCW_CMD_TIC, 0, 0, OTHER + 4, 0 },
    };

    for (int i = 0; i < ARRAY_SIZE(tics); i++) {
        f->g.next_ccw = OTHER + 4;
        guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
        f->g.next_ccw = PROGRAM;
        f->commands = 0;
        guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_CC | CCW_FLAG_SLI, 1, 0);
        guest_ccw(&f->g, tics[i].cmd, tics[i].flags, tics[i].count,
                  tics[i].cda);
        guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
        run(f);
        g_test_message("TIC %d", i);
        g_assert_cmphex(f->status.cstat, ==, tics[i].cstat);
        g_assert_cmpuint(f->commands, ==, tics[i].cstat ? 1 : 2);
        if (tics[i].cstat) {
            g_assert_cmphex(f->status.cpa, ==, PROGRAM + 2 * 8);
        }
    }
}

static void test_suspend(Fixture *f, const void *arg)
{
    f->g.orb.ctrl0 |= ORB_CTRL0_MASK_SPND;
    guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_CC | CCW_FLAG_SLI, 1, 0);
    guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_SLI | CCW_FLAG_SUSPEND, 1, 0);
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

        memset(f->g.memory + DATA, 0, GUEST_SIZE - DATA);
        for (int j = 0; j < 3; j++) {
            uint32_t idaw = DATA + (2 - j) * block + (j == 0 ? offset : 0);

            if (format2) {
                stq_be_p(f->g.memory + IDAL + j * 8, idaw);
            } else {
                stl_be_p(f->g.memory + IDAL + j * 4, idaw);
            }
        }
        f->g.orb.ctrl0 = ORB_CTRL0_MASK_FMT | formats[i].orb;
        f->g.next_ccw = PROGRAM;
        f->want = first_len + block + 10;
        guest_ccw(&f->g, CMD_READ, CCW_FLAG_IDA, f->want, IDAL);
        run(f);
        expect_status(f, CE_DE, 0, 0, PROGRAM + 8);
        expect_data(f, DATA + 2 * block + offset, 0, first_len);
        expect_data(f, DATA + block, first_len, block);
        expect_data(f, DATA, first_len + block, 10);
        g_assert_cmpuint(f->g.memory[DATA + 10], ==, 0);

        /* An offset anywhere but in the first */
        f->g.memory[IDAL + (format2 ? 15 : 7)] = 4;
        run(f);
        g_assert_cmphex(f->status.cstat, ==, SCSW_CSTAT_PROG_CHECK);
        g_assert_cmpuint(f->moved, ==, first_len);
    }
}

static void add_cp(const char *name, void (*test)(Fixture *, const void *))
{
    g_test_add(name, Fixture, NULL, setup, test, teardown);
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
    add_cp("/vfio-ccw-host/channel/format0-no-count", test_format0_no_count);
    add_cp("/vfio-ccw-host/channel/immediate-length", test_immediate_length);
    add_cp("/vfio-ccw-host/channel/initial-status", test_initial_status);
    add_cp("/vfio-ccw-host/channel/tics", test_bad_tics);
    add_cp("/vfio-ccw-host/channel/lengths", test_lengths);
    add_cp("/vfio-ccw-host/channel/data-chaining", test_data_chaining);
    add_cp("/vfio-ccw-host/channel/command-chaining", test_command_chaining);
    add_cp("/vfio-ccw-host/channel/endless", test_endless);
    add_cp("/vfio-ccw-host/channel/checks", test_program_checks);
    add_cp("/vfio-ccw-host/channel/suspend", test_suspend);
    add_cp("/vfio-ccw-host/channel/idal", test_idal);
    return g_test_run();
}
