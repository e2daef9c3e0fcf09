"""Arrays in a file as a user's own script leaves them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def save_plain_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """What `numpy.savez` writes of arrays by name, without a header of ours."""
    given: dict[str, Any] = dict(arrays)
    np.savez(path, **given)
