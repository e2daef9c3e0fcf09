"""Tables of the page that say what was assumed, which samples change, and which neurons do nothing or too much."""

from __future__ import annotations

import numpy as np

from toolchain.ir.program import Program
from toolchain.report.evidence import Decisions, Evidence
from toolchain.report.numbers import percent, whole
from toolchain.report.tables import Table

ALWAYS = 0.99
"""Share of steps from which a neuron is said to fire always."""


def assumed_table(evidence: Evidence) -> Table:
    """What was taken for granted, and where from."""
    rows = tuple((row.what, row.value, row.source) for row in evidence.assumed)
    return Table(("What", "Taken as", "From"), rows, 3, "This build is older than the list of what was assumed.")


def confusion_table(found: Decisions | None) -> Table:
    """Labels by row, decisions by column; empty where there are too many classes or no labels."""
    matrix = () if found is None else found.confusion
    rows = tuple(
        (f"label {label}", *(whole(count) if count else "·" for count in row), whole(sum(row)))
        for label, row in enumerate(matrix)
    )
    columns = ("", *(str(decision) for decision in range(len(matrix))), "samples")
    empty = "No matrix: the data have no label a sample, or too many classes."
    return Table(columns, rows, 1, empty)


def flip_table(found: Decisions | None) -> Table:
    """Samples that the program decides otherwise than the float network."""
    rows = tuple(
        (
            str(flip.sample),
            str(flip.label),
            str(flip.before),
            str(flip.after),
            {flip.before: "lost", flip.after: "gained"}.get(flip.label, "wrong in both"),
        )
        for flip in (() if found is None else found.flips)
    )
    columns = ("Test sample", "Label", "Float network", "Program", "What it means")
    return Table(columns, rows, 5, "No sample is decided otherwise.")


def neuron_table(evidence: Evidence) -> Table:
    """Of each population that emits, how many neurons never do over the whole test set, how many do nearly always."""
    test = evidence.test
    rows = []
    for population in evidence.program.populations:
        sent = test.sent.get(population.name)
        if sent is None or not sent.size:
            continue
        shares = sent.sum(axis=0) / max(test.counted_steps, 1)
        overflowed = sum(n for key, n in test.overflows.items() if key.rpartition(".")[0] == population.name)
        rows.append(
            (
                population.name,
                whole(population.size),
                whole(int(np.count_nonzero(shares == 0))),
                whole(int(np.count_nonzero(shares > ALWAYS))),
                percent(float(shares.max())),
                whole(overflowed),
            )
        )
    head = ("Population", "Neurons", "Silent", "Always firing", "Busiest neuron's rate", "Values that overflowed")
    return Table(head, tuple(rows), 1, "No messages were counted.")


def network_table(program: Program) -> Table:
    """Every projection: what it joins, how large it is, its exponent and delay."""
    rows = []
    for projection in program.projections:
        connection = projection.connection
        nonzero = int(connection.nonzero_fan_out().sum())
        rows.append(
            (
                projection.name,
                projection.source,
                f"{projection.target}.{projection.port}",
                connection.kind,
                projection.origin or "-",
                whole(nonzero),
                str(projection.exponent),
                str(projection.delay_steps),
            )
        )
    head = ("Projection", "From", "To", "Kind", "NIR nodes", "Weights not 0", "Exponent", "Delay, steps")
    return Table(head, tuple(rows), 5)
