"""What is peculiar to Lava: Dense and Sparse, stock LIFs, the exported folder, processes. `test_suite` has the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest

from exporters.lava import export_lava
from simulators import lava, reference
from simulators.compare import compare
from tests.backends.lava_programs import (
    PYTHON,
    STRANGE,
    all_weights,
    edge_inputs,
    lif_network,
    loose_ends,
    side_by_side,
    strange,
    wide_sums,
)
from tests.plain_npz import save_plain_npz
from toolchain.errors import ConformanceError, InputError, MissingPartError, OverflowTrapError, ToolchainError
from toolchain.ir.connections import Dense
from toolchain.ir.integer import IntArray
from toolchain.ir.neurons import NEURONS_BY_NAME
from toolchain.ir.program import Input, Population, Probe, Program, Projection
from toolchain.ir.timestep import all_registers
from toolchain.ir.trace import Trace, load_trace

needs_lava = pytest.mark.skipif(lava.available(PYTHON) is not None, reason=str(lava.available(PYTHON)))


def every_register(program: Program) -> tuple[Probe, ...]:
    return tuple(Probe(p.name, register.name) for p in program.populations for register in all_registers(p))


def on_both(
    program: Program, inputs: dict[str, IntArray], *, steps: int | None = None, strict: bool = False
) -> tuple[Trace, Trace]:
    probes = every_register(program)
    expected = reference.simulate(program, inputs, steps=steps, probes=probes, strict=strict)
    return expected, lava.simulate(program, inputs, steps=steps, probes=probes, strict=strict, python=PYTHON)


def assert_same(program: Program, expected: Trace, found: Trace) -> None:
    comparison = compare(program, expected, found)
    assert comparison.first is None, str(comparison.first)
    assert expected.messages.keys() == found.messages.keys()
    assert expected.registers.keys() == found.registers.keys()
    for group in ("messages", "sent", "final"):
        left, right = getattr(expected, group), getattr(found, group)
        assert left.keys() == right.keys()
        assert [name for name in left if not np.array_equal(left[name], right[name])] == []
    assert dict(expected.overflows) == dict(found.overflows)


@needs_lava
def test_one_sample() -> None:
    """Through Lava's Dense."""
    program = side_by_side([all_weights(), wide_sums(), loose_ends()])
    expected, found = on_both(program, edge_inputs(program, 1, 14, seed=1), steps=17)
    assert_same(program, expected, found)
    assert found.simulator == "lava"
    assert np.any(found.registers["n0_r2.wait"] > 0)


@needs_lava
def test_several_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through Lava's Sparse; with a neuron type that the exporter has never seen."""
    monkeypatch.setitem(NEURONS_BY_NAME, STRANGE.name, STRANGE)
    program = side_by_side([all_weights(), wide_sums(), loose_ends(), strange(), lif_network(5)])
    expected, found = on_both(program, edge_inputs(program, 3, 14, seed=3), steps=17)
    assert_same(program, expected, found)
    assert {"n1_total.total", "n3_s.phase", "n3_s.product"} <= found.overflows.keys()
    assert all(np.any(found.sent[name]) for name in ("n0_r0", "n0_r7", "n3_s", "n4_a", "n4_b"))


@needs_lava
def test_stock_lif_and_generated_lif() -> None:
    """Lava's own LIF, the process generated from our listing and the reference agree, step by step."""
    program = side_by_side([lif_network(1), lif_network(2, du=4000, dv=1000, bias_mant=40)])
    inputs = edge_inputs(program, 4, 30, seed=9)
    expected, stock = on_both(program, inputs, strict=True)
    generated = lava.simulate(program, inputs, probes=every_register(program), stock_lif=False, python=PYTHON)
    assert_same(program, expected, stock)
    assert_same(program, expected, generated)
    spikes = {name: int(sent.sum()) for name, sent in stock.sent.items() if name.endswith(("_a", "_b"))}
    assert all(count > 10 for count in spikes.values()), spikes


def lif_driven_by(*payloads: int) -> tuple[Program, dict[str, IntArray]]:
    """A LIF whose current is 4096 times the payload of the step before, and whose voltage leaks nothing."""
    own = {"du": np.array([4095]), "vth": np.array([1000])}
    joint = Projection("x.l", "x", "l", Dense(np.array([[64]])))
    program = Program("edge", (Input("x", 1, 13),), (Population("l", "cuba_lif", 1, coefficients=own),), (joint,), ())
    return program, {"x": np.array(payloads).reshape(1, -1, 1)}


@needs_lava
def test_the_watch_catches_a_current_of_exactly_minus_2_to_the_23() -> None:
    """It fits our register, so that strict mode lets it pass; Lava's LIF turns its sign."""
    program, inputs = lif_driven_by(1, -2048, 0)
    assert reference.simulate(program, inputs, probes=every_register(program)).registers["l.current"].min() == -(2**23)
    with pytest.raises(ConformanceError, match=r"l\.current: Lava's LIF holds 8388608 instead of -8388608 at step 2"):
        lava.simulate(program, inputs, python=PYTHON)


@needs_lava
def test_a_register_that_overflows_is_an_error_or_a_count() -> None:
    program, inputs = lif_driven_by(1, 2048, 0)
    with pytest.raises(OverflowTrapError, match=r"l\.current: 8388608 does not fit.*step 2, sample 0, neuron 0"):
        lava.simulate(program, inputs, python=PYTHON)
    expected, found = on_both(program, inputs)
    assert_same(program, expected, found)
    assert found.overflows == {"l.current": 1}


@needs_lava
def test_what_is_not_asked_for_is_not_recorded() -> None:
    program = lif_network(4)
    found = lava.simulate(
        program,
        edge_inputs(program, 1, 6, seed=1),
        probes=[Probe("a", "voltage")],
        record_messages=False,
        python=PYTHON,
    )
    assert found.registers.keys() == {"a.voltage"}
    assert found.messages == {}
    assert found.sent["x"].sum() > 0


# Runs run.py with every package of ours made unimportable, in Lava's forked processes too.
ISOLATED = """
import runpy, sys
for name in ("toolchain", "exporters", "simulators", "models", "nir", "torch"):
    sys.modules[name] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@needs_lava
def test_exported_folder_stands_alone(tmp_path: Path) -> None:
    program = lif_network(6)
    inputs = edge_inputs(program, 2, 8, seed=2)
    folder = export_lava(program, tmp_path / "build" / "lava")
    save_plain_npz(tmp_path / "x.npz", inputs)
    command = [PYTHON or sys.executable, "-I", "-B", "-c", ISOLATED, "run.py"]
    command += ["--input", str(tmp_path / "x.npz"), "--out", str(tmp_path / "trace.npz")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    expected = reference.simulate(program, inputs, probes=every_register(program))
    assert_same(program, expected, load_trace(tmp_path / "trace.npz"))
    chosen = json.loads(done.stdout.splitlines()[-1])["models"]
    assert chosen["a"] == chosen["b"] == "PyLifModelBitAcc"
    assert chosen["a_watch"] == "PyCubaLifWatch"
    assert {chosen[name] for name in ("x.a", "a.b", "b.a")} == {"PySparseModelBitAcc"}
    assert not [name for name, model in chosen.items() if "Float" in model]


@needs_lava
@pytest.mark.parametrize(
    ("values", "fault"),
    [
        (np.zeros((1, 2, 4), dtype=np.int64), r"not integers \(samples, steps, 3\)"),
        (np.full((1, 2, 3), np.nan), "not all values are finite"),
        (np.full((1, 2, 3), 8), "does not fit 4 bits"),
    ],
)
def test_exported_folder_refuses_a_wrong_input(tmp_path: Path, values: np.ndarray, fault: str) -> None:
    folder = export_lava(lif_network(6), tmp_path / "lava")
    with pytest.raises(InputError, match=fault):
        lava.simulate_exported(folder, {"x": values}, python=PYTHON)


def still_running(marker: str) -> list[str]:
    """Command lines of processes that name the marker."""
    lines = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it has ended meanwhile
    return [line for line in lines if marker in line]


@needs_lava
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no /proc to look for processes in")
def test_nothing_runs_on_after_a_timeout(tmp_path: Path) -> None:
    folder = export_lava(lif_network(7), tmp_path / "lava")
    endless = {"x": np.ones((1, 1, 3), dtype=np.int64)}
    with pytest.raises(ToolchainError, match="did not end within 4 s"):
        lava.simulate_exported(folder, endless, steps=1_000_000, probes=(), python=PYTHON, timeout_s=4)
    assert still_running(str(tmp_path)) == []


@needs_lava
def test_a_process_that_fails_ends_the_run(tmp_path: Path) -> None:
    folder = export_lava(lif_network(7), tmp_path / "lava")
    models = folder / "network" / "models.py"
    models.write_text(models.read_text().replace("t0 = subtract", "t0 = no_such_function", 1))
    with pytest.raises(ToolchainError, match="no_such_function"):
        lava.simulate_exported(folder, {"x": np.ones((1, 4, 3), dtype=np.int64)}, python=PYTHON, timeout_s=60)
    assert still_running(str(tmp_path)) == []


def test_folder_without_a_runner(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no run\.py"):
        lava.simulate_exported(tmp_path, {})


def test_lava_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, inputs = lif_driven_by(0)
    nothing = tmp_path / "python"
    assert "does not start" in str(lava.available(nothing))

    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(lava, "version", absent)
    remedy = "pip install --no-deps --ignore-requires-python lava-nc==0.10.0"
    with pytest.raises(MissingPartError, match=f"lava: lava-nc is not installed; {remedy}"):
        lava.simulate(program, inputs)
