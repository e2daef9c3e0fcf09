"""A foreign package that shadows one of ours is named."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from toolchain.errors import MissingPartError, ToolchainError
from toolchain.packaging import PACKAGES, check_packages


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with four packages of the right names, alone on the import path, behind an empty `foreign` folder."""
    for name in PACKAGES:
        (tmp_path / "home" / name).mkdir(parents=True)
        (tmp_path / "home" / name / "__init__.py").touch()
    for module in list(sys.modules):
        if module.split(".")[0] in PACKAGES:
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "foreign"), str(tmp_path / "home")])
    monkeypatch.setattr(sys, "meta_path", [finder for finder in sys.meta_path if "editable" not in repr(finder)])
    return tmp_path / "home"


def put(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.touch()
    importlib.invalidate_caches()


def test_own_packages_pass() -> None:
    check_packages()


def test_complete_home_passes(home: Path) -> None:
    check_packages(home)


@pytest.mark.parametrize("shadow", ["models/__init__.py", "models.py"])
def test_shadowing_path_is_named(home: Path, shadow: str) -> None:
    put(home.parent / "foreign" / shadow)
    with pytest.raises(ToolchainError, match=r"models: resolves to .*foreign.*models") as caught:
        check_packages(home)
    assert str(home / "models") in str(caught.value)


def test_folder_that_is_no_package_shadows_nothing(home: Path) -> None:
    put(home.parent / "foreign" / "models" / "notes.txt")
    check_packages(home)


def test_missing_package_is_named(home: Path) -> None:
    (home / "exporters" / "__init__.py").unlink()
    (home / "exporters").rmdir()
    with pytest.raises(MissingPartError, match="exporters: package not found"):
        check_packages(home)
