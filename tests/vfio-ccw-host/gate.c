/*
 * Gate: the steps of an emulated host driver that a test can withhold
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Used by the driver and the server in the host's thread; the tests' calls
 * come through host.c.
 */

#include "qemu/osdep.h"
#include "gate.h"

typedef struct Held {
    HostGateFunc *func;
    void *opaque;
} Held;

void host_gate_init(HostGate *gate, void (*held)(void *opaque), void *opaque)
{
    *gate = (HostGate) {
        .held = held,
        .opaque = opaque,
    };
    for (int i = 0; i < VFIO_CCW_HOST_NR_STEPS; i++) {
        g_queue_init(&gate->step[i].held);
    }
}

static int next_recurring_answer(HostGate *gate, VfioCcwHostStep step)
{
    unsigned period = gate->step[step].period;
    unsigned turn = gate->step[step].turn;

    gate->step[step].turn = (turn + 1) % period;
    return turn < period - gate->step[step].times ? 0 : gate->step[step].err;
}

static int next_answer(HostGate *gate, VfioCcwHostStep step)
{
    if (gate->step[step].period) {
        return next_recurring_answer(gate, step);
    }
    if (gate->step[step].times == 0) {
        return 0;
    }
    if (gate->step[step].times != UINT_MAX) {
        gate->step[step].times--;
    }
    return gate->step[step].err;
}

void host_gate_pass(HostGate *gate, VfioCcwHostStep step, HostGateFunc *func,
                    void *opaque)
{
    Held *held;

    if (!gate->step[step].hold) {
        func(opaque, next_answer(gate, step));
        return;
    }

    held = g_new(Held, 1);
    *held = (Held) { .func = func, .opaque = opaque };
    g_queue_push_tail(&gate->step[step].held, held);
    gate->held(gate->opaque);
}

bool host_gate_release(HostGate *gate, VfioCcwHostStep step, int err)
{
    g_autofree Held *held = g_queue_pop_head(&gate->step[step].held);

    if (!held) {
        return false;
    }
    held->func(held->opaque, err ?: next_answer(gate, step));
    return true;
}

void host_gate_unhold(HostGate *gate, VfioCcwHostStep step)
{
    gate->step[step].hold = false;
    while (host_gate_release(gate, step, 0)) {
        ;
    }
}

void host_gate_flush(HostGate *gate, int err)
{
    for (int i = 0; i < VFIO_CCW_HOST_NR_STEPS; i++) {
        while (host_gate_release(gate, i, err)) {
            ;
        }
    }
}
