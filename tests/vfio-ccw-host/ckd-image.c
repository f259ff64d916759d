/*
 * CKD images: the tracks of a 3390 in Hercules' uncompressed format
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Called by dasd-eckd.c in the host's thread, and by the daemon's main thread
 * to create an image.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "ckd-image.h"
#include "dasd.h"

#define HEADER_LEN 512
#define HEADER_ID "CKD_P370"
#define HEADER_ID_LEN 8
#define HEADER_SERIAL 20
/*
 * Zero in an image that nobody writes to. While a flush is under way: what is
 * in front of the journal that belongs to it.
 */
#define HEADER_MARK 496
#define MARK_LEN 16
#define MARK_ID "vfio-ccw"

#define DEVICE_3390 0x90

/* The journal: a mark, where in the image its data belongs, the data */
typedef struct Journal {
    uint8_t mark[MARK_LEN];
    uint64_t offset;            /* big endian, as what follows */
    uint32_t len;
    uint8_t data[CKD_TRACK_SIZE];
} QEMU_PACKED Journal;

#define JOURNAL_HEADER offsetof(Journal, data)

/* Units of a 3390's track, and of R1 and later records on it */
#define TRACK_UNITS 1729

static const uint8_t end_of_track[CKD_COUNT_LEN] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
};

static const uint8_t no_mark[MARK_LEN];

static off_t track_offset(uint32_t track)
{
    return HEADER_LEN + (off_t)track * CKD_TRACK_SIZE;
}

static void put_cchh(uint8_t *p, uint32_t track)
{
    stw_be_p(p, track / CKD_HEADS);
    stw_be_p(p + 2, track % CKD_HEADS);
}

/*
 * Records
 */

unsigned ckd_key_len(const CkdImage *image, size_t pos)
{
    return image->data[pos + 5];
}

unsigned ckd_data_len(const CkdImage *image, size_t pos)
{
    return lduw_be_p(image->data + pos + 6);
}

size_t ckd_next(const CkdImage *image, size_t pos)
{
    return pos + CKD_COUNT_LEN + ckd_key_len(image, pos) +
           ckd_data_len(image, pos);
}

bool ckd_is_end(const CkdImage *image, size_t pos)
{
    return memcmp(image->data + pos, end_of_track, CKD_COUNT_LEN) == 0;
}

static unsigned field_units(unsigned len)
{
    unsigned segments = DIV_ROUND_UP(len + 6, 232) + 1;

    return DIV_ROUND_UP(len + 6 * segments, 34);
}

static unsigned record_units(unsigned key_len, unsigned data_len)
{
    unsigned units = 19 + field_units(data_len);

    return key_len ? units + 9 + field_units(key_len) : units;
}

bool ckd_fits(const CkdImage *image, size_t pos, unsigned key_len,
              unsigned data_len)
{
    unsigned units = record_units(key_len, data_len);
    size_t at = ckd_next(image, CKD_R0);

    if (pos + CKD_COUNT_LEN + key_len + data_len + CKD_COUNT_LEN >
        CKD_TRACK_SIZE) {
        return false;
    }
    while (at < pos) {
        units += record_units(ckd_key_len(image, at),
                              ckd_data_len(image, at));
        at = ckd_next(image, at);
    }
    return units <= TRACK_UNITS;
}

/* Is what the file has a track, so that all of the above can be used on it? */
static bool check_track(const CkdImage *image)
{
    uint8_t home_address[CKD_HA_LEN] = { 0 };
    size_t pos = CKD_R0;

    put_cchh(home_address + 1, image->track);
    if (memcmp(image->data, home_address, CKD_HA_LEN) != 0 ||
        ckd_is_end(image, pos)) {
        return false;
    }
    while (pos <= CKD_TRACK_SIZE - CKD_COUNT_LEN) {
        if (ckd_is_end(image, pos)) {
            return true;
        }
        pos = ckd_next(image, pos);
    }
    return false;
}

/*
 * Tracks in memory and in the file
 */

static bool set_mark(CkdImage *image, const uint8_t *mark)
{
    return dasd_image_write(image->fd, mark, MARK_LEN, HEADER_MARK);
}

static bool write_journal(CkdImage *image)
{
    size_t len = image->dirty_to - image->dirty_from;
    g_autofree Journal *journal = g_new(Journal, 1);

    memcpy(journal->mark, MARK_ID, 8);
    stl_be_p(journal->mark + 8, g_random_int());
    stl_be_p(journal->mark + 12, g_random_int());
    stq_be_p(&journal->offset,
             track_offset(image->track) + image->dirty_from);
    stl_be_p(&journal->len, len);
    memcpy(journal->data, image->data + image->dirty_from, len);
    if (!dasd_image_write(image->journal_fd, journal, JOURNAL_HEADER + len,
                          0)) {
        return false;
    }
    /* Within one page, so that a kill finds all of it done, or nothing */
    image->marked = set_mark(image, journal->mark);
    return image->marked;
}

bool ckd_image_flush(CkdImage *image)
{
    size_t len = image->dirty_to - image->dirty_from;

    if (len == 0) {
        return true;
    }
    /* If this failed halfway before, the journal has what is to be written */
    if (!image->marked && !write_journal(image)) {
        return false;
    }
    if (!dasd_image_write(image->fd, image->data + image->dirty_from, len,
                          track_offset(image->track) + image->dirty_from) ||
        !set_mark(image, no_mark)) {
        return false;
    }
    image->marked = false;
    image->dirty_from = image->dirty_to = 0;
    return true;
}

bool ckd_image_load(CkdImage *image, uint32_t track)
{
    /* What the journal has must not change until it is in the image */
    if (image->marked && !ckd_image_flush(image)) {
        return false;
    }
    if (image->track == track) {
        return true;
    }
    if (!ckd_image_flush(image)) {
        return false;
    }
    image->track = image->tracks;
    if (!dasd_image_read(image->fd, image->data, CKD_TRACK_SIZE,
                         track_offset(track))) {
        return false;
    }
    image->track = track;
    image->valid = check_track(image);
    return true;
}

void ckd_image_change(CkdImage *image, size_t pos, const void *data,
                      size_t len)
{
    assert(image->track < image->tracks && !image->marked);
    assert(pos <= CKD_TRACK_SIZE && len <= CKD_TRACK_SIZE - pos);
    if (len == 0) {
        return;
    }
    memcpy(image->data + pos, data, len);
    if (image->dirty_to == 0) {
        image->dirty_from = pos;
        image->dirty_to = pos + len;
        return;
    }
    image->dirty_from = MIN(image->dirty_from, pos);
    image->dirty_to = MAX(image->dirty_to, pos + len);
}

void ckd_image_end_track(CkdImage *image, size_t pos)
{
    ckd_image_change(image, pos, end_of_track, CKD_COUNT_LEN);
}

/*
 * Opening and closing
 */

static bool check_header(const uint8_t *header, const char *path, Error **errp)
{
    if (memcmp(header, "CKD_C370", HEADER_ID_LEN) == 0 ||
        memcmp(header, "CKD_P064", HEADER_ID_LEN) == 0) {
        error_setg(errp, "'%s' is a CKD image of a format that is not "
                   "supported; Hercules' dasdcopy can make a '%s' of it",
                   path, HEADER_ID);
        return false;
    }
    if (memcmp(header, HEADER_ID, HEADER_ID_LEN) != 0) {
        error_setg(errp, "'%s' is no CKD image: it does not begin with '%s'",
                   path, HEADER_ID);
        return false;
    }
    if (header[16] != DEVICE_3390 || ldl_le_p(header + 8) != CKD_HEADS ||
        ldl_le_p(header + 12) != CKD_TRACK_SIZE) {
        error_setg(errp, "'%s' is no image of a 3390", path);
        return false;
    }
    if (header[17] != 0 || lduw_le_p(header + 18) != 0) {
        error_setg(errp, "'%s' is only one of the files of a disk; "
                   "Hercules' dasdcopy -lfs can make one of them", path);
        return false;
    }
    return true;
}

static bool check_size(off_t size, const char *path, Error **errp)
{
    const off_t cylinder = (off_t)CKD_HEADS * CKD_TRACK_SIZE;

    if (size <= HEADER_LEN || (size - HEADER_LEN) % cylinder ||
        (size - HEADER_LEN) / cylinder > CKD_MAX_CYLINDERS) {
        error_setg(errp, "'%s' has %jd bytes: a 3390 has %d and %jd for each "
                   "of 1 to %d cylinders", path, (intmax_t)size, HEADER_LEN,
                   (intmax_t)cylinder, CKD_MAX_CYLINDERS);
        return false;
    }
    return true;
}

static void read_serial(CkdImage *image, const uint8_t *header)
{
    struct stat st;

    memcpy(image->serial, header + HEADER_SERIAL, CKD_SERIAL_LEN);
    if (header[HEADER_SERIAL] == 0 && fstat(image->fd, &st) == 0) {
        /* Older images have none, and two disks must not have the same */
        snprintf(image->serial, sizeof(image->serial), "%012" PRIX64,
                 (uint64_t)st.st_ino & 0xffffffffffff);
    }
}

static bool copy_journal(CkdImage *image, int fd, const uint8_t *mark,
                         Error **errp)
{
    g_autofree Journal *journal = g_new0(Journal, 1);
    uint64_t offset, size = track_offset(image->tracks);
    uint32_t len;

    if (!dasd_image_read(fd, journal, JOURNAL_HEADER, 0) ||
        memcmp(journal->mark, mark, MARK_LEN) != 0) {
        error_setg(errp, "'%s' was being written when its host was killed, "
                   "and '%s' is not the journal of that", image->path,
                   image->journal_path);
        return false;
    }
    offset = ldq_be_p(&journal->offset);
    len = ldl_be_p(&journal->len);
    if (len > CKD_TRACK_SIZE || offset < HEADER_LEN || offset > size - len ||
        !dasd_image_read(fd, journal->data, len, JOURNAL_HEADER)) {
        error_setg(errp, "the journal '%s' is damaged", image->journal_path);
        return false;
    }
    if (!dasd_image_write(image->fd, journal->data, len, offset) ||
        !set_mark(image, no_mark)) {
        error_setg_errno(errp, errno, "cannot write '%s'", image->path);
        return false;
    }
    return true;
}

/* Completes the flush that was under way when a process was killed */
static bool replay_journal(CkdImage *image, const uint8_t *mark, Error **errp)
{
    ERRP_GUARD();
    int fd = qemu_open(image->journal_path, O_RDONLY, errp);
    bool ok;

    if (fd < 0) {
        error_prepend(errp, "'%s' was being written when its host was "
                      "killed: ", image->path);
        return false;
    }
    ok = copy_journal(image, fd, mark, errp);
    close(fd);
    return ok;
}

/* A header that fits the size says nothing yet of what is in between */
static bool check_ends(CkdImage *image, Error **errp)
{
    const uint32_t ends[] = { 0, image->tracks - 1 };

    for (int i = 0; i < ARRAY_SIZE(ends); i++) {
        if (!ckd_image_load(image, ends[i]) || !image->valid) {
            error_setg(errp, "'%s' has no valid track %u", image->path,
                       ends[i]);
            return false;
        }
    }
    return true;
}

static char *journal_path(const char *image)
{
    /* The same by whatever symbolic link the image is opened */
    g_autofree char *path = realpath(image, NULL);

    return g_strconcat(path ?: image, ".journal", NULL);
}

static bool open_files(CkdImage *image, Error **errp)
{
    uint8_t header[HEADER_LEN] = { 0 };
    off_t size;

    image->fd = dasd_image_open(image->path, &size, errp);
    if (image->fd < 0) {
        return false;
    }
    if (!dasd_image_read(image->fd, header, MIN(size, HEADER_LEN), 0)) {
        error_setg_errno(errp, errno, "cannot read '%s'", image->path);
        return false;
    }
    if (!check_header(header, image->path, errp) ||
        !check_size(size, image->path, errp)) {
        return false;
    }
    image->tracks = (size - HEADER_LEN) / CKD_TRACK_SIZE;
    image->track = image->tracks;
    read_serial(image, header);
    image->journal_path = journal_path(image->path);
    if (memcmp(header + HEADER_MARK, no_mark, MARK_LEN) != 0 &&
        !replay_journal(image, header + HEADER_MARK, errp)) {
        return false;
    }
    if (!check_ends(image, errp)) {
        return false;
    }
    image->journal_fd = qemu_create(image->journal_path, O_RDWR | O_TRUNC,
                                    0600, errp);
    return image->journal_fd >= 0;
}

static void free_image(CkdImage *image)
{
    if (image->journal_fd >= 0) {
        close(image->journal_fd);
    }
    g_free(image->journal_path);
    g_free(image->path);
    g_free(image);
}

CkdImage *ckd_image_open(const char *path, Error **errp)
{
    ERRP_GUARD();
    CkdImage *image = g_new0(CkdImage, 1);

    image->path = g_strdup(path);
    image->journal_fd = -1;
    if (open_files(image, errp)) {
        return image;
    }
    if (access(path, F_OK)) {
        error_append_hint(errp, "vfio-ccw-host --create-eckd '%s' "
                          "--cylinders 200 makes one.\n", path);
    }
    if (image->fd >= 0) {
        close(image->fd);
    }
    free_image(image);
    return NULL;
}

bool ckd_image_close(CkdImage *image, Error **errp)
{
    bool flushed = ckd_image_flush(image);
    bool ok;

    if (flushed) {
        unlink(image->journal_path);
        ok = dasd_image_close(image->fd, image->path, errp);
    } else {
        error_setg_errno(errp, errno, "cannot write '%s'", image->path);
        close(image->fd);
        ok = false;
    }
    free_image(image);
    return ok;
}

/*
 * Creating
 */

static void make_header(uint8_t *header)
{
    char serial[CKD_SERIAL_LEN + 1];

    memset(header, 0, HEADER_LEN);
    memcpy(header, HEADER_ID, HEADER_ID_LEN);
    stl_le_p(header + 8, CKD_HEADS);
    stl_le_p(header + 12, CKD_TRACK_SIZE);
    header[16] = DEVICE_3390;
    snprintf(serial, sizeof(serial), "%06X%06X", g_random_int() >> 8,
             g_random_int() >> 8);
    memcpy(header + HEADER_SERIAL, serial, CKD_SERIAL_LEN);
}

static bool write_new_tracks(int fd, uint32_t tracks)
{
    /* Home address, R0 with eight bytes of data, end of track */
    uint8_t data[CKD_R0 + 2 * CKD_COUNT_LEN + sizeof(end_of_track)] = { 0 };

    data[CKD_R0 + 7] = CKD_COUNT_LEN;
    memcpy(data + CKD_R0 + 2 * CKD_COUNT_LEN, end_of_track,
           sizeof(end_of_track));
    for (uint32_t track = 0; track < tracks; track++) {
        put_cchh(data + 1, track);
        put_cchh(data + CKD_R0, track);
        if (!dasd_image_write(fd, data, sizeof(data), track_offset(track))) {
            return false;
        }
    }
    return ftruncate(fd, track_offset(tracks)) == 0;
}

bool ckd_image_create(const char *path, uint32_t cylinders, Error **errp)
{
    uint8_t header[HEADER_LEN];
    int fd;

    if (cylinders < 1 || cylinders > CKD_MAX_CYLINDERS) {
        error_setg(errp, "a 3390 has 1 to %d cylinders", CKD_MAX_CYLINDERS);
        return false;
    }
    fd = qemu_create(path, O_RDWR | O_EXCL, 0600, errp);
    if (fd < 0) {
        return false;
    }
    make_header(header);
    if (!dasd_image_write(fd, header, HEADER_LEN, 0) ||
        !write_new_tracks(fd, cylinders * CKD_HEADS) || fdatasync(fd)) {
        error_setg_errno(errp, errno, "cannot write '%s'", path);
        close(fd);
        unlink(path);
        return false;
    }
    close(fd);
    return true;
}
