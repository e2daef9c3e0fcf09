"""One LI node with its Linears -> complex modes. The pairing of real and imaginary states is read from A itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import UnsupportedError
from toolchain.frontend.conventions import Conventions
from toolchain.frontend.discretize import discretize
from toolchain.frontend.graph import Finding, FloatArray, Node

_REMEDY = "a diagonal state space has one channel in, one channel out and its own 2 x 2 rotation for each mode"
_PAIR_TOLERANCE = 1e-6  # relative; a pair written in float32 agrees to 1e-7
_GAIN_TOLERANCE = 1e-5
_LISTED = 6


@dataclass(frozen=True)
class Mode:
    """One mode of one channel, without the factor 2 in `c`."""

    channel: int
    pole: complex
    b: complex
    c: complex


def chunk_modes(
    state: Node, loop: Node | None, enter: Node, leave: Node, conventions: Conventions, findings: list[Finding]
) -> list[Mode]:
    """The modes in one LI node, in the order of their real parts.

    Args:
        state, loop, enter, leave: the LI node and the Linears A (if any), B and C.
        conventions: give dt.
        findings: gets what was folded or left out.

    Raises:
        UnsupportedError: a rule of the form is broken.
    """
    neuron = discretize(state, conventions)
    if np.any(neuron.leak != 0):
        raise UnsupportedError(state.name, f"v_leak is not 0 in {int(np.sum(neuron.leak != 0))} states", _REMEDY)
    gain = neuron.current_gain
    if (off := float(np.max(np.abs(gain - 1)))) > _GAIN_TOLERANCE:
        what = f"r dt/tau differs from 1 by up to {off:g} at dt {conventions.dt:g} s"
        findings.append(Finding(state.name, what, "folded into A and B", "note"))
    a = np.diag(neuron.voltage_decay)
    if loop is not None:
        a = a + gain[:, None] * loop.params["weight"]
    b, c = gain[:, None] * enter.params["weight"], leave.params["weight"].T
    if b.shape[1] != c.shape[1]:
        what = f"{b.shape[1]} channels in and {c.shape[1]} channels out"
        raise UnsupportedError(leave.name, what, _REMEDY)
    pairs = _pairs(state, a, b, c)
    modes = [_mode(state, pair, a, b, c, findings) for pair in pairs]
    found = [mode for mode in modes if mode is not None]
    _check_stable(state, found)
    return found


def coupled_states(state: Node, a: FloatArray) -> list[tuple[int, int]]:
    """Pairs of states (real, imaginary) that turn together, lowest first.

    Args:
        state: for messages.
        a: x' = a x + ..., (state, state).

    Raises:
        UnsupportedError: a state that couples to several others, or a pair that turns by no rotation.
    """
    partners = [np.flatnonzero(row & ~np.eye(len(a), dtype=bool)[i]) for i, row in enumerate((a != 0) | (a.T != 0))]
    crowd = [i for i, others in enumerate(partners) if len(others) > 1]
    if crowd:
        first = crowd[0]
        what = f"{len(crowd)} of {len(a)} states couple to several others: state {first} to {_list(partners[first])}"
        raise UnsupportedError(state.name, what, _REMEDY)
    coupled = [(i, int(others[0])) for i, others in enumerate(partners) if len(others) and i < others[0]]
    for pair in coupled:
        _check_rotation(state, a, *pair)
    return coupled


def _pairs(state: Node, a: FloatArray, b: FloatArray, c: FloatArray) -> list[tuple[int, ...]]:
    """States by mode: (real, imaginary), or (real,) for a mode without partner; lowest state first."""
    coupled = coupled_states(state, a)
    paired = {i for pair in coupled for i in pair}
    alone = [i for i in range(len(a)) if i not in paired]
    return sorted([*coupled, *_joined(alone, _distance(coupled, len(a)), a, b, c)])


def _distance(coupled: Sequence[tuple[int, int]], size: int) -> int:
    """How far apart the two states of a mode are stored; half the node where A couples none."""
    distances = [j - i for i, j in coupled] or [size // 2]
    return max(set(distances), key=lambda distance: (distances.count(distance), -distance))


def _joined(alone: Sequence[int], distance: int, a: FloatArray, b: FloatArray, c: FloatArray) -> list[tuple[int, ...]]:
    """Uncoupled states of one pole and channel at the pairs' distance are a mode with beta = 0; others stand alone."""
    free, joined = set(alone), list[tuple[int, ...]]()
    for i in alone:
        j = i + distance
        if i not in free:
            continue
        if distance and j in free and a[i, i] == a[j, j] and len(_channels((i, j), b, c)) == 1:
            joined.append((i, j))
            free -= {i, j}
        else:
            joined.append((i,))
            free.remove(i)
    return joined


def _check_rotation(state: Node, a: FloatArray, i: int, j: int) -> None:
    """A pair's 2 x 2 block must be [[alpha, -beta], [beta, alpha]]."""
    size = np.abs(a[np.ix_((i, j), (i, j))]).max() * _PAIR_TOLERANCE
    if abs(a[i, i] - a[j, j]) > size or abs(a[i, j] + a[j, i]) > size:
        rows = [f"[{a[row, i]:.9g}, {a[row, j]:.9g}]" for row in (i, j)]
        what = f"states {i} and {j} step by [{', '.join(rows)}], which is no rotation"
        raise UnsupportedError(state.name, what, _REMEDY)


def _channels(states: Sequence[int], b: FloatArray, c: FloatArray) -> list[int]:
    return [int(channel) for channel in np.flatnonzero((b[list(states)] != 0).any(0) | (c[list(states)] != 0).any(0))]


def _mode(
    state: Node, states: tuple[int, ...], a: FloatArray, b: FloatArray, c: FloatArray, findings: list[Finding]
) -> Mode | None:
    channels = _channels(states, b, c)
    if not channels:
        findings.append(Finding(state.name, f"states {_list(states)} are neither driven nor read", "left out", "note"))
        return None
    if len(channels) > 1:
        _refuse_channels(state, states, b, c)
    real, *others = states
    channel = channels[0]
    if not others:
        return Mode(channel, complex(a[real, real]), complex(b[real, channel]), complex(c[real, channel]) / 2)
    imaginary = others[0]
    return Mode(
        channel,
        complex(a[real, real], a[imaginary, real]),
        complex(b[real, channel], b[imaginary, channel]),
        complex(c[real, channel], -c[imaginary, channel]) / 2,
    )


def _refuse_channels(state: Node, states: Sequence[int], b: FloatArray, c: FloatArray) -> None:
    driven = np.flatnonzero((b[list(states)] != 0).any(0))
    read = np.flatnonzero((c[list(states)] != 0).any(0))
    what = f"the mode of states {_list(states)} is driven by {len(driven)} channels ({_list(driven)}) "
    what += f"and read by {len(read)} ({_list(read)})"
    raise UnsupportedError(state.name, what, _REMEDY)


def _check_stable(state: Node, modes: Sequence[Mode]) -> None:
    outside = [mode for mode in modes if not abs(mode.pole) < 1]
    if outside:
        worst = max(outside, key=lambda mode: abs(mode.pole))
        what = f"{len(outside)} of {len(modes)} modes have |pole| >= 1 (largest {abs(worst.pole):.6g})"
        remedy = "export the discretized system: tau = dt/(1 - alpha), r = tau/dt, A holding beta"
        raise UnsupportedError(state.name, what, remedy)


def _list(numbers: Sequence[int] | NDArray[np.int64]) -> str:
    shown = ", ".join(str(int(number)) for number in numbers[:_LISTED])
    return shown + (", ..." if len(numbers) > _LISTED else "")
