"""Run the units of a float network, with any of its tensors replaced by another: what calibration sees.

Each unit runs in its lowest terms, with the neuron's own gain folded into what enters it. These are the equations that
`Unit.rounded` rounds, tensor by tensor, so that one tensor at a time can be rounded and the rest left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse

from toolchain.frontend.graph import FloatArray
from toolchain.units.base import Seen, Tensors, Unit
from toolchain.units.network import Network

Signals = dict[str, FloatArray]


@dataclass(frozen=True, eq=False)
class FloatNetwork:
    """A network in its lowest terms.

    Attributes:
        network: what it was made of.
        units: tensors by unit name.
        weights: by the link's name, (target, source), the neuron's gain folded in.
    """

    network: Network
    units: Mapping[str, Tensors]
    weights: Mapping[str, scipy.sparse.csr_array]


def float_network(network: Network) -> FloatNetwork:
    """The tensors of a network in their lowest terms."""
    gains = {unit.name: unit.gain for unit in network.units}
    weights = {
        link.name: scipy.sparse.csr_array(link.weights.multiply(gains[link.target][:, None])) for link in network.links
    }
    return FloatNetwork(network, {unit.name: unit.tensors() for unit in network.units}, weights)


FEW = 0.1
"""Share of messages other than 0 below which their zeros are passed over: spikes are that few."""
FULL = 0.2
"""Share of weights other than 0 above which a matrix is several times faster dense."""

Observe = Callable[[Unit, Seen], None]


def run_units(
    floats: FloatNetwork,
    data: FloatArray,
    *,
    observe: Observe | None = None,
    known: Signals | None = None,
    moment_rows: int = 0,
) -> Signals:
    """Run a float network from rest.

    Args:
        floats: the network.
        data: (sample, step, channel), the channels of several inputs side by side.
        observe: is shown every unit that is run.
        known: messages by unit name, taken in place of running those units.
        moment_rows: about how many states a neuron to take second moments over; 0 for none.

    Returns:
        The messages of every unit, (sample, step, neuron); a running sum for an integrator.

    Raises:
        InputError: another number of channels.
    """
    messages: Signals = dict(known or {}) | floats.network.by_input(data)
    for group in floats.network.together():
        left = [unit for unit in group if unit.name not in messages]
        found = _run_together(floats, left, messages, data.shape[:2], moment_rows)
        for unit, seen in zip(left, found, strict=True):
            messages[unit.name] = seen.messages
            if observe is not None:
                observe(unit, seen)
    return messages


def _run_together(
    floats: FloatNetwork, units: list[Unit], messages: Signals, extent: tuple[int, ...], moment_rows: int
) -> list[Seen]:
    """Run a unit, or the units of a loop.

    A loop is run over and over on what its units sent the time before, from silence. What links close a loop by so many
    steps, and so each time as many more first steps are right; nothing changes any more when all are.
    """
    looped = len(units) > 1 or any(link.steps > 1 for unit in units for link in floats.network.into(unit.name))
    if not looped:
        return [_run(floats, unit, messages, extent, moment_rows) for unit in units]
    sent = {unit.name: np.zeros((*extent, unit.size)) for unit in units}
    for _ in range(extent[1] + 1):
        before, found = sent, []
        for unit in units:
            found.append(_run(floats, unit, {**messages, **sent}, extent, moment_rows))
            sent = {**sent, unit.name: found[-1].messages}
        if all(np.array_equal(before[name], sent[name]) for name in sent):
            break
    return found


def _run(floats: FloatNetwork, unit: Unit, messages: Signals, extent: tuple[int, ...], moment_rows: int) -> Seen:
    own = floats.units[unit.name]
    drive = np.broadcast_to(unit.start(own), (*extent, unit.size * len(unit.ports))).copy()
    loop = None
    for link in floats.network.into(unit.name):
        weights = floats.weights[link.name]
        if link.source == unit.name and link.steps == 1:
            loop = weights
        else:
            first = unit.ports.index(link.port) * unit.size
            drive[..., first : first + unit.size] += arriving(weights, messages[link.source], link.steps + link.delay)
    return unit.run(own, drive, loop, moment_rows)


def arriving(weights: scipy.sparse.csr_array, messages: FloatArray, steps: int) -> FloatArray:
    """What a link brings, (sample, step, target)."""
    samples, length, width = messages.shape
    flat = messages.reshape(-1, width)
    arrived = _product(flat, weights).reshape(samples, length, -1)
    if steps:
        arrived = np.concatenate([np.zeros_like(arrived[:, :steps]), arrived[:, :-steps]], axis=1)
    return arrived


def _product(messages: FloatArray, weights: scipy.sparse.csr_array) -> FloatArray:
    """Messages, (row, source), times weights, (target, source): in the way that has least to multiply."""
    if weights.nnz <= FULL * np.prod(weights.shape):
        return np.asarray((weights @ messages.T).T)
    full = np.ascontiguousarray(weights.toarray().T)
    if np.count_nonzero(messages) < FEW * messages.size:
        return np.asarray(scipy.sparse.csr_array(messages) @ full)
    return np.asarray(messages @ full)
