"""`seamount simulate`: run a deployed program on given inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seamount.cli.arguments import AsJson, Build, Engine, Resume, Workers
from seamount.cli.lines import give, give_json, say_event, say_next
from seamount.cli.written import check_written


def simulate_command(
    build: Build,
    inputs: Annotated[Path, typer.Option("--input", help="npz with x, or an array for each Input")],
    trace: Annotated[Path, typer.Option(help="npz to write")],
    simulator: Annotated[str | None, typer.Option(help="fast (default), reference, accelerator, lava or onnx")] = None,
    strict: Annotated[bool, typer.Option(help="an overflow is an error; otherwise it is counted")] = True,
    engine: Engine = "serial",
    workers: Workers = None,
    resume: Resume = None,
    as_json: AsJson = False,
) -> None:
    """Run a deployed program on inputs and write the trace."""
    from seamount.rerun.simulate import simulate
    from seamount.shards import Shards

    check_written("--trace", trace, ".npz", (inputs,))
    shards = Shards(engine, workers, resume)
    found = simulate(build, inputs, trace=trace, simulator=simulator, strict=strict, tell=say_event, shards=shards)
    if as_json:
        give_json("simulate", {"trace": str(trace), **found.as_dict()})
    else:
        give(trace)
        say_next(f"seamount trace {trace}")
