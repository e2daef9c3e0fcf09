"""Programs that the tests of the ONNX exporter and simulator share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from toolchain.ir.connections import Dense, Sparse
from toolchain.ir.integer import IntArray, Overflow, Value, add, greater, lookup, shift_left
from toolchain.ir.neurons import NEURONS_BY_NAME, Coefficient, NeuronType, Port, Register
from toolchain.ir.program import Input, Output, Population, Program, Projection

ROOT = Path(__file__).resolve().parent.parent

Weights = Callable[[int, int], IntArray]


def weights(rng: np.random.Generator) -> Weights:
    return lambda targets, sources: rng.integers(-127, 128, (targets, sources))


def poles(rng: np.random.Generator, size: int, modes: int) -> dict[str, IntArray]:
    """A-bar of random phase and radius below 1, rounded toward zero."""
    values = rng.uniform(0.5, 0.99, (size, modes)) * np.exp(1j * rng.uniform(0, np.pi, (size, modes))) * 2**15
    return {"a_re": np.trunc(values.real).astype(np.int64), "a_im": np.trunc(values.imag).astype(np.int64)}


def state_space(rng: np.random.Generator, name: str, size: int, modes: int, start_step: int = 0) -> Population:
    coefficients = poles(rng, size, modes) | {
        "c_re": rng.integers(-127, 128, (size, modes)),
        "c_im": rng.integers(-127, 128, (size, modes)),
        "d": rng.integers(-127, 128, size),
        "d_shift": rng.integers(0, 6, size),
        "bias": rng.integers(-50, 50, size),
        "threshold": rng.integers(100, 3000, size),
    }
    settings = {"input_shift": 3, "c_shift": 6}
    return Population(name, "ssm_lif", size, modes, settings, coefficients, start_step, origin=f"{name}.soma")


def with_features() -> Program:
    """Every neuron type; two inputs, delays, a self-loop, a cycle, a negative exponent, sparse synapses, resting."""
    rng = np.random.default_rng(5)
    w = weights(rng)
    rows = {"du": [4000, 300, 4095], "dv": [100, 4095, 0], "vth": [9, 20, 40], "bias_mant": [2, -3, 0]}
    cells = {name: np.array(row) for name, row in rows.items()}
    populations = (
        state_space(rng, "filter", 4, 2),
        Population("cells", "cuba_lif", 3, settings={"bias_exp": 5}, coefficients=cells, start_step=2),
        Population("relay", "relay", 2, settings={"message_bits": 10}, coefficients={"bias": np.array([1, -1])}),
        Population("sum", "integrator", 2, coefficients={"bias": np.array([-3, 5])}, start_step=1),
    )
    projections = (
        Projection("pixels->filter", "pixels", "filter", Dense(w(4, 2)), exponent=2),
        Projection("other->filter", "other", "filter", Dense(w(4, 1)), exponent=-1),
        Projection("filter->cells", "filter", "cells", Dense(w(3, 4)), exponent=-2),
        Projection("cells->cells", "cells", "cells", Sparse.from_dense(w(3, 3) * np.eye(3, dtype=np.int64))),
        Projection("cells->relay", "cells", "relay", Dense(w(2, 3)), delay_steps=2),
        Projection("pixels->relay", "pixels", "relay", Dense(w(2, 2)), exponent=-5, delay_steps=3),
        Projection("relay->cells", "relay", "cells", Dense(w(3, 2)), exponent=-7),
        Projection("relay->sum", "relay", "sum", Dense(w(2, 2)), exponent=-3),
    )
    inputs = (Input("pixels", 2, bits=6, exponent=4), Input("other", 1, bits=4))
    outputs = (Output("total", "sum", "total"), Output("spikes", "cells"))
    return Program("features", inputs, populations, projections, outputs, latency_steps=3)


def digits_shaped(size: int = 8, modes: int = 3) -> Program:
    """Two blocks of state-space neurons with the stream unrolled onto integrators."""
    rng = np.random.default_rng(6)
    w = weights(rng)
    bias = rng.integers(-9, 9, 10)
    populations = (
        state_space(rng, "block0", size, modes, start_step=1),
        state_space(rng, "block1", size, modes, start_step=2),
        Population("readout", "integrator", 10, coefficients={"bias": bias}, start_step=3),
    )
    joints = [("input", "block0", 1), ("input", "block1", 2), ("input", "readout", 3)]
    joints += [("block0", "block1", 1), ("block0", "readout", 2), ("block1", "readout", 1)]
    sizes = {"input": 1} | {population.name: population.size for population in populations}
    projections = tuple(
        Projection(f"{a}->{b}", a, b, Dense(w(sizes[b], sizes[a])), exponent=-1, delay_steps=delay)
        for a, b, delay in joints
    )
    outputs = (Output("classes", "readout", "total"),)
    return Program("digits", (Input("input", 1, bits=8, exponent=4),), populations, projections, outputs, 3)


def _limited(own: Any, state: Any, ports: Any, keep: Any) -> tuple[dict[str, Value], Value]:
    fixed = keep("fixed", add(own.gain, 1))
    seen = keep("seen", lookup(own.curve, add(state.level, ports.input)))
    level = keep("level", add(add(ports.input, seen), fixed))
    return {"level": level, "constant": 7}, greater(shift_left(own.gain, own.gain), 6)


LIMITED = NeuronType(
    name="limited",
    summary="a type for tests: a table, a trap, and values that no sample changes",
    registers=(
        Register("fixed", 8, Overflow.WRAP, stored=False),
        Register("seen", 12, Overflow.SATURATE, stored=False),
        Register("level", 10, Overflow.TRAP),
        Register("constant", 8, Overflow.WRAP),
    ),
    coefficients=(Coefficient("gain", 4, signed=False), Coefficient("curve", 16, per="population")),
    settings=(),
    ports=(Port("input"),),
    message_bits=1,
    step=_limited,
)
"""What no shipped type does and a future one may."""


def one_of(neuron: str, size: int = 3) -> Program:
    """One population "cells" of a type, fed by one input channel a neuron with weight 1; coefficients are small."""
    declared = NEURONS_BY_NAME[neuron].coefficients if neuron in NEURONS_BY_NAME else ()
    modes = 1 if any(coefficient.per == "mode" for coefficient in declared) else 0
    extents = {"population": (6,), "neuron": (size,), "mode": (size, modes)}
    values = {c.name: np.arange(np.prod(extents[c.per])).reshape(extents[c.per]) + 1 for c in declared}
    cells = Population("cells", neuron, size, modes, coefficients=values, origin="net.cells")
    ports = NEURONS_BY_NAME[neuron].ports if neuron in NEURONS_BY_NAME else ()
    identity = Dense(np.eye(size, dtype=np.int64))
    joints = tuple(Projection(f"to_{port.name}", "entry", "cells", identity, port=port.name) for port in ports)
    return Program("one", (Input("entry", size, bits=12),), (cells,), joints, ())


def beyond_doubles() -> Program:
    """States and poles so wide that their products need more than the 53 bits of a double."""
    program = digits_shaped()
    block = program.populations[0]
    poles = {name: 250 * block.coefficients[name] for name in ("a_re", "a_im")}
    wide = dataclasses.replace(
        block,
        settings={**block.settings, "state_bits": 32, "a_bits": 24},
        coefficients={**block.coefficients, **poles},
    )
    return dataclasses.replace(program, populations=(wide, *program.populations[1:]))
