"""What a neuron type declares: registers, coefficients, settings, ports and one step.

A type is data plus one pure function. Simulators, exporters, tracing, verification, the text form and the reports
read these declarations, so a new type needs no edit anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from toolchain.ir.integer import Overflow, Value

Width = int | str
"""A number of bits, or the name of the setting that gives it."""

Extent = Literal["neuron", "mode", "population"]
"""Whether there is one value a neuron, one a mode of a neuron, or one for the whole population (a table)."""


@dataclass(frozen=True)
class Register:
    """A two's complement word that a neuron writes each step.

    Attributes:
        name: unique in its type.
        bits: its width.
        overflow: what happens to a value that does not fit.
        per: one word a neuron or one a mode.
        stored: kept until the next step (it then takes core memory), or used within the step only.
        meaning: one line for documentation.
    """

    name: str
    bits: Width
    overflow: Overflow
    per: Extent = "neuron"
    stored: bool = True
    meaning: str = ""


@dataclass(frozen=True)
class Coefficient:
    """A constant integer of the trained network: one a neuron, one a mode, or a table for the population.

    Attributes:
        bits: width; two's complement if `signed`, else 0 .. 2^bits - 1.
        default: value where a population gives none; None makes the coefficient compulsory.
    """

    name: str
    bits: Width
    signed: bool = True
    per: Extent = "neuron"
    default: int | None = None
    meaning: str = ""


@dataclass(frozen=True)
class Setting:
    """A small integer fixed for a whole population when it is compiled (a shift, a width, a mode of operation)."""

    name: str
    low: int
    high: int
    default: int
    meaning: str = ""


@dataclass(frozen=True)
class Port:
    """Where messages arrive: the exact sum over all projections, in a register of its own."""

    name: str
    bits: int = 24
    overflow: Overflow = Overflow.TRAP
    meaning: str = "sum of what arrives"


class Values(Mapping[str, Any]):
    """Named values with attribute access, so that a step reads like its equations."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Keep(Protocol):
    """Store a value in the named register by its overflow rule and return what the register then holds."""

    def __call__(self, register: str, value: Value) -> Value: ...


Step = Callable[[Values, Values, Values, Keep], tuple[dict[str, Value], Value]]
"""(own coefficients and settings, stored registers, port sums, keep) -> (stored registers after, message)."""


@dataclass(frozen=True)
class NeuronType:
    """One kind of neuron.

    Attributes:
        name: as it appears in programs, e.g. ``"ssm_lif"``.
        summary: one line.
        registers: in the order in which the step writes them.
        coefficients, settings, ports: declarations.
        message_bits: width of what it emits; 1 for a spike, 0 for a neuron that never emits.
        step: the equations; written with `integer` primitives only. The message is 0 for "none".
        rules: extra checks `(values) -> problems` beyond widths, e.g. that poles lie inside the unit disc.
    """

    name: str
    summary: str
    registers: tuple[Register, ...]
    coefficients: tuple[Coefficient, ...]
    settings: tuple[Setting, ...]
    ports: tuple[Port, ...]
    message_bits: Width
    step: Step
    rules: tuple[Callable[[Values], list[str]], ...] = ()

    @property
    def stored(self) -> tuple[Register, ...]:
        """The registers that live from one step to the next."""
        return tuple(register for register in self.registers if register.stored)

    def register(self, name: str) -> Register:
        """Return the register of that name; KeyError if there is none."""
        for register in self.registers:
            if register.name == name:
                return register
        raise KeyError(name)
