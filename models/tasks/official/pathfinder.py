"""Long Range Arena's own Pathfinder images, the hard ones: 32 x 32 pixels, and 128 x 128 (Path-X).

`curv_contour_length_14/metadata/N.npy` lists images, one a row: folder, file, number, label and settings. (Long Range
Arena's files are plain text in spite of their name; an array of text as the generator wrote it is read too.) The images
are shuffled once, by a fixed seed; 80, 10 and 10 % are the parts. Path-X takes 13 GB of memory.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.data.official import contents, official_folder, one_of
from models.tasks.pathfinder import part_of
from models.tasks.task import Task
from toolchain.errors import InputError

HARD = "curv_contour_length_14"
NPY_MAGIC = b"\x93NUMPY"
SPLIT_SEED = 0
LABEL_COLUMN = 3


def lra_pathfinder32() -> Task:
    """1024 steps."""
    return _load("lra-pathfinder32", 32)


def lra_pathx() -> Task:
    """16384 steps."""
    return _load("lra-pathx", 128)


def _load(name: str, side: int) -> Task:
    folder = one_of(official_folder(f"lra-pathfinder{side}"), HARD)
    paths, labels = list_images(folder)
    images = np.empty((len(paths), side, side), dtype=np.uint8)
    for number, path in enumerate(paths):
        images[number] = read_image(path, side)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(paths))
    first, second = len(order) * 8 // 10, len(order) * 9 // 10
    parts = [part_of(images[chosen], labels[chosen]) for chosen in np.split(order, [first, second])]
    return Task(name, 2, parts[0], parts[1], parts[2])


def list_images(folder: Path) -> tuple[list[Path], NDArray[np.uint8]]:
    """Paths and labels of all images, in the order of the lists.

    Raises:
        InputError: no list, or a row that names no image and label.
    """
    lists = sorted((folder / "metadata").glob("*.npy"), key=lambda path: (len(path.stem), path.stem))
    if not lists:
        raise InputError(str(folder / "metadata"), "holds no .npy file", "copy the folder again")
    paths, labels = [], []
    for path in lists:
        for number, row in enumerate(_rows(path), 1):
            if len(row) <= LABEL_COLUMN or row[LABEL_COLUMN] not in ("0", "1"):
                raise InputError(f"{path}, row {number}", f"is {row[:4]}", "a row needs folder, file, number and label")
            paths.append(folder / row[0] / row[1])
            labels.append(int(row[LABEL_COLUMN]))
    return paths, np.array(labels, dtype=np.uint8)


def _rows(path: Path) -> list[list[str]]:
    content = contents(path)
    if not content.startswith(NPY_MAGIC):
        return [row.split() for row in content.decode("utf-8", "replace").splitlines() if row.strip()]
    try:
        stored = np.load(io.BytesIO(content), allow_pickle=False)
        return [[str(cell) for cell in row] for row in stored]
    except (ValueError, TypeError, EOFError, OSError) as error:
        raise InputError(str(path), f"is not an array of text ({error})", "copy it again") from error


def read_image(path: Path, side: int) -> NDArray[np.uint8]:
    """A gray image.

    Raises:
        InputError: not there, damaged, or of another size.
    """
    from PIL import Image  # comes with matplotlib; only these images need it

    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("L"))
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(str(path), f"cannot be read ({error})", "copy it again") from error
    if pixels.shape != (side, side):
        raise InputError(str(path), f"has {pixels.shape} pixels, not {side} x {side}", "copy it again")
    return pixels
