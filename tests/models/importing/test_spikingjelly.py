"""Live networks of SpikingJelly, which has an environment of its own: PYTHONPATH names it where it is to run here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seamount.importing import from_torch
from tests.models.importing.inputs import STEPS, images, kinds, lively, spikes, vectors
from toolchain.errors import UnsupportedError
from toolchain.frontend import conventions_for

pytestmark = pytest.mark.filterwarnings("ignore")
jelly = pytest.importorskip("spikingjelly.activation_based", reason="spikingjelly is not installed (.oracles has it)")


@pytest.fixture
def parts(torch: Any) -> Any:
    from spikingjelly.activation_based import functional, layer, neuron

    return layer, neuron, functional


@pytest.mark.parametrize(
    ("kind", "given", "nir", "factor"),
    [
        ("IFNode", {}, "IF", 2.5),
        ("IFNode", {"v_reset": None}, "IF", 2.5),
        ("LIFNode", {"tau": 3.0, "v_reset": -0.2}, "LIF", 8.0),
        ("LIFNode", {"tau": 2.0, "decay_input": False, "v_reset": None}, "LIF", 3.0),
        ("ParametricLIFNode", {"init_tau": 2.5}, "LIF", 8.0),
        ("CUBALIFNode", {"c_decay": 0.6, "v_decay": 0.8}, "CubaLIF", 2.0),
    ],
)
def test_every_neuron(torch: Any, parts: Any, kind: str, given: dict[str, Any], nir: str, factor: float) -> None:
    layer, neuron, _ = parts
    node = getattr(neuron, kind)
    net = torch.nn.Sequential(layer.Linear(6, 8, bias=False), node(**given), layer.Linear(8, 3), node(**given))
    graph = from_torch(lively(net, factor), vectors())
    assert kinds(graph) == {"0": "Linear", "1": nir, "2": "Affine", "3": nir} and spikes(graph) > 15
    assert conventions_for(graph).compare == ">="


@pytest.mark.parametrize("mode", ["s", "m"])
def test_a_convolutional_network_in_either_step_mode(torch: Any, parts: Any, mode: str) -> None:
    layer, neuron, functional = parts
    net = torch.nn.Sequential(
        layer.Conv2d(1, 3, 3, padding=1), layer.BatchNorm2d(3), neuron.IFNode(), layer.MaxPool2d(2), layer.Flatten(),
        layer.Dropout(0.5), layer.Linear(27, 3), neuron.LIFNode(),
    )  # fmt: skip
    functional.set_step_mode(net, mode)
    graph = from_torch(lively(net, 2.0), images())
    assert kinds(graph)["3.any"] == "Threshold" and spikes(graph) > 200


def test_an_image_that_the_network_repeats(torch: Any, parts: Any) -> None:
    layer, neuron, functional = parts

    class Net(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = torch.nn.Sequential(layer.Flatten(), layer.Linear(36, 8), neuron.IFNode())
            functional.set_step_mode(self.net, "m")

        def forward(self, x: Any) -> Any:
            return self.net(x.unsqueeze(0).repeat(STEPS, 1, 1, 1, 1)).mean(0)

    still = np.repeat(images()[:, :1], STEPS, 1)
    assert spikes(from_torch(lively(Net(), 2.0), still)) > 50
    with pytest.raises(UnsupportedError):
        from_torch(Net(), images())


def test_recurrent_containers(torch: Any, parts: Any) -> None:
    layer, neuron, _ = parts
    containers = (
        layer.LinearRecurrentContainer(neuron.IFNode(), 8, 8),
        layer.ElementWiseRecurrentContainer(neuron.IFNode(), lambda x, y: x + y),
    )
    for container in containers:
        graph = from_torch(lively(torch.nn.Sequential(layer.Linear(6, 8), container), 2.0), vectors())
        assert spikes(graph) > 20


def test_other_nodes_are_refused(torch: Any, parts: Any) -> None:
    layer, neuron, _ = parts
    with pytest.raises(UnsupportedError, match="1: SpikingJelly's KLIFNode has no form here"):
        from_torch(torch.nn.Sequential(layer.Linear(6, 8), neuron.KLIFNode()), vectors())
