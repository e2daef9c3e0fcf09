"""The page of several builds side by side: one HTML file that stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from toolchain.report.drawing import SERIES
from toolchain.report.figures import Bar, bars
from toolchain.report.model import Report
from toolchain.report.numbers import decimal, si
from toolchain.report.page import TEMPLATES
from toolchain.report.side_by_side import Row


def render_comparison(names: Sequence[str], reports: Sequence[Report], rows: Sequence[Row]) -> str:
    """Return the page as HTML; equal reports, equal text.

    Args:
        names: of the builds.
        reports: of the builds, in the same order.
        rows: of `side_by_side`.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))
    page = environment.get_template("compare.html.j2")
    shown = {"names": names, "labels": _labels(len(names)), "reports": reports, "rows": rows}
    return page.render(style=style, figures=_figures(reports), **shown) + "\n"


def _labels(count: int) -> list[str]:
    """A, B, ... Z, then 27, 28, ..."""
    return [ascii_uppercase[index] if index < len(ascii_uppercase) else str(index + 1) for index in range(count)]


def _figures(reports: Sequence[Report]) -> list[tuple[str, Markup]]:
    """Energy and synaptic operations of an inference, a bar a build."""
    labels = _labels(len(reports))
    energies = [
        Bar(
            label,
            ((report.energy.per_inference_j, index % len(SERIES)),),
            report.energy.per_inference_band_j,
            _joules(report),
        )
        for index, (label, report) in enumerate(zip(labels, reports, strict=True))
    ]
    counts = [
        Bar(label, ((report.synops.per_inference, index % len(SERIES)),), None, decimal(report.synops.per_inference))
        for index, (label, report) in enumerate(zip(labels, reports, strict=True))
    ]
    return [
        ("Energy of an inference by the leading cost table; the whisker is the band.", bars("Energy", energies, "J")),
        ("Synaptic operations of an inference, non-zero.", bars("Synaptic operations", counts, "")),
    ]


def _joules(report: Report) -> str:
    return si(report.energy.per_inference_j, "J")
