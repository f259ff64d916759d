#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measure what an I/O costs, and draw it: BUILD/bench.json and bench.svg.

Run by "make bench" and "meson compile bench" once everything is built.  The
exit status says whether every aim is met.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('build', type=Path)
    build = parser.parse_args().build.resolve()

    results, svg = build / 'bench.json', build / 'bench.svg'
    results.unlink(missing_ok=True)
    qemu = build / 'qemu/build/qemu-system-s390x'
    status = subprocess.run([build / 'vfio-ccw-bench', results], check=False,
                            env=dict(os.environ, QTEST_QEMU_BINARY=str(qemu))
                            ).returncode
    if results.exists():
        plot = Path(__file__).parent / 'plot_bench.py'
        subprocess.run([sys.executable, plot, results, svg], check=True)
        print(f'figures: {results}\npicture: {svg}')
    return status


if __name__ == '__main__':
    sys.exit(main())
