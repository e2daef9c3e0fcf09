"""Each integer primitive in standard ONNX operators, on int64.

Some operators are not what one might expect:

- Signed BitShift exists only from opset 28, so a floor shift clears the low bits (BitwiseAnd with -2^k, exact in two's
  complement) and then divides without a remainder. Integer Div truncates toward zero, which is what Lava's decay wants.
- Clip, Min and Max of int64 are wrong near multiples of 2^31 in onnxruntime up to 1.31 on x86, which comes from Eigen
  (https://github.com/microsoft/onnxruntime/pull/25280); comparisons and Where are right.
- ReduceSum of int64 goes through float64 in onnxruntime 1.31 and rounds beyond 2^53; CumSum is exact.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from exporters.onnx.nodes import BOOL, INT64, Nodes, Operand
from toolchain.errors import UnsupportedError
from toolchain.ir.integer import Overflow, shift_left

Write = Callable[..., object]
"""(nodes, result, *operands): append nodes, the last of which gives the result."""

POWERS = 63
"""2^0 .. 2^62 are the powers of two that int64 holds."""


def write_primitive(nodes: Nodes, where: str, primitive: str, operands: tuple[Operand, ...], result: str) -> None:
    """Append the nodes of one primitive.

    Raises:
        UnsupportedError: the primitive, or a width that is known only at run time, has no ONNX form here.
    """
    if primitive not in WRITERS:
        raise UnsupportedError(where, f"primitive {primitive!r} has no ONNX form", "add one to exporters/onnx")
    if primitive in tuple(Overflow) and isinstance(operands[1], str):
        raise UnsupportedError(where, f"{primitive!r} by a width that is no constant", "make the width a setting")
    nodes.about(result)
    WRITERS[primitive](nodes, result, *operands)


def power_of_two(nodes: Nodes, bits: Operand) -> Operand:
    """2^bits: a number, or a look-up where the exponent is one a neuron."""
    if isinstance(bits, int):
        return int(shift_left(1, bits))
    table = nodes.constant("powers_of_two", shift_left(np.int64(1), np.arange(POWERS)))
    return nodes.add("Gather", table, bits)


def _operator(name: str) -> Write:
    def write(nodes: Nodes, result: str, *operands: Operand) -> None:
        nodes.add(name, *operands, result=result)

    return write


def _comparison(name: str) -> Write:
    def write(nodes: Nodes, result: str, a: Operand, b: Operand) -> None:
        nodes.add("Cast", nodes.add(name, a, b), result=result, to=INT64)

    return write


def _shift_left(nodes: Nodes, result: str, a: Operand, bits: Operand) -> None:
    nodes.add("Mul", a, power_of_two(nodes, bits), result=result)


def _shift_floor(nodes: Nodes, result: str, a: Operand, bits: Operand) -> None:
    power = power_of_two(nodes, bits)
    mask = -power if isinstance(power, int) else nodes.add("Neg", power)
    nodes.add("Div", nodes.add("BitwiseAnd", a, mask), power, result=result)


def _multiply_shift_floor(nodes: Nodes, result: str, a: Operand, b: Operand, bits: Operand) -> None:
    _shift_floor(nodes, result, nodes.add("Mul", a, b), bits)


def _multiply_shift_toward_zero(nodes: Nodes, result: str, a: Operand, b: Operand, bits: Operand) -> None:
    nodes.add("Div", nodes.add("Mul", a, b), power_of_two(nodes, bits), result=result)


def _select(nodes: Nodes, result: str, condition: Operand, a: Operand, b: Operand) -> None:
    nodes.add("Where", nodes.add("Cast", condition, to=BOOL), a, b, result=result)


def _lookup(nodes: Nodes, result: str, table: Operand, index: Operand) -> None:
    last = nodes.add("Sub", nodes.add("Size", table), 1)
    nodes.add("Gather", table, _clamp(nodes, index, 0, last), result=result)


def _each_mode(nodes: Nodes, result: str, a: Operand) -> None:
    nodes.add("Unsqueeze", a, nodes.shape(-1), result=result)


def _sum_modes(nodes: Nodes, result: str, a: Operand) -> None:
    nodes.add("Gather", nodes.add("CumSum", a, -1), -1, result=result, axis=-1)


def _weighted_sum(nodes: Nodes, result: str, weights: Operand, payload: Operand) -> None:
    nodes.add("MatMul", payload, nodes.add("Transpose", weights), result=result)


def _wrap(nodes: Nodes, result: str, a: Operand, bits: int) -> None:
    half = int(shift_left(1, bits - 1))
    positive = nodes.add("BitwiseAnd", nodes.add("Add", a, half), 2 * half - 1)
    nodes.add("Sub", positive, half, result=result)


def _saturate(nodes: Nodes, result: str, a: Operand, bits: int) -> None:
    top = int(shift_left(1, bits - 1)) - 1
    _clamp(nodes, a, -top, top, result)


def _clamp(nodes: Nodes, a: Operand, low: Operand, high: Operand, result: str = "") -> str:
    """The number nearest to a in low .. high."""
    lowered = nodes.add("Where", nodes.add("Greater", a, high), high, a)
    return nodes.add("Where", nodes.add("Less", lowered, low), low, lowered, result=result)


def _trap(nodes: Nodes, result: str, a: Operand, bits: int) -> None:
    """A graph cannot raise: the value passes as it is, and the overflow count says that it did not fit."""
    nodes.add("Identity", a, result=result)


WRITERS: dict[str, Write] = {
    "add": _operator("Add"),
    "subtract": _operator("Sub"),
    "multiply": _operator("Mul"),
    "shift_left": _shift_left,
    "shift_floor": _shift_floor,
    "multiply_shift_floor": _multiply_shift_floor,
    "multiply_shift_toward_zero": _multiply_shift_toward_zero,
    "greater": _comparison("Greater"),
    "greater_equal": _comparison("GreaterOrEqual"),
    "equal": _comparison("Equal"),
    "select": _select,
    "lookup": _lookup,
    "each_mode": _each_mode,
    "sum_modes": _sum_modes,
    "weighted_sum": _weighted_sum,
    "wrap": _wrap,
    "saturate": _saturate,
    "trap": _trap,
}


def write_misfits(nodes: Nodes, rule: Overflow, value: Operand, held: str, bits: int) -> str:
    """Append nodes that give 1 for each value that does not fit its register and 0 for the others."""
    nodes.about(f"{held}.misfit")
    if rule is Overflow.TRAP:
        held = f"{held}.inside"
        _wrap(nodes, held, value, bits)
    return nodes.add("Cast", nodes.add("Not", nodes.add("Equal", value, held)), to=INT64)
