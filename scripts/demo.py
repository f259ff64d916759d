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
import hashlib
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import debian
import linux_guest

ROOT = Path(__file__).resolve().parent.parent
MODULES = ['crc32c_generic', 'dasd_fba_mod', 'ext4']
DEVNO = '0.0.1234'
MEBIBYTES = 16
IMAGE_SIZE = 64 << 20
GUEST_LIMIT = 300
DAEMON_LIMIT = 10
LOG_LINES = 20


class DemoError(Exception):
    """What went wrong, in one sentence."""


class HostDriver:
    """The emulated host driver, serving image at socket while it is open."""

    def __init__(self, program, socket, image, log):
        self.command = [program, '--socket', socket, '--dasd-fba', image]
        self.log = log

    def __enter__(self):
        with self.log.open('w', encoding='utf-8') as log:
            self.process = subprocess.Popen(self.command, text=True,
                                            stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE,
                                            stderr=log)
        timer = threading.Timer(DAEMON_LIMIT, self.process.kill)
        timer.start()
        said = self.process.stdout.readline()
        timer.cancel()
        if 'ready' not in said:
            self.process.kill()
            self.process.wait()
            raise DemoError('the emulated host driver did not start')
        return self

    def __exit__(self, *exception):
        self.process.terminate()
        try:
            self.process.wait(DAEMON_LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def ended_well(self):
        return self.process.returncode == 0


def show(name, value):
    print(f'   {name:<22}{value}', flush=True)


def show_message(name, value, seen):
    if name == 'kernel':
        show('guest', f'Linux {value}')
    elif name == 'driver':
        show('device', f'{DEVNO} on subchannel {seen["subchannel"]}')
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


def show_logs(work):
    for log in sorted(work.glob('*.log')):
        tail = log.read_text(encoding='utf-8').splitlines()[-LOG_LINES:]
        print(f'   the end of {log}:', *tail, sep='\n      ', flush=True)


def run_guest(guest):
    seen = {}
    for name, value in guest.messages(GUEST_LIMIT):
        seen[name] = value
        show_message(name, value, seen)
    return seen


def checksum_in_image(image, directory):
    """sha256 of the file /file of the file system in image."""
    copy = directory / 'file'
    copy.unlink(missing_ok=True)
    for command in (['/sbin/e2fsck', '-f', '-n', image],
                    ['/sbin/debugfs', '-R', f'dump /file {copy}', image]):
        result = subprocess.run(command, check=False, text=True,
                                stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)
        if result.returncode:
            raise DemoError(f'{command[0]} refuses the image: '
                            f'{result.stdout.strip()}')
    if not copy.exists():
        raise DemoError("the guest's file is not in the image")
    return hashlib.sha256(copy.read_bytes()).hexdigest()


def demo(build):
    qemu = build / 'qemu-system-s390x'
    daemon = build / 'vfio-ccw-host'
    work = build / 'demo'
    work.mkdir(exist_ok=True)
    image = work / 'disk.img'
    with image.open('wb') as disk:
        disk.truncate(IMAGE_SIZE)

    packages = linux_guest.Packages(build / 'guest')
    initramfs = work / 'initramfs.gz'
    linux_guest.make_initramfs(packages, MODULES,
                               ROOT / 'tests/guest/disk-io', initramfs)
    # A UNIX socket's path is short: it cannot be below any build directory.
    with tempfile.TemporaryDirectory() as directory:
        socket = f'{directory}/vfio-ccw'
        guest = linux_guest.Guest(qemu, packages, initramfs,
                                  work / 'guest.log')
        guest.parameters += [f'devno={DEVNO}', f'mebibytes={MEBIBYTES}']
        guest.add_device(driver='vfio-ccw', devno=f'fe.{DEVNO[2:]}',
                         socket={'type': 'unix', 'path': socket})
        with HostDriver(daemon, socket, image, work / 'host.log') as host:
            seen = run_guest(guest)
        if not host.ended_well():
            raise DemoError('the emulated host driver ended with status '
                            f'{host.process.returncode}')
    found = checksum_in_image(image, work)
    show('sha256 in the image', found)
    if not seen['written'] == seen['read-back'] == found:
        raise DemoError('the three checksums differ')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('build', type=Path, help='build directory')
    build = parser.parse_args().build.resolve()
    try:
        demo(build)
    except (DemoError, linux_guest.GuestError, debian.DebianError) as error:
        show_logs(build / 'demo')
        print(f'FAIL: {error}', flush=True)
        return 1
    print(f'PASS: the guest wrote and read back {MEBIBYTES} MiB through '
          'vfio-ccw, and the host finds the same in the image', flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
