"""What gates and products share: two ports, each with the first or second half of what enters.

A port gets the finest exponent at which what calibration saw fits 24 bits and no possible sum overflows. A gate's
message has the scale of its value; a product's is shifted to the finest at which it fits.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from toolchain.frontend.graph import FloatArray
from toolchain.frontend.links import Link
from toolchain.ir.integer import IntArray
from toolchain.quantize.ports import drive_limit
from toolchain.quantize.rounding import TensorRow
from toolchain.quantize.scheme import Payload, UnitScale, key, link_scale, room
from toolchain.quantize.settings import Settings
from toolchain.quantize.weights import weight_exponent
from toolchain.units.base import SMALLEST, Scaled, Tensors, UnitRange, rounded_bias
from toolchain.units.stateless import Stateless


class TwoPorts(Stateless):
    """A unit of two ports, without state."""

    ports: ClassVar[tuple[str, ...]] = ("value", "drive")
    graded = True

    def part(self, port: str) -> slice:
        """Where a port's share of the drive lies."""
        start = self.ports.index(port) * self.size
        return slice(start, start + self.size)

    def tensors(self) -> Tensors:
        return {f"{port}_bias": self.bias[self.part(port)] for port in self.ports}

    def start(self, tensors: Tensors) -> FloatArray:
        return np.concatenate([tensors[f"{port}_bias"] for port in self.ports])

    def halves(self, drive: FloatArray) -> tuple[FloatArray, FloatArray]:
        """What arrived at each port."""
        return drive[..., : self.size], drive[..., self.size :]

    def peak(self, port: str, seen: UnitRange) -> float:
        """The greatest magnitude that the port's register must hold."""
        return max(float(seen.drive[self.part(port)].max()), SMALLEST)

    @abstractmethod
    def message_scale(
        self, gain: FloatArray, exponents: tuple[int, int], seen: UnitRange, settings: Settings
    ) -> UnitScale:
        """Scales of the unit from those of its ports."""

    def scaled(
        self, incoming: tuple[Link, ...], payload: Mapping[str, Payload], seen: UnitRange, settings: Settings
    ) -> Scaled:
        gain, headroom = self.gain, settings.for_population(self.name).headroom_bits
        exponents, weights = [], dict[tuple[str, str, int], int]()
        for port in self.ports:
            own = tuple(link for link in incoming if link.port == port)
            weights |= {key(link): weight_exponent(link, gain, settings) for link in own}
            # As fine as fits, beyond the sums' own steps: what leaves is a share of it.
            limit = drive_limit(own, gain, weights, payload, settings)
            exponents.append(min(limit, room(self.peak(port, seen), headroom)))
        first, second = exponents
        scale = self.message_scale(gain, (first, second), seen, settings.for_population(self.name))
        links = {
            key(k): link_scale(weights[key(k)], scale.port_exponent(self.ports.index(k.port)), payload[k.source])
            for k in incoming
        }
        return scale, links

    def rounded_biases(self, scale: UnitScale) -> tuple[dict[str, IntArray], list[TensorRow]]:
        """The constants of both ports and their rows."""
        found: dict[str, IntArray] = {}
        rows: list[TensorRow] = []
        for number, port in enumerate(self.ports):
            exponent = scale.port_exponent(number)
            real = self.bias[self.part(port)]
            whole, more = rounded_bias(self, f"{port}_bias", real, 2.0**exponent, f"2^-{exponent}")
            found, rows = found | whole, rows + more
        return found, rows
