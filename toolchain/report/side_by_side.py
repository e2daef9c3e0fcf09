"""Reports of several builds side by side: each figure of each, and the difference to the first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from toolchain.report.model import Report
from toolchain.report.numbers import decimal, percent, si, whole

Number = float | int | None


@dataclass(frozen=True)
class Row:
    """One figure of several builds.

    Attributes:
        part: of the report.
        name: of the figure.
        values: one a build, as plain data; None where a build lacks it.
        texts: the same for people, with unit.
        differences: to the first build, one a further build; "" where nothing can be subtracted.
        same: whether all builds have the same value.
    """

    part: str
    name: str
    values: tuple[Any, ...]
    texts: tuple[str, ...]
    differences: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether all builds have the same value."""
        return all(value == self.values[0] for value in self.values[1:])

    def as_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {**asdict(self), "same": self.same}


@dataclass(frozen=True)
class _Figure:
    part: str
    name: str
    take: Callable[[Report], Any]
    show: Callable[[Any], str]
    points: bool = False


def _rung(name: str) -> Callable[[Report], Number]:
    def share(report: Report) -> Number:
        of = report.accuracy.samples.get(name)
        return None if not of else report.accuracy.correct[name] / of

    return share


FIGURES = (
    _Figure("program", "program", lambda r: r.program, lambda value: str(value)[:12]),
    _Figure("program", "task", lambda r: r.task, str),
    _Figure("program", "test samples", lambda r: r.samples, whole),
    _Figure("accuracy", "float", _rung("float"), percent, points=True),
    _Figure("accuracy", "NIR", _rung("nir"), percent, points=True),
    _Figure("accuracy", "integer", _rung("integer"), percent, points=True),
    _Figure("accuracy", "bits a symbol, integer", lambda r: r.accuracy.bits_per_symbol.get("integer"), "{:.4f}".format),
    _Figure("fidelity", "samples decided otherwise", lambda r: r.fidelity and r.fidelity.changed, whole),
    _Figure("equivalence", "values compared", lambda r: r.equivalence.values_compared, whole),
    _Figure("equivalence", "differences", lambda r: r.equivalence.mismatches, whole),
    _Figure("activity", "spikes a neuron and step", lambda r: r.activity.spike_rate, "{:.4f}".format),
    _Figure("cost", "synaptic operations an inference", lambda r: r.synops.per_inference, decimal),
    _Figure("cost", "the same, dense", lambda r: r.synops.per_inference_dense, decimal),
    _Figure("cost", "cost table", lambda r: r.energy.table, str),
    _Figure("cost", "energy an inference", lambda r: r.energy.per_inference_j, lambda v: si(v, "J")),
    _Figure("cost", "of it dynamic", lambda r: r.energy.dynamic_per_inference_j, lambda v: si(v, "J")),
    _Figure("cost", "time an inference", lambda r: r.latency.per_inference_s, lambda v: si(v, "s")),
    _Figure("mapping", "target", lambda r: r.mapping.target, str),
    _Figure("mapping", "cores", lambda r: r.mapping.cores, whole),
    _Figure("mapping", "chips", lambda r: r.mapping.chips, whole),
    _Figure("mapping", "fullest core", lambda r: r.mapping.fullest_core.fraction, lambda v: percent(v, 1), points=True),
    _Figure("findings", "losses", lambda r: sum(f.severity == "loss" for f in r.findings), whole),
)


def side_by_side(reports: Sequence[Report], options: Sequence[Mapping[str, Any]] = ()) -> tuple[Row, ...]:
    """Every figure of several reports, then every option in which they differ.

    Args:
        reports: at least two, the one that others are held to first.
        options: of each build, nested mappings of plain data; only what differs becomes a row.
    """
    rows = [_row(figure, [figure.take(report) for report in reports]) for figure in FIGURES]
    flat = [_flat(given) for given in options]
    names = dict.fromkeys(name for given in flat for name in given)
    rows += [_option(name, [given.get(name) for given in flat]) for name in names]
    known = [row for row in rows if any(value is not None for value in row.values)]
    return tuple(row for row in known if row.part != "options" or not row.same)


def _row(figure: _Figure, values: Sequence[Any]) -> Row:
    texts = tuple("-" if value is None else figure.show(value) for value in values)
    differences = tuple(_difference(values[0], value, figure.points) for value in values[1:])
    return Row(figure.part, figure.name, tuple(values), texts, differences)


def _difference(first: Any, other: Any, points: bool) -> str:
    """In points for shares, else in per cent of the first."""
    if not isinstance(first, int | float) or not isinstance(other, int | float):
        return ""
    if first == other:
        return "same"
    if points:
        return f"{100 * (other - first):+.2f} points"
    return f"{100 * (other - first) / first:+.1f} %" if first else f"{other - first:+g}"


def _option(name: str, values: Sequence[Any]) -> Row:
    texts = tuple("-" if value is None else str(value) for value in values)
    return Row("options", name, tuple(values), texts, ("",) * (len(values) - 1))


def _flat(given: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings by dotted names."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found
