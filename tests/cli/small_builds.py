"""Two builds of a small LIF network, of 8 and of 4 weight bits, made once a worker and shared by what reads them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from seamount.build.deploy import deploy
from tests.cli.conftest import lif_graph
from toolchain.quantize.settings import Settings

_KEPT: list[TemporaryDirectory[str]] = []


@cache
def small_builds() -> tuple[Path, Path]:
    """Their folders; treat them as read-only."""
    _KEPT.append(TemporaryDirectory(prefix="seamount-small-"))
    root = Path(_KEPT[-1].name)
    rng = np.random.default_rng(3)
    data = {"x": rng.integers(0, 2, (8, 20, 4)).astype(float), "y": rng.integers(0, 3, 8)}
    for bits in (8, 4):
        deploy(
            lif_graph(),
            root / f"w{bits}",
            calibrate=data,
            compared=2,
            compare="fast",
            settings=Settings(weight_bits=bits),
        )
    return root / "w8", root / "w4"
