"""What the examples of the API's docstrings speak of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.conftest import lif_graph
from tests.cli.conftest import seamount as seamount  # the fixture
from toolchain.frontend.write import write_nir


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    """The names that the examples use, in a folder with their network, where nothing slow runs."""

    monkeypatch.setattr("seamount.simulators.COMPARABLE", ("fast",))
    monkeypatch.chdir(tmp_path)
    write_nir(lif_graph(), tmp_path / "net.nir")
    rng = np.random.default_rng(3)
    return {"x": rng.integers(0, 2, (8, 20, 4)).astype(float), "y": rng.integers(0, 3, 8)}
