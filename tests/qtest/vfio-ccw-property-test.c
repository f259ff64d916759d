/*
 * QTest of vfio-ccw's properties: a value is right, or is refused with an error
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All code below runs in the test's thread; see vfio-ccw-fixture.h. QEMU says
 * which properties there are, those of the device's parents included. A new one
 * is tried with what is wrong for all of its type; what else is wrong for it is
 * one more row here.
 *
 * Before a device is realized, only device_add, -device and -global can set its
 * properties: it cannot be seen until then.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"
#include "qobject/qstring.h"
#include "vfio-ccw-fixture.h"

/* The error of a device that has right properties, but no host */
#define NO_HOST "no host device"

/* In JSON; those that are strings are tried as key=value as well. */
typedef struct Values {
    const char *what;           /* type or name */
    const char *values;
    bool later;                 /* may be set when the device is realized */
} Values;

/* No property is a list or null, or has such a member. */
#define WRONG_FOR_ALL "[null, [], [[]], {}, {'no-such-member': 1}]"

static const Values wrong_for_type[] = {
    { "str", "[1, -1, 1.5, true]" },
    { "string", "[1, -1, 1.5, true]" },
    { "bool", "[0, 1, 1.5, '', 'onn', 'no-such-value']" },
    { "int32", "[true, 1.5, 2147483648, -2147483649, '', '1.5', '2147483648',"
      " 'no-such-value']" },
    { "uint32", "[true, 1.5, -1, 4294967296, 18446744073709551615, '', '1.5',"
      " '-1', '4294967296', 'no-such-value']" },
    { "link<iommufd>", "[1, true, '/machine', 'no-such-value']" },
    { "SocketAddress", "[1, true, {'type': 'unix'},"
      " {'type': 'unix', 'path': 1}, {'type': 'none', 'path': 'x'},"
      " {'path': 'x'}, {'type': 'inet', 'host': 'h', 'port': 1},"
      " '', 'unix', '/no/such']" },
    { "VfioCcwLossPolicy", "[1, true, '', 'Keep', 'keep ', 'no-such-value']" },
};

static const Values wrong_for_name[] = {
    { "loadparm", "['NINECHARS', '        9', '*', 'a,b', 'a-b', '\\u00e4',"
      " 'a_b', 'too-long-x']" },
    { "devno", "['', '.', '..', 'fe', 'fe.0', 'fe.0.', 'fe.0.123',"
      " 'fe.0.12345', 'fe.4.0001', 'fe.0.000g', 'fe.0.-001', '-1.0.0001',"
      " '+e.0.0001', 'fe.0.   1', ' e.0.0001', 'fe.0.0001 ', '0xfe.0.0001',"
      " 'fe.0.0x01', 'fee.0.0001', 'fe-0-0001', 'fe.0.0001.', '<unset>',"
      " '\\u00e4.0.0001', '0.0.1234', 'ff.3.1234']" },
    { "fd", "['', '-1', ' 1', 'no-such-name']" },
    { "realized", "[true, 'on']" },
};

static const Values right_for_name[] = {
    { "devno", "['fe.0.0000', 'fe.3.ffff', 'FE.1.AbCd']" },
    { "bootindex", "[1, 2147483647, -1]", .later = true },
    { "force-orb-pfch", "[true, false]" },
    { "x-quiesce-timeout", "[0, 4294967295]" },
    { "x-msg-timeout", "[60000]" },
    { "on-host-loss", "['unplug', 'keep']", .later = true },
};

/* But only for a device that has a bootindex */
#define RIGHT_LOADPARMS "['', '1', 'ab.C 9', 'EIGHTCHR']"

static QList *parse(const char *values)
{
    return qobject_to(QList, qobject_from_json(values, &error_abort));
}

static void append_rows(QList *list, const Values *rows, unsigned n,
                        const char *what)
{
    const QListEntry *entry;

    for (unsigned i = 0; i < n; i++) {
        if (g_str_equal(rows[i].what, what)) {
            g_autoptr(QList) values = parse(rows[i].values);

            QLIST_FOREACH_ENTRY(values, entry) {
                qlist_append_obj(list, qobject_ref(qlist_entry_obj(entry)));
            }
        }
    }
}

/* @property: as QEMU lists it */
static QList *wrong_values(const QDict *property)
{
    QList *list = parse(WRONG_FOR_ALL);

    append_rows(list, wrong_for_type, ARRAY_SIZE(wrong_for_type),
                qdict_get_str(property, "type"));
    append_rows(list, wrong_for_name, ARRAY_SIZE(wrong_for_name),
                qdict_get_str(property, "name"));
    return list;
}

typedef void Try(Bed *bed, const char *name, QObject *value);

/* @answer: the list of all properties */
static void try_wrong_values(Bed *bed, QDict *answer, Try *try)
{
    QList *properties = qdict_get_qlist(answer, "return");
    const QListEntry *property, *value;
    unsigned count = 0;

    QLIST_FOREACH_ENTRY(properties, property) {
        QDict *dict = qobject_to(QDict, qlist_entry_obj(property));
        g_autoptr(QList) values = wrong_values(dict);

        QLIST_FOREACH_ENTRY(values, value) {
            try(bed, qdict_get_str(dict, "name"), qlist_entry_obj(value));
            count++;
        }
    }
    g_test_message("%zu properties, %u values", qlist_size(properties), count);
    qobject_unref(answer);
}

static QDict *list_properties(Bed *bed)
{
    return qtest_qmp(bed->qts, "{'execute': 'qom-list-properties',"
                     "'arguments': {'typename': 'vfio-ccw'}}");
}

static Bed *bed_without_device(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();

    return bed_unplugged(&config);
}

/*
 * device_add with JSON: nothing is wrong but this value.
 */

static QDict *add_with(Bed *bed, const char *name, QObject *value,
                       bool bootindex)
{
    QDict *arguments = device_arguments(bed);

    if (bootindex) {
        qdict_put_int(arguments, "bootindex", 1);
    }
    qdict_put_obj(arguments, name, qobject_ref(value));
    return qtest_qmp(bed->qts, "{'execute': 'device_add', 'arguments': %p}",
                     arguments);
}

static void assert_refused(QDict *answer, const char *name, QObject *value)
{
    GString *json = qobject_to_json(value);
    QDict *error = qdict_get_qdict(answer, "error");

    g_test_message("%s = %s: %s", name, json->str,
                   error ? qdict_get_str(error, "desc") : "accepted");
    g_assert_nonnull(error);
    qobject_unref(answer);
    g_string_free(json, true);
}

static void assert_taken(Bed *bed, QDict *answer)
{
    g_assert_true(qdict_haskey(answer, "return"));
    qobject_unref(answer);
    qtest_qmp_device_del(bed->qts, "ccw0");
}

static void refuse_json(Bed *bed, const char *name, QObject *value)
{
    assert_refused(add_with(bed, name, value, false), name, value);
    assert_refused(add_with(bed, name, value, true), name, value);
}

static void test_device_add(void)
{
    Bed *bed = bed_without_device();
    g_autoptr(QList) loadparms = parse(RIGHT_LOADPARMS);
    const QListEntry *entry;

    try_wrong_values(bed, list_properties(bed), refuse_json);
    assert_unplugged(bed);

    for (unsigned i = 0; i < ARRAY_SIZE(right_for_name); i++) {
        g_autoptr(QList) values = parse(right_for_name[i].values);

        QLIST_FOREACH_ENTRY(values, entry) {
            assert_taken(bed, add_with(bed, right_for_name[i].what,
                                       qlist_entry_obj(entry), false));
        }
    }
    QLIST_FOREACH_ENTRY(loadparms, entry) {
        QObject *value = qlist_entry_obj(entry);

        assert_refused(add_with(bed, "loadparm", value, false), "loadparm",
                       value);
        assert_taken(bed, add_with(bed, "loadparm", value, true));
    }
    bed_end(bed);
}

/* Every device to boot from has a loadparm, and so has the machine. */

static QList *wrong_loadparms(void)
{
    g_autoptr(QDict) property =
        qdict_from_jsonf_nofail("{'name': 'loadparm', 'type': 'str'}");

    return wrong_values(property);
}

static void test_loadparm_of_others(const void *opaque)
{
    const char *driver = opaque;
    Bed *bed = bed_without_device();
    g_autoptr(QList) values = wrong_loadparms();
    const QListEntry *entry;

    QLIST_FOREACH_ENTRY(values, entry) {
        QObject *value = qlist_entry_obj(entry);
        QDict *answer = qtest_qmp(bed->qts, "{'execute': 'device_add',"
                                  "'arguments': {'driver': %s,"
                                  "'loadparm': %p}}", driver,
                                  qobject_ref(value));

        assert_refused(answer, driver, value);
    }
    bed_end(bed);
}

static QDict *set_loadparm_of_machine(Bed *bed, QObject *value)
{
    return qtest_qmp(bed->qts, "{'execute': 'qom-set', 'arguments':"
                     "{'path': '/machine', 'property': 'loadparm',"
                     "'value': %p}}", qobject_ref(value));
}

/* What was set before is there as long as nothing right takes its place. */
static void test_loadparm_of_machine(void)
{
    Bed *bed = bed_without_device();
    g_autoptr(QString) right = qstring_from_str("boot.1 a");
    g_autoptr(QList) values = wrong_loadparms();
    const QListEntry *entry;

    qobject_unref(set_loadparm_of_machine(bed, QOBJECT(right)));
    QLIST_FOREACH_ENTRY(values, entry) {
        QObject *value = qlist_entry_obj(entry);
        QDict *answer;

        assert_refused(set_loadparm_of_machine(bed, value), "machine", value);
        answer = qtest_qmp(bed->qts, "{'execute': 'qom-get', 'arguments':"
                           "{'path': '/machine', 'property': 'loadparm'}}");
        g_assert_cmpstr(qdict_get_str(answer, "return"), ==, "BOOT.1 A");
        qobject_unref(answer);
    }
    bed_end(bed);
}

/* A user may write what the guest will see, and is told how to write it. */
static void test_devno_of_guest(void)
{
    Bed *bed = bed_without_device();
    QDict *arguments = device_arguments(bed);
    QDict *error;

    qdict_put_str(arguments, "devno", "0.2.5555");
    error = qtest_qmp_assert_failure_ref(bed->qts, "{'execute': 'device_add',"
                                         "'arguments': %p}", arguments);
    g_assert_true(g_str_has_prefix(qdict_get_str(error, "desc"),
                                   "vfio-ccw ccw0 (device 0.2.5555): "));
    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), "devno=fe.2.5555"));
    qobject_unref(error);
    g_assert_cmpint(vfio_ccw_host_count(bed->host, VFIO_CCW_HOST_OPENS), ==, 0);
    bed_end(bed);
}

/*
 * The monitor's device_add: key=value, which cannot say what the host is.
 */

static char *add_key_value(Bed *bed, const char *name, const char *value,
                           bool bootindex)
{
    g_auto(GStrv) parts = g_strsplit(value, ",", -1);
    g_autofree char *escaped = g_strjoinv(",,", parts);

    return qtest_hmp(bed->qts, "device_add \"vfio-ccw,id=ccw0%s,%s=%s\"",
                     bootindex ? ",bootindex=1" : "", name, escaped);
}

static void refuse_key_value(Bed *bed, const char *name, QObject *value)
{
    QString *string = qobject_to(QString, value);

    for (unsigned bootindex = 0; string && bootindex < 2; bootindex++) {
        g_autofree char *said = add_key_value(bed, name,
                                              qstring_get_str(string),
                                              bootindex);

        g_test_message("%s=%s: %s", name, qstring_get_str(string), said);
        g_assert_cmpstr(said, !=, "");
        g_assert_null(strstr(said, NO_HOST));
    }
}

static void test_monitor_device_add(void)
{
    Bed *bed = bed_without_device();
    g_autoptr(QList) loadparms = parse(RIGHT_LOADPARMS);
    const QListEntry *entry;

    try_wrong_values(bed, list_properties(bed), refuse_key_value);

    QLIST_FOREACH_ENTRY(loadparms, entry) {
        const char *value =
            qstring_get_str(qobject_to(QString, qlist_entry_obj(entry)));
        g_autofree char *bootable = add_key_value(bed, "loadparm", value,
                                                  true);
        g_autofree char *other = add_key_value(bed, "loadparm", value, false);

        g_assert_nonnull(strstr(bootable, NO_HOST));
        g_assert_null(strstr(other, NO_HOST));
    }
    assert_unplugged(bed);
    bed_end(bed);
}

/*
 * The command line: QEMU does not start, and says why.
 */

static void assert_does_not_start(const char *option, const char *value)
{
    /* -global counts for a device only. */
    const char *const args[] = {
        option, value, g_str_equal(option, "-global") ? "-device" : NULL,
        "vfio-ccw", NULL,
    };
    g_autofree char *said = NULL;

    g_test_message("%s %s", option, value);
    said = start_in_vain(args);
    g_assert_cmpstr(said, !=, "");
    g_assert_null(strstr(said, NO_HOST));
}

static void refuse_start_with_json(const char *name, QObject *value)
{
    QDict *device = qdict_new();
    GString *json;

    qdict_put_str(device, "driver", "vfio-ccw");
    qdict_put_obj(device, name, qobject_ref(value));
    json = qobject_to_json(QOBJECT(device));
    assert_does_not_start("-device", json->str);
    g_string_free(json, true);
    qobject_unref(device);
}

static void refuse_start_with_string(const char *name, const char *value)
{
    g_auto(GStrv) parts = g_strsplit(value, ",", -1);
    g_autofree char *escaped = g_strjoinv(",,", parts);
    g_autofree char *device = g_strdup_printf("vfio-ccw,%s=%s", name, escaped);
    g_autofree char *global = g_strdup_printf("vfio-ccw.%s=%s", name, value);

    assert_does_not_start("-device", device);
    assert_does_not_start("-global", global);
}

static void refuse_start(const char *name, QObject *value)
{
    QString *string = qobject_to(QString, value);

    refuse_start_with_json(name, value);
    if (string) {
        refuse_start_with_string(name, qstring_get_str(string));
    }
}

/* The last value of each is enough, for it takes a QEMU each. */
static void test_command_line(void)
{
    Bed *bed = bed_without_device();
    QDict *answer = list_properties(bed);
    QList *properties = qdict_get_qlist(answer, "return");
    g_autoptr(QList) loadparms = parse(RIGHT_LOADPARMS);
    const QListEntry *entry;

    QLIST_FOREACH_ENTRY(properties, entry) {
        QDict *property = qobject_to(QDict, qlist_entry_obj(entry));
        g_autoptr(QList) values = wrong_values(property);
        QObject *value = NULL;

        while (!qlist_empty(values)) {
            qobject_unref(value);
            value = qlist_pop(values);
        }
        refuse_start(qdict_get_str(property, "name"), value);
        qobject_unref(value);
    }
    QLIST_FOREACH_ENTRY(loadparms, entry) {
        refuse_start("loadparm", qlist_entry_obj(entry));
    }
    qobject_unref(answer);
    bed_end(bed);
}

/*
 * qom-set of the device, which is realized and in use.
 */

static QDict *set(Bed *bed, const char *name, QObject *value)
{
    return qtest_qmp(bed->qts, "{'execute': 'qom-set', 'arguments':"
                     "{'path': %s, 'property': %s, 'value': %p}}", DEVICE_PATH,
                     name, qobject_ref(value));
}

static void refuse_set(Bed *bed, const char *name, QObject *value)
{
    /* It is realized: true is right for that. */
    if (!g_str_equal(name, "realized") || qobject_type(value) != QTYPE_QBOOL) {
        assert_refused(set(bed, name, value), name, value);
    }
}

static void test_qom_set(void)
{
    Bed *bed = bed_enabled();
    QDict *all = qtest_qmp(bed->qts, "{'execute': 'qom-list', 'arguments':"
                           "{'path': %s}}", DEVICE_PATH);
    const QListEntry *entry;

    try_wrong_values(bed, all, refuse_set);
    for (unsigned i = 0; i < ARRAY_SIZE(right_for_name); i++) {
        const char *name = right_for_name[i].what;
        g_autoptr(QList) values = parse(right_for_name[i].values);

        QLIST_FOREACH_ENTRY(values, entry) {
            QDict *answer = set(bed, name, qlist_entry_obj(entry));

            g_test_message("%s", name);
            g_assert_true(qdict_haskey(answer, "return") ==
                          right_for_name[i].later);
            qobject_unref(answer);
        }
    }
    assert_usable(bed);
    bed_end(bed);
}

static void add_tests(void)
{
    qtest_add_func("/vfio-ccw/property/device-add", test_device_add);
    qtest_add_func("/vfio-ccw/property/devno-of-guest", test_devno_of_guest);
    qtest_add_data_func("/vfio-ccw/property/loadparm/virtio-blk-ccw",
                        "virtio-blk-ccw", test_loadparm_of_others);
    qtest_add_data_func("/vfio-ccw/property/loadparm/virtio-net-ccw",
                        "virtio-net-ccw", test_loadparm_of_others);
    qtest_add_func("/vfio-ccw/property/loadparm/machine",
                   test_loadparm_of_machine);
    qtest_add_func("/vfio-ccw/property/monitor-device-add",
                   test_monitor_device_add);
    qtest_add_func("/vfio-ccw/property/command-line", test_command_line);
    qtest_add_func("/vfio-ccw/property/qom-set", test_qom_set);
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
