"""What every kind of unit declares: how it is found, run in floats, scaled and rounded. A kind is one file beside this.

A *unit* is whatever has state or emits messages: the input, a state space with its soma, a LIF, a gate, a sum that
leaves the network. It holds the discretized coefficients of its NIR nodes, so that no stage after `collapse` sees a
node or a convention. Stages ask a unit; none asks which kind it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal, Protocol, Self, TypeAlias

import numpy as np
import scipy.sparse

from toolchain.frontend.graph import FloatArray, Graph, Node
from toolchain.frontend.links import INPUT_PORT, Link
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Population
from toolchain.quantize.ports import drive_limit
from toolchain.quantize.rounding import TensorRow, round_to, row
from toolchain.quantize.scheme import LinkScale, Payload, UnitScale, graded_payload, key, link_scale, room
from toolchain.quantize.settings import Settings
from toolchain.quantize.weights import weight_exponent
from toolchain.units.reading import Reading

SMALLEST = 2.0**-20
"""Stands for the peak of what calibration saw at 0 alone."""
BIAS_EXTRA_BITS = 4
"""Fraction bits that a drive gets beyond its projections' own, so that biases are not rounded to weight steps."""

Tensors = Mapping[str, FloatArray]
"""What is rounded of a unit, in its lowest terms, by name: one value a neuron, (size,), or a mode, (size, modes)."""

Loop: TypeAlias = scipy.sparse.csr_array | None
"""Weights from a unit to itself, a step later."""

Scaled = tuple[UnitScale, dict[tuple[str, str, int], LinkScale]]

Reals = Mapping[str, Any]
"""What moves while a network is fine-tuned, by name (`Unit.moved`)."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What one unit did in a float run, (sample, step, neuron) but for `state_peak`, (neuron,), and `moments`.

    Attributes:
        drive: what arrived, biases included; the neurons of a unit of two ports twice.
        messages: what it sent; a running sum for an integrator.
        voltage: what is compared with a threshold, before any reset; a sum or product before it is rectified.
        readout: of a state space.
        state_peak: greatest magnitude of a mode's real or imaginary part.
        moments, rows: those of `quantize.scan.Scanned`.
    """

    drive: FloatArray
    messages: FloatArray
    voltage: FloatArray
    readout: FloatArray
    state_peak: FloatArray
    moments: FloatArray
    rows: int = 0


def seen_without_modes(drive: FloatArray, messages: FloatArray, voltage: FloatArray) -> Seen:
    """What a unit without modes did."""
    size = messages.shape[2]
    return Seen(drive, messages, voltage, np.zeros((1, 1, size)), np.zeros(size), np.zeros((size, 0, 0)))


@dataclass(frozen=True, eq=False)
class UnitRange:
    """What calibration saw at one unit (maxima over samples and steps).

    Attributes:
        drive: greatest magnitude of each neuron's input, (size,); of two ports one after the other, (2 size,).
        state: greatest magnitude of a mode's real or imaginary part with B folded into C, (size,); 0 without modes.
        readout: greatest magnitude of each state space's output, (size,).
        voltage: greatest magnitude of each membrane voltage, running sum, or product before it is rectified, (size,).
        rate: share of steps with a message, over samples and neurons.
        message: greatest magnitude of each neuron's message, (size,).
        moments: sums of products of (Re x, Im x a mode by turns, then the drive), (size, features, features).
        rows: how many states a neuron those are sums over.
        steps: length of the sequences.
    """

    drive: FloatArray
    state: FloatArray
    readout: FloatArray
    voltage: FloatArray
    rate: float
    message: FloatArray
    moments: FloatArray
    rows: int = 0
    steps: int = 0


@dataclass(frozen=True)
class Room:
    """What bounds the fineness of a unit's drive.

    Attributes:
        wanted: fraction bits of the sums that arrive.
        limit: the most at which no possible sum overflows the port.
    """

    wanted: int
    limit: int


@dataclass(frozen=True, eq=False)
class Rounded:
    """A unit in integers.

    Attributes:
        population: its part of the program.
        rows: one for each coefficient that was rounded.
        findings: lossy steps in words.
    """

    population: Population
    rows: tuple[TensorRow, ...]
    findings: tuple[str, ...] = ()


Drive = Literal["none", "entering", "leaving", "through"]
"""What drives a unit: nothing; the sum that enters its entry node; what leaves that; the exit's own linear map."""


class Make(Protocol):
    """A unit of a name, size and bias."""

    def __call__(self, *, name: str, size: int, bias: FloatArray) -> Unit: ...


@dataclass(frozen=True, eq=False)
class Head:
    """A unit found in a graph, before what drives it is known.

    Attributes:
        exit: the node whose output is its message.
        entry: the node that `drive` speaks of.
        drive: what drives it.
        covers: every node that it takes in, but for linear ones that others may read.
        place: the node by whose place in the graph units are ordered.
        make: makes the unit.
        ports: where messages arrive; with two, each has half of what enters.
    """

    exit: str
    entry: str
    drive: Drive
    covers: tuple[str, ...]
    place: str
    make: Make
    ports: tuple[str, ...] = (INPUT_PORT,)


@dataclass(frozen=True, eq=False)
class Unit(ABC):
    """One input, population or readout of the float network.

    Attributes:
        name: its name in the program: the NIR name without dots.
        size: number of neurons or channels.
        exit: the NIR node whose output is its message.
        bias: constant drive of each neuron at every step, (size,); of two ports one after the other, (2 size,).
    """

    name: str
    size: int
    exit: str
    bias: FloatArray

    node_kinds: ClassVar[tuple[str, ...]] = ()
    """Types of the nodes that become such a unit, for messages."""
    driven_by: ClassVar[Drive] = "entering"
    """What drives it, where one node makes it."""
    ports: ClassVar[tuple[str, ...]] = (INPUT_PORT,)
    """Where messages arrive: one port, or two, of which each has half of what enters."""
    output_register: ClassVar[str] = ""
    """The register that the host reads of an output; "" where it reads messages."""
    has_modes: ClassVar[bool] = False
    """Whether widths of A, C and the state apply."""

    @property
    @abstractmethod
    def spikes(self) -> bool:
        """Whether its messages are 0 and 1."""

    @property
    @abstractmethod
    def graded(self) -> bool:
        """Whether its messages are numbers."""

    @classmethod
    def recognise(cls, reading: Reading, taken: Set[str]) -> Iterator[Head]:
        """Such units of a graph; by default every node of `node_kinds`.

        Args:
            reading: the graph as it is stepped.
            taken: nodes that kinds before this one have taken in.

        Raises:
            UnsupportedError: a node of this kind that has no place in a program.
        """
        for node in nodes_of(reading.graph, cls.node_kinds, taken):
            make = partial(cls.of_node, node, reading)
            yield Head(node.name, node.name, cls.driven_by, (node.name,), node.name, make, cls.ports)

    @classmethod
    def of_node(cls, node: Node, reading: Reading, name: str, size: int, bias: FloatArray) -> Unit:
        """The unit of one node."""
        return cls(name, size, node.name, bias)

    @property
    def origin(self) -> str:
        """The NIR node to name in messages to people."""
        return self.exit

    @property
    def gain(self) -> FloatArray:
        """Factor from what arrives to what `tensors` speak of, (size,); links are multiplied by it."""
        return np.ones(self.size)

    @property
    def kept_share(self) -> float:
        """Share of a voltage that it keeps a step, over its neurons; 0 where weights are not fitted to it."""
        return 0.0

    @property
    def updates(self) -> int:
        """Values of state that a step of a float run writes."""
        return self.size

    @property
    def moves_alone(self) -> bool:
        """Whether it would move without input, and so must rest until its first input can have come."""
        return bool(np.any(self.bias != 0))

    def tensors(self) -> Tensors:
        """What is rounded, in lowest terms."""
        return {"bias": self.gain * self.bias}

    def replaced(self, tensors: Tensors, name: str, values: FloatArray) -> Tensors:
        """The tensors with one of them, by the name of its `TensorRow`, in another form."""
        return {**tensors, name: values}

    def start(self, tensors: Tensors) -> FloatArray:
        """What is added to all that arrives, (size,); of two ports one after the other, (2 size,)."""
        return tensors["bias"]

    @abstractmethod
    def run(self, tensors: Tensors, drive: FloatArray, loop: Loop, moment_rows: int) -> Seen:
        """Run from rest in float64.

        Args:
            tensors: as from `tensors`, some of them rounded.
            drive: what arrives from others, `start` included, (sample, step, neuron); may be overwritten.
            loop: weights of its links to itself.
            moment_rows: about how many states a neuron to take second moments over; 0 for none.

        Raises:
            InputError: a loop that it cannot have.
        """

    def payload(self, scale: UnitScale | None) -> Payload:
        """What its messages are in integers; `scale` is there where they are graded."""
        return Payload(0, 1.0, signed=False) if scale is None else graded_payload(scale)

    def free_gains(self, incoming: tuple[Link, ...], settings: Settings) -> FloatArray:
        """Factors of each neuron's drive that its own scale takes back, (size,); 1 where it is not free."""
        return np.ones(self.size)

    def scaled(
        self, incoming: tuple[Link, ...], payload: Mapping[str, Payload], seen: UnitRange, settings: Settings
    ) -> Scaled:
        """Scales of the unit and of the links into it.

        Args:
            incoming: the links, with columns divided by what their sources' messages are finer by.
            payload: of each source.
            seen: by calibration.
            settings: of the whole network.

        Raises:
            QuantizationError: it finds no scale, with the numbers.
        """
        gain = self.gain * self.free_gains(incoming, settings)
        weights = {key(link): weight_exponent(link, gain, settings) for link in incoming}
        limit = drive_limit(incoming, gain, weights, payload, settings)
        wanted = max((weights[key(k)] + payload[k.source].exponent for k in incoming), default=0)
        scale = self.scale(gain, Room(wanted, limit), seen, settings.for_population(self.name))
        return scale, {key(k): link_scale(weights[key(k)], scale.drive_exponent, payload[k.source]) for k in incoming}

    def scale(self, gain: FloatArray, bound: Room, seen: UnitRange, settings: Settings) -> UnitScale:
        """Scales of the unit alone: the finest drive at which all that calibration saw of it fits."""
        peak = float(max(seen.voltage.max(), seen.drive.max(), self.threshold_peak(), SMALLEST))
        exponent = min(bound.wanted + BIAS_EXTRA_BITS, bound.limit, room(peak, settings.headroom_bits))
        return UnitScale(exponent, gain, message_exponent=exponent)

    def threshold_peak(self) -> float:
        """The greatest threshold that shares its drive's scale; 0 without one."""
        return 0.0

    @abstractmethod
    def rounded(self, scale: UnitScale, settings: Settings, start_step: int) -> Rounded:
        """The unit in integers.

        Raises:
            UnsupportedError: what its neuron type cannot express.
            QuantizationError: a coefficient that finds no integer.
        """

    def moved(self, reals: Reals) -> Self:
        """The unit of a network in fine-tuning, with `bias` and what else a kind takes of `reals` as they are now."""
        return replace(self, bias=reals["bias"])


def nodes_of(graph: Graph, kinds: tuple[str, ...], taken: Set[str]) -> Iterator[Node]:
    """Nodes of some NIR types that no kind has taken in yet, in order."""
    return (node for node in graph.of_kind(*kinds) if node.name not in taken)


def only_reader(graph: Graph, name: str) -> Node | None:
    """The node that reads `name` and nothing else, where no other reads `name`."""
    targets = graph.targets(name)
    if len(targets) != 1 or graph.sources(targets[0]) != (name,):
        return None
    return graph.nodes[targets[0]]


def rounded_bias(
    unit: Unit, name: str, real: FloatArray, factor: FloatArray | float, text: str
) -> tuple[dict[str, IntArray], list[TensorRow]]:
    """A constant of 24 bits times the scale of a drive, which `text` puts in words, and its row."""
    whole = round_to(real, factor)
    return {name: whole}, [row(f"{unit.name}.{name}", 24, text, real, whole, factor)]
