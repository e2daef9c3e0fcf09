"""Making a generated data set and storing it in the data folder."""

from __future__ import annotations

import os
from pathlib import Path

from models.data import generated, write_data
from models.data.generated import Generated
from models.data.shards import Tell


def make(name: str, tell: Tell = lambda line: None, size: int | None = None, workers: int | None = None) -> Path:
    """Make a data set, check it, and store it in the data folder.

    Args:
        name: a key of `GENERATED`.
        tell: is called with each thing that is done.
        size: samples in all three parts; None for the usual number.
        workers: processes; None for one a processor. The result does not depend on it.

    Raises:
        InputError: an unknown name, or other content than the one that was measured with.
    """
    chosen: Generated = generated(name)
    size = chosen.size if size is None else size
    tell(f"{name}: {chosen.title}; rules: {chosen.rules}; {size} samples")
    path = write_data(name, chosen.make(size, workers or os.cpu_count() or 1, tell))
    tell(f"{name}: written to {path}")
    return path
