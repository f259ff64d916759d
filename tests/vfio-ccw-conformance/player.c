/*
 * Player: carries out the steps of the vfio-ccw conformance script
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Called by linux.c inside a Linux guest, where there is nothing of QEMU, and
 * by the tests of the emulated driver. What each step does is said at the top
 * of the script.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include "player.h"

/* Far more than an interrupt takes to get through two emulated machines */
#define WAIT_MS 30000

#define MAX_STEP 512
#define MAX_ARGS 64
#define MAX_BYTES 256

typedef struct Step {
    char text[MAX_STEP];
    char *args[MAX_ARGS];
    unsigned nr_args;
    const char *error;          /* what is wrong with it, or NULL */
} Step;

typedef struct Result {
    char *text;
    size_t len;
} Result;

static void __attribute__((format(printf, 2, 3)))
add(Result *result, const char *format, ...)
{
    va_list ap;
    int n;

    va_start(ap, format);
    n = vsnprintf(result->text + result->len,
                  VFIO_PLAYER_RESULT - result->len, format, ap);
    va_end(ap);
    result->len += n;
    if (result->len >= VFIO_PLAYER_RESULT) {
        result->len = VFIO_PLAYER_RESULT - 1;
    }
}

/*
 * The words of a step
 */

static void parse(Step *step, const char *text)
{
    char *save = NULL, *word;

    *step = (Step) { .nr_args = 0 };
    snprintf(step->text, sizeof(step->text), "%s", text);
    for (word = strtok_r(step->text, " \t\n", &save);
         word && step->nr_args < MAX_ARGS;
         word = strtok_r(NULL, " \t\n", &save)) {
        step->args[step->nr_args++] = word;
    }
}

static uint64_t number(Step *step, const char *text)
{
    long long value = 0;
    int len = 0;

    if (sscanf(text, "%lli%n", &value, &len) != 1 || text[len] != '\0') {
        step->error = "not a number";
    }
    return value;
}

static uint64_t number_arg(Step *step, unsigned i)
{
    if (i >= step->nr_args) {
        step->error = "argument missing";
        return 0;
    }
    return number(step, step->args[i]);
}

/* The text behind "@name=" in some argument, or NULL */
static const char *text_option(Step *step, const char *name)
{
    size_t len = strlen(name);

    for (unsigned i = 1; i < step->nr_args; i++) {
        if (strncmp(step->args[i], name, len) == 0 &&
            step->args[i][len] == '=') {
            return step->args[i] + len + 1;
        }
    }
    return NULL;
}

static uint64_t option(Step *step, const char *name, uint64_t otherwise)
{
    const char *text = text_option(step, name);

    return text ? number(step, text) : otherwise;
}

/* Hexadecimal digits, in as many words as are convenient */
static unsigned bytes_from(Step *step, unsigned first, uint8_t *bytes)
{
    unsigned n = 0;

    for (unsigned i = first; i < step->nr_args; i++) {
        const char *p = step->args[i];

        for (; p[0] && p[1] && n < MAX_BYTES; p += 2) {
            int len = 0;

            if (sscanf(p, "%2hhx%n", &bytes[n++], &len) != 1 || len != 2) {
                step->error = "not hexadecimal";
            }
        }
        if (*p) {
            step->error = "odd or too many digits";
        }
    }
    return n;
}

/* A part of the memory, NULL if it is not there */
static uint8_t *memory_arg(VfioPlayer *player, Step *step, uint64_t iova,
                           uint64_t len)
{
    if (iova > VFIO_PLAYER_MEMORY || len > VFIO_PLAYER_MEMORY - iova) {
        step->error = "beyond the memory";
        return NULL;
    }
    return player->memory + iova;
}

/*
 * Results
 */

static void add_return(Result *result, int ret)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {
        { EPERM, "EPERM" }, { ENOENT, "ENOENT" }, { EIO, "EIO" },
        { EBADF, "EBADF" }, { EAGAIN, "EAGAIN" }, { ENOMEM, "ENOMEM" },
        { EACCES, "EACCES" }, { EFAULT, "EFAULT" }, { EBUSY, "EBUSY" },
        { EEXIST, "EEXIST" }, { ENODEV, "ENODEV" }, { EINVAL, "EINVAL" },
        { ENOTTY, "ENOTTY" }, { ENOSPC, "ENOSPC" }, { ENOSYS, "ENOSYS" },
        { EOPNOTSUPP, "EOPNOTSUPP" },
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (ret == -names[i].number) {
            add(result, "-%s", names[i].name);
            return;
        }
    }
    add(result, "%d", ret);
}

/* In words of four bytes; equal ones in a row are said once */
static void add_bytes(Result *result, const uint8_t *bytes, unsigned len)
{
    for (unsigned i = 0; i < len;) {
        unsigned n = len - i < 4 ? len - i : 4;
        unsigned times = 1;

        add(result, " ");
        for (unsigned j = 0; j < n; j++) {
            add(result, "%02x", bytes[i + j]);
        }
        while (n == 4 && i + 4 * times + 4 <= len &&
               memcmp(bytes + i, bytes + i + 4 * times, 4) == 0) {
            times++;
        }
        if (times > 1) {
            add(result, "*%u", times);
        }
        i += n * times;
    }
}

/*
 * Steps about memory
 */

static void put_be(uint8_t *p, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        p[i] = value >> (8 * (size - 1 - i));
    }
}

static void play_poke(VfioPlayer *player, Step *step, Result *result)
{
    uint8_t bytes[MAX_BYTES], *p;
    uint64_t iova = number_arg(step, 1);
    unsigned len = bytes_from(step, 2, bytes);

    p = memory_arg(player, step, iova, len);
    if (p) {
        memcpy(p, bytes, len);
    }
}

static void play_peek(VfioPlayer *player, Step *step, Result *result)
{
    uint64_t iova = number_arg(step, 1), len = number_arg(step, 2);
    uint8_t *p = memory_arg(player, step, iova, len);

    if (p) {
        add_bytes(result, p, len);
    }
}

/* Bytes that differ from their neighbours here and in other pages */
static void play_fill(VfioPlayer *player, Step *step, Result *result)
{
    uint64_t iova = number_arg(step, 1), len = number_arg(step, 2);
    unsigned seed = option(step, "seed", 0);
    uint8_t *p = memory_arg(player, step, iova, len);

    for (uint64_t i = 0; p && i < len; i++) {
        p[i] = seed ? seed + i + i / 251 : 0;
    }
}

/* For what is too long to be told; Adler's checksum */
static void play_sum(VfioPlayer *player, Step *step, Result *result)
{
    uint64_t iova = number_arg(step, 1), len = number_arg(step, 2);
    uint8_t *p = memory_arg(player, step, iova, len);
    uint32_t a = 1, b = 0;

    for (uint64_t i = 0; p && i < len; i++) {
        a = (a + p[i]) % 65521;
        b = (b + a) % 65521;
    }
    add(result, " %08x", b << 16 | a);
}

static void play_ccw(VfioPlayer *player, Step *step, Result *result)
{
    uint64_t iova = number_arg(step, 1), cmd = number_arg(step, 2);
    uint64_t flags = number_arg(step, 3), count = number_arg(step, 4);
    uint64_t cda = number_arg(step, 5), times = option(step, "times", 1);
    uint8_t *p = memory_arg(player, step, iova, 8 * times);

    for (; p && times; times--, p += 8) {
        if (strcmp(step->args[0], "ccw1") == 0) {
            put_be(p, cmd << 24 | flags << 16 | count, 4);
            put_be(p + 4, cda, 4);
        } else {
            put_be(p, cmd << 24 | cda, 4);
            put_be(p + 4, flags << 24 | count, 4);
        }
    }
}

static void play_idaw(VfioPlayer *player, Step *step, Result *result)
{
    unsigned size = strcmp(step->args[0], "idaw1") == 0 ? 4 : 8;
    uint64_t iova = number_arg(step, 1);

    for (unsigned i = 2; i < step->nr_args; i++, iova += size) {
        uint8_t *p = memory_arg(player, step, iova, size);

        if (p) {
            put_be(p, number_arg(step, i), size);
        }
    }
}

static void play_map(VfioPlayer *player, Step *step, Result *result)
{
    uint64_t iova = number_arg(step, 1), size = number_arg(step, 2);
    bool read_only = step->nr_args > 3 && strcmp(step->args[3], "ro") == 0;

    add_return(result, player->ops->map(player->opaque, iova, size,
                                        !read_only));
}

static void play_unmap(VfioPlayer *player, Step *step, Result *result)
{
    uint64_t iova = number_arg(step, 1), size = number_arg(step, 2);

    add_return(result, player->ops->unmap(player->opaque, iova, size));
}

/*
 * Steps about regions
 */

static void play_read(VfioPlayer *player, Step *step, Result *result)
{
    unsigned region = number_arg(step, 1), pos = number_arg(step, 2);
    unsigned count = number_arg(step, 3);
    uint8_t bytes[MAX_BYTES] = { 0 };
    int ret;

    if (count > sizeof(bytes)) {
        step->error = "too long";
        return;
    }
    ret = player->ops->read(player->opaque, region, pos, bytes, count);
    add_return(result, ret);
    if (ret > 0) {
        add(result, ":");
        add_bytes(result, bytes, ret);
    }
}

static void play_write(VfioPlayer *player, Step *step, Result *result)
{
    unsigned region = number_arg(step, 1), pos = number_arg(step, 2);
    uint8_t bytes[MAX_BYTES] = { 0 };
    unsigned count = bytes_from(step, 3, bytes);

    add_return(result, player->ops->write(player->opaque, region, pos, bytes,
                                          count));
}

static void play_start(VfioPlayer *player, Step *step, Result *result)
{
    uint8_t bytes[24] = { 0 };

    put_be(bytes, 0x12345678, 4);
    put_be(bytes + 4, option(step, "ctrl", 0x00c0), 2);
    bytes[6] = option(step, "lpm", 0xff);
    bytes[7] = option(step, "more", 0);
    put_be(bytes + 8, option(step, "cpa", 0x1000), 4);
    put_be(bytes + 12, option(step, "fctl", 0x4000), 4);
    add_return(result, player->ops->write(player->opaque, 0, 0, bytes,
                                          sizeof(bytes)));
}

static void play_command(VfioPlayer *player, Step *step, Result *result)
{
    uint8_t bytes[4];

    put_be(bytes, strcmp(step->args[0], "halt") == 0
                  ? VFIO_CCW_ASYNC_CMD_HSCH : VFIO_CCW_ASYNC_CMD_CSCH, 4);
    add_return(result, player->ops->write(player->opaque, 1, 0, bytes,
                                          sizeof(bytes)));
}

/* The interrupt response block, which is what the kernel writes of its area */
static void play_irb(VfioPlayer *player, Step *step, Result *result)
{
    uint8_t bytes[64];
    int ret = player->ops->read(player->opaque, 0, 24, bytes, sizeof(bytes));

    if (ret != sizeof(bytes)) {
        add_return(result, ret);
        return;
    }
    add_bytes(result, bytes, 12);
    add(result, " esw");
    add_bytes(result, bytes + 12, 20);
    add(result, " ecw");
    add_bytes(result, bytes + 32, 32);
}

/*
 * Steps about interrupts
 */

static int irq_index(Step *step, unsigned i)
{
    static const char *const names[VFIO_CCW_NUM_IRQS] = {
        [VFIO_CCW_IO_IRQ_INDEX] = "io",
        [VFIO_CCW_CRW_IRQ_INDEX] = "crw",
        [VFIO_CCW_REQ_IRQ_INDEX] = "req",
    };

    for (int index = 0; index < VFIO_CCW_NUM_IRQS; index++) {
        if (i < step->nr_args && strcmp(step->args[i], names[index]) == 0) {
            return index;
        }
    }
    step->error = "no such interrupt";
    return 0;
}

static void play_wait(VfioPlayer *player, Step *step, Result *result)
{
    struct pollfd pollfd = {
        .fd = player->eventfd[irq_index(step, 1)], .events = POLLIN,
    };
    uint64_t count = 0;

    if (step->error) {
        return;
    }
    if (poll(&pollfd, 1, WAIT_MS) != 1 ||
        read(pollfd.fd, &count, sizeof(count)) != sizeof(count)) {
        add(result, " never");
        return;
    }
    add(result, " %u", (unsigned)count);
}

/* What comes behind the structure of the ioctl; returns its length */
static size_t irq_data(VfioPlayer *player, Step *step, unsigned index,
                       void *data)
{
    const char *text = text_option(step, "data");
    int32_t fd;

    if (!text) {
        return 0;
    }
    if (strcmp(text, "eventfd") == 0) {
        fd = player->eventfd[index % VFIO_CCW_NUM_IRQS];
    } else if (strcmp(text, "file") == 0) {
        fd = player->no_eventfd;
    } else if (text[0] == '-') {
        fd = number(step, text);
    } else {
        *(uint8_t *)data = number(step, text);
        return sizeof(uint8_t);
    }
    memcpy(data, &fd, sizeof(fd));
    return sizeof(fd);
}

static void play_set_irqs(VfioPlayer *player, Step *step, Result *result)
{
    struct {
        struct vfio_irq_set set;
        uint8_t data[sizeof(int32_t)];
    } irq = {
        .set.index = option(step, "index", 0),
        .set.flags = option(step, "flags", VFIO_IRQ_SET_DATA_EVENTFD |
                                           VFIO_IRQ_SET_ACTION_TRIGGER),
        .set.start = option(step, "start", 0),
        .set.count = option(step, "count", 1),
    };
    size_t len = irq_data(player, step, irq.set.index, irq.data);

    irq.set.argsz = option(step, "argsz", sizeof(irq.set) + len);
    add_return(result, player->ops->ioctl(player->opaque, VFIO_DEVICE_SET_IRQS,
                                          &irq));
}

/* The way in of a normal user: the eventfd of an interrupt by its name */
static void play_eventfd(VfioPlayer *player, Step *step, Result *result)
{
    struct {
        struct vfio_irq_set set;
        int32_t fd;
    } irq = {
        .set.argsz = sizeof(irq),
        .set.index = irq_index(step, 1),
        .set.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
        .set.count = 1,
    };

    irq.fd = player->eventfd[irq.set.index];
    add_return(result, player->ops->ioctl(player->opaque, VFIO_DEVICE_SET_IRQS,
                                          &irq));
}

/*
 * Steps about information
 */

static void play_info(VfioPlayer *player, Step *step, Result *result)
{
    struct vfio_device_info info = {
        .argsz = option(step, "argsz", 16),
    };
    int ret = player->ops->ioctl(player->opaque, VFIO_DEVICE_GET_INFO, &info);

    add_return(result, ret);
    if (ret == 0) {
        add(result, ": flags %x regions %u irqs %u", info.flags,
            info.num_regions, info.num_irqs);
    }
}

static void play_region_info(VfioPlayer *player, Step *step, Result *result)
{
    struct {
        struct vfio_region_info info;
        uint8_t caps[64];
    } r = {
        .info.argsz = option(step, "argsz", sizeof(r)),
        .info.index = number_arg(step, 1),
    };
    struct vfio_region_info_cap_type type;
    int ret;

    ret = player->ops->ioctl(player->opaque, VFIO_DEVICE_GET_REGION_INFO, &r);
    add_return(result, ret);
    if (ret) {
        return;
    }
    add(result, ": flags %x size %u offset %x", r.info.flags,
        (unsigned)r.info.size, (unsigned)r.info.offset);
    if (r.info.argsz != sizeof(r)) {
        add(result, " argsz %u", r.info.argsz);
    }
    if (r.info.cap_offset >= sizeof(r.info) &&
        r.info.cap_offset <= sizeof(r) - sizeof(type)) {
        memcpy(&type, (uint8_t *)&r + r.info.cap_offset, sizeof(type));
        add(result, " cap at %u: id %u version %u next %u type %u subtype %u",
            r.info.cap_offset, type.header.id, type.header.version,
            type.header.next, type.type, type.subtype);
    }
}

static void play_irq_info(VfioPlayer *player, Step *step, Result *result)
{
    struct vfio_irq_info info = {
        .argsz = option(step, "argsz", sizeof(info)),
        .index = number_arg(step, 1),
    };
    int ret = player->ops->ioctl(player->opaque, VFIO_DEVICE_GET_IRQ_INFO,
                                 &info);

    add_return(result, ret);
    if (ret == 0) {
        add(result, ": flags %x count %u", info.flags, info.count);
    }
}

static void play_reset(VfioPlayer *player, Step *step, Result *result)
{
    add_return(result, player->ops->ioctl(player->opaque, VFIO_DEVICE_RESET,
                                          NULL));
}

/* Reads what there is of an optional feature of VFIO's */
static void play_feature(VfioPlayer *player, Step *step, Result *result)
{
    struct {
        struct vfio_device_feature feature;
        uint8_t data[16];
    } f = {
        .feature.argsz = option(step, "argsz", sizeof(f)),
        .feature.flags = number_arg(step, 1) |
                         option(step, "flags", VFIO_DEVICE_FEATURE_GET),
    };

    add_return(result, player->ops->ioctl(player->opaque, VFIO_DEVICE_FEATURE,
                                          &f));
}

/* One of VFIO's that are about other devices */
static void play_other_ioctl(VfioPlayer *player, Step *step, Result *result)
{
    struct vfio_pci_hot_reset_info info = { .argsz = sizeof(info) };

    add_return(result, player->ops->ioctl(player->opaque,
                                          VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
                                          &info));
}

/*
 * Steps about the device as a whole
 */

static void play_open(VfioPlayer *player, Step *step, Result *result)
{
    if (step->nr_args < 2) {
        step->error = "no device";
        return;
    }
    add_return(result, player->ops->open(player->opaque, step->args[1]));
}

static void play_close(VfioPlayer *player, Step *step, Result *result)
{
    player->ops->close(player->opaque);
}

static void play_vary(VfioPlayer *player, Step *step, Result *result)
{
    bool on = step->nr_args > 1 && strcmp(step->args[1], "on") == 0;

    add_return(result, player->ops->vary(player->opaque, on));
}

static void play_remove(VfioPlayer *player, Step *step, Result *result)
{
    add_return(result, player->ops->remove(player->opaque));
}

static const struct {
    const char *verb;
    void (*play)(VfioPlayer *player, Step *step, Result *result);
} verbs[] = {
    { "ccw0", play_ccw },
    { "ccw1", play_ccw },
    { "clear", play_command },
    { "close", play_close },
    { "eventfd", play_eventfd },
    { "feature", play_feature },
    { "fill", play_fill },
    { "halt", play_command },
    { "idaw1", play_idaw },
    { "idaw2", play_idaw },
    { "info", play_info },
    { "irb", play_irb },
    { "irq-info", play_irq_info },
    { "map", play_map },
    { "open", play_open },
    { "other-ioctl", play_other_ioctl },
    { "peek", play_peek },
    { "poke", play_poke },
    { "read", play_read },
    { "region-info", play_region_info },
    { "remove", play_remove },
    { "reset", play_reset },
    { "set-irqs", play_set_irqs },
    { "start", play_start },
    { "sum", play_sum },
    { "unmap", play_unmap },
    { "vary", play_vary },
    { "wait", play_wait },
    { "write", play_write },
};

void vfio_player_play(VfioPlayer *player, const char *text,
                      char text_result[VFIO_PLAYER_RESULT])
{
    Result result = { .text = text_result };
    Step step;

    text_result[0] = '\0';
    parse(&step, text);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (step.nr_args && strcmp(step.args[0], verbs[i].verb) == 0) {
            verbs[i].play(player, &step, &result);
            if (step.error) {
                result.len = 0;
                add(&result, "error: %s", step.error);
            }
            return;
        }
    }
    add(&result, "error: no such step");
}

bool vfio_player_init(VfioPlayer *player, const VfioPlayerOps *ops,
                      void *opaque, uint8_t *memory)
{
    *player = (VfioPlayer) {
        .ops = ops,
        .opaque = opaque,
        .memory = memory,
        .no_eventfd = open("/dev/null", O_RDWR | O_CLOEXEC),
    };
    if (player->no_eventfd < 0) {
        return false;
    }
    for (int i = 0; i < VFIO_CCW_NUM_IRQS; i++) {
        player->eventfd[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (player->eventfd[i] < 0) {
            return false;
        }
    }
    return true;
}

void vfio_player_destroy(VfioPlayer *player)
{
    for (int i = 0; i < VFIO_CCW_NUM_IRQS; i++) {
        close(player->eventfd[i]);
    }
    close(player->no_eventfd);
}
