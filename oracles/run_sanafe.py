"""SANA-FE on its own Loihi description: spikes, synaptic events and synapse energy.

Delays: a spike takes one step on the plain dendrite and `delay` + 2 steps on the delaying one, which therefore can't
do one step. Row s is step s. The delaying dendrite hands on what it holds only in steps where something new reaches
the neuron: in silent steps it loses what was due.

The current is a float and never rounded, the voltage is cut toward zero to a 64th before each step: registers are not
recorded. Every synapse is a `loihi_dense_synapse`, zero weights too.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
import sanafe
from exchange import ACTIVATION_SHIFT, PlainProgram, main

ENERGY_PER_SYNAPTIC_EVENT_J = 35.5e-12
"""`energy_process_spike` of loihi_dense_synapse in SANA-FE's loihi.yaml."""


def run(network: PlainProgram) -> tuple[dict[str, Any], dict[str, Any]]:
    """Simulate, read the traces."""
    result = build(network).sim(network.steps, timing_model="simple", spike_trace=True)
    return arrays(network, result, network.steps), _facts(result)


def build(network: PlainProgram) -> Any:
    """The chip with each group on a core; `benchmarks/foreign` times the same."""
    architecture = sanafe.load_loihi()
    described, groups = sanafe.Network(), {}
    cores = [core for tile in architecture.tiles for core in tile.cores]
    for name, spikes in network.spikes.items():
        groups[name] = described.create_neuron_group(name, spikes.shape[1])
        for channel in range(spikes.shape[1]):
            groups[name][channel].set_attributes(
                soma_hw_name=f"loihi_inputs[{channel}]",
                log_spikes=True,
                model_attributes={"spikes": spikes[:, channel].astype(bool).tolist()},
            )
        groups[name].map_to_core(cores[0])
    delayed = _delayed(network)
    for number, population in enumerate(network.populations):
        groups[population["name"]] = _group(described, population, delayed)
        groups[population["name"]].map_to_core(cores[1 + number])
    for projection in network.projections:
        _connect(groups[projection["source"]], groups[projection["target"]], projection, delayed)
    chip = sanafe.SpikingChip(architecture)
    chip.load(described)
    return chip


def _group(described: Any, population: dict[str, Any], delayed: bool) -> Any:
    group = described.create_neuron_group(
        population["name"],
        population["size"],
        soma_hw_name="loihi_lif",
        default_synapse_hw_name="loihi_dense_synapse",
        default_dendrite_hw_name="loihi_dendrites_delay" if delayed else "loihi_dendrites",
        log_spikes=True,
        model_attributes={
            "threshold": float(population["vth"]),
            "leak_decay": 1 - population["dv"] / 4096,
            "input_decay": 1 - (population["du"] + 1) / 4096,
            "reset_mode": "hard",
            "force_update": True,
        },
    )
    for neuron, bias in enumerate(population["bias_mant"] * 2.0 ** (population["bias_exp"] - ACTIVATION_SHIFT)):
        group[neuron].set_attributes(model_attributes={"bias": float(bias)})
    return group


def _delayed(network: PlainProgram) -> bool:
    """Whether the delaying dendrite is needed."""
    steps = {projection["delay_steps"] for projection in network.projections}
    if len(steps) > 1 and 1 in steps:
        raise SystemExit("a network has delays of one step everywhere or nowhere")
    return steps != {1}


def _connect(source: Any, target: Any, projection: dict[str, Any], delayed: bool) -> None:
    weights = projection["weights"] * 2.0 ** projection["exponent"]
    pairs = [(i, j) for i in range(weights.shape[1]) for j in range(weights.shape[0])]
    attributes = {"weight": [float(weights[j, i]) for i, j in pairs]}
    if delayed:
        attributes["delay"] = [projection["delay_steps"] - 2] * len(pairs)
    source.connect_neurons_sparse(target, attributes, pairs)


def arrays(network: PlainProgram, result: Any, steps: int) -> dict[str, Any]:
    """Spikes of every population in the steps of a result."""
    found = {}
    for population in network.populations:
        found[f"spikes/{population['name']}"] = np.zeros((steps, population["size"]), dtype=np.int64)
    for step, fired in enumerate(result["spike_trace"]):
        for address in fired:
            if not network.is_input(address.group_name):
                found[f"spikes/{address.group_name}"][step, address.neuron_offset] = 1
    return found


def _facts(result: Any) -> dict[str, Any]:
    """What SANA-FE counted over the whole run, in its own words; energies in joules."""
    counts = {name: result[name] for name in ("spikes", "packets_sent", "neurons_fired")}
    return {
        "delays": "plain dendrite 1 step, delaying dendrite delay + 2 steps",
        "counts": counts,
        "energy_j": result["energy"],
        "energy_per_synaptic_event_j": ENERGY_PER_SYNAPTIC_EVENT_J,
    }


if __name__ == "__main__":
    main(run, version("sanafe"))
