"""Mistakes that a simulator can make outside a neuron's arithmetic: in projections, coefficients, settings, starts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from simulators.microscope.meaning import Wire, map_weights, stored_weights
from toolchain.ir.integer import IntArray, multiply_shift_toward_zero, shift_floor, shift_left
from toolchain.ir.program import Population

Rewire = Callable[[Wire], Wire | None]
"""A projection as a faulty simulator runs it, or None where the mistake changes nothing there."""


def _weights(change: Callable[[IntArray], IntArray]) -> Rewire:
    def rewire(wire: Wire) -> Wire | None:
        changed = map_weights(wire.matrix, change)
        return None if _same(changed, wire.matrix) else dataclasses.replace(wire, matrix=changed)

    return rewire


def _same(left: object, right: object) -> bool:
    """Whether two maps hold equal weights."""
    return bool(np.array_equal(stored_weights(left), stored_weights(right)))


def _delayed(by: int) -> Rewire:
    def rewire(wire: Wire) -> Wire | None:
        late = wire.delay_steps + by
        return dataclasses.replace(wire, delay_steps=late) if late >= 1 else None

    return rewire


def _scaled(by: int) -> Rewire:
    return lambda wire: dataclasses.replace(wire, exponent=wire.exponent + by)


def _exponent_ignored(wire: Wire) -> Wire | None:
    return dataclasses.replace(wire, exponent=0) if wire.exponent else None


def _sum_toward_zero(wire: Wire) -> Wire | None:
    return dataclasses.replace(wire, shift="toward zero") if wire.exponent < 0 else None


def _each_product(wire: Wire) -> Wire | None:
    small = wire.matrix.shape[0] * wire.matrix.shape[1] <= 1_000_000  # the products are held at once
    return dataclasses.replace(wire, shift="each product") if wire.exponent < 0 and small else None


def _transposed(wire: Wire) -> Wire | None:
    square = wire.matrix.shape[0] == wire.matrix.shape[1]
    return dataclasses.replace(wire, matrix=wire.matrix.T) if square else None


REWIRINGS: Mapping[str, Rewire] = {
    "LSB dropped from weights, by floor": _weights(lambda w: shift_left(shift_floor(w, 1), 1)),
    "LSB dropped from weights, toward zero": _weights(lambda w: shift_left(multiply_shift_toward_zero(w, 1, 1), 1)),
    "exponent ignored": _exponent_ignored,
    "arrives one step late": _delayed(1),
    "arrives one step early": _delayed(-1),
    "rounds the sum toward zero instead of floor": _sum_toward_zero,
    "shifts each product instead of the sum": _each_product,
    "exponent one less": _scaled(-1),
    "exponent one more": _scaled(1),
    "payload is read as a spike": lambda wire: dataclasses.replace(wire, as_spikes=True),
    "sign of weights ignored": _weights(np.abs),
    "weights negated": _weights(np.negative),
    "weights transposed": _transposed,
    "nothing arrives": _weights(np.zeros_like),
}
"""Words for each mistake and what it does to a projection."""


REWIRING_SLIPS = frozenset({"weights negated", "weights transposed", "nothing arrives"})
"""Those that a working simulator hardly makes."""


def mixed_sign(wire: Wire) -> bool:
    """Whether a projection has weights of both signs (Lava drops the lowest bit of these alone)."""
    values = stored_weights(wire.matrix)
    return bool(values.size and values.min() < 0 < values.max())


Change = Callable[[Population], Population]


def population_mistakes(population: Population) -> Iterator[tuple[str, str, Change]]:
    """(mistake, part, the population as a faulty simulator holds it), for each that changes something."""
    defaults = {coefficient.name: coefficient.default for coefficient in population.type.coefficients}
    for name in population.coefficients:
        if (default := defaults.get(name)) is not None:
            yield "ignored, its default used", name, _coefficient(name, _all(default))
        yield "LSB dropped", name, _coefficient(name, lambda values: shift_left(shift_floor(values, 1), 1))
        yield "sign ignored", name, _coefficient(name, np.abs)
    for setting in population.type.settings:
        if population.setting(setting.name) != setting.default:
            yield "ignored, its default used", setting.name, _setting(setting.name, setting.default)
    for words, step in (("one step late", 1), ("one step early", -1)):
        if population.start_step + step >= 0:
            yield words, "start_step", _starting(step)


def _all(value: int) -> Callable[[IntArray], IntArray]:
    return lambda values: np.full_like(values, value)


def _coefficient(name: str, change: Callable[[IntArray], IntArray]) -> Change:
    def changed(population: Population) -> Population:
        values = {**population.coefficients, name: change(population.coefficients[name])}
        return dataclasses.replace(population, coefficients=values)

    return changed


def _setting(name: str, value: int) -> Change:
    return lambda population: dataclasses.replace(population, settings={**population.settings, name: value})


def _starting(later: int) -> Change:
    return lambda population: dataclasses.replace(population, start_step=population.start_step + later)
