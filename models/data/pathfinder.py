"""Pathfinder at 32 x 32, regenerated: are the two dots on one dashed path or on two?

An own implementation of the published algorithm (Linsley et al., 2018; Kim et al., 2020; drewlinsley/pathfinder) with
the settings that Long Range Arena names for its hard 32-pixel images (contours of 14 paddles). They are not the
published images, and distributed like them only as far as the algorithm and the settings say all.

Two paths grow together from seeds 7 pixels apart, paddle by paddle, with a preference for going straight on and for
pixels that are free; five short paths of 4 paddles distract. This module makes the tables that `pathfinder_growth`
uses. The arena's easy images, with contours of 6 paddles, are made too: what cannot learn the hard ones from the start
may begin with them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from models.data.convert import Arrays
from models.data.shards import Tell, run_shards

SIDE = 32
SCALE = 2
"""Lines and discs are drawn this much larger, then reduced (antialias_scale)."""

LENGTH = 2
MARGIN = 1
MARKER_RADIUS = 1.5
SEED_DISTANCE = 7
CONTINUITY = 1.0
SNAKE_CONTRAST = 2.0
PADDLE_CONTRAST = 0.75
"""Brightness of the two paths relative to the distracting ones."""

WHITE = 255
REACH = LENGTH + MARGIN + 1
"""A stamp is a square of 2 REACH + 1 pixels around a paddle's tail."""

DEGREES = 360
SEED = 20_325
SHARD_IMAGES = 2000
LANCZOS_LOBES = 3

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Difficulty:
    """How long paths are, in paddles: both targets, and those that distract, which are so many."""

    paddles: int
    distractor_paddles: int
    distractors: int


HARD, EASY = Difficulty(14, 4, 5), Difficulty(6, 2, 10)
"""Of Long Range Arena: a third of a contour distracts, rounded down, and there are 20 such paddles."""


@dataclass(frozen=True)
class Tables:
    """All that growing a path looks up. Directions 0..359 are degrees from -180 on, 360 + k is that of offset k.

    Attributes:
        lines, masks: (stamps, 9, 9): brightness of a paddle, and the space that it takes; stamp 360 + k is drawn back
            from a head at offset k.
        heads: (360, 2): rows and columns from a paddle's tail to its head.
        pivots: (360, 2): from a head to the point that a path turns around.
        steps: (directions, 2): from one such point to the next.
        offsets: (offsets, 2): where the next head may be, around that point, in the order of rows and columns.
        weights: (directions, offsets): preference for each, by the turn that it takes.
        footprints: (360, places, 2): pixels, from a tail, that must be free; `counts` (360,) of them are used.
        apart: (360, 2): from the first path's seed to the second's.
        markers: (32, 32, 32, 32): images of a disc, by its row and column.
    """

    lines: Floats
    masks: Floats
    heads: Integers
    pivots: Integers
    steps: Integers
    offsets: Integers
    weights: Floats
    footprints: Integers
    counts: Integers
    apart: Integers
    markers: Floats


def make(size: int, workers: int, tell: Tell, difficulty: Difficulty = HARD) -> Arrays:
    """``images`` (size, 32, 32) uint8 and ``labels``, 1 where one path holds both dots."""
    count = -(-size // SHARD_IMAGES)
    shard(0, 1)  # compiled once, here; other processes find it in numba's cache
    work = partial(shard, images=min(size, SHARD_IMAGES), difficulty=difficulty)
    shards = list(run_shards(work, range(count), workers, tell))
    images, labels = (np.concatenate(parts)[:size] for parts in zip(*shards, strict=True))
    return {"images": images, "labels": labels}


def shard(
    number: int, images: int = SHARD_IMAGES, difficulty: Difficulty = HARD
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The images and labels of one shard, by its number alone."""
    from models.data.pathfinder_growth import grow  # compiles; only making images needs it

    state = np.random.SeedSequence([SEED, number]).generate_state(1, np.uint64).astype(np.uint64, copy=False)
    tables = make_tables()
    paths, tips, labels = grow(images, state, tables, difficulty)
    marked = np.maximum(paths, tables.markers[tips[:, 0, 0], tips[:, 0, 1]])
    marked = np.maximum(marked, tables.markers[tips[:, 1, 0], tips[:, 1, 1]])
    least, most = marked.min(axis=(1, 2), keepdims=True), marked.max(axis=(1, 2), keepdims=True)
    return ((marked - least) * (WHITE / (most - least)) + 0.5).astype(np.uint8), labels


@lru_cache(maxsize=1)
def make_tables() -> Tables:
    """The tables of the 32-pixel images."""
    degrees = [(degree - DEGREES // 2) * math.pi / 180 for degree in range(DEGREES)]
    offsets = _offsets()
    angles = [math.atan2(row, column) for row, column in offsets]
    stamps = [_stamp(angle) for angle in [*degrees, *map(_back, angles)]]
    masks = np.array([mask for _, mask in stamps])
    footprints = [np.argwhere(mask[:-2, :-2] == 1) - (LENGTH + MARGIN) for mask in masks[:DEGREES]]
    most = max(map(len, footprints))
    return Tables(
        lines=np.array([line for line, _ in stamps]),
        masks=masks,
        heads=np.array([_move(angle, LENGTH) for angle in degrees]),
        pivots=np.array([_move(_back(angle), LENGTH + MARGIN) for angle in degrees]),
        steps=np.array([_move(angle, LENGTH + 2 * MARGIN) for angle in [*degrees, *angles]]),
        offsets=np.array(offsets),
        weights=np.array([[_preference(old, new) for new in angles] for old in [*degrees, *angles]]),
        footprints=np.array([np.pad(places, ((0, most - len(places)), (0, 0))) for places in footprints]),
        counts=np.array([len(places) for places in footprints]),
        apart=np.array([_apart(degree * math.pi / 180) for degree in range(DEGREES)]),
        markers=_markers(),
    )


def _move(angle: float, distance: float) -> tuple[int, int]:
    """Whole rows and columns of a distance along an angle, rounded up, as the published algorithm does."""
    # Beside a coordinate of ordinary size a sine of 1e-16 vanishes; alone it would be rounded up to 1.
    return math.ceil(round(distance * math.sin(angle), 9)), math.ceil(round(distance * math.cos(angle), 9))


def _apart(angle: float) -> tuple[int, int]:
    return round(SEED_DISTANCE * math.sin(angle)), round(SEED_DISTANCE * math.cos(angle))


def _back(angle: float) -> float:
    return angle + math.pi if angle < 0 else angle - math.pi


def _offsets() -> list[tuple[int, int]]:
    """Pixels on a circle of radius LENGTH + MARGIN, a pixel's length of arc apart."""
    radius = LENGTH + MARGIN
    apart = 1 / radius
    angles = [number * apart for number in range(math.ceil(2 * math.pi / apart))]
    return sorted({(math.floor(radius * math.sin(angle)), math.floor(radius * math.cos(angle))) for angle in angles})


def _preference(old: float, new: float) -> float:
    turn = min(abs(new - old), 2 * math.pi - abs(new - old))
    return max(math.cos(min(CONTINUITY * turn, math.pi / 2)), 0.0) ** 2


def _stamp(angle: float) -> tuple[Floats, Floats]:
    """A paddle from the middle along an angle: its brightness and the space that it takes, both up to 1."""
    middle = REACH * SCALE
    large = np.zeros((2 * middle + 1, 2 * middle + 1))
    rows, columns = _move(angle, LENGTH * SCALE)
    for row, column in line((middle, middle), (middle + rows, middle + columns)):
        large[row, column] = WHITE
    size = 2 * REACH + 1
    return reduced(large, size) / WHITE, reduced(dilated(large, MARGIN * SCALE), size) / WHITE


def line(start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    """Pixels of a line of width 1, by Bresenham's algorithm."""
    spans = [abs(end[axis] - start[axis]) for axis in (0, 1)]
    signs = [1 if end[axis] > start[axis] else -1 for axis in (0, 1)]
    long = 0 if spans[0] > spans[1] else 1
    short = 1 - long
    at, error, found = list(start), 2 * spans[short] - spans[long], [start]
    for _ in range(spans[long]):
        if error >= 0:
            at[short] += signs[short]
            error -= 2 * spans[long]
        at[long] += signs[long]
        error += 2 * spans[short]
        found.append((at[0], at[1]))
    return found


def dilated(image: Floats, radius: int) -> Floats:
    """The largest value within a disc around each pixel."""
    padded = np.pad(image, radius)
    rows, columns = image.shape
    places = [
        (row, column)
        for row in range(-radius, radius + 1)
        for column in range(-radius, radius + 1)
        if row**2 + column**2 <= radius**2
    ]
    shifted = [padded[radius + r : radius + r + rows, radius + c : radius + c + columns] for r, c in places]
    result: Floats = np.max(shifted, axis=0)
    return result


def reduced(image: Floats, size: int) -> Floats:
    """A square image of 0..255 in `size` x `size` pixels: Lanczos' filter of three lobes, columns first.

    Rounded and kept in range after either direction, as imaging libraries do with bytes.
    """
    weights = _lanczos(image.shape[0], size)
    # Plain sums in a fixed order: a matrix product may round otherwise on another machine.
    across = _bytes((image[:, :, None] * weights.T[None]).sum(axis=1))
    return _bytes((weights[:, :, None] * across[None]).sum(axis=1))


def _bytes(values: Floats) -> Floats:
    return np.clip(np.floor(values + 0.5), 0, WHITE)


def _lanczos(before: int, after: int) -> Floats:
    scale = before / after
    centers = (np.arange(after) + 0.5) * scale
    distance = (np.arange(before) + 0.5 - centers[:, None]) / scale
    kernel = np.vectorize(_lobes)(distance)
    weights: Floats = kernel / kernel.sum(axis=1, keepdims=True)
    return weights


def _lobes(x: float) -> float:
    if abs(x) >= LANCZOS_LOBES:
        return 0.0
    return 1.0 if x == 0 else _sinc(x) * _sinc(x / LANCZOS_LOBES)


def _sinc(x: float) -> float:
    return math.sin(math.pi * x) / (math.pi * x)


def _markers() -> Floats:
    rows, columns = np.mgrid[: SIDE * SCALE, : SIDE * SCALE]
    markers = np.empty((SIDE, SIDE, SIDE, SIDE))
    for row in range(SIDE):
        for column in range(SIDE):
            disc = (rows - row * SCALE) ** 2 + (columns - column * SCALE) ** 2 <= (MARKER_RADIUS * SCALE) ** 2
            markers[row, column] = reduced(disc * float(WHITE), SIDE) / WHITE
    return markers
