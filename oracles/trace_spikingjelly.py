"""SpikingJelly's own traces: ``trace_spikingjelly.py FOLDER``, in an environment with spikingjelly."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nir
import numpy as np
import torch
from framework_data import inputs, keep, weights
from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly.activation_based.nir_exchange import export_to_nir

NEURONS: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "if": (neuron.IFNode, {"v_reset": 0.0}, {}),
    "if_ties": (neuron.IFNode, {"v_reset": 0.0}, {"grid": True}),
    "if_below": (neuron.IFNode, {"v_reset": -0.3}, {}),
    "lif": (neuron.LIFNode, {"tau": 3.0, "v_reset": 0.0}, {"gain": 3.0}),
    "lif_ties": (neuron.LIFNode, {"tau": 2.0, "v_reset": 0.0}, {"gain": 2.0, "grid": True}),
    "lif_below": (neuron.LIFNode, {"tau": 3.0, "v_reset": -0.3}, {"gain": 4.0}),
    "lif_whole_input": (neuron.LIFNode, {"tau": 4.0, "v_reset": 0.0, "decay_input": False}, {}),
    "plif": (neuron.ParametricLIFNode, {"init_tau": 2.5, "v_reset": 0.0}, {"gain": 3.0}),
    "cubalif": (neuron.CUBALIFNode, {"c_decay": 0.6, "v_decay": 0.8, "v_reset": 0.0}, {"gain": 0.6}),
}


def main(folder: Path) -> None:
    """Write a case for each neuron with hard reset, and two with soft reset, whose files are those of the hard ones."""
    torch.set_grad_enabled(False)
    for name, (kind, given, how) in NEURONS.items():
        _run(folder, f"spikingjelly_{name}", "spikingjelly", kind, given, given, how)
    for name in ("if", "if_ties", "lif", "lif_ties"):
        kind, given, how = NEURONS[name]
        _run(folder, f"spikingjelly_soft_{name}", "spikingjelly-soft", kind, given, {**given, "v_reset": None}, how)


def _net(kind: Any, given: dict[str, Any], how: dict[str, Any]) -> Any:
    matrices = weights(1, **how)
    linears = [layer.Linear(*matrix.shape[::-1], bias=False) for matrix in matrices]
    for linear, matrix in zip(linears, matrices, strict=True):
        linear.weight.data = torch.tensor(matrix)
    return torch.nn.Sequential(linears[0], kind(**given), linears[1], kind(**given))


def _run(folder: Path, case: str, preset: str, kind: Any, written: Any, given: Any, how: Any) -> None:
    x = inputs()
    graph = export_to_nir(_net(kind, written, how), torch.tensor(x[:1, 0]), dt=1e-4)
    nir.write(str(folder / f"{case}.nir"), graph)
    net = _net(kind, given, how)
    functional.reset_net(net)
    sent: tuple[list[Any], list[Any]] = ([], [])
    for step in np.moveaxis(x, 1, 0):
        hidden = net[1](net[0](torch.tensor(step)))
        sent[0].append(hidden.numpy().copy())
        sent[1].append(net[3](net[2](hidden)).numpy().copy())
    names = [name for name in graph.nodes if graph.nodes[name].__class__.__name__ in ("IF", "LIF", "CubaLIF")]
    layers = {name: np.stack(steps, 1) for name, steps in zip(sorted(names), sent, strict=True)}
    facts = {
        "tool": "spikingjelly",
        "version": version("spikingjelly"),
        "nir": version("nir"),
        "torch": version("torch"),
    }
    keep(folder, case, preset, x, layers, **facts)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
