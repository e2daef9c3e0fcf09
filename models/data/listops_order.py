"""ListOps expressions with their arguments in another order.

MIN, MAX, MED and SM do not mind the order of their arguments, so that one expression is a great many of one value.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from models.data.listops import CLOSE, DIGITS, MAX_ARGUMENTS
from models.data.splitmix import State, below, uniform

Symbols = NDArray[np.uint8]


def reordered(expressions: Symbols, rng: np.random.Generator, strength: float) -> Symbols:
    """Expressions of the same values, lengths and padding.

    Args:
        expressions: (samples, steps), each followed by padding: any symbol beyond `CLOSE`.
        rng: source of chance.
        strength: the chance of each operator that its arguments are shuffled; 1 and more for all of them.
    """
    found = expressions.copy()
    _reorder(expressions, rng.integers(0, 2**64, len(expressions), dtype=np.uint64), strength, found)
    return found


@njit(parallel=True, cache=True)
def _reorder(rows: Symbols, seeds: NDArray[np.uint64], chance: float, found: Symbols) -> None:
    """Write each row to the same row of `found`; each has its own seed, whichever thread it falls to."""
    for row in prange(len(rows)):
        _reorder_one(rows[row], seeds[row : row + 1].copy(), chance, found[row])


@njit(cache=True)
def _reorder_one(tokens: Symbols, state: State, chance: float, found: Symbols) -> None:
    spans, place = _spans(tokens), np.zeros(len(tokens), np.int64)
    arguments = np.empty(MAX_ARGUMENTS, np.int64)
    for here in range(spans[0]):
        if tokens[here] == CLOSE:
            continue
        # What holds this node came before and has given it its place.
        found[place[here]] = tokens[here]
        if tokens[here] < DIGITS:
            continue
        found[place[here] + spans[here] - 1] = CLOSE
        count, child = 0, here + 1
        while tokens[child] != CLOSE:
            arguments[count] = child
            count, child = count + 1, child + spans[child]
        if uniform(state) < chance:
            _shuffle(arguments[:count], state)
        after = place[here] + 1
        for argument in arguments[:count]:
            place[argument] = after
            after += spans[argument]


@njit(cache=True)
def _shuffle(values: NDArray[np.int64], state: State) -> None:
    """Fisher and Yates' shuffle, in place."""
    for last in range(len(values) - 1, 0, -1):
        chosen = below(state, last + 1)
        values[last], values[chosen] = values[chosen], values[last]


@njit(cache=True)
def _spans(tokens: Symbols) -> NDArray[np.int64]:
    """Tokens of the node that begins at each place, with all below it; 1 at closing brackets and in the padding."""
    spans, begun, depth = np.ones(len(tokens), np.int64), np.empty(len(tokens), np.int64), 0
    for here, token in enumerate(tokens):
        if token > CLOSE:
            break
        if token == CLOSE:
            depth -= 1
            spans[begun[depth]] = here - begun[depth] + 1
        elif token >= DIGITS:
            begun[depth] = here
            depth += 1
    return spans
