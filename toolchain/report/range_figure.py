"""Registers as bars: how wide each is, how many bits it was seen to use, how many it can need at most."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from toolchain.report.drawing import INK, RULE, SERIES, element, line, picture, rectangle, text
from toolchain.report.evidence import RegisterRange

WIDTH = 920.0
LEFT = 220.0
RIGHT = 120.0
ROW = 22.0
MOST_ROWS = 60


def range_figure(rows: Sequence[RegisterRange]) -> Markup | None:
    """A bar a register; the first `MOST_ROWS`, those that overflowed before all others. None without rows."""
    if not rows:
        return None
    shown = sorted(rows, key=lambda row: row.overflows == 0)[:MOST_ROWS]
    most = max(max(row.bits, _needed(row) or 0) for row in shown)
    scale = (WIDTH - LEFT - RIGHT) / most
    bottom = 8 + ROW * len(shown)
    drawn = []
    for bits in range(0, most + 1, 4):
        drawn += [line(LEFT + bits * scale, 4.0, LEFT + bits * scale, bottom)]
        drawn += [text(LEFT + bits * scale, bottom + 18, str(bits), text_anchor="middle")]
    for index, row in enumerate(shown):
        drawn += _bar(row, 8 + ROW * index, scale)
    return picture(WIDTH, bottom + 26, "Bits of each register: width, used, and needed at most", drawn)


def _needed(row: RegisterRange) -> int | None:
    """Bits that hold whatever can enter, by the proven bounds."""
    spare = row.headroom_bits
    return None if spare is None else row.bits - spare


def _bar(row: RegisterRange, y: float, scale: float) -> list[str]:
    name = f"{row.population}.{row.register}"
    short = name if len(name) <= 30 else "…" + name[-29:]
    used = SERIES[4] if row.overflows else SERIES[0]
    drawn = [
        text(LEFT - 10, y + 14, short, text_anchor="end", fill=INK, font_size=12),
        rectangle(LEFT, y + 3, row.bits * scale, 14.0, RULE),
        rectangle(LEFT, y + 3, min(row.used_bits, row.bits) * scale, 14.0, used),
    ]
    needed = _needed(row)
    if needed is not None:
        x = LEFT + needed * scale
        drawn.append(element("path", d=f"M{x:.2f} {y + 1:.2f}v18", stroke=INK, stroke_width=2, fill="none"))
    words = f"{row.used_bits} of {row.bits}" + (f", {row.overflows} overflowed" if row.overflows else "")
    return [*drawn, text(LEFT + max(row.bits, needed or 0) * scale + 8, y + 14, words)]
