"""The exported file run by nirtorch, with modules for the primitives that its default map lacks or gets wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.shipped import zoo
from models.tasks import load_task

nir = pytest.importorskip("nir", reason="nir is not installed")
nirtorch = pytest.importorskip("nirtorch", reason="nirtorch is not installed")

DT = 1e-4
SAMPLES = 24


def _tensor(values: Any) -> Tensor:
    return torch.as_tensor(np.asarray(values), dtype=torch.float64)


class _Linear(nn.Module):
    """Linear, and Affine with the bias that nirtorch's own map drops."""

    def __init__(self, node: Any) -> None:
        super().__init__()
        self.weight, self.bias = _tensor(node.weight), _tensor(getattr(node, "bias", 0.0))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.T + self.bias


class _Scale(nn.Module):
    def __init__(self, node: Any) -> None:
        super().__init__()
        self.scale = _tensor(node.scale)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


class _Euler(nn.Module):
    """LI, LIF and I by forward Euler; LIF spikes at v >= threshold, as the file's record says."""

    def __init__(self, node: Any) -> None:
        super().__init__()
        ones = np.ones_like(node.r)
        self.rate = _tensor(DT / node.tau if hasattr(node, "tau") else DT * ones)
        self.kept = 1 - self.rate if hasattr(node, "tau") else _tensor(ones)
        self.r = _tensor(node.r)
        self.threshold = _tensor(node.v_threshold) if hasattr(node, "v_threshold") else None

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        before = torch.zeros_like(self.r) if state is None else state
        v = self.kept * before + self.rate * self.r * x
        if self.threshold is None:
            return v, v
        spike = (v >= self.threshold).to(v)
        return spike, v * (1 - spike)


_MAP: dict[Any, Callable[[Any], nn.Module]] = {
    nir.Linear: _Linear,
    nir.Affine: _Linear,
    nir.Scale: _Scale,
    nir.LI: _Euler,
    nir.LIF: _Euler,
    nir.I: _Euler,
}


@pytest.mark.filterwarnings("ignore")
def test_nirtorch_agrees_with_the_step_form() -> None:
    module = nirtorch.nir_to_torch(str(zoo.ZOO / "digits" / "model.nir"), node_map=_MAP)
    inputs = torch.from_numpy(load_task("digits").test.inputs[:SAMPLES]).double()
    expected = zoo.load("digits").network.double().unroll(inputs).logits.detach()
    state, out = None, torch.zeros(())
    for t in range(inputs.shape[1]):
        out, state = module(inputs[:, t], state)
    # The file adds the logits up over the sequence; the network takes their mean.
    np.testing.assert_allclose(out.numpy() / inputs.shape[1], expected.numpy(), rtol=0, atol=1e-5)


def test_the_file_is_pure_nir() -> None:
    graph = nir.read(str(zoo.ZOO / "digits" / "model.nir"))
    standard = {nir.Input, nir.Output, nir.Affine, nir.Linear, nir.Scale, nir.LI, nir.LIF, nir.I}
    assert {type(node) for node in graph.nodes.values()} <= standard
