"""The project's own source as data: its files, its syntax trees, and who imports what."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("seamount", "toolchain", "models", "exporters", "simulators")
FOLDERS = (*PACKAGES, "tests", "examples", "benchmarks", "docs")


@dataclass(frozen=True)
class Source:
    """One Python file: its path from the root with forward slashes, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=self.path)

    @property
    def module(self) -> str:
        """Dotted name; that of the folder for an ``__init__.py``."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def imports(self) -> Iterator[str]:
        """Dotted names of everything imported anywhere, also inside functions and through importlib.

        ``from a import b`` gives ``a.b``: whether b is a module of a or a name in it, a is imported.
        """
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.Call) and call_name(node).split(".")[-1] in ("import_module", "__import__"):
                named = [argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant)]
                yield from (name for name in named if isinstance(name, str))


def call_name(call: ast.Call) -> str:
    """The dotted name of what is called, as far as it is one: ``np.clip``; ``.astype`` on anything else."""
    return dotted(call.func)


def dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def sources(*folders: str) -> list[Source]:
    """All Python files below the given folders, in order."""
    return [_source(path) for path in sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))]


@cache
def _source(path: Path) -> Source:
    """Read, and parsed where it is asked for, once in a run: the rules look at the same few hundred files."""
    return Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))


def tracked() -> list[str]:
    """Paths of the files that git tracks; of all below the known folders where there's no git (an unpacked archive)."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode == 0:
        return sorted(path for path in listing.stdout.split("\0") if path and (ROOT / path).is_file())
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    return sorted(path.relative_to(ROOT).as_posix() for path in found if "__pycache__" not in path.parts)
