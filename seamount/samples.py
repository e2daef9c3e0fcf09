"""Input sequences as a user or a task gives them: values or symbols, with labels and true lengths if there are any."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import InputError
from toolchain.frontend.graph import FloatArray
from toolchain.ir.integer import IntArray

_FORM = "write it with numpy.savez(path, x=..., y=...)"
NAMES = ("x", "y", "lengths")
"""Arrays of an npz file, or keys of a mapping, that are read; others are left alone."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Input sequences.

    Attributes:
        x: values (sample, step, channel), or symbols (sample, step), uint8, each of which enters as a unit vector.
        y: classes (sample,), or one label a step (sample, step); None where unknown.
        lengths: how many first steps of each sequence count, (sample,); None where all do.
        channels: width of what enters: the number of symbols where `x` holds symbols.
    """

    x: NDArray[Any]
    y: IntArray | None = None
    lengths: IntArray | None = None
    channels: int = 0

    def __len__(self) -> int:
        return len(self.x)

    @property
    def steps(self) -> int:
        """Length of a sequence, padding included."""
        return int(self.x.shape[1])

    @property
    def symbolic(self) -> bool:
        """Whether `x` holds symbols."""
        return self.x.ndim == 2

    @property
    def per_step(self) -> bool:
        """Whether there is a label for every step."""
        return self.y is not None and self.y.ndim == 2

    @property
    def counted_steps(self) -> IntArray:
        """Length of each sequence, (sample,)."""
        return np.full(len(self), self.steps, dtype=np.int64) if self.lengths is None else self.lengths

    def refuse_labels_beyond(self, classes: int, where: str) -> None:
        """See that every label that counts is one of so many classes.

        Raises:
            InputError: one that is not.
        """
        if self.y is None:
            return
        counted = self.y if not self.per_step else self.y[np.arange(self.steps) < self.counted_steps[:, None]]
        wrong = counted[(counted < 0) | (counted >= classes)]
        if wrong.size:
            what = f"{wrong.size} of {counted.size} labels are none of the {classes} classes 0 .. {classes - 1}"
            remedy = "count classes from 0, one an output of the network"
            raise InputError(where, f"{what}: {wrong.min()} to {wrong.max()}", remedy)

    def chosen(self, rows: IntArray | slice) -> Samples:
        """Some of the samples."""
        return replace(
            self,
            x=self.x[rows],
            y=None if self.y is None else self.y[rows],
            lengths=None if self.lengths is None else self.lengths[rows],
        )

    def joined(self, other: Samples) -> Samples:
        """These samples and then others of the same task."""

        def both(first: NDArray[Any] | None, second: NDArray[Any] | None) -> NDArray[Any] | None:
            return None if first is None or second is None else np.concatenate([first, second])

        return replace(
            self,
            x=np.concatenate([self.x, other.x]),
            y=both(self.y, other.y),
            lengths=both(self.lengths, other.lengths),
        )

    def values(self) -> FloatArray:
        """What enters the network, (sample, step, channel) float64; symbols as unit vectors.

        Raises:
            InputError: a symbol that the network has no channel for.
        """
        if not self.symbolic:
            return np.asarray(self.x, dtype=np.float64)
        if self.x.size and int(self.x.max()) >= self.channels:
            what = f"holds the symbol {int(self.x.max())} for a network of {self.channels} input channels"
            raise InputError("x", what, f"give symbols 0..{self.channels - 1}")
        return np.asarray(np.eye(self.channels)[self.x])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, as an npz file holds them."""
        given = {"x": self.x, "y": self.y, "lengths": self.lengths}
        return {name: array for name, array in given.items() if array is not None}


Data = Path | str | Mapping[str, Any] | NDArray[Any] | Samples
"""An npz file, the arrays x, y and lengths by name, x alone, or samples."""


def with_labels(given: Data | None, labels: Any) -> Data | None:
    """Inputs and the labels that were given beside them.

    Raises:
        InputError: labels without inputs, or beside a file or a mapping, which hold their own.
    """
    if labels is None:
        return given
    if given is None or isinstance(given, str | Path | Mapping | Samples):
        raise InputError("labels", "are given without an array of inputs", 'give calibrate=x, or {"x": ..., "y": ...}')
    return {"x": given, "y": labels}


def spread(total: int, wanted: int) -> IntArray:
    """`wanted` indices spread evenly over `total`."""
    return np.unique(np.linspace(0, total - 1, min(total, wanted)).astype(np.int64))


def samples_of(given: Data, shape: tuple[int, ...], where: str = "") -> Samples:
    """Samples from whatever form they are given in.

    Args:
        given: an npz file with x and, if there, y and lengths; the same arrays by name; x alone; or samples.
        shape: of the network's input, without sample and step. x is (sample, step, *shape), or flat (sample, step,
            channel) with as many channels; uint8 symbols are (sample, step). y is (sample,) or (sample, step);
            lengths is (sample,).
        where: what messages call it; by default the file's path, else "data".

    Raises:
        InputError: no such file, not an npz, no x, wrong axes, values that are not finite, bad labels or lengths.
    """
    if isinstance(given, Samples):
        return given
    if isinstance(given, str | Path):
        return samples_of(_stored(Path(given)), shape, where or str(given))
    arrays = given if isinstance(given, Mapping) else {"x": given}
    where = where or "data"
    if "x" not in arrays:
        raise InputError(where, f"holds {sorted(arrays)}, no array x", _FORM)
    x = _inputs(where, np.asarray(arrays["x"]), shape)
    labels = _labels(where, _array(arrays, "y"), x.shape[:2])
    return Samples(x, labels, _lengths(where, _array(arrays, "lengths"), x.shape[:2]), math.prod(shape))


def _array(arrays: Mapping[str, Any], name: str) -> NDArray[Any] | None:
    return None if arrays.get(name) is None else np.asarray(arrays[name])


def _stored(path: Path) -> dict[str, NDArray[Any] | None]:
    """The arrays of an npz file; of those that are not read, the names."""
    if not path.is_file():
        raise InputError(str(path), "no such file", "give an npz file with an array x (sample, step, channel)")
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] if name in NAMES else None for name in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, TypeError, AttributeError) as error:
        if "Object arrays" in str(error):
            what = "holds Python objects, which only a pickle stores"
            raise InputError(str(path), what, "make x one array of numbers, all samples of one length") from error
        raise InputError(str(path), "is not an npz file", _FORM) from error


def _inputs(where: str, x: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    if x.dtype.kind not in "fiub":
        kind = "text" if x.dtype.kind in "US" else "Python objects" if x.dtype.kind == "O" else f"the type {x.dtype}"
        raise InputError(f"{where}: x", f"holds {kind} where numbers are", "convert it: x.astype(float)")
    if x.ndim == 2 and x.dtype == np.uint8 and x.size:
        return x
    axes = "(sample, step, channel)" if len(shape) < 2 else f"(sample, step, {', '.join(map(str, shape))})"
    if x.ndim == 2:
        remedy = f"give {axes}; add x[None]; symbols are uint8 (sample, step)"
        raise InputError(f"{where}: x", f"shape {x.shape} lacks an axis", remedy)
    own = len(shape) > 1 and x.shape[2:] == shape
    if not (x.ndim == 3 or own) or not x.size:
        flat = f", or flat with {math.prod(shape)} channels" if len(shape) > 1 else ""
        raise InputError(f"{where}: x", f"shape {x.shape}", f"give {axes}{flat}, at least one of each")
    if not np.isfinite(x).all():
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(x))[0])
        raise InputError(
            f"{where}: x", f"{int((~np.isfinite(x)).sum())} values are not finite, first {bad}", "clean them"
        )
    return x.reshape(*x.shape[:2], -1)


def _labels(where: str, y: NDArray[Any] | None, extent: tuple[int, ...]) -> IntArray | None:
    if y is None:
        return None
    if y.shape not in (extent[:1], extent) or y.dtype.kind not in "iu":
        found = f"shape {y.shape} of {y.dtype} for {extent[0]} samples"
        raise InputError(f"{where}: y", found, "give one integer class a sample, or one a step")
    return y.astype(np.int64)


def _lengths(where: str, lengths: NDArray[Any] | None, extent: tuple[int, ...]) -> IntArray | None:
    if lengths is None:
        return None
    if lengths.shape != extent[:1] or lengths.dtype.kind not in "iu":
        found = f"shape {lengths.shape} of {lengths.dtype} for {extent[0]} samples"
        raise InputError(f"{where}: lengths", found, "give one integer a sample")
    if lengths.min() < 1 or lengths.max() > extent[1]:
        found = f"lie in {lengths.min()}..{lengths.max()}"
        raise InputError(f"{where}: lengths", found, f"give 1..{extent[1]}, the steps that count")
    return lengths.astype(np.int64)
