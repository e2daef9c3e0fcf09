"""How Pathfinder's paths grow, compiled: the published algorithm on the tables of `pathfinder`.

`space` (32, 32) holds how much of each pixel is taken, 0..1. A path's newest paddle is not yet in it, so that the next
can begin where it ends. Chance comes from SplitMix64 (Steele, Lea, Flood, 2014), the same on every machine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from models.data.pathfinder import (
    DEGREES,
    HARD,
    PADDLE_CONTRAST,
    REACH,
    SEED_DISTANCE,
    SIDE,
    SNAKE_CONTRAST,
    Difficulty,
    Floats,
    Integers,
    Tables,
)
from models.data.splitmix import State, below, uniform

PADDING = 1
TRIES = 3
"""For a seed or a paddle; two retrials."""

DISTRACTOR_TRIES = 5
TAKEN = 0.3
"""A pixel is free for a seed up to this."""

OVERLAP = 1.8
DEAD_END = 1e-4
LEAST_FREE = 0.01
# A path: stamp and place of its newest paddle, the point to turn around, direction, head.
STAMP, ROW, COLUMN, TURN_ROW, TURN_COLUMN, DIRECTION, HEAD_ROW, HEAD_COLUMN = range(8)
# Plain loops throughout: an array expression takes numba as long to compile as all of one function here.
compiled = njit(cache=True)


def grow(
    images: int, state: State, tables: Tables, difficulty: Difficulty = HARD
) -> tuple[Floats, Integers, NDArray[np.uint8]]:
    """Paths without dots (images, 32, 32), the dots (images, 2, 2) as rows and columns, and the labels."""
    paths = np.zeros((images, SIDE, SIDE))
    tips = np.zeros((images, 2, 2), dtype=np.int64)
    labels = np.zeros(images, dtype=np.uint8)
    looked_up = (
        tables.lines, tables.masks, tables.heads, tables.pivots, tables.steps, tables.offsets, tables.weights,
        tables.footprints, tables.counts, tables.apart,
    )  # fmt: skip
    lengths = (difficulty.paddles, difficulty.distractor_paddles, difficulty.distractors)
    room = np.zeros((2, SIDE, SIDE)), np.zeros((SIDE * SIDE, 2), np.int64)
    _grow_all(paths, tips, labels, state, looked_up, lengths, *room)
    return paths, tips, labels


@compiled
def _grow_all(
    paths: Floats,
    tips: Integers,
    labels: NDArray[np.uint8],
    state: State,
    tables: Any,
    lengths: tuple[int, int, int],
    tried: Floats,
    places: Integers,
) -> None:
    space = np.zeros((SIDE, SIDE))
    snakes, origins = np.zeros((3, 8), dtype=np.int64), np.zeros((3, 2), dtype=np.int64)
    for number in range(len(paths)):
        image = paths[number]
        labels[number] = below(state, 2)
        while not _two_snakes(image, space, snakes, origins, lengths[0], state, tables, places):
            pass
        for _ in range(lengths[2]):
            for _ in range(DISTRACTOR_TRIES):
                if _distractor(image, space, tried, snakes[2], origins[2], lengths[1], state, tables, places):
                    break
        first = below(state, 2)
        last = first if labels[number] == 1 else 1 - first
        tips[number, 0, 0], tips[number, 0, 1] = origins[first, 0], origins[first, 1]
        tips[number, 1, 0], tips[number, 1, 1] = snakes[last, HEAD_ROW], snakes[last, HEAD_COLUMN]


@compiled
def _two_snakes(
    image: Floats,
    space: Floats,
    snakes: Integers,
    origins: Integers,
    paddles: int,
    state: State,
    tables: Any,
    places: Integers,
) -> bool:
    """Both paths from the start, in turns; False at a dead end of either."""
    for row in range(SIDE):
        for column in range(SIDE):
            image[row, column] = 0
            inside = PADDING <= row < SIDE - PADDING and PADDING <= column < SIDE - PADDING
            space[row, column] = 0 if inside else 1
    contrast = PADDLE_CONTRAST * SNAKE_CONTRAST
    if not _seed(space, snakes[0], origins[0], 2 * SEED_DISTANCE, state, tables, places):
        return False
    if not _second_seed(snakes[1], origins, state, tables):
        return False
    for number in range(2):
        _draw(image, tables[0], snakes[number], contrast)
    for _ in range(paddles - 1):
        for number in range(2):
            if not _extend(image, space, snakes[number], contrast, state, tables):
                return False
    # The first path's last paddle stays free, as in the published program.
    _draw(space, tables[1], snakes[1], 1.0)
    return True


@compiled
def _distractor(
    image: Floats,
    space: Floats,
    tried: Floats,
    snake: Integers,
    origin: Integers,
    paddles: int,
    state: State,
    tables: Any,
    places: Integers,
) -> bool:
    """One more path, short, or nothing."""
    if _free_pixels(space) < LEAST_FREE * SIDE * SIDE:
        return False
    if not _seed(space, snake, origin, 1, state, tables, places):
        return False
    _copy(tried[0], image)
    _copy(tried[1], space)
    _draw(tried[0], tables[0], snake, SNAKE_CONTRAST)
    for _ in range(paddles - 1):
        if not _extend(tried[0], tried[1], snake, SNAKE_CONTRAST, state, tables):
            return False
    _draw(tried[1], tables[1], snake, 1.0)
    _copy(image, tried[0])
    _copy(space, tried[1])
    return True


@compiled
def _copy(to: Floats, source: Floats) -> None:
    for row in range(SIDE):
        for column in range(SIDE):
            to[row, column] = source[row, column]


@compiled
def _free_pixels(space: Floats) -> int:
    found = 0
    for row in range(SIDE):
        for column in range(SIDE):
            found += space[row, column] <= TAKEN
    return found


@compiled
def _seed(
    space: Floats, snake: Integers, origin: Integers, border: int, state: State, tables: Any, places: Integers
) -> bool:
    """A first paddle where its whole footprint is free and away from the border."""
    for _ in range(TRIES):
        degree = below(state, DEGREES)
        found = _free_places(space, border, tables[7][degree], tables[8][degree], places)
        if found == 0:
            return False
        chosen = below(state, found)
        origin[0], origin[1] = places[chosen, 0], places[chosen, 1]
        if _begin(snake, origin, degree, tables):
            return True
    return False


@compiled
def _second_seed(snake: Integers, origins: Integers, state: State, tables: Any) -> bool:
    """A first paddle at the given distance from another's tail."""
    for _ in range(TRIES):
        degree = below(state, DEGREES)
        away = below(state, DEGREES)
        origins[1, 0], origins[1, 1] = origins[0, 0] + tables[9][away, 0], origins[0, 1] + tables[9][away, 1]
        if _begin(snake, origins[1], degree, tables):
            return True
    return False


@compiled
def _free_places(space: Floats, border: int, footprint: Integers, count: int, places: Integers) -> int:
    """Fill `places` with the tails whose footprint is free; how many there are. Outside the image counts as free."""
    found = 0
    for row in range(SIDE):
        for column in range(SIDE):
            free = True
            for k in range(count):
                y, x = row + footprint[k, 0], column + footprint[k, 1]
                if 0 <= y < SIDE and 0 <= x < SIDE:
                    inside = border <= y < SIDE - border and border <= x < SIDE - border
                    free = free and inside and space[y, x] <= TAKEN
            if free:
                places[found, 0], places[found, 1] = row, column
                found += 1
    return found


@compiled
def _begin(snake: Integers, tail: Integers, degree: int, tables: Any) -> bool:
    row, column = tail[0] + tables[2][degree, 0], tail[1] + tables[2][degree, 1]
    turn_row, turn_column = row + tables[3][degree, 0], column + tables[3][degree, 1]
    if min(row, column, turn_row, turn_column) < 0 or max(row, column, turn_row, turn_column) >= SIDE:
        return False
    snake[STAMP], snake[DIRECTION] = degree, degree
    snake[ROW], snake[COLUMN] = tail[0], tail[1]
    snake[TURN_ROW], snake[TURN_COLUMN] = turn_row, turn_column
    snake[HEAD_ROW], snake[HEAD_COLUMN] = row, column
    return True


@compiled
def _extend(image: Floats, space: Floats, snake: Integers, contrast: float, state: State, tables: Any) -> bool:
    """One more paddle; False where there is no room."""
    offsets, direction = tables[5], snake[DIRECTION]
    row, column = snake[TURN_ROW] + tables[4][direction, 0], snake[TURN_COLUMN] + tables[4][direction, 1]
    sums = np.zeros(len(offsets))
    total = 0.0
    for k in range(len(offsets)):
        taken = _nearby(space, row + offsets[k, 0], column + offsets[k, 1])
        total += (1 - taken) * tables[6][direction, k]
        sums[k] = total
    if total < DEAD_END:
        return False
    for _ in range(TRIES):
        k, wanted = 0, uniform(state) * total
        while k < len(offsets) - 1 and sums[k] <= wanted:
            k += 1
        y, x = row + offsets[k, 0], column + offsets[k, 1]
        if _fits(space, tables[1][DEGREES + k], y, x):
            _draw(space, tables[1], snake, 1.0)
            snake[STAMP], snake[DIRECTION] = DEGREES + k, DEGREES + k
            snake[ROW], snake[COLUMN], snake[HEAD_ROW], snake[HEAD_COLUMN] = y, x, y, x
            snake[TURN_ROW], snake[TURN_COLUMN] = row, column
            _draw(image, tables[0], snake, contrast)
            return True
    return False


@compiled
def _nearby(space: Floats, row: int, column: int) -> float:
    """How much is taken at a pixel or at one of its four neighbors; all of it outside the image."""
    if row < 0 or row >= SIDE or column < 0 or column >= SIDE:
        return 1.0
    most: float = space[row, column]
    if row > 0:
        most = max(most, space[row - 1, column])
    if row < SIDE - 1:
        most = max(most, space[row + 1, column])
    if column > 0:
        most = max(most, space[row, column - 1])
    if column < SIDE - 1:
        most = max(most, space[row, column + 1])
    return most


@compiled
def _fits(space: Floats, stamp: Floats, row: int, column: int) -> bool:
    for y in range(max(0, row - REACH), min(SIDE, row + REACH + 1)):
        for x in range(max(0, column - REACH), min(SIDE, column + REACH + 1)):
            if space[y, x] + stamp[y - row + REACH, x - column + REACH] >= OVERLAP:
                return False
    return True


@compiled
def _draw(canvas: Floats, stamps: Floats, snake: Integers, contrast: float) -> None:
    """A path's newest paddle."""
    row, column, stamp = snake[ROW], snake[COLUMN], stamps[snake[STAMP]]
    for y in range(max(0, row - REACH), min(SIDE, row + REACH + 1)):
        for x in range(max(0, column - REACH), min(SIDE, column + REACH + 1)):
            canvas[y, x] = max(canvas[y, x], contrast * stamp[y - row + REACH, x - column + REACH])
