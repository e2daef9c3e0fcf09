"""Streaming: token by token equals the batch run, and a stream can be put down and taken up again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulators import reference
from simulators.fast import Session, open_session
from tests.onnx_programs import digits_shaped, with_features
from toolchain.errors import InputError, OverflowTrapError
from toolchain.files import write_npz
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Probe, Program
from toolchain.ir.storage import save_program

STEPS = 90
SAMPLES = 2


def stream(program: Program, samples: int = SAMPLES) -> dict[str, IntArray]:
    rng = np.random.default_rng(3)
    return {
        i.name: rng.integers(-(2 ** (i.bits - 1)), 2 ** (i.bits - 1), (samples, STEPS, i.size)) for i in program.inputs
    }


def at(inputs: dict[str, IntArray], step: int) -> dict[str, IntArray]:
    return {name: values[:, step] for name, values in inputs.items()}


def expected(program: Program, inputs: dict[str, IntArray]) -> dict[str, IntArray]:
    """By output, what the reference simulator's host reads at every step."""
    probes = [Probe(o.population, o.register) for o in program.outputs if o.register]
    trace = reference.simulate(program, inputs, probes=probes, steps=STEPS, strict=False)
    return {
        o.name: trace.registers[f"{o.population}.{o.register}"] if o.register else trace.messages[o.population]
        for o in program.outputs
    }


@pytest.mark.parametrize("program", [with_features(), digits_shaped()], ids=lambda program: program.name)
def test_every_step_equals_the_batch_run(program: Program) -> None:
    inputs = stream(program)
    outputs = expected(program, inputs)
    session = open_session(program, samples=SAMPLES, strict=False)
    for step in range(STEPS):
        found = session.step(at(inputs, step))
        assert found.keys() == outputs.keys()
        assert all(np.array_equal(found[name], outputs[name][:, step]) for name in found), step
    assert session.now == STEPS


@pytest.mark.parametrize("pause", [0, 1, 31, 32, 33, 64])
def test_a_saved_stream_goes_on(pause: int, tmp_path: Path) -> None:
    program = with_features()
    inputs = stream(program)
    outputs = expected(program, inputs)
    first = open_session(program, samples=SAMPLES, strict=False)
    for step in range(pause):
        first.step(at(inputs, step))
    first.save(tmp_path / "state.npz")
    first.step(at(inputs, 5))  # what happens after it was saved does not matter
    second = open_session(program, samples=SAMPLES, strict=False, state=tmp_path / "state.npz")
    assert second.now == pause
    for step in range(pause, STEPS):
        found = second.step(at(inputs, step))
        assert all(np.array_equal(found[name], outputs[name][:, step]) for name in found), step


@pytest.mark.parametrize("before", [0, 1, 33])
def test_a_stream_that_was_reset_is_a_new_one(before: int, tmp_path: Path) -> None:
    program = with_features()
    inputs = stream(program)
    session, new = (open_session(program, samples=SAMPLES, strict=False) for _ in range(2))
    for step in range(before):
        session.step(at(inputs, step))
    session.reset()
    assert session.now == 0
    for step in range(40):
        found, expected = session.step(at(inputs, 50 + step)), new.step(at(inputs, 50 + step))
        assert all(np.array_equal(found[name], expected[name]) for name in expected), step
    for name, either in {"reset.npz": session, "new.npz": new}.items():
        either.save(tmp_path / name)
    assert (tmp_path / "reset.npz").read_bytes() == (tmp_path / "new.npz").read_bytes()


def test_equal_states_are_equal_files(tmp_path: Path) -> None:
    program = with_features()
    for name in ("a.npz", "b.npz"):
        session = open_session(program, strict=False)
        session.step(at(stream(program, 1), 0))
        session.save(tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_one_channel_of_one_sample_needs_no_axes(tmp_path: Path) -> None:
    program = digits_shaped()
    save_program(program, tmp_path / "program.npz")
    by_folder, by_file, plain = (open_session(p) for p in (tmp_path, tmp_path / "program.npz", program))
    found = by_folder.step([3])["classes"]
    assert found.shape == (1, 10)
    assert np.array_equal(found, by_file.step({"input": [3]})["classes"])
    assert np.array_equal(found, plain.step(np.array([[3]]))["classes"])


def test_a_state_of_something_else_is_refused(tmp_path: Path) -> None:
    program = digits_shaped()
    session = open_session(program)
    session.save(tmp_path / "state.npz")
    with pytest.raises(InputError, match="its samples is 1, not 2"):
        open_session(program, samples=2, state=tmp_path / "state.npz")
    with pytest.raises(InputError, match="its program is"):
        open_session(dataclasses.replace(program, name="other"), state=tmp_path / "state.npz")
    with pytest.raises(InputError, match="no such file"):
        open_session(program, state=tmp_path / "nothing.npz")
    with pytest.raises(InputError, match=r"does not end in \.npz"):
        session.save(tmp_path / "state.txt")


def test_a_changed_or_damaged_state_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = digits_shaped()
    session = open_session(program)
    path = tmp_path / "state.npz"
    session.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - 100])
    with pytest.raises(InputError, match="is not a session's state"):
        session.restore(path)
    tampered(session, path, monkeypatch)
    with pytest.raises(InputError, match="does not match its hash"):
        session.restore(path)


def tampered(session: Session, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a state whose registers were changed after its hash was taken."""
    import simulators.fast.session as module

    def change(where: Path, header: Mapping[str, Any], arrays: dict[str, IntArray]) -> None:
        arrays["state/readout/total"] = arrays["state/readout/total"] + 1
        write_npz(where, header, arrays)

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_npz", change)
        session.save(path)


def test_bad_steps_are_refused_and_change_nothing() -> None:
    program = with_features()
    session = open_session(program, samples=2, strict=False)
    with pytest.raises(InputError, match="give a mapping"):
        session.step([1, 2])
    with pytest.raises(InputError, match="1 samples in a session of 2"):
        session.step({"pixels": [1, 2], "other": [1]})
    with pytest.raises(InputError, match="holds float64"):
        session.step({"pixels": np.zeros((2, 2)), "other": [[1], [1]]})
    with pytest.raises(InputError, match="0 is less than one"):
        open_session(program, samples=0)
    assert session.now == 0


def test_strict_stream_stops_where_the_reference_does() -> None:
    program = digits_shaped()
    readout = dataclasses.replace(program.populations[2], coefficients={"bias": np.array([0] * 9 + [2**18])})
    program = dataclasses.replace(program, populations=(*program.populations[:2], readout))
    silence = {"input": np.zeros((1, 60, 1), dtype=np.int64)}
    with pytest.raises(OverflowTrapError) as whole:
        reference.simulate(program, silence)
    session = open_session(program)
    with pytest.raises(OverflowTrapError) as streamed:
        for _ in range(60):
            session.step([0])
    assert str(streamed.value) == str(whole.value)
    assert ", step 35" in str(whole.value)


def test_a_step_that_failed_has_not_been(tmp_path: Path) -> None:
    program = digits_shaped()
    session, other = open_session(program), open_session(program)
    steps = []
    for _ in range(2):
        with pytest.raises(OverflowTrapError) as found:
            while True:
                session.step([127])
        steps.append((session.now, str(found.value)))
    assert steps[0] == steps[1]
    with pytest.raises(OverflowTrapError) as whole:
        reference.simulate(program, {"input": np.full((1, session.now + 1, 1), 127)})
    assert str(whole.value) == steps[0][1]
    for _ in range(session.now):
        other.step([127])
    session.save(tmp_path / "failed.npz")
    other.save(tmp_path / "other.npz")
    assert (tmp_path / "failed.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()
    with pytest.raises(InputError, match="payload 128 does not fit"):
        session.step([128])
    assert session.now == steps[0][0]


def test_overflows_are_counted_as_in_the_batch_run() -> None:
    program = with_features()
    inputs = stream(program)
    session = open_session(program, samples=SAMPLES, strict=False)
    for step in range(STEPS):
        session.step(at(inputs, step))
    assert session.overflows == reference.simulate(program, inputs, strict=False, steps=STEPS).overflows
