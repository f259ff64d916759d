/*
 * A guest with vfio-ccw devices, whose storage the benchmark shares
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The guest runs bench-guest.S under TCG. Everything here is called from the
 * benchmark's only thread; the emulated host drivers have threads of their own.
 */

#ifndef TESTS_BENCH_VFIO_CCW_MACHINE_H
#define TESTS_BENCH_VFIO_CCW_MACHINE_H

#include "tests/qtest/libqtest.h"
#include "tests/vfio-ccw-host/vfio-ccw-host.h"

#define MAX_DEVICES 256

/* Instructions whose storage operand is where GR2 says, and LR 0,0 */
#define INSN_IDLE  0x18000000
#define INSN_HSCH  0xb2310000
#define INSN_CSCH  0xb2300000
#define INSN_MSCH  0xb2322000
#define INSN_SSCH  0xb2332000
#define INSN_STSCH 0xb2342000
#define INSN_TSCH  0xb2352000

/* Where GR2 points for MSCH and STSCH, for TSCH, and for SSCH */
#define GUEST_SCHIB 0x2300
#define GUEST_IRB   0x2200
#define GUEST_ORB   0x2100

#define GUEST_SCHID(device) (0x00010000 + (device))

typedef struct Machine {
    char *dir;
    int ram_fd;
    void *ram;
    unsigned num_devices;
    VfioCcwHost *hosts[MAX_DEVICES];
    QTestState *qts;
    int64_t clock_offset;       /* host's CLOCK_MONOTONIC - guest's TOD, ns */
} Machine;

/* When the guest did what it was asked to do, in ns of the host's clock */
typedef struct Ran {
    int cc;
    int64_t began;
    int64_t ended;
} Ran;

typedef struct Sample {
    double ssch_us;             /* the instruction */
    double round_trip_us;       /* to the end of TSCH */
} Sample;

typedef enum Waiting {
    GUEST_HALTED,               /* the enabled wait state */
    GUEST_SPINNING,             /* enabled, but the CPU has work to do */
} Waiting;

typedef enum Programs {
    PROGRAMS_ALTERNATE,         /* so that no IRB is like the one before */
    PROGRAMS_SAME,
    PROGRAMS_REFUSED,           /* by vfio-ccw itself: the host is not asked */
} Programs;

/*
 * To be called once: from here on one of our CPUs is only for the guests' CPUs,
 * if there are others. The scheduler may let a host driver that is woken wait
 * on the CPU of the guest that has woken it until that one's time is over.
 */
void machine_reserve_cpu(void);

/* A machine with that many devices like @config, all enabled */
Machine *machine_new(unsigned num_devices, const VfioCcwHostConfig *config);
void machine_free(Machine *machine);

/* One instruction; returns when the guest has executed it. */
Ran machine_issue(Machine *machine, uint32_t insn, unsigned device,
                  uint64_t gr2);

/*
 * @count starts, on @devices subchannels at a time. The second function
 * returns when all are over and gives their samples, in the order of starts;
 * free with g_free().
 */
void machine_run(Machine *machine, unsigned devices, unsigned count,
                 Waiting waiting, Programs programs);
Sample *machine_wait_run(Machine *machine, Ran *ran);
bool machine_is_running(Machine *machine);

/*
 * Of QEMU: CPU time in s; how often a thread that waited was woken, for those
 * that are there; threads; memory of its own in KiB
 */
double machine_cpu_time(Machine *machine);
unsigned machine_wakeups(Machine *machine);
unsigned machine_threads(Machine *machine);
unsigned machine_memory(Machine *machine);

#endif
