"""Faults of other tools that our reader and conventions exist for. A test fails on the day that a fault is mended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

from tests.toolchain.frontend.networks import linear, scale
from tests.toolchain.frontend.test_write import chain, sample_node
from toolchain.frontend import Node, conventions_for, read_nir, run, write_nir

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]


@pytest.fixture
def torch() -> Iterator[Any]:
    """torch with a fixed seed, whose state is given back."""
    module = pytest.importorskip("torch", reason="torch is not installed")
    with module.random.fork_rng():
        module.manual_seed(0)
        yield module


def test_nir_cannot_write_scalars_and_leaves_a_stump(tmp_path: Path) -> None:
    zero = np.array(0.5)
    graph = nir.NIRGraph(
        {"input": nir.Input(np.array([])), "n": nir.Threshold(zero), "output": nir.Output(np.array([]))},
        [("input", "n"), ("n", "output")],
        type_check=False,
    )
    with pytest.raises(TypeError, match="Scalar datasets"):
        nir.write(tmp_path / "net.nir", graph)
    assert (tmp_path / "net.nir").exists()


def test_nir_cannot_read_a_single_node_that_it_wrote(tmp_path: Path) -> None:
    nir.write(tmp_path / "net.nir", nir.LI(np.ones(2), np.ones(2), np.zeros(2)))
    with pytest.raises(TypeError, match="type_check"):
        nir.read(tmp_path / "net.nir")
    assert read_nir(tmp_path / "net.nir").edges == (("input", "li"), ("li", "output"))


def test_nir_takes_the_kernels_height_for_both_axes(tmp_path: Path) -> None:
    params = {"weight": np.ones((1, 1, 3, 1)), "bias": np.zeros(1)}
    settings = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    conv = Node("n", "Conv2d", params | settings, (1, 5, 5), (1, 3, 5))
    write_nir(chain(conv), tmp_path / "net.nir")
    with pytest.raises(ValueError, match=r"\[1 3 3\]"):
        nir.read(tmp_path / "net.nir")
    assert read_nir(tmp_path / "net.nir", strict=True).nodes["n"].output_shape == (1, 3, 5)


def test_nirtorch_drops_the_bias_of_an_affine(torch: Any, tmp_path: Path) -> None:
    nirtorch = pytest.importorskip("nirtorch", reason="nirtorch is not installed")
    graph = chain(linear("n", np.zeros((2, 3)), np.array([5.0, -7.0])))
    write_nir(graph, tmp_path / "net.nir")
    module = nirtorch.nir_to_torch(nir.read(tmp_path / "net.nir"), node_map={})
    theirs, _ = module(torch.zeros(1, 3))
    ours, _ = run(graph, np.zeros((1, 1, 3)), conventions_for(graph))
    assert ours[0, 0].tolist() == [5.0, -7.0]
    assert not np.allclose(theirs.detach().numpy(), ours[0, 0])


def test_snntorch_cannot_export_its_own_example(torch: Any) -> None:
    """Scalar beta and threshold: snntorch #384, #410."""
    snntorch = pytest.importorskip("snntorch", reason="snntorch is not installed")
    from snntorch.export_nir import export_to_nir

    net = torch.nn.Sequential(torch.nn.Linear(3, 4), snntorch.Leaky(beta=0.9, init_hidden=True))
    with pytest.raises(ValueError, match="type mismatch"):
        export_to_nir(net, torch.rand(1, 3), ignore_dims=[0])


def test_snntorch_with_vectors_spikes_as_read_here(torch: Any, tmp_path: Path) -> None:
    snntorch = pytest.importorskip("snntorch", reason="snntorch is not installed")
    from snntorch.export_nir import export_to_nir

    vectors = {"beta": torch.full((4,), 0.8), "threshold": torch.full((4,), 0.5)}
    leaky = snntorch.Leaky(**vectors, init_hidden=True, reset_mechanism="zero", reset_delay=False)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), leaky)
    nir.write(tmp_path / "net.nir", export_to_nir(net, torch.rand(1, 3), ignore_dims=[0]))
    graph = read_nir(tmp_path / "net.nir")
    x = 3 * torch.rand(60, 1, 3)
    leaky.reset_hidden()
    with torch.no_grad():
        theirs = torch.stack([net(step) for step in x]).numpy()
    ours, _ = run(graph, x.numpy().transpose(1, 0, 2), conventions_for(graph, "snntorch"))
    assert theirs.sum() > 5
    assert np.array_equal(ours.transpose(1, 0, 2), theirs)


def test_norse_writes_time_constants_too_small_by_dt(torch: Any, tmp_path: Path) -> None:
    """norse #411. tau of 10 ms is written as 10 us at dt 1 ms."""
    norse = pytest.importorskip("norse", reason="norse is not installed")
    from norse.torch.module.lif_box import LIFBoxCell, LIFBoxParameters
    from norse.torch.utils.export_nir import _extract_norse_module

    ones = torch.ones(2)
    parameters = LIFBoxParameters(tau_mem_inv=100 * ones, v_th=ones, v_leak=0 * ones, v_reset=0 * ones)
    node = _extract_norse_module(LIFBoxCell(p=parameters), dt=1e-3)
    assert norse.__version__.startswith("1.1"), "look again at the presets for norse"
    assert np.allclose(node.tau, 1e-5)


def test_nir_adds_ports_but_sums_no_two_edges_into_an_output(tmp_path: Path) -> None:
    """What we refuse to write: nir reads it, and nirtorch then returns a tuple."""
    with pytest.raises(Exception, match="explicit sum"):
        graph = chain(sample_node("Scale"), scale("m", np.ones((3, 2))))
        write_nir(type(graph)(graph.nodes, (*graph.edges, ("n", "output"))), tmp_path / "net.nir")
