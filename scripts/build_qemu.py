#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Build QEMU with this project laid over it, or its tests.

Called by the top-level meson.build, from its build directory, once for each
thing to build; every call first brings the tree up to date:

  qemu/src      QEMU's source, unpacked once, with the overlay on it
  qemu/build    its build directory, configured once
  qemu/firmware s390-ccw.img, from Debian's package of QEMU's data

A step that is done is not done again.
"""

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import debian
import qemu_overlay
import qemu_tests

ROOT = Path(__file__).resolve().parent.parent
VERSION = debian.QEMU_VERSION
CONFIGURE = ['--python=/usr/bin/python3', '--target-list=s390x-softmmu',
             '--without-default-features', '--enable-system', '--enable-tcg',
             '--enable-trace-backends=log', '--disable-install-blobs',
             '--disable-docs', '--disable-download']
# A distribution's QEMU waits for file descriptors with io_uring, where the
# kernel lets it; one with a sanitizer here has ppoll(): both are tested.
SANITIZERS = {'none': ['--enable-linux-io-uring'],
              'address': ['--enable-asan', '--enable-ubsan'],
              'thread': ['--enable-tsan']}
PROGRAMS = {'emulator': 'qemu-system-s390x',
            'host-driver': 'tests/vfio-ccw-host/vfio-ccw-host',
            'bench': 'tests/bench/vfio-ccw/vfio-ccw-bench',
            'conformance': 'tests/vfio-ccw-conformance/vfio-ccw-conformance'}


class BuildError(Exception):
    """A reason, in one sentence, why the build cannot go on."""


def say(text):
    print(f'-- {text}', flush=True)


def unpack_tarball(tarball, directory):
    wanted = debian.WANTED['qemu-source']
    digest = hashlib.sha256(tarball.read_bytes()).hexdigest()
    if digest != wanted.sha256:
        raise BuildError(
            f'{tarball} is not the {wanted.name} this project is made for '
            f'(its sha256 is {digest}): unpack it and set QEMU_SRC to the '
            'directory to use it all the same')
    directory.mkdir()
    subprocess.run(['tar', '-xf', tarball, '-C', directory,
                    '--strip-components=1', '--no-same-owner'], check=True)


def copy_directory(source, directory):
    if not (source / 'VERSION').exists():
        raise BuildError(f'{source} holds no QEMU source: set QEMU_SRC to a '
                         f'QEMU {VERSION} directory or tarball')
    shutil.copytree(source, directory, symlinks=True,
                    ignore=lambda where, names: (
                        {'.git', 'build'} if Path(where) == source
                        else set()))


def source_path(wanted):
    """What the user wants, where a relative path starts at the top."""
    return (ROOT / Path(wanted).expanduser()).resolve()


def find_source(wanted):
    """The directory or tarball to take QEMU's source from."""
    if wanted:
        path = source_path(wanted)
        if not path.exists():
            raise BuildError(f'QEMU_SRC is {wanted}, which is not there: set '
                             f'it to a QEMU {VERSION} directory or tarball')
        return path
    [tarball] = debian.Cache().files('qemu-source')
    return tarball


def unpack_source(wanted, work):
    """Fill work/src, unless it is filled from what is wanted already.

    A directory is copied: what changes in it later is not noticed.
    """
    src, record = work / 'src', work / 'source.txt'
    path = wanted and str(source_path(wanted))
    if src.is_dir() and record.exists():
        if not path or record.read_text(encoding='utf-8') == path:
            return src
    source = find_source(wanted)
    say(f"QEMU's source: {source}")
    part = work / 'src.part'
    shutil.rmtree(part, ignore_errors=True)
    if source.is_dir():
        copy_directory(source, part)
    else:
        unpack_tarball(source, part)
    for old in (src, work / 'originals', work / 'build'):
        shutil.rmtree(old, ignore_errors=True)
    for old in (record, work / 'overlay.json'):
        old.unlink(missing_ok=True)
    part.rename(src)
    record.write_text(path or str(source), encoding='utf-8')
    return src


def configure(work, src, sanitizers):
    build, record = work / 'build', work / 'configure.txt'
    options = CONFIGURE + SANITIZERS[sanitizers]
    if (build / 'build.ninja').exists() and record.exists():
        if record.read_text(encoding='utf-8').split('\n') == options:
            return build
    say('configuring QEMU')
    shutil.rmtree(build, ignore_errors=True)
    build.mkdir(parents=True)
    log = work / 'configure.log'
    with log.open('w', encoding='utf-8') as output:
        result = subprocess.run([src / 'configure', *options], cwd=build,
                                check=False, stdin=subprocess.DEVNULL,
                                stdout=output, stderr=subprocess.STDOUT)
    if result.returncode:
        tail = log.read_text(encoding='utf-8').splitlines()[-15:]
        raise BuildError('\n'.join(tail) + f'\nQEMU\'s configure failed; all '
                         f'it said is in {log}')
    record.write_text('\n'.join(options), encoding='utf-8')
    return build


def place_firmware(work, build):
    """Debian's s390-ccw.img where QEMU, run from its build tree, looks."""
    package = work / 'firmware'
    if not package.exists():
        debian.Cache().unpack('firmware', package)
    image = package / 'usr/share/qemu/s390-ccw.img'
    for directory in ('pc-bios', 'qemu-bundle/usr/local/share/qemu'):
        link = build / directory / image.name
        if link.is_symlink() and os.readlink(link) == str(image):
            continue
        link.unlink(missing_ok=True)
        link.symlink_to(image)


def ninja(build, targets, *options):
    result = subprocess.run(['ninja', *options, '-C', build, *targets],
                            check=False)
    if result.returncode:
        raise BuildError(f'building {" ".join(targets)} failed')


def files_of(build, what):
    """Paths, relative to build, of the files that what stands for."""
    if what in PROGRAMS:
        return [PROGRAMS[what]]
    # Which tests there are is known once build.ninja is up to date.
    ninja(build, ['build.ninja'], '--quiet')
    return qemu_tests.needed_files(build, ROOT, what)


def publish(built, output):
    output.unlink(missing_ok=True)
    output.symlink_to(built)


def write_list(files, output):
    output.unlink(missing_ok=True)
    output.write_text(json.dumps(files), encoding='utf-8')


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--source', default='',
                        help='directory or tarball of QEMU')
    parser.add_argument('--sanitizers', choices=SANITIZERS, default='none')
    parser.add_argument('what', choices=[*PROGRAMS, *qemu_tests.SUITES])
    parser.add_argument('output', type=Path,
                        help='a link to the program built, or a list of the '
                        'files built')
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    work = Path('qemu').resolve()
    work.mkdir(exist_ok=True)
    with (work / 'lock').open('w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = os.environ.get('QEMU_SRC') or arguments.source
        src = unpack_source(wanted, work)
        qemu_overlay.Overlay(ROOT, src, work).lay()
        build = configure(work, src, arguments.sanitizers)
        place_firmware(work, build)
        targets = files_of(build, arguments.what)
        if targets:
            ninja(build, targets)
        if arguments.what in PROGRAMS:
            publish(build / targets[0], arguments.output)
        else:
            write_list(targets, arguments.output)


if __name__ == '__main__':
    try:
        main()
    except (BuildError, debian.DebianError, qemu_overlay.OverlayError,
            qemu_tests.TestsError) as problem:
        sys.exit(f'error: {problem}')
