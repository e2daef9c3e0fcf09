"""A diverging case, and the ways to make its run smaller: samples, steps, inputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from simulators.compare import Divergence
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program

Item = TypeVar("Item")
Place = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Case:
    """A program, inputs (sample, step, channel) and a number of steps at which two sides diverge."""

    program: Program
    inputs: Mapping[str, IntArray]
    steps: int
    divergence: Divergence


class Search(Protocol):
    """The smallest case so far; `keep` tries another."""

    best: Case

    def keep(self, case: Case) -> bool: ...


Cut = Callable[[Search], None]
"""Try one way to make the best case smaller."""


def smallest(items: Sequence[Item], suffices: Callable[[tuple[Item, ...]], bool]) -> tuple[Item, ...]:
    """A subset that suffices and none of whose items can be left out alone (delta debugging by halves).

    Args:
        suffices: whether a subset does; the whole is taken to.
    """
    kept = tuple(items)
    size = len(kept)
    while size:
        at = 0
        while at < len(kept):
            rest = kept[:at] + kept[at + size :]
            if suffices(rest):
                kept = rest
            else:
                at += size
        size = int(min(size, len(kept)) / 2)
    return kept


def only_sample_and_steps(search: Search) -> None:
    """The diverging sample, up to the divergence."""
    case, at = search.best, search.best.divergence
    length = max(1, at.step)
    inputs = {name: values[at.sample : at.sample + 1, :length] for name, values in case.inputs.items()}
    if case.steps > at.step + 1 or any(values.shape != case.inputs[name].shape for name, values in inputs.items()):
        search.keep(dataclasses.replace(case, inputs=inputs, steps=at.step + 1))


def later_start(search: Search) -> None:
    """Without the first steps; half of them, a quarter, ..., one."""
    drop = int(search.best.steps / 2)
    while drop:
        case = search.best
        length = next(iter(case.inputs.values())).shape[1]
        if drop < length:
            inputs = {name: values[:, drop:] for name, values in case.inputs.items()}
            if search.keep(dataclasses.replace(case, inputs=inputs, steps=case.steps - drop)):
                continue
        drop = int(drop / 2)


def silent_inputs(search: Search) -> None:
    """Payloads to 0."""
    for name in list(search.best.inputs):
        values = search.best.inputs[name]
        places = [tuple(int(i) for i in place) for place in np.argwhere(values)]
        smallest(places, _keeping(search, name))


def _keeping(search: Search, name: str) -> Callable[[tuple[Place, ...]], bool]:
    return lambda kept: search.keep(_sounding(search.best, name, kept))


def _sounding(case: Case, name: str, kept: tuple[Place, ...]) -> Case:
    values = np.zeros_like(case.inputs[name])
    for place in kept:
        values[place] = case.inputs[name][place]
    return dataclasses.replace(case, inputs={**case.inputs, name: values})


RUN_CUTS: tuple[Cut, ...] = (only_sample_and_steps, later_start, silent_inputs)
"""These leave the program as it is."""
