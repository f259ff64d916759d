/*
 * vfio-ccw: the status that a guest is shown
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Two things that PoP says of status and that do not depend on the state: what
 * the host's answer to a request amounts to, and how status adds up that came
 * in parts. What status is shown, and when, is for the state machine.
 *
 * Called by ccw-fsm.c, and for the errno table by ccw-job.c and ccw-link.c, in
 * whatever thread they are called.
 */

#include "qemu/osdep.h"
#include "hw/vfio/ccw-irb.h"

typedef enum Outcome {
    DEFERRED_CC1,
    DEFERRED_CC3,
    PROGRAM_CHECK,
    PROTECTION_CHECK,
    CONTROL_CHECK,
    DEVICE_GONE,
} Outcome;

typedef enum Retry {
    NEVER,
    LATER,           /* when the driver may be done with something else */
    AFTER_ITS_OWN,   /* when this device's request at the driver returns */
} Retry;

/*
 * All that an errno of the driver means, for SSCH, HSCH and CSCH alike. Two of
 * them say that the device is gone only if its SCHIB cannot be read either: the
 * SCHIB is read to find out, and where cc 3 may have changed its paths.
 */
static const struct {
    int error;
    Outcome outcome;
    Retry retry;
    bool read_schib;
    bool gone_without_schib;
} answers[] = {
    /* the outcome of the first two is that of the last retry */
    { EAGAIN,     DEFERRED_CC1, .retry = AFTER_ITS_OWN },
    { EBUSY,      DEFERRED_CC1, .retry = LATER },
    /* cc 3, other paths left */
    { EACCES,     DEFERRED_CC3, .read_schib = true },
    /* cc 3, none left */
    { ENODEV,     DEFERRED_CC3, .read_schib = true,
                                .gone_without_schib = true },
    /* NOT_OPER, or worse */
    { EIO,        CONTROL_CHECK, .read_schib = true,
                                 .gone_without_schib = true },
    { EINVAL,     PROGRAM_CHECK },
    { EOPNOTSUPP, PROGRAM_CHECK },
    { EFAULT,     PROTECTION_CHECK },
    { EPERM,      PROTECTION_CHECK },
    /* the link's own errors */
    { ETIMEDOUT,  DEVICE_GONE },
    { ESHUTDOWN,  DEVICE_GONE },
    /* any other */
    { 0,          CONTROL_CHECK },
};

static unsigned find_answer(int ret)
{
    unsigned i = 0;

    while (answers[i].error && answers[i].error != -ret) {
        i++;
    }
    return i;
}

static Outcome outcome_of(const VFIOCCWAnswer *answer)
{
    unsigned i = find_answer(answer->ret);

    return answer->schib_lost && answers[i].gone_without_schib
           ? DEVICE_GONE : answers[i].outcome;
}

bool vfio_ccw_errno_is_retried(int ret)
{
    return answers[find_answer(ret)].retry != NEVER;
}

bool vfio_ccw_errno_is_own_lock(int ret)
{
    return answers[find_answer(ret)].retry == AFTER_ITS_OWN;
}

bool vfio_ccw_errno_needs_schib(int ret)
{
    return answers[find_answer(ret)].read_schib;
}

bool vfio_ccw_answer_says_gone(const VFIOCCWAnswer *answer)
{
    return outcome_of(answer) == DEVICE_GONE;
}

static IRB check_irb(uint8_t cstat, uint32_t cpa)
{
    return (IRB) {
        .scsw = {
            .ctrl = SCSW_STCTL_PRIMARY | SCSW_STCTL_SECONDARY |
                    SCSW_STCTL_ALERT | SCSW_STCTL_STATUS_PEND,
            .cstat = cstat,
            .cpa = cpa,
        },
    };
}

/* PoP 16, "Deferred Condition Code": nothing of the program was executed. */
static IRB deferred_irb(int cc)
{
    QEMU_BUILD_BUG_ON(SCSW_FLAGS_MASK_CC != 3 << 8);

    return (IRB) {
        .scsw = {
            .flags = cc << 8,
            .ctrl = SCSW_ACTL_START_PEND | SCSW_STCTL_ALERT |
                    SCSW_STCTL_STATUS_PEND,
        },
    };
}

/*
 * PoP 16, "Path Not Operational (N)": a path was tried, which cannot be where
 * the program has given none.
 */
IRB vfio_ccw_irb_of_failed_start(const VFIOCCWAnswer *answer, const ORB *orb)
{
    uint32_t cpa = orb->cpa;
    IRB irb;

    switch (outcome_of(answer)) {
    case DEFERRED_CC1:
        return deferred_irb(1);
    case DEFERRED_CC3:
        irb = deferred_irb(3);
        irb.scsw.flags |= orb->lpm ? SCSW_FLAGS_MASK_PNO : 0;
        return irb;
    case PROGRAM_CHECK:
        return check_irb(SCSW_CSTAT_PROG_CHECK, cpa + 8);
    case PROTECTION_CHECK:
        return check_irb(SCSW_CSTAT_PROT_CHECK, cpa + 8);
    default:
        return check_irb(SCSW_CSTAT_CHN_CTRL_CHK, cpa + 8);
    }
}

IRB vfio_ccw_irb_of_lost_end(void)
{
    return check_irb(SCSW_CSTAT_CHN_CTRL_CHK, 0);
}

/*
 * PoP 15, "Halt Function" and "Clear Function": where the signal cannot be
 * issued for want of a path, the function ends all the same. Otherwise the
 * program may be running: what ends must not look like success. There is no
 * program that could be at fault, and no deferred condition code.
 */
IRB vfio_ccw_irb_of_failed_signal(const VFIOCCWAnswer *answer)
{
    if (outcome_of(answer) != DEFERRED_CC3) {
        return check_irb(SCSW_CSTAT_CHN_CTRL_CHK, 0);
    }
    return (IRB) {
        .scsw = {
            .flags = SCSW_FLAGS_MASK_PNO,
            .ctrl = SCSW_STCTL_STATUS_PEND,
        },
    };
}

/*
 * PoP 16: the address and the count are those of primary status: with what
 * follows it they mean nothing. The same goes for what explains it, unless the
 * newer status brings an explanation of its own.
 */
static void keep_primary(IRB *newer, const IRB *older)
{
    uint16_t explained = SCSW_FLAGS_MASK_ESWF | SCSW_FLAGS_MASK_ECTL;

    if (newer->scsw.ctrl & SCSW_STCTL_PRIMARY ||
        !(older->scsw.ctrl & SCSW_STCTL_PRIMARY)) {
        return;
    }
    newer->scsw.cpa = older->scsw.cpa;
    newer->scsw.count = older->scsw.count;
    if (!(newer->scsw.flags & explained)) {
        newer->scsw.flags |= older->scsw.flags & explained;
        newer->esw = older->esw;
        memcpy(newer->ecw, older->ecw, sizeof(newer->ecw));
    }
}

/*
 * PoP 16: status of one operation accumulates until it is taken. That a start
 * was not even begun stays true.
 */
void vfio_ccw_irb_add(IRB *newer, const IRB *older)
{
    keep_primary(newer, older);
    newer->scsw.ctrl |= older->scsw.ctrl &
                        (SCSW_CTRL_MASK_STCTL | SCSW_ACTL_START_PEND);
    newer->scsw.flags |= older->scsw.flags &
                         (SCSW_FLAGS_MASK_ZCC | SCSW_FLAGS_MASK_CC |
                          SCSW_FLAGS_MASK_PNO);
    newer->scsw.dstat |= older->scsw.dstat;
    newer->scsw.cstat |= older->scsw.cstat;
}
