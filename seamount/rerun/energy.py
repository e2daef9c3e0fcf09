"""Energy, time and synaptic operations of a build, by the target's cost tables or others; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seamount.build.folder import refuse_changed
from seamount.build.result import Build
from seamount.events import Event
from seamount.rerun.inputs import folder_of
from seamount.showing import as_html, as_lines
from toolchain.report.evidence import load_evidence
from toolchain.report.model import Report
from toolchain.report.summary import Results, examine, summarize

PARTS = ("model", "task", "samples", "steps", "synops", "energy", "other_tables", "latency", "mapping")


@dataclass(frozen=True, eq=False)
class Energy:
    """What an inference of a build costs.

    Attributes:
        results: every estimate, one a cost table, the leading one first.
        report: the same as report.json has it.
    """

    results: Results
    report: Report

    def _rows(self) -> list[tuple[str, str]]:
        return [(event.stage, event.text) for event in self.events()]

    def __repr__(self) -> str:
        """Operations, energy and latency in a few lines."""
        return as_lines(f"Energy of {self.report.model}", self._rows())

    def _repr_html_(self) -> str:
        """The same as a table, for notebooks."""
        return as_html(f"Energy of {self.report.model}", self._rows())

    def events(self) -> list[Event]:
        """Synaptic operations, energy, latency, and what was assumed, by the leading table."""
        return Build(Path(), self.report).costs()

    def as_dict(self) -> dict[str, Any]:
        """The fields of report.json that speak of cost."""
        whole = self.report.model_dump(mode="json")
        return {name: whole[name] for name in PARTS}


def energy(build: Build | Path | str, tables: Sequence[str] = ()) -> Energy:
    """Estimate energy and time of a build from its recorded traces.

    Args:
        build: that `deploy` made, or its folder.
        tables: cost tables, by name or file, the leading one first; the target's by default.

    Raises:
        InputError: the folder is not one of ours, a file is missing or was altered, or a table is unknown or broken.
    """
    folder = folder_of(build)
    refuse_changed(folder)
    results = examine(load_evidence(folder.root), tuple(tables))
    return Energy(results, summarize(results))
