"""Which code runs on which device, and why."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cache

from toolchain.doctor import how_to_install, installed
from toolchain.errors import InputError, MissingPartError

CODES = ("triton", "torch")
INTERPRETER = "TRITON_INTERPRET"
"""Environment variable of Triton's own: 1 makes its kernels run on the CPU, slowly, without a compiler."""

REMEDY = how_to_install("accelerator")


@dataclass(frozen=True)
class Engine:
    """How populations are stepped.

    Attributes:
        code: ``triton``, kernels that hold registers over many steps, or ``torch``, one operation a primitive.
        device: ``cuda`` or ``cpu``.
        reason: why it is not Triton on a GPU; empty where it is.
    """

    code: str
    device: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.code} on {self.device}" + (f": {self.reason}" if self.reason else "")


def missing() -> str | None:
    """Why nothing can run here, with how to get it; None where something can."""
    return None if installed("torch") else f"torch is not installed; {REMEDY}"


def choose_engine(code: str | None = None) -> Engine:
    """The quickest engine that can run here, or the one that is named.

    Args:
        code: ``triton`` or ``torch``; None for what is quickest here.

    Raises:
        InputError: there is no code of that name.
        MissingPartError: PyTorch is not installed, or Triton is asked for and can't run here.
    """
    if code is not None and code not in CODES:
        raise InputError("engine", f"{code!r} is unknown", f"use one of {', '.join(CODES)}")
    if reason := missing():
        what, _, remedy = reason.partition("; ")
        raise MissingPartError("accelerator", what, remedy)
    lacking = _triton_lacks()
    if code == "triton" and lacking:
        if _interpreted():
            return Engine("triton", "cpu", f"{INTERPRETER} is set")
        raise MissingPartError("accelerator", f"Triton can't run: {lacking}", "leave the engine to be chosen")
    if lacking or code == "torch":
        return Engine("torch", "cuda" if _has_gpu() else "cpu", lacking or "asked for")
    return Engine("triton", "cuda")


@cache
def announce(engine: Engine) -> None:
    """Say on stderr, once a process, what runs where it is not Triton on a GPU."""
    if engine.reason:
        print(f"accelerator: {engine}", file=sys.stderr)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _interpreted() -> bool:
    return bool(installed("triton")) and os.environ.get(INTERPRETER) == "1"


def _triton_lacks() -> str:
    """Why Triton has no GPU to run on; empty where it has."""
    if not _has_gpu():
        return "torch sees no GPU"
    return "" if installed("triton") else "triton is not installed"
