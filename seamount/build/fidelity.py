"""The program's spikes and decisions beside the float network's, layer by layer, and what is dead, deaf or silent.

That all simulators agree says that the program runs the same everywhere. Whether it still is the user's network is
asked here, on the compared samples, with labels or without.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seamount.build.job import Placed, Runs
from seamount.events import Event, Tell
from seamount.samples import Samples
from toolchain.frontend.graph import Finding
from toolchain.host.decode import at_last_step, float_step_outputs, step_numbers
from toolchain.lower.activity import ActivityRow, activity_rows, aligned_messages
from toolchain.lower.floating import Signals, float_network, run_units
from toolchain.lower.health import health_findings


@dataclass(frozen=True)
class Fidelity:
    """What rounding did to the network.

    Attributes:
        samples: how many were looked at.
        rows: spikes of each spiking layer.
        changed: samples for which the decision of any output is another one.
        findings: of grade "loss".
    """

    samples: int
    rows: tuple[ActivityRow, ...]
    changed: int
    findings: tuple[Finding, ...]


def measure_fidelity(placed: Placed, runs: Runs, tell: Tell) -> Fidelity:
    """Run the float units on the compared samples and hold the recorded trace to them."""
    network, test = placed.compiled.network, placed.source.test.chosen(runs.chosen)
    floats = run_units(float_network(network), test.values())
    integers = aligned_messages(placed.program, network, runs.recorded, test.steps, placed.shifts)
    inside = (np.arange(test.steps) < test.counted_steps[:, None])[:, :, None]
    rows = activity_rows(network, _within(floats, inside), _within(integers, inside), runs.test.overflows)
    changed = _changed(placed, runs, floats, test)
    differ = int(np.count_nonzero(np.any(list(changed.values()), axis=0)))
    found = health_findings(network, placed.compiled.calibration, rows, placed.conventions.dt)
    for row in rows:
        shares = {"precision": row.precision, "recall": row.recall, "overlap": row.overlap}
        tell(Event("spikes", str(row), {"population": row.population, **shares}))
    for name, wrong in changed.items():
        count, where = int(np.count_nonzero(wrong)), f"{name}: " if len(changed) > 1 else ""
        text = f"{where}{count} of {len(test)} samples are decided otherwise than by the float network"
        tell(Event("decisions", text, {"output": name, "changed": count, "samples": len(test)}))
    for finding in found:
        tell(Event("warning", str(finding), {"where": finding.where}))
    return Fidelity(len(test), rows, differ, found)


def _within(messages: Signals, inside: NDArray[np.bool_]) -> Signals:
    """Messages of the steps that count alone; a sequence's padding holds none."""
    return {name: values * inside[:, : values.shape[1]] for name, values in messages.items()}


def _changed(placed: Placed, runs: Runs, floats: Signals, test: Samples) -> dict[str, NDArray[np.bool_]]:
    """Which decisions of each output, read as the program's is, differ, (sample,)."""
    program, found = placed.program, {}
    for output, unit in zip(program.outputs, placed.compiled.network.outputs, strict=True):
        before = at_last_step(float_step_outputs(output, floats[unit]), test.lengths)
        after = at_last_step(step_numbers(program, runs.recorded, output), test.lengths)
        found[output.name] = before.argmax(axis=1) != after.argmax(axis=1)
    return found
