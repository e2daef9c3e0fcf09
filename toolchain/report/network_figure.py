"""The program as a picture: inputs and populations from left to right, projections as arrows."""

from __future__ import annotations

from markupsafe import Markup

from toolchain.ir.program import Program, Projection
from toolchain.report.drawing import INK, MUTED, SERIES, element, picture, rectangle, text
from toolchain.report.numbers import whole

BOX = (150.0, 52.0)
GAP = (78.0, 44.0)
TOP = 44.0
"""Room above for projections that pass over a box."""
PAPER = "#ffffff"
MOST_BOXES = 60
"""A larger program is not drawn: nothing could be read."""

Places = dict[str, tuple[float, float]]


def network_figure(program: Program) -> Markup | None:
    """Inputs and populations in columns by how many projections lie before them; None for more than `MOST_BOXES`."""
    if len(program.sizes()) > MOST_BOXES:
        return None
    columns = _columns(program)
    places = _places(columns)
    width = max(x for x, _ in places.values()) + BOX[0] + 8
    height = max(y for _, y in places.values()) + BOX[1] + 30
    drawn = [_arrow(projection, places) for projection in program.projections]
    outputs = {output.population for output in program.outputs}
    for name, place in places.items():
        drawn += _box(program, name, place, name in outputs)
    return picture(max(width, 920.0), height, f"Network {program.name}", drawn)


def _columns(program: Program) -> dict[str, int]:
    """Longest way from an input, over projections that do not lead back."""
    order = list(program.sizes())
    column = dict.fromkeys(order, 0)
    for _ in order:
        before = dict(column)
        for projection in program.projections:
            if order.index(projection.source) < order.index(projection.target):
                column[projection.target] = max(column[projection.target], column[projection.source] + 1)
        if column == before:
            break
    return column


def _places(columns: dict[str, int]) -> Places:
    rows: dict[int, int] = {}
    places = {}
    for name, column in columns.items():
        row = rows.get(column, 0)
        rows[column] = row + 1
        places[name] = (8 + column * (BOX[0] + GAP[0]), TOP + row * (BOX[1] + GAP[1]))
    return places


def _box(program: Program, name: str, place: tuple[float, float], read: bool) -> list[str]:
    x, y = place
    inputs = {source.name: source for source in program.inputs}
    modes = ""
    if name in inputs:
        kind, size = f"input, {inputs[name].bits} bits", inputs[name].size
    else:
        population = program.population(name)
        modes = f", {population.modes} modes each" if population.modes else ""
        kind, size = population.neuron, population.size
    color = SERIES[0] if name in inputs else SERIES[1]
    frame = rectangle(x, y, *BOX, PAPER, stroke=color, stroke_width=2.0 if read else 1.2, rx=5)
    words = [
        text(x + 10, y + 21, _short(name), fill=INK, font_size=13, font_weight=600),
        text(x + 10, y + 39, _short(f"{whole(size)} x {kind}", 24), font_size=11),
    ]
    told = element("title", f"{name}: {size} x {kind}{modes}" + (", read by the host" if read else ""))
    return [element("g", told + frame + "".join(words))]


def _short(words: str, most: int = 19) -> str:
    return words if len(words) <= most else words[: most - 1] + "…"


def _arrow(projection: Projection, places: Places) -> str:
    (x0, y0), (x1, y1) = places[projection.source], places[projection.target]
    start, end = (x0 + BOX[0], y0 + BOX[1] / 2), (x1, y1 + BOX[1] / 2)
    if x1 <= x0:
        # A loop, or a way back: over the top.
        start, end = (x0 + BOX[0] - 24, y0), (x1 + 24, y1)
        path = f"M{start[0]:.1f} {start[1]:.1f}C{start[0]:.1f} {start[1] - 24:.1f} {end[0]:.1f} {end[1] - 24:.1f} "
        path += f"{end[0]:.1f} {end[1]:.1f}"
    elif x1 > x0 + BOX[0] + GAP[0] + 1 and y0 == y1:
        # Over what lies between.
        start, end = (x0 + BOX[0] * 0.75, y0), (x1 + BOX[0] * 0.25, y1)
        path = f"M{start[0]:.1f} {start[1]:.1f}C{start[0] + 60:.1f} {y0 - 42:.1f} {end[0] - 60:.1f} {y1 - 42:.1f} "
        path += f"{end[0]:.1f} {end[1]:.1f}"
        x1 = x0
    else:
        bend = (end[0] - start[0]) / 2
        path = f"M{start[0]:.1f} {start[1]:.1f}C{start[0] + bend:.1f} {start[1]:.1f} "
        path += f"{end[0] - bend:.1f} {end[1]:.1f} {end[0]:.1f} {end[1]:.1f}"
    head = f"M{end[0]:.1f} {end[1]:.1f}l-7 -3.5v7z" if x1 > x0 else f"M{end[0]:.1f} {end[1]:.1f}l-3.5 -7h7z"
    told = element("title", f"{projection.name}: delay {projection.delay_steps}, exponent {projection.exponent}")
    drawn = element("path", d=path, stroke=MUTED, stroke_width=1.3, fill="none") + element("path", d=head, fill=MUTED)
    return element("g", told + drawn)
