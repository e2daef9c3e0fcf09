"""brian2-loihi: LoihiNeuronGroup and LoihiSynapses in mixed sign mode.

Delays: a generator's spike with synaptic delay d arrives d steps later, a group's (found after that step's synapses
were served) d + 1 steps later; so delay_steps = d is d from an input and d - 1 from a population. Row s is step s.
The current is recorded before its decay, right after the synapses, which is the register after the step.
"""

from __future__ import annotations

from typing import Any

import brian2_loihi
import numpy as np
from brian2 import prefs
from brian2_loihi import (
    LoihiNetwork,
    LoihiNeuronGroup,
    LoihiSpikeGeneratorGroup,
    LoihiSpikeMonitor,
    LoihiStateMonitor,
    LoihiSynapses,
    synapse_sign_mode,
)
from exchange import PlainProgram, main

prefs.codegen.target = "numpy"


def run(network: PlainProgram) -> tuple[dict[str, Any], dict[str, Any]]:
    """Build the groups, run them, read the monitors."""
    groups, synapses = build(network)
    names = [population["name"] for population in network.populations]
    spikes = {name: LoihiSpikeMonitor(groups[name]) for name in names}
    states = {(kind, name): LoihiStateMonitor(groups[name], kind) for name in names for kind in ("I", "v")}
    LoihiNetwork(*groups.values(), *synapses, *spikes.values(), *states.values()).run(network.steps)
    arrays = {}
    for population in network.populations:
        name = population["name"]
        arrays[f"spikes/{name}"] = _raster(spikes[name], network.steps, population["size"])
        arrays[f"current/{name}"] = _integers(states["I", name].I)
        arrays[f"voltage/{name}"] = _integers(states["v", name].v)
    return arrays, {"delays": "synaptic delay d from a generator, d - 1 from a group, is d steps"}


def build(network: PlainProgram) -> tuple[dict[str, Any], list[Any]]:
    """Groups by name, and synapses; `benchmarks/foreign` times the same."""
    groups = {name: _generator(spikes) for name, spikes in network.spikes.items()}
    for population in network.populations:
        groups[population["name"]] = _group(population)
    return groups, [_synapses(network, projection, groups) for projection in network.projections]


def _generator(spikes: Any) -> Any:
    times, channels = np.nonzero(spikes)
    return LoihiSpikeGeneratorGroup(spikes.shape[1], channels, times)


def _group(population: dict[str, Any]) -> Any:
    if population["bias_mant"].any():
        raise SystemExit(f"{population['name']}: brian2-loihi has no bias")
    return LoihiNeuronGroup(
        population["size"],
        refractory=1,
        threshold_v_mant=population["vth"],
        decay_v=population["dv"],
        decay_I=population["du"] + 1,
    )


def _synapses(network: PlainProgram, projection: dict[str, Any], groups: dict[str, Any]) -> Any:
    delay = projection["delay_steps"] - (0 if network.is_input(projection["source"]) else 1)
    synapses = LoihiSynapses(
        groups[projection["source"]],
        groups[projection["target"]],
        delay=delay,
        w_exp=projection["exponent"],
        sign_mode=synapse_sign_mode.MIXED,
    )
    targets, sources = np.indices(projection["weights"].shape)
    synapses.connect(i=sources.ravel(), j=targets.ravel())
    synapses.w = projection["weights"].ravel()
    return synapses


def _raster(monitor: Any, steps: int, size: int) -> Any:
    raster = np.zeros((steps, size), dtype=np.int64)
    raster[np.round(np.asarray(monitor.t)).astype(int), np.asarray(monitor.i)] = 1
    return raster


def _integers(values: Any) -> Any:
    values = np.asarray(values).T
    if not np.array_equal(values, np.round(values)):
        raise SystemExit("a register is no integer")
    return values.astype(np.int64)


if __name__ == "__main__":
    main(run, getattr(brian2_loihi, "__version__", "0.5.2"))
