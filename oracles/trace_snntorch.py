"""snnTorch's own traces: ``trace_snntorch.py FOLDER``, in an environment with snntorch."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nir
import numpy as np
import snntorch
import torch
from framework_data import SIZES, inputs, keep, spread, square, weights
from snntorch.export_nir import export_to_nir

RESETS: dict[str, tuple[str, dict[str, Any]]] = {
    "leaky": ("snntorch-leaky", {}),
    "zero": ("snntorch-zero", {"reset_mechanism": "zero"}),
    "zero_at_once": ("snntorch-zero", {"reset_mechanism": "zero", "reset_delay": False}),
    "subtract": ("snntorch-subtract", {"reset_mechanism": "subtract", "reset_delay": False}),
    "none": ("snntorch-none", {"reset_mechanism": "none"}),
}


def main(folder: Path) -> None:
    """Write a case for each reset rule, and for Synaptic, RLeaky, betas out of range and ties."""
    torch.set_grad_enabled(False)
    for name, (preset, rule) in RESETS.items():
        betas = [spread(3 + k, 0.6, 0.95, size) for k, size in enumerate(SIZES[1:])]
        _feedforward(folder, f"snntorch_{name}", preset, [_leaky(beta, rule) for beta in betas])
    for beta in (0.5, 0.75, 0.875, 0.9):
        layers = [_leaky(np.full(size, beta, np.float32), RESETS["leaky"][1]) for size in SIZES[1:]]
        _feedforward(folder, f"snntorch_ties_{beta}", "snntorch-leaky", layers, grid=True)
    betas = [
        np.linspace(low, high, size, dtype=np.float32)
        for size, low, high in zip(SIZES[1:], (-0.2, 0.5), (1.3, 1.1), strict=True)
    ]
    _feedforward(folder, "snntorch_beta_clamped", "snntorch-leaky", [_leaky(beta, {}) for beta in betas])
    layers = [_synaptic(spread(7 + k, 0.4, 0.9, n), spread(9 + k, 0.5, 0.9, n)) for k, n in enumerate(SIZES[1:])]
    _feedforward(folder, "snntorch_synaptic", "snntorch-leaky", layers, gain=0.6)
    _recurrent(folder)


def _leaky(beta: Any, rule: dict[str, Any]) -> Any:
    return snntorch.Leaky(beta=torch.tensor(beta), threshold=torch.ones(len(beta)), init_hidden=True, **rule)


def _synaptic(alpha: Any, beta: Any) -> Any:
    vectors = {"alpha": torch.tensor(alpha), "beta": torch.tensor(beta), "threshold": torch.ones(len(beta))}
    return snntorch.Synaptic(**vectors, init_hidden=True)


def _feedforward(folder: Path, case: str, preset: str, layers: list[Any], **how: Any) -> None:
    matrices = weights(1, **how)
    linears = [torch.nn.Linear(matrix.shape[1], matrix.shape[0], bias=False) for matrix in matrices]
    for linear, matrix in zip(linears, matrices, strict=True):
        linear.weight.data = torch.tensor(matrix)
    net = torch.nn.Sequential(linears[0], layers[0], linears[1], layers[1])
    _run(folder, case, preset, net, {"1": net[1], "3": net[3]})


def _recurrent(folder: Path) -> None:
    matrices, (loop, bias) = weights(1), square(5)
    cell = snntorch.RLeaky(
        beta=torch.tensor(spread(3, 0.6, 0.95, SIZES[1])), threshold=torch.ones(SIZES[1]), linear_features=SIZES[1],
        init_hidden=True,
    )  # fmt: skip
    cell.recurrent.weight.data, cell.recurrent.bias.data = torch.tensor(loop), torch.tensor(bias)
    linear = torch.nn.Linear(SIZES[0], SIZES[1], bias=False)
    linear.weight.data = torch.tensor(matrices[0])
    net = torch.nn.Sequential(linear, cell)
    _run(folder, "snntorch_rleaky", "snntorch-leaky", net, {"1.lif": cell})


def _run(folder: Path, case: str, preset: str, net: Any, layers: dict[str, Any]) -> None:
    x = inputs()
    graph = export_to_nir(net, torch.tensor(x[:1, 0]), ignore_dims=[0])
    nir.write(str(folder / f"{case}.nir"), graph)
    sent: dict[str, list[Any]] = {name: [] for name in layers}
    for module in layers.values():
        (module.reset_mem if hasattr(module, "reset_mem") else module.reset_hidden)()
    hooks = [
        module.register_forward_hook(lambda _m, _i, out, name=name: sent[name].append(out.numpy().copy()))
        for name, module in layers.items()
    ]
    for step in np.moveaxis(x, 1, 0):
        net(torch.tensor(step))
    for hook in hooks:
        hook.remove()
    facts = {"tool": "snntorch", "version": version("snntorch"), "nir": version("nir"), "torch": version("torch")}
    keep(folder, case, preset, x, {name: np.stack(steps, 1) for name, steps in sent.items()}, **facts)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
