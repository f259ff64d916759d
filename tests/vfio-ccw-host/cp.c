/*
 * Channel-program translation with the limits of the Linux vfio_ccw driver
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Called by driver.c for each start, in the host's thread.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "cp.h"

#define PIN_PAGE 4096
#define IDAW_BLOCK_2K 2048
#define IDAW_BLOCK_4K 4096

/* The longest count over the smallest blocks, not aligned */
#define MAX_IDAWS (0x10000 / IDAW_BLOCK_2K + 1)

/*
 * As Linux converts it: a count of zero, which is a program check in format 0,
 * becomes one of format 1, where it is none
 */
static ChannelCcw ccw_from_format0(const uint8_t *p)
{
    bool tic = (p[0] & 0xf) == CCW_CMD_TIC;

    return (ChannelCcw) {
        .cmd = tic ? CCW_CMD_TIC : p[0],
        .cda = ldl_be_p(p) & 0xffffff,
        .flags = tic ? 0 : p[4],
        .count = tic ? 0 : lduw_be_p(p + 6),
    };
}

static ChannelCcw ccw_from_format1(const uint8_t *p)
{
    return (ChannelCcw) {
        .cmd = p[0],
        .flags = p[1],
        .count = lduw_be_p(p + 2),
        .cda = ldl_be_p(p + 4),
    };
}

static bool in_ccws(uint32_t addr, uint32_t cpa, unsigned len)
{
    return addr >= cpa && addr - cpa <= (len - 1) * sizeof(CCW1);
}

/* A CCW that neither chains nor transfers back ends its segment */
static bool ends_segment(const ChannelCcw *ccw, uint32_t cpa, unsigned len)
{
    if (ccw->flags & (CCW_FLAG_CC | CCW_FLAG_DC)) {
        return false;
    }
    return ccw->cmd != CCW_CMD_TIC || !in_ccws(ccw->cda, cpa, len);
}

/* Returns the number of CCWs */
static int convert_segment(ChannelProgram *cp, uint32_t cpa,
                           uint8_t raw[][sizeof(CCW1)], ChannelCcw *ccws)
{
    bool format1 = cp->orb.ctrl0 & ORB_CTRL0_MASK_FMT;

    for (int i = 0; i < CP_SEGMENT_CCWS; i++) {
        ccws[i] = format1 ? ccw_from_format1(raw[i])
                          : ccw_from_format0(raw[i]);
        if (ends_segment(&ccws[i], cpa, i + 1)) {
            return i + 1;
        }
    }
    return -EINVAL;
}

static int add_segment(ChannelProgram *cp, HostDma *dma, uint32_t cpa)
{
    uint8_t raw[CP_SEGMENT_CCWS][sizeof(CCW1)];
    ChannelCcw ccws[CP_SEGMENT_CCWS];
    ChannelSegment *segment;
    int len;

    if (cp->segments->len == CP_MAX_SEGMENTS) {
        return -EINVAL;
    }
    /* Always all of them: a short one at the end of memory is refused */
    len = host_dma_read(dma, cpa, raw, sizeof(raw));
    if (len < 0) {
        return len;
    }
    len = convert_segment(cp, cpa, raw, ccws);
    if (len < 0) {
        return len;
    }

    segment = g_malloc(sizeof(*segment) + len * sizeof(segment->ccw[0]));
    segment->cpa = cpa;
    segment->len = len;
    memcpy(segment->ccw, ccws, len * sizeof(segment->ccw[0]));
    g_ptr_array_add(cp->segments, segment);
    return 0;
}

/*
 * Is there a segment that reaches over @cpa? Linux does not mind then whether
 * a CCW begins there: the channel will, when a TIC leads there.
 */
static bool cp_covers(ChannelProgram *cp, uint32_t cpa)
{
    for (unsigned i = 0; i < cp->segments->len; i++) {
        ChannelSegment *segment = g_ptr_array_index(cp->segments, i);

        if (in_ccws(cpa, segment->cpa, segment->len)) {
            return true;
        }
    }
    return false;
}

ChannelCcw *cp_find(ChannelProgram *cp, uint32_t cpa)
{
    for (unsigned i = 0; i < cp->segments->len; i++) {
        ChannelSegment *segment = g_ptr_array_index(cp->segments, i);

        if (in_ccws(cpa, segment->cpa, segment->len) &&
            (cpa - segment->cpa) % sizeof(CCW1) == 0) {
            return &segment->ccw[(cpa - segment->cpa) / sizeof(CCW1)];
        }
    }
    return NULL;
}

static void cp_destroy(void *opaque)
{
    ChannelProgram *cp = opaque;

    g_ptr_array_free(cp->segments, true);
    g_array_free(cp->extents, true);
}

ChannelProgram *cp_ref(ChannelProgram *cp)
{
    return cp ? g_rc_box_acquire(cp) : NULL;
}

void cp_unref(ChannelProgram *cp)
{
    if (cp) {
        g_rc_box_release_full(cp, cp_destroy);
    }
}

int cp_init(ChannelProgram **cpp, HostDma *dma, const ORB *orb)
{
    g_autoptr(ChannelProgram) cp = g_rc_box_new0(ChannelProgram);
    bool format2 = orb->ctrl0 & ORB_CTRL0_MASK_C64;
    bool block_2k = orb->ctrl0 & ORB_CTRL0_MASK_I2K;
    int ret;

    cp->orb = *orb;
    cp->idaw_block = format2 && !block_2k ? IDAW_BLOCK_4K : IDAW_BLOCK_2K;
    cp->segments = g_ptr_array_new_with_free_func(g_free);
    cp->extents = g_array_new(false, false, sizeof(ChannelExtent));

    ret = add_segment(cp, dma, orb->cpa);
    /* The segments grow while their TICs are followed */
    for (unsigned i = 0; ret == 0 && i < cp->segments->len; i++) {
        ChannelSegment *segment = g_ptr_array_index(cp->segments, i);

        for (unsigned j = 0; ret == 0 && j < segment->len; j++) {
            ChannelCcw *ccw = &segment->ccw[j];

            if (ccw->cmd == CCW_CMD_TIC && !cp_covers(cp, ccw->cda)) {
                ret = add_segment(cp, dma, ccw->cda);
            }
        }
    }
    if (ret == 0) {
        *cpp = g_steal_pointer(&cp);
    }
    return ret;
}

static int add_extent(ChannelProgram *cp, HostDma *dma, ChannelCcw *ccw,
                      uint64_t iova, uint32_t len)
{
    uint64_t page = iova & ~(uint64_t)(PIN_PAGE - 1);
    ChannelExtent extent = { .iova = iova, .len = len };
    int ret;

    ret = host_dma_pin(dma, page, ROUND_UP(iova + len - page, PIN_PAGE));
    if (ret == 0) {
        g_array_append_val(cp->extents, extent);
        ccw->nr_extents++;
    }
    return ret;
}

static int read_idal(ChannelProgram *cp, HostDma *dma, uint32_t addr,
                     uint64_t *idaw, unsigned nr)
{
    bool format2 = cp->orb.ctrl0 & ORB_CTRL0_MASK_C64;
    size_t size = format2 ? sizeof(uint64_t) : sizeof(uint32_t);
    uint8_t raw[MAX_IDAWS * sizeof(uint64_t)];
    int ret;

    ret = host_dma_read(dma, addr, raw, nr * size);
    if (ret) {
        return ret;
    }
    for (unsigned i = 0; i < nr; i++) {
        idaw[i] = format2 ? ldq_be_p(raw + i * size) : ldl_be_p(raw + i * size);
    }
    return 0;
}

static bool is_read(uint8_t cmd)
{
    return (cmd & 0x3) == 0x2 || (cmd & 0xf) == 0xc || (cmd & 0xf) == 0x4;
}

/* Nothing is pinned for CCWs that will not touch storage */
static bool transfers_data(const ChannelCcw *ccw)
{
    if (ccw->cmd == CCW_CMD_TIC || ccw->cmd == CCW_CMD_NOOP ||
        ccw->count == 0) {
        return false;
    }
    return !(ccw->flags & CCW_FLAG_SKIP) || !is_read(ccw->cmd);
}

static int prefetch_idal(ChannelProgram *cp, HostDma *dma, ChannelCcw *ccw)
{
    /* Without data there is a list all the same, of one */
    uint32_t left = MAX(ccw->count, 1);
    uint64_t idaw[MAX_IDAWS] = { 0 };
    uint64_t first;
    unsigned nr;
    int ret;

    ret = read_idal(cp, dma, ccw->cda, &first, 1);
    if (ret) {
        return ret;
    }
    /* The first alone may point into a block, which makes for one more */
    nr = DIV_ROUND_UP(first % cp->idaw_block + left, cp->idaw_block);
    ret = read_idal(cp, dma, ccw->cda, idaw, nr);
    if (ret) {
        return ret;
    }
    if (idaw[0] != first) {
        return -EINVAL;
    }
    if (!transfers_data(ccw)) {
        return 0;
    }

    for (unsigned i = 0; ret == 0 && i < nr; i++) {
        uint32_t offset = idaw[i] % cp->idaw_block;
        uint32_t len = MIN(left, cp->idaw_block - offset);

        ret = add_extent(cp, dma, ccw, idaw[i], len);
        left -= len;
    }
    return ret;
}

static int prefetch_ccw(ChannelProgram *cp, HostDma *dma, ChannelCcw *ccw)
{
    ccw->first_extent = cp->extents->len;
    if (ccw->cmd == CCW_CMD_TIC) {
        return cp_covers(cp, ccw->cda) ? 0 : -EFAULT;
    }
    if (ccw->flags & CCW_FLAG_IDA) {
        return prefetch_idal(cp, dma, ccw);
    }
    if (!transfers_data(ccw)) {
        return 0;
    }
    return add_extent(cp, dma, ccw, ccw->cda, ccw->count);
}

int cp_prefetch(ChannelProgram *cp, HostDma *dma)
{
    for (unsigned i = 0; i < cp->segments->len; i++) {
        ChannelSegment *segment = g_ptr_array_index(cp->segments, i);

        for (unsigned j = 0; j < segment->len; j++) {
            int ret = prefetch_ccw(cp, dma, &segment->ccw[j]);

            if (ret) {
                return ret;
            }
        }
    }
    return 0;
}

bool cp_iova_pinned(ChannelProgram *cp, uint64_t iova, uint64_t size)
{
    for (unsigned i = 0; i < cp->extents->len; i++) {
        ChannelExtent *extent = &g_array_index(cp->extents, ChannelExtent, i);

        if (extent->iova <= iova + size - 1 &&
            iova <= extent->iova + extent->len - 1) {
            return true;
        }
    }
    return false;
}
