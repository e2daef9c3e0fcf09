"""Programs and traces as `.npz`: round trips, equal bytes for equal content, damaged files refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulators.reference import simulate
from tests.strategies import programs, runs
from tests.toolchain.ir.samples import digits_in_small, plain
from toolchain.errors import InputError
from toolchain.ir.connections import Dense
from toolchain.ir.program import Program, Projection
from toolchain.ir.storage import load_program, save_program
from toolchain.ir.trace import (
    Trace,
    count_to_ends,
    join_traces,
    load_trace,
    repeats,
    save_plain_trace,
    save_repeated,
    save_trace,
    trace_digest,
)

SAME_FOLDER = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
SMALL_TRACE = Trace(
    program="0" * 64,
    simulator="reference",
    samples=1,
    steps=2,
    messages={"in": np.array([[[-129], [128]]]), "p": np.array([[[1], [0]]])},
    registers={"p.v": np.array([[[-(2**40)], [2**31]]])},
    sent={"in": np.array([[2]])},
    final={"p.v": np.array([[2**15]])},
    overflows={"p.v": 3},
)


@given(programs())
@SAME_FOLDER
def test_a_program_is_read_back(tmp_path: Path, program: Program) -> None:
    save_program(program, tmp_path / "program.npz")
    assert plain(load_program(tmp_path / "program.npz")) == plain(program)


@given(runs())
@SAME_FOLDER
def test_a_trace_is_read_back(tmp_path: Path, run: tuple[Program, dict[str, np.ndarray]]) -> None:
    program, inputs = run
    trace = simulate(program, inputs, probes=program.all_probes(), strict=False)
    save_trace(trace, tmp_path / "trace.npz")
    assert plain(load_trace(tmp_path / "trace.npz")) == plain(trace)


@given(runs())
@SAME_FOLDER
def test_a_plain_trace_needs_numpy_alone(tmp_path: Path, run: tuple[Program, dict[str, np.ndarray]]) -> None:
    program, inputs = run
    trace = simulate(program, inputs, probes=program.all_probes(), strict=False)
    save_plain_trace(trace, tmp_path / "trace.npz")
    assert plain(load_trace(tmp_path / "trace.npz")) == plain(trace)
    with np.load(tmp_path / "trace.npz", allow_pickle=False) as stored:
        for name, values in trace.messages.items():
            assert np.array_equal(stored[f"messages/{name}"], values)
        for key, values in trace.registers.items():
            assert np.array_equal(stored[f"registers/{key}"], values)


def test_values_of_every_size_are_read_back(tmp_path: Path) -> None:
    save_trace(SMALL_TRACE, tmp_path / "trace.npz")
    assert plain(load_trace(tmp_path / "trace.npz")) == plain(SMALL_TRACE)


@given(runs(), st.data())
@SAME_FOLDER
def test_counts_to_each_samples_end_are_read_back_and_joined(
    tmp_path: Path, run: tuple[Program, dict[str, np.ndarray]], data: st.DataObject
) -> None:
    program, inputs = run
    whole = simulate(program, inputs, strict=False)
    drawn = data.draw(st.lists(st.integers(1, whole.steps), min_size=whole.samples, max_size=whole.samples))
    trace = count_to_ends(whole, np.array(drawn))
    for name, messages in whole.messages.items():
        counted = [np.count_nonzero(row[:end], axis=0) for row, end in zip(messages, drawn, strict=True)]
        assert np.array_equal(trace.sent[name], counted)
    assert trace.counted_steps == sum(drawn) and whole.counted_steps == whole.samples * whole.steps
    save_trace(trace, tmp_path / "trace.npz")
    again = load_trace(tmp_path / "trace.npz")
    assert plain(again) == plain(trace) and again.ends is not None and again.ends.tolist() == drawn
    twice = join_traces([trace, again]).ends
    assert twice is not None and twice.tolist() == drawn + drawn
    with pytest.raises(InputError, match="are not parts of one run"):
        join_traces([trace, whole])


@pytest.mark.parametrize(
    ("ends", "message"),
    [([1, 1], r"ends: \(2,\) from 1 to 1; give one of 1\.\."), ([0], "from 0 to 0"), ([99], "to 99")],
)
def test_ends_must_lie_within_the_run(ends: list[int], message: str) -> None:
    trace = dataclasses.replace(SMALL_TRACE, messages={}, sent={})
    with pytest.raises(InputError, match=message):
        count_to_ends(trace, np.array(ends))


def test_ends_of_other_samples_are_refused(tmp_path: Path) -> None:
    save_trace(dataclasses.replace(SMALL_TRACE, ends=np.array([1, 1])), tmp_path / "trace.npz")
    with pytest.raises(InputError, match=r"is not a trace \(\(2,\) ends of 1 samples\)"):
        load_trace(tmp_path / "trace.npz")


def test_counting_to_ends_needs_the_messages() -> None:
    trace = dataclasses.replace(SMALL_TRACE, messages={})
    with pytest.raises(InputError, match=r"trace: holds no messages of \['in'\]; record them"):
        count_to_ends(trace, np.ones(trace.samples, dtype=np.int64))


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
@SAME_FOLDER
def test_narrow_storage_loses_nothing(tmp_path: Path, one: int, other: int) -> None:
    trace = dataclasses.replace(SMALL_TRACE, sent={"in": np.array([[one, other]])})
    save_trace(trace, tmp_path / "trace.npz")
    assert load_trace(tmp_path / "trace.npz").sent["in"].tolist() == [[one, other]]


@pytest.mark.parametrize(("value", "size"), [(127, 1), (-128, 1), (128, 2), (-129, 2), (32767, 2), (32768, 3),
                                             (-(2**31), 4), (2**31, 5), (-(2**63), 8)])  # fmt: skip
def test_traces_are_stored_narrow(tmp_path: Path, value: int, size: int) -> None:
    save_trace(dataclasses.replace(SMALL_TRACE, sent={"in": np.array([[value]])}), tmp_path / "trace.npz")
    with np.load(tmp_path / "trace.npz") as stored:
        assert stored["sent/in"].nbytes == size


def test_equal_programs_give_equal_bytes(tmp_path: Path) -> None:
    """Neither memory order, nor the kind of integer, nor the order of mappings reaches the file."""
    program = digits_in_small()
    first, *rest = program.projections
    weights = Dense(np.asfortranarray(first.connection.matrix(), dtype=np.int8))
    wide = [dataclasses.replace(p, exponent=cast(int, np.int64(p.exponent))) for p in rest]
    flipped = [
        dataclasses.replace(
            p, coefficients={k: np.asfortranarray(p.coefficients[k]) for k in reversed(list(p.coefficients))}
        )
        for p in program.populations
    ]
    notes = dict(reversed(list(program.notes.items())))
    other = dataclasses.replace(
        program, populations=tuple(flipped), projections=(dataclasses.replace(first, connection=weights), *wide),
        notes=notes,
    )  # fmt: skip
    save_program(program, tmp_path / "a.npz")
    save_program(other, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_equal_traces_give_equal_bytes(tmp_path: Path) -> None:
    backward = reversed(list(SMALL_TRACE.messages.items()))
    other = dataclasses.replace(SMALL_TRACE, messages={name: np.asfortranarray(v) for name, v in backward})
    wide = dataclasses.replace(other, final={"p.v": np.array([[2**15, 0], [1, 2]])})
    columns = dataclasses.replace(SMALL_TRACE, final={"p.v": np.asfortranarray([[2**15, 0], [1, 2]])})
    for i, trace in enumerate((SMALL_TRACE, other, wide, columns)):
        save_trace(trace, tmp_path / f"{i}.npz")
    first, second, third, fourth = ((tmp_path / f"{i}.npz").read_bytes() for i in range(4))
    assert first == second
    assert third == fourth != first


def test_a_trace_with_the_values_of_another_holds_none(tmp_path: Path) -> None:
    original, copy = tmp_path / "recorded.npz", tmp_path / "fast.npz"
    again = dataclasses.replace(SMALL_TRACE, simulator="fast")
    assert repeats(again, SMALL_TRACE) and trace_digest(again) == trace_digest(SMALL_TRACE)
    save_trace(SMALL_TRACE, original)
    save_repeated(again, copy, original, trace_digest(again))
    assert plain(load_trace(copy)) == plain(again)
    with np.load(copy) as stored:
        assert stored.files == ["header"]
    original.unlink()
    with pytest.raises(InputError, match=r"recorded\.npz: no such file"):
        load_trace(copy)
    save_trace(dataclasses.replace(SMALL_TRACE, overflows={"p.v": 4}), original)
    with pytest.raises(InputError, match="whose values are others now"):
        load_trace(copy)
    save_repeated(SMALL_TRACE, original, copy, trace_digest(SMALL_TRACE))
    with pytest.raises(InputError, match="holds no values either"):
        load_trace(copy)


@pytest.mark.parametrize(
    "change",
    [
        {"overflows": {"p.v": 4}},
        {"final": {"p.v": np.array([[2**15 + 1]])}},
        {"registers": {}},
        {"samples": 2},
        {"reach": {"in": 1}},
        {"ends": np.array([1])},
    ],
)
def test_what_differs_anywhere_is_no_repetition(change: dict[str, Any]) -> None:
    other = dataclasses.replace(SMALL_TRACE, **change)
    assert not repeats(other, SMALL_TRACE) and trace_digest(other) != trace_digest(SMALL_TRACE)


Load = Callable[[Path], object]
LOADERS = pytest.mark.parametrize(
    ("load", "kind", "save"),
    [
        (load_program, "program", lambda path: save_program(digits_in_small(), path)),
        (load_trace, "trace", lambda path: save_trace(SMALL_TRACE, path)),
    ],
    ids=["program", "trace"],
)


@LOADERS
def test_an_absent_file_is_refused(tmp_path: Path, load: Load, kind: str, save: Callable[[Path], None]) -> None:
    with pytest.raises(InputError, match=rf"^{tmp_path}/x\.npz: no such file; give the path of a {kind}"):
        load(tmp_path / "x.npz")


@LOADERS
def test_every_truncation_is_refused(tmp_path: Path, load: Load, kind: str, save: Callable[[Path], None]) -> None:
    path = tmp_path / "x.npz"
    save(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 61):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=rf"^{path}: is not a {kind} \("):
            load(path)


@pytest.mark.slow
@LOADERS
def test_a_damaged_byte_is_refused_or_harmless(
    tmp_path: Path, load: Load, kind: str, save: Callable[[Path], None]
) -> None:
    """Whatever byte is flipped: one clear error, or (a time stamp, an attribute) the same content."""
    path = tmp_path / "x.npz"
    save(path)
    whole, expected = path.read_bytes(), plain(load(path))
    for at in range(0, len(whole), 13):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        try:
            assert plain(load(path)) == expected
        except InputError as error:
            assert error.where == str(path)


@LOADERS
@pytest.mark.parametrize(
    "header", [[], {}, {"semantics_version": 2}, {"semantics_version": 2, "arrays": ["odd"]}, "text", 3]
)
def test_a_strange_header_is_refused(
    tmp_path: Path, load: Load, kind: str, save: Callable[[Path], None], header: object
) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8))
    with pytest.raises(InputError, match=rf"^{path}: is not a {kind} \("):
        load(path)


@LOADERS
def test_another_file_is_refused(tmp_path: Path, load: Load, kind: str, save: Callable[[Path], None]) -> None:
    path = tmp_path / "x.npz"
    for content in (b"", b"seamount program 1\n", b"PK\x03\x04"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=rf"^{path}: is not a {kind} \("):
            load(path)
    with path.open("wb") as file:
        np.save(file, np.arange(3))
    with pytest.raises(InputError, match=rf"^{path}: is not a {kind} \("):
        load(path)


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    save_program(dataclasses.replace(digits_in_small(), semantics_version=3), path)
    with pytest.raises(InputError) as caught:
        load_program(path)
    assert str(caught.value) == f"{path}: has semantics version 3, this is 2; deploy again"
    np.savez(path, header=np.frombuffer(b'{"semantics_version": 3, "new": 1, "arrays": []}', dtype=np.uint8))
    with pytest.raises(InputError) as caught:
        load_trace(path)
    assert str(caught.value) == f"{path}: was made under semantics version 3, this is 2; simulate again"


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    save_program(digits_in_small(), path)
    before = path.read_bytes()
    broken = Projection("odd", "pixels", "block0", Dense(np.array([[1], [1]])), exponent=1.5)  # type: ignore[arg-type]
    odd = dataclasses.replace(digits_in_small(), projections=(broken,), notes={"a": object()})  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        save_program(odd, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
