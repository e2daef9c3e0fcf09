"""The commands of `seamount`."""

from __future__ import annotations

import typer

from seamount.cli.check import check_command
from seamount.cli.data import data_app
from seamount.cli.deploy import deploy_command
from seamount.cli.diff import diff_command
from seamount.cli.doctor import doctor_command
from seamount.cli.finetune import finetune_command
from seamount.cli.passes import passes_command
from seamount.cli.plan import plan_command
from seamount.cli.prune import prune_command
from seamount.cli.quantize import quantize_command
from seamount.cli.report import report_command
from seamount.cli.search import search_command
from seamount.cli.simulate import simulate_command
from seamount.cli.train import train_command
from seamount.cli.verify import verify_command

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Compile trained state-space spiking networks to integer programs, prove them spike for spike, report energy.",
)
app.add_typer(data_app, name="data")
app.command("deploy")(deploy_command)
app.command("check")(check_command)
app.command("quantize")(quantize_command)
app.command("prune")(prune_command)
app.command("search")(search_command)
app.command("finetune")(finetune_command)
app.command("plan")(plan_command)
app.command("verify")(verify_command)
app.command("simulate")(simulate_command)
app.command("diff")(diff_command)
app.command("passes")(passes_command)
app.command("report")(report_command)
app.command("train")(train_command)
app.command("doctor")(doctor_command)
