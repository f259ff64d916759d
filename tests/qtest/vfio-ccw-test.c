/*
 * QTest of vfio-ccw as a device: plugged, unplugged, and lost
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All code below runs in the test's thread; see vfio-ccw-fixture.h.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/rcu.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"
#include "vfio-ccw-fixture.h"

#define REGION(name) (1u << VFIO_CCW_HOST_REGION_##name)
#define IRQ(name) (1u << VFIO_CCW_##name##_IRQ_INDEX)

/* Plugging fails with a message that says @why, and leaves nothing behind. */
static void assert_plug_fails(Bed *bed, QDict *arguments, const char *why)
{
    QDict *error;

    qdict_put_str(arguments, "driver", "vfio-ccw");
    error = qtest_qmp_assert_failure_ref(bed->qts, "{'execute': 'device_add',"
                                         "'arguments': %p}", arguments);
    g_test_message("%s", qdict_get_str(error, "desc"));
    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), why));
    qobject_unref(error);

    assert_unplugged(bed);
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
}

/* Realize, unrealize, and how they fail */

static void test_plug_and_unplug(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_unplugged(&config);

    for (unsigned round = 1; round <= 2; round++) {
        plug(bed);
        expect_subchannel_report(bed);
        g_assert_cmphex(qcss_find(bed->qts, DEVNO), ==, SCHID);
        qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
        assert_usable(bed);

        qtest_qmp_device_del(bed->qts, "ccw0");
        expect_subchannel_report(bed);
        assert_unplugged(bed);
        vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_CLOSES, round);
    }
    bed_end(bed);
}

static void test_cold_plug_is_not_reported(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_plugged(&config);

    g_assert_cmphex(qcss_find(bed->qts, DEVNO), ==, SCHID);
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
    bed_end(bed);
}

static void test_unplug_while_active(void)
{
    Bed *bed = bed_enabled();

    start_accepted(bed);
    qtest_qmp_device_del(bed->qts, "ccw0");
    expect_subchannel_report(bed);
    assert_unplugged(bed);
    expect_nothing(bed);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_CLOSES, 1);
    bed_end(bed);
}

/* Whoever unrealizes a device asks for no unplug before. */
static void test_unrealize_while_active(void)
{
    Bed *bed = bed_enabled();

    start_accepted(bed);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    scsw_ctrl(bed);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'qom-set', 'arguments':"
                             "{'path': %s, 'property': 'realized',"
                             "'value': false}}", DEVICE_PATH);
    expect_subchannel_report(bed);
    assert_unplugged(bed);
    expect_nothing(bed);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_CLOSES, 1);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_SCHIB_READ);
    bed_end(bed);
}

static void test_host_must_be_said(void)
{
    Bed *bed = bed_new();

    bed->qts = qcss_init(MACHINE_ARGS);
    assert_plug_fails(bed, qdict_new(), "no host device");
    bed_end(bed);
}

static void assert_says(Bed *bed, QDict *arguments, const char *message)
{
    QDict *error;

    qdict_put_str(arguments, "driver", "vfio-ccw");
    error = qtest_qmp_assert_failure_ref(bed->qts, "{'execute': 'device_add',"
                                         "'arguments': %p}", arguments);
    g_assert_cmpstr(qdict_get_str(error, "desc"), ==, message);
    qobject_unref(error);
}

/* QMP has no hints: the message itself says what to do. */
#define WAYS ": use exactly one of sysfsdev=PATH, fd=FD (with iommufd=ID) " \
             "and socket=ADDRESS"

/* Whichever name it has by then */
static void test_messages_say_who(void)
{
    Bed *bed = bed_new();
    QDict *arguments;

    bed->qts = qcss_init(MACHINE_ARGS);
    assert_says(bed, qdict_new(), "vfio-ccw: no host device" WAYS);

    arguments = qdict_new();
    qdict_put_str(arguments, "id", "ccw0");
    assert_says(bed, arguments, "vfio-ccw ccw0: no host device" WAYS);

    arguments = qdict_new();
    qdict_put_str(arguments, "devno", "fe.1.1234");
    assert_says(bed, arguments,
                "vfio-ccw (device fe.1.1234): no host device" WAYS);
    bed_end(bed);
}

/* A QEMU that ends for it says who cannot be had, why, and what to look at. */
static void test_command_line_says_who(void)
{
    static const char *const args[] = {
        "-device", "{'driver': 'vfio-ccw', 'id': 'ccw0', 'socket':"
        "{'type': 'unix', 'path': '/no/such'}}", NULL,
    };
    g_autofree char *said = start_in_vain(args);

    g_assert_nonnull(strstr(said, ": vfio-ccw ccw0 (device "));
    g_assert_nonnull(strstr(said, strerror(ENOENT)));
    g_assert_nonnull(strstr(said, "no server has made that socket"));
}

static void test_host_stays_what_it_is(void)
{
    Bed *bed = bed_enabled();
    QDict *error;

    error = qtest_qmp_assert_failure_ref(bed->qts, "{'execute': 'qom-set',"
                                         "'arguments': {'path': %s,"
                                         "'property': 'socket', 'value':"
                                         "{'type': 'unix', 'path': 'x'}}}",
                                         DEVICE_PATH);
    g_assert_nonnull(strstr(qdict_get_str(error, "desc"),
                            "after it was realized"));
    qobject_unref(error);
    error = qtest_qmp_assert_failure_ref(bed->qts, "{'execute': 'qom-set',"
                                         "'arguments': {'path': %s,"
                                         "'property': 'fd', 'value': '0'}}",
                                         DEVICE_PATH);
    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), "after realize"));
    qobject_unref(error);
    assert_usable(bed);
    bed_end(bed);
}

#define MORE_THAN_ONE "more than one way to reach a host device" WAYS

static void test_host_must_be_said_once(void)
{
    Bed *bed = bed_new();
    QDict *arguments;

    bed->qts = qcss_init(MACHINE_ARGS);

    arguments = device_arguments(bed);
    qdict_put_str(arguments, "sysfsdev", bed->dir);
    assert_plug_fails(bed, arguments, MORE_THAN_ONE);

    arguments = device_arguments(bed);
    qdict_put_str(arguments, "fd", "device");
    pass_fd(bed, "device");
    assert_plug_fails(bed, arguments, MORE_THAN_ONE);

    arguments = qdict_new();
    qdict_put_str(arguments, "sysfsdev", bed->dir);
    qdict_put_str(arguments, "fd", "device");
    pass_fd(bed, "device");
    assert_plug_fails(bed, arguments, MORE_THAN_ONE);
    bed_end(bed);
}

static void test_sysfsdev_must_exist(void)
{
    Bed *bed = bed_new();
    g_autofree char *missing = g_build_filename(bed->dir, "missing", NULL);
    QDict *arguments = qdict_new();

    bed->qts = qcss_init(MACHINE_ARGS);
    qdict_put_str(arguments, "sysfsdev", missing);
    assert_plug_fails(bed, arguments, missing);
    bed_end(bed);
}

static void test_fd_must_be_known(void)
{
    Bed *bed = bed_new();
    QDict *arguments = qdict_new();

    bed->qts = qcss_init(MACHINE_ARGS);
    qdict_put_str(arguments, "fd", "nobody-passed-this");
    assert_plug_fails(bed, arguments, "nobody-passed-this");
    bed_end(bed);
}

/* It has no id either, which is what it would be saved under. */
static void test_fd_needs_iommufd(void)
{
    Bed *bed = bed_new();
    QDict *arguments = qdict_new();

    bed->qts = qcss_init(MACHINE_ARGS);
    qdict_put_str(arguments, "fd", "device");
    pass_fd(bed, "device");
    assert_plug_fails(bed, arguments, "only with iommufd");
    bed_end(bed);
}

static void test_socket_must_be_listening(void)
{
    Bed *bed = bed_new();

    bed->qts = qcss_init(MACHINE_ARGS);
    assert_plug_fails(bed, device_arguments(bed), bed->socket);
    bed_end(bed);
}

static void test_socket_must_be_unix(void)
{
    Bed *bed = bed_new();
    QDict *address = qdict_new();
    QDict *arguments = qdict_new();

    bed->qts = qcss_init(MACHINE_ARGS);
    qdict_put_str(address, "type", "inet");
    qdict_put_str(address, "host", "localhost");
    qdict_put_str(address, "port", "1");
    qdict_put(arguments, "socket", address);
    assert_plug_fails(bed, arguments, "socket");
    bed_end(bed);
}

/* The message says what an address looks like, whatever came instead. */
static void test_socket_must_be_an_address(void)
{
    static const char *const others[] = {
        "'/tmp/socket'",
        "1",
        "{}",
        "{'path': '/tmp/socket'}",
        "{'type': 'unix'}",
        "{'type': 'ccw', 'path': '/tmp/socket'}",
    };
    Bed *bed = bed_new();

    bed->qts = qcss_init(MACHINE_ARGS);
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        QDict *arguments = qdict_new();

        qdict_put_obj(arguments, "socket",
                      qobject_from_json(others[i], &error_abort));
        assert_plug_fails(bed, arguments,
                          "{\"type\": \"unix\", \"path\": PATH}");
    }
    bed_end(bed);
}

static void test_socket_can_be_read(void)
{
    Bed *bed = bed_enabled();
    g_autofree char *shown = g_strdup_printf("socket = unix:%s", bed->socket);
    g_autofree char *tree = qtest_hmp(bed->qts, "info qtree");
    QDict *response = qtest_qmp(bed->qts, "{'execute': 'qom-get', 'arguments':"
                                "{'path': %s, 'property': 'socket'}}",
                                DEVICE_PATH);
    QDict *address = qdict_get_qdict(response, "return");

    g_assert_cmpstr(qdict_get_str(address, "type"), ==, "unix");
    g_assert_cmpstr(qdict_get_str(address, "path"), ==, bed->socket);
    g_assert_nonnull(strstr(tree, shown));
    qobject_unref(response);
    bed_end(bed);
}

/* What the documentation has, with the parent's */
static const char *const options[] = {
    "bootindex", "devno", "fd", "force-orb-pfch", "iommufd", "loadparm",
    "on-host-loss", "socket", "sysfsdev", NULL,
};

static GPtrArray *options_in_help(void)
{
    g_autofree char *command = g_strdup_printf("%s -device vfio-ccw,help",
                                               qtest_qemu_binary(NULL));
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *said = NULL;
    g_auto(GStrv) lines = NULL;
    g_autoptr(GError) err = NULL;

    rcu_disable_atfork(); /* as libqtest: nothing but exec() follows */
    g_spawn_command_line_sync(command, &said, NULL, NULL, &err);
    rcu_enable_atfork();
    g_assert_no_error(err);
    lines = g_strsplit(said, "\n", -1);
    for (char **line = lines; *line; line++) {
        char *end = strchr(*line, '=');

        if (g_str_has_prefix(*line, "  ") && end) {
            g_ptr_array_add(names, g_strndup(*line + 2, end - *line - 2));
        }
    }
    return names;
}

/* What can only be read is no option. */
static void test_help_lists_options(void)
{
    g_autoptr(GPtrArray) names = options_in_help();

    g_assert_true(g_ptr_array_find_with_equal_func(names, "socket",
                                                   g_str_equal, NULL));
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);

        g_test_message("%s", name);
        g_assert_cmpstr(name, !=, "x-state");
        g_assert_cmpstr(name, !=, "x-stats");
        g_assert_true(g_str_has_prefix(name, "x-") ||
                      g_strv_contains(options, name));
    }
}

static GPtrArray *properties_of(Bed *bed, const char *type)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    QDict *response = qtest_qmp(bed->qts, "{'execute': 'qom-list-properties',"
                                "'arguments': {'typename': %s}}", type);
    const QListEntry *entry;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(response, "return"), entry) {
        QDict *property = qobject_to(QDict, qlist_entry_obj(entry));

        g_ptr_array_add(names, g_strdup(qdict_get_str(property, "name")));
    }
    qobject_unref(response);
    return names;
}

/* A property without "x-" is there for ever: there is no other by accident. */
static void test_properties_may_change(void)
{
    Bed *bed = bed_enabled();
    g_autoptr(GPtrArray) names = properties_of(bed, "vfio-ccw");
    g_autoptr(GPtrArray) inherited = properties_of(bed, "s390-ccw");

    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);

        g_test_message("%s", name);
        g_assert_true(g_str_has_prefix(name, "x-") ||
                      g_str_has_prefix(name, "legacy-") ||
                      g_strv_contains(options, name) ||
                      g_ptr_array_find_with_equal_func(inherited, name,
                                                       g_str_equal, NULL));
    }
    bed_end(bed);
}

/* Rule 7: kernels that lack regions or interrupts */

static void assert_host_refused(const VfioCcwHostConfig *config,
                                const char *why)
{
    Bed *bed = bed_unplugged(config);

    assert_plug_fails(bed, device_arguments(bed), why);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_CLOSES, 1);
    bed_end(bed);
}

static void assert_host_usable(const VfioCcwHostConfig *config)
{
    bed_end(bed_enabled_with(config));
}

static void test_io_region_only(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.regions = REGION(IO);
    config.irqs = IRQ(IO);
    assert_host_usable(&config);
}

static void test_no_schib_region(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.regions &= ~REGION(SCHIB);
    assert_host_usable(&config);
}

static void test_no_crw_region(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.regions &= ~REGION(CRW);
    assert_host_usable(&config);
}

static void test_no_crw_region_nor_irq(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.regions &= ~REGION(CRW);
    config.irqs = IRQ(IO);
    assert_host_usable(&config);
}

static void test_no_req_irq(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.irqs &= ~IRQ(REQ);
    assert_host_usable(&config);
}

/* Without the region, halt and clear are emulated: they end all the same. */
static void test_no_async_region(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed;

    config.regions &= ~REGION(ASYNC);
    bed = bed_enabled_with(&config);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    expect_end_of(bed, SCSW_FCTL_HALT_FUNC);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    expect_end_of(bed, SCSW_FCTL_CLEAR_FUNC);

    start_active(bed);
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
    expect_end_of(bed, SCSW_FCTL_HALT_FUNC);
    expect_nothing(bed);
    assert_usable(bed);
    bed_end(bed);
}

static void test_no_io_region_is_fatal(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.regions &= ~REGION(IO);
    assert_host_refused(&config, "region");
}

static void test_no_io_irq_is_fatal(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.irqs &= ~IRQ(IO);
    assert_host_refused(&config, "interrupt");
}

static void test_crw_region_without_irq_is_fatal(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.irqs &= ~IRQ(CRW);
    assert_host_refused(&config, "interrupt");
}

static void test_not_a_ccw_device_is_fatal(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    config.device_flags &= ~VFIO_DEVICE_FLAGS_CCW;
    assert_host_refused(&config, "not a vfio-ccw device");
}

static void test_region_sizes_are_checked(void)
{
    for (int region = 0; region < VFIO_CCW_HOST_NR_REGIONS; region++) {
        VfioCcwHostConfig config = vfio_ccw_host_default_config();

        config.region_size[region] -= 4;
        assert_host_refused(&config, "region");
        config.region_size[region] += 8;
        assert_host_refused(&config, "region");
    }
}

/* Rule 5: the device is lost */

static void test_lost_host_is_gone(void)
{
    Bed *bed = bed_enabled();

    bed_stop_host(bed);
    expect_gone(bed);
    qtest_qmp_device_del(bed->qts, "ccw0");
    assert_unplugged(bed);
    bed_end(bed);
}

static void test_lost_host_ends_an_active_start(void)
{
    Bed *bed = bed_enabled();

    start_accepted(bed);
    bed_stop_host(bed);
    expect_gone(bed);
    bed_end(bed);
}

static void test_lost_host_ends_an_unanswered_start(void)
{
    Bed *bed = bed_enabled();

    start_sent(bed);
    bed_stop_host(bed);
    expect_gone(bed);
    bed_end(bed);
}

static void test_lost_host_withdraws_a_pending_interruption(void)
{
    Bed *bed = bed_enabled();

    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_ATTENTION, 0, 0);
    wait_pending(bed, SCSW_STCTL_STATUS_PEND);
    bed_stop_host(bed);
    expect_gone(bed);
    bed_end(bed);
}

static void test_request_unplugs(void)
{
    Bed *bed = bed_enabled();

    start_accepted(bed);
    vfio_ccw_host_signal(bed->host, VFIO_CCW_REQ_IRQ_INDEX);
    qtest_qmp_eventwait(bed->qts, "DEVICE_DELETED");
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_CLOSES, 1);
    assert_unplugged(bed);
    bed_end(bed);
}

/* Unplug in any state: the host withholds an answer of each kind. */

typedef struct Withheld {
    const char *test;
    VfioCcwHostStep step;
    void (*ask)(Bed *bed);
} Withheld;

static void ask_start(Bed *bed)
{
    g_assert_cmpint(ssch(bed), ==, 0);
}

static void ask_halt(Bed *bed)
{
    g_assert_cmpint(qcss_hsch(bed->qts, SCHID), ==, 0);
}

static void ask_clear(Bed *bed)
{
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
}

static void ask_io_read(Bed *bed)
{
    vfio_ccw_host_present_status(bed->host, SCSW_DSTAT_ATTENTION, 0, 0);
}

static void ask_schib_read(Bed *bed)
{
    scsw_ctrl(bed);
}

static void ask_crw_read(Bed *bed)
{
    vfio_ccw_host_queue_crw(bed->host, (CRW) {
        .flags = CRW_RSC_CHP << 8 | CRW_ERC_INIT,
    });
}

static void ask_reset(Bed *bed)
{
    qtest_system_reset(bed->qts);
}

static const Withheld withheld[] = {
    { "start", VFIO_CCW_HOST_START, ask_start },
    { "start-reply", VFIO_CCW_HOST_START_REPLY, ask_start },
    { "halt", VFIO_CCW_HOST_HALT, ask_halt },
    { "halt-reply", VFIO_CCW_HOST_HALT_REPLY, ask_halt },
    { "clear", VFIO_CCW_HOST_CLEAR, ask_clear },
    { "clear-reply", VFIO_CCW_HOST_CLEAR_REPLY, ask_clear },
    { "irb", VFIO_CCW_HOST_IO_READ, ask_io_read },
    { "schib", VFIO_CCW_HOST_SCHIB_READ, ask_schib_read },
    { "crw", VFIO_CCW_HOST_CRW_READ, ask_crw_read },
    { "reset", VFIO_CCW_HOST_RESET, ask_reset },
};

static void test_unplug_while_withheld(const void *data)
{
    const Withheld *w = data;
    Bed *bed = bed_enabled();

    vfio_ccw_host_hold(bed->host, w->step);
    w->ask(bed);
    vfio_ccw_host_wait_held(bed->host, w->step);
    if (w->step == VFIO_CCW_HOST_START_REPLY) {
        /* Nobody is to take this one for the start after the next plug. */
        vfio_ccw_host_wait_start(bed->host, NULL);
    }
    qtest_qmp_device_del(bed->qts, "ccw0");
    expect_subchannel_report(bed);
    assert_unplugged(bed);
    expect_nothing(bed);
    vfio_ccw_host_wait_count(bed->host, VFIO_CCW_HOST_CLOSES, 1);

    vfio_ccw_host_unhold(bed->host, w->step);
    plug(bed);
    expect_usable(bed);
    bed_end(bed);
}

/*
 * QEMU's lock is held while a second device waits for its host. Answer and
 * interrupt of the first come meanwhile; who takes them must not wait for the
 * lock, or nobody takes the answers that the second one waits for.
 */
static void test_plug_holds_up_no_other(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_enabled();
    g_autofree char *socket = g_strdup_printf("%s0", bed->socket);
    VfioCcwHost *host;
    QDict *response;

    config.pmcw.devno = DEVNO + 1;
    host = vfio_ccw_host_start(socket, &config, &error_abort);
    vfio_ccw_host_hold(host, VFIO_CCW_HOST_VERSION);
    start_unanswered(bed);
    qtest_qmp_send(bed->qts, "{'execute': 'device_add', 'arguments': {"
                   "'driver': 'vfio-ccw', 'id': 'other',"
                   "'devno': 'fe.0.1235', 'x-msg-timeout': 60000,"
                   "'x-realize-timeout': 60000,"
                   "'socket': {'type': 'unix', 'path': %s}}}", socket);
    vfio_ccw_host_wait_held(host, VFIO_CCW_HOST_VERSION);

    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_START_REPLY);
    vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
    vfio_ccw_host_unhold(host, VFIO_CCW_HOST_VERSION);
    response = qtest_qmp_receive(bed->qts);
    g_assert_true(qdict_haskey(response, "return"));
    qobject_unref(response);
    expect_normal_end(bed);
    assert_usable(bed);

    vfio_ccw_host_stop(host, &error_abort);
    bed_end(bed);
}

/*
 * What a guest can do again and again, QEMU does not write down each time: it
 * would fill the log of whoever runs it.
 */

#define NO_SCHID (SCHID + 0x99)
#define CHSC_PAGE (QCSS_FREE + 0x2000)
#define CHSC_LENGTH 16

/* Of the device's path, of none, of no channel subsystem; with reserved bits */
static void reset_paths(Bed *bed)
{
    static const uint32_t paths[] = { 0x40, 0xff, 0x10000, 0xff000000 };

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        g_assert_cmpint(qcss_rchp(bed->qts, paths[i]), !=, 0);
    }
}

static void issue_with_bad_operands(Bed *bed)
{
    static const char *const insns[] = { "ssch", "msch", "stsch", "tsch" };
    static const uint32_t schids[] = { SCHID, NO_SCHID, 0 };
    static const uint64_t addrs[] = { QCSS_OPERAND + 1, 0x80000000 };

    for (size_t i = 0; i < ARRAY_SIZE(insns); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(schids); j++) {
            for (size_t k = 0; k < ARRAY_SIZE(addrs); k++) {
                g_assert_cmpint(qcss_issue_at(bed->qts, insns[i], schids[j],
                                              addrs[k]), <, 0);
            }
        }
    }
    for (uint32_t command = 0; command < 0x100; command++) {
        qtest_writel(bed->qts, CHSC_PAGE, CHSC_LENGTH << 16 | command);
        qcss_chsc(bed->qts, CHSC_PAGE);
    }
}

static void start_in_bad_ways(Bed *bed)
{
    ORB orb = noop_orb(bed);

    orb.ctrl0 |= ORB_CTRL0_MASK_SPND;
    g_assert_cmpint(qcss_ssch(bed->qts, SCHID, &orb), ==, 0);
    expect_irb(bed, SCSW_FCTL_START_FUNC | FINAL_STCTL | SCSW_STCTL_ALERT, 0,
               SCSW_CSTAT_PROG_CHECK);
    g_assert_cmpint(qcss_rsch(bed->qts, SCHID), ==, 2);

    vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_START, -EFAULT, 1);
    g_assert_cmpint(ssch(bed), ==, 0);
    expect_irb(bed, SCSW_FCTL_START_FUNC | FINAL_STCTL | SCSW_STCTL_ALERT, 0,
               SCSW_CSTAT_PROT_CHECK);
}

static void do_all_again(Bed *bed)
{
    qtest_system_reset(bed->qts);
    wait_machine_runs(bed);
    reset_paths(bed);
    issue_with_bad_operands(bed);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    start_in_bad_ways(bed);
    assert_usable(bed);
}

static void test_guest_fills_no_log(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    g_autofree char *said = record_begin();
    Bed *bed = bed_plugged(&config);
    unsigned lines;

    record_end();
    do_all_again(bed);
    lines = count_said(said, "\n");
    for (int i = 0; i < 20; i++) {
        do_all_again(bed);
    }
    g_assert_cmpuint(count_said(said, "\n"), ==, lines);
    bed_end(bed);
    unlink(said);
}

static void add_tests(void)
{
    qtest_add_func("/vfio-ccw/plug/and-unplug", test_plug_and_unplug);
    qtest_add_func("/vfio-ccw/plug/cold-is-not-reported",
                   test_cold_plug_is_not_reported);
    qtest_add_func("/vfio-ccw/plug/unplug-while-active",
                   test_unplug_while_active);
    qtest_add_func("/vfio-ccw/plug/holds-up-no-other",
                   test_plug_holds_up_no_other);
    qtest_add_func("/vfio-ccw/plug/host-must-be-said",
                   test_host_must_be_said);
    qtest_add_func("/vfio-ccw/plug/messages-say-who", test_messages_say_who);
    qtest_add_func("/vfio-ccw/plug/command-line-says-who",
                   test_command_line_says_who);
    qtest_add_func("/vfio-ccw/plug/host-stays-what-it-is",
                   test_host_stays_what_it_is);
    qtest_add_func("/vfio-ccw/plug/unrealize-while-active",
                   test_unrealize_while_active);
    qtest_add_func("/vfio-ccw/plug/host-must-be-said-once",
                   test_host_must_be_said_once);
    qtest_add_func("/vfio-ccw/plug/sysfsdev-must-exist",
                   test_sysfsdev_must_exist);
    qtest_add_func("/vfio-ccw/plug/fd-must-be-known", test_fd_must_be_known);
    qtest_add_func("/vfio-ccw/plug/fd-needs-iommufd", test_fd_needs_iommufd);
    qtest_add_func("/vfio-ccw/plug/socket-must-be-listening",
                   test_socket_must_be_listening);
    qtest_add_func("/vfio-ccw/plug/socket-must-be-unix",
                   test_socket_must_be_unix);
    qtest_add_func("/vfio-ccw/plug/socket-must-be-an-address",
                   test_socket_must_be_an_address);
    qtest_add_func("/vfio-ccw/properties/socket-can-be-read",
                   test_socket_can_be_read);
    qtest_add_func("/vfio-ccw/properties/help-lists-options",
                   test_help_lists_options);
    qtest_add_func("/vfio-ccw/properties/others-may-change",
                   test_properties_may_change);
    qtest_add_func("/vfio-ccw/host/io-region-only", test_io_region_only);
    qtest_add_func("/vfio-ccw/host/no-schib-region", test_no_schib_region);
    qtest_add_func("/vfio-ccw/host/no-crw-region", test_no_crw_region);
    qtest_add_func("/vfio-ccw/host/no-crw-region-nor-irq",
                   test_no_crw_region_nor_irq);
    qtest_add_func("/vfio-ccw/host/no-req-irq", test_no_req_irq);
    qtest_add_func("/vfio-ccw/host/no-async-region", test_no_async_region);
    qtest_add_func("/vfio-ccw/host/no-io-region-is-fatal",
                   test_no_io_region_is_fatal);
    qtest_add_func("/vfio-ccw/host/no-io-irq-is-fatal",
                   test_no_io_irq_is_fatal);
    qtest_add_func("/vfio-ccw/host/crw-region-without-irq-is-fatal",
                   test_crw_region_without_irq_is_fatal);
    qtest_add_func("/vfio-ccw/host/not-a-ccw-device-is-fatal",
                   test_not_a_ccw_device_is_fatal);
    qtest_add_func("/vfio-ccw/host/region-sizes-are-checked",
                   test_region_sizes_are_checked);
    qtest_add_func("/vfio-ccw/lost-host/is-gone", test_lost_host_is_gone);
    qtest_add_func("/vfio-ccw/lost-host/ends-an-active-start",
                   test_lost_host_ends_an_active_start);
    qtest_add_func("/vfio-ccw/lost-host/ends-an-unanswered-start",
                   test_lost_host_ends_an_unanswered_start);
    qtest_add_func("/vfio-ccw/lost-host/withdraws-a-pending-interruption",
                   test_lost_host_withdraws_a_pending_interruption);
    qtest_add_func("/vfio-ccw/request/unplugs", test_request_unplugs);
    qtest_add_func("/vfio-ccw/guest/fills-no-log", test_guest_fills_no_log);
    for (size_t i = 0; i < ARRAY_SIZE(withheld); i++) {
        g_autofree char *path = g_strdup_printf("/vfio-ccw/unplug/withheld-%s",
                                                withheld[i].test);

        qtest_add_data_func(path, &withheld[i], test_unplug_while_withheld);
    }
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
