"""What the LIF family and the somas of state spaces share: coefficients, one float step, and the rounding of each."""

from __future__ import annotations

import numpy as np
import scipy.sparse

from toolchain.errors import QuantizationError
from toolchain.frontend.discretize import DiscreteNeuron
from toolchain.frontend.graph import FloatArray
from toolchain.frontend.stepping import Fired, NeuronState
from toolchain.ir.integer import IntArray
from toolchain.ir.neurons.soma import RESET_DELAYED, RESET_NONE, RESET_SUBTRACT, RESET_TWICE, RESET_ZERO
from toolchain.quantize.rounding import TensorRow, round_to, row
from toolchain.units.base import Loop

RESETS = {
    "to_v_reset": RESET_ZERO,
    "subtract": RESET_SUBTRACT,
    "subtract-delayed": RESET_DELAYED,
    "subtract-snntorch": RESET_TWICE,
    "none": RESET_NONE,
}


def gain_of(soma: DiscreteNeuron) -> FloatArray:
    """Factor from what arrives to the voltage, (size,)."""
    gain: FloatArray = soma.input_gain * soma.current_gain
    return gain


def threshold_of(soma: DiscreteNeuron) -> FloatArray:
    """The threshold of a soma that spikes, (size,)."""
    assert soma.threshold is not None
    return soma.threshold


def fire(terms: DiscreteNeuron, entering: FloatArray, loop: Loop) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Step a soma in lowest terms, whose gains are folded into what enters.

    Args:
        terms: its coefficients.
        entering: (sample, step, neuron); overwritten where there is a loop.
        loop: weights of its synapses to itself.

    Returns:
        Its messages, its voltage before the reset, and what entered it, its own loop included.
    """
    state = _State(terms, (entering.shape[0], entering.shape[2]))
    sent, voltage = np.empty_like(entering), np.empty_like(entering)
    for t in range(entering.shape[1]):
        if loop is not None and t:
            entering[:, t] += _looped(loop, sent[:, t - 1])
        sent[:, t] = state.step(entering[:, t])
        voltage[:, t] = state.reached
    return sent, voltage, entering


def _looped(loop: scipy.sparse.csr_array, messages: FloatArray) -> FloatArray:
    return np.asarray((loop @ messages.T).T)


class _State(NeuronState):
    """A neuron's state that also keeps the voltage from before the reset."""

    def __init__(self, neuron: DiscreteNeuron, extent: tuple[int, int]) -> None:
        super().__init__(neuron, extent)
        self.reached = self.voltage

    def _reset(self, fired: Fired, before: Fired | None) -> None:
        self.reached = self.voltage
        super()._reset(fired, before)


def kept_share(name: str, origin: str, kept: FloatArray, fraction: int) -> tuple[IntArray, TensorRow]:
    """Round what is kept a step to `fraction` bits.

    Args:
        name: of the row: unit and coefficient.
        origin: the NIR node.
        kept: share of the voltage or current, (size,).
        fraction: fraction bits.

    Raises:
        QuantizationError: a loss that rounds to none.
    """
    one = float(1 << fraction)
    rounded = round_to(kept, one)
    refuse_vanished(name, origin, 1.0 - kept, (rounded == one) & (kept < 1))
    return rounded, row(name, fraction + 1, f"2^-{fraction}", kept, rounded, one)


def refuse_vanished(name: str, origin: str, lost: FloatArray, vanished: IntArray) -> None:
    """Refuse neurons whose loss a step has become none.

    Raises:
        QuantizationError: there are some.
    """
    if np.any(vanished):
        neuron = int(np.argmax(vanished))
        raise QuantizationError(
            f"{origin}.{name.rpartition('.')[2]}",
            f"a loss of {lost[neuron]:.3g} a step (neuron {neuron}) is below half of the least step",
            "use a longer time step or shorter time constants",
        )
