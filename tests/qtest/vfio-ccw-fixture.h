/*
 * Fixture of the vfio-ccw qtests: a machine and its emulated host driver
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * QEMU's -device vfio-ccw reaches, over vfio-user, a host driver that runs in
 * a thread of the test's process (tests/vfio-ccw-host). A test withholds any
 * answer of the host until it has seen what had to happen without it, so that
 * nothing depends on timing. Called by the vfio-ccw-*-test.c, from the test's
 * own thread.
 *
 * The names here are what a test is made of, with those of libqos/css.h for
 * the guest's side and of vfio-ccw-host.h for the host's:
 *
 *     static void test_start_is_not_answered(void)
 *     {
 *         Bed *bed = bed_enabled();
 *
 *         vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_START_REPLY);
 *         g_assert_cmpint(ssch(bed), ==, 0);
 *         vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_START_REPLY);
 *         g_assert_cmpint(ssch(bed), ==, 2);
 *         vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START_REPLY);
 *         complete_start(bed);
 *         bed_end(bed);
 *     }
 *
 * What does not come is waited for until MAX_POLLS, and the test fails. With
 * QTEST_TRACE='vfio_ccw_*' in its environment QEMU tells what it did instead.
 */

#ifndef TESTS_VFIO_CCW_FIXTURE_H
#define TESTS_VFIO_CCW_FIXTURE_H

#include "libqos/css.h"
#include "libqtest.h"
#include "qobject/qdict.h"
#include "tests/vfio-ccw-host/vfio-ccw-host.h"

#define DEVNO 0x1234
#define SCHID QCSS_FIRST_SCHID

#define INTPARM_MSCH 0xcafe0001
#define INTPARM_SSCH 0xcafe0002

#define PROGRAM QCSS_FREE
#define DATA    (QCSS_FREE + 0x1000)

/* What the SCSW takes over from the ORB of qcss_orb() */
#define ORB_FLAGS (SCSW_FLAGS_MASK_FMT | SCSW_FLAGS_MASK_PFCH)

#define ACTL_ACTIVE (SCSW_ACTL_SUBCH_ACTIVE | SCSW_ACTL_DEVICE_ACTIVE)
#define NORMAL_END (SCSW_DSTAT_CHANNEL_END | SCSW_DSTAT_DEVICE_END)
#define FINAL_STCTL (SCSW_STCTL_PRIMARY | SCSW_STCTL_SECONDARY | \
                     SCSW_STCTL_STATUS_PEND)
#define ALERT_STCTL (SCSW_STCTL_ALERT | SCSW_STCTL_STATUS_PEND)
/* The path that the host's status has come by, in the first word of the ESW */
#define ESW_LAST_PATH 0x00800000

/* QEMU waits in virtual time before it tries again. */
#define RETRY_STEP_NS 1000000

#define NS_PER_S 1000000000LL

#define SENSE_ID_LEN 7

/* Long enough for a host that answers, and soon over for one that does not */
#define TIMEOUT_MS 2000

/* Never over: what is waited for so long, a test waits for in vain. */
#define HOURS_MS (10 * 3600 * 1000)

#define DEVICE_PATH "/machine/peripheral/ccw0"

/* The storage a host can map, unlike the default one */
#define MACHINE_ARGS \
    "-m 64M -object memory-backend-memfd,id=mem,size=64M,share=on " \
    "-machine memory-backend=mem "

/* A host, a machine, and the places where they meet */
typedef struct Bed {
    char *dir;
    char *socket;
    VfioCcwHost *host;
    QTestState *qts;
} Bed;

/* Run the tests that @add_tests adds: the program's exit status. */
int vfio_ccw_test_main(int argc, char **argv, void (*add_tests)(void));

/* Each of these is a beginning; bed_end() ends all of them. */
Bed *bed_new(void);
/* A host that awaits a device which the machine does not have yet */
Bed *bed_unplugged(const VfioCcwHostConfig *config);
Bed *bed_plugged(const VfioCcwHostConfig *config);
/*
 * The subchannel is enabled, and a first program comes to its end, and with it
 * the reset that QEMU did when the machine started: what the host signals from
 * now on is not forgotten.
 */
Bed *bed_enabled_with(const VfioCcwHostConfig *config);
/* A disk, all zeroes, in place of the scripted device */
Bed *bed_with_disk(void);
/* What most tests want: a scripted device that has everything */
Bed *bed_enabled(void);

void bed_start_host(Bed *bed, const VfioCcwHostConfig *config);
/* A host with a disk, all zeroes, in place of the scripted device */
void bed_start_disk(Bed *bed);
void bed_stop_host(Bed *bed);
/* The machine's arguments; the caller frees them. */
char *bed_device_args(Bed *bed);
/* The same for a machine that is not the one of MACHINE_ARGS */
char *bed_device_args_on(Bed *bed, const char *machine_args);
void bed_end(Bed *bed);

/*
 * What device_add is told of the bed's device; a test may add properties, or
 * change them, before it plugs that.
 */
QDict *device_arguments(Bed *bed);
void plug_with(Bed *bed, QDict *arguments);
/* The answer, which the caller frees */
QDict *try_to_plug_with(Bed *bed, QDict *arguments);
void plug(Bed *bed);
void assert_unplugged(Bed *bed);
/*
 * One more device, "another@i", with a host of its own that is like @config:
 * the caller stops that.
 */
VfioCcwHost *plug_another(Bed *bed, unsigned i, VfioCcwHostConfig config);

/*
 * What a QEMU that is started between these two has to say, it writes to the
 * file of this name, which the caller removes.
 */
char *record_begin(void);
void record_end(void);
/* How often this is in that file by now */
unsigned count_said(const char *path, const char *what);
/* How many errors and warnings; a sanitizer's words are not QEMU's. */
unsigned count_messages(const char *path);

/*
 * A machine with these arguments, a list that ends with NULL, does not start:
 * what QEMU says about it before it exits with an error. The caller frees that.
 */
char *start_in_vain(const char *const *args);

/* What QEMU's process has of this: a directory of /proc/PID ("fd", "task") */
unsigned count_of_qemu(Bed *bed, const char *what);
/*
 * QEMU has no more threads than these; one that has been joined may be seen for
 * a moment yet.
 */
void wait_threads(Bed *bed, unsigned most);
/* Its storage that is in memory, in bytes */
uint64_t resident_of_qemu(Bed *bed);

/*
 * Gives QEMU a descriptor, under a name, that its next device may have and
 * close: whatever number is in use there is one of QEMU's own.
 */
void pass_fd(Bed *bed, const char *name);

/* A program that has only a no-operation */
ORB noop_orb(Bed *bed);
/* ... or has the device say what it is: SENSE_ID_LEN bytes at DATA */
ORB sense_id_orb(Bed *bed);
/* SSCH of that; its condition code */
int ssch(Bed *bed);
uint16_t scsw_ctrl(Bed *bed);
/* The guest sees all of @stctl pending, and has taken nothing yet. */
void wait_pending(Bed *bed, uint16_t stctl);
/* What CHSC says of a channel path: 0 if there is none of this ID */
uint32_t describe_path(Bed *bed, uint8_t chpid);

/* A valid one, of type FICON, which is what QEMU takes all of a host's for */
#define FICON_PATH(chpid) (0x80001b00 | (chpid))

/* A start that the host has accepted; QEMU may not have the answer yet */
void start_accepted(Bed *bed);
/* A start that the host has accepted, but its answer is withheld */
void start_unanswered(Bed *bed);
/* A start whose first status, a program-controlled one, the guest has taken */
void start_active(Bed *bed);
/* A start whose hand-over the host does not answer, nor act on, yet */
void start_sent(Bed *bed);
/*
 * A start that is not handed over before the host has shown an IRB, which it
 * does when IO_READ is unheld. Nothing is in that IRB.
 */
void start_queued(Bed *bed);
/* What the device calls its state, for what no guest can see */
void wait_state(Bed *bed, const char *state);
/* Has the machine's reset come to its end? */
bool machine_runs(Bed *bed);
void wait_machine_runs(Bed *bed);
/* What the device has counted of this, by the name of the property */
int64_t counter_of(Bed *bed, const char *id, const char *name);
/* Has the device lost its host, and does not have it back yet? */
bool is_lost(Bed *bed);
/* Let time pass, and QEMU try, until it has it back. */
void wait_returned(Bed *bed);
/* The same until the host has seen this: so far goes an attempt, or more. */
void wait_reopened(Bed *bed, VfioCcwHostCounter counter, unsigned count);
/* The driver signals once more than it has IRBs: the last one is read again. */
void signal_again(Bed *bed);
/* The host has refused a request or may have: let QEMU ask again. */
void wait_retried(Bed *bed, VfioCcwHostCounter counter, unsigned count);
/* The same, until QEMU gives up: a function is in progress until then. */
void retry_until_pending(Bed *bed);

/* The next interruption is for this: the control bits but for ACTL */
IRB expect_irb(Bed *bed, uint16_t ctrl, uint8_t dstat, uint8_t cstat);
/*
 * The next interruption has the SCHIB's parameter and subclass, STSCH and then
 * TSCH show exactly @irb, and a second TSCH finds nothing.
 */
void expect_exactly(Bed *bed, const IRB *irb);
void expect_normal_end(Bed *bed);
/* The host gets a start and ends it, and so it ends for the guest. */
void complete_start(Bed *bed);
/* Status pending alone, with the halt or the clear function */
void expect_end_of(Bed *bed, uint16_t fctl);
void expect_nothing(Bed *bed);
/* The proof that all is well: a program runs from its start to its end. */
void assert_usable(Bed *bed);

void expect_subchannel_report(Bed *bed);
/* The guest is told that the device is there, enables and uses it. */
void expect_usable(Bed *bed);
/* Rule 5: what the guest sees of a device that is gone, exactly once */
void expect_gone(Bed *bed);
/* What management hears of the host: "lost" or "returned" */
void expect_event(Bed *bed, const char *status);
void assert_reset_subchannel(Bed *bed);

#endif
