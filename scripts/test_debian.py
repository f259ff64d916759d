#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of debian.py, on archives made of local files; as TAP.

No test needs a network: an archive is a directory, or a server on the
loopback interface.  Each archive lacks something that its index names, as
Debian's does while an update spreads.  Run by "meson test", suite scripts.
"""

import contextlib
import functools
import hashlib
import http.server
import io
import os
import re
import shutil
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock

import pycotap

import debian

OLD, NEW = '6.12.99-1', '6.12.107-1'


class LocalArchive:
    """An archive below directory, whose packages hold their version."""

    def __init__(self, directory):
        self.directory = directory
        self.suites = {}

    def add(self, suite, package, version, depends=''):
        """Put one more package into suite; the path of its .deb."""
        name = f'{package}_{version.replace(":", "%3a")}_{debian.ARCH}.deb'
        deb = self.directory / 'pool' / name
        control = (f'Package: {package}\nVersion: {version}\n'
                   f'Architecture: {debian.ARCH}\nMaintainer: nobody\n'
                   f'Description: test\n')
        if depends:
            control += f'Depends: {depends}\n'
        with tempfile.TemporaryDirectory() as tree:
            (Path(tree) / 'DEBIAN').mkdir()
            (Path(tree) / 'DEBIAN/control').write_text(control,
                                                       encoding='utf-8')
            (Path(tree) / 'version').write_text(version, encoding='utf-8')
            deb.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(['dpkg-deb', '--root-owner-group', '--build', tree,
                            deb], check=True, stdout=subprocess.DEVNULL)
        contents = deb.read_bytes()
        self.suites.setdefault(suite, []).append(
            f'{control}Filename: pool/{name}\nSize: {len(contents)}\n'
            f'SHA256: {hashlib.sha256(contents).hexdigest()}\n')
        return deb

    def publish(self):
        """Write the indexes."""
        for suite, entries in self.suites.items():
            index = '\n'.join(entries).encode()
            path = f'main/binary-{debian.ARCH}/Packages'
            directory = self.directory / 'dists' / suite
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_bytes(index)
            (directory / 'Release').write_text(
                f'Suite: {suite}\nCodename: {suite}\nComponents: main\n'
                f'Architectures: {debian.ARCH}\nSHA256:\n '
                f'{hashlib.sha256(index).hexdigest()} {len(index)} {path}\n',
                encoding='utf-8')


class FaultyServer(http.server.SimpleHTTPRequestHandler):
    """Serves a directory, but says 503 to the first request for a file."""

    def __init__(self, *arguments, asked, **options):
        self.asked = asked
        super().__init__(*arguments, **options)

    def do_GET(self):
        if self.path not in self.asked:
            self.asked.add(self.path)
            self.send_error(503)
            return
        super().do_GET()

    def log_message(self, *arguments):
        pass


class DebianTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.top = Path(directory.name)
        self.archive = LocalArchive(self.top / 'archive')
        self.uri = f'file:{self.archive.directory}'
        self.wanted = {
            'kernel': debian.Packages((r'linux-image-6\.12\.[^-]+',),
                                      ('first', 'second')),
            'set': debian.Packages(('library', 'headers'), ('first',)),
            'tarball': debian.PoolFile('pool/source.tar',
                                       hashlib.sha256(b'source').hexdigest(),
                                       'set SOURCE'),
        }

    def cache(self):
        return debian.Cache(self.top / 'cache',
                            debian.Archive(self.uri, 'Trusted: yes\n'),
                            self.wanted)

    def files(self, name):
        """(names of files, what was said)."""
        self.archive.publish()
        with contextlib.redirect_stdout(io.StringIO()) as said:
            paths = self.cache().files(name)
        return [path.name for path in paths], said.getvalue()

    def add_kernel(self, suite, version):
        return self.archive.add(suite, f'linux-image-{version[:-2]}', version)

    def assert_kernel(self, version, *words):
        """That kernel is taken, and each of words is said, on one line."""
        names, said = self.files('kernel')
        self.assertEqual(names, [f'linux-image-{version[:-2]}_{version}_'
                                 f'{debian.ARCH}.deb'])
        lines = [line for line in said.splitlines() if 'is taken' in line]
        self.assertEqual(len(lines), 1 if words else 0, said)
        for word in words:
            self.assertIn(word, lines[0])

    def assert_cannot_be_had(self, name, *words):
        with self.assertRaises(debian.DebianError) as caught:
            self.files(name)
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.assertNotIn('\n', str(caught.exception))

    def test_newest_is_taken(self):
        self.add_kernel('first', NEW)
        self.add_kernel('first', OLD)
        self.assert_kernel(NEW)

    def test_newest_of_one_package_is_taken(self):
        for version in ('1', '10', '9'):
            self.archive.add('first', 'library', version)
            self.archive.add('first', 'headers', version)
        self.assertEqual(self.files('set')[0],
                         [f'headers_10_{debian.ARCH}.deb',
                          f'library_10_{debian.ARCH}.deb'])

    def test_index_is_newer_than_pool(self):
        self.add_kernel('first', OLD)
        self.add_kernel('first', NEW).unlink()
        self.assert_kernel(OLD, OLD, f'instead of linux-image-{NEW[:-2]}')

    def test_file_is_cut_short(self):
        self.add_kernel('first', OLD)
        deb = self.add_kernel('first', NEW)
        os.truncate(deb, deb.stat().st_size // 2)
        self.assert_kernel(OLD, 'instead of')

    def test_checksum_is_wrong(self):
        self.add_kernel('first', OLD)
        deb = self.add_kernel('first', NEW)
        deb.write_bytes(deb.read_bytes()[:-1] + b'?')
        self.assert_kernel(OLD, 'instead of')

    def test_pool_has_none_of_the_first_suite(self):
        self.add_kernel('first', NEW).unlink()
        self.add_kernel('second', OLD)
        self.assert_kernel(OLD, '(second) is taken: first: ')

    def test_first_suite_names_none(self):
        self.archive.add('first', 'library', '1')
        self.add_kernel('second', OLD)
        self.assert_kernel(OLD, 'first: its index names no linux-image')

    def test_index_cannot_be_had(self):
        self.add_kernel('second', OLD)
        self.assert_kernel(OLD, '(second) is taken: first: ')

    def test_pool_is_empty(self):
        self.add_kernel('first', NEW).unlink()
        self.add_kernel('second', OLD).unlink()
        self.assert_cannot_be_had('kernel', 'linux-image', 'first: ',
                                  'second: ', 'set VFIO_CCW_CACHE')

    def test_no_index_can_be_had(self):
        self.assert_cannot_be_had('kernel', 'linux-image', 'first: ',
                                  'second: ', 'set VFIO_CCW_CACHE')

    def test_packages_fit_each_other(self):
        for version in ('1', '2'):
            self.archive.add('first', 'library', version)
            self.archive.add('first', 'headers', version,
                             depends=f'other, library (= {version})')
        (self.archive.directory / f'pool/library_2_{debian.ARCH}.deb').unlink()
        names, said = self.files('set')
        self.assertEqual(names, [f'headers_1_{debian.ARCH}.deb',
                                 f'library_1_{debian.ARCH}.deb'])
        self.assertIn('headers 1 (first) is taken instead of headers 2: it '
                      'does not fit', said)

    def test_no_packages_fit_each_other(self):
        self.archive.add('first', 'library', '1')
        self.archive.add('first', 'headers', '2', depends='library (>= 2)')
        self.assert_cannot_be_had('set', 'do not fit each other')

    def test_network_fault_passes(self):
        self.add_kernel('first', OLD)
        self.add_kernel('first', NEW)
        (self.archive.directory / 'pool/source.tar').write_bytes(b'source')
        handler = functools.partial(FaultyServer, asked=set(),
                                    directory=self.archive.directory)
        with http.server.ThreadingHTTPServer(('127.0.0.1', 0),
                                             handler) as server:
            threading.Thread(target=server.serve_forever).start()
            self.uri = f'http://127.0.0.1:{server.server_port}'
            try:
                self.assert_kernel(NEW)
                self.assertEqual(self.files('tarball')[0], ['source.tar'])
            finally:
                server.shutdown()

    def test_fetched_once_is_kept(self):
        self.add_kernel('first', OLD)
        self.assert_kernel(OLD)
        self.add_kernel('first', NEW)
        shutil.rmtree(self.archive.directory)
        self.archive.suites = {}
        self.assert_kernel(OLD)

    def test_damaged_is_fetched_again(self):
        self.add_kernel('first', OLD)
        self.assert_kernel(OLD)
        [deb] = self.cache().files('kernel')
        good = deb.read_bytes()
        os.truncate(deb, 10)
        _, said = self.files('kernel')
        self.assertIn('damaged', said)
        self.assertEqual(deb.read_bytes(), good)

    def test_older_candidates_are_not_kept(self):
        self.add_kernel('first', NEW)
        self.archive.add('first', 'library', '1')
        self.archive.add('first', 'library', '2')
        self.archive.add('first', 'headers', '1', depends='library (= 1)')
        self.assertEqual(self.files('set')[0],
                         [f'headers_1_{debian.ARCH}.deb',
                          f'library_1_{debian.ARCH}.deb'])

    def test_packages_are_unpacked(self):
        self.add_kernel('first', NEW)
        self.archive.publish()
        with contextlib.redirect_stdout(io.StringIO()):
            self.cache().unpack('kernel', self.top / 'unpacked')
        self.assertEqual((self.top / 'unpacked/version').read_text(), NEW)

    def test_file_of_pool(self):
        path = self.archive.directory / 'pool/source.tar'
        self.assert_cannot_be_had('tarball', 'source.tar', 'set SOURCE')
        path.parent.mkdir(parents=True)
        path.write_bytes(b'other')
        self.assert_cannot_be_had('tarball', 'source.tar', 'set SOURCE')
        path.write_bytes(b'source')
        self.assertEqual(self.files('tarball')[0], ['source.tar'])
        [kept] = self.cache().files('tarball')
        path.unlink()
        self.assertEqual(kept.read_bytes(), b'source')

    def test_folder_cannot_be_written(self):
        (self.top / 'cache').touch()
        self.assert_cannot_be_had('kernel', 'set VFIO_CCW_CACHE')

    def test_setup_machine_asks_for_what_is_there(self):
        script = (debian.ROOT / 'scripts/setup_machine.sh').read_text()
        [command] = re.findall(r"python3 -c \\\n\s+'(.*)'", script)
        said = subprocess.run(['/usr/bin/python3', '-c', command],
                              cwd=debian.ROOT / 'scripts', check=True,
                              text=True, stdout=subprocess.PIPE).stdout
        self.assertRegex(said, r'^Types: deb\nURIs: \S+\nSuites: trixie\n'
                         r'Components: main\n')

    def test_folder_is_chosen(self):
        for variables, folder in (
                ({'VFIO_CCW_CACHE': '/some/where'}, '/some/where'),
                ({'VFIO_CCW_CACHE': 'here'}, debian.ROOT / 'here'),
                ({'XDG_CACHE_HOME': '/caches'}, '/caches/vfio-ccw'),
                ({'HOME': '/home/user'}, '/home/user/.cache/vfio-ccw')):
            with mock.patch.dict(os.environ, variables, clear=True):
                self.assertEqual(debian.default_folder(), Path(folder))


if __name__ == '__main__':
    unittest.main(testRunner=pycotap.TAPTestRunner)
