"""A SpikingSSM that computes what its integer program computes, and learns as its float self would."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.kernels.state_space import through_state_space
from models.kernels.voltages import REGISTER_TOP, voltages
from models.network.spiking_ssm import Output, SpikingSSM, step_mask
from models.qat.compiling import Choice
from models.qat.gates import gated, stage
from models.qat.grid import Fire, Gate, Grid, InputGrid, LinkGrid, Modes, PortGrid, UnitGrid, grid_of
from models.qat.reals import INPUT, Reals, check_form, real_tensors
from models.qat.straight import fired, rounded, straight_through
from toolchain.errors import InputError


class QuantizedSSM(nn.Module):
    """A network with fake quantization; dropout is left out, norms keep their statistics.

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
        check_form(network)
        self.network = network
        self.grid: Grid | None = None

    def adopt(self, choice: Choice) -> None:
        """Compute with the integers of a compiled network from now on."""
        weight = self.network.encoder.weight
        self.grid = grid_of(choice, weight.device, weight.dtype)

    def forward(self, inputs: Tensor, lengths: Tensor | None = None) -> Output:
        """The logits and the spikes of the integer program.

        Args:
            inputs: (batch, steps, inputs) values, or (batch, steps) symbols.
            lengths: (batch,) how many first steps of each sequence count; None for all.

        Raises:
            InputError: `adopt` has not been called.
        """
        if self.grid is None:
            raise InputError("network", "has no integers yet", "call adopt with a compiled network first")
        reals, spikes = real_tensors(self.network), list[Tensor]()
        messages = {INPUT: self._payload(inputs, self.grid.input)}
        for unit in self.grid.units:
            drives = [_drive(unit, port, messages, reals) for port in unit.ports]
            if unit.neuron is None:
                continue
            sent = messages[unit.name] = _sent(unit, unit.neuron, drives, reals)
            spikes += [] if isinstance(unit.neuron, Gate) else [sent]
        return Output(self._decode(drives[0], self.grid.units[-1].ports[0].scale, lengths), tuple(spikes))

    def _payload(self, inputs: Tensor, source: InputGrid) -> Tensor:
        """Inputs in integers, (batch, inputs, steps) float64: a payload of many bits may not fit a float32."""
        values = self.network.as_values(inputs).double() * source.scale
        return values.round().clamp(source.low, source.high).transpose(1, 2)

    def _decode(self, drive: Tensor, scale: Tensor, lengths: Tensor | None) -> Tensor:
        """What the host reads of the output's drive (batch, classes, steps), in real units."""
        if self.network.config.decode == "every-step":
            return _held(drive) / scale[:, None]
        if lengths is None:
            return total_of(drive) / scale / drive.shape[-1]
        counted = step_mask(lengths, drive.shape[-1], drive.dtype)
        return total_of(drive * counted[:, None]) / scale / lengths[:, None]


def _held(drive: Tensor) -> Tensor:
    """In a register of 24 bits."""
    return drive.clamp(-REGISTER_TOP, REGISTER_TOP)


def _drive(unit: UnitGrid, port: PortGrid, messages: dict[str, Tensor], reals: Reals) -> Tensor:
    """What enters a port at every step, (batch, size, steps): whole numbers of at most 25 bits, as floats."""
    bias = reals.biases[unit.name].view(len(unit.ports), -1)[unit.ports.index(port)]
    # Never cut off, and of so many bits that a float32 could not tell whether it was.
    drive = straight_through(bias * port.scale, port.bias)[:, None]
    for link in port.links:
        own = reals.links[link.source, unit.name, port.name]
        drive = drive + _arriving(own, link, messages[link.source]).to(drive.dtype)
    return drive


def _arriving(own: Tensor, link: LinkGrid, messages: Tensor) -> Tensor:
    """floor(W m 2^exponent), exact by the type of the grid's weights; a gate's messages to the stream, one by one."""
    if link.weights.ndim == 1:
        arrived = messages * (link.weights * link.factor)[:, None]
    else:
        weights = rounded(own.to(link.weights.dtype), link.weights, link.scale, link.top)
        arrived = torch.matmul(weights, messages.to(weights.dtype)) * link.factor
    return arrived if link.factor >= 1 else straight_through(arrived, arrived.detach().floor())


def _sent(unit: UnitGrid, neuron: Modes | Gate | Fire, drives: list[Tensor], reals: Reals) -> Tensor:
    """Messages of a population, (batch, size, steps)."""
    held, scale = [_held(drive) for drive in drives], unit.ports[-1].scale
    if isinstance(neuron, Gate):
        return gated(held[0], held[1], neuron, scale)
    if isinstance(neuron, Fire):
        return stage(held[0], neuron, reals.theta[unit.name], scale)
    return _spikes(unit.name, neuron, held[0], scale, reals)


def _spikes(name: str, modes: Modes, drive: Tensor, scale: Tensor, reals: Reals) -> Tensor:
    """Spikes of a block, with the gradient of its convolution and soma at the rounded parameters."""
    v = voltages(drive.detach().to(torch.int32), modes.integers, modes.settings)
    limit = modes.integers["threshold"]
    if not torch.is_grad_enabled():
        return (v >= limit[:, None]).to(drive.dtype)
    a_bar, c = straight_through(reals.a_bar[name], modes.a_bar), straight_through(reals.c[name], modes.c)
    d, theta = straight_through(reals.d[name], modes.d), straight_through(reals.theta[name], modes.theta)
    y = convolved(drive / scale[:, None], a_bar, c, d)
    return fired(y, theta, v, limit, modes.voltage_scale)


def convolved(u: Tensor, a_bar: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """y = Re(sum c x) + d u of a whole sequence (batch, channels, steps), as the float layer computes it."""
    # A pole may be rounded to 0, which has no logarithm.
    exponent = torch.log(torch.where(a_bar == 0, 1e-6, a_bar))
    return through_state_space(u, exponent, c / 2, d)


def total_of(drive: Tensor) -> Tensor:
    """The running sum at the end, (batch, classes), held in its register at every step."""
    along = drive.detach().double().cumsum(-1)
    if along.abs().max() <= REGISTER_TOP:
        return straight_through(drive.sum(-1), along[..., -1].to(drive.dtype))
    total = torch.zeros_like(along[..., 0])
    for entering in drive.detach().double().unbind(-1):
        total = (total + entering).clamp(-REGISTER_TOP, REGISTER_TOP)
    return straight_through(drive.sum(-1), total.to(drive.dtype))
