"""The state of a network as one struct, and how many bytes it takes.

Every member has its own width, 8 to 64 bits; the struct holds no pointer, so that a copy of its bytes is a saved state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exporters.c.values import bits_of, stored_bits, type_name
from exporters.scalar.about import overflow_keys
from exporters.scalar.names import identifiers
from exporters.scalar.plan import ProgramPlan, StepPlan

_WORDS = """
    auto break case char const continue default do double else enum extern float for goto if inline int long register
    restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
    asm bool class delete explicit export false friend main mutable namespace new operator private protected public
    template this throw true try catch typeid typename using virtual errno
"""
KEYWORDS = frozenset(_WORDS.split())
"""Of C99 and C++: a header is read by both."""

MEMBERS = frozenset({"slot", "overflows", "sums"})


@dataclass(frozen=True)
class Member:
    """An array of the struct: its width in bits and its extents."""

    name: str
    bits: int
    extents: tuple[int, ...]
    signed: bool = True

    @property
    def bytes(self) -> int:
        """Room that it takes."""
        size = self.bits // 8
        for extent in self.extents:
            size *= extent
        return size

    def __str__(self) -> str:
        sign = "" if self.signed else "u"
        return f"{sign}{type_name(self.bits)} {self.name}{''.join(f'[{extent}]' for extent in self.extents)};"


@dataclass(frozen=True, eq=False)
class Layout:
    """Where everything lies.

    Attributes:
        names: identifier of each input and population.
        registers: by population, the member of each register.
        parts: by input and population, members that live from step to step.
        sums: by population, members that are used within a step only; all populations share their room.
        slots: for how many steps messages are kept, each number once: `slot` holds the present place in each.
    """

    plan: ProgramPlan
    names: Mapping[str, str]
    registers: Mapping[str, dict[str, str]]
    parts: Mapping[str, tuple[Member, ...]]
    sums: Mapping[str, tuple[Member, ...]]
    slots: tuple[int, ...]

    @property
    def heads(self) -> tuple[Member, ...]:
        """Members that no population owns."""
        counts = len(overflow_keys(self.plan))
        found = (Member("overflows", 32, (counts,), signed=False),) if counts else ()
        return (*found, Member("slot", 8, (len(self.slots),), signed=False))

    def slot(self, source: str) -> str:
        """The present place in the kept messages of a source."""
        return f"s->slot[{self.slots.index(self.plan.kept_steps[source] + 1)}]"

    @property
    def is_plain(self) -> bool:
        """Whether all machines agree on where members begin: 64-bit ones begin at 4 bytes on some."""
        return all(member.bits < 64 for members in self._groups() for member in members)

    @property
    def bytes(self) -> int:
        """Room of the struct where members begin at multiples of their widths."""
        groups = [*self.parts.values()]
        at, widest = 0, 1
        for member in self.heads:
            at, widest = _after(at, [member]), max(widest, member.bits // 8)
        unions = [members for members in self.sums.values() if members]
        for members in groups:
            align = max(member.bits // 8 for member in members)
            at, widest = _aligned(at, align) + _size(members), max(widest, align)
        if unions:
            align = max(member.bits // 8 for members in unions for member in members)
            at = _aligned(at, align) + _aligned(max(map(_size, unions)), align)
            widest = max(widest, align)
        return _aligned(at, widest)

    def _groups(self) -> Iterator[tuple[Member, ...]]:
        yield self.heads
        yield from self.parts.values()
        yield from self.sums.values()


def _size(members: tuple[Member, ...]) -> int:
    return _aligned(_after(0, list(members)), max(member.bits // 8 for member in members))


def _after(at: int, members: list[Member]) -> int:
    for member in members:
        at = _aligned(at, member.bits // 8) + member.bytes
    return at


def _aligned(at: int, width: int) -> int:
    return -(-at // width) * width


def lay_out(plan: ProgramPlan) -> Layout:
    """Decide names and widths of everything that is kept."""
    names = identifiers(plan.program.sizes(), KEYWORDS | MEMBERS)
    registers = {name: _register_names(step) for name, step in plan.steps.items()}
    parts: dict[str, tuple[Member, ...]] = {}
    for name, size in plan.program.sizes().items():
        members = _registers(plan.steps[name], registers[name]) if name in plan.steps else []
        members.append(Member("sent", stored_bits(plan.messages[name]), (plan.kept_steps[name] + 1, size)))
        parts[name] = tuple(sorted(members, key=lambda member: -member.bits))
    sums = {
        name: tuple(
            Member(f"{port}_{place}", bits_of(arrival.range), (step.population.size,))
            for port, found in step.arrivals.items()
            for place, arrival in enumerate(found)
        )
        for name, step in plan.steps.items()
    }
    slots = tuple(sorted({kept + 1 for kept in plan.kept_steps.values()}))
    return Layout(plan, names, registers, parts, sums, slots)


def _register_names(step: StepPlan) -> dict[str, str]:
    return identifiers([register.name for register in (*step.stored, *step.probed)], KEYWORDS | {"sent"})


def _registers(step: StepPlan, names: Mapping[str, str]) -> list[Member]:
    found = [(register, step.state_range(register.name)) for register in step.stored]
    found += [(register, step.probe_range(register.name)) for register in step.probed]
    return [
        Member(names[register.name], stored_bits(held), step.population.extent(register.per))
        for register, held in found
    ]
