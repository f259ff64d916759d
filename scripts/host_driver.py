# SPDX-License-Identifier: GPL-2.0-or-later
"""The emulated host driver as a process, and a look into its disk.

HostDriver runs vfio-ccw-host while a guest runs; checksums_in_image() finds
with the host's own tools what the guest wrote.  Called by dasd_guest.py and
guest_eckd.py.
"""

import hashlib
import re
import struct
import subprocess
import tempfile
import threading
from pathlib import Path

LIMIT = 60
CKD_HEADER = 512
CKD_TRACK = 56832


class HostError(Exception):
    """What went wrong, in one sentence."""


class HostDriver:
    """The emulated host driver, serving image at socket while it is open."""

    def __init__(self, program, socket, image, log, *options, disk='fba'):
        self.command = [program, '--socket', socket, f'--dasd-{disk}', image,
                        *options]
        self.socket = socket
        self.log = log
        self.log.unlink(missing_ok=True)
        self.seen = {}
        self.pass_fds = ()

    def remote(self, connection):
        """Let who is at the other end of connection play with the device."""
        self.pass_fds = (connection.fileno(),)
        self.command += ['--remote', str(connection.fileno())]

    def start(self):
        with self.log.open('a', encoding='utf-8') as log:
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

    def kill(self):
        """End it in the middle of what it does; start() may follow."""
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        self.start()
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


def run_tool(*command, good=(0,)):
    result = subprocess.run(command, check=False, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode not in good:
        raise HostError(f'{command[0]} refuses the image: '
                        f'{result.stdout.strip()}')
    return result.stdout


def format_image(image):
    """A file system with a journal, which the guest's mke2fs cannot make."""
    run_tool('/sbin/mkfs.ext4', '-q', '-F', image)


def recover_image(image):
    """What mounting does to a file system that was not unmounted."""
    run_tool('/sbin/e2fsck', '-f', '-p', image, good=(0, 1))


def create_eckd_image(program, image, cylinders):
    """An unformatted ECKD disk in a new file."""
    image.unlink(missing_ok=True)
    run_tool(program, '--create-eckd', image, '--cylinders', str(cylinders))


def extract_partition(image, output):
    """What Linux has from the third track on, where fdasd begins, of an image.

    The blocks are the records of a track; see tests/vfio-ccw-host/ckd-image.h.
    """
    with image.open('rb') as disk, output.open('wb') as partition:
        disk.seek(CKD_HEADER + 2 * CKD_TRACK)
        while track := disk.read(CKD_TRACK):
            position = 5
            while track[position:position + 8] != b'\xff' * 8:
                number, key, data = struct.unpack_from('>4xBBH', track,
                                                       position)
                position += 8 + key
                if number:
                    partition.write(track[position:position + data])
                position += data


def checksums_in_image(image, directory):
    """{name: sha256} of the files in the root of the file system in image."""
    run_tool('/sbin/e2fsck', '-f', '-n', image)
    with tempfile.TemporaryDirectory(dir=directory) as root:
        run_tool('/sbin/debugfs', '-R', f'rdump / {root}', image)
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
                for path in Path(root).iterdir() if path.is_file()}
