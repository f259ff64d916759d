#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Mutation of vfio-ccw's state machine: does its unit test notice?

Changes one cell of the table in hw/vfio/ccw-fsm.c at a time, to another kind
of cell, another next state or another action, or leaves out one thing that an
action says is to be done, and runs the unit test with it.  Of the judge's table
in hw/vfio/ccw-judge.c, each rule gets another decision, or is left out.
A mutant that passes the test has survived, and is a hole in the test.  Those
that cannot be told from the original are listed below, with the reason.

Called by "meson compile -C build mutation" once that test is built.
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
JUDGE_TEST = 'test-vfio-ccw-judge'
JUDGE = 'hw/vfio/ccw-judge.c'
RULE = re.compile(r'^\{ [^{}]*?(\w+) \},$', re.M)
DECISIONS = ('DROP READ_SCHIB TAKE TAKE_AS_ALERT TAKE_IF_STILL START_IS_LOST '
             'END_IS_LOST TAKE_THEN_LOST LOST_THEN_TAKE').split()
TIMEOUT = 120
ROW = re.compile(r'^\[VFIO_CCW_(\w+)\] = \{$.*?\},$', re.M | re.S)
CELL = re.compile(r'DO\((\w+), (\w+)\)|\b(BUG|IGNORED|STALE|CC2|CC3)\b')
TODO = re.compile(r'VFIO_CCW_DO_[A-Z_]+')
FUNCTION = re.compile(r'^static \w+ (\w+)\(.*\n\{$', re.M)
SHARED = re.compile(r'^#define (DEVICE_OPEN)\b((?:.*\\\n)+.*)$', re.M)

STATES = ('NOT_OPER STANDBY IDLE START_QUEUED START_SENT START_ACTIVE '
          'HALT_QUEUED HALT_SENT HALT_ACTIVE CLEAR_QUEUED CLEAR_SENT '
          'CLEAR_ACTIVE QUIESCING_HALT QUIESCING_HALT_ACTIVE '
          'QUIESCING_CLEAR QUIESCING_CLEAR_ACTIVE QUIESCING').split()
EVENTS = ('SSCH HSCH CSCH XSCH RSCH TSCH TSCH_PRIMARY '
          'SENT RETRY ACCEPTED FAILED '
          'IRB_PARTIAL IRB_END IRB_HALT IRB_CLEAR IRB_LATE IRB_ALERT '
          'SCHIB CRW REQ GONE RETURNED '
          'OPEN CLOSE EXPIRED QUIESCED RESET').split()
INSTRUCTIONS = EVENTS[:5]
QUIESCING = [state for state in STATES if state.startswith('QUIESCING')]

# Rows and events whose mutants mean the same, so that they are not tried.
EQUIVALENT = [
    (['NOT_OPER', 'STANDBY', *QUIESCING], EVENTS[:6],
     'no instruction gets as far as the table while DNV is off'),
    ([state for state in STATES
      if state != 'START_ACTIVE' and not state.startswith('HALT_')],
     ['IRB_PARTIAL', 'IRB_END'],
     'no start may end, so the judge says that these are stale'),
    (['NOT_OPER', 'STANDBY', *QUIESCING], ['IRB_LATE'],
     'no device end is due to the guest, so the judge says that it is stale'),
    ([state for state in STATES
      if state not in ('START_ACTIVE', 'HALT_ACTIVE',
                       'QUIESCING_HALT_ACTIVE')], ['IRB_HALT'],
     'no halt is awaited, so the judge says that its end is stale'),
    ([state for state in STATES
      if state not in ('CLEAR_ACTIVE', 'QUIESCING_CLEAR_ACTIVE')],
     ['IRB_CLEAR'],
     'no clear is awaited, so the judge says that its end is stale'),
    ([state for state in STATES if state != 'START_ACTIVE'],
     ['TSCH_PRIMARY'],
     'nobody asks there whether the status that TSCH takes is primary'),
]


def mutants_of(row, event, cell):
    """What can stand in a cell's place."""
    action, state, plain = cell.groups()
    if plain in ('CC2', 'CC3'):
        return ['CC3' if plain == 'CC2' else 'CC2', 'IGNORED']
    if plain == 'STALE':
        return ['IGNORED', 'BUG']
    if plain:
        other = 'IGNORED' if plain == 'BUG' else 'BUG'
        return [other, 'CC2'] if event in INSTRUCTIONS else [other]
    leads_to = row if state == 'SAME' else state
    other_state = 'IDLE' if leads_to != 'IDLE' else 'STANDBY'
    other_action = 'tested' if action != 'tested' else 'accepted'
    return ['IGNORED', f'DO({action}, {other_state})',
            f'DO({other_action}, {state})']


def without_shared_cells(text):
    """The same table, but no row shares cells with others."""
    shared = {match[1]: match[2].replace('\\', '')
              for match in SHARED.finditer(text)}
    return ROW.sub(lambda row: re.sub('DEVICE_OPEN',
                                      lambda name: shared[name[0]], row[0]),
                   text)


def mutants_of_cells(text):
    for row in ROW.finditer(text):
        cells = CELL.finditer(text, row.start(), row.end())
        for event, cell in zip(EVENTS, cells, strict=True):
            for new in mutants_of(row[1], event, cell):
                yield (row[1], event, cell[0], new,
                       text[:cell.start()] + new + text[cell.end():])


def mutants_of_actions(text):
    functions = list(FUNCTION.finditer(text))
    for todo in TODO.finditer(text):
        function = [one[1] for one in functions if one.end() < todo.start()][-1]
        yield (function, 'action', todo[0], '0',
               text[:todo.start()] + '0' + text[todo.end():])


def mutants(text):
    """(row, event, what it was, what it is now, whole text)."""
    yield from mutants_of_cells(text)
    yield from mutants_of_actions(text)


def mutants_of_rules(text):
    """The last one fits always, so it cannot be left out."""
    rules = list(RULE.finditer(text))
    for number, rule in enumerate(rules, 1):
        for new in DECISIONS:
            if new != rule[1]:
                yield (f'rule {number}', 'decision', rule[1], new,
                       text[:rule.start(1)] + new + text[rule.end(1):])
        if rule != rules[-1]:
            yield (f'rule {number}', 'rule', rule[1], 'none',
                   text[:rule.start()] + text[rule.end():])


class Workshop:
    """Compiles and links a unit test with another @source."""

    def __init__(self, build, directory, test, source):
        self.build = build
        self.test = test
        self.directory = directory
        database = json.loads((build / 'compile_commands.json').read_text(
            encoding='utf-8'))
        own = [entry for entry in database
               if f'{test}.p/' in entry['output']]
        self.fsm = next(entry for entry in own
                        if entry['file'].endswith(source))
        self.source = build / self.fsm['file']
        link = subprocess.run(['ninja', '-t', 'commands', '-s',
                               f'tests/unit/{test}'], cwd=build, check=True,
                              stdout=subprocess.PIPE, text=True).stdout
        self.link = shlex.split(link)

    def _replace(self, command, changes):
        return [changes.get(word, word) for word in command]

    def _passes(self, program):
        """The first failure is enough: most of the time is saved so."""
        with subprocess.Popen(['timeout', str(TIMEOUT), program],
                              cwd=self.directory, text=True,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as test:
            for line in test.stdout:
                if line.startswith('not ok'):
                    test.terminate()
                    return False
        return test.returncode == 0

    def run(self, name, text):
        """True: the test passes."""
        source = self.directory / f'{name}.c'
        output = self.directory / f'{name}.o'
        program = self.directory / name
        source.write_text(text, encoding='utf-8')
        compiler = self._replace(shlex.split(self.fsm['command']), {
            self.fsm['file']: str(source), self.fsm['output']: str(output),
            '-O2': '-O1', '-g': '-w'})
        linker = self._replace(self.link, {
            self.fsm['output']: str(output),
            f'tests/unit/{self.test}': str(program)})
        try:
            for command in (compiler, linker):
                subprocess.run(command, cwd=self.build, check=True,
                               stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
            return self._passes(program)
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


def is_equivalent(row, event):
    return any(row in rows and event in events
               for rows, events, _ in EQUIVALENT)


def main():
    arguments = parse_arguments()
    survivors = []
    with tempfile.TemporaryDirectory() as directory, \
            ThreadPoolExecutor(arguments.jobs) as pool:
        build = arguments.build.resolve()
        workshop = Workshop(build, Path(directory), TEST, SOURCE)
        judge = Workshop(build, Path(directory), JUDGE_TEST, JUDGE)
        text = without_shared_cells(
            workshop.source.read_text(encoding='utf-8'))
        rules = judge.source.read_text(encoding='utf-8')
        if not workshop.run('original', text):
            sys.exit(f'error: {TEST} fails without any mutation')
        if not judge.run('rules', rules):
            sys.exit(f'error: {JUDGE_TEST} fails without any mutation')
        everything = [(workshop, *mutant) for mutant in mutants(text)]
        everything += [(judge, *mutant) for mutant in mutants_of_rules(rules)]
        jobs = [(f'{row}, {event}: {old} -> {new}',
                 pool.submit(shop.run, f'mutant{index}', mutant))
                for index, (shop, row, event, old, new, mutant)
                in enumerate(everything) if not is_equivalent(row, event)]
        for done, (name, job) in enumerate(jobs, 1):
            if job.result():
                survivors.append(name)
                print(f'survived: {name}', flush=True)
            show_progress(done, len(jobs), survivors)
    for rows, events, reason in EQUIVALENT:
        print(f'not tried: {" ".join(events)} in {" ".join(rows)}: {reason}')
    print(f'{"FAIL" if survivors else "PASS"}: '
          f'{len(jobs) - len(survivors)} of {len(jobs)} mutants killed, '
          f'{len(everything) - len(jobs)} mean the same')
    return 1 if survivors else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as problem:
        sys.exit(f'error: {problem}\n{problem.stderr}')
