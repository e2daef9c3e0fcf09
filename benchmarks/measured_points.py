"""Times, powers and energies that were measured on Loihi 1 and 2, with what each is used for here.

A point that made a constant cannot check it; such points are marked, and the others are counted apart.
"""

from __future__ import annotations

from dataclasses import dataclass

from toolchain.report.energy import Banded

MADE = "made a constant"
CHECKS = "checks"


@dataclass(frozen=True)
class Point:
    """One measured quantity beside what the tool says.

    Attributes:
        what: which network and quantity.
        table: the cost table that is asked.
        unit: of both numbers.
        measured: the mean that was published.
        told: nominal and band; None where the tool says nothing of it.
        role: `MADE` or `CHECKS`.
        why: what a reader must know; for a point outside the band, why it lies there.
    """

    what: str
    table: str
    unit: str
    measured: float
    told: Banded | None
    role: str = CHECKS
    why: str = ""

    @property
    def inside(self) -> bool:
        """Whether the measured value lies in the band."""
        return self.told is not None and self.told.low <= self.measured <= self.told.high

    @property
    def factor(self) -> float | None:
        """Nominal over measured; None without a nominal or where the measured value is not above 0."""
        return None if self.told is None or self.measured <= 0 else self.told.nominal / self.measured


@dataclass(frozen=True)
class PairCase:
    """Two LIF neurons over 10^7 steps, mean of about 100 runs (NECOTIS, TemporalLearningInRSNNs, 2025).

    Attributes:
        hertz, bias: spikes of the first neuron in 1,000 steps, and the bias that makes them.
        delay: extra steps of the synapse.
        time_us, dynamic_nj, static_nj: of a step.
    """

    hertz: int
    bias: int
    delay: int
    time_us: float
    dynamic_nj: float
    static_nj: float


PAIR = (
    PairCase(25, 417, 0, 1.1637, 26.7, 249.7),
    PairCase(25, 417, 1, 1.1638, 32.7, 249.9),
    PairCase(25, 417, 10, 1.1639, 31.9, 249.7),
    PairCase(25, 417, 15, 1.1632, 28.9, 249.9),
    PairCase(50, 470, 0, 1.1639, 31.7, 247.4),
    PairCase(50, 470, 5, 1.1641, 36.1, 246.5),
    PairCase(50, 470, 10, 1.1637, 33.4, 247.0),
    PairCase(50, 470, 20, 1.1638, 29.3, 247.7),
    PairCase(100, 640, 1, 1.1645, 37.2, 249.1),
    PairCase(100, 640, 5, 1.1641, 40.6, 248.3),
    PairCase(100, 640, 15, 1.1639, 44.1, 248.5),
    PairCase(100, 640, 20, 1.1641, 39.1, 248.7),
)

PILOTNET_STATIC_W = (0.168, 0.208, 0.282, 0.342, 0.352, 0.354)
"""lava-dl PilotNet notebook in six versions: one network, one table of cores, boards of 2022."""
PILOTNET_DYNAMIC_W = (-0.006, 0.034)
"""Least and greatest of the same six."""


@dataclass(frozen=True)
class Profile:
    """A profiled S4D network a step (lava-dl S4D_debug, 2024, N3C1); counts were read off a plot, to 10 %."""

    name: str
    synops: int
    word_updates: int
    core_messages: int
    time_us: float
    dynamic_uj: float
    static_w: float | None


S4D = (
    Profile("S4D, torch version", 16_900, 1_428, 850, 31.03, 0.66, 0.109),
    Profile("S4D, sigma-delta version", 1_900, 3_000, 0, 30.98, 0.315, None),
)

LM_MACS = 307_000_000
"""Multiply-accumulates a token of the MatMul-free language model of 370 M parameters (Abreu et al. 2025, quoted)."""
LM_CHIPS = 24
LM_GENERATION = (41.5, 0.405)
"""Tokens a second, joules a token."""
LM_PREFILL = (6632.0, 0.0037)
