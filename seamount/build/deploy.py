"""A trained network becomes a program, runs everywhere, is compared, and is reported on."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from seamount.build.ahead import check_ahead
from seamount.build.compile import compile_source
from seamount.build.evidence import gather_evidence, manifest_facts
from seamount.build.export import export
from seamount.build.fidelity import measure_fidelity
from seamount.build.folder import write_manifest
from seamount.build.labels import save_labels
from seamount.build.replacing import fresh_folder, replaceable, replaced_build
from seamount.build.result import Build
from seamount.build.rungs import measure_accuracy
from seamount.build.simulate import simulate_and_compare
from seamount.events import Event, Tell, silent
from seamount.network import Source, find_source
from seamount.options import Options
from seamount.samples import Data, with_labels
from seamount.shards import PLAIN, Shards
from toolchain.report.build import build_report
from toolchain.report.evidence import save_evidence


def deploy(
    model: Any,
    out: Path | str | None = None,
    *,
    calibrate: Data | None = None,
    labels: Any = None,
    test: Data | None = None,
    options: Options | None = None,
    tell: Tell = silent,
    shards: Shards = PLAIN,
    **changes: Any,
) -> Build:
    """Quantize, lower, place, export, simulate, compare and report a trained network.

    Args:
        model: ``"zoo:<name>"``, the folder of a training run, the path of a NIR file, a `nir.NIRGraph`, a graph of
            `read`, or a live module of snnTorch, norse, SpikingJelly, sinabs or spyx.
        out: folder to make; ``build/<name>`` by default. It appears whole or not at all; a build that lies there is
            replaced.
        calibrate: inputs that scales are chosen on: an array (sample, step, channel) or (sample, step, *shape of the
            network's input), uint8 symbols (sample, step), a mapping with x and, if there, y and lengths, or the path
            of an npz file of them. A network of the zoo or a training run brings its own.
        labels: y of `calibrate` where that is an array: integer classes (sample,), or one a step (sample, step).
        test: inputs and labels that accuracy is measured on, in the forms of `calibrate`; by default the same data.
        options: how; see `Options`.
        tell: is called with an `Event` at every stage.
        shards: where the test set is simulated; changes nothing that is written.
        changes: options by name, in place of those in `options`.

    Returns:
        What was built: the folder, and its report with accuracy, synaptic operations, energy (J) and latency (s).

    Raises:
        InputError: no such network, data of another form, an unknown option or setting.
        UnsupportedError, QuantizationError, PlacementError: a network that cannot be expressed, with the node.
        ToolchainError: of any other stage. Nothing is left behind but finished shards.

    >>> build = deploy("net.nir", "build/net", calibrate=x, labels=y, compared=2)
    >>> build.equal, build.folder.name
    (True, 'net')
    """
    options = (options or Options()).with_changes(changes)
    check_ahead(options, out)
    source = find_source(model, with_labels(calibrate, labels), test)
    return deploy_source(source, Path("build") / source.name if out is None else Path(out), options, tell, shards)


def deploy_source(source: Source, out: Path, options: Options, tell: Tell = silent, shards: Shards = PLAIN) -> Build:
    """Deploy a network with its data into a folder; see `deploy`.

    Raises:
        ToolchainError: of any stage; nothing is left behind but finished shards.
    """
    events: list[Event] = []

    def keep(event: Event) -> None:
        events.append(event)
        tell(event)

    replaceable(out)
    placed = compile_source(source.restricted(options.samples), options, keep)
    command = command_of(source, options)
    with fresh_folder(out) as folder:
        export(placed, folder, keep, options.onnx_lanes)
        runs = simulate_and_compare(placed, folder, options, shards, keep)
        save_labels(folder, placed.program, placed.source.test, runs.chosen)
        measured = measure_accuracy(placed, runs, options, keep)
        fidelity = measure_fidelity(placed, runs, keep)
        evidence = gather_evidence(placed, runs, measured, fidelity, command)
        keep(Event("report", "report.html, report.json"))
        save_evidence(evidence, folder.root)
        report = build_report(evidence, folder.root)
        write_manifest(folder, manifest_facts(placed, options, command))
        _tell_replaced(out, source, keep)
    for line in Build(out, report).costs():
        keep(line)
    return Build(out, report, tuple(events))


def command_of(source: Source, options: Options) -> str:
    """What to type to make the same program and report again, from the same folder.

    Where the network or its data lie in memory, or settings in no file, it is said what has to be given.
    """
    if source.command is not None and not _settings_in_memory(options):
        return shlex.join(["seamount", "deploy", *source.command, *options.words()])
    words = [f"{name}={value!r}" for name, value in vars(options).items() if value != getattr(Options(), name)]
    model = "<network in memory>" if source.command is None else repr(source.command[0])
    sizes = {} if source.task else {"calibrate": len(source.calibration), "test": len(source.test)}
    data = [f"{name}=<{size} samples>" for name, size in sizes.items()]
    return f"seamount.deploy({', '.join([model, *data, *words])})"


def _settings_in_memory(options: Options) -> bool:
    return options.settings is not None and not isinstance(options.settings, str)


def _tell_replaced(out: Path, source: Source, tell: Tell) -> None:
    """Say so where the folder holds the build of another network."""
    before = replaced_build(out)
    if before is None:
        return
    ours, theirs = _read_from(source), before.get("read_from") or before.get("model")
    if ours != theirs:
        text = f"{out} held the build of {theirs}; this build of {ours} replaces it"
        tell(Event("replace", text, {"before": theirs}))


def _read_from(source: Source) -> str:
    return source.name if source.command is None else source.command[0]
