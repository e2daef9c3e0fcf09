"""The picture of a search: points lost over cost, and the front of what none beats."""

from __future__ import annotations

from collections.abc import Sequence

from toolchain.report.drawing import INK, MUTED, SERIES, element, line, picture, round_ticks, text
from toolchain.report.numbers import tick
from toolchain.search.greedy import Found
from toolchain.search.measured import Measured

PANEL = 720.0
HEIGHT = 360.0
LEFT = 80.0
TOP = 24.0
UNITS = {"energy": "J", "memory": "B"}
TITLES = {"energy": "energy an inference", "memory": "memory"}


def found_figure(found: Found) -> str:
    """Points lost over cost: every point measured, the front, start, choice and the loss allowed; an SVG."""
    shown = {p: m for p, m in found.known.items() if not m.refused and m.points_lost <= _most_shown(found)}
    axes, front = _Axes(found, list(shown.values())), [point for point in found.front() if point in shown]
    drawn = axes.drawn()
    drawn += [axes.dot(measured, MUTED, 2.0, 0.4) for point, measured in shown.items() if point not in front]
    drawn.append(axes.path([shown[point] for point in front]))
    drawn += [axes.dot(shown[point], SERIES[0], 4.0, 1.0) for point in front]
    drawn += axes.named(found.known[found.space.origin], "start", SERIES[4])
    drawn += axes.named(found.known[found.chosen], "chosen", SERIES[1])
    title = f"Points lost over {TITLES[found.minimize]}"
    return str(picture(LEFT + PANEL + 40, TOP + HEIGHT + 56, title, drawn))


def _most_shown(found: Found) -> float:
    """Points lost beyond which a point is left out of the picture: far from what was wanted."""
    return max(5.0, 4 * found.loss_points)


class _Axes:
    """Where a measured point lies in the picture."""

    def __init__(self, found: Found, shown: Sequence[Measured]) -> None:
        self.found = found
        costs = [measured.cost(found.minimize) for measured in shown]
        ticks = round_ticks(max(costs), 12)
        self.across = ticks[max(i for i, at in enumerate(ticks) if at <= min(costs)) :]
        self.lowest = min(0.0, *(m.points_lost for m in shown))
        self.up = round_ticks(max(1.0, *(m.points_lost for m in shown)))

    def x(self, cost: float) -> float:
        """Across, by cost."""
        return LEFT + PANEL * (cost - self.across[0]) / (self.across[-1] - self.across[0])

    def y(self, lost: float) -> float:
        """Down, by points lost: none at the bottom."""
        return TOP + HEIGHT * (1 - (lost - self.lowest) / (self.up[-1] - self.lowest))

    def drawn(self) -> list[str]:
        """Lines, labels, and the loss allowed."""
        parts, foot, unit = [], TOP + HEIGHT, UNITS[self.found.minimize]
        for cost in self.across:
            x = self.x(cost)
            parts += [line(x, TOP, x, foot), text(x, foot + 18, tick(cost, unit), text_anchor="middle")]
        for lost in self.up:
            y = self.y(lost)
            parts += [line(LEFT, y, LEFT + PANEL, y), text(LEFT - 8, y + 4, f"{lost:g}", text_anchor="end")]
        limit = self.y(self.found.loss_points)
        parts.append(line(LEFT, limit, LEFT + PANEL, limit, stroke=INK, stroke_dasharray="4 4"))
        parts.append(text(LEFT, TOP - 8, "points lost against the float network"))
        return [*parts, text(LEFT + PANEL, foot + 38, TITLES[self.found.minimize], text_anchor="end")]

    def dot(self, measured: Measured, fill: str, radius: float, opacity: float) -> str:
        """One point."""
        at = {"cx": self.x(measured.cost(self.found.minimize)), "cy": self.y(measured.points_lost)}
        return element("circle", **at, r=radius, fill=fill, fill_opacity=opacity)

    def path(self, front: Sequence[Measured]) -> str:
        """The front as steps."""
        ends = [(self.x(m.cost(self.found.minimize)), self.y(m.points_lost)) for m in front]
        moves = "".join(f"{'L' if index else 'M'}{x:.2f} {y:.2f}" for index, (x, y) in enumerate(ends))
        return element("path", d=moves or "M0 0", stroke=SERIES[0], fill="none")

    def named(self, measured: Measured, name: str, color: str) -> list[str]:
        """A point with its name."""
        x, y = self.x(measured.cost(self.found.minimize)), self.y(measured.points_lost)
        ring = element("circle", cx=x, cy=y, r=7.0, stroke=color, stroke_width=2, fill="none")
        return [ring, text(x, y - 12, name, fill=color, text_anchor="middle")]
