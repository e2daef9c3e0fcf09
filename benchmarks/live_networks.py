"""Networks trained a little in each framework, deployed as live modules: what is lost on the way.

    PYTHONPATH=. python benchmarks/live_networks.py [framework ...]

For each framework that is installed, a feed-forward, a recurrent and a convolutional network learn scikit-learn's
digits (8 x 8, 20 steps of random spikes). A row tells spikes compared and how many differ from the framework's own,
the accuracy of the framework and of the integers on the 360 test digits, and how many decisions differ.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import nn

import seamount as sm
from simulators.fast import simulate
from toolchain.host.decode import decide
from toolchain.host.encode import encode_all, payloads_of

STEPS, TEST, EPOCHS, BATCH, RATE = 20, 360, 6, 96, 5e-3
Array = NDArray[Any]
Forward = Callable[[nn.Module, torch.Tensor], torch.Tensor]
"""(network, (sample, step, ...)) -> what it sends, summed over time, (sample, class)."""


def digits() -> tuple[Array, Array]:
    """Spikes (sample, step, 1, 8, 8) whose rates are the images, and classes."""
    found = load_digits()
    rng = np.random.default_rng(0)
    images = found.images[:, None, None] / 16
    return (rng.random((len(images), STEPS, 1, 8, 8)) < images).astype(np.float32), found.target.astype(np.int64)


def snntorch_networks() -> Iterator[tuple[str, nn.Module, Forward]]:
    """As snnTorch's neurons come: reset by subtraction, a step late."""
    import snntorch as snn

    lif: dict[str, Any] = {"beta": 0.9, "init_hidden": True, "learn_beta": True}
    yield (
        "feed-forward",
        nn.Sequential(nn.Flatten(), nn.Linear(64, 64), snn.Leaky(**lif), nn.Linear(64, 10), snn.Leaky(**lif)),
        _stepped(_reset_snntorch),
    )
    yield "recurrent", nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64), snn.RLeaky(beta=0.9, linear_features=64, init_hidden=True), nn.Linear(64, 10),
        snn.Leaky(**lif),
    ), _stepped(_reset_snntorch)  # fmt: skip
    yield "convolutional", nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), snn.Leaky(**lif), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3),
        snn.Leaky(**lif), nn.Flatten(), nn.Linear(64, 10), snn.Leaky(**lif),
    ), _stepped(_reset_snntorch)  # fmt: skip


def norse_networks() -> Iterator[tuple[str, nn.Module, Forward]]:
    """Cells of norse at 1 ms, thresholds low enough to be reached."""
    import norse.torch as norse

    p = norse.LIFParameters(v_th=torch.tensor(0.4))
    flat, conv = nn.Flatten(), (nn.Conv2d(1, 8, 3, padding=1), norse.LIFCell(p), nn.AvgPool2d(2))
    middle = {
        "feed-forward": (flat, nn.Linear(64, 64), norse.LIFCell(p)),
        "recurrent": (flat, norse.LIFRecurrentCell(64, 64, p)),
        "convolutional": (*conv, flat, nn.Linear(128, 64), norse.LIFCell(p)),
    }
    for name, layers in middle.items():
        yield name, norse.SequentialState(*layers, nn.Linear(64, 10), norse.LIFCell(p)), _with_state


def spikingjelly_networks() -> Iterator[tuple[str, nn.Module, Forward]]:
    """Multi-step modules of SpikingJelly."""
    from spikingjelly.activation_based import functional, layer, neuron

    lif: dict[str, Any] = {"tau": 2.0, "decay_input": False}
    loop = layer.LinearRecurrentContainer(neuron.LIFNode(**lif), 64, 64)
    middle = {
        "feed-forward": (layer.Flatten(), layer.Linear(64, 64), neuron.LIFNode(**lif)),
        "recurrent": (layer.Flatten(), layer.Linear(64, 64), loop),
        "convolutional": (
            layer.Conv2d(1, 8, 3, padding=1), layer.BatchNorm2d(8), neuron.IFNode(), layer.MaxPool2d(2),
            layer.Flatten(), layer.Linear(128, 64), neuron.LIFNode(**lif),
        ),
    }  # fmt: skip
    for name, layers in middle.items():
        net = nn.Sequential(*layers, layer.Linear(64, 10), neuron.LIFNode(**lif))
        functional.set_step_mode(net, "m")
        yield name, net, _time_first(functional.reset_net)


def sinabs_networks() -> Iterator[tuple[str, nn.Module, Forward]]:
    """Layers of sinabs that send one spike a step."""
    import sinabs.layers as sl
    from sinabs.activation import SingleSpike

    lif: dict[str, Any] = {"tau_mem": 10.0, "norm_input": False, "spike_fn": SingleSpike}
    loop = nn.Linear(64, 64, bias=False)
    middle = {
        "feed-forward": (nn.Flatten(2), nn.Linear(64, 64), sl.LIF(**lif)),
        "recurrent": (nn.Flatten(2), nn.Linear(64, 64), sl.LIFRecurrent(**lif, rec_connect=loop)),
        "convolutional": (
            sl.Repeat(nn.Conv2d(1, 8, 3, padding=1)), sl.LIF(**lif), sl.Repeat(sl.SumPool2d(2)), nn.Flatten(2),
            nn.Linear(128, 64), sl.LIF(**lif),
        ),
    }  # fmt: skip
    for name, layers in middle.items():
        net = nn.Sequential(*layers, nn.Linear(64, 10), sl.IAF(spike_fn=SingleSpike))
        yield name, net, _time_second(_reset_sinabs)


FRAMEWORKS = {
    "snntorch": snntorch_networks,
    "norse": norse_networks,
    "spikingjelly": spikingjelly_networks,
    "sinabs": sinabs_networks,
}


def _reset_snntorch(net: nn.Module) -> None:
    from snntorch import utils

    utils.reset(net)


def _reset_sinabs(net: nn.Module) -> None:
    """New states: those of sinabs stay in the graph of the batch before, recurrent ones beyond its own reset."""
    for module in net.modules():
        if isinstance(getattr(module, "v_mem", None), torch.Tensor):
            module.v_mem = torch.zeros(0)


def _stepped(reset: Callable[[nn.Module], Any]) -> Forward:
    def forward(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
        reset(net)
        return torch.stack([net(step) for step in x.unbind(1)]).sum(0)

    return forward


def _with_state(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
    state, total = None, torch.zeros(())
    for step in x.unbind(1):
        out, state = net(step, state)
        total = total + out
    return total


def _time_first(reset: Callable[[nn.Module], Any]) -> Forward:
    def forward(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
        reset(net)
        return torch.as_tensor(net(x.transpose(0, 1)).sum(0))

    return forward


def _time_second(reset: Callable[[nn.Module], Any]) -> Forward:
    def forward(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
        reset(net)
        return torch.as_tensor(net(x).sum(1))

    return forward


def train(net: nn.Module, forward: Forward, x: torch.Tensor, y: torch.Tensor) -> None:
    """A few epochs of Adam on the counts of spikes."""
    optimizer = torch.optim.Adam(net.parameters(), RATE)
    net.train()
    for _ in range(EPOCHS):
        for rows in torch.split(torch.randperm(len(x)), BATCH):
            loss = nn.functional.cross_entropy(forward(net, x[rows]) / 4, y[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    net.eval()


def main(names: list[str]) -> int:
    """Print a row a network."""
    x, y = digits()
    given, classes = torch.tensor(x), torch.tensor(y)
    print("| framework | network | compared on 32 samples | framework | integers | decisions that differ |")
    print("|---|---|---|---|---|---|")
    for name in names or FRAMEWORKS:
        if find_spec(name) is None:
            print(f"{name} is not installed", file=sys.stderr)
            continue
        torch.manual_seed(0)
        for kind, net, forward in FRAMEWORKS[name]():
            train(net, forward, given[TEST:], classes[TEST:])
            print(row(name, kind, net, forward, x, y), flush=True)
    return 0


def row(name: str, kind: str, net: nn.Module, forward: Forward, x: Array, y: Array) -> str:
    """Read, compare, compile and run."""
    with torch.no_grad():
        theirs = forward(net, torch.tensor(x[:TEST])).argmax(-1).numpy()
    graph = sm.from_torch(net, x[:32])
    outcome = graph.metadata["seamount"]["checked"]["outcome"]
    program = sm.compile(graph, calibrate=x[TEST:]).program
    payloads = payloads_of(encode_all(program, x[:TEST].reshape(TEST, STEPS, -1)))
    ours = decide(program, simulate(program, payloads, strict=False))
    shares = " | ".join(f"{100 * np.mean(found == y[:TEST]):.2f} %" for found in (theirs, ours))
    return f"| {name} | {kind} | {outcome.split('layers, ')[1]} | {shares} | {int(np.sum(theirs != ours))} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
