"""The pieces of a step: what arrives, what a port holds, resting, and how `keep` shows what it did."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.toolchain.ir.samples import column
from toolchain.errors import OverflowTrapError
from toolchain.ir.connections import Dense, Sparse
from toolchain.ir.neurons import NEURONS, NeuronType
from toolchain.ir.program import Population, Projection
from toolchain.ir.timestep import (
    WAIT,
    accumulate,
    all_registers,
    arriving,
    initial_value,
    keeper,
    step_population,
    stored_registers,
)

TYPES = pytest.mark.parametrize("neuron", NEURONS, ids=lambda neuron: neuron.name)
NOTHING = np.zeros((1, 2), dtype=np.int64)


@pytest.mark.parametrize("kind", [Dense, Sparse.from_dense])
@pytest.mark.parametrize(
    ("exponent", "expected"), [(0, [[7, -7]]), (2, [[28, -28]]), (-1, [[3, -4]]), (-2, [[1, -2]]), (-9, [[0, -1]])]
)
def test_what_arrives_is_the_sum_shifted_once(kind: Any, exponent: int, expected: list[list[int]]) -> None:
    projection = Projection("p", "a", "b", kind(np.array([[3, 4], [-3, -4]])), exponent=exponent)
    assert arriving(projection, np.array([[1, 1]])).tolist() == expected


def test_a_port_adds_what_arrives() -> None:
    population = Population("p", "relay", 2)
    arrivals = {"input": [np.array([[1, 2]]), np.array([[10, -20]])]}
    assert accumulate(population, arrivals, NOTHING)["input"].tolist() == [[11, -18]]
    assert accumulate(population, {}, NOTHING)["input"].tolist() == [[0, 0]]


def test_a_port_traps() -> None:
    population = Population("p", "relay", 2)
    with pytest.raises(OverflowTrapError) as caught:
        accumulate(population, {"input": [np.array([[0, 2**22]]), np.array([[0, 2**22]])]}, NOTHING)
    assert str(caught.value) == (
        "p.input, element (0, 1): 8388608 does not fit a signed 24-bit register (-8388608 .. 8388607);"
        " lower a weight exponent or rescale the layer"
    )


@TYPES
def test_resting_adds_a_register(neuron: NeuronType) -> None:
    active, resting = Population("p", neuron.name, 1), Population("p", neuron.name, 1, start_step=3)
    assert stored_registers(active) == neuron.stored
    assert all_registers(active) == neuron.registers
    assert stored_registers(resting) == (*neuron.stored, WAIT)
    assert all_registers(resting) == (*neuron.registers, WAIT)
    assert [initial_value(resting, register) for register in stored_registers(resting)] == [0] * len(neuron.stored) + [
        3
    ]


def test_keep_shows_what_it_was_given_and_what_it_held() -> None:
    seen: list[tuple[Any, ...]] = []
    population = Population("p", "relay", 2, settings={"message_bits": 4}, start_step=1)
    keep = keeper(population, lambda register, value, held: seen.append((register, value.tolist(), held.tolist())))
    assert keep("value", column(9, -3)).tolist() == [7, -3]
    assert keep("wait", column(127, 0)).tolist() == [127, 0]
    assert seen == [("value", [9, -3], [7, -3]), ("wait", [127, 0], [127, 0])]
    with pytest.raises(OverflowTrapError, match=r"^p\.wait, element \(0,\): 128 does not fit a signed 8-bit register"):
        keep("wait", column(128, 0))


def test_given_coefficients_take_the_place_of_the_populations_own() -> None:
    population = Population("p", "relay", 2, coefficients={"bias": column(1, 2)})
    ports = accumulate(population, {}, NOTHING)
    keep = keeper(population, lambda *_: None)
    assert step_population(population, {}, ports, keep)[1].tolist() == [[1, 2]]
    other = Population("p", "relay", 2, coefficients={"bias": column(5, 6)}).values()
    assert step_population(population, {}, ports, keep, other)[1].tolist() == [[5, 6]]
