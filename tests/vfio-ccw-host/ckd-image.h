/*
 * CKD images: the tracks of a 3390 in Hercules' uncompressed format
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A header of 512 bytes, then all tracks in slots of one size. A track is a
 * home address (0, CC, HH) and records: count field (CC, HH, R, key length,
 * data length), key, data. R0 is the first; eight bytes of 0xff follow the
 * last.
 *
 * One track at a time is in memory. It is changed there, and is put into the
 * file by ckd_image_flush() or by loading another track. After a SIGKILL at
 * any moment ckd_image_open() finds each track as it was before or after such
 * a flush, never between: what a flush changes is in a journal, FILE.journal,
 * before the image is touched, and the image's header says so until it is
 * done. This relies on the kernel's page cache, which a killed process leaves
 * behind, and not on the order in which it reaches the medium: after a power
 * failure an image is as good as its file system. Only ckd_image_close()
 * waits for the medium.
 *
 * Called by dasd-eckd.c in the host's thread, and by the daemon to create an
 * image.
 */

#ifndef TESTS_VFIO_CCW_HOST_CKD_IMAGE_H
#define TESTS_VFIO_CCW_HOST_CKD_IMAGE_H

#define CKD_HEADS          15
#define CKD_TRACK_SIZE     56832
#define CKD_MAX_CYLINDERS  65520
#define CKD_SERIAL_LEN     12

#define CKD_HA_LEN         5
#define CKD_COUNT_LEN      8
#define CKD_ID_LEN         5    /* CC, HH, R of a count field */
#define CKD_R0             CKD_HA_LEN

typedef struct CkdImage {
    int fd;
    int journal_fd;
    char *path;
    char *journal_path;
    uint32_t tracks;
    char serial[CKD_SERIAL_LEN + 1];

    uint32_t track;             /* the one in memory; tracks if there is none */
    bool valid;                 /* it is a track as described above */
    bool marked;                /* a flush has begun and not been completed */
    size_t dirty_from;          /* what is not in the file yet */
    size_t dirty_to;
    uint8_t data[CKD_TRACK_SIZE];
} CkdImage;

/* Makes an unformatted disk: a home address and R0 on each track */
bool ckd_image_create(const char *path, uint32_t cylinders, Error **errp);

CkdImage *ckd_image_open(const char *path, Error **errp);

/* Flushes track and file; the image is gone in any case */
bool ckd_image_close(CkdImage *image, Error **errp);

/* False if the file cannot be read, or the track before not be flushed */
bool ckd_image_load(CkdImage *image, uint32_t track);

/* Changes the track in memory */
void ckd_image_change(CkdImage *image, size_t pos, const void *data,
                      size_t len);

/* False if the file cannot be written: the track remains to be flushed */
bool ckd_image_flush(CkdImage *image);

/* A count field at @pos of the track in memory */
unsigned ckd_key_len(const CkdImage *image, size_t pos);
unsigned ckd_data_len(const CkdImage *image, size_t pos);

/* Where the record after that at @pos is, or the end of the track */
size_t ckd_next(const CkdImage *image, size_t pos);
bool ckd_is_end(const CkdImage *image, size_t pos);

/* Does a 3390's track hold the records before @pos and this one? */
bool ckd_fits(const CkdImage *image, size_t pos, unsigned key_len,
              unsigned data_len);

/* Puts the end of the track at @pos */
void ckd_image_end_track(CkdImage *image, size_t pos);

#endif
