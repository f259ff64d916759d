/*
 * Regions: the file operations of the Linux vfio_ccw driver
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Region accesses under the driver's lock, interrupts by eventfd, information
 * about both. What a write sets off is in driver.c. Called by host.c for the
 * requests of the client, and by unit tests.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/host-utils.h"
#include "driver.h"

#define OFFSET_SHIFT 10             /* VFIO_CCW_OFFSET_SHIFT */

struct HostAccess {
    HostDriver *driver;
    VfioCcwHostRegion region;
    VfioCcwHostStep step;           /* of the reply to a write */
    uint32_t pos;
    uint32_t count;
    void *data;                     /* of a write that is on its way */
    int ret;
    HostGateFunc *func;             /* when the lock is free */
    HostDone *done;
    void *opaque;
};

typedef struct RegionKind {
    uint32_t size;                  /* the driver's own structure */
    uint32_t flags;
    uint32_t subtype;
    VfioCcwHostStep read_step;
    VfioCcwHostCounter read_counter;
} RegionKind;

static const RegionKind region_kinds[VFIO_CCW_HOST_NR_REGIONS] = {
    [VFIO_CCW_HOST_REGION_IO] = {
        .size = sizeof(struct ccw_io_region),
        .flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE,
        .read_step = VFIO_CCW_HOST_IO_READ,
        .read_counter = VFIO_CCW_HOST_IO_READS,
    },
    [VFIO_CCW_HOST_REGION_ASYNC] = {
        .size = sizeof(struct ccw_cmd_region),
        .flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE,
        .subtype = VFIO_REGION_SUBTYPE_CCW_ASYNC_CMD,
        .read_step = VFIO_CCW_HOST_ASYNC_READ,
        .read_counter = VFIO_CCW_HOST_ASYNC_READS,
    },
    [VFIO_CCW_HOST_REGION_SCHIB] = {
        .size = sizeof(struct ccw_schib_region),
        .flags = VFIO_REGION_INFO_FLAG_READ,
        .subtype = VFIO_REGION_SUBTYPE_CCW_SCHIB,
        .read_step = VFIO_CCW_HOST_SCHIB_READ,
        .read_counter = VFIO_CCW_HOST_SCHIB_READS,
    },
    [VFIO_CCW_HOST_REGION_CRW] = {
        .size = sizeof(struct ccw_crw_region),
        .flags = VFIO_REGION_INFO_FLAG_READ,
        .subtype = VFIO_REGION_SUBTYPE_CCW_CRW,
        .read_step = VFIO_CCW_HOST_CRW_READ,
        .read_counter = VFIO_CCW_HOST_CRW_READS,
    },
};

/* Nothing is transferred, so being stopped is all that there is to states. */
static int perform_migration(void *opaque, enum vfio_device_mig_state from,
                             enum vfio_device_mig_state to)
{
    HostDriver *driver = opaque;

    if (from == VFIO_DEVICE_STATE_RUNNING) {
        host_driver_event(driver, HOST_EVENT_CLOSE);
    } else if (to == VFIO_DEVICE_STATE_RUNNING) {
        host_driver_event(driver, HOST_EVENT_OPEN);
    }
    return driver->state == HOST_STATE_NOT_OPER ? -EIO : 0;
}

VfioCcwHostConfig vfio_ccw_host_default_config(void)
{
    return (VfioCcwHostConfig) {
        .device = VFIO_CCW_HOST_SCRIPTED,
        .regions = (1u << VFIO_CCW_HOST_NR_REGIONS) - 1,
        .irqs = (1u << VFIO_CCW_NUM_IRQS) - 1,
        .region_size = {
            [VFIO_CCW_HOST_REGION_IO] = sizeof(struct ccw_io_region),
            [VFIO_CCW_HOST_REGION_ASYNC] = sizeof(struct ccw_cmd_region),
            [VFIO_CCW_HOST_REGION_SCHIB] = sizeof(struct ccw_schib_region),
            [VFIO_CCW_HOST_REGION_CRW] = sizeof(struct ccw_crw_region),
        },
        .device_flags = VFIO_DEVICE_FLAGS_CCW | VFIO_DEVICE_FLAGS_RESET,
        .pmcw = {
            .flags = PMCW_FLAGS_MASK_DNV,
            .devno = 0x1234,
            .lpm = 0x80,
            .pim = 0x80,
            .pom = 0xff,
            .pam = 0x80,
            .chpid[0] = 0x40,
        },
    };
}

void host_driver_init(HostDriver *driver, const VfioCcwHostConfig *config,
                      HostGate *gate, HostDma *dma, HostSubchannel *sch,
                      void (*happened)(void *, VfioCcwHostCounter),
                      void *opaque)
{
    const PMCW *pmcw = &config->pmcw;

    *driver = (HostDriver) {
        .state = HOST_STATE_STANDBY,
        .gate = gate,
        .dma = dma,
        .sch = sch,
        .happened = happened,
        .opaque = opaque,
        .device_flags = config->device_flags,
        .irqs = config->irqs,
        .can_migrate = config->can_migrate,
        .migration = {
            .state = VFIO_DEVICE_STATE_RUNNING,
            .perform = perform_migration,
            .opaque = driver,
        },
        .lpm = pmcw->pim & pmcw->pam & pmcw->pom,
        .opm = 0xff,
    };
    for (int i = 0; i < VFIO_CCW_HOST_NR_REGIONS; i++) {
        uint32_t size = config->region_size[i];

        driver->region[i].size = size;
        driver->region[i].data = g_malloc0(MAX(size, region_kinds[i].size));
        if (config->regions & (1u << i)) {
            driver->index[driver->nr_regions++] = i;
        }
    }
    for (int i = 0; i < VFIO_CCW_NUM_IRQS; i++) {
        driver->eventfd[i] = -1;
    }
    g_queue_init(&driver->crws);
    g_queue_init(&driver->waiting);
}

static void set_eventfd(HostDriver *driver, unsigned index, int fd)
{
    if (driver->eventfd[index] >= 0) {
        close(driver->eventfd[index]);
    }
    driver->eventfd[index] = fd;
}

void host_driver_destroy(HostDriver *driver)
{
    for (int i = 0; i < VFIO_CCW_NUM_IRQS; i++) {
        set_eventfd(driver, i, -1);
    }
    for (int i = 0; i < VFIO_CCW_HOST_NR_REGIONS; i++) {
        g_free(driver->region[i].data);
    }
    g_queue_clear(&driver->crws);
    cp_unref(driver->cp);
}

/*
 * Interrupts
 */

void host_driver_signal(HostDriver *driver, unsigned index)
{
    uint64_t one = 1;
    int fd = driver->eventfd[index];

    /* It can only fail for a counter that is full, hence signalled */
    if (fd >= 0 && write(fd, &one, sizeof(one)) == sizeof(one)) {
        driver->happened(driver->opaque, VFIO_CCW_HOST_SIGNALS);
    }
}

void host_driver_queue_crw(HostDriver *driver, CRW crw)
{
    uint32_t word = (uint32_t)crw.flags << 16 | crw.rsid;

    g_queue_push_tail(&driver->crws, GUINT_TO_POINTER(word));
    host_driver_signal(driver, VFIO_CCW_CRW_IRQ_INDEX);
}

/* Anything else would let a client make us write into what it likes */
static bool is_eventfd(int fd)
{
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autofree char *target = g_file_read_link(link, NULL);

    return target && g_str_equal(target, "anon_inode:[eventfd]");
}

static bool has_irq(HostDriver *driver, uint32_t index)
{
    return index < VFIO_CCW_NUM_IRQS && driver->irqs & (1u << index);
}

static int trigger_irq(HostDriver *driver, const struct vfio_irq_set *irq)
{
    bool trigger = true;

    if (irq->flags & VFIO_IRQ_SET_DATA_BOOL) {
        if (irq->argsz < sizeof(*irq) + irq->count) {
            return -EINVAL;
        }
        /* The kernel looks at it even if it was told that there is none */
        trigger = irq->argsz > sizeof(*irq) && irq->data[0];
    }
    if (trigger) {
        host_driver_signal(driver, irq->index);
    }
    return 0;
}

/* To mask and unmask as well is accepted, and means nothing */
static int check_irq_set(HostDriver *driver, const struct vfio_irq_set *irq)
{
    uint32_t type = irq->flags & VFIO_IRQ_SET_DATA_TYPE_MASK;

    if (!has_irq(driver, irq->index) || irq->start >= 1 || irq->count > 1 ||
        irq->flags & ~(VFIO_IRQ_SET_DATA_TYPE_MASK |
                       VFIO_IRQ_SET_ACTION_TYPE_MASK)) {
        return -EINVAL;
    }
    if (!is_power_of_2(type) || !(irq->flags & VFIO_IRQ_SET_ACTION_TRIGGER)) {
        return -EINVAL;
    }
    return 0;
}

int host_driver_set_irqs(HostDriver *driver, const struct vfio_irq_set *irq,
                         int fd)
{
    int ret = check_irq_set(driver, irq);

    if (ret == 0 && irq->flags & VFIO_IRQ_SET_DATA_EVENTFD) {
        if (fd < 0 || is_eventfd(fd)) {
            set_eventfd(driver, irq->index, fd);
            return 0;
        }
        ret = -EINVAL;
    } else if (ret == 0) {
        ret = trigger_irq(driver, irq);
    }
    if (fd >= 0) {
        close(fd);
    }
    return ret;
}

/*
 * Information
 */

void host_driver_get_info(HostDriver *driver, struct vfio_device_info *info)
{
    info->flags = driver->device_flags;
    info->num_regions = driver->nr_regions;
    info->num_irqs = 32 - clz32(driver->irqs);
}

int host_driver_get_region_info(HostDriver *driver,
                                struct vfio_region_info *info,
                                struct vfio_region_info_cap_type *type)
{
    const RegionKind *kind;

    if (info->index >= driver->nr_regions) {
        return -EINVAL;
    }
    kind = &region_kinds[driver->index[info->index]];
    info->flags = kind->flags;
    info->size = driver->region[driver->index[info->index]].size;
    info->offset = (uint64_t)info->index << OFFSET_SHIFT;
    if (kind->subtype) {
        *type = (struct vfio_region_info_cap_type) {
            .header.id = VFIO_REGION_INFO_CAP_TYPE,
            .header.version = 1,
            .type = VFIO_REGION_TYPE_CCW,
            .subtype = kind->subtype,
        };
    }
    return 0;
}

int host_driver_get_irq_info(HostDriver *driver, struct vfio_irq_info *info)
{
    if (!has_irq(driver, info->index)) {
        return -EINVAL;
    }
    info->flags = VFIO_IRQ_INFO_EVENTFD;
    info->count = 1;
    return 0;
}

/*
 * Region accesses
 */

static HostAccess *access_new(HostDriver *driver, HostDone *done, void *opaque)
{
    HostAccess *access = g_new0(HostAccess, 1);

    access->driver = driver;
    access->done = done;
    access->opaque = opaque;
    return access;
}

static void access_done(HostAccess *access, int err, const void *data)
{
    access->done(access->opaque, err, data, err ? 0 : access->count);
    g_free(access->data);
    g_free(access);
}

/* A @result above 0 is the count that a test wants it to have, at most. */
static void access_shorten(HostAccess *access, int result)
{
    if (result > 0) {
        access->count = MIN(access->count, result);
    }
}

/* Does @access stay within a region? Tells which one it is */
static bool access_locate(HostAccess *access, uint32_t index, uint64_t pos,
                          uint32_t count)
{
    HostDriver *driver = access->driver;
    uint32_t size;

    if (index >= driver->nr_regions) {
        return false;
    }
    access->region = driver->index[index];
    size = driver->region[access->region].size;
    if (pos > size || count > size - pos) {
        return false;
    }
    access->pos = pos;
    access->count = count;
    return true;
}

/* Runs @func once no write is in progress; the driver's mutex_lock() */
static void access_lock(HostAccess *access, HostGateFunc *func)
{
    access->func = func;
    if (access->driver->writer) {
        g_queue_push_tail(&access->driver->waiting, access);
    } else {
        func(access, 0);
    }
}

static void store_schib(uint8_t *p, const SCHIB *schib)
{
    const PMCW pmcw = schib->pmcw;
    const SCSW scsw = schib->scsw;

    stl_be_p(p, pmcw.intparm);
    stw_be_p(p + 4, pmcw.flags);
    stw_be_p(p + 6, pmcw.devno);
    p[8] = pmcw.lpm;
    p[9] = pmcw.pnom;
    p[10] = pmcw.lpum;
    p[11] = pmcw.pim;
    stw_be_p(p + 12, pmcw.mbi);
    p[14] = pmcw.pom;
    p[15] = pmcw.pam;
    memcpy(p + 16, pmcw.chpid, sizeof(pmcw.chpid));
    stl_be_p(p + 24, pmcw.chars);
    stw_be_p(p + 28, scsw.flags);
    stw_be_p(p + 30, scsw.ctrl);
    stl_be_p(p + 32, scsw.cpa);
    p[36] = scsw.dstat;
    p[37] = scsw.cstat;
    stw_be_p(p + 38, scsw.count);
    stq_be_p(p + 40, schib->mba);
    memcpy(p + 48, schib->mda, sizeof(schib->mda));
}

static int read_schib(HostDriver *driver)
{
    SCHIB schib;

    if (host_subchannel_stsch(driver->sch, &schib) != 0 ||
        !(schib.pmcw.flags & PMCW_FLAGS_MASK_DNV)) {
        return -ENODEV;
    }
    store_schib(driver->region[VFIO_CCW_HOST_REGION_SCHIB].data, &schib);
    return 0;
}

/* Any read takes a whole CRW off the queue, whatever part of it is asked */
static void read_crw(HostAccess *access)
{
    HostDriver *driver = access->driver;
    uint8_t *crw = driver->region[VFIO_CCW_HOST_REGION_CRW].data;

    stl_be_p(crw, GPOINTER_TO_UINT(g_queue_pop_head(&driver->crws)));
    access_done(access, 0, crw + access->pos);
    stl_be_p(crw, 0);
    if (!g_queue_is_empty(&driver->crws)) {
        host_driver_signal(driver, VFIO_CCW_CRW_IRQ_INDEX);
    }
}

static void read_locked(void *opaque, int err)
{
    HostAccess *access = opaque;
    HostDriver *driver = access->driver;
    uint8_t *data = driver->region[access->region].data + access->pos;

    switch (access->region) {
    case VFIO_CCW_HOST_REGION_SCHIB:
        access_done(access, read_schib(driver), data);
        break;
    case VFIO_CCW_HOST_REGION_CRW:
        read_crw(access);
        break;
    default:
        access_done(access, 0, data);
    }
}

static void read_passed(void *opaque, int err)
{
    HostAccess *access = opaque;

    if (err < 0) {
        access_done(access, err, NULL);
        return;
    }
    access_shorten(access, err);
    access_lock(access, read_locked);
}

void host_driver_read(HostDriver *driver, uint32_t index, uint64_t pos,
                      uint32_t count, HostDone *done, void *opaque)
{
    HostAccess *access = access_new(driver, done, opaque);
    const RegionKind *kind;

    if (!access_locate(access, index, pos, count)) {
        access_done(access, -EINVAL, NULL);
        return;
    }
    kind = &region_kinds[access->region];
    driver->happened(driver->opaque, kind->read_counter);
    host_gate_pass(driver->gate, kind->read_step, read_passed, access);
}

static VfioCcwHostStep reply_step(HostDriver *driver, VfioCcwHostRegion region)
{
    struct ccw_cmd_region *async = (void *)driver->region[region].data;

    if (region == VFIO_CCW_HOST_REGION_IO) {
        return VFIO_CCW_HOST_START_REPLY;
    }
    return ldl_be_p(&async->command) == VFIO_CCW_ASYNC_CMD_HSCH
           ? VFIO_CCW_HOST_HALT_REPLY : VFIO_CCW_HOST_CLEAR_REPLY;
}

/* The kernel's trylock and what it protects */
static void write_region(HostAccess *access)
{
    HostDriver *driver = access->driver;

    if (driver->writer) {
        access_done(access, -EAGAIN, NULL);
        return;
    }
    driver->writer = access;
    if (access->data) {     /* NULL: a write of no bytes */
        memcpy(driver->region[access->region].data + access->pos, access->data,
               access->count);
    }
    access->step = reply_step(driver, access->region);
    host_driver_event(driver, access->region == VFIO_CCW_HOST_REGION_IO
                              ? HOST_EVENT_IO_REQ : HOST_EVENT_ASYNC_REQ);
}

static void io_write_passed(void *opaque, int err)
{
    HostAccess *access = opaque;

    if (err) {
        access_done(access, err, NULL);
        return;
    }
    write_region(access);
}

void host_driver_write(HostDriver *driver, uint32_t index, uint64_t pos,
                       const void *data, uint32_t count,
                       HostDone *done, void *opaque)
{
    HostAccess *access = access_new(driver, done, opaque);

    if (!access_locate(access, index, pos, count)) {
        access_done(access, -EINVAL, NULL);
        return;
    }
    access->data = g_memdup2(data, count);
    switch (access->region) {
    case VFIO_CCW_HOST_REGION_IO:
        driver->happened(driver->opaque, VFIO_CCW_HOST_IO_WRITES);
        host_gate_pass(driver->gate, VFIO_CCW_HOST_IO_WRITE, io_write_passed,
                       access);
        break;
    case VFIO_CCW_HOST_REGION_ASYNC:
        driver->happened(driver->opaque, VFIO_CCW_HOST_ASYNC_WRITES);
        write_region(access);
        break;
    default:
        access_done(access, -EINVAL, NULL);
    }
}

static void write_reply(void *opaque, int err)
{
    HostAccess *access = opaque;

    access_shorten(access, err);
    access_done(access, MIN(err, 0) ?: access->ret, NULL);
}

static void unlocked(HostDriver *driver)
{
    HostAccess *access;

    while (!driver->writer && (access = g_queue_pop_head(&driver->waiting))) {
        access->func(access, 0);
    }
    if (driver->work_waiting) {
        driver->work_waiting = false;
        host_driver_io_todo(driver);
    }
}

void host_driver_write_done(HostDriver *driver, int ret)
{
    HostAccess *access = g_steal_pointer(&driver->writer);

    /* What is no errno is the count that write() returns */
    access->ret = MIN(ret, 0);
    host_gate_pass(driver->gate, access->step, write_reply, access);
    unlocked(driver);
    host_subchannel_run(driver->sch);
}

/*
 * Open, close, reset
 */

int host_driver_open(HostDriver *driver)
{
    if (driver->state != HOST_STATE_NOT_OPER) {
        host_driver_event(driver, HOST_EVENT_OPEN);
    }
    if (driver->state == HOST_STATE_NOT_OPER) {
        return -EINVAL;
    }
    driver->happened(driver->opaque, VFIO_CCW_HOST_OPENS);
    return 0;
}

/* A device that is stopped is as one that is not open. */
static bool is_stopped(HostDriver *driver)
{
    enum vfio_device_mig_state state = driver->migration.state;

    return state != VFIO_DEVICE_STATE_RUNNING &&
           state != VFIO_DEVICE_STATE_ERROR;
}

static void close_running(HostDriver *driver)
{
    if (!is_stopped(driver)) {
        host_driver_event(driver, HOST_EVENT_CLOSE);
    }
}

void host_driver_close(HostDriver *driver)
{
    close_running(driver);
    driver->migration.state = VFIO_DEVICE_STATE_RUNNING;
    driver->work_waiting = false;
    driver->happened(driver->opaque, VFIO_CCW_HOST_CLOSES);
}

static int reset(HostDriver *driver)
{
    close_running(driver);
    host_driver_event(driver, HOST_EVENT_OPEN);
    if (driver->state == HOST_STATE_NOT_OPER) {
        return -EINVAL;
    }
    driver->migration.state = VFIO_DEVICE_STATE_RUNNING;
    return 0;
}

static void reset_locked(void *opaque, int err)
{
    HostAccess *access = opaque;

    access_done(access, reset(access->driver), NULL);
}

static void reset_passed(void *opaque, int err)
{
    HostAccess *access = opaque;

    if (err) {
        access_done(access, err, NULL);
        return;
    }
    /* Closing takes the lock to free the channel program */
    access_lock(access, reset_locked);
}

void host_driver_reset(HostDriver *driver, HostDone *done, void *opaque)
{
    driver->happened(driver->opaque, VFIO_CCW_HOST_RESETS);
    host_gate_pass(driver->gate, VFIO_CCW_HOST_RESET, reset_passed,
                   access_new(driver, done, opaque));
}

int host_driver_feature(HostDriver *driver, uint32_t flags, void *data,
                        size_t size)
{
    if (!driver->can_migrate) {
        return -ENOTTY;
    }
    /* What is being written decides what there is to be stopped. */
    if (driver->writer && (flags & VFIO_DEVICE_FEATURE_SET)) {
        return -EBUSY;
    }
    return host_migration_feature(&driver->migration, flags, data, size);
}

void host_driver_dma_unmap(HostDriver *driver, uint64_t iova, uint64_t size)
{
    if (driver->cp && cp_iova_pinned(driver->cp, iova, size)) {
        reset(driver);
    }
}
