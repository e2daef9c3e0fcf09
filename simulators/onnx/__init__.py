"""The exported ONNX model, run: in onnxruntime with any provider, or in the reference evaluator of the onnx package.

`simulate` exports a program in memory and runs that; `simulate_file` runs a file with nothing but what the file says
about itself. Both return the same trace as the reference simulator, if the export and the runtime are right; a runtime
that narrows numbers is refused by the model's canary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from exporters.onnx import Form, build_model, parse_description
from simulators.onnx.golden import check_golden, golden_of
from simulators.onnx.running import check_canary, check_overflows, inputs_alone, padded, run, trace
from simulators.onnx.sessions import CPU, EVALUATORS, NAME, Evaluator, load
from simulators.reference import check_inputs, run_length
from toolchain.errors import InputError
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Probe, Program
from toolchain.ir.trace import Trace

__all__ = ["CPU", "EVALUATORS", "NAME", "Evaluator", "check_golden", "golden_of", "simulate", "simulate_file"]


def simulate(
    program: Program,
    inputs: Mapping[str, IntArray],
    *,
    steps: int | None = None,
    probes: Sequence[Probe] = (),
    record_messages: bool = True,
    strict: bool = True,
    evaluator: Evaluator = "onnxruntime",
    form: Form = "step",
    lanes: str | None = None,
    structured: bool = False,
    provider: str = CPU,
) -> Trace:
    """Export a program and run the model.

    Args:
        program, inputs, steps, probes, record_messages, strict: as in `simulators.reference.simulate`.
        evaluator: ``"onnxruntime"``, or ``"reference"`` for the onnx package's own (slow).
        form: ``"step"``, run once a step, or ``"scan"``, run once.
        lanes, structured: as in `exporters.onnx.build_model`.
        provider: onnxruntime's name of what executes the model.

    Returns:
        The trace; `final` holds every stored register after the last step.

    Raises:
        InputError: an input is missing, has the wrong shape, or a payload does not fit; a probe is unknown.
        OverflowTrapError: a register left its range in strict mode, or a trap register ever.
        ConformanceError: the runtime computes wrongly, as the model's canary says.
        MissingPartError: onnx or onnxruntime is not installed.
        UnsupportedError: the program has no ONNX form, or not in these lanes.
    """
    model = build_model(program, form=form, probes=probes, lanes=lanes, structured=structured).SerializeToString()
    return _simulate(model, program.name, inputs, steps, record_messages, strict, evaluator, provider)


def simulate_file(
    path: Path,
    inputs: Mapping[str, IntArray],
    *,
    steps: int | None = None,
    record_messages: bool = True,
    strict: bool = True,
    evaluator: Evaluator = "onnxruntime",
    provider: str = CPU,
) -> Trace:
    """Run an exported file; its probes are those that it was exported with.

    Arguments, result and errors are those of `simulate`; besides,

    Raises:
        InputError: the file is absent, is no ONNX file of ours, was made under another meaning of programs, or counts
            no overflows although `strict` asks for them.
    """
    if not path.is_file():
        raise InputError(str(path), "no such file", "give the path of a model.onnx that seamount wrote")
    return _simulate(path.read_bytes(), str(path), inputs, steps, record_messages, strict, evaluator, provider)


def _simulate(
    model: bytes,
    where: str,
    inputs: Mapping[str, IntArray],
    steps: int | None,
    record_messages: bool,
    strict: bool,
    evaluator: Evaluator,
    provider: str,
) -> Trace:
    execute, properties = load(model, where, evaluator, provider)
    description = parse_description(properties, where)
    if strict and not description.counted:
        raise InputError(where, "counts no overflows", "export with count_overflows, or run without strict mode")
    samples, length = check_inputs(inputs_alone(description), inputs)
    steps = run_length(length, description.latency_steps, steps)
    entering = {i.name: padded(np.asarray(inputs[i.name], dtype=np.int64), steps) for i in description.inputs}
    results = run(execute, description, entering, samples, steps)
    by = evaluator if provider == CPU else provider
    check_canary(results, where, by)
    check_overflows(description, results, strict)
    return trace(description, by, entering, results, record_messages)
