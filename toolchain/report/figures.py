"""The figures of the report: spike raster, bars by layer, energy intervals by table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10

import numpy as np
from markupsafe import Markup

from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.ir.trace import Trace
from toolchain.report.drawing import (
    INK,
    RULE,
    SERIES,
    decades,
    element,
    line,
    picture,
    rectangle,
    round_ticks,
    text,
)
from toolchain.report.energy import Banded
from toolchain.report.numbers import tick

WIDTH = 920.0
LEFT = 110.0
RIGHT = 24.0
WIDE = 190.0
"""More room at the left for long labels."""
MOST_NEURONS = 96
MOST_STEPS = 1000


@dataclass(frozen=True)
class Bar:
    """One bar: parts laid end to end, each (value, color index), and an optional whisker from low to high."""

    label: str
    parts: tuple[tuple[float, int], ...]
    band: tuple[float, float] | None = None
    caption: str = ""


def bars(title: str, rows: Sequence[Bar], unit: str) -> Markup:
    """Horizontal bars on a linear axis from 0."""
    top = max([sum(value for value, _ in row.parts) for row in rows] + [row.band[1] for row in rows if row.band])
    ticks = round_ticks(top)
    scale = (WIDTH - LEFT - RIGHT - 60) / ticks[-1]
    bottom = 8 + 30.0 * len(rows)
    drawn = _axis([(LEFT + at * scale, tick(at, unit)) for at in ticks], bottom)
    for index, row in enumerate(rows):
        drawn += _bar(row, 8 + 30.0 * index, scale)
    return picture(WIDTH, bottom + 26, title, drawn)


def _axis(ticks: Sequence[tuple[float, str]], bottom: float) -> list[str]:
    drawn = [line(x, 4.0, x, bottom) for x, _ in ticks]
    return drawn + [text(x, bottom + 18, words, text_anchor="middle") for x, words in ticks]


def _bar(row: Bar, y: float, scale: float) -> list[str]:
    drawn = [text(LEFT - 12, y + 16, row.label, text_anchor="end", fill=INK, font_size=13)]
    x = LEFT
    for value, color in row.parts:
        fill = SERIES[color] if color >= 0 else RULE
        drawn.append(rectangle(x, y + 4, value * scale, 16.0, fill))
        x += value * scale
    if row.band:
        low, high = (LEFT + value * scale for value in row.band)
        drawn.append(_whisker(low, high, y + 12))
        x = max(x, high)
    return [*drawn, text(x + 8, y + 16, row.caption)]


def _whisker(low: float, high: float, y: float) -> str:
    path = f"M{low:.2f} {y - 5:.2f}V{y + 5:.2f}M{low:.2f} {y:.2f}H{high:.2f}M{high:.2f} {y - 5:.2f}V{y + 5:.2f}"
    return element("path", d=path, stroke=INK, stroke_width=1.3, fill="none")


def intervals(title: str, rows: Sequence[tuple[str, Banded, int]], unit: str) -> Markup:
    """Low, nominal and high of each row (label, value, color) on a logarithmic axis; values above 0."""
    ticks = decades(min(value.low for _, value, _ in rows), max(value.high for _, value, _ in rows))
    scale = (WIDTH - LEFT - WIDE - RIGHT) / (log10(ticks[-1]) - log10(ticks[0]))

    def at(value: float) -> float:
        return LEFT + WIDE + (log10(value) - log10(ticks[0])) * scale

    bottom = 8 + 30.0 * len(rows)
    drawn = _axis([(at(value), tick(value, unit)) for value in ticks], bottom)
    for index, (label, value, color) in enumerate(rows):
        y = 8 + 30.0 * index + 12
        drawn.append(text(LEFT + WIDE - 12, y + 4, label, text_anchor="end", fill=INK, font_size=13))
        drawn.append(rectangle(at(value.low), y - 4, at(value.high) - at(value.low), 8.0, SERIES[color], opacity=0.3))
        drawn.append(element("circle", cx=at(value.nominal), cy=y, r=5, fill=SERIES[color]))
    return picture(WIDTH, bottom + 26, title, drawn)


def raster(program: Program, trace: Trace, sample: int = 0) -> tuple[Markup, list[str]]:
    """Messages of one sample over time, a row a neuron.

    Returns:
        The picture, and what of the run it leaves out.
    """
    steps = min(trace.steps, MOST_STEPS)
    left_out = [f"steps from {steps} on"] if steps < trace.steps else []
    names = [name for name in program.sizes() if np.any(trace.messages.get(name, np.zeros(0)))]
    scale = (WIDTH - LEFT - RIGHT) / max(steps, 1)
    drawn, y = [], 6.0
    for index, name in enumerate(names):
        sent = trace.messages[name][sample, :steps]
        if sent.shape[1] > MOST_NEURONS:
            left_out.append(f"neurons of {name} from {MOST_NEURONS} on")
        band_drawn, height = _band(name, sent[:, :MOST_NEURONS], y, scale, SERIES[index % len(SERIES)])
        drawn += band_drawn
        y += height + 12
    ticks = [at for at in round_ticks(float(steps), 8) if at <= steps]
    axis = _axis([(LEFT + at * scale, f"{at:.0f}") for at in ticks], y - 6)
    label = text(WIDTH - RIGHT, y + 26, "step", text_anchor="end")
    return picture(WIDTH, y + 32, f"Messages of sample {sample}", [*axis, *drawn, label]), left_out


def _band(name: str, sent: IntArray, y: float, scale: float, color: str) -> tuple[list[str], float]:
    """Rows of one input or population: spikes as strokes, payloads as bars of their size."""
    neurons = sent.shape[1]
    row = 28.0 if neurons == 1 else min(6.0, max(2.0, 240.0 / neurons))
    height = row * neurons
    greatest = int(np.abs(sent).max())
    path = []
    for step, neuron in np.argwhere(sent):
        tall = max(1.0, (row - 0.6) * abs(int(sent[step, neuron])) / greatest)
        foot = y + row * (int(neuron) + 1) - 0.3
        path.append(f"M{LEFT + (int(step) + 0.5) * scale:.1f} {foot:.1f}v-{tall:.1f}")
    width = max(0.6, min(scale * 0.7, 5.0))
    drawn = [
        rectangle(LEFT, y, WIDTH - LEFT - RIGHT, height, "#f5f7f9"),
        element("path", d="".join(path), stroke=color, stroke_width=width, fill="none"),
        text(LEFT - 12, y + height / 2, name, text_anchor="end", fill=INK, font_size=13),
        text(LEFT - 12, y + height / 2 + 15, _size(neurons), text_anchor="end", font_size=11),
    ]
    return drawn, max(height, 30.0)


def _size(neurons: int) -> str:
    return "1 channel" if neurons == 1 else f"{neurons} rows"
