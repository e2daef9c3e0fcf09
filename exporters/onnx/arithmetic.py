"""What differs between lanes: shifts, words, clipping, sums over modes, on integers or on doubles.

Integers (int64, int32). Some operators are not what one might expect:

- Signed BitShift exists only from opset 28, so a floor shift clears the low bits (BitwiseAnd with -2^k, exact in two's
  complement) and then divides without a remainder. Integer Div truncates toward zero, which is what Lava's decay wants.
- Clip, Min and Max of int64 are wrong near multiples of 2^31 in onnxruntime up to 1.31 on x86, which comes from Eigen
  (https://github.com/microsoft/onnxruntime/pull/25280); comparisons and Where are right.
- ReduceSum of int64 goes through float64 in onnxruntime 1.31 and rounds beyond 2^53; CumSum is exact.

Doubles hold each integer below 2^53: sums, differences and products that stay below are exact, and so is a product with
any power of two, so that a floor shift is Floor(a 2^-k). `lanes` proves for a program that they do stay below.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from exporters.onnx.lanes import Lanes
from exporters.onnx.nodes import Nodes, Operand
from toolchain.ir.integer import shift_left as raised


class Arithmetic(Protocol):
    """How a lane computes. Operands are tensors of the lanes, or numbers; `result` names what comes out."""

    folds_shifts: bool
    """Whether a known factor can hold the shift of its product."""

    def power(self, bits: int) -> Operand:
        """What `shift_floor` and `shift_toward_zero` take for a shift by so many bits."""
        ...

    def shift_floor(self, nodes: Nodes, a: str, power: Operand, result: str = "") -> str:
        """floor(a / 2^bits)."""
        ...

    def shift_toward_zero(self, nodes: Nodes, a: str, power: Operand, result: str = "") -> str:
        """a / 2^bits without its fraction."""
        ...

    def wrap(self, nodes: Nodes, a: str, bits: int, result: str = "") -> str:
        """The two's complement word."""
        ...

    def clamp(self, nodes: Nodes, a: str, low: int, high: int, result: str = "") -> str:
        """The number nearest to a in low .. high."""
        ...

    def sum_modes(self, nodes: Nodes, a: str, result: str = "") -> str:
        """The sum over the last axis."""
        ...


class Integers:
    """Arithmetic on int64 or int32."""

    folds_shifts = False

    def power(self, bits: int) -> Operand:
        """2^bits."""
        return int(raised(1, bits))

    def shift_floor(self, nodes: Nodes, a: str, power: Operand, result: str = "") -> str:
        """Clear the low bits, then divide without a remainder."""
        mask: Operand = nodes.add("Neg", power) if isinstance(power, str) else -power
        return nodes.add("Div", nodes.add("BitwiseAnd", a, mask), power, result=result)

    def shift_toward_zero(self, nodes: Nodes, a: str, power: Operand, result: str = "") -> str:
        """Integer division."""
        return nodes.add("Div", a, power, result=result)

    def wrap(self, nodes: Nodes, a: str, bits: int, result: str = "") -> str:
        """The low bits of what is moved up by half the range."""
        half = int(raised(1, bits - 1))
        positive = nodes.add("BitwiseAnd", nodes.add("Add", a, half), 2 * half - 1)
        return nodes.add("Sub", positive, half, result=result)

    def clamp(self, nodes: Nodes, a: str, low: int, high: int, result: str = "") -> str:
        """Two choices."""
        lowered = nodes.add("Where", nodes.add("Greater", a, high), high, a)
        return nodes.add("Where", nodes.add("Less", lowered, low), low, lowered, result=result)

    def sum_modes(self, nodes: Nodes, a: str, result: str = "") -> str:
        """The end of a running sum."""
        axis = nodes.constant("axis.-1", np.array(-1, dtype=np.int64))
        return nodes.add("Gather", nodes.add("CumSum", a, axis, exclusive=0, reverse=0), axis, result=result, axis=-1)


class Doubles:
    """Arithmetic on float64."""

    folds_shifts = True

    def power(self, bits: int) -> Operand:
        """2^-bits."""
        return 2.0**-bits

    def shift_floor(self, nodes: Nodes, a: str, power: Operand, result: str = "") -> str:
        """An exact product, rounded down; a power of 1 stands in the product already."""
        scaled = a if power == 1 else nodes.add("Mul", a, power)
        return nodes.add("Floor", scaled, result=result)

    def shift_toward_zero(self, nodes: Nodes, a: str, power: Operand, result: str = "") -> str:
        """The magnitude, rounded down."""
        scaled = a if power == 1 else nodes.add("Mul", a, power)
        magnitude = nodes.add("Floor", nodes.add("Abs", scaled))
        return nodes.add("Mul", nodes.add("Sign", scaled), magnitude, result=result)

    def wrap(self, nodes: Nodes, a: str, bits: int, result: str = "") -> str:
        """Less by 2^bits for each time that the range is passed."""
        half, whole = 2.0 ** (bits - 1), 2.0**bits
        passed = nodes.add("Floor", nodes.add("Mul", nodes.add("Add", a, half), 1 / whole))
        return nodes.add("Sub", a, nodes.add("Mul", passed, whole), result=result)

    def clamp(self, nodes: Nodes, a: str, low: int, high: int, result: str = "") -> str:
        """Clip, which is right for doubles."""
        return nodes.add("Clip", a, low, high, result=result)

    def sum_modes(self, nodes: Nodes, a: str, result: str = "") -> str:
        """Exact in any order."""
        return nodes.add("ReduceSum", a, nodes.shape(-1), result=result, keepdims=0)


def arithmetic_of(lanes: Lanes) -> Arithmetic:
    """How those lanes compute."""
    return Doubles() if lanes == "float64" else Integers()
