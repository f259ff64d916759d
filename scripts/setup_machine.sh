#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Makes a Debian machine (12 or newer) ready: installs the packages that are
# not there yet, and those named as arguments.  Bookworm's meson is too old for
# QEMU 10.2; it and pycotap then come from trixie, which is made known to apt at
# a priority at which nothing else is ever taken from there.  Called by
# steps.sh.

set -eu

meson_wanted=1.5.0
packages="build-essential patch xz-utils cpio perl pkgconf ninja-build
          python3 python3-venv flex bison device-tree-compiler
          libglib2.0-dev libfdt-dev liburing-dev e2fsprogs ca-certificates
          spin hercules $*"
newer="meson python3-pycotap"
# Both are lists of words: where they are used unquoted they are to split.

is_installed()
{
    dpkg-query -W -f '${Status}' "$1" 2> /dev/null | grep -q ' installed$'
}

missing_of()
{
    for package in "$@"; do
        is_installed "$package" || printf '%s ' "$package"
    done
}

meson_is_new()
{
    [ -x /usr/bin/meson ] &&
        dpkg --compare-versions "$(/usr/bin/meson --version)" ge \
            "$meson_wanted"
}

as_root()
{
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo > /dev/null; then
        sudo "$@"
    else
        echo "error: installing packages needs root or sudo" >&2
        return 1
    fi
}

# Passing faults of the network are over after a few attempts.  A program may
# come with a service, which is not started.
apt()
{
    as_root env DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1 \
        apt-get -qq -o Acquire::Retries=3 "$@"
}

install_packages()
{
    echo "-- installing: $*"
    apt install --no-install-recommends "$@" > /dev/null
}

add_trixie()
{
    sources=$(cd "$(dirname "$0")" && /usr/bin/python3 -c \
        'import debian; print(debian.machine_archive().sources("trixie"))')
    echo "$sources" | as_root tee \
        /etc/apt/sources.list.d/vfio-ccw-trixie.sources > /dev/null
    printf 'Package: *\nPin: release n=trixie\nPin-Priority: 50\n' |
        as_root tee /etc/apt/preferences.d/vfio-ccw-trixie > /dev/null
    apt update
}

if ! command -v dpkg-query > /dev/null; then
    # shellcheck disable=SC2086
    echo "error: this is no Debian machine; install the counterparts of" \
        $packages $newer "(meson $meson_wanted or newer), then use meson" >&2
    exit 1
fi

# shellcheck disable=SC2086
missing=$(missing_of $packages)
# shellcheck disable=SC2086
missing_newer=$(missing_of $newer)
if [ -n "$missing" ]; then
    apt update
    # shellcheck disable=SC2086
    install_packages $missing
fi
if [ -n "$missing_newer" ] || ! meson_is_new; then
    if grep -q '^VERSION_CODENAME=bookworm' /etc/os-release; then
        add_trixie
        install_packages meson/trixie python3-pycotap/trixie
    else
        # shellcheck disable=SC2086
        install_packages $newer
    fi
fi
if ! meson_is_new; then
    echo "error: meson $meson_wanted or newer is needed, this system has" \
        "$(/usr/bin/meson --version)" >&2
    exit 1
fi
