"""What `verify` says: one line for each thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One thing that was checked.

    Attributes:
        name: what.
        result: ``"ok"``, ``"failed"``, ``"skipped"``, or ``"note"`` for what is only told.
        detail: numbers, or the reason.
    """

    name: str
    result: str
    detail: str


@dataclass(frozen=True)
class Verified:
    """What checking a build found.

    Attributes:
        checks: in the order in which they were made.
    """

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed; a simulator that is not installed is skipped, and its check says so."""
        return all(check.result != "failed" for check in self.checks)


def judged(name: str, problems: list[str], fine: str) -> Check:
    """Failed with its problems, or ok."""
    return Check(name, "failed", "; ".join(problems)) if problems else Check(name, "ok", fine)
