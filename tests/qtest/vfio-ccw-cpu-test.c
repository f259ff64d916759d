/*
 * QTest of vfio-ccw with CPUs that run a program
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All code below runs in the test's thread; see vfio-ccw-fixture.h.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "hw/s390x/s390-pci-clp.h"
#include "standard-headers/linux/pci_regs.h"
#include "s390x-mailbox.h"
#include "vfio-ccw-fixture.h"
#include "vfio-ccw-wire.h"

static SCHIB stsch(Bed *bed)
{
    SCHIB schib;

    g_assert_cmpint(s390x_mailbox_issue(bed->qts, 0, S390X_INSN_STSCH, SCHID,
                                        QCSS_OPERAND), ==, 0);
    qcss_read_schib(bed->qts, QCSS_OPERAND, &schib);
    return schib;
}

static void enable(Bed *bed)
{
    SCHIB schib = stsch(bed);

    qcss_set_enabled(&schib, INTPARM_MSCH);
    qcss_write_schib(bed->qts, QCSS_OPERAND, &schib);
    g_assert_cmpint(s390x_mailbox_issue(bed->qts, 0, S390X_INSN_MSCH, SCHID,
                                        QCSS_OPERAND), ==, 0);
}

/* Two CPUs that serve their mailboxes, and an enabled subchannel */
static Bed *bed_running(const VfioCcwHostConfig *config)
{
    Bed *bed = bed_new();
    g_autofree char *args = bed_device_args(bed);

    bed_start_host(bed, config);
    bed->qts = s390x_mailbox_init(args);
    enable(bed);
    return bed;
}

static IRB take_status(Bed *bed)
{
    int64_t deadline = qcss_deadline();
    IRB irb;

    while (s390x_mailbox_issue(bed->qts, 0, S390X_INSN_TSCH, SCHID,
                               QCSS_OPERAND) == 1) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
    qcss_read_irb(bed->qts, QCSS_OPERAND, &irb);
    return irb;
}

static void end_normally(Bed *bed)
{
    IRB irb;

    vfio_ccw_host_wait_start(bed->host, NULL);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    irb = take_status(bed);
    g_assert_cmphex(irb.scsw.ctrl, ==, SCSW_FCTL_START_FUNC | FINAL_STCTL);
    g_assert_cmphex(irb.scsw.dstat, ==, NORMAL_END);
}

#define STUCK_SECONDS 10

/*
 * The host does not answer before we let it. QMP and both CPUs go on, once
 * around or, with -m slow, for as long as somebody would notice.
 */
static void watch_what_goes_on(Bed *bed)
{
    int64_t begin = g_get_monotonic_time();
    int64_t slowest = 0;
    int64_t now;
    unsigned rounds = 0;

    do {
        int64_t asked = g_get_monotonic_time();

        qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");
        now = g_get_monotonic_time();
        slowest = MAX(slowest, now - asked);
        s390x_mailbox_wait_running(bed->qts, 0);
        s390x_mailbox_wait_running(bed->qts, 1);
        rounds++;
    } while (g_test_slow() && now - begin < STUCK_SECONDS * G_USEC_PER_SEC);
    g_test_message("stuck for %.1f s, query-status %u times: %.2f ms at most",
                   (now - begin) / 1e6, rounds, slowest / 1e3);
}

/*
 * Rule 1 with real CPUs: the CPU that issues SSCH to a stuck host, the other
 * CPU and QMP all go on.
 */
static void test_stuck_host_holds_no_cpu(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_running(&config);
    ORB orb;

    orb = noop_orb(bed);
    qcss_write_orb(bed->qts, QCSS_OPERAND, &orb);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_START);
    s390x_mailbox_post(bed->qts, 0, S390X_INSN_SSCH, SCHID, QCSS_OPERAND);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_START);

    g_assert_cmpint(s390x_mailbox_wait(bed->qts, 0), ==, 0);
    watch_what_goes_on(bed);
    g_assert_cmpint(s390x_mailbox_issue(bed->qts, 1, S390X_INSN_TSCH, SCHID,
                                        QCSS_OPERAND), ==, 1);

    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START);
    end_normally(bed);
    bed_end(bed);
}

/* Stopped, a CPU does nothing; going on, it does what it had been told. */
static void test_stopped_cpu_starts_nothing(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_running(&config);

    qtest_qmp_assert_success(bed->qts, "{'execute': 'stop'}");
    s390x_mailbox_post(bed->qts, 0, S390X_INSN_CSCH, SCHID, 0);
    wait_state(bed, "IDLE");
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_CLEARS), ==,
                    0);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'cont'}");
    g_assert_cmpint(s390x_mailbox_wait(bed->qts, 0), ==, 0);
    vfio_ccw_host_wait_clear(bed->host);
    bed_end(bed);
}

/*
 * A program resets the machine that it runs on, with a start under way. The CPU
 * begins anew, and finds the device as after any other reset.
 */
static void test_program_resets_its_machine(const void *subcode)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_running(&config);
    ORB orb = noop_orb(bed);
    unsigned resets;
    SCHIB schib;

    qcss_write_orb(bed->qts, QCSS_OPERAND, &orb);
    g_assert_cmpint(s390x_mailbox_issue(bed->qts, 0, S390X_INSN_SSCH, SCHID,
                                        QCSS_OPERAND), ==, 0);
    vfio_ccw_host_wait_start(bed->host, NULL);
    resets = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_RESETS);
    qtest_writeq(bed->qts, 0, S390X_MAILBOX_PSW);
    s390x_mailbox_post(bed->qts, 0, S390X_INSN_DIAG308, 0,
                       GPOINTER_TO_UINT(subcode));
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_RESETS, resets + 1);
    s390x_mailbox_forget(bed->qts, 0);

    schib = stsch(bed);
    g_assert_cmphex(schib.pmcw.flags, ==, PMCW_FLAGS_MASK_DNV);
    g_assert_cmphex(schib.pmcw.intparm, ==, 0);
    g_assert_cmphex(schib.scsw.ctrl, ==, 0);
    s390x_mailbox_wait_running(bed->qts, 1);
    enable(bed);
    qcss_write_orb(bed->qts, QCSS_OPERAND, &orb);
    g_assert_cmpint(s390x_mailbox_issue(bed->qts, 0, S390X_INSN_SSCH, SCHID,
                                        QCSS_OPERAND), ==, 0);
    end_normally(bed);
    bed_end(bed);
}

/*
 * Memory comes while the machine runs: the CPU's program maps the ROM of a PCI
 * function, in which there is a channel program.
 */

#define PCI_FUNCTION "virtio-rng-pci"

#define INSN_PCISTG 0xb9d00012      /* GR1: data, GR2: where, GR3: offset */
#define INSN_SERVC  0xb2200012      /* GR1: command, GR2: the SCCB */
#define INSN_LGR_31 0xb9040031      /* GR3 becomes what GR1 is */

#define CLP_BLOCK   QCSS_FREE
#define PCISTG_LIST QCSS_FREE
/* Where, but for the function's handle: four bytes of configuration space */
#define PCISTG_CONFIG (15u << 16 | 4)

#define ROM_SIZE 4096

typedef struct RomScene {
    Bed *bed;
    Wire *wire;
    uint32_t handle;
    char *said;                 /* the file of what QEMU has to say */
} RomScene;

static void clp(Bed *bed, const void *request, size_t len, void *response,
                size_t response_len)
{
    ClpRspHdr hdr = { .len = cpu_to_be16(response_len) };

    qtest_memwrite(bed->qts, CLP_BLOCK, request, len);
    qtest_memwrite(bed->qts, CLP_BLOCK + len, &hdr, sizeof(hdr));
    g_assert_cmpint(s390x_mailbox_issue(bed->qts, 0, S390X_INSN_CLP, 0,
                                        CLP_BLOCK), ==, 0);
    qtest_memread(bed->qts, CLP_BLOCK + len, response, response_len);
    memcpy(&hdr, response, sizeof(hdr));
    g_assert_cmphex(be16_to_cpu(hdr.rsp), ==, CLP_RC_OK);
}

/* The only function that there is: its handle */
static uint32_t enable_pci_function(Bed *bed)
{
    ClpReqListPci list = {
        .hdr = { .len = cpu_to_be16(32), .cmd = cpu_to_be16(CLP_LIST_PCI) },
    };
    ClpReqSetPci set = {
        .hdr = { .len = cpu_to_be16(32), .cmd = cpu_to_be16(CLP_SET_PCI_FN) },
        .oc = CLP_SET_ENABLE_PCI_FN,
        .ndas = 1,
    };
    ClpRspListPci found;
    ClpRspSetPci enabled;

    clp(bed, &list, sizeof(list), &found,
        offsetof(ClpRspListPci, fh_list[1]));
    set.fh = found.fh_list[0].fh;
    clp(bed, &set, sizeof(set), &enabled, sizeof(enabled));
    return be32_to_cpu(enabled.fh);
}

static void write_config(RomScene *scene, uint64_t offset, uint32_t value)
{
    QTestState *qts = scene->bed->qts;
    S390XInsn insns[] = {
        { .insn = INSN_LGR_31, .gr1 = offset },
        {
            .insn = INSN_PCISTG,
            .gr1 = bswap32(value),
            .gr2 = (uint64_t)scene->handle << 32 | PCISTG_CONFIG,
        },
    };

    s390x_mailbox_post_list(qts, 0, PCISTG_LIST, insns, ARRAY_SIZE(insns), 1);
    s390x_mailbox_wait_list(qts, 0, PCISTG_LIST, insns, ARRAY_SIZE(insns));
    g_assert_cmpint(insns[1].cc, ==, 0);
}

/* The second changes the machine's memory. */
static void map_rom(RomScene *scene, uint32_t addr)
{
    write_config(scene, PCI_ROM_ADDRESS, addr | PCI_ROM_ADDRESS_ENABLE);
    write_config(scene, PCI_COMMAND, PCI_COMMAND_MEMORY);
    g_assert_cmphex(qtest_readb(scene->bed->qts, addr), ==, CCW_CMD_NOOP);
}

static void unmap_rom(RomScene *scene)
{
    write_config(scene, PCI_COMMAND, 0);
}

static void start_at(Bed *bed, uint32_t addr)
{
    ORB orb = qcss_orb(INTPARM_SSCH, addr);

    qcss_write_orb(bed->qts, QCSS_OPERAND, &orb);
    g_assert_cmpint(s390x_mailbox_issue(bed->qts, 0, S390X_INSN_SSCH, SCHID,
                                        QCSS_OPERAND), ==, 0);
}

static void make_rom(const char *path)
{
    uint8_t rom[ROM_SIZE] = { CCW_CMD_NOOP, CCW_FLAG_SLI, 0, 1 };

    g_assert_true(g_file_set_contents(path, (char *)rom, sizeof(rom), NULL));
}

/* QEMU has no more questions to its host when this returns. */
static RomScene *rom_scene_new(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    RomScene *scene = g_new0(RomScene, 1);
    Bed *bed = bed_new();
    g_autofree char *host = g_build_filename(bed->dir, "host", NULL);
    g_autofree char *rom = g_build_filename(bed->dir, "rom", NULL);
    g_autofree char *device = bed_device_args(bed);
    g_autofree char *args = g_strdup_printf("%s -device " PCI_FUNCTION
                                            ",romfile=%s", device, rom);

    scene->bed = bed;
    bed->host = vfio_ccw_host_start(host, &config, &error_abort);
    scene->wire = wire_new(bed->socket, host);
    make_rom(rom);
    scene->said = record_begin();
    bed->qts = s390x_mailbox_init(args);
    record_end();
    unlink(rom);
    scene->handle = enable_pci_function(bed);
    enable(bed);
    noop_orb(bed);
    start_at(bed, PROGRAM);
    end_normally(bed);
    return scene;
}

static void rom_scene_end(RomScene *scene)
{
    qtest_qmp_device_del(scene->bed->qts, "ccw0");
    wire_free(scene->wire);
    bed_end(scene->bed);
    unlink(scene->said);
    g_free(scene->said);
    g_free(scene);
}

#define BESIDE_STORAGE 0x40000000
#define OVER_STORAGE   0x02000000

/* The host reads the channel program, and so has to have its memory. */
static void test_memory_comes_and_goes(void)
{
    RomScene *scene = rom_scene_new();
    Bed *bed = scene->bed;

    map_rom(scene, BESIDE_STORAGE);
    start_at(bed, BESIDE_STORAGE);
    end_normally(bed);

    unmap_rom(scene);
    start_at(bed, BESIDE_STORAGE);
    g_assert_cmphex(take_status(bed).scsw.cstat, ==, SCSW_CSTAT_PROG_CHECK);
    g_assert_cmpuint(count_messages(scene->said), ==, 0);
    rom_scene_end(scene);
}

/* The server that comes then has the memory all the same. */
static void lose_and_return(RomScene *scene, uint32_t addr)
{
    Bed *bed = scene->bed;

    expect_event(bed, "lost");
    expect_event(bed, "returned");
    enable(bed);
    start_at(bed, addr);
    end_normally(bed);
}

/*
 * QEMU learns that nobody reads its messages any more when it sends the first
 * about the new memory, and says so once: there are others to come where that
 * memory is over storage. It says no more than that, and that the host is back.
 */
static void test_memory_comes_to_nobody(const void *data)
{
    uint32_t addr = GPOINTER_TO_UINT(data);
    RomScene *scene = rom_scene_new();

    wire_refuse(scene->wire);
    map_rom(scene, addr);
    lose_and_return(scene, addr);
    g_assert_cmpuint(count_said(scene->said, "the host is lost"), ==, 1);
    g_assert_cmpuint(count_messages(scene->said), ==, 2);
    rom_scene_end(scene);
}

#define SCLP_READ_SCP_INFO 0x00020001
#define PGM_PROTECTION     (-0x04)
#define TEID               0xa8     /* in the lowcore */

/* The ROM is read as an SCCB that is long enough; no answer fits into it. */
static void test_memory_comes_over_an_sccb(void)
{
    RomScene *scene = rom_scene_new();
    QTestState *qts = scene->bed->qts;

    map_rom(scene, OVER_STORAGE);
    g_assert_cmpint(s390x_mailbox_issue(qts, 0, INSN_SERVC, SCLP_READ_SCP_INFO,
                                        OVER_STORAGE), ==, PGM_PROTECTION);
    g_assert_cmphex(qtest_readq(qts, TEID) & ~0xfffULL, ==, OVER_STORAGE);
    unmap_rom(scene);
    rom_scene_end(scene);
}

/* The CPU does not wait, in vain, for a server that looks at no message. */
static void test_memory_comes_to_a_stuck_server(void)
{
    RomScene *scene = rom_scene_new();

    wire_turn_deaf(scene->wire);
    map_rom(scene, BESIDE_STORAGE);
    wait_state(scene->bed, "IDLE");
    g_assert_cmpuint(count_messages(scene->said), ==, 0);
    wire_cut(scene->wire);
    lose_and_return(scene, BESIDE_STORAGE);
    rom_scene_end(scene);
}

/*
 * Two CPUs race: each issues a list of its own, mixed at random, but each time
 * the same. When they meet is chance enough.
 */

#define RACE_LENGTH 3000
#define RACE_ROUNDS 3
#define LIST(cpu)   (0x200000 + (cpu) * 0x100000)
#define IRBS(cpu)   (0x400000 + (cpu) * 0x100000)
#define IRB_STRIDE  128

/* To let the host play, too, between two instructions */
#define RACE_PAUSE  20000

/* What the guest was told, in all */
typedef struct Tally {
    unsigned starts, halts, clears, cancels;    /* accepted */
    unsigned start_ends, halt_ends, clear_ends; /* seen by TSCH */
    unsigned normal_ends;
} Tally;

static void tally_irb(Tally *tally, const IRB *irb)
{
    uint16_t ctrl = irb->scsw.ctrl;

    g_assert_cmphex(ctrl & SCSW_STCTL_STATUS_PEND, !=, 0);
    g_assert_cmphex(ctrl & SCSW_CTRL_MASK_FCTL, !=, 0);
    tally->start_ends += !!(ctrl & SCSW_FCTL_START_FUNC);
    tally->halt_ends += !!(ctrl & SCSW_FCTL_HALT_FUNC);
    tally->clear_ends += !!(ctrl & SCSW_FCTL_CLEAR_FUNC);
    tally->normal_ends += irb->scsw.dstat == NORMAL_END;
}

static void tally_insn(Bed *bed, Tally *tally, const S390XInsn *insn)
{
    bool accepted = insn->cc == 0;
    IRB irb;

    switch (insn->insn) {
    case S390X_INSN_SSCH:
        g_assert_cmpint(insn->cc, <=, 2);
        tally->starts += accepted;
        break;
    case S390X_INSN_HSCH:
        g_assert_cmpint(insn->cc, <=, 2);
        tally->halts += accepted;
        break;
    case S390X_INSN_XSCH:
        g_assert_cmpint(insn->cc, <=, 2);
        tally->cancels += accepted;
        break;
    case S390X_INSN_CSCH:
        g_assert_cmpint(insn->cc, ==, 0);
        tally->clears++;
        break;
    case S390X_INSN_TSCH:
        g_assert_cmpint(insn->cc, <=, 1);
        if (accepted) {
            qcss_read_irb(bed->qts, insn->gr2, &irb);
            tally_irb(tally, &irb);
        }
        break;
    }
}

static void mix(GRand *rand, S390XInsn *insns, int cpu, const uint32_t *choice,
                int n)
{
    for (int i = 0; i < RACE_LENGTH; i++) {
        insns[i] = (S390XInsn) {
            .insn = choice[g_rand_int_range(rand, 0, n)],
            .gr1 = SCHID,
            .gr2 = IRBS(cpu) + i * IRB_STRIDE,
        };
        if (insns[i].insn == S390X_INSN_SSCH) {
            insns[i].gr2 = QCSS_OPERAND;
        }
    }
}

static void race(GRand *rand, Bed *bed, Tally *tally, const uint32_t *choice,
                 int n)
{
    g_autofree S390XInsn *insns = g_new(S390XInsn, RACE_LENGTH);

    for (int cpu = 0; cpu < 2; cpu++) {
        mix(rand, insns, cpu, choice, n);
        s390x_mailbox_post_list(bed->qts, cpu, LIST(cpu), insns, RACE_LENGTH,
                                RACE_PAUSE);
    }
    for (int cpu = 0; cpu < 2; cpu++) {
        s390x_mailbox_wait_list(bed->qts, cpu, LIST(cpu), insns, RACE_LENGTH);
        for (int i = 0; i < RACE_LENGTH; i++) {
            tally_insn(bed, tally, &insns[i]);
        }
    }
}

static int issue(Bed *bed, Tally *tally, uint32_t insn, uint64_t operand)
{
    S390XInsn issued = { .insn = insn, .gr1 = SCHID, .gr2 = operand };

    issued.cc = s390x_mailbox_issue(bed->qts, 0, insn, SCHID, operand);
    tally_insn(bed, tally, &issued);
    return issued.cc;
}

static uint16_t stored_scsw_ctrl(Bed *bed)
{
    SCHIB schib;

    g_assert_cmpint(s390x_mailbox_issue(bed->qts, 0, S390X_INSN_STSCH, SCHID,
                                        IRBS(0)), ==, 0);
    qcss_read_schib(bed->qts, IRBS(0), &schib);
    return schib.scsw.ctrl;
}

/* Take status until no function is in progress and none has status. */
static void quiesce(Bed *bed, Tally *tally)
{
    int64_t deadline = qcss_deadline();

    while (stored_scsw_ctrl(bed)) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        issue(bed, tally, S390X_INSN_TSCH, IRBS(0));
    }
    g_assert_cmpint(issue(bed, tally, S390X_INSN_TSCH, IRBS(0)), ==, 1);
}

static void assert_one_end_each(Bed *bed, const Tally *tally)
{
    unsigned host_starts = vfio_ccw_host_count(bed->host,
                                               VFIO_CCW_HOST_STARTS);
    unsigned ended = tally->start_ends + tally->cancels;

    g_test_message("%u starts: %u ends, %u cancelled; %u halts: %u ends; "
                   "%u clears: %u ends; %u starts at the host",
                   tally->starts, tally->start_ends, tally->cancels,
                   tally->halts, tally->halt_ends, tally->clears,
                   tally->clear_ends, host_starts);
    /* A clear supersedes at most one start, one halt, and the last clear. */
    g_assert_cmpint(ended, <=, tally->starts);
    g_assert_cmpint(tally->starts, <=, ended + tally->clears);
    g_assert_cmpint(tally->halt_ends, <=, tally->halts);
    g_assert_cmpint(tally->halts, <=, tally->halt_ends + tally->clears);
    g_assert_cmpint(tally->clear_ends, <=, tally->clears);
    g_assert_cmpint(!!tally->clear_ends, ==, !!tally->clears);
    g_assert_cmpint(tally->normal_ends, <=, host_starts);
    g_assert_cmpint(host_starts, <=, tally->starts);
}

static void run_race(const uint32_t *choice, int n)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    g_autoptr(GRand) rand = g_rand_new_with_seed(n);
    Bed *bed;
    ORB orb;
    Tally tally = {};

    config.device = VFIO_CCW_HOST_INSTANT;
    bed = bed_running(&config);
    orb = noop_orb(bed);
    qcss_write_orb(bed->qts, QCSS_OPERAND, &orb);
    for (int round = 0; round < RACE_ROUNDS; round++) {
        race(rand, bed, &tally, choice, n);
        quiesce(bed, &tally);
        assert_one_end_each(bed, &tally);
    }

    /* All is well: one more start runs to its normal end. */
    tally = (Tally) {};
    g_assert_cmpint(issue(bed, &tally, S390X_INSN_SSCH, QCSS_OPERAND), ==, 0);
    quiesce(bed, &tally);
    g_assert_cmpint(tally.normal_ends, ==, 1);
    bed_end(bed);
}

static void test_starts_and_status_race(void)
{
    static const uint32_t choice[] = {
        S390X_INSN_SSCH, S390X_INSN_TSCH,
    };

    run_race(choice, ARRAY_SIZE(choice));
}

static void test_halts_and_cancels_race_with_starts(void)
{
    static const uint32_t choice[] = {
        S390X_INSN_SSCH, S390X_INSN_SSCH, S390X_INSN_TSCH, S390X_INSN_TSCH,
        S390X_INSN_HSCH, S390X_INSN_XSCH,
    };

    run_race(choice, ARRAY_SIZE(choice));
}

static void test_all_race(void)
{
    static const uint32_t choice[] = {
        S390X_INSN_SSCH, S390X_INSN_SSCH, S390X_INSN_SSCH, S390X_INSN_SSCH,
        S390X_INSN_TSCH, S390X_INSN_TSCH, S390X_INSN_TSCH, S390X_INSN_TSCH,
        S390X_INSN_TSCH, S390X_INSN_TSCH, S390X_INSN_TSCH, S390X_INSN_TSCH,
        S390X_INSN_HSCH, S390X_INSN_XSCH, S390X_INSN_CSCH,
    };

    run_race(choice, ARRAY_SIZE(choice));
}

static void add_memory_tests(void)
{
    if (!qtest_has_device(PCI_FUNCTION)) {
        return;
    }
    qtest_add_func("/vfio-ccw/memory/comes-and-goes",
                   test_memory_comes_and_goes);
    qtest_add_data_func("/vfio-ccw/memory/comes-to-nobody",
                        GUINT_TO_POINTER(BESIDE_STORAGE),
                        test_memory_comes_to_nobody);
    qtest_add_data_func("/vfio-ccw/memory/comes-over-storage-to-nobody",
                        GUINT_TO_POINTER(OVER_STORAGE),
                        test_memory_comes_to_nobody);
    qtest_add_func("/vfio-ccw/memory/comes-over-an-sccb",
                   test_memory_comes_over_an_sccb);
    qtest_add_func("/vfio-ccw/memory/comes-to-a-stuck-server",
                   test_memory_comes_to_a_stuck_server);
}

static void add_tests(void)
{
    if (!qtest_has_accel("tcg")) {
        return;
    }
    qtest_add_func("/vfio-ccw/start/stuck-host-holds-no-cpu",
                   test_stuck_host_holds_no_cpu);
    qtest_add_func("/vfio-ccw/stop/cpu-starts-nothing",
                   test_stopped_cpu_starts_nothing);
    qtest_add_data_func("/vfio-ccw/reset/by-a-program/modified-clear",
                        GUINT_TO_POINTER(0), test_program_resets_its_machine);
    qtest_add_data_func("/vfio-ccw/reset/by-a-program/load-normal",
                        GUINT_TO_POINTER(1), test_program_resets_its_machine);
    qtest_add_data_func("/vfio-ccw/reset/by-a-program/load-clear",
                        GUINT_TO_POINTER(3), test_program_resets_its_machine);
    qtest_add_func("/vfio-ccw/race/starts-and-status",
                   test_starts_and_status_race);
    qtest_add_func("/vfio-ccw/race/halts-and-cancels-with-starts",
                   test_halts_and_cancels_race_with_starts);
    qtest_add_func("/vfio-ccw/race/all", test_all_race);
    add_memory_tests();
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
