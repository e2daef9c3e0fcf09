"""Programs in which the passes have something to do: residual streams, relays, slack, zeros, wide sums."""

from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import strategies as st

from tests.connection_strategies import connections
from tests.strategies import arrays, inputs_for, populations, within_ports
from tests.toolchain.report.digits_like import digits_like, ssm_lif
from toolchain.ir.connections import Connection, Dense, OneToOne, Sparse
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.neurons import NEURONS
from toolchain.ir.program import Input, Output, Population, Program, Projection

WITH_INPUT = tuple(neuron for neuron in NEURONS if any(port.name == "input" for port in neuron.ports))
Run = tuple[Program, dict[str, IntArray]]


@st.composite
def streams(draw: st.DrawFn) -> Run:
    """Targets of any type that get overlapping sets of the same summands, at delays and factors of their own."""
    size = draw(st.integers(1, 3))
    inputs = (Input("in0", draw(st.integers(1, 2)), draw(st.integers(2, 8))),)
    depth = draw(st.integers(2, 4))
    drawn = [draw(populations(f"p{i}", WITH_INPUT)) for i in range(depth)]
    blocks = [_resized(_without_wide_readouts(p) if draw(st.booleans()) else p, size) for p in drawn]
    sources = [inputs[0].name, *(p.name for p in blocks[:-1])]
    sizes = {"in0": inputs[0].size} | {p.name: size for p in blocks}
    weights = {name: _coarse(draw(connections(size, sizes[name])), draw(st.integers(0, 3))) for name in sources}
    exponents = {name: draw(st.integers(0, 3) | st.integers(-3, 4)) for name in sources}
    delays = {name: draw(st.integers(1, 4)) for name in sources}
    joints = []
    for number, block in enumerate(blocks):
        later, factor = draw(st.integers(0, 3)), draw(st.integers(-1, 2))
        for name in sources[: number + 1]:
            if draw(st.integers(0, 4)):
                joints.append(
                    Projection(
                        f"{name}->{block.name}", name, block.name, weights[name],
                        exponent=exponents[name] + factor, delay_steps=delays[name] + later,
                    )
                )  # fmt: skip
    outputs = tuple(Output(f"out.{p.name}", p.name) for p in blocks if draw(st.booleans()))
    program = within_ports(Program("stream", inputs, tuple(blocks), tuple(joints), outputs, draw(st.integers(0, 3))))
    return program, draw(inputs_for(program))


def _coarse(connection: Connection, power: int) -> Connection:
    """The connection with weights cut down to multiples of 2^power, where it lists them."""
    if not isinstance(connection, Dense | Sparse):
        return connection
    coarse = connection.values - np.fmod(connection.values, 2**power)
    if isinstance(connection, Dense):
        return Dense(coarse)
    return dataclasses.replace(connection, values=coarse)


def _without_wide_readouts(population: Population) -> Population:
    """State spaces at a shift and without a skip, so that no mode's share of the readout exceeds 24 bits."""
    if population.neuron not in ("ssm_lif", "ssm_threshold"):
        return population
    coefficients = {**population.coefficients, "d": np.zeros(population.size, dtype=np.int64)}
    shift = max(0, population.setting("c_bits") + population.setting("state_bits") - 23)
    settings = {**population.settings, "c_shift": shift}
    return dataclasses.replace(population, settings=settings, coefficients=coefficients)


def _resized(population: Population, size: int) -> Population:
    """The population with its first neuron's coefficients, or all of them over again, in `size` neurons."""
    tables = {c.name for c in population.type.coefficients if c.per == "population"}
    coefficients = {
        name: values if name in tables else np.resize(values, (size, *values.shape[1:]))
        for name, values in population.coefficients.items()
    }
    return dataclasses.replace(population, size=size, coefficients=coefficients)


@st.composite
def relayed(draw: st.DrawFn) -> Run:
    """Sources, one relay with a bias or a rest, and readers of several types behind it."""
    size = draw(st.integers(1, 3))
    inputs = (Input("in0", draw(st.integers(1, 2)), draw(st.integers(2, 6))),)
    relay = Population(
        "relay0", "relay", size,
        settings={"message_bits": draw(st.integers(12, 22))},
        coefficients={"bias": draw(arrays((size,), -3, 3))} if draw(st.booleans()) else {},
        start_step=draw(st.sampled_from([0, 0, 1, 2])),
    )  # fmt: skip
    readers = [draw(populations(f"p{i}", WITH_INPUT)) for i in range(draw(st.integers(1, 3)))]
    readers = [dataclasses.replace(p, start_step=draw(st.sampled_from([0, 3, 5]))) for p in readers]
    sources = ["in0", *(p.name for p in readers)]
    joints = [
        Projection(
            f"in{i}", draw(st.sampled_from(sources)), "relay0", Dense(np.zeros((1, 1), int)),
            exponent=draw(st.integers(0, 2) | st.integers(-2, 2)), delay_steps=draw(st.integers(1, 3)),
        )
        for i in range(draw(st.integers(1, 3)))
    ]  # fmt: skip
    sizes = {"in0": inputs[0].size, "relay0": size} | {p.name: p.size for p in readers}
    joints = [dataclasses.replace(p, connection=Dense(draw(arrays((size, sizes[p.source]), -4, 4)))) for p in joints]
    for reader in readers:
        unit = reader.size == size and draw(st.booleans())
        weights = OneToOne(np.ones(size, int)) if unit else Dense(draw(arrays((reader.size, size), -4, 4)))
        joints.append(
            Projection(
                f"relay0->{reader.name}", "relay0", reader.name, weights,
                exponent=draw(st.integers(-2, 3)), delay_steps=draw(st.integers(1, 3)),
            )
        )  # fmt: skip
    outputs = tuple(Output(f"out.{p.name}", p.name) for p in readers)
    program = within_ports(Program("relayed", inputs, (relay, *readers), tuple(joints), outputs, 2))
    return program, draw(inputs_for(program))


def noise(program: Program, steps: int = 24, samples: int = 2, seed: int = 3) -> dict[str, IntArray]:
    """Uniform payloads over each input's range, half of them zero."""
    rng = np.random.default_rng(seed)
    drawn = {}
    for source in program.inputs:
        low, high = limits(source.bits)
        shape = (samples, steps, source.size)
        drawn[source.name] = rng.integers(low, high + 1, shape) * rng.integers(0, 2, shape)
    return drawn


def residual(blocks: int = 4, size: int = 6, seed: int = 1) -> Program:
    """A residual network of `ssm_lif` blocks and a readout, its stream unrolled: every block hears all before it."""
    rng = np.random.default_rng(seed)
    names = [f"block{k}" for k in range(blocks)]
    into = [Dense(rng.integers(-127, 128, (size, 1)))]
    into += [Dense(rng.integers(-127, 128, (size, size))) for _ in names]
    out = [Dense(rng.integers(-127, 128, (3, c.source_size))) for c in into]
    exponents = [2, *(int(e) for e in rng.integers(2, 5, blocks))]
    joints = []
    for later, name in enumerate([*names, "readout"]):
        for k, source in enumerate(["input", *names][: later + 1]):
            weights = out[k] if name == "readout" else into[k]
            exponent = exponents[k] + (0 if name == "readout" else later % 2)
            joints.append(
                Projection(f"{source}->{name}", source, name, weights, exponent=exponent, delay_steps=later + 1 - k)
            )
    populations_ = [ssm_lif(name, size, 2, rng, start_step=k + 1) for k, name in enumerate(names)]
    readout = Population("readout", "integrator", 3, coefficients={"bias": np.array([1, -2, 3])}, start_step=blocks + 1)
    return Program(
        "residual", (Input("input", 1, bits=8),), (*populations_, readout), tuple(joints),
        (Output("classes", "readout", "total"),), blocks + 1,
    )  # fmt: skip


def with_zeros() -> Program:
    """digits-like, with all that can be pruned: zeros in a list and in a matrix, dead modes, dead ends, silence."""
    program = digits_like(size=6, modes=4)
    rng = np.random.default_rng(2)
    block = program.population("block0")
    keep = rng.integers(0, 2, (6, 4)) * (np.arange(4) < 3)  # at most 3 live modes anywhere
    parts = {name: block.coefficients[name] * keep for name in ("c_re", "c_im")}
    block = dataclasses.replace(block, coefficients={**block.coefficients, **parts})
    ones = np.arange(6)
    padded = Sparse((6, 6), ones, ones, np.array([3, 0, 2, 0, 0, 1]))
    thin = Dense(np.where(rng.random((6, 6)) < 0.8, 0, 5))
    dead = Population("dead", "relay", 6)
    silent = Population("silent", "cuba_lif", 6, coefficients={"vth": np.ones(6, dtype=np.int64)})
    joints = (
        Projection("padded", "block0", "block1", padded, exponent=4),
        Projection("thin", "block0", "block1", thin, exponent=5),
        Projection("nothing", "block1", "block0", Dense(np.zeros((6, 6), dtype=np.int64))),
        Projection("to-dead", "block1", "dead", OneToOne(np.ones(6, dtype=np.int64))),
        Projection("from-silent", "silent", "block1", OneToOne(np.ones(6, dtype=np.int64))),
    )
    return dataclasses.replace(
        program,
        populations=(block, *program.populations[1:], dead, silent),
        projections=(*program.projections, *joints),
    )


def with_even_weights() -> Program:
    """digits-like, with weights that share 2, 4 or 8, at exponents of either sign."""
    program = digits_like(size=6, modes=2)
    projections = tuple(
        dataclasses.replace(
            p, connection=Dense(np.trunc(p.connection.weights / 8).astype(np.int64) * 2 ** (i % 4)), exponent=2 - i % 5
        )
        for i, p in enumerate(program.projections)
        if isinstance(p.connection, Dense)
    )
    return dataclasses.replace(program, projections=projections)


def with_slack() -> Program:
    """digits-like, three steps later than need be, and a spike and a payload that wait 40 steps."""
    program = digits_like(size=6, modes=2)
    later = tuple(
        dataclasses.replace(p, delay_steps=p.delay_steps + 3 * (p.source == "input")) for p in program.projections
    )
    moved = tuple(dataclasses.replace(p, start_step=p.start_step + 3) for p in program.populations)
    long = (
        Projection("late-spike", "block0", "readout", Dense(np.arange(60).reshape(10, 6) - 30), delay_steps=40),
        Projection("late-payload", "input", "block1", Dense(np.arange(6).reshape(6, 1) - 3), delay_steps=44),
    )
    return dataclasses.replace(
        program, populations=moved, projections=(*later, *long), latency_steps=program.latency_steps + 3
    )
