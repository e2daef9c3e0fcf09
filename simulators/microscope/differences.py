"""How two programs differ, part by part, each difference as something that can be tried on the first."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from simulators.microscope.hypotheses import Hypothesis
from simulators.microscope.meaning import to_dense
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Population, Program, Projection
from toolchain.ir.text import program_hash

Take = Callable[[Program], Program]


@dataclass(frozen=True, eq=False)
class Difference:
    """One part that two programs have differently.

    Attributes:
        part: e.g. ``"projection input->block0"``.
        what: e.g. ``"7 of 64 weights differ, first [3, 0]: 57 -> 56"``.
        near: the population that it bears upon, or "".
        take: a program with the second's part in place of its own; None where it does not fit in.
    """

    part: str
    what: str
    near: str = ""
    take: Take | None = None

    def __str__(self) -> str:
        return f"{self.part}: {self.what}"


def differences(left: Program, right: Program) -> list[Difference]:
    """Everything in which the meaning of two programs differs, in the order of the first."""
    if program_hash(left) == program_hash(right):
        return []
    return [*_inputs(left, right), *_populations(left, right), *_projections(left, right)]


def difference_hypotheses(found: list[Difference], population: str) -> Iterator[Hypothesis]:
    """Each difference alone, those that bear upon a population together, and all together."""
    usable = [each for each in found if each.take is not None]
    near = [each for each in usable if each.near == population]
    for each in near:
        yield _hypothesis(each.what, each.part, [each], 0)
    if len(near) > 1:
        yield _hypothesis(f"{len(near)} parts of it differ together", f"population {population}", near, 1)
    if len(usable) > len(near):
        yield _hypothesis(f"{len(usable)} parts differ together", "the program", usable, 2)


def _hypothesis(what: str, part: str, parts: list[Difference], breadth: int) -> Hypothesis:
    def prepare(program: Program) -> Program:
        for each in parts:
            program = each.take(program) if each.take is not None else program
        return program

    return Hypothesis(what, part, lambda meaning: meaning, "difference", breadth, prepare=prepare)


def _inputs(left: Program, right: Program) -> Iterator[Difference]:
    there = {source.name: source for source in right.inputs}
    for source in left.inputs:
        if source.name not in there:
            yield Difference(f"input {source.name}", "is in the first program only")
        elif source != there[source.name]:
            other = there[source.name]
            for field in ("size", "bits", "exponent"):
                if (a := getattr(source, field)) != (b := getattr(other, field)):
                    yield Difference(f"input {source.name}", f"{field} differs: {a} -> {b}")
    for name in sorted(there.keys() - {source.name for source in left.inputs}):
        yield Difference(f"input {name}", "is in the second program only")


def _populations(left: Program, right: Program) -> Iterator[Difference]:
    there = {population.name: population for population in right.populations}
    for population in left.populations:
        part = f"population {population.name}"
        if population.name not in there:
            yield Difference(part, "is in the first program only")
            continue
        other = there[population.name]
        if comparable(population, other):
            yield from _inside(population, other)
        else:
            kinds = (f"{p.size} {p.neuron} of {p.modes} modes" for p in (population, other))
            fits = population.size == other.size
            yield Difference(part, " -> ".join(kinds), population.name, _take_population(other) if fits else None)
    for name in sorted(there.keys() - {population.name for population in left.populations}):
        yield Difference(f"population {name}", "is in the second program only")


def comparable(left: Population, right: Population) -> bool:
    """Whether two populations have the same registers, value for value."""
    return (left.neuron, left.size, left.modes) == (right.neuron, right.size, right.modes)


def _inside(left: Population, right: Population) -> Iterator[Difference]:
    part, name = f"population {left.name}", left.name
    if left.start_step != right.start_step:
        take = _in_population(name, lambda p: dataclasses.replace(p, start_step=right.start_step))
        yield Difference(part, f"start_step differs: {left.start_step} -> {right.start_step}", name, take)
    for setting in left.type.settings:
        a, b = left.setting(setting.name), right.setting(setting.name)
        if a != b:
            yield Difference(
                part, f"setting {setting.name} differs: {a} -> {b}", name, _take_setting(right, setting.name)
            )
    for coefficient in left.type.coefficients:
        a, b = left.values()[coefficient.name], right.values()[coefficient.name]
        if not np.array_equal(a, b):
            what = f"coefficient {coefficient.name}: {_first(a, b, 'values')}"
            yield Difference(part, what, name, _take_coefficient(right, coefficient.name))


def _first(a: IntArray, b: IntArray, unit: str) -> str:
    """How many values differ, and the first with its place."""
    if a.shape != b.shape:
        return f"shape {a.shape} -> {b.shape}"
    places = np.argwhere(np.not_equal(a, b))
    at = tuple(int(i) for i in places[0])
    return f"{len(places)} of {a.size} {unit} differ, first {list(at)}: {int(a[at])} -> {int(b[at])}"


def _in_population(name: str, change: Callable[[Population], Population]) -> Take:
    def take(program: Program) -> Program:
        changed = tuple(change(p) if p.name == name else p for p in program.populations)
        return dataclasses.replace(program, populations=changed)

    return take


def _take_population(other: Population) -> Take:
    return _in_population(other.name, lambda p: other)


def _take_setting(other: Population, name: str) -> Take:
    value = other.setting(name)
    return _in_population(other.name, lambda p: dataclasses.replace(p, settings={**p.settings, name: value}))


def _take_coefficient(other: Population, name: str) -> Take:
    values = other.values()[name]
    return _in_population(other.name, lambda p: dataclasses.replace(p, coefficients={**p.coefficients, name: values}))


def _projections(left: Program, right: Program) -> Iterator[Difference]:
    there = {projection.name: projection for projection in right.projections}
    for projection in left.projections:
        part, target = f"projection {projection.name}", projection.target
        if projection.name not in there:
            yield Difference(part, "is in the first program only", target, _take_projections(projection.name, None))
            continue
        other = there[projection.name]
        for field in ("source", "target", "port", "exponent", "delay_steps"):
            if (a := getattr(projection, field)) != (b := getattr(other, field)):
                yield Difference(part, f"{field} differs: {a} -> {b}", target, _take_field(other, field))
        a, b = to_dense(projection.connection.matrix()), to_dense(other.connection.matrix())
        if not np.array_equal(a, b):
            fits = a.shape == b.shape
            what = _first(a, b, "weights")
            yield Difference(part, what, target, _take_field(other, "connection") if fits else None)
    for name in [p.name for p in right.projections if p.name not in {q.name for q in left.projections}]:
        take = _take_projections(name, there[name])
        yield Difference(f"projection {name}", "is in the second program only", there[name].target, take)


def _take_field(other: Projection, field: str) -> Take:
    def take(program: Program) -> Program:
        value = {field: getattr(other, field)}
        changed = tuple(dataclasses.replace(p, **value) if p.name == other.name else p for p in program.projections)
        return dataclasses.replace(program, projections=changed)

    return take


def _take_projections(name: str, added: Projection | None) -> Take:
    def take(program: Program) -> Program:
        kept = tuple(p for p in program.projections if p.name != name)
        return dataclasses.replace(program, projections=kept + ((added,) if added is not None else ()))

    return take
