"""Networks too big to run or even to hold: cores, time and energy from the shapes of their layers and rates.

The mapper is the one that places programs, one layer a core: of each layer it gets as many neurons as a core could
hold, with random weights of the layer's width and share of zeros, since all cores of a layer are alike. Counts are
those of the report, from the layers' message rates instead of a run; the prices are its cost tables. Not told, because
positions of cores and bursts are not known: router hops, links, and how far the busiest step lies above the mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from toolchain.errors import InputError, PlacementError
from toolchain.ir.connections import Connection, Convolution, Dense
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Input, Output, Population, Program, Projection
from toolchain.mapping.axons import Axons, axons
from toolchain.mapping.filling import longest_run
from toolchain.mapping.layout import choose_tilings
from toolchain.mapping.placement import Usage
from toolchain.mapping.target import Target, first_fault
from toolchain.mapping.usage import Demand
from toolchain.reading import toml_of
from toolchain.report.counts import Counts, LayerCount
from toolchain.report.traffic import CoreCount

PLANS = Path(__file__).parent / "plans"
SAMPLED = 1 << 22
"""Synapses of a dense layer that are laid out to see how many neurons a core holds."""


class PlannedLayer(BaseModel):
    """A layer by its shape.

    Attributes:
        name: of the layer.
        kind: "dense", from `inputs` to `neurons`, or "convolution", from `input_shape` (channels, rows, columns).
        channels, kernel, stride, padding: of a convolution.
        weight_bits: width of the stored weights.
        nonzero: share of the weights that is not 0.
        rate: messages of each source in a step.
        graded: whether messages carry a payload: what it multiplies is a MAC.
        neuron_words: words of a neuron's state and coefficients; an update is charged once for each.
        repeat: so many layers of this shape.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Literal["dense", "convolution"] = "dense"
    inputs: int = Field(default=0, ge=0)
    neurons: int = Field(default=0, ge=0)
    input_shape: tuple[int, int, int] = (0, 0, 0)
    channels: int = Field(default=0, ge=0)
    kernel: int = Field(default=1, ge=1)
    stride: int = Field(default=1, ge=1)
    padding: int = Field(default=0, ge=0)
    weight_bits: int = Field(default=8, ge=1, le=8)
    nonzero: float = Field(default=1.0, gt=0, le=1)
    rate: float = Field(ge=0, le=1)
    graded: bool = False
    neuron_words: int = Field(default=1, ge=1)
    repeat: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _whole(self) -> PlannedLayer:
        if self.kind == "dense" and not (self.inputs and self.neurons):
            raise ValueError("a dense layer needs inputs and neurons")
        if self.kind == "convolution" and not (min(self.input_shape) and self.channels):
            raise ValueError("a convolution needs input_shape and channels")
        return self


class Plan(BaseModel):
    """A network by its shapes.

    Attributes:
        name, title: of the network.
        notes: where shapes and rates come from, and what is assumed.
        steps: of an inference.
        layers: in order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: str
    title: str
    notes: tuple[str, ...] = ()
    steps: int = Field(ge=1)
    layers: tuple[PlannedLayer, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Planned:
    """What a plan takes.

    Attributes:
        cores, words: of all layers.
        parameters: weights, zeros too.
        counts: of one step.
        layers: name, number of layers of that shape, cores and words of one.
    """

    cores: int
    words: float
    parameters: int
    counts: Counts
    layers: tuple[tuple[str, int, int, float], ...]

    def chips(self, target: Target) -> int:
        """Chips that the cores fill."""
        return -(-self.cores // target.cores_per_chip.whole)


def shipped_plans() -> tuple[str, ...]:
    """Names of the plans that come with Seamount."""
    return tuple(sorted(path.stem for path in PLANS.glob("*.toml")))


def load_plan(name_or_path: str | Path) -> Plan:
    """Read a plan by the name of a shipped one or by the path of a file.

    Raises:
        InputError: there is no such plan, or the file breaks a rule; the message names the entry.
    """
    path = PLANS / f"{name_or_path}.toml" if str(name_or_path) in shipped_plans() else Path(name_or_path)
    if not path.is_file():
        raise InputError(str(name_or_path), "no such plan", f"use one of {', '.join(shipped_plans())}, or a file")
    try:
        return Plan.model_validate(toml_of(path))
    except ValidationError as error:
        raise InputError(str(path), first_fault(error), "compare with toolchain/report/plans") from error
    except (OSError, ValueError) as error:
        raise InputError(str(path), f"is not TOML ({error})", "compare with toolchain/report/plans") from error


def lay_out(plan: Plan, target: Target) -> Planned:
    """Map every layer and count one step.

    Raises:
        PlacementError: a neuron of a layer takes more than a core; the message names the layer.
    """
    found = [_layer(layer, target) for layer in plan.layers]
    rows = tuple(
        (layer.name, layer.repeat, held.cores, held.words) for layer, held in zip(plan.layers, found, strict=True)
    )
    return Planned(
        cores=sum(count * cores for _, count, cores, _ in rows),
        words=sum(count * words for _, count, _, words in rows),
        parameters=sum(layer.repeat * held.parameters for layer, held in zip(plan.layers, found, strict=True)),
        counts=Counts(1, 1, tuple(held.count for held in found), (), tuple(held.busiest for held in found)),
        layers=rows,
    )


@dataclass(frozen=True)
class _Held:
    cores: int
    words: float
    parameters: int
    count: LayerCount
    busiest: CoreCount


def _layer(layer: PlannedLayer, target: Target) -> _Held:
    return _dense(layer, target) if layer.kind == "dense" else _convolution(layer, target)


def _weights(layer: PlannedLayer, shape: tuple[int, ...]) -> IntArray:
    """Random weights of both signs, as wide as asked, with the share of zeros."""
    rng = np.random.default_rng(0)
    high = max(1, (1 << (layer.weight_bits - 1)) - 1)
    values: IntArray = rng.integers(1, high + 1, shape) * rng.choice([-1, 1], shape)
    values[rng.random(shape) >= layer.nonzero] = 0
    values.ravel()[0] = high
    return values


def _demand(layer: PlannedLayer, connection: Connection, target: Target) -> tuple[Demand, Population, Projection]:
    """The layer alone between the host and the host, which reads its messages."""
    size = connection.target_size
    population = Population(layer.name, "relay", size)
    projection = Projection("into", "sources", layer.name, connection)
    host = (Output("out", layer.name),) if layer.kind == "dense" else ()
    program = Program(layer.name, (Input("sources", connection.source_size),), (population,), (projection,), host)
    demand = Demand(program, target)
    demand.words[layer.name] = (layer.neuron_words, 0)
    return demand, population, projection


def _dense(layer: PlannedLayer, target: Target) -> _Held:
    """All cores of a dense layer are alike: how many neurons fit one says how many it takes."""
    rows = min(layer.neurons, max(64, SAMPLED // layer.inputs))
    while True:
        connection = Dense(_weights(layer, (rows, layer.inputs)))
        demand, population, _ = _demand(layer, connection, target)
        fit, usage = longest_run(demand, population, 0, Usage())
        if not fit:
            what = f"one neuron of {layer.inputs} sources does not fit a core"
            raise PlacementError(layer.name, what, "split its sources over relay neurons")
        if fit < rows or rows == layer.neurons:
            break
        rows = min(layer.neurons, 2 * rows)
    cores = -(-layer.neurons // fit)
    held = -(-layer.neurons // cores)
    synapses = layer.rate * layer.inputs * layer.nonzero
    stored = layer.rate * layer.inputs
    words_read = layer.rate * usage.synapse_words * held / fit
    work = _Work(synapses, stored, layer.rate * layer.inputs * cores, "synops_matrix")
    busiest = _core(layer, held, work.scaled(held), words_read, layer.rate * layer.inputs)
    words = usage.core_words * layer.neurons / fit
    count = _count(layer, layer.neurons, work.scaled(layer.neurons), layer.rate * layer.inputs)
    return _Held(cores, words, layer.inputs * layer.neurons, count, busiest)


def _convolution(layer: PlannedLayer, target: Target) -> _Held:
    """Every tile of a convolution, by its receptive field."""
    weights = _weights(layer, (layer.channels, layer.input_shape[0], layer.kernel, layer.kernel))
    padding = ((layer.padding, layer.padding),) * 2
    kernel = Convolution(weights, layer.input_shape, (layer.stride,) * 2, padding, (1, 1))
    demand, population, projection = _demand(layer, kernel, target)
    choose_tilings(demand)
    parts = list(demand.tilings[layer.name].slices(layer.name, trimmed=False))
    fields = [axons(projection, part, target) for part in parts]
    works = [_of_tile(layer, found) for found in fields]
    words = sum(demand.usage(part).core_words for part in parts)
    most = max(range(len(parts)), key=lambda at: works[at].nonzero)
    read = layer.rate * float(fields[most].words.sum())
    arriving = layer.rate * float(np.count_nonzero(fields[most].reached))
    busiest = _core(layer, parts[most].count, works[most], read, arriving)
    total = sum(works[1:], works[0])
    count = _count(layer, population.size, total, layer.rate * kernel.source_size)
    return _Held(len(parts), words, weights.size, count, busiest)


@dataclass(frozen=True)
class _Work:
    """Synaptic operations, stored synapses touched, and messages to cores, a step."""

    nonzero: float
    stored: float
    core_messages: float
    kind: str

    def scaled(self, neurons: int) -> _Work:
        return _Work(self.nonzero * neurons, self.stored * neurons, self.core_messages, self.kind)

    def __add__(self, other: _Work) -> _Work:
        messages = self.core_messages + other.core_messages
        return _Work(self.nonzero + other.nonzero, self.stored + other.stored, messages, self.kind)


def _of_tile(layer: PlannedLayer, found: Axons) -> _Work:
    nonzero, stored = layer.rate * float(found.nonzero.sum()), layer.rate * float(found.stored.sum())
    return _Work(nonzero, stored, layer.rate * float(np.count_nonzero(found.reached)), "synops_kernel")


def _count(layer: PlannedLayer, neurons: int, work: _Work, messages: float) -> LayerCount:
    """Counts of all layers of this shape in one step, rounded to whole operations."""
    synops = round(layer.repeat * work.nonzero)
    stored = round(layer.repeat * work.stored)
    return LayerCount(
        layer.name,
        "planned",
        neurons * layer.repeat,
        "payloads" if layer.graded else "spikes",
        synops_dense=stored,
        synops_nonzero=synops,
        synops_ac=0 if layer.graded else synops,
        synops_mac=synops if layer.graded else 0,
        neuron_updates=neurons * layer.repeat,
        word_updates=neurons * layer.repeat * layer.neuron_words,
        messages=round(layer.repeat * messages),
        core_messages=round(layer.repeat * work.core_messages),
        **{work.kind: stored},
    )


def _core(layer: PlannedLayer, neurons: int, work: _Work, words_read: float, arriving: float) -> CoreCount:
    return CoreCount(
        0,
        synops_dense=round(work.stored),
        synops_nonzero=round(work.nonzero),
        synapse_words_read=round(words_read),
        neuron_updates=neurons,
        word_updates=neurons * layer.neuron_words,
        core_messages=math.ceil(arriving),
        **{work.kind: round(work.stored)},
    )
