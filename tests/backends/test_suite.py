"""The suite over all simulators: the same tests for each, every message and register equal at every step.

What is peculiar to one simulator (its files, its errors, its speed) is tested in its own file.

Boundary vectors begin in a given state. Simulators take none, so the program brings it (`suite_start`): the restated
equations say what comes out, so that the reference is tested as every other simulator is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from models.tasks import load_task
from seamount.network import zoo_folder
from seamount.simulators import SIMULATORS
from simulators import reference
from tests.backends.lava_programs import edge_inputs, side_by_side
from tests.backends.random_programs import Scale, random_inputs, random_program
from tests.backends.suite import BACKENDS, Backend, assert_agrees, each_backend, every_probe, run
from tests.backends.suite_start import (
    Vectors,
    all_started,
    edge_vectors,
    idle,
    known,
    program_of,
    started,
    stored_vectors,
)
from tests.simulators.plain import run_plain
from tests.strategies import programs
from toolchain import compile_graph, conventions_for, encode, read_nir
from toolchain.errors import InputError, OverflowTrapError
from toolchain.ir.connections import CONNECTIONS_BY_KIND, Dense
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.neurons import NEURONS, NeuronType
from toolchain.ir.program import Input, Population, Program, Projection
from toolchain.ir.tracing import Listing

REFERENCE = Backend("reference", reference.simulate, lambda: None)
POPULATIONS = 34
MakeVectors = Callable[[NeuronType], list[Vectors]]


def test_every_simulator_of_the_command_line_is_in_the_suite() -> None:
    simulated = {backend.name.partition(",")[0] for backend in BACKENDS}
    assert simulated | {REFERENCE.name} == SIMULATORS.keys()


# ----------------------------------------------------------------------------------------------- random programs


@each_backend()
def test_random_programs(backend: Backend) -> None:
    """Recurrent, delayed, graded, overflowing: several networks at a time, as independent parts of one."""
    phases = (Phase.generate,) if backend.slow else tuple(Phase)

    @settings(max_examples=2 if backend.slow else 8, phases=phases, suppress_health_check=list(HealthCheck))
    @given(drawn=st.lists(programs(max_populations=3), min_size=5, max_size=5), seed=st.integers(0, 999))
    def agrees(drawn: list[Program], seed: int) -> None:
        program = side_by_side(drawn)
        assert_agrees(backend, program, edge_inputs(program, 2, 10, seed), steps=12)

    agrees()


LARGE = Scale(populations=len(NEURONS), sizes=(16, 24, 36), modes=3, samples=4, steps=20)
SMALL = Scale(populations=len(NEURONS), sizes=(2, 3, 6), modes=2, samples=2, steps=10)


@each_backend()
def test_random_programs_from_seeds(backend: Backend) -> None:
    """Larger ones, all neuron types in each; `make soak` runs many more of them."""
    for seed in range(1 if backend.slow else 3):
        rng = np.random.default_rng([5, seed])
        program = random_program(rng, SMALL if backend.slow else LARGE)
        inputs = random_inputs(rng, program, 2, 12)
        trace = assert_agrees(backend, program, inputs)
        assert {p.neuron for p in program.populations} == {neuron.name for neuron in NEURONS}
        assert trace.overflows
        assert sum(bool(trace.sent[p.name].any()) for p in program.populations) >= 8


@each_backend()
def test_a_run_has_no_negative_length(backend: Backend) -> None:
    rng = np.random.default_rng(0)
    program = random_program(rng, SMALL)
    with pytest.raises(InputError, match=r"^steps: -1 is negative; give 0 or more$"):
        run(backend, program, random_inputs(rng, program, 1, 2), steps=-1)


def test_random_programs_hold_what_they_are_for() -> None:
    """Of the seeds above: every kind of connection, self-loops, cycles, long delays, resting, overflow by each rule."""
    drawn = [random_program(np.random.default_rng([5, seed]), LARGE) for seed in range(3)]
    joints = [joint for program in drawn for joint in program.projections]
    assert {joint.connection.kind for joint in joints} == CONNECTIONS_BY_KIND.keys()
    assert any(joint.source == joint.target for joint in joints)
    ways = {(joint.source, joint.target) for joint in drawn[0].projections}
    assert any((b, a) in ways for a, b in ways if a != b)
    assert {1, 2, 3, 7} <= {joint.delay_steps for joint in joints}
    assert min(j.exponent for j in joints) < 0 < max(j.exponent for j in joints)
    assert any(population.start_step for program in drawn for population in program.populations)


@settings(max_examples=15)
@given(program=programs(max_populations=3), seed=st.integers(0, 999))
def test_the_reference_agrees_with_a_plain_loop_over_neurons(program: Program, seed: int) -> None:
    """The reference has no reference: a second run in plain Python integers, on the restated equations, judges it."""
    inputs = edge_inputs(program, 2, 8, seed)
    trace = run(REFERENCE, program, inputs, steps=10)
    for sample in range(2):
        plain = run_plain(program, inputs, sample, 10)
        for name, messages in trace.messages.items():
            assert messages[sample].tolist() == plain.messages[name], name
        for name, register in trace.registers.items():
            assert register[sample].tolist() == plain.registers[name], name


# ----------------------------------------------------------------------------------- boundary values of registers


def groups_for(backend: Backend, make: MakeVectors, neurons: tuple[NeuronType, ...]) -> dict[str, Vectors]:
    """All choices of settings; where starts are slow, the least and the greatest of each (defaults if none)."""
    chosen = slice(1, 3) if backend.slow else slice(None)
    return {f"{n.name}_{i}": group for n in neurons for i, group in enumerate(make(n)[chosen])}


def assert_vectors(backend: Backend, make: MakeVectors, neurons: tuple[NeuronType, ...] = NEURONS) -> None:
    """Some tens of populations a program: the time that onnxruntime takes to load one grows faster than its size."""
    faults: list[str] = []
    waiting = list(groups_for(backend, make, neurons).items())
    while waiting:
        groups, waiting = dict(waiting[:POPULATIONS]), waiting[POPULATIONS:]
        with known(*all_started()):
            trace = run(backend, program_of(groups), idle())
        faults += [fault for name, group in groups.items() for fault in group.faults(name, trace)]
    assert not faults, f"{backend.name}: {len(faults)} cases differ, first {faults[0]}"


each_backend_and_reference = pytest.mark.parametrize(
    "backend", [pytest.param(REFERENCE, id="reference"), *each_backend().args[1]]
)


@each_backend_and_reference
@pytest.mark.parametrize("make", [stored_vectors, edge_vectors])
def test_boundary_vectors(backend: Backend, make: MakeVectors) -> None:
    """Every stored register and port of every type at min, min+1, -1, 0, 1, max-1, max; one step from there."""
    assert_vectors(backend, make)


@each_backend("fast", "onnx", "onnx, int64", "accelerator", "accelerator, kernels on numpy", "js", "c")
def test_steps_after_a_boundary(backend: Backend) -> None:
    """From the edges on, with nothing arriving any more: registers run along their ends."""
    groups = groups_for(backend, edge_vectors, NEURONS)
    with known(*all_started()):
        assert_agrees(backend, program_of(groups), idle(6))


@pytest.mark.parametrize("neuron", NEURONS, ids=lambda neuron: neuron.name)
def test_edge_vectors_reach_every_edge(neuron: NeuronType) -> None:
    for group in edge_vectors(neuron):
        population = group.given.population
        ranges = {r.name: limits(population.width(r.bits)) for r in neuron.stored} | {
            p.name: limits(p.bits) for p in neuron.ports
        }
        for name, (low, high) in ranges.items():
            held = group.given.state.get(name, group.given.ports.get(name))
            assert held is not None
            wanted = {low, low + 1, -1, 0, 1, high - 1, high}
            assert wanted <= set(np.unique(held).tolist()), name
        assert set(started(neuron).coefficients) > set(neuron.coefficients)


# -------------------------------------------------------------------------------------------- trained networks


@pytest.fixture(scope="module")
def digits() -> tuple[Program, dict[str, IntArray]]:
    """The trained network zoo:digits as a program, and 24 test digits."""
    task, graph = load_task("digits"), read_nir(zoo_folder() / "digits" / "model.nir")
    calibration = task.train.inputs[:128].astype(np.float64)
    program = compile_graph(graph, conventions_for(graph), calibration, name="digits").lowered.program
    payload, _ = encode(program.inputs[0], task.test.inputs[:24])
    return program, {program.inputs[0].name: payload}


@each_backend()
def test_trained_network(backend: Backend, digits: tuple[Program, dict[str, IntArray]]) -> None:
    program, inputs = digits
    few = {name: values[: 2 if backend.slow else 24] for name, values in inputs.items()}
    trace = assert_agrees(backend, program, few, strict=True)
    assert all(trace.sent[p.name].any() for p in program.populations if p.message_range != (0, 0))


# ------------------------------------------------------------------------------------------------- overflow


@each_backend_and_reference
def test_a_register_that_overflows_stops_a_strict_run(backend: Backend) -> None:
    """Where it is said to; counting instead is part of every other test here."""
    total = Population("total", "integrator", 2, coefficients={"bias": np.array([0, 1])})
    joint = Projection("x.total", "x", "total", Dense(np.array([[127], [127]])), exponent=14)
    program = Program("full", (Input("x", 1, 3),), (total,), (joint,), ())
    inputs = {"x": np.array([[[1]] * 6, [[2]] * 6])}
    with pytest.raises(OverflowTrapError, match=r"total\.total") as stopped:
        backend.simulate(program, inputs, probes=every_probe(program), strict=True)
    assert "sample 1" in str(stopped.value)
    assert "step 3" in str(stopped.value)


# ------------------------------------------------------------------------------------ does the suite see anything?

FLIPS = {
    "products are rounded toward zero instead of down": {"multiply_shift_floor": "multiply_shift_toward_zero"},
    "products are rounded down instead of toward zero": {"multiply_shift_toward_zero": "multiply_shift_floor"},
    "registers wrap instead of saturating": {"saturate": "wrap"},
    "registers saturate instead of wrapping": {"wrap": "saturate"},
    "thresholds are reached one later": {"greater_equal": "greater"},
    "thresholds are reached one earlier": {"greater": "greater_equal"},
}
BREAKABLE = tuple(n for n in NEURONS if n.name in ("lif", "resonate_fire", "cuba_lif", "binary_gate"))
"""Types that between them use every rule above."""


def with_flipped(patch: pytest.MonkeyPatch, flip: dict[str, str]) -> None:
    """Break what exporters and the fast simulator are given: one primitive is listed as another."""
    whole: Callable[..., object] = Listing.append

    def append(self: Listing, primitive: str, operands: tuple[object, ...], register: str = "") -> object:
        return whole(self, flip.get(primitive, primitive), operands, register)

    patch.setattr(Listing, "append", append)


@each_backend("fast", "onnx", "accelerator", "accelerator, kernels on numpy", "js", "c", "lava")
@pytest.mark.parametrize("rule", FLIPS)
def test_a_broken_simulator_is_found(backend: Backend, rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with_flipped(monkeypatch, FLIPS[rule])
    with pytest.raises(AssertionError, match="cases differ"):
        assert_vectors(backend, edge_vectors, BREAKABLE)


@each_backend("fast", "onnx", "onnx, int64", "accelerator", "accelerator, kernels on numpy", "js", "c")
@pytest.mark.parametrize("rule", FLIPS)
def test_random_programs_find_it_too(backend: Backend, rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with_flipped(monkeypatch, FLIPS[rule])
    with pytest.raises(AssertionError, match="values differ"):
        test_random_programs_from_seeds(backend)
