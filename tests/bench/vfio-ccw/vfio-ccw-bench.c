/*
 * What vfio-ccw costs a guest, and what it costs QEMU
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A real s390x guest under TCG (bench-guest.S) measures its own instructions
 * on QEMU's vfio-ccw devices; emulated host drivers in this process take
 * nothing, or whatever time they are told to. "make bench" runs it: a table
 * and verdicts go to stdout, all figures to the file given, as JSON, from which
 * scripts/plot_bench.py draws. Needs a quiet machine; everything here runs in
 * the main thread.
 */

#include "qemu/osdep.h"
#include <sys/resource.h>
#include <sys/utsname.h>
#include "qemu/bswap.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"
#include "qobject/qnum.h"
#include "floor.h"
#include "machine.h"

/* The aims */
#define SSCH_MEDIAN_US   5.0
#define SSCH_P99_US      50.0
#define OVERTAKE_US      200.0
#define FLOOR_RATIO      1.25
#define RATE_RATIO       200.0

#define SERVICE_MS       20
#define STUCK_MS         (3600 * 1000)

#define NUM_ROUND_TRIPS  10000
#define NUM_OVERTAKINGS  200
#define NUM_INSTRUCTIONS 500

typedef struct Figures {
    double median;
    double p99;
    double max;
    unsigned count;
} Figures;

static QDict *results;

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Sorts @values. */
static Figures figures_of(double *values, unsigned count)
{
    qsort(values, count, sizeof(*values), compare_doubles);
    return (Figures) {
        .median = values[count / 2],
        .p99 = values[MIN(count - 1, count * 99 / 100)],
        .max = values[count - 1],
        .count = count,
    };
}

static QDict *figures_to_qdict(const Figures *figures)
{
    QDict *dict = qdict_new();

    qdict_put(dict, "median", qnum_from_double(figures->median));
    qdict_put(dict, "p99", qnum_from_double(figures->p99));
    qdict_put(dict, "max", qnum_from_double(figures->max));
    qdict_put_int(dict, "count", figures->count);
    return dict;
}

static void heading(const char *text)
{
    printf("\n%-44s %9s %9s %9s %7s\n", text, "median", "p99", "max", "n");
}

static void put_figures(QDict *dict, const char *key, const char *text,
                        const Figures *figures)
{
    printf("  %-42s %9.1f %9.1f %9.1f %7u\n", text, figures->median,
           figures->p99, figures->max, figures->count);
    fflush(stdout);
    qdict_put(dict, key, figures_to_qdict(figures));
}

static void verdict(const char *what, double value, double aim, bool met)
{
    QDict *dict = qdict_new();

    qdict_put_str(dict, "what", what);
    qdict_put(dict, "value", qnum_from_double(value));
    qdict_put(dict, "aim", qnum_from_double(aim));
    qdict_put_bool(dict, "met", met);
    qlist_append(qdict_get_qlist(results, "verdicts"), dict);
}

static void verdict_at_most(const char *what, double value, double aim)
{
    verdict(what, value, aim, value <= aim);
}

/*
 * The floor, and what an instruction costs that asks nobody
 */

static double floor_us, host_us, hop_us;

/* How long a host takes to answer, and how often that is measured */
typedef struct Pause {
    unsigned ms;
    unsigned count;
} Pause;

static const Pause pauses[] = {
    { 0, 10000 },
    { 1, 1000 },
    { 10, 300 },
    { 100, 50 },
    { 1000, 10 },
};

/* What has not run for a while has to come to the caches first. */
static void measure_pause(const Pause *pause)
{
    g_autofree char *send = g_strdup_printf("bare send after %u ms", pause->ms);
    g_autofree char *call = g_strdup_printf("empty system call after %u ms",
                                            pause->ms);
    g_autofree double *us = g_new(double, pause->count);
    QDict *dict = qdict_new();
    Figures figures;

    floor_sends(us, pause->count, pause->ms);
    figures = figures_of(us, pause->count);
    put_figures(dict, "us", send, &figures);
    floor_system_calls(us, pause->count, pause->ms);
    figures = figures_of(us, pause->count);
    put_figures(dict, "system-call-us", call, &figures);
    qdict_put_int(dict, "host-ms", pause->ms);
    qlist_append(qdict_get_qlist(results, "sends"), dict);
}

static void measure_floor(void)
{
    g_autofree double *us = g_new(double, NUM_ROUND_TRIPS);
    QDict *dict = qdict_new();
    Figures figures;

    heading("floor, us");
    floor_round_trips(us, NUM_ROUND_TRIPS);
    figures = figures_of(us, NUM_ROUND_TRIPS);
    floor_us = figures.median;
    put_figures(dict, "round-trip", "socket and eventfd, same messages",
                &figures);

    floor_host_round_trips(us, NUM_ROUND_TRIPS);
    figures = figures_of(us, NUM_ROUND_TRIPS);
    host_us = figures.median - floor_us;
    put_figures(dict, "host-round-trip", "the same with the emulated driver",
                &figures);

    floor_thread_hops(us, NUM_ROUND_TRIPS);
    figures = figures_of(us, NUM_ROUND_TRIPS);
    hop_us = figures.median;
    put_figures(dict, "hop", "waking another thread", &figures);
    qdict_put(results, "floor", dict);

    for (int i = 0; i < ARRAY_SIZE(pauses); i++) {
        measure_pause(&pauses[i]);
    }
}

static Figures time_instruction(Machine *machine, uint32_t insn)
{
    double us[NUM_INSTRUCTIONS];

    for (unsigned i = 0; i < NUM_INSTRUCTIONS; i++) {
        Ran ran = machine_issue(machine, insn, 0, GUEST_SCHIB);

        us[i] = (ran.ended - ran.began) / 1e3;
    }
    return figures_of(us, NUM_INSTRUCTIONS);
}

static void measure_instructions(Machine *machine)
{
    QDict *dict = qdict_new();
    Figures idle = time_instruction(machine, INSN_IDLE);
    Figures stsch = time_instruction(machine, INSN_STSCH);
    Figures msch = time_instruction(machine, INSN_MSCH);

    heading("instructions that ask nobody, us");
    put_figures(dict, "idle", "none: the measurement itself", &idle);
    put_figures(dict, "stsch", "STSCH", &stsch);
    put_figures(dict, "msch", "MSCH", &msch);
    qdict_put(results, "instructions", dict);
}

/*
 * Round trips: SSCH, interruption, TSCH
 */

static void split(const Sample *samples, unsigned count, Figures *ssch,
                  Figures *round_trip)
{
    g_autofree double *us = g_new(double, count);

    for (unsigned i = 0; i < count; i++) {
        us[i] = samples[i].ssch_us;
    }
    *ssch = figures_of(us, count);
    for (unsigned i = 0; i < count; i++) {
        us[i] = samples[i].round_trip_us;
    }
    *round_trip = figures_of(us, count);
}

static Figures measure_round_trip(Machine *machine, QDict *dict,
                                  const char *key, const char *text,
                                  Waiting waiting, Programs programs)
{
    double wakeups = machine_wakeups(machine);
    double cpu = machine_cpu_time(machine);
    g_autofree Sample *samples = NULL;
    g_autofree char *ssch_key = g_strdup_printf("%s-ssch", key);
    g_autofree char *cpu_key = g_strdup_printf("%s-cpu-us", key);
    g_autofree char *wakeups_key = g_strdup_printf("%s-wakeups", key);
    Figures ssch, round_trip;
    Ran ran;

    machine_run(machine, 1, NUM_ROUND_TRIPS, waiting, programs);
    samples = machine_wait_run(machine, &ran);
    cpu = (machine_cpu_time(machine) - cpu) * 1e6 / NUM_ROUND_TRIPS;
    wakeups = (machine_wakeups(machine) - wakeups) / NUM_ROUND_TRIPS;
    split(samples, NUM_ROUND_TRIPS, &ssch, &round_trip);
    put_figures(dict, key, text, &round_trip);
    put_figures(dict, ssch_key, "  of that, SSCH", &ssch);
    printf("    QEMU: %.1f us of CPU time and %.1f wakeups each\n", cpu,
           wakeups);
    qdict_put(dict, cpu_key, qnum_from_double(cpu));
    qdict_put(dict, wakeups_key, qnum_from_double(wakeups));
    return round_trip;
}

/* What the emulated driver takes for itself is no cost of QEMU's. */
static void judge_round_trip(const char *text, const Figures *round_trip,
                             double need)
{
    g_autofree char *all = g_strdup_printf("round trip, %s, us", text);
    g_autofree char *ours = g_strdup_printf("  %s, less the driver's own time",
                                            text);
    double aim = FLOOR_RATIO * floor_us + need;

    verdict_at_most(all, round_trip->median, aim);
    verdict_at_most(ours, round_trip->median - host_us, aim);
}

static void measure_round_trips(Machine *machine)
{
    QDict *dict = qdict_new();
    Figures need, halted, spinning;

    heading("round trip, host takes no time, us");
    need = measure_round_trip(machine, dict, "cpu-need",
                              "the CPU's own need: no host asked",
                              GUEST_SPINNING, PROGRAMS_REFUSED);
    spinning = measure_round_trip(machine, dict, "spinning",
                                  "guest CPU busy", GUEST_SPINNING,
                                  PROGRAMS_ALTERNATE);
    halted = measure_round_trip(machine, dict, "halted", "guest CPU waits",
                                GUEST_HALTED, PROGRAMS_ALTERNATE);
    measure_round_trip(machine, dict, "spinning-same",
                       "guest CPU busy, equal IRBs", GUEST_SPINNING,
                       PROGRAMS_SAME);
    measure_round_trip(machine, dict, "halted-same",
                       "guest CPU waits, equal IRBs", GUEST_HALTED,
                       PROGRAMS_SAME);
    qdict_put(results, "round-trips", dict);

    judge_round_trip("guest CPU busy", &spinning, need.median);
    judge_round_trip("guest CPU waits", &halted, need.median + hop_us);
}

/*
 * SSCH, while the host takes its time to answer
 */

static void put_ssch(const char *text, unsigned host_ms, unsigned devices,
                     const Figures *ssch)
{
    g_autofree char *median = g_strdup_printf("SSCH, %s, median, us", text);
    g_autofree char *p99 = g_strdup_printf("SSCH, %s, 99 %%, us", text);
    QDict *dict = qdict_new();

    put_figures(dict, "us", text, ssch);
    qdict_put_int(dict, "host-ms", host_ms);
    qdict_put_int(dict, "devices", devices);
    qlist_append(qdict_get_qlist(results, "ssch"), dict);
    verdict_at_most(median, ssch->median, SSCH_MEDIAN_US);
    verdict_at_most(p99, ssch->p99, SSCH_P99_US);
}

/* Each of @count starts is answered after @ms */
static void answer_late(Machine *machine, unsigned count, unsigned ms)
{
    VfioCcwHost *host = machine->hosts[0];

    for (unsigned i = 0; i < count; i++) {
        vfio_ccw_host_wait_held(host, VFIO_CCW_HOST_START);
        g_usleep(ms * 1000);
        vfio_ccw_host_release(host, VFIO_CCW_HOST_START, 0);
    }
}

static void measure_ssch_against(Machine *machine, const Pause *pause)
{
    g_autofree char *text = g_strdup_printf("host answers after %u ms",
                                            pause->ms);
    g_autofree Sample *samples = NULL;
    Figures ssch, round_trip;
    Ran ran;

    if (pause->ms) {
        vfio_ccw_host_hold(machine->hosts[0], VFIO_CCW_HOST_START);
    }
    machine_run(machine, 1, pause->count, GUEST_SPINNING, PROGRAMS_ALTERNATE);
    if (pause->ms) {
        answer_late(machine, pause->count, pause->ms);
        vfio_ccw_host_unhold(machine->hosts[0], VFIO_CCW_HOST_START);
    }
    samples = machine_wait_run(machine, &ran);
    split(samples, pause->count, &ssch, &round_trip);
    put_ssch(text, pause->ms, 1, &ssch);
}

static void measure_ssch(Machine *machine)
{
    heading("SSCH, us");
    for (int i = 0; i < ARRAY_SIZE(pauses); i++) {
        measure_ssch_against(machine, &pauses[i]);
    }
}

/*
 * HSCH and CSCH, while a start is stuck
 */

typedef struct Stuck {
    const char *key;
    const char *text;
    VfioCcwHostStep step;   /* that is withheld */
} Stuck;

/* The interruptions are not enabled: look, until the functions are over */
static void end_functions(Machine *machine)
{
    uint8_t *ctrl = machine->ram + GUEST_SCHIB + offsetof(SCHIB, scsw) + 2;

    do {
        machine_issue(machine, INSN_TSCH, 0, GUEST_IRB);
        machine_issue(machine, INSN_STSCH, 0, GUEST_SCHIB);
    } while (lduw_be_p(ctrl) & (SCSW_CTRL_MASK_FCTL | SCSW_CTRL_MASK_STCTL));
}

static double overtake_once(Machine *machine, const Stuck *stuck,
                            uint32_t insn)
{
    VfioCcwHost *host = machine->hosts[0];
    unsigned seen = vfio_ccw_host_count(host, VFIO_CCW_HOST_ASYNC_WRITES);
    unsigned starts = vfio_ccw_host_count(host, VFIO_CCW_HOST_STARTS);
    bool hold = stuck->step != VFIO_CCW_HOST_NR_STEPS;
    double us;
    Ran ran;

    if (hold) {
        vfio_ccw_host_hold(host, stuck->step);
    }
    ran = machine_issue(machine, INSN_SSCH, 0, GUEST_ORB);
    g_assert_cmpint(ran.cc, ==, 0);
    if (hold) {
        vfio_ccw_host_wait_held(host, stuck->step);
    } else {
        vfio_ccw_host_wait_count(host, VFIO_CCW_HOST_STARTS, starts + 1);
    }
    ran = machine_issue(machine, insn, 0, 0);
    g_assert_cmpint(ran.cc, ==, 0);
    /* Nothing disturbs the host meanwhile. */
    g_usleep(1000);
    vfio_ccw_host_wait_count(host, VFIO_CCW_HOST_ASYNC_WRITES, seen + 1);
    us = (vfio_ccw_host_when(host, VFIO_CCW_HOST_ASYNC_WRITES) -
          ran.began) / 1e3;
    if (hold) {
        vfio_ccw_host_unhold(host, stuck->step);
    }
    end_functions(machine);
    return us;
}

static void measure_overtaking(Machine *machine)
{
    static const Stuck stucks[] = {
        { "unanswered", "driver busy with the start", VFIO_CCW_HOST_START },
        { "reply-late", "answer to the start is late",
          VFIO_CCW_HOST_START_REPLY },
        { "running", "program runs", VFIO_CCW_HOST_NR_STEPS },
    };
    static const struct {
        const char *name;
        uint32_t insn;
    } insns[] = {
        { "HSCH", INSN_HSCH },
        { "CSCH", INSN_CSCH },
    };

    heading("from the instruction to the host, us");
    for (int i = 0; i < ARRAY_SIZE(stucks) * ARRAY_SIZE(insns); i++) {
        const Stuck *stuck = &stucks[i / 2];
        g_autofree char *text = g_strdup_printf("%s, %s", insns[i % 2].name,
                                                stuck->text);
        double us[NUM_OVERTAKINGS];
        QDict *dict = qdict_new();
        Figures figures;

        for (int n = 0; n < NUM_OVERTAKINGS; n++) {
            us[n] = overtake_once(machine, stuck, insns[i % 2].insn);
        }
        figures = figures_of(us, NUM_OVERTAKINGS);
        put_figures(dict, "us", text, &figures);
        qdict_put_str(dict, "instruction", insns[i % 2].name);
        qdict_put_str(dict, "stuck", stuck->key);
        qlist_append(qdict_get_qlist(results, "overtaking"), dict);
        verdict_at_most(text, figures.p99, OVERTAKE_US);
    }
}

/*
 * Many devices at once
 */

typedef struct Load {
    double per_second;
    double cpu_us;
    unsigned threads;
    unsigned memory;
} Load;

/* All devices get a start in a row; no host answers for @ms. */
static void measure_ssch_burst(Machine *machine, unsigned ms)
{
    g_autofree char *text = g_strdup_printf("%u devices, answers after %u ms",
                                            machine->num_devices, ms);
    g_autofree Sample *samples = NULL;
    unsigned threads, count = machine->num_devices;
    Figures ssch, round_trip;
    Ran ran;

    for (unsigned i = 0; i < count; i++) {
        vfio_ccw_host_hold(machine->hosts[i], VFIO_CCW_HOST_START);
    }
    machine_run(machine, count, count, GUEST_HALTED, PROGRAMS_ALTERNATE);
    for (unsigned i = 0; i < count; i++) {
        vfio_ccw_host_wait_held(machine->hosts[i], VFIO_CCW_HOST_START);
    }
    g_usleep(ms * 1000);
    threads = machine_threads(machine);
    for (unsigned i = 0; i < count; i++) {
        vfio_ccw_host_unhold(machine->hosts[i], VFIO_CCW_HOST_START);
    }
    samples = machine_wait_run(machine, &ran);
    split(samples, count, &ssch, &round_trip);
    heading("SSCH, us");
    put_ssch(text, ms, count, &ssch);
    printf("    QEMU: %u threads while all are stuck\n", threads);
    qdict_put_int(results, "threads-stuck", threads);
}

static Load measure_load(Machine *machine, unsigned count)
{
    g_autofree Sample *warm_up = NULL;
    g_autofree Sample *samples = NULL;
    Load load = { 0 };
    double cpu;
    Ran ran;

    machine_run(machine, machine->num_devices, count, GUEST_HALTED,
                PROGRAMS_ALTERNATE);
    warm_up = machine_wait_run(machine, &ran);

    cpu = machine_cpu_time(machine);
    machine_run(machine, machine->num_devices, count, GUEST_HALTED,
                PROGRAMS_ALTERNATE);
    while (machine_is_running(machine)) {
        load.threads = MAX(load.threads, machine_threads(machine));
        g_usleep(SERVICE_MS * 1000);
    }
    samples = machine_wait_run(machine, &ran);
    load.cpu_us = (machine_cpu_time(machine) - cpu) * 1e6 / count;
    load.per_second = count * 1e9 / (ran.ended - ran.began);
    load.memory = machine_memory(machine);
    return load;
}

static void put_load(unsigned devices, const Load *load)
{
    QDict *dict = qdict_new();

    printf("  %-24u %10.0f %14.1f %10u %10u\n", devices, load->per_second,
           load->cpu_us, load->threads, load->memory);
    fflush(stdout);
    qdict_put_int(dict, "devices", devices);
    qdict_put(dict, "per-second", qnum_from_double(load->per_second));
    qdict_put(dict, "cpu-us", qnum_from_double(load->cpu_us));
    qdict_put_int(dict, "threads", load->threads);
    qdict_put_int(dict, "memory-kib", load->memory);
    qlist_append(qdict_get_qlist(results, "load"), dict);
}

static void measure_loads(void)
{
    static const unsigned devices[] = { 1, 16, MAX_DEVICES };
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Load loads[ARRAY_SIZE(devices)];
    const Load *one = &loads[0], *many = &loads[ARRAY_SIZE(devices) - 1];

    config.device = VFIO_CCW_HOST_TIMED;
    config.service_ms = SERVICE_MS;
    for (int i = 0; i < ARRAY_SIZE(devices); i++) {
        Machine *machine = machine_new(devices[i], &config);

        loads[i] = measure_load(machine, devices[i] * 100);
        machine_free(machine);
    }
    printf("\n%-26s %10s %14s %10s %10s\n", "devices, host takes 20 ms",
           "I/O per s", "CPU us per I/O", "threads", "KiB");
    for (int i = 0; i < ARRAY_SIZE(devices); i++) {
        put_load(devices[i], &loads[i]);
    }
    printf("  memory of a device: %.1f KiB\n",
           (double)(many->memory - one->memory) / (MAX_DEVICES - 1));
    verdict("256 devices' rate / one device's",
            many->per_second / one->per_second, RATE_RATIO,
            many->per_second >= RATE_RATIO * one->per_second);
}

static void describe_machine(void)
{
    QDict *dict = qdict_new();
    struct utsname name;
    double load[1] = { 0 };

    uname(&name);
    if (getloadavg(load, 1) == 1) {
        qdict_put(dict, "load-average", qnum_from_double(load[0]));
    }
    qdict_put_str(dict, "kernel", name.release);
    qdict_put_str(dict, "architecture", name.machine);
    qdict_put_int(dict, "cpus", g_get_num_processors());
    qdict_put(results, "machine", dict);
    printf("%s, Linux %s, %u CPUs, load average %.1f\n", name.machine,
           name.release, g_get_num_processors(), load[0]);
}

static Machine *with_devices(unsigned count, VfioCcwHostDevice device)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.device = device;
    config.service_ms = STUCK_MS;
    return machine_new(count, &config);
}

static void measure_all(void)
{
    Machine *machine;

    measure_floor();
    measure_loads();

    machine = with_devices(1, VFIO_CCW_HOST_INSTANT);
    measure_instructions(machine);
    measure_round_trips(machine);
    machine_free(machine);

    machine_reserve_cpu();
    machine = with_devices(1, VFIO_CCW_HOST_INSTANT);
    measure_ssch(machine);
    machine_free(machine);

    machine = with_devices(MAX_DEVICES, VFIO_CCW_HOST_INSTANT);
    measure_ssch_burst(machine, 1000);
    machine_free(machine);

    machine = with_devices(1, VFIO_CCW_HOST_TIMED);
    measure_overtaking(machine);
    machine_free(machine);
}

/* Here and, since it is inherited, in QEMU: 256 devices have many eventfds */
static void allow_many_files(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* libqtest prints the whole command line of QEMU: 256 devices long */
static void print_nothing(const char *text)
{
}

static bool write_results(const char *path)
{
    g_autoptr(GString) json = qobject_to_json_pretty(QOBJECT(results), true);
    g_autoptr(GError) err = NULL;

    g_string_append_c(json, '\n');
    if (!g_file_set_contents(path, json->str, json->len, &err)) {
        fprintf(stderr, "%s\n", err->message);
        return false;
    }
    return true;
}

static bool print_verdicts(void)
{
    const QListEntry *entry;
    bool all_met = true;

    puts("\nverdicts");
    QLIST_FOREACH_ENTRY(qdict_get_qlist(results, "verdicts"), entry) {
        QDict *dict = qobject_to(QDict, qlist_entry_obj(entry));
        bool met = qdict_get_bool(dict, "met");

        printf("  %-6s %-52s %8.1f, aim %.1f\n", met ? "met" : "MISSED",
               qdict_get_str(dict, "what"), qdict_get_double(dict, "value"),
               qdict_get_double(dict, "aim"));
        all_met = all_met && met;
    }
    printf("\n%s: %s\n", all_met ? "MET" : "MISSED",
           all_met ? "every aim is met" : "not every aim is met");
    return all_met;
}

int main(int argc, char **argv)
{
    bool ok;

    if (argc != 2) {
        fprintf(stderr, "usage: %s RESULTS.json\n"
                "with QTEST_QEMU_BINARY set to qemu-system-s390x\n", argv[0]);
        return EXIT_FAILURE;
    }
    allow_many_files();
    g_set_print_handler(print_nothing);
    results = qdict_new();
    qdict_put(results, "verdicts", qlist_new());
    qdict_put(results, "ssch", qlist_new());
    qdict_put(results, "sends", qlist_new());
    qdict_put(results, "overtaking", qlist_new());
    qdict_put(results, "load", qlist_new());
    describe_machine();
    measure_all();
    ok = write_results(argv[1]);
    ok = print_verdicts() && ok;
    qobject_unref(results);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
