/*
 * The devices of the vfio-ccw conformance script
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a step does to a device is the same whichever driver is tried; what
 * Linux learns from its channel subsystem has to be told to the emulated
 * driver, which has none around it.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "tests/vfio-ccw-host/vfio-ccw-host.h"
#include "devices.h"

#define BLOCK 512
#define BLOCKS 256

struct ConformanceDevices {
    bool behind_linux;
    char *dir;
    struct {
        char *socket;
        char *image;
        PMCW pmcw;
        VfioCcwHost *host;
    } disk[CONFORMANCE_DISKS];
};

static bool make_image(const char *path, Error **errp)
{
    g_autofree char *data = g_malloc(BLOCKS * BLOCK);
    g_autoptr(GError) err = NULL;

    for (size_t i = 0; i < BLOCKS * BLOCK; i++) {
        data[i] = i / BLOCK + i % 251;
    }
    if (!g_file_set_contents(path, data, BLOCKS * BLOCK, &err)) {
        error_setg(errp, "%s", err->message);
        return false;
    }
    return true;
}

static bool start_host(ConformanceDevices *d, unsigned disk, Error **errp)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    /* Two paths, which nobody else has; Linux has used the first already */
    config.pmcw.devno = 0x1200 + disk;
    config.pmcw.pim = 0xc0;
    config.pmcw.pam = 0xc0;
    config.pmcw.lpm = 0xc0;
    config.pmcw.lpum = 0x80;
    config.pmcw.chpid[0] = 0x40 + disk;
    config.pmcw.chpid[1] = 0x50 + disk;

    d->disk[disk].pmcw = config.pmcw;
    d->disk[disk].socket = g_strdup_printf("%s/disk%u.sock", d->dir, disk);
    d->disk[disk].image = g_strdup_printf("%s/disk%u.img", d->dir, disk);
    config.device = VFIO_CCW_HOST_DASD_FBA;
    config.image = d->disk[disk].image;
    if (!make_image(config.image, errp)) {
        return false;
    }
    d->disk[disk].host = vfio_ccw_host_start(d->disk[disk].socket, &config,
                                             errp);
    return d->disk[disk].host;
}

ConformanceDevices *conformance_devices_new(bool behind_linux, Error **errp)
{
    g_autoptr(ConformanceDevices) d = g_new0(ConformanceDevices, 1);
    g_autoptr(GError) err = NULL;

    d->behind_linux = behind_linux;
    d->dir = g_dir_make_tmp("vfio-ccw-conformance-XXXXXX", &err);
    if (!d->dir) {
        error_setg(errp, "%s", err->message);
        return NULL;
    }
    for (unsigned i = 0; i < CONFORMANCE_DISKS; i++) {
        if (!start_host(d, i, errp)) {
            return NULL;
        }
    }
    return g_steal_pointer(&d);
}

void conformance_devices_free(ConformanceDevices *d)
{
    for (unsigned i = 0; i < CONFORMANCE_DISKS; i++) {
        if (d->disk[i].host) {
            /* What it wrote to its image is of no interest any more */
            vfio_ccw_host_stop(d->disk[i].host, NULL);
        }
        if (d->disk[i].image) {
            unlink(d->disk[i].image);
        }
        g_free(d->disk[i].image);
        g_free(d->disk[i].socket);
    }
    if (d->dir) {
        rmdir(d->dir);
    }
    g_free(d->dir);
    g_free(d);
}

bool conformance_devices_find(const char *name, unsigned *disk)
{
    return strstart(name, "disk", &name) &&
           qemu_strtoui(name, NULL, 10, disk) == 0 &&
           *disk < CONFORMANCE_DISKS;
}

const char *conformance_devices_socket(ConformanceDevices *d, unsigned disk)
{
    return d->disk[disk].socket;
}

void conformance_devices_vary(ConformanceDevices *d, unsigned disk, bool on)
{
    vfio_ccw_host_path_event(d->disk[disk].host,
                             on ? VFIO_CCW_HOST_VARY_ON
                                : VFIO_CCW_HOST_VARY_OFF, 0x80);
}

void conformance_devices_remove(ConformanceDevices *d, unsigned disk)
{
    vfio_ccw_host_signal(d->disk[disk].host, VFIO_CCW_REQ_IRQ_INDEX);
}

/*
 * Steps. Their arguments come after the name of the device and the verb.
 */

typedef struct Step {
    ConformanceDevices *devices;
    VfioCcwHost *host;
    unsigned disk;
    char **args;
    bool bad;
} Step;

static uint64_t number_arg(Step *step, unsigned i)
{
    uint64_t value = 0;

    if (i >= g_strv_length(step->args) ||
        qemu_strtou64(step->args[i], NULL, 0, &value) != 0) {
        step->bad = true;
    }
    return value;
}

static VfioCcwHostStep gate_arg(Step *step)
{
    static const struct {
        const char *name;
        VfioCcwHostStep step;
    } gates[] = {
        { "start", VFIO_CCW_HOST_DEVICE_START },
        { "halt", VFIO_CCW_HOST_DEVICE_HALT },
    };

    for (int i = 0; step->args[0] && i < ARRAY_SIZE(gates); i++) {
        if (g_str_equal(step->args[0], gates[i].name)) {
            return gates[i].step;
        }
    }
    step->bad = true;
    return VFIO_CCW_HOST_DEVICE_START;
}

static void play_hold(Step *step)
{
    vfio_ccw_host_hold(step->host, gate_arg(step));
}

static void play_held(Step *step)
{
    vfio_ccw_host_wait_held(step->host, gate_arg(step));
}

static void play_release(Step *step)
{
    vfio_ccw_host_release(step->host, gate_arg(step), 0);
}

static void play_drop(Step *step)
{
    vfio_ccw_host_release(step->host, gate_arg(step), -ECANCELED);
}

static void play_unhold(Step *step)
{
    vfio_ccw_host_unhold(step->host, gate_arg(step));
}

static void play_status(Step *step)
{
    vfio_ccw_host_present_status(step->host, number_arg(step, 0),
                                 number_arg(step, 1), number_arg(step, 2));
}

/* The start is given up with this condition code */
static void play_deferred(Step *step)
{
    IRB irb = {
        .scsw.flags = number_arg(step, 0) << 8 | SCSW_FLAGS_MASK_FMT |
                      SCSW_FLAGS_MASK_PFCH,
        .scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND |
                     SCSW_STCTL_ALERT | SCSW_STCTL_STATUS_PEND,
    };

    vfio_ccw_host_present_irb(step->host, &irb);
}

/* Status that is no function's, which leaves the start pending */
static void play_alert(Step *step)
{
    IRB irb = {
        .scsw.flags = SCSW_FLAGS_MASK_FMT | SCSW_FLAGS_MASK_PFCH,
        .scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND |
                     SCSW_STCTL_ALERT | SCSW_STCTL_STATUS_PEND,
        .scsw.dstat = number_arg(step, 0),
    };

    vfio_ccw_host_present_irb(step->host, &irb);
}

/* The device's channel path, 0x80, is gone or there again */
static void path_event(Step *step, bool there)
{
    PMCW *pmcw = &step->devices->disk[step->disk].pmcw;
    uint8_t erc = there ? CRW_ERC_INIT : CRW_ERC_PERRN;

    pmcw->pam = there ? 0xc0 : 0x40;
    pmcw->lpum = step->args[0] ? number_arg(step, 0) : 0x80;
    vfio_ccw_host_set_pmcw(step->host, pmcw);
    if (step->devices->behind_linux) {
        vfio_ccw_host_queue_crw(step->host, (CRW) {
            .flags = CRW_RSC_CHP << 8 | erc,
            .rsid = pmcw->chpid[0],
        });
    } else {
        vfio_ccw_host_path_event(step->host,
                                 there ? VFIO_CCW_HOST_PATH_ON
                                       : VFIO_CCW_HOST_PATH_OFF, 0x80);
    }
}

static void play_path_off(Step *step)
{
    path_event(step, false);
}

static void play_path_on(Step *step)
{
    path_event(step, true);
}

/*
 * Linux hears of it by a machine check, once QEMU has noticed, and asks for
 * the device; for the emulated driver this is left to whoever makes it gone.
 */
static void play_gone(Step *step)
{
    vfio_ccw_host_make_gone(step->host);
    if (step->devices->behind_linux) {
        vfio_ccw_host_disconnect(step->host);
    } else {
        vfio_ccw_host_signal(step->host, VFIO_CCW_REQ_IRQ_INDEX);
    }
}

static const struct {
    const char *verb;
    void (*play)(Step *step);
} verbs[] = {
    { "hold", play_hold },
    { "held", play_held },
    { "release", play_release },
    { "drop", play_drop },
    { "unhold", play_unhold },
    { "status", play_status },
    { "deferred", play_deferred },
    { "alert", play_alert },
    { "path-off", play_path_off },
    { "path-on", play_path_on },
    { "gone", play_gone },
};

bool conformance_devices_play(ConformanceDevices *d, const char *text,
                              Error **errp)
{
    g_auto(GStrv) words = g_strsplit(text, " ", 0);
    Step step = { .devices = d };

    if (g_strv_length(words) < 3 ||
        !conformance_devices_find(words[1], &step.disk)) {
        error_setg(errp, "no device in '%s'", text);
        return false;
    }
    step.host = d->disk[step.disk].host;
    step.args = words + 3;
    for (int i = 0; i < ARRAY_SIZE(verbs); i++) {
        if (g_str_equal(words[2], verbs[i].verb)) {
            verbs[i].play(&step);
            if (!step.bad) {
                return true;
            }
        }
    }
    error_setg(errp, "no such step: '%s'", text);
    return false;
}
