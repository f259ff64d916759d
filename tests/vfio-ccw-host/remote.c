/*
 * Remote: vfio-ccw-host.h for a test in another process, line by line
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * See remote.h. Steps and counters are the numbers of their enumerations: the
 * tests that write them are built from the same header. A call that waits
 * keeps the daemon's main thread, which has nothing else to do.
 */

#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "remote.h"

#define MAX_NUMBERS 3

/* Returns what is to be told beside "ok", or -1 */
typedef int Call(VfioCcwHost *host, const int *number);

static int call_hold(VfioCcwHost *host, const int *number)
{
    vfio_ccw_host_hold(host, number[0]);
    return -1;
}

static int call_wait_held(VfioCcwHost *host, const int *number)
{
    vfio_ccw_host_wait_held(host, number[0]);
    return -1;
}

static int call_release(VfioCcwHost *host, const int *number)
{
    vfio_ccw_host_release(host, number[0], 0);
    return -1;
}

static int call_unhold(VfioCcwHost *host, const int *number)
{
    vfio_ccw_host_unhold(host, number[0]);
    return -1;
}

static int call_wait_start(VfioCcwHost *host, const int *number)
{
    vfio_ccw_host_wait_start(host, NULL);
    return -1;
}

static int call_wait_halt(VfioCcwHost *host, const int *number)
{
    vfio_ccw_host_wait_halt(host);
    return -1;
}

static int call_wait_clear(VfioCcwHost *host, const int *number)
{
    vfio_ccw_host_wait_clear(host);
    return -1;
}

static int call_present_status(VfioCcwHost *host, const int *number)
{
    vfio_ccw_host_present_status(host, number[0], number[1], number[2]);
    return -1;
}

/* Unsolicited status, whatever the device is doing */
static int call_present_alert(VfioCcwHost *host, const int *number)
{
    vfio_ccw_host_present_irb(host, &(IRB) {
        .scsw.ctrl = SCSW_STCTL_ALERT | SCSW_STCTL_STATUS_PEND,
        .scsw.dstat = number[0],
    });
    return -1;
}

static int call_disconnect(VfioCcwHost *host, const int *number)
{
    vfio_ccw_host_disconnect(host);
    return -1;
}

static int call_count(VfioCcwHost *host, const int *number)
{
    return vfio_ccw_host_count(host, number[0]);
}

static const struct {
    const char *name;
    int numbers;
    int below;                  /* the bound of the first number */
    Call *call;
} calls[] = {
    { "hold", 1, VFIO_CCW_HOST_NR_STEPS, call_hold },
    { "wait_held", 1, VFIO_CCW_HOST_NR_STEPS, call_wait_held },
    { "release", 1, VFIO_CCW_HOST_NR_STEPS, call_release },
    { "unhold", 1, VFIO_CCW_HOST_NR_STEPS, call_unhold },
    { "wait_start", 0, 0, call_wait_start },
    { "wait_halt", 0, 0, call_wait_halt },
    { "wait_clear", 0, 0, call_wait_clear },
    { "present_status", 3, UINT8_MAX + 1, call_present_status },
    { "present_alert", 1, UINT8_MAX + 1, call_present_alert },
    { "disconnect", 0, 0, call_disconnect },
    { "count", 1, VFIO_CCW_HOST_NR_COUNTERS, call_count },
};

static bool parse_numbers(char **words, int n, int *number)
{
    if (g_strv_length(words) != n) {
        return false;
    }
    for (int i = 0; i < n; i++) {
        if (qemu_strtoi(words[i], NULL, 0, &number[i]) || number[i] < 0) {
            return false;
        }
    }
    return true;
}

/* The answer to a line */
static char *carry_out(VfioCcwHost *host, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 0);
    int number[MAX_NUMBERS];
    int told;

    for (int i = 0; words[0] && i < ARRAY_SIZE(calls); i++) {
        if (!g_str_equal(words[0], calls[i].name)) {
            continue;
        }
        if (!parse_numbers(words + 1, calls[i].numbers, number) ||
            (calls[i].numbers && number[0] >= calls[i].below)) {
            break;
        }
        told = calls[i].call(host, number);
        return told < 0 ? g_strdup("ok\n") : g_strdup_printf("ok %d\n", told);
    }
    return g_strdup("error\n");
}

static gboolean readable(GIOChannel *channel, GIOCondition condition,
                         void *host)
{
    g_autofree char *answer = NULL;
    g_autofree char *line = NULL;
    gsize end;

    if (g_io_channel_read_line(channel, &line, NULL, &end, NULL) !=
        G_IO_STATUS_NORMAL) {
        return G_SOURCE_REMOVE;
    }
    line[end] = '\0';
    answer = carry_out(host, line);
    return qemu_write_full(g_io_channel_unix_get_fd(channel), answer,
                           strlen(answer)) == strlen(answer);
}

void host_remote_begin(VfioCcwHost *host, int fd)
{
    GIOChannel *channel = g_io_channel_unix_new(fd);

    g_io_add_watch(channel, G_IO_IN | G_IO_HUP, readable, host);
    g_io_channel_unref(channel);
}
