"""What a search found, as a table for people and as JSON for scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toolchain.report.numbers import si
from toolchain.search.greedy import Found
from toolchain.search.measured import Measured
from toolchain.search.space import Point

HEADINGS = ("right", "lost", "outputs off", "energy", "memory", "SynOps", "cores")


def found_dict(found: Found, test: Mapping[str, Measured]) -> dict[str, Any]:
    """Everything as plain data; `test` holds what was measured once on the test part, by name."""
    space = found.space
    return {
        "minimize": found.minimize,
        "loss_points": found.loss_points,
        "measured_points": len(found.known),
        "start": _point_dict(found, space.origin),
        "chosen": _point_dict(found, found.chosen),
        "test": {name: measured.as_dict() for name, measured in test.items()},
        "alone": {
            factor.name: {str(bits): measured.as_dict() for bits, measured in found.alone(index).items()}
            for index, factor in enumerate(space.factors)
        },
        "steps": [
            {"width": step.factor.name, "from": step.before, "to": step.after, **step.measured.as_dict()}
            for step in found.steps
        ],
        "front": [_point_dict(found, point) for point in found.front()],
    }


def _point_dict(found: Found, point: Point) -> dict[str, Any]:
    return {"settings": found.space.settings(point).as_dict(), **found.known[point].as_dict()}


def found_text(found: Found, test: Mapping[str, Measured]) -> str:
    """The widths chosen, what they save and cost, and the steps that led there."""
    start, chosen = found.known[found.space.origin], found.known[found.chosen]
    lines = [
        f"minimize {found.minimize}, at most {found.loss_points:g} points lost against the float network",
        f"{len(found.known)} points measured on {start.samples} samples, {len(found.steps)} steps taken",
        "",
        *_columns([("", *HEADINGS), ("start", *_cells(start)), ("chosen", *_cells(chosen))]),
        "",
        *_widths(found),
    ]
    if test:
        rows = [(name, *_cells(measured)) for name, measured in test.items()]
        lines += ["", "test part, measured once", *_columns([("", *HEADINGS), *rows])]
    lines += ["", "steps", *_columns([("", "from", "to", *HEADINGS), *_steps(found)])]
    return "\n".join(lines) + "\n"


def _cells(measured: Measured) -> tuple[str, ...]:
    return (
        f"{measured.right}/{measured.samples}",
        f"{measured.points_lost:+.2f}",
        f"{100 * measured.output_error:.2f} %",
        si(measured.energy_j, "J"),
        f"{measured.memory_bytes:,} B",
        f"{measured.synops:.0f}",
        str(measured.cores),
    )


def _widths(found: Found) -> list[str]:
    """One row a layer, one column a width."""
    names = list(dict.fromkeys(factor.width for factor in found.space.factors))
    layers: dict[str, dict[str, int]] = {}
    for factor, bits in zip(found.space.factors, found.chosen, strict=True):
        layers.setdefault(factor.layer, {})[factor.width] = bits
    rows = [(layer, *(str(own.get(name, "")) for name in names)) for layer, own in layers.items()]
    return _columns([("", *names), *rows])


def _steps(found: Found) -> list[tuple[str, ...]]:
    return [(step.factor.name, str(step.before), str(step.after), *_cells(step.measured)) for step in found.steps]


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows in columns: the first to the left, the rest to the right."""
    wide = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    return [
        "  ".join([row[0].ljust(wide[0]), *(cell.rjust(w) for cell, w in zip(row[1:], wide[1:], strict=True))]).rstrip()
        for row in rows
    ]
