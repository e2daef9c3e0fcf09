"""`seamount verify`: is a build folder what its manifest says, and does everything still agree when run again?"""

from __future__ import annotations

from dataclasses import asdict

import typer

from seamount.cli.arguments import AsJson, Build
from seamount.cli.lines import give, give_json


def verify_command(build: Build, as_json: AsJson = False) -> None:
    """Check the hashes of a build folder and repeat its comparison; exit code 0 or 1."""
    from seamount.rerun.verify import Check, verify

    def show(check: Check) -> None:
        if not as_json:
            give(f"{check.result:8}{check.name:12}{check.detail}")

    found = verify(build, on_check=show)
    if as_json:
        give_json("verify", {"ok": found.ok, "checks": [asdict(check) for check in found.checks]})
    if not found.ok:
        raise typer.Exit(1)
