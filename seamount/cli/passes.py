"""`seamount passes`: run compiler passes on a program's text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seamount.cli.arguments import AsJson
from seamount.cli.lines import give, give_json, say


def passes_command(
    program: Annotated[Path, typer.Argument(help="a program.txt or program.npz that Seamount wrote")],
    passes: Annotated[str | None, typer.Option("-p", "--passes", help="joined by commas; else the usual ones")] = None,
    dump: Annotated[bool, typer.Option("--dump", help="print the text before the first pass and after each")] = False,
    out: Annotated[Path | None, typer.Option(help="file for the last text, in place of the screen")] = None,
    as_json: AsJson = False,
) -> None:
    """Run compiler passes on a program and print the text of what they make."""
    from seamount.rerun.passes import read_either, texts_of_passes
    from toolchain.files import write_text
    from toolchain.passes.pipeline import DEFAULT

    last, texts = "", []
    for name, last in texts_of_passes(read_either(program), DEFAULT if passes is None else passes, say):
        texts.append({"after": name, "program": last})
        if dump and not as_json:
            give(f"=== {name}\n{last}")
    if out is not None:
        write_text(out, last)
        say(f"{out} written")
    if as_json:
        give_json("passes", {"texts": texts if dump else texts[-1:]})
    elif out is not None:
        return
    elif not dump:
        typer.echo(last, nl=False)
