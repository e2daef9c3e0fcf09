"""Networks that the tests of quantization share."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from seamount.network import zoo_folder
from toolchain.frontend.conventions import PRESETS, Conventions, conventions_for
from toolchain.frontend.graph import FloatArray, Graph
from toolchain.frontend.read import read_nir
from toolchain.frontend.sketch import Sketch
from toolchain.ir.integer import IntArray
from toolchain.units.collapse import find_network
from toolchain.units.network import Network


class Case(NamedTuple):
    """A network with data."""

    graph: Graph
    network: Network
    conventions: Conventions
    x: FloatArray
    y: IntArray


def units_of(graph: Graph, conventions: Conventions) -> Network:
    """The graph as units."""
    return find_network(graph, conventions)


@cache
def digits() -> Case:
    """The shipped network with its training and validation data: choices are never made on test data."""
    from models.tasks import load_task

    task = load_task("digits")
    graph = read_nir(zoo_folder() / "digits" / "model.nir")
    conventions = conventions_for(graph)
    x = np.concatenate([task.train.inputs, task.validation.inputs]).astype(np.float64)
    y = np.concatenate([task.train.labels, task.validation.labels])
    return Case(graph, units_of(graph, conventions), conventions, x, y)


def state_space_graph(seed: int = 0, size: int = 12, modes: int = 4, blocks: int = 2, classes: int = 3) -> Graph:
    """Random blocks as the shipped networks have them: state space, soma, linear mixing, a stream around each."""
    rng = np.random.default_rng(seed)
    sketch = Sketch(1e-4)
    sketch.add("input", "Input", 2, {})
    feeds = [sketch.matrix("encoder", rng.normal(size=(size, 2)), "input", rng.normal(size=size) * 0.1)]
    for block in range(blocks):
        stream = sketch.total(f"block{block}.in", size, feeds)
        distance = 10 ** rng.uniform(-2.5, -0.5, (size, modes))
        poles = (1 - distance) * np.exp(1j * rng.uniform(0, 2, (size, modes)))
        c = (rng.normal(size=poles.shape) + 1j * rng.normal(size=poles.shape)) * distance
        y = sketch.state_space(f"block{block}", poles, np.ones(poles.shape), c, rng.normal(size=size), stream)
        soma = sketch.lif(f"block{block}.soma", np.full(size, 0.125), rng.uniform(0.5, 1.5, size), y)
        mixed = rng.normal(size=(size, size)) * 10 ** rng.uniform(-1.5, 0, (size, 1))
        feeds = [sketch.matrix(f"block{block}.mix", mixed, soma, rng.normal(size=size) * 0.01), stream]
    out = sketch.total("stream.out", size, feeds)
    logits = sketch.matrix("readout", rng.normal(size=(classes, size)), out, rng.normal(size=classes))
    sketch.add("output", "Output", classes, {}, sketch.integrator("sum", classes, logits))
    return sketch.graph({})


def state_space_case(seed: int = 0, samples: int = 24, steps: int = 80) -> Case:
    """Random blocks with random data in sixteenths."""
    graph, conventions = state_space_graph(seed), PRESETS["seamount"]
    rng = np.random.default_rng(seed)
    x = rng.integers(-16, 17, (samples, steps, 2)) / 16
    return Case(graph, units_of(graph, conventions), conventions, x, rng.integers(0, 3, samples))
