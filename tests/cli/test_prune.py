"""`seamount prune`: the folder that it leaves can be deployed; what it cannot do is one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_what_was_pruned_can_be_quantized(seamount: Run, tmp_path: Path) -> None:
    out = tmp_path / "less"
    ran = seamount("prune", "zoo:digits", "--sparsity", 0.5, "--epochs", 2, "--out", out)
    assert (ran.code, ran.out) == (0, f"{out}\n"), ran.err
    assert "blocks.0.mix.weight: 50.0 %" in ran.err
    assert "seamount prune zoo:digits --sparsity 0.5" in (out / "CARD.md").read_text()
    found = seamount("quantize", out / "model.nir", "--calibrate", out / "calibration.npz", "--test", out / "test.npz")
    assert found.code == 0 and "of 360" in found.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("zoo:digits", "--sparsity", 1.5), "prune.sparsity: 1.5"),
        (("zoo:digits", "--scope", "row"), "prune.scope: there is no 'row'"),
        (("zoo:nope",), "config.json"),
    ],
)
def test_what_cannot_be_is_one_line(seamount: Run, tmp_path: Path, arguments: tuple[object, ...], said: str) -> None:
    ran = seamount("prune", *arguments, "--out", tmp_path / "out")
    assert ran.code == 1 and said in ran.err and len(ran.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
