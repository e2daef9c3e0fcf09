"""The accelerator on a GPU, with its kernels and with torch alone, against the reference: the suite of tests/backends.

Each neuron type is a test of its own, so that several processes can compile kernels (`pytest -n`).
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from simulators import accelerator
from simulators.accelerator.engines import choose_engine
from tests.backends import test_accelerator as on_cpu
from tests.backends import test_suite as suite
from tests.backends.fast_programs import NORMALIZED
from tests.backends.lava_programs import STRANGE
from tests.backends.random_programs import random_inputs, random_program
from tests.backends.suite import Backend, assert_agrees
from tests.backends.suite_start import all_started, edge_vectors, idle, known, program_of, stored_vectors
from tests.onnx_programs import LIMITED, digits_shaped, with_features
from toolchain.ir.integer import IntArray
from toolchain.ir.neurons import NEURONS, NeuronType
from toolchain.ir.program import Program

ENGINES = ("triton", "torch")
each_engine = pytest.mark.parametrize(
    "backend",
    [Backend(name, partial(accelerator.simulate, engine=name), lambda: None) for name in ENGINES],
    ids=ENGINES,
)
each_neuron = pytest.mark.parametrize("neuron", NEURONS, ids=lambda neuron: neuron.name)
digits = suite.digits


@pytest.mark.parametrize("name", ENGINES)
def test_the_engine_is_on_the_gpu(name: str) -> None:
    engine = choose_engine(name)
    assert (engine.code, engine.device) == (name, "cuda")


def test_triton_is_chosen() -> None:
    assert str(choose_engine()) == "triton on cuda"


@each_engine
@each_neuron
@pytest.mark.parametrize("make", [stored_vectors, edge_vectors])
def test_boundary_vectors(backend: Backend, neuron: NeuronType, make: suite.MakeVectors) -> None:
    suite.assert_vectors(backend, make, (neuron,))


@each_engine
@each_neuron
def test_steps_after_a_boundary(backend: Backend, neuron: NeuronType) -> None:
    groups = suite.groups_for(backend, edge_vectors, (neuron,))
    with known(*all_started()):
        assert_agrees(backend, program_of(groups), idle(6))


@each_engine
@pytest.mark.parametrize("seed", range(6))
def test_random_programs(backend: Backend, seed: int) -> None:
    rng = np.random.default_rng([5, seed])
    program = random_program(rng, suite.LARGE)
    assert_agrees(backend, program, random_inputs(rng, program, 9, 40))


@each_engine
def test_trained_network(backend: Backend, digits: tuple[Program, dict[str, IntArray]]) -> None:
    suite.test_trained_network(backend, digits)


@each_engine
def test_a_register_that_overflows_stops_a_strict_run(backend: Backend) -> None:
    suite.test_a_register_that_overflows_stops_a_strict_run(backend)


@each_engine
@pytest.mark.parametrize("room", [None, 3_000, 1])
def test_parts_of_samples_and_blocks_of_steps(
    backend: Backend, room: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_cpu, "simulated", backend.simulate)
    for program in (digits_shaped(), with_features()):
        on_cpu.test_parts_of_samples_and_blocks_of_steps_agree(program, room)
    on_cpu.test_a_strict_error_of_two_populations_in_one_step()


@each_engine
@pytest.mark.parametrize("neuron", [LIMITED, NORMALIZED, STRANGE], ids=lambda neuron: neuron.name)
def test_types_of_unusual_form(backend: Backend, neuron: NeuronType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_cpu, "simulated", backend.simulate)
    on_cpu.test_types_of_unusual_form_agree(neuron)


@each_engine
@pytest.mark.parametrize("factor_bits", [2, 17, 24])
def test_shifted_products(backend: Backend, factor_bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_cpu, "simulated", backend.simulate)
    for value_bits, shift in ((24, 15), (24, 0), (24, 31), (18, 14)):
        on_cpu.test_shifted_products_are_exact(factor_bits, value_bits, shift)
