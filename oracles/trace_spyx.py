"""spyx' own traces: ``trace_spyx.py FOLDER``, in an environment with spyx."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import nir
import numpy as np
from flax import nnx
from framework_data import SIZES, inputs, keep, spread, weights
from spyx import nn
from spyx.nir import to_nir


def main(folder: Path) -> None:
    """Write a case for each neuron; betas are learned, so some lie outside 0 .. 1 and are clipped when run."""
    rngs = nnx.Rngs(0)
    sizes = [(size,) for size in SIZES[1:]]
    _run(folder, "spyx_if", "spyx-lif", [nn.IF(size) for size in sizes])
    _run(folder, "spyx_if_ties", "spyx-lif", [nn.IF(size) for size in sizes], grid=True)
    _run(folder, "spyx_lif", "spyx-lif", [_with(nn.LIF(size, rngs=rngs), k) for k, size in enumerate(sizes)])
    _run(folder, "spyx_lif_default", "spyx", [nn.LIF(size, rngs=rngs) for size in sizes])
    _run(
        folder,
        "spyx_cubalif",
        "spyx-cubalif",
        [_with(nn.CuBaLIF(s, rngs=rngs), k) for k, s in enumerate(sizes)],
        gain=0.6,
    )
    mixed = [_with(nn.LIF(sizes[0], rngs=rngs), 0), _with(nn.CuBaLIF(sizes[1], rngs=rngs), 1)]
    _run(folder, "spyx_lif_and_cubalif", "spyx", mixed)
    _run(
        folder, "spyx_psu_lif", "spyx-psu", [_with(nn.PSU_LIF(s, rngs=rngs), k) for k, s in enumerate(sizes)], gain=0.5
    )


def _with(layer: Any, seed: int) -> Any:
    """The layer with decays of its own for each neuron."""
    for place, name in enumerate(("alpha", "beta")):
        if hasattr(layer, name):
            setattr(layer, name, nnx.Param(jnp.asarray(spread(seed + 5 * place, 0.5, 0.95, layer.hidden_shape[0]))))
    return layer


def _run(folder: Path, case: str, preset: str, layers: list[Any], **how: Any) -> None:
    matrices = weights(1, **how)
    linears = [nnx.Linear(*matrix.shape[::-1], use_bias=False, rngs=nnx.Rngs(0)) for matrix in matrices]
    for linear, matrix in zip(linears, matrices, strict=True):
        linear.kernel = nnx.Param(jnp.asarray(matrix.T))
    net = nn.Sequential(linears[0], layers[0], linears[1], layers[1])
    ports = [{name: np.array([size])} for name, size in (("input", SIZES[0]), ("output", SIZES[-1]))]
    graph = to_nir(net, *ports)
    nir.write(str(folder / f"{case}.nir"), graph)
    x = inputs()
    states = [layer.initial_state(len(x)) for layer in layers]
    sent: tuple[list[Any], list[Any]] = ([], [])
    for step in np.moveaxis(x, 1, 0):
        signal = jnp.asarray(step)
        for k in range(2):
            signal, states[k] = layers[k](linears[k](signal), states[k])
            sent[k].append(np.asarray(signal))
    names = [f"layer_{k}_threshold" if f"layer_{k}_threshold" in graph.nodes else f"layer_{k}" for k in (1, 3)]
    facts = {"tool": "spyx", "version": version("spyx"), "nir": version("nir"), "jax": version("jax")}
    keep(folder, case, preset, x, {name: np.stack(steps, 1) for name, steps in zip(names, sent, strict=True)}, **facts)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
