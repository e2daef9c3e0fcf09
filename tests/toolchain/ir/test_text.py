"""Programs as text: what is written is read back whole, and what is broken is refused at its line."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings

from tests import golden_text
from tests.strategies import programs
from tests.toolchain.ir.samples import digits_in_small, plain
from toolchain.bounds.verify import verify
from toolchain.errors import InputError
from toolchain.ir.program import Program
from toolchain.ir.text import program_hash, read_program, write_program

ADVICE = "; compare with a program.txt that seamount wrote"


@given(programs())
@settings(max_examples=60)
def test_what_is_written_is_read_back(program: Program) -> None:
    verify(program)
    text = write_program(program)
    again = read_program(text)
    assert plain(again) == plain(program)
    assert write_program(again) == text


def test_text_is_as_the_golden(refresh_golden: bool) -> None:
    program = digits_in_small()
    verify(program)
    golden_text.check("golden/program.txt", write_program(program), refresh_golden)


def test_hash_is_that_of_the_text() -> None:
    program = digits_in_small()
    assert program_hash(program) == hashlib.sha256(write_program(program).encode()).hexdigest()


def test_every_truncation_is_refused() -> None:
    text = write_program(digits_in_small())
    for length in range(len(text) - 1):
        with pytest.raises(InputError, match=r"^program\.txt:\d+: ") as caught:
            read_program(text[:length])
        line = int(str(caught.value).split(":")[1])
        assert line <= text[:length].count("\n") + 1
    assert plain(read_program(text[:-1])) == plain(digits_in_small())


def test_every_missing_line_is_noticed() -> None:
    """Without any one line the text is refused, or says another program: never the same."""
    lines = write_program(digits_in_small()).splitlines(keepends=True)
    for i, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            found = plain(read_program("".join(lines[:i] + lines[i + 1 :])))
        except InputError as error:
            assert error.where.startswith("program.txt:")
            continue
        assert found != plain(digits_in_small()), line


def test_every_doubled_line_is_refused() -> None:
    lines = write_program(digits_in_small()).splitlines(keepends=True)
    for i, line in enumerate(lines):
        if line.strip():
            with pytest.raises(InputError, match=r"^program\.txt:\d+: "):
                read_program("".join([*lines[: i + 1], *lines[i:]]))


def number_of(line: str) -> int:
    return write_program(digits_in_small()).splitlines().index(line) + 1


PIXELS = "input pixels size=1 bits=6 exponent=4 overflow=refuse"
SPIKES = "output spikes block1 reading=count exponents=0 early_steps=0"
WANTED_OF_AN_INPUT = "(ValueError: expected size, bits, exponent, overflow)"
WANTED_OF_AN_OUTPUT = "(ValueError: expected reading, exponents, early_steps)"


@pytest.mark.parametrize(
    ("line", "broken", "what"),
    [
        ("latency_steps: 3", "latency_steps: x", "(ValueError: invalid literal for int() with base 10: 'x')"),
        ("latency_steps: 3", "latency: 3", "(KeyError: 'latency:')"),
        ("    40", "    4O", "(ValueError: invalid literal for int() with base 10: '4O')"),
        ("    40", f"    {10**20}", "(OverflowError: Python int too large to convert to C long)"),
        ("  setting c_shift 4", "  setting c_shift", "(ValueError: not enough values to unpack (expected 3, got 2))"),
        ("  setting c_shift 4", "  setting c_shift 4.5", "(ValueError: invalid literal for int() with base 10: '4.5')"),
        (
            "  setting c_shift 4",
            "  sitting c_shift 4",
            "(ValueError: expected 'setting' or 'coefficient', found 'sitting')",
        ),
        ("  setting input_shift 3", "  setting c_shift 3", "(ValueError: c_shift is given twice)"),
        ("  coefficient d 2", "  coefficient d 0", "(ValueError: 0 holds nothing)"),
        ("  coefficient d 2", "  coefficient d 2x", "(ValueError: invalid literal for int() with base 10: '')"),
        (PIXELS, "input pixels size=1 bits=6 exponent=4", WANTED_OF_AN_INPUT),
        (PIXELS, f"{PIXELS} origin=a", WANTED_OF_AN_INPUT),
        (PIXELS, PIXELS.replace("bits=6", "bits=6 bits=6"), WANTED_OF_AN_INPUT),
        (SPIKES, SPIKES.replace("spikes", "classes"), "(ValueError: classes is given twice)"),
        (SPIKES, SPIKES.replace("reading=", "read="), WANTED_OF_AN_OUTPUT),
        (SPIKES, "output spikes block1", WANTED_OF_AN_OUTPUT),
        (SPIKES, "output spikes", "(ValueError: not enough values to unpack (expected at least 2, got 1))"),
        (SPIKES, SPIKES.replace("=0 early", "=0, early"), "(ValueError: invalid literal for int() with base 10: '')"),
        ("note classes: 0 1 2", "remark classes: 0 1 2", "(KeyError: 'remark')"),
    ],
)  # fmt: skip
def test_a_broken_line_is_named(line: str, broken: str, what: str) -> None:
    text = write_program(digits_in_small()).replace(f"{line}\n", f"{broken}\n", 1)
    with pytest.raises(InputError) as caught:
        read_program(text, "net.txt")
    assert str(caught.value) == f"net.txt:{number_of(line)}: cannot read {broken[:60]!r} {what}{ADVICE}"


@pytest.mark.parametrize(
    ("line", "broken", "what"),
    [
        ("    31000 30112", "    31000", "1 numbers in a row of 2"),
        ("    31000 30112", "31000 30112", "expected a row of numbers, found '31000 30112'"),
        ("    0:17", "    0:17 0:3", "columns are outside 0 .. 1, out of order or listed twice"),
        ("    0:17", "    1:17 0:3", "columns are outside 0 .. 1, out of order or listed twice"),
        ("    0:17", "    2:17", "columns are outside 0 .. 1, out of order or listed twice"),
        ("    0:17", "    -1:17", "columns are outside 0 .. 1, out of order or listed twice"),
        ("end", "end\nend", "there is more after 'end'"),
    ],
)
def test_a_broken_row_is_named(line: str, broken: str, what: str) -> None:
    text = write_program(digits_in_small()).replace(f"{line}\n", f"{broken}\n", 1)
    with pytest.raises(InputError) as caught:
        read_program(text)
    assert str(caught.value) == f"program.txt:{number_of(line) + broken.count(chr(10))}: {what}{ADVICE}"


def test_an_unknown_kind_of_connection_is_refused() -> None:
    text = write_program(digits_in_small()).replace(" sparse 2x2 ", " spares 2x2 ")
    with pytest.raises(InputError, match=r"\(KeyError: 'spares'\)"):
        read_program(text)


@pytest.mark.parametrize(
    ("first", "what"),
    [
        ("seamount program 0", "was written under semantics version 0, this is 2"),
        ("seamount program 3", "was written under semantics version 3, this is 2"),
        ("seamount program", "does not begin with 'seamount program'"),
        ("seamount trace 1", "does not begin with 'seamount program'"),
        ("", "does not begin with 'seamount program'"),
    ],
)
def test_another_version_is_refused(first: str, what: str) -> None:
    text = write_program(digits_in_small()).replace("seamount program 2", first, 1)
    with pytest.raises(InputError) as caught:
        read_program(text)
    assert str(caught.value) == f"program.txt:1: {what}{ADVICE}"


def test_a_huge_shape_is_refused_at_once() -> None:
    text = write_program(digits_in_small()).replace("coefficient d 2\n", f"coefficient d {10**15}x1\n", 1)
    with pytest.raises(InputError, match=r"2 numbers in a row of 1"):
        read_program(text)


def test_name_and_latency_are_needed() -> None:
    with pytest.raises(InputError) as caught:
        read_program("seamount program 2\nname: a\n\nend\n")
    assert str(caught.value) == f"program.txt:4: the lines 'name:' and 'latency_steps:' are not both there{ADVICE}"
