"""A diagonal state space with what its output alone feeds: `ssm_lif`, `ssm_threshold` or `ssm_graded`.

In lowest terms, with B and the conjugate modes' factor 2 folded into C and the soma's gain into its threshold:

    x' = a x + drive,  y = Re(sum c x') + d drive,  then the soma, or y itself as a graded message

A state-space neuron with a soma is a comparison, so its readout, D and threshold share a free positive gain of the
neuron's own, by which its C is stretched over the whole coefficient width. Where the readout itself leaves as a graded
message that gain is a power of two, which the receivers' weights take back.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from toolchain.errors import InputError, QuantizationError
from toolchain.frontend.discretize import DiscreteNeuron
from toolchain.frontend.extensions import RECTIFIER
from toolchain.frontend.graph import FloatArray
from toolchain.frontend.links import Link
from toolchain.frontend.ssm import SsmBlock
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.program import Population
from toolchain.quantize.poles import pole_findings, round_poles
from toolchain.quantize.readout import ComplexArray, choose_readout, features
from toolchain.quantize.rounding import TensorRow, round_to, row
from toolchain.quantize.scan import scan
from toolchain.quantize.scheme import REGISTER_BITS, UnitScale, room
from toolchain.quantize.settings import Settings
from toolchain.quantize.voltage import UNREACHED, Layer, choose_voltage, voltage_findings
from toolchain.quantize.weights import row_gains
from toolchain.units.base import (
    BIAS_EXTRA_BITS,
    SMALLEST,
    Head,
    Loop,
    Reals,
    Room,
    Rounded,
    Seen,
    Tensors,
    Unit,
    UnitRange,
    only_reader,
)
from toolchain.units.reading import Reading
from toolchain.units.soma import (
    LEAK_FRACTION,
    Held,
    fire,
    fires_at_rest,
    from_start,
    gain_of,
    kept_share,
    leak_fraction,
    threshold_findings,
    threshold_of,
)

MAX_STATE_SHIFT = 16
MAX_READOUT_SHIFT = 31
MAX_FINER = 64.0
"""Most by which a neuron's graded readout is finer than its layer's coarsest: a weight of 8 bits holds 1 to 64."""


@dataclass(frozen=True, eq=False)
class StateSpace(Unit):
    """A state space, with its soma or threshold where it has one.

    Attributes:
        poles: (size, modes) complex; magnitude below 1.
        c: the same, for B = 1 and with the conjugate modes' factor 2.
        d: direct path, (size,).
        soma: the step of what it feeds, None where the readout is the message.
        stateless: whether that keeps nothing (a Threshold).
        rectified: whether only positive messages leave.
    """

    poles: ComplexArray
    c: ComplexArray
    d: FloatArray
    soma: DiscreteNeuron | None = None
    stateless: bool = False
    rectified: bool = False

    has_modes = True

    @classmethod
    def recognise(cls, reading: Reading, taken: Set[str]) -> Iterator[Head]:
        return (_head(reading, block) for block in reading.state_spaces())

    @property
    def spikes(self) -> bool:
        return self.soma is not None

    @property
    def moves_alone(self) -> bool:
        return super().moves_alone or (self.soma is not None and fires_at_rest(self.soma))

    @property
    def graded(self) -> bool:
        return self.soma is None

    @property
    def updates(self) -> int:
        return int(self.poles.size)

    def tensors(self) -> Tensors:
        own = {
            "bias": self.bias,
            "a_re": self.poles.real,
            "a_im": self.poles.imag,
            "c_re": self.c.real,
            "c_im": self.c.imag,
            "d": self.d,
        }
        if self.soma is None:
            return own
        return own | {"leak": self.soma.voltage_decay, "threshold": self._theta()}

    def run(self, tensors: Tensors, drive: FloatArray, loop: Loop, moment_rows: int) -> Seen:
        if loop is not None:
            raise InputError(
                self.origin, "a state space with recurrent synapses cannot be calibrated", "remove the loop"
            )
        poles, c = tensors["a_re"] + 1j * tensors["a_im"], tensors["c_re"] + 1j * tensors["c_im"]
        found = scan(poles, c, tensors["d"], drive, moment_rows)
        y = found.readout
        if self.soma is None:
            messages, voltage = np.maximum(y, 0.0) if self.rectified else y, y
        else:
            messages, voltage, _ = fire(self._terms(self.soma, tensors), y, None)
        return Seen(drive, messages, voltage, y, found.peak, found.moments, found.rows)

    def free_gains(self, incoming: tuple[Link, ...], settings: Settings) -> FloatArray:
        return row_gains(self.size, incoming, settings) if settings.equalize else np.ones(self.size)

    def scale(self, gain: FloatArray, bound: Room, seen: UnitRange, settings: Settings) -> UnitScale:
        """The finest state that fits its width, then the finest readout that fits the voltage."""
        state_room = room(max(float((gain * seen.state).max()), SMALLEST), settings.headroom_bits, settings.state_bits)
        exponent = min(bound.wanted + BIAS_EXTRA_BITS, bound.limit, state_room)
        state_shift = min(state_room - exponent, MAX_STATE_SHIFT)
        c, d = self.c / gain[:, None], self.d / gain
        voltage = choose_voltage(self._layer(gain, (exponent, state_shift), seen, settings))
        most, c_shift = voltage.most, voltage.shift
        if c_shift > MAX_READOUT_SHIFT:
            raise QuantizationError(
                self.origin,
                f"the readout needs a shift of {c_shift} bits, at most {MAX_READOUT_SHIFT} are there",
                "rescale the layer or lower state_bits",
            )
        most = _shared_powers(most) if self.graded else most
        # The moments are those of the network's own states; the row's gain scales them all alike and changes no choice.
        readout = choose_readout(c, d, seen.moments, most, c_shift - state_shift, settings, free=not self.graded)
        voltage_gain = readout.c_gain * 2.0 ** (exponent + state_shift - c_shift)
        scale = UnitScale(
            exponent,
            gain,
            state_shift,
            c_shift,
            readout,
            voltage_gain,
            coarser=voltage.coarser,
            free=gain,
            steps=seen.steps,
        )
        if not self.graded:
            return scale
        coarsest = float(voltage_gain.min())
        return replace(scale, message_exponent=round(math.log2(coarsest)), finer=voltage_gain / coarsest)

    def rounded(self, scale: UnitScale, settings: Settings, start_step: int) -> Rounded:
        settings = settings.for_population(self.name)
        poles, a_bits, pole_rows = self._rounded_poles(settings)
        readout, readout_rows = self._rounded_readout(scale, settings)
        neuron, own, more = self._rounded_soma(scale)
        bias_scale = scale.gain * 2.0**scale.drive_exponent
        bias = round_to(self.bias, bias_scale)
        population = Population(
            name=self.name,
            neuron=neuron,
            size=self.size,
            modes=self.poles.shape[1],
            settings={
                "a_bits": a_bits,
                "c_bits": settings.c_bits,
                "state_bits": settings.state_bits,
                "input_shift": scale.state_shift,
                "c_shift": scale.c_shift,
                **({"rectified": 1} if self.rectified else {}),
                **own,
            },
            coefficients={**poles, **readout, "bias": bias, **{name: held.integers for name, held in more.items()}},
            start_step=start_step,
            origin=self.origin,
        )
        bias_row = row(f"{self.name}.bias", 24, f"2^-{scale.drive_exponent}", self.bias, bias, bias_scale)
        findings = [*pole_findings(self.name, self.poles, settings), *voltage_findings(self.name, scale.coarser)]
        findings += [finding for held in more.values() for finding in held.findings]
        own_rows = (held.row for held in more.values())
        return Rounded(population, (*pole_rows, *readout_rows, *own_rows, bias_row), tuple(findings))

    def moved(self, reals: Reals) -> Self:
        soma = self.soma
        if soma is not None and "theta" in reals:
            # The soma's own gain is folded into nothing here: a threshold is the node's.
            soma = replace(soma, threshold=reals["theta"])
        return replace(super().moved(reals), soma=soma, poles=reals["poles"], c=reals["c"], d=reals["d"])

    def _theta(self) -> FloatArray:
        """Threshold of the soma per unit of readout, (size,)."""
        assert self.soma is not None
        return threshold_of(self.soma) / gain_of(self.soma)

    def _terms(self, soma: DiscreteNeuron, tensors: Tensors) -> DiscreteNeuron:
        one = np.ones(self.size)
        return replace(
            soma,
            input_gain=one,
            current_gain=one,
            voltage_decay=tensors["leak"],
            leak=soma.leak / gain_of(soma),
            start=soma.start / gain_of(soma),
            threshold=tensors["threshold"],
        )

    def _layer(self, gain: FloatArray, exponents: tuple[int, int], seen: UnitRange, settings: Settings) -> Layer:
        """What the choice of a voltage's scale depends on, at exponents of the drive and of the state beyond it."""
        c, d = self.c / gain[:, None], self.d / gain
        top = (1 << (settings.c_bits - 1)) - 1
        skip = np.abs(d) * 2.0 ** exponents[1]
        state, readout = self._root_mean_squares(gain, seen)
        return Layer(
            most=_most_gain(c, top, self.graded, settings),
            most_skip=np.divide(top, skip, out=np.full_like(skip, np.inf), where=skip > 0),
            unit=2.0 ** sum(exponents),
            threshold=np.zeros(self.size) if self.graded else self._theta(),
            reached=np.maximum(np.maximum(seen.readout, seen.voltage), UNREACHED),
            state=state,
            readout=readout,
            products=2 * c.shape[1] + 1,
            headroom=settings.headroom_bits,
            # Without moments nothing is known of what rounding costs.
            shared=self.graded or settings.c_scale == "layer" or not seen.rows,
        )

    def _root_mean_squares(self, gain: FloatArray, seen: UnitRange) -> tuple[FloatArray, FloatArray]:
        """Of all states of each neuron together, times the gain of what enters, and of its readout: (size,) each."""
        moments = seen.moments / max(seen.rows, 1)
        if not moments.size:
            return np.zeros(self.size), np.zeros(self.size)
        real = features(self.c, self.d)
        squares = np.einsum("hf,hfg,hg->h", real, moments, real)
        states = np.einsum("hff->hf", moments)[:, :-1].sum(axis=1)
        return gain * np.sqrt(states), np.sqrt(np.maximum(squares, 0.0))

    def _rounded_poles(self, settings: Settings) -> tuple[dict[str, IntArray], int, list[TensorRow]]:
        """A-bar in integers, their width, and what rounding cost."""
        found = round_poles(self.poles, settings)
        one, text = float(1 << (found.bits - 1)), f"2^-{found.bits - 1}"
        rows = [
            row(f"{self.name}.a_re", found.bits, text, self.poles.real, found.a_re, one),
            row(f"{self.name}.a_im", found.bits, text, self.poles.imag, found.a_im, one),
        ]
        return {"a_re": found.a_re, "a_im": found.a_im}, found.bits, rows

    def _rounded_readout(self, scale: UnitScale, settings: Settings) -> tuple[dict[str, IntArray], list[TensorRow]]:
        """C and D as they were chosen, each neuron in its own scale; D also has an exponent of its own."""
        assert scale.readout is not None
        chosen = scale.readout
        # The program's C and D are divided by the gain of what enters; a row speaks of the network's own.
        gain, d_scale = (chosen.c_gain / scale.gain)[:, None], chosen.d_scale / scale.gain
        own = "own scale a neuron"
        rows = [
            row(f"{self.name}.c_re", settings.c_bits, own, self.c.real, chosen.c_re, gain),
            row(f"{self.name}.c_im", settings.c_bits, own, self.c.imag, chosen.c_im, gain),
            row(f"{self.name}.d", settings.c_bits, f"{own} and exponent", self.d, chosen.d, d_scale),
        ]
        return {"c_re": chosen.c_re, "c_im": chosen.c_im, "d": chosen.d, "d_shift": chosen.d_shift}, rows

    def _rounded_soma(self, scale: UnitScale) -> tuple[str, dict[str, int], dict[str, Held]]:
        """The neuron type, and settings and coefficients beyond the state space."""
        if self.soma is None:
            return "ssm_graded", {}, {}
        threshold = self._threshold(self.soma, scale)
        if self.stateless:
            return "ssm_threshold", {}, {"threshold": threshold}
        fraction = leak_fraction(self.soma.voltage_decay)
        settings = {} if fraction == LEAK_FRACTION else {"leak_bits": fraction + 1}
        usual = threshold.integers / 2
        leak = kept_share(f"{self.name}.leak", self.soma.voltage_decay, fraction, scale.steps, usual)
        return "ssm_lif", settings, {"leak": leak, "threshold": threshold}

    def _threshold(self, soma: DiscreteNeuron, scale: UnitScale) -> Held:
        """Round the threshold; a strict one becomes the next integer, since v > T is v >= T + 1."""
        real, text = self._theta(), "own scale a neuron"
        exact = real * scale.readout_gain
        # What is above 0 stays above: a neuron that receives nothing does not fire.
        nearest = np.where(real > 0, np.maximum(np.rint(exact), 1), np.rint(exact))
        wanted = nearest if soma.compare == ">=" else np.floor(exact) + 1
        whole = np.clip(wanted, *limits(REGISTER_BITS)).astype(np.int64)
        name = f"{self.name}.threshold"
        tensor = row(name, 24, text, real, nearest, scale.readout_gain)
        return Held(whole, tensor, threshold_findings(name, exact, nearest, np.abs(wanted - whole) > 0))


def _head(reading: Reading, block: SsmBlock) -> Head:
    """A block with the LIF, Threshold or Rectifier that alone reads it.

    A LIF that a soma does not hold stays a neuron of its own, to which the block sends numbers.
    """
    reader = only_reader(reading.graph, block.output)
    if reader is not None and reader.kind not in ("LIF", "Threshold", RECTIFIER):
        reader = None
    if reader is not None and reader.kind == "LIF" and not _is_soma(from_start(reader.name, reading.neuron(reader))):
        reader = None
    last = block.output if reader is None else reader.name
    fires = reader is not None and reader.kind != RECTIFIER

    def make(name: str, size: int, bias: FloatArray) -> Unit:
        soma = from_start(last, reading.neuron(reader)) if reader is not None and fires else None
        sign = np.ones(size) if soma is None else np.sign(gain_of(soma))
        return StateSpace(
            name=name,
            size=size,
            exit=last,
            bias=bias,
            poles=block.poles,
            c=2.0 * block.c * block.b * sign[:, None],
            d=block.d * sign,
            soma=None if soma is None else _upright(soma),
            stateless=reader is not None and reader.kind == "Threshold",
            rectified=reader is not None and reader.kind == RECTIFIER,
        )

    return Head(last, block.input, "leaving", (*block.nodes, last), last, make)


def _upright(soma: DiscreteNeuron) -> DiscreteNeuron:
    """The soma with a gain above 0: its sign belongs to C and D, and so does a gain of 0."""
    gain = np.abs(gain_of(soma))
    return replace(soma, input_gain=np.where(gain > 0, gain, 1.0), current_gain=np.ones_like(gain))


def _is_soma(soma: DiscreteNeuron) -> bool:
    """Whether a soma of a state space holds a neuron: one that starts, rests and is reset at one voltage."""
    resets = soma.reset == "to_v_reset" and (soma.v_reset is None or not np.any(soma.v_reset != 0))
    return resets and not np.any(soma.leak != 0) and not np.any(soma.current_decay != 0)


def _most_gain(c: ComplexArray, top: int, graded: bool, settings: Settings) -> FloatArray:
    """The greatest gain of each neuron at which its C fits, (size,)."""
    peak = np.maximum(np.abs(c.real), np.abs(c.imag)).max(axis=1)
    most: FloatArray = top / np.where(peak > 0, peak, 1.0)
    if settings.c_scale == "layer":
        most = np.full_like(most, most.min())
    return _shared_powers(np.where(peak > 0, most, np.inf)) if graded else most


def _shared_powers(most: FloatArray) -> FloatArray:
    """Powers of two at most these, the greatest no more than `MAX_FINER` times the least: what weights can undo."""
    powers = np.floor(np.log2(most))
    least = float(powers.min())
    least = least if math.isfinite(least) else 0.0
    shared: FloatArray = np.exp2(np.minimum(powers, least + math.log2(MAX_FINER)))
    return shared
