"""`seamount verify`: is a build folder what its manifest says, and does everything still agree when run again?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from seamount.cli.arguments import AsJson
from seamount.cli.lines import give, give_json

Given = Annotated[Path, typer.Argument(help="folder that `seamount deploy` wrote, or a file of `seamount bundle`")]


def verify_command(
    build: Given,
    run: Annotated[bool, typer.Option("--run/--no-run", help="run what can be run of it, with your rights")] = True,
    key: Annotated[Path | None, typer.Option(help="public key (PEM) that it must be signed with")] = None,
    onnx_provider: Annotated[
        str | None, typer.Option(help="what executes model.onnx: a provider of the onnxruntime that is installed")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check hashes, signature and claims of a build and repeat its comparison; exit code 0 or 1."""
    from seamount.rerun.checks import Check
    from seamount.rerun.verify import verify

    def show(check: Check) -> None:
        if not as_json:
            give(f"{check.result:8}{check.name:12}{check.detail}")

    found = verify(build, run=run, key=key, on_check=show, onnx_provider=onnx_provider)
    if as_json:
        give_json("verify", {"ok": found.ok, "checks": [asdict(check) for check in found.checks]})
    if not found.ok:
        raise typer.Exit(1)
