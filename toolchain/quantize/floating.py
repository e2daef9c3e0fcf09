"""Run the units of a float network, with any of its tensors replaced by another: what calibration sees.

Each unit in its lowest terms, with the neuron's own gain folded into what enters it:

    state space   x' = a x + drive,  y = Re(sum c x') + d drive
    neuron        i' = current_leak i + (y, or drive) + current_bias,  v' = leak v + i' + bias,  reset by its rule

These are the equations that `lower` rounds, tensor by tensor and under the same names, so that one tensor at a time can
be rounded and the rest left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from toolchain.errors import InputError
from toolchain.frontend.conventions import Conventions
from toolchain.frontend.discretize import DiscreteNeuron, discretize
from toolchain.frontend.extensions import extension_layer
from toolchain.frontend.graph import FloatArray
from toolchain.frontend.ssm import SsmBlock
from toolchain.frontend.stepping import Fired, NeuronState
from toolchain.frontend.units import INPUT_PORT, Link, Network, Unit
from toolchain.quantize.scan import Scanned, scan

ComplexArray = NDArray[np.complex128]
Signals = dict[str, FloatArray]

NEURONS = ("ssm_lif", "lif", "integrator")
"""Roles of units that step a NIR neuron."""


@dataclass(frozen=True, eq=False)
class FloatUnit:
    """The tensors of one unit, one value a neuron, (size,), or a mode, (size, modes); `drive_bias` one a port, joined.

    Attributes:
        poles, c: of the modes, B and the conjugate modes' factor 2 folded into C; None without modes.
        d: direct path of the state space.
        drive_bias: constant added to what arrives.
        current_leak, leak: shares kept a step.
        bias: constant added to the voltage.
        threshold: None for units that do not spike.
    """

    drive_bias: FloatArray
    poles: ComplexArray | None = None
    c: ComplexArray | None = None
    d: FloatArray | None = None
    current_leak: FloatArray | None = None
    leak: FloatArray | None = None
    bias: FloatArray | None = None
    threshold: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class FloatNetwork:
    """A network of `FloatUnit`s.

    Attributes:
        network, conventions: what it was made of.
        units: by unit name.
        weights: by `link_name`, (target, source), the neuron's gain folded in.
    """

    network: Network
    conventions: Conventions
    units: Mapping[str, FloatUnit]
    weights: Mapping[str, scipy.sparse.csr_array]


def link_name(link: Link) -> str:
    """The name of a link and of the projection that it becomes."""
    port = "" if link.port == INPUT_PORT else f".{link.port}"
    return f"{link.source}->{link.target}{port}" + ("(loop)" if link.steps else "")


def neuron_of(unit: Unit, conventions: Conventions) -> DiscreteNeuron:
    """The discrete coefficients of a unit's NIR neuron; a Threshold is one that keeps nothing of its voltage."""
    assert unit.node is not None
    if unit.node.kind != "Threshold":
        return discretize(unit.node, conventions)
    none, one = np.zeros(unit.node.input_shape), np.ones(unit.node.input_shape)
    threshold = unit.node.params["threshold"]
    return DiscreteNeuron(none, one, one, none, none, threshold, none, "to_v_reset", conventions.compare, none)


def own_gain(unit: Unit, conventions: Conventions) -> FloatArray:
    """Factor from what arrives at a unit to its voltage, (size,); 1 where a state space or nothing comes first."""
    if unit.role not in ("lif", "integrator"):
        return np.ones(unit.size)
    neuron = neuron_of(unit, conventions)
    return np.broadcast_to(np.ravel(neuron.input_gain * neuron.current_gain), (unit.size,))


def soma_threshold(unit: Unit, conventions: Conventions) -> FloatArray:
    """Threshold of the soma per unit of readout, (size,)."""
    neuron = neuron_of(unit, conventions)
    gain = np.broadcast_to(np.ravel(neuron.input_gain * neuron.current_gain), (unit.size,))
    assert neuron.threshold is not None
    return np.broadcast_to(np.ravel(neuron.threshold), (unit.size,)) / gain


def folded_readout(block: SsmBlock) -> ComplexArray:
    """C of the form with B = 1 and the conjugate modes' factor 2 folded in: y = Re(sum c x) + d u, (size, modes)."""
    folded: ComplexArray = 2.0 * block.c * block.b
    return folded


def float_network(network: Network, conventions: Conventions) -> FloatNetwork:
    """The tensors of a network in their lowest terms."""
    units = {unit.name: _float_unit(unit, conventions) for unit in network.units}
    gains = {unit.name: own_gain(unit, conventions) for unit in network.units}
    weights = {
        link_name(link): scipy.sparse.csr_array(link.weights.multiply(gains[link.target][:, None]))
        for link in network.links
    }
    return FloatNetwork(network, conventions, units, weights)


def _float_unit(unit: Unit, conventions: Conventions) -> FloatUnit:
    if unit.role not in NEURONS:
        threshold = None if unit.node is None else unit.node.params.get("threshold")
        plain = FloatUnit(unit.bias, threshold=None if threshold is None else np.ravel(threshold))
        if unit.ssm is None:
            return plain
        return replace(plain, poles=unit.ssm.poles, c=folded_readout(unit.ssm), d=unit.ssm.d)
    neuron = neuron_of(unit, conventions)

    def each(values: FloatArray) -> FloatArray:
        return np.broadcast_to(np.ravel(values), (unit.size,))

    plain = FloatUnit(
        drive_bias=own_gain(unit, conventions) * unit.bias,
        current_leak=each(neuron.current_decay),
        leak=each(neuron.voltage_decay),
        bias=each(neuron.leak),
        threshold=None if neuron.threshold is None else each(neuron.threshold),
    )
    if unit.ssm is None:
        return plain
    gain = each(neuron.input_gain * neuron.current_gain)
    return replace(
        plain,
        poles=unit.ssm.poles,
        c=folded_readout(unit.ssm),
        d=unit.ssm.d,
        threshold=soma_threshold(unit, conventions),
        bias=plain.bias / gain if plain.bias is not None else None,
    )


@dataclass(frozen=True, eq=False)
class Seen:
    """What one unit did in a run, (sample, step, neuron) but for `state_peak`, (neuron,), and `moments`.

    `drive` has the neurons of a unit of two ports twice.

    `readout` is the drive itself where there are no modes; `voltage` is what the threshold is compared with, before
    the reset. `moments` and `rows` are those of `scan.Scanned`.
    """

    drive: FloatArray
    state_peak: FloatArray
    readout: FloatArray
    voltage: FloatArray
    messages: FloatArray
    moments: FloatArray
    rows: int = 0


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
        data: (sample, step, channel).
        observe: is shown every unit that is run.
        known: messages by unit name, taken in place of running those units.
        moment_rows: about how many states a neuron to take second moments over; 0 for none.

    Returns:
        The messages of every unit, (sample, step, neuron); a running sum for an integrator.

    Raises:
        InputError: the network has not exactly one input.
    """
    inputs = [unit.name for unit in floats.network.units if unit.role == "input"]
    if len(inputs) != 1:
        raise InputError("network", f"{len(inputs)} inputs", "calibrate a network with one Input node")
    messages: Signals = dict(known or {}) | {inputs[0]: data}
    for unit in floats.network.units:
        if unit.name in messages:
            continue
        seen = _run(floats, unit, messages, data.shape[:2], moment_rows)
        messages[unit.name] = seen.messages
        if observe is not None:
            observe(unit, seen)
    return messages


def _run(floats: FloatNetwork, unit: Unit, messages: Signals, extent: tuple[int, ...], moment_rows: int) -> Seen:
    own = floats.units[unit.name]
    drive = np.broadcast_to(own.drive_bias, (*extent, unit.size * len(unit.ports))).copy()
    loop = None
    for link in floats.network.into(unit.name):
        weights = floats.weights[link_name(link)]
        if link.source == unit.name:
            loop = weights
        else:
            drive[..., port_slice(unit, link.port)] += arriving(weights, messages[link.source], link.steps)
    if unit.role not in NEURONS:
        return _run_stateless(unit, own, drive, loop, moment_rows)
    no_moments = np.zeros((unit.size, 0, 0))
    if loop is not None and own.poles is not None:
        raise InputError(unit.origin, "a state space with recurrent synapses cannot be calibrated", "remove the loop")
    found = Scanned(np.zeros(unit.size), drive, no_moments)
    if own.poles is not None:
        assert own.c is not None and own.d is not None
        found = scan(own.poles, own.c, own.d, drive, moment_rows)
    spikes, voltage, readout = _fire(floats, unit, found.readout, loop)
    drive = readout if own.poles is None else drive
    return Seen(drive, found.peak, readout, voltage, spikes, found.moments, found.rows)


def port_slice(unit: Unit, port: str) -> slice:
    """Where a port's share of a unit's drive lies."""
    start = unit.ports.index(port) * unit.size
    return slice(start, start + unit.size)


def _run_stateless(
    unit: Unit, own: FloatUnit, drive: FloatArray, loop: scipy.sparse.csr_array | None, moment_rows: int
) -> Seen:
    """A sum, a graded state space, or an extension node: its message is a function of this step's drive and modes."""
    if loop is not None:
        raise InputError(unit.origin, f"a loop around a {unit.role} cannot be calibrated", "put a LIF into the loop")
    if own.poles is not None:
        assert own.c is not None and own.d is not None
        found = scan(own.poles, own.c, own.d, drive, moment_rows)
        message = np.maximum(found.readout, 0.0) if unit.rectified else found.readout
        return Seen(drive, found.peak, found.readout, found.readout, message, found.moments, found.rows)
    product = drive
    if unit.node is not None:
        params = dict(unit.node.params) | ({} if own.threshold is None else {"threshold": own.threshold})
        layer = extension_layer(replace(unit.node, params=params))
        product = layer(drive.reshape(-1, drive.shape[2])).reshape(*drive.shape[:2], unit.size)
    message = np.maximum(product, 0.0) if unit.rectified else product
    return Seen(drive, np.zeros(unit.size), product, product, message, np.zeros((unit.size, 0, 0)))


def arriving(weights: scipy.sparse.csr_array, messages: FloatArray, steps: int) -> FloatArray:
    """What a link brings, (sample, step, target)."""
    samples, length, width = messages.shape
    flat = messages.reshape(-1, width)
    # A full matrix is several times faster dense; one with few entries is faster sparse.
    product = flat @ weights.toarray().T if weights.nnz > 0.2 * np.prod(weights.shape) else (weights @ flat.T).T
    arrived = np.asarray(product).reshape(samples, length, -1)
    if steps:
        arrived = np.concatenate([np.zeros_like(arrived[:, :steps]), arrived[:, :-steps]], axis=1)
    return arrived


def _fire(
    floats: FloatNetwork, unit: Unit, entering: FloatArray, loop: scipy.sparse.csr_array | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Step a neuron: its messages, its voltage before reset, and what entered it, its own loop included."""
    state = _neuron_state(floats, unit, entering.shape[0])
    entering = entering if loop is None else entering.copy()
    sent, voltage = np.empty_like(entering), np.empty_like(entering)
    for t in range(entering.shape[1]):
        if loop is not None and t:
            entering[:, t] += np.asarray((loop @ sent[:, t - 1].T).T)
        sent[:, t] = state.step(entering[:, t])
        voltage[:, t] = state.reached
    return sent, voltage, entering


def _neuron_state(floats: FloatNetwork, unit: Unit, batch: int) -> _State:
    own = floats.units[unit.name]
    neuron = neuron_of(unit, floats.conventions)
    assert own.current_leak is not None and own.leak is not None and own.bias is not None
    still = None if neuron.v_reset is None else np.broadcast_to(np.ravel(neuron.v_reset), (unit.size,))
    one = np.ones(unit.size)
    terms = replace(
        neuron,
        current_decay=own.current_leak,
        input_gain=one,
        current_gain=one,
        voltage_decay=own.leak,
        leak=own.bias,
        threshold=own.threshold,
        v_reset=still,
        start=np.broadcast_to(np.ravel(neuron.start), (unit.size,)),
    )
    return _State(terms, (batch, unit.size))


class _State(NeuronState):
    """A neuron's state that also keeps the voltage from before the reset."""

    def __init__(self, neuron: DiscreteNeuron, extent: tuple[int, int]) -> None:
        super().__init__(neuron, extent)
        self.reached = self.voltage

    def step(self, x: FloatArray) -> FloatArray:
        """As `NeuronState`; `reached` is then the voltage that was compared with the threshold."""
        message = super().step(x)
        if self.neuron.threshold is None:
            self.reached = self.voltage
        return message

    def _reset(self, fired: Fired, before: Fired | None) -> None:
        self.reached = self.voltage
        super()._reset(fired, before)
