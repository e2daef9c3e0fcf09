"""Somas and mixings as nodes of a NIR graph: standard ones, and our extensions where NIR has no word.

Gates, products and ternary quantizers are extension nodes (`toolchain.frontend.extensions`), which a stock reader
refuses; networks with LIF or threshold somas and linear or two-stage mixing are pure NIR.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.kernels.soma import LEAK
from models.layers.binary_s4d import ThresholdSoma
from models.layers.gsu import GatedSpikingUnit, Ternary
from models.layers.mixing import BinaryGated, Gated, Linear, Mixing, TwoStage
from toolchain.errors import UnsupportedError
from toolchain.frontend.sketch import Sketch

FloatArray = NDArray[np.float64]


def add_soma(sketch: Sketch, name: str, soma: nn.Module, theta: FloatArray, source: str) -> str:
    """Append the soma of a block behind `source`; returns its name.

    Raises:
        UnsupportedError: its threshold is the largest channel's share of each step.
    """
    if isinstance(soma, Ternary):
        if soma.per_token:
            what = "the quantizer's threshold is a share of the largest channel at each step, which no core knows"
            raise UnsupportedError(f"{name}.soma", what, "calibrate it to soma=ternary (models.network.calibrate)")
        return sketch.ternary(f"{name}.soma", theta, source)
    if isinstance(soma, ThresholdSoma):
        return sketch.threshold(f"{name}.soma", theta, source)
    return sketch.lif(f"{name}.soma", np.full(len(theta), LEAK), theta, source)


def add_mixing(sketch: Sketch, name: str, mix: Mixing, spikes: str, drive: str) -> str:
    """Append what a block adds to its stream; returns the name of the last node.

    Raises:
        UnsupportedError: an activation that integers can't say.
    """
    if isinstance(mix, GatedSpikingUnit):
        return _gated_spiking_unit(sketch, name, mix, spikes, drive)
    weight, bias = _array(mix.weight), _array(mix.bias)
    last = sketch.matrix(f"{name}.mix", weight, spikes, bias)
    if isinstance(mix, BinaryGated):
        return sketch.binary_gate(f"{name}.gate", np.zeros(len(bias) // 2), last)
    if isinstance(mix, Gated):
        return sketch.sigmoid_gate(f"{name}.gate", len(bias) // 2, last)
    if isinstance(mix, TwoStage):
        again = sketch.threshold(f"{name}.fire", _array(mix.threshold()), last)
        return sketch.matrix(f"{name}.second", _array(mix.second_weight), again, _array(mix.second_bias))
    if not isinstance(mix, Linear):
        raise UnsupportedError(f"{name}.mix", f"{type(mix).__name__} has no form in NIR", "use another mixing")
    return last


def _gated_spiking_unit(sketch: Sketch, name: str, mix: GatedSpikingUnit, spikes: str, drive: str) -> str:
    (first, second), (left, right) = mix.matrices(), mix.bias.chunk(2)
    sides = (
        sketch.halves(f"{name}.left", _array(first), spikes, 0, _array(left)),
        sketch.halves(f"{name}.right", _array(second), drive, 1, _array(right)),
    )
    product = sketch.product(f"{name}.product", len(left), sides)
    if mix.activation == "relu":
        return sketch.rectifier(f"{name}.act", len(left), product)
    if mix.activation != "none":
        what = f"{mix.activation} after the product has no form in integers"
        raise UnsupportedError(f"{name}.act", what, "train with activation=relu or none")
    return product


def _array(tensor: torch.Tensor) -> FloatArray:
    return tensor.detach().cpu().to(torch.float64).numpy()
