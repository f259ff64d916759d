/*
 * Gate: the steps of an emulated host driver that a test can withhold
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whoever is about to take a step passes the gate with the rest of its work
 * as a function. Nothing is withheld unless a test asked for it, and then the
 * function runs at once. Called in the host's thread only.
 */

#ifndef TESTS_VFIO_CCW_HOST_GATE_H
#define TESTS_VFIO_CCW_HOST_GATE_H

#include "vfio-ccw-host.h"

/*
 * The rest of a step; @err is 0, or what a test wants as its result: an errno,
 * or the count of a short region access
 */
typedef void HostGateFunc(void *opaque, int err);

typedef struct HostGate {
    struct {
        bool hold;
        int err;
        unsigned times;
        unsigned period;        /* 0: the next @times, and no more */
        unsigned turn;          /* of the period */
        GQueue held;
    } step[VFIO_CCW_HOST_NR_STEPS];
    /* Told whenever a step has been withheld */
    void (*held)(void *opaque);
    void *opaque;
} HostGate;

void host_gate_init(HostGate *gate, void (*held)(void *opaque), void *opaque);

void host_gate_pass(HostGate *gate, VfioCcwHostStep step, HostGateFunc *func,
                    void *opaque);

/* Returns false when no such step is withheld */
bool host_gate_release(HostGate *gate, VfioCcwHostStep step, int err);
void host_gate_unhold(HostGate *gate, VfioCcwHostStep step);

/* Ends what is withheld now with @err; what is to be held stays so */
void host_gate_flush(HostGate *gate, int err);

#endif
