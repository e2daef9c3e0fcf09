"""Each primitive of `toolchain.ir.integer` in standard ONNX operators, for what its operands can be.

What is known when the file is written is computed then; a choice that is always the same is none; a register's rule
that nothing can make act writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from exporters.onnx.arithmetic import Arithmetic, arithmetic_of
from exporters.onnx.lanes import Lanes
from exporters.onnx.nodes import BOOL, FLOAT, INT64, TYPES, Nodes, Operand
from exporters.onnx.terms import Term, known
from toolchain.bounds.listing import ANYTHING
from toolchain.bounds.ranges import Range
from toolchain.errors import UnsupportedError
from toolchain.ir.integer import PRIMITIVES, IntArray, Overflow, limits, shift_left

Store = Callable[[str, IntArray, "IntArray | int"], str]
"""(label, integers, bits) -> the name of a tensor of the lanes that holds integers * 2^-bits; bits are negative where
the lanes hold integers only."""

SINGLE = 1 << 24
"""Counts up to here are exact in single precision."""

POWERS = 63
"""2^0 .. 2^62 are the powers of two that int64 holds."""


@dataclass(frozen=True, eq=False)
class Writer:
    """Writes primitives into a list of nodes.

    Attributes:
        where: for errors.
        nodes: what grows.
        store: keeps integers that are known.
    """

    where: str
    nodes: Nodes
    store: Store

    @property
    def arithmetic(self) -> Arithmetic:
        """How the lanes compute."""
        return arithmetic_of(self.nodes.lanes)

    def operand(self, term: Term) -> Operand:
        """A term as an operand: a tensor of the lanes, or a number."""
        if term.known is not None:
            # An array of equal numbers keeps its shape, which may be all that gives the result its own.
            return int(term.known) if not term.shape else self.store(term.name, term.known, 0)
        return self.nodes.cast(term.name, self.nodes.type) if term.flag else term.name

    def tensor(self, term: Term) -> str:
        """A term as a tensor of the lanes."""
        return self.nodes.tensor(self.operand(term))

    def condition(self, term: Term) -> str:
        """A term as a Boolean tensor: whether it is not 0."""
        return term.name if term.flag else self.nodes.cast(self.tensor(term), BOOL)

    def write(self, primitive: str, operands: list[Term], made: Term) -> Term:
        """Append the nodes of one primitive.

        Args:
            primitive: its name.
            operands: in its order.
            made: name, range and shape of the result.

        Raises:
            UnsupportedError: the primitive, or a width that is known only at run time, has no ONNX form here.
        """
        if primitive not in WRITERS:
            raise UnsupportedError(self.where, f"primitive {primitive!r} has no ONNX form", "add one to exporters/onnx")
        if primitive in tuple(Overflow) and operands[1].number is None:
            what = f"{primitive!r} by a width that is not a constant"
            raise UnsupportedError(self.where, what, "make the width a setting")
        values = [operand.known for operand in operands]
        if made.range != ANYTHING and primitive != "trap" and all(value is not None for value in values):
            numbers = [int(value) if value is not None and not value.shape else value for value in values]
            return replace(known(PRIMITIVES[primitive](*numbers)), name=made.name)
        self.nodes.about(made.name)
        found: Term = WRITERS[primitive](self, made, *operands)
        return found if found.known is not None else replace(found, range=made.range, shape=made.shape)


Write = Callable[..., Term]
"""(writer, result's name, range and shape; operands) -> result."""


def _operator(name: str, neutral: int, *, either: bool) -> Write:
    def write(w: Writer, made: Term, a: Term, b: Term) -> Term:
        if b.number == neutral and a.shape == made.shape:
            return a
        if either and a.number == neutral and b.shape == made.shape:
            return b
        return replace(made, name=w.nodes.add(name, w.operand(a), w.operand(b), result=made.name))

    return write


def _comparison(name: str) -> Write:
    def write(w: Writer, made: Term, a: Term, b: Term) -> Term:
        return replace(made, name=w.nodes.add(name, w.operand(a), w.operand(b), result=made.name), flag=True)

    return write


def _power(w: Writer, bits: Term, *, down: bool) -> Operand:
    """A factor of 2^bits, or what the lanes' shifts by so many bits take."""
    one = np.int64(1)
    if bits.number is not None:
        return w.arithmetic.power(bits.number) if down else int(shift_left(1, bits.number))
    inverse = down and w.arithmetic.folds_shifts
    if bits.known is not None:
        if inverse:
            return w.store(f"{bits.name}.down", np.ones_like(bits.known), bits.known)
        return w.store(f"{bits.name}.power", shift_left(one, bits.known), 0)
    table = "powers_down" if inverse else "powers_of_two"
    exact = shift_left(one, np.arange(POWERS)).astype(w.nodes.lanes)
    powers = w.nodes.constant(table, 1 / exact if inverse else exact)
    return w.nodes.add(
        "Gather", powers, w.nodes.cast(w.tensor(bits), INT64) if w.nodes.type != INT64 else w.tensor(bits)
    )


def _shift_left(w: Writer, made: Term, a: Term, bits: Term) -> Term:
    if bits.number == 0:
        return a
    return replace(made, name=w.nodes.add("Mul", w.operand(a), _power(w, bits, down=False), result=made.name))


def _shift_floor(w: Writer, made: Term, a: Term, bits: Term) -> Term:
    if bits.number == 0:
        return a
    found = w.arithmetic.shift_floor(w.nodes, w.tensor(a), _power(w, bits, down=True), made.name)
    return replace(made, name=found)


def _scaled_product(w: Writer, a: Term, b: Term, bits: Term) -> tuple[str, Operand]:
    """A product, and the shift that is left to do: none where a known factor holds it."""
    for factor, other in ((a, b), (b, a)):
        if w.arithmetic.folds_shifts and factor.known is not None and bits.known is not None:
            known_bits = bits.number if bits.number is not None else bits.known
            if factor.number is not None and isinstance(known_bits, int):
                return w.nodes.add("Mul", w.operand(other), float(factor.number) * 2.0**-known_bits), 1
            stored = w.store(f"{factor.name}.{_label(bits)}", factor.known, known_bits)
            return w.nodes.add("Mul", w.operand(other), stored), 1
    return w.nodes.add("Mul", w.operand(a), w.operand(b)), _power(w, bits, down=True)


def _label(bits: Term) -> str:
    return f"down{bits.number}" if bits.number is not None else f"down.{bits.name}"


def _multiply_shift_floor(w: Writer, made: Term, a: Term, b: Term, bits: Term) -> Term:
    if bits.number == 0:
        return WRITERS["multiply"](w, made, a, b)
    product, power = _scaled_product(w, a, b, bits)
    return replace(made, name=w.arithmetic.shift_floor(w.nodes, product, power, made.name))


def _multiply_shift_toward_zero(w: Writer, made: Term, a: Term, b: Term, bits: Term) -> Term:
    if bits.number == 0:
        return WRITERS["multiply"](w, made, a, b)
    product, power = _scaled_product(w, a, b, bits)
    positive = min(a.range[0], b.range[0]) >= 0 and w.arithmetic.folds_shifts
    shift = w.arithmetic.shift_floor if positive else w.arithmetic.shift_toward_zero
    return replace(made, name=shift(w.nodes, product, power, made.name))


def _select(w: Writer, made: Term, condition: Term, a: Term, b: Term) -> Term:
    if condition.number is not None or a is b or (a.number is not None and a.number == b.number):
        chosen = b if condition.number == 0 else a
        if chosen.shape == made.shape or chosen.known is not None:
            return chosen
    name = w.nodes.add("Where", w.condition(condition), w.operand(a), w.operand(b), result=made.name)
    return replace(made, name=name)


def _lookup(w: Writer, made: Term, table: Term, index: Term) -> Term:
    last = (len(table.known) if table.known is not None else 0) - 1
    if table.known is None:
        raise UnsupportedError(w.where, "looks up in a table that is known at run time only", "make it a coefficient")
    inside = index
    if index.range[0] < 0 or index.range[1] > last:
        inside = replace(index, name=w.arithmetic.clamp(w.nodes, w.tensor(index), 0, last), flag=False)
    at = w.tensor(inside) if w.nodes.type == INT64 else w.nodes.cast(w.tensor(inside), INT64)
    stored = w.store(table.name, table.known, 0)
    return replace(made, name=w.nodes.add("Gather", stored, at, result=made.name, axis=0))


def _each_mode(w: Writer, made: Term, a: Term) -> Term:
    name = a.name if a.flag else w.tensor(a)
    return replace(a, name=w.nodes.add("Unsqueeze", name, w.nodes.shape(-1), result=made.name))


def _sum_modes(w: Writer, made: Term, a: Term) -> Term:
    return replace(made, name=w.arithmetic.sum_modes(w.nodes, w.tensor(a), made.name))


def _weighted_sum(w: Writer, made: Term, weights: Term, payload: Term) -> Term:
    turned = w.nodes.add("Transpose", w.tensor(weights), perm=[1, 0])
    return replace(made, name=w.nodes.add("MatMul", w.tensor(payload), turned, result=made.name))


def held_range(rule: Overflow, bits: int) -> Range:
    """What fits: saturation is symmetric."""
    low, high = limits(bits)
    return (-high if rule is Overflow.SATURATE else low), high


def _fits(a: Term, rule: Overflow, bits: Term) -> bool:
    low, high = held_range(rule, bits.range[0])
    return low <= a.range[0] and a.range[1] <= high


def _wrap(w: Writer, made: Term, a: Term, bits: Term) -> Term:
    if _fits(a, Overflow.WRAP, bits):
        return a
    return replace(made, name=w.arithmetic.wrap(w.nodes, w.tensor(a), bits.range[0], made.name))


def _saturate(w: Writer, made: Term, a: Term, bits: Term) -> Term:
    if _fits(a, Overflow.SATURATE, bits):
        return a
    ends = held_range(Overflow.SATURATE, bits.range[0])
    return replace(made, name=w.arithmetic.clamp(w.nodes, w.tensor(a), *ends, made.name))


def _trap(w: Writer, made: Term, a: Term, bits: Term) -> Term:
    """A graph cannot raise: the value passes as it is, and the overflow count says that it did not fit."""
    return a


WRITERS: dict[str, Write] = {
    "add": _operator("Add", 0, either=True),
    "subtract": _operator("Sub", 0, either=False),
    "multiply": _operator("Mul", 1, either=True),
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


def write_count(w: Writer, rule: Overflow, value: Term, held: Term, bits: int, edge: Lanes) -> Term:
    """Append nodes that count, for each sample, the values that do not fit their register, in the type of the edge."""
    nodes = w.nodes
    nodes.about(f"{value.name}.fitting")
    low, high = held_range(rule, bits)
    if rule is Overflow.TRAP:
        inside = [nodes.add("GreaterOrEqual", w.operand(value), low)] if value.range[0] < low else []
        inside += [nodes.add("LessOrEqual", w.operand(value), high)] if value.range[1] > high else []
        fitting = inside[0] if len(inside) == 1 else nodes.add("And", *inside)
    else:
        fitting = nodes.add("Equal", w.operand(value), w.operand(held))
    axes, whole = nodes.shape(*range(1, len(value.shape))), int(np.prod(value.shape[1:], dtype=np.int64))
    if len(value.shape) > 2 and whole <= SINGLE:
        # Of many values single precision counts the quickest, and exactly; of few, one node less is worth more.
        total = nodes.add("ReduceSum", nodes.cast(fitting, FLOAT), axes, keepdims=0)
        left = nodes.cast(nodes.add("Sub", nodes.tensor(whole, "float32"), total), TYPES[edge])
    else:
        total = nodes.add("ReduceSum", nodes.cast(fitting, TYPES[edge]), axes, keepdims=0)
        left = nodes.add("Sub", nodes.tensor(whole, edge), total)
    return Term(left, (0, whole), value.shape[:1], outside=True)
