"""A backend in miniature: runs a traced listing instruction by instruction with the primitives of `integer`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolchain.ir.integer import PRIMITIVES
from toolchain.ir.tracing import Listing, Symbol


def run_listing(listing: Listing, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """Run a listing.

    Args:
        values: by symbol name: ``own.<coefficient>``, ``state.<register>``, ``port.<port>``.

    Returns:
        What each register held when its rule was applied, the stored registers afterwards, and the message.
    """
    known = dict(values)

    def value(operand: Any) -> Any:
        return known[operand.name] if isinstance(operand, Symbol) else operand

    for instruction in listing.instructions:
        assert instruction.result not in known, "straight-line: every result is named once"
        operands = [value(operand) for operand in instruction.operands]
        known[instruction.result] = PRIMITIVES[instruction.primitive](*operands)
    kept = {register: known[result] for register, result in listing.kept.items()}
    return kept, {register: value(operand) for register, operand in listing.registers.items()}, value(listing.message)
