/*
 * The "css" commands of the qtest protocol: channel I/O from a test
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The machine's init registers them when the accelerator is qtest; each then
 * runs in the main loop under the BQL, like every qtest command.  The first
 * CPU lends its registers and its PSW; nothing executes on it meanwhile, so
 * they can be set and read freely.  With any other accelerator a test needs a
 * program in the guest, which is also the only way to have two CPUs race.
 *
 *   css {xsch|csch|hsch|rsch} SCHID
 *   css rchp PATH
 *   css {ssch|msch|stsch|tsch} SCHID ADDRESS
 *   css {stcrw|chsc} ADDRESS
 *   css schm CONTROL ADDRESS
 *       issue the instruction; SCHID is the subsystem-identification word,
 *       ADDRESS the real address of the operand, PATH and CONTROL are what
 *       general register 1 has
 *       OK cc CC, or OK pgm CODE if it ended with a program interruption
 *   css diag308 SUBCODE
 *       issue DIAGNOSE 308; a reset that it asks for comes after the reply and
 *       before the next command
 *       OK cc CC, where the CC of a reset means nothing
 *   css dequeue-io CR6
 *       take one pending I/O interruption whose ISC is enabled in CR6; the
 *       interrupt controller hands out the youngest of an ISC first
 *       OK WORD0 WORD1 WORD2 (the I/O-interruption code), or OK none
 *   css dequeue-crw-mchk
 *       take the channel-report-pending machine check
 *       OK taken, or OK none
 *
 * A command that makes no sense is answered with FAIL.
 */

#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "cpu.h"
#include "s390x-internal.h"
#include "hw/s390x/css-qtest.h"
#include "hw/s390x/ioinst.h"
#include "hw/s390x/s390_flic.h"
#include "system/qtest.h"

/* The general register that holds the address of the storage operand */
#define OPERAND_BASE 2
#define OPERAND_IPB (OPERAND_BASE << 28)

/* The one that holds the subcode of a DIAGNOSE */
#define SUBCODE 3

#define MAX_ARGS 2

/* One of the handlers is set: what the instruction works on */
typedef struct Instruction {
    const char *name;
    void (*subchannel)(S390CPU *cpu, uint64_t schid, uintptr_t ra);
    void (*subchannel_storage)(S390CPU *cpu, uint64_t schid, uint32_t ipb,
                               uintptr_t ra);
    void (*storage)(S390CPU *cpu, uint32_t ipb, uintptr_t ra);
    void (*subcode)(S390CPU *cpu, uint64_t subcode);
} Instruction;

static void handle_tsch(S390CPU *cpu, uint64_t schid, uint32_t ipb,
                        uintptr_t ra)
{
    /* The return value only repeats what the PSW or int_pgm_code tells. */
    ioinst_handle_tsch(cpu, schid, ipb, ra);
}

/* Its register is not where those of the others are. */
static void handle_chsc(S390CPU *cpu, uint32_t ipb, uintptr_t ra)
{
    ioinst_handle_chsc(cpu, OPERAND_BASE << 20, ra);
}

static void handle_schm(S390CPU *cpu, uint64_t control, uint32_t ipb,
                        uintptr_t ra)
{
    ioinst_handle_schm(cpu, control, cpu->env.regs[OPERAND_BASE], ipb, ra);
}

/* No subcode of a reset has another operand. */
static void handle_diag308(S390CPU *cpu, uint64_t subcode)
{
    cpu->env.regs[SUBCODE] = subcode;
    handle_diag_308(&cpu->env, 0, SUBCODE, 0);
}

static const Instruction instructions[] = {
    { "xsch", .subchannel = ioinst_handle_xsch },
    { "csch", .subchannel = ioinst_handle_csch },
    { "hsch", .subchannel = ioinst_handle_hsch },
    { "rsch", .subchannel = ioinst_handle_rsch },
    { "rchp", .subchannel = ioinst_handle_rchp },
    { "ssch", .subchannel_storage = ioinst_handle_ssch },
    { "msch", .subchannel_storage = ioinst_handle_msch },
    { "stsch", .subchannel_storage = ioinst_handle_stsch },
    { "tsch", .subchannel_storage = handle_tsch },
    { "schm", .subchannel_storage = handle_schm },
    { "stcrw", .storage = ioinst_handle_stcrw },
    { "chsc", .storage = handle_chsc },
    { "diag308", .subcode = handle_diag308 },
};

static const Instruction *find_instruction(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(instructions); i++) {
        if (strcmp(instructions[i].name, name) == 0) {
            return &instructions[i];
        }
    }
    return NULL;
}

static bool parse_args(gchar **words, unsigned int count, uint64_t *args)
{
    if (g_strv_length(words) != count) {
        return false;
    }
    for (unsigned int i = 0; i < count; i++) {
        if (qemu_strtou64(words[i], NULL, 0, &args[i]) < 0) {
            return false;
        }
    }
    return true;
}

static void issue(const Instruction *insn, S390CPU *cpu, const uint64_t *args)
{
    CPUS390XState *env = &cpu->env;

    env->int_pgm_code = 0;
    if (insn->subchannel) {
        insn->subchannel(cpu, args[0], 0);
    } else if (insn->subchannel_storage) {
        env->regs[OPERAND_BASE] = args[1];
        insn->subchannel_storage(cpu, args[0], OPERAND_IPB, 0);
    } else if (insn->subcode) {
        insn->subcode(cpu, args[0]);
    } else {
        env->regs[OPERAND_BASE] = args[0];
        insn->storage(cpu, OPERAND_IPB, 0);
    }
}

static bool run_instruction(CharFrontend *chr, const Instruction *insn,
                            gchar **words)
{
    S390CPU *cpu = S390_CPU(first_cpu);
    uint64_t args[MAX_ARGS];

    if (!parse_args(words, insn->subchannel_storage ? 2 : 1, args)) {
        return false;
    }
    issue(insn, cpu, args);
    if (cpu->env.int_pgm_code) {
        qtest_sendf(chr, "OK pgm 0x%" PRIx32 "\n", cpu->env.int_pgm_code);
    } else {
        qtest_sendf(chr, "OK cc %d\n",
                    (int)extract64(cpu->env.psw.mask, ctz64(PSW_MASK_CC), 2));
    }
    return true;
}

static bool dequeue_io(CharFrontend *chr, gchar **words)
{
    QEMUS390FLICState *flic = s390_get_qemu_flic(s390_get_flic());
    g_autofree QEMUS390FlicIO *io = NULL;
    uint64_t cr6;

    if (!parse_args(words, 1, &cr6)) {
        return false;
    }
    io = qemu_s390_flic_dequeue_io(flic, cr6);
    if (io) {
        qtest_sendf(chr, "OK 0x%" PRIx32 " 0x%" PRIx32 " 0x%" PRIx32 "\n",
                    (uint32_t)io->id << 16 | io->nr, io->parm, io->word);
    } else {
        qtest_sendf(chr, "OK none\n");
    }
    return true;
}

static bool dequeue_crw_mchk(CharFrontend *chr, gchar **words)
{
    QEMUS390FLICState *flic = s390_get_qemu_flic(s390_get_flic());

    if (!parse_args(words, 0, NULL)) {
        return false;
    }
    if (qemu_s390_flic_has_crw_mchk(flic)) {
        qemu_s390_flic_dequeue_crw_mchk(flic);
        qtest_sendf(chr, "OK taken\n");
    } else {
        qtest_sendf(chr, "OK none\n");
    }
    return true;
}

static bool run_command(CharFrontend *chr, const char *name, gchar **words)
{
    const Instruction *insn = find_instruction(name);

    if (insn) {
        return run_instruction(chr, insn, words);
    }
    if (strcmp(name, "dequeue-io") == 0) {
        return dequeue_io(chr, words);
    }
    if (strcmp(name, "dequeue-crw-mchk") == 0) {
        return dequeue_crw_mchk(chr, words);
    }
    return false;
}

static bool css_qtest_command(CharFrontend *chr, gchar **words)
{
    if (strcmp(words[0], "css") != 0) {
        return false;
    }
    if (!words[1] || !run_command(chr, words[1], words + 2)) {
        qtest_sendf(chr, "FAIL not a css command\n");
    }
    return true;
}

void css_qtest_init(void)
{
    qtest_set_command_cb(css_qtest_command);
}
