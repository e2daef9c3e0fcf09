"""State spaces whose modes are shared by all channels (S5, LRU): dense B and C, in standard NIR nodes.

The states of a mode turn and shrink together: x' = a x + u with a complex pole a and a complex drive u = B v. Neurons
of a program have real drives and real messages, and the map from one to the other is linear, so that four of them do
the work of one such mode:

    z1' = a z1 + Re u,   z2' = a z2 + Im u,   Re x = Re z1 - Im z2,   Im x = Im z1 + Re z2

The LI node and the Linear around it are replaced by a Linear that gives each of the four its drive, a node of them, and
a Linear that adds up what they send; B, C and all else stay as they are. A state that couples to none is one neuron.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import UnsupportedError
from toolchain.frontend.discretize import discretize
from toolchain.frontend.graph import FloatArray, Graph, Node
from toolchain.frontend.rules import Conventions
from toolchain.frontend.ssm_modes import coupled_states

MODES = "modes"
"""Kind of the node that stands for the neurons; in no file. Its parameters: complex `poles` and `c`, (neurons,)."""


def with_shared_modes(graph: Graph, conventions: Conventions) -> Graph:
    """The graph with each state space of shared modes as modes with real drives between two Linears.

    Raises:
        UnsupportedError: states that couple to several others or turn by no rotation, a pole on or outside the unit
            circle, a leak.
    """
    for state in graph.of_kind("LI"):
        loops = [name for name in graph.sources(state.name) if _is_loop(graph, name, state.name)]
        if len(loops) == 1 and not _is_by_channel(graph, state.name, loops[0]):
            graph = _apart(graph, state, graph.nodes[loops[0]], conventions)
    return graph


def _is_loop(graph: Graph, name: str, state: str) -> bool:
    return graph.nodes[name].kind == "Linear" and graph.sources(name) == (state,) and graph.targets(name) == (state,)


def _is_by_channel(graph: Graph, state: str, loop: str) -> bool:
    """Whether each mode has one channel in and the same one out, as `frontend.ssm` reads them."""
    enters = [graph.nodes[name] for name in graph.sources(state) if name != loop]
    leaves = [graph.nodes[name] for name in graph.targets(state) if name != loop]
    if not len(enters) == len(leaves) == 1 or not enters[0].kind == leaves[0].kind == "Linear":
        return True  # refused there, with the reason
    into, out = enters[0].params["weight"] != 0, leaves[0].params["weight"].T != 0
    if into.shape != out.shape:
        return False
    together = (graph.nodes[loop].params["weight"] != 0) | np.eye(len(into), dtype=bool)
    # Floats, since numpy multiplies matrices of integers without BLAS, far slower. Counts are exact in them.
    used = (together.astype(np.float32) @ (into | out).astype(np.float32)) > 0
    return bool(np.all(used.sum(axis=1) <= 1))


def _apart(graph: Graph, state: Node, loop: Node, conventions: Conventions) -> Graph:
    neuron = discretize(state, conventions)
    if np.any(neuron.leak != 0):
        what = f"v_leak is not 0 in {int(np.sum(neuron.leak != 0))} states"
        raise UnsupportedError(state.name, what, "export states without a leak potential")
    gain = neuron.current_gain
    a = np.diag(neuron.voltage_decay) + gain[:, None] * loop.params["weight"]
    drives, poles, c, sums = _neurons(len(a), a, coupled_states(state, a))
    _check_stable(state, poles)
    size = len(poles)
    modes = Node(state.name, MODES, {"poles": poles, "c": c}, (size,), (size,), state.metadata)
    drive = Node(f"{state.name}_drives", "Linear", {"weight": drives * gain[None, :]}, state.input_shape, (size,))
    total = Node(f"{state.name}_states", "Linear", {"weight": sums}, (size,), state.output_shape)
    nodes = dict[str, Node]()
    for name, node in graph.nodes.items():
        if name == state.name:
            nodes |= {drive.name: drive, modes.name: modes, total.name: total}
        elif name != loop.name:
            nodes[name] = node
    edges = [
        (total.name if source == state.name else source, drive.name if target == state.name else target)
        for source, target in graph.edges
        if loop.name not in (source, target)
    ]
    edges += [(drive.name, modes.name), (modes.name, total.name)]
    return replace(graph, nodes=nodes, edges=tuple(edges))


def _neurons(
    states: int, a: FloatArray, pairs: list[tuple[int, int]]
) -> tuple[FloatArray, NDArray[np.complex128], NDArray[np.complex128], FloatArray]:
    """(drives (neuron, state), poles, readouts, sums (state, neuron)) of neurons that do the work of the states."""
    partners = dict(pairs)
    coupled = set(partners) | set(partners.values())
    rows: list[tuple[int, complex, complex, tuple[tuple[int, float], ...]]] = []
    for i in range(states):
        if i in partners:
            j, pole = partners[i], complex(a[i, i], a[partners[i], i])
            # Re z of a readout of 1, Im z of one of -i.
            rows += [(i, pole, 1.0, ((i, 1.0),)), (i, pole, -1.0j, ((j, 1.0),))]
            rows += [(j, pole, 1.0, ((j, 1.0),)), (j, pole, -1.0j, ((i, -1.0),))]
        elif i not in coupled:
            rows.append((i, complex(a[i, i]), 1.0, ((i, 1.0),)))
    drives, sums = np.zeros((len(rows), states)), np.zeros((states, len(rows)))
    for number, (driven, _, _, given) in enumerate(rows):
        drives[number, driven] = 1.0
        for target, sign in given:
            sums[target, number] = sign
    return drives, np.array([row[1] for row in rows]), np.array([row[2] for row in rows]), sums


def _check_stable(state: Node, poles: NDArray[np.complex128]) -> None:
    if not np.all(np.abs(poles) < 1):
        what = f"{int(np.sum(~(np.abs(poles) < 1)))} of {poles.size} modes have |pole| >= 1 "
        what += f"(largest {np.abs(poles).max():.6g})"
        remedy = "export the discretized system: tau = dt/(1 - alpha), r = tau/dt, A holding beta"
        raise UnsupportedError(state.name, what, remedy)
