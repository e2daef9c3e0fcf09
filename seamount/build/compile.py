"""From a network to a placed program: read, quantize, lower, pass, place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seamount.build.job import Placed
from seamount.events import Event, Tell, silent
from seamount.network import Source, find_source
from seamount.options import Options
from seamount.samples import Data
from toolchain.errors import QuantizationError, ToolchainError
from toolchain.frontend.conventions import Conventions, conventions_for, seamount_hint, standing
from toolchain.frontend.expected import checked, read_expected
from toolchain.host.infer import MEANINGS
from toolchain.lower.pipeline import Compiled, compile_graph
from toolchain.mapping import Placement, Target, load_target, place
from toolchain.passes.pipeline import run_passes
from toolchain.quantize.settings import Settings

FAR_BELOW, FAR_ABOVE = 1e-4, 1e4
"""Greatest inputs beyond which a network that finds no scales is said to have far inputs."""


def compile(
    model: Any,
    *,
    calibrate: Data | None = None,
    options: Options | None = None,
    tell: Tell = silent,
    **changes: Any,
) -> Placed:
    """Quantize, lower and place a network, and write nothing.

    Args:
        model: ``"zoo:<name>"``, the folder of a training run, the path of a NIR file, a `nir.NIRGraph`, or a graph of
            `read`.
        calibrate: inputs that scales are chosen on: an array (sample, step, channel) or (sample, step, *shape of the
            network's input), uint8 symbols (sample, step), a mapping with x and, if there, y and lengths, or the path
            of an npz file of them. A network of the zoo or a training run brings its own.
        options: how; see `Options`.
        tell: is called with an `Event` at every stage.
        changes: options by name, in place of those in `options`.

    Returns:
        The program (`.program`), its placement on the target's cores (`.placement`, `.target`), what was chosen
        (`.conventions`, `.settings`) and how it came about (`.compiled`: scales, rounding errors, findings).

    Raises:
        InputError: no such network, data of another form, an unknown option or setting.
        UnsupportedError, QuantizationError, PlacementError: a network that cannot be expressed, with the node.

    >>> placed = compile("net.nir", calibrate=x, options=Options(target="loihi1"))
    >>> [population.name for population in placed.program.populations]
    ['hidden', 'out']
    """
    options = (options or Options()).with_changes(changes)
    return compile_source(find_source(model, calibrate), options, tell)


def compile_source(source: Source, options: Options, tell: Tell) -> Placed:
    """Quantize, lower and place a network with its data.

    Raises:
        ToolchainError: of any stage.
    """
    target = load_target(options.target)
    settings, each = _settings(source, options, tell), source.test.stepwise_outputs
    try:
        conventions = _conventions(source, options, tell)
        source = replace(source, graph=standing(source.graph, conventions))
        compiled = compile_graph(
            source.graph,
            conventions,
            source.calibration.values(),
            settings=settings.for_labels(bool(each) or source.test.per_step, each),
            name=source.name,
            notes={"task": source.task or "your own"},
        )
    except ToolchainError as error:
        raise _traced(error, source, options) from error
    _tell_lowered(source, compiled, tell)

    def remark(text: str) -> None:
        tell(Event("pass", text))

    most = target.sources_per_neuron
    passed = run_passes(compiled.lowered.program, options.passes, remark, max_sources=most)
    placement = place(passed.program, target, options.mapping)
    _tell_placed(placement, target, tell)
    return Placed(source, conventions, settings, compiled, passed.program, passed.shifts, target, placement)


def _traced(error: ToolchainError, source: Source, options: Options) -> ToolchainError:
    """The error, traced back to what the user gave where that is what makes it: a time step, or far inputs."""
    if options.dt is not None and f"dt {options.dt:g} s" in error.what:
        return type(error)(error.where, error.what, f"give another --dt than {options.dt:g}, or none")
    peak = float(np.abs(source.calibration.values()).max(initial=0.0))
    if isinstance(error, QuantizationError) and peak and not FAR_BELOW < peak < FAR_ABOVE:
        what = f"the input x reaches {peak:g} in calibration"
        return type(error)(error.where, error.what, f"{what}: scale its values to about 1, or: {error.remedy}")
    return error


def _settings(source: Source, options: Options, tell: Tell) -> Settings:
    """The settings that hold; those stored beside the weights are said, and so is a choice against them."""
    settings = _with_reading(options.chosen_settings(source.settings), source)
    if source.settings is not None:
        ours = settings == source.settings
        used = "those it was fine-tuned for" if ours else "not those it was fine-tuned for"
        beside = Settings() if ours else source.settings
        changed = {name: value for name, value in settings.as_dict().items() if value != getattr(beside, name)}
        listed = ", ".join(f"{name} {value}" for name, value in changed.items()) or "as usual"
        tell(Event("settings", f"{used}: {listed}", {"settings": settings.as_dict()}))
    return settings


def _with_reading(settings: Settings, source: Source) -> Settings:
    """With the decision that the network itself made, where it is known and nothing else was asked for."""
    decision = seamount_hint(source.graph).get("decision")
    if decision is None or settings.decision != "inferred" or source.test.per_step:
        return settings
    return replace(settings, decision=decision)


def _conventions(source: Source, options: Options, tell: Tell) -> Conventions:
    graph = source.graph
    conventions = conventions_for(graph, options.convention, dt=options.dt)
    if options.expect is not None:
        expected = read_expected(Path(options.expect), graph)
        values, asked = source.calibration.values(), options.convention or ""
        conventions = checked(graph, conventions, values, expected, dt=options.dt, asked=asked)
    name, dt = conventions.name, conventions.dt
    text = f"{len(graph.nodes)} NIR nodes under the convention {name!r}, dt {dt:g} s"
    tell(Event("read", text, {"nodes": len(graph.nodes), "convention": name, "dt": dt}))
    for finding in (*standing(graph, conventions).findings, *conventions.findings):
        tell(Event("read", str(finding), {"where": finding.where}, detail=True))
    return conventions


def _tell_lowered(source: Source, compiled: Compiled, tell: Tell) -> None:
    used, given, program = compiled.calibration.samples, len(source.calibration), compiled.lowered.program
    text = f"on {used} of {given} calibration samples"
    tell(Event("quantize", text, {"calibration_samples": used, "of": given}))
    neurons = sum(population.size for population in program.populations)
    populations, projections = len(program.populations), len(program.projections)
    text = f"{populations} populations, {neurons} neurons, {projections} projections"
    tell(Event("lower", text, {"populations": populations, "neurons": neurons, "projections": projections}))
    for loss in compiled.lowered.findings:
        tell(Event("lower", str(loss), detail=True))
    for output in program.outputs:
        text = f"{output.name}: {output.reading}, {MEANINGS[output.reading]}; --decision says otherwise"
        tell(Event("decide", text, {"output": output.name, "reading": output.reading}))


def _tell_placed(placement: Placement, target: Target, tell: Tell) -> None:
    cores, fullest = len(placement.cores), placement.fullest_core
    text = f"{cores} cores of {target.name}, core {fullest} fullest in {placement.limiting_resource}"
    tell(Event("place", text, {"cores": cores, "chips": placement.chips, "target": target.name}))
