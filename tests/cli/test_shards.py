"""A test set in shards gives what one run gives, to the last bit, on every engine and after a stop in the middle."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seamount import shards as sharding
from seamount.shards import Recording, Shards, simulate_in_shards
from seamount.simulators import Simulate, find_simulator
from tests.backends.random_programs import Scale, random_inputs, random_program
from tests.cli.conftest import Run
from toolchain.errors import InputError, MissingPartError, OverflowTrapError
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.ir.trace import Trace, join_traces, save_trace

SAMPLES = 11


def silent(line: str) -> None:
    """Told to nobody."""


def busy_program() -> tuple[Program, dict[str, IntArray]]:
    """Many neuron types, several inputs, registers that overflow."""
    rng = np.random.default_rng(4)
    program = random_program(rng, Scale(populations=6, sizes=(4, 6), modes=2, samples=SAMPLES, steps=25))
    return program, random_inputs(rng, program, SAMPLES, 25)


def assert_same(found: Trace, expected: Trace, folder: Path) -> None:
    for field in fields(Trace):
        left, right = getattr(found, field.name), getattr(expected, field.name)
        if field.name in ("messages", "registers", "sent", "final"):
            assert left.keys() == right.keys()
            assert all(left[key].dtype == right[key].dtype and np.array_equal(left[key], right[key]) for key in right)
        else:
            assert left == right, field.name
    save_trace(found, folder / "found.npz")
    save_trace(expected, folder / "expected.npz")
    assert (folder / "found.npz").read_bytes() == (folder / "expected.npz").read_bytes()


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("simulator", ["reference", "fast"])
def test_shards_join_to_one_run(simulator: str, everything: bool, tmp_path: Path) -> None:
    program, inputs = busy_program()
    recording = Recording(everything=everything)
    expected = simulate_in_shards(program, inputs, simulator, recording, Shards(), silent)
    assert sum(expected.overflows.values()) > 0
    assert sum(int(counts.sum()) for counts in expected.sent.values()) > 0
    shards = Shards("serial", None, tmp_path / "shards", samples=4)
    found = simulate_in_shards(program, inputs, simulator, recording, shards, silent)
    assert len(list((tmp_path / "shards").glob("samples_*.json"))) == 3
    assert_same(found, expected, tmp_path)


def test_processes_give_the_same(tmp_path: Path) -> None:
    program, inputs = busy_program()
    expected = simulate_in_shards(program, inputs, "fast", Recording(), Shards(), silent)
    shards = Shards("processes", 2, samples=4)
    told: list[str] = []
    assert_same(simulate_in_shards(program, inputs, "fast", Recording(), shards, told.append), expected, tmp_path)
    assert sorted(line.split()[0] for line in told) == [
        "samples_000000_000003", "samples_000004_000007", "samples_000008_000010",
    ]  # fmt: skip


def test_finished_shards_are_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, inputs = busy_program()
    shards = Shards(resume=tmp_path / "kept", samples=4)
    expected = simulate_in_shards(program, inputs, "reference", Recording(), shards, silent)
    (tmp_path / "kept" / "samples_000004_000007.trace.npz").unlink()
    ran: list[int] = []

    def counting(name: str) -> Simulate:
        def run(program: Program, inputs: Mapping[str, IntArray], **options: Any) -> Trace:
            ran.append(len(next(iter(inputs.values()))))
            return find_simulator(name)(program, inputs, **options)

        return run

    monkeypatch.setattr(sharding, "find_simulator", counting)
    assert_same(simulate_in_shards(program, inputs, "reference", Recording(), shards, silent), expected, tmp_path)
    assert ran == [4]
    simulate_in_shards(program, inputs, "reference", Recording(everything=True), shards, silent)
    assert ran == [4, 4, 4, 3]


def test_another_input_is_run_again(tmp_path: Path) -> None:
    program, inputs = busy_program()
    shards = Shards(resume=tmp_path / "kept", samples=4)
    simulate_in_shards(program, inputs, "reference", Recording(), shards, silent)
    changed = {name: values.copy() for name, values in inputs.items()}
    next(iter(changed.values()))[5] = 0
    told: list[str] = []
    found = simulate_in_shards(program, changed, "reference", Recording(), shards, told.append)
    expected = simulate_in_shards(program, changed, "reference", Recording(), Shards(), silent)
    assert_same(found, expected, tmp_path)
    assert [line for line in told if "done again" in line] == [
        f"{tmp_path / 'kept' / 'samples_000004_000007.json'}: is of other arguments; done again"
    ]


def test_an_overflow_names_its_shard(tmp_path: Path) -> None:
    program, inputs = busy_program()
    with pytest.raises(OverflowTrapError, match=r"^unit samples_000000_000010: "):
        simulate_in_shards(
            program, inputs, "reference", Recording(strict=True), Shards(resume=tmp_path / "kept"), silent
        )


def test_parts_of_different_runs_are_not_joined() -> None:
    parts = [Trace("p", "fast", 1, steps, sent={"x": np.zeros((1, 2), dtype=np.int64)}) for steps in (3, 4)]
    with pytest.raises(InputError, match="are not parts of one run"):
        join_traces(parts)


def test_engines_are_checked_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="'threads' is unknown"):
        Shards("threads")
    monkeypatch.setattr("toolchain.engine.on_ray.installed", lambda name: None)
    with pytest.raises(MissingPartError, match=r"ray is not installed; pip install -c constraints.txt '.\[ray\]'"):
        Shards("ray")


def files(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def test_deploy_writes_the_same_bytes_on_every_engine(seamount: Run, network: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    data = tmp_path / "data.npz"
    np.savez(data, x=rng.integers(0, 2, (150, 20, 4)).astype(float), y=rng.integers(0, 3, 150))
    common = ("deploy", network, "--calibrate", data, "--compared", "2")
    plain = seamount(*common, "--out", tmp_path / "plain")
    resume = ("--engine", "processes", "--workers", "2", "--resume", tmp_path / "kept")
    sharded = seamount(*common, "--out", tmp_path / "sharded", *resume)
    assert (plain.code, sharded.code) == (0, 0), plain.err + sharded.err
    assert "samples_000064_000127 is done" in sharded.err
    assert files(tmp_path / "plain") == files(tmp_path / "sharded")


def test_simulate_writes_the_same_bytes_on_every_engine(
    seamount: Run, network: Path, data: Path, tmp_path: Path
) -> None:
    assert seamount("deploy", network, "--calibrate", data, "--out", tmp_path / "net", "--compared", "1").code == 0
    common = ("simulate", tmp_path / "net", "--input", data, "--trace")
    assert seamount(*common, tmp_path / "plain.npz").code == 0
    for engine in ("serial", "processes"):
        ran = seamount(*common, tmp_path / f"{engine}.npz", "--engine", engine, "--resume", tmp_path / "kept")
        assert ran.code == 0, ran.err
        assert (tmp_path / f"{engine}.npz").read_bytes() == (tmp_path / "plain.npz").read_bytes()


def test_an_unknown_engine_is_one_line(seamount: Run, network: Path, data: Path) -> None:
    ran = seamount("deploy", network, "--calibrate", data, "--engine", "threads")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "error: engine: 'threads' is unknown; use one of serial, processes, ray\n"
