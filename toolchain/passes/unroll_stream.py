"""`unroll-stream`: sources project straight onto every reader, past the relays that carried their sums.

The residual stream unrolled: no graded message but the input's, at the price of one projection for each pair of
blocks. Exactness is decided relay by relay in `inline`. With `cheaper_only` a relay goes only where its removal takes
no more synapse words and no more work, e.g. where it has one reader that takes its sum as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from toolchain.ir.program import Population, Program
from toolchain.passes.base import Pass, PassResult
from toolchain.passes.cost import cost
from toolchain.passes.inline import inline_relay

SPIKE_RATE = 0.1
"""Spikes a neuron and step that costs assume unless told otherwise."""


@dataclass(frozen=True)
class UnrollStream(Pass):
    """Take relays out where that is exact.

    Attributes:
        cheaper_only: leave a relay where the program would cost more without it.
        spike_rate: spikes a neuron and step, for costs.
    """

    name: ClassVar[str] = "unroll-stream"
    cheaper_only: bool = False
    spike_rate: float = SPIKE_RATE

    def __call__(self, program: Program) -> PassResult:
        """Try every relay, in order."""
        remarks = []
        unrolled = program
        for relay in [population for population in program.populations if population.neuron == "relay"]:
            unrolled, remark = self._without(unrolled, unrolled.population(relay.name))
            remarks.append(remark)
        return PassResult(unrolled, remarks=tuple(remarks))

    def _without(self, program: Program, relay: Population) -> tuple[Program, str]:
        inlined = inline_relay(program, relay)
        if inlined.reason:
            return program, f"{relay.name}: kept, {inlined.reason}"
        before, after = cost(program, self.spike_rate), cost(inlined.program, self.spike_rate)
        if self.cheaper_only and (after.synapse_words > before.synapse_words or after.work > before.work):
            return program, f"{relay.name}: kept, {before} with it, {after} without"
        return inlined.program, f"{relay.name}: its sources project onto its readers"
