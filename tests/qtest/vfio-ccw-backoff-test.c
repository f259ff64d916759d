/*
 * QTest of vfio-ccw: how often a host that is busy is asked, and when
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * QEMU waits in virtual time, which the test advances. All code below runs in
 * the test's thread; see vfio-ccw-fixture.h.
 */

#include "qemu/osdep.h"
#include "vfio-ccw-fixture.h"

#define MAX_ATTEMPTS 16
#define MAX_DELAY_MS 256

#define NS_PER_MS 1000000

/* Longer than all delays together */
#define FAR_FUTURE_NS (10000LL * NS_PER_MS)

typedef struct Retries {
    Bed *bed;
    unsigned writes;    /* before the start that is refused */
} Retries;

static unsigned attempts_of(Retries *r)
{
    return vfio_ccw_host_count(r->bed->host, VFIO_CCW_HOST_IO_WRITES) -
           r->writes;
}

static void wait_attempts(Retries *r, unsigned attempts)
{
    vfio_ccw_host_wait_count(r->bed->host, VFIO_CCW_HOST_IO_WRITES,
                             r->writes + attempts);
}

/* That many attempts have been refused, and QEMU waits. */
static void wait_refused(Retries *r, unsigned attempts)
{
    wait_attempts(r, attempts);
    wait_state(r->bed, "START_QUEUED");
}

/* A host that refuses each start with @err */
static Retries retries_begin(int err)
{
    Retries r = { .bed = bed_enabled() };

    r.writes = vfio_ccw_host_count(r.bed->host, VFIO_CCW_HOST_IO_WRITES);
    vfio_ccw_host_answer(r.bed->host, VFIO_CCW_HOST_START, err, UINT_MAX);
    return r;
}

/* ... and has refused one */
static Retries retries_waiting(int err)
{
    Retries r = retries_begin(err);

    g_assert_cmpint(ssch(r.bed), ==, 0);
    wait_refused(&r, 1);
    return r;
}

static void accept_starts(Retries *r)
{
    vfio_ccw_host_answer(r->bed->host, VFIO_CCW_HOST_START, 0, 0);
}

/* The start that was refused is not sent any more. */
static void assert_forgotten(Retries *r)
{
    qtest_clock_step(r->bed->qts, FAR_FUTURE_NS);
    expect_nothing(r->bed);
    g_assert_cmpint(attempts_of(r), ==, 1);
}

/* Not a nanosecond too early, and none too late */
static void test_delays_double_up_to_a_limit(const void *data)
{
    Retries r = retries_begin(GPOINTER_TO_INT(data));
    int64_t delay = 1;
    IRB irb = {
        .scsw.flags = ORB_FLAGS | 1 << 8,
        .scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND | ALERT_STCTL,
    };

    g_assert_cmpint(ssch(r.bed), ==, 0);
    for (unsigned attempt = 1; attempt < MAX_ATTEMPTS; attempt++) {
        wait_refused(&r, attempt);
        qtest_clock_step(r.bed->qts, delay * NS_PER_MS - 1);
        g_assert_cmphex(scsw_ctrl(r.bed), ==,
                        SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND);
        g_assert_cmpint(attempts_of(&r), ==, attempt);
        qtest_clock_step(r.bed->qts, 1);
        delay = MIN(delay * 2, MAX_DELAY_MS);
    }
    wait_attempts(&r, MAX_ATTEMPTS);
    expect_exactly(r.bed, &irb);
    qtest_clock_step(r.bed->qts, FAR_FUTURE_NS);
    expect_nothing(r.bed);
    g_assert_cmpint(attempts_of(&r), ==, MAX_ATTEMPTS);
    accept_starts(&r);
    assert_usable(r.bed);
    bed_end(r.bed);
}

/* A start that was accepted late is like any other, and the next one too. */
static void test_last_attempt_may_succeed(const void *data)
{
    Retries r = retries_begin(GPOINTER_TO_INT(data));

    vfio_ccw_host_answer(r.bed->host, VFIO_CCW_HOST_START,
                         GPOINTER_TO_INT(data), MAX_ATTEMPTS - 1);
    g_assert_cmpint(ssch(r.bed), ==, 0);
    wait_retried(r.bed, VFIO_CCW_HOST_STARTS, 2);
    vfio_ccw_host_wait_start(r.bed->host, NULL);
    g_assert_cmpint(attempts_of(&r), ==, MAX_ATTEMPTS);
    vfio_ccw_host_present_status(r.bed->host, NORMAL_END, 0, 0);
    expect_normal_end(r.bed);
    assert_usable(r.bed);
    bed_end(r.bed);
}

static void test_nobody_waits_meanwhile(const void *data)
{
    Retries r = retries_waiting(GPOINTER_TO_INT(data));
    SCHIB schib;
    IRB irb;

    qtest_qmp_assert_success(r.bed->qts, "{'execute': 'query-status'}");
    g_assert_cmpint(ssch(r.bed), ==, 2);
    g_assert_cmpint(qcss_rsch(r.bed->qts, SCHID), ==, 2);
    g_assert_cmpint(qcss_tsch(r.bed->qts, SCHID, &irb), ==, 1);
    g_assert_cmpint(qcss_stsch(r.bed->qts, SCHID, &schib), ==, 0);
    g_assert_cmpint(qcss_msch(r.bed->qts, SCHID, &schib), ==, 2);
    expect_nothing(r.bed);
    bed_end(r.bed);
}

static void test_cancelled_at_once_by_cancel(const void *data)
{
    Retries r = retries_waiting(GPOINTER_TO_INT(data));

    g_assert_cmpint(qcss_xsch(r.bed->qts, SCHID), ==, 0);
    g_assert_cmphex(scsw_ctrl(r.bed), ==, 0);
    assert_forgotten(&r);
    accept_starts(&r);
    assert_usable(r.bed);
    bed_end(r.bed);
}

/* The function has replaced the start: the host sees nothing but it. */
static void test_cancelled_at_once_by_halt(const void *data)
{
    Retries r = retries_waiting(GPOINTER_TO_INT(data));
    IRB irb = {
        .scsw.flags = ORB_FLAGS,
        .scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_FCTL_HALT_FUNC |
                     SCSW_ACTL_START_PEND | SCSW_STCTL_STATUS_PEND,
    };

    g_assert_cmpint(qcss_hsch(r.bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_halt(r.bed->host);
    assert_forgotten(&r);
    vfio_ccw_host_present_irb(r.bed->host, &(IRB) {
        .scsw.ctrl = SCSW_FCTL_HALT_FUNC | SCSW_STCTL_STATUS_PEND,
    });
    expect_exactly(r.bed, &irb);
    accept_starts(&r);
    assert_usable(r.bed);
    bed_end(r.bed);
}

static void test_cancelled_at_once_by_clear(const void *data)
{
    Retries r = retries_waiting(GPOINTER_TO_INT(data));
    IRB irb = {
        .scsw.ctrl = SCSW_FCTL_CLEAR_FUNC | SCSW_STCTL_STATUS_PEND,
    };

    g_assert_cmpint(qcss_csch(r.bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_clear(r.bed->host);
    assert_forgotten(&r);
    vfio_ccw_host_present_status(r.bed->host, 0, 0, 0);
    expect_exactly(r.bed, &irb);
    accept_starts(&r);
    assert_usable(r.bed);
    bed_end(r.bed);
}

static void test_cancelled_at_once_by_reset(const void *data)
{
    Retries r = retries_waiting(GPOINTER_TO_INT(data));

    qtest_system_reset(r.bed->qts);
    assert_reset_subchannel(r.bed);
    assert_forgotten(&r);
    accept_starts(&r);
    qcss_enable(r.bed->qts, SCHID, INTPARM_MSCH);
    assert_usable(r.bed);
    bed_end(r.bed);
}

static void test_cancelled_at_once_by_unplug(const void *data)
{
    Retries r = retries_waiting(GPOINTER_TO_INT(data));

    qtest_qmp_device_del(r.bed->qts, "ccw0");
    expect_subchannel_report(r.bed);
    assert_unplugged(r.bed);
    vfio_ccw_host_wait_count(r.bed->host, VFIO_CCW_HOST_CLOSES, 1);
    assert_forgotten(&r);
    bed_end(r.bed);
}

/* What the host was busy with may be over: no time passes. */
static void test_interrupt_cuts_the_wait_short(const void *data)
{
    Retries r = retries_waiting(GPOINTER_TO_INT(data));

    accept_starts(&r);
    vfio_ccw_host_signal(r.bed->host, VFIO_CCW_IO_IRQ_INDEX);
    vfio_ccw_host_wait_start(r.bed->host, NULL);
    g_assert_cmpint(attempts_of(&r), ==, 2);
    vfio_ccw_host_present_status(r.bed->host, NORMAL_END, 0, 0);
    expect_normal_end(r.bed);
    bed_end(r.bed);
}

/* Rule 3: what is pending at the host is taken first, then the start goes. */
static void test_pending_status_of_the_host_comes_first(void)
{
    Bed *bed = bed_enabled();
    unsigned writes = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_IO_WRITES);
    IRB irb = {
        .scsw.flags = ORB_FLAGS,
        .scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND | ALERT_STCTL,
        .scsw.dstat = SCSW_DSTAT_ATTENTION,
    };

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_INTERRUPT);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_ATTENTION, 0, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_INTERRUPT);
    g_assert_cmpint(ssch(bed), ==, 0);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_IO_WRITES, writes + 1);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_INTERRUPT);
    expect_exactly(bed, &irb);
    vfio_ccw_host_wait_start(bed->host, NULL);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_normal_end(bed);
    assert_usable(bed);
    bed_end(bed);
}

static const struct {
    const char *name;
    void (*func)(const void *err);
} tests[] = {
    { "delays-double-up-to-a-limit", test_delays_double_up_to_a_limit },
    { "last-attempt-may-succeed", test_last_attempt_may_succeed },
    { "nobody-waits-meanwhile", test_nobody_waits_meanwhile },
    { "cancelled-at-once-by-cancel", test_cancelled_at_once_by_cancel },
    { "cancelled-at-once-by-halt", test_cancelled_at_once_by_halt },
    { "cancelled-at-once-by-clear", test_cancelled_at_once_by_clear },
    { "cancelled-at-once-by-reset", test_cancelled_at_once_by_reset },
    { "cancelled-at-once-by-unplug", test_cancelled_at_once_by_unplug },
    { "interrupt-cuts-the-wait-short", test_interrupt_cuts_the_wait_short },
};

static void add_with(const char *name, int err)
{
    for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
        g_autofree char *path = g_strdup_printf("/vfio-ccw/backoff/%s/%s",
                                                name, tests[i].name);

        qtest_add_data_func(path, GINT_TO_POINTER(err), tests[i].func);
    }
}

static void add_tests(void)
{
    qtest_add_func("/vfio-ccw/backoff/pending-status-of-the-host-comes-first",
                   test_pending_status_of_the_host_comes_first);
    add_with("eagain", -EAGAIN);
    add_with("ebusy", -EBUSY);
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
