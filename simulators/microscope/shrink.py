"""Delta debugging: the smallest program and input at which two simulators still diverge.

Every candidate is a smaller case; it is kept if the same register of the same population still diverges. Bold cuts
come first (the diverging population alone, its other neurons gone), small ones later (single synapses and inputs), and
all are repeated until none helps. The order is fixed, so the result is the same each time unless the time runs out.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from simulators.compare import Divergence
from simulators.microscope.cuts import RUN_CUTS, Case
from simulators.microscope.cuts_program import CUTS
from toolchain.errors import ToolchainError
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program

Diverges = Callable[[Program, Mapping[str, IntArray], int], Divergence | None]
"""Run both sides on a program, its inputs and a number of steps: the first divergence, or None where they agree."""

BUDGET_S = 30.0
MAX_RUNS = 5000


@dataclass(frozen=True, eq=False)
class Shrunk:
    """The smallest case found.

    Attributes:
        case: program, inputs, steps and divergence.
        runs: candidates that were run.
        exhausted: True where time or runs were spent before no cut helped any more.
    """

    case: Case
    runs: int
    exhausted: bool


class _Spent(Exception):
    """Time or runs are used up."""


class _Search:
    """The smallest case so far, and what the search has cost."""

    def __init__(self, case: Case, diverges: Diverges, budget_s: float, max_runs: int) -> None:
        self.best, self.diverges = case, diverges
        self.deadline, self.max_runs, self.runs = time.monotonic() + budget_s, max_runs, 0

    def keep(self, case: Case) -> bool:
        """Whether a smaller case diverges at the same register; it is then the best."""
        if self.runs >= self.max_runs or time.monotonic() > self.deadline:
            raise _Spent
        self.runs += 1
        try:
            found = self.diverges(case.program, case.inputs, case.steps)
        except (ToolchainError, OverflowError, ValueError):  # no case at all: it breaks a rule, or a side refuses it
            return False
        same = (self.best.divergence.population, self.best.divergence.register)
        if found is None or (found.population, found.register) != same:
            return False
        self.best = dataclasses.replace(case, divergence=found)
        return True


def shrink(
    case: Case,
    diverges: Diverges,
    *,
    budget_s: float = BUDGET_S,
    max_runs: int = MAX_RUNS,
    cut_program: bool = True,
) -> Shrunk:
    """Make a diverging case smaller.

    Args:
        case: diverges.
        diverges: runs both sides; it may raise a ToolchainError, which counts as no divergence.
        budget_s: no run is begun after that.
        max_runs: nor after that many.
        cut_program: False where only samples, steps and inputs may change (two programs side by side).
    """
    search = _Search(case, diverges, budget_s, max_runs)
    try:
        while True:
            before = search.best
            for cut in CUTS if cut_program else RUN_CUTS:
                cut(search)
            if search.best is before:
                return Shrunk(search.best, search.runs, exhausted=False)
    except _Spent:
        return Shrunk(search.best, search.runs, exhausted=True)


def shrink_with_stand_in(case: Case, diverges: Diverges, stand_in: Diverges | None, budget_s: float) -> Shrunk:
    """Shrink with a quick stand-in for the faulty side first; what comes of it must diverge on the real sides.

    Args:
        stand_in: e.g. the best cause's meaning; None where there is none.
    """
    began = time.monotonic()
    if stand_in is None:
        return shrink(case, diverges, budget_s=budget_s)
    quick = shrink(case, stand_in, budget_s=budget_s / 2)
    left = budget_s - (time.monotonic() - began)
    try:
        found = diverges(quick.case.program, quick.case.inputs, quick.case.steps)
    except ToolchainError:
        found = None
    real = dataclasses.replace(quick.case, divergence=found) if found is not None else case
    rest = shrink(real, diverges, budget_s=left)
    return Shrunk(rest.case, quick.runs + 1 + rest.runs, rest.exhausted)
