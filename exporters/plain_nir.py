"""Populations of the LIF family as NIR neurons that every tool's reader runs alike.

Readers differ in what they make of r, of thresholds and of ties: norse ignores r, snnTorch wants one threshold a layer,
SpikingJelly spikes at the threshold and wants r = 1 or tau/dt. So a neuron without a current is written with r = 1 and
a threshold of 1; what that takes is folded into the rows of the matrices before it:

    v[t] = k v[t-1] + W x + b,  spike beyond theta    becomes    W' = W / ((1 - k) theta'),  b' the same,  threshold 1

Where k differs within a layer no form suits all: r = tau/dt, which snnTorch and NIR's own equations take rightly. The
program's values are whole numbers, so theta' lies part of a unit beyond theta and none of its sums ties.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from toolchain.frontend.graph import FloatArray
from toolchain.ir.neurons.soma import RESET_ZERO
from toolchain.ir.program import Population, Program

DT = 1e-4
CUBA_UNIT = 64.0
DECAY_ONE = 4096.0
_BEYOND = 0.44
"""Of a unit: no sum of whole numbers times powers of a decay in 4096ths equals a whole number and this."""
PLAIN = ("cuba_lif", "lif", "current_lif", "integrate_fire")


@dataclass(frozen=True, eq=False)
class PlainNeuron:
    """A NIR neuron and what goes into the matrices before it.

    Attributes:
        kind, params: of the NIR node.
        gain: factor of every incoming weight of each neuron, (size,).
        bias: constant that enters with the synapses, (size,).
    """

    kind: str
    params: Mapping[str, FloatArray]
    gain: FloatArray
    bias: FloatArray


def plain_neurons(program: Program) -> dict[str, PlainNeuron]:
    """The neurons of a program of LIFs alone, by population; empty where it has anything else."""
    found = {population.name: _plain(population) for population in program.populations}
    plain = {name: neuron for name, neuron in found.items() if neuron is not None}
    reached = all(any(p.source != name for p in program.into(name)) for name in plain)
    return plain if reached and len(plain) == len(found) else {}


def _plain(population: Population) -> PlainNeuron | None:
    if population.neuron not in PLAIN:
        return None
    own, size = population.values(), population.size
    if population.neuron == "cuba_lif":
        kept, current = (4096 - own.dv) / DECAY_ONE, (4095 - own.du) / DECAY_ONE
        threshold, strict = own.vth.astype(np.float64), 1
        entering, constant = np.zeros(size), own.bias_mant * 2.0**own.bias_exp / CUBA_UNIT
    else:
        one = 2.0 ** own.get("leak_fraction", 0)
        kept, current = own.get("leak", np.full(size, one)) / one, own.get("current_leak", np.zeros(size)) / one
        threshold, strict = own.threshold.astype(np.float64), own.strict
        entering, constant = np.zeros(size) + own.get("current_bias", 0.0), own.bias * 1.0
        if own.reset != RESET_ZERO or np.any(own.reset_to != 0):
            return None
    beyond = threshold + (_BEYOND if strict else _BEYOND - 1)
    mixed = np.any(kept == 1) and not np.all(kept == 1)
    if np.any(beyond <= 0) or mixed or np.any(current == 1) or (np.any(current) and np.any(constant)):
        return None
    return _neuron(kept, current, beyond, entering + constant)


def _neuron(kept: FloatArray, current: FloatArray, threshold: FloatArray, bias: FloatArray) -> PlainNeuron | None:
    size = len(kept)
    one, zero = np.ones(size), np.zeros(size)
    scale = 1 / threshold
    spiking = {"v_threshold": one, "v_reset": zero}
    if np.all(kept == 1):
        return None if np.any(current) else PlainNeuron("IF", {"r": one / DT, **spiking}, scale, bias)
    tau = DT / (1 - kept)
    if not np.any(current):
        r, gain = (one, scale / (1 - kept)) if np.all(kept == kept[0]) else (tau / DT, scale)
        return PlainNeuron("LIF", {"tau": tau, "r": r, "v_leak": zero, **spiking}, gain, bias)
    slow = DT / (1 - current)
    params = {"tau_mem": tau, "tau_syn": slow, "r": tau / DT, "w_in": slow / DT, "v_leak": zero, **spiking}
    return PlainNeuron("CubaLIF", params, scale, bias)
