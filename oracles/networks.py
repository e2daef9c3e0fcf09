"""The networks that every simulator is given, made from a seed: programs and the spikes that go in.

`NETWORKS` lists them with what each is about and which simulators can run it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from toolchain.ir.connections import Dense
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Input, Output, Population, Program, Projection

Inputs = dict[str, IntArray]
LAVA, BRIAN2, NENGO, SANAFE, NEUROBENCH = "lava", "brian2", "nengo", "sanafe", "neurobench"
CHANNELS, HIDDEN, READOUT = 12, 24, 6


@dataclass(frozen=True)
class Decay:
    """A population's constants, as in `toolchain.ir.neurons.cuba_lif`."""

    du: int
    dv: int
    vth: int
    bias: tuple[int, int] | None = None  # least and greatest mantissa


def population(name: str, size: int, cell: Decay, rng: np.random.Generator) -> Population:
    """CUBA LIF neurons with the same decays and threshold, and a bias each where the cell has one."""
    coefficients = {key: np.full(size, getattr(cell, key)) for key in ("du", "dv", "vth")}
    if cell.bias:
        coefficients["bias_mant"] = rng.integers(*cell.bias, size, endpoint=True)
    return Population(name, "cuba_lif", size, coefficients=coefficients, settings={"bias_exp": 4} if cell.bias else {})


def even(rng: np.random.Generator, targets: int, sources: int, low: int = -126, high: int = 126) -> Dense:
    """Even signed weights, which mixed-sign synapses of Loihi can hold; about a fifth of them zero."""
    half = rng.integers(low // 2, high // 2, (targets, sources), endpoint=True)
    return Dense(2 * half * (rng.random((targets, sources)) < 0.8))


def odd(rng: np.random.Generator, targets: int, sources: int, low: int, high: int) -> Dense:
    """Odd signed weights: their last bit does not survive mixed sign mode."""
    return Dense(even(rng, targets, sources, low, high).weights + 1)


def join(source: str, target: str, weights: Dense, exponent: int = 0, delay_steps: int = 1) -> Projection:
    """A projection named by its ends."""
    return Projection(f"{source}->{target}", source, target, weights, exponent=exponent, delay_steps=delay_steps)


def network(name: str, populations: tuple[Population, ...], projections: tuple[Projection, ...]) -> Program:
    """A program with one spiking input, read at its last population; run for the input's length."""
    outputs = (Output("spikes", populations[-1].name),)
    return Program(name, (Input("input", CHANNELS, bits=2),), populations, projections, outputs)


def spikes(rng: np.random.Generator, steps: int, rate: float) -> Inputs:
    """Independent spikes in every channel, (1, step, channel)."""
    return {"input": (rng.random((1, steps, CHANNELS)) < rate).astype(np.int64)}


def feedforward(rng: np.random.Generator) -> tuple[Program, Inputs]:
    """12 -> 24 -> 6, different decays a layer."""
    hidden = population("hidden", HIDDEN, Decay(du=700, dv=220, vth=260), rng)
    readout = population("readout", READOUT, Decay(du=1300, dv=90, vth=420), rng)
    projections = (
        join("input", "hidden", even(rng, HIDDEN, CHANNELS)),
        join("hidden", "readout", even(rng, READOUT, HIDDEN, -90)),
    )
    return network("feedforward", (hidden, readout), projections), spikes(rng, 300, 0.12)


def _recurrent(name: str, rng: np.random.Generator, weights: Callable[..., Dense]) -> tuple[Program, Inputs]:
    """12 -> 24 with 24 x 24 recurrence -> 6, and 6 -> 24 feedback."""
    hidden = population("hidden", HIDDEN, Decay(du=1100, dv=300, vth=230), rng)
    readout = population("readout", READOUT, Decay(du=500, dv=700, vth=380), rng)
    projections = (
        join("input", "hidden", weights(rng, HIDDEN, CHANNELS, -100, 126)),
        join("hidden", "hidden", weights(rng, HIDDEN, HIDDEN, -60, 40)),
        join("hidden", "readout", weights(rng, READOUT, HIDDEN, -90, 120)),
        join("readout", "hidden", weights(rng, HIDDEN, READOUT, -120, 60)),
    )
    return network(name, (hidden, readout), projections), spikes(rng, 400, 0.15)


def recurrent(rng: np.random.Generator) -> tuple[Program, Inputs]:
    """Recurrence within a layer and from the last back to the first, even weights."""
    return _recurrent("recurrent", rng, even)


def odd_weights(rng: np.random.Generator) -> tuple[Program, Inputs]:
    """The recurrent network with odd weights."""
    return _recurrent("odd_weights", rng, odd)


def _delays(name: str, rng: np.random.Generator) -> tuple[Program, Inputs]:
    """Every projection with a delay of its own, recurrence and a skip among them; one with an exponent."""
    hidden = population("hidden", HIDDEN, Decay(du=900, dv=250, vth=300), rng)
    readout = population("readout", READOUT, Decay(du=2048, dv=60, vth=700), rng)
    projections = (
        join("input", "hidden", even(rng, HIDDEN, CHANNELS, -90), delay_steps=2),
        join("hidden", "hidden", even(rng, HIDDEN, HIDDEN, -70, 50), delay_steps=3),
        join("hidden", "readout", even(rng, READOUT, HIDDEN, -50, 60), exponent=1, delay_steps=5),
        join("input", "readout", even(rng, READOUT, CHANNELS), delay_steps=4),
    )
    return network(name, (hidden, readout), projections), spikes(rng, 350, 0.12)


def delays(rng: np.random.Generator) -> tuple[Program, Inputs]:
    """Different delays; in some steps nothing is sent at all."""
    return _delays("delays", rng)


def delays_busy(rng: np.random.Generator) -> tuple[Program, Inputs]:
    """The same with one channel that fires in every step: something reaches every neuron all the time."""
    program, inputs = _delays("delays_busy", rng)
    inputs["input"][..., 0] = 1
    return program, inputs


def biased(rng: np.random.Generator) -> tuple[Program, Inputs]:
    """A constant drive of either sign on every neuron, with recurrence."""
    hidden = population("hidden", HIDDEN, Decay(du=1500, dv=150, vth=350, bias=(-60, 180)), rng)
    readout = population("readout", READOUT, Decay(du=800, dv=400, vth=500, bias=(-100, 100)), rng)
    projections = (
        join("input", "hidden", even(rng, HIDDEN, CHANNELS, -100, 110)),
        join("hidden", "hidden", even(rng, HIDDEN, HIDDEN, -60, 40)),
        join("hidden", "readout", even(rng, READOUT, HIDDEN, -90, 120)),
    )
    return network("biased", (hidden, readout), projections), spikes(rng, 300, 0.1)


def instant(rng: np.random.Generator) -> tuple[Program, Inputs]:
    """No memory of the current (du = 4095), no leak of the voltage (dv = 0), with recurrence."""
    hidden = population("hidden", HIDDEN, Decay(du=4095, dv=0, vth=900), rng)
    readout = population("readout", READOUT, Decay(du=4095, dv=0, vth=800), rng)
    projections = (
        join("input", "hidden", even(rng, HIDDEN, CHANNELS, -80)),
        join("hidden", "hidden", even(rng, HIDDEN, HIDDEN, -60, 50)),
        join("hidden", "readout", even(rng, READOUT, HIDDEN, -90, 120)),
    )
    return network("instant", (hidden, readout), projections), spikes(rng, 400, 0.25)


def slow_decay(rng: np.random.Generator) -> tuple[Program, Inputs]:
    """The slowest decays and small currents: rounding toward zero is most of what a step takes away."""
    hidden = population("hidden", HIDDEN, Decay(du=0, dv=1, vth=4000), rng)
    readout = population("readout", READOUT, Decay(du=1, dv=0, vth=9000), rng)
    projections = (
        join("input", "hidden", even(rng, HIDDEN, CHANNELS, -6, 16)),
        join("hidden", "hidden", even(rng, HIDDEN, HIDDEN, -6, 8)),
        join("hidden", "readout", even(rng, READOUT, HIDDEN, -4, 14)),
    )
    return network("slow_decay", (hidden, readout), projections), spikes(rng, 400, 0.1)


def overflow(rng: np.random.Generator) -> tuple[Program, Inputs]:
    """Currents that pass 2^23 and wrap; what arrives in one step stays below 2^21."""
    hidden = population("hidden", HIDDEN, Decay(du=75, dv=3000, vth=100_000), rng)
    readout = population("readout", READOUT, Decay(du=900, dv=300, vth=600), rng)
    projections = (
        join("input", "hidden", even(rng, HIDDEN, CHANNELS, 0, 126), exponent=4),
        join("hidden", "hidden", even(rng, HIDDEN, HIDDEN, -60, 30)),
        join("hidden", "readout", even(rng, READOUT, HIDDEN, -90, 120)),
    )
    return network("overflow", (hidden, readout), projections), spikes(rng, 300, 0.25)


def saturation(rng: np.random.Generator) -> tuple[Program, Inputs]:
    """Voltages that would pass -2^23 and are held there, currents that stay inside."""
    hidden = population("hidden", HIDDEN, Decay(du=300, dv=4, vth=60_000), rng)
    readout = population("readout", READOUT, Decay(du=900, dv=300, vth=600), rng)
    projections = (
        join("input", "hidden", even(rng, HIDDEN, CHANNELS, -126, 100), exponent=2),
        join("hidden", "hidden", even(rng, HIDDEN, HIDDEN, -60, 60), exponent=2),
        join("hidden", "readout", even(rng, READOUT, HIDDEN, -90, 120)),
    )
    return network("saturation", (hidden, readout), projections), spikes(rng, 300, 0.25)


def current_edge(rng: np.random.Generator) -> tuple[Program, Inputs]:
    """Currents of exactly 2^23, in one step and without memory."""
    hidden = population("hidden", 1, Decay(du=4095, dv=4095, vth=100_000), rng)
    projections = (join("input", "hidden", Dense(np.full((1, CHANNELS), 64)), exponent=10),)
    return network("current_edge", (hidden,), projections), spikes(rng, 40, 0.2)


@dataclass(frozen=True)
class Case:
    """A network, its seed, and the simulators that can run it."""

    build: Callable[[np.random.Generator], tuple[Program, Inputs]]
    seed: int
    tools: tuple[str, ...]

    def make(self) -> tuple[Program, Inputs]:
        """The program and its input, the same every time."""
        return self.build(np.random.default_rng(self.seed))


ALL = (LAVA, BRIAN2, NENGO, SANAFE)
COUNTED = (*ALL, NEUROBENCH)
NETWORKS = {
    "feedforward": Case(feedforward, 1, COUNTED),
    "recurrent": Case(recurrent, 2, COUNTED),
    "delays": Case(delays, 4, (LAVA, BRIAN2, SANAFE, NEUROBENCH)),  # nengo-loihi's emulator has no delays
    "delays_busy": Case(delays_busy, 4, (LAVA, BRIAN2, SANAFE, NEUROBENCH)),
    "biased": Case(biased, 5, (LAVA, NENGO, SANAFE)),  # brian2-loihi has no bias
    "instant": Case(instant, 6, ALL),
    "slow_decay": Case(slow_decay, 7, ALL),
    "odd_weights": Case(odd_weights, 3, ALL),
    "overflow": Case(overflow, 8, ALL),
    "saturation": Case(saturation, 9, ALL),
    "current_edge": Case(current_edge, 10, (LAVA,)),  # the others take less than 2^23 in one step
}
