"""The primitives' definitions on unbounded integers, and values at which an implementation may differ from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

WORDS = [-(2**31), 1 - 2**31, -(2**23) - 1, -(2**23), 1 - 2**23, -4097, -4096, -257, -129, -128, -127, -9, -2, -1, 0]
WORDS += [-word for word in WORDS if word] + [2**23 - 2, 2**31 - 1]
# Where one of two words is a register's and the other a product: up to 2^60, with all the edges of 32-bit halves.
WIDE = sorted({*WORDS, *(sign * 2**k + near for sign in (-1, 1) for k in range(24, 61) for near in (-1, 0, 1))})
SHIFTS = [0, 1, 2, 5, 12, 23, 31]
FLAGS = [0, 1, -3]
WIDTHS = [2, 8, 24, 32]


def toward_zero(a: int, b: int, bits: int) -> int:
    magnitude: int = abs(a * b) // 2**bits
    return magnitude if a * b >= 0 else -magnitude


def wrapped(a: int, bits: int) -> int:
    low: int = a % 2**bits
    return low - int(2**bits) if low >= 2 ** (bits - 1) else low


def clipped(a: int, bits: int) -> int:
    top: int = 2 ** (bits - 1) - 1
    return min(max(a, -top), top)


# Definition, and the values that each operand takes.
ELEMENTWISE: dict[str, tuple[Callable[..., int], tuple[Sequence[int], ...]]] = {
    "add": (lambda a, b: a + b, (WIDE, WIDE)),
    "subtract": (lambda a, b: a - b, (WIDE, WIDE)),
    "multiply": (lambda a, b: a * b, (WORDS, WORDS)),
    "shift_left": (lambda a, bits: a * 2**bits, (WORDS, SHIFTS)),
    "shift_floor": (lambda a, bits: a // 2**bits, (WIDE, SHIFTS)),
    "multiply_shift_floor": (lambda a, b, bits: a * b // 2**bits, (WORDS, WORDS, SHIFTS)),
    "multiply_shift_toward_zero": (toward_zero, (WORDS, WORDS, SHIFTS)),
    "greater": (lambda a, b: int(a > b), (WIDE, WIDE)),
    "greater_equal": (lambda a, b: int(a >= b), (WIDE, WIDE)),
    "equal": (lambda a, b: int(a == b), (WIDE, WIDE)),
    "select": (lambda condition, a, b: a if condition else b, (FLAGS, WIDE, WORDS)),
}
FITTED: dict[str, Callable[[int, int], int]] = {"wrap": wrapped, "saturate": clipped, "trap": lambda a, bits: a}
