"""The commands of `seamount`: options in, one call, a few lines out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from toolchain.cli.data import data_app
from toolchain.cli.deploy import Deployed, deploy
from toolchain.cli.diff import SIMULATORS, diff
from toolchain.cli.diff import Options as DiffOptions
from toolchain.cli.diff_view import outcome_json, print_outcome
from toolchain.cli.finetune import finetune_command
from toolchain.cli.folder import BuildFolder, read_manifest, write_manifest
from toolchain.cli.job import Options
from toolchain.cli.prune import prune_command
from toolchain.cli.quantize import quantize_command, read_settings
from toolchain.cli.search import search_command
from toolchain.cli.shards import Shards
from toolchain.cli.simulate import simulate_build
from toolchain.cli.simulators import default_simulator
from toolchain.cli.source import find_source
from toolchain.cli.train import train_command
from toolchain.cli.verify import Check, verify_folder
from toolchain.doctor import examine
from toolchain.engine import ENGINES
from toolchain.passes.pipeline import DEFAULT
from toolchain.report.build import rebuild_report
from toolchain.version import __version__

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Compile trained state-space spiking networks to integer programs, prove them spike for spike, report energy.",
)
app.add_typer(data_app, name="data")
console = Console(highlight=False)
stderr = Console(stderr=True, highlight=False)

Build = Annotated[Path, typer.Argument(help="folder that `seamount deploy` wrote")]
Engine = Annotated[str, typer.Option(help=f"where samples are simulated: {', '.join(ENGINES)}")]
Workers = Annotated[int | None, typer.Option(help="how many at once; by default one a core", min=1)]
Resume = Annotated[Path | None, typer.Option(help="folder that keeps finished parts of the run, to go on from there")]


def _tell(line: str) -> None:
    stderr.print(line, markup=False, soft_wrap=True)


@app.command("deploy")
def deploy_command(
    model: Annotated[str, typer.Argument(help="zoo:<name>, the folder of a training run, or a .nir file")],
    out: Annotated[Path | None, typer.Option(help="output folder; build/<name> by default")] = None,
    calibrate: Annotated[Path | None, typer.Option(help="npz with x (sample, step, channel), for a .nir file")] = None,
    test: Annotated[Path | None, typer.Option(help="npz with x and labels y; the calibration data by default")] = None,
    convention: Annotated[str | None, typer.Option(help="preset for what NIR leaves open, e.g. snntorch")] = None,
    dt: Annotated[float | None, typer.Option(help="time step in seconds, in place of the convention's")] = None,
    target: Annotated[str, typer.Option(help="chip: loihi2, loihi1, or the path of a target file")] = "loihi2",
    settings: Annotated[Path | None, typer.Option(help="JSON file with bit widths")] = None,
    compared: Annotated[
        int | None, typer.Option(help="samples that every simulator runs; 16 if they fit", min=1)
    ] = None,
    samples: Annotated[
        int | None, typer.Option(help="test samples to run, spread evenly; all by default", min=1)
    ] = None,
    nir_samples: Annotated[int | None, typer.Option(help="of them, how many the NIR interpreter runs", min=1)] = None,
    seed: Annotated[int, typer.Option(help="picks the compared samples")] = 0,
    simulator: Annotated[str | None, typer.Option(help="runs the test set: fast (default), reference, ...")] = None,
    passes: Annotated[str, typer.Option(help="compiler passes, joined by commas; '' for none")] = DEFAULT,
    engine: Engine = "serial",
    workers: Workers = None,
    resume: Resume = None,
) -> None:
    """Quantize, lower, place, export, simulate, compare and report a trained network."""
    source = find_source(model, calibrate, test)
    folder = out or Path("build") / source.name
    options = Options(
        read_settings(settings), target, convention, dt, compared, seed, simulator, passes, samples, nir_samples
    )
    deployed = deploy(source, folder, options, _tell, Shards(engine, workers, resume))
    _tell(f"written     {folder}")
    console.print(str(folder / "report.html"), markup=False, soft_wrap=True)
    _exit_unless_equal(deployed)


def _exit_unless_equal(deployed: Deployed) -> None:
    if not deployed.equal:
        _tell("error: simulators differ; see the comparison above")
        raise typer.Exit(1)


app.command("quantize")(quantize_command)
app.command("prune")(prune_command)
app.command("search")(search_command)
app.command("finetune")(finetune_command)


@app.command("verify")
def verify_command(build: Build) -> None:
    """Check the hashes of a build folder and repeat its comparison; exit code 0 or 1."""
    if not verify_folder(build, _print_check):
        raise typer.Exit(1)


def _print_check(check: Check) -> None:
    console.print(f"{check.result:8}{check.name:12}{check.detail}", markup=False, soft_wrap=True)


@app.command("simulate")
def simulate_command(
    build: Build,
    inputs: Annotated[Path, typer.Option("--input", help="npz with x (sample, step, channel)")],
    trace: Annotated[Path, typer.Option(help="npz to write")],
    simulator: Annotated[str | None, typer.Option(help="fast (default), reference, accelerator, lava or onnx")] = None,
    strict: Annotated[bool, typer.Option(help="an overflow is an error; otherwise it is counted")] = True,
    engine: Engine = "serial",
    workers: Workers = None,
    resume: Resume = None,
) -> None:
    """Run a deployed program on inputs and write the trace."""
    shards = Shards(engine, workers, resume)
    simulate_build(BuildFolder(build), inputs, trace, simulator or default_simulator(), strict, _tell, shards)
    console.print(str(trace), markup=False, soft_wrap=True)


@app.command("diff")
def diff_command(
    left: Annotated[Path, typer.Argument(help="a build folder, a trace, or a folder that seamount diff wrote")],
    right: Annotated[Path | None, typer.Argument(help="a second build folder or trace")] = None,
    simulators: Annotated[str | None, typer.Option(help=f"two names, for one build; {SIMULATORS} by default")] = None,
    inputs: Annotated[Path | None, typer.Option("--input", help="npz with x; by default what the build ran")] = None,
    program: Annotated[Path | None, typer.Option(help="program.npz, for traces that lie in no build folder")] = None,
    budget: Annotated[float, typer.Option(help="seconds to seek causes, and a smaller case", min=0)] = 30.0,
    out: Annotated[Path, typer.Option(help="folder for the smallest case that still differs")] = Path("repro"),
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Show where two builds, traces or simulators first differ, why, and the smallest case; exit code 0 or 1."""
    outcome = diff(left, right, DiffOptions(simulators, inputs, program, budget, out), _tell)
    if as_json:
        console.print(outcome_json(outcome), markup=False, soft_wrap=True)
    else:
        print_outcome(outcome, console)
    if not outcome.found.comparison.equal:
        raise typer.Exit(1)


@app.command("report")
def report_command(build: Build) -> None:
    """Rebuild report.html and report.json from what is in a build folder."""
    folder = BuildFolder(build)
    manifest = read_manifest(folder)
    rebuild_report(build)
    write_manifest(folder, {key: value for key, value in manifest.items() if key != "files"})
    console.print(str(build / "report.html"), markup=False, soft_wrap=True)


app.command("train")(train_command)


@app.command("doctor")
def doctor_command() -> None:
    """Show versions, which parts are installed, and what each missing part would enable."""
    table = Table("part", "version", "enables", "how to get it", title=f"seamount {__version__}")
    parts = examine()
    for part in parts:
        state = part.version or ("MISSING" if part.required else "not installed")
        table.add_row(part.name, state, part.enables, "" if part.version else escape(part.remedy))
    # A console of its own: it measures the terminal when it is made.
    Console(highlight=False).print(table)
    if not all(part.ok for part in parts):
        raise typer.Exit(1)
