"""What a NIR file cannot say: the time step, the reset rule, how input is taken. Named once for each producer.

NIR is continuous in time. The presets hold how each tool steps the same file; each was checked spike by spike against
that tool's own output (see tests/toolchain/frontend/test_execute_cases.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from toolchain.errors import InputError
from toolchain.frontend.graph import Finding, Graph
from toolchain.frontend.primitives import STATEFUL
from toolchain.frontend.write import HINT_KEY

Reset = Literal["to_v_reset", "subtract", "subtract-snntorch", "subtract-delayed"]
Compare = Literal[">", ">="]
InputRule = Literal["sampled", "jump"]

_HINT_FORMAT = 1
_GAIN_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Conventions:
    """How a network in NIR is stepped.

    Attributes:
        name: of the preset.
        dt: time step in seconds.
        reset: what a spike does to the voltage. "to_v_reset": v = v_reset. "subtract": v -= threshold.
            "subtract-snntorch": snnTorch's subtract without delay, which counts a voltage above threshold at the start
            of the step too (r = v > thr; v = decay v + in - r thr; z = v > thr; v -= (z - r) thr). "subtract-delayed":
            snnTorch's default, where the subtraction waits for the next step.
        compare: whether a voltage at the threshold spikes.
        input: how CubaLIF and CubaLI take input: "sampled" i += dt/tau_syn (w_in x - i); "jump" i += x at the start
            of the step, decay at its end (norse's LIFCell).
        recurrent_bias_at_start: whether a recurrent Affine adds its bias at t = 0 already, before any spike.
        output_delay_steps: by how many steps spiking neurons emit late.
        tau_times_dt: whether the file holds tau times dt (norse <= 1.1 exports), to be divided out.
        findings: what choosing these conventions for a graph noticed.
    """

    name: str
    dt: float = 1e-4
    reset: Reset = "to_v_reset"
    compare: Compare = ">"
    input: InputRule = "sampled"
    recurrent_bias_at_start: bool = True
    output_delay_steps: int = 0
    tau_times_dt: bool = False
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        """Refuse values that no preset could have."""
        if not (np.isfinite(self.dt) and self.dt > 0):
            raise InputError("conventions.dt", f"{self.dt} s is not a positive time", "give seconds")
        if self.output_delay_steps < 0:
            raise InputError("conventions.output_delay_steps", f"{self.output_delay_steps} < 0", "give 0 or more")
        for field, known in _WORDS.items():
            if getattr(self, field) not in known:
                what = f"{getattr(self, field)!r} is not a known rule"
                raise InputError(f"conventions.{field}", what, f"use one of {', '.join(known)}")


_WORDS: Mapping[str, tuple[str, ...]] = {
    "reset": ("to_v_reset", "subtract", "subtract-snntorch", "subtract-delayed"),
    "compare": (">", ">="),
    "input": ("sampled", "jump"),
}

_ALL = (
    Conventions("nir"),
    Conventions("snntorch"),
    Conventions("snntorch-subtract", reset="subtract-snntorch"),
    Conventions("snntorch-delayed", reset="subtract-delayed"),
    Conventions("norse", recurrent_bias_at_start=False),
    Conventions("norse-1.1-export", dt=1e-3, recurrent_bias_at_start=False, tau_times_dt=True),
    Conventions("spyx", reset="subtract", output_delay_steps=1),
    Conventions("seamount", compare=">="),
)

PRESETS: Mapping[str, Conventions] = {preset.name: preset for preset in _ALL}
"""Conventions by name. The two norse presets are for LIFBoxCell and IAFCell; LIFCell needs input="jump" as well."""


def conventions_for(graph: Graph, preset: str | Conventions | None = None, *, dt: float | None = None) -> Conventions:
    """The conventions to read `graph` by, with findings that say what speaks for or against them.

    Without `preset`, a file that Seamount wrote names its own; any other is read as plain NIR. Nothing in a file
    changes a preset that was asked for: a contradiction is a finding.

    Args:
        graph: as read.
        preset: a name in `PRESETS`, or conventions.
        dt: time step in seconds, in place of the preset's.

    Raises:
        InputError: an unknown preset, or a hint in the file that is damaged.
    """
    hint = seamount_hint(graph)
    chosen = _preset(preset) if preset is not None else _hinted(hint) if hint else PRESETS["nir"]
    if dt is not None:
        chosen = replace(chosen, dt=float(dt))
    findings = [*_hint_findings(hint, chosen, asked=preset is not None), *_norse_findings(graph, chosen)]
    findings += _gain_findings(graph, chosen)
    return replace(chosen, findings=tuple(findings))


def seamount_hint(graph: Graph) -> dict[str, Any]:
    """The JSON record that Seamount leaves in a file's metadata; empty if there is none.

    Raises:
        InputError: a record that is no JSON object, or of a later format.
    """
    stored = graph.metadata.get(HINT_KEY)
    if stored is None:
        return {}
    where = f"metadata.{HINT_KEY}"
    try:
        hint = dict(stored) if isinstance(stored, Mapping) else json.loads(str(stored))
    except json.JSONDecodeError as error:
        raise InputError(where, f"is not JSON ({error})", "export the network again or remove the entry") from None
    if not isinstance(hint, dict):
        raise InputError(where, f"holds a {type(hint).__name__}, not an object", "export the network again")
    if hint.get("format", _HINT_FORMAT) != _HINT_FORMAT:
        what = f"format {hint['format']} is not known here (known: {_HINT_FORMAT})"
        raise InputError(where, what, "use the version of Seamount that wrote the file")
    return hint


def hint_for(conventions: Conventions, **more: Any) -> dict[str, Any]:
    """The record to store under the key "seamount", so that `conventions_for` finds the same conventions again."""
    fields = {"dt": conventions.dt, "compare": conventions.compare, "reset": conventions.reset}
    return {"format": _HINT_FORMAT, "producer": "seamount", **fields, **more}


def _preset(preset: str | Conventions) -> Conventions:
    if isinstance(preset, Conventions):
        return preset
    if preset not in PRESETS:
        raise InputError("conventions", f"no preset is named {preset!r}", f"use one of {', '.join(PRESETS)}")
    return PRESETS[preset]


def _hinted(hint: Mapping[str, Any]) -> Conventions:
    """The seamount preset with what the hint says of it."""
    base = PRESETS["seamount"]
    values = {field: hint[field] for field in ("compare", "reset") if field in hint}
    dt = hint.get("dt", base.dt)
    if isinstance(dt, bool) or not isinstance(dt, int | float):
        raise InputError(f"metadata.{HINT_KEY}.dt", f"{dt!r} is not a number", "export the network again")
    return replace(base, dt=float(dt), **values)


def _hint_findings(hint: Mapping[str, Any], chosen: Conventions, *, asked: bool) -> list[Finding]:
    where = f"metadata.{HINT_KEY}"
    if not asked:
        return [Finding(where, "the file names its conventions", f"took dt {chosen.dt:g} s", "note")] if hint else []
    return [
        Finding(
            where, f"the file says {field} {hint[field]}", f"kept {field} {getattr(chosen, field)} as asked", "note"
        )
        for field in ("dt", "compare", "reset")
        if field in hint and hint[field] != getattr(chosen, field)
    ]


def _norse_findings(graph: Graph, chosen: Conventions) -> list[Finding]:
    """Time constants below dt are the mark of norse <= 1.1, which writes tau times dt (norse #411)."""
    if chosen.tau_times_dt:
        action = f"took every tau as tau / {chosen.dt:g} s"
        return [Finding("conventions", f"{chosen.name}: the file holds tau times dt", action)]
    found = []
    for node in graph.of_kind("LIF", "CubaLIF"):
        for field in ("tau", "tau_mem", "tau_syn"):
            short = node.params.get(field)
            if short is not None and np.any(short < chosen.dt):
                what = f"{int(np.sum(short < chosen.dt))} of {short.size} values are below dt {chosen.dt:g} s "
                what += f"(smallest {short.min():g}); this looks like an export by norse <= 1.1"
                action = "left as it is; the preset norse-1.1-export divides dt out"
                found.append(Finding(f"{node.name}.{field}", what, action, "note"))
    return found


def _gain_findings(graph: Graph, chosen: Conventions) -> list[Finding]:
    """r dt/tau = 1 is how snnTorch and Seamount write a discrete neuron; another gain scales the input."""
    if not chosen.name.startswith(("snntorch", "seamount")):
        return []
    found = []
    for node in graph.of_kind(*STATEFUL):
        tau = node.params.get("tau", node.params.get("tau_mem"))
        if tau is None:
            continue
        gain = node.params["r"] * chosen.dt / tau
        if np.max(np.abs(gain - 1)) > _GAIN_TOLERANCE:
            what = f"r dt/tau is {gain.min():g} to {gain.max():g} where {chosen.name} writes 1"
            found.append(Finding(node.name, what, "kept: the input is scaled by it", "note"))
    return found
