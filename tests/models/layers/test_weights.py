"""Weights on disk: a flipped bit of any tensor or of the note is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.layers.weights import load_tensors, save_tensors
from toolchain.errors import InputError

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "half": torch.ones(3).half(), "flag": torch.tensor([True, False])}


def test_what_is_written_is_read_and_a_changed_bit_is_not(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_tensors(path, {**TENSORS, "one": torch.tensor(3)}, {"epoch": 1})
    whole = path.read_bytes()
    tensors, note = load_tensors(path)
    assert note == {"epoch": 1} and torch.equal(tensors["a"], TENSORS["a"]) and tensors["one"] == 3
    for at in (len(whole) - 1, len(whole) - 20, whole.index(b"epoch") + 9):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(InputError):
            load_tensors(path)


def test_weights_without_a_checksum_are_read(tmp_path: Path) -> None:
    """Other tools write none."""
    save_file(TENSORS, tmp_path / "w.safetensors")
    assert load_tensors(tmp_path / "w.safetensors")[0].keys() == TENSORS.keys()
