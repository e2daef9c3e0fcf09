"""`--json`: every command has it, and prints one object of the fields that docs/json.md lists."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer.main

from seamount.cli.app import app
from seamount.cli.train import run_figures
from tests.cli.conftest import Run
from tests.cli.small_builds import small_builds
from tests.source_tree import ROOT

ROW = re.compile(r"^\| `([a-z ]+)` \| (.*) \|$", re.MULTILINE)
PAGE = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")


def documented() -> dict[str, set[str]]:
    """Fields by command; what stands in brackets is of a field's own content."""
    return {name: set(re.findall(r"`(\w+)`", re.sub(r"\([^()]*\)", "", text))) for name, text in ROW.findall(PAGE)}


def inside(group: object) -> dict[str, Any]:
    """The commands of a group by name; none of a command itself."""
    return dict(getattr(group, "commands", {}))


def commands() -> dict[str, list[str]]:
    """Options by command."""
    root = typer.main.get_command(app)
    found: dict[str, list[str]] = {}
    for name, command in inside(root).items():
        inner = inside(command)
        every = {f"{name} {key}": one for key, one in inner.items()} if inner else {name: command}
        found |= {key: [option for part in one.params for option in part.opts] for key, one in every.items()}
    return found


def test_every_command_has_it_and_is_documented() -> None:
    assert [name for name, options in commands().items() if "--json" not in options] == []
    assert documented().keys() == commands().keys()


def _words(folder: Path, network: Path, data: Path) -> dict[str, tuple[object, ...]]:
    first, second = small_builds()
    x = folder / "x.npz"
    np.savez(x, x=np.ones((2, 6, 4)))
    return {
        "zoo": ("zoo",),
        "check": ("check", network, "--calibrate", data),
        "energy": ("energy", first),
        "simulate": ("simulate", first, "--input", x, "--trace", folder / "t.npz"),
        "trace": ("trace", first),
        "compare": ("compare", first, second),
        "diff": ("diff", first, "--simulators", "reference,fast", "--out", folder / "repro"),
        "report": ("report", "--compare", first, second, "--out", folder / "c.html"),
        "quantize": ("quantize", network, "--calibrate", data),
        "plan": ("plan", "matmul_free_lm_370m"),
        "passes": ("passes", first / "program.txt"),
        "doctor": ("doctor",),
        "data list": ("data", "list"),
    }


ASKED = (
    "zoo", "check", "energy", "simulate", "trace", "compare", "diff", "report", "quantize", "plan", "passes", "doctor",
    "data list",
)  # fmt: skip
ELSEWHERE = {"zoo": {"name", "card"}, "diff": {"history", "listing", "follows", "verdicts"}, "report": {"report"}}
"""Fields that other words or other outcomes give."""


@pytest.mark.parametrize("command", ASKED)
def test_the_fields_are_those_that_are_documented(
    seamount: Run, tmp_path: Path, network: Path, data: Path, command: str
) -> None:
    ran = seamount(*_words(tmp_path, network, data)[command], "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert (found.pop("command"), found.pop("format")) == (command, 1)
    known = documented()[command]
    assert set(found) <= known
    assert known - set(found) <= ELSEWHERE.get(command, set())


def test_deploy_prints_its_report(seamount: Run, tmp_path: Path, network: Path, data: Path) -> None:
    words = ("--calibrate", data, "--compared", 1, "--compare", "fast", "--out", tmp_path / "b", "--json")
    found = json.loads(seamount("deploy", network, *words).out)
    assert set(found) == documented()["deploy"] | {"command", "format"}
    assert found["report"] == json.loads((tmp_path / "b" / "report.json").read_text())


def test_an_error_leaves_stdout_empty(seamount: Run) -> None:
    ran = seamount("energy", "absent", "--json")
    assert (ran.code, ran.out) == (1, "") and ran.err.startswith("error: absent: ")


def test_figures_of_a_run_are_null_where_it_has_no_configuration(tmp_path: Path) -> None:
    """`train sdn` leaves weights and a note alone."""
    assert set(run_figures(tmp_path)) == documented()["train"] - {"folder"}
    assert set(run_figures(tmp_path).values()) == {None}
