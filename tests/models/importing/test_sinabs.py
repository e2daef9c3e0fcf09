"""Live networks of sinabs, which has an environment of its own: PYTHONPATH names it where it is to run here."""

from __future__ import annotations

from typing import Any

import pytest

from seamount.importing import from_torch
from tests.models.importing.inputs import SAMPLES, images, kinds, lively, outcome, spikes, vectors
from toolchain.errors import ConformanceError, UnsupportedError

pytestmark = pytest.mark.filterwarnings("ignore")
sl = pytest.importorskip("sinabs.layers", reason="sinabs is not installed (.oracles has it)")


@pytest.fixture
def once() -> dict[str, Any]:
    """One spike a step."""
    from sinabs.activation import SingleSpike

    return {"spike_fn": SingleSpike}


@pytest.mark.parametrize(
    ("kind", "given", "nir", "factor"),
    [
        ("IAF", {}, "IF", 2.5),
        ("LIF", {"tau_mem": 8.0}, "LIF", 12.0),
        ("LIF", {"tau_mem": 8.0, "norm_input": False}, "LIF", 2.5),
        ("LIF", {"tau_mem": 8.0, "tau_syn": 4.0}, "CubaLIF", 6.0),
    ],
)
def test_every_layer(torch: Any, once: Any, kind: str, given: Any, nir: str, factor: float) -> None:
    layer = getattr(sl, kind)
    net = torch.nn.Sequential(
        torch.nn.Linear(6, 8), layer(**given, **once), torch.nn.Linear(8, 3), layer(**given, **once)
    )
    graph = from_torch(lively(net, factor), vectors())
    assert kinds(graph) == {"0": "Affine", "1": nir, "2": "Affine", "3": nir} and spikes(graph) > 10


def test_reset_to_zero_recurrence_and_a_readout(torch: Any, once: Any) -> None:
    from sinabs.activation import MembraneReset

    recurrent = sl.LIFRecurrent(tau_mem=8.0, rec_connect=torch.nn.Linear(8, 8), reset_fn=MembraneReset(), **once)
    net = torch.nn.Sequential(torch.nn.Linear(6, 8), recurrent, torch.nn.Linear(8, 3), sl.ExpLeak(tau_mem=8.0))
    graph = from_torch(lively(net, 6.0), vectors())
    assert kinds(graph)["1.w_rec"] == "Affine" and kinds(graph)["3"] == "LI" and "voltages within" in outcome(graph)


def test_squeezed_and_unsqueezed_convolutions(torch: Any, once: Any) -> None:
    nn = torch.nn
    squeezed = nn.Sequential(
        nn.Conv2d(1, 3, 3), sl.IAFSqueeze(batch_size=SAMPLES, **once), sl.SumPool2d(2), nn.Flatten(), nn.Linear(12, 3),
        sl.IAFSqueeze(batch_size=SAMPLES, **once),
    )  # fmt: skip
    flattened = nn.Sequential(
        sl.FlattenTime(), nn.Conv2d(1, 3, 3), sl.UnflattenTime(SAMPLES), sl.IAF(**once), sl.Repeat(nn.AvgPool2d(2))
    )
    for net in (squeezed, flattened):
        assert spikes(from_torch(lively(net, 3.0), images())) > 200


def test_what_no_graph_says_is_refused(torch: Any, once: Any) -> None:
    def net(**given: Any) -> Any:
        return lively(torch.nn.Sequential(torch.nn.Linear(6, 8), sl.IAF(**given)), 3.0)

    with pytest.raises(UnsupportedError, match="1: spike_fn MultiSpike sends several spikes a step"):
        from_torch(net(), vectors())
    with pytest.raises(ConformanceError, match=r"1: .* voltages fall below its lower bound -1"):
        from_torch(net(min_v_mem=-1.0, **once), vectors())
    graph = from_torch(net(min_v_mem=-100.0, **once), vectors())
    assert [f.severity for f in graph.findings if "lower bound -100" in f.what] == ["loss"]
