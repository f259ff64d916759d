/*
 * QTest of vfio-ccw's realize and of a host's return, which takes the same
 * steps: each of them fails, and nothing is left
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All code below runs in the test's thread; see vfio-ccw-fixture.h.
 */

#include "qemu/osdep.h"
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "qapi/error.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"
#include "tests/vfio-ccw-host/sockets.h"
#include "vfio-ccw-fixture.h"

/* QEMU waits no longer before it tries again to have a host back. */
#define MAX_DELAY_S 32

/* No machine says hello to a host in more requests than this. */
#define MAX_REQUESTS 200

/* For its version, the device's description, and to map memory: the first */
#define REQUESTS_OF_VFIO_USER 3

#define WHO "vfio-ccw ccw0 (device fe.0.1234"

/* What a device could leave behind in QEMU */
typedef struct Belongings {
    unsigned fds;
    unsigned threads;
    unsigned blockers;          /* of migration */
} Belongings;

static unsigned count_blockers(Bed *bed)
{
    QDict *info = qtest_qmp_assert_success_ref(bed->qts,
                                               "{'execute': 'query-migrate'}");
    QList *reasons = qdict_get_qlist(info, "blocked-reasons");
    unsigned count = reasons ? qlist_size(reasons) : 0;

    qobject_unref(info);
    return count;
}

static Belongings belongings(Bed *bed)
{
    return (Belongings) {
        .fds = count_of_qemu(bed, "fd"),
        .threads = count_of_qemu(bed, "task"),
        .blockers = count_blockers(bed),
    };
}

static void assert_no_more_than(Bed *bed, Belongings before)
{
    g_assert_cmpint(count_of_qemu(bed, "fd"), ==, before.fds);
    g_assert_cmpint(count_blockers(bed), ==, before.blockers);
    wait_threads(bed, before.threads);
}

/* What a first device brings and no device takes away: threads and pools */
static Bed *bed_warm(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_unplugged(&config);

    plug(bed);
    expect_subchannel_report(bed);
    qtest_qmp_device_del(bed->qts, "ccw0");
    expect_subchannel_report(bed);
    return bed;
}

static QDict *ask_for_device(Bed *bed, QDict *way)
{
    QDict *arguments = qdict_clone_shallow(way);

    qdict_put_str(arguments, "driver", "vfio-ccw");
    qdict_put_str(arguments, "id", "ccw0");
    qdict_put_str(arguments, "devno", "fe.0.1234");
    return qtest_qmp(bed->qts, "{'execute': 'device_add', 'arguments': %p}",
                     arguments);
}

static void assert_nothing_left(Bed *bed, Belongings before)
{
    CRW crw;

    assert_unplugged(bed);
    g_assert_false(qcss_dequeue_crw_mchk(bed->qts));
    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 1);
    assert_no_more_than(bed, before);
}

/* The answer to ask_for_device(), which this frees */
static void assert_failed(Bed *bed, QDict *answer, const char *why,
                          Belongings before)
{
    QDict *error = qdict_get_qdict(answer, "error");
    const char *text;

    g_assert_nonnull(error);
    text = qdict_get_str(error, "desc");
    g_test_message("%s", text);
    g_assert_true(g_str_has_prefix(text, WHO));
    g_assert_nonnull(strstr(text, why));
    qobject_unref(answer);
    assert_nothing_left(bed, before);
}

/* Not only the device has a name, but also who was asked for it. */
static void assert_names_host(Bed *bed, const QDict *answer)
{
    QDict *error = qdict_get_qdict(answer, "error");

    g_assert_nonnull(error);
    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), bed->socket));
}

static void assert_plugged_and_usable(Bed *bed)
{
    expect_usable(bed);
    qtest_qmp_device_del(bed->qts, "ccw0");
    expect_subchannel_report(bed);
}

/* Realize's requests are those that come before the reset of the new device */
static unsigned count_requests(Bed *bed)
{
    unsigned count;

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_RESET);
    vfio_ccw_host_refuse(bed->host, MAX_REQUESTS, -EPERM);
    plug(bed);
    vfio_ccw_host_wait_held(bed->host, VFIO_CCW_HOST_RESET);
    count = MAX_REQUESTS - vfio_ccw_host_refuse(bed->host, 0, 0) - 1;
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_RESET);
    assert_plugged_and_usable(bed);
    return count;
}

/*
 * The host refuses the first request, the second of another try, and so on.
 * That the device can be had without one of them is no fault, if it works.
 */
static void test_each_request_is_refused(void)
{
    Bed *bed = bed_warm();
    unsigned requests = count_requests(bed);
    unsigned fds = count_of_qemu(bed, "fd");
    QDict *way = device_arguments(bed);
    unsigned failed = 0;

    for (unsigned nth = 1; nth <= requests; nth++) {
        /* A device that worked leaves workers for the next. */
        Belongings before = belongings(bed);
        QDict *answer;

        vfio_ccw_host_refuse(bed->host, nth, -EPERM);
        answer = ask_for_device(bed, way);
        g_assert_cmpint(vfio_ccw_host_refuse(bed->host, 0, 0), ==, 0);
        if (nth <= REQUESTS_OF_VFIO_USER) {
            assert_names_host(bed, answer);
        }
        if (qdict_haskey(answer, "error")) {
            assert_failed(bed, answer, strerror(EPERM), before);
            failed++;
        } else {
            qobject_unref(answer);
            assert_plugged_and_usable(bed);
        }
    }

    g_test_message("%u requests, %u indispensable", requests, failed);
    g_assert_cmpint(failed, >=, 8);
    g_assert_cmpint(count_of_qemu(bed, "fd"), ==, fds);
    qobject_unref(way);
    bed_end(bed);
}

static bool has_fd(Bed *bed, unsigned fd)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fd/%u",
                                            qtest_pid(bed->qts), fd);

    return g_file_test(path, G_FILE_TEST_IS_SYMLINK);
}

/* QEMU can have @room file descriptors beside those that it has. */
static void limit_fds(Bed *bed, unsigned room)
{
    struct rlimit limit;
    rlim_t number = 0;

    while (has_fd(bed, number) || room--) {
        number++;
    }
    g_assert_cmpint(prlimit(qtest_pid(bed->qts), RLIMIT_NOFILE, NULL, &limit),
                    ==, 0);
    limit.rlim_cur = number;
    g_assert_cmpint(prlimit(qtest_pid(bed->qts), RLIMIT_NOFILE, &limit, NULL),
                    ==, 0);
}

/* One more device, so that what all devices share is there and stays. */
static VfioCcwHost *plug_companion(Bed *bed)
{
    VfioCcwHost *host = plug_another(bed, 0, vfio_ccw_host_default_config());
    CRW crw;

    qcss_wait_crw_mchk(bed->qts);
    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 0);
    g_assert_cmphex(crw.rsid, ==, (SCHID & 0xffff) + 1);
    g_assert_cmpint(qcss_stcrw(bed->qts, &crw), ==, 1);
    return host;
}

static void end_companion(VfioCcwHost *companion)
{
    if (companion) {
        vfio_ccw_host_stop(companion, &error_abort);
    }
}

#define ALONE GINT_TO_POINTER(true)

/* The socket, and what tells of interrupts */
#define LEAST_ROOM (1 + VFIO_CCW_NUM_IRQS)

/* There is room for none that it needs, for one, until it is enough. */
static void test_each_descriptor_is_refused(const void *alone)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_plugged(&config);
    VfioCcwHost *companion = alone ? NULL : plug_companion(bed);
    QDict *way = device_arguments(bed);
    Belongings before;
    unsigned room = 0;
    QDict *answer;

    qtest_qmp_device_del(bed->qts, "ccw0");
    expect_subchannel_report(bed);
    before = belongings(bed);
    limit_fds(bed, 0);
    while (qdict_haskey(answer = ask_for_device(bed, way), "error")) {
        assert_failed(bed, answer, strerror(EMFILE), before);
        limit_fds(bed, ++room);
    }
    qobject_unref(answer);
    limit_fds(bed, UINT8_MAX);
    g_test_message("%u file descriptors", room);
    g_assert_cmpint(room, >=, LEAST_ROOM);
    assert_plugged_and_usable(bed);
    qobject_unref(way);
    end_companion(companion);
    bed_end(bed);
}

/* QEMU tries to have the host back, and is done with that. */
static void try_to_return(Bed *bed, unsigned fds_of_none)
{
    int64_t deadline = qcss_deadline();

    qtest_clock_step(bed->qts, MAX_DELAY_S * NS_PER_S);
    while (is_lost(bed) && count_of_qemu(bed, "fd") != fds_of_none) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
}

/* The same when a device is to have its host back */
static void test_each_descriptor_of_a_return_is_refused(const void *alone)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Bed *bed = bed_enabled_with(&config);
    VfioCcwHost *companion = alone ? NULL : plug_companion(bed);
    unsigned room = 0;
    unsigned fds;

    bed_stop_host(bed);
    expect_gone(bed);
    qtest_clock_step(bed->qts, MAX_DELAY_S * NS_PER_S);
    fds = count_of_qemu(bed, "fd");
    bed_start_host(bed, &config);
    limit_fds(bed, 0);
    while (try_to_return(bed, fds), is_lost(bed)) {
        limit_fds(bed, ++room);
    }
    limit_fds(bed, UINT8_MAX);
    g_test_message("%u file descriptors", room);
    g_assert_cmpint(room, >=, LEAST_ROOM);
    assert_plugged_and_usable(bed);
    end_companion(companion);
    bed_end(bed);
}

/* The request arrives, but the host's driver cannot do what it asks for. */
static void test_no_schib_can_be_read(void)
{
    Bed *bed = bed_warm();
    Belongings before = belongings(bed);
    QDict *way = device_arguments(bed);

    vfio_ccw_host_answer(bed->host, VFIO_CCW_HOST_SCHIB_READ, -ENODEV, 1);
    assert_failed(bed, ask_for_device(bed, way), strerror(ENODEV), before);
    plug(bed);
    assert_plugged_and_usable(bed);
    qobject_unref(way);
    bed_end(bed);
}

/*
 * Servers that are stuck, somebody else's, or forbidden. What a user can do
 * about them is in the error itself: hints do not come over QMP.
 */

static QDict *impatient_arguments(Bed *bed)
{
    QDict *way = device_arguments(bed);

    qdict_put_int(way, "x-msg-timeout", HOURS_MS);
    qdict_del(way, "x-realize-timeout");
    return way;
}

/* The default is what the documentation promises: 500 ms, not hours. */
static void test_stuck_server(void)
{
    Bed *bed = bed_warm();
    Belongings before = belongings(bed);
    QDict *way = impatient_arguments(bed);

    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_VERSION);
    assert_failed(bed, ask_for_device(bed, way),
                  "the server has not answered within 500 ms: it is stuck, or "
                  "in use by another client", before);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_VERSION);
    plug(bed);
    assert_plugged_and_usable(bed);
    qobject_unref(way);
    bed_end(bed);
}

/* The server hangs up on the second client, and it is not waited for. */
static void test_server_in_use(void)
{
    Bed *bed = bed_warm();
    Belongings before = belongings(bed);
    QDict *way = device_arguments(bed);
    QIOChannel *other = host_connect(bed->socket, &error_abort);

    qdict_put_int(way, "x-msg-timeout", HOURS_MS);
    qdict_put_int(way, "x-realize-timeout", HOURS_MS);
    for (int i = 0; i < 3; i++) {
        assert_failed(bed, ask_for_device(bed, way),
                      "in use by another client", before);
    }
    object_unref(OBJECT(other));
    plug(bed);
    assert_plugged_and_usable(bed);
    qobject_unref(way);
    bed_end(bed);
}

static int connect_now(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    g_assert_cmpint(fd, >=, 0);
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
        g_assert_cmpint(errno, ==, EAGAIN);
        close(fd);
        return -1;
    }
    return fd;
}

/* One that accepts nobody, and has as many in its queue as fit there */
static void test_server_with_a_full_queue(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    Bed *bed = bed_warm();
    Belongings before = belongings(bed);
    g_autofree char *path = g_build_filename(bed->dir, "full", NULL);
    g_autoptr(GArray) clients = g_array_new(false, false, sizeof(int));
    QDict *way = device_arguments(bed);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    int fd;

    g_assert_cmpuint(strlen(path), <, sizeof(address.sun_path));
    strcpy(address.sun_path, path);
    g_assert_cmpint(bind(listener, (struct sockaddr *)&address,
                         sizeof(address)), ==, 0);
    g_assert_cmpint(listen(listener, 1), ==, 0);
    while ((fd = connect_now(&address)) >= 0) {
        g_array_append_val(clients, fd);
    }
    qdict_put(way, "socket",
              qdict_from_jsonf_nofail("{'type': 'unix', 'path': %s}", path));
    assert_failed(bed, ask_for_device(bed, way),
                  "the server accepts no further client", before);
    for (unsigned i = 0; i < clients->len; i++) {
        close(g_array_index(clients, int, i));
    }
    close(listener);
    unlink(path);
    qobject_unref(way);
    bed_end(bed);
}

static void test_no_server(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    Bed *bed = bed_warm();
    Belongings before = belongings(bed);
    QDict *way = device_arguments(bed);
    int fd;

    bed_stop_host(bed);
    assert_failed(bed, ask_for_device(bed, way),
                  "No such file or directory; no server has made that socket",
                  before);

    /* Nor is there one where a server has left its socket behind. */
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(address.sun_path, bed->socket);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)),
                    ==, 0);
    close(fd);
    assert_failed(bed, ask_for_device(bed, way),
                  "Connection refused; no server listens there", before);
    unlink(bed->socket);
    qobject_unref(way);
    bed_end(bed);
}

/*
 * Nobody is refused anything who is root: QEMU is somebody else then, whom the
 * test lets at its directory.
 */
#define NOBODY 65534

static Bed *bed_of_another_user(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    g_autofree char *args = g_strdup_printf(MACHINE_ARGS "%s", geteuid() ? "" :
                                            "-run-with user=65534:65534");
    Bed *bed = bed_new();

    bed_start_host(bed, &config);
    g_assert_cmpint(chmod(bed->dir, 0711), ==, 0);
    bed->qts = qcss_init(args);
    return bed;
}

static void forbid(Bed *bed)
{
    g_assert_cmpint(chmod(bed->socket, 0), ==, 0);
}

static void allow(Bed *bed)
{
    g_assert_cmpint(chmod(bed->socket, 0666), ==, 0);
}

static void test_forbidden_server(void)
{
    Bed *bed = bed_of_another_user();
    Belongings before = belongings(bed);
    QDict *way = device_arguments(bed);
    g_autofree char *who = g_strdup_printf("Permission denied; QEMU (user %u",
                                           geteuid() ?: NOBODY);

    forbid(bed);
    assert_failed(bed, ask_for_device(bed, way), who, before);
    assert_failed(bed, ask_for_device(bed, way),
                  "needs the right to write to the socket", before);
    allow(bed);
    plug(bed);
    assert_plugged_and_usable(bed);
    qobject_unref(way);
    bed_end(bed);
}

/* Each attempt fails, for a reason that does not pass: that is said once. */
static void test_forbidden_return(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    g_autofree char *said = record_begin();
    Bed *bed = bed_of_another_user();
    unsigned fds;

    record_end();
    allow(bed);
    plug(bed);
    expect_usable(bed);
    bed_stop_host(bed);
    expect_gone(bed);
    qtest_clock_step(bed->qts, MAX_DELAY_S * NS_PER_S);
    fds = count_of_qemu(bed, "fd");
    bed_start_host(bed, &config);
    forbid(bed);
    for (int i = 0; i < 4; i++) {
        try_to_return(bed, fds);
    }
    g_assert_cmpuint(count_said(said, "cannot have the host back"), ==, 1);
    g_assert_cmpuint(count_said(said, "needs the right to write"), ==, 1);
    allow(bed);
    wait_returned(bed);
    expect_usable(bed);
    bed_end(bed);
    unlink(said);
}

static void test_timeouts(void)
{
    static const char *const names[] = { "x-msg-timeout", "x-realize-timeout" };
    Bed *bed = bed_warm();
    QDict *most = device_arguments(bed);

    for (int i = 0; i < ARRAY_SIZE(names); i++) {
        Belongings before = belongings(bed);
        QDict *none = device_arguments(bed);

        qdict_put_int(none, names[i], 0);
        assert_failed(bed, ask_for_device(bed, none), names[i], before);
        qobject_unref(none);
        qdict_put_int(most, names[i], UINT32_MAX);
    }
    plug_with(bed, most);
    assert_plugged_and_usable(bed);
    bed_end(bed);
}

/*
 * File descriptors: no kernel is behind these, but the one that is refused is
 * the ioctl, and nothing before.
 */

static void add_iommufd(Bed *bed)
{
    pass_fd(bed, "iommufd");
    qtest_qmp_assert_success(bed->qts, "{'execute': 'object-add', 'arguments':"
                             "{'qom-type': 'iommufd', 'id': 'iommufd0',"
                             "'fd': 'iommufd'}}");
}

static QDict *fd_of(const char *name)
{
    return qdict_from_jsonf_nofail("{'iommufd': 'iommufd0', 'fd': %s}", name);
}

static void test_fd_alone_is_enough(void)
{
    Bed *bed = bed_warm();
    QDict *way = fd_of("device");
    Belongings before;

    add_iommufd(bed);
    before = belongings(bed);
    for (unsigned round = 0; round < 2; round++) {
        pass_fd(bed, "device");
        assert_failed(bed, ask_for_device(bed, way), "error bind device",
                      before);
    }
    qobject_unref(way);
    bed_end(bed);
}

static void test_fd_without_iommufd(void)
{
    Bed *bed = bed_warm();
    Belongings before = belongings(bed);
    QDict *way = qdict_from_jsonf_nofail("{'fd': 'device'}");

    pass_fd(bed, "device");
    assert_failed(bed, ask_for_device(bed, way), "iommufd", before);
    qobject_unref(way);
    bed_end(bed);
}

static void test_fd_and_socket(void)
{
    Bed *bed = bed_warm();
    Belongings before = belongings(bed);
    QDict *way = device_arguments(bed);

    qdict_put_str(way, "fd", "device");
    pass_fd(bed, "device");
    assert_failed(bed, ask_for_device(bed, way), "more than one", before);
    qobject_unref(way);
    bed_end(bed);
}

/* One device comes over a socket, another is to come through iommufd. */
static void test_devices_of_two_kinds(void)
{
    Bed *bed = bed_warm();
    QDict *error;
    unsigned fds;

    plug(bed);
    expect_subchannel_report(bed);
    add_iommufd(bed);
    fds = count_of_qemu(bed, "fd");
    pass_fd(bed, "device");
    error = qtest_qmp_assert_failure_ref(bed->qts, "{'execute': 'device_add',"
                                         "'arguments': {'driver': 'vfio-ccw',"
                                         "'id': 'ccw1', 'devno': 'fe.0.1235',"
                                         "'iommufd': 'iommufd0',"
                                         "'fd': 'device'}}");
    g_test_message("%s", qdict_get_str(error, "desc"));
    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), "vfio-ccw ccw1"));
    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), bed->socket));
    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), "the same way"));
    qobject_unref(error);
    g_assert_cmpint(count_of_qemu(bed, "fd"), ==, fds);
    g_assert_cmphex(qcss_find(bed->qts, DEVNO + 1), ==, 0);

    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    assert_usable(bed);
    bed_end(bed);
}

static void add_tests(void)
{
    qtest_add_func("/vfio-ccw/realize/no-schib-can-be-read",
                   test_no_schib_can_be_read);
    qtest_add_func("/vfio-ccw/realize/stuck-server", test_stuck_server);
    qtest_add_func("/vfio-ccw/realize/server-in-use", test_server_in_use);
    qtest_add_func("/vfio-ccw/realize/server-with-a-full-queue",
                   test_server_with_a_full_queue);
    qtest_add_func("/vfio-ccw/realize/no-server", test_no_server);
    qtest_add_func("/vfio-ccw/realize/forbidden-server", test_forbidden_server);
    qtest_add_func("/vfio-ccw/realize/time-outs", test_timeouts);
    qtest_add_func("/vfio-ccw/return/forbidden-server", test_forbidden_return);
    qtest_add_func("/vfio-ccw/realize/fd-alone-is-enough",
                   test_fd_alone_is_enough);
    qtest_add_func("/vfio-ccw/realize/fd-without-iommufd",
                   test_fd_without_iommufd);
    qtest_add_func("/vfio-ccw/realize/fd-and-socket", test_fd_and_socket);
    qtest_add_func("/vfio-ccw/realize/devices-of-two-kinds",
                   test_devices_of_two_kinds);
    qtest_add_func("/vfio-ccw/realize/each-request-is-refused",
                   test_each_request_is_refused);
    qtest_add_data_func("/vfio-ccw/realize/each-descriptor-is-refused",
                        NULL, test_each_descriptor_is_refused);
    qtest_add_data_func("/vfio-ccw/realize/first-has-no-descriptors",
                        ALONE, test_each_descriptor_is_refused);
    qtest_add_data_func("/vfio-ccw/return/each-descriptor-is-refused",
                        NULL, test_each_descriptor_of_a_return_is_refused);
    qtest_add_data_func("/vfio-ccw/return/only-one-has-no-descriptors",
                        ALONE, test_each_descriptor_of_a_return_is_refused);
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
