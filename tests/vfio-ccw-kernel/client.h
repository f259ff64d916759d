/*
 * Client: the interposed kernel's connection to an emulated host driver
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Called by vfio-ccw-kernel.c from any of QEMU's threads.  A call blocks its
 * thread until the server has answered, as a system call does; other threads'
 * calls go on meanwhile.
 */

#ifndef TESTS_VFIO_CCW_KERNEL_CLIENT_H
#define TESTS_VFIO_CCW_KERNEL_CLIENT_H

typedef struct KernelClient KernelClient;

/*
 * Access to the memory that was mapped, in the client's thread: 0 or -EFAULT
 */
typedef int KernelDma(bool write, uint64_t iova, void *data, size_t len);

/* Connect and negotiate; NULL if the server is not there or refuses. */
KernelClient *kernel_client_new(const char *path, KernelDma *dma);

/* What is waiting for an answer gets -ENODEV. */
void kernel_client_free(KernelClient *client);

/*
 * Send @command with @len bytes of @body, and @fd if it is not -1.  Returns
 * the number of bytes of the answer's body, of which up to @room are put into
 * @reply, or a negative errno: the server's, or -ENODEV without a server.
 */
ssize_t kernel_client_call(KernelClient *client, uint16_t command,
                           const void *body, size_t len, int fd,
                           void *reply, size_t room);

#endif
