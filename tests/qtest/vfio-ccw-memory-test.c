/*
 * QTest of vfio-ccw: a server reaches the guest's storage, whatever backs that,
 * and nothing else
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All code below runs in the test's thread; see vfio-ccw-fixture.h. A file that
 * backs storage has bytes before and behind it, which no program may change.
 */

#include "qemu/osdep.h"
#include <mntent.h>
#include <sys/mman.h>
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "qobject/qjson.h"
#include "standard-headers/linux/virtio_config.h"
#include "standard-headers/linux/virtio_mem.h"
#include "standard-headers/linux/virtio_ring.h"
#include "vfio-ccw-fixture.h"

#define SIZE (16 * MiB)
#define TAIL (2 * MiB)
#define BEFORE_STORAGE 0x5a
#define BEHIND_STORAGE 0xa5

/* A fixed-block disk: control unit 6310/80, device 9336/10 */
static const uint8_t sense_id[SENSE_ID_LEN] = {
    0xff, 0x63, 0x10, 0x80, 0x93, 0x36, 0x10,
};

typedef struct Storage {
    const char *name;
    const char *backend; /* object and properties; NULL: the default storage */
    bool file;           /* one that the test makes, with @offset */
    bool hugetlb;
    bool shared;         /* the server maps it, or else sends messages */
    uint64_t offset;
} Storage;

static const Storage storages[] = {
    { "default", NULL },
    { "mem-path", NULL, .file = true },
    { "ram", "memory-backend-ram,share=off" },
    { "ram-shared", "memory-backend-ram,share=on", .shared = true },
    { "shm", "memory-backend-shm", .shared = true },
    { "memfd", "memory-backend-memfd,share=off" },
    { "memfd-shared", "memory-backend-memfd,share=on", .shared = true },
    { "memfd-prealloc", "memory-backend-memfd,share=on,prealloc=on",
      .shared = true },
    { "memfd-hugetlb", "memory-backend-memfd,share=on,hugetlb=on",
      .hugetlb = true, .shared = true },
    { "file", "memory-backend-file,share=off", .file = true },
    { "file-shared", "memory-backend-file,share=on", .file = true,
      .shared = true },
    { "file-offset", "memory-backend-file,share=off", .file = true,
      .offset = MiB },
    { "file-offset-shared", "memory-backend-file,share=on", .file = true,
      .shared = true, .offset = MiB },
    { "file-offset-far", "memory-backend-file,share=on", .file = true,
      .shared = true, .offset = 2 * SIZE + 64 * KiB },
    { "file-offset-prealloc", "memory-backend-file,share=off,prealloc=on",
      .file = true, .offset = MiB },
    { "file-offset-prealloc-shared",
      "memory-backend-file,share=on,prealloc=on", .file = true,
      .shared = true, .offset = MiB },
    /* The only readonly=on that leaves the guest storage it can write */
    { "file-offset-readonly",
      "memory-backend-file,share=off,readonly=on,rom=off", .file = true,
      .offset = MiB },
    { "file-hugetlb", "memory-backend-file,share=off", .file = true,
      .hugetlb = true, .offset = 2 * MiB },
    { "file-hugetlb-shared", "memory-backend-file,share=on", .file = true,
      .hugetlb = true, .shared = true, .offset = 2 * MiB },
};

/*
 * The file: mapped, since one of huge pages cannot be written otherwise.
 */

typedef struct File {
    char *path;
    size_t size;
    uint64_t offset;
    uint8_t *bytes;
    uint8_t *before;
} File;

static uint64_t free_huge_bytes(void)
{
    g_autofree char *text = NULL;
    uint64_t pages = 0, kib = 0;
    const char *line;

    g_assert_true(g_file_get_contents("/proc/meminfo", &text, NULL, NULL));
    line = strstr(text, "HugePages_Free:");
    if (line) {
        sscanf(line, "HugePages_Free: %" SCNu64, &pages);
    }
    line = strstr(text, "Hugepagesize:");
    if (line) {
        sscanf(line, "Hugepagesize: %" SCNu64, &kib);
    }
    return pages * kib * KiB;
}

/* Where files of huge pages can be made; NULL if nowhere */
static char *find_hugetlbfs(void)
{
    FILE *mounts = setmntent("/proc/mounts", "r");
    struct mntent *entry;
    char *dir = NULL;

    while (mounts && !dir && (entry = getmntent(mounts))) {
        if (g_str_equal(entry->mnt_type, "hugetlbfs") &&
            access(entry->mnt_dir, W_OK) == 0) {
            dir = g_strdup(entry->mnt_dir);
        }
    }
    if (mounts) {
        endmntent(mounts);
    }
    return dir;
}

static File *file_new(const char *dir, uint64_t offset)
{
    File *file = g_new0(File, 1);
    int fd;

    file->path = g_build_filename(dir, "vfio-ccw-storage-XXXXXX", NULL);
    file->size = offset + SIZE + TAIL;
    file->offset = offset;
    fd = g_mkstemp(file->path);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, file->size), ==, 0);
    file->bytes = mmap(NULL, file->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                       0);
    g_assert_true(file->bytes != MAP_FAILED);
    close(fd);
    memset(file->bytes, BEFORE_STORAGE, offset);
    memset(file->bytes + offset + SIZE, BEHIND_STORAGE, TAIL);
    return file;
}

static void assert_filled(const uint8_t *bytes, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++) {
        g_assert_cmphex(bytes[i], ==, value);
    }
}

/* Its end: nobody has changed what is not the guest's. */
static void file_end(File *file)
{
    assert_filled(file->bytes, file->offset, BEFORE_STORAGE);
    assert_filled(file->bytes + file->size - TAIL, TAIL, BEHIND_STORAGE);
    munmap(file->bytes, file->size);
    g_assert_cmpint(unlink(file->path), ==, 0);
    g_free(file->before);
    g_free(file->path);
    g_free(file);
}

static void file_remember(File *file)
{
    g_free(file->before);
    file->before = g_memdup2(file->bytes, file->size);
}

static void assert_unchanged(const File *file, size_t from, size_t to)
{
    g_assert_cmpmem(file->bytes + from, to - from, file->before + from,
                    to - from);
}

/* @data: where in the storage */
static void assert_only_data_came(const File *file, uint64_t data)
{
    size_t at = file->offset + data;

    assert_unchanged(file, 0, at);
    g_assert_cmpmem(file->bytes + at, SENSE_ID_LEN, sense_id, SENSE_ID_LEN);
    assert_unchanged(file, at + SENSE_ID_LEN, file->size);
}

/*
 * The server is in this process: the offset, in its file, of the first mapping
 * that has this size. UINT64_MAX if the server maps none.
 */
static uint64_t mapped_at(uint64_t size)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    uint64_t found = UINT64_MAX;

    g_assert_true(g_file_get_contents("/proc/self/maps", &text, NULL, NULL));
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; **line; line++) {
        uint64_t begin, end, offset;
        char access[5];

        g_assert_cmpint(sscanf(*line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64,
                               &begin, &end, access, &offset), ==, 4);
        if (access[3] == 's' && end - begin == size) {
            found = MIN(found, offset);
        }
    }
    return found;
}

/*
 * A program whose data are all that changes in storage until its end, for the
 * ORB is written before, and no IRB is stored.
 */

static void write_sense_id(Bed *bed, uint64_t data)
{
    ORB orb = qcss_orb(INTPARM_SSCH, PROGRAM);
    CCW1 ccw = {
        .cmd_code = CCW_CMD_SENSE_ID,
        .flags = CCW_FLAG_SLI,
        .count = SENSE_ID_LEN,
        .cda = data,
    };

    qcss_write_ccws(bed->qts, PROGRAM, &ccw, 1);
    qcss_write_orb(bed->qts, QCSS_OPERAND, &orb);
}

static void run_sense_id(Bed *bed, IOIntCode *code)
{
    g_assert_cmpint(qcss_issue_at(bed->qts, "ssch", SCHID, QCSS_OPERAND), ==,
                    0);
    qcss_wait_io(bed->qts, QCSS_CR6_ISC3, code);
}

static void assert_ended(Bed *bed, uint8_t dstat, uint8_t cstat)
{
    IRB irb;

    g_assert_cmpint(qcss_tsch(bed->qts, SCHID, &irb), ==, 0);
    g_assert_cmphex(irb.scsw.cstat, ==, cstat);
    g_assert_cmphex(irb.scsw.dstat, ==, dstat);
}

static void assert_guest_has_data(Bed *bed, uint64_t data)
{
    uint8_t expected[SENSE_ID_LEN + 16] = { 0 };
    uint8_t bytes[sizeof(expected)];

    memcpy(expected + 8, sense_id, SENSE_ID_LEN);
    qtest_memread(bed->qts, data - 8, bytes, sizeof(bytes));
    g_assert_cmpmem(bytes, sizeof(bytes), expected, sizeof(expected));
}

/*
 * The data come to @data, in storage that begins at @begin. @file, if not NULL,
 * is behind that: nothing else in it changes.
 */
static void use(Bed *bed, File *file, bool shared, uint64_t begin,
                uint64_t data)
{
    IOIntCode code;

    qcss_enable(bed->qts, SCHID, INTPARM_MSCH);
    write_sense_id(bed, data);
    if (file) {
        file_remember(file);
    }
    run_sense_id(bed, &code);
    if (file && shared) {
        assert_only_data_came(file, data - begin);
    } else if (file) {
        assert_unchanged(file, 0, file->size);
    }
    assert_ended(bed, NORMAL_END, 0);
    assert_guest_has_data(bed, data);
}

/*
 * The storage that the machine begins with
 */

static char *machine_args(const Storage *storage, const File *file)
{
    GString *args = g_string_new("-m 16M");

    if (storage->backend) {
        g_string_append_printf(args, " -machine memory-backend=mem "
                               "-object %s,id=mem,size=16M", storage->backend);
        if (file) {
            g_string_append_printf(args, ",mem-path=%s", file->path);
        }
        if (storage->offset) {
            g_string_append_printf(args, ",offset=%" PRIu64, storage->offset);
        }
    } else if (file) {
        g_string_append_printf(args, " -mem-path %s", file->path);
    }
    return g_string_free(args, false);
}

static void test_storage_with(const Storage *storage, const char *dir)
{
    Bed *bed = bed_new();
    File *file = NULL;
    g_autofree char *machine = NULL;
    g_autofree char *args = NULL;

    if (storage->file) {
        file = file_new(dir ?: bed->dir, storage->offset);
    }
    machine = machine_args(storage, file);
    args = bed_device_args_on(bed, machine);
    bed_start_disk(bed);
    bed->qts = qcss_init(args);

    use(bed, file, storage->shared, 0, DATA);
    g_assert_cmphex(mapped_at(SIZE), ==,
                    storage->shared ? storage->offset : UINT64_MAX);
    if (file) {
        file_end(file);
    }
    bed_end(bed);
}

static void test_storage(const void *opaque)
{
    const Storage *storage = opaque;
    g_autofree char *dir = NULL;

    if (storage->hugetlb) {
        if (free_huge_bytes() < storage->offset + 2 * SIZE + TAIL) {
            g_test_skip("no free huge pages");
            return;
        }
        dir = find_hugetlbfs();
        if (storage->file && !dir) {
            g_test_skip("no hugetlbfs that can be written");
            return;
        }
    }
    test_storage_with(storage, dir);
}

/* Storage that the guest cannot write is refused. */
static void test_rom(const void *properties)
{
    File *file = file_new(g_get_tmp_dir(), MiB);
    g_autofree char *object =
        g_strdup_printf("memory-backend-file,id=mem,size=16M,mem-path=%s,"
                        "offset=1M,%s", file->path, (const char *)properties);
    const char *const args[] = {
        "-m", "16M", "-object", object, "-machine", "memory-backend=mem", NULL,
    };
    g_autofree char *said = start_in_vain(args);

    g_assert_nonnull(strstr(said, "read-only"));
    file_end(file);
}

/*
 * Storage that is plugged: virtio-mem is all that there is for this machine. It
 * is used as its specification says, without a driver: one program that makes
 * it ready, and finds a request in its queue.
 */

#define VMEM_DEVNO 0x4321
#define VMEM_SIZE (8 * MiB)
#define VMEM_BLOCK (2 * MiB)
#define VMEM_OFFSET (3 * MiB)

#define CCW_CMD_SET_VQ         0x13
#define CCW_CMD_WRITE_FEATURES 0x11
#define CCW_CMD_WRITE_STATUS   0x31
#define CCW_CMD_SET_REVISION   0x83

/* In storage that nobody else uses */
#define VMEM_PROGRAM  (QCSS_FREE + 0x4000)
#define VMEM_AREA     (QCSS_FREE + 0x5000)
#define AREA_REVISION  (VMEM_AREA + 0x000)
#define AREA_FEATURES0 (VMEM_AREA + 0x010)
#define AREA_FEATURES1 (VMEM_AREA + 0x020)
#define AREA_DRIVER    (VMEM_AREA + 0x030)
#define AREA_DRIVER_OK (VMEM_AREA + 0x038)
#define AREA_QUEUE     (VMEM_AREA + 0x040)
#define AREA_DESC      (VMEM_AREA + 0x100)
#define AREA_AVAIL     (VMEM_AREA + 0x200)
#define AREA_USED      (VMEM_AREA + 0x300)
#define AREA_REQUEST   (VMEM_AREA + 0x400)
#define AREA_RESPONSE  (VMEM_AREA + 0x440)

#define QUEUE_NUM 2

static void write_features(Bed *bed, uint32_t addr, uint8_t index,
                           uint32_t features)
{
    uint8_t block[5];

    stl_le_p(block, features);
    block[4] = index;
    qtest_memwrite(bed->qts, addr, block, sizeof(block));
}

static void write_queue(Bed *bed)
{
    uint8_t block[32] = { 0 };

    stq_be_p(block, AREA_DESC);
    stw_be_p(block + 14, QUEUE_NUM);
    stq_be_p(block + 16, AREA_AVAIL);
    stq_be_p(block + 24, AREA_USED);
    qtest_memwrite(bed->qts, AREA_QUEUE, block, sizeof(block));
}

static void write_request(Bed *bed, uint64_t addr, uint16_t nb_blocks)
{
    struct virtio_mem_req request = {
        .type = cpu_to_le16(VIRTIO_MEM_REQ_PLUG),
        .u.plug.addr = cpu_to_le64(addr),
        .u.plug.nb_blocks = cpu_to_le16(nb_blocks),
    };
    struct vring_desc desc[QUEUE_NUM] = {
        {
            .addr = cpu_to_le64(AREA_REQUEST),
            .len = cpu_to_le32(sizeof(request)),
            .flags = cpu_to_le16(VRING_DESC_F_NEXT),
            .next = cpu_to_le16(1),
        },
        {
            .addr = cpu_to_le64(AREA_RESPONSE),
            .len = cpu_to_le32(sizeof(struct virtio_mem_resp)),
            .flags = cpu_to_le16(VRING_DESC_F_WRITE),
        },
    };
    uint16_t avail[3] = { 0, cpu_to_le16(1), 0 };

    qtest_memset(bed->qts, AREA_RESPONSE, 0xff, sizeof(struct virtio_mem_resp));
    qtest_memset(bed->qts, AREA_USED, 0, 4);
    qtest_memwrite(bed->qts, AREA_REQUEST, &request, sizeof(request));
    qtest_memwrite(bed->qts, AREA_DESC, desc, sizeof(desc));
    qtest_memwrite(bed->qts, AREA_AVAIL, avail, sizeof(avail));
}

static uint16_t read_le16(Bed *bed, uint32_t addr)
{
    uint16_t value;

    qtest_memread(bed->qts, addr, &value, sizeof(value));
    return le16_to_cpu(value);
}

static void run_vmem_program(Bed *bed, uint32_t schid)
{
    static const struct {
        uint8_t command;
        uint16_t count;
        uint32_t addr;
    } steps[] = {
        { CCW_CMD_SET_REVISION, 4, AREA_REVISION },
        { CCW_CMD_WRITE_FEATURES, 5, AREA_FEATURES0 },
        { CCW_CMD_WRITE_FEATURES, 5, AREA_FEATURES1 },
        { CCW_CMD_WRITE_STATUS, 1, AREA_DRIVER },
        { CCW_CMD_SET_VQ, 32, AREA_QUEUE },
        { CCW_CMD_WRITE_STATUS, 1, AREA_DRIVER_OK },
    };
    CCW1 ccws[ARRAY_SIZE(steps)];
    ORB orb = qcss_orb(INTPARM_SSCH, VMEM_PROGRAM);
    IRB irb;

    for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
        ccws[i] = (CCW1) {
            .cmd_code = steps[i].command,
            .flags = CCW_FLAG_SLI |
                     (i + 1 < ARRAY_SIZE(steps) ? CCW_FLAG_CC : 0),
            .count = steps[i].count,
            .cda = steps[i].addr,
        };
    }
    qcss_write_ccws(bed->qts, VMEM_PROGRAM, ccws, ARRAY_SIZE(ccws));
    qcss_enable(bed->qts, schid, INTPARM_MSCH);
    g_assert_cmpint(qcss_ssch(bed->qts, schid, &orb), ==, 0);
    qcss_wait_irb(bed->qts, schid, &irb);
    g_assert_cmphex(irb.scsw.dstat, ==, NORMAL_END);
    g_assert_cmphex(irb.scsw.cstat, ==, 0);
}

/* The guest takes all blocks that it is offered. */
static void take_blocks(Bed *bed, uint64_t addr)
{
    int64_t deadline = qcss_deadline();

    qtest_writel(bed->qts, AREA_REVISION, 0x00010000);
    write_features(bed, AREA_FEATURES0, 0,
                   1 << VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE);
    write_features(bed, AREA_FEATURES1, 1, 1 << (VIRTIO_F_VERSION_1 - 32));
    qtest_writeb(bed->qts, AREA_DRIVER, VIRTIO_CONFIG_S_ACKNOWLEDGE |
                 VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
    qtest_writeb(bed->qts, AREA_DRIVER_OK, VIRTIO_CONFIG_S_ACKNOWLEDGE |
                 VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK |
                 VIRTIO_CONFIG_S_DRIVER_OK);
    write_queue(bed);
    write_request(bed, addr, VMEM_SIZE / VMEM_BLOCK);
    run_vmem_program(bed, qcss_find(bed->qts, VMEM_DEVNO));
    while (read_le16(bed, AREA_USED + 2) == 0) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
    g_assert_cmphex(read_le16(bed, AREA_RESPONSE), ==, VIRTIO_MEM_RESP_ACK);
}

static void take_reports(Bed *bed)
{
    CRW crw;

    qcss_wait_crw_mchk(bed->qts);
    while (qcss_stcrw(bed->qts, &crw) == 0) {
        /* which one does not matter here */
    }
}

/* Its address */
static uint64_t plug_memory(Bed *bed, const File *file, bool share)
{
    QDict *answer;
    uint64_t addr;

    qtest_qmp_assert_success(bed->qts, "{'execute': 'object-add', 'arguments':"
                             "{'qom-type': 'memory-backend-file', 'id': 'more',"
                             "'mem-path': %s, 'size': %u, 'offset': %u,"
                             "'share': %i}}", file->path,
                             (unsigned)VMEM_SIZE, (unsigned)VMEM_OFFSET, share);
    qtest_qmp_assert_success(bed->qts, "{'execute': 'device_add', 'arguments':"
                             "{'driver': 'virtio-mem-ccw', 'id': 'vmem',"
                             "'devno': 'fe.0.4321', 'memdev': 'more',"
                             "'block-size': %u, 'requested-size': %u}}",
                             (unsigned)VMEM_BLOCK, (unsigned)VMEM_SIZE);
    answer = qtest_qmp(bed->qts, "{'execute': 'qom-get', 'arguments': {'path':"
                       "'/machine/peripheral/vmem', 'property': 'memaddr'}}");
    addr = qdict_get_int(answer, "return");
    qobject_unref(answer);
    take_reports(bed);
    take_blocks(bed, addr);
    return addr;
}

static void test_plugged(const void *share)
{
    Bed *bed = bed_new();
    File *file = file_new(bed->dir, VMEM_OFFSET);
    g_autofree char *args =
        bed_device_args_on(bed, "-m 16M,maxmem=1G -machine memory-backend=mem "
                           "-object memory-backend-memfd,id=mem,size=16M");
    uint64_t addr;

    bed_start_disk(bed);
    bed->qts = qcss_init(args);
    addr = plug_memory(bed, file, share);
    use(bed, file, share, addr, addr + DATA);
    use(bed, file, share, addr, addr + VMEM_BLOCK + DATA);
    g_assert_cmphex(mapped_at(VMEM_BLOCK), ==,
                    share ? VMEM_OFFSET : UINT64_MAX);

    /* A device that comes later finds it there. */
    qtest_qmp_device_del(bed->qts, "ccw0");
    take_reports(bed);
    plug(bed);
    take_reports(bed);
    use(bed, file, share, addr, addr + 2 * VMEM_BLOCK + DATA);
    file_end(file);
    bed_end(bed);
}

static void add_tests(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(storages); i++) {
        g_autofree char *path = g_strdup_printf("/vfio-ccw/memory/%s",
                                                storages[i].name);

        qtest_add_data_func(path, &storages[i], test_storage);
    }
    qtest_add_data_func("/vfio-ccw/memory/rom", "share=off,readonly=on",
                        test_rom);
    qtest_add_data_func("/vfio-ccw/memory/rom-shared", "share=on,readonly=on",
                        test_rom);
    if (qtest_has_device("virtio-mem-ccw")) {
        qtest_add_data_func("/vfio-ccw/memory/plugged", NULL, test_plugged);
        qtest_add_data_func("/vfio-ccw/memory/plugged-shared",
                            GINT_TO_POINTER(true), test_plugged);
    }
}

int main(int argc, char **argv)
{
    return vfio_ccw_test_main(argc, argv, add_tests);
}
