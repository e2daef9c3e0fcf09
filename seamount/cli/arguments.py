"""Arguments and options that several commands have."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import typer

if TYPE_CHECKING:
    from seamount.options import Options


def zoo_models(incomplete: str) -> list[str]:
    """Networks of the zoo as arguments, for a shell that completes one."""
    return [f"zoo:{name}" for name in zoo_names(incomplete.removeprefix("zoo:"))]


def zoo_names(incomplete: str) -> list[str]:
    """Names of networks of the zoo that begin so; read from the folder alone, since a shell waits."""
    folder = Path(__file__).parents[2] / "models" / "shipped"
    names = sorted(path.parent.name for path in folder.glob("*/config.json"))
    return [name for name in names if name.startswith(incomplete)]


Model = Annotated[
    str,
    typer.Argument(help="zoo:<name>, the folder of a training run, or a .nir file", autocompletion=zoo_models),
]
Trained = Annotated[str, typer.Argument(help="zoo:<name>, or the folder of a training run", autocompletion=zoo_models)]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object in place of lines: docs/json.md")]
Build = Annotated[Path, typer.Argument(help="folder that `seamount deploy` wrote")]
Calibrate = Annotated[
    Path | None, typer.Option(help="npz with x, or an array for each Input (sample, step, channel); or events")
]
Test = Annotated[
    Path | None, typer.Option(help="the same with labels y (y/OUTPUT of one output); the calibration data by default")
]
Convention = Annotated[str | None, typer.Option(help="preset for what NIR leaves open, e.g. snntorch-leaky")]
TimeStep = Annotated[float | None, typer.Option("--dt", help="time step in seconds, in place of the convention's")]
Target = Annotated[str, typer.Option(help="chip: loihi2, loihi1, a machine as loihi2@kapoho_point, or a target file")]
Mapped = Annotated[str, typer.Option(help="packed: fill cores; layers: each layer has cores of its own")]
Compared = Annotated[int | None, typer.Option(help="samples that every simulator runs; 16 if they fit", min=1)]
Simulators = Annotated[
    str | None,
    typer.Option(help="simulators to compare, joined by commas, e.g. reference,fast; all that are here by default"),
]
Chosen = Annotated[int | None, typer.Option(help="test samples to run, spread evenly; all by default", min=1)]
SettingsFile = Annotated[Path | None, typer.Option("--settings", help="JSON file with bit widths and rules")]
Decision = Annotated[
    str | None,
    typer.Option(
        help="how classes are read: count, last, sum, max, step (of several outputs NAME=sum,..); else inferred"
    ),
]
Lanes = Annotated[str | None, typer.Option("--onnx-lanes", help="numbers in model.onnx: int64, float64 or int32")]
Passes = Annotated[str | None, typer.Option(help="compiler passes, joined by commas; '' for none; else the usual ones")]
Engine = Annotated[str, typer.Option(help="where samples are simulated: serial, processes, ray")]
Workers = Annotated[int | None, typer.Option(help="how many at once; by default one a core", min=1)]
Resume = Annotated[Path | None, typer.Option(help="folder that keeps finished parts of the run, to go on from there")]
Expect = Annotated[
    Path | None,
    typer.Option(help="npz of what the framework made of the calibration samples: spikes/NODE, logits, ..."),
]
SWITCHES: dict[str, tuple[Any, Any]] = {
    "reset": (str, typer.Option("--reset", help="in place of the convention's: to_v_reset, subtract, none, ...")),
    "compare": (str, typer.Option("--spike-at", "--compare", help="the same: a spike at '>' or '>=' the threshold")),
    "input": (str, typer.Option("--input", help="the same: sampled, jump or decayed")),
    "decay": (str, typer.Option("--decay", help="the same: euler or exp")),
    "gain": (str, typer.Option("--gain", help="the same: file, or unit where r and w_in mean nothing")),
    "start": (str, typer.Option("--start", help="the same: zero, v_leak or v_reset")),
    "precision": (str, typer.Option("--precision", help="the same: double or single")),
    "output_delay_steps": (int, typer.Option("--output-delay", help="the same: steps that spikes leave late", min=0)),
    "loop_delay_steps": (
        int, typer.Option("--loop-delay", help="the same: steps that loops of several neurons take", min=1)
    ),
    "recurrent_bias_at_start": (
        bool, typer.Option("--recurrent-bias/--late-recurrent-bias", help="the same: from the first step or the second")
    ),
}  # fmt: skip
"""Options for the fields of `Conventions`."""
COMPARISONS = (">", ">=")
"""Values of --compare that are the convention's, in commands where that option names simulators."""
PREFIX = "convention_"
"""Of their arguments' names, which would be those of other arguments without it."""

Command = TypeVar("Command", bound=Callable[..., None])


def with_switches(command: Command) -> Command:
    """Give a command the options of `SWITCHES`; they reach it as part of its `convention`.

    Where --compare is an option of the command's own, it is the convention's if it is given a comparison.
    """
    own = inspect.signature(command, eval_str=True).parameters.values()
    shared = "compare" in {parameter.name for parameter in own}
    added = [
        inspect.Parameter(
            PREFIX + name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
        )
        for name, (kind, option) in SWITCHES.items()
    ]
    if shared:
        place = list(SWITCHES).index("compare")
        alone = typer.Option("--spike-at", help=SWITCHES["compare"][1].help)
        added[place] = added[place].replace(annotation=Annotated[str | None, alone])

    @functools.wraps(command)
    def switched(**given: Any) -> None:
        from toolchain.frontend.conventions import convention_text

        switches = {name: given.pop(PREFIX + name) for name in SWITCHES}
        if shared and given["compare"] in COMPARISONS:
            switches["compare"], given["compare"] = given["compare"], None
        command(**given | {"convention": convention_text(given["convention"], switches)})

    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    switched.__signature__ = inspect.Signature([*parameters, *added])  # type: ignore[attr-defined]
    switched.__annotations__ = {parameter.name: parameter.annotation for parameter in [*parameters, *added]}
    return cast(Command, switched)


def options_of(given: Mapping[str, Any], leave: Collection[str] = ()) -> Options:
    """The options among a command's arguments, by name; an argument that is None leaves the default.

    Args:
        given: the arguments by name.
        leave: names that mean something else in this command.

    Raises:
        InputError: a value that an option cannot have.
    """
    from dataclasses import fields

    from seamount.options import Options

    names = {field.name for field in fields(Options)} - {"settings", *leave}
    chosen = {name: value for name, value in given.items() if name in names and value is not None}
    settings = given.get("settings")
    return Options(settings=None if settings is None else str(settings), **chosen)
