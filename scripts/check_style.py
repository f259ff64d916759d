#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Style of this project's files: checkpatch, licence, maintainers; as TAP.

Every source file passes QEMU's scripts/checkpatch.pl and says its licence;
every patch changes QEMU in checkpatch's style too; and every file is covered
by MAINTAINERS.  Run by "meson test", suite style.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path, PurePath

ROOT = Path(__file__).resolve().parent.parent
TAG = 'SPDX-License-Identifier:'
LICENCE = 'GPL-2.0-or-later'
TOPS = ('hw', 'include', 'tests', 'docs', 'patches', 'scripts', '.ci')
CHECKED = ('.c', '.h', '.py', '.sh', '.S')
UNLICENSED = ('COPYING', 'MAINTAINERS', 'README.md')
# checkpatch looks at patches as mails; these notes are about mails only.
NOT_FOR_PATCHES = re.compile(r'MAINTAINERS need|Missing Signed-off-by')


def own_files():
    files = [path for path in ROOT.iterdir()
             if path.is_file() and path.name != '.git']
    for top in TOPS:
        files += [path for path in (ROOT / top).rglob('*') if path.is_file()
                  and '__pycache__' not in path.parts]
    return sorted(files)


def maintained_patterns():
    text = (ROOT / 'MAINTAINERS').read_text(encoding='utf-8')
    return re.findall(r'^F: *\t*(\S+)', text, re.M)


def is_maintained(name, patterns):
    # A "*" stops at a slash; a pattern with "/" at its end goes below it.
    return any(name.startswith(pattern) if pattern.endswith('/')
               else PurePath(f'/{name}').match(f'/{pattern}')
               for pattern in patterns)


def says_licence(path):
    with path.open(encoding='utf-8', errors='replace') as file:
        head = ''.join(line for _, line in zip(range(40), file))
    return f'{TAG} {LICENCE}' in head


def checkpatch(source, path):
    """What checkpatch has against path, or an empty string."""
    # Its rules for tests know them by a name that starts with "tests/".
    path = path.relative_to(ROOT)
    command = ['perl', source / 'scripts/checkpatch.pl', '--no-tree',
               '--terse', '--no-summary']
    patch = path.suffix == '.patch'
    command += ['--no-signoff', path] if patch else ['-f', path]
    said = subprocess.run(command, cwd=ROOT, check=False, text=True,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT).stdout
    return '\n'.join(line for line in said.splitlines() if line.strip()
                     and not (patch and NOT_FOR_PATCHES.search(line)))


def faults(path, source, patterns):
    name = os.path.relpath(path, ROOT)
    if not is_maintained(name, patterns):
        yield 'no F: line of MAINTAINERS covers it'
    if path.suffix == '.patch':
        yield checkpatch(source, path)
        return
    if name not in UNLICENSED and not says_licence(path):
        yield f'no line that gives the licence {LICENCE}'
    if path.suffix in CHECKED:
        yield checkpatch(source, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('source', type=Path, help="QEMU's source")
    source = parser.parse_args().source.resolve()

    patterns = maintained_patterns()
    files = own_files()
    failed = 0
    print(f'1..{len(files)}')
    for number, path in enumerate(files, 1):
        found = [fault for fault in faults(path, source, patterns) if fault]
        failed += bool(found)
        print('not ok' if found else 'ok', number, '-',
              os.path.relpath(path, ROOT))
        # What meson shows of a failed test is what it said here.
        for fault in found:
            print(f'{os.path.relpath(path, ROOT)}: {fault}', file=sys.stderr)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
