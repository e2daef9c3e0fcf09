"""What a user types first: nothing, --version, zoo, energy, trace, compare; and options refused before work starts."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from seamount.cli import app as commands
from seamount.cli.arguments import zoo_models
from seamount.rerun import energy as costs
from tests.cli.conftest import Run
from tests.cli.small_builds import small_builds
from toolchain.ir.trace import load_trace
from toolchain.version import __version__


def test_nothing_shows_three_ways_in(seamount: Run) -> None:
    ran = seamount()
    assert ran.code == 0 and ran.err == ""
    for way in ("seamount deploy zoo:digits", "seamount deploy net.nir --calibrate data.npz", "sm.deploy("):
        assert way in ran.out


def test_every_command_that_the_first_screen_names_is_there(seamount: Run) -> None:
    known = {command.name for command in commands.app.registered_commands} | {"data"}
    words = [line.split("seamount ")[1].split()[0] for line in seamount().out.splitlines() if "  seamount " in line]
    assert len(words) >= 5 and set(words) <= known


def test_version(seamount: Run) -> None:
    assert seamount("--version").out == f"seamount {__version__}\n"


def test_the_zoo_is_listed_with_what_is_needed(seamount: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEAMOUNT_DATA", str(tmp_path))
    found = {row["name"]: row for row in json.loads(seamount("zoo", "--json").out)["networks"]}
    digits, mnist = found["digits"], found["smnist"]
    assert (digits["parameters"], digits["samples"], digits["needs_torch"], digits["data"]) == (13578, 360, False, None)
    assert (mnist["data"], mnist["needs_torch"]) == (False, True)
    assert all(row["licence"] and row["data_terms"] for row in found.values())
    lines = seamount("zoo").out.splitlines()
    assert len(lines) == 1 + len(found)
    assert "needs PyTorch and its data" in next(line for line in lines if line.startswith("zoo:smnist "))


def test_the_card_of_a_network(seamount: Run) -> None:
    assert seamount("zoo", "zoo:digits").out.startswith("# digits\n")
    ran = seamount("zoo", "../digits")
    assert ran.code == 1 and ran.err.startswith("error: ../digits: no such network in the zoo; use one of digits,")


def test_a_shell_completes_networks() -> None:
    assert zoo_models("zoo:digits-p") == ["zoo:digits-prf"]
    assert "zoo:digits" in zoo_models("")


def test_a_build_that_was_altered_is_spoken_of_nowhere(seamount: Run, tmp_path: Path) -> None:
    first, second = small_builds()
    altered = tmp_path / "altered"
    shutil.copytree(second, altered)
    assert seamount("energy", altered).code == 0
    report = altered / "report.json"
    report.write_text(report.read_text().replace("1", "2", 1))
    for words in (("energy", altered), ("compare", first, altered)):
        ran = seamount(*words)
        assert (
            ran.code == 1 and ran.out == "" and "1 files are not what the manifest says, first report.json" in ran.err
        )


def test_energy_says_what_the_report_says(seamount: Run) -> None:
    build, _ = small_builds()
    report = json.loads((build / "report.json").read_text())
    found = json.loads(seamount("energy", build, "--json").out)
    assert {name: found[name] for name in costs.PARTS} == {name: report[name] for name in costs.PARTS}
    ran = seamount("energy", build, "--table", "cmos45")
    assert ran.code == 0 and "45 nm" in ran.out and "energy  " in ran.err
    assert seamount("energy", build, "--table", "none").code == 1


def test_a_trace_is_shown_and_written_for_others(seamount: Run, tmp_path: Path) -> None:
    import nir

    build, _ = small_builds()
    trace = load_trace(build / "traces" / "recorded.npz")
    found = json.loads(seamount("trace", build, "--json").out)
    assert (found["samples"], found["steps"], found["program"]) == (trace.samples, trace.steps, trace.program)
    assert {row["name"]: row["nonzero"] for row in found["recorded"] if row["kind"] == "messages"} == {
        name: int(np.count_nonzero(values)) for name, values in trace.messages.items()
    }
    files = [tmp_path / name for name in ("t.npz", "t.csv", "t.nir")]
    ran = seamount("trace", build, "--npz", files[0], "--csv", files[1], "--nir", files[2])
    assert ran.out.split() == list(map(str, files))
    with np.load(files[0]) as arrays:
        assert np.array_equal(arrays["registers/hidden.voltage"], trace.registers["hidden.voltage"])
    with files[1].open() as table:
        rows = [row for row in csv.DictReader(table) if row["name"] == "hidden"]
    assert len(rows) == np.count_nonzero(trace.messages["hidden"]) > 0
    node = nir.read_data(files[2]).nodes["hidden"]
    assert node.observables["spikes"].dt == 1e-4
    assert np.array_equal(node.observables["spikes"].data, trace.messages["hidden"].astype(bool))
    assert np.array_equal(node.observables["voltage"].data, trace.registers["hidden.voltage"])


def test_some_of_a_trace(seamount: Run) -> None:
    build, _ = small_builds()
    found = json.loads(seamount("trace", build, "--only", "hidden", "--only", "out.voltage", "--json").out)
    assert [row["name"] for row in found["recorded"]] == ["hidden", "out.voltage"]
    ran = seamount("trace", build, "--only", "hiden")
    assert ran.code == 1 and "holds no 'hiden'; use some of hidden, hidden.current" in ran.err


def test_a_trace_of_counts_is_not_written_as_steps(seamount: Run, tmp_path: Path) -> None:
    build, _ = small_builds()
    ran = seamount("trace", build / "traces" / "test.npz", "--csv", tmp_path / "t.csv")
    assert ran.code == 1 and "holds counts of the whole run" in ran.err
    assert not (tmp_path / "t.csv").exists()
    loose = tmp_path / "loose.npz"
    loose.write_bytes((build / "traces" / "recorded.npz").read_bytes())
    ran = seamount("trace", loose, "--nir", tmp_path / "t.nir")
    assert ran.code == 1 and ran.err.startswith("error: --dt: ")


def test_two_builds_side_by_side(seamount: Run, tmp_path: Path) -> None:
    first, second = small_builds()
    found = json.loads(seamount("compare", first, second, "--json").out)
    rows = {row["name"]: row for row in found["rows"]}
    assert rows["settings.weight_bits"]["values"] == [8, 4]
    assert not rows["program"]["same"] and rows["cores"]["differences"] == ["same"]
    energies = [
        json.loads((build / "report.json").read_text())["energy"]["per_inference_j"] for build in (first, second)
    ]
    assert rows["energy an inference"]["values"] == energies
    assert "settings.activation_bits" not in rows
    ran = seamount("compare", first, second)
    assert "settings.weight_bits" in ran.out and "seamount diff" in ran.err
    page = tmp_path / "both.html"
    assert seamount("report", "--compare", first, second, "--out", page).out == f"{page}\n"
    text = page.read_text()
    assert "settings.weight_bits" in text and str(second) in text and "<script" not in text


def test_one_build_is_not_compared(seamount: Run) -> None:
    first, second = small_builds()
    assert seamount("compare", first).err == "error: compare: 1 builds; give two or more\n"
    assert "give one, or --compare" in seamount("report", first, second).err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--target", "loihi9"), "loihi9"),
        (("--simulator", "fats"), "--simulator: 'fats' is unknown; use one of reference, fast"),
        (("--passes", "prune"), "no pass 'prune'"),
        (("--mapping", "loose"), "no rule 'loose'; use one of"),
        (("--settings", "absent.json"), "absent.json: cannot be read"),
        (("--compare", "reference,lav"), "--compare: 'lav' is unknown; join some of reference, fast, lava"),
        (("--compare", "=>"), "--compare: '=>' is unknown; join some of reference, fast"),
        (("--compare", "reference"), "names no simulator to compare with the reference"),
        (("--expect", "absent.npz"), "absent.npz: no such file"),
        (("--decision", "guess"), "guess"),
        (("--seed", -1), "--seed: -1 is negative"),
        (("--engine", "threads"), "engine: 'threads' is unknown"),
    ],
)
def test_options_are_refused_before_the_network_is_read(
    seamount: Run, options: tuple[object, ...], message: str
) -> None:
    ran = seamount("deploy", "absent.nir", *options)
    assert ran.code == 1 and len(ran.err.splitlines()) == 1
    assert message in ran.err and "absent.nir" not in ran.err


def test_what_was_not_asked_for_is_said_in_the_report() -> None:
    build, _ = small_builds()
    report = json.loads((build / "report.json").read_text())
    assert report["equivalence"]["simulators"] == ["reference", "fast"]
    left_out = {row["where"] for row in report["findings"] if row["stage"] == "simulate"}
    assert left_out == {"lava", "onnx", "js", "c"}
    assert not (build / "traces" / "lava.npz").exists()
