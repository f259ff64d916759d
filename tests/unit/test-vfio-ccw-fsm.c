/*
 * vfio-ccw: unit tests of the state machine
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The machine and the oracle (vfio-ccw-fsm-oracle.c) take the same inputs,
 * and all that a guest could see is compared after each: condition code,
 * SCSW, PMCW, ESW and ECW, and what the caller is told to do. Besides there
 * are invariants that need no oracle, the orders of events that were hard to
 * get right, by name, and the table in docs/devel/vfio-ccw.rst.
 *
 * One thread. With VFIO_CCW_FSM_PRINT_TABLE set in the environment, prints
 * that table and tests nothing.
 */

#include "qemu/osdep.h"
#include "vfio-ccw-fsm-oracle.h"

#define CPA 0x1000
#define INTPARM 0x12345678
#define OPERATIONAL (PMCW_FLAGS_MASK_DNV | PMCW_FLAGS_MASK_ENA)
#define MAX_HISTORY 64

/* Inputs */

typedef enum Kind {
    KIND_INSTRUCTION,
    KIND_TSCH,
    KIND_MSCH,      /* enable or disable, where PoP lets it */
    KIND_PROGRESS,
    KIND_ANSWER,
    KIND_IRB,
    KIND_SCHIB,
    KIND_EVENT,
} Kind;

typedef struct Input {
    const char *name;
    Kind kind;
    VFIOCCWEvent event;
    bool superseded;    /* is about the request before the newest */
    int ret;
    bool schib_lost;
    SCSW scsw;
    uint32_t sense;
    bool schib;         /* what the host's shows is known */
    uint16_t host_ctrl;
} Input;

#define INSTRUCTION(x) { #x, KIND_INSTRUCTION, VFIO_CCW_EV_ ## x }
#define EVENT(x) { #x, KIND_EVENT, VFIO_CCW_EV_ ## x }
#define ANSWER(text, ...) { text, KIND_ANSWER, .ret = __VA_ARGS__ }
#define STATUS(text, ...) { text, KIND_IRB, .scsw = { __VA_ARGS__ } }

#define START SCSW_FCTL_START_FUNC
#define HALT SCSW_FCTL_HALT_FUNC
#define CLEAR SCSW_FCTL_CLEAR_FUNC
#define STARTING SCSW_ACTL_START_PEND
#define ACTIVE (SCSW_ACTL_SUBCH_ACTIVE | SCSW_ACTL_DEVICE_ACTIVE)
#define DEVICE SCSW_ACTL_DEVICE_ACTIVE
#define PENDING SCSW_STCTL_STATUS_PEND
#define INTERMEDIATE (SCSW_STCTL_INTERMEDIATE | PENDING)
#define PRIMARY (SCSW_STCTL_PRIMARY | PENDING)
#define SECONDARY (SCSW_STCTL_SECONDARY | PENDING)
#define ALERT (SCSW_STCTL_ALERT | PENDING)
#define CE SCSW_DSTAT_CHANNEL_END
#define DE SCSW_DSTAT_DEVICE_END
#define UC SCSW_DSTAT_UNIT_CHECK

static const Input inputs[] = {
    INSTRUCTION(SSCH),
    INSTRUCTION(HSCH),
    INSTRUCTION(CSCH),
    INSTRUCTION(XSCH),
    INSTRUCTION(RSCH),
    { "TSCH", KIND_TSCH },
    { "MSCH", KIND_MSCH },

    { "SENT", KIND_PROGRESS, VFIO_CCW_EV_SENT },
    { "RETRY", KIND_PROGRESS, VFIO_CCW_EV_RETRY },
    ANSWER("ok", 0),
    ANSWER("EAGAIN", -EAGAIN),
    ANSWER("EBUSY", -EBUSY),
    ANSWER("EACCES", -EACCES),
    ANSWER("EACCES-lost", -EACCES, .schib_lost = true),
    ANSWER("ENODEV", -ENODEV),
    ANSWER("ENODEV-lost", -ENODEV, .schib_lost = true),
    ANSWER("EIO", -EIO),
    ANSWER("EIO-lost", -EIO, .schib_lost = true),
    ANSWER("EINVAL", -EINVAL),
    ANSWER("EOPNOTSUPP", -EOPNOTSUPP),
    ANSWER("EFAULT", -EFAULT),
    ANSWER("EPERM", -EPERM),
    ANSWER("ENOMEM", -ENOMEM),
    ANSWER("ETIMEDOUT", -ETIMEDOUT),
    ANSWER("ESHUTDOWN", -ESHUTDOWN),

    { "old-SENT", KIND_PROGRESS, VFIO_CCW_EV_SENT, true },
    { "old-RETRY", KIND_PROGRESS, VFIO_CCW_EV_RETRY, true },
    ANSWER("old-ok", 0, .superseded = true),
    ANSWER("old-EBUSY", -EBUSY, .superseded = true),
    ANSWER("old-EACCES", -EACCES, .superseded = true),
    ANSWER("old-EIO-lost", -EIO, .superseded = true, .schib_lost = true),

    STATUS("not-pending", .ctrl = START | ACTIVE),
    STATUS("PCI", .ctrl = START | ACTIVE | INTERMEDIATE, .cpa = CPA + 16,
           .cstat = SCSW_CSTAT_PCI),
    STATUS("initial", .flags = SCSW_FLAGS_MASK_ZCC,
           .ctrl = START | ACTIVE | INTERMEDIATE, .cpa = CPA + 8),
    STATUS("CE", .ctrl = START | DEVICE | PRIMARY, .cpa = CPA + 24,
           .dstat = CE, .count = 5),
    STATUS("DE", .ctrl = SECONDARY, .dstat = DE),
    { "DE-host-idle", KIND_IRB, .scsw = { .ctrl = SECONDARY, .dstat = DE },
      .schib = true },
    STATUS("CE+DE", .ctrl = START | PRIMARY | SECONDARY, .cpa = CPA + 32,
           .dstat = CE | DE, .count = 7),
    STATUS("CE+DE+N", .flags = SCSW_FLAGS_MASK_PNO,
           .ctrl = START | PRIMARY | SECONDARY, .cpa = CPA + 40,
           .dstat = CE | DE),
    { "UC", KIND_IRB, .sense = 0x80001234,
      .scsw = { .flags = SCSW_FLAGS_MASK_ESWF | SCSW_FLAGS_MASK_ECTL,
                .ctrl = START | ALERT | PRIMARY | SECONDARY,
                .cpa = CPA + 48, .dstat = CE | DE | UC } },
    { "CE+UC", KIND_IRB, .sense = 0x80004321,
      .scsw = { .flags = SCSW_FLAGS_MASK_ESWF | SCSW_FLAGS_MASK_ECTL,
                .ctrl = START | DEVICE | ALERT | PRIMARY,
                .cpa = CPA + 56, .dstat = CE | UC } },
    { "DE+UC", KIND_IRB, .sense = 0x40008765,
      .scsw = { .flags = SCSW_FLAGS_MASK_ESWF | SCSW_FLAGS_MASK_ECTL,
                .ctrl = ALERT | SECONDARY, .dstat = DE | UC } },
    STATUS("program-check", .ctrl = START | ALERT | PRIMARY | SECONDARY,
           .cpa = CPA + 64, .cstat = SCSW_CSTAT_PROG_CHECK),
    STATUS("deferred-1", .flags = 0x0100, .ctrl = START | STARTING | ALERT),
    STATUS("deferred-1+DE", .flags = 0x0100,
           .ctrl = START | STARTING | ALERT | SECONDARY, .dstat = DE),
    STATUS("deferred-3", .flags = 0x0300 | SCSW_FLAGS_MASK_PNO,
           .ctrl = START | STARTING | ALERT),
    STATUS("alert", .ctrl = ALERT, .dstat = SCSW_DSTAT_ATTENTION),
    { "alert-host-idle", KIND_IRB, .schib = true,
      .scsw = { .ctrl = ALERT, .dstat = SCSW_DSTAT_ATTENTION } },
    { "alert-UC", KIND_IRB, .sense = 0x02005678,
      .scsw = { .flags = SCSW_FLAGS_MASK_ESWF | SCSW_FLAGS_MASK_ECTL,
                .ctrl = ALERT, .dstat = UC } },
    STATUS("all-active", .ctrl = START | SCSW_CTRL_MASK_ACTL | PRIMARY),
    STATUS("halted", .ctrl = HALT | PENDING, .dstat = DE),
    STATUS("halted+CE+DE", .ctrl = START | HALT | PRIMARY | SECONDARY,
           .cpa = CPA + 72, .dstat = CE | DE, .count = 9),
    { "halted+CE+DE-known", KIND_IRB, .schib = true, .host_ctrl = DEVICE,
      .scsw = { .ctrl = START | HALT | PRIMARY | SECONDARY,
                .cpa = CPA + 72, .dstat = CE | DE, .count = 9 } },
    { "halted-unbegun", KIND_IRB, .schib = true,
      .scsw = { .ctrl = START | HALT | STARTING | SCSW_ACTL_HALT_PEND |
                PENDING } },
    STATUS("halted+N", .flags = SCSW_FLAGS_MASK_PNO, .ctrl = HALT | PENDING),
    STATUS("cleared", .ctrl = CLEAR | PENDING, .cpa = CPA),

    { "SCHIB", KIND_SCHIB, VFIO_CCW_EV_SCHIB },
    EVENT(CRW),
    EVENT(REQ),
    EVENT(GONE),
    EVENT(RETURNED),
    EVENT(OPEN),
    EVENT(CLOSE),
    EVENT(EXPIRED),
    EVENT(QUIESCED),
    EVENT(RESET),
};

static const ORB orb = {
    .intparm = INTPARM,
    .ctrl0 = 0x3000 | ORB_CTRL0_MASK_FMT | ORB_CTRL0_MASK_PFCH |
             ORB_CTRL0_MASK_C64,
    .lpm = 0xc0,
    .cpa = CPA,
};

static SCHIB host_schib(void)
{
    return (SCHIB) {
        .pmcw = {
            .intparm = 0xdeadbeef, .flags = 0xffff, .devno = 0xffff,
            .lpm = 0x55, .pnom = 1, .lpum = 0x80, .pim = 0xe0,
            .mbi = 0xffff, .pom = 0xf1, .pam = 0xc0,
            .chpid = { 0x11, 0x20, 0x30 }, .chars = 0xffffffff,
        },
        .scsw = { .ctrl = 0xffff },
    };
}

/* One machine, its oracle, and what the link and the guest know */

typedef struct World {
    VFIOCCWFsm fsm;
    SCHIB schib;
    Oracle oracle;
    VFIOCCWVerdict verdict;
    uint32_t request;        /* the newest that the link was given */
    Place at_link;
    bool owed;               /* a start was accepted, its end not seen yet */
    unsigned steps;
    uint8_t history[MAX_HISTORY];
} World;

static uint64_t steps_run;
static unsigned differences;
static bool cells_met[VFIO_CCW_STATE__MAX][VFIO_CCW_EV__MAX];

static void world_init(World *w)
{
    memset(w, 0, sizeof(*w));
    vfio_ccw_fsm_init(&w->fsm, &w->schib);
    oracle_init(&w->oracle);
}

static void world_copy(World *to, const World *from)
{
    *to = *from;
    to->fsm.schib = &to->schib;
}

static char *history(const World *w)
{
    GString *text = g_string_new(NULL);
    unsigned i;

    for (i = 0; i + 1 < w->steps; i++) {
        g_string_append_printf(text, "%s ", inputs[w->history[i]].name);
    }
    return g_string_free(text, FALSE);
}

/* One difference is enough to fail; the first few help to understand. */
static void G_GNUC_PRINTF(2, 3) differ(const World *w, const char *format, ...)
{
    g_autofree char *path = history(w);
    g_autofree char *text = NULL;
    va_list arguments;

    g_test_fail();
    if (differences++ >= 40) {
        return;
    }
    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_test_message("%sin %s, %s (taken for %s) led to %s: %s", path,
                   vfio_ccw_state_name(w->verdict.from),
                   inputs[w->history[w->steps - 1]].name,
                   vfio_ccw_event_name(w->verdict.event),
                   vfio_ccw_state_name(w->fsm.state), text);
}

static bool is_pending(const World *w)
{
    return w->schib.scsw.ctrl & PENDING;
}

static bool is_quiescing(VFIOCCWState state)
{
    return state >= VFIO_CCW_QUIESCING_HALT && state <= VFIO_CCW_QUIESCING;
}

/* May QEMU and the link bring @input now? */
static bool is_legal(const World *w, const Input *input)
{
    VFIOCCWState state = oracle_state(&w->oracle);
    bool gone = input->ret == -ETIMEDOUT || input->ret == -ESHUTDOWN ||
                (input->schib_lost && input->ret != -EACCES);
    bool never_sent = w->at_link == PLACE_KEPT && input->ret &&
                      state == VFIO_CCW_START_QUEUED;

    switch (input->kind) {
    case KIND_MSCH:
        return w->schib.pmcw.flags & PMCW_FLAGS_MASK_DNV &&
               !(w->schib.scsw.ctrl & (SCSW_CTRL_MASK_FCTL | PENDING));
    case KIND_PROGRESS:
        return input->superseded ||
               w->at_link == (input->event == VFIO_CCW_EV_SENT ? PLACE_KEPT
                                                               : PLACE_GOING);
    case KIND_ANSWER:
        /* Who is stopped need not be heard first. */
        return input->superseded || gone || never_sent ||
               w->at_link == PLACE_GOING ||
               state == VFIO_CCW_QUIESCING_HALT ||
               state == VFIO_CCW_QUIESCING_CLEAR;
    case KIND_EVENT:
        switch (input->event) {
        case VFIO_CCW_EV_OPEN:
            return state == VFIO_CCW_STANDBY;
        case VFIO_CCW_EV_CLOSE:
            return state != VFIO_CCW_STANDBY && state != VFIO_CCW_QUIESCING;
        case VFIO_CCW_EV_EXPIRED:
            return vfio_ccw_fsm_stopping(&w->fsm);
        case VFIO_CCW_EV_QUIESCED:
            return is_quiescing(state);
        case VFIO_CCW_EV_RETURNED:
            return state == VFIO_CCW_NOT_OPER;
        default:
            return true;
        }
    default:
        return true;
    }
}

static Ruling put_answer(World *w, const Input *input, uint32_t request)
{
    VFIOCCWAnswer answer = {
        .request = request,
        .ret = input->ret,
        .schib_lost = input->schib_lost,
    };

    w->verdict = vfio_ccw_fsm_answered(&w->fsm, &answer);
    return oracle_answered(&w->oracle, &answer);
}

/* Most is believed, as where the host has no SCHIB to show. */
static VFIOCCWEvidence evidence_of(const Input *input)
{
    VFIOCCWEvidence evidence = {
        .irb = {
            .scsw = input->scsw,
            .esw = { .word0 = 0x00800000, .word4 = input->scsw.cpa },
            .ecw = { input->sense },
        },
        .schib = input->schib ? VFIO_CCW_SCHIB_READ : VFIO_CCW_SCHIB_NONE,
        .host_ctrl = input->host_ctrl,
        .again = VFIO_CCW_AGAIN_SAME,
    };

    if (input->sense) {
        evidence.irb.esw.erw = ESW_ERW_SENSE | 0x00200000;
    }
    return evidence;
}

/* The interrupts of two events for the guest are one, if the first asks. */
static Ruling put_irb(World *w, const Input *input)
{
    VFIOCCWVerdict verdict[VFIO_CCW_MAX_FINDINGS];
    VFIOCCWEvidence evidence = evidence_of(input);
    unsigned nr = vfio_ccw_fsm_irb(&w->fsm, &evidence, verdict);

    w->verdict = verdict[0];
    if (nr == 2) {
        cells_met[verdict[0].from][verdict[0].event] = true;
        cells_met[verdict[1].from][verdict[1].event] = true;
        w->verdict.todo |= verdict[1].todo;
        if (verdict[1].to != verdict[1].from) {
            w->verdict.event = verdict[1].event;
            w->verdict.to = verdict[1].to;
        }
    }
    return oracle_irb(&w->oracle, &evidence.irb,
                      input->schib && !input->host_ctrl, input->schib);
}

static Ruling put(World *w, const Input *input)
{
    uint32_t request = w->request - input->superseded;
    SCHIB schib;

    switch (input->kind) {
    case KIND_INSTRUCTION:
        w->verdict = vfio_ccw_fsm_instruction(&w->fsm, input->event, &orb);
        return oracle_instruction(&w->oracle, input->event, &orb);
    case KIND_TSCH:
        w->verdict = vfio_ccw_fsm_tested(&w->fsm);
        return oracle_tested(&w->oracle);
    case KIND_PROGRESS:
        w->verdict = vfio_ccw_fsm_progress(&w->fsm, input->event, request);
        return oracle_progress(&w->oracle, input->event, request);
    case KIND_ANSWER:
        return put_answer(w, input, request);
    case KIND_IRB:
        return put_irb(w, input);
    case KIND_SCHIB:
        schib = host_schib();
        w->verdict = vfio_ccw_fsm_schib(&w->fsm, &schib);
        return oracle_schib(&w->oracle, &schib);
    case KIND_MSCH:
        w->schib.pmcw.flags ^= PMCW_FLAGS_MASK_ENA;
        w->oracle.pmcw.flags ^= PMCW_FLAGS_MASK_ENA;
        w->verdict.from = w->verdict.to = w->fsm.state;
        w->verdict.event = VFIO_CCW_EV__MAX;
        w->verdict.todo = 0;
        return (Ruling) { 0 };
    case KIND_EVENT:
        w->verdict = vfio_ccw_fsm_event(&w->fsm, input->event);
        return oracle_event(&w->oracle, input->event);
    }
    g_assert_not_reached();
}

static VFIOCCWFunction requested_by(const World *w, const Input *input)
{
    if (is_quiescing(w->fsm.state)) {
        return w->oracle.side == SIDE_HALTING ? VFIO_CCW_FN_HALT
                                              : VFIO_CCW_FN_CLEAR;
    }
    switch (input->event) {
    case VFIO_CCW_EV_CSCH:
        return VFIO_CCW_FN_CLEAR;
    case VFIO_CCW_EV_HSCH:
        return VFIO_CCW_FN_HALT;
    default:
        return VFIO_CCW_FN_START;
    }
}

static void follow_request(World *w, const Input *input)
{
    unsigned todo = w->verdict.todo;

    if (!input->superseded && input->kind == KIND_PROGRESS) {
        w->at_link = input->event == VFIO_CCW_EV_SENT ? PLACE_GOING
                                                      : PLACE_KEPT;
    }
    if (!input->superseded && input->kind == KIND_ANSWER) {
        w->at_link = PLACE_NONE;
    }
    if (w->at_link == PLACE_KEPT &&
        todo & (VFIO_CCW_DO_WITHDRAW_REQUEST | VFIO_CCW_DO_GIVE_UP_HOST)) {
        w->at_link = PLACE_NONE;
    }
    if (todo & VFIO_CCW_DO_REQUEST) {
        if (w->fsm.request == w->request) {
            differ(w, "a new request has the number of the last one");
        }
        if (w->verdict.function != requested_by(w, input)) {
            differ(w, "asks for function %d", w->verdict.function);
        }
        w->at_link = PLACE_KEPT;
        w->request = w->fsm.request;
        w->oracle.request = w->request;
        if (input->event == VFIO_CCW_EV_SSCH) {
            w->oracle.start_request = w->request;
        }
    }
}

static void compare(const World *w, const Input *input, const Ruling *ruling)
{
    const Oracle *o = &w->oracle;
    SCSW scsw = w->schib.scsw;
    PMCW pmcw = w->schib.pmcw;

    if (w->fsm.state != oracle_state(o)) {
        differ(w, "should be %s", vfio_ccw_state_name(oracle_state(o)));
    }
    if (w->verdict.to != w->fsm.state) {
        differ(w, "but says %s", vfio_ccw_state_name(w->verdict.to));
    }
    if (input->kind == KIND_INSTRUCTION && w->verdict.cc != ruling->cc) {
        differ(w, "cc %d, should be %d", w->verdict.cc, ruling->cc);
    }
    if (w->verdict.todo != ruling->todo) {
        differ(w, "todo 0x%x, should be 0x%x", w->verdict.todo, ruling->todo);
    }
    if (memcmp(&scsw, &o->scsw, sizeof(scsw))) {
        differ(w, "SCSW %04x %04x %08x %02x %02x %u, "
               "should be %04x %04x %08x %02x %02x %u",
               scsw.flags, scsw.ctrl, scsw.cpa, scsw.dstat, scsw.cstat,
               scsw.count, o->scsw.flags, o->scsw.ctrl, o->scsw.cpa,
               o->scsw.dstat, o->scsw.cstat, o->scsw.count);
    }
    if (memcmp(&pmcw, &o->pmcw, sizeof(pmcw))) {
        differ(w, "PMCW intparm %08x flags %04x lpm %02x pnom %02x lpum %02x "
               "pim %02x pom %02x pam %02x chpid %02x, should be "
               "%08x %04x %02x %02x %02x %02x %02x %02x %02x",
               pmcw.intparm, pmcw.flags, pmcw.lpm, pmcw.pnom, pmcw.lpum,
               pmcw.pim, pmcw.pom, pmcw.pam, pmcw.chpid[0],
               o->pmcw.intparm, o->pmcw.flags, o->pmcw.lpm, o->pmcw.pnom,
               o->pmcw.lpum, o->pmcw.pim, o->pmcw.pom, o->pmcw.pam,
               o->pmcw.chpid[0]);
    }
    if (input->kind != KIND_MSCH && input->kind != KIND_INSTRUCTION &&
        w->verdict.stale != ruling->stale) {
        differ(w, "should%s be stale", ruling->stale ? "" : " not");
    }
    if (memcmp(&w->fsm.irb.esw, &o->logout.esw, sizeof(ESW)) ||
        memcmp(w->fsm.irb.ecw, o->logout.ecw, sizeof(o->logout.ecw))) {
        differ(w, "wrong ESW or ECW: erw %08x sense %08x, should be %08x %08x",
               w->fsm.irb.esw.erw, w->fsm.irb.ecw[0], o->logout.esw.erw,
               o->logout.ecw[0]);
    }
}

/* Each accepted start ends exactly once, and nothing else ends. */
static void keep_accounts(World *w, const Input *input, uint16_t before)
{
    uint16_t after = w->schib.scsw.ctrl;

    if (input->kind == KIND_INSTRUCTION && w->verdict.cc == 0) {
        if (input->event == VFIO_CCW_EV_SSCH && w->owed) {
            differ(w, "accepts a start while another has no end");
        }
        w->owed = input->event == VFIO_CCW_EV_SSCH ||
                  (w->owed && input->event == VFIO_CCW_EV_HSCH);
    }
    if (input->kind == KIND_TSCH && before & START && before & PENDING &&
        !(after & START)) {
        if (!w->owed) {
            differ(w, "a second end of a start");
        }
        w->owed = false;
    }
    if (w->verdict.event == VFIO_CCW_EV_RESET ||
        w->verdict.event == VFIO_CCW_EV_GONE ||
        w->verdict.event == VFIO_CCW_EV_CLOSE) {
        w->owed = false;
    }
    if (w->owed != !!(after & START)) {
        differ(w, "a start %s", w->owed ? "got lost" : "came from nowhere");
    }
    if (w->owed && !vfio_ccw_fsm_busy(&w->fsm) && !is_pending(w)) {
        differ(w, "nothing will end the start");
    }
}

static void check_invariants(const World *w, uint16_t before)
{
    static const uint16_t newest[VFIO_CCW_STATE__MAX] = {
        [VFIO_CCW_START_QUEUED] = START, [VFIO_CCW_START_SENT] = START,
        [VFIO_CCW_START_ACTIVE] = START, [VFIO_CCW_HALT_QUEUED] = HALT,
        [VFIO_CCW_HALT_SENT] = HALT, [VFIO_CCW_HALT_ACTIVE] = HALT,
        [VFIO_CCW_CLEAR_QUEUED] = CLEAR, [VFIO_CCW_CLEAR_SENT] = CLEAR,
        [VFIO_CCW_CLEAR_ACTIVE] = CLEAR,
    };
    uint16_t ctrl = w->schib.scsw.ctrl;
    uint16_t function = ctrl & CLEAR ? CLEAR : ctrl & HALT ? HALT
                                             : ctrl & START;
    bool open = w->fsm.state == VFIO_CCW_IDLE || newest[w->fsm.state];
    bool operational = (w->schib.pmcw.flags & OPERATIONAL) == OPERATIONAL;

    if (newest[w->fsm.state] && function != newest[w->fsm.state]) {
        differ(w, "function control 0x%04x in this state", ctrl);
    }
    if (w->fsm.state == VFIO_CCW_IDLE && function && !is_pending(w)) {
        differ(w, "function control 0x%04x, and nothing in progress", ctrl);
    }
    if (vfio_ccw_fsm_busy(&w->fsm) != !!newest[w->fsm.state]) {
        differ(w, "busy is wrong");
    }
    if (vfio_ccw_fsm_stopping(&w->fsm) != (is_quiescing(w->fsm.state) &&
                                           w->oracle.side != SIDE_CLOSING)) {
        differ(w, "stopping is wrong");
    }
    if (is_pending(w) && (!open || !operational)) {
        differ(w, "status pending where none may be");
    }
    if (!open && ctrl) {
        differ(w, "control bits 0x%04x where nothing is open", ctrl);
    }
    if (!is_pending(w) && (w->fsm.end.valid || w->fsm.alert.valid)) {
        differ(w, "status waits behind nothing");
    }
    if (!(before & PENDING) &&
        is_pending(w) != !!(w->verdict.todo & VFIO_CCW_DO_INTERRUPT)) {
        differ(w, "status pending and interrupt do not agree");
    }
    if (is_pending(w) && !(ctrl & SCSW_CTRL_MASK_STCTL)) {
        differ(w, "pending without status control");
    }
}

/* What the documentation will say of the cell must be what it did. */
static void compare_described(const World *w)
{
    const VFIOCCWVerdict *verdict = &w->verdict;
    g_autofree char *cell = vfio_ccw_fsm_describe(verdict->from,
                                                  verdict->event);
    const char *comma = strchr(cell, ',');
    const char *to = vfio_ccw_state_name(verdict->to);

    if (verdict->to == verdict->from) {
        return;
    }
    if (!comma || !g_str_equal(comma + 2, to)) {
        differ(w, "is described as \"%s\"", cell);
    }
}

/* Survived: no effect, and the caller is told, unless it is just stale. */
static void step_impossibly(World *w, const Input *input)
{
    g_autofree World *old = g_new(World, 1);
    g_autofree char *cell = NULL;
    unsigned todo;

    world_copy(old, w);
    put(w, input);
    w->oracle = old->oracle;
    cell = vfio_ccw_fsm_describe(w->verdict.from, w->verdict.event);
    todo = !w->verdict.stale && g_str_equal(cell, "-") ? VFIO_CCW_DO_COMPLAIN
                                                       : 0;
    if (w->fsm.state != old->fsm.state ||
        memcmp(&w->schib, &old->schib, sizeof(SCHIB))) {
        differ(w, "an impossible input had an effect");
    }
    if (w->verdict.todo != todo) {
        differ(w, "impossible, todo 0x%x, should be 0x%x", w->verdict.todo,
               todo);
    }
    cells_met[w->verdict.from][w->verdict.event] = true;
}

/* Whether all agreed. */
static bool step(World *w, size_t index)
{
    unsigned known_differences = differences;
    const Input *input = &inputs[index];
    bool legal = is_legal(w, input);
    uint16_t before = w->schib.scsw.ctrl;
    Ruling ruling;

    steps_run++;
    g_assert(w->steps < MAX_HISTORY);
    w->history[w->steps++] = index;
    if (!legal) {
        if (input->kind == KIND_MSCH) {
            return true;
        }
        step_impossibly(w, input);
        return differences == known_differences;
    }
    ruling = put(w, input);
    if (w->verdict.event < VFIO_CCW_EV__MAX) {
        cells_met[w->verdict.from][w->verdict.event] = true;
        compare_described(w);
    }
    follow_request(w, input);
    compare(w, input, &ruling);
    check_invariants(w, before);
    keep_accounts(w, input, before);
    return differences == known_differences;
}

/* All configurations that inputs in their legal order can lead to */

/* What makes two worlds different enough to be looked at each. */
typedef struct Configuration {
    uint16_t ctrl;
    uint16_t end_ctrl;
    uint16_t halted_ctrl;
    uint16_t operational;
    uint8_t state;
    uint8_t at_link;
    uint8_t device_end_due;
    bool start_at_host;
    bool alert;
} Configuration;

static GBytes *configuration(const World *w)
{
    Configuration key;

    memset(&key, 0, sizeof(key));
    key.ctrl = w->schib.scsw.ctrl;
    key.end_ctrl = w->fsm.end.valid ? w->fsm.end.irb.scsw.ctrl : 0;
    key.halted_ctrl = w->fsm.halted.valid ? w->fsm.halted.irb.scsw.ctrl : 0;
    key.operational = w->schib.pmcw.flags & OPERATIONAL;
    key.state = w->fsm.state;
    key.at_link = w->at_link;
    key.start_at_host = w->fsm.start_at_host;
    key.device_end_due = w->fsm.device_end_due;
    key.alert = w->fsm.alert.valid;
    return g_bytes_new(&key, sizeof(key));
}

/* Breadth first: a configuration is kept with a shortest way to it. */
static GPtrArray *explore(void)
{
    g_autoptr(GHashTable) known = g_hash_table_new_full(
        g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    GPtrArray *worlds = g_ptr_array_new_with_free_func(g_free);
    World *first = g_new(World, 1);
    World next;
    guint i;
    size_t j;

    world_init(first);
    g_ptr_array_add(worlds, first);
    g_hash_table_add(known, configuration(first));
    for (i = 0; i < worlds->len; i++) {
        for (j = 0; j < ARRAY_SIZE(inputs); j++) {
            World *found;

            world_copy(&next, g_ptr_array_index(worlds, i));
            if (!step(&next, j) ||
                !g_hash_table_add(known, configuration(&next))) {
                continue;
            }
            found = g_new(World, 1);
            world_copy(found, &next);
            g_ptr_array_add(worlds, found);
        }
    }
    return worlds;
}

static GPtrArray *all_worlds(void)
{
    static GPtrArray *worlds;

    if (!worlds) {
        worlds = explore();
    }
    return worlds;
}


/* Inputs after inputs */

static size_t input_index(const char *name)
{
    size_t i;

    for (i = 0; i < ARRAY_SIZE(inputs); i++) {
        if (g_str_equal(inputs[i].name, name)) {
            return i;
        }
    }
    g_error("no input is called %s", name);
}

/* The input that is @event once nothing is looked at before the table. */
static const char *input_for(VFIOCCWEvent event)
{
    switch (event) {
    case VFIO_CCW_EV_TSCH_PRIMARY:
        return "TSCH";
    case VFIO_CCW_EV_ACCEPTED:
        return "ok";
    case VFIO_CCW_EV_FAILED:
        return "EINVAL";
    case VFIO_CCW_EV_IRB_PARTIAL:
        return "PCI";
    case VFIO_CCW_EV_IRB_END:
        return "CE+DE";
    case VFIO_CCW_EV_IRB_HALT:
        return "halted+CE+DE-known";
    case VFIO_CCW_EV_IRB_CLEAR:
        return "cleared";
    case VFIO_CCW_EV_IRB_LATE:
        return "DE";
    case VFIO_CCW_EV_IRB_ALERT:
        return "alert";
    default:
        return vfio_ccw_event_name(event);
    }
}

/*
 * Whatever is looked at before the table lets this world pass: so the cell
 * alone decides, also where no order of inputs can lead to it.
 */
static void force_lookup(World *w, VFIOCCWEvent event)
{
    w->schib.pmcw.flags |= OPERATIONAL;
    w->schib.scsw.ctrl &= ~SCSW_CTRL_MASK_STCTL;
    w->fsm.end.valid = false;
    w->fsm.alert.valid = false;
    w->fsm.start_at_host = true;
    w->fsm.device_end_due = VFIO_CCW_DUE_NO;
    if (event == VFIO_CCW_EV_IRB_LATE &&
        !vfio_ccw_fsm_expected(&w->fsm).start_may_end) {
        w->fsm.device_end_due = VFIO_CCW_DUE_DELIVER;
    }
    w->request = w->fsm.request;
    if (event == VFIO_CCW_EV_TSCH) {
        w->schib.scsw.ctrl |= INTERMEDIATE;
    } else if (event == VFIO_CCW_EV_TSCH_PRIMARY) {
        w->schib.scsw.ctrl |= PRIMARY;
    }
}

static bool does_as_described(const World *w, const char *cell)
{
    const VFIOCCWVerdict *verdict = &w->verdict;
    const char *comma = strchr(cell, ',');
    VFIOCCWState from = verdict->from;

    if (g_str_equal(cell, "-")) {
        return verdict->todo == VFIO_CCW_DO_COMPLAIN && verdict->to == from;
    }
    if (g_str_equal(cell, "ignored") || g_str_equal(cell, "stale")) {
        return !verdict->todo && verdict->to == from &&
               verdict->stale == g_str_equal(cell, "stale");
    }
    if (g_str_has_prefix(cell, "cc ")) {
        return !verdict->todo && verdict->to == from &&
               verdict->cc == cell[3] - '0';
    }
    return !verdict->stale && !verdict->cc &&
           !(verdict->todo & VFIO_CCW_DO_COMPLAIN) &&
           g_str_equal(vfio_ccw_state_name(verdict->to),
                       comma ? comma + 2 : vfio_ccw_state_name(from));
}

static void check_cell(const World *world, VFIOCCWEvent event)
{
    g_autofree char *cell = vfio_ccw_fsm_describe(world->fsm.state, event);
    size_t input = input_index(input_for(event));
    World w;

    world_copy(&w, world);
    force_lookup(&w, event);
    w.history[w.steps++] = input;
    put(&w, &inputs[input]);
    if (w.verdict.event != event) {
        /* Primary status is never pending during a halt or clear. */
        g_assert_cmpint(event, ==, VFIO_CCW_EV_TSCH_PRIMARY);
        g_assert_cmpstr(cell, ==, "-");
    } else if (!does_as_described(&w, cell)) {
        differ(&w, "does not do what \"%s\" says", cell);
    }
}

/* No cell does anything that the configurations never made it do. */
static void check_row_is_met(VFIOCCWState state)
{
    VFIOCCWEvent event;

    for (event = 0; event < VFIO_CCW_EV__MAX; event++) {
        g_autofree char *cell = vfio_ccw_fsm_describe(state, event);

        if (!cells_met[state][event] && !g_str_equal(cell, "-")) {
            g_test_message("%s: %s was never met, though it says \"%s\"",
                           vfio_ccw_state_name(state),
                           vfio_ccw_event_name(event), cell);
            g_test_fail();
        }
    }
}

static void test_row(gconstpointer data)
{
    VFIOCCWState state = GPOINTER_TO_INT(data);
    GPtrArray *worlds = all_worlds();
    guint configurations = 0;
    World next;
    size_t j;

    for (guint i = 0; i < worlds->len; i++) {
        const World *world = g_ptr_array_index(worlds, i);

        if (world->fsm.state != state) {
            continue;
        }
        if (!configurations++) {
            for (VFIOCCWEvent event = 0; event < VFIO_CCW_EV__MAX; event++) {
                check_cell(world, event);
            }
        }
        for (j = 0; j < ARRAY_SIZE(inputs); j++) {
            world_copy(&next, world);
            step(&next, j);
        }
    }
    g_test_message("%u configurations, %zu inputs each", configurations,
                   ARRAY_SIZE(inputs));
    g_assert_cmpuint(configurations, >, 0);
    check_row_is_met(state);
}

/*
 * All sequences of @length inputs; their number. An impossible input has no
 * effect: what could follow it is a shorter sequence, so it comes last only.
 */
static uint64_t run_sequences(const World *world, unsigned length)
{
    uint64_t sequences = 0;
    World next;
    size_t j;

    for (j = 0; j < ARRAY_SIZE(inputs); j++) {
        if (length > 1 && !is_legal(world, &inputs[j])) {
            continue;
        }
        world_copy(&next, world);
        if (!step(&next, j)) {
            continue;
        }
        sequences += length > 1 ? run_sequences(&next, length - 1) : 1;
    }
    return sequences;
}

static void test_pairs(void)
{
    GPtrArray *worlds = all_worlds();
    uint64_t sequences = 0;

    for (guint i = 0; i < worlds->len; i++) {
        sequences += run_sequences(g_ptr_array_index(worlds, i), 2);
    }
    g_test_message("%" PRIu64 " pairs of inputs", sequences);
}

/* Which worlds are alike enough for one of them to stand for all. */
static guint likeness(const World *w)
{
    uint16_t ctrl = w->schib.scsw.ctrl;
    guint key = w->fsm.state;

    key = key << 1 | w->fsm.start_at_host;
    key = key << 2 | w->fsm.device_end_due;
    key = key << 1 | w->oracle.shows_alert;
    key = key << 1 | w->fsm.end.valid;
    key = key << 1 | w->fsm.alert.valid;
    key = key << 1 | w->fsm.halted.valid;
    key = key << 1 | !!(ctrl & PENDING);
    key = key << 1 | !!(ctrl & DEVICE);
    key = key << 1 | !!(w->schib.pmcw.flags & PMCW_FLAGS_MASK_ENA);
    return key;
}

static void test_triples(void)
{
    g_autoptr(GHashTable) known = g_hash_table_new(NULL, NULL);
    GPtrArray *worlds = all_worlds();
    uint64_t sequences = 0;

    for (guint i = 0; i < worlds->len; i++) {
        const World *world = g_ptr_array_index(worlds, i);

        if (g_hash_table_add(known, GUINT_TO_POINTER(likeness(world)))) {
            sequences += run_sequences(world, 3);
        }
    }
    g_test_message("%" PRIu64 " triples of inputs from %u configurations, "
                   "%" PRIu64 " steps in all tests so far",
                   sequences, g_hash_table_size(known), steps_run);
}

static bool run_script(World *w, const char *script)
{
    g_auto(GStrv) names = g_strsplit(script, " ", -1);

    for (size_t i = 0; names[i]; i++) {
        const Input *input = &inputs[input_index(names[i])];

        if (!is_legal(w, input)) {
            g_error("%s is not legal in \"%s\"", names[i], script);
        }
        if (!step(w, input_index(names[i]))) {
            return false;
        }
    }
    return true;
}

/* What a host that works does next for a function, and then the guest. */
static const char *next_of(const World *w)
{
    switch (w->fsm.state) {
    case VFIO_CCW_START_QUEUED:
    case VFIO_CCW_HALT_QUEUED:
    case VFIO_CCW_CLEAR_QUEUED:
        return "SENT";
    case VFIO_CCW_START_SENT:
    case VFIO_CCW_HALT_SENT:
    case VFIO_CCW_CLEAR_SENT:
        return "ok";
    case VFIO_CCW_START_ACTIVE:
        return "CE+DE";
    case VFIO_CCW_HALT_ACTIVE:
        return "halted";
    case VFIO_CCW_CLEAR_ACTIVE:
        return "cleared";
    case VFIO_CCW_IDLE:
        return is_pending(w) ? "TSCH" : NULL;
    default:
        return NULL;
    }
}

/* Wherever it is, a working host and guest bring it to rest. */
static void test_all_ends(void)
{
    GPtrArray *worlds = all_worlds();
    World w;

    for (guint i = 0; i < worlds->len; i++) {
        unsigned steps = 0;

        world_copy(&w, g_ptr_array_index(worlds, i));
        while (next_of(&w) && run_script(&w, next_of(&w))) {
            g_assert_cmpuint(steps++, <, 12);
        }
        if (w.owed || (w.schib.scsw.ctrl & (SCSW_CTRL_MASK_FCTL | PENDING))) {
            differ(&w, "does not come to rest");
        }
    }
    g_test_message("%u configurations", worlds->len);
}

/* Orders of events that deserve a name */

#define REQUEST VFIO_CCW_DO_REQUEST
#define WITHDRAW VFIO_CCW_DO_WITHDRAW_REQUEST
#define WITHDRAW_IRQ VFIO_CCW_DO_WITHDRAW_IRQ
#define INTERRUPT VFIO_CCW_DO_INTERRUPT
#define GONE (VFIO_CCW_DO_GIVE_UP_HOST | WITHDRAW_IRQ | VFIO_CCW_DO_REPORT)
#define HIDING (WITHDRAW_IRQ | VFIO_CCW_DO_REPORT)
#define STOPPING (HIDING | VFIO_CCW_DO_REQUEST)
#define RESETTING (WITHDRAW | WITHDRAW_IRQ | VFIO_CCW_DO_RESET_HOST)
#define HALTING SCSW_ACTL_HALT_PEND
#define CLEARING SCSW_ACTL_CLEAR_PEND
#define DONE (PRIMARY | SECONDARY)

/* Inputs, and what must be true after the last of them. */
typedef struct Scene {
    const char *script;
    VFIOCCWState state;
    unsigned todo;
    uint16_t ctrl;
    int cc;
} Scene;

typedef struct Order {
    const char *name;
    Scene scenes[9];   /* the last has no script */
} Order;

static const Order orders[] = {
    { "clear-overtakes-halt-overtakes-start", {
        { "SSCH SENT", VFIO_CCW_START_SENT, 0, START | STARTING },
        { "HSCH", VFIO_CCW_HALT_QUEUED, WITHDRAW | REQUEST,
          START | HALT | STARTING | HALTING },
        { "CSCH", VFIO_CCW_CLEAR_QUEUED, WITHDRAW | WITHDRAW_IRQ | REQUEST,
          CLEAR | CLEARING },
        { "old-ok CE+DE halted", VFIO_CCW_CLEAR_QUEUED, 0, CLEAR | CLEARING },
        { "SENT ok cleared", VFIO_CCW_IDLE, INTERRUPT, CLEAR | PENDING },
        { "TSCH", VFIO_CCW_IDLE, WITHDRAW_IRQ, 0 } } },
    { "halt-of-a-queued-start-sends-the-halt-alone", {
        { "SSCH HSCH SENT ok", VFIO_CCW_HALT_ACTIVE, 0,
          START | HALT | STARTING | HALTING },
        { "halted", VFIO_CCW_IDLE, INTERRUPT,
          START | HALT | STARTING | PENDING },
        { "TSCH", VFIO_CCW_IDLE, WITHDRAW_IRQ, 0 } } },
    { "xsch-cancels-what-was-not-sent", {
        { "SSCH XSCH", VFIO_CCW_IDLE, WITHDRAW, 0 },
        { "CE+DE", VFIO_CCW_IDLE, 0, 0 },
        { "XSCH", VFIO_CCW_IDLE, 0, 0, 2 } } },
    { "xsch-never-lies-about-what-was-sent", {
        { "SSCH SENT XSCH", VFIO_CCW_START_SENT, 0, START | STARTING, 2 },
        { "RETRY XSCH", VFIO_CCW_IDLE, WITHDRAW, 0 },
        { "SSCH SENT ok XSCH", VFIO_CCW_START_ACTIVE, 0, START | STARTING,
          2 },
        { "CE+DE XSCH", VFIO_CCW_IDLE, 0, START | DONE, 1 } } },
    { "stale-irb-of-a-cleared-start", {
        { "SSCH SENT ok CSCH SENT ok CE+DE", VFIO_CCW_CLEAR_ACTIVE, 0,
          CLEAR | CLEARING },
        { "cleared TSCH SSCH CE+DE", VFIO_CCW_START_QUEUED, 0,
          START | STARTING },
        { "SENT CE+DE", VFIO_CCW_START_SENT, 0, START | STARTING },
        { "ok cleared", VFIO_CCW_START_ACTIVE, 0, START | STARTING },
        { "CE+DE", VFIO_CCW_IDLE, INTERRUPT, START | DONE } } },
    { "one-clear-serves-two-csch", {
        { "CSCH SENT CSCH", VFIO_CCW_CLEAR_SENT, WITHDRAW_IRQ,
          CLEAR | CLEARING },
        { "cleared", VFIO_CCW_CLEAR_SENT, 0, CLEAR | CLEARING },
        { "ok cleared", VFIO_CCW_IDLE, INTERRUPT, CLEAR | PENDING },
        { "CSCH", VFIO_CCW_CLEAR_QUEUED, WITHDRAW | WITHDRAW_IRQ | REQUEST,
          CLEAR | CLEARING } } },
    { "csch-again-where-a-clear-is-awaited", {
        { "CSCH SENT ok CSCH", VFIO_CCW_CLEAR_QUEUED,
          WITHDRAW | WITHDRAW_IRQ | REQUEST, CLEAR | CLEARING },
        { "cleared", VFIO_CCW_CLEAR_QUEUED, 0, CLEAR | CLEARING },
        { "SENT ok cleared", VFIO_CCW_IDLE, INTERRUPT, CLEAR | PENDING } } },
    { "queued-halt-meets-the-end", {
        { "SSCH SENT ok HSCH CE+DE", VFIO_CCW_IDLE, WITHDRAW | INTERRUPT,
          START | HALT | DONE },
        { "TSCH halted", VFIO_CCW_IDLE, 0, 0 } } },
    { "sent-halt-meets-the-end", {
        { "SSCH SENT ok HSCH SENT UC", VFIO_CCW_HALT_SENT, 0,
          START | HALT | STARTING | HALTING },
        { "ok", VFIO_CCW_HALT_ACTIVE, 0, START | HALT | STARTING | HALTING },
        { "halted", VFIO_CCW_IDLE, INTERRUPT,
          START | HALT | ALERT | PRIMARY | SECONDARY } } },
    { "failed-halt-shows-the-end-that-was-kept", {
        { "SSCH SENT ok HSCH SENT CE+DE EBUSY", VFIO_CCW_IDLE, INTERRUPT,
          START | HALT | DONE } } },
    { "an-overtaken-start-that-was-refused-has-no-end", {
        { "SSCH SENT HSCH SENT old-EBUSY CE+DE", VFIO_CCW_HALT_SENT, 0,
          START | HALT | STARTING | HALTING },
        { "ok halted", VFIO_CCW_IDLE, INTERRUPT,
          START | HALT | STARTING | PENDING } } },
    { "a-second-cpu-gets-cc-2", {
        { "SSCH SSCH", VFIO_CCW_START_QUEUED, 0, START | STARTING, 2 },
        { "HSCH HSCH", VFIO_CCW_HALT_QUEUED, 0,
          START | HALT | STARTING | HALTING, 2 },
        { "SSCH", VFIO_CCW_HALT_QUEUED, 0,
          START | HALT | STARTING | HALTING, 2 },
        { "CSCH HSCH", VFIO_CCW_CLEAR_QUEUED, 0, CLEAR | CLEARING, 2 },
        { "CSCH", VFIO_CCW_CLEAR_QUEUED, WITHDRAW_IRQ, CLEAR | CLEARING } } },
    { "two-cpus-take-one-status", {
        { "SSCH SENT ok CE+DE TSCH", VFIO_CCW_IDLE, WITHDRAW_IRQ, 0 },
        { "TSCH", VFIO_CCW_IDLE, 0, 0, 1 } } },
    { "alert-during-a-start", {
        { "SSCH SENT ok alert", VFIO_CCW_START_ACTIVE, INTERRUPT,
          START | STARTING | ALERT },
        { "CE+DE", VFIO_CCW_IDLE, 0, START | STARTING | ALERT },
        { "TSCH", VFIO_CCW_IDLE, WITHDRAW_IRQ | INTERRUPT, START | DONE },
        { "alert-UC", VFIO_CCW_IDLE, 0, START | DONE },
        { "TSCH", VFIO_CCW_IDLE, WITHDRAW_IRQ | INTERRUPT, ALERT },
        { "TSCH", VFIO_CCW_IDLE, WITHDRAW_IRQ, 0 } } },
    { "alert-behind-status-that-a-halt-withdraws", {
        { "SSCH SENT ok PCI alert", VFIO_CCW_START_ACTIVE, 0,
          START | ACTIVE | INTERMEDIATE },
        { "HSCH", VFIO_CCW_HALT_QUEUED,
          WITHDRAW | WITHDRAW_IRQ | REQUEST | INTERRUPT,
          START | HALT | ACTIVE | HALTING | ALERT } } },
    { "status-accumulates-without-a-second-interrupt", {
        { "SSCH SENT ok PCI CE", VFIO_CCW_START_ACTIVE, 0,
          START | DEVICE | INTERMEDIATE | PRIMARY },
        { "DE", VFIO_CCW_IDLE, 0, START | INTERMEDIATE | DONE } } },
    { "ce-is-taken-then-de", {
        { "SSCH SENT ok CE TSCH", VFIO_CCW_IDLE, WITHDRAW_IRQ, DEVICE },
        { "DE", VFIO_CCW_IDLE, INTERRUPT, SECONDARY },
        { "TSCH DE", VFIO_CCW_IDLE, 0, 0 } } },
    { "de-keeps-the-next-start-from-starting", {
        { "SSCH SENT ok CE TSCH SSCH", VFIO_CCW_START_QUEUED, REQUEST,
          START | STARTING | DEVICE },
        { "DE", VFIO_CCW_IDLE, WITHDRAW | INTERRUPT,
          START | STARTING | ALERT | SECONDARY },
        { "TSCH SSCH SENT ok CE+DE", VFIO_CCW_IDLE, INTERRUPT,
          START | DONE } } },
    { "de-comes-after-the-next-start-was-refused", {
        { "SSCH SENT ok CE TSCH SSCH SENT RETRY", VFIO_CCW_START_QUEUED, 0,
          START | STARTING | DEVICE },
        { "DE", VFIO_CCW_IDLE, WITHDRAW | INTERRUPT,
          START | STARTING | ALERT | SECONDARY },
        { "TSCH DE", VFIO_CCW_IDLE, 0, 0 } } },
    { "de-comes-after-the-next-start-failed", {
        { "SSCH SENT ok CE TSCH SSCH SENT EBUSY", VFIO_CCW_IDLE, INTERRUPT,
          START | STARTING | DEVICE | ALERT },
        { "TSCH", VFIO_CCW_IDLE, WITHDRAW_IRQ, DEVICE },
        { "DE", VFIO_CCW_IDLE, INTERRUPT, SECONDARY } } },
    { "de-adds-to-a-deferred-condition-code", {
        { "SSCH SENT ok CE TSCH SSCH SENT EBUSY DE", VFIO_CCW_IDLE, 0,
          START | STARTING | ALERT | SECONDARY },
        { "TSCH", VFIO_CCW_IDLE, WITHDRAW_IRQ, 0 } } },
    { "de-comes-after-the-next-start-was-accepted", {
        { "SSCH SENT ok CE TSCH SSCH SENT ok DE", VFIO_CCW_START_ACTIVE,
          INTERRUPT, START | STARTING | DEVICE | ALERT | PENDING },
        { "TSCH", VFIO_CCW_START_ACTIVE, WITHDRAW_IRQ,
          START | STARTING | DEVICE },
        { "CE+DE", VFIO_CCW_IDLE, INTERRUPT, START | DONE } } },
    { "de-of-an-earlier-start-does-not-end-a-halt", {
        { "SSCH SENT ok CE TSCH SSCH SENT ok HSCH DE", VFIO_CCW_HALT_QUEUED,
          INTERRUPT,
          START | HALT | STARTING | DEVICE | HALTING | ALERT | PENDING },
        { "TSCH SENT ok", VFIO_CCW_HALT_ACTIVE, 0,
          START | HALT | STARTING | DEVICE | HALTING },
        { "halted+CE+DE", VFIO_CCW_IDLE, INTERRUPT, START | HALT | DONE } } },
    { "de-of-an-earlier-start-is-not-kept-for-the-end-of-a-halt", {
        { "SSCH SENT ok CE TSCH SSCH SENT ok HSCH SENT ok DE TSCH",
          VFIO_CCW_HALT_ACTIVE, WITHDRAW_IRQ,
          START | HALT | STARTING | DEVICE | HALTING },
        { "halted", VFIO_CCW_IDLE, INTERRUPT, START | HALT | PENDING } } },
    { "de-of-an-earlier-start-ends-the-halt-of-a-queued-one", {
        { "SSCH SENT ok CE TSCH SSCH HSCH DE", VFIO_CCW_IDLE,
          WITHDRAW | INTERRUPT,
          START | HALT | STARTING | SECONDARY } } },
    { "de-after-ce-is-of-the-same-start", {
        { "SSCH SENT ok CE TSCH SSCH SENT ok CE", VFIO_CCW_START_ACTIVE,
          INTERRUPT, START | DEVICE | PRIMARY },
        { "DE", VFIO_CCW_IDLE, 0, START | DONE },
        { "TSCH", VFIO_CCW_IDLE, WITHDRAW_IRQ, 0 } } },
    { "de-after-an-alert-is-of-the-newest-start", {
        { "SSCH SENT ok CE TSCH SSCH SENT ok alert TSCH DE", VFIO_CCW_IDLE,
          INTERRUPT, START | SECONDARY } } },
    { "de-of-before-a-reset-ends-no-start-of-after-it", {
        { "SSCH SENT ok CE RESET", VFIO_CCW_IDLE, RESETTING, 0 },
        { "SSCH DE", VFIO_CCW_START_QUEUED, 0, START | STARTING },
        { "SENT ok CE+DE", VFIO_CCW_IDLE, INTERRUPT, START | DONE },
        { "RESET SSCH SENT ok DE", VFIO_CCW_START_ACTIVE, 0,
          START | STARTING },
        { "DE", VFIO_CCW_IDLE, INTERRUPT, START | SECONDARY } } },
    { "de-of-before-a-reset-may-come-after-an-alert", {
        { "SSCH SENT ok CE RESET SSCH SENT ok alert TSCH DE",
          VFIO_CCW_START_ACTIVE, 0, START | STARTING },
        { "CE+DE", VFIO_CCW_IDLE, INTERRUPT, START | DONE } } },
    { "de-of-before-a-reset-does-not-come-after-other-status", {
        { "SSCH SENT ok CE RESET SSCH SENT ok CE TSCH SSCH SENT ok DE",
          VFIO_CCW_START_ACTIVE, INTERRUPT,
          START | STARTING | DEVICE | ALERT | PENDING } } },
    { "de-of-a-cleared-start-ends-no-other", {
        { "SSCH SENT ok CE TSCH CSCH SENT ok cleared TSCH", VFIO_CCW_IDLE,
          WITHDRAW_IRQ, 0 },
        { "SSCH SENT ok DE", VFIO_CCW_START_ACTIVE, 0, START | STARTING } } },
    { "de-of-a-halted-start-ends-no-other", {
        { "SSCH SENT ok HSCH SENT EBUSY TSCH SSCH SENT ok DE",
          VFIO_CCW_START_ACTIVE, 0, START | STARTING } } },
    { "de-while-the-host-is-idle-says-that-an-end-is-lost", {
        { "SSCH SENT ok CE TSCH SSCH SENT ok DE-host-idle", VFIO_CCW_IDLE,
          INTERRUPT, START | ALERT | DONE },
        { "TSCH CE+DE", VFIO_CCW_IDLE, 0, 0 },
        { "RESET SSCH SENT ok DE-host-idle", VFIO_CCW_IDLE, INTERRUPT,
          START | ALERT | DONE } } },
    { "de-of-the-newest-start-is-not-lost", {
        { "SSCH SENT ok CE DE-host-idle", VFIO_CCW_IDLE, 0, START | DONE } } },
    { "an-end-that-is-lost-was-before-a-halt", {
        { "SSCH SENT ok CE TSCH SSCH SENT ok HSCH SENT DE-host-idle",
          VFIO_CCW_HALT_SENT, 0,
          START | HALT | STARTING | DEVICE | HALTING },
        { "ok halted", VFIO_CCW_IDLE, INTERRUPT,
          START | HALT | ALERT | DONE },
        { "TSCH SSCH SENT ok HSCH DE-host-idle", VFIO_CCW_IDLE,
          WITHDRAW | INTERRUPT, START | HALT | ALERT | DONE } } },
    { "an-alert-overwrites-the-end-of-a-start", {
        { "SSCH SENT ok alert-host-idle", VFIO_CCW_IDLE, INTERRUPT,
          START | ALERT | DONE },
        { "TSCH", VFIO_CCW_IDLE, WITHDRAW_IRQ | INTERRUPT, ALERT },
        { "TSCH CE+DE", VFIO_CCW_IDLE, 0, 0 } } },
    { "an-alert-overwrites-device-end-behind-channel-end", {
        { "SSCH SENT ok CE alert-host-idle", VFIO_CCW_IDLE, 0,
          START | ALERT | DONE },
        { "TSCH", VFIO_CCW_IDLE, WITHDRAW_IRQ | INTERRUPT, ALERT } } },
    { "an-alert-overwrites-the-end-of-a-halt", {
        { "SSCH SENT ok HSCH SENT ok alert-host-idle", VFIO_CCW_IDLE, INTERRUPT,
          START | HALT | PENDING },
        { "TSCH", VFIO_CCW_IDLE, WITHDRAW_IRQ | INTERRUPT, ALERT },
        { "TSCH halted", VFIO_CCW_IDLE, 0, 0 } } },
    { "an-alert-overwrites-the-end-of-a-clear", {
        { "CSCH SENT ok alert-host-idle", VFIO_CCW_IDLE, INTERRUPT,
          CLEAR | PENDING },
        { "TSCH", VFIO_CCW_IDLE, WITHDRAW_IRQ | INTERRUPT, ALERT },
        { "TSCH cleared", VFIO_CCW_IDLE, 0, 0 } } },
    { "device-end-overwrites-the-end-of-a-halt", {
        { "SSCH SENT ok CE TSCH HSCH SENT ok DE-host-idle", VFIO_CCW_IDLE,
          INTERRUPT, HALT | PENDING | SECONDARY },
        { "TSCH halted", VFIO_CCW_IDLE, 0, 0 } } },
    { "an-alert-overwrites-the-end-of-what-an-unplug-asked-for", {
        { "SSCH SENT ok CLOSE SENT ok alert-host-idle", VFIO_CCW_QUIESCING,
          WITHDRAW, 0 } } },
    { "the-host-may-say-that-de-kept-the-next-start-from-starting", {
        { "SSCH SENT ok CE TSCH SSCH SENT ok deferred-1+DE", VFIO_CCW_IDLE,
          INTERRUPT, START | STARTING | ALERT | SECONDARY } } },
    { "de-after-ce-ends-the-halt-of-the-same-start", {
        { "SSCH SENT ok CE TSCH SSCH SENT ok HSCH CE DE", VFIO_CCW_IDLE,
          WITHDRAW | INTERRUPT, START | HALT | DONE } } },
    { "a-halt-does-not-lose-channel-end", {
        { "SSCH SENT ok HSCH SENT ok CE", VFIO_CCW_HALT_ACTIVE, 0,
          START | HALT | STARTING | HALTING },
        { "halted", VFIO_CCW_IDLE, INTERRUPT, START | HALT | PRIMARY } } },
    { "a-failed-halt-after-channel-end-does-not-look-like-success", {
        { "SSCH SENT ok HSCH SENT CE EBUSY", VFIO_CCW_IDLE, INTERRUPT,
          START | HALT | ALERT | DONE } } },
    { "a-start-that-the-host-halts-has-ended", {
        { "SSCH SENT ok halted-unbegun", VFIO_CCW_IDLE, INTERRUPT,
          START | ALERT | DONE },
        { "TSCH halted-unbegun", VFIO_CCW_IDLE, 0, 0 } } },
    { "a-halt-of-no-start-does-not-end-one", {
        { "SSCH SENT ok halted", VFIO_CCW_START_ACTIVE, 0,
          START | STARTING } } },
    { "gone-exactly-once", {
        { "SSCH SENT GONE", VFIO_CCW_NOT_OPER, GONE, 0 },
        { "EIO-lost GONE old-EIO-lost CE+DE", VFIO_CCW_NOT_OPER, 0, 0 },
        { "SSCH", VFIO_CCW_NOT_OPER, 0, 0, 3 },
        { "RESET", VFIO_CCW_NOT_OPER,
          VFIO_CCW_DO_GIVE_UP_HOST | WITHDRAW_IRQ, 0 },
        { "RETURNED", VFIO_CCW_IDLE, VFIO_CCW_DO_REPORT, 0 },
        { "alert SSCH", VFIO_CCW_IDLE, 0, 0, 3 },
        { "MSCH SSCH SENT", VFIO_CCW_START_SENT, 0, START | STARTING },
        { "EIO-lost", VFIO_CCW_NOT_OPER, GONE, 0 } } },
    { "a-superseded-request-may-say-gone", {
        { "SSCH SENT HSCH old-EIO-lost", VFIO_CCW_NOT_OPER, GONE, 0 } } },
    { "reset-forgets-the-old-life", {
        { "SSCH SENT ok CE alert RESET", VFIO_CCW_IDLE, RESETTING, 0 },
        { "CE+DE DE halted cleared", VFIO_CCW_IDLE, 0, 0 },
        { "SSCH SENT RESET ok", VFIO_CCW_IDLE, 0, 0 },
        { "SSCH old-ok CE+DE", VFIO_CCW_START_QUEUED, 0, START | STARTING },
        { "SENT ok CE+DE", VFIO_CCW_IDLE, INTERRUPT, START | DONE } } },
    { "nothing-reaches-the-guest-while-closing", {
        { "SSCH SENT ok CLOSE", VFIO_CCW_QUIESCING_HALT, STOPPING, 0 },
        { "PCI alert CRW SCHIB REQ", VFIO_CCW_QUIESCING_HALT, 0, 0 },
        { "SENT ok CE+DE", VFIO_CCW_QUIESCING_HALT_ACTIVE, 0, 0 },
        { "halted", VFIO_CCW_QUIESCING, WITHDRAW, 0 },
        { "CE+DE alert CRW SCHIB EIO-lost REQ", VFIO_CCW_QUIESCING, 0, 0 },
        { "QUIESCED", VFIO_CCW_STANDBY, WITHDRAW, 0 },
        { "alert CRW REQ GONE RESET", VFIO_CCW_STANDBY, 0, 0 } } },
    { "closing-cancels-what-the-host-has-not-seen", {
        { "SSCH CLOSE", VFIO_CCW_QUIESCING, HIDING | WITHDRAW, 0 } } },
    { "closing-halts-what-the-host-may-have", {
        { "SSCH SENT CLOSE", VFIO_CCW_QUIESCING_HALT, STOPPING, 0 },
        { "old-ok SENT halted RETRY halted SENT halted",
          VFIO_CCW_QUIESCING_HALT, 0, 0 },
        { "ok", VFIO_CCW_QUIESCING_HALT_ACTIVE, 0, 0 },
        { "halted", VFIO_CCW_QUIESCING, WITHDRAW, 0 } } },
    { "closing-clears-what-is-not-halted", {
        { "SSCH SENT ok CLOSE SENT ENOMEM", VFIO_CCW_QUIESCING_CLEAR,
          WITHDRAW | VFIO_CCW_DO_REQUEST, 0 },
        { "halted CE+DE", VFIO_CCW_QUIESCING_CLEAR, 0, 0 },
        { "SENT ok cleared", VFIO_CCW_QUIESCING, WITHDRAW, 0 } } },
    { "closing-is-bounded", {
        { "SSCH SENT CLOSE SENT EXPIRED", VFIO_CCW_QUIESCING_CLEAR,
          WITHDRAW | VFIO_CCW_DO_REQUEST, 0 },
        { "SENT EXPIRED", VFIO_CCW_QUIESCING, WITHDRAW, 0 } } },
    { "closing-uses-the-guests-own-halt", {
        { "SSCH SENT ok HSCH CLOSE", VFIO_CCW_QUIESCING_HALT, HIDING, 0 },
        { "SENT ok halted", VFIO_CCW_QUIESCING, WITHDRAW, 0 } } },
    { "closing-uses-a-halt-that-was-accepted", {
        { "SSCH SENT ok HSCH SENT ok CLOSE", VFIO_CCW_QUIESCING_HALT_ACTIVE,
          HIDING, 0 },
        { "halted", VFIO_CCW_QUIESCING, WITHDRAW, 0 } } },
    { "closing-uses-the-guests-own-clear", {
        { "CSCH SENT CLOSE", VFIO_CCW_QUIESCING_CLEAR, HIDING, 0 },
        { "ok halted cleared", VFIO_CCW_QUIESCING, WITHDRAW, 0 } } },
    { "a-lost-host-need-not-be-stopped", {
        { "SSCH SENT CLOSE old-EIO-lost", VFIO_CCW_QUIESCING,
          WITHDRAW | VFIO_CCW_DO_GIVE_UP_HOST, 0 },
        { "GONE", VFIO_CCW_QUIESCING, 0, 0 } } },
    { "a-disabled-subchannel-stays-quiet", {
        { "SSCH SENT ok CE TSCH MSCH DE alert", VFIO_CCW_IDLE, 0, 0 },
        { "MSCH TSCH", VFIO_CCW_IDLE, 0, 0, 1 } } },
};

static void test_order(gconstpointer data)
{
    const Order *order = data;
    World w;

    world_init(&w);
    run_script(&w, "OPEN MSCH");
    for (size_t i = 0; order->scenes[i].script; i++) {
        const Scene *scene = &order->scenes[i];

        if (!run_script(&w, scene->script)) {
            return;
        }
        if (w.fsm.state != scene->state ||
            w.schib.scsw.ctrl != scene->ctrl ||
            w.verdict.todo != scene->todo || w.verdict.cc != scene->cc) {
            differ(&w, "cc %d, todo 0x%x, ctrl 0x%04x; should be "
                   "%s, cc %d, todo 0x%x, ctrl 0x%04x",
                   w.verdict.cc, w.verdict.todo, w.schib.scsw.ctrl,
                   vfio_ccw_state_name(scene->state), scene->cc,
                   scene->todo, scene->ctrl);
        }
    }
}

/* The count, and the sense data, of status that came in parts */

static const struct {
    const char *script;
    uint32_t cpa;
    uint16_t count;
    uint32_t sense;
} parts[] = {
    { "SSCH SENT ok CE DE", CPA + 24, 5 },
    { "SSCH SENT ok HSCH CE DE", CPA + 24, 5 },
    { "SSCH SENT ok HSCH SENT ok CE halted", CPA + 24, 5 },
    { "SSCH SENT ok HSCH SENT CE ok DE halted", CPA + 24, 5 },
    { "SSCH SENT ok HSCH SENT ok CE halted+CE+DE", CPA + 72, 9 },
    { "SSCH SENT ok HSCH SENT ok PCI halted", 0, 0 },
    { "SSCH SENT ok CE+UC DE", CPA + 56, 0, 0x80004321 },
    { "SSCH SENT ok CE+UC DE+UC", CPA + 56, 0, 0x40008765 },
    { "SSCH SENT ok CE TSCH SSCH SENT EINVAL DE", CPA + 8, 0 },
};

static void test_parts(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        SCSW scsw;
        World w;

        world_init(&w);
        run_script(&w, "OPEN MSCH");
        run_script(&w, parts[i].script);
        scsw = w.schib.scsw;
        g_test_message("%s", parts[i].script);
        g_assert_true(is_pending(&w));
        g_assert_cmphex(scsw.cpa, ==, parts[i].cpa);
        g_assert_cmpuint(scsw.count, ==, parts[i].count);
        g_assert_cmphex(w.fsm.irb.ecw[0], ==, parts[i].sense);
        g_assert_cmpint(!!(scsw.flags & SCSW_FLAGS_MASK_ECTL), ==,
                        !!parts[i].sense);
    }
}

/* Where no input leads: the answer to the newest request, at a wrong time */

static VFIOCCWVerdict impossible(VFIOCCWFsm *fsm, VFIOCCWEvent event)
{
    VFIOCCWAnswer answer = {
        .request = fsm->request,
        .ret = event == VFIO_CCW_EV_FAILED ? -ENOMEM : 0,
    };

    switch (event) {
    case VFIO_CCW_EV_SENT:
    case VFIO_CCW_EV_RETRY:
        return vfio_ccw_fsm_progress(fsm, event, fsm->request);
    case VFIO_CCW_EV_ACCEPTED:
    case VFIO_CCW_EV_FAILED:
        return vfio_ccw_fsm_answered(fsm, &answer);
    default:
        return vfio_ccw_fsm_event(fsm, event);
    }
}

static bool is_possible(VFIOCCWState state, VFIOCCWEvent event)
{
    if (state == VFIO_CCW_QUIESCING_HALT ||
        state == VFIO_CCW_QUIESCING_CLEAR) {
        return event != VFIO_CCW_EV_OPEN;
    }
    if (state == VFIO_CCW_QUIESCING_HALT_ACTIVE ||
        state == VFIO_CCW_QUIESCING_CLEAR_ACTIVE) {
        return event == VFIO_CCW_EV_EXPIRED || event == VFIO_CCW_EV_QUIESCED ||
               event == VFIO_CCW_EV_RETURNED;
    }
    switch (event) {
    case VFIO_CCW_EV_SENT:
        return state == VFIO_CCW_START_QUEUED ||
               state == VFIO_CCW_HALT_QUEUED || state == VFIO_CCW_CLEAR_QUEUED;
    case VFIO_CCW_EV_FAILED:
        if (state == VFIO_CCW_START_QUEUED) {
            return true; /* QEMU does not send it at all */
        }
        /* fall through */
    case VFIO_CCW_EV_RETRY:
    case VFIO_CCW_EV_ACCEPTED:
        return state == VFIO_CCW_START_SENT || state == VFIO_CCW_HALT_SENT ||
               state == VFIO_CCW_CLEAR_SENT;
    case VFIO_CCW_EV_OPEN:
        return state == VFIO_CCW_STANDBY;
    case VFIO_CCW_EV_EXPIRED:
        return false;
    case VFIO_CCW_EV_QUIESCED:
        return is_quiescing(state);
    default:
        return state == VFIO_CCW_NOT_OPER || state == VFIO_CCW_STANDBY ||
               is_quiescing(state);
    }
}

static void test_impossible(void)
{
    static const VFIOCCWEvent events[] = {
        VFIO_CCW_EV_SENT, VFIO_CCW_EV_RETRY, VFIO_CCW_EV_ACCEPTED,
        VFIO_CCW_EV_FAILED, VFIO_CCW_EV_OPEN, VFIO_CCW_EV_EXPIRED,
        VFIO_CCW_EV_QUIESCED, VFIO_CCW_EV_RETURNED,
    };

    for (int state = 0; state < VFIO_CCW_STATE__MAX; state++) {
        for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
            SCHIB schib = { };
            VFIOCCWVerdict verdict;
            VFIOCCWFsm fsm;

            if (is_possible(state, events[i])) {
                continue;
            }
            vfio_ccw_fsm_init(&fsm, &schib);
            fsm.state = state;
            verdict = impossible(&fsm, events[i]);
            g_assert_cmphex(verdict.todo, ==, VFIO_CCW_DO_COMPLAIN);
            g_assert_cmpint(fsm.state, ==, state);
        }
    }
}

/*
 * What means nothing before the host is open, nor while it is being closed;
 * that it is gone means something to who waits for it.
 */
static void expect_all_ignored(const VFIOCCWFsm *fsm)
{
    static const VFIOCCWEvent events[] = {
        VFIO_CCW_EV_CRW, VFIO_CCW_EV_REQ, VFIO_CCW_EV_RETURNED,
        VFIO_CCW_EV_CLOSE, VFIO_CCW_EV_RESET, VFIO_CCW_EV_GONE,
    };
    size_t number = ARRAY_SIZE(events) - vfio_ccw_fsm_stopping(fsm);

    for (size_t i = 0; i < number; i++) {
        VFIOCCWFsm now = *fsm;

        g_assert_cmphex(vfio_ccw_fsm_event(&now, events[i]).todo, ==, 0);
        g_assert_cmpint(now.state, ==, fsm->state);
    }
}

static void test_not_open(void)
{
    SCHIB schib = { };
    VFIOCCWFsm fsm;

    vfio_ccw_fsm_init(&fsm, &schib);
    expect_all_ignored(&fsm);
}

/* The core's reset of all subchannels shows the device again, for a moment. */
static void expect_hidden(VFIOCCWFsm *fsm)
{
    fsm->schib->pmcw.flags = OPERATIONAL;
    vfio_ccw_fsm_event(fsm, VFIO_CCW_EV_RESET);
    g_assert_cmphex(fsm->schib->pmcw.flags, ==, 0);
}

static void test_quiescing(void)
{
    SCHIB schib = { };
    VFIOCCWFsm fsm;

    vfio_ccw_fsm_init(&fsm, &schib);
    vfio_ccw_fsm_event(&fsm, VFIO_CCW_EV_OPEN);
    vfio_ccw_fsm_event(&fsm, VFIO_CCW_EV_CLOSE);
    g_assert_cmpint(fsm.state, ==, VFIO_CCW_QUIESCING);
    for (fsm.state = VFIO_CCW_QUIESCING_HALT;
         fsm.state <= VFIO_CCW_QUIESCING; fsm.state++) {
        expect_all_ignored(&fsm);
        expect_hidden(&fsm);
    }
}

/* docs/devel/vfio-ccw.rst */

#define TABLE_BEGIN ".. fsm-table-begin\n"
#define TABLE_END ".. fsm-table-end\n"

static const struct {
    const char *title;
    VFIOCCWEvent first;
    VFIOCCWEvent last;
} groups[] = {
    { "The guest's instructions", VFIO_CCW_EV_SSCH, VFIO_CCW_EV_TSCH_PRIMARY },
    { "What became of the request", VFIO_CCW_EV_SENT, VFIO_CCW_EV_FAILED },
    { "The host's IRBs", VFIO_CCW_EV_IRB_PARTIAL, VFIO_CCW_EV_IRB_ALERT },
    { "The device as a whole, and QEMU", VFIO_CCW_EV_SCHIB,
      VFIO_CCW_EV_RESET },
};

static void append_row(GString *text, VFIOCCWState state, size_t group)
{
    VFIOCCWEvent event;

    g_string_append_printf(text, "   * - %s\n", vfio_ccw_state_name(state));
    for (event = groups[group].first; event <= groups[group].last; event++) {
        g_autofree char *cell = vfio_ccw_fsm_describe(state, event);

        /* A hyphen alone would begin a list. */
        g_string_append_printf(text, "     - %s%s\n",
                               cell[0] == '-' ? "\\" : "", cell);
    }
}

static char *documented_table(void)
{
    GString *text = g_string_new(TABLE_BEGIN);

    for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
        VFIOCCWEvent event;
        VFIOCCWState state;

        g_string_append_printf(text, "\n.. list-table:: %s\n"
                               "   :header-rows: 1\n   :stub-columns: 1\n\n"
                               "   * - State\n", groups[i].title);
        for (event = groups[i].first; event <= groups[i].last; event++) {
            g_string_append_printf(text, "     - %s\n",
                                   vfio_ccw_event_name(event));
        }
        for (state = 0; state < VFIO_CCW_STATE__MAX; state++) {
            append_row(text, state, i);
        }
    }
    g_string_append(text, "\n" TABLE_END);
    return g_string_free(text, FALSE);
}

static void test_documentation(void)
{
    g_autofree char *table = documented_table();
    g_autofree char *path = NULL;
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    if (!g_getenv("G_TEST_SRCDIR")) {
        g_test_skip("G_TEST_SRCDIR does not say where the documentation is");
        return;
    }
    path = g_test_build_filename(G_TEST_DIST, "..", "..", "docs", "devel",
                                 "vfio-ccw.rst", NULL);
    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    if (!strstr(text, table)) {
        g_test_message("the table in %s is out of date: put there what this "
                       "test prints with VFIO_CCW_FSM_PRINT_TABLE=1", path);
        g_test_fail();
    }
}

static void add_tests(void)
{
    VFIOCCWState state;
    size_t i;

    for (state = 0; state < VFIO_CCW_STATE__MAX; state++) {
        g_autofree char *path = g_strdup_printf("/vfio-ccw/fsm/row/%s",
                                                vfio_ccw_state_name(state));

        g_test_add_data_func(path, GINT_TO_POINTER(state), test_row);
    }
    for (i = 0; i < ARRAY_SIZE(orders); i++) {
        g_autofree char *path = g_strdup_printf("/vfio-ccw/fsm/order/%s",
                                                orders[i].name);

        g_test_add_data_func(path, &orders[i], test_order);
    }
    g_test_add_func("/vfio-ccw/fsm/all-ends", test_all_ends);
    g_test_add_func("/vfio-ccw/fsm/pairs", test_pairs);
    g_test_add_func("/vfio-ccw/fsm/triples", test_triples);
    g_test_add_func("/vfio-ccw/fsm/parts", test_parts);
    g_test_add_func("/vfio-ccw/fsm/impossible", test_impossible);
    g_test_add_func("/vfio-ccw/fsm/not-open", test_not_open);
    g_test_add_func("/vfio-ccw/fsm/quiescing", test_quiescing);
    g_test_add_func("/vfio-ccw/fsm/documentation", test_documentation);
}

int main(int argc, char **argv)
{
    if (g_getenv("VFIO_CCW_FSM_PRINT_TABLE")) {
        g_autofree char *table = documented_table();

        fputs(table, stdout);
        return 0;
    }
    g_test_init(&argc, &argv, NULL);
    add_tests();
    return g_test_run();
}
