"""ListOps trees by the rules and limits of Long Range Arena, grown level by level for many trees at once.

Rules, from google-research/long-range-arena, `lra_benchmarks/data/listops.py` (Tay et al., 2021, after Nangia and
Bowman, 2018): the root has depth 1; a node above depth 10 is an operator with probability 1/4 and otherwise a digit,
one at depth 10 always a digit; digits, operators (MIN, MAX, MED, SM) and the number of arguments, 2 to 10, are
uniform. A tree is kept if its tokens, operators, digits and closing brackets, are more than 500 and fewer than 2000.
MED is the median, truncated; SM the sum modulo 10. Trees are distinct.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.data.convert import Arrays
from models.data.shards import Tell, run_shards

DIGITS = 10
OPERATORS = ("MIN", "MAX", "MED", "SM")
CLOSE = DIGITS + len(OPERATORS)
"""The symbol of a closing bracket: 0-9 are digits, 10-13 the operators."""

MAX_DEPTH = 10
MAX_ARGUMENTS = 10
OPERATOR_SHARE = 0.25
MIN_LENGTH, MAX_LENGTH = 501, 1999
SEED = 20211
SHARD_TREES = 1600
ATTEMPTS = 8192
"""Roots drawn at once; about one in twelve becomes a tree that is kept."""

Levels = list["_Level"]


@dataclass(frozen=True)
class Trees:
    """Trees one after the other: all their symbols (tokens,), their lengths (trees,) and values (trees,)."""

    symbols: NDArray[np.uint8]
    lengths: NDArray[np.int32]
    values: NDArray[np.uint8]


@dataclass(frozen=True)
class _Level:
    """Nodes of one depth, all trees, from left to right; the children of one node are neighbors.

    Attributes:
        tree: which tree a node is of.
        symbol: its digit or operator.
        arguments: number of children; 0 for a digit.
    """

    tree: NDArray[np.int64]
    symbol: NDArray[np.uint8]
    arguments: NDArray[np.int64]

    def take(self, chosen: NDArray[np.bool_]) -> _Level:
        """The nodes of the chosen trees, which are numbered anew."""
        here, number = chosen[self.tree], np.cumsum(chosen) - 1
        return _Level(number[self.tree[here]], self.symbol[here], self.arguments[here])


def make(size: int, workers: int, tell: Tell) -> Arrays:
    """`size` distinct trees: all ``symbols``, and ``lengths`` and values (``labels``), one a tree."""
    seen: set[bytes] = set()
    parts: list[Trees] = []
    first = 0
    while len(seen) < size:
        count = -(-(size - len(seen)) // SHARD_TREES)
        shards = run_shards(partial(shard, trees=min(size, SHARD_TREES)), range(first, first + count), workers, tell)
        parts += [_distinct(trees, seen, size) for trees in shards]
        first += count
    names = {"symbols": "symbols", "lengths": "lengths", "labels": "values"}
    return {name: np.concatenate([getattr(part, own) for part in parts]) for name, own in names.items()}


def _distinct(trees: Trees, seen: set[bytes], size: int) -> Trees:
    """Those not in `seen`, which they enter, up to `size` in all."""
    ends = np.concatenate([[0], np.cumsum(trees.lengths)])
    kept = np.zeros(len(trees.lengths), dtype=np.bool_)
    for number, (start, end) in enumerate(pairwise(ends.tolist())):
        text = trees.symbols[start:end].tobytes()
        kept[number] = text not in seen and len(seen) < size
        if kept[number]:
            seen.add(text)
    return Trees(trees.symbols[np.repeat(kept, trees.lengths)], trees.lengths[kept], trees.values[kept])


def shard(number: int, trees: int = SHARD_TREES) -> Trees:
    """The trees of one shard, by its number alone."""
    rng = np.random.default_rng([SEED, number])
    grown = [grow(rng, ATTEMPTS)]
    while sum(len(part.lengths) for part in grown) < trees:
        grown.append(grow(rng, ATTEMPTS))
    lengths = np.concatenate([part.lengths for part in grown])[:trees]
    symbols = np.concatenate([part.symbols for part in grown])[: lengths.sum()]
    return Trees(symbols, lengths, np.concatenate([part.values for part in grown])[:trees])


def grow(rng: np.random.Generator, attempts: int) -> Trees:
    """The trees of a permitted length among as many as `attempts` says."""
    levels = [_draw(rng, np.arange(attempts), 1)]
    lengths = _tokens(levels[0], attempts)
    for depth in range(2, MAX_DEPTH + 1):
        # What is too long already can only grow; leaving it out early changes no tree that is kept.
        wanted = np.where(lengths[levels[-1].tree] <= MAX_LENGTH, levels[-1].arguments, 0)
        levels.append(_draw(rng, np.repeat(levels[-1].tree, wanted), depth))
        lengths = lengths + _tokens(levels[-1], attempts)
    chosen = (lengths >= MIN_LENGTH) & (lengths <= MAX_LENGTH)
    kept = [level.take(chosen) for level in levels]
    return Trees(_write(kept, lengths[chosen]), lengths[chosen].astype(np.int32), _evaluate(kept).astype(np.uint8))


def _draw(rng: np.random.Generator, tree: NDArray[np.int64], depth: int) -> _Level:
    """Nodes of one depth. Numbers come from `Generator.random` alone, whose stream numpy has kept."""
    kinds, choices, counts = rng.random((3, len(tree)))
    operator = (kinds <= OPERATOR_SHARE) & (depth < MAX_DEPTH)
    symbol = np.where(operator, DIGITS + np.floor(choices * len(OPERATORS)), np.floor(choices * DIGITS))
    arguments = np.where(operator, 2 + np.floor(counts * (MAX_ARGUMENTS - 1)), 0)
    return _Level(tree, symbol.astype(np.uint8), arguments.astype(np.int64))


def _tokens(level: _Level, trees: int) -> NDArray[np.int64]:
    """Tokens that a level adds to each tree: one a digit, two an operator with its bracket."""
    return np.bincount(level.tree, weights=1 + (level.arguments > 0), minlength=trees).astype(np.int64)


def _evaluate(levels: Levels) -> NDArray[np.int64]:
    """The values of all trees, from the leaves up."""
    below = np.zeros(0, dtype=np.int64)
    for level in reversed(levels):
        values = level.symbol.astype(np.int64)
        operator = level.arguments > 0
        if operator.any():
            values[operator] = _apply(level.symbol[operator], level.arguments[operator], below)
        below = values
    return below


def _apply(symbols: NDArray[np.uint8], arguments: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Results of operators whose arguments lie one after the other in `values`."""
    row = np.arange(len(symbols))
    column = np.arange(len(values)) - np.repeat(np.cumsum(arguments) - arguments, arguments)
    table = np.full((len(symbols), MAX_ARGUMENTS), DIGITS)
    table[np.repeat(row, arguments), column] = values
    table.sort(axis=1)
    last = table[row, arguments - 1]
    median = (table[row, (arguments - 1) // 2] + table[row, arguments // 2]) // 2
    total = np.add.reduceat(values, np.cumsum(arguments) - arguments) % DIGITS
    return np.choose(symbols - DIGITS, [table[:, 0], last, median, total])


def _write(levels: Levels, lengths: NDArray[np.int64]) -> NDArray[np.uint8]:
    """All tokens in order: each node knows where it begins, from its parent and its elder siblings."""
    text = np.empty(int(lengths.sum()), dtype=np.uint8)
    starts = np.cumsum(lengths) - lengths
    for level, spans in zip(levels, _spans(levels), strict=True):
        text[starts] = level.symbol
        operator = level.arguments > 0
        text[(starts + spans.own - 1)[operator]] = CLOSE
        before = np.cumsum(spans.children) - spans.children
        arguments = level.arguments[operator]
        first = np.cumsum(arguments) - arguments
        starts = before + np.repeat(starts[operator] + 1 - before[first], arguments)
    return text


@dataclass(frozen=True)
class _Spans:
    """Tokens of each node of a level with all below it, and of each node of the level below."""

    own: NDArray[np.int64]
    children: NDArray[np.int64]


def _spans(levels: Levels) -> list[_Spans]:
    found: list[_Spans] = []
    below = np.zeros(0, dtype=np.int64)
    for level in reversed(levels):
        own = np.ones(len(level.tree), dtype=np.int64)
        operator = level.arguments > 0
        if operator.any():
            arguments = level.arguments[operator]
            own[operator] = 2 + np.add.reduceat(below, np.cumsum(arguments) - arguments)
        found.append(_Spans(own, below))
        below = own
    return found[::-1]
