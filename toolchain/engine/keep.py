"""Results of finished units in a folder, one JSON file each, so that a second run need not do them again.

A result is taken from there if its unit has the same arguments, work and installed versions, the file is whole, and
the files that the result lists are what they were. A result lists files that the work wrote under ``files``: path to
sha256. What a worker's source says is not looked at: give changed code another folder.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from toolchain.doctor import installed
from toolchain.engine.units import Result, WorkUnit, as_text
from toolchain.files import write_text
from toolchain.reading import json_of
from toolchain.version import __version__

FORMAT = 1
FILES = "files"

_VERSIONED = (
    "numpy", "scipy", "h5py", "nir", "llvmlite", "numba", "scikit-learn", "torch", "onnx", "onnxruntime", "lava-nc",
)  # fmt: skip


@cache
def versions() -> dict[str, str]:
    """What is installed of what can change a result."""
    found = {name: installed(name) for name in _VERSIONED}
    listed = {name: version for name, version in found.items() if version is not None}
    return {"seamount": __version__, "python": platform.python_version(), **listed}


def file_hash(path: Path) -> str:
    """The sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Keeper:
    """The folder of one run.

    Attributes:
        folder: holds ``<unit>.json``.
        work: reference of the work.
        tell: is called with a line where a result that is there cannot be used.
    """

    folder: Path
    work: str
    tell: Callable[[str], None]
    _versions: Mapping[str, str] = field(default_factory=versions)

    def path(self, unit: WorkUnit) -> Path:
        """Where a unit's result is."""
        return self.folder / f"{unit.name}.json"

    def put(self, unit: WorkUnit, result: Result) -> None:
        """Keep a result; the file appears whole or not at all."""
        kept = {**self._facts(unit), "result": result, "sha256": _digest(result)}
        write_text(self.path(unit), json.dumps(kept, indent=1, sort_keys=True, allow_nan=False) + "\n")

    def get(self, unit: WorkUnit) -> Result | None:
        """The result of a unit that is done; None where it is to be done, with the reason if it was done before."""
        path = self.path(unit)
        if not path.exists():
            return None
        try:
            kept = json_of(path)
            result: Result = kept["result"]
            if kept["sha256"] != _digest(result):
                raise ValueError("its content does not match its hash")
            reason = self._changed(unit, kept) or _lost(result)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            reason = f"is broken ({error})"
        if not reason:
            return result
        self.tell(f"{path}: {reason}; done again")
        return None

    def _facts(self, unit: WorkUnit) -> Result:
        arguments = hashlib.sha256(as_text(unit.arguments, f"unit {unit.name}: arguments").encode()).hexdigest()
        return {
            "format": FORMAT,
            "unit": unit.name,
            "work": self.work,
            "arguments_sha256": arguments,
            "versions": dict(self._versions),
        }

    def _changed(self, unit: WorkUnit, kept: Mapping[str, object]) -> str:
        for name, value in self._facts(unit).items():
            if kept.get(name) != value:
                return f"is of other {name.removesuffix('_sha256')}"
        return ""


def _lost(result: Result) -> str:
    """Which of the files that a result lists is not what it was; "" where all are."""
    listed = result.get(FILES)
    for name, sha256 in listed.items() if isinstance(listed, dict) else ():
        path = Path(name)
        if not path.is_file() or file_hash(path) != sha256:
            return f"lists {name}, which is missing or changed"
    return ""


def _digest(result: Result) -> str:
    return hashlib.sha256(json.dumps(result, sort_keys=True, allow_nan=False).encode()).hexdigest()
