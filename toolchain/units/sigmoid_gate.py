"""A seamount.SigmoidGate: value * sigmoid(drive), by a table over the drives that calibration saw."""

from __future__ import annotations

import math

import numpy as np
import scipy.special

from toolchain.frontend.extensions import SIGMOID_GATE
from toolchain.frontend.graph import FloatArray
from toolchain.ir.integer import IntArray
from toolchain.quantize.rounding import round_to
from toolchain.quantize.scheme import UnitScale
from toolchain.quantize.settings import Settings
from toolchain.units.base import Rounded, Tensors, UnitRange
from toolchain.units.gated import TwoPorts

REACH = 11.0
"""Drive at which a sigmoid of 15 bits is 0 or 1: beyond, a table holds nothing new."""
TABLE_MARGIN = 1.25
"""Factor between the greatest drive that calibration saw and the table's end."""
SHARE_BITS = 14
"""Fraction bits of a table's entries."""


class SigmoidGate(TwoPorts):
    """A gate whose share follows a sigmoid."""

    node_kinds = (SIGMOID_GATE,)
    neuron = "sigmoid_gate"

    def emitted(self, tensors: Tensors, drive: FloatArray) -> FloatArray:
        value, opening = self.halves(drive)
        passed: FloatArray = value * scipy.special.expit(opening)
        return passed

    def message_scale(
        self, gain: FloatArray, exponents: tuple[int, int], seen: UnitRange, settings: Settings
    ) -> UnitScale:
        first, second = exponents
        reach = min(TABLE_MARGIN * self.peak("drive", seen), REACH)
        entries_a_unit = math.floor(math.log2(2.0 ** (settings.table_bits - 1) / reach))
        shift = max(0, second - entries_a_unit)
        return UnitScale(first, gain, second_exponent=second, message_exponent=first, shift=shift)

    def rounded(self, scale: UnitScale, settings: Settings, start_step: int) -> Rounded:
        biases, rows = self.rounded_biases(scale)
        table, given = _table(scale, settings)
        finding = f"{self.name}: {_cost(table['table'], scale)}"
        return self.populated(biases | table, rows, start_step, given, (finding,))


def _table(scale: UnitScale, settings: Settings) -> tuple[dict[str, IntArray], dict[str, int]]:
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
    return {"table": entries}, given


def _cost(entries: IntArray, scale: UnitScale) -> str:
    """What a gate's table costs, in words."""
    offset, unit = len(entries) // 2, _a_unit(scale)
    drives = np.linspace(-offset / unit, (len(entries) - offset) / unit * (1 - 1e-9), 8 * len(entries))
    index = np.clip(np.floor(drives * unit) + offset, 0, len(entries) - 1)
    off = np.abs(entries[index.astype(np.int64)] / 2.0**SHARE_BITS - scipy.special.expit(drives)).max()
    return f"its sigmoid is a table of {len(entries)} entries, at most {off:.2g} off within their span"


def _a_unit(scale: UnitScale) -> float:
    """Entries of the table a unit of drive."""
    return float(2.0 ** (scale.second_exponent - scale.shift))
