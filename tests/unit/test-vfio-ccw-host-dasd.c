/*
 * Tests of the emulated 9336 disk, with the channel programs that Linux's
 * dasd_fba driver makes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <glib/gstdio.h>
#include "qapi/error.h"
#include "tests/vfio-ccw-host/devices.h"
#include "vfio-ccw-host-common.h"

#define DATA  0x8000
#define IDAL  0x2000
#define BLOCKS 2048

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

typedef struct Fixture {
    Guest g;
    uint8_t data[0x8000];       /* to be written */
    char *directory;
    char *image;
    HostSubchannel sch;
    Dasd *dasd;
    IRB irb;                    /* the last of those that were taken */
    unsigned irbs;
} Fixture;

static void expect_data(Fixture *f, uint32_t addr, size_t from, size_t len)
{
    g_assert_cmpmem(f->g.memory + addr, len, f->data + from, len);
}

static void take_irb(void *opaque)
{
    Fixture *f = opaque;

    g_assert_cmpint(host_subchannel_tsch(&f->sch, &f->irb), ==, 0);
    f->irbs++;
}

static void leave_irb(void *opaque)
{
}

static void setup(Fixture *f, const void *arg)
{
    PMCW pmcw = {
        .flags = PMCW_FLAGS_MASK_DNV | PMCW_FLAGS_MASK_ENA,
        .pim = 0x80,
        .pam = 0x80,
    };
    int fd;

    guest_init(&f->g);
    for (int i = 0; i < sizeof(f->data); i++) {
        f->data[i] = i * 7;
    }
    f->directory = g_dir_make_tmp("vfio-ccw-host-XXXXXX", NULL);
    g_assert_nonnull(f->directory);
    f->image = g_build_filename(f->directory, "image", NULL);
    fd = g_open(f->image, O_RDWR | O_CREAT, 0600);
    g_assert_cmpint(ftruncate(fd, BLOCKS * 512), ==, 0);
    close(fd);
    f->dasd = dasd_fba_open(f->image, &f->g.dma, NULL, &error_abort);
    host_subchannel_init(&f->sch, &pmcw, &dasd_ops, f->dasd, take_irb, f);
}

static void teardown(Fixture *f, const void *arg)
{
    g_assert(dasd_close(f->dasd, &error_abort));
    host_subchannel_destroy(&f->sch);
    g_assert_cmpint(unlink(f->image), ==, 0);
    g_assert_cmpint(rmdir(f->directory), ==, 0);
    g_free(f->image);
    g_free(f->directory);
    guest_destroy(&f->g);
}

/* Executes what ccw() has put together, and begins anew */
static void disk_start(Fixture *f)
{
    g_autoptr(ChannelProgram) cp = NULL;

    memset(&f->irb, 0, sizeof(f->irb));
    g_assert_cmpint(guest_translate(&f->g, &cp), ==, 0);
    g_assert_cmpint(host_subchannel_ssch(&f->sch, &f->g.orb, cp), ==, 0);
    host_subchannel_run(&f->sch);
    f->g.next_ccw = PROGRAM;
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
    guest_ccw(&f->g, CMD_SENSE, 0, 32, DATA);
    disk_run(f, CE_DE, 0, 0);
    g_assert_cmphex(f->g.memory[DATA], ==, sense0);
    g_assert_cmphex(f->g.memory[DATA + 1], ==, sense1);
    guest_ccw(&f->g, CMD_SENSE, 0, 32, DATA);
    disk_run(f, CE_DE, 0, 0);
    g_assert_cmphex(f->g.memory[DATA] | f->g.memory[DATA + 1], ==, 0);
}

/* Linux's define extent: the located blocks are relative to @first */
static void extent(Fixture *f, uint8_t mask, uint32_t first, uint32_t count)
{
    uint8_t *p = f->g.memory + EXTENT_DATA;

    memset(p, 0, 16);
    p[0] = mask;
    stw_be_p(p + 2, 512);
    stl_be_p(p + 4, first);
    stl_be_p(p + 12, count - 1);
    guest_ccw(&f->g, CMD_EXTENT, CC, 16, EXTENT_DATA);
}

/* @nr tells apart the data of several in one program */
static void locate(Fixture *f, int nr, uint8_t operation, uint32_t block,
                   uint16_t count)
{
    uint8_t *p = f->g.memory + LOCATE_DATA + nr * 8;

    p[0] = operation;
    p[1] = 0;
    stw_be_p(p + 2, count);
    stl_be_p(p + 4, block);
    guest_ccw(&f->g, CMD_LOCATE, CC, 8, LOCATE_DATA + nr * 8);
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

static void test_identity(Fixture *f, const void *arg)
{
    static const uint8_t id[] = { 0xff, 0x63, 0x10, 0x80, 0x93, 0x36, 0x10 };

    guest_ccw(&f->g, CCW_CMD_SENSE_ID, CCW_FLAG_SLI, 256, DATA);
    disk_run(f, CE_DE, 0, 256 - sizeof(id));
    g_assert_cmpmem(f->g.memory + DATA, sizeof(id), id, sizeof(id));

    guest_ccw(&f->g, CMD_RDC, 0, 32, DATA);
    disk_run(f, CE_DE, 0, 0);
    g_assert_cmphex(f->g.memory[DATA] & 0x10, ==, 0x10);
    g_assert_cmpuint(lduw_be_p(f->g.memory + DATA + 4), ==, 512);
    g_assert_cmpuint(ldl_be_p(f->g.memory + DATA + 14), ==, BLOCKS);
}

static void test_rejects(Fixture *f, const void *arg)
{
    static const uint8_t commands[] = { 0x34, 0xaf, 0x14, 0x94, 0x02, 0x22 };

    for (int i = 0; i < ARRAY_SIZE(commands); i++) {
        guest_ccw(&f->g, commands[i], CCW_FLAG_SLI, 12, DATA);
        disk_run(f, CE_DE | SCSW_DSTAT_UNIT_CHECK, 0, 12);
        g_assert_cmphex(f->irb.scsw.ctrl, ==,
                        SCSW_FCTL_START_FUNC | SCSW_STCTL_ALERT |
                        SCSW_STCTL_PRIMARY | SCSW_STCTL_SECONDARY |
                        SCSW_STCTL_STATUS_PEND);
        expect_sense(f, 0x80, 0);
    }
}

/*
 * PoP 17, "Concurrent-Sense Facility": the IRB has the sense data, and the
 * device has them no more
 */
static void test_concurrent_sense(Fixture *f, const void *arg)
{
    f->sch.pmcw.chars |= PMCW_CHARS_MASK_CSENSE;
    guest_ccw(&f->g, 0x34, CCW_FLAG_SLI, 12, DATA);
    disk_run(f, CE_DE | SCSW_DSTAT_UNIT_CHECK, 0, 12);
    g_assert_cmphex(f->irb.scsw.flags & SCSW_FLAGS_MASK_ECTL, !=, 0);
    g_assert_cmphex(f->irb.esw.erw, ==, ESW_ERW_SENSE | 32 << 16);
    g_assert_cmphex((uint32_t)ldl_be_p(f->irb.ecw), ==, 0x80000000);
    expect_sense(f, 0, 0);
}

/*
 * PoP 16, "Zero Condition Code": an interruption when the first command was
 * accepted, or what of it adds to the end while nobody takes it
 */
static void test_initial_interruption(Fixture *f, const void *arg)
{
    const uint16_t end = SCSW_FCTL_START_FUNC | SCSW_STCTL_PRIMARY |
                         SCSW_STCTL_SECONDARY | SCSW_STCTL_STATUS_PEND;

    f->g.orb.ctrl0 |= ORB_CTRL0_MASK_ISIC;
    guest_ccw(&f->g, CCW_CMD_SENSE_ID, CCW_FLAG_SLI, 7, DATA);
    disk_run(f, CE_DE, 0, 0);
    g_assert_cmpuint(f->irbs, ==, 2);
    g_assert_cmphex(f->irb.scsw.ctrl, ==, end);
    g_assert_cmphex(f->irb.scsw.flags & SCSW_FLAGS_MASK_ZCC, ==, 0);

    f->sch.interrupt = leave_irb;
    guest_ccw(&f->g, CCW_CMD_SENSE_ID, CCW_FLAG_SLI, 7, DATA);
    disk_start(f);
    g_assert_cmpint(host_subchannel_tsch(&f->sch, &f->irb), ==, 0);
    g_assert_cmphex(f->irb.scsw.ctrl, ==, end | SCSW_STCTL_INTERMEDIATE);
    g_assert_cmphex(f->irb.scsw.flags & SCSW_FLAGS_MASK_ZCC, !=, 0);
    g_assert_cmphex(f->irb.scsw.dstat, ==, CE_DE);
}

/* One block each, chained, as the driver does it */
static void test_write_read(Fixture *f, const void *arg)
{
    memcpy(f->g.memory + DATA, f->data, 2048);
    extent(f, 0, 100, 4);
    locate(f, 0, LOCATE_WRITE, 0, 4);
    for (int i = 0; i < 4; i++) {
        guest_ccw(&f->g, CMD_FBA_WRITE, i < 3 ? CCW_FLAG_DC : 0, 512,
                  DATA + i * 512);
    }
    disk_run(f, CE_DE, 0, 0);
    expect_file(f, 100, f->data, 2048);

    memset(f->g.memory + DATA, 0, 2048);
    extent(f, 0x40, 100, 4);
    locate(f, 0, LOCATE_READ, 1, 3);
    guest_ccw(&f->g, CMD_FBA_READ, 0, 1536, DATA);
    disk_run(f, CE_DE, 0, 0);
    expect_data(f, DATA, 512, 1536);
}

static void test_large(Fixture *f, const void *arg)
{
    uint32_t len = 127 * 512;
    g_autofree uint8_t *expected = g_malloc(2 * len);

    /* More than the model moves at once, over two CCWs */
    f->g.orb.ctrl0 |= ORB_CTRL0_MASK_C64;
    for (int i = 0; i < 16; i++) {
        stq_be_p(f->g.memory + IDAL + i * 8, DATA + i % 8 * 4096);
    }
    memcpy(f->g.memory + DATA, f->data, 0x8000);
    for (int i = 0; i < 2 * len; i++) {
        expected[i] = f->data[i % len % 0x8000];
    }
    extent(f, 0, 0, 254);
    locate(f, 0, LOCATE_WRITE, 0, 254);
    guest_ccw(&f->g, CMD_FBA_WRITE, CCW_FLAG_DC | CCW_FLAG_IDA, len, IDAL);
    guest_ccw(&f->g, CMD_FBA_WRITE, CCW_FLAG_IDA, len, IDAL);
    disk_run(f, CE_DE, 0, 0);
    expect_file(f, 0, expected, 2 * len);
}

/* The driver's discard: no data for whole pages, zeroes around them */
static void test_discard(Fixture *f, const void *arg)
{
    g_autofree uint8_t *ones = g_malloc(32 * 512);
    const uint8_t zeroes[18 * 512] = { 0 };

    memset(ones, 0xff, 32 * 512);
    memset(f->g.memory + DATA, 0xff, 32 * 512);
    extent(f, 0, 0, 32);
    locate(f, 0, LOCATE_WRITE, 0, 32);
    guest_ccw(&f->g, CMD_FBA_WRITE, 0, 32 * 512, DATA);
    disk_run(f, CE_DE, 0, 0);

    memset(f->g.memory + DATA, 0, 32 * 512);
    extent(f, 0, 6, 18);
    locate(f, 0, LOCATE_WRITE, 0, 2);
    guest_ccw(&f->g, CMD_FBA_WRITE, CC | CCW_FLAG_SLI, 1024, DATA);
    locate(f, 1, LOCATE_WRITE, 2, 16);
    guest_ccw(&f->g, CMD_FBA_WRITE, CCW_FLAG_SLI, 0, 0);
    disk_run(f, CE_DE, 0, 0);
    expect_file(f, 0, ones, 6 * 512);
    expect_file(f, 6, zeroes, 18 * 512);
    expect_file(f, 24, ones, 8 * 512);
}

static void test_bounds(Fixture *f, const void *arg)
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

    memset(f->g.memory + DATA, 0xff, 512);
    for (int i = 0; i < ARRAY_SIZE(cases); i++) {
        extent(f, cases[i].mask, cases[i].first, cases[i].count);
        locate(f, 0, cases[i].operation, cases[i].block, cases[i].blocks);
        guest_ccw(&f->g, CMD_FBA_WRITE, 0, 512, DATA);
        memset(f->g.memory + DATA, 0xff, 512);
        disk_start(f);
        g_test_message("case %d", i);
        g_assert_cmphex(f->irb.scsw.dstat, ==, CE_DE | SCSW_DSTAT_UNIT_CHECK);
        expect_sense(f, cases[i].sense0, cases[i].sense1);
    }
    expect_file(f, 0, zeroes, sizeof(zeroes));

    /* Nothing of one program is left for the next */
    extent(f, 0, 0, 4);
    locate(f, 0, LOCATE_WRITE, 0, 1);
    guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
    disk_run(f, CE_DE, 0, 1);
    guest_ccw(&f->g, CMD_FBA_WRITE, 0, 512, DATA);
    disk_run(f, CE_DE | SCSW_DSTAT_UNIT_CHECK, 0, 512);
}

/* A program without end can be ended, and does not take the thread for it */
static void test_endless(Fixture *f, const void *arg)
{
    for (int clear = 0; clear < 2; clear++) {
        guest_ccw(&f->g, CCW_CMD_NOOP, CC | CCW_FLAG_SLI, 1, 0);
        guest_ccw(&f->g, CCW_CMD_TIC, 0, 0, PROGRAM);
        guest_ccw(&f->g, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, 0);
        disk_start(f);
        for (int i = 0; i < 3; i++) {
            g_assert(g_main_context_iteration(NULL, false));
        }
        g_assert_cmphex(f->irb.scsw.ctrl, ==, 0);

        g_assert_cmpint(clear ? host_subchannel_csch(&f->sch)
                              : host_subchannel_hsch(&f->sch), ==, 0);
        host_subchannel_run(&f->sch);
        g_assert_cmphex(f->irb.scsw.ctrl, ==,
                        SCSW_STCTL_STATUS_PEND |
                        (clear ? SCSW_FCTL_CLEAR_FUNC
                               : SCSW_FCTL_START_FUNC | SCSW_FCTL_HALT_FUNC));
        g_assert_false(g_main_context_iteration(NULL, false));
    }
}

/* Sparse, where the file system can have a file of that size */
static void test_too_large_image(const char *image)
{
    Error *err = NULL;

    if (truncate(image, 2ULL << 40) < 0) {
        g_test_message("no file of 2 TiB: %s", strerror(errno));
        return;
    }
    g_assert_null(dasd_fba_open(image, NULL, NULL, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "less than 2 TiB"));
    error_free_or_abort(&err);
}

static void test_images(void)
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
    g_assert_nonnull(strstr(error_get_pretty(err), "multiple of 512"));
    error_free_or_abort(&err);
    test_too_large_image(image);
    g_assert_cmpint(unlink(image), ==, 0);
    g_assert_cmpint(rmdir(directory), ==, 0);
}

static void add_disk(const char *name, void (*test)(Fixture *, const void *))
{
    g_test_add(name, Fixture, NULL, setup, test, teardown);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_disk("/vfio-ccw-host/dasd-fba/identity", test_identity);
    add_disk("/vfio-ccw-host/dasd-fba/rejects", test_rejects);
    add_disk("/vfio-ccw-host/dasd-fba/concurrent-sense",
             test_concurrent_sense);
    add_disk("/vfio-ccw-host/dasd-fba/initial", test_initial_interruption);
    add_disk("/vfio-ccw-host/dasd-fba/write-read", test_write_read);
    add_disk("/vfio-ccw-host/dasd-fba/large", test_large);
    add_disk("/vfio-ccw-host/dasd-fba/discard", test_discard);
    add_disk("/vfio-ccw-host/dasd-fba/bounds", test_bounds);
    add_disk("/vfio-ccw-host/dasd-fba/endless", test_endless);
    g_test_add_func("/vfio-ccw-host/dasd-fba/images", test_images);
    return g_test_run();
}
