/*
 * A guest with vfio-ccw devices, whose storage the benchmark shares
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <glib/gstdio.h>
#include <sched.h>
#include <sys/mman.h>
#include "qapi/error.h"
#include "qemu/atomic.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "qemu/memfd.h"
#include "qemu/timer.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "tests/qtest/libqos/css.h"
#include "bench-guest-program.h"
#include "machine.h"

#define RAM_SIZE (64 * 1024 * 1024)

/* How well two clocks are compared, and how many looks that may take */
#define CLOCK_PRECISION_NS 1000
#define MAX_LOOKS 20000000

/* More than the guest's CPU is ever kept from running */
#define CLOCK_MAX_AGE_NS (10 * NANOSECONDS_PER_SECOND)

/* The guest program's view, all big-endian */
#define GUEST_BLOCK   0x2000
#define GUEST_DEVICES 0x4000
#define GUEST_PROGRAM 0x7000
#define GUEST_SAMPLES 0x400000

typedef struct GuestBlock {
    uint32_t request;
    uint32_t done;
    uint32_t insn;
    uint32_t cc;
    uint64_t gr1;
    uint64_t gr2;
    uint64_t clock;
    uint64_t began;
    uint64_t ended;
    uint32_t devices;
    uint32_t count;
    uint64_t wait_mask;
} GuestBlock;

typedef struct GuestDevice {
    uint64_t started;
    uint64_t sample;
    uint64_t orb;
    uint64_t accepted;
} GuestDevice;

typedef struct GuestSample {
    uint64_t ssch_time;
    uint64_t round_trip;
} GuestSample;

/* Two ORBs, in turn */
#define GUEST_ORB_DISTANCE 0x20

#define PSW_MASK_64BIT 0x0000000180000000ULL
#define PSW_MASK_IO    0x0200000000000000ULL
#define PSW_MASK_WAIT  0x0002000000000000ULL

/* A TOD clock's unit is 1/4096 us. */
static int64_t tod_to_ns(uint64_t tod)
{
    return tod / 4096 * 1000 + tod % 4096 * 1000 / 4096;
}

static double tod_to_us(uint64_t tod)
{
    return tod / 4096.0;
}

static GuestBlock *block_of(Machine *machine)
{
    return machine->ram + GUEST_BLOCK;
}

bool machine_is_running(Machine *machine)
{
    GuestBlock *block = block_of(machine);

    return qatomic_load_acquire(&block->done) != block->request;
}

static void post(Machine *machine)
{
    GuestBlock *block = block_of(machine);
    uint32_t next = be32_to_cpu(block->request) + 1;

    qatomic_store_release(&block->request, cpu_to_be32(next));
}

/* Seldom enough to leave the CPUs to what is measured */
static void wait_done(Machine *machine, unsigned us)
{
    while (machine_is_running(machine)) {
        g_usleep(us);
    }
}

static Ran ran(Machine *machine)
{
    GuestBlock *block = block_of(machine);

    return (Ran) {
        .cc = be32_to_cpu(block->cc),
        .began = tod_to_ns(be64_to_cpu(block->began)) + machine->clock_offset,
        .ended = tod_to_ns(be64_to_cpu(block->ended)) + machine->clock_offset,
    };
}

Ran machine_issue(Machine *machine, uint32_t insn, unsigned device,
                  uint64_t gr2)
{
    GuestBlock *block = block_of(machine);

    block->insn = cpu_to_be32(insn);
    block->gr1 = cpu_to_be64(GUEST_SCHID(device));
    block->gr2 = cpu_to_be64(gr2);
    post(machine);
    wait_done(machine, 50);
    return ran(machine);
}

/* Two programs of one no-operation each, and the ORBs that begin them */
static void write_programs(Machine *machine, Programs programs)
{
    for (int i = 0; i < 2; i++) {
        uint32_t cpa = GUEST_PROGRAM;
        uint8_t *ccw = machine->ram + GUEST_PROGRAM + i * sizeof(CCW1);
        uint8_t *orb = machine->ram + GUEST_ORB + i * GUEST_ORB_DISTANCE;
        uint16_t ctrl0 = ORB_CTRL0_MASK_FMT | ORB_CTRL0_MASK_PFCH;

        if (programs == PROGRAMS_ALTERNATE) {
            cpa += i * sizeof(CCW1);
        } else if (programs == PROGRAMS_REFUSED) {
            ctrl0 |= ORB_CTRL0_MASK_SPND;
        }
        ccw[0] = CCW_CMD_NOOP;
        ccw[1] = CCW_FLAG_SLI;
        stw_be_p(ccw + 2, 1);
        stl_be_p(ccw + 4, GUEST_PROGRAM);
        stw_be_p(orb + 4, ctrl0);
        orb[6] = 0xff;
        stl_be_p(orb + 8, cpa);
    }
}

void machine_run(Machine *machine, unsigned devices, unsigned count,
                 Waiting waiting, Programs programs)
{
    GuestBlock *block = block_of(machine);
    GuestDevice *device = machine->ram + GUEST_DEVICES;
    uint64_t mask = PSW_MASK_64BIT | PSW_MASK_IO |
                    (waiting == GUEST_HALTED ? PSW_MASK_WAIT : 0);

    g_assert_cmpint(devices, <=, MIN(count, machine->num_devices));
    write_programs(machine, programs);
    for (unsigned i = 0; i < devices; i++) {
        device[i].orb = cpu_to_be64(GUEST_ORB);
    }
    block->insn = 0;
    block->devices = cpu_to_be32(devices);
    block->count = cpu_to_be32(count);
    block->wait_mask = cpu_to_be64(mask);
    post(machine);
}

Sample *machine_wait_run(Machine *machine, Ran *result)
{
    GuestBlock *block = block_of(machine);
    GuestSample *guest = machine->ram + GUEST_SAMPLES;
    unsigned count = be32_to_cpu(block->count);
    Sample *samples = g_new(Sample, count);

    wait_done(machine, 1000);
    *result = ran(machine);
    g_assert_cmpint(result->cc, ==, 0);
    for (unsigned i = 0; i < count; i++) {
        samples[i] = (Sample) {
            .ssch_us = tod_to_us(be64_to_cpu(guest[i].ssch_time)),
            .round_trip_us = tod_to_us(be64_to_cpu(guest[i].round_trip)),
        };
    }
    return samples;
}

/*
 * The guest stores its clock all the time. A value was stored before it is
 * seen, and after the last look at the value before.
 */
static void compare_clocks(Machine *machine)
{
    GuestBlock *block = block_of(machine);
    int64_t last_guest = tod_to_ns(be64_to_cpu(block->clock));
    int64_t last_look = get_clock();
    int64_t low = last_look - last_guest - CLOCK_MAX_AGE_NS;
    int64_t high = last_look - last_guest + CLOCK_MAX_AGE_NS;

    for (int i = 0; i < MAX_LOOKS && high - low > CLOCK_PRECISION_NS; i++) {
        int64_t look = get_clock();
        int64_t guest = tod_to_ns(be64_to_cpu(qatomic_read(&block->clock)));

        high = MIN(high, get_clock() - guest);
        if (guest != last_guest) {
            low = MAX(low, last_look - guest);
        }
        last_look = look;
        last_guest = guest;
    }
    machine->clock_offset = low + (high - low) / 2;
}

static void enable(Machine *machine, unsigned device)
{
    uint8_t *schib = machine->ram + GUEST_SCHIB;
    Ran result = machine_issue(machine, INSN_STSCH, device, GUEST_SCHIB);

    g_assert_cmpint(result.cc, ==, 0);
    stw_be_p(schib + 4, lduw_be_p(schib + 4) | PMCW_FLAGS_MASK_ENA);
    result = machine_issue(machine, INSN_MSCH, device, GUEST_SCHIB);
    g_assert_cmpint(result.cc, ==, 0);
}

static void start_hosts(Machine *machine, const VfioCcwHostConfig *config,
                        GString *args)
{
    for (unsigned i = 0; i < machine->num_devices; i++) {
        g_autofree char *path = g_strdup_printf("%s/%u", machine->dir, i);

        machine->hosts[i] = vfio_ccw_host_start(path, config, &error_abort);
        g_string_append_printf(args, "-device '{\"driver\": \"vfio-ccw\", "
                               "\"devno\": \"fe.0.%04x\", "
                               "\"x-msg-timeout\": 60000, \"socket\": "
                               "{\"type\": \"unix\", \"path\": \"%s\"}}' ",
                               0x1000 + i, path);
    }
}

static cpu_set_t guest_cpus;

void machine_reserve_cpu(void)
{
    cpu_set_t others;
    int cpu = 0;

    g_assert_cmpint(sched_getaffinity(0, sizeof(others), &others), ==, 0);
    if (CPU_COUNT(&others) == 1) {
        return;
    }
    while (!CPU_ISSET(cpu, &others)) {
        cpu++;
    }
    CPU_SET(cpu, &guest_cpus);
    CPU_CLR(cpu, &others);
    /* Inherited by QEMU and by the threads of the hosts */
    g_assert_cmpint(sched_setaffinity(0, sizeof(others), &others), ==, 0);
}

static void pin_guest_cpu(Machine *machine)
{
    QDict *answer, *cpu;

    if (CPU_COUNT(&guest_cpus) == 0) {
        return;
    }
    answer = qtest_qmp(machine->qts, "{'execute': 'query-cpus-fast'}");
    cpu = qobject_to(QDict, qlist_peek(qdict_get_qlist(answer, "return")));
    g_assert_cmpint(sched_setaffinity(qdict_get_int(cpu, "thread-id"),
                                      sizeof(guest_cpus), &guest_cpus), ==, 0);
    qobject_unref(answer);
}

Machine *machine_new(unsigned num_devices, const VfioCcwHostConfig *config)
{
    Machine *machine = g_new0(Machine, 1);
    g_autoptr(GString) args = g_string_new("-accel tcg ");

    machine->num_devices = num_devices;
    machine->dir = g_dir_make_tmp("vfio-ccw-bench-XXXXXX", NULL);
    g_assert_nonnull(machine->dir);
    machine->ram = qemu_memfd_alloc("guest", RAM_SIZE, 0, &machine->ram_fd,
                                    &error_abort);
    g_string_append_printf(args, "-m %dM -object memory-backend-file,id=ram,"
                           "size=%dM,share=on,mem-path=/proc/%d/fd/%d "
                           "-machine memory-backend=ram ",
                           RAM_SIZE >> 20, RAM_SIZE >> 20, getpid(),
                           machine->ram_fd);
    start_hosts(machine, config, args);
    machine->qts = qcss_init_firmware(bench_guest_program,
                                      sizeof(bench_guest_program), args->str);
    pin_guest_cpu(machine);
    for (unsigned i = 0; i < num_devices; i++) {
        enable(machine, i);
    }
    compare_clocks(machine);
    return machine;
}

void machine_free(Machine *machine)
{
    qtest_quit(machine->qts);
    for (unsigned i = 0; i < machine->num_devices; i++) {
        vfio_ccw_host_stop(machine->hosts[i], &error_abort);
    }
    qemu_memfd_free(machine->ram, RAM_SIZE, machine->ram_fd);
    g_rmdir(machine->dir);
    g_free(machine->dir);
    g_free(machine);
}

double machine_cpu_time(Machine *machine)
{
    struct timespec used;
    clockid_t clock;

    g_assert_cmpint(clock_getcpuclockid(qtest_pid(machine->qts), &clock), ==,
                    0);
    g_assert_cmpint(clock_gettime(clock, &used), ==, 0);
    return used.tv_sec + used.tv_nsec / 1e9;
}

/* The number on a line of a status file in /proc */
static unsigned status(const char *path, const char *name)
{
    g_autofree char *text = NULL;
    const char *line;
    unsigned value;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return 0;
    }
    line = strstr(text, name);
    g_assert_nonnull(line);
    /* Blanks before it, and more lines after */
    g_assert_cmpint(qemu_strtoui(line + strlen(name), &line, 10, &value), ==,
                    0);
    return value;
}

static unsigned process_status(Machine *machine, const char *name)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status",
                                            qtest_pid(machine->qts));

    return status(path, name);
}

unsigned machine_wakeups(Machine *machine)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task",
                                            qtest_pid(machine->qts));
    g_autoptr(GDir) tasks = g_dir_open(path, 0, NULL);
    const char *task;
    unsigned wakeups = 0;

    g_assert_nonnull(tasks);
    while ((task = g_dir_read_name(tasks))) {
        g_autofree char *file = g_build_filename(path, task, "status", NULL);

        wakeups += status(file, "\nvoluntary_ctxt_switches:");
    }
    return wakeups;
}

unsigned machine_threads(Machine *machine)
{
    return process_status(machine, "\nThreads:");
}

unsigned machine_memory(Machine *machine)
{
    return process_status(machine, "\nRssAnon:");
}
