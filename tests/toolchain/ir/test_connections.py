"""Every kind of connection against its meaning as loops; refusals; both written forms."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulators.reference import simulate
from tests.connection_strategies import CONNECTION_STRATEGIES, connections
from tests.toolchain.ir.plain_connections import MEANING, synapses
from tests.toolchain.ir.samples import plain
from toolchain.bounds.verify import verify
from toolchain.errors import InputError, VerificationError
from toolchain.ir.connections import (
    CONNECTIONS,
    CONNECTIONS_BY_KIND,
    AveragePooling,
    Connection,
    Convolution,
    Dense,
    Listed,
    OneToOne,
    SumPooling,
)
from toolchain.ir.program import Input, Output, Population, Program, Projection
from toolchain.ir.storage import load_program, save_program
from toolchain.ir.text import read_program, write_program

SIZES = st.tuples(st.integers(1, 24), st.integers(1, 24))
ANY = SIZES.flatmap(lambda sizes: connections(*sizes))


def entries(connection: Connection) -> np.ndarray[Any, Any]:
    """The matrix as a plain array."""
    matrix = connection.matrix()
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


def network(connection: Connection, exponent: int = 0) -> Program:
    """An input that reaches integrators through the connection."""
    return Program(
        "net",
        (Input("in", connection.source_size, bits=8),),
        (Population("p", "integrator", connection.target_size),),
        (Projection("in->p", "in", "p", connection, exponent=exponent),),
        (Output("out", "p", "total"),),
    )


def example(kind: str, **change: Any) -> Connection:
    """A connection of the kind with every field of its own set to something telling."""
    fields: dict[str, dict[str, Any]] = {
        "convolution": {
            "weights": np.arange(-24, 24).reshape(4, 1, 3, 4),
            "input_shape": (2, 5, 6),
            "stride": (2, 1),
            "padding": ((1, 0), (2, 1)),
            "dilation": (1, 2),
            "groups": 2,
        },
        "sum-pooling": {"input_shape": (2, 5, 6), "kernel": (2, 3), "stride": (3, 1), "padding": ((0, 1), (2, 0))},
        "average-pooling": {
            "input_shape": (3, 7), "kernel": (3,), "stride": (2,), "padding": ((1, 1),), "fraction_bits": 8,
        },
        "one-to-one": {"weights": np.array([3, 0, -128, 127])},
    }  # fmt: skip
    return CONNECTIONS_BY_KIND[kind](**{**fields[kind], **change})


def test_every_kind_is_drawn_and_has_a_meaning() -> None:
    kinds = {connection.kind for connection in CONNECTIONS}
    assert kinds == CONNECTION_STRATEGIES.keys() == MEANING.keys() == CONNECTIONS_BY_KIND.keys()
    assert len(kinds) == len(CONNECTIONS)


@pytest.mark.slow
@given(ANY)
@settings(max_examples=200)
def test_the_matrix_is_what_the_loops_say(connection: Connection) -> None:
    expected = np.zeros((connection.target_size, connection.source_size), dtype=np.int64)
    for ends, weight in synapses(connection).items():
        expected[ends] = weight
    assert np.array_equal(entries(connection), expected)


@given(ANY)
@settings(max_examples=100)
def test_fan_out_counts_single_synapses(connection: Connection) -> None:
    listed = synapses(connection)
    stored = [sum(source == j for _, source in listed) for j in range(connection.source_size)]
    nonzero = [sum(ends[1] == j and w != 0 for ends, w in listed.items()) for j in range(connection.source_size)]
    assert connection.stored_fan_out().tolist() == stored
    assert connection.nonzero_fan_out().tolist() == nonzero


@given(ANY)
def test_values_hold_every_weight_that_acts(connection: Connection) -> None:
    assert set(synapses(connection).values()) <= set(connection.values.ravel().tolist())


@given(ANY.filter(lambda connection: isinstance(connection, Listed)))
def test_the_matrix_is_made_once_and_cannot_be_written_to(connection: Connection) -> None:
    assert connection.matrix() is connection.matrix()
    matrix = connection.matrix()
    assert not isinstance(matrix, np.ndarray)
    with pytest.raises(ValueError, match="read-only"):
        matrix.data[:] = 0


def test_a_convolution_by_hand() -> None:
    """[1 2 3] over [a b c d] with a zero in front, every second place: 2a + 3b, b + 2c + 3d."""
    found = Convolution(np.array([[[1, 2, 3]]]), (1, 4), (2,), ((1, 0),), (1,))
    assert entries(found).tolist() == [[2, 3, 0, 0], [0, 1, 2, 3]]
    assert found.output_shape == (1, 2)
    assert found.stored_fan_out().tolist() == [1, 2, 1, 1]


def test_groups_see_their_own_channels() -> None:
    found = Convolution(np.array([[[1]], [[2]], [[3]], [[4]]]), (2, 1), (1,), ((0, 0),), (1,), groups=2)
    assert entries(found).tolist() == [[1, 0], [2, 0], [0, 3], [0, 4]]


@pytest.mark.parametrize(
    ("kernel", "bits", "weight"), [((2, 2), 2, 1), ((2, 2), 8, 64), ((3, 3), 9, 57), ((3,), 8, 85)]
)
def test_the_weight_of_a_mean(kernel: tuple[int, ...], bits: int, weight: int) -> None:
    axes = len(kernel)
    found = AveragePooling((1, *(6,) * axes), kernel, kernel, ((0, 0),) * axes, bits)
    assert found.weight == weight
    assert found.values.tolist() == [weight]


def test_a_mean_over_a_power_of_two_is_exact() -> None:
    """The sum is shifted once: floor of the mean, nothing else is lost."""
    pooling = AveragePooling((1, 4), (4,), (4,), ((0, 0),), fraction_bits=2)
    values = np.array([[[9, 9, 9, 9]], [[1, 2, 3, 5]], [[-1, 0, 0, 0]]])
    trace = simulate(network(pooling, exponent=-2), {"in": values}, steps=2)
    assert trace.final["p.total"].ravel().tolist() == [9, 2, -1]


@pytest.mark.parametrize("kind", ["one-to-one", "convolution", "sum-pooling", "average-pooling"])
def test_written_and_read(kind: str, tmp_path: Path) -> None:
    program = network(example(kind))
    verify(program)
    text = write_program(program)
    save_program(program, tmp_path / "program.npz")
    for again in (read_program(text), load_program(tmp_path / "program.npz")):
        assert plain(again) == plain(program)
        assert write_program(again) == text


SAME_FOLDER = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(ANY)
@SAME_FOLDER
def test_any_is_written_and_read(tmp_path: Path, connection: Connection) -> None:
    program = network(connection)
    save_program(program, tmp_path / "program.npz")
    assert plain(read_program(write_program(program))) == plain(program)
    assert plain(load_program(tmp_path / "program.npz")) == plain(program)


def test_a_convolution_as_text() -> None:
    kernel = Convolution(np.array([[[[1, -2]], [[3, 4]]]]), (2, 3, 4), (1, 2), ((0, 0), (1, 0)), (1, 1))
    assert write_program(network(kernel)).partition("projection ")[2].partition("\n\n")[0] == (
        "in->p in p.input convolution 6x24 exponent=0 delay_steps=1\n"
        "    input=2x3x4 stride=1x2 padding=0:0x1:0 dilation=1x1 groups=1 weights=1x2x1x2\n"
        "    1 -2\n"
        "    3 4"
    )


def test_equal_content_is_equal_bytes(tmp_path: Path) -> None:
    """Kinds of integers, lists for tuples and memory order do not reach a file."""
    one = example("convolution")
    assert isinstance(one, Convolution)
    other = Convolution(
        np.asfortranarray(one.weights, dtype=np.int8),
        list(map(np.int64, one.input_shape)),  # type: ignore[arg-type]
        np.array(one.stride),  # type: ignore[arg-type]
        [list(pair) for pair in one.padding],  # type: ignore[arg-type]
        one.dilation,
        np.int8(2),  # type: ignore[arg-type]
    )
    save_program(network(one), tmp_path / "a.npz")
    save_program(network(other), tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert write_program(network(one)) == write_program(network(other))


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("one-to-one", {"weights": np.ones((2, 2), dtype=int)}, "weights have 2 axes"),
        ("convolution", {"weights": np.ones((4, 3), dtype=int)}, r"weights of shape \(4, 3\) instead of"),
        ("convolution", {"weights": np.ones((4, 0, 3, 4), dtype=int)}, "instead of"),
        ("convolution", {"groups": 1}, r"do not fit of input shape|do not fit"),
        ("convolution", {"groups": 0}, "in 0 groups"),
        ("convolution", {"weights": np.ones((3, 1, 3, 4), dtype=int)}, "3 output channels do not fall into 2 groups"),
        ("convolution", {"input_shape": (2, 5)}, "do not fit"),
        ("convolution", {"stride": (2,)}, "stride"),
        ("convolution", {"stride": (0, 1)}, "stride"),
        ("convolution", {"dilation": (1, 0)}, "dilation"),
        ("convolution", {"dilation": (4, 1)}, "does not fit the input"),
        ("convolution", {"padding": ((1, 0),)}, "padding"),
        ("convolution", {"padding": ((1, -1), (0, 0))}, "padding"),
        ("convolution", {"padding": ((1,), (0,))}, "unpack"),
        ("sum-pooling", {"input_shape": (5,)}, "instead of"),
        ("sum-pooling", {"input_shape": (0, 5, 6)}, "instead of"),
        ("sum-pooling", {"kernel": (6, 3), "padding": ((0, 0), (0, 0))}, "does not fit the input"),
        ("sum-pooling", {"kernel": (2,)}, "kernel"),
        ("average-pooling", {"fraction_bits": 1}, "1 fraction bits leave no weight for a window of 3"),
        ("average-pooling", {"fraction_bits": -1}, "leave no weight"),
    ],
)
def test_what_does_not_fit_is_refused(kind: str, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        example(kind, **change)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("convolution", {"stride": (1.0, 1.0)}),
        ("convolution", {"weights": np.ones((4, 1, 3, 4))}),
        ("convolution", {"groups": 2.0}),
        ("sum-pooling", {"padding": ((0.5, 0), (0, 0))}),
        ("average-pooling", {"fraction_bits": 8.5}),
    ],
)
def test_fractions_are_refused(kind: str, change: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        example(kind, **change)


def test_fields_cannot_be_set() -> None:
    for kind in ("convolution", "sum-pooling", "average-pooling"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            example(kind).stride = (1, 1)  # type: ignore[misc, union-attr]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("input=2x5x6", "input=2x5x7"),
        ("groups=2", "groups=1"),
        ("groups=2", "groups=2 groups=2"),
        ("padding=1:0x2:1", "padding=1:0"),
        ("padding=1:0x2:1", "padding=1x2"),
        ("stride=2x1 ", ""),
        ("weights=4x1x3x4", "weights=4x1x3x5"),
        ("weights=4x1x3x4", "weights=4x1x2x4"),
        ("    -24 -23 -22 -21\n", ""),
        (" convolution ", " deconvolution "),
        ("convolution 24x60", "convolution 24x61"),
        ("convolution 24x60", "convolution 25x60"),
    ],
)
def test_a_damaged_text_is_refused(old: str, new: str) -> None:
    text = write_program(network(example("convolution")))
    assert old in text
    with pytest.raises(InputError, match=r"^program\.txt:\d+: "):
        read_program(text.replace(old, new, 1))


@pytest.mark.parametrize("connection", [OneToOne(np.array([128])), example("average-pooling", fraction_bits=9)])
def test_weights_beyond_8_bits_are_refused(connection: Connection) -> None:
    with pytest.raises(VerificationError, match=r"weight 1\d\d does not fit -128 \.\. 127"):
        verify(network(connection))


@given(ANY)
@settings(max_examples=30, deadline=None)
def test_a_connection_runs_as_its_matrix_does(connection: Connection) -> None:
    """Storing a map in another way changes nothing that a program does."""
    values = np.random.default_rng(0).integers(-128, 128, (2, 3, connection.source_size))
    kept = simulate(network(connection), {"in": values}, steps=4)
    listed = simulate(network(Dense(entries(connection))), {"in": values}, steps=4)
    assert np.array_equal(kept.final["p.total"], listed.final["p.total"])


def test_pooling_kinds_differ_in_their_weight_alone() -> None:
    mean = example("average-pooling")
    assert isinstance(mean, AveragePooling)
    total = SumPooling(mean.input_shape, mean.kernel, mean.stride, mean.padding)
    assert np.array_equal(entries(mean), mean.weight * entries(total))
