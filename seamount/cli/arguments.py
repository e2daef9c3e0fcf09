"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[str, typer.Argument(help="zoo:<name>, the folder of a training run, or a .nir file")]
Trained = Annotated[str, typer.Argument(help="zoo:<name>, or the folder of a training run")]
Build = Annotated[Path, typer.Argument(help="folder that `seamount deploy` wrote")]
Calibrate = Annotated[Path | None, typer.Option(help="npz with x (sample, step, channel), for a .nir file")]
Test = Annotated[Path | None, typer.Option(help="npz with x and labels y; the calibration data by default")]
Convention = Annotated[str | None, typer.Option(help="preset for what NIR leaves open, e.g. snntorch")]
TimeStep = Annotated[float | None, typer.Option("--dt", help="time step in seconds, in place of the convention's")]
Target = Annotated[str, typer.Option(help="chip: loihi2, loihi1, or the path of a target file")]
Mapping = Annotated[str, typer.Option(help="packed: fill cores; layers: each layer has cores of its own")]
Compared = Annotated[int | None, typer.Option(help="samples that every simulator runs; 16 if they fit", min=1)]
Chosen = Annotated[int | None, typer.Option(help="test samples to run, spread evenly; all by default", min=1)]
SettingsFile = Annotated[Path | None, typer.Option("--settings", help="JSON file with bit widths and rules")]
Passes = Annotated[str | None, typer.Option(help="compiler passes, joined by commas; '' for none; else the usual ones")]
Engine = Annotated[str, typer.Option(help="where samples are simulated: serial, processes, ray")]
Workers = Annotated[int | None, typer.Option(help="how many at once; by default one a core", min=1)]
Resume = Annotated[Path | None, typer.Option(help="folder that keeps finished parts of the run, to go on from there")]
