"""LIF, CubaLIF, IF and Threshold -> Lava's fixed-point LIF where it can hold them, else the general LIF.

NIR by forward Euler: i' = a i + g_i x, v' = b v + g_v i' + leak, spike if v' > theta. With e the drive's exponent:

    cuba_lif            v 2^(e+6), drive g_i g_v x 2^e, du = 4096 (1 - a) - 1, dv = 4096 (1 - b), vth = theta 2^e
    lif, current_lif    v 2^e,     drive g_i g_v x 2^e, leaks 4096 a, 4096 b,  threshold = theta 2^e
"""

from __future__ import annotations

import numpy as np

from toolchain.errors import QuantizationError, UnsupportedError
from toolchain.frontend.conventions import Conventions
from toolchain.frontend.discretize import DiscreteNeuron
from toolchain.frontend.graph import FloatArray
from toolchain.frontend.units import Unit
from toolchain.ir.integer import IntArray
from toolchain.ir.neurons.cuba_lif import DECAY_BITS, MANTISSA_SHIFT
from toolchain.ir.neurons.soma import RESET_DELAYED, RESET_NONE, RESET_SUBTRACT, RESET_TWICE, RESET_ZERO
from toolchain.ir.program import Population
from toolchain.lower.rounding import TensorRow, round_to, row
from toolchain.quantize.floating import neuron_of
from toolchain.quantize.scales import UnitScale
from toolchain.quantize.scheme import (
    BIAS_MANTISSA,
    MAX_BIAS_EXPONENT,
    constant_drive,
    leak_fraction,
    lif_form,
    threshold_of,
)

DECAY_ONE = float(1 << DECAY_BITS)

RESETS = {
    "to_v_reset": RESET_ZERO,
    "subtract": RESET_SUBTRACT,
    "subtract-delayed": RESET_DELAYED,
    "subtract-snntorch": RESET_TWICE,
    "none": RESET_NONE,
}


def lower_lif(
    unit: Unit, scale: UnitScale, conventions: Conventions, start_step: int
) -> tuple[Population, list[TensorRow]]:
    """Round a LIF population.

    Raises:
        UnsupportedError: a reset to another value than zero.
        QuantizationError: a decay, bias or threshold that finds no integer.
    """
    neuron = neuron_of(unit, conventions)
    if neuron.v_reset is not None and np.any(neuron.v_reset != 0):
        raise UnsupportedError(
            f"{unit.origin}.v_reset",
            f"resets to {neuron.v_reset.min():g} .. {neuron.v_reset.max():g}, programs reset to zero",
            "shift the network's voltages so that the reset is 0",
        )
    if np.any(neuron.start != 0):
        raise UnsupportedError(
            unit.origin,
            f"starts at {neuron.start.min():g} .. {neuron.start.max():g}, programs start at 0",
            "give the switch start zero and compare with the framework",
        )
    form = lif_form(unit, conventions)
    if form == "cuba_lif":
        coefficients, settings, rows = _cuba(unit, scale, neuron)
    else:
        coefficients, settings, rows = _general(unit, scale, neuron, form)
    population = Population(
        name=unit.name,
        neuron=form,
        size=unit.size,
        settings=settings,
        coefficients=coefficients,
        start_step=start_step,
        origin=unit.origin,
    )
    return population, rows


_Parts = tuple[dict[str, IntArray], dict[str, int], list[TensorRow]]


def _cuba(unit: Unit, scale: UnitScale, neuron: DiscreteNeuron) -> _Parts:
    du, du_row = _lost(unit, "du", neuron.current_decay, 1)
    dv, dv_row = _lost(unit, "dv", neuron.voltage_decay, 0)
    vth, vth_row = _threshold(unit, "vth", 17, neuron, scale)
    bias, exponent, bias_row = _mantissa(unit, scale, neuron)
    return (
        {"du": du, "dv": dv, "vth": vth, "bias_mant": bias},
        {"bias_exp": exponent},
        [du_row, dv_row, vth_row, bias_row],
    )


def _general(unit: Unit, scale: UnitScale, neuron: DiscreteNeuron, form: str) -> _Parts:
    factor = 2.0**scale.drive_exponent
    threshold, threshold_row = _threshold(unit, "threshold", 24, neuron, scale)
    constant = np.broadcast_to(np.ravel(neuron.leak), (unit.size,))
    entering = scale.gain * unit.bias
    fraction = leak_fraction(neuron)
    leak, leak_row = _kept(unit, "leak", neuron.voltage_decay, fraction)
    settings = {"strict": int(neuron.compare == ">"), "reset": RESETS[neuron.reset], "leak_fraction": fraction}
    if form == "lif":
        bias = round_to(constant + entering, factor)
        bias_row = row(f"{unit.name}.bias", 24, _text(scale), constant + entering, bias, factor)
        return {"leak": leak, "threshold": threshold, "bias": bias}, settings, [leak_row, threshold_row, bias_row]
    current_leak, current_row = _kept(unit, "current_leak", neuron.current_decay, fraction)
    biases = {"bias": constant, "current_bias": entering}
    whole = {name: round_to(real, factor) for name, real in biases.items()}
    rows = [row(f"{unit.name}.{name}", 24, _text(scale), real, whole[name], factor) for name, real in biases.items()]
    coefficients = {"leak": leak, "threshold": threshold, "current_leak": current_leak, **whole}
    return coefficients, settings, [leak_row, threshold_row, current_row, *rows]


def _text(scale: UnitScale) -> str:
    return f"2^-{scale.drive_exponent}"


def _threshold(
    unit: Unit, name: str, bits: int, neuron: DiscreteNeuron, scale: UnitScale
) -> tuple[IntArray, TensorRow]:
    real, factor = threshold_of(neuron, unit.size), 2.0**scale.drive_exponent
    rounded = round_to(real, factor)
    if np.any(rounded < 1):
        raise QuantizationError(
            f"{unit.origin}.v_threshold",
            f"{real.min():.3g} is {real.min() * factor:.2g} integer units at {_text(scale)}",
            "rescale the layer: its drive is far above its threshold",
        )
    return rounded, row(f"{unit.name}.{name}", bits, _text(scale), real, rounded, factor)


def _lost(unit: Unit, name: str, kept: FloatArray, less: int) -> tuple[IntArray, TensorRow]:
    """Round what is lost a step to 4096ths; 4096 itself fits only where the stored number is one less."""
    lost = 1.0 - np.broadcast_to(np.ravel(kept), (unit.size,))
    decay = round_to(lost, DECAY_ONE)
    _refuse_vanished(unit, name, lost, (decay == 0) & ((lost > 0) | (less > 0)))
    held = np.minimum(decay, 4095 + less)
    return held - less, row(f"{unit.name}.{name}", DECAY_BITS, "1/4096", lost, held, DECAY_ONE)


def _kept(unit: Unit, name: str, kept: FloatArray, fraction: int) -> tuple[IntArray, TensorRow]:
    """Round what is kept a step to `fraction` bits."""
    share, one = np.broadcast_to(np.ravel(kept), (unit.size,)), float(1 << fraction)
    rounded = round_to(share, one)
    _refuse_vanished(unit, name, 1.0 - share, (rounded == one) & (share < 1))
    return rounded, row(f"{unit.name}.{name}", fraction + 1, f"2^-{fraction}", share, rounded, one)


def _refuse_vanished(unit: Unit, name: str, lost: FloatArray, vanished: IntArray) -> None:
    if np.any(vanished):
        neuron = int(np.argmax(vanished))
        raise QuantizationError(
            f"{unit.origin}.{name}",
            f"a loss of {lost[neuron]:.3g} a step (neuron {neuron}) is below half of the least step",
            "use a longer time step or shorter time constants",
        )


def _mantissa(unit: Unit, scale: UnitScale, neuron: DiscreteNeuron) -> tuple[IntArray, int, TensorRow]:
    """Mantissa of 13 bits and the least exponent that holds the greatest bias."""
    constant = constant_drive(unit, scale.gain, neuron)
    top = scale.drive_exponent + MANTISSA_SHIFT
    peak = float(np.abs(constant).max()) * 2.0**top
    exponent = max(0, int(np.ceil(np.log2(peak / BIAS_MANTISSA)))) if peak > 0 else 0
    if exponent > MAX_BIAS_EXPONENT:
        raise QuantizationError(
            f"{unit.origin}.bias",
            f"{np.abs(constant).max():.3g} a step is over {BIAS_MANTISSA} x 2^{MAX_BIAS_EXPONENT} at 2^-{top}",
            "rescale the layer: its bias is far above its threshold",
        )
    factor = 2.0 ** (top - exponent)
    mantissa = round_to(constant, factor)
    return mantissa, exponent, row(f"{unit.name}.bias_mant", 13, f"2^-{top - exponent}", constant, mantissa, factor)
