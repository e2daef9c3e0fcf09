"""The folder that `deploy` leaves behind: its layout, its manifest, and whether it is what the manifest says."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from toolchain.errors import InputError
from toolchain.files import write_text
from toolchain.ir.program import SEMANTICS_VERSION
from toolchain.reading import bytes_of, json_of

MANIFEST = "MANIFEST.json"
SIGNATURE = "MANIFEST.sig"
PRODUCER = "seamount"
DIGEST = "digest"
"""The manifest's entry that is the sha256 of the manifest without it."""


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
    def signature(self) -> Path:
        """The manifest's signature, where it was signed."""
        return self.root / SIGNATURE

    @property
    def placement(self) -> Path:
        """Which core holds what."""
        return self.root / "placement.json"

    def trace(self, name: str) -> Path:
        """A trace, or the inputs (``input``) that the traces are of."""
        return self.root / "traces" / f"{name}.npz"


def rehash(folder: BuildFolder, names: Collection[str]) -> None:
    """Write the manifest with new hashes of some files, which were rewritten; all others keep theirs.

    Raises:
        InputError: as `read_manifest`.
    """
    manifest = read_manifest(folder)
    hashes = {name: file_hash(folder.root / name) for name in names}
    write_text(folder.manifest, _sealed({**manifest, "files": {**manifest["files"], **hashes}}))


def write_manifest(folder: BuildFolder, facts: Mapping[str, Any]) -> None:
    """Hash every file of the folder and write the manifest last."""
    manifest = {
        "producer": PRODUCER,
        "semantics_version": SEMANTICS_VERSION,
        **facts,
        "files": {name: file_hash(folder.root / name) for name in _files(folder.root)},
    }
    write_text(folder.manifest, _sealed(manifest))


def _sealed(manifest: Mapping[str, Any]) -> str:
    """The manifest's text with a digest of all else that it says, so that a changed bit of it is noticed too."""
    rest = {name: value for name, value in manifest.items() if name != DIGEST}
    return _text({**rest, DIGEST: hashlib.sha256(_text(rest).encode()).hexdigest()})


def _text(manifest: Mapping[str, Any]) -> str:
    return json.dumps(manifest, indent=2, sort_keys=True) + "\n"


def read_manifest(folder: BuildFolder) -> dict[str, Any]:
    """Read the manifest.

    Raises:
        InputError: there is none, it is not ours or not as it was written, or it is of another version of the meaning.
    """
    manifest = own_manifest(folder)
    if manifest.get("semantics_version") != SEMANTICS_VERSION:
        found = manifest.get("semantics_version")
        raise InputError(
            str(folder.manifest), f"semantics version {found}, this is {SEMANTICS_VERSION}", "deploy again"
        )
    files = manifest.get("files")
    listed = isinstance(files, dict) and all(isinstance(value, str) for value in files.values())
    # Compared as bytes: what JSON does not tell apart would pass, blanks or an escape in place of its letter.
    if not listed or bytes_of(folder.manifest) != _sealed(manifest).encode():
        what = f"is not as seamount wrote it (its {DIGEST} does not hold)"
        raise InputError(str(folder.manifest), what, "get the build again, or deploy again")
    return manifest


def own_manifest(folder: BuildFolder) -> dict[str, Any]:
    """A manifest of ours, of whatever version.

    Raises:
        InputError: there is none, or it is not ours.
    """
    if folder.manifest.is_symlink() or not folder.manifest.is_file():
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

    Whatever is not listed counts, Python's caches, links and empty folders too: a byte-code file would be run in place
    of the source whose hash is right. A signature is not listed, since it is made of the manifest.

    Raises:
        InputError: as `read_manifest`, or a folder that cannot be looked into.
    """
    listed = {name: hash for name, hash in read_manifest(folder)["files"].items() if name not in own}
    there = set(_files(folder.root)) - set(own)
    problems = [f"{name}: is missing" for name in sorted(set(listed) - there)]
    problems += [f"{name}: is not in the manifest" for name in sorted(there - set(listed))]
    problems += [f"{name}/: is a folder without listed files" for name in _stray(folder.root, {*listed, *own})]
    for name in sorted(there & set(listed)):
        if problem := _changed(folder.root / name, listed[name]):
            problems.append(f"{name}: {problem}")
    return problems


def refuse_changed(folder: BuildFolder, own: Collection[str] = ()) -> None:
    """Refuse to speak of a build whose files are others than when it was made.

    Args:
        own: files that the caller writes, which may be.

    Raises:
        InputError: a file is not what the manifest says; as `read_manifest`.
    """
    if changed := changed_files(folder, own):
        what = f"{len(changed)} files are not what the manifest says, first {changed[0]}"
        raise InputError(str(folder.root), what, "deploy again; seamount verify lists them all")


def _changed(path: Path, expected: str) -> str:
    if path.is_symlink():
        return "is a link"
    if not path.is_file():
        return "is no file"
    found = file_hash(path)
    return "" if found == expected else f"sha256 {found[:12]}..., the manifest says {expected[:12]}..."


def _walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Every folder below a root with the names of its folders and of all else; links are not followed."""
    for place, folders, others in os.walk(root, onerror=_refuse):
        links = [name for name in folders if Path(place, name).is_symlink()]
        folders[:] = [name for name in folders if name not in links]
        yield Path(place), folders, [*others, *links]


def _refuse(error: OSError) -> None:
    raise InputError(str(error.filename), f"cannot be looked into ({error.strerror})", "check its rights")


def _files(root: Path) -> list[str]:
    """All that lies below a folder but folders, the manifest and its signature, sorted."""
    found = [place / name for place, _, names in _walk(root) for name in names]
    apart = [root / MANIFEST, *([root / SIGNATURE] if (root / SIGNATURE).is_file() else [])]
    return sorted(path.relative_to(root).as_posix() for path in found if path not in apart or path.is_symlink())


def _stray(root: Path, listed: Collection[str]) -> list[str]:
    """Folders that hold no listed file."""
    parents = {parent.as_posix() for name in listed for parent in PurePosixPath(name).parents}
    found = [(place / name).relative_to(root).as_posix() for place, names, _ in _walk(root) for name in names]
    return sorted(name for name in found if name not in parents)


def file_hash(path: Path) -> str:
    """The sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
