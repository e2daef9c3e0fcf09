"""The networks that are timed: random weights, real shapes, activity set to what is asked."""

from __future__ import annotations

import dataclasses
from functools import cache
from itertools import pairwise

import numpy as np

from toolchain.ir.connections import Dense
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Input, Output, Population, Program, Projection

SEED = 2026
LEAK, UNIT_BITS, SETTLE_STEPS = 1024, 6, 60
"""Of the LIF networks: the voltage's decay of 4096, by how much weights stand above registers, and steps to settle."""


def state_space(name: str, channels: int, modes: int, rng: np.random.Generator) -> Population:
    """SSM neurons with poles of radius 0.5 to 0.99 and a coarse readout that spikes now and then."""
    poles = rng.uniform(0.5, 0.99, (channels, modes)) * np.exp(1j * rng.uniform(0, np.pi, (channels, modes))) * 2**15
    coefficients = {
        "a_re": np.trunc(poles.real).astype(np.int64),
        "a_im": np.trunc(poles.imag).astype(np.int64),
        "c_re": rng.integers(-127, 128, (channels, modes)),
        "c_im": rng.integers(-127, 128, (channels, modes)),
        "d": rng.integers(-127, 128, channels),
        "d_shift": rng.integers(0, 6, channels),
        "bias": rng.integers(-50, 50, channels),
        "threshold": rng.integers(3000, 90000, channels),
    }
    return Population(name, "ssm_lif", channels, modes, {"input_shift": 6, "c_shift": 10}, coefficients)


@cache
def ssm_network(channels: int = 128, modes: int = 32, layers: int = 4) -> Program:
    """Layers of SSM neurons with dense int8 synapses between them, and ten integrators."""
    rng = np.random.default_rng(SEED)
    names = [f"block{i}" for i in range(layers)]
    cells = [state_space(name, channels, modes, rng) for name in names]
    joints = [Projection("in", "input", names[0], Dense(rng.integers(-127, 128, (channels, 1))))]
    for before, after in pairwise(names):
        weights = rng.integers(-127, 128, (channels, channels))
        joints.append(Projection(f"{before}.out", before, after, Dense(weights)))
    joints.append(Projection("out", names[-1], "readout", Dense(rng.integers(-127, 128, (10, channels))), exponent=-6))
    cells.append(Population("readout", "integrator", 10))
    outputs = (Output("logits", "readout", "total"),)
    return Program(f"ssm{channels}x{modes}x{layers}", (Input("input", 1, 8),), tuple(cells), tuple(joints), outputs)


def ssm_input(samples: int, steps: int) -> dict[str, IntArray]:
    """A pixel a step."""
    return {"input": np.random.default_rng(SEED).integers(-60, 61, (samples, steps, 1))}


def lif_input(samples: int, steps: int, share: float, size: int = 1000) -> dict[str, IntArray]:
    """Spikes of a share of all channels at every step."""
    return {"input": (np.random.default_rng(SEED).random((samples, steps, size)) < share).astype(np.int64)}


@cache
def lif_network(share: float, size: int = 1000, layers: int = 3) -> Program:
    """Lava's LIF in three layers, thresholds set so that about `share` of each layer spikes at each step.

    Weights are even and currents are not kept, so that Lava, brian2-loihi, nengo-loihi and SANA-FE can hold the same
    network and should spike alike (docs/oracles.md).
    """
    rng = np.random.default_rng(SEED)
    cells: list[Population] = []
    joints: list[Projection] = []
    spikes = lif_input(1, SETTLE_STEPS, share, size)["input"][0]
    for i in range(layers):
        source, weights = f"layer{i - 1}" if i else "input", 2 * rng.integers(-30, 34, (size, size))
        joints.append(Projection(f"to{i}", source, f"layer{i}", Dense(weights)))
        threshold, spikes = _threshold(spikes @ weights.T << UNIT_BITS, share)
        cells.append(_cells(f"layer{i}", size, threshold))
    outputs = (Output("spikes", cells[-1].name),)
    name = f"lif{size}x{layers}at{round(share * 100)}"
    return Program(name, (Input("input", size, 2),), tuple(cells), tuple(joints), outputs)


def _cells(name: str, size: int, threshold: int) -> Population:
    coefficients = {"du": np.full(size, 4095), "dv": np.full(size, LEAK), "vth": np.full(size, threshold)}
    return Population(name, "cuba_lif", size, coefficients=coefficients)


def _threshold(drive: IntArray, share: float) -> tuple[int, IntArray]:
    """The threshold at which a share of the neurons spikes, found by halving, and their spikes."""
    low, high = 1, 2**17 - 1
    while high - low > 1:
        middle = (low + high) // 2
        busy = _spikes(drive, middle)[SETTLE_STEPS // 3 :].mean() > share
        low, high = (middle, high) if busy else (low, middle)
    return high, _spikes(drive, high)


def _spikes(drive: IntArray, threshold: int) -> IntArray:
    """LIF without memory of the current, near enough to choose a threshold."""
    voltage, fired = np.zeros(drive.shape[1], dtype=np.int64), np.zeros_like(drive)
    for step, arriving in enumerate(drive):
        voltage = np.fix(voltage * (1 - LEAK / 4096)).astype(np.int64) + arriving
        fired[step] = voltage > threshold << UNIT_BITS
        voltage[fired[step] == 1] = 0
    return fired


def one_layer(program: Program) -> Program:
    """The first layer alone, for comparison with a hand-written loop."""
    first = program.populations[0].name
    return dataclasses.replace(
        program,
        name=f"{program.name}.first",
        populations=program.populations[:1],
        projections=tuple(p for p in program.projections if p.target == first),
        outputs=(),
    )
