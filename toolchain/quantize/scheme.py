"""What quantization decides: the scales of links, units and the input, as data.

A drive d is held as the integer d 2^drive_exponent, a weight w as w 2^weight_exponent, a graded message m as
m 2^message_exponent, times a power of two of the neuron's own where its state space is finer than others of its layer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse

from toolchain.frontend.graph import FloatArray
from toolchain.frontend.links import INPUT_PORT, Link
from toolchain.ir.program import MAX_EXPONENT, PAYLOAD_BITS
from toolchain.quantize.inputs import InputForm
from toolchain.quantize.readout import Readout
from toolchain.quantize.settings import Settings

REGISTER_BITS = 24


@dataclass(frozen=True)
class LinkScale:
    """Scales of one link.

    Attributes:
        weight_exponent: an integer weight is weight * 2^weight_exponent, rounded.
        shift: power of two from the sum of products to the target's drive; below 0 it rounds (floor).
    """

    weight_exponent: int
    shift: int


@dataclass(frozen=True, eq=False)
class UnitScale:
    """Scales of one unit.

    Attributes:
        drive_exponent: fraction bits of the drive, of the first of two ports.
        gain: factor from the network's drive to the unit's voltage, folded into its weights, (size,).
        state_shift: fraction bits that the modes have beyond the drive.
        c_shift: shift of the readout.
        readout: C and D, divided by `gain`, in integers; None without modes.
        readout_gain: integer voltage per real voltage, (size,).
        second_exponent: fraction bits of the drive of the second port.
        message_exponent: fraction bits of its messages, where they are graded.
        finer: power of two by which each neuron's messages are finer than that, (size,); empty where none are.
        shift: of a product, or from a gate's drive to an index of its table.
        coarser: by how much less than their width allows C and D are scaled, (size,) (`quantize.voltage`).
        free: the part of `gain` that is none of the network's own, (size,); empty where there is none.
        steps: length of the sequences that calibration saw.
    """

    drive_exponent: int
    gain: FloatArray
    state_shift: int = 0
    c_shift: int = 0
    readout: Readout | None = None
    readout_gain: FloatArray = field(default_factory=lambda: np.zeros(0))
    second_exponent: int = 0
    message_exponent: int = 0
    finer: FloatArray = field(default_factory=lambda: np.zeros(0))
    shift: int = 0
    coarser: FloatArray = field(default_factory=lambda: np.zeros(0))
    free: FloatArray = field(default_factory=lambda: np.zeros(0))
    steps: int = 0

    @property
    def stretch(self) -> FloatArray:
        """The part of `gain` that is none of the network's own, (size,)."""
        return self.free if self.free.size else np.ones_like(self.gain)

    @property
    def drive_scale(self) -> FloatArray:
        """Integer drive of the first port per unit of what `Unit.tensors` speak of, (size,)."""
        scale: FloatArray = self.stretch * 2.0**self.drive_exponent
        return scale

    @property
    def scale_text(self) -> str:
        """The same in words."""
        return f"2^-{self.drive_exponent}" if np.all(self.stretch == 1) else "own scale a neuron"

    def port_exponent(self, number: int) -> int:
        """Fraction bits of the drive of the first (0) or second (1) port."""
        return self.second_exponent if number else self.drive_exponent


@dataclass(frozen=True, eq=False)
class Scheme:
    """All scales of a program.

    Attributes:
        settings: the widths they were chosen for.
        inputs: each input's payload, by name.
        units: by unit name.
        links: by `key`.
        input_notes: what an input's payload costs, in words, by name.
        moments: what weights are fitted to, by link; none of those that are rounded to the nearest.
    """

    settings: Settings
    inputs: Mapping[str, InputForm]
    units: Mapping[str, UnitScale]
    links: Mapping[tuple[str, str, int], LinkScale]
    input_notes: Mapping[str, str] = field(default_factory=dict)
    moments: Mapping[str, FloatArray] = field(default_factory=dict)

    def finer(self, source: str, size: int) -> FloatArray:
        """The power of two by which each message of an input or unit is finer than its layer's, (size,)."""
        scale = self.units.get(source)
        return np.ones(size) if scale is None or not scale.finer.size else scale.finer

    def as_sent(self, link: Link) -> Link:
        """A link as its source's messages need it: the weights of finer messages are as much smaller."""
        return with_columns(link, self.finer(link.source, link.weights.shape[1]))


def key(link: Link) -> tuple[str, str, int]:
    """The name of a link among others: source, target (and port where it has two), steps and delay."""
    target = link.target if link.port == INPUT_PORT else f"{link.target}.{link.port}"
    return link.source, target, link.steps + link.delay


def link_scale(weight_exponent: int, drive_exponent: int, payload: Payload) -> LinkScale:
    """The scales of a link; its weights lose bits that even the greatest shift would take off again."""
    held = min(weight_exponent, drive_exponent + MAX_EXPONENT - payload.exponent)
    return LinkScale(held, drive_exponent - held - payload.exponent)


@dataclass(frozen=True, eq=False)
class Payload:
    """What messages are.

    Attributes:
        exponent: fraction bits.
        peak: greatest real magnitude by their width.
        finer: as in `UnitScale`.
        signed: whether they may be below 0.
    """

    exponent: int = 0
    peak: float = 1.0
    finer: FloatArray = field(default_factory=lambda: np.zeros(0))
    signed: bool = True


def graded_payload(scale: UnitScale) -> Payload:
    """Messages of the full width."""
    return Payload(scale.message_exponent, 2.0 ** (PAYLOAD_BITS - 1 - scale.message_exponent), scale.finer)


def with_columns(link: Link, finer: FloatArray) -> Link:
    """The link with each column divided by what its source's message is finer by."""
    if not finer.size or np.all(finer == 1):
        return link
    return replace(link, weights=scipy.sparse.csr_array(link.weights.multiply(1.0 / finer[None, :])), kernel=None)


def port_limit(incoming: tuple[Link, ...], gain: FloatArray, payload: Mapping[str, Payload]) -> int:
    """The greatest drive exponent at which no possible sum overflows a 24-bit port."""
    worst = np.zeros(len(gain))
    for link in incoming:
        rows = np.asarray(abs(link.weights).sum(axis=1)).ravel()
        worst += np.abs(gain) * rows * payload[link.source].peak
    peak = float(worst.max()) if len(worst) else 0.0
    return room(peak, 0) if peak else REGISTER_BITS


def room(peak: float, headroom_bits: int, bits: int = REGISTER_BITS) -> int:
    """The greatest e with peak * 2^(e + headroom) inside a signed register; 2 % are left for rounding."""
    return math.floor(math.log2((1 << (bits - 1)) / (peak * 1.02))) - headroom_bits
