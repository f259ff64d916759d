/*
 * QTest of vfio-ccw: channel reports of the host, and what the guest gets
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All code below runs in the test's thread; see vfio-ccw-fixture.h.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "vfio-ccw-fixture.h"

#define CHPID 0x40

/* As many as a guest can have pending: hw/s390x/crw-queue.h */
#define MAX_PENDING 256

static const CRW path_off = {
    .flags = CRW_RSC_CHP << 8 | CRW_ERC_PERRN,
    .rsid = CHPID,
};
static const CRW path_on = {
    .flags = CRW_RSC_CHP << 8 | CRW_ERC_INIT,
    .rsid = CHPID,
};

static void expect_crw(Bed *bed, uint16_t flags, uint16_t rsid)
{
    CRW crw;

    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 0);
    g_assert_cmphex(crw.flags, ==, flags);
    g_assert_cmphex(crw.rsid, ==, rsid);
}

static void expect_no_crw(Bed *bed)
{
    CRW crw;

    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 1);
    g_assert_cmphex(crw.flags, ==, 0);
    g_assert_cmphex(crw.rsid, ==, 0);
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
}

/* All that the host has reported was dealt with. */
static void wait_counted(Bed *bed, const char *id, int64_t count)
{
    static const char *const names[] = {
        "crws-relayed", "crws-merged", "crws-lost", "crws-invalid",
    };
    int64_t counted;
    int64_t deadline = qcss_deadline();

    do {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        counted = 0;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
            counted += counter_of(bed, id, names[i]);
        }
    } while (counted < count);
    g_assert_cmpint(counted, ==, count);
}

static void set_paths(VfioCcwHost *host, uint8_t pim, uint8_t pam)
{
    PMCW pmcw = vfio_ccw_host_default_config().pmcw;

    pmcw.pim = pim;
    pmcw.pam = pam;
    pmcw.chpid[1] = CHPID + 1;
    vfio_ccw_host_set_pmcw(host, &pmcw);
}

static uint8_t pam_of(Bed *bed)
{
    SCHIB schib;

    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    return schib.pmcw.pam;
}

/* What is relayed */

static void test_path_reports_are_relayed(void)
{
    Bed *bed = bed_enabled();

    for (uint16_t erc = CRW_ERC_AVAIL; erc <= CRW_ERC_PMOD; erc++) {
        uint16_t flags = CRW_RSC_CHP << 8 | erc;

        vfio_ccw_host_queue_crw(bed->host, (CRW) { flags, CHPID });
        qcss_wait_crw_mchk(bed->qts);
        expect_crw(bed, flags, CHPID);
        expect_no_crw(bed);
    }
    g_assert_cmpint(counter_of(bed, "ccw0", "crws-relayed"), ==,
                    CRW_ERC_PMOD - CRW_ERC_AVAIL + 1);
    assert_usable(bed);
    bed_end(bed);
}

/* The guest is to hear of what the host has lost. */
static void test_overflow_of_the_host_is_relayed(void)
{
    Bed *bed = bed_enabled();
    CRW crw = path_off;

    crw.flags |= CRW_FLAGS_MASK_R;
    vfio_ccw_host_queue_crw(bed->host, crw);
    qcss_wait_crw_mchk(bed->qts);
    expect_crw(bed, crw.flags, crw.rsid);
    expect_no_crw(bed);
    bed_end(bed);
}

static void test_nonsense_is_dropped(void)
{
    static const CRW nonsense[] = {
        { CRW_RSC_SUBCH << 8 | CRW_ERC_IPI, SCHID & 0xffff },
        { CRW_RSC_CSS << 8 | CRW_ERC_EVENT, 0 },
        { 0x2 << 8 | CRW_ERC_INIT, 0 },             /* monitoring facility */
        { 0x9 << 8 | CRW_ERC_INIT, CHPID },         /* configuration alert */
        { CRW_ERC_INIT, CHPID },
        { CRW_RSC_CHP << 8 | CRW_ERC_EVENT, CHPID },
        { CRW_RSC_CHP << 8 | CRW_ERC_IPR, CHPID },
        { CRW_RSC_CHP << 8 | CRW_FLAGS_MASK_ERC, CHPID },
        { CRW_RSC_CHP << 8 | CRW_ERC_INIT | CRW_FLAGS_MASK_S, CHPID },
        { CRW_RSC_CHP << 8 | CRW_ERC_INIT | CRW_FLAGS_MASK_C, CHPID },
        { CRW_RSC_CHP << 8 | CRW_ERC_INIT | CRW_FLAGS_MASK_A, CHPID },
        { CRW_RSC_CHP << 8 | CRW_ERC_INIT | 0x8000, CHPID },
        { CRW_RSC_CHP << 8 | CRW_ERC_INIT | 0x0040, CHPID },
        { CRW_RSC_CHP << 8 | CRW_ERC_INIT, CHPID + 1 },
        { CRW_RSC_CHP << 8 | CRW_ERC_INIT, 0 },     /* of no installed path */
        { CRW_RSC_CHP << 8 | CRW_ERC_INIT, CHPID | 0x100 },
    };
    Bed *bed = bed_enabled();

    for (size_t i = 0; i < ARRAY_SIZE(nonsense); i++) {
        vfio_ccw_host_queue_crw(bed->host, nonsense[i]);
    }
    wait_counted(bed, "ccw0", ARRAY_SIZE(nonsense));
    g_assert_cmpint(counter_of(bed, "ccw0", "crws-invalid"), ==,
                    ARRAY_SIZE(nonsense));
    expect_no_crw(bed);

    vfio_ccw_host_queue_crw(bed->host, path_off);
    qcss_wait_crw_mchk(bed->qts);
    expect_crw(bed, path_off.flags, path_off.rsid);
    expect_no_crw(bed);
    assert_usable(bed);
    bed_end(bed);
}

/* An ID of a path has eight bits. */
static void test_nonsense_ids_are_dropped(void)
{
    Bed *bed = bed_enabled();
    int count = 0;

    for (uint16_t rsid = 0x100; rsid < 0x200; rsid++) {
        vfio_ccw_host_queue_crw(bed->host, (CRW) { path_on.flags, rsid });
        count++;
    }
    wait_counted(bed, "ccw0", count);
    g_assert_cmpint(counter_of(bed, "ccw0", "crws-invalid"), ==, count);
    expect_no_crw(bed);
    bed_end(bed);
}

/* The first and the last ID that there can be, of the first and last path */
static void test_every_path_may_report(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed;

    config.pmcw.pim = config.pmcw.pam = 0x81;
    config.pmcw.chpid[0] = 0x00;
    config.pmcw.chpid[7] = 0xff;
    bed = bed_enabled_with(&config);
    vfio_ccw_host_queue_crw(bed->host, (CRW) { path_off.flags, 0x00 });
    vfio_ccw_host_queue_crw(bed->host, (CRW) { path_off.flags, 0xff });
    wait_counted(bed, "ccw0", 2);
    qcss_wait_crw_mchk(bed->qts);
    expect_crw(bed, path_off.flags, 0x00);
    expect_crw(bed, path_off.flags, 0xff);
    expect_no_crw(bed);
    bed_end(bed);
}

/* The host's SCHIB is where the guest, too, learns of a new path. */
static void test_new_path_is_known(void)
{
    Bed *bed = bed_enabled();

    set_paths(bed->host, 0xc0, 0xc0);
    vfio_ccw_host_queue_crw(bed->host, (CRW) { path_on.flags, CHPID + 1 });
    qcss_wait_crw_mchk(bed->qts);
    expect_crw(bed, path_on.flags, CHPID + 1);
    g_assert_cmphex(pam_of(bed), ==, 0xc0);

    /* It is taken out of the configuration again, which is worth a report. */
    set_paths(bed->host, 0x80, 0x80);
    expect_no_crw(bed);
    vfio_ccw_host_queue_crw(bed->host, (CRW) { path_off.flags, CHPID + 1 });
    qcss_wait_crw_mchk(bed->qts);
    expect_crw(bed, path_off.flags, CHPID + 1);
    bed_end(bed);
}

/* When the guest hears of it, it sees it. */
static void test_schib_is_there_before_the_report(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    set_paths(bed->host, 0x80, 0);
    vfio_ccw_host_queue_crw(bed->host, path_off);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    expect_no_crw(bed);

    vfio_ccw_host_release(bed->host, VFIO_CCW_HOST_SCHIB_READ, 0);
    qcss_wait_crw_mchk(bed->qts);
    expect_crw(bed, path_off.flags, path_off.rsid);
    /* The next read is withheld still. */
    g_assert_cmphex(pam_of(bed), ==, 0);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    bed_end(bed);
}

static void test_report_leaves_an_interruption_pending(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_ATTENTION, 0, 0);
    wait_pending(bed, SCSW_STCTL_STATUS_PEND);
    vfio_ccw_host_queue_crw(bed->host, path_off);
    qcss_wait_crw_mchk(bed->qts);
    expect_irb(bed, ALERT_STCTL, SCSW_DSTAT_ATTENTION, 0);
    expect_crw(bed, path_off.flags, path_off.rsid);
    bed_end(bed);
}

/* What is pending once */

static void test_machine_check_is_pending_once(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_queue_crw(bed->host, path_off);
    qcss_wait_crw_mchk(bed->qts);
    vfio_ccw_host_queue_crw(bed->host, path_on);
    wait_counted(bed, "ccw0", 2);
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
    expect_crw(bed, path_off.flags, CHPID);
    expect_crw(bed, path_on.flags, CHPID);
    /* The guest did not see yet that there is no other. */
    vfio_ccw_host_queue_crw(bed->host, path_off);
    wait_counted(bed, "ccw0", 3);
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
    expect_crw(bed, path_off.flags, CHPID);
    expect_no_crw(bed);
    vfio_ccw_host_queue_crw(bed->host, path_on);
    qcss_wait_crw_mchk(bed->qts);
    expect_crw(bed, path_on.flags, CHPID);
    expect_no_crw(bed);
    bed_end(bed);
}

#define MANY 4

/* All devices on a path report it; it is one event for the guest. */
static void test_copies_of_many_devices_are_one(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    VfioCcwHost *hosts[MANY];
    int64_t relayed = 0, merged = 0;
    Bed *bed = bed_enabled();

    for (unsigned i = 0; i < MANY; i++) {
        hosts[i] = plug_another(bed, i, config);
    }
    qcss_wait_crw_mchk(bed->qts);
    for (unsigned i = 0; i < MANY; i++) {
        expect_crw(bed, CRW_RSC_SUBCH << 8 | CRW_ERC_IPI,
                   (SCHID & 0xffff) + 1 + i);
    }
    expect_no_crw(bed);

    for (unsigned i = 0; i < MANY; i++) {
        g_autofree char *id = g_strdup_printf("another%u", i);

        vfio_ccw_host_queue_crw(hosts[i], path_off);
        wait_counted(bed, id, 1);
        relayed += counter_of(bed, id, "crws-relayed");
        merged += counter_of(bed, id, "crws-merged");
    }
    g_assert_cmpint(relayed, ==, 1);
    g_assert_cmpint(merged, ==, MANY - 1);
    qcss_wait_crw_mchk(bed->qts);
    expect_crw(bed, path_off.flags, CHPID);
    expect_no_crw(bed);
    for (unsigned i = 0; i < MANY; i++) {
        vfio_ccw_host_stop(hosts[i], &error_abort);
    }
    bed_end(bed);
}

/* Off, on and off again is not off and on. */
static void test_order_is_kept(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_queue_crw(bed->host, path_off);
    vfio_ccw_host_queue_crw(bed->host, path_on);
    vfio_ccw_host_queue_crw(bed->host, path_off);
    wait_counted(bed, "ccw0", 3);
    qcss_wait_crw_mchk(bed->qts);
    expect_crw(bed, path_off.flags, CHPID);
    expect_crw(bed, path_on.flags, CHPID);
    expect_crw(bed, path_off.flags, CHPID);
    expect_no_crw(bed);
    bed_end(bed);
}

/* A host that does not stop reporting */

#define FLOOD 2000

static void flood(Bed *bed)
{
    for (int i = 0; i < FLOOD; i++) {
        vfio_ccw_host_queue_crw(bed->host, i % 2 ? path_on : path_off);
    }
}

static void expect_overflow(Bed *bed)
{
    CRW crw;

    qcss_wait_crw_mchk(bed->qts);
    for (int i = 0; i < MAX_PENDING - 1; i++) {
        g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 0);
        g_assert_false(crw.flags & CRW_FLAGS_MASK_R);
    }
    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 0);
    g_assert_true(crw.flags & CRW_FLAGS_MASK_R);
    expect_no_crw(bed);
}

/*
 * The host's queue is never empty while the guest works: each program runs
 * between two reads of CRWs, which go on only when it has ended.
 */
static void test_guest_works_during_a_flood(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_CRW_READ);
    flood(bed);
    for (int i = 0; i < 20; i++) {
        assert_usable(bed);
        qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");
        for (int j = 0; j < 32; j++) {
            vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_CRW_READ);
            vfio_ccw_host_release(bed->host, VFIO_CCW_HOST_CRW_READ, 0);
        }
    }
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_CRW_READS),
                    <, FLOOD);
    g_assert_cmpint(counter_of(bed, "ccw0", "crws-relayed"), >, 0);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_CRW_READ);
    wait_counted(bed, "ccw0", FLOOD);
    assert_usable(bed);
    bed_end(bed);
}

static void test_flood_is_an_overflow(void)
{
    Bed *bed = bed_enabled();

    flood(bed);
    wait_counted(bed, "ccw0", FLOOD);
    g_assert_cmpint(counter_of(bed, "ccw0", "crws-relayed"), ==, MAX_PENDING);
    /* "On" is what is pending last, so each other one is that again. */
    g_assert_cmpint(counter_of(bed, "ccw0", "crws-lost"), ==,
                    (FLOOD - MAX_PENDING) / 2);
    g_assert_cmpint(counter_of(bed, "ccw0", "crws-merged"), ==,
                    (FLOOD - MAX_PENDING) / 2);
    expect_overflow(bed);

    /* It is over. */
    vfio_ccw_host_queue_crw(bed->host, path_off);
    qcss_wait_crw_mchk(bed->qts);
    expect_crw(bed, path_off.flags, CHPID);
    expect_no_crw(bed);
    assert_usable(bed);
    bed_end(bed);
}

/* The guest that was told of an overflow looks, and finds out. */
static void test_loss_during_a_flood_is_not_hidden(void)
{
    Bed *bed = bed_enabled();

    flood(bed);
    wait_counted(bed, "ccw0", FLOOD);
    bed_stop_host(bed);
    wait_state(bed, "NOT_OPER");
    expect_overflow(bed);
    g_assert_cmphex(qcss_find(bed->qts, DEVNO), ==, 0);
    bed_end(bed);
}

/* QEMU's own event was lost: the guest would never ask what it was. */
static void test_event_during_a_flood_is_reported_with_the_next(void)
{
    Bed *bed = bed_enabled();

    flood(bed);
    wait_counted(bed, "ccw0", FLOOD);
    qtest_qmp_device_add(bed->qts, "virtio-rng-pci", "first", "{}");
    expect_overflow(bed);
    qtest_qmp_device_add(bed->qts, "virtio-rng-pci", "second", "{}");
    qcss_wait_crw_mchk(bed->qts);
    expect_crw(bed, CRW_RSC_CSS << 8 | CRW_ERC_EVENT, 0);
    expect_no_crw(bed);
    bed_end(bed);
}

/* A signal is a question at most; the host has nothing to say. */
static void test_signals_without_reports(void)
{
    Bed *bed = bed_enabled();
    unsigned reads = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_CRW_READS);

    for (int i = 0; i < 100; i++) {
        vfio_ccw_host_signal(bed->host, VFIO_CCW_CRW_IRQ_INDEX);
    }
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_CRW_READS, reads + 1);
    assert_usable(bed);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_CRW_READS),
                    <=, reads + 100);
    expect_no_crw(bed);
    bed_end(bed);
}

/* What cannot be read is lost, and nobody would tell the guest what it was. */
static void test_unreadable_is_gone(const void *data)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_CRW_READ,
                         GPOINTER_TO_INT(data), 1);
    vfio_ccw_host_queue_crw(bed->host, path_off);
    expect_gone(bed);
    bed_end(bed);
}

/* It has no paths any more that the guest could care for. */
static void test_nothing_is_relayed_when_gone(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_CRW_READ);
    vfio_ccw_host_queue_crw(bed->host, path_off);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_CRW_READ);
    vfio_ccw_host_make_gone(bed->host);
    pam_of(bed);
    expect_subchannel_report(bed);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_CRW_READ);
    expect_nothing(bed);
    expect_no_crw(bed);
    bed_end(bed);
}

static void add_tests(void)
{
    static const struct {
        const char *path;
        int err;
    } unreadable[] = {
        { "/vfio-ccw/crw/unreadable-is-gone/eio", -EIO },
        { "/vfio-ccw/crw/unreadable-is-gone/enodev", -ENODEV },
        { "/vfio-ccw/crw/unreadable-is-gone/efault", -EFAULT },
    };

    qtest_add_func("/vfio-ccw/crw/path-reports-are-relayed",
                   test_path_reports_are_relayed);
    qtest_add_func("/vfio-ccw/crw/overflow-of-the-host-is-relayed",
                   test_overflow_of_the_host_is_relayed);
    qtest_add_func("/vfio-ccw/crw/nonsense-is-dropped",
                   test_nonsense_is_dropped);
    qtest_add_func("/vfio-ccw/crw/nonsense-ids-are-dropped",
                   test_nonsense_ids_are_dropped);
    qtest_add_func("/vfio-ccw/crw/every-path-may-report",
                   test_every_path_may_report);
    qtest_add_func("/vfio-ccw/crw/new-path-is-known", test_new_path_is_known);
    qtest_add_func("/vfio-ccw/crw/schib-is-there-before-the-report",
                   test_schib_is_there_before_the_report);
    qtest_add_func("/vfio-ccw/crw/report-leaves-an-interruption-pending",
                   test_report_leaves_an_interruption_pending);
    qtest_add_func("/vfio-ccw/crw/machine-check-is-pending-once",
                   test_machine_check_is_pending_once);
    qtest_add_func("/vfio-ccw/crw/copies-of-many-devices-are-one",
                   test_copies_of_many_devices_are_one);
    qtest_add_func("/vfio-ccw/crw/order-is-kept", test_order_is_kept);
    qtest_add_func("/vfio-ccw/crw/guest-works-during-a-flood",
                   test_guest_works_during_a_flood);
    qtest_add_func("/vfio-ccw/crw/flood-is-an-overflow",
                   test_flood_is_an_overflow);
    qtest_add_func("/vfio-ccw/crw/loss-during-a-flood-is-not-hidden",
                   test_loss_during_a_flood_is_not_hidden);
    if (qtest_has_device("virtio-rng-pci")) {
        qtest_add_func("/vfio-ccw/crw/event-during-a-flood-is-reported-with-"
                       "the-next",
                       test_event_during_a_flood_is_reported_with_the_next);
    }
    qtest_add_func("/vfio-ccw/crw/signals-without-reports",
                   test_signals_without_reports);
    for (size_t i = 0; i < ARRAY_SIZE(unreadable); i++) {
        qtest_add_data_func(unreadable[i].path,
                            GINT_TO_POINTER(unreadable[i].err),
                            test_unreadable_is_gone);
    }
    qtest_add_func("/vfio-ccw/crw/nothing-is-relayed-when-gone",
                   test_nothing_is_relayed_when_gone);
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
