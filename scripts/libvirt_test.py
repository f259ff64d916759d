#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the documentation says on libvirt, done by a real libvirt.

Takes the guest and the commands out of docs/system/s390x/vfio-ccw.rst, section
"With libvirt", replaces nothing but paths, and gives them to a libvirt of its
own: qemu:///session with all its files in one temporary directory, as user
"nobody" where this runs as root.  The emulated host driver serves the disks, a
Debian kernel with tests/guest/libvirt is the guest.  Run by "meson test",
suite libvirt; the exit status is 77 where there is no libvirt.
"""

import argparse
import contextlib
import hashlib
import json
import os
import pwd
import re
import select
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import dasd_guest
import host_driver
import linux_guest
from dasd_guest import CaseError

DOCUMENT = dasd_guest.ROOT / 'docs/system/s390x/vfio-ccw.rst'
SECTION = 'With libvirt'
SEARCH_PATH = '/usr/sbin:/usr/bin:/sbin:/bin'
# The daemon of QEMU's driver alone, or of all drivers, and its socket
DAEMONS = {'virtqemud': 'virtqemud-sock', 'libvirtd': 'libvirt-sock'}
DISK_SIZE = 1 << 20
LIMIT = 300.0
SKIPPED = 77


def show(name, value):
    print(f'   {name:<16}{value}', flush=True)


def words(text):
    return ' '.join(text.split())


def find(pattern, text):
    """What the pattern's group has in text, which is from the documentation."""
    found = re.search(pattern, text, re.M)
    if not found:
        raise CaseError(f'there is no "{pattern}" in {DOCUMENT}')
    return found[1]


class Section:
    """What the section says, each path in directory instead of its own."""

    def __init__(self, directory):
        text = DOCUMENT.read_text(encoding='utf-8')
        section = find(rf'^{SECTION}\n-+\n((?s:.*?))^.+\n-+\n', text)
        self.text = re.sub(r'(?<![\w:/.])/(?!dev/)(?:[\w.-]+/)+([\w.-]+)',
                           rf'{directory}/\1', section)
        self.blocks = re.findall(r'::\n\n((?:  [^\n]*\n|\n)+)', self.text)

    def domain(self):
        [domain] = [block for block in self.blocks if '<domain' in block]
        return domain.strip()

    def commands(self):
        """(words of the command, what it is to say) of each command."""
        for block in self.blocks:
            for lines in re.split(r'^  # ', block, flags=re.M)[1:]:
                yield split_command(lines.splitlines())

    def message(self, pattern):
        """A message that it mentions, by a pattern."""
        return find(rf'\*({pattern})\*', self.text)


def split_command(lines):
    """The same of one command, which ends with the line that closes quotes."""
    for end in range(1, len(lines) + 1):
        with contextlib.suppress(ValueError):
            return (shlex.split('\n'.join(lines[:end])),
                    words('\n'.join(lines[end:])))
    raise CaseError(f'"{lines[0]}" has an open quote')


class User:
    """Who runs libvirt: no root, since root's libvirt is the machine's."""

    def __init__(self):
        root = os.geteuid() == 0
        entry = pwd.getpwnam('nobody') if root else pwd.getpwuid(os.geteuid())
        self.uid, self.gid = entry.pw_uid, entry.pw_gid
        self.switch = {'user': self.uid, 'group': self.gid,
                       'extra_groups': []} if root else {}

    def own(self, path):
        os.chown(path, self.uid, self.gid)


class Libvirt:
    """A libvirt of its own, all of whose files are in directory."""

    def __init__(self, name, directory, user, log):
        config = directory / 'config'
        runtime = directory / 'run'
        for path in (directory, config, config / 'libvirt', runtime):
            path.mkdir(exist_ok=True)
            user.own(path)
        # Or virtlogd is started, and outlives this.
        (config / 'libvirt/qemu.conf').write_text('stdio_handler = "file"\n',
                                                  encoding='utf-8')
        self.directory = directory
        self.log = log
        self.options = {
            'cwd': directory, 'stdin': subprocess.DEVNULL, **user.switch,
            'env': {'PATH': SEARCH_PATH, 'LC_ALL': 'C',
                    'HOME': str(directory),
                    'XDG_CONFIG_HOME': str(config),
                    'XDG_CACHE_HOME': str(directory / 'cache'),
                    'XDG_RUNTIME_DIR': str(runtime)}}
        self.name = name
        self.socket = runtime / 'libvirt' / DAEMONS[name]

    def __enter__(self):
        with self.log.open('w', encoding='utf-8') as log:
            self.daemon = subprocess.Popen([self.name], stdout=log, stderr=log,
                                           **self.options)
        deadline = time.monotonic() + LIMIT
        while self.call('connect')[0]:
            if self.daemon.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise CaseError(f'{self.name} does not answer')
        return self

    def __exit__(self, *_):
        self.daemon.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.daemon.wait(LIMIT)
        self.daemon.kill()
        self.daemon.wait()

    def command(self, *command):
        return ['virsh', '--quiet', '--connect',
                f'qemu+unix:///session?socket={self.socket}', *command]

    def call(self, *command):
        """(exit status, output) of a command of virsh."""
        result = subprocess.run(self.command(*command), check=False, text=True,
                                stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, timeout=LIMIT,
                                **self.options)
        return result.returncode, words(result.stdout)

    def begin(self, *command):
        """The process of a command that waits for something."""
        show('virsh', ' '.join(command))
        return subprocess.Popen(self.command(*command), text=True,
                                stdout=subprocess.PIPE, **self.options)

    def virsh(self, *command):
        show('virsh', words(' '.join(command)))
        status, said = self.call(*command)
        if status:
            raise CaseError(f'virsh {command[0]}: {said}')
        return said

    def refused(self, message, *command):
        """This command has to fail with this message."""
        show('virsh', ' '.join(command))
        status, said = self.call(*command)
        show('', said)
        if not status or message not in said:
            raise CaseError(f'virsh {command[0]} says "{said}", not '
                            f'"{message}"')

    def property(self, name):
        """A property of the guest's device, as QEMU has it."""
        command = {'execute': 'qom-get', 'arguments': {
            'path': '/machine/peripheral/disk0', 'property': name}}
        return check_reply(self.call('qemu-monitor-command', 'guest',
                                     json.dumps(command))[1])

    @contextlib.contextmanager
    def domains(self, *names):
        """Whatever happens, these do not run afterwards."""
        try:
            yield
        finally:
            for name in names:
                self.call('destroy', name)


def check_reply(said):
    """What QEMU returns by "virsh qemu-monitor-command"."""
    reply = json.loads(said)
    if 'return' not in reply:
        raise CaseError(f'QEMU says {reply["error"]["desc"]}')
    return reply['return']


class Console:
    """What the guest says: a FIFO in the place of the console's file."""

    def __init__(self, path, user, log):
        os.mkfifo(path)
        user.own(path)
        self.fifo = os.open(path, os.O_RDWR)
        self.log = log.open('wb')
        self.rest = b''

    def close(self):
        os.close(self.fifo)
        self.log.close()

    def read_line(self, deadline):
        while b'\n' not in self.rest:
            if not select.select([self.fifo], [], [],
                                 max(0, deadline - time.monotonic()))[0]:
                raise CaseError('the guest says no more')
            read = os.read(self.fifo, 4096)
            self.log.write(read)
            self.log.flush()
            self.rest += read
        line, self.rest = self.rest.split(b'\n', 1)
        return line.decode(errors='replace')

    def await_message(self, name, fits):
        """The next message of this name whose words fit."""
        deadline = time.monotonic() + LIMIT
        while True:
            message = re.search(rf'GUEST: {name} (.*)',
                                self.read_line(deadline))
            if message and fits(message[1].split()):
                show('guest', f'{name} {message[1].strip()}')
                return


class Disks:
    """Disks of the emulated host driver, which the user may connect to."""

    def __init__(self, build, directory, user, work):
        self.program = build / 'vfio-ccw-host'
        self.directory, self.user, self.work = directory, user, work
        self.hosts = {}

    def socket(self, name):
        return self.directory / f'{name}.sock'

    @contextlib.contextmanager
    def serve(self, name):
        """The disk behind socket(name); its checksum."""
        image, socket = self.work / f'{name}.img', self.socket(name)
        image.write_bytes(os.urandom(DISK_SIZE))
        with host_driver.HostDriver(self.program, socket, image,
                                    self.work / f'{name}.log') as host:
            self.hosts[name] = host
            self.user.own(socket)
            yield hashlib.sha256(image.read_bytes()).hexdigest()

    def kill(self, name):
        self.hosts[name].kill()

    def start(self, name):
        """The same disk, after kill(name)."""
        self.hosts[name].start()
        self.user.own(self.socket(name))


def device_number(text):
    """That of the vfio-ccw device in text, as the guest writes it."""
    return '0.' + find(r'"devno": "fe\.(0\.[0-9a-f]{4})"', text)


class Scene:
    """The guest of the documentation, and what is done with it."""

    def __init__(self, section, libvirt, console, disks):
        self.section, self.libvirt = section, libvirt
        self.console, self.disks = console, disks
        self.checksums = {}
        self.after = {'define': self.not_allowed,
                      'start': self.started, 'save': self.not_saved,
                      'device_add': self.plugged, 'device_del': self.unplugged}

    def await_disk(self, devno, checksum):
        self.console.await_message(
            'disk', lambda said: said == [devno, checksum])

    def not_allowed(self, _):
        """Who may not write to the socket may not connect to it."""
        socket = self.disks.socket('disk0')
        mode = socket.stat().st_mode
        socket.chmod(0)
        self.libvirt.refused(self.section.message('Permission denied'),
                             'start', 'guest')
        socket.chmod(mode)

    def started(self, _):
        domain = self.section.domain()
        devno = device_number(domain)
        self.await_disk(devno, self.checksums['disk0'])
        shown = self.libvirt.property('devno')
        if f'0.{shown.removeprefix("fe.")}' != devno:
            raise CaseError(f'QEMU says that the device number is {shown}')

    def not_saved(self, message):
        self.libvirt.refused(message[message.index('cannot migrate'):],
                             'managedsave', 'guest')
        state = self.libvirt.virsh('domstate', 'guest')
        if state != 'running':
            raise CaseError(f'the guest is {state}')

    def plugged(self, command):
        self.plugged_devno = device_number(command)
        self.await_disk(self.plugged_devno, self.checksums['disk1'])

    def unplugged(self, _):
        self.console.await_message(
            'devices', lambda said: self.plugged_devno not in said)

    def await_lost(self, lost):
        deadline = time.monotonic() + LIMIT
        while (self.libvirt.property('x-state') == 'NOT_OPER') != lost:
            if time.monotonic() > deadline:
                raise CaseError('QEMU does not notice what the server does')

    def lose_server(self, command):
        """Again and again, until libvirt waits for it and hears of it."""
        with self.libvirt.begin(*command) as waiting:
            try:
                while waiting.poll() is None:
                    self.disks.kill('disk0')
                    self.await_lost(True)
                    self.disks.start('disk0')
                    self.await_lost(False)
            except CaseError:
                waiting.kill()
                raise
            said = words(waiting.stdout.read())
        show('', said)
        if not re.search('VFIO_CCW_HOST.*"disk0".*"status":"(lost|returned)"',
                         said):
            raise CaseError('libvirt does not say what the server did')

    def play(self):
        for command, message in self.section.commands():
            name = command[1]
            if name == 'qemu-monitor-event':
                self.lose_server(command[1:])
                continue
            if message:
                self.libvirt.refused(message, *command[1:])
                self.after[name](message)
                continue
            said = self.libvirt.virsh(*command[1:])
            if name == 'qemu-monitor-command':
                check_reply(said)
                name = json.loads(command[-1])['execute']
            if name in self.after:
                self.after[name](command[-1])


def check_automatic(section, libvirt, directory, user):
    """What becomes of a device whose number the documentation leaves out."""
    domain = re.sub(r'"devno": "[^"]+",', '', section.domain())
    domain = domain.replace('<name>guest<', '<name>automatic<')
    (directory / 'automatic.xml').write_text(domain, encoding='utf-8')
    (directory / 'other.img').write_bytes(bytes(DISK_SIZE))
    user.own(directory / 'other.img')
    libvirt.virsh('create', '--paused', 'automatic.xml')
    libvirt.refused(section.message('Device .* already exists'),
                    'attach-disk', 'automatic', str(directory / 'other.img'),
                    'vdb')
    libvirt.virsh('destroy', 'automatic')


def make_files(build, directory, user, work):
    """All that the XML and the commands name, but for the sockets."""
    packages = linux_guest.Packages(build / 'guest')
    initramfs = work / 'initramfs.gz'
    linux_guest.make_initramfs(packages, dasd_guest.MODULES,
                               dasd_guest.ROOT / 'tests/guest/libvirt',
                               initramfs)
    emulator = (build / 'qemu-system-s390x').resolve()
    [firmware] = emulator.parent.glob('qemu-bundle/**/s390-ccw.img')
    bundled = directory / firmware.relative_to(emulator.parent)
    bundled.parent.mkdir(parents=True)
    for source, target in ((emulator, directory / emulator.name),
                           (firmware, bundled),
                           (packages.kernel, directory / 'vmlinuz'),
                           (initramfs, directory / 'initrd.img')):
        shutil.copy(source, target)
    (directory / 'guest.img').write_bytes(bytes(DISK_SIZE))
    user.own(directory / 'guest.img')


def run_test(daemon, build, work):
    user = User()
    # A UNIX socket's path is short: it cannot be below any build directory.
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        directory.chmod(0o755)
        make_files(build, directory, user, work)
        section = Section(directory)
        (directory / 'guest.xml').write_text(section.domain(),
                                             encoding='utf-8')
        console = stack.enter_context(contextlib.closing(Console(
            directory / 'guest-console.log', user, work / 'guest.log')))
        libvirt = stack.enter_context(Libvirt(daemon, directory, user,
                                              work / 'libvirt.log'))
        stack.enter_context(libvirt.domains('guest', 'automatic'))
        disks = Disks(build, directory, user, work)
        scene = Scene(section, libvirt, console, disks)
        for name in ('disk0', 'disk1'):
            scene.checksums[name] = stack.enter_context(disks.serve(name))
        check_automatic(section, libvirt, directory, user)
        scene.play()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('build', type=Path, help='build directory')
    build = parser.parse_args().build.resolve()
    work = build / 'libvirt'
    work.mkdir(exist_ok=True)
    programs = [name for name in DAEMONS
                if shutil.which(name, path=SEARCH_PATH)]
    if not programs or not shutil.which('virsh', path=SEARCH_PATH):
        print('SKIP: there is no libvirt: "make check-libvirt" installs it')
        return SKIPPED
    try:
        run_test(programs[0], build, work)
    except (*dasd_guest.ERRORS, subprocess.TimeoutExpired) as error:
        linux_guest.show_logs(work)
        print(f'FAIL: {error}', flush=True)
        return 1
    print('PASS: libvirt and the guest do as the documentation says')
    return 0


if __name__ == '__main__':
    sys.exit(main())
