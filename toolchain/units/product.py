"""A seamount.Product, with the Rectifier that alone reads it: multiplies what arrives at its two ports."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from toolchain.errors import QuantizationError
from toolchain.frontend.extensions import PRODUCT, RECTIFIER
from toolchain.frontend.graph import FloatArray, Node
from toolchain.quantize.scheme import UnitScale, room
from toolchain.quantize.settings import Settings
from toolchain.units.base import (
    SMALLEST,
    Head,
    Loop,
    Rounded,
    Seen,
    Tensors,
    Unit,
    UnitRange,
    only_reader,
    seen_without_modes,
)
from toolchain.units.gated import TwoPorts
from toolchain.units.reading import Reading

MAX_SHIFT = 31


@dataclass(frozen=True, eq=False)
class Product(TwoPorts):
    """first half * second half.

    Attributes:
        node: the Product.
        rectified: whether only positive messages leave.
    """

    node: str
    rectified: bool

    node_kinds = (PRODUCT,)
    ports = ("left", "right")
    neuron = "product"

    @classmethod
    def recognise(cls, reading: Reading, taken: Set[str]) -> Iterator[Head]:
        for head in super().recognise(reading, taken):
            reader = only_reader(reading.graph, head.entry)
            if reader is None or reader.kind != RECTIFIER:
                yield head
                continue
            last = reader.name
            make = partial(cls, exit=last, node=head.entry, rectified=True)
            yield replace(head, exit=last, covers=(head.entry, last), place=last, make=make)

    @classmethod
    def of_node(cls, node: Node, reading: Reading, name: str, size: int, bias: FloatArray) -> Unit:
        return cls(name, size, node.name, bias, node.name, rectified=False)

    @property
    def origin(self) -> str:
        return self.node

    def emitted(self, tensors: Tensors, drive: FloatArray) -> FloatArray:
        product = np.multiply(*self.halves(drive))
        return np.maximum(product, 0.0) if self.rectified else product

    def run(self, tensors: Tensors, drive: FloatArray, loop: Loop, moment_rows: int) -> Seen:
        seen = super().run(tensors, drive, loop, moment_rows)
        return seen_without_modes(drive, seen.messages, np.multiply(*self.halves(drive)))

    def message_scale(
        self, gain: FloatArray, exponents: tuple[int, int], seen: UnitRange, settings: Settings
    ) -> UnitScale:
        """The product is shifted to the finest scale at which it fits.

        Raises:
            QuantizationError: it finds no shift.
        """
        fits = room(max(float(seen.voltage.max()), SMALLEST), settings.headroom_bits)
        first, second = self._coarser(*exponents, fits)
        shift = max(0, first + second - fits)
        return UnitScale(first, gain, second_exponent=second, message_exponent=first + second - shift, shift=shift)

    def rounded(self, scale: UnitScale, settings: Settings, start_step: int) -> Rounded:
        biases, rows = self.rounded_biases(scale)
        return self.populated(biases, rows, start_step, {"shift": scale.shift, "rectified": int(self.rectified)})

    def _coarser(self, first: int, second: int, fits: int) -> tuple[int, int]:
        """Take bits off the finer factor until the shift of the product is one that neurons have."""
        excess = first + second - fits - MAX_SHIFT
        while excess > 0:
            first, second = (first - 1, second) if first > second else (first, second - 1)
            excess -= 1
        if first < 0 or second < 0:
            what = f"factors of 2^-{first} and 2^-{second} for a product of 2^-{fits}"
            raise QuantizationError(self.origin, what, "rescale the layer: its product is far smaller than its factors")
        return first, second
