"""`quantized.nir` of a plain LIF network, run by the readers of other tools: spike by spike what the file says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

from exporters.nir import export_nir
from simulators.reference import simulate
from tests.toolchain.frontend.test_framework_traces import GOLDEN, recorded
from toolchain import compile_graph, conventions_for, encode, read_nir
from toolchain.frontend.execute import run
from toolchain.ir.program import Program

pytestmark = pytest.mark.filterwarnings("ignore")
Read = Callable[[Path, Any, list[str]], Any]


def compiled(case: str) -> tuple[Program, Any]:
    """A program of two LIF layers, and its input."""
    _, x, _ = recorded(case)
    graph = read_nir(GOLDEN / f"{case}.nir")
    return compile_graph(graph, conventions_for(graph, "nir"), x).lowered.program, x


@pytest.fixture(params=["spikingjelly/spikingjelly_lif", "spikingjelly/spikingjelly_plif"])
def written(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Any, Any, list[str]]:
    """The file, its input, what it spikes at its output by its own words, and its neurons."""
    program, x = compiled(request.param)
    export_nir(program, tmp_path / "quantized.nir")
    graph = read_nir(tmp_path / "quantized.nir", strict=True)
    out, _ = run(graph, x, conventions_for(graph))
    payload, _ = encode(program.inputs[0], x)
    sent = simulate(program, {program.inputs[0].name: payload}).messages[program.outputs[0].population]
    steps = x.shape[1]
    assert np.mean(sent[:, -steps:] != out) < 0.01
    assert 100 < out.sum() < out.size - 100
    return tmp_path / "quantized.nir", x, out, [node.name for node in graph.of_kind("LIF")]


def test_the_file_holds_what_every_reader_takes(written: tuple[Path, Any, Any, list[str]]) -> None:
    path = written[0]
    graph = nir.read(path)
    assert {type(node).__name__ for node in graph.nodes.values()} == {"Input", "Linear", "LIF", "Output"}
    assert {"input", "output"} <= set(graph.nodes)
    with h5py.File(path) as file:
        for name in written[3]:
            assert "v_reset" not in file[f"node/nodes/{name}"]  # which nir <= 1.0.5 cannot open
            assert np.all(file[f"node/nodes/{name}/v_threshold"][()] == 1)
            assert np.all(file[f"node/nodes/{name}/r"][()] == 1)


def spikes_of(net: Any, x: np.ndarray) -> np.ndarray:
    """Spikes (batch, step, neuron) of a module of PyTorch that is given one step and its state after another."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    state, steps = None, []
    with torch.no_grad():
        for now in np.moveaxis(x, 1, 0):
            spikes, state = net(torch.tensor(now), state)
            steps.append(spikes.numpy())
    return np.stack(steps, 1)


def test_snntorch_spikes_as_the_file_says(written: tuple[Path, Any, Any, list[str]]) -> None:
    importer = pytest.importorskip("snntorch.import_nir", reason="snntorch is not installed")
    path, x, out, _ = written
    net = importer.import_from_nir(nir.read(path))
    assert np.array_equal(spikes_of(net, x.astype(np.float32)), out)


def test_norse_spikes_as_the_file_says(written: tuple[Path, Any, Any, list[str]]) -> None:
    norse = pytest.importorskip("norse.torch", reason="norse is not installed")
    path, x, out, _ = written
    net = norse.from_nir(nir.read(path), dt=1e-4)
    assert np.array_equal(spikes_of(net, x.astype(np.float32)), out)


def test_spikingjelly_spikes_as_the_file_says(written: tuple[Path, Any, Any, list[str]]) -> None:
    exchange = pytest.importorskip(
        "spikingjelly.activation_based.nir_exchange",
        reason="spikingjelly is not installed (.oracles has it)",
    )
    path, x, out, _ = written
    net = exchange.import_from_nir(nir.read(path), dt=1e-4)
    assert np.array_equal(spikes_of(net, x.astype(np.float32)), out)


def test_nirtorch_spikes_as_the_file_says(written: tuple[Path, Any, Any, list[str]]) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    import torch

    nirtorch = pytest.importorskip("nirtorch", reason="nirtorch is not installed")
    path, x, out, _ = written

    class Lif(torch.nn.Module):
        """The equations of NIR at dt 1e-4 by forward Euler."""

        def __init__(self, node: Any) -> None:
            super().__init__()
            self.rate = torch.tensor(1e-4 / node.tau)
            self.r, self.threshold = torch.tensor(node.r), torch.tensor(node.v_threshold)

        def forward(self, x: Any, state: Any = None) -> Any:
            v = torch.zeros_like(x) if state is None else state
            v = v + self.rate * (self.r * x - v)
            spikes = (v > self.threshold).to(x.dtype)
            return spikes, v * (1 - spikes)

    net = nirtorch.nir_to_torch(nir.read(path), node_map={nir.LIF: Lif}).double()
    assert np.array_equal(spikes_of(net, x), out)


def test_decays_that_differ_in_a_layer_are_written_as_snntorch_takes_them(tmp_path: Path) -> None:
    program, x = compiled("snntorch/snntorch_zero")
    export_nir(program, tmp_path / "quantized.nir")
    graph = read_nir(tmp_path / "quantized.nir", strict=True)
    for node in graph.of_kind("LIF"):
        assert np.allclose(node.params["r"] * 1e-4, node.params["tau"])
    out, _ = run(graph, x, conventions_for(graph))
    payload, _ = encode(program.inputs[0], x)
    sent = simulate(program, {program.inputs[0].name: payload}).messages["3"][:, -x.shape[1] :]
    assert np.mean(sent != out) < 0.01
