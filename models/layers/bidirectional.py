"""A second kernel that runs backward in time: the published Long Range Arena models have it, a chip can't.

    y[t] = sum_{s <= t} k[t - s] u[s] + sum_{s >= t} k'[s - t] u[s]

For reproduction only: `forward` works on whole sequences; what needs a state step by step is refused.
"""

from __future__ import annotations

from torch import Tensor

from models.kernels.chunks import Filter
from models.layers.s4d import S4D, Coefficients
from toolchain.errors import UnsupportedError


class BidirectionalS4D(S4D):
    """Two state spaces, one for each direction of time."""

    def __init__(self, channels: int, modes: int, dt_min: float, dt_max: float) -> None:
        super().__init__(channels, modes, dt_min, dt_max)
        self.back = S4D(channels, modes, dt_min, dt_max)

    def forward(self, u: Tensor, made: Filter | None = None) -> Tensor:
        """Both directions, (batch, channels, steps) to the same shape; padding must be 0."""
        ahead: Tensor = super().forward(u, made)
        back: Tensor = self.back(u.flip(-1))
        return ahead + back.flip(-1)

    def recurrence(self) -> Coefficients:
        """There is none.

        Raises:
            UnsupportedError: always.
        """
        what = "a kernel that runs backward in time needs the end of a sequence before its beginning"
        raise UnsupportedError("direction", what, "train with direction=causal")
