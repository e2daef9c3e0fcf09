"""What a build took for granted: the convention of the file, widths, scales, how a class is read. For the report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from seamount.build.job import Placed
from toolchain.host.infer import MEANINGS
from toolchain.ir.integer import limits
from toolchain.report.evidence import AssumedRow

WIDTHS = {
    "weight_bits": "synaptic weights",
    "a_bits": "decay and rotation of a mode (A-bar)",
    "c_bits": "readout of a mode (C, D)",
    "state_bits": "state of a mode",
}
NAMES = {
    "compare": "spike at",
    "reset": "reset after a spike",
    "input": "how synapses take input",
    "start": "first voltage",
}
"""Of fields that need more than their own name."""
NOT_SAID = ("name", "dt", "findings")
"""Fields of a convention that other rows say."""


def assumed_rows(network: Placed) -> tuple[AssumedRow, ...]:
    """Convention, settings, input scale, decision rule and target, a row each."""
    return tuple(_rows(network))


def _rows(network: Placed) -> Iterator[AssumedRow]:
    conventions, settings = network.conventions, network.settings
    source = f"convention {conventions.name}"
    yield AssumedRow(what="time step", value=f"{conventions.dt:g} s", source=source)
    for field in fields(conventions):
        value = getattr(conventions, field.name)
        if field.name not in NOT_SAID and isinstance(value, str | bool | int | float):
            yield AssumedRow(
                what=NAMES.get(field.name, field.name.replace("_", " ")), value=_said(value), source=source
            )
    for name, meaning in WIDTHS.items():
        yield AssumedRow(
            what=f"width of {meaning}", value=f"{getattr(settings, name)} bits", source=f"settings: {name}"
        )
    for entry in network.program.inputs:
        low, high = limits(entry.bits)
        unit = 2.0**-entry.exponent
        value = f"{entry.bits} bits, one unit is {unit:g}: {low * unit:g} to {high * unit:g}"
        beyond = {"saturate": "clipped and counted", "refuse": "refused"}.get(entry.overflow, entry.overflow)
        yield AssumedRow(what=f"input {entry.name}", value=f"{value}; beyond it {beyond}", source="calibration data")
    for output in network.program.outputs:
        value = f"{output.reading}: {MEANINGS[output.reading]}"
        yield AssumedRow(
            what=f"decision of {output.name}", value=value, source=f"settings: decision {settings.decision}"
        )
    yield AssumedRow(what="chip", value=network.target.title, source=f"target {network.target.name}")


def _said(value: str | bool | int | float) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
