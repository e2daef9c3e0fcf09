"""Words of neurons and synapses against counts made by hand, and kernels against their unrolled matrices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.toolchain.report.digits_like import chain, cuba_lif, ssm_lif
from toolchain.ir.connections import Connection, Convolution, Dense, OneToOne, Sparse, SumPooling
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Population, Projection
from toolchain.mapping import Target, load_target
from toolchain.mapping.axons import axons, fan_out
from toolchain.mapping.memory import kernel_words, list_words, neuron_words, packed_words, state_words, value_bits
from toolchain.mapping.slices import Slice

RNG = np.random.default_rng(3)
LOIHI1, LOIHI2 = load_target("loihi1"), load_target("loihi2")


def test_no_field_crosses_a_word() -> None:
    assert packed_words([], 64) == 0
    assert packed_words([24, 24], 64) == 1
    assert packed_words([24, 24, 24], 64) == 2
    assert packed_words([40, 40, 24], 64) == 2  # 40 | 40 + 24
    assert packed_words([64, 1], 64) == 2


@pytest.mark.parametrize(
    ("population", "words"),
    [
        (cuba_lif("a", 3), 1),  # 24 + 24
        (ssm_lif("a", 3, 1, RNG), 2),  # 24 + 24 | 24: the published S4D neuron has two words as well
        (ssm_lif("a", 3, 8, RNG), 9),  # 16 parts, two a word, and the voltage
        (ssm_lif("a", 3, 8, RNG, start_step=1), 9),  # `wait` is the same in all neurons
        (Population("a", "integrator", 3), 1),
        (Population("a", "relay", 3), 0),  # stores nothing
    ],
)
def test_state_words(population: Population, words: int) -> None:
    assert state_words(population, 64) == words


def test_a_lif_neuron_with_a_bias_of_its_own_takes_one_word() -> None:
    """24 u + 24 v + 13 of the mantissa + 3 of the exponent are 64 bits; `wait` adds nothing."""
    for start_step in (0, 5):
        biased = replace(cuba_lif("a", 3, bias_mant=np.array([4095, -4096, 7])), start_step=start_step)
        assert neuron_words(biased, LOIHI2) == (1, 0)
    rows = {"threshold": np.array([900, 70_000]), "bias": np.array([1, -(2**22) - 1])}
    wide = Population("a", "lif", 2, coefficients={"leak": np.array([4000, 4000]), **rows})
    assert neuron_words(wide, LOIHI2) == (2, 0)  # 24 + 24 + 17 bits: one too many
    rows["bias"] = np.array([1, -(2**22)])
    assert neuron_words(replace(wide, coefficients={**wide.coefficients, **rows}), LOIHI2) == (1, 0)


def test_coefficients_are_as_wide_as_their_values() -> None:
    for values, bits in (([0], 1), ([3], 2), ([-4, 3], 3), ([-5, 0], 3), ([-129, 1], 9), ([255, 0], 8), ([], 1)):
        assert value_bits(np.array(values, dtype=np.int64)) == bits


def test_what_all_neurons_share_is_stored_once() -> None:
    rows = np.tile(np.arange(-128, 128, 32), (5, 1))
    shared = Population("a", "ssm_lif", 5, 8, coefficients=dict.fromkeys(("a_re", "a_im", "c_re", "c_im"), rows))
    assert neuron_words(shared, LOIHI2) == (9, 4)
    assert neuron_words(cuba_lif("a", 5), LOIHI2) == (1, 0)


def test_measured_words_of_a_neuron_type_win() -> None:
    bias = np.array([1, 2**22])
    neuron = Population("a", "sigma_delta", 2, coefficients={"threshold": np.array([1, 1]), "bias": bias})
    assert neuron_words(neuron, LOIHI2) == (1, 0)
    assert neuron_words(neuron, LOIHI2.model_copy(update={"measured_neuron_words": {}})) == (2, 0)


def projection(connection: Connection, delay_steps: int = 1) -> Projection:
    ends = cuba_lif("a", connection.source_size), cuba_lif("b", connection.target_size)
    return chain(connection, *ends, delay_steps).projections[0]


def listed(sizes: list[int], weight: int, target: str, delay_steps: int = 1, kind: type = Sparse) -> list[int]:
    """Words of lists of so many synapses; one weight fixes their width."""
    value = np.full((1, 1), weight)
    connection = Dense(value) if kind is Dense else Sparse.from_dense(value)
    found = list_words(projection(connection, delay_steps), np.array(sizes), load_target(target))
    return [int(words) for words in found]


@pytest.mark.parametrize(
    ("bits", "synapses", "words", "source"),
    [
        (8, 256, 81, "Oxford, layer 1 on one core: 16,200 words for 200 axons"),
        (8, 200, 63, "Oxford, layer 2 on one core: 16,128 words for 256 axons"),
        (8, 86, 27, "Oxford, layer 1 in three parts: 5,400 words for 200 axons"),
        (8, 128, 41, "S4D validation: 32.80 % of 16,000 words for 128 axons"),
        (8, 10, 4, "S4D validation: 3.20 % for 128 axons"),
        (8, 9, 3, "PilotNet, 2,560 axons in parts of 9 and 1: 7,253 words on average"),
        (8, 1, 1, "the same"),
        (1, 4, 1, "S4D, a row of 4 equal synapses"),
        (1, 8, 2, "S4D, estimate of cores: 514 words for 256 axons to 2,047 neurons"),
    ],
)
def test_lists_against_compiler_tables(bits: int, synapses: int, words: int, source: str) -> None:
    """Rows whose weights are known to have 8 bits, or to be all the same."""
    assert listed([synapses], (1 << bits) - 1, "loihi2") == [words], source


def test_loihi1_packing_in_blocks() -> None:
    assert listed([64, 65], 1, "loihi1", kind=Dense) == [9, 10]  # 64 * 8 + 10 = 522 bits; 18 bits more
    assert listed([64], 1, "loihi1", delay_steps=2, kind=Dense) == [15]  # 64 * 14 + 10 = 906 bits
    assert listed([0, 1, 64], 1, "loihi1") == [0, 1, 19]  # 18 + 10 bits; 64 * 18 + 10 = 1162 bits


def kernel(out: int, entering: int, places: int = 6, bits: int = 8, groups: int = 1) -> Convolution:
    """3x3 without padding, `places` x `places` windows."""
    weights = np.full((out, entering // groups, 3, 3), (1 << bits) - 1, dtype=np.int64)
    return Convolution(weights, (entering, places + 2, places + 2), (1, 1), ((0, 0), (0, 0)), (1, 1), groups)


# Words a row of one input channel and tap, by output channels, in the two published tables; the bits that give them.
ROWS = [
    (24, 3, 7), (36, 4, 6), (48, 5, 6), (64, 6, 5), (64, 5, 4), (48, 6, 7), (256, 21, 5), (128, 11, 5), (32, 4, 7),
    (16, 2, 7),
]  # fmt: skip


@pytest.mark.parametrize(("out", "words", "bits"), ROWS)
def test_kernel_rows_of_two_tables_have_whole_bits(out: int, words: int, bits: int) -> None:
    """The stored values are not public: what is tested is that some whole number of bits gives the printed words."""
    found = kernel(out, 2, bits=bits)
    assert kernel_words(found, (0, out), LOIHI2) == 2 * 9 * words


def test_kernel_words_follow_channels_and_groups() -> None:
    found = kernel(20, 2)
    assert [kernel_words(found, (3, 3 + n), LOIHI2) for n in range(1, 18)] == [
        18 * -(-(8 * n + 8) // 64) for n in range(1, 18)
    ]
    grouped = kernel(4, 2, groups=2)
    assert [kernel_words(grouped, channels, LOIHI2) for channels in ((0, 4), (1, 3), (0, 2))] == [18, 18, 9]
    pooled = SumPooling((3, 4, 4), (2, 2), (2, 2), ((0, 0), (0, 0)))
    assert [kernel_words(pooled, (0, channels), LOIHI2) for channels in (1, 2, 3)] == [4, 8, 12]


@st.composite
def kernels(draw: st.DrawFn) -> Convolution | SumPooling:
    """Small kernels of every kind: one and two axes, groups, strides, paddings, dilations, zeros."""
    axes, groups = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    sizes = tuple(draw(st.integers(3, 8)) for _ in range(axes))
    extent = tuple(draw(st.integers(1, 3)) for _ in range(axes))
    stride = tuple(draw(st.integers(1, 3)) for _ in range(axes))
    padding = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(axes))
    if draw(st.booleans()):
        return SumPooling((groups, *sizes), extent, stride, padding)
    dilation = tuple(draw(st.integers(1, 2)) if k * 2 - 1 <= n else 1 for k, n in zip(extent, sizes, strict=True))
    shape = (groups * draw(st.integers(1, 3)), draw(st.integers(1, 2)), *extent)
    values = np.random.default_rng(draw(st.integers(0, 99))).integers(-1, 2, shape)
    return Convolution(values, (groups * shape[1], *sizes), stride, padding, dilation, groups)


@settings(max_examples=150, deadline=None)
@given(kernels(), st.data())
def test_a_tile_of_a_kernel_is_what_its_unrolled_rows_are(found: Convolution | SumPooling, data: st.DataObject) -> None:
    shape = found.output_shape
    ranges = []
    for size in shape:
        start = data.draw(st.integers(0, size - 1))
        ranges.append((start, data.draw(st.integers(start + 1, size))))
    part = Slice("b", shape, tuple(ranges), 1)
    for target in (LOIHI1, LOIHI2):
        check_axons(found, part, target)


def check_axons(connection: Connection, part: Slice, target: Target) -> None:
    """Against the rows of the connection's matrix."""
    matrix = connection.matrix()
    entries, stored = np.asarray(matrix if isinstance(matrix, np.ndarray) else matrix.toarray()), stored_map(connection)
    result = axons(Projection("p", "a", "b", connection), part, target)
    sizes, nonzero = (np.zeros(connection.source_size, dtype=np.int64) for _ in range(2))
    sizes[result.sources], nonzero[result.sources] = result.stored, result.nonzero
    rows = part.indices()
    assert np.array_equal(sizes, stored[rows].sum(axis=0))
    assert np.array_equal(nonzero, np.count_nonzero(entries[rows], axis=0))
    reached = result.sources[result.reached]
    assert np.array_equal(reached, np.flatnonzero(nonzero if target is LOIHI2 else sizes))


def stored_map(connection: Connection) -> IntArray:
    """1 where a synapse is stored, (target, source)."""
    if isinstance(connection, Dense):
        return np.ones(connection.weights.shape, dtype=np.int64)
    if isinstance(connection, OneToOne):
        return np.eye(connection.target_size, dtype=np.int64)
    matrix = connection.matrix().copy()
    matrix.data = np.ones_like(matrix.data)
    return np.asarray(matrix.toarray())


@pytest.mark.parametrize(
    "connection",
    [
        Dense(np.array([[1, 0, 0], [1, 0, 2], [0, 0, 3]])),
        Sparse((3, 3), np.array([0, 0, 2]), np.array([0, 2, 1]), np.array([1, 0, 5])),
        OneToOne(np.array([1, 0, -2])),
    ],
)
def test_axons_of_every_other_kind(connection: Connection) -> None:
    for start, stop in ((0, 3), (1, 3), (2, 3)):
        for target in (LOIHI1, LOIHI2):
            check_axons(connection, Slice.run("b", start, stop, 3), target)
    stored, nonzero = fan_out(connection)
    assert np.array_equal(stored, stored_map(connection).sum(axis=0))
    assert np.array_equal(nonzero, connection.nonzero_fan_out())


@settings(max_examples=60, deadline=None)
@given(kernels())
def test_fan_out_of_a_kernel_needs_no_unrolling(found: Convolution | SumPooling) -> None:
    stored, nonzero = fan_out(found)
    assert np.array_equal(stored, found.stored_fan_out())
    assert np.array_equal(nonzero, found.nonzero_fan_out())


def test_a_message_touches_the_rows_of_its_taps() -> None:
    """24 channels of 7 bits and a header take 3 words a tap; a position in a corner lies under one tap."""
    found = kernel(24, 3, bits=7)
    part = Slice("b", found.output_shape, ((0, 24), (0, 6), (0, 6)), 24 * 36)
    result = axons(Projection("p", "a", "b", found), part, LOIHI2)
    assert result.entries == 1
    assert sorted(set(result.words.tolist())) == [3 * taps for taps in (1, 2, 3, 4, 6, 9)]


def test_loihi1_lists_every_synapse() -> None:
    """9 targets of 4 sources: 16 axons of 1, 2 or 4 synapses, 18 bits each and 10 of a header."""
    found = Convolution(np.ones((1, 1, 2, 2), dtype=np.int64), (1, 4, 4), (1, 1), ((0, 0), (0, 0)), (1, 1))
    part = Slice("b", (1, 3, 3), ((0, 1), (0, 3), (0, 3)), 9)
    result = axons(Projection("p", "a", "b", found), part, LOIHI1)
    assert (result.entries, result.memory_words) == (16, 4 + 8 + 4 * 2)
