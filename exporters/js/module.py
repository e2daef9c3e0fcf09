"""The whole module: constants, one function a population, and the class that holds the state."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exporters.js.data import DTYPES
from exporters.js.steps import step_function
from exporters.js.values import array_type
from exporters.scalar.about import describe, extent, overflow_keys, traps
from exporters.scalar.names import comment, identifiers
from exporters.scalar.plan import ProgramPlan
from toolchain.errors import UnsupportedError
from toolchain.ir.timestep import initial_value

FOLDER = Path(__file__).parent
RESERVED = ("counts", "time", "memory")


@dataclass(frozen=True)
class Array:
    """A typed array of the state: its name in the class, its type, its elements, where it begins."""

    name: str
    kind: str
    size: int
    at: int = 0


def quoted(value: object, *, indent: int | None = None) -> str:
    """A literal that may stand in a page's script, too: nothing in it looks like a tag."""
    return json.dumps(value, indent=indent).replace("<", "\\u003c")


def write_module(plan: ProgramPlan) -> str:
    """The module's text.

    Raises:
        UnsupportedError: a step uses a primitive that has no JavaScript form, or sums beyond 2^53.
    """
    names = identifiers(plan.program.sizes(), RESERVED)
    _check_names(plan)
    _check_messages(plan)
    parts = [_head(plan), ""]
    first = 0
    for step in plan.steps.values():
        parts += [*step_function(plan, step, names, first), ""]
        first += len(step.counts)
    parts += [_class(plan, names), (FOLDER / "host.js.txt").read_text(encoding="utf-8")]
    return "\n".join(parts)


def write_types(plan: ProgramPlan) -> str:
    """The text of the .d.ts beside it."""
    program = plan.program
    text = (FOLDER / "module.d.ts.txt").read_text(encoding="utf-8")
    only = "Payloads | Record<InputName, Payloads>" if len(program.inputs) == 1 else "Record<InputName, Payloads>"
    filled = {
        "INPUTS": _union([source.name for source in program.inputs]),
        "OUTPUTS": _union([output.name for output in program.outputs]),
        "SOURCES": _union(list(program.sizes())),
        "GIVEN": only,
    }
    return _fill(text, filled)


def _union(names: list[str]) -> str:
    return " | ".join(quoted(name) for name in names) or "never"


def _fill(text: str, parts: dict[str, str]) -> str:
    """Put each part in the place of its ``@NAME@``; parts are not looked at again."""
    return re.sub(r"@([A-Z_]+)@", lambda found: parts[found[1]], text)


def _check_names(plan: ProgramPlan) -> None:
    """One name is no key of JavaScript's objects."""
    program = plan.program
    if "__proto__" in {*program.sizes(), *(output.name for output in program.outputs), *program.notes}:
        raise UnsupportedError("__proto__", "is not a name in JavaScript", "rename it")


def _check_messages(plan: ProgramPlan) -> None:
    for name, found in plan.messages.items():
        if array_type(found) == "BigInt64Array":
            raise UnsupportedError(name, f"emits up to {found[1]}, beyond 2^53", "use another exporter")


def _head(plan: ProgramPlan) -> str:
    facts = quoted(describe(plan), indent=1)
    return "\n".join(
        [
            f"// {comment(plan.program.name)}: an integer network as one module, written by Seamount.",
            "// Every message and register is exactly the reference simulator's: doubles where 53 bits do.",
            "// const net = new Network(); net.step(payloads); net.outputs",
            "",
            f"export const about = {facts};",
            "",
            "if (new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1) throw new Error('needs a little-endian machine');",
            "",
            "const POWERS = Float64Array.from({ length: 63 }, (_, k) => 2 ** k);",
            f"const TRAPS = [{', '.join(str(place) for place, trap in enumerate(traps(plan)) if trap)}];",
        ]
    )


def _class(plan: ProgramPlan, names: dict[str, str]) -> str:
    arrays, bytes_ = _laid_out(list(_state(plan, names)), 8 * (len(overflow_keys(plan)) + 1))
    counts = len(overflow_keys(plan))
    lines = {
        "BYTES": str(bytes_),
        "COUNTS_AT": "8",
        "COUNTS": str(counts),
        "TIME_AT": "0",
        "ARRAYS": _indented(f"this.{a.name} = new {a.kind}(this._memory, {a.at}, {a.size});" for a in arrays),
        "PROBES": _indented(_views(plan, names)),
        "OUTPUTS": "\n".join(_outputs(plan)),
        "STARTS": _indented(_starts(plan, names)),
        "ENTER": _indented(_enter(plan, names)),
        "STEP": _indented(f"step${names[name]}(this);" for name in plan.steps),
        "LEAVE": _indented(_leave(plan, names)),
    }
    return _fill((FOLDER / "network.js.txt").read_text(encoding="utf-8"), lines)


def _indented(lines: Iterator[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)


def _state(plan: ProgramPlan, names: dict[str, str]) -> Iterator[Array]:
    """Everything that lives from step to step."""
    for name, step in plan.steps.items():
        for register in step.stored:
            size = extent(step.population, register.per)
            yield Array(f"{names[name]}${register.name}", array_type(step.state_range(register.name)), size)
    for name, size in plan.program.sizes().items():
        slots = plan.kept_steps[name] + 1
        yield Array(f"{names[name]}$sent", array_type(plan.messages[name]), size * slots)


def _laid_out(arrays: list[Array], begin: int) -> tuple[list[Array], int]:
    """Places in one buffer, the widest elements first, so that each lies at a multiple of its own width."""
    found, at = [], begin
    for array in sorted(arrays, key=lambda array: -_width(array.kind)):
        found.append(Array(array.name, array.kind, array.size, at))
        at += array.size * _width(array.kind)
    return found, at


def _width(kind: str) -> int:
    return int(DTYPES[kind][2:])


def _views(plan: ProgramPlan, names: dict[str, str]) -> Iterator[str]:
    """Recorded registers that are not stored, and all registers and rings by their names in the program."""
    listed: list[str] = []
    for name, step in plan.steps.items():
        for register in step.probed:
            kind, size = (
                array_type(step.probe_range(register.name)),
                extent(step.population, register.per),
            )
            yield f"this.{names[name]}${register.name} = new {kind}({size});"
        for register in (*step.stored, *step.probed):
            listed.append(f"{quoted(f'{name}.{register.name}')}: this.{names[name]}${register.name}")
    yield "this._registers = {"
    yield from (f"  {line}," for line in listed)
    yield "};"
    yield "this._rings = {"
    for name, size in plan.program.sizes().items():
        yield f"  {quoted(name)}: [this.{names[name]}$sent, {size}, {plan.kept_steps[name] + 1}],"
    yield "};"


def _outputs(plan: ProgramPlan) -> Iterator[str]:
    for output in plan.program.outputs:
        step = plan.steps[output.population]
        found = step.state_range(output.register) if output.register else step.message
        size = _output_size(plan, output.population, output.register)
        yield f"      {quoted(output.name)}: new {array_type(found)}({size}),"


def _output_size(plan: ProgramPlan, population: str, register: str) -> int:
    step = plan.steps[population]
    per = next((r.per for r in step.stored if r.name == register), "neuron")
    return extent(step.population, per)


def _starts(plan: ProgramPlan, names: dict[str, str]) -> Iterator[str]:
    """Registers that do not begin at 0."""
    for name, step in plan.steps.items():
        for register in step.stored:
            if value := initial_value(step.population, register):
                yield f"this.{names[name]}${register.name}.fill({value});"


def _enter(plan: ProgramPlan, names: dict[str, str]) -> Iterator[str]:
    for place, source in enumerate(plan.program.inputs):
        slots = plan.kept_steps[source.name] + 1
        yield f"this.{names[source.name]}$sent.set(payloads[{place}], this._slot({slots}, 0) * {source.size});"


def _leave(plan: ProgramPlan, names: dict[str, str]) -> Iterator[str]:
    for output in plan.program.outputs:
        key, name = quoted(output.name), quoted(output.population)
        held = f"this.{names[output.population]}${output.register}" if output.register else f"this.messages({name})"
        yield f"this.outputs[{key}].set({held});"
