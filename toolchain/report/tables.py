"""The tables of the report page: headings, rows of ready text, and which columns are numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from toolchain.mapping.quantity import GRADES, Quantity
from toolchain.mapping.target import RESOURCES
from toolchain.report.energy import Banded, Estimate
from toolchain.report.evidence import Accuracy, Agreement, Evidence, Fidelity, RegisterRange
from toolchain.report.numbers import band, decimal, percent, si, whole
from toolchain.report.summary import Results


@dataclass(frozen=True)
class Table:
    """Heading and rows of text; `left` counts the leading columns that hold words, the others hold numbers.

    Attributes:
        empty: what to say where there are no rows.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1
    empty: str = ""


RUNGS = {
    "float": "trained network, floating point",
    "nir": "the same as NIR, interpreted",
    "fake_quantized": "rounded weights, floating point",
    "integer": "integer program",
    "lava": "the same as Lava processes",
    "onnx": "the same as ONNX",
}


def accuracy_table(evidence: Evidence) -> Table:
    """Accuracy at each rung and what it lost against the first."""
    order = list(RUNGS)
    outputs = list(dict.fromkeys(row.output for row in evidence.accuracies))
    rows = sorted(evidence.accuracies, key=lambda row: (outputs.index(row.output), order.index(row.rung)))
    first = {row.output: row for row in reversed(rows)}
    bits = _bits_column(rows)
    shown = tuple(
        (
            f"{row.output} {row.rung}".strip().replace("_", " "),
            f"{RUNGS[row.rung]}, {row.note or 'whole test set'}",
            percent(row.fraction),
            f"{whole(row.correct)} of {whole(row.samples)}",
            _points(row, first[row.output]),
            *(() if bits is None else (bits(row),)),
        )
        for row in rows
    )
    head = ("Rung", "What ran", "Accuracy", "Correct", "Points", *(() if bits is None else ("Bits a symbol",)))
    return Table(head, shown, 2, "No labelled data was given.")


def _bits_column(rows: list[Accuracy]) -> Callable[[Accuracy], str] | None:
    """What the column of bits a symbol holds; None where no rung has any."""
    if all(row.bits_per_symbol is None for row in rows):
        return None
    return lambda row: "" if row.bits_per_symbol is None else f"{row.bits_per_symbol:.4f}"


def _points(row: Accuracy, first: Accuracy) -> str:
    """The difference to the first rung in points; nothing where they ran different samples."""
    if row is first or row.samples != first.samples:
        return ""
    return f"{100 * (row.fraction - first.fraction):+.2f}"


def agreement_table(rows: tuple[Agreement, ...]) -> Table:
    """What was compared, by group."""
    groups = ("spikes", "payloads", "registers")
    shown = tuple(
        (
            " and ".join(row.simulators),
            whole(row.samples),
            whole(row.steps),
            *(whole(row.values_compared.get(group, 0)) for group in groups),
            whole(row.total_compared),
            whole(row.mismatches),
        )
        for row in rows
    )
    columns = ("Simulators", "Samples", "Steps", "Spikes", "Payloads", "Registers", "Values compared", "Differences")
    return Table(columns, shown, 1, "No two simulators were compared.")


def layer_table(results: Results) -> Table:
    """Counts by layer, a mean over inferences."""
    counts = results.counts
    rows = tuple(
        (
            layer.name,
            layer.neuron,
            whole(layer.size),
            decimal(layer.messages / counts.samples),
            decimal(layer.core_messages / counts.samples),
            "" if layer.sends == "nothing" else percent(layer.messages / (layer.size * counts.samples * counts.steps)),
            decimal(layer.synops_nonzero / counts.samples),
            decimal(layer.synops_dense / counts.samples),
            decimal(layer.neuron_updates / counts.samples),
            decimal(layer.word_updates / counts.samples),
        )
        for layer in counts.layers
    )
    columns = ("Layer", "Neuron", "Size", "Messages", "to cores", "Rate", "SynOps, non-zero", "dense")
    return Table((*columns, "Updates", "State words"), rows, 2)


def energy_table(results: Results) -> Table:
    """Joules by cost table: dynamic, static, total, an inference and a step, each with its band."""
    rows = []
    for found in results.estimates:
        if found.static is None:
            rows.append((found.table.title, "operations, no static", *_joules(found, found.dynamic)))
            continue
        rows.append((found.table.title, "operations", *_joules(found, found.counted)))
        if found.base is not None:
            rows.append((" ", "base power", *_joules(found, found.base)))
            rows.append((" ", "dynamic: both", *_joules(found, found.dynamic)))
        rows.append((" ", "static", *_joules(found, found.static)))
        rows.append((" ", "total", *_joules(found, found.total)))
    columns = ("Table", "Part", "An inference", "Low to high", "A step", "Low to high")
    return Table(columns, tuple(rows), 2)


def _joules(found: Estimate, joules: Banded) -> tuple[str, ...]:
    each, step = found.per_inference(joules), found.per_step(joules)
    return (si(each.nominal, "J"), band(each, "J"), si(step.nominal, "J"), band(step, "J"))


def time_table(results: Results) -> Table:
    """Bounds of a mean step by cost table."""
    rows = []
    for found in results.estimates:
        if found.step is None:
            continue
        for index, bound in enumerate(found.step.bounds):
            holds = [w for w, name in _held(found) if name == bound.cost.name]
            rows.append(
                (
                    found.table.title if index == 0 else " ",
                    bound.cost.name,
                    ", ".join(holds),
                    "" if bound.core is None else str(bound.core),
                    "" if bound.core is None else decimal(bound.count),
                    si(bound.seconds.nominal, "s"),
                    band(bound.seconds, "s"),
                )
            )
    columns = ("Table", "Bound", "Holds at", "Busiest core", "Count a step", "Nominal", "Low to high")
    return Table(columns, tuple(rows), 3)


def burst_table(results: Results) -> Table:
    """Single steps and whole sequences of the recorded samples by cost table, and which bound holds how often."""
    rows = []
    for found, timed in zip(results.estimates, results.step_times, strict=True):
        if timed is None:
            continue
        parts = [(f"step, {_share(share)}", value) for share, value in timed.percentiles.items()]
        parts += [(f"sequence, {_share(share)}", value) for share, value in timed.sequences.items()]
        held = ", ".join(f"{name} in {whole(count)}" for name, count in timed.holds.items() if count)
        for index, (name, value) in enumerate(parts):
            first = index == 0
            title, bounds = (found.table.title, held) if first else (" ", "")
            rows.append((title, name, bounds, si(value.nominal, "s"), band(value, "s")))
    columns = ("Table", "What", "Greatest bound, steps", "Nominal", "Low to high")
    return Table(columns, tuple(rows), 3, "No messages of all layers were recorded.")


def _share(share: int) -> str:
    return {50: "median", 100: "longest"}.get(share, f"{share} % are shorter")


def _held(found: Estimate) -> tuple[tuple[str, str], ...]:
    step = found.step
    return () if step is None else (("low", step.holds_low), ("nominal", step.holds), ("high", step.holds_high))


def range_table(results: Results) -> Table:
    """Registers: width, rule, values seen, what overflowed, what is proven."""
    rows = tuple(
        (
            f"{row.population}.{row.register}",
            row.overflow,
            _verdict(row),
            whole(row.bits),
            whole(row.used_bits),
            whole(row.low),
            whole(row.high),
            whole(row.overflows),
            "" if row.proven_low is None else whole(row.proven_low),
            "" if row.proven_high is None else whole(row.proven_high),
            "" if row.headroom_bits is None else str(row.headroom_bits),
        )
        for row in results.ranges
    )
    seen = ("Bits", "Bits used", "Least", "Greatest", "Overflows")
    columns = ("Register", "Overflow rule", "Verdict", *seen, "Least possible", "Greatest possible", "Bits to spare")
    return Table(columns, rows, 3, "No register was recorded.")


def _verdict(row: RegisterRange) -> str:
    """The verdict, and the length of run that it holds for where that is limited."""
    if row.safe_steps is None:
        return row.verdict
    return (
        f"{row.verdict} up to {row.safe_steps} steps"
        if row.verdict == "proven"
        else (f"{row.verdict} after {row.safe_steps} steps")
    )


def core_table(evidence: Evidence, most: int = 24) -> Table:
    """How full each core is, the fullest first where there are many."""
    placement = evidence.placement
    by_fill = sorted(placement.cores, key=lambda core: -max(fill.fraction for fill in placement.fills(core)))
    chosen = sorted(by_fill[:most], key=lambda core: core.index)
    rows = []
    for core in chosen:
        fills = placement.fills(core)
        held = "; ".join(map(str, core.slices))
        fullest = max(fills, key=lambda fill: fill.fraction)
        shares = (percent(fill.fraction, 1) for fill in fills)
        rows.append((f"{core.index} on chip {core.chip}", held, fullest.resource.replace("_", " "), *shares))
    names = tuple(name.replace("_", " ") for name, _ in placement.limits)
    return Table(("Core", "Holds", "Closest limit", *names), tuple(rows), 3)


def limit_table(evidence: Evidence) -> Table:
    """What the fullest core uses of each limit."""
    placement = evidence.placement
    core = placement.cores[placement.fullest_core]
    rows = tuple(
        (
            fill.resource.replace("_", " "),
            RESOURCES[fill.resource],
            whole(fill.used),
            whole(fill.limit),
            percent(fill.fraction),
        )
        for fill in placement.fills(core)
    )
    return Table(("Resource", "What it counts", "Used", "Limit", "Full"), rows, 2)


def fidelity_table(found: Fidelity | None) -> Table:
    """Spikes of each layer beside the float network's."""
    rows = tuple(
        (
            layer.population,
            whole(layer.neurons),
            whole(layer.float_spikes),
            whole(layer.integer_spikes),
            "-" if layer.precision is None else percent(layer.precision),
            "-" if layer.recall is None else percent(layer.recall),
            f"{layer.float_silent} / {layer.integer_silent}",
        )
        for layer in ([] if found is None else found.layers)
    )
    columns = ("Layer", "Neurons", "Spikes, float", "Spikes, integer", "Precision", "Recall", "Silent, float / integer")
    return Table(columns, rows, 1, "No layer's spikes were compared with the float network's.")


def finding_table(evidence: Evidence) -> Table:
    """What stages repaired, lost or noticed."""
    rows = tuple((row.stage, row.severity, row.where, row.what, row.action) for row in evidence.findings)
    return Table(("Stage", "Kind", "Where", "What", "Done"), rows, 5, "Nothing was repaired and nothing was lost.")


def quantization_table(evidence: Evidence) -> Table:
    """Widths, scales and errors."""
    rows = tuple((row.where, row.quantity, row.scale, str(row.bits), row.error) for row in evidence.quantization)
    return Table(("Where", "Quantity", "Scale", "Bits", "Error"), rows, 3, "No quantization summary was given.")


def source_table(results: Results) -> Table:
    """Every constant with band, unit, source and grade."""
    rows = [(evidence_name, name, quantity) for evidence_name, name, quantity in _constants(results)]
    shown = tuple(
        (table, name, quantity.source, quantity.grade, f"{quantity.value:g} {quantity.unit}", _range(quantity))
        for table, name, quantity in rows
    )
    return Table(("Table", "Constant", "Source", "Grade", "Value", "Low to high"), shown, 4)


def _constants(results: Results) -> list[tuple[str, str, Quantity]]:
    target = results.evidence.target
    found: list[tuple[str, str, Quantity]] = [
        (f"target {target.name}", name.replace("_", " "), quantity) for name, quantity in target.quantities()
    ]
    for estimate in results.estimates:
        found += [(f"costs {estimate.table.name}", name, cost) for name, cost in estimate.table.costs()]
    return found


def _range(quantity: Quantity) -> str:
    return f"{quantity.low:g} to {quantity.high:g}" if quantity.banded else ""


def grade_text() -> str:
    """What the letters of the grades mean."""
    return "; ".join(f"{letter}: {meaning}" for letter, meaning in GRADES.items())
