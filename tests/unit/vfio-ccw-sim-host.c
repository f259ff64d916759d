/*
 * Simulation of vfio-ccw: the host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The emulated Linux driver of tests/vfio-ccw-host without its server. Each of
 * its steps is withheld until the simulation lets it go. Below it is a device
 * that echoes which start it executes.
 */

#include "qemu/osdep.h"
#include <sys/mman.h>
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/memfd.h"
#include "vfio-ccw-sim.h"

#define CE SCSW_DSTAT_CHANNEL_END
#define DE SCSW_DSTAT_DEVICE_END
#define ACTL_ACTIVE (SCSW_ACTL_SUBCH_ACTIVE | SCSW_ACTL_DEVICE_ACTIVE)

bool sim_host_region_info(unsigned index, struct vfio_region_info *info,
                          struct vfio_region_info_cap_type *type)
{
    info->index = index;
    *type = (struct vfio_region_info_cap_type) {};
    return host_driver_get_region_info(&sim.driver, info, type) == 0;
}

/*
 * The device
 */

static uint32_t executing;    /* this start, or the last one */
static unsigned pcis;         /* how many it presents at most */

uint32_t sim_device_active_start(void)
{
    return sim.sch.scsw.ctrl & ACTL_ACTIVE ? executing : 0;
}

static void device_start(void *opaque, HostSubchannel *sch, ChannelProgram *cp)
{
    executing = cp->orb.intparm;
    pcis = sim_below(3);
    sim_log("device: begins start %u", executing);
}

static void device_signal(void *opaque, HostSubchannel *sch)
{
    sim_log("device: is signalled");
}

static const HostDeviceOps device_ops = {
    .start = device_start,
    .halt = device_signal,
    .clear = device_signal,
};

/* Nothing is under way that a new IRB could overwrite. */
bool sim_pipeline_empty(void)
{
    return !sim.driver.work_queued && !sim.driver.work_waiting &&
           !sim.link.due[VFIO_CCW_LANE_IRB] &&
           !sim.link.busy[VFIO_CCW_LANE_IRB] &&
           !sim_eventfd_ready(VFIO_CCW_IO_IRQ_INDEX);
}

/*
 * An interrupt of before a reset may be handed on after the guest's next start
 * has begun; but not so late that this has ended: nobody could tell its end,
 * while that is not handed on, from the one that is read.
 */
static bool may_present(void)
{
    if (sim.work_of_before_reset && !sim_pipeline_empty()) {
        return false;
    }
    sim.work_of_before_reset = false;
    return sim.profile.impatient_device ||
           (sim_pipeline_empty() &&
            g_queue_is_empty(&sim.gate.step[VFIO_CCW_HOST_INTERRUPT].held));
}

/* Is it the device's turn? */
bool sim_device_busy(void)
{
    uint16_t ctrl = sim.sch.scsw.ctrl;

    if (sim.sch.gone || !(sim.sch.pmcw.flags & PMCW_FLAGS_MASK_ENA) ||
        (ctrl & SCSW_STCTL_STATUS_PEND) || !may_present()) {
        return false;
    }
    if (ctrl & SCSW_FCTL_CLEAR_FUNC) {
        return !(ctrl & SCSW_ACTL_CLEAR_PEND);
    }
    if (ctrl & SCSW_FCTL_HALT_FUNC) {
        return !(ctrl & SCSW_ACTL_HALT_PEND);
    }
    return ctrl & ACTL_ACTIVE;
}

static void present(uint8_t dstat, uint8_t cstat)
{
    SimStart *start = &sim.start[executing];
    HostStatus status = {
        .dstat = dstat,
        .cstat = cstat,
        .count = start->count,
        .cpa = start->cpa + sizeof(CCW1),
    };

    sim_log("device: start %u presents dstat 0x%02x cstat 0x%02x", executing,
            dstat, cstat);
    start->presented = true;
    start->dstat |= dstat;
    start->cstat |= cstat;
    host_subchannel_present(&sim.sch, &status);
}

static void present_deferred(unsigned cc)
{
    SimStart *start = &sim.start[executing];
    IRB irb = {
        .scsw.flags = cc << 8,
        .scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_ACTL_START_PEND |
                     SCSW_STCTL_ALERT | SCSW_STCTL_STATUS_PEND,
        .scsw.count = start->count,
    };

    sim_log("device: start %u ends with deferred cc %u", executing, cc);
    start->cc = cc;
    host_subchannel_present_irb(&sim.sch, &irb);
}

static void end_start(void)
{
    bool fresh = !sim.start[executing].presented;

    if (!(sim.sch.scsw.ctrl & SCSW_ACTL_SUBCH_ACTIVE)) {
        present(DE, 0);
    } else if (pcis && sim_one_in(3)) {
        pcis--;
        present(0, SCSW_CSTAT_PCI);
    } else if (fresh && sim_one_in(16)) {
        present_deferred(sim_one_in(2) ? 1 : 3);
    } else if (sim_one_in(8)) {
        present(CE | DE | SCSW_DSTAT_UNIT_CHECK, 0);
    } else if (sim_one_in(16)) {
        present(0, SCSW_CSTAT_CHN_CTRL_CHK);
    } else if (sim_one_in(3)) {
        present(CE, 0);
    } else {
        present(CE | DE, 0);
    }
}

void sim_device_step(void)
{
    uint16_t ctrl = sim.sch.scsw.ctrl;

    if (ctrl & SCSW_FCTL_CLEAR_FUNC) {
        sim_log("device: ends the clear");
        sim.signal_ended = true;
        host_subchannel_present(&sim.sch, &(HostStatus) {});
    } else if (ctrl & SCSW_FCTL_HALT_FUNC) {
        sim_log("device: ends the halt");
        sim.signal_ended = true;
        if (ctrl & SCSW_FCTL_START_FUNC) {
            present(sim_one_in(2) ? CE | DE : 0, 0);
        } else {
            host_subchannel_present(&sim.sch, &(HostStatus) {});
        }
    } else {
        end_start();
    }
}

/*
 * The driver's steps
 */

static const char *const step_names[VFIO_CCW_HOST_NR_STEPS] = {
    [VFIO_CCW_HOST_START] = "start",
    [VFIO_CCW_HOST_HALT] = "halt",
    [VFIO_CCW_HOST_CLEAR] = "clear",
    [VFIO_CCW_HOST_START_REPLY] = "reply to start",
    [VFIO_CCW_HOST_HALT_REPLY] = "reply to halt",
    [VFIO_CCW_HOST_CLEAR_REPLY] = "reply to clear",
    [VFIO_CCW_HOST_IO_READ] = "read of IRB",
    [VFIO_CCW_HOST_SCHIB_READ] = "read of SCHIB",
    [VFIO_CCW_HOST_CRW_READ] = "read of CRW",
    [VFIO_CCW_HOST_RESET] = "reset",
    [VFIO_CCW_HOST_INTERRUPT] = "interrupt",
    [VFIO_CCW_HOST_IO_WORK] = "work of interrupt",
};

static int any_of(const int *errors, unsigned n)
{
    return -errors[sim_below(n)];
}

static int error_of_start(void)
{
    static const int errors[] = {
        EACCES, EINVAL, EOPNOTSUPP, EFAULT, EPERM, ENOMEM, ENOTTY,
        ENODEV, EIO, ETIMEDOUT, ESHUTDOWN,
    };

    return any_of(errors, ARRAY_SIZE(errors) - (sim.profile.fatal ? 0 : 4));
}

static void lose_device(void)
{
    sim_log("host: the device is gone");
    sim.sch.gone = true;
    host_driver_sch_event(&sim.driver);
    host_driver_signal(&sim.driver, VFIO_CCW_REQ_IRQ_INDEX);
}

/* Linux halts and clears where there is a device; a link may be broken. */
static int error_of_signal(void)
{
    if (!sim.profile.fatal) {
        return 0;
    }
    if (sim_one_in(2)) {
        lose_device();
        return 0;
    }
    return sim_one_in(2) ? -ETIMEDOUT : -ESHUTDOWN;
}

static int busy(VfioCcwHostStep step, unsigned times)
{
    sim.gate.step[step].err = sim_one_in(2) ? -EAGAIN : -EBUSY;
    sim.gate.step[step].times = sim_below(times);
    return sim.gate.step[step].err;
}

static int error_of(VfioCcwHostStep step)
{
    if (sim.settling || !sim_one_in(sim.profile.error_rate)) {
        return 0;
    }
    switch (step) {
    case VFIO_CCW_HOST_START:
        /* ... perhaps longer than the link is willing to try */
        return sim_one_in(2) ? busy(step, 20) : error_of_start();
    case VFIO_CCW_HOST_HALT:
    case VFIO_CCW_HOST_CLEAR:
        return sim_one_in(2) ? busy(step, 8) : error_of_signal();
    case VFIO_CCW_HOST_SCHIB_READ:
        return sim.profile.fatal ? -ENODEV : 0;
    case VFIO_CCW_HOST_CRW_READ:
        return !sim.profile.fatal ? 0 : sim_one_in(2) ? -EIO : -EFAULT;
    case VFIO_CCW_HOST_INTERRUPT:
    case VFIO_CCW_HOST_IO_WORK:
        if (!sim.profile.impatient_device || sim.profile.extra_signals) {
            return 0;
        }
        sim.irb_lost = true;
        return -ECANCELED;
    default:
        return sim.profile.fatal ? -ESHUTDOWN : 0;
    }
}

static void nothing(void *opaque)
{
}

/*
 * What is taken before the last IRB was read may take its place. Who can ask
 * for the SCHIB finds out about an end that is lost so.
 */
static bool may_hide_end(void)
{
    return !sim_can_tell_ends_apart();
}

static void happened(void *opaque, VfioCcwHostCounter counter)
{
    SimStart *start;
    uint32_t id;

    if (counter == VFIO_CCW_HOST_INTERRUPTS && !sim_pipeline_empty()) {
        sim.irb_lost |= may_hide_end();
    }
    if (counter != VFIO_CCW_HOST_STARTS) {
        return;
    }
    id = sim.driver.orb.intparm;
    start = &sim.start[id];
    if (start->accepted) {
        sim_fail("start %u is executed twice", id);
    }
    if (start->over) {
        sim_fail("start %u begins after the guest was told that it is over",
                 id);
    }
    if (start->life != sim.life && !sim.link.due[VFIO_CCW_LANE_RESET] &&
        !sim.link.busy[VFIO_CCW_LANE_RESET]) {
        sim_fail("start %u, from before a reset, begins after it", id);
    }
    start->accepted = true;
}

/* Linux's reset takes the driver's lock, as a write does. */
static bool can_go_on(VfioCcwHostStep step)
{
    return !g_queue_is_empty(&sim.gate.step[step].held) &&
           !(step == VFIO_CCW_HOST_RESET && sim.driver.writer);
}

/* The host itself takes no milliseconds for these. */
bool sim_host_at_work(void)
{
    return can_go_on(VFIO_CCW_HOST_INTERRUPT) ||
           can_go_on(VFIO_CCW_HOST_IO_WORK);
}

unsigned sim_host_nr_held(void)
{
    unsigned n = 0;

    for (int i = 0; i < VFIO_CCW_HOST_NR_STEPS; i++) {
        n += can_go_on(i);
    }
    return n;
}

static void release(VfioCcwHostStep step, int err)
{
    sim_log("host: %s goes on, %d", step_names[step], err);
    host_gate_release(&sim.gate, step, err);
}

/*
 * ... and waits for its interrupts. For the work that follows them it waits
 * only where it had to wait for the subchannel; a link that has no SCHIB to ask
 * would be deceived by what comes later.
 */
static void take_interrupts(void)
{
    while (can_go_on(VFIO_CCW_HOST_INTERRUPT)) {
        release(VFIO_CCW_HOST_INTERRUPT, 0);
    }
    if (!sim_can_tell_ends_apart() || sim_one_in(2)) {
        while (can_go_on(VFIO_CCW_HOST_IO_WORK)) {
            release(VFIO_CCW_HOST_IO_WORK, 0);
        }
    }
    sim.work_of_before_reset = can_go_on(VFIO_CCW_HOST_IO_WORK);
}

/* Lets the @n-th step go that is withheld and can. */
void sim_host_release(unsigned n)
{
    VfioCcwHostStep step = 0;

    while (!can_go_on(step) || n--) {
        step++;
    }
    if (step == VFIO_CCW_HOST_RESET) {
        take_interrupts();
    }
    release(step, error_of(step));
}

/*
 * Mischief
 */

static void present_alert(void)
{
    if ((sim.sch.scsw.ctrl & (SCSW_CTRL_MASK_FCTL | ACTL_ACTIVE)) ||
        !may_present()) {
        return;
    }
    sim_log("device: asks for attention");
    sim.alerted = true;
    host_subchannel_present(&sim.sch, &(HostStatus) {
        .dstat = SCSW_DSTAT_ATTENTION });
}

/* The SCHIB says which CRW it belongs to: in the CHPID of a path it has not. */
static void queue_crw(void)
{
    if (!(sim.profile.regions & (1u << VFIO_CCW_HOST_REGION_CRW))) {
        return;
    }
    sim.nr_crws++;
    sim_log("host: queues CRW %u", sim.nr_crws);
    stw_be_p(&sim.sch.pmcw.chpid[6], sim.nr_crws);
    host_driver_queue_crw(&sim.driver, (CRW) {
        .flags = CRW_RSC_CHP << 8 | CRW_ERC_INIT, .rsid = sim.nr_crws });
}

static void lose_link(void)
{
    sim_log("host: the connection is lost");
    sim.link_lost = true;
    vfio_ccw_link_lost(&sim.link);
}

static void signal_without_irb(void)
{
    if (sim.profile.extra_signals) {
        sim_log("host: signals, with nothing behind it");
        host_driver_signal(&sim.driver, VFIO_CCW_IO_IRQ_INDEX);
    }
}

void sim_host_mischief(void)
{
    unsigned what = sim_below(sim.profile.fatal ? 70 : 60);

    if (what < 20) {
        present_alert();
    } else if (what < 40) {
        signal_without_irb();
    } else if (what < 60) {
        queue_crw();
    } else if (what < 67) {
        sim_log("host: wants its device back");
        host_driver_signal(&sim.driver, VFIO_CCW_REQ_IRQ_INDEX);
    } else if (what < 69) {
        lose_device();
    } else {
        lose_link();
    }
}

/*
 * Life
 */

static int no_transfer(void *opaque, bool write, uint64_t iova, void *buf,
                       size_t len)
{
    return -EFAULT;
}

/* The guest's memory: NOPs only, none of them chained; for all episodes */
static int guest_memory(void)
{
    static int fd = -1;
    uint32_t *memory;

    if (fd >= 0) {
        return fd;
    }
    fd = qemu_memfd_create("guest", SIM_GUEST_SIZE, false, 0, 0, &error_abort);
    memory = mmap(NULL, SIM_GUEST_SIZE, PROT_WRITE, MAP_SHARED, fd, 0);
    g_assert(memory != MAP_FAILED);
    for (int i = 0; i < SIM_GUEST_SIZE / sizeof(CCW1); i++) {
        stl_be_p(&memory[2 * i], CCW_CMD_NOOP << 24 | CCW_FLAG_SLI << 16 | 1);
    }
    munmap(memory, SIM_GUEST_SIZE);
    return fd;
}

void sim_host_init(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.regions = sim.profile.regions;
    config.pmcw = (PMCW) {
        .intparm = 0x01234567,
        .flags = PMCW_FLAGS_MASK_DNV | PMCW_FLAGS_MASK_MP,
        .devno = 0x1234,
        .mbi = 0x0123,
        .chars = 0x89abcdef,
        .lpm = 0xc0,
        .pim = 0xc0,
        .pom = 0xff,
        .pam = 0xc0,
        .chpid = { 0x40, 0x41 },
    };

    host_gate_init(&sim.gate, nothing, NULL);
    host_dma_init(&sim.dma, no_transfer, NULL);
    host_dma_map(&sim.dma, 0, SIM_GUEST_SIZE, true, guest_memory(), 0);
    host_subchannel_init(&sim.sch, &config.pmcw, &device_ops, NULL,
                         host_driver_interrupt, &sim.driver);
    host_driver_init(&sim.driver, &config, &sim.gate, &sim.dma, &sim.sch,
                     happened, NULL);
    host_driver_open(&sim.driver);
    sim.vdev = (VFIODevice) {
        .name = (char *)"sim",
        .io_ops = &sim_io_ops,
        .flags = config.device_flags,
        .num_initial_regions = sim.driver.nr_regions,
        .num_irqs = VFIO_CCW_NUM_IRQS,
        .reset_works = true,
    };
}

/*
 * While the new IRB waits for the driver's worker, an extra signal would have
 * the old one read when the host's SCHIB speaks for the new one already. Linux
 * is that slow for microseconds only.
 */
void sim_host_hold_everything(void)
{
    for (int i = 0; i < VFIO_CCW_HOST_NR_STEPS; i++) {
        sim.gate.step[i].hold = true;
    }
    sim.gate.step[VFIO_CCW_HOST_IO_WORK].hold = !sim.profile.extra_signals;
}

void sim_host_destroy(void)
{
    host_gate_flush(&sim.gate, -ECANCELED);
    host_driver_destroy(&sim.driver);
    host_subchannel_destroy(&sim.sch);
    host_dma_destroy(&sim.dma);
}

void sim_host_renew(void)
{
    sim_host_destroy();
    sim.link_lost = false;
    sim.irb_lost = false;
    sim.alerted = false;
    sim.work_of_before_reset = false;
    sim_host_init();
    stw_be_p(&sim.sch.pmcw.chpid[6], sim.nr_crws);
}
