"""`seamount deploy`: a trained network becomes a program, runs everywhere, is compared, and is reported on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seamount.cli.arguments import (
    AsJson,
    Calibrate,
    Chosen,
    Compared,
    Convention,
    Decision,
    Engine,
    Expect,
    Lanes,
    Mapped,
    Model,
    Passes,
    Resume,
    SettingsFile,
    Simulators,
    Target,
    Test,
    TimeStep,
    Workers,
    options_of,
    with_switches,
)
from seamount.cli.lines import give, give_json, say, say_event, say_next

if TYPE_CHECKING:
    from seamount.build.result import Build


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
    onnx_lanes: Lanes = None,
    engine: Engine = "serial",
    workers: Workers = None,
    resume: Resume = None,
    compare: Simulators = None,
    as_json: AsJson = False,
) -> None:
    """Quantize, lower, place, export, simulate, compare and report a trained network."""
    from seamount.build.deploy import deploy
    from seamount.shards import Shards

    options, shards = options_of(locals()), Shards(engine, workers, resume)
    build = deploy(model, out, calibrate=calibrate, test=test, options=options, tell=say_event, shards=shards)
    say(f"written     {build.folder}")
    _finish(build, strict, as_json)


def _finish(build: Build, strict: bool, as_json: bool) -> None:
    """Give what was made; fail where simulators differ, or where losses are errors."""
    if as_json:
        give_json("deploy", build.as_dict())
    else:
        give(build.folder / "report.html")
        say_next(f"open {build.folder / 'report.html'} in a browser", f"seamount energy {build.folder}")
    if not build.equal:
        say("error: simulators differ; see the comparison above")
        raise typer.Exit(1)
    if strict and build.losses:
        first = build.losses[0]
        say(f'error: {len(build.losses)} findings of grade "loss", the first of {first.where}: {first.what}')
        raise typer.Exit(1)
