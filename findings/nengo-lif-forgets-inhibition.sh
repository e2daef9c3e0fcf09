#!/usr/bin/env bash
# nengo 4.1.0: the default LIF neuron has no voltage below 0, so it forgets inhibition in the step in which it ends.
#
# Guess:   an inhibited LIF neuron has a negative voltage and needs some membrane time constants to come back, as in
#          the LIF equation of NIR, snnTorch or Norse.
# Instead: nengo.LIF has min_voltage = 0. After 100 ms of strong inhibition the voltage is 0 and the first spike comes
#          as early as from rest. With min_voltage = -inf the same neuron fires its first spike 41 ms later.
# Matters: networks carried over from NIR lose every effect of inhibition that outlasts its spikes. A steady positive
#          drive does not show it; whatever alternates does.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.3.5 nengo==4.1.0

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import nengo
import numpy as np

INHIBITED_S, RUN_S, DT_S = 0.1, 0.3, 0.001


def run(inhibition: float, **settings: float) -> tuple[float, int]:
    """The voltage when the inhibition ends, and the steps from there to the first spike of a drive of 1.5."""
    with nengo.Network(seed=0) as network:
        drive = nengo.Node(lambda t: inhibition if round(t / DT_S) <= INHIBITED_S / DT_S else 1.5)
        neuron_type = nengo.LIF(tau_rc=0.02, tau_ref=0.002, **settings)
        neuron = nengo.Ensemble(1, 1, neuron_type=neuron_type, gain=[1], bias=[0], encoders=[[1]]).neurons
        nengo.Connection(drive, neuron, synapse=None)
        voltage, spikes = nengo.Probe(neuron, "voltage"), nengo.Probe(neuron)
    with nengo.Simulator(network, dt=DT_S, progress_bar=False) as simulator:
        simulator.run(RUN_S)
    end = round(INHIBITED_S / DT_S)
    fired = np.flatnonzero(simulator.data[spikes][:, 0])
    return round(float(simulator.data[voltage][end - 1, 0]), 3), int(fired[0]) - end


print("nengo", version("nengo"), "numpy", version("numpy"))
found = {
    "from rest, default": run(0.0),
    "inhibited, default": run(-10.0),
    "inhibited, min_voltage=-inf": run(-10.0, min_voltage=-np.inf),
}
for name, (voltage, steps) in found.items():
    print(f"{name}: voltage {voltage} when the drive begins, first spike {steps} steps later")
rest, default, free = (steps for _, steps in found.values())
if default != rest or free <= rest:
    sys.exit("changed: inhibition leaves a trace in the default LIF")
print(f"as stated: inhibition delays the spike by 0 steps, and by {free - rest} without the bound")
PYTHON
