"""What a report is made of: one frozen bundle, and how it lies in a build folder.

    evidence.json       everything that is not listed below
    program.npz         the program
    placement.json      its placement
    traces/test.npz     the whole test set: counts of messages, overflows
    traces/recorded.npz a few samples with messages and registers

Nothing here says when or where it was made, so equal evidence gives equal files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.dataclasses import dataclass as row_dataclass

from toolchain.errors import InputError
from toolchain.files import write_text
from toolchain.ir.program import Program
from toolchain.ir.storage import load_program, save_program
from toolchain.ir.trace import Trace, load_trace, save_trace
from toolchain.mapping.placement import Placement, read_placement, write_placement
from toolchain.mapping.target import Target, first_fault
from toolchain.reading import text_of

FACTS = "evidence.json"
PROGRAM = "program.npz"
PLACEMENT = "placement.json"
TEST_TRACE = "traces/test.npz"
RECORDED_TRACE = "traces/recorded.npz"

MOST_FLIPS = 200
"""Samples that are listed."""
MOST_CLASSES = 40
"""Up to which a confusion matrix is kept."""

Rung = Literal["float", "nir", "fake_quantized", "integer", "lava", "onnx"]


class Row(BaseModel):
    """One row of facts; frozen, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Accuracy(Row):
    """Correct decisions at one rung: the trained network, its NIR form, the integer program, a backend.

    Attributes:
        rung: which.
        correct, samples: decisions; one a step where the network predicts at every step.
        bits_per_symbol: mean -log2 of the labels' probabilities, where it predicts at every step.
        note: what ran, where it is not the whole test set.
        output: the program's output that decides, where it has several; the first rows are of the first labelled one.
    """

    rung: Rung
    correct: int = Field(ge=0)
    samples: int = Field(gt=0)
    bits_per_symbol: float | None = Field(default=None, ge=0)
    note: str = ""
    output: str = ""

    @model_validator(mode="after")
    def _possible(self) -> Accuracy:
        if self.correct > self.samples:
            raise ValueError(f"{self.correct} of {self.samples} cannot be correct")
        return self

    @property
    def fraction(self) -> float:
        """Share of correct decisions."""
        return self.correct / self.samples


class Agreement(Row):
    """What comparing two simulators found: the fields of a comparison as plain data.

    Attributes:
        simulators: the two names.
        samples, steps: extent of what was compared.
        values_compared: by group (spikes, payloads, registers).
        mismatches: number of values that differ.
        first: the first divergence in words, "" where there is none.
    """

    simulators: tuple[str, str]
    samples: int = Field(ge=0)
    steps: int = Field(ge=0)
    values_compared: dict[str, int]
    mismatches: int = Field(ge=0)
    first: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Agreement:
        if bool(self.first) != (self.mismatches > 0):
            raise ValueError(f"{self.mismatches} mismatches, but the first divergence is {self.first!r}")
        if self.mismatches > self.total_compared:
            raise ValueError(f"{self.mismatches} mismatches in {self.total_compared} values")
        return self

    @property
    def total_compared(self) -> int:
        """Number of values compared in all groups."""
        return sum(self.values_compared.values())


class LayerSpikes(Row):
    """Spikes of one layer of the float network and of the program, on the same samples and steps.

    Attributes:
        population: its name.
        neurons: how many.
        float_spikes, integer_spikes, both: spikes of each, and those at the same sample, step and neuron.
        precision: both / integer_spikes; None without a spike of the program.
        recall: both / float_spikes; None without a spike of the float network.
        float_silent, integer_silent: neurons that never fired.
    """

    population: str
    neurons: int = Field(gt=0)
    float_spikes: int = Field(ge=0)
    integer_spikes: int = Field(ge=0)
    both: int = Field(ge=0)
    precision: float | None = Field(default=None, ge=0, le=1)
    recall: float | None = Field(default=None, ge=0, le=1)
    float_silent: int = Field(default=0, ge=0)
    integer_silent: int = Field(default=0, ge=0)


class Fidelity(Row):
    """What rounding did to the network, measured on the compared samples.

    Attributes:
        samples: how many.
        changed: of them, those that the program decides otherwise than the float network.
        layers: spikes of each spiking layer.
    """

    samples: int = Field(gt=0)
    changed: int = Field(ge=0)
    layers: tuple[LayerSpikes, ...] = ()


class Flip(Row):
    """One test sample that the program decides otherwise than the float network.

    Attributes:
        sample: index in the whole test set.
        label, before, after: class as labelled, of the float network, of the program.
    """

    sample: int = Field(ge=0)
    label: int
    before: int
    after: int


class Decisions(Row):
    """Decisions of the program on the test set, one a sample, beside the labels and the float network's.

    Attributes:
        samples: of the program.
        confusion: [label][decision], how many samples; empty where there are more classes than a page can show.
        compared: samples of which the float network's decision is known too: it was interpreted as NIR.
        flips: of them, those that are decided otherwise, at most `MOST_FLIPS`.
        flipped: how many there are.
    """

    samples: int = Field(gt=0)
    confusion: tuple[tuple[int, ...], ...] = ()
    compared: int = Field(default=0, ge=0)
    flips: tuple[Flip, ...] = ()
    flipped: int = Field(default=0, ge=0)


class AssumedRow(Row):
    """Something that was taken for granted, and where it came from.

    Attributes:
        what: e.g. "reset".
        value: in words.
        source: the convention, the settings, the program or the target.
    """

    what: str
    value: str
    source: str


class FindingRow(Row):
    """What a stage (read, quantize, lower, ...) repaired, lost or noticed."""

    stage: str
    where: str
    what: str
    action: str
    severity: Literal["note", "repair", "loss"] = "note"


class QuantizationRow(Row):
    """How one quantity became integers: its width, its scale and the error, in words with numbers."""

    where: str
    quantity: str
    bits: int
    scale: str
    error: str = ""


@row_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class RegisterRange:
    """Least and greatest value that a register was seen to hold, what did not fit it, and what is proven of it.

    Attributes:
        low, high, overflows: of the runs.
        proven_low, proven_high: bounds on what can enter it under any input; None where there are none.
        verdict: "proven" to fit, "can overflow", or "observed only"; "" where nobody asked.
        safe_steps: length of a run up to which it surely fits; None for any length where proven, else unknown.
    """

    population: str
    register: str
    bits: int
    overflow: str
    low: int
    high: int
    overflows: int = 0
    proven_low: int | None = None
    proven_high: int | None = None
    verdict: Literal["proven", "observed only", "can overflow", ""] = ""
    safe_steps: int | None = None

    @property
    def used_bits(self) -> int:
        """Width of the narrowest two's complement word that holds all values seen."""
        return 1 + max(self.high, ~self.low, 0).bit_length()

    @property
    def headroom_bits(self) -> int | None:
        """Bits that the proven bounds leave unused, below 0 those that lack; None without bounds."""
        if self.proven_low is None or self.proven_high is None:
            return None
        return self.bits - 1 - max(abs(self.proven_low), abs(self.proven_high)).bit_length()


@row_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class PolePoint:
    """One quantized pole, for the figure; the fields of `quantize.rest.PoleRow` with these names."""

    population: str
    time_constant_steps: float
    time_error: float
    phase_drift: float
    rest_units: int


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything that a report says, before it is counted and drawn.

    Attributes:
        model, task: names.
        program, placement, target: what runs where.
        test: trace of the whole test set; needs `sent` and `overflows`.
        recorded: trace of a few samples with messages and, for the table of ranges, registers.
        accuracies, agreements, findings, quantization: rows.
        fidelity: spikes and decisions beside the float network's; None where nobody looked.
        decisions: of the whole test set, with one label a sample; None without.
        assumed: what was taken for granted.
        ranges: of registers; where empty, they are taken from `recorded`.
        poles: of state spaces, some of each population.
        versions: by part (``seamount``, ``python``, ``numpy``, ...).
        command: that makes all this again.
    """

    model: str
    task: str
    program: Program
    placement: Placement
    target: Target
    test: Trace
    recorded: Trace
    accuracies: tuple[Accuracy, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    findings: tuple[FindingRow, ...] = ()
    quantization: tuple[QuantizationRow, ...] = ()
    ranges: tuple[RegisterRange, ...] = ()
    poles: tuple[PolePoint, ...] = ()
    fidelity: Fidelity | None = None
    decisions: Decisions | None = None
    assumed: tuple[AssumedRow, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    command: str = ""


class _Facts(Row):
    """The content of evidence.json."""

    format: Literal[1] = 1
    model: str
    task: str
    target: Target
    accuracies: tuple[Accuracy, ...]
    agreements: tuple[Agreement, ...]
    findings: tuple[FindingRow, ...]
    quantization: tuple[QuantizationRow, ...]
    ranges: tuple[RegisterRange, ...]
    poles: tuple[PolePoint, ...] = ()
    fidelity: Fidelity | None = None
    decisions: Decisions | None = None
    assumed: tuple[AssumedRow, ...] = ()
    versions: dict[str, str]
    command: str


def save_evidence(evidence: Evidence, folder: Path) -> None:
    """Write the evidence into a build folder; equal evidence, equal bytes."""
    names = [name for name in _Facts.model_fields if name != "format"]
    fields = {name: getattr(evidence, name) for name in names} | {"versions": dict(evidence.versions)}
    facts = _Facts(**fields).model_dump(mode="json")
    save_program(evidence.program, folder / PROGRAM)
    write_text(folder / PLACEMENT, write_placement(evidence.placement))
    save_trace(evidence.test, folder / TEST_TRACE)
    save_trace(evidence.recorded, folder / RECORDED_TRACE)
    write_text(folder / FACTS, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")


def load_evidence(folder: Path) -> Evidence:
    """Read the evidence in a build folder.

    Raises:
        InputError: a file is absent or broken; the message names it.
    """
    facts = _read_facts(folder / FACTS)
    fields = {name: getattr(facts, name) for name in _Facts.model_fields if name != "format"}
    return Evidence(
        program=load_program(folder / PROGRAM),
        placement=read_placement(_text(folder / PLACEMENT), str(folder / PLACEMENT)),
        test=load_trace(folder / TEST_TRACE),
        recorded=load_trace(folder / RECORDED_TRACE),
        **fields,
    )


def _read_facts(path: Path) -> _Facts:
    try:
        return _Facts.model_validate_json(_text(path))
    except ValidationError as error:
        raise InputError(str(path), first_fault(error), "deploy the network again") from error


def _text(path: Path) -> str:
    try:
        return text_of(path)
    except (OSError, ValueError) as error:
        raise InputError(str(path), f"cannot be read ({error})", "give a folder that seamount deploy wrote") from error
