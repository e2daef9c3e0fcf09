"""LIF, CubaLIF, IF and Threshold -> Lava's fixed-point LIF where it can hold them, else the general LIF.

NIR by forward Euler: i' = a i + g_i x, v' = b v + g_v i' + leak, spike if v' > theta. With e the drive's exponent:

    cuba_lif            v 2^(e+6), drive g_i g_v x 2^e, du = 4096 (1 - a) - 1, dv = 4096 (1 - b), vth = theta 2^e
    lif, current_lif    v 2^e,     drive g_i g_v x 2^e, leaks 4096 a, 4096 b,  threshold = theta 2^e
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from toolchain.errors import QuantizationError, UnsupportedError
from toolchain.frontend.discretize import DiscreteNeuron
from toolchain.frontend.graph import FloatArray, Node
from toolchain.ir.integer import IntArray
from toolchain.ir.neurons.cuba_lif import DECAY_BITS, MANTISSA_SHIFT
from toolchain.ir.program import Population
from toolchain.quantize.rounding import TensorRow, round_to, row
from toolchain.quantize.scales import UnitScale, room
from toolchain.quantize.settings import Settings
from toolchain.units.base import (
    SMALLEST,
    Loop,
    Reals,
    Room,
    Rounded,
    Seen,
    Tensors,
    Unit,
    UnitRange,
    rounded_bias,
    seen_without_modes,
)
from toolchain.units.reading import Reading
from toolchain.units.soma import RESETS, fire, gain_of, kept_share, refuse_vanished, threshold_of

DECAY_ONE = float(1 << DECAY_BITS)
THRESHOLD_BITS = 17
CUBA_SHIFT = 6
CUBA_FRACTION = 12
BIAS_MANTISSA = 4095
MAX_BIAS_EXPONENT = 7
MAX_LEAK_FRACTION = 20
DECAY_TOLERANCE = 1 / 64

_Parts = tuple[dict[str, IntArray], dict[str, int], list[TensorRow]]

_TENSOR_OF = {"du": "current_leak", "dv": "leak", "vth": "threshold", "bias_mant": "bias"}
"""Coefficients of `cuba_lif` -> what they hold."""


@dataclass(frozen=True, eq=False)
class Lif(Unit):
    """A neuron of the LIF family.

    Attributes:
        soma: its step, (size,) each.
    """

    soma: DiscreteNeuron

    node_kinds = ("LIF", "CubaLIF", "IF", "Threshold")
    spikes = True
    graded = False

    @classmethod
    def of_node(cls, node: Node, reading: Reading, name: str, size: int, bias: FloatArray) -> Unit:
        return cls(name, size, node.name, bias, reading.neuron(node))

    @property
    def gain(self) -> FloatArray:
        return gain_of(self.soma)

    @property
    def moves_alone(self) -> bool:
        return super().moves_alone or bool(np.any(self.soma.leak != 0))

    @property
    def form(self) -> str:
        """The neuron type that it becomes.

        Lava's own LIF where it can hold the neuron: it resets to zero only, has no bias inside its current, and its
        decays are 4096ths, of which it keeps one at least (a Threshold keeps nothing).
        """
        soma = self.soma
        if self.keeps_nothing:
            return "lif"
        has_current = bool(np.any(soma.current_decay != 0))
        expressible = (
            soma.reset == "to_v_reset" and soma.compare == ">" and not (has_current and np.any(self.bias != 0))
        )
        if expressible and leak_fraction(soma) == CUBA_FRACTION:
            return "cuba_lif"
        return "current_lif" if has_current else "lif"

    @property
    def keeps_nothing(self) -> bool:
        """Whether it has no memory at all, as a Threshold."""
        return not np.any(self.soma.current_decay) and not np.any(self.soma.voltage_decay)

    def tensors(self) -> Tensors:
        soma = self.soma
        return {
            "current_bias": self.gain * self.bias,
            "bias": soma.leak,
            "current_leak": soma.current_decay,
            "leak": soma.voltage_decay,
            "threshold": threshold_of(soma),
        }

    def replaced(self, tensors: Tensors, name: str, values: FloatArray) -> Tensors:
        if name in ("bias", "bias_mant") and not np.any(tensors["current_leak"]):
            # Without a current of its own a neuron's program has one bias for what enters and for the voltage.
            tensors = {**tensors, "current_bias": np.zeros_like(values)}
        return {**tensors, _TENSOR_OF.get(name, name): 1.0 - values if name in ("du", "dv") else values}

    def start(self, tensors: Tensors) -> FloatArray:
        return tensors["current_bias"]

    def run(self, tensors: Tensors, drive: FloatArray, loop: Loop, moment_rows: int) -> Seen:
        one = np.ones(self.size)
        terms = replace(
            self.soma,
            current_decay=tensors["current_leak"],
            input_gain=one,
            current_gain=one,
            voltage_decay=tensors["leak"],
            leak=tensors["bias"],
            threshold=tensors["threshold"],
        )
        sent, voltage, entered = fire(terms, drive, loop)
        return seen_without_modes(entered, sent, voltage)

    def scale(self, gain: FloatArray, bound: Room, seen: UnitRange, settings: Settings) -> UnitScale:
        """The finest scale at which threshold, voltage, current and bias fit; decays then round least."""
        threshold = float(threshold_of(self.soma).max())
        peak = float(max(seen.voltage.max(), threshold, SMALLEST))
        fits, limit = room(peak, settings.headroom_bits), bound.limit
        if self.form != "cuba_lif":
            return UnitScale(min(limit, fits), gain)
        by_threshold = math.floor(math.log2(((1 << THRESHOLD_BITS) - 1) / threshold)) if threshold > 0 else limit
        constant = float(np.abs(self._constant(gain)).max())
        top = BIAS_MANTISSA << MAX_BIAS_EXPONENT
        by_bias = math.floor(math.log2(top / constant)) - CUBA_SHIFT if constant > 0 else limit
        return UnitScale(min(limit, by_threshold, by_bias, fits - CUBA_SHIFT), gain)

    def rounded(self, scale: UnitScale, settings: Settings, start_step: int) -> Rounded:
        soma, form = self.soma, self.form
        if soma.v_reset is not None and np.any(soma.v_reset != 0):
            raise UnsupportedError(
                f"{self.origin}.v_reset",
                f"resets to {soma.v_reset.min():g} .. {soma.v_reset.max():g}, programs reset to zero",
                "shift the network's voltages so that the reset is 0",
            )
        if np.any(soma.start != 0):
            raise UnsupportedError(
                self.origin,
                f"starts at {soma.start.min():g} .. {soma.start.max():g}, programs start at 0",
                "give the switch start zero and compare with the framework",
            )
        coefficients, given, rows = self._cuba(scale) if form == "cuba_lif" else self._general(scale, form)
        population = Population(
            name=self.name,
            neuron=form,
            size=self.size,
            settings=given,
            coefficients=coefficients,
            start_step=start_step,
            origin=self.origin,
        )
        return Rounded(population, tuple(rows))

    def moved(self, reals: Reals) -> Self:
        soma = replace(self.soma, threshold=reals["theta"]) if "theta" in reals else self.soma
        return replace(super().moved(reals), soma=soma)

    def _constant(self, gain: FloatArray) -> FloatArray:
        """What the voltage gets at every step without input: bias and leak, (size,)."""
        constant: FloatArray = gain * self.bias + self.soma.leak
        return constant

    def _cuba(self, scale: UnitScale) -> _Parts:
        du, du_row = self._lost("du", self.soma.current_decay, 1)
        dv, dv_row = self._lost("dv", self.soma.voltage_decay, 0)
        vth, vth_row = self._threshold("vth", 17, scale)
        bias, exponent, bias_row = self._mantissa(scale)
        coefficients = {"du": du, "dv": dv, "vth": vth, "bias_mant": bias}
        return coefficients, {"bias_exp": exponent}, [du_row, dv_row, vth_row, bias_row]

    def _general(self, scale: UnitScale, form: str) -> _Parts:
        soma, fraction = self.soma, leak_fraction(self.soma)
        threshold, threshold_row = self._threshold("threshold", 24, scale)
        leak, leak_row = kept_share(f"{self.name}.leak", self.origin, soma.voltage_decay, fraction)
        settings = {"strict": int(soma.compare == ">"), "reset": RESETS[soma.reset], "leak_fraction": fraction}
        coefficients, rows = {"leak": leak, "threshold": threshold}, [leak_row, threshold_row]
        if form == "lif":
            bias, bias_rows = rounded_bias(self, "bias", soma.leak + scale.gain * self.bias, scale.drive_exponent)
            return {**coefficients, **bias}, settings, [*rows, *bias_rows]
        kept, kept_row = kept_share(f"{self.name}.current_leak", self.origin, soma.current_decay, fraction)
        bias, bias_rows = rounded_bias(self, "bias", soma.leak, scale.drive_exponent)
        entering, entering_rows = rounded_bias(self, "current_bias", scale.gain * self.bias, scale.drive_exponent)
        coefficients |= {"current_leak": kept, **bias, **entering}
        return coefficients, settings, [*rows, kept_row, *bias_rows, *entering_rows]

    def _threshold(self, name: str, bits: int, scale: UnitScale) -> tuple[IntArray, TensorRow]:
        real, factor = threshold_of(self.soma), 2.0**scale.drive_exponent
        rounded = round_to(real, factor)
        if np.any(rounded < 1):
            raise QuantizationError(
                f"{self.origin}.v_threshold",
                f"{real.min():.3g} is {real.min() * factor:.2g} integer units at 2^-{scale.drive_exponent}",
                "rescale the layer: its drive is far above its threshold",
            )
        return rounded, row(f"{self.name}.{name}", bits, f"2^-{scale.drive_exponent}", real, rounded, factor)

    def _lost(self, name: str, kept: FloatArray, less: int) -> tuple[IntArray, TensorRow]:
        """Round what is lost a step to 4096ths; 4096 itself fits only where the stored number is one less."""
        lost = 1.0 - kept
        decay = round_to(lost, DECAY_ONE)
        refuse_vanished(name, self.origin, lost, (decay == 0) & ((lost > 0) | (less > 0)))
        held = np.minimum(decay, 4095 + less)
        return held - less, row(f"{self.name}.{name}", DECAY_BITS, "1/4096", lost, held, DECAY_ONE)

    def _mantissa(self, scale: UnitScale) -> tuple[IntArray, int, TensorRow]:
        """Mantissa of 13 bits and the least exponent that holds the greatest bias."""
        constant = self._constant(scale.gain)
        top = scale.drive_exponent + MANTISSA_SHIFT
        peak = float(np.abs(constant).max()) * 2.0**top
        exponent = max(0, int(np.ceil(np.log2(peak / BIAS_MANTISSA)))) if peak > 0 else 0
        if exponent > MAX_BIAS_EXPONENT:
            raise QuantizationError(
                f"{self.origin}.bias",
                f"{np.abs(constant).max():.3g} a step is over {BIAS_MANTISSA} x 2^{MAX_BIAS_EXPONENT} at 2^-{top}",
                "rescale the layer: its bias is far above its threshold",
            )
        factor = 2.0 ** (top - exponent)
        mantissa = round_to(constant, factor)
        tensor = row(f"{self.name}.bias_mant", 13, f"2^-{top - exponent}", constant, mantissa, factor)
        return mantissa, exponent, tensor


def leak_fraction(neuron: DiscreteNeuron) -> int:
    """The least of 12, 16 and 20 fraction bits at which every decay is within 1/64 of its value."""
    lost = np.concatenate([1.0 - neuron.current_decay, 1.0 - neuron.voltage_decay])
    lost = lost[(lost > 0) & (lost < 1)]
    for fraction in (CUBA_FRACTION, 16):
        if np.all(np.abs(np.rint(lost * 2.0**fraction) / 2.0**fraction - lost) <= lost * DECAY_TOLERANCE):
            return fraction
    return MAX_LEAK_FRACTION
