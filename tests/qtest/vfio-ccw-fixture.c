/*
 * Fixture of the vfio-ccw qtests: a machine and its emulated host driver
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * See vfio-ccw-fixture.h. All of it runs in the test's thread.
 */

#include "qemu/osdep.h"
#include <glib/gstdio.h>
#include "qapi/error.h"
#include "qemu/module.h"
#include "qemu/rcu.h"
#include "qobject/qjson.h"
#include "vfio-ccw-fixture.h"
#include "vfio-ccw-sysfs.h"

#define IMAGE_SIZE (1024 * 512)

#define CHSC_PAGE   (QCSS_FREE + 0x2000)
#define CHSC_SCPD   0x0002
#define SCPD_LENGTH 0x10

/* How often to look for what must not happen */
#define QUIET_POLLS 1000

/*
 * How QEMU reaches the emulated host driver: over its socket, or, where
 * VFIO_CCW_TEST_KERNEL names its shared object, through an interposed kernel
 * (tests/vfio-ccw-kernel), which finds this directory.
 */
static char *sysfs;

/* QEMU is started with the environment that the test has. */
static void interpose_kernel(void)
{
    const char *kernel = g_getenv("VFIO_CCW_TEST_KERNEL");

    if (!kernel) {
        return;
    }
    sysfs = g_dir_make_tmp("vfio-ccw-sysfs-XXXXXX", NULL);
    g_assert_nonnull(sysfs);
    g_setenv("VFIO_CCW_KERNEL", sysfs, true);
    g_setenv("LD_PRELOAD", kernel, true);
}

static int run_tests(void)
{
    int status = g_test_run();

    if (sysfs) {
        sysfs_remove(sysfs);
    }
    return status;
}

Bed *bed_new(void)
{
    Bed *bed = g_new0(Bed, 1);
    g_autoptr(GError) err = NULL;

    bed->dir = g_dir_make_tmp("vfio-ccw-test-XXXXXX", &err);
    g_assert_no_error(err);
    bed->socket = g_build_filename(bed->dir, "socket", NULL);
    return bed;
}

void bed_start_host(Bed *bed, const VfioCcwHostConfig *config)
{
    bed->host = vfio_ccw_host_start(bed->socket, config, &error_abort);
    if (sysfs) {
        sysfs_add_device(sysfs, 0, bed->socket, &config->pmcw);
    }
}

void bed_stop_host(Bed *bed)
{
    vfio_ccw_host_stop(bed->host, &error_abort);
    bed->host = NULL;
}

/* Device @number, which is of the host that listens on @socket */
static QDict *arguments_of(unsigned number, const char *id, unsigned devno,
                           const char *socket)
{
    g_autofree char *bus_id = g_strdup_printf("fe.0.%04x", devno);
    QDict *arguments = qdict_from_jsonf_nofail("{'driver': 'vfio-ccw',"
                                               "'id': %s, 'devno': %s}",
                                               id, bus_id);

    if (sysfs) {
        g_autofree char *device = sysfs_device(sysfs, number);

        qdict_put_str(arguments, "sysfsdev", device);
        return arguments;
    }
    qdict_put_int(arguments, "x-msg-timeout", 60000);
    qdict_put_int(arguments, "x-realize-timeout", 60000);
    qdict_put(arguments, "socket",
              qdict_from_jsonf_nofail("{'type': 'unix', 'path': %s}", socket));
    return arguments;
}

QDict *device_arguments(Bed *bed)
{
    return arguments_of(0, "ccw0", DEVNO, bed->socket);
}

char *bed_device_args_on(Bed *bed, const char *machine_args)
{
    QDict *arguments = device_arguments(bed);
    g_autoptr(GString) json = qobject_to_json(QOBJECT(arguments));

    qobject_unref(arguments);
    return g_strdup_printf("%s -device '%s'", machine_args, json->str);
}

char *bed_device_args(Bed *bed)
{
    return bed_device_args_on(bed, MACHINE_ARGS);
}

Bed *bed_unplugged(const VfioCcwHostConfig *config)
{
    Bed *bed = bed_new();

    bed_start_host(bed, config);
    bed->qts = qcss_init(MACHINE_ARGS);
    return bed;
}

Bed *bed_plugged(const VfioCcwHostConfig *config)
{
    Bed *bed = bed_new();
    g_autofree char *args = bed_device_args(bed);

    bed_start_host(bed, config);
    bed->qts = qcss_init(args);
    return bed;
}

void bed_end(Bed *bed)
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

void plug_with(Bed *bed, QDict *arguments)
{
    qtest_qmp_assert_success(bed->qts, "{'execute': 'device_add',"
                             "'arguments': %p}", arguments);
}

QDict *try_to_plug_with(Bed *bed, QDict *arguments)
{
    return qtest_qmp(bed->qts, "{'execute': 'device_add', 'arguments': %p}",
                     arguments);
}

void plug(Bed *bed)
{
    plug_with(bed, device_arguments(bed));
}

VfioCcwHost *plug_another(Bed *bed, unsigned i, VfioCcwHostConfig config)
{
    g_autofree char *socket = g_strdup_printf("%s%u", bed->socket, i);
    g_autofree char *id = g_strdup_printf("another%u", i);
    VfioCcwHost *host;

    config.pmcw.devno = DEVNO + 1 + i;
    host = vfio_ccw_host_start(socket, &config, &error_abort);
    if (sysfs) {
        sysfs_add_device(sysfs, i + 1, socket, &config.pmcw);
    }
    plug_with(bed, arguments_of(i + 1, id, config.pmcw.devno, socket));
    return host;
}

void assert_unplugged(Bed *bed)
{
    g_assert_cmphex(qcss_find(bed->qts, DEVNO), ==, 0);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");
}

static int unrecorded_stderr;

char *record_begin(void)
{
    g_autoptr(GError) err = NULL;
    char *path;
    int fd = g_file_open_tmp("vfio-ccw-said-XXXXXX", &path, &err);

    g_assert_no_error(err);
    unrecorded_stderr = dup(STDERR_FILENO);
    g_assert_cmpint(dup2(fd, STDERR_FILENO), ==, STDERR_FILENO);
    close(fd);
    return path;
}

void record_end(void)
{
    g_assert_cmpint(dup2(unrecorded_stderr, STDERR_FILENO), ==, STDERR_FILENO);
    close(unrecorded_stderr);
}

unsigned count_said(const char *path, const char *what)
{
    g_autofree char *text = NULL;
    unsigned count = 0;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    for (const char *p = text; (p = strstr(p, what)); p++) {
        count++;
    }
    return count;
}

unsigned count_messages(const char *path)
{
    return count_said(path, "qemu-system-s390x: ");
}

char *start_in_vain(const char *const *args)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    const char *const machine[] = {
        qtest_qemu_binary(NULL), "-display", "none", "-accel", "qtest",
        "-machine", "s390-ccw-virtio", "-nodefaults",
    };
    g_autoptr(GError) err = NULL;
    char *said;
    int status;

    for (unsigned i = 0; i < ARRAY_SIZE(machine); i++) {
        g_ptr_array_add(argv, (char *)machine[i]);
    }
    do {
        g_ptr_array_add(argv, (char *)*args);
    } while (*args++);
    rcu_disable_atfork(); /* as libqtest: nothing but exec() follows */
    g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_SEARCH_PATH, NULL,
                 NULL, NULL, &said, &status, &err);
    rcu_enable_atfork();
    g_assert_no_error(err);
    g_test_message("%s", said);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, EXIT_FAILURE);
    return said;
}

unsigned count_of_qemu(Bed *bed, const char *what)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/%s", qtest_pid(bed->qts),
                                            what);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    unsigned count = 0;

    g_assert_nonnull(dir);
    while (g_dir_read_name(dir)) {
        count++;
    }
    return count;
}

void wait_threads(Bed *bed, unsigned most)
{
    int64_t deadline = qcss_deadline();

    while (count_of_qemu(bed, "task") > most) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
}

uint64_t resident_of_qemu(Bed *bed)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/statm",
                                            qtest_pid(bed->qts));
    g_autofree char *text = NULL;
    uint64_t total, resident;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpint(sscanf(text, "%" SCNu64 " %" SCNu64, &total, &resident),
                    ==, 2);
    return resident * qemu_real_host_page_size();
}

void pass_fd(Bed *bed, const char *name)
{
    int fd = open("/dev/null", O_RDWR);

    g_assert_cmpint(fd, >=, 0);
    qtest_qmp_fds_assert_success(bed->qts, &fd, 1, "{'execute': 'getfd',"
                                 "'arguments': {'fdname': %s}}", name);
    close(fd);
}

static ORB orb_of_command(Bed *bed, uint8_t cmd_code, uint16_t count)
{
    CCW1 ccw = {
        .cmd_code = cmd_code,
        .flags = CCW_FLAG_SLI,
        .count = count,
        .cda = DATA,
    };

    qcss_write_ccws(bed->qts, PROGRAM, &ccw, 1);
    return qcss_orb(INTPARM_SSCH, PROGRAM);
}

ORB noop_orb(Bed *bed)
{
    return orb_of_command(bed, CCW_CMD_NOOP, 1);
}

ORB sense_id_orb(Bed *bed)
{
    return orb_of_command(bed, CCW_CMD_SENSE_ID, SENSE_ID_LEN);
}

int ssch(Bed *bed)
{
    ORB orb = noop_orb(bed);

    return qcss_ssch(bed->qts, SCHID, &orb);
}

uint16_t scsw_ctrl(Bed *bed)
{
    SCHIB schib;

    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    return schib.scsw.ctrl;
}

void wait_pending(Bed *bed, uint16_t stctl)
{
    int64_t deadline = qcss_deadline();

    while ((scsw_ctrl(bed) & stctl) != stctl) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
}

uint32_t describe_path(Bed *bed, uint8_t chpid)
{
    uint32_t response = CHSC_PAGE + SCPD_LENGTH;

    qtest_writel(bed->qts, CHSC_PAGE, SCPD_LENGTH << 16 | CHSC_SCPD);
    qtest_writel(bed->qts, CHSC_PAGE + 4, chpid);
    qtest_writel(bed->qts, CHSC_PAGE + 8, chpid);
    qtest_writel(bed->qts, CHSC_PAGE + 12, 0);
    g_assert_cmpint(qcss_chsc(bed->qts, CHSC_PAGE), ==, 0);
    g_assert_cmphex(qtest_readw(bed->qts, response + 2), ==, 1);
    return qtest_readw(bed->qts, response) > 8
           ? qtest_readl(bed->qts, response + 8) : 0;
}

IRB expect_irb(Bed *bed, uint16_t ctrl, uint8_t dstat, uint8_t cstat)
{
    uint16_t mask = SCSW_CTRL_MASK_FCTL | SCSW_CTRL_MASK_STCTL;
    IRB irb;

    qcss_wait_irb(bed->qts, SCHID, &irb);
    g_assert_cmphex(irb.scsw.ctrl & mask, ==, ctrl);
    g_assert_cmphex(irb.scsw.dstat, ==, dstat);
    g_assert_cmphex(irb.scsw.cstat, ==, cstat);
    return irb;
}

static void assert_same_scsw(const SCSW *scsw, const SCSW *expected)
{
    g_assert_cmphex(scsw->flags, ==, expected->flags);
    g_assert_cmphex(scsw->ctrl, ==, expected->ctrl);
    g_assert_cmphex(scsw->cpa, ==, expected->cpa);
    g_assert_cmphex(scsw->dstat, ==, expected->dstat);
    g_assert_cmphex(scsw->cstat, ==, expected->cstat);
    g_assert_cmphex(scsw->count, ==, expected->count);
}

void retry_until_pending(Bed *bed)
{
    int64_t deadline = qcss_deadline();

    while (ssch(bed) == 2) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        qtest_clock_step(bed->qts, RETRY_STEP_NS);
    }
    g_assert_cmpint(ssch(bed), ==, 1);
}

void expect_exactly(Bed *bed, const IRB *expected)
{
    IOIntCode code;
    SCHIB schib;
    SCSW scsw;
    IRB irb;

    qcss_wait_io(bed->qts, QCSS_CR6_ISC3, &code);
    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    g_assert_cmphex(code.subsys_id, ==, SCHID);
    g_assert_cmphex(code.intparm, ==, schib.pmcw.intparm);
    g_assert_cmpint(IO_INT_WORD_ISC(code.interrupt_id), ==, QCSS_ISC);
    scsw = schib.scsw;
    assert_same_scsw(&scsw, &expected->scsw);

    g_assert_cmpint(qcss_tsch(bed->qts, SCHID, &irb), ==, 0);
    assert_same_scsw(&irb.scsw, &expected->scsw);
    g_assert_cmphex(irb.esw.word0, ==, expected->esw.word0);
    g_assert_cmphex(irb.esw.erw, ==, expected->esw.erw);
    g_assert_cmphex(irb.esw.word2, ==, expected->esw.word2);
    g_assert_cmphex(irb.esw.word4, ==, expected->esw.word4);
    g_assert_cmpmem(irb.ecw, sizeof(irb.ecw), expected->ecw,
                    sizeof(expected->ecw));
    g_assert_cmpint(qcss_tsch(bed->qts, SCHID, &irb), ==, 1);
}

void expect_normal_end(Bed *bed)
{
    expect_irb(bed, SCSW_FCTL_START_FUNC | FINAL_STCTL, NORMAL_END, 0);
}

void expect_end_of(Bed *bed, uint16_t fctl)
{
    IRB irb;

    qcss_wait_irb(bed->qts, SCHID, &irb);
    g_assert_cmphex(irb.scsw.ctrl & fctl, ==, fctl);
    g_assert_cmphex(irb.scsw.ctrl & SCSW_CTRL_MASK_STCTL, ==,
                    SCSW_STCTL_STATUS_PEND);
    g_assert_cmphex(irb.scsw.dstat & SCSW_DSTAT_CHANNEL_END, ==, 0);
}

void expect_nothing(Bed *bed)
{
    IOIntCode code;

    for (int i = 0; i < QUIET_POLLS; i++) {
        g_assert_false(qcss_dequeue_io(bed->qts, QCSS_CR6_ALL, &code));
    }
}

void complete_start(Bed *bed)
{
    vfio_ccw_host_wait_start(bed->host, NULL);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_normal_end(bed);
}

/* A start of before, which no test has waited for, is not this one. */
void assert_usable(Bed *bed)
{
    unsigned starts = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_STARTS);

    g_assert_cmpint(ssch(bed), ==, 0);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_STARTS, starts + 1);
    complete_start(bed);
}

Bed *bed_enabled_with(const VfioCcwHostConfig *config)
{
    Bed *bed = bed_plugged(config);

    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    assert_usable(bed);
    return bed;
}

void bed_start_disk(Bed *bed)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    g_autofree char *zeroes = g_malloc0(IMAGE_SIZE);
    g_autofree char *image = NULL;

    image = g_build_filename(bed->dir, "image", NULL);
    g_assert_true(g_file_set_contents(image, zeroes, IMAGE_SIZE, NULL));
    config.device = VFIO_CCW_HOST_DASD_FBA;
    config.image = image;
    bed_start_host(bed, &config);
    g_assert_cmpint(unlink(image), ==, 0);
}

Bed *bed_with_disk(void)
{
    Bed *bed = bed_new();
    g_autofree char *args = bed_device_args(bed);

    bed_start_disk(bed);
    bed->qts = qcss_init(args);
    return bed;
}

Bed *bed_enabled(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    return bed_enabled_with(&config);
}

void start_accepted(Bed *bed)
{
    g_assert_cmpint(ssch(bed), ==, 0);
    vfio_ccw_host_wait_start(bed->host, NULL);
}

void start_unanswered(Bed *bed)
{
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_START_REPLY);
    start_accepted(bed);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_START_REPLY);
}

void start_active(Bed *bed)
{
    start_accepted(bed);
    vfio_ccw_host_present_status(bed->host, 0, SCSW_CSTAT_PCI, 0);
    expect_irb(bed, SCSW_FCTL_START_FUNC | SCSW_STCTL_INTERMEDIATE |
               SCSW_STCTL_STATUS_PEND, 0, SCSW_CSTAT_PCI);
    g_assert_cmphex(scsw_ctrl(bed), ==, SCSW_FCTL_START_FUNC | ACTL_ACTIVE);
}

void start_sent(Bed *bed)
{
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_START);
    g_assert_cmpint(ssch(bed), ==, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_START);
}

void start_queued(Bed *bed)
{
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_signal(bed->host, VFIO_CCW_IO_IRQ_INDEX);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_READ);
    g_assert_cmpint(ssch(bed), ==, 0);
}

static bool is_in_state(Bed *bed, const char *state)
{
    QDict *response = qtest_qmp(bed->qts, "{'execute': 'qom-get', 'arguments':"
                                "{'path': %s, 'property': 'x-state'}}",
                                DEVICE_PATH);
    bool is = g_str_equal(qdict_get_str(response, "return"), state);

    qobject_unref(response);
    return is;
}

void wait_state(Bed *bed, const char *state)
{
    int64_t deadline = qcss_deadline();

    while (!is_in_state(bed, state)) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
}

/* A CPU of a machine that is being reset is stopped. */
bool machine_runs(Bed *bed)
{
    QDict *response = qtest_qmp(bed->qts, "{'execute': 'query-cpus-fast'}");
    QList *cpus = qdict_get_qlist(response, "return");
    QDict *cpu = qobject_to(QDict, qlist_peek(cpus));
    bool runs = g_str_equal(qdict_get_str(cpu, "cpu-state"), "operating");

    qobject_unref(response);
    return runs;
}

void wait_machine_runs(Bed *bed)
{
    int64_t deadline = qcss_deadline();

    while (!machine_runs(bed)) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
}

int64_t counter_of(Bed *bed, const char *id, const char *name)
{
    g_autofree char *path = g_strdup_printf("/machine/peripheral/%s", id);
    QDict *response = qtest_qmp(bed->qts, "{'execute': 'qom-get', 'arguments':"
                                "{'path': %s, 'property': 'x-stats'}}", path);
    int64_t value = qdict_get_int(qdict_get_qdict(response, "return"), name);

    qobject_unref(response);
    return value;
}

bool is_lost(Bed *bed)
{
    return counter_of(bed, "ccw0", "returns") <
           counter_of(bed, "ccw0", "losses");
}

void signal_again(Bed *bed)
{
    unsigned reads = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_IO_READS);

    vfio_ccw_host_signal(bed->host, VFIO_CCW_IO_IRQ_INDEX);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_IO_READS, reads + 1);
}

void wait_returned(Bed *bed)
{
    int64_t deadline = qcss_deadline();

    while (is_lost(bed)) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        qtest_clock_step(bed->qts, NS_PER_S);
    }
}

static void pass_time_until(Bed *bed, int64_t step, VfioCcwHostCounter counter,
                            unsigned count)
{
    int64_t deadline = qcss_deadline();

    while (vfio_ccw_host_count(bed->host, counter) < count) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        qtest_clock_step(bed->qts, step);
    }
}

void wait_reopened(Bed *bed, VfioCcwHostCounter counter, unsigned count)
{
    pass_time_until(bed, NS_PER_S, counter, count);
}

void wait_retried(Bed *bed, VfioCcwHostCounter counter, unsigned count)
{
    pass_time_until(bed, RETRY_STEP_NS, counter, count);
}

void expect_subchannel_report(Bed *bed)
{
    CRW crw;

    qcss_wait_crw_mchk(bed->qts);
    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 0);
    g_assert_cmphex(crw.flags & CRW_FLAGS_MASK_RSC, ==, CRW_RSC_SUBCH << 8);
    g_assert_cmphex(crw.rsid, ==, SCHID & 0xffff);
    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 1);
}

void expect_usable(Bed *bed)
{
    expect_subchannel_report(bed);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    assert_usable(bed);
}

void expect_gone(Bed *bed)
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

void expect_event(Bed *bed, const char *status)
{
    QDict *event = qtest_qmp_eventwait_ref(bed->qts, "VFIO_CCW_HOST");
    QDict *data = qdict_get_qdict(event, "data");

    g_assert_cmpstr(qdict_get_str(data, "device-id"), ==, "ccw0");
    g_assert_cmpstr(qdict_get_str(data, "qom-path"), ==, DEVICE_PATH);
    g_assert_cmpstr(qdict_get_str(data, "status"), ==, status);
    qobject_unref(event);
}

void assert_reset_subchannel(Bed *bed)
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

int vfio_ccw_test_main(int argc, char **argv, void (*add_tests)(void))
{
    /* The host's channels want both, here as in QEMU. */
    module_call_init(MODULE_INIT_QOM);
    signal(SIGPIPE, SIG_IGN);

    g_test_init(&argc, &argv, NULL);
    interpose_kernel();

    if (!qtest_has_device("vfio-ccw")) {
        g_test_skip("no vfio-ccw");
        return run_tests();
    }
    add_tests();
    return run_tests();
}
