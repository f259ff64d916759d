# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian Linux guest for s390x, made of Debian's packages and one script.

Kernel and busybox are unpacked, not installed.  The initramfs
holds busybox, the modules that are asked for and the guest script, which
tests/guest/init runs.  What the guest says in lines "GUEST: NAME VALUE"
comes out of Guest.messages() while it runs.  Called by dasd_guest.py; its
users show the logs.
"""

import fcntl
import gzip
import json
import lzma
import re
import shutil
import subprocess
import threading
from pathlib import Path

import debian

ROOT = Path(__file__).resolve().parent.parent
LOG_LINES = 20


class GuestError(Exception):
    """A reason, in one sentence, why the guest did not do its work."""


class Packages:
    """Debian's kernel and busybox for s390x, unpacked under directory."""

    def __init__(self, directory):
        kernel, busybox = directory / 'kernel', directory / 'busybox'
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / 'lock').open('w', encoding='utf-8') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for package, path in (('guest-kernel', kernel),
                                  ('guest-busybox', busybox)):
                if not path.exists():
                    debian.Cache().unpack(package, path)
        [self.kernel] = kernel.glob('boot/vmlinuz-*')
        self.busybox = busybox / 'usr/bin/busybox'
        self._modules = {path.name.split('.')[0]: path
                         for path in kernel.glob('usr/lib/modules/**/*.ko.xz')}

    def modules(self, names):
        """{name: contents} of modules and what they need, in load order."""
        loaded = {}

        def add(name):
            if name in loaded:
                return
            if name not in self._modules:
                raise GuestError(f'the kernel has no module {name}')
            with lzma.open(self._modules[name]) as module:
                contents = module.read()
            needed = re.search(rb'\0depends=([^\0]*)\0', contents)
            for dependency in needed[1].decode().split(',') if needed else ():
                if dependency:
                    add(dependency)
            loaded[name] = contents

        for name in names:
            add(name)
        return loaded


def make_initramfs(packages, modules, script, output, files=None):
    """Write an initramfs that loads modules and runs script (a path).

    files are what else is in it: {name: path}.
    """
    tree = output.with_suffix('.tree')
    shutil.rmtree(tree, ignore_errors=True)
    for directory in ('bin', 'modules', 'proc', 'sys', 'dev'):
        (tree / directory).mkdir(parents=True)
    shutil.copy(packages.busybox, tree / 'bin' / 'busybox')
    shutil.copy(ROOT / 'tests/guest/init', tree / 'init')
    (tree / 'init').chmod(0o755)
    shutil.copy(script, tree / 'guest-script')
    for name, path in (files or {}).items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tree / name)
    for number, (name, contents) in enumerate(
            packages.modules(modules).items()):
        path = tree / 'modules' / f'{number:02}-{name}.ko'
        path.write_bytes(contents)
    names = '\n'.join(str(path.relative_to(tree))
                      for path in sorted(tree.rglob('*')))
    archive = subprocess.run(
        ['cpio', '--create', '--quiet', '--format=newc', '--owner=0:0'],
        cwd=tree, check=True, input=names.encode(), stdout=subprocess.PIPE)
    output.write_bytes(gzip.compress(archive.stdout, 1))
    shutil.rmtree(tree)


def show_logs(directory):
    """What the logs of a run that failed end with."""
    for log in sorted(directory.glob('*.log')):
        tail = log.read_text(encoding='utf-8').splitlines()[-LOG_LINES:]
        print(f'   the end of {log}:', *tail, sep='\n      ', flush=True)


class Guest:
    """One run of a guest, from power on to power off.

    Without an initramfs it boots from the device that has a bootindex.
    """

    def __init__(self, qemu, packages, initramfs, log, memory=512):
        self.log = log
        self.pass_fds = []
        self.command = [
            str(qemu), '-nodefaults', '-display', 'none',
            '-accel', 'tcg', '-m', str(memory), '-object',
            f'memory-backend-memfd,id=ram,size={memory}M,share=on',
            '-machine', 's390-ccw-virtio,memory-backend=ram',
            '-serial', 'stdio']
        self.kernel = ['-kernel', str(packages.kernel), '-initrd',
                       str(initramfs)] if initramfs else []
        self.parameters = ['console=ttysclp0', 'panic=-1', 'quiet']
        # A guest that is not to boot again does so only in a panic.
        self.reboots = False

    def add_device(self, **properties):
        """A -device, by its properties (JSON syntax)."""
        self.command += ['-device', json.dumps(properties)]

    def add_port(self, name, connection):
        """A virtio-serial port of this name; connection is its other end."""
        self.add_chardev(name, connection)
        self.add_device(driver='virtserialport', name=name, chardev=name)

    def add_chardev(self, name, connection):
        """A -chardev of this name, which is connection, a socket."""
        self.pass_fds.append(connection.fileno())
        self.command += ['-chardev',
                         f'socket,id={name},fd={connection.fileno()}']

    def add_monitor(self, connection):
        """A monitor that speaks QMP; connection is its other end."""
        self.add_chardev('monitor', connection)
        self.command += ['-mon', 'chardev=monitor,mode=control']

    def messages(self, limit):
        """(name, value) of each message; GuestError if it ends badly."""
        command = self.command + self.kernel
        if self.kernel:
            command += ['-append', ' '.join(self.parameters)]
        if not self.reboots:
            command.append('-no-reboot')
        with (self.log.open('w', encoding='utf-8') as log,
              subprocess.Popen(command, text=True, errors='replace',
                               stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT,
                               pass_fds=self.pass_fds) as qemu):
            timer = threading.Timer(limit, qemu.kill)
            timer.start()
            status = None
            try:
                for line in qemu.stdout:
                    log.write(line)
                    log.flush()
                    message = re.search(r'GUEST: (\S+) ?(.*)', line)
                    if message and message[1] == 'status':
                        status = message[2].strip()
                    elif message:
                        yield message[1], message[2].strip()
                qemu.wait()
            finally:
                in_time = timer.is_alive()
                timer.cancel()
                qemu.kill()
        if not in_time:
            raise GuestError(f'the guest did not end within {limit} s')
        if status != '0':
            raise GuestError('the guest failed'
                             if status else 'the guest ended too early')
        if qemu.returncode:
            raise GuestError(f'QEMU ended with status {qemu.returncode}')
