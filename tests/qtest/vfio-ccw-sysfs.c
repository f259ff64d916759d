/*
 * What sysfs has of a host's vfio-ccw devices, for an interposed kernel
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * See vfio-ccw-sysfs.h.
 */

#include "qemu/osdep.h"
#include <glib/gstdio.h>
#include <sys/sysmacros.h>
#include "vfio-ccw-sysfs.h"

#define FICON "1b\n"
/* QEMU tells devices apart by their UUIDs. */
#define UUID_FORMAT "7e270a25-e163-4922-af60-757fc8ed%04x"

static void make_directory(const char *path)
{
    g_assert_cmpint(g_mkdir_with_parents(path, 0700), ==, 0);
}

static void make_link(const char *dir, const char *name, const char *target)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    g_remove(path);
    g_assert_cmpint(symlink(target, path), ==, 0);
}

static void make_file(const char *dir, const char *name, const char *contents)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    g_assert_true(g_file_set_contents(path, contents, -1, NULL));
}

static char *subchannel_directory(const char *dir, const char *top,
                                  unsigned number)
{
    return g_strdup_printf("%s/%s/0.0.%04x", dir, top, number);
}

static void add_subchannel(const char *dir, unsigned number, const PMCW *pmcw)
{
    g_autofree char *css = subchannel_directory(dir, "css", number);
    g_autofree char *masks = g_strdup_printf("%02x %02x %02x\n", pmcw->pim,
                                             pmcw->pam, pmcw->pom);
    g_autoptr(GString) chpids = g_string_new(NULL);

    /* Linux shows only the paths that are installed. */
    for (int i = 0; i < ARRAY_SIZE(pmcw->chpid); i++) {
        uint8_t chpid = pmcw->pim & (0x80 >> i) ? pmcw->chpid[i] : 0;
        g_autofree char *path = g_strdup_printf("%s/css/chp0.%02x", dir, chpid);

        make_directory(path);
        make_file(path, "type", FICON);
        g_string_append_printf(chpids, "%02x ", chpid);
    }
    make_directory(css);
    make_file(css, "pimpampom", masks);
    make_file(css, "chpids", chpids->str);
}

/* The interposed kernel's files have the device number of /dev/null. */
static void add_cdev(const char *device, unsigned number)
{
    g_autofree char *vfio = g_strdup_printf("%s/vfio-dev/vfio%u", device,
                                            number);
    g_autofree char *dev = NULL;
    struct stat st;

    g_assert_cmpint(stat("/dev/null", &st), ==, 0);
    dev = g_strdup_printf("%u:%u\n", major(st.st_rdev), minor(st.st_rdev));
    make_directory(vfio);
    make_file(vfio, "dev", dev);
}

char *sysfs_device(const char *dir, unsigned number)
{
    g_autofree char *subchannel = subchannel_directory(dir, "devices", number);
    g_autofree char *uuid = g_strdup_printf(UUID_FORMAT, number);

    return g_build_filename(subchannel, uuid, NULL);
}

void sysfs_add_device(const char *dir, unsigned number, const char *socket,
                      const PMCW *pmcw)
{
    g_autofree char *device = sysfs_device(dir, number);
    g_autofree char *name = g_strdup_printf("%u", number);
    g_autofree char *group = g_strdup_printf("../../groups/%u", number);

    make_directory(device);
    make_link(dir, name, socket);
    make_link(device, "iommu_group", group);
    make_link(device, "subsystem", "/sys/bus/mdev");
    add_cdev(device, number);
    add_subchannel(dir, number, pmcw);
}

void sysfs_remove(const char *path)
{
    g_autoptr(GDir) dir = NULL;
    const char *name;

    if (!g_file_test(path, G_FILE_TEST_IS_SYMLINK)) {
        dir = g_dir_open(path, 0, NULL);
    }
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *entry = g_build_filename(path, name, NULL);

        sysfs_remove(entry);
    }
    g_remove(path);
}
