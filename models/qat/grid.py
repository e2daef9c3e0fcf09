"""What the compiler chose, as tensors: the integers to compute with, and the scales to read them by.

Integers come from the program, real values from the rows that say what a tensor was rounded to, scales from the
scheme. Nothing is rounded here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.kernels.voltages import LEAK_FRACTION_BITS
from models.qat.compiling import Choice
from toolchain.errors import UnsupportedError
from toolchain.frontend.links import Link
from toolchain.ir.connections import OneToOne
from toolchain.ir.integer import limits
from toolchain.ir.program import Population
from toolchain.quantize.scheme import UnitScale, key
from toolchain.quantize.weights import greatest_weight
from toolchain.units.binary_gate import BinaryGate
from toolchain.units.sigmoid_gate import SigmoidGate

FLOAT32_INTEGERS = 1 << 24
"""Up to here every whole number is a float32."""
SHORT_MANTISSA = 1 << 11
"""The same for the factors of a product in TF32."""
GATES = (SigmoidGate, BinaryGate)


@dataclass(frozen=True, eq=False)
class InputGrid:
    """The input's payload: an integer p in low .. high stands for p / scale."""

    scale: float
    low: int
    high: int


@dataclass(frozen=True, eq=False)
class LinkGrid:
    """Synapses.

    Attributes:
        source: unit that the messages come from.
        weights: integers, (target, source), of a type in which every sum of products is exact; or one a neuron where
            the stream passes a gate's messages on, (target,): powers of two, which do not learn.
        scale: integer weight per real weight, one a target, (target, 1).
        factor: power of two from the sum of products to the target's drive; below 1 it rounds down.
        top: greatest integer of the weights' width.
    """

    source: str
    weights: Tensor
    scale: Tensor
    factor: float
    top: int


@dataclass(frozen=True, eq=False)
class PortGrid:
    """Where messages arrive.

    Attributes:
        name: of the port.
        links: what enters.
        bias: (size,) integers.
        scale: integer drive per real drive, (size,).
    """

    name: str
    links: tuple[LinkGrid, ...]
    bias: Tensor
    scale: Tensor


@dataclass(frozen=True, eq=False)
class Gate:
    """A gate of two ports.

    Attributes:
        table: shares by index, (entries,), multiples of a power of two; None for a binary gate.
        index_shift, index_offset: from the drive to an index.
        threshold: integer drive that opens a binary gate, (size,); None for another.
    """

    table: Tensor | None
    index_shift: int
    index_offset: int
    threshold: Tensor | None


@dataclass(frozen=True, eq=False)
class Fire:
    """A second stage of spikes without state: threshold of the drive in integers, and what it stands for, (size,)."""

    threshold: Tensor
    theta: Tensor


@dataclass(frozen=True, eq=False)
class Modes:
    """A state space and its soma.

    Attributes:
        integers: (size, modes) or (size,) int64 coefficients of `ssm_lif` by name.
        settings: its settings by name.
        a_bar, c: what the integers stand for, (size, modes) complex, c with the factor 2.
        d, theta: the same, (size,).
        voltage_scale: integer voltage per real voltage, (size,).
    """

    integers: Mapping[str, Tensor]
    settings: Mapping[str, int]
    a_bar: Tensor
    c: Tensor
    d: Tensor
    theta: Tensor
    voltage_scale: Tensor


@dataclass(frozen=True, eq=False)
class UnitGrid:
    """A population.

    Attributes:
        name: of the unit.
        ports: one, or the two of a gate.
        neuron: what it computes; None for the output, a running sum or the sum of each step.
    """

    name: str
    ports: tuple[PortGrid, ...]
    neuron: Modes | Gate | Fire | None


@dataclass(frozen=True, eq=False)
class Grid:
    """The whole program."""

    input: InputGrid
    units: tuple[UnitGrid, ...]


def grid_of(choice: Choice, device: torch.device, dtype: torch.dtype) -> Grid:
    """Tensors of a compiled network; reals and the integers that are multiplied by floats are of `dtype`."""
    make = _Tensors(device, dtype)
    units = tuple(_unit(population, choice, make) for population in choice.program.populations)
    source = choice.program.inputs[0]
    return Grid(InputGrid(2.0**source.exponent, *limits(source.bits)), units)


@dataclass(frozen=True)
class _Tensors:
    """Makes tensors of arrays."""

    device: torch.device
    dtype: torch.dtype

    def real(self, values: NDArray[np.generic]) -> Tensor:
        return torch.as_tensor(np.array(values), dtype=self.dtype).to(self.device)

    def integer(self, values: NDArray[np.generic]) -> Tensor:
        return torch.as_tensor(np.array(values), dtype=torch.int64).to(self.device)

    def weights(self, values: NDArray[np.generic], peak: int) -> Tensor:
        """Weights for messages up to `peak`: in `dtype` where sums are exact in float32, in TF32 too, else float64."""
        sums = int(np.abs(values).sum(axis=-1).max(initial=0)) * peak
        exact = self.dtype if peak <= SHORT_MANTISSA and sums < FLOAT32_INTEGERS else torch.float64
        return torch.as_tensor(np.array(values), dtype=exact).to(self.device)


def _unit(population: Population, choice: Choice, make: _Tensors) -> UnitGrid:
    name, network = population.name, choice.compiled.network
    unit, scale = network.unit(name), choice.scheme.units[name]
    ports = []
    for port in unit.ports:
        links = tuple(_link(link, choice, make) for link in network.into(name) if link.port == port)
        bias = population.coefficients["bias" if len(unit.ports) == 1 else f"{port}_bias"]
        drive_scale = make.real(scale.gain * 2.0 ** scale.port_exponent(unit.ports.index(port)))
        ports.append(PortGrid(port, links, make.real(bias), drive_scale))
    return UnitGrid(name, tuple(ports), _neuron(population, choice, make))


def _neuron(population: Population, choice: Choice, make: _Tensors) -> Modes | Gate | Fire | None:
    own = population.coefficients
    if population.modes:
        return _modes(population, choice.scheme.units[population.name], choice, make)
    if population.neuron == "sigmoid_gate":
        shares = torch.from_numpy(own["table"] / 2.0 ** population.setting("table_bits")).to(make.device)
        return Gate(shares, population.setting("index_shift"), population.setting("index_offset"), None)
    if population.neuron == "binary_gate":
        return Gate(None, 0, 0, make.real(own["threshold"]))
    if population.neuron == "lif":
        theta = choice.row(f"{population.name}.threshold").rounded
        return Fire(make.real(own["threshold"]), make.real(theta))
    return None


def _link(link: Link, choice: Choice, make: _Tensors) -> LinkGrid:
    projection, network, scheme = choice.projection(link.name), choice.compiled.network, choice.scheme
    scale = make.real(scheme.units[link.target].gain * 2.0 ** scheme.links[key(link)].weight_exponent)[:, None]
    connection, passed = projection.connection, isinstance(network.unit(link.source), GATES)
    if passed and isinstance(connection, OneToOne) and link.target not in network.outputs:
        weights = make.real(connection.weights)
    else:
        matrix, (low, high) = connection.matrix(), choice.program.source_range(link.source)
        weights = make.weights(matrix if isinstance(matrix, np.ndarray) else matrix.toarray(), max(-low, high))
    return LinkGrid(link.source, weights, scale, 2.0**projection.exponent, greatest_weight(link, scheme.settings))


def _modes(population: Population, scale: UnitScale, choice: Choice, make: _Tensors) -> Modes:
    name = population.name
    if population.setting("leak_bits") != LEAK_FRACTION_BITS + 1:
        what = f"a leak of {population.setting('leak_bits')} bits, which training does not compute with"
        raise UnsupportedError(name, what, "give its soma a leak in 4096ths")
    rounded = {part: choice.row(f"{name}.{part}").rounded for part in ("a_re", "a_im", "c_re", "c_im", "d")}
    return Modes(
        integers={key: make.integer(values) for key, values in population.coefficients.items()},
        settings=dict(population.settings),
        a_bar=torch.complex(make.real(rounded["a_re"]), make.real(rounded["a_im"])),
        c=torch.complex(make.real(rounded["c_re"]), make.real(rounded["c_im"])),
        d=make.real(rounded["d"]),
        theta=make.real(choice.row(f"{name}.threshold").rounded),
        voltage_scale=make.real(scale.readout_gain),
    )
