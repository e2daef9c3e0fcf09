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

from models.qat.compiling import Choice
from toolchain.frontend.units import Link
from toolchain.ir.integer import limits
from toolchain.ir.program import Population, Projection
from toolchain.quantize.floating import link_name
from toolchain.quantize.scales import UnitScale, key


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
        weights: (target, source) integers.
        scale: integer weight per real weight, one a target, (target, 1).
        factor: power of two from the sum of products to the target's drive; below 1 it rounds down.
    """

    source: str
    weights: Tensor
    scale: Tensor
    factor: float


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
        links: what enters.
        bias: (size,) integers.
        drive_scale: integer drive per real drive, (size,).
        modes: None for the running sum.
    """

    name: str
    links: tuple[LinkGrid, ...]
    bias: Tensor
    drive_scale: Tensor
    modes: Modes | None


@dataclass(frozen=True, eq=False)
class Grid:
    """The whole program."""

    input: InputGrid
    units: tuple[UnitGrid, ...]


def grid_of(choice: Choice, device: torch.device, dtype: torch.dtype) -> Grid:
    """Tensors of a compiled network; reals and the integers that are multiplied by floats are of `dtype`."""
    program, network = choice.program, choice.compiled.network
    projections = {projection.name: projection for projection in program.projections}
    make = _Tensors(device, dtype)
    units = []
    for population in program.populations:
        scale = choice.scheme.units[population.name]
        links = (_link(link, projections[link_name(link)], choice, make) for link in network.into(population.name))
        modes = _modes(population, scale, choice, make) if population.modes else None
        drive_scale = make.real(scale.gain * 2.0**scale.drive_exponent)
        bias = make.real(population.coefficients["bias"])
        units.append(UnitGrid(population.name, tuple(links), bias, drive_scale, modes))
    source = program.inputs[0]
    return Grid(InputGrid(2.0**source.exponent, *limits(source.bits)), tuple(units))


@dataclass(frozen=True)
class _Tensors:
    """Makes tensors of arrays."""

    device: torch.device
    dtype: torch.dtype

    def real(self, values: NDArray[np.generic]) -> Tensor:
        return torch.as_tensor(np.array(values), dtype=self.dtype).to(self.device)

    def integer(self, values: NDArray[np.generic]) -> Tensor:
        return torch.as_tensor(np.array(values), dtype=torch.int64).to(self.device)


def _link(link: Link, projection: Projection, choice: Choice, make: _Tensors) -> LinkGrid:
    target, own = choice.scheme.units[link.target], choice.scheme.links[key(link)]
    matrix = projection.connection.matrix()
    dense = matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
    scale = make.real(target.gain * 2.0**own.weight_exponent)[:, None]
    return LinkGrid(link.source, make.real(dense), scale, 2.0**projection.exponent)


def _modes(population: Population, scale: UnitScale, choice: Choice, make: _Tensors) -> Modes:
    name = population.name
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
