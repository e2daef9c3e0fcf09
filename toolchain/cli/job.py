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
    """

    settings: Settings = field(default_factory=Settings)
    target: str = "loihi2"
    convention: str | None = None
    dt: float | None = None
    compared: int = 16
    seed: int = 0
    simulator: str | None = None


@dataclass(frozen=True, eq=False)
class Network:
    """A network read, compiled and placed."""

    source: Source
    graph: Graph
    conventions: Conventions
    compiled: Compiled
    target: Target
    placement: Placement

    @property
    def program(self) -> Program:
        """The integer program."""
        return self.compiled.lowered.program


@dataclass(frozen=True, eq=False)
class Runs:
    """What was simulated."""

    test: Trace
    inputs: dict[str, IntArray]
    recorded: Trace
    foreign: Mapping[str, Trace]
    missing: Mapping[str, str]
    chosen: IntArray
