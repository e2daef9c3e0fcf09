"""Text of LLVM functions: fresh names, loops, memory. Knows nothing of neurons or synapses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

LANES = 16
"""Neurons that one vector holds: a 512-bit register of 32-bit lanes; narrower machines use several registers."""

BYTES = {8: 1, 16: 2, 32: 4, 64: 8}
"""Bytes of a stored integer of so many bits."""

Name = str
"""The name of an LLVM value, or a literal."""


def vector(bits: int, lanes: int = LANES) -> str:
    """The type of a vector of integers."""
    return f"<{lanes} x i{bits}>"


def splat(value: int, bits: int = 32, lanes: int = LANES) -> Name:
    """A vector that holds one number in every lane."""
    return f"<{', '.join([f'i{bits} {value}'] * lanes)}>"


@dataclass
class Function:
    """One LLVM function as it is written.

    Attributes:
        parameters: as in its definition; it is called ``@NAME`` until it is compiled.
        declared: functions and intrinsics that it calls, as declarations.
    """

    parameters: str
    declared: set[str] = field(default_factory=set)
    _slots: list[str] = field(default_factory=list)
    _lines: list[str] = field(default_factory=list)
    _names: int = 0

    def fresh(self, hint: str = "v") -> Name:
        """A name that is not used yet."""
        self._names += 1
        return f"%{hint}.{self._names}"

    def line(self, text: str) -> None:
        """Write one instruction that has no result."""
        self._lines.append(f"  {text}")

    def put(self, text: str, hint: str = "v") -> Name:
        """Write one instruction and return the name of its result."""
        name = self.fresh(hint)
        self.line(f"{name} = {text}")
        return name

    def slot(self, kind: str, hint: str = "slot", count: Name = "") -> Name:
        """Room on the stack, made on entry; where `count` of them are wanted, write this before any loop."""
        if count:
            return self.put(f"alloca {kind}, i64 {count}, align 64", hint)
        name = self.fresh(hint)
        self._slots.append(f"  {name} = alloca {kind}, align 64")
        return name

    def at(self, base: Name, offset: Name) -> Name:
        """The address `offset` bytes beyond `base`."""
        return self.put(f"getelementptr i8, ptr {base}, i64 {offset}", "p")

    def times(self, a: Name, b: Name | int) -> Name:
        """a * b, for addresses and counts."""
        return self.put(f"mul i64 {a}, {b}", "n")

    def plus(self, a: Name, b: Name | int) -> Name:
        """a + b, for addresses and counts."""
        return self.put(f"add i64 {a}, {b}", "n")

    def load(self, kind: str, address: Name, align: int) -> Name:
        """What stands at an address."""
        return self.put(f"load {kind}, ptr {address}, align {align}")

    def store(self, kind: str, value: Name, address: Name, align: int) -> None:
        """Write a value to an address."""
        self.line(f"store {kind} {value}, ptr {address}, align {align}")

    def word(self, table: Name, index: int, kind: str = "i64") -> Name:
        """One 8-byte word of a table."""
        return self.load(kind, self.at(table, str(8 * index)), 8)

    def label(self, name: str) -> None:
        """Begin a block; the one before it falls through."""
        self.line(f"br label %{name}")
        self._lines.append(f"{name}:")

    @contextmanager
    def loop(self, hint: str, start: Name | int, stop: Name | int, by: Name | int = 1) -> Iterator[Name]:
        """Count from `start` up to but not including `stop`; what is written inside is the body."""
        key = self.fresh(hint)[1:]
        self.label(f"{key}.before")
        self.label(f"{key}.head")
        self.line(f"%{key} = phi i64 [ {start}, %{key}.before ], [ %{key}.next, %{key}.latch ]")
        more = self.put(f"icmp slt i64 %{key}, {stop}", "more")
        self.line(f"br i1 {more}, label %{key}.body, label %{key}.exit")
        self._lines.append(f"{key}.body:")
        yield f"%{key}"
        self.label(f"{key}.latch")
        self.line(f"%{key}.next = add i64 %{key}, {by}")
        self.line(f"br label %{key}.head")
        self._lines.append(f"{key}.exit:")

    @contextmanager
    def when(self, condition: Name, hint: str = "if") -> Iterator[None]:
        """Write a body that runs where an i1 is set."""
        key = self.fresh(hint)[1:]
        self.line(f"br i1 {condition}, label %{key}.then, label %{key}.end")
        self._lines.append(f"{key}.then:")
        yield
        self.label(f"{key}.end")

    @contextmanager
    def while_not_zero(self, slot: Name, hint: str = "while") -> Iterator[Name]:
        """Repeat a body while the i64 in a slot is not 0; the body gets its value and must change it."""
        key = self.fresh(hint)[1:]
        self.label(f"{key}.head")
        value = self.load("i64", slot, 8)
        more = self.put(f"icmp ne i64 {value}, 0", "more")
        self.line(f"br i1 {more}, label %{key}.body, label %{key}.exit")
        self._lines.append(f"{key}.body:")
        yield value
        self.line(f"br label %{key}.head")
        self._lines.append(f"{key}.exit:")

    def call(self, result: str, name: str, *operands: tuple[str, Name]) -> Name:
        """Call an intrinsic, each operand with its type."""
        self.declared.add(f"declare {result} @{name}({', '.join(kind for kind, _ in operands)})")
        return self.put(f"call {result} @{name}({', '.join(f'{kind} {value}' for kind, value in operands)})")

    def text(self) -> str:
        """The definition."""
        head = [f"define void @NAME({self.parameters}) nounwind {{", "entry:"]
        return "\n".join([*head, *self._slots, *self._lines, "  ret void", "}"])
