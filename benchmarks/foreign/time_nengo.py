"""nengo-loihi's emulator, stepped directly, without a host simulation around it."""

from __future__ import annotations

from typing import Any

import nengo_loihi
import numpy as np
from clock import Prepared, main
from exchange import PlainProgram
from nengo_loihi.emulator import EmulatorInterface
from nengo_loihi.probe import LoihiProbe
from run_nengo import build


def prepare(network: PlainProgram) -> Prepared:
    """An emulator whose probes can be taken away."""
    model, blocks = build(network)
    probes = {name: LoihiProbe(block, key="spiked") for name, block in blocks.items()}
    for probe in probes.values():
        model.add_probe(probe)
    emulator = EmulatorInterface(model, seed=0)

    def recorded() -> dict[str, Any]:
        return {name: np.asarray(emulator.collect_probe_output(probe)) for name, probe in probes.items()}

    return emulator.run_steps, recorded, emulator.probes.probes.clear


if __name__ == "__main__":
    main(prepare, nengo_loihi.__version__)
