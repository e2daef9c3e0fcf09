"""Where a loop gets its delay: at the neuron its recurrent weights enter, or refused where the file leaves it open."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.toolchain.frontend.networks import lif, linear, scale
from toolchain.errors import UnsupportedError
from toolchain.frontend import PRESETS, Graph, Node, run
from toolchain.frontend.order import execution_groups

NIR = PRESETS["nir"]
ONE = np.ones((1, 1))


def graph(edges: str, *nodes: Node) -> Graph:
    """ "a>b b>c" with one-wide nodes; input and output are added."""
    ports = (Node("input", "Input", {}, (1,), (1,)), Node("output", "Output", {}, (1,), (1,)))
    pairs = tuple((a, b) for a, _, b in (edge.partition(">") for edge in edges.split()))
    return Graph({node.name: node for node in (*nodes, *ports)}, pairs)


def weight(name: str) -> Node:
    return linear(name, ONE)


def neuron(name: str) -> Node:
    return lif(name, 1, 0.5)


def refusal(net: Graph) -> str:
    with pytest.raises(UnsupportedError) as caught:
        execution_groups(net)
    return str(caught.value)


def test_a_recurrent_neuron_is_delayed_where_its_weights_enter() -> None:
    net = graph("input>n n>w w>n n>output", weight("w"), neuron("n"))
    groups = execution_groups(net)
    assert [group.nodes for group in groups] == [("input",), ("n", "w"), ("output",)]
    assert groups[1].delayed == {("w", "n")}


def test_inner_recurrence_and_outer_feedback_are_both_delayed() -> None:
    """Signals from outside arrive at a, so a closes the outer loop; what remains is b with its own weights."""
    edges = "input>a a>u u>a a>v v>b b>w w>b b>f f>a b>output"
    net = graph(edges, *(weight(name) for name in "uvwf"), neuron("b"), neuron("a"))
    loop = next(group for group in execution_groups(net) if group.loops)
    assert loop.delayed == {("u", "a"), ("f", "a"), ("w", "b")}
    assert loop.nodes.index("a") < loop.nodes.index("v") < loop.nodes.index("b") < loop.nodes.index("f")


def test_signals_that_arrive_through_a_sum_count() -> None:
    net = graph("input>s s>a a>b b>s b>output", scale("s", np.ones(1)), neuron("a"), neuron("b"))
    loop = next(group for group in execution_groups(net) if group.loops)
    assert loop.delayed == {("s", "a")}


def test_a_loop_of_several_neurons_without_one_entry_is_refused() -> None:
    twice = graph("input>a input>b a>w w>b b>v v>a b>output", weight("w"), weight("v"), neuron("a"), neuron("b"))
    assert refusal(twice) == (
        "a -> b -> v -> w: a loop of 2 stateful nodes (a, b), entered from outside at 2 of them (a, b): "
        "NIR does not say which of its edges carries the step's delay; "
        "put a Delay of one step on the edge that closes the loop"
    )
    nowhere = graph("input>output a>w w>b b>v v>a", weight("w"), weight("v"), neuron("a"), neuron("b"))
    assert "entered from outside at none of them" in refusal(nowhere)


def test_a_loop_without_state_is_refused() -> None:
    net = graph("input>a a>b b>a b>output", weight("a"), weight("b"))
    assert refusal(net) == "a -> b: a loop without a neuron or Delay in it; put a stateful node into the loop"


def delay(steps: int) -> Node:
    return Node("d", "Delay", {"delay": np.array([steps * NIR.dt])}, (1,), (1,))


@pytest.mark.parametrize("steps", [1, 3])
def test_a_delay_closes_a_loop_by_itself(steps: int) -> None:
    """y[t] = x[t] + y[t - steps] / 2."""
    half = linear("h", ONE / 2)
    net = graph("input>s s>h h>d d>s s>output", delay(steps), half, scale("s", np.ones(1)))
    x = np.random.default_rng(0).normal(size=(1, 20, 1))
    y, _ = run(net, x, NIR)
    expected = x[0, :, 0].copy()
    for t in range(steps, 20):
        expected[t] += expected[t - steps] / 2
    assert np.allclose(y[0, :, 0], expected, rtol=1e-14)


def test_a_delay_in_a_recurrence_adds_to_nothing() -> None:
    """A Delay of one step in a neuron's loop is the loop's delay: the same as the recurrence without it."""
    plain = graph("input>n n>w w>n n>output", neuron("n"), linear("w", -2 * ONE))
    delayed = graph("input>n n>w w>d d>n n>output", neuron("n"), linear("w", -2 * ONE), delay(1))
    x = np.random.default_rng(1).uniform(size=(2, 40, 1))
    one, other = run(plain, x, NIR)[0], run(delayed, x, NIR)[0]
    assert 5 < one.sum() < 75
    assert np.array_equal(one, other)


def permuted(net: Graph, order: Sequence[str]) -> Graph:
    return Graph({name: net.nodes[name] for name in order}, net.edges)


def test_the_order_in_the_file_does_not_matter() -> None:
    edges = "input>a a>u u>a a>v v>b b>w w>b b>f f>a b>output"
    net = graph(edges, *(weight(name) for name in "uvwf"), neuron("b"), neuron("a"))
    x = np.random.default_rng(2).normal(size=(1, 50, 1))
    one, other = (run(permuted(net, order), x, NIR)[0] for order in (list(net.nodes), list(net.nodes)[::-1]))
    assert one.sum() > 3
    assert np.array_equal(one, other)
