"""PyTorch with a fixed seed; what frameworks warn of themselves is theirs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def torch() -> Iterator[Any]:
    """torch with a fixed seed, whose state is given back."""
    module = pytest.importorskip("torch", reason="torch is not installed")
    with module.random.fork_rng(devices=[]):
        module.manual_seed(0)
        yield module
