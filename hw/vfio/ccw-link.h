/*
 * vfio-ccw: the link to the host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The only place that talks to the host's driver once a device is attached: it
 * knows the regions and their byte order, and the eventfds.
 *
 * Every function here is called with the BQL held and returns without waiting
 * for the host, except vfio_ccw_link_negotiate() and vfio_ccw_link_drain().
 * What the host has to say comes through one door, the deliver callback, with
 * the BQL held too.
 */

#ifndef HW_VFIO_CCW_LINK_H
#define HW_VFIO_CCW_LINK_H

#include "hw/vfio/vfio-device.h"
#include "hw/vfio/ccw-fsm.h"
#include "qapi/qapi-types-sockets.h"
#include "qemu/coroutine.h"
#include "qemu/event_notifier.h"
#include "qemu/main-loop.h"
#include "qemu/thread.h"
#include "qemu/timer.h"

typedef struct VFIOCCWLink VFIOCCWLink;

/* Which host device; what a transport does not use is NULL or 0. */
typedef struct VFIOCCWTarget {
    char *mdev;               /* name of the mediated device */
    SocketAddress *socket;
    uint32_t msg_timeout;     /* ms */
    bool only_once;           /* once closed, it cannot be opened again */
} VFIOCCWTarget;

/*
 * How a device reaches its host: connect, negotiate and attach, in this order,
 * prepare link->vdev. All are called with the BQL held, but for negotiate: it
 * waits for the host and needs no BQL.
 */
typedef struct VFIOCCWTransport {
    /*
     * Returns 0 or -errno: -ENOENT and -ECONNREFUSED where no host is there. On
     * failure nothing stays behind.
     */
    int (*connect)(VFIOCCWLink *link, const VFIOCCWTarget *target,
                   Error **errp);
    /*
     * From now on all waiting for the host takes no more than @ms together, and
     * then the host is lost; 0: no such limit any more. NULL: impossible.
     */
    void (*limit_waiting)(VFIOCCWLink *link, uint32_t ms);
    bool (*negotiate)(VFIOCCWLink *link, Error **errp);
    /* @wait: for the host too, which may say then why it does not work. */
    bool (*attach)(VFIOCCWLink *link, const VFIOCCWTarget *target, bool wait,
                   Error **errp);
    /* Undo what has been done of these; no question is with the host. */
    void (*detach)(VFIOCCWLink *link);
    /* False once the host is known to be lost; NULL: that is never known. */
    bool (*connected)(VFIOCCWLink *link);
    /*
     * The first fault of the connection since this was asked for, if there was
     * one. NULL: such faults are never known.
     */
    char *(*take_fault)(VFIOCCWLink *link);
    /* Make questions return that are stuck; NULL where that is impossible. */
    void (*cut)(VFIOCCWLink *link);

    /*
     * Questions to the host, for a job to ask. Any number can be with it. They
     * return 0 or -errno, -ESHUTDOWN if there was no answer or half of one, and
     * yield until then, at least once: so whoever began the job has gone on.
     */
    int coroutine_fn (*read)(VFIOCCWLink *link, int region, off_t offset,
                             void *data, uint32_t size);
    int coroutine_fn (*write)(VFIOCCWLink *link, int region, const void *data,
                              uint32_t size);
    int coroutine_fn (*reset)(VFIOCCWLink *link);

    /*
     * Have @handler called with @link, the BQL held, whenever @fd is readable;
     * NULL: not any more. One fd, that of the I/O interrupt.
     */
    void (*watch)(VFIOCCWLink *link, int fd, IOHandler *handler);
} VFIOCCWTransport;

/* By files of the kernel */
extern const VFIOCCWTransport vfio_ccw_transport_kernel;

/* Over a socket; absent where Kconfig leaves vfio-user out. */
extern const VFIOCCWTransport vfio_ccw_transport_user;

/* What comes from the host. What is pointed to is gone after the call. */
typedef struct VFIOCCWNews {
    enum {
        VFIO_CCW_NEWS_SENT,   /* .request */
        VFIO_CCW_NEWS_RETRY,  /* .request */
        VFIO_CCW_NEWS_ANSWER, /* .answer */
        VFIO_CCW_NEWS_IRB,    /* .evidence */
        VFIO_CCW_NEWS_SCHIB,  /* .schib */
        VFIO_CCW_NEWS_CRW,    /* .crw */
        VFIO_CCW_NEWS_REQ,
        VFIO_CCW_NEWS_GONE,
        VFIO_CCW_NEWS_LOOKED, /* GONE came before it, if that is what it is */
        VFIO_CCW_NEWS_IDLE,   /* nobody asks the host anything just now */
    } kind;
    union {
        uint32_t request;
        const VFIOCCWAnswer *answer;
        const VFIOCCWEvidence *evidence; /* enough of it for the judge */
        const SCHIB *schib;
        CRW crw;
    };
} VFIOCCWNews;

typedef void VFIOCCWDeliver(void *opaque, const VFIOCCWNews *news);

/* What else has to be known of an IRB before it is delivered? */
typedef VFIOCCWRuling VFIOCCWAskJudge(void *opaque,
                                      const VFIOCCWEvidence *evidence);

/* At most one job of a lane is under way; lanes do not wait for others. */
typedef enum VFIOCCWLane {
    VFIO_CCW_LANE_START,
    VFIO_CCW_LANE_HALT,
    VFIO_CCW_LANE_CLEAR,
    VFIO_CCW_LANE_RESET,
    VFIO_CCW_LANE_IRB,
    VFIO_CCW_LANE_SCHIB,
    VFIO_CCW_LANE_CRW,
    VFIO_CCW_LANE__MAX
} VFIOCCWLane;

#define VFIO_CCW_NUM_IRQS 3

typedef struct VFIOCCWRequest {
    bool valid;
    VFIOCCWLane lane;
    uint32_t number;
    ORB orb;
    unsigned attempts;
} VFIOCCWRequest;

struct VFIOCCWLink {
    VFIODevice *vdev;
    const VFIOCCWTransport *transport;
    struct VFIOCCWWatch *watch;       /* the transport's own */
    const char *who;
    VFIOCCWDeliver *deliver;
    VFIOCCWAskJudge *judge;
    void *opaque;

    /* region indices; -1 where the host has none */
    int io_region;
    int async_region;
    int schib_region;
    int crw_region;

    EventNotifier irq[VFIO_CCW_NUM_IRQS];
    bool irq_registered[VFIO_CCW_NUM_IRQS];

    /* The rest changes with the BQL held only. */
    bool open;
    bool given_up;
    uint32_t life;                    /* a reset begins a new one */
    bool due[VFIO_CCW_LANE__MAX];     /* RESET, IRB, SCHIB, CRW wait */
    bool busy[VFIO_CCW_LANE__MAX];    /* a job of this lane is under way */
    bool looking;                     /* a SCHIB that is due is looked at */
    unsigned jobs;
    QemuCond job_done;
    VFIOCCWRequest queued;            /* if valid; .number is the newest */
    QEMUTimer *retry_timer;
    bool overtaken[VFIO_CCW_LANE__MAX]; /* by the halt or clear at the host */
    uint32_t schib_turn;              /* how many SCHIBs were asked for */
    uint32_t schib_shown;             /* the turn of the one delivered last */
    IRB last_irb;                     /* as it was read last */
    uint32_t nr_sent;                 /* how many requests were */
};

/* @who is what messages call the device; it is not copied. */
void vfio_ccw_link_init(VFIOCCWLink *link, VFIODevice *vdev,
                        const VFIOCCWTransport *transport, const char *who,
                        VFIOCCWDeliver *deliver, VFIOCCWAskJudge *judge,
                        void *opaque);

/*
 * The transport is attached: find the regions, register the interrupts, read
 * the first SCHIB into @schib (*@have_schib says whether the host has one).
 * Waits for the host and needs no BQL. On failure it is to be abandoned.
 */
bool vfio_ccw_link_negotiate(VFIOCCWLink *link, SCHIB *schib, bool *have_schib,
                             Error **errp);

/*
 * After that: requests are sent and news delivered from now on, as if nothing
 * had been before; a host that is back is to be reset first. Fails where it has
 * been lost meanwhile.
 */
bool vfio_ccw_link_open(VFIOCCWLink *link, Error **errp);

/* What is wrong with the connection, if that is known: the caller frees it. */
char *vfio_ccw_link_take_fault(VFIOCCWLink *link);

/*
 * *@errp says which step has failed: say what was wrong with the connection
 * instead, if that was what failed.
 */
void vfio_ccw_link_explain(VFIOCCWLink *link, Error **errp);

/* Instead of opening it: undo what negotiating has done so far. */
void vfio_ccw_link_abandon(VFIOCCWLink *link);

/*
 * Queue request @number; it replaces one that is still queued. Returns 1 if it
 * went to the host at once, which the caller tells the state machine itself; 0
 * if NEWS_SENT will say so; -errno if it never goes.
 */
int vfio_ccw_link_request(VFIOCCWLink *link, VFIOCCWFunction function,
                          uint32_t number, const ORB *orb);

/* Forget the queued request, if there is one. */
void vfio_ccw_link_withdraw(VFIOCCWLink *link);

/* Ask for a fresh SCHIB, to be delivered later. */
void vfio_ccw_link_refresh_schib(VFIOCCWLink *link);

/*
 * Is the device there? NEWS_LOOKED says that a SCHIB was read since, or could
 * not be, which may have been NEWS_GONE. Where the host shows none, it may be
 * delivered before this returns.
 */
void vfio_ccw_link_look(VFIOCCWLink *link);

/*
 * Reset the host's device, once what was sent to it has returned. Requests made
 * meanwhile wait; nothing that was sent or signalled before is delivered.
 */
void vfio_ccw_link_reset(VFIOCCWLink *link);

/*
 * A job reads the IRB once more, and that is what was signalled until now, if
 * anything was. Otherwise the job makes it due again.
 */
bool vfio_ccw_link_take_irb_signal(VFIOCCWLink *link);

/* Is there a reset of the host that has not come to its end? */
bool vfio_ccw_link_resetting(const VFIOCCWLink *link);

/* The host is lost: nothing is asked of it until the link is opened again. */
void vfio_ccw_link_give_up(VFIOCCWLink *link);

/* The transport lost the host. */
void vfio_ccw_link_lost(VFIOCCWLink *link);

/* True where no job is under way, and nobody has entered. */
bool vfio_ccw_link_idle(const VFIOCCWLink *link);

/* Stop: no interrupts, nothing is sent until it is opened. News: IDLE only. */
void vfio_ccw_link_close(VFIOCCWLink *link);

/* Somebody is going to use a link that is closed, and does so no more. */
void vfio_ccw_link_enter(VFIOCCWLink *link);
void vfio_ccw_link_leave(VFIOCCWLink *link);

/* After close: wait, without the BQL, until no job is left. */
void vfio_ccw_link_drain(VFIOCCWLink *link);

void vfio_ccw_link_destroy(VFIOCCWLink *link);

#endif /* HW_VFIO_CCW_LINK_H */
