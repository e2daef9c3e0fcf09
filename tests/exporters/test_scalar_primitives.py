"""Each primitive in JavaScript and in C against its definition on unbounded integers, in ranges that make each form."""

from __future__ import annotations

import ctypes
import itertools
import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import exporters.c.primitives
import exporters.js.primitives
import simulators.c
import simulators.js
from exporters.c.language import C
from exporters.c.source import support_for
from exporters.js.language import JavaScript
from exporters.scalar.walk import Language, Value
from tests.exporters.primitive_cases import ELEMENTWISE, FITTED, SHIFTS, WIDE, WIDTHS, WORDS
from toolchain.bounds.ranges import Range, fits
from toolchain.errors import UnsupportedError
from toolchain.ir.integer import PRIMITIVES

NARROW = [word for word in WORDS if abs(word) < 2**23]
SHORT = [word for word in WORDS if abs(word) < 2**15] + [2**15 - 1, -(2**15)]
LIMIT = 2**63


@dataclass(frozen=True)
class Case:
    """One primitive on lists of operands.

    Attributes:
        operands: a list of values, or a number that stands in the code.
        expected: for each tuple of values.
    """

    primitive: str
    operands: tuple[Sequence[int] | int, ...]
    rows: tuple[tuple[int, ...], ...]
    expected: tuple[int, ...]

    @property
    def result(self) -> Range:
        return min(self.expected), max(self.expected)


def case(primitive: str, definition: Callable[..., int], *operands: Sequence[int] | int) -> Case:
    """Only rows whose every product fits 64 bits: verified programs have no others."""
    columns = [[o] if isinstance(o, int) else o for o in operands]
    rows, expected = [], []
    for row in itertools.product(*columns):
        product = row[0] * row[1] if primitive.startswith("multiply") else 0
        value = definition(*row)
        if -LIMIT < product < LIMIT and -LIMIT < value < LIMIT:
            rows.append(row)
            expected.append(value)
    return Case(primitive, operands, tuple(rows), tuple(expected))


def cases() -> Iterator[Case]:
    for primitive, (definition, ranges) in ELEMENTWISE.items():
        yield case(primitive, definition, *ranges)
        narrow = [[w for w in values if abs(w) < 2**23] or values for values in ranges]
        yield case(primitive, definition, *narrow)
    for bits in (0, *SHIFTS, 40, 62):
        for values in (NARROW, WORDS, WIDE):
            yield case("shift_floor", ELEMENTWISE["shift_floor"][0], values, bits)
    for bits in SHIFTS:
        for name in ("multiply_shift_floor", "multiply_shift_toward_zero"):
            definition = ELEMENTWISE[name][0]
            positive = [abs(word) for word in SHORT]
            factors: tuple[Sequence[int] | int, ...] = (SHORT, positive, NARROW, 512, -3)
            for a, b in itertools.product(factors, (SHORT, NARROW, WORDS)):
                yield case(name, definition, a, b, bits)
        yield case("shift_left", ELEMENTWISE["shift_left"][0], NARROW, bits)
    for rule, definition in FITTED.items():
        for bits, values in itertools.product(WIDTHS, (NARROW, WORDS, WIDE)):
            top = 2 ** (bits - 1)
            held = values if rule != "trap" else [v for v in values if -top <= v < top]
            yield case(rule, definition, held, bits)


CASES = tuple(cases())


def written(language: Language, found: Case, name: Callable[[int], str]) -> tuple[list[str], str]:
    """Lines that name the operands, and the result's expression by its declared name."""
    operands, lines = [], []
    for place, values in enumerate(found.operands):
        if isinstance(values, int):
            operands.append(language.number(values))
            continue
        column = [row[place] for row in found.rows]
        line, value = language.declare(f"x{place}", Value(name(place), "element", (min(column), max(column))))
        lines.append(line)
        operands.append(value)
    value = language.primitive(found.primitive, found.result, operands)
    line, _ = language.declare("result", value)
    return [*lines, line], "result"


def test_every_primitive_has_a_form_and_is_tested_here() -> None:
    others = {"lookup", "each_mode", "sum_modes", "weighted_sum"}
    assert PRIMITIVES.keys() == ELEMENTWISE.keys() | FITTED.keys() | others
    for module in (exporters.js.primitives, exporters.c.primitives):
        assert module.WRITERS.keys() == PRIMITIVES.keys() - {"weighted_sum"}


def test_every_form_is_chosen() -> None:
    """32 bits, doubles, BigInt; 32, two halves, 64."""
    js = " ".join(line for found in CASES for line in written(JavaScript(), found, lambda i: f"a{i}")[0])
    assert all(form in js for form in ("Math.imul", "Math.floor", "Math.trunc", "BigInt.asIntN", " >> 31", "POWERS["))
    c = " ".join(line for found in CASES for line in written(C("p", {}), found, lambda i: f"a{i}")[0])
    for form in ("scale_floor(", "scale_toward_zero(", "floor_shift32(", "floor_shift64(", "wrap32(", "wrap64("):
        assert form in c, form


def differing(found: Sequence[int], expected: Sequence[int], what: Case) -> list[str]:
    wrong = [i for i, (a, b) in enumerate(zip(found, expected, strict=True)) if a != b]
    return [f"{what.primitive}{what.rows[i]}: {found[i]} instead of {expected[i]}" for i in wrong[:3]]


@pytest.mark.skipif(bool(simulators.js.available()), reason=str(simulators.js.available()))
def test_javascript(tmp_path: Path) -> None:
    tests = []
    for found in CASES:
        lines, result = written(JavaScript(), found, lambda i: f"(big[{i}] ? BigInt(row[{i}]) : Number(row[{i}]))")
        wide = [not isinstance(o, int) and not fits((min(o), max(o)), 54) for o in found.operands]
        wide = [w and not fits((min(c), max(c)), 54) for w, c in zip(wide, zip(*found.rows, strict=True), strict=True)]
        rows = json.dumps([[str(value) for value in row] for row in found.rows])
        body = f"{' '.join(lines)} return String({result} === true ? 1 : {result} === false ? 0 : {result});"
        tests.append(f"[{json.dumps(wide)}, (row, big) => {{ {body} }}, {rows}]")
    script = tmp_path / "test.mjs"
    script.write_text(
        "const POWERS = Float64Array.from({ length: 63 }, (_, k) => 2 ** k);\n"
        f"const tests = [\n{','.join(chr(10) + t for t in tests)}\n];\n"
        "for (const [big, run, rows] of tests) console.log(rows.map((row) => run(row, big)).join(' '));\n",
        encoding="utf-8",
    )
    said = subprocess.run(["node", str(script)], capture_output=True, text=True, check=True).stdout.splitlines()
    faults = [
        fault
        for found, line in zip(CASES, said, strict=True)
        for fault in differing([int(w) for w in line.split()], found.expected, found)
    ]
    assert not faults, "\n".join(faults[:9])


@pytest.mark.skipif(bool(simulators.c.available()), reason=str(simulators.c.available()))
def test_c(tmp_path: Path) -> None:
    functions = []
    for number, found in enumerate(CASES):
        lines, result = written(C("p", {}), found, lambda i: f"row[{i}]")
        body = "\n    ".join(_narrowed(line) for line in lines)
        functions.append(
            f"void case{number}(const int64_t *row, int64_t *results, int64_t rows) {{\n"
            f"  for (int64_t r = 0; r < rows; ++r, row += {len(found.operands)}) {{\n"
            f"    {body}\n    results[r] = {result};\n  }}\n}}\n"
        )
    text = "\n".join(functions)
    source = tmp_path / "test.c"
    source.write_text("#include <stdint.h>\n" + "\n".join(support_for(text)) + text, encoding="utf-8")
    library = tmp_path / "test.so"
    strict = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-pedantic", "-O2", "-shared", "-fPIC"]
    subprocess.run([str(simulators.c.compiler()), *strict, "-o", str(library), str(source)], check=True)
    loaded = ctypes.CDLL(str(library))
    faults = []
    for number, found in enumerate(CASES):
        rows = np.array(found.rows, dtype=np.int64)
        results = np.zeros(len(rows), dtype=np.int64)
        loaded[f"case{number}"](
            ctypes.c_void_p(rows.ctypes.data), ctypes.c_void_p(results.ctypes.data), ctypes.c_int64(len(rows))
        )
        faults += differing(results.tolist(), found.expected, found)
    assert not faults, "\n".join(faults[:9])


def _narrowed(line: str) -> str:
    """Operands are read from 64-bit columns, which -Wconversion wants narrowed in words."""
    kind = line.split()[1]
    return line.replace("= row", f"= ({kind})row")


@pytest.mark.parametrize("language", [JavaScript(), C("p", {})], ids=["js", "c"])
def test_what_has_no_form_is_refused(language: Language) -> None:
    value = language.number(3)
    wide = Value("x", "int32", (0, 9))
    with pytest.raises(UnsupportedError, match="primitive 'cosine'"):
        language.primitive("cosine", (0, 1), [value])
    with pytest.raises(UnsupportedError, match="width that is not a constant"):
        language.primitive("wrap", (0, 1), [Value("y", "int32", (0, 2**20)), wide])
