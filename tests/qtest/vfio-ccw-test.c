/*
 * QTest of vfio-ccw with an emulated Linux host driver
 *
 * QEMU's -device vfio-ccw reaches, over vfio-user, a host driver that runs in
 * a thread of this program (tests/vfio-ccw-host). The test withholds any
 * answer of the host until it has seen what had to happen without it, so
 * nothing here depends on timing. All code below runs in the test's thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <glib/gstdio.h>
#include "libqos/css.h"
#include "libqtest.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "qobject/qdict.h"
#include "s390x-mailbox.h"
#include "tests/vfio-ccw-host/vfio-ccw-host.h"

#define DEVNO 0x1234
#define SCHID QCSS_FIRST_SCHID
#define CHPID 0x40

#define INTPARM_MSCH 0xcafe0001
#define INTPARM_SSCH 0xcafe0002

#define PROGRAM QCSS_FREE
#define DATA    (QCSS_FREE + 0x1000)

#define SENSE_ID_LEN 7
#define FBA_DEV_TYPE 0x9336
#define FBA_IMAGE_SIZE (1024 * 512)

#define NORMAL_END (SCSW_DSTAT_CHANNEL_END | SCSW_DSTAT_DEVICE_END)
#define FINAL_STCTL (SCSW_STCTL_PRIMARY | SCSW_STCTL_SECONDARY | \
                     SCSW_STCTL_STATUS_PEND)
#define ALERT_STCTL (SCSW_STCTL_ALERT | SCSW_STCTL_STATUS_PEND)

/* How often to look for what must not happen, and for what must */
#define QUIET_POLLS 1000
#define MAX_POLLS   100000

/* QEMU waits in virtual time before it tries again. */
#define RETRY_STEP_NS 1000000

/* More hand-overs than this for one start are a spin */
#define MAX_RETRIES 1000

#define REGION(name) (1u << VFIO_CCW_HOST_REGION_##name)
#define IRQ(name) (1u << VFIO_CCW_##name##_IRQ_INDEX)

/* The storage a host can map, unlike the default one */
#define MACHINE_ARGS \
    "-m 64M -object memory-backend-memfd,id=mem,size=64M,share=on " \
    "-machine memory-backend=mem "

/* A host, a machine, and the places where they meet */
typedef struct Bed {
    char *dir;
    char *socket;
    VfioCcwHost *host;
    QTestState *qts;
} Bed;

static Bed *bed_new(void)
{
    Bed *bed = g_new0(Bed, 1);
    g_autoptr(GError) err = NULL;

    bed->dir = g_dir_make_tmp("vfio-ccw-test-XXXXXX", &err);
    g_assert_no_error(err);
    bed->socket = g_build_filename(bed->dir, "socket", NULL);
    return bed;
}

static void bed_start_host(Bed *bed, const VfioCcwHostConfig *config)
{
    bed->host = vfio_ccw_host_start(bed->socket, config, &error_abort);
}

static void bed_stop_host(Bed *bed)
{
    vfio_ccw_host_stop(bed->host, &error_abort);
    bed->host = NULL;
}

static char *bed_device_args(Bed *bed)
{
    return g_strdup_printf(MACHINE_ARGS "-device '{\"driver\": \"vfio-ccw\", "
                           "\"id\": \"ccw0\", \"devno\": \"fe.0.1234\", "
                           "\"x-msg-timeout\": 60000, \"socket\": "
                           "{\"type\": \"unix\", \"path\": \"%s\"}}'",
                           bed->socket);
}

/* A host that awaits a device which the machine does not have yet */
static Bed *bed_unplugged(const VfioCcwHostConfig *config)
{
    Bed *bed = bed_new();

    bed_start_host(bed, config);
    bed->qts = qcss_init(MACHINE_ARGS);
    return bed;
}

static Bed *bed_plugged(const VfioCcwHostConfig *config)
{
    Bed *bed = bed_new();
    g_autofree char *args = bed_device_args(bed);

    bed_start_host(bed, config);
    bed->qts = qcss_init(args);
    return bed;
}

static void bed_end(Bed *bed)
{
    qtest_quit(bed->qts);
    if (bed->host) {
        bed_stop_host(bed);
    }
    g_assert_cmpint(g_rmdir(bed->dir), ==, 0);
    g_free(bed->socket);
    g_free(bed->dir);
    g_free(bed);
}

static void plug(Bed *bed)
{
    qtest_qmp_assert_success(bed->qts,
                             "{'execute': 'device_add', 'arguments': {"
                             "'driver': 'vfio-ccw', 'id': 'ccw0',"
                             "'devno': 'fe.0.1234', 'x-msg-timeout': 60000,"
                             "'socket': {'type': 'unix', 'path': %s}}}",
                             bed->socket);
}

static void assert_unplugged(Bed *bed)
{
    g_assert_cmphex(qcss_find(bed->qts, DEVNO), ==, 0);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");
}

/* Plugging fails with a message that says @why, and leaves nothing behind. */
static void assert_plug_fails(Bed *bed, QDict *arguments, const char *why)
{
    QDict *error;

    qdict_put_str(arguments, "driver", "vfio-ccw");
    qdict_put_str(arguments, "id", "ccw0");
    qdict_put_str(arguments, "devno", "fe.0.1234");
    error = qtest_qmp_assert_failure_ref(bed->qts, "{'execute': 'device_add',"
                                         "'arguments': %p}", arguments);
    g_test_message("%s", qdict_get_str(error, "desc"));
    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), why));
    qobject_unref(error);

    assert_unplugged(bed);
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
}

static QDict *unix_socket(const char *path)
{
    QDict *address = qdict_new();
    QDict *arguments = qdict_new();

    qdict_put_str(address, "type", "unix");
    qdict_put_str(address, "path", path);
    qdict_put(arguments, "socket", address);
    return arguments;
}

static ORB noop_orb(Bed *bed)
{
    CCW1 noop = {
        .cmd_code = CCW_CMD_NOOP,
        .flags = CCW_FLAG_SLI,
        .count = 1,
        .cda = DATA,
    };

    qcss_write_ccws(bed->qts, PROGRAM, &noop, 1);
    return qcss_orb(INTPARM_SSCH, PROGRAM);
}

/* SSCH of a program that has only a no-operation; its condition code */
static int ssch(Bed *bed)
{
    ORB orb = noop_orb(bed);

    return qcss_ssch(bed->qts, SCHID, &orb);
}

static uint16_t scsw_ctrl(Bed *bed)
{
    SCHIB schib;

    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    return schib.scsw.ctrl;
}

/* The next interruption is for this: the control bits but for ACTL */
static IRB expect_irb(Bed *bed, uint16_t ctrl, uint8_t dstat, uint8_t cstat)
{
    uint16_t mask = SCSW_CTRL_MASK_FCTL | SCSW_CTRL_MASK_STCTL;
    IRB irb;

    qcss_wait_irb(bed->qts, SCHID, &irb);
    g_assert_cmphex(irb.scsw.ctrl & mask, ==, ctrl);
    g_assert_cmphex(irb.scsw.dstat, ==, dstat);
    g_assert_cmphex(irb.scsw.cstat, ==, cstat);
    return irb;
}

static void expect_normal_end(Bed *bed)
{
    expect_irb(bed, SCSW_FCTL_START_FUNC | FINAL_STCTL, NORMAL_END, 0);
}

/* Status pending alone, with the halt or the clear function */
static void expect_end_of(Bed *bed, uint16_t fctl)
{
    IRB irb;

    qcss_wait_irb(bed->qts, SCHID, &irb);
    g_assert_cmphex(irb.scsw.ctrl & fctl, ==, fctl);
    g_assert_cmphex(irb.scsw.ctrl & SCSW_CTRL_MASK_STCTL, ==,
                    SCSW_STCTL_STATUS_PEND);
    g_assert_cmphex(irb.scsw.dstat & SCSW_DSTAT_CHANNEL_END, ==, 0);
}

static void expect_nothing(Bed *bed)
{
    IOIntCode code;

    for (int i = 0; i < QUIET_POLLS; i++) {
        g_assert_false(qcss_dequeue_io(bed->qts, QCSS_CR6_ALL, &code));
    }
}

/* The proof that all is well: a program runs from its start to its end. */
static void assert_usable(Bed *bed)
{
    g_assert_cmpint(ssch(bed), ==, 0);
    vfio_ccw_host_wait_start(bed->host, NULL);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_normal_end(bed);
}

/*
 * A first program comes to its end, and with it the reset that QEMU did when
 * the machine started: what the host signals from now on is not forgotten.
 */
static Bed *bed_enabled_with(const VfioCcwHostConfig *config)
{
    Bed *bed = bed_plugged(config);

    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    assert_usable(bed);
    return bed;
}

/* What most tests want: a scripted device, its subchannel enabled */
static Bed *bed_enabled(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    return bed_enabled_with(&config);
}

/* A start that the host has accepted */
static void start_active(Bed *bed)
{
    g_assert_cmpint(ssch(bed), ==, 0);
    vfio_ccw_host_wait_start(bed->host, NULL);
}

/* A start whose hand-over the host does not answer, nor act on, yet */
static void start_sent(Bed *bed)
{
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_START);
    g_assert_cmpint(ssch(bed), ==, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_START);
}

/*
 * A start that is not handed over before the host has shown an IRB, which it
 * does when IO_READ is unheld. Nothing is in that IRB.
 */
static void start_queued(Bed *bed)
{
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_signal(bed->host, VFIO_CCW_IO_IRQ_INDEX);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_READ);
    g_assert_cmpint(ssch(bed), ==, 0);
}

/* The host has refused a request or may have: let QEMU ask again. */
static void wait_retried(Bed *bed, VfioCcwHostCounter counter, unsigned count)
{
    int polls = 0;

    while (vfio_ccw_host_count(bed->host, counter) < count) {
        g_assert_cmpint(++polls, <, MAX_POLLS);
        qtest_clock_step(bed->qts, RETRY_STEP_NS);
    }
}

static void expect_subchannel_report(Bed *bed)
{
    CRW crw;

    qcss_wait_crw_mchk(bed->qts);
    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 0);
    g_assert_cmphex(crw.flags & CRW_FLAGS_MASK_RSC, ==, CRW_RSC_SUBCH << 8);
    g_assert_cmphex(crw.rsid, ==, SCHID & 0xffff);
    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 1);
}

/* Rule 5: what the guest sees of a device that is gone, exactly once */
static void expect_gone(Bed *bed)
{
    IRB irb;

    expect_subchannel_report(bed);
    g_assert_cmphex(qcss_find(bed->qts, DEVNO), ==, 0);
    g_assert_cmpint(ssch(bed), ==, 3);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 3);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 3);
    g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, 3);
    g_assert_cmpint(qcss_rsch(bed->qts, SCHID), ==, 3);
    g_assert_cmpint(qcss_tsch(bed->qts, SCHID, &irb), ==, 3);
    expect_nothing(bed);
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
}

/* Realize, unrealize, and how they fail */

static void test_plug_and_unplug(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_unplugged(&config);

    for (unsigned round = 1; round <= 2; round++) {
        plug(bed);
        expect_subchannel_report(bed);
        g_assert_cmphex(qcss_find(bed->qts, DEVNO), ==, SCHID);
        qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
        assert_usable(bed);

        qtest_qmp_device_del(bed->qts, "ccw0");
        expect_subchannel_report(bed);
        assert_unplugged(bed);
        vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_CLOSES, round);
    }
    bed_end(bed);
}

static void test_cold_plug_is_not_reported(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_plugged(&config);

    g_assert_cmphex(qcss_find(bed->qts, DEVNO), ==, SCHID);
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
    bed_end(bed);
}

static void test_unplug_while_active(void)
{
    Bed *bed = bed_enabled();

    start_active(bed);
    qtest_qmp_device_del(bed->qts, "ccw0");
    expect_subchannel_report(bed);
    assert_unplugged(bed);
    expect_nothing(bed);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_CLOSES, 1);
    bed_end(bed);
}

static void test_host_must_be_said(void)
{
    Bed *bed = bed_new();

    bed->qts = qcss_init(MACHINE_ARGS);
    assert_plug_fails(bed, qdict_new(), "no host device");
    bed_end(bed);
}

static void test_host_must_be_said_once(void)
{
    Bed *bed = bed_new();
    QDict *arguments;

    bed->qts = qcss_init(MACHINE_ARGS);

    arguments = unix_socket(bed->socket);
    qdict_put_str(arguments, "sysfsdev", bed->dir);
    assert_plug_fails(bed, arguments, "more than one");

    arguments = unix_socket(bed->socket);
    qdict_put_str(arguments, "fd", "3");
    assert_plug_fails(bed, arguments, "more than one");

    arguments = qdict_new();
    qdict_put_str(arguments, "sysfsdev", bed->dir);
    qdict_put_str(arguments, "fd", "3");
    assert_plug_fails(bed, arguments, "more than one");
    bed_end(bed);
}

static void test_sysfsdev_must_exist(void)
{
    Bed *bed = bed_new();
    g_autofree char *missing = g_build_filename(bed->dir, "missing", NULL);
    QDict *arguments = qdict_new();

    bed->qts = qcss_init(MACHINE_ARGS);
    qdict_put_str(arguments, "sysfsdev", missing);
    assert_plug_fails(bed, arguments, missing);
    bed_end(bed);
}

static void test_fd_must_be_known(void)
{
    Bed *bed = bed_new();
    QDict *arguments = qdict_new();

    bed->qts = qcss_init(MACHINE_ARGS);
    qdict_put_str(arguments, "fd", "nobody-passed-this");
    assert_plug_fails(bed, arguments, "nobody-passed-this");
    bed_end(bed);
}

static void test_socket_must_be_listening(void)
{
    Bed *bed = bed_new();

    bed->qts = qcss_init(MACHINE_ARGS);
    assert_plug_fails(bed, unix_socket(bed->socket), bed->socket);
    bed_end(bed);
}

static void test_socket_must_be_unix(void)
{
    Bed *bed = bed_new();
    QDict *address = qdict_new();
    QDict *arguments = qdict_new();

    bed->qts = qcss_init(MACHINE_ARGS);
    qdict_put_str(address, "type", "inet");
    qdict_put_str(address, "host", "localhost");
    qdict_put_str(address, "port", "1");
    qdict_put(arguments, "socket", address);
    assert_plug_fails(bed, arguments, "socket");
    bed_end(bed);
}

/* Rule 7: kernels that lack regions or interrupts */

static void assert_host_refused(const VfioCcwHostConfig *config,
                                const char *why)
{
    Bed *bed = bed_unplugged(config);

    assert_plug_fails(bed, unix_socket(bed->socket), why);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_CLOSES, 1);
    bed_end(bed);
}

static void assert_host_usable(const VfioCcwHostConfig *config)
{
    bed_end(bed_enabled_with(config));
}

static void test_io_region_only(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.regions = REGION(IO);
    config.irqs = IRQ(IO);
    assert_host_usable(&config);
}

static void test_no_schib_region(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.regions &= ~REGION(SCHIB);
    assert_host_usable(&config);
}

static void test_no_crw_region(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.regions &= ~REGION(CRW);
    assert_host_usable(&config);
}

static void test_no_crw_region_nor_irq(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.regions &= ~REGION(CRW);
    config.irqs = IRQ(IO);
    assert_host_usable(&config);
}

static void test_no_req_irq(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.irqs &= ~IRQ(REQ);
    assert_host_usable(&config);
}

/* Without the region, halt and clear are emulated: they end all the same. */
static void test_no_async_region(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed;

    config.regions &= ~REGION(ASYNC);
    bed = bed_enabled_with(&config);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    expect_end_of(bed, SCSW_FCTL_HALT_FUNC);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    expect_end_of(bed, SCSW_FCTL_CLEAR_FUNC);

    start_active(bed);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    expect_end_of(bed, SCSW_FCTL_HALT_FUNC);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

static void test_no_io_region_is_fatal(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.regions &= ~REGION(IO);
    assert_host_refused(&config, "region");
}

static void test_no_io_irq_is_fatal(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.irqs &= ~IRQ(IO);
    assert_host_refused(&config, "interrupt");
}

static void test_crw_region_without_irq_is_fatal(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.irqs &= ~IRQ(CRW);
    assert_host_refused(&config, "interrupt");
}

static void test_not_a_ccw_device_is_fatal(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.device_flags &= ~VFIO_DEVICE_FLAGS_CCW;
    assert_host_refused(&config, "not a vfio-ccw device");
}

static void test_region_sizes_are_checked(void)
{
    for (int region = 0; region < VFIO_CCW_HOST_NR_REGIONS; region++) {
        VfioCcwHostConfig config = vfio_ccw_host_default_config();

        config.region_size[region] -= 4;
        assert_host_refused(&config, "region");
        config.region_size[region] += 8;
        assert_host_refused(&config, "region");
    }
}

/* The normal course of a start */

static void test_sense_id(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    g_autofree char *zeroes = g_malloc0(FBA_IMAGE_SIZE);
    g_autofree char *image = NULL;
    g_autoptr(GError) err = NULL;
    Bed *bed = bed_new();
    g_autofree char *args = bed_device_args(bed);
    CCW1 sense_id = {
        .cmd_code = CCW_CMD_SENSE_ID,
        .flags = CCW_FLAG_SLI,
        .count = SENSE_ID_LEN,
        .cda = DATA,
    };
    ORB orb = qcss_orb(INTPARM_SSCH, PROGRAM);
    IOIntCode code;
    IRB irb;

    image = g_build_filename(bed->dir, "image", NULL);
    g_file_set_contents(image, zeroes, FBA_IMAGE_SIZE, &err);
    g_assert_no_error(err);
    config.device = VFIO_CCW_HOST_DASD_FBA;
    config.image = image;
    bed_start_host(bed, &config);
    bed->qts = qcss_init(args);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);

    qcss_write_ccws(bed->qts, PROGRAM, &sense_id, 1);
    g_assert_cmpint(qcss_tsch(bed->qts, SCHID, &irb), ==, 1);
    g_assert_cmpint(qcss_ssch(bed->qts, SCHID, &orb), ==, 0);
    qcss_wait_io(bed->qts, QCSS_CR6_ISC3, &code);
    g_assert_cmphex(code.subsys_id, ==, SCHID);
    g_assert_cmphex(code.intparm, ==, INTPARM_SSCH);
    g_assert_cmpint(IO_INT_WORD_ISC(code.interrupt_id), ==, QCSS_ISC);

    g_assert_cmpint(qcss_tsch(bed->qts, SCHID, &irb), ==, 0);
    g_assert_cmphex(irb.scsw.ctrl, ==, SCSW_FCTL_START_FUNC | FINAL_STCTL);
    g_assert_cmphex(irb.scsw.dstat, ==, NORMAL_END);
    g_assert_cmphex(irb.scsw.cstat, ==, 0);
    g_assert_cmphex(irb.scsw.cpa, ==, PROGRAM + sizeof(CCW1));
    g_assert_cmpint(irb.scsw.count, ==, 0);
    g_assert_cmpint(qcss_tsch(bed->qts, SCHID, &irb), ==, 1);
    g_assert_cmphex(scsw_ctrl(bed), ==, 0);

    g_assert_cmphex(qtest_readb(bed->qts, DATA), ==, 0xff);
    g_assert_cmphex(qtest_readw(bed->qts, DATA + 4), ==, FBA_DEV_TYPE);
    g_assert_cmphex(qtest_readb(bed->qts, DATA + SENSE_ID_LEN), ==, 0);

    unlink(image);
    bed_end(bed);
}

static void test_host_gets_the_orb(void)
{
    Bed *bed = bed_enabled();
    ORB orb;

    g_assert_cmpint(ssch(bed), ==, 0);
    vfio_ccw_host_wait_start(bed->host, &orb);
    g_assert_cmphex(orb.cpa, ==, PROGRAM);
    g_assert_cmphex(orb.lpm, ==, 0xff);
    g_assert_cmphex(orb.ctrl0 & ORB_CTRL0_MASK_FMT, !=, 0);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_normal_end(bed);
    bed_end(bed);
}

/* Rules 1 and 2 */
static void test_ssch_does_not_wait_for_the_host(void)
{
    Bed *bed = bed_enabled();
    SCHIB schib;
    IRB irb;

    start_sent(bed);
    g_assert_cmphex(scsw_ctrl(bed), ==,
                    SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");

    g_assert_cmpint(ssch(bed), ==, 2);
    g_assert_cmpint(qcss_rsch(bed->qts, SCHID), ==, 2);
    g_assert_cmpint(qcss_tsch(bed->qts, SCHID, &irb), ==, 1);
    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    g_assert_cmpint(qcss_msch(bed->qts, SCHID, &schib), ==, 2);
    g_assert_cmphex(scsw_ctrl(bed), ==,
                    SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND);
    expect_nothing(bed);

    vfio_ccw_host_release(bed->host, VFIO_CCW_HOST_START, 0);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START);
    vfio_ccw_host_wait_start(bed->host, NULL);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_normal_end(bed);
    assert_usable(bed);
    bed_end(bed);
}

static void test_second_ssch_while_active_is_cc2(void)
{
    Bed *bed = bed_enabled();
    unsigned starts;

    start_active(bed);
    starts = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS);
    g_assert_cmpint(ssch(bed), ==, 2);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_normal_end(bed);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS), ==,
                    starts);
    bed_end(bed);
}

/* The host may interrupt before it has answered the hand-over. */
static void test_interrupt_before_the_answer(void)
{
    Bed *bed = bed_enabled();
    unsigned signals = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_SIGNALS);

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_START_REPLY);
    start_active(bed);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_START_REPLY);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_SIGNALS, signals + 1);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START_REPLY);
    expect_normal_end(bed);
    assert_usable(bed);
    bed_end(bed);
}

/* Rule 1: reading the IRB does not hold anyone up either. */
static void test_irb_is_read_off_the_main_loop(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_READ);
    start_active(bed);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_READ);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");
    g_assert_cmpint(ssch(bed), ==, 2);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    expect_normal_end(bed);
    bed_end(bed);
}

/* Rule 3: what the host says after condition code 0 */

typedef struct StartError {
    const char *test;
    int err;
    uint8_t deferred_cc;
    bool not_operational;
    uint8_t cstat;
} StartError;

static const StartError start_errors[] = {
    { "/vfio-ccw/start-error/eacces", -EACCES, 3, true },
    { "/vfio-ccw/start-error/enodev", -ENODEV, 3, true },
    { "/vfio-ccw/start-error/eio", -EIO,
      .cstat = SCSW_CSTAT_CHN_CTRL_CHK },
    { "/vfio-ccw/start-error/einval", -EINVAL,
      .cstat = SCSW_CSTAT_PROG_CHECK },
    { "/vfio-ccw/start-error/eopnotsupp", -EOPNOTSUPP,
      .cstat = SCSW_CSTAT_PROG_CHECK },
    { "/vfio-ccw/start-error/efault", -EFAULT,
      .cstat = SCSW_CSTAT_PROT_CHECK },
    { "/vfio-ccw/start-error/eperm", -EPERM,
      .cstat = SCSW_CSTAT_PROT_CHECK },
    { "/vfio-ccw/start-error/enomem", -ENOMEM,
      .cstat = SCSW_CSTAT_CHN_CTRL_CHK },
    { "/vfio-ccw/start-error/enotty", -ENOTTY,
      .cstat = SCSW_CSTAT_CHN_CTRL_CHK },
};

static uint8_t deferred_cc(const IRB *irb)
{
    return (irb->scsw.flags & SCSW_FLAGS_MASK_CC) >> 8;
}

static void expect_deferred_cc(Bed *bed, uint8_t cc, bool not_operational)
{
    IRB irb = expect_irb(bed, SCSW_FCTL_START_FUNC | ALERT_STCTL, 0, 0);

    g_assert_cmpint(deferred_cc(&irb), ==, cc);
    g_assert_cmphex(irb.scsw.ctrl & SCSW_ACTL_START_PEND, !=, 0);
    g_assert_cmpint(!!(irb.scsw.flags & SCSW_FLAGS_MASK_PNO), ==,
                    not_operational);
}

static void expect_check(Bed *bed, uint8_t cstat)
{
    IRB irb;

    qcss_wait_irb(bed->qts, SCHID, &irb);
    g_assert_cmphex(irb.scsw.cstat, ==, cstat);
    g_assert_cmphex(irb.scsw.ctrl & SCSW_CTRL_MASK_FCTL, ==,
                    SCSW_FCTL_START_FUNC);
    g_assert_cmphex(irb.scsw.ctrl & ALERT_STCTL, ==, ALERT_STCTL);
    g_assert_cmpint(deferred_cc(&irb), ==, 0);
}

static void test_start_error(const void *data)
{
    const StartError *error = data;
    Bed *bed = bed_enabled();

    vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_START, error->err, 1);
    g_assert_cmpint(ssch(bed), ==, 0);
    if (error->deferred_cc) {
        expect_deferred_cc(bed, error->deferred_cc, error->not_operational);
    } else {
        expect_check(bed, error->cstat);
    }
    g_assert_cmphex(scsw_ctrl(bed), ==, 0);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

static void test_busy_host_is_asked_again(const void *data)
{
    Bed *bed = bed_enabled();
    unsigned starts = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS);

    vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_START, GPOINTER_TO_INT(data),
                         3);
    g_assert_cmpint(ssch(bed), ==, 0);
    wait_retried(bed, VFIO_CCW_HOST_STARTS, starts + 1);
    vfio_ccw_host_wait_start(bed->host, NULL);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_normal_end(bed);
    bed_end(bed);
}

static void test_busy_host_is_not_asked_for_ever(const void *data)
{
    Bed *bed = bed_enabled();
    int err = GPOINTER_TO_INT(data);
    int polls = 0;

    vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_START, err, UINT_MAX);
    g_assert_cmpint(ssch(bed), ==, 0);
    while (!(scsw_ctrl(bed) & SCSW_STCTL_STATUS_PEND)) {
        g_assert_cmpint(++polls, <, MAX_POLLS);
        qtest_clock_step(bed->qts, RETRY_STEP_NS);
    }
    expect_deferred_cc(bed, 1, false);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_IO_WRITES),
                    <, MAX_RETRIES);
    vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_START, err, 0);
    assert_usable(bed);
    bed_end(bed);
}

/* -ENODEV and -EIO are the end only if the SCHIB cannot be had either. */
static void test_start_error_with_unreadable_schib_is_gone(const void *data)
{
    Bed *bed = bed_enabled();

    start_sent(bed);
    vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_SCHIB_READ, -ENODEV,
                         UINT_MAX);
    vfio_ccw_host_release(bed->host, VFIO_CCW_HOST_START,
                          GPOINTER_TO_INT(data));
    expect_gone(bed);
    bed_end(bed);
}

/* Rule 4: halt, clear and cancel */

static void test_halt_when_idle(void)
{
    Bed *bed = bed_enabled();

    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_halt(bed->host);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 2);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_HALT_FUNC);
    assert_usable(bed);
    bed_end(bed);
}

static void test_clear_when_idle(void)
{
    Bed *bed = bed_enabled();

    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_clear(bed->host);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 2);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_CLEAR_FUNC);
    assert_usable(bed);
    bed_end(bed);
}

static void test_halt_ends_an_active_start(void)
{
    Bed *bed = bed_enabled();

    start_active(bed);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_halt(bed->host);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_HALT_FUNC);
    assert_usable(bed);
    bed_end(bed);
}

static void test_clear_ends_an_active_start(void)
{
    Bed *bed = bed_enabled();

    start_active(bed);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_clear(bed->host);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_CLEAR_FUNC);
    assert_usable(bed);
    bed_end(bed);
}

static void test_halt_and_clear_do_not_wait_for_the_host(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_HALT);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_HALT);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");
    g_assert_cmphex(scsw_ctrl(bed), ==,
                    SCSW_FCTL_HALT_FUNC | SCSW_ACTL_HALT_PEND);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_HALT);
    vfio_ccw_host_wait_halt(bed->host);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_HALT_FUNC);

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_CLEAR);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_CLEAR);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");
    g_assert_cmphex(scsw_ctrl(bed), ==,
                    SCSW_FCTL_CLEAR_FUNC | SCSW_ACTL_CLEAR_PEND);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_CLEAR);
    vfio_ccw_host_wait_clear(bed->host);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_CLEAR_FUNC);
    bed_end(bed);
}

/* The host's answer to the start is missing, but it can take a halt. */
/*
 * QEMU cannot know that the halt was not there before the start. When the
 * start's answer says that it was accepted, the halt is sent once more.
 */
static void test_halt_overtakes_an_unanswered_start(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_START_REPLY);
    start_active(bed);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_START_REPLY);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_halt(bed->host);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START_REPLY);
    vfio_ccw_host_wait_halt(bed->host);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_HALT_FUNC);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

static void test_clear_overtakes_an_unanswered_start(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_START_REPLY);
    start_active(bed);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_START_REPLY);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_clear(bed->host);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START_REPLY);
    vfio_ccw_host_wait_clear(bed->host);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_CLEAR_FUNC);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

/*
 * The host is still busy with the start and refuses the halt with -EAGAIN:
 * it is sent again as soon as the start has been answered.
 */
static void test_halt_follows_a_stuck_start(void)
{
    Bed *bed = bed_enabled();

    start_sent(bed);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_ASYNC_WRITES, 1);
    expect_nothing(bed);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START);
    vfio_ccw_host_wait_start(bed->host, NULL);
    wait_retried(bed, VFIO_CCW_HOST_HALTS, 1);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_HALT_FUNC);
    assert_usable(bed);
    bed_end(bed);
}

static void test_clear_follows_a_stuck_start(void)
{
    Bed *bed = bed_enabled();

    start_sent(bed);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_ASYNC_WRITES, 1);
    expect_nothing(bed);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START);
    vfio_ccw_host_wait_start(bed->host, NULL);
    wait_retried(bed, VFIO_CCW_HOST_CLEARS, 1);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_CLEAR_FUNC);
    assert_usable(bed);
    bed_end(bed);
}

/* The start fails after a clear has replaced it: nothing of that is seen. */
static void test_clear_hides_the_error_of_a_start(void)
{
    Bed *bed = bed_enabled();

    start_sent(bed);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_release(bed->host, VFIO_CCW_HOST_START, -EINVAL);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START);
    wait_retried(bed, VFIO_CCW_HOST_CLEARS, 1);
    expect_nothing(bed);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_CLEAR_FUNC);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

static void test_clear_overtakes_a_halt(void)
{
    Bed *bed = bed_enabled();

    start_active(bed);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_HALT_REPLY);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_HALT_REPLY);
    vfio_ccw_host_wait_halt(bed->host);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_clear(bed->host);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_HALT_REPLY);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_CLEAR_FUNC);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

static void test_cancel_nothing_is_cc2(void)
{
    Bed *bed = bed_enabled();

    g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, 2);
    bed_end(bed);
}

/* Data may move: saying that it was cancelled would be a lie. */
static void test_cancel_what_the_host_has_is_cc2(void)
{
    Bed *bed = bed_enabled();

    start_sent(bed);
    g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, 2);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START);
    vfio_ccw_host_wait_start(bed->host, NULL);
    g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, 2);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_normal_end(bed);
    bed_end(bed);
}

static void test_cancel_a_queued_start(void)
{
    Bed *bed = bed_enabled();
    unsigned starts = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS);

    start_queued(bed);
    g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, 0);
    g_assert_cmphex(scsw_ctrl(bed), ==, 0);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    expect_nothing(bed);
    assert_usable(bed);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS), ==,
                    starts + 1);
    bed_end(bed);
}

static void test_halt_drops_a_queued_start(void)
{
    Bed *bed = bed_enabled();
    unsigned starts = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS);

    start_queued(bed);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_halt(bed->host);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_HALT_FUNC);
    assert_usable(bed);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS), ==,
                    starts + 1);
    bed_end(bed);
}

static void test_clear_drops_a_queued_start(void)
{
    Bed *bed = bed_enabled();
    unsigned starts = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS);

    start_queued(bed);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_clear(bed->host);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_CLEAR_FUNC);
    assert_usable(bed);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS), ==,
                    starts + 1);
    bed_end(bed);
}

static void test_queued_start_is_sent_in_its_turn(void)
{
    Bed *bed = bed_enabled();

    start_queued(bed);
    g_assert_cmphex(scsw_ctrl(bed), ==,
                    SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_wait_start(bed->host, NULL);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_normal_end(bed);
    bed_end(bed);
}

/* Rule 4: the host interface knows no resume. */
static void test_suspend_control_is_a_program_check(void)
{
    Bed *bed = bed_enabled();
    ORB orb = noop_orb(bed);

    orb.ctrl0 |= ORB_CTRL0_MASK_SPND;
    g_assert_cmpint(qcss_ssch(bed->qts, SCHID, &orb), ==, 0);
    expect_check(bed, SCSW_CSTAT_PROG_CHECK);
    assert_usable(bed);
    bed_end(bed);
}

/* Rule 6: interrupts */

static void test_intermediate_status_keeps_the_start(void)
{
    Bed *bed = bed_enabled();

    start_active(bed);
    vfio_ccw_host_present_status(bed->host, 0, SCSW_CSTAT_PCI, 0);
    expect_irb(bed, SCSW_FCTL_START_FUNC | SCSW_STCTL_INTERMEDIATE |
               SCSW_STCTL_STATUS_PEND, 0, SCSW_CSTAT_PCI);
    g_assert_cmphex(scsw_ctrl(bed) & SCSW_FCTL_START_FUNC, !=, 0);
    g_assert_cmpint(ssch(bed), ==, 2);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_normal_end(bed);
    assert_usable(bed);
    bed_end(bed);
}

static void test_attention_is_delivered(void)
{
    Bed *bed = bed_enabled();
    IOIntCode code;
    IRB irb;

    /* SSCH has replaced the interruption parameter. */
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_ATTENTION, 0, 0);
    qcss_wait_io(bed->qts, QCSS_CR6_ISC3, &code);
    g_assert_cmphex(code.intparm, ==, INTPARM_MSCH);
    g_assert_cmpint(qcss_tsch(bed->qts, SCHID, &irb), ==, 0);
    g_assert_cmphex(irb.scsw.ctrl, ==, ALERT_STCTL);
    g_assert_cmphex(irb.scsw.dstat, ==, SCSW_DSTAT_ATTENTION);
    assert_usable(bed);
    bed_end(bed);
}

static void test_attention_is_not_delivered_when_disabled(void)
{
    Bed *bed = bed_enabled();
    unsigned signals = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_SIGNALS);

    qcss_disable(bed->qts, SCHID);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_ATTENTION, 0, 0);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_SIGNALS, signals + 1);
    expect_nothing(bed);
    g_assert_cmphex(scsw_ctrl(bed), ==, 0);
    bed_end(bed);
}

static void test_pending_status_is_not_overwritten(void)
{
    Bed *bed = bed_enabled();
    unsigned signals = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_SIGNALS);
    IOIntCode code;
    IRB irb;

    start_active(bed);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    qcss_wait_io(bed->qts, QCSS_CR6_ALL, &code);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_ATTENTION, 0, 0);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_SIGNALS, signals + 2);
    expect_nothing(bed);
    g_assert_cmpint(qcss_tsch(bed->qts, SCHID, &irb), ==, 0);
    g_assert_cmphex(irb.scsw.ctrl, ==, SCSW_FCTL_START_FUNC | FINAL_STCTL);
    g_assert_cmphex(irb.scsw.dstat, ==, NORMAL_END);
    expect_irb(bed, ALERT_STCTL, SCSW_DSTAT_ATTENTION, 0);
    bed_end(bed);
}

static void test_signal_without_interrupt_is_nothing(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_signal(bed->host, VFIO_CCW_IO_IRQ_INDEX);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

/* What the host still shows is how an earlier program ended. */
static void test_old_irb_does_not_end_a_new_start(void)
{
    Bed *bed = bed_enabled();

    start_active(bed);
    vfio_ccw_host_signal(bed->host, VFIO_CCW_IO_IRQ_INDEX);
    expect_nothing(bed);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_normal_end(bed);
    bed_end(bed);
}

/* The program had ended when the clear came: the guest hears of one end. */
static void test_stale_end_is_not_the_end_of_a_clear(void)
{
    Bed *bed = bed_enabled();

    start_active(bed);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_READ);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_wait_clear(bed->host);
    expect_nothing(bed);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_CLEAR_FUNC);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

/* Rule 8: the path fields are the host's. */

static void test_schib_has_the_paths_of_the_host(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed;
    SCHIB schib;

    config.pmcw.pim = config.pmcw.pam = 0xc0;
    config.pmcw.chpid[1] = CHPID + 1;
    bed = bed_plugged(&config);
    for (int round = 0; round < 2; round++) {
        g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
        g_assert_cmphex(schib.pmcw.pim, ==, 0xc0);
        g_assert_cmphex(schib.pmcw.pam, ==, 0xc0);
        g_assert_cmphex(schib.pmcw.chpid[0], ==, CHPID);
        g_assert_cmphex(schib.pmcw.chpid[1], ==, CHPID + 1);
        qtest_system_reset(bed->qts);
    }
    bed_end(bed);
}

static void test_stsch_does_not_wait_for_the_host(void)
{
    Bed *bed = bed_enabled();
    SCHIB schib;

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    assert_usable(bed);
    bed_end(bed);
}

/* Rule 9: channel reports */

static void test_channel_report_is_relayed(void)
{
    Bed *bed = bed_enabled();
    CRW path_gone = {
        .flags = CRW_RSC_CHP << 8 | CRW_ERC_PERRN,
        .rsid = CHPID,
    };
    CRW crw;

    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
    vfio_ccw_host_queue_crw(bed->host, path_gone);
    qcss_wait_crw_mchk(bed->qts);
    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 0);
    g_assert_cmphex(crw.flags, ==, path_gone.flags);
    g_assert_cmphex(crw.rsid, ==, path_gone.rsid);
    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 1);
    assert_usable(bed);
    bed_end(bed);
}

static void test_channel_reports_keep_their_order(void)
{
    Bed *bed = bed_enabled();
    static const uint16_t ercs[] = { CRW_ERC_PERRN, CRW_ERC_INIT };
    CRW crw;

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_CRW_READ);
    for (size_t i = 0; i < ARRAY_SIZE(ercs); i++) {
        vfio_ccw_host_queue_crw(bed->host, (CRW) {
            .flags = CRW_RSC_CHP << 8 | ercs[i],
            .rsid = CHPID,
        });
    }
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_CRW_READ);

    for (size_t i = 0; i < ARRAY_SIZE(ercs); i++) {
        while (qcss_stcrw(bed->qts, &crw) == 1) {
            qcss_wait_crw_mchk(bed->qts);
        }
        g_assert_cmphex(crw.flags & CRW_FLAGS_MASK_ERC, ==, ercs[i]);
    }
    bed_end(bed);
}

/* Rule 5: the device is lost */

static void test_lost_host_is_gone(void)
{
    Bed *bed = bed_enabled();

    bed_stop_host(bed);
    expect_gone(bed);
    qtest_qmp_device_del(bed->qts, "ccw0");
    assert_unplugged(bed);
    bed_end(bed);
}

static void test_lost_host_ends_an_active_start(void)
{
    Bed *bed = bed_enabled();

    start_active(bed);
    bed_stop_host(bed);
    expect_gone(bed);
    bed_end(bed);
}

static void test_lost_host_ends_an_unanswered_start(void)
{
    Bed *bed = bed_enabled();

    start_sent(bed);
    bed_stop_host(bed);
    expect_gone(bed);
    bed_end(bed);
}

static void test_lost_host_withdraws_a_pending_interruption(void)
{
    Bed *bed = bed_enabled();
    int polls = 0;

    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_ATTENTION, 0, 0);
    while (!(scsw_ctrl(bed) & SCSW_STCTL_STATUS_PEND)) {
        g_assert_cmpint(++polls, <, MAX_POLLS);
    }
    bed_stop_host(bed);
    expect_gone(bed);
    bed_end(bed);
}

static void test_request_unplugs(void)
{
    Bed *bed = bed_enabled();

    start_active(bed);
    vfio_ccw_host_signal(bed->host, VFIO_CCW_REQ_IRQ_INDEX);
    qtest_qmp_eventwait(bed->qts, "DEVICE_DELETED");
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_CLOSES, 1);
    assert_unplugged(bed);
    bed_end(bed);
}

/* Rule 10: reset */

static void assert_reset_subchannel(Bed *bed)
{
    IOIntCode code;
    SCHIB schib;
    IRB irb;

    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    g_assert_cmphex(schib.pmcw.flags, ==, PMCW_FLAGS_MASK_DNV);
    g_assert_cmphex(schib.pmcw.intparm, ==, 0);
    g_assert_cmphex(schib.scsw.ctrl, ==, 0);
    g_assert_cmpint(qcss_tsch(bed->qts, SCHID, &irb), ==, 3);
    g_assert_false(qcss_dequeue_io(bed->qts, QCSS_CR6_ALL, &code));
}

static void test_reset_when_idle(void)
{
    Bed *bed = bed_enabled();

    qtest_system_reset(bed->qts);
    assert_reset_subchannel(bed);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    assert_usable(bed);
    bed_end(bed);
}

static void test_reset_ends_an_active_start(void)
{
    Bed *bed = bed_enabled();
    unsigned resets = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_RESETS);

    start_active(bed);
    qtest_system_reset(bed->qts);
    assert_reset_subchannel(bed);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    assert_usable(bed);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_RESETS), >,
                    resets);
    bed_end(bed);
}

static void test_reset_forgets_an_unanswered_start(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_START_REPLY);
    start_active(bed);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_START_REPLY);
    qtest_system_reset(bed->qts);
    assert_reset_subchannel(bed);

    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    vfio_ccw_host_release(bed->host, VFIO_CCW_HOST_START_REPLY, -EIO);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START_REPLY);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

/* The interrupt is of before the reset, whenever its IRB is read. */
static void test_reset_forgets_an_unread_irb(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_ATTENTION, 0, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_READ);
    qtest_system_reset(bed->qts);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

/*
 * Rule 1 with real CPUs: the CPU that issues SSCH to a stuck host, the other
 * CPU and QMP all go on.
 */
static void test_stuck_host_holds_no_cpu(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_new();
    g_autofree char *args = bed_device_args(bed);
    ORB orb;
    SCHIB schib;
    IRB irb;
    int polls = 0;

    bed_start_host(bed, &config);
    bed->qts = s390x_mailbox_init(args);
    g_assert_cmpint(s390x_mailbox_issue(bed->qts, 0, S390X_INSN_STSCH, SCHID,
                                        QCSS_OPERAND), ==, 0);
    qcss_read_schib(bed->qts, QCSS_OPERAND, &schib);
    qcss_set_enabled(&schib, INTPARM_MSCH);
    qcss_write_schib(bed->qts, QCSS_OPERAND, &schib);
    g_assert_cmpint(s390x_mailbox_issue(bed->qts, 0, S390X_INSN_MSCH, SCHID,
                                        QCSS_OPERAND), ==, 0);

    orb = noop_orb(bed);
    qcss_write_orb(bed->qts, QCSS_OPERAND, &orb);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_START);
    s390x_mailbox_post(bed->qts, 0, S390X_INSN_SSCH, SCHID, QCSS_OPERAND);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_START);

    /* The host has the request and will not answer before we let it. */
    s390x_mailbox_wait_running(bed->qts, 1);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");
    g_assert_cmpint(s390x_mailbox_wait(bed->qts, 0), ==, 0);
    s390x_mailbox_wait_running(bed->qts, 0);
    g_assert_cmpint(s390x_mailbox_issue(bed->qts, 1, S390X_INSN_TSCH, SCHID,
                                        QCSS_OPERAND), ==, 1);

    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START);
    vfio_ccw_host_wait_start(bed->host, NULL);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    while (s390x_mailbox_issue(bed->qts, 0, S390X_INSN_TSCH, SCHID,
                               QCSS_OPERAND) == 1) {
        g_assert_cmpint(++polls, <, MAX_POLLS);
    }
    qcss_read_irb(bed->qts, QCSS_OPERAND, &irb);
    g_assert_cmphex(irb.scsw.ctrl, ==, SCSW_FCTL_START_FUNC | FINAL_STCTL);
    g_assert_cmphex(irb.scsw.dstat, ==, NORMAL_END);
    bed_end(bed);
}

static void add_plug_tests(void)
{
    qtest_add_func("/vfio-ccw/plug/and-unplug", test_plug_and_unplug);
    qtest_add_func("/vfio-ccw/plug/cold-is-not-reported",
                   test_cold_plug_is_not_reported);
    qtest_add_func("/vfio-ccw/plug/unplug-while-active",
                   test_unplug_while_active);
    qtest_add_func("/vfio-ccw/plug/host-must-be-said",
                   test_host_must_be_said);
    qtest_add_func("/vfio-ccw/plug/host-must-be-said-once",
                   test_host_must_be_said_once);
    qtest_add_func("/vfio-ccw/plug/sysfsdev-must-exist",
                   test_sysfsdev_must_exist);
    qtest_add_func("/vfio-ccw/plug/fd-must-be-known", test_fd_must_be_known);
    qtest_add_func("/vfio-ccw/plug/socket-must-be-listening",
                   test_socket_must_be_listening);
    qtest_add_func("/vfio-ccw/plug/socket-must-be-unix",
                   test_socket_must_be_unix);
}

static void add_host_tests(void)
{
    qtest_add_func("/vfio-ccw/host/io-region-only", test_io_region_only);
    qtest_add_func("/vfio-ccw/host/no-async-region", test_no_async_region);
    qtest_add_func("/vfio-ccw/host/no-schib-region", test_no_schib_region);
    qtest_add_func("/vfio-ccw/host/no-crw-region", test_no_crw_region);
    qtest_add_func("/vfio-ccw/host/no-crw-region-nor-irq",
                   test_no_crw_region_nor_irq);
    qtest_add_func("/vfio-ccw/host/no-req-irq", test_no_req_irq);
    qtest_add_func("/vfio-ccw/host/no-io-region-is-fatal",
                   test_no_io_region_is_fatal);
    qtest_add_func("/vfio-ccw/host/no-io-irq-is-fatal",
                   test_no_io_irq_is_fatal);
    qtest_add_func("/vfio-ccw/host/crw-region-without-irq-is-fatal",
                   test_crw_region_without_irq_is_fatal);
    qtest_add_func("/vfio-ccw/host/not-a-ccw-device-is-fatal",
                   test_not_a_ccw_device_is_fatal);
    qtest_add_func("/vfio-ccw/host/region-sizes-are-checked",
                   test_region_sizes_are_checked);
}

static void add_start_tests(void)
{
    qtest_add_func("/vfio-ccw/start/sense-id", test_sense_id);
    qtest_add_func("/vfio-ccw/start/host-gets-the-orb",
                   test_host_gets_the_orb);
    qtest_add_func("/vfio-ccw/start/ssch-does-not-wait-for-the-host",
                   test_ssch_does_not_wait_for_the_host);
    qtest_add_func("/vfio-ccw/start/second-ssch-while-active-is-cc2",
                   test_second_ssch_while_active_is_cc2);
    qtest_add_func("/vfio-ccw/start/interrupt-before-the-answer",
                   test_interrupt_before_the_answer);
    qtest_add_func("/vfio-ccw/start/irb-is-read-off-the-main-loop",
                   test_irb_is_read_off_the_main_loop);
    if (qtest_has_accel("tcg")) {
        qtest_add_func("/vfio-ccw/start/stuck-host-holds-no-cpu",
                       test_stuck_host_holds_no_cpu);
    }
}

static void add_start_error_tests(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(start_errors); i++) {
        qtest_add_data_func(start_errors[i].test, &start_errors[i],
                            test_start_error);
    }
    qtest_add_data_func("/vfio-ccw/start-error/enodev-and-no-schib-is-gone",
                        GINT_TO_POINTER(-ENODEV),
                        test_start_error_with_unreadable_schib_is_gone);
    qtest_add_data_func("/vfio-ccw/start-error/eio-and-no-schib-is-gone",
                        GINT_TO_POINTER(-EIO),
                        test_start_error_with_unreadable_schib_is_gone);
    qtest_add_data_func("/vfio-ccw/start-error/eagain-is-retried",
                        GINT_TO_POINTER(-EAGAIN),
                        test_busy_host_is_asked_again);
    qtest_add_data_func("/vfio-ccw/start-error/ebusy-is-retried",
                        GINT_TO_POINTER(-EBUSY),
                        test_busy_host_is_asked_again);
    qtest_add_data_func("/vfio-ccw/start-error/eagain-for-ever-is-deferred-cc1",
                        GINT_TO_POINTER(-EAGAIN),
                        test_busy_host_is_not_asked_for_ever);
    qtest_add_data_func("/vfio-ccw/start-error/ebusy-for-ever-is-deferred-cc1",
                        GINT_TO_POINTER(-EBUSY),
                        test_busy_host_is_not_asked_for_ever);
}

static void add_overtaking_tests(void)
{
    qtest_add_func("/vfio-ccw/halt/when-idle", test_halt_when_idle);
    qtest_add_func("/vfio-ccw/halt/ends-an-active-start",
                   test_halt_ends_an_active_start);
    qtest_add_func("/vfio-ccw/halt/overtakes-an-unanswered-start",
                   test_halt_overtakes_an_unanswered_start);
    qtest_add_func("/vfio-ccw/halt/follows-a-stuck-start",
                   test_halt_follows_a_stuck_start);
    qtest_add_func("/vfio-ccw/halt/drops-a-queued-start",
                   test_halt_drops_a_queued_start);
    qtest_add_func("/vfio-ccw/halt/and-clear-do-not-wait-for-the-host",
                   test_halt_and_clear_do_not_wait_for_the_host);
    qtest_add_func("/vfio-ccw/clear/when-idle", test_clear_when_idle);
    qtest_add_func("/vfio-ccw/clear/ends-an-active-start",
                   test_clear_ends_an_active_start);
    qtest_add_func("/vfio-ccw/clear/overtakes-an-unanswered-start",
                   test_clear_overtakes_an_unanswered_start);
    qtest_add_func("/vfio-ccw/clear/follows-a-stuck-start",
                   test_clear_follows_a_stuck_start);
    qtest_add_func("/vfio-ccw/clear/drops-a-queued-start",
                   test_clear_drops_a_queued_start);
    qtest_add_func("/vfio-ccw/clear/hides-the-error-of-a-start",
                   test_clear_hides_the_error_of_a_start);
    qtest_add_func("/vfio-ccw/clear/overtakes-a-halt",
                   test_clear_overtakes_a_halt);
    qtest_add_func("/vfio-ccw/cancel/nothing-is-cc2",
                   test_cancel_nothing_is_cc2);
    qtest_add_func("/vfio-ccw/cancel/what-the-host-has-is-cc2",
                   test_cancel_what_the_host_has_is_cc2);
    qtest_add_func("/vfio-ccw/cancel/a-queued-start",
                   test_cancel_a_queued_start);
    qtest_add_func("/vfio-ccw/cancel/not-a-queued-start-is-sent-in-its-turn",
                   test_queued_start_is_sent_in_its_turn);
    qtest_add_func("/vfio-ccw/resume/suspend-control-is-a-program-check",
                   test_suspend_control_is_a_program_check);
}

static void add_event_tests(void)
{
    qtest_add_func("/vfio-ccw/interrupt/intermediate-status-keeps-the-start",
                   test_intermediate_status_keeps_the_start);
    qtest_add_func("/vfio-ccw/interrupt/attention-is-delivered",
                   test_attention_is_delivered);
    qtest_add_func("/vfio-ccw/interrupt/"
                   "attention-is-not-delivered-when-disabled",
                   test_attention_is_not_delivered_when_disabled);
    qtest_add_func("/vfio-ccw/interrupt/pending-status-is-not-overwritten",
                   test_pending_status_is_not_overwritten);
    qtest_add_func("/vfio-ccw/interrupt/signal-alone-is-nothing",
                   test_signal_without_interrupt_is_nothing);
    qtest_add_func("/vfio-ccw/interrupt/old-irb-does-not-end-a-new-start",
                   test_old_irb_does_not_end_a_new_start);
    qtest_add_func("/vfio-ccw/interrupt/stale-end-is-not-the-end-of-a-clear",
                   test_stale_end_is_not_the_end_of_a_clear);
    qtest_add_func("/vfio-ccw/schib/has-the-paths-of-the-host",
                   test_schib_has_the_paths_of_the_host);
    qtest_add_func("/vfio-ccw/schib/stsch-does-not-wait-for-the-host",
                   test_stsch_does_not_wait_for_the_host);
    qtest_add_func("/vfio-ccw/channel-report/is-relayed",
                   test_channel_report_is_relayed);
    qtest_add_func("/vfio-ccw/channel-report/order-is-kept",
                   test_channel_reports_keep_their_order);
}

static void add_loss_and_reset_tests(void)
{
    qtest_add_func("/vfio-ccw/lost-host/is-gone", test_lost_host_is_gone);
    qtest_add_func("/vfio-ccw/lost-host/ends-an-active-start",
                   test_lost_host_ends_an_active_start);
    qtest_add_func("/vfio-ccw/lost-host/ends-an-unanswered-start",
                   test_lost_host_ends_an_unanswered_start);
    qtest_add_func("/vfio-ccw/lost-host/withdraws-a-pending-interruption",
                   test_lost_host_withdraws_a_pending_interruption);
    qtest_add_func("/vfio-ccw/request/unplugs", test_request_unplugs);
    qtest_add_func("/vfio-ccw/reset/when-idle", test_reset_when_idle);
    qtest_add_func("/vfio-ccw/reset/ends-an-active-start",
                   test_reset_ends_an_active_start);
    qtest_add_func("/vfio-ccw/reset/forgets-an-unanswered-start",
                   test_reset_forgets_an_unanswered_start);
    qtest_add_func("/vfio-ccw/reset/forgets-an-unread-irb",
                   test_reset_forgets_an_unread_irb);
}

int main(int argc, char **argv)
{
    /* The host's channels want both, here as in QEMU. */
    module_call_init(MODULE_INIT_QOM);
    signal(SIGPIPE, SIG_IGN);

    g_test_init(&argc, &argv, NULL);

    if (!qtest_has_device("vfio-ccw")) {
        g_test_skip("no vfio-ccw");
        return g_test_run();
    }
    add_plug_tests();
    add_host_tests();
    add_start_tests();
    add_start_error_tests();
    add_overtaking_tests();
    add_event_tests();
    add_loss_and_reset_tests();
    return g_test_run();
}
