"""The surrogate dynamic network (SDN) of SpikingSSMs: the soma's leaked membrane, predicted for all steps at once.

A small convolutional network maps the drive I of a neuron with threshold 1 to what is left of its membrane before each
step, P[t] = LEAK v'[t-1], so that all spikes come in parallel: s[t] = 1 if P[t] + I[t] >= 1. (Shen et al., AAAI 2025.)
Any threshold theta is handled by feeding I / theta. Eight taps suffice: 0.125^8 is 6e-8.

    e = E I                                   1 x 1, 1 to 8 channels, no bias
    h = relu(bn(K e))                         depthwise, 8 taps: step t sees e[t-8] .. e[t-1]
    h = relu(h + bn(F h))                     1 x 1, 8 to 8
    P = R h + r                               1 x 1, 8 to 1

`fused` folds the encoder and the batch norms: 64 + 8 + 64 + 8 + 8 + 1 = 153 numbers are left. They are frozen when a
network is trained, and a gradient reaches a spike through I[t] alone (the triangle of `soma.py`), never through P: the
graph is that of SLTT. Step by step, a network runs the exact soma: the SDN is dropped after training, as in the paper.
`sdn.safetensors` is what `seamount train sdn` makes (`training/sdn.py`). The exact soma of `soma.py` is faster and
leaves no gap between training and inference; this one is here because the paper has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from models.layers.binary_s4d import spike
from models.layers.soma import Soma
from models.layers.weights import load_tensors
from toolchain.errors import InputError

WIDTH, TAPS = 8, 8
WEIGHTS = Path(__file__).parent / "sdn.safetensors"
SHAPES = {
    "taps.weight": (WIDTH, 1, TAPS),
    "taps.bias": (WIDTH,),
    "inner.weight": (WIDTH, WIDTH, 1),
    "inner.bias": (WIDTH,),
    "readout.weight": (1, WIDTH, 1),
    "readout.bias": (1,),
}
"""The 153 numbers of a fused network."""


class TrainableSDN(nn.Module):
    """The network as it is trained, with batch norms."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Conv1d(1, WIDTH, 1, bias=False)
        self.taps = nn.Conv1d(WIDTH, WIDTH, TAPS, groups=WIDTH, padding=TAPS, bias=False)
        self.taps_norm = nn.BatchNorm1d(WIDTH)
        self.inner = nn.Conv1d(WIDTH, WIDTH, 1, bias=False)
        self.inner_norm = nn.BatchNorm1d(WIDTH)
        self.readout = nn.Conv1d(WIDTH, 1, 1)

    def forward(self, drive: Tensor) -> Tensor:
        """Predicted P (rows, steps) for drives (rows, steps)."""
        hidden = self.taps(self.encoder(drive[:, None]))[..., : drive.shape[-1]]
        hidden = torch.relu(self.taps_norm(hidden))
        hidden = torch.relu(hidden + self.inner_norm(self.inner(hidden)))
        predicted: Tensor = self.readout(hidden)[:, 0]
        return predicted

    @torch.no_grad()
    def fused(self) -> dict[str, Tensor]:
        """The same function, by the norms' running statistics, in 153 numbers: tensors as in `SHAPES`."""
        first, first_shift = _fold(self.taps_norm)
        second, second_shift = _fold(self.inner_norm)
        tensors = {
            "taps.weight": self.taps.weight * (first * self.encoder.weight[:, 0, 0])[:, None, None],
            "taps.bias": first_shift,
            "inner.weight": self.inner.weight * second[:, None, None],
            "inner.bias": second_shift,
            **{f"readout.{name}": tensor for name, tensor in self.readout.state_dict().items()},
        }
        return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def _fold(norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """Scale and shift that a batch norm is in evaluation."""
    statistics = norm.state_dict()
    scale = norm.weight / torch.sqrt(statistics["running_var"] + norm.eps)
    return scale, norm.bias - scale * statistics["running_mean"]


class SDN(nn.Module):
    """The fused network, frozen: its numbers are neither trained nor stored with a network that uses it."""

    taps_weight: Tensor
    taps_bias: Tensor
    inner_weight: Tensor
    inner_bias: Tensor
    readout_weight: Tensor
    readout_bias: Tensor

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        for name in SHAPES:
            self.register_buffer(name.replace(".", "_"), tensors[name].clone(), persistent=False)

    @torch.no_grad()
    def forward(self, drive: Tensor) -> Tensor:
        """P for drives of a neuron with threshold 1, (..., steps) to the same shape."""
        rows = drive.reshape(-1, 1, drive.shape[-1])
        convolve = nn.functional.conv1d
        hidden = convolve(rows, self.taps_weight, self.taps_bias, padding=TAPS)[..., : drive.shape[-1]].relu_()
        hidden = hidden.add_(convolve(hidden, self.inner_weight, self.inner_bias)).relu_()
        return convolve(hidden, self.readout_weight, self.readout_bias).view(drive.shape)


def load_sdn(path: Path = WEIGHTS) -> SDN:
    """A trained and fused network.

    Raises:
        InputError: the file is missing or damaged, or holds other tensors.
    """
    tensors, _ = load_tensors(path)
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if found != SHAPES:
        raise InputError(str(path), f"holds {found}", f"expected {SHAPES}; train it again")
    return SDN(tensors)


class SurrogateSoma(Soma):
    """The soma with the SDN's membranes for whole sequences, and the exact ones step by step."""

    def __init__(self, channels: int, start: float = 1.0, learned: bool = True) -> None:
        super().__init__(channels, start, learned)
        self.sdn = load_sdn()

    def forward(self, y: Tensor) -> Tensor:
        """Spikes for a whole sequence, (batch, channels, steps)."""
        drive = y / self.threshold()[:, None]
        return spike(drive + self.sdn(drive.detach()) - 1, "triangle")
