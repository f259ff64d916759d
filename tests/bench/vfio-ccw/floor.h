/*
 * The least that a round trip to another process can take on this machine
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_BENCH_VFIO_CCW_FLOOR_H
#define TESTS_BENCH_VFIO_CCW_FLOOR_H

/*
 * A child process and a thread of this one do what QEMU and the host driver
 * have to for one start, with messages of the same sizes, and nothing else:
 * write the I/O region, eventfd, read the IRB. @us gets the @count times.
 */
void floor_round_trips(double *us, unsigned count);

/*
 * The same child, and an emulated host driver whose device takes no time: what
 * comes on top of the floor is the host's own need.
 */
void floor_host_round_trips(double *us, unsigned count);

/* From one thread to another and back, over a mutex and a condition */
void floor_thread_hops(double *us, unsigned count);

/*
 * To send the message of a start to a thread that waits for it, after having
 * been busy with something else for @pause_ms each time
 */
void floor_sends(double *us, unsigned count, unsigned pause_ms);

/* The same for a system call that does nothing */
void floor_system_calls(double *us, unsigned count, unsigned pause_ms);

#endif
