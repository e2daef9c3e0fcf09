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
        changed: samples whose decision is another one.
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
    found = health_findings(network, placed.compiled.calibration, rows, placed.conventions.dt)
    for row in rows:
        shares = {"precision": row.precision, "recall": row.recall, "overlap": row.overlap}
        tell(Event("spikes", str(row), {"population": row.population, **shares}))
    text = f"{changed} of {len(test)} samples are decided otherwise than by the float network"
    tell(Event("decisions", text, {"changed": changed, "samples": len(test)}))
    for finding in found:
        tell(Event("warning", str(finding), {"where": finding.where}))
    return Fidelity(len(test), rows, changed, found)


def _within(messages: Signals, inside: NDArray[np.bool_]) -> Signals:
    """Messages of the steps that count alone; a sequence's padding holds none."""
    return {name: values * inside for name, values in messages.items()}


def _changed(placed: Placed, runs: Runs, floats: Signals, test: Samples) -> int:
    """How many decisions, read as the program's first output is, differ."""
    program = placed.program
    before = at_last_step(
        float_step_outputs(program.output(), floats[placed.compiled.network.outputs[0]]), test.lengths
    )
    after = at_last_step(step_numbers(program, runs.recorded), test.lengths)
    return int(np.count_nonzero(before.argmax(axis=1) != after.argmax(axis=1)))
