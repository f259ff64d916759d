#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Build what the tests against Linux's own vfio_ccw driver run on.

Called by the top-level meson.build, from its build directory, when
build_qemu.py has laid out QEMU's source there.  Below linux/:

  source    Debian's Linux source
  kernel    the kernel made of it and of tests/linux/kernel.config
  sysroot   libraries and headers of Debian's s390x, unpacked
  qemu      the same QEMU as qemu/build, static, for s390x, and its test
  busybox   Debian's s390x busybox

A step that is done is not done again, but for the QEMU, whose own build
knows what is up to date.
"""

import argparse
import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import debian

ROOT = Path(__file__).resolve().parent.parent
CROSS = 's390x-linux-gnu-'
FRAGMENT = ROOT / 'tests/linux/kernel.config'
# Position-independent static programs of bookworm's s390x end in a fault
# before main().
CONFIGURE = ['--python=/usr/bin/python3', '--target-list=s390x-softmmu',
             '--without-default-features', '--enable-system', '--enable-tcg',
             '--enable-trace-backends=log', '--disable-install-blobs',
             '--disable-docs', '--disable-download', '--disable-fdt',
             f'--cross-prefix={CROSS}', '--static', '--disable-pie']
TEST = 'tests/linux/vfio-ccw-linux-test'
PROGRAMS = ['qemu-system-s390x', TEST]


class BuildError(Exception):
    """A reason, in one sentence, why the build cannot go on."""


def say(text):
    print(f'-- {text}', flush=True)


def run(log, *command, cwd):
    """Run command; what it says is in log, and its end is shown if bad."""
    with log.open('a', encoding='utf-8') as output:
        result = subprocess.run(command, cwd=cwd, check=False,
                                stdin=subprocess.DEVNULL, stdout=output,
                                stderr=subprocess.STDOUT)
    if result.returncode:
        tail = log.read_text(encoding='utf-8').splitlines()[-15:]
        raise BuildError('\n'.join(tail) + f'\n"{command[0]}" failed; all it '
                         f'said is in {log}')


def unpack(name, directory):
    if not directory.exists():
        debian.Cache().unpack(name, directory)


def unpack_kernel(work):
    source = work / 'source'
    if source.exists():
        return source
    package = work / 'kernel-package'
    unpack('linux-source', package)
    [tarball] = package.glob('usr/src/linux-source-*.tar.xz')
    part = work / 'source.part'
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    subprocess.run(['tar', '-xf', tarball, '-C', part,
                    '--strip-components=1'], check=True)
    part.rename(source)
    shutil.rmtree(package)
    return source


def check_config(config):
    """Each symbol of the fragment has to have been taken as it is there."""
    wanted = re.findall(r'^CONFIG_\S+$', FRAGMENT.read_text(encoding='utf-8'),
                        re.M)
    taken = set(config.read_text(encoding='utf-8').splitlines())
    missing = [line for line in wanted if line not in taken]
    if missing:
        raise BuildError(f'the kernel does not know, or cannot have, '
                         f'{", ".join(missing)} of {FRAGMENT}')


def build_kernel(work):
    source = unpack_kernel(work)
    output, image = work / 'kernel', work / 'bzImage'
    fragment = FRAGMENT.read_text(encoding='utf-8')
    record = work / 'kernel.txt'
    if image.exists() and record.exists():
        if record.read_text(encoding='utf-8') == fragment:
            return
    say('the kernel under test')
    output.mkdir(exist_ok=True)
    log = work / 'kernel.log'
    log.unlink(missing_ok=True)
    make = ['make', '-C', source, f'O={output}', 'ARCH=s390',
            f'CROSS_COMPILE={CROSS}', f'-j{os.cpu_count()}']
    run(log, *make, f'KCONFIG_ALLCONFIG={FRAGMENT}', 'allnoconfig', cwd=work)
    check_config(output / '.config')
    run(log, *make, 'bzImage', cwd=work)
    shutil.copy(output / 'arch/s390/boot/bzImage', image)
    record.write_text(fragment, encoding='utf-8')


def make_pkg_config(work, sysroot):
    """A pkg-config that knows what is in sysroot, and nothing else."""
    wrapper = work / 'pkg-config'
    libraries = sysroot / 'usr/lib/s390x-linux-gnu/pkgconfig'
    wrapper.write_text('#!/bin/sh\n'
                       f'export PKG_CONFIG_SYSROOT_DIR={sysroot}\n'
                       f'export PKG_CONFIG_LIBDIR={libraries}\n'
                       'exec pkg-config "$@"\n', encoding='utf-8')
    wrapper.chmod(0o755)
    return wrapper


def configure_qemu(work, source):
    sysroot, build = work / 'sysroot', work / 'qemu'
    record = work / 'configure.txt'
    options = [*CONFIGURE, f'--extra-cflags=--sysroot={sysroot}',
               f'--extra-ldflags=--sysroot={sysroot}']
    if (build / 'build.ninja').exists() and record.exists():
        if record.read_text(encoding='utf-8').split('\n') == options:
            return build
    say('configuring the QEMU that runs on Linux under test')
    shutil.rmtree(build, ignore_errors=True)
    build.mkdir()
    log = work / 'configure.log'
    log.unlink(missing_ok=True)
    wrapper = make_pkg_config(work, sysroot)
    run(log, '/usr/bin/env', f'PKG_CONFIG={wrapper}', source / 'configure',
        *options, cwd=build)
    record.write_text('\n'.join(options), encoding='utf-8')
    return build


def build_qemu(work, source):
    unpack('sysroot', work / 'sysroot')
    build = configure_qemu(work, source)
    result = subprocess.run(['ninja', '-C', build, *PROGRAMS], check=False)
    if result.returncode:
        raise BuildError("building the QEMU that runs on Linux under test "
                         'failed')
    return build


def publish(built, output):
    output.unlink(missing_ok=True)
    output.symlink_to(built)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('output', type=Path,
                        help='a link to the test program built')
    output = parser.parse_args().output
    work = Path('linux').resolve()
    work.mkdir(exist_ok=True)
    with (work / 'lock').open('w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        unpack('guest-busybox', work / 'busybox')
        build_kernel(work)
        build = build_qemu(work, Path('qemu/src').resolve())
        publish(build / TEST, output)


if __name__ == '__main__':
    try:
        main()
    except (BuildError, debian.DebianError) as problem:
        sys.exit(f'error: {problem}')
