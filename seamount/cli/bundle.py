"""`seamount bundle`: a build as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seamount.cli.arguments import AsJson, Build
from seamount.cli.lines import give, give_json
from seamount.cli.written import check_written


def bundle_command(
    build: Build,
    out: Annotated[Path | None, typer.Option(help="file to write; the build's name with .tar by default")] = None,
    as_json: AsJson = False,
) -> None:
    """Write a build and a list of the software that made it as one file, the same bytes each time, for `verify`."""
    from seamount.rerun.bundle import bundle

    check_written("--out", out, ".tar")
    written = bundle(build, out or Path(f"{build.resolve().name}.tar"))
    give_json("bundle", {"file": str(written), "bytes": written.stat().st_size}) if as_json else give(written)
