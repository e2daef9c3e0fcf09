"""A growing list of ONNX nodes, for graphs and for the bodies of functions.

Numbers are kept in *lanes*: one tensor type for all arithmetic of a file.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import onnx
from onnx import helper, numpy_helper

from exporters.onnx.lanes import Lanes
from toolchain.ir.integer import IntArray

Operand: TypeAlias = "str | int | float"
"""The name of a tensor, or a number."""

TYPES: dict[str, int] = {
    "int64": onnx.TensorProto.INT64,
    "float64": onnx.TensorProto.DOUBLE,
    "int32": onnx.TensorProto.INT32,
}
BOOL = onnx.TensorProto.BOOL
INT64 = onnx.TensorProto.INT64
FLOAT = onnx.TensorProto.FLOAT


class Nodes:
    """Nodes in the order of execution; a number becomes one Constant node, however often it is used.

    Attributes:
        lanes: the type of numbers.
        prefix: begins the names of constants and intermediate values, where several lists are parts of one graph.
    """

    def __init__(self, lanes: Lanes, prefix: str = "") -> None:
        self.lanes, self.prefix = lanes, prefix
        self.nodes: list[onnx.NodeProto] = []
        self.known: dict[str, str] = {}
        self.subject = "value"

    @property
    def type(self) -> int:
        """ONNX's number for the type of the lanes."""
        return TYPES[self.lanes]

    def about(self, subject: str) -> None:
        """Name the intermediate values of what follows after their subject."""
        self.subject = subject

    def add(
        self, operator: str, *operands: Operand, result: str = "", **attributes: int | list[int] | onnx.TensorProto
    ) -> str:
        """Append one node of one result and return the result's name."""
        names = [self.tensor(operand) for operand in operands]
        # A number comes first, as in no other name, so that a projection may be called anything.
        result = result or f"{self.prefix}{len(self.nodes)}.{self.subject}"
        node = helper.make_node(operator, names, [result], name=result)
        node.attribute.extend(helper.make_attribute(key, attributes[key]) for key in sorted(attributes))
        self.nodes.append(node)
        return result

    def tensor(self, operand: Operand, kind: str = "") -> str:
        """The name of an operand; a number is written down as a scalar of the lanes, or of another type."""
        if isinstance(operand, str):
            return operand
        if kind and kind != self.lanes:
            return self.constant(f"{kind}.{operand}", np.array(operand, dtype=kind))
        return self.constant(f"number.{operand}", np.array(operand, dtype=self.lanes))

    def constant(self, name: str, values: np.ndarray[Any, np.dtype[Any]]) -> str:
        """Write a constant once and return its name."""
        if name not in self.known:
            self.known[name] = self.add(
                "Constant", result=self.prefix + name, value=numpy_helper.from_array(values, name)
            )
        return self.known[name]

    def cast(self, name: str, kind: int, result: str = "") -> str:
        """The value as another type; the same value is cast once, unless its result has a name of its own."""
        key = f"{name} as {kind}"
        if result or key not in self.known:
            self.known[key] = self.add("Cast", name, result=result, to=kind)
        return self.known[key]

    def shape(self, *extents: int) -> str:
        """A constant list of integers, e.g. a shape or axes: int64 in any lanes, as operators want it."""
        return self.constant(f"list.{'x'.join(map(str, extents))}", np.array(extents, dtype=np.int64))


def narrow(values: IntArray) -> np.ndarray[tuple[int, ...], np.dtype[np.signedinteger[Any]]]:
    """The same integers in the smallest of int8, int32 and int64 that holds them all.

    16 bits are left out: onnxruntime's builds for WebGPU have no cast from them.
    """
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    for kind in (np.int8, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return values.astype(kind)
    return values
