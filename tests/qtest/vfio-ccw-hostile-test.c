/*
 * QTest of vfio-ccw: a hostile or dying server cannot hurt QEMU
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whatever the wire between QEMU and a good host does, plugging ends with an
 * error, or the device works, or it is gone as a lost device is; the rest is as
 * vfio-ccw-scene.h says. What comes without end is in vfio-ccw-flood-test.c.
 * The wire's thread runs the functions named tamper_*, the test's thread
 * everything else.
 */

#include "qemu/osdep.h"
#include "qemu/thread.h"
#include "vfio-ccw-scene.h"

/* Soon over, where no answer comes: realize may fail without an attack */
#define SHORT_TIMEOUT_MS 100

/*
 * What can be wrong with any reply. An alteration returns the message's fate.
 */

static void set_size(WireMessage *message, unsigned size)
{
    unsigned old = message->bytes->len;

    g_byte_array_set_size(message->bytes, size);
    if (size > old) {
        memset(message->bytes->data + old, 0x5a, size - old);
    }
    wire_header(message)->size = size;
}

static void fill_payload(WireMessage *message, uint8_t value)
{
    memset(message->bytes->data + sizeof(VFIOUserHdr), value,
           message->bytes->len - sizeof(VFIOUserHdr));
}

static void set_error(WireMessage *message, uint32_t error)
{
    set_size(message, sizeof(VFIOUserHdr));
    wire_header(message)->flags |= VFIO_USER_ERROR;
    wire_header(message)->error_reply = error;
}

static WireFate drop(Wire *wire, WireMessage *message)
{
    return WIRE_DROP;
}

static WireFate wrong_id(Wire *wire, WireMessage *message)
{
    wire_header(message)->id ^= 0x5555;
    return WIRE_PASS;
}

static WireFate wrong_command(Wire *wire, WireMessage *message)
{
    wire_header(message)->command++;
    return WIRE_PASS;
}

static WireFate unknown_command(Wire *wire, WireMessage *message)
{
    wire_header(message)->command = UINT16_MAX;
    return WIRE_PASS;
}

static WireFate unknown_type(Wire *wire, WireMessage *message)
{
    wire_header(message)->flags |= VFIO_USER_TYPE;
    return WIRE_PASS;
}

static WireFate size_zero(Wire *wire, WireMessage *message)
{
    wire_header(message)->size = 0;
    return WIRE_PASS;
}

static WireFate size_less_than_header(Wire *wire, WireMessage *message)
{
    wire_header(message)->size = sizeof(VFIOUserHdr) - 1;
    return WIRE_PASS;
}

static WireFate size_huge(Wire *wire, WireMessage *message)
{
    wire_header(message)->size = UINT32_MAX;
    return WIRE_PASS;
}

static WireFate size_that_was_asked_for_and_more(Wire *wire,
                                                 WireMessage *message)
{
    set_size(message, 4096);
    return WIRE_PASS;
}

static WireFate header_only(Wire *wire, WireMessage *message)
{
    set_size(message, sizeof(VFIOUserHdr));
    return WIRE_PASS;
}

static WireFate payload_too_short(Wire *wire, WireMessage *message)
{
    if (message->bytes->len > sizeof(VFIOUserHdr)) {
        set_size(message, sizeof(VFIOUserHdr) + 4);
    }
    return WIRE_PASS;
}

static WireFate ones(Wire *wire, WireMessage *message)
{
    fill_payload(message, 0xff);
    return WIRE_PASS;
}

static WireFate zeros(Wire *wire, WireMessage *message)
{
    fill_payload(message, 0);
    return WIRE_PASS;
}

static WireFate an_error(Wire *wire, WireMessage *message)
{
    set_error(message, EINVAL);
    return WIRE_PASS;
}

static WireFate no_error(Wire *wire, WireMessage *message)
{
    set_error(message, 0);
    return WIRE_PASS;
}

/* The negative of this is a size that QEMU may have asked for. */
static WireFate error_like_a_size(Wire *wire, WireMessage *message)
{
    uint32_t size = MAX(message->bytes->len, sizeof(VFIOUserRegionRW) + 1);

    set_error(message, sizeof(VFIOUserRegionRW) - size);
    return WIRE_PASS;
}

static WireFate error_huge(Wire *wire, WireMessage *message)
{
    set_error(message, 0x80000000);
    return WIRE_PASS;
}

static WireFate with_fds(Wire *wire, WireMessage *message)
{
    int fds[] = { STDERR_FILENO, STDERR_FILENO, STDERR_FILENO };

    wire_inject(wire, message->bytes->data, message->bytes->len, fds,
                ARRAY_SIZE(fds));
    return WIRE_DROP;
}

static WireFate twice(Wire *wire, WireMessage *message)
{
    wire_inject(wire, message->bytes->data, message->bytes->len, NULL, 0);
    return WIRE_PASS;
}

/* The stream is not to be trusted, or has ended. */
#define FATAL true

typedef struct Alteration {
    const char *name;
    WireFate (*alter)(Wire *wire, WireMessage *message);
    bool fatal;
    int timeout;
} Alteration;

static const Alteration alterations[] = {
    { "never-comes", drop, false, SHORT_TIMEOUT_MS },
    { "wrong-id", wrong_id, FATAL, LONG_TIMEOUT_MS },
    { "wrong-command", wrong_command, FATAL, LONG_TIMEOUT_MS },
    { "unknown-command", unknown_command, FATAL, LONG_TIMEOUT_MS },
    { "unknown-type", unknown_type, FATAL, LONG_TIMEOUT_MS },
    { "size-zero", size_zero, FATAL, LONG_TIMEOUT_MS },
    { "size-less-than-header", size_less_than_header, FATAL, LONG_TIMEOUT_MS },
    { "size-huge", size_huge, FATAL, LONG_TIMEOUT_MS },
    { "size-that-was-asked-for-and-more", size_that_was_asked_for_and_more,
      FATAL, LONG_TIMEOUT_MS },
    { "header-only", header_only, false, LONG_TIMEOUT_MS },
    { "payload-too-short", payload_too_short, false, LONG_TIMEOUT_MS },
    { "ones", ones, false, LONG_TIMEOUT_MS },
    { "zeros", zeros, false, LONG_TIMEOUT_MS },
    { "an-error", an_error, false, LONG_TIMEOUT_MS },
    { "no-error", no_error, FATAL, LONG_TIMEOUT_MS },
    { "error-like-a-size", error_like_a_size, FATAL, LONG_TIMEOUT_MS },
    { "error-huge", error_huge, FATAL, LONG_TIMEOUT_MS },
    { "with-fds", with_fds, FATAL, LONG_TIMEOUT_MS },
    { "twice", twice, FATAL, LONG_TIMEOUT_MS },
};

/*
 * Realize: each message of the dialogue in turn is altered.
 */

typedef struct Attack {
    const Alteration *alteration;
    unsigned left;              /* replies that are passed on before */
    unsigned cut;               /* where, without an alteration */
    bool done;
} Attack;

static WireFate tamper_one_reply(Wire *wire, WireMessage *message,
                                 void *opaque)
{
    Attack *attack = opaque;

    if (!message->from_host || attack->done) {
        return WIRE_PASS;
    }
    if (attack->left) {
        attack->left--;
        return WIRE_PASS;
    }
    if (attack->alteration) {
        attack->done = true;
        return attack->alteration->alter(wire, message);
    }
    if (attack->cut >= message->bytes->len) {
        return WIRE_PASS;
    }
    attack->done = true;
    g_byte_array_set_size(message->bytes, attack->cut);
    return WIRE_CUT;
}

/*
 * Returns false if the dialogue was over before the attack began. Where a
 * server dies while it is asked for what it need not have, the device is there
 * for a moment. On a slow machine a good reply may come after a short time-out:
 * then the attack has yet to come.
 */
static bool attack_realize(Scene *scene, const Attack *planned, int timeout,
                           bool fatal)
{
    Attack attack;
    QDict *response;
    bool failed;

    do {
        attack = *planned;
        wire_set_tamper(scene->wire, tamper_one_reply, &attack);
        response = try_to_plug_within(scene, timeout);
        wire_set_tamper(scene->wire, NULL, NULL);
        failed = qdict_haskey(response, "error");
        qobject_unref(response);
        if (!failed) {
            if (attack.done && fatal) {
                wait_state(scene->bed, "NOT_OPER");
            }
            qtest_qmp_device_del(scene->bed->qts, "ccw0");
        }
        assert_nothing_left(scene);
        forget_reports(scene);
    } while (failed && !attack.done);
    return attack.done;
}

static void test_realize(const void *data)
{
    const Alteration *alteration = data;
    Scene *scene = scene_new();

    for (unsigned n = 0;; n++) {
        Attack attack = { .alteration = alteration, .left = n };

        if (!attack_realize(scene, &attack, alteration->timeout,
                            alteration->fatal)) {
            g_assert_cmpint(n, >, 10);
            break;
        }
    }
    scene_end(scene);
}

static void test_realize_cut(void)
{
    Scene *scene = scene_new();
    unsigned places = 0, cut;

    for (unsigned n = 0;; n++) {
        for (cut = 0;; cut++) {
            Attack attack = { .left = n, .cut = cut };

            if (!attack_realize(scene, &attack, LONG_TIMEOUT_MS, FATAL)) {
                break;
            }
            places++;
        }
        if (!cut) {
            break;
        }
    }
    g_test_message("cut in %u places", places);
    g_assert_cmpint(places, >, 500);
    scene_end(scene);
}

/*
 * The bound of realize. Each answer comes long before x-msg-timeout is over,
 * but all of them together are late: this server takes LATE_MS for each, or for
 * each byte, and that makes more than BOUND_MS. A slow machine only makes it
 * later still.
 */

#define LATE_MS 20
#define BOUND_MS 100

static WireFate tamper_answer_late(Wire *wire, WireMessage *message,
                                   void *opaque)
{
    if (message->from_host) {
        g_usleep(LATE_MS * 1000);
    }
    return WIRE_PASS;
}

static WireFate tamper_trickle(Wire *wire, WireMessage *message, void *opaque)
{
    if (!message->from_host) {
        return WIRE_PASS;
    }
    for (size_t i = 0; i < message->bytes->len; i++) {
        g_usleep(LATE_MS * 1000);
        if (!wire_inject(wire, message->bytes->data + i, 1, NULL, 0)) {
            return WIRE_CUT;
        }
    }
    return WIRE_DROP;
}

static void assert_late(Scene *scene, QDict *response)
{
    g_autofree char *why = g_strdup_printf("%s: the server has not answered "
                                           "within %d ms", scene->bed->socket,
                                           BOUND_MS);
    const char *desc;

    g_assert_true(qdict_haskey(response, "error"));
    desc = qdict_get_str(qdict_get_qdict(response, "error"), "desc");
    g_test_message("%s", desc);
    g_assert_nonnull(strstr(desc, "vfio-ccw ccw0 (device fe.0.1234"));
    g_assert_nonnull(strstr(desc, why));
    qobject_unref(response);
    assert_nothing_left(scene);
    forget_reports(scene);
}

static void test_realize_is_bounded(const void *data)
{
    Scene *scene = scene_new();

    wire_set_tamper(scene->wire, data, NULL);
    assert_late(scene, try_to_plug_within(scene, BOUND_MS));
    wire_set_tamper(scene->wire, NULL, NULL);
    scene_end(scene);
}

/* No CPU waits while the machine is stopped: there the bound is another. */
static void test_realize_of_a_stopped_machine(void)
{
    Scene *scene = scene_new();
    QTestState *qts = scene->bed->qts;
    QDict *response;

    wire_set_tamper(scene->wire, tamper_answer_late, NULL);
    qtest_qmp_assert_success(qts, "{'execute': 'stop'}");
    response = try_to_plug_within(scene, 1);
    g_assert_true(qdict_haskey(response, "return"));
    qobject_unref(response);
    wire_set_tamper(scene->wire, NULL, NULL);
    qtest_qmp_assert_success(qts, "{'execute': 'cont'}");
    forget_reports(scene);
    qcss_enable(qts, SCHID, INTPARM_MSCH);
    assert_usable(scene->bed);
    unplug(scene);
    assert_nothing_left(scene);
    scene_end(scene);
}

/* A region that could be mapped comes with a file, as the protocol has it. */
static WireFate tamper_region_fd(Wire *wire, WireMessage *message, void *opaque)
{
    int fd = STDERR_FILENO;

    if (!message->from_host ||
        wire_header(message)->command != VFIO_USER_DEVICE_GET_REGION_INFO) {
        return WIRE_PASS;
    }
    wire_inject(wire, message->bytes->data, message->bytes->len, &fd, 1);
    return WIRE_DROP;
}

static void test_realize_regions_with_fd(void)
{
    Scene *scene = scene_new();

    wire_set_tamper(scene->wire, tamper_region_fd, NULL);
    plug_and_enable(scene, LONG_TIMEOUT_MS);
    unplug(scene);
    assert_nothing_left(scene);
    scene_end(scene);
}

/*
 * The server is lost, and comes back: of each message of the dialogue in turn
 * it only sends the beginning, then it is lost again.
 */

/*
 * Returns false if the dialogue was over before the attack began. The reset is
 * the first thing that the host is asked for when it has returned: that waits.
 */
static bool attack_return(Scene *scene, const Attack *planned)
{
    Bed *bed = scene->bed;
    int64_t losses = counter_of(bed, "ccw0", "losses");
    unsigned fds = count_of_qemu(scene->bed, "fd");
    Attack attack = *planned;

    wire_set_tamper(scene->wire, tamper_one_reply, &attack);
    vfio_ccw_host_hold(bed->host, VFIO_CCW_HOST_RESET);
    wire_cut(scene->wire);
    expect_gone(bed);
    wait_returned(scene->bed);
    wire_set_tamper(scene->wire, NULL, NULL);
    vfio_ccw_host_unhold(bed->host, VFIO_CCW_HOST_RESET);

    /* Of what was in between the guest has heard nothing. */
    expect_subchannel_report(bed);
    g_assert_cmpint(counter_of(bed, "ccw0", "losses"), ==, losses + 1);
    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    assert_usable(bed);
    g_assert_cmpint(count_of_qemu(scene->bed, "fd"), ==, fds);
    return attack.done;
}

static void test_return_cut(const void *data)
{
    Attack attack = { .cut = GPOINTER_TO_UINT(data) };
    Scene *scene = scene_new();

    plug_and_enable(scene, LONG_TIMEOUT_MS);
    while (attack_return(scene, &attack)) {
        attack.left++;
    }
    g_test_message("lost at %u messages", attack.left);
    g_assert_cmpint(attack.left, >, 10);
    unplug(scene);
    assert_nothing_left(scene);
    scene_end(scene);
}

/*
 * Guest memory is mapped again when the server is back, and nobody waits for
 * that. A mapping that is refused is noticed all the same.
 */

static WireFate tamper_drop_mapped(Wire *wire, WireMessage *message,
                                   void *opaque)
{
    return message->from_host &&
           wire_header(message)->command == VFIO_USER_DMA_MAP ? WIRE_DROP
                                                              : WIRE_PASS;
}

static void test_return_mapping_unanswered(void)
{
    Scene *scene = scene_new();

    plug_and_enable(scene, LONG_TIMEOUT_MS);
    wire_set_tamper(scene->wire, tamper_drop_mapped, NULL);
    wire_cut(scene->wire);
    expect_gone(scene->bed);
    wait_returned(scene->bed);
    expect_usable(scene->bed);
    unplug(scene);
    assert_nothing_left(scene);
    scene_end(scene);
}

/*
 * Nor is anything else waited for by others than who brings the device back.
 * The answer may take hours: meanwhile the device can be given up.
 */

typedef struct Silence {
    const char *name;
    uint16_t command;           /* is not answered ... */
    unsigned answered;          /* after so many times that it is */
} Silence;

static const Silence silences[] = {
    { "description", VFIO_USER_DEVICE_GET_INFO, 0 },
    { "region", VFIO_USER_DEVICE_GET_REGION_INFO, 0 },
    { "interrupt", VFIO_USER_DEVICE_SET_IRQS, 0 },
    { "another-interrupt", VFIO_USER_DEVICE_SET_IRQS, 1 },
};

typedef struct Silenced {
    const Silence *silence;
    unsigned replies;
} Silenced;

static WireFate tamper_silence(Wire *wire, WireMessage *message, void *opaque)
{
    Silenced *silenced = opaque;

    if (!message->from_host ||
        wire_header(message)->command != silenced->silence->command) {
        return WIRE_PASS;
    }
    return qatomic_fetch_inc(&silenced->replies) < silenced->silence->answered
           ? WIRE_PASS : WIRE_DROP;
}

static void test_return_unanswered(const void *data)
{
    Silenced silenced = { .silence = data };
    Scene *scene = scene_new();
    int64_t deadline = qcss_deadline();

    plug_and_enable(scene, HOURS_MS);
    wire_set_tamper(scene->wire, tamper_silence, &silenced);
    wire_cut(scene->wire);
    expect_gone(scene->bed);
    while (qatomic_read(&silenced.replies) <= silenced.silence->answered) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        qtest_clock_step(scene->bed->qts, NS_PER_S);
    }
    assert_unhurt(scene);
    g_assert_true(is_lost(scene->bed));
    qtest_qmp_device_del(scene->bed->qts, "ccw0");
    assert_nothing_left(scene);
    scene_end(scene);
}

/*
 * A server forgets the memory of a client that goes: nobody asks it to.
 */

static WireFate tamper_count_unmaps(Wire *wire, WireMessage *message,
                                    void *unmaps)
{
    if (wire_header(message)->command == VFIO_USER_DMA_UNMAP) {
        qatomic_inc((unsigned *)unmaps);
    }
    return WIRE_PASS;
}

static void test_unplug_unmaps_nothing(void)
{
    Scene *scene = scene_new();
    VfioCcwHost *host = scene->bed->host;
    unsigned closes = vfio_ccw_host_count(host, VFIO_CCW_HOST_CLOSES);
    unsigned unmaps = 0;

    plug_and_enable(scene, LONG_TIMEOUT_MS);
    wire_set_tamper(scene->wire, tamper_count_unmaps, &unmaps);
    unplug(scene);
    vfio_ccw_host_wait_count(host, VFIO_CCW_HOST_CLOSES, closes + 1);
    g_assert_cmpuint(qatomic_read(&unmaps), ==, 0);
    scene_end(scene);
}

static WireFate tamper_refuse_mapping(Wire *wire, WireMessage *message,
                                      void *refused)
{
    if (message->from_host &&
        wire_header(message)->command == VFIO_USER_DMA_MAP) {
        set_error(message, ENOMEM);
        qatomic_inc((unsigned *)refused);
    }
    return WIRE_PASS;
}

static void test_return_mapping_refused(void)
{
    Scene *scene = scene_new();
    unsigned refused = 0;

    plug_and_enable(scene, LONG_TIMEOUT_MS);
    wire_set_tamper(scene->wire, tamper_refuse_mapping, &refused);
    wire_cut(scene->wire);
    expect_gone(scene->bed);
    while (qatomic_read(&refused) < 3) {
        qtest_clock_step(scene->bed->qts, NS_PER_S);
        g_assert_true(is_lost(scene->bed));
    }
    wire_set_tamper(scene->wire, NULL, NULL);
    g_assert_false(qcss_dequeue_crw_mchk(scene->bed->qts));

    wait_returned(scene->bed);
    expect_usable(scene->bed);
    unplug(scene);
    assert_nothing_left(scene);
    scene_end(scene);
}

/*
 * Realize: replies that are well-formed, but make no sense.
 */

typedef struct Nonsense {
    const char *name;
    uint16_t command;           /* replies to this are altered, all of them */
    void (*alter)(WireMessage *message);
    const char *why;            /* plug says so; NULL: the device works */
    const char *json;           /* instead of alter: what the server can do */
} Nonsense;

static void set_capabilities(WireMessage *message, const char *json)
{
    set_size(message, sizeof(VFIOUserVersion));
    g_byte_array_append(message->bytes, (const void *)json, strlen(json) + 1);
    wire_header(message)->size = message->bytes->len;
}

static WireFate tamper_nonsense(Wire *wire, WireMessage *message, void *opaque)
{
    const Nonsense *nonsense = opaque;

    if (!message->from_host ||
        wire_header(message)->command != nonsense->command) {
        return WIRE_PASS;
    }
    if (nonsense->json) {
        set_capabilities(message, nonsense->json);
    } else {
        nonsense->alter(message);
    }
    return WIRE_PASS;
}

static void other_major(WireMessage *message)
{
    ((VFIOUserVersion *)message->bytes->data)->major++;
}

static void unterminated_json(WireMessage *message)
{
    set_size(message, message->bytes->len - 1);
}

static VFIOUserDeviceInfo *device_info(WireMessage *message)
{
    return (VFIOUserDeviceInfo *)message->bytes->data;
}

static void regions_huge(WireMessage *message)
{
    device_info(message)->num_regions = UINT32_MAX;
}

static void regions_zero(WireMessage *message)
{
    device_info(message)->num_regions = 0;
}

static void regions_more_than_there_are(WireMessage *message)
{
    device_info(message)->num_regions = 100;
}

static void irqs_huge(WireMessage *message)
{
    device_info(message)->num_irqs = UINT32_MAX;
}

static void irqs_zero(WireMessage *message)
{
    device_info(message)->num_irqs = 0;
}

static VFIOUserRegionInfo *region_info(WireMessage *message)
{
    return (VFIOUserRegionInfo *)message->bytes->data;
}

static void region_argsz_huge(WireMessage *message)
{
    region_info(message)->argsz = UINT32_MAX;
}

/* The header of the message is to fit in as well. */
static void region_argsz_overflows(WireMessage *message)
{
    region_info(message)->argsz = UINT32_MAX - sizeof(VFIOUserHdr) + 1;
}

static void region_argsz_zero(WireMessage *message)
{
    region_info(message)->argsz = 0;
}

/* QEMU asks again with more room, for as long as it lets itself be fooled. */
static void region_argsz_grows(WireMessage *message)
{
    static uint32_t argsz = sizeof(struct vfio_region_info);

    region_info(message)->argsz = ++argsz;
}

static void region_index_other(WireMessage *message)
{
    region_info(message)->index ^= 1;
}

static void region_size_zero(WireMessage *message)
{
    region_info(message)->size = 0;
}

static void region_size_huge(WireMessage *message)
{
    region_info(message)->size = UINT64_MAX;
}

static void set_cap_offset(WireMessage *message, uint32_t offset)
{
    region_info(message)->flags |= VFIO_REGION_INFO_FLAG_CAPS;
    region_info(message)->cap_offset = offset;
}

static void caps_out_of_bounds(WireMessage *message)
{
    set_cap_offset(message, UINT32_MAX - 7);
}

static void caps_over_the_end(WireMessage *message)
{
    set_cap_offset(message, region_info(message)->argsz - 4);
}

static void caps_in_the_header(WireMessage *message)
{
    set_cap_offset(message, 4);
}

static void caps_misaligned(WireMessage *message)
{
    set_cap_offset(message, sizeof(struct vfio_region_info) + 1);
}

/* Of the answers that have one */
static void set_next_cap(WireMessage *message, uint16_t id, uint32_t next)
{
    struct vfio_info_cap_header *cap;

    if (region_info(message)->cap_offset) {
        cap = (void *)(message->bytes->data + sizeof(VFIOUserHdr) +
                       region_info(message)->cap_offset);
        cap->id = id;
        cap->next = next;
    }
}

static void caps_loop(WireMessage *message)
{
    set_next_cap(message, UINT16_MAX, region_info(message)->cap_offset);
}

static void caps_loop_through_information(WireMessage *message)
{
    set_next_cap(message, UINT16_MAX, 8);
}

static void caps_lead_away(WireMessage *message)
{
    set_next_cap(message, UINT16_MAX, 0x7fffff00);
}

static void irq_index_other(WireMessage *message)
{
    ((VFIOUserIRQInfo *)message->bytes->data)->index ^= 1;
}

static void irq_count_zero(WireMessage *message)
{
    ((VFIOUserIRQInfo *)message->bytes->data)->count = 0;
}

static void irq_count_huge(WireMessage *message)
{
    ((VFIOUserIRQInfo *)message->bytes->data)->count = UINT32_MAX;
}

static void read_count_too_large(WireMessage *message)
{
    ((VFIOUserRegionRW *)message->bytes->data)->count = UINT32_MAX;
}

static void read_count_too_small(WireMessage *message)
{
    VFIOUserRegionRW *rw = (VFIOUserRegionRW *)message->bytes->data;

    rw->count--;
    set_size(message, message->bytes->len - 1);
}

static void read_count_without_data(WireMessage *message)
{
    set_size(message, sizeof(VFIOUserRegionRW));
}

static const Nonsense nonsenses[] = {
    { "other-major-version", VFIO_USER_VERSION, other_major, "incompatible" },
    { "unterminated-json", VFIO_USER_VERSION, unterminated_json, "corrupt" },
    { "no-json", VFIO_USER_VERSION, .json = "{", .why = "malformed" },
    { "json-array", VFIO_USER_VERSION, .json = "[]", .why = "not an object" },
    { "capability-no-object", VFIO_USER_VERSION,
      .json = "{\"capabilities\": 1}", .why = "malformed capabilities" },
    { "migration-no-object", VFIO_USER_VERSION,
      .json = "{\"capabilities\": {\"migration\": 1, \"write_multiple\": 1}}",
      .why = "malformed migration" },
    { "migration-page-size-zero", VFIO_USER_VERSION,
      .json = "{\"capabilities\": {\"migration\": {\"pgsize\": 0}}}",
      .why = "too small" },
    { "page-size-zero", VFIO_USER_VERSION,
      .json = "{\"capabilities\": {\"pgsizes\": 0}}", .why = "too small" },
    { "transfer-size-zero", VFIO_USER_VERSION,
      .json = "{\"capabilities\": {\"max_data_xfer_size\": 0}}",
      .why = "cannot read the host's SCHIB" },
    { "transfer-size-huge", VFIO_USER_VERSION,
      .json = "{\"capabilities\": {\"max_data_xfer_size\":"
              "18446744073709551615}}",
      .why = "malformed max_data_xfer_size" },
    { "no-fds", VFIO_USER_VERSION,
      .json = "{\"capabilities\": {\"max_msg_fds\": 0}}" },
    { "unknown-capability", VFIO_USER_VERSION,
      .json = "{\"capabilities\": {\"coffee\": true}}" },
    { "regions-huge", VFIO_USER_DEVICE_GET_INFO, regions_huge, "invalid" },
    { "regions-zero", VFIO_USER_DEVICE_GET_INFO, regions_zero,
      "no I/O region" },
    { "regions-more-than-there-are", VFIO_USER_DEVICE_GET_INFO,
      regions_more_than_there_are, NULL },
    { "irqs-huge", VFIO_USER_DEVICE_GET_INFO, irqs_huge, "invalid" },
    { "irqs-zero", VFIO_USER_DEVICE_GET_INFO, irqs_zero, "no I/O interrupt" },
    { "region-argsz-huge", VFIO_USER_DEVICE_GET_REGION_INFO,
      region_argsz_huge, "I/O region" },
    { "region-argsz-overflows", VFIO_USER_DEVICE_GET_REGION_INFO,
      region_argsz_overflows, "I/O region" },
    { "region-argsz-zero", VFIO_USER_DEVICE_GET_REGION_INFO,
      region_argsz_zero, NULL },
    { "region-argsz-grows", VFIO_USER_DEVICE_GET_REGION_INFO,
      region_argsz_grows, "I/O region" },
    { "region-index-other", VFIO_USER_DEVICE_GET_REGION_INFO,
      region_index_other, "I/O region" },
    { "region-size-zero", VFIO_USER_DEVICE_GET_REGION_INFO, region_size_zero,
      "0 bytes" },
    { "region-size-huge", VFIO_USER_DEVICE_GET_REGION_INFO, region_size_huge,
      "18446744073709551615 bytes" },
    { "caps-out-of-bounds", VFIO_USER_DEVICE_GET_REGION_INFO,
      caps_out_of_bounds, "I/O region" },
    { "caps-over-the-end", VFIO_USER_DEVICE_GET_REGION_INFO,
      caps_over_the_end, "I/O region" },
    { "caps-in-the-header", VFIO_USER_DEVICE_GET_REGION_INFO,
      caps_in_the_header, "I/O region" },
    { "caps-misaligned", VFIO_USER_DEVICE_GET_REGION_INFO, caps_misaligned,
      "I/O region" },
    { "caps-loop", VFIO_USER_DEVICE_GET_REGION_INFO, caps_loop, NULL },
    { "caps-loop-through-information", VFIO_USER_DEVICE_GET_REGION_INFO,
      caps_loop_through_information, NULL },
    { "caps-lead-away", VFIO_USER_DEVICE_GET_REGION_INFO, caps_lead_away,
      NULL },
    { "irq-index-other", VFIO_USER_DEVICE_GET_IRQ_INFO, irq_index_other,
      NULL },
    { "irq-count-zero", VFIO_USER_DEVICE_GET_IRQ_INFO, irq_count_zero,
      "no I/O interrupt" },
    { "irq-count-huge", VFIO_USER_DEVICE_GET_IRQ_INFO, irq_count_huge, NULL },
    { "read-count-too-large", VFIO_USER_REGION_READ, read_count_too_large,
      "without its data" },
    { "read-count-too-small", VFIO_USER_REGION_READ, read_count_too_small,
      "SCHIB" },
    { "read-count-without-data", VFIO_USER_REGION_READ,
      read_count_without_data, "without its data" },
};

static void test_nonsense(const void *data)
{
    const Nonsense *nonsense = data;
    Scene *scene = scene_new();
    QDict *response;
    const char *desc;

    wire_set_tamper(scene->wire, tamper_nonsense, (void *)nonsense);
    response = try_to_plug(scene, LONG_TIMEOUT_MS);
    wire_set_tamper(scene->wire, NULL, NULL);
    if (nonsense->why) {
        g_assert_true(qdict_haskey(response, "error"));
        desc = qdict_get_str(qdict_get_qdict(response, "error"), "desc");
        g_test_message("%s", desc);
        g_assert_nonnull(strstr(desc, nonsense->why));
    } else {
        g_assert_true(qdict_haskey(response, "return"));
        qcss_enable(scene->bed->qts, SCHID, INTPARM_MSCH);
        assert_usable(scene->bed);
        qtest_qmp_device_del(scene->bed->qts, "ccw0");
    }
    qobject_unref(response);
    assert_nothing_left(scene);
    forget_reports(scene);
    scene_end(scene);
}

/*
 * I/O: one reply is altered while the device is in use.
 */

typedef struct Target {
    const char *name;
    uint16_t command;
    uint32_t region;
    unsigned size;
    bool payload_matters;       /* wrong in a way that can be seen: gone */
    bool error_matters;
    void (*provoke)(Scene *scene);
} Target;

static void provoke_start(Scene *scene)
{
    start_accepted(scene->bed);
}

static void provoke_irb(Scene *scene)
{
    start_accepted(scene->bed);
    vfio_ccw_host_present_status(scene->bed->host, NORMAL_END, 0, 0);
}

static void provoke_schib(Scene *scene)
{
    SCHIB schib;

    g_assert_cmpint(qcss_stsch(scene->bed->qts, SCHID, &schib), ==, 0);
}

static const Target targets[] = {
    { "start", VFIO_USER_REGION_WRITE, VFIO_CCW_CONFIG_REGION_INDEX,
      sizeof(VFIOUserRegionRW), true, false, provoke_start },
    { "irb", VFIO_USER_REGION_READ, VFIO_CCW_CONFIG_REGION_INDEX,
      sizeof(VFIOUserRegionRW) + sizeof(IRB), true, true, provoke_irb },
    { "schib", VFIO_USER_REGION_READ, VFIO_CCW_HOST_REGION_SCHIB,
      sizeof(VFIOUserRegionRW) + sizeof(SCHIB), true, false, provoke_schib },
};

typedef struct IoAttack {
    const Target *target;
    Attack attack;
} IoAttack;

static WireFate tamper_target(Wire *wire, WireMessage *message, void *opaque)
{
    IoAttack *io = opaque;
    const VFIOUserRegionRW *rw = (VFIOUserRegionRW *)message->bytes->data;

    if (rw->hdr.command != io->target->command ||
        message->bytes->len < sizeof(*rw) ||
        rw->region != io->target->region) {
        return WIRE_PASS;
    }
    return tamper_one_reply(wire, message, &io->attack);
}

static bool means_gone(const IoAttack *io)
{
    const Alteration *alteration = io->attack.alteration;

    if (!alteration || alteration->fatal || alteration->alter == drop) {
        return true;
    }
    return alteration->alter == an_error ? io->target->error_matters
                                         : io->target->payload_matters;
}

/* The host has accepted a start that QEMU takes for refused. */
static void survive_refused_start(Bed *bed)
{
    expect_irb(bed, SCSW_FCTL_START_FUNC | SCSW_STCTL_ALERT | FINAL_STCTL, 0,
               SCSW_CSTAT_PROG_CHECK);
    g_assert_cmpint(qcss_csch(bed->qts, SCHID), ==, 0);
    vfio_ccw_host_wait_clear(bed->host);
    vfio_ccw_host_present_status(bed->host, 0, 0, 0);
    expect_end_of(bed, SCSW_FCTL_CLEAR_FUNC);
}

static void survive(Bed *bed, const IoAttack *io)
{
    if (io->target->provoke == provoke_start) {
        if (io->attack.alteration->alter == an_error) {
            survive_refused_start(bed);
        } else {
            vfio_ccw_host_present_status(bed->host, NORMAL_END, 0, 0);
            expect_normal_end(bed);
        }
    }
    assert_usable(bed);
}

static void attack_io(Scene *scene, IoAttack *io)
{
    const Alteration *alteration = io->attack.alteration;

    plug_and_enable(scene, alteration && alteration->alter == drop
                           ? TIMEOUT_MS : LONG_TIMEOUT_MS);
    wire_set_tamper(scene->wire, tamper_target, io);
    io->target->provoke(scene);
    if (means_gone(io)) {
        expect_gone(scene->bed);
    } else {
        survive(scene->bed, io);
    }
    wire_set_tamper(scene->wire, NULL, NULL);
    g_assert_true(io->attack.done);
    unplug(scene);
    assert_nothing_left(scene);
}

static void test_io(const void *data)
{
    const Target *target = data;
    Scene *scene = scene_new();

    for (size_t i = 0; i < ARRAY_SIZE(alterations); i++) {
        IoAttack io = {
            .target = target,
            .attack.alteration = &alterations[i],
        };

        g_test_message("%s", alterations[i].name);
        attack_io(scene, &io);
    }
    scene_end(scene);
}

static void test_io_cut(const void *data)
{
    const Target *target = data;
    Scene *scene = scene_new();

    for (unsigned cut = 0; cut < target->size; cut++) {
        IoAttack io = { .target = target, .attack.cut = cut };

        attack_io(scene, &io);
    }
    scene_end(scene);
}

/* An answer to a start that was given up long ago */

typedef struct Late {
    IoAttack io;                /* drops it */
    GByteArray *reply;
} Late;

static WireFate tamper_keep(Wire *wire, WireMessage *message, void *opaque)
{
    Late *late = opaque;
    WireFate fate = tamper_target(wire, message, &late->io);

    if (fate == WIRE_DROP) {
        late->reply = g_byte_array_ref(message->bytes);
    }
    return fate;
}

static void test_io_late(const void *data)
{
    Late late = {
        .io.target = data,
        .io.attack.alteration = &alterations[0],
    };
    Scene *scene = scene_new();

    plug_and_enable(scene, TIMEOUT_MS);
    wire_set_tamper(scene->wire, tamper_keep, &late);
    late.io.target->provoke(scene);
    expect_gone(scene->bed);
    wire_set_tamper(scene->wire, NULL, NULL);
    g_assert_true(wire_inject(scene->wire, late.reply->data, late.reply->len,
                              NULL, 0));
    g_byte_array_unref(late.reply);
    assert_unhurt(scene);
    unplug(scene);
    assert_nothing_left(scene);
    scene_end(scene);
}

/*
 * Requests of the server, which QEMU answers, while a start is active.
 */

#define REQUEST_ID 0xbeef

/* The guest's storage ends long before. */
#define NO_STORAGE 0x7fff000000000000ULL

/* A bit of a message's flags that the protocol leaves to its future */
#define NO_FLAG_YET 0x40

typedef struct Request {
    const char *name;
    uint16_t command;
    uint64_t offset;
    uint64_t count;
    unsigned size;              /* of the message */
    unsigned nr_fds;
    int error;                  /* what QEMU answers */
    uint32_t flags;
} Request;

static const Request requests[] = {
    { "read", VFIO_USER_DMA_READ, DATA, 64, sizeof(VFIOUserDMARW), 0, 0 },
    /* More than fits into a socket at once */
    { "read-as-much-as-possible", VFIO_USER_DMA_READ, DATA,
      VFIO_USER_DEF_MAX_XFER, sizeof(VFIOUserDMARW), 0, 0 },
    { "read-more-than-possible", VFIO_USER_DMA_READ, DATA,
      VFIO_USER_DEF_MAX_XFER + 1, sizeof(VFIOUserDMARW), 0, EINVAL },
    { "read-count-huge", VFIO_USER_DMA_READ, DATA, UINT32_MAX,
      sizeof(VFIOUserDMARW), 0, EINVAL },
    { "read-count-overflows", VFIO_USER_DMA_READ, DATA, UINT64_MAX,
      sizeof(VFIOUserDMARW), 0, EINVAL },
    { "read-no-storage", VFIO_USER_DMA_READ, NO_STORAGE, 64,
      sizeof(VFIOUserDMARW), 0, ENODEV },
    { "read-over-the-end", VFIO_USER_DMA_READ, UINT64_MAX - 7, 64,
      sizeof(VFIOUserDMARW), 0, ENODEV },
    { "read-nothing", VFIO_USER_DMA_READ, DATA, 0, sizeof(VFIOUserDMARW), 0,
      0 },
    { "read-header-only", VFIO_USER_DMA_READ, 0, 0, sizeof(VFIOUserHdr), 0,
      EINVAL },
    { "read-with-fds", VFIO_USER_DMA_READ, DATA, 64, sizeof(VFIOUserDMARW), 3,
      EINVAL },
    { "write", VFIO_USER_DMA_WRITE, DATA, 64, sizeof(VFIOUserDMARW) + 64, 0,
      0 },
    { "write-nothing", VFIO_USER_DMA_WRITE, DATA, 0, sizeof(VFIOUserDMARW), 0,
      0 },
    { "write-more-than-was-sent", VFIO_USER_DMA_WRITE, DATA, 65,
      sizeof(VFIOUserDMARW) + 64, 0, EINVAL },
    { "write-count-huge", VFIO_USER_DMA_WRITE, DATA, UINT32_MAX,
      sizeof(VFIOUserDMARW) + 64, 0, EINVAL },
    { "write-count-overflows", VFIO_USER_DMA_WRITE, DATA, UINT64_MAX,
      sizeof(VFIOUserDMARW) + 64, 0, EINVAL },
    { "write-no-storage", VFIO_USER_DMA_WRITE, NO_STORAGE, 64,
      sizeof(VFIOUserDMARW) + 64, 0, ENODEV },
    { "write-header-only", VFIO_USER_DMA_WRITE, 0, 0, sizeof(VFIOUserHdr), 0,
      EINVAL },
    { "of-a-client", VFIO_USER_DEVICE_GET_INFO, 0, 0,
      sizeof(VFIOUserDeviceInfo), 0, EINVAL },
    { "unknown", UINT16_MAX, 0, 0, sizeof(VFIOUserHdr), 0, EINVAL },
    { "unknown-with-fds", UINT16_MAX, 0, 0, 4096, 16, EINVAL },
    { "read-with-other-flags", VFIO_USER_DMA_READ, DATA, 64,
      sizeof(VFIOUserDMARW), 0, 0, NO_FLAG_YET },
    { "unknown-with-other-flags", UINT16_MAX, 0, 0, sizeof(VFIOUserHdr), 0,
      EINVAL, NO_FLAG_YET },
};

typedef struct Answer {
    QemuEvent came;
    VFIOUserHdr hdr;
    unsigned len;
} Answer;

/* The host never asked, so it does not get the answer. */
static WireFate tamper_take_answer(Wire *wire, WireMessage *message,
                                   void *opaque)
{
    const VFIOUserHdr *hdr = wire_header(message);
    Answer *answer = opaque;

    if (message->from_host || hdr->id != REQUEST_ID ||
        (hdr->flags & VFIO_USER_TYPE) != VFIO_USER_REPLY) {
        return WIRE_PASS;
    }
    answer->hdr = *hdr;
    answer->len = message->bytes->len;
    qemu_event_set(&answer->came);
    return WIRE_DROP;
}

static void ask(Scene *scene, const Request *request)
{
    g_autofree uint8_t *bytes = g_malloc0(MAX(request->size,
                                              sizeof(VFIOUserDMARW)));
    VFIOUserDMARW *rw = (VFIOUserDMARW *)bytes;
    int fds[16] = { 0 };

    rw->offset = request->offset;
    rw->count = request->count;
    rw->hdr = (VFIOUserHdr) {
        .id = REQUEST_ID,
        .command = request->command,
        .size = request->size,
        .flags = request->flags,
    };
    g_assert_true(wire_inject(scene->wire, bytes, request->size, fds,
                              request->nr_fds));
}

static void assert_answered(const Request *request, const Answer *answer)
{
    unsigned size = sizeof(VFIOUserHdr);

    if (!request->error) {
        size = sizeof(VFIOUserDMARW);
        size += request->command == VFIO_USER_DMA_READ ? request->count : 0;
    }
    g_assert_cmphex(answer->hdr.command, ==, request->command);
    g_assert_cmpint(!!(answer->hdr.flags & VFIO_USER_ERROR), ==,
                    !!request->error);
    g_assert_cmpint(answer->hdr.error_reply, ==, request->error);
    g_assert_cmpint(answer->len, ==, size);
}

static void test_request(const void *data)
{
    const Request *request = data;
    Scene *scene = scene_new();
    Answer answer = { 0 };
    unsigned fds;

    qemu_event_init(&answer.came, false);
    plug_and_enable(scene, LONG_TIMEOUT_MS);
    start_active(scene->bed);
    fds = count_of_qemu(scene->bed, "fd");
    wire_set_tamper(scene->wire, tamper_take_answer, &answer);
    ask(scene, request);
    qemu_event_wait(&answer.came);
    assert_answered(request, &answer);
    g_assert_cmpint(count_of_qemu(scene->bed, "fd"), ==, fds);

    vfio_ccw_host_present_status(scene->bed->host, NORMAL_END, 0, 0);
    expect_normal_end(scene->bed);
    unplug(scene);
    assert_nothing_left(scene);
    scene_end(scene);
    qemu_event_destroy(&answer.came);
}

/*
 * Requests that want no answer, and then one that does. Their layout is that of
 * docs/interop/vfio-user.rst.
 */

#define QUIET_ID 0xbeee
#define WORD 0x0123456789abcdefULL

typedef struct QEMU_PACKED WordMessage {
    VFIOUserHdr hdr;
    uint64_t address;
    uint64_t count;
    uint64_t word;
} WordMessage;

typedef struct Quiet {
    QemuEvent came;
    WordMessage answer;
    unsigned unwanted;          /* answers */
} Quiet;

static WireFate tamper_quiet(Wire *wire, WireMessage *message, void *opaque)
{
    const VFIOUserHdr *hdr = wire_header(message);
    Quiet *quiet = opaque;

    if (message->from_host ||
        (hdr->flags & VFIO_USER_TYPE) != VFIO_USER_REPLY) {
        return WIRE_PASS;
    }
    if (hdr->id == QUIET_ID) {
        quiet->unwanted++;
        return WIRE_DROP;
    }
    if (hdr->id == REQUEST_ID) {
        g_assert_cmpint(message->bytes->len, ==, sizeof(quiet->answer));
        memcpy(&quiet->answer, hdr, sizeof(quiet->answer));
        qemu_event_set(&quiet->came);
        return WIRE_DROP;
    }
    return WIRE_PASS;
}

static void ask_for_word(Scene *scene, uint16_t command, uint64_t address,
                         bool quiet)
{
    WordMessage message = {
        .hdr = {
            .id = quiet ? QUIET_ID : REQUEST_ID,
            .command = command,
            .size = command == VFIO_USER_DMA_WRITE ?
                    sizeof(message) : offsetof(WordMessage, word),
            .flags = quiet ? VFIO_USER_NO_REPLY : 0,
        },
        .address = address,
        .count = sizeof(message.word),
        .word = WORD,
    };

    g_assert_true(wire_inject(scene->wire, &message, message.hdr.size, NULL,
                              0));
}

static void test_requests_without_answer(void)
{
    Scene *scene = scene_new();
    Quiet quiet = { 0 };

    qemu_event_init(&quiet.came, false);
    plug_and_enable(scene, LONG_TIMEOUT_MS);
    wire_set_tamper(scene->wire, tamper_quiet, &quiet);
    ask_for_word(scene, VFIO_USER_DMA_READ, DATA, true);
    ask_for_word(scene, VFIO_USER_DMA_READ, NO_STORAGE, true);
    ask_for_word(scene, VFIO_USER_DEVICE_GET_INFO, 0, true);
    ask_for_word(scene, VFIO_USER_DMA_WRITE, DATA, true);
    ask_for_word(scene, VFIO_USER_DMA_READ, DATA, false);
    qemu_event_wait(&quiet.came);
    g_assert_cmphex(quiet.answer.address, ==, DATA);
    g_assert_cmpint(quiet.answer.count, ==, sizeof(quiet.answer.word));
    g_assert_cmphex(quiet.answer.word, ==, WORD);
    g_assert_cmpint(quiet.unwanted, ==, 0);
    unplug(scene);
    assert_nothing_left(scene);
    scene_end(scene);
    qemu_event_destroy(&quiet.came);
}

/*
 * A socket knows no messages: they come in pieces, and several at a time.
 */

static void test_pieces(void)
{
    static const size_t sizes[] = { 1, 2, 3, 5, 7, 15, 16, 17, 31, 33, 61 };
    Scene *scene = scene_new();

    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        wire_set_pieces(scene->wire, sizes[i]);
        plug_and_enable(scene, LONG_TIMEOUT_MS);
        unplug(scene);
        assert_nothing_left(scene);
    }
    scene_end(scene);
}

/* Of no even size, so that every way to take them apart occurs */
typedef struct QEMU_PACKED OddRequest {
    VFIOUserDMARW rw;
    uint8_t data[5];
} OddRequest;

static const OddRequest odd_request = {
    .rw.hdr = {
        .id = REQUEST_ID,
        .command = VFIO_USER_DMA_WRITE,
        .size = sizeof(odd_request),
    },
    .rw.offset = DATA,
    .rw.count = sizeof(odd_request.data),
};

#define REQUESTS_BEHIND 40

typedef struct Crowd {
    unsigned behind;            /* each message of the host */
    unsigned asked;
    unsigned answered;
    unsigned refused;
} Crowd;

static WireFate tamper_crowd(Wire *wire, WireMessage *message, void *opaque)
{
    const VFIOUserHdr *hdr = wire_header(message);
    Crowd *crowd = opaque;

    if (!message->from_host && hdr->id == REQUEST_ID) {
        qatomic_inc(hdr->flags & VFIO_USER_ERROR ? &crowd->refused
                                                 : &crowd->answered);
        return WIRE_DROP;
    }
    for (unsigned i = 0; message->from_host && i < crowd->behind; i++) {
        g_byte_array_append(message->bytes, (const void *)&odd_request,
                            sizeof(odd_request));
        qatomic_inc(&crowd->asked);
    }
    return WIRE_PASS;
}

static void wait_answers(Scene *scene, Crowd *crowd)
{
    while (qatomic_read(&crowd->answered) + qatomic_read(&crowd->refused) <
           qatomic_read(&crowd->asked)) {
        assert_unhurt(scene);
    }
}

/* Not one is forgotten, although nothing comes any more after the last one. */
static void test_crowd(void)
{
    Scene *scene = scene_new();

    for (unsigned behind = 1; behind <= REQUESTS_BEHIND; behind += 3) {
        Crowd crowd = { .behind = behind };

        wire_set_tamper(scene->wire, tamper_crowd, &crowd);
        plug_and_enable(scene, LONG_TIMEOUT_MS);
        wait_answers(scene, &crowd);
        g_assert_cmpuint(qatomic_read(&crowd.refused), ==, 0);
        unplug(scene);
        wire_set_tamper(scene->wire, NULL, NULL);
        assert_nothing_left(scene);
    }
    scene_end(scene);
}

/* File descriptors are of the last message that comes with them. */
static void test_crowd_with_fds(void)
{
    const struct QEMU_PACKED {
        OddRequest good;
        VFIOUserHdr unknown;
    } both = {
        .good = odd_request,
        .unknown = {
            .id = REQUEST_ID,
            .command = UINT16_MAX,
            .size = sizeof(VFIOUserHdr),
        },
    };
    Scene *scene = scene_new();
    Crowd crowd = { .asked = 2 };
    int fds[3] = { 0 };
    unsigned open_fds;

    plug_and_enable(scene, LONG_TIMEOUT_MS);
    open_fds = count_of_qemu(scene->bed, "fd");
    wire_set_tamper(scene->wire, tamper_crowd, &crowd);
    g_assert_true(wire_inject(scene->wire, &both, sizeof(both), fds,
                              ARRAY_SIZE(fds)));
    wait_answers(scene, &crowd);
    g_assert_cmpuint(qatomic_read(&crowd.answered), ==, 1);
    g_assert_cmpuint(qatomic_read(&crowd.refused), ==, 1);
    g_assert_cmpint(count_of_qemu(scene->bed, "fd"), ==, open_fds);
    assert_usable(scene->bed);
    unplug(scene);
    wire_set_tamper(scene->wire, NULL, NULL);
    assert_nothing_left(scene);
    scene_end(scene);
}

/* Those that come behind the header are nobody's, and soon closed. */
static void test_pieces_with_fds(void)
{
    Scene *scene = scene_new();
    Crowd crowd = { .asked = 1 };
    int fds[3] = { 0 };
    unsigned open_fds;

    plug_and_enable(scene, LONG_TIMEOUT_MS);
    open_fds = count_of_qemu(scene->bed, "fd");
    wire_set_tamper(scene->wire, tamper_crowd, &crowd);
    wire_set_pieces(scene->wire, sizeof(odd_request) - 1);
    g_assert_true(wire_inject(scene->wire, &odd_request, sizeof(odd_request),
                              fds, ARRAY_SIZE(fds)));
    wait_answers(scene, &crowd);
    g_assert_cmpuint(qatomic_read(&crowd.answered), ==, 1);
    wire_set_pieces(scene->wire, 0);
    assert_usable(scene->bed);
    g_assert_cmpint(count_of_qemu(scene->bed, "fd"), ==, open_fds);
    unplug(scene);
    wire_set_tamper(scene->wire, NULL, NULL);
    assert_nothing_left(scene);
    scene_end(scene);
}

/* What can be no message ends the connection. */

typedef struct Garbage {
    const char *name;
    VFIOUserHdr hdr;
} Garbage;

static const Garbage garbages[] = {
    { "reply-that-nobody-asked-for",
      { .id = REQUEST_ID, .command = VFIO_USER_REGION_READ,
        .size = sizeof(VFIOUserHdr), .flags = VFIO_USER_REPLY } },
    { "error-that-nobody-asked-for",
      { .id = REQUEST_ID, .command = VFIO_USER_REGION_READ,
        .size = sizeof(VFIOUserHdr),
        .flags = VFIO_USER_REPLY | VFIO_USER_ERROR, .error_reply = EIO } },
    { "request-too-small", { .command = VFIO_USER_DMA_READ, .size = 15 } },
    { "request-too-large",
      { .command = VFIO_USER_DMA_WRITE, .size = UINT32_MAX } },
    { "zeros", { 0 } },
    { "no-type", { .size = sizeof(VFIOUserHdr), .flags = VFIO_USER_TYPE } },
};

static void test_garbage(const void *data)
{
    const Garbage *garbage = data;
    Scene *scene = scene_new();

    plug_and_enable(scene, LONG_TIMEOUT_MS);
    start_active(scene->bed);
    g_assert_true(wire_inject(scene->wire, &garbage->hdr, sizeof(garbage->hdr),
                              NULL, 0));
    expect_gone(scene->bed);
    unplug(scene);
    assert_nothing_left(scene);
    scene_end(scene);
}

/*
 * A host that is there again but of no use is warned of once, however often it
 * is tried, and once more if it has been of use in between.
 */
static void test_useless_host_is_warned_of_once(void)
{
    const Nonsense no_irqs = {
        .command = VFIO_USER_DEVICE_GET_IRQ_INFO,
        .alter = irq_count_zero,
    };
    const char *warning = "cannot have the host back";
    g_autofree char *said = NULL;
    Scene *scene = scene_new_recorded(&said);
    Bed *bed = scene->bed;
    unsigned opens;

    plug_and_enable(scene, LONG_TIMEOUT_MS);
    for (unsigned losses = 1; losses <= 2; losses++) {
        wire_set_tamper(scene->wire, tamper_nonsense, (void *)&no_irqs);
        opens = vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_OPENS);
        wire_cut(scene->wire);
        expect_gone(bed);
        g_assert_cmpuint(count_said(said, warning), ==, losses - 1);
        wait_reopened(bed, VFIO_CCW_HOST_OPENS, opens + 3);
        wire_set_tamper(scene->wire, NULL, NULL);
        wait_returned(scene->bed);
        g_assert_cmpuint(count_said(said, warning), ==, losses);
        expect_usable(bed);
    }
    unplug(scene);
    assert_nothing_left(scene);
    scene_end(scene);
    unlink(said);
}

/* O_NONBLOCK belongs to the eventfd, of which QEMU and the server have one. */
static WireFate tamper_make_blocking(Wire *wire, WireMessage *message,
                                     void *opaque)
{
    for (size_t i = 0; !message->from_host && i < message->nr_fds; i++) {
        fcntl(message->fds[i], F_SETFL, 0);
    }
    return WIRE_PASS;
}

static void test_blocking_eventfds(void)
{
    Scene *scene = scene_new();

    wire_set_tamper(scene->wire, tamper_make_blocking, NULL);
    plug_and_enable(scene, LONG_TIMEOUT_MS);
    assert_usable(scene->bed);
    assert_unhurt(scene);
    unplug(scene);
    assert_nothing_left(scene);
    scene_end(scene);
}

static void add_io_tests(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        const char *name = targets[i].name;
        g_autofree char *altered =
            g_strdup_printf("/vfio-ccw/hostile/%s/altered", name);
        g_autofree char *cut =
            g_strdup_printf("/vfio-ccw/hostile/%s/cut-anywhere", name);
        g_autofree char *late =
            g_strdup_printf("/vfio-ccw/hostile/%s/late", name);

        qtest_add_data_func(altered, &targets[i], test_io);
        qtest_add_data_func(cut, &targets[i], test_io_cut);
        qtest_add_data_func(late, &targets[i], test_io_late);
    }
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        g_autofree char *path =
            g_strdup_printf("/vfio-ccw/hostile/asks/%s", requests[i].name);

        qtest_add_data_func(path, &requests[i], test_request);
    }
    qtest_add_func("/vfio-ccw/hostile/asks/without-wanting-an-answer",
                   test_requests_without_answer);
    qtest_add_func("/vfio-ccw/hostile/stream/in-pieces", test_pieces);
    qtest_add_func("/vfio-ccw/hostile/stream/many-at-once", test_crowd);
    qtest_add_func("/vfio-ccw/hostile/stream/many-at-once-with-fds",
                   test_crowd_with_fds);
    qtest_add_func("/vfio-ccw/hostile/stream/in-pieces-with-fds",
                   test_pieces_with_fds);
    for (size_t i = 0; i < ARRAY_SIZE(garbages); i++) {
        g_autofree char *path =
            g_strdup_printf("/vfio-ccw/hostile/sends/%s", garbages[i].name);

        qtest_add_data_func(path, &garbages[i], test_garbage);
    }
}

static void add_tests(void)
{
    add_io_tests();
    qtest_add_func("/vfio-ccw/hostile/blocking-eventfds",
                   test_blocking_eventfds);
    qtest_add_func("/vfio-ccw/hostile/realize/cut-anywhere", test_realize_cut);
    qtest_add_data_func("/vfio-ccw/hostile/realize/bounded/many-late-answers",
                        tamper_answer_late, test_realize_is_bounded);
    qtest_add_data_func("/vfio-ccw/hostile/realize/bounded/byte-by-byte",
                        tamper_trickle, test_realize_is_bounded);
    qtest_add_func("/vfio-ccw/hostile/realize/bounded/not-while-stopped",
                   test_realize_of_a_stopped_machine);
    qtest_add_func("/vfio-ccw/hostile/realize/regions-with-fd",
                   test_realize_regions_with_fd);
    qtest_add_func("/vfio-ccw/hostile/return/mapping-unanswered",
                   test_return_mapping_unanswered);
    qtest_add_func("/vfio-ccw/hostile/return/mapping-refused",
                   test_return_mapping_refused);
    for (size_t i = 0; i < ARRAY_SIZE(silences); i++) {
        g_autofree char *path =
            g_strdup_printf("/vfio-ccw/hostile/return/unanswered/%s",
                            silences[i].name);

        qtest_add_data_func(path, &silences[i], test_return_unanswered);
    }
    qtest_add_func("/vfio-ccw/hostile/unplug/unmaps-nothing",
                   test_unplug_unmaps_nothing);
    qtest_add_data_func("/vfio-ccw/hostile/return/closed",
                        GUINT_TO_POINTER(0), test_return_cut);
    qtest_add_data_func("/vfio-ccw/hostile/return/cut-after-header",
                        GUINT_TO_POINTER(sizeof(VFIOUserHdr)),
                        test_return_cut);
    qtest_add_func("/vfio-ccw/hostile/return/useless-host-is-warned-of-once",
                   test_useless_host_is_warned_of_once);
    for (size_t i = 0; i < ARRAY_SIZE(alterations); i++) {
        const Alteration *alteration = &alterations[i];
        g_autofree char *path =
            g_strdup_printf("/vfio-ccw/hostile/realize/%s", alteration->name);

        qtest_add_data_func(path, alteration, test_realize);
    }
    for (size_t i = 0; i < ARRAY_SIZE(nonsenses); i++) {
        g_autofree char *path =
            g_strdup_printf("/vfio-ccw/hostile/says/%s", nonsenses[i].name);

        qtest_add_data_func(path, &nonsenses[i], test_nonsense);
    }
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
