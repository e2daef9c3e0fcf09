"""LIF, CubaLIF, IF and Threshold -> Lava's fixed-point LIF where it holds them exactly, else the general LIF.

NIR by forward Euler: i' = a i + g_i x, v' = b v + g_v i' + leak, spike if v' > theta. Voltages are counted from the one
that the neuron starts at, so that all states start at 0. With e the drive's exponent and f > 0 a factor of the neuron's
own, which no spike tells (`quantize.factors`), F = f 2^e:

    cuba_lif            v F 2^6, drive g_i g_v x F, du = 4096 (1 - a) - 1, dv = 4096 (1 - b), vth = theta F
    lif, current_lif    v F,     drive g_i g_v x F, leaks 2^20 a, 2^20 b (2^12 where that is exact), threshold = theta F
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from toolchain.frontend.discretize import DiscreteNeuron
from toolchain.frontend.graph import FloatArray, Node
from toolchain.frontend.links import Link
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.neurons.cuba_lif import DECAY_BITS
from toolchain.ir.program import Population
from toolchain.quantize.factors import neuron_factors
from toolchain.quantize.rounding import TensorRow, round_to, row
from toolchain.quantize.scheme import REGISTER_BITS, Payload, UnitScale, key, link_scale
from toolchain.quantize.settings import Settings
from toolchain.quantize.weights import weight_exponent
from toolchain.units.base import (
    Loop,
    Reals,
    Rounded,
    Scaled,
    Seen,
    Tensors,
    Unit,
    UnitRange,
    rounded_bias,
    seen_without_modes,
)
from toolchain.units.lif_room import Neurons, choose_drive
from toolchain.units.reading import Reading
from toolchain.units.soma import (
    RESETS,
    Held,
    fire,
    fires_at_rest,
    from_start,
    gain_of,
    in_4096ths,
    kept_share,
    leak_fraction,
    rounded_threshold,
    threshold_of,
)

DECAY_ONE = float(1 << DECAY_BITS)
CUBA_THRESHOLD_BITS = 17

_Parts = tuple[dict[str, IntArray], dict[str, int], list[TensorRow], list[str]]

_TENSOR_OF = {"du": "current_leak", "dv": "leak", "vth": "threshold"}
"""Coefficients of `cuba_lif` -> what they hold."""


@dataclass(frozen=True, eq=False)
class Lif(Unit):
    """A neuron of the LIF family.

    Attributes:
        soma: its step, (size,) each, counted from its first voltage.
    """

    soma: DiscreteNeuron

    node_kinds = ("LIF", "CubaLIF", "IF", "Threshold")
    spikes = True
    graded = False

    @classmethod
    def of_node(cls, node: Node, reading: Reading, name: str, size: int, bias: FloatArray) -> Unit:
        return cls(name, size, node.name, bias, from_start(node.name, reading.neuron(node)))

    @property
    def gain(self) -> FloatArray:
        return gain_of(self.soma)

    @property
    def kept_share(self) -> float:
        return float(np.mean(self.soma.voltage_decay))

    @property
    def moves_alone(self) -> bool:
        return super().moves_alone or bool(np.any(self.soma.leak != 0)) or fires_at_rest(self.soma)

    @property
    def form(self) -> str:
        """The neuron type that it becomes.

        Lava's own LIF where it holds the neuron exactly: it resets to the voltage that it starts at only, has a
        threshold above 0, and decays in 4096ths: it keeps one of the voltage and loses one of the current at least; its
        bias of 13 bits is not used.
        """
        soma = self.soma
        has_current = bool(np.any(soma.current_decay != 0))
        constant = np.any(self.bias != 0) or np.any(soma.leak != 0) or np.any(_resets_to(soma) != 0)
        plain = soma.reset == "to_v_reset" and soma.compare == ">" and not constant
        in_steps = in_4096ths(soma.current_decay) and in_4096ths(soma.voltage_decay)
        forgets = np.all(soma.current_decay < 1) and np.all(soma.voltage_decay > 0)
        if plain and in_steps and forgets and np.all(threshold_of(soma) > 0):
            return "cuba_lif"
        return "current_lif" if has_current else "lif"

    def tensors(self) -> Tensors:
        soma = self.soma
        return {
            "current_bias": self.gain * self.bias,
            "bias": soma.leak,
            "current_leak": soma.current_decay,
            "leak": soma.voltage_decay,
            "threshold": threshold_of(soma),
            "reset_to": _resets_to(soma),
        }

    def replaced(self, tensors: Tensors, name: str, values: FloatArray) -> Tensors:
        if name == "bias" and not np.any(tensors["current_leak"]):
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
            v_reset=tensors["reset_to"],
        )
        sent, voltage, entered = fire(terms, drive, loop)
        return seen_without_modes(entered, sent, voltage)

    def free_gains(self, incoming: tuple[Link, ...], settings: Settings) -> FloatArray:
        payload = {link.source: Payload() for link in incoming}
        return neuron_factors(incoming, self.gain, payload, settings)

    def scaled(
        self, incoming: tuple[Link, ...], payload: Mapping[str, Payload], seen: UnitRange, settings: Settings
    ) -> Scaled:
        entering = self.gain * self.bias
        neurons = Neurons(self.name, self.soma, self.gain, entering, cuba=self.form == "cuba_lif")
        drive = choose_drive(neurons, incoming, payload, seen, settings)
        gain = self.gain * drive.factor
        weights = {key(link): weight_exponent(link, gain, settings) for link in incoming}
        links = {key(k): link_scale(weights[key(k)], drive.exponent, payload[k.source]) for k in incoming}
        return UnitScale(drive.exponent, gain, free=drive.factor, steps=seen.steps), links

    def rounded(self, scale: UnitScale, settings: Settings, start_step: int) -> Rounded:
        form = self.form
        coefficients, given, rows, findings = self._cuba(scale) if form == "cuba_lif" else self._general(scale, form)
        population = Population(
            name=self.name,
            neuron=form,
            size=self.size,
            settings=given,
            coefficients=coefficients,
            start_step=start_step,
            origin=self.origin,
        )
        return Rounded(population, tuple(rows), tuple(findings))

    def moved(self, reals: Reals) -> Self:
        soma = replace(self.soma, threshold=reals["theta"]) if "theta" in reals else self.soma
        return replace(super().moved(reals), soma=soma)

    def _cuba(self, scale: UnitScale) -> _Parts:
        du, du_row = self._lost("du", self.soma.current_decay, 1)
        dv, dv_row = self._lost("dv", self.soma.voltage_decay, 0)
        held = self._threshold("vth", scale, (1, (1 << CUBA_THRESHOLD_BITS) - 1))
        coefficients = {"du": du, "dv": dv, "vth": held.integers}
        return coefficients, {}, [du_row, dv_row, held.row], held.findings

    def _general(self, scale: UnitScale, form: str) -> _Parts:
        soma, fraction = self.soma, leak_fraction(self.soma.current_decay, self.soma.voltage_decay)
        settings = {"strict": int(soma.compare == ">"), "reset": RESETS[soma.reset], "leak_fraction": fraction}
        usual = threshold_of(soma) * scale.drive_scale / 2
        parts = {
            "leak": kept_share(f"{self.name}.leak", soma.voltage_decay, fraction, scale.steps, usual),
            "threshold": self._threshold("threshold", scale, limits(REGISTER_BITS)),
        }
        entering = self.gain * self.bias
        constants = {"bias": soma.leak + entering} if form == "lif" else {"bias": soma.leak, "current_bias": entering}
        if form != "lif":
            holds = 2 * usual * (1.0 - soma.voltage_decay)  # the current that holds the voltage at the threshold
            parts["current_leak"] = kept_share(
                f"{self.name}.current_leak", soma.current_decay, fraction, scale.steps, holds
            )
        if np.any(_resets_to(soma) != 0):
            constants["reset_to"] = _resets_to(soma)
        coefficients = {name: held.integers for name, held in parts.items()}
        rows = [held.row for held in parts.values()]
        for name, real in constants.items():
            whole, more = rounded_bias(self, name, real, scale.drive_scale, scale.scale_text)
            coefficients, rows = coefficients | whole, rows + more
        return coefficients, settings, rows, [finding for held in parts.values() for finding in held.findings]

    def _threshold(self, name: str, scale: UnitScale, ends: tuple[int, int]) -> Held:
        real, compare = threshold_of(self.soma), self.soma.compare
        return rounded_threshold(f"{self.name}.{name}", real, compare, scale.drive_scale, scale.scale_text, ends)

    def _lost(self, name: str, kept: FloatArray, less: int) -> tuple[IntArray, TensorRow]:
        """What is lost a step, in 4096ths; stored less 1 for a current."""
        lost = 1.0 - kept
        held = round_to(lost, DECAY_ONE)
        return held - less, row(f"{self.name}.{name}", DECAY_BITS, "1/4096", lost, held, DECAY_ONE)


def _resets_to(soma: DiscreteNeuron) -> FloatArray:
    """Voltage after a spike, where that is one voltage."""
    if soma.reset != "to_v_reset" or soma.v_reset is None:
        return np.zeros_like(soma.leak)
    return soma.v_reset
