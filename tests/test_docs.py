"""Pages name files that are there, and links between them lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.source_tree import FOLDERS, ROOT, tracked

PAGES = [path for path in tracked() if path.endswith(".md") and not path.startswith(("models/shipped/", "CHANGELOG"))]
NAMED = re.compile(rf"`((?:{'|'.join(FOLDERS)})/[\w/.-]+\.(?:py|md|toml|json|txt))`")
LINK = re.compile(r"\]\(([\w./-]+\.(?:md|png|svg|json))[)#]")
WRITTEN_BY_RUNS = {"benchmarks/latest.json"}
MADE_FOR_THE_SITE = {"commands.md", "contributing.md", "changelog.md", "security.md"}
"""By docs/site_pages.py; tests/test_site.py sees that links to them lead there."""


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    new = set(re.findall(r"New file `([^`]+)`", text))
    named = {name for name in NAMED.findall(text) if "NAME" not in name} - new - WRITTEN_BY_RUNS
    assert sorted(name for name in named if not (ROOT / name).exists()) == []
    linked = set(LINK.findall(text)) - (MADE_FOR_THE_SITE if page.startswith("docs/") else set())
    assert sorted(to for to in linked if not ((ROOT / page).parent / Path(to)).exists()) == []


def test_pages_do_name_files() -> None:
    assert sum(len(NAMED.findall((ROOT / page).read_text(encoding="utf-8"))) for page in PAGES) > 60
