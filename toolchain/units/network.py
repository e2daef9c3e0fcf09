"""A float network as units joined by linear maps: the shape in which it is quantized and lowered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from toolchain.errors import InputError
from toolchain.frontend.graph import FloatArray
from toolchain.frontend.links import Link
from toolchain.units.base import Unit
from toolchain.units.input import Input


@dataclass(frozen=True)
class Network:
    """Units in an order in which every link with `steps` 0 goes forward, and the links between them.

    Attributes:
        units, links: those.
        outputs: names of the units that leave the network, one for each Output node, in the graph's order.
        output_names: what the program calls these outputs.
        early: by how many steps a unit's own constants run ahead of what reaches it (`timing.with_late_outputs`).
    """

    units: tuple[Unit, ...]
    links: tuple[Link, ...]
    outputs: tuple[str, ...]
    output_names: tuple[str, ...] = ("output",)
    early: Mapping[str, int] = field(default_factory=dict)

    @property
    def inputs(self) -> tuple[Unit, ...]:
        """What the host sends."""
        return tuple(unit for unit in self.units if isinstance(unit, Input))

    def by_input(self, values: FloatArray) -> dict[str, FloatArray]:
        """The share of each input in an array of all inputs' channels side by side, (..., channel).

        Raises:
            InputError: another number of channels.
        """
        width = sum(unit.size for unit in self.inputs)
        if not width or values.shape[-1] != width:
            names = " + ".join(f"{unit.name} {unit.size}" for unit in self.inputs) or "no input"
            what = f"data of shape {values.shape} for a network of {width} input channels"
            raise InputError(names, what, f"give (samples, steps, {width})")
        parts = np.split(values, np.cumsum([unit.size for unit in self.inputs])[:-1], axis=-1)
        return {unit.name: part for unit, part in zip(self.inputs, parts, strict=True)}

    @property
    def populations(self) -> tuple[Unit, ...]:
        """All units but the inputs."""
        return tuple(unit for unit in self.units if not isinstance(unit, Input))

    def unit(self, name: str) -> Unit:
        """Return the unit of that name."""
        return next(unit for unit in self.units if unit.name == name)

    def into(self, name: str) -> tuple[Link, ...]:
        """Links that end in the unit."""
        return tuple(link for link in self.links if link.target == name)
