"""A SpikingSSM that computes what its integer program computes, and learns as its float self would."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.convolution import convolve
from models.qat.compiling import Choice
from models.qat.grid import Grid, LinkGrid, Modes, UnitGrid, grid_of
from models.qat.reals import INPUT, Reals, check_plain, real_tensors
from models.qat.straight import fired, rounded, straight_through
from models.qat.voltages import REGISTER_TOP, voltages
from models.s4d import SPAN, full_mantissas
from models.spiking_ssm import Output, SpikingSSM
from toolchain.errors import InputError


class QuantizedSSM(nn.Module):
    """A network with fake quantization; dropout is left out.

    `adopt` sets the integers that `forward` computes with: until it is called again they stay, however the parameters
    move.

    Attributes:
        network: the float network, whose parameters learn.
        grid: the integers, None before the first `adopt`.

    Raises:
        InputError: a network of another form than `reals` has.
    """

    def __init__(self, network: SpikingSSM) -> None:
        super().__init__()
        check_plain(network)
        self.network = network
        self.grid: Grid | None = None

    def adopt(self, choice: Choice) -> None:
        """Compute with the integers of a compiled network from now on."""
        weight = self.network.encoder.weight
        self.grid = grid_of(choice, weight.device, weight.dtype)

    def forward(self, inputs: Tensor) -> Output:
        """Inputs (batch, steps, inputs) to the mean logits and the spikes of the integer program.

        Raises:
            InputError: `adopt` has not been called.
        """
        if self.grid is None:
            raise InputError("network", "has no integers yet", "call adopt with a compiled network first")
        reals, source = real_tensors(self.network), self.grid.input
        # Float64, since a payload of many bits times a weight may not fit the 24 bits of a float32.
        payload = (inputs.double() * source.scale).round().clamp(source.low, source.high)
        messages, total = {INPUT: payload.transpose(1, 2)}, payload
        for unit in self.grid.units:
            drive = _drive(unit, messages, reals)
            if unit.modes is None:
                total = total_of(drive) / unit.drive_scale
            else:
                messages[unit.name] = _spikes(unit, unit.modes, drive, reals)
        del messages[INPUT]
        return Output(total / inputs.shape[1], tuple(messages.values()))


def _drive(unit: UnitGrid, messages: dict[str, Tensor], reals: Reals) -> Tensor:
    """What enters a unit at every step, (batch, size, steps): whole numbers, as floats."""
    drive = rounded(reals.biases[unit.name], unit.bias, unit.drive_scale)[:, None]
    for link in unit.links:
        drive = drive + _arriving(unit.name, link, messages[link.source], reals).to(drive.dtype)
    return drive


def _arriving(target: str, link: LinkGrid, messages: Tensor, reals: Reals) -> Tensor:
    """floor(W m 2^exponent). Sums of spikes are exact in float32, in TF32 too: a product is a weight or 0."""
    weights = rounded(reals.links[link.source, target], link.weights, link.scale).to(messages.dtype)
    arrived = torch.matmul(weights, messages) * link.factor
    return arrived if link.factor >= 1 else straight_through(arrived, arrived.detach().floor())


def _spikes(unit: UnitGrid, modes: Modes, drive: Tensor, reals: Reals) -> Tensor:
    """Spikes of a block, with the gradient of its convolution and soma at the rounded parameters."""
    drive = drive.clamp(-REGISTER_TOP, REGISTER_TOP)
    v, limit, name = voltages(drive.detach().to(torch.int32), modes), modes.integers["threshold"], unit.name
    if not torch.is_grad_enabled():
        return (v >= limit[:, None]).to(drive.dtype)
    a_bar, c = straight_through(reals.a_bar[name], modes.a_bar), straight_through(reals.c[name], modes.c)
    d, theta = straight_through(reals.d[name], modes.d), straight_through(reals.theta[name], modes.theta)
    y = convolve(drive / unit.drive_scale[:, None], _kernel(a_bar, c, d, drive.shape[-1]))
    return fired(y, theta, v, limit, modes.voltage_scale)


def _kernel(a_bar: Tensor, c: Tensor, d: Tensor, steps: int) -> Tensor:
    """The impulse response Re(sum c a_bar^t), plus d at t = 0, (channels, steps); taken apart as `S4D.kernel` does."""
    # A pole may be rounded to 0, which has no logarithm.
    exponent = torch.log(torch.where(a_bar == 0, 1e-6, a_bar))[..., None]
    far = torch.exp(exponent * torch.arange(0, steps, SPAN, device=a_bar.device))
    near = torch.exp(exponent * torch.arange(SPAN, device=a_bar.device))
    with full_mantissas():
        spans = torch.einsum("hnq,hnr->hqr", c[..., None] * far, near).real
    response = spans.flatten(1)[:, :steps]
    return torch.cat([response[:, :1] + d[:, None], response[:, 1:]], dim=1)


def total_of(drive: Tensor) -> Tensor:
    """The running sum at the end, (batch, classes), held in its register at every step."""
    along = drive.detach().double().cumsum(-1)
    if along.abs().max() <= REGISTER_TOP:
        return straight_through(drive.sum(-1), along[..., -1].to(drive.dtype))
    total = torch.zeros_like(along[..., 0])
    for entering in drive.detach().double().unbind(-1):
        total = (total + entering).clamp(-REGISTER_TOP, REGISTER_TOP)
    return straight_through(drive.sum(-1), total.to(drive.dtype))
