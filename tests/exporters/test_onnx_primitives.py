"""Each primitive's ONNX form against its definition on unbounded integers, in both evaluators."""

from __future__ import annotations

import itertools

import numpy as np
import onnx
import onnx.reference
import onnxruntime
import pytest
from onnx import helper

from exporters.onnx.model import IR_VERSION, OPSET
from exporters.onnx.nodes import INT64, Nodes
from exporters.onnx.primitives import WRITERS, write_misfits, write_primitive
from tests.exporters.primitive_cases import ELEMENTWISE, FITTED, SHIFTS, WIDE, WIDTHS, WORDS
from toolchain.errors import UnsupportedError
from toolchain.ir.integer import PRIMITIVES, IntArray, Overflow


def evaluators(nodes: Nodes, feeds: dict[str, IntArray], result: str = "result", rank: int = 1) -> list[IntArray]:
    """The result in onnxruntime and in the reference evaluator."""
    inputs = [helper.make_tensor_value_info(name, INT64, list(values.shape)) for name, values in feeds.items()]
    graph = helper.make_graph(
        nodes.nodes, "test", inputs, [helper.make_tensor_value_info(result, INT64, [None] * rank)]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [session.run([result], feeds)[0], onnx.reference.ReferenceEvaluator(model).run([result], feeds)[0]]


def written(primitive: str, *operands: str | int) -> Nodes:
    nodes = Nodes()
    write_primitive(nodes, "here", primitive, operands, "result")
    return nodes


def test_every_primitive_has_a_form_and_is_tested_here() -> None:
    assert WRITERS.keys() == PRIMITIVES.keys()
    others = {"lookup", "each_mode", "sum_modes", "weighted_sum"}
    assert PRIMITIVES.keys() == ELEMENTWISE.keys() | FITTED.keys() | others


@pytest.mark.parametrize("primitive", ELEMENTWISE)
def test_elementwise(primitive: str) -> None:
    definition, ranges = ELEMENTWISE[primitive]
    cases = list(itertools.product(*ranges))
    feeds = {f"x{i}": np.array(column, dtype=np.int64) for i, column in enumerate(zip(*cases, strict=True))}
    expected = [definition(*case) for case in cases]
    assert max(map(abs, expected)) < 2**63
    for found in evaluators(written(primitive, *feeds), feeds):
        assert found.dtype == np.int64
        assert found.tolist() == expected


@pytest.mark.parametrize("bits", SHIFTS)
def test_shifts_by_a_number(bits: int) -> None:
    for found in evaluators(written("shift_floor", "x", bits), {"x": np.array(WIDE)}):
        assert found.tolist() == [a // 2**bits for a in WIDE]
    for found in evaluators(written("shift_left", "x", bits), {"x": np.array(WORDS)}):
        assert found.tolist() == [a * 2**bits for a in WORDS]


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("rule", FITTED)
def test_registers_and_their_misfits(rule: str, bits: int) -> None:
    top = 2 ** (bits - 1)
    values = sorted({*WIDE, *(sign * (top + near) for sign in (-1, 1) for near in (-2, -1, 0, 1, 2))})
    feeds = {"x": np.array(values, dtype=np.int64)}
    nodes = written(rule, "x", bits)
    misfits = write_misfits(nodes, Overflow(rule), "x", "result", bits)
    for found in evaluators(nodes, feeds):
        assert found.tolist() == [FITTED[rule](a, bits) for a in values]
    low = -top + 1 if rule == "saturate" else -top
    for found in evaluators(nodes, feeds, misfits):
        assert found.tolist() == [int(not low <= a < top) for a in values]


def test_lookup_holds_its_ends() -> None:
    indices = [index for index in WIDE if not -2 < index < 4] + [-1, 0, 1, 2, 3]
    feeds = {"table": np.array([5, -7, 11]), "x": np.array([indices])}
    for found in evaluators(written("lookup", "table", "x"), feeds, rank=2):
        assert found.tolist() == [[[5, -7, 11][min(max(index, 0), 2)] for index in indices]]


def test_modes() -> None:
    rows = [[1, 2**40], [-5, 3], [2**60 + 1, 2**60 + 2], [1 - 2**60, -(2**54)]]
    feeds = {"x": np.array([rows])}
    for found in evaluators(written("sum_modes", "x"), feeds, rank=2):
        assert found.tolist() == [[sum(row) for row in rows]]
    for found in evaluators(written("each_mode", "x"), feeds, rank=4):
        assert found.tolist() == [[[[value] for value in row] for row in rows]]


def test_weighted_sum_is_exact_beyond_float64() -> None:
    feeds = {"w": np.array([[127, -128, 1], [0, 1, 0]]), "x": np.array([[2**55 + 1, 1, -3]])}
    for found in evaluators(written("weighted_sum", "w", "x"), feeds, rank=2):
        assert found.tolist() == [[127 * (2**55 + 1) - 128 - 3, 1]]


def test_a_width_known_only_at_run_time_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="here: 'wrap' by a width that is no constant"):
        written("wrap", "x", "bits")
