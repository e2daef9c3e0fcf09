"""What a run did, in exact integers: synaptic operations, neuron updates, words, messages.

Synaptic operations come in two definitions, always named:

* *dense*: every stored synapse that a message touches, zeros too (SpikingJelly's SynOps, SANA-FE's synapse events);
* *nonzero*: stored weights that are not zero (NeuroBench's effective operations, Loihi's counter). An operation is an
  AC where all that its source sent is -1, 0 or 1, so that nothing is multiplied, and a MAC where it sent anything else.

A message is counted when it is sent, also where the run ends before it arrives. Every neuron is updated at every step,
resting ones too. Totals are over all samples of the trace, of each up to its own end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from toolchain.errors import InputError
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Population, Program, Projection
from toolchain.ir.text import program_hash
from toolchain.ir.trace import Trace
from toolchain.mapping.axons import fan_out
from toolchain.mapping.memory import neuron_words, state_words
from toolchain.mapping.placement import Placement
from toolchain.mapping.target import Target
from toolchain.report.arithmetic import multiplications
from toolchain.report.traffic import CoreCount, Traffic, count_traffic, stored_as

STORED_AS = ("synops_matrix", "synops_list", "synops_kernel")

Sends = Literal["spikes", "payloads", "nothing"]


@dataclass(frozen=True)
class ProjectionCount:
    """Synaptic operations of one projection; `graded` makes them MACs, else ACs (payloads of -1, 0 and 1 alone)."""

    name: str
    source: str
    target: str
    graded: bool
    messages: int
    dense: int
    nonzero: int
    stored_as: str = ""


@dataclass(frozen=True)
class LayerCount:
    """One input or population.

    Attributes:
        name, neuron, size: which; the neuron of an input is ``"input"``.
        sends: ``"spikes"``, ``"payloads"`` or ``"nothing"``.
        synops_dense, synops_nonzero, synops_ac, synops_mac: of all projections into it; AC and MAC split `nonzero`.
        synops_matrix, synops_list, synops_kernel: `synops_dense` of dense matrices, of lists, of kernels.
        neuron_updates: neurons times steps times samples; 0 for an input.
        mode_updates: updates of single SSM modes.
        word_updates: state words, each read and written once an update; at least one a neuron.
        state_words_read, state_words_written, coefficient_words_read: memory words of the target's width.
        multiplications: products inside the neurons' steps.
        messages: sent.
        core_messages: messages times destination cores.
        hops_x, hops_y: router hops of core messages inside a chip; an input's are not known.
        chip_crossings: core messages that leave a chip.
    """

    name: str
    neuron: str
    size: int
    sends: Sends
    synops_dense: int = 0
    synops_nonzero: int = 0
    synops_ac: int = 0
    synops_mac: int = 0
    synops_matrix: int = 0
    synops_list: int = 0
    synops_kernel: int = 0
    neuron_updates: int = 0
    mode_updates: int = 0
    word_updates: int = 0
    state_words_read: int = 0
    state_words_written: int = 0
    coefficient_words_read: int = 0
    multiplications: int = 0
    messages: int = 0
    core_messages: int = 0
    hops_x: int = 0
    hops_y: int = 0
    chip_crossings: int = 0


@dataclass(frozen=True)
class Counts:
    """All counts of a run of `samples` samples, `steps` steps each; where these are not equally many, on average."""

    samples: int
    steps: int | float
    layers: tuple[LayerCount, ...]
    projections: tuple[ProjectionCount, ...]
    cores: tuple[CoreCount, ...]

    def total(self, count: str) -> int:
        """Sum of a field of `LayerCount` over all layers."""
        return sum(int(getattr(layer, count)) for layer in self.layers)

    def per_inference(self, count: str) -> float:
        """Mean of a count over samples."""
        return self.total(count) / self.samples

    def per_step(self, count: str) -> float:
        """Mean of a count over samples and steps."""
        return self.total(count) / (self.samples * self.steps)

    @property
    def spike_messages(self) -> int:
        """Messages without payload."""
        return sum(layer.messages for layer in self.layers if layer.sends == "spikes")

    @property
    def graded_messages(self) -> int:
        """Messages with a payload."""
        return sum(layer.messages for layer in self.layers if layer.sends == "payloads")

    def spike_rates(self) -> dict[str, float]:
        """Spikes a neuron and step of every spiking population."""
        return {layer.name: layer.messages / layer.neuron_updates for layer in self.layers if layer.sends == "spikes"}

    @property
    def spike_rate(self) -> float:
        """Spikes a neuron and step over all spiking populations; 0 where there is none."""
        updates = sum(layer.neuron_updates for layer in self.layers if layer.sends == "spikes")
        return self.spike_messages / updates if updates else 0.0


def count_run(program: Program, trace: Trace, placement: Placement, target: Target) -> Counts:
    """Count what a run did.

    Args:
        program: that was run.
        trace: its `sent` counts, (sample, neuron), of every input and population.
        placement, target: of the program, for cores, words and hops.

    Raises:
        InputError: trace or placement belong to another program, or the trace lacks a source.
    """
    _check(program, trace, placement, target)
    sent = {name: trace.sent[name].sum(axis=0, dtype=np.int64) for name in program.sizes()}
    projections = tuple(_projection(program, p, sent[p.source], trace.reach) for p in program.projections)
    runs = trace.counted_steps
    traffic, cores = count_traffic(program, placement, target, sent, runs)
    layers = [_input(source.name, source.size, sent, traffic) for source in program.inputs]
    layers += [_population(p, projections, sent, traffic, runs, target) for p in program.populations]
    steps = trace.steps if trace.ends is None else runs / trace.samples
    return Counts(trace.samples, steps, tuple(layers), projections, cores)


def synops_by_sample(program: Program, trace: Trace) -> IntArray:
    """Non-zero synaptic operations of every sample, (sample,)."""
    total = np.zeros(trace.samples, dtype=np.int64)
    for projection in program.projections:
        total += trace.sent[projection.source] @ fan_out(projection.connection)[1]
    return total


def _check(program: Program, trace: Trace, placement: Placement, target: Target) -> None:
    identity = program_hash(program)
    if trace.program != identity:
        raise InputError("trace", "was recorded with another program", "simulate this program again")
    if placement.program != identity or placement.target != target.name:
        raise InputError("placement", "is of another program or target", "place this program again")
    for name, size in program.sizes().items():
        if name not in trace.sent or trace.sent[name].shape != (trace.samples, size):
            expected = f"({trace.samples}, {size})"
            raise InputError(f"trace.sent.{name}", f"has no counts of shape {expected}", "simulate the program again")
    if trace.samples < 1 or trace.steps < 1:
        raise InputError("trace", f"has {trace.samples} samples of {trace.steps} steps", "simulate at least one step")


def _sends(message_range: tuple[int, int]) -> Sends:
    if message_range == (0, 0):
        return "nothing"
    return "spikes" if message_range == (0, 1) else "payloads"


def _projection(program: Program, projection: Projection, sent: IntArray, reach: Mapping[str, int]) -> ProjectionCount:
    stored, nonzero = fan_out(projection.connection)
    graded = _sends(program.source_range(projection.source)) == "payloads"
    return ProjectionCount(
        projection.name,
        projection.source,
        projection.target,
        graded=graded and reach.get(projection.source, 2) > 1,
        messages=int(sent.sum()),
        dense=int(sent @ stored),
        nonzero=int(sent @ nonzero),
        stored_as=stored_as(projection),
    )


def _input(name: str, size: int, sent: dict[str, IntArray], traffic: dict[str, Traffic]) -> LayerCount:
    return LayerCount(name, "input", size, sends="payloads", messages=int(sent[name].sum()), **vars(traffic[name]))


def _population(
    population: Population,
    projections: tuple[ProjectionCount, ...],
    sent: dict[str, IntArray],
    traffic: dict[str, Traffic],
    runs: int,
    target: Target,
) -> LayerCount:
    into = [projection for projection in projections if projection.target == population.name]
    updates = population.size * runs
    state = state_words(population, target.word_bits.whole)
    coefficients = max(0, neuron_words(population, target)[0] - state)
    return LayerCount(
        population.name,
        population.neuron,
        population.size,
        sends=_sends(population.message_range),
        synops_dense=sum(p.dense for p in into),
        synops_nonzero=sum(p.nonzero for p in into),
        synops_ac=sum(p.nonzero for p in into if not p.graded),
        synops_mac=sum(p.nonzero for p in into if p.graded),
        **{kind: sum(p.dense for p in into if p.stored_as == kind) for kind in STORED_AS},
        neuron_updates=updates,
        mode_updates=updates * population.modes,
        word_updates=updates * max(1, state),
        state_words_read=updates * state,
        state_words_written=updates * state,
        coefficient_words_read=updates * coefficients,
        multiplications=updates * multiplications(population),
        messages=int(sent[population.name].sum()),
        **vars(traffic[population.name]),
    )
