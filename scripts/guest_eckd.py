#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A Linux guest uses an ECKD DASD, and boots from it.

Starts the emulated host driver with a new, unformatted 3390 and boots Debian's
s390x kernel under TCG with "-device vfio-ccw" on it.  In the case "format" the
guest formats the disk with Debian's dasdfmt and fdasd, and makes a file system
and a file there; then the host finds the file in the image, and Hercules'
dasdls the partition.  In the case "boot" it installs a system on the disk with
zipl; then QEMU boots that, which reboots once.  Run by "meson test", suite
guest.
"""

import argparse
import contextlib
import fcntl
import hashlib
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
TOOLS = {'bin/dasdfmt': 'sbin/dasdfmt', 'bin/fdasd': 'sbin/fdasd',
         'bin/zipl': 'sbin/zipl',
         'lib/s390-tools/stage3.bin': 'lib/s390-tools/stage3.bin',
         'lib/ld64.so.1': 'lib/s390x-linux-gnu/ld64.so.1',
         'lib/libc.so.6': 'lib/s390x-linux-gnu/libc.so.6'}
CYLINDERS = 100
TRACK_SIZE = 12 * 4096
MEBIBYTES = 16
GUEST_LIMIT = 600


def fetch_tools(directory):
    """{name in the initramfs: path} of dasdfmt, fdasd, zipl and their needs."""
    tools = directory / 'dasd-tools'
    with (directory / 'lock').open('w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tools.exists():
            debian.Cache().unpack('guest-tools', tools)
    return {name: tools / path for name, path in TOOLS.items()}


def make_initramfs(packages, script, output, files=None):
    scripts = ROOT / 'tests/guest'
    linux_guest.make_initramfs(
        packages, MODULES, scripts / script, output,
        {'eckd-functions': scripts / 'eckd-functions', **(files or {})})


@contextlib.contextmanager
def eckd_guest(build, packages, initramfs, image, name, **properties):
    """A guest with the disk in image; its logs begin with name, a path."""
    # A UNIX socket's path is short: it cannot be below any build directory.
    with tempfile.TemporaryDirectory() as directory:
        socket = f'{directory}/vfio-ccw'
        guest = linux_guest.Guest(build / 'qemu-system-s390x', packages,
                                  initramfs, name.with_suffix('.log'))
        guest.parameters += [f'devno={dasd_guest.DEVNO}',
                             f'mebibytes={MEBIBYTES}']
        guest.add_device(**dasd_guest.properties(socket), **properties)
        with host_driver.HostDriver(build / 'vfio-ccw-host', socket, image,
                                    name.with_name(f'{name.name}-host.log'),
                                    disk='eckd'):
            yield guest


def run_guest(guest):
    """The guest's messages, shown as they come."""
    seen = []
    for name, value in guest.messages(GUEST_LIMIT):
        print(f'   {name:<22}{value}', flush=True)
        seen.append((name, value))
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


def partition_checksums(image, work):
    partition = work / 'partition.img'
    host_driver.extract_partition(image, partition)
    return host_driver.checksums_in_image(partition, work)


def format_disk(build, work, image):
    packages = linux_guest.Packages(build / 'guest')
    initramfs = work / 'initramfs.gz'
    make_initramfs(packages, 'eckd-format', initramfs,
                   fetch_tools(build / 'guest'))
    with eckd_guest(build, packages, initramfs, image,
                    work / 'guest') as guest:
        seen = dict(run_guest(guest))
    expect('the control unit', seen['cutype'], '3990/e9')
    expect('the device', seen['devtype'], '3390/0a')
    expect('a new disk', seen['unformatted'], 'unformatted')
    expect('a formatted disk', seen['formatted'], 'online')
    expect('the capacity', int(seen['capacity']), CYLINDERS * 15 * TRACK_SIZE)
    expect('what was read', seen['read-back'], seen['written'])
    check_vtoc(image)
    expect('the file in the image',
           partition_checksums(image, work).get('file'), seen['written'])


def install(build, work, packages, image):
    initramfs, initrd = work / 'install.gz', work / 'initrd.gz'
    make_initramfs(packages, 'eckd-boot', initrd)
    files = {'install/vmlinuz': packages.kernel, 'install/initrd': initrd,
             'install/eckd-system': ROOT / 'tests/guest/eckd-system'}
    make_initramfs(packages, 'eckd-install', initramfs,
                   {**fetch_tools(build / 'guest'), **files})
    with eckd_guest(build, packages, initramfs, image,
                    work / 'install') as guest:
        run_guest(guest)


def boot_disk(build, work, image):
    packages = linux_guest.Packages(build / 'guest')
    install(build, work, packages, image)
    with eckd_guest(build, packages, None, image, work / 'boot',
                    bootindex=1, loadparm='2') as guest:
        guest.reboots = True
        # zipl's menu takes its choice only where there is such a console.
        guest.command += ['-chardev', 'null,id=operator',
                          '-device', 'sclplmconsole,chardev=operator']
        seen = run_guest(guest)
    expect('what was booted', [value for name, value in seen
                               if name == 'boot'],
           ['1, entry two', '2, entry two'])
    expect('the root', dict(seen)['root'], '/dev/dasda1')
    expect('the count in the image',
           partition_checksums(image, work).get('boots'),
           hashlib.sha256(b'2\n').hexdigest())


CASES = {
    'format': (format_disk, 'formatted an ECKD disk and used it'),
    'boot': (boot_disk, 'booted, and booted again, from an ECKD disk'),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('build', type=Path, help='build directory')
    parser.add_argument('case', choices=CASES)
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    work = build / 'eckd' / arguments.case
    run_case, praise = CASES[arguments.case]
    work.mkdir(parents=True, exist_ok=True)
    image = work / 'disk.ckd'
    try:
        host_driver.create_eckd_image(build / 'vfio-ccw-host', image,
                                      CYLINDERS)
        run_case(build, work, image)
    except dasd_guest.ERRORS as error:
        linux_guest.show_logs(work)
        print(f'FAIL: {error}', flush=True)
        return 1
    print(f'PASS: the guest {praise}, and the host finds the same in the '
          'image', flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
