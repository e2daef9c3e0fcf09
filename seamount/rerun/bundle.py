"""A build as one file: a tar archive of its files and a list of the software that made it. Same build, same bytes."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from seamount.build.folder import MANIFEST, BuildFolder, changed_files, read_manifest
from toolchain.errors import InputError
from toolchain.files import written_whole
from toolchain.folders import scratch
from toolchain.version import __version__

INSIDE = "build"
"""The folder of the build in the archive."""
SBOM = "sbom.cdx.json"
"""What made the build, as CycloneDX 1.5."""
_MOST_FILES = 100_000
_CHUNK = 1 << 20
_REMEDY = "give a folder that seamount deploy wrote, or a file of seamount bundle"


def bundle(folder: Path, out: Path) -> Path:
    """Write a build as one file.

    Args:
        folder: that `deploy` wrote; its files must be what the manifest says.
        out: the file; its name usually ends with .tar.

    Raises:
        InputError: no build, or an altered one.
    """
    build = BuildFolder(folder)
    if changed := changed_files(build):
        what = f"{len(changed)} files are not what the manifest says, first {changed[0]}"
        raise InputError(str(folder), what, "deploy again; seamount verify lists them all")
    with written_whole(out) as beside, beside.open("wb") as file:
        _write(build, file)
    return out


def _write(build: BuildFolder, file: IO[bytes]) -> None:
    manifest = read_manifest(build)
    signed = [build.signature.name] if build.signature.is_file() else []
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in (MANIFEST, *signed, *sorted(manifest["files"])):
            with (build.root / name).open("rb") as content:
                archive.addfile(_entry(f"{INSIDE}/{name}", (build.root / name).stat().st_size), content)
        text = sbom(manifest).encode()
        archive.addfile(_entry(SBOM, len(text)), io.BytesIO(text))


def _entry(name: str, size: int) -> tarfile.TarInfo:
    """An entry without owner or date, which would make equal builds unequal files."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    return entry


def sbom(manifest: dict[str, Any]) -> str:
    """The software that made a build, by the versions that its manifest lists, as CycloneDX 1.5.

    Source of the format: https://cyclonedx.org/docs/1.5/json/.
    """
    versions: dict[str, str] = manifest["versions"]
    own = {"type": "application", "name": "seamount", "version": versions.get("seamount", __version__)}
    parts = [
        {"type": "library", "name": name, "version": version, "purl": f"pkg:pypi/{name}@{version}"}
        for name, version in sorted(versions.items())
        if name not in ("seamount", "python")
    ]
    python = {"type": "platform", "name": "python", "version": versions.get("python", "")}
    found = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "data", "name": manifest["model"], "version": manifest["program"]}},
        "components": [own, python, *parts],
    }
    return json.dumps(found, indent=1, sort_keys=True) + "\n"


@contextmanager
def unpacked(build: Path) -> Iterator[BuildFolder]:
    """A build's folder: as it is, or of a bundle that is unpacked for as long as it is looked at.

    Raises:
        InputError: a file that is not a bundle, or is not what `bundle` writes of its content, to the last bit.
    """
    if not build.is_file():
        yield BuildFolder(build)
        return
    with scratch("bundle") as place:
        folder = BuildFolder(place / INSIDE)
        folder.root.mkdir()
        try:
            with tarfile.open(build, "r:") as archive:
                _unpack(archive, place)
        except (tarfile.TarError, OSError, ValueError, EOFError, OverflowError) as error:
            raise InputError(str(build), f"is not a bundle ({error})", _REMEDY) from error
        if not changed_files(folder):
            _compare(folder, build, place / "again.tar")
        yield folder


def _unpack(archive: tarfile.TarFile, place: Path) -> None:
    """Take out plain files below the build's folder, and nothing else; ValueError for anything that no bundle has."""
    for number, entry in enumerate(archive):
        parts = PurePosixPath(entry.name).parts
        inside = entry.name == "/".join(parts) and parts[0] == INSIDE and ".." not in parts and len(parts) > 1
        if number >= _MOST_FILES or not entry.isreg() or entry.issparse() or not (inside or entry.name == SBOM):
            raise ValueError(f"{entry.name!r} is no file of a build")
        content = archive.extractfile(entry)
        if content is None:
            raise ValueError(f"{entry.name!r} holds nothing")
        target = place / entry.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            while part := content.read(_CHUNK):
                file.write(part)


def _compare(folder: BuildFolder, build: Path, again: Path) -> None:
    with again.open("wb") as file:
        _write(folder, file)
    with build.open("rb") as given, again.open("rb") as made:
        while True:
            one, other = given.read(_CHUNK), made.read(_CHUNK)
            if one != other:
                raise InputError(str(build), "is not what its files give when they are bundled again", _REMEDY)
            if not one:
                return
