"""What the host reads of a program's outputs: integers as they stand after each step, numbers, and classes.

What entered at step t is complete `latency_steps` later (less where an output is early), so that reading then gives the
output of step t whatever enters after it. Sequences of different true length are read at their own last step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.host import plain
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Output, Probe, Program
from toolchain.ir.trace import Trace

FloatArray = NDArray[np.float64]

_RELAY_REGISTER = "value"


def output_probe(program: Program, output: Output | None = None) -> Probe | None:
    """A register that holds an output (the first) at every step; None where its messages have to be recorded."""
    output = output or program.output()
    if output.register:
        return Probe(output.population, output.register)
    relays = program.population(output.population).neuron == "relay"
    return Probe(output.population, _RELAY_REGISTER) if relays else None


def needs_steps(program: Program, output: Output | None = None) -> bool:
    """Whether an output's final reading needs more than counts of messages and last values of registers."""
    output = output or program.output()
    at_the_end = output.reading == "count" or (output.register != "" and output.reading in ("last", "step"))
    return output.early_steps > 0 or not at_the_end


def step_outputs(program: Program, trace: Trace, output: Output | None = None) -> IntArray:
    """An output (the first) as it stands once each input step is complete, (sample, step, neuron).

    `trace` holds the register of `output_probe`, or the messages of the output's population.
    """
    output = output or program.output()
    probe = output_probe(program, output)
    held = None if probe is None else trace.registers.get(str(probe))
    if held is None:
        held = trace.messages[output.population]
    latency = program.latency_steps - output.early_steps
    standing: IntArray = plain.standing(held, output.reading, latency, trace.steps - program.latency_steps)
    return standing


def step_numbers(program: Program, trace: Trace, output: Output | None = None) -> FloatArray:
    """The same in the network's own units."""
    output = output or program.output()
    return numbers(output, step_outputs(program, trace, output))


def numbers(output: Output, values: IntArray) -> FloatArray:
    """Integers of an output, (..., neuron), in the network's own units."""
    real: FloatArray = plain.real(values, output.reading, output.exponents)
    return real


def float_step_outputs(output: Output, values: FloatArray) -> FloatArray:
    """The float network's output (sample, step, ...) read as the program's is, (sample, step, neuron)."""
    flat = values.reshape(*values.shape[:2], -1)
    standing: FloatArray = plain.standing(flat, output.reading, 0, flat.shape[1])
    return standing.astype(np.float64)


def output_values(program: Program, trace: Trace) -> Mapping[str, IntArray]:
    """What stays of each output at the end of a run: a register's last value, or the number of messages."""
    values = {}
    for output in program.outputs:
        key = f"{output.population}.{output.register}"
        values[output.name] = trace.final[key] if output.register else trace.sent[output.population]
    return values


def final_numbers(program: Program, trace: Trace, output: Output | None = None) -> FloatArray:
    """An output (the first) as it stands at the end of a run, in the network's own units, (sample, neuron)."""
    output = output or program.output()
    if needs_steps(program, output):
        return step_numbers(program, trace, output)[:, -1]
    return numbers(output, output_values(program, trace)[output.name])


def decide(program: Program, trace: Trace, output: Output | None = None) -> IntArray:
    """The class of each sample: an output's (the first's) greatest value, the lowest class on a tie; (sample,)."""
    classes: IntArray = plain.classes(final_numbers(program, trace, output))
    return classes


def at_last_step(values: NDArray[Any], lengths: IntArray | None) -> NDArray[Any]:
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
