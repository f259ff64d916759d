/*
 * The "css" commands of the qtest protocol
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_S390X_CSS_QTEST_H
#define HW_S390X_CSS_QTEST_H

/* Called once, by the machine's init, and only if qtest_enabled(). */
void css_qtest_init(void);

#endif
