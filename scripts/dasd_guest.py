# SPDX-License-Identifier: GPL-2.0-or-later
"""A Linux guest whose only disk is a DASD of the emulated host driver.

dasd_guest() starts the host driver with an empty fixed-block DASD and makes a
Debian guest ready that has it through "-device vfio-ccw"; main() runs one of
several cases of that.  Called by demo.py, guest_faults.py and
guest_returns.py.
"""

import argparse
import contextlib
import re
import tempfile
from pathlib import Path

import debian
import host_driver
import linux_guest

ROOT = Path(__file__).resolve().parent.parent
MODULES = ['crc32c_generic', 'dasd_fba_mod', 'ext4']
DEVNO = '0.0.1234'
DEVICE = 'disk0'
IMAGE = 'disk.img'


class CaseError(Exception):
    """What the guest, QEMU or the host did wrong, in one sentence."""


# What ends a run with a reason
ERRORS = (CaseError, host_driver.HostError, linux_guest.GuestError,
          debian.DebianError)


def properties(socket):
    """Those of the guest's device, for -device or device_add."""
    return {'driver': 'vfio-ccw', 'id': DEVICE, 'devno': f'fe.{DEVNO[2:]}',
            'socket': {'type': 'unix', 'path': socket}}


@contextlib.contextmanager
def dasd_guest(build, work, script, size, *host_options):
    """(guest, host): script (of tests/guest) is to run, host is running.

    The guest's device number is its parameter "devno"; image, initramfs and
    logs are in work.
    """
    work.mkdir(parents=True, exist_ok=True)
    image = work / IMAGE
    with image.open('wb') as disk:
        disk.truncate(size)
    packages = linux_guest.Packages(build / 'guest')
    initramfs = work / 'initramfs.gz'
    linux_guest.make_initramfs(packages, MODULES,
                               ROOT / 'tests/guest' / script, initramfs)
    # A UNIX socket's path is short: it cannot be below any build directory.
    with tempfile.TemporaryDirectory() as directory:
        socket = f'{directory}/vfio-ccw'
        guest = linux_guest.Guest(build / 'qemu-system-s390x', packages,
                                  initramfs, work / 'guest.log')
        guest.parameters.append(f'devno={DEVNO}')
        guest.add_device(**properties(socket))
        with host_driver.HostDriver(build / 'vfio-ccw-host', socket, image,
                                    work / 'host.log', *host_options) as host:
            yield guest, host


def checksum_in_image(work):
    """sha256 of the guest's file, as it is in the image in work."""
    checksums = host_driver.checksums_in_image(work / IMAGE, work)
    if 'file' not in checksums:
        raise host_driver.HostError("the guest's file is not in the image")
    return checksums['file']


def check_kernel_said(messages, expected, allowed):
    """All patterns of expected, and beside them only those of allowed."""
    for pattern in expected:
        if not any(re.search(pattern, message) for message in messages):
            raise CaseError(f"the guest's kernel did not say '{pattern}'")
    for message in messages:
        if not any(re.search(pattern, message)
                   for pattern in expected + allowed):
            raise CaseError(f"the guest's kernel said '{message}'")


def main(description, directory, cases, run_case, praise):
    """Run the case that the command line names, in build/directory/NAME.

    cases is {NAME: case}, and case.outcome says what the guest does in the
    end; run_case(build, case, work) raises one of ERRORS.  The exit status.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('build', type=Path, help='build directory')
    parser.add_argument('case', choices=cases)
    arguments = parser.parse_args()
    case = cases[arguments.case]
    build = arguments.build.resolve()
    work = build / directory / arguments.case
    try:
        run_case(build, case, work)
    except ERRORS as error:
        linux_guest.show_logs(work)
        print(f'FAIL: {arguments.case}: {error}', flush=True)
        return 1
    print(f'PASS: {arguments.case}: the guest {case.outcome}, and {praise}',
          flush=True)
    return 0
