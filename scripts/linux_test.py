#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""-device vfio-ccw on Linux's own vfio_ccw driver, with no mainframe; as TAP.

Starts, of what linux_build.py has built, a Linux with a vfio_ccw driver (L1)
in our own QEMU (L0).  One of its devices is a DASD of the emulated host
driver, through -device vfio-ccw,socket=.  L1 runs tests/linux/run, which runs
vfio-ccw-linux-test, which starts QEMUs (L2) with vfio-ccw on L1's driver.
Run by "meson test", suite linux.
"""

import argparse
import contextlib
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import host_driver
import linux_build
import linux_guest

ROOT = Path(__file__).resolve().parent.parent
DEVNO = 'fe.0.1234'
IMAGE_SIZE = 16 << 20
LIMIT = 900


class Built:
    """What linux_build.py has built, under directory."""

    def __init__(self, directory):
        self.kernel = directory / 'bzImage'
        self.busybox = directory / 'busybox/usr/bin/busybox'
        self.qemu = directory / 'qemu/qemu-system-s390x'
        self.test = directory / 'qemu/tests/linux/vfio-ccw-linux-test'

    @staticmethod
    def modules(_names):
        """There are none: all is in the kernel."""
        return {}


def strip(program, work):
    """A copy without symbols: what is not there need not be unpacked."""
    stripped = work / program.name
    subprocess.run([f'{linux_build.CROSS}strip', '-o', stripped, program],
                   check=True)
    return stripped


def make_initramfs(built, work):
    initramfs = work / 'initramfs.gz'
    linux_guest.make_initramfs(
        built, [], ROOT / 'tests/linux/run', initramfs,
        {f'bin/{program.name}': strip(program, work)
         for program in (built.qemu, built.test)})
    return initramfs


def add_monitor(guest, stack):
    """L0's monitor at a port of the guest."""
    ends = [stack.enter_context(end) for end in socket.socketpair()]
    guest.add_port('monitor', ends[0])
    guest.add_chardev('monitor-end', ends[1])
    guest.command += ['-mon', 'chardev=monitor-end']


def add_host(guest, build, work, stack):
    """A DASD with a port of the guest to play with it."""
    image = work / 'disk.img'
    with image.open('wb') as disk:
        disk.truncate(IMAGE_SIZE)
    # A UNIX socket's path is short: it cannot be below any build directory.
    path = stack.enter_context(tempfile.TemporaryDirectory()) + '/vfio-ccw'
    ends = [stack.enter_context(end) for end in socket.socketpair()]
    host = host_driver.HostDriver(build / 'vfio-ccw-host', path, image,
                                  work / 'host.log')
    host.remote(ends[0])
    stack.enter_context(host)
    guest.add_port('host', ends[1])
    guest.add_device(driver='vfio-ccw', devno=DEVNO,
                     socket={'type': 'unix', 'path': path})


def run(build, work, tests):
    """Number of (tests, failed tests); says each one's verdict."""
    built = Built(build / 'linux')
    number, failed = 0, 0
    guest = linux_guest.Guest(build / 'qemu-system-s390x', built,
                              make_initramfs(built, work),
                              work / 'guest.log', memory=1024)
    guest.add_device(driver='virtio-serial-ccw')
    if tests:
        guest.parameters.append(f'tests={",".join(tests)}')
    with contextlib.ExitStack() as stack:
        add_monitor(guest, stack)
        add_host(guest, build, work, stack)
        for name, value in guest.messages(LIMIT):
            if name in ('ok', 'not-ok'):
                number += 1
                failed += name != 'ok'
                print(name.replace('-', ' '), number, '-', value, flush=True)
    return number, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('build', type=Path, help='build directory')
    parser.add_argument('tests', nargs='*', help='only these')
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    work = build / 'linux/run'
    work.mkdir(parents=True, exist_ok=True)
    try:
        number, failed = run(build, work, arguments.tests)
    except (host_driver.HostError, linux_guest.GuestError) as error:
        linux_guest.show_logs(work)
        sys.exit(f'error: {error}')
    print(f'1..{number}')
    if failed:
        print((work / 'guest.log').read_text(encoding='utf-8'),
              file=sys.stderr)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
