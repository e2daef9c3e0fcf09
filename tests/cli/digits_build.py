"""The digits network, deployed once a worker and shared by the tests that read it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from seamount.build.deploy import deploy

_KEPT: list[TemporaryDirectory[str]] = []


@cache
def digits_build() -> Path:
    """The folder that `seamount deploy zoo:digits` leaves; treat it as read-only."""
    _KEPT.append(TemporaryDirectory(prefix="seamount-digits-"))
    out = Path(_KEPT[-1].name) / "digits"
    assert deploy("zoo:digits", out).equal
    return out
