/*
 * QTest of vfio-ccw while the machine is stopped, saved or migrated
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All code below runs in the test's thread; see vfio-ccw-fixture.h.
 */

#include "qemu/osdep.h"
#include <glib/gstdio.h>
#include "qemu/timer.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"
#include "vfio-ccw-fixture.h"

static void stop_machine(Bed *bed)
{
    qtest_qmp_assert_success(bed->qts, "{'execute': 'stop'}");
}

static void continue_machine(Bed *bed)
{
    qtest_qmp_assert_success(bed->qts, "{'execute': 'cont'}");
}

/* Saving and migrating are refused, with a name, until the device goes. */

#define WHO "vfio-ccw ccw0 (device fe.0.1234, subchannel fe.0.0000)"

static void assert_says_who(const char *why)
{
    g_test_message("%s", why);
    g_assert_nonnull(strstr(why, WHO));
    g_assert_nonnull(strstr(why, "cannot be migrated"));
}

static void test_migration_is_refused(void)
{
    Bed *bed = bed_enabled();
    QDict *error;

    error = qtest_qmp_assert_failure_ref(bed->qts, "{'execute': 'migrate',"
                                         "'arguments': {'uri':"
                                         "'file:/dev/null'}}");
    assert_says_who(qdict_get_str(error, "desc"));
    qobject_unref(error);
    assert_usable(bed);
    bed_end(bed);
}

static void test_savevm_is_refused(void)
{
    Bed *bed = bed_enabled();
    g_autofree char *output = qtest_hmp(bed->qts, "savevm now");

    assert_says_who(output);
    assert_usable(bed);
    bed_end(bed);
}

/* Of a migration that has begun, on the side of @qts */
static bool migration_is_over(QTestState *qts)
{
    QDict *info = qtest_qmp_assert_success_ref(qts,
                                               "{'execute': 'query-migrate'}");
    const char *status = qdict_get_try_str(info, "status") ?: "";
    bool over = g_str_equal(status, "completed");

    g_assert_cmpstr(status, !=, "failed");
    qobject_unref(info);
    return over;
}

static char *state_file(Bed *bed)
{
    return g_build_filename(bed->dir, "state", NULL);
}

static void migrate(QTestState *qts, const char *command, const char *file)
{
    g_autofree char *uri = g_strdup_printf("file:%s", file);
    int64_t deadline = qcss_deadline();

    qtest_qmp_assert_success(qts, "{'execute': %s, 'arguments': {'uri': %s}}",
                             command, uri);
    while (!migration_is_over(qts)) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
}

static void test_migration_without_the_device(void)
{
    Bed *bed = bed_enabled();
    g_autofree char *file = state_file(bed);
    QDict *info;

    qtest_qmp_device_del(bed->qts, "ccw0");
    migrate(bed->qts, "migrate", file);
    info = qtest_qmp_assert_success_ref(bed->qts,
                                        "{'execute': 'query-migrate'}");
    g_assert_null(qdict_get_qlist(info, "blocked-reasons"));
    qobject_unref(info);
    g_assert_cmpint(g_unlink(file), ==, 0);
    bed_end(bed);
}

static void test_only_migratable_refuses_the_device(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_new();
    QDict *error;

    bed_start_host(bed, &config);
    bed->qts = qcss_init(MACHINE_ARGS "-only-migratable");
    error = qtest_qmp_assert_failure_ref(bed->qts, "{'execute': 'device_add',"
                                         "'arguments': %p}",
                                         device_arguments(bed));
    assert_says_who(qdict_get_str(error, "desc"));
    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), "only-migratable"));
    qobject_unref(error);
    assert_unplugged(bed);
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
    bed_end(bed);
}

/*
 * A state that was saved without the device, as it has to be, is loaded by a
 * QEMU that has it. The guest is told of the device when it goes on.
 */

#define OTHER "virtio-rng-ccw"
#define OTHER_DEVNO (DEVNO + 1)

/* The guest's machine becomes another one, which waits for its state. */
static void continue_elsewhere(Bed *bed, const char *args)
{
    g_autofree char *file = state_file(bed);
    g_autofree char *incoming = g_strdup_printf("%s -incoming defer", args);

    migrate(bed->qts, "migrate", file);
    qtest_quit(bed->qts);
    bed->qts = qcss_init(incoming);
}

static void load_state(Bed *bed)
{
    g_autofree char *file = state_file(bed);
    int64_t deadline = qcss_deadline();
    bool running = false;

    migrate(bed->qts, "migrate-incoming", file);
    g_assert_cmpint(g_unlink(file), ==, 0);
    while (!running) {
        QDict *status = qtest_qmp_assert_success_ref(bed->qts, "{'execute':"
                                                     "'query-status'}");

        running = qdict_get_bool(status, "running");
        qobject_unref(status);
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
}

/* It is new to the guest, its channel path is as well, and it is told once. */
static void expect_new_device(Bed *bed)
{
    uint8_t chpid = vfio_ccw_host_default_config().pmcw.chpid[0];
    SCHIB schib;

    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    g_assert_cmphex(schib.pmcw.flags, ==, PMCW_FLAGS_MASK_DNV);
    g_assert_cmphex(schib.pmcw.devno, ==, DEVNO);
    g_assert_cmphex(describe_path(bed, chpid), ==, FICON_PATH(chpid));
    expect_usable(bed);
    expect_nothing(bed);
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
}

static void test_loaded_with_the_device(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_unplugged(&config);
    g_autofree char *args = bed_device_args(bed);

    continue_elsewhere(bed, args);
    load_state(bed);
    expect_new_device(bed);
    bed_end(bed);
}

/* What was reported before is nothing that the guest has heard. */
static void test_loaded_after_plugging(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_unplugged(&config);

    continue_elsewhere(bed, MACHINE_ARGS);
    plug(bed);
    load_state(bed);
    expect_new_device(bed);
    bed_end(bed);
}

static void plug_other(Bed *bed)
{
    qtest_qmp_device_add(bed->qts, OTHER, "other", "{'devno': 'fe.0.1235'}");
}

static void expect_report_of(Bed *bed, uint32_t schid)
{
    CRW crw;

    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 0);
    g_assert_cmphex(crw.flags, ==, CRW_RSC_SUBCH << 8 | CRW_ERC_IPI);
    g_assert_cmphex(crw.rsid, ==, schid & 0xffff);
}

/* The program at SCHID + 1, whose number the fixture does not know */
static void expect_usable_as_second(Bed *bed)
{
    ORB orb = noop_orb(bed);
    IRB irb;

    qcss_enable(bed->qts, SCHID + 1, INTPARM_MSCH);
    g_assert_cmpint(qcss_ssch(bed->qts, SCHID + 1, &orb), ==, 0);
    vfio_ccw_host_wait_start(bed->host, NULL);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    qcss_wait_irb(bed->qts, SCHID + 1, &irb);
    g_assert_cmphex(irb.scsw.dstat, ==, NORMAL_END);
}

static void assert_shows_number(Bed *bed, const char *number)
{
    QDict *answer = qtest_qmp(bed->qts, "{'execute': 'qom-get', 'arguments':"
                              "{'path': %s, 'property': 'subch_id'}}",
                              DEVICE_PATH);

    g_assert_cmpstr(qdict_get_str(answer, "return"), ==, number);
    qobject_unref(answer);
}

/*
 * The guest knows the other device as the first. It has taken the machine check
 * for that, but has not read the report: it will not be told to read again.
 */
static void test_loaded_with_its_number_taken(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_unplugged(&config);
    CRW crw;

    plug_other(bed);
    qcss_wait_crw_mchk(bed->qts);
    continue_elsewhere(bed, MACHINE_ARGS);
    plug(bed);
    plug_other(bed);
    g_assert_cmphex(qcss_find(bed->qts, DEVNO), ==, SCHID);
    load_state(bed);
    g_assert_cmphex(qcss_find(bed->qts, OTHER_DEVNO), ==, SCHID);
    g_assert_cmphex(qcss_find(bed->qts, DEVNO), ==, SCHID + 1);
    assert_shows_number(bed, "fe.0.0001");

    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
    expect_report_of(bed, SCHID);
    expect_report_of(bed, SCHID + 1);
    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 1);
    expect_usable_as_second(bed);

    /* Each has given its number back when it goes. */
    qtest_qmp_device_del(bed->qts, "ccw0");
    g_assert_cmphex(qcss_find(bed->qts, DEVNO), ==, 0);
    g_assert_cmphex(qcss_find(bed->qts, OTHER_DEVNO), ==, SCHID);
    qtest_qmp_device_del(bed->qts, "other");
    g_assert_cmphex(qcss_find(bed->qts, OTHER_DEVNO), ==, 0);
    plug(bed);
    g_assert_cmphex(qcss_find(bed->qts, DEVNO), ==, SCHID);
    bed_end(bed);
}

/* A snapshot, which needs a disk that has a place for it */

#define DISK_SIZE (1024 * 1024)

static bool job_has_concluded(QTestState *qts)
{
    QDict *answer = qtest_qmp(qts, "{'execute': 'query-jobs'}");
    const QListEntry *first = qlist_first(qdict_get_qlist(answer, "return"));
    QDict *job = qobject_to(QDict, qlist_entry_obj(first));
    bool concluded = g_str_equal(qdict_get_str(job, "status"), "concluded");

    g_assert_false(qdict_haskey(job, "error"));
    qobject_unref(answer);
    return concluded;
}

static void create(QTestState *qts, QDict *options)
{
    int64_t deadline = qcss_deadline();

    qtest_qmp_assert_success(qts, "{'execute': 'blockdev-create', 'arguments':"
                             "{'job-id': 'create', 'options': %p}}", options);
    while (!job_has_concluded(qts)) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
    qtest_qmp_assert_success(qts, "{'execute': 'job-dismiss', 'arguments':"
                             "{'id': 'create'}}");
}

static void add_disk(Bed *bed)
{
    g_autofree char *file = state_file(bed);

    create(bed->qts, qdict_from_jsonf_nofail("{'driver': 'file', 'size': 0,"
                                             "'filename': %s}", file));
    qtest_qmp_assert_success(bed->qts, "{'execute': 'blockdev-add',"
                             "'arguments': {'driver': 'file', 'node-name':"
                             "'file', 'filename': %s}}", file);
    create(bed->qts, qdict_from_jsonf_nofail("{'driver': 'qcow2', 'file':"
                                             "'file', 'size': %d}", DISK_SIZE));
    qtest_qmp_assert_success(bed->qts, "{'execute': 'blockdev-add',"
                             "'arguments': {'driver': 'qcow2', 'node-name':"
                             "'disk', 'file': 'file'}}");
}

static void snapshot(Bed *bed, const char *command)
{
    g_autofree char *output = qtest_hmp(bed->qts, "%s", command);

    g_assert_cmpstr(output, ==, "");
}

/* A guest that has used the device goes back to before it had it. */
static Bed *bed_with_snapshot(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_unplugged(&config);

    add_disk(bed);
    snapshot(bed, "savevm now");
    plug(bed);
    expect_usable(bed);
    return bed;
}

static void bed_with_snapshot_end(Bed *bed)
{
    g_autofree char *file = state_file(bed);

    g_assert_cmpint(g_unlink(file), ==, 0);
    bed_end(bed);
}

static void test_snapshot_with_the_device(void)
{
    Bed *bed = bed_with_snapshot();

    snapshot(bed, "loadvm now");
    expect_new_device(bed);
    snapshot(bed, "loadvm now");
    expect_new_device(bed);
    bed_with_snapshot_end(bed);
}

static void test_snapshot_of_a_stopped_machine(void)
{
    Bed *bed = bed_with_snapshot();

    stop_machine(bed);
    snapshot(bed, "loadvm now");
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
    continue_machine(bed);
    expect_new_device(bed);

    /* Once more, as every start of the machine is looked at */
    stop_machine(bed);
    continue_machine(bed);
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
    bed_with_snapshot_end(bed);
}

/* A guest that boots looks for devices by itself. */
static void test_snapshot_and_reset(void)
{
    Bed *bed = bed_with_snapshot();

    stop_machine(bed);
    snapshot(bed, "loadvm now");
    qtest_qmp_assert_success(bed->qts, "{'execute': 'system_reset'}");
    continue_machine(bed);
    wait_machine_runs(bed);
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    assert_usable(bed);
    bed_with_snapshot_end(bed);
}

/* It is so for every device, and only for those that the state lacks. */
static void test_snapshots_of_another_device(void)
{
    Bed *bed = bed_new();

    bed->qts = qcss_init(MACHINE_ARGS);
    add_disk(bed);
    snapshot(bed, "savevm without");
    plug_other(bed);
    expect_subchannel_report(bed);
    snapshot(bed, "savevm with");

    snapshot(bed, "loadvm with");
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
    snapshot(bed, "loadvm without");
    expect_subchannel_report(bed);
    bed_with_snapshot_end(bed);
}

/*
 * Stopped while a request waits for the host: its answer and its interrupt
 * come all the same, and the guest finds them when it goes on.
 */

static void ask_start(Bed *bed)
{
    g_assert_cmpint(ssch(bed), ==, 0);
}

static void ask_halt(Bed *bed)
{
    start_active(bed);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
}

static void ask_clear(Bed *bed)
{
    start_active(bed);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
}

static void end_start(Bed *bed)
{
    vfio_ccw_host_wait_start(bed->host, NULL);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
}

static void end_halt(Bed *bed)
{
    vfio_ccw_host_wait_halt(bed->host);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
}

static void end_clear(Bed *bed)
{
    vfio_ccw_host_wait_clear(bed->host);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
}

static void expect_end_of_halt(Bed *bed)
{
    expect_end_of(bed, SCSW_FCTL_HALT_FUNC);
}

static void expect_end_of_clear(Bed *bed)
{
    expect_end_of(bed, SCSW_FCTL_CLEAR_FUNC);
}

/* What the guest asked for when it was stopped, and where the host is then */
typedef struct Moment {
    const char *test;
    VfioCcwHostStep step;
    void (*ask)(Bed *bed);
    void (*end)(Bed *bed);
    void (*expect)(Bed *bed);
} Moment;

static const Moment moments[] = {
    { "start-is-sent", VFIO_CCW_HOST_START, ask_start, end_start,
      expect_normal_end },
    { "start-is-accepted", VFIO_CCW_HOST_START_REPLY, ask_start, end_start,
      expect_normal_end },
    { "start-ends", VFIO_CCW_HOST_INTERRUPT, ask_start, end_start,
      expect_normal_end },
    { "irb-is-read", VFIO_CCW_HOST_IO_READ, ask_start, end_start,
      expect_normal_end },
    { "halt-is-sent", VFIO_CCW_HOST_HALT, ask_halt, end_halt,
      expect_end_of_halt },
    { "halt-is-accepted", VFIO_CCW_HOST_HALT_REPLY, ask_halt, end_halt,
      expect_end_of_halt },
    { "halt-ends", VFIO_CCW_HOST_INTERRUPT, ask_halt, end_halt,
      expect_end_of_halt },
    { "irb-of-halt-is-read", VFIO_CCW_HOST_IO_READ, ask_halt, end_halt,
      expect_end_of_halt },
    { "clear-is-sent", VFIO_CCW_HOST_CLEAR, ask_clear, end_clear,
      expect_end_of_clear },
    { "clear-is-accepted", VFIO_CCW_HOST_CLEAR_REPLY, ask_clear, end_clear,
      expect_end_of_clear },
    { "clear-ends", VFIO_CCW_HOST_INTERRUPT, ask_clear, end_clear,
      expect_end_of_clear },
    { "irb-of-clear-is-read", VFIO_CCW_HOST_IO_READ, ask_clear, end_clear,
      expect_end_of_clear },
};

static bool comes_of_the_end(VfioCcwHostStep step)
{
    return step == VFIO_CCW_HOST_INTERRUPT || step == VFIO_CCW_HOST_IO_READ;
}

static void begin_withheld(Bed *bed, const Moment *moment)
{
    if (!comes_of_the_end(moment->step)) {
        vfio_ccw_host_hold(bed->host, moment->step);
    }
    moment->ask(bed);
    if (comes_of_the_end(moment->step)) {
        vfio_ccw_host_hold(bed->host, moment->step);
        moment->end(bed);
    }
    vfio_ccw_host_wait_held(bed->host, moment->step);
}

/* The host goes on while the machine is stopped, or when it goes on. */
static void stop_at(const Moment *moment, bool host_goes_on)
{
    Bed *bed = bed_enabled();

    begin_withheld(bed, moment);
    stop_machine(bed);
    if (!host_goes_on) {
        continue_machine(bed);
    }
    vfio_ccw_host_unhold(bed->host, moment->step);
    if (!comes_of_the_end(moment->step)) {
        moment->end(bed);
    }
    if (host_goes_on) {
        wait_state(bed, "IDLE");
        continue_machine(bed);
    }
    moment->expect(bed);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

static void test_stopped_at(const void *moment)
{
    stop_at(moment, true);
    stop_at(moment, false);
}

/* The back-off is in the guest's time, which stands still meanwhile. */
static void test_stopped_while_the_host_is_busy(void)
{
    Bed *bed = bed_enabled();
    unsigned writes = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_IO_WRITES);

    vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_START, -EBUSY, 1);
    g_assert_cmpint(ssch(bed), ==, 0);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_IO_WRITES, writes + 1);
    wait_state(bed, "START_QUEUED");
    stop_machine(bed);
    continue_machine(bed);
    wait_retried(bed, VFIO_CCW_HOST_IO_WRITES, writes + 2);
    end_start(bed);
    expect_normal_end(bed);
    expect_nothing(bed);
    bed_end(bed);
}

/* A start that waits for an IRB to be read goes to the host as ever. */
static void test_stopped_while_a_start_is_queued(void)
{
    Bed *bed = bed_enabled();

    start_queued(bed);
    stop_machine(bed);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    end_start(bed);
    wait_state(bed, "IDLE");
    continue_machine(bed);
    expect_normal_end(bed);
    expect_nothing(bed);
    bed_end(bed);
}

/* A report is being read, or the SCHIB that the guest is to find with it. */
static void stop_with_a_report(VfioCcwHostStep step, bool host_goes_on)
{
    const CRW path_off = {
        .flags = CRW_RSC_CHP << 8 | CRW_ERC_PERRN,
        .rsid = vfio_ccw_host_default_config().pmcw.chpid[0],
    };
    Bed *bed = bed_enabled();
    int64_t deadline = qcss_deadline();
    CRW crw;

    vfio_ccw_host_hold(bed->host, step);
    vfio_ccw_host_queue_crw(bed->host, path_off);
    vfio_ccw_host_wait_held(bed->host, step);
    stop_machine(bed);
    if (!host_goes_on) {
        continue_machine(bed);
    }
    vfio_ccw_host_unhold(bed->host, step);
    while (!counter_of(bed, "ccw0", "crws-relayed")) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
    if (host_goes_on) {
        continue_machine(bed);
    }
    qcss_wait_crw_mchk(bed->qts);
    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 0);
    g_assert_cmphex(crw.flags, ==, path_off.flags);
    g_assert_cmphex(crw.rsid, ==, path_off.rsid);
    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 1);
    assert_usable(bed);
    bed_end(bed);
}

static void test_stopped_while_a_report_is_read(void)
{
    stop_with_a_report(VFIO_CCW_HOST_CRW_READ, true);
    stop_with_a_report(VFIO_CCW_HOST_CRW_READ, false);
    stop_with_a_report(VFIO_CCW_HOST_SCHIB_READ, true);
    stop_with_a_report(VFIO_CCW_HOST_SCHIB_READ, false);
}

/* A start that waits for the host's reset is made when that is over. */
static void test_stopped_while_the_host_resets(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_RESET);
    qtest_system_reset(bed->qts);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_RESET);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    g_assert_cmpint(ssch(bed), ==, 0);
    stop_machine(bed);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_RESET);
    end_start(bed);
    wait_state(bed, "IDLE");
    continue_machine(bed);
    expect_normal_end(bed);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

/* An attempt that has begun goes on; the guest finds the device again. */
static void test_stopped_while_the_host_returns(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_enabled();

    bed_stop_host(bed);
    expect_gone(bed);
    bed_start_host(bed, &config);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_VERSION);
    qtest_clock_step(bed->qts, NANOSECONDS_PER_SECOND);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_VERSION);
    stop_machine(bed);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_VERSION);
    wait_state(bed, "IDLE");
    continue_machine(bed);
    expect_usable(bed);
    bed_end(bed);
}

/* A device that goes while the machine is stopped is missed when it goes on. */
static void test_stopped_while_the_host_is_lost(void)
{
    Bed *bed = bed_enabled();

    start_accepted(bed);
    stop_machine(bed);
    bed_stop_host(bed);
    wait_state(bed, "NOT_OPER");
    continue_machine(bed);
    expect_gone(bed);
    bed_end(bed);
}

static void add_load_tests(void)
{
    qtest_add_func("/vfio-ccw/load/with-the-device",
                   test_loaded_with_the_device);
    qtest_add_func("/vfio-ccw/load/after-plugging", test_loaded_after_plugging);
    if (qtest_has_device(OTHER)) {
        qtest_add_func("/vfio-ccw/load/with-its-number-taken",
                       test_loaded_with_its_number_taken);
        qtest_add_func("/vfio-ccw/load/snapshots-of-another-device",
                       test_snapshots_of_another_device);
    }
    qtest_add_func("/vfio-ccw/load/snapshot-with-the-device",
                   test_snapshot_with_the_device);
    qtest_add_func("/vfio-ccw/load/snapshot-of-a-stopped-machine",
                   test_snapshot_of_a_stopped_machine);
    qtest_add_func("/vfio-ccw/load/snapshot-and-reset",
                   test_snapshot_and_reset);
}

static void add_tests(void)
{
    qtest_add_func("/vfio-ccw/migration/is-refused",
                   test_migration_is_refused);
    qtest_add_func("/vfio-ccw/migration/savevm-is-refused",
                   test_savevm_is_refused);
    qtest_add_func("/vfio-ccw/migration/without-the-device",
                   test_migration_without_the_device);
    qtest_add_func("/vfio-ccw/migration/only-migratable-refuses-the-device",
                   test_only_migratable_refuses_the_device);
    add_load_tests();
    for (size_t i = 0; i < ARRAY_SIZE(moments); i++) {
        g_autofree char *path = g_strdup_printf("/vfio-ccw/stop/while-%s",
                                                moments[i].test);

        qtest_add_data_func(path, &moments[i], test_stopped_at);
    }
    qtest_add_func("/vfio-ccw/stop/while-the-host-is-busy",
                   test_stopped_while_the_host_is_busy);
    qtest_add_func("/vfio-ccw/stop/while-a-start-is-queued",
                   test_stopped_while_a_start_is_queued);
    qtest_add_func("/vfio-ccw/stop/while-a-report-is-read",
                   test_stopped_while_a_report_is_read);
    qtest_add_func("/vfio-ccw/stop/while-the-host-resets",
                   test_stopped_while_the_host_resets);
    qtest_add_func("/vfio-ccw/stop/while-the-host-returns",
                   test_stopped_while_the_host_returns);
    qtest_add_func("/vfio-ccw/stop/while-the-host-is-lost",
                   test_stopped_while_the_host_is_lost);
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
