#!/usr/bin/env bash
# sinabs 3.1.3 with NIR 1.0.4: an IAF layer that sinabs writes and reads back is another neuron.
#
# Guess:   to_nir followed by from_nir of one library gives a net that sends the same spikes, or refuses what a file
#          cannot say.
# Instead: the file holds r and the threshold. from_nir builds an IAF layer with a lower bound of minus the threshold
#          on the voltage, which the layer did not have, and with several spikes a step in place of the single one
#          that was asked for. Six inputs that gave two spikes of 1 in steps 0 and 1 give spikes of 2 in steps 0 and
#          3.
# Matters: the lower bound forgets inhibition, and spikes of 2 are no events for chips and formats that know only 0
#          and 1. Networks of others, which have neither in their NIR file, get both as well.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 torch==2.13.0 h5py==3.16.0 scipy==1.17.1 matplotlib==3.11.2 pbr==7.0.3
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps sinabs==3.1.3 nir==1.0.4 nirtorch==2.0.2

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import torch
from sinabs.activation import SingleSpike
from sinabs.layers import IAFSqueeze
from sinabs.nir import from_nir, to_nir

print(*(f"{name} {version(name)}" for name in ("sinabs", "nir", "nirtorch", "torch")))
inputs = torch.tensor([[2.5], [0.0], [-4.0], [3.0], [0.5], [0.0]])
net = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), IAFSqueeze(batch_size=1, spike_fn=SingleSpike))
net[0].weight.data[:] = 1.0
with torch.no_grad():
    before = net(inputs).flatten().tolist()
    net[1].reset_states()
    graph = to_nir(net, torch.zeros(1, 1))
    after = from_nir(graph, batch_size=1)(inputs)[0].flatten().tolist()
print("neuron in the graph:", next(node for name, node in graph.nodes.items() if type(node).__name__ == "IF"))
print("inputs:      ", inputs.flatten().tolist())
print("spikes:      ", before)
print("read back:   ", after)
if before != [1, 1, 0, 0, 0, 0] or after != [2, 0, 0, 2, 0, 0]:
    sys.exit("changed: the spikes before or after the round trip are others")
print("as stated: a lower bound and multiple spikes appeared on the way")
PYTHON
