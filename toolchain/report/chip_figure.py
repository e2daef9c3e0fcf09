"""The chip as a picture: cores where they sit, how full each is, and the messages between them."""

from __future__ import annotations

from collections import Counter
from math import ceil, sqrt

import numpy as np
from markupsafe import Markup

from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.mapping.axons import axons
from toolchain.mapping.placement import Core, Placement
from toolchain.mapping.target import Target
from toolchain.report.drawing import INK, MUTED, RULE, SERIES, element, picture, rectangle, text
from toolchain.report.numbers import decimal, percent

SIDE = 92.0
GAP = 30.0
MOST_CORES = 64
"""Cores that are drawn, and up to which flows are counted."""
MOST_FLOWS = 60

Flows = dict[tuple[int, int], int]


def core_flows(program: Program, placement: Placement, target: Target, sent: dict[str, IntArray]) -> Flows:
    """Messages from core to core over a run; core -1 is the host.

    A message goes to a core once, however many synapses it meets there.

    Args:
        program, placement, target: what runs where.
        sent: messages of each channel or neuron of every input and population, (neuron,).
    """
    homes = {name: placement.core_of(name, size) for name, size in program.sizes().items()}
    flows: Counter[tuple[int, int]] = Counter()
    for core in placement.cores:
        for projection in program.projections:
            parts = [part for part in core.slices if part.population == projection.target]
            found = [axons(projection, part, target) for part in parts]
            if not found:
                continue
            sources = np.unique(np.concatenate([one.sources[one.reached] for one in found]))
            for home in np.unique(homes[projection.source][sources]):
                here = sources[homes[projection.source][sources] == home]
                flows[int(home), core.index] += int(sent[projection.source][here].sum())
    return {pair: count for pair, count in flows.items() if count}


def chip_figure(
    program: Program, placement: Placement, target: Target, sent: dict[str, IntArray], samples: int
) -> Markup | None:
    """Cores in use, in the order in which they are filled; None for more than `MOST_CORES`."""
    cores = placement.cores
    if len(cores) > MOST_CORES:
        return None
    columns = max(1, min(8, ceil(sqrt(len(cores)))))
    pitch = SIDE + GAP
    places = {core.index: (130 + (n % columns) * pitch, 24 + (n // columns) * pitch) for n, core in enumerate(cores)}
    flows = core_flows(program, placement, target, sent)
    busiest = max(flows.values(), default=1)
    drawn = [_host()]
    for core in cores:
        drawn.append(_core(placement, core, places[core.index]))
    for pair, count in sorted(flows.items(), key=lambda item: -item[1])[:MOST_FLOWS]:
        drawn.append(_flow(pair, count, busiest, places, samples))
    height = 24 + ceil(len(cores) / columns) * pitch + 6
    return picture(max(920.0, 130 + columns * pitch), height, f"Cores on {target.title} and their messages", drawn)


def _host() -> str:
    frame = rectangle(8.0, 24.0, 70.0, 40.0, "none", stroke=MUTED, rx=5)
    return element("g", frame + text(43.0, 49.0, "host", text_anchor="middle", fill=INK, font_size=13))


def _core(placement: Placement, core: Core, place: tuple[float, float]) -> str:
    x, y = place
    fullest = max(placement.fills(core), key=lambda fill: fill.fraction)
    level = min(1.0, fullest.fraction) * (SIDE - 4)
    held = "; ".join(map(str, core.slices))
    resource = fullest.resource.replace("_", " ")
    told = element(
        "title", f"core {core.index}, chip {core.chip}: {held}; {percent(fullest.fraction, 1)} of {resource}"
    )
    shapes = [
        rectangle(x, y, SIDE, SIDE, "none", stroke=RULE, stroke_width=1.5, rx=4),
        rectangle(x + 2, y + SIDE - 2 - level, SIDE - 4, level, SERIES[0], opacity=0.35),
        text(x + 8, y + 18, f"core {core.index}", fill=INK, font_size=12, font_weight=600),
        text(x + 8, y + 34, percent(fullest.fraction, 1), fill=INK, font_size=12),
        text(x + 8, y + 50, resource[:14], fill=INK, font_size=11),
        text(x + 8, y + SIDE - 8, f"chip {core.chip}", fill=INK, font_size=11),
    ]
    return element("g", told + "".join(shapes))


def _flow(pair: tuple[int, int], count: int, busiest: int, places: dict[int, tuple[float, float]], samples: int) -> str:
    source, goal = pair
    width = 1.0 + 4.0 * count / busiest
    words = (
        f"{'host' if source < 0 else f'core {source}'} to core {goal}: {decimal(count / samples)} messages an inference"
    )
    told = element("title", words)
    x1, y1 = places[goal]
    if source == goal:
        cx, cy = x1 + SIDE, y1 + 14
        path = f"M{cx:.1f} {cy:.1f}c22 -16 22 26 0 18"
        label = text(cx + 2, cy - 6, decimal(count / samples), font_size=10)
    else:
        x0, y0 = (78.0, 44.0) if source < 0 else (places[source][0] + SIDE, places[source][1] + SIDE / 2)
        end = (x1, y1 + SIDE / 2 + (0 if source < 0 else 10))
        path = f"M{x0:.1f} {y0:.1f}C{x0 + 26:.1f} {y0:.1f} {end[0] - 26:.1f} {end[1]:.1f} {end[0]:.1f} {end[1]:.1f}"
        label = ""
    line = element("path", d=path, stroke=SERIES[2], stroke_width=width, fill="none", stroke_opacity=0.75)
    return element("g", told + line + label)
