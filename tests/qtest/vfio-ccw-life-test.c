/*
 * QTest of vfio-ccw: the host's device is lost, and comes back
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All code below runs in the test's thread; see vfio-ccw-fixture.h.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include <sys/un.h>
#include "qemu/sockets.h"
#include "vfio-ccw-fixture.h"

#define MAX_DELAY_S 32

/* What the device has counted */

static int64_t counter(Bed *bed, const char *name)
{
    return counter_of(bed, "ccw0", name);
}

static void wait_counter(Bed *bed, const char *name, int64_t count)
{
    int64_t deadline = qcss_deadline();

    while (counter(bed, name) < count) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
    g_assert_cmpint(counter(bed, name), ==, count);
}

/* Each as often as no other, so that none passes for another */
static void test_instructions_are_counted(void)
{
    Bed *bed = bed_enabled();
    ORB orb = noop_orb(bed);

    qcss_disable(bed->qts, SCHID);
    g_assert_cmpint(qcss_ssch(bed->qts, SCHID, &orb), ==, 3);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 3);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 3);
    g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, 3);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    start_queued(bed);
    g_assert_cmpint(qcss_ssch(bed->qts, SCHID, &orb), ==, 2);
    g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, 0);
    g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, 2);
    g_assert_cmpint(qcss_ssch(bed->qts, SCHID, &orb), ==, 0);
    g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    start_accepted(bed);
    /* A halt that overtook its answer would be sent again. */
    wait_state(bed, "START_ACTIVE");
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 2);
    /* ... and so would a clear. */
    wait_state(bed, "HALT_ACTIVE");
    for (int i = 0; i < 3; i++) {
        g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    }

    g_assert_cmpint(counter(bed, "starts"), ==, 4);
    g_assert_cmpint(counter(bed, "cancels"), ==, 2);
    g_assert_cmpint(counter(bed, "halts"), ==, 1);
    g_assert_cmpint(counter(bed, "clears"), ==, 3);
    g_assert_cmpint(counter(bed, "retries"), ==, 0);
    bed_end(bed);
}

static void test_retries_are_counted(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_START, -EBUSY, 3);
    g_assert_cmpint(ssch(bed), ==, 0);
    wait_retried(bed, VFIO_CCW_HOST_STARTS, 2);
    complete_start(bed);
    g_assert_cmpint(counter(bed, "retries"), ==, 3);
    g_assert_cmpint(counter(bed, "starts"), ==, 2);
    bed_end(bed);
}

/* The end of a start reaches QEMU when the guest has cleared it already. */
static void test_stale_interrupts_are_counted(void)
{
    Bed *bed = bed_enabled();
    int64_t before = counter(bed, "stale-interrupts");

    start_accepted(bed);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_CLEAR_REPLY);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_CLEAR_REPLY);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    wait_counter(bed, "stale-interrupts", before + 1);
    expect_nothing(bed);

    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_CLEAR_REPLY);
    vfio_ccw_host_wait_clear(bed->host);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_CLEAR_FUNC);
    g_assert_cmpint(counter(bed, "stale-interrupts"), ==, before + 1);
    bed_end(bed);
}

/* Whoever reads the structure knows these, and that each starts with 0. */
static void test_counters_are_one_structure(void)
{
    static const char *const names[] = {
        "starts", "halts", "clears", "cancels", "retries", "stale-interrupts",
        "losses", "returns", "crws-relayed", "crws-merged", "crws-lost",
        "crws-invalid",
    };
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_plugged(&config);
    QDict *response = qtest_qmp(bed->qts, "{'execute': 'qom-get', 'arguments':"
                                "{'path': %s, 'property': 'x-stats'}}",
                                DEVICE_PATH);
    QDict *stats = qdict_get_qdict(response, "return");

    g_assert_cmpint(qdict_size(stats), ==, ARRAY_SIZE(names));
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        g_assert_cmpint(qdict_get_int(stats, names[i]), ==, 0);
    }
    qobject_unref(response);
    bed_end(bed);
}

/* The host is lost: whatever says so, and whatever the guest is doing */

static void expect_lost(Bed *bed)
{
    expect_gone(bed);
    expect_event(bed, "lost");
    wait_state(bed, "NOT_OPER");
    g_assert_cmpint(counter(bed, "losses"), ==, counter(bed, "returns") + 1);
}

typedef struct Activity {
    const char *name;
    void (*begin)(Bed *bed);
    const char *state;
    bool transfers;         /* so that a reset of the machine waits for it */
} Activity;

typedef struct Cause {
    const char *name;
    void (*lose)(Bed *bed);
} Cause;

static void be_idle(Bed *bed)
{
}

static void be_disabled(Bed *bed)
{
    qcss_disable(bed->qts, SCHID);
}

static void status_pending(Bed *bed)
{

    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_ATTENTION, 0, 0);
    wait_pending(bed, SCSW_STCTL_STATUS_PEND);
}

static void halt_refused(Bed *bed)
{
    start_active(bed);
    vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_HALT, -EBUSY, UINT_MAX);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
}

static void halt_unanswered(Bed *bed)
{
    start_active(bed);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_HALT_REPLY);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_HALT_REPLY);
}

static void halt_active(Bed *bed)
{
    start_active(bed);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_halt(bed->host);
}

static void clear_refused(Bed *bed)
{
    vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_CLEAR, -EBUSY, UINT_MAX);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
}

static void clear_unanswered(Bed *bed)
{
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_CLEAR_REPLY);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_CLEAR_REPLY);
}

static void clear_active(Bed *bed)
{
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_clear(bed->host);
}

static const Activity activities[] = {
    { "idle", be_idle, "IDLE" },
    { "disabled", be_disabled, "IDLE" },
    { "status-pending", status_pending, "IDLE" },
    { "start-queued", start_queued, "START_QUEUED" },
    { "start-sent", start_unanswered, "START_SENT", true },
    { "start-active", start_accepted, "START_ACTIVE", true },
    { "halt-queued", halt_refused, "HALT_QUEUED", true },
    { "halt-sent", halt_unanswered, "HALT_SENT", true },
    { "halt-active", halt_active, "HALT_ACTIVE", true },
    { "clear-queued", clear_refused, "CLEAR_QUEUED" },
    { "clear-sent", clear_unanswered, "CLEAR_SENT" },
    { "clear-active", clear_active, "CLEAR_ACTIVE" },
};

static void end_server(Bed *bed)
{
    bed_stop_host(bed);
}

static void close_connection(Bed *bed)
{
    vfio_ccw_host_disconnect(bed->host);
}

/*
 * A look at the SCHIB finds that there is none any more; not the first one, if
 * the SCHIB is being read for an earlier one yet.
 */
static void look_at_schib(Bed *bed)
{
    int64_t losses = counter(bed, "losses");
    int64_t deadline = qcss_deadline();
    SCHIB schib;

    do {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    } while (counter(bed, "losses") == losses);
}

static void lose_device(Bed *bed)
{
    vfio_ccw_host_make_gone(bed->host);
    look_at_schib(bed);
}

static void make_schib_unreadable(Bed *bed)
{
    vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_SCHIB_READ, -EIO, UINT_MAX);
    look_at_schib(bed);
}

/*
 * The host is asked when all that it had been asked for has returned. It fails
 * when the machine's own reset is over, which the report would not outlive; so
 * this is for what that reset does not wait for.
 */
static void fail_reset(Bed *bed)
{
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_RESET);
    qtest_system_reset(bed->qts);
    for (int step = 0; step < VFIO_CCW_HOST_RESET; step++) {
        vfio_ccw_host_unhold(bed->host, step);
    }
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_RESET);
    vfio_ccw_host_release(bed->host, VFIO_CCW_HOST_RESET, -EINVAL);
}

static const Cause causes[] = {
    { "server-ends", end_server },
    { "connection-closed", close_connection },
    { "device-gone", lose_device },
    { "schib-eio", make_schib_unreadable },
    { "reset-fails", fail_reset },
};

typedef struct Loss {
    const Cause *cause;
    const Activity *activity;
} Loss;

/* Once, though the server ends too when its device is gone already */
static void test_loss(const void *data)
{
    const Loss *loss = data;
    Bed *bed = bed_enabled();

    loss->activity->begin(bed);
    wait_state(bed, loss->activity->state);
    loss->cause->lose(bed);
    expect_lost(bed);

    if (bed->host) {
        bed_stop_host(bed);
    }
    expect_nothing(bed);
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
    g_assert_cmpint(counter(bed, "losses"), ==, 1);
    g_assert_null(qtest_qmp_event_ref(bed->qts, "VFIO_CCW_HOST"));
    bed_end(bed);
}

/* Management knows a device that has no name by its path. */
static void test_nameless_device_is_lost(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_unplugged(&config);
    QDict *arguments = device_arguments(bed);
    QDict *event, *data;

    qdict_del(arguments, "id");
    plug_with(bed, arguments);
    expect_subchannel_report(bed);
    bed_stop_host(bed);
    expect_gone(bed);
    event = qtest_qmp_eventwait_ref(bed->qts, "VFIO_CCW_HOST");
    data = qdict_get_qdict(event, "data");
    g_assert_false(qdict_haskey(data, "device-id"));
    g_assert_true(g_str_has_prefix(qdict_get_str(data, "qom-path"),
                                   "/machine/peripheral-anon/"));
    g_assert_cmpstr(qdict_get_str(data, "status"), ==, "lost");
    qobject_unref(event);
    bed_end(bed);
}

/* A server that does not answer, whatever it is asked for */
static void test_silence_is_a_loss(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_unplugged(&config);
    QDict *arguments = device_arguments(bed);

    qdict_put_int(arguments, "x-msg-timeout", TIMEOUT_MS);
    plug_with(bed, arguments);
    expect_subchannel_report(bed);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    look_at_schib(bed);
    expect_lost(bed);
    bed_end(bed);
}

/* Rule 5: once, however many questions end by it. */
static void test_loss_of_all_answers_is_one(void)
{
    static const VfioCcwHostStep withheld[] = {
        VFIO_CCW_HOST_SCHIB_READ, VFIO_CCW_HOST_CRW_READ, VFIO_CCW_HOST_START,
    };
    Bed *bed = bed_enabled();

    for (size_t i = 0; i < ARRAY_SIZE(withheld); i++) {
        vfio_ccw_host_hold(bed->host, withheld[i]);
    }
    scsw_ctrl(bed);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    vfio_ccw_host_signal(bed->host, VFIO_CCW_CRW_IRQ_INDEX);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_CRW_READ);
    g_assert_cmpint(ssch(bed), ==, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_START);
    vfio_ccw_host_signal(bed->host, VFIO_CCW_REQ_IRQ_INDEX);
    vfio_ccw_host_disconnect(bed->host);
    expect_lost(bed);
    expect_nothing(bed);
    g_assert_null(qtest_qmp_event_ref(bed->qts, "VFIO_CCW_HOST"));
    bed_end(bed);
}

/* The host is back */

static void pass_time(Bed *bed, int64_t ns)
{
    qtest_clock_step(bed->qts, ns);
}

/* The SCHIB as the guest finds it when it is told */
static SCHIB expect_return_report(Bed *bed)
{
    SCHIB schib;

    wait_returned(bed);
    expect_event(bed, "returned");
    expect_subchannel_report(bed);
    g_assert_cmphex(qcss_find(bed->qts, DEVNO), ==, SCHID);
    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    g_assert_cmphex(schib.pmcw.flags & (PMCW_FLAGS_MASK_DNV |
                                        PMCW_FLAGS_MASK_ENA), ==,
                    PMCW_FLAGS_MASK_DNV);
    return schib;
}

static void expect_returned(Bed *bed)
{
    expect_return_report(bed);
    g_assert_cmpint(ssch(bed), ==, 3);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    assert_usable(bed);
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
}

static void lose_host(Bed *bed)
{
    bed_stop_host(bed);
    expect_lost(bed);
}

static void bring_host_back(Bed *bed)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    bed_start_host(bed, &config);
}

static void test_return_after(const void *data)
{
    const Activity *activity = data;
    Bed *bed = bed_enabled();
    int64_t starts;

    activity->begin(bed);
    starts = counter(bed, "starts");
    lose_host(bed);
    bring_host_back(bed);
    expect_returned(bed);
    g_assert_cmpint(counter(bed, "starts"), ==, starts + 1);
    bed_end(bed);
}

static void test_returns_again_and_again(void)
{
    Bed *bed = bed_enabled();

    for (int i = 0; i < 5; i++) {
        start_accepted(bed);
        lose_host(bed);
        bring_host_back(bed);
        expect_returned(bed);
    }
    qtest_qmp_device_del(bed->qts, "ccw0");
    expect_subchannel_report(bed);
    assert_unplugged(bed);
    bed_end(bed);
}

/* The old IRB is still there, but it is not of a start of this life. */
static void test_old_irb_ends_no_new_start(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_disconnect(bed->host);
    expect_lost(bed);
    expect_returned(bed);
    vfio_ccw_host_disconnect(bed->host);
    expect_lost(bed);
    wait_reopened(bed, VFIO_CCW_HOST_OPENS, 3);
    expect_event(bed, "returned");
    expect_subchannel_report(bed);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);

    start_accepted(bed);
    vfio_ccw_host_signal(bed->host, VFIO_CCW_IO_IRQ_INDEX);
    expect_nothing(bed);
    wait_state(bed, "START_ACTIVE");
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_normal_end(bed);
    bed_end(bed);
}

/*
 * A start is with the host yet when its device is found lost: the connection is
 * cut for it, and its answer is none of the life that begins then.
 */
static void test_start_is_still_out(void)
{
    Bed *bed = bed_enabled();

    start_unanswered(bed);
    vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_SCHIB_READ, -EIO, 1);
    look_at_schib(bed);
    expect_lost(bed);
    expect_return_report(bed);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START_REPLY);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_CLOSES), ==,
                    1);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    assert_usable(bed);
    expect_nothing(bed);
    bed_end(bed);
}

/*
 * What the host does first with a device that is back is to reset it. It is
 * lost in that, again.
 */

static void reset_is_refused(Bed *bed)
{
    vfio_ccw_host_release(bed->host, VFIO_CCW_HOST_RESET, -EINVAL);
}

static void reset_finds_no_device(Bed *bed)
{
    vfio_ccw_host_make_gone(bed->host);
    vfio_ccw_host_release(bed->host, VFIO_CCW_HOST_RESET, -ENODEV);
}

static const Cause causes_in_reset[] = {
    { "refused", reset_is_refused },
    { "device-gone", reset_finds_no_device },
    { "connection-closed", close_connection },
    { "server-ends", end_server },
};

/* Up to the reset; the guest has not been told that the device is back. */
static void return_up_to_reset(Bed *bed)
{
    lose_host(bed);
    bring_host_back(bed);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_RESET);
    wait_reopened(bed, VFIO_CCW_HOST_OPENS, 1);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_RESET);
    expect_event(bed, "returned");
}

static void expect_lost_again(Bed *bed)
{
    expect_lost(bed);
    g_assert_cmpint(counter(bed, "losses"), ==, 2);
    if (bed->host) {
        bed_stop_host(bed);
    }
    bring_host_back(bed);
    expect_returned(bed);
}

/* The guest uses it already: what it has begun waits for the reset. */
static void test_lost_in_the_reset(const void *data)
{
    const Cause *cause = data;
    Bed *bed = bed_enabled();

    return_up_to_reset(bed);
    expect_subchannel_report(bed);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    g_assert_cmpint(ssch(bed), ==, 0);
    wait_state(bed, "START_QUEUED");
    cause->lose(bed);
    expect_lost_again(bed);
    bed_end(bed);
}

/* The guest looks when it is over: what it was told twice it finds once. */
static void test_lost_in_the_reset_unseen(const void *data)
{
    const Cause *cause = data;
    Bed *bed = bed_enabled();

    return_up_to_reset(bed);
    cause->lose(bed);
    wait_state(bed, "NOT_OPER");
    expect_lost_again(bed);
    bed_end(bed);
}

/* It need not be what it was: the guest sees its paths, and its own devno. */
static void test_returns_with_other_paths(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_enabled();
    SCHIB schib;

    lose_host(bed);
    config.pmcw.devno = DEVNO + 1;
    config.pmcw.pim = config.pmcw.pam = 0x60;
    config.pmcw.chpid[1] = 0x51;
    config.pmcw.chpid[2] = 0x52;
    bed_start_host(bed, &config);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_RESET);
    schib = expect_return_report(bed);
    g_assert_cmphex(schib.pmcw.devno, ==, DEVNO);
    g_assert_cmphex(schib.pmcw.pim, ==, 0x60);
    g_assert_cmphex(schib.pmcw.pam, ==, 0x60);
    g_assert_cmphex(schib.pmcw.chpid[1], ==, 0x51);
    g_assert_cmphex(schib.pmcw.chpid[2], ==, 0x52);
    g_assert_cmphex(schib.pmcw.lpm, ==, 0x60);
    g_assert_cmphex(describe_path(bed, 0x52), ==, FICON_PATH(0x52));
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_RESET);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    assert_usable(bed);
    bed_end(bed);
}

/*
 * The host announces a report when it has been given up already. Its successor
 * has no reports that it could be asked for.
 */
static void test_returns_without_reports(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_enabled();

    vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_SCHIB_READ, -EIO, UINT_MAX);
    look_at_schib(bed);
    expect_lost(bed);
    vfio_ccw_host_signal(bed->host, VFIO_CCW_CRW_IRQ_INDEX);
    for (int i = 0; i < 2; i++) {
        qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");
    }
    bed_stop_host(bed);
    config.regions &= ~(1u << VFIO_CCW_HOST_REGION_CRW);
    bed_start_host(bed, &config);
    expect_returned(bed);
    g_assert_cmpint(counter(bed, "losses"), ==, 1);
    bed_end(bed);
}

/* Every subset of regions that is enough for a new device is enough here. */
static void test_returns_with_other_regions(void)
{
    unsigned all = (1u << VFIO_CCW_HOST_NR_REGIONS) - 1;
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_enabled();
    SCHIB schib;

    for (unsigned regions = 1; regions <= all; regions += 2) {
        lose_host(bed);
        config.regions = regions;
        config.irqs = regions & (1u << VFIO_CCW_HOST_REGION_CRW)
            ? 1u << VFIO_CCW_IO_IRQ_INDEX | 1u << VFIO_CCW_CRW_IRQ_INDEX
            : 1u << VFIO_CCW_IO_IRQ_INDEX;
        bed_start_host(bed, &config);
        expect_returned(bed);
        /* A host that does not tell has the path that the guest knows. */
        g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
        g_assert_cmphex(schib.pmcw.pim, ==, config.pmcw.pim);
        g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
        if (regions & (1u << VFIO_CCW_HOST_REGION_ASYNC)) {
            vfio_ccw_host_wait_clear(bed->host);
            vfio_ccw_host_present_status(bed->host, 0, 0, 0);
        }
        expect_end_of(bed, SCSW_FCTL_CLEAR_FUNC);
    }
    bed_end(bed);
}

/* Whoever answers at the address, but is of no use: the guest hears nothing */

static VfioCcwHostConfig useless_config(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.irqs &= ~(1u << VFIO_CCW_IO_IRQ_INDEX);
    return config;
}

static void test_useless_host_stays_away(void)
{
    VfioCcwHostConfig config = useless_config();
    Bed *bed = bed_enabled();

    lose_host(bed);
    bed_start_host(bed, &config);
    wait_reopened(bed, VFIO_CCW_HOST_CLOSES, 3);
    wait_state(bed, "NOT_OPER");
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
    g_assert_cmpint(ssch(bed), ==, 3);
    bed_stop_host(bed);
    bring_host_back(bed);
    expect_returned(bed);
    bed_end(bed);
}

/* That nobody is there is nothing to warn of, however often. */
static void test_nobody_is_waited_for_in_silence(void)
{
    g_autofree char *said = record_begin();
    Bed *bed = bed_enabled();

    record_end();
    lose_host(bed);
    for (int i = 0; i < 4; i++) {
        pass_time(bed, MAX_DELAY_S * NS_PER_S);
    }
    bring_host_back(bed);
    expect_returned(bed);
    bed_end(bed);
    g_assert_cmpuint(count_said(said, "cannot have the host"), ==, 0);
    unlink(said);
}

static void expect_report_of_another(Bed *bed)
{
    CRW crw;

    qcss_wait_crw_mchk(bed->qts);
    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 0);
    g_assert_cmphex(crw.rsid, ==, (SCHID & 0xffff) + 1);
    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 1);
}

/*
 * Whoever reads what QEMU says learns which device has lost its host and why,
 * and which one has it back.
 */
static void test_losses_have_names(void)
{
    static const char *const names[] = {
        "vfio-ccw ccw0 (device fe.0.1234, subchannel fe.0.0000)",
        "vfio-ccw another0 (device fe.0.1235, subchannel fe.0.0001)",
    };
    g_autofree char *said = record_begin();
    Bed *bed = bed_enabled();
    VfioCcwHost *another;

    record_end();
    another = plug_another(bed, 0, vfio_ccw_host_default_config());
    expect_report_of_another(bed);
    lose_host(bed);
    bring_host_back(bed);
    expect_returned(bed);
    vfio_ccw_host_stop(another, &error_abort);
    expect_report_of_another(bed);
    for (int i = 0; i < ARRAY_SIZE(names); i++) {
        g_autofree char *lost =
            g_strdup_printf("warning: %s: the host is lost: the server closed "
                            "the connection\n", names[i]);
        g_autofree char *back = g_strdup_printf("info: %s: the host is back\n",
                                                names[i]);

        g_assert_cmpuint(count_said(said, lost), ==, 1);
        g_assert_cmpuint(count_said(said, back), ==, i == 0);
    }
    g_assert_cmpuint(count_messages(said), ==, 3);
    bed_end(bed);
    unlink(said);
}

/* Of each attempt the host sees a connection, and its end. */
static void expect_attempt_after(Bed *bed, unsigned attempt, int64_t ns)
{
    pass_time(bed, ns - 1);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_OPENS), ==,
                    attempt - 1);
    pass_time(bed, 1);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_CLOSES, attempt);
}

static void test_delays_double_up_to_a_limit(void)
{
    VfioCcwHostConfig config = useless_config();
    Bed *bed = bed_enabled();
    int64_t delay = 1;

    pass_time(bed, MAX_DELAY_S * NS_PER_S);
    lose_host(bed);
    bed_start_host(bed, &config);
    for (unsigned attempt = 1; attempt <= 8; attempt++) {
        expect_attempt_after(bed, attempt, delay * NS_PER_S);
        delay = MIN(delay * 2, MAX_DELAY_S);
    }
    bed_end(bed);
}

/* Lost as soon as it was back, it is not asked for more and more often. */
static void test_two_losses_in_succession(void)
{
    VfioCcwHostConfig config = useless_config();
    Bed *bed = bed_enabled();

    lose_host(bed);
    bring_host_back(bed);
    expect_returned(bed);
    lose_host(bed);
    bed_start_host(bed, &config);
    expect_attempt_after(bed, 1, 2 * NS_PER_S);
    bed_end(bed);
}

/* Linux asks for its device when that is gone: it gets it, the guest none. */
static void test_lost_host_gets_its_device_back(void)
{
    Bed *bed = bed_enabled();

    lose_device(bed);
    expect_lost(bed);
    vfio_ccw_host_signal(bed->host, VFIO_CCW_REQ_IRQ_INDEX);
    pass_time(bed, NS_PER_S);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_CLOSES, 1);
    wait_state(bed, "NOT_OPER");
    g_assert_null(qtest_qmp_event_ref(bed->qts, "DEVICE_DELETED"));
    bed_stop_host(bed);
    bring_host_back(bed);
    expect_returned(bed);
    bed_end(bed);
}

/* That was the old host: the new one, too, can have its device back. */
static void test_returned_host_gets_its_device_back(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_unplugged(&config);
    QDict *arguments = device_arguments(bed);

    qdict_put_int(arguments, "x-quiesce-timeout", 3600000);
    plug_with(bed, arguments);
    expect_subchannel_report(bed);
    vfio_ccw_host_make_gone(bed->host);
    vfio_ccw_host_signal(bed->host, VFIO_CCW_REQ_IRQ_INDEX);
    expect_lost(bed);
    bed_stop_host(bed);
    bring_host_back(bed);
    expect_returned(bed);
    vfio_ccw_host_signal(bed->host, VFIO_CCW_REQ_IRQ_INDEX);
    qtest_qmp_eventwait(bed->qts, "DEVICE_DELETED");
    assert_unplugged(bed);
    bed_end(bed);
}

/* Odd moments */

static void test_nothing_is_tried_while_stopped(void)
{
    Bed *bed = bed_enabled();

    qtest_qmp_assert_success(bed->qts, "{'execute': 'stop'}");
    lose_host(bed);
    bring_host_back(bed);
    pass_time(bed, 100 * NS_PER_S);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_OPENS), ==, 0);

    qtest_qmp_assert_success(bed->qts, "{'execute': 'cont'}");
    expect_returned(bed);
    bed_end(bed);
}

static void test_reset_while_lost(void)
{
    Bed *bed = bed_enabled();

    lose_host(bed);
    qtest_system_reset(bed->qts);
    wait_state(bed, "NOT_OPER");
    g_assert_cmphex(qcss_find(bed->qts, DEVNO), ==, 0);
    g_assert_cmpint(ssch(bed), ==, 3);
    bring_host_back(bed);
    expect_returned(bed);
    bed_end(bed);
}

/* An attempt is under way, and the host withholds its answer. */
static void reopen_up_to(Bed *bed, VfioCcwHostStep step)
{
    lose_host(bed);
    bring_host_back(bed);
    vfio_ccw_host_hold(bed->host, step);
    pass_time(bed, NS_PER_S);
    vfio_ccw_host_wait_held(bed->host, step);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");
    g_assert_cmpint(ssch(bed), ==, 3);
}

static void test_reset_while_returning(const void *step)
{
    Bed *bed = bed_enabled();

    reopen_up_to(bed, GPOINTER_TO_INT(step));
    qtest_system_reset(bed->qts);
    vfio_ccw_host_unhold(bed->host, GPOINTER_TO_INT(step));
    expect_returned(bed);
    bed_end(bed);
}

static void test_lost_while_returning(const void *step)
{
    Bed *bed = bed_enabled();

    reopen_up_to(bed, GPOINTER_TO_INT(step));
    bed_stop_host(bed);
    bring_host_back(bed);
    expect_returned(bed);
    g_assert_cmpint(counter(bed, "losses"), ==, 1);
    bed_end(bed);
}

/* Of a device that it knows to be gone the guest is not told again. */
static void unplug_at_once(Bed *bed)
{
    qtest_qmp_device_del(bed->qts, "ccw0");
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
    assert_unplugged(bed);
}

static void test_unplug_while_returning(const void *step)
{
    Bed *bed = bed_enabled();

    reopen_up_to(bed, GPOINTER_TO_INT(step));
    unplug_at_once(bed);
    vfio_ccw_host_unhold(bed->host, GPOINTER_TO_INT(step));
    plug(bed);
    expect_usable(bed);
    bed_end(bed);
}

static void test_unplug_while_lost(void)
{
    Bed *bed = bed_enabled();

    lose_host(bed);
    unplug_at_once(bed);
    pass_time(bed, 100 * NS_PER_S);
    bring_host_back(bed);
    plug(bed);
    expect_usable(bed);
    bed_end(bed);
}

/* A server that is stuck accepts nobody, and its queue of clients is full. */
static void test_full_server_holds_nothing_up(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    Bed *bed = bed_enabled();
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    int client = socket(AF_UNIX, SOCK_STREAM, 0);

    lose_host(bed);
    g_strlcpy(address.sun_path, bed->socket, sizeof(address.sun_path));
    g_assert_cmpint(bind(listener, (struct sockaddr *)&address,
                         sizeof(address)), ==, 0);
    g_assert_cmpint(listen(listener, 0), ==, 0);
    g_assert_cmpint(connect(client, (struct sockaddr *)&address,
                            sizeof(address)), ==, 0);
    pass_time(bed, 10 * NS_PER_S);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");
    g_assert_cmpint(ssch(bed), ==, 3);

    close(client);
    close(listener);
    g_assert_cmpint(unlink(bed->socket), ==, 0);
    bring_host_back(bed);
    expect_returned(bed);
    bed_end(bed);
}

/* The other policy */

static void test_unplug_policy(const void *data)
{
    const Activity *activity = data;
    Bed *bed = bed_enabled();
    CRW crw;

    qtest_qmp_assert_success(bed->qts, "{'execute': 'qom-set', 'arguments': {"
                             "'path': '" DEVICE_PATH "',"
                             "'property': 'on-host-loss',"
                             "'value': 'unplug'}}");
    activity->begin(bed);
    bed_stop_host(bed);
    expect_event(bed, "lost");
    qtest_qmp_eventwait(bed->qts, "DEVICE_DELETED");
    qcss_wait_crw_mchk(bed->qts);
    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 0);
    g_assert_cmphex(crw.rsid, ==, SCHID & 0xffff);
    assert_unplugged(bed);
    expect_nothing(bed);
    bed_end(bed);
}

static void test_policy_is_a_property(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_unplugged(&config);
    QDict *arguments = device_arguments(bed);

    qdict_put_str(arguments, "on-host-loss", "unplug");
    plug_with(bed, arguments);
    bed_stop_host(bed);
    qtest_qmp_eventwait(bed->qts, "DEVICE_DELETED");
    assert_unplugged(bed);
    bed_end(bed);
}

static void add_data_test(const char *prefix, const char *name,
                          const void *data, void (*test)(const void *))
{
    g_autofree char *path = g_strdup_printf("/vfio-ccw/%s/%s", prefix, name);

    qtest_add_data_func(path, data, test);
}

static void add_loss_tests(void)
{
    static Loss losses[ARRAY_SIZE(causes) * ARRAY_SIZE(activities)];
    Loss *loss = losses;

    for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
        g_autofree char *prefix = g_strdup_printf("lost/%s", causes[i].name);

        for (size_t j = 0; j < ARRAY_SIZE(activities); j++) {
            if (causes[i].lose == fail_reset && activities[j].transfers) {
                continue;
            }
            *loss = (Loss) { &causes[i], &activities[j] };
            add_data_test(prefix, activities[j].name, loss++, test_loss);
        }
    }
    qtest_add_func("/vfio-ccw/lost/silence", test_silence_is_a_loss);
    qtest_add_func("/vfio-ccw/lost/all-answers-are-one-loss",
                   test_loss_of_all_answers_is_one);
}

static void add_tests_in_the_reset(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(causes_in_reset); i++) {
        const Cause *cause = &causes_in_reset[i];

        add_data_test("returned/lost-in-the-reset", cause->name, cause,
                      test_lost_in_the_reset);
        add_data_test("returned/lost-in-the-reset-unseen", cause->name, cause,
                      test_lost_in_the_reset_unseen);
    }
}

static void add_tests_while_returning(void)
{
    static const struct {
        const char *name;
        VfioCcwHostStep step;
    } steps[] = {
        { "version", VFIO_CCW_HOST_VERSION },
        { "schib", VFIO_CCW_HOST_SCHIB_READ },
    };

    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        const void *step = GINT_TO_POINTER(steps[i].step);

        add_data_test("returning/reset", steps[i].name, step,
                      test_reset_while_returning);
        add_data_test("returning/lost", steps[i].name, step,
                      test_lost_while_returning);
        add_data_test("returning/unplug", steps[i].name, step,
                      test_unplug_while_returning);
    }
}

static void add_tests(void)
{
    qtest_add_func("/vfio-ccw/counters/instructions",
                   test_instructions_are_counted);
    qtest_add_func("/vfio-ccw/counters/retries", test_retries_are_counted);
    qtest_add_func("/vfio-ccw/counters/stale-interrupts",
                   test_stale_interrupts_are_counted);
    qtest_add_func("/vfio-ccw/counters/are-one-structure",
                   test_counters_are_one_structure);
    add_loss_tests();
    for (size_t i = 0; i < ARRAY_SIZE(activities); i++) {
        add_data_test("returned/after", activities[i].name, &activities[i],
                      test_return_after);
        add_data_test("lost/unplugs", activities[i].name, &activities[i],
                      test_unplug_policy);
    }
    qtest_add_func("/vfio-ccw/lost/without-a-name",
                   test_nameless_device_is_lost);
    qtest_add_func("/vfio-ccw/lost/unplug-is-a-property",
                   test_policy_is_a_property);
    qtest_add_func("/vfio-ccw/lost/stopped",
                   test_nothing_is_tried_while_stopped);
    qtest_add_func("/vfio-ccw/lost/reset", test_reset_while_lost);
    qtest_add_func("/vfio-ccw/lost/unplug", test_unplug_while_lost);
    qtest_add_func("/vfio-ccw/lost/host-gets-its-device-back",
                   test_lost_host_gets_its_device_back);
    qtest_add_func("/vfio-ccw/returned/host-gets-its-device-back-again",
                   test_returned_host_gets_its_device_back);
    qtest_add_func("/vfio-ccw/lost/twice", test_two_losses_in_succession);
    qtest_add_func("/vfio-ccw/returned/again-and-again",
                   test_returns_again_and_again);
    qtest_add_func("/vfio-ccw/returned/old-irb-ends-no-new-start",
                   test_old_irb_ends_no_new_start);
    qtest_add_func("/vfio-ccw/returned/other-paths",
                   test_returns_with_other_paths);
    qtest_add_func("/vfio-ccw/returned/other-regions",
                   test_returns_with_other_regions);
    qtest_add_func("/vfio-ccw/returned/without-reports",
                   test_returns_without_reports);
    qtest_add_func("/vfio-ccw/returning/useless-host-stays-away",
                   test_useless_host_stays_away);
    qtest_add_func("/vfio-ccw/lost/losses-have-names", test_losses_have_names);
    qtest_add_func("/vfio-ccw/lost/nobody-is-waited-for-in-silence",
                   test_nobody_is_waited_for_in_silence);
    qtest_add_func("/vfio-ccw/returning/delays-double-up-to-a-limit",
                   test_delays_double_up_to_a_limit);
    qtest_add_func("/vfio-ccw/returning/full-server-holds-nothing-up",
                   test_full_server_holds_nothing_up);
    qtest_add_func("/vfio-ccw/returned/start-is-still-out",
                   test_start_is_still_out);
    add_tests_in_the_reset();
    add_tests_while_returning();
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
