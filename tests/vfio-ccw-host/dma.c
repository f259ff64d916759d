/*
 * DMA: the guest memory that a client has mapped for an emulated host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The server maps and unmaps; the translation and execution of channel
 * programs read and write. All of it in the host's thread.
 */

#include "qemu/osdep.h"
#include <sys/mman.h>
#include <sys/stat.h>
#include "dma.h"

typedef struct HostDmaRange {
    uint64_t iova;
    uint64_t size;
    bool writable;
    uint8_t *host;      /* NULL where the client has given no fd */
} HostDmaRange;

void host_dma_init(HostDma *dma, HostDmaTransfer *transfer, void *opaque)
{
    *dma = (HostDma) {
        .ranges = g_array_new(false, false, sizeof(HostDmaRange)),
        .transfer = transfer,
        .opaque = opaque,
    };
}

static HostDmaRange *range_at(HostDma *dma, unsigned i)
{
    return &g_array_index(dma->ranges, HostDmaRange, i);
}

static void range_remove(HostDma *dma, unsigned i)
{
    HostDmaRange *range = range_at(dma, i);

    if (range->host) {
        munmap(range->host, range->size);
    }
    g_array_remove_index_fast(dma->ranges, i);
}

void host_dma_unmap_all(HostDma *dma)
{
    while (dma->ranges->len) {
        range_remove(dma, dma->ranges->len - 1);
    }
}

void host_dma_destroy(HostDma *dma)
{
    host_dma_unmap_all(dma);
    g_array_free(dma->ranges, true);
}

/* A mapping beyond the end of its file would be a SIGBUS in waiting */
static bool file_covers(int fd, uint64_t offset, uint64_t size)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_size >= 0 &&
           size <= st.st_size && offset <= st.st_size - size;
}

int host_dma_map(HostDma *dma, uint64_t iova, uint64_t size, bool writable,
                 int fd, uint64_t offset)
{
    HostDmaRange new = { .iova = iova, .size = size, .writable = writable };

    if (size == 0 || size > SIZE_MAX || iova + size - 1 < iova) {
        return -EINVAL;
    }
    for (unsigned i = 0; i < dma->ranges->len; i++) {
        HostDmaRange *old = range_at(dma, i);

        if (iova <= old->iova + old->size - 1 &&
            old->iova <= iova + size - 1) {
            return -EEXIST;
        }
    }
    if (fd >= 0) {
        if (!file_covers(fd, offset, size)) {
            return -EINVAL;
        }
        new.host = mmap(NULL, size, PROT_READ | (writable ? PROT_WRITE : 0),
                        MAP_SHARED, fd, offset);
        if (new.host == MAP_FAILED) {
            return -errno;
        }
    }
    g_array_append_val(dma->ranges, new);
    return 0;
}

/* As the kernel's: any number of whole ranges, but none cut in two */
int host_dma_unmap(HostDma *dma, uint64_t iova, uint64_t size)
{
    uint64_t last = iova + size - 1;

    if (size == 0 || last < iova) {
        return -EINVAL;
    }
    for (unsigned i = 0; i < dma->ranges->len; i++) {
        HostDmaRange *range = range_at(dma, i);
        uint64_t range_last = range->iova + range->size - 1;

        if (range->iova <= last && iova <= range_last &&
            (range->iova < iova || range_last > last)) {
            return -EINVAL;
        }
    }
    for (unsigned i = dma->ranges->len; i-- > 0;) {
        HostDmaRange *range = range_at(dma, i);

        if (range->iova >= iova && range->iova <= last) {
            range_remove(dma, i);
        }
    }
    return 0;
}

static HostDmaRange *range_of(HostDma *dma, uint64_t iova)
{
    for (unsigned i = 0; i < dma->ranges->len; i++) {
        HostDmaRange *range = range_at(dma, i);

        if (iova >= range->iova && iova - range->iova < range->size) {
            return range;
        }
    }
    return NULL;
}

static int range_access(HostDma *dma, HostDmaRange *range, bool write,
                        uint64_t iova, void *buf, size_t len)
{
    uint8_t *host;

    if (!range->host) {
        return dma->transfer(dma->opaque, write, iova, buf, len);
    }
    host = range->host + (iova - range->iova);
    if (write) {
        memcpy(host, buf, len);
    } else {
        memcpy(buf, host, len);
    }
    return 0;
}

static int dma_access(HostDma *dma, bool write, uint64_t iova, uint8_t *buf,
                      size_t len)
{
    while (len) {
        HostDmaRange *range = range_of(dma, iova);
        size_t n;
        int ret;

        if (!range) {
            return -EINVAL;
        }
        if (write && !range->writable) {
            return -EPERM;
        }
        n = MIN(len, range->size - (iova - range->iova));
        ret = range_access(dma, range, write, iova, buf, n);
        if (ret) {
            return ret;
        }
        iova += n;
        buf += n;
        len -= n;
    }
    return 0;
}

int host_dma_read(HostDma *dma, uint64_t iova, void *buf, size_t len)
{
    return dma_access(dma, false, iova, buf, len);
}

int host_dma_write(HostDma *dma, uint64_t iova, const void *buf, size_t len)
{
    return dma_access(dma, true, iova, (void *)buf, len);
}

int host_dma_pin(HostDma *dma, uint64_t iova, size_t len)
{
    while (len) {
        HostDmaRange *range = range_of(dma, iova);
        size_t n;

        if (!range) {
            return -EINVAL;
        }
        if (!range->writable) {
            return -EPERM;
        }
        n = MIN(len, range->size - (iova - range->iova));
        iova += n;
        len -= n;
    }
    return 0;
}
