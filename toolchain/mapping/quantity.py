"""A number of the hardware with everything that a reader needs to judge it: band, unit, source, grade."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

GRADES: dict[str, str] = {
    "P": "primary source, read or run",
    "Q": "primary source, seen only as verbatim quotation",
    "V": "vendor claim or press",
    "S": "secondary source",
    "D": "derived, arithmetic shown",
    "?": "uncertain or assumed",
}
"""What the letters of `Quantity.grade` mean; two letters joined by ``+`` where a value rests on both."""


class Quantity(BaseModel):
    """One number and where it comes from.

    Attributes:
        value: the nominal value, in `unit`.
        low, high: the band, in `unit`; None where the number has none.
        unit: e.g. ``"words"``, ``"pJ"``, ``"ns"``.
        source: citation or derivation, in words.
        grade: letters of `GRADES`, joined by ``+``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, allow_inf_nan=False)

    value: float = Field(ge=0)
    low: float | None = Field(default=None, ge=0)
    high: float | None = Field(default=None, ge=0)
    unit: str = Field(min_length=1)
    source: str = Field(min_length=8)
    grade: str = Field(pattern=r"^[PQVSD?](\+[PQVSD?])*$")

    @model_validator(mode="after")
    def _ordered(self) -> Quantity:
        if (self.low is None) != (self.high is None):
            raise ValueError("give both low and high, or neither")
        if self.low is not None and self.high is not None and not self.low <= self.value <= self.high:
            raise ValueError(f"low <= value <= high does not hold: {self.low:g}, {self.value:g}, {self.high:g}")
        return self

    @property
    def banded(self) -> bool:
        """Whether a low and a high are known."""
        return self.low is not None

    @property
    def whole(self) -> int:
        """The value as an integer; ValueError if it is none."""
        if not self.value.is_integer():
            raise ValueError(f"{self.value:g} {self.unit} is not a whole number")
        return int(self.value)
