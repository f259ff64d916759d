#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Draw what vfio-ccw-bench measured: RESULTS.json to an SVG.

Four diagrams: the time of SSCH against that of the host, from HSCH and CSCH
to the host, a round trip against its floor, and many devices at once.  Run by
"make bench"; needs nothing but Python.
"""

import argparse
import json
import math
from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 54, 50
GAP = 24
TAG = 'SPDX-License-Identifier:'
DARK, LIGHT, GREY, RED = '#1f4e79', '#7fb0d9', '#888888', '#c0392b'


def short(number):
    for unit, name in ((1e6, ' M'), (1e3, ' k')):
        if number >= unit:
            return f'{number / unit:g}{name}'
    return f'{number:g}'


class Axis:
    """From values to places between two ends, linear or logarithmic."""

    def __init__(self, low, high, begin, end, log=False):
        self.log = log
        self.low, self.high = self._scale(low), self._scale(high)
        self.begin, self.end = begin, end

    def _scale(self, value):
        return math.log10(value) if self.log else value

    def __call__(self, value):
        scaled = max(self._scale(max(value, 1e-9)), self.low)
        part = (scaled - self.low) / (self.high - self.low)
        return self.begin + part * (self.end - self.begin)

    def ticks(self):
        if self.log:
            return [10 ** power for power in range(round(self.low),
                                                   round(self.high) + 1)]
        step = 10 ** math.floor(math.log10(self.high / 2))
        while self.high / step > 6:
            step *= 2 if self.high / step <= 12 else 5
        return [step * n for n in range(int(self.high / step) + 1)]


class Diagram:
    """One of the four; draws at its own place of the picture."""

    def __init__(self, number, title, x_title, y_title):
        self.left = (number % 2) * (WIDTH + GAP) + LEFT
        self.right = (number % 2) * (WIDTH + GAP) + WIDTH - RIGHT
        self.top = (number // 2) * (HEIGHT + GAP) + TOP
        self.bottom = (number // 2) * (HEIGHT + GAP) + HEIGHT - BOTTOM
        self.parts = []
        middle = (self.left + self.right) / 2
        self.text(self.left - LEFT + 8, self.top - 34, title, size=15,
                  weight='bold')
        self.text(middle, self.bottom + 40, x_title, anchor='middle')
        place = (self.left - 46, (self.top + self.bottom) / 2)
        self.text(*place, y_title, anchor='middle',
                  extra=f' transform="rotate(-90 {place[0]} {place[1]})"')
        self.line(self.left, self.bottom, self.right, self.bottom, GREY)

    def text(self, x, y, text, size=12, anchor='start', weight='normal',
             color='#222222', extra=''):
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" '
            f'text-anchor="{anchor}" font-weight="{weight}" fill="{color}"'
            f'{extra}>{escape(text)}</text>')

    def line(self, x1, y1, x2, y2, color, dash=''):
        dash = f' stroke-dasharray="{dash}"' if dash else ''
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{color}"{dash}/>')

    def box(self, x1, y1, x2, y2, color):
        self.parts.append(
            f'<rect x="{x1:.1f}" y="{y1:.1f}" width="{x2 - x1:.1f}" '
            f'height="{y2 - y1:.1f}" fill="{color}"/>')

    def curve(self, points, color, dash=''):
        dash = f' stroke-dasharray="{dash}"' if dash else ''
        path = ' '.join(f'{x:.1f},{y:.1f}' for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" '
                          f'stroke="{color}" stroke-width="2"{dash}/>')
        self.parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" '
                       f'fill="{color}"/>' for x, y in points]

    def y_axis(self, low, high, log=False):
        axis = Axis(low, high, self.bottom, self.top, log)
        for tick in axis.ticks():
            self.line(self.left, axis(tick), self.right, axis(tick),
                      '#e4e4e4')
            self.text(self.left - 6, axis(tick) + 4, short(tick),
                      anchor='end')
        return axis

    def legend(self, entries):
        x = self.left
        for color, text in entries:
            self.box(x, self.top - 21, x + 10, self.top - 11, color)
            self.text(x + 14, self.top - 12, text, size=11)
            x += 22 + 6.2 * len(text)

    def limit(self, y, text):
        self.line(self.left, y, self.right, y, RED, '5 4')
        self.text(self.left + 2, y - 4, text, size=11, color=RED)


def draw_ssch(results):
    rows = [row for row in results['ssch'] if row['devices'] == 1]
    burst = [row for row in results['ssch'] if row['devices'] > 1]
    diagram = Diagram(0, 'SSCH does not wait for the host',
                      'the host answers after (ms)', 'time of SSCH (µs)')
    y = diagram.y_axis(1, 1e6, log=True)
    places = {row['host-ms']: diagram.left + 110 + 60 * n
              for n, row in enumerate(rows)}
    for value, x in places.items():
        diagram.text(x, diagram.bottom + 18, f'{value:g}', anchor='middle')
    waits = [(x, y(1000 * ms)) for ms, x in places.items() if ms]
    diagram.curve(waits, GREY, '3 3')
    diagram.curve([(places[row['host-ms']], y(max(row['us']['median'], 1)))
                   for row in results['sends']], GREY)
    for key, color in (('p99', LIGHT), ('median', DARK)):
        diagram.curve([(places[row['host-ms']], y(max(row['us'][key], 1)))
                       for row in rows], color)
    for row in burst:
        x = places[row['host-ms']] + 12
        diagram.line(x, y(row['us']['median']), x, y(row['us']['p99']), RED)
    diagram.limit(y(5), 'aim: median 5')
    diagram.limit(y(50), 'aim: 99 % 50')
    diagram.legend([(DARK, 'median'), (LIGHT, '99 %'),
                    (GREY, 'bare send; dashed: if it waited'),
                    (RED, '256 in a row')])
    return diagram


def draw_overtaking(results):
    rows = results['overtaking']
    names = {'unanswered': 'driver busy', 'reply-late': 'answer late',
             'running': 'running'}
    diagram = Diagram(1, 'HSCH and CSCH overtake a start that is stuck',
                      'state of the start', 'until the host sees it (µs)')
    y = diagram.y_axis(1, 1e4, log=True)
    for n, row in enumerate(rows):
        x = diagram.left + 60 + 53 * n
        diagram.box(x, y(row['us']['p99']), x + 36, diagram.bottom, LIGHT)
        diagram.box(x, y(row['us']['median']), x + 36, diagram.bottom, DARK)
        diagram.text(x + 18, diagram.bottom + 14, row['instruction'], size=11,
                     anchor='middle')
        if n % 2 == 0:
            diagram.text(x + 44, diagram.bottom + 27, names[row['stuck']],
                         size=11, anchor='middle')
    diagram.limit(y(200), 'aim: 200')
    diagram.legend([(DARK, 'median'), (LIGHT, '99 %')])
    return diagram


def draw_round_trips(results):
    floor, trips = results['floor'], results['round-trips']
    rows = [('floor', floor['round-trip'], None),
            ('+ driver', floor['host-round-trip'], None),
            ("CPU's own", trips['cpu-need'], None)]
    need = 1.25 * floor['round-trip']['median'] + trips['cpu-need']['median']
    rows += [('CPU busy', trips['spinning'], need),
             ('equal IRBs', trips['spinning-same'], None),
             ('CPU waits', trips['halted'], need + floor['hop']['median']),
             ('equal IRBs', trips['halted-same'], None)]
    diagram = Diagram(2, 'A round trip when the host takes no time',
                      'SSCH, interruption, TSCH', 'median (µs)')
    y = diagram.y_axis(0, 1.15 * max(row[1]['median'] for row in rows))
    for n, (name, figures, aim) in enumerate(rows):
        x = diagram.left + 10 + 56 * n
        top = y(figures['median'])
        diagram.box(x, top, x + 36, diagram.bottom, DARK if aim else LIGHT)
        diagram.text(x + 18, top - 4, f'{figures["median"]:.1f}', size=11,
                     anchor='middle')
        diagram.text(x + 18, diagram.bottom + 15, name, size=10,
                     anchor='middle')
        if aim:
            diagram.line(x - 6, y(aim), x + 42, y(aim), RED)
    diagram.legend([(DARK, 'vfio-ccw'), (LIGHT, 'for comparison'),
                    (RED, 'aim')])
    return diagram


def draw_load(results):
    rows = results['load']
    diagram = Diagram(3, 'Many devices at once, the host takes 20 ms',
                      'devices', 'I/O per second')
    y = diagram.y_axis(1, 1e5, log=True)
    places = [diagram.left + 60 + 130 * n for n in range(len(rows))]
    first = rows[0]['per-second']
    diagram.curve([(x, y(first * row['devices']))
                   for x, row in zip(places, rows)], GREY, '3 3')
    diagram.curve([(x, y(row['per-second'])) for x, row in zip(places, rows)],
                  DARK)
    for x, row in zip(places, rows):
        diagram.text(x, diagram.bottom + 18, str(row['devices']),
                     anchor='middle')
        for n, text in enumerate((f'{row["per-second"]:.0f} per s',
                                  f'{row["cpu-us"]:.0f} µs CPU per I/O',
                                  f'{row["threads"]} threads')):
            diagram.text(max(min(x, diagram.right - 58), diagram.left + 66),
                         y(row['per-second']) + 22 + 14 * n, text, size=11,
                         anchor='middle')
    diagram.legend([(DARK, 'vfio-ccw'), (GREY, 'as many times one device')])
    return diagram


def picture(results):
    diagrams = [draw(results) for draw in (draw_ssch, draw_overtaking,
                                           draw_round_trips, draw_load)]
    width, height = 2 * WIDTH + GAP, 2 * HEIGHT + 2 * GAP
    machine = results['machine']
    notes = (f'{machine["architecture"]}, {machine["cpus"]} CPUs, Linux '
             f'{machine["kernel"]}; guest under TCG, host drivers emulated')
    lines = ['<?xml version="1.0" encoding="UTF-8"?>',
             '<!--',
             f'{TAG} GPL-2.0-or-later',
             '-->',
             '<!-- Made by scripts/plot_bench.py: do not edit. -->',
             f'<svg xmlns="http://www.w3.org/2000/svg" '
             f'viewBox="0 0 {width} {height}" width="{width}" '
             f'height="{height}" font-family="sans-serif">',
             f'<rect width="{width}" height="{height}" fill="white"/>']
    for diagram in diagrams:
        lines += diagram.parts
    lines += [f'<text x="8" y="{height - 6}" font-size="11" fill="{GREY}">'
              f'{escape(notes)}</text>', '</svg>', '']
    return '\n'.join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('results', type=Path)
    parser.add_argument('svg', type=Path)
    arguments = parser.parse_args()
    results = json.loads(arguments.results.read_text(encoding='utf-8'))
    arguments.svg.write_text(picture(results), encoding='utf-8')


if __name__ == '__main__':
    main()
