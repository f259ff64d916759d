/*
 * QTest of vfio-ccw: random instructions, random hosts, random messages
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A guest issues instructions at random with operands at random, against
 *  - a good driver that answers, withholds and reports at random, and has IRBs
 *    of random bits;
 *  - a server whose messages are changed at random on their way.
 * Whatever comes, an instruction ends with a condition code or a program
 * interruption, the subchannel looks as PoP lets it, QEMU answers, and in the
 * end the device is gone or works.
 *
 * Each case runs ROUNDS rounds, which are the same ones each time, so that a
 * change is judged by what it changes; or new ones for as long as FUZZ_SECONDS
 * says, and "--seed R02S..." repeats those. The wire's thread runs
 * tamper_at_random(), the test's thread everything else.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "vfio-ccw-fixture.h"
#include "vfio-ccw-wire.h"

#define ROUNDS 40
#define STEPS 60

/* Short, so that messages that are dropped cost little; all waits end. */
#define SHORT_TIMEOUT_MS 200

/* Where operands are put; the last is not in storage */
static const uint64_t addresses[] = {
    DATA, DATA + 4, DATA + 2, DATA + 1, 0, 0x03fffffc, 0x7ffffffc,
};

static uint8_t random_byte(GRand *rand)
{
    return g_rand_int(rand);
}

static void fill_at_random(GRand *rand, void *data, size_t size)
{
    uint8_t *bytes = data;

    for (size_t i = 0; i < size; i++) {
        bytes[i] = g_rand_boolean(rand) ? 0 : random_byte(rand);
    }
}

static uint16_t flip_some(GRand *rand, uint16_t bits)
{
    return g_rand_boolean(rand) ? bits : bits ^ (1 << g_rand_int_range(rand, 0,
                                                                       16));
}

/*
 * The guest
 */

/* What PoP says of any SCSW, whoever asks and whenever */
static void assert_architected(const SCHIB *schib)
{
    uint16_t ctrl = schib->scsw.ctrl;
    uint16_t fctl = ctrl & SCSW_CTRL_MASK_FCTL;
    uint16_t stctl = ctrl & SCSW_CTRL_MASK_STCTL;

    g_assert_true(!stctl || (stctl & SCSW_STCTL_STATUS_PEND));
    g_assert_true(!stctl || (schib->pmcw.flags & PMCW_FLAGS_MASK_ENA));
    g_assert_true(!(ctrl & SCSW_ACTL_START_PEND) ||
                  (fctl & SCSW_FCTL_START_FUNC));
    g_assert_true(!(ctrl & SCSW_ACTL_HALT_PEND) ||
                  (fctl & SCSW_FCTL_HALT_FUNC));
    g_assert_true(!(ctrl & SCSW_ACTL_CLEAR_PEND) ||
                  (fctl & SCSW_FCTL_CLEAR_FUNC));
    g_assert_true(!(fctl & SCSW_FCTL_CLEAR_FUNC) ||
                  fctl == SCSW_FCTL_CLEAR_FUNC);
    /* Its order is refused, so nothing is ever suspended or resumed. */
    g_assert_cmphex(ctrl & (SCSW_ACTL_SUSP | SCSW_ACTL_RESUME_PEND), ==, 0);
}

static void check_subchannel(Bed *bed)
{
    SCHIB schib;

    if (qcss_stsch(bed->qts, SCHID, &schib) == 0) {
        assert_architected(&schib);
    }
}

static void issue_with_garbage(GRand *rand, Bed *bed)
{
    static const char *const insns[] = { "ssch", "msch", "stsch", "tsch" };
    uint64_t addr = addresses[g_rand_int_range(rand, 0,
                                               ARRAY_SIZE(addresses))];
    uint8_t operand[sizeof(SCHIB)];

    fill_at_random(rand, operand, sizeof(operand));
    if (addr < PROGRAM + 0x10000) {
        qtest_memwrite(bed->qts, addr, operand, sizeof(operand));
    }
    qcss_issue_at(bed->qts, insns[g_rand_int_range(rand, 0, 4)],
                  g_rand_boolean(rand) ? SCHID : g_rand_int(rand), addr);
}

static void ssch_at_random(GRand *rand, Bed *bed)
{
    CCW1 ccw = {
        .cmd_code = random_byte(rand),
        .flags = random_byte(rand),
        .count = g_rand_int_range(rand, 0, 64),
        .cda = DATA,
    };
    ORB orb = noop_orb(bed);

    if (g_rand_boolean(rand)) {
        qcss_write_ccws(bed->qts, PROGRAM, &ccw, 1);
        orb.ctrl0 = flip_some(rand, orb.ctrl0);
        orb.lpm = random_byte(rand);
    }
    qcss_ssch(bed->qts, SCHID, &orb);
}

static void msch_at_random(GRand *rand, Bed *bed)
{
    SCHIB schib;

    if (qcss_stsch(bed->qts, SCHID, &schib) == 0) {
        qcss_set_enabled(&schib, INTPARM_MSCH);
        schib.pmcw.flags = flip_some(rand, schib.pmcw.flags);
        qcss_msch(bed->qts, SCHID, &schib);
    }
}

static void take_interruptions(Bed *bed)
{
    IOIntCode code;
    CRW crw;
    IRB irb;

    while (qcss_dequeue_io(bed->qts, QCSS_CR6_ALL, &code)) {
        ;
    }
    qcss_tsch(bed->qts, SCHID, &irb);
    qcss_dequeue_crw_mchk(bed->qts);
    qcss_stcrw(bed->qts, &crw);
}

static void guest_step(GRand *rand, Bed *bed)
{
    switch (g_rand_int_range(rand, 0, 12)) {
    case 0:
        qcss_hsch(bed->qts, SCHID);
        break;
    case 1:
        qcss_csch(bed->qts, SCHID);
        break;
    case 2:
        qcss_xsch(bed->qts, SCHID);
        break;
    case 3:
        qcss_rsch(bed->qts, SCHID);
        break;
    case 4:
        issue_with_garbage(rand, bed);
        break;
    case 5:
        msch_at_random(rand, bed);
        break;
    case 6:
    case 7:
        take_interruptions(bed);
        break;
    case 8:
        qtest_clock_step(bed->qts, RETRY_STEP_NS << g_rand_int_range(rand, 0,
                                                                     9));
        break;
    default:
        ssch_at_random(rand, bed);
        break;
    }
    check_subchannel(bed);
}

/*
 * The driver
 */

/* The driver takes only what is pending. */
static void present_at_random(GRand *rand, VfioCcwHost *host)
{
    IRB irb;

    fill_at_random(rand, &irb, sizeof(irb));
    irb.scsw.ctrl |= SCSW_STCTL_STATUS_PEND;
    vfio_ccw_host_present_irb(host, &irb);
}

/* A driver whose IRBs are @garbage loses what has ended behind them. */
static void host_step(GRand *rand, Bed *bed, bool garbage)
{
    static const int errors[] = {
        0, -EAGAIN, -EBUSY, -EACCES, -EINVAL, -EOPNOTSUPP, -EFAULT, -EPERM,
        -ENOMEM, -ENOTTY,
    };
    VfioCcwHost *host = bed->host;
    VfioCcwHostStep step = g_rand_int_range(rand, VFIO_CCW_HOST_START,
                                            VFIO_CCW_HOST_NR_STEPS);
    CRW crw;

    switch (g_rand_int_range(rand, 0, 8)) {
    case 0:
        vfio_ccw_host_hold(host, step);
        break;
    case 1:
    case 2:
        vfio_ccw_host_unhold(host, step);
        break;
    case 3:
        step = g_rand_int_range(rand, VFIO_CCW_HOST_START,
                                VFIO_CCW_HOST_CLEAR_REPLY + 1);
        vfio_ccw_host_answer(host, step,
                             errors[g_rand_int_range(rand, 0,
                                                     ARRAY_SIZE(errors))], 1);
        break;
    case 4:
        fill_at_random(rand, &crw, sizeof(crw));
        vfio_ccw_host_queue_crw(host, crw);
        break;
    case 5:
        vfio_ccw_host_signal(host, g_rand_int_range(rand, VFIO_CCW_IO_IRQ_INDEX,
                                                    VFIO_CCW_REQ_IRQ_INDEX));
        break;
    default:
        if (garbage) {
            present_at_random(rand, host);
        }
        break;
    }
}

/*
 * The wire: what it does to one of the host's messages
 */

static void mutate(GRand *rand, GByteArray *bytes)
{
    static const uint32_t values[] = {
        0, 1, 16, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff,
    };
    unsigned at = g_rand_int_range(rand, 0, bytes->len);
    uint32_t value = values[g_rand_int_range(rand, 0, ARRAY_SIZE(values))];

    switch (g_rand_int_range(rand, 0, 4)) {
    case 0:
        bytes->data[at] ^= 1 << g_rand_int_range(rand, 0, 8);
        break;
    case 1:
        bytes->data[at] = random_byte(rand);
        break;
    case 2:
        at &= ~3;
        memcpy(bytes->data + at, &value, MIN(sizeof(value), bytes->len - at));
        break;
    default:
        g_byte_array_set_size(bytes, at + 1);
        if (at >= sizeof(VFIOUserHdr)) {
            ((VFIOUserHdr *)bytes->data)->size = bytes->len;
        }
        break;
    }
}

static void inject_at_random(GRand *rand, Wire *wire)
{
    VFIOUserDMARW rw = {
        .hdr.id = g_rand_int(rand),
        .hdr.command = g_rand_int_range(rand, 0, VFIO_USER_MAX + 1),
        .hdr.size = sizeof(rw),
        .offset = g_rand_int(rand),
        .count = g_rand_int_range(rand, 0, 2 * VFIO_USER_DEF_MAX_XFER),
    };
    int fd = STDERR_FILENO;

    wire_inject(wire, &rw, sizeof(rw), &fd, g_rand_int_range(rand, 0, 2));
}

static WireFate tamper_at_random(Wire *wire, WireMessage *message,
                                 void *opaque)
{
    GRand *rand = opaque;

    if (!message->from_host) {
        return WIRE_PASS;
    }
    switch (g_rand_int_range(rand, 0, 100)) {
    case 0:
        return WIRE_DROP;
    case 1:
        return WIRE_CUT;
    case 2:
        wire_inject(wire, message->bytes->data, message->bytes->len, NULL, 0);
        return WIRE_PASS;
    case 3 ... 6:
        inject_at_random(rand, wire);
        return WIRE_PASS;
    case 7 ... 14:
        mutate(rand, message->bytes);
        return WIRE_PASS;
    default:
        return WIRE_PASS;
    }
}

/*
 * The rounds
 */

static const char *fuzz_seconds(void)
{
    return g_getenv("FUZZ_SECONDS");
}

static bool go_on(unsigned round)
{
    unsigned seconds;

    if (!fuzz_seconds()) {
        return round < ROUNDS;
    }
    g_assert_cmpint(qemu_strtoui(fuzz_seconds(), NULL, 10, &seconds), ==, 0);
    return g_test_timer_elapsed() < seconds;
}

/* The numbers of this round, for the @who of it that needs some of its own */
static GRand *numbers_of(unsigned round, unsigned who)
{
    uint32_t seeds[] = { round, who, fuzz_seconds() ? g_test_rand_int() : 0 };

    return g_rand_new_with_seed_array(seeds, ARRAY_SIZE(seeds));
}

static bool is_gone(Bed *bed)
{
    return qcss_find(bed->qts, DEVNO) == 0;
}

static bool plug_within(Bed *bed, int timeout)
{
    QDict *arguments = device_arguments(bed);
    QDict *response;
    bool plugged;

    qdict_put_int(arguments, "x-msg-timeout", timeout);
    response = qtest_qmp(bed->qts, "{'execute': 'device_add',"
                         "'arguments': %p}", arguments);
    plugged = qdict_haskey(response, "return");
    qobject_unref(response);
    return plugged;
}

static void use_at_random(GRand *rand, Bed *bed)
{
    for (unsigned i = 0; i < STEPS; i++) {
        guest_step(rand, bed);
    }
    qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");
}

static void use_driver_at_random(GRand *rand, Bed *bed, bool garbage)
{
    for (unsigned i = 0; i < STEPS; i++) {
        guest_step(rand, bed);
        if (g_rand_boolean(rand)) {
            host_step(rand, bed, garbage);
        }
    }
    qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");
}

/* A good server and a sane guest, and the device is as new. */
static void assert_as_new(Bed *bed)
{
    IRB irb;

    plug(bed);
    take_interruptions(bed);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    g_assert_cmpint(ssch(bed), ==, 0);
    qcss_wait_irb(bed->qts, SCHID, &irb);
    g_assert_cmphex(irb.scsw.dstat, ==, NORMAL_END);
    qtest_qmp_device_del(bed->qts, "ccw0");
}

static void behave(VfioCcwHost *host)
{
    for (VfioCcwHostStep step = VFIO_CCW_HOST_START;
         step < VFIO_CCW_HOST_NR_STEPS; step++) {
        vfio_ccw_host_answer(host, step, 0, 0);
        vfio_ccw_host_unhold(host, step);
    }
}

/* Whatever the guest has done, a clear ends it, or the device is gone. */
static void assert_clears(Bed *bed)
{
    int64_t deadline = qcss_deadline();
    SCHIB schib;

    if (is_gone(bed)) {
        return;
    }
    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    if (!(schib.pmcw.flags & PMCW_FLAGS_MASK_ENA)) {
        qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    }
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    do {
        qtest_clock_step(bed->qts, RETRY_STEP_NS);
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    } while (!(schib.scsw.ctrl & SCSW_STCTL_STATUS_PEND) && !is_gone(bed));
    take_interruptions(bed);
}

static void test_fuzz_guest_and_driver(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed;

    config.device = VFIO_CCW_HOST_INSTANT;
    bed = bed_unplugged(&config);
    g_test_timer_start();
    for (unsigned round = 0; go_on(round); round++) {
        g_autoptr(GRand) rand = numbers_of(round, 0);

        plug(bed);
        qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
        use_driver_at_random(rand, bed, round % 2);
        behave(bed->host);
        if (round % 2 == 0) {
            assert_clears(bed);
        }
        qtest_qmp_device_del(bed->qts, "ccw0");
    }
    assert_as_new(bed);
    bed_end(bed);
}

static void test_fuzz_messages(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_new();
    g_autofree char *host_path = g_build_filename(bed->dir, "host", NULL);
    Wire *wire;

    config.device = VFIO_CCW_HOST_INSTANT;
    bed->host = vfio_ccw_host_start(host_path, &config, &error_abort);
    wire = wire_new(bed->socket, host_path);
    bed->qts = qcss_init(MACHINE_ARGS);
    g_test_timer_start();
    for (unsigned round = 0; go_on(round); round++) {
        g_autoptr(GRand) of_wire = numbers_of(round, 0);
        g_autoptr(GRand) of_guest = numbers_of(round, 1);

        wire_set_tamper(wire, tamper_at_random, of_wire);
        if (plug_within(bed, SHORT_TIMEOUT_MS)) {
            msch_at_random(of_guest, bed);
            use_at_random(of_guest, bed);
            qtest_qmp_device_del(bed->qts, "ccw0");
        }
        wire_set_tamper(wire, NULL, NULL);
        take_interruptions(bed);
    }
    assert_as_new(bed);
    wire_free(wire);
    bed_end(bed);
}

static void add_tests(void)
{
    qtest_add_func("/vfio-ccw/fuzz/guest-and-driver",
                   test_fuzz_guest_and_driver);
    qtest_add_func("/vfio-ccw/fuzz/messages", test_fuzz_messages);
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
