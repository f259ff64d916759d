/*
 * libqos: channel I/O through the "css" commands of qtest
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * For tests of the s390x channel subsystem, called from the test's own thread.
 * All structures are those of the Principles of Operation with fields in host
 * byte order; the conversion to and from guest storage is in css.c alone.
 *
 * An instruction returns its condition code, or the negative of the program
 * interruption code if it ended with a program interruption.
 */

#ifndef LIBQOS_CSS_H
#define LIBQOS_CSS_H

#include "../libqtest.h"
#include "hw/s390x/ioinst.h"

#define QCSS_PGM_ADDRESSING    (-0x05)
#define QCSS_PGM_SPECIFICATION (-0x06)
#define QCSS_PGM_OPERAND       (-0x15)

/* Real address of the page where instruction operands are put */
#define QCSS_OPERAND 0x100000
/* The tests' own storage begins here */
#define QCSS_FREE    0x101000

/* The first subchannel of subchannel set 0; there is always a place for it */
#define QCSS_FIRST_SCHID 0x00010000

/* The interruption subclass that qcss_enable() chooses, and CR6 masks */
#define QCSS_ISC      3
#define QCSS_CR6_ISC3 0x10000000
#define QCSS_CR6_ALL  0xff000000

/*
 * Start an s390-ccw-virtio machine that never runs a program; @extra_args may
 * add -machine options.  No firmware image is needed.
 */
QTestState *qcss_init(const char *extra_args);

/* The same with a firmware, for CPUs that do run: @extra_args has -accel. */
QTestState *qcss_init_firmware(const void *firmware, size_t size,
                               const char *extra_args);

/* The instructions that have no operand in storage */
int qcss_xsch(QTestState *qts, uint32_t schid);
int qcss_hsch(QTestState *qts, uint32_t schid);
int qcss_csch(QTestState *qts, uint32_t schid);
int qcss_rsch(QTestState *qts, uint32_t schid);

/* With a structure as operand, stored at QCSS_OPERAND */
int qcss_ssch(QTestState *qts, uint32_t schid, const ORB *orb);
int qcss_msch(QTestState *qts, uint32_t schid, const SCHIB *schib);
int qcss_stsch(QTestState *qts, uint32_t schid, SCHIB *schib);
int qcss_tsch(QTestState *qts, uint32_t schid, IRB *irb);
int qcss_stcrw(QTestState *qts, CRW *crw);

/* With the operand address that the test wants */
int qcss_stcrw_at(QTestState *qts, uint32_t addr);
/* The request, and behind it the response, are in the page at @addr. */
int qcss_chsc(QTestState *qts, uint32_t addr);

/* The channel-subsystem and channel-path ID, as in general register 1 */
int qcss_rchp(QTestState *qts, uint32_t path);
/* Measure, or do not: @control as in general register 1 */
void qcss_schm(QTestState *qts, uint32_t control, uint64_t block_origin);

/* The machine has been reset when this returns, if @subcode does that. */
void qcss_diag308(QTestState *qts, unsigned subcode);

/* Any of ssch, msch, stsch, tsch with any operand address */
int qcss_issue_at(QTestState *qts, const char *insn, uint32_t schid,
                  uint64_t addr);

/*
 * For who asks again and again: what does not happen before this, in monotonic
 * time, will not happen.  It is there to end a test that hangs, and so it is
 * far away.
 */
int64_t qcss_deadline(void);

/* Take a pending interruption; false if there is none. */
bool qcss_dequeue_io(QTestState *qts, uint32_t cr6, IOIntCode *code);
bool qcss_dequeue_crw_mchk(QTestState *qts);

/*
 * The same, but ask again until there is one: for what other threads bring
 * about.  The test fails if none comes before qcss_deadline().
 */
void qcss_wait_io(QTestState *qts, uint32_t cr6, IOIntCode *code);
void qcss_wait_crw_mchk(QTestState *qts);

/* Wait for @schid's interruption and clear its status with TSCH. */
void qcss_wait_irb(QTestState *qts, uint32_t schid, IRB *irb);

/* The valid subchannel of this device number, or 0 if there is none */
uint32_t qcss_find(QTestState *qts, uint16_t devno);

/* Enable with MSCH: ENA, QCSS_ISC and this interruption parameter */
void qcss_set_enabled(SCHIB *schib, uint32_t intparm);
void qcss_enable(QTestState *qts, uint32_t schid, uint32_t intparm);
void qcss_disable(QTestState *qts, uint32_t schid);

/* Operands anywhere; ecw and emw stay as they are: sense data are bytes. */
void qcss_write_orb(QTestState *qts, uint64_t addr, const ORB *orb);
void qcss_write_schib(QTestState *qts, uint64_t addr, const SCHIB *schib);
void qcss_read_schib(QTestState *qts, uint64_t addr, SCHIB *schib);
void qcss_read_irb(QTestState *qts, uint64_t addr, IRB *irb);
void qcss_write_ccws(QTestState *qts, uint64_t addr, const CCW1 *ccws,
                     size_t n);

/* For a prefetchable program of format-1 CCWs, over any path */
ORB qcss_orb(uint32_t intparm, uint32_t cpa);

#endif
