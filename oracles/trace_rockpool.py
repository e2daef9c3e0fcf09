"""Traces of rockpool (AGPL: in a process of its own): ``trace_rockpool.py FOLDER``, in an environment with rockpool."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nir
import numpy as np
import torch
from framework_data import SIZES, inputs, keep, weights
from rockpool.nn.combinators import Sequential
from rockpool.nn.modules.torch import LIFNeuronTorch, LIFTorch, LinearTorch
from rockpool.nn.modules.torch.nir import to_nir
from rockpool.parameters import Constant

DT = 1e-3


def main(folder: Path) -> None:
    """Write a case for each neuron."""
    torch.set_grad_enabled(False)
    taus = {"tau_mem": Constant(20e-3), "bias": Constant(0.0), "threshold": Constant(1.0), "dt": DT}
    taus["max_spikes_per_dt"] = 1  # the default sends floor(v / threshold)
    _run(folder, "rockpool_lif", [LIFTorch(size, tau_syn=Constant(5e-3), **taus) for size in SIZES[1:]], 0.3)
    _run(folder, "rockpool_lifneuron", [LIFNeuronTorch(size, **taus) for size in SIZES[1:]], 0.7)


def _run(folder: Path, case: str, layers: list[Any], gain: float) -> None:
    matrices = weights(1, gain=gain)
    linears = [
        LinearTorch(matrix.shape[::-1], weight=torch.tensor(matrix.T.copy()), has_bias=False) for matrix in matrices
    ]
    net = Sequential(linears[0], layers[0], linears[1], layers[1])
    nir.write(str(folder / f"{case}.nir"), to_nir(net, torch.zeros(1, 10, SIZES[0])))
    x = inputs()
    sent: tuple[list[Any], list[Any]] = ([], [])
    for sample in x:  # a batch of its own each, so that no state is left of the one before
        net.reset_state()
        signal = torch.tensor(sample)[None]
        for k in range(2):
            out, _, _ = linears[k](signal)
            signal, _, _ = layers[k](out)
            sent[k].append(signal.detach().numpy()[0].copy())
    names = [f"{2 * k + 1}_{type(layer).__name__}" for k, layer in enumerate(layers)]
    facts = {"tool": "rockpool", "version": version("rockpool"), "nir": version("nir"), "torch": version("torch")}
    keep(folder, case, "rockpool", x, {name: np.stack(steps) for name, steps in zip(names, sent, strict=True)}, **facts)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
