"""The command line run in this process, and a small NIR network to deploy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from seamount.cli import main
from toolchain.frontend.graph import Graph
from toolchain.frontend.sketch import Sketch
from toolchain.frontend.write import write_nir

DT = 1e-4


@dataclass(frozen=True)
class Ran:
    """What a command left: exit code and both streams."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def seamount(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `seamount` with arguments; its output is not wrapped."""
    monkeypatch.setenv("COLUMNS", "1000")

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr("sys.argv", ["seamount", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
            raise SystemExit(0)
        said = capsys.readouterr()
        code = stopped.value.code
        return Ran(code if isinstance(code, int) else int(code is not None), said.out, said.err)

    return run


def lif_graph() -> Graph:
    """Four inputs, six LIF, three LIF."""
    rng = np.random.default_rng(5)
    sketch = Sketch(DT)
    sketch.add("input", "Input", 4, {})
    first = sketch.matrix("w1", rng.normal(0.4, 0.6, (6, 4)), "input")
    hidden = sketch.lif("hidden", np.full(6, 0.75), np.ones(6), first)
    out = sketch.lif("out", np.full(3, 0.5), np.ones(3), sketch.matrix("w2", rng.normal(0.5, 0.6, (3, 6)), hidden))
    sketch.add("output", "Output", 3, {}, out)
    return sketch.graph({})


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """The small network as a file."""
    write_nir(lif_graph(), tmp_path / "net.nir")
    return tmp_path / "net.nir"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Random spikes with labels, as an npz file."""
    rng = np.random.default_rng(3)
    np.savez(tmp_path / "data.npz", x=rng.integers(0, 2, (8, 20, 4)).astype(float), y=rng.integers(0, 3, 8))
    return tmp_path / "data.npz"
