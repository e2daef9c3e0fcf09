"""Norse's own traces: ``trace_norse.py FOLDER``, in an environment with norse."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nir
import norse.torch as norse
import numpy as np
import torch
from framework_data import SIZES, inputs, keep, spread, weights
from norse.torch.module.iaf import IAFCell, IAFParameters
from norse.torch.module.lif_box import LIFBoxCell, LIFBoxParameters

DT = 1e-3
HIDDEN, OUT = SIZES[1:]


def main(folder: Path) -> None:
    """Write a case for each cell."""
    torch.set_grad_enabled(False)
    _run(folder, "norse_lif", "norse-lif", [_lif(HIDDEN, 1), _lif(OUT, 2)])
    _run(folder, "norse_lif_at_rest", "norse-lif", [_lif(HIDDEN, 1, 0.2), _lif(OUT, 2, 0.1)])
    _run(folder, "norse_lifbox", "norse-lifbox", [_box(HIDDEN, 1, 0.0), _box(OUT, 2, 0.0)], gain=4.0)
    _run(folder, "norse_lifbox_at_rest", "norse-lifbox", [_box(HIDDEN, 1, 0.4), _box(OUT, 2, 0.3)], gain=2.0)
    _run(folder, "norse_iaf", "norse-iaf", [_iaf(HIDDEN), _iaf(OUT)])
    _run(folder, "norse_iaf_ties", "norse-iaf", [_iaf(HIDDEN), _iaf(OUT)], grid=True)
    _run(folder, "norse_iaf_and_lifbox", "norse-lifbox", [_iaf(HIDDEN), _box(OUT, 2, 0.2)], gain=2.0)


def _full(size: int, value: float) -> Any:
    return torch.full((size,), value)


def _lif(size: int, seed: int, v_leak: float = 0.0) -> Any:
    rates = {
        "tau_mem_inv": torch.tensor(spread(seed, 80, 400, size)),
        "tau_syn_inv": torch.tensor(spread(seed + 9, 150, 600, size)),
    }
    values = {"v_th": _full(size, 0.5), "v_leak": _full(size, v_leak), "v_reset": _full(size, 0.0)}
    return norse.LIFCell(norse.LIFParameters(**rates, **values), dt=DT)


def _box(size: int, seed: int, v_leak: float) -> Any:
    values = {"v_th": _full(size, 1.0), "v_leak": _full(size, v_leak), "v_reset": _full(size, 0.0)}
    return LIFBoxCell(LIFBoxParameters(tau_mem_inv=torch.tensor(spread(seed, 80, 400, size)), **values), dt=DT)


def _iaf(size: int) -> Any:
    return IAFCell(IAFParameters(v_th=_full(size, 1.0), v_reset=_full(size, 0.0)))


def _run(folder: Path, case: str, preset: str, cells: list[Any], **how: Any) -> None:
    matrices = weights(1, **how)
    linears = [torch.nn.Linear(*matrix.shape[::-1]) for matrix in matrices]
    for linear, matrix in zip(linears, matrices, strict=True):
        linear.weight.data, linear.bias.data = torch.tensor(matrix), torch.zeros(len(matrix))
    net = norse.SequentialState(linears[0], cells[0], linears[1], cells[1])
    nir.write(str(folder / f"{case}.nir"), norse.to_nir(net, torch.zeros(SIZES[0]), dt=DT))
    x = inputs()
    state = [None, None]
    sent: tuple[list[Any], list[Any]] = ([], [])
    for step in np.moveaxis(x, 1, 0):
        signal = torch.tensor(step)
        for k in range(2):
            signal, state[k] = cells[k](linears[k](signal), state[k])
            sent[k].append(signal.numpy().copy())
    facts = {"tool": "norse", "version": version("norse"), "nir": version("nir"), "torch": version("torch")}
    keep(folder, case, preset, x, {"1": np.stack(sent[0], 1), "3": np.stack(sent[1], 1)}, **facts)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
