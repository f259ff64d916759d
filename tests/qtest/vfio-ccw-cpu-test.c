/*
 * QTest of vfio-ccw with CPUs that run a program
 *
 * All code below runs in the test's thread; see vfio-ccw-fixture.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "s390x-mailbox.h"
#include "vfio-ccw-fixture.h"

/*
 * Rule 1 with real CPUs: the CPU that issues SSCH to a stuck host, the other
 * CPU and QMP all go on.
 */
static void test_stuck_host_holds_no_cpu(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_new();
    g_autofree char *args = bed_device_args(bed);
    ORB orb;
    SCHIB schib;
    IRB irb;
    int polls = 0;

    bed_start_host(bed, &config);
    bed->qts = s390x_mailbox_init(args);
    g_assert_cmpint(s390x_mailbox_issue(bed->qts, 0, S390X_INSN_STSCH, SCHID,
                                        QCSS_OPERAND), ==, 0);
    qcss_read_schib(bed->qts, QCSS_OPERAND, &schib);
    qcss_set_enabled(&schib, INTPARM_MSCH);
    qcss_write_schib(bed->qts, QCSS_OPERAND, &schib);
    g_assert_cmpint(s390x_mailbox_issue(bed->qts, 0, S390X_INSN_MSCH, SCHID,
                                        QCSS_OPERAND), ==, 0);

    orb = noop_orb(bed);
    qcss_write_orb(bed->qts, QCSS_OPERAND, &orb);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_START);
    s390x_mailbox_post(bed->qts, 0, S390X_INSN_SSCH, SCHID, QCSS_OPERAND);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_START);

    /* The host has the request and will not answer before we let it. */
    s390x_mailbox_wait_running(bed->qts, 1);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");
    g_assert_cmpint(s390x_mailbox_wait(bed->qts, 0), ==, 0);
    s390x_mailbox_wait_running(bed->qts, 0);
    g_assert_cmpint(s390x_mailbox_issue(bed->qts, 1, S390X_INSN_TSCH, SCHID,
                                        QCSS_OPERAND), ==, 1);

    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START);
    vfio_ccw_host_wait_start(bed->host, NULL);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    while (s390x_mailbox_issue(bed->qts, 0, S390X_INSN_TSCH, SCHID,
                               QCSS_OPERAND) == 1) {
        g_assert_cmpint(++polls, <, MAX_POLLS);
    }
    qcss_read_irb(bed->qts, QCSS_OPERAND, &irb);
    g_assert_cmphex(irb.scsw.ctrl, ==, SCSW_FCTL_START_FUNC | FINAL_STCTL);
    g_assert_cmphex(irb.scsw.dstat, ==, NORMAL_END);
    bed_end(bed);
}

static void add_tests(void)
{
    qtest_add_func("/vfio-ccw/start/stuck-host-holds-no-cpu",
                       test_stuck_host_holds_no_cpu);
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
