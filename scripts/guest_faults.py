#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A Linux guest does disk I/O through vfio-ccw on a host that misbehaves.

Starts the emulated host driver with a fault, boots Debian's s390x kernel on
it, lets the guest use its DASD (tests/guest/faults), and checks that every
request has ended, that the data is right in the guest and in the image, that
the guest's DASD driver said what it has to say of this fault, and that the
fault has struck.  Run by "meson test", suite guest, once for each case.
"""

import signal
import sys
from dataclasses import dataclass, field

import dasd_guest
from dasd_guest import CaseError

IMAGE_SIZE = 16 << 20
GUEST_LIMIT = 600


@dataclass
class Case:
    """One way to be served badly, and what is to come of it."""
    outcome: str
    fault: str
    parameters: dict
    # What the guest's script says beside what it always says
    says: dict = field(default_factory=dict)
    # What its kernel says, and nothing else
    messages: list = field(default_factory=list)
    # What the host sees: how often at least, and what never
    struck: dict = field(default_factory=dict)
    never: list = field(default_factory=list)


# What the guest's kernel always says
USUAL = ['New FBA DASD', r'dasda:\(nonl\) dasda1',
         r'EXT4-fs \(dasda\): (mounted|unmounting) filesystem']
TIMED_OUT = r'CQR timed out \(1s\), 31 retries remaining'
NO_PATH = 'No operational channel path is left'
PATH_AGAIN = 'A channel path to the device has become operational'
CASES = {
    'slow': Case('waits for as long as it takes', 'slow',
                 {'mebibytes': 2}, never=['refused', 'clears']),
    'busy': Case('goes on as if nothing had been', 'busy',
                 {'mebibytes': 4}, struck={'refused': 50}, never=['clears']),
    'again': Case('repeats what it is told to repeat', 'again',
                  {'mebibytes': 4}, struck={'refused': 40}, never=['clears']),
    'again-expired': Case('clears what the host does not accept', 'again',
                          {'mebibytes': 4, 'expires': 1},
                          messages=[TIMED_OUT],
                          struck={'refused': 40, 'clears': 2}),
    'path-glitch': Case('verifies its path and goes on', 'path-glitch',
                        {'mebibytes': 4}, struck={'refused': 4},
                        never=['clears']),
    'no-path': Case('waits for its path', 'no-path',
                    {'mebibytes': 4, 'scene': 'path-lost'},
                    says={'availability': 'no path'},
                    messages=[NO_PATH, PATH_AGAIN],
                    struck={'refused': 1}, never=['clears']),
    'path-off-on': Case('hears of its path, and its requests wait for it',
                        'path-off-on',
                        {'mebibytes': 4, 'scene': 'path-off-on'},
                        says={'availability': 'no path'},
                        messages=[NO_PATH, PATH_AGAIN],
                        never=['refused', 'clears']),
    'reboot': Case('boots again and finds what it wrote', 'slow',
                   {'mebibytes': 2, 'scene': 'reboot'},
                   says={'boots': 'again'}, never=['refused']),
    'lost-starts': Case('clears and repeats what does not end', 'lost-starts',
                        {'mebibytes': 4, 'expires': 1},
                        messages=[TIMED_OUT], struck={'clears': 5}),
    'lost-varied': Case('cancels, halts and clears what does not end',
                        'lost-starts',
                        {'mebibytes': 1, 'expires': 1,
                         'scene': 'path-varied'},
                        says={'failed-reads': '0', 'availability': 'no path'},
                        messages=[TIMED_OUT, NO_PATH, PATH_AGAIN],
                        struck={'halts': 1, 'clears': 3}),
    'lost-failed': Case('clears what does not end, and reports an error',
                        'lost-starts',
                        {'mebibytes': 1, 'expires': 1, 'scene': 'reads-fail'},
                        says={'failed-reads': '1'},
                        messages=[TIMED_OUT, 'A timeout error occurred',
                                  'timeout error, dev dasda'],
                        struck={'clears': 2}),
}
# What the guest's script asks of the host
SIGNALS = {'lose-path': signal.SIGUSR1, 'regain-path': signal.SIGUSR2}


def show(name, value):
    print(f'   {name:<14}{value}', flush=True)


def run_guest(guest, host):
    seen, messages = {}, []
    for name, value in guest.messages(GUEST_LIMIT):
        show(name, value)
        if name == 'message':
            messages.append(value)
        elif name in SIGNALS:
            host.signal(SIGNALS[name])
        else:
            seen[name] = value
    return seen, messages


def run_case(build, case, work):
    with dasd_guest.dasd_guest(build, work, 'faults', IMAGE_SIZE,
                               '--fault', case.fault) as (guest, host):
        guest.parameters += [f'{name}={value}'
                             for name, value in case.parameters.items()]
        guest.reboots = 'boots' in case.says
        seen, messages = run_guest(guest, host)
    show('host', ', '.join(f'{count} {name}'
                           for name, count in host.seen.items()))
    check_data(seen, dasd_guest.checksum_in_image(work))
    check_guest(case, seen, messages)
    check_host(case, host.seen)


def check_data(seen, in_image):
    if not seen['written'] == seen['read-back'] == in_image:
        raise CaseError('the checksums of the guest and of the image differ')


def check_guest(case, seen, messages):
    if seen['in-flight'].split() != ['0', '0']:
        raise CaseError('not every request of the guest has ended')
    for name, value in case.says.items():
        if seen[name] != value:
            raise CaseError(f"the guest's {name} is '{seen[name]}', "
                            f"not '{value}'")
    dasd_guest.check_kernel_said(messages, case.messages, USUAL)


def check_host(case, seen):
    for name, least in case.struck.items():
        if seen[name] < least:
            raise CaseError(f'the host saw {seen[name]} {name}, not {least} '
                            'or more: the fault did not strike')
    for name in case.never:
        if seen[name]:
            raise CaseError(f'the host saw {seen[name]} {name}, not 0')


if __name__ == '__main__':
    sys.exit(dasd_guest.main(__doc__.splitlines()[0], 'faults', CASES,
                             run_case, 'its data is right'))
