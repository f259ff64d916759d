/*
 * Faults: ways in which the vfio-ccw-host daemon can serve a guest badly
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Called by vfio-ccw-host.c, in the daemon's main thread. What goes wrong is
 * found by counting, so that a guest that does the same meets the same, or
 * said by a signal; only slowness is a matter of time.
 */

#include "qemu/osdep.h"
#include <glib-unix.h>
#include "faults.h"

/* Far below x-msg-timeout, far above what anything takes otherwise */
#define SLOW_MS 50

struct HostFault {
    const char *name;
    const char *help;
    void (*begin)(const HostFault *fault, VfioCcwHost *host);
    /* Of every @period @steps the last @times end with @err */
    VfioCcwHostStep step;
    int err;
    unsigned times;
    unsigned period;
};

static void begin_recurring(const HostFault *fault, VfioCcwHost *host)
{
    vfio_ccw_host_answer_every(host, fault->step, fault->err, fault->times,
                               fault->period);
}

/* A device that has lost a start hears of nothing but a clear */
static void begin_lost_starts(const HostFault *fault, VfioCcwHost *host)
{
    begin_recurring(fault, host);
    vfio_ccw_host_answer(host, VFIO_CCW_HOST_DEVICE_HALT, fault->err,
                         UINT_MAX);
}

/* Lets go what came since the last time, and withholds what comes next */
static gboolean slow_tick(void *opaque)
{
    VfioCcwHost *host = opaque;

    vfio_ccw_host_unhold(host, VFIO_CCW_HOST_START);
    vfio_ccw_host_unhold(host, VFIO_CCW_HOST_INTERRUPT);
    vfio_ccw_host_hold(host, VFIO_CCW_HOST_START);
    vfio_ccw_host_hold(host, VFIO_CCW_HOST_INTERRUPT);
    return G_SOURCE_CONTINUE;
}

static void begin_slow(const HostFault *fault, VfioCcwHost *host)
{
    slow_tick(host);
    g_timeout_add(SLOW_MS, slow_tick, host);
}

static void report_path(VfioCcwHost *host, uint16_t erc)
{
    PMCW pmcw = vfio_ccw_host_default_config().pmcw;

    vfio_ccw_host_queue_crw(host, (CRW) {
        .flags = CRW_RSC_CHP << 8 | erc,
        .rsid = pmcw.chpid[0],
    });
}

/* Found out by the guest's next start */
static gboolean lose_path(void *opaque)
{
    VfioCcwHost *host = opaque;
    PMCW pmcw = vfio_ccw_host_default_config().pmcw;

    pmcw.pnom = pmcw.pam;
    pmcw.pam = 0;
    vfio_ccw_host_set_pmcw(host, &pmcw);
    vfio_ccw_host_answer(host, VFIO_CCW_HOST_START, -EACCES, UINT_MAX);
    return G_SOURCE_CONTINUE;
}

/* Reported at once, so that a guest knows of it that starts nothing */
static gboolean take_path(void *opaque)
{
    lose_path(opaque);
    report_path(opaque, CRW_ERC_PERRN);
    return G_SOURCE_CONTINUE;
}

/* Reported by a CRW, as nobody would find out otherwise */
static gboolean regain_path(void *opaque)
{
    VfioCcwHost *host = opaque;
    PMCW pmcw = vfio_ccw_host_default_config().pmcw;

    vfio_ccw_host_set_pmcw(host, &pmcw);
    vfio_ccw_host_answer(host, VFIO_CCW_HOST_START, 0, 0);
    report_path(host, CRW_ERC_INIT);
    return G_SOURCE_CONTINUE;
}

static void begin_no_path(const HostFault *fault, VfioCcwHost *host)
{
    g_unix_signal_add(SIGUSR1, lose_path, host);
    g_unix_signal_add(SIGUSR2, regain_path, host);
}

static void begin_path_off_on(const HostFault *fault, VfioCcwHost *host)
{
    g_unix_signal_add(SIGUSR1, take_path, host);
    g_unix_signal_add(SIGUSR2, regain_path, host);
}

/*
 * vfio-ccw sends a start 16 times before it tells the guest: bursts of "busy"
 * are shorter than that, those of "again" longer. Two starts without a path
 * are the guest's request and its look for a path; the guest's next look,
 * which it takes on its own, finds one.
 */
static const HostFault faults[] = {
    {
        .name = "slow",
        .help = "accept starts and present status with delay",
        .begin = begin_slow,
    }, {
        .name = "busy",
        .help = "answer some starts -EBUSY, a few times",
        .begin = begin_recurring,
        .step = VFIO_CCW_HOST_START,
        .err = -EBUSY,
        .times = 5,
        .period = 12,
    }, {
        .name = "again",
        .help = "answer some starts -EAGAIN, many times",
        .begin = begin_recurring,
        .step = VFIO_CCW_HOST_START,
        .err = -EAGAIN,
        .times = 20,
        .period = 100,
    }, {
        .name = "path-glitch",
        .help = "answer some starts -EACCES",
        .begin = begin_recurring,
        .step = VFIO_CCW_HOST_START,
        .err = -EACCES,
        .times = 2,
        .period = 60,
    }, {
        .name = "lost-starts",
        .help = "accept some starts, and halts, and do nothing",
        .begin = begin_lost_starts,
        .step = VFIO_CCW_HOST_DEVICE_START,
        .err = -ECANCELED,
        .times = 1,
        .period = 40,
    }, {
        .name = "no-path",
        .help = "SIGUSR1 takes the only path away, SIGUSR2 gives it back",
        .begin = begin_no_path,
    }, {
        .name = "path-off-on",
        .help = "the same, and SIGUSR1 reports it to the guest",
        .begin = begin_path_off_on,
    },
};

const HostFault *host_fault_find(const char *name)
{
    for (int i = 0; i < ARRAY_SIZE(faults); i++) {
        if (g_str_equal(faults[i].name, name)) {
            return &faults[i];
        }
    }
    return NULL;
}

char *host_fault_describe(void)
{
    GString *text = g_string_new(NULL);

    for (int i = 0; i < ARRAY_SIZE(faults); i++) {
        g_string_append_printf(text, "  %-12s %s\n", faults[i].name,
                               faults[i].help);
    }
    return g_string_free(text, false);
}

void host_fault_begin(const HostFault *fault, VfioCcwHost *host)
{
    fault->begin(fault, host);
}
