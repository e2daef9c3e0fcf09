"""Another tree of the project: a folder, or a commit unpacked beside."""

from __future__ import annotations

import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def other_tree(base: str, folder: Path) -> Path:
    """The other tree: a folder as it is, a commit as `git archive` gives it, which leaves the repository alone.

    Args:
        base: a folder, or what git takes for a commit.
        folder: where a commit is unpacked; must not exist.
    """
    if Path(base).is_dir():
        return Path(base).resolve()
    folder.mkdir()
    packed = subprocess.run(["git", "-C", str(REPOSITORY), "archive", base], capture_output=True)
    if packed.returncode:
        raise SystemExit(f"BASE={base}: {packed.stderr.decode().strip()}")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
    return folder
