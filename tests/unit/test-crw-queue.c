/*
 * Unit test of the queue of channel reports
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is expected follows from PoP 17, "Channel Report", and from what a guest
 * needs: each change it was not told of yet, once, in order, or an overflow.
 */

#include "qemu/osdep.h"
#include "hw/s390x/crw-queue.h"

#define PATH_OFF  (CRW_RSC_CHP << 8 | CRW_ERC_PERRN)
#define PATH_ON   (CRW_RSC_CHP << 8 | CRW_ERC_INIT)
#define SUBCH     (CRW_RSC_SUBCH << 8 | CRW_ERC_IPI)

static CrwFate add(CrwQueue *queue, uint16_t flags, uint16_t rsid)
{
    CRW crw = { .flags = flags, .rsid = rsid };

    return crw_queue_add(queue, &crw, 1);
}

static CrwFate add_chained(CrwQueue *queue, uint16_t flags, uint16_t rsid,
                           uint16_t rsid2)
{
    CRW crws[] = {
        { .flags = flags | CRW_FLAGS_MASK_C, .rsid = rsid },
        { .flags = flags, .rsid = rsid2 },
    };

    return crw_queue_add(queue, crws, 2);
}

static void expect(CrwQueue *queue, uint16_t flags, uint16_t rsid)
{
    CRW crw;

    g_assert_true(crw_queue_take(queue, &crw));
    g_assert_cmphex(crw.flags, ==, flags);
    g_assert_cmphex(crw.rsid, ==, rsid);
}

static void expect_empty(CrwQueue *queue)
{
    CRW crw;

    g_assert_false(crw_queue_take(queue, &crw));
}

/* Different reports of path 0, as many as there is room for */
static void fill(CrwQueue *queue)
{
    for (unsigned i = 0; i < CRW_QUEUE_MAX; i++) {
        g_assert_cmpint(add(queue, i % 2 ? PATH_ON : PATH_OFF, 0), ==,
                        CRW_QUEUED);
    }
}

static void test_order(void)
{
    CrwQueue queue = QTAILQ_HEAD_INITIALIZER(queue);

    g_assert_cmpint(add(&queue, PATH_OFF, 1), ==, CRW_QUEUED);
    g_assert_cmpint(add(&queue, SUBCH, 1), ==, CRW_QUEUED);
    g_assert_cmpint(add(&queue, PATH_OFF, 2), ==, CRW_QUEUED);
    expect(&queue, PATH_OFF, 1);
    expect(&queue, SUBCH, 1);
    expect(&queue, PATH_OFF, 2);
    expect_empty(&queue);
}

static void test_equal_is_merged(void)
{
    CrwQueue queue = QTAILQ_HEAD_INITIALIZER(queue);

    g_assert_cmpint(add(&queue, PATH_OFF, 1), ==, CRW_QUEUED);
    g_assert_cmpint(add(&queue, PATH_OFF, 2), ==, CRW_QUEUED);
    g_assert_cmpint(add(&queue, PATH_OFF, 1), ==, CRW_MERGED);
    expect(&queue, PATH_OFF, 1);
    g_assert_cmpint(add(&queue, PATH_OFF, 1), ==, CRW_QUEUED);
    expect(&queue, PATH_OFF, 2);
    expect(&queue, PATH_OFF, 1);
    expect_empty(&queue);
}

/* A path and a subchannel may have the same number. */
static void test_equal_is_merged_past_another_source(void)
{
    CrwQueue queue = QTAILQ_HEAD_INITIALIZER(queue);

    g_assert_cmpint(add(&queue, PATH_OFF, 1), ==, CRW_QUEUED);
    g_assert_cmpint(add(&queue, SUBCH, 1), ==, CRW_QUEUED);
    g_assert_cmpint(add(&queue, PATH_OFF, 1), ==, CRW_MERGED);
    expect(&queue, PATH_OFF, 1);
    expect(&queue, SUBCH, 1);
    expect_empty(&queue);
}

/* Off, on, off again: the path is off in the end. */
static void test_outdated_is_not_merged(void)
{
    CrwQueue queue = QTAILQ_HEAD_INITIALIZER(queue);

    g_assert_cmpint(add(&queue, PATH_OFF, 1), ==, CRW_QUEUED);
    g_assert_cmpint(add(&queue, PATH_ON, 1), ==, CRW_QUEUED);
    g_assert_cmpint(add(&queue, PATH_OFF, 1), ==, CRW_QUEUED);
    g_assert_cmpint(add(&queue, PATH_OFF, 1), ==, CRW_MERGED);
    expect(&queue, PATH_OFF, 1);
    expect(&queue, PATH_ON, 1);
    expect(&queue, PATH_OFF, 1);
    expect_empty(&queue);
}

/* What the guest asked for is another report than what happened. */
static void test_solicited_is_not_merged(void)
{
    CrwQueue queue = QTAILQ_HEAD_INITIALIZER(queue);

    g_assert_cmpint(add(&queue, PATH_ON, 1), ==, CRW_QUEUED);
    g_assert_cmpint(add(&queue, PATH_ON | CRW_FLAGS_MASK_S, 1), ==,
                    CRW_QUEUED);
    expect(&queue, PATH_ON, 1);
    expect(&queue, PATH_ON | CRW_FLAGS_MASK_S, 1);
    expect_empty(&queue);
}

static void test_chained(void)
{
    CrwQueue queue = QTAILQ_HEAD_INITIALIZER(queue);

    g_assert_cmpint(add_chained(&queue, SUBCH, 5, 0x10), ==, CRW_QUEUED);
    g_assert_cmpint(add_chained(&queue, SUBCH, 5, 0x20), ==, CRW_QUEUED);
    g_assert_cmpint(add(&queue, SUBCH, 5), ==, CRW_QUEUED);
    /* Not the second halves of those above */
    g_assert_cmpint(add(&queue, SUBCH, 0x10), ==, CRW_QUEUED);
    g_assert_cmpint(add_chained(&queue, SUBCH, 5, 0x10), ==, CRW_MERGED);
    g_assert_cmpint(add_chained(&queue, SUBCH, 5, 0x30), ==, CRW_QUEUED);
    expect(&queue, SUBCH | CRW_FLAGS_MASK_C, 5);
    expect(&queue, SUBCH, 0x10);
    expect(&queue, SUBCH | CRW_FLAGS_MASK_C, 5);
    expect(&queue, SUBCH, 0x20);
    expect(&queue, SUBCH, 5);
    expect(&queue, SUBCH, 0x10);
    expect(&queue, SUBCH | CRW_FLAGS_MASK_C, 5);
    expect(&queue, SUBCH, 0x30);
    expect_empty(&queue);
}

/* PoP: the CRW that became pending last shows that others are lost. */
static void test_overflow(void)
{
    CrwQueue queue = QTAILQ_HEAD_INITIALIZER(queue);

    fill(&queue);
    for (int i = 0; i < 1000; i++) {
        g_assert_cmpint(add(&queue, PATH_OFF, i % 256), ==, CRW_LOST);
    }
    for (unsigned i = 0; i < CRW_QUEUE_MAX - 1; i++) {
        expect(&queue, i % 2 ? PATH_ON : PATH_OFF, 0);
    }
    expect(&queue, PATH_ON | CRW_FLAGS_MASK_R, 0);
    expect_empty(&queue);
    g_assert_cmpint(add(&queue, PATH_OFF, 0), ==, CRW_QUEUED);
    expect(&queue, PATH_OFF, 0);
}

/* Neither half of a report comes without the other. */
static void test_overflow_of_chained(void)
{
    CrwQueue queue = QTAILQ_HEAD_INITIALIZER(queue);

    fill(&queue);
    expect(&queue, PATH_OFF, 0);
    g_assert_cmpint(add_chained(&queue, SUBCH, 5, 0x10), ==, CRW_LOST);
    g_assert_cmpint(add(&queue, SUBCH, 5), ==, CRW_QUEUED);
    for (unsigned i = 1; i < CRW_QUEUE_MAX - 1; i++) {
        expect(&queue, i % 2 ? PATH_ON : PATH_OFF, 0);
    }
    expect(&queue, PATH_ON | CRW_FLAGS_MASK_R, 0);
    expect(&queue, SUBCH, 5);
    expect_empty(&queue);
}

/* An overflow elsewhere is not forgotten where the report itself is known. */
static void test_overflow_survives_a_merge(void)
{
    CrwQueue queue = QTAILQ_HEAD_INITIALIZER(queue);

    g_assert_cmpint(add(&queue, PATH_OFF, 1), ==, CRW_QUEUED);
    g_assert_cmpint(add(&queue, PATH_OFF | CRW_FLAGS_MASK_R, 1), ==,
                    CRW_MERGED);
    g_assert_cmpint(add(&queue, PATH_OFF, 1), ==, CRW_MERGED);
    expect(&queue, PATH_OFF | CRW_FLAGS_MASK_R, 1);
    expect_empty(&queue);

    g_assert_cmpint(add_chained(&queue, SUBCH, 5, 0x10), ==, CRW_QUEUED);
    g_assert_cmpint(add_chained(&queue, SUBCH | CRW_FLAGS_MASK_R, 5, 0x10), ==,
                    CRW_MERGED);
    expect(&queue, SUBCH | CRW_FLAGS_MASK_R | CRW_FLAGS_MASK_C, 5);
    expect(&queue, SUBCH | CRW_FLAGS_MASK_R, 0x10);
    expect_empty(&queue);
}

/* STCRW was suppressed: there is room for what it took, whatever came since. */
static void test_put_back(void)
{
    CrwQueue queue = QTAILQ_HEAD_INITIALIZER(queue);
    CRW crw;

    fill(&queue);
    g_assert_true(crw_queue_take(&queue, &crw));
    g_assert_cmpint(add(&queue, SUBCH, 5), ==, CRW_QUEUED);
    crw_queue_put_back(&queue, crw);
    for (unsigned i = 0; i < CRW_QUEUE_MAX; i++) {
        expect(&queue, i % 2 ? PATH_ON : PATH_OFF, 0);
    }
    expect(&queue, SUBCH, 5);
    expect_empty(&queue);
}

/* Nobody made this here, but a queue may have come from elsewhere. */
static void test_half_a_report(void)
{
    CrwQueue queue = QTAILQ_HEAD_INITIALIZER(queue);

    g_assert_cmpint(add(&queue, SUBCH | CRW_FLAGS_MASK_C, 5), ==, CRW_QUEUED);
    g_assert_cmpint(add_chained(&queue, SUBCH, 5, 0x10), ==, CRW_QUEUED);
    expect(&queue, SUBCH | CRW_FLAGS_MASK_C, 5);
    expect(&queue, SUBCH | CRW_FLAGS_MASK_C, 5);
    expect(&queue, SUBCH, 0x10);
    expect_empty(&queue);
}

static void test_clear(void)
{
    CrwQueue queue = QTAILQ_HEAD_INITIALIZER(queue);

    fill(&queue);
    crw_queue_clear(&queue);
    expect_empty(&queue);
    fill(&queue);
    crw_queue_clear(&queue);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/crw-queue/order", test_order);
    g_test_add_func("/crw-queue/equal-is-merged", test_equal_is_merged);
    g_test_add_func("/crw-queue/equal-is-merged-past-another-source",
                    test_equal_is_merged_past_another_source);
    g_test_add_func("/crw-queue/outdated-is-not-merged",
                    test_outdated_is_not_merged);
    g_test_add_func("/crw-queue/solicited-is-not-merged",
                    test_solicited_is_not_merged);
    g_test_add_func("/crw-queue/chained", test_chained);
    g_test_add_func("/crw-queue/overflow", test_overflow);
    g_test_add_func("/crw-queue/overflow-of-chained",
                    test_overflow_of_chained);
    g_test_add_func("/crw-queue/overflow-survives-a-merge",
                    test_overflow_survives_a_merge);
    g_test_add_func("/crw-queue/put-back", test_put_back);
    g_test_add_func("/crw-queue/half-a-report", test_half_a_report);
    g_test_add_func("/crw-queue/clear", test_clear);
    return g_test_run();
}
