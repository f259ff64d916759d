/*
 * Host: one emulated host driver, put together, and its thread
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Implements vfio-ccw-host.h. The functions declared there run in the tests'
 * threads and carry everything out in the host's; all static functions here
 * run in the host's thread unless they say otherwise.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "qemu/thread.h"
#include "qemu/timer.h"
#include "devices.h"
#include "driver.h"
#include "gate.h"
#include "server.h"
#include "sockets.h"
#include "vfio-ccw-host.h"

#define MAX_STARTS 1024

struct VfioCcwHost {
    GThread *thread;
    GMainContext *context;
    GMainLoop *loop;
    HostGate gate;
    HostServer *server;
    HostSubchannel sch;
    HostDriver driver;
    const HostDeviceOps *device_ops;
    void *device_opaque;        /* the one of those below that there is */
    Dasd *dasd;
    TimedDevice *timed;

    HostRequest *hello;         /* not answered yet */
    bool opened;

    unsigned count[VFIO_CCW_HOST_NR_COUNTERS];
    int64_t when[VFIO_CCW_HOST_NR_COUNTERS];
    GQueue starts;              /* the ORBs not waited for yet */
    unsigned halts;
    unsigned clears;

    /* The generation moves on with all that somebody could wait for */
    QemuMutex lock;
    QemuCond cond;
    unsigned generation;
    GQueue calls;               /* from other threads, not begun yet */
};

static const char *const step_names[VFIO_CCW_HOST_NR_STEPS] = {
    [VFIO_CCW_HOST_VERSION] = "version",
    [VFIO_CCW_HOST_IO_WRITE] = "I/O region write",
    [VFIO_CCW_HOST_START] = "start",
    [VFIO_CCW_HOST_HALT] = "halt",
    [VFIO_CCW_HOST_CLEAR] = "clear",
    [VFIO_CCW_HOST_START_REPLY] = "start reply",
    [VFIO_CCW_HOST_HALT_REPLY] = "halt reply",
    [VFIO_CCW_HOST_CLEAR_REPLY] = "clear reply",
    [VFIO_CCW_HOST_IO_READ] = "I/O region read",
    [VFIO_CCW_HOST_ASYNC_READ] = "async region read",
    [VFIO_CCW_HOST_SCHIB_READ] = "SCHIB region read",
    [VFIO_CCW_HOST_CRW_READ] = "CRW region read",
    [VFIO_CCW_HOST_DEVICE_START] = "device start",
    [VFIO_CCW_HOST_DEVICE_HALT] = "device halt",
    [VFIO_CCW_HOST_RESET] = "reset",
    [VFIO_CCW_HOST_INTERRUPT] = "interrupt",
    [VFIO_CCW_HOST_IO_WORK] = "I/O work",
};

static void changed(void *opaque)
{
    VfioCcwHost *host = opaque;

    qemu_mutex_lock(&host->lock);
    host->generation++;
    qemu_cond_broadcast(&host->cond);
    qemu_mutex_unlock(&host->lock);
}

static void remember_start(VfioCcwHost *host)
{
    if (host->starts.length == MAX_STARTS) {
        g_free(g_queue_pop_head(&host->starts));
    }
    g_queue_push_tail(&host->starts,
                      g_memdup2(&host->driver.orb, sizeof(ORB)));
}

static void happened(void *opaque, VfioCcwHostCounter counter)
{
    VfioCcwHost *host = opaque;

    host->count[counter]++;
    host->when[counter] = get_clock();
    switch (counter) {
    case VFIO_CCW_HOST_STARTS:
        remember_start(host);
        break;
    case VFIO_CCW_HOST_HALTS:
        host->halts++;
        break;
    case VFIO_CCW_HOST_CLEARS:
        host->clears++;
        break;
    default:
        break;
    }
    changed(host);
}

/*
 * What the client does, from the server to the driver
 */

static void hello_passed(void *opaque, int err)
{
    VfioCcwHost *host = opaque;
    int ret = err ?: host_driver_open(&host->driver);

    host->opened = ret == 0;
    host_request_done(g_steal_pointer(&host->hello), ret, NULL, 0);
}

static void client_hello(void *opaque, HostRequest *request)
{
    VfioCcwHost *host = opaque;

    host->hello = request;
    host_gate_pass(&host->gate, VFIO_CCW_HOST_VERSION, hello_passed, host);
}

static void client_bye(void *opaque)
{
    VfioCcwHost *host = opaque;

    /* The kernel closes a file only when nobody is inside it any more */
    host_gate_flush(&host->gate, -ECANCELED);
    if (host->opened) {
        host->opened = false;
        host_driver_close(&host->driver);
    }
}

static void client_get_info(void *opaque, struct vfio_device_info *info)
{
    VfioCcwHost *host = opaque;

    host_driver_get_info(&host->driver, info);
}

static int client_get_region_info(void *opaque, struct vfio_region_info *info,
                                  struct vfio_region_info_cap_type *type)
{
    VfioCcwHost *host = opaque;

    return host_driver_get_region_info(&host->driver, info, type);
}

static int client_get_irq_info(void *opaque, struct vfio_irq_info *info)
{
    VfioCcwHost *host = opaque;

    return host_driver_get_irq_info(&host->driver, info);
}

static int client_set_irqs(void *opaque, const struct vfio_irq_set *irq,
                           int fd)
{
    VfioCcwHost *host = opaque;

    return host_driver_set_irqs(&host->driver, irq, fd);
}

static void client_region_read(void *opaque, HostRequest *request,
                               uint32_t region, uint64_t offset,
                               uint32_t count)
{
    VfioCcwHost *host = opaque;

    host_driver_read(&host->driver, region, offset, count,
                     host_request_done, request);
}

static void client_region_write(void *opaque, HostRequest *request,
                                uint32_t region, uint64_t offset,
                                const void *data, uint32_t count)
{
    VfioCcwHost *host = opaque;

    host_driver_write(&host->driver, region, offset, data, count,
                      host_request_done, request);
}

static void client_reset(void *opaque, HostRequest *request)
{
    VfioCcwHost *host = opaque;

    host_driver_reset(&host->driver, host_request_done, request);
}

static int client_feature(void *opaque, uint32_t flags, void *data,
                          size_t size)
{
    VfioCcwHost *host = opaque;

    return host_driver_feature(&host->driver, flags, data, size);
}

static void client_dma_unmap(void *opaque, uint64_t iova, uint64_t size)
{
    VfioCcwHost *host = opaque;

    host_driver_dma_unmap(&host->driver, iova, size);
}

static const HostServerOps server_ops = {
    .hello = client_hello,
    .bye = client_bye,
    .get_info = client_get_info,
    .get_region_info = client_get_region_info,
    .get_irq_info = client_get_irq_info,
    .set_irqs = client_set_irqs,
    .region_read = client_region_read,
    .region_write = client_region_write,
    .reset = client_reset,
    .feature = client_feature,
    .dma_unmap = client_dma_unmap,
};

/*
 * What the subchannel asks of the device, past the gate
 */

static void device_start_passed(void *opaque, int err)
{
    VfioCcwHost *host = opaque;

    if (!err) {
        host->device_ops->start(host->device_opaque, &host->sch, host->sch.cp);
    }
}

static void device_start(void *opaque, HostSubchannel *sch, ChannelProgram *cp)
{
    VfioCcwHost *host = opaque;

    host_gate_pass(&host->gate, VFIO_CCW_HOST_DEVICE_START,
                   device_start_passed, host);
}

/* What the device has not heard of yet, it never will */
static void forget(VfioCcwHost *host, VfioCcwHostStep step)
{
    while (host_gate_release(&host->gate, step, -ECANCELED)) {
        ;
    }
}

static void device_halt_passed(void *opaque, int err)
{
    VfioCcwHost *host = opaque;

    if (!err) {
        forget(host, VFIO_CCW_HOST_DEVICE_START);
        host->device_ops->halt(host->device_opaque, &host->sch);
    }
}

static void device_halt(void *opaque, HostSubchannel *sch)
{
    VfioCcwHost *host = opaque;

    host_gate_pass(&host->gate, VFIO_CCW_HOST_DEVICE_HALT,
                   device_halt_passed, host);
}

static void device_clear(void *opaque, HostSubchannel *sch)
{
    VfioCcwHost *host = opaque;

    forget(host, VFIO_CCW_HOST_DEVICE_START);
    forget(host, VFIO_CCW_HOST_DEVICE_HALT);
    host->device_ops->clear(host->device_opaque, sch);
}

static unsigned device_sense(void *opaque, uint8_t *data)
{
    VfioCcwHost *host = opaque;

    return host->device_ops->sense
           ? host->device_ops->sense(host->device_opaque, data) : 0;
}

static const HostDeviceOps gated_device_ops = {
    .start = device_start,
    .halt = device_halt,
    .clear = device_clear,
    .sense = device_sense,
};

/*
 * Starting and stopping
 */

/* In the thread of who starts the host, which does not run yet */
static bool host_open_device(VfioCcwHost *host, const VfioCcwHostConfig *config,
                             Error **errp)
{
    HostDma *dma = host_server_dma(host->server);

    if (config->device == VFIO_CCW_HOST_DASD_FBA ||
        config->device == VFIO_CCW_HOST_DASD_ECKD) {
        host->dasd = config->device == VFIO_CCW_HOST_DASD_FBA
            ? dasd_fba_open(config->image, dma, host->context, errp)
            : dasd_eckd_open(config->image, dma, host->context, errp);
        if (!host->dasd) {
            return false;
        }
        host->device_ops = &dasd_ops;
        host->device_opaque = host->dasd;
    } else if (config->device == VFIO_CCW_HOST_INSTANT) {
        host->device_ops = &instant_device_ops;
    } else if (config->device == VFIO_CCW_HOST_TIMED) {
        host->timed = timed_device_new(config->service_ms, host->context);
        host->device_ops = &timed_device_ops;
        host->device_opaque = host->timed;
    } else {
        host->device_ops = &scripted_device_ops;
    }
    host_subchannel_init(&host->sch, &config->pmcw, &gated_device_ops, host,
                         host_driver_interrupt, &host->driver);
    host_driver_init(&host->driver, config, &host->gate, dma, &host->sch,
                     happened, host);
    return true;
}

static void *host_thread(void *opaque)
{
    VfioCcwHost *host = opaque;
    sigset_t set;

    /* A client that leaves is no reason to end the process */
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);

    g_main_context_push_thread_default(host->context);
    g_main_loop_run(host->loop);
    g_main_context_pop_thread_default(host->context);
    return NULL;
}

/* When the thread is not there, or not any more */
static void host_free(VfioCcwHost *host)
{
    host_server_free(host->server);
    g_queue_clear_full(&host->starts, g_free);
    g_main_loop_unref(host->loop);
    g_main_context_unref(host->context);
    qemu_cond_destroy(&host->cond);
    qemu_mutex_destroy(&host->lock);
    g_free(host);
}

VfioCcwHost *vfio_ccw_host_start_on(QIOChannelSocket *listener,
                                    const VfioCcwHostConfig *config,
                                    Error **errp)
{
    VfioCcwHost *host = g_new0(VfioCcwHost, 1);

    qemu_mutex_init(&host->lock);
    qemu_cond_init(&host->cond);
    g_queue_init(&host->starts);
    g_queue_init(&host->calls);
    host_gate_init(&host->gate, changed, host);
    host->context = g_main_context_new();
    host->loop = g_main_loop_new(host->context, false);
    host->server = host_server_new(listener, host->context, &server_ops, host);
    if (!host_open_device(host, config, errp)) {
        host_free(host);
        return NULL;
    }
    host->thread = g_thread_new("vfio-ccw-host", host_thread, host);
    return host;
}

VfioCcwHost *vfio_ccw_host_start(const char *path,
                                 const VfioCcwHostConfig *config,
                                 Error **errp)
{
    QIOChannelSocket *listener;

    /* For the I/O channels; does nothing if it has been called before */
    module_call_init(MODULE_INIT_QOM);
    listener = host_listen(path, errp);
    return listener ? vfio_ccw_host_start_on(listener, config, errp) : NULL;
}

/*
 * Calls from the tests' threads into the host's
 */

typedef struct Call {
    void (*func)(VfioCcwHost *host, void *arg);
    void *arg;
    bool done;
} Call;

static gboolean run_call(void *opaque)
{
    VfioCcwHost *host = opaque;
    Call *call;

    qemu_mutex_lock(&host->lock);
    call = g_queue_pop_head(&host->calls);
    qemu_mutex_unlock(&host->lock);

    call->func(host, call->arg);

    qemu_mutex_lock(&host->lock);
    call->done = true;
    qemu_cond_broadcast(&host->cond);
    qemu_mutex_unlock(&host->lock);
    return G_SOURCE_REMOVE;
}

static int64_t deadline(void)
{
    return g_get_monotonic_time() +
           VFIO_CCW_HOST_WAIT_SECONDS * G_TIME_SPAN_SECOND;
}

/* Called with the lock; returns false when it is too late */
static bool wait_until(VfioCcwHost *host, int64_t until)
{
    int64_t ms = (until - g_get_monotonic_time()) / G_TIME_SPAN_MILLISECOND;

    return ms > 0 && qemu_cond_timedwait(&host->cond, &host->lock, ms);
}

static void host_call(VfioCcwHost *host,
                      void (*func)(VfioCcwHost *host, void *arg), void *arg)
{
    Call call = { .func = func, .arg = arg };
    int64_t until = deadline();

    qemu_mutex_lock(&host->lock);
    g_queue_push_tail(&host->calls, &call);
    g_main_context_invoke_full(host->context, G_PRIORITY_DEFAULT, run_call,
                               host, NULL);
    while (!call.done) {
        if (!wait_until(host, until)) {
            g_error("vfio-ccw-host: its thread does not answer; "
                    "is the client not answering a DMA request?");
        }
    }
    qemu_mutex_unlock(&host->lock);
}

static unsigned host_generation(VfioCcwHost *host)
{
    unsigned generation;

    qemu_mutex_lock(&host->lock);
    generation = host->generation;
    qemu_mutex_unlock(&host->lock);
    return generation;
}

typedef struct Wait {
    bool (*check)(VfioCcwHost *host, void *arg);
    void *arg;
    bool fulfilled;
} Wait;

static void wait_check(VfioCcwHost *host, void *arg)
{
    Wait *wait = arg;

    wait->fulfilled = wait->check(host, wait->arg);
}

/* Waits in the test's thread until @check, in the host's, says true */
static void host_wait(VfioCcwHost *host, const char *what,
                      bool (*check)(VfioCcwHost *host, void *arg), void *arg)
{
    Wait wait = { .check = check, .arg = arg };
    int64_t until = deadline();

    for (;;) {
        unsigned generation = host_generation(host);

        host_call(host, wait_check, &wait);
        if (wait.fulfilled) {
            return;
        }
        qemu_mutex_lock(&host->lock);
        while (host->generation == generation) {
            if (!wait_until(host, until)) {
                g_error("vfio-ccw-host: waited %d s in vain for: %s",
                        VFIO_CCW_HOST_WAIT_SECONDS, what);
            }
        }
        qemu_mutex_unlock(&host->lock);
    }
}

static void do_stop(VfioCcwHost *host, void *arg)
{
    host_server_disconnect(host->server);
    g_main_loop_quit(host->loop);
}

bool vfio_ccw_host_stop(VfioCcwHost *host, Error **errp)
{
    bool ok = true;

    host_server_shutdown(host->server);
    host_call(host, do_stop, NULL);
    g_thread_join(host->thread);

    host_driver_destroy(&host->driver);
    host_subchannel_destroy(&host->sch);
    if (host->dasd) {
        ok = dasd_close(host->dasd, errp);
    }
    if (host->timed) {
        timed_device_free(host->timed);
    }
    host_free(host);
    return ok;
}

typedef struct GateArg {
    VfioCcwHostStep step;
    int err;
    unsigned times;
    unsigned period;
    bool found;
} GateArg;

static void do_hold(VfioCcwHost *host, void *opaque)
{
    GateArg *arg = opaque;

    host->gate.step[arg->step].hold = true;
}

void vfio_ccw_host_hold(VfioCcwHost *host, VfioCcwHostStep step)
{
    host_call(host, do_hold, &(GateArg) { .step = step });
}

static bool is_held(VfioCcwHost *host, void *opaque)
{
    GateArg *arg = opaque;

    return !g_queue_is_empty(&host->gate.step[arg->step].held);
}

void vfio_ccw_host_wait_held(VfioCcwHost *host, VfioCcwHostStep step)
{
    g_autofree char *what = g_strdup_printf("a withheld %s", step_names[step]);

    host_wait(host, what, is_held, &(GateArg) { .step = step });
}

static void do_release(VfioCcwHost *host, void *opaque)
{
    GateArg *arg = opaque;

    arg->found = host_gate_release(&host->gate, arg->step, arg->err);
}

void vfio_ccw_host_release(VfioCcwHost *host, VfioCcwHostStep step, int err)
{
    GateArg arg = { .step = step, .err = err };

    host_call(host, do_release, &arg);
    if (!arg.found) {
        g_error("vfio-ccw-host: no %s is withheld", step_names[step]);
    }
}

static void do_unhold(VfioCcwHost *host, void *opaque)
{
    GateArg *arg = opaque;

    host_gate_unhold(&host->gate, arg->step);
}

void vfio_ccw_host_unhold(VfioCcwHost *host, VfioCcwHostStep step)
{
    host_call(host, do_unhold, &(GateArg) { .step = step });
}

static void do_answer(VfioCcwHost *host, void *opaque)
{
    GateArg *arg = opaque;

    host->gate.step[arg->step].err = arg->err;
    host->gate.step[arg->step].times = arg->times;
    host->gate.step[arg->step].period = arg->period;
    host->gate.step[arg->step].turn = 0;
}

void vfio_ccw_host_answer(VfioCcwHost *host, VfioCcwHostStep step, int err,
                          unsigned times)
{
    GateArg arg = { .step = step, .err = err, .times = times };

    host_call(host, do_answer, &arg);
}

void vfio_ccw_host_answer_every(VfioCcwHost *host, VfioCcwHostStep step,
                                int err, unsigned times, unsigned period)
{
    GateArg arg = {
        .step = step, .err = err, .times = times, .period = period,
    };

    host_call(host, do_answer, &arg);
}

typedef struct RefuseArg {
    unsigned nth;
    int err;
} RefuseArg;

static void do_refuse(VfioCcwHost *host, void *opaque)
{
    RefuseArg *arg = opaque;

    arg->nth = host_server_refuse(host->server, arg->nth, arg->err);
}

unsigned vfio_ccw_host_refuse(VfioCcwHost *host, unsigned nth, int err)
{
    RefuseArg arg = { .nth = nth, .err = err };

    host_call(host, do_refuse, &arg);
    return arg.nth;
}

static bool take_start(VfioCcwHost *host, void *opaque)
{
    g_autofree ORB *orb = g_queue_pop_head(&host->starts);

    if (orb && opaque) {
        *(ORB *)opaque = *orb;
    }
    return orb;
}

void vfio_ccw_host_wait_start(VfioCcwHost *host, ORB *orb)
{
    host_wait(host, "a start function", take_start, orb);
}

static bool take_one(VfioCcwHost *host, void *opaque)
{
    unsigned *count = opaque;

    if (*count == 0) {
        return false;
    }
    --*count;
    return true;
}

void vfio_ccw_host_wait_halt(VfioCcwHost *host)
{
    host_wait(host, "a halt function", take_one, &host->halts);
}

void vfio_ccw_host_wait_clear(VfioCcwHost *host)
{
    host_wait(host, "a clear function", take_one, &host->clears);
}

static void do_present_status(VfioCcwHost *host, void *opaque)
{
    HostStatus *status = opaque;

    status->cpa = host->driver.orb.cpa + sizeof(CCW1);
    host_subchannel_present(&host->sch, status);
}

void vfio_ccw_host_present_status(VfioCcwHost *host, uint8_t dstat,
                                  uint8_t cstat, uint16_t count)
{
    HostStatus status = { .dstat = dstat, .cstat = cstat, .count = count };

    host_call(host, do_present_status, &status);
}

static void do_present_irb(VfioCcwHost *host, void *opaque)
{
    host_subchannel_present_irb(&host->sch, opaque);
}

void vfio_ccw_host_present_irb(VfioCcwHost *host, const IRB *irb)
{
    host_call(host, do_present_irb, (void *)irb);
}

static void do_signal(VfioCcwHost *host, void *opaque)
{
    host_driver_signal(&host->driver, GPOINTER_TO_UINT(opaque));
}

void vfio_ccw_host_signal(VfioCcwHost *host, unsigned index)
{
    host_call(host, do_signal, GUINT_TO_POINTER(index));
}

static void do_queue_crw(VfioCcwHost *host, void *opaque)
{
    CRW *crw = opaque;

    host_driver_queue_crw(&host->driver, *crw);
}

void vfio_ccw_host_queue_crw(VfioCcwHost *host, CRW crw)
{
    host_call(host, do_queue_crw, &crw);
}

typedef struct PathArg {
    VfioCcwHostPathEvent event;
    uint8_t mask;
} PathArg;

static void do_path_event(VfioCcwHost *host, void *opaque)
{
    PathArg *arg = opaque;

    host_driver_path_event(&host->driver, arg->event, arg->mask);
}

void vfio_ccw_host_path_event(VfioCcwHost *host, VfioCcwHostPathEvent event,
                              uint8_t mask)
{
    host_call(host, do_path_event,
              &(PathArg) { .event = event, .mask = mask });
}

static void do_set_pmcw(VfioCcwHost *host, void *opaque)
{
    const PMCW *new = opaque;
    PMCW *pmcw = &host->sch.pmcw;

    pmcw->pim = new->pim;
    pmcw->pam = new->pam;
    pmcw->pom = new->pom;
    pmcw->pnom = new->pnom;
    pmcw->lpum = new->lpum;
    memcpy(pmcw->chpid, new->chpid, sizeof(pmcw->chpid));
}

void vfio_ccw_host_set_pmcw(VfioCcwHost *host, const PMCW *pmcw)
{
    host_call(host, do_set_pmcw, (void *)pmcw);
}

static void do_make_gone(VfioCcwHost *host, void *opaque)
{
    host->sch.gone = true;
    host_driver_sch_event(&host->driver);
}

void vfio_ccw_host_make_gone(VfioCcwHost *host)
{
    host_call(host, do_make_gone, NULL);
}

static void do_disconnect(VfioCcwHost *host, void *opaque)
{
    host_server_disconnect(host->server);
}

void vfio_ccw_host_disconnect(VfioCcwHost *host)
{
    host_call(host, do_disconnect, NULL);
}

typedef struct CountArg {
    VfioCcwHostCounter counter;
    unsigned count;
    int64_t when;
} CountArg;

static void do_count(VfioCcwHost *host, void *opaque)
{
    CountArg *arg = opaque;

    arg->count = host->count[arg->counter];
    arg->when = host->when[arg->counter];
}

unsigned vfio_ccw_host_count(VfioCcwHost *host, VfioCcwHostCounter counter)
{
    CountArg arg = { .counter = counter };

    host_call(host, do_count, &arg);
    return arg.count;
}

int64_t vfio_ccw_host_when(VfioCcwHost *host, VfioCcwHostCounter counter)
{
    CountArg arg = { .counter = counter };

    host_call(host, do_count, &arg);
    return arg.when;
}

static bool has_count(VfioCcwHost *host, void *opaque)
{
    CountArg *arg = opaque;

    return host->count[arg->counter] >= arg->count;
}

void vfio_ccw_host_wait_count(VfioCcwHost *host, VfioCcwHostCounter counter,
                              unsigned count)
{
    g_autofree char *what = g_strdup_printf("counter %d to reach %u", counter,
                                            count);

    host_wait(host, what, has_count,
              &(CountArg) { .counter = counter, .count = count });
}
