"""LI and CubaLI nodes, and I nodes inside a network: a leaky sum that leaves as a graded message at every step.

By forward Euler a leaky integrator is a state space of one real mode a neuron,

    v' = b v + g x + leak,    message v'

so it becomes one, with C = 1 and the gain g folded into what enters (`units.reading` puts it there). A CubaLI is two in
a row, its current, then its voltage; each is pipelined by a step, which levels take back. An I
keeps all of its sum, b = 1, which a program of finite width cannot: it keeps the most that 24 bits hold, and says what
that loses.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from toolchain.errors import QuantizationError
from toolchain.frontend.discretize import DiscreteNeuron
from toolchain.frontend.graph import FloatArray, Node
from toolchain.frontend.links import Link
from toolchain.frontend.ssm_shared import MODES
from toolchain.quantize.poles import MAX_A_BITS
from toolchain.quantize.scheme import UnitScale
from toolchain.quantize.settings import Settings
from toolchain.units.base import Head, Room, Rounded, Unit, UnitRange
from toolchain.units.reading import Reading
from toolchain.units.state_space import StateSpace

CLOSEST = 1.0 - 2.0 ** (1 - MAX_A_BITS)
"""The greatest pole below 1 that the widest A-bar holds."""


MOST_C_BITS = 16


@dataclass(frozen=True, eq=False)
class LeakyIntegrator(StateSpace):
    """A leaky integrator.

    Attributes:
        endless: whether it stands for a neuron that loses nothing.
    """

    endless: bool = False

    node_kinds: ClassVar[tuple[str, ...]] = ("LI", "CubaLI", "I")
    driven_by = "entering"

    @classmethod
    def recognise(cls, reading: Reading, taken: Set[str]) -> Iterator[Head]:
        for head in super(StateSpace, cls).recognise(reading, taken):
            # A sum that the host alone reads is the register of an `Integrator`.
            if reading.graph.nodes[head.exit].kind != "I":
                yield head

    @classmethod
    def of_node(cls, node: Node, reading: Reading, name: str, size: int, bias: FloatArray) -> Unit:
        soma = reading.neuron(node)
        _check(node, soma)
        keeps = np.minimum(soma.voltage_decay, CLOSEST)
        return cls(
            name=name,
            size=size,
            exit=node.name,
            bias=bias + soma.leak,
            poles=keeps[:, None].astype(np.complex128),
            c=np.ones((size, 1), dtype=np.complex128),
            d=np.zeros(size),
            endless=bool(np.any(soma.voltage_decay > CLOSEST)),
        )

    def free_gains(self, incoming: tuple[Link, ...], settings: Settings) -> FloatArray:
        """Powers of two, so that C stays one and exact."""
        whole: FloatArray = np.exp2(np.floor(np.log2(super().free_gains(incoming, settings))))
        return whole

    def rounded(self, scale: UnitScale, settings: Settings, start_step: int) -> Rounded:
        made = super().rounded(scale, replace(settings, widen_poles=True), start_step)
        if not self.endless:
            return made
        lost = 1.0 - CLOSEST
        text = (
            f"{self.name}: a sum without leak keeps 1 - {lost:.2g} of itself a step; 1000 steps lose {1e5 * lost:.2g} %"
        )
        return replace(made, findings=(*made.findings, f"{self.name}: {text}"))


def _check(node: Node, soma: DiscreteNeuron) -> None:
    if np.any(soma.voltage_decay < 0) or np.any(soma.voltage_decay > 1):
        low, high = soma.voltage_decay.min(), soma.voltage_decay.max()
        raise QuantizationError(
            node.name, f"keeps {low:.4g} to {high:.4g} of its voltage a step", "train decays in 0 .. 1"
        )


class SharedModes(LeakyIntegrator):
    """Modes that all channels of a state space share (`frontend.ssm_shared`): each neuron sends Re(c x)."""

    node_kinds = (MODES,)

    @classmethod
    def of_node(cls, node: Node, reading: Reading, name: str, size: int, bias: FloatArray) -> Unit:
        return cls(
            name=name,
            size=size,
            exit=node.name,
            bias=bias,
            poles=node.params["poles"][:, None],
            c=node.params["c"][:, None],
            d=np.zeros(size),
        )

    def free_gains(self, incoming: tuple[Link, ...], settings: Settings) -> FloatArray:
        """All that the weights' width allows; C, one number a neuron, takes it back in 16 bits."""
        return StateSpace.free_gains(self, incoming, settings)

    def scale(self, gain: FloatArray, bound: Room, seen: UnitRange, settings: Settings) -> UnitScale:
        return super().scale(gain, bound, seen, _with_wide_readout(settings))

    def rounded(self, scale: UnitScale, settings: Settings, start_step: int) -> Rounded:
        return super().rounded(scale, _with_wide_readout(settings), start_step)


def _with_wide_readout(settings: Settings) -> Settings:
    return replace(settings, c_bits=MOST_C_BITS)
