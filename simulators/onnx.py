"""The exported ONNX model, run: in onnxruntime, or in the reference evaluator of the onnx package.

`simulate` exports a program in memory and runs that; `simulate_file` runs a file with nothing but what the file says
about itself. Both return the same trace as the reference simulator, if the export is right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np

from exporters.onnx import Description, Form, build_model, parse_description
from simulators.reference import check_inputs, run_length
from toolchain.errors import InputError, MissingPartError, OverflowTrapError
from toolchain.ir.integer import IntArray, Overflow
from toolchain.ir.program import Probe, Program
from toolchain.ir.trace import Trace

NAME = "onnx"

Evaluator = Literal["onnxruntime", "reference"]
EVALUATORS: tuple[str, ...] = get_args(Evaluator)

Arrays = dict[str, IntArray]
Execute = Callable[[list[str], Arrays], list[IntArray]]
"""(names of outputs, inputs by name) -> outputs."""


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
) -> Trace:
    """Export a program and run the model.

    Args:
        program, inputs, steps, probes, record_messages, strict: as in `simulators.reference.simulate`.
        evaluator: ``"onnxruntime"``, or ``"reference"`` for the onnx package's own (slow).
        form: ``"step"``, run once a step, or ``"scan"``, run once.

    Returns:
        The trace; `final` holds every stored register after the last step.

    Raises:
        InputError: an input is missing, has the wrong shape, or a payload does not fit; a probe is unknown.
        OverflowTrapError: a register left its range in strict mode, or a trap register ever.
        MissingPartError: onnx or onnxruntime is not installed.
        UnsupportedError: the program has no ONNX form.
    """
    model = build_model(program, form=form, probes=probes, count_overflows=True).SerializeToString()
    return _simulate(model, program.name, inputs, steps, record_messages, strict, evaluator)


def simulate_file(
    path: Path,
    inputs: Mapping[str, IntArray],
    *,
    steps: int | None = None,
    record_messages: bool = True,
    strict: bool = True,
    evaluator: Evaluator = "onnxruntime",
) -> Trace:
    """Run an exported file; its probes are those that it was exported with.

    Arguments, result and errors are those of `simulate`; besides,

    Raises:
        InputError: the file is absent, is no ONNX file of ours, was made under another meaning of programs, or counts
            no overflows although `strict` asks for them.
    """
    if not path.is_file():
        raise InputError(str(path), "no such file", "give the path of a model.onnx that seamount wrote")
    return _simulate(path.read_bytes(), str(path), inputs, steps, record_messages, strict, evaluator)


def _simulate(
    model: bytes,
    where: str,
    inputs: Mapping[str, IntArray],
    steps: int | None,
    record_messages: bool,
    strict: bool,
    evaluator: Evaluator,
) -> Trace:
    execute, properties = _load(model, where, evaluator)
    description = parse_description(properties, where)
    if strict and not description.overflows:
        raise InputError(where, "counts no overflows", "export with count_overflows, or run without strict mode")
    samples, length = check_inputs(_inputs_alone(description), inputs)
    steps = run_length(length, description.latency_steps, steps)
    entering = {i.name: _padded(np.asarray(inputs[i.name], dtype=np.int64), steps) for i in description.inputs}
    results = _run(execute, description, entering, samples, steps)
    _check_overflows(description, results, strict)
    return _trace(description, evaluator, entering, results, record_messages)


def _load(model: bytes, where: str, evaluator: Evaluator) -> tuple[Execute, Mapping[str, str]]:
    """Give the model to its evaluator; return how to run it and the file's ``metadata_props``."""
    if evaluator not in EVALUATORS:
        raise InputError("evaluator", f"{evaluator!r} is unknown", f"choose one of {list(EVALUATORS)}")
    try:
        return _load_onnxruntime(model) if evaluator == "onnxruntime" else _load_reference(model)
    except ImportError as error:
        remedy = "pip install 'seamount[onnx]'"
        raise MissingPartError(f"simulator {NAME!r}", f"{evaluator} cannot be imported ({error})", remedy) from error
    except Exception as error:  # neither onnxruntime's nor protobuf's exceptions have a base class of their own
        reason = str(error).partition("\n")[0]
        raise InputError(where, f"is not an ONNX file that {evaluator} reads ({reason})", "export it again") from error


def _load_onnxruntime(model: bytes) -> tuple[Execute, Mapping[str, str]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # small integer matrices: threads cost more than they bring
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return session.run, session.get_modelmeta().custom_metadata_map


def _load_reference(model: bytes) -> tuple[Execute, Mapping[str, str]]:
    import onnx
    import onnx.reference

    proto = onnx.load_model_from_string(model)
    run = cast(Execute, onnx.reference.ReferenceEvaluator(proto).run)
    return run, {entry.key: entry.value for entry in proto.metadata_props}


def _inputs_alone(description: Description) -> Program:
    """The part of the program that inputs are checked against."""
    return Program(description.name, description.inputs, populations=(), projections=(), outputs=())


def _padded(values: IntArray, steps: int) -> IntArray:
    """Exactly `steps` steps of an input: nothing arrives after its last."""
    given = values[:, :steps]
    after = np.zeros((values.shape[0], steps - given.shape[1], values.shape[2]), dtype=np.int64)
    return np.concatenate([given, after], axis=1)


def _emitted(description: Description) -> list[str]:
    """What each step gives beside its state."""
    messages = [f"out.{name}" for name in description.populations]
    probes = [f"probe.{key}" for key in description.probes]
    return [*messages, *probes, *(f"overflow.{key}" for key in description.overflows)]


def _run(execute: Execute, description: Description, entering: Arrays, samples: int, steps: int) -> Arrays:
    """Run either form; give every output its steps along axis 1, and ``next.*`` after the last."""
    form = _run_steps if description.form == "step" else _run_scan
    if steps:
        return form(execute, description, entering, samples, steps)
    # No runtime says what the outputs of no step look like: run one, and keep none of it.
    one = {name: np.zeros((samples, 1, values.shape[2]), dtype=np.int64) for name, values in entering.items()}
    nothing = {name: values[:, :0] for name, values in form(execute, description, one, samples, 1).items()}
    return nothing | dict(zip((s.next for s in description.states), _start(description, samples), strict=True))


def _start(description: Description, samples: int) -> list[IntArray]:
    """What is stored before step 0."""
    return [np.full((samples, *state.shape), state.initial, dtype=np.int64) for state in description.states]


def _run_steps(execute: Execute, description: Description, entering: Arrays, samples: int, steps: int) -> Arrays:
    """Run the step graph once a step; what a step emits is gathered along axis 1."""
    states, emitted = description.states, _emitted(description)
    names = [*(state.next for state in states), *emitted]
    held = _start(description, samples)
    gathered: dict[str, list[IntArray]] = {name: [] for name in emitted}
    for t in range(steps):
        feeds = {f"in.{name}": values[:, t] for name, values in entering.items()}
        feeds |= {state.name: value for state, value in zip(states, held, strict=True)}
        results = execute(names, feeds)
        held = results[: len(states)]
        for name, value in zip(emitted, results[len(states) :], strict=True):
            gathered[name].append(value)
    final = {state.next: value for state, value in zip(states, held, strict=True)}
    return final | {name: np.stack(values, axis=1) for name, values in gathered.items()}


def _run_scan(execute: Execute, description: Description, entering: Arrays, samples: int, steps: int) -> Arrays:
    """Run the scan once over all steps."""
    names = [*(state.next for state in description.states), *_emitted(description)]
    results = execute(names, {f"in.{name}": values for name, values in entering.items()})
    return dict(zip(names, results, strict=True))


def _check_overflows(description: Description, results: Arrays, strict: bool) -> None:
    """Raise for the first step in which a register left its range where that is not allowed.

    Raises:
        OverflowTrapError: naming register, step and sample.
    """
    found = []
    for order, key in enumerate(description.overflows):
        counts = results[f"overflow.{key}"]
        if (strict or _traps(description, key)) and counts.any():
            step = int(np.flatnonzero(counts.any(axis=0))[0])
            sample = int(np.flatnonzero(counts[:, step])[0])
            found.append((step, order, sample, key, int(counts[sample, step])))
    if found:
        step, _, sample, key, count = min(found)
        origin = description.populations[key.rpartition(".")[0]]["origin"] or key.rpartition(".")[0]
        raise OverflowTrapError(
            f"{key} ({origin})",
            f"{count} of its values do not fit in sample {sample}, step {step}",
            "lower a weight exponent, widen the register, or run without strict mode to count overflows",
        )


def _register(description: Description, key: str) -> Mapping[str, Any]:
    population, _, register = key.rpartition(".")
    facts: Mapping[str, Any] = description.populations[population]["registers"][register]
    return facts


def _traps(description: Description, key: str) -> bool:
    return bool(_register(description, key)["overflow"] == Overflow.TRAP.value)


def _trace(
    description: Description, evaluator: Evaluator, entering: Arrays, results: Arrays, record_messages: bool
) -> Trace:
    messages = entering | {name: results[f"out.{name}"] for name in description.populations}
    samples, steps = next(iter(messages.values())).shape[:2]
    counts = {key: int(results[f"overflow.{key}"].sum()) for key in description.overflows}
    return Trace(
        program=description.program,
        simulator=f"{NAME} ({evaluator}, {description.form})",
        samples=samples,
        steps=steps,
        messages=messages if record_messages else {},
        registers={key: results[f"probe.{key}"] for key in description.probes},
        sent={name: np.count_nonzero(values, axis=1) for name, values in messages.items()},
        final={
            f"{name}.{register}": results[f"next.{name}.{register}"]
            for name, facts in description.populations.items()
            for register, declared in facts["registers"].items()
            if declared["stored"]
        },
        overflows={key: count for key, count in counts.items() if count},
    )
