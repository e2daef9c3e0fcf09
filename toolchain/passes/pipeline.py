"""The passes, their order, and the runner that checks what each of them returns.

As text, passes are joined by commas, options follow by colons: ``prune-zeros,split-fan-in:max_sources=1024``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from toolchain.bounds.verify import verify
from toolchain.errors import InputError, VerificationError
from toolchain.files import write_text
from toolchain.ir.program import Program
from toolchain.ir.text import write_program
from toolchain.passes.base import Pass, PassResult, followed_by, options
from toolchain.passes.choose_stream import ChooseStream
from toolchain.passes.delays import BalanceDelays
from toolchain.passes.prune import PruneZeros
from toolchain.passes.relay_stream import RelayStream
from toolchain.passes.scales import FoldScales
from toolchain.passes.split_fan_in import SplitFanIn
from toolchain.passes.split_ssm import SplitSsm
from toolchain.passes.unroll_stream import UnrollStream

PASSES: tuple[type[Pass], ...] = (
    PruneZeros,
    FoldScales,
    UnrollStream,
    RelayStream,
    ChooseStream,
    SplitSsm,
    SplitFanIn,
    BalanceDelays,
)
"""Every pass, in the order in which they make sense: less first, then the layout, then its time."""

DEFAULT = "prune-zeros,fold-scales,choose-stream,split-fan-in,balance-delays"
"""What a network gets unless told otherwise: nothing that costs more words, and latency only for what would not fit."""

BY_NAME = {one.name: one for one in PASSES}
TRUE, FALSE = ("true", "1"), ("false", "0")


def run_passes(
    program: Program,
    passes: str | Sequence[Pass],
    tell: Callable[[str], None],
    dump: Path | None = None,
    max_sources: int | None = None,
) -> PassResult:
    """Run passes in the order given, checking the program before and after each.

    Args:
        program: as lowered.
        passes: a pipeline's text (``""`` for none) or passes.
        tell: is called with one line for each remark.
        dump: folder for the program's text before the first pass and after each, ``0.txt``, ``1-<pass>.txt``, ...
        max_sources: most sources of a neuron on the target, for a `split-fan-in` in a text that says none.

    Returns:
        The last program, all shifts against the first, and every remark.

    Raises:
        InputError: the text names an unknown pass or option, or a value that it cannot have.
        UnsupportedError: a pass cannot do exactly what it was asked for.
        VerificationError: the program breaks a rule, before the passes or after the one that is named.
    """
    chosen = parse_passes(passes, max_sources) if isinstance(passes, str) else passes
    verify(program)
    _write(program, dump, "0")
    total, tracked = PassResult(program), set(program.sizes())
    for number, one in enumerate(chosen, 1):
        result = _checked(one, total.program)
        for remark in result.remarks:
            tell(f"{one.name}: {remark}")
        _write(result.program, dump, f"{number}-{one.name}")
        total = followed_by(total, result)
        tracked &= set(result.program.sizes())
    # Relays that one pass adds and a later one moves have no place in the program before.
    shifts = {name: steps for name, steps in total.shifts.items() if name in tracked}
    return PassResult(total.program, shifts, total.remarks)


def _checked(one: Pass, program: Program) -> PassResult:
    result = one(program)
    if result.program is not program:
        try:
            verify(result.program)
        except VerificationError as error:
            raise VerificationError(error.where, f"after {one.text}: {error.what}", "leave the pass out") from error
    return result


def _write(program: Program, folder: Path | None, name: str) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / f"{name}.txt", write_program(program))


def parse_passes(text: str, max_sources: int | None = None) -> tuple[Pass, ...]:
    """Read a pipeline's text; `max_sources` is for a `split-fan-in` that says none.

    Raises:
        InputError: an unknown pass or option, or a value that the option cannot have.
    """
    return tuple(_parse_pass(word.strip(), max_sources) for word in text.split(",") if word.strip())


def write_passes(passes: Sequence[Pass]) -> str:
    """Write a pipeline as `parse_passes` reads it."""
    return ",".join(one.text for one in passes)


def _parse_pass(text: str, max_sources: int | None) -> Pass:
    name, *given = text.split(":")
    if name not in BY_NAME:
        raise InputError("passes", f"no pass {name!r}", f"use some of {', '.join(BY_NAME)}")
    defaults = {option.name: option.default for option in options(BY_NAME[name])}
    values: dict[str, object] = {}
    if name == SplitFanIn.name and max_sources is not None:
        values["max_sources"] = max_sources
    for assignment in given:
        option, equals, value = assignment.partition("=")
        if option not in defaults or not equals:
            known = ", ".join(defaults) or "none"
            raise InputError(f"passes.{name}", f"{assignment!r} sets no option", f"its options: {known}")
        values[option] = _value(f"passes.{name}.{option}", value, defaults[option])
    return BY_NAME[name](**values)


def _value(where: str, text: str, default: object) -> object:
    """The text as a value of the default's type."""
    if isinstance(default, bool):
        if text.lower() in (*TRUE, *FALSE):
            return text.lower() in TRUE
        raise InputError(where, f"{text!r} is neither true nor false", "give true or false")
    try:
        return type(default)(text)  # type: ignore[call-arg]
    except ValueError as error:
        raise InputError(
            where, f"{text!r} is not of type {type(default).__name__}", f"the default is {default}"
        ) from error
