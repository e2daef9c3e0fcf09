"""The real tensors of a SpikingSSM in the form in which the compiler sees it: units, and one matrix a link.

The residual stream is unrolled: what a block's mixing adds reaches every later block and, through the readout's matrix,
the running sum.

    link(input, block l)   = E             bias(block l) = b_E + sum over k < l of b_k
    link(block k, block l) = W_k           bias(sum)     = R (b_E + sum over k of b_k) + b_R
    link(input, sum)       = R E           link(block k, sum) = R W_k

with E, b_E the encoder, W_k, b_k the mixing of block k and R, b_R the readout.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from models.spiking_ssm import SpikingSSM
from toolchain.errors import InputError

INPUT, SUM = "input", "sum"
"""Names of the units that are no block, as `models.to_nir` makes them."""


PLAIN = {"soma": "lif", "mix": "linear", "norm": "none", "decode": "mean", "direction": "causal"}
"""What a network must be, by keys of `NetworkConfig`."""


def block_name(index: int) -> str:
    """The unit of a block."""
    return f"block{index}"


@dataclass(frozen=True)
class Reals:
    """What is rounded, with its gradient.

    Attributes:
        links: (target, source) matrices by the names of source and target.
        biases: (size,) by unit.
        a_bar: (channels, modes) complex, by block; |a_bar| < 1.
        c: the same with B and the conjugate modes' factor 2 folded in: y = Re(sum c x) + d u.
        d, theta: (channels,) by block.
    """

    links: dict[tuple[str, str], Tensor]
    biases: dict[str, Tensor]
    a_bar: dict[str, Tensor]
    c: dict[str, Tensor]
    d: dict[str, Tensor]
    theta: dict[str, Tensor]


def check_plain(network: SpikingSSM) -> None:
    """Hold a network to the form above.

    Raises:
        InputError: it has another soma, mixing, norm, readout or direction.
    """
    found = {name: value for name, value in network.config.to_mapping().items() if PLAIN.get(name, value) != value}
    if found:
        wanted = {name: PLAIN[name] for name in found}
        raise InputError("network", f"has {found}; fine-tuning for integers needs {wanted}", "train such a network")


def real_tensors(network: SpikingSSM) -> Reals:
    """The tensors of a network as it is now, in its own precision."""
    encoder, readout = network.encoder, network.readout
    feeds: dict[str, Tensor] = {INPUT: encoder.weight}
    bias: Tensor = encoder.bias
    reals = Reals({}, {}, {}, {}, {}, {})
    for index, block in enumerate(network.block_list()):
        name, coefficients = block_name(index), block.ssm.discretize()
        reals.links.update({(source, name): weight for source, weight in feeds.items()})
        reals.biases[name] = bias
        reals.a_bar[name], reals.d[name] = coefficients.a_bar, coefficients.d
        reals.c[name], reals.theta[name] = 2 * coefficients.c, block.soma.threshold()
        feeds[name], bias = block.mix.weight, bias + block.mix.bias
    reals.links.update({(source, SUM): readout.weight @ weight for source, weight in feeds.items()})
    reals.biases[SUM] = readout.weight @ bias + readout.bias
    return reals
