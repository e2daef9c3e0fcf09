"""The list of parts agrees with what is declared and with what is installed."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from toolchain import doctor


def test_required_parts_are_the_declared_dependencies(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {Requirement(line).name for line in project["dependencies"]}
    assert {part.name for part in doctor.examine() if part.required} == declared | {"python"}


def test_remedies_name_extras_that_exist(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {extra for part in doctor.examine() for extra in re.findall(r"\[(\w+)\]", part.remedy)}
    assert extras
    assert extras <= project["optional-dependencies"].keys()


def test_lava_is_installed_as_the_makefile_does(repository: Path) -> None:
    (part,) = (part for part in doctor.examine() if part.name == "lava-nc")
    (pinned,) = re.findall(r"^LAVA := (.*)$", (repository / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert pinned in part.remedy


def test_versions_are_the_installed_ones() -> None:
    versions = {part.name: part.version for part in doctor.examine()}
    assert versions["python"] == platform.python_version()
    assert versions["numpy"] == importlib.metadata.version("numpy")


def test_missing_part_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "version", absent)
    parts = {part.name: part for part in doctor.examine()}
    assert parts["torch"].version is None and parts["torch"].ok
    assert parts["numpy"].version is None and not parts["numpy"].ok


def test_old_python_is_not_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MINIMUM_PYTHON", (99, 0))
    assert not doctor.examine()[0].ok


def test_programs_of_the_system_are_asked_for_their_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, said in (("node", "v20.1.3"), ("cc", "cc (Some 12.2.0-14) 12.2.0\nand more")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{said}'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = {part.name: part for part in doctor.examine()}
    assert (found["node"].version, found["cc"].version) == ("20.1.3", "12.2.0")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    found = {part.name: part for part in doctor.examine()}
    assert (found["node"].version, found["cc"].version) == (None, None)
    assert found["node"].ok and "Node.js" in found["node"].remedy


def test_hints_are_right_for_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a checkout there is no constraints.txt, and Seamount is on no index."""
    assert doctor.how_to_install("onnx") == "pip install -c constraints.txt '.[onnx]'"
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    doctor.how_to_install.cache_clear()
    try:
        assert doctor.how_to_install("onnx").startswith(
            "pip install 'onnx>="
        ) and "'onnxruntime>=" in doctor.how_to_install("onnx")
        assert doctor.how_to_install("train").startswith("pip install 'torch>=")
        assert "'numpy>=" in doctor.how_to_install() and "torch" not in doctor.how_to_install()
        assert doctor.how_to_install("none") == "install the wheel of Seamount again"
    finally:
        doctor.how_to_install.cache_clear()
