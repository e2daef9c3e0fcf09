"""A projection as exact products of matrices of floating-point numbers that hold nothing but integers.

A sum of integers in floating point is exact in any order where no partial sum can leave the integers that the type
holds: magnitudes up to 2^24 for float32, 2^53 for float64. The greatest magnitude is the greatest sum of a target's
weights times the greatest message, so each projection is proven before it runs. Messages too large for that go in
parts of 24 bits, whose sums are added in int64.
"""

from __future__ import annotations

import warnings

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from simulators.accelerator.memory import DTYPES
from simulators.accelerator.primitives import shift_floor, shift_left
from toolchain.bounds.ranges import Range, hull, lane_width
from toolchain.bounds.sums import arrival_range, sum_range
from toolchain.errors import UnsupportedError
from toolchain.ir.program import Projection

FLOAT32_SUM, FLOAT64_SUM = 2**24, 2**53
"""Up to these magnitudes every integer is a number of the type."""

ROUNDED_MESSAGE = 2**8
"""torch may be told to multiply float32 in a type of 8 significant bits; weights and messages up to this survive it."""

PART_BITS = 24
DENSE_SHARE = 1 / 64
MOST_NUMBERS = 2**26
"""A product is made of so many rows at a time that its operands have at most so many numbers."""


class Synapses:
    """The synapses of a projection, ready for messages of a known range.

    Args:
        projection: of a verified program.
        message: range of the source's messages.
        device: where they are.

    Raises:
        UnsupportedError: so many synapses end in one neuron that a sum may not be exact.
    """

    def __init__(self, projection: Projection, message: Range, device: str) -> None:
        self.exponent = projection.exponent
        self.message = message
        sums = sum_range(projection, message)
        self.sum_type = DTYPES[lane_width(hull(sums, arrival_range(projection, message)))]
        most = max(-sums[0], sums[1])
        self.parts = 1 if most <= FLOAT64_SUM else 3
        unit = sum_range(projection, (-1, 1))[1]
        if self.parts > 1 and unit * FLOAT32_SUM > FLOAT64_SUM:
            what = f"weights into one neuron sum to {unit}, which float64 can't hold times {FLOAT32_SUM}"
            raise UnsupportedError(projection.name, what, "use the fast simulator")
        greatest = max(-message[0], message[1])
        narrow = most <= FLOAT32_SUM and greatest <= ROUNDED_MESSAGE
        self.float_type = torch.float32 if narrow else torch.float64
        self.weights = self._weights(projection, device)
        widest = max(projection.connection.target_size, projection.connection.source_size)
        self.rows = max(1, int(MOST_NUMBERS / widest))

    def _weights(self, projection: Projection, device: str) -> Tensor:
        """(source, target) where many pairs are joined, else (target, source) with the joined ones listed."""
        connection = projection.connection
        matrix = connection.matrix()
        pairs = connection.target_size * connection.source_size
        if int(connection.nonzero_fan_out().sum()) >= DENSE_SHARE * pairs:
            dense = matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
            return torch.tensor(dense.T, dtype=self.float_type, device=device).contiguous()
        return _listed(scipy.sparse.coo_array(matrix), self.float_type, device)

    def arriving(self, messages: Tensor) -> Tensor:
        """What (row, source) messages add to the port, (row, target)."""
        parts = [self._shifted(self._sums(rows)) for rows in torch.split(messages, self.rows)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _shifted(self, sums: Tensor) -> Tensor:
        if self.exponent > 0:
            return shift_left(sums, self.exponent)
        return shift_floor(sums, -self.exponent) if self.exponent else sums

    def _sums(self, messages: Tensor) -> Tensor:
        if self.parts == 1:
            return self._product(messages).to(self.sum_type)
        total = torch.zeros((), dtype=torch.int64, device=messages.device)
        rest = messages.to(torch.int64)
        for part in range(self.parts):
            high = shift_floor(rest, PART_BITS)
            low = rest - shift_left(high, PART_BITS) if part + 1 < self.parts else rest
            total = total + shift_left(self._product(low).to(torch.int64), PART_BITS * part)
            rest = high
        return total.to(self.sum_type)

    def _product(self, messages: Tensor) -> Tensor:
        numbers = messages.to(self.float_type)
        if self.weights.is_sparse:
            turned: Tensor = torch.sparse.mm(self.weights, numbers.T)
            return turned.T
        return torch.mm(numbers, self.weights)


def _listed(matrix: scipy.sparse.coo_array, kind: torch.dtype, device: str) -> Tensor:
    places = torch.tensor(np.stack(matrix.coords), dtype=torch.int64)
    values = torch.tensor(matrix.data, dtype=kind)
    with warnings.catch_warnings():
        # torch 2.11 and 2.12 say that nothing is checked, although that is asked for.
        warnings.filterwarnings("ignore", message="Sparse invariant checks are implicitly disabled")
        return torch.sparse_coo_tensor(places, values, matrix.shape, device=device, check_invariants=True).coalesce()
