"""Units, links and scales -> the program: integer parts, delays, and when each population begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse

from toolchain.errors import UnsupportedError
from toolchain.frontend.conventions import Conventions
from toolchain.frontend.roles import GRADED
from toolchain.frontend.units import Link, Network, Unit
from toolchain.ir.program import MAX_DELAY_STEPS, Input, Output, Population, Program, Projection
from toolchain.ir.verify import verify
from toolchain.lower.activity import unit_levels
from toolchain.lower.connection import choose_connection
from toolchain.lower.lif import lower_lif
from toolchain.lower.rounding import TensorRow, row
from toolchain.lower.ssm import lower_ssm
from toolchain.lower.stateless import lower_stateless, table_finding
from toolchain.quantize.floating import link_name, neuron_of
from toolchain.quantize.poles import pole_findings
from toolchain.quantize.scales import Scheme, key
from toolchain.quantize.voltage import voltage_findings
from toolchain.quantize.weights import greatest_weight


@dataclass(frozen=True)
class Lowered:
    """A program and what rounding cost.

    Attributes:
        program: verified.
        tensors: one row a rounded tensor.
        findings: lossy steps in words.
        choices: the kind of each projection's connection and why, by projection.
    """

    program: Program
    tensors: tuple[TensorRow, ...]
    findings: tuple[str, ...]
    choices: Mapping[str, str] = field(default_factory=dict)


def lower(
    network: Network, conventions: Conventions, scheme: Scheme, name: str, notes: Mapping[str, str] | None = None
) -> Lowered:
    """Lower a network.

    Latency: a population's level is one more than its deepest forward source's; what entered at step t is processed
    there at step t + level. A forward link's delay is the difference of levels, a loop's delay is its own step.

    Raises:
        UnsupportedError, QuantizationError: from the parts.
        VerificationError: should a rule of programs be broken.
    """
    levels = unit_levels(network)
    tensors: list[TensorRow] = []
    findings: list[str] = []
    choices: dict[str, str] = {}
    populations = []
    for unit in network.units:
        if unit.role != "input":
            population, rows = _population(unit, conventions, scheme, levels[unit.name])
            populations.append(population)
            tensors += rows
            if unit.role == "sigmoid_gate":
                findings.append(table_finding(unit, population, scheme.units[unit.name]))
        if unit.ssm is not None:
            findings += pole_findings(unit.name, unit.ssm.poles, scheme.settings.for_population(unit.name))
            findings += voltage_findings(unit.name, scheme.units[unit.name].coarser)
    projections = []
    for link in map(scheme.as_sent, network.links):
        projection, tensor, reason = _projection(link, scheme, levels, link_name(link))
        projections.append(projection)
        choices[projection.name] = f"{projection.connection.kind}: {reason}"
        tensors.append(tensor)
        findings += _loss(projection)
    program = Program(
        name=name,
        inputs=tuple(_input(unit, scheme) for unit in network.units if unit.role == "input"),
        populations=tuple(populations),
        projections=tuple(projections),
        outputs=tuple(_output(network.unit(unit)) for unit in network.outputs),
        latency_steps=max((levels[unit] for unit in network.outputs), default=0),
        notes=dict(notes or {}) | _output_scales(network, scheme),
    )
    verify(program)
    return Lowered(program, tuple(tensors), tuple(findings), choices)


def _input(unit: Unit, scheme: Scheme) -> Input:
    return Input(unit.name, unit.size, scheme.input_bits, scheme.input_exponent)


def _output(unit: Unit) -> Output:
    return Output("output", unit.name, "total" if unit.role == "integrator" else "")


def _output_scales(network: Network, scheme: Scheme) -> dict[str, str]:
    """How the host reads outputs that are messages: as a note, since the program itself knows integers only."""
    notes = {}
    for name in network.outputs:
        if network.unit(name).role in GRADED and (scale := scheme.units.get(name)) is not None:
            own = ", divided by a power of two of each neuron's own" if np.any(scale.finer > 1) else ""
            notes[f"messages of {name}"] = f"integers of 2^-{scale.message_exponent}{own}"
    return notes


def _population(unit: Unit, conventions: Conventions, scheme: Scheme, level: int) -> tuple[Population, list[TensorRow]]:
    scale = scheme.units[unit.name]
    start_step = level if _has_constant(unit, conventions) else 0
    if unit.ssm is not None:
        return lower_ssm(unit, scale, scheme.settings.for_population(unit.name), conventions, start_step)
    if unit.role == "lif":
        return lower_lif(unit, scale, conventions, start_step)
    return lower_stateless(unit, scale, scheme.settings, start_step)


def _has_constant(unit: Unit, conventions: Conventions) -> bool:
    """Whether a unit would move without input, and so must rest until its first input can have come."""
    if np.any(unit.bias != 0):
        return True
    return unit.node is not None and unit.role == "lif" and bool(np.any(neuron_of(unit, conventions).leak != 0))


def _projection(link: Link, scheme: Scheme, levels: Mapping[str, int], name: str) -> tuple[Projection, TensorRow, str]:
    scale, target = scheme.links[key(link)], scheme.units[link.target]
    gain, factor = target.gain, 2.0**scale.weight_exponent
    top = greatest_weight(link, scheme.settings)
    real = scipy.sparse.csr_array(link.weights.multiply(gain[:, None]))
    integers = real.copy()
    integers.data = np.clip(np.rint(real.data * factor), -top, top)
    delay = levels[link.target] - levels[link.source] if link.steps == 0 else link.steps
    if delay > MAX_DELAY_STEPS:
        raise UnsupportedError(
            name, f"needs a delay of {delay} steps, over {MAX_DELAY_STEPS}", "relay the stream or cut the depth"
        )
    choice = choose_connection(link, integers, gain, factor)
    projection = Projection(
        name=name,
        source=link.source,
        target=link.target,
        connection=choice.connection,
        port=link.port,
        exponent=scale.shift,
        delay_steps=delay,
        origin=link.origin,
    )
    # A row speaks of the network's own weights: without the rows' factors, and those of finer messages.
    finer = scheme.finer(link.source, real.shape[1])[real.indices]
    stretch = np.repeat(target.stretch, np.diff(real.indptr)) / finer
    text = f"2^-{scale.weight_exponent}" + (" over a factor a row" if np.any(stretch * finer != 1) else "")
    bits = scheme.settings.for_projection(name).weight_bits
    tensor = row(f"{name}.weights", bits, text, real.data / stretch, integers.data, factor * stretch)
    return projection, tensor, choice.reason


def _loss(projection: Projection) -> list[str]:
    if projection.exponent >= 0:
        return []
    return [f"{projection.name}: sums are rounded down to multiples of 2^{-projection.exponent} of their products"]
