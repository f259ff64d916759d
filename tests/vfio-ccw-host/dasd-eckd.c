/*
 * A 3390 disk on a CKD image, behind a 3990 control unit
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The commands that Linux's dasd_eckd driver, its common I/O layer and its
 * boot loader send to one, with their checks. Anything else gets unit check,
 * command reject, and what Linux asks for optional features is answered so
 * that it does without them. What a channel program writes is in the image
 * when the program ends (ckd-image.h).
 *
 * Called by dasd.c, and by host.c to open an image, all in the host's thread.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/host-utils.h"
#include "ckd-image.h"
#include "dasd.h"

#define CMD_READ_IPL           0x02
#define CMD_WRITE_DATA         0x05
#define CMD_READ_DATA          0x06
#define CMD_SEEK               0x07
#define CMD_WRITE_KEY_DATA     0x0d
#define CMD_READ_KEY_DATA      0x0e
#define CMD_READ_COUNT         0x12
#define CMD_UNCOND_RESERVE     0x14
#define CMD_WRITE_R0           0x15
#define CMD_READ_R0            0x16
#define CMD_WRITE_CKD          0x1d
#define CMD_READ_CKD           0x1e
#define CMD_PSF                0x27
#define CMD_SEARCH_ID_EQUAL    0x31
#define CMD_SENSE_PGID         0x34
#define CMD_RSSD               0x3e
#define CMD_LOCATE_RECORD      0x47
#define CMD_SENSE_SUBSYSTEM    0x54
#define CMD_DEFINE_EXTENT      0x63
#define CMD_READ_DEV_CHARS     0x64
#define CMD_RELEASE            0x94
#define CMD_WRITE_CKD_NEXT     0x9d
#define CMD_SET_PGID           0xaf
#define CMD_RESERVE            0xb4
#define CMD_READ_CONFIG        0xfa
#define MULTITRACK             0x80

/* Second byte of the sense data */
#define SENSE1_PERMANENT       0x80
#define SENSE1_INVALID_FORMAT  0x40
#define SENSE1_END_OF_CYLINDER 0x20
#define SENSE1_NO_RECORD       0x08
/* The first, with command reject: the chain ended within a domain */
#define SENSE0_INCOMPLETE      0x01
/* Format and message, byte 7 */
#define MESSAGE_COMMAND        0x01
#define MESSAGE_SEQUENCE       0x02
#define MESSAGE_COUNT          0x03
#define MESSAGE_PARAMETER      0x04
#define FORMAT_EQUIPMENT       0x10

/* Define Extent: file mask */
#define MASK_WRITE             0xc0
/* 00: all but home address and R0 */
#define MASK_WRITE_NONE        0x40
#define MASK_WRITE_UPDATE      0x80
#define MASK_WRITE_ALL         0xc0
#define MASK_RESERVED          0x20
#define MASK_SEEK              0x18
#define MASK_SEEK_ALL          0x00
#define MASK_SEEK_NONE         0x18
#define ATTRIBUTES_ECKD        0xc0
#define MAX_BLOCK_SIZE         57334

/* Locate Record */
#define LOCATE_COUNT           0x00
#define LOCATE_HOME            0x40
#define LOCATE_DATA            0x80
#define LOCATE_INDEX           0xc0
#define LOCATE_OPERATION       0x3f
#define OP_ORIENT              0x00
#define OP_WRITE               0x01
#define OP_FORMAT              0x03
#define OP_READ                0x06
#define OP_READ_MULTITRACK     0x16
#define LOCATE_LENGTH_VALID    0x80
#define LOCATE_AUX_RESERVED    0x7e
#define SECTORS                224

/* Perform Subsystem Function */
#define ORDER_PREPARE_READ     0x18
#define ORDER_SET_SUBSYSTEM    0x1d
#define PREPARE_MESSAGES       0x03
#define PREPARE_UNITS          0x0e
#define PREPARE_FEATURES       0x41
#define ORDER_MIN              12

#define PGID_LEN               11
#define PATH_STATE_RESET       0x00     /* since then, no identifier */
#define PATH_STATE_UNGROUPED   0x80
#define PATH_STATE_GROUPED     0xc0
#define PATH_STATE_RESERVED    0x30
#define PATH_STATE_MULTIPATH   0x08
#define SPID_MULTIPATH         0x80
#define SPID_FUNCTION          0x60
#define SPID_ESTABLISH         0x00
#define SPID_DISBAND           0x20
#define SPID_RESIGN            0x40
#define SPID_RESERVED          0x1f

typedef enum Orientation {
    ORIENTED_INDEX,             /* before R0 */
    ORIENTED_COUNT,             /* behind the count field of a record */
    ORIENTED_DATA,              /* behind all of it */
} Orientation;

/* A path's part in a group */
typedef struct EckdPath {
    uint8_t state;              /* PATH_STATE_* without RESERVED */
    uint8_t pgid[PGID_LEN];
} EckdPath;

typedef struct EckdCommand EckdCommand;

typedef struct DasdEckd {
    Dasd parent;
    CkdImage *image;
    bool reserved;
    EckdPath path[8];

    /* All of these begin anew with each channel program */
    const EckdCommand *previous;
    bool positioned;            /* there is a current track */
    Orientation orientation;
    size_t pos;                 /* of the record, unless at the index */
    bool index_passed;
    bool found;                 /* the previous command's search was equal */
    bool ipl;                   /* Read IPL, instead of Define Extent */
    bool wrote;
    struct {
        bool defined;
        uint8_t mask;
        uint16_t block_size;
        uint32_t first;         /* tracks */
        uint32_t last;
    } extent;
    struct {
        uint8_t operation;
        uint8_t left;           /* commands; 0 outside a domain */
        uint16_t length;        /* of each record that is updated */
    } domain;
    uint8_t prepared_order;     /* PREPARE_*, for the next command */

    uint8_t buffer[CKD_TRACK_SIZE];
} DasdEckd;

struct EckdCommand {
    uint8_t code;
    uint8_t (*execute)(DasdEckd *eckd, ChannelRun *run, bool multitrack);
    unsigned flags;
};

/* Where a command is accepted */
#define OUTSIDE         (1u << 0)   /* outside a domain */
#define IN_WRITE        (1u << 1)   /* and in the domain of an operation */
#define IN_FORMAT       (1u << 2)
#define IN_READ         (1u << 3)
#define IN_READ_MT      (1u << 4)
#define NEEDS_TRACK     (1u << 5)
#define NEEDS_SEARCH    (1u << 6)   /* an equal one, if outside a domain */
/* What it does */
#define WRITES          (1u << 7)
#define KEEPS_INDEX     (1u << 8)   /* that it was passed remains known */

/*
 * Status
 */

static uint8_t eckd_unit_check(DasdEckd *eckd, uint8_t sense0, uint8_t sense1,
                               uint8_t message)
{
    uint8_t dstat = dasd_unit_check(&eckd->parent, sense0, sense1);
    uint8_t *sense = eckd->parent.sense;
    uint32_t cylinders = eckd->image->tracks / CKD_HEADS;
    uint32_t track = eckd->image->track;

    sense[7] = message;
    sense[27] = 0x80;           /* this is sense data of 24 bytes */
    if (!eckd->positioned) {
        return dstat;
    }
    if (cylinders > 0x1000) {
        sense[5] = sense[6] = 0xff;
    } else {
        sense[5] = track / CKD_HEADS;
        sense[6] = track / CKD_HEADS >> 4 & 0xf0;
        sense[6] |= track % CKD_HEADS;
    }
    stw_be_p(sense + 29, track / CKD_HEADS);
    sense[31] = track % CKD_HEADS;
    return dstat;
}

static uint8_t eckd_reject(DasdEckd *eckd, uint8_t message)
{
    return eckd_unit_check(eckd, DASD_SENSE_COMMAND_REJECT, 0, message);
}

static uint8_t eckd_equipment_check(DasdEckd *eckd)
{
    return eckd_unit_check(eckd, DASD_SENSE_EQUIPMENT_CHECK, SENSE1_PERMANENT,
                           FORMAT_EQUIPMENT);
}

static uint8_t eckd_check(DasdEckd *eckd, uint8_t sense1)
{
    return eckd_unit_check(eckd, 0, sense1, 0);
}

static bool in_domain(DasdEckd *eckd)
{
    return eckd->domain.left > 0;
}

/*
 * Positions
 */

static uint8_t eckd_go_to_track(DasdEckd *eckd, uint32_t track)
{
    if (track < eckd->extent.first || track > eckd->extent.last) {
        return eckd_check(eckd, DASD_SENSE1_FILE_PROTECTED);
    }
    eckd->positioned = ckd_image_load(eckd->image, track);
    if (!eckd->positioned) {
        return eckd_equipment_check(eckd);
    }
    eckd->orientation = ORIENTED_INDEX;
    if (!eckd->image->valid) {
        return eckd_check(eckd, SENSE1_INVALID_FORMAT);
    }
    return DASD_DONE;
}

static uint8_t eckd_next_track(DasdEckd *eckd)
{
    uint32_t track = eckd->image->track;

    if ((eckd->extent.mask & MASK_SEEK) == MASK_SEEK_NONE) {
        return eckd_check(eckd, DASD_SENSE1_FILE_PROTECTED);
    }
    if (!in_domain(eckd) && track % CKD_HEADS == CKD_HEADS - 1) {
        return eckd_check(eckd, SENSE1_END_OF_CYLINDER);
    }
    return eckd_go_to_track(eckd, track + 1);
}

/* Where the record after the current one is, or the end of the track */
static size_t eckd_following(DasdEckd *eckd)
{
    return eckd->orientation == ORIENTED_INDEX
        ? CKD_R0 : ckd_next(eckd->image, eckd->pos);
}

static uint8_t eckd_pass_end(DasdEckd *eckd, bool multitrack)
{
    if (multitrack) {
        return eckd_next_track(eckd);
    }
    if (eckd->index_passed) {
        return eckd_check(eckd, SENSE1_NO_RECORD);
    }
    eckd->index_passed = true;
    eckd->orientation = ORIENTED_INDEX;
    return DASD_DONE;
}

/* To the next count field, that of R0 included */
static uint8_t eckd_next_count(DasdEckd *eckd, bool multitrack)
{
    size_t pos = eckd_following(eckd);

    while (ckd_is_end(eckd->image, pos)) {
        uint8_t dstat = eckd_pass_end(eckd, multitrack);

        if (dstat != DASD_DONE) {
            return dstat;
        }
        pos = eckd_following(eckd);
    }
    eckd->pos = pos;
    eckd->orientation = ORIENTED_COUNT;
    return DASD_DONE;
}

static uint8_t eckd_next_user_record(DasdEckd *eckd, bool multitrack)
{
    uint8_t dstat;

    do {
        dstat = eckd_next_count(eckd, multitrack);
    } while (dstat == DASD_DONE && eckd->pos == CKD_R0);
    return dstat;
}

/* Parts of the current record */
static size_t key_pos(DasdEckd *eckd)
{
    return eckd->pos + CKD_COUNT_LEN;
}

static size_t data_pos(DasdEckd *eckd)
{
    return key_pos(eckd) + ckd_key_len(eckd->image, eckd->pos);
}

static unsigned data_len(DasdEckd *eckd)
{
    return ckd_data_len(eckd->image, eckd->pos);
}

static bool get_track(DasdEckd *eckd, const uint8_t *cchh, uint32_t *track)
{
    unsigned cylinder = lduw_be_p(cchh), head = lduw_be_p(cchh + 2);

    *track = cylinder * CKD_HEADS + head;
    return head < CKD_HEADS && *track < eckd->image->tracks;
}

/*
 * Identity and state
 */

static uint8_t eckd_no_operation(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    return DASD_DONE;
}

static uint8_t eckd_sense(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    return dasd_sense(&eckd->parent, run);
}

static uint8_t eckd_sense_id(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    /* 3990 model E9, 3390 model 0A; Read Configuration Data is FA */
    static const uint8_t id[] = {
        0xff, 0x39, 0x90, 0xe9, 0x33, 0x90, 0x0a, 0x00,
        0x40, CMD_READ_CONFIG, 0x01, 0x00,
    };

    channel_put(run, id, sizeof(id));
    return DASD_DONE;
}

static uint8_t eckd_read_characteristics(DasdEckd *eckd, ChannelRun *run,
                                         bool mt)
{
    uint32_t cylinders = eckd->image->tracks / CKD_HEADS;
    uint8_t data[64] = {
        0x39, 0x90, 0xe9, 0x33, 0x90, 0x0a,
        [6] = 0x10,             /* Locate Record knows multitrack reads */
        [10] = 0x20, 0x24,      /* disk, 3390 model 0A */
        [15] = CKD_HEADS,
        [16] = SECTORS, 0x00, 0xe5, 0xa2,
        [20] = 0x05, 0x94,      /* bytes that home address and R0 take */
        [22] = 0x02, 0x22, 0x13, 0x09, 0x06, 0x74,
        [40] = 0x24, 0x24, 0x15, 0x02,
        [44] = 0xdf, 0xee,      /* longest record R0 */
        [47] = 0x01, 0x06, 0x77, 0x08,
        [54] = 0x40, 0x00, 0x00, 0xff,
    };

    stw_be_p(data + 12, cylinders);
    stl_be_p(data + 60, cylinders);
    channel_put(run, data, sizeof(data));
    return DASD_DONE;
}

/* EBCDIC of a digit or capital letter, "0" for all else */
static uint8_t to_ebcdic(char c)
{
    if (c >= 'A' && c <= 'I') {
        return 0xc1 + c - 'A';
    }
    if (c >= 'J' && c <= 'R') {
        return 0xd1 + c - 'J';
    }
    if (c >= 'S' && c <= 'Z') {
        return 0xe2 + c - 'S';
    }
    return c >= '0' && c <= '9' ? 0xf0 + c - '0' : 0xf0;
}

static void put_ebcdic(uint8_t *p, const char *text)
{
    for (size_t i = 0; text[i]; i++) {
        p[i] = to_ebcdic(text[i]);
    }
}

static uint8_t eckd_read_config(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    uint8_t data[256] = { 0 };

    /* The device's node element descriptor */
    data[0] = 0xdc;
    data[1] = data[2] = 0x01;
    put_ebcdic(data + 4, "00339000A");
    put_ebcdic(data + 13, "HRC");
    put_ebcdic(data + 16, "00");
    put_ebcdic(data + 18, eckd->image->serial);
    /* String, storage director and subsystem */
    data[32] = 0xd4;
    data[33] = 0x02;
    data[64] = 0xd0;
    data[96] = 0xf0;
    data[99] = 0x01;
    /* The general node element qualifier, with a time-out of 30 seconds */
    data[224] = 0x80;
    data[230] = 0x1e;
    channel_put(run, data, sizeof(data));
    return DASD_DONE;
}

static uint8_t eckd_sense_subsystem(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    uint8_t data[44] = { 0x01 };

    channel_put(run, data, sizeof(data));
    return DASD_DONE;
}

static EckdPath *eckd_path(DasdEckd *eckd)
{
    uint8_t lpum = eckd->parent.sch->pmcw.lpum;

    return &eckd->path[lpum ? clz32(lpum) - 24 : 0];
}

static bool is_only_command(DasdEckd *eckd, ChannelRun *run)
{
    return !eckd->previous && !(run->ccw->flags & CCW_FLAG_CC);
}

static uint8_t eckd_sense_pgid(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    EckdPath *path = eckd_path(eckd);
    uint8_t data[1 + PGID_LEN];

    if (!is_only_command(eckd, run)) {
        return eckd_reject(eckd, MESSAGE_SEQUENCE);
    }
    data[0] = path->state | (eckd->reserved ? PATH_STATE_RESERVED : 0);
    memcpy(data + 1, path->pgid, PGID_LEN);
    channel_put(run, data, sizeof(data));
    return DASD_DONE;
}

static bool is_zero(const uint8_t *p, size_t len)
{
    return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

static void disband(DasdEckd *eckd, const uint8_t *pgid)
{
    for (int i = 0; i < ARRAY_SIZE(eckd->path); i++) {
        EckdPath *path = &eckd->path[i];

        if ((path->state & PATH_STATE_GROUPED) == PATH_STATE_GROUPED &&
            memcmp(path->pgid, pgid, PGID_LEN) == 0) {
            path->state = PATH_STATE_UNGROUPED;
        }
    }
}

static uint8_t eckd_set_pgid(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    EckdPath *path = eckd_path(eckd);
    const uint8_t *pgid;
    uint8_t data[1 + PGID_LEN], mode;

    if (!is_only_command(eckd, run)) {
        return eckd_reject(eckd, MESSAGE_SEQUENCE);
    }
    if (channel_take(run, data, sizeof(data)) < sizeof(data)) {
        return eckd_reject(eckd, MESSAGE_COUNT);
    }
    pgid = data + 1;
    /* A path keeps the identifier that it was given first */
    if (data[0] & SPID_RESERVED || is_zero(pgid, PGID_LEN) ||
        (path->state != PATH_STATE_RESET &&
         memcmp(path->pgid, pgid, PGID_LEN) != 0)) {
        return eckd_reject(eckd, MESSAGE_PARAMETER);
    }
    mode = data[0] & SPID_MULTIPATH ? PATH_STATE_MULTIPATH : 0;
    switch (data[0] & SPID_FUNCTION) {
    case SPID_ESTABLISH:
        path->state = PATH_STATE_GROUPED | mode;
        break;
    case SPID_RESIGN:
        path->state = PATH_STATE_UNGROUPED;
        break;
    case SPID_DISBAND:
        disband(eckd, pgid);
        path->state = PATH_STATE_UNGROUPED;
        break;
    default:
        return eckd_reject(eckd, MESSAGE_PARAMETER);
    }
    memcpy(path->pgid, pgid, PGID_LEN);
    return DASD_DONE;
}

/* Nobody else can have reserved the disk: each of these succeeds */
static uint8_t eckd_reserve(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    eckd->reserved = true;
    return dasd_sense(&eckd->parent, run);
}

static uint8_t eckd_release(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    eckd->reserved = false;
    return dasd_sense(&eckd->parent, run);
}

static uint8_t eckd_perform_subsystem_function(DasdEckd *eckd, ChannelRun *run,
                                               bool mt)
{
    uint8_t data[256];
    size_t len = channel_take(run, data, MIN(sizeof(data), run->ccw->count));

    if (len < ORDER_MIN) {
        return eckd_reject(eckd, MESSAGE_COUNT);
    }
    if (data[0] == ORDER_SET_SUBSYSTEM) {
        return DASD_DONE;
    }
    if (data[0] != ORDER_PREPARE_READ ||
        (data[6] != PREPARE_MESSAGES && data[6] != PREPARE_UNITS &&
         data[6] != PREPARE_FEATURES)) {
        return eckd_reject(eckd, MESSAGE_PARAMETER);
    }
    eckd->prepared_order = data[6];
    return DASD_DONE;
}

static uint8_t eckd_read_subsystem_data(DasdEckd *eckd, ChannelRun *run,
                                        bool mt)
{
    uint8_t data[512] = { 0 };
    size_t len;

    switch (eckd->prepared_order) {
    case PREPARE_MESSAGES:      /* none */
        len = data[1] = 9;
        break;
    case PREPARE_UNITS:         /* this one, unit address 0, is a base */
        data[0] = 0x01;
        len = 512;
        break;
    case PREPARE_FEATURES:      /* none */
        len = 256;
        break;
    default:
        return eckd_reject(eckd, MESSAGE_SEQUENCE);
    }
    channel_put(run, data, len);
    return DASD_DONE;
}

/*
 * Extent, domain, position
 */

static uint8_t eckd_define_extent(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    uint32_t first, last, block_size;
    uint8_t data[16];

    if (eckd->extent.defined || eckd->ipl) {
        return eckd_reject(eckd, MESSAGE_SEQUENCE);
    }
    if (channel_take(run, data, sizeof(data)) < sizeof(data)) {
        return eckd_reject(eckd, MESSAGE_COUNT);
    }
    block_size = lduw_be_p(data + 2);
    if (data[0] & MASK_RESERVED ||
        (data[1] & ATTRIBUTES_ECKD) != ATTRIBUTES_ECKD ||
        block_size > MAX_BLOCK_SIZE || !is_zero(data + 4, 3) ||
        !get_track(eckd, data + 8, &first) ||
        !get_track(eckd, data + 12, &last) || first > last) {
        return eckd_reject(eckd, MESSAGE_PARAMETER);
    }
    eckd->extent.defined = true;
    eckd->extent.mask = data[0];
    eckd->extent.block_size = block_size ?: MAX_BLOCK_SIZE;
    eckd->extent.first = first;
    eckd->extent.last = last;
    /* The current track may be outside */
    eckd->positioned = false;
    return DASD_DONE;
}

static bool locate_is_valid(DasdEckd *eckd, const uint8_t *data,
                            uint32_t *track)
{
    /* Orientation and operation */
    static const uint8_t operations[] = {
        LOCATE_COUNT | OP_ORIENT, LOCATE_HOME | OP_ORIENT,
        LOCATE_DATA | OP_ORIENT,
        LOCATE_COUNT | OP_WRITE, LOCATE_DATA | OP_WRITE,
        LOCATE_COUNT | OP_FORMAT, LOCATE_HOME | OP_FORMAT,
        LOCATE_INDEX | OP_FORMAT,
        LOCATE_COUNT | OP_READ, LOCATE_HOME | OP_READ, LOCATE_DATA | OP_READ,
        LOCATE_COUNT | OP_READ_MULTITRACK, LOCATE_HOME | OP_READ_MULTITRACK,
        LOCATE_DATA | OP_READ_MULTITRACK, LOCATE_INDEX | OP_READ_MULTITRACK,
    };
    uint16_t length = lduw_be_p(data + 14);

    return memchr(operations, data[0], sizeof(operations)) &&
           !(data[1] & LOCATE_AUX_RESERVED) && !data[2] &&
           !data[3] == ((data[0] & LOCATE_OPERATION) == OP_ORIENT) &&
           get_track(eckd, data + 4, track) &&
           (data[13] < SECTORS || data[13] == 0xff) &&
           !!(data[1] & LOCATE_LENGTH_VALID) == !!length &&
           length <= eckd->extent.block_size;
}

/* To the record, R0 included, whose count field begins with @id */
static uint8_t eckd_search_track(DasdEckd *eckd, const uint8_t *id)
{
    const CkdImage *image = eckd->image;

    for (size_t pos = CKD_R0; !ckd_is_end(image, pos);
         pos = ckd_next(image, pos)) {
        if (memcmp(image->data + pos, id, CKD_ID_LEN) == 0) {
            eckd->pos = pos;
            eckd->orientation = ORIENTED_COUNT;
            return DASD_DONE;
        }
    }
    return eckd_check(eckd, SENSE1_NO_RECORD);
}

static uint8_t eckd_orient(DasdEckd *eckd, uint8_t orientation,
                           const uint8_t *id)
{
    uint8_t dstat;

    switch (orientation) {
    case LOCATE_INDEX:
        return DASD_DONE;
    case LOCATE_HOME:
        /* Behind one byte of flags */
        return memcmp(eckd->image->data + 1, id, 4) == 0
            ? DASD_DONE : eckd_check(eckd, SENSE1_NO_RECORD);
    default:
        dstat = eckd_search_track(eckd, id);
        if (dstat == DASD_DONE && orientation == LOCATE_DATA) {
            eckd->orientation = ORIENTED_DATA;
        }
        return dstat;
    }
}

static uint8_t eckd_locate_record(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    uint8_t data[16], dstat;
    uint32_t track;

    if (!eckd->extent.defined && !eckd->ipl) {
        return eckd_reject(eckd, MESSAGE_SEQUENCE);
    }
    if (channel_take(run, data, sizeof(data)) < sizeof(data)) {
        return eckd_reject(eckd, MESSAGE_COUNT);
    }
    if (!locate_is_valid(eckd, data, &track)) {
        return eckd_reject(eckd, MESSAGE_PARAMETER);
    }
    dstat = eckd_go_to_track(eckd, track);
    if (dstat != DASD_DONE) {
        return dstat;
    }
    dstat = eckd_orient(eckd, data[0] & ~LOCATE_OPERATION, data + 8);
    if (dstat != DASD_DONE) {
        return dstat;
    }
    eckd->domain.operation = data[0] & LOCATE_OPERATION;
    eckd->domain.left = data[3];
    eckd->domain.length = lduw_be_p(data + 14) ?: eckd->extent.block_size;
    return DASD_DONE;
}

static uint8_t eckd_seek(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    uint8_t data[6];
    uint32_t track;

    if (channel_take(run, data, sizeof(data)) < sizeof(data)) {
        return eckd_reject(eckd, MESSAGE_COUNT);
    }
    if (!is_zero(data, 2) || !get_track(eckd, data + 2, &track)) {
        return eckd_reject(eckd, MESSAGE_PARAMETER);
    }
    if ((eckd->extent.mask & MASK_SEEK) != MASK_SEEK_ALL) {
        return eckd_check(eckd, DASD_SENSE1_FILE_PROTECTED);
    }
    return eckd_go_to_track(eckd, track);
}

static uint8_t eckd_search_id_equal(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    uint8_t id[CKD_ID_LEN], dstat = eckd_next_count(eckd, mt);
    size_t len;

    if (dstat != DASD_DONE) {
        return dstat;
    }
    len = channel_take(run, id, sizeof(id));
    if (len == 0 || memcmp(eckd->image->data + eckd->pos, id, len) != 0) {
        return DASD_DONE;
    }
    eckd->found = len == sizeof(id);
    return DASD_DONE | SCSW_DSTAT_STAT_MOD;
}

/*
 * Reading
 */

/* What follows from @pos to the end of the current record */
static uint8_t eckd_put_rest(DasdEckd *eckd, ChannelRun *run, size_t pos)
{
    channel_put(run, eckd->image->data + pos,
                ckd_next(eckd->image, eckd->pos) - pos);
    eckd->orientation = ORIENTED_DATA;
    return DASD_DONE;
}

static uint8_t eckd_read_ipl(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    uint8_t dstat;

    if (eckd->previous) {
        return eckd_reject(eckd, MESSAGE_SEQUENCE);
    }
    eckd->ipl = true;
    dstat = eckd_go_to_track(eckd, 0);
    if (dstat == DASD_DONE) {
        dstat = eckd_next_user_record(eckd, false);
    }
    return dstat == DASD_DONE ? eckd_put_rest(eckd, run, data_pos(eckd))
                              : dstat;
}

/* To the record that was found, or else to the next */
static uint8_t eckd_find_data(DasdEckd *eckd, bool multitrack)
{
    return eckd->orientation == ORIENTED_COUNT
        ? DASD_DONE : eckd_next_user_record(eckd, multitrack);
}

/* What a record without data ends with */
static uint8_t data_status(DasdEckd *eckd)
{
    return data_len(eckd) ? DASD_DONE : DASD_DONE | SCSW_DSTAT_UNIT_EXCEP;
}

static uint8_t eckd_read_data(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    uint8_t dstat = eckd_find_data(eckd, mt);

    if (dstat != DASD_DONE) {
        return dstat;
    }
    eckd_put_rest(eckd, run, data_pos(eckd));
    return data_status(eckd);
}

static uint8_t eckd_read_key_data(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    uint8_t dstat = eckd_find_data(eckd, mt);

    if (dstat != DASD_DONE) {
        return dstat;
    }
    eckd_put_rest(eckd, run, key_pos(eckd));
    return data_status(eckd);
}

static uint8_t eckd_read_count(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    uint8_t dstat = eckd_next_user_record(eckd, mt);

    if (dstat == DASD_DONE) {
        channel_put(run, eckd->image->data + eckd->pos, CKD_COUNT_LEN);
    }
    return dstat;
}

static uint8_t eckd_read_ckd(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    uint8_t dstat = eckd_next_user_record(eckd, mt);

    return dstat == DASD_DONE ? eckd_put_rest(eckd, run, eckd->pos) : dstat;
}

static uint8_t eckd_read_r0(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    eckd->pos = CKD_R0;
    return eckd_put_rest(eckd, run, CKD_R0);
}

/*
 * Writing
 */

/*
 * Takes what is to be at @pos of the track, and zeroes if there is less.
 * Storage that cannot be read changes nothing.
 */
static bool eckd_take(DasdEckd *eckd, ChannelRun *run, size_t len)
{
    size_t taken = channel_take(run, eckd->buffer, len);

    memset(eckd->buffer + taken, 0, len - taken);
    return !(run->status.cstat & ~SCSW_CSTAT_PCI);
}

/* Overwrites what follows from @pos to the end of the current record */
static uint8_t eckd_update(DasdEckd *eckd, ChannelRun *run, size_t pos)
{
    size_t len = ckd_next(eckd->image, eckd->pos) - pos;

    if (in_domain(eckd) && len != eckd->domain.length) {
        return eckd_check(eckd, SENSE1_INVALID_FORMAT);
    }
    eckd->orientation = ORIENTED_DATA;
    if (eckd_take(eckd, run, len)) {
        ckd_image_change(eckd->image, pos, eckd->buffer, len);
        eckd->wrote = true;
    }
    return data_status(eckd);
}

/* To the record that an update is for */
static uint8_t eckd_find_update(DasdEckd *eckd, bool multitrack)
{
    if (eckd->orientation == ORIENTED_COUNT && eckd->pos != CKD_R0) {
        return DASD_DONE;
    }
    if (multitrack) {
        return eckd_next_user_record(eckd, true);
    }
    return eckd_reject(eckd, MESSAGE_SEQUENCE);
}

static uint8_t eckd_write_data(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    uint8_t dstat = eckd_find_update(eckd, mt);

    return dstat == DASD_DONE ? eckd_update(eckd, run, data_pos(eckd)) : dstat;
}

static uint8_t eckd_write_key_data(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    uint8_t dstat = eckd_find_update(eckd, mt);

    return dstat == DASD_DONE ? eckd_update(eckd, run, key_pos(eckd)) : dstat;
}

/* Writes a record and the end of the track behind it */
static uint8_t eckd_format(DasdEckd *eckd, ChannelRun *run, size_t pos)
{
    uint8_t count[CKD_COUNT_LEN];
    unsigned key_len, len;

    if (channel_take(run, count, sizeof(count)) < sizeof(count)) {
        return eckd_reject(eckd, MESSAGE_COUNT);
    }
    key_len = count[5];
    len = lduw_be_p(count + 6);
    if (!ckd_fits(eckd->image, pos, key_len, len)) {
        return eckd_check(eckd, SENSE1_INVALID_FORMAT);
    }
    if (!eckd_take(eckd, run, key_len + len)) {
        return DASD_DONE;
    }
    ckd_image_change(eckd->image, pos, count, CKD_COUNT_LEN);
    ckd_image_change(eckd->image, pos + CKD_COUNT_LEN, eckd->buffer,
                     key_len + len);
    ckd_image_end_track(eckd->image,
                        pos + CKD_COUNT_LEN + key_len + len);
    eckd->wrote = true;
    eckd->pos = pos;
    eckd->orientation = ORIENTED_DATA;
    return DASD_DONE;
}

static bool may_format(DasdEckd *eckd)
{
    return (eckd->extent.mask & MASK_WRITE) != MASK_WRITE_UPDATE;
}

/* Where the next record is written: R0 remains */
static size_t eckd_format_pos(DasdEckd *eckd)
{
    return ckd_next(eckd->image, eckd->orientation == ORIENTED_INDEX
                                 ? CKD_R0 : eckd->pos);
}

static uint8_t eckd_write_ckd(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    if (!may_format(eckd)) {
        return eckd_reject(eckd, MESSAGE_SEQUENCE);
    }
    return eckd_format(eckd, run, eckd_format_pos(eckd));
}

static uint8_t eckd_write_ckd_next(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    uint8_t dstat;

    if (!may_format(eckd) ||
        (eckd->previous->code != CMD_WRITE_CKD &&
         eckd->previous->code != CMD_WRITE_CKD_NEXT)) {
        return eckd_reject(eckd, MESSAGE_SEQUENCE);
    }
    dstat = eckd_next_track(eckd);
    return dstat == DASD_DONE
        ? eckd_format(eckd, run, eckd_format_pos(eckd)) : dstat;
}

static uint8_t eckd_write_r0(DasdEckd *eckd, ChannelRun *run, bool mt)
{
    if (eckd->orientation != ORIENTED_INDEX ||
        (eckd->extent.mask & MASK_WRITE) != MASK_WRITE_ALL) {
        return eckd_reject(eckd, MESSAGE_SEQUENCE);
    }
    return eckd_format(eckd, run, CKD_R0);
}

/*
 * The commands
 */

#define READS    (OUTSIDE | IN_READ | NEEDS_TRACK)
#define READS_MT (READS | IN_READ_MT)
#define UPDATES  (IN_WRITE | NEEDS_TRACK | WRITES)
#define FORMATS  (IN_FORMAT | NEEDS_TRACK | WRITES)

static const EckdCommand commands[] = {
    { CCW_CMD_NOOP, eckd_no_operation, OUTSIDE },
    { CCW_CMD_BASIC_SENSE, eckd_sense, OUTSIDE },
    { CCW_CMD_SENSE_ID, eckd_sense_id, OUTSIDE },
    { CMD_READ_DEV_CHARS, eckd_read_characteristics, OUTSIDE },
    { CMD_READ_CONFIG, eckd_read_config, OUTSIDE },
    { CMD_SENSE_SUBSYSTEM, eckd_sense_subsystem, OUTSIDE },
    { CMD_SENSE_PGID, eckd_sense_pgid, OUTSIDE },
    { CMD_SET_PGID, eckd_set_pgid, OUTSIDE },
    { CMD_RESERVE, eckd_reserve, OUTSIDE },
    { CMD_UNCOND_RESERVE, eckd_reserve, OUTSIDE },
    { CMD_RELEASE, eckd_release, OUTSIDE },
    { CMD_PSF, eckd_perform_subsystem_function, OUTSIDE },
    { CMD_RSSD, eckd_read_subsystem_data, OUTSIDE },
    { CMD_DEFINE_EXTENT, eckd_define_extent, OUTSIDE },
    { CMD_LOCATE_RECORD, eckd_locate_record, OUTSIDE },
    { CMD_SEEK, eckd_seek, OUTSIDE },
    { CMD_SEARCH_ID_EQUAL, eckd_search_id_equal,
      OUTSIDE | NEEDS_TRACK | KEEPS_INDEX },
    { CMD_READ_IPL, eckd_read_ipl, OUTSIDE },
    { CMD_READ_DATA, eckd_read_data, READS },
    { CMD_READ_DATA | MULTITRACK, eckd_read_data, READS_MT },
    { CMD_READ_KEY_DATA, eckd_read_key_data, READS },
    { CMD_READ_KEY_DATA | MULTITRACK, eckd_read_key_data, READS_MT },
    { CMD_READ_COUNT, eckd_read_count, READS | KEEPS_INDEX },
    { CMD_READ_COUNT | MULTITRACK, eckd_read_count, READS_MT | KEEPS_INDEX },
    { CMD_READ_CKD, eckd_read_ckd, READS },
    { CMD_READ_CKD | MULTITRACK, eckd_read_ckd, READS_MT },
    { CMD_READ_R0, eckd_read_r0, READS },
    { CMD_WRITE_DATA, eckd_write_data, UPDATES | OUTSIDE | NEEDS_SEARCH },
    { CMD_WRITE_DATA | MULTITRACK, eckd_write_data, UPDATES },
    { CMD_WRITE_KEY_DATA, eckd_write_key_data,
      UPDATES | OUTSIDE | NEEDS_SEARCH },
    { CMD_WRITE_KEY_DATA | MULTITRACK, eckd_write_key_data, UPDATES },
    { CMD_WRITE_CKD, eckd_write_ckd, FORMATS | OUTSIDE | NEEDS_SEARCH },
    { CMD_WRITE_CKD_NEXT, eckd_write_ckd_next, FORMATS },
    { CMD_WRITE_R0, eckd_write_r0, FORMATS },
};

static const EckdCommand *find_command(uint8_t code)
{
    for (int i = 0; i < ARRAY_SIZE(commands); i++) {
        if (commands[i].code == code) {
            return &commands[i];
        }
    }
    return NULL;
}

static unsigned domain_flag(DasdEckd *eckd)
{
    if (!in_domain(eckd)) {
        return OUTSIDE;
    }
    switch (eckd->domain.operation) {
    case OP_WRITE:
        return IN_WRITE;
    case OP_FORMAT:
        return IN_FORMAT;
    case OP_READ:
        return IN_READ;
    case OP_READ_MULTITRACK:
        return IN_READ_MT;
    default:
        return 0;
    }
}

/* Is this the place for it, whatever its parameters are? */
static bool is_in_sequence(DasdEckd *eckd, const EckdCommand *command)
{
    if (!(command->flags & domain_flag(eckd)) ||
        (command->flags & NEEDS_TRACK && !eckd->positioned)) {
        return false;
    }
    if (eckd->prepared_order && command->code != CMD_RSSD) {
        return false;
    }
    if (command->flags & NEEDS_SEARCH && !in_domain(eckd) && !eckd->found) {
        return false;
    }
    return !(command->flags & WRITES &&
             (eckd->extent.mask & MASK_WRITE) == MASK_WRITE_NONE);
}

static uint8_t eckd_execute(DasdEckd *eckd, const EckdCommand *command,
                            ChannelRun *run)
{
    bool counted = in_domain(eckd);
    uint8_t dstat;

    if (!(command->flags & KEEPS_INDEX)) {
        eckd->index_passed = false;
    }
    eckd->found = false;
    dstat = command->execute(eckd, run, command->code & MULTITRACK);
    if (dstat & SCSW_DSTAT_UNIT_CHECK) {
        return dstat;
    }
    if (counted) {
        eckd->domain.left--;
    }
    if (in_domain(eckd) && !(run->ccw->flags & CCW_FLAG_CC)) {
        return eckd_unit_check(eckd, DASD_SENSE_COMMAND_REJECT |
                               SENSE0_INCOMPLETE, 0, 0);
    }
    return dstat;
}

static uint8_t eckd_command(Dasd *parent, uint8_t code, ChannelRun *run)
{
    DasdEckd *eckd = container_of(parent, DasdEckd, parent);
    const EckdCommand *command = find_command(code);
    uint8_t dstat;

    if (!command) {
        return eckd_reject(eckd, MESSAGE_COMMAND);
    }
    if (!is_in_sequence(eckd, command)) {
        return eckd_reject(eckd, MESSAGE_SEQUENCE);
    }
    dstat = eckd_execute(eckd, command, run);
    if (command->code == CMD_RSSD) {
        eckd->prepared_order = 0;
    }
    eckd->previous = command;
    return dstat;
}

static void eckd_begin(Dasd *parent)
{
    DasdEckd *eckd = container_of(parent, DasdEckd, parent);

    eckd->previous = NULL;
    eckd->positioned = false;
    eckd->index_passed = false;
    eckd->found = false;
    eckd->ipl = false;
    eckd->wrote = false;
    eckd->extent.defined = false;
    eckd->extent.mask = 0;
    eckd->extent.block_size = MAX_BLOCK_SIZE;
    eckd->extent.first = 0;
    eckd->extent.last = eckd->image->tracks - 1;
    eckd->domain.left = 0;
    eckd->prepared_order = 0;
}

static uint8_t eckd_end(Dasd *parent, uint8_t dstat)
{
    DasdEckd *eckd = container_of(parent, DasdEckd, parent);

    if (!eckd->wrote || ckd_image_flush(eckd->image)) {
        return dstat;
    }
    return eckd_equipment_check(eckd);
}

static bool eckd_close(Dasd *parent, Error **errp)
{
    DasdEckd *eckd = container_of(parent, DasdEckd, parent);
    bool ok = ckd_image_close(eckd->image, errp);

    g_free(eckd);
    return ok;
}

static const DasdModel eckd_model = {
    .begin = eckd_begin,
    .command = eckd_command,
    .end = eckd_end,
    .close = eckd_close,
};

Dasd *dasd_eckd_open(const char *path, HostDma *dma, GMainContext *context,
                     Error **errp)
{
    CkdImage *image = ckd_image_open(path, errp);
    DasdEckd *eckd;

    if (!image) {
        return NULL;
    }
    eckd = g_new0(DasdEckd, 1);
    dasd_init(&eckd->parent, &eckd_model, dma, context);
    eckd->image = image;
    return &eckd->parent;
}
