"""A program as ONNX: one step with explicit state, or a scan over a sequence; integers only, bit-exact.

Standard operators of opset 21 and IR version 10 in model-local functions, so that any runtime executes the file and
its graph still reads as neurons. What the file says about itself is in `metadata`; the names of its inputs and outputs
are in docs/onnx.md. The onnx package is needed only when a model is built.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from exporters.onnx.metadata import FORMS, Description, Form, describe, parse_description
from toolchain.errors import InputError, MissingPartError
from toolchain.files import written_whole
from toolchain.ir.program import Probe, Program

if TYPE_CHECKING:
    import onnx

__all__ = ["FORMS", "Description", "Form", "build_model", "describe", "export_onnx", "parse_description"]


def build_model(
    program: Program, *, form: Form = "step", probes: Sequence[Probe] = (), count_overflows: bool = True
) -> onnx.ModelProto:
    """Return the program as an ONNX model.

    Args:
        program: checked by `verify` first.
        form: ``"step"`` or ``"scan"``.
        probes: registers that become outputs ``probe.<population>.<register>``.
        count_overflows: add outputs ``overflow.<population>.<register>``, values of each sample that did not fit.

    Raises:
        InputError: an unknown form or probe.
        UnsupportedError: a neuron uses a primitive that has no ONNX form, or a scan has no input to run over.
        MissingPartError: the onnx package is not installed.
    """
    if form not in FORMS:
        raise InputError("form", f"{form!r} is unknown", f"choose one of {list(FORMS)}")
    try:
        from exporters.onnx.model import assemble
    except ImportError as error:
        raise MissingPartError("onnx", f"is not installed ({error})", "pip install 'seamount[onnx]'") from error
    return assemble(program, form, probes, count_overflows)


def export_onnx(
    program: Program,
    path: Path,
    *,
    form: Form = "step",
    probes: Sequence[Probe] = (),
    count_overflows: bool = True,
) -> Path:
    """Write the program to an ONNX file, whole or not at all; equal arguments give equal bytes.

    Arguments and errors are those of `build_model`.
    """
    model = build_model(program, form=form, probes=probes, count_overflows=count_overflows)
    with written_whole(path) as beside:
        beside.write_bytes(model.SerializeToString(deterministic=True))
    return path
