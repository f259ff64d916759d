/*
 * QTest of vfio-ccw: the SCHIB
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All code below runs in the test's thread; see vfio-ccw-fixture.h.
 */

#include "qemu/osdep.h"
#include "vfio-ccw-fixture.h"

#define CHPID 0x40

/* The guest looks up the path that its SCHIB shows, but cannot reset it. */
static void test_path_is_known(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    int64_t deadline = qcss_deadline();
    Bed *bed;

    config.pmcw.chpid[1] = CHPID + 1;
    bed = bed_plugged(&config);
    g_assert_cmphex(describe_path(bed, CHPID), ==, FICON_PATH(CHPID));
    g_assert_cmphex(describe_path(bed, CHPID + 1), ==, 0);
    g_assert_cmpint(qcss_rchp(bed->qts, CHPID), ==, 3);
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));

    config.pmcw.pim = config.pmcw.pam = 0xc0;
    vfio_ccw_host_set_pmcw(bed->host, &config.pmcw);
    while (describe_path(bed, CHPID + 1) == 0) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        scsw_ctrl(bed);
    }
    g_assert_cmphex(describe_path(bed, CHPID + 1), ==,
                    FICON_PATH(CHPID + 1));
    bed_end(bed);
}

/* A guest that is told of a device looks at once. */
static void test_new_device_has_its_paths(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_unplugged(&config);
    SCHIB schib;

    config.pmcw.pim = config.pmcw.pam = 0x60;
    config.pmcw.chpid[1] = CHPID + 1;
    config.pmcw.chpid[2] = CHPID + 2;
    vfio_ccw_host_set_pmcw(bed->host, &config.pmcw);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_RESET);
    plug(bed);
    g_assert_cmphex(qcss_find(bed->qts, DEVNO), ==, SCHID);
    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    g_assert_cmphex(schib.pmcw.pim, ==, 0x60);
    g_assert_cmphex(schib.pmcw.pam, ==, 0x60);
    g_assert_cmphex(schib.pmcw.lpm, ==, 0x60);
    g_assert_cmphex(schib.pmcw.chpid[1], ==, CHPID + 1);
    g_assert_cmphex(schib.pmcw.chpid[2], ==, CHPID + 2);
    g_assert_cmphex(describe_path(bed, CHPID), ==, 0);
    g_assert_cmphex(describe_path(bed, CHPID + 2), ==, FICON_PATH(CHPID + 2));
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_RESET);
    bed_end(bed);
}

/* A guest needs one to start anything on. */
static void test_path_is_assumed_without_schib(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed;
    SCHIB schib;

    config.regions &= ~(1u << VFIO_CCW_HOST_REGION_SCHIB);
    bed = bed_plugged(&config);
    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    g_assert_cmphex(schib.pmcw.pim, ==, 0x80);
    g_assert_cmphex(schib.pmcw.pam, ==, 0x80);
    g_assert_cmphex(schib.pmcw.pom, ==, 0xff);
    g_assert_cmphex(schib.pmcw.lpm, ==, 0x80);
    bed_end(bed);
}

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

/* Nor does the host have more to do for a guest that looks all the time. */
static void test_stsch_does_not_wait_for_the_host(void)
{
    Bed *bed = bed_enabled();
    unsigned reads = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_SCHIB_READS);
    SCHIB schib;

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'query-status'}");
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    start_accepted(bed);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 1);
    expect_normal_end(bed);
    g_assert_cmpuint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_SCHIB_READS),
                     ==, reads + 1);
    bed_end(bed);
}

/* SSCH, HSCH, XSCH, RSCH, MSCH: what they refuse they leave as it is */

/* The host has no SCHIB to show: it changes by what the guest does alone. */
static Bed *bed_without_refresh(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.regions &= ~(1u << VFIO_CCW_HOST_REGION_SCHIB);
    return bed_enabled_with(&config);
}

static SCHIB schib_of(Bed *bed)
{
    SCHIB schib;

    g_assert_cmpint(qcss_stsch(bed->qts, SCHID, &schib), ==, 0);
    return schib;
}

/* Each instruction's condition code; -1 where it would be accepted. */
typedef struct Refusal {
    int ssch;
    int hsch;
    int xsch;
    int rsch;
    int msch;
} Refusal;

static int msch_all_other(Bed *bed, const SCHIB *schib)
{
    SCHIB other = *schib;

    other.pmcw.intparm = ~schib->pmcw.intparm;
    other.pmcw.flags ^= PMCW_FLAGS_MASK_ENA | PMCW_FLAGS_MASK_ISC;
    other.pmcw.lpm = ~schib->pmcw.lpm;
    other.pmcw.mbi = ~schib->pmcw.mbi;
    other.pmcw.chars ^= PMCW_CHARS_MASK_CSENSE;
    return qcss_msch(bed->qts, SCHID, &other);
}

static void assert_refused(Bed *bed, const Refusal *refusal)
{
    SCHIB before = schib_of(bed);
    ORB orb = noop_orb(bed);
    SCHIB after;

    orb.intparm = ~before.pmcw.intparm;
    orb.lpm = ~before.pmcw.lpm;
    orb.ctrl0 |= ORB_CTRL0_MASK_KEY;
    g_assert_cmpint(qcss_ssch(bed->qts, SCHID, &orb), ==, refusal->ssch);
    if (refusal->hsch >= 0) {
        g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, refusal->hsch);
    }
    g_assert_cmpint(qcss_xsch(bed->qts, SCHID), ==, refusal->xsch);
    g_assert_cmpint(qcss_rsch(bed->qts, SCHID), ==, refusal->rsch);
    if (refusal->msch >= 0) {
        g_assert_cmpint(msch_all_other(bed, &before), ==, refusal->msch);
    }
    after = schib_of(bed);
    g_assert_cmpmem(&before, sizeof(before), &after, sizeof(after));
}

static void test_status_pending_is_cc1(void)
{
    static const Refusal refusal = { 1, 1, 1, 1, 1 };
    Bed *bed = bed_without_refresh();

    start_accepted(bed);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    retry_until_pending(bed);
    assert_refused(bed, &refusal);
    expect_normal_end(bed);
    assert_usable(bed);
    bed_end(bed);
}

/* HSCH is accepted with intermediate status, which the others respect. */
static void test_intermediate_status_pending_is_cc1(void)
{
    static const Refusal refusal = { 1, -1, 1, 1, 1 };
    Bed *bed = bed_without_refresh();

    start_accepted(bed);
    vfio_ccw_host_present_status(bed->host, 0, SCSW_CSTAT_PCI, 0);
    retry_until_pending(bed);
    assert_refused(bed, &refusal);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    expect_nothing(bed);
    vfio_ccw_host_wait_halt(bed->host);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_HALT_FUNC);
    assert_usable(bed);
    bed_end(bed);
}

static void test_start_in_progress_is_cc2(void)
{
    static const Refusal refusal = { 2, -1, 2, 2, 2 };
    Bed *bed = bed_without_refresh();

    start_sent(bed);
    assert_refused(bed, &refusal);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START);
    vfio_ccw_host_wait_start(bed->host, NULL);
    assert_refused(bed, &refusal);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    expect_normal_end(bed);
    bed_end(bed);
}

static void test_halt_in_progress_is_cc2(void)
{
    static const Refusal refusal = { 2, 2, 2, 2, 2 };
    Bed *bed = bed_without_refresh();

    start_active(bed);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    assert_refused(bed, &refusal);
    vfio_ccw_host_wait_halt(bed->host);
    assert_refused(bed, &refusal);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_HALT_FUNC);
    bed_end(bed);
}

static void test_clear_in_progress_is_cc2(void)
{
    static const Refusal refusal = { 2, 2, 2, 2, 2 };
    Bed *bed = bed_without_refresh();

    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    assert_refused(bed, &refusal);
    vfio_ccw_host_wait_clear(bed->host);
    assert_refused(bed, &refusal);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_CLEAR_FUNC);
    bed_end(bed);
}

static void test_disabled_is_cc3(void)
{
    static const Refusal refusal = { 3, 3, 3, 3, -1 };
    Bed *bed = bed_without_refresh();

    qcss_disable(bed->qts, SCHID);
    assert_refused(bed, &refusal);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 3);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    assert_usable(bed);
    bed_end(bed);
}

/* The guest decides over all that is its own, and over nothing else. */
static void test_msch_changes_what_is_the_guest_s(void)
{
    const uint16_t own = PMCW_FLAGS_MASK_ISC | PMCW_FLAGS_MASK_ENA |
                         PMCW_FLAGS_MASK_MME | PMCW_FLAGS_MASK_MP;
    Bed *bed = bed_without_refresh();
    SCHIB before = schib_of(bed);
    SCHIB other = before;
    SCHIB after;

    other.pmcw.intparm = 0x11223344;
    other.pmcw.flags = own | PMCW_FLAGS_MASK_TF;
    other.pmcw.devno = ~before.pmcw.devno;
    other.pmcw.lpm = 0x0f;
    other.pmcw.pnom = ~before.pmcw.pnom;
    other.pmcw.lpum = ~before.pmcw.lpum;
    other.pmcw.pim = ~before.pmcw.pim;
    other.pmcw.mbi = 0x1234;
    other.pmcw.pam = ~before.pmcw.pam;
    memset(other.pmcw.chpid, 0xee, sizeof(other.pmcw.chpid));
    other.pmcw.chars = PMCW_CHARS_MASK_CSENSE;
    memset(&other.scsw, 0xff, sizeof(other.scsw));
    g_assert_cmpint(qcss_msch(bed->qts, SCHID, &other), ==, 0);

    before.pmcw.intparm = other.pmcw.intparm;
    before.pmcw.flags = own | PMCW_FLAGS_MASK_DNV;
    before.pmcw.lpm = other.pmcw.lpm;
    before.pmcw.mbi = other.pmcw.mbi;
    before.pmcw.chars = other.pmcw.chars;
    after = schib_of(bed);
    g_assert_cmpmem(&before, sizeof(before), &after, sizeof(after));
    bed_end(bed);
}

/* PoP 14, MSCH: nothing, where no device is valid; so it stays disabled. */
static void test_msch_of_a_lost_device_is_nothing(void)
{
    Bed *bed = bed_enabled();
    SCHIB before, other, after;

    vfio_ccw_host_make_gone(bed->host);
    scsw_ctrl(bed);
    expect_gone(bed);
    other = before = schib_of(bed);
    g_assert_cmphex(before.pmcw.flags &
                    (PMCW_FLAGS_MASK_DNV | PMCW_FLAGS_MASK_ENA), ==, 0);
    other.pmcw.intparm = ~before.pmcw.intparm;
    other.pmcw.flags |= PMCW_FLAGS_MASK_DNV | PMCW_FLAGS_MASK_ENA;
    other.pmcw.lpm = ~before.pmcw.lpm;
    g_assert_cmpint(qcss_msch(bed->qts, SCHID, &other), ==, 0);
    after = schib_of(bed);
    g_assert_cmpmem(&before, sizeof(before), &after, sizeof(after));
    g_assert_cmpint(ssch(bed), ==, 3);
    bed_end(bed);
}

static void wait_paths(Bed *bed, const PMCW *paths)
{
    SCHIB schib;
    int64_t deadline = qcss_deadline();

    do {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        schib = schib_of(bed);
    } while (schib.pmcw.pnom != paths->pnom);
    g_assert_cmphex(schib.pmcw.pim, ==, paths->pim);
    g_assert_cmphex(schib.pmcw.pam, ==, paths->pam);
    g_assert_cmphex(schib.pmcw.pom, ==, paths->pom);
    g_assert_cmphex(schib.pmcw.lpum, ==, paths->lpum);
    g_assert_cmpmem(schib.pmcw.chpid, sizeof(schib.pmcw.chpid),
                    paths->chpid, sizeof(paths->chpid));
}

/* STSCH asks for what a later STSCH will show. */
static void test_stsch_shows_new_paths_of_the_host(void)
{
    PMCW paths = vfio_ccw_host_default_config().pmcw;
    Bed *bed = bed_enabled();

    paths.pim = 0xe0;
    paths.pam = 0xa0;
    paths.pom = 0x7f;
    paths.lpum = 0x20;
    paths.pnom = 0x40;
    paths.chpid[1] = CHPID + 1;
    paths.chpid[2] = CHPID + 2;
    vfio_ccw_host_set_pmcw(bed->host, &paths);
    wait_paths(bed, &paths);
    bed_end(bed);
}

/* STSCH until the guest has read @paths, which are marked as new */
static SCHIB wait_schib_read(Bed *bed, PMCW *paths)
{
    int64_t deadline = qcss_deadline();
    SCHIB schib;

    paths->chpid[7]++;
    vfio_ccw_host_set_pmcw(bed->host, paths);
    do {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        schib = schib_of(bed);
    } while (schib.pmcw.chpid[7] != paths->chpid[7]);
    return schib;
}

static void set_pom(Bed *bed, uint8_t pom)
{
    SCHIB schib = schib_of(bed);

    schib.pmcw.pom = pom;
    g_assert_cmpint(qcss_msch(bed->qts, SCHID, &schib), ==, 0);
}

/*
 * PoP 15, "Path-Operational Mask": MSCH sets it, and so do path selection and
 * CSCH. What the guest says of it does not reach the host.
 */
static void test_pom_is_the_guest_s(void)
{
    PMCW paths = vfio_ccw_host_default_config().pmcw;
    Bed *bed = bed_enabled();

    set_pom(bed, 0xf0);
    g_assert_cmphex(wait_schib_read(bed, &paths).pmcw.pom, ==, 0xf0);

    /* The host's changes count, ... */
    paths.pom = 0x7f;
    g_assert_cmphex(wait_schib_read(bed, &paths).pmcw.pom, ==, 0x70);
    paths.pom = 0xff;
    g_assert_cmphex(wait_schib_read(bed, &paths).pmcw.pom, ==, 0xf0);

    /* ... and what it finds, be it the same as before. */
    paths.pom = 0x7f;
    paths.pnom = 0x80;
    g_assert_cmphex(wait_schib_read(bed, &paths).pmcw.pom, ==, 0x70);
    set_pom(bed, 0xff);
    g_assert_cmphex(wait_schib_read(bed, &paths).pmcw.pom, ==, 0xff);
    assert_usable(bed);
    g_assert_cmphex(wait_schib_read(bed, &paths).pmcw.pom, ==, 0x7f);
    bed_end(bed);
}

/* PoP 15, "Clear Function": the paths are as initialised. */
static void test_clear_initialises_the_paths(void)
{
    PMCW paths = vfio_ccw_host_default_config().pmcw;
    Bed *bed = bed_enabled();
    SCHIB schib;

    paths.pom = 0x7f;
    paths.lpum = 0x80;
    paths.pnom = 0x40;
    vfio_ccw_host_set_pmcw(bed->host, &paths);
    wait_paths(bed, &paths);
    /* What the last STSCH has asked for comes before this is over. */
    assert_usable(bed);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    schib_of(bed);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_SCHIB_READ);

    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    schib = schib_of(bed);
    g_assert_cmphex(schib.pmcw.pom, ==, 0xff);
    g_assert_cmphex(schib.pmcw.lpum, ==, 0);
    g_assert_cmphex(schib.pmcw.pnom, ==, 0);
    bed_end(bed);
}

/* A start is refused for want of paths, but the guest has cleared it by now. */
static void test_shown_though_the_start_was_overtaken(void)
{
    PMCW paths = vfio_ccw_host_default_config().pmcw;
    Bed *bed = bed_enabled();

    start_sent(bed);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_ASYNC_WRITES, 1);
    paths.chpid[1] = CHPID + 1;
    vfio_ccw_host_set_pmcw(bed->host, &paths);
    vfio_ccw_host_release(bed->host, VFIO_CCW_HOST_START, -EACCES);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START);
    /* The clear goes again when the start has returned, SCHIB and all. */
    wait_retried(bed, VFIO_CCW_HOST_CLEARS, 1);
    g_assert_cmphex(schib_of(bed).pmcw.chpid[1], ==, CHPID + 1);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_CLEAR_FUNC);
    bed_end(bed);
}

static void add_tests(void)
{
    qtest_add_func("/vfio-ccw/schib/path-is-known", test_path_is_known);
    qtest_add_func("/vfio-ccw/schib/new-device-has-its-paths",
                   test_new_device_has_its_paths);
    qtest_add_func("/vfio-ccw/schib/path-is-assumed-without-schib",
                   test_path_is_assumed_without_schib);
    qtest_add_func("/vfio-ccw/schib/clear-initialises-the-paths",
                   test_clear_initialises_the_paths);
    qtest_add_func("/vfio-ccw/schib/has-the-paths-of-the-host",
                   test_schib_has_the_paths_of_the_host);
    qtest_add_func("/vfio-ccw/schib/stsch-does-not-wait-for-the-host",
                   test_stsch_does_not_wait_for_the_host);
    qtest_add_func("/vfio-ccw/refused/status-pending-is-cc1",
                   test_status_pending_is_cc1);
    qtest_add_func("/vfio-ccw/refused/intermediate-status-pending-is-cc1",
                   test_intermediate_status_pending_is_cc1);
    qtest_add_func("/vfio-ccw/refused/start-in-progress-is-cc2",
                   test_start_in_progress_is_cc2);
    qtest_add_func("/vfio-ccw/refused/halt-in-progress-is-cc2",
                   test_halt_in_progress_is_cc2);
    qtest_add_func("/vfio-ccw/refused/clear-in-progress-is-cc2",
                   test_clear_in_progress_is_cc2);
    qtest_add_func("/vfio-ccw/refused/disabled-is-cc3",
                   test_disabled_is_cc3);
    qtest_add_func("/vfio-ccw/schib/msch-changes-what-is-the-guest-s",
                   test_msch_changes_what_is_the_guest_s);
    qtest_add_func("/vfio-ccw/schib/msch-of-a-lost-device-is-nothing",
                   test_msch_of_a_lost_device_is_nothing);
    qtest_add_func("/vfio-ccw/schib/stsch-shows-new-paths-of-the-host",
                   test_stsch_shows_new_paths_of_the_host);
    qtest_add_func("/vfio-ccw/schib/shown-though-the-start-was-overtaken",
                   test_shown_though_the_start_was_overtaken);
    qtest_add_func("/vfio-ccw/schib/pom-is-the-guest-s",
                   test_pom_is_the_guest_s);
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
