"""Deliberately broken backends: each is found by comparing, and the microscope names the mistake that was planted.

None of the mistakes is planted in the microscope's own interpreter: they are in the neuron's step, in the timestep, in
the ONNX exporter, or in the program that the backend runs in place of the one it was given.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import Phase, find, settings

from simulators.compare import compare
from simulators.microscope.causes import recorded
from simulators.microscope.explain import Explanation, explain
from simulators.microscope.sides import Found, Simulate, divergence_of, two_programs, two_simulators, two_traces
from simulators.reference import simulate
from tests.strategies import runs
from tests.toolchain.ir.samples import column, digits_in_small
from toolchain.doctor import installed
from toolchain.errors import ConformanceError, InputError
from toolchain.ir import integer
from toolchain.ir.connections import Convolution, Dense
from toolchain.ir.integer import IntArray, Overflow
from toolchain.ir.neurons import NEURONS_BY_NAME
from toolchain.ir.program import Input, Population, Program, Projection
from toolchain.ir.text import program_hash
from toolchain.ir.trace import Trace

Inputs = Mapping[str, IntArray]
DIGITS = digits_in_small()
PIXELS = {"pixels": np.random.default_rng(5).integers(-32, 32, (3, 24, 1))}


def patched(where: str, new: Any) -> Simulate:
    """The reference with one function of the toolchain replaced."""

    def run(program: Program, inputs: Inputs, **options: Any) -> Trace:
        with mock.patch(where, new):
            return dataclasses.replace(simulate(program, inputs, **options), simulator="broken")

    return run


def misread(change: Callable[[Projection], Projection]) -> Simulate:
    """A backend that runs other projections than it was given."""

    def run(program: Program, inputs: Inputs, *, steps: int | None = None, **options: Any) -> Trace:
        other = dataclasses.replace(program, projections=tuple(map(change, program.projections)))
        trace = simulate(other, inputs, steps=steps, **options)
        return dataclasses.replace(trace, simulator="broken", program=program_hash(program))

    return run


def saturating(value: Any, bits: int, rule: Overflow) -> Any:
    return integer.fit(value, bits, Overflow.SATURATE if rule is Overflow.WRAP else rule)


def leak_toward_zero(a: Any, b: Any, bits: Any) -> Any:
    """The leak of the soma alone: it alone shifts by the number 12."""
    leak = isinstance(bits, int) and bits == 12
    return (integer.multiply_shift_toward_zero if leak else integer.multiply_shift_floor)(a, b, bits)


def even(projection: Projection) -> Projection:
    """Lava's MIXED sign mode: the lowest bit of weights is dropped where both signs are there."""
    weights = projection.connection.matrix()
    if not weights.min() < 0 < weights.max():
        return projection
    return dataclasses.replace(projection, connection=Dense(weights & ~1))


def unscaled(projection: Projection) -> Projection:
    """Lava's Conv, which ignores `weight_exp`."""
    return dataclasses.replace(projection, exponent=0) if projection.connection.kind == "convolution" else projection


def late(name: str) -> Callable[[Projection], Projection]:
    def change(projection: Projection) -> Projection:
        later = projection.delay_steps + 1
        return dataclasses.replace(projection, delay_steps=later) if projection.name == name else projection

    return change


def strong_lif() -> Program:
    """A current that leaves 24 bits."""
    lif = Population("lif", "cuba_lif", 2, coefficients={"du": column(100, 900), "vth": column(131071, 90000)})
    joint = Projection("x->lif", "x", "lif", Dense(column(90, -77)[:, None]), exponent=4)
    return Program("strong", (Input("x", 1, 10),), (lif,), (joint,), ())


def tie() -> Program:
    """A voltage that can reach its threshold exactly: one weight, no memory."""
    zeros = np.zeros((1, 1), dtype=np.int64)
    own = {"a_re": zeros, "a_im": zeros, "c_re": zeros, "c_im": zeros, "d": column(1), "leak": column(0)}
    soma = Population("soma", "ssm_lif", 1, 1, coefficients={**own, "threshold": column(40)})
    joint = Projection("x->soma", "x", "soma", Dense(column(10)[:, None]))
    return Program("tie", (Input("x", 1, 5),), (soma,), (joint,), ())


def odd_weights() -> Program:
    """Odd weights of both signs, and odd weights of one sign, which Lava keeps."""
    neurons = tuple(Population(name, "integrator", 2) for name in ("mixed", "positive"))
    joints = (
        Projection("x->mixed", "x", "mixed", Dense(np.array([[57, 2], [-4, 8]]))),
        Projection("x->positive", "x", "positive", Dense(np.array([[57, 3], [1, 9]])), delay_steps=2),
    )
    return Program("odd", (Input("x", 2, 4),), neurons, joints, ())


def convolved() -> Program:
    """A convolution and a dense projection, both with exponents."""
    kernel = Convolution(np.array([[[1, -2, 3]]]), (1, 5), (1,), ((1, 1),), (1,))
    neurons = tuple(Population(name, "integrator", 5) for name in ("conv", "dense"))
    joints = (
        Projection("x->conv", "x", "conv", kernel, exponent=3),
        Projection("x->dense", "x", "dense", Dense(np.eye(5, dtype=np.int64)), exponent=2),
    )
    return Program("convolved", (Input("x", 5, 6),), neurons, joints, ())


def onnx_toward_zero(program: Program, inputs: Inputs, **options: Any) -> Trace:
    """The ONNX backend itself, with a wrong rounding in its exporter."""
    import simulators.onnx
    from exporters.onnx import primitives

    wrong = {"multiply_shift_floor": primitives.WRITERS["multiply_shift_toward_zero"]}
    with mock.patch.dict(primitives.WRITERS, wrong):
        return simulators.onnx.simulate(program, inputs, **options)


@dataclass(frozen=True)
class Broken:
    """A backend, a program that shows its fault, what the microscope is to say, and how small a case there is.

    Dropped bits of weights need weights of both signs, and a convolution keeps its extent: one neuron won't do.
    """

    run: Simulate
    program: Program
    mistake: str
    site: str
    detail: str = ""
    neurons: int = 1


SSM = "toolchain.ir.neurons.ssm_lif"
TOWARD_ZERO = "rounds toward zero instead of floor"
LEAK = "multiply_shift_floor(own.leak, state.voltage, 12)"
BACKENDS = {
    "every product of the SSM toward zero": Broken(
        patched(f"{SSM}.multiply_shift_floor", integer.multiply_shift_toward_zero), DIGITS, TOWARD_ZERO, "every ssm_lif"
    ),
    "one product toward zero": Broken(
        patched(f"{SSM}.multiply_shift_floor", leak_toward_zero),
        DIGITS,
        TOWARD_ZERO,
        LEAK,
        "multiply_shift_floor(512, ",
    ),
    "saturates": Broken(
        patched("toolchain.ir.timestep.fit", saturating),
        strong_lif(),
        "saturates instead of wrapping",
        "current_next = wrap(",
        "here 8388607",
    ),
    "strict threshold": Broken(
        patched(f"{SSM}.greater_equal", integer.greater),
        tie(),
        "threshold tie: > against >=",
        "greater_equal(voltage_next, own.threshold)",
        "greater_equal(40, 40) is 1, here 0",
    ),
    "even weights": Broken(
        misread(even), odd_weights(), "LSB dropped from weights, by floor", "projection x->mixed", "weight 57 -> 56", 2
    ),
    "late": Broken(
        misread(late("block0->block1")), DIGITS, "arrives one step late", "projection block0->block1", "delay 1 -> 2"
    ),
    "exponent of convolutions ignored": Broken(
        misread(unscaled), convolved(), "exponent ignored", "projection x->conv", "exponent 3 -> 0", 5
    ),
}
if installed("onnx") and installed("onnxruntime"):
    BACKENDS["onnx toward zero"] = Broken(onnx_toward_zero, DIGITS, TOWARD_ZERO, "every ssm_lif")

each_backend = pytest.mark.parametrize("name", BACKENDS)


def inputs_of(program: Program) -> dict[str, IntArray]:
    if program is DIGITS:
        return PIXELS
    rng = np.random.default_rng(2)
    return {i.name: rng.integers(*integer.limits(i.bits), (2, 60, i.size), endpoint=True) for i in program.inputs}


def examined(broken: Broken, budget_s: float = 20.0) -> Found:
    return two_simulators(broken.program, inputs_of(broken.program), simulate, broken.run, budget_s=budget_s)


@each_backend
def test_a_broken_backend_is_explained_with_the_right_cause(name: str) -> None:
    broken = BACKENDS[name]
    explanation = examined(broken, budget_s=0).explanation
    assert explanation is not None
    assert explanation.follows == ("reference",)
    cause = explanation.cause
    assert cause is not None
    assert cause.hypothesis.mistake == broken.mistake
    assert broken.site in cause.hypothesis.site
    assert broken.detail in cause.detail
    assert cause.complete
    assert cause.holds_until is None


@each_backend
def test_which_side_is_off_does_not_hang_on_their_order(name: str) -> None:
    broken = BACKENDS[name]
    found = two_simulators(broken.program, inputs_of(broken.program), broken.run, simulate, budget_s=0)
    assert found.explanation is not None
    assert found.explanation.follows == ("reference",)
    assert found.explanation.cause is not None
    assert found.explanation.cause.hypothesis.mistake == broken.mistake


@each_backend
def test_the_smallest_case_still_differs_and_is_small(name: str) -> None:
    broken = BACKENDS[name]
    found = examined(broken)
    assert found.shrunk is not None
    assert not found.shrunk.exhausted
    case = found.shrunk.case
    assert divergence_of(simulate, broken.run)(case.program, case.inputs, case.steps) == case.divergence
    assert len(case.program.populations) == 1
    assert case.program.populations[0].size == broken.neurons
    assert sum(int(np.count_nonzero(p.connection.values)) for p in case.program.projections) <= 2
    assert all(values.shape[0] == 1 for values in case.inputs.values())
    assert sum(int(np.count_nonzero(values)) for values in case.inputs.values()) <= 2
    assert case.steps <= 5


def test_shrinking_is_deterministic() -> None:
    first, second = (examined(BACKENDS["one product toward zero"]).shrunk for _ in range(2))
    assert first is not None
    assert second is not None
    assert program_hash(first.case.program) == program_hash(second.case.program)
    assert first.runs == second.runs
    assert all(np.array_equal(values, second.case.inputs[name]) for name, values in first.case.inputs.items())


@pytest.mark.parametrize(
    ("name", "neuron"), [("every product of the SSM toward zero", "ssm_lif"), ("saturates", "cuba_lif")]
)
def test_random_programs_find_a_flipped_rule(name: str, neuron: str) -> None:
    """What the backends' own tests do, random programs against the reference, notices the fault."""
    broken = BACKENDS[name].run

    def differs(drawn: tuple[Program, dict[str, IntArray]]) -> bool:
        program, inputs = drawn
        traces = (run(program, inputs, probes=program.all_probes(), strict=False) for run in (simulate, broken))
        return not compare(program, *traces).equal

    once = settings(max_examples=500, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
    program, _ = find(runs((NEURONS_BY_NAME[neuron],)), differs, settings=once)
    assert program.populations


def test_equal_simulators_have_nothing_to_explain() -> None:
    found = two_simulators(DIGITS, PIXELS, simulate, simulate)
    assert found.comparison.equal
    assert found.comparison.total_compared > 0
    assert found.explanation is None
    assert found.shrunk is None


def explained(program: Program, right: Trace) -> Explanation:
    left = simulate(program, PIXELS, probes=program.all_probes(), strict=False)
    first = compare(program, left, right).first
    assert first is not None
    return explain(program, first, recorded(program, left), recorded(program, right))


def test_an_unknown_cause_is_said_to_be_unknown() -> None:
    trace = simulate(DIGITS, PIXELS, probes=DIGITS.all_probes(), strict=False)
    registers = dict(trace.registers)
    registers["block1.readout"] = registers["block1.readout"].copy()
    registers["block1.readout"][1, 9, 1] += 12345
    explanation = explained(DIGITS, dataclasses.replace(trace, registers=registers, simulator="broken"))
    assert explanation.cause is None
    assert [verdict.causes for verdict in explanation.verdicts] == [()]
    assert explanation.verdicts[0].side == "broken"


def test_two_faults_are_not_called_one() -> None:
    """The first is named, and that it does not explain everything is seen."""

    def run(program: Program, inputs: Inputs, **options: Any) -> Trace:
        with mock.patch(f"{SSM}.multiply_shift_floor", leak_toward_zero):
            return misread(late("block1->readout"))(program, inputs, **options)

    found = two_simulators(DIGITS, PIXELS, simulate, run, budget_s=0)
    assert found.explanation is not None
    cause = found.explanation.cause
    assert cause is not None
    assert cause.hypothesis.mistake in (TOWARD_ZERO, "arrives one step late")
    assert not cause.complete
    assert cause.holds_until is not None


def test_the_listing_shows_where_the_sides_part() -> None:
    explanation = examined(BACKENDS["one product toward zero"], budget_s=0).explanation
    assert explanation is not None
    rows = explanation.listing
    parting = [row for row in rows if row.parts]
    assert len(parting) == 1
    assert parting[0].bears
    assert not any(row.bears for row in rows if "wait_next" in row.text)
    assert LEAK in parting[0].text
    assert parting[0].cause is not None
    assert parting[0].cause[0] == parting[0].value[0] + 1
    at = explanation.divergence
    known = [row for row in rows if row.left is not None and row.left != row.right]
    assert known[0].left == (at.left,) == known[0].value
    assert known[0].right == (at.right,) == known[0].cause


def test_the_history_holds_both_sides_and_the_steps_before() -> None:
    explanation = examined(BACKENDS["one product toward zero"], budget_s=0).explanation
    assert explanation is not None
    at = explanation.divergence
    assert at.step > 0
    rows = {(row.step, row.register): (row.left, row.right) for row in explanation.history}
    assert rows[at.step, at.register] == ((at.left,), (at.right,))
    before = [pair for (step, _), pair in rows.items() if step < at.step]
    assert before
    assert all(left == right is not None for left, right in before)


def test_causes_are_found_from_messages_alone() -> None:
    """No register is recorded: the neuron is run again from what reached it."""
    broken = BACKENDS["strict threshold"]
    inputs = inputs_of(broken.program)
    traces = [run(broken.program, inputs, strict=False) for run in (simulate, broken.run)]
    found = two_traces(broken.program, *traces)
    assert found.explanation is not None
    assert found.explanation.cause is not None
    assert found.explanation.cause.hypothesis.mistake == broken.mistake
    assert found.shrunk is None


def test_traces_without_input_are_refused() -> None:
    broken = BACKENDS["strict threshold"]
    inputs = inputs_of(broken.program)
    traces = (
        run(broken.program, inputs, strict=False, probes=broken.program.all_probes()) for run in (simulate, broken.run)
    )
    bare = (dataclasses.replace(trace, messages={}) for trace in traces)
    with pytest.raises(InputError, match="recorded no input 'x'"):
        two_traces(broken.program, *bare)


def with_threshold(program: Program, value: int) -> Program:
    def change(population: Population) -> Population:
        if population.name != "block1":
            return population
        values = population.coefficients["threshold"].copy()
        values[1] = value
        return dataclasses.replace(population, coefficients={**population.coefficients, "threshold": values})

    return dataclasses.replace(program, populations=tuple(map(change, program.populations)))


def test_two_programs_the_difference_that_matters_is_the_cause() -> None:
    other = with_threshold(DIGITS, 100_000)
    found = two_programs(DIGITS, other, PIXELS, budget_s=10)
    assert [str(each) for each in found.differences] == [
        "population block1: coefficient threshold: 1 of 2 values differ, first [1]: 450 -> 100000"
    ]
    assert found.explanation is not None
    cause = found.explanation.cause
    assert cause is not None
    assert cause.hypothesis.kind == "difference"
    assert cause.complete
    assert found.shrunk is not None
    assert found.shrunk.case.inputs["pixels"].shape[0] == 1
    assert program_hash(found.shrunk.case.program) == program_hash(DIGITS)


def test_two_programs_without_a_population_in_common() -> None:
    with pytest.raises(ConformanceError, match="no population has the same name"):
        two_programs(DIGITS, tie(), {**PIXELS, "x": np.zeros((3, 24, 1), dtype=np.int64)})
