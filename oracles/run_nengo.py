"""nengo-loihi's emulator, given integer registers directly: no discretization of its own takes part.

Delays: the emulator knows none but the one step that a spike takes. A spike added for its step s + 1 arrives one step
later, so what enters in step s is added at s + 1 and row s of every probe is step s.
"""

from __future__ import annotations

import warnings
from typing import Any

import nengo_loihi
import numpy as np
from exchange import ACTIVATION_SHIFT, PlainProgram, main
from nengo_loihi.block import Axon, LoihiBlock, Synapse
from nengo_loihi.builder import Model
from nengo_loihi.emulator import EmulatorInterface
from nengo_loihi.inputs import SpikeInput
from nengo_loihi.probe import LoihiProbe

KEYS = {"spikes": "spiked", "current": "current", "voltage": "voltage"}
LIMIT = 2**23 - 1


def run(network: PlainProgram) -> tuple[dict[str, Any], dict[str, Any]]:
    """Build the blocks, step the emulator, read the probes."""
    model, blocks = build(network)
    probes = {(kind, name): LoihiProbe(blocks[name], key=KEYS[kind]) for kind in KEYS for name in blocks}
    for probe in probes.values():
        model.add_probe(probe)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        emulator = EmulatorInterface(model, seed=0)
        emulator.run_steps(network.steps)
    arrays = {}
    for (kind, name), probe in probes.items():
        arrays[f"{kind}/{name}"] = np.asarray(emulator.collect_probe_output(probe)).astype(np.int64)
    said = sorted({str(warning.message) for warning in caught if "verflow" in str(warning.message)})
    return arrays, {"delays": "one step a projection", "warnings": said}


def build(network: PlainProgram) -> tuple[Any, dict[str, Any]]:
    """The model, and its blocks by name; `benchmarks/foreign` times the same."""
    model = Model()
    sources = {name: _input(model, spikes) for name, spikes in network.spikes.items()}
    blocks = {population["name"]: _block(model, population) for population in network.populations}
    for projection in network.projections:
        _connect({**sources, **blocks}[projection["source"]], blocks[projection["target"]], projection)
    return model, blocks


def _input(model: Any, spikes: Any) -> Any:
    source = SpikeInput(spikes.shape[1])
    for step in range(len(spikes)):
        source.add_spikes(step + 1, np.flatnonzero(spikes[step]), permanent=True)
    model.add_input(source)
    return source


def _block(model: Any, population: dict[str, Any]) -> Any:
    block = LoihiBlock(population["size"], label=population["name"])
    cells = block.compartment
    ones = np.ones(population["size"], dtype=np.int32)
    cells.decay_u, cells.decay_v = population["du"] * ones, population["dv"] * ones
    cells.vth = (population["vth"] << ACTIVATION_SHIFT) * ones
    cells.bias = (population["bias_mant"] << population["bias_exp"]).astype(np.int32)
    cells.refract_delay = ones
    cells.vmin, cells.vmax = -LIMIT, LIMIT
    cells.scale_u = cells.scale_v = False
    model.add_block(block)
    return block


def _connect(source: Any, block: Any, projection: dict[str, Any]) -> None:
    if projection["delay_steps"] != 1:
        raise SystemExit(f"{projection['name']}: the emulator has no delays")
    weights = projection["weights"] << (ACTIVATION_SHIFT + projection["exponent"])
    synapse = Synapse(weights.shape[1])
    # A list of one (population, target) array an axon, as the emulator reads them.
    synapse.weights = [row[None, :].astype(np.int32) for row in weights.T]
    synapse.indices = [np.arange(weights.shape[0])[None, :] for _ in range(weights.shape[1])]
    block.add_synapse(synapse)
    axon = Axon(weights.shape[1])
    axon.target = synapse
    source.add_axon(axon)


if __name__ == "__main__":
    main(run, nengo_loihi.__version__)
