"""The rule that poles lie strictly inside the unit disc, on the integers themselves."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from toolchain.ir.neurons import Values
from toolchain.ir.neurons.poles import poles_inside_unit_disc


def problems(a_bits: int, a_re: list[list[int]], a_im: list[list[int]]) -> list[str]:
    return poles_inside_unit_disc(Values({"a_bits": a_bits, "a_re": np.array(a_re), "a_im": np.array(a_im)}))


@pytest.mark.parametrize("a_bits", [2, 3, 5])
def test_every_pole_of_a_small_width(a_bits: int) -> None:
    one = 2 ** (a_bits - 1)
    for re, im in itertools.product(range(-one, one), repeat=2):
        inside = re**2 + im**2 < one**2
        assert (problems(a_bits, [[re]], [[im]]) == []) is inside


def test_the_first_of_several_is_named() -> None:
    assert problems(16, [[0, 20000], [32767, -32768]], [[0, 30000], [-1, 0]]) == [
        "|A-bar| of neuron 0, mode 1 is 1.100327 (20000, 30000), not below 1 (2 of 4 modes); round the pole toward zero"
    ]


def test_a_pole_of_one_is_outside() -> None:
    assert problems(16, [[5], [-32768]], [[0], [0]]) == [
        "|A-bar| of neuron 1, mode 0 is 1.000000 (-32768, 0), not below 1 (1 of 2 modes); round the pole toward zero"
    ]


def test_wide_poles_are_squared_without_overflow() -> None:
    assert problems(24, [[-(2**23)]], [[-(2**23)]])[0].startswith("|A-bar| of neuron 0, mode 0 is 1.414214 ")
