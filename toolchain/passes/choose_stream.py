"""`choose-stream`: relay what is shared, or unroll it, whichever costs less; the costs are printed.

Three forms of one program are weighed: as it is, unrolled, relayed. A form's score is its synapse words relative to
those of the program as it is, plus its work (synaptic operations and messages a step) relative likewise: half a share
of memory is worth as much as half a share of work. Words are certain, work rests on `spike_rate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from toolchain.ir.program import Program
from toolchain.passes.base import Pass, PassResult, followed_by
from toolchain.passes.cost import Cost, cost
from toolchain.passes.relay_stream import RelayStream
from toolchain.passes.unroll_stream import SPIKE_RATE, UnrollStream


@dataclass(frozen=True)
class ChooseStream(Pass):
    """Take the cheapest of the program as it is, unrolled, and relayed.

    Attributes:
        spike_rate: spikes a neuron and step; graded messages are assumed at every step.
    """

    name: ClassVar[str] = "choose-stream"
    spike_rate: float = SPIKE_RATE

    def __call__(self, program: Program) -> PassResult:
        """Weigh the forms; the earlier one wins a tie."""
        same = PassResult(program)
        unrolled = followed_by(same, UnrollStream(spike_rate=self.spike_rate)(program))
        relayed = followed_by(unrolled, RelayStream()(unrolled.program))
        forms = {"as it is": same, "unrolled": unrolled, "relayed": relayed}
        if all(result.program is program for result in forms.values()):
            return same
        costs = {form: cost(result.program, self.spike_rate) for form, result in forms.items()}
        chosen = min(forms, key=lambda form: _score(costs[form], costs["as it is"]))
        remarks = [f"{form}: {price}, latency {forms[form].program.latency_steps}" for form, price in costs.items()]
        remarks.append(f"taken {chosen}, at {self.spike_rate:g} spikes a neuron and step")
        return PassResult(forms[chosen].program, forms[chosen].shifts, tuple(remarks))


def _score(price: Cost, before: Cost) -> float:
    return price.synapse_words / max(1, before.synapse_words) + price.work / max(1.0, before.work)
