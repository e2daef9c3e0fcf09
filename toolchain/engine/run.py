"""Running units: what is done is taken from the folder, the rest goes to the engine, a unit whose worker died again."""

from __future__ import annotations

import os
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from toolchain.engine.keep import Keeper
from toolchain.engine.on_ray import OnRay, require_ray
from toolchain.engine.perform import Outcome, Task, make_task, perform, read_result
from toolchain.engine.processes import Processes
from toolchain.engine.units import Result, Work, WorkUnit, check_units, reference
from toolchain.errors import InputError, ToolchainError, WorkError
from toolchain.folders import only_one
from toolchain.progress import advance, listening

RETRIES = 2
"""How often a unit is given to another worker after its own died."""
PROGRESS = "units"
"""What progress is reported of."""


class Pool(Protocol):
    """Where units run; each engine has one."""

    size: int

    @property
    def busy(self) -> int:
        """How many units are under way."""

    def submit(self, task: Task) -> None:
        """Begin a unit; there are fewer than `size` under way."""

    def wait(self) -> list[Outcome]:
        """Units that ended, at least one of those under way."""

    def close(self) -> None:
        """End everything, finished or not."""


class Serial:
    """The engine "serial": this process."""

    size = 1

    def __init__(self) -> None:
        self._tasks: list[Task] = []

    @property
    def busy(self) -> int:
        """How many units are under way."""
        return len(self._tasks)

    def submit(self, task: Task) -> None:
        """Remember the unit; it runs when it is waited for."""
        self._tasks.append(task)

    def wait(self) -> list[Outcome]:
        """Run what was submitted."""
        task = self._tasks.pop()
        with listening(None):
            return [Outcome(task, perform(task.text))]

    def close(self) -> None:
        """Nothing is left to end."""


_POOLS: dict[str, Callable[[int | None], Pool]] = {
    "serial": lambda workers: Serial(),
    "processes": lambda workers: Processes(workers or processors()),
    "ray": lambda workers: OnRay(workers),
}
ENGINES = tuple(_POOLS)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_engine(engine: str, workers: int | None = None) -> None:
    """Refuse what `run_units` would refuse: InputError, or MissingPartError where the engine is not installed."""
    if engine not in _POOLS:
        raise InputError("engine", f"{engine!r} is unknown", f"use one of {', '.join(ENGINES)}")
    if workers is not None and workers < 1:
        raise InputError("workers", f"{workers} is less than one", "give 1 or more")
    if engine == "ray":
        require_ray()


def run_units(
    work: Work,
    units: Sequence[WorkUnit],
    *,
    engine: str = "serial",
    workers: int | None = None,
    folder: Path | None = None,
    on_done: Callable[[WorkUnit, Result], None] | None = None,
    tell: Callable[[str], None] | None = None,
    retries: int = RETRIES,
) -> list[Result]:
    """Do independent units of work.

    A script that uses processes needs a main guard, as with all of Python's multiprocessing. Arrays go to files that
    the work writes; it lists them in its result under ``files`` (path to sha256), so that a lost one is noticed.

    Args:
        work: a function at the top of a module; it takes a unit's arguments and returns plain JSON.
        units: with names of their own.
        engine: ``serial``, ``processes`` (on this machine) or ``ray`` (a cluster, or this machine without one).
        workers: units under way at once; by default one a core of the machine or cluster.
        folder: keeps each result as ``<unit>.json``; a unit that is done there already, with the same arguments,
            work and installed versions, is not done again.
        on_done: is called here with each unit and its result, in the order in which they are done.
        tell: is called with a line where a kept result is not used or a worker died; by default it goes to stderr.
        retries: how often a unit whose worker died is tried again.

    Returns:
        The results in the order of the units.

    Raises:
        InputError: unknown engine, bad workers, names, arguments, or a function that cannot be imported.
        MissingPartError: the engine is not installed.
        ToolchainError: what the work raised, naming the unit; of several, the first in the order of the units. No
            further unit is begun then, those under way are finished and kept.
        WorkError: the work raised anything else, or a unit's worker died too often.
    """
    check_units(units)
    check_engine(engine, workers)
    say = tell or _to_stderr
    name = reference(work)
    tasks = [make_task(index, name, unit) for index, unit in enumerate(units)]
    run = _Run(units, Keeper(folder, name, say) if folder else None, on_done, say, retries)
    advance(PROGRESS, 0, len(units))
    with only_one(folder) if folder else nullcontext():
        todo = deque(task for task in tasks if not run.taken(task))
        if todo:
            with _opened(engine, min(workers, len(todo)) if workers else None) as pool:
                run.through(pool, todo)
    return [run.results[index] for index in range(len(units))]


@contextmanager
def _opened(engine: str, workers: int | None) -> Iterator[Pool]:
    pool = _POOLS[engine](workers)
    try:
        yield pool
    finally:
        pool.close()


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@dataclass(eq=False)
class _Run:
    """What is known of a run so far."""

    units: Sequence[WorkUnit]
    keeper: Keeper | None
    on_done: Callable[[WorkUnit, Result], None] | None
    tell: Callable[[str], None]
    retries: int
    results: dict[int, Result] = field(default_factory=dict)
    failures: dict[int, ToolchainError] = field(default_factory=dict)
    deaths: Counter[int] = field(default_factory=Counter)

    def taken(self, task: Task) -> bool:
        """Whether a unit is done already."""
        result = self.keeper.get(self.units[task.index]) if self.keeper else None
        if result is not None:
            self._done(task.index, result)
        return result is not None

    def through(self, pool: Pool, todo: deque[Task]) -> None:
        """Do what is left; units begin in order, so that the first failure in order is found on every engine."""
        while pool.busy or self._next(todo):
            while pool.busy < pool.size and self._next(todo):
                pool.submit(todo.popleft())
            for outcome in pool.wait():
                self._take(outcome, todo)
        if self.failures:
            raise self.failures[min(self.failures)]

    def _next(self, todo: deque[Task]) -> bool:
        return bool(todo) and todo[0].index < min(self.failures, default=len(self.units))

    def _take(self, outcome: Outcome, todo: deque[Task]) -> None:
        task = outcome.task
        if outcome.text is None:
            self._died(task, outcome.death, todo)
            return
        try:
            result = read_result(task.name, outcome.text)
        except ToolchainError as error:
            self.failures[task.index] = error
            return
        if self.keeper:
            self.keeper.put(self.units[task.index], result)
        self._done(task.index, result)

    def _done(self, index: int, result: Result) -> None:
        self.results[index] = result
        advance(PROGRESS, len(self.results), len(self.units))
        if self.on_done:
            self.on_done(self.units[index], result)

    def _died(self, task: Task, death: str, todo: deque[Task]) -> None:
        self.deaths[task.index] += 1
        count = self.deaths[task.index]
        if count > self.retries:
            what = f"its worker died {count} times, last by {death}"
            remedy = "see what it prints; give it more memory, or fewer workers"
            self.failures[task.index] = WorkError(f"unit {task.name}", what, remedy)
            return
        self.tell(f"unit {task.name}: its worker died ({death}); trying again, {count} of {self.retries}")
        todo.appendleft(task)
