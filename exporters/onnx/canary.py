"""A canary: an output of its own that is 1 wherever a runtime computes as the file means it.

Some runtimes load a file, run it and narrow its numbers in silence: int64 kept in 32 bits, doubles in single precision
or in bfloat16. So every step also computes, by the very operators of the step and from numbers that need all the bits
of its lanes, what is known beforehand: sums, products, shifts of negative numbers, comparisons of great neighbors, a
matrix product. All of it hangs on a payload of the input, in a way that no compiler can see through, so that none
computes it beforehand.
"""

from __future__ import annotations

import numpy as np

from exporters.onnx.arithmetic import arithmetic_of
from exporters.onnx.lanes import Lanes
from exporters.onnx.nodes import Nodes
from toolchain.ir.integer import multiply_shift_toward_zero, shift_floor, shift_left

BEYOND = 1 << 30
"""No payload is so great: they have 24 bits at most."""

CASES: dict[str, tuple[tuple[int, int, int, int], ...]] = {
    # Sum, factor, shift and weight: what 32 bits, 53 bits and the 24 bits of a single-precision number cannot hold.
    "int64": (
        (188_043, 2**15 + 1, 15, 39_229), (2**24 + 1, 1, 0, 1), (2**31 + 5, 3, 1, 3), (-(2**40) - 3, 2**10 + 1, 7, 5),
        (2**53 + 1, 1, 0, 1), (-7, 1, 1, 7), (2**53 + 1, 2**9 - 1, 3, 1),
    ),
    "float64": (
        (188_043, 2**15 + 1, 15, 39_229), (2**24 + 1, 1, 0, 1), (2**31 + 5, 3, 1, 3), (-(2**40) - 3, 2**10 + 1, 7, 5),
        (94_906_265, 94_906_265, 3, 1), (-7, 1, 1, 7), (2**53 - 1, 1, 2, 1),
    ),
    "int32": (
        (46_337, 46_337, 2, 1), (2**24 + 1, 1, 0, 3), (-(2**24) - 1, 63, 5, 1), (-7, 1, 1, 39_229),
        (2**31 - 1, 1, 3, 1),
    ),
}  # fmt: skip


def write_canary(nodes: Nodes, payloads: str, edge: Lanes) -> str:
    """Append the nodes; a Boolean a sample, true where all is as it should be.

    Args:
        nodes: of a step.
        payloads: (sample, channel) tensor of an input, in the type of the edge.
        edge: that type.
    """
    nodes.about("canary")
    plus, factors, bits, weights = (
        np.array(column, dtype=np.int64) for column in zip(*CASES[nodes.lanes], strict=True)
    )
    first = nodes.add("Slice", payloads, nodes.shape(0), nodes.shape(1), nodes.shape(1))
    zero = nodes.cast(nodes.add("Greater", first, nodes.tensor(BEYOND, edge)), nodes.type)
    products = nodes.add(
        "Mul", nodes.add("Add", zero, _vector(nodes, "plus", plus)), _vector(nodes, "factors", factors)
    )
    arithmetic, powers = arithmetic_of(nodes.lanes), shift_left(np.int64(1), bits)
    by = _vector(nodes, "powers", 1 / powers if arithmetic.folds_shifts else powers)
    shifted = arithmetic.shift_floor(nodes, products, by)
    expected = shift_floor(plus * factors, bits)
    if not arithmetic.folds_shifts:
        # Some round an integer division down, which the floor shift, dividing without a remainder, does not notice.
        shifted = nodes.add("Add", shifted, arithmetic.shift_toward_zero(nodes, products, by))
        expected = expected + multiply_shift_toward_zero(plus, factors, bits)
    above = nodes.add("Greater", products, _vector(nodes, "below", plus * factors - 1))
    score = nodes.add("MatMul", nodes.add("Where", above, shifted, 0), _vector(nodes, "weights", weights))
    return nodes.add("Equal", score, int((expected * weights).sum()))


def _vector(nodes: Nodes, name: str, values: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> str:
    return nodes.constant(f"canary.{name}", np.asarray(values).astype(nodes.lanes))
