"""The Triton modules restated in PyTorch's operations: what callers hand to them is tried without a GPU."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from models.kernels import convolution, mixing, normalization, soma, voltages
from models.kernels.choice import Form

CALLERS = (convolution, mixing, normalization, soma, voltages)


def restated() -> dict[str, ModuleType]:
    """Each module by its full name."""
    functions: dict[str, dict[str, Callable[..., Any]]] = {
        "mixing": {"add": _add, "gate_backward": _gate_backward},
        "normalization": {"forward": _normalize, "backward": _normalize_backward},
        "soma": {"forward": soma._forward_torch, "backward": soma._backward_torch},
        "spectra": {"correlate": _correlate},
        "voltages": {"voltages": voltages._voltages_compiled},
    }
    modules = {}
    for name, own in functions.items():
        module = ModuleType(f"models.kernels.{name}_triton")
        vars(module).update(own)
        modules[module.__name__] = module
    return modules


def put_in_place(patch: pytest.MonkeyPatch) -> None:
    """Every kernel takes its Triton form, and finds what is restated here."""
    import sys

    import models.kernels

    for name, module in restated().items():
        patch.setitem(sys.modules, name, module)
        patch.setattr(models.kernels, name.rpartition(".")[2], module, raising=False)
    for caller in CALLERS:
        patch.setattr(caller, "form_of", lambda tensor, *types: Form.TRITON)


def _arriving(product: Tensor, bias: Tensor, channels: int) -> Tensor:
    both = product + bias[:, None]
    return torch.nn.functional.glu(both, dim=0) if len(both) > channels else both


def _add(stream: Tensor, product: Tensor, bias: Tensor) -> Tensor:
    return stream + _arriving(product, bias, len(stream))


def _gate_backward(grad: Tensor, product: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        given = product.detach().requires_grad_(), bias.detach().requires_grad_()
        first, second = torch.autograd.grad(_arriving(*given, len(grad)), given, grad)
    return first, second


def _normalize(
    x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, momentum: float, epsilon: float
) -> tuple[Tensor, Tensor]:
    own, spread = x.mean(1), x.var(1, unbiased=False)
    mean.lerp_(own, momentum)
    variance.lerp_(x.var(1), momentum)
    used = torch.stack([own, torch.rsqrt(spread + epsilon)], dim=1)
    return (x - own[:, None]) * used[:, 1:] * weight[:, None] + bias[:, None], used


def _normalize_backward(grad: Tensor, x: Tensor, used: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    unit = (x - used[:, :1]) * used[:, 1:]
    centred = grad - grad.mean(1, keepdim=True) - unit * (grad * unit).mean(1, keepdim=True)
    return weight[:, None] * used[:, 1:] * centred, (grad * unit).sum(1), grad.sum(1)


def _correlate(g: Tensor, spectrum: Tensor, response: Tensor) -> Tensor:
    found = (g * spectrum.conj()).sum(0)
    g.mul_(response.conj())
    return found
