/*
 * QTest of vfio-ccw with CPUs that run a program
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All code below runs in the test's thread; see vfio-ccw-fixture.h.
 */

#include "qemu/osdep.h"
#include "s390x-mailbox.h"
#include "vfio-ccw-fixture.h"

static SCHIB stsch(Bed *bed)
{
    SCHIB schib;

    g_assert_cmpint(s390x_mailbox_issue(bed->qts, 0, S390X_INSN_STSCH, SCHID,
                                        QCSS_OPERAND), ==, 0);
    qcss_read_schib(bed->qts, QCSS_OPERAND, &schib);
    return schib;
}

static void enable(Bed *bed)
{
    SCHIB schib = stsch(bed);

    qcss_set_enabled(&schib, INTPARM_MSCH);
    qcss_write_schib(bed->qts, QCSS_OPERAND, &schib);
    g_assert_cmpint(s390x_mailbox_issue(bed->qts, 0, S390X_INSN_MSCH, SCHID,
                                        QCSS_OPERAND), ==, 0);
}

/* Two CPUs that serve their mailboxes, and an enabled subchannel */
static Bed *bed_running(const VfioCcwHostConfig *config)
{
    Bed *bed = bed_new();
    g_autofree char *args = bed_device_args(bed);

    bed_start_host(bed, config);
    bed->qts = s390x_mailbox_init(args);
    enable(bed);
    return bed;
}

static void end_normally(Bed *bed)
{
    int polls = 0;
    IRB irb;

    vfio_ccw_host_wait_start(bed->host, NULL);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    while (s390x_mailbox_issue(bed->qts, 0, S390X_INSN_TSCH, SCHID,
                               QCSS_OPERAND) == 1) {
        g_assert_cmpint(++polls, <, MAX_POLLS);
    }
    qcss_read_irb(bed->qts, QCSS_OPERAND, &irb);
    g_assert_cmphex(irb.scsw.ctrl, ==, SCSW_FCTL_START_FUNC | FINAL_STCTL);
    g_assert_cmphex(irb.scsw.dstat, ==, NORMAL_END);
}

#define STUCK_SECONDS 10

/*
 * The host does not answer before we let it. QMP and both CPUs go on, once
 * around or, with -m slow, for as long as somebody would notice.
 */
static void watch_what_goes_on(Bed *bed)
{
    int64_t begin = g_get_monotonic_time();
    int64_t slowest = 0;
    int64_t now;
    unsigned rounds = 0;

    do {
        int64_t asked = g_get_monotonic_time();

        qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");
        now = g_get_monotonic_time();
        slowest = MAX(slowest, now - asked);
        s390x_mailbox_wait_running(bed->qts, 0);
        s390x_mailbox_wait_running(bed->qts, 1);
        rounds++;
    } while (g_test_slow() && now - begin < STUCK_SECONDS * G_USEC_PER_SEC);
    g_test_message("stuck for %.1f s, query-status %u times: %.2f ms at most",
                   (now - begin) / 1e6, rounds, slowest / 1e3);
}

/*
 * Rule 1 with real CPUs: the CPU that issues SSCH to a stuck host, the other
 * CPU and QMP all go on.
 */
static void test_stuck_host_holds_no_cpu(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_running(&config);
    ORB orb;

    orb = noop_orb(bed);
    qcss_write_orb(bed->qts, QCSS_OPERAND, &orb);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_START);
    s390x_mailbox_post(bed->qts, 0, S390X_INSN_SSCH, SCHID, QCSS_OPERAND);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_START);

    g_assert_cmpint(s390x_mailbox_wait(bed->qts, 0), ==, 0);
    watch_what_goes_on(bed);
    g_assert_cmpint(s390x_mailbox_issue(bed->qts, 1, S390X_INSN_TSCH, SCHID,
                                        QCSS_OPERAND), ==, 1);

    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START);
    end_normally(bed);
    bed_end(bed);
}

/* Stopped, a CPU does nothing; going on, it does what it had been told. */
static void test_stopped_cpu_starts_nothing(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_running(&config);

    qtest_qmp_assert_success(bed->qts, "{'execute': 'stop'}");
    s390x_mailbox_post(bed->qts, 0, S390X_INSN_CSCH, SCHID, 0);
    wait_state(bed, "IDLE");
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_CLEARS), ==,
                    0);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'cont'}");
    g_assert_cmpint(s390x_mailbox_wait(bed->qts, 0), ==, 0);
    vfio_ccw_host_wait_clear(bed->host);
    bed_end(bed);
}

/*
 * A program resets the machine that it runs on, with a start under way. The CPU
 * begins anew, and finds the device as after any other reset.
 */
static void test_program_resets_its_machine(const void *subcode)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_running(&config);
    ORB orb = noop_orb(bed);
    unsigned resets;
    SCHIB schib;

    qcss_write_orb(bed->qts, QCSS_OPERAND, &orb);
    g_assert_cmpint(s390x_mailbox_issue(bed->qts, 0, S390X_INSN_SSCH, SCHID,
                                        QCSS_OPERAND), ==, 0);
    vfio_ccw_host_wait_start(bed->host, NULL);
    resets = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_RESETS);
    qtest_writeq(bed->qts, 0, S390X_MAILBOX_PSW);
    s390x_mailbox_post(bed->qts, 0, S390X_INSN_DIAG308, 0,
                       GPOINTER_TO_UINT(subcode));
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_RESETS, resets + 1);
    s390x_mailbox_forget(bed->qts, 0);

    schib = stsch(bed);
    g_assert_cmphex(schib.pmcw.flags, ==, PMCW_FLAGS_MASK_DNV);
    g_assert_cmphex(schib.pmcw.intparm, ==, 0);
    g_assert_cmphex(schib.scsw.ctrl, ==, 0);
    s390x_mailbox_wait_running(bed->qts, 1);
    enable(bed);
    qcss_write_orb(bed->qts, QCSS_OPERAND, &orb);
    g_assert_cmpint(s390x_mailbox_issue(bed->qts, 0, S390X_INSN_SSCH, SCHID,
                                        QCSS_OPERAND), ==, 0);
    end_normally(bed);
    bed_end(bed);
}

/* Two CPUs race: each issues a list of its own, mixed at random. */

#define RACE_LENGTH 3000
#define RACE_ROUNDS 3
#define LIST(cpu)   (0x200000 + (cpu) * 0x100000)
#define IRBS(cpu)   (0x400000 + (cpu) * 0x100000)
#define IRB_STRIDE  128

/* To let the host play, too, between two instructions */
#define RACE_PAUSE  20000

/* What the guest was told, in all */
typedef struct Tally {
    unsigned starts, halts, clears, cancels;    /* accepted */
    unsigned start_ends, halt_ends, clear_ends; /* seen by TSCH */
    unsigned normal_ends;
} Tally;

static void tally_irb(Tally *tally, const IRB *irb)
{
    uint16_t ctrl = irb->scsw.ctrl;

    g_assert_cmphex(ctrl & SCSW_STCTL_STATUS_PEND, !=, 0);
    g_assert_cmphex(ctrl & SCSW_CTRL_MASK_FCTL, !=, 0);
    tally->start_ends += !!(ctrl & SCSW_FCTL_START_FUNC);
    tally->halt_ends += !!(ctrl & SCSW_FCTL_HALT_FUNC);
    tally->clear_ends += !!(ctrl & SCSW_FCTL_CLEAR_FUNC);
    tally->normal_ends += irb->scsw.dstat == NORMAL_END;
}

static void tally_insn(Bed *bed, Tally *tally, const S390XInsn *insn)
{
    bool accepted = insn->cc == 0;
    IRB irb;

    switch (insn->insn) {
    case S390X_INSN_SSCH:
        g_assert_cmpint(insn->cc, <=, 2);
        tally->starts += accepted;
        break;
    case S390X_INSN_HSCH:
        g_assert_cmpint(insn->cc, <=, 2);
        tally->halts += accepted;
        break;
    case S390X_INSN_XSCH:
        g_assert_cmpint(insn->cc, <=, 2);
        tally->cancels += accepted;
        break;
    case S390X_INSN_CSCH:
        g_assert_cmpint(insn->cc, ==, 0);
        tally->clears++;
        break;
    case S390X_INSN_TSCH:
        g_assert_cmpint(insn->cc, <=, 1);
        if (accepted) {
            qcss_read_irb(bed->qts, insn->gr2, &irb);
            tally_irb(tally, &irb);
        }
        break;
    }
}

static void mix(S390XInsn *insns, int cpu, const uint32_t *choice, int n)
{
    for (int i = 0; i < RACE_LENGTH; i++) {
        insns[i] = (S390XInsn) {
            .insn = choice[g_test_rand_int_range(0, n)],
            .gr1 = SCHID,
            .gr2 = IRBS(cpu) + i * IRB_STRIDE,
        };
        if (insns[i].insn == S390X_INSN_SSCH) {
            insns[i].gr2 = QCSS_OPERAND;
        }
    }
}

static void race(Bed *bed, Tally *tally, const uint32_t *choice, int n)
{
    g_autofree S390XInsn *insns = g_new(S390XInsn, RACE_LENGTH);

    for (int cpu = 0; cpu < 2; cpu++) {
        mix(insns, cpu, choice, n);
        s390x_mailbox_post_list(bed->qts, cpu, LIST(cpu), insns, RACE_LENGTH,
                                RACE_PAUSE);
    }
    for (int cpu = 0; cpu < 2; cpu++) {
        s390x_mailbox_wait_list(bed->qts, cpu, LIST(cpu), insns, RACE_LENGTH);
        for (int i = 0; i < RACE_LENGTH; i++) {
            tally_insn(bed, tally, &insns[i]);
        }
    }
}

static int issue(Bed *bed, Tally *tally, uint32_t insn, uint64_t operand)
{
    S390XInsn issued = { .insn = insn, .gr1 = SCHID, .gr2 = operand };

    issued.cc = s390x_mailbox_issue(bed->qts, 0, insn, SCHID, operand);
    tally_insn(bed, tally, &issued);
    return issued.cc;
}

static uint16_t stored_scsw_ctrl(Bed *bed)
{
    SCHIB schib;

    g_assert_cmpint(s390x_mailbox_issue(bed->qts, 0, S390X_INSN_STSCH, SCHID,
                                        IRBS(0)), ==, 0);
    qcss_read_schib(bed->qts, IRBS(0), &schib);
    return schib.scsw.ctrl;
}

/* Take status until no function is in progress and none has status. */
static void quiesce(Bed *bed, Tally *tally)
{
    int polls = 0;

    while (stored_scsw_ctrl(bed)) {
        g_assert_cmpint(++polls, <, MAX_POLLS);
        issue(bed, tally, S390X_INSN_TSCH, IRBS(0));
    }
    g_assert_cmpint(issue(bed, tally, S390X_INSN_TSCH, IRBS(0)), ==, 1);
}

static void assert_one_end_each(Bed *bed, const Tally *tally)
{
    unsigned host_starts = vfio_ccw_host_count(bed->host,
                                               VFIO_CCW_HOST_STARTS);
    unsigned ended = tally->start_ends + tally->cancels;

    g_test_message("%u starts: %u ends, %u cancelled; %u halts: %u ends; "
                   "%u clears: %u ends; %u starts at the host",
                   tally->starts, tally->start_ends, tally->cancels,
                   tally->halts, tally->halt_ends, tally->clears,
                   tally->clear_ends, host_starts);
    /* A clear supersedes at most one start, one halt, and the last clear. */
    g_assert_cmpint(ended, <=, tally->starts);
    g_assert_cmpint(tally->starts, <=, ended + tally->clears);
    g_assert_cmpint(tally->halt_ends, <=, tally->halts);
    g_assert_cmpint(tally->halts, <=, tally->halt_ends + tally->clears);
    g_assert_cmpint(tally->clear_ends, <=, tally->clears);
    g_assert_cmpint(!!tally->clear_ends, ==, !!tally->clears);
    g_assert_cmpint(tally->normal_ends, <=, host_starts);
    g_assert_cmpint(host_starts, <=, tally->starts);
}

static void run_race(const uint32_t *choice, int n)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed;
    ORB orb;
    Tally tally = {};

    config.device = VFIO_CCW_HOST_INSTANT;
    bed = bed_running(&config);
    orb = noop_orb(bed);
    qcss_write_orb(bed->qts, QCSS_OPERAND, &orb);
    for (int round = 0; round < RACE_ROUNDS; round++) {
        race(bed, &tally, choice, n);
        quiesce(bed, &tally);
        assert_one_end_each(bed, &tally);
    }

    /* All is well: one more start runs to its normal end. */
    tally = (Tally) {};
    g_assert_cmpint(issue(bed, &tally, S390X_INSN_SSCH, QCSS_OPERAND), ==, 0);
    quiesce(bed, &tally);
    g_assert_cmpint(tally.normal_ends, ==, 1);
    bed_end(bed);
}

static void test_starts_and_status_race(void)
{
    static const uint32_t choice[] = {
        S390X_INSN_SSCH, S390X_INSN_TSCH,
    };

    run_race(choice, ARRAY_SIZE(choice));
}

static void test_halts_and_cancels_race_with_starts(void)
{
    static const uint32_t choice[] = {
        S390X_INSN_SSCH, S390X_INSN_SSCH, S390X_INSN_TSCH, S390X_INSN_TSCH,
        S390X_INSN_HSCH, S390X_INSN_XSCH,
    };

    run_race(choice, ARRAY_SIZE(choice));
}

static void test_all_race(void)
{
    static const uint32_t choice[] = {
        S390X_INSN_SSCH, S390X_INSN_SSCH, S390X_INSN_SSCH, S390X_INSN_SSCH,
        S390X_INSN_TSCH, S390X_INSN_TSCH, S390X_INSN_TSCH, S390X_INSN_TSCH,
        S390X_INSN_TSCH, S390X_INSN_TSCH, S390X_INSN_TSCH, S390X_INSN_TSCH,
        S390X_INSN_HSCH, S390X_INSN_XSCH, S390X_INSN_CSCH,
    };

    run_race(choice, ARRAY_SIZE(choice));
}

static void add_tests(void)
{
    if (!qtest_has_accel("tcg")) {
        return;
    }
    qtest_add_func("/vfio-ccw/start/stuck-host-holds-no-cpu",
                   test_stuck_host_holds_no_cpu);
    qtest_add_func("/vfio-ccw/stop/cpu-starts-nothing",
                   test_stopped_cpu_starts_nothing);
    qtest_add_data_func("/vfio-ccw/reset/by-a-program/modified-clear",
                        GUINT_TO_POINTER(0), test_program_resets_its_machine);
    qtest_add_data_func("/vfio-ccw/reset/by-a-program/load-normal",
                        GUINT_TO_POINTER(1), test_program_resets_its_machine);
    qtest_add_data_func("/vfio-ccw/reset/by-a-program/load-clear",
                        GUINT_TO_POINTER(3), test_program_resets_its_machine);
    qtest_add_func("/vfio-ccw/race/starts-and-status",
                   test_starts_and_status_race);
    qtest_add_func("/vfio-ccw/race/halts-and-cancels-with-starts",
                   test_halts_and_cancels_race_with_starts);
    qtest_add_func("/vfio-ccw/race/all", test_all_race);
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
