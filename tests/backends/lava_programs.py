"""Programs for the tests of the Lava backend: many small networks in one, since each start of Lava takes a second."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tests.backends.random_programs import Scale, random_program
from toolchain.ir.connections import Dense, Sparse
from toolchain.ir.integer import (
    IntArray,
    Overflow,
    Value,
    add,
    each_mode,
    equal,
    greater,
    limits,
    lookup,
    multiply,
    select,
    shift_floor,
    subtract,
    sum_modes,
)
from toolchain.ir.neurons import NEURONS, Coefficient, Keep, NeuronType, Port, Register, Setting, Values
from toolchain.ir.program import Input, Population, Program, Projection

PYTHON = os.environ.get("SEAMOUNT_LAVA_PYTHON")
"""Another interpreter that has Lava, e.g. an official Python 3.10; by default this one."""


def side_by_side(programs: Sequence[Program], name: str = "many") -> Program:
    """Independent networks as one program; names get their network's number."""
    return Program(
        name,
        tuple(dataclasses.replace(s, name=f"n{i}_{s.name}") for i, p in enumerate(programs) for s in p.inputs),
        tuple(dataclasses.replace(q, name=f"n{i}_{q.name}") for i, p in enumerate(programs) for q in p.populations),
        tuple(_renamed(joint, i) for i, p in enumerate(programs) for joint in p.projections),
        (),
    )


def _renamed(joint: Projection, i: int) -> Projection:
    names: dict[str, Any] = {field: f"n{i}_{getattr(joint, field)}" for field in ("name", "source", "target")}
    return dataclasses.replace(joint, **names)


def edge_inputs(program: Program, samples: int, steps: int, seed: int) -> dict[str, IntArray]:
    """Payloads over the whole range of each input, its ends often, some steps silent."""
    rng = np.random.default_rng(seed)
    drawn = {}
    for source in program.inputs:
        low, high = limits(source.bits)
        shape = (samples, steps, source.size)
        ends = rng.choice([low, low + 1, -1, 0, 1, high - 1, high], shape)
        values = np.where(rng.random(shape) < 0.5, ends, rng.integers(low, high, shape, endpoint=True))
        drawn[source.name] = values * (rng.random((samples, steps, 1)) < 0.8)
    return drawn


def all_weights() -> Program:
    """Every weight -128 .. 127, graded payloads, exponents of both signs, each delay 1 .. 5."""
    weights = np.arange(-128, 128)[:, None]
    relays, joints = [], []
    for i, exponent in enumerate((-9, -4, -2, -1, 0, 1, 2, 6)):
        relays.append(Population(f"r{i}", "relay", 256, start_step=i % 3))
        connection = Sparse.from_dense(weights) if i % 2 else Dense(weights)
        joints.append(Projection(f"x.r{i}", "x", f"r{i}", connection, exponent=exponent, delay_steps=1 + i % 5))
    return Program("weights", (Input("x", 1, 10),), tuple(relays), tuple(joints), ())


def wide_sums() -> Program:
    """24-bit payloads through negative exponents: the sum leaves 32 bits before it is shifted."""
    weights = np.array([[127] * 8, [-128] * 8, [1, -1, 3, -3, 5, -5, 7, -7]])
    total = Population("total", "integrator", 3, coefficients={"bias": np.array([-5, 0, 8388607])}, start_step=2)
    joint = Projection("x.total", "x", "total", Dense(weights), exponent=-11, delay_steps=3)
    return Program("wide", (Input("x", 8),), (total,), (joint,), ())


def loose_ends() -> Program:
    """A population that nothing reaches, and a projection without any weight but 0."""
    alone = Population("alone", "integrator", 2, coefficients={"bias": np.array([1, -4194304])})
    empty = Population("empty", "relay", 2, settings={"message_bits": 3}, coefficients={"bias": np.array([9, -1])})
    joint = Projection("zero", "x", "empty", Sparse.from_dense(np.zeros((2, 1), dtype=np.int64)))
    return Program("loose", (Input("x", 1, 4),), (alone, empty), (joint,), ())


def every_neuron_type() -> Program:
    """Populations of every neuron type, drawn at random."""
    return random_program(np.random.default_rng(0), Scale(len(NEURONS), (4, 8), 2, 1, 4))


def lif_network(seed: int, **lif: int) -> Program:
    """Two LIF populations with recurrence and odd weights of both signs; spikes run around a loop of delays."""
    rng = np.random.default_rng(seed)
    first = {"du": 500, "dv": 100, "vth": 60, "bias_mant": 3} | lif
    second = {"du": 4095, "dv": 300, "vth": 30}

    def weights(rows: int, columns: int) -> IntArray:
        return rng.integers(-64, 64, (rows, columns)) * 2 + 1

    return Program(
        f"lif{seed}",
        (Input("x", 3, 4),),
        (
            Population("a", "cuba_lif", 7, settings={"bias_exp": 2}, coefficients=_spread(first, 7)),
            Population("b", "cuba_lif", 5, coefficients=_spread(second, 5), start_step=2),
        ),
        (
            Projection("x.a", "x", "a", Dense(weights(7, 3)), exponent=-1),
            Projection("a.a", "a", "a", Dense(weights(7, 7)), exponent=-2),
            Projection("a.b", "a", "b", Sparse.from_dense(weights(5, 7) * (rng.random((5, 7)) < 0.6)), delay_steps=2),
            Projection("b.a", "b", "a", Dense(weights(7, 5)), exponent=-3, delay_steps=4),
        ),
        (),
    )


def _spread(values: Mapping[str, int], size: int) -> dict[str, IntArray]:
    return {name: np.full(size, value) for name, value in values.items()}


def _strange_step(own: Values, state: Values, ports: Values, keep: Keep) -> tuple[dict[str, Value], Value]:
    """A queue of two values, a table, two ports, a product of the ports, one phase a mode."""
    product = keep("product", multiply(ports.left, ports.right))
    phase = keep("phase", add(state.phase, add(own.rate, each_mode(product))))
    seen = lookup(own.table, shift_floor(sum_modes(phase), own.shift))
    ticked = select(equal(state.run, 3), 0, add(state.run, 1))
    message = keep("out", subtract(seen, select(greater(state.name, 0), state.name, own.d)))
    return {"phase": phase, "run": ticked, "name": keep("name", message), "id": state.name}, message


STRANGE = NeuronType(
    name="strange_test_type",
    summary="unlike any real one: its names collide with Lava's own",
    registers=(
        Register("product", 20, Overflow.SATURATE, stored=False),
        Register("phase", "phase_bits", Overflow.WRAP, per="mode"),
        Register("run", 3, Overflow.TRAP),
        Register("out", 12, Overflow.WRAP, stored=False),
        Register("name", 12, Overflow.WRAP),
        Register("id", 12, Overflow.WRAP, meaning="the name of the step before"),
    ),
    coefficients=(
        Coefficient("rate", 8, per="mode"),
        Coefficient("d", 4, default=-3),
        Coefficient("table", 12, per="population"),
    ),
    settings=(Setting("shift", 0, 9, 2), Setting("phase_bits", 4, 20, 6)),
    ports=(Port("left"), Port("right", 8, Overflow.SATURATE)),
    message_bits=12,
    step=_strange_step,
)


def strange() -> Program:
    """A neuron type that the exporter has never seen, fed back to itself; `STRANGE` must stand in NEURONS_BY_NAME."""
    rng = np.random.default_rng(3)
    own = {"rate": rng.integers(-128, 128, (3, 4)), "table": rng.integers(-2048, 2048, 11)}
    return Program(
        "strange",
        (Input("x", 2, 9),),
        (Population("s", STRANGE.name, 3, 4, coefficients=own),),
        (
            Projection("x.left", "x", "s", Dense(rng.integers(-128, 128, (3, 2))), "left"),
            Projection("x.right", "x", "s", Dense(np.full((3, 2), 1)), "right", exponent=-3, delay_steps=2),
            Projection("s.left", "s", "s", Dense(rng.integers(-9, 9, (3, 3))), "left", exponent=-5, delay_steps=3),
        ),
        (),
    )
