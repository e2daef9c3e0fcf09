"""`seamount sign`: say who made a build."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seamount.cli.arguments import AsJson
from seamount.cli.lines import give, give_json
from toolchain.errors import InputError


def sign_command(
    build: Annotated[Path | None, typer.Argument(help="folder that `seamount deploy` wrote")] = None,
    key: Annotated[Path | None, typer.Option(help="PEM file of an Ed25519 private key")] = None,
    new_key: Annotated[
        Path | None, typer.Option(help="make a private key here, and the public one as NAME.pub")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Sign a build with an Ed25519 key (MANIFEST.sig), or make such a key; `verify --key` checks the signature."""
    from seamount.rerun.signing import make_key, sign

    if (build is None) != (key is None) or (build is None and new_key is None):
        raise InputError("sign", "takes a build and --key, or --new-key alone", "seamount sign BUILD --key KEY")
    made = None if new_key is None else make_key(new_key)
    signature = None if build is None or key is None else sign(build, key)
    written = [path for path in (made, signature) if path is not None]
    if as_json:
        give_json("sign", {"written": [str(path) for path in written]})
    else:
        for path in written:
            give(path)
