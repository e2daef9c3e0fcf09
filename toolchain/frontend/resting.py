"""Networks in absolute voltages, as millivolt models are: 0 is no place to start from there.

NIR names no first voltage. At 0, which plain NIR takes, a neuron of threshold -50 mV would spike at once without any
input; it rests at v_leak, an IF at v_reset.
"""

from __future__ import annotations

import numpy as np

from toolchain.frontend.graph import Finding, Graph
from toolchain.frontend.primitives import SPIKING
from toolchain.frontend.rules import Conventions


def rests_below(graph: Graph) -> tuple[int, int]:
    """How many spiking neurons would begin at or above their threshold at 0 but below it at rest, and how many there
    are."""
    found, total = 0, 0
    for node in graph.of_kind(*SPIKING):
        threshold, rest = node.params["v_threshold"], node.params.get("v_leak", node.params.get("v_reset", 0.0))
        found += int(np.sum((threshold <= 0) & (rest < threshold)))
        total += int(np.size(threshold))
    return found, total


def start_findings(graph: Graph, chosen: Conventions, taken: bool) -> list[Finding]:
    """What is said of where a network in absolute voltages starts.

    Args:
        graph, chosen: the network, and the conventions that hold.
        taken: whether they start at rest because of this, and not because they were asked to.
    """
    found, total = rests_below(graph)
    if not found or (chosen.start != "zero" and not taken):
        return []
    what = f"{found} of {total} neurons would begin above their threshold at 0, and rest below it"
    action = "start at rest (v_leak; an IF at v_reset); --start zero says otherwise"
    return [Finding("conventions.start", what, action if taken else "kept start at 0; --start v_leak is rest", "note")]
