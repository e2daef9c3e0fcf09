"""The real tensors of a SpikingSSM in the form in which the compiler sees it: units, and one matrix a link.

The residual stream is unrolled: what a block adds to it reaches every later block and, through the readout's matrix,
the output. With E, b_E the encoder, W_k, b_k the mixing of block k, o_k the offset of its norm (0 without one), whose
scale is folded into C and D, and R, b_R the readout, a network of linear mixing is

    link(input, block l)   = E             bias(block l) = b_E + o_l + sum over k < l of b_k
    link(block k, block l) = W_k           bias(output)  = R (b_E + sum over k of b_k) + b_R
    link(input, output)    = R E           link(block k, output) = R W_k

A gate is a unit of its own, of two ports: the halves of W_k enter it, and the stream gets its messages as they are. A
second stage of spikes is a unit too, with W_k before it and a second matrix behind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from models.layers.mixing import Gated, Mixing, TwoStage
from models.network.spiking_ssm import SpikingSSM
from toolchain.errors import InputError
from toolchain.frontend.links import INPUT_PORT
from toolchain.units.gated import TwoPorts

INPUT, SUM, READOUT = "input", "sum", "readout"
"""Names of the units that are no block, as `models.network.to_nir` makes them; an output is one of the last two."""

TAKEN: dict[str, tuple[str, ...]] = {
    "soma": ("lif",),
    "mix": ("linear", "glu", "binary-gate", "two-stage"),
    "direction": ("causal",),
}
"""What a network may be, by keys of `NetworkConfig`."""

STAGES = {"glu": "gate", "binary-gate": "gate", "two-stage": "fire"}
"""By mixing, the last part of the name of a block's second unit."""


def soma_name(index: int, mix: str) -> str:
    """The unit of a block's state space and soma."""
    return f"block{index}_soma" if mix in STAGES else f"block{index}"


def stage_name(index: int, mix: str) -> str:
    """The unit behind it: a gate or a second stage of spikes."""
    return f"block{index}_{STAGES[mix]}"


@dataclass(frozen=True)
class Reals:
    """What is rounded, with its gradient.

    Attributes:
        links: (target, source) matrices by the names of source, target and port.
        biases: (size,) by unit; of two ports one after the other, (2 size,).
        a_bar: (channels, modes) complex, by unit; |a_bar| < 1.
        c: the same with B and the conjugate modes' factor 2 folded in: y = Re(sum c x) + d u.
        d: (channels,) by unit.
        theta: (channels,) by unit, of second stages too.
    """

    links: dict[tuple[str, str, str], Tensor] = field(default_factory=dict)
    biases: dict[str, Tensor] = field(default_factory=dict)
    a_bar: dict[str, Tensor] = field(default_factory=dict)
    c: dict[str, Tensor] = field(default_factory=dict)
    d: dict[str, Tensor] = field(default_factory=dict)
    theta: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class _Stream:
    """The residual stream: the matrix of every unit that adds to it, by name, and what it is without them."""

    feeds: dict[str, Tensor]
    bias: Tensor

    def plus(self, name: str, weight: Tensor, bias: Tensor | None = None) -> _Stream:
        """With one more unit."""
        return _Stream({**self.feeds, name: weight}, self.bias if bias is None else self.bias + bias)


def check_form(network: SpikingSSM) -> None:
    """Hold a network to the forms above.

    Raises:
        InputError: it has another soma, mixing or direction.
    """
    config = network.config.to_mapping()
    found = {name: config[name] for name, known in TAKEN.items() if config[name] not in known}
    if found:
        wanted = "; ".join(f"{name} {' or '.join(TAKEN[name])}" for name in found)
        raise InputError("network", f"has {found}, fine-tuning for integers needs {wanted}", "train such a network")


Product = Callable[[Tensor, Tensor], Tensor]
"""A matrix with a matrix or a vector."""


def real_tensors(network: SpikingSSM, product: Product = torch.matmul) -> Reals:
    """The tensors of a network as it is now, in its own precision; norms by their moving averages.

    Args:
        network: of a form above.
        product: how matrices are multiplied; sums in another order differ in their last bit.

    Raises:
        InputError: a norm that as good as cuts a channel off.
    """
    encoder, readout, mix = network.encoder, network.readout, network.config.mix
    stream, reals = _Stream({INPUT: encoder.weight}, encoder.bias), Reals()
    for index, block in enumerate(network.block_list()):
        name, plan = soma_name(index, mix), block.plan()
        reals.links.update({(source, name, INPUT_PORT): weight for source, weight in stream.feeds.items()})
        reals.biases[name] = stream.bias if plan.offset is None else stream.bias + plan.offset
        reals.a_bar[name], reals.c[name] = plan.coefficients.a_bar, 2 * plan.coefficients.c
        reals.d[name], reals.theta[name] = plan.coefficients.d, plan.theta
        stream = _mixed(reals, stream, name, block.mix, index, mix)
    output = SUM if network.config.decode == "mean" else READOUT
    feeds = {source: product(readout.weight, weight) for source, weight in stream.feeds.items()}
    reals.links.update({(source, output, INPUT_PORT): weight for source, weight in feeds.items()})
    reals.biases[output] = product(readout.weight, stream.bias) + readout.bias
    return reals


def _mixed(reals: Reals, stream: _Stream, soma: str, mixing: Mixing, index: int, mix: str) -> _Stream:
    """The stream after a block, with the tensors of the unit behind its soma where there is one."""
    if isinstance(mixing, Gated):
        name, halves = stage_name(index, mix), mixing.weight.chunk(2)
        reals.links.update({(soma, name, port): half for port, half in zip(TwoPorts.ports, halves, strict=True)})
        reals.biases[name] = mixing.bias
        return stream.plus(name, torch.eye(len(halves[0]), dtype=halves[0].dtype, device=halves[0].device))
    if isinstance(mixing, TwoStage):
        name = stage_name(index, mix)
        reals.links[soma, name, INPUT_PORT], reals.biases[name] = mixing.weight, mixing.bias
        reals.theta[name] = mixing.threshold()
        return stream.plus(name, mixing.second_weight, mixing.second_bias)
    return stream.plus(soma, mixing.weight, mixing.bias)
