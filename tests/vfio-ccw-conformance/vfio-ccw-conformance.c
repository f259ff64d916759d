/*
 * vfio-ccw-conformance: plays the conformance script on Linux's own driver
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     vfio-ccw-conformance SCRIPT QEMU ARGUMENT...
 *
 * The arguments give QEMU a Linux guest with linux.c as its /init, and memory
 * that is shared. The program adds the devices and the serial port, sends the
 * guest one step after the other, and prints the record. It ends when QEMU
 * has ended. Everything is done in the main thread.
 */

#include "qemu/osdep.h"
#include <sys/socket.h>
#include <sys/wait.h>
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "script.h"

/* Longer than any step's own limit */
#define ANSWER_SECONDS 120

typedef struct Guest {
    GPid pid;
    FILE *to;
    FILE *from;
} Guest;

static GPtrArray *command_line(char **given, ConformanceDevices *devices,
                               int port)
{
    GPtrArray *args = g_ptr_array_new_with_free_func(g_free);

    for (char **arg = given; *arg; arg++) {
        g_ptr_array_add(args, g_strdup(*arg));
    }
    for (unsigned i = 0; i < CONFORMANCE_DISKS; i++) {
        g_ptr_array_add(args, g_strdup("-device"));
        g_ptr_array_add(args, g_strdup_printf(
            "{\"driver\":\"vfio-ccw\",\"devno\":\"fe.0.%04x\","
            "\"socket\":{\"type\":\"unix\",\"path\":\"%s\"}}", 0x1200 + i,
            conformance_devices_socket(devices, i)));
    }
    g_ptr_array_add(args, g_strdup("-chardev"));
    g_ptr_array_add(args, g_strdup_printf("socket,id=player,fd=%d", port));
    /*
     * After the disks, which so have the subchannels from 0 on. In JSON as
     * well: QEMU makes what is not before all that is.
     */
    g_ptr_array_add(args, g_strdup("-device"));
    g_ptr_array_add(args, g_strdup("{\"driver\":\"virtio-serial-ccw\"}"));
    g_ptr_array_add(args, g_strdup("-device"));
    g_ptr_array_add(args, g_strdup("{\"driver\":\"virtserialport\","
                                   "\"chardev\":\"player\"}"));
    g_ptr_array_add(args, NULL);
    return args;
}

static bool guest_start(Guest *guest, char **given,
                        ConformanceDevices *devices, Error **errp)
{
    const struct timeval limit = { .tv_sec = ANSWER_SECONDS };
    g_autoptr(GPtrArray) args = NULL;
    g_autoptr(GError) err = NULL;
    int ends[2];
    bool ok;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        error_setg_errno(errp, errno, "cannot make a socket pair");
        return false;
    }
    /* The other end is for QEMU */
    qemu_set_cloexec(ends[0]);
    setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    args = command_line(given, devices, ends[1]);
    ok = g_spawn_async(NULL, (char **)args->pdata, NULL,
                       G_SPAWN_LEAVE_DESCRIPTORS_OPEN |
                       G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL,
                       NULL, NULL, &guest->pid, &err);
    close(ends[1]);
    if (!ok) {
        close(ends[0]);
        error_setg(errp, "%s", err->message);
        return false;
    }
    guest->from = fdopen(ends[0], "r");
    guest->to = fdopen(dup(ends[0]), "w");
    return true;
}

static void guest_end(Guest *guest)
{
    kill(guest->pid, SIGTERM);
    waitpid(guest->pid, NULL, 0);
    g_spawn_close_pid(guest->pid);
    fclose(guest->from);
    fclose(guest->to);
}

static bool guest_answer(Guest *guest, char *answer, Error **errp)
{
    if (!fgets(answer, VFIO_PLAYER_RESULT, guest->from)) {
        error_setg(errp, "the guest does not answer");
        return false;
    }
    return true;
}

static bool guest_play(void *opaque, const char *step,
                       char result[VFIO_PLAYER_RESULT], Error **errp)
{
    Guest *guest = opaque;

    if (fprintf(guest->to, "%s\n", step) < 0 || fflush(guest->to) != 0) {
        error_setg_errno(errp, errno, "the guest is gone");
        return false;
    }
    return guest_answer(guest, result, errp);
}

static bool play(Guest *guest, const char *script, ConformanceDevices *devices,
                 Error **errp)
{
    char release[VFIO_PLAYER_RESULT];
    g_autofree char *record = NULL;

    /* The first thing that it says */
    if (!guest_answer(guest, release, errp)) {
        return false;
    }
    record = conformance_script_play(script, devices, guest_play, guest, errp);
    if (!record) {
        return false;
    }
    printf("# %s: GPL-2.0-or-later\n# Recorded on Linux %s%s",
           "SPDX-License-Identifier", release, record);
    return true;
}

static bool run(const char *script, char **given, Error **errp)
{
    g_autoptr(ConformanceDevices) devices = NULL;
    Guest guest = { 0 };
    bool ok;

    devices = conformance_devices_new(true, errp);
    if (!devices || !guest_start(&guest, given, devices, errp)) {
        return false;
    }
    ok = play(&guest, script, devices, errp);
    guest_end(&guest);
    return ok;
}

int main(int argc, char **argv)
{
    Error *err = NULL;

    error_init(argv[0]);
    /* A guest that is gone is an error of what is written to it */
    signal(SIGPIPE, SIG_IGN);
    if (argc < 3) {
        error_report("needs a script and a command line of QEMU");
        return EXIT_FAILURE;
    }
    if (!run(argv[1], argv + 2, &err)) {
        error_report_err(err);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
