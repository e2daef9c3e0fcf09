"""What the languages share whose arrays are indexed element by element: neuron i, or mode m of neuron i."""

from __future__ import annotations

from abc import ABC, abstractmethod

from exporters.scalar.plan import StepPlan
from exporters.scalar.synapses import Arrival
from exporters.scalar.walk import Value
from toolchain.bounds.ranges import Range


class Elements(ABC):
    """A part of `exporters.scalar.walk.Language`."""

    @abstractmethod
    def number(self, value: int) -> Value:
        """A number in the code."""

    @abstractmethod
    def primitive(self, name: str, result: Range, operands: list[Value]) -> Value:
        """One primitive's expression."""

    @abstractmethod
    def own(self, coefficient: str) -> str:
        """The array of a coefficient."""

    @abstractmethod
    def place(self, of_modes: bool) -> str:
        """What follows an array's name: the index in brackets."""

    @abstractmethod
    def arrived(self, port: str, place: int, arrival: Arrival) -> Value:
        """A partial sum of a port, before its shift."""

    def coefficient(self, plan: StepPlan, name: str, of_modes: bool) -> str:
        """An element, or the table."""
        tables = {c.name for c in plan.population.type.coefficients if c.per == "population"}
        return self.own(name) if name in tables else f"{self.own(name)}{self.place(of_modes)}"

    def port(self, plan: StepPlan, port: str) -> Value:
        """The partial sums together, each by its exponent."""
        parts = []
        for place, arrival in enumerate(plan.arrivals[port]):
            shift = "shift_left" if arrival.exponent > 0 else "shift_floor"
            operands = [self.arrived(port, place, arrival), self.number(abs(arrival.exponent))]
            parts.append(self.primitive(shift, arrival.whole, operands))
        if not parts:
            return self.number(0)
        total = parts[0]
        for part in parts[1:]:
            low, high = total.range[0] + part.range[0], total.range[1] + part.range[1]
            total = self.primitive("add", (low, high), [total, part])
        return total
