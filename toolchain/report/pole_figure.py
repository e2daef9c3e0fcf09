"""The figure of quantized poles: how far rounding bends each, and what it leaves behind without input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log10

from markupsafe import Markup

from toolchain.lower.rest import PoleRow
from toolchain.report.drawing import INK, SERIES, decades, element, line, picture, text
from toolchain.report.evidence import PolePoint

PANEL = 400.0
HEIGHT = 300.0
LEFT = 64.0
TOP = 30.0
LEAST_ERROR = 1e-6

Point = tuple[float, float, int]


def pole_figure(rows: Sequence[PoleRow | PolePoint]) -> Markup:
    """Two panels over the time constant: the greater error of each pole, and what its rounding leaves; an SVG."""
    judged = [row for row in rows if row.time_constant_steps > 1]
    colors = {name: index % len(SERIES) for index, name in enumerate(dict.fromkeys(row.population for row in rows))}

    def points(value: Callable[[PoleRow | PolePoint], float], least: float) -> list[Point]:
        return [(row.time_constant_steps, max(value(row), least), colors[row.population]) for row in judged]

    errors = points(lambda row: max(row.time_error, row.phase_drift), LEAST_ERROR)
    left = points(lambda row: row.rest_units, 0.5)
    drawn = _panel("error of time constant or phase", errors, LEFT)
    drawn += _panel("left without input, units", left, 2 * LEFT + PANEL)
    for index, (name, color) in enumerate(colors.items()):
        drawn.append(text(LEFT + 110.0 * index, TOP + HEIGHT + 58, name, fill=SERIES[color], font_size=13))
    title = "Quantized poles over their time constant in steps"
    return picture(2 * (LEFT + PANEL) + 20, TOP + HEIGHT + 70, title, drawn)


def _panel(title: str, points: list[Point], x0: float) -> list[str]:
    drawn = [text(x0, TOP - 12, title, fill=INK, font_size=13)]
    if not points:
        return [*drawn, text(x0, TOP + 20, "no pole of more than one step")]
    across = decades(min(p[0] for p in points), max(p[0] for p in points))
    up = decades(min(p[1] for p in points), max(p[1] for p in points))

    def place(value: float, ticks: list[float], room: float) -> float:
        return room * (log10(value) - log10(ticks[0])) / (log10(ticks[-1]) - log10(ticks[0]))

    for tick in across:
        x = x0 + place(tick, across, PANEL)
        drawn += [line(x, TOP, x, TOP + HEIGHT), text(x, TOP + HEIGHT + 18, f"{tick:g}", text_anchor="middle")]
    for tick in up:
        y = TOP + HEIGHT - place(tick, up, HEIGHT)
        drawn += [line(x0, y, x0 + PANEL, y), text(x0 - 8, y + 4, f"{tick:g}", text_anchor="end")]
    for x, y, color in points:
        at = {"cx": x0 + place(x, across, PANEL), "cy": TOP + HEIGHT - place(y, up, HEIGHT)}
        drawn.append(element("circle", **at, r=2.0, fill=SERIES[color], fill_opacity=0.6))
    return [*drawn, text(x0 + PANEL, TOP + HEIGHT + 36, "time constant, steps", text_anchor="end")]
