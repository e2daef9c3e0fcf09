"""What a framework's neuron is in NIR's terms, as its own file here says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from toolchain.errors import InputError, UnsupportedError
from toolchain.frontend.graph import FloatArray

ENDLESS = 2.0**60
"""A time constant in steps beyond which a decay is 1 in float64: integrators among leaky neurons."""


@dataclass(frozen=True)
class Layer:
    """A stateless node to be.

    Attributes:
        kind: its NIR type.
        params: its fields.
    """

    kind: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Neuron:
    """One layer of neurons.

    Attributes:
        kind: its NIR type.
        fields: values that are broadcast to the layer's shape.
        switches: fields of `Conventions` that its rule needs.
        time: the axis of time among those of what it takes and sends: 0, 1, or None where it takes one step.
        loop: what its own spikes pass through on their way back to it, a step late.
        inlet: what its input passes first.
        voltage: where the voltage stands in the tuple that it returns; None where it stands in none.
        least: a lower bound of the voltage, which no graph can say; None without.
    """

    kind: str
    fields: Mapping[str, Any]
    switches: Mapping[str, Any]
    time: int | None = None
    loop: Layer | None = None
    inlet: Layer | None = None
    voltage: int | None = None
    least: float | None = None


def array(value: Any) -> FloatArray:
    """A tensor or a number as float64."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().double().numpy()
    return np.asarray(value, dtype=np.float64)


def check_finite(where: str, values: Any) -> None:
    """Refuse a parameter that is no number everywhere.

    Raises:
        InputError: NaN or infinite values, with their count.
    """
    values = array(values)
    wrong = int(np.count_nonzero(~np.isfinite(values)))
    if wrong:
        verb = "is" if wrong == 1 else "are"
        what = f"{wrong} of {values.size} values {verb} NaN or infinite"
        raise InputError(where, what, "train again or mend the checkpoint")


def leaky(kept: Any, dt: float) -> tuple[FloatArray, FloatArray]:
    """tau and r of a state that keeps this share a step and adds its input whole: 1 - dt/tau = kept, r dt/tau = 1."""
    ratio = 1.0 / np.maximum(1.0 - array(kept), 1.0 / ENDLESS)
    return dt * ratio, ratio


def matrix_layer(where: str, module: Any) -> Layer:
    """A Linear or a convolution as a layer; a Sequential of one and what only flattens.

    Raises:
        UnsupportedError: another module.
    """
    names = {kind.__name__ for kind in type(module).__mro__}
    if "Sequential" in names:
        inner = [part for part in module if type(part).__name__ not in ("Flatten", "Identity")]
        if len(inner) == 1:
            return matrix_layer(where, inner[0])
    if "Linear" in names:
        return linear(module.weight, module.bias)
    if "Conv2d" in names and getattr(module, "padding_mode", "") == "zeros":
        how = {"stride": module.stride, "padding": module.padding, "dilation": module.dilation, "groups": module.groups}
        return convolution(module.weight, module.bias, **how)
    what = f"its recurrent connection is a {type(module).__name__}"
    raise UnsupportedError(where, what, "use a Linear or a Conv2d with zero padding")


def linear(weight: Any, bias: Any) -> Layer:
    """Linear, or Affine with a bias."""
    if bias is None:
        return Layer("Linear", {"weight": array(weight)})
    return Layer("Affine", {"weight": array(weight), "bias": array(bias)})


def convolution(weight: Any, bias: Any, **how: Any) -> Layer:
    """Conv1d or Conv2d, by the axes of its kernel."""
    weight = array(weight)
    axes = weight.ndim - 2
    plain = {name: _plain(value, axes) for name, value in how.items()}
    bias = np.zeros(len(weight)) if bias is None else array(bias)
    return Layer(f"Conv{axes}d", {"weight": weight, "bias": bias, **plain})


def _plain(value: Any, axes: int) -> Any:
    """A setting as a graph holds it: a word, a number, or one number an axis."""
    if isinstance(value, str | int):
        return value
    numbers = tuple(int(number) for number in value)
    if axes == 1:
        return numbers[0]
    return numbers if len(numbers) == axes else numbers * axes
