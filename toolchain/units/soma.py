"""What the LIF family and the somas of state spaces share: coefficients, one float step, and the rounding of each."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from toolchain.errors import UnsupportedError
from toolchain.frontend.discretize import DiscreteNeuron
from toolchain.frontend.graph import FloatArray
from toolchain.frontend.rules import Compare
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


LEAK_FRACTION, MOST_LEAK_FRACTION = 12, 20
NOTHING_LOST = 2.0**-40
"""A loss a step that is none but for the rounding of floats."""
FINE_BITS = 7
"""A threshold of fewer bits is coarse."""


def from_start(origin: str, soma: DiscreteNeuron) -> DiscreteNeuron:
    """The same neuron with voltages counted from the one that it starts at.

    With u = v - s: u' = b u + ... + leak - (1 - b) s, thresholds and resets less s.

    Raises:
        UnsupportedError: a reset that subtracts the threshold, which would not be the one compared with any more.
    """
    start = soma.start
    if not np.any(start != 0):
        return soma
    if soma.reset not in ("to_v_reset", "none"):
        what = f"starts at {start.min():g} .. {start.max():g} and resets by {soma.reset}"
        raise UnsupportedError(origin, what, "give the switch start zero, or train with a reset to v_reset")
    return replace(
        soma,
        leak=soma.leak - (1.0 - soma.voltage_decay) * start,
        threshold=None if soma.threshold is None else soma.threshold - start,
        v_reset=None if soma.v_reset is None else soma.v_reset - start,
        start=np.zeros_like(start),
    )


@dataclass(frozen=True, eq=False)
class Held:
    """A coefficient in integers with its row, and what is lossy about it in words."""

    integers: IntArray
    row: TensorRow
    findings: list[str]


def fires_at_rest(soma: DiscreteNeuron) -> bool:
    """Whether a neuron fires without input."""
    threshold = threshold_of(soma)
    return bool(np.any(threshold <= 0) if soma.compare == ">=" else np.any(threshold < 0))


def rounded_threshold(
    name: str, real: FloatArray, compare: Compare, scale: FloatArray, text: str, limits: tuple[int, int]
) -> Held:
    """Round thresholds so that what is exact stays exact: down for v > T, up for v >= T.

    One beyond the limits, which nothing reaches, takes their end.

    Args:
        name: of the row: unit and coefficient.
        real: (size,).
        compare: the rule of the comparison.
        scale: integer voltage per real voltage, (size,); `text` puts it in words.
        limits: least and greatest integer.
    """
    exact = real * scale
    nearest = np.rint(exact)
    apart = np.abs(exact - nearest) > np.maximum(np.abs(exact), 1.0) * 2.0**-20
    toward = np.floor(exact) if compare == ">" else np.ceil(exact)
    whole = np.clip(np.where(apart, toward, nearest), *limits)
    beyond = (exact < limits[0] - 1) | (exact > limits[1] + 1)
    tensor = row(
        name, limits[1].bit_length() + (limits[0] < 0), text, np.where(beyond, whole / scale, real), whole, scale
    )
    return Held(whole.astype(np.int64), tensor, threshold_findings(name, exact, whole, beyond))


def threshold_findings(name: str, exact: FloatArray, whole: FloatArray, beyond: NDArray[np.bool_]) -> list[str]:
    """What rounding thresholds cost, in words.

    Args:
        name: of the row.
        exact, whole: thresholds in integer units, before and after rounding, (size,).
        beyond: which of them no register holds, (size,).
    """
    found, unit = [], name.rpartition(".")[0]
    if beyond.any():
        what = f"{int(beyond.sum())} of {beyond.size} thresholds are beyond all that the voltage register holds"
        found.append(f"{unit}: {what}; they take its end")
    coarse = (np.abs(whole) < 1 << (FINE_BITS - 1)) & (np.abs(exact - whole) > 2.0**-10) & ~beyond
    if coarse.any():
        worst = np.abs(exact - whole)[coarse] / np.maximum(np.abs(exact[coarse]), 2.0**-10)
        bits = int(np.abs(whole[coarse]).min()).bit_length()
        what = f"{int(coarse.sum())} of {coarse.size} thresholds have under {FINE_BITS} bits (the least {bits})"
        found.append(
            f"{unit}: {what}, off by up to {100 * float(worst.max()):.2g} %; weights are far greater than they"
        )
    return found


def in_4096ths(decay: FloatArray) -> bool:
    """Whether decays are whole numbers of 4096ths, but for the rounding of the floats that they were computed of."""
    lost = (1.0 - decay) * 2.0**LEAK_FRACTION
    whole = np.rint(lost)
    return bool(np.all((np.abs(lost - whole) <= 2.0**-10) & ((whole > 0) | (lost <= NOTHING_LOST))))


def leak_fraction(*decays: FloatArray) -> int:
    """Fraction bits of leaks: 12 where all decays are whole numbers of 4096ths, else all that there are."""
    return LEAK_FRACTION if all(in_4096ths(decay) for decay in decays) else MOST_LEAK_FRACTION


def kept_share(name: str, kept: FloatArray, fraction: int, steps: int, usual: FloatArray | None = None) -> Held:
    """Round what is kept a step to `fraction` bits; a loss of less than half of the least step becomes none.

    Every product is floored, which takes half a unit off on average: 1 / (1 - kept) half units in the end. At a usual
    voltage the greater of two leaks makes up for that, where kept is no multiple of the last bit anyway.

    Args:
        name: of the row: unit and coefficient.
        kept: share of the voltage or current, (size,).
        fraction: fraction bits.
        steps: length of the sequences, for what that costs.
        usual: integer voltage, (size,), where one is known.
    """
    one = float(1 << fraction)
    floored = 0.0 if usual is None else np.minimum(0.5, 0.5 * one / np.maximum(np.abs(usual), 1.0))
    exact = np.abs(kept * one - np.rint(kept * one)) <= 2.0**-10
    rounded = np.minimum(round_to(np.where(exact, kept, kept + floored / one), one), int(one))
    lost = 1.0 - kept
    vanished = (rounded == one) & (lost > NOTHING_LOST)
    rounded = np.where(vanished & (lost * one >= 0.5), int(one) - 1, rounded)
    vanished &= rounded == one
    findings = []
    if vanished.any():
        unit, worst = name.rpartition(".")[0], float(lost[vanished].max())
        what = f"{int(vanished.sum())} of {vanished.size} neurons lose up to {worst:.3g} a step, below half of "
        kept_too = 100 * -math.expm1(steps * math.log1p(-worst))
        cost = f"2^-{fraction}; they keep all: up to {kept_too:.2g} % too much after {steps} steps"
        findings.append(f"{unit}: {what}{cost}")
    return Held(rounded, row(name, fraction + 1, f"2^-{fraction}", kept, rounded, one), findings)
