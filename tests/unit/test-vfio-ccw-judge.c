/*
 * vfio-ccw: unit test of the judge, who says which function an IRB ends
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All evidence there can be meets all that the state machine can expect, and
 * the ruling is compared with what a second opinion says. That was written from
 * what each kind of status means and what a driver with one place for an IRB
 * can do to it, without the judge's table. Besides, promises are looked at that
 * need no second opinion.
 *
 * One thread.
 */

#include "qemu/osdep.h"
#include "hw/vfio/ccw-irb.h"
#include "hw/vfio/ccw-judge.h"

#define START SCSW_FCTL_START_FUNC
#define HALT SCSW_FCTL_HALT_FUNC
#define CLEAR SCSW_FCTL_CLEAR_FUNC
#define ACTIVE SCSW_ACTL_DEVICE_ACTIVE
#define PENDING SCSW_STCTL_STATUS_PEND
#define PRIMARY (SCSW_STCTL_PRIMARY | PENDING)
#define SECONDARY (SCSW_STCTL_SECONDARY | PENDING)
#define INTERMEDIATE (SCSW_STCTL_INTERMEDIATE | PENDING)
#define ALERT (SCSW_STCTL_ALERT | PENDING)

typedef struct Sample {
    const char *name;
    uint16_t flags;
    uint16_t ctrl;
    VFIOCCWStatusOf of;
} Sample;

static const Sample samples[] = {
    { "nothing", 0, START | ACTIVE, VFIO_CCW_OF_START_PARTIAL },
    { "PCI", 0, START | ACTIVE | INTERMEDIATE, VFIO_CCW_OF_START_PARTIAL },
    { "CE", 0, START | ACTIVE | PRIMARY, VFIO_CCW_OF_START_PARTIAL },
    { "CE+DE", 0, START | PRIMARY | SECONDARY, VFIO_CCW_OF_START_END },
    { "deferred", 0x100, START | ALERT, VFIO_CCW_OF_START_END },
    { "DE", 0, SECONDARY, VFIO_CCW_OF_DEVICE },
    { "DE+UC", 0, SECONDARY | ALERT, VFIO_CCW_OF_DEVICE },
    { "alert", 0, ALERT, VFIO_CCW_OF_NOTHING },
    { "alert+start", 0, START | ACTIVE | ALERT, VFIO_CCW_OF_NOTHING },
    { "halted", 0, HALT | PENDING, VFIO_CCW_OF_HALT },
    { "halted start", 0, START | HALT | PRIMARY, VFIO_CCW_OF_HALT },
    { "cleared", 0, CLEAR | PENDING, VFIO_CCW_OF_CLEAR },
    { "all bits", 0xffff, 0xffff, VFIO_CCW_OF_CLEAR },
};

static const uint16_t host_ctrls[] = {
    0, START, HALT, CLEAR, START | HALT, ACTIVE, SCSW_ACTL_START_PEND,
    SECONDARY, ALERT, START | ACTIVE, HALT | ACTIVE,
};

typedef struct Case {
    const Sample *sample;
    VFIOCCWExpected x;
    VFIOCCWEvidence e;
} Case;

/* The second opinion */

static bool is_idle(const Case *c)
{
    return c->e.schib == VFIO_CCW_SCHIB_READ &&
           !(c->e.host_ctrl & (SCSW_CTRL_MASK_FCTL | SCSW_CTRL_MASK_ACTL |
                               SCSW_STCTL_SECONDARY));
}

/* The function that the IRB ends goes on, so this is an earlier one's end. */
static bool goes_on(const Case *c, uint16_t function)
{
    return c->e.schib == VFIO_CCW_SCHIB_READ && (c->e.host_ctrl & function);
}

static VFIOCCWFunction awaited(const Case *c)
{
    return c->e.overtaken ? VFIO_CCW_FN__MAX : c->x.function;
}

static VFIOCCWRuling nothing(const Case *c)
{
    return (VFIOCCWRuling) { .device_end_due = c->x.device_end_due };
}

static VFIOCCWRuling read_first(const Case *c, int next)
{
    VFIOCCWRuling ruling = nothing(c);

    ruling.next = next;
    return ruling;
}

static void add(VFIOCCWRuling *ruling, VFIOCCWStatusOf of, IRB irb)
{
    ruling->finding[ruling->nr].of = of;
    ruling->finding[ruling->nr++].irb = irb;
}

static void add_lost(const Case *c, VFIOCCWRuling *ruling,
                     VFIOCCWFunction function)
{
    IRB irb = { .scsw.ctrl = PENDING };

    switch (function) {
    case VFIO_CCW_FN_HALT:
        irb.scsw.ctrl |= HALT;
        add(ruling, VFIO_CCW_OF_HALT, irb);
        break;
    case VFIO_CCW_FN_CLEAR:
        irb.scsw.ctrl |= CLEAR;
        add(ruling, VFIO_CCW_OF_CLEAR, irb);
        break;
    default:
        add(ruling, VFIO_CCW_OF_START_END, vfio_ccw_irb_of_lost_end());
        ruling->device_end_due = VFIO_CCW_DUE_DISCARD_ALL;
    }
}

/* It can be believed as it is, or only if the driver shows it still. */
static VFIOCCWRuling own(const Case *c, bool doubtful, uint16_t function)
{
    VFIOCCWRuling ruling = nothing(c);

    if (doubtful && c->e.schib == VFIO_CCW_SCHIB_UNREAD) {
        return read_first(c, VFIO_CCW_READ_SCHIB);
    }
    if (doubtful && goes_on(c, function)) {
        return ruling;
    }
    if (doubtful && c->e.schib == VFIO_CCW_SCHIB_READ) {
        if (c->e.again == VFIO_CCW_AGAIN_UNREAD) {
            return read_first(c, VFIO_CCW_READ_IRB);
        }
        if (c->e.again == VFIO_CCW_AGAIN_CHANGED) {
            return ruling;
        }
    }
    if (c->x.start_may_end) {
        ruling.device_end_due = VFIO_CCW_DUE_NO;
    }
    add(&ruling, c->sample->of, c->e.irb);
    return ruling;
}

static bool came_again(const Case *c)
{
    return c->x.device_end_due == VFIO_CCW_DUE_DISCARD_ALL ||
           (c->e.repeated && c->sample->ctrl != (START | ACTIVE |
                                                 INTERMEDIATE));
}

/* Not the end of what is awaited, whose own may be lost. */
static VFIOCCWRuling foreign(const Case *c)
{
    VFIOCCWRuling ruling = nothing(c);

    if (awaited(c) == VFIO_CCW_FN__MAX) {
        return ruling;
    }
    if (c->e.schib == VFIO_CCW_SCHIB_UNREAD) {
        return read_first(c, VFIO_CCW_READ_SCHIB);
    }
    if (!is_idle(c) || c->e.again == VFIO_CCW_AGAIN_CHANGED) {
        return ruling;
    }
    if (c->e.again == VFIO_CCW_AGAIN_UNREAD) {
        return read_first(c, VFIO_CCW_READ_IRB);
    }
    if (c->x.start_may_end) {
        ruling.device_end_due = VFIO_CCW_DUE_NO;
    }
    add_lost(c, &ruling, c->x.function);
    return ruling;
}

static VFIOCCWRuling opinion_on_alert(const Case *c)
{
    VFIOCCWRuling ruling = foreign(c);

    if (ruling.next) {
        return ruling;
    }
    if (c->x.device_end_due != VFIO_CCW_DUE_DELIVER && !ruling.nr) {
        ruling.device_end_due = c->x.device_end_due;
    } else if (c->x.start_may_end && !(ruling.nr && c->x.function ==
                                       VFIO_CCW_FN_START)) {
        ruling.device_end_due = c->x.device_end_due == VFIO_CCW_DUE_DELIVER
                                ? VFIO_CCW_DUE_NO : c->x.device_end_due;
    }
    add(&ruling, VFIO_CCW_OF_NOTHING, c->e.irb);
    return ruling;
}

/* Once it is there, nobody waits for it any more, unless it came before. */
static VFIOCCWDeviceEndDue after_device_end(const Case *c)
{
    return c->e.repeated || c->e.again == VFIO_CCW_AGAIN_CHANGED
           ? c->x.device_end_due : VFIO_CCW_DUE_NO;
}

/* The guest knows of no start that it could end. */
static VFIOCCWRuling device_end_alone(const Case *c)
{
    VFIOCCWRuling ruling = nothing(c);
    bool told = c->x.device_end_due == VFIO_CCW_DUE_DELIVER &&
                awaited(c) != VFIO_CCW_FN_CLEAR &&
                awaited(c) != VFIO_CCW_FN_START;

    if (awaited(c) != VFIO_CCW_FN__MAX) {
        if (c->e.schib == VFIO_CCW_SCHIB_UNREAD) {
            return read_first(c, VFIO_CCW_READ_SCHIB);
        }
        if (is_idle(c) && awaited(c) != VFIO_CCW_FN_START) {
            if (c->e.again == VFIO_CCW_AGAIN_UNREAD) {
                return read_first(c, VFIO_CCW_READ_IRB);
            }
            told &= c->e.again == VFIO_CCW_AGAIN_SAME;
        }
    }
    ruling.device_end_due = after_device_end(c);
    if (told) {
        add(&ruling, VFIO_CCW_OF_DEVICE, c->e.irb);
    }
    if (awaited(c) != VFIO_CCW_FN__MAX && awaited(c) != VFIO_CCW_FN_START &&
        is_idle(c) && c->e.again == VFIO_CCW_AGAIN_SAME) {
        add_lost(c, &ruling, c->x.function);
    }
    return ruling;
}

static VFIOCCWRuling device_end_beside_start(const Case *c)
{
    VFIOCCWRuling ruling = nothing(c);
    bool due = c->x.device_end_due != VFIO_CCW_DUE_NO;
    bool halting = awaited(c) == VFIO_CCW_FN_HALT ||
                   awaited(c) == VFIO_CCW_FN_CLEAR;

    if (!due && !halting && !came_again(c)) {
        return own(c, false, START);
    }
    if (c->e.schib == VFIO_CCW_SCHIB_UNREAD) {
        return read_first(c, VFIO_CCW_READ_SCHIB);
    }
    if (!due && came_again(c) && goes_on(c, START)) {
        return ruling;
    }
    if (halting ? is_idle(c) : due && is_idle(c)) {
        if (c->e.again == VFIO_CCW_AGAIN_UNREAD) {
            return read_first(c, VFIO_CCW_READ_IRB);
        }
        if (c->e.again == VFIO_CCW_AGAIN_SAME) {
            ruling.device_end_due = VFIO_CCW_DUE_NO;
            add_lost(c, &ruling, halting ? c->x.function : VFIO_CCW_FN_START);
        }
        return ruling;
    }
    if (!due && !halting) {
        return own(c, true, START);
    }
    if (c->x.device_end_due >= VFIO_CCW_DUE_DISCARD) {
        ruling.device_end_due = after_device_end(c);
        return ruling;
    }
    ruling.device_end_due = VFIO_CCW_DUE_NO;
    add(&ruling, due ? VFIO_CCW_OF_NOTHING : VFIO_CCW_OF_DEVICE, c->e.irb);
    if (due) {
        ruling.finding[0].irb.scsw.ctrl = ALERT;
    }
    return ruling;
}

static VFIOCCWRuling opinion(const Case *c)
{
    uint16_t fctl = c->sample->ctrl & SCSW_CTRL_MASK_FCTL;

    if (!(c->sample->ctrl & PENDING)) {
        return nothing(c);
    }
    switch (c->sample->of) {
    case VFIO_CCW_OF_NOTHING:
        return opinion_on_alert(c);
    case VFIO_CCW_OF_DEVICE:
        return c->x.start_may_end ? device_end_beside_start(c)
                                  : device_end_alone(c);
    case VFIO_CCW_OF_HALT:
        if (awaited(c) == VFIO_CCW_FN_HALT ||
            (awaited(c) == VFIO_CCW_FN_START && (fctl & START) &&
             c->e.schib != VFIO_CCW_SCHIB_NONE)) {
            return own(c, true, fctl);
        }
        return foreign(c);
    case VFIO_CCW_OF_CLEAR:
        return awaited(c) == VFIO_CCW_FN_CLEAR ? own(c, true, fctl)
                                               : foreign(c);
    default:
        return c->x.start_may_end ? own(c, came_again(c), START) : foreign(c);
    }
}

/* All there can be */

static unsigned differences;

static void differ(const Case *c, const char *what)
{
    g_test_fail();
    if (differences++ < 20) {
        g_test_message("%s: %s; function %d, start_may_end %d, due %d; "
                       "repeated %d, overtaken %d, schib %d 0x%04x, again %d",
                       c->sample->name, what, c->x.function,
                       c->x.start_may_end, c->x.device_end_due, c->e.repeated,
                       c->e.overtaken, c->e.schib, c->e.host_ctrl, c->e.again);
    }
}

static void compare(const Case *c)
{
    VFIOCCWRuling ruling = vfio_ccw_judge(&c->x, &c->e);
    VFIOCCWRuling other = opinion(c);

    if (ruling.next != other.next) {
        differ(c, "what is read next");
    }
    if (ruling.device_end_due != other.device_end_due) {
        differ(c, "device end due");
    }
    if (ruling.nr != other.nr) {
        differ(c, "how many events");
        return;
    }
    for (unsigned i = 0; i < ruling.nr; i++) {
        if (ruling.finding[i].of != other.finding[i].of ||
            memcmp(&ruling.finding[i].irb, &other.finding[i].irb,
                   sizeof(IRB))) {
            differ(c, "an event");
        }
    }
}

/* What holds whatever the table says */
static void keep_promises(const Case *c)
{
    VFIOCCWRuling ruling = vfio_ccw_judge(&c->x, &c->e);

    if (ruling.next == VFIO_CCW_READ_SCHIB &&
        c->e.schib != VFIO_CCW_SCHIB_UNREAD) {
        differ(c, "the SCHIB was read");
    }
    if (ruling.next == VFIO_CCW_READ_IRB &&
        (c->e.again != VFIO_CCW_AGAIN_UNREAD ||
         c->e.schib != VFIO_CCW_SCHIB_READ)) {
        differ(c, "reads the IRB again without need");
    }
    if (ruling.next && ruling.nr) {
        differ(c, "decides before it knows");
    }
    /* Nothing is in progress and this was not in doubt: somebody must hear. */
    if (is_idle(c) && c->e.again == VFIO_CCW_AGAIN_SAME && !c->e.overtaken &&
        c->x.function != VFIO_CCW_FN__MAX && (c->sample->ctrl & PENDING) &&
        !(c->x.function == VFIO_CCW_FN_START && !c->x.start_may_end) &&
        !ruling.nr) {
        differ(c, "what is awaited never ends");
    }
    /* An end of the function itself is never taken while it goes on. */
    for (unsigned i = 0; i < ruling.nr; i++) {
        if (c->e.schib == VFIO_CCW_SCHIB_READ && (c->e.host_ctrl & HALT) &&
            ruling.finding[i].of == VFIO_CCW_OF_HALT &&
            c->x.function == VFIO_CCW_FN_HALT) {
            differ(c, "a halt ends that goes on");
        }
        if (c->e.schib == VFIO_CCW_SCHIB_READ && (c->e.host_ctrl & CLEAR) &&
            ruling.finding[i].of == VFIO_CCW_OF_CLEAR) {
            differ(c, "a clear ends that goes on");
        }
    }
}

typedef void Visit(const Case *c);

static unsigned visit_evidence(Case *c, Visit *visit)
{
    unsigned n = 0;

    for (int bits = 0; bits < 4; bits++) {
        c->e.repeated = bits & 1;
        c->e.overtaken = bits & 2;
        for (int again = 0; again <= VFIO_CCW_AGAIN_CHANGED; again++) {
            c->e.again = again;
            c->e.host_ctrl = 0;
            for (int schib = 0; schib < VFIO_CCW_SCHIB_READ; schib++, n++) {
                c->e.schib = schib;
                visit(c);
            }
            c->e.schib = VFIO_CCW_SCHIB_READ;
            for (size_t i = 0; i < ARRAY_SIZE(host_ctrls); i++, n++) {
                c->e.host_ctrl = host_ctrls[i];
                visit(c);
            }
        }
    }
    return n;
}

/* A clear leaves no start that may end; a start that is awaited may. */
static bool can_be(const VFIOCCWExpected *x)
{
    switch (x->function) {
    case VFIO_CCW_FN_START:
        return x->start_may_end;
    case VFIO_CCW_FN_CLEAR:
        return !x->start_may_end;
    default:
        return true;
    }
}

static void visit_all(Visit *visit)
{
    unsigned n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
        Case c = { .sample = &samples[i] };

        c.e.irb.scsw.flags = samples[i].flags;
        c.e.irb.scsw.ctrl = samples[i].ctrl;
        c.e.irb.scsw.cpa = 0x1000;
        c.e.irb.ecw[0] = 0x12345678;
        for (int k = 0; k <= VFIO_CCW_FN__MAX * 8 + 7; k++) {
            c.x.function = k / 8;
            c.x.start_may_end = k & 1;
            c.x.device_end_due = k / 2 % 4;
            if (can_be(&c.x)) {
                n += visit_evidence(&c, visit);
            }
        }
    }
    g_test_message("%u cases", n);
}

static void test_second_opinion(void)
{
    visit_all(compare);
}

static void test_promises(void)
{
    visit_all(keep_promises);
}

static void test_claims(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
        SCSW scsw = { .flags = samples[i].flags, .ctrl = samples[i].ctrl };

        g_assert_cmpint(vfio_ccw_status_of(&scsw), ==, samples[i].of);
    }
}

/* One read of the IRB is enough for a start that ends unlike the one before. */
static void test_common_case(void)
{
    VFIOCCWExpected x = {
        .function = VFIO_CCW_FN_START,
        .start_may_end = true,
    };
    VFIOCCWEvidence e = { .irb.scsw.ctrl = START | PRIMARY | SECONDARY };
    VFIOCCWRuling ruling = vfio_ccw_judge(&x, &e);

    g_assert_cmpint(ruling.next, ==, VFIO_CCW_RULED);
    g_assert_cmpuint(ruling.nr, ==, 1);
    g_assert_cmpint(ruling.finding[0].of, ==, VFIO_CCW_OF_START_END);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vfio-ccw/judge/claims", test_claims);
    g_test_add_func("/vfio-ccw/judge/common-case", test_common_case);
    g_test_add_func("/vfio-ccw/judge/second-opinion", test_second_opinion);
    g_test_add_func("/vfio-ccw/judge/promises", test_promises);
    return g_test_run();
}
