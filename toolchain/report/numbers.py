"""Numbers as people read them: three significant digits, SI prefixes, bands."""

from __future__ import annotations

from math import floor

from toolchain.report.energy import Banded

PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}


def si(value: float, unit: str) -> str:
    """``si(3.6e-6, "J")`` is ``"3.60 µJ"``."""
    scaled, prefix = _scale(value)
    return f"{_digits(scaled)} {prefix}{unit}".strip()


def band(value: Banded, unit: str) -> str:
    """Low and high, the prefix once where both have the same: ``"2.10 to 104 µJ"``."""
    low, high = si(value.low, unit), si(value.high, unit)
    digits, _, low_unit = low.partition(" ")
    return f"{digits} to {high}" if low_unit == high.partition(" ")[2] else f"{low} to {high}"


def tick(value: float, unit: str) -> str:
    """The number at a tick of an axis, without trailing zeros: ``"5 k"``."""
    scaled, prefix = _scale(value)
    return f"{scaled:.6g} {prefix}{unit}".strip()


def whole(value: int) -> str:
    """An integer with thin spaces between thousands."""
    return f"{value:,}".replace(",", "\u2009")


def decimal(value: float) -> str:
    """A count that is a mean: whole above 1000, else three significant digits."""
    return whole(round(value)) if abs(value) >= 1000 else _digits(value)


def percent(share: float, digits: int = 2) -> str:
    """A share as a percentage."""
    return f"{100 * share:.{digits}f} %"


def _scale(value: float) -> tuple[float, str]:
    """The value in the prefix that brings it to 1 .. 1000, and the prefix."""
    if value == 0:
        return 0.0, ""
    power = min(max(3 * floor(_exponent(value) / 3), -15), 12)
    return value / 10.0**power, PREFIXES[power]


def _digits(value: float) -> str:
    """Three significant digits without an exponent."""
    if value == 0:
        return "0"
    places = max(0, 2 - _exponent(value))
    return f"{value:.{min(places, 6)}f}"


def _exponent(value: float) -> int:
    """Power of ten of the first digit, once rounded to three."""
    return int(f"{value:.2e}".partition("e")[2])
