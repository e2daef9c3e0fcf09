"""Which form of a kernel runs: by device, number type and whether Triton is there."""

from __future__ import annotations

import ast
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from models.kernels import choice
from models.kernels.choice import Form, form_of, is_wide
from tests.source_tree import dotted, sources


def _tensor(device: str, dtype: torch.dtype = torch.float32) -> Any:
    """What the choice asks of a tensor, on a device that need not be here."""
    return SimpleNamespace(device=torch.device(device), dtype=dtype)


@pytest.mark.parametrize(
    ("device", "dtype", "triton", "form"),
    [
        ("cpu", torch.float32, True, Form.COMPILED),
        ("cpu", torch.float64, False, Form.COMPILED),
        ("cuda", torch.float32, True, Form.TRITON),
        ("cuda", torch.float32, False, Form.TORCH),
        ("cuda", torch.float64, True, Form.TORCH),
        ("mps", torch.float32, True, Form.TORCH),
    ],
)
def test_form_of_a_kernel_written_for_float32(
    device: str, dtype: torch.dtype, triton: bool, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "TRITON", triton)
    assert form_of(_tensor(device, dtype), torch.float32) is form


def test_a_kernel_for_all_types_takes_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "TRITON", True)
    assert form_of(_tensor("cuda", torch.float64)) is Form.TRITON


def test_only_gpus_are_wide() -> None:
    assert [is_wide(_tensor(device)) for device in ("cpu", "cuda", "mps")] == [False, True, False]


def test_nothing_else_asks_for_triton_or_a_device_in_layers_and_kernels() -> None:
    askers = {
        source.path
        for source in sources("models/layers", "models/kernels", "models/network")
        for node in ast.walk(source.tree)
        if (isinstance(node, ast.Compare) and dotted(node.left).endswith("device.type"))
        or (isinstance(node, ast.Constant) and node.value == "triton")
    }
    assert askers == {"models/kernels/choice.py"}
