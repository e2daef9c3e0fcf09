"""A build: the folder that `deploy` left, and its report, for scripts and notebooks."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from seamount.build.folder import BuildFolder, read_manifest
from seamount.events import Event
from seamount.showing import as_html, as_lines
from toolchain.doctor import how_to_install, installed
from toolchain.errors import InputError, MissingPartError
from toolchain.ir.program import Program
from toolchain.ir.storage import load_program
from toolchain.reading import text_of
from toolchain.report.build import REPORT_JSON
from toolchain.report.energy import Banded
from toolchain.report.evidence import FindingRow
from toolchain.report.model import Report
from toolchain.report.numbers import band, si


@dataclass(frozen=True, eq=False)
class Build:
    """What `deploy` made.

    Attributes:
        folder: where it lies; `seamount.build.folder.BuildFolder` names its files.
        report: all figures of report.json: `accuracy` (shares of 1), `equivalence`, `activity`, `synops`, `energy`
            (J), `latency` (s), `mapping`, `findings`, ...
        events: what was reported while it was made; empty for a build that was loaded.
    """

    folder: Path
    report: Report
    events: tuple[Event, ...] = field(default=(), repr=False)

    @property
    def files(self) -> BuildFolder:
        """The paths of its files."""
        return BuildFolder(self.folder)

    @cached_property
    def program(self) -> Program:
        """The integer program."""
        return load_program(self.files.program)

    def to_torch(self) -> Any:
        """The integer program as a `torch.nn.Module`, batch first: (batch, step, channel) numbers -> the output after
        each step, (batch, step, neuron); the last step decides.

        Each projection is a Linear of int8 weights and each population a module, so that NeuroBench's harness runs it:
        ``model = TorchModel(build.to_torch()); model.add_activation_module(model.net.Neurons)``. Nothing in it learns.

        Raises:
            MissingPartError: PyTorch is not installed.
            UnsupportedError: a projection too large to be unrolled.
        """
        if not installed("torch"):
            raise MissingPartError("to_torch", "torch is not installed", how_to_install("train"))
        from simulators.accelerator.module import Deployed

        return Deployed(self.program)

    @property
    def equal(self) -> bool:
        """Whether no simulator that ran differs from the reference; `report.equivalence` says which ran."""
        return self.report.equivalence.mismatches == 0

    @property
    def losses(self) -> tuple[FindingRow, ...]:
        """Findings of grade "loss": what was clipped, saturated or moved, and layers that are silent or always fire."""
        return tuple(finding for finding in self.report.findings if finding.severity == "loss")

    @property
    def accuracy(self) -> dict[str, float]:
        """Share of right decisions by rung: the trained network ("float"), its NIR form, the integer program, ..."""
        found = self.report.accuracy
        return {rung: correct / found.samples[rung] for rung, correct in found.correct.items()}

    def costs(self) -> list[Event]:
        """Synaptic operations, energy and latency with their bands, and what was assumed for them."""
        return [_synops(self.report), _energy(self.report), _latency(self.report), _assumed(self.report)]

    def as_dict(self) -> dict[str, Any]:
        """As plain data: the folder, whether all agree, the report, and the events."""
        return {
            "folder": str(self.folder),
            "equal": self.equal,
            "report": self.report.model_dump(mode="json"),
            "events": [event.as_dict() for event in self.events],
        }

    def _rows(self) -> list[tuple[str, str]]:
        found = self.report.equivalence
        agree = f"{found.mismatches:,} differences in {found.values_compared:,} values"
        compared = f"{agree} ({' = '.join(found.simulators)})" if found.simulators else "no other simulator ran"
        shares = ", ".join(f"{rung} {100 * share:.2f} %" for rung, share in self.accuracy.items())
        rows = [("folder", str(self.folder)), ("accuracy", shares or "not measured: the data have no labels")]
        rows += [("compared", compared), *((event.stage, event.text) for event in self.costs())]
        kinds = [finding.severity for finding in self.report.findings]
        counted = [f"{kinds.count(kind)} of kind {kind}" for kind in ("loss", "repair", "note") if kind in kinds]
        return [*rows, ("findings", ", ".join(counted) or "none")]

    def __repr__(self) -> str:
        """The figures in a few lines."""
        return as_lines(f"Build of {self.report.model}", self._rows())

    def _repr_html_(self) -> str:
        """The figures as a table, for notebooks."""
        return as_html(f"Build of {self.report.model}", self._rows())


def load_build(folder: Path | str) -> Build:
    """A build that lies in a folder.

    Args:
        folder: that `deploy` wrote.

    Returns:
        The build, without events. Its files are not compared with their hashes: `verify` does that.

    Raises:
        InputError: the folder is none of ours, of another version of the meaning, or its report is damaged.

    >>> load_build(deploy("net.nir", "build/net", calibrate=x, compared=2).folder).report.mapping.cores
    1
    """
    files = BuildFolder(Path(folder))
    read_manifest(files)
    path = files.root / REPORT_JSON
    try:
        report = Report.model_validate_json(text_of(path))
    except (OSError, ValueError, ValidationError) as error:
        what = f"cannot be read ({str(error).splitlines()[0]})"
        raise InputError(str(path), what, "run seamount report, or deploy again") from error
    return Build(files.root, report)


def _synops(report: Report) -> Event:
    found = report.synops
    text = f"{found.per_inference:,.0f} an inference, {found.per_inference_dense:,.0f} if every synapse counted"
    numbers = {"per_inference": found.per_inference, "per_inference_dense": found.per_inference_dense}
    return Event("synops", text, numbers | {"ac": found.ac, "mac": found.mac})


def _energy(report: Report) -> Event:
    found = report.energy
    around = _band(found.per_inference_j, found.per_inference_band_j, "J")
    text = f"{si(found.per_inference_j, 'J')} an inference ({around})"
    if found.static_j is not None:
        text += f", of which dynamic {si(found.dynamic_per_inference_j, 'J')}"
    numbers = {"per_inference_j": found.per_inference_j, "per_inference_band_j": list(found.per_inference_band_j)}
    return Event("energy", text, numbers | {"dynamic_per_inference_j": found.dynamic_per_inference_j})


def _band(nominal: float, ends: tuple[float, float], unit: str) -> str:
    return band(Banded(nominal, *ends), unit)


def _latency(report: Report) -> Event:
    found = report.latency
    if found.per_step_s is None or found.per_inference_s is None:
        return Event("latency", f"not known: the table {found.table} has no times")
    assert found.per_step_band_s is not None
    text = f"{si(found.per_inference_s, 's')} an inference, {si(found.per_step_s, 's')} a step"
    text += f" ({_band(found.per_step_s, found.per_step_band_s, 's')}), bound by {found.bound}"
    numbers = {"per_inference_s": found.per_inference_s, "per_step_s": found.per_step_s}
    return Event("latency", text, numbers | {"per_step_band_s": list(found.per_step_band_s)})


def _assumed(report: Report) -> Event:
    found, cores, chips = report.energy, report.mapping.cores, report.mapping.chips
    missing = ", ".join(found.not_modelled) or "nothing"
    where = f"{cores} cores on {chips} {'chip' if chips == 1 else 'chips'} of {report.mapping.target}"
    text = f"{where}, costs of {found.title} ({found.kind}); not modelled: {missing}"
    return Event("assumed", text, {"table": found.table, "not_modelled": list(found.not_modelled)})
