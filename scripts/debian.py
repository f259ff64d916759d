# SPDX-License-Identifier: GPL-2.0-or-later
"""Files from Debian's archive, fetched and checked by apt, not installed.

A private apt root is used: the machine's own apt configuration, package
lists and set of installed packages stay as they are.  Where the archive is
and which key signs it is read from the machine's own sources.
Called by build_qemu.py (QEMU's source, firmware) and by tests/guest.
"""

import glob
import os
import re
import shutil
import subprocess
from pathlib import Path


class DebianError(Exception):
    """A reason, in one sentence, why something cannot be had."""


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


def archive():
    """(URI, Signed-By) of the Debian archive this machine itself uses."""
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
                return uris[0], key
    raise DebianError('no Debian archive in /etc/apt: this needs a Debian '
                      'machine whose apt knows its own archive')


class PrivateApt:
    """An apt of its own for one suite and architecture, under directory."""

    def __init__(self, directory, suite, arch, types='deb'):
        self.root = Path(directory).resolve()
        self.suite = suite
        self.types = types
        self.options = []
        for name, value in (
                ('APT::Architecture', arch),
                ('APT::Architectures::', arch),
                ('APT::Sandbox::User', 'root'),
                ('Acquire::Languages', 'none'),
                ('Dir::State', self.root / 'state'),
                ('Dir::State::status', self.root / 'status'),
                ('Dir::Cache', self.root / 'cache'),
                ('Dir::Etc::sourcelist', self.root / 'archive.sources'),
                ('Dir::Etc::sourceparts', '/dev/null'),
                ('Dir::Etc::preferences', '/dev/null'),
                ('Dir::Etc::preferencesparts', '/dev/null')):
            self.options += ['-o', f'{name}={value}']

    def _run(self, *command, cwd=None):
        result = subprocess.run([command[0], *self.options, *command[1:]],
                                cwd=cwd or self.root, check=False, text=True,
                                stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)
        if result.returncode:
            raise DebianError(f'"{" ".join(command)}" ({self.suite}) failed:'
                              f'\n{result.stdout.strip()}')
        return result.stdout

    def update(self):
        """Fetch the package lists."""
        uri, key = archive()
        for name in ('state/lists/partial', 'cache/archives/partial'):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        (self.root / 'status').touch()
        (self.root / 'archive.sources').write_text(
            f'Types: {self.types}\nURIs: {uri}\nSuites: {self.suite}\n'
            'Components: main\n' + (f'Signed-By: {key}\n' if key else ''),
            encoding='utf-8')
        self._run('apt-get', 'update', '-q', '--error-on=any')

    def dependency(self, package, pattern):
        """The name of the package that package depends on by pattern."""
        shown = self._run('apt-cache', 'show', '--no-all-versions', package)
        match = re.search(rf'^Depends:.*?({pattern})', shown, re.M)
        if not match:
            raise DebianError(f'{package} of {self.suite} depends on nothing '
                              f'that looks like {pattern}')
        return match[1]

    def unpack(self, package, directory):
        """Download package and unpack its files into a new directory."""
        self.unpack_all([package], directory)

    def unpack_all(self, packages, directory):
        """The same with several packages, all in one directory."""
        directory = Path(directory)
        work = self.root / 'download'
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        self._run('apt-get', 'download', '-q', *packages, cwd=work)
        part = directory.with_name(directory.name + '.part')
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for deb in sorted(work.glob('*.deb')):
            subprocess.run(['dpkg-deb', '-x', deb, part], check=True)
        shutil.rmtree(work)
        shutil.rmtree(directory, ignore_errors=True)
        part.rename(directory)

    def source(self, package, pattern):
        """Download a source package; the path of its file by pattern."""
        self._run('apt-get', 'source', '-q', '--download-only', package)
        [path] = self.root.glob(pattern)
        return path
