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

    @property
    def levels(self) -> dict[str, int]:
        """By how many steps a unit's messages come after the input that they belong to."""
        found = levels_of(self)
        assert found is not None, "a network is made of loops that close"
        return found

    def together(self) -> list[tuple[Unit, ...]]:
        """The units in order; those of a loop of several, or with a link to themselves of more than a step, at once.

        In such a group links that act within the step go forward.
        """
        places = {unit.name: place for place, unit in enumerate(self.units)}
        ends = list(range(len(self.units)))
        for link in self.links:
            if link.steps > 1 or (link.steps and link.source != link.target):
                first, last = sorted((places[link.source], places[link.target]))
                ends[first] = max(ends[first], last)
        found, start = [], 0
        while start < len(self.units):
            end, place = ends[start], start
            while place <= end:
                end, place = max(end, ends[place]), place + 1
            found.append(self.units[start : end + 1])
            start = end + 1
        return found

    def unit(self, name: str) -> Unit:
        """Return the unit of that name."""
        return next(unit for unit in self.units if unit.name == name)

    def into(self, name: str) -> tuple[Link, ...]:
        """Links that end in the unit."""
        return tuple(link for link in self.links if link.target == name)


def levels_of(network: Network) -> dict[str, int] | None:
    """The least level of each unit (`ordering`); None where a loop allows none."""
    levels = {unit.name: 0 if isinstance(unit, Input) else 1 for unit in network.units}
    for _ in range(len(levels) + 1):
        moved = False
        for unit in network.units:
            for link in network.into(unit.name):
                least = levels[link.source] + 1 - link.steps
                if link.source != unit.name and levels[unit.name] < least:
                    levels[unit.name], moved = least, True
        if not moved:
            return levels
    return None
