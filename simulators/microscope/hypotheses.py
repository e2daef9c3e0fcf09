"""Candidate causes: a mistake at a place, as a change of meaning that can be run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from simulators.microscope.arithmetic import MISTAKES, SLIPS
from simulators.microscope.meaning import Meaning, Rewrite, places, rewrite_at, with_population, with_wires
from simulators.microscope.wiring import REWIRING_SLIPS, REWIRINGS, Change, Rewire, mixed_sign, population_mistakes
from toolchain.ir.program import Program
from toolchain.ir.tracing import Listing

Alter = Callable[[Meaning], Meaning]


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """One mistake in one or many places.

    Attributes:
        mistake: in words.
        site: where, in words.
        alter: the meaning with that mistake; places that a meaning doesn't have stay out.
        kind: ``"arithmetic"``, ``"projection"``, ``"population"`` or ``"difference"``.
        breadth: 0 for one place; the wider, the greater.
        slip: hardly made by a simulator that works at all; behind the others among equals.
        prepare: changes the whole program beforehand (a difference between two programs).
    """

    mistake: str
    site: str
    alter: Alter
    kind: str
    breadth: int = 0
    slip: bool = False
    prepare: Callable[[Program], Program] = lambda program: program


@dataclass(frozen=True, eq=False)
class Family:
    """A mistake at the places of one population, narrow ones first, and in the rest of the program.

    Attributes:
        near: to be tried on the population alone.
        far: by index into `near`: looks the same from the population as that one, but reaches further.
    """

    near: tuple[Hypothesis, ...]
    far: Mapping[int, tuple[Hypothesis, ...]] = field(default_factory=dict)


def families(meaning: Meaning, population: str) -> Iterator[Family]:
    """Every mistake that could show first in a population."""
    for mistake, rewrite in {**MISTAKES, **SLIPS}.items():
        if family := _arithmetic(meaning, population, mistake, rewrite):
            yield family
        if mistake.startswith("threshold tie: >="):  # projections stand behind the likely mistakes of arithmetic
            yield from _projections(meaning, population)
    for mistake, part, change in population_mistakes(meaning.program.population(population)):
        yield Family((Hypothesis(mistake, f"{population}.{part}", _changing(population, change), "population"),))


def _arithmetic(meaning: Meaning, population: str, mistake: str, rewrite: Rewrite) -> Family | None:
    listing = meaning.listings[population]
    own = places(meaning, (population,), rewrite).get(population, frozenset())
    if not own:
        return None
    near: list[Hypothesis] = []
    far: dict[int, tuple[Hypothesis, ...]] = {}
    for site, results, breadth in _groups(listing, own):
        alike = _alike(meaning, population, results, rewrite)
        if len(alike) > 1:
            words = f"every {meaning.program.population(population).neuron}: {site}"
            far[len(near)] = (_rewriting(mistake, words, alike, rewrite, breadth + 3),)
        near.append(_rewriting(mistake, f"{population}: {site}", {population: results}, rewrite, breadth))
    every = places(meaning, tuple(meaning.listings), rewrite)
    if len(every) > 1:
        last = len(near) - 1
        far[last] = (*far.get(last, ()), _rewriting(mistake, "every population", every, rewrite, 6))
    return Family(tuple(near), far)


def _alike(meaning: Meaning, population: str, results: frozenset[str], rewrite: Rewrite) -> dict[str, frozenset[str]]:
    """The same instructions in every population of the same type."""
    neuron = meaning.program.population(population).neuron
    alike = tuple(p.name for p in meaning.program.populations if p.neuron == neuron)
    found = places(meaning, alike, rewrite)
    return {name: at & results for name, at in found.items() if at & results}


def _groups(listing: Listing, results: frozenset[str]) -> Iterator[tuple[str, frozenset[str], int]]:
    """(words, results, breadth): single instructions, those that make one register, all."""
    for instruction in listing.instructions:
        if instruction.result in results:
            yield str(instruction), frozenset({instruction.result}), 0
    makers = _makers(listing, results)
    for register, made in makers.items():
        if 1 < len(made) < len(results):
            yield f"wherever {register} is made", made, 1
    if len(results) > 1:
        yield f"in all {len(results)} such instructions", results, 2


def _makers(listing: Listing, results: frozenset[str]) -> dict[str, frozenset[str]]:
    """Results by the register, or message, that they lead up to."""
    found: dict[str, frozenset[str]] = {}
    waiting: set[str] = set()
    for instruction in listing.instructions:
        if instruction.result in results:
            waiting.add(instruction.result)
        if instruction.register and waiting:
            found[instruction.register], waiting = frozenset(waiting), set()
    return found | ({"the message": frozenset(waiting)} if waiting else {})


def _rewriting(
    mistake: str, site: str, results: Mapping[str, frozenset[str]], rewrite: Rewrite, breadth: int
) -> Hypothesis:
    def alter(meaning: Meaning) -> Meaning:
        return rewrite_at(meaning, {name: at for name, at in results.items() if name in meaning.listings}, rewrite)

    return Hypothesis(mistake, site, alter, "arithmetic", breadth, slip=mistake in SLIPS)


def _projections(meaning: Meaning, population: str) -> Iterator[Family]:
    into = [wire.name for wire in meaning.wires.values() if wire.target == population]
    for mistake, rewire in REWIRINGS.items():
        hit = [name for name in into if rewire(meaning.wires[name]) is not None]
        near = [_rewiring(mistake, f"projection {name}", (name,), rewire, 0) for name in hit]
        if len(hit) > 1:
            near.append(_rewiring(mistake, f"every projection into {population}", tuple(hit), rewire, 1))
        if near:
            far = [_rewiring(mistake, words, names, rewire, 2) for words, names in _wider_wires(meaning, into)]
            yield Family(tuple(near), {len(near) - 1: tuple(far)})


def _wider_wires(meaning: Meaning, into: list[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Sets of projections that hold some into a population and some elsewhere."""
    kinds = {projection.name: projection.connection.kind for projection in meaning.program.projections}
    wires = meaning.wires.values()
    sets = {"every projection": tuple(wire.name for wire in wires)}
    sets["every projection with weights of both signs"] = tuple(wire.name for wire in wires if mixed_sign(wire))
    for kind in sorted({kinds[name] for name in into}):
        sets[f"every {kind} projection"] = tuple(wire.name for wire in wires if kinds[wire.name] == kind)
    for source in sorted({meaning.wires[name].source for name in into}):
        sets[f"every projection from {source}"] = tuple(wire.name for wire in wires if wire.source == source)
    seen = {tuple(into)}
    for words, names in sets.items():
        if len(names) > 1 and names not in seen and set(names) & set(into):
            seen.add(names)
            yield words, names


def _rewiring(mistake: str, site: str, names: tuple[str, ...], rewire: Rewire, breadth: int) -> Hypothesis:
    def alter(meaning: Meaning) -> Meaning:
        changed = {name: rewire(meaning.wires[name]) for name in names if name in meaning.wires}
        return with_wires(meaning, {name: wire for name, wire in changed.items() if wire is not None})

    return Hypothesis(mistake, site, alter, "projection", breadth, slip=mistake in REWIRING_SLIPS)


def _changing(name: str, change: Change) -> Alter:
    def alter(meaning: Meaning) -> Meaning:
        found = [population for population in meaning.program.populations if population.name == name]
        return with_population(meaning, change(found[0])) if found else meaning

    return alter
