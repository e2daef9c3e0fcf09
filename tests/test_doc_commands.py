"""Every command that a page shows exists, with every option that it is shown with; every Python snippet is Python."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator

import pytest
import typer.main

from seamount.cli.app import app
from tests.source_tree import ROOT, tracked

PAGES = [
    path
    for path in tracked()
    if path.endswith(".md") and (path.startswith("docs/") or path in ("README.md", "CONTRIBUTING.md"))
]
LINE = re.compile(r"^(?:    |\$ )(?:\$ )?(seamount .*)$")
SNIPPET = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def shown(text: str) -> Iterator[list[str]]:
    """The words of each command in a page's code."""
    for line in re.sub(r"\\\n +", "", text).splitlines():
        found = LINE.match(line)
        if found:
            words = shlex.split(found[1].split("  #")[0].split(" > ")[0].replace("...", ""), comments=True)
            yield words[1:]


def fault(words: list[str]) -> str:
    """What is wrong with a command; empty where nothing is."""
    at = typer.main.get_command(app)
    rest = list(words)
    while rest and hasattr(at, "commands") and not rest[0].startswith("-"):
        if rest[0] not in at.commands:
            return f"no command {rest[0]!r}"
        at = at.commands[rest.pop(0)]
    known = {option for part in at.params for option in (*part.opts, *part.secondary_opts)}
    known |= {"--help", "--install-completion", "--show-completion"}
    given = [word.split("=")[0] for word in rest if word.startswith("--")]
    return ", ".join(f"no option {word}" for word in given if word not in known)


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert [(words, found) for words in shown(text) if (found := fault(words))] == []


@pytest.mark.parametrize("page", [page for page in PAGES if not page.startswith("docs/reference/")])
def test_snippets_are_python(page: str) -> None:
    for text in SNIPPET.findall((ROOT / page).read_text(encoding="utf-8")):
        ast.parse(text)


def test_faults_are_found() -> None:
    assert fault(["deploy", "zoo:digits", "--compared", "2"]) == ""
    assert fault(["data", "get", "mnist"]) == ""
    assert fault(["deploi"]) == "no command 'deploi'"
    assert fault(["data", "fetch"]) == "no command 'fetch'"
    assert fault(["verify", "build", "--fast"]) == "no option --fast"


def test_commands_are_found() -> None:
    readme = list(shown((ROOT / "README.md").read_text(encoding="utf-8")))
    assert len(readme) > 20 and ["simulate", "build/digits", "--input", "x.npz", "--trace", "out.npz"] in readme
