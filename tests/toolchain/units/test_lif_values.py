"""Any threshold, reset, rest, start, gain and decay: on a dyadic grid the integers spike as the float network does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulators.reference import simulate
from toolchain.errors import UnsupportedError
from toolchain.frontend.conventions import PRESETS, Conventions
from toolchain.frontend.execute import run
from toolchain.frontend.graph import FloatArray, Graph
from toolchain.frontend.rules import Start
from toolchain.frontend.sketch import Sketch
from toolchain.host.encode import encode
from toolchain.lower.activity import aligned_messages
from toolchain.lower.pipeline import Compiled, compile_graph

DT, SIZE, INPUTS, STEPS = 1.0, 8, 5, 80
EIGHTHS = np.arange(-4, 4) / 8
NIR = replace(PRESETS["nir"], dt=DT)
AT = replace(NIR, compare=">=")


def layer(seed: int = 0, loop: bool = False, **own: FloatArray) -> Graph:
    """A LIF layer of weights in eighths; a decay of 3/4, gain 1, threshold 1 but for what is given."""
    rng, sketch = np.random.default_rng(seed), Sketch(DT)
    sketch.add("input", "Input", INPUTS, {})
    drive = sketch.matrix("w", rng.integers(-3, 6, (SIZE, INPUTS)) / 8, "input")
    kept = own.pop("kept", np.full(SIZE, 0.75))
    lost = 1 - kept
    with np.errstate(divide="ignore"):
        tau = DT / lost
    values = {"v_threshold": np.ones(SIZE), "v_reset": np.zeros(SIZE), "v_leak": np.zeros(SIZE)} | own
    params = values | {"tau": np.minimum(tau, 2.0**60), "r": own.get("r", np.minimum(tau, 2.0**60) / DT)}
    sketch.add("lif", "LIF", SIZE, params, drive)
    if loop:
        sketch.edges.append((sketch.matrix("loop", rng.integers(-2, 3, (SIZE, SIZE)) / 8, "lif"), "lif"))
    sketch.add("output", "Output", SIZE, {}, "lif")
    return sketch.graph({})


def data(samples: int = 4) -> FloatArray:
    return np.random.default_rng(7).integers(0, 2, (samples, STEPS, INPUTS)).astype(float)


def integers(graph: Graph, conventions: Conventions, x: FloatArray, name: str = "lif") -> tuple[FloatArray, Compiled]:
    made = compile_graph(graph, conventions, x)
    program = made.lowered.program
    trace = simulate(program, {"input": encode(program.inputs[0], x)[0]}, strict=False)
    return aligned_messages(program, made.network, trace, x.shape[1])[name], made


VALUES: dict[str, dict[str, FloatArray]] = {
    "plain": {},
    "thresholds at and below 0": {"v_threshold": EIGHTHS},
    "resets of their own": {"v_reset": EIGHTHS},
    "rests of their own": {"v_leak": EIGHTHS},
    "millivolts": {
        "v_threshold": np.full(SIZE, -50.0), "v_reset": np.full(SIZE, -65.0), "v_leak": np.full(SIZE, -65.0),
        "r": np.ldexp(4.0, np.arange(-1, SIZE - 1)),
    },
    "reset apart from rest": {
        "v_threshold": np.full(SIZE, -50.0), "v_reset": -64.0 - 8 * EIGHTHS, "v_leak": -60.0 + 8 * EIGHTHS,
        "r": np.full(SIZE, 32.0),
    },
    "gains of either sign": {"r": 4.0 * np.where(np.arange(SIZE) % 2, -1, 2)},
    "without memory": {"kept": np.zeros(SIZE)},
    "some without memory": {"kept": np.arange(SIZE, dtype=float) % 2 * 0.5},
    "some that keep all": {"kept": np.where(np.arange(SIZE) % 2, 1.0, 0.5), "v_threshold": np.full(SIZE, 2.0)},
}  # fmt: skip


@pytest.mark.parametrize("conventions", [NIR, AT], ids=["above", "at"])
@pytest.mark.parametrize("start", ["zero", "v_leak", "v_reset"])
@pytest.mark.parametrize("loop", [False, True], ids=["forward", "recurrent"])
@pytest.mark.parametrize("name", VALUES)
def test_a_dyadic_layer_spikes_as_its_float_network(
    name: str, loop: bool, start: Start, conventions: Conventions
) -> None:
    conventions = replace(conventions, start=start)
    graph, x = layer(0, loop, **VALUES[name]), data()
    expected, _ = run(graph, x, conventions)
    found, _ = integers(graph, conventions, x)
    # Voltages of 65 that begin at 0 leave 15 bits behind the point, and a decay of 3/4 takes 2 more at every step.
    limit = 0.01 * expected.sum() if start == "zero" and np.any(VALUES[name].get("v_reset", 0) < -1) else 0
    assert expected.any() and np.sum(found != expected) <= limit


def test_a_start_apart_from_0_needs_a_reset_to_a_voltage() -> None:
    graph = layer(v_leak=np.full(SIZE, 0.5))
    conventions = replace(NIR, start="v_leak", reset="subtract")
    with pytest.raises(UnsupportedError, match=r"lif: starts at 0.5 .. 0.5 and resets by subtract; give the switch"):
        compile_graph(graph, conventions, data())


def test_a_loss_below_the_least_step_is_none_and_said() -> None:
    kept = np.array([0.75, 1 - 2.0**-23, 0.5, 0.25] * 2)
    _, made = integers(layer(kept=kept, v_threshold=np.full(SIZE, 3.0)), NIR, data())
    (finding,) = made.lowered.findings
    assert finding.startswith("lif: 2 of 8 neurons lose up to 1.19e-07 a step, below half of 2^-20; they keep all:")
    assert finding.endswith(f"too much after {STEPS} steps")


@pytest.mark.parametrize("kept", [0.99, 0.999, 0.9999, 0.99999])
def test_slow_leaks_take_the_bits_that_are_free(kept: float) -> None:
    """A threshold that is reached by sums over hundreds of steps; a loss right to 2^-20."""
    x = (np.random.default_rng(3).random((4, 1500, INPUTS)) < 0.1).astype(float)
    graph = layer(kept=np.full(SIZE, kept), v_threshold=np.full(SIZE, 3.0))
    expected, _ = run(graph, x, NIR)
    found, made = integers(graph, NIR, x)
    assert np.sum(found != expected) <= max(2, 0.01 * expected.sum())
    (leak,) = (tensor for tensor in made.lowered.tensors if tensor.name == "lif.leak")
    assert leak.bits == 21 and leak.max_error <= 2.0**-20


@pytest.mark.parametrize("kept", [0.125, 0.999, 0.99995])
@pytest.mark.parametrize("threshold", [0.4, -0.2])
def test_a_soma_behind_a_state_space_leaks_as_a_neuron_does(kept: float, threshold: float) -> None:
    rng, sketch = np.random.default_rng(5), Sketch(DT)
    sketch.add("input", "Input", 2, {})
    drive = sketch.matrix("w", rng.integers(-8, 9, (6, 2)) / 16, "input")
    poles = np.asarray(0.8 * np.exp(1j * rng.uniform(0.2, 1, (6, 2))), np.complex128)
    c = np.asarray((rng.normal(size=(6, 2)) + 1j * rng.normal(size=(6, 2))) * 0.1, np.complex128)
    y = sketch.state_space("block", poles, np.ones(poles.shape), c, rng.normal(size=6) * 0.1, drive)
    soma = sketch.lif("soma", np.full(6, kept), np.full(6, threshold * (1 if kept < 0.5 else 5)), y)
    sketch.add("output", "Output", 6, {}, soma)
    graph, x = sketch.graph({}), rng.integers(0, 2, (4, 300, 2)).astype(float)
    expected, _ = run(graph, x, AT)
    found, made = integers(graph, AT, x, "soma")
    assert expected.sum() > 0 and np.mean(found != expected) <= 0.01, (np.sum(found != expected), expected.sum())
    assert {"soma.leak", "soma.threshold"} <= {tensor.name for tensor in made.lowered.tensors}
