"""Threshold and reset rules that the LIF family shares.

`strict` chooses v > threshold (NIR, Lava) or v >= threshold (SpikingSSM). `reset` chooses what a spike z does:

| reset | name              | rule                                                                            |
| 0     | none              | v stays                                                                         |
| 1     | to a voltage      | v = reset_to, which is 0 unless given                                           |
| 2     | subtract          | v = v - threshold                                                               |
| 3     | subtract, delayed | a v stored above threshold costs the threshold in the next step (snntorch)      |
| 4     | subtract, twice   | rule 3, then v - (z - r) threshold with r whether rule 3 acted (snntorch's other) |

Rules 3 and 4 are snntorch 1.0's `reset_mechanism="subtract"` with `reset_delay` True and False.
"""

from __future__ import annotations

from toolchain.ir.integer import Value, greater, greater_equal, multiply, select, subtract
from toolchain.ir.neurons.base import Coefficient, Setting, Values

RESET_NONE, RESET_ZERO, RESET_SUBTRACT, RESET_DELAYED, RESET_TWICE = range(5)

RESET_TO = Coefficient("reset_to", 24, default=0, meaning="voltage after a spike under rule 1")
THRESHOLD = Coefficient("threshold", 24, meaning="spike where the voltage exceeds or reaches it")

SETTINGS = (
    Setting("strict", 0, 1, 1, "1: spike where v > threshold; 0: where v >= threshold"),
    Setting("reset", RESET_NONE, RESET_TWICE, RESET_ZERO, "0 none, 1 to reset_to, 2 subtract, 3 delayed, 4 twice"),
)


def fires(own: Values, voltage: Value) -> Value:
    """1 where the voltage exceeds (strict) or reaches the threshold."""
    return greater(voltage, own.threshold) if own.strict else greater_equal(voltage, own.threshold)


def owed(own: Values, before: Value) -> Value:
    """What rules 3 and 4 take off for a voltage stored above the threshold; 0 under the other rules."""
    if own.reset in (RESET_DELAYED, RESET_TWICE):
        return multiply(fires(own, before), own.threshold)
    return 0


def after_spike(own: Values, voltage: Value, spike: Value, before: Value) -> Value:
    """The voltage that is stored."""
    if own.reset == RESET_ZERO:
        return select(spike, own.reset_to, voltage)
    if own.reset == RESET_SUBTRACT:
        return subtract(voltage, multiply(spike, own.threshold))
    if own.reset == RESET_TWICE:
        return subtract(voltage, multiply(subtract(spike, fires(own, before)), own.threshold))
    return voltage
