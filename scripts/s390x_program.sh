#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Assemble NAME.S into NAME-program.h, or with --check tell whether that header
# is what the source makes (exit status 77: cannot tell, for want of Debian's
# binutils-s390x-linux-gnu). Run by hand after a change of the source, and with
# --check by "meson test".
#
# usage: s390x_program.sh [--check] NAME.S

set -e
check=
if [ "$1" = --check ]; then
    check=1
    shift
fi
source=$1
name=$(basename "$source" .S)
header=$(dirname "$source")/$name-program.h

if ! command -v s390x-linux-gnu-as > /dev/null; then
    echo "s390x_program.sh: s390x-linux-gnu-as is not installed" >&2
    exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

s390x-linux-gnu-as -march=z10 -o "$scratch/program.o" "$source"
s390x-linux-gnu-objcopy -O binary -j .text "$scratch/program.o" \
    "$scratch/program"
{
    echo '/* SPDX-License-Identifier: GPL-2.0-or-later */'
    echo "/* Made from $name.S by scripts/s390x_program.sh: do not edit. */"
    echo "static const uint8_t $(echo "$name" | tr - _)_program[] = {"
    od -An -v -w8 -tx1 "$scratch/program" | sed 's/ / 0x/g; s/\>/,/g; s/^/   /'
    echo '};'
} > "$scratch/header"

if [ "$check" ]; then
    diff -u "$header" "$scratch/header"
else
    cp "$scratch/header" "$header"
fi
