"""Each primitive's ONNX form in each lanes against its definition on unbounded integers, in both evaluators."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import cast

import numpy as np
import onnx
import onnx.reference
import onnxruntime
import pytest
from onnx import helper

from exporters.onnx.lanes import Lanes
from exporters.onnx.model import IR_VERSION, OPSET
from exporters.onnx.nodes import INT64, TYPES, Nodes
from exporters.onnx.primitives import WRITERS, Writer, held_range, write_count
from exporters.onnx.terms import Term, known
from tests.exporters.primitive_cases import ELEMENTWISE, FITTED, SHIFTS, WIDE, WIDTHS, WORDS
from toolchain.errors import UnsupportedError
from toolchain.ir.integer import PRIMITIVES, IntArray, Overflow

REACH: dict[str, int] = {"int64": 2**62, "float64": 2**53, "int32": 2**31 - 1}
EACH_LANES = pytest.mark.parametrize("lanes", REACH)


class Small:
    """A graph of one primitive: operands are tensors of any numbers, numbers, or arrays that are known."""

    def __init__(self, lanes: Lanes, feeds: Mapping[str, IntArray]) -> None:
        self.nodes, self.feeds, self.constants = Nodes(lanes), feeds, list[onnx.TensorProto]()
        self.writer = Writer("here", self.nodes, self._store)

    def _store(self, label: str, values: IntArray, bits: IntArray | int) -> str:
        scaled = np.asarray(values * 2.0 ** -np.asarray(bits, dtype=np.float64)).astype(self.nodes.lanes)
        self.constants.append(onnx.numpy_helper.from_array(scaled, label))
        return label

    def term(self, name: str) -> Term:
        values = self.feeds[name]
        return Term(name, (int(values.min()), int(values.max())), values.shape)

    def write(self, primitive: str, *operands: Term | int, shape: tuple[int, ...] = (1,)) -> Term:
        terms = [known(operand) if isinstance(operand, int) else operand for operand in operands]
        self.made = self.writer.write(primitive, terms, Term("result", (-(2**62), 2**62), shape))
        return self.made

    def run(self, rank: int, result: str = "", kind: int = 0) -> list[IntArray]:
        """The result in onnxruntime and in the reference evaluator."""
        name = self.nodes.add("Identity", result or self.writer.tensor(self.made), result=f"end{len(self.nodes.nodes)}")
        lanes = self.nodes.lanes
        ends = [
            helper.make_tensor_value_info(key, TYPES[lanes], list(values.shape)) for key, values in self.feeds.items()
        ]
        end = helper.make_tensor_value_info(name, kind or TYPES[lanes], [None] * rank)
        graph = helper.make_graph(self.nodes.nodes, "test", ends, [end], initializer=self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        onnx.checker.check_model(model)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        given = {key: values.astype(lanes) for key, values in self.feeds.items()}
        (ours,), (theirs,) = session.run([name], given), onnx.reference.ReferenceEvaluator(model).run([name], given)
        found = [ours, cast(IntArray, theirs)]
        assert all(np.array_equal(np.asarray(values, dtype=np.int64), values) for values in found)
        return [np.asarray(values, dtype=np.int64) for values in found]


def test_every_primitive_has_a_form_and_is_tested_here() -> None:
    assert WRITERS.keys() == PRIMITIVES.keys()
    others = {"lookup", "each_mode", "sum_modes", "weighted_sum"}
    assert PRIMITIVES.keys() == ELEMENTWISE.keys() | FITTED.keys() | others


def inside(primitive: str, case: tuple[int, ...], result: int, lanes: str) -> bool:
    """Whether the lanes hold everything on the way, as `exporters.onnx.lanes` proves it of a program."""
    reach = [*case[:1], result] if primitive.startswith("shift") else [*case[:2], result]
    if "shift" in primitive:
        reach.append(case[0] * case[1] if "multiply" in primitive else 0)
        reach.append(2 ** case[-1] if lanes == "int32" else 0)
    return max(map(abs, [*case, *reach])) <= REACH[lanes]


@EACH_LANES
@pytest.mark.parametrize("primitive", ELEMENTWISE)
def test_elementwise(primitive: str, lanes: Lanes) -> None:
    definition, ranges = ELEMENTWISE[primitive]
    cases = [case for case in itertools.product(*ranges) if inside(primitive, case, definition(*case), lanes)]
    feeds = {f"x{i}": np.array(column, dtype=np.int64) for i, column in enumerate(zip(*cases, strict=True))}
    small = Small(lanes, feeds)
    small.write(primitive, *map(small.term, feeds))
    for found in small.run(1):
        assert found.tolist() == [definition(*case) for case in cases]


@EACH_LANES
@pytest.mark.parametrize("bits", SHIFTS)
def test_shifts_by_a_number(bits: int, lanes: Lanes) -> None:
    if 2**bits > REACH[lanes]:
        return  # int32 does not hold the power of two, so `lanes` does not choose it
    floor, toward_zero = ELEMENTWISE["multiply_shift_floor"][0], ELEMENTWISE["multiply_shift_toward_zero"][0]
    values = {
        "shift_floor": [a for a in WIDE if abs(a) <= REACH[lanes]],
        "shift_left": [a for a in WORDS if abs(a * 2**bits) <= REACH[lanes]],
    }
    for primitive, column in values.items():
        small = Small(lanes, {"x": np.array(column)})
        small.write(primitive, small.term("x"), bits)
        for found in small.run(1):
            assert found.tolist() == [a // 2**bits if primitive == "shift_floor" else a * 2**bits for a in column]
    pairs = [(a, b) for a, b in itertools.product(WORDS, (3, -5, 4095)) if abs(a * b) <= REACH[lanes]]
    a, b = (np.array(column) for column in zip(*pairs, strict=True))
    for primitive, definition in (("multiply_shift_floor", floor), ("multiply_shift_toward_zero", toward_zero)):
        for factor in (Term("own.b", (-5, 4095), b.shape, known=b), None):
            small = Small(lanes, {"x": a} if factor else {"x": a, "b": b})
            small.write(primitive, small.term("x"), factor or small.term("b"), bits)
            for found in small.run(1):
                assert found.tolist() == [definition(*pair, bits) for pair in pairs]


@EACH_LANES
@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("rule", FITTED)
def test_registers_and_their_misfits(rule: str, bits: int, lanes: Lanes) -> None:
    top = 2 ** (bits - 1)
    values = sorted({*WIDE, *(sign * (top + near) for sign in (-1, 1) for near in (-2, -1, 0, 1, 2))})
    values = [value for value in values if abs(value) + (top if rule == "wrap" else 0) <= REACH[lanes]]
    if not values or 2 * top - 1 > REACH[lanes]:
        return  # int32 does not hold the power of two, so `lanes` does not choose it
    small = Small(lanes, {"x": np.array([values])})
    held = small.write(rule, small.term("x"), bits, shape=(1, len(values)))
    for found in small.run(2):
        assert found.tolist() == [[FITTED[rule](a, bits) for a in values]]
    low, high = held_range(Overflow(rule), bits)
    misfits = [value for value in values if not low <= value <= high]
    assert (low, high) == (-top + 1 if rule == "saturate" else -top, top - 1)
    if misfits:
        count = write_count(small.writer, Overflow(rule), small.term("x"), held, bits, "int64")
        for found in small.run(1, count.name, INT64):
            assert found.tolist() == [len(misfits)]


@EACH_LANES
def test_lookup_holds_its_ends(lanes: Lanes) -> None:
    indices = [index for index in WIDE if not -2 < index < 4 and abs(index) <= REACH[lanes]] + [-1, 0, 1, 2, 3]
    small = Small(lanes, {"x": np.array([indices])})
    table = np.array([5, -7, 11])
    small.write("lookup", Term("own.table", (-7, 11), (3,), known=table), small.term("x"))
    for found in small.run(2):
        assert found.tolist() == [[[5, -7, 11][min(max(index, 0), 2)] for index in indices]]


@EACH_LANES
def test_modes(lanes: Lanes) -> None:
    rows = [[1, 2**40], [-5, 3], [2**60 + 1, 2**60 + 2], [1 - 2**60, -(2**54)], [2**30, 2**29 + 1]]
    rows = [row for row in rows if sum(map(abs, row)) <= REACH[lanes]]
    small = Small(lanes, {"x": np.array([rows])})
    small.write("sum_modes", small.term("x"))
    for found in small.run(2):
        assert found.tolist() == [[sum(row) for row in rows]]
    small = Small(lanes, {"x": np.array([rows])})
    small.write("each_mode", small.term("x"))
    for found in small.run(4):
        assert found.tolist() == [[[[value] for value in row] for row in rows]]


def test_weighted_sum_is_exact_beyond_float64() -> None:
    feeds = {"w": np.array([[127, -128, 1], [0, 1, 0]]), "x": np.array([[2**55 + 1, 1, -3]])}
    small = Small("int64", feeds)
    small.write("weighted_sum", small.term("w"), small.term("x"))
    for found in small.run(2):
        assert found.tolist() == [[127 * (2**55 + 1) - 128 - 3, 1]]


def test_a_width_known_only_at_run_time_is_refused() -> None:
    small = Small("int64", {"x": np.array([1, 2]), "bits": np.array([3, 4])})
    with pytest.raises(UnsupportedError, match="here: 'wrap' by a width that is not a constant"):
        small.write("wrap", small.term("x"), small.term("bits"))
