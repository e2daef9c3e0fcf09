"""A random program in the shape of the digits network, its inputs, and small parts for other tests."""

from __future__ import annotations

import numpy as np

from toolchain.ir.connections import Connection, Dense
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Input, Output, Population, Program, Projection

STEPS = 64


def ssm_lif(name: str, size: int, modes: int, rng: np.random.Generator, start_step: int = 0) -> Population:
    """A population of stable random modes; every coefficient differs between neurons."""
    radius = rng.uniform(0.6, 0.98, (size, modes)) * (1 << 15)
    angle = rng.uniform(0, 1.5, (size, modes))
    coefficients = {
        "a_re": np.trunc(radius * np.cos(angle)).astype(np.int64),
        "a_im": np.trunc(radius * np.sin(angle)).astype(np.int64),
        "c_re": rng.integers(-60, 60, (size, modes)),
        "c_im": rng.integers(-60, 60, (size, modes)),
        "d": rng.integers(-100, 100, size),
        "d_shift": rng.integers(2, 6, size),
        "threshold": rng.integers(5_000, 20_000, size),
        "bias": rng.integers(-30, 30, size),
    }
    settings = {"input_shift": 4, "c_shift": 7}
    return Population(name, "ssm_lif", size, modes, settings, coefficients, start_step, origin=f"{name}.soma")


def digits_like(size: int = 64, modes: int = 8, seed: int = 0) -> Program:
    """Input, two SSM blocks, a readout; the residual stream unrolled, a tenth of the weights zero."""
    rng = np.random.default_rng(seed)

    def dense(targets: int, sources: int) -> Dense:
        weights = rng.integers(-90, 91, (targets, sources))
        return Dense(np.where(rng.random((targets, sources)) < 0.1, 0, weights))

    parts = [("input", "block0", 1), ("input", "block1", 2), ("input", "readout", 3), ("block0", "block1", 1)]
    parts += [("block0", "readout", 2), ("block1", "readout", 1)]
    sizes = {"input": 1, "block0": size, "block1": size, "readout": 10}
    projections = tuple(
        Projection(f"{a}->{b}", a, b, dense(sizes[b], sizes[a]), delay_steps=delay) for a, b, delay in parts
    )
    populations = (
        ssm_lif("block0", size, modes, rng, start_step=1),
        ssm_lif("block1", size, modes, rng, start_step=2),
        Population("readout", "integrator", 10, coefficients={"bias": rng.integers(-5, 6, 10)}, start_step=3),
    )
    return Program(
        name="digits",
        inputs=(Input("input", 1, bits=8, exponent=4),),
        populations=populations,
        projections=projections,
        outputs=(Output("classes", "readout", "total"),),
        latency_steps=3,
        notes={"task": "digits"},
    )


def digits_inputs(samples: int = 4, seed: int = 1) -> dict[str, IntArray]:
    """Graded inputs with pauses, (sample, step, 1)."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 17, (samples, STEPS, 1)) * (rng.random((samples, STEPS, 1)) < 0.6)
    return {"input": values.astype(np.int64)}


def cuba_lif(name: str, size: int, **coefficients: IntArray) -> Population:
    """A population of Lava's LIF with one threshold."""
    return Population(name, "cuba_lif", size, coefficients={"vth": np.full(size, 5), **coefficients})


def chain(connection: Connection, source: Population, target: Population, delay_steps: int = 1) -> Program:
    """A population that projects onto another."""
    projection = Projection("link", source.name, target.name, connection, delay_steps=delay_steps)
    return Program("chain", (), (source, target), (projection,), (Output("out", target.name),))
