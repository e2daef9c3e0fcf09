"""Time a foreign simulator inside its own process, on its own Python: nothing of Seamount is imported here.

    PYTHONPATH=oracles python time_TOOL.py program.npz inputs.npz plan.json result.npz

The plan says when the process was begun, how many steps are compared, warm the simulator up and make a short run, and
what time the long runs may take. A time a step is the difference of a long and a short run over the steps between.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from exchange import PlainProgram
from memory import own_peak_kib, tree_kib

Advance = Callable[[int], None]
Prepared = tuple[Advance, Callable[[], dict[str, Any]], Callable[[], object]]


def main(prepare: Callable[[PlainProgram], Prepared], version: str) -> None:
    """Run a plan on what `prepare` makes of a network.

    Args:
        prepare: PlainProgram -> (advance, recorded, quiet): `advance(steps)` goes on by so many steps; `recorded()`
            gives spikes by population name so far, (step, neuron), or nothing where they can't be had; `quiet()` stops
            recording.
        version: of the tool.
    """
    program, inputs, planned, result = sys.argv[1:]
    with open(planned, encoding="utf-8") as given:
        plan: dict[str, Any] = json.load(given)
    network = PlainProgram(program, inputs)
    advance, recorded, quiet = prepare(network)
    advance(1)
    facts: dict[str, Any] = {
        "start_s": time.time() - plan["begun"],
        "version": version,
        "python": platform.python_version(),
    }
    advance(plan["check"] - 1)
    spikes = recorded()
    quiet()
    facts["step_s"], facts["steps"] = _time(advance, plan, network.steps - plan["check"])
    facts["peak_kib"] = max(own_peak_kib(), tree_kib())
    header = np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)
    np.savez(result, header=header, **{name: values.astype(np.int8) for name, values in spikes.items()})


def _time(advance: Advance, plan: dict[str, Any], room: int) -> tuple[list[float], int]:
    """Seconds a step of each round, and the steps of a long run, which fit the time and the input."""
    short, rounds = plan["short"], plan["rounds"]
    advance(plan["warm"])
    estimate = _seconds(advance, short) / short
    fitting = int(plan["seconds"] / rounds / estimate) - short
    long = max(4 * short, min(fitting, (room - plan["warm"] - short) // rounds - short))
    taken = []
    for _ in range(rounds):
        brief = _seconds(advance, short)
        taken.append((_seconds(advance, long) - brief) / (long - short))
    return taken, long


def _seconds(advance: Advance, steps: int) -> float:
    begin = time.perf_counter()
    advance(steps)
    return time.perf_counter() - begin
