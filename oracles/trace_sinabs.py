"""sinabs' own traces: ``trace_sinabs.py FOLDER``, in an environment with sinabs, whose nir is at most 1.0.4."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nir
import sinabs.layers as sl
import torch
from framework_data import SIZES, inputs, keep, spread, weights
from sinabs.activation import MembraneReset, MembraneSubtract, SingleSpike
from sinabs.nir import to_nir


def main(folder: Path) -> None:
    """Write a case for each layer."""
    torch.set_grad_enabled(False)
    once: dict[str, Any] = {"spike_fn": SingleSpike}
    _run(folder, "sinabs_iaf", "sinabs-iaf", [sl.IAF(**once, reset_fn=MembraneSubtract()) for _ in range(2)])
    _run(folder, "sinabs_iaf_ties", "sinabs-iaf", [sl.IAF(**once) for _ in range(2)], grid=True)
    _run(folder, "sinabs_iaf_zero", "sinabs-iaf-zero", [sl.IAF(**once, reset_fn=MembraneReset()) for _ in range(2)])
    for preset, norm, gain in (("sinabs-lif", True, 5.0), ("sinabs-lif-unnormed", False, 1.0)):
        layers = [
            sl.LIF(
                tau_mem=torch.tensor(spread(k, 3, 20, size)), spike_threshold=torch.ones(size), norm_input=norm, **once
            )
            for k, size in enumerate(SIZES[1:])
        ]
        _run(folder, preset.replace("-", "_"), preset, layers, gain=gain)


def _run(folder: Path, case: str, preset: str, layers: list[Any], **how: Any) -> None:
    matrices = weights(1, **how)
    linears = [torch.nn.Linear(matrix.shape[1], matrix.shape[0], bias=False) for matrix in matrices]
    for linear, matrix in zip(linears, matrices, strict=True):
        linear.weight.data = torch.tensor(matrix)
    net = torch.nn.Sequential(linears[0], layers[0], linears[1], layers[1])
    x = inputs()
    first = layers[0](linears[0](torch.tensor(x)))
    sent = [first.numpy().copy(), layers[1](linears[1](first)).numpy().copy()]
    nir.write(str(folder / f"{case}.nir"), to_nir(net, torch.tensor(x[:1])))
    facts = {"tool": "sinabs", "version": version("sinabs"), "nir": nir.version, "torch": version("torch")}
    keep(folder, case, preset, x, {"1": sent[0], "3": sent[1]}, **facts)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
