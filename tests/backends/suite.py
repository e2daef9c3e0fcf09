"""What the suite runs: the simulators by name, and what it means that one agrees.

A new simulator is one row of `BACKENDS`; every test of `test_suite` and `make soak` then takes it up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest

import simulators.lava
import simulators.onnx
from exporters.onnx import Form
from seamount.simulators import SIMULATORS, missing
from simulators import reference
from simulators.compare import compare
from simulators.onnx import Evaluator
from tests.backends.lava_programs import PYTHON
from toolchain.errors import UnsupportedError
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Probe, Program
from toolchain.ir.timestep import all_registers
from toolchain.ir.trace import Trace

Simulate = Callable[..., Trace]
GROUPS = ("messages", "registers", "sent", "final")


@dataclass(frozen=True)
class Backend:
    """A simulator as the suite runs it.

    Attributes:
        name: of the simulator, and the way in which it is run where there are several.
        simulate: with the arguments of the reference simulator.
        missing: why it can't run here; None where it can.
        slow: it gets fewer and smaller runs; each start of Lava costs seconds.
    """

    name: str
    simulate: Simulate
    missing: Callable[[], str | None]
    slow: bool = False


def _lava_missing() -> str | None:
    return simulators.lava.available(PYTHON)


def _kernels_on_numpy(program: Program, inputs: Mapping[str, IntArray], **options: Any) -> Trace:
    from tests.backends.kernels_on_numpy import simulate  # brings PyTorch

    return simulate(program, inputs, **options)


def _onnx(evaluator: Evaluator, form: Form) -> Simulate:
    return partial(simulators.onnx.simulate, evaluator=evaluator, form=form)


def _onnx_doubles(program: Program, inputs: Mapping[str, IntArray], **options: Any) -> Trace:
    """Doubles throughout; int64 throughout where doubles are not proven to be exact."""
    try:
        return simulators.onnx.simulate(program, inputs, lanes="float64", **options)
    except UnsupportedError:
        return simulators.onnx.simulate(program, inputs, lanes="int64", **options)


_LAVA = partial(simulators.lava.simulate, python=PYTHON)
BACKENDS: tuple[Backend, ...] = (
    Backend("fast", SIMULATORS["fast"], lambda: missing("fast")),
    Backend("onnx", SIMULATORS["onnx"], lambda: missing("onnx")),
    Backend("onnx, int64", partial(simulators.onnx.simulate, lanes="int64"), lambda: missing("onnx")),
    Backend("onnx, doubles", _onnx_doubles, lambda: missing("onnx")),
    Backend("onnx, one scan", _onnx("onnxruntime", "scan"), lambda: missing("onnx")),
    Backend("onnx, its own evaluator", _onnx("reference", "step"), lambda: missing("onnx"), slow=True),
    Backend("onnx, its own evaluator, one scan", _onnx("reference", "scan"), lambda: missing("onnx"), slow=True),
    Backend("accelerator", SIMULATORS["accelerator"], lambda: missing("accelerator")),
    Backend("accelerator, kernels on numpy", _kernels_on_numpy, lambda: missing("accelerator")),
    Backend("js", SIMULATORS["js"], lambda: missing("js")),
    Backend("c", SIMULATORS["c"], lambda: missing("c")),
    Backend("lava", _LAVA, _lava_missing, slow=True),
    Backend("lava, no stock LIF", partial(_LAVA, stock_lif=False), _lava_missing, slow=True),
)
BACKENDS_BY_NAME = {backend.name: backend for backend in BACKENDS}


def each_backend(*names: str) -> pytest.MarkDecorator:
    """Run the test once a backend, of those named or of all; one that isn't installed skips and says why."""
    rows = [BACKENDS_BY_NAME[name] for name in names] or BACKENDS
    return pytest.mark.parametrize("backend", [pytest.param(row, id=row.name, marks=_skip(row)) for row in rows])


def _skip(backend: Backend) -> list[pytest.MarkDecorator]:
    reason = backend.missing()
    return [pytest.mark.skip(reason=reason)] if reason else []


def every_probe(program: Program) -> tuple[Probe, ...]:
    """One probe for each register that a step writes, `wait` too."""
    return tuple(Probe(p.name, register.name) for p in program.populations for register in all_registers(p))


def run_reference(program: Program, inputs: Mapping[str, IntArray], **options: object) -> Trace:
    """The reference's run, every register recorded."""
    return reference.simulate(program, inputs, probes=every_probe(program), **{"strict": False, **options})  # type: ignore[arg-type]


def run(backend: Backend, program: Program, inputs: Mapping[str, IntArray], **options: object) -> Trace:
    """A backend's run, every register recorded."""
    return backend.simulate(program, inputs, probes=every_probe(program), **{"strict": False, **options})


def differences(program: Program, expected: Trace, found: Trace) -> list[str]:
    """Everything in which a trace is not the expected one; the first divergence first.

    Messages, registers, numbers of messages sent, final registers and counts of overflows are compared, and that
    neither trace holds what the other lacks.
    """
    faults = []
    comparison = compare(program, expected, found)
    if comparison.first is not None:
        faults.append(f"{comparison.mismatches} values differ, first {comparison.first}")
    for group in GROUPS:
        left, right = getattr(expected, group), getattr(found, group)
        faults += [f"{group} {name}: recorded by one only" for name in sorted(left.keys() ^ right.keys())]
        common = sorted(left.keys() & right.keys())
        faults += [f"{group} {name}: not equal" for name in common if not np.array_equal(left[name], right[name])]
    if dict(expected.overflows) != dict(found.overflows):
        faults.append(f"overflows {dict(expected.overflows)} against {dict(found.overflows)}")
    return faults


def assert_agrees(backend: Backend, program: Program, inputs: Mapping[str, IntArray], **options: object) -> Trace:
    """Run a program on the reference and on a backend: nothing differs. Returns the reference's trace."""
    expected = run_reference(program, inputs, **options)
    faults = differences(program, expected, run(backend, program, inputs, **options))
    assert not faults, f"{backend.name}: " + "\n".join(faults[:9])
    return expected
