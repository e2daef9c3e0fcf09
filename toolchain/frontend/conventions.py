"""The conventions to read a graph by: a preset, switches in place of its own, and what speaks for or against them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from toolchain.errors import InputError
from toolchain.frontend.graph import Finding, Graph
from toolchain.frontend.presets import PRESET_OF, PRESETS, find_preset
from toolchain.frontend.primitives import STATEFUL
from toolchain.frontend.producers import doubts, dt_in_gain, proposals
from toolchain.frontend.resting import rests_below, start_findings
from toolchain.frontend.rules import Compare, Conventions, Reset
from toolchain.frontend.write import HINT_KEY
from toolchain.reading import parse_json

__all__ = [
    "PRESETS",
    "Compare",
    "Conventions",
    "Reset",
    "convention_text",
    "conventions_for",
    "hint_for",
    "imported_findings",
    "read_convention",
    "seamount_hint",
    "standing",
]

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
    framework is a finding too. Plain NIR starts a network in absolute voltages at rest (`resting.rests_below`).

    Args:
        graph: as read.
        preset: a name in `PRESETS`, or switches (``reset=subtract,start=v_leak``), or a name and switches joined by
            commas, or conventions.
        dt: time step in seconds, in place of the preset's.
        switches: fields of `Conventions` in place of the preset's.

    Raises:
        InputError: an unknown preset or switch, or a hint in the file that is damaged.
    """
    hint = seamount_hint(graph)
    named, given = read_convention(preset) if isinstance(preset, str) else (preset, {})
    asked = named is not None
    given |= switches_in(switches or {})
    dt = given.pop("dt", None) if dt is None else dt
    chosen, findings = _chosen(graph, named, hint, dt)
    at_rest = chosen.name == "nir" and not isinstance(preset, Conventions) and "start" not in given
    at_rest = at_rest and bool(rests_below(graph)[0])
    chosen = replace(chosen, start="v_leak") if at_rest else chosen
    chosen = replace(chosen, name=",".join([chosen.name, *(f"{k}={v}" for k, v in given.items())]), **given)
    findings += [*_hint_findings(hint, chosen, asked=asked), *doubts(graph, chosen)]
    findings += start_findings(graph, chosen, at_rest)
    another = another_network(hint, chosen)
    if another:
        findings.append(Finding("network", another, _leave_out(preset, dt, switches), "loss"))
    else:
        findings += [finding for finding in imported_findings(hint) if finding not in graph.findings]
    if asked or not hint:
        findings += proposals(graph, chosen)
        findings += _assumed(graph, chosen) if another or not imported_findings(hint) else []
    return replace(chosen, findings=tuple(findings))


def read_convention(text: str) -> tuple[str | None, dict[str, Any]]:
    """The preset that a text names, if any, and its switches: ``snntorch-leaky,reset=subtract,dt=0.001``.

    Raises:
        InputError: no such switch, or a value that is none of its own.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    named = [word for word in words if "=" not in word]
    if len(named) > 1:
        raise InputError("conventions", f"{' and '.join(named)} are two presets", "give one, then switches key=value")
    given = dict(word.split("=", 1) for word in words if "=" in word)
    dt = given.pop("dt", None)
    values = {name: _parsed(name, value) for name, value in switches_in(given).items()}
    return (named[0] if named else None), values | ({} if dt is None else {"dt": _parsed("dt", dt)})


def convention_text(preset: str | None, switches: Mapping[str, Any]) -> str | None:
    """The text that `read_convention` takes apart; None where nothing is asked for."""
    words = [f"{name}={value}" for name, value in switches_in(switches).items()]
    return ",".join([*([preset] if preset else []), *words]) or None


def _parsed(name: str, value: str) -> Any:
    """A switch's value: a word, a number, or true and false."""
    usual = getattr(PRESETS["nir"], name)
    if isinstance(usual, bool):
        if value.lower() not in ("true", "false"):
            raise InputError(f"conventions.{name}", f"{value!r} is neither true nor false", "give one of them")
        return value.lower() == "true"
    if isinstance(usual, str):
        return value
    try:
        return type(usual)(value)
    except ValueError:
        raise InputError(f"conventions.{name}", f"{value!r} is not a number", "give one") from None


def switches_in(given: Mapping[str, Any]) -> dict[str, Any]:
    """The switches that are set (not None), by field of `Conventions`.

    Raises:
        InputError: no such switch.
    """
    known = [field.name for field in fields(Conventions) if field.name not in _FIXED]
    for name in given:
        if name not in known:
            raise InputError(f"conventions.{name}", "is not a switch", f"use one of {', '.join(known)}")
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
        hint = dict(stored) if isinstance(stored, Mapping) else parse_json(str(stored))
    except ValueError as error:
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
    kept = [
        Finding(
            where, f"the file says {field} {hint[field]}", f"kept {field} {getattr(chosen, field)} as asked", "note"
        )
        for field in ("dt", *_HINTED)
        if field in hint and hint[field] != getattr(chosen, field)
    ]
    if asked or not hint or any(finding.what.startswith("the file says dt ") for finding in kept):
        return kept
    return [Finding(where, "the file names its conventions", f"took dt {chosen.dt:g} s", "note"), *kept]


def imported_findings(hint: Mapping[str, Any]) -> tuple[Finding, ...]:
    """That the network was held against its framework when it was imported, with the outcome; empty where not."""
    record = hint.get("checked")
    if not isinstance(record, Mapping):
        return ()
    what = f"checked against {record.get('tool', '')} {record.get('version', '')} when it was imported"
    return (Finding("network", what, str(record.get("outcome", "")), "note"),)


def another_network(hint: Mapping[str, Any], chosen: Conventions) -> str:
    """Where `chosen` is not what the network was checked under: both in words; else "", also if unchecked."""
    record = hint.get("checked")
    if not isinstance(record, Mapping):
        return ""
    checked = _hinted(hint)
    names = [field.name for field in fields(Conventions) if field.name not in ("name", "findings")]
    differing = [name for name in names if getattr(checked, name) != getattr(chosen, name)]
    if not differing:
        return ""
    then, now = (", ".join(_said(conventions, name) for name in differing) for conventions in (checked, chosen))
    tool = f"{record.get('tool', '')} {record.get('version', '')}".strip()
    return f"was checked against {tool} with {then}; it is read with {now}: another network"


def _said(conventions: Conventions, name: str) -> str:
    value = getattr(conventions, name)
    return f"dt {value:g} s" if name == "dt" else f"{name} {value}"


def _leave_out(preset: str | Conventions | None, dt: float | None, switches: Mapping[str, Any] | None) -> str:
    """What was given in place of the file's own conventions."""
    asked = preset is not None or bool(switches)
    words = [*(["--convention"] if asked else []), *(["--dt"] if dt is not None and "dt=" not in str(preset) else [])]
    return f"leave {' and '.join(words)} out" if words else "import it again"


def standing(graph: Graph, conventions: Conventions) -> Graph:
    """The graph without the finding that it was checked, where `conventions` make another network of it."""
    hint = seamount_hint(graph)
    if not another_network(hint, conventions):
        return graph
    withdrawn = imported_findings(hint)
    return replace(graph, findings=tuple(finding for finding in graph.findings if finding not in withdrawn))


ASSUMED = "reset rule, start and time step assumed"


def _assumed(graph: Graph, chosen: Conventions) -> list[Finding]:
    """What NIR does not say and nothing has checked."""
    if not graph.of_kind(*STATEFUL):
        return []
    start = {"zero": "0"}.get(chosen.start, chosen.start)
    what = f"{ASSUMED}: reset {chosen.reset}, start at {start}, dt {chosen.dt:g} s "
    what += f"(preset {chosen.name})"
    return [Finding("conventions", what, "not checked against the framework", "note")]
