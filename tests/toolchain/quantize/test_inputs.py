"""Payloads of inputs: whole numbers stay exact with head-room, outliers do not erase what is usual."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from toolchain.quantize.inputs import InputForm, input_forms, input_statistics
from toolchain.quantize.settings import Settings


def forms(data: ArrayLike, **settings: Any) -> list[InputForm]:
    return list(input_forms(input_statistics(np.asarray(data, float).reshape(1, -1, 1)), Settings(**settings)))


@pytest.mark.parametrize(("peak", "bits"), [(1, 3), (2, 3), (3, 4), (4, 4), (5, 5), (7, 5)])
def test_whole_numbers_have_room_beyond_their_peak(peak: int, bits: int) -> None:
    """1.5 times the peak fits: calibrated on 0 and 1, a 2 is exact."""
    first = forms([0, 1, 0, -1, peak])[0]
    assert (first.exponent, first.bits, first.safe) == (0, bits, True)
    assert forms([0, 1, peak], input_headroom=1.0)[0].bits == peak.bit_length() + 1


def test_symbols_need_no_room() -> None:
    symbols = np.eye(5)[[0, 3, 4, 1]][None]
    assert next(input_forms(input_statistics(symbols), Settings())).bits == 2
    assert not input_statistics(symbols * 2).one_hot
    assert not input_statistics(symbols + np.eye(5)[[1, 1, 1, 2]][None]).one_hot


def test_a_count_of_thousands_is_held_exactly_if_that_leaves_enough() -> None:
    counts = np.r_[np.tile([0, 1, 2, 1], 500), 3000]
    exact, *_, usual = forms(counts)
    assert (exact.exponent, exact.bits, exact.safe) == (0, 14, False)
    assert (usual.exponent, usual.bits, usual.safe, usual.coarse) == (-2, 12, True, True)


def test_what_24_bits_cannot_hold_has_the_coarse_form_alone() -> None:
    assert [form.coarse for form in forms(np.r_[np.tile([1, 2], 500), 1e8])] == [True]


def test_measured_values_get_as_many_bits_as_an_outlier_takes() -> None:
    values = np.r_[np.random.default_rng(0).uniform(0.1, 0.4, 2000) + 1e-7, 900.0]
    wide, usual = forms(values)
    assert not wide.safe
    assert wide.bits > 12
    assert 2.0**-wide.exponent <= np.median(values) / 16
    assert usual.coarse
    # Without it, as ever.
    assert forms(values[:-1]) == [InputForm(11, 12)]


def test_silence_is_some_payload() -> None:
    assert len(forms(np.zeros(9))) == 1
