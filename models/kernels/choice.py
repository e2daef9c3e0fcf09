"""Which form of a kernel runs: the one place that asks for devices, number types and Triton.

A kernel is a function with up to three forms that compute the same:

    torch      PyTorch's operations: takes tensors of any device and type, and says what the others must give
    compiled   loops for a processor, compiled by numba
    triton     one kernel for an NVIDIA GPU; its module is imported only where it runs, since it imports Triton
"""

from __future__ import annotations

from enum import Enum, auto
from importlib.util import find_spec

import torch
from torch import Tensor

TRITON = find_spec("triton") is not None
"""Whether kernels for GPUs can be compiled; PyTorch's builds for NVIDIA GPUs bring Triton."""

WIDE = {"cuda"}
"""Types of the devices that compute so many values side by side that few large products beat many small ones."""


class Form(Enum):
    """A form of a kernel."""

    TORCH = auto()
    COMPILED = auto()
    TRITON = auto()


def form_of(tensor: Tensor, *types: torch.dtype) -> Form:
    """The form that takes a tensor.

    Args:
        tensor: what the kernel reads.
        types: the only ones that the Triton form is written for; none for all.
    """
    if tensor.device.type == "cpu":
        return Form.COMPILED
    fits = not types or tensor.dtype in types
    return Form.TRITON if tensor.device.type == "cuda" and TRITON and fits else Form.TORCH


def is_wide(tensor: Tensor) -> bool:
    """Whether sequences there lie channel by channel (`rows.py`) and are convolved in chunks (`chunks.py`)."""
    return tensor.device.type in WIDE
