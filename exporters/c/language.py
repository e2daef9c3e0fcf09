"""A step's lines in C: element i of a population's arrays, or mode m of neuron i."""

from __future__ import annotations

from dataclasses import dataclass

from exporters.c.primitives import write_primitive
from exporters.c.values import bits_of, in_bits, literal, number, stored_bits, type_name
from exporters.scalar.elements import Elements
from exporters.scalar.names import plain
from exporters.scalar.plan import StepPlan
from exporters.scalar.synapses import Arrival
from exporters.scalar.walk import Value
from toolchain.bounds.ranges import Range, hull
from toolchain.ir.neurons import Register


@dataclass(frozen=True)
class C(Elements):
    """The language of `exporters.scalar.walk`, for one population.

    Attributes:
        name: its identifier.
        members: register -> its member's name.
    """

    name: str
    members: dict[str, str]

    def number(self, value: int) -> Value:
        """A number in the code."""
        return number(value)

    def primitive(self, name: str, result: Range, operands: list[Value]) -> Value:
        """One primitive's expression."""
        return write_primitive(name, result, operands)

    def declare(self, name: str, value: Value) -> tuple[str, Value]:
        """A constant of the innermost block."""
        bits = bits_of(value.range)
        return f"const {type_name(bits)} {plain(name)} = {value.text};", Value(plain(name), f"int{bits}", value.range)

    def own(self, coefficient: str) -> str:
        """The array of a coefficient."""
        return f"{self.name}_own_{coefficient}"

    def place(self, of_modes: bool) -> str:
        """Neuron i, or its mode m."""
        return "[i][m]" if of_modes else "[i]"

    def arrived(self, port: str, place: int, arrival: Arrival) -> Value:
        """A member of the sums."""
        return Value(f"s->sums.{self.name}.{port}_{place}[i]", f"int{bits_of(arrival.range)}", arrival.range)

    def state(self, plan: StepPlan, register: Register) -> str:
        """An element of a stored register."""
        return f"s->{self.name}.{self.members[register.name]}{self.place(register.per == 'mode')}"

    def probe(self, plan: StepPlan, register: Register) -> str:
        """An element of a recorded register."""
        return self.state(plan, register)

    def message(self, plan: StepPlan) -> str:
        """The message of neuron i."""
        return f"s->{self.name}.sent[now][i]"

    def assign(self, target: str, value: Value, held: Range) -> str:
        """Store in an array of the width that the range has."""
        bits = stored_bits(held)
        text = literal(value.number, bits) if value.number is not None else value.text
        same = value.kind == f"int{bits}" or value.number is not None
        return f"{target} = {text if same else f'({type_name(bits)})({text})'};"

    def begin_sum(self, name: str, total: Range) -> tuple[str, Value]:
        """A variable that grows; the range holds what the sum is on its way, too."""
        whole = hull((0, 0), total)
        bits = bits_of(whole)
        return f"{type_name(bits)} {plain(name)} = 0;", Value(plain(name), f"int{bits}", whole)

    def grow_sum(self, total: Value, value: Value) -> str:
        """One mode more."""
        return f"{total.text} += {in_bits(value, bits_of(total.range))};"

    def count(self, number: int, value: Value, low: int, high: int) -> str:
        """Counted in a variable of the step, without a branch."""
        bits = max(bits_of(value.range), bits_of((low, high)))
        text = in_bits(value, bits)
        return f"misfits_{number} += (uint32_t)(({text} < {literal(low, bits)}) | ({text} > {literal(high, bits)}));"

    def loop_modes(self, modes: int) -> str:
        """Over the modes of neuron i."""
        return f"for (int32_t m = 0; m < {modes}; ++m) {{"

    def keep_modes(self, name: str, value: Value, modes: int) -> tuple[str, str, str]:
        """An array of the step, one element a mode."""
        array, bits = f"kept_{plain(name)}", bits_of(value.range)
        return f"{type_name(bits)} {array}[{modes}];", f"{array}[m] = {in_bits(value, bits)};", f"{array}[m]"
