"""A row by the definitions of NeuroBench 2.3, as its harness counts them on the module of a build (`Build.to_torch`).

Source: neurobench 2.3.0, `metrics/static` and `metrics/workload`. There each projection is a Linear layer of int8
weights (convolutions and pooling unrolled) that is called once a step with what its source sends, and each population
is an activation layer. NeuroBench splits operations into MACs and ACs call by call; here a source that ever sends
anything but -1, 0 and 1 makes MACs of all its operations.
"""

from __future__ import annotations

import numpy as np

from toolchain.ir.neurons.base import Coefficient
from toolchain.ir.program import Population, Program
from toolchain.report.counts import Counts
from toolchain.report.model import NeuroBenchPart

MOST_PAIRS = 1 << 28
"""Pairs of a projection up to which it is unrolled."""


def stored_bytes(population: Population, coefficient: Coefficient) -> int:
    """Bytes of the narrowest of the usual integers (signed; 1, 2, 4 or 8 bytes) that holds a coefficient's width."""
    bits = population.width(coefficient.bits) + (not coefficient.signed)
    return next(size for size in (1, 2, 4, 8) if bits <= 8 * size)


def neurobench_row(program: Program, counts: Counts) -> NeuroBenchPart:
    """The row of a run.

    Args:
        program: that was run.
        counts: of its test set.
    """
    sizes = [(p.connection.target_size * p.connection.source_size, p) for p in program.projections]
    pairs = sum(size for size, _ in sizes)
    nonzero = sum(int(p.connection.nonzero_fan_out().sum()) for _, p in sizes)
    layers = [layer for layer in counts.layers if layer.neuron != "input"]
    updates = sum(layer.neuron_updates for layer in layers)
    messages = sum(layer.messages for layer in layers)
    return NeuroBenchPart(
        footprint_bytes=pairs + coefficient_bytes(program),
        parameters=pairs,
        connection_sparsity=round((pairs - nonzero) / pairs, 4) if pairs else 0.0,
        activation_sparsity=(updates - messages) / updates if updates else 0.0,
        effective_macs=counts.per_inference("synops_mac"),
        effective_acs=counts.per_inference("synops_ac"),
        dense=pairs * float(counts.steps),
    )


def coefficient_bytes(program: Program) -> int:
    """Bytes of all neurons' coefficients, each in the narrowest integer that its declared width fits."""
    total = 0
    for population in program.populations:
        for coefficient in population.type.coefficients:
            size = np.size(getattr(population.values(), coefficient.name))
            total += size * stored_bytes(population, coefficient)
    return total
