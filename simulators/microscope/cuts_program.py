"""The ways to make the program of a diverging case smaller: parts, neurons, modes, synapses, numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from simulators.microscope.cuts import (
    Case,
    Cut,
    Place,
    Search,
    later_start,
    only_sample_and_steps,
    silent_inputs,
    smallest,
)
from simulators.microscope.interpret import interpret, quantity
from simulators.microscope.isolate import isolate, keep_modes, keep_neurons, keep_sources, keep_targets
from simulators.microscope.meaning import definition
from toolchain.errors import OverflowTrapError
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Input, Population, Projection

MAX_SYNAPSES = 4096
"""Synapses of a projection with more are not tried one by one before other cuts have made it smaller."""

Value = TypeVar("Value")


def _bare(search: Search) -> None:
    """Without outputs, latency, notes and origins of projections."""
    program = search.best.program
    if program.outputs or program.latency_steps or program.notes:
        bare = dataclasses.replace(program, outputs=(), latency_steps=0, notes={})
        search.keep(dataclasses.replace(search.best, program=bare))


def _alone(search: Search) -> None:
    """The diverging population alone, fed with the messages that the definition sends it; at best one neuron of it."""
    case, name = search.best, search.best.divergence.population
    if len(case.program.populations) == 1 and name not in [p.source for p in case.program.into(name)]:
        return
    try:
        found = interpret(definition(case.program), case.inputs, case.steps)
    except OverflowTrapError:
        return
    messages = {p.name: found[quantity(p.name)] for p in case.program.populations} | dict(case.inputs)
    size = case.program.population(name).size
    for neurons in ([case.divergence.neuron], list(range(size))):
        program, inputs = isolate(case.program, name, neurons, messages)
        if inputs and search.keep(dataclasses.replace(case, program=program, inputs=inputs)):
            return


def _fewer_populations(search: Search) -> None:
    target = search.best.divergence.population
    others = [p.name for p in search.best.program.populations if p.name != target]
    smallest(others, lambda names: search.keep(_with_populations(search.best, {target, *names})))


def _with_populations(case: Case, names: set[str]) -> Case:
    program = case.program
    reached = names | {source.name for source in program.inputs}
    return dataclasses.replace(
        case,
        program=dataclasses.replace(
            program,
            populations=tuple(p for p in program.populations if p.name in names),
            projections=tuple(p for p in program.projections if p.target in names and p.source in reached),
            outputs=tuple(o for o in program.outputs if o.population in names),
        ),
    )


def _fewer_projections(search: Search) -> None:
    projections = search.best.program.projections
    smallest(projections, lambda kept: search.keep(_with_parts(search.best, projections=kept)))


def _fewer_inputs(search: Search) -> None:
    """Inputs that nothing listens to go, but for one: a run takes its extent from an input."""

    def suffices(kept: tuple[Input, ...]) -> bool:
        names = [source.name for source in kept]
        heard = {projection.source for projection in search.best.program.projections}
        gone = {source.name for source in search.best.program.inputs} - set(names)
        if not kept or gone & heard:
            return False
        inputs = {name: search.best.inputs[name] for name in names}
        return search.keep(dataclasses.replace(_with_parts(search.best, inputs=kept), inputs=inputs))

    smallest(search.best.program.inputs, suffices)


def _with_parts(case: Case, **parts: object) -> Case:
    return dataclasses.replace(case, program=dataclasses.replace(case.program, **parts))  # type: ignore[arg-type]


def _fewer_neurons(search: Search) -> None:
    for name in [p.name for p in search.best.program.populations]:
        size = search.best.program.population(name).size
        smallest(range(size), _neurons_of(search, search.best, name))


def _neurons_of(search: Search, case: Case, name: str) -> Callable[[tuple[int, ...]], bool]:
    return lambda kept: bool(kept) and search.keep(_with_neurons(case, name, kept))


def _with_neurons(case: Case, name: str, kept: tuple[int, ...]) -> Case:
    populations = tuple(keep_neurons(p, kept) if p.name == name else p for p in case.program.populations)
    projections = tuple(_thinned(p, name, kept) for p in case.program.projections)
    return _with_parts(case, populations=populations, projections=projections)


def _thinned(projection: Projection, name: str, kept: tuple[int, ...]) -> Projection:
    """The projection where only some neurons of one of its ends are left."""
    if projection.target == name:
        projection = keep_targets(projection, kept)
    return keep_sources(projection, kept) if projection.source == name else projection


def _fewer_channels(search: Search) -> None:
    for source in search.best.program.inputs:
        smallest(range(source.size), _channels_of(search, search.best, source))


def _channels_of(search: Search, case: Case, source: Input) -> Callable[[tuple[int, ...]], bool]:
    return lambda kept: bool(kept) and search.keep(_with_channels(case, source, kept))


def _with_channels(case: Case, source: Input, kept: tuple[int, ...]) -> Case:
    inputs = tuple(dataclasses.replace(i, size=len(kept)) if i.name == source.name else i for i in case.program.inputs)
    projections = tuple(_thinned(p, source.name, kept) for p in case.program.projections)
    values = {**case.inputs, source.name: case.inputs[source.name][:, :, list(kept)]}
    return dataclasses.replace(_with_parts(case, inputs=inputs, projections=projections), inputs=values)


def _fewer_modes(search: Search) -> None:
    for name in [p.name for p in search.best.program.populations if p.modes > 1]:
        before = search.best.program.population(name)
        smallest(range(before.modes), _modes_of(search, search.best, before))


def _modes_of(search: Search, case: Case, whole: Population) -> Callable[[tuple[int, ...]], bool]:
    return lambda kept: bool(kept) and search.keep(_with_population(case, keep_modes(whole, kept)))


def _with_population(case: Case, changed: Population) -> Case:
    populations = tuple(changed if p.name == changed.name else p for p in case.program.populations)
    return _with_parts(case, populations=populations)


def _fewer_synapses(search: Search) -> None:
    """Stored weights to 0, the kind of connection as it is: a fault may hang on it."""
    for projection in search.best.program.projections:
        places = [tuple(int(i) for i in place) for place in np.argwhere(_stored(projection))]
        if 1 < len(places) <= MAX_SYNAPSES:
            smallest(places, _synapses_of(search, projection.name))


def _stored(projection: Projection) -> IntArray:
    """The weights that a connection stores one by one; none where it has a fixed one."""
    fields = vars(projection.connection)
    return np.asarray(fields.get("weights", fields.get("values", np.zeros(0, dtype=np.int64))))


def _synapses_of(search: Search, name: str) -> Callable[[tuple[Place, ...]], bool]:
    return lambda kept: search.keep(_with_synapses(search.best, name, kept))


def _with_synapses(case: Case, name: str, kept: tuple[Place, ...]) -> Case:
    def thin(projection: Projection) -> Projection:
        weights = _stored(projection)
        left = np.zeros_like(weights)
        for place in kept:
            left[place] = weights[place]
        field = "weights" if "weights" in vars(projection.connection) else "values"
        changed: Any = projection.connection
        return dataclasses.replace(projection, connection=dataclasses.replace(changed, **{field: left}))

    thinned = tuple(thin(p) if p.name == name else p for p in case.program.projections)
    return _with_parts(case, projections=thinned)


def _plainer(search: Search) -> None:
    """Coefficients and settings to their defaults, starts to 0, delays to 1, exponents to 0: each where it can."""
    for name in [p.name for p in search.best.program.populations]:
        for change in _plainer_populations(search.best.program.population(name)):
            search.keep(_with_population(search.best, change(search.best.program.population(name))))
    for name in [p.name for p in search.best.program.projections]:
        for simplify in (_next_step, _unscaled):
            current = next(p for p in search.best.program.projections if p.name == name)
            plain = simplify(current)
            if plain is not current:
                parts = tuple(plain if p is current else p for p in search.best.program.projections)
                search.keep(_with_parts(search.best, projections=parts))


def _next_step(projection: Projection) -> Projection:
    return dataclasses.replace(projection, delay_steps=1) if projection.delay_steps > 1 else projection


def _unscaled(projection: Projection) -> Projection:
    return dataclasses.replace(projection, exponent=0) if projection.exponent else projection


Change = Callable[[Population], Population]


def _plainer_populations(population: Population) -> Iterator[Change]:
    if population.start_step:
        yield lambda p: dataclasses.replace(p, start_step=0)
    defaults = {coefficient.name: coefficient.default for coefficient in population.type.coefficients}
    for name, values in population.coefficients.items():
        if defaults.get(name) is not None:
            yield _without_coefficient(name)
        elif values.any():
            yield _zero_coefficient(name)
    for name in population.settings:
        yield _without_setting(name)


def _without_coefficient(name: str) -> Change:
    return lambda p: dataclasses.replace(p, coefficients=_without(p.coefficients, name))


def _zero_coefficient(name: str) -> Change:
    return lambda p: dataclasses.replace(p, coefficients={**p.coefficients, name: np.zeros_like(p.coefficients[name])})


def _without_setting(name: str) -> Change:
    return lambda p: dataclasses.replace(p, settings=_without(p.settings, name))


def _without(values: Mapping[str, Value], name: str) -> dict[str, Value]:
    return {key: value for key, value in values.items() if key != name}


CUTS: tuple[Cut, ...] = (
    only_sample_and_steps,
    _alone,
    _bare,
    _fewer_populations,
    _fewer_projections,
    _fewer_inputs,
    _fewer_neurons,
    _fewer_channels,
    later_start,
    silent_inputs,
    _fewer_modes,
    _fewer_synapses,
    _plainer,
)
"""All cuts in the order in which they are tried; those that take most away first."""
