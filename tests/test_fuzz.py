"""A few mutated files of each kind: `make fuzz` feeds many more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.fuzz.__main__ import Found, feed
from tests.fuzz.readers import Reader, readers


@pytest.mark.slow
def test_mutated_files_are_read_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng, found = np.random.default_rng(5), Found()
    for name, reader in readers(tmp_path).items():
        for _ in range(4 if reader.share == 1 else 40):
            feed(name, reader, tmp_path, rng, found)
    assert found.faults == {} and found.counts["refused"] > found.counts["read"] > 20


def test_what_is_no_error_of_ours_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def read(path: Path) -> None:
        raise ZeroDivisionError("odd")

    found = Found()
    feed("x", Reader([b"data"], read, (lambda data, rng: data,), ".x"), tmp_path, np.random.default_rng(0), found)
    (told,) = found.faults.values()
    assert found.counts["fault"] == 1 and "odd" in told and Path("build/fuzz/x-0.x").read_bytes() == b"data"
