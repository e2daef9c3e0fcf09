#!/usr/bin/env bash
# norse 1.1.0 reading NIR 1.0.8: the v_leak of a CubaLIF is also taken as the rest of its synaptic current.
#
# Guess:   NIR has v_leak as the rest of the membrane alone; a synaptic current without input decays to 0. With v_leak
#          = 0.5 and no input the voltage settles at 0.5 and stays below a threshold of 0.8.
# Instead: from_nir gives v_leak to the synapse and to the membrane. The current settles at 0.5, drives the membrane
#          by r times that, and the voltage heads for 1.0: the neuron fires for ever without any input. The LIF node
#          with the same v_leak, threshold and time constant is read rightly and stays silent.
# Matters: v_leak can carry the bias of a layer. Such a file is read without a word and the network is driven twice: a
#          net that rests by its equations never stops firing.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 torch==2.13.0 nir==1.0.8 nirtorch==2.6
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps norse==1.1.0

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import nir
import numpy as np
import torch
from norse.torch import from_nir

print(*(f"{name} {version(name)}" for name in ("norse", "nir", "nirtorch", "torch", "numpy")))


def spikes_without_input(neuron: nir.NIRNode) -> int:
    """The spikes of one neuron in 400 steps of 1 ms with zero input."""
    shape = np.array([1])
    nodes = {"input": nir.Input({"input": shape}), "neuron": neuron, "output": nir.Output({"output": shape})}
    network = from_nir(nir.NIRGraph(nodes=nodes, edges=[("input", "neuron"), ("neuron", "output")]), dt=1e-3)
    count, state = 0, None
    with torch.no_grad():
        for _ in range(400):
            spikes, state = network(torch.zeros(1, 1), state)
            count += int(spikes.item())
    return count


def field(value: float) -> np.ndarray:
    """A parameter of a layer of one neuron."""
    return np.array([value])


shared = {"r": field(1.0), "v_leak": field(0.5), "v_threshold": field(0.8)}
found = {
    "LIF": spikes_without_input(nir.LIF(tau=field(10e-3), **shared)),
    "CubaLIF": spikes_without_input(nir.CubaLIF(tau_mem=field(10e-3), tau_syn=field(5e-3), w_in=field(1.0), **shared)),
}
for kind, count in found.items():
    print(f"{kind} with v_leak 0.5 and threshold 0.8, 400 steps without input: {count} spikes")
if found["LIF"] != 0 or found["CubaLIF"] == 0:
    sys.exit("changed: a CubaLIF no longer fires from its v_leak alone")
print("as stated: the current of the CubaLIF rests at v_leak too")
PYTHON
