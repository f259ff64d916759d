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
ROW = re.compile(r'^\[VFIO_CCW_(\w+)\] = \{$.*?^    QEMU.*?\},$', re.M | re.S)
CELL = re.compile(r'DO\((\w+), (\w+)\)|\b(BUG|IGNORED|STALE|CC2|CC3)\b')
SHARED = re.compile(r'^#define (DEVICE_OPEN|QEMU_OPEN)(?:.*\\\n)+.*$', re.M)

# (row, mutation): why the mutant means the same as the original.
EQUIVALENT = {}


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


def mutants(text):
    """(row, cell's number, what it was, what it is now, whole text)."""
    for row in [*SHARED.finditer(text), *ROW.finditer(text)]:
        cells = CELL.finditer(text, row.start(), row.end())
        for number, cell in enumerate(cells):
            for new in mutants_of(cell):
                yield (row[1], number, cell[0], new,
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
            '-O2': '-O1', '-g': '-g0'})
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
