"""Inputs for a build that is there: in the shape of its network, rounded and clipped as when it was made."""

from __future__ import annotations

from pathlib import Path

from seamount.build.folder import BuildFolder, read_manifest
from seamount.build.job import Entered, entered_lines
from seamount.build.result import Build
from seamount.events import Event, Tell
from seamount.given import samples_of
from seamount.ports import Ports
from seamount.samples import Data, Samples
from toolchain.errors import InputError
from toolchain.host.encode import encode_all, payloads_of
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program


def folder_of(build: Build | Path | str) -> BuildFolder:
    """The folder of a build.

    Raises:
        InputError: it is none that `deploy` wrote, or of another version of the meaning.
    """
    folder = build.files if isinstance(build, Build) else BuildFolder(Path(build))
    read_manifest(folder)
    return folder


def build_samples(folder: BuildFolder, program: Program, given: Data) -> Samples:
    """Samples for a build's program; x flat, or in the shape of the network's input.

    Raises:
        InputError: as `samples_of`.
    """
    return samples_of(given, Ports.of_build(read_manifest(folder), program))


def payloads(folder: BuildFolder, program: Program, samples: Samples, tell: Tell) -> dict[str, IntArray]:
    """Inputs as integers, by the rule that the build was made with; what was rounded or clipped is said.

    Raises:
        InputError: as `encode_all`.
    """
    encoded = encode_all(program, samples.values())
    entered = {name: Entered().plus(found) for name, found in encoded.items()}
    for _, line, grave in entered_lines(program, entered):
        if grave != "lost":
            tell(Event("encode", line))
    return payloads_of(encoded)


def refuse(given: object, option: str, reason: str, remedy: str) -> None:
    """Refuse an option that says nothing here.

    Raises:
        InputError: it is given.
    """
    if given is not None:
        raise InputError(option, f"is given, but {reason}", remedy)
