"""The primitives of `integer` as torch operations on int64 tensors; `weighted_sum` is `synapses`."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def shift_left(a: Tensor, bits: Tensor | int) -> Tensor:
    """a * 2^bits."""
    return torch.bitwise_left_shift(a, bits)


def shift_floor(a: Tensor, bits: Tensor | int) -> Tensor:
    """floor(a / 2^bits)."""
    return torch.bitwise_right_shift(a, bits)


def multiply_shift_toward_zero(a: Tensor, b: Tensor, bits: Tensor) -> Tensor:
    """sign(a b) floor(|a b| / 2^bits)."""
    product = a * b
    magnitude = shift_floor(product.abs(), bits)
    return torch.where(product < 0, -magnitude, magnitude)


def lookup(table: Tensor, index: Tensor) -> Tensor:
    """table[min(max(index, 0), length - 1)]."""
    return table[index.clamp(0, table.shape[0] - 1)]


def wrap(a: Tensor, bits: Tensor) -> Tensor:
    """Two's complement: the low bits, with the sign spread over the word."""
    spare = 64 - bits
    return shift_floor(shift_left(a, spare), spare)


def saturate(a: Tensor, bits: Tensor) -> Tensor:
    """The nearest number of the symmetric range."""
    top = shift_left(torch.ones_like(bits), bits - 1) - 1
    return torch.minimum(torch.maximum(a, -top), top)


def _flag(condition: Tensor) -> Tensor:
    return condition.to(torch.int64)


TORCH: dict[str, Callable[..., Tensor]] = {
    "add": torch.add,
    "subtract": torch.subtract,
    "multiply": torch.multiply,
    "shift_left": shift_left,
    "shift_floor": shift_floor,
    "multiply_shift_floor": lambda a, b, bits: shift_floor(a * b, bits),
    "multiply_shift_toward_zero": multiply_shift_toward_zero,
    "greater": lambda a, b: _flag(a > b),
    "greater_equal": lambda a, b: _flag(a >= b),
    "equal": lambda a, b: _flag(a == b),
    "select": lambda condition, a, b: torch.where(condition != 0, a, b),
    "lookup": lookup,
    "each_mode": lambda a: a.unsqueeze(-1),
    "sum_modes": lambda a: a.sum(-1),
    "wrap": wrap,
    "saturate": saturate,
    "trap": lambda a, bits: a,
}
"""Each primitive by name; a trap lets its value pass, and who keeps it counts those that do not fit."""
