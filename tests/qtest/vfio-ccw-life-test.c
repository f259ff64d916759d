/*
 * QTest of vfio-ccw: the host's device is lost, and comes back
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All code below runs in the test's thread; see vfio-ccw-fixture.h.
 */

#include "qemu/osdep.h"
#include "vfio-ccw-fixture.h"

/* What the device has counted */

static int64_t counter(Bed *bed, const char *name)
{
    return counter_of(bed, "ccw0", name);
}

static void test_instructions_are_counted(void)
{
    Bed *bed = bed_enabled();
    ORB orb = noop_orb(bed);

    start_queued(bed);
    g_assert_cmpint(qcss_ssch(bed->qts, SCHID, &orb), ==, 2);
    g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, 0);
    g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, 2);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    start_accepted(bed);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 2);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);

    g_assert_cmpint(counter(bed, "starts"), ==, 3);
    g_assert_cmpint(counter(bed, "cancels"), ==, 1);
    g_assert_cmpint(counter(bed, "halts"), ==, 1);
    g_assert_cmpint(counter(bed, "clears"), ==, 2);
    g_assert_cmpint(counter(bed, "retries"), ==, 0);
    bed_end(bed);
}

static void test_retries_are_counted(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_START, -EBUSY, 3);
    g_assert_cmpint(ssch(bed), ==, 0);
    wait_retried(bed, VFIO_CCW_HOST_STARTS, 2);
    vfio_ccw_host_wait_start(bed->host, NULL);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_normal_end(bed);
    g_assert_cmpint(counter(bed, "retries"), ==, 3);
    g_assert_cmpint(counter(bed, "starts"), ==, 2);
    bed_end(bed);
}

/* The end of a start reaches QEMU when the guest has cleared it already. */
static void test_stale_interrupts_are_counted(void)
{
    Bed *bed = bed_enabled();
    int64_t before = counter(bed, "stale-interrupts");

    start_accepted(bed);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_IO_READ);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_CLEAR_REPLY);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_CLEAR_REPLY);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_IO_READ);
    expect_nothing(bed);
    g_assert_cmpint(counter(bed, "stale-interrupts"), ==, before + 1);

    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_CLEAR_REPLY);
    vfio_ccw_host_wait_clear(bed->host);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_CLEAR_FUNC);
    g_assert_cmpint(counter(bed, "stale-interrupts"), ==, before + 1);
    bed_end(bed);
}

static void add_tests(void)
{
    qtest_add_func("/vfio-ccw/counters/instructions",
                   test_instructions_are_counted);
    qtest_add_func("/vfio-ccw/counters/retries", test_retries_are_counted);
    qtest_add_func("/vfio-ccw/counters/stale-interrupts",
                   test_stale_interrupts_are_counted);
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
