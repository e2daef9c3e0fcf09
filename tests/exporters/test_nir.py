"""Programs as NIR: the integers are there, run in floats they spike nearly as the program does, the rest is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from exporters.nir import SUPPORTED, UNSUPPORTED, export_nir, program_to_graph
from models.tasks import load_task
from seamount.network import zoo_folder
from simulators.reference import simulate
from toolchain import compile_graph, conventions_for, decide, encode, read_nir
from toolchain.errors import UnsupportedError
from toolchain.frontend.execute import run
from toolchain.ir.connections import Dense
from toolchain.ir.neurons import NEURONS_BY_NAME
from toolchain.ir.program import Input, Output, Population, Program, Projection


@pytest.fixture(scope="module")
def digits() -> Program:
    graph = read_nir(zoo_folder() / "digits" / "model.nir")
    calibration = load_task("digits").train.inputs[:64].astype(np.float64)
    return compile_graph(graph, conventions_for(graph), calibration, name="digits").lowered.program


def test_every_type_is_written_or_refused_with_a_reason() -> None:
    assert set(SUPPORTED) | set(UNSUPPORTED) == set(NEURONS_BY_NAME)
    assert not set(SUPPORTED) & set(UNSUPPORTED)
    assert all(UNSUPPORTED.values())


def test_digits_spike_nearly_as_the_program(digits: Program, tmp_path: Path) -> None:
    export_nir(digits, tmp_path / "quantized.nir")
    graph = read_nir(tmp_path / "quantized.nir", strict=True)
    inputs = load_task("digits").test.inputs[:40].astype(np.float64)
    somas = ("block0.soma", "block1.soma")
    outputs, spikes = run(graph, inputs, conventions_for(graph), record=somas)
    payload, _ = encode(digits.inputs[0], inputs)
    trace = simulate(digits, {"input": payload})
    assert np.array_equal(np.argmax(outputs[:, -1], axis=1), decide(digits, trace))
    for level, name in enumerate(("block0", "block1"), start=1):
        sent = trace.messages[name][:, level : level + inputs.shape[1]]
        assert sent.any()
        assert np.mean(sent != spikes[f"{name}.soma"]) < 1e-3


def _lif(neuron: str, **settings: int) -> Program:
    """One input, two neurons with a loop: values whose products need no rounding."""
    rows = {
        "cuba_lif": {"du": [2047, 2047], "dv": [2048, 1024], "vth": [40, 60], "bias_mant": [64, 0]},
        "lif": {"leak": [2048, 3072], "threshold": [40, 60], "bias": [1, 0]},
        "current_lif": {
            "leak": [2048, 3072],
            "current_leak": [2048, 2048],
            "threshold": [40, 60],
            "current_bias": [1, 2],
        },
        "integrate_fire": {"threshold": [40, 60], "bias": [1, 0]},
    }[neuron]
    coefficients = {name: np.array(values) for name, values in rows.items()}
    population = Population("lif", neuron, 2, settings=settings, coefficients=coefficients)
    return Program(
        "small",
        (Input("x", 3, bits=8, exponent=2),),
        (population,),
        (
            Projection("in", "x", "lif", Dense(np.array([[8, 16, -8], [24, -8, 16]]))),
            Projection("loop", "lif", "lif", Dense(np.array([[0, -8], [16, 0]]))),
        ),
        (Output("spikes", "lif"),),
        latency_steps=1,
    )


@pytest.mark.parametrize("neuron", ["cuba_lif", "lif", "current_lif", "integrate_fire"])
def test_neurons_with_a_loop(neuron: str, tmp_path: Path) -> None:
    program = _lif(neuron)
    program = replace(program, populations=(replace(program.populations[0], start_step=1),))
    export_nir(program, tmp_path / "net.nir")
    graph = read_nir(tmp_path / "net.nir")
    payload = np.random.default_rng(1).integers(-4, 9, (3, 60, 3))
    sent = simulate(program, {"x": payload}).messages["lif"][:, 1:]
    outputs, _ = run(graph, payload / 4.0, conventions_for(graph))
    assert 5 < sent.sum() < sent.size
    assert np.mean(outputs != sent) < 0.05


def test_a_reset_that_nir_lacks() -> None:
    with pytest.raises(UnsupportedError, match="lif: reset rule 2: NIR resets to a value only; export as Lava"):
        program_to_graph(_lif("lif", reset=2))


def test_two_rules_in_one_file() -> None:
    program = _lif("lif", strict=0)
    other = replace(_lif("lif").populations[0], name="other")
    with pytest.raises(UnsupportedError, match="populations with > and with >="):
        program_to_graph(replace(program, populations=(*program.populations, other)))


def test_a_type_that_nir_lacks() -> None:
    program = replace(_lif("lif"), populations=(Population("lif", "rectifier", 2),), projections=())
    with pytest.raises(
        UnsupportedError, match="lif: a rectifier: NIR has no primitive for it; export it as Lava or ONNX"
    ):
        program_to_graph(program)
