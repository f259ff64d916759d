#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""All files that come from Debian's archive, and the folder that keeps them.

WANTED lists the files.  Each is fetched once, by apt, which checks it too, and
stays in a folder that "make clean" leaves alone.  Several checkouts can share
the folder, and a machine without a network can use a copy of it:

  $VFIO_CCW_CACHE, by default ~/.cache/vfio-ccw

An index may name a version that the archive does not have: then the next
older version is taken.  Nothing is installed: apt has a root of its own here,
so the machine's configuration, package lists and packages stay as they are.
Where the archive is, and which key signs it, is read from the machine's
sources.

The build and test scripts import this file; "make fetch" runs it, to fetch
all files and to list them.
"""

import contextlib
import fcntl
import functools
import glob
import hashlib
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ARCH = 's390x'
QEMU_VERSION = '10.2.2'
CHECKSUMS = 'SHA256SUMS'
# Passing faults of the network are over after a few attempts of apt's.
APT_OPTIONS = ('-q', '-o', 'Acquire::Retries=3',
               '-o', 'APT::Sandbox::User=root')


class DebianError(Exception):
    """A reason, for the user to read, why a file cannot be had."""


def say(text):
    print(f'-- {text}', flush=True)


def _run(command, directory):
    result = subprocess.run(command, cwd=directory, check=False, text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)
    if result.returncode:
        # Of all that apt says, its first error tells most.
        errors = re.findall(r'^E: (.*)', result.stdout, re.M)
        raise DebianError(' '.join((errors or [result.stdout])[0].split()))
    return result.stdout


@dataclass(frozen=True)
class Archive:
    """A Debian archive; trust is a deb822 line that says whom apt trusts."""

    uri: str
    trust: str

    def sources(self, suite):
        """One suite of it, as apt wants to have it in a .sources file."""
        return (f'Types: deb\nURIs: {self.uri}\nSuites: {suite}\n'
                f'Components: main\n{self.trust}')


def _os_codename():
    text = Path('/etc/os-release').read_text(encoding='utf-8')
    match = re.search(r'^VERSION_CODENAME="?([a-z]+)', text, re.M)
    return match[1] if match else ''


def _deb822_entries(text):
    for stanza in re.split(r'\n\s*\n', text):
        lines = [line for line in stanza.splitlines()
                 if line[:1] not in ('#', '')]
        fields = re.findall(r'^(\S+):[ \t]*(.*(?:\n[ \t].*)*)',
                            '\n'.join(lines), re.M)
        entry = {name.lower(): value for name, value in fields}
        if entry.get('enabled', 'yes').strip().lower() == 'no':
            continue
        if 'deb' in entry.get('types', '').split():
            yield (entry.get('uris', '').split(),
                   entry.get('suites', '').split(),
                   entry.get('components', '').split(),
                   entry.get('signed-by', ''))


def _one_line_entries(text):
    pattern = r'^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.+)$'
    for options, uri, suite, components in re.findall(pattern, text, re.M):
        key = re.search(r'signed-by=(\S+)', options)
        yield ([uri], [suite], components.split('#')[0].split(),
               key[1] if key else '')


def machine_archive():
    """The Debian archive that this machine itself uses."""
    parts = '/etc/apt/sources.list.d'
    codename = _os_codename()
    for path in (sorted(glob.glob(f'{parts}/*.sources'))
                 + ['/etc/apt/sources.list']
                 + sorted(glob.glob(f'{parts}/*.list'))):
        if not os.path.exists(path):
            continue
        text = Path(path).read_text(encoding='utf-8')
        parse = (_deb822_entries if path.endswith('.sources')
                 else _one_line_entries)
        for uris, suites, components, key in parse(text):
            if uris and codename in suites and 'main' in components:
                return Archive(uris[0], f'Signed-By: {key}\n' if key else '')
    raise DebianError('no Debian archive in /etc/apt: this needs a Debian '
                      'machine whose apt knows its own archive')


@functools.cmp_to_key
def _version_key(version, other):
    for relation, order in (('lt', -1), ('gt', 1)):
        if not subprocess.run(['dpkg', '--compare-versions', version,
                               relation, other], check=False).returncode:
            return order
    return 0


def _field(deb, name):
    return _run(['dpkg-deb', '--field', deb, name], deb.parent).strip()


def _fit_each_other(debs):
    """Does each package that another one depends on have a good version?"""
    versions = {_field(deb, 'Package'): _field(deb, 'Version')
                for deb in debs}
    for deb in debs:
        for name, relation, version in re.findall(
                r'([a-z0-9.+-]+)(?::\w+)? \(([<>=]+) ([^)]+)\)',
                _field(deb, 'Depends')):
            if name in versions and subprocess.run(
                    ['dpkg', '--compare-versions', versions[name], relation,
                     version], check=False).returncode:
                return False
    return True


class Suite:
    """One suite of an archive, seen through an apt root of its own."""

    def __init__(self, root, name, archive):
        self.root = root
        self.name = name
        self.archive = archive
        self.options = [*APT_OPTIONS]
        for option, value in (
                ('APT::Architecture', ARCH),
                ('APT::Architectures::', ARCH),
                ('Acquire::Languages', 'none'),
                ('Dir::State', root / 'state'),
                ('Dir::State::status', root / 'status'),
                ('Dir::Cache', root / 'cache'),
                ('Dir::Etc::sourcelist', root / 'archive.sources'),
                ('Dir::Etc::sourceparts', '/dev/null'),
                ('Dir::Etc::preferences', '/dev/null'),
                ('Dir::Etc::preferencesparts', '/dev/null')):
            self.options += ['-o', f'{option}={value}']

    def _apt(self, command, *arguments, directory=None):
        return _run([command, *self.options, *arguments],
                    directory or self.root)

    def update(self):
        """Fetch the package lists."""
        for name in ('state/lists/partial', 'cache/archives/partial'):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        (self.root / 'status').touch()
        (self.root / 'archive.sources').write_text(
            self.archive.sources(self.name), encoding='utf-8')
        self._apt('apt-get', 'update', '--error-on=any')

    def _versions(self, pattern):
        """(package, version) of all whose name matches, newest first."""
        names = [name for name in self._apt('apt-cache', 'pkgnames').split()
                 if re.fullmatch(pattern, name)]
        if not names:
            return []
        rows = [[cell.strip() for cell in line.split('|')] for line
                in self._apt('apt-cache', 'madison', *names).splitlines()]
        return sorted({(row[0], row[1]) for row in rows}, reverse=True,
                      key=lambda found: _version_key(found[1]))

    def _download(self, package, version, directory):
        """The path of that .deb, or a DebianError, which is not raised."""
        with tempfile.TemporaryDirectory(dir=directory) as part:
            try:
                self._apt('apt-get', 'download', f'{package}={version}',
                          directory=part)
            except DebianError as error:
                return error
            [deb] = Path(part).iterdir()
            return deb.rename(directory / deb.name)

    def fetch(self, patterns, directory):
        """Put the newest package of each pattern into directory.

        The newest of those that the archive has, and that fit each other.
        """
        choices = [self._versions(pattern) for pattern in patterns]
        for pattern, choice in zip(patterns, choices):
            if not choice:
                raise DebianError(f'its index names no {pattern}')
        download = functools.cache(functools.partial(self._download,
                                                     directory=directory))
        reasons = {}
        for chosen in itertools.product(*choices):
            debs = [download(*wanted) for wanted in chosen]
            refused = {wanted: deb for wanted, deb in zip(chosen, debs)
                       if isinstance(deb, DebianError)}
            if not refused and _fit_each_other(debs):
                self._say_what_is_older(choices, chosen, reasons)
                for unused in set(directory.glob('*.deb')) - set(debs):
                    unused.unlink()
                return
            reasons |= refused
        raise DebianError('; '.join(map(str, reasons.values())) or
                          'its packages do not fit each other')

    def _say_what_is_older(self, choices, chosen, reasons):
        for choice, taken in zip(choices, chosen):
            if taken != choice[0]:
                reason = reasons.get(choice[0], 'it does not fit the others')
                say(f'{" ".join(taken)} ({self.name}) is taken instead of '
                    f'{" ".join(choice[0])}: {reason}')


@dataclass(frozen=True)
class Packages:
    """Packages that are used together, all from one suite.

    Of all packages whose whole name matches a pattern, the newest is wanted.
    The suites are tried in their order.
    """

    patterns: tuple
    suites: tuple
    remedy = ('set VFIO_CCW_CACHE to a copy of the folder that "make fetch" '
              'has filled on another machine')

    def fetch(self, directory, archive):
        """Put the files into directory."""
        packages, reasons = ', '.join(self.patterns), []
        for name in self.suites:
            suite = Suite(directory.parent / 'apt' / name, name, archive)
            try:
                suite.update()
                suite.fetch(self.patterns, directory)
            except DebianError as error:
                reasons.append(f'{name}: {error}')
                continue
            if reasons:
                say(f'{packages} ({name}) is taken: {"; ".join(reasons)}')
            return
        raise DebianError(f'{packages} cannot be had from Debian '
                          f'({"; ".join(reasons)})')


@dataclass(frozen=True)
class PoolFile:
    """A file of the archive's pool, which has it longer than any index."""

    path: str
    sha256: str
    remedy: str

    @property
    def name(self):
        return Path(self.path).name

    def fetch(self, directory, archive):
        """Put the file into directory."""
        given = ROOT.parent / 'shared' / 'cache' / self.name
        if given.exists():
            shutil.copy(given, directory)
            return
        try:
            _run(['/usr/lib/apt/apt-helper', *APT_OPTIONS, 'download-file',
                  f'{archive.uri}/{self.path}', directory / 'part',
                  f'SHA256:{self.sha256}'], directory)
        except DebianError as error:
            raise DebianError(f'{self.name} cannot be had from Debian '
                              f'({error})') from error
        # apt makes a link to the file of an archive on this machine.
        shutil.copyfile(directory / 'part', directory / self.name)
        (directory / 'part').unlink()


NEWER = ('trixie', 'bookworm-backports')
WANTED = {
    'qemu-source': PoolFile(
        f'pool/main/q/qemu/qemu_{QEMU_VERSION}+ds.orig.tar.xz',
        'be05230fe47a6937cd29f28f562932c8125f9c93c2a82c625198f7a4aa601dfb',
        'set QEMU_SRC to a directory or tarball with the source of QEMU '
        f'{QEMU_VERSION}'),
    'firmware': Packages(('qemu-system-data',), NEWER),
    'guest-kernel': Packages((r'linux-image-6\.12\.[^-]+-s390x',), NEWER),
    'guest-busybox': Packages(('busybox-static',), ('trixie', 'bookworm')),
    # dasdfmt, fdasd and zipl, which need no library but C's
    'guest-tools': Packages(('s390-tools', 'libc6'), ('bookworm', 'trixie')),
    # "make check-linux" builds the kernel and, statically, a QEMU for it.
    'linux-source': Packages((r'linux-source-6\.12',), NEWER),
    # The oldest Debian that has QEMU's requirements: its C library has to
    # work with this machine's compiler, which may be newer but not older.
    'sysroot': Packages(('libc6-dev', 'linux-libc-dev', r'libglib2\.0-dev',
                         'libpcre2-dev', 'zlib1g-dev'), ('bookworm',)),
}


def default_folder():
    """Where fetched files are kept; a relative path starts at the top."""
    chosen = os.environ.get('VFIO_CCW_CACHE')
    if chosen:
        return ROOT / Path(chosen).expanduser()
    caches = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
    return Path(caches).expanduser() / 'vfio-ccw'


def _checksums(directory):
    return ''.join(f'{hashlib.sha256(path.read_bytes()).hexdigest()}  '
                   f'{path.name}\n' for path in sorted(directory.iterdir())
                   if path.name != CHECKSUMS)


class Cache:
    """The folder of fetched files: one directory for each of WANTED."""

    def __init__(self, folder=None, archive=None, wanted=None):
        self.folder = Path(folder or default_folder())
        self.archive = archive
        self.wanted = wanted or WANTED

    @contextlib.contextmanager
    def _locked(self):
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / 'lock').open('w', encoding='utf-8')
        except OSError as error:
            raise DebianError(f'{error}: set VFIO_CCW_CACHE to a folder that '
                              'can be written') from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _fetch(self, name):
        part = self.folder / 'part'
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        wanted = self.wanted[name]
        say(f'fetching {name} from Debian')
        try:
            wanted.fetch(part, self.archive or machine_archive())
        except DebianError as error:
            raise DebianError(f'{error}; {wanted.remedy}') from error
        (part / CHECKSUMS).write_text(_checksums(part), encoding='utf-8')
        shutil.rmtree(self.folder / name, ignore_errors=True)
        part.rename(self.folder / name)

    def _is_intact(self, name):
        directory = self.folder / name
        record = directory / CHECKSUMS
        if not record.exists():
            return False
        if record.read_text(encoding='utf-8') == _checksums(directory):
            return True
        say(f'{directory} is damaged')
        return False

    def files(self, name):
        """The paths of the files of that name in WANTED, fetched if need be.
        """
        with self._locked():
            if not self._is_intact(name):
                self._fetch(name)
        return sorted(path for path in (self.folder / name).iterdir()
                      if path.name != CHECKSUMS)

    def unpack(self, name, directory):
        """Unpack the packages of that name into a new directory."""
        part = directory.with_name(directory.name + '.part')
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for deb in self.files(name):
            _run(['dpkg-deb', '-x', deb, part], part)
        shutil.rmtree(directory, ignore_errors=True)
        part.rename(directory)


def main():
    cache, missing = Cache(), 0
    print(f'{cache.folder}:')
    for name in WANTED:
        try:
            files = cache.files(name)
        except DebianError as error:
            print(f'error: {error}', file=sys.stderr)
            missing += 1
            continue
        for path in files:
            print(f'   {name:<14} {path.stat().st_size / 1e6:7.1f} MB  '
                  f'{path.name}', flush=True)
    return 1 if missing else 0


if __name__ == '__main__':
    sys.exit(main())
