"""A seamount.ResonateFire -> Lava's fixed-point resonate-and-fire, which spikes where a turning phase comes round.

A spike is a comparison, so what enters either part, the threshold and the state share a factor of the neuron's own, as
a LIF's do (`quantize.factors`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from toolchain.errors import InputError, UnsupportedError
from toolchain.frontend.discretize import DiscreteNeuron
from toolchain.frontend.extensions import RESONATE_FIRE
from toolchain.frontend.graph import FloatArray, Node
from toolchain.frontend.links import Link
from toolchain.frontend.stepped import ResonateFire as Oscillator
from toolchain.frontend.stepped import shares_of
from toolchain.ir.integer import limits
from toolchain.ir.program import Population
from toolchain.quantize.rounding import round_to, row
from toolchain.quantize.scheme import REGISTER_BITS, Payload, UnitScale, key, link_scale
from toolchain.quantize.settings import Settings
from toolchain.quantize.weights import weight_exponent
from toolchain.units.base import Loop, Rounded, Scaled, Seen, Tensors, Unit, UnitRange, seen_without_modes
from toolchain.units.lif_room import Neurons, choose_drive
from toolchain.units.reading import Reading
from toolchain.units.soma import rounded_threshold

DECAY_BITS = 16
"""Fraction bits of the turn, all that the type has: a share of 1 is held as 1 - 2^-16."""


@dataclass(frozen=True, eq=False)
class ResonateFire(Unit):
    """An oscillator a neuron.

    Attributes:
        cos, sin: decay times cosine and sine of the phase step, (size,).
        threshold: least real part that spikes, (size,).
    """

    cos: FloatArray
    sin: FloatArray
    threshold: FloatArray

    node_kinds = (RESONATE_FIRE,)
    ports = ("real", "imag")
    spikes = True
    graded = False

    @classmethod
    def of_node(cls, node: Node, reading: Reading, name: str, size: int, bias: FloatArray) -> Unit:
        if np.any(bias != 0):
            what = f"a constant of up to {np.abs(bias).max():g} enters it at every step"
            raise UnsupportedError(node.name, what, "drive an oscillator without bias")
        cos, sin = shares_of(node)
        if np.any(np.hypot(cos, sin) >= 1):
            what = f"decays of up to {np.hypot(cos, sin).max():g}"
            raise UnsupportedError(node.name, what, "give decays below 1")
        return cls(name, size, node.name, bias, cos, sin, np.ravel(node.params["threshold"]))

    def tensors(self) -> Tensors:
        return {"cos_decay": self.cos, "sin_decay": self.sin, "threshold": self.threshold}

    def start(self, tensors: Tensors) -> FloatArray:
        return np.zeros(2 * self.size)

    def run(self, tensors: Tensors, drive: FloatArray, loop: Loop, moment_rows: int) -> Seen:
        if loop is not None:
            raise InputError(self.origin, "a loop around an oscillator cannot be calibrated", "remove the loop")
        turn = tensors["cos_decay"], tensors["sin_decay"]
        state = Oscillator(turn, tensors["threshold"], len(drive))
        messages = np.empty((*drive.shape[:2], self.size))
        reached = np.zeros_like(messages)
        for t in range(drive.shape[1]):
            messages[:, t] = state.step(drive[:, t])
            reached[:, t] = np.maximum(np.abs(state.re), np.abs(state.im))
        return seen_without_modes(drive, messages, reached)

    def scaled(
        self, incoming: tuple[Link, ...], payload: Mapping[str, Payload], seen: UnitRange, settings: Settings
    ) -> Scaled:
        none, one = np.zeros(self.size), np.ones(self.size)
        kept = np.hypot(self.cos, self.sin)
        # As a neuron of the same memory, whose room it shares; both ports have one scale.
        like = DiscreteNeuron(none, one, one, kept, none, self.threshold, none, "none", ">=", none)
        drive = choose_drive(Neurons(self.name, like, one, none, cuba=False), incoming, payload, seen, settings)
        weights = {key(link): weight_exponent(link, drive.factor, settings) for link in incoming}
        links = {key(k): link_scale(weights[key(k)], drive.exponent, payload[k.source]) for k in incoming}
        scale = UnitScale(
            drive.exponent, drive.factor, second_exponent=drive.exponent, free=drive.factor, steps=seen.steps
        )
        return scale, links

    def rounded(self, scale: UnitScale, settings: Settings, start_step: int) -> Rounded:
        one, text = float(1 << DECAY_BITS), f"2^-{DECAY_BITS}"
        turn = {"cos_decay": self.cos, "sin_decay": self.sin}
        coefficients = {name: np.clip(round_to(real, one), 1 - int(one), int(one) - 1) for name, real in turn.items()}
        rows = [
            row(f"{self.name}.{name}", DECAY_BITS + 1, text, real, coefficients[name], one)
            for name, real in turn.items()
        ]
        held = rounded_threshold(
            f"{self.name}.threshold", self.threshold, ">=", scale.drive_scale, scale.scale_text, limits(REGISTER_BITS)
        )
        population = Population(
            name=self.name,
            neuron="resonate_fire",
            size=self.size,
            settings={"decay_bits": DECAY_BITS},
            coefficients={**coefficients, "threshold": held.integers},
            start_step=start_step,
            origin=self.origin,
        )
        return Rounded(population, (*rows, held.row), tuple(held.findings))
