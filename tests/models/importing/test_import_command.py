"""`seamount import`: a network of a Python file becomes a NIR file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seamount.importing import import_file
from tests.cli.conftest import Run
from tests.cli.conftest import seamount as seamount  # the fixture
from tests.models.importing.inputs import vectors
from toolchain.errors import InputError
from toolchain.frontend import conventions_for, read_nir

pytestmark = pytest.mark.filterwarnings("ignore")
pytest.importorskip("snntorch", reason="snntorch is not installed")
SOURCE = """
import snntorch
import torch


def make():
    lif = {"beta": 0.8, "init_hidden": True}
    lifs = snntorch.Leaky(**lif), snntorch.Leaky(**lif)
    return torch.nn.Sequential(torch.nn.Linear(6, 8), lifs[0], torch.nn.Linear(8, 3), lifs[1])


def broken():
    return 1 / 0


def wrong():
    return 1 + "x"


NUMBER = 3
net = make()
"""


@pytest.fixture
def folder(torch: Any, tmp_path: Path) -> Path:
    """net.py, its weights, and a sample."""
    from safetensors.torch import save_file

    (tmp_path / "made_for_import.py").write_text(SOURCE)
    known: dict[str, Any] = {}
    exec(SOURCE, known)
    weights = {name: 3 * value if value.dim() > 1 else value for name, value in known["make"]().state_dict().items()}
    save_file(weights, tmp_path / "weights.safetensors")
    np.savez(tmp_path / "x.npz", x=vectors())
    return tmp_path


def test_a_network_with_its_weights_is_written_and_checked(seamount: Run, folder: Path) -> None:
    from safetensors.numpy import load_file

    words = ("--weights", folder / "weights.safetensors", "--sample", folder / "x.npz", "--out", folder / "net.nir")
    ran = seamount("import", f"{folder / 'made_for_import.py'}:make", *words, "--json")
    assert ran.code == 0, ran.err
    assert any("checked against snntorch" in finding for finding in json.loads(ran.out)["findings"])
    graph = read_nir(folder / "net.nir", strict=True)
    assert np.array_equal(graph.nodes["0"].params["weight"], load_file(folder / "weights.safetensors")["0.weight"])
    assert conventions_for(graph).reset == "subtract-delayed"


@pytest.mark.parametrize(
    ("network", "weights", "message"),
    [
        ("made_for_import.py:absent", None, "defines no absent"),
        ("made_for_import.py:NUMBER", None, "cannot be called without arguments"),
        ("absent.py:make", None, "no such file"),
        (
            "made_for_import.py:broken",
            None,
            r"made_for_import.py:13: broken raised ZeroDivisionError \(division by zero",
        ),
        ("made_for_import.py:wrong", None, "made_for_import.py:17: wrong raised TypeError"),
        ("made_for_import.py", None, "names no network"),
        ("made_for_import.py:make", "net.pt", "is a file of torch.save"),
        ("made_for_import.py:make", "x.npz", "cannot be read as safetensors"),
        ("absent_package.nets:make", None, "cannot be imported"),
    ],
)
def test_what_is_wrong_is_said(folder: Path, network: str, weights: str | None, message: str) -> None:
    name = f"{folder}/{network}" if ".py" in network else network
    with pytest.raises(InputError, match=message):
        import_file(name, folder / "x.npz", folder / "net.nir", weights=folder / weights if weights else None)
    assert not (folder / "net.nir").exists()


def test_a_checked_network_under_other_conventions_is_a_loss_in_the_report(seamount: Run, folder: Path) -> None:
    words = ("--weights", folder / "weights.safetensors", "--sample", folder / "x.npz", "--out", folder / "net.nir")
    assert seamount("import", f"{folder / 'made_for_import.py'}:make", *words).code == 0
    how = ("--calibrate", folder / "x.npz", "--convention", "snntorch-zero", "--strict", "--out", folder / "build")
    ran = seamount("deploy", folder / "net.nir", *how)
    report = json.loads((folder / "build" / "report.json").read_text())
    losses = [finding["what"] for finding in report["findings"] if finding["severity"] == "loss"]
    assert ran.code != 0 and any("was checked against snntorch" in what for what in losses)
    assert "values differ" not in json.dumps(report["findings"])
