"""SANA-FE on its Loihi description, with its simple timing model and as many threads as it takes by itself."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
from clock import Prepared, main
from exchange import PlainProgram
from run_sanafe import arrays, build


def prepare(network: PlainProgram) -> Prepared:
    """A chip that goes on from where it was; spikes are traced until they have been compared."""
    chip, trace = build(network), {"spike_trace": True}
    parts: list[dict[str, Any]] = []

    def advance(steps: int) -> None:
        result = chip.sim(steps, timing_model="simple", **trace)
        if trace:
            parts.append(arrays(network, result, steps))

    def recorded() -> dict[str, Any]:
        names = [population["name"] for population in network.populations]
        return {name: np.concatenate([part[f"spikes/{name}"] for part in parts]) for name in names}

    return advance, recorded, trace.clear


if __name__ == "__main__":
    main(prepare, version("sanafe"))
