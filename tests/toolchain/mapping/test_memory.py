"""Words of state, coefficients and synapses against counts made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.toolchain.report.digits_like import chain, cuba_lif, ssm_lif
from toolchain.ir.connections import Connection, Convolution, Dense, OneToOne, Sparse, SumPooling
from toolchain.ir.program import Population, Projection
from toolchain.mapping import load_target
from toolchain.mapping.memory import (
    axon_sizes,
    axon_words,
    coefficient_words,
    packed_words,
    state_words,
    synapse_words,
)
from toolchain.report.traffic import nonzero_axon_sizes

RNG = np.random.default_rng(3)


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
        (ssm_lif("a", 3, 8, RNG, start_step=1), 9),  # `wait` (8 bits) fits beside the voltage
        (Population("a", "integrator", 3), 1),
        (Population("a", "relay", 3), 0),  # stores nothing
    ],
)
def test_state_words(population: Population, words: int) -> None:
    assert state_words(population, 64) == words


def test_coefficient_words_of_an_ssm_neuron() -> None:
    # a_re, a_im: 8 fields of 16 bits, two words each; c_re, c_im: 8 of 8 bits, one word each;
    # then 8 + 5 + 24 + 24 = 61 bits of d, d_shift, bias, threshold in one word; leak keeps its default.
    assert coefficient_words(ssm_lif("a", 5, 8, RNG), 64) == (7, 0)


def test_what_all_neurons_share_is_stored_once() -> None:
    rows = np.tile(np.arange(8), (5, 1))
    shared = Population("a", "ssm_lif", 5, 8, coefficients=dict.fromkeys(("a_re", "a_im", "c_re", "c_im"), rows))
    assert coefficient_words(shared, 64) == (0, 6)
    assert coefficient_words(cuba_lif("a", 5), 64) == (0, 0)
    assert coefficient_words(cuba_lif("a", 5, bias_mant=np.arange(5)), 64) == (1, 0)


def words(connection: Connection, target: str, delay_steps: int = 1) -> list[int]:
    ends = cuba_lif("a", connection.source_size), cuba_lif("b", connection.target_size)
    projection = chain(connection, *ends, delay_steps).projections[0]
    sizes = axon_sizes(connection, 0, connection.target_size)
    return [int(count) for count in axon_words(projection, sizes, load_target(target))]


def dense(targets: int, sources: int = 1) -> Dense:
    return Dense(np.zeros((targets, sources), dtype=np.int64))


def sparse(sizes: list[int], targets: int = 200) -> Sparse:
    pairs = sorted((row, column) for column, count in enumerate(sizes) for row in range(count))
    rows, columns = (np.array(axis, dtype=np.int64) for axis in zip(*pairs, strict=True))
    return Sparse((targets, len(sizes)), rows, columns, np.ones(len(pairs), dtype=np.int64))


def test_loihi2_packing_against_the_compiler_log() -> None:
    assert words(dense(127), "loihi2") == [32]
    assert words(dense(4), "loihi2") == [1]
    assert words(sparse([128]), "loihi2") == [39]  # 38.25 on average, rounded up an axon
    assert words(sparse([0, 1, 3, 4]), "loihi2") == [0, 1, 1, 2]


def test_loihi1_packing_in_blocks() -> None:
    assert words(dense(64), "loihi1") == [9]  # 64 * 8 + 10 = 522 bits
    assert words(dense(65), "loihi1") == [10]  # and 18 bits more
    assert words(dense(64), "loihi1", delay_steps=2) == [15]  # 64 * 14 + 10 = 906 bits
    assert words(sparse([0, 1, 64]), "loihi1") == [0, 1, 19]  # 18 + 10 bits; 64 * 18 + 10 = 1162 bits


def test_axon_sizes_of_a_slice() -> None:
    weights = np.array([[1, 0, 0], [1, 0, 2], [0, 0, 3]])
    assert axon_sizes(Sparse.from_dense(weights), 1, 3).tolist() == [1, 0, 2]
    assert axon_sizes(Dense(weights), 1, 3).tolist() == [2, 2, 2]


def kernel(out: int, entering: int, places: int = 6) -> Convolution:
    """3x3 without padding, `places` x `places` windows."""
    weights = np.ones((out, entering, 3, 3), dtype=np.int64)
    return Convolution(weights, (entering, places + 2, places + 2), (1, 1), ((0, 0), (0, 0)), (1, 1))


def stored(connection: Connection, start: int, stop: int, target: str) -> int:
    """Words of the synapses into a slice."""
    projection = Projection("p", "a", "b", connection)
    return synapse_words(projection, axon_sizes(connection, start, stop), range(start, stop), load_target(target))


@pytest.mark.parametrize(("out", "entering", "words"), [(24, 3, 81), (32, 1, 36), (36, 24, 24 * 9 * 5), (1, 1, 9)])
def test_a_kernel_is_stored_once(out: int, entering: int, words: int) -> None:
    """81 words for 24x3x3x3 stand in PilotNet's compiler table; its others have fewer bits a weight."""
    found = kernel(out, entering)
    assert stored(found, 0, found.target_size, "loihi2") == words
    assert stored(found, 0, 1, "loihi2") == entering * 9  # one output channel: a word a row


def test_kernel_words_grow_with_the_channels_of_a_slice() -> None:
    found = kernel(20, 2)
    words = [stored(found, 36 * 3, 36 * (3 + count), "loihi2") for count in range(1, 18)]
    assert words == [18 * -(-count // 8) for count in range(1, 18)]
    assert stored(found, 5, 5, "loihi2") == 0


def test_groups_have_rows_of_their_own() -> None:
    weights = np.ones((4, 1, 3, 3), dtype=np.int64)
    found = Convolution(weights, (2, 4, 4), (1, 1), ((0, 0), (0, 0)), (1, 1), groups=2)
    assert stored(found, 0, 16, "loihi2") == 2 * 9
    assert stored(found, 4, 12, "loihi2") == 2 * 9  # a channel of each group
    assert stored(found, 0, 8, "loihi2") == 9


def test_a_pooling_counts_as_a_convolution_of_each_channel() -> None:
    found = SumPooling((3, 4, 4), (2, 2), (2, 2), ((0, 0), (0, 0)))
    assert [stored(found, 0, stop, "loihi2") for stop in (1, 4, 5, 12)] == [4, 4, 8, 12]


def test_loihi1_lists_every_synapse() -> None:
    """9 targets of 4 sources: 16 axons of 1, 2 or 4 synapses, 18 bits each and 10 of a header."""
    found = Convolution(np.ones((1, 1, 2, 2), dtype=np.int64), (1, 4, 4), (1, 1), ((0, 0), (0, 0)), (1, 1))
    assert sorted(found.stored_fan_out().tolist()) == [1] * 4 + [2] * 8 + [4] * 4
    assert stored(found, 0, 9, "loihi1") == 4 + 8 + 4 * 2


def test_axon_words_of_what_a_message_touches() -> None:
    assert sorted(set(words(kernel(24, 3), "loihi2"))) == [-(-24 * taps // 8) for taps in (1, 2, 3, 4, 6, 9)]


def test_axon_sizes_of_every_kind() -> None:
    for connection in (kernel(2, 1), SumPooling((2, 4, 4), (2, 2), (1, 1), ((1, 0), (0, 1))), OneToOne(np.arange(9))):
        entries = connection.matrix().toarray()
        ones = connection.matrix().astype(bool).toarray() if connection.kind != "one-to-one" else np.eye(9, dtype=bool)
        for start, stop in ((0, 1), (2, 7), (0, len(entries))):
            assert np.array_equal(axon_sizes(connection, start, stop), ones[start:stop].sum(axis=0))
            found = nonzero_axon_sizes(connection, start, stop)
            assert np.array_equal(found, np.count_nonzero(entries[start:stop], axis=0))
