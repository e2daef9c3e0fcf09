"""The conventions to read a graph by: a preset, switches in place of its own, and what speaks for or against them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from toolchain.errors import InputError
from toolchain.frontend.graph import Finding, Graph
from toolchain.frontend.presets import PRESET_OF, PRESETS, find_preset
from toolchain.frontend.primitives import STATEFUL
from toolchain.frontend.producers import doubts, dt_in_gain, proposals
from toolchain.frontend.rules import Compare, Conventions, Reset
from toolchain.frontend.write import HINT_KEY

__all__ = ["PRESETS", "Compare", "Conventions", "Reset", "conventions_for", "hint_for", "seamount_hint", "switches_in"]

_HINT_FORMAT = 1
_HINTED = ("compare", "reset")
"""Switches that every record holds; the others where they differ from the preset's."""
_FIXED = ("name", "dt", "findings")


def conventions_for(
    graph: Graph,
    preset: str | Conventions | None = None,
    *,
    dt: float | None = None,
    switches: Mapping[str, Any] | None = None,
) -> Conventions:
    """The conventions to read `graph` by, with findings that say what speaks for or against them.

    Without `preset`, a file that Seamount wrote names its own; any other is read as plain NIR. Nothing in a file
    changes a preset that was asked for: a contradiction is a finding. What was assumed and never compared with the
    framework is a finding too.

    Args:
        graph: as read.
        preset: a name in `PRESETS`, or conventions.
        dt: time step in seconds, in place of the preset's.
        switches: fields of `Conventions` in place of the preset's.

    Raises:
        InputError: an unknown preset or switch, or a hint in the file that is damaged.
    """
    hint = seamount_hint(graph)
    asked = preset is not None
    chosen, findings = _chosen(graph, preset, hint, dt)
    chosen = replace(chosen, **switches_in(switches or {}))
    findings += [*_hint_findings(hint, chosen, asked=asked), *doubts(graph, chosen)]
    if asked or not hint:
        findings += proposals(graph, chosen) + _assumed(graph, chosen)
    return replace(chosen, findings=tuple(findings))


def switches_in(given: Mapping[str, Any]) -> dict[str, Any]:
    """The switches that are set (not None), by field of `Conventions`.

    Raises:
        InputError: no such switch.
    """
    known = [field.name for field in fields(Conventions) if field.name not in _FIXED]
    for name in given:
        if name not in known:
            raise InputError(f"conventions.{name}", "is no switch", f"use one of {', '.join(known)}")
    return {name: value for name, value in given.items() if value is not None}


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
    stored = {"dt": conventions.dt} | {name: getattr(conventions, name) for name in _HINTED}
    stored |= {
        field.name: getattr(conventions, field.name)
        for field in fields(Conventions)
        if field.name not in (*_FIXED, *_HINTED)
        and getattr(conventions, field.name) != getattr(PRESETS["seamount"], field.name)
    }
    return {"format": _HINT_FORMAT, "producer": "seamount", **stored, **more}


def _chosen(
    graph: Graph, preset: str | Conventions | None, hint: Mapping[str, Any], dt: float | None
) -> tuple[Conventions, list[Finding]]:
    """The preset at its time step: that asked for, or where r tells it the file's, or its own."""
    if isinstance(preset, Conventions):
        chosen = preset
    elif preset is not None:
        chosen = find_preset(preset)
    else:
        chosen = _hinted(hint) if hint else PRESETS["nir"]
    if dt is not None:
        return replace(chosen, dt=float(dt)), []
    rule = PRESET_OF[preset].dt_in_gain if isinstance(preset, str) else ""
    found = dt_in_gain(graph, rule)
    if found is None:
        return chosen, []
    what = f"r tells a time step of {found:g} s, as {chosen.name} writes it"
    return replace(chosen, dt=found), [Finding("conventions.dt", what, "took it", "note")]


def _hinted(hint: Mapping[str, Any]) -> Conventions:
    """The seamount preset with what the hint says of it."""
    base = PRESETS["seamount"]
    names = [field.name for field in fields(Conventions) if field.name not in _FIXED]
    values = {name: hint[name] for name in names if name in hint}
    dt = hint.get("dt", base.dt)
    if isinstance(dt, bool) or not isinstance(dt, int | float):
        raise InputError(f"metadata.{HINT_KEY}.dt", f"{dt!r} is not a number", "export the network again")
    for name, value in values.items():
        if type(value) is not type(getattr(base, name)):
            what = f"{value!r} is not a {type(getattr(base, name)).__name__}"
            raise InputError(f"metadata.{HINT_KEY}.{name}", what, "export the network again")
    return replace(base, dt=float(dt), **values)


def _hint_findings(hint: Mapping[str, Any], chosen: Conventions, *, asked: bool) -> list[Finding]:
    where = f"metadata.{HINT_KEY}"
    if not asked:
        return [Finding(where, "the file names its conventions", f"took dt {chosen.dt:g} s", "note")] if hint else []
    return [
        Finding(
            where, f"the file says {field} {hint[field]}", f"kept {field} {getattr(chosen, field)} as asked", "note"
        )
        for field in ("dt", *_HINTED)
        if field in hint and hint[field] != getattr(chosen, field)
    ]


def _assumed(graph: Graph, chosen: Conventions) -> list[Finding]:
    """What NIR does not say and nothing has checked."""
    if not graph.of_kind(*STATEFUL):
        return []
    start = {"zero": "0"}.get(chosen.start, chosen.start)
    what = f"reset rule, start and time step assumed: reset {chosen.reset}, start at {start}, dt {chosen.dt:g} s "
    what += f"(preset {chosen.name})"
    return [Finding("conventions", what, "not checked against the framework", "note")]
