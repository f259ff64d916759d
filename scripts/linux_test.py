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
DEVNO = '0.0.1234'
IMAGE = 'disk.img'
IMAGE_SIZE = 16 << 20
LIMIT = 900


class NoTestError(Exception):
    """A path at which there is no test, and what tests there are."""


class Built:
    """What linux_build.py and build_qemu.py have built or fetched."""

    def __init__(self, build):
        directory = build / 'linux'
        self.firmware = build / 'qemu/firmware/usr/share/qemu/s390-ccw.img'
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
    """L1's, which has L2's in it."""
    for_l2, for_l1 = work / 'l2-initramfs.gz', work / 'l1-initramfs.gz'
    linux_guest.make_initramfs(built, [], ROOT / 'tests/guest/disk-io',
                               for_l2)
    files = {f'bin/{program.name}': strip(program, work)
             for program in (built.qemu, built.test)}
    files |= {'l2/kernel': built.kernel, 'l2/initramfs.gz': for_l2,
              'l2/firmware': built.firmware}
    linux_guest.make_initramfs(built, [], ROOT / 'tests/linux/run', for_l1,
                               files)
    return for_l1


def add_monitor(guest, stack):
    """L0's monitor at a port of the guest."""
    ends = [stack.enter_context(end) for end in socket.socketpair()]
    guest.add_port('monitor', ends[0])
    guest.add_chardev('monitor-end', ends[1])
    guest.command += ['-mon', 'chardev=monitor-end']


def add_host(guest, build, work, stack):
    """A DASD with a port of the guest to play with it."""
    image = work / IMAGE
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
    guest.parameters.append(f'devno={DEVNO}')
    guest.add_device(driver='vfio-ccw', devno=f'fe.{DEVNO[2:]}',
                     socket={'type': 'unix', 'path': path})


class Verdicts:
    """Says each test's verdict, as TAP, and counts."""

    def __init__(self):
        self.number = 0
        self.failed = 0

    def say(self, good, test):
        self.number += 1
        self.failed += not good
        print('ok' if good else 'not ok', self.number, '-', test, flush=True)


def l2_is_right(seen, work):
    """Did L2 find on its disk what it wrote, and is it in the image?

    It is the last test: nothing writes to the image any more.
    """
    if seen.get('l2-status') != '0':
        return False
    found = host_driver.checksums_in_image(work / IMAGE, work)
    return seen['l2-written'] == seen['l2-read-back'] == found.get('file')


def run(build, work, tests):
    """Runs L1; its verdicts."""
    built = Built(build)
    verdicts, seen, known = Verdicts(), {}, []
    guest = linux_guest.Guest(build / 'qemu-system-s390x', built,
                              make_initramfs(built, work),
                              work / 'guest.log', memory=1024)
    guest.add_device(driver='virtio-serial-ccw')
    guest.add_device(driver='virtio-rng-ccw', id='rng', devno='fe.0.1235')
    if tests:
        guest.parameters.append(f'tests={",".join(tests)}')
    with contextlib.ExitStack() as stack:
        add_monitor(guest, stack)
        add_host(guest, build, work, stack)
        for name, value in guest.messages(LIMIT):
            seen[name] = value
            if name in ('ok', 'not-ok'):
                verdicts.say(name == 'ok', value)
            elif name == 'l2-ended':
                verdicts.say(l2_is_right(seen, work), '/linux')
            elif name == 'test':
                known.append(value)
            elif name == 'no-test':
                raise NoTestError('\n   '.join(
                    [f'there is no test at {value}; the tests are', *known]))
    return verdicts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('build', type=Path, help='build directory')
    parser.add_argument('tests', nargs='*',
                        help='only the tests at these paths, or below them')
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    if not Built(build).test.exists():
        sys.exit(f'error: {build} has no Linux to run this on: '
                 '"make check-linux" builds it')
    work = build / 'linux/run'
    work.mkdir(parents=True, exist_ok=True)
    try:
        verdicts = run(build, work, arguments.tests)
    except NoTestError as error:
        sys.exit(f'error: {error}')
    except (host_driver.HostError, linux_guest.GuestError) as error:
        linux_guest.show_logs(work)
        sys.exit(f'error: {error}')
    print(f'1..{verdicts.number}')
    if verdicts.failed:
        print((work / 'guest.log').read_text(encoding='utf-8'),
              file=sys.stderr)
    return 1 if verdicts.failed else 0


if __name__ == '__main__':
    sys.exit(main())
