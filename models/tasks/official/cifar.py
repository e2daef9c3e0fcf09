"""CIFAR-10 read pixel by pixel, 1024 steps: in color (sCIFAR), or in gray as Long Range Arena's Image.

Reads the binary version (`data_batch_1.bin` .. `test_batch.bin`: a label and 3072 bytes an image, red, green and blue
one after the other) or the Python version, without unpickling it. Values are k / 256. The last 5000 training images are
the validation part: 45000, 5000 and 10000.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.data.frames import Made, array_of, read_pickled
from models.data.official import contents, official_folder, one_of
from models.tasks.task import Part, Task
from toolchain.errors import InputError

PIXELS = 1024
COLORS = 3
LEVELS = 256
LUMINANCE = np.array([0.2989, 0.5870, 0.1140], dtype=np.float32)
"""Of red, green and blue, as in TensorFlow's rgb_to_grayscale, which Long Range Arena uses."""

VALIDATION_SHARE = 10
TRAIN = [f"data_batch_{number}" for number in range(1, 6)]
BINARY, PYTHON = "cifar-10-batches-bin", "cifar-10-batches-py"

Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]


def scifar() -> Task:
    """1024 steps of red, green and blue."""
    return _load("scifar", gray=False)


def lra_image() -> Task:
    """1024 steps of gray."""
    return _load("lra-image", gray=True)


def _load(name: str, gray: bool) -> Task:
    folder = one_of(official_folder("cifar-10"), BINARY, PYTHON)
    read = read_binary if folder.name == BINARY else read_python
    suffix = ".bin" if folder.name == BINARY else ""
    batches = [read(folder / f"{stem}{suffix}") for stem in TRAIN]
    images, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    first = len(images) - len(images) // VALIDATION_SHARE
    test = read(folder / f"test_batch{suffix}")
    parts = [(images[:first], labels[:first]), (images[first:], labels[first:]), test]
    train, validation, last = (Part(_values(pixels, gray), classes) for pixels, classes in parts)
    return Task(name, 10, train, validation, last)


def _values(images: NDArray[np.uint8], gray: bool) -> NDArray[np.float32]:
    """Images (samples, colors, pixels) as sequences (samples, pixels, colors or 1)."""
    pixels = images.transpose(0, 2, 1).astype(np.float32)
    if gray:
        pixels = np.floor(pixels @ LUMINANCE + np.float32(0.5))[:, :, None]
    return np.ascontiguousarray(pixels / np.float32(LEVELS))


def read_binary(path: Path) -> Batch:
    """Images (samples, 3, 1024) and labels (samples,) of a file of the binary version.

    Raises:
        InputError: not whole records, or a label that is no class.
    """
    content, record = contents(path), 1 + COLORS * PIXELS
    if not content or len(content) % record:
        raise InputError(str(path), f"has {len(content)} bytes, no multiple of {record}", "unpack it again")
    rows = np.frombuffer(content, dtype=np.uint8).reshape(-1, record)
    return rows[:, 1:].reshape(-1, COLORS, PIXELS), _classes(rows[:, 0].astype(np.int64), path)


def read_python(path: Path) -> Batch:
    """The same from a file of the Python version, a pickled dictionary, of which nothing is imported or called.

    Raises:
        InputError: another content.
    """
    table = read_pickled(contents(path), str(path))
    try:
        pixels, labels = table["data"], np.array(table["labels"], dtype=np.int64)
        images = array_of(pixels) if isinstance(pixels, Made) else np.zeros(0)
        return images.astype(np.uint8, casting="safe").reshape(len(labels), COLORS, PIXELS), _classes(labels, path)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise InputError(str(path), f"holds no batch of images ({error})", "unpack it again") from error


def _classes(labels: NDArray[np.int64], path: Path) -> NDArray[np.int64]:
    if labels.size and not 0 <= labels.min() <= labels.max() < 10:
        raise InputError(str(path), f"has labels {labels.min()}..{labels.max()}, not 0..9", "unpack it again")
    return labels
