"""`seamount deploy`: a trained network becomes a program, runs everywhere, is compared, and is reported on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seamount.cli.arguments import (
    Calibrate,
    Chosen,
    Compared,
    Convention,
    Engine,
    Expect,
    Mapping,
    Model,
    Passes,
    Resume,
    SettingsFile,
    Target,
    Test,
    TimeStep,
    Workers,
    with_switches,
)
from seamount.cli.lines import give, say

if TYPE_CHECKING:
    from seamount.network import Source
    from seamount.options import Options
    from seamount.shards import Shards


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
    compared: Compared = None,
    samples: Chosen = None,
    nir_samples: Annotated[int | None, typer.Option(help="of them, how many the NIR interpreter runs", min=1)] = None,
    seed: Annotated[int, typer.Option(help="picks the compared samples")] = 0,
    simulator: Annotated[str | None, typer.Option(help="runs the test set: fast (default), reference, ...")] = None,
    passes: Passes = None,
    mapping: Mapping = "packed",
    engine: Engine = "serial",
    workers: Workers = None,
    resume: Resume = None,
) -> None:
    """Quantize, lower, place, export, simulate, compare and report a trained network."""
    from seamount.network import find_source
    from seamount.options import Options, read_settings
    from seamount.shards import Shards
    from toolchain.passes.pipeline import DEFAULT

    source = find_source(model, calibrate, test)
    folder = out or Path("build") / source.name
    pipeline = DEFAULT if passes is None else passes
    widths = read_settings(settings)
    chosen = (compared, seed, simulator, pipeline, samples, nir_samples, mapping, expect)
    options = Options(widths, target, convention, dt, *chosen)
    _deploy(source, folder, options, Shards(engine, workers, resume))


def _deploy(source: Source, folder: Path, options: Options, shards: Shards) -> None:
    from seamount.build.deploy import deploy

    deployed = deploy(source, folder, options, say, shards)
    say(f"written     {folder}")
    give(folder / "report.html")
    if not deployed.equal:
        say("error: simulators differ; see the comparison above")
        raise typer.Exit(1)
