"""`seamount check`, and `deploy --expect`: what stands in the way, what was guessed, what a framework says to it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from seamount.checking import Question, check
from seamount.cli.app import app
from tests.toolchain.frontend.files import graph, lif, line, sound, write_raw
from tests.toolchain.frontend.test_framework_traces import GOLDEN, recorded
from toolchain.errors import ConformanceError, InputError

LEAKY = GOLDEN / "snntorch" / "snntorch_leaky.nir"


@pytest.fixture
def data(tmp_path: Path) -> tuple[Path, Path]:
    """The input and what snnTorch made of it."""
    _, x, layers = recorded("snntorch/snntorch_leaky")
    np.savez(tmp_path / "x.npz", x=x)
    np.savez(tmp_path / "spikes.npz", **{f"spikes/{name}": values for name, values in layers.items()})
    return tmp_path / "x.npz", tmp_path / "spikes.npz"


def test_a_file_is_told_node_by_node() -> None:
    found = check(LEAKY, Question())
    assert [(row.name, row.kind, row.parameters) for row in found.nodes][:2] == [("0", "Linear", 96), ("1", "LIF", 60)]
    assert [row.becomes for row in found.nodes[:2]] == ["synapses input -> 1", "Lif 1, 12"]
    text = "\n".join(found.lines())
    assert "reset rule, start and time step assumed" in text
    assert "snntorch-leaky, snntorch-zero" in text
    assert found.ok and text.endswith("nothing stands in the way")


def test_a_wrong_preset_is_an_error_and_the_right_one_named(data: tuple[Path, Path]) -> None:
    wrong = check(LEAKY, Question("snntorch", calibrate=data[0], expect=data[1]))
    assert not wrong.ok
    assert wrong.fits[0] == ("snntorch-leaky", 0)
    right = check(LEAKY, Question("snntorch-leaky", calibrate=data[0], expect=data[1]))
    assert right.ok and right.agrees
    assert not any("not checked against the framework" in note for note in right.notes)
    assert {"1", "3"} <= set(right.rates or {})
    assert json.loads(json.dumps(right.as_dict()))["ok"] is True


def test_exit_codes_and_json(data: tuple[Path, Path]) -> None:
    runner = CliRunner()
    fine = runner.invoke(app, ["check", str(LEAKY), "--json"])
    assert fine.exit_code == 0
    assert json.loads(fine.stdout)["refusals"] == []
    words = ["check", str(LEAKY), "--calibrate", str(data[0]), "--expect", str(data[1])]
    assert runner.invoke(app, [*words, "--convention", "snntorch"]).exit_code == 1
    switched = runner.invoke(app, [*words, "--convention", "snntorch", "--reset", "subtract-delayed"])
    assert switched.exit_code == 0, switched.output


def test_what_is_refused_is_said_with_its_reason(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "net.nir", line(**sound() | {"lif": lif(2, tau=np.full(2, 1e-6))}))
    found = check(path, Question())
    assert not found.ok
    assert "dt 0.0001 s is longer than tau in 2 of 2 neurons" in found.refusals[0]


def test_labels_that_no_output_stands_for_are_refused(data: tuple[Path, Path], tmp_path: Path) -> None:
    x = np.load(data[0])["x"]
    np.savez(tmp_path / "labelled.npz", x=x, y=np.full(len(x), 99))
    found = check(LEAKY, Question("snntorch-leaky", calibrate=tmp_path / "labelled.npz"))
    assert not found.ok and "labels are none of the" in found.refusals[0]
    ran = CliRunner().invoke(app, ["deploy", str(LEAKY), "--calibrate", str(tmp_path / "labelled.npz")])
    assert isinstance(ran.exception, InputError) and str(ran.exception) == found.refusals[0]


def test_an_output_that_no_input_reaches_is_refused(tmp_path: Path) -> None:
    whole = line(**sound())
    cut = graph(whole["nodes"], [edge for edge in whole["edges"] if edge[0] != "input"])
    found = check(write_raw(tmp_path / "cut.nir", cut), Question())
    assert not found.ok
    assert "output: is reached by no Input: its output does not depend on the input" in found.refusals[0]


def test_an_output_that_sends_nothing_is_said(data: tuple[Path, Path], tmp_path: Path) -> None:
    x = np.load(data[0])["x"]
    np.savez(tmp_path / "faint.npz", x=x / 1e3)
    found = check(LEAKY, Question("snntorch-leaky", calibrate=tmp_path / "faint.npz"))
    assert any("every decision is a tie" in note for note in found.notes)
    loud = check(LEAKY, Question("snntorch-leaky", calibrate=data[0]))
    assert not any("every decision is a tie" in note for note in loud.notes)


def test_the_next_command_repeats_what_was_asked(data: tuple[Path, Path]) -> None:
    words = ["check", str(LEAKY), "--calibrate", str(data[0]), "--convention", "snntorch-leaky", "--compare", ">"]
    words += ["--dt", "0.0001", "--target", "loihi2@kapoho_point", "--expect", str(data[1])]
    ran = CliRunner().invoke(app, words)
    (said,) = [row for row in ran.stderr.splitlines() if row.startswith("next:")]
    options = f"--target loihi2@kapoho_point --convention 'snntorch-leaky,compare=>' --dt 0.0001 --expect {data[1]}"
    assert said.endswith(f"seamount deploy {LEAKY} --calibrate {data[0]} {options}"), said


def test_expectations_need_samples(data: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match="--expect: needs the samples that the framework was given"):
        check(LEAKY, Question(expect=data[1]))


def test_deploy_refuses_another_network_than_the_frameworks(data: tuple[Path, Path], tmp_path: Path) -> None:
    words = ["deploy", str(LEAKY), "--calibrate", str(data[0]), "--expect", str(data[1]), "--out", str(tmp_path / "b")]
    refused = CliRunner().invoke(app, [*words, "--convention", "snntorch-zero"])
    assert isinstance(refused.exception, ConformanceError)
    assert "give --convention snntorch-leaky, under which 0 differ" in str(refused.exception)
    assert not (tmp_path / "b").exists()
    made = CliRunner().invoke(app, [*words, "--convention", "snntorch-leaky", "--compared", "1"])
    assert made.exit_code == 0, made.output
    report = json.loads((tmp_path / "b" / "report.json").read_text(encoding="utf-8"))
    assert any("checked against the framework" in row["what"] for row in report["findings"])
    assert not any("assumed" in row["what"] for row in report["findings"])
