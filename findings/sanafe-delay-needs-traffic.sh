#!/usr/bin/env bash
# sanafe 2.2.9: a delayed spike arrives only if other spikes keep arriving meanwhile, on its own Loihi description.
#
# Guess:   a synapse with delay 3 hands its spike over some fixed steps later, whatever else happens in the network.
# Instead: the delaying dendrite takes its waiting charge forward only in steps in which the neuron receives
#          something. In a quiet network the spike is lost. With a second source that fires in every step over a
#          weight of 0 it arrives. The fixed part is a surprise as well: the plain dendrite takes one step, the
#          delaying one delay + 2.
# Matters: delays are there for sparse temporal codes, and those are the nets with quiet steps. Spike counts and
#          energy come out too low, more so the sparser the net, and nothing is raised or logged.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.3.5 sanafe==2.2.9

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import sanafe

STEPS, SENT = 12, 1


def arrivals(delay: int | None, traffic: bool) -> list[int]:
    """The steps in which the target fires after one spike over a weight above its threshold.

    Without a delay the plain dendrite is used. With traffic a second source fires in every later step, with weight 0.
    """
    architecture, network = sanafe.load_loihi(), sanafe.Network()
    cores = [core for tile in architecture.tiles for core in tile.cores]
    sources = network.create_neuron_group("sources", 2)
    trains = [[step == SENT for step in range(STEPS)], [traffic and step > SENT for step in range(STEPS)]]
    for number, train in enumerate(trains):
        sources[number].set_attributes(soma_hw_name=f"loihi_inputs[{number}]", model_attributes={"spikes": train})
    target = network.create_neuron_group(
        "target",
        1,
        soma_hw_name="loihi_lif",
        default_synapse_hw_name="loihi_dense_synapse",
        default_dendrite_hw_name="loihi_dendrites" if delay is None else "loihi_dendrites_delay",
        log_spikes=True,
        model_attributes={"threshold": 50.0, "leak_decay": 1.0, "input_decay": 0.0, "force_update": True},
    )
    sources.map_to_core(cores[0])
    target.map_to_core(cores[1])
    for number, weight in enumerate((100.0, 0.0)):
        sources[number].connect_to_neuron(target[0], {"weight": weight} | ({} if delay is None else {"delay": delay}))
    chip = sanafe.SpikingChip(architecture)
    chip.load(network)
    trace = chip.sim(STEPS, timing_model="simple", spike_trace=True)["spike_trace"]
    return [step for step, fired in enumerate(trace) if any(address.group_name == "target" for address in fired)]


print("sanafe", version("sanafe"))
found = {(delay, traffic): arrivals(delay, traffic) for delay in (None, 1, 3) for traffic in (False, True)}
for (delay, traffic), steps in found.items():
    others = "a second source fires with weight 0" if traffic else "no other spikes"
    print(f"spike sent in step {SENT}, delay {delay}, {others}: target fires in steps {steps}")
quiet = {(None, False): [2], (1, False): [], (3, False): []}
if found != quiet | {(None, True): [2], (1, True): [4], (3, True): [6]}:
    sys.exit("changed: delayed spikes no longer depend on other traffic in this way")
print("as stated: in a quiet network the delayed spike is lost")
PYTHON
