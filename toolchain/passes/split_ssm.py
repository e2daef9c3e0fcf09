"""`split-ssm`: one neuron a mode, and a soma that adds up their messages: the layout published for Loihi 2.

An `ssm_lif` or `ssm_threshold` population of H neurons with M modes becomes H M neurons `ssm_graded` of one mode each
(neuron h M + n is mode n of channel h; each gets the channel's whole drive) and H neurons `ssm_soma`, which keep the
population's name. The skip D goes with the mode that has most room for it. Bit-exact, saturations included: drive and
states saturate as before, the soma's readout saturates where the fused one did, and a mode whose own message could
saturate is refused. Everything behind the soma happens one step later.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.sparse

from toolchain.errors import UnsupportedError
from toolchain.ir.connections import Connection, Dense, Sparse
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.program import PAYLOAD_BITS, Population, Program, Projection
from toolchain.passes.base import Pass, PassResult
from toolchain.passes.bounds import shifted_down, worst_arrival
from toolchain.passes.names import population_name, projection_name
from toolchain.passes.retime import is_quiet, retime

SOMAS = ("ssm_lif", "ssm_threshold")
MAX_MODES = 255
"""Messages of 24 bits that the soma's port of 32 bits surely holds."""


@dataclass(frozen=True)
class SplitSsm(Pass):
    """Split every state-space population with a soma into modes and somas."""

    name: ClassVar[str] = "split-ssm"

    def __call__(self, program: Program) -> PassResult:
        """Split, then give everything its time."""
        whole = [population for population in program.populations if population.neuron in SOMAS]
        if not whole:
            return PassResult(program)
        split = program
        for population in whole:
            _check(program, population)
            split = _split(split, population)
        moved, shifts = retime(split)
        kept = {population.name for population in program.populations}
        remarks = tuple(f"{p.name}: {p.size} neurons of {p.modes} modes in {p.size * p.modes} neurons" for p in whole)
        return PassResult(moved, {name: steps for name, steps in shifts.items() if name in kept}, remarks)


def _check(program: Program, population: Population) -> None:
    """UnsupportedError where the split would not be exact."""
    if population.modes > MAX_MODES:
        what = f"{population.modes} modes, a soma adds up {MAX_MODES} at most"
        raise UnsupportedError(population.name, what, "use fewer modes")
    registers = {output.register for output in program.outputs if output.population == population.name}
    if gone := sorted(registers - {"", "voltage"}):
        what = f"the output register {gone[0]} would lie in another population"
        raise UnsupportedError(population.name, what, "read the spikes or the voltage")
    messages, _ = _greatest_messages(program, population)
    worst, (_, high) = int(messages.max()), limits(PAYLOAD_BITS)
    if worst > high:
        what = f"one mode's message may reach {worst}, over {PAYLOAD_BITS} bits (max {high})"
        raise UnsupportedError(population.name, what, "raise c_shift or lower state_bits")


def _greatest_messages(program: Program, population: Population) -> tuple[IntArray, IntArray]:
    """Greatest magnitude of each mode's message, (neuron, mode), and the mode that carries each neuron's skip."""
    own = population.values()
    _, top = limits(own.state_bits)
    readout = shifted_down(np.abs(own.c_re) * top, own.c_shift) + shifted_down(np.abs(own.c_im) * top, own.c_shift)
    drive = np.minimum(worst_arrival(program, population.name, "input") + np.abs(own.bias), limits(PAYLOAD_BITS)[1])
    skip = shifted_down(np.abs(own.d) * drive, own.d_shift)
    host = np.argmin(readout, axis=1)
    return readout + np.where(np.arange(population.modes) == host[:, None], skip[:, None], 0), host


def _split(program: Program, population: Population) -> Program:
    modes = _modes(program, population)
    populations = [_soma(p) if p.name == population.name else p for p in program.populations]
    populations.insert(populations.index(next(p for p in populations if p.name == population.name)), modes)
    projections = tuple(_redirected(p, population, modes) for p in program.projections)
    name = projection_name({p.name for p in projections}, modes.name, population.name)
    summing = Projection(name, modes.name, population.name, _summing(population), "modes", delay_steps=0)
    return dataclasses.replace(program, populations=tuple(populations), projections=(*projections, summing))


def _modes(program: Program, population: Population) -> Population:
    own = population.values()
    _, host = _greatest_messages(program, population)
    d = np.where(np.arange(population.modes) == host[:, None], own.d[:, None], 0)
    coefficients = {name: own[name].reshape(-1, 1) for name in ("a_re", "a_im", "c_re", "c_im")}
    coefficients |= {name: np.repeat(own[name], population.modes) for name in ("d_shift", "bias")}
    return Population(
        name=population_name(program, f"{population.name}-modes"),
        neuron="ssm_graded",
        size=population.size * population.modes,
        modes=1,
        settings=population.settings,
        coefficients={**coefficients, "d": d.ravel()},
        start_step=population.start_step,
        origin=population.origin,
    )


def _soma(population: Population) -> Population:
    """The soma under the population's name; resting is the modes' business where it keeps still by itself."""
    own = population.values()
    leak = own.leak if population.neuron == "ssm_lif" else np.zeros(population.size, dtype=np.int64)
    soma = dataclasses.replace(
        population, neuron="ssm_soma", modes=0, settings={}, coefficients={"leak": leak, "threshold": own.threshold}
    )
    return dataclasses.replace(soma, start_step=0) if is_quiet(soma) else soma


def _redirected(projection: Projection, population: Population, modes: Population) -> Projection:
    """What went into a channel goes into each of its modes."""
    if projection.target != population.name:
        return projection
    connection = _repeated(projection.connection, population.modes)
    return dataclasses.replace(projection, target=modes.name, connection=connection)


def _repeated(connection: Connection, times: int) -> Connection:
    """Every target that many times, one after another; a kernel becomes the list of its synapses."""
    if isinstance(connection, Dense):
        return Dense(np.repeat(connection.weights, times, axis=0))
    matrix = scipy.sparse.csr_array(connection.matrix())
    repeated = matrix[np.repeat(np.arange(matrix.shape[0]), times)]
    rows = np.repeat(np.arange(repeated.shape[0]), np.diff(repeated.indptr))
    return Sparse((repeated.shape[0], repeated.shape[1]), rows, repeated.indices, repeated.data)


def _summing(population: Population) -> Sparse:
    """The sum over modes as a projection."""
    sources = np.arange(population.size * population.modes, dtype=np.int64)
    targets = np.repeat(np.arange(population.size, dtype=np.int64), population.modes)
    return Sparse((population.size, sources.size), targets, sources, np.ones_like(sources))
