"""The simulators by name, and the choice between them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

import simulators.accelerator
import simulators.c
import simulators.fast
import simulators.js
import simulators.lava
import simulators.onnx
import simulators.reference
from toolchain.doctor import how_to_install, installed
from toolchain.errors import InputError, MissingPartError
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Probe, Program
from toolchain.ir.trace import Trace


class Simulate(Protocol):
    """Run a program on inputs; every simulator has this form."""

    def __call__(
        self,
        program: Program,
        inputs: Mapping[str, IntArray],
        *,
        steps: int | None = None,
        probes: Sequence[Probe] = (),
        record_messages: bool = True,
        strict: bool = True,
    ) -> Trace: ...


SIMULATORS: Mapping[str, Simulate] = {
    "reference": simulators.reference.simulate,
    "fast": simulators.fast.simulate,
    "lava": simulators.lava.simulate,
    "onnx": simulators.onnx.simulate,
    "accelerator": simulators.accelerator.simulate,
    "js": simulators.js.simulate,
    "c": simulators.c.simulate,
}


def _onnx_missing() -> str | None:
    if installed("onnx") and installed("onnxruntime"):
        return None
    return f"onnx and onnxruntime are not installed; {how_to_install('onnx')}"


def _fast_missing() -> str | None:
    return None if installed("llvmlite") else f"llvmlite is not installed; {how_to_install()}"


_MISSING: Mapping[str, Callable[[], str | None]] = {
    "accelerator": simulators.accelerator.missing,
    "c": simulators.c.available,
    "fast": _fast_missing,
    "js": simulators.js.available,
    "lava": simulators.lava.available,
    "onnx": _onnx_missing,
}


def find_simulator(name: str) -> Simulate:
    """Return a simulator; InputError if there is none of that name."""
    if name not in SIMULATORS:
        raise InputError("--simulator", f"{name!r} is unknown", f"use one of {', '.join(SIMULATORS)}")
    return SIMULATORS[name]


REFERENCE = "reference"
COMPARABLE = ("fast", "lava", "onnx", "js", "c")
"""What `deploy` holds to the reference where nothing else is asked for."""


def compared_simulators(given: str | None) -> tuple[str, ...]:
    """Those that are held to the reference: of ``"reference,fast"``, fast; all of `COMPARABLE` where nothing is given.

    Raises:
        InputError: a name that is no simulator, or none but the reference.
        MissingPartError: one that is asked for cannot run here.
    """
    if given is None:
        return COMPARABLE
    names = tuple(dict.fromkeys(name.strip() for name in given.split(",") if name.strip()))
    known = (REFERENCE, *COMPARABLE, "accelerator")
    for name in names:
        if name not in known:
            raise InputError("--compare", f"{name!r} is unknown", f"join some of {', '.join(known)} with commas")
        require(name, missing(name))
    others = tuple(name for name in names if name != REFERENCE)
    if not others:
        raise InputError(
            "--compare", f"{given!r} names no simulator to compare with the reference", "e.g. reference,fast"
        )
    return others


def not_asked_for(asked: Collection[str]) -> dict[str, str]:
    """Why each simulator of `COMPARABLE` that is not among those asked for was left out."""
    return {name: "was not asked for (--compare)" for name in COMPARABLE if name not in asked}


def default_simulator() -> str:
    """The quickest simulator that can run here; it gives the reference's answer to the last bit."""
    return "reference" if missing("fast") else "fast"


def missing(name: str) -> str | None:
    """Why a simulator cannot run here, with how to get it; None where it can."""
    check = _MISSING.get(name)
    return check() if check is not None else None


def require(name: str, reason: str | None) -> None:
    """Refuse to go on where a part is missing.

    Raises:
        MissingPartError: there is a reason.
    """
    if reason:
        what, _, remedy = reason.partition("; ")
        raise MissingPartError(name, what, remedy)
