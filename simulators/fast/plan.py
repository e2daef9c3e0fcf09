"""What a population's generated function reads, writes and counts: decided from its declarations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from simulators.fast.compiling import has_feature
from simulators.fast.lanes import SHORT_PRODUCTS
from simulators.fast.layout import storage_bits
from simulators.fast.pairs import Pair, pairs
from simulators.fast.twins import Twins, choose
from toolchain.bounds.counts import Count, counts_of
from toolchain.bounds.ranges import Bounds, Range, bounds, hull, lane_width, message_width
from toolchain.ir.neurons import Coefficient, Register
from toolchain.ir.phases import Phases, phases
from toolchain.ir.program import Population
from toolchain.ir.timestep import all_registers, stored_registers
from toolchain.ir.tracing import Listing, Symbol, trace_step


@dataclass(frozen=True)
class Word:
    """One array that a step reads or writes.

    Attributes:
        role: ``port``, ``own``, ``pair``, ``table``, ``state``, ``message``, ``sent``, ``counts`` or ``probe``.
        name: of the port, coefficient, pair of coefficients or register.
        bits: of one stored integer.
        modes: whether it has one a mode.
    """

    role: str
    name: str
    bits: int
    modes: bool = False


@dataclass(frozen=True, eq=False)
class Plan:
    """One population's function before it is written.

    Attributes:
        ports: bounds of what arrives, by port name, before the port's rule.
        order: where each instruction is written.
        words: the arrays, in the order of the function's table of arguments.
        counts: what may not fit, in the order in which it is checked.
        pairs: sums of two products that one instruction does, by result.
        twins: modes' registers that are kept split for them.
        message: range of what is emitted.
        strict: what does not fit ends the run, so it is only noticed, neither counted nor brought into range.
    """

    population: Population
    listing: Listing
    bounds: Bounds
    ports: Mapping[str, Range]
    order: Phases
    words: tuple[Word, ...]
    counts: tuple[Count, ...]
    pairs: Mapping[str, Pair]
    twins: tuple[Twins, ...]
    message: Range
    strict: bool

    def word(self, role: str, name: str = "") -> Word:
        """The array of that role and name."""
        return next(word for word in self.words if (word.role, word.name) == (role, name))


def plan(
    population: Population, ports: Mapping[str, Range], probed: frozenset[str], *, strict: bool, long: bool
) -> Plan:
    """Decide the arrays of a population's function.

    Args:
        ports: bounds of what arrives at each port.
        probed: names of the registers to record at every step.
        strict: whether something that does not fit ends the run.
        long: whether its turns have many steps.
    """
    listing = trace_step(population)
    found = bounds(population, listing)
    message = hull((0, 0), found[listing.message])
    order = phases(population, listing)
    candidates = [pair for pair in pairs(listing) if _has_pairs() and _together(population, pair, order)]
    paired, twins = choose(listing, found, order, candidates, long=long)
    read = _read(listing, paired)
    words = (
        *(Word("port", port.name, lane_width(ports[port.name])) for port in population.type.ports),
        *(_coefficient(population, c) for c in population.type.coefficients if f"own.{c.name}" in read),
        *(_pair_words(population, paired)),
        *(_state(found, register) for register in stored_registers(population)),
        Word("message", "", message_width(message)),
        Word("sent", "", 64),
        Word("counts", "", 64),
        *(_probe(listing, found, register) for register in all_registers(population) if register.name in probed),
    )
    counts = counts_of(population, listing, found, ports)
    return Plan(population, listing, found, ports, order, words, counts, paired, twins, message, strict)


def _coefficient(population: Population, coefficient: Coefficient) -> Word:
    # An unsigned number needs one bit more to be stored with a sign.
    bits = population.width(coefficient.bits) + (not coefficient.signed)
    if coefficient.per == "population":
        return Word("table", coefficient.name, 32 if bits <= 32 else 64)
    # Modes' coefficients of 8 bits would cost more to widen each step than to read whole.
    least = 32 if coefficient.per == "mode" and bits <= 8 else 8
    return Word("own", coefficient.name, max(least, storage_bits(bits)), coefficient.per == "mode")


def _read(listing: Listing, paired: Mapping[str, Pair]) -> set[str]:
    """What is read other than by pairs."""
    products = {name for pair in paired.values() for name in pair.products}
    operands = [o for i in listing.instructions if i.result not in products for o in i.operands]
    operands += [*listing.registers.values(), listing.message]
    return {operand.name for operand in operands if isinstance(operand, Symbol)}


def _has_pairs() -> bool:
    return has_feature(SHORT_PRODUCTS)


def _together(population: Population, pair: Pair, order: Phases) -> bool:
    """Whether a pair's products are in the same loop as their sum, and its coefficients of the same extent."""
    extents = {c.per for c in population.type.coefficients if c.name in (pair.low.factor, pair.high.factor)}
    return len(extents) == 1 and len({order.ready[name] for name in (pair.result, *pair.products)}) == 1


def _pair_words(population: Population, paired: Mapping[str, Pair]) -> Iterator[Word]:
    by_mode = {c.name for c in population.type.coefficients if c.per == "mode"}
    each = [(name, pair) for pair in paired.values() for name in (pair.plain, pair.signed)]
    modes = {name: bool({pair.low.factor, pair.high.factor} & by_mode) for name, pair in each}
    yield from (Word("pair", name, 32, modes[name]) for name in sorted(modes))


def _state(found: Bounds, register: Register) -> Word:
    return Word("state", register.name, lane_width(found.of[f"state.{register.name}"]), register.per == "mode")


def _probe(listing: Listing, found: Bounds, register: Register) -> Word:
    ranges = [found[listing.registers[register.name]]] if register.name in listing.registers else []
    ranges += [found.of[listing.kept[register.name]]] if register.name in listing.kept else []
    return Word("probe", register.name, lane_width(hull((0, 0), *ranges)), register.per == "mode")
