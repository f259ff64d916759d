/*
 * Simulation of vfio-ccw: the way to the host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A question of a job is on its way to the host, then with the host, then on
 * its way back; each takes as long as the simulation likes. To a kernel they go
 * by threads, which overtake each other; on a wire they arrive in the order in
 * which they were asked. Answers return in any order.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "vfio-ccw-sim.h"

typedef struct Question {
    enum { ASKED, ARRIVED, ANSWERED, ABANDONED } where;
    void (*arrive)(struct Question *question);
    unsigned region;
    off_t offset;
    void *data;
    uint32_t size;
    int ret;
    Coroutine *co;
} Question;

static GQueue questions = G_QUEUE_INIT; /* in the order of asking */
static Coroutine *returning;

unsigned sim_nr_questions(void)
{
    return g_queue_get_length(&questions);
}

static void answered(void *opaque, int err, const void *data, size_t len)
{
    Question *question = opaque;

    if (question->where == ABANDONED) {
        g_free(question);
        return;
    }
    question->ret = err;
    question->where = ANSWERED;
    if (data) {
        memcpy(question->data, data, len);
    }
}

/*
 * Arrivals
 */

static void arrive_read(Question *question)
{
    host_driver_read(&sim.driver, question->region, question->offset,
                     question->size, answered, question);
}

static void about_to_start(uint32_t id)
{
    sim_log("host: the start %u arrives", id);
    if (sim.start[id].never_send) {
        sim_fail("start %u was withdrawn before it was sent", id);
    }
}

static void arrive_write(Question *question)
{
    uint32_t word = ldl_be_p(question->data);

    if (question->region == sim.link.io_region) {
        about_to_start(word);
    } else {
        sim_log("host: a %s arrives",
                word == VFIO_CCW_ASYNC_CMD_HSCH ? "halt" : "clear");
    }
    host_driver_write(&sim.driver, question->region, 0, question->data,
                      question->size, answered, question);
}

static void arrive_reset(Question *question)
{
    sim_log("host: a reset arrives");
    host_driver_reset(&sim.driver, answered, question);
}

/*
 * Steps
 */

static void go_back(Question *question, int ret)
{
    question->ret = ret;
    g_queue_remove(&questions, question);
    returning = question->co;
    qemu_coroutine_enter(question->co);
    returning = NULL;
}

static void move(Question *question)
{
    if (question->where == ANSWERED) {
        go_back(question, question->ret);
    } else if (sim.link_lost) {
        go_back(question, -ESHUTDOWN);
    } else {
        question->where = ARRIVED;
        question->arrive(question);
    }
}

/* Those that are before it in the queue were asked earlier. */
static bool movable(GList *l)
{
    Question *question = l->data;

    if (question->where == ANSWERED || sim.link_lost) {
        return true;
    }
    if (question->where != ASKED) {
        return false;
    }
    while (sim.profile.wire && (l = l->prev)) {
        Question *earlier = l->data;

        if (earlier->where == ASKED) {
            return false;
        }
    }
    return true;
}

unsigned sim_nr_movable_questions(void)
{
    unsigned n = 0;

    for (GList *l = questions.head; l; l = l->next) {
        n += movable(l);
    }
    return n;
}

/* The @n-th of those that can */
void sim_move_question(unsigned n)
{
    GList *l = questions.head;

    while (!movable(l) || n--) {
        l = l->next;
    }
    move(l->data);
}

/*
 * Asking, and what ccw-link.c says of when it does
 */

static unsigned nr_of_kind(void (*arrive)(Question *question), bool starts)
{
    unsigned n = 0;

    for (GList *l = questions.head; l; l = l->next) {
        Question *question = l->data;

        n += question->arrive == arrive &&
             (question->region == sim.link.io_region) == starts;
    }
    return n;
}

static void about_to_read_irb(void)
{
    if (nr_of_kind(arrive_write, true)) {
        sim_fail("an IRB is read while a start is with the host");
    }
}

static void about_to_send_start(void)
{
    if (nr_of_kind(arrive_write, true) || nr_of_kind(arrive_write, false)) {
        sim_fail("a start is sent while another request is with the host");
    }
    if (nr_of_kind(arrive_read, true)) {
        sim_fail("a start is sent while an IRB is read");
    }
    if (sim_eventfd_ready(VFIO_CCW_IO_IRQ_INDEX)) {
        sim_fail("a start is sent while an interrupt waits");
    }
}

static int coroutine_fn ask(Question about)
{
    Question *question = g_memdup2(&about, sizeof(about));
    int ret;

    if (qemu_coroutine_self() != returning) {
        if (sim.link.given_up) {
            sim_fail("the host is asked although it was given up");
        }
        if (!sim.link.open) {
            sim_fail("the host is asked although the link is closed");
        }
    }
    question->co = qemu_coroutine_self();
    g_queue_push_tail(&questions, question);
    qemu_coroutine_yield();
    ret = question->ret;
    if (question->where == ARRIVED) {
        question->where = ABANDONED;
    } else {
        g_free(question);
    }
    return ret;
}

static int coroutine_fn sim_read(VFIOCCWLink *link, int region, off_t offset,
                                 void *data, uint32_t size)
{
    if (region == link->io_region) {
        about_to_read_irb();
    }
    return ask((Question) {
        .arrive = arrive_read,
        .region = region,
        .offset = offset,
        .data = data,
        .size = size,
    });
}

static int coroutine_fn sim_write(VFIOCCWLink *link, int region,
                                  const void *data, uint32_t size)
{
    bool is_start = region == link->io_region;
    int *ret = is_start ? &sim.start[ldl_be_p(data)].ret : &sim.signal_ret;

    if (is_start) {
        about_to_send_start();
    }
    *ret = ask((Question) {
        .arrive = arrive_write,
        .region = region,
        .data = (void *)data,
        .size = size,
    });
    return *ret;
}

static int coroutine_fn sim_reset(VFIOCCWLink *link)
{
    return sim.signal_ret = ask((Question) { .arrive = arrive_reset });
}

static void sim_watch(VFIOCCWLink *link, int fd, IOHandler *handler)
{
    qemu_set_fd_handler(fd, handler, NULL, link);
}

static void sim_cut(VFIOCCWLink *link)
{
    if (sim.profile.cut) {
        sim.link_lost = true;
    }
}

const VFIOCCWTransport sim_transport = {
    .cut = sim_cut,
    .read = sim_read,
    .write = sim_write,
    .reset = sim_reset,
    .watch = sim_watch,
};

/* While it is opened, nothing is withheld. */
static int read_at_once(VFIODevice *vdev, uint8_t region, off_t offset,
                        uint32_t size, void *data)
{
    Question question = { .data = data };

    host_driver_read(&sim.driver, region, offset, size, answered, &question);
    if (question.where != ANSWERED) {
        sim_fail("the host lets its opener wait");
    }
    return question.ret ?: size;
}

VFIODeviceIOOps sim_io_ops = {
    .region_read = read_at_once,
};
