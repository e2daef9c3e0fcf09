"""What the host reads of a program's first output at every step, and what it makes of it.

An output is read in one of three ways, which its population says:

    register   the register's value after the step (an integrator's running sum)
    spikes     the number of spikes so far
    graded     the message of the step (a readout that leaves the network at every step)

What entered at step t is complete `latency_steps` later, so that reading at step t + latency gives the output of step t
whatever enters after it. Sequences of different true length are read at their own last step.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from toolchain.frontend.graph import FloatArray
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Probe, Program
from toolchain.ir.trace import Trace

Reading = Literal["register", "spikes", "graded"]

_RELAY_REGISTER = "value"


def reading(program: Program) -> Reading:
    """How the first output is read."""
    output = program.outputs[0]
    if output.register:
        return "register"
    return "spikes" if program.population(output.population).message_range == (0, 1) else "graded"


def output_probe(program: Program) -> Probe | None:
    """A register that holds the first output at every step; None where its messages have to be recorded."""
    output = program.outputs[0]
    if output.register:
        return Probe(output.population, output.register)
    relays = program.population(output.population).neuron == "relay"
    return Probe(output.population, _RELAY_REGISTER) if relays else None


def step_outputs(program: Program, trace: Trace) -> IntArray:
    """The first output as it stands once each input step is complete, (sample, step, neuron).

    `trace` holds the register of `output_probe`, or the messages of the output's population.
    """
    probe = output_probe(program)
    held = None if probe is None else trace.registers.get(str(probe))
    if held is None:
        held = trace.messages[program.outputs[0].population]
    values = np.cumsum(held, axis=1) if reading(program) == "spikes" else held
    return values[:, program.latency_steps :]


def float_step_outputs(program: Program, outputs: FloatArray) -> FloatArray:
    """The float network's output (sample, step, ...) read as the program's is, (sample, step, neuron)."""
    flat = outputs.reshape(*outputs.shape[:2], -1)
    return np.cumsum(flat != 0, axis=1, dtype=np.float64) if reading(program) == "spikes" else flat


def at_last_step(values: FloatArray | IntArray, lengths: IntArray | None) -> FloatArray | IntArray:
    """The output of each sample's true last step: (sample, step, neuron) -> (sample, neuron)."""
    if lengths is None:
        return values[:, -1]
    return values[np.arange(len(values)), lengths - 1]


def bits_of_labels(logits: FloatArray, labels: IntArray) -> FloatArray:
    """-log2 of the probability that a softmax over the last axis gives each label, of the shape of `labels`."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    total = np.log(np.exp(shifted).sum(axis=-1))
    chosen = np.take_along_axis(shifted, labels[..., None], axis=-1)[..., 0]
    bits: FloatArray = (total - chosen) / np.log(2.0)
    return bits
