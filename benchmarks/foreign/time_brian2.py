"""brian2-loihi with compiled code: Cython, the quicker of brian2's targets here (the recordings use numpy)."""

from __future__ import annotations

import brian2_loihi
import numpy as np
from brian2 import ms, prefs
from brian2_loihi import LoihiNetwork, LoihiSpikeMonitor
from clock import main
from run_brian2 import build

prefs.codegen.target = "cython"


def prepare(network):
    """A LoihiNetwork whose monitors can be switched off."""
    groups, synapses = build(network)
    sizes = {population["name"]: population["size"] for population in network.populations}
    monitors = {name: LoihiSpikeMonitor(groups[name]) for name in sizes}
    whole = LoihiNetwork(*groups.values(), *synapses, *monitors.values())

    def advance(steps):
        whole.run(steps)

    def recorded():
        steps = round(float(whole.t / ms))
        return {name: _raster(monitors[name], steps, size) for name, size in sizes.items()}

    def quiet():
        for monitor in monitors.values():
            monitor.active = False

    return advance, recorded, quiet


def _raster(monitor, steps, size):
    raster = np.zeros((steps, size), dtype=np.int8)
    raster[np.round(np.asarray(monitor.t)).astype(int), np.asarray(monitor.i)] = 1
    return raster


if __name__ == "__main__":
    main(prepare, getattr(brian2_loihi, "__version__", "0.5.2"))
