/*
 * Tests of the emulated vfio_ccw host driver: its state machine and its
 * regions, called directly, without a server or a thread
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/eventfd.h>
#include "tests/vfio-ccw-host/devices.h"
#include "tests/vfio-ccw-host/driver.h"
#include "vfio-ccw-host-common.h"

typedef struct Fixture {
    HostGate gate;
    Guest g;
    HostSubchannel sch;
    HostDriver driver;
    unsigned count[VFIO_CCW_HOST_NR_COUNTERS];
    /* The last access that was answered */
    unsigned answers;
    int err;
    uint8_t data[128];
} Fixture;

static void nothing_held(void *opaque)
{
}

static void count_happened(void *opaque, VfioCcwHostCounter counter)
{
    Fixture *f = opaque;

    f->count[counter]++;
}

static void answered(void *opaque, int err, const void *data, size_t len)
{
    Fixture *f = opaque;

    f->answers++;
    f->err = err;
    if (data) {
        g_assert_cmpuint(len, <=, sizeof(f->data));
        memcpy(f->data, data, len);
    }
}

static void fixture_init(Fixture *f, const VfioCcwHostConfig *config,
                         const HostDeviceOps *device)
{
    memset(f, 0, sizeof(*f));
    host_gate_init(&f->gate, nothing_held, f);
    guest_init(&f->g);
    put_nop(f->g.memory + PROGRAM);
    host_subchannel_init(&f->sch, &config->pmcw, device, NULL,
                         host_driver_interrupt, &f->driver);
    host_driver_init(&f->driver, config, &f->gate, &f->g.dma, &f->sch,
                     count_happened, f);
}

static void fixture_destroy(Fixture *f)
{
    host_gate_flush(&f->gate, -ECANCELED);
    host_driver_destroy(&f->driver);
    host_subchannel_destroy(&f->sch);
    guest_destroy(&f->g);
}

static void setup(Fixture *f, const void *device)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    fixture_init(f, &config, device);
    g_assert_cmpint(host_driver_open(&f->driver), ==, 0);
}

static void teardown(Fixture *f, const void *device)
{
    fixture_destroy(f);
}

static void write_io(Fixture *f, uint16_t fctl)
{
    struct ccw_io_region io;

    io_region_for(&io, fctl);
    host_driver_write(&f->driver, 0, 0, &io, 24, answered, f);
}

static void write_async(Fixture *f, uint32_t command)
{
    uint32_t be = cpu_to_be32(command);

    host_driver_write(&f->driver, 1, 0, &be, sizeof(be), answered, f);
}

static int32_t ret_code(Fixture *f, unsigned region)
{
    static const unsigned offset[] = { 120, 4 };

    return ldl_be_p(f->driver.region[region].data + offset[region]);
}

/*
 * What the kernel's table says, by what can be seen: the state afterwards
 * and, for requests, their result.
 */
static const struct {
    HostState state;
    HostEvent event;
    HostState next;
    int result;
} table[] = {
    { HOST_STATE_NOT_OPER, HOST_EVENT_NOT_OPER, HOST_STATE_NOT_OPER },
    { HOST_STATE_NOT_OPER, HOST_EVENT_IO_REQ, HOST_STATE_NOT_OPER, -EIO },
    { HOST_STATE_NOT_OPER, HOST_EVENT_INTERRUPT, HOST_STATE_NOT_OPER },
    { HOST_STATE_NOT_OPER, HOST_EVENT_ASYNC_REQ, HOST_STATE_NOT_OPER, -EIO },
    { HOST_STATE_NOT_OPER, HOST_EVENT_OPEN, HOST_STATE_NOT_OPER },
    { HOST_STATE_NOT_OPER, HOST_EVENT_CLOSE, HOST_STATE_NOT_OPER },

    { HOST_STATE_STANDBY, HOST_EVENT_NOT_OPER, HOST_STATE_NOT_OPER },
    { HOST_STATE_STANDBY, HOST_EVENT_IO_REQ, HOST_STATE_STANDBY, -EIO },
    { HOST_STATE_STANDBY, HOST_EVENT_INTERRUPT, HOST_STATE_STANDBY },
    { HOST_STATE_STANDBY, HOST_EVENT_ASYNC_REQ, HOST_STATE_STANDBY, -EIO },
    { HOST_STATE_STANDBY, HOST_EVENT_OPEN, HOST_STATE_IDLE },
    { HOST_STATE_STANDBY, HOST_EVENT_CLOSE, HOST_STATE_NOT_OPER },

    { HOST_STATE_IDLE, HOST_EVENT_NOT_OPER, HOST_STATE_NOT_OPER },
    { HOST_STATE_IDLE, HOST_EVENT_IO_REQ, HOST_STATE_CP_PENDING, 0 },
    { HOST_STATE_IDLE, HOST_EVENT_INTERRUPT, HOST_STATE_IDLE },
    { HOST_STATE_IDLE, HOST_EVENT_ASYNC_REQ, HOST_STATE_IDLE, 0 },
    { HOST_STATE_IDLE, HOST_EVENT_OPEN, HOST_STATE_NOT_OPER },
    { HOST_STATE_IDLE, HOST_EVENT_CLOSE, HOST_STATE_STANDBY },

    { HOST_STATE_CP_PROCESSING, HOST_EVENT_NOT_OPER, HOST_STATE_NOT_OPER },
    { HOST_STATE_CP_PROCESSING, HOST_EVENT_IO_REQ, HOST_STATE_CP_PROCESSING,
      -EAGAIN },
    { HOST_STATE_CP_PROCESSING, HOST_EVENT_INTERRUPT,
      HOST_STATE_CP_PROCESSING },
    { HOST_STATE_CP_PROCESSING, HOST_EVENT_ASYNC_REQ,
      HOST_STATE_CP_PROCESSING, -EAGAIN },
    { HOST_STATE_CP_PROCESSING, HOST_EVENT_OPEN, HOST_STATE_NOT_OPER },
    { HOST_STATE_CP_PROCESSING, HOST_EVENT_CLOSE, HOST_STATE_STANDBY },

    { HOST_STATE_CP_PENDING, HOST_EVENT_NOT_OPER, HOST_STATE_NOT_OPER },
    { HOST_STATE_CP_PENDING, HOST_EVENT_IO_REQ, HOST_STATE_CP_PENDING,
      -EBUSY },
    { HOST_STATE_CP_PENDING, HOST_EVENT_INTERRUPT, HOST_STATE_IDLE },
    { HOST_STATE_CP_PENDING, HOST_EVENT_ASYNC_REQ, HOST_STATE_CP_PENDING, 0 },
    { HOST_STATE_CP_PENDING, HOST_EVENT_OPEN, HOST_STATE_NOT_OPER },
    { HOST_STATE_CP_PENDING, HOST_EVENT_CLOSE, HOST_STATE_STANDBY },
};

static void raise_event(Fixture *f, HostEvent event)
{
    switch (event) {
    case HOST_EVENT_IO_REQ:
        write_io(f, SCSW_FCTL_START_FUNC);
        break;
    case HOST_EVENT_ASYNC_REQ:
        write_async(f, VFIO_CCW_ASYNC_CMD_CSCH);
        break;
    case HOST_EVENT_INTERRUPT:
        f->driver.taken = (IRB) {
            .scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_STCTL_PRIMARY |
                         SCSW_STCTL_SECONDARY | SCSW_STCTL_STATUS_PEND,
            .scsw.dstat = CE_DE,
        };
        /* fall through */
    default:
        host_driver_event(&f->driver, event);
    }
}

static void test_table(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    g_assert_cmpuint(ARRAY_SIZE(table), ==, HOST_NR_STATES * HOST_NR_EVENTS);
    for (int i = 0; i < ARRAY_SIZE(table); i++) {
        HostEvent event = table[i].event;
        bool stores_irb;
        Fixture f;

        fixture_init(&f, &config, &scripted_device_ops);
        if (table[i].state >= HOST_STATE_IDLE) {
            g_assert_cmpint(host_driver_open(&f.driver), ==, 0);
        }
        f.driver.state = table[i].state;
        raise_event(&f, event);

        g_test_message("state %d event %d", table[i].state, event);
        g_assert_cmpint(f.driver.state, ==, table[i].next);
        if (event == HOST_EVENT_IO_REQ || event == HOST_EVENT_ASYNC_REQ) {
            g_assert_cmpuint(f.answers, ==, 1);
            g_assert_cmpint(f.err, ==, table[i].result);
            g_assert_cmpint(ret_code(&f, event == HOST_EVENT_ASYNC_REQ), ==,
                            table[i].result);
        }
        stores_irb = event == HOST_EVENT_INTERRUPT &&
                     table[i].state >= HOST_STATE_IDLE;
        g_assert_cmpuint(f.driver.region[0].data[24 + 8], ==,
                         stores_irb ? CE_DE : 0);
        fixture_destroy(&f);
    }
}

static uint16_t irb_ctrl(Fixture *f)
{
    return lduw_be_p(f->driver.region[VFIO_CCW_HOST_REGION_IO].data + 26);
}

static void present(Fixture *f, uint8_t dstat, uint8_t cstat)
{
    HostStatus status = { .dstat = dstat, .cstat = cstat };

    host_subchannel_present(&f->sch, &status);
}

/* Until the worker has run, the host has the status and the user does not */
static void test_two_stages(Fixture *f, const void *device)
{
    write_io(f, SCSW_FCTL_START_FUNC);
    g_assert_cmpint(f->err, ==, 0);
    f->gate.step[VFIO_CCW_HOST_IO_WORK].hold = true;
    present(f, CE_DE, 0);

    g_assert_cmpuint(f->sch.scsw.ctrl & SCSW_CTRL_MASK_STCTL, ==, 0);
    g_assert_cmpuint(irb_ctrl(f), ==, 0);
    write_io(f, SCSW_FCTL_START_FUNC);
    g_assert_cmpint(f->err, ==, -EBUSY);

    g_assert(host_gate_release(&f->gate, VFIO_CCW_HOST_IO_WORK, 0));
    g_assert_cmpuint(irb_ctrl(f), ==,
                     SCSW_FCTL_START_FUNC | SCSW_STCTL_PRIMARY |
                     SCSW_STCTL_SECONDARY | SCSW_STCTL_STATUS_PEND);
    g_assert_cmpint(f->driver.state, ==, HOST_STATE_IDLE);
}

/* One slot: of two interrupts before the worker runs only the last is seen */
static void test_one_slot(Fixture *f, const void *device)
{
    write_io(f, SCSW_FCTL_START_FUNC);
    f->gate.step[VFIO_CCW_HOST_IO_WORK].hold = true;
    present(f, SCSW_DSTAT_CHANNEL_END, 0);
    present(f, SCSW_DSTAT_DEVICE_END, 0);

    g_assert_cmpuint(f->count[VFIO_CCW_HOST_INTERRUPTS], ==, 2);
    g_assert_cmpuint(f->gate.step[VFIO_CCW_HOST_IO_WORK].held.length, ==, 1);
    host_gate_unhold(&f->gate, VFIO_CCW_HOST_IO_WORK);
    g_assert_cmpuint(irb_ctrl(f), ==,
                     SCSW_STCTL_SECONDARY | SCSW_STCTL_STATUS_PEND);
    g_assert_cmpint(f->driver.state, ==, HOST_STATE_IDLE);
}

static void test_channel_end_is_not_final(Fixture *f, const void *device)
{
    write_io(f, SCSW_FCTL_START_FUNC);
    present(f, SCSW_DSTAT_CHANNEL_END, 0);
    g_assert_cmpuint(irb_ctrl(f), ==,
                     SCSW_FCTL_START_FUNC | SCSW_ACTL_DEVICE_ACTIVE |
                     SCSW_STCTL_PRIMARY | SCSW_STCTL_STATUS_PEND);
    write_io(f, SCSW_FCTL_START_FUNC);
    g_assert_cmpint(f->err, ==, -EBUSY);
    present(f, SCSW_DSTAT_DEVICE_END, 0);
    write_io(f, SCSW_FCTL_START_FUNC);
    g_assert_cmpint(f->err, ==, 0);
}

static void test_unsolicited(Fixture *f, const void *device)
{
    IRB attention = {
        .scsw.ctrl = SCSW_STCTL_ALERT | SCSW_STCTL_STATUS_PEND,
        .scsw.dstat = SCSW_DSTAT_ATTENTION,
    };

    present(f, SCSW_DSTAT_ATTENTION, 0);
    g_assert_cmpuint(irb_ctrl(f), ==, attention.scsw.ctrl);

    /* It does not end a start; a deferred condition code does */
    write_io(f, SCSW_FCTL_START_FUNC);
    host_subchannel_present_irb(&f->sch, &attention);
    g_assert_cmpint(f->driver.state, ==, HOST_STATE_CP_PENDING);
    attention.scsw.flags = SCSW_FLAGS_MASK_CC;
    host_subchannel_present_irb(&f->sch, &attention);
    g_assert_cmpint(f->driver.state, ==, HOST_STATE_IDLE);
}

/* While one write is inside, others bounce off the lock and reads wait */
static void test_lock(Fixture *f, const void *device)
{
    f->gate.step[VFIO_CCW_HOST_START].hold = true;
    write_io(f, SCSW_FCTL_START_FUNC);
    g_assert_cmpint(f->driver.state, ==, HOST_STATE_CP_PROCESSING);
    g_assert_cmpuint(f->answers, ==, 0);

    write_async(f, VFIO_CCW_ASYNC_CMD_CSCH);
    g_assert_cmpuint(f->answers, ==, 1);
    g_assert_cmpint(f->err, ==, -EAGAIN);
    /* Of which the regions know nothing */
    g_assert_cmpint(ret_code(f, 1), ==, 0);
    write_io(f, SCSW_FCTL_START_FUNC);
    g_assert_cmpint(f->err, ==, -EAGAIN);
    g_assert_cmpint(ret_code(f, 0), ==, 0);

    host_driver_read(&f->driver, 0, 120, 4, answered, f);
    g_assert_cmpuint(f->answers, ==, 2);
    g_assert(host_gate_release(&f->gate, VFIO_CCW_HOST_START, 0));
    g_assert_cmpuint(f->answers, ==, 4);
    g_assert_cmpint(f->err, ==, 0);
    g_assert_cmpuint(f->count[VFIO_CCW_HOST_STARTS], ==, 1);
}

static void test_worker_waits_for_lock(Fixture *f, const void *device)
{
    f->gate.step[VFIO_CCW_HOST_START].hold = true;
    write_io(f, SCSW_FCTL_START_FUNC);
    present(f, SCSW_DSTAT_ATTENTION, 0);
    g_assert_cmpuint(irb_ctrl(f), ==, 0);
    g_assert(host_gate_release(&f->gate, VFIO_CCW_HOST_START, 0));
    g_assert_cmpuint(irb_ctrl(f), ==,
                     SCSW_STCTL_ALERT | SCSW_STCTL_STATUS_PEND);
}

/* The reply alone can be late: the interrupt overtakes it */
static void test_late_reply(Fixture *f, const void *device)
{
    f->gate.step[VFIO_CCW_HOST_START_REPLY].hold = true;
    write_io(f, SCSW_FCTL_START_FUNC);
    present(f, CE_DE, 0);
    g_assert_cmpuint(f->answers, ==, 0);
    g_assert_cmpuint(irb_ctrl(f) & SCSW_STCTL_STATUS_PEND, !=, 0);
    host_gate_unhold(&f->gate, VFIO_CCW_HOST_START_REPLY);
    g_assert_cmpuint(f->answers, ==, 1);
    g_assert_cmpint(f->err, ==, 0);
}

static void test_chosen_answers(Fixture *f, const void *device)
{
    f->gate.step[VFIO_CCW_HOST_START].err = -EACCES;
    f->gate.step[VFIO_CCW_HOST_START].times = 2;
    for (int i = 0; i < 3; i++) {
        write_io(f, SCSW_FCTL_START_FUNC);
        g_assert_cmpint(f->err, ==, i < 2 ? -EACCES : 0);
        g_assert_cmpuint(f->count[VFIO_CCW_HOST_STARTS], ==, i < 2 ? 0 : 1);
    }
}

static void test_requests(Fixture *f, const void *device)
{
    struct ccw_io_region io;

    write_io(f, SCSW_FCTL_HALT_FUNC);
    g_assert_cmpint(f->err, ==, -EOPNOTSUPP);
    write_io(f, SCSW_FCTL_CLEAR_FUNC);
    g_assert_cmpint(f->err, ==, -EOPNOTSUPP);
    write_async(f, VFIO_CCW_ASYNC_CMD_HSCH | VFIO_CCW_ASYNC_CMD_CSCH);
    g_assert_cmpint(f->err, ==, -EINVAL);
    g_assert_cmpint(ret_code(f, 1), ==, -EINVAL);

    /* No function: what the user wrote as ret_code comes back */
    io_region_for(&io, 0);
    stl_be_p(&io.ret_code, -ENOTTY);
    host_driver_write(&f->driver, 0, 0, &io, sizeof(io), answered, f);
    g_assert_cmpint(f->err, ==, -ENOTTY);

    io_region_for(&io, SCSW_FCTL_START_FUNC);
    stw_be_p(io.orb_area + 4, ORB_CTRL0_MASK_INVALID);
    host_driver_write(&f->driver, 0, 0, &io, sizeof(io), answered, f);
    g_assert_cmpint(f->err, ==, -EOPNOTSUPP);
    g_assert_cmpint(f->driver.state, ==, HOST_STATE_IDLE);

    /* Outside of guest memory */
    io_region_for(&io, SCSW_FCTL_START_FUNC);
    stl_be_p(io.orb_area + 8, 2 * GUEST_SIZE - 1024);
    host_driver_write(&f->driver, 0, 0, &io, sizeof(io), answered, f);
    g_assert_cmpint(f->err, ==, -EINVAL);
    g_assert_cmpint(ret_code(f, 0), ==, -EINVAL);
}

static void test_halt_and_clear(Fixture *f, const void *device)
{
    write_io(f, SCSW_FCTL_START_FUNC);
    write_async(f, VFIO_CCW_ASYNC_CMD_HSCH);
    g_assert_cmpint(f->err, ==, 0);
    write_async(f, VFIO_CCW_ASYNC_CMD_HSCH);
    g_assert_cmpint(f->err, ==, -EBUSY);
    write_async(f, VFIO_CCW_ASYNC_CMD_CSCH);
    g_assert_cmpint(f->err, ==, 0);
    present(f, 0, 0);
    g_assert_cmpuint(irb_ctrl(f), ==,
                     SCSW_FCTL_CLEAR_FUNC | SCSW_STCTL_STATUS_PEND);
    g_assert_cmpint(f->driver.state, ==, HOST_STATE_IDLE);

    write_io(f, SCSW_FCTL_START_FUNC);
    write_async(f, VFIO_CCW_ASYNC_CMD_HSCH);
    present(f, CE_DE, 0);
    g_assert_cmpuint(irb_ctrl(f), ==,
                     SCSW_FCTL_START_FUNC | SCSW_FCTL_HALT_FUNC |
                     SCSW_STCTL_STATUS_PEND);
    g_assert_cmpint(f->driver.state, ==, HOST_STATE_IDLE);
}

static void expect_irb(Fixture *f, uint16_t ctrl, uint8_t dstat, uint8_t cstat)
{
    const uint8_t *irb = f->driver.region[VFIO_CCW_HOST_REGION_IO].data + 24;

    g_assert_cmphex(lduw_be_p(irb + 2), ==, ctrl);
    g_assert_cmphex(irb[8], ==, dstat);
    g_assert_cmphex(irb[9], ==, cstat);
}

/*
 * PoP 14, "Halt Subchannel": an end that nobody has taken is condition code 1.
 * PoP 16: until then it adds to the PCI.
 */
static void test_halt_after_end(Fixture *f, const void *device)
{
    f->gate.step[VFIO_CCW_HOST_INTERRUPT].hold = true;
    write_io(f, SCSW_FCTL_START_FUNC);
    present(f, 0, SCSW_CSTAT_PCI);
    present(f, CE_DE, 0);
    write_async(f, VFIO_CCW_ASYNC_CMD_HSCH);
    g_assert_cmpint(f->err, ==, -EBUSY);

    host_gate_unhold(&f->gate, VFIO_CCW_HOST_INTERRUPT);
    g_assert_cmpuint(f->count[VFIO_CCW_HOST_INTERRUPTS], ==, 1);
    expect_irb(f, SCSW_FCTL_START_FUNC | SCSW_STCTL_INTERMEDIATE |
               SCSW_STCTL_PRIMARY | SCSW_STCTL_SECONDARY |
               SCSW_STCTL_STATUS_PEND, CE_DE, SCSW_CSTAT_PCI);
}

/*
 * PoP 14, "Halt Subchannel": intermediate status is withdrawn. What waits
 * behind it is of the start that the halt ends, and does not come either.
 */
static void test_halt_before_end(Fixture *f, const void *device)
{
    IRB end = {
        .scsw.ctrl = SCSW_FCTL_START_FUNC | SCSW_STCTL_PRIMARY |
                     SCSW_STCTL_SECONDARY | SCSW_STCTL_STATUS_PEND,
        .scsw.dstat = CE_DE,
    };

    f->gate.step[VFIO_CCW_HOST_INTERRUPT].hold = true;
    write_io(f, SCSW_FCTL_START_FUNC);
    present(f, 0, SCSW_CSTAT_PCI);
    host_subchannel_present_irb(&f->sch, &end);
    write_async(f, VFIO_CCW_ASYNC_CMD_HSCH);
    g_assert_cmpint(f->err, ==, 0);
    /* Nothing of the program interrupts any more, but the end of the halt */
    present(f, 0, SCSW_CSTAT_PCI);
    g_assert_cmphex(f->sch.scsw.ctrl & SCSW_CTRL_MASK_STCTL, ==, 0);
    present(f, 0, 0);

    host_gate_unhold(&f->gate, VFIO_CCW_HOST_INTERRUPT);
    g_assert_cmpuint(f->count[VFIO_CCW_HOST_INTERRUPTS], ==, 1);
    expect_irb(f, SCSW_FCTL_START_FUNC | SCSW_FCTL_HALT_FUNC |
               SCSW_STCTL_STATUS_PEND, 0, 0);
}

/* PoP 15, "Clear Function": all that was to be presented is lost */
static void test_clear_of_what_waits(Fixture *f, const void *device)
{
    f->gate.step[VFIO_CCW_HOST_INTERRUPT].hold = true;
    write_io(f, SCSW_FCTL_START_FUNC);
    present(f, CE_DE, 0);
    present(f, SCSW_DSTAT_ATTENTION, 0);
    write_async(f, VFIO_CCW_ASYNC_CMD_CSCH);
    g_assert_cmpint(f->err, ==, 0);
    present(f, 0, 0);

    host_gate_unhold(&f->gate, VFIO_CCW_HOST_INTERRUPT);
    g_assert_cmpuint(f->count[VFIO_CCW_HOST_INTERRUPTS], ==, 1);
    expect_irb(f, SCSW_FCTL_CLEAR_FUNC | SCSW_STCTL_STATUS_PEND, 0, 0);
}

/*
 * PoP 16, "Status Control": device end adds to a channel end that is pending,
 * whose count and address stay. The operation is over then: attention waits.
 */
static void test_status_adds_up(Fixture *f, const void *device)
{
    const HostStatus channel_end = {
        .dstat = SCSW_DSTAT_CHANNEL_END, .count = 7, .cpa = PROGRAM + 8,
    };

    f->gate.step[VFIO_CCW_HOST_INTERRUPT].hold = true;
    write_io(f, SCSW_FCTL_START_FUNC);
    host_subchannel_present(&f->sch, &channel_end);
    present(f, SCSW_DSTAT_DEVICE_END, 0);
    present(f, SCSW_DSTAT_ATTENTION, 0);
    g_assert_cmpuint(f->sch.scsw.count, ==, 7);
    g_assert_cmphex(f->sch.scsw.cpa, ==, PROGRAM + 8);

    g_assert(host_gate_release(&f->gate, VFIO_CCW_HOST_INTERRUPT, 0));
    expect_irb(f, SCSW_FCTL_START_FUNC | SCSW_STCTL_PRIMARY |
               SCSW_STCTL_SECONDARY | SCSW_STCTL_STATUS_PEND, CE_DE, 0);
    g_assert_cmpint(f->driver.state, ==, HOST_STATE_IDLE);
    host_gate_unhold(&f->gate, VFIO_CCW_HOST_INTERRUPT);
    expect_irb(f, SCSW_STCTL_ALERT | SCSW_STCTL_STATUS_PEND,
               SCSW_DSTAT_ATTENTION, 0);
    g_assert_cmpuint(f->count[VFIO_CCW_HOST_INTERRUPTS], ==, 2);
}

static uint32_t esw_word(Fixture *f, unsigned i)
{
    return ldl_be_p(f->driver.region[VFIO_CCW_HOST_REGION_IO].data + 24 +
                    sizeof(SCSW) + i * 4);
}

/*
 * PoP 16, "Extended-Status Word": the path that was used last comes with what
 * a start ends with, not with what a halt or a clear ends with
 */
static void test_last_path_used(Fixture *f, const void *device)
{
    f->sch.pmcw.pam = 0x60;
    write_io(f, SCSW_FCTL_START_FUNC);
    present(f, 0, SCSW_CSTAT_PCI);
    g_assert_cmphex(esw_word(f, 0), ==, 0);
    present(f, SCSW_DSTAT_CHANNEL_END, 0);
    g_assert_cmphex(esw_word(f, 0), ==, 0x00400000);
    present(f, SCSW_DSTAT_DEVICE_END, 0);
    g_assert_cmphex(esw_word(f, 0), ==, 0x00400000);
    write_async(f, VFIO_CCW_ASYNC_CMD_HSCH);
    present(f, 0, 0);
    g_assert_cmphex(esw_word(f, 0), ==, 0);
}

static unsigned some_sense(void *device, uint8_t *data)
{
    memcpy(data, "sense", 5);
    return 5;
}

static const HostDeviceOps sensing_device_ops = {
    .sense = some_sense,
};

/* PoP 17, "Concurrent-Sense Facility": as far as the driver enables it */
static void test_concurrent_sense(Fixture *f, const void *device)
{
    const uint8_t *irb = f->driver.region[VFIO_CCW_HOST_REGION_IO].data + 24;
    static const uint8_t none[32] = { 0 };

    f->sch.ops = &sensing_device_ops;
    present(f, SCSW_DSTAT_ATTENTION | SCSW_DSTAT_UNIT_CHECK, 0);
    g_assert_cmphex(lduw_be_p(irb) & SCSW_FLAGS_MASK_ECTL, !=, 0);
    g_assert_cmphex(esw_word(f, 1), ==, ESW_ERW_SENSE | 5 << 16);
    g_assert_cmpmem(irb + 32, 5, "sense", 5);
    present(f, SCSW_DSTAT_ATTENTION, 0);
    g_assert_cmphex(lduw_be_p(irb) & SCSW_FLAGS_MASK_ECTL, ==, 0);
    g_assert_cmphex(esw_word(f, 1), ==, 0);
    g_assert_cmpmem(irb + 32, 32, none, 32);

    f->sch.pmcw.chars &= ~PMCW_CHARS_MASK_CSENSE;
    present(f, SCSW_DSTAT_ATTENTION | SCSW_DSTAT_UNIT_CHECK, 0);
    g_assert_cmphex(esw_word(f, 1), ==, 0);
    f->sch.ops = device;
}

/* A function that user space did not start keeps the subchannel busy */
static void test_busy_subchannel(Fixture *f, const void *device)
{
    write_async(f, VFIO_CCW_ASYNC_CMD_HSCH);
    write_io(f, SCSW_FCTL_START_FUNC);
    g_assert_cmpint(f->err, ==, -EBUSY);
    g_assert_cmpint(f->driver.state, ==, HOST_STATE_IDLE);
    present(f, 0, 0);
    write_io(f, SCSW_FCTL_START_FUNC);
    g_assert_cmpint(f->err, ==, 0);
}

static void test_region_access(Fixture *f, const void *device)
{
    static const struct {
        uint32_t index, pos, count;
    } bad[] = {
        { 0, 0, 125 }, { 0, 124, 1 }, { 0, UINT32_MAX, 2 },
        { 1, 4, 5 }, { 2, 0, 53 }, { 3, 0, 9 }, { 4, 0, 1 },
    };
    uint8_t zeroes[128] = { 0 };

    for (int i = 0; i < ARRAY_SIZE(bad); i++) {
        f->err = 0;
        host_driver_read(&f->driver, bad[i].index, bad[i].pos, bad[i].count,
                         answered, f);
        g_assert_cmpint(f->err, ==, -EINVAL);
        f->err = 0;
        host_driver_write(&f->driver, bad[i].index, bad[i].pos, zeroes,
                          bad[i].count, answered, f);
        g_assert_cmpint(f->err, ==, -EINVAL);
    }
    for (int i = 2; i < 4; i++) {
        f->err = 0;
        host_driver_write(&f->driver, i, 0, zeroes, 1, answered, f);
        g_assert_cmpint(f->err, ==, -EINVAL);
    }

    host_driver_read(&f->driver, 2, 6, 2, answered, f);
    g_assert_cmpint(f->err, ==, 0);
    g_assert_cmphex(lduw_be_p(f->data), ==, 0x1234);
    f->sch.gone = true;
    host_driver_read(&f->driver, 2, 6, 2, answered, f);
    g_assert_cmpint(f->err, ==, -ENODEV);
    host_driver_read(&f->driver, 0, 0, 124, answered, f);
    g_assert_cmpint(f->err, ==, 0);
}

/* A full write takes an IRB with it that nobody has read */
static void test_lost_irb(Fixture *f, const void *device)
{
    struct ccw_io_region io;

    present(f, SCSW_DSTAT_ATTENTION, 0);
    io_region_for(&io, SCSW_FCTL_START_FUNC);
    host_driver_write(&f->driver, 0, 0, &io, sizeof(io), answered, f);
    g_assert_cmpint(f->err, ==, 0);
    g_assert_cmpuint(irb_ctrl(f), ==, 0);
}

static uint32_t read_crw(Fixture *f, uint32_t count)
{
    memset(f->data, 0, sizeof(f->data));
    host_driver_read(&f->driver, 3, 0, count, answered, f);
    return ldl_be_p(f->data);
}

static void test_crws(Fixture *f, const void *device)
{
    int fd = eventfd(0, EFD_NONBLOCK);
    struct vfio_irq_set irq = {
        .argsz = sizeof(irq),
        .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
        .index = VFIO_CCW_CRW_IRQ_INDEX,
        .count = 1,
    };

    g_assert_cmpint(host_driver_set_irqs(&f->driver, &irq, dup(fd)), ==, 0);
    for (int i = 1; i <= 3; i++) {
        CRW crw = { .flags = 0x0406, .rsid = i };

        host_driver_queue_crw(&f->driver, crw);
    }
    g_assert_cmpuint(f->count[VFIO_CCW_HOST_SIGNALS], ==, 3);
    g_assert_cmphex(read_crw(f, 4), ==, 0x04060001);
    /* More are left: signalled again. A byte costs a whole one */
    g_assert_cmpuint(f->count[VFIO_CCW_HOST_SIGNALS], ==, 4);
    g_assert_cmphex(read_crw(f, 1), ==, 0x04000000);
    g_assert_cmphex(read_crw(f, 8), ==, 0x04060003);
    g_assert_cmpuint(f->count[VFIO_CCW_HOST_SIGNALS], ==, 5);
    g_assert_cmphex(read_crw(f, 4), ==, 0);
    close(fd);
}

static void test_set_irqs(Fixture *f, const void *device)
{
    struct vfio_irq_set irq = {
        .argsz = sizeof(irq),
        .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
        .count = 1,
    };
    int null = open("/dev/null", O_RDWR);
    int fd = eventfd(0, EFD_NONBLOCK);
    uint64_t value;

    /* Only an eventfd is written into */
    g_assert_cmpint(host_driver_set_irqs(&f->driver, &irq, null), ==, -EINVAL);
    g_assert_cmpint(host_driver_set_irqs(&f->driver, &irq, dup(fd)), ==, 0);
    irq.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
    g_assert_cmpint(host_driver_set_irqs(&f->driver, &irq, -1), ==, 0);
    g_assert_cmpint(read(fd, &value, sizeof(value)), ==, sizeof(value));

    irq.index = VFIO_CCW_NUM_IRQS;
    g_assert_cmpint(host_driver_set_irqs(&f->driver, &irq, -1), ==, -EINVAL);
    irq.index = 0;
    irq.count = 2;
    g_assert_cmpint(host_driver_set_irqs(&f->driver, &irq, -1), ==, -EINVAL);
    irq.count = 1;
    irq.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_MASK;
    g_assert_cmpint(host_driver_set_irqs(&f->driver, &irq, -1), ==, -EINVAL);
    close(fd);
}

static void test_reset(Fixture *f, const void *device)
{
    write_io(f, SCSW_FCTL_START_FUNC);
    host_driver_reset(&f->driver, answered, f);
    g_assert_cmpint(f->err, ==, 0);
    g_assert_cmpint(f->driver.state, ==, HOST_STATE_IDLE);
    g_assert_cmpuint(f->sch.scsw.ctrl, ==, 0);
    g_assert_cmpuint(f->sch.pmcw.flags & PMCW_FLAGS_MASK_ENA, !=, 0);

    f->sch.gone = true;
    host_driver_sch_event(&f->driver);
    g_assert_cmpint(f->driver.state, ==, HOST_STATE_NOT_OPER);
    host_driver_reset(&f->driver, answered, f);
    g_assert_cmpint(f->err, ==, -EINVAL);
    host_driver_close(&f->driver);
    f->sch.gone = false;
    g_assert_cmpint(host_driver_open(&f->driver), ==, -EINVAL);
}

/* What the device has to say waits for TSCH, but not for who opens it next. */
static void test_status_waits(Fixture *f, const void *device)
{
    f->gate.step[VFIO_CCW_HOST_INTERRUPT].hold = true;
    present(f, SCSW_DSTAT_ATTENTION, 0);
    present(f, SCSW_DSTAT_ATTENTION, 0);
    host_gate_unhold(&f->gate, VFIO_CCW_HOST_INTERRUPT);
    g_assert_cmpuint(f->count[VFIO_CCW_HOST_INTERRUPTS], ==, 2);

    f->gate.step[VFIO_CCW_HOST_INTERRUPT].hold = true;
    present(f, SCSW_DSTAT_ATTENTION, 0);
    present(f, SCSW_DSTAT_ATTENTION, 0);
    host_driver_close(&f->driver);
    g_assert_cmpint(host_driver_open(&f->driver), ==, 0);
    host_gate_unhold(&f->gate, VFIO_CCW_HOST_INTERRUPT);
    present(f, SCSW_DSTAT_ATTENTION, 0);
    g_assert_cmpuint(f->count[VFIO_CCW_HOST_INTERRUPTS], ==, 3);
}

static void test_no_paths(Fixture *f, const void *device)
{
    struct ccw_io_region io;

    f->sch.pmcw.pam = 0;
    io_region_for(&io, SCSW_FCTL_START_FUNC);
    io.orb_area[6] = 0x40;
    host_driver_write(&f->driver, 0, 0, &io, 24, answered, f);
    g_assert_cmpint(f->err, ==, -EACCES);
    io.orb_area[6] = 0xff;
    host_driver_write(&f->driver, 0, 0, &io, 24, answered, f);
    g_assert_cmpint(f->err, ==, -ENODEV);
    g_assert_cmpint(f->driver.state, ==, HOST_STATE_IDLE);
}

static void test_missing_regions(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    struct vfio_region_info info = { .index = 1 };
    struct vfio_region_info_cap_type type = { 0 };
    struct vfio_device_info device = { 0 };
    struct vfio_irq_info irq = { .index = VFIO_CCW_CRW_IRQ_INDEX };
    Fixture f;

    config.regions &= ~(1u << VFIO_CCW_HOST_REGION_ASYNC);
    config.irqs &= ~(1u << VFIO_CCW_CRW_IRQ_INDEX);
    fixture_init(&f, &config, &scripted_device_ops);
    host_driver_get_info(&f.driver, &device);
    g_assert_cmpuint(device.num_regions, ==, 3);
    g_assert_cmpuint(device.num_irqs, ==, 3);
    g_assert_cmpint(host_driver_get_region_info(&f.driver, &info, &type), ==,
                    0);
    g_assert_cmpuint(type.subtype, ==, VFIO_REGION_SUBTYPE_CCW_SCHIB);
    g_assert_cmpuint(info.offset, ==, 1 << 10);
    g_assert_cmpint(host_driver_get_irq_info(&f.driver, &irq), ==, -EINVAL);
    info.index = 3;
    g_assert_cmpint(host_driver_get_region_info(&f.driver, &info, &type), ==,
                    -EINVAL);
    fixture_destroy(&f);
}

/*
 * Migration. The arcs are those of linux/vfio.h for a device without P2P and
 * PRE_COPY; what is no arc is a shortest way of them, but not through a state
 * in which a device is saved.
 */

#define NR_MIG_STATES VFIO_DEVICE_STATE_NR

static bool is_arc(unsigned from, unsigned to)
{
    static const struct {
        unsigned from, to;
    } arcs[] = {
        { VFIO_DEVICE_STATE_RUNNING, VFIO_DEVICE_STATE_STOP },
        { VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_RUNNING },
        { VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_STOP_COPY },
        { VFIO_DEVICE_STATE_STOP_COPY, VFIO_DEVICE_STATE_STOP },
        { VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_RESUMING },
        { VFIO_DEVICE_STATE_RESUMING, VFIO_DEVICE_STATE_STOP },
    };

    for (int i = 0; i < ARRAY_SIZE(arcs); i++) {
        if (arcs[i].from == from && arcs[i].to == to) {
            return true;
        }
    }
    return false;
}

/* The number of arcs of a shortest way; UINT_MAX if there is none */
static unsigned distance(unsigned from, unsigned to)
{
    unsigned far[NR_MIG_STATES];
    bool shorter = true;

    memset(far, 0xff, sizeof(far));
    far[to] = 0;
    while (shorter) {
        shorter = false;
        for (unsigned a = 0; a < NR_MIG_STATES; a++) {
            for (unsigned b = 0; b < NR_MIG_STATES; b++) {
                bool through_saving = b == VFIO_DEVICE_STATE_STOP_COPY &&
                                      b != to;

                if (is_arc(a, b) && !through_saving && far[b] != UINT_MAX &&
                    far[a] > far[b] + 1) {
                    far[a] = far[b] + 1;
                    shorter = true;
                }
            }
        }
    }
    return far[from];
}

static bool has_mig_state(unsigned state)
{
    return state == VFIO_DEVICE_STATE_RUNNING ||
           (state < NR_MIG_STATES &&
            distance(VFIO_DEVICE_STATE_RUNNING, state) != UINT_MAX);
}

typedef struct Way {
    unsigned arcs;
    bool fail;
} Way;

static int take_arc(void *opaque, enum vfio_device_mig_state from,
                    enum vfio_device_mig_state to)
{
    Way *way = opaque;

    g_assert_true(is_arc(from, to));
    way->arcs++;
    return way->fail ? -EIO : 0;
}

static int put_mig_state(HostMigration *migration, uint32_t state)
{
    struct vfio_device_feature_mig_state data = { .device_state = state };

    return host_migration_feature(migration, VFIO_DEVICE_FEATURE_SET |
                                  VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, &data,
                                  sizeof(data));
}

/* All pairs, and one number that is no state */
static void test_migration_pairs(void)
{
    for (unsigned from = 0; from < NR_MIG_STATES; from++) {
        for (unsigned to = 0; to <= NR_MIG_STATES; to++) {
            Way way = { };
            HostMigration migration = {
                .state = from, .perform = take_arc, .opaque = &way,
            };
            bool valid = has_mig_state(from) && has_mig_state(to);

            g_assert_cmpint(put_mig_state(&migration, to), ==,
                            valid ? 0 : -EINVAL);
            g_assert_cmpint(migration.state, ==, valid ? to : from);
            g_assert_cmpint(way.arcs, ==, valid ? distance(from, to) : 0);
        }
    }
}

/* A device that cannot go on is in ERROR, and only a reset helps. */
static void test_migration_fails(void)
{
    Way way = { .fail = true };
    HostMigration migration = {
        .state = VFIO_DEVICE_STATE_RUNNING, .perform = take_arc,
        .opaque = &way,
    };

    g_assert_cmpint(put_mig_state(&migration, VFIO_DEVICE_STATE_STOP_COPY), ==,
                    -EIO);
    g_assert_cmpint(migration.state, ==, VFIO_DEVICE_STATE_ERROR);
    g_assert_cmpint(way.arcs, ==, 1);
}

static void test_migration_requests(void)
{
    static const struct {
        uint32_t flags;
        unsigned size;
        int result;
    } requests[] = {
        { VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIGRATION, 0, 8 },
        { VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_MIGRATION, 8,
          -EINVAL },
        { VFIO_DEVICE_FEATURE_MIGRATION, 0, -EINVAL },
        { VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET |
          VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, 8, -EINVAL },
        { VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, 7,
          -EINVAL },
        { VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, 0,
          8 },
        { VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_MIGRATION, 0, 0 },
        { VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_GET |
          VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, 0,
          0 },
        { VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET |
          VFIO_DEVICE_FEATURE_MIGRATION, 0, -EINVAL },
        { 1u << 19 | VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIGRATION,
          0, -EINVAL },
        { VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT, 0,
          -ENOTTY },
        { VFIO_DEVICE_FEATURE_PROBE | 0xffff, 0, -ENOTTY },
    };

    for (int i = 0; i < ARRAY_SIZE(requests); i++) {
        Way way = { };
        HostMigration migration = {
            .state = VFIO_DEVICE_STATE_RUNNING, .perform = take_arc,
            .opaque = &way,
        };
        uint64_t data[2] = { };

        g_assert_cmpint(host_migration_feature(&migration, requests[i].flags,
                                               data, requests[i].size), ==,
                        requests[i].result);
        g_assert_cmpint(migration.state, ==, VFIO_DEVICE_STATE_RUNNING);
        g_assert_cmpint(way.arcs, ==, 0);
    }
}

static int drive_to(Fixture *f, uint32_t state)
{
    struct vfio_device_feature_mig_state data = { .device_state = state };

    return host_driver_feature(&f->driver, VFIO_DEVICE_FEATURE_SET |
                               VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, &data,
                               sizeof(data));
}

static uint32_t driven_to(Fixture *f)
{
    struct vfio_device_feature_mig_state data = { };

    g_assert_cmpint(host_driver_feature(&f->driver, VFIO_DEVICE_FEATURE_GET |
                                        VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
                                        &data, 0), ==, sizeof(data));
    g_assert_cmpint(data.data_fd, ==, -1);
    return data.device_state;
}

static void setup_migration(Fixture *f, const void *device)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.can_migrate = true;
    fixture_init(f, &config, device);
    g_assert_cmpint(host_driver_open(&f->driver), ==, 0);
}

/* Linux's driver */
static void test_migration_is_unknown(Fixture *f, const void *device)
{
    g_assert_cmpint(drive_to(f, VFIO_DEVICE_STATE_STOP), ==, -ENOTTY);
}

/* What is stopped does nothing, and goes on when it is told to. */
static void test_migration_stops(Fixture *f, const void *device)
{
    static const uint32_t stopped[] = {
        VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_STOP_COPY,
        VFIO_DEVICE_STATE_RESUMING,
    };

    for (int i = 0; i < ARRAY_SIZE(stopped); i++) {
        g_assert_cmpuint(driven_to(f), ==, VFIO_DEVICE_STATE_RUNNING);
        write_io(f, SCSW_FCTL_START_FUNC);
        g_assert_cmpint(f->err, ==, 0);
        g_assert_cmpint(drive_to(f, stopped[i]), ==, 0);
        g_assert_cmpuint(driven_to(f), ==, stopped[i]);
        g_assert_cmphex(f->sch.scsw.ctrl & SCSW_CTRL_MASK_FCTL, ==, 0);
        write_io(f, SCSW_FCTL_START_FUNC);
        g_assert_cmpint(f->err, ==, -EIO);
        g_assert_cmpint(drive_to(f, VFIO_DEVICE_STATE_RUNNING), ==, 0);
    }
    write_io(f, SCSW_FCTL_START_FUNC);
    g_assert_cmpint(f->err, ==, 0);
}

static void test_migration_while_writing(Fixture *f, const void *device)
{
    f->gate.step[VFIO_CCW_HOST_START].hold = true;
    write_io(f, SCSW_FCTL_START_FUNC);
    g_assert_cmpint(drive_to(f, VFIO_DEVICE_STATE_STOP), ==, -EBUSY);
    g_assert_cmpuint(driven_to(f), ==, VFIO_DEVICE_STATE_RUNNING);
    host_gate_unhold(&f->gate, VFIO_CCW_HOST_START);
    g_assert_cmpint(f->err, ==, 0);
}

/* Both make it run again: a reset, and that it is opened anew */
static void test_migration_begins_anew(Fixture *f, const void *device)
{
    g_assert_cmpint(drive_to(f, VFIO_DEVICE_STATE_RESUMING), ==, 0);
    host_driver_reset(&f->driver, answered, f);
    g_assert_cmpint(f->err, ==, 0);
    g_assert_cmpuint(driven_to(f), ==, VFIO_DEVICE_STATE_RUNNING);

    g_assert_cmpint(drive_to(f, VFIO_DEVICE_STATE_STOP_COPY), ==, 0);
    host_driver_close(&f->driver);
    g_assert_cmpint(host_driver_open(&f->driver), ==, 0);
    g_assert_cmpuint(driven_to(f), ==, VFIO_DEVICE_STATE_RUNNING);
    write_io(f, SCSW_FCTL_START_FUNC);
    g_assert_cmpint(f->err, ==, 0);
}

/* The device has gone when it is to run: nothing brings it back. */
static void test_migration_of_what_is_gone(Fixture *f, const void *device)
{
    g_assert_cmpint(drive_to(f, VFIO_DEVICE_STATE_STOP), ==, 0);
    f->sch.gone = true;
    g_assert_cmpint(drive_to(f, VFIO_DEVICE_STATE_RUNNING), ==, -EIO);
    g_assert_cmpuint(driven_to(f), ==, VFIO_DEVICE_STATE_ERROR);
    g_assert_cmpint(drive_to(f, VFIO_DEVICE_STATE_STOP), ==, -EINVAL);
    host_driver_reset(&f->driver, answered, f);
    g_assert_cmpint(f->err, ==, -EINVAL);
    g_assert_cmpuint(driven_to(f), ==, VFIO_DEVICE_STATE_ERROR);
}

static void add_migration(const char *name,
                          void (*test)(Fixture *, const void *))
{
    g_test_add(name, Fixture, &scripted_device_ops, setup_migration, test,
               teardown);
}

static void add(const char *name, void (*test)(Fixture *, const void *))
{
    g_test_add(name, Fixture, &scripted_device_ops, setup, test, teardown);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vfio-ccw-host/driver/table", test_table);
    add("/vfio-ccw-host/driver/two-stages", test_two_stages);
    add("/vfio-ccw-host/driver/one-slot", test_one_slot);
    add("/vfio-ccw-host/driver/channel-end", test_channel_end_is_not_final);
    add("/vfio-ccw-host/driver/unsolicited", test_unsolicited);
    add("/vfio-ccw-host/driver/lock", test_lock);
    add("/vfio-ccw-host/driver/worker", test_worker_waits_for_lock);
    add("/vfio-ccw-host/driver/late-reply", test_late_reply);
    add("/vfio-ccw-host/driver/chosen-answers", test_chosen_answers);
    add("/vfio-ccw-host/driver/requests", test_requests);
    add("/vfio-ccw-host/driver/halt-clear", test_halt_and_clear);
    add("/vfio-ccw-host/driver/halt-after-end", test_halt_after_end);
    add("/vfio-ccw-host/driver/halt-before-end", test_halt_before_end);
    add("/vfio-ccw-host/driver/clear-waiting", test_clear_of_what_waits);
    add("/vfio-ccw-host/driver/status-adds-up", test_status_adds_up);
    add("/vfio-ccw-host/driver/last-path-used", test_last_path_used);
    add("/vfio-ccw-host/driver/concurrent-sense", test_concurrent_sense);
    add("/vfio-ccw-host/driver/busy", test_busy_subchannel);
    add("/vfio-ccw-host/driver/regions", test_region_access);
    add("/vfio-ccw-host/driver/lost-irb", test_lost_irb);
    add("/vfio-ccw-host/driver/crws", test_crws);
    add("/vfio-ccw-host/driver/set-irqs", test_set_irqs);
    add("/vfio-ccw-host/driver/reset", test_reset);
    add("/vfio-ccw-host/driver/status-waits", test_status_waits);
    add("/vfio-ccw-host/driver/no-paths", test_no_paths);
    g_test_add_func("/vfio-ccw-host/driver/missing", test_missing_regions);
    g_test_add_func("/vfio-ccw-host/migration/pairs", test_migration_pairs);
    g_test_add_func("/vfio-ccw-host/migration/fails", test_migration_fails);
    g_test_add_func("/vfio-ccw-host/migration/requests",
                    test_migration_requests);
    add("/vfio-ccw-host/migration/is-unknown", test_migration_is_unknown);
    add_migration("/vfio-ccw-host/migration/stops", test_migration_stops);
    add_migration("/vfio-ccw-host/migration/while-writing",
                  test_migration_while_writing);
    add_migration("/vfio-ccw-host/migration/begins-anew",
                  test_migration_begins_anew);
    add_migration("/vfio-ccw-host/migration/of-what-is-gone",
                  test_migration_of_what_is_gone);
    return g_test_run();
}
