"""`seamount trace`: what a trace holds, and the same for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seamount.cli.arguments import AsJson
from seamount.cli.lines import give, give_json, give_table
from seamount.cli.written import check_written
from toolchain.errors import InputError

if TYPE_CHECKING:
    from seamount.rerun.trace import Contents
    from toolchain.ir.trace import Trace


def trace_command(
    file: Annotated[Path, typer.Argument(help="trace of `seamount simulate` or a build; a build: what it recorded")],
    npz: Annotated[Path | None, typer.Option(help="write plain arrays: messages/NAME, registers/NAME")] = None,
    table: Annotated[Path | None, typer.Option("--csv", help="write a line a value that is not 0")] = None,
    nir_data: Annotated[
        Path | None, typer.Option("--nir", help="write NIRData, the HDF5 form of the package nir")
    ] = None,
    dt: Annotated[
        float | None, typer.Option("--dt", help="seconds a step for --nir; those of the build by default")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="an input, a population or population.register; as often as needed, all by default"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a trace holds; write it as arrays, as CSV or as NIRData for other tools."""
    from seamount.rerun.trace import contents, find_trace, refuse_empty, restricted

    for option, out, suffix in (("--npz", npz, ".npz"), ("--csv", table, ".csv"), ("--nir", nir_data, ".nir")):
        check_written(option, out, suffix, (file,))
    path, trace = find_trace(file)
    trace = restricted(trace, only, path)
    wanted = [out for out in (npz, table, nir_data) if out is not None]
    if wanted:
        refuse_empty(trace, path)
    _write(path, trace, npz, table, nir_data, dt)
    found = contents(path, trace)
    if as_json:
        give_json("trace", found.as_dict() | {"written": [str(out) for out in wanted]})
        return
    if not wanted:
        _print(found)
    for out in wanted:
        give(out)


def _write(
    path: Path, trace: Trace, npz: Path | None, table: Path | None, nir_data: Path | None, dt: float | None
) -> None:
    from seamount.rerun.trace import dt_of_build, write_arrays, write_nir_data, write_table

    seconds = dt if dt is not None or nir_data is None else dt_of_build(path)
    if nir_data is not None and (seconds is None or not seconds > 0):
        given = "lies in no build folder that says it" if dt is None else f"{dt} s is not a positive time"
        raise InputError("--dt", f"{path}: {given}", "give the seconds of a step: --dt 0.001")
    if npz is not None:
        write_arrays(trace, npz)
    if table is not None:
        write_table(trace, table)
    if nir_data is not None and seconds is not None:
        write_nir_data(trace, nir_data, seconds)


def _print(found: Contents) -> None:
    give(f"{found.file}: {found.samples} samples x {found.steps} steps on {found.simulator}")
    give(f"program {found.program}")
    rows = [
        (row.kind, row.name, " x ".join(map(str, row.shape)), f"{row.nonzero:,}", f"{row.low:,}", f"{row.high:,}")
        for row in found.recorded
    ]
    if rows:
        give_table(("recorded", "name", "shape", "not 0", "least", "greatest"), rows, right=(2, 3, 4, 5))
    for title, names in (("messages counted over the whole run", found.counted), ("last values", found.final)):
        if names:
            give(f"{title}: {', '.join(names)}")
    for name, count in found.overflows.items():
        give(f"overflow: {name}, {count:,} values did not fit")
