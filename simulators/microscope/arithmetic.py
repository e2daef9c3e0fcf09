"""Mistakes that a simulator can make in the arithmetic of a neuron: each rewrites one instruction.

A mistake is only a candidate: `causes` runs it and keeps it if it gives what the other side has.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from simulators.microscope.meaning import Rewrite
from toolchain.ir.integer import limits
from toolchain.ir.tracing import Instruction, Listing, Operand, Symbol

Instructions = tuple[Instruction, ...]


def _spelled(listing: Listing, like: Instruction, *rows: tuple[str, str, tuple[object, ...]]) -> Instructions:
    """Instructions from (name, primitive, operands) rows; "" is the replaced result, text operands are row names."""
    named = {name for name, _, _ in rows}

    def operand(value: object) -> Operand:
        if isinstance(value, str):
            return Symbol(f"{like.result}.{value}" if value in named else value, listing)
        assert isinstance(value, int | Symbol)
        return value

    return tuple(
        Instruction(
            f"{like.result}.{name}" if name else like.result,
            primitive,
            tuple(map(operand, operands)),
            like.register if not name else "",
        )
        for name, primitive, operands in rows
    )


def _swap(old: str, new: str) -> Rewrite:
    """Another primitive with the same operands."""

    def rewrite(listing: Listing, i: Instruction) -> Instructions | None:
        return (dataclasses.replace(i, primitive=new),) if i.primitive == old else None

    return rewrite


def _toward_zero(listing: Listing, i: Instruction) -> Instructions | None:
    if i.primitive == "shift_floor":
        return _spelled(listing, i, ("", "multiply_shift_toward_zero", (i.operands[0], 1, i.operands[1])))
    return _swap("multiply_shift_floor", "multiply_shift_toward_zero")(listing, i)


def _nearest(listing: Listing, i: Instruction) -> Instructions | None:
    if not i.primitive.startswith("multiply_shift"):
        return None
    a, b, bits = i.operands
    rows = [("product", "multiply", (a, b)), ("one", "shift_left", (1, bits)), ("half", "shift_floor", ("one", 1))]
    return _spelled(listing, i, *rows, ("sum", "add", ("product", "half")), ("", "shift_floor", ("sum", bits)))


def _product_in_32_bits(listing: Listing, i: Instruction) -> Instructions | None:
    if i.primitive != "multiply_shift_floor":
        return None
    a, b, bits = i.operands
    rows = (("product", "multiply", (a, b)), ("held", "wrap", ("product", 32)), ("", "shift_floor", ("held", bits)))
    return _spelled(listing, i, *rows)


def _unbounded(listing: Listing, i: Instruction) -> Instructions | None:
    if i.primitive not in ("wrap", "saturate"):
        return None
    return _spelled(listing, i, ("", "add", (i.operands[0], 0)))


def _saturate_asymmetric(listing: Listing, i: Instruction) -> Instructions | None:
    if i.primitive != "saturate" or not isinstance(i.operands[1], int):
        return None
    a, (low, high) = i.operands[0], limits(i.operands[1])
    rows = (("over", "greater", (a, high)), ("upper", "select", ("over", high, a)), ("under", "greater", (low, a)))
    return _spelled(listing, i, *rows, ("", "select", ("under", low, "upper")))


def _leaves_at_2_to_the_23(listing: Listing, i: Instruction) -> Instructions | None:
    """Lava 0.10's LIF holds +2^23 where two's complement holds -2^23."""
    if i.primitive != "wrap" or not isinstance(i.operands[1], int):
        return None
    low, _ = limits(i.operands[1])
    rows = (("held", "wrap", i.operands), ("lowest", "equal", ("held", low)), ("", "select", ("lowest", -low, "held")))
    return _spelled(listing, i, *rows)


def _wraps_once(listing: Listing, i: Instruction) -> Instructions | None:
    """Lava 0.10's LIF adds or subtracts 2^24 once."""
    if i.primitive != "wrap" or not isinstance(i.operands[1], int):
        return None
    a, (low, high) = i.operands[0], limits(i.operands[1])
    span = high - low + 1
    rows = (
        ("down", "subtract", (a, span)),
        ("up", "add", (a, span)),
        ("over", "greater", (a, high)),
        ("under", "greater", (low, a)),
        ("upper", "select", ("over", "down", a)),
    )
    return _spelled(listing, i, *rows, ("", "select", ("under", "up", "upper")))


SHIFTS = ("shift_left", "shift_floor", "multiply_shift_floor", "multiply_shift_toward_zero")


def _shifts_by(more: int) -> Rewrite:
    def rewrite(listing: Listing, i: Instruction) -> Instructions | None:
        *rest, bits = i.operands
        if i.primitive not in SHIFTS or not isinstance(bits, int) or bits + more < 0:
            return None
        return (dataclasses.replace(i, operands=(*rest, bits + more)),)

    return rewrite


def _constant_off(by: int) -> Rewrite:
    def rewrite(listing: Listing, i: Instruction) -> Instructions | None:
        if i.primitive not in ("add", "subtract") or not any(isinstance(o, int) for o in i.operands):
            return None
        return (dataclasses.replace(i, operands=tuple(o + by if isinstance(o, int) else o for o in i.operands)),)

    return rewrite


def _leaves_out(position: int) -> Rewrite:
    """A sum without one of its terms."""

    def rewrite(listing: Listing, i: Instruction) -> Instructions | None:
        if i.primitive not in ("add", "subtract"):
            return None
        operands = tuple(0 if at == position else operand for at, operand in enumerate(i.operands))
        return (dataclasses.replace(i, operands=operands),)

    return rewrite


def _always(position: int) -> Rewrite:
    """A choice that always falls the same way."""

    def rewrite(listing: Listing, i: Instruction) -> Instructions | None:
        if i.primitive != "select":
            return None
        return _spelled(
            listing, i, ("zero", "multiply", (i.operands[0], 0)), ("", "select", ("zero", *(_two(i, position))))
        )

    return rewrite


def _two(i: Instruction, position: int) -> tuple[Operand, Operand]:
    """Both branches of a choice are the one at `position`."""
    return i.operands[position], i.operands[position]


def _entry_beside(by: int) -> Rewrite:
    def rewrite(listing: Listing, i: Instruction) -> Instructions | None:
        if i.primitive != "lookup":
            return None
        table, index = i.operands
        return _spelled(listing, i, ("index", "add", (index, by)), ("", "lookup", (table, "index")))

    return rewrite


def _reads_before(listing: Listing, i: Instruction) -> Instructions | None:
    """A register's value of the step before in place of the new one."""
    old = {listing.kept[name]: f"state.{name}" for name in listing.registers if name in listing.kept}
    return _renamed(listing, i, old)


def _reads_after(listing: Listing, i: Instruction) -> Instructions | None:
    """A register's new value, where it is already there, in place of that of the step before."""
    made = [instruction.result for instruction in listing.instructions]
    earlier = set(made[: made.index(i.result)])
    kept = {name: listing.kept[name] for name in listing.registers if listing.kept.get(name) in earlier}
    return _renamed(listing, i, {f"state.{name}": result for name, result in kept.items()})


def _renamed(listing: Listing, i: Instruction, names: Mapping[str, str]) -> Instructions | None:
    """The instruction with some operands by other names."""
    if not any(isinstance(o, Symbol) and o.name in names for o in i.operands):
        return None
    operands = (Symbol(names.get(o.name, o.name), listing) if isinstance(o, Symbol) else o for o in i.operands)
    return (dataclasses.replace(i, operands=tuple(operands)),)


def _rounds_the_sum(listing: Listing, i: Instruction) -> Instructions | None:
    """Two products are added and then shifted once, where each is to be shifted by itself."""
    if i.primitive not in ("add", "subtract"):
        return None
    made = {instruction.result: instruction for instruction in listing.instructions}
    terms = [made.get(o.name) for o in i.operands if isinstance(o, Symbol)]
    products = [term for term in terms if term is not None and term.primitive == "multiply_shift_floor"]
    if len(products) != 2 or products[0].operands[2] != products[1].operands[2]:
        return None
    rows = [(name, "multiply", term.operands[:2]) for name, term in zip(("first", "second"), products, strict=True)]
    bits = products[0].operands[2]
    return _spelled(listing, i, *rows, ("sum", i.primitive, ("first", "second")), ("", "shift_floor", ("sum", bits)))


MISTAKES: Mapping[str, Rewrite] = {
    "rounds toward zero instead of floor": _toward_zero,
    "rounds by floor instead of toward zero": _swap("multiply_shift_toward_zero", "multiply_shift_floor"),
    "threshold tie: > against >=": _swap("greater_equal", "greater"),
    "threshold tie: >= against >": _swap("greater", "greater_equal"),
    "saturates instead of wrapping": _swap("wrap", "saturate"),
    "wraps instead of saturating": _swap("saturate", "wrap"),
    "rounds to nearest instead of by its rule": _nearest,
    "rounds the sum of two products instead of each": _rounds_the_sum,
    "leaves two's complement at exactly 2^(bits - 1)": _leaves_at_2_to_the_23,
    "wraps once instead of as often as needed": _wraps_once,
    "saturates at -2^(bits - 1), not symmetrically": _saturate_asymmetric,
    "does not bound the register": _unbounded,
    "holds a product in 32 bits": _product_in_32_bits,
    "reads a register of the step before instead of the new one": _reads_before,
    "reads a register's new value instead of that of the step before": _reads_after,
}
"""Words for each mistake and what it does; the likelier ones first, which breaks ties."""

SLIPS: Mapping[str, Rewrite] = {
    "shifts by one bit less": _shifts_by(-1),
    "shifts by one bit more": _shifts_by(1),
    "constant one less": _constant_off(-1),
    "constant one more": _constant_off(1),
    "adds instead of subtracting": _swap("subtract", "add"),
    "subtracts instead of adding": _swap("add", "subtract"),
    "leaves out the first term": _leaves_out(0),
    "leaves out the second term": _leaves_out(1),
    "always takes the first branch": _always(1),
    "always takes the second branch": _always(2),
    "reads the table one entry later": _entry_beside(1),
    "reads the table one entry earlier": _entry_beside(-1),
}
"""As `MISTAKES`, but slips that a working simulator hardly makes: among equals they stand behind all others."""
