"""The folder that `deploy` leaves behind: its layout, its manifest, and how it comes to be whole or not at all."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolchain.errors import InputError
from toolchain.files import write_text
from toolchain.ir.program import SEMANTICS_VERSION
from toolchain.reading import json_of

MANIFEST = "MANIFEST.json"
PRODUCER = "seamount"


@dataclass(frozen=True)
class BuildFolder:
    """Names of the files in a build folder."""

    root: Path

    @property
    def manifest(self) -> Path:
        """Hashes of all other files, versions, seed and settings."""
        return self.root / MANIFEST

    @property
    def model(self) -> Path:
        """The trained network as NIR."""
        return self.root / "model.nir"

    @property
    def quantized(self) -> Path:
        """The program's integers as NIR."""
        return self.root / "quantized.nir"

    @property
    def text(self) -> Path:
        """The program as text."""
        return self.root / "program.txt"

    @property
    def program(self) -> Path:
        """The program as arrays."""
        return self.root / "program.npz"

    @property
    def onnx(self) -> Path:
        """One step of the program as ONNX."""
        return self.root / "model.onnx"

    @property
    def js(self) -> Path:
        """The program as a JavaScript module; its types lie beside it."""
        return self.root / "model.js"

    @property
    def c(self) -> Path:
        """The program in C: a header and a source file."""
        return self.root / "c"

    @property
    def lava(self) -> Path:
        """The stand-alone Lava package."""
        return self.root / "lava"

    @property
    def placement(self) -> Path:
        """Which core holds what."""
        return self.root / "placement.json"

    def trace(self, name: str) -> Path:
        """A trace, or the inputs (``input``) that the traces are of."""
        return self.root / "traces" / f"{name}.npz"


def rehash(folder: BuildFolder, names: Collection[str]) -> None:
    """Write the manifest with new hashes of some files, which were written anew; all others keep theirs.

    Raises:
        InputError: as `read_manifest`.
    """
    manifest = read_manifest(folder)
    hashes = {name: _sha256(folder.root / name) for name in names}
    write_text(
        folder.manifest,
        json.dumps({**manifest, "files": {**manifest["files"], **hashes}}, indent=2, sort_keys=True) + "\n",
    )


def write_manifest(folder: BuildFolder, facts: Mapping[str, Any]) -> None:
    """Hash every file of the folder and write the manifest last."""
    manifest = {
        "producer": PRODUCER,
        "semantics_version": SEMANTICS_VERSION,
        **facts,
        "files": {name: _sha256(folder.root / name) for name in _files(folder.root)},
    }
    write_text(folder.manifest, json.dumps(manifest, indent=2, sort_keys=True) + "\n")


def read_manifest(folder: BuildFolder) -> dict[str, Any]:
    """Read the manifest.

    Raises:
        InputError: there is none, it is not ours, or it is of another version of the meaning.
    """
    manifest = _own_manifest(folder)
    if manifest.get("semantics_version") != SEMANTICS_VERSION:
        found = manifest.get("semantics_version")
        raise InputError(
            str(folder.manifest), f"semantics version {found}, this is {SEMANTICS_VERSION}", "deploy again"
        )
    return manifest


def _own_manifest(folder: BuildFolder) -> dict[str, Any]:
    """A manifest of ours, of whatever version."""
    if not folder.manifest.is_file():
        raise InputError(str(folder.root), f"holds no {MANIFEST}", "give a folder that seamount deploy wrote")
    try:
        manifest = json_of(folder.manifest)
    except (OSError, ValueError) as error:
        raise InputError(str(folder.manifest), f"cannot be read ({error})", "deploy again") from error
    if not isinstance(manifest, dict) or manifest.get("producer") != PRODUCER:
        raise InputError(str(folder.manifest), "was not written by seamount deploy", "deploy again")
    return manifest


def changed_files(folder: BuildFolder, own: Collection[str] = ()) -> list[str]:
    """What is missing, added, or not what the manifest says, each with which; `own` files may be anything.

    Whatever is not listed counts, Python's caches and links too: a byte-code file would be run in place of the source
    whose hash is right.
    """
    listed = {name: hash for name, hash in read_manifest(folder)["files"].items() if name not in own}
    there = set(_files(folder.root)) - set(own)
    problems = [f"{name}: is missing" for name in sorted(set(listed) - there)]
    problems += [f"{name}: is not in the manifest" for name in sorted(there - set(listed))]
    for name in sorted(there & set(listed)):
        if (folder.root / name).is_symlink():
            problems.append(f"{name}: is a link")
        elif (found := _sha256(folder.root / name)) != listed[name]:
            problems.append(f"{name}: sha256 {found[:12]}..., the manifest says {listed[name][:12]}...")
    return problems


@contextmanager
def fresh_folder(out: Path) -> Iterator[BuildFolder]:
    """Yield a folder beside `out` to fill; it takes the place of `out` only if the block succeeds.

    What runs that were killed left beside `out` is removed first.

    Raises:
        InputError: `out` holds something that is not ours, or the current folder lies in it.
    """
    out = replaceable(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(out)
    beside = out.with_name(f".{out.name}.{_own_mark()}.partial")
    beside.mkdir()
    try:
        yield BuildFolder(beside)
        _replace(beside, out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def replaceable(out: Path) -> Path:
    """The folder that a build will take the place of, by its full path.

    Raises:
        InputError: `out` holds something that is not ours, or the current folder lies in it.
    """
    given, out = out, out.resolve()
    if Path.cwd().is_relative_to(out):
        what = "is the current folder, or holds it, and a build replaces its folder as a whole"
        raise InputError(str(given), what, "name a folder to be made, e.g. --out build/net")
    if out.exists() and not out.is_dir():
        raise InputError(str(given), "is a file", "choose another output folder")
    if out.is_dir() and any(out.iterdir()):
        try:
            _own_manifest(BuildFolder(out))
        except InputError as error:
            what = f"is not empty and not a build folder of seamount ({error.what})"
            raise InputError(str(given), what, "choose another output folder, or empty this one") from error
    return out


def replaced_build(out: Path) -> dict[str, Any] | None:
    """The manifest of the build that lies in `out` and will be replaced; None where none does."""
    return _own_manifest(BuildFolder(out)) if BuildFolder(out).manifest.is_file() else None


def clear_leftovers(out: Path) -> None:
    """Remove what killed runs left beside `out`; a build that one had just set aside is put back."""
    for path in sorted(out.parent.glob(f".{glob.escape(out.name)}.*")):
        mark, _, kind = path.name.removeprefix(f".{out.name}.").rpartition(".")
        if kind not in ("partial", "old") or not path.is_dir() or not _is_dead(mark):
            continue
        if kind == "old" and not out.exists():
            os.replace(path, out)
        else:
            shutil.rmtree(path, ignore_errors=True)


def _own_mark() -> str:
    """The process, and the machine, as a folder may be shared: PID@HOST."""
    return f"{os.getpid()}@{platform.node()}"


def _is_dead(mark: str) -> bool:
    """Whether the process that a leftover is marked with is gone; False where that cannot be known."""
    pid, _, host = mark.partition("@")
    if not pid.isdigit() or host not in ("", platform.node()):
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return int(pid) == os.getpid()


def _replace(beside: Path, out: Path) -> None:
    """Swap a finished folder into place; the old one goes last."""
    old = out.with_name(f".{out.name}.{_own_mark()}.old")
    if out.exists():
        os.replace(out, old)
    os.replace(beside, out)
    shutil.rmtree(old, ignore_errors=True)


def _files(root: Path) -> list[str]:
    """All that lies below a folder but folders and the manifest, sorted."""
    found = (path for path in root.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted(path.relative_to(root).as_posix() for path in found if path != root / MANIFEST)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
