"""Units, links and scales -> the program: integer parts, delays, and when each population begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse

from toolchain.bounds.verify import verify
from toolchain.errors import InputError
from toolchain.frontend.graph import FloatArray
from toolchain.frontend.links import Link
from toolchain.host.infer import inferred_reading
from toolchain.ir.program import MAX_DELAY_STEPS, Input, Output, Program, Projection
from toolchain.lower.activity import unit_levels
from toolchain.lower.chains import relay_long_delays
from toolchain.lower.connection import choose_connection
from toolchain.quantize.fitted import fitted_integers
from toolchain.quantize.rounding import TensorRow, row
from toolchain.quantize.scheme import Scheme, key
from toolchain.quantize.settings import Settings
from toolchain.quantize.weights import greatest_weight
from toolchain.units.base import Unit
from toolchain.units.network import Network


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


def lower(network: Network, scheme: Scheme, name: str, notes: Mapping[str, str] | None = None) -> Lowered:
    """Lower a network.

    Latency: a population's level is one more than its deepest forward source's; what entered at step t is processed
    there at step t + level. A link's delay is the difference of levels, and the steps by which it closes a loop or
    Delay nodes make it later; relays carry what no projection can.

    Raises:
        UnsupportedError, QuantizationError: from the parts.
        VerificationError: should a rule of programs be broken.
    """
    scheme.settings.check_outputs(network.output_names)
    levels = unit_levels(network)
    tensors: list[TensorRow] = []
    findings = [f"{name}: {note}" for name, note in scheme.input_notes.items()]
    choices: dict[str, str] = {}
    populations = []
    for unit in network.populations:
        start_step = levels[unit.name] - network.early.get(unit.name, 0) if unit.moves_alone else 0
        made = unit.rounded(scheme.units[unit.name], scheme.settings, start_step)
        populations.append(made.population)
        tensors += made.rows
        findings += made.findings
    projections = []
    for link in map(scheme.as_sent, network.links):
        projection, tensor, reason = _projection(link, scheme, levels)
        projections.append(projection)
        choices[projection.name] = f"{projection.connection.kind}: {reason}"
        tensors.append(tensor)
        findings += _loss(projection)
    latency = max((levels[unit] for unit in network.outputs), default=0)
    program = Program(
        name=name,
        inputs=tuple(_input(unit, scheme) for unit in network.inputs),
        populations=tuple(populations),
        projections=tuple(projections),
        outputs=tuple(
            replace(_output(name, network.unit(unit), scheme), early_steps=latency - levels[unit])
            for name, unit in zip(network.output_names, network.outputs, strict=True)
        ),
        latency_steps=latency,
        notes=dict(notes or {}),
    )
    program = relay_long_delays(program, MAX_DELAY_STEPS)
    program = replace(program, outputs=tuple(_read(program, output, scheme.settings) for output in program.outputs))
    verify(program)
    return Lowered(program, tuple(tensors), tuple(findings), choices)


def _input(unit: Unit, scheme: Scheme) -> Input:
    form = scheme.inputs[unit.name]
    return Input(unit.name, unit.size, form.bits, form.exponent, scheme.settings.input_overflow)


def _output(name: str, unit: Unit, scheme: Scheme) -> Output:
    """What the host reads of a unit, and what its integers stand for."""
    scale = scheme.units.get(unit.name)
    if scale is None or not (unit.graded or unit.output_register):
        return Output(name, unit.name, unit.output_register)
    exponent = scale.drive_exponent if unit.output_register else scale.message_exponent
    exponents = exponent + np.log2(scheme.finer(unit.name, unit.size)).astype(np.int64)
    same = bool(np.all(exponents == exponents[0]))
    return Output(name, unit.name, unit.output_register, exponents=tuple(exponents[: 1 if same else None].tolist()))


def _read(program: Program, output: Output, settings: Settings) -> Output:
    """The output with the reading that was asked for, or that what reaches it suggests.

    Raises:
        InputError: messages cannot be counted where there are none.
    """
    asked = settings.reading(output.name)
    reading = asked if asked != "inferred" else inferred_reading(program, output)
    if reading == "count" and output.register:
        what = f"{output.population} keeps a register and sends no message to count"
        raise InputError("settings.decision", what, "use last, sum, max or step")
    return replace(output, reading=reading)


def _projection(link: Link, scheme: Scheme, levels: Mapping[str, int]) -> tuple[Projection, TensorRow, str]:
    name, scale, target = link.name, scheme.links[key(link)], scheme.units[link.target]
    gain, factor = target.gain, 2.0**scale.weight_exponent
    top = greatest_weight(link, scheme.settings)
    real = scipy.sparse.csr_array(link.weights.multiply(gain[:, None]))
    integers = real.copy()
    integers.data = _rounded(link, scheme, real, factor, top)
    delay = link.delay + link.steps + levels[link.target] - levels[link.source]
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


def _rounded(link: Link, scheme: Scheme, real: scipy.sparse.csr_array, factor: float, top: int) -> FloatArray:
    """Integers of the stored weights: fitted to what calibration saw arrive, else the nearest."""
    nearest: FloatArray = np.clip(np.rint(real.data * factor), -top, top)
    moments = scheme.moments.get(link.name)
    if moments is None or np.any(scheme.finer(link.source, real.shape[1]) != 1):
        return nearest
    fitted = fitted_integers(real.toarray() * factor, moments, top)
    rows = np.repeat(np.arange(real.shape[0]), np.diff(real.indptr))
    return np.where(real.data != 0, fitted[rows, real.indices], nearest)


def _loss(projection: Projection) -> list[str]:
    if projection.exponent >= 0:
        return []
    return [f"{projection.name}: sums are rounded down to multiples of 2^{-projection.exponent} of their products"]
