"""A growing list of ONNX nodes, for graphs and for the bodies of functions."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import onnx
from onnx import helper, numpy_helper

from toolchain.ir.integer import IntArray

Operand: TypeAlias = "str | int"
"""The name of a tensor, or a number."""

INT64 = onnx.TensorProto.INT64
BOOL = onnx.TensorProto.BOOL


class Nodes:
    """Nodes in the order of execution; a number becomes one Constant node, however often it is used."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.known: set[str] = set()
        self.subject = "value"

    def about(self, subject: str) -> None:
        """Name the intermediate values of what follows after their subject."""
        self.subject = subject

    def add(
        self, operator: str, *operands: Operand, result: str = "", **attributes: int | list[int] | onnx.TensorProto
    ) -> str:
        """Append one node of one result and return the result's name."""
        names = [self.tensor(operand) for operand in operands]
        # A number comes first, as in no other name, so that a projection may be called anything.
        result = result or f"{len(self.nodes)}.{self.subject}"
        node = helper.make_node(operator, names, [result], name=result)
        node.attribute.extend(helper.make_attribute(key, attributes[key]) for key in sorted(attributes))
        self.nodes.append(node)
        return result

    def tensor(self, operand: Operand) -> str:
        """The name of an operand; a number is written down as a scalar."""
        if isinstance(operand, str):
            return operand
        return self.constant(f"number.{operand}", np.array(operand, dtype=np.int64))

    def constant(self, name: str, values: IntArray) -> str:
        """Write a constant once and return its name."""
        if name not in self.known:
            self.known.add(name)
            self.add("Constant", result=name, value=numpy_helper.from_array(values, name))
        return name

    def shape(self, *extents: int) -> str:
        """A constant list of integers, e.g. a shape or axes."""
        return self.constant(f"list.{'x'.join(map(str, extents))}", np.array(extents, dtype=np.int64))
