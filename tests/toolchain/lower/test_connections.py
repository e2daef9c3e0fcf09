"""Convolutions and poolings lowered: the program against the float network, and which connection holds what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from simulators.reference import simulate
from tests.toolchain.lower.kernel_graphs import DT, FLATTEN, chain, conv, eighths, fire, pool, spikes
from toolchain.frontend import PRESETS, Graph, Node, run
from toolchain.frontend.conventions import Conventions
from toolchain.frontend.linear import linear_bias, linear_matrix
from toolchain.frontend.stateless import stateless_layer
from toolchain.host.encode import encode
from toolchain.ir.connections import AveragePooling, Convolution, OneToOne, SumPooling
from toolchain.ir.program import Program
from toolchain.lower.pipeline import Compiled, compile_graph

NIR = replace(PRESETS["nir"], dt=DT)
Layers = tuple[tuple[str, dict[str, Any]], ...]

# name: input shape, layers, kind of the connection into the first population
NETWORKS: dict[str, tuple[tuple[int, ...], Layers, str]] = {
    "2d": ((2, 5, 6), (conv(3, 2, 3, 2), fire()), "convolution"),
    "stride and padding": ((2, 5, 6), (conv(3, 2, 3, 3, stride=(2, 1), padding=(1, 2)), fire()), "convolution"),
    "dilation": ((1, 7, 7), (conv(2, 1, 3, 2, dilation=(2, 3)), fire()), "convolution"),
    "groups": ((4, 4, 4), (conv(6, 2, 3, 3, groups=2, padding=(1, 1)), fire()), "convolution"),
    "same, even kernel": ((1, 5, 5), (conv(2, 1, 4, 3, padding="same"), fire()), "convolution"),
    "valid": ((1, 5, 5), (conv(2, 1, 2, 2, padding="valid", stride=(2, 2)), fire()), "convolution"),
    "1d": ((3, 9), (conv(4, 3, 3, stride=2, padding=1), fire()), "convolution"),
    "1d, dilation, groups": ((2, 8), (conv(4, 1, 3, dilation=2, groups=2, padding="same"), fire()), "convolution"),
    "no bias": ((1, 4, 4), (conv(1, 1, 3, 3, bias=False), fire()), "convolution"),
    "flatten behind": ((1, 4, 4), (conv(2, 1, 3, 3), FLATTEN, fire()), "convolution"),
    "a scale of ones": ((1, 4, 4), (("Scale", {"scale": 1.0}), conv(2, 1, 3, 3), fire()), "convolution"),
    "a gain of the neuron": ((1, 4, 4), (conv(2, 1, 3, 3), fire(r=0.5)), "convolution"),
    "sum": ((2, 6, 6), (pool("Sum", 2, 2), fire(2.0)), "sum-pooling"),
    "sum, overlapping, padded": ((2, 5, 5), (pool("Sum", 3, 2, 1), fire(2.0)), "sum-pooling"),
    "sum, a gain of the neuron": ((2, 4, 4), (pool("Sum", 2, 2), fire(r=0.25)), "sum-pooling"),
    "mean": ((2, 6, 6), (pool("Avg", 2, 2), fire()), "average-pooling"),
    "mean of 16, padded": ((1, 6, 6), (pool("Avg", 4, 2, 1), fire(0.5)), "average-pooling"),
    "pooling, then a convolution": ((2, 8, 8), (pool("Sum", 2, 2), conv(2, 2, 3, 3), fire(4.0)), "sparse"),
    "mean, then a convolution": ((2, 8, 8), (pool("Avg", 2, 2), conv(2, 2, 3, 3), fire()), "sparse"),
    "a convolution, then a mean": ((2, 8, 8), (conv(2, 2, 3, 3), pool("Avg", 2, 2), fire()), "sparse"),
    "a doubled convolution": ((1, 4, 4), (("Scale", {"scale": 2.0}), conv(1, 1, 3, 3), fire()), "sparse"),
    "a scale": ((2, 2, 2), (("Scale", {"scale": 0.75}), fire()), "one-to-one"),
}  # fmt: skip


def compiled(graph: Graph, data: np.ndarray[Any, Any], conventions: Conventions = NIR) -> Compiled:
    return compile_graph(graph, conventions, data, name="net")


def assert_same_spikes(made: Compiled, graph: Graph, data: np.ndarray[Any, Any], conventions: Conventions = NIR) -> int:
    """Every message of every neuron, the program's latency taken off; the number of spikes."""
    program, total = made.lowered.program, 0
    source = program.inputs[0]
    trace = simulate(program, {source.name: encode(source, data)[0]}, strict=False)
    units = made.network.populations
    shaped = data.reshape(*data.shape[:2], *graph.nodes["input"].input_shape)
    _, recorded = run(graph, shaped, conventions, record=tuple(unit.exit for unit in units))
    for unit, delay in zip(units, levels(program), strict=True):
        expected = recorded[unit.exit].reshape(*data.shape[:2], -1)
        found = trace.messages[unit.name][:, delay : delay + data.shape[1]]
        assert np.array_equal(found, expected), unit.name
        total += int(expected.sum())
    return total


def levels(program: Program) -> list[int]:
    """Steps from the input to each population of a chain."""
    reached = {program.inputs[0].name: 0}
    for population in program.populations:
        forward = [p for p in program.into(population.name) if p.source != population.name]
        reached[population.name] = reached[forward[0].source] + forward[0].delay_steps
    return [reached[population.name] for population in program.populations]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_layer_spikes_as_the_float_network_does(name: str) -> None:
    shape, layers, kind = NETWORKS[name]
    graph, data = chain(shape, *layers), spikes(shape)
    made = compiled(graph, data)
    (projection,) = made.lowered.program.projections
    assert projection.connection.kind == kind, made.lowered.choices
    assert assert_same_spikes(made, graph, data) > 10


def test_a_network_of_every_layer() -> None:
    layers = (
        conv(4, 2, 3, 3, padding="same"), fire(), pool("Sum", 2, 2), fire(2.0), conv(4, 2, 3, 3, groups=2), fire(),
        pool("Avg", 2, 2), conv(3, 4, 1, 1), fire(0.25), FLATTEN,
        ("Affine", {"weight": eighths(5, 3), "bias": eighths(5)}), fire(),
    )  # fmt: skip
    graph, data = chain((2, 8, 8), *layers), spikes((2, 8, 8), steps=20)
    made = compiled(graph, data)
    kinds = [projection.connection.kind for projection in made.lowered.program.projections]
    assert sorted(kinds) == ["convolution", "convolution", "dense", "sparse", "sum-pooling"]
    assert assert_same_spikes(made, graph, data) > 100


@pytest.mark.parametrize("name", NETWORKS)
def test_a_stored_kernel_is_the_rounded_matrix(name: str) -> None:
    """Also where rounding loses something: real weights, and a gain that is no power of two."""
    shape, layers, _ = NETWORKS[name]
    noise = np.random.default_rng(8)
    odd = tuple(
        (kind, {**params, "weight": noise.normal(size=params["weight"].shape)} if "weight" in params else params)
        for kind, params in layers[:-1]
    )
    graph = chain(shape, *odd, fire(r=0.3))
    made = compiled(graph, spikes(shape))
    (link,), (projection,) = made.network.links, made.lowered.program.projections
    (scale,) = made.scheme.links.values()
    gain = made.scheme.units[link.target].gain[:, None]
    assert np.allclose(gain, 0.3 * made.scheme.units[link.target].free[:, None])
    expected = np.rint(link.weights.toarray() * gain * 2.0**scale.weight_exponent)
    assert np.array_equal(as_array(projection.connection), expected)


def as_array(connection: Any) -> np.ndarray[Any, Any]:
    matrix = connection.matrix()
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_matrix_of_a_node_is_what_the_node_does(name: str) -> None:
    """Against the window arithmetic of `stateless`, on whole numbers, so that sums are exact."""
    shape, layers, _ = NETWORKS[name]
    for each in chain(shape, *layers).nodes.values():
        if each.kind not in ("Input", "Output", "IF"):
            x = np.random.default_rng(2).integers(-9, 10, (5, *each.input_shape)).astype(np.float64)
            expected = stateless_layer(each, NIR)(x).reshape(5, -1)
            found = (linear_matrix(each) @ x.reshape(5, -1).T).T + linear_bias(each)
            assert np.array_equal(found, expected), each.name


def test_a_mean_over_9_that_leaves_the_network_is_rounded_and_reported() -> None:
    """A mean whose numbers are read has no factor to give away."""
    made = compiled(chain((1, 6, 6), pool("Avg", 3, 3)), spikes((1, 6, 6)))
    (projection,) = made.lowered.program.projections
    assert isinstance(projection.connection, AveragePooling)
    assert (projection.connection.weight, projection.connection.fraction_bits) == (114, 10)  # 1024 / 9 = 113.78
    (weights,) = (row for row in made.lowered.tensors if row.name.endswith(".weights"))
    assert weights.max_error == pytest.approx(114 / 1024 - 1 / 9)


def test_ones_are_stored_for_poolings() -> None:
    """Before neurons a mean of 9 is a sum: its ninth belongs into the threshold."""
    for kind, window, made in (("Sum", 2, SumPooling), ("Avg", 2, AveragePooling), ("Avg", 3, SumPooling)):
        program = compiled(chain((1, 6, 6), pool(kind, window, 2), fire()), spikes((1, 6, 6))).lowered.program
        assert type(program.projections[0].connection) is made
        assert program.projections[0].connection.values.tolist() == [1]


def unrolled(graph: Graph, shape: tuple[int, ...]) -> str:
    """Why the only projection of a graph keeps no kernel; its weights are right all the same."""
    made = compiled(graph, spikes(shape))
    (projection,) = made.lowered.program.projections
    assert not isinstance(projection.connection, Convolution | SumPooling)
    return made.lowered.choices[projection.name]


@pytest.mark.parametrize("gains", [(1.0, 0.5), (1.0, 0.3)])
def test_a_kernel_that_neurons_scale_differently_is_kept(gains: tuple[float, float]) -> None:
    """A neuron's own factor takes its gain back; only unlike signs leave no one kernel."""
    graph = chain((1, 4, 4), conv(1, 1, 3, 3), fire())
    neuron, (one, other) = graph.nodes["n1"], gains
    uneven = _with_gains(graph, np.array([[[one, other], [other, one]]]))
    made = compiled(uneven, spikes((1, 4, 4)))
    assert made.lowered.program.projections[0].connection.kind == "convolution"
    assert assert_same_spikes(made, uneven, spikes((1, 4, 4))) > 10
    signs = _with_gains(graph, np.array([[[1.0, -1.0], [1.0, 1.0]]]))
    assert unrolled(signs, (1, 4, 4)).startswith("sparse: Conv2d n0 unrolled: the neurons of a channel scale it")
    assert neuron.params["r"].shape == (1, 2, 2)


def _with_gains(graph: Graph, r: np.ndarray[Any, Any]) -> Graph:
    neuron = graph.nodes["n1"]
    return Graph({**graph.nodes, "n1": replace(neuron, params={**neuron.params, "r": r})}, graph.edges)


def test_a_kernel_of_channels_scaled_differently_is_kept() -> None:
    graph = chain((1, 4, 4), conv(2, 1, 3, 3), fire())
    neuron = graph.nodes["n1"]
    gains = {**neuron.params, "r": np.broadcast_to(np.array([1.0, 0.5])[:, None, None], (2, 2, 2)).copy()}
    scaled = Graph({**graph.nodes, "n1": replace(neuron, params=gains)}, graph.edges)
    made = compiled(scaled, spikes((1, 4, 4)))
    assert made.lowered.program.projections[0].connection.kind == "convolution"
    assert assert_same_spikes(made, scaled, spikes((1, 4, 4))) > 10


def test_a_weight_that_meets_only_padding_and_does_not_fit_is_not_clipped() -> None:
    kind, params = conv(1, 1, 3, 3, padding=(1, 1), bias=False)
    weight = np.full((1, 1, 3, 3), 99.0)
    weight[0, 0, 1, 1] = 0.5
    assert "a weight that meets only padding does not fit" in unrolled(
        chain((1, 1, 1), (kind, {**params, "weight": weight}), fire()), (1, 1, 1)
    )


def test_a_pooling_of_neurons_with_an_odd_gain_is_kept() -> None:
    graph = chain((1, 4, 4), pool("Sum", 2, 2), fire(r=0.3))
    made = compiled(graph, spikes((1, 4, 4)))
    assert isinstance(made.lowered.program.projections[0].connection, SumPooling)
    assert assert_same_spikes(made, graph, spikes((1, 4, 4))) > 10


def test_a_skip_around_a_convolution_is_part_of_its_matrix() -> None:
    """Both ways join the same two units: that is no convolution alone."""
    graph = chain((1, 4, 4), conv(1, 1, 3, 3, padding=(1, 1)), ("Scale", {"scale": 1.0}), fire())
    skipping = Graph(graph.nodes, (*graph.edges, ("input", "n1")))
    made = compiled(skipping, spikes((1, 4, 4)))
    assert [projection.connection.kind for projection in made.lowered.program.projections] == ["sparse"]
    assert assert_same_spikes(made, skipping, spikes((1, 4, 4))) > 10


def test_choices_say_what_was_passed() -> None:
    made = compiled(chain((2, 8, 8), pool("Sum", 2, 2), conv(2, 2, 3, 3), fire(4.0)), spikes((2, 8, 8)))
    (choice,) = made.lowered.choices.values()
    assert choice.startswith("sparse: n0+n1 as one matrix: ")


def test_a_diagonal_recurrence_is_one_to_one() -> None:
    tied = chain((3,), fire(2.0))
    loop = Node("loop", "Linear", {"weight": np.diag([0.5, -0.25, 1.0])}, (3,), (3,))
    graph = Graph({**tied.nodes, "loop": loop}, (*tied.edges, ("n0", "loop"), ("loop", "n0")))
    made = compiled(graph, spikes((3,), steps=30))
    (recurrent,) = (p for p in made.lowered.program.projections if p.source == p.target)
    assert isinstance(recurrent.connection, OneToOne)
    assert assert_same_spikes(made, graph, spikes((3,), steps=30)) > 10
