#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A Linux guest does disk I/O through vfio-ccw; the host checks the disk.

Starts the emulated host driver with an empty fixed-block DASD, boots Debian's
s390x kernel under TCG with "-device vfio-ccw" on it, lets the guest put a
file system and a file there (tests/guest/disk-io), and compares the file in
the image, taken out by debugfs, with what the guest says it wrote.
Run by "meson test", suite guest, and by "make demo".
"""

import argparse
import sys
from pathlib import Path

import dasd_guest
import linux_guest
from dasd_guest import CaseError

MEBIBYTES = 16
IMAGE_SIZE = 64 << 20
GUEST_LIMIT = 600


def show(name, value):
    print(f'   {name:<22}{value}', flush=True)


def show_message(name, value, seen):
    if name == 'kernel':
        show('guest', f'Linux {value}')
    elif name == 'driver':
        show('device', f'{dasd_guest.DEVNO} on subchannel {seen["subchannel"]}')
        show('control unit/device', f'{seen["cutype"]} / {seen["devtype"]}')
        show('pim pam pom', seen['paths'])
        show('guest driver', value)
    elif name == 'capacity':
        show('disk', f'{seen["disk"]}, {int(value) >> 20} MiB')
    elif name in ('write', 'read'):
        show(name, f'{MEBIBYTES} MiB at {value} MiB/s')
    elif name == 'written':
        show('sha256 written', value)
    elif name == 'read-back':
        show('sha256 read back', value)
    elif name == 'failed':
        show('failed', value)


def run_guest(guest):
    seen = {}
    for name, value in guest.messages(GUEST_LIMIT):
        seen[name] = value
        show_message(name, value, seen)
    return seen


def demo(build, work):
    with dasd_guest.dasd_guest(build, work, 'disk-io',
                               IMAGE_SIZE) as (guest, _):
        guest.parameters.append(f'mebibytes={MEBIBYTES}')
        seen = run_guest(guest)
    found = dasd_guest.checksum_in_image(work)
    show('sha256 in the image', found)
    if not seen['written'] == seen['read-back'] == found:
        raise CaseError('the three checksums differ')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('build', type=Path, help='build directory')
    build = parser.parse_args().build.resolve()
    work = build / 'demo'
    try:
        demo(build, work)
    except dasd_guest.ERRORS as error:
        linux_guest.show_logs(work)
        print(f'FAIL: {error}', flush=True)
        return 1
    print(f'PASS: the guest wrote and read back {MEBIBYTES} MiB through '
          'vfio-ccw, and the host finds the same in the image', flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
