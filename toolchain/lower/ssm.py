"""A state space with what its readout feeds -> integer coefficients of `ssm_lif`, `ssm_threshold` or `ssm_graded`."""

from __future__ import annotations

import numpy as np

from toolchain.errors import QuantizationError, UnsupportedError
from toolchain.frontend.conventions import Conventions
from toolchain.frontend.units import Unit
from toolchain.ir.integer import IntArray
from toolchain.ir.neurons.ssm_lif import LEAK_FRACTION_BITS
from toolchain.ir.program import Population
from toolchain.lower.rounding import TensorRow, round_to, row
from toolchain.quantize.floating import folded_readout, neuron_of, soma_threshold
from toolchain.quantize.poles import round_poles
from toolchain.quantize.scales import UnitScale
from toolchain.quantize.settings import Settings


def lower_ssm(
    unit: Unit, scale: UnitScale, settings: Settings, conventions: Conventions, start_step: int
) -> tuple[Population, list[TensorRow]]:
    """Round a state space and its soma or threshold, where it has one.

    Raises:
        UnsupportedError: a soma that `ssm_lif` cannot express.
        QuantizationError: a threshold that rounds to nothing.
    """
    assert unit.ssm is not None
    poles, a_bits, pole_rows = _poles(unit, settings)
    readout, readout_rows = _readout(unit, scale, settings)
    neuron, own, own_rows = _soma(unit, scale, conventions)
    bias_scale = scale.gain * 2.0**scale.drive_exponent
    bias = round_to(unit.bias, bias_scale)
    population = Population(
        name=unit.name,
        neuron=neuron,
        size=unit.size,
        modes=unit.ssm.poles.shape[1],
        settings={
            "a_bits": a_bits,
            "c_bits": settings.c_bits,
            "state_bits": settings.state_bits,
            "input_shift": scale.state_shift,
            "c_shift": scale.c_shift,
            **({"rectified": 1} if unit.rectified else {}),
        },
        coefficients={**poles, **readout, "bias": bias, **own},
        start_step=start_step,
        origin=unit.origin,
    )
    bias_row = row(f"{unit.name}.bias", 24, f"2^-{scale.drive_exponent}", unit.bias, bias, bias_scale)
    return population, [*pole_rows, *readout_rows, *own_rows, bias_row]


def _soma(unit: Unit, scale: UnitScale, conventions: Conventions) -> tuple[str, dict[str, IntArray], list[TensorRow]]:
    """The neuron type, and what it needs beyond the state space."""
    if unit.node is None:
        return "ssm_graded", {}, []
    _check_soma(unit, conventions)
    threshold, threshold_row = _threshold(unit, scale, conventions)
    if _is_stateless(unit):
        return "ssm_threshold", {"threshold": threshold}, [threshold_row]
    return "ssm_lif", {"leak": _leak(unit, conventions), "threshold": threshold}, [threshold_row]


def _is_stateless(unit: Unit) -> bool:
    return unit.node is not None and unit.node.kind == "Threshold"


def _check_soma(unit: Unit, conventions: Conventions) -> None:
    neuron = neuron_of(unit, conventions)
    faults = []
    if neuron.reset != "to_v_reset" or neuron.v_reset is None or np.any(neuron.v_reset != 0):
        faults.append(f"resets by {neuron.reset!r} to {neuron.v_reset}, not to zero")
    if np.any(neuron.leak != 0):
        faults.append(f"has a leak potential up to {np.abs(neuron.leak).max()}")
    if np.any(neuron.current_decay != 0):
        faults.append("has a synaptic current of its own")
    if faults:
        raise UnsupportedError(unit.origin, f"the soma {', '.join(faults)}", "use LIF with v_leak 0 and reset to 0")


def _leak(unit: Unit, conventions: Conventions) -> IntArray:
    decay = np.broadcast_to(neuron_of(unit, conventions).voltage_decay, (unit.size,))
    return round_to(decay, float(1 << LEAK_FRACTION_BITS))


def _poles(unit: Unit, settings: Settings) -> tuple[dict[str, IntArray], int, list[TensorRow]]:
    """A-bar in integers, their width, and what rounding cost."""
    assert unit.ssm is not None
    rounded = round_poles(unit.ssm.poles, settings)
    one, text = float(1 << (rounded.bits - 1)), f"2^-{rounded.bits - 1}"
    rows = [
        row(f"{unit.name}.a_re", rounded.bits, text, unit.ssm.poles.real, rounded.a_re, one),
        row(f"{unit.name}.a_im", rounded.bits, text, unit.ssm.poles.imag, rounded.a_im, one),
    ]
    return {"a_re": rounded.a_re, "a_im": rounded.a_im}, rounded.bits, rows


def _readout(unit: Unit, scale: UnitScale, settings: Settings) -> tuple[dict[str, IntArray], list[TensorRow]]:
    """C and D as they were chosen, each neuron in its own scale; D also has an exponent of its own."""
    assert unit.ssm is not None and scale.readout is not None
    chosen, folded = scale.readout, folded_readout(unit.ssm)
    # The program's C and D are divided by the gain of what enters; a row speaks of the network's own.
    gain, d_scale = (chosen.c_gain / scale.gain)[:, None], chosen.d_scale / scale.gain
    own = "own scale a neuron"
    rows = [
        row(f"{unit.name}.c_re", settings.c_bits, own, folded.real, chosen.c_re, gain),
        row(f"{unit.name}.c_im", settings.c_bits, own, folded.imag, chosen.c_im, gain),
        row(f"{unit.name}.d", settings.c_bits, f"{own} and exponent", unit.ssm.d, chosen.d, d_scale),
    ]
    return {"c_re": chosen.c_re, "c_im": chosen.c_im, "d": chosen.d, "d_shift": chosen.d_shift}, rows


def _threshold(unit: Unit, scale: UnitScale, conventions: Conventions) -> tuple[IntArray, TensorRow]:
    """Round the threshold; a strict one becomes the next integer, since v > T is v >= T + 1."""
    real = soma_threshold(unit, conventions)
    nearest = round_to(real, scale.readout_gain)
    if np.any(nearest < 1):
        neuron, field = int(np.argmin(nearest)), "threshold" if _is_stateless(unit) else "v_threshold"
        raise QuantizationError(
            f"{unit.origin}.{field}",
            f"{real[neuron]:.3g} of neuron {neuron} is {real[neuron] * scale.readout_gain[neuron]:.2g} integer units",
            "raise c_bits or state_bits, or train a larger threshold",
        )
    exceeding = round_to(np.floor(real * scale.readout_gain) + 1, 1.0)
    tensor = row(f"{unit.name}.threshold", 24, "own scale a neuron", real, nearest, scale.readout_gain)
    return (nearest if neuron_of(unit, conventions).compare == ">=" else exceeding), tensor
