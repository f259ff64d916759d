/*
 * Tests of the emulated vfio_ccw host driver: its state machine, called
 * directly, and its vfio-user server, over a real socket
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/memfd.h"
#include "hw/vfio-user/protocol.h"
#include "tests/vfio-ccw-host/devices.h"
#include "tests/vfio-ccw-host/driver.h"
#include "tests/vfio-ccw-host/vfio-ccw-host.h"

#define CE_DE (SCSW_DSTAT_CHANNEL_END | SCSW_DSTAT_DEVICE_END)
#define GUEST_SIZE (64 * 1024)
#define PROGRAM 0x1000
#define DATA 0x8000

/*
 * The state machine by itself: no server, no thread
 */

typedef struct Fixture {
    HostGate gate;
    HostDma dma;
    HostSubchannel sch;
    HostDriver driver;
    uint8_t *guest;
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

static int no_transfer(void *opaque, bool write, uint64_t iova, void *buf,
                       size_t len)
{
    g_assert_not_reached();
}

static void answered(void *opaque, int err, const void *data, size_t len)
{
    Fixture *f = opaque;

    f->answers++;
    f->err = err;
    if (len) {
        g_assert_cmpuint(len, <=, sizeof(f->data));
        memcpy(f->data, data, len);
    }
}

static void guest_map(Fixture *f)
{
    int fd = qemu_memfd_create("guest", GUEST_SIZE, false, 0, 0, &error_abort);

    f->guest = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                    0);
    g_assert(f->guest != MAP_FAILED);
    g_assert_cmpint(host_dma_map(&f->dma, 0, GUEST_SIZE, true, fd, 0), ==, 0);
    close(fd);
    /* NOP, nothing chained */
    stl_be_p(f->guest + PROGRAM, 0x03200001);
}

static void fixture_init(Fixture *f, const VfioCcwHostConfig *config,
                         const HostDeviceOps *device)
{
    memset(f, 0, sizeof(*f));
    host_gate_init(&f->gate, nothing_held, f);
    host_dma_init(&f->dma, no_transfer, NULL);
    guest_map(f);
    host_subchannel_init(&f->sch, &config->pmcw, device, NULL,
                         host_driver_interrupt, &f->driver);
    host_driver_init(&f->driver, config, &f->gate, &f->dma, &f->sch,
                     count_happened, f);
}

static void fixture_destroy(Fixture *f)
{
    host_gate_flush(&f->gate, -ECANCELED);
    host_driver_destroy(&f->driver);
    host_subchannel_destroy(&f->sch);
    host_dma_destroy(&f->dma);
    munmap(f->guest, GUEST_SIZE);
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

static void io_region_for(struct ccw_io_region *io, uint16_t fctl)
{
    memset(io, 0, sizeof(*io));
    stl_be_p(io->orb_area, 0x12345678);
    stw_be_p(io->orb_area + 4, ORB_CTRL0_MASK_FMT | ORB_CTRL0_MASK_PFCH);
    io->orb_area[6] = 0xff;
    stl_be_p(io->orb_area + 8, PROGRAM);
    stw_be_p(io->scsw_area + 2, fctl);
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
    stl_be_p(io.orb_area + 8, GUEST_SIZE - 1024);
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
 * A tiny vfio-user client and what the server makes of it
 */

typedef struct Client {
    char *directory;
    char *path;
    VfioCcwHost *host;
    int fd;
    int guest_fd;
    uint8_t *guest;
    int io_eventfd;
    uint16_t next_id;
} Client;

typedef struct Reply {
    VFIOUserHdr hdr;
    uint8_t payload[4096];
} Reply;

static void client_connect(Client *c)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    g_assert_cmpuint(strlen(c->path), <, sizeof(address.sun_path));
    strcpy(address.sun_path, c->path);
    c->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    g_assert_cmpint(connect(c->fd, (void *)&address, sizeof(address)), ==, 0);
}

static void send_bytes(Client *c, const void *data, size_t len, int fd)
{
    char control[CMSG_SPACE(sizeof(int))] = { 0 };
    struct iovec iov = { (void *)data, len };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

    if (fd >= 0) {
        struct cmsghdr *cmsg;

        msg.msg_control = control;
        msg.msg_controllen = sizeof(control);
        cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
    }
    g_assert_cmpint(sendmsg(c->fd, &msg, MSG_NOSIGNAL), ==, len);
}

static bool recv_bytes(Client *c, void *data, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = recv(c->fd, data + done, len - done, 0);

        if (n <= 0) {
            return false;
        }
        done += n;
    }
    return true;
}

static void recv_reply(Client *c, Reply *reply)
{
    g_assert(recv_bytes(c, &reply->hdr, sizeof(reply->hdr)));
    g_assert_cmpuint(reply->hdr.size, <=, sizeof(*reply));
    g_assert(recv_bytes(c, reply->payload,
                        reply->hdr.size - sizeof(reply->hdr)));
}

/* @message has room for the header in front; returns the request's id */
static uint16_t send_request(Client *c, uint16_t command, void *message,
                             size_t size, int fd)
{
    VFIOUserHdr hdr = {
        .id = c->next_id++,
        .command = command,
        .size = size,
        .flags = VFIO_USER_REQUEST,
    };

    memcpy(message, &hdr, sizeof(hdr));
    send_bytes(c, message, size, fd);
    return hdr.id;
}

/* Sends a request and returns the errno of its reply */
static int request(Client *c, uint16_t command, void *message, size_t size,
                   int fd, Reply *reply)
{
    uint16_t id = send_request(c, command, message, size, fd);

    recv_reply(c, reply);
    g_assert_cmpuint(reply->hdr.id, ==, id);
    g_assert_cmpuint(reply->hdr.command, ==, command);
    g_assert_cmphex(reply->hdr.flags & VFIO_USER_TYPE, ==, VFIO_USER_REPLY);
    if (reply->hdr.flags & VFIO_USER_ERROR) {
        return reply->hdr.error_reply;
    }
    return 0;
}

static void client_hello(Client *c)
{
    static const char caps[] = "{\"capabilities\":{\"max_msg_fds\":8}}";
    struct {
        VFIOUserVersion version;
        char caps[sizeof(caps)];
    } message = { 0 };
    Reply reply;

    memcpy(message.caps, caps, sizeof(caps));
    g_assert_cmpint(request(c, VFIO_USER_VERSION, &message, sizeof(message),
                            -1, &reply), ==, 0);
    g_assert_cmpuint(reply.payload[reply.hdr.size - sizeof(reply.hdr) - 1],
                     ==, 0);
}

static void client_map(Client *c, uint64_t iova, uint64_t size, int fd)
{
    VFIOUserDMAMap map = {
        .argsz = sizeof(struct vfio_iommu_type1_dma_map),
        .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
        .iova = iova,
        .size = size,
    };
    Reply reply;

    g_assert_cmpint(request(c, VFIO_USER_DMA_MAP, &map, sizeof(map), fd,
                            &reply), ==, 0);
}

static void client_set_eventfd(Client *c, unsigned index, int fd)
{
    VFIOUserIRQSet irq = {
        .argsz = sizeof(struct vfio_irq_set),
        .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
        .index = index,
        .count = 1,
    };
    Reply reply;

    g_assert_cmpint(request(c, VFIO_USER_DEVICE_SET_IRQS, &irq, sizeof(irq),
                            fd, &reply), ==, 0);
}

static uint16_t send_write(Client *c, uint32_t region, const void *data,
                           uint32_t count)
{
    g_autofree VFIOUserRegionRW *rw = g_malloc0(sizeof(*rw) + count);

    rw->region = region;
    rw->count = count;
    memcpy(rw->data, data, count);
    return send_request(c, VFIO_USER_REGION_WRITE, rw, sizeof(*rw) + count,
                        -1);
}

static uint16_t send_start(Client *c)
{
    struct ccw_io_region io;

    io_region_for(&io, SCSW_FCTL_START_FUNC);
    return send_write(c, 0, &io, 24);
}

static uint16_t send_async(Client *c, uint32_t command)
{
    uint32_t be = cpu_to_be32(command);

    return send_write(c, 1, &be, sizeof(be));
}

static void expect_reply(Client *c, uint16_t id, int err)
{
    Reply reply;

    recv_reply(c, &reply);
    g_assert_cmpuint(reply.hdr.id, ==, id);
    g_assert_cmphex(reply.hdr.flags, ==,
                    VFIO_USER_REPLY | (err ? VFIO_USER_ERROR : 0));
    g_assert_cmpint(reply.hdr.error_reply, ==, err);
}

static void expect_interrupt(Client *c)
{
    struct pollfd poll_io = { .fd = c->io_eventfd, .events = POLLIN };
    uint64_t value;

    g_assert_cmpint(poll(&poll_io, 1, VFIO_CCW_HOST_WAIT_SECONDS * 1000), ==,
                    1);
    g_assert_cmpint(read(c->io_eventfd, &value, sizeof(value)), ==,
                    sizeof(value));
}

static void client_read(Client *c, uint32_t region, uint32_t offset,
                        void *data, uint32_t count)
{
    VFIOUserRegionRW rw = {
        .offset = offset,
        .region = region,
        .count = count,
    };
    Reply reply;

    g_assert_cmpint(request(c, VFIO_USER_REGION_READ, &rw, sizeof(rw), -1,
                            &reply), ==, 0);
    g_assert_cmpuint(reply.hdr.size, ==, sizeof(rw) + count);
    memcpy(data, reply.payload + sizeof(rw) - sizeof(rw.hdr), count);
}

static void client_setup(Client *c, const void *device)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    memset(c, 0, sizeof(*c));
    config.device = GPOINTER_TO_UINT(device);
    c->directory = g_dir_make_tmp("vfio-ccw-host-XXXXXX", NULL);
    g_assert_nonnull(c->directory);
    c->path = g_build_filename(c->directory, "socket", NULL);
    c->host = vfio_ccw_host_start(c->path, &config, &error_abort);
    c->guest_fd = qemu_memfd_create("guest", GUEST_SIZE, false, 0, 0,
                                    &error_abort);
    c->guest = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
                    c->guest_fd, 0);
    g_assert(c->guest != MAP_FAILED);
    stl_be_p(c->guest + PROGRAM, 0x03200001);
    c->io_eventfd = eventfd(0, 0);
    client_connect(c);
}

static void client_ready(Client *c, const void *device)
{
    client_setup(c, device);
    client_hello(c);
    client_map(c, 0, GUEST_SIZE, c->guest_fd);
    client_set_eventfd(c, VFIO_CCW_IO_IRQ_INDEX, c->io_eventfd);
}

static void client_teardown(Client *c, const void *device)
{
    vfio_ccw_host_stop(c->host, &error_abort);
    g_assert_false(g_file_test(c->path, G_FILE_TEST_EXISTS));
    g_assert_cmpint(rmdir(c->directory), ==, 0);
    close(c->fd);
    close(c->io_eventfd);
    close(c->guest_fd);
    munmap(c->guest, GUEST_SIZE);
    g_free(c->path);
    g_free(c->directory);
}

static void test_start(Client *c, const void *device)
{
    uint16_t id = send_start(c);
    uint8_t irb[64];
    ORB orb;

    expect_reply(c, id, 0);
    vfio_ccw_host_wait_start(c->host, &orb);
    g_assert_cmphex(orb.intparm, ==, 0x12345678);
    g_assert_cmphex(orb.cpa, ==, PROGRAM);
    vfio_ccw_host_present_status(c->host, CE_DE, 0, 7);
    expect_interrupt(c);
    client_read(c, 0, 24, irb, sizeof(irb));
    g_assert_cmphex(ldl_be_p(irb + 4), ==, PROGRAM + 8);
    g_assert_cmphex(ldl_be_p(irb + 8), ==, CE_DE << 24 | 7);
}

static void test_instant(Client *c, const void *device)
{
    for (int i = 0; i < 100; i++) {
        expect_reply(c, send_start(c), 0);
        expect_interrupt(c);
    }
    g_assert_cmpuint(vfio_ccw_host_count(c->host, VFIO_CCW_HOST_STARTS), ==,
                     100);
}

/* Answers come when they can, in whatever order */
static void test_order(Client *c, const void *device)
{
    uint16_t start, clear;

    vfio_ccw_host_hold(c->host, VFIO_CCW_HOST_START_REPLY);
    start = send_start(c);
    vfio_ccw_host_wait_held(c->host, VFIO_CCW_HOST_START_REPLY);
    clear = send_async(c, VFIO_CCW_ASYNC_CMD_CSCH);
    expect_reply(c, clear, 0);
    vfio_ccw_host_wait_clear(c->host);
    vfio_ccw_host_release(c->host, VFIO_CCW_HOST_START_REPLY, -EFAULT);
    expect_reply(c, start, EFAULT);
}

static void test_held_start(Client *c, const void *device)
{
    uint16_t start, clear;

    vfio_ccw_host_hold(c->host, VFIO_CCW_HOST_START);
    start = send_start(c);
    vfio_ccw_host_wait_held(c->host, VFIO_CCW_HOST_START);
    clear = send_async(c, VFIO_CCW_ASYNC_CMD_CSCH);
    expect_reply(c, clear, EAGAIN);
    vfio_ccw_host_unhold(c->host, VFIO_CCW_HOST_START);
    expect_reply(c, start, 0);
    vfio_ccw_host_wait_start(c->host, NULL);
}

/* Memory without a file descriptor: the server has to ask for it */
static void test_dma_by_message(Client *c, const void *device)
{
    struct ccw_io_region io;
    VFIOUserDMARW *read_request;
    uint16_t start, reset, reset_id;
    VFIOUserHdr hdr;
    Reply reply, answer = { 0 };

    client_map(c, 0x100000, 0x10000, -1);
    io_region_for(&io, SCSW_FCTL_START_FUNC);
    stl_be_p(io.orb_area + 8, 0x100000);
    start = send_write(c, 0, &io, 24);

    recv_reply(c, &reply);
    read_request = (VFIOUserDMARW *)&reply;
    g_assert_cmpuint(reply.hdr.command, ==, VFIO_USER_DMA_READ);
    g_assert_cmphex(read_request->offset, ==, 0x100000);
    g_assert_cmpuint(read_request->count, ==, 2048);

    /* What comes meanwhile is kept for later */
    reset_id = send_request(c, VFIO_USER_DEVICE_RESET, &hdr, sizeof(hdr), -1);

    memcpy(&answer, &reply, sizeof(*read_request));
    answer.hdr.flags = VFIO_USER_REPLY;
    answer.hdr.size = sizeof(*read_request) + 2048;
    stl_be_p((uint8_t *)&answer + sizeof(*read_request), 0x03200001);
    send_bytes(c, &answer, answer.hdr.size, -1);
    expect_reply(c, start, 0);
    reset = reset_id;
    expect_reply(c, reset, 0);
    g_assert_cmpuint(vfio_ccw_host_count(c->host, VFIO_CCW_HOST_RESETS), ==,
                     1);
}

static void test_dma_client_dies(Client *c, const void *device)
{
    struct ccw_io_region io;
    Reply reply;

    client_map(c, 0x100000, 0x10000, -1);
    io_region_for(&io, SCSW_FCTL_START_FUNC);
    stl_be_p(io.orb_area + 8, 0x100000);
    send_write(c, 0, &io, 24);
    recv_reply(c, &reply);
    g_assert_cmpuint(reply.hdr.command, ==, VFIO_USER_DMA_READ);
    close(c->fd);
    vfio_ccw_host_wait_count(c->host, VFIO_CCW_HOST_CLOSES, 1);
    client_connect(c);
    client_hello(c);
}

/* The next client finds a device that works, whatever the last one left */
static void test_reconnect(Client *c, const void *device)
{
    expect_reply(c, send_start(c), 0);
    vfio_ccw_host_hold(c->host, VFIO_CCW_HOST_CLEAR);
    send_async(c, VFIO_CCW_ASYNC_CMD_CSCH);
    vfio_ccw_host_wait_held(c->host, VFIO_CCW_HOST_CLEAR);
    close(c->fd);
    vfio_ccw_host_wait_count(c->host, VFIO_CCW_HOST_CLOSES, 1);

    client_connect(c);
    client_hello(c);
    client_map(c, 0, GUEST_SIZE, c->guest_fd);
    g_assert_cmpuint(vfio_ccw_host_count(c->host, VFIO_CCW_HOST_OPENS), ==, 2);
    expect_reply(c, send_start(c), 0);

    vfio_ccw_host_disconnect(c->host);
    g_assert_false(recv_bytes(c, &(char) { 0 }, 1));
    close(c->fd);
    client_connect(c);
    client_hello(c);
}

static void test_gone(Client *c, const void *device)
{
    vfio_ccw_host_make_gone(c->host);
    expect_reply(c, send_start(c), EIO);
    expect_reply(c, send_async(c, VFIO_CCW_ASYNC_CMD_CSCH), EIO);
}

static void test_withheld_version(Client *c, const void *device)
{
    VFIOUserVersion version = { 0 };
    uint16_t id;

    vfio_ccw_host_hold(c->host, VFIO_CCW_HOST_VERSION);
    id = send_request(c, VFIO_USER_VERSION, &version, sizeof(version), -1);
    vfio_ccw_host_wait_held(c->host, VFIO_CCW_HOST_VERSION);
    g_assert_cmpuint(vfio_ccw_host_count(c->host, VFIO_CCW_HOST_OPENS), ==, 0);
    vfio_ccw_host_release(c->host, VFIO_CCW_HOST_VERSION, -EINVAL);
    expect_reply(c, id, EINVAL);
}

/* Region information as the kernel gives it, in two steps */
static void test_region_info(Client *c, const void *device)
{
    VFIOUserRegionInfo ask = {
        .argsz = sizeof(struct vfio_region_info),
        .index = 1,
    };
    struct vfio_region_info_cap_type type;
    struct vfio_region_info info;
    Reply reply;

    g_assert_cmpint(request(c, VFIO_USER_DEVICE_GET_REGION_INFO, &ask,
                            sizeof(ask), -1, &reply), ==, 0);
    memcpy(&info, reply.payload, sizeof(info));
    g_assert_cmphex(info.flags, ==, VFIO_REGION_INFO_FLAG_READ |
                    VFIO_REGION_INFO_FLAG_WRITE | VFIO_REGION_INFO_FLAG_CAPS);
    g_assert_cmpuint(info.cap_offset, ==, 0);
    g_assert_cmpuint(info.argsz, ==, sizeof(info) + sizeof(type));

    ask.argsz = info.argsz;
    g_assert_cmpint(request(c, VFIO_USER_DEVICE_GET_REGION_INFO, &ask,
                            sizeof(ask), -1, &reply), ==, 0);
    memcpy(&info, reply.payload, sizeof(info));
    g_assert_cmpuint(info.cap_offset, ==, sizeof(info));
    memcpy(&type, reply.payload + sizeof(info), sizeof(type));
    g_assert_cmpuint(type.header.id, ==, VFIO_REGION_INFO_CAP_TYPE);
    g_assert_cmpuint(type.type, ==, VFIO_REGION_TYPE_CCW);
    g_assert_cmpuint(type.subtype, ==, VFIO_REGION_SUBTYPE_CCW_ASYNC_CMD);
}

/* What no client should send is refused, and does no harm */
static void test_bad_requests(Client *c, const void *device)
{
    uint8_t buf[64] = { 0 };
    VFIOUserRegionRW rw = { .region = 0, .count = 100 };
    VFIOUserDMAMap map = {
        .flags = VFIO_DMA_MAP_FLAG_READ, .iova = 0x1000, .size = 0x1000,
    };
    VFIOUserIRQSet irq = { .argsz = 4096 };
    Reply reply;

    g_assert_cmpint(request(c, 0, buf, 16, -1, &reply), ==, ENOTTY);
    g_assert_cmpint(request(c, 0xffff, buf, 16, -1, &reply), ==, ENOTTY);
    g_assert_cmpint(request(c, VFIO_USER_DIRTY_PAGES, buf, 16, -1, &reply),
                    ==, ENOTTY);
    g_assert_cmpint(request(c, VFIO_USER_REGION_READ, buf, 20, -1, &reply),
                    ==, EINVAL);
    /* Less data than it says */
    g_assert_cmpint(request(c, VFIO_USER_REGION_WRITE, &rw, sizeof(rw), -1,
                            &reply), ==, EINVAL);
    rw.count = UINT32_MAX;
    g_assert_cmpint(request(c, VFIO_USER_REGION_READ, &rw, sizeof(rw), -1,
                            &reply), ==, EINVAL);
    g_assert_cmpint(request(c, VFIO_USER_DMA_MAP, &map, sizeof(map), -1,
                            &reply), ==, EEXIST);
    map.iova = UINT64_MAX - 1;
    g_assert_cmpint(request(c, VFIO_USER_DMA_MAP, &map, sizeof(map), -1,
                            &reply), ==, EINVAL);
    /* Beyond the end of the file */
    map.iova = 0x200000;
    map.offset = GUEST_SIZE;
    g_assert_cmpint(request(c, VFIO_USER_DMA_MAP, &map, sizeof(map),
                            c->guest_fd, &reply), ==, EINVAL);
    g_assert_cmpint(request(c, VFIO_USER_DEVICE_SET_IRQS, &irq, sizeof(irq),
                            -1, &reply), ==, EINVAL);
    expect_reply(c, send_start(c), 0);
}

static void test_no_hello(Client *c, const void *device)
{
    VFIOUserVersion version = { .major = 1 };
    uint8_t buf[64] = { 0 };
    Reply reply;

    g_assert_cmpint(request(c, VFIO_USER_DEVICE_RESET, buf, 16, -1, &reply),
                    ==, EINVAL);
    g_assert_cmpint(request(c, VFIO_USER_VERSION, &version, sizeof(version),
                            -1, &reply), ==, EINVAL);
    client_hello(c);
    g_assert_cmpint(request(c, VFIO_USER_VERSION, &version, sizeof(version),
                            -1, &reply), ==, EINVAL);
}

/* A stream that makes no sense any more is closed */
static void test_bad_stream(Client *c, const void *device)
{
    VFIOUserHdr hdr = { .command = VFIO_USER_REGION_READ };
    static const uint32_t sizes[] = { 0, 15, UINT32_MAX };

    for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
        hdr.size = sizes[i];
        send_bytes(c, &hdr, sizeof(hdr), -1);
        g_assert_false(recv_bytes(c, &(char) { 0 }, 1));
        close(c->fd);
        client_connect(c);
        client_hello(c);
    }
    /* In the middle of a header, and of a payload */
    for (int len = 7; len <= 23; len += 16) {
        uint8_t buf[32] = { 0 };

        hdr.size = sizeof(buf);
        memcpy(buf, &hdr, sizeof(hdr));
        send_bytes(c, buf, len, -1);
        close(c->fd);
        client_connect(c);
        client_hello(c);
    }
}

/* Byte by byte is as good as all at once */
static void test_slow_client(Client *c, const void *device)
{
    VFIOUserHdr hdr = {
        .id = 99, .command = VFIO_USER_DEVICE_RESET, .size = sizeof(hdr),
    };

    for (int i = 0; i < sizeof(hdr); i++) {
        send_bytes(c, (uint8_t *)&hdr + i, 1, -1);
    }
    expect_reply(c, 99, 0);
}

static void add(const char *name, void (*test)(Fixture *, const void *))
{
    g_test_add(name, Fixture, &scripted_device_ops, setup, test, teardown);
}

static void add_client(const char *name, VfioCcwHostDevice device,
                       void (*start)(Client *, const void *),
                       void (*test)(Client *, const void *))
{
    g_test_add(name, Client, GUINT_TO_POINTER(device), start, test,
               client_teardown);
}

static void add_server(const char *name, void (*test)(Client *, const void *))
{
    add_client(name, VFIO_CCW_HOST_SCRIPTED, client_ready, test);
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
    add("/vfio-ccw-host/driver/regions", test_region_access);
    add("/vfio-ccw-host/driver/lost-irb", test_lost_irb);
    add("/vfio-ccw-host/driver/crws", test_crws);
    add("/vfio-ccw-host/driver/set-irqs", test_set_irqs);
    add("/vfio-ccw-host/driver/reset", test_reset);
    add("/vfio-ccw-host/driver/no-paths", test_no_paths);
    g_test_add_func("/vfio-ccw-host/driver/missing", test_missing_regions);
    add_server("/vfio-ccw-host/server/start", test_start);
    add_client("/vfio-ccw-host/server/instant", VFIO_CCW_HOST_INSTANT,
               client_ready, test_instant);
    add_server("/vfio-ccw-host/server/order", test_order);
    add_server("/vfio-ccw-host/server/held-start", test_held_start);
    add_server("/vfio-ccw-host/server/dma", test_dma_by_message);
    add_server("/vfio-ccw-host/server/dma-dies", test_dma_client_dies);
    add_server("/vfio-ccw-host/server/reconnect", test_reconnect);
    add_server("/vfio-ccw-host/server/gone", test_gone);
    add_server("/vfio-ccw-host/server/region-info", test_region_info);
    add_server("/vfio-ccw-host/server/bad-requests", test_bad_requests);
    add_server("/vfio-ccw-host/server/bad-stream", test_bad_stream);
    add_server("/vfio-ccw-host/server/slow", test_slow_client);
    add_client("/vfio-ccw-host/server/version", VFIO_CCW_HOST_SCRIPTED,
               client_setup, test_withheld_version);
    add_client("/vfio-ccw-host/server/no-hello", VFIO_CCW_HOST_SCRIPTED,
               client_setup, test_no_hello);
    return g_test_run();
}
