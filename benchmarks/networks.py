"""The networks that are timed: random weights, real shapes, activity set to what is asked."""

from __future__ import annotations

import dataclasses
from functools import cache
from itertools import pairwise

import numpy as np

from simulators import fast
from toolchain.ir.connections import Dense
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Input, Output, Population, Program, Projection

SEED = 2026


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
    """Lava's LIF in three layers, thresholds set so that about `share` of each layer spikes at each step."""
    rng = np.random.default_rng(SEED)
    cells: list[Population] = []
    joints: list[Projection] = []
    for i in range(layers):
        source = f"layer{i - 1}" if i else "input"
        joints.append(Projection(f"to{i}", source, f"layer{i}", Dense(rng.integers(-60, 68, (size, size)))))
        cells.append(_cells(f"layer{i}", size, 100))
        low, high = 1, 2**17 - 1
        while high - low > 1:
            cells[-1] = _cells(f"layer{i}", size, (low + high) // 2)
            low, high = (
                ((low + high) // 2, high) if _rate(cells, joints, share, size) > share else (low, (low + high) // 2)
            )
    return _lif(cells, joints, size, share)


def _cells(name: str, size: int, threshold: int) -> Population:
    coefficients = {"du": [4095] * size, "dv": [1024] * size, "vth": [threshold] * size}
    return Population(name, "cuba_lif", size, coefficients=coefficients)


def _lif(cells: list[Population], joints: list[Projection], size: int, share: float) -> Program:
    outputs = (Output("spikes", cells[-1].name),)
    return Program(
        f"lif{size}x{len(cells)}at{round(share * 100)}",
        (Input("input", size, 2),),
        tuple(cells),
        tuple(joints),
        outputs,
    )


def _rate(cells: list[Population], joints: list[Projection], share: float, size: int) -> float:
    """The share of the last layer that spikes, once the network has settled."""
    trace = fast.simulate(_lif(cells, joints, size, share), lif_input(1, 60, share, size), strict=False)
    return float(trace.messages[cells[-1].name][:, 20:].mean())


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
