"""brian2-loihi with compiled code: Cython, the quicker of brian2's targets here (the recordings use numpy)."""

from __future__ import annotations

from typing import Any

import brian2_loihi
import numpy as np
from brian2 import ms, prefs
from brian2_loihi import LoihiNetwork, LoihiSpikeMonitor
from clock import Prepared, main
from exchange import PlainProgram
from run_brian2 import build

prefs.codegen.target = "cython"


def prepare(network: PlainProgram) -> Prepared:
    """A LoihiNetwork whose monitors can be switched off."""
    groups, synapses = build(network)
    sizes = {population["name"]: population["size"] for population in network.populations}
    monitors = {name: LoihiSpikeMonitor(groups[name]) for name in sizes}
    whole = LoihiNetwork(*groups.values(), *synapses, *monitors.values())

    def advance(steps: int) -> None:
        whole.run(steps)

    def recorded() -> dict[str, Any]:
        steps = round(float(whole.t / ms))
        return {name: _raster(monitors[name], steps, size) for name, size in sizes.items()}

    def quiet() -> None:
        for monitor in monitors.values():
            monitor.active = False

    return advance, recorded, quiet


def _raster(monitor: Any, steps: int, size: int) -> Any:
    raster = np.zeros((steps, size), dtype=np.int8)
    raster[np.round(np.asarray(monitor.t)).astype(int), np.asarray(monitor.i)] = 1
    return raster


if __name__ == "__main__":
    main(prepare, getattr(brian2_loihi, "__version__", "0.5.2"))
