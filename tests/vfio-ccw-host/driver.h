/*
 * Driver: the Linux vfio_ccw driver as user space sees it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * States, events, regions, interrupts and their quirks. Above it is whoever
 * plays the ioctls and region accesses of user space (the server, or a unit
 * test), below it a HostSubchannel. All in the host's thread.
 */

#ifndef TESTS_VFIO_CCW_HOST_DRIVER_H
#define TESTS_VFIO_CCW_HOST_DRIVER_H

#include "cp.h"
#include "dma.h"
#include "gate.h"
#include "migration.h"
#include "subchannel.h"
#include "vfio-ccw-host.h"

typedef enum HostState {
    HOST_STATE_NOT_OPER,
    HOST_STATE_STANDBY,
    HOST_STATE_IDLE,
    HOST_STATE_CP_PROCESSING,
    HOST_STATE_CP_PENDING,
    HOST_NR_STATES,
} HostState;

typedef enum HostEvent {
    HOST_EVENT_NOT_OPER,
    HOST_EVENT_IO_REQ,
    HOST_EVENT_INTERRUPT,
    HOST_EVENT_ASYNC_REQ,
    HOST_EVENT_OPEN,
    HOST_EVENT_CLOSE,
    HOST_NR_EVENTS,
} HostEvent;

/*
 * Ends an access of @len bytes: @err is 0 or a negative errno, @data what was
 * read
 */
typedef void HostDone(void *opaque, int err, const void *data, size_t len);

typedef struct HostAccess HostAccess;

typedef struct HostDriver {
    HostState state;
    HostGate *gate;
    HostDma *dma;
    HostSubchannel *sch;
    void (*happened)(void *opaque, VfioCcwHostCounter counter);
    void *opaque;

    uint32_t device_flags;
    unsigned irqs;                  /* bit mask of those it has */
    VfioCcwHostRegion index[VFIO_CCW_HOST_NR_REGIONS];
    unsigned nr_regions;
    struct {
        uint8_t *data;
        uint32_t size;
    } region[VFIO_CCW_HOST_NR_REGIONS];
    int eventfd[VFIO_CCW_NUM_IRQS];
    GQueue crws;                    /* as GUINT_TO_POINTER() */

    /* io_mutex: who has it, and what waits for it */
    HostAccess *writer;
    GQueue waiting;
    bool work_waiting;

    ORB orb;
    ChannelProgram *cp;
    uint8_t lpm;                    /* Linux's sch->lpm */
    uint8_t opm;                    /* and sch->opm */
    IRB taken;                      /* by the TSCH of this interrupt */
    IRB irb;                        /* the one slot */
    bool work_queued;
    bool quiescing;

    bool can_migrate;
    HostMigration migration;
} HostDriver;

/*
 * host_driver_init: a driver bound to @sch, with its device file closed
 *
 * @sch's interrupt function is to be host_driver_interrupt(). @happened is
 * told of everything that has a counter.
 */
void host_driver_init(HostDriver *driver, const VfioCcwHostConfig *config,
                      HostGate *gate, HostDma *dma, HostSubchannel *sch,
                      void (*happened)(void *, VfioCcwHostCounter),
                      void *opaque);
void host_driver_destroy(HostDriver *driver);

void host_driver_event(HostDriver *driver, HostEvent event);
void host_driver_interrupt(void *driver);

/* The file operations; 0 or a negative errno */
int host_driver_open(HostDriver *driver);
void host_driver_close(HostDriver *driver);
void host_driver_read(HostDriver *driver, uint32_t index, uint64_t pos,
                      uint32_t count, HostDone *done, void *opaque);
void host_driver_write(HostDriver *driver, uint32_t index, uint64_t pos,
                       const void *data, uint32_t count,
                       HostDone *done, void *opaque);
void host_driver_get_info(HostDriver *driver, struct vfio_device_info *info);
int host_driver_get_region_info(HostDriver *driver,
                                struct vfio_region_info *info,
                                struct vfio_region_info_cap_type *type);
int host_driver_get_irq_info(HostDriver *driver, struct vfio_irq_info *info);
int host_driver_set_irqs(HostDriver *driver, const struct vfio_irq_set *irq,
                         int fd);
void host_driver_reset(HostDriver *driver, HostDone *done, void *opaque);
/* As host_migration_feature() */
int host_driver_feature(HostDriver *driver, uint32_t flags, void *data,
                        size_t size);

/* The client is about to unmap this memory */
void host_driver_dma_unmap(HostDriver *driver, uint64_t iova, uint64_t size);

/* The subchannel may have gone: the driver looks, as on a host's CRW */
void host_driver_sch_event(HostDriver *driver);

/* A channel path of the subchannel, which @mask says, comes or goes */
void host_driver_path_event(HostDriver *driver, VfioCcwHostPathEvent event,
                            uint8_t mask);
void host_driver_queue_crw(HostDriver *driver, CRW crw);
void host_driver_signal(HostDriver *driver, unsigned index);

/* Between driver.c and regions.c: the write in progress ends; the worker */
void host_driver_write_done(HostDriver *driver, int ret);
void host_driver_io_todo(HostDriver *driver);

#endif
