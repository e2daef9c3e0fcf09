#!/usr/bin/env bash
# snntorch 1.0.0 reading NIR 1.0.8: an IF node becomes a leaky neuron with a decay of 0.9 a step.
#
# Guess:   NIR's IF has no leak. snnTorch has a neuron for that, Leaky with beta = 1, so an IF node either becomes one
#          or is refused.
# Instead: import_from_nir makes a Leaky with beta = 0.9, whatever the file says, without a message about it. A neuron
#          that gains 0.08 a step towards a threshold of 1 should fire every 13 steps. It settles at 0.8 and never
#          fires.
# Matters: converted networks consist of IF neurons, and sinabs writes them so that snnTorch takes the file. Strong
#          inputs still give spikes and weak ones none, which looks like a loss from the conversion.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 torch==2.13.0 nir==1.0.8 nirtorch==2.6 snntorch==1.0.0

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import nir
import numpy as np
import snntorch
import torch
from snntorch.import_nir import import_from_nir

STEPS, GAIN = 100, 0.08

print(*(f"{name} {version(name)}" for name in ("snntorch", "nir", "nirtorch", "torch")))
one = np.array([1])
neuron = nir.IF(r=np.array([1.0]), v_threshold=np.array([1.0]))
nodes = {"input": nir.Input({"input": one}), "neuron": neuron, "output": nir.Output({"output": one})}
network = import_from_nir(nir.NIRGraph(nodes=nodes, edges=[("input", "neuron"), ("neuron", "output")]))
read = next(module for module in network.modules() if isinstance(module, snntorch.Leaky))


def fired(layer: snntorch.Leaky) -> tuple[int, float]:
    """The spikes and the last voltage of a neuron that is given GAIN in every step."""
    voltage, count = torch.zeros(1), 0
    with torch.no_grad():
        for _ in range(STEPS):
            spike, voltage = layer(torch.tensor([GAIN]), voltage)
            count += int(spike.item())
    return count, round(voltage.item(), 3)


expected = fired(snntorch.Leaky(beta=1.0, threshold=1.0, reset_mechanism="zero", reset_delay=False))
found = fired(read)
print(f"Leaky with beta 1: {expected[0]} spikes in {STEPS} steps of {GAIN}")
print(f"the IF node as read, beta {read.beta.item():.2f}: {found[0]} spikes, voltage {found[1]} of threshold 1.0")
if abs(read.beta.item() - 0.9) > 1e-6 or found[0] != 0 or expected[0] != 7:
    sys.exit("changed: an IF node is no longer read as Leaky(beta=0.9)")
print("as stated: the IF neuron leaks")
PYTHON
