"""What can be refused before any work: everything that an option may be wrong in by itself."""

from __future__ import annotations

from pathlib import Path

from seamount.build.replacing import replaceable
from seamount.options import Options
from seamount.simulators import compared_simulators, find_simulator, missing, require
from toolchain.errors import InputError
from toolchain.mapping import load_target
from toolchain.mapping.layout import RULES
from toolchain.passes.pipeline import parse_passes


def check_ahead(options: Options, out: Path | str | None = None) -> None:
    """Refuse options and an output folder that cannot be, before a network or its data are read.

    Args:
        options: how to deploy.
        out: where to; None where that is known later.

    Raises:
        InputError: an unknown target, simulator, pass, mapping or setting, a missing file, a folder that is not ours.
        MissingPartError: a simulator that cannot run here.
    """
    if out is not None:
        replaceable(Path(out))
    load_target(options.target)
    if options.mapping not in RULES:
        raise InputError("mapping", f"no rule {options.mapping!r}", f"use one of {', '.join(RULES)}")
    parse_passes(options.passes)
    options.chosen_settings(None)
    if options.simulator is not None:
        find_simulator(options.simulator)
        require(options.simulator, missing(options.simulator))
    compared_simulators(options.compare)
    if options.expect is not None and not Path(options.expect).is_file():
        raise InputError(str(options.expect), "no such file", "give the npz of what the framework gave")
