#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# New seeds for $SOAK_SECONDS, an hour if not set: half of that for the
# simulation, a quarter for each of the two fuzz tests. What fails names the
# seed with which it fails again.
#
# Called by the soak target of meson.build, with QEMU's build directory.

set -eu

cd "$1"
seconds=${SOAK_SECONDS:-3600}
tests/unit/test-vfio-ccw-sim --soak $((seconds / 2))
export FUZZ_SECONDS=$((seconds / 4))
QTEST_QEMU_BINARY=./qemu-system-s390x tests/qtest/vfio-ccw-fuzz-test
