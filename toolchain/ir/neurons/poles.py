"""The stability rule that every state-space neuron shares."""

from __future__ import annotations

import numpy as np

from toolchain.ir.neurons.base import Values


def poles_inside_unit_disc(own: Values) -> list[str]:
    """Name the first mode whose integer A-bar breaks a_re^2 + a_im^2 < 2^(2 (a_bits - 1)): strictly inside the disc."""
    one = 1 << (own.a_bits - 1)
    squares = np.square(np.asarray(own.a_re, dtype=object)) + np.square(np.asarray(own.a_im, dtype=object))
    outside = np.argwhere(np.greater_equal(squares, one * one))
    if not len(outside):
        return []
    neuron, mode = (int(i) for i in outside[0])
    a_re, a_im = int(own.a_re[neuron, mode]), int(own.a_im[neuron, mode])
    return [
        f"|A-bar| of neuron {neuron}, mode {mode} is {abs(complex(a_re, a_im)) / one:.6f} ({a_re}, {a_im}), "
        f"not below 1 ({len(outside)} of {squares.size} modes); round the pole toward zero"
    ]
