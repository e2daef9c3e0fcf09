"""What is reported while something runs: a stage, a text for people, and its numbers for programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Event:
    """One thing that was reported.

    Attributes:
        stage: of the run, in a word: "read", "quantize", "lower", "simulate", "compare", ...
        text: for people; one line.
        numbers: the same as plain data (strings, numbers, lists of them), by name.
        detail: whether it belongs to what the stage reported before, such as a finding.
    """

    stage: str
    text: str
    numbers: Mapping[str, Any] = field(default_factory=dict, hash=False)
    detail: bool = False

    def __str__(self) -> str:
        """As the command line prints it: the stage in a column of its own, left out before a detail."""
        return f"{'' if self.detail else self.stage:<12}{self.text}"

    def as_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {"stage": self.stage, "text": self.text, "numbers": dict(self.numbers), "detail": self.detail}


Tell = Callable[[Event], None]
"""Is called with each event as it happens."""


def silent(event: Event) -> None:
    """Tell nobody."""


def lines_of(tell: Tell, stage: str) -> Callable[[str], None]:
    """For what reports plain lines (the engine): each becomes a detail of a stage."""
    return lambda line: tell(Event(stage, line.strip(), detail=True))
