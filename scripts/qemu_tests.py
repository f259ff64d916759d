#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Run one suite of tests in QEMU's build tree; say what came out as TAP.

  unit   this project's tests/unit/test-*.c
  qtest  this project's tests/qtest/*-test.c, on qemu-system-s390x
  kernel some of them with sysfsdev=, on an interposed kernel
  qemu   QEMU's own qtests of qemu-system-s390x

The tests are run by QEMU's own build tree, which knows each one's
environment and time limit.  A test source that the tree does not know is an
error: it would never run.  Run by "meson test"; build_qemu.py asks what has
to be built.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

SUITES = ('unit', 'qtest', 'kernel', 'qemu')
QTEST_SUITE = 'qemu:qtest-s390x'
KERNEL = 'tests/vfio-ccw-kernel/vfio-ccw-kernel.so'
# In these no host closes its connection, which no kernel does.
KERNEL_TESTS = {f'vfio-ccw-{name}-test'
                for name in ('backoff', 'interrupt', 'overtake', 'start')}


class TestsError(Exception):
    """A reason, in one sentence, why the tests cannot be run."""


def _own_names(root, suite):
    if suite == 'kernel':
        return KERNEL_TESTS
    pattern = {'unit': 'unit/test-*.c', 'qtest': 'qtest/*-test.c'}[suite]
    return {path.stem for path in (root / 'tests').glob(pattern)}


def _select(build, root, suite):
    intro = build / 'meson-info' / 'intro-tests.json'
    tests = json.loads(intro.read_text(encoding='utf-8'))
    if suite == 'qemu':
        own = _own_names(root, 'qtest')
        return [test for test in tests if QTEST_SUITE in test['suite']
                and Path(test['name']).name not in own]
    own = _own_names(root, suite)
    chosen = [test for test in tests if Path(test['name']).name in own]
    for name in sorted(own - {Path(test['name']).name for test in chosen}):
        raise TestsError(f'tests/{suite}/{name}.c is not in the list of '
                         "tests of QEMU's build: a meson.build lacks it")
    return chosen


def needed_files(build, root, suite):
    """Paths, relative to build, of all that the suite's tests run."""
    intro = build / 'meson-info' / 'intro-targets.json'
    targets = {target['id']: target for target
               in json.loads(intro.read_text(encoding='utf-8'))}
    needed = {dependency for test in _select(build, root, suite)
              for dependency in test['depends']}
    files = [os.path.relpath(name, build) for dependency in needed
             for name in targets[dependency]['filename']]
    return sorted(files) + ([KERNEL] if suite == 'kernel' else [])


def _cases(result):
    """(name, verdict) of each case of one test of QEMU's build."""
    # "SUITES / NAME"
    test = result['name'].rpartition(' / ')[2]
    cases = []
    pattern = r'^(not ok|ok) \d+ -? ?(\S*)[^#\n]*(# SKIP)?'
    for verdict, case, skip in re.findall(pattern, result.get('stdout', ''),
                                          re.M | re.I):
        verdict = 'skip' if skip else verdict
        cases.append((f'{test} {case}', verdict))
    bad = result['result'] not in ('OK', 'SKIP')
    if not cases or (bad and all(case[1] != 'not ok' for case in cases)):
        verdict = ('not ok' if bad else
                   'skip' if result['result'] == 'SKIP' else 'ok')
        cases.append((f'{test} ({result["result"]})', verdict))
    return cases


def _environment(build, root, suite):
    """What the tests' programs need to know.

    Some of it is for builds with sanitizers, and does not hurt any other.

    Any report ends a program with an error, at once or, of the thread
    sanitizer, in the end; meson sees to the other options.  Who has called
    glib for memory is found by the slow unwinder only; the unit tests, which
    do little else, go without.  An older glib's slices would hide whose
    memory is whose.
    """
    suppressions = root / 'tests' / 'tsan' / 'vfio-ccw.tsan'
    fast = int(suite == 'unit')
    kernel = {'VFIO_CCW_TEST_KERNEL': str(build / KERNEL)}
    return os.environ | (kernel if suite == 'kernel' else {}) | {
        'ASAN_OPTIONS': f'abort_on_error=1:fast_unwind_on_malloc={fast}:'
                        'malloc_context_size=10',
        'TSAN_OPTIONS': f'suppressions={suppressions}',
        'G_SLICE': 'always-malloc',
    }


def _run(build, names, root, suite, patience):
    meson = build / 'pyvenv' / 'bin' / 'meson'
    logbase = f'vfio-ccw-{suite}'
    log = build / 'meson-logs' / f'{logbase}.json'
    log.unlink(missing_ok=True)
    subprocess.run([meson, 'test', '-C', build, '--no-rebuild',
                    '--timeout-multiplier', str(patience), '--logbase',
                    logbase, *names],
                   check=False, stdin=subprocess.DEVNULL,
                   stdout=sys.stderr, env=_environment(build, root, suite))
    if not log.exists():
        raise TestsError("QEMU's build tree ran no tests")
    text = log.read_text(encoding='utf-8')
    return [json.loads(line) for line in text.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('suite', choices=SUITES)
    parser.add_argument('build', type=Path)
    parser.add_argument('--patience', type=int, default=5, metavar='N',
                        help="N times QEMU's time limits (default: 5)")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    root = Path(__file__).resolve().parent.parent

    names = [test['name'] for test in _select(build, root, arguments.suite)]
    if not names:
        print('1..0 # SKIP this project has no tests of this suite')
        return 0
    number, failed = 0, 0
    for result in _run(build, names, root, arguments.suite,
                       arguments.patience):
        cases = _cases(result)
        for name, verdict in cases:
            number += 1
            print('not ok' if verdict == 'not ok' else 'ok', number, '-',
                  name + (' # SKIP' if verdict == 'skip' else ''))
        if any(verdict == 'not ok' for _, verdict in cases):
            failed += 1
            for text in (result.get('stdout'), result.get('stderr')):
                sys.stderr.write(text or '')
    print(f'1..{number}')
    return 1 if failed else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except TestsError as problem:
        sys.exit(f'error: {problem}')
