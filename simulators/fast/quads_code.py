"""All pairs of a tile multiplied, for projections along which most sources send: four sources an instruction.

Where messages are few, adding the weights of those that sent costs less. Where they are many, the weights that are
fetched from the cache are what costs, so some steps share them.
"""

from __future__ import annotations

from simulators.fast.assembly import LANES, Function, Name, vector
from simulators.fast.layout import BLOCKS_OF_TILE, PAD

FEATURE = "avx512vnni"
"""What the processor needs to have to sum four products of bytes in one instruction."""

SUM_OF_FOUR = "llvm.x86.avx512.vpdpbusd.512"

QUAD = 4
STEPS_TOGETHER = 4
"""Steps that share each load of weights: as many sums of a tile as there are registers for."""

MANY = 0.4
"""With at least this share of a turn's messages not 0 this is faster; at a half it takes three quarters of the time."""

SUM, BYTES_KIND = vector(32), vector(8, PAD)


def sum_quads(code: Function, column: Name, rows: list[Name], quads: Name) -> list[Name]:
    """The sums of a tile's `PAD` targets in some steps, 32 bits each.

    Args:
        column: where the tile's weights are: (four sources, target, source of the four).
        rows: where each step's messages are: bytes without a sign.
        quads: sources by four.
    """
    sums = [code.slot(vector(32, PAD), "total") for _ in rows]
    parts = [[code.slot(SUM, "part") for _ in range(BLOCKS_OF_TILE)] for _ in rows]
    for part in (slot for step in parts for slot in step):
        code.store(SUM, "zeroinitializer", part, 64)
    with code.loop("quad", 0, quads) as quad:
        place = code.at(column, code.times(quad, QUAD * PAD))
        weights = [code.load(BYTES_KIND, code.at(place, str(PAD * i)), 64) for i in range(BLOCKS_OF_TILE)]
        for row, step in zip(rows, parts, strict=True):
            messages = _four(code, code.at(row, code.times(quad, QUAD)))
            for slot, four in zip(step, weights, strict=True):
                operands = (SUM, code.load(SUM, slot, 64)), (BYTES_KIND, messages), (BYTES_KIND, four)
                code.store(SUM, code.call(SUM, SUM_OF_FOUR, *operands), slot, 64)
    for total, step in zip(sums, parts, strict=True):
        for index, slot in enumerate(step):
            code.store(SUM, code.load(SUM, slot, 64), code.at(total, str(QUAD * LANES * index)), 64)
    return [code.load(vector(32, PAD), total, 64) for total in sums]


def _four(code: Function, address: Name) -> Name:
    """Four messages in every lane."""
    first = code.put(f"insertelement {SUM} poison, i32 {code.load('i32', address, 4)}, i64 0")
    each = code.put(f"shufflevector {SUM} {first}, {SUM} poison, <{LANES} x i32> zeroinitializer")
    return code.put(f"bitcast {SUM} {each} to {BYTES_KIND}")
