#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Count the cases of a "meson test" run: "N passed, N failed, N skipped".

Called by steps.sh with meson's testlog.json.  A test that speaks TAP counts
as its cases, any other as one.  What failed is named, and so is what
a sanitizer has found, which a failing test says somewhere.  Ends with status
1 if anything failed, or if nothing passed.
"""

import json
import re
import sys
from collections import Counter
from pathlib import Path

OUTCOMES = {'OK': 'passed', 'EXPECTEDFAIL': 'passed', 'SKIP': 'skipped'}


def count(result):
    """(the outcomes of one test, the names of its failed cases)."""
    outcomes, failed = Counter(), []
    pattern = r'^(not )?ok \d+ - ([^#\n]*)(# SKIP)?'
    for bad, name, skip in re.findall(pattern, result.get('stdout', ''),
                                      re.M):
        outcomes['failed' if bad else 'skipped' if skip else 'passed'] += 1
        if bad:
            failed.append(name.strip())
    outcome = OUTCOMES.get(result['result'], 'failed')
    if not outcomes or (outcome == 'failed' and not failed):
        outcomes[outcome] += 1
        if outcome == 'failed':
            failed.append(f'{result["name"]} ({result["result"]})')
    return outcomes, failed


def findings(result):
    """What sanitizers have reported, each once: a line of each report."""
    said = result.get('stdout', '') + result.get('stderr', '')
    return sorted(set(re.findall(r'^SUMMARY: (\w+Sanitizer: .*)', said,
                                 re.M)))


def main():
    total, all_failed, found = Counter(), [], []
    log = Path(sys.argv[1]).read_text(encoding='utf-8')
    for line in log.splitlines():
        result = json.loads(line)
        outcomes, failed = count(result)
        total += outcomes
        all_failed += failed
        found += findings(result)
        name = result['name'].rpartition(' / ')[2]
        print(f'   {name:<14}' + ''.join(
            f'{outcomes[kind]:>6} {kind}'
            for kind in ('passed', 'failed', 'skipped')))
    for name in all_failed:
        print(f'   failed: {name}')
    for finding in found:
        print(f'   {finding}')
    print(f'{total["passed"]} passed, {total["failed"]} failed, '
          f'{total["skipped"]} skipped')
    return 1 if total['failed'] or not total['passed'] else 0


if __name__ == '__main__':
    sys.exit(main())
