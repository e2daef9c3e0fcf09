"""`split-ssm`: one neuron a mode, and a soma that adds up their messages: the layout published for Loihi 2.

An `ssm_lif` or `ssm_threshold` population of H neurons with M modes becomes H M neurons `ssm_graded` of one mode each
(neuron h M + n is mode n of channel h; each gets the channel's whole drive) and H neurons `ssm_soma`, which keep the
population's name. Bit-exact, saturations included: drive and states saturate as before, the soma's readout saturates
where the fused one did, and a mode whose own message could saturate is refused. The skip D goes with the mode that has
most room for it, or in parts: with d = k 2^s + r, floor(d x / 2^s) = k_1 x + k_2 x + ... + floor(r x / 2^s) for any
k_1 + k_2 + ... = k. Everything after the soma happens one step later.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.sparse

from toolchain.errors import UnsupportedError
from toolchain.ir.connections import Connection, Dense, Sparse
from toolchain.ir.integer import limits, shift_floor, shift_left
from toolchain.ir.program import PAYLOAD_BITS, Population, Program, Projection
from toolchain.lower.names import population_name, projection_name
from toolchain.passes.base import Pass, PassResult
from toolchain.passes.bounds import shifted_down, worst_arrival
from toolchain.passes.retime import is_quiet, retime

Skip = tuple[int, int]
"""d and d_shift."""
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
    _skips(program, population)


def _skips(program: Program, population: Population) -> list[list[Skip]]:
    """What each mode of each neuron carries of its skip.

    Raises:
        UnsupportedError: a mode's message could exceed its width.
    """
    own, (_, high) = population.values(), limits(PAYLOAD_BITS)
    _, top = limits(own.state_bits)
    readout = shifted_down(np.abs(own.c_re) * top, own.c_shift) + shifted_down(np.abs(own.c_im) * top, own.c_shift)
    drive = np.minimum(worst_arrival(program, population.name, "input") + np.abs(own.bias), high)
    if (worst := int(readout.max())) > high:
        what = f"one mode's message may reach {worst}, over {PAYLOAD_BITS} bits (max {high})"
        raise UnsupportedError(population.name, what, "raise c_shift or lower state_bits")
    shares = []
    for neuron, room in enumerate((high - readout).tolist()):
        skip = int(own.d[neuron]), int(own.d_shift[neuron])
        share = share_skip(skip, int(drive[neuron]), room)
        if share is None:
            what = f"the skip {skip[0]} of neuron {neuron}, at inputs up to {drive[neuron]}, does not fit its messages"
            raise UnsupportedError(population.name, what, "use more modes or a smaller D")
        shares.append(share)
    return shares


def share_skip(skip: Skip, drive: int, room: list[int]) -> list[Skip] | None:
    """A skip (d, shift) over the modes' messages, each with some room at inputs up to `drive`; None if it won't fit."""
    d, shift = skip
    shares: list[Skip] = [(0, 0)] * len(room)
    order = sorted(range(len(room)), key=lambda mode: -room[mode])
    if shifted_down(np.abs(d) * drive, shift) <= room[order[0]]:
        shares[order[0]] = skip
        return shares
    whole = int(shift_floor(d, shift))
    rest = d - int(shift_left(whole, shift))
    if rest:
        hosts = [mode for mode in order if shifted_down(np.asarray(rest * drive), shift) <= room[mode]]
        if not hosts:
            return None
        shares[hosts[-1]] = rest, shift
        order.remove(hosts[-1])
    for mode in order:
        most = room[mode] // max(1, drive)
        part = max(-most, min(most, whole))
        shares[mode], whole = (part, 0), whole - part
    return None if whole else shares


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
    skips = np.array(_skips(program, population), dtype=np.int64).reshape(-1, 2)
    coefficients = {name: own[name].reshape(-1, 1) for name in ("a_re", "a_im", "c_re", "c_im")}
    coefficients |= {"d": skips[:, 0], "d_shift": skips[:, 1], "bias": np.repeat(own.bias, population.modes)}
    return Population(
        name=population_name(program, f"{population.name}-modes"),
        neuron="ssm_graded",
        size=population.size * population.modes,
        modes=1,
        settings=population.settings,
        coefficients=coefficients,
        start_step=population.start_step,
        origin=population.origin,
    )


def _soma(population: Population) -> Population:
    """The soma under the population's name; resting is the modes' business where it keeps still by itself."""
    own = population.values()
    leak = own.leak if population.neuron == "ssm_lif" else np.zeros(population.size, dtype=np.int64)
    soma = dataclasses.replace(
        population,
        neuron="ssm_soma",
        modes=0,
        settings={name: value for name, value in population.settings.items() if name == "leak_bits"},
        coefficients={"leak": leak, "threshold": own.threshold},
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
