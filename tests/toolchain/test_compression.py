"""Packed arrays come back as they were, and what does not fit its shape is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from toolchain.compression import BITS, DELTAS, PLAIN, pack, unpack

ANY = st.integers(-(2**63), 2**63 - 1)
SHAPES = arrays.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=5)


@given(
    st.one_of(
        arrays.arrays(np.int64, SHAPES, elements=ANY),
        arrays.arrays(np.int64, SHAPES, elements=st.integers(0, 1)),
        arrays.arrays(np.int64, SHAPES, elements=st.integers(-300, 300)),
    )
)
def test_every_array_comes_back(array: np.ndarray) -> None:
    packed = pack(array)
    again = unpack(packed.form, packed.shape, packed.stored)
    assert again.dtype == np.int64 and again.flags.c_contiguous and np.array_equal(again, array)


def test_an_empty_array_comes_back() -> None:
    packed = pack(np.zeros((0, 3, 2), dtype=np.int64))
    assert unpack(packed.form, packed.shape, packed.stored).shape == (0, 3, 2)


def test_spikes_take_a_bit_and_slow_registers_a_byte() -> None:
    spikes = np.zeros((2, 8, 5), dtype=np.int64)
    spikes[1, 3, 2] = 1
    assert pack(spikes).form == BITS and pack(spikes).stored.nbytes == 10
    ramp = 1_000_000 + 100 * np.arange(64, dtype=np.int64)[None, :, None] + np.zeros((3, 1, 2), dtype=np.int64)
    assert pack(ramp).form.startswith(DELTAS) and unpack(*_parts(ramp)).tolist() == ramp.tolist()


def test_a_smooth_register_is_stored_by_higher_differences() -> None:
    square = (np.arange(200, dtype=np.int64) ** 2)[None, :, None] * 50
    noise = np.random.default_rng(0).integers(-(2**20), 2**20, (1, 200, 1))
    assert pack(square).form == f"{DELTAS}3" and pack(noise).form == f"{DELTAS}0"


@pytest.mark.parametrize(
    ("form", "shape", "stored"),
    [
        ("other", (1, 2, 3), np.zeros(6, dtype=np.uint8)),
        (PLAIN, (1, 2, 3), np.zeros((1, 2, 2), dtype=np.int8)),
        (BITS, (1, 2, 3), np.zeros(2, dtype=np.uint8)),
        (BITS, (1, 2, -3), np.zeros(1, dtype=np.uint8)),
        (f"{DELTAS}1", (1, 2, 3), np.zeros(7, dtype=np.uint8)),
        (f"{DELTAS}1", (1, 2, 3), np.zeros(6 * 9, dtype=np.uint8)),
        (f"{DELTAS}1", (1, 2, 3), np.zeros(6, dtype=np.int64)),
    ],
)
def test_what_does_not_fit_is_refused(form: str, shape: tuple[int, ...], stored: np.ndarray) -> None:
    with pytest.raises(ValueError):
        unpack(form, shape, stored)


def _parts(array: np.ndarray) -> tuple[str, tuple[int, ...], np.ndarray]:
    packed = pack(array)
    return packed.form, packed.shape, packed.stored
