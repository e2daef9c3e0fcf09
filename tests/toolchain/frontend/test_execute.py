"""Each primitive of the interpreter against its definition, written out for one element at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.toolchain.frontend.networks import StateSpace, deep_network, linear, one_space, random_space, scale
from tests.toolchain.frontend.test_write import chain, sample_node
from toolchain.errors import InputError, UnsupportedError
from toolchain.frontend import PRESETS, Conventions, Graph, Node, conventions_for, run

NIR = PRESETS["nir"]


def through(node: Node, x: NDArray[np.float64], conventions: Conventions = NIR) -> NDArray[np.float64]:
    return run(chain(node), x, conventions)[0]


def signal(*shape: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(2, 7, *shape))


def test_scale_linear_affine_threshold_flatten() -> None:
    rules: dict[str, Callable[[Mapping[str, Any], NDArray[np.float64]], NDArray[np.float64]]] = {
        "Scale": lambda p, x: x * p["scale"],
        "Linear": lambda p, x: np.einsum("oi,bti->bto", p["weight"], x),
        "Affine": lambda p, x: np.einsum("oi,bti->bto", p["weight"], x) + p["bias"],
        "Threshold": lambda p, x: (x > p["threshold"]).astype(float),
        "Flatten": lambda p, x: x.reshape(2, 7, 24),
    }
    for kind, rule in rules.items():
        node = sample_node(kind)
        x = signal(*node.input_shape)
        assert np.allclose(through(node, x), rule(node.params, x), rtol=1e-14, atol=1e-14), kind


def test_batched_linear_acts_on_each_row() -> None:
    weight = np.random.default_rng(1).normal(size=(5, 3, 2))
    x = signal(5, 2)
    y = through(Node("n", "Linear", {"weight": weight}, (5, 2), (5, 3)), x)
    assert np.allclose(y, np.einsum("noi,btni->btno", weight, x))


def test_a_sparse_weight_gives_what_a_dense_one_gives() -> None:
    weight = np.zeros((100, 80))
    weight[np.arange(80), np.arange(80)] = np.linspace(1, 2, 80)
    x = signal(80)
    assert np.array_equal(through(linear("n", weight), x)[..., :80], x * np.linspace(1, 2, 80))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")
@pytest.mark.parametrize(
    "settings_",
    [
        {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 1), "groups": 1},
        {"stride": (1, 3), "padding": "valid", "dilation": (2, 1), "groups": 2},
        {"stride": (1, 1), "padding": "same", "dilation": (2, 3), "groups": 4},
    ],
)
def test_convolutions_are_torchs(settings_: dict[str, object]) -> None:
    torch = pytest.importorskip("torch", reason="torch is the definition of NIR's convolution")
    from toolchain.frontend.shapes import conv_output

    rng = np.random.default_rng(3)
    weight = rng.normal(size=(8, 4 // int(str(settings_["groups"])), 3, 2))
    params = {"weight": weight, "bias": rng.normal(size=8), **settings_}
    x = signal(4, 9, 11)
    node = Node("n", "Conv2d", params, (4, 9, 11), conv_output("n", params, (4, 9, 11)))
    tensors = (torch.from_numpy(x.reshape(14, 4, 9, 11)), torch.from_numpy(weight), torch.from_numpy(params["bias"]))
    expected = torch.nn.functional.conv2d(*tensors, **settings_).numpy()
    assert expected.shape[1:] == node.output_shape
    assert np.allclose(through(node, x).reshape(expected.shape), expected, atol=1e-12)


def test_conv1d_and_pools_are_torchs() -> None:
    torch = pytest.importorskip("torch", reason="torch is the definition of NIR's convolution and pooling")
    functional = torch.nn.functional
    conv = sample_node("Conv1d")
    x = signal(3, 11)
    tensors = [torch.from_numpy(array) for array in (x.reshape(14, 3, 11), conv.params["weight"], conv.params["bias"])]
    expected = functional.conv1d(*tensors, stride=2, padding=1).numpy()
    assert np.allclose(through(conv, x).reshape(expected.shape), expected, atol=1e-12)
    params = {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 1)}
    image = signal(3, 7, 6)
    mean = functional.avg_pool2d(torch.from_numpy(image.reshape(14, 3, 7, 6)), **params).numpy()
    for kind, expected in (("AvgPool2d", mean), ("SumPool2d", mean * 6)):
        node = Node("n", kind, params, (3, 7, 6), expected.shape[1:])
        assert np.allclose(through(node, image).reshape(expected.shape), expected, atol=1e-12)


def test_delay_is_per_element() -> None:
    node = Node("n", "Delay", {"delay": np.array([0.0, 1e-4, 3e-4])}, (3,), (3,))
    x = signal(3)
    y = through(node, x)
    for element, steps in enumerate((0, 1, 3)):
        assert np.array_equal(y[:, steps:, element], x[:, : 7 - steps, element])
        assert not y[:, :steps, element].any()


def test_a_delay_between_steps_is_refused() -> None:
    node = Node("n", "Delay", {"delay": np.array([2.5e-4])}, (1,), (1,))
    with pytest.raises(InputError) as caught:
        through(node, signal(1))
    assert str(caught.value) == (
        "n.delay: a delay of 0.00025 s is 2.5 steps of 0.0001 s; choose dt so that delays are whole steps"
    )


def euler(node: Node, x: NDArray[np.float64], dt: float) -> NDArray[np.float64]:
    """The NIR equations, one element and one step at a time: forward Euler, strict >, reset to v_reset."""
    out = np.zeros_like(x)
    for place in np.ndindex(*node.input_shape):
        p = {name: float(value[place]) for name, value in node.params.items()}
        for sample in range(len(x)):
            i, v = 0.0, 0.0
            for t in range(x.shape[1]):
                i, v = euler_step(node.kind, p, i, v, float(x[(sample, t, *place)]), dt)
                fired = "v_threshold" in p and v > p["v_threshold"]
                out[(sample, t, *place)] = fired if "v_threshold" in p else v
                v = p["v_reset"] if fired else v
    return out


def euler_step(kind: str, p: dict[str, float], i: float, v: float, x: float, dt: float) -> tuple[float, float]:
    if kind in ("I", "IF"):
        return 0.0, v + dt * p["r"] * x
    if kind in ("LI", "LIF"):
        return 0.0, v + dt / p["tau"] * (p["v_leak"] - v + p["r"] * x)
    i = i + dt / p["tau_syn"] * (p["w_in"] * x - i)
    return i, v + dt / p["tau_mem"] * (p["v_leak"] - v + p["r"] * i)


@pytest.mark.parametrize("kind", ["I", "IF", "LI", "LIF", "CubaLI", "CubaLIF"])
def test_neurons_step_by_the_nir_equations(kind: str) -> None:
    node = sample_node(kind)
    node = replace(node, params={**node.params, "r": node.params["r"] * 3})
    conventions = replace(NIR, dt=0.09)
    x = 4 * np.random.default_rng(5).normal(size=(2, 60, *node.input_shape))
    ours, theirs = through(node, x, conventions), euler(node, x, 0.09)
    if "v_threshold" in node.params:
        assert 20 < theirs.sum() < theirs.size - 20
    assert np.allclose(ours, theirs, rtol=1e-12, atol=1e-13)


def test_at_the_threshold_the_compare_rule_decides() -> None:
    params = {"r": np.array([1e4]), "v_threshold": np.array([1.0]), "v_reset": np.zeros(1)}
    node = Node("n", "IF", params, (1,), (1,))
    x = np.full((1, 4, 1), 0.5)
    assert through(node, x, NIR)[0, :, 0].tolist() == [0, 0, 1, 0]
    assert through(node, x, PRESETS["seamount"])[0, :, 0].tolist() == [0, 1, 0, 1]


def test_the_jump_rule_is_norses_lifcell() -> None:
    """i_j = i + x; v += dt/tau_m (v_leak - v + i_j); i = i_j (1 - dt/tau_s)."""
    node = sample_node("CubaLI")
    ones = np.ones(node.input_shape)
    node = replace(node, params={**node.params, "r": ones, "w_in": ones})
    conventions = replace(NIR, dt=0.05, input="jump")
    x = signal(*node.input_shape)
    i, v, expected = np.zeros((2, 3, 2)), np.zeros((2, 3, 2)), np.empty_like(x)
    for t in range(x.shape[1]):
        jumped = i + x[:, t]
        v = v + 0.05 / node.params["tau_mem"] * (node.params["v_leak"] - v + jumped)
        i = jumped * (1 - 0.05 / node.params["tau_syn"])
        expected[:, t] = v
    assert np.allclose(through(node, x, conventions), expected, rtol=1e-13)


def complex_network(graph: Graph, spaces: list[StateSpace], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The deep network in the paper's terms: y = S4D(u), soma on y, u <- u + W s + b."""
    p = {name: node.params for name, node in graph.nodes.items()}
    stream = x @ p["encoder"]["weight"].T + p["encoder"]["bias"]
    for k, space in enumerate(spaces):
        y, v, spikes = space.run(stream), np.zeros(stream[:, 0].shape), np.empty_like(stream)
        for t in range(x.shape[1]):
            v = v / 8 + y[:, t]
            spikes[:, t] = v >= p[f"block{k}.soma"]["v_threshold"]
            v = np.where(spikes[:, t] > 0, 0, v)
        stream = stream + spikes @ p[f"block{k}.mix"]["weight"].T + p[f"block{k}.mix"]["bias"]
    return np.cumsum(stream @ p["readout"]["weight"].T + p["readout"]["bias"], axis=1)


def test_a_deep_network_is_what_the_paper_says() -> None:
    rng = np.random.default_rng(11)
    graph = deep_network(rng, width=20, modes=5)
    again = np.random.default_rng(11)
    again.normal(size=(20, 1)), again.normal(size=20)
    spaces = [random_space(again, 20, 5)]
    again.normal(size=(20, 20)), again.normal(size=20)
    spaces.append(random_space(again, 20, 5))
    x = rng.uniform(size=(3, 50, 1))
    y, kept = run(graph, x, conventions_for(graph), record=("block0.soma", "block1.soma"))
    assert 0.05 < kept["block1.soma"].mean() < 0.95
    assert np.allclose(y, complex_network(graph, spaces, x), rtol=1e-9, atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_order_of_nodes_and_edges_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = deep_network(rng, width=10, modes=2, group=4)
    names, edges = list(graph.nodes), list(graph.edges)
    rng.shuffle(names)
    rng.shuffle(edges)
    mixed = Graph({name: graph.nodes[name] for name in names}, tuple((a, b) for a, b in edges), graph.metadata)
    x = rng.uniform(size=(2, 12, 1))
    one, other = (run(g, x, conventions_for(g))[0] for g in (graph, mixed))
    assert np.allclose(one, other, rtol=1e-9, atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), channels=st.integers(1, 6), modes=st.integers(1, 5), group=st.integers(1, 4))
def test_euler_steps_the_discretized_state_space_exactly(seed: int, channels: int, modes: int, group: int) -> None:
    rng = np.random.default_rng(seed)
    space = random_space(rng, channels, modes)
    u = rng.normal(size=(2, 30, channels))
    graph = one_space(space, group)
    y, expected = run(graph, u, conventions_for(graph))[0], space.run(u)
    assert np.abs(y - expected).max() <= 1e-11 * (1 + np.abs(expected).max())


def test_wrong_inputs_and_names_are_refused() -> None:
    graph = chain(scale("n", np.ones(3)))
    for x, record, message in (
        (np.zeros((2, 5, 4)), (), "input: an input of shape (2, 5, 4) where (batch, step, 3) is; reshape it"),
        (np.full((1, 1, 3), np.nan), (), "input: 3 of 3 input values are NaN or infinite; clean the data"),
        (
            np.zeros((1, 1, 3)),
            ("ghost",),
            "ghost: no node of this name can be recorded; the nodes are: input, n, output",
        ),
        (np.zeros((1, 1, 3)), ("n:v",), "n:v: Scale has no voltage; record the node's name alone"),
    ):
        with pytest.raises(InputError) as caught:
            run(graph, x, NIR, record=record)
        assert str(caught.value) == message
    second = replace(graph.nodes["output"], name="other")
    two = Graph({**graph.nodes, "other": second}, (*graph.edges, ("n", "other")))
    first, kept = run(two, np.ones((1, 1, 3)), NIR, record=["other"])
    assert np.array_equal(first, kept["other"])
    none = Graph({name: node for name, node in graph.nodes.items() if name != "output"}, graph.edges[:1])
    with pytest.raises(UnsupportedError, match="graph: no Output node"):
        run(none, np.zeros((1, 1, 3)), NIR)
