"""Large random programs from a seed: what `make soak` runs.

Like `tests.strategies` they are drawn from the declarations of all neuron types and hold every kind of connection,
cycles, self-loops, long delays, resting populations and registers that overflow; unlike those they are made by numpy,
so that populations can be large.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tests.strategies import coefficient_range, obeying, within_ports
from tests.toolchain.ir.stepping import values_near_edges
from toolchain.ir.connections import AveragePooling, Connection, Convolution, Dense, OneToOne, Sparse, SumPooling
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.neurons import NEURONS, NeuronType
from toolchain.ir.program import MAX_DELAY_STEPS, Input, Population, Program, Projection

WEIGHTS = limits(8)


@dataclass(frozen=True)
class Scale:
    """How large programs and runs are.

    Attributes:
        populations: in a program.
        sizes: neurons of a population, one of these.
        modes: at most, of a neuron that has modes.
        samples, steps: of a run.
    """

    populations: int
    sizes: tuple[int, ...]
    modes: int
    samples: int
    steps: int


def random_program(rng: np.random.Generator, scale: Scale) -> Program:
    """A verified program; over a few programs every neuron type comes up."""
    inputs = tuple(Input(f"in{i}", _one(rng, scale.sizes), bits=int(rng.integers(2, 25))) for i in range(2))
    types = [NEURONS[i] for i in rng.permutation(len(NEURONS))]
    chosen = [types[i % len(types)] for i in range(scale.populations)]
    neurons = tuple(_population(rng, f"p{i}", neuron, scale) for i, neuron in enumerate(chosen))
    sizes = {i.name: i.size for i in inputs} | {p.name: p.size for p in neurons}
    joints = tuple(joint for target in neurons for joint in _projections(rng, target, sizes))
    return within_ports(Program("random", inputs, neurons, joints, ()))


def _one(rng: np.random.Generator, choices: Sequence[int]) -> int:
    return int(choices[int(rng.integers(len(choices)))])


def _population(rng: np.random.Generator, name: str, neuron: NeuronType, scale: Scale) -> Population:
    settings = {s.name: int(rng.integers(s.low, s.high, endpoint=True)) for s in neuron.settings if rng.random() < 0.6}
    has_modes = any(c.per == "mode" for c in neuron.coefficients)
    modes = int(rng.integers(1, scale.modes, endpoint=True)) if has_modes else 0
    start_step = int(rng.choice([0, 0, 0, 1, 5]))
    bare = Population(name, neuron.name, _one(rng, scale.sizes), modes, settings, start_step=start_step)
    draw = values_near_edges if rng.random() < 0.4 else _values_of_any_size
    coefficients = {}
    for coefficient in neuron.coefficients:
        if coefficient.default is None or rng.random() < 0.5:
            shape = (int(rng.integers(1, 33)),) if coefficient.per == "population" else bare.extent(coefficient.per)
            coefficients[coefficient.name] = draw(coefficient_range(bare, coefficient), shape, rng)
    return obeying(replace(bare, coefficients=coefficients))


def _values_of_any_size(bounds: tuple[int, int], shape: tuple[int, ...], rng: np.random.Generator) -> IntArray:
    """Small magnitudes as often as large ones, so that neurons differ and many are neither silent nor saturated."""
    low, high = bounds
    magnitude = 2.0 ** rng.uniform(0, math.log2(high + 1), shape)
    sign = rng.choice([-1, 1], shape) if low < 0 else 1
    return np.minimum(np.maximum((magnitude * sign).astype(np.int64), low), high)


def _projections(rng: np.random.Generator, target: Population, sizes: dict[str, int]) -> Iterator[Projection]:
    """One projection to each port and up to two more, from anywhere, the target itself included."""
    ports = [port.name for port in target.type.ports]
    ports += [str(port) for port in rng.choice(ports, int(rng.integers(0, 3)))]
    for i, port in enumerate(ports):
        source = str(rng.choice(sorted(sizes)))
        yield Projection(
            f"{source}->{target.name}.{i}",
            source,
            target.name,
            random_connection(rng, target.size, sizes[source]),
            port,
            exponent=int(rng.integers(-9, 10)),
            delay_steps=int(rng.choice([1, 1, 1, 2, 3, 7, int(rng.integers(1, MAX_DELAY_STEPS, endpoint=True))])),
        )


def _weights(rng: np.random.Generator, *shape: int) -> IntArray:
    return values_near_edges(WEIGHTS, shape, rng)


def random_connection(rng: np.random.Generator, targets: int, sources: int) -> Connection:
    """A connection of any kind that can join populations of these sizes."""
    makers = [_dense, _sparse, _convolution, _sum_pooling, _average_pooling]
    makers += [_one_to_one] if targets == sources else []
    return makers[rng.integers(len(makers))](rng, targets, sources)


def _dense(rng: np.random.Generator, targets: int, sources: int) -> Connection:
    return Dense(_weights(rng, targets, sources))


def _sparse(rng: np.random.Generator, targets: int, sources: int) -> Connection:
    rows, columns = np.nonzero(rng.random((targets, sources)) < rng.uniform(0.01, 0.4))
    return Sparse((targets, sources), rows, columns, _weights(rng, rows.size))


def _one_to_one(rng: np.random.Generator, targets: int, sources: int) -> Connection:
    return OneToOne(_weights(rng, targets))


def _divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def _windows(rng: np.random.Generator, size: int, places: int) -> tuple[int, int, tuple[int, int]]:
    """(kernel, stride, padding) that make `places` of `size`."""
    stride = int(rng.integers(1, 4))
    kernel = max(1, size - (places - 1) * stride) + int(rng.integers(0, 3))
    padding = (places - 1) * stride + kernel - size
    before = int(rng.integers(0, padding, endpoint=True))
    return kernel, stride, (before, padding - before)


def _convolution(rng: np.random.Generator, targets: int, sources: int) -> Connection:
    entering, leaving = _one(rng, _divisors(sources)), _one(rng, _divisors(targets))
    groups = _one(rng, _divisors(math.gcd(entering, leaving)))
    kernel, stride, padding = _windows(rng, sources // entering, targets // leaving)
    shape = (leaving, entering // groups, kernel)
    return Convolution(_weights(rng, *shape), (entering, sources // entering), (stride,), (padding,), (1,), groups)


def _sum_pooling(rng: np.random.Generator, targets: int, sources: int) -> SumPooling:
    channels = _one(rng, _divisors(math.gcd(targets, sources)))
    kernel, stride, padding = _windows(rng, sources // channels, targets // channels)
    return SumPooling((channels, sources // channels), (kernel,), (stride,), (padding,))


def _average_pooling(rng: np.random.Generator, targets: int, sources: int) -> Connection:
    """With as many fraction bits as leave a weight of 8 bits."""
    sums = _sum_pooling(rng, targets, sources)
    window = math.prod(sums.kernel)
    bits = [bits for bits in range(20) if window <= 2**bits and 2 ** (bits + 1) < 255 * window]
    return AveragePooling(sums.input_shape, sums.kernel, sums.stride, sums.padding, _one(rng, bits))


def random_inputs(rng: np.random.Generator, program: Program, samples: int, steps: int) -> dict[str, IntArray]:
    """Payloads near the edges and anywhere; some steps are silent, some channels seldom sound."""
    drawn = {}
    for source in program.inputs:
        values = values_near_edges(limits(source.bits), (samples, steps, source.size), rng)
        sounding = rng.random((samples, steps, 1)) < 0.8
        drawn[source.name] = values * sounding * (rng.random(values.shape) < rng.uniform(0.1, 1, source.size))
    return drawn
