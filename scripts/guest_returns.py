#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A Linux guest loses the host of its mounted disk while it writes to it.

Boots Debian's s390x kernel with a DASD of the emulated host driver, lets it
write files (tests/guest/returns), takes the DASD away while a request is under
way, in one of several ways, and gives it back when the guest has noticed.  In
between QEMU's monitor has to answer.  Each file that the guest was told is on
the disk has to be in the image, at once as well as in the end.  Run by "meson
test", suite guest, once for each case.
"""

import asyncio
import collections
import shutil
import signal
import socket
import sys
import time
from dataclasses import dataclass, field
from typing import Callable

import dasd_guest
import host_driver
from dasd_guest import CaseError

IMAGE_SIZE = 64 << 20
GUEST_LIMIT = 600
FILES_BEFORE = 5
LIMIT = 120.0
DEVICE_PATH = f'/machine/peripheral/{dasd_guest.DEVICE}'


def show(name, value):
    print(f'   {name:<16}{value}', flush=True)


class Monitor:
    """QMP of the guest's QEMU, by QEMU's own library."""

    def __init__(self, build, guest):
        sys.path.append(str(build / 'qemu/src/python'))
        from qemu.qmp import QMPError
        from qemu.qmp.legacy import QEMUMonitorProtocol
        self.error = QMPError
        ours, self.theirs = socket.socketpair()
        guest.add_monitor(self.theirs)
        self.qmp = QEMUMonitorProtocol(ours)

    def connect(self):
        """QEMU runs: if it ends, this end is to notice."""
        self.theirs.close()
        self.qmp.connect()
        self.qmp.settimeout(LIMIT)

    def close(self):
        self.theirs.close()
        self.qmp.close()

    def command(self, name, **arguments):
        try:
            return self.qmp.cmd(name, **arguments)
        except (self.error, asyncio.TimeoutError) as error:
            raise CaseError(f'{name}: {error!r}') from error

    def property(self, name):
        return self.command('qom-get', path=DEVICE_PATH, property=name)

    def set_property(self, name, value):
        self.command('qom-set', path=DEVICE_PATH, property=name, value=value)

    def await_event(self, name, **data):
        """Those before it are of no interest."""
        event = None
        while not event or not (event['event'] == name and
                                data.items() <= event['data'].items()):
            try:
                event = self.qmp.pull_event(wait=LIMIT)
            except asyncio.TimeoutError as error:
                raise CaseError(f'no event {name} {data}') from error
        show('event', ' '.join((name, *data.values())))

    def check_answers(self):
        status = self.command('query-status')['status']
        show('query-status', status)
        if status != 'running':
            raise CaseError(f'QEMU is {status}')


class Scene:
    """What the guest writes to, and what a case does to it."""

    def __init__(self, guest, host, monitor, work):
        self.guest, self.host, self.monitor = guest, host, monitor
        self.image, self.work = work / dasd_guest.IMAGE, work
        self.files = {}

    def check_files(self, image):
        found = host_driver.checksums_in_image(image, self.work)
        for name, checksum in self.files.items():
            if found.get(name) != checksum:
                raise CaseError(f'{name}, which the guest was told is on the '
                                'disk, is not in the image')
        show('image', f'has all {len(self.files)} files')

    def check_files_now(self):
        """The file system is in use: what a guest would find after a crash."""
        copy = self.work / 'copy.img'
        shutil.copy(self.image, copy)
        host_driver.recover_image(copy)
        self.check_files(copy)

    def await_request(self):
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            state = self.monitor.property('x-state')
            if state in ('START_SENT', 'START_ACTIVE'):
                show('in state', state)
                return
        raise CaseError('the guest has stopped to write')

    def kill_host(self):
        self.host.signal(signal.SIGSTOP)
        self.await_request()
        self.host.kill()
        self.monitor.await_event('VFIO_CCW_HOST', status='lost')
        self.monitor.check_answers()
        self.check_files_now()

    def restart_host(self):
        self.monitor.check_answers()
        self.host.start()
        self.monitor.await_event('VFIO_CCW_HOST', status='returned')
        stats = self.monitor.property('x-stats')
        if stats['losses'] != stats['returns']:
            raise CaseError('the host was lost more than once')

    def kill_host_for_unplug(self):
        self.monitor.set_property('on-host-loss', 'unplug')
        self.kill_host()
        self.await_unplugged()

    def restart_and_plug(self):
        self.host.start()
        self.plug()

    def unplug(self):
        self.await_request()
        self.monitor.command('device_del', id=dasd_guest.DEVICE)
        self.await_unplugged()
        self.check_files_now()

    def await_unplugged(self):
        self.monitor.await_event('DEVICE_DELETED', device=dasd_guest.DEVICE)

    def plug(self):
        """However busy the machine is that runs this test."""
        self.monitor.check_answers()
        self.monitor.command('device_add', **{'x-realize-timeout': 60000},
                             **dasd_guest.properties(self.host.socket))


# What the guest's kernel says, in any case
GONE = 'No operational channel path is left'
AGAIN = 'A channel path to the device has become operational'
USUAL = ['New FBA DASD', r'dasda:\(nonl\)',
         r'EXT4-fs \(dasda\): (mounted|unmounting) filesystem']
FAILED = 'A transport error occurred'
OF_FAILURE = ['transport error, dev dasda', 'Buffer I/O error', 'EXT4-fs',
              'JBD2', 'Aborting journal']


@dataclass
class Case:
    """A way to lose the host, and a way to have it back."""
    outcome: str
    lose: Callable
    bring_back: Callable
    parameters: list = field(default_factory=list)
    # What the guest's kernel says, and may say, beside what it always says
    messages: list = field(default_factory=list)
    allowed: list = field(default_factory=list)


CASES = {
    'host-killed': Case('waits for its host', Scene.kill_host,
                        Scene.restart_host),
    'host-killed-failfast': Case('has errors, and mounts anew',
                                 Scene.kill_host, Scene.restart_host,
                                 ['failfast=1'], [FAILED], OF_FAILURE),
    'host-killed-unplugged': Case('waits for a device with its number',
                                  Scene.kill_host_for_unplug,
                                  Scene.restart_and_plug),
    'replugged': Case('waits for a device with its number', Scene.unplug,
                      Scene.plug),
}


def play(scene, case):
    """All that the guest said: {name: values}."""
    said = collections.defaultdict(list)
    for name, value in scene.guest.messages(GUEST_LIMIT):
        said[name].append(value)
        if name == 'file':
            file, checksum = value.split()
            scene.files[file] = checksum
            if len(scene.files) == FILES_BEFORE:
                case.lose(scene)
            continue
        show(name, value)
        if name == 'kernel':
            scene.monitor.connect()
        elif name == 'availability' and value != 'good':
            case.bring_back(scene)
    return said


def check_guest(case, said):
    if said['in-flight'] != ['0 0']:
        raise CaseError('not every request of the guest has ended')
    before, gone, back = map(int, said['machine-checks'])
    if not before < gone < back:
        raise CaseError('the guest saw no machine check')
    dasd_guest.check_kernel_said(said['message'],
                                 [GONE, AGAIN, *case.messages],
                                 USUAL + case.allowed)


def run_case(build, case, work):
    with dasd_guest.dasd_guest(build, work, 'returns',
                               IMAGE_SIZE) as (guest, host):
        guest.parameters += case.parameters
        scene = Scene(guest, host, Monitor(build, guest), work)
        host_driver.format_image(scene.image)
        try:
            said = play(scene, case)
        finally:
            scene.monitor.close()
    scene.check_files(scene.image)
    check_guest(case, said)


if __name__ == '__main__':
    sys.exit(dasd_guest.main(__doc__.splitlines()[0], 'returns', CASES,
                             run_case, 'its files are whole'))
