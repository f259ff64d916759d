/*
 * Simulation of vfio-ccw: the state machine and the link to the host, with a
 * random guest on one side and a random host on the other
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *   test-vfio-ccw-sim              a few seconds: seeds that are always the
 *                                  same, so that a change is judged by what
 *                                  it changes
 *   test-vfio-ccw-sim --seed N     one seed, told step by step
 *   test-vfio-ccw-sim --soak SECS  new seeds for so long
 *
 * A seed stands for one life of a device, from plug to unplug. All that happens
 * is a step, chosen from what can happen by weights that are the seed's too, so
 * that there are seeds with slow links, with patient guests and so on. Now
 * and then nothing new begins until all that was begun has ended; then nothing
 * may be left.
 */

#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qemu/main-loop.h"
#include "vfio-ccw-sim.h"

#define MAX_CHOICES 16
#define FIXED_SEEDS 8000
/* Retries, device ends and status to take: none is without bound. */
#define MAX_SETTLING_STEPS 20000

Sim sim;

static uint64_t total_steps;
static char again[64]; /* how to have this seed's life once more */
static uint64_t times_met[VFIO_CCW_STATE__MAX][VFIO_CCW_EV__MAX];

void sim_log(const char *fmt, ...)
{
    va_list ap;

    if (!sim.verbose) {
        return;
    }
    printf("%5u  ", sim.step);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

void sim_fail(const char *fmt, ...)
{
    va_list ap;

    fflush(stdout);
    fprintf(stderr, "FAIL at seed %u, step %u, state %s: ", sim.seed, sim.step,
            vfio_ccw_state_name(sim.fsm.state));
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "%s", again);
    exit(EXIT_FAILURE);
}

/* An assertion fails, or worse, somewhere in what is simulated. */
static const int deadly[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE };
static struct sigaction usual[ARRAY_SIZE(deadly)];

/* Back from here, it happens again, and then what usually comes of it. */
static void tell_seed(int signum)
{
    for (size_t i = 0; i < ARRAY_SIZE(deadly); i++) {
        sigaction(deadly[i], &usual[i], NULL);
    }
    if (write(STDERR_FILENO, again, strlen(again)) < 0) {
        _exit(EXIT_FAILURE);
    }
}

static void tell_seed_of_deaths(void)
{
    struct sigaction action = { .sa_handler = tell_seed };

    for (size_t i = 0; i < ARRAY_SIZE(deadly); i++) {
        sigaction(deadly[i], &action, &usual[i]);
    }
}

unsigned sim_below(unsigned n)
{
    return g_rand_int(sim.rand) % n;
}

bool sim_one_in(unsigned n)
{
    return n && sim_below(n) == 0;
}

void sim_note(VFIOCCWState state, VFIOCCWEvent event)
{
    times_met[state][event]++;
}

static uint64_t times_overwritten[VFIO_CCW_STATE__MAX];

void sim_note_overwritten(VFIOCCWState state)
{
    times_overwritten[state]++;
}

/*
 * Steps
 */

typedef struct Choice {
    unsigned weight;
    void (*step)(unsigned n);
    unsigned n;
} Choice;

typedef struct Choices {
    Choice choice[MAX_CHOICES];
    unsigned nr;
    unsigned weight;
} Choices;

static void add(Choices *choices, unsigned weight, void (*step)(unsigned n),
                unsigned n)
{
    choices->choice[choices->nr++] = (Choice) { weight, step, n };
    choices->weight += weight;
}

static void question_step(unsigned nr)
{
    sim_move_question(sim_below(nr));
}

static void host_step(unsigned nr)
{
    sim_host_release(sim_below(nr));
}

static void device_step(unsigned unused)
{
    sim_device_step();
}

static void eventfd_step(unsigned index)
{
    sim_log("qemu: eventfd %u", index);
    sim_eventfd_handle(index);
}

static void timer_step(unsigned unused)
{
    sim_log("qemu: the timer");
    sim_timer_fire();
}

static void guest_step(unsigned unused)
{
    sim_guest_step();
}

static void status_step(unsigned unused)
{
    sim_guest_take_status();
}

static void mischief_step(unsigned unused)
{
    sim_host_mischief();
}

static void return_step(unsigned unused)
{
    sim_guest_have_host_back();
}

static void add_outside_guest(Choices *choices)
{
    const SimProfile *profile = &sim.profile;
    unsigned questions = sim_nr_movable_questions();
    unsigned held = sim_host_nr_held();

    if (questions) {
        add(choices, profile->weight_question, question_step, questions);
    }
    if (held) {
        add(choices, profile->weight_host, host_step, held);
    }
    if (sim_device_busy()) {
        add(choices, profile->weight_device, device_step, 0);
    }
    for (int i = 0; i < VFIO_CCW_NUM_IRQS; i++) {
        if (!sim.unplugged && sim_eventfd_ready(i)) {
            add(choices, profile->weight_host, eventfd_step, i);
        }
    }
    if (!sim.unplugged && timer_pending(sim.link.retry_timer) &&
        !sim_host_at_work()) {
        add(choices, profile->weight_timer, timer_step, 0);
    }
}

static bool take_step(const Choices *choices)
{
    const Choice *choice = choices->choice;
    unsigned n;

    if (!choices->nr) {
        return false;
    }
    n = sim_below(choices->weight);
    while (n >= choice->weight) {
        n -= choice->weight;
        choice++;
    }
    sim.step++;
    choice->step(choice->n);
    return true;
}

bool sim_step_outside_guest(void)
{
    Choices choices = {};

    add_outside_guest(&choices);
    return take_step(&choices);
}

static bool step(void)
{
    Choices choices = {};

    add_outside_guest(&choices);
    if (sim_guest_interrupted()) {
        add(&choices, sim.profile.weight_guest, status_step, 0);
    }
    if (!sim.settling) {
        add(&choices, sim.profile.weight_guest, guest_step, 0);
        if (sim_host_may_return()) {
            add(&choices, sim.profile.weight_timer, return_step, 0);
        }
        if (sim_one_in(sim.profile.mischief)) {
            add(&choices, choices.weight, mischief_step, 0);
        }
    }
    if (!take_step(&choices)) {
        return false;
    }
    if (!sim.unplugged) {
        sim_check();
    }
    if (sim.unplug_due && !sim.unplugged) {
        sim_guest_unplug();
    }
    return true;
}

/*
 * A life
 */

static void run_dry(void)
{
    for (unsigned n = 0; !sim.unplugged && step(); n++) {
        if (n > MAX_SETTLING_STEPS) {
            sim_fail("what was begun does not end");
        }
    }
}

/* The guest may have to help itself where the host has lost something. */
static bool host_is_to_blame(void)
{
    return sim.irb_lost || sim.link_lost || sim.sch.gone ||
           sim.driver.state == HOST_STATE_NOT_OPER;
}

static void check_dry(void)
{
    if (sim.function != VFIO_CCW_FN__MAX || vfio_ccw_fsm_busy(&sim.fsm)) {
        sim_fail("the guest waits, but nobody works on it");
    }
    if (sim.link.given_up) {
        return;
    }
    for (int lane = 0; lane < VFIO_CCW_LANE__MAX; lane++) {
        if (sim.link.due[lane]) {
            sim_fail("lane %d is due, but nobody works on it", lane);
        }
    }
    if (sim.link.queued.valid) {
        sim_fail("a request is queued, but nobody sends it");
    }
    if (sim.last_crw != sim.nr_crws) {
        sim_fail("CRW %u did not reach the guest", sim.last_crw + 1);
    }
}

static void settle(void)
{
    sim_log("sim: nothing new begins");
    sim.settling = true;
    run_dry();
    if (!sim.unplugged && sim.function != VFIO_CCW_FN__MAX &&
        host_is_to_blame()) {
        sim_guest_clear();
        run_dry();
    }
    if (!sim.unplugged) {
        check_dry();
    }
    sim.irb_lost = false;
    sim.settling = false;
    sim_log("sim: all has ended");
}

static unsigned any_regions(void)
{
    unsigned all = (1u << VFIO_CCW_HOST_NR_REGIONS) - 1;

    /* An old driver has fewer. */
    return sim_one_in(4) ? sim_below(all + 1) | 1u << VFIO_CCW_HOST_REGION_IO
                         : all;
}

static void choose_profile(void)
{
    static const unsigned weights[] = { 1, 4, 16, 64 };

    sim.profile = (SimProfile) {
        .regions = any_regions(),
        .impatient_device = sim_one_in(3),
        .wire = sim_one_in(2),
        .old_kernel = sim.seed % 4 == 3,
        .cut = sim_one_in(2),
        .error_rate = sim_one_in(3) ? 0 : 2 + sim_below(40),
        .mischief = sim_one_in(3) ? 0 : 2 + sim_below(40),
        .fatal = sim_one_in(4),
        .weight_guest = weights[sim_below(ARRAY_SIZE(weights))],
        .weight_question = weights[sim_below(ARRAY_SIZE(weights))],
        .weight_host = weights[sim_below(ARRAY_SIZE(weights))],
        .weight_device = weights[sim_below(ARRAY_SIZE(weights))],
        .weight_timer = weights[sim_below(ARRAY_SIZE(weights))],
    };
    /* Without a SCHIB to look at, an IRB that is read again passes for new. */
    if (sim.profile.regions & (1u << VFIO_CCW_HOST_REGION_SCHIB)) {
        sim.profile.extra_signals = sim_one_in(2);
        sim.profile.same_ends = sim_one_in(4);
    }
}

static void live(uint32_t seed)
{
    bool verbose = sim.verbose;
    unsigned acts;

    sim = (Sim) {
        .seed = seed,
        .verbose = verbose,
        .rand = g_rand_new_with_seed(seed),
    };
    snprintf(again, sizeof(again),
             "\nAgain, with all steps: test-vfio-ccw-sim --seed %u\n", seed);
    choose_profile();
    sim_host_init();
    sim_guest_open();
    sim_host_hold_everything();
    acts = 1 + sim_below(4);
    for (unsigned act = 0; act < acts && !sim.unplugged; act++) {
        for (int n = sim_below(200); n >= 0 && !sim.unplugged; n--) {
            step();
        }
        if (!sim.unplugged && !sim_one_in(4)) {
            settle();
        }
    }
    if (!sim.unplugged) {
        sim_guest_unplug();
    }
    vfio_ccw_link_destroy(&sim.link);
    sim_host_destroy();
    g_rand_free(sim.rand);
    total_steps += sim.step;
}

/*
 * Tests
 */

/* Does the machine do something there, other than to say no? */
static bool cell_counts(VFIOCCWState state, VFIOCCWEvent event)
{
    g_autofree char *cell = vfio_ccw_fsm_describe(state, event);

    if (state == VFIO_CCW_START_SENT && event == VFIO_CCW_EV_IRB_ALERT) {
        return false; /* no IRB is read while a request is with the host */
    }
    return !g_str_equal(cell, "-") && !g_str_equal(cell, "ignored") &&
           !g_str_equal(cell, "stale") && !g_str_has_prefix(cell, "cc ");
}

/* What no seed has met, the seeds say nothing of. */
static void check_coverage(void)
{
    unsigned counting = 0, missed = 0;

    for (int event = 0; event < VFIO_CCW_EV__MAX; event++) {
        uint64_t happened = 0;

        for (int state = 0; state < VFIO_CCW_STATE__MAX; state++) {
            happened += times_met[state][event];
            if (!cell_counts(state, event)) {
                continue;
            }
            counting++;
            if (!times_met[state][event]) {
                missed++;
                g_test_message("never met: %s in %s",
                               vfio_ccw_event_name(event),
                               vfio_ccw_state_name(state));
            }
        }
        g_assert_cmpuint(happened, >, 0);
    }
    g_test_message("%u of %u cells that do something were met",
                   counting - missed, counting);
    g_assert_cmpuint(missed, ==, 0);
}

static void check_overwritten(void)
{
    static const VFIOCCWState states[] = {
        VFIO_CCW_START_ACTIVE, VFIO_CCW_HALT_ACTIVE, VFIO_CCW_CLEAR_ACTIVE,
        VFIO_CCW_QUIESCING_HALT_ACTIVE, VFIO_CCW_QUIESCING_CLEAR_ACTIVE,
    };

    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        g_test_message("an alert overwrote the end of %s %" PRIu64 " times",
                       vfio_ccw_state_name(states[i]),
                       times_overwritten[states[i]]);
        g_assert_cmpuint(times_overwritten[states[i]], >, 0);
    }
}

/* Late device end: each has found what the first seeds had not. */
static const uint32_t found_by_soaking[] = { 168619330, 4022312668 };

static void test_fixed_seeds(void)
{
    for (uint32_t seed = 1; seed <= FIXED_SEEDS; seed++) {
        live(seed);
    }
    for (size_t i = 0; i < ARRAY_SIZE(found_by_soaking); i++) {
        live(found_by_soaking[i]);
    }
    check_coverage();
    check_overwritten();
}

static unsigned live_for(int seconds, uint32_t seed)
{
    int64_t end = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;
    unsigned lives = 0;

    while (g_get_monotonic_time() < end) {
        live(seed + lives++);
    }
    return lives;
}

static void soak(int seconds)
{
    int64_t start = g_get_monotonic_time();
    uint32_t seed = g_random_int();
    unsigned lives = 0;
    int elapsed = 0;

    while (elapsed < seconds) {
        lives += live_for(MIN(10, seconds - elapsed), seed + lives);
        elapsed = (g_get_monotonic_time() - start) / G_USEC_PER_SEC;
        printf("%d of %d s: seeds %u to %u, %" PRIu64 " steps\n", elapsed,
               seconds, seed, seed + lives - 1, total_steps);
        fflush(stdout);
    }
    printf("PASS: %u seeds, %" PRIu64 " steps, %" PRIu64 " a second\n", lives,
           total_steps, total_steps / MAX(elapsed, 1));
}

/* Is it "--NAME VALUE"? Without a number for a value, or with more, it ends. */
static bool single_option(int argc, char **argv, const char *name,
                          unsigned *value)
{
    if (argc < 2 || !g_str_equal(argv[1], name)) {
        return false;
    }
    if (argc != 3 || qemu_strtoui(argv[2], NULL, 0, value) < 0) {
        fprintf(stderr, "%s takes a number and nothing else\n", name);
        exit(EXIT_FAILURE);
    }
    return true;
}

int main(int argc, char **argv)
{
    unsigned value;

    tell_seed_of_deaths();
    /* One thread, and nobody that it would have to be kept from: QEMU's mock */
    rust_bql_mock_lock();
    if (single_option(argc, argv, "--seed", &value)) {
        sim.verbose = true;
        setlinebuf(stdout);
        live(value);
        return 0;
    }
    if (single_option(argc, argv, "--soak", &value)) {
        soak(value);
        return 0;
    }
    g_test_init(&argc, &argv, NULL);
    if (argc > 1) {
        fprintf(stderr, "unexpected argument '%s'\n", argv[1]);
        return EXIT_FAILURE;
    }
    g_test_add_func("/vfio-ccw/sim/fixed-seeds", test_fixed_seeds);
    return g_test_run();
}
