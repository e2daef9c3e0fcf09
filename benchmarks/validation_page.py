"""docs/validation.md: measured points and compiler tables beside what the tool says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from benchmarks.measured_points import CHECKS, Point

NOMINAL = 1.5
"""An energy, a power or a time whose nominal value is off by no more is called near."""

HEAD = """# What the tool says beside what was measured

`make validation` writes this page. Everything public that is known here is in it, also what is missed. A point that
**made a constant** lies in its band by construction and checks nothing. The points that **check** made no nominal
value, but were known when the form of the model was chosen; and the upper end of base power covers all twelve cases of
the two neurons. Energies and times are those of [energy.md](energy.md), cores and words those of
[mapping.md](mapping.md).

"""


CORES = """
## Cores and words

The words of convolutions, and of the dense layers of PilotNet but the first, rest on a width of the weights that was
chosen for them, since the weights are not public; all else is computed from shapes ([mapping.md](mapping.md)). Left
out for want of their sparse or zero weights: QUBO (22 cores for 1,000 variables) and two trained versions of S4D (6
cores each, one layer a core); and NxTF's MobileNet (157 cores on Loihi 1), whose layers are not known here.

"""


@dataclass(frozen=True)
class MappingRow:
    """One layer of a compiler table: cores, and words of all its cores together."""

    network: str
    layer: str
    printed_cores: int
    cores: int
    printed_words: float
    words: int

    @property
    def error(self) -> float:
        """Share by which the words differ."""
        return self.words / self.printed_words - 1


def page(points: Sequence[Point], mapped: Sequence[MappingRow], packed: dict[str, int]) -> str:
    """The whole page."""
    parts = [HEAD, summary(points, mapped), "\n## Times, powers and energies\n\n", point_table(points)]
    parts += [missed(points), CORES, network_table(mapped, packed), "\n", layer_table(mapped)]
    return "".join(parts)


def summary(points: Sequence[Point], mapped: Sequence[MappingRow]) -> str:
    """Counts of what holds, for the points that check apart from those that made constants."""
    lines = []
    for role, kind in groupby(sorted(points, key=lambda point: point.role), key=lambda point: point.role):
        told = [point for point in kind if point.told is not None]
        inside = sum(point.inside for point in told)
        near = sum(point.factor is not None and 1 / NOMINAL <= point.factor <= NOMINAL for point in told)
        lines.append(
            f"- {len(told)} points that {'check' if role == CHECKS else role}: {inside} inside the band, "
            f"{near} with a nominal value within a factor of {NOMINAL}."
        )
    silent = sum(point.told is None for point in points)
    lines.append(f"- {silent} points of which the tool says nothing, for want of their spikes.")
    cores = sum(abs(row.cores - row.printed_cores) <= 1 for row in mapped)
    words = sum(abs(row.error) <= 0.02 for row in mapped)
    lines.append(
        f"- {len(mapped)} layers of compiler tables: {cores} with cores equal or off by one, "
        f"{words} within 2 % of the words."
    )
    return "\n".join(lines) + "\n"


def point_table(points: Sequence[Point]) -> str:
    """Every point."""
    rows = [
        "| what | table | measured | nominal | band | inside | nominal / measured | the point |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for point in points:
        factor = "" if point.factor is None else f"{point.factor:.2f}"
        if point.told is None:
            told, held = ("-", "-"), "-"
        else:
            told = (f"{point.told.nominal:.4g}", f"{point.told.low:.4g} to {point.told.high:.4g}")
            held = "yes" if point.inside else "**no**"
        rows.append(
            f"| {point.what} | {point.table} | {point.measured:.4g} {point.unit} | {told[0]} | {told[1]} "
            f"| {held} | {factor} | {point.role} |"
        )
    return "\n".join(rows) + "\n"


def missed(points: Sequence[Point]) -> str:
    """Why points lie outside, and other remarks."""
    lines = [f"- {point.what}: {point.why}." for point in points if point.why]
    return "\n" + "\n".join(lines) + "\n" if lines else ""


def network_table(mapped: Sequence[MappingRow], packed: dict[str, int]) -> str:
    """Cores of whole networks under both rules."""
    rows = ["| network | cores printed | one layer a core | packed |", "|---|---|---|---|"]
    for name, layers in groupby(mapped, key=lambda row: row.network):
        held = list(layers)
        printed, cores = sum(row.printed_cores for row in held), sum(row.cores for row in held)
        rows.append(f"| {name} | {printed} | {cores} | {packed[name]} |")
    return "\n".join(rows) + "\n"


def layer_table(mapped: Sequence[MappingRow]) -> str:
    """Every layer, one layer a core."""
    rows = [
        "| network | layer | cores printed | cores | words printed | words | off |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in mapped:
        rows.append(
            f"| {row.network} | {row.layer} | {row.printed_cores} | {row.cores} | {row.printed_words:,.0f} "
            f"| {row.words:,} | {100 * row.error:+.1f} % |"
        )
    return "\n".join(rows) + "\n"
