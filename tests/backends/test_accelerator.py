"""What is peculiar to the accelerator: its engines, parts of samples, blocks of steps, exact products, errors.

The suite holds it to the reference on every neuron type; here it runs as torch on the CPU, so that CI can. Its kernels
run in tests/device, where there is a GPU, and as text in test_accelerator_kernels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from seamount.simulators import find_simulator, missing
from simulators import accelerator, reference
from simulators.accelerator import engines, sizes
from simulators.accelerator.engines import choose_engine
from simulators.accelerator.memory import Memory
from simulators.accelerator.plan import plans, source_ranges
from simulators.accelerator.synapses import Synapses
from tests.backends import kernels_on_numpy
from tests.backends.fast_programs import (
    NORMALIZED,
    assert_same_trace,
    known,
    multiplier,
    near_edges,
    one_to_one,
    outcome,
)
from tests.backends.lava_programs import STRANGE, strange
from tests.backends.suite import every_probe
from tests.onnx_programs import LIMITED, digits_shaped, one_of, with_features
from toolchain.errors import InputError, MissingPartError, OverflowTrapError, UnsupportedError
from toolchain.ir.connections import Dense, Sparse
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.neurons import NeuronType, Port
from toolchain.ir.program import Input, Population, Program, Projection
from toolchain.ir.trace import Trace

SMALL_ROOM = 3_000
"""Bytes: a few samples of the programs here, a few steps at a time."""

simulated: Any = partial(accelerator.simulate, engine="torch")
"""What is held to the reference; a test may put another engine in its place."""


@pytest.fixture(params=["torch", "kernels on numpy"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test runs once with each engine."""
    if request.param != "torch":
        monkeypatch.setitem(globals(), "simulated", kernels_on_numpy.simulate)


def noise(program: Program, samples: int, steps: int, share: float = 1.0) -> dict[str, IntArray]:
    rng = np.random.default_rng(8)
    shape = (samples, steps)
    return {
        source.name: rng.integers(*limits(source.bits), (*shape, source.size)) * (rng.random((*shape, 1)) < share)
        for source in program.inputs
    }


def assert_same(
    program: Program, inputs: Mapping[str, IntArray], room: int | None = None, **options: Any
) -> Trace | str:
    """The reference's trace, or the reference's words."""
    expected = outcome(reference.simulate, program, inputs, **options)
    found = outcome(simulated, program, inputs, room_bytes=room, **options)
    if isinstance(expected, str) or isinstance(found, str):
        assert found == expected
    else:
        assert_same_trace(program, expected, found)
    return found


# -------------------------------------------------------------------------------------------------- which engine


def test_the_trace_and_stderr_say_what_ran(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_has_gpu", lambda: False)
    engines.announce.cache_clear()
    program = digits_shaped()
    traces = [accelerator.simulate(program, noise(program, 1, 2), strict=False) for _ in range(2)]
    assert {trace.simulator for trace in traces} == {"accelerator (torch on cpu: torch sees no GPU)"}
    assert capsys.readouterr().err == "accelerator: torch on cpu: torch sees no GPU\n"  # once, not twice


@pytest.mark.parametrize(
    ("gpu", "triton", "asked", "expected"),
    [
        (True, "3.6", None, "triton on cuda"),
        (True, "3.6", "torch", "torch on cuda: asked for"),
        (True, None, None, "torch on cuda: triton is not installed"),
        (False, "3.6", None, "torch on cpu: torch sees no GPU"),
        (False, None, "torch", "torch on cpu: torch sees no GPU"),
    ],
)
def test_choice(
    gpu: bool, triton: str | None, asked: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "_has_gpu", lambda: gpu)
    monkeypatch.setattr(engines, "installed", lambda name: triton if name == "triton" else "2.11")
    assert str(choose_engine(asked)) == expected


def test_what_cannot_run_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    program = digits_shaped()
    with pytest.raises(InputError, match="'cuda' is unknown; use one of triton, torch"):
        accelerator.simulate(program, noise(program, 1, 1), engine="cuda")
    monkeypatch.setattr(engines, "_has_gpu", lambda: False)
    monkeypatch.delenv(engines.INTERPRETER, raising=False)
    with pytest.raises(MissingPartError, match="Triton can't run: torch sees no GPU"):
        accelerator.simulate(program, noise(program, 1, 1), engine="triton")
    monkeypatch.setattr(engines, "installed", lambda name: None)
    with pytest.raises(MissingPartError, match=r"torch is not installed; pip install .*\.\[accelerator\]"):
        find_simulator("accelerator")(program, noise(program, 1, 1))
    assert str(missing("accelerator")).startswith("torch is not installed")


# --------------------------------------------------------------------------------------- parts, blocks and errors


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("room", [None, SMALL_ROOM, 1])
@pytest.mark.parametrize("program", [digits_shaped(), with_features()], ids=lambda program: program.name)
def test_parts_of_samples_and_blocks_of_steps_agree(program: Program, room: int | None) -> None:
    assert_same(program, noise(program, 5, 20, 0.4), room, probes=every_probe(program), strict=False, steps=24)


def test_a_gpu_without_room_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Memory, "make", full)
    program = digits_shaped()
    with pytest.raises(InputError, match=r"3 samples side by side over 5 steps, .* give a smaller room_bytes"):
        simulated(program, noise(program, 3, 5), steps=5)


def test_room_decides_samples_before_steps() -> None:
    program = digits_shaped()
    found = plans(program, source_ranges(program), {})
    beside, block = sizes.choose(found, 1, 1000, 2000, 10**12)
    assert (beside, block) == (1000, sizes.MOST_STEPS)
    beside, block = sizes.choose(found, 1, 1000, 2000, 10**6)
    assert 1 < beside < 1000
    assert sizes.FEW_STEPS <= block < sizes.MOST_STEPS
    assert sizes.choose(found, 1, 1000, 2000, 1) == (1, 1)
    assert sizes.choose(found, 1, 0, 0, 1) == (1, 1)


@pytest.mark.parametrize("block", [1, 7])
def test_memory_holds_what_was_counted_on(block: int) -> None:
    program = with_features()
    ranges = source_ranges(program)
    probed = {p.name: frozenset(r.name for r in p.type.registers) for p in program.populations}
    found = plans(program, ranges, probed)
    memory = Memory(program, 5, block, "cpu")
    memory.make(found, ranges)
    held: list[Mapping[Any, torch.Tensor]] = [memory.registers, memory.recorded, memory.sent]
    taken = sum(t.element_size() * t.numel() for tensors in held for t in tensors.values())
    channels = sum(source.size for source in program.inputs)
    per_step = sum(map(sizes._step_bytes, found.values()))
    assert taken <= 5 * (sum(map(sizes._kept_bytes, found.values())) + 16 * channels + block * per_step)


def two_totals() -> Program:
    """Integrators of which `second` hears a step later and comes first in the program."""
    totals = tuple(Population(name, "integrator", 2) for name in ("second", "first"))
    joints = tuple(
        Projection(f"x.{p.name}", "x", p.name, Dense(np.array([[0], [127]])), exponent=14, delay_steps=2 - i)
        for i, p in enumerate(totals)
    )
    return Program("two", (Input("x", 1, 3),), totals, joints, ())


@pytest.mark.parametrize("room", [None, 500, 1])
@pytest.mark.parametrize(
    ("loud", "named"),
    [
        ({0: 0}, "first.total (first): 12484608 does not fit in sample 0, neuron 1, step 2"),
        ({6: 34}, "first.total (first): 12484608 does not fit in sample 6, neuron 1, step 36"),
        ({1: 35, 5: 34}, "first.total (first): 12484608 does not fit in sample 5, neuron 1, step 36"),
        ({5: 34, 2: 34}, "first.total (first): 12484608 does not fit in sample 2, neuron 1, step 36"),
    ],
)
def test_strict_errors_name_the_first_place_in_any_part(
    room: int | None, loud: dict[int, int], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "MOST_STEPS", 16)
    program, values = two_totals(), np.zeros((7, 40, 1), dtype=np.int64)
    assert not isinstance(assert_same(program, {"x": values}, room), str)
    for sample, step in loud.items():
        values[sample, step:] = 3
    message = assert_same(program, {"x": values}, room)
    assert isinstance(message, str)
    assert message[: len(named)] == named


@pytest.mark.usefixtures("either")
def test_a_strict_error_of_two_populations_in_one_step() -> None:
    """The population that comes first in the program is named, though its sample comes later, in another part."""
    values = np.zeros((7, 20, 1), dtype=np.int64)
    values[2, 11:], values[6, 10:] = 3, 3
    program = two_totals()
    first = dataclasses.replace(program.projections[1], exponent=13)
    message = assert_same(dataclasses.replace(program, projections=(program.projections[0], first)), {"x": values}, 1)
    assert str(message).startswith("second.total (second): 12484608 does not fit in sample 6, neuron 1, step 13")
    values[2, 10:] = 3
    assert "sample 2" in str(assert_same(program, {"x": values}, 1))


@pytest.mark.usefixtures("either")
def test_a_trap_stops_a_run_that_only_counts() -> None:
    with known(LIMITED):
        program = one_of("limited")
        inputs = {"entry": np.full((5, 30, 3), 900)}
        with pytest.raises(OverflowTrapError, match=r"cells\.level"):
            simulated(program, inputs, strict=False)
        assert_same(program, inputs, 1000, strict=False)


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("neuron", [LIMITED, NORMALIZED, STRANGE], ids=lambda neuron: neuron.name)
def test_types_of_unusual_form_agree(neuron: NeuronType) -> None:
    gain = np.random.default_rng(2).integers(-128, 128, (20, 3))
    cells = Population("cells", "normalized", 20, 3, {"share": 1}, {"gain": gain}, start_step=2)
    make = {"limited": partial(one_of, "limited"), "normalized": partial(one_to_one, cells, 13)}
    with known(neuron):
        program = make.get(neuron.name, strange)()
        for strict in (True, False):
            assert_same(program, noise(program, 2, 12), probes=every_probe(program), strict=strict)


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("factor_bits", [2, 17, 24])
@pytest.mark.parametrize(("value_bits", "shift"), [(24, 15), (24, 0), (24, 31), (18, 14)])
def test_shifted_products_are_exact(factor_bits: int, value_bits: int, shift: int) -> None:
    factors, values = near_edges(factor_bits), near_edges(value_bits)
    with known(multiplier(factor_bits, value_bits, shift)):
        program = one_to_one(
            Population("cells", "multiplier", len(factors), coefficients={"factor": np.array(factors)})
        )
        inputs = {"input": np.repeat(np.array(values)[None, :, None], len(factors), axis=2)}
        assert_same(program, inputs, probes=every_probe(program), strict=False, steps=len(values) + 1)


@pytest.mark.usefixtures("either")
def test_runs_of_no_steps_and_no_samples() -> None:
    program = digits_shaped()
    for shape in ((2, 0, 1), (0, 3, 1)):
        assert_same(program, {"input": np.zeros(shape, dtype=np.int64)}, steps=shape[1])


def test_unknown_primitive_is_named() -> None:
    def step(own: object, state: object, ports: Any, keep: object) -> tuple[dict[str, object], object]:
        return {}, ports.input.apply_primitive("cube_root", (ports.input,))

    with known(NeuronType("cube", "takes roots", (), (), (), (Port("input"),), 24, step)):
        program = one_of("cube")
        with pytest.raises(UnsupportedError, match="cells: primitive 'cube_root' has no torch form"):
            simulated(program, noise(program, 1, 2))


# ------------------------------------------------------------------------------------------------- exact products


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize(("bits", "kind"), [(2, "float32"), (9, "float32"), (10, "float64"), (24, "float64")])
def test_products_are_exact_in_the_narrowest_type(listed: bool, bits: int, kind: str) -> None:
    rng = np.random.default_rng(bits)
    weights = rng.integers(-128, 128, (70, 300)) * (rng.random((70, 300)) < (0.01 if listed else 0.9))
    weights[0, :2] = -128, 127
    connection = Sparse.from_dense(weights) if listed else Dense(weights)
    found = Synapses(Projection("a", "x", "y", connection, exponent=-3), limits(bits), "cpu")
    assert (str(found.float_type), found.parts, found.weights.is_sparse) == (f"torch.{kind}", 1, listed)
    low, high = limits(bits)
    messages = rng.choice([low, low + 1, -1, 0, 1, high], (50, 300))
    expected = [
        [sum(w * m for w, m in zip(row, line, strict=True)) >> 3 for row in weights.tolist()]
        for line in messages.tolist()
    ]
    assert found.arriving(torch.from_numpy(messages)).tolist() == expected


def test_more_than_float32_holds_goes_to_float64() -> None:
    for size, kind in ((2**10, "float32"), (2**10 + 1, "float64")):
        joint = Projection("a", "x", "y", Dense(np.full((1, size), -128)))
        assert str(Synapses(joint, (-128, 128), "cpu").float_type) == f"torch.{kind}"


def test_wide_messages_go_in_parts() -> None:
    """Wider than any register; sums are those of int64."""
    messages = [2**62 - 1, -(2**62), 2**50 + 1, -1, 0, 123456789012345]
    weights = [[1, 1, 1, 1, 1, 1], [3, -5, 127, -128, 7, 2]]
    found = Synapses(Projection("a", "x", "y", Dense(np.array(weights))), limits(63), "cpu")
    assert found.parts == 3
    exact = [sum(w * m for w, m in zip(row, messages, strict=True)) for row in weights]
    assert found.arriving(torch.tensor([messages])).tolist() == [[(n + 2**63) % 2**64 - 2**63 for n in exact]]


def test_sums_are_made_some_rows_at_a_time() -> None:
    found = Synapses(Projection("a", "x", "y", Dense(np.array([[3, -2]]))), limits(8), "cpu")
    messages = torch.arange(-20, 20).reshape(20, 2)
    whole = found.arriving(messages)
    found.rows = 3
    assert torch.equal(found.arriving(messages), whole)
    assert whole[0].tolist() == [3 * -20 + -2 * -19]
