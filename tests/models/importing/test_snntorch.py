"""Live networks of snnTorch: what they computed is what the graph computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seamount.importing import from_torch
from tests.models.importing.inputs import images, kinds, lively, outcome, spikes, vectors
from toolchain.errors import ConformanceError, InputError, UnsupportedError
from toolchain.frontend import conventions_for, read_nir, run, write_nir

pytestmark = pytest.mark.filterwarnings("ignore")
snn = pytest.importorskip("snntorch", reason="snntorch is not installed")


def two_layers(torch: Any, **how: Any) -> Any:
    """The network of snnTorch's tutorials: states by hand, a loop over time, spikes and voltages returned."""

    class Net(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.lif1 = torch.nn.Linear(6, 8), snn.Leaky(beta=torch.rand(8), learn_beta=True, **how)
            self.fc2, self.lif2 = torch.nn.Linear(8, 3), snn.Leaky(beta=0.8, threshold=0.7, **how)

        def forward(self, x: Any) -> Any:
            mem1, mem2 = self.lif1.reset_mem(), self.lif2.reset_mem()
            sent, voltages = [], []
            for step in range(x.size(0)):
                spikes, mem1 = self.lif1(self.fc1(x[step]), mem1)
                spikes, mem2 = self.lif2(self.fc2(spikes), mem2)
                sent.append(spikes)
                voltages.append(mem2)
            return torch.stack(sent), torch.stack(voltages)

    return lively(Net(), 4.0)


@pytest.mark.parametrize(
    ("how", "reset"),
    [
        ({}, "subtract-delayed"),
        ({"reset_mechanism": "zero"}, "to_v_reset"),
        ({"reset_delay": False}, "subtract-snntorch"),
        ({"reset_mechanism": "none"}, "none"),
    ],
)
def test_the_tutorials_network_by_every_reset_rule(torch: Any, how: dict[str, Any], reset: str) -> None:
    graph = from_torch(two_layers(torch, **how), vectors())
    assert kinds(graph) == {"fc1": "Affine", "lif1": "LIF", "fc2": "Affine", "lif2": "LIF"}
    assert "0 of" in outcome(graph) and spikes(graph) > 50
    conventions = conventions_for(graph)
    assert conventions.reset == reset
    assert any("checked against snntorch 1" in finding.what for finding in graph.findings)
    assert not any("assumed" in finding.what for finding in conventions.findings)


def test_a_file_keeps_conventions_and_outcome(torch: Any, tmp_path: Path) -> None:
    graph = from_torch(two_layers(torch), vectors())
    write_nir(graph, tmp_path / "net.nir")
    again = read_nir(tmp_path / "net.nir", strict=True)
    found = conventions_for(again)
    assert found.reset == "subtract-delayed" and any("checked against snntorch" in f.what for f in found.findings)
    ours, _ = run(graph, vectors(1).astype(float), conventions_for(graph))
    theirs, _ = run(again, vectors(1).astype(float), found)
    assert np.array_equal(ours, theirs)


def test_sequential_with_hidden_states_is_called_step_by_step(torch: Any) -> None:
    net = torch.nn.Sequential(torch.nn.Linear(6, 8), snn.Synaptic(alpha=0.7, beta=0.9, init_hidden=True))
    net.train()
    graph = from_torch(lively(net, 2.0), vectors())
    assert kinds(graph) == {"0": "Affine", "1": "CubaLIF"} and net.training and spikes(graph) > 20


def test_recurrent_neurons_and_a_readout_of_voltages(torch: Any) -> None:
    class Net(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.lif1 = torch.nn.Linear(6, 8), snn.RLeaky(beta=0.9, linear_features=8)
            self.fc2, self.out = torch.nn.Linear(8, 3), snn.Leaky(beta=0.9, reset_mechanism="none")

        def forward(self, x: Any) -> Any:
            (sent, mem), out = self.lif1.reset_mem(), self.out.reset_mem()
            voltages = []
            for now in x:
                sent, mem = self.lif1(self.fc1(now), sent, mem)
                _, out = self.out(self.fc2(sent), out)
                voltages.append(out)
            return torch.stack(voltages).mean(0)

    graph = from_torch(lively(Net(), 2.0), vectors())
    assert kinds(graph)["lif1.w_rec"] == "Affine" and kinds(graph)["out"] == "LI"
    assert graph.metadata["seamount"]["decision"] == "sum" and "voltages within" in outcome(graph)


def test_recurrence_by_hand_a_skip_and_a_sum_over_time(torch: Any) -> None:
    class Net(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.rec, self.lif = torch.nn.Linear(6, 8), torch.nn.Linear(8, 8), snn.Leaky(beta=0.9)
            self.fc2, self.skip, self.lif2 = torch.nn.Linear(8, 3), torch.nn.Linear(6, 3), snn.Leaky(beta=0.9)

        def forward(self, x: Any) -> Any:
            mem, mem2, sent, total = self.lif.reset_mem(), self.lif2.reset_mem(), torch.zeros(x.shape[1], 8), 0
            for now in x:
                sent, mem = self.lif(self.fc(now) + self.rec(sent), mem)
                out, mem2 = self.lif2(self.fc2(sent) + self.skip(now), mem2)
                total = total + out
            return total / len(x)

    graph = from_torch(lively(Net(), 2.0), vectors())
    assert ("lif", "rec") in graph.edges and ("rec", "lif") in graph.edges and ("skip", "lif2") in graph.edges
    assert spikes(graph) > 50


def convolutional(torch: Any) -> Any:
    nn = torch.nn
    lif = {"beta": 0.9, "init_hidden": True}
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), snn.Leaky(**lif), nn.MaxPool2d(2), nn.Dropout(0.5),
        nn.Conv2d(3, 4, 2, bias=False), snn.Leaky(**lif), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(4, 3),
        snn.Leaky(**lif),
    )  # fmt: skip
    net[1].running_mean += 0.1
    net[1].running_var *= 0.5
    return lively(net, 3.0)


def test_convolutions_pooling_and_batch_normalization(torch: Any) -> None:
    graph = from_torch(convolutional(torch), images())
    found = kinds(graph)
    assert "1" not in found, "batch normalization is part of the convolution before it"
    assert found["3"] == "SumPool2d" and found["3.any"] == "Threshold" and found["7"] == "AvgPool2d"
    assert spikes(graph) > 200


def test_what_modules_do_not_say_is_found_on_the_sample(torch: Any) -> None:
    net = two_layers(torch)
    net.lif2.register_forward_hook(lambda module, given, out: (torch.roll(out[0], 1, -1), out[1]))
    with pytest.raises(
        ConformanceError, match=r"lif2: parts from snntorch at sample \d+, step \d+, neuron \d+: it sends"
    ):
        from_torch(net, vectors())


def test_a_first_voltage_of_the_users_own_is_found(torch: Any) -> None:
    net = two_layers(torch)
    with torch.no_grad():
        net.lif1.reset_mem = lambda: torch.full((4, 8), 0.9)
    with pytest.raises(ConformanceError, match="another first state"):
        from_torch(net, vectors())


def test_choices_by_values_are_refused_and_numbers_taken_out_are_told(torch: Any) -> None:
    class Net(torch.nn.Module):  # type: ignore[misc]
        def __init__(self, *, choose: bool) -> None:
            super().__init__()
            self.fc, self.lif, self.choose = torch.nn.Linear(6, 8), snn.Leaky(beta=0.9, init_hidden=True), choose

        def forward(self, x: Any) -> Any:
            sent = self.lif(self.fc(x))
            self.seen = sent.sum().item()
            if self.choose and sent.sum() > 1e9:
                return sent * 0
            return sent

    graph = from_torch(lively(Net(choose=False), 4.0), vectors())
    assert ["numbers out of signals (item)" in f.what for f in graph.findings if f.severity == "loss"] == [True]
    with pytest.raises(UnsupportedError, match="chooses by values"):
        from_torch(lively(Net(choose=True), 4.0), vectors())


def test_whatever_a_forward_raises_is_said_to_be_its_own(torch: Any) -> None:
    class Broken(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.spikes = snn.Leaky(beta=0.5)

        def forward(self, x: Any) -> Any:
            return {"in": x}["out"]

    with pytest.raises(UnsupportedError, match=r"network: its forward pass fails: KeyError: 'out'"):
        from_torch(Broken(), vectors())


def test_a_plain_network_takes_no_numbers_out(torch: Any) -> None:
    graph = from_torch(two_layers(torch), vectors())
    assert not [finding for finding in graph.findings if finding.severity == "loss"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("fc1.weight", "nan", r"fc1\.weight: 1 of 48 values is NaN or infinite; train again or mend the checkpoint"),
        ("lif1.threshold", "inf", r"lif1\.threshold: 1 of 1 values is NaN or infinite"),
    ],
)
def test_parameters_that_are_no_numbers_are_refused(torch: Any, name: str, value: str, message: str) -> None:
    net = two_layers(torch)
    net.state_dict()[name].flatten()[0] = float(value)
    with pytest.raises(InputError, match=message):
        from_torch(net, vectors())


def _shift(module: Any, given: Any, out: Any) -> None:
    """Changes what a layer puts out behind torch's back."""
    out.detach().numpy()[:] += 1.0


def test_what_comes_after_the_last_layer_of_neurons_is_compared(torch: Any) -> None:
    class Net(torch.nn.Module):  # type: ignore[misc]
        def __init__(self, *, mean: bool) -> None:
            super().__init__()
            self.fc, self.lif, self.out = torch.nn.Linear(6, 8), snn.Leaky(beta=0.9), torch.nn.Linear(8, 3)
            self.mean = mean

        def forward(self, x: Any) -> Any:
            mem, sent = self.lif.reset_mem(), []
            for now in x:
                spikes, mem = self.lif(self.fc(now), mem)
                sent.append(self.out(spikes))
            return torch.stack(sent).mean(0) if self.mean else torch.stack(sent)

    assert "voltages within" in outcome(from_torch(lively(Net(mean=False), 3.0), vectors()))
    mean = lively(Net(mean=True), 3.0)
    assert from_torch(mean, vectors()).metadata["seamount"]["decision"] == "sum"
    for net, message in ((mean, "its mean over time parts"), (Net(mean=False), "output: parts from snntorch")):
        net.out.register_forward_hook(_shift)
        with pytest.raises(ConformanceError, match=message):
            from_torch(net, vectors())


def refused(torch: Any, *layers: Any) -> str:
    with pytest.raises(UnsupportedError) as error:
        from_torch(torch.nn.Sequential(*layers), images() if len(layers) > 3 else vectors())
    return str(error.value)


def test_what_a_graph_cannot_say_is_refused_with_the_layer(torch: Any) -> None:
    nn, lif = torch.nn, {"beta": 0.9, "init_hidden": True}
    assert refused(torch, nn.Linear(6, 8), snn.Leaky(**lif, inhibition=True)).startswith("1: inhibition")
    assert "graded_spikes_factor 2" in refused(torch, nn.Linear(6, 8), snn.Leaky(**lif, graded_spikes_factor=2.0))
    assert refused(torch, nn.Linear(6, 8), snn.Alpha(alpha=0.9, beta=0.8, init_hidden=True)).startswith(
        "1: snnTorch's Alpha"
    )
    assert refused(torch, nn.Linear(6, 8), nn.ReLU(), snn.Leaky(**lif)).startswith("1: relu of torch")
    pooled = (nn.Conv2d(1, 3, 3), nn.MaxPool2d(2), snn.Leaky(**lif), nn.Flatten())
    assert "maximum of 0, which are no spikes" in refused(torch, *pooled)
    mixed = (nn.Linear(6, 8), snn.Leaky(**lif), snn.Leaky(**lif, reset_mechanism="zero"))
    assert "its reset is 'to_v_reset', that of 1 'subtract-delayed'" in refused(torch, *mixed)


def test_wrong_calls_say_what_is_wrong(torch: Any) -> None:
    with pytest.raises(InputError, match="no neurons of snntorch, norse"):
        from_torch(torch.nn.Linear(6, 8), vectors())
    with pytest.raises(InputError, match="neurons are of snntorch, not of norse"):
        from_torch(two_layers(torch), vectors(), tool="norse")
    with pytest.raises(InputError, match=r"sample: has shape \(12, 6\)"):
        from_torch(two_layers(torch), vectors()[0])
    with pytest.raises(InputError, match="'sideways' is not a way to take time"):
        from_torch(two_layers(torch), vectors(), time="sideways")
    with pytest.raises(InputError, match=r"give a torch.nn.Module"):
        from_torch("net.pt", vectors())
