"""Bad input gets one clear line: where, what with numbers, what to do; and nothing is left behind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from seamount import network as source
from seamount.build.folder import BuildFolder, rehash
from tests.cli.conftest import Run
from tests.plain_npz import save_plain_npz
from toolchain.frontend.sketch import Sketch
from toolchain.frontend.write import write_nir


def _nothing_left(folder: Path, *names: str) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)


def test_a_missing_file(seamount: Run, tmp_path: Path, data: Path) -> None:
    ran = seamount("deploy", tmp_path / "absent.nir", "--calibrate", data, "--out", tmp_path / "out")
    assert ran.code == 1
    remedy = "give zoo:<name>, the folder of a training run, or the path of a .nir file"
    assert ran.err == f"error: {tmp_path / 'absent.nir'}: no such file; {remedy}\n"
    _nothing_left(tmp_path, "data.npz")


def test_a_text_file_named_nir(seamount: Run, tmp_path: Path, data: Path) -> None:
    (tmp_path / "net.nir").write_text("a network\n")
    ran = seamount("deploy", tmp_path / "net.nir", "--calibrate", data, "--out", tmp_path / "out")
    assert ran.code == 1
    assert ran.err.startswith(f"error: {tmp_path / 'net.nir'}: is not an HDF5 file")
    _nothing_left(tmp_path, "data.npz", "net.nir")


def test_nan_weights(seamount: Run, tmp_path: Path, network: Path, data: Path) -> None:
    import h5py

    with h5py.File(network, "r+") as file:
        file["node/nodes/w1/weight"][2, 1] = np.nan
    ran = seamount("deploy", network, "--calibrate", data, "--out", tmp_path / "out")
    assert ran.code == 1
    assert ran.err.startswith("error: w1.weight: 1 of 24 values")
    _nothing_left(tmp_path, "data.npz", "net.nir")


def test_calibration_data_of_the_wrong_width(seamount: Run, tmp_path: Path, network: Path) -> None:
    np.savez(tmp_path / "wide.npz", x=np.zeros((2, 5, 7)))
    ran = seamount("deploy", network, "--calibrate", tmp_path / "wide.npz", "--out", tmp_path / "out")
    assert ran.code == 1
    assert ran.err.endswith(
        "error: input: data of shape (2, 5, 7) for a network of 4 input channels; give (samples, steps, 4)\n"
    )
    _nothing_left(tmp_path, "net.nir", "wide.npz")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"z": np.zeros(3)}, "holds ['z'], no array x; write it with numpy.savez(path, x=..., y=...)"),
        (
            {"x": np.zeros((5, 4))},
            "x: shape (5, 4) has one axis too few;"
            " give (sample, step, channel); add x[None]; symbols are uint8 (sample, step)",
        ),
        (
            {"x": np.zeros((5, 4)), "y": np.zeros(5, int)},
            "x: shape (5, 4) has one axis too few;"
            " give (sample, step, channel); add x[:, None]; symbols are uint8 (sample, step)",
        ),
        ({"x": np.full((1, 2, 4), np.nan)}, "x: 8 values are not finite, first (0, 0, 0); clean them"),
        (
            {"x": np.zeros((2, 3, 4)), "y": np.zeros(3, int)},
            "y: shape (3,) of int64 for 2 samples; give one integer class a sample, or one a step",
        ),
    ],
)
def test_calibration_data_that_are_not_samples(
    seamount: Run, tmp_path: Path, network: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    save_plain_npz(tmp_path / "bad.npz", arrays)
    ran = seamount("deploy", network, "--calibrate", tmp_path / "bad.npz", "--out", tmp_path / "out")
    assert (ran.code, ran.err) == (1, f"error: {tmp_path / 'bad.npz'}: {message}\n")


def test_calibration_data_that_are_no_npz(seamount: Run, tmp_path: Path, network: Path) -> None:
    (tmp_path / "data.npz").write_text("1 2 3\n")
    ran = seamount("deploy", network, "--calibrate", tmp_path / "data.npz", "--out", tmp_path / "out")
    expected = f"error: {tmp_path / 'data.npz'}: is not an npz file; write it with numpy.savez(path, x=..., y=...)\n"
    assert (ran.code, ran.err) == (1, expected)


def test_a_file_without_calibration_data(seamount: Run, network: Path) -> None:
    ran = seamount("deploy", network)
    expected = (
        f"error: {network}: a NIR file needs data to choose scales on; add --calibrate data.npz with an array x\n"
    )
    assert (ran.code, ran.err) == (1, expected)


def test_a_loop_that_is_not_supported(seamount: Run, tmp_path: Path, data: Path) -> None:
    sketch = Sketch(1e-4)
    sketch.add("input", "Input", 4, {})
    sketch.lif("first", np.full(4, 0.5), np.ones(4), "input")
    sketch.lif("second", np.full(4, 0.5), np.ones(4), sketch.matrix("forth", np.eye(4), "first"))
    sketch.add("late", "Delay", 4, {"delay": np.full(4, 1e-4)}, "second")
    sketch.edges.append((sketch.matrix("back", np.eye(4), "late"), "first"))
    sketch.add("output", "Output", 4, {}, "second")
    write_nir(sketch.graph({}), tmp_path / "net.nir")
    ran = seamount("deploy", tmp_path / "net.nir", "--calibrate", data, "--out", tmp_path / "out")
    assert ran.code == 1
    assert "first -> second: a loop through 2 units: its Delays take fewer, cores need one step a projection" in ran.err
    assert "put Delays of 2 steps in all into the loop, or have it read with so many: --loop-delay 2" in ran.err
    _nothing_left(tmp_path, "data.npz", "net.nir")


def test_an_output_folder_that_is_not_ours(seamount: Run, tmp_path: Path, network: Path, data: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    ran = seamount("deploy", network, "--calibrate", data, "--out", out)
    assert ran.code == 1
    assert ran.err == (
        f"error: {out}: is not empty and not a build folder of seamount (holds no MANIFEST.json);"
        " choose another output folder, or empty this one\n"
    )
    assert (out / "thesis.tex").read_text() == "years of work"


def test_an_unknown_network_of_the_zoo(seamount: Run) -> None:
    ran = seamount("deploy", "zoo:nothing")
    assert ran.code == 1
    assert ran.err.startswith("error: zoo:nothing: no such network; use one of zoo:digits")


def test_a_network_shipped_as_weights_needs_torch(seamount: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "installed", lambda part: part != "torch")
    ran = seamount("deploy", "zoo:smnist")
    what = (
        "is shipped as weights, which PyTorch reads; torch is not installed; pip install -c constraints.txt '.[train]'"
    )
    assert (ran.code, ran.err) == (1, f"error: zoo:smnist: {what}\n")


def test_a_network_whose_data_have_not_been_fetched(
    seamount: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SEAMOUNT_DATA", str(tmp_path))
    ran = seamount("deploy", "zoo:smnist")
    what = "no such file; run: seamount data get mnist"
    assert (ran.code, ran.err) == (1, f"error: {tmp_path / 'mnist.npz'}: {what}\n")


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        (np.array([1, 2]), "shape (2,) of int64 for 8 samples; give one integer a sample"),
        (np.full(8, 21), "lie in 21..21; give 1..20, the steps that count"),
        (np.zeros(8, int), "lie in 0..0; give 1..20, the steps that count"),
    ],
)
def test_lengths_that_are_none(seamount: Run, tmp_path: Path, network: Path, lengths: np.ndarray, message: str) -> None:
    np.savez(tmp_path / "bad.npz", x=np.zeros((8, 20, 4)), lengths=lengths)
    ran = seamount("deploy", network, "--calibrate", tmp_path / "bad.npz", "--out", tmp_path / "out")
    assert (ran.code, ran.err) == (1, f"error: {tmp_path / 'bad.npz'}: lengths: {message}\n")


def test_a_symbol_without_a_channel(seamount: Run, tmp_path: Path, network: Path) -> None:
    np.savez(tmp_path / "bad.npz", x=np.full((3, 20), 4, dtype=np.uint8))
    ran = seamount("deploy", network, "--calibrate", tmp_path / "bad.npz", "--out", tmp_path / "out")
    what = "x: holds the symbol 4 for a network of 4 input channels; give symbols 0..3"
    assert (ran.code, ran.err.splitlines()[-1]) == (1, f"error: {what}")


def test_a_program_edited_so_that_a_register_overflows(
    seamount: Run, tmp_path: Path, network: Path, data: Path
) -> None:
    out = tmp_path / "out"
    assert seamount("deploy", network, "--calibrate", data, "--out", out).code == 0
    text = (out / "program.txt").read_text()
    start = text.index("coefficient vth")
    line = text[start:].split("\n")[1]
    edited = text.replace(line, line.replace(line.split()[0], "9437184", 1), 1)
    (out / "program.txt").write_text(edited)
    ran = seamount("verify", out)
    assert ran.code == 1
    assert "failed  hashes      program.txt: sha256" in ran.out
    assert "skipped program     nothing was run" in ran.out
    # With hashes made to fit, the rules of programs find it.
    rehash(BuildFolder(out), ["program.txt"])
    ran = seamount("verify", out)
    assert ran.code == 1
    assert (
        "failed  program     hidden.vth: 9437184 does not fit an unsigned 17-bit register (max 131071), neuron 0;"
        " lower the weight exponent or rescale the layer [coefficients]" in ran.out
    )


def test_a_changed_and_a_missing_file(seamount: Run, tmp_path: Path, network: Path, data: Path) -> None:
    out = tmp_path / "out"
    assert seamount("deploy", network, "--calibrate", data, "--out", out).code == 0
    (out / "report.json").write_text("{}")
    (out / "lava" / "run.py").unlink()
    (out / "new.txt").write_text("")
    ran = seamount("verify", out)
    assert ran.code == 1
    assert "lava/run.py: is missing; new.txt: is not in the manifest; report.json: sha256" in ran.out


@pytest.mark.parametrize("rule", ["saturate", "refuse"])
def test_inputs_beyond_the_scale_meet_the_rule_of_the_build(
    seamount: Run, tmp_path: Path, network: Path, data: Path, rule: str
) -> None:
    """One rule for all that run a build; it does not ask for settings that the build has already."""
    out, far = tmp_path / "out", tmp_path / "far.npz"
    (tmp_path / "settings.json").write_text(json.dumps({"input_overflow": rule}))
    options = ("--calibrate", data, "--settings", tmp_path / "settings.json", "--out", out, "--compared", 1)
    assert seamount("deploy", network, *options).code == 0
    np.savez(far, x=np.full((1, 3, 4), 1e6))
    simulated = seamount("simulate", out, "--input", far, "--trace", tmp_path / "t.npz")
    compared = seamount("diff", out, "--input", far, "--simulators", "reference,fast")
    if rule == "saturate":
        assert (simulated.code, compared.code) == (0, 0)
        for ran in (simulated, compared):
            assert "12 of 12 input values lie beyond -4 .. 3 (up to 1e+06) and were clipped" in ran.err
        return
    assert not (tmp_path / "t.npz").exists()
    for ran in (simulated, compared):
        assert ran.code == 1 and "error: input: 1e+06 is beyond the payload's range" in ran.err


def test_a_simulator_that_is_unknown(seamount: Run, tmp_path: Path, network: Path, data: Path) -> None:
    out = tmp_path / "out"
    assert seamount("deploy", network, "--calibrate", data, "--out", out).code == 0
    ran = seamount("simulate", out, "--input", data, "--trace", tmp_path / "t.npz", "--simulator", "spinnaker")
    assert ran.code == 1
    assert "error: --simulator: 'spinnaker' is unknown; use one of reference, " in ran.err


def test_lava_that_is_not_installed(
    seamount: Run, tmp_path: Path, network: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = "lava-nc is not installed; pip install --no-deps --ignore-requires-python lava-nc==0.10.0"
    monkeypatch.setitem(__import__("seamount.simulators", fromlist=["_MISSING"])._MISSING, "lava", lambda: reason)
    out = tmp_path / "out"
    ran = seamount("deploy", network, "--calibrate", data, "--out", out)
    assert ran.code == 0
    assert f"compare     lava left out: {reason}" in ran.err
    ran = seamount("simulate", out, "--input", data, "--trace", tmp_path / "t.npz", "--simulator", "lava")
    assert (ran.code, ran.err) == (1, f"error: lava: {reason}\n")


def test_a_killed_run_leaves_what_was_there(
    seamount: Run, tmp_path: Path, network: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert seamount("deploy", network, "--calibrate", data, "--out", out).code == 0
    before = (out / "MANIFEST.json").read_text()

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("seamount.build.deploy.save_evidence", full_disk)
    ran = seamount("deploy", network, "--calibrate", data, "--out", out)
    assert ran.code == 1
    assert "No space left on device" in ran.err
    assert (out / "MANIFEST.json").read_text() == before
    _nothing_left(tmp_path, "data.npz", "net.nir", "out")


def test_settings_that_do_not_exist(seamount: Run, tmp_path: Path, network: Path, data: Path) -> None:
    (tmp_path / "settings.json").write_text('{"weight_bits": 9}')
    options = ("--calibrate", data, "--out", tmp_path / "out", "--settings", tmp_path / "settings.json")
    ran = seamount("deploy", network, *options)
    assert (ran.code, ran.err) == (1, "error: settings.weight_bits: 9 is not an integer in 2 .. 8; choose another\n")
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    (tmp_path / "settings.json").write_text('{"widths": 9}')
    ran = seamount("deploy", network, *options)
    assert ran.err.startswith("error: settings.widths: no such setting; use a_bits, c_bits, ")
