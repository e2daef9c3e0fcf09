"""What happens where a unit runs: text in, text out, on every engine; no exception of the work gets lost on the way.

Text and not objects, so that an engine can change nothing about a result and no pickle is made.
"""

from __future__ import annotations

import json
import traceback
from dataclasses import dataclass

import toolchain.errors
from toolchain.engine.units import Result, WorkUnit, as_text, resolve
from toolchain.errors import ToolchainError, WorkError


@dataclass(frozen=True)
class Task:
    """A unit on its way to a worker.

    Attributes:
        index: of the unit in the run.
        name: of the unit.
        text: what `perform` takes.
    """

    index: int
    name: str
    text: str


@dataclass(frozen=True)
class Outcome:
    """What came back.

    Attributes:
        task: what was to be done.
        text: what `perform` gave; None where the worker died.
        death: how it died, where it did.
    """

    task: Task
    text: str | None = None
    death: str = ""


def make_task(index: int, work: str, unit: WorkUnit) -> Task:
    """A task for `perform`."""
    arguments = json.loads(as_text(unit.arguments, f"unit {unit.name}: arguments"))
    return Task(index, unit.name, json.dumps({"work": work, "unit": unit.name, "arguments": arguments}))


_beside_others = False


def unit_threads() -> int | None:
    """How many threads a unit should use: one where other units run beside it, None for as many as it likes."""
    return 1 if _beside_others else None


def perform_beside_others(text: str) -> str:
    """`perform` in a worker that shares its machine with others."""
    global _beside_others
    _beside_others = True
    return perform(text)


def perform(text: str) -> str:
    """Do what a task says.

    Args:
        text: JSON of the work's reference, the unit's name and the arguments.

    Returns:
        JSON of either ``result`` or ``failure``: kind, where, what, remedy, traceback of what was raised.
    """
    task = json.loads(text)
    try:
        result = resolve(task["work"])(task["arguments"])
        if not isinstance(result, dict):
            raise TypeError(f"{task['work']} returned {type(result).__name__}, not a dict")
        return f'{{"result": {as_text(result, "result")}}}'
    except Exception as error:
        return json.dumps({"failure": _described(error)})


def _described(error: Exception) -> dict[str, str]:
    told = {"kind": type(error).__name__, "traceback": traceback.format_exc()}
    if isinstance(error, ToolchainError):
        return told | {"where": error.where, "what": error.what, "remedy": error.remedy}
    return told | {"where": "", "what": f"{type(error).__name__}: {error}", "remedy": ""}


def read_result(unit: str, text: str) -> Result:
    """The result in what `perform` gave.

    Raises:
        ToolchainError: of the kind that the work raised, naming the unit; WorkError where it raised anything else.
    """
    found = json.loads(text)
    if "failure" in found:
        raise _as_error(unit, found["failure"])
    result: Result = found["result"]
    return result


def _as_error(unit: str, failure: dict[str, str]) -> ToolchainError:
    kind = getattr(toolchain.errors, failure["kind"], None)
    named = isinstance(kind, type) and issubclass(kind, ToolchainError) and bool(failure["where"])
    where = f"unit {unit}" + (f": {failure['where']}" if failure["where"] else "")
    error: ToolchainError = (kind if named and kind else WorkError)(where, failure["what"], failure["remedy"])
    error.add_note(f"In the worker:\n{failure['traceback']}")
    return error
