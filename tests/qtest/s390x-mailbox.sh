#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Assemble s390x-mailbox.S into s390x-mailbox-program.h, or with --check tell
# whether that header is what the source makes (exit status 77: cannot tell,
# for want of Debian's binutils-s390x-linux-gnu). Run by hand after a change
# of the source, and with --check by "meson test".

set -e
cd "$(dirname "$0")"
header=s390x-mailbox-program.h

if ! command -v s390x-linux-gnu-as > /dev/null; then
    echo "s390x-mailbox.sh: s390x-linux-gnu-as is not installed" >&2
    exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

s390x-linux-gnu-as -march=z10 -o "$scratch/program.o" s390x-mailbox.S
s390x-linux-gnu-objcopy -O binary -j .text "$scratch/program.o" \
    "$scratch/program"
{
    echo '/* SPDX-License-Identifier: GPL-2.0-or-later */'
    echo '/* Made from s390x-mailbox.S by s390x-mailbox.sh: do not edit. */'
    echo 'static const uint8_t s390x_mailbox_program[] = {'
    od -An -v -w8 -tx1 "$scratch/program" | sed 's/ / 0x/g; s/\>/,/g; s/^/   /'
    echo '};'
} > "$scratch/$header"

if [ "$1" = --check ]; then
    diff -u "$header" "$scratch/$header"
else
    cp "$scratch/$header" "$header"
fi
