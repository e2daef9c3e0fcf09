"""Compile a network in training, over and over, by the compiler's own functions.

`Compiler.calibrate` is what `seamount deploy` does: from the NIR graph on. It takes seconds for a large network, so
that between two calibrations `Compiler.choose` puts the weights of the moment into the same units and asks the
compiler for scales and integers anew, with the ranges of the last calibration.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse
import torch

from models.network.spiking_ssm import SpikingSSM
from models.network.to_nir import DT, to_graph
from models.qat.reals import Reals, real_tensors
from toolchain.frontend.conventions import Conventions, conventions_for
from toolchain.frontend.discretize import discretize
from toolchain.frontend.graph import FloatArray, Node
from toolchain.frontend.links import Link
from toolchain.frontend.sketch import ComplexArray, leaky
from toolchain.ir.program import Program, Projection
from toolchain.lower.pipeline import Compiled, compile_graph
from toolchain.lower.program import lower
from toolchain.lower.scales import choose_scales
from toolchain.quantize.rounding import TensorRow
from toolchain.quantize.scheme import Scheme
from toolchain.quantize.settings import Settings
from toolchain.units.base import Unit


@dataclass(frozen=True, eq=False)
class Choice:
    """A network compiled: the program, the scales, and what is needed to compile other weights like it."""

    compiled: Compiled
    conventions: Conventions

    @property
    def program(self) -> Program:
        """The integers."""
        return self.compiled.lowered.program

    @property
    def scheme(self) -> Scheme:
        """The scales."""
        return self.compiled.scheme

    def through_file(self, a_bar: ComplexArray) -> tuple[ComplexArray, ComplexArray]:
        """Poles and B of modes x <- a_bar x + u, written as time constants and read again, as `calibrate` gets them.

        They come back changed by some units of the last place, which can decide how a tie is rounded.

        Args:
            a_bar: (channel, mode).
        """
        alpha, beta = a_bar.real.ravel(), a_bar.imag.ravel()
        neuron = discretize(Node("modes", "LI", leaky(alpha, DT), alpha.shape, alpha.shape), self.conventions)
        gain = neuron.current_gain
        poles = neuron.voltage_decay + 1j * (gain * beta)
        return poles.reshape(a_bar.shape), gain.reshape(a_bar.shape).astype(np.complex128)

    def projection(self, name: str) -> Projection:
        """The synapses of that name."""
        return next(projection for projection in self.program.projections if projection.name == name)

    def row(self, name: str) -> TensorRow:
        """What a tensor was rounded to."""
        return next(row for row in self.compiled.lowered.tensors if row.name == name)


@dataclass(frozen=True, eq=False)
class Compiler:
    """How a network is compiled while it is trained.

    Attributes:
        task: its name, for the graph's hint and the program.
        steps: length of the task's sequences.
        inputs: (sample, step, channel) that scales are chosen on; symbols as unit vectors.
        settings: widths and rules.
    """

    task: str
    steps: int
    inputs: FloatArray
    settings: Settings

    def calibrate(self, network: SpikingSSM) -> Choice:
        """The network as `seamount deploy` compiles it.

        Raises:
            QuantizationError: a unit finds no scale at these widths.
        """
        graph = to_graph(_exact_copy(network), self.task, self.steps)
        conventions = conventions_for(graph)
        compiled = compile_graph(graph, conventions, self.inputs, settings=self.settings, name=self.task)
        return Choice(compiled, conventions)

    def choose(self, network: SpikingSSM, before: Choice) -> Choice:
        """The same with the ranges of an earlier calibration: scales and integers follow the weights.

        Raises:
            QuantizationError: a unit finds no scale at these widths.
        """
        reals = real_tensors(_exact_copy(network), _as_in_graphs)
        old = before.compiled.network
        units = tuple(_unit(unit, reals, before) for unit in old.units)
        moved = replace(old, units=units, links=tuple(_link(link, reals) for link in old.links))
        scheme = choose_scales(moved, before.compiled.calibration, self.settings)
        lowered = lower(moved, scheme, self.task)
        return Choice(replace(before.compiled, network=moved, scheme=scheme, lowered=lowered), before.conventions)


def _exact_copy(network: SpikingSSM) -> SpikingSSM:
    """The network on the CPU in float64, in which it is written to files and compiled."""
    with torch.device("meta"):
        copy = SpikingSSM(network.config)
    tensors = {name: tensor.detach().cpu().double() for name, tensor in network.state_dict().items()}
    copy.load_state_dict(tensors, assign=True)
    return copy.requires_grad_(False)


def _as_in_graphs(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """The product of `find_network`: its sums run from left to right, where torch takes an order of its own."""
    return torch.from_numpy(scipy.sparse.csr_array(left.numpy()) @ right.numpy())


def _link(link: Link, reals: Reals) -> Link:
    weights = scipy.sparse.csr_array(reals.links[link.source, link.target, link.port].numpy())
    weights.eliminate_zeros()
    return replace(link, weights=weights)


def _unit(unit: Unit, reals: Reals, before: Choice) -> Unit:
    """The unit with what it takes of the weights of the moment."""
    if unit.name not in reals.biases:
        return unit
    own = {"bias": reals.biases[unit.name].numpy()}
    if unit.name in reals.theta:
        own["theta"] = reals.theta[unit.name].numpy()
    if unit.name in reals.a_bar:
        poles, b = before.through_file(reals.a_bar[unit.name].numpy())
        own |= {"poles": poles, "c": reals.c[unit.name].numpy() * b, "d": reals.d[unit.name].numpy()}
    return unit.moved(own)
