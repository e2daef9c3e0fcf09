"""The NIR graph of a network, run by a small forward-Euler interpreter of its own, against the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models.network.config import NetworkConfig
from models.network.spiking_ssm import SpikingSSM
from models.network.to_nir import DT, to_graph
from models.shipped import zoo
from models.tasks import load_task
from toolchain.frontend.graph import Graph, Node
from toolchain.frontend.read import read_nir

Values = NDArray[np.float64]


def _order(graph: Graph) -> list[str]:
    """Nodes so that all sources come first, except those that arrive through a state's own loop."""
    loops = {(name, target) for name in graph.nodes for target in graph.targets(name) if name.endswith(".A")}
    waiting = {name: {s for s in graph.sources(name) if (s, name) not in loops} for name in graph.nodes}
    done: list[str] = []
    while waiting:
        ready = [name for name, sources in waiting.items() if sources <= set(done)]
        assert ready, "a cycle besides the states' loops"
        done += ready
        waiting = {name: sources for name, sources in waiting.items() if name not in ready}
    return done


def _update(node: Node, total: Values, v: Values) -> tuple[Values, Values]:
    """Output and next state of one node after one Euler step; spikes compare with `>=`."""
    p = node.params
    match node.kind:
        case "Linear":
            return total @ p["weight"].T, v
        case "Affine":
            return total @ p["weight"].T + p["bias"], v
        case "Scale":
            return total * p["scale"], v
        case "I":
            v = v + DT * p["r"] * total
            return v, v
        case "LI" | "LIF":
            v = v + DT / p["tau"] * (p["v_leak"] - v + p["r"] * total)
            spikes = (v >= p["v_threshold"]).astype(np.float64) if node.kind == "LIF" else v
            return spikes, np.where(v >= p["v_threshold"], p["v_reset"], v) if node.kind == "LIF" else v
    return total, v


def _run(graph: Graph, inputs: Values) -> tuple[Values, dict[str, Values]]:
    """Output after the last step of (batch, steps, inputs), and the spikes (batch, neurons, steps) of each LIF."""
    batch = len(inputs)
    out = {name: np.zeros((batch, *node.output_shape)) for name, node in graph.nodes.items()}
    state = {name: np.zeros((batch, *node.output_shape)) for name, node in graph.nodes.items()}
    spikes: dict[str, list[Values]] = {node.name: [] for node in graph.of_kind("LIF")}
    order = _order(graph)
    for t in range(inputs.shape[1]):
        before = dict(out)
        for name in order:
            values = [before[s] if s.endswith(".A") else out[s] for s in graph.sources(name)]
            total = np.asarray(sum(values)) if values else inputs[:, t]
            # A loop's matrix acts on the state of the step before, whenever it is computed.
            out[name], state[name] = _update(graph.nodes[name], total, state[name])
        for name, fired in spikes.items():
            fired.append(out[name])
    return out["output"], {name: np.stack(fired, -1) for name, fired in spikes.items()}


@pytest.mark.parametrize("chunk", [1, 4, 64])
def test_graph_does_what_the_network_does(chunk: int) -> None:
    torch.manual_seed(6)
    network = SpikingSSM(NetworkConfig(channels=10, modes=3, classes=4, inputs=2)).double().eval()
    for block in network.block_list():
        torch.nn.init.normal_(block.soma.ln_vth, mean=-2.0, std=0.3)
    inputs = torch.rand(5, 40, 2, dtype=torch.float64)
    expected = network.unroll(inputs)
    logits, spikes = _run(to_graph(network, "test", 40, chunk), inputs.numpy())
    for index, fired in enumerate(expected.spikes):
        assert np.array_equal(spikes[f"block{index}.soma"], fired.numpy())
        assert 0.01 < fired.mean().item() < 0.9
    np.testing.assert_allclose(logits, 40 * expected.logits.detach().numpy(), rtol=0, atol=1e-9)


def test_names_and_edges() -> None:
    graph = to_graph(SpikingSSM(NetworkConfig(channels=10, modes=3)), "digits", 64)
    assert [name for name in graph.nodes if name.startswith("block0.")] == [
        "block0.in",
        *(f"block0.ssm{chunk}.{part}" for chunk in (0, 1) for part in ("B", "x", "A", "C")),
        *("block0.D", "block0.y", "block0.soma", "block0.mix"),
    ]
    assert graph.sources("block1.in") == ("block0.mix", "block0.in")
    assert graph.sources("stream.out") == ("block1.mix", "block1.in")
    assert graph.sources("block0.ssm1.x") == ("block0.ssm1.B", "block0.ssm1.A")
    assert graph.sources("block0.y") == ("block0.ssm0.C", "block0.ssm1.C", "block0.D")
    assert graph.nodes["block0.ssm1.x"].output_shape == (12,)
    assert {node.kind for node in graph.nodes.values()} <= {
        *("Input", "Output", "Affine", "Linear", "Scale", "LI", "LIF", "I")
    }


def test_shipped_file_is_the_shipped_network() -> None:
    path = zoo.ZOO / "digits" / "model.nir"
    shipped, again = read_nir(path), to_graph(zoo.load("digits").network, "digits", 64)
    assert set(shipped.edges) == set(again.edges) and shipped.nodes.keys() == again.nodes.keys()
    for name, node in again.nodes.items():
        for field, value in node.params.items():
            np.testing.assert_allclose(shipped.nodes[name].params[field], value, rtol=1e-12, atol=1e-15)
    assert path.stat().st_size < 2**20


def test_shipped_file_decides_like_the_shipped_network() -> None:
    graph = read_nir(zoo.ZOO / "digits" / "model.nir")
    test = load_task("digits").test
    logits, spikes = _run(graph, test.inputs[:60].astype(np.float64))
    expected = zoo.load("digits").network.double().unroll(torch.from_numpy(test.inputs[:60]).double())
    np.testing.assert_array_equal(logits.argmax(1), expected.logits.argmax(1).numpy())
    flips = sum(int((spikes[f"block{k}.soma"] != s.numpy()).sum()) for k, s in enumerate(expected.spikes))
    assert flips <= 2e-5 * sum(s.numel() for s in expected.spikes)
