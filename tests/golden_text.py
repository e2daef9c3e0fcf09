"""Golden texts: files that tests compare with; `pytest --refresh-golden` rewrites them, a missing one fails."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent


def check(path: str, text: str, refresh: bool) -> None:
    """Compare with `tests/<path>`, or write it."""
    golden = TESTS / path
    if refresh:
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text, encoding="utf-8", newline="\n")
        return
    if not golden.is_file():
        pytest.fail(f"tests/{path} is missing; look at what pytest --refresh-golden writes, and commit it")
    found = golden.read_text(encoding="utf-8")
    if found != text:
        lines = difflib.unified_diff(found.splitlines(), text.splitlines(), "golden", "now", lineterm="", n=1)
        pytest.fail("\n".join([f"tests/{path} differs; --refresh-golden if meant", *list(lines)[:40]]))
