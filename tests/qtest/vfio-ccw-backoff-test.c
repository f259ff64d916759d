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

/* A function that the host refuses, and how the device calls its waiting */
typedef struct Function {
    const char *name;
    VfioCcwHostStep step;
    VfioCcwHostCounter asked;
    VfioCcwHostCounter accepted;
    int (*issue)(Bed *bed);
    const char *queued;
    uint16_t in_progress;   /* control bits meanwhile */
    IRB given_up;           /* what ends it if the host refuses for ever */
} Function;

typedef struct Case {
    const Function *function;
    int err;
} Case;

static int hsch(Bed *bed)
{
    return qcss_hsch(bed->qts, SCHID);
}

static int csch(Bed *bed)
{
    return qcss_csch(bed->qts, SCHID);
}

static const Function start = {
    .name = "start",
    .step = VFIO_CCW_HOST_START,
    .asked = VFIO_CCW_HOST_IO_WRITES,
    .accepted = VFIO_CCW_HOST_STARTS,
    .issue = ssch,
    .queued = "START_QUEUED",
    .in_progress = SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND,
    .given_up = {
        .scsw.flags = ORB_FLAGS | 1 << 8,
        .scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND | ALERT_STCTL,
    },
};

/* Of an idle device, whose last ORB shows through */
static const Function halt = {
    .name = "halt",
    .step = VFIO_CCW_HOST_HALT,
    .asked = VFIO_CCW_HOST_ASYNC_WRITES,
    .accepted = VFIO_CCW_HOST_HALTS,
    .issue = hsch,
    .queued = "HALT_QUEUED",
    .in_progress = SCSW_FCTL_HALT_FUNC | SCSW_ACTL_HALT_PEND,
    .given_up = {
        .scsw.flags = ORB_FLAGS,
        .scsw.ctrl = SCSW_FCTL_HALT_FUNC | SCSW_STCTL_ALERT | FINAL_STCTL,
        .scsw.cstat = SCSW_CSTAT_CHN_CTRL_CHK,
    },
};

static const Function clear = {
    .name = "clear",
    .step = VFIO_CCW_HOST_CLEAR,
    .asked = VFIO_CCW_HOST_ASYNC_WRITES,
    .accepted = VFIO_CCW_HOST_CLEARS,
    .issue = csch,
    .queued = "CLEAR_QUEUED",
    .in_progress = SCSW_FCTL_CLEAR_FUNC | SCSW_ACTL_CLEAR_PEND,
    .given_up = {
        .scsw.ctrl = SCSW_FCTL_CLEAR_FUNC | SCSW_STCTL_ALERT | FINAL_STCTL,
        .scsw.cstat = SCSW_CSTAT_CHN_CTRL_CHK,
    },
};

typedef struct Retries {
    Bed *bed;
    const Function *function;
    unsigned asked;         /* before the function that is refused */
} Retries;

static unsigned attempts_of(Retries *r)
{
    return vfio_ccw_host_count(r->bed->host, r->function->asked) - r->asked;
}

static void wait_attempts(Retries *r, unsigned attempts)
{
    vfio_ccw_host_wait_count(r->bed->host, r->function->asked,
                             r->asked + attempts);
}

/* That many attempts have been refused, and QEMU waits. */
static void wait_refused(Retries *r, unsigned attempts)
{
    wait_attempts(r, attempts);
    wait_state(r->bed, r->function->queued);
}

/* A host that refuses a function */
static Retries retries_begin(const Case *c)
{
    Retries r = { .bed = bed_enabled(), .function = c->function };

    r.asked = vfio_ccw_host_count(r.bed->host, r.function->asked);
    vfio_ccw_host_answer(r.bed->host, r.function->step, c->err, UINT_MAX);
    return r;
}

/* ... and has refused it once */
static Retries retries_waiting(const Case *c)
{
    Retries r = retries_begin(c);

    g_assert_cmpint(r.function->issue(r.bed), ==, 0);
    wait_refused(&r, 1);
    return r;
}

/* The delay after this attempt */
static int64_t delay_ns(unsigned attempt)
{
    return MIN(1 << (attempt - 1), MAX_DELAY_MS) * NS_PER_MS;
}

/* ... and has refused it as often as it can without an end */
static Retries retries_waiting_for_the_last(const Case *c)
{
    Retries r = retries_waiting(c);

    for (unsigned attempt = 1; attempt < MAX_ATTEMPTS - 1; attempt++) {
        qtest_clock_step(r.bed->qts, delay_ns(attempt));
        wait_refused(&r, attempt + 1);
    }
    return r;
}

static void stop_refusing(Retries *r)
{
    vfio_ccw_host_answer(r->bed->host, r->function->step, 0, 0);
}

/* What was refused, so often, is not asked any more. */
static void assert_forgotten(Retries *r, unsigned attempts)
{
    qtest_clock_step(r->bed->qts, FAR_FUTURE_NS);
    expect_nothing(r->bed);
    g_assert_cmpint(attempts_of(r), ==, attempts);
}

/* Nor does the next one inherit anything: it has all of its attempts. */
static void assert_next_begins_anew(Retries *r)
{
    r->asked += attempts_of(r);
    if (r->function != &start) {
        assert_usable(r->bed);
    }
    g_assert_cmpint(r->function->issue(r->bed), ==, 0);
    for (unsigned attempt = 1; attempt < MAX_ATTEMPTS; attempt++) {
        wait_refused(r, attempt);
        qtest_clock_step(r->bed->qts, delay_ns(attempt) - 1);
        g_assert_cmphex(scsw_ctrl(r->bed), ==, r->function->in_progress);
        g_assert_cmpint(attempts_of(r), ==, attempt);
        qtest_clock_step(r->bed->qts, 1);
    }
    wait_attempts(r, MAX_ATTEMPTS);
    expect_exactly(r->bed, &r->function->given_up);
    assert_forgotten(r, MAX_ATTEMPTS);
}

/* Not a nanosecond too early, and none too late */
static void test_delays_double_up_to_a_limit(const void *data)
{
    Retries r = retries_begin(data);

    assert_next_begins_anew(&r);
    stop_refusing(&r);
    assert_usable(r.bed);
    bed_end(r.bed);
}

/* What was accepted late is like any other, and the next one too. */
static void test_last_attempt_may_succeed(const void *data)
{
    const Case *c = data;
    Retries r = retries_waiting_for_the_last(c);
    unsigned accepted = vfio_ccw_host_count(r.bed->host, r.function->accepted);

    stop_refusing(&r);
    qtest_clock_step(r.bed->qts, delay_ns(MAX_ATTEMPTS - 1));
    vfio_ccw_host_wait_count(r.bed->host, r.function->accepted, accepted + 1);
    g_assert_cmpint(attempts_of(&r), ==, MAX_ATTEMPTS);
    if (c->function == &start) {
        vfio_ccw_host_wait_start(r.bed->host, NULL);
        vfio_ccw_host_present_status(r.bed->host, NORMAL_END, 0, 0);
        expect_normal_end(r.bed);
    } else {
        vfio_ccw_host_present_status(r.bed->host, 0, 0, 0);
        expect_end_of(r.bed, r.function->in_progress & SCSW_CTRL_MASK_FCTL);
    }
    assert_usable(r.bed);
    bed_end(r.bed);
}

static void test_nobody_waits_meanwhile(const void *data)
{
    Retries r = retries_waiting(data);
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

static void cancel_by_cancel(Retries *r)
{
    g_assert_cmpint(qcss_xsch(r->bed->qts, SCHID), ==, 0);
    g_assert_cmphex(scsw_ctrl(r->bed), ==, 0);
}

/* The host is asked for it, whatever it has been asked before. */
static void cancel_by_halt(Retries *r)
{
    IRB irb = {
        .scsw.flags = ORB_FLAGS,
        .scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_FCTL_HALT_FUNC |
                     SCSW_ACTL_START_PEND | SCSW_STCTL_STATUS_PEND,
    };

    g_assert_cmpint(hsch(r->bed), ==, 0);
    vfio_ccw_host_wait_halt(r->bed->host);
    vfio_ccw_host_present_irb(r->bed->host, &(IRB) {
        .scsw.ctrl = SCSW_FCTL_HALT_FUNC | SCSW_STCTL_STATUS_PEND,
    });
    expect_exactly(r->bed, &irb);
}

static void cancel_by_clear(Retries *r)
{
    IRB irb = {
        .scsw.ctrl = SCSW_FCTL_CLEAR_FUNC | SCSW_STCTL_STATUS_PEND,
    };

    g_assert_cmpint(csch(r->bed), ==, 0);
    vfio_ccw_host_wait_clear(r->bed->host);
    vfio_ccw_host_present_status(r->bed->host, 0, 0, 0);
    expect_exactly(r->bed, &irb);
    if (r->function->asked == VFIO_CCW_HOST_ASYNC_WRITES) {
        r->asked++;         /* for the clear itself */
    }
}

static void cancel_by_reset(Retries *r)
{
    qtest_system_reset(r->bed->qts);
    assert_reset_subchannel(r->bed);
    qcss_enable(r->bed->qts, SCHID, INTPARM_MSCH);
}

/* A function that waits is cancelled by this ... */
typedef struct Cancelling {
    const char *name;
    void (*cancel)(Retries *r);
} Cancelling;

static const Cancelling by_cancel = { "cancel", cancel_by_cancel };
static const Cancelling by_halt = { "halt", cancel_by_halt };
static const Cancelling by_clear = { "clear", cancel_by_clear };
static const Cancelling by_reset = { "reset", cancel_by_reset };

/* ... at this moment */
typedef struct Moment {
    const char *name;
    Retries (*begin)(const Case *c);
    unsigned attempts;
} Moment;

static const Moment moments[] = {
    { "first", retries_waiting, 1 },
    { "last", retries_waiting_for_the_last, MAX_ATTEMPTS - 1 },
};

typedef struct CancelCase {
    Case c;
    const Cancelling *by;
    const Moment *moment;
} CancelCase;

/* The host sees nothing of it any more, and the next one is another. */
static void test_cancelled(const void *data)
{
    const CancelCase *cc = data;
    Retries r = cc->moment->begin(&cc->c);

    cc->by->cancel(&r);
    assert_forgotten(&r, cc->moment->attempts);
    assert_next_begins_anew(&r);
    stop_refusing(&r);
    assert_usable(r.bed);
    bed_end(r.bed);
}

/* For halt and clear see vfio-ccw-plug-test.c. */
static void test_cancelled_at_once_by_unplug(const void *data)
{
    Retries r = retries_waiting(data);

    qtest_qmp_device_del(r.bed->qts, "ccw0");
    expect_subchannel_report(r.bed);
    assert_unplugged(r.bed);
    vfio_ccw_host_wait_count(r.bed->host, VFIO_CCW_HOST_CLOSES, 1);
    assert_forgotten(&r, 1);
    bed_end(r.bed);
}

/* What the host was busy with may be over: no time passes. */
static void test_interrupt_cuts_the_wait_short(const void *data)
{
    Retries r = retries_waiting(data);
    unsigned accepted = vfio_ccw_host_count(r.bed->host, r.function->accepted);

    stop_refusing(&r);
    vfio_ccw_host_signal(r.bed->host, VFIO_CCW_IO_IRQ_INDEX);
    vfio_ccw_host_wait_count(r.bed->host, r.function->accepted, accepted + 1);
    g_assert_cmpint(attempts_of(&r), ==, 2);
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
        .esw.word0 = ESW_LAST_PATH,
    };

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_INTERRUPT);
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_ATTENTION, 0, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_INTERRUPT);
    g_assert_cmpint(ssch(bed), ==, 0);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_IO_WRITES, writes + 1);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_INTERRUPT);
    expect_exactly(bed, &irb);
    complete_start(bed);
    assert_usable(bed);
    bed_end(bed);
}

static const struct {
    const char *name;
    void (*func)(const void *c);
} tests[] = {
    { "delays-double-up-to-a-limit", test_delays_double_up_to_a_limit },
    { "last-attempt-may-succeed", test_last_attempt_may_succeed },
    { "nobody-waits-meanwhile", test_nobody_waits_meanwhile },
    { "interrupt-cuts-the-wait-short", test_interrupt_cuts_the_wait_short },
};

static char *path_of(const Case *c, const char *name)
{
    return g_strdup_printf("/vfio-ccw/backoff/%s/%s/%s", c->function->name,
                           c->err == -EAGAIN ? "eagain" : "ebusy", name);
}

static void add_cancelled(const Case *c, const Cancelling *by)
{
    for (size_t i = 0; i < ARRAY_SIZE(moments); i++) {
        g_autofree char *name = g_strdup_printf("cancelled-by-%s/%s", by->name,
                                                moments[i].name);
        g_autofree char *path = path_of(c, name);
        CancelCase cc = { .c = *c, .by = by, .moment = &moments[i] };

        qtest_add_data_func_full(path, g_memdup2(&cc, sizeof(cc)),
                                 test_cancelled, g_free);
    }
}

static void add_tests_of(const Case *c)
{
    for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
        g_autofree char *path = path_of(c, tests[i].name);

        qtest_add_data_func(path, c, tests[i].func);
    }
    if (c->function == &start) {
        g_autofree char *path = path_of(c, "cancelled-by-unplug");

        qtest_add_data_func(path, c, test_cancelled_at_once_by_unplug);
        add_cancelled(c, &by_cancel);
        add_cancelled(c, &by_halt);
    }
    if (c->function != &clear) {
        add_cancelled(c, &by_clear);
    }
    add_cancelled(c, &by_reset);
}

static void add_tests(void)
{
    static const Case cases[] = {
        { &start, -EAGAIN }, { &start, -EBUSY },
        { &halt, -EAGAIN }, { &halt, -EBUSY },
        { &clear, -EAGAIN }, { &clear, -EBUSY },
    };

    qtest_add_func("/vfio-ccw/backoff/pending-status-of-the-host-comes-first",
                   test_pending_status_of_the_host_comes_first);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        add_tests_of(&cases[i]);
    }
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
