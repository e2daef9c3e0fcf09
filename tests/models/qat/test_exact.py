"""The forward pass with fake quantization is the integer program, to the last bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from models.kernels.voltages import voltages, voltages_loop
from models.network.config import NetworkConfig
from models.network.spiking_ssm import SpikingSSM
from models.qat.compiling import Choice, Compiler
from models.qat.grid import UnitGrid
from models.qat.network import QuantizedSSM, total_of
from models.shipped import zoo
from models.tasks import load_task
from models.tasks.calibration import calibration_inputs
from simulators.reference import simulate
from toolchain.errors import InputError, QuantizationError, VerificationError
from toolchain.host.decode import at_last_step, output_probe, step_outputs
from toolchain.host.encode import encode_counted
from toolchain.ir.integer import IntArray
from toolchain.ir.neurons import Values
from toolchain.ir.neurons.ssm_lif import SSM_LIF
from toolchain.ir.program import Population
from toolchain.ir.text import program_hash
from toolchain.ir.timestep import keeper, step_population
from toolchain.lower.activity import aligned_messages
from toolchain.quantize.settings import Settings
from toolchain.units.state_space import StateSpace

NARROW = Settings(weight_bits=4, a_bits=12, c_bits=6)
TRIED = [Settings(), NARROW, replace(NARROW, state_bits=16), replace(NARROW, c_rounding="nearest", weight_scale="mse")]


def _assert_equal(network: SpikingSSM, choice: Choice, x: NDArray[Any], lengths: IntArray | None = None) -> None:
    """Every spike of every block and stage, and what the host reads, against the reference simulator."""
    quantized = QuantizedSSM(network)
    quantized.adopt(choice)
    given = torch.from_numpy(x if x.ndim == 2 else x.astype(np.float32))
    output = quantized(given, None if lengths is None else torch.from_numpy(lengths))
    program, steps = choice.program, x.shape[1]
    values = np.eye(network.config.inputs)[x] if x.ndim == 2 else x
    payload = encode_counted(program.inputs[0], values).payload
    probe = output_probe(program)
    assert probe is not None
    trace = simulate(program, {"input": payload}, strict=False, probes=(probe,))
    messages = aligned_messages(program, choice.compiled.network, trace, steps)
    spiking = [population.name for population in program.populations if population.message_range == (0, 1)]
    assert len(output.spikes) == len(spiking)
    for name, spikes in zip(spiking, output.spikes, strict=True):
        assert np.array_equal(messages[name].transpose(0, 2, 1), spikes.detach().numpy())
    last = choice.scheme.units[program.outputs[0].population]
    read = step_outputs(program, trace) / (last.gain * 2.0**last.drive_exponent)
    if network.config.decode == "every-step":
        assert np.array_equal(read.transpose(0, 2, 1), output.logits.detach().double().numpy())
        return
    counted = np.full(len(x), steps) if lengths is None else lengths
    expected = at_last_step(read, counted) / counted[:, None]
    # A quotient of two floats, one of 24 bits, is off by half a unit of the last place at most.
    np.testing.assert_allclose(output.logits.detach().numpy(), expected, rtol=2e-7, atol=0)


@pytest.mark.parametrize("widths", TRIED, ids=["w8a16c8s24", "w4a12c6s24", "w4a12c6s16", "nearest"])
def test_digits_network_computes_what_its_program_computes(widths: Settings) -> None:
    trained, task = zoo.load("digits"), load_task("digits")
    choice = Compiler("digits", task.steps, calibration_inputs(task), widths).calibrate(trained.network)
    _assert_equal(trained.network, choice, task.test.inputs[:24].astype(np.float64))


Case = tuple[SpikingSSM, Settings, NDArray[Any], IntArray | None]


def _untrained(config: NetworkConfig, seed: int, ln_vth: float) -> SpikingSSM:
    """With thresholds that are reached, and norms that are none at their start."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = SpikingSSM(config)
        for block in network.block_list():
            block.soma.ln_vth.data.fill_(ln_vth)
            if block.norm is not None:
                block.norm.mean.normal_(0, 0.3)
                block.norm.variance.uniform_(0.2, 3.0)
                # Of either sign: a norm's weight may become negative.
                block.norm.weight.data.uniform_(0.5, 1.5).mul_(torch.randint(0, 2, (config.channels,)) * 2 - 1)
                block.norm.bias.data.normal_(0, 0.3)
    return network


@st.composite
def _cases(draw: st.DrawFn, /, mixings: tuple[str, ...], **kinds: tuple[Any, ...]) -> Case:
    """Networks, widths, and inputs from a tame to a wild range or symbols.

    Args:
        draw: hypothesis'.
        mixings: to draw from.
        kinds: the same for `norm`, `decode`, `symbols` and `padded`.
    """
    chosen = {name: draw(st.sampled_from(values)) for name, values in kinds.items()}
    symbols, padded = chosen.pop("symbols", False), chosen.pop("padded", False)
    config = NetworkConfig(
        inputs=draw(st.integers(2 if symbols else 1, 3)),
        classes=draw(st.integers(2, 4)),
        blocks=draw(st.integers(1, 3)),
        channels=draw(st.integers(1, 9)),
        modes=draw(st.integers(1, 5)),
        dt_min=0.01,
        dt_max=draw(st.sampled_from([0.02, 0.3, 2.0])),
        mix=draw(st.sampled_from(mixings)),
        **chosen,
    )
    seed = draw(st.integers(0, 2**31 - 1))
    network = _untrained(config, seed, draw(st.floats(-3.0, 0.5)))
    widths = Settings(
        weight_bits=draw(st.integers(2, 8)),
        a_bits=draw(st.integers(8, 20)),
        c_bits=draw(st.integers(4, 12)),
        state_bits=draw(st.integers(14, 24)),
        headroom_bits=draw(st.integers(0, 1)),
        table_bits=draw(st.integers(4, 10)),
        c_rounding=draw(st.sampled_from(["fitted", "nearest"])),
        weight_scale=draw(st.sampled_from(["max", "mse", "percentile"])),
        equalize=draw(st.booleans()),
    )
    rng, steps = np.random.default_rng(seed), draw(st.integers(1, 24))
    x: NDArray[Any] = rng.integers(0, config.inputs, (3, steps)).astype(np.uint8)
    if not symbols:
        x = rng.normal(0, 10.0 ** draw(st.integers(-1, 1)), (3, steps, config.inputs)).astype(np.float32)
        x = x.astype(np.float64)
    return network, widths, x, rng.integers(1, steps + 1, 3) if padded else None


def _assert_random_case_is_equal(case: Case, stretch: float) -> None:
    network, widths, x, lengths = case
    values = np.eye(network.config.inputs)[x] if x.ndim == 2 else x
    try:
        choice = Compiler("random", x.shape[1], values, widths).calibrate(network)
    except (QuantizationError, VerificationError):
        assume(False)
    # Beyond what was calibrated, registers saturate here and there.
    _assert_equal(network, choice, x if x.ndim == 2 else (stretch * x).astype(np.float32).astype(np.float64), lengths)
    # The shorter way that is taken between two calibrations makes the same program.
    again = Compiler("random", x.shape[1], values, widths).choose(network, choice)
    assert program_hash(again.program) == program_hash(choice.program)
    # From the same real numbers, so that no tie is rounded another way.
    for one, other in zip(again.compiled.network.units, choice.compiled.network.units, strict=True):
        if isinstance(one, StateSpace) and isinstance(other, StateSpace):
            for name in ("poles", "c", "d"):
                assert np.array_equal(getattr(one, name), getattr(other, name)), (one.name, name)
        assert np.array_equal(one.bias, other.bias), one.name
    for edge, twin in zip(again.compiled.network.links, choice.compiled.network.links, strict=True):
        assert np.array_equal(edge.weights.toarray(), twin.weights.toarray()), (edge.source, edge.target)


@given(_cases(("linear",)), st.floats(0.5, 3.0))
@settings(max_examples=30)
def test_random_networks_compute_what_their_programs_compute(case: Case, stretch: float) -> None:
    _assert_random_case_is_equal(case, stretch)


@given(_cases(("linear", "glu"), norm=("batch",)), st.floats(0.5, 3.0))
@settings(max_examples=25)
def test_networks_with_norms(case: Case, stretch: float) -> None:
    _assert_random_case_is_equal(case, stretch)


@given(_cases(("glu", "binary-gate", "two-stage"), norm=("none", "batch")), st.floats(0.5, 3.0))
@settings(max_examples=40)
def test_networks_with_gates_and_second_stages(case: Case, stretch: float) -> None:
    _assert_random_case_is_equal(case, stretch)


@given(_cases(("linear", "glu"), norm=("batch",), symbols=(False, True), padded=(True,)), st.floats(0.5, 3.0))
@settings(max_examples=25)
def test_networks_for_symbols_of_true_length(case: Case, stretch: float) -> None:
    _assert_random_case_is_equal(case, stretch)


@given(_cases(("linear", "glu"), norm=("batch",), decode=("every-step",), symbols=(False, True)), st.floats(0.5, 3.0))
@settings(max_examples=25)
def test_networks_that_decide_at_every_step(case: Case, stretch: float) -> None:
    _assert_random_case_is_equal(case, stretch)


def _some_inputs(name: str, samples: int, steps: int) -> tuple[NDArray[Any], IntArray | None]:
    """Beginnings of test sequences of a shipped network's task; made up where its data have not been fetched."""
    config, rng = zoo.load(name).network.config, np.random.default_rng(3)
    try:
        part = load_task(zoo.load(name).task).test
    except InputError:
        x: NDArray[Any] = rng.normal(0, 0.7, (samples, steps, config.inputs)).astype(np.float32)
        return (x if name == "hapt" else rng.integers(0, config.inputs, x.shape[:2]).astype(np.uint8)), None
    few = slice(0, samples)
    lengths = None if part.lengths is None else np.minimum(part.lengths[few], steps - np.arange(samples))
    return part.inputs[few, :steps], lengths


@pytest.mark.parametrize(("name", "samples", "steps"), [("hapt", 12, 128), ("listops", 3, 192), ("sotu", 2, 64)])
def test_shipped_networks_with_gates(name: str, samples: int, steps: int) -> None:
    network = zoo.load(name).network
    x, lengths = _some_inputs(name, samples, steps)
    values = x.astype(np.float64) if x.ndim == 3 else np.eye(network.config.inputs)[x]
    choice = Compiler(name, steps, values, Settings()).calibrate(network)
    _assert_equal(network, choice, x if x.ndim == 2 else x.astype(np.float64), lengths)


def _by_the_neuron_type(drive: Tensor, population: Population) -> list[np.ndarray]:
    """Voltages before reset as `ssm_lif`'s own step computes them."""
    batch, size, steps = drive.shape
    seen: list[np.ndarray] = []
    keep = keeper(population, lambda name, _, held: seen.append(held) if name == "voltage" else None)
    state = {"voltage": np.zeros((batch, size), np.int64)}
    state |= {name: np.zeros((batch, size, population.modes), np.int64) for name in ("state_re", "state_im")}
    for t in range(steps):
        # The bias is part of the drive already.
        ports = Values({"input": drive[..., t].numpy().astype(np.int64)})
        state, _ = step_population(population, state, ports, keep)
    return seen


@given(st.data())
@settings(max_examples=40)
def test_recurrence_is_the_neuron_types(data: st.DataObject) -> None:
    size, modes, batch, steps = (data.draw(st.integers(1, most)) for most in (3, 4, 2, 12))
    own = {
        "a_bits": data.draw(st.integers(4, 24)),
        "c_bits": data.draw(st.integers(2, 16)),
        "state_bits": data.draw(st.integers(8, 32)),
        "input_shift": data.draw(st.integers(0, 16)),
        "c_shift": data.draw(st.integers(0, 31)),
    }
    rng = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    # Inside the unit disc, as poles are; up to its edge.
    radius, phase = 1 - 2.0 ** -rng.uniform(0, 24, (size, modes)), rng.uniform(-np.pi, np.pi, (size, modes))
    poles = (
        np.trunc(radius * np.cos(phase) * 2 ** (own["a_bits"] - 1)),
        np.trunc(radius * np.sin(phase) * 2 ** (own["a_bits"] - 1)),
    )
    top = (1 << (own["c_bits"] - 1)) - 1
    integers = {
        "a_re": poles[0].astype(np.int64),
        "a_im": poles[1].astype(np.int64),
        "c_re": rng.integers(-top, top + 1, (size, modes)),
        "c_im": rng.integers(-top, top + 1, (size, modes)),
        "d": rng.integers(-top, top + 1, size),
        "d_shift": rng.integers(0, 32, size),
        "leak": rng.integers(0, 4097, size),
        "threshold": rng.integers(1, 1 << data.draw(st.integers(1, 23)), size),
    }
    population = Population("p", SSM_LIF.name, size, modes=modes, settings=own, coefficients=integers)
    reach = 1 << data.draw(st.integers(0, 23))
    drive = torch.from_numpy(np.clip(rng.integers(-reach, reach, (batch, size, steps)), 1 - 2**23, 2**23 - 1))
    tensors = {name: torch.from_numpy(values) for name, values in integers.items()}
    expected = np.stack(_by_the_neuron_type(drive, population), axis=-1)
    for run in (voltages, voltages_loop):
        assert np.array_equal(run(drive.to(torch.int32), tensors, own).numpy(), expected)


def test_running_sum_saturates_at_every_step() -> None:
    top = 2.0**23 - 1
    drive = torch.tensor([[[top, 5.0, -3.0], [1.0, 2.0, 3.0], [-top, -top, 4.0]]], requires_grad=True)
    total = total_of(drive)
    assert total.tolist() == [[top - 3, 6.0, 4 - top]]
    torch.autograd.backward(total.sum())
    assert drive.grad is not None and drive.grad.eq(1).all()


def test_units_are_in_the_order_of_the_program() -> None:
    trained, task = zoo.load("digits"), load_task("digits")
    choice = Compiler("digits", task.steps, calibration_inputs(task), NARROW).calibrate(trained.network)
    quantized = QuantizedSSM(trained.network)
    quantized.adopt(choice)
    assert quantized.grid is not None
    units: tuple[UnitGrid, ...] = quantized.grid.units
    assert [unit.name for unit in units] == ["block0", "block1", "sum"]
    assert [unit.neuron is None for unit in units] == [False, False, True]
