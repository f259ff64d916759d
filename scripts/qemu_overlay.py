# SPDX-License-Identifier: GPL-2.0-or-later
"""This project laid over a QEMU source tree.

hw/ include/ tests/ docs/ are laid over the tree by one symbolic link a file,
patches/*.patch are applied to files that QEMU has.  Laying is repeatable: a
file whose result is what the tree already holds is not written, so that its
time, and what was built from it, stay good.  The original of every file that
is linked over or patched is kept beside the tree, and comes back when the
link or the patch goes.  Called by build_qemu.py.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

LAID_DIRECTORIES = ('hw', 'include', 'tests', 'docs')
IGNORED_NAMES = re.compile(r'^\.|~$|\.(o|pyc|orig|rej)$')


class OverlayError(Exception):
    """A reason, for the user to read, why the overlay cannot be laid."""


def own_files(root):
    """Paths, relative to root, of the files that are laid over QEMU's."""
    files = []
    for top in LAID_DIRECTORIES:
        for where, directories, names in os.walk(root / top):
            directories[:] = [name for name in directories
                              if name != '__pycache__']
            files += [str(Path(where, name).relative_to(root))
                      for name in names if not IGNORED_NAMES.search(name)]
    return sorted(files)


def _patched_files(patch):
    pairs = re.findall(r'^--- (\S+).*\n\+\+\+ (\S+)',
                       patch.read_text(encoding='utf-8'), re.M)
    files = {name[2:] for pair in pairs for name in pair
             if name != '/dev/null'}
    if not files:
        raise OverlayError(f'patches/{patch.name} changes no file: it needs '
                           'lines "--- a/FILE" and "+++ b/FILE"')
    return files


class Overlay:
    """The state of one tree: root laid over src, kept in directory."""

    def __init__(self, root, src, directory):
        self.root = Path(root)
        self.src = Path(src)
        self.originals = Path(directory) / 'originals'
        self.record = Path(directory) / 'overlay.json'
        # path -> whether QEMU has a file there
        self.known = {}
        if self.record.exists():
            self.known = json.loads(self.record.read_text(encoding='utf-8'))

    def lay(self):
        """Make the tree what root says it is."""
        links = set(own_files(self.root))
        patches = sorted((self.root / 'patches').glob('*.patch'))
        patched = set()
        for patch in patches:
            files = _patched_files(patch)
            for path in sorted(files & links):
                raise OverlayError(f'patches/{patch.name} changes {path}, '
                                   'which this project replaces as a whole')
            patched |= files

        self._keep_originals(links | patched)
        with tempfile.TemporaryDirectory(dir=self.record.parent) as scratch:
            scratch = Path(scratch)
            self._apply(patches, patched, scratch)
            for path in list(self.known):
                if path in links:
                    self._put_link(path)
                elif path in patched:
                    self._put_file(path, scratch / path)
                else:
                    self._put_file(path, self.originals / path)
                    (self.originals / path).unlink(missing_ok=True)
                    del self.known[path]
        self._write_record()

    def _write_record(self):
        part = self.record.with_suffix('.part')
        part.write_text(json.dumps(self.known, indent=0), encoding='utf-8')
        part.rename(self.record)

    def _keep_originals(self, paths):
        new = sorted(paths - self.known.keys())
        for path in new:
            self.known[path] = (self.src / path).is_file()
            if self.known[path]:
                kept = self.originals / path
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(self.src / path, kept)
        if new:
            self._write_record()

    def _apply(self, patches, patched, scratch):
        for path in patched:
            if self.known[path]:
                (scratch / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(self.originals / path, scratch / path)
        for patch in patches:
            result = subprocess.run(
                ['patch', '-p1', '--fuzz=0', '--batch', '--forward',
                 '--no-backup-if-mismatch', '--reject-file=-', '-i', patch],
                cwd=scratch, check=False, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if result.returncode:
                version = (self.src / 'VERSION').read_text(encoding='utf-8')
                raise OverlayError(
                    f'patches/{patch.name} does not apply to QEMU '
                    f'{version.strip()} (after the patches before it):\n'
                    f'{result.stdout.strip()}')

    def _put_link(self, path):
        target, link = self.root / path, self.src / path
        if link.is_symlink() and os.readlink(link) == str(target):
            return
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        # What was built from the file that was here must look out of date.
        os.utime(target)

    def _put_file(self, path, wanted):
        there = self.src / path
        if not wanted.exists():
            there.unlink(missing_ok=True)
            self._remove_empty(there.parent)
            return
        if (there.is_file() and not there.is_symlink()
                and there.read_bytes() == wanted.read_bytes()):
            return
        there.unlink(missing_ok=True)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(wanted, there)

    def _remove_empty(self, directory):
        while directory != self.src and directory.is_dir():
            if any(directory.iterdir()):
                return
            directory.rmdir()
            directory = directory.parent
