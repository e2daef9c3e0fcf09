"""report.html: one page that stands alone, drawn from the results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from toolchain.report import more_tables, tables
from toolchain.report.agreement_figure import agreement_figure
from toolchain.report.chip_figure import chip_figure
from toolchain.report.energy import Estimate
from toolchain.report.evidence import Evidence
from toolchain.report.figures import Bar, bars, intervals, raster
from toolchain.report.model import EquivalencePart, Report
from toolchain.report.network_figure import network_figure
from toolchain.report.numbers import band, decimal, percent, si, whole
from toolchain.report.pole_figure import pole_figure
from toolchain.report.range_figure import range_figure
from toolchain.report.summary import Results

TEMPLATES = Path(__file__).parent / "templates"


CONTENTS = (
    ("verdict", "Result"),
    ("assumed", "What was assumed"),
    ("network", "Network"),
    ("accuracy", "Accuracy, confusion, flips"),
    ("equivalence", "Equivalence"),
    ("fidelity", "Fidelity by layer"),
    ("activity", "Activity"),
    ("player", "Run it here"),
    ("inside", "Look inside"),
    ("operations", "Synaptic operations"),
    ("energy", "Energy"),
    ("time", "Time"),
    ("cores", "Cores and traffic"),
    ("registers", "Registers"),
    ("quantization", "Quantization"),
    ("findings", "Findings"),
    ("constants", "Constants and sources"),
    ("again", "How to make this again"),
)
"""Sections: their ids and what the contents call them."""
SCRIPTED = ("player", "inside")
"""Sections that the page has where it has a script."""


@dataclass(frozen=True)
class Verdict:
    """Whether the simulators agree; `mood` is ``"good"``, ``"bad"`` or ``"open"``."""

    mood: str
    headline: str
    detail: str


@dataclass(frozen=True)
class Card:
    """One key figure."""

    label: str
    value: str
    note: str


def render(results: Results, report: Report, script: Markup | None = None) -> str:
    """Return the page as HTML; equal results, equal text. `script` runs the network in it: see `player`."""
    loader = FileSystemLoader(TEMPLATES, encoding="utf-8")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))
    page = environment.get_template("report.html.j2")
    shown = {"script": script, "contents": _contents(script is not None), **_player(results)}
    return page.render(
        style=style, report=report, **shown, **_facts(results, report), **_tables(results), **_figures(results)
    )


def _contents(scripted: bool) -> list[tuple[str, str]]:
    return [entry for entry in CONTENTS if scripted or entry[0] not in SCRIPTED]


def _player(results: Results) -> dict[str, Any]:
    """Populations that the player draws."""
    populations = results.evidence.program.populations
    return {
        "player_spiking": [p.name for p in populations if p.message_range == (0, 1)],
        "player_voltages": [p.name for p in populations if "voltage" in {r.name for r in p.type.stored}],
    }


def verdict(part: EquivalencePart) -> Verdict:
    """Say what the comparisons prove."""
    if not part.values_compared:
        return Verdict("open", "Not compared", "No two simulators were run on the same input, so nothing is proven.")
    compared = f"{whole(part.values_compared)} values compared"
    names = ", ".join(part.simulators)
    if part.mismatches:
        differ = f"{compared}, {whole(part.mismatches)} differ"
        return Verdict("bad", differ, f"First divergence: {part.first_divergence}")
    detail = f"{names}: every spike, payload and register that was recorded is the same, at every step."
    return Verdict("good", f"{compared}, 0 differences", detail)


def _steps(steps: int | float) -> str:
    return whole(steps) if isinstance(steps, int) else f"{decimal(steps)} on average"


def _facts(results: Results, report: Report) -> dict[str, Any]:
    evidence = results.evidence
    lead = results.estimates[0]
    return {
        "verdict": verdict(report.equivalence),
        "cards": _cards(results, report),
        "target": evidence.target,
        "lead": lead.table,
        "estimates": results.estimates,
        "energy_notes": _notes(results),
        "io_note": "; ".join(lead.table.not_modelled),
        "samples": whole(results.counts.samples),
        "steps": _steps(results.counts.steps),
        "spike_rate": percent(results.counts.spike_rate),
        "fidelity": results.evidence.fidelity,
        "neurobench": _neurobench(report),
        "decisions": results.evidence.decisions,
        "synops_range": " to ".join(whole(value) for value in report.synops.per_inference_range),
        "ac": whole(report.synops.ac),
        "mac": whole(report.synops.mac),
        "nonzero": whole(report.synops.nonzero),
        "dense": whole(report.synops.dense),
        "bound": _bound(lead),
        "crossings": decimal(results.counts.per_inference("chip_crossings")),
        "grades": tables.grade_text(),
        "versions": sorted(evidence.versions.items()),
    }


def _quality_card(report: Report) -> Card:
    """Accuracy, or bits a symbol of a network that predicts at every step, beside those of the float network."""
    bits = report.accuracy.bits_per_symbol
    if "integer" in bits:
        known = next((f"{bits[rung]:.4f} in floating point" for rung in ("float", "nir") if rung in bits), "")
        return Card("Bits a symbol, integer", f"{bits['integer']:.4f}", known)
    integer, trained = report.accuracy.integer, report.accuracy.float
    known = "no float accuracy given" if trained is None else f"{percent(trained)} in floating point"
    return Card("Accuracy, integer", "not given" if integer is None else percent(integer), known)


def _cards(results: Results, report: Report) -> tuple[Card, ...]:
    lead, counts, mapping = results.estimates[0], results.counts, report.mapping
    total, seconds = lead.per_inference(lead.total), lead.inference_seconds
    full = mapping.fullest_core
    return (
        _quality_card(report),
        Card(
            "SynOps an inference",
            decimal(counts.per_inference("synops_nonzero")),
            f"non-zero; {decimal(counts.per_inference('synops_dense'))} dense",
        ),
        Card("Energy an inference", si(total.nominal, "J"), f"{band(total, 'J')}, {lead.table.title}"),
        Card(
            "Time an inference",
            "not modelled" if seconds is None else si(seconds.nominal, "s"),
            "" if seconds is None else f"{band(seconds, 's')}, host not included",
        ),
        Card(
            f"Core{'s' if mapping.cores > 1 else ''} on {mapping.target}",
            whole(mapping.cores),
            f"{percent(full.fraction, 1)} of {full.resource.replace('_', ' ')} on core {full.core}; "
            f"{mapping.chips} chip{'s' if mapping.chips > 1 else ''}",
        ),
    )


def _bound(lead: Estimate) -> str:
    step = lead.step
    if step is None:
        return "This table has no times."
    takes = f"A mean step takes {si(step.seconds.nominal, 's')} ({band(step.seconds, 's')})."
    if step.holds == step.holds_low == step.holds_high:
        return f"{takes} The {step.holds} bound holds over the whole band."
    return (
        f"{takes} At the nominal constants the {step.holds} bound holds; at the low ones {step.holds_low}, "
        f"at the high ones {step.holds_high}."
    )


def _notes(results: Results) -> list[tuple[str, str]]:
    """Title and remarks of every cost table."""
    found = []
    for estimate in results.estimates:
        table = estimate.table
        left_out = f"Not modelled: {', '.join(table.not_modelled)}." if table.not_modelled else ""
        found.append((table.title, " ".join([*table.notes, left_out])))
    return found


def _tables(results: Results) -> dict[str, tables.Table]:
    evidence = results.evidence
    return {
        "accuracy_table": tables.accuracy_table(evidence),
        "agreement_table": tables.agreement_table(evidence.agreements),
        "fidelity_table": tables.fidelity_table(evidence.fidelity),
        "layer_table": tables.layer_table(results),
        "energy_table": tables.energy_table(results),
        "time_table": tables.time_table(results),
        "burst_table": tables.burst_table(results),
        "range_table": tables.range_table(results),
        "core_table": tables.core_table(evidence),
        "limit_table": tables.limit_table(evidence),
        "finding_table": tables.finding_table(evidence),
        "quantization_table": tables.quantization_table(evidence),
        "source_table": tables.source_table(results),
        "assumed_table": more_tables.assumed_table(evidence),
        "confusion_table": more_tables.confusion_table(evidence.decisions),
        "flip_table": more_tables.flip_table(evidence.decisions),
        "neuron_table": more_tables.neuron_table(evidence),
        "network_table": more_tables.network_table(evidence.program),
    }


def _figures(results: Results) -> dict[str, Any]:
    evidence, lead = results.evidence, results.estimates[0]
    picture, left_out = raster(evidence.program, evidence.recorded)
    return {
        "network": network_figure(evidence.program),
        "agreement": agreement_figure(evidence.fidelity),
        "register_bars": range_figure(results.ranges),
        "chip": _chip(evidence),
        "poles": pole_figure(evidence.poles) if evidence.poles else None,
        "raster": picture if evidence.recorded.messages else None,
        "raster_left_out": ", ".join(left_out),
        "synops_bars": _synops_bars(results),
        "energy_bars": _energy_bars(lead),
        "energy_intervals": _intervals(results),
        "energy_legend": [term.cost.name for term in lead.terms],
    }


def _neurobench(report: Report) -> str:
    row = report.neurobench
    if row is None:
        return "not counted"
    sizes = f"footprint {whole(row.footprint_bytes)} bytes of {whole(row.parameters)} weights (convolutions unrolled)"
    shares = f"connection sparsity {row.connection_sparsity:.4f}, activation sparsity {row.activation_sparsity:.4f}"
    operations = f"{decimal(row.effective_macs)} effective MACs, {decimal(row.effective_acs)} effective ACs"
    return f"{sizes}, {shares}, {operations} of {decimal(row.dense)} dense ones"


def _chip(evidence: Evidence) -> Markup | None:
    sent = {name: counts.sum(axis=0) for name, counts in evidence.test.sent.items()}
    if sent.keys() < evidence.program.sizes().keys():
        return None
    return chip_figure(evidence.program, evidence.placement, evidence.target, sent, evidence.test.samples)


def _synops_bars(results: Results) -> Markup:
    counts = results.counts
    rows = [
        Bar(
            layer.name,
            (
                (layer.synops_nonzero / counts.samples, 0),
                ((layer.synops_dense - layer.synops_nonzero) / counts.samples, -1),
            ),
            caption=decimal(layer.synops_nonzero / counts.samples),
        )
        for layer in counts.layers
        if layer.neuron != "input"
    ]
    return bars("Synaptic operations into each population, an inference", rows, "")


def _energy_bars(lead: Estimate) -> Markup:
    rows = []
    for name, joules in lead.layers.items():
        each = lead.per_inference(joules)
        parts = tuple((lead.per_inference(term.layers[name]).nominal, index) for index, term in enumerate(lead.terms))
        rows.append(Bar(name, parts, each.band, si(each.nominal, "J")))
    return bars("Energy of the operations of each layer, an inference", rows, "J")


def _intervals(results: Results) -> Markup | None:
    rows = []
    for index, found in enumerate(results.estimates):
        part = "dynamic" if found.table.kind == "hardware" else "arithmetic"
        rows.append((f"{found.table.title}: {part}", found.per_inference(found.dynamic), index))
        if found.static is not None:
            rows.append((f"{found.table.title}: total", found.per_inference(found.total), index))
    shown = [row for row in rows if row[1].low > 0]
    return intervals("Energy of one inference by cost table", shown, "J") if shown else None
