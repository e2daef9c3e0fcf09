"""`seamount data`: what is listed, and that errors reach the user in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.data.generated import GENERATED
from models.data.official import OFFICIAL
from models.data.sources import SOURCES
from models.tasks import load_task
from seamount.cli.app import app
from toolchain.errors import InputError


def test_list_names_every_data_set_and_where_it_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAMOUNT_DATA", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "600")
    result = CliRunner().invoke(app, ["data", "list"])
    assert result.exit_code == 0
    for name, source in SOURCES.items():
        assert name in result.stdout and source.package in result.stdout and source.terms in result.stdout
    for name, entry in GENERATED.items():
        assert name in result.stdout and entry.rules in result.stdout
    for name, official in OFFICIAL.items():
        assert name in result.stdout and official.obtain in result.stdout
    assert "yes" not in result.stdout
    (tmp_path / "mnist.npz").touch()
    assert "yes" in CliRunner().invoke(app, ["data", "list"]).stdout


def test_get_refuses_an_unknown_name() -> None:
    result = CliRunner().invoke(app, ["data", "get", "cifar"])
    assert isinstance(result.exception, InputError) and "there is no data set 'cifar'" in str(result.exception)


def test_make_stores_a_set_of_the_size_that_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAMOUNT_DATA", str(tmp_path))
    result = CliRunner().invoke(app, ["data", "make", "listops", "--size", "100", "--workers", "1"])
    assert result.exit_code == 0 and result.stdout.strip() == str(tmp_path / "listops.npz")
    assert len(load_task("listops").train) == 96


def test_make_refuses_what_is_fetched() -> None:
    result = CliRunner().invoke(app, ["data", "make", "mnist"])
    assert isinstance(result.exception, InputError) and "there is no data set 'mnist'" in str(result.exception)
