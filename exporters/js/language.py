"""A step's lines in JavaScript. Arrays are local names of the step's function, which `steps` declares."""

from __future__ import annotations

from exporters.js.primitives import write_primitive
from exporters.js.values import array_type, in_kind, kind_of, literal, number, to_number
from exporters.scalar.elements import Elements
from exporters.scalar.names import plain
from exporters.scalar.plan import StepPlan
from exporters.scalar.synapses import Arrival
from exporters.scalar.walk import Value
from toolchain.bounds.ranges import Range, hull
from toolchain.ir.neurons import Register


class JavaScript(Elements):
    """The language of `exporters.scalar.walk`."""

    def number(self, value: int) -> Value:
        """A number in the code."""
        return number(value)

    def primitive(self, name: str, result: Range, operands: list[Value]) -> Value:
        """One primitive's expression."""
        return write_primitive(name, result, operands)

    def declare(self, name: str, value: Value) -> tuple[str, Value]:
        """A constant of the innermost block."""
        kind = kind_of(value.range) if value.kind == "element" else value.kind
        text = value.text
        if value.kind == "element" and kind == "big" and array_type(value.range) != "BigInt64Array":
            text = f"BigInt({text})"
        return f"const {plain(name)} = {text};", Value(plain(name), kind, value.range)

    def own(self, coefficient: str) -> str:
        """The array of a coefficient."""
        return f"own${coefficient}"

    def place(self, of_modes: bool) -> str:
        """Neuron i, or its mode m: im of all."""
        return "[im]" if of_modes else "[i]"

    def arrived(self, port: str, place: int, arrival: Arrival) -> Value:
        """An element of an array of sums."""
        return Value(f"sum_{port}_{place}[i]", kind_of(arrival.range), arrival.range)

    def state(self, plan: StepPlan, register: Register) -> str:
        """An element of a stored register."""
        return f"held_{register.name}{self.place(register.per == 'mode')}"

    def probe(self, plan: StepPlan, register: Register) -> str:
        """An element of a recorded register."""
        return f"seen_{register.name}{self.place(register.per == 'mode')}"

    def message(self, plan: StepPlan) -> str:
        """The message of neuron i."""
        return "sent[now + i]"

    def assign(self, target: str, value: Value, held: Range) -> str:
        """Store in an array of the type that the range has."""
        kind = array_type(held)
        if kind == "BigInt64Array":
            return f"{target} = {in_kind(value, 'big')};"
        # A double may be -0, which no integer array keeps.
        zero = " + 0" if kind == "Float64Array" and value.number is None else ""
        return f"{target} = {to_number(value)}{zero};"

    def begin_sum(self, name: str, total: Range) -> tuple[str, Value]:
        """A variable that grows; the range holds what the sum is on its way, too."""
        whole = hull((0, 0), total)
        value = Value(plain(name), kind_of(whole), whole)
        return f"let {value.text} = {literal(0, big=value.kind == 'big')};", value

    def grow_sum(self, total: Value, value: Value) -> str:
        """One mode more."""
        grown = f"{total.text} + {in_kind(value, 'big' if total.kind == 'big' else 'number')}"
        return f"{total.text} = {f'({grown}) | 0' if total.kind == 'int' else grown};"

    def count(self, number: int, value: Value, low: int, high: int) -> str:
        """Counted in a variable of the step."""
        big = value.kind == "big"
        text = value.text if value.kind != "flag" else to_number(value)
        return f"if ({text} < {literal(low, big=big)} || {text} > {literal(high, big=big)}) misfits_{number}++;"

    def loop_modes(self, modes: int) -> str:
        """Over the modes of neuron i."""
        return f"for (let m = 0, im = i * {modes}; m < {modes}; m++, im++) {{"

    def keep_modes(self, name: str, value: Value, modes: int) -> tuple[str, str, str]:
        """An array of the step, one element a mode."""
        array, kind = f"kept_{plain(name)}", array_type(value.range)
        text = in_kind(value, "big" if kind == "BigInt64Array" else "number")
        return f"const {array} = new {kind}({modes});", f"{array}[m] = {text};", f"{array}[m]"
