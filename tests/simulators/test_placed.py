"""The placed program computes what the unplaced one does, and its work is what the report counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings

from simulators.compare import compare
from simulators.placed import COUNTS, Placed, simulate
from simulators.reference import simulate as simulate_whole
from tests.strategies import runs
from tests.toolchain.report.digits_like import cuba_lif, digits_inputs, digits_like
from toolchain.errors import InputError, OverflowTrapError, PlacementError
from toolchain.ir.connections import Connection, Convolution, SumPooling
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Input, Output, Population, Program, Projection
from toolchain.mapping import Placement, Target, load_target, place
from toolchain.report.counts import count_run
from toolchain.report.steps import core_work

LOIHI2 = load_target("loihi2")


def small_cores(neurons: int, name: str = "loihi2") -> Target:
    """A chip of so many neurons a core."""
    fields: dict[str, Any] = load_target(name).model_dump()
    made = {"unit": "units", "source": "made for this test", "grade": "?"}
    fields["limits"]["neurons"] = {"value": neurons, **made}
    fields["cores_per_chip"] = {"value": 3, **made}
    return Target.model_validate(fields)


def check(program: Program, inputs: Mapping[str, IntArray], target: Target) -> tuple[Placed, Placement]:
    """Same messages and registers as the reference; work that adds up to the counts of the report."""
    placement = place(program, target)
    probes = program.all_probes()
    placed = simulate(program, inputs, placement, target, probes=probes, strict=False)
    whole = simulate_whole(program, inputs, probes=probes, strict=False)
    found = compare(program, whole, placed.trace)
    assert found.equal, found.first
    assert found.total_compared or not placed.trace.steps
    for key, values in whole.final.items():
        assert np.array_equal(placed.trace.final[key], values), key
    assert placed.trace.overflows == whole.overflows
    if placed.trace.steps:
        told = core_work(program, whole, placement, target)
        assert told is not None
        for name in COUNTS:
            assert np.array_equal(placed.work[name], told[name]), name
        counts = count_run(program, whole, placement, target)
        for name in COUNTS:
            expected = [getattr(core, name) for core in counts.cores]
            assert placed.work[name].sum(axis=(0, 1)).tolist() == expected, name
    return placed, placement


@settings(max_examples=60, deadline=None)
@given(runs())
def test_random_programs_on_small_cores(run: tuple[Program, dict[str, IntArray]]) -> None:
    program, inputs = run
    try:
        check(program, inputs, small_cores(2))
    except (OverflowTrapError, PlacementError):  # a trap stops both; a pooling of many places needs many axons
        assume(False)


def test_a_network_over_many_cores_and_chips() -> None:
    program = digits_like(size=20)
    placed, placement = check(program, digits_inputs(2), small_cores(7))
    assert len(placement.cores) == 8 and placement.chips == 3
    assert placed.work["messages_out"].sum() > 0


def convolutional() -> Program:
    """Two convolutions, one in groups with a stride, and a pooling; zeros among the weights."""
    rng = np.random.default_rng(2)
    around, zero = ((1, 1), (1, 1)), ((0, 0), (0, 0))
    first = Convolution(rng.integers(-3, 9, (6, 2, 3, 3)), (2, 13, 11), (1, 1), around, (1, 1))
    second = Convolution(rng.integers(-3, 9, (4, 3, 3, 3)), (6, 13, 11), (2, 2), around, (1, 1), 2)
    pooled = SumPooling((4, 7, 6), (2, 2), (2, 2), zero)
    kernels: dict[str, Connection] = {"a": first, "b": second, "c": pooled}
    names = ["in", *kernels]
    projections = tuple(
        Projection(f"{source}->{own}", source, own, kernel, exponent=2 if own == "c" else 0, delay_steps=2)
        for (own, kernel), source in zip(kernels.items(), names, strict=False)
    )
    populations = tuple(
        Population(own, "cuba_lif", kernel.target_size, coefficients={"vth": np.full(kernel.target_size, 9)})
        for own, kernel in kernels.items()
    )
    return Program("conv", (Input("in", 2 * 13 * 11, 2),), populations, projections, (Output("out", "c"),), 6)


@pytest.mark.parametrize("name", ["loihi1", "loihi2"])
def test_tiles_of_convolutions(name: str) -> None:
    rng = np.random.default_rng(3)
    inputs = {"in": (rng.random((2, 12, 2 * 13 * 11)) < 0.2).astype(np.int64)}
    placed, placement = check(convolutional(), inputs, small_cores(200, name))
    assert len(placement.cores) == 8
    busy = placed.work["synops_nonzero"].sum(axis=(0, 1))
    assert (busy > 0).sum() > 6


def test_a_core_knows_only_the_messages_of_its_axons() -> None:
    """A tile in a corner gets no message from the other corner."""
    program = convolutional()
    target = small_cores(200)
    inputs = np.zeros((1, 3, 2, 13, 11), dtype=np.int64)
    inputs[0, 0, :, 12, 10] = 1
    placed = simulate(program, {"in": inputs.reshape(1, 3, -1)}, place(program, target), target)
    arrived = placed.work["core_messages"][0, 0]
    assert arrived.sum() == 2 and arrived.max() == 2  # both channels, to the one tile that covers the corner


def test_strict_overflow_names_core_and_step() -> None:
    neurons = cuba_lif("a", 4, bias_mant=np.full(4, 4095))
    loud = replace(neurons, settings={"bias_exp": 7}, coefficients={**neurons.coefficients, "vth": np.full(4, 131071)})
    program = Program("loud", (Input("in", 1),), (loud,), (), (Output("out", "a"),))
    inputs = {"in": np.zeros((1, 40, 1), dtype=np.int64)}
    target = small_cores(2)
    with pytest.raises(OverflowTrapError, match=r"a\.voltage: 2 values do not fit on core 0, step 16"):
        simulate(program, inputs, place(program, target), target)


def test_a_foreign_placement_is_refused() -> None:
    program, other = digits_like(size=5), digits_like(size=6)
    with pytest.raises(InputError, match="placement: is of another program or target"):
        simulate(program, digits_inputs(1), place(other, LOIHI2), LOIHI2)
    placement = place(program, small_cores(3))
    less = replace(placement, cores=placement.cores[1:])
    with pytest.raises(InputError, match="placement: does not hold every neuron of block0 once"):
        simulate(program, digits_inputs(1), less, small_cores(3))
