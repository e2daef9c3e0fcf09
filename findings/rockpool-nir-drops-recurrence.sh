#!/usr/bin/env bash
# rockpool 3.1.0 with NIR 1.0.8: to_nir of a LIFTorch layer leaves out its recurrent weights and its bias.
#
# Guess:   a recurrent layer becomes a neuron node with a weight node that leads back to it, or the export is refused.
# Instead: the graph is feed-forward. The matrix w_rec and the bias are in no node, and nothing is raised or logged.
#          The same layer without the two sends other spikes.
# Matters: recurrence is what carries memory in nets for sequences such as the Braille example of NIR. The file is
#          valid and runs anywhere, as another network than the one that was trained.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 scipy==1.17.1 torch==2.13.0 nir==1.0.8 nirtorch==2.6
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps rockpool==3.1.0

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import torch
from rockpool.nn.combinators import Sequential
from rockpool.nn.modules import LIFTorch, LinearTorch, to_nir

print(*(f"{name} {version(name)}" for name in ("rockpool", "nir", "nirtorch", "torch")))
SETTINGS = {"tau_mem": 20e-3, "tau_syn": 10e-3, "threshold": 1.0, "dt": 1e-3, "max_spikes_per_dt": 1}
weight = torch.tensor([[0.05, 0.02, 0.0], [0.0, 0.03, 0.06]])
# Neuron 0 excites neuron 1, which excites neuron 2, which inhibits neuron 0.
recurrent = torch.tensor([[0.0, 0.2, 0.0], [0.0, 0.0, 0.2], [-0.2, 0.0, 0.0]])


def spikes(**extras: object) -> list[int]:
    """The spikes of each neuron in 200 steps of constant input."""
    layer = LIFTorch(3, **SETTINGS, **extras)
    with torch.no_grad():
        return Sequential(LinearTorch((2, 3), weight=weight), layer)(torch.ones(1, 200, 2))[0].sum(1)[0].int().tolist()


bias = torch.tensor([0.0, 0.0, 0.025])
trained = {"has_rec": True, "w_rec": recurrent, "bias": bias}
graph = to_nir(Sequential(LinearTorch((2, 3), weight=weight), LIFTorch(3, **SETTINGS, **trained)), torch.ones(1, 1, 2))
kinds = {name: type(node).__name__ for name, node in graph.nodes.items()}
arrays = [np.asarray(value) for node in graph.nodes.values() for value in vars(node).values() if np.ndim(value)]
print("nodes:", kinds)
print("edges:", sorted(graph.edges))
print("spikes of the layer:                       ", spikes(**trained))
print("spikes without what the graph does not hold:", spikes())
held = {round(float(value), 6) for array in arrays if array.dtype.kind == "f" for value in array.flat}
loops = [edge for edge in graph.edges if edge[0] == "1_LIFTorch" and edge[1] != "output"]
if loops or held & {0.2, -0.2, 0.025} or spikes(**trained) == spikes():
    sys.exit("changed: recurrent weights or bias are in the graph now")
print("as stated: recurrence and bias are gone")
PYTHON
