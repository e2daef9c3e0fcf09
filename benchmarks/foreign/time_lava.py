"""Stock Lava on the Python that it declares: RingBuffer, Dense and LIF, nothing that reads or counts.

Its spikes are not compared: whatever reads them is one more process, which takes part in every step. The recordings of
docs/oracles.md compare them.
"""

from __future__ import annotations

from typing import Any

from clock import Prepared, main
from exchange import PlainProgram
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from run_lava import build

LIFS: list[Any] = []


def prepare(network: PlainProgram) -> Prepared:
    """The processes; they end with `main`."""
    LIFS.extend(build(network).values())

    def advance(steps: int) -> None:
        LIFS[0].run(condition=RunSteps(num_steps=steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))

    return advance, dict, lambda: None


if __name__ == "__main__":
    try:
        main(prepare, "0.10.0")
    finally:
        LIFS[0].stop()
