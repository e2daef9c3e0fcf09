"""The fast simulator against the reference: every neuron type, every path of the generated code, equal bit for bit."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators import fast, reference
from simulators.fast import compiling, lanes, layout, memory, network, plan, quads_code, synapses
from simulators.fast.blocks import Runner
from simulators.fast.compiling import has_feature
from simulators.fast.network import CompiledProgram
from simulators.fast.synapse_code import COMPRESS
from tests.backends.fast_programs import (
    NORMALIZED,
    assert_same_outcome,
    assert_same_trace,
    known,
    multiplier,
    near_edges,
    one_to_one,
)
from tests.onnx_programs import LIMITED, ROOT, digits_shaped, one_of, with_features
from tests.strategies import runs
from toolchain.errors import InputError, OverflowTrapError, UnsupportedError
from toolchain.ir.connections import Dense, Sparse
from toolchain.ir.integer import IntArray
from toolchain.ir.neurons import NeuronType, Port
from toolchain.ir.program import Input, Population, Probe, Program, Projection

RNG_SEED = 17


def noise(program: Program, samples: int, steps: int, share: float = 1.0) -> dict[str, IntArray]:
    """Random payloads over each input's whole range, silent but for a share."""
    rng = np.random.default_rng(RNG_SEED)
    found = {}
    for source in program.inputs:
        low, high = -(2 ** (source.bits - 1)), 2 ** (source.bits - 1)
        values = rng.integers(low, high, (samples, steps, source.size))
        found[source.name] = values * (rng.random(values.shape) < share)
    return found


@settings(max_examples=40)
@given(run=runs(), recorded=st.booleans())
def test_random_programs_agree(run: tuple[Program, dict[str, IntArray]], recorded: bool) -> None:
    program, inputs = run
    assert_same_outcome(program, inputs, probes=program.all_probes(), strict=False, record_messages=recorded)


@settings(max_examples=25)
@given(run=runs())
def test_strict_runs_stop_at_the_same_place(run: tuple[Program, dict[str, IntArray]]) -> None:
    assert_same_outcome(*run)


@pytest.mark.parametrize("size", [1, 15, 16, 17, 64, 65, 130])
@pytest.mark.parametrize("share", [0.02, 1.0])
def test_sizes_around_whole_vectors_agree(size: int, share: float) -> None:
    program = digits_shaped(size)
    program = dataclasses.replace(program, projections=gently(program))
    assert_same_outcome(program, noise(program, 3, 9, share), probes=program.all_probes(), strict=False)


def test_many_blocks_of_steps_with_long_delays_agree() -> None:
    program = with_features()
    delays = (62, 1, 7, 1, 2, 61, 30, 1)
    joints = tuple(dataclasses.replace(p, delay_steps=d) for p, d in zip(program.projections, delays, strict=True))
    program = dataclasses.replace(program, projections=joints)
    inputs = noise(program, 2, 530, 0.3)
    assert_same_outcome(program, inputs, probes=[Probe("cells", "voltage")], strict=False, steps=600)


@pytest.mark.parametrize("delay", [1, 3])
def test_cycles_take_turns_of_their_shortest_delay(delay: int) -> None:
    program = with_features()
    joints = tuple(
        dataclasses.replace(p, delay_steps=delay) if {p.source, p.target} <= {"cells", "relay"} else p
        for p in program.projections
    )
    program = dataclasses.replace(program, projections=joints)
    assert_same_outcome(program, noise(program, 2, 40), probes=program.all_probes(), strict=False)


@pytest.mark.parametrize("turn", [1, 3, 8])
@pytest.mark.parametrize("threads", [1, 2])
def test_turns_within_a_block_agree(turn: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "WORTH_SHARING", 1)
    for program in (with_features(), digits_shaped(200)):
        monkeypatch.setattr(memory, "TURN_NEURONS", turn * layout.padded(max(program.sizes().values())))
        assert memory.block_steps(program, 1) == memory.MOST_TURNS * turn
        gentle = dataclasses.replace(program, projections=gently(program))
        inputs, probes = noise(gentle, 1, 50), gentle.all_probes()
        expected = reference.simulate(gentle, inputs, probes=probes, strict=False)
        found = fast.simulate(gentle, inputs, probes=probes, strict=False, threads=threads)
        assert_same_trace(gentle, expected, found)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_samples_divided_among_threads_agree(threads: int) -> None:
    program = digits_shaped()
    inputs = noise(program, 7, 20)
    whole = fast.simulate(program, inputs, strict=False, threads=threads)
    for sample in range(7):
        alone = fast.simulate(program, {"input": inputs["input"][sample : sample + 1]}, strict=False)
        assert all(np.array_equal(whole.messages[name][sample], alone.messages[name][0]) for name in alone.messages)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_neurons_divided_among_threads_agree(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "WORTH_SHARING", 1)
    program = with_features()
    wide = digits_shaped(200)
    for each in (program, dataclasses.replace(wide, projections=gently(wide))):
        inputs = noise(each, 1, 20)
        assert_same_trace(
            each,
            reference.simulate(each, inputs, probes=each.all_probes(), strict=False),
            fast.simulate(each, inputs, probes=each.all_probes(), strict=False, threads=threads),
        )
        assert_same_outcome(each, inputs)


def gently(program: Program) -> tuple[Projection, ...]:
    return tuple(dataclasses.replace(p, exponent=-3) for p in program.projections)


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize(("a_bits", "c_shift"), [(2, 3), (10, 3), (10, 12), (16, 3), (16, 8), (16, 15), (17, 9)])
def test_modes_agree_with_and_without_paired_products(
    paired: bool, a_bits: int, c_shift: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not paired:
        monkeypatch.setattr(plan, "has_feature", lambda name: False)
    elif not has_feature(lanes.SHORT_PRODUCTS):
        pytest.skip(f"this processor lacks {lanes.SHORT_PRODUCTS}")
    program = edge_poles(a_bits, c_shift)
    planned = CompiledProgram(program, 1, {}, strict=True, steps=1).plans["cells"]
    assert bool(planned.pairs) == (paired and a_bits in (10, 16))
    assert bool(planned.twins) == (paired and (a_bits, c_shift) in ((10, 3), (16, 8), (16, 15)))
    assert_same_outcome(program, noise(program, 2, 40), probes=program.all_probes(), strict=False)
    quiet = {"input": noise(program, 2, 40)["input"] // 64}
    stored = [Probe("cells", register.name) for register in program.populations[0].type.registers]
    assert_same_outcome(program, quiet, probes=stored)


def edge_poles(a_bits: int, c_shift: int) -> Program:
    """Poles near the ends of their range on both axes, driven until the modes saturate."""
    top = 2 ** (a_bits - 1) - 1
    corners = [(top, 0), (-top, 0), (0, top), (0, -top), (top, 1), (-top, -1), (1, -top)]
    size = len(corners)
    a_re, a_im = (np.array([corner[i] for corner in corners])[:, None] for i in (0, 1))
    one = np.ones((size, 1), dtype=np.int64)
    held = {"a_re": a_re, "a_im": a_im, "c_re": 127 * one, "c_im": -128 * one, "threshold": np.full(size, 1000)}
    cells = Population("cells", "ssm_lif", size, 1, {"a_bits": a_bits, "input_shift": 4, "c_shift": c_shift}, held)
    joint = Projection("in", "input", "cells", Dense(np.array([[127], [-128], [99], [1], [-1], [64], [-64]])))
    return Program("edges", (Input("input", 1, 14),), (cells,), (joint,), (), 0)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("bits", [2, 12, 24])
def test_synapses_of_every_form_agree(sparse: bool, bits: int) -> None:
    rng = np.random.default_rng(bits)
    weights = rng.integers(-128, 128, (70, 300)) * (rng.random((70, 300)) < (0.03 if sparse else 0.9))
    connection = Sparse.from_dense(weights) if sparse else Dense(weights)
    # 300 sources of -128 overflow 16-bit sums, and 24-bit payloads times 8-bit weights overflow 32-bit ones.
    joints = (
        Projection("a", "input", "sum", connection, exponent=3 - bits),
        Projection("b", "input", "sum", Dense(np.minimum(-weights, 127)), exponent=max(-bits - 9, -23), delay_steps=2),
        Projection("c", "relay", "sum", Dense(np.full((70, 300), -128)), exponent=-22),
        Projection("d", "input", "relay", Dense(np.eye(300, dtype=np.int64)), exponent=-1),
    )
    cells = (Population("sum", "integrator", 70), Population("relay", "relay", 300))
    program = Program("net", (Input("input", 300, bits),), cells, joints, ())
    inputs = noise(program, 2, 6)
    inputs["input"][:, 0] = -(2 ** (bits - 1))
    assert_same_outcome(program, inputs, probes=program.all_probes(), strict=False)


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("share", [0.01, 0.3, 1.0])
def test_messages_are_listed_alike_with_and_without_compressing(
    share: float, compress: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not compress:
        monkeypatch.setattr(synapses, "has_feature", lambda name: False)
    elif not has_feature(COMPRESS):
        pytest.skip(f"this processor lacks {COMPRESS}")
    program = digits_shaped(200)
    assert_same_outcome(program, noise(program, 2, 12, share), probes=program.all_probes(), strict=False)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_many_spikes_agree_with_and_without_multiplying_all_pairs(
    share: float, together: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not together:
        monkeypatch.setattr(synapses, "has_feature", lambda name: False)
    elif not has_feature(quads_code.FEATURE):
        pytest.skip(f"this processor lacks {quads_code.FEATURE}")
    rng = np.random.default_rng(RNG_SEED)
    spiking = np.where(rng.random(300) < share, 1, -1)
    cells = Population("cells", "cuba_lif", 300, coefficients={"vth": np.zeros(300, int), "bias_mant": spiking})
    joints = (
        Projection("in", "input", "cells", Dense(rng.integers(-128, 128, (300, 1)))),
        Projection("all", "cells", "sum", Dense(rng.integers(-128, 128, (70, 300))), exponent=2),
        Projection("late", "cells", "sum", Dense(np.full((70, 300), -128)), exponent=-3, delay_steps=3),
    )
    program = Program("net", (Input("input", 1, 4),), (cells, Population("sum", "integrator", 70)), joints, ())
    inputs = noise(program, 2, 13, 0.5)
    trace = assert_same_outcome(program, inputs, probes=program.all_probes(), strict=False)
    assert not isinstance(trace, str)
    assert trace.messages["cells"].mean() > share / 3


def test_more_spikes_than_16_bit_sums_hold_agree() -> None:
    cells = Population(
        "cells", "cuba_lif", 600, coefficients={"vth": np.zeros(600, int), "bias_mant": np.ones(600, int)}
    )
    total = Population("sum", "integrator", 3)
    joints = (
        Projection("in", "input", "sum", Dense(np.ones((3, 1), dtype=np.int64))),
        Projection("all", "cells", "sum", Dense(np.array([[-128] * 600, [127] * 600, [-1] * 600]))),
    )
    program = Program("net", (Input("input", 1, 4),), (cells, total), joints, ())
    trace = assert_same_outcome(program, noise(program, 1, 5))
    assert not isinstance(trace, str)
    assert trace.messages["cells"].all()


@pytest.mark.parametrize("neuron", [LIMITED, NORMALIZED], ids=lambda neuron: neuron.name)
def test_types_of_unusual_form_agree(neuron: NeuronType) -> None:
    with known(neuron):
        program = one_of("limited") if neuron is LIMITED else one_to_one(normalized_cells(), bits=13)
        for strict in (True, False):
            inputs = {program.inputs[0].name: noise(program, 2, 12)[program.inputs[0].name]}
            assert_same_outcome(program, inputs, probes=program.all_probes(), strict=strict)


def normalized_cells() -> Population:
    gain = np.random.default_rng(2).integers(-128, 128, (20, 3))
    return Population("cells", "normalized", 20, 3, {"share": 1}, {"gain": gain}, start_step=2)


@pytest.mark.parametrize("short", [True, False])
@pytest.mark.parametrize("factor_bits", [2, 13, 16, 17, 18, 24])
@pytest.mark.parametrize(("value_bits", "shift"), [(24, 12), (24, 15), (24, 0), (24, 31), (18, 14), (24, 16)])
def test_shifted_products_are_exact_in_any_lanes(
    short: bool, factor_bits: int, value_bits: int, shift: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not short:
        monkeypatch.setattr(lanes, "has_feature", lambda name: False)
    factors, values = near_edges(factor_bits), near_edges(value_bits)
    with known(multiplier(factor_bits, value_bits, shift)):
        program = one_to_one(
            Population("cells", "multiplier", len(factors), coefficients={"factor": np.array(factors)})
        )
        inputs = np.repeat(np.array(values)[None, :, None], len(factors), axis=2)
        trace = fast.simulate(
            program, {"input": inputs}, steps=len(values) + 1, probes=program.all_probes(), strict=False
        )
    rows = [trace.registers[f"cells.{register}"][0].tolist() for register in ("value", "floor", "zero")]
    for row, floors, zeros in zip(*rows, strict=True):
        for factor, value, floor, zero in zip(factors, row, floors, zeros, strict=True):
            assert floor == factor * value // 2**shift
            assert zero == (abs(factor * value) // 2**shift) * (1 if factor * value >= 0 else -1)


def test_strict_error_names_the_place_in_a_late_block_of_a_late_population() -> None:
    program = digits_shaped()
    readout = dataclasses.replace(program.populations[2], coefficients={"bias": np.array([0] * 9 + [2**14])})
    program = dataclasses.replace(program, populations=(*program.populations[:2], readout))
    inputs = {"input": np.zeros((3, 700, 1), dtype=np.int64)}
    message = assert_same_outcome(program, inputs)
    assert isinstance(message, str)
    assert message.startswith("readout.total (readout): ")
    assert "neuron 9, step 5" in message


def test_memory_does_not_grow_with_length() -> None:
    program = digits_shaped()
    runner = Runner(program, 2, strict=False)
    silence = {"input": np.zeros((2, 64, 1), dtype=np.int64)}
    runner.feed(silence)
    tracemalloc.start()
    runner.feed(silence)
    few = tracemalloc.get_traced_memory()[0]
    for _ in range(40):
        runner.feed(silence)
    assert tracemalloc.get_traced_memory()[0] < few + 64 * 1024
    tracemalloc.stop()


def test_runs_of_no_steps_and_no_samples() -> None:
    program = digits_shaped()
    for shape in ((2, 0, 1), (0, 3, 1)):
        assert_same_outcome(program, {"input": np.zeros(shape, dtype=np.int64)}, steps=shape[1])


def test_bad_input_is_refused_as_by_the_reference() -> None:
    program = digits_shaped()
    with pytest.raises(InputError, match="no such array"):
        fast.simulate(program, {})
    with pytest.raises(InputError, match="no register 'volts'"):
        fast.simulate(program, noise(program, 1, 1), probes=[Probe("block0", "volts")])
    for step, steps in ((0, 1), (400, 1), (400, 500)):
        wrong = noise(program, 2, 500)
        wrong["input"][1, step, 0] = 128
        with pytest.raises(InputError, match=r"payload 128 does not fit 8 bits \(-128 \.\. 127\)"):
            fast.simulate(program, wrong, steps=steps)
    with pytest.raises(InputError, match="payload 18446744073709551615 does not fit"):
        fast.simulate(program, {"input": np.full((1, 2, 1), 2**64 - 1, dtype=np.uint64)})
    with pytest.raises(InputError, match="holds float64"):
        fast.simulate(program, {"input": cast(IntArray, np.zeros((1, 2, 1)))})
    with pytest.raises(InputError, match="-1 is negative"):
        fast.simulate(program, noise(program, 1, 1), steps=-1)


def test_unknown_primitive_is_named() -> None:
    def step(own: object, state: object, ports: Any, keep: object) -> tuple[dict[str, object], object]:
        return {}, ports.input.apply_primitive("cube_root", (ports.input,))

    with known(NeuronType("cube", "takes roots", (), (), (), (Port("input"),), 24, step)):
        program = one_of("cube")
        with pytest.raises(UnsupportedError, match="cells: primitive 'cube_root' has no vector form"):
            fast.simulate(program, noise(program, 1, 2))


def test_a_trap_stops_a_run_that_only_counts() -> None:
    with known(LIMITED):
        program = one_of("limited")
        inputs = {"entry": np.full((2, 30, 3), 900)}
        with pytest.raises(OverflowTrapError, match=r"cells\.level"):
            fast.simulate(program, inputs, strict=False)
        assert_same_outcome(program, inputs, strict=False)


START = """
from simulators.fast import compiling, simulate
from tests.onnx_programs import digits_shaped
compiled, compile_text = [], compiling._compiled
compiling._compiled = lambda *given: compiled.append(1) or compile_text(*given)
total = simulate(digits_shaped(), {"input": [[[3]] * 9]}, strict=False).final["readout.total"]
print(len(compiled), total.tolist())
"""


def start(cache: Path) -> tuple[int, str]:
    """A fresh process: how many functions it compiled, and its result."""
    done = subprocess.run(
        [sys.executable, "-c", START],
        cwd=ROOT,
        env={compiling.CACHE_VARIABLE: str(cache)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    compiled, _, result = done.stdout.partition(" ")
    return int(compiled), result


def test_code_is_kept_on_disk_and_damage_is_noticed(tmp_path: Path) -> None:
    first, result = start(tmp_path)
    files = sorted(tmp_path.iterdir())
    assert first == len(files) > 0
    assert start(tmp_path) == (0, result)
    whole = files[0].read_bytes()
    files[0].write_bytes(whole[:-40] + bytes(40))
    assert start(tmp_path) == (1, result)
    assert files[0].read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert start(blocked)[0] > 0
