"""How a decision is read of an output that says nothing of it.

| what reaches the output                                   | read as | the class is the neuron with                  |
|-----------------------------------------------------------|---------|-----------------------------------------------|
| spikes                                                    | count   | most spikes                                   |
| sums of spikes, through linear maps alone (0, 1; -1, 0, 1) | sum     | the greatest weighted sum of spikes over time |
| a register (a running sum, a leaky readout)               | last    | the greatest value after the last step        |
| anything else                                             | last    | the greatest message of the last step         |

With a label for every step each step's own value decides ("step").
"""

from __future__ import annotations

from toolchain.ir.program import Output, Program

SMALL = ("ternary",)
"""Neurons that send -1, 0 and 1: spikes with a sign."""

MEANINGS = {
    "count": "the class is the neuron with most messages",
    "last": "the class is the neuron with the greatest value after the last step",
    "sum": "the class is the neuron with the greatest sum over all steps",
    "max": "the class is the neuron with the greatest value of all steps",
    "step": "each step decides by its own value",
}


def inferred_reading(program: Program, output: Output) -> str:
    """The reading that follows from what reaches an output, by the table above."""
    if output.register:
        return "last"
    if _spikes(program, output.population):
        return "count"
    return "sum" if _sums_of_spikes(program, output.population, frozenset()) else "last"


def _spikes(program: Program, name: str) -> bool:
    return program.source_range(name) == (0, 1)


def _sums_of_spikes(program: Program, name: str, passed: frozenset[str]) -> bool:
    """Whether spikes alone make a population's messages, through relays and weights."""
    if name in {source.name for source in program.inputs}:
        return False
    population = program.population(name)
    if _spikes(program, name) or population.neuron in SMALL:
        return True
    into = {projection.source for projection in program.into(name)} - passed
    if population.neuron != "relay" or not into:
        return False
    return all(_sums_of_spikes(program, source, passed | {name}) for source in into)
