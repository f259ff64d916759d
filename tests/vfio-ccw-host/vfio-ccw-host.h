/*
 * An emulated Linux vfio_ccw host driver, served over vfio-user
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A test (or the vfio-ccw-host daemon) starts one host per device; QEMU's
 * vfio-ccw connects to its socket. Each host lives in a thread of its own,
 * and everything below is called from any other thread: a call returns when
 * the host's thread has carried it out. The functions named *_wait_* return
 * when what they wait for has happened, and end the process with a message
 * when it did not happen for VFIO_CCW_HOST_WAIT_SECONDS.
 */

#ifndef TESTS_VFIO_CCW_HOST_H
#define TESTS_VFIO_CCW_HOST_H

#include <linux/vfio.h>
#include <linux/vfio_ccw.h>
#include "hw/s390x/ioinst.h"
#include "io/channel-socket.h"

#define VFIO_CCW_HOST_WAIT_SECONDS 60

typedef struct VfioCcwHost VfioCcwHost;

typedef enum VfioCcwHostDevice {
    /* Every status is presented by the test */
    VFIO_CCW_HOST_SCRIPTED,
    /* Each function ends at once with normal status; no data moves */
    VFIO_CCW_HOST_INSTANT,
    /* Each start ends normally after service_ms; no data moves */
    VFIO_CCW_HOST_TIMED,
    /* A 9336 fixed-block disk in a file */
    VFIO_CCW_HOST_DASD_FBA,
    /* A 3390 count-key-data disk in a file */
    VFIO_CCW_HOST_DASD_ECKD,
} VfioCcwHostDevice;

/* The regions in the order in which the driver numbers those it has */
typedef enum VfioCcwHostRegion {
    VFIO_CCW_HOST_REGION_IO,
    VFIO_CCW_HOST_REGION_ASYNC,
    VFIO_CCW_HOST_REGION_SCHIB,
    VFIO_CCW_HOST_REGION_CRW,
    VFIO_CCW_HOST_NR_REGIONS,
} VfioCcwHostRegion;

typedef struct VfioCcwHostConfig {
    VfioCcwHostDevice device;
    /*
     * The image of a VFIO_CCW_HOST_DASD_FBA, a multiple of 512 bytes long, or
     * of a VFIO_CCW_HOST_DASD_ECKD, as ckd-image.h has it
     */
    const char *image;
    /* How long each start takes on a VFIO_CCW_HOST_TIMED */
    unsigned service_ms;
    /* One bit (1u << VFIO_CCW_HOST_REGION_*) per region the driver has */
    unsigned regions;
    /* One bit (1u << VFIO_CCW_*_IRQ_INDEX) per interrupt the driver has */
    unsigned irqs;
    /* The size of each region as told to the client and as checked */
    uint32_t region_size[VFIO_CCW_HOST_NR_REGIONS];
    /* flags of VFIO_DEVICE_GET_INFO */
    uint32_t device_flags;
    /* Can be asked to stop and save its state, which Linux's driver cannot */
    bool can_migrate;
    /* The subchannel's PMCW in host byte order; ENA follows open and close */
    PMCW pmcw;
} VfioCcwHostConfig;

/*
 * The steps of the driver that can be withheld, or answered with an errno.
 * The order in which a start goes through them: IO_WRITE, START, START_REPLY,
 * DEVICE_START, INTERRUPT, IO_WORK, IO_READ; the reply may come after all but
 * the first two.
 */
typedef enum VfioCcwHostStep {
    /* VFIO_USER_VERSION, before anything is known of the client */
    VFIO_CCW_HOST_VERSION,
    /* A write of the I/O region that is on its way to the driver */
    VFIO_CCW_HOST_IO_WRITE,
    /*
     * A region write that asks for this function, before the driver acts.
     * While it is withheld the driver's io_mutex is taken: other writes get
     * -EAGAIN and reads wait.
     */
    VFIO_CCW_HOST_START,
    VFIO_CCW_HOST_HALT,
    VFIO_CCW_HOST_CLEAR,
    /* The driver has acted and dropped its lock; only the reply is missing */
    VFIO_CCW_HOST_START_REPLY,
    VFIO_CCW_HOST_HALT_REPLY,
    VFIO_CCW_HOST_CLEAR_REPLY,
    /* Region reads, before the driver looks at them */
    VFIO_CCW_HOST_IO_READ,
    VFIO_CCW_HOST_ASYNC_READ,
    VFIO_CCW_HOST_SCHIB_READ,
    VFIO_CCW_HOST_CRW_READ,
    /*
     * The subchannel is past its function's pending state, the device has not
     * heard of the function. A halt that arrives, or a clear, makes what is
     * withheld here lost.
     */
    VFIO_CCW_HOST_DEVICE_START,
    VFIO_CCW_HOST_DEVICE_HALT,
    /* VFIO_USER_DEVICE_RESET, before the driver acts */
    VFIO_CCW_HOST_RESET,
    /* The subchannel is status pending, the host has not done its TSCH */
    VFIO_CCW_HOST_INTERRUPT,
    /* The IRB is in the driver's one slot, its worker has not run */
    VFIO_CCW_HOST_IO_WORK,
    VFIO_CCW_HOST_NR_STEPS,
} VfioCcwHostStep;

typedef enum VfioCcwHostCounter {
    /* Device file opened (client connected and negotiated), and closed */
    VFIO_CCW_HOST_OPENS,
    VFIO_CCW_HOST_CLOSES,
    VFIO_CCW_HOST_RESETS,
    /* Region accesses that arrived, whatever their answer */
    VFIO_CCW_HOST_IO_WRITES,
    VFIO_CCW_HOST_IO_READS,
    VFIO_CCW_HOST_ASYNC_WRITES,
    VFIO_CCW_HOST_ASYNC_READS,
    VFIO_CCW_HOST_SCHIB_READS,
    VFIO_CCW_HOST_CRW_READS,
    /* Instructions that the subchannel accepted with condition code 0 */
    VFIO_CCW_HOST_STARTS,
    VFIO_CCW_HOST_HALTS,
    VFIO_CCW_HOST_CLEARS,
    /* Interrupts taken by the host, and eventfds signalled */
    VFIO_CCW_HOST_INTERRUPTS,
    VFIO_CCW_HOST_SIGNALS,
    VFIO_CCW_HOST_NR_COUNTERS,
} VfioCcwHostCounter;

/* What Linux's common I/O layer tells its drivers about a channel path */
typedef enum VfioCcwHostPathEvent {
    VFIO_CCW_HOST_PATH_OFF,
    VFIO_CCW_HOST_PATH_ON,
    /* By the host's administrator, of which no user space hears */
    VFIO_CCW_HOST_VARY_OFF,
    VFIO_CCW_HOST_VARY_ON,
} VfioCcwHostPathEvent;

/*
 * vfio_ccw_host_default_config: what a current kernel offers
 *
 * A scripted device number 0x1234 on one path (mask 0x80, chpid 0x40), all
 * regions and interrupts. Change what the test is about.
 */
VfioCcwHostConfig vfio_ccw_host_default_config(void);

/*
 * vfio_ccw_host_start: listen on @path and serve one client after the other
 *
 * Clients can connect as soon as this returns; who comes while another is
 * served is hung up on. Returns NULL and sets @errp when the image or the
 * socket cannot be had.
 */
VfioCcwHost *vfio_ccw_host_start(const char *path,
                                 const VfioCcwHostConfig *config,
                                 Error **errp);

/*
 * vfio_ccw_host_start_on: the same on a socket of sockets.h
 *
 * Takes over @listener, in any case.
 */
VfioCcwHost *vfio_ccw_host_start_on(QIOChannelSocket *listener,
                                    const VfioCcwHostConfig *config,
                                    Error **errp);

/*
 * vfio_ccw_host_stop: disconnect, end the thread, unlink the socket unless it
 * was inherited, free
 *
 * What is withheld is never answered. Returns false when a disk image could
 * not be flushed to its medium; @host is gone in any case.
 */
bool vfio_ccw_host_stop(VfioCcwHost *host, Error **errp);

/*
 * vfio_ccw_host_hold: withhold every @step that comes from now on
 */
void vfio_ccw_host_hold(VfioCcwHost *host, VfioCcwHostStep step);

/*
 * vfio_ccw_host_wait_held: wait until a @step is being withheld
 */
void vfio_ccw_host_wait_held(VfioCcwHost *host, VfioCcwHostStep step);

/*
 * vfio_ccw_host_release: let the oldest withheld @step go
 *
 * With @err 0 the driver goes on as if nothing had been. With a negative
 * errno a request is answered with that and the driver does not act on it; a
 * *_REPLY only has its answer replaced; a DEVICE_*, INTERRUPT or IO_WORK is
 * lost. The step remains held for those that follow. A @step must be being
 * withheld.
 *
 * A region read and a *_REPLY can also have a positive @err: then the access
 * is answered with success, and with no more than so many bytes as its count.
 */
void vfio_ccw_host_release(VfioCcwHost *host, VfioCcwHostStep step, int err);

/*
 * vfio_ccw_host_unhold: let every withheld @step go, and those to come
 */
void vfio_ccw_host_unhold(VfioCcwHost *host, VfioCcwHostStep step);

/*
 * vfio_ccw_host_answer: the next @times @steps are answered with @err
 *
 * @err has the meaning it has for vfio_ccw_host_release(). UINT_MAX @times is
 * for ever, 0 ends it. Steps that are withheld as well are answered when
 * released.
 */
void vfio_ccw_host_answer(VfioCcwHost *host, VfioCcwHostStep step, int err,
                          unsigned times);

/*
 * vfio_ccw_host_answer_every: vfio_ccw_host_answer(), again and again
 *
 * Of every @period @steps that come, the last @times are answered with @err.
 */
void vfio_ccw_host_answer_every(VfioCcwHost *host, VfioCcwHostStep step,
                                int err, unsigned times, unsigned period);

/*
 * vfio_ccw_host_refuse: the @nth request of the client from now is answered
 * with @err, whatever it is
 *
 * @err is a negative errno; the driver does not hear of the request. 0 @nth
 * refuses none. Returns how many requests it would have taken yet for the one
 * that was to be refused before: 0 if that has been.
 */
unsigned vfio_ccw_host_refuse(VfioCcwHost *host, unsigned nth, int err);

/*
 * vfio_ccw_host_wait_start: wait for the next start function
 *
 * @orb, if not NULL, gets the ORB in host byte order as the driver received
 * it. Starts, halts and clears that the subchannel accepted (condition code
 * 0) are each handed out once, in order, whatever device is behind. The host
 * remembers the last 1024 starts.
 */
void vfio_ccw_host_wait_start(VfioCcwHost *host, ORB *orb);
void vfio_ccw_host_wait_halt(VfioCcwHost *host);
void vfio_ccw_host_wait_clear(VfioCcwHost *host);

/*
 * vfio_ccw_host_present_status: the device presents status
 *
 * Scripted devices only. The SCSW follows from the function in progress: a
 * clear or halt ends with status pending alone, a start gets primary and/or
 * secondary status for channel end and device end, intermediate status for
 * nothing but PCI, alert status for unit check and for channel errors;
 * @count is its residual count. Without a function in progress it is
 * unsolicited alert status. Where status is pending that the host has not
 * taken, status of the same start adds to it, and any other waits.
 */
void vfio_ccw_host_present_status(VfioCcwHost *host, uint8_t dstat,
                                  uint8_t cstat, uint16_t count);

/*
 * vfio_ccw_host_present_irb: the subchannel has exactly this IRB for a TSCH
 *
 * @irb is in host byte order but for the bytes of ecw and emw, which are
 * taken as they are. It waits while status is pending. Use it for deferred
 * condition codes and for what no sane device does.
 */
void vfio_ccw_host_present_irb(VfioCcwHost *host, const IRB *irb);

/*
 * vfio_ccw_host_signal: signal the eventfd of @index, with nothing behind it
 *
 * For VFIO_CCW_REQ_IRQ_INDEX this is how the driver asks for the device.
 */
void vfio_ccw_host_signal(VfioCcwHost *host, unsigned index);

/*
 * vfio_ccw_host_queue_crw: queue a CRW (host byte order) and signal
 */
void vfio_ccw_host_queue_crw(VfioCcwHost *host, CRW crw);

/*
 * vfio_ccw_host_path_event: Linux hears of the path with this @mask
 *
 * What uses the path at that moment is cancelled or halted, and a CRW is
 * queued. The path fields of the PMCW are not changed by this.
 */
void vfio_ccw_host_path_event(VfioCcwHost *host, VfioCcwHostPathEvent event,
                              uint8_t mask);

/*
 * vfio_ccw_host_set_pmcw: change the path-related fields of the PMCW
 *
 * pim, pam, pom, pnom, lpum and the chpids are taken from @pmcw.
 */
void vfio_ccw_host_set_pmcw(VfioCcwHost *host, const PMCW *pmcw);

/*
 * vfio_ccw_host_make_gone: the subchannel is not provided any more
 *
 * The driver becomes NOT_OPER for good and, as Linux does, tells nobody.
 * What was in progress never ends.
 */
void vfio_ccw_host_make_gone(VfioCcwHost *host);

/*
 * vfio_ccw_host_disconnect: close the connection; the next one is welcome
 *
 * The driver sees its device file closed.
 */
void vfio_ccw_host_disconnect(VfioCcwHost *host);

/*
 * vfio_ccw_host_count: how often did this happen since the start
 * vfio_ccw_host_wait_count: wait until it happened @count times or more
 * vfio_ccw_host_when: when did it happen last, in ns of CLOCK_MONOTONIC
 */
unsigned vfio_ccw_host_count(VfioCcwHost *host, VfioCcwHostCounter counter);
void vfio_ccw_host_wait_count(VfioCcwHost *host, VfioCcwHostCounter counter,
                              unsigned count);
int64_t vfio_ccw_host_when(VfioCcwHost *host, VfioCcwHostCounter counter);

#endif
