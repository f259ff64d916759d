/*
 * Fixture of the vfio-ccw qtests whose host is hostile
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * See vfio-ccw-scene.h.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "vfio-ccw-scene.h"

#define WITNESS_SCHID (SCHID + 1)

void forget_reports(Scene *scene)
{
    CRW crw;

    while (qcss_stcrw(scene->bed->qts, &crw) == 0) {
        ;
    }
    qcss_dequeue_crw_mchk(scene->bed->qts);
}

void unplug(Scene *scene)
{
    qtest_qmp_device_del(scene->bed->qts, "ccw0");
    assert_unplugged(scene->bed);
    forget_reports(scene);
}

QDict *try_to_plug(Scene *scene, int timeout)
{
    QDict *arguments = device_arguments(scene->bed);

    qdict_put_int(arguments, "x-msg-timeout", timeout);
    return try_to_plug_with(scene->bed, arguments);
}

QDict *try_to_plug_within(Scene *scene, int timeout)
{
    QDict *arguments = device_arguments(scene->bed);

    qdict_put_int(arguments, "x-msg-timeout", HOURS_MS);
    qdict_put_int(arguments, "x-realize-timeout", timeout);
    return try_to_plug_with(scene->bed, arguments);
}

static void start_witness(Scene *scene, const VfioCcwHostConfig *config)
{
    QTestState *qts = scene->bed->qts;

    scene->witness = plug_another(scene->bed, 0, *config);
    g_assert_cmphex(qcss_find(qts, DEVNO + 1), ==, WITNESS_SCHID);
    qcss_enable(qts, WITNESS_SCHID, INTPARM_MSCH);
}

Scene *scene_new(void)
{
    VfioCcwHostConfig config = vfio_ccw_host_default_config();
    Scene *scene = g_new0(Scene, 1);
    Bed *bed = bed_new();
    g_autofree char *host_path = g_build_filename(bed->dir, "host", NULL);

    scene->bed = bed;
    bed->host = vfio_ccw_host_start(host_path, &config, &error_abort);
    scene->wire = wire_new(bed->socket, host_path);
    bed->qts = qcss_init(MACHINE_ARGS);
    /* The attacked device gets the subchannel that the fixture knows. */
    plug(bed);
    start_witness(scene, &config);
    unplug(scene);
    scene->fds = count_of_qemu(scene->bed, "fd");
    return scene;
}

Scene *scene_new_recorded(char **said)
{
    Scene *scene;

    *said = record_begin();
    scene = scene_new();
    record_end();
    return scene;
}

void plug_and_enable(Scene *scene, int timeout)
{
    QDict *response = try_to_plug(scene, timeout);

    g_assert_true(qdict_haskey(response, "return"));
    qobject_unref(response);
    forget_reports(scene);
    qcss_enable(scene->bed->qts, SCHID, INTPARM_MSCH);
    assert_usable(scene->bed);
}

void assert_unhurt(Scene *scene)
{
    QTestState *qts = scene->bed->qts;
    ORB orb = noop_orb(scene->bed);
    IRB irb;

    qtest_qmp_assert_success(qts, "{'execute': 'query-status'}");
    g_assert_cmpint(qcss_ssch(qts, WITNESS_SCHID, &orb), ==, 0);
    vfio_ccw_host_wait_start(scene->witness, NULL);
    vfio_ccw_host_present_status(scene->witness, NORMAL_END, 0, 0);
    qcss_wait_irb(qts, WITNESS_SCHID, &irb);
    g_assert_cmphex(irb.scsw.dstat, ==, NORMAL_END);
}

void assert_nothing_left(Scene *scene)
{
    assert_unplugged(scene->bed);
    g_assert_cmpint(count_of_qemu(scene->bed, "fd"), ==, scene->fds);
}

void scene_end(Scene *scene)
{
    assert_unhurt(scene);
    wire_set_tamper(scene->wire, NULL, NULL);
    qtest_qmp_device_del(scene->bed->qts, "another0");
    wire_free(scene->wire);
    vfio_ccw_host_stop(scene->witness, &error_abort);
    bed_end(scene->bed);
    g_free(scene);
}
