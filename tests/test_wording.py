"""Tracked text speaks of the project: no folder of one machine, no address of an index, no talk of how it was made."""

from __future__ import annotations

import re

import pytest

from tests.source_tree import ROOT, tracked

# Folders that belong to a machine, unless something is before the slash (a folder of ours that is called "opt").
MACHINE_PATH = re.compile(r"(?<![\w.~})/-])/(?:root|work|opt|home|Users|mnt)/[\w.]")
INDEX_ADDRESS = re.compile(r"file:///|(?:pypi\.org|pythonhosted\.org|download\.pytorch\.org)/", re.IGNORECASE)
TALK = re.compile(
    r"\b(?:issue|ticket|pull request)\s*(?:#|no\.?\s|number\s)?\s*\d+"
    r"|\b(?:this|previous|earlier|later|next|another) session\b"
    r"|\b(?:sub-?agent|helper session|other workers?|contract\.md)\b",
    re.IGNORECASE,
)
RULES = {"machine path": MACHINE_PATH, "index address": INDEX_ADDRESS, "talk": TALK}
OWN = "tests/test_wording.py"


def texts() -> dict[str, str]:
    """Every tracked file that is text, but for this one, which has to name what it forbids."""
    found = {}
    for path in tracked():
        content = (ROOT / path).read_bytes()
        if path != OWN and b"\0" not in content[:8192]:
            found[path] = content.decode("utf-8", errors="replace")
    return found


@pytest.mark.parametrize("name", RULES)
def test_tracked_text_is_free_of(name: str) -> None:
    hits = [
        f"{path}:{number}: {line.strip()[:120]}"
        for path, text in texts().items()
        for number, line in enumerate(text.splitlines(), 1)
        if RULES[name].search(line)
    ]
    assert not hits, "\n".join(hits)


def test_texts_are_found() -> None:
    assert {"pyproject.toml", "Makefile", "toolchain/errors.py"} <= texts().keys()


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("machine path", "open('/work/shared/x')"),
        ("machine path", "see /root/.cache"),
        ("index address", "--index-url https://download.pytorch.org/whl/cpu"),
        ("talk", "as asked in issue #12"),
        ("talk", "left for a later session"),
    ],
)
def test_rule_sees(name: str, line: str) -> None:
    assert RULES[name].search(line)


@pytest.mark.parametrize(
    "line", ["the issue is one of width", "session = onnxruntime.InferenceSession()", "at work/home/x", "build/opt/x"]
)
def test_rules_let_pass(line: str) -> None:
    assert not any(rule.search(line) for rule in RULES.values())
