"""A path of linear nodes between two things that have state or emit messages, as one matrix."""

from __future__ import annotations

from dataclasses import dataclass

import scipy.sparse

from toolchain.frontend.graph import Node

INPUT_PORT = "input"
"""The port of every unit of one."""


@dataclass(frozen=True, eq=False)
class Link:
    """A linear map from one unit's messages to another unit's drive.

    Attributes:
        source, target: unit names.
        weights: (target, source) sparse float64 matrix.
        steps: 0 where it acts within the step; where it closes a loop, by how many steps (NIR: 1, the value of the step
            before, or what Delay nodes on it say).
        origin: the NIR nodes passed, joined with "+".
        kernel: the convolution or pooling whose matrix this is; None where there is none, or it is one part of several.
        port: of the target.
        delay: steps by which Delay nodes make it later, where it closes no loop.
        shared: whether a convolution lies on the way, whose weights many neurons share.
        closes: whether a Delay of a step and more lies on it, so that it closes a loop by itself.
    """

    source: str
    target: str
    weights: scipy.sparse.csr_array
    steps: int
    origin: str
    kernel: Node | None = None
    port: str = INPUT_PORT
    delay: int = 0
    closes: bool = False
    shared: bool = False

    @property
    def name(self) -> str:
        """Its name, and that of the projection that it becomes."""
        port = "" if self.port == INPUT_PORT else f".{self.port}"
        more = self.delay + max(0, self.steps - 1)
        late = f"(+{more})" if more else ""
        return f"{self.source}->{self.target}{port}" + ("(loop)" if self.steps else "") + late
