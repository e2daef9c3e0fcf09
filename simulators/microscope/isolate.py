"""One population, or some neurons of it, alone: what reached it becomes input.

Neurons of a population compute from their own registers and port sums alone, and a message takes at least one step, so
a cut along messages changes nothing before the messages differ.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from simulators.microscope.meaning import as_connection
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Input, Population, Program, Projection

OWN = "_before"
"""Ending of the input that stands for what a population sends to itself."""


def isolate(
    program: Program, population: str, neurons: Sequence[int], messages: Mapping[str, IntArray]
) -> tuple[Program, dict[str, IntArray]]:
    """Cut some neurons out of a program.

    Args:
        program: of which.
        population: its name.
        neurons: indices, each once.
        messages: of every input and population that reaches it, (sample, step, neuron).

    Returns:
        A program of that population with these neurons, whose inputs are the messages, and those inputs. Names stay,
        but for what it sends to itself, which comes from an input ``<name>_before``.
    """
    into = program.into(population)
    sources = list(dict.fromkeys(projection.source for projection in into))
    entering = {entrance(name, population): np.asarray(messages[name]) for name in sources}
    cut = Program(
        name=program.name,
        inputs=tuple(_entrance(program, name, population) for name in sources),
        populations=(keep_neurons(program.population(population), neurons),),
        projections=tuple(
            dataclasses.replace(keep_targets(p, neurons), source=entrance(p.source, population)) for p in into
        ),
        outputs=(),
    )
    return cut, entering


def entrance(source: str, population: str) -> str:
    """Name of the input that stands for a source of an isolated population."""
    return source + OWN if source == population else source


def _entrance(program: Program, name: str, population: str) -> Input:
    for source in program.inputs:
        if source.name == name:
            return source
    sender = program.population(name)
    return Input(entrance(name, population), sender.size, max(2, sender.width(sender.type.message_bits)))


def keep_neurons(population: Population, neurons: Sequence[int]) -> Population:
    """The population with some of its neurons."""
    per = {coefficient.name: coefficient.per for coefficient in population.type.coefficients}
    kept = {
        name: values if per.get(name) == "population" else values[list(neurons)]
        for name, values in population.coefficients.items()
    }
    return dataclasses.replace(population, size=len(neurons), coefficients=kept)


def keep_modes(population: Population, modes: Sequence[int]) -> Population:
    """The population with some of its modes."""
    per = {coefficient.name: coefficient.per for coefficient in population.type.coefficients}
    kept = {
        name: values[:, list(modes)] if per.get(name) == "mode" else values
        for name, values in population.coefficients.items()
    }
    return dataclasses.replace(population, modes=len(modes), coefficients=kept)


def keep_targets(projection: Projection, neurons: Sequence[int]) -> Projection:
    """The projection onto some of its targets; as it is where these are all."""
    if list(neurons) == list(range(projection.connection.target_size)):
        return projection
    matrix = projection.connection.matrix()
    return dataclasses.replace(projection, connection=as_connection(matrix[list(neurons)]))


def keep_sources(projection: Projection, neurons: Sequence[int]) -> Projection:
    """The projection from some of its sources; as it is where these are all."""
    if list(neurons) == list(range(projection.connection.source_size)):
        return projection
    matrix = projection.connection.matrix()
    return dataclasses.replace(projection, connection=as_connection(matrix[:, list(neurons)]))
