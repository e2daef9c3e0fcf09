"""What long tasks need of `deploy`: parts of the test set, true lengths, symbols, labels for every step, saturation."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seamount.build import whole
from seamount.build.evidence import overflow_rows
from seamount.build.score import Score, score_steps
from seamount.samples import Samples
from simulators.reference import simulate
from tests.cli.conftest import DT, Ran, Run
from tests.plain_npz import save_plain_npz
from toolchain.frontend.conventions import PRESETS, conventions_for, hint_for
from toolchain.frontend.execute import run
from toolchain.frontend.graph import Graph
from toolchain.frontend.sketch import Sketch
from toolchain.frontend.write import write_nir
from toolchain.host.decode import decide
from toolchain.host.encode import encode
from toolchain.ir.storage import load_program
from toolchain.ir.trace import Trace, load_trace
from toolchain.lower.floating import float_network, run_units
from toolchain.lower.ladder import with_tensors
from toolchain.lower.pipeline import compile_graph

SYMBOLS, CLASSES, STEPS = 5, 3, 12
NEURONS = SYMBOLS + 6 + CLASSES
"""With the input: whose messages are held where sequences end before the run."""

Arrays = dict[str, np.ndarray]


def graph_of(kind: str) -> Graph:
    """Five channels, six LIF, three outputs: summed over time ("sum"), or as they are at every step."""
    rng = np.random.default_rng(5)
    sketch = Sketch(DT)
    sketch.add("input", "Input", SYMBOLS, {})
    entering = sketch.matrix("enter", rng.normal(0.5, 0.8, (6, SYMBOLS)), "input")
    fired = sketch.lif("hidden", np.full(6, 0.5), np.ones(6), entering)
    last = sketch.matrix("readout", rng.normal(0.0, 1.0, (CLASSES, 6)), fired, rng.normal(0.0, 0.3, CLASSES))
    if kind == "sum":
        last = sketch.integrator("total", CLASSES, last)
    sketch.add("output", "Output", CLASSES, {}, last)
    return sketch.graph({"seamount": hint_for(PRESETS["seamount"])})


@pytest.fixture(autouse=True)
def one_other_simulator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lava and ONNX have their own tests, and take seconds to start."""
    monkeypatch.setattr("seamount.simulators.COMPARABLE", ("fast",))


def float_outputs(kind: str, x: np.ndarray) -> np.ndarray:
    graph = graph_of(kind)
    return run(graph, np.eye(SYMBOLS)[x], conventions_for(graph))[0]


def rounded_outputs(kind: str, x: np.ndarray) -> np.ndarray:
    """Of the float network with every tensor rounded: a spike that 8-bit weights move counts for all steps after it."""
    graph, data = graph_of(kind), np.eye(SYMBOLS)[x]
    made = compile_graph(graph, conventions_for(graph), data)
    messages = run_units(with_tensors(float_network(made.network), made.lowered.tensors), data)
    return messages[made.network.outputs[0]]


def bits_of(logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    shares = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    bits: np.ndarray = -np.log2(np.take_along_axis(shares, y[..., None], 2)[..., 0])
    return bits


def deployed(seamount: Run, folder: Path, kind: str, arrays: Arrays, *options: object) -> tuple[Ran, dict[str, Any]]:
    """Deploy on data of one's own into ``folder/out``; what was said, and the report."""
    folder.mkdir(exist_ok=True)
    write_nir(graph_of(kind), folder / "net.nir")
    save_plain_npz(folder / "data.npz", arrays)
    given = ("--calibrate", folder / "data.npz", "--out", folder / "out", "--compared", 2)
    ran = seamount("deploy", folder / "net.nir", *given, *options)
    assert ran.code == 0, ran.err
    return ran, json.loads((folder / "out" / "report.json").read_text())


def symbols(samples: int) -> np.ndarray:
    return np.random.default_rng(2).integers(0, SYMBOLS, (samples, STEPS)).astype(np.uint8)


def test_symbols_are_unit_vectors(seamount: Run, tmp_path: Path) -> None:
    x, y = symbols(9), np.arange(9) % CLASSES
    forms = {"symbols": x, "vectors": np.eye(SYMBOLS)[x]}
    reports = [deployed(seamount, tmp_path / name, "sum", {"x": given, "y": y})[1] for name, given in forms.items()]
    assert reports[0]["program"] == reports[1]["program"]
    assert reports[0]["accuracy"] == reports[1]["accuracy"]
    assert reports[0]["synops"] == reports[1]["synops"]


def test_each_sequence_is_decided_at_its_own_last_step(seamount: Run, tmp_path: Path) -> None:
    x, lengths = symbols(12), 1 + np.arange(12)
    labels = float_outputs("sum", x)[np.arange(12), lengths - 1].argmax(axis=1)
    _, report = deployed(seamount, tmp_path / "a", "sum", {"x": x, "y": labels, "lengths": lengths})
    correct = report["accuracy"]["correct"]
    assert correct["nir"] == 12
    program = load_program(tmp_path / "a" / "out" / "program.npz")
    alone = [
        decide(program, simulate(program, {"input": encode(program.inputs[0], np.eye(SYMBOLS)[row[None, :length]])[0]}))
        for row, length in zip(x, lengths, strict=True)
    ]
    assert correct["integer"] == np.count_nonzero(np.concatenate(alone) == labels)
    _, report = deployed(seamount, tmp_path / "b", "sum", {"x": x, "y": labels})
    assert report["accuracy"]["correct"]["nir"] < 12, "without lengths the padding counts"


def test_an_inference_is_counted_to_its_own_end(seamount: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if each sequence had been run alone, without its padding."""
    monkeypatch.setattr(whole, "PART_WORDS", 3 * STEPS * NEURONS)  # four parts of three samples
    x, lengths = symbols(12), 1 + np.arange(12)
    _, report = deployed(seamount, tmp_path, "sum", {"x": x, "y": x[:, 0] % CLASSES, "lengths": lengths})
    program = load_program(tmp_path / "out" / "program.npz")
    alone = [
        simulate(program, {"input": encode(program.inputs[0], np.eye(SYMBOLS)[row[None, :length]])[0]})
        for row, length in zip(x, lengths, strict=True)
    ]
    found = load_trace(tmp_path / "out" / "traces" / "test.npz")
    assert found.ends is not None and found.ends.tolist() == [trace.steps for trace in alone]
    for name, sent in found.sent.items():
        assert np.array_equal(sent, np.concatenate([trace.sent[name] for trace in alone]))
    steps = sum(trace.steps for trace in alone)
    assert report["steps"] == steps / 12 and report["synops"]["neuron_updates"] == 9 * steps
    spikes = sum(int(trace.sent["hidden"].sum()) for trace in alone)
    assert report["activity"]["spike_rate"] == pytest.approx(spikes / (6 * steps))
    assert f"{steps / 12:.2f} on average" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize("kind", ["sum", "every step"])
def test_a_label_for_every_step_is_scored_in_bits(
    seamount: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(whole, "PART_WORDS", 3 * STEPS * NEURONS)  # four parts of three samples
    x, lengths = symbols(12), 1 + np.arange(12)
    y = np.random.default_rng(7).integers(0, CLASSES, x.shape)
    ran, report = deployed(seamount, tmp_path / "a", kind, {"x": x, "y": y, "lengths": lengths})
    logits = float_outputs(kind, x)
    counted = np.arange(STEPS) < lengths[:, None]
    bits, rounded = (bits_of(outputs, y)[counted] for outputs in (logits, rounded_outputs(kind, x)))
    right = (logits.argmax(2) == y)[counted]
    accuracy = report["accuracy"]
    assert accuracy["samples"]["nir"] == accuracy["samples"]["integer"] == counted.sum() == 78
    assert accuracy["correct"]["nir"] == right.sum()
    assert accuracy["bits_per_symbol"]["nir"] == pytest.approx(bits.mean())
    assert accuracy["bits_per_symbol"]["integer"] == pytest.approx(rounded.mean(), abs=0.003)
    assert "bits a symbol" in ran.err
    page = (tmp_path / "a" / "out" / "report.html").read_text()
    assert "Bits a symbol, integer" in page
    assert f"{accuracy['bits_per_symbol']['integer']:.4f}" in page


def test_a_part_of_the_test_set_is_said_to_be_one(seamount: Run, tmp_path: Path) -> None:
    arrays = {"x": symbols(12), "y": np.arange(12) % CLASSES}
    _, report = deployed(seamount, tmp_path, "sum", arrays, "--samples", 6, "--nir-samples", 4)
    assert report["accuracy"]["samples"] == {"nir": 4, "integer": 6}
    assert report["accuracy"]["notes"]["integer"] == "6 of 12 test samples"
    assert report["accuracy"]["notes"]["nir"] == "4 of 12 test samples"
    assert report["samples"] == 6


def test_inputs_beyond_the_calibrated_range_are_counted(seamount: Run, tmp_path: Path) -> None:
    calm = np.random.default_rng(3).uniform(-1, 1, (6, STEPS, SYMBOLS))
    wild = calm.copy()
    wild[0, :3, 0] = 50.0
    np.savez(tmp_path / "test.npz", x=wild, y=np.arange(6) % CLASSES)
    ran, report = deployed(seamount, tmp_path, "sum", {"x": calm}, "--test", tmp_path / "test.npz")
    said = "3 of 360 input values lie beyond -2 .. 1.99902 (up to 50) and were clipped"
    assert said in ran.err
    rows = [row for row in report["findings"] if row["stage"] == "encode" and row["severity"] == "loss"]
    assert [(row["where"], row["what"], row["action"]) for row in rows] == [("input", said, "counted")]
    (tmp_path / "settings.json").write_text('{"input_overflow": "refuse"}')
    given = ("--calibrate", tmp_path / "data.npz", "--test", tmp_path / "test.npz", "--out", tmp_path / "no")
    refused = seamount("deploy", tmp_path / "net.nir", *given, "--settings", tmp_path / "settings.json")
    assert refused.code == 1
    assert "error: input: 50 is beyond the payload's range -2 .. 1.99902; calibrate" in refused.err
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(("ends", "told"), [(None, "register$"), (np.array([2, 3]), "register, padding .* included$")])
def test_overflows_are_said_to_be_counted_in_the_padding_too(ends: np.ndarray | None, told: str) -> None:
    none = dict[str, np.ndarray]()
    trace = Trace("program", "fast", 2, 3, none, none, none, none, overflows={"b.v": 2, "a.v": 7}, ends=ends)
    rows = overflow_rows(trace)
    assert [row.where for row in rows] == ["a.v", "b.v"]
    assert all(re.search(told, row.what) for row in rows) and rows[0].what.startswith("7 ")


def test_padding_counts_nowhere() -> None:
    outputs = np.zeros((1, 3, 2))
    outputs[0, :, 1] = 5.0
    samples = Samples(np.zeros((1, 3), np.uint8), np.array([[1, 1, 0]]), np.array([2]), 4)
    score = score_steps(outputs, samples)
    assert (score.correct, score.counted) == (2, 2)
    assert score.bits_per_symbol == pytest.approx(np.log2(1 + np.exp(-5.0)))
    assert (score + Score(1, 2, 4.0)).bits_per_symbol == pytest.approx((2 * np.log2(1 + np.exp(-5.0)) + 4.0) / 4)


def test_of_the_whole_test_set_only_what_the_host_reads_is_kept(
    seamount: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole, "PART_WORDS", 2 * STEPS * SYMBOLS)  # five parts
    deployed(seamount, tmp_path, "sum", {"x": symbols(9), "y": np.arange(9) % CLASSES})
    trace = load_trace(tmp_path / "out" / "traces" / "test.npz")
    assert trace.final.keys() == {"total.total"}
    assert (trace.messages, trace.registers) == ({}, {})
    assert trace.sent.keys() == {"input", "hidden", "total"}
    assert trace.samples == len(trace.final["total.total"]) == 9


def test_parts_and_shards_give_the_same_trace(seamount: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = {"x": symbols(9), "y": np.arange(9) % CLASSES, "lengths": 4 + np.arange(9)}
    deployed(seamount, tmp_path / "one", "sum", arrays)
    monkeypatch.setattr(whole, "PART_WORDS", 4 * STEPS * NEURONS)  # three parts
    ran, _ = deployed(seamount, tmp_path / "parts", "sum", arrays, "--resume", tmp_path / "kept")
    assert "samples_000000_000003 is done" in ran.err
    assert {path.name for path in (tmp_path / "kept").iterdir() if path.is_dir()} >= {"part_1", "part_2"}
    one, parts = (tmp_path / name / "out" for name in ("one", "parts"))
    assert (parts / "traces" / "test.npz").read_bytes() == (one / "traces" / "test.npz").read_bytes()
    report = (parts / "report.json").read_text().replace(str(tmp_path / "parts"), str(tmp_path / "one"))
    assert report == (one / "report.json").read_text()
