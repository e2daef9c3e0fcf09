"""The quick tests on the lowest versions that pyproject.toml allows: `make test-lowest`, or `python -m tests.lowest`.

An environment of its own, `.oracles/lowest`, holds exactly the lower bound of each dependency of the base and of the
extras "onnx" and "dev" that these tests need. A bound that cannot be installed beside the others, or with which a test
fails, is too low.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

from oracles.make import Tool, environment

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("tests/exporters", "tests/backends/test_onnx.py", "tests/toolchain/ir", "tests/toolchain/bounds")
NOT_NEEDED = {"import-linter", "mypy", "nirtorch", "pytest-xdist", "ruff", "snntorch"}
"""Of the tools: what these tests do without, some of which bring PyTorch."""


def lowest(requirement: Requirement) -> str:
    """The requirement at its lower bound."""
    (bound,) = [s.version for s in requirement.specifier if s.operator == ">="]
    return f"{requirement.name}=={bound}"


def pins() -> Iterator[str]:
    """Every dependency at its lower bound; of two bounds the higher one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    found: dict[str, Requirement] = {}
    for text in (*project["dependencies"], *extras["onnx"], *extras["dev"]):
        requirement = Requirement(text)
        if requirement.name not in NOT_NEEDED:
            found[requirement.name] = requirement  # "dev" comes last and asks for more
    yield from map(lowest, found.values())


def main() -> int:
    """Install, and run the tests; their exit code."""
    python, variables = environment("lowest", Tool("python3.11", tuple(pins())))
    command = [python, "-m", "pytest", "-q", "-m", "not slow", "--hypothesis-profile=quick", *FOLDERS, *sys.argv[1:]]
    own = {**variables, "PYTHONPATH": str(ROOT), "PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(command, cwd=ROOT, env=own, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
