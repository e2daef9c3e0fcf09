"""Tensors on disk: safetensors files, written whole or not at all, and checked when read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from toolchain.errors import InputError
from toolchain.files import write_text, written_whole
from toolchain.reading import parse_json

NOTE = "seamount"
"""The key of the file's metadata that holds our JSON."""
CHECKSUM = "sha256"
"""The key, in the note, of what all else must hash to."""


def write_json(path: Path, value: object) -> None:
    """Write JSON with sorted keys, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True) + "\n")


def save_tensors(path: Path, tensors: Mapping[str, Tensor], note: Mapping[str, Any] | None = None) -> None:
    """Write tensors and a JSON note in one file, so that they can't disagree."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # In the note, as safetensors writes several entries of its metadata in no fixed order.
    stored = parse_json(json.dumps(note or {}, sort_keys=True))
    marked = {**stored, CHECKSUM: _checksum(plain, stored)}
    metadata = {NOTE: json.dumps(marked, sort_keys=True)}
    with written_whole(path) as beside:
        beside.write_bytes(save(plain, metadata))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and note of a file.

    Raises:
        InputError: missing, not safetensors, cut short, with a note that is no JSON object, or not what was written by
            its checksum. Files of other tools, and of versions before it, have none.
    """
    if not path.is_file():
        raise InputError(str(path), "no such file")
    try:
        with safe_open(path, framework="pt") as file:
            note = parse_json((file.metadata() or {}).get(NOTE, "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(str(path), f"cannot be read as safetensors ({error})", "restore the file") from error
    if not isinstance(note, dict):
        raise InputError(str(path), f"its note is a {type(note).__name__}, not a JSON object", "restore the file")
    checksum = note.pop(CHECKSUM, None)
    if checksum is not None and checksum != _checksum(tensors, note):
        raise InputError(str(path), "is not what was written (its checksum does not hold)", "restore the file")
    return tensors, note


def _checksum(tensors: Mapping[str, Tensor], note: Mapping[str, Any]) -> str:
    """sha256 of a note and of tensors: names in order, types, shapes and bytes."""
    digest = hashlib.sha256(f"{json.dumps(note, sort_keys=True)}\n".encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def round_to_half(tensors: Mapping[str, Tensor], names: tuple[str, ...]) -> dict[str, Tensor]:
    """The tensors, those whose name ends with one of `names` in half precision.

    Raises:
        InputError: a value beyond the largest number of half precision, 65504.
    """
    rounded = {name: tensor.half() if name.endswith(names) else tensor for name, tensor in tensors.items()}
    for name, tensor in rounded.items():
        if not torch.isfinite(tensor).all():
            largest = tensors[name].abs().max().item()
            raise InputError(name, f"{largest:g} does not fit half precision (max 65504)", "store it in full: half=0")
    return rounded


def fill(module: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Copy tensors into a module's parameters; what is stored in half precision becomes float32 again.

    Raises:
        InputError: a name missing or unknown, a wrong shape or type, or a value that is not finite.
    """
    wanted = module.state_dict()
    missing, unknown = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
    if missing or unknown:
        raise InputError(where, f"missing tensors {missing}, unknown tensors {unknown}", "use the config it came with")
    for name, place in wanted.items():
        _check(f"{where}: {name}", tensors[name], place)
    module.load_state_dict(dict(tensors))


def _check(where: str, tensor: Tensor, place: Tensor) -> None:
    halved = tensor.dtype == torch.float16 and place.dtype == torch.float32
    if tensor.shape != place.shape or (tensor.dtype != place.dtype and not halved):
        found, wanted = f"{tensor.dtype} {tuple(tensor.shape)}", f"{place.dtype} {tuple(place.shape)}"
        raise InputError(where, f"is {found}, the configuration needs {wanted}", "use the config it came with")
    bad = int((~torch.isfinite(tensor)).sum())
    if bad:
        raise InputError(where, f"{bad} of {tensor.numel()} values are not finite", "train again or restore the file")
