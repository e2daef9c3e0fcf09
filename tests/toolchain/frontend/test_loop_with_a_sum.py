"""A loop that meets its input in a sum node before the neuron does what it does without that node."""

from __future__ import annotations

import numpy as np

from toolchain.frontend.conventions import PRESETS
from toolchain.frontend.execute import run
from toolchain.frontend.graph import Graph
from toolchain.frontend.sketch import Sketch


def _recurrent(with_sum: bool) -> Graph:
    rng = np.random.default_rng(4)
    sketch = Sketch(1e-4)
    drive = sketch.matrix("w", rng.normal(0.3, 0.5, (5, 3)), sketch.add("input", "Input", 3, {}))
    if with_sum:
        drive = sketch.total("sum", 5, [drive])
    lif = sketch.lif("lif", np.full(5, 0.8), np.ones(5), drive)
    loop = sketch.matrix("rec", rng.normal(0.0, 0.5, (5, 5)), lif)
    sketch.edges.append((loop, "sum" if with_sum else "lif"))
    sketch.add("output", "Output", 5, {}, lif)
    return sketch.graph({})


def test_the_sum_node_changes_nothing() -> None:
    inputs = np.random.default_rng(0).random((4, 50, 3))
    plain, _ = run(_recurrent(with_sum=False), inputs, PRESETS["nir"])
    summed, _ = run(_recurrent(with_sum=True), inputs, PRESETS["nir"])
    assert 10 < plain.sum() < plain.size
    assert np.array_equal(plain, summed)
