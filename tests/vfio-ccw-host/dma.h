/*
 * DMA: the guest memory that a client has mapped for an emulated host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Ranges mapped with a file descriptor are memory of this process; the others
 * are transferred by whatever the server can do. Errors are those that the
 * kernel's vfio_dma_rw() and vfio_pin_pages() give. Host's thread only.
 */

#ifndef TESTS_VFIO_CCW_HOST_DMA_H
#define TESTS_VFIO_CCW_HOST_DMA_H

/* Returns 0 or a negative errno */
typedef int HostDmaTransfer(void *opaque, bool write, uint64_t iova,
                            void *buf, size_t len);

typedef struct HostDma {
    GArray *ranges;
    HostDmaTransfer *transfer;
    void *opaque;
} HostDma;

void host_dma_init(HostDma *dma, HostDmaTransfer *transfer, void *opaque);
void host_dma_destroy(HostDma *dma);

/* @fd is -1 for a range without one; the caller keeps it */
int host_dma_map(HostDma *dma, uint64_t iova, uint64_t size, bool writable,
                 int fd, uint64_t offset);
int host_dma_unmap(HostDma *dma, uint64_t iova, uint64_t size);
void host_dma_unmap_all(HostDma *dma);

int host_dma_read(HostDma *dma, uint64_t iova, void *buf, size_t len);
int host_dma_write(HostDma *dma, uint64_t iova, const void *buf, size_t len);

/* Could these bytes be pinned, which the kernel does for read and write? */
int host_dma_pin(HostDma *dma, uint64_t iova, size_t len);

#endif
