"""What `deploy` passes from stage to stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seamount.build.score import Score
from seamount.network import Source
from simulators.compare import Comparison
from toolchain.frontend.conventions import Conventions
from toolchain.frontend.graph import Graph
from toolchain.host.encode import Encoded
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.program import Input, Program
from toolchain.ir.trace import Trace
from toolchain.lower.pipeline import Compiled
from toolchain.mapping import Placement, Target
from toolchain.quantize.settings import Settings


@dataclass(frozen=True)
class Entered:
    """What became of the inputs.

    Attributes:
        error: greatest rounding error of a value within the payload's range.
        beyond, values: how many values lay outside the range and were clipped, of how many.
        reach: greatest magnitude.
        vanished: how many values that are not 0 became 0.
    """

    error: float = 0.0
    beyond: int = 0
    values: int = 0
    reach: float = 0.0
    vanished: int = 0

    def plus(self, encoded: Encoded) -> Entered:
        """With another part's inputs."""
        return Entered(
            max(self.error, encoded.error),
            self.beyond + encoded.beyond,
            self.values + encoded.payload.size,
            max(self.reach, encoded.reach),
            self.vanished + encoded.vanished,
        )

    def rounded(self, source: Input) -> str:
        """What rounding cost, in words; empty where nothing."""
        if not self.error:
            return ""
        return f"inputs are rounded to multiples of {2.0**-source.exponent:g}, at most {self.error:.3g} off"

    def saturated(self, source: Input) -> str:
        """What lay beyond the payload's range, in words; empty where nothing did."""
        if not self.beyond:
            return ""
        low, high = (end / 2.0**source.exponent for end in limits(source.bits))
        share = f"{self.beyond:,} of {self.values:,} input values"
        return f"{share} lie beyond {low:g} .. {high:g} (up to {self.reach:.3g}) and were clipped"

    def lost(self, source: Input) -> str:
        """What became nothing, in words; empty where nothing did."""
        if not self.vanished:
            return ""
        step = 2.0**-source.exponent
        return (
            f"{self.vanished:,} of {self.values:,} input values are not 0 and become 0, as less than half of {step:g}"
        )


def entered_lines(program: Program, entered: Mapping[str, Entered]) -> list[tuple[Input, str, str]]:
    """What became of each input in words: the input, the line, and "rounded", "saturated" or "lost".

    Where there are several, each line begins with the name of its own.
    """
    found = []
    for source in program.inputs:
        own = entered.get(source.name, Entered())
        for kind in ("rounded", "saturated", "lost"):
            if line := getattr(own, kind)(source):
                found.append((source, f"{source.name}: {line}" if len(program.inputs) > 1 else line, kind))
    return found


@dataclass(frozen=True, eq=False)
class Placed:
    """A network read, compiled and placed.

    Attributes:
        source: the network and its data.
        conventions: what NIR leaves open, as it was filled.
        settings: widths and rules, as they were chosen.
        compiled: the program before its passes, and how it came about.
        program: after its passes.
        shifts: by how many steps the passes moved a population.
        target, placement: the chip, and what lies on which core.
    """

    source: Source
    conventions: Conventions
    settings: Settings
    compiled: Compiled
    program: Program
    shifts: Mapping[str, int]
    target: Target
    placement: Placement

    @property
    def graph(self) -> Graph:
        """The network."""
        return self.source.graph


@dataclass(frozen=True, eq=False)
class Runs:
    """What was simulated.

    Attributes:
        test: counts and last values of the whole test set.
        score: its decisions against the labels; None without labels.
        scores: the same of every labelled output, by the program's name ("" for the first).
        entered: what became of each input.
        inputs: payloads of the compared samples.
        recorded: the reference's trace of these.
        foreign, comparisons: the other simulators' traces, and each compared with the reference's.
        missing: simulators left out, with the reason.
        chosen: indices of the compared samples.
        classes: of every test sample, the program's decision at its own last step, (sample,).
    """

    test: Trace
    score: Score | None
    scores: Mapping[str, Score]
    entered: Mapping[str, Entered]
    inputs: dict[str, IntArray]
    recorded: Trace
    foreign: Mapping[str, Trace]
    comparisons: Mapping[str, Comparison]
    missing: Mapping[str, str]
    chosen: IntArray
    classes: IntArray
