"""The errors that Seamount raises on purpose.

Every message has one shape, *where: what, with numbers; what to do*:

    hidden.threshold: 9437184 does not fit a signed 24-bit register (max 8388607);
    lower the weight exponent or rescale the layer

Anything else that escapes is our own mistake, not the user's.
"""

from __future__ import annotations


def printable(text: str) -> str:
    """A text whose control characters are written as escapes: names in files are other people's words.

    Line breaks and tabs stay; what would move a cursor, turn the direction of writing or set colors does not.
    """
    return "".join(sign if sign.isprintable() or sign in "\n\t\xa0" else _escaped(sign) for sign in text)


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")


class ToolchainError(Exception):
    """Base of all errors that tell the user what to change.

    Args:
        where: file, node, population or register that is at fault.
        what: the fault, with its numbers.
        remedy: what the user can do about it.
    """

    def __init__(self, where: str, what: str, remedy: str = "") -> None:
        self.where = where
        self.what = what
        self.remedy = remedy
        super().__init__(printable(f"{where}: {what}" + (f"; {remedy}" if remedy else "")))


class InputError(ToolchainError):
    """A file, array or option that cannot be read or has the wrong form."""


class UnsupportedError(ToolchainError):
    """A valid network that this stage cannot express, with the reason."""


class QuantizationError(ToolchainError):
    """A value that finds no scale or width within the given limits."""


class VerificationError(ToolchainError):
    """A program that breaks one of the named rules."""


class PlacementError(ToolchainError):
    """A program that does not fit the target, with the limit and by how much."""


class OverflowTrapError(ToolchainError):
    """A register left its range during a run where that is not allowed."""


class ConformanceError(ToolchainError):
    """Two executions that should agree and do not."""


class MissingPartError(ToolchainError):
    """An optional part (torch, lava-nc, ...) that is needed and not installed."""


class WorkError(ToolchainError):
    """A unit of work whose code failed, or whose worker died, with the unit's name."""
