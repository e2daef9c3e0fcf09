"""`seamount verify`: is a build folder what its manifest says, and does everything still agree when run again?"""

from __future__ import annotations

import typer

from seamount.cli.arguments import Build
from seamount.cli.lines import give


def verify_command(build: Build) -> None:
    """Check the hashes of a build folder and repeat its comparison; exit code 0 or 1."""
    from seamount.rerun.verify import verify

    if not verify(build, on_check=lambda check: give(f"{check.result:8}{check.name:12}{check.detail}")).ok:
        raise typer.Exit(1)
