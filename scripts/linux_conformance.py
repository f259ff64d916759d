#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The vfio-ccw conformance script on Linux's own driver, against its record.

Builds the player (tests/vfio-ccw-conformance/linux.c) as the only program of
an initramfs, has vfio-ccw-conformance play the script on the kernel that
linux_build.py has built, and compares what comes of it with linux.record,
which the unit test of the emulated driver is compared with.  With --record it
is written there instead: to be done, and looked at, when the script changes
or a newer kernel behaves differently.  Run by "meson test", suite linux.
"""

import argparse
import difflib
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / 'tests/vfio-ccw-conformance'
RECORD = SOURCE / 'linux.record'
COMPILER = 's390x-linux-gnu-gcc'
MEMORY = '256M'
LIMIT = 300


class ConformanceError(Exception):
    """A reason, in one sentence, why there is nothing to compare."""


def make_initramfs(build, work):
    """The player as /init, and where it mounts what it needs."""
    root, image = work / 'root', work / 'initramfs'
    sysroot = build / 'linux/sysroot'
    for name in ('dev', 'proc', 'sys'):
        (root / name).mkdir(parents=True)
    subprocess.run([COMPILER, f'--sysroot={sysroot}', '-std=gnu11', '-O1',
                    '-Wall', '-Werror', '-static', '-no-pie',
                    '-o', root / 'init',
                    SOURCE / 'linux.c', SOURCE / 'player.c'], check=True)
    names = '\n'.join(['.', 'dev', 'proc', 'sys', 'init'])
    with image.open('wb') as output:
        subprocess.run(['cpio', '--create', '--quiet', '--format=newc',
                        '--owner=0:0'], cwd=root, input=names.encode(),
                       stdout=output, check=True)
    return image


def play(build, initramfs, log):
    """The record, as lines."""
    ram = f'memory-backend-memfd,id=ram,size={MEMORY},share=on'
    command = [build / 'vfio-ccw-conformance', SOURCE / 'script',
               build / 'qemu-system-s390x', '-nodefaults', '-display', 'none',
               '-no-reboot', '-m', MEMORY, '-object', ram,
               '-machine', 's390-ccw-virtio,memory-backend=ram',
               '-kernel', build / 'linux/bzImage', '-initrd', initramfs,
               '-append', 'console=ttysclp0 panic=-1',
               '-chardev', f'file,id=console,path={log}',
               '-device', 'sclpconsole,chardev=console']
    try:
        result = subprocess.run(command, check=False, text=True,
                                stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, timeout=LIMIT)
    except subprocess.TimeoutExpired as error:
        raise ConformanceError(f'not done after {LIMIT} s') from error
    if result.returncode:
        raise ConformanceError('vfio-ccw-conformance failed')
    return result.stdout.splitlines(keepends=True)


def steps(record):
    """Without the head, which says what kernel it was."""
    return [line for line in record if not line.startswith('#')]


def compare(record):
    kept = RECORD.read_text(encoding='utf-8').splitlines(keepends=True)
    changes = list(difflib.unified_diff(steps(kept), steps(record),
                                        'linux.record', 'this kernel'))
    sys.stderr.writelines(changes)
    number = sum(not line.startswith('[') for line in steps(record))
    print(f'{number} steps on {record[1].split("on ")[1].strip()}: '
          f'{"as recorded" if not changes else "NOT as recorded"}')
    return not changes


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('build', type=Path, help='build directory')
    parser.add_argument('--record', action='store_true',
                        help='keep what comes of it')
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    if not (build / 'vfio-ccw-conformance').exists():
        sys.exit(f'error: {build} has no Linux to run this on: '
                 '"make check-linux" builds it')
    log = build / 'linux/conformance.log'
    with tempfile.TemporaryDirectory() as work:
        try:
            record = play(build, make_initramfs(build, Path(work)), log)
        except ConformanceError as error:
            if log.exists():
                sys.stderr.write(log.read_text(errors='replace'))
            sys.exit(f'error: {error}')
    if arguments.record:
        RECORD.write_text(''.join(record), encoding='utf-8')
        return 0
    return 0 if compare(record) else 1


if __name__ == '__main__':
    sys.exit(main())
