"""How far long work has come: the work reports it, and whoever listens shows it.

Nothing is printed here and nothing depends on it. Without a listener a report costs one look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str, int, int], None]
"""Is called with the name of the work, how many of its parts are done, and how many there are."""

_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


def advance(work: str, done: int, of: int) -> None:
    """Report that so many of the parts of some work are done; 0 when it begins."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(work, done, of)


def watched() -> bool:
    """Whether anybody listens: only then is work cut into parts for the sake of reports."""
    return _LISTENER.get() is not None


@contextmanager
def listening(listener: Listener | None) -> Iterator[None]:
    """Within the block, reports reach this listener; None keeps them from all listeners."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)
