"""What measuring one choice of widths found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Minimize = Literal["energy", "memory"]
MINIMIZED: tuple[Minimize, ...] = ("energy", "memory")


@dataclass(frozen=True)
class Measured:
    """One program on the samples that choices are made on.

    Attributes:
        samples, right: how many there were and were decided right.
        float_right: how many of them the float network decides right.
        output_error: rms difference of what the host reads, as a share of the float outputs' rms.
        energy_j: total energy an inference by the target's first cost table, nominal.
        memory_bytes: words of all cores, state, coefficients, synapses and axons.
        synops: non-zero synaptic operations an inference.
        cores: that the program takes.
        refused: why there is no such program, "" where there is one; all else is 0 then.
    """

    samples: int = 0
    right: int = 0
    float_right: int = 0
    output_error: float = 0.0
    energy_j: float = 0.0
    memory_bytes: int = 0
    synops: float = 0.0
    cores: int = 0
    refused: str = ""

    @property
    def points_lost(self) -> float:
        """Accuracy lost against the float network, in points; below 0 where it is better."""
        return 100.0 * (self.float_right - self.right) / self.samples

    def cost(self, minimize: Minimize) -> float:
        """What is to be small: joules an inference, or bytes."""
        return self.energy_j if minimize == "energy" else float(self.memory_bytes)

    def within(self, loss_points: float) -> bool:
        """Whether there is a program and it loses no more than so many points."""
        # Whole decisions are compared, so that no rounding of the points decides.
        return not self.refused and 100.0 * (self.float_right - self.right) <= loss_points * self.samples

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        if self.refused:
            return {"refused": self.refused}
        return {name: value for name, value in vars(self).items() if name != "refused"} | {
            "points_lost": self.points_lost
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Measured:
        """Of what `as_dict` gave."""
        return cls(**{name: value for name, value in values.items() if name != "points_lost"})
