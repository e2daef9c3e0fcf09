"""The line that shows how far a long run has come, and about how much time is left; on a terminal only."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from toolchain.progress import listening

QUIET_S = 2.0
"""Work that takes less shows nothing."""
REFRESH_S = 0.1
ERASE = "\r\x1b[2K"


class ProgressLine:
    """One line at the bottom of a terminal, rewritten in place.

    Args:
        stream: the terminal.
        clock: seconds, from any beginning.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self.stream, self.clock = stream, clock
        self.work, self.begun, self.drawn_at = "", 0.0, 0.0
        self.drawn = False

    def __call__(self, work: str, done: int, of: int) -> None:
        """Draw how far the work is, unless it is young or was drawn a moment ago."""
        now = self.clock()
        if work != self.work or done == 0:
            self.work, self.begun, self.drawn_at = work, now, 0.0
        if done >= of:
            self.clear()
            return
        elapsed = now - self.begun
        if elapsed < QUIET_S or now - self.drawn_at < REFRESH_S:
            return
        self.drawn, self.drawn_at = True, now
        self.stream.write(f"{ERASE}{work:<12}{done} of {of}{_left(elapsed, done, of)}")
        self.stream.flush()

    def clear(self) -> None:
        """Take the line away, so that others can be printed."""
        if self.drawn:
            self.stream.write(ERASE)
            self.stream.flush()
            self.drawn = False


def _left(elapsed_s: float, done: int, of: int) -> str:
    """The time left if the rest takes as long a part as what is done."""
    if not done:
        return ""
    return f", about {duration(elapsed_s * (of - done) / done)} left"


def duration(seconds: float) -> str:
    """Seconds as people say them: ``"8 s"``, ``"3 min 20 s"``, ``"2 h 05 min"``."""
    whole = max(1, round(seconds))
    minutes, rest = divmod(whole, 60)
    if not minutes:
        return f"{whole} s"
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours} h {minutes_left:02d} min" if hours else f"{minutes} min {rest:02d} s"


_LINE: list[ProgressLine] = []


@contextmanager
def shown() -> Iterator[None]:
    """Within the block, progress is shown where stderr is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    line = ProgressLine(sys.stderr)
    _LINE.append(line)
    try:
        with listening(line):
            yield
    finally:
        line.clear()
        _LINE.remove(line)


def clear() -> None:
    """Take the line of progress away, if there is one: something else is going to be printed."""
    for line in _LINE:
        line.clear()
