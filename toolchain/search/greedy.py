"""Greedy lowering of widths by gain for loss.

First each width is lowered alone, which says what it saves (its *gain*) and how much noise it adds to the outputs.
Then widths are lowered together, at each step the one of most gain for the power of that noise, since powers of
independent errors add. Several steps are measured at once, as if each were good; they are then taken in order up to
the first that loses too much, whose layer then waits, or that saves nothing, which is passed over. When no step is
left, those that waited are tried again, until that gives no step. How many are measured at once is fixed, so the result
does not depend on where or how fast they are measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from toolchain.errors import InputError
from toolchain.quantize.settings import Settings
from toolchain.search.measured import Measured, Minimize
from toolchain.search.space import Factor, Point, Space

AHEAD = 8
"""Steps that are measured at once."""
LEAST_GAIN = 1e-3
"""Share of the cost that a width must save by itself for the next wider one to be left for it."""
LEAST_NOISE = 1e-12

Measure = Callable[[Sequence[Settings]], list[Measured]]


@dataclass(frozen=True)
class Step:
    """One width lowered, and what the whole program then was."""

    factor: Factor
    before: int
    after: int
    measured: Measured


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        space: what it could change.
        minimize, loss_points: what was wanted.
        known: every point measured, in the order in which they were asked for.
        steps: taken, in order.
        chosen: the cheapest point within the loss.
    """

    space: Space
    minimize: Minimize
    loss_points: float
    known: dict[Point, Measured]
    steps: tuple[Step, ...]
    chosen: Point

    def alone(self, index: int) -> dict[int, Measured]:
        """What one factor's widths do by themselves, by bits."""
        origin = self.space.origin
        others = (origin[:index], origin[index + 1 :])
        return {p[index]: m for p, m in self.known.items() if (p[:index], p[index + 1 :]) == others}

    def front(self) -> tuple[Point, ...]:
        """Points that none of those measured beats in both cost and accuracy, cheapest first."""
        order = sorted(self._programs(), key=lambda p: (self._cost(p), -self.known[p].right, p))
        best, front = -1, []
        for point in order:
            if self.known[point].right > best:
                best = self.known[point].right
                front.append(point)
        return tuple(front)

    def _programs(self) -> list[Point]:
        return [point for point, measured in self.known.items() if not measured.refused]

    def _cost(self, point: Point) -> float:
        return self.known[point].cost(self.minimize)


def search(space: Space, measure: Measure, minimize: Minimize, loss_points: float) -> Found:
    """Search for the cheapest widths.

    Args:
        space: what may be changed.
        measure: measures programs of given settings, in their order; it may do so in parallel.
        minimize: what is to be small.
        loss_points: of accuracy that may be lost against the float network, on what `measure` measures on.

    Raises:
        InputError: the settings to begin with lose more already, or give no program.
    """
    return _Search(space, measure, minimize, loss_points).run()


@dataclass(eq=False)
class _Search:
    """Working data of `search`."""

    space: Space
    measure: Measure
    minimize: Minimize
    loss_points: float
    known: dict[Point, Measured] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    def run(self) -> Found:
        self.here = self.space.origin
        alone = {i: [self._moved(i, bits) for bits in range(f.most - 1, f.least - 1, -1)] for i, f in self._factors()}
        self._learn([self.here])
        self._check_start()
        self._learn([point for points in alone.values() for point in points])
        self.rungs = {i: self._rungs(i, points) for i, points in alone.items()}
        taken = -1
        while taken < len(self.steps):
            taken = len(self.steps)
            self._descend()
        return Found(
            self.space, self.minimize, self.loss_points, self.known, tuple(self.steps), min(self.known, key=self._rank)
        )

    def _descend(self) -> None:
        """Take steps until every factor is either at its narrowest or has been tried in vain."""
        self.next = {index: self._rung_here(index) + 1 for index in self.rungs}
        while path := self._ahead():
            self._learn([point for _, _, point in path])
            self._walk(path)

    def _rung_here(self, index: int) -> int:
        return [point[index] for point in self.rungs[index]].index(self.here[index])

    def _factors(self) -> list[tuple[int, Factor]]:
        return list(enumerate(self.space.factors))

    def _learn(self, points: Sequence[Point]) -> None:
        new = list(dict.fromkeys(point for point in points if point not in self.known))
        found = self.measure([self.space.settings(point) for point in new]) if new else []
        self.known.update(zip(new, found, strict=True))

    def _check_start(self) -> None:
        start = self.known[self.here]
        if start.refused:
            raise InputError("search", f"the settings to begin with give no program: {start.refused}", "widen them")
        if not start.within(self.loss_points):
            what = f"the settings to begin with lose {start.points_lost:.2f} points, {self.loss_points:g} are allowed"
            raise InputError("search", what, "allow more with --loss, or begin with wider ones (--settings)")

    def _moved(self, index: int, bits: int, origin: Point | None = None) -> Point:
        point = self.here if origin is None else origin
        return (*point[:index], bits, *point[index + 1 :])

    def _cost(self, point: Point) -> float:
        return self.known[point].cost(self.minimize)

    def _rungs(self, index: int, alone: Sequence[Point]) -> list[Point]:
        """The start and the points of one factor, widest first, each cheaper than the one before and good alone."""
        rungs = [self.space.origin]
        least = LEAST_GAIN * self._cost(rungs[0])
        for point in alone:
            if self.known[point].within(self.loss_points) and self._cost(rungs[-1]) - self._cost(point) > least:
                rungs.append(point)
        return rungs

    def _ahead(self) -> list[tuple[int, int, Point]]:
        """The next steps, by what is known of each factor alone: (factor, rung, point after it)."""
        point, upcoming, path = self.here, dict(self.next), []
        for _ in range(AHEAD):
            open_ = [i for i in self.rungs if upcoming[i] < len(self.rungs[i])]
            if not open_:
                break
            best = max(open_, key=lambda i: (self._worth(i, point[i], upcoming[i]), -i))
            rung = upcoming[best]
            point = self._moved(best, self.rungs[best][rung][best], point)
            upcoming[best] += 1
            path.append((best, rung, point))
        return path

    def _worth(self, index: int, bits: int, rung: int) -> float:
        """Gain for added noise power of going from a width to a rung, each alone."""
        before, after = self.known[self._moved(index, bits, self.space.origin)], self.known[self.rungs[index][rung]]
        gain = before.cost(self.minimize) - after.cost(self.minimize)
        noise = after.output_error**2 - before.output_error**2
        return gain / max(noise, LEAST_NOISE)

    def _walk(self, path: list[tuple[int, int, Point]]) -> None:
        """Take steps in order until one is not to be taken."""
        for index, rung, point in path:
            if not self.known[point].within(self.loss_points):
                self.next[index] = len(self.rungs[index])
                return
            self.next[index] = rung + 1
            if self._cost(point) >= self._cost(self.here):
                return
            factor = self.space.factors[index]
            self.steps.append(Step(factor, self.here[index], point[index], self.known[point]))
            self.here = point

    def _rank(self, point: Point) -> tuple[bool, float, int, float, Point]:
        """Within the loss first, then cheap, then right, then little noise."""
        found = self.known[point]
        return (
            not found.within(self.loss_points),
            found.cost(self.minimize),
            -found.right,
            found.output_error,
            point,
        )
