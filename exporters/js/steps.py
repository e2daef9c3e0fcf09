"""A population's step as a JavaScript function: what arrives is summed, then every neuron advances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from exporters.js.data import typed
from exporters.js.language import JavaScript
from exporters.js.values import array_type, kind_of
from exporters.scalar.plan import ProgramPlan, StepPlan
from exporters.scalar.synapses import Arrival, Synapses
from exporters.scalar.walk import Walk
from toolchain.errors import UnsupportedError


def step_function(plan: ProgramPlan, step: StepPlan, names: Mapping[str, str], first_count: int) -> Iterator[str]:
    """The constants of one population and its function ``step$<name>(net)``.

    Args:
        names: identifier of every input and population.
        first_count: place of its first count among the program's.
    """
    own = names[step.population.name]
    arrays = {f"own${name}": values for name, values in step.coefficients.items() if isinstance(values, np.ndarray)}
    for port, found in step.arrivals.items():
        for place, arrival in enumerate(found):
            arrays |= _weights(f"{port}_{place}", arrival)
    for name, values in arrays.items():
        yield f"const {own}${name} = {typed(values)};"
    for port, found in step.arrivals.items():
        for place, arrival in enumerate(found):
            yield f"const {own}$sum_{port}_{place} = new {_sum_type(step, arrival)}({step.population.size});"
    yield ""
    yield f"// {step.population.type.summary}"
    yield f"function step${own}(net) {{"
    walk = Walk(step, JavaScript())
    lines = walk.write()
    for line in _locals(plan, step, own, list(arrays)):
        yield f"  {line}"
    for port, found in step.arrivals.items():
        for place, arrival in enumerate(found):
            yield from (f"  {line}" for line in _deliver(plan, arrival, f"{port}_{place}", names))
    yield from (f"  {line}" for line in walk.room)
    yield f"  for (let i = 0; i < {step.population.size}; i++) {{"
    yield from (f"    {line}" for line in lines)
    yield "  }"
    for place in range(len(step.counts)):
        yield f"  net._counts[{first_count + place}] += misfits_{place};"
    yield "}"


def _locals(plan: ProgramPlan, step: StepPlan, own: str, arrays: list[str]) -> Iterator[str]:
    for name in arrays:
        yield f"const {name} = {own}${name};"
    for port, found in step.arrivals.items():
        for place in range(len(found)):
            yield f"const sum_{port}_{place} = {own}$sum_{port}_{place};"
    for register in step.stored:
        yield f"const held_{register.name} = net.{own}${register.name};"
    for register in step.probed:
        yield f"const seen_{register.name} = net.{own}${register.name};"
    slots = plan.kept_steps[step.population.name] + 1
    yield f"const sent = net.{own}$sent, now = net._slot({slots}, 0) * {step.population.size};"
    if step.counts:
        yield f"let {', '.join(f'misfits_{place} = 0' for place in range(len(step.counts)))};"


def _sum_type(step: StepPlan, arrival: Arrival) -> str:
    kind = kind_of(arrival.range)
    if kind == "big":
        raise UnsupportedError(
            step.population.name, f"up to {arrival.range[1]} can arrive, beyond 2^53", "lower an exponent"
        )
    return "Int32Array" if kind == "int" else "Float64Array"


def _weights(name: str, arrival: Arrival) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    arrays = {}
    for place, synapses in enumerate(arrival.synapses):
        arrays[f"weights_{name}_{place}"] = synapses.weights
        if synapses.targets is not None and synapses.starts is not None:
            arrays[f"targets_{name}_{place}"] = synapses.targets
            arrays[f"starts_{name}_{place}"] = synapses.starts
    return arrays


def _deliver(plan: ProgramPlan, arrival: Arrival, name: str, names: Mapping[str, str]) -> Iterator[str]:
    """Sum the weights of what was sent, for each source that sent something."""
    yield f"sum_{name}.fill(0);"
    for place, synapses in enumerate(arrival.synapses):
        projection = synapses.projection
        size, slots = plan.program.sizes()[projection.source], plan.kept_steps[projection.source] + 1
        heard = f"heard_{name}_{place}"
        yield f"const {heard} = net.{names[projection.source]}$sent;"
        yield f"for (let k = 0, at = net._slot({slots}, {projection.delay_steps}) * {size}; k < {size}; k++) {{"
        yield f"  const x = {heard}[at + k];"
        yield "  if (x !== 0) {"
        spikes = plan.messages[projection.source] == (0, 1)
        whole = kind_of(arrival.range) == "int"
        yield from (f"    {line}" for line in _add(synapses, name, place, spikes=spikes, whole=whole))
        yield "  }"
        yield "}"


def _add(synapses: Synapses, name: str, place: int, *, spikes: bool, whole: bool) -> Iterator[str]:
    """Add what one source, k, sends: x times its weights."""
    suffix = f"{name}_{place}"
    if synapses.form == "listed":
        yield f"for (let s = starts_{suffix}[k], end = starts_{suffix}[k + 1]; s < end; s++) {{"
        weight, target = f"weights_{suffix}[s]", f"targets_{suffix}[s]"
    elif synapses.form == "dense":
        targets = synapses.weights.shape[1]
        yield f"for (let j = 0, s = k * {targets}; j < {targets}; j++, s++) {{"
        weight, target = f"weights_{suffix}[s]", "j"
    else:
        yield "{"
        weight, target = f"weights_{suffix}[k]", "k"
    product = weight if spikes else f"Math.imul({weight}, x)" if whole else f"{weight} * x"
    total = f"sum_{name}[{target}] + {product}"
    yield f"  sum_{name}[{target}] = {f'({total}) | 0' if whole else total};"
    yield "}"


__all__ = ["array_type", "step_function"]
