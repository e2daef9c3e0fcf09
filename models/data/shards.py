"""Making a data set in pieces, on all processors, with the same result on any number of them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from toolchain.progress import advance

Tell = Callable[[str], None]
"""Is called with each thing that is done."""

Piece = TypeVar("Piece")


def run_shards(make: Callable[[int], Piece], numbers: Sequence[int], workers: int, tell: Tell) -> Iterator[Piece]:
    """The pieces that `make` returns for `numbers`, in that order.

    Args:
        make: a function of a module (not of a script), or a `partial` of one: other processes import it.
        numbers: what it is called with.
        workers: processes; with 1, none but this one.
        tell: hears how many pieces are done, ten times in all.
    """
    if workers == 1 or len(numbers) == 1:
        yield from _counted(map(make, numbers), len(numbers), tell)
        return
    # Spawned, since this process may have threads (torch, numba) that a fork would not survive.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(numbers)), mp_context=context) as pool:
        yield from _counted(pool.map(make, numbers), len(numbers), tell)


def _counted(pieces: Iterator[Piece], total: int, tell: Tell) -> Iterator[Piece]:
    advance("pieces", 0, total)
    for done, piece in enumerate(pieces, 1):
        advance("pieces", done, total)
        if done * 10 // total > (done - 1) * 10 // total:
            tell(f"{done} of {total} pieces")
        yield piece
