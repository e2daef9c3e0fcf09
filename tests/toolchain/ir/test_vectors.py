"""The boundary vectors in tests/vectors: written by the restated equations, met by the step and by its listing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests import golden_text
from tests.toolchain.ir.stepping import Cases, by_step, pick
from tests.toolchain.ir.test_tracing import by_listing
from tests.toolchain.ir.vectors import read_line, vector_text
from toolchain.ir.neurons import NEURONS, NeuronType
from toolchain.ir.program import Population

TYPES = pytest.mark.parametrize("neuron", NEURONS, ids=lambda neuron: neuron.name)


@TYPES
def test_vectors_are_what_the_equations_give(neuron: NeuronType, refresh_golden: bool) -> None:
    golden_text.check(f"vectors/{neuron.name}_boundary.txt", vector_text(neuron), refresh_golden)


@TYPES
def test_step_and_listing_meet_the_vectors(neuron: NeuronType, refresh_golden: bool) -> None:
    path = golden_text.TESTS / "vectors" / f"{neuron.name}_boundary.txt"
    if refresh_golden:  # in whatever order the tests run
        golden_text.check(f"vectors/{neuron.name}_boundary.txt", vector_text(neuron), refresh_golden)
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    assert len(lines) >= 30
    for number, line in enumerate(lines, 2):
        (settings, own, state, port), kept, after, message = read_line(line)
        given = one_case(neuron, settings, own, state, port)
        for answer in (by_step(given), by_listing(given)):
            found = pick(answer.kept, 0), pick(answer.after, 0), int(answer.message[0, 0])
            assert found == (kept, after, message), f"{path.name}:{number}"


def one_case(
    neuron: NeuronType, settings: dict[str, int], own: dict[str, Any], state: dict[str, Any], port: dict[str, int]
) -> Cases:
    tables = {c.name for c in neuron.coefficients if c.per == "population"}
    modes = max([0, *(len(value) for name, value in own.items() if isinstance(value, list) and name not in tables)])
    coefficients = {name: np.array(value if name in tables else [value]) for name, value in own.items()}
    population = Population("vector", neuron.name, 1, modes, settings, coefficients)
    held = {name: np.array([[value]]) for name, value in state.items()}
    return Cases(population, held, {name: np.array([[value]]) for name, value in port.items()})
