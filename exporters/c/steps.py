"""A population's step as a C function, and its constants, each in its own width."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from exporters.c.language import C
from exporters.c.layout import Layout
from exporters.c.values import bits_of, literal, stored_bits, type_name
from exporters.scalar.plan import StepPlan
from exporters.scalar.synapses import Arrival, Synapses
from exporters.scalar.walk import Walk
from toolchain.bounds.ranges import fits
from toolchain.ir.integer import IntArray

LINE = 112


def constants(layout: Layout, step: StepPlan) -> Iterator[tuple[str, IntArray, bool]]:
    """(name, values, whether they are indices) of each array that a population's step reads."""
    own = layout.names[step.population.name]
    for name, values in step.coefficients.items():
        if isinstance(values, np.ndarray):
            yield f"{own}_own_{name}", values, False
    for port, found in step.arrivals.items():
        for place, arrival in enumerate(found):
            for number, synapses in enumerate(arrival.synapses):
                suffix = f"{own}_{port}_{place}_{number}"
                yield f"{suffix}_weights", synapses.weights, False
                if synapses.targets is not None and synapses.starts is not None:
                    yield f"{suffix}_targets", synapses.targets, True
                    yield f"{suffix}_starts", synapses.starts, True


def constant(name: str, values: IntArray, *, index: bool) -> Iterator[str]:
    """The lines of one array."""
    bits = constant_bits(values, index=index)
    extents = "".join(f"[{extent}]" for extent in values.shape)
    yield f"static const {'u' if index else ''}{type_name(bits)} {name}{extents} = {{"
    rows = values if values.ndim > 1 else values[None]
    for row in rows:
        begin, end = ("{", "},") if values.ndim > 1 else ("", ",")
        yield from _wrapped(begin, [literal(int(value), bits) for value in row.tolist()], end)
    yield "};"


def _wrapped(begin: str, words: list[str], end: str) -> Iterator[str]:
    line = f"  {begin}"
    for place, word in enumerate(words):
        text = word + (", " if place + 1 < len(words) else end)
        if len(line) + len(text) > LINE:
            yield line.rstrip()
            line = "    "
        line += text
    yield line


def constant_bits(values: IntArray, *, index: bool) -> int:
    """The narrowest width that holds all values; indices have no sign."""
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    return next(b for b in (8, 16, 32, 64) if high < 2**b) if index else stored_bits((low, high))


def step_function(layout: Layout, step: StepPlan, first_count: int) -> Iterator[str]:
    """The function ``step_<name>``.

    Args:
        layout: of the program.
        step: of the population.
        first_count: place of its first count among the program's.
    """
    own = layout.names[step.population.name]
    walk = Walk(step, C(own, layout.registers[step.population.name]))
    lines = walk.write()
    yield f"/* {step.population.type.summary} */"
    yield f"static void step_{own}(@STATE@ *s) {{"
    yield f"  const int32_t now = {layout.slot(step.population.name)};"
    for place in range(len(step.counts)):
        yield f"  uint32_t misfits_{place} = 0;"
    yield from (f"  {line}" for line in walk.room)
    if any(step.arrivals.values()):
        yield f"  memset(&s->sums.{own}, 0, sizeof s->sums.{own});"
    for port, found in step.arrivals.items():
        for place, arrival in enumerate(found):
            for number, synapses in enumerate(arrival.synapses):
                suffix = f"{own}_{port}_{place}_{number}"
                yield from (
                    f"  {line}" for line in _deliver(layout, arrival, synapses, f"s->sums.{own}.{port}_{place}", suffix)
                )
    yield f"  for (int32_t i = 0; i < {step.population.size}; ++i) {{"
    yield from (f"    {line}" for line in lines)
    yield "  }"
    for place in range(len(step.counts)):
        at = f"s->overflows[{first_count + place}]"
        yield f"  {at} = counted({at}, misfits_{place});"
    yield "}"


def _deliver(layout: Layout, arrival: Arrival, synapses: Synapses, sums: str, name: str) -> Iterator[str]:
    """Add the weights of what was sent, for each source that sent something."""
    projection = synapses.projection
    plan = layout.plan
    source, slots = layout.names[projection.source], plan.kept_steps[projection.source] + 1
    bits = bits_of(arrival.range)
    message = plan.messages[projection.source]
    payload = bits if fits(message, 32) else 64
    spikes = message == (0, 1)
    yield "{"
    yield f"  const int32_t at = before({layout.slot(projection.source)}, {projection.delay_steps}, {slots});"
    yield f"  for (int32_t k = 0; k < {plan.program.sizes()[projection.source]}; ++k) {{"
    yield f"    const {type_name(payload)} x = s->{source}.sent[at][k];"
    yield "    if (x != 0) {"
    yield from (f"      {line}" for line in _add(synapses, sums, name, "" if spikes else " * x", bits))
    yield "    }"
    yield "  }"
    yield "}"


def _add(synapses: Synapses, sums: str, name: str, times: str, bits: int) -> Iterator[str]:
    """Add what one source, k, sends: x times its weights."""
    wide = f"({type_name(bits)})" if bits == 64 and times else ""
    if synapses.form == "listed":
        counter = "uint32_t"
        yield f"for ({counter} j = {name}_starts[k]; j < {name}_starts[k + 1]; ++j) {{"
        yield f"  {sums}[{name}_targets[j]] += {wide}{name}_weights[j]{times};"
        yield "}"
    elif synapses.form == "dense":
        yield f"for (int32_t j = 0; j < {synapses.weights.shape[1]}; ++j) {{"
        yield f"  {sums}[j] += {wide}{name}_weights[k][j]{times};"
        yield "}"
    else:
        yield f"{sums}[k] += {wide}{name}_weights[k]{times};"
