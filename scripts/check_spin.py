#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Check docs/spin/vfio-ccw.promela with spin, exhaustively; as TAP.

The model keeps what it promises the guest, whatever a guest, a host and a
device do in the bounds that are given; and with any one of its rules left out
it does not, which shows that each is needed.  Run by "meson test", suite model;
with names of rules as arguments only these are left out, one at a time, and
each error trail is explained on stderr.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
MODEL = TOP / 'docs/spin/vfio-ccw.promela'
MACHINE = TOP / 'hw/vfio/ccw-fsm.h'

# How much of everything there is, named by the worst of it.
BOUNDS = {
    'two starts': {'STARTS': 2},
    'an alert': {'STARTS': 2, 'ALERTS': 1},
    'late device end': {'STARTS': 2, 'DEVICE_ENDS': 1},
    'an alert and late device end': {'STARTS': 1, 'ALERTS': 1,
                                     'DEVICE_ENDS': 1},
    'the loss of the device': {'STARTS': 2, 'LOSSES': 1},
    'its return': {'STARTS': 2, 'LOSSES': 1, 'RETURNS': 1},
    'its return and late device end': {'STARTS': 2, 'HALTS': 0, 'CLEARS': 0,
                                       'ALERTS': 1, 'LOSSES': 1, 'RETURNS': 1,
                                       'DEVICE_ENDS': 1},
    'a reset': {'STARTS': 2, 'RESETS': 1},
    'a reset and late device end': {'STARTS': 2, 'HALTS': 0, 'CLEARS': 0,
                                    'ALERTS': 1, 'RESETS': 1,
                                    'DEVICE_ENDS': 1},
    'a reset after its return': {'STARTS': 2, 'HALTS': 0, 'LOSSES': 1,
                                 'RETURNS': 1, 'RESETS': 1},
    'its unplug': {'STARTS': 2, 'CLEARS': 0, 'CLOSES': 1},
    'its unplug, halted and cleared': {'STARTS': 1, 'CLOSES': 1},
    'an alert and its unplug': {'STARTS': 1, 'HALTS': 0, 'CLEARS': 0,
                                'ALERTS': 1, 'CLOSES': 1},
    'its unplug, stuck': {'STARTS': 1, 'CLEARS': 0, 'CLOSES': 1, 'STUCK': 1},
    'its unplug, failing': {'STARTS': 1, 'HALTS': 0, 'CLOSES': 1,
                            'FAILURES': 2},
    'its unplug, lost': {'STARTS': 1, 'HALTS': 0, 'CLEARS': 0, 'LOSSES': 1,
                         'RETURNS': 1, 'CLOSES': 1},
    'a reset and its unplug': {'STARTS': 1, 'HALTS': 0, 'CLEARS': 0,
                               'RESETS': 1, 'CLOSES': 1},
}
LEAST = {'HALTS': 1, 'CLEARS': 1, 'ALERTS': 0, 'DEVICE_ENDS': 0, 'LOSSES': 0,
         'RETURNS': 0, 'RESETS': 0, 'CLOSES': 0, 'FAILURES': 0, 'STUCK': 0}

# A rule, the bounds in which it is needed, the promise that breaks without it.
RULES = {
    'READ_ALONE': ('two starts', 'never_stuck'),
    'START_AFTER_IRB': ('two starts', 'no_stale_end'),
    'REPLACE_QUEUED': ('two starts', 'ended_for_good'),
    'CANCEL_QUEUED_ONLY': ('two starts', 'cancelled_for_good'),
    'FAILURE_IS_STATUS': ('late device end', 'exactly_one_end'),
    'PRIMARY_IS_THE_END': ('late device end', 'exactly_one_end'),
    'KICK_ON_RETURN': ('two starts', 'never_stuck'),
    'RETRY_NEWEST_ONLY': ('two starts', 'never_stuck'),
    'ANSWER_BY_NUMBER': ('two starts', 'table_complete'),
    'AT_HOST': ('late device end', 'no_stale_end'),
    'REFUSED_IS_NOT_AT_HOST': ('an alert', 'no_stale_end'),
    'FUNCTION_MATCH': ('two starts', 'never_stuck'),
    'OVERTAKE_TWICE': ('two starts', 'ended_for_good'),
    'CHECK_SAME_IRB': ('two starts', 'no_stale_end'),
    'CHECK_DEVICE_END': ('late device end', 'no_stale_end'),
    'LOST': ('an alert', 'never_stuck'),
    'UNSTICK': ('an alert', 'never_refused'),
    'READ_AGAIN': ('two starts', 'no_stale_end'),
    'PROMPT_HOST': ('two starts', 'no_stale_end'),
    'RESET_ON_RETURN': ('its return', 'ended_for_good'),
    'RESET_FIRST': ('its return', 'never_stuck'),
    'ALL_RETURNED': ('its return', 'ended_for_good'),
    'CHECK_SIGNAL_END': ('two starts', 'ended_for_good'),
    'OVERTAKEN_IRB': ('its unplug, halted and cleared', 'no_stale_end'),
    'LIFE': ('a reset', 'ended_for_good'),
    'FORGET_ON_CLOSE': ('its unplug', 'silence'),
    'QUIET': ('an alert and its unplug', 'silence'),
    'REOPEN_STOP': ('its unplug, lost', 'silence'),
    'HEEDED': ('its unplug', 'ended_for_good'),
    'EXPIRED': ('its unplug, stuck', 'never_stuck'),
    'CUT': ('its unplug, stuck', 'never_stuck'),
    'DRAIN': ('its unplug', 'nothing_left'),
}

DEPTH = 10000
MEMORY_MB = 2000
JOBS = 2


class Broken(Exception):
    """The tools do not do what they should; says what they said."""


def run(command, where):
    done = subprocess.run(command, cwd=where, check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise Broken(done.stdout)
    return done.stdout


def same_names():
    """Each state and event of the machine, and no other, is in the model."""
    machine = MACHINE.read_text(encoding='utf-8')
    model = MODEL.read_text(encoding='utf-8')
    known = {kind: set(re.findall(r'^ {4}VFIO_CCW_(?:EV_)?(\w+?),', body, re.M))
             for body, kind in re.findall(
                 r'typedef enum \w+ \{(.*?)\} VFIOCCW(State|Event);', machine,
                 re.S)}
    states = re.search(r'mtype:fsm_state = \{(.*?)\}', model, re.S)[1]
    table = re.search(r"events, and what stands for them:(.*?)^ \*$", model,
                      re.S | re.M)[1]
    events = ' '.join(re.findall(r'^ \* {3}([A-Z_ ]+?) {2}', table, re.M))
    wrong = sorted(known['State'] ^ set(re.findall(r'\w+', states)) |
                   known['Event'] ^ set(events.split()))
    return not wrong, f'not in both: {" ".join(wrong) or "nothing"}'


def macros_of(bounds, without):
    values = {**LEAST, **BOUNDS[bounds]}
    macros = [f'-D{name}={value}' for name, value in values.items()]
    if without:
        macros += [f'-DWITHOUT_{without}', f'-DPROMISE={RULES[without][1]}']
    return macros


def verify(where, bounds, without=None, endless=False):
    """(the promise that is broken or None, the number of states)."""
    run(['spin', '-a', *macros_of(bounds, without), MODEL], where)
    # A search that ends early is not worth an optimizing compiler's time.
    run(['gcc', '-O0' if without else '-O2', '-w', f'-DMEMLIM={MEMORY_MB}',
         '-DNP' if endless else '-DSAFETY', '-o', 'pan', 'pan.c'], where)
    said = run(['./pan', f'-m{DEPTH}', '-w24', *(['-l'] if endless else [])],
               where)
    errors = re.search(r'errors: (\d+)', said)
    states = re.search(r'(\d+) states, stored', said)
    if not errors or not states:
        raise Broken(said)
    if errors.group(1) != '0':
        promise = re.search(r'assertion violated .*(?:&&|\|\|\()(\w+)\b', said)
        return promise.group(1) if promise else said, int(states.group(1))
    if re.search('max search depth too small|Search not completed', said):
        raise Broken(said)
    return None, int(states.group(1))


def explain(where, bounds, without):
    trail = where / f'{MODEL.name}.trail'
    sys.stderr.write(run(['spin', '-t', '-p', '-g', '-k', trail,
                          *macros_of(bounds, without), MODEL], where))


def cases(only):
    """Yields (title, arguments of verify, the promise that is to break)."""
    if not only:
        for bounds in list(BOUNDS)[1:]:
            yield f'all promises are kept, with {bounds}', (bounds,), None
        yield ('nothing goes on for ever, with the loss of the device',
               ('the loss of the device', None, True), None)
    for rule in only or RULES:
        bounds, promise = RULES[rule]
        yield (f'without {rule} {promise} breaks, with {bounds}',
               (bounds, rule), promise)


def check(arguments, expected, explained):
    """(whether it is as expected, what to say of it)."""
    with tempfile.TemporaryDirectory(prefix='spin-') as where:
        try:
            promise, states = verify(where, *arguments)
            if promise and explained:
                explain(Path(where), *arguments)
        except Broken as broken:
            return False, str(broken)
    result = f'{promise} is broken' if promise else 'nothing is broken'
    return promise == expected, f'{states} states, {result}'


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('rule', nargs='*', choices=[[], *RULES],
                        help='leave only this out, and show what happens')
    rules = parser.parse_args().rule

    if not shutil.which('spin'):
        print('Bail out! spin is not installed (Debian: package spin)')
        return 1
    todo = list(cases(rules))
    good, comment = same_names()
    failed = int(not good)
    print(f'1..{len(todo) + 1}')
    print('ok' if good else 'not ok', 1, '-', 'the model is of this machine')
    print(f'# {comment}')
    with ThreadPoolExecutor(JOBS) as pool:
        results = pool.map(lambda case: check(*case[1:], bool(rules)), todo)
        for number, (case, result) in enumerate(zip(todo, results), 2):
            good, comment = result
            failed += not good
            print('ok' if good else 'not ok', number, '-', case[0])
            for line in comment.splitlines():
                print(f'# {line}')
            sys.stdout.flush()
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
