/*
 * The vfio-ccw conformance script: from its file to a record
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Steps about the devices are carried out here, whatever driver is tried; all
 * others are left to the caller.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "script.h"

static bool play_step(const char *step, ConformanceDevices *devices,
                      ConformancePlay *play, void *opaque, GString *record,
                      Error **errp)
{
    char result[VFIO_PLAYER_RESULT] = "";

    g_string_append(record, step);
    if (strstart(step, "device ", NULL)) {
        if (!conformance_devices_play(devices, step, errp)) {
            return false;
        }
    } else if (!play(opaque, step, result, errp)) {
        return false;
    }
    if (strstart(result, "error", NULL)) {
        error_setg(errp, "'%s': %s", step, result);
        return false;
    }
    g_strstrip(result);
    if (*result) {
        g_string_append_printf(record, " = %s", result);
    }
    g_string_append_c(record, '\n');
    return true;
}

char *conformance_script_play(const char *path, ConformanceDevices *devices,
                              ConformancePlay *play, void *opaque,
                              Error **errp)
{
    g_autoptr(GString) record = g_string_new(NULL);
    g_autoptr(GError) err = NULL;
    g_autofree char *script = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(path, &script, NULL, &err)) {
        error_setg(errp, "%s", err->message);
        return NULL;
    }
    lines = g_strsplit(script, "\n", 0);
    for (char **line = lines; *line; line++) {
        g_strstrip(*line);
        if (**line == '[') {
            g_string_append_printf(record, "%s\n", *line);
        } else if (**line && **line != '#' &&
                   !play_step(*line, devices, play, opaque, record, errp)) {
            return NULL;
        }
    }
    return g_string_free(g_steal_pointer(&record), false);
}
