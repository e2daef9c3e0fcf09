"""What would make a deployment meaningless though every simulator agrees: dead or deaf layers, silence, lost spikes.

All of it is of grade "loss": the integer program is then compared with itself in silence, and equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from toolchain.frontend.graph import Finding
from toolchain.lower.activity import ActivityRow
from toolchain.lower.calibrate import Calibration
from toolchain.units.base import Unit
from toolchain.units.network import Network

LEAST_KEPT = 0.9
"""Precision or recall of a layer's spikes below which rounding is said to have changed what it does."""
FEWEST = 20
"""Spikes of a layer from which a share of them says something."""


def health_findings(
    network: Network, calibration: Calibration, rows: Iterable[ActivityRow], time_step: float
) -> tuple[Finding, ...]:
    """What speaks against a deployment, each with its likely cause and cure.

    Args:
        network, calibration: the units, and what calibration saw of them.
        rows: activity of the float network and of the program on the same samples.
        time_step: in seconds.
    """
    found = [*_of_calibration(network, calibration)]
    for row in rows:
        found += _of_layer(network.unit(row.population), calibration, row, time_step)
    return tuple(found)


def _of_calibration(network: Network, calibration: Calibration) -> Iterator[Finding]:
    silent = [name for name, seen in calibration.inputs.items() if seen.peak == 0]
    if silent:
        what = f"the calibration data are all zero ({calibration.samples} samples of {calibration.steps} steps)"
        action = "scales are chosen on silence and mean nothing: give calibration data that hold events"
        yield Finding(" + ".join(silent), what, action, "loss")


def _of_layer(unit: Unit, calibration: Calibration, row: ActivityRow, time_step: float) -> Iterator[Finding]:
    if not row.float_spikes and not row.integer_spikes:
        what = f"silent: none of {row.neurons} neurons spikes, in the float network neither{_reach(unit, calibration)}"
        action = f"look at the time step (--dt, now {time_step:g} s), the convention and the scale of the inputs"
        yield Finding(row.population, what, action, "loss")
    elif not row.integer_spikes:
        what = f"silent as integers: no spike, where the float network has {row.float_spikes:,}"
        action = "calibrate with data like the test data, or give wider weights (settings)"
        yield Finding(row.population, what, action, "loss")
    elif row.integer_always == row.neurons:
        before = "in the float network too" if row.float_always == row.neurons else "in the float network not"
        what = f"all {row.neurons} neurons fire at every step, {before}; nothing gets through such a layer"
        action = f"look at the time step (--dt, now {time_step:g} s), the convention and the scale of the inputs"
        yield Finding(row.population, what, action, "loss")
    elif lost := _lost(row):
        yield Finding(row.population, lost, "seamount quantize --explain names the tensor that costs most", "loss")


def _reach(unit: Unit, calibration: Calibration) -> str:
    """How near the voltage came to the threshold in calibration, in words."""
    threshold, seen = unit.tensors().get("threshold"), calibration.units.get(unit.name)
    if threshold is None or seen is None or not seen.voltage.size:
        return ""
    nearest = int(np.argmin(threshold - seen.voltage))
    return f"; peak voltage {seen.voltage[nearest]:.3g} where the threshold is {threshold[nearest]:.3g}"


def _lost(row: ActivityRow) -> str:
    """What rounding did to the spikes, in words; empty where little, or too few to say."""
    kept = min(row.precision or 0.0, row.recall or 0.0)
    if kept >= LEAST_KEPT or max(row.float_spikes, row.integer_spikes) < FEWEST:
        return ""
    counts = (
        f"{row.float_spikes:,} spikes of the float network, {row.integer_spikes:,} of the program, {row.both:,} both"
    )
    return f"rounding moves its spikes: {counts}"
