"""From evidence to results, and from results to `report.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from toolchain.ir.integer import IntArray
from toolchain.report.costs import load_costs
from toolchain.report.counts import Counts, count_run, synops_by_sample
from toolchain.report.energy import Banded, Estimate, estimate
from toolchain.report.evidence import Evidence, RegisterRange, Rung
from toolchain.report.model import (
    AccuracyPart,
    ActivityPart,
    EnergyPart,
    EquivalencePart,
    FullestCore,
    LatencyPart,
    LayerActivity,
    MappingPart,
    Report,
    SynopsPart,
)
from toolchain.report.neurobench import neurobench_row
from toolchain.report.ranges import register_ranges
from toolchain.report.steps import StepTimes, core_work, step_times

FLOAT_SOURCES: dict[Rung, str] = {"float": "PyTorch", "nir": "NIR interpreted in float64"}


@dataclass(frozen=True, eq=False)
class Results:
    """Everything that was computed from the evidence; the page is drawn from this."""

    evidence: Evidence
    counts: Counts
    synops_by_sample: IntArray
    estimates: tuple[Estimate, ...]
    step_times: tuple[StepTimes | None, ...]
    ranges: tuple[RegisterRange, ...]


def examine(evidence: Evidence, tables: tuple[str, ...] = ()) -> Results:
    """Count and estimate.

    Args:
        evidence: the facts.
        tables: names or paths of cost tables, the leading one first; the target's own by default.
    """
    counts = count_run(evidence.program, evidence.test, evidence.placement, evidence.target)
    names = tables or evidence.target.cost_tables
    placement = evidence.placement
    tiles = -(-len(placement.cores) // evidence.target.mesh.cores_per_router.whole)
    estimates = tuple(estimate(counts, load_costs(name), placement.chips, tiles) for name in names)
    work = core_work(evidence.program, evidence.recorded, placement, evidence.target)
    timed = tuple(None if work is None else step_times(work, e.table, placement.chips, tiles) for e in estimates)
    ranges = evidence.ranges or register_ranges(evidence.program, evidence.recorded, evidence.test.overflows)
    return Results(evidence, counts, synops_by_sample(evidence.program, evidence.test), estimates, timed, ranges)


def summarize(results: Results) -> Report:
    """Put the results into the form of report.json."""
    evidence, counts = results.evidence, results.counts
    return Report(
        model=evidence.model,
        task=evidence.task,
        program=evidence.test.program,
        samples=counts.samples,
        steps=counts.steps,
        accuracy=_accuracy(evidence),
        equivalence=_equivalence(evidence),
        fidelity=evidence.fidelity,
        decisions=evidence.decisions,
        assumed=evidence.assumed,
        activity=_activity(counts),
        synops=_synops(results),
        neurobench=neurobench_row(evidence.program, counts),
        energy=_energy(results.estimates[0]),
        latency=_latency(results.estimates[0], results.step_times[0]),
        other_tables=tuple(_energy(other) for other in results.estimates[1:]),
        mapping=_mapping(evidence, counts),
        ranges=results.ranges,
        findings=evidence.findings,
        quantization=evidence.quantization,
        versions=dict(evidence.versions),
        command=evidence.command,
    )


def _accuracy(evidence: Evidence) -> AccuracyPart:
    output = next((row.output for row in evidence.accuracies), "")
    rows = [row for row in evidence.accuracies if row.output == output]
    share: dict[Rung, float] = {row.rung: row.fraction for row in rows}
    named = ("float", "integer", "nir", "lava")
    source: Rung = "float" if "float" in share else "nir"
    notes: dict[str, str] = {row.rung: row.note for row in rows if row.note}
    return AccuracyPart(
        float=share.get(source),
        float_source=notes.get(source, FLOAT_SOURCES[source]) if source in share else None,
        integer=share.get("integer"),
        nir=share.get("nir"),
        lava=share.get("lava"),
        other={rung: value for rung, value in share.items() if rung not in named},
        correct={row.rung: row.correct for row in rows},
        samples={row.rung: row.samples for row in rows},
        bits_per_symbol={row.rung: bits for row in rows if (bits := row.bits_per_symbol) is not None},
        notes=notes,
        output=output,
        outputs={
            name: {row.rung: row.correct for row in evidence.accuracies if row.output == name}
            for name in dict.fromkeys(row.output for row in evidence.accuracies if row.output)
        },
    )


def _equivalence(evidence: Evidence) -> EquivalencePart:
    rows = evidence.agreements
    return EquivalencePart(
        simulators=tuple(dict.fromkeys(name for row in rows for name in row.simulators)),
        samples=min((row.samples for row in rows), default=0),
        steps=min((row.steps for row in rows), default=0),
        values_compared=sum(row.total_compared for row in rows),
        mismatches=sum(row.mismatches for row in rows),
        first_divergence=next((row.first for row in rows if row.first), ""),
        comparisons=rows,
    )


def _activity(counts: Counts) -> ActivityPart:
    runs = counts.samples * counts.steps
    layers = {
        layer.name: LayerActivity(
            sends=layer.sends,
            messages=layer.messages,
            rate=None if layer.sends == "nothing" else layer.messages / (layer.size * runs),
        )
        for layer in counts.layers
    }
    return ActivityPart(
        spike_rate=counts.spike_rate, spikes=counts.spike_messages, payloads=counts.graded_messages, layers=layers
    )


def _synops(results: Results) -> SynopsPart:
    counts = results.counts
    each = results.synops_by_sample
    shown = ("synops_nonzero", "synops_dense", "synops_ac", "synops_mac", "neuron_updates", "messages", "core_messages")
    return SynopsPart(
        nonzero=counts.total("synops_nonzero"),
        dense=counts.total("synops_dense"),
        per_step=counts.per_step("synops_nonzero"),
        per_inference=counts.per_inference("synops_nonzero"),
        per_inference_dense=counts.per_inference("synops_dense"),
        per_inference_range=(int(each.min()), int(each.max())),
        ac=counts.total("synops_ac"),
        mac=counts.total("synops_mac"),
        neuron_updates=counts.total("neuron_updates"),
        mode_updates=counts.total("mode_updates"),
        state_words_read=counts.total("state_words_read"),
        state_words_written=counts.total("state_words_written"),
        multiplications=counts.total("multiplications"),
        layers={layer.name: {name: int(getattr(layer, name)) for name in shown} for layer in counts.layers},
    )


def _energy(found: Estimate) -> EnergyPart:
    total, static = found.total, found.static
    each, step, dynamic = found.per_inference(total), found.per_step(total), found.per_inference(found.dynamic)
    return EnergyPart(
        table=found.table.name,
        title=found.table.title,
        kind=found.table.kind,
        nominal_j=total.nominal,
        low_j=total.low,
        high_j=total.high,
        dynamic_j=found.dynamic.nominal,
        dynamic_band_j=found.dynamic.band,
        counted_j=found.counted.nominal,
        counted_band_j=found.counted.band,
        base_j=None if found.base is None else found.base.nominal,
        base_band_j=None if found.base is None else found.base.band,
        static_j=None if static is None else static.nominal,
        static_band_j=None if static is None else static.band,
        per_inference_j=each.nominal,
        per_inference_band_j=each.band,
        per_step_j=step.nominal,
        per_step_band_j=step.band,
        dynamic_per_inference_j=dynamic.nominal,
        dynamic_per_inference_band_j=dynamic.band,
        layers_dynamic_per_inference_j={
            name: _triple(found.per_inference(joules)) for name, joules in found.layers.items()
        },
        not_modelled=found.table.not_modelled,
    )


def _triples(values: Mapping[int, Banded]) -> dict[str, tuple[float, float, float]]:
    return {str(share): _triple(value) for share, value in values.items()}


def _triple(value: Banded) -> tuple[float, float, float]:
    return (value.nominal, value.low, value.high)


def _latency(found: Estimate, timed: StepTimes | None) -> LatencyPart:
    step, each = found.step, found.inference_seconds
    return LatencyPart(
        table=found.table.name,
        per_step_s=None if step is None else step.seconds.nominal,
        per_step_band_s=None if step is None else step.seconds.band,
        per_inference_s=None if each is None else each.nominal,
        per_inference_band_s=None if each is None else each.band,
        bound="" if step is None else step.holds,
        bound_low="" if step is None else step.holds_low,
        bound_high="" if step is None else step.holds_high,
        recorded_samples=0 if timed is None else timed.samples,
        step_percentiles_s={} if timed is None else _triples(timed.percentiles),
        sequence_percentiles_s={} if timed is None else _triples(timed.sequences),
        steps_by_bound={} if timed is None else dict(timed.holds),
    )


def _mapping(evidence: Evidence, counts: Counts) -> MappingPart:
    placement, fullest = evidence.placement, evidence.placement.fullest
    return MappingPart(
        target=placement.target,
        cores=len(placement.cores),
        system=evidence.target.system,
        chips=placement.chips,
        chip_crossings=counts.total("chip_crossings"),
        fullest_core=FullestCore(**vars(fullest), fraction=fullest.fraction),
        limiting_resource=placement.limiting_resource,
    )
