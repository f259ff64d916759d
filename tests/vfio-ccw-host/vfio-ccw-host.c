/*
 * vfio-ccw-host: emulated vfio_ccw host drivers for real guests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A daemon around vfio-ccw-host.h. Each device has a socket, to which QEMU's
 * -device vfio-ccw connects, and a thread; the main thread waits for signals.
 * Beside that it makes images of disks.
 */

#include "qemu/osdep.h"
#include <glib-unix.h>
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/module.h"
#include "qemu/systemd.h"
#include "ckd-image.h"
#include "faults.h"
#include "remote.h"
#include "sockets.h"
#include "vfio-ccw-host.h"

static const char summary[] =
    "Plays the part of a mainframe's vfio_ccw driver and of the disks behind\n"
    "it. Each --socket and the disk (--dasd-fba or --dasd-eckd) at the same\n"
    "place make one device. Each serves one client at a time, and hangs up on\n"
    "another.";

static const char description[] =
    "The image of a fixed-block disk is a plain file, a multiple of 512 bytes\n"
    "long:\n"
    "  truncate -s 64M disk.img\n"
    "  vfio-ccw-host --socket /tmp/disk.sock --dasd-fba disk.img\n"
    "and then, once it says \"ready\", with guest memory that is shared (other\n"
    "memory works as well, but each access to it goes through the socket):\n"
    "  qemu-system-s390x -m 512 \\\n"
    "    -object memory-backend-memfd,id=ram,size=512M,share=on \\\n"
    "    -machine s390-ccw-virtio,memory-backend=ram \\\n"
    "    -device '{\"driver\": \"vfio-ccw\", \"socket\":\n"
    "              {\"type\": \"unix\", \"path\": \"/tmp/disk.sock\"}}' ...\n"
    "The guest sees a DASD of type 9336; \"chccwdev -e\" sets it online.\n"
    "The image of an ECKD disk, type 3390, is what Hercules has as its\n"
    "uncompressed format (dasdinit -lfs makes one), and the guest's dasdfmt\n"
    "formats it:\n"
    "  vfio-ccw-host --create-eckd disk.ckd --cylinders 200\n"
    "  vfio-ccw-host --socket /tmp/disk.sock --dasd-eckd disk.ckd\n"
    "A daemon that is killed can leave a track half written: it is completed\n"
    "from disk.ckd.journal when a daemon opens the image the next time.\n"
    "SIGTERM or SIGINT ends the daemon with everything written; it then says\n"
    "what each device has seen.\n"
    "\n"
    "A QEMU of another user needs the right to write to the socket:\n"
    "  vfio-ccw-host --socket-group kvm --socket-mode 0660 ...\n"
    "Sockets that somebody else has made come with --fd. Without --socket and\n"
    "--fd they are those of systemd's socket activation (LISTEN_FDS).\n"
    "\n"
    "To test a guest, --fault makes all devices misbehave:\n";

typedef struct Disk {
    VfioCcwHostDevice type;
    char *image;
} Disk;

typedef struct Options {
    char **sockets;
    char **fds;             /* that were inherited, in place of sockets */
    char *group;
    char *mode_text;
    int mode;
    GArray *disks;              /* of Disk, in the command line's order */
    char *create_eckd;
    int cylinders;
    char *fault_name;
    const HostFault *fault;
    int remote;
} Options;

static void options_clear(Options *options)
{
    g_strfreev(options->sockets);
    g_strfreev(options->fds);
    g_free(options->group);
    g_free(options->mode_text);
    if (options->disks) {
        g_array_unref(options->disks);
    }
    g_free(options->create_eckd);
    g_free(options->fault_name);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

/* In the order of the devices: what a device's socket is called */
static char **listeners_of(const Options *options)
{
    return options->sockets ?: options->fds;
}

static char **activated_fds(void)
{
    unsigned count = check_socket_activation();
    char **fds = count ? g_new0(char *, count + 1) : NULL;

    for (unsigned i = 0; i < count; i++) {
        fds[i] = g_strdup_printf("%u", FIRST_SOCKET_ACTIVATION_FD + i);
    }
    return fds;
}

static bool parse_mode(Options *options)
{
    if (options->mode_text &&
        (qemu_strtoi(options->mode_text, NULL, 8, &options->mode) ||
         options->mode < 0 || options->mode > 0777)) {
        error_report("--socket-mode '%s' is no octal number up to 0777",
                     options->mode_text);
        return false;
    }
    return true;
}

static void disk_clear(void *opaque)
{
    Disk *disk = opaque;

    g_free(disk->image);
}

static void add_disk(Options *options, VfioCcwHostDevice type,
                     const char *image)
{
    Disk disk = { .type = type, .image = g_strdup(image) };

    g_array_append_val(options->disks, disk);
}

static gboolean parse_fba(const char *name, const char *value, void *options,
                          GError **err)
{
    add_disk(options, VFIO_CCW_HOST_DASD_FBA, value);
    return true;
}

static gboolean parse_eckd(const char *name, const char *value, void *options,
                           GError **err)
{
    add_disk(options, VFIO_CCW_HOST_DASD_ECKD, value);
    return true;
}

/* What it is that the options ask for, as far as this can be known */
static bool check_devices(const Options *options)
{
    if (options->create_eckd) {
        if (listeners_of(options) || options->disks->len) {
            error_report("--create-eckd does nothing else; see --help");
            return false;
        }
        return true;
    }
    if (!listeners_of(options) ||
        g_strv_length(listeners_of(options)) != options->disks->len) {
        error_report("needs one --dasd-fba or --dasd-eckd for each --socket or "
                     "--fd, and at least one of them; see --help");
        return false;
    }
    if (options->remote >= 0 && listeners_of(options)[1]) {
        error_report("--remote is for a single device; see --help");
        return false;
    }
    return true;
}

static bool parse_listeners(Options *options)
{
    if (options->sockets && options->fds) {
        error_report("use either --socket or --fd; see --help");
        return false;
    }
    if (!listeners_of(options)) {
        options->fds = activated_fds();
    }
    if (options->fds && (options->group || options->mode_text)) {
        error_report("--socket-group and --socket-mode are for --socket; an "
                     "inherited socket has both already");
        return false;
    }
    return parse_mode(options);
}

static QIOChannelSocket *start_listening(const Options *options, unsigned i,
                                         Error **errp)
{
    int fd;

    if (options->fds) {
        if (qemu_strtoi(options->fds[i], NULL, 10, &fd)) {
            error_setg(errp, "--fd '%s' is no number", options->fds[i]);
            return NULL;
        }
        return host_listen_on_fd(fd, errp);
    }
    if (options->group || options->mode >= 0) {
        return host_listen_for(options->sockets[i], options->group,
                               options->mode, errp);
    }
    return host_listen(options->sockets[i], errp);
}

static bool parse_options(Options *options, int *argc, char ***argv)
{
    const GOptionEntry entries[] = {
        { "socket", 's', 0, G_OPTION_ARG_FILENAME_ARRAY, &options->sockets,
          "Listen on this UNIX socket", "PATH" },
        { "socket-group", 0, 0, G_OPTION_ARG_STRING, &options->group,
          "Give the sockets to this group, and let it write to them", "GROUP" },
        { "socket-mode", 0, 0, G_OPTION_ARG_STRING, &options->mode_text,
          "Who may connect: the sockets' access mode, in octal", "MODE" },
        { "fd", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->fds,
          "In place of a --socket: listen on this inherited one", "FDNUM" },
        { "dasd-fba", 'd', G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK,
          parse_fba, "Serve this file as a fixed-block disk", "FILE" },
        { "dasd-eckd", 'e', G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK,
          parse_eckd, "Serve this file as an ECKD disk", "FILE" },
        { "create-eckd", 0, 0, G_OPTION_ARG_FILENAME, &options->create_eckd,
          "Make an unformatted image of an ECKD disk, and end", "FILE" },
        { "cylinders", 0, 0, G_OPTION_ARG_INT, &options->cylinders,
          "Its size, in cylinders of about 700 KiB (200)", "N" },
        { "fault", 'f', 0, G_OPTION_ARG_STRING, &options->fault_name,
          "Misbehave in this way", "NAME" },
        { "remote", 'r', 0, G_OPTION_ARG_INT, &options->remote,
          "Let a test play with the only device (see remote.h)", "FD" },
        { NULL }
    };
    GOptionContext *context = g_option_context_new("");
    g_autofree char *faults = host_fault_describe();
    g_autofree char *all = g_strconcat(description, faults, NULL);
    g_autoptr(GError) err = NULL;
    GOptionGroup *group;
    bool ok;

    options->disks = g_array_new(false, false, sizeof(Disk));
    g_array_set_clear_func(options->disks, disk_clear);
    g_option_context_set_summary(context, summary);
    g_option_context_set_description(context, all);
    /* The callback's argument is that of the group */
    group = g_option_group_new("main", "", "", options, NULL);
    g_option_group_add_entries(group, entries);
    g_option_context_set_main_group(context, group);
    ok = g_option_context_parse(context, argc, argv, &err);
    g_option_context_free(context);
    if (!ok) {
        error_report("%s", err->message);
        return false;
    }
    if (*argc > 1) {
        error_report("unexpected argument '%s'; see --help", (*argv)[1]);
        return false;
    }
    if (!parse_listeners(options) || !check_devices(options)) {
        return false;
    }
    if (options->fault_name) {
        options->fault = host_fault_find(options->fault_name);
        if (!options->fault) {
            error_report("there is no fault '%s'; see --help",
                         options->fault_name);
            return false;
        }
    }
    return true;
}

static bool start_hosts(GPtrArray *hosts, const Options *options)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Error *err = NULL;

    for (int i = 0; listeners_of(options)[i]; i++) {
        const Disk *disk = &g_array_index(options->disks, Disk, i);
        QIOChannelSocket *listener = start_listening(options, i, &err);
        VfioCcwHost *host = NULL;

        config.device = disk->type;
        config.image = disk->image;
        if (listener) {
            host = vfio_ccw_host_start_on(listener, &config, &err);
        }
        if (!host) {
            error_report_err(err);
            return false;
        }
        g_ptr_array_add(hosts, host);
        if (options->fault) {
            host_fault_begin(options->fault, host);
        }
    }
    return true;
}

static bool create_eckd(const Options *options)
{
    Error *err = NULL;

    if (!ckd_image_create(options->create_eckd, options->cylinders, &err)) {
        error_report_err(err);
        return false;
    }
    return true;
}

/* A start that is refused has written to the I/O region all the same */
static void report(VfioCcwHost *host, const char *socket)
{
    unsigned starts = vfio_ccw_host_count(host, VFIO_CCW_HOST_STARTS);
    unsigned writes = vfio_ccw_host_count(host, VFIO_CCW_HOST_IO_WRITES);

    printf("%s: %u starts, %u refused, %u halts, %u clears, %u interrupts\n",
           socket, starts, writes - starts,
           vfio_ccw_host_count(host, VFIO_CCW_HOST_HALTS),
           vfio_ccw_host_count(host, VFIO_CCW_HOST_CLEARS),
           vfio_ccw_host_count(host, VFIO_CCW_HOST_INTERRUPTS));
}

static bool stop_hosts(GPtrArray *hosts)
{
    bool ok = true;

    for (unsigned i = 0; i < hosts->len; i++) {
        Error *err = NULL;

        if (!vfio_ccw_host_stop(g_ptr_array_index(hosts, i), &err)) {
            error_report_err(err);
            ok = false;
        }
    }
    return ok;
}

static gboolean end(void *loop)
{
    g_main_loop_quit(loop);
    return G_SOURCE_CONTINUE;
}

static void run(GMainLoop *loop, GPtrArray *hosts, const Options *options)
{
    puts("ready");
    fflush(stdout);
    if (options->remote >= 0) {
        host_remote_begin(g_ptr_array_index(hosts, 0), options->remote);
    }
    g_main_loop_run(loop);
    for (unsigned i = 0; i < hosts->len; i++) {
        report(g_ptr_array_index(hosts, i), listeners_of(options)[i]);
    }
}

int main(int argc, char **argv)
{
    g_autoptr(GPtrArray) hosts = g_ptr_array_new();
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, false);
    g_auto(Options) options = { .remote = -1, .mode = -1, .cylinders = 200 };
    bool ok;

    error_init(argv[0]);
    module_call_init(MODULE_INIT_QOM);
    if (!parse_options(&options, &argc, &argv)) {
        return EXIT_FAILURE;
    }
    if (options.create_eckd) {
        return create_eckd(&options) ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    /* From here on, so that no socket is left behind by an early signal */
    g_unix_signal_add(SIGTERM, end, loop);
    g_unix_signal_add(SIGINT, end, loop);
    ok = start_hosts(hosts, &options);
    if (ok) {
        run(loop, hosts, &options);
    }
    return stop_hosts(hosts) && ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
