"""Random NIR graphs with data and options, from consecutive seeds: every kind of unit, of link and of readout."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from tests.replay.layers import LAYERS, SIZES, SPATIAL, Rng, Shape, flat, matrix
from tests.replay.nirfile import DT, Net

SAMPLES, STEPS = 6, 20
CONVENTIONS = ("nir", "snntorch-subtract", "seamount", "snntorch", "norse", "spyx", "norse-1.1-export")
LIKELY = (0.3, 0.24, 0.24, 0.1, 0.06, 0.03, 0.03)
"""How often each is asked for; the last two mostly end in a refusal (late neurons, taus of another unit)."""
PASSES = (
    "",
    "prune-zeros,fold-scales,relay-stream,split-ssm,split-fan-in,balance-delays",
    "split-ssm",
    "unroll-stream",
)
"""Pipelines in place of the default."""


def random_graph(seed: int) -> tuple[Net, Shape, int]:
    """The graph of a seed, the shape of its input and the size of its output."""
    rng, first = np.random.default_rng(seed), LAYERS[seed % len(LAYERS)]
    net = Net()
    shape = _input_shape(rng, first in SPATIAL)
    signal, now = net.add("Input", name="input", shape=shape), shape
    for number in range(int(rng.integers(1, 4))):
        layer = LAYERS[int(rng.integers(len(LAYERS)))] if number else first
        signal, now = layer(net, rng, signal, now)
    signal, outputs = _readout(net, rng, signal, now)
    net.add("Output", signal, name="output", shape=(outputs,))
    return net, shape, outputs


def _input_shape(rng: Rng, spatial: bool) -> Shape:
    if not spatial:
        return (int(rng.choice(SIZES)),)
    size = int(rng.integers(4, 8))
    return (int(rng.integers(1, 3)), size, size) if rng.random() < 0.7 else (int(rng.integers(1, 3)), 2 * size)


def _readout(net: Net, rng: Rng, signal: str, shape: Shape) -> tuple[str, int]:
    """Spikes, a relay, an integrator or, refused by some trees, a leaky one."""
    size, chosen = int(rng.integers(2, 5)), rng.random()
    signal = flat(net, signal, shape)
    if chosen < 0.3:
        return signal, math.prod(shape)
    signal = matrix(net, rng, signal, math.prod(shape), size)
    if chosen < 0.55:
        return net.add("I", signal, r=np.full(size, 1 / DT)), size
    if chosen < 0.6:
        tau = DT / (1 - rng.uniform(0.5, 0.95, size))
        return net.add("LI", signal, tau=tau, r=tau / DT, v_leak=np.zeros(size)), size
    return signal, size


def random_data(seed: int, inside: Shape, outputs: int) -> dict[str, Any]:
    """Samples, mostly with labels, images mostly without: spikes, small counts, or measured quantities."""
    rng = np.random.default_rng([seed, 1])
    channels, labelled = math.prod(inside), 0.8 if len(inside) == 1 else 0.3
    shape, kind = (SAMPLES, STEPS, channels), seed // len(LAYERS) % 3
    x = (rng.random(shape) < 0.35) if kind == 0 else rng.poisson(0.7, shape) if kind == 1 else rng.normal(0.2, 1, shape)
    labels = {"y": rng.integers(0, max(outputs, 1), SAMPLES)} if rng.random() < labelled else {}
    return {"x": x.astype(np.float32), **labels}


def random_settings(seed: int) -> dict[str, Any]:
    """Widths and rules in place of the defaults, for some."""
    rng = np.random.default_rng([seed, 2])
    drawn = {
        "weight_bits": int(rng.integers(3, 8)),
        "input_bits": int(rng.integers(4, 16)),
        "headroom_bits": int(rng.integers(0, 3)),
        "a_bits": int(rng.integers(10, 20)),
        "table_bits": int(rng.integers(6, 11)),
        "weight_scale": str(rng.choice(["max", "mse", "percentile"])),
        "c_rounding": str(rng.choice(["fitted", "nearest"])),
        "ranges": str(rng.choice(["observed", "proven"])),
        "widen_poles": bool(rng.integers(2)),
    }
    return {key: value for key, value in drawn.items() if rng.random() < 0.4} if rng.random() < 0.5 else {}


def random_options(seed: int) -> list[str]:
    """Words of the command line: convention, target, passes."""
    rng = np.random.default_rng([seed, 3])
    words = ["--convention", str(rng.choice(CONVENTIONS, p=LIKELY))]
    words += ["--target", "loihi1"] if rng.random() < 0.05 else []
    return words + (["--passes", str(rng.choice(PASSES))] if rng.random() < 0.4 else [])


def write_random(seed: int, folder: Path) -> list[str]:
    """Write the files of a seed and return the words that deploy it, with paths as the drivers see them."""
    net, shape, outputs = random_graph(seed)
    name = f"random{seed:04d}"
    net.write(folder / f"{name}.nir")
    np.savez(folder / f"{name}.npz", **random_data(seed, shape, outputs))
    words = [f"../inputs/{name}.nir", "--calibrate", f"../inputs/{name}.npz", *random_options(seed)]
    if settings := random_settings(seed):
        (folder / f"{name}.json").write_text(json.dumps(settings), encoding="utf-8")
        words += ["--settings", f"../inputs/{name}.json"]
    return words
