/*
 * Driver: the state machine of the Linux vfio_ccw driver
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the driver does when user space writes to a region and when the
 * subchannel interrupts; regions.c has the rest of what user space can do.
 * Called by regions.c and, for interrupts, by subchannel.c.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/host-utils.h"
#include "driver.h"

#define ACTL_ACTIVE (SCSW_ACTL_SUBCH_ACTIVE | SCSW_ACTL_DEVICE_ACTIVE)

#define VFIO_CCW_ISC 3

/* The function bits of the SCSW that user space writes, in its first word */
#define REGION_FCTL(area) (lduw_be_p((area) + 2) & SCSW_CTRL_MASK_FCTL)

static struct ccw_io_region *io_region(HostDriver *driver)
{
    return (void *)driver->region[VFIO_CCW_HOST_REGION_IO].data;
}

static struct ccw_cmd_region *async_region(HostDriver *driver)
{
    return (void *)driver->region[VFIO_CCW_HOST_REGION_ASYNC].data;
}

static void drop_cp(HostDriver *driver)
{
    g_clear_pointer(&driver->cp, cp_unref);
}

/* Ends an I/O request whose ret_code is @ret */
static void io_done(HostDriver *driver, int ret)
{
    stl_be_p(&io_region(driver)->ret_code, ret);
    host_driver_write_done(driver, ret);
}

static void async_done(HostDriver *driver, int ret)
{
    stl_be_p(&async_region(driver)->ret_code, ret);
    host_driver_write_done(driver, ret);
}

/*
 * The actions of the table
 */

static void fsm_nop(HostDriver *driver, HostEvent event)
{
}

static void fsm_notoper(HostDriver *driver, HostEvent event)
{
    driver->state = HOST_STATE_NOT_OPER;
    drop_cp(driver);
}

static void fsm_io_error(HostDriver *driver, HostEvent event)
{
    io_done(driver, -EIO);
}

static void fsm_io_busy(HostDriver *driver, HostEvent event)
{
    io_done(driver, -EBUSY);
}

static void fsm_io_retry(HostDriver *driver, HostEvent event)
{
    io_done(driver, -EAGAIN);
}

static void fsm_async_error(HostDriver *driver, HostEvent event)
{
    async_done(driver, -EIO);
}

static void fsm_async_retry(HostDriver *driver, HostEvent event)
{
    async_done(driver, -EAGAIN);
}

/* Linux's cio_enable_subchannel(), and its opposite: the condition code */
static int set_enabled(HostDriver *driver, bool ena)
{
    PMCW pmcw = driver->sch->pmcw;

    pmcw.flags &= ~(PMCW_FLAGS_MASK_ISC | PMCW_FLAGS_MASK_ENA);
    pmcw.flags |= VFIO_CCW_ISC << 11 | (ena ? PMCW_FLAGS_MASK_ENA : 0);
    pmcw.chars |= PMCW_CHARS_MASK_CSENSE;
    return host_subchannel_msch(driver->sch, &pmcw);
}

static void fsm_disabled_irq(HostDriver *driver, HostEvent event)
{
    set_enabled(driver, false);
}

/* Linux's cio_update_schib() */
static bool subchannel_there(HostDriver *driver, SCHIB *schib)
{
    return host_subchannel_stsch(driver->sch, schib) == 0 &&
           schib->pmcw.flags & PMCW_FLAGS_MASK_DNV;
}

/* cc 3 of SSCH: these paths are not used again */
static int lose_paths(HostDriver *driver, uint8_t lpm)
{
    SCHIB schib;

    driver->lpm &= lpm ? ~lpm : 0;
    if (!subchannel_there(driver, &schib)) {
        return -ENODEV;
    }
    return driver->lpm ? -EACCES : -ENODEV;
}

static int start_subchannel(HostDriver *driver)
{
    ORB orb = driver->orb;
    int ret;

    /* Transport mode */
    if (orb.ctrl0 & ORB_CTRL0_MASK_INVALID) {
        return -EOPNOTSUPP;
    }
    ret = cp_init(&driver->cp, driver->dma, &orb);
    if (ret == 0) {
        ret = cp_prefetch(driver->cp, driver->dma);
    }
    if (ret) {
        return ret;
    }

    /* The translated program has CCWs of format 1 */
    orb.ctrl0 |= ORB_CTRL0_MASK_FMT;
    if (!orb.lpm) {
        orb.lpm = driver->lpm;
    }
    switch (host_subchannel_ssch(driver->sch, &orb, driver->cp)) {
    case 0:
        return 0;
    case 3:
        return lose_paths(driver, orb.lpm);
    default:
        return -EBUSY;
    }
}

/* Called by the gate, which may have a result of its own */
static void io_request(void *opaque, int err)
{
    HostDriver *driver = opaque;
    int ret;

    if (err) {
        driver->state = HOST_STATE_IDLE;
        host_driver_write_done(driver, err);
        return;
    }

    ret = start_subchannel(driver);
    if (ret) {
        drop_cp(driver);
        driver->state = HOST_STATE_IDLE;
    } else {
        driver->state = HOST_STATE_CP_PENDING;
        driver->happened(driver->opaque, VFIO_CCW_HOST_STARTS);
    }
    io_done(driver, ret);
}

static void fsm_io_request(HostDriver *driver, HostEvent event)
{
    struct ccw_io_region *io = io_region(driver);
    uint16_t fctl = REGION_FCTL(io->scsw_area);

    if (fctl & SCSW_FCTL_START_FUNC) {
        driver->state = HOST_STATE_CP_PROCESSING;
        driver->orb = (ORB) {
            .intparm = ldl_be_p(io->orb_area),
            .ctrl0 = lduw_be_p(io->orb_area + 4),
            .lpm = io->orb_area[6],
            .ctrl1 = io->orb_area[7],
            .cpa = ldl_be_p(io->orb_area + 8),
        };
        host_gate_pass(driver->gate, VFIO_CCW_HOST_START, io_request, driver);
    } else if (fctl) {
        io_done(driver, -EOPNOTSUPP);
    } else {
        /* Nothing is done, and what user space wrote there is the result */
        io_done(driver, ldl_be_p(&io->ret_code));
    }
}

static int cc_to_errno(int cc)
{
    switch (cc) {
    case 0:
        return 0;
    case 3:
        return -ENODEV;
    default:
        return -EBUSY;
    }
}

static void halt_request(void *opaque, int err)
{
    HostDriver *driver = opaque;
    int ret;

    if (err) {
        host_driver_write_done(driver, err);
        return;
    }
    ret = cc_to_errno(host_subchannel_hsch(driver->sch));
    if (ret == 0) {
        driver->happened(driver->opaque, VFIO_CCW_HOST_HALTS);
    }
    async_done(driver, ret);
}

static void clear_request(void *opaque, int err)
{
    HostDriver *driver = opaque;
    int ret;

    if (err) {
        host_driver_write_done(driver, err);
        return;
    }
    ret = cc_to_errno(host_subchannel_csch(driver->sch));
    if (ret == 0) {
        driver->happened(driver->opaque, VFIO_CCW_HOST_CLEARS);
    }
    async_done(driver, ret);
}

static void fsm_async_request(HostDriver *driver, HostEvent event)
{
    switch (ldl_be_p(&async_region(driver)->command)) {
    case VFIO_CCW_ASYNC_CMD_HSCH:
        host_gate_pass(driver->gate, VFIO_CCW_HOST_HALT, halt_request, driver);
        break;
    case VFIO_CCW_ASYNC_CMD_CSCH:
        host_gate_pass(driver->gate, VFIO_CCW_HOST_CLEAR, clear_request,
                       driver);
        break;
    default:
        async_done(driver, -EINVAL);
    }
}

/*
 * Interrupts
 */

/* A SCSW that is no answer to any function */
static bool is_unsolicited(const SCSW *scsw)
{
    return !(scsw->flags & SCSW_FLAGS_MASK_CC) &&
           (scsw->ctrl & SCSW_CTRL_MASK_STCTL) ==
           (SCSW_STCTL_ALERT | SCSW_STCTL_STATUS_PEND);
}

/* The kernel copies 64 bytes: the extended measurement word is not touched */
static void store_irb(uint8_t *area, const IRB *irb)
{
    stw_be_p(area, irb->scsw.flags);
    stw_be_p(area + 2, irb->scsw.ctrl);
    stl_be_p(area + 4, irb->scsw.cpa);
    area[8] = irb->scsw.dstat;
    area[9] = irb->scsw.cstat;
    stw_be_p(area + 10, irb->scsw.count);
    stl_be_p(area + 12, irb->esw.word0);
    stl_be_p(area + 16, irb->esw.erw);
    stq_be_p(area + 20, irb->esw.word2);
    stl_be_p(area + 28, irb->esw.word4);
    memcpy(area + 32, irb->ecw, sizeof(irb->ecw));
}

/* The worker: needs the lock */
void host_driver_io_todo(HostDriver *driver)
{
    const SCSW *scsw = &driver->irb.scsw;
    bool final = !(scsw->ctrl & ACTL_ACTIVE);

    if (!is_unsolicited(scsw) && final &&
        driver->state == HOST_STATE_CP_PENDING) {
        drop_cp(driver);
        driver->state = HOST_STATE_IDLE;
    }
    store_irb(io_region(driver)->irb_area, &driver->irb);
    host_driver_signal(driver, VFIO_CCW_IO_IRQ_INDEX);
}

static void io_work(void *opaque, int err)
{
    HostDriver *driver = opaque;

    driver->work_queued = false;
    if (err) {
        return;
    }
    if (driver->writer) {
        driver->work_waiting = true;
        return;
    }
    host_driver_io_todo(driver);
}

/* Work that is queued already is not queued twice: the last IRB wins */
static void fsm_irq(HostDriver *driver, HostEvent event)
{
    driver->irb = driver->taken;
    if (driver->work_queued) {
        return;
    }
    driver->work_queued = true;
    if (driver->quiescing) {
        io_work(driver, 0);
    } else {
        host_gate_pass(driver->gate, VFIO_CCW_HOST_IO_WORK, io_work, driver);
    }
}

static void take_interrupt(void *opaque, int err)
{
    HostDriver *driver = opaque;

    if (host_subchannel_tsch(driver->sch, &driver->taken) != 0) {
        return;
    }
    driver->happened(driver->opaque, VFIO_CCW_HOST_INTERRUPTS);
    if (!err) {
        host_driver_event(driver, HOST_EVENT_INTERRUPT);
    }
    host_subchannel_present_waiting(driver->sch);
}

void host_driver_interrupt(void *opaque)
{
    HostDriver *driver = opaque;

    if (driver->quiescing) {
        take_interrupt(driver, 0);
    } else {
        host_gate_pass(driver->gate, VFIO_CCW_HOST_INTERRUPT, take_interrupt,
                       driver);
    }
}

/*
 * Open and close
 */

static void fsm_open(HostDriver *driver, HostEvent event)
{
    if (set_enabled(driver, true) != 0) {
        host_driver_event(driver, HOST_EVENT_NOT_OPER);
        return;
    }
    driver->state = HOST_STATE_IDLE;
}

/* Linux cancels, else halts, else clears; a device that hangs is cleared */
static void cancel_halt_clear(HostDriver *driver)
{
    HostSubchannel *sch = driver->sch;

    if (!(sch->scsw.ctrl & (SCSW_CTRL_MASK_FCTL | ACTL_ACTIVE)) ||
        host_subchannel_xsch(sch) == 0) {
        return;
    }
    if (host_subchannel_hsch(sch) == 0) {
        host_subchannel_run(sch);
    }
    if (sch->scsw.ctrl & (SCSW_CTRL_MASK_FCTL | ACTL_ACTIVE)) {
        host_subchannel_force_clear(sch);
    }
}

/* Status that gets in the way of disabling is thrown away */
static int disable(HostDriver *driver)
{
    int cc = set_enabled(driver, false);
    IRB ignored;

    if (cc == 1) {
        host_subchannel_tsch(driver->sch, &ignored);
        cc = set_enabled(driver, false);
    }
    return cc;
}

/* Interrupts are taken as ever meanwhile, and reach user space */
static int quiesce(HostDriver *driver)
{
    int cc;

    driver->quiescing = true;
    cancel_halt_clear(driver);
    cc = disable(driver);
    driver->quiescing = false;
    return cc;
}

static void fsm_close(HostDriver *driver, HostEvent event)
{
    if (!(driver->sch->pmcw.flags & PMCW_FLAGS_MASK_ENA) ||
        (disable(driver) != 0 && quiesce(driver) != 0)) {
        host_driver_event(driver, HOST_EVENT_NOT_OPER);
        return;
    }
    driver->state = HOST_STATE_STANDBY;
    drop_cp(driver);
}

typedef void HostAction(HostDriver *driver, HostEvent event);

static HostAction *const jumptable[HOST_NR_STATES][HOST_NR_EVENTS] = {
    [HOST_STATE_NOT_OPER] = {
        [HOST_EVENT_NOT_OPER]  = fsm_nop,
        [HOST_EVENT_IO_REQ]    = fsm_io_error,
        [HOST_EVENT_INTERRUPT] = fsm_disabled_irq,
        [HOST_EVENT_ASYNC_REQ] = fsm_async_error,
        [HOST_EVENT_OPEN]      = fsm_nop,
        [HOST_EVENT_CLOSE]     = fsm_nop,
    },
    [HOST_STATE_STANDBY] = {
        [HOST_EVENT_NOT_OPER]  = fsm_notoper,
        [HOST_EVENT_IO_REQ]    = fsm_io_error,
        [HOST_EVENT_INTERRUPT] = fsm_disabled_irq,
        [HOST_EVENT_ASYNC_REQ] = fsm_async_error,
        [HOST_EVENT_OPEN]      = fsm_open,
        [HOST_EVENT_CLOSE]     = fsm_notoper,
    },
    [HOST_STATE_IDLE] = {
        [HOST_EVENT_NOT_OPER]  = fsm_notoper,
        [HOST_EVENT_IO_REQ]    = fsm_io_request,
        [HOST_EVENT_INTERRUPT] = fsm_irq,
        [HOST_EVENT_ASYNC_REQ] = fsm_async_request,
        [HOST_EVENT_OPEN]      = fsm_notoper,
        [HOST_EVENT_CLOSE]     = fsm_close,
    },
    [HOST_STATE_CP_PROCESSING] = {
        [HOST_EVENT_NOT_OPER]  = fsm_notoper,
        [HOST_EVENT_IO_REQ]    = fsm_io_retry,
        [HOST_EVENT_INTERRUPT] = fsm_irq,
        [HOST_EVENT_ASYNC_REQ] = fsm_async_retry,
        [HOST_EVENT_OPEN]      = fsm_notoper,
        [HOST_EVENT_CLOSE]     = fsm_close,
    },
    [HOST_STATE_CP_PENDING] = {
        [HOST_EVENT_NOT_OPER]  = fsm_notoper,
        [HOST_EVENT_IO_REQ]    = fsm_io_busy,
        [HOST_EVENT_INTERRUPT] = fsm_irq,
        [HOST_EVENT_ASYNC_REQ] = fsm_async_request,
        [HOST_EVENT_OPEN]      = fsm_notoper,
        [HOST_EVENT_CLOSE]     = fsm_close,
    },
};

void host_driver_event(HostDriver *driver, HostEvent event)
{
    jumptable[driver->state][event](driver, event);
}

/*
 * Channel paths
 */

/* Once: what does not end by this goes on */
static void cancel_or_halt(HostDriver *driver)
{
    HostSubchannel *sch = driver->sch;

    /* With nothing to cancel, Linux halts, even if there is nothing at all */
    if (!(sch->scsw.ctrl & (SCSW_ACTL_HALT_PEND | SCSW_ACTL_CLEAR_PEND)) &&
        host_subchannel_xsch(sch) == 2 && host_subchannel_hsch(sch) == 0) {
        host_subchannel_run(sch);
    }
}

static void queue_path_crw(HostDriver *driver, uint8_t erc, uint8_t mask)
{
    const PMCW *pmcw = &driver->sch->pmcw;

    host_driver_queue_crw(driver, (CRW) {
        .flags = CRW_RSC_CHP << 8 | erc,
        .rsid = pmcw->chpid[clz32(mask) - 24],
    });
}

void host_driver_path_event(HostDriver *driver, VfioCcwHostPathEvent event,
                            uint8_t mask)
{
    bool off = event == VFIO_CCW_HOST_PATH_OFF ||
               event == VFIO_CCW_HOST_VARY_OFF;
    SCHIB schib;

    if (!subchannel_there(driver, &schib)) {
        return;
    }
    if (event == VFIO_CCW_HOST_VARY_OFF) {
        driver->opm &= ~mask;
        driver->lpm &= ~mask;
    } else if (event == VFIO_CCW_HOST_VARY_ON) {
        driver->opm |= mask;
        driver->lpm |= mask;
    } else if (event == VFIO_CCW_HOST_PATH_ON) {
        driver->lpm |= mask & driver->opm;
    }
    if (off && schib.pmcw.lpum & mask) {
        cancel_or_halt(driver);
    }
    if (event == VFIO_CCW_HOST_PATH_OFF) {
        queue_path_crw(driver, CRW_ERC_PERRN, mask);
    } else if (event == VFIO_CCW_HOST_PATH_ON) {
        queue_path_crw(driver, CRW_ERC_INIT, mask);
    }
}

void host_driver_sch_event(HostDriver *driver)
{
    SCHIB schib;

    if (!subchannel_there(driver, &schib)) {
        host_driver_event(driver, HOST_EVENT_NOT_OPER);
    }
}
