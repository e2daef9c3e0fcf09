"""A session run over a sequence, and its results as a trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from exporters.onnx import Description
from simulators.onnx.sessions import NAME, Execute
from toolchain.errors import ConformanceError, OverflowTrapError
from toolchain.ir.integer import IntArray, Overflow
from toolchain.ir.program import Program
from toolchain.ir.trace import Trace

Arrays = dict[str, IntArray]
CANARY = "canary"


def inputs_alone(description: Description) -> Program:
    """The part of the program that inputs are checked against."""
    return Program(description.name, description.inputs, populations=(), projections=(), outputs=())


def padded(values: IntArray, steps: int) -> IntArray:
    """Exactly `steps` steps of an input: nothing arrives after its last."""
    given = values[:, :steps]
    after = np.zeros((values.shape[0], steps - given.shape[1], values.shape[2]), dtype=np.int64)
    return np.concatenate([given, after], axis=1)


def _emitted(description: Description) -> list[str]:
    """What each step gives beside its state."""
    messages = [f"out.{name}" for name in description.populations]
    probes = [f"probe.{key}" for key in description.probes]
    return [*messages, *probes, *(f"overflow.{key}" for key in description.overflows), CANARY]


def run(execute: Execute, description: Description, entering: Arrays, samples: int, steps: int) -> Arrays:
    """Run either form; give every output its steps along axis 1, and ``next.*`` after the last."""
    form = _run_steps if description.form == "step" else _run_scan
    if steps:
        return form(execute, description, entering, samples, steps)
    # No runtime says what the outputs of no step look like: run one, and keep none of it.
    one = {name: np.zeros((samples, 1, values.shape[2]), dtype=np.int64) for name, values in entering.items()}
    nothing = {name: values[:, :0] for name, values in form(execute, description, one, samples, 1).items()}
    return nothing | dict(zip((s.next for s in description.states), start(description, samples), strict=True))


def start(description: Description, samples: int) -> list[IntArray]:
    """What is stored before step 0: zeros."""
    return [np.zeros((samples, *state.shape), dtype=np.int64) for state in description.states]


def executed(execute: Execute, description: Description, names: list[str], feeds: Arrays) -> list[IntArray]:
    """One call, with tensors of the file's type on both sides."""
    given = {name: np.asarray(values, dtype=description.tensors) for name, values in feeds.items()}
    return [np.asarray(result, dtype=np.int64) for result in execute(names, given)]


def _run_steps(execute: Execute, description: Description, entering: Arrays, samples: int, steps: int) -> Arrays:
    """Run the step graph once a step; what a step emits is gathered along axis 1."""
    states, emitted = description.states, _emitted(description)
    names = [*(state.next for state in states), *emitted]
    held = start(description, samples)
    gathered: dict[str, list[IntArray]] = {name: [] for name in emitted}
    for t in range(steps):
        feeds = {f"in.{name}": values[:, t] for name, values in entering.items()}
        feeds |= {state.name: value for state, value in zip(states, held, strict=True)}
        results = executed(execute, description, names, feeds)
        held = results[: len(states)]
        for name, value in zip(emitted, results[len(states) :], strict=True):
            gathered[name].append(value)
    final = {state.next: value for state, value in zip(states, held, strict=True)}
    return final | {name: np.stack(values, axis=1) for name, values in gathered.items()}


def _run_scan(execute: Execute, description: Description, entering: Arrays, samples: int, steps: int) -> Arrays:
    """Run the scan once over all steps."""
    names = [*(state.next for state in description.states), *_emitted(description)]
    results = executed(execute, description, names, {f"in.{name}": values for name, values in entering.items()})
    return dict(zip(names, results, strict=True))


def check_canary(results: Arrays, where: str, evaluator: str) -> None:
    """Refuse what was computed by a runtime that narrows numbers.

    Raises:
        ConformanceError: the canary is not 1 in every step of every sample.
    """
    if not np.all(results[CANARY] == 1):
        wrong, all_ = int(np.count_nonzero(results[CANARY] != 1)), results[CANARY].size
        what = f"{evaluator} computes wrongly, as the file's canary says in {wrong} of {all_} steps: it narrows numbers"
        raise ConformanceError(where, what, "use a runtime or a provider that docs/onnx.md lists as exact")


def check_overflows(description: Description, results: Arrays, strict: bool) -> None:
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
        name = key.rpartition(".")[0]
        origin = description.populations[name]["origin"] or name
        raise OverflowTrapError(
            f"{key} ({origin})",
            f"{count} of its values do not fit in sample {sample}, step {step}",
            "lower a weight exponent, widen the register, or run without strict mode to count overflows",
        )


def _traps(description: Description, key: str) -> bool:
    """Whether a run ends where something is counted; of ports, only those with a trap are counted."""
    population, _, register = key.rpartition(".")
    facts: Mapping[str, Any] | None = description.populations[population]["registers"].get(register)
    return facts is None or bool(facts["overflow"] == Overflow.TRAP.value)


def trace(description: Description, evaluator: str, entering: Arrays, results: Arrays, record_messages: bool) -> Trace:
    """The trace of what came out; `evaluator` names what ran it."""
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
        final=_registers(description, results),
        overflows={key: count for key, count in counts.items() if count},
    )


def _registers(description: Description, results: Arrays) -> Arrays:
    """What each stored register holds, of the state tensors after the last step."""
    states = {state.next: state for state in description.states}
    found = {}
    for name, facts in description.populations.items():
        for register, declared in facts["registers"].items():
            if declared["stored"]:
                state = states[f"next.{name}.{register}"]
                found[f"{name}.{register}"] = state.start + state.slope * results[state.next]
    return found
