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
#include "vfio-ccw-fixture.h"

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

static bool migration_is_over(Bed *bed)
{
    QDict *info = qtest_qmp_assert_success_ref(bed->qts,
                                               "{'execute': 'query-migrate'}");
    const char *status = qdict_get_str(info, "status");
    bool over = g_str_equal(status, "completed");

    g_assert_cmpstr(status, !=, "failed");
    g_assert_null(qdict_get_qlist(info, "blocked-reasons"));
    qobject_unref(info);
    return over;
}

static void test_migration_without_the_device(void)
{
    Bed *bed = bed_enabled();
    g_autofree char *file = g_build_filename(bed->dir, "state", NULL);
    g_autofree char *uri = g_strdup_printf("file:%s", file);
    int64_t deadline = qcss_deadline();

    qtest_qmp_device_del(bed->qts, "ccw0");
    qtest_qmp_assert_success(bed->qts, "{'execute': 'migrate', 'arguments':"
                             "{'uri': %s}}", uri);
    while (!migration_is_over(bed)) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
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
 * Stopped while a request waits for the host: its answer and its interrupt
 * come all the same, and the guest finds them when it goes on.
 */

static void stop_machine(Bed *bed)
{
    qtest_qmp_assert_success(bed->qts, "{'execute': 'stop'}");
}

static void continue_machine(Bed *bed)
{
    qtest_qmp_assert_success(bed->qts, "{'execute': 'cont'}");
}

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
