"""Random networks of every form that is no LIF soma with linear mixing: gates, products, thresholds, rectifiers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolchain.frontend.conventions import PRESETS, hint_for
from toolchain.frontend.graph import Graph
from toolchain.frontend.sketch import Sketch

SIZE, MODES, INPUTS, CLASSES = 10, 3, 2, 4

WEIGHT_STEP = 1 / 32
"""Weights are multiples of it below 4, which 8 bits hold exactly."""

FORMS = ("glu", "binary gate", "gsu", "rectified gsu", "binary s4d", "two stages", "rectified s4d")
"""GLU on spikes; a binary gate on them; a GSU without and with rectifier; a stateless threshold with linear mixing; a
soma with a Threshold between two matrices; a rectified graded state space."""


def gated_graph(forms: Sequence[str], seed: int = 0, readout: str = "sum", encoder_step: float = WEIGHT_STEP) -> Graph:
    """A block of each form in series around one stream; the readout is summed over time, or leaves at every step.

    The encoder's weights are multiples of `encoder_step`.
    """
    rng = np.random.default_rng(seed)
    sketch = Sketch(1e-4)
    sketch.add("input", "Input", INPUTS, {})
    feeds = [
        sketch.matrix(
            "encoder",
            encoder_step * np.rint(_weights(rng, SIZE, INPUTS) / encoder_step),
            "input",
            rng.normal(size=SIZE) * 0.1,
        )
    ]
    for number, form in enumerate(forms):
        name = f"block{number}"
        stream = sketch.total(f"{name}.in", SIZE, feeds)
        feeds = [_block(sketch, name, form, stream, rng), stream]
    out = sketch.total("stream.out", SIZE, feeds)
    last = sketch.matrix("readout", _weights(rng, CLASSES, SIZE), out, rng.normal(size=CLASSES) * 0.1)
    if readout == "sum":
        last = sketch.integrator("total", CLASSES, last)
    sketch.add("output", "Output", CLASSES, {}, last)
    return sketch.graph({"seamount": hint_for(PRESETS["seamount"])})


def _weights(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    return np.clip(np.rint(rng.normal(size=(rows, columns)) / WEIGHT_STEP) * WEIGHT_STEP, -3, 3)


def _block(sketch: Sketch, name: str, form: str, stream: str, rng: np.random.Generator) -> str:
    y = _space(sketch, name, stream, rng)
    if form in ("gsu", "rectified gsu"):
        return _gsu(sketch, name, y, rng, form == "rectified gsu")
    if form == "rectified s4d":
        return _mix(sketch, f"{name}.mix", sketch.rectifier(f"{name}.act", SIZE, y), rng)
    if form == "binary s4d":
        return _mix(sketch, f"{name}.mix", sketch.threshold(f"{name}.fire", rng.uniform(0.2, 0.6, SIZE), y), rng)
    soma = sketch.lif(f"{name}.soma", np.full(SIZE, 0.125), rng.uniform(0.3, 0.8, SIZE), y)
    if form == "two stages":
        again = sketch.threshold(f"{name}.again", rng.uniform(0.1, 0.3, SIZE), _mix(sketch, f"{name}.mix", soma, rng))
        return _mix(sketch, f"{name}.second", again, rng)
    both = sketch.matrix(f"{name}.mix", _weights(rng, 2 * SIZE, SIZE), soma, rng.normal(size=2 * SIZE) * 0.3)
    if form == "glu":
        return sketch.sigmoid_gate(f"{name}.gate", SIZE, both)
    return sketch.binary_gate(f"{name}.gate", rng.normal(size=SIZE) * 0.3, both)


def _space(sketch: Sketch, name: str, stream: str, rng: np.random.Generator) -> str:
    distance = 10 ** rng.uniform(-2.0, -0.5, (SIZE, MODES))
    poles = (1 - distance) * np.exp(1j * rng.uniform(0, 2, (SIZE, MODES)))
    # Channels of very different scale: a graded readout then needs powers of two of its own.
    c = (rng.normal(size=poles.shape) + 1j * rng.normal(size=poles.shape)) * distance
    c *= 10 ** rng.uniform(-1, 0, (SIZE, 1))
    return sketch.state_space(name, poles, np.ones(poles.shape), c, rng.normal(size=SIZE) * 0.3, stream)


def _mix(sketch: Sketch, name: str, source: str, rng: np.random.Generator) -> str:
    return sketch.matrix(name, 0.5 * _weights(rng, SIZE, SIZE), source, rng.normal(size=SIZE) * 0.05)


def _gsu(sketch: Sketch, name: str, y: str, rng: np.random.Generator, rectified: bool) -> str:
    signs = sketch.ternary(f"{name}.ter", rng.uniform(0.05, 0.3, SIZE), y)
    ternary = rng.integers(-1, 2, (SIZE, SIZE)).astype(float)
    sides = [
        sketch.halves(f"{name}.left", 0.25 * _weights(rng, SIZE, SIZE), signs, 0, rng.normal(size=SIZE) * 0.1),
        sketch.halves(f"{name}.right", 0.5 * ternary, y, 1, rng.normal(size=SIZE) * 0.1),
    ]
    product = sketch.product(f"{name}.product", SIZE, sides)
    return sketch.rectifier(f"{name}.act", SIZE, product) if rectified else product


def gated_data(seed: int, samples: int, steps: int) -> np.ndarray:
    """Inputs in sixteenths."""
    return np.random.default_rng(seed).integers(-16, 17, (samples, steps, INPUTS)) / 16
