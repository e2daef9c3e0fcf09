"""What a pass is, and what it returns."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

from toolchain.ir.program import Program


@dataclass(frozen=True, eq=False)
class PassResult:
    """A program that means what the one before meant, and how the two are laid side by side.

    Attributes:
        program: what the pass made.
        shifts: steps by which a population that kept its name now does everything later (earlier, if negative);
            absent ones keep their time. Outputs all move by the change of `latency_steps`.
        remarks: one line for each thing done, and for each thing that was left and why.
    """

    program: Program
    shifts: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def shift(self, population: str) -> int:
        """Steps by which a population moved."""
        return self.shifts.get(population, 0)


class Pass(ABC):
    """Program -> program of the same meaning; a frozen dataclass whose fields are its options."""

    name: ClassVar[str]

    @abstractmethod
    def __call__(self, program: Program) -> PassResult:
        """Return the program that takes the place of a verified one; the same object where there is nothing to do.

        Raises:
            UnsupportedError: what was asked for cannot be had exactly, with the reason.
        """

    @property
    def text(self) -> str:
        """The pass as a pipeline's text has it: name and the options that differ from their defaults."""
        given = [f":{o.name}={getattr(self, o.name)}" for o in options(self) if getattr(self, o.name) != o.default]
        return self.name + "".join(given)


def options(a_pass: Pass | type[Pass]) -> tuple[dataclasses.Field[Any], ...]:
    """The options of a pass."""
    return dataclasses.fields(cast(Any, a_pass))


def followed_by(first: PassResult, second: PassResult) -> PassResult:
    """One result after another, as seen from the program before both; a population's shifts add up."""
    kept = {population.name for population in second.program.populations}
    moved = sorted((first.shifts.keys() | second.shifts.keys()) & kept)
    shifts = {name: steps for name in moved if (steps := first.shift(name) + second.shift(name))}
    return PassResult(second.program, shifts, first.remarks + second.remarks)
