"""What a live network of a framework became, before it is compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from toolchain.frontend.graph import Finding, FloatArray, Graph
from toolchain.frontend.rules import Conventions


@dataclass(frozen=True)
class Imported:
    """A network of a framework.

    Attributes:
        tool, version: whose.
        graph: without findings or metadata.
        conventions: that its neurons step by.
        traces: what each layer of neurons sent, (sample, step, *shape), by node.
        bounds: lower bounds of voltages that the graph does not keep, by node.
        decision: how its output is read, where it reduces it over time itself; "" where it does not, or counts spikes.
        findings: how it takes time, what its output is.
        reduced: how it reduces its output over time itself, and what came out; None where it does not.
    """

    tool: str
    version: str
    graph: Graph
    conventions: Conventions
    traces: Mapping[str, FloatArray]
    bounds: Mapping[str, float]
    decision: str
    findings: tuple[Finding, ...]
    reduced: tuple[str, FloatArray] | None = None
