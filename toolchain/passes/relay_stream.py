"""`relay-stream`: sums that several populations need are made once, in relay neurons, and passed on as messages.

Two ports share a sum if the same sources reach both through the same weights (up to a power of two), each the same
number of steps and the same factor apart. A relay then adds it up at the least exponent and hands it to both. The
greatest shared sum is taken first, and a relay's own sum may be shared again, so that a residual stream
u_3 = u_2 + W_2 s_2, u_2 = u_1 + W_1 s_1, ... becomes a chain of relays.

Exact if at most one summand is rounded (a negative exponent): a floor over integers and one fraction is the floor of
that fraction alone. Relays are as wide as their greatest possible sum. Every relay on the deepest path costs a step.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolchain.bounds.arrivals import delivered
from toolchain.bounds.messages import sent
from toolchain.bounds.verify import verify
from toolchain.bounds.widths import magnitude
from toolchain.errors import UnsupportedError, VerificationError
from toolchain.ir.connections import OneToOne
from toolchain.ir.integer import add
from toolchain.ir.interval import interval
from toolchain.ir.program import Population, Program, Projection
from toolchain.lower.chains import relay_bits
from toolchain.lower.names import population_name, projection_name
from toolchain.passes.base import Pass, PassResult
from toolchain.passes.cost import dense
from toolchain.passes.retime import retime
from toolchain.passes.scales import scaled

Port = tuple[str, str]
"""Population and port."""


@dataclass(frozen=True, eq=False)
class _Term:
    """One summand of a port: its projection, and what makes it equal to another port's."""

    projection: Projection
    identity: tuple[str, bytes]
    exponent: int


@dataclass(frozen=True, eq=False)
class _Reader:
    """A port that needs a shared sum: its terms in the order of the sum, and how far apart it is from the first."""

    port: Port
    terms: tuple[_Term, ...]
    delay_steps: int
    exponent: int


@dataclass(frozen=True)
class RelayStream(Pass):
    """Make each sum that several ports share once.

    Attributes:
        least_terms: sums of fewer projections are not worth a relay.
    """

    name: ClassVar[str] = "relay-stream"
    least_terms: int = 2

    def __call__(self, program: Program) -> PassResult:
        """Add relays, the one for the greatest shared sum first, then give everything its time."""
        relayed, added, remarks = program, list[str](), list[str]()
        refused = set[frozenset[str]]()
        while readers := _greatest(relayed, self.least_terms, refused):
            names = ", ".join(f"{reader.port[0]}.{reader.port[1]}" for reader in readers)
            try:
                relayed, relay = _with_relay(relayed, readers, added)
                added.append(relay)
                remarks.append(f"{relay}: carries a sum of {len(readers[0].terms)} projections to {names}")
            except (UnsupportedError, VerificationError) as error:
                refused.add(_summands(readers[0]))
                remarks.append(f"no relay to {names}: {error}")
        if not added:
            return PassResult(program, remarks=tuple(remarks))
        moved, shifts = retime(relayed, free=added)
        return PassResult(moved, {n: s for n, s in shifts.items() if n not in added}, tuple(remarks))


def _summands(reader: _Reader) -> frozenset[str]:
    return frozenset(term.projection.name for term in reader.terms)


def _greatest(program: Program, least_terms: int, refused: set[frozenset[str]]) -> list[_Reader]:
    """All readers of the sum that has the most terms among those that two ports share; none if there is none."""
    ports = _ports(program)
    best: list[_Reader] = []
    for first, others in _pairs(ports):
        for terms in _shared(ports[first], ports[others]):
            if len(terms) >= max(least_terms, len(best[0].terms) + 1 if best else 0):
                reader = _Reader(first, terms, 0, 0)
                readers = [reader, *_other_readers(reader, ports)]
                if len(readers) > 1 and _summands(reader) not in refused:
                    best = readers
    return best


def _ports(program: Program) -> dict[Port, list[_Term]]:
    """The terms of every port, in the program's order."""
    ports: dict[Port, list[_Term]] = {}
    for projection in program.projections:
        ports.setdefault((projection.target, projection.port), []).append(_term(projection))
    return ports


def _term(projection: Projection) -> _Term:
    weights, exponent = scaled(dense(projection.connection.matrix()), projection.exponent)
    return _Term(projection, (f"{projection.source} {weights.shape}", weights.tobytes()), exponent)


def _pairs(ports: Mapping[Port, list[_Term]]) -> Iterator[tuple[Port, Port]]:
    names = list(ports)
    for i, first in enumerate(names):
        yield from ((first, other) for other in names[i + 1 :])


def _shared(first: list[_Term], second: list[_Term]) -> Iterator[tuple[_Term, ...]]:
    """The first port's terms that the second has too, for each way to lay the two side by side."""
    ways = dict.fromkeys(_apart(a, b) for a in first for b in second if a.identity == b.identity)
    for way in ways:
        matched = _matched(first, second, way)
        yield tuple(term for term, other in zip(first, matched, strict=True) if other is not None)


def _apart(term: _Term, other: _Term) -> tuple[int, int]:
    """Steps and powers of two between two equal terms."""
    return other.projection.delay_steps - term.projection.delay_steps, other.exponent - term.exponent


def _other_readers(first: _Reader, ports: Mapping[Port, list[_Term]]) -> Iterator[_Reader]:
    """Every other port that has all the terms of the first."""
    for port, terms in ports.items():
        if port == first.port:
            continue
        for steps, power in dict.fromkeys(_apart(first.terms[0], term) for term in terms):
            found = tuple(term for term in _matched(first.terms, terms, (steps, power)) if term is not None)
            if len(found) == len(first.terms):
                yield _Reader(port, found, steps, power)
                break


def _matched(wanted: Sequence[_Term], terms: Sequence[_Term], way: tuple[int, int]) -> list[_Term | None]:
    """For each wanted term its equal among the others, that way apart; none is taken twice."""
    left = list(terms)
    found: list[_Term | None] = []
    for term in wanted:
        equal = [t for t in left if t.identity == term.identity and _apart(term, t) == way]
        found.append(equal[0] if equal else None)
        left = [t for t in left if t not in equal[:1]]
    return found


def _with_relay(program: Program, readers: list[_Reader], relays: list[str]) -> tuple[Program, str]:
    """Add the relay of a sum, at the time of its first reader, and take the sum's projections out.

    Raises:
        UnsupportedError: it would not be exact.
        VerificationError: the relay's width may overflow a port.
    """
    base = min(term.exponent for term in readers[0].terms)
    _check_rounding(readers)
    relay = _relay(program, readers[0], base)
    replaced = {term.projection.name for reader in readers for term in reader.terms}
    kept = [p for p in program.projections if p.name not in replaced]
    taken = {p.name for p in program.projections}
    for term in readers[0].terms:
        name = projection_name(taken, term.projection.source, relay.name)
        exponent = term.projection.exponent - base
        kept.append(dataclasses.replace(term.projection, name=name, target=relay.name, port="input", exponent=exponent))
        taken.add(name)
    for reader in readers:
        kept.append(_handed_on(relay, reader, base, taken))
        taken.add(kept[-1].name)
    populations = (*program.populations, relay)
    relayed = dataclasses.replace(program, populations=populations, projections=tuple(kept))
    verify(retime(relayed, free=[*relays, relay.name])[0])
    return relayed, relay.name


def _check_rounding(readers: list[_Reader]) -> None:
    for reader in readers:
        rounded = [term.projection.name for term in reader.terms if term.exponent < 0]
        if len(rounded) > 1:
            what = f"{' and '.join(rounded[:2])} are rounded one by one; a relay would round their sum"
            raise UnsupportedError(f"{reader.port[0]}.{reader.port[1]}", what, "use finer exponents there")


def _relay(program: Program, reader: _Reader, base: int) -> Population:
    """A relay wide enough for the sum at its least exponent."""
    size = reader.terms[0].projection.connection.target_size
    messages = sent(program)
    total = interval(np.zeros(size, dtype=np.int64))
    for term in reader.terms:
        summed = dataclasses.replace(term.projection, exponent=term.projection.exponent - base)
        total = add(total, delivered(summed, messages[summed.source]))
    name = population_name(program, f"{reader.port[0]}-stream")
    bits = relay_bits(name, int(magnitude(total).max()))
    return Population(name, "relay", size, settings={"message_bits": bits})


def _handed_on(relay: Population, reader: _Reader, base: int, taken: set[str]) -> Projection:
    """The relay's sum to one reader, in the same step for the first one."""
    name = projection_name(taken, relay.name, reader.port[0])
    weights = OneToOne(np.ones(relay.size, dtype=np.int64))
    port, exponent = reader.port, base + reader.exponent
    return Projection(name, relay.name, port[0], weights, port[1], exponent, delay_steps=reader.delay_steps)
