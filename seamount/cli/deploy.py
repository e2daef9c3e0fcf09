"""`seamount deploy`: a trained network becomes a program, runs everywhere, is compared, and is reported on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from seamount.cli.arguments import (
    Calibrate,
    Chosen,
    Compared,
    Convention,
    Decision,
    Engine,
    Expect,
    Mapped,
    Model,
    Passes,
    Resume,
    SettingsFile,
    Target,
    Test,
    TimeStep,
    Workers,
    options_of,
    with_switches,
)
from seamount.cli.lines import give, say, say_event


@with_switches
def deploy_command(
    model: Model,
    out: Annotated[Path | None, typer.Option(help="output folder; build/<name> by default")] = None,
    calibrate: Calibrate = None,
    test: Test = None,
    convention: Convention = None,
    dt: TimeStep = None,
    expect: Expect = None,
    target: Target = "loihi2",
    settings: SettingsFile = None,
    decision: Decision = None,
    compared: Compared = None,
    samples: Chosen = None,
    nir_samples: Annotated[int | None, typer.Option(help="of them, how many the NIR interpreter runs", min=1)] = None,
    seed: Annotated[int, typer.Option(help="picks the compared samples")] = 0,
    simulator: Annotated[str | None, typer.Option(help="runs the test set: fast (default), reference, ...")] = None,
    passes: Passes = None,
    mapping: Mapped = "packed",
    strict: Annotated[bool, typer.Option("--strict", help='fail on findings of grade "loss"')] = False,
    engine: Engine = "serial",
    workers: Workers = None,
    resume: Resume = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object: folder, report, events")] = False,
) -> None:
    """Quantize, lower, place, export, simulate, compare and report a trained network."""
    from seamount.build.deploy import deploy
    from seamount.shards import Shards

    options, shards = options_of(locals()), Shards(engine, workers, resume)
    build = deploy(model, out, calibrate=calibrate, test=test, options=options, tell=say_event, shards=shards)
    say(f"written     {build.folder}")
    give(json.dumps(build.as_dict(), indent=1) if as_json else build.folder / "report.html")
    if not build.equal:
        say("error: simulators differ; see the comparison above")
        raise typer.Exit(1)
    if strict and build.losses:
        first = build.losses[0]
        say(f'error: {len(build.losses)} findings of grade "loss", the first of {first.where}: {first.what}')
        raise typer.Exit(1)
