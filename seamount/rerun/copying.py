"""What is looked at and run is a copy of listed files, so that nothing can change between the check and the run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seamount.build.folder import BuildFolder, read_manifest
from toolchain.errors import InputError
from toolchain.folders import scratch

_CHUNK = 1 << 20


@contextmanager
def listed_copy(folder: BuildFolder) -> Iterator[BuildFolder]:
    """A copy of the files that the manifest lists, in a folder that nobody else writes into.

    Raises:
        InputError: a file is not what the manifest says, as it was copied.
    """
    listed = read_manifest(folder)["files"]
    with scratch("build") as place:
        copy = BuildFolder(place / "build")
        copy.root.mkdir()
        copy.manifest.write_bytes(folder.manifest.read_bytes())
        for name, expected in listed.items():
            if _copied(folder.root / name, copy.root / name) != expected:
                raise InputError(str(folder.root / name), "changed while it was looked at", "verify again")
        yield copy


def _copied(source: Path, target: Path) -> str:
    """Copy a file; the sha256 of what was written."""
    digest = hashlib.sha256()
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as given, target.open("xb") as taken:
        while part := given.read(_CHUNK):
            digest.update(part)
            taken.write(part)
    return digest.hexdigest()
