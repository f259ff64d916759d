/*
 * Simulation of vfio-ccw: what its parts know of each other
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One thread, one device, one seed. Whatever can happen next is a step; the
 * seed chooses which one does. test-vfio-ccw-sim.c has the steps and the
 * choice, vfio-ccw-sim-transport.c the way to the host, vfio-ccw-sim-host.c the
 * host, vfio-ccw-sim-guest.c the guest and what it must see,
 * vfio-ccw-sim-qemu.c what the link takes from QEMU: timers, eventfds.
 */

#ifndef TESTS_UNIT_VFIO_CCW_SIM_H
#define TESTS_UNIT_VFIO_CCW_SIM_H

#include "hw/vfio/ccw-link.h"
#include "tests/vfio-ccw-host/driver.h"

#define SIM_MAX_STARTS 512
#define SIM_GUEST_SIZE (64 * 1024)

/* What a seed is about; chosen once. */
typedef struct SimProfile {
    unsigned regions;         /* 1u << VFIO_CCW_HOST_REGION_* */
    bool same_ends;           /* programs end alike, so IRBs are the same */
    bool impatient_device;    /* presents before the last IRB was read */
    bool extra_signals;       /* with no new IRB behind them */
    bool wire;                /* questions arrive in the order of asking */
    bool old_kernel;          /* before 5.8: eventfds have no RWF_NOWAIT */
    bool cut;                 /* the transport can make questions return */
    unsigned error_rate;      /* one in so many answers is an errno; 0: none */
    unsigned mischief;        /* one in so many steps; 0: none */
    bool fatal;               /* the device may go, the link may break */
    unsigned weight_guest;
    unsigned weight_question;
    unsigned weight_host;
    unsigned weight_device;
    unsigned weight_timer;
} SimProfile;

/* All that is known of a start, from whichever side. */
typedef struct SimStart {
    uint32_t cpa;
    bool never_send;          /* was withdrawn before it left QEMU */
    bool over;                /* the guest was told that it is */
    unsigned life;            /* of the guest, when it was started */
    bool accepted;            /* by the host's subchannel */
    int ret;                  /* what the host last answered */
    bool presented;           /* the device presented status for it */
    unsigned cc;              /* deferred, from the host */
    uint8_t dstat;
    uint8_t cstat;
    uint16_t count;
} SimStart;

typedef struct Sim {
    uint32_t seed;
    unsigned step;
    bool verbose;
    bool settling;            /* nothing new begins */
    bool gone_when_asked;     /* for the device */
    bool unplug_due;
    bool leaving;             /* the guest was told so */
    bool unplugged;
    GRand *rand;
    SimProfile profile;

    /* the device in QEMU */
    VFIODevice vdev;
    VFIOCCWLink link;
    VFIOCCWFsm fsm;
    SCHIB schib;

    /* the guest */
    unsigned life;            /* a reset of the host begins one */
    bool irq_pending;
    bool irq_taken;           /* but not the status yet */
    unsigned reports;
    VFIOCCWFunction function; /* VFIO_CCW_FN__MAX: none */
    uint32_t nr_starts;
    SimStart start[SIM_MAX_STARTS + 1];
    bool signal_ended;        /* the device ended the halt or clear */
    int signal_ret;           /* what the host last answered to it */
    unsigned last_crw;

    /* the host */
    HostGate gate;
    HostDma dma;
    HostSubchannel sch;
    HostDriver driver;
    unsigned nr_crws;
    bool alerted;             /* the device presented unsolicited status */
    bool irb_lost;            /* by the host, as a real one may */
    bool work_of_before_reset; /* of an interrupt that was taken then */
    bool link_lost;
} Sim;

extern Sim sim;

void G_GNUC_PRINTF(1, 2) sim_log(const char *fmt, ...);
G_NORETURN void G_GNUC_PRINTF(1, 2) sim_fail(const char *fmt, ...);

/* 0 ... @n - 1; a chance of one in @n, where 0 means never */
unsigned sim_below(unsigned n);
bool sim_one_in(unsigned n);

/* The machine was told @event; what it met is what the seeds are good for. */
void sim_note(VFIOCCWState state, VFIOCCWEvent event);
/* An alert took the place of what ends @state before that was read. */
void sim_note_overwritten(VFIOCCWState state);

/* One step that is neither the guest's nor mischief; false: there is none */
bool sim_step_outside_guest(void);

/* vfio-ccw-sim-transport.c */
extern const VFIOCCWTransport sim_transport;
extern VFIODeviceIOOps sim_io_ops;
unsigned sim_nr_questions(void);
/* ... that can arrive, or return, now */
unsigned sim_nr_movable_questions(void);
void sim_move_question(unsigned n);

/* vfio-ccw-sim-qemu.c */
bool sim_eventfd_ready(unsigned index);
void sim_eventfd_handle(unsigned index);
void sim_timer_fire(void);

/* vfio-ccw-sim-host.c */
void sim_host_init(void);
void sim_host_destroy(void);
void sim_host_hold_everything(void);
/* Another one, that knows nothing of the first */
void sim_host_renew(void);
bool sim_host_region_info(unsigned index, struct vfio_region_info *info,
                          struct vfio_region_info_cap_type *type);
bool sim_host_at_work(void);
unsigned sim_host_nr_held(void);
void sim_host_release(unsigned n);
bool sim_device_busy(void);
void sim_device_step(void);
bool sim_pipeline_empty(void);
void sim_host_mischief(void);
uint32_t sim_device_active_start(void);

/* vfio-ccw-sim-guest.c */
void sim_guest_open(void);
bool sim_host_may_return(void);
void sim_guest_have_host_back(void);
void sim_guest_step(void);
bool sim_guest_interrupted(void);
bool sim_can_tell_ends_apart(void);
void sim_guest_take_status(void);
void sim_guest_clear(void);
void sim_guest_unplug(void);
void sim_check(void);

#endif
