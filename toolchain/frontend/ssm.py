"""Find the diagonal state spaces in a graph of standard NIR primitives, and rebuild their complex coefficients.

A state space is Linear B -> LI states with one self-loop Linear A -> Linear C -> sum, with a Scale D around it; the
states may be chunked over several LI nodes that meet in one sum node. Per channel h and mode n, with forward Euler:

    x[t] = pole x[t-1] + b u[t]          y[t] = 2 Re(sum over n of c x[t]) + d u[t]

The primitives alone decide. Metadata is a hint: what it says otherwise is a finding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import UnsupportedError
from toolchain.frontend.conventions import Conventions
from toolchain.frontend.graph import Finding, FloatArray, Graph, Node
from toolchain.frontend.ssm_hint import check_hint
from toolchain.frontend.ssm_modes import Mode, chunk_modes

ComplexArray = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class SsmBlock:
    """One diagonal state space with H channels of at most N modes; a channel with fewer is padded with zeros.

    Attributes:
        name: the sum node's name without its last part.
        input: node whose output u drives the block.
        output: node whose output is y.
        nodes: every node the block covers, `output` among them, `input` not.
        poles: (H, N) complex; magnitude below 1.
        b: (H, N) complex input coefficients.
        c: (H, N) complex output coefficients, without the factor 2.
        d: (H,) direct path.
        modes: (H,) number of modes of each channel.
        findings: what metadata says otherwise, and what was folded.
    """

    name: str
    input: str
    output: str
    nodes: tuple[str, ...]
    poles: ComplexArray
    b: ComplexArray
    c: ComplexArray
    d: FloatArray
    modes: NDArray[np.int64]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class _Chunk:
    """One LI node and its neighbours."""

    state: Node
    loop: Node | None
    enter: Node
    leave: Node
    input: str


def find_ssm_blocks(graph: Graph, conventions: Conventions) -> tuple[SsmBlock, ...]:
    """Every diagonal state space in `graph`, in the order of their first nodes.

    Raises:
        UnsupportedError: an LI node with a self-loop Linear that breaks a rule of the form (with the rule and numbers):
            coupling that is not pairwise, a mode driven or read by several channels, a pole outside the unit circle, a
            leak, a sum without a node of its own.
    """
    groups: dict[tuple[str, str], list[_Chunk]] = {}
    for state in graph.of_kind("LI"):
        chunk = _chunk(graph, state)
        if chunk is not None:
            groups.setdefault((chunk.input, _sum_of(graph, chunk)), []).append(chunk)
    return tuple(_block(graph, conventions, *ends, chunks) for ends, chunks in groups.items())


def _chunk(graph: Graph, state: Node) -> _Chunk | None:
    """The chunk around `state`; None if it has no self-loop and is not between two Linears: an ordinary LI."""
    loops = [n for n in graph.sources(state.name) if _is_loop(graph, n, state.name)]
    enters = [graph.nodes[n] for n in graph.sources(state.name) if n not in loops]
    leaves = [graph.nodes[n] for n in graph.targets(state.name) if n not in loops]
    plain = len(enters) == len(leaves) == 1 and enters[0].kind == leaves[0].kind == "Linear"
    if not loops and not (plain and _is_diagonal(enters[0], leaves[0])):
        return None
    if len(loops) > 1 or not plain:
        listed = ", ".join(f"{node.name} ({node.kind})" for node in (*enters, *leaves))
        what = f"a state with {len(loops)} self-loop(s) has beside them {listed}"
        raise UnsupportedError(state.name, what, "a state space has one Linear into its state and one out of it")
    drives = graph.sources(enters[0].name)
    if len(drives) != 1:
        what = f"{len(drives)} nodes ({', '.join(drives)}) drive the input matrix"
        raise UnsupportedError(enters[0].name, what, "sum them in a Scale of ones before it")
    loop = graph.nodes[loops[0]] if loops else None
    return _Chunk(state, loop, enters[0], leaves[0], drives[0])


def _is_loop(graph: Graph, name: str, state: str) -> bool:
    return graph.nodes[name].kind == "Linear" and graph.sources(name) == (state,) and graph.targets(name) == (state,)


def _is_diagonal(enter: Node, leave: Node) -> bool:
    """Whether each state has one channel in and the same one out, which an ordinary layer of LI does not."""
    into, out = enter.params["weight"] != 0, leave.params["weight"].T != 0
    return into.shape == out.shape and bool(np.all((into | out).sum(axis=1) == 1)) and into.shape[0] >= into.shape[1]


def _sum_of(graph: Graph, chunk: _Chunk) -> str:
    """The node in which the chunks of a block meet: a Scale, or C itself where it stands alone."""
    targets = graph.targets(chunk.leave.name)
    if len(targets) == 1 and graph.nodes[targets[0]].kind == "Scale":
        return targets[0]
    shared = [name for name in targets if len(graph.sources(name)) > 1 and graph.nodes[name].kind != "Output"]
    if shared:
        what = f"it is summed with {len(graph.sources(shared[0])) - 1} other signals in {shared[0]}, no node of its own"
        raise UnsupportedError(chunk.leave.name, what, "sum in a Scale of ones before it")
    return chunk.leave.name


def _block(graph: Graph, conventions: Conventions, entry: str, output: str, chunks: Sequence[_Chunk]) -> SsmBlock:
    findings: list[Finding] = []
    modes: list[Mode] = []
    for chunk in chunks:
        modes += chunk_modes(chunk.state, chunk.loop, chunk.enter, chunk.leave, conventions, findings)
    channels = chunks[0].enter.params["weight"].shape[1]
    scale, direct, around = _direct_path(graph, entry, output, chunks, channels)
    name = output.rpartition(".")[0] or output
    parts = {node.name for chunk in chunks for node in (chunk.state, chunk.loop, chunk.enter, chunk.leave) if node}
    covered = tuple(node for node in graph.nodes if node in {*parts, *around, output})
    poles, b, c, counts = _by_channel(modes, channels)
    findings += check_hint(graph, name, {chunk.state.name for chunk in chunks}, counts, conventions)
    return SsmBlock(name, entry, output, covered, poles, b, c * scale[:, None], direct, counts, tuple(findings))


def _direct_path(
    graph: Graph, entry: str, output: str, chunks: Sequence[_Chunk], channels: int
) -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
    """(scale of the sum node, D, the nodes of D). A direct edge from the input is a D of one."""
    leaves = {chunk.leave.name for chunk in chunks}
    if output in leaves:
        return np.ones(channels), np.zeros(channels), ()
    scale = np.asarray(graph.nodes[output].params["scale"], dtype=np.float64)
    direct, around = np.zeros(channels), []
    for source in graph.sources(output):
        if source in leaves:
            continue
        node = graph.nodes[source]
        if source != entry and not (node.kind == "Scale" and graph.sources(source) == (entry,)):
            what = f"{source} ({node.kind}) enters it beside C and D"
            raise UnsupportedError(output, what, "sum it in a node after the state space")
        direct = direct + (1.0 if source == entry else node.params["scale"])
        if source != entry and graph.targets(source) == (output,):
            around.append(source)
    return scale, direct * scale, tuple(around)


def _by_channel(
    modes: Sequence[Mode], channels: int
) -> tuple[ComplexArray, ComplexArray, ComplexArray, NDArray[np.int64]]:
    """Modes in rows of channels, in the order in which they were found."""
    counts = np.zeros(channels, dtype=np.int64)
    for mode in modes:
        counts[mode.channel] += 1
    arrays = tuple(np.zeros((channels, int(counts.max(initial=0))), dtype=np.complex128) for _ in range(3))
    filled = np.zeros(channels, dtype=np.int64)
    for mode in modes:
        place = mode.channel, filled[mode.channel]
        arrays[0][place], arrays[1][place], arrays[2][place] = mode.pole, mode.b, mode.c
        filled[mode.channel] += 1
    return arrays[0], arrays[1], arrays[2], counts
