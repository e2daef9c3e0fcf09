"""Take a relay out: what reached it goes straight on to where its sums went. Exact, or None with the reason.

A relay emits m = sum_k floor(W_k s_k 2^(e_k)) + b, and a reader gets floor(V m 2^f). Straight, it gets
sum_k floor(V W_k s_k 2^(e_k + f)) + V b 2^f. The two are equal if

1. no sum can saturate the relay;
2. no e_k is negative, so that nothing is rounded on the way in (or V only selects, weight 1, and f <= 0: then floors
   nest; with f = 0 they are the same floors);
3. at most one e_k + f is negative: a floor over integers and one fraction is the floor of that fraction alone;
4. V b 2^f is an integer, and the reader's own bias can take it up;
5. the relay does not rest, or the reader rests for as long as what the relay dropped would need to reach it.

Products V W_k must fit 8 bits (after their shared powers of two moved into the exponent) and delays add up.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse

from toolchain.bounds.verify import verify
from toolchain.errors import VerificationError
from toolchain.ir.connections import Connection
from toolchain.ir.integer import IntArray, limits, weighted_sum
from toolchain.ir.program import (
    MAX_DELAY_STEPS,
    MAX_EXPONENT,
    PAYLOAD_BITS,
    WEIGHT_BITS,
    Population,
    Program,
    Projection,
)
from toolchain.lower.names import projection_name
from toolchain.passes.bounds import exactly_shifted, worst_arrival
from toolchain.passes.cost import cheapest, dense
from toolchain.passes.scales import scaled

BIASED_INPUTS = ("relay", "integrator", "ssm_lif", "ssm_graded", "ssm_threshold", "lif")
"""Neuron types that add `bias` to what arrives at `input` before anything else happens to it."""


@dataclass(frozen=True, eq=False)
class Inlined:
    """A program without the relay, or the reason why it must stay."""

    program: Program
    reason: str = ""


def inline_relay(program: Program, relay: Population) -> Inlined:
    """Take one relay out of a program."""
    reason = next(_obstacles(program, relay), "")
    if reason:
        return Inlined(program, reason)
    arriving, leaving = program.into(relay.name), _leaving(program, relay)
    kept = [p for p in program.projections if relay.name not in (p.source, p.target)]
    taken = {p.name for p in program.projections}
    for reader in leaving:
        for entry in arriving:
            straight = _straight(entry, reader, taken)
            if isinstance(straight, str):
                return Inlined(program, straight)
            kept.append(straight)
            taken.add(straight.name)
    populations = tuple(_with_bias(p, relay, leaving) for p in program.populations if p.name != relay.name)
    inlined = dataclasses.replace(program, populations=populations, projections=tuple(kept))
    try:
        verify(inlined)
    except VerificationError as error:
        return Inlined(program, str(error))
    return Inlined(inlined)


def _leaving(program: Program, relay: Population) -> tuple[Projection, ...]:
    return tuple(p for p in program.projections if p.source == relay.name)


def _obstacles(program: Program, relay: Population) -> Iterator[str]:
    """Why the relay's sums cannot be split; the projections' own limits come later."""
    arriving, leaving = program.into(relay.name), _leaving(program, relay)
    bias = _bias(relay)
    greatest = int((worst_arrival(program, relay.name, "input") + np.abs(bias)).max())
    bits = relay.setting("message_bits")
    if relay.name in {output.population for output in program.outputs}:
        yield "it is an output"
    if relay.name in {projection.source for projection in arriving}:
        yield "it feeds itself"
    if greatest > limits(bits)[1]:
        yield f"sums up to {greatest} may saturate its {bits} bits"
    for reader in leaving:
        yield from _rounding(arriving, reader)
        yield from _constant(program, relay, reader)


def _rounding(arriving: tuple[Projection, ...], reader: Projection) -> Iterator[str]:
    """Conditions 2 and 3."""
    coarse = [p.name for p in arriving if p.exponent < 0]
    nests = reader.exponent <= 0 and _selects(reader.connection)
    if coarse and not nests:
        yield f"{coarse[0]} is rounded before {reader.name} weighs it"
    rounded = [p.name for p in arriving if p.exponent + reader.exponent < 0]
    same_floors = reader.exponent == 0 and nests
    if len(rounded) > 1 and not same_floors:
        yield f"{' and '.join(rounded[:2])} would be rounded one by one instead of together at {reader.name}"


def _selects(connection: Connection) -> bool:
    """Whether each target gets at most one source, at weight 1."""
    matrix = scipy.sparse.csr_array(connection.matrix(), copy=True)
    matrix.eliminate_zeros()
    return bool(np.all(matrix.data == 1) and np.all(np.diff(matrix.indptr) <= 1))


def _constant(program: Program, relay: Population, reader: Projection) -> Iterator[str]:
    """Conditions 4 and 5."""
    target = program.population(reader.target)
    begins = relay.start_step + reader.delay_steps
    constant = _carried_bias(relay, reader)
    if (relay.start_step or np.any(_bias(relay) != 0)) and target.start_step < begins:
        yield f"{target.name} begins at step {target.start_step}, before the relay's first message at {begins}"
    if constant is None:
        yield f"its bias is no whole number at {reader.name}'s exponent {reader.exponent}"
    elif np.any(constant != 0):
        takes = target.neuron in BIASED_INPUTS and reader.port == "input"
        if not takes:
            yield f"a {target.neuron} cannot take up its bias"
        elif np.abs(_bias(target) + constant).max() > limits(PAYLOAD_BITS)[1]:
            yield f"{target.name}.bias would not fit {PAYLOAD_BITS} bits"


def _bias(population: Population) -> IntArray:
    """Its bias, a neuron each; zeros where its type has none."""
    own = population.values()
    return np.asarray(own["bias"]) if "bias" in own else np.zeros(population.size, dtype=np.int64)


def _carried_bias(relay: Population, reader: Projection) -> IntArray | None:
    """What the relay's bias adds at the reader in every step; None where that is no integer."""
    weighed = weighted_sum(reader.connection.matrix(), _bias(relay)[None])[0]
    return exactly_shifted(np.asarray(weighed), reader.exponent)


def _with_bias(population: Population, relay: Population, leaving: tuple[Projection, ...]) -> Population:
    """The population with the relay's bias, as it comes through all readers, in its own."""
    total = np.zeros(population.size, dtype=np.int64)
    for reader in leaving:
        constant = _carried_bias(relay, reader)
        if reader.target == population.name and constant is not None:
            total = total + constant
    if not np.any(total != 0):
        return population
    return dataclasses.replace(population, coefficients={**population.coefficients, "bias": _bias(population) + total})


def _straight(entry: Projection, reader: Projection, taken: set[str]) -> Projection | str:
    """The projection past the relay, or why there is none."""
    product = scipy.sparse.csr_array(reader.connection.matrix()) @ scipy.sparse.csr_array(entry.connection.matrix())
    weights, exponent = scaled(dense(product), entry.exponent + reader.exponent)
    low, high = limits(WEIGHT_BITS)
    where = f"{entry.name} through {reader.name}"
    if weights.size and (weights.min() < low or weights.max() > high):
        return f"{where}: weights {int(weights.min())} .. {int(weights.max())} do not fit {low} .. {high}"
    if abs(exponent) > MAX_EXPONENT:
        return f"{where}: exponent {exponent} is beyond +-{MAX_EXPONENT}"
    delay_steps = entry.delay_steps + reader.delay_steps
    if delay_steps > MAX_DELAY_STEPS:
        return f"{where}: a delay of {delay_steps} steps is over {MAX_DELAY_STEPS}"
    return dataclasses.replace(
        entry,
        name=projection_name(taken, entry.source, reader.target),
        target=reader.target,
        port=reader.port,
        connection=cheapest(weights),
        exponent=exponent,
        delay_steps=delay_steps,
        origin="+".join(part for part in (entry.origin, reader.origin) if part),
    )
