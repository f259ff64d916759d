/*
 * Disks: the execution of channel programs, sense data, image files
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Called by subchannel.c, by the disk models, and by host.c to close a disk,
 * all in the host's thread.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "dasd.h"

/* Commands in a row before other events of the host get their turn */
#define SLICE 64

void dasd_init(Dasd *dasd, const DasdModel *model, HostDma *dma,
               GMainContext *context)
{
    *dasd = (Dasd) { .model = model, .dma = dma, .context = context };
}

uint8_t dasd_unit_check(Dasd *dasd, uint8_t sense0, uint8_t sense1)
{
    memset(dasd->sense, 0, sizeof(dasd->sense));
    dasd->sense[0] = sense0;
    dasd->sense[1] = sense1;
    return DASD_DONE | SCSW_DSTAT_UNIT_CHECK;
}

uint8_t dasd_sense(Dasd *dasd, ChannelRun *run)
{
    channel_put(run, dasd->sense, sizeof(dasd->sense));
    memset(dasd->sense, 0, sizeof(dasd->sense));
    return DASD_DONE;
}

static uint8_t dasd_command(void *device, uint8_t cmd, ChannelRun *run)
{
    Dasd *dasd = device;

    if (cmd != CCW_CMD_NOOP && cmd != CCW_CMD_BASIC_SENSE) {
        memset(dasd->sense, 0, sizeof(dasd->sense));
    }
    return dasd->model->command(dasd, cmd, run);
}

static void dasd_pci(void *device, uint32_t cpa)
{
    Dasd *dasd = device;
    HostStatus status = { .cstat = SCSW_CSTAT_PCI, .cpa = cpa };

    host_subchannel_present(dasd->sch, &status);
}

static void dasd_initial(void *device, uint32_t cpa)
{
    Dasd *dasd = device;
    HostStatus status = { .initial = true, .cpa = cpa };

    host_subchannel_present(dasd->sch, &status);
}

static const ChannelRunOps dasd_run_ops = {
    .command = dasd_command,
    .pci = dasd_pci,
    .initial = dasd_initial,
};

static uint8_t dasd_end(Dasd *dasd, uint8_t dstat)
{
    return dasd->model->end ? dasd->model->end(dasd, dstat) : dstat;
}

static void dasd_drop_slice(Dasd *dasd)
{
    if (dasd->slice) {
        g_source_destroy(dasd->slice);
        g_clear_pointer(&dasd->slice, g_source_unref);
    }
}

/* Returns false while there is more of the program to execute */
static bool dasd_run_slice(Dasd *dasd)
{
    HostStatus status;

    if (!channel_run(&dasd->run, SLICE)) {
        return false;
    }
    dasd_drop_slice(dasd);
    status = dasd->run.status;
    status.dstat = dasd_end(dasd, status.dstat);
    host_subchannel_present(dasd->sch, &status);
    return true;
}

static gboolean dasd_run_later(void *opaque)
{
    dasd_run_slice(opaque);
    return G_SOURCE_CONTINUE;
}

/* Ends a program that is still being executed */
static void dasd_stop(Dasd *dasd)
{
    if (dasd->slice) {
        dasd_drop_slice(dasd);
        dasd_end(dasd, 0);
    }
}

static void dasd_start(void *device, HostSubchannel *sch, ChannelProgram *cp)
{
    Dasd *dasd = device;

    dasd->sch = sch;
    dasd->model->begin(dasd);
    channel_run_init(&dasd->run, &dasd_run_ops, dasd, cp, dasd->dma);
    if (dasd_run_slice(dasd)) {
        return;
    }
    dasd->slice = g_idle_source_new();
    g_source_set_priority(dasd->slice, G_PRIORITY_DEFAULT);
    g_source_set_callback(dasd->slice, dasd_run_later, dasd, NULL);
    g_source_attach(dasd->slice, dasd->context);
}

static void dasd_halt(void *device, HostSubchannel *sch)
{
    Dasd *dasd = device;
    HostStatus status = { .dstat = dasd->slice ? DASD_DONE : 0 };

    dasd_stop(dasd);
    host_subchannel_present(sch, &status);
}

static void dasd_clear(void *device, HostSubchannel *sch)
{
    Dasd *dasd = device;

    dasd_stop(dasd);
    memset(dasd->sense, 0, sizeof(dasd->sense));
    host_subchannel_present(sch, &(HostStatus) { 0 });
}

static unsigned dasd_concurrent_sense(void *device, uint8_t *data)
{
    Dasd *dasd = device;

    QEMU_BUILD_BUG_ON(sizeof(dasd->sense) > HOST_SENSE_SIZE);
    memcpy(data, dasd->sense, sizeof(dasd->sense));
    memset(dasd->sense, 0, sizeof(dasd->sense));
    return sizeof(dasd->sense);
}

const HostDeviceOps dasd_ops = {
    .start = dasd_start,
    .halt = dasd_halt,
    .clear = dasd_clear,
    .sense = dasd_concurrent_sense,
};

bool dasd_close(Dasd *dasd, Error **errp)
{
    dasd_stop(dasd);
    return dasd->model->close(dasd, errp);
}

int dasd_image_open(const char *path, off_t *size, Error **errp)
{
    int fd = qemu_open(path, O_RDWR, errp);
    int ret;

    if (fd < 0) {
        return -1;
    }
    *size = lseek(fd, 0, SEEK_END);
    if (*size < 0) {
        error_setg_errno(errp, errno, "cannot find the size of '%s'", path);
        close(fd);
        return -1;
    }
    ret = qemu_lock_fd(fd, 0, 0, true);
    if (ret) {
        error_setg_errno(errp, -ret, "'%s' is in use as another disk", path);
        close(fd);
        return -1;
    }
    return fd;
}

bool dasd_image_close(int fd, const char *path, Error **errp)
{
    bool ok = fdatasync(fd) == 0;

    if (!ok) {
        error_setg_errno(errp, errno, "cannot flush '%s'", path);
    }
    close(fd);
    return ok;
}

bool dasd_image_read(int fd, void *buf, size_t len, off_t offset)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = RETRY_ON_EINTR(pread(fd, buf + done, len - done,
                                         offset + done));

        if (n <= 0) {
            errno = n ? errno : ENODATA;
            return false;
        }
        done += n;
    }
    return true;
}

bool dasd_image_write(int fd, const void *buf, size_t len, off_t offset)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = RETRY_ON_EINTR(pwrite(fd, buf + done, len - done,
                                          offset + done));

        if (n <= 0) {
            errno = n ? errno : ENOSPC;
            return false;
        }
        done += n;
    }
    return true;
}
