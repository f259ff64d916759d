/*
 * Subchannel: what the emulated host driver finds below itself
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The host's channel subsystem as seen from the vfio_ccw driver: the I/O
 * instructions with their condition codes on one side, a device that begins
 * functions and presents status on the other. Knows neither the driver nor
 * any particular device. All in host byte order and in the host's thread.
 */

#ifndef TESTS_VFIO_CCW_HOST_SUBCHANNEL_H
#define TESTS_VFIO_CCW_HOST_SUBCHANNEL_H

#include "hw/s390x/ioinst.h"

typedef struct ChannelProgram ChannelProgram;
typedef struct HostSubchannel HostSubchannel;

/* What the extended-control word has room for */
#define HOST_SENSE_SIZE 32

/*
 * A device behind a subchannel. Each function may present its status at once
 * or any time later. After clear() nothing of before may be presented.
 *
 * sense() hands the sense data over, for concurrent sense: it stores up to
 * HOST_SENSE_SIZE bytes, forgets them and returns their number. A device that
 * has none leaves it NULL.
 */
typedef struct HostDeviceOps {
    void (*start)(void *device, HostSubchannel *sch, ChannelProgram *cp);
    void (*halt)(void *device, HostSubchannel *sch);
    void (*clear)(void *device, HostSubchannel *sch);
    unsigned (*sense)(void *device, uint8_t *data);
} HostDeviceOps;

/* Status on its way from the device to the subchannel */
typedef struct HostStatus {
    uint8_t dstat;
    uint8_t cstat;
    uint16_t count;
    uint32_t cpa;
    bool suspended;
    bool initial;           /* the first command was accepted: no more yet */
} HostStatus;

struct HostSubchannel {
    PMCW pmcw;
    SCSW scsw;
    uint16_t goes_on;       /* control bits behind status that ends nothing */
    IRB irb;                /* what a TSCH stores beside the SCSW */
    bool gone;
    GQueue waiting;         /* status that has to wait for a TSCH */
    ChannelProgram *cp;     /* of the start function, NULL if none */
    const HostDeviceOps *ops;
    void *device;
    /* The subchannel became status pending */
    void (*interrupt)(void *opaque);
    void *opaque;
};

void host_subchannel_init(HostSubchannel *sch, const PMCW *pmcw,
                          const HostDeviceOps *ops, void *device,
                          void (*interrupt)(void *opaque), void *opaque);
void host_subchannel_destroy(HostSubchannel *sch);

/* The instructions; each returns its condition code */
int host_subchannel_ssch(HostSubchannel *sch, const ORB *orb,
                         ChannelProgram *cp);
int host_subchannel_hsch(HostSubchannel *sch);
int host_subchannel_csch(HostSubchannel *sch);
int host_subchannel_xsch(HostSubchannel *sch);
int host_subchannel_tsch(HostSubchannel *sch, IRB *irb);
int host_subchannel_stsch(HostSubchannel *sch, SCHIB *schib);
/* Takes the fields ISC, ENA and CSENSE of @pmcw */
int host_subchannel_msch(HostSubchannel *sch, const PMCW *pmcw);

/* Once a TSCH's IRB is dealt with: present the status that had to wait */
void host_subchannel_present_waiting(HostSubchannel *sch);

/*
 * Carries out the function that an instruction has made pending. Separate
 * from the instructions so that their issuer can answer first.
 */
void host_subchannel_run(HostSubchannel *sch);

/* For devices */
void host_subchannel_present(HostSubchannel *sch, const HostStatus *status);
void host_subchannel_present_irb(HostSubchannel *sch, const IRB *irb);

/* Ends whatever is in progress with the status of a clear function */
void host_subchannel_force_clear(HostSubchannel *sch);

#endif
