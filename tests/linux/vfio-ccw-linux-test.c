/*
 * QTest of vfio-ccw on Linux's own vfio_ccw driver
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Runs on an s390x Linux, as scripts/linux_test.py starts it: see l1.h. The
 * guest's instructions come from the "css" commands of qtest, as in the tests
 * with the emulated driver; what the device behind Linux's driver does is told
 * by the tests, so that they depend on no timing.
 * A test that fails ends the program: each is run in a process of its own.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "tests/qtest/vfio-ccw-fixture.h"
#include "l1.h"

/* L1's devices */
#define DISK "0.0.1234"         /* the emulated host driver's */
#define RNG  "0.0.1235"         /* L0's virtio-rng-ccw */

/* A machine with a device on Linux's driver */
typedef struct Guest {
    L1Mdev *mdev;
    Bed *bed;
    QTestState *qts;            /* the bed's */
} Guest;

static Guest *guest_with_args(L1Mdev *mdev, const char *args)
{
    Guest *guest = g_new0(Guest, 1);

    guest->mdev = mdev;
    guest->bed = bed_new();
    guest->bed->qts = qcss_init(args);
    guest->qts = guest->bed->qts;
    return guest;
}

static Guest *guest_of(L1Mdev *mdev)
{
    g_autofree char *args =
        g_strdup_printf(MACHINE_ARGS "-device vfio-ccw,id=ccw0,"
                        "devno=fe.0.1234,sysfsdev=%s", mdev->path);

    return guest_with_args(mdev, args);
}

static void guest_end(Guest *guest)
{
    bed_end(guest->bed);
    l1_mdev_free(guest->mdev);
    g_free(guest);
}

static void run_noop(Guest *guest)
{
    g_assert_cmpint(ssch(guest->bed), ==, 0);
    expect_normal_end(guest->bed);
}

static void enable(Guest *guest)
{
    qcss_enable(guest->qts, SCHID, INTPARM_MSCH);
    run_noop(guest);
}

static Guest *guest_enabled(void)
{
    Guest *guest = guest_of(l1_mdev_new(DISK));

    enable(guest);
    return guest;
}

static void assert_usable_on_linux(Guest *guest)
{
    enable(guest);
    guest_end(guest);
}

static void assert_no_socket(Guest *guest)
{
    QDict *response = qtest_qmp(guest->qts, "{'execute': 'qom-get',"
                                "'arguments': {'path': %s,"
                                "'property': 'socket'}}", DEVICE_PATH);

    g_assert_cmpint(qobject_type(qdict_get(response, "return")), ==,
                    QTYPE_QNULL);
    qobject_unref(response);
}

static void test_attach_group(void)
{
    Guest *guest = guest_of(l1_mdev_new(DISK));

    assert_no_socket(guest);
    assert_usable_on_linux(guest);
}

static void test_attach_iommufd(void)
{
    L1Mdev *mdev = l1_mdev_new(DISK);
    g_autofree char *args =
        g_strdup_printf(MACHINE_ARGS "-object iommufd,id=iommufd0 -device "
                        "vfio-ccw,devno=fe.0.1234,iommufd=iommufd0,"
                        "sysfsdev=%s", mdev->path);

    assert_usable_on_linux(guest_with_args(mdev, args));
}

static void assert_fd_is_attached(const char *id)
{
    L1Mdev *mdev = l1_mdev_new(DISK);
    int fd = l1_mdev_open_cdev(mdev);
    g_autofree char *args =
        g_strdup_printf(MACHINE_ARGS "-object iommufd,id=iommufd0 -device "
                        "vfio-ccw,%sdevno=fe.0.1234,iommufd=iommufd0,fd=%d",
                        id, fd);
    Guest *guest = guest_with_args(mdev, args);

    close(fd);
    assert_usable_on_linux(guest);
}

static void test_attach_fd(void)
{
    assert_fd_is_attached("id=ccw0,");
}

static void test_attach_fd_without_id(void)
{
    assert_fd_is_attached("");
}

/*
 * Devices that are reached in different ways are refused, whichever is first,
 * and the first goes on.
 */

/* @first is what the device is called that is there. */
static void assert_refused(QTestState *qts, const char *first, QDict *way)
{
    QDict *error;

    qdict_put_str(way, "driver", "vfio-ccw");
    qdict_put_str(way, "id", "ccw1");
    qdict_put_str(way, "devno", "fe.0.1235");
    error = qtest_qmp_assert_failure_ref(qts, "{'execute': 'device_add',"
                                         "'arguments': %p}", way);
    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), "vfio-ccw ccw1"));
    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), first));
    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), "the same way"));
    qobject_unref(error);
}

static void assert_other_is_refused(Guest *guest, QDict *way)
{
    g_autofree char *name = g_path_get_basename(guest->mdev->path);

    assert_refused(guest->qts, name, way);
    assert_usable_on_linux(guest);
}

static void add_iommufd(Guest *guest)
{
    qtest_qmp_assert_success(guest->qts, "{'execute': 'object-add',"
                             "'arguments': {'qom-type': 'iommufd',"
                             "'id': 'iommufd1'}}");
}

static void test_iommufd_after_group(void)
{
    Guest *guest = guest_of(l1_mdev_new(DISK));
    L1Mdev *other = l1_mdev_new(RNG);

    add_iommufd(guest);
    assert_other_is_refused(guest, qdict_from_jsonf_nofail(
        "{'sysfsdev': %s, 'iommufd': 'iommufd1'}", other->path));
    l1_mdev_free(other);
}

static void test_group_after_iommufd(void)
{
    L1Mdev *mdev = l1_mdev_new(DISK);
    L1Mdev *other = l1_mdev_new(RNG);
    g_autofree char *args =
        g_strdup_printf(MACHINE_ARGS "-object iommufd,id=iommufd0 -device "
                        "vfio-ccw,id=ccw0,devno=fe.0.1234,iommufd=iommufd0,"
                        "sysfsdev=%s", mdev->path);

    assert_other_is_refused(guest_with_args(mdev, args),
                            qdict_from_jsonf_nofail("{'sysfsdev': %s}",
                                                    other->path));
    l1_mdev_free(other);
}

static void test_socket_after_group(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Guest *guest = guest_of(l1_mdev_new(DISK));

    bed_start_host(guest->bed, &config);
    assert_other_is_refused(guest, qdict_from_jsonf_nofail(
        "{'socket': {'type': 'unix', 'path': %s}}", guest->bed->socket));
}

static void test_group_after_socket(void)
{
    Bed *bed = bed_enabled();
    L1Mdev *mdev = l1_mdev_new(DISK);

    assert_refused(bed->qts, bed->socket,
                   qdict_from_jsonf_nofail("{'sysfsdev': %s}", mdev->path));
    assert_usable(bed);
    bed_end(bed);
    l1_mdev_free(mdev);
}

/*
 * Channel programs on the disk
 */

#define CMD_WRITE         0x41
#define CMD_READ          0x42
#define CMD_LOCATE        0x43
#define CMD_DEFINE_EXTENT 0x63
#define CMD_INVALID       0xfe

#define LOCATE_WRITE 0x01
#define LOCATE_READ  0x06

#define BLOCK  512
#define BLOCKS 20
#define LENGTH (BLOCKS * BLOCK)

/* In the guest's storage, far from what libqos uses */
#define EXTENT  0x140000
#define LOCATE  0x140010
#define IDAWS   0x141000
#define TARGET  0x142000        /* of a transfer in channel */
#define BUFFER  0x200000        /* what is written */
#define AREA    0x300000        /* what is read */

/* A program that is being put together */
typedef struct Program {
    Guest *guest;
    uint16_t flags;             /* of the ORB: format of CCWs and of IDAWs */
    uint32_t next;
} Program;

static Program program_begin(Guest *guest, uint16_t flags)
{
    return (Program) { .guest = guest, .flags = flags, .next = PROGRAM };
}

static void add_ccw(Program *program, uint8_t cmd, uint8_t flags,
                    uint16_t count, uint32_t cda)
{
    QTestState *qts = program->guest->qts;
    uint32_t at = program->next;

    if (program->flags & ORB_CTRL0_MASK_FMT) {
        qtest_writeb(qts, at, cmd);
        qtest_writeb(qts, at + 1, flags);
        qtest_writew(qts, at + 2, count);
        qtest_writel(qts, at + 4, cda);
    } else {
        qtest_writel(qts, at, cmd << 24 | cda);
        qtest_writeb(qts, at + 4, flags);
        qtest_writeb(qts, at + 5, 0);
        qtest_writew(qts, at + 6, count);
    }
    program->next = at + 8;
}

/* Go on at @target. */
static void add_tic(Program *program, uint32_t target)
{
    add_ccw(program, CCW_CMD_TIC, 0, 0, target);
    program->next = target;
}

static void add_locate(Program *program, uint8_t operation)
{
    QTestState *qts = program->guest->qts;

    qtest_memset(qts, EXTENT, 0, 16);
    qtest_writew(qts, EXTENT + 2, BLOCK);
    qtest_writel(qts, EXTENT + 12, BLOCKS - 1);
    qtest_writeb(qts, LOCATE, operation);
    qtest_writeb(qts, LOCATE + 1, 0);
    qtest_writew(qts, LOCATE + 2, BLOCKS);
    qtest_writel(qts, LOCATE + 4, 0);
    add_ccw(program, CMD_DEFINE_EXTENT, CCW_FLAG_CC, 16, EXTENT);
    add_ccw(program, CMD_LOCATE, CCW_FLAG_CC, 8, LOCATE);
}

static void program_start(Program *program)
{
    ORB orb = qcss_orb(INTPARM_SSCH, PROGRAM);

    orb.ctrl0 = ORB_CTRL0_MASK_PFCH | program->flags;
    g_assert_cmpint(qcss_ssch(program->guest->qts, SCHID, &orb), ==, 0);
}

/* Its IRB says what became of all of the program. */
static void program_run(Program *program)
{
    IRB irb;

    program_start(program);
    irb = expect_irb(program->guest->bed, SCSW_FCTL_START_FUNC | FINAL_STCTL,
                     NORMAL_END, 0);
    g_assert_cmphex(irb.scsw.cpa, ==, program->next);
    g_assert_cmpint(irb.scsw.count, ==, 0);
}

/* Data of which no two blocks, nor two pages, begin alike */
static void make_data(uint8_t *data)
{
    for (int i = 0; i < LENGTH; i++) {
        data[i] = (i * 7 + i / 251) ^ (i >> 8);
    }
}

static void write_disk(Guest *guest)
{
    Program program = program_begin(guest, ORB_CTRL0_MASK_FMT);
    uint8_t data[LENGTH];

    make_data(data);
    qtest_memwrite(guest->qts, BUFFER, data, LENGTH);
    add_locate(&program, LOCATE_WRITE);
    add_ccw(&program, CMD_WRITE, 0, LENGTH, BUFFER);
    program_run(&program);
}

/* @n areas, one behind the other, hold what write_disk() has written. */
static void assert_areas(Guest *guest, const uint32_t *addr,
                         const uint32_t *len, int n)
{
    uint8_t data[LENGTH], seen[LENGTH];
    size_t done = 0;

    for (int i = 0; i < n; i++) {
        qtest_memread(guest->qts, addr[i], seen + done, len[i]);
        done += len[i];
    }
    make_data(data);
    g_assert_cmpmem(seen, done, data, LENGTH);
}

static void assert_area(Guest *guest, uint32_t addr)
{
    uint32_t len = LENGTH;

    assert_areas(guest, &addr, &len, 1);
}

/* From the disk to where no page, nor block, begins, over several pages */
static void assert_reads(uint16_t format)
{
    Guest *guest = guest_enabled();
    Program program = program_begin(guest, format);

    write_disk(guest);
    add_locate(&program, LOCATE_READ);
    add_ccw(&program, CMD_READ, 0, LENGTH, AREA + 0x7fd);
    program_run(&program);
    assert_area(guest, AREA + 0x7fd);
    guest_end(guest);
}

static void test_format_0(void)
{
    assert_reads(0);
}

static void test_format_1(void)
{
    assert_reads(ORB_CTRL0_MASK_FMT);
}

static void test_write_from_anywhere(void)
{
    Guest *guest = guest_enabled();
    Program write = program_begin(guest, ORB_CTRL0_MASK_FMT);
    Program read = write;
    uint8_t data[LENGTH];

    make_data(data);
    qtest_memwrite(guest->qts, BUFFER + 0xffd, data, LENGTH);
    add_locate(&write, LOCATE_WRITE);
    add_ccw(&write, CMD_WRITE, 0, LENGTH, BUFFER + 0xffd);
    program_run(&write);

    add_locate(&read, LOCATE_READ);
    add_ccw(&read, CMD_READ, 0, LENGTH, AREA);
    program_run(&read);
    assert_area(guest, AREA);
    guest_end(guest);
}

static void test_data_chaining(void)
{
    const uint32_t addr[] = { AREA + 1, AREA + 0x4fff, AREA + 0x9000 };
    const uint32_t len[] = { 100, 5000, LENGTH - 5100 };
    Guest *guest = guest_enabled();
    Program program = program_begin(guest, ORB_CTRL0_MASK_FMT);

    write_disk(guest);
    add_locate(&program, LOCATE_READ);
    add_ccw(&program, CMD_READ, CCW_FLAG_DC, len[0], addr[0]);
    add_ccw(&program, CMD_READ, CCW_FLAG_DC, len[1], addr[1]);
    add_ccw(&program, CMD_READ, 0, len[2], addr[2]);
    program_run(&program);
    assert_areas(guest, addr, len, ARRAY_SIZE(addr));
    guest_end(guest);
}

static void test_transfer_in_channel(void)
{
    Guest *guest = guest_enabled();
    Program program = program_begin(guest, ORB_CTRL0_MASK_FMT);

    write_disk(guest);
    add_locate(&program, LOCATE_READ);
    add_tic(&program, TARGET + 0x7f8);
    add_ccw(&program, CCW_CMD_NOOP, CCW_FLAG_CC | CCW_FLAG_SLI, 1, DATA);
    add_tic(&program, TARGET);
    add_ccw(&program, CMD_READ, 0, LENGTH, AREA);
    program_run(&program);
    assert_area(guest, AREA);
    guest_end(guest);
}

/* Blocks that follow each other nowhere but in the list; the first is short. */
static void assert_indirect(uint16_t format, uint32_t block)
{
    const uint32_t first = 40;
    uint32_t addr[LENGTH / (2 * KiB) + 1], len[ARRAY_SIZE(addr)];
    Guest *guest = guest_enabled();
    Program program = program_begin(guest, format);
    uint32_t done = 0;
    int n;

    write_disk(guest);
    for (n = 0; done < LENGTH; n++) {
        uint32_t offset = n ? 0 : block - first;

        len[n] = MIN(block - offset, LENGTH - done);
        addr[n] = AREA + (ARRAY_SIZE(addr) - n) * 2 * block + offset;
        done += len[n];
        if (format & ORB_CTRL0_MASK_C64) {
            qtest_writeq(guest->qts, IDAWS + n * 8, addr[n]);
        } else {
            qtest_writel(guest->qts, IDAWS + n * 4, addr[n]);
        }
    }
    add_locate(&program, LOCATE_READ);
    add_ccw(&program, CMD_READ, CCW_FLAG_IDA, LENGTH, IDAWS);
    program_run(&program);
    assert_areas(guest, addr, len, n);
    guest_end(guest);
}

static void test_format_1_idaws(void)
{
    assert_indirect(ORB_CTRL0_MASK_FMT, 2 * KiB);
}

static void test_format_1_idaws_of_format_0(void)
{
    assert_indirect(0, 2 * KiB);
}

static void test_format_2_idaws(void)
{
    assert_indirect(ORB_CTRL0_MASK_FMT | ORB_CTRL0_MASK_C64, 4 * KiB);
}

static void test_format_2_idaws_of_2k(void)
{
    assert_indirect(ORB_CTRL0_MASK_FMT | ORB_CTRL0_MASK_C64 |
                    ORB_CTRL0_MASK_I2K, 2 * KiB);
}

/* Linux has concurrent sense on: there is nothing left for a SENSE command. */
static void test_unit_check_and_sense(void)
{
    Guest *guest = guest_enabled();
    Program bad = program_begin(guest, ORB_CTRL0_MASK_FMT);
    Program sense = bad;
    IRB irb;

    add_ccw(&bad, CMD_INVALID, CCW_FLAG_SLI, 1, AREA);
    program_start(&bad);
    irb = expect_irb(guest->bed, SCSW_FCTL_START_FUNC | FINAL_STCTL |
                     SCSW_STCTL_ALERT, NORMAL_END | SCSW_DSTAT_UNIT_CHECK, 0);
    g_assert_cmphex(irb.esw.erw & ESW_ERW_SENSE, !=, 0);
    /* Command reject */
    g_assert_cmphex(((uint8_t *)irb.ecw)[0], ==, 0x80);

    qtest_memset(guest->qts, AREA, 0xff, 32);
    add_ccw(&sense, CCW_CMD_BASIC_SENSE, CCW_FLAG_SLI, 32, AREA);
    program_run(&sense);
    g_assert_cmphex(qtest_readb(guest->qts, AREA), ==, 0);
    guest_end(guest);
}

/* Linux cannot pin what is no storage of the guest. */
static void test_address_outside_storage(void)
{
    Guest *guest = guest_enabled();
    Program program = program_begin(guest, ORB_CTRL0_MASK_FMT);
    IRB irb;

    add_ccw(&program, CCW_CMD_SENSE_ID, CCW_FLAG_SLI, 7, 0x70000000);
    program_start(&program);
    qcss_wait_irb(guest->qts, SCHID, &irb);
    g_assert_cmphex(irb.scsw.cstat, ==, SCSW_CSTAT_PROG_CHECK);
    run_noop(guest);
    guest_end(guest);
}

/*
 * Halt, clear and cancel
 */

/* A start that the disk does not hear of until a halt or clear */
static Guest *guest_in_flight(void)
{
    Guest *guest = guest_enabled();

    l1_host_hold(VFIO_CCW_HOST_DEVICE_START);
    g_assert_cmpint(ssch(guest->bed), ==, 0);
    l1_host_wait_held(VFIO_CCW_HOST_DEVICE_START);
    return guest;
}

static void guest_usable_end(Guest *guest)
{
    l1_host_unhold(VFIO_CCW_HOST_DEVICE_START);
    run_noop(guest);
    guest_end(guest);
}

static void test_halt_in_flight(void)
{
    Guest *guest = guest_in_flight();

    g_assert_cmpint(qcss_hsch(guest->qts, SCHID), ==, 0);
    expect_end_of(guest->bed, SCSW_FCTL_HALT_FUNC);
    guest_usable_end(guest);
}

static void test_clear_in_flight(void)
{
    Guest *guest = guest_in_flight();

    g_assert_cmpint(qcss_csch(guest->qts, SCHID), ==, 0);
    expect_end_of(guest->bed, SCSW_FCTL_CLEAR_FUNC);
    guest_usable_end(guest);
}

/* What Linux has accepted cannot be cancelled, and goes on. */
static void test_cancel_in_flight(void)
{
    Guest *guest = guest_in_flight();

    g_assert_cmpint(qcss_xsch(guest->qts, SCHID), ==, 2);
    l1_host_unhold(VFIO_CCW_HOST_DEVICE_START);
    expect_normal_end(guest->bed);
    guest_usable_end(guest);
}

static void test_halt_idle(void)
{
    Guest *guest = guest_enabled();

    g_assert_cmpint(qcss_hsch(guest->qts, SCHID), ==, 0);
    expect_end_of(guest->bed, SCSW_FCTL_HALT_FUNC);
    guest_usable_end(guest);
}

static void test_clear_idle(void)
{
    Guest *guest = guest_enabled();

    g_assert_cmpint(qcss_csch(guest->qts, SCHID), ==, 0);
    expect_end_of(guest->bed, SCSW_FCTL_CLEAR_FUNC);
    guest_usable_end(guest);
}

static void test_cancel_idle(void)
{
    Guest *guest = guest_enabled();

    g_assert_cmpint(qcss_xsch(guest->qts, SCHID), ==, 2);
    guest_usable_end(guest);
}

static void test_clear_overtakes_halt(void)
{
    Guest *guest = guest_in_flight();

    l1_host_hold(VFIO_CCW_HOST_DEVICE_HALT);
    g_assert_cmpint(qcss_hsch(guest->qts, SCHID), ==, 0);
    l1_host_wait_held(VFIO_CCW_HOST_DEVICE_HALT);
    g_assert_cmpint(qcss_csch(guest->qts, SCHID), ==, 0);
    expect_end_of(guest->bed, SCSW_FCTL_CLEAR_FUNC);
    l1_host_unhold(VFIO_CCW_HOST_DEVICE_HALT);
    guest_usable_end(guest);
}

/*
 * Status that is not the last of its start
 */

static void test_intermediate_status(void)
{
    Guest *guest = guest_in_flight();

    l1_host_present_status(0, SCSW_CSTAT_PCI, 0);
    expect_irb(guest->bed, SCSW_FCTL_START_FUNC | SCSW_STCTL_INTERMEDIATE |
               SCSW_STCTL_STATUS_PEND, 0, SCSW_CSTAT_PCI);
    l1_host_unhold(VFIO_CCW_HOST_DEVICE_START);
    expect_normal_end(guest->bed);
    guest_usable_end(guest);
}

static void test_channel_end_then_device_end(void)
{
    Guest *guest = guest_in_flight();

    l1_host_present_status(SCSW_DSTAT_CHANNEL_END, 0, 0);
    expect_irb(guest->bed, SCSW_FCTL_START_FUNC | SCSW_STCTL_PRIMARY |
               SCSW_STCTL_STATUS_PEND, SCSW_DSTAT_CHANNEL_END, 0);
    l1_host_present_status(SCSW_DSTAT_DEVICE_END, 0, 0);
    expect_irb(guest->bed, SCSW_STCTL_SECONDARY | SCSW_STCTL_STATUS_PEND,
               SCSW_DSTAT_DEVICE_END, 0);

    /* The disk, which knows nothing of this, is to forget its start. */
    g_assert_cmpint(qcss_csch(guest->qts, SCHID), ==, 0);
    expect_end_of(guest->bed, SCSW_FCTL_CLEAR_FUNC);
    guest_usable_end(guest);
}

/*
 * Attention: unsolicited status
 */

static void expect_attention(Guest *guest)
{
    IRB irb;

    qcss_wait_irb(guest->qts, SCHID, &irb);
    g_assert_cmphex(irb.scsw.ctrl & SCSW_CTRL_MASK_STCTL, ==, ALERT_STCTL);
    g_assert_cmphex(irb.scsw.dstat, ==, SCSW_DSTAT_ATTENTION);
    g_assert_cmphex(irb.scsw.cstat, ==, 0);
}

static void test_attention_idle(void)
{
    Guest *guest = guest_enabled();

    l1_host_present_status(SCSW_DSTAT_ATTENTION, 0, 0);
    expect_attention(guest);
    guest_usable_end(guest);
}

/*
 * The device presents it when the host has taken the status before, but not
 * before Linux has passed that on: it has one place for IRBs, and of two that
 * come in a row the first is lost.
 */
static void test_attention_while_ending(void)
{
    Guest *guest = guest_enabled();

    l1_host_hold(VFIO_CCW_HOST_INTERRUPT);
    g_assert_cmpint(ssch(guest->bed), ==, 0);
    l1_host_wait_held(VFIO_CCW_HOST_INTERRUPT);
    l1_host_present_status(SCSW_DSTAT_ATTENTION, 0, 0);
    l1_host_release(VFIO_CCW_HOST_INTERRUPT);
    expect_normal_end(guest->bed);
    l1_host_wait_held(VFIO_CCW_HOST_INTERRUPT);
    l1_host_unhold(VFIO_CCW_HOST_INTERRUPT);
    expect_attention(guest);
    guest_usable_end(guest);
}

static void test_attention_in_flight(void)
{
    Guest *guest = guest_in_flight();

    l1_host_present_alert(SCSW_DSTAT_ATTENTION);
    expect_attention(guest);
    g_assert_cmphex(scsw_ctrl(guest->bed) & SCSW_CTRL_MASK_FCTL, ==,
                    SCSW_FCTL_START_FUNC);
    /* The disk, which knows nothing of this, is to forget its start. */
    g_assert_cmpint(qcss_csch(guest->qts, SCHID), ==, 0);
    expect_end_of(guest->bed, SCSW_FCTL_CLEAR_FUNC);
    guest_usable_end(guest);
}

static void test_attention_disabled(void)
{
    Guest *guest = guest_enabled();

    qcss_disable(guest->qts, SCHID);
    l1_host_present_status(SCSW_DSTAT_ATTENTION, 0, 0);
    expect_nothing(guest->bed);
    qcss_enable(guest->qts, SCHID, INTPARM_MSCH);
    guest_usable_end(guest);
}

/*
 * Channel paths
 */

/* The chpid of the emulated host driver's only path */
#define CHPID 0x40

static void expect_path_report(Guest *guest, uint16_t erc)
{
    CRW crw;

    qcss_wait_crw_mchk(guest->qts);
    g_assert_cmpint(qcss_stcrw(guest->qts, &crw), ==, 0);
    g_assert_cmphex(crw.flags, ==, CRW_RSC_CHP << 8 | erc);
    g_assert_cmphex(crw.rsid, ==, CHPID);
    g_assert_cmpint(qcss_stcrw(guest->qts, &crw), ==, 1);
}

static void test_path_off_and_on(void)
{
    Guest *guest = guest_enabled();

    l1_inject_crw(CRW_RSC_CHP, CRW_ERC_PERRI, CHPID);
    expect_path_report(guest, CRW_ERC_PERRN);
    l1_inject_crw(CRW_RSC_CHP, CRW_ERC_INIT, CHPID);
    expect_path_report(guest, CRW_ERC_INIT);
    guest_usable_end(guest);
}

/* Linux halts what uses the path, on its own: the guest asked for no halt. */
static void test_path_off_in_flight(void)
{
    Guest *guest = guest_in_flight();

    l1_inject_crw(CRW_RSC_CHP, CRW_ERC_PERRN, CHPID);
    expect_path_report(guest, CRW_ERC_PERRN);
    expect_irb(guest->bed, SCSW_FCTL_START_FUNC | FINAL_STCTL |
               SCSW_STCTL_ALERT, 0, SCSW_CSTAT_INTF_CTRL_CHK);
    guest_usable_end(guest);
}

/*
 * The life of a device
 */

/*
 * As assert_unplugged(), but without a look at each of the subchannels that an
 * empty machine could have: there are thousands, and this is no fast machine.
 */
static void assert_unplugged_here(Guest *guest)
{
    SCHIB schib = { };

    if (qcss_stsch(guest->qts, SCHID, &schib) == 0) {
        g_assert_cmphex(schib.pmcw.flags & PMCW_FLAGS_MASK_DNV, ==, 0);
    }
    qtest_qmp_assert_success(guest->qts, "{'execute': 'query-status'}");
}

static void plug_mdev(Guest *guest)
{
    qtest_qmp_assert_success(guest->qts,
                             "{'execute': 'device_add', 'arguments': {"
                             "'driver': 'vfio-ccw', 'id': 'ccw0',"
                             "'devno': 'fe.0.1234', 'sysfsdev': %s}}",
                             guest->mdev->path);
}

static void test_plug_and_unplug(void)
{
    Guest *guest = guest_with_args(l1_mdev_new(DISK), MACHINE_ARGS);

    for (int i = 0; i < 3; i++) {
        plug_mdev(guest);
        expect_subchannel_report(guest->bed);
        qcss_enable(guest->qts, SCHID, INTPARM_MSCH);
        run_noop(guest);
        qtest_qmp_device_del(guest->qts, "ccw0");
        expect_subchannel_report(guest->bed);
        assert_unplugged_here(guest);
    }
    guest_end(guest);
}

static void test_unplug_in_flight(void)
{
    Guest *guest = guest_in_flight();

    qtest_qmp_device_del(guest->qts, "ccw0");
    expect_subchannel_report(guest->bed);
    assert_unplugged_here(guest);
    l1_host_unhold(VFIO_CCW_HOST_DEVICE_START);

    plug_mdev(guest);
    expect_subchannel_report(guest->bed);
    qcss_enable(guest->qts, SCHID, INTPARM_MSCH);
    guest_usable_end(guest);
}

/* Linux asks for its device, and gets it. */
static void assert_mdev_is_given_back(Guest *guest)
{
    GThread *remover = l1_mdev_begin_remove(guest->mdev);

    expect_subchannel_report(guest->bed);
    assert_unplugged_here(guest);
    g_thread_join(remover);
    g_assert_false(l1_mdev_exists(guest->mdev));
    l1_host_unhold(VFIO_CCW_HOST_DEVICE_START);
    guest_end(guest);
}

static void test_mdev_removed(void)
{
    assert_mdev_is_given_back(guest_enabled());
}

static void test_mdev_removed_in_flight(void)
{
    assert_mdev_is_given_back(guest_in_flight());
}

static void test_reset(void)
{
    Guest *guest = guest_enabled();

    qtest_system_reset(guest->qts);
    assert_reset_subchannel(guest->bed);
    qcss_enable(guest->qts, SCHID, INTPARM_MSCH);
    guest_usable_end(guest);
}

static void test_reset_in_flight(void)
{
    Guest *guest = guest_in_flight();

    qtest_system_reset(guest->qts);
    wait_machine_runs(guest->bed);
    assert_reset_subchannel(guest->bed);
    l1_host_unhold(VFIO_CCW_HOST_DEVICE_START);
    qcss_enable(guest->qts, SCHID, INTPARM_MSCH);
    guest_usable_end(guest);
    g_assert_cmpint(l1_host_count(VFIO_CCW_HOST_HALTS) +
                    l1_host_count(VFIO_CCW_HOST_CLEARS), >, 0);
}

/*
 * Linux stops a device that is to be closed, and tries that for minutes if the
 * device does not react: here it does not before QMP has been seen to work.
 */
static void test_mdev_removed_of_a_stuck_device(void)
{
    Guest *guest = guest_in_flight();
    GThread *remover;
    unsigned clears;

    l1_host_hold(VFIO_CCW_HOST_INTERRUPT);
    remover = l1_mdev_begin_remove(guest->mdev);
    expect_subchannel_report(guest->bed);
    wait_state(guest->bed, "QUIESCING");
    clears = l1_host_count(VFIO_CCW_HOST_CLEARS);
    while (l1_host_count(VFIO_CCW_HOST_CLEARS) < clears + 2) {
        g_thread_yield();
    }
    assert_unplugged_here(guest);

    l1_host_unhold(VFIO_CCW_HOST_INTERRUPT);
    qtest_qmp_eventwait(guest->qts, "DEVICE_DELETED");
    g_thread_join(remover);
    l1_host_unhold(VFIO_CCW_HOST_DEVICE_START);
    guest_end(guest);
}

/*
 * Gone and returned
 *
 * Linux asks for its device then as well. It is a loss all the same, but what
 * Linux wants it gets: the file is closed.
 */

#define DELAY_NS NS_PER_S       /* until a lost host is closed */

static void wait_forgotten(Guest *guest)
{
    while (l1_subchannel_exists(guest->mdev)) {
        g_thread_yield();
    }
}

static void expect_lost(Guest *guest)
{
    expect_subchannel_report(guest->bed);
    assert_unplugged_here(guest);
    g_assert_cmpint(ssch(guest->bed), ==, 3);
    expect_event(guest->bed, "lost");
    wait_state(guest->bed, "NOT_OPER");
    g_assert_true(l1_subchannel_exists(guest->mdev));
    qtest_clock_step(guest->qts, DELAY_NS);
    wait_forgotten(guest);
}

/* @devno is there again, and an administrator makes an mdev of it again. */
static void bring_back(Guest *guest, const char *devno)
{
    while (!l1_has_device(devno)) {
        g_thread_yield();
    }
    l1_mdev_free(guest->mdev);
    guest->mdev = l1_mdev_new(devno);
}

static void expect_returned(Guest *guest)
{
    int64_t losses = counter_of(guest->bed, "ccw0", "losses");

    while (counter_of(guest->bed, "ccw0", "returns") < losses) {
        qtest_clock_step(guest->qts, DELAY_NS);
    }
    expect_event(guest->bed, "returned");
    expect_subchannel_report(guest->bed);
    g_assert_cmpint(ssch(guest->bed), ==, 3);
    enable(guest);
    g_assert_null(qtest_qmp_event_ref(guest->qts, "DEVICE_DELETED"));
}

static Guest *guest_on_rng(const char *options)
{
    L1Mdev *mdev = l1_mdev_new(RNG);
    g_autofree char *args =
        g_strdup_printf(MACHINE_ARGS "-object iommufd,id=iommufd0 -device "
                        "vfio-ccw,id=ccw0,devno=fe.0.1234,sysfsdev=%s%s",
                        mdev->path, options);
    Guest *guest = guest_with_args(mdev, args);

    enable(guest);
    return guest;
}

static void take_rng(void)
{
    l1_monitor("device_del rng");
}

static void give_rng(Guest *guest)
{
    l1_monitor("device_add virtio-rng-ccw,id=rng,devno=fe.0.1235");
    bring_back(guest, RNG);
}

static void assert_gone_and_returned(const char *options)
{
    Guest *guest = guest_on_rng(options);

    take_rng();
    expect_lost(guest);
    give_rng(guest);
    expect_returned(guest);
    guest_end(guest);
}

static void test_returned_group(void)
{
    assert_gone_and_returned("");
}

static void test_returned_iommufd(void)
{
    assert_gone_and_returned(",iommufd=iommufd0");
}

/*
 * L0 loses the host of the disk while a program runs. It does not have the host
 * back before Linux has forgotten the device.
 */
static void test_returned_in_flight(void)
{
    Guest *guest = guest_in_flight();

    l1_host_hold(VFIO_CCW_HOST_VERSION);
    l1_host_disconnect();
    expect_lost(guest);
    l1_host_unhold(VFIO_CCW_HOST_VERSION);
    l1_host_unhold(VFIO_CCW_HOST_DEVICE_START);
    bring_back(guest, DISK);
    expect_returned(guest);
    guest_end(guest);
}

static void test_gone_unplugs(void)
{
    Guest *guest = guest_on_rng(",on-host-loss=unplug");

    take_rng();
    expect_event(guest->bed, "lost");
    qtest_qmp_eventwait(guest->qts, "DEVICE_DELETED");
    expect_subchannel_report(guest->bed);
    assert_unplugged_here(guest);
    wait_forgotten(guest);
    give_rng(guest);
    guest_end(guest);
}

/* What came as a file cannot be had again; whoever sent it has to be told. */
static void test_gone_fd(void)
{
    L1Mdev *mdev = l1_mdev_new(RNG);
    int fd = l1_mdev_open_cdev(mdev);
    g_autofree char *args =
        g_strdup_printf(MACHINE_ARGS "-object iommufd,id=iommufd0 -device "
                        "vfio-ccw,id=ccw0,devno=fe.0.1234,iommufd=iommufd0,"
                        "fd=%d", fd);
    g_autofree char *path = record_begin();
    Guest *guest = guest_with_args(mdev, args);
    g_autofree char *said = NULL;

    record_end();
    close(fd);
    enable(guest);
    take_rng();
    expect_lost(guest);
    give_rng(guest);
    qtest_clock_step(guest->qts, 100 * DELAY_NS);
    wait_state(guest->bed, "NOT_OPER");
    g_assert_cmpint(ssch(guest->bed), ==, 3);
    g_assert_true(g_file_get_contents(path, &said, NULL, NULL));
    g_assert_nonnull(strstr(said, "cannot be opened again"));
    unlink(path);

    qtest_qmp_device_del(guest->qts, "ccw0");
    assert_unplugged_here(guest);
    plug_mdev(guest);
    expect_subchannel_report(guest->bed);
    enable(guest);
    guest_end(guest);
}

/*
 * The same program on a device, and on the same one passed through
 *
 * The program is such that it cannot see what is known to differ:
 *  - QEMU's own devices do not put the ORB's path mask in the PMCW, nor its
 *    prefetch control in the SCSW: the program names the one path there is, and
 *    does not allow prefetching;
 *  - Linux has concurrent sense on, so the sense data come with the unit check:
 *    the program has it on too;
 *  - QEMU's own devices have the bits for these, L and E, in IRBs alone, not in
 *    the SCHIB: the program goes by the ERW;
 *  - what a halt or clear ends with has no channel program, and Linux shows
 *    what is left of the last one, translated: the program does not look at the
 *    bits that come from the ORB, the CCW address and the ESW then.
 */

typedef struct Notes {
    GString *text;
    QTestState *qts;
    bool has_program;           /* the last function was a start */
} Notes;

static void G_GNUC_PRINTF(2, 3) note(Notes *notes, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_string_append_vprintf(notes->text, format, args);
    va_end(args);
}

static void note_scsw(Notes *notes, const SCSW *scsw)
{
    uint16_t flags = scsw->flags & ~(SCSW_FLAGS_MASK_ESWF |
                                     SCSW_FLAGS_MASK_ECTL);

    note(notes, " scsw %04x %02x %02x %d", scsw->ctrl, scsw->dstat,
         scsw->cstat, scsw->count);
    if (notes->has_program) {
        note(notes, " flags %04x cpa %08x", flags, scsw->cpa);
    }
}

static void note_schib(Notes *notes)
{
    SCHIB schib;
    int cc = qcss_stsch(notes->qts, SCHID, &schib);
    PMCW pmcw = schib.pmcw;
    SCSW scsw = schib.scsw;

    note(notes, "STSCH cc %d: %08x %04x dev %04x lpm %02x pnom %02x lpum %02x "
         "pim %02x pom %02x pam %02x chpid %02x chars %08x", cc, pmcw.intparm,
         pmcw.flags, pmcw.devno, pmcw.lpm, pmcw.pnom, pmcw.lpum,
         pmcw.pim, pmcw.pom, pmcw.pam, pmcw.chpid[0], pmcw.chars);
    note_scsw(notes, &scsw);
    note(notes, "\n");
}

static void note_tsch(Notes *notes)
{
    IRB irb;
    int cc = qcss_tsch(notes->qts, SCHID, &irb);

    note(notes, "TSCH cc %d:", cc);
    note_scsw(notes, &irb.scsw);
    if (cc == 0 && notes->has_program) {
        note(notes, " esw %08x %08x ecw", irb.esw.word0, irb.esw.erw);
        for (int i = 0; i < ARRAY_SIZE(irb.ecw); i++) {
            note(notes, " %08x", irb.ecw[i]);
        }
    }
    note(notes, "\n");
}

static void note_interruption(Notes *notes)
{
    IOIntCode code;

    qcss_wait_io(notes->qts, QCSS_CR6_ALL, &code);
    note(notes, "interruption %08x %08x %08x\n", code.subsys_id, code.intparm,
         code.interrupt_id);
    note_schib(notes);
    note_tsch(notes);
    note_tsch(notes);
    note_schib(notes);
}

/* One CCW, and what comes of it */
static void note_start(Notes *notes, uint8_t cmd, uint8_t flags,
                       uint16_t count, uint32_t cda)
{
    CCW1 ccw = { .cmd_code = cmd, .flags = flags, .count = count, .cda = cda };
    ORB orb = qcss_orb(INTPARM_SSCH, PROGRAM);
    uint8_t data[32];
    int cc;

    qcss_write_ccws(notes->qts, PROGRAM, &ccw, 1);
    qtest_memset(notes->qts, cda, 0, sizeof(data));
    orb.ctrl0 &= ~ORB_CTRL0_MASK_PFCH;
    orb.lpm = 0x80;
    cc = qcss_ssch(notes->qts, SCHID, &orb);
    note(notes, "SSCH %02x %02x %d %x cc %d\n", cmd, flags, count, cda, cc);
    if (cc) {
        return;
    }
    notes->has_program = true;
    note_interruption(notes);
    qtest_memread(notes->qts, cda, data, sizeof(data));
    note(notes, "data");
    for (int i = 0; i < sizeof(data); i++) {
        note(notes, " %02x", data[i]);
    }
    note(notes, "\n");
}

static void note_end_of(Notes *notes, const char *insn, int cc)
{
    note(notes, "%s cc %d\n", insn, cc);
    notes->has_program = false;
    note_interruption(notes);
}

static void enable_with_concurrent_sense(QTestState *qts)
{
    SCHIB schib;

    g_assert_cmpint(qcss_stsch(qts, SCHID, &schib), ==, 0);
    qcss_set_enabled(&schib, INTPARM_MSCH);
    schib.pmcw.chars |= PMCW_CHARS_MASK_CSENSE;
    g_assert_cmpint(qcss_msch(qts, SCHID, &schib), ==, 0);
}

static char *seen_by_guest(QTestState *qts)
{
    Notes notes = { .text = g_string_new(NULL), .qts = qts };

    note_schib(&notes);
    note_start(&notes, CCW_CMD_SENSE_ID, CCW_FLAG_SLI, 7, DATA);
    enable_with_concurrent_sense(qts);
    note_schib(&notes);
    note_tsch(&notes);
    note(&notes, "XSCH cc %d\n", qcss_xsch(qts, SCHID));
    note(&notes, "RSCH cc %d\n", qcss_rsch(qts, SCHID));

    note_start(&notes, CCW_CMD_SENSE_ID, CCW_FLAG_SLI, 7, DATA);
    note_start(&notes, CCW_CMD_SENSE_ID, 0, 3, DATA);
    note_start(&notes, CCW_CMD_SENSE_ID, CCW_FLAG_SLI, 32, DATA + 0xffd);
    note_start(&notes, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, DATA);
    note_start(&notes, CMD_INVALID, CCW_FLAG_SLI, 1, DATA);
    note_start(&notes, CCW_CMD_BASIC_SENSE, CCW_FLAG_SLI, 32, DATA);

    note_end_of(&notes, "HSCH", qcss_hsch(qts, SCHID));
    note_start(&notes, CCW_CMD_SENSE_ID, CCW_FLAG_SLI, 7, DATA);
    note_end_of(&notes, "CSCH", qcss_csch(qts, SCHID));
    note_start(&notes, CCW_CMD_SENSE_ID, CCW_FLAG_SLI, 7, DATA);

    qcss_disable(qts, SCHID);
    note_start(&notes, CCW_CMD_NOOP, CCW_FLAG_SLI, 1, DATA);
    note(&notes, "HSCH cc %d\n", qcss_hsch(qts, SCHID));
    note(&notes, "CSCH cc %d\n", qcss_csch(qts, SCHID));
    return g_string_free(notes.text, false);
}

static void test_same_on_the_device(void)
{
    QTestState *direct = qcss_init(MACHINE_ARGS "-device virtio-rng-ccw,"
                                   "devno=fe.0.1234");
    Guest *guest = guest_of(l1_mdev_new(RNG));
    g_autofree char *expected_text = seen_by_guest(direct);
    g_autofree char *text = seen_by_guest(guest->qts);
    g_auto(GStrv) expected = g_strsplit(expected_text, "\n", 0);
    g_auto(GStrv) seen = g_strsplit(text, "\n", 0);

    for (int i = 0; expected[i] || seen[i]; i++) {
        g_assert_cmpstr(seen[i], ==, expected[i]);
    }
    qtest_quit(direct);
    guest_end(guest);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/attach/group", test_attach_group);
    g_test_add_func("/attach/iommufd", test_attach_iommufd);
    g_test_add_func("/attach/fd", test_attach_fd);
    g_test_add_func("/attach/fd-without-id", test_attach_fd_without_id);

    g_test_add_func("/attach/iommufd-after-group", test_iommufd_after_group);
    g_test_add_func("/attach/group-after-iommufd", test_group_after_iommufd);
    g_test_add_func("/attach/socket-after-group", test_socket_after_group);
    g_test_add_func("/attach/group-after-socket", test_group_after_socket);

    g_test_add_func("/start/format-0", test_format_0);
    g_test_add_func("/start/format-1", test_format_1);
    g_test_add_func("/start/write-from-anywhere", test_write_from_anywhere);
    g_test_add_func("/start/data-chaining", test_data_chaining);
    g_test_add_func("/start/transfer-in-channel", test_transfer_in_channel);
    g_test_add_func("/start/format-1-idaws", test_format_1_idaws);
    g_test_add_func("/start/format-1-idaws-of-format-0",
                    test_format_1_idaws_of_format_0);
    g_test_add_func("/start/format-2-idaws", test_format_2_idaws);
    g_test_add_func("/start/format-2-idaws-of-2k", test_format_2_idaws_of_2k);
    g_test_add_func("/start/unit-check-and-sense", test_unit_check_and_sense);
    g_test_add_func("/start/address-outside-storage",
                    test_address_outside_storage);
    g_test_add_func("/start/intermediate-status", test_intermediate_status);
    g_test_add_func("/start/channel-end-then-device-end",
                    test_channel_end_then_device_end);

    g_test_add_func("/halt/in-flight", test_halt_in_flight);
    g_test_add_func("/halt/idle", test_halt_idle);
    g_test_add_func("/clear/in-flight", test_clear_in_flight);
    g_test_add_func("/clear/idle", test_clear_idle);
    g_test_add_func("/clear/overtakes-halt", test_clear_overtakes_halt);
    g_test_add_func("/cancel/in-flight", test_cancel_in_flight);
    g_test_add_func("/cancel/idle", test_cancel_idle);

    g_test_add_func("/attention/idle", test_attention_idle);
    g_test_add_func("/attention/while-ending", test_attention_while_ending);
    g_test_add_func("/attention/in-flight", test_attention_in_flight);
    g_test_add_func("/attention/disabled", test_attention_disabled);
    g_test_add_func("/path/off-and-on", test_path_off_and_on);
    g_test_add_func("/path/off-in-flight", test_path_off_in_flight);

    g_test_add_func("/life/plug-and-unplug", test_plug_and_unplug);
    g_test_add_func("/life/unplug-in-flight", test_unplug_in_flight);
    g_test_add_func("/life/mdev-removed", test_mdev_removed);
    g_test_add_func("/life/mdev-removed-in-flight",
                    test_mdev_removed_in_flight);
    g_test_add_func("/life/reset", test_reset);
    g_test_add_func("/life/reset-in-flight", test_reset_in_flight);
    g_test_add_func("/life/mdev-removed-of-a-stuck-device",
                    test_mdev_removed_of_a_stuck_device);
    g_test_add_func("/gone/unplugs", test_gone_unplugs);
    g_test_add_func("/gone/fd", test_gone_fd);
    g_test_add_func("/gone/returned-group", test_returned_group);
    g_test_add_func("/gone/returned-iommufd", test_returned_iommufd);
    g_test_add_func("/gone/returned-in-flight", test_returned_in_flight);
    g_test_add_func("/same-on-the-device", test_same_on_the_device);
    return g_test_run();
}
