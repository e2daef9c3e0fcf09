"""Rounding, shifting and casting of program values happen in toolchain/ir/integer.py and nowhere else.

Where a line elsewhere rounds or shifts something that is no program value (an index, a count, a bit width), it is
listed in ALLOWED with the reason. An entry that matches nothing any more fails too, so the list can't rot.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.source_tree import Source, call_name, sources

HOME = "toolchain/ir/integer.py"
SCANNED = ("toolchain/ir", "toolchain/passes", "simulators")

OPERATORS: dict[type[ast.operator], str] = {ast.LShift: "<<", ast.RShift: ">>", ast.FloorDiv: "//", ast.Mod: "%"}
METHODS = {"astype", "clip", "round"}
FUNCTIONS = {"round", "divmod"}
NUMPY = {
    "around", "bitwise_left_shift", "bitwise_right_shift", "ceil", "clip", "divmod", "fix", "floor", "floor_divide",
    "fmod", "left_shift", "mod", "remainder", "right_shift", "rint", "round", "trunc",
}  # fmt: skip


@dataclass(frozen=True)
class Use:
    """Something that rounds, shifts or casts: where (file, innermost class and function) and which operation."""

    path: str
    scope: str
    operation: str


# Each entry: where, which operation, and why it is no arithmetic on program values.
ALLOWED: dict[Use, str] = {
    Use("simulators/placed.py", "_Chip._route", ".astype"): "which messages are there, to be counted",
    Use("simulators/fast/layout.py", "aligned", "%"): "an address up to the next cache line",
    Use("simulators/fast/layout.py", "blocks", "//"): "a number of blocks of neurons",
    Use("simulators/fast/layout.py", "blocks", "%"): "a number of neurons up to whole blocks",
    Use("simulators/fast/layout.py", "row_width", "%"): "whether a number of tiles is even",
    Use("simulators/fast/layout.py", "tiles", "//"): "a number of tiles of neurons",
    Use("simulators/fast/layout.py", "row_width", "%"): "whether a number of tiles is even",
    Use("simulators/fast/layout.py", "padded", "%"): "a number of neurons up to whole blocks",
    Use("toolchain/ir/connections/convolution.py", "Convolution._synapses", "//"): "the group of an output channel",
    Use("toolchain/ir/connections/convolution.py", "Convolution._check_channels", "%"): "channels in groups",
    Use("toolchain/ir/connections/pooling.py", "AveragePooling.__post_init__", "<<"): "whether there is a weight",
    Use("toolchain/ir/connections/pooling.py", "AveragePooling.weight", "<<"): "a constant weight's definition",
    Use("toolchain/ir/connections/pooling.py", "AveragePooling.weight", "//"): "a constant weight's definition",
    Use("toolchain/ir/neurons/poles.py", "poles_inside_unit_disc", "<<"): "the number one at a coefficient's width",
    Use("toolchain/passes/cost.py", "_to_words", "//"): "words that a count of synapses fills",
    Use("toolchain/passes/split_ssm.py", "share_skip", "//"): "how often a bound fits into what a message has room for",
}


def uses(source: Source) -> Iterator[Use]:
    yield from _walk(source.tree, source.path, "")


def _walk(node: ast.AST, path: str, scope: str) -> Iterator[Use]:
    for child in ast.iter_child_nodes(node):
        operation = _operation(child)
        if operation:
            yield Use(path, scope, operation)
        named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and child.name
        yield from _walk(child, path, f"{scope}.{named}".lstrip(".") if named else scope)


def _operation(node: ast.AST) -> str:
    if isinstance(node, ast.BinOp | ast.AugAssign):
        return "" if _formats_text(node) else OPERATORS.get(type(node.op), "")
    if isinstance(node, ast.Call):
        return _called(call_name(node))
    return ""


def _formats_text(node: ast.BinOp | ast.AugAssign) -> bool:
    """Whether ``%`` stands after a literal text."""
    left = node.left if isinstance(node, ast.BinOp) else node.target
    return isinstance(left, ast.Constant) and isinstance(left.value, str)


def _called(name: str) -> str:
    owner, _, last = name.rpartition(".")
    if owner in ("np", "numpy"):
        return f"np.{last}" if last in NUMPY else ""
    if "." in name:
        return f".{last}" if last in METHODS else ""
    return name if name in FUNCTIONS else ""


def found() -> list[Use]:
    return [use for source in sources(*SCANNED) if source.path != HOME for use in uses(source)]


def test_integer_arithmetic_stays_at_home() -> None:
    strays = sorted({f"{use.path}, {use.scope}: {use.operation}" for use in found() if use not in ALLOWED})
    assert not strays, "\n".join(["use toolchain/ir/integer.py, or add to ALLOWED with the reason:", *strays])


def test_every_exception_still_exists_and_says_why() -> None:
    assert [use for use in ALLOWED if use not in found()] == []
    assert [use for use, reason in ALLOWED.items() if len(reason.split()) < 3] == []


@pytest.mark.parametrize(
    ("line", "operation"),
    [
        ("x >> 3", ">>"),
        ("x <<= 3", "<<"),
        ("x // 2", "//"),
        ("-7 % 4", "%"),
        ("x.astype(np.int8)", ".astype"),
        ("(x + 1).astype('int8')", ".astype"),
        ("x.clip(0, 1)", ".clip"),
        ("np.clip(x, 0, 1)", "np.clip"),
        ("round(x)", "round"),
        ("np.floor(x)", "np.floor"),
    ],
)
def test_scan_sees(line: str, operation: str) -> None:
    body = f"class A:\n    def f(self, x):\n        {line}\n"
    assert list(uses(Source("simulators/x.py", body))) == [Use("simulators/x.py", "A.f", operation)]


@pytest.mark.parametrize("line", ["'%d' % x", "x + 1", "x * 2", "np.abs(x)", "integer.shift_left(x, 2)"])
def test_scan_lets_pass(line: str) -> None:
    assert list(uses(Source("simulators/x.py", line))) == []
