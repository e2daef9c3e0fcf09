"""Modes' registers that are kept split between steps, because every product of them is one of `pairs`.

A state space multiplies its real and imaginary parts twice: the new ones in the readout, and as the old ones in the
next step. Splitting them once, when they are new, serves both. A population's function splits all modes when it begins
a block of neurons and joins them when it ends one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from simulators.fast.pairs import Pair, is_simple, split_at
from toolchain.bounds.ranges import Bounds
from toolchain.ir.phases import Phases
from toolchain.ir.tracing import Listing, Symbol


@dataclass(frozen=True)
class Twins:
    """Two registers of a mode that are split together.

    Attributes:
        low, high: their names, by their place in a pair.
        shift: the bit at which they are split.
        new: names of the values that they are given.
    """

    low: str
    high: str
    shift: int
    new: tuple[str, str]

    @property
    def old(self) -> tuple[str, str]:
        """Names of the values that a step finds."""
        return f"state.{self.low}", f"state.{self.high}"


def choose(
    listing: Listing, found: Bounds, order: Phases, candidates: Iterable[Pair], *, long: bool
) -> tuple[dict[str, Pair], tuple[Twins, ...]]:
    """Which sums of products are done as pairs, and which registers are kept split for it.

    Args:
        candidates: all sums that have the form.
        long: whether a turn has enough steps to make splitting and joining worth while.
    """
    every = list(candidates)
    exact = [split for pair in every if (split := split_at(pair, pair.shift, found))]
    chosen = {pair.result: pair for pair in exact if not is_simple(pair, found)}
    twins: list[Twins] = []
    for values in sorted({pair.values for pair in chosen.values()}) if long else []:
        for pair in _twins(listing, order, [p for p in chosen.values() if p.values == values]):
            readers = [split for reader in every if (split := _reader(reader, pair, found))]
            if readers:
                twins.append(pair)
                chosen |= {reader.result: reader for reader in readers}
    return chosen, tuple(twins)


def _twins(listing: Listing, order: Phases, readers: list[Pair]) -> Iterator[Twins]:
    """The registers whose old values all of `readers` multiply, if nothing else reads them."""
    values, shift = readers[0].values, readers[0].shift
    low, high = (value.removeprefix("state.") for value in values)
    if not {low, high} <= order.stores.keys() or order.stores[low] != order.stores[high] or low == high:
        return
    products = {name for reader in readers for name in reader.products}
    read = {i.result for i in listing.instructions for o in i.operands if isinstance(o, Symbol) and o.name in values}
    new = listing.registers[low], listing.registers[high]
    alone = read <= products and all(reader.shift == shift for reader in readers)
    if alone and isinstance(new[0], Symbol) and isinstance(new[1], Symbol):
        yield Twins(low, high, shift, (new[0].name, new[1].name))


def _reader(pair: Pair, twins: Twins, found: Bounds) -> Pair | None:
    """A pair that multiplies the new values of twins, in their order and split where they are."""
    if {*pair.values} != {*twins.new}:
        return None
    turned = pair if pair.values == twins.new else pair.turned()
    return split_at(turned, twins.shift, found)
