/*
 * L1: the Linux under test, seen by a test that runs on it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * See l1.h. The paths are those of Linux's ABI documentation.
 */

#include "qemu/osdep.h"
#include "tests/qtest/libqtest.h"
#include "l1.h"

#define CSS_DEVICES  "/sys/bus/css/devices"
#define CCW_DEVICES  "/sys/bus/ccw/devices"
#define MDEV_DEVICES "/sys/bus/mdev/devices"
#define CIO_DEBUG    "/sys/kernel/debug/s390/cio"
#define PORTS        "/sys/class/virtio-ports"

/* Any will do; it ends with the device's number. */
#define UUID_BEGIN "83b8f4f2-509f-382f-3c1e-e6bfe0fa"

/* sysfs takes what one write() brings. */
static bool try_put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0) {
        return false;
    }
    n = write(fd, text, strlen(text));
    close(fd);
    return n == strlen(text);
}

static void put(const char *path, const char *text)
{
    if (!try_put(path, text)) {
        g_error("cannot write '%s' to %s: %s", text, path, strerror(errno));
    }
}

/* What the last component of what a link leads to is called, or NULL */
static char *link_target(const char *path)
{
    g_autofree char *target = g_file_read_link(path, NULL);

    return target ? g_path_get_basename(target) : NULL;
}

static char *subchannel_of(const char *devno)
{
    g_autoptr(GDir) dir = g_dir_open(CSS_DEVICES, 0, NULL);
    const char *name;

    g_assert_nonnull(dir);
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(CSS_DEVICES, name,
                                                 "dev_busid", NULL);
        g_autofree char *busid = NULL;

        if (g_file_get_contents(path, &busid, NULL, NULL) &&
            g_str_equal(g_strstrip(busid), devno)) {
            return g_strdup(name);
        }
    }
    return NULL;
}

bool l1_has_device(const char *devno)
{
    g_autofree char *subchannel = subchannel_of(devno);

    return subchannel != NULL;
}

static void bind_to_vfio_ccw(const char *subchannel)
{
    g_autofree char *device = g_build_filename(CSS_DEVICES, subchannel, NULL);
    g_autofree char *override = g_build_filename(device, "driver_override",
                                                 NULL);
    g_autofree char *driver = g_build_filename(device, "driver", NULL);
    g_autofree char *unbind = g_build_filename(driver, "unbind", NULL);
    g_autofree char *bound = link_target(driver);

    if (g_strcmp0(bound, "vfio_ccw") == 0) {
        return;
    }
    put(override, "vfio_ccw");
    if (bound) {
        put(unbind, subchannel);
    }
    put("/sys/bus/css/drivers_probe", subchannel);
}

bool l1_subchannel_exists(L1Mdev *mdev)
{
    return g_file_test(mdev->home, G_FILE_TEST_EXISTS);
}

bool l1_mdev_exists(L1Mdev *mdev)
{
    return g_file_test(mdev->path, G_FILE_TEST_EXISTS);
}

static void *remove_mdev(void *path)
{
    g_autofree char *remove = path;

    try_put(remove, "1");
    return NULL;
}

GThread *l1_mdev_begin_remove(L1Mdev *mdev)
{
    return g_thread_new("remove", remove_mdev,
                        g_build_filename(mdev->path, "remove", NULL));
}

static void remove_if_there(L1Mdev *mdev)
{
    if (l1_mdev_exists(mdev)) {
        g_thread_join(l1_mdev_begin_remove(mdev));
    }
}

/*
 * A test that fails is not to leave anything withheld: its QEMU could not end
 * before Linux has stopped the device.
 */
static void unhold_everything(void *unused)
{
    for (int step = 0; step < VFIO_CCW_HOST_NR_STEPS; step++) {
        l1_host_unhold(step);
    }
}

/* What a test that failed has left behind */
static void clean_up(L1Mdev *mdev)
{
    unhold_everything(NULL);
    remove_if_there(mdev);
}

L1Mdev *l1_mdev_new(const char *devno)
{
    L1Mdev *mdev = g_new0(L1Mdev, 1);
    g_autofree char *uuid = g_strconcat(UUID_BEGIN, strrchr(devno, '.') + 1,
                                        NULL);
    g_autofree char *create = NULL;
    g_autofree char *link = NULL;

    mdev->subchannel = subchannel_of(devno);
    g_assert_nonnull(mdev->subchannel);
    link = g_build_filename(CSS_DEVICES, mdev->subchannel, NULL);
    mdev->home = realpath(link, NULL);
    mdev->path = g_build_filename(MDEV_DEVICES, uuid, NULL);
    bind_to_vfio_ccw(mdev->subchannel);
    clean_up(mdev);
    create = g_build_filename(CSS_DEVICES, mdev->subchannel,
                              "mdev_supported_types/vfio_ccw-io/create", NULL);
    put(create, uuid);
    return mdev;
}

void l1_mdev_free(L1Mdev *mdev)
{
    remove_if_there(mdev);
    g_free(mdev->subchannel);
    free(mdev->home);
    g_free(mdev->path);
    g_free(mdev);
}

int l1_mdev_open_cdev(L1Mdev *mdev)
{
    g_autofree char *devices = g_build_filename(mdev->path, "vfio-dev", NULL);
    g_autoptr(GDir) dir = g_dir_open(devices, 0, NULL);
    g_autofree char *path = NULL;
    int fd;

    g_assert_nonnull(dir);
    path = g_build_filename("/dev/vfio/devices", g_dir_read_name(dir), NULL);
    fd = open(path, O_RDWR);
    g_assert_cmpint(fd, >=, 0);
    return fd;
}

void l1_inject_crw(unsigned rsc, unsigned erc, unsigned rsid)
{
    /* solicited, overflow, chained, source, ancillary, code, id */
    g_autofree char *crw = g_strdup_printf("0 0 0 %x 0 %x %x", rsc, erc, rsid);

    put(CIO_DEBUG "/enable_inject", "1");
    put(CIO_DEBUG "/crw_inject", crw);
}

static int open_port(const char *wanted)
{
    g_autoptr(GDir) dir = g_dir_open(PORTS, 0, NULL);
    const char *port;

    while (dir && (port = g_dir_read_name(dir))) {
        g_autofree char *file = g_build_filename(PORTS, port, "name", NULL);
        g_autofree char *device = g_build_filename("/dev", port, NULL);
        g_autofree char *name = NULL;

        if (g_file_get_contents(file, &name, NULL, NULL) &&
            g_str_equal(g_strstrip(name), wanted)) {
            int fd = open(device, O_RDWR | O_CLOEXEC);

            g_assert_cmpint(fd, >=, 0);
            return fd;
        }
    }
    g_error("L1 has no virtio-serial port named %s", wanted);
}

static void write_all(int fd, const char *text)
{
    g_assert_cmpint(write(fd, text, strlen(text)), ==, strlen(text));
}

void l1_monitor(const char *command)
{
    g_autofree char *line = g_strconcat(command, "\n", NULL);
    int fd = open_port("monitor");

    write_all(fd, line);
    close(fd);
}

/* The number that the host tells, 0 if none */
static unsigned G_GNUC_PRINTF(1, 2) host(const char *format, ...)
{
    static int fd = -1;
    g_autofree char *line = NULL;
    char answer[32] = "";
    unsigned number = 0;
    va_list args;

    if (fd < 0) {
        fd = open_port("host");
    }
    va_start(args, format);
    line = g_strdup_vprintf(format, args);
    va_end(args);
    write_all(fd, line);
    for (int i = 0; !strchr(answer, '\n'); i++) {
        g_assert_cmpint(i, <, sizeof(answer) - 1);
        g_assert_cmpint(read(fd, answer + i, 1), ==, 1);
    }
    g_assert_true(g_str_has_prefix(answer, "ok"));
    sscanf(answer, "ok %u", &number);
    return number;
}

void l1_host_hold(VfioCcwHostStep step)
{
    static bool prepared;

    if (!prepared) {
        /* Before libqtest's own, which waits for QEMU */
        qtest_add_abrt_handler(unhold_everything, NULL);
        prepared = true;
    }
    host("hold %d\n", step);
}

void l1_host_wait_held(VfioCcwHostStep step)
{
    host("wait_held %d\n", step);
}

void l1_host_release(VfioCcwHostStep step)
{
    host("release %d\n", step);
}

void l1_host_unhold(VfioCcwHostStep step)
{
    host("unhold %d\n", step);
}

void l1_host_present_status(uint8_t dstat, uint8_t cstat, uint16_t count)
{
    host("present_status %u %u %u\n", dstat, cstat, count);
}

void l1_host_present_alert(uint8_t dstat)
{
    host("present_alert %u\n", dstat);
}

void l1_host_disconnect(void)
{
    host("disconnect\n");
}

unsigned l1_host_count(VfioCcwHostCounter counter)
{
    return host("count %d\n", counter);
}
