# SPDX-License-Identifier: GPL-2.0-or-later
"""The emulated host driver as a process, and a look into its disk.

HostDriver runs vfio-ccw-host while a guest runs; checksum_in_image() finds
with the host's own tools what the guest wrote.  Called by dasd_guest.py.
"""

import hashlib
import re
import subprocess
import threading

LIMIT = 10


class HostError(Exception):
    """What went wrong, in one sentence."""


class HostDriver:
    """The emulated host driver, serving image at socket while it is open."""

    def __init__(self, program, socket, image, log, *options):
        self.command = [program, '--socket', socket, '--dasd-fba', image,
                        *options]
        self.log = log
        self.seen = {}
        self.pass_fds = ()

    def remote(self, connection):
        """Let who is at the other end of connection play with the device."""
        self.pass_fds = (connection.fileno(),)
        self.command += ['--remote', str(connection.fileno())]

    def __enter__(self):
        with self.log.open('w', encoding='utf-8') as log:
            self.process = subprocess.Popen(self.command, text=True,
                                            stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE,
                                            stderr=log,
                                            pass_fds=self.pass_fds)
        timer = threading.Timer(LIMIT, self.process.kill)
        timer.start()
        said = self.process.stdout.readline()
        timer.cancel()
        if 'ready' not in said:
            self.process.kill()
            self.process.wait()
            raise HostError('the emulated host driver did not start')
        return self

    def signal(self, number):
        self.process.send_signal(number)

    def __exit__(self, kind, error, trace):
        self.process.terminate()
        try:
            said, _ = self.process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            said, _ = self.process.communicate()
        self.seen = {name: int(count) for count, name
                     in re.findall(r'(\d+) ([a-z]+)', said)}
        if self.process.returncode and not error:
            raise HostError('the emulated host driver ended with status '
                            f'{self.process.returncode}')


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
            raise HostError(f'{command[0]} refuses the image: '
                            f'{result.stdout.strip()}')
    if not copy.exists():
        raise HostError("the guest's file is not in the image")
    return hashlib.sha256(copy.read_bytes()).hexdigest()
