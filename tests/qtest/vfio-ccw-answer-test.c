/*
 * QTest of vfio-ccw: what becomes of a request that the host refuses
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One table for SSCH, HSCH and CSCH: which errno of the host ends the function
 * with which status, byte for byte; what TSCH clears; and that the next start
 * runs. And of what the host answers in part. All code below runs in the test's
 * thread; see vfio-ccw-fixture.h.
 */

#include "qemu/osdep.h"
#include "vfio-ccw-fixture.h"

/* A path that the host finds not operational when it is asked */
#define PNOM 0x80

/* What PoP calls the status that an errno of the host becomes */
typedef enum Outcome {
    DEFERRED_CC1,
    DEFERRED_CC3,
    PROGRAM_CHECK,
    PROTECTION_CHECK,
    CONTROL_CHECK,
    GONE,
} Outcome;

typedef struct Answer {
    const char *name;
    int err;
    bool no_schib;
    Outcome outcome;
} Answer;

static const Answer answers[] = {
    { "eagain-for-ever-is-deferred-cc1", -EAGAIN, false, DEFERRED_CC1 },
    { "ebusy-for-ever-is-deferred-cc1", -EBUSY, false, DEFERRED_CC1 },
    { "eacces-is-deferred-cc3", -EACCES, false, DEFERRED_CC3 },
    { "enodev-is-deferred-cc3", -ENODEV, false, DEFERRED_CC3 },
    { "enodev-and-no-schib-is-gone", -ENODEV, true, GONE },
    { "eio-is-channel-control-check", -EIO, false, CONTROL_CHECK },
    { "eio-and-no-schib-is-gone", -EIO, true, GONE },
    { "einval-is-program-check", -EINVAL, false, PROGRAM_CHECK },
    { "eopnotsupp-is-program-check", -EOPNOTSUPP, false, PROGRAM_CHECK },
    { "efault-is-protection-check", -EFAULT, false, PROTECTION_CHECK },
    { "eperm-is-protection-check", -EPERM, false, PROTECTION_CHECK },
    { "enomem-is-channel-control-check", -ENOMEM, false, CONTROL_CHECK },
    { "enotty-is-channel-control-check", -ENOTTY, false, CONTROL_CHECK },
    { "etimedout-is-gone", -ETIMEDOUT, false, GONE },
    { "eshutdown-is-gone", -ESHUTDOWN, false, GONE },
};

typedef struct Function {
    const char *name;
    VfioCcwHostStep step;
    VfioCcwHostStep reply;
    uint16_t fctl;
    void (*before)(Bed *bed);   /* the start that it is to end */
    uint16_t of_start;          /* what its own status says of that */
} Function;

static const Function functions[] = {
    { "start", VFIO_CCW_HOST_START, VFIO_CCW_HOST_START_REPLY,
      SCSW_FCTL_START_FUNC },
    { "halt", VFIO_CCW_HOST_HALT, VFIO_CCW_HOST_HALT_REPLY,
      SCSW_FCTL_HALT_FUNC },
    { "clear", VFIO_CCW_HOST_CLEAR, VFIO_CCW_HOST_CLEAR_REPLY,
      SCSW_FCTL_CLEAR_FUNC },
};

/* As start_active(), but without STSCH: a SCHIB that is read later tells. */
static void start_running(Bed *bed)
{
    start_accepted(bed);
    vfio_ccw_host_present_status(bed->host, 0, SCSW_CSTAT_PCI, 0);
    expect_irb(bed, SCSW_FCTL_START_FUNC | SCSW_STCTL_INTERMEDIATE |
               SCSW_STCTL_STATUS_PEND, 0, SCSW_CSTAT_PCI);
}

/* The same of a start: one that is executed, and one that was not begun */
static const Function of_starts[] = {
    { "halt-of-active-start", VFIO_CCW_HOST_HALT, VFIO_CCW_HOST_HALT_REPLY,
      SCSW_FCTL_HALT_FUNC, start_running, SCSW_FCTL_START_FUNC },
    { "halt-of-queued-start", VFIO_CCW_HOST_HALT, VFIO_CCW_HOST_HALT_REPLY,
      SCSW_FCTL_HALT_FUNC, start_queued,
      SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND },
    { "clear-of-active-start", VFIO_CCW_HOST_CLEAR, VFIO_CCW_HOST_CLEAR_REPLY,
      SCSW_FCTL_CLEAR_FUNC, start_running },
    { "clear-of-queued-start", VFIO_CCW_HOST_CLEAR, VFIO_CCW_HOST_CLEAR_REPLY,
      SCSW_FCTL_CLEAR_FUNC, start_queued },
};

typedef struct Case {
    const Function *function;
    const Answer *answer;
} Case;

static int issue(Bed *bed, const Function *function)
{
    switch (function->fctl) {
    case SCSW_FCTL_START_FUNC:
        return ssch(bed);
    case SCSW_FCTL_HALT_FUNC:
        return qcss_hsch(bed->qts, SCHID);
    default:
        return qcss_csch(bed->qts, SCHID);
    }
}

/* Nothing of the program was executed. */
static IRB deferred(uint16_t flags)
{
    return (IRB) {
        .scsw.flags = ORB_FLAGS | flags,
        .scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND | ALERT_STCTL,
    };
}

static IRB start_check(uint8_t cstat)
{
    return (IRB) {
        .scsw.flags = ORB_FLAGS,
        .scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_STCTL_ALERT | FINAL_STCTL,
        .scsw.cpa = PROGRAM + sizeof(CCW1),
        .scsw.cstat = cstat,
    };
}

static IRB refused_start(Outcome outcome)
{
    switch (outcome) {
    case DEFERRED_CC1:
        return deferred(1 << 8);
    case DEFERRED_CC3:
        return deferred(3 << 8 | SCSW_FLAGS_MASK_PNO);
    case PROGRAM_CHECK:
        return start_check(SCSW_CSTAT_PROG_CHECK);
    case PROTECTION_CHECK:
        return start_check(SCSW_CSTAT_PROT_CHECK);
    default:
        return start_check(SCSW_CSTAT_CHN_CTRL_CHK);
    }
}

/* No program was at fault, and there is no deferred condition code. */
static IRB refused_signal(const Function *function, Outcome outcome)
{
    IRB irb = {
        .scsw.ctrl = function->fctl | function->of_start |
                     SCSW_STCTL_STATUS_PEND,
    };

    if (function->fctl == SCSW_FCTL_HALT_FUNC) {
        /* Of the last start; CSCH clears that as well. */
        irb.scsw.flags = ORB_FLAGS;
    }
    if (outcome == DEFERRED_CC3) {
        irb.scsw.flags |= SCSW_FLAGS_MASK_PNO;
    } else {
        irb.scsw.ctrl |= SCSW_STCTL_PRIMARY | SCSW_STCTL_SECONDARY |
                         SCSW_STCTL_ALERT;
        irb.scsw.cstat = SCSW_CSTAT_CHN_CTRL_CHK;
    }
    return irb;
}

static IRB refused(const Function *function, Outcome outcome)
{
    if (function->fctl == SCSW_FCTL_START_FUNC) {
        return refused_start(outcome);
    }
    return refused_signal(function, outcome);
}

static void lose_a_path(Bed *bed)
{
    PMCW pmcw = vfio_ccw_host_default_config().pmcw;

    pmcw.pnom = PNOM;
    vfio_ccw_host_set_pmcw(bed->host, &pmcw);
}

/* What the guest finds when it looks at its paths because of N */
static void assert_pnom_is_fresh(Bed *bed, const Answer *answer)
{
    SCHIB schib;

    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    if (answer->outcome == DEFERRED_CC3) {
        g_assert_cmphex(schib.pmcw.pnom, ==, PNOM);
    }
}

static void assert_status_taken(Bed *bed)
{
    SCHIB schib;

    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    g_assert_cmphex(schib.scsw.ctrl, ==, 0);
    g_assert_cmphex(schib.scsw.flags & SCSW_FLAGS_MASK_PNO, ==, 0);
}

/* All that an IRB can have: nothing of it may show in the next one. */
static void leave_no_byte_zero(Bed *bed)
{
    IRB irb = {
        .scsw.flags = ORB_FLAGS | SCSW_FLAGS_MASK_ESWF | SCSW_FLAGS_MASK_ECTL |
                      SCSW_FLAGS_MASK_PNO,
        .scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_STCTL_ALERT | FINAL_STCTL,
        .scsw.cpa = 0xffffffff,
        .scsw.dstat = 0xff,
        .scsw.cstat = SCSW_CSTAT_INTF_CTRL_CHK,
        .scsw.count = 0xffff,
    };

    memset(&irb.esw, 0xff, sizeof(irb.esw));
    memset(irb.ecw, 0xff, sizeof(irb.ecw));
    start_accepted(bed);
    vfio_ccw_host_present_irb(bed->host, &irb);
    expect_irb(bed, irb.scsw.ctrl, irb.scsw.dstat, irb.scsw.cstat);
}

static void test_refused(const void *data)
{
    const Case *c = data;
    Bed *bed = bed_enabled();
    IRB irb = refused(c->function, c->answer->outcome);

    leave_no_byte_zero(bed);
    vfio_ccw_host_answer(bed->host, c->function->step, c->answer->err,
                         UINT_MAX);
    if (c->function->before) {
        c->function->before(bed);
    }
    if (c->answer->no_schib) {
        vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_SCHIB_READ, -ENODEV,
                             UINT_MAX);
    }
    lose_a_path(bed);
    g_assert_cmpint(issue(bed, c->function), ==, 0);
    /* What kept a start in the queue does not keep this. */
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    if (c->answer->outcome == GONE) {
        expect_gone(bed);
        bed_end(bed);
        return;
    }

    retry_until_pending(bed);
    assert_pnom_is_fresh(bed, c->answer);
    expect_exactly(bed, &irb);
    assert_status_taken(bed);
    expect_nothing(bed);
    vfio_ccw_host_answer(bed->host, c->function->step, 0, 0);
    if (c->function->before == start_running) {
        /* The device ends what nobody could stop, which nobody wants to know */
        vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
        expect_nothing(bed);
    }
    assert_usable(bed);
    bed_end(bed);
}

/* A host that never had a SCHIB to show has not lost it. */
static void test_host_without_schib(const void *data)
{
    const Function *function = data;
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    IRB irb = refused(function, DEFERRED_CC3);
    Bed *bed;

    config.regions &= ~(1u << VFIO_CCW_HOST_REGION_SCHIB);
    bed = bed_enabled_with(&config);
    vfio_ccw_host_answer(bed->host, function->step, -ENODEV, 1);
    g_assert_cmpint(issue(bed, function), ==, 0);
    expect_exactly(bed, &irb);
    assert_usable(bed);
    bed_end(bed);
}

/* The driver has acted, or not: only its answer got lost. */
static void test_lost_answer_is_gone(const void *data)
{
    const Function *function = data;
    Bed *bed = bed_enabled();

    vfio_ccw_host_hold(bed->host, function->reply);
    g_assert_cmpint(issue(bed, function), ==, 0);
    vfio_ccw_host_wait_held(bed->host, function->reply);
    vfio_ccw_host_disconnect(bed->host);
    expect_gone(bed);
    bed_end(bed);
}

static Bed *bed_with_timeout(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_unplugged(&config);
    QDict *arguments = device_arguments(bed);

    qdict_put_int(arguments, "x-msg-timeout", TIMEOUT_MS);
    plug_with(bed, arguments);
    expect_usable(bed);
    return bed;
}

static void test_no_answer_is_gone(const void *data)
{
    const Function *function = data;
    Bed *bed = bed_with_timeout();

    vfio_ccw_host_hold(bed->host, function->step);
    g_assert_cmpint(issue(bed, function), ==, 0);
    expect_gone(bed);
    bed_end(bed);
}

/*
 * Answers to less than was asked: what became of the rest, nobody knows.
 */

#define SHORT_COUNT 4   /* each region has more than that */

static void test_short_write_is_gone(const void *data)
{
    const Function *function = data;
    Bed *bed = bed_enabled();

    vfio_ccw_host_answer(bed->host, function->reply, SHORT_COUNT, 1);
    g_assert_cmpint(issue(bed, function), ==, 0);
    expect_gone(bed);
    bed_end(bed);
}

static void show_irb(Bed *bed)
{
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_ATTENTION, 0, 0);
}

static void show_schib(Bed *bed)
{
    SCHIB schib;

    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
}

static void show_crw(Bed *bed)
{
    vfio_ccw_host_queue_crw(bed->host, (CRW) {
        .flags = CRW_RSC_CHP << 8 | CRW_ERC_INIT,
        .rsid = vfio_ccw_host_default_config().pmcw.chpid[0],
    });
}

typedef struct Read {
    const char *name;
    VfioCcwHostStep step;
    void (*provoke)(Bed *bed);
} Read;

static const Read reads[] = {
    { "irb", VFIO_CCW_HOST_IO_READ, show_irb },
    { "schib", VFIO_CCW_HOST_SCHIB_READ, show_schib },
    { "crw", VFIO_CCW_HOST_CRW_READ, show_crw },
};

static void test_short_read_is_gone(const void *data)
{
    const Read *read = data;
    Bed *bed = bed_enabled();

    vfio_ccw_host_answer(bed->host, read->step, SHORT_COUNT, 1);
    read->provoke(bed);
    expect_gone(bed);
    bed_end(bed);
}

/* Nor is there an answer to anything else that QEMU asks for. */

static void reset_machine(Bed *bed)
{
    qtest_system_reset(bed->qts);
}

static const Read reset = { "reset", VFIO_CCW_HOST_RESET, reset_machine };

static void test_nothing_read_is_gone(const void *data)
{
    const Read *read = data;
    Bed *bed = bed_with_timeout();

    vfio_ccw_host_hold(bed->host, read->step);
    read->provoke(bed);
    expect_gone(bed);
    bed_end(bed);
}

static void add_case(const Function *function, const Answer *answer)
{
    g_autofree char *path = g_strdup_printf("/vfio-ccw/%s-error/%s",
                                            function->name, answer->name);
    Case *c = g_new(Case, 1);

    *c = (Case) { .function = function, .answer = answer };
    qtest_add_data_func_full(path, c, test_refused, g_free);
}

static void add_cases(const Function *function)
{
    for (size_t a = 0; a < ARRAY_SIZE(answers); a++) {
        add_case(function, &answers[a]);
    }
}

static void add_tests(void)
{
    for (size_t f = 0; f < ARRAY_SIZE(functions); f++) {
        const Function *function = &functions[f];
        g_autofree char *lost =
            g_strdup_printf("/vfio-ccw/%s-error/lost-answer-is-gone",
                            function->name);
        g_autofree char *none =
            g_strdup_printf("/vfio-ccw/%s-error/no-answer-is-gone",
                            function->name);
        g_autofree char *without_schib =
            g_strdup_printf("/vfio-ccw/%s-error/host-without-schib",
                            function->name);
        g_autofree char *in_part =
            g_strdup_printf("/vfio-ccw/%s-error/short-write-is-gone",
                            function->name);

        add_cases(function);
        qtest_add_data_func(without_schib, function, test_host_without_schib);
        qtest_add_data_func(lost, function, test_lost_answer_is_gone);
        qtest_add_data_func(none, function, test_no_answer_is_gone);
        qtest_add_data_func(in_part, function, test_short_write_is_gone);
    }
    for (size_t f = 0; f < ARRAY_SIZE(of_starts); f++) {
        add_cases(&of_starts[f]);
    }
    for (size_t r = 0; r < ARRAY_SIZE(reads); r++) {
        g_autofree char *path =
            g_strdup_printf("/vfio-ccw/read-error/short-%s-is-gone",
                            reads[r].name);
        g_autofree char *none =
            g_strdup_printf("/vfio-ccw/read-error/no-%s-is-gone",
                            reads[r].name);

        qtest_add_data_func(path, &reads[r], test_short_read_is_gone);
        qtest_add_data_func(none, &reads[r], test_nothing_read_is_gone);
    }
    qtest_add_data_func("/vfio-ccw/reset-error/no-answer-is-gone", &reset,
                        test_nothing_read_is_gone);
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
