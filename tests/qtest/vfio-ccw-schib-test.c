/*
 * QTest of vfio-ccw: the SCHIB and channel reports
 *
 * All code below runs in the test's thread; see vfio-ccw-fixture.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "vfio-ccw-fixture.h"

#define CHPID 0x40

/* Rule 8: the path fields are the host's. */

static void test_schib_has_the_paths_of_the_host(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed;
    SCHIB schib;

    config.pmcw.pim = config.pmcw.pam = 0xc0;
    config.pmcw.chpid[1] = CHPID + 1;
    bed = bed_plugged(&config);
    for (int round = 0; round < 2; round++) {
        g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
        g_assert_cmphex(schib.pmcw.pim, ==, 0xc0);
        g_assert_cmphex(schib.pmcw.pam, ==, 0xc0);
        g_assert_cmphex(schib.pmcw.chpid[0], ==, CHPID);
        g_assert_cmphex(schib.pmcw.chpid[1], ==, CHPID + 1);
        qtest_system_reset(bed->qts);
    }
    bed_end(bed);
}

static void test_stsch_does_not_wait_for_the_host(void)
{
    Bed *bed = bed_enabled();
    SCHIB schib;

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    assert_usable(bed);
    bed_end(bed);
}

/* Rule 9: channel reports */

static void test_channel_report_is_relayed(void)
{
    Bed *bed = bed_enabled();
    CRW path_gone = {
        .flags = CRW_RSC_CHP << 8 | CRW_ERC_PERRN,
        .rsid = CHPID,
    };
    CRW crw;

    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
    vfio_ccw_host_queue_crw(bed->host, path_gone);
    qcss_wait_crw_mchk(bed->qts);
    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 0);
    g_assert_cmphex(crw.flags, ==, path_gone.flags);
    g_assert_cmphex(crw.rsid, ==, path_gone.rsid);
    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 1);
    assert_usable(bed);
    bed_end(bed);
}

static void test_channel_reports_keep_their_order(void)
{
    Bed *bed = bed_enabled();
    static const uint16_t ercs[] = { CRW_ERC_PERRN, CRW_ERC_INIT };
    CRW crw;

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_CRW_READ);
    for (size_t i = 0; i < ARRAY_SIZE(ercs); i++) {
        vfio_ccw_host_queue_crw(bed->host, (CRW) {
            .flags = CRW_RSC_CHP << 8 | ercs[i],
            .rsid = CHPID,
        });
    }
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_CRW_READ);

    for (size_t i = 0; i < ARRAY_SIZE(ercs); i++) {
        while (qcss_stcrw(bed->qts, &crw) == 1) {
            qcss_wait_crw_mchk(bed->qts);
        }
        g_assert_cmphex(crw.flags & CRW_FLAGS_MASK_ERC, ==, ercs[i]);
    }
    bed_end(bed);
}

static void add_tests(void)
{
    qtest_add_func("/vfio-ccw/schib/has-the-paths-of-the-host",
                   test_schib_has_the_paths_of_the_host);
    qtest_add_func("/vfio-ccw/schib/stsch-does-not-wait-for-the-host",
                   test_stsch_does_not_wait_for_the_host);
    qtest_add_func("/vfio-ccw/channel-report/is-relayed",
                   test_channel_report_is_relayed);
    qtest_add_func("/vfio-ccw/channel-report/order-is-kept",
                   test_channel_reports_keep_their_order);
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
