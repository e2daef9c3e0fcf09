"""Convolutional networks that other tools wrote, compiled and simulated: 8970 neurons, spike by spike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulators.reference import simulate
from tests.toolchain.lower.kernel_graphs import spikes
from toolchain.frontend import PRESETS, Graph, read_nir, run
from toolchain.frontend.graph import FloatArray
from toolchain.host.encode import encode
from toolchain.ir.trace import Trace
from toolchain.lower.floating import float_network, run_units
from toolchain.lower.ladder import with_tensors
from toolchain.lower.pipeline import Compiled, compile_graph
from toolchain.mapping import load_target, place
from toolchain.quantize.rounding import TensorRow

FILES = ("cnn_sinabs", "scnn_mnist_flatten_batch", "scnn_mnist_no_input_shape")
CONVENTIONS = replace(PRESETS["nir"], dt=1.0)  # sinabs integrates its input as it comes: r = 1 at dt = 1
LAYERS = ("1", "3", "6", "10", "12")
CHANNELS = (2, 34, 34)


@pytest.fixture(scope="module", params=FILES)
def network(request: pytest.FixtureRequest, cases: Path) -> tuple[Graph, Compiled]:
    graph = read_nir(cases / "nir" / f"{request.param}.nir")
    # As long as the longest run: voltages that nothing pulls back grow with time.
    return graph, compile_graph(graph, CONVENTIONS, spikes(CHANNELS, 4, 50, 0.15), name=request.param)


def float_spikes(graph: Graph, data: FloatArray) -> dict[str, FloatArray]:
    """(sample, step, neuron) of every layer."""
    _, recorded = run(graph, data.reshape(*data.shape[:2], *CHANNELS), CONVENTIONS, record=LAYERS)
    return {name: signal.reshape(*data.shape[:2], -1) for name, signal in recorded.items()}


def program_spikes(made: Compiled, data: FloatArray) -> tuple[Trace, dict[str, Any]]:
    """The same of the program; layer k of the chain is k + 1 steps late."""
    program = made.lowered.program
    trace = simulate(program, {"input": encode(program.inputs[0], data)[0]})
    steps = data.shape[1]
    return trace, {name: trace.messages[name][:, late : late + steps] for late, name in enumerate(LAYERS, start=1)}


def between(made: Compiled) -> Callable[[TensorRow], TensorRow]:
    """Thresholds half-way to the next whole number: float sums of multiples of a factor are no multiples of it."""

    def moved(tensor: TensorRow) -> TensorRow:
        where, _, name = tensor.name.rpartition(".")
        if name not in ("vth", "threshold"):
            return tensor
        return replace(tensor, rounded=tensor.rounded + 0.5 / made.scheme.units[where].drive_scale)

    return moved


def test_every_spike_is_that_of_the_rounded_network(network: tuple[Graph, Compiled]) -> None:
    """Rounding the tensors is all that lowering changes."""
    _, made = network
    data = spikes(CHANNELS, samples=2, steps=30, rate=0.15)
    expected = run_units(with_tensors(float_network(made.network), map(between(made), made.lowered.tensors)), data)
    trace, found = program_spikes(made, data)
    assert sum(population.size for population in made.lowered.program.populations) == 8970
    assert not trace.overflows
    for name in LAYERS:
        assert expected[name].sum() > 10, name
        assert np.array_equal(found[name], expected[name]), name


def test_spike_counts_follow_the_unrounded_network(network: tuple[Graph, Compiled]) -> None:
    """Neurons that never leak drift apart spike by spike, so counts are compared: a neuron's over the run.

    The input is noise, so that there is no class to agree on.
    """
    graph, made = network
    data = spikes(CHANNELS, samples=4, steps=50, rate=0.15)
    expected, (_, found) = float_spikes(graph, data), program_spikes(made, data)
    for name in LAYERS:
        counts = expected[name].sum(axis=(0, 1)), found[name].sum(axis=(0, 1))
        assert np.corrcoef(*counts)[0, 1] > 0.98, name


def test_kernels_are_stored_once(network: tuple[Graph, Compiled]) -> None:
    _, made = network
    kinds = {p.name: p.connection.kind for p in made.lowered.program.projections}
    assert kinds == {
        "input->1": "convolution", "1->3": "convolution", "3->6": "sparse", "6->10": "dense", "10->12": "dense",
    }  # fmt: skip
    placement = place(made.lowered.program, load_target("loihi2"))
    synapses = sum(core.usage.synapse_words for core in placement.cores)
    unrolled = made.lowered.program.projections
    listed = sum(int(p.connection.stored_fan_out().sum()) for p in unrolled if p.connection.kind == "convolution")
    assert synapses < listed / 4
