"""The forward pass with fake quantization is the integer program, to the last bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from models import zoo
from models.config import NetworkConfig
from models.qat.compiling import Choice, Compiler
from models.qat.grid import Modes, UnitGrid
from models.qat.network import QuantizedSSM, total_of
from models.qat.reals import SUM
from models.qat.voltages import voltages, voltages_loop
from models.spiking_ssm import SpikingSSM
from models.tasks import load_task
from models.tasks.calibration import calibration_inputs
from simulators.reference import simulate
from toolchain.errors import QuantizationError, VerificationError
from toolchain.frontend.graph import FloatArray
from toolchain.ir.neurons import Values
from toolchain.ir.neurons.ssm_lif import SSM_LIF
from toolchain.ir.program import Population
from toolchain.ir.timestep import keeper, step_population
from toolchain.lower.activity import aligned_messages
from toolchain.lower.encode import encode_counted
from toolchain.quantize.settings import Settings

NARROW = Settings(weight_bits=4, a_bits=12, c_bits=6)
TRIED = [Settings(), NARROW, replace(NARROW, state_bits=16), replace(NARROW, c_rounding="nearest", weight_scale="mse")]


def _assert_equal(network: SpikingSSM, choice: Choice, x: FloatArray) -> None:
    """Every spike of every block, and the running sums at the end, against the reference simulator."""
    quantized = QuantizedSSM(network)
    quantized.adopt(choice)
    output = quantized(torch.from_numpy(x.astype(np.float32)))
    program, steps = choice.program, x.shape[1]
    payload = encode_counted(program.inputs[0], x, "saturate").payload
    trace = simulate(program, {"input": payload}, strict=False)
    messages = aligned_messages(program, choice.compiled.network, trace, steps)
    assert len(output.spikes) == network.config.blocks
    for index, spikes in enumerate(output.spikes):
        assert np.array_equal(messages[f"block{index}"].transpose(0, 2, 1), spikes.detach().numpy())
    scale = choice.scheme.units[SUM].gain * 2.0 ** choice.scheme.units[SUM].drive_exponent
    # A quotient of two floats, one of 24 bits, is off by half a unit of the last place at most.
    expected = trace.final[f"{SUM}.total"] / (scale * steps)
    np.testing.assert_allclose(output.logits.detach().numpy(), expected, rtol=2e-7, atol=0)


@pytest.mark.parametrize("widths", TRIED, ids=["w8a16c8s24", "w4a12c6s24", "w4a12c6s16", "nearest"])
def test_digits_network_computes_what_its_program_computes(widths: Settings) -> None:
    trained, task = zoo.load("digits"), load_task("digits")
    choice = Compiler("digits", task.steps, calibration_inputs(task), widths).calibrate(trained.network)
    _assert_equal(trained.network, choice, task.test.inputs[:24].astype(np.float64))


@st.composite
def _networks(draw: st.DrawFn) -> tuple[SpikingSSM, Settings, FloatArray]:
    """Untrained networks with thresholds that are reached, and inputs from a tame to a wild range."""
    config = NetworkConfig(
        inputs=draw(st.integers(1, 3)),
        classes=draw(st.integers(2, 4)),
        blocks=draw(st.integers(1, 3)),
        channels=draw(st.integers(1, 9)),
        modes=draw(st.integers(1, 5)),
        dt_min=0.01,
        dt_max=draw(st.sampled_from([0.02, 0.3, 2.0])),
    )
    seed = draw(st.integers(0, 2**31 - 1))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = SpikingSSM(config)
    for block in network.block_list():
        block.soma.ln_vth.data.fill_(draw(st.floats(-3.0, 0.5)))
    widths = Settings(
        weight_bits=draw(st.integers(2, 8)),
        a_bits=draw(st.integers(8, 20)),
        c_bits=draw(st.integers(4, 12)),
        state_bits=draw(st.integers(14, 24)),
        headroom_bits=draw(st.integers(0, 1)),
        c_rounding=draw(st.sampled_from(["fitted", "nearest"])),
        weight_scale=draw(st.sampled_from(["max", "mse", "percentile"])),
        equalize=draw(st.booleans()),
    )
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 10.0 ** draw(st.integers(-1, 1)), (3, draw(st.integers(1, 24)), config.inputs))
    return network, widths, x.astype(np.float32).astype(np.float64)


@given(_networks(), st.floats(0.5, 3.0))
@settings(max_examples=30)
def test_random_networks_compute_what_their_programs_compute(
    case: tuple[SpikingSSM, Settings, FloatArray], stretch: float
) -> None:
    network, widths, x = case
    try:
        choice = Compiler("random", x.shape[1], x, widths).calibrate(network)
    except (QuantizationError, VerificationError):
        assume(False)
    # Beyond what was calibrated, registers saturate here and there.
    _assert_equal(network, choice, (stretch * x).astype(np.float32).astype(np.float64))


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
    nothing = torch.zeros(0)
    tensors = {name: torch.from_numpy(values) for name, values in integers.items()}
    grid = Modes(tensors, own, nothing, nothing, nothing, nothing, nothing)
    expected = np.stack(_by_the_neuron_type(drive, population), axis=-1)
    for run in (voltages, voltages_loop):
        assert np.array_equal(run(drive.to(torch.int32), grid).numpy(), expected)


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
    assert [unit.modes is None for unit in units] == [False, False, True]
