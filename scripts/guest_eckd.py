#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A Linux guest formats an ECKD DASD and uses it; the host reads its image.

Starts the emulated host driver with a new, unformatted 3390, boots Debian's
s390x kernel under TCG with "-device vfio-ccw" on it, and lets the guest format
it with Debian's dasdfmt and fdasd and make a file system and a file there
(tests/guest/eckd-format).  Then the host finds the file in the image, and
Hercules' dasdls the partition.  Run by "meson test", suite guest.
"""

import argparse
import fcntl
import re
import sys
import tempfile
from pathlib import Path

import dasd_guest
import debian
import host_driver
import linux_guest
from dasd_guest import CaseError

ROOT = Path(__file__).resolve().parent.parent
MODULES = ['crc32c_generic', 'dasd_eckd_mod', 'ext4']
# These need no library but C's.  This release's packages do not change.
TOOLS_SUITE = 'bookworm'
TOOLS_PACKAGES = ['s390-tools', 'libc6']
TOOLS = {'bin/dasdfmt': 'sbin/dasdfmt', 'bin/fdasd': 'sbin/fdasd',
         'lib/ld64.so.1': 'lib/s390x-linux-gnu/ld64.so.1',
         'lib/libc.so.6': 'lib/s390x-linux-gnu/libc.so.6'}
CYLINDERS = 100
TRACK_SIZE = 12 * 4096
MEBIBYTES = 16
GUEST_LIMIT = 600


def fetch_tools(directory):
    """{name in the initramfs: path} of dasdfmt, fdasd and what they need."""
    tools = directory / 'dasd-tools'
    with (directory / 'lock').open('w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tools.exists():
            print(f"-- guest: Debian's s390x tools, {TOOLS_SUITE}", flush=True)
            apt = debian.PrivateApt(directory / 'apt-tools', TOOLS_SUITE,
                                    's390x')
            apt.update()
            apt.unpack_all(TOOLS_PACKAGES, tools)
    return {name: tools / path for name, path in TOOLS.items()}


def run_guest(build, work, image):
    packages = linux_guest.Packages(build / 'guest')
    initramfs = work / 'initramfs.gz'
    linux_guest.make_initramfs(packages, MODULES,
                               ROOT / 'tests/guest/eckd-format', initramfs,
                               fetch_tools(build / 'guest'))
    seen = {}
    # A UNIX socket's path is short: it cannot be below any build directory.
    with tempfile.TemporaryDirectory() as directory:
        socket = f'{directory}/vfio-ccw'
        guest = linux_guest.Guest(build / 'qemu-system-s390x', packages,
                                  initramfs, work / 'guest.log')
        guest.parameters += [f'devno={dasd_guest.DEVNO}',
                             f'mebibytes={MEBIBYTES}']
        guest.add_device(**dasd_guest.properties(socket))
        with host_driver.HostDriver(build / 'vfio-ccw-host', socket, image,
                                    work / 'host.log', disk='eckd'):
            for name, value in guest.messages(GUEST_LIMIT):
                print(f'   {name:<22}{value}', flush=True)
                seen[name] = value
    return seen


def expect(what, found, expected):
    if found != expected:
        raise CaseError(f'{what} is {found} and should be {expected}')


def check_vtoc(image):
    """Hercules' reading of the label and the list of partitions."""
    said = host_driver.run_tool('dasdls', '-info', image)
    partition = re.search(r'^LINUX\.V(\w+)\.PART0001\.NATIVE .* FS +4096 +4096 '
                          r'+\d+ +(\d+)', said, re.M)
    if not partition:
        raise CaseError(f'dasdls finds no partition: {said}')
    expect('the volume', re.search(r'VOLSER=(\w+)', said)[1], partition[1])
    expect("the partition's size", int(partition[2]), CYLINDERS * 15 - 2)


def run(build, work):
    work.mkdir(parents=True, exist_ok=True)
    image = work / 'disk.ckd'
    host_driver.create_eckd_image(build / 'vfio-ccw-host', image, CYLINDERS)
    seen = run_guest(build, work, image)
    expect('the control unit', seen['cutype'], '3990/e9')
    expect('the device', seen['devtype'], '3390/0a')
    expect('a new disk', seen['unformatted'], 'unformatted')
    expect('a formatted disk', seen['formatted'], 'online')
    expect('the capacity', int(seen['capacity']), CYLINDERS * 15 * TRACK_SIZE)
    expect('what was read', seen['read-back'], seen['written'])
    check_vtoc(image)
    partition = work / 'partition.img'
    host_driver.extract_partition(image, partition)
    found = host_driver.checksums_in_image(partition, work)
    expect('the file in the image', found.get('file'), seen['written'])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('build', type=Path, help='build directory')
    build = parser.parse_args().build.resolve()
    work = build / 'eckd'
    try:
        run(build, work)
    except dasd_guest.ERRORS as error:
        linux_guest.show_logs(work)
        print(f'FAIL: {error}', flush=True)
        return 1
    print('PASS: the guest formatted an ECKD disk and used it, and the host '
          'finds the same in the image', flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
