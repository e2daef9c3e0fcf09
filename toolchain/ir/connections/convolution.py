"""Synapses that share a kernel."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass

import numpy as np

from toolchain.ir.connections.base import Listed, frozen_integers
from toolchain.ir.integer import IntArray
from toolchain.windows import Padding, Windows, paired, whole_numbers


@dataclass(frozen=True, eq=False)
class Convolution(Listed):
    """A convolution over one or two axes (a cross-correlation, as torch's): the kernel is stored, not its synapses.

    Sources are the input (channel, *axes) flattened in C order, targets the output in the same way. Output channel o
    takes the input channels of its group, o // (out_channels / groups).

    Attributes:
        weights: (out_channels, in_channels / groups, *kernel) integers.
        input_shape: (in_channels, *axes).
        stride, dilation: one number an axis.
        padding: (before, after) of each axis: zeros around the input.
        groups: divides both numbers of channels.

    Raises:
        ValueError: the fields do not fit each other.
    """

    weights: IntArray
    input_shape: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Padding
    dilation: tuple[int, ...]
    groups: int = 1
    kind = "convolution"

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", frozen_integers(self.weights))
        for name in ("input_shape", "stride", "dilation"):
            object.__setattr__(self, name, whole_numbers(getattr(self, name)))
        object.__setattr__(self, "padding", paired(self.padding))
        object.__setattr__(self, "groups", operator.index(self.groups))
        if self.weights.ndim not in (3, 4) or not self.weights.size:
            raise ValueError(f"weights of shape {self.weights.shape} instead of (out, in, kernel) or (out, in, kh, kw)")
        self._check_channels()
        self.windows  # noqa: B018  checks that the kernel fits

    def _check_channels(self) -> None:
        """ValueError where channels and groups do not fit the weights."""
        given, channels = len(self.input_shape), self.weights.shape[1] * self.groups
        if given != self.weights.ndim - 1 or self.groups < 1 or self.input_shape[0] != channels:
            what = f"of input shape {self.input_shape} in {self.groups} groups"
            raise ValueError(f"weights of shape {self.weights.shape} do not fit {what}")
        if self.weights.shape[0] % self.groups:
            raise ValueError(f"{self.weights.shape[0]} output channels do not fall into {self.groups} groups")

    @property
    def windows(self) -> Windows:
        """Where the kernel lies on each channel."""
        return Windows(self.input_shape[1:], self.weights.shape[2:], self.stride, self.padding, self.dilation)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """(out_channels, *axes)."""
        return (int(self.weights.shape[0]), *self.windows.places)

    @property
    def target_size(self) -> int:
        """Number of target neurons."""
        return math.prod(self.output_shape)

    @property
    def source_size(self) -> int:
        """Number of source neurons."""
        return math.prod(self.input_shape)

    @property
    def values(self) -> IntArray:
        """Every stored weight."""
        return self.weights

    def _synapses(self) -> tuple[IntArray, IntArray, IntArray]:
        place, position, tap = self.windows.entries()
        channels = np.indices(self.weights.shape[:2], dtype=np.int64).reshape(2, -1, 1)
        out, within = channels
        entering = out // (self.weights.shape[0] // self.groups) * self.weights.shape[1] + within
        targets = out * math.prod(self.windows.places) + place
        sources = entering * math.prod(self.input_shape[1:]) + position
        weights = self.weights.reshape(*self.weights.shape[:2], -1)[out, within, tap]
        return targets.ravel(), sources.ravel(), weights.ravel()
