/*
 * Test of the emulated vfio_ccw host driver against the record of Linux's own
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The conformance script (tests/vfio-ccw-conformance/script) is played on the
 * emulated driver, once. Its record must be that of a real kernel
 * (linux.record), but for what is listed, with its reason, in "differences";
 * and what is listed there must still differ. There is a test for each
 * section of the script.
 *
 * VFIO_CCW_CONFORMANCE_PRINT=1 prints the emulated driver's record instead.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "tests/vfio-ccw-conformance/emulated.h"
#include "tests/vfio-ccw-conformance/script.h"

static char *data_path(const char *name)
{
    return g_test_build_filename(G_TEST_DIST, "..", "vfio-ccw-conformance",
                                 name, NULL);
}

static char **data_lines(const char *name)
{
    g_autofree char *path = data_path(name);
    g_autofree char *text = NULL;
    g_autoptr(GError) err = NULL;

    g_file_get_contents(path, &text, NULL, &err);
    g_assert_no_error(err);
    return g_strsplit(text, "\n", 0);
}

static bool play(void *opaque, const char *step,
                 char result[VFIO_PLAYER_RESULT], Error **errp)
{
    emulated_play(opaque, step, result);
    return true;
}

static char *play_script(void)
{
    g_autofree char *path = data_path("script");
    ConformanceDevices *devices = conformance_devices_new(false, &error_abort);
    Emulated *emulated = emulated_new(devices);
    char *record = conformance_script_play(path, devices, play, emulated,
                                           &error_abort);

    emulated_free(emulated);
    conformance_devices_free(devices);
    return record;
}

/* The lines of a section, or NULL */
static char **find_section(char **record, const char *name)
{
    g_autofree char *title = g_strdup_printf("[%s]", name);

    for (; *record; record++) {
        if (g_str_equal(*record, title)) {
            return record + 1;
        }
    }
    return NULL;
}

static bool section_ends(char **lines)
{
    return !lines || !*lines || **lines == '\0' || **lines == '[';
}

/*
 * The list of differences: a group "SECTION NUMBER" for each step that
 * differs, of those counted from 1 on in their section. NULL if there is none
 * for this step.
 */
static const char *known_reason(GKeyFile *known, const char *group,
                                const char *kernel, const char *emulated)
{
    g_autofree char *a = g_key_file_get_string(known, group, "linux", NULL);
    g_autofree char *b = g_key_file_get_string(known, group, "emulated", NULL);
    g_autofree char *reason = g_key_file_get_string(known, group, "reason",
                                                    NULL);

    return reason && *reason && g_strcmp0(a, kernel) == 0 &&
           g_strcmp0(b, emulated) == 0 ? g_intern_string(reason) : NULL;
}

static void check_step(GKeyFile *known, const char *section, unsigned number,
                       const char *kernel, const char *emulated)
{
    g_autofree char *group = g_strdup_printf("%s %u", section, number);
    const char *reason = known_reason(known, group, kernel, emulated);

    if (g_str_equal(kernel, emulated)) {
        if (g_key_file_has_group(known, group)) {
            g_test_message("[%s] is listed, and does not differ", group);
            g_test_fail();
        }
        return;
    }
    if (!reason) {
        g_test_message("[%s]", group);
        g_test_message("linux=%s", kernel);
        g_test_message("emulated=%s", emulated);
        g_test_fail();
        return;
    }
    g_key_file_remove_group(known, group, NULL);
}

/* What is left of the list is about steps that there are not */
static void check_stale(GKeyFile *known, const char *section)
{
    g_auto(GStrv) groups = g_key_file_get_groups(known, NULL);
    g_autofree char *prefix = g_strdup_printf("%s ", section);

    for (char **group = groups; *group; group++) {
        if (g_str_has_prefix(*group, prefix)) {
            g_test_message("[%s] is listed, and does not occur", *group);
            g_test_fail();
        }
    }
}

static GKeyFile *load_known(void)
{
    g_autofree char *path = data_path("differences");
    g_autoptr(GKeyFile) known = g_key_file_new();
    g_autoptr(GError) err = NULL;

    g_key_file_load_from_file(known, path, G_KEY_FILE_NONE, &err);
    g_assert_no_error(err);
    return g_steal_pointer(&known);
}

typedef struct Records {
    char **kernel;
    char **emulated;        /* when the first test has played the script */
} Records;

static Records records;

static void test_section(const void *opaque)
{
    const char *section = opaque;
    g_autoptr(GKeyFile) known = load_known();
    char **kernel = find_section(records.kernel, section);
    char **emulated;

    if (!records.emulated) {
        g_autofree char *text = play_script();

        records.emulated = g_strsplit(text, "\n", 0);
    }
    emulated = find_section(records.emulated, section);
    for (unsigned i = 1; !section_ends(kernel) && !section_ends(emulated);
         i++, kernel++, emulated++) {
        check_step(known, section, i, *kernel, *emulated);
    }
    if (!section_ends(kernel) || !section_ends(emulated)) {
        g_test_message("[%s]: the record of Linux is of another script; "
                       "record it again", section);
        g_test_fail();
    }
    check_stale(known, section);
}

static void add_sections(char **record)
{
    for (; *record; record++) {
        g_autofree char *section = g_strdup(*record);
        g_autofree char *path = NULL;

        if (*section != '[') {
            continue;
        }
        section[strlen(section) - 1] = '\0';
        path = g_strdup_printf("/vfio-ccw-host/conformance/%s", section + 1);
        g_test_add_data_func(path, g_intern_string(section + 1),
                             test_section);
    }
}

int main(int argc, char **argv)
{
    int ret;

    signal(SIGPIPE, SIG_IGN);
    g_test_init(&argc, &argv, NULL);
    if (g_getenv("VFIO_CCW_CONFORMANCE_PRINT")) {
        g_autofree char *record = play_script();

        fputs(record, stdout);
        return EXIT_SUCCESS;
    }
    records.kernel = data_lines("linux.record");
    add_sections(records.kernel);
    ret = g_test_run();
    g_strfreev(records.kernel);
    g_strfreev(records.emulated);
    return ret;
}
