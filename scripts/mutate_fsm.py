#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Mutation of vfio-ccw's state machine: does its unit test notice?

Changes one cell of the table in hw/vfio/ccw-fsm.c at a time, to another kind
of cell, another next state or another action, and runs the unit test with it.
A mutant that the test passes has survived: it is a hole in the test, unless
it means the same, for a reason listed below.  Called by "meson compile -C
build mutation", from its build directory, once that test is built.
"""

import argparse
import json
import re
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TEST = 'test-vfio-ccw-fsm'
SOURCE = 'hw/vfio/ccw-fsm.c'
TIMEOUT = 120
ROW = re.compile(r'^\[VFIO_CCW_(\w+)\] = \{$.*?\},$', re.M | re.S)
CELL = re.compile(r'DO\((\w+), (\w+)\)|\b(BUG|IGNORED|STALE|CC2|CC3)\b')
SHARED = re.compile(r'^#define (DEVICE_OPEN|QEMU_OPEN)\b((?:.*\\\n)+.*)$', re.M)

EVENTS = ('SSCH HSCH CSCH XSCH RSCH TSCH TSCH_PRIMARY '
          'SENT RETRY ACCEPTED FAILED '
          'IRB_PARTIAL IRB_END IRB_HALT IRB_CLEAR IRB_LATE IRB_ALERT '
          'SCHIB CRW REQ GONE RETURNED OPEN CLOSE QUIESCED RESET').split()

# Row, events: why a mutant of these cells means the same as the original.
EQUIVALENT = []


def mutants_of(cell):
    """What can stand in a cell's place."""
    action, state, plain = cell.groups()
    if plain in ('CC2', 'CC3'):
        return ['CC3' if plain == 'CC2' else 'CC2', 'IGNORED']
    if plain:
        others = {'BUG': 'IGNORED', 'IGNORED': 'BUG', 'STALE': 'BUG'}
        return [others[plain], 'CC2']
    other_state = 'IDLE' if state != 'IDLE' else 'STANDBY'
    other_action = 'tested' if action != 'tested' else 'accepted'
    return ['IGNORED', f'DO({action}, {other_state})',
            f'DO({other_action}, {state})']


def without_shared_cells(text):
    """The same table, but no row shares cells with others."""
    shared = {match[1]: match[2].replace('\\', '')
              for match in SHARED.finditer(text)}
    return ROW.sub(lambda row: re.sub('DEVICE_OPEN|QEMU_OPEN',
                                      lambda name: shared[name[0]], row[0]),
                   text)


def mutants(text):
    """(row, event, what the cell was, what it is now, whole text)."""
    for row in ROW.finditer(text):
        cells = CELL.finditer(text, row.start(), row.end())
        for event, cell in zip(EVENTS, cells, strict=True):
            for new in mutants_of(cell):
                yield (row[1], event, cell[0], new,
                       text[:cell.start()] + new + text[cell.end():])


class Workshop:
    """Compiles and links the unit test with another ccw-fsm.c."""

    def __init__(self, build, directory):
        self.build = build
        self.directory = directory
        database = json.loads((build / 'compile_commands.json').read_text(
            encoding='utf-8'))
        own = [entry for entry in database
               if f'{TEST}.p/' in entry['output']]
        self.fsm = next(entry for entry in own
                        if entry['file'].endswith(SOURCE))
        self.source = build / self.fsm['file']
        link = subprocess.run(['ninja', '-t', 'commands', '-s',
                               f'tests/unit/{TEST}'], cwd=build, check=True,
                              stdout=subprocess.PIPE, text=True).stdout
        self.link = shlex.split(link)

    def _replace(self, command, changes):
        return [changes.get(word, word) for word in command]

    def run(self, name, text):
        """True: the test passes."""
        source = self.directory / f'{name}.c'
        output = self.directory / f'{name}.o'
        program = self.directory / name
        source.write_text(text, encoding='utf-8')
        compiler = self._replace(shlex.split(self.fsm['command']), {
            self.fsm['file']: str(source), self.fsm['output']: str(output),
            '-O2': '-O0', '-g': '-w'})
        linker = self._replace(self.link, {
            self.fsm['output']: str(output), f'tests/unit/{TEST}':
            str(program)})
        try:
            for command in (compiler, linker):
                subprocess.run(command, cwd=self.build, check=True,
                               stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
            return subprocess.run([program], cwd=self.directory,
                                  stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL,
                                  timeout=TIMEOUT, check=False
                                  ).returncode == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            for path in (source, output, program):
                path.unlink(missing_ok=True)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('build', type=Path, help="QEMU's build directory")
    parser.add_argument('--jobs', type=int, default=2)
    return parser.parse_args()


def show_progress(done, total, survivors):
    if done % 50 == 0 or done == total:
        print(f'{done} of {total} mutants, {len(survivors)} survived',
              flush=True)


def main():
    arguments = parse_arguments()
    survivors, total, done = [], 0, 0
    with tempfile.TemporaryDirectory() as directory, \
            ThreadPoolExecutor(arguments.jobs) as pool:
        workshop = Workshop(arguments.build.resolve(), Path(directory))
        text = without_shared_cells(
            workshop.source.read_text(encoding='utf-8'))
        if not workshop.run('original', text):
            sys.exit(f'error: {TEST} fails without any mutation')
        jobs = [(row, event, old, new, pool.submit(workshop.run,
                                                    f'mutant{index}', mutant))
                for index, (row, event, old, new, mutant)
                in enumerate(mutants(text))]
        total = len(jobs)
        for done, (row, event, old, new, job) in enumerate(jobs, 1):
            if job.result():
                survivors.append((row, event, old, new))
                print(f'SURVIVED: {row}, {event}: {old} -> {new}',
                      flush=True)
            show_progress(done, total, survivors)
    return verdict(survivors, total)


def reason_for(row, event):
    for rows, events, reason in EQUIVALENT:
        if row in rows and event in events:
            return reason
    return None


def verdict(survivors, total):
    """Prints the outcome; 1 if a survivor has no reason to."""
    unexplained = 0
    for row, event, old, new in survivors:
        reason = reason_for(row, event)
        unexplained += reason is None
        print(f'{row}, {event}: {old} -> {new}: '
              f'{reason or "no reason known"}')
    killed = total - len(survivors)
    print(f'{"FAIL" if unexplained else "PASS"}: {killed} of {total} mutants '
          f'killed, {len(survivors) - unexplained} mean the same, '
          f'{unexplained} survived')
    return 1 if unexplained else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as problem:
        sys.exit(f'error: {problem}\n{problem.stderr}')
