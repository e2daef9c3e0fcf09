"""What `deploy` passes from stage to stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from toolchain.cli.source import Source
from toolchain.frontend.conventions import Conventions
from toolchain.frontend.graph import Graph
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.ir.trace import Trace
from toolchain.lower.pipeline import Compiled
from toolchain.mapping import Placement, Target
from toolchain.passes.pipeline import DEFAULT
from toolchain.quantize.settings import Settings


@dataclass(frozen=True)
class Options:
    """How to deploy.

    Attributes:
        settings: bit widths.
        target: name or path of the chip's limits.
        convention: preset for what NIR leaves open; by default what the file says, else plain NIR.
        dt: time step in seconds in place of the convention's.
        compared: number of test samples that every simulator runs with all registers probed.
        seed: picks those samples.
        simulator: runs the whole test set; by default the quickest that can run.
        passes: pipeline of compiler passes, as text; "" for none.
    """

    settings: Settings = field(default_factory=Settings)
    target: str = "loihi2"
    convention: str | None = None
    dt: float | None = None
    compared: int = 16
    seed: int = 0
    simulator: str | None = None
    passes: str = DEFAULT


@dataclass(frozen=True, eq=False)
class Network:
    """A network read, compiled and placed."""

    source: Source
    graph: Graph
    conventions: Conventions
    compiled: Compiled
    program: Program
    target: Target
    placement: Placement


@dataclass(frozen=True, eq=False)
class Runs:
    """What was simulated."""

    test: Trace
    inputs: dict[str, IntArray]
    recorded: Trace
    foreign: Mapping[str, Trace]
    missing: Mapping[str, str]
    chosen: IntArray
