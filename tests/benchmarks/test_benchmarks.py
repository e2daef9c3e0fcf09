"""What the benchmarks compute and say; nothing here is timed."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from benchmarks import interpreters, report, run
from benchmarks.growth import AXES, Axis, judgement
from benchmarks.measure import ROOT, Case
from benchmarks.networks import lif_input, lif_network
from simulators import fast

TINY = Case("LIF 3 x 60 at 10%", lif_network(0.1, 60), lambda n, steps: lif_input(n, steps, 0.1, 60), 1, {})
QUICK = interpreters.Limits(seconds=1, rounds=1, patience_s=2)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_a_lif_network_spikes_as_often_as_asked(share: float) -> None:
    program = lif_network(share, 300)
    trace = fast.simulate(program, lif_input(1, 60, share, 300))
    for population in program.populations:
        assert trace.messages[population.name][:, 20:].mean() == pytest.approx(share, rel=0.25)


def test_a_lif_network_is_one_that_every_foreign_simulator_can_hold() -> None:
    for projection in TINY.program.projections:
        weights = np.asarray(projection.connection.matrix())
        assert not (weights % 2).any() and weights.min() >= -128 and weights.max() <= 127
        assert projection.delay_steps == 1
    assert all((p.coefficients["du"] == 4095).all() for p in TINY.program.populations)


@pytest.mark.parametrize(("exponent", "said"), [(0.4, "No worse"), (1.0, "No worse"), (2.0, "Worse than linear")])
def test_growth_is_judged_by_its_power(exponent: float, said: str) -> None:
    points = {str(x): {"median": x**exponent} for x in (10, 20, 40)}
    axis = Axis("x", "step", "because of this")
    assert axis.power(points) == pytest.approx(exponent)
    text = judgement(axis, axis.power(points))
    assert text.startswith(said)
    assert ("because of this" in text) == (exponent > 1.1)


def test_growth_without_a_known_cause_is_said_to_have_none() -> None:
    assert "no cause is known" in judgement(Axis("x", "step"), 1.7)


def test_a_tool_without_environment_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "SCRATCH", tmp_path)
    assert "make oracles" in interpreters.time_foreign("SANA-FE", TINY, QUICK)["missing"]


@pytest.mark.parametrize(
    ("script", "said"), [("echo it broke >&2; exit 3", "exit code 3: it broke"), ("exec sleep 30", "2 s")]
)
def test_a_tool_that_fails_or_hangs_is_named(
    script: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "sanafe" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setattr(interpreters, "SCRATCH", tmp_path)
    assert said in interpreters.time_foreign("SANA-FE", TINY, QUICK)["missing"]


def test_spikes_that_differ_are_counted() -> None:
    inputs = TINY.inputs(1, interpreters.CHECK_STEPS)
    messages = fast.simulate(TINY.program, inputs).messages
    spikes = {p.name: messages[p.name][0].copy() for p in TINY.program.populations}
    whole = 3 * 60 * interpreters.CHECK_STEPS
    assert interpreters._compare(TINY, spikes) == {"different": 0, "compared": whole}
    spikes["layer1"][5, 7] ^= 1
    assert interpreters._compare(TINY, spikes) == {"different": 1, "compared": whole}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module that runs in a foreign process."""
    for folder in ("oracles", "benchmarks/foreign"):
        monkeypatch.syspath_prepend(str(ROOT / folder))
    yield importlib.import_module("clock")
    for name in ("clock", "memory", "exchange"):
        sys.modules.pop(name, None)


def test_a_step_of_a_foreign_tool_is_timed_without_what_a_call_costs(
    clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, steps = [0.0], []
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def advance(count: int) -> None:
        steps.append(count)
        now[0] += 0.5 + 0.001 * count

    plan = {"warm": 10, "short": 10, "rounds": 3, "seconds": 30}
    taken, long = clock._time(advance, plan, 1000)
    assert taken == pytest.approx([0.001] * 3)
    assert steps[-2:] == [10, long]
    assert sum(steps) <= 1000


def test_ratios_are_of_medians_and_empty_where_nothing_was_measured() -> None:
    times = {name: {"seamount": {"median": 2.0}, "Lava": {"median": 8.0}} for name in ("one", "sixteen", "lif")}
    times["sixteen"]["seamount"] = {"median": 1.0}
    times["lif"]["SANA-FE"] = {"median": 12.0}
    found = run.ratios({"times": times})
    assert (found["ssm_batch1_vs_lava"], found["ssm_batch16_vs_lava"]) == (4, 8)
    assert found["ssm_batch16_vs_lava_batch1"] == 8
    assert (found["lif_2pct_vs_sana_fe"], found["lif_2pct_vs_brian2_loihi"]) == (6, None)


def whole_run() -> dict[str, Any]:
    """What a run finds, with figures that mean nothing."""
    row = {"median": 2e-6, "low": 1e-6, "high": 3e-6, "runs": 3}
    lif = "LIF 3 x 1000 at 2%"
    times = {"SSM": {"seamount": row, "Lava": row}, "SSM 16": {"seamount": row, "Lava": row}}
    times[lif] = {"seamount": row, "Lava": row, "SANA-FE": row}
    tool = {"version": "1", "python": "3", "start_s": 1.0, "peak_kib": 2048, "different": 4, "compared": 120000}
    fresh = {"seamount": {"start_s": [2.0], "warm_start_s": [1.0], "peak_kib": 1024}}
    points = {str(x): {"median": x, "low": x, "high": x, "work": x} for x in (1, 2)}
    load = {"before": 0.5, "least": 0.4, "most": 2.5}
    facts = {"cores": 2, "system": "s", "processor": "p", "python": "3.11", "load_average": load, "took_s": 60.0}
    found: dict[str, Any] = {"ssm_vs_c": 2.0, "ns_per_mode_step": 1.0, "c_ns_per_mode_step": 2.0, "cold_start_s": 1.0}
    found |= {"warm_start_s": 0.1, "smnist_test_set_s": 1000.0, "times": times, "compiler": "gcc", "machine": facts}
    found |= {"foreign": {lif: {"SANA-FE": tool, "brian2-loihi": {"missing": "no environment"}}}}
    found |= {"fresh": {"ssm": fresh, "lif": fresh}, "growth": dict.fromkeys(AXES, points)}
    return found | {"peak_growth_kib_by_length": {"64": 1.0}} | run.ratios(found)


def test_the_table_says_what_was_missed_and_what_was_not_measured() -> None:
    text = report.table(whole_run())
    assert "| 1 | >= 250 | **missed** |" in text
    assert "| 1e+03 | < 900 | **missed** |" in text
    # Lava's 2 us are ours: 500 times as fast is 0.004 us, and 16,384 modes of 1 ns are 16 us.
    assert "take 16 us of one core and no less than\n8.2 us of 2; 500 times" in text and "would be 0.004 us." in text
    assert "times brian2-loihi's | not measured | >= 20 | |" in text
    assert "**not measured: no environment**" in text
    assert "Load average 0.5 before, 0.4 to 2.5" in text


def test_the_page_and_its_plots_are_the_same_for_the_same_run(tmp_path: Path) -> None:
    written = []
    for folder in (tmp_path / "once", tmp_path / "again"):
        folder.mkdir()
        report.write(whole_run(), folder)
        names = ("benchmarks.md", "images/benchmarks.svg", "images/benchmarks-growth.svg")
        written.append([(folder / name).read_bytes() for name in names])
    assert written[0] == written[1]
    assert b"4 of 120,000" in written[0][0]
    assert b"{" not in written[0][0]
