"""A program as ONNX: one step with explicit state, or a scan over a sequence; bit-exact, or told apart by its canary.

Standard operators of opset 18 and IR version 8, nothing else. Numbers are kept in int64, in doubles or in int32: in the
quickest of these that is proven to be exact. What the file says about itself is in `metadata`; the names of its inputs
and outputs are in docs/onnx.md. The onnx package is needed only when a model is built.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporters.onnx.metadata import FORMS, Description, Form, parse_description
from toolchain.errors import InputError, MissingPartError
from toolchain.files import write_text, written_whole
from toolchain.ir.program import Probe, Program

if TYPE_CHECKING:
    import onnx

__all__ = [
    "FORMS", "Description", "Form", "Golden", "build_model", "export_onnx", "facts_path", "parse_description",
]  # fmt: skip

Golden = Callable[[Description], Mapping[str, Any]]
"""What the file says -> a run to repeat, and what comes of it (`simulators.onnx.golden`)."""


def build_model(
    program: Program,
    *,
    form: Form = "step",
    probes: Sequence[Probe] = (),
    count_overflows: bool = True,
    lanes: str | None = None,
    structured: bool = False,
) -> onnx.ModelProto:
    """Return the program as an ONNX model.

    Args:
        program: checked by `verify` first.
        form: ``"step"`` or ``"scan"``.
        probes: registers that become outputs ``probe.<population>.<register>``.
        count_overflows: add outputs ``overflow.<population>.<register>``, values of each sample that did not fit, for
            each register that is not proven to fit.
        lanes: ``"int64"``, ``"float64"`` or ``"int32"``: type of the arithmetic and of all tensors. By default all
            tensors are int64, and the arithmetic is in the quickest lanes that are proven exact.
        structured: write each population's step as a model-local function, so that the graph reads as neurons; not
            every runtime reads functions.

    Raises:
        InputError: an unknown form, probe or lanes.
        UnsupportedError: a neuron uses a primitive that has no ONNX form, a scan has no input to run over, or the lanes
            are not proven to be exact.
        MissingPartError: the onnx package is not installed.
    """
    return _assembled(program, form, probes, count_overflows, lanes, structured)[0]


def _assembled(
    program: Program, form: Form, probes: Sequence[Probe], count_overflows: bool, lanes: str | None, structured: bool
) -> tuple[onnx.ModelProto, Description]:
    if form not in FORMS:
        raise InputError("form", f"{form!r} is unknown", f"choose one of {list(FORMS)}")
    try:
        from exporters.onnx.model import Wanted, assemble
    except ImportError as error:
        raise MissingPartError("onnx", f"is not installed ({error})", "pip install 'seamount[onnx]'") from error
    return assemble(program, Wanted(form, probes, count_overflows, lanes, structured))


def export_onnx(
    program: Program,
    path: Path,
    *,
    form: Form = "step",
    probes: Sequence[Probe] = (),
    count_overflows: bool = True,
    lanes: str | None = None,
    structured: bool = False,
    golden: Golden | None = None,
) -> Path:
    """Write the program to an ONNX file, and what it says about itself to ``<file>.json`` beside it, each whole or not
    at all; equal arguments give equal bytes.

    Args:
        golden: makes the run that ``seamount.golden`` of the JSON file holds.

    Other arguments and errors are those of `build_model`.
    """
    model, description = _assembled(program, form, probes, count_overflows, lanes, structured)
    facts = {key: json.loads(value) for key, value in description.properties().items()}
    if golden is not None:
        facts["seamount.golden"] = golden(description)
    write_text(facts_path(path), json.dumps(facts, sort_keys=True, separators=(",", ":")) + "\n")
    with written_whole(path) as beside:
        beside.write_bytes(model.SerializeToString(deterministic=True))
    return path


def facts_path(path: Path) -> Path:
    """Where the facts of an exported file lie as JSON."""
    return path.with_name(f"{path.name}.json")
