"""What a user installs: the wheel, its metadata, the pinned versions, and the commands that the README names."""

from __future__ import annotations

import email.message
import email.parser
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.source_tree import PACKAGES, ROOT, tracked

METADATA = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = METADATA["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the tracked files, without the network, away from the working tree."""
    tree = tmp_path_factory.mktemp("tree")
    for path in tracked():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes((ROOT / path).read_bytes())
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-build-isolation",
        "--no-deps",
        "--no-index",
        "-w",
        "out",
        ".",
    ]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, env={**os.environ, "PIP_NO_INDEX": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = (tree / "out").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def contents(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.parser.BytesParser().parsebytes(archive.read(name))


def test_wheel_holds_every_tracked_file_of_the_packages_and_nothing_else(contents: list[str]) -> None:
    wanted = {path for path in tracked() if path.split("/")[0] in PACKAGES}
    held = {path for path in contents if ".dist-info/" not in path}
    assert held == wanted


def test_wheel_is_licensed_and_private(contents: list[str], metadata: email.message.Message) -> None:
    assert any(path.endswith(".dist-info/licenses/LICENSE") for path in contents)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "Private :: Do Not Upload" in metadata.get_all("Classifier", [])


def test_wheel_asks_neither_for_torch_nor_lava_nor_onnx(metadata: email.message.Message) -> None:
    requirements = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]
    base = {requirement.name for requirement in requirements if not requirement.marker}
    assert {"numpy", "nir", "typer"} <= base
    assert base.isdisjoint({"torch", "lava-nc", "onnx", "onnxruntime"})


def test_wheel_has_the_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert "seamount = seamount.cli:main" in archive.read(name).decode()


def test_license_is_the_whole_apache_license() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def pins() -> dict[str, Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def named() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(line) for line in [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]]


@pytest.mark.parametrize("requirement", named(), ids=lambda requirement: requirement.name)
def test_named_dependency_is_pinned_within_its_range(requirement: Requirement) -> None:
    pin = pins()[canonicalize_name(requirement.name)]
    (only,) = pin.specifier
    assert only.operator == "=="
    assert requirement.specifier.contains(only.version)


def test_readme_starts_with_commands_that_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named_targets = re.findall(r"^(?:    |\$ |)make ([a-z-]+)", readme, re.MULTILINE)
    assert {"demo", "test"} <= set(named_targets)
    assert [target for target in named_targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []
