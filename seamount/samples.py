"""Input sequences as a user or a task gives them: values or symbols, with labels and true lengths if there are any."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import InputError
from toolchain.frontend.graph import FloatArray
from toolchain.ir.integer import IntArray

_FORM = "write it with numpy.savez(path, x=..., y=...)"


@dataclass(frozen=True, eq=False)
class Samples:
    """Input sequences.

    Attributes:
        x: values (sample, step, channel), float64, or symbols (sample, step), uint8, each of which enters as a unit
            vector.
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

    def chosen(self, rows: IntArray | slice) -> Samples:
        """Some of the samples."""
        return replace(
            self,
            x=self.x[rows],
            y=None if self.y is None else self.y[rows],
            lengths=None if self.lengths is None else self.lengths[rows],
        )

    def values(self) -> FloatArray:
        """What enters the network, (sample, step, channel) float64; symbols as unit vectors.

        Raises:
            InputError: a symbol that the network has no channel for.
        """
        if not self.symbolic:
            return self.x
        if self.x.size and int(self.x.max()) >= self.channels:
            what = f"holds the symbol {int(self.x.max())} for a network of {self.channels} input channels"
            raise InputError("x", what, f"give symbols 0..{self.channels - 1}")
        return np.asarray(np.eye(self.channels)[self.x])


def spread(total: int, wanted: int) -> IntArray:
    """`wanted` indices spread evenly over `total`."""
    return np.unique(np.linspace(0, total - 1, min(total, wanted)).astype(np.int64))


def read_samples(path: Path, channels: int) -> Samples:
    """Read ``x`` and, if there, ``y`` and ``lengths`` from an npz file.

    Args:
        path: npz with x (sample, step, channel), or uint8 symbols (sample, step); y (sample,) or (sample, step);
            lengths (sample,).
        channels: width of the network's input, for symbols.

    Raises:
        InputError: no such file, not an npz, no ``x``, wrong axes, values that are not finite, bad labels or lengths.
    """
    if not path.is_file():
        raise InputError(str(path), "no such file", "give an npz file with an array x (sample, step, channel)")
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, TypeError, AttributeError) as error:
        raise InputError(str(path), "is not an npz file", _FORM) from error
    if "x" not in arrays:
        raise InputError(str(path), f"holds {sorted(arrays)}, no array x", _FORM)
    x = _inputs(path, arrays["x"])
    return Samples(
        x, _labels(path, arrays.get("y"), x.shape[:2]), _lengths(path, arrays.get("lengths"), x.shape[:2]), channels
    )


def _inputs(path: Path, x: NDArray[Any]) -> NDArray[Any]:
    if x.ndim == 2 and x.dtype == np.uint8 and x.size:
        return x
    if x.ndim == 2:
        remedy = "give (sample, step, channel); add x[None]; symbols are uint8 (sample, step)"
        raise InputError(f"{path}: x", f"shape {x.shape} lacks an axis", remedy)
    if x.ndim != 3 or not x.size:
        raise InputError(f"{path}: x", f"shape {x.shape}", "give (sample, step, channel), at least one of each")
    if x.dtype.kind not in "fiub":
        raise InputError(f"{path}: x", f"holds {x.dtype}", "give numbers")
    if not np.isfinite(x).all():
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(x))[0])
        raise InputError(
            f"{path}: x", f"{int((~np.isfinite(x)).sum())} values are not finite, first {bad}", "clean them"
        )
    return x.astype(np.float64)


def _labels(path: Path, y: NDArray[Any] | None, extent: tuple[int, ...]) -> IntArray | None:
    if y is None:
        return None
    if y.shape not in (extent[:1], extent) or y.dtype.kind not in "iu":
        found = f"shape {y.shape} of {y.dtype} for {extent[0]} samples"
        raise InputError(f"{path}: y", found, "give one integer class a sample, or one a step")
    return y.astype(np.int64)


def _lengths(path: Path, lengths: NDArray[Any] | None, extent: tuple[int, ...]) -> IntArray | None:
    if lengths is None:
        return None
    if lengths.shape != extent[:1] or lengths.dtype.kind not in "iu":
        found = f"shape {lengths.shape} of {lengths.dtype} for {extent[0]} samples"
        raise InputError(f"{path}: lengths", found, "give one integer a sample")
    if lengths.min() < 1 or lengths.max() > extent[1]:
        found = f"lie in {lengths.min()}..{lengths.max()}"
        raise InputError(f"{path}: lengths", found, f"give 1..{extent[1]}, the steps that count")
    return lengths.astype(np.int64)
