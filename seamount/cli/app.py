"""The commands of `seamount`."""

from __future__ import annotations

from typing import Annotated

import typer

from seamount.cli.bundle import bundle_command
from seamount.cli.check import check_command
from seamount.cli.compare import compare_command
from seamount.cli.data import data_app
from seamount.cli.deploy import deploy_command
from seamount.cli.diff import diff_command
from seamount.cli.doctor import doctor_command
from seamount.cli.energy import energy_command
from seamount.cli.finetune import finetune_command
from seamount.cli.importing import import_command
from seamount.cli.lines import give
from seamount.cli.passes import passes_command
from seamount.cli.plan import plan_command
from seamount.cli.prune import prune_command
from seamount.cli.quantize import quantize_command
from seamount.cli.report import report_command
from seamount.cli.search import search_command
from seamount.cli.sign import sign_command
from seamount.cli.simulate import simulate_command
from seamount.cli.start import start_screen
from seamount.cli.trace import trace_command
from seamount.cli.train import train_command
from seamount.cli.verify import verify_command
from seamount.cli.zoo import zoo_command

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Compile trained state-space spiking networks to integer programs, prove them spike for spike, report energy.",
)


def _version(asked: bool) -> None:
    if asked:
        from toolchain.version import __version__

        give(f"seamount {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def begin(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Compile trained state-space spiking networks to integer programs, prove them spike for spike, report energy."""
    if context.invoked_subcommand is None:
        give(start_screen().rstrip("\n"))


app.add_typer(data_app, name="data")
app.command("zoo")(zoo_command)
app.command("import")(import_command)
app.command("check")(check_command)
app.command("deploy")(deploy_command)
app.command("energy")(energy_command)
app.command("simulate")(simulate_command)
app.command("trace")(trace_command)
app.command("verify")(verify_command)
app.command("sign")(sign_command)
app.command("bundle")(bundle_command)
app.command("compare")(compare_command)
app.command("diff")(diff_command)
app.command("report")(report_command)
app.command("quantize")(quantize_command)
app.command("search")(search_command)
app.command("prune")(prune_command)
app.command("finetune")(finetune_command)
app.command("train")(train_command)
app.command("plan")(plan_command)
app.command("passes")(passes_command)
app.command("doctor")(doctor_command)
