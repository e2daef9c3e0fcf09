"""Units without state -> sums, ternary quantizers, rectifiers, gates and products in integers."""

from __future__ import annotations

import numpy as np
import scipy.special

from toolchain.errors import QuantizationError
from toolchain.frontend.graph import FloatArray
from toolchain.frontend.units import Unit
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.program import Population
from toolchain.lower.rounding import TensorRow, round_to, row
from toolchain.quantize.floating import port_slice
from toolchain.quantize.scales import REGISTER_BITS, UnitScale
from toolchain.quantize.settings import Settings

SHARE_BITS = 14
"""Fraction bits of a sigmoid table's entries."""

_Parts = tuple[dict[str, IntArray], dict[str, int], list[TensorRow]]


def lower_stateless(
    unit: Unit, scale: UnitScale, settings: Settings, start_step: int
) -> tuple[Population, list[TensorRow]]:
    """Round an integrator, relay, ternary quantizer, rectifier, gate or product.

    Raises:
        QuantizationError: a threshold that no register holds, or that rounds to nothing.
    """
    coefficients, rows = _biases(unit, scale)
    own, given, more = _own(unit, scale, settings)
    population = Population(
        name=unit.name,
        neuron=unit.role,
        size=unit.size,
        settings=given,
        coefficients=coefficients | own,
        start_step=start_step,
        origin=unit.origin,
    )
    return population, [*rows, *more]


def table_finding(unit: Unit, population: Population, scale: UnitScale) -> str:
    """What a gate's table costs, in words."""
    entries = population.coefficients["table"]
    drives = np.linspace(*_table_span(population, scale), 8 * len(entries))
    index = np.clip(np.floor(drives * _a_unit(scale)) + population.setting("index_offset"), 0, len(entries) - 1)
    off = np.abs(entries[index.astype(np.int64)] / 2.0**SHARE_BITS - scipy.special.expit(drives)).max()
    return f"{unit.name}: its sigmoid is a table of {len(entries)} entries, at most {off:.2g} off within their span"


def _biases(unit: Unit, scale: UnitScale) -> tuple[dict[str, IntArray], list[TensorRow]]:
    found, rows = {}, []
    for port in unit.ports:
        name = "bias" if len(unit.ports) == 1 else f"{port}_bias"
        exponent = scale.port_exponent(unit, port)
        real = scale.gain * unit.bias[port_slice(unit, port)]
        found[name] = round_to(real, 2.0**exponent)
        rows.append(row(f"{unit.name}.{name}", 24, f"2^-{exponent}", real, found[name], 2.0**exponent))
    return found, rows


def _own(unit: Unit, scale: UnitScale, settings: Settings) -> _Parts:
    """What only this type has."""
    if unit.role == "ternary":
        return _thresholds(unit, scale.drive_exponent, 1)
    if unit.role == "binary_gate":
        return _thresholds(unit, scale.second_exponent, limits(REGISTER_BITS)[0])
    if unit.role == "sigmoid_gate":
        return _table(scale, settings)
    if unit.role == "product":
        return {}, {"shift": scale.shift, "rectified": int(unit.rectified)}, []
    return {}, {}, []


def _thresholds(unit: Unit, exponent: int, least: int) -> _Parts:
    assert unit.node is not None
    real = np.ravel(unit.node.params["threshold"])
    rounded = round_to(real, 2.0**exponent)
    if np.any(rounded < least) or np.any(rounded > limits(REGISTER_BITS)[1]):
        what = f"{real.min():.3g} .. {real.max():.3g} are {rounded.min()} .. {rounded.max()} integer units"
        raise QuantizationError(f"{unit.origin}.threshold", what, "rescale the layer or train other thresholds")
    tensor = row(f"{unit.name}.threshold", REGISTER_BITS - 1, f"2^-{exponent}", real, rounded, 2.0**exponent)
    return {"threshold": rounded}, {}, [tensor]


def _table(scale: UnitScale, settings: Settings) -> _Parts:
    """Sigmoid values at the middle of each entry's span of drives."""
    offset = 1 << (settings.table_bits - 1)
    middles: FloatArray = (np.arange(2.0 * offset) - offset + 0.5) / np.float64(_a_unit(scale))
    entries = round_to(scipy.special.expit(middles), 2.0**SHARE_BITS)
    given = {
        "table_bits": SHARE_BITS,
        "entry_bits": SHARE_BITS + 1,
        "index_shift": scale.shift,
        "index_offset": offset,
    }
    return {"table": entries}, given, []


def _a_unit(scale: UnitScale) -> float:
    """Entries of the table a unit of drive."""
    return float(2.0 ** (scale.second_exponent - scale.shift))


def _table_span(population: Population, scale: UnitScale) -> tuple[float, float]:
    offset, entries = population.setting("index_offset"), len(population.coefficients["table"])
    return -offset / _a_unit(scale), (entries - offset) / _a_unit(scale) * (1 - 1e-9)
