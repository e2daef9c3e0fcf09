"""`seamount import`: a network that a Python file makes becomes a NIR file, checked against its framework."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seamount.cli.arguments import AsJson
from seamount.cli.lines import give, give_json, say, say_next
from seamount.cli.written import check_written


def import_command(
    network: Annotated[str, typer.Argument(help="net.py:NAME or package.module:NAME that makes the module; it is run")],
    sample: Annotated[Path, typer.Option(help="npz with x (sample, step, ...), a few samples, or events")],
    out: Annotated[Path, typer.Option(help="NIR file to write")],
    weights: Annotated[Path | None, typer.Option(help="safetensors file of its state dictionary")] = None,
    framework: Annotated[
        str | None, typer.Option(help="the one expected: snntorch, norse, spikingjelly, sinabs")
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="how it takes time: step, first, second, merged or static; else it is tried")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read a live network of snnTorch, norse, SpikingJelly or sinabs, check it against its own run, and write NIR."""
    from seamount.importing import import_file

    check_written("--out", out, ".nir", (sample,))
    graph = import_file(network, sample, out, weights=weights, tool=framework, time=time)
    findings = [str(finding) for finding in graph.findings]
    if as_json:
        give_json("import", {"file": str(out), "nodes": len(graph.nodes), "findings": findings})
        return
    for line in findings:
        say(line)
    give(out)
    say_next(f"seamount deploy {out} --calibrate {sample}")
