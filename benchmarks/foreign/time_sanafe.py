"""SANA-FE on its Loihi description, with its simple timing model and as many threads as it takes by itself."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from clock import main
from run_sanafe import arrays, build


def prepare(network):
    """A chip that goes on from where it was; spikes are traced until they have been compared."""
    chip, parts, trace = build(network), [], {"spike_trace": True}

    def advance(steps):
        result = chip.sim(steps, timing_model="simple", **trace)
        if trace:
            parts.append(arrays(network, result, steps))

    def recorded():
        names = [population["name"] for population in network.populations]
        return {name: np.concatenate([part[f"spikes/{name}"] for part in parts]) for name in names}

    return advance, recorded, trace.clear


if __name__ == "__main__":
    main(prepare, version("sanafe"))
