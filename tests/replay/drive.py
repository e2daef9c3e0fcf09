"""Run jobs through the command line of one tree, all in this process: `python drive.py TREE JOBS.json LAVA`.

Stands alone: it imports nothing of either tree but the entry point that the tree's own pyproject.toml names, so that
trees of any layout can be driven. Each job leaves ``<name>.said.json``: exit code, error line, seconds.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.metadata
import io
import json
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

HIDDEN = "lava-nc"


def entry_point(tree: Path) -> tuple[str, str, list[str]]:
    """(module, function) of the console script `seamount` of a tree, and its top-level packages."""
    project = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))
    module, _, function = project["project"]["scripts"]["seamount"].partition(":")
    included = project["tool"]["setuptools"]["packages"]["find"]["include"]
    return module, function, sorted({name.partition(".")[0] for name in included})


def hide_lava() -> None:
    """Make the distribution look absent: its simulator takes seconds to start, for every network anew."""
    found = importlib.metadata.version

    def version(distribution_name: str) -> str:
        if distribution_name == HIDDEN:
            raise importlib.metadata.PackageNotFoundError(distribution_name)
        return found(distribution_name)

    importlib.metadata.version = version


def refuse_others(tree: Path, packages: list[str]) -> None:
    """Stop where a package of the project came from elsewhere, as an editable installation would have it."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.partition(".")[0] in packages and file and not Path(file).resolve().is_relative_to(tree):
            raise SystemExit(f"{name} was imported from {file}, not from {tree}")


def call(main: Callable[[], object], words: list[str]) -> dict[str, Any]:
    """One command: exit code, the error line ("" where none), all that it said and printed, CPU seconds."""
    sys.argv = ["seamount", *words]
    out, err, begun, code, error = io.StringIO(), io.StringIO(), time.process_time(), 0, ""
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as stopped:
            code = stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
        except Exception as fault:
            code, error = 70, f"{type(fault).__name__}: {fault}"
    said = err.getvalue()
    if code and not error:
        lines = [line for line in said.splitlines() if line.startswith("error")] or said.splitlines()
        error = lines[-1] if lines else "nothing said"
    seconds = time.process_time() - begun
    return {"code": code, "error": error, "said": said, "printed": out.getvalue(), "seconds": seconds}


def main() -> None:
    """Run all jobs of a file in the current folder."""
    tree, jobs = Path(sys.argv[1]).resolve(), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    if sys.argv[3] == "without":
        hide_lava()
    sys.path.insert(0, str(tree))
    module, function, packages = entry_point(tree)
    run = getattr(importlib.import_module(module), function)
    for number, job in enumerate(jobs):
        said = call(run, job["words"])
        refuse_others(tree, packages)
        printed = said.pop("printed")
        if "--json" in job["words"] and not said["code"]:
            Path(job["name"] + ".json").write_text(printed, encoding="utf-8")
        Path(job["name"] + ".said.json").write_text(json.dumps(said), encoding="utf-8")
        if number % 8 == 7:
            gc.collect()


if __name__ == "__main__":
    main()
