"""The accelerator's kernels where there is no GPU and no Triton: their text runs on numpy, one program after the other.

What a kernel uses of `triton.language` is little: masked loads and stores, arithmetic without promotion of literals,
sums. This says how each is meant, so that the text is tested everywhere; that Triton means the same is tested on a GPU.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from simulators import accelerator
from simulators.accelerator import engines, triton_step
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.ir.trace import Trace

int1, int8, int32, int64 = np.bool_, np.int8, np.int32, np.int64


class Block(np.ndarray):
    """A block of values: a numpy array that knows `to`."""

    def to(self, kind: type) -> Block:
        return self.astype(kind).view(Block)


def block(values: object, kind: type | None = None) -> Block:
    return np.asarray(values, dtype=kind).view(Block)


class Pointer:
    """An address in a tensor, or a block of them."""

    def __init__(self, values: np.ndarray, at: Any = 0) -> None:
        self.values, self.at = values, at

    def __add__(self, offset: Any) -> Pointer:
        return Pointer(self.values, self.at + offset)


def pointer(tensor: torch.Tensor) -> Pointer:
    """To the first element of a tensor; what lies beyond it in memory can be reached, as on a device."""
    start = tensor.storage_offset()
    length = tensor.untyped_storage().nbytes() // tensor.element_size() - start
    return Pointer(torch.as_strided(tensor, (length,), (1,), start).numpy())


def load(pointer: Pointer, mask: Any = True, other: int = 0) -> Block:
    places, inside = np.broadcast_arrays(np.asarray(pointer.at), np.asarray(mask))
    assert ((places >= 0) & (places < pointer.values.size))[inside].all(), "a load from outside the tensor"
    if not pointer.values.size:
        return block(np.full(places.shape, other, pointer.values.dtype))
    return block(np.where(inside, pointer.values[np.where(inside, places, 0)], pointer.values.dtype.type(other)))


def store(pointer: Pointer, values: Any, mask: Any = True) -> None:
    places, inside, given = np.broadcast_arrays(np.asarray(pointer.at), np.asarray(mask), np.asarray(values))
    assert given.dtype == pointer.values.dtype, f"{given.dtype} stored in {pointer.values.dtype}"
    assert ((places >= 0) & (places < pointer.values.size))[inside].all(), "a store outside the tensor"
    pointer.values[places[inside]] = given[inside]


def total(values: Block, axis: int) -> Block:
    return block(np.sum(values, axis=axis, dtype=values.dtype))


def language(program: list[int]) -> ModuleType:
    """A module in the place of `triton.language`."""
    made = ModuleType("triton.language")
    parts: dict[str, Any] = {
        "int1": int1, "int8": int8, "int32": int32, "int64": int64, "load": load, "store": store, "sum": total,
        "program_id": lambda axis: block(program[axis], int32),
        "arange": lambda start, stop: block(np.arange(start, stop), int32),
        "zeros": lambda shape, kind: block(np.zeros(shape), kind),
        "full": lambda shape, value, kind: block(np.full(tuple(shape), value), kind),
        "where": lambda condition, a, b: block(np.where(condition, a, b)),
        "minimum": np.minimum, "maximum": np.maximum,
        "broadcast_to": lambda values, shape: block(np.broadcast_to(values, shape)),
    }  # fmt: skip
    made.__dict__.update(parts)
    return made


class Launch:
    """A kernel that can be launched."""

    def __init__(self, kernel: Callable[..., None], program: list[int]) -> None:
        self.kernel, self.program = kernel, program

    def __getitem__(self, grid: tuple[int]) -> Callable[..., None]:
        def launched(*given: Any, num_warps: int) -> None:
            arguments = [pointer(each) if isinstance(each, torch.Tensor) else block(each, int32) for each in given]
            for number in range(grid[0]):
                self.program[0] = number
                self.kernel(*[each.copy() if isinstance(each, Block) else each for each in arguments])

        return launched


@contextmanager
def triton_on_numpy(folder: Callable[[], Path] = triton_step._temporary) -> Iterator[None]:
    """Import kernels with the modules above in Triton's place; their text is kept in the folder."""
    program = [0]
    made = ModuleType("triton")
    made.language = language(program)  # type: ignore[attr-defined]
    made.jit = lambda **options: lambda kernel: Launch(kernel, program)  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch, np.errstate(over="ignore"):
        patch.setitem(sys.modules, "triton", made)
        patch.setitem(sys.modules, "triton.language", made.language)
        patch.setattr(triton_step, "_loaded", {})
        patch.setattr(triton_step, "folder", folder)
        patch.setattr(engines, "_triton_lacks", lambda: "there is none")
        patch.setattr(engines, "_interpreted", lambda: True)
        yield


def simulate(program: Program, inputs: Mapping[str, IntArray], **options: Any) -> Trace:
    """`accelerator.simulate` with kernels on numpy."""
    with triton_on_numpy():
        return accelerator.simulate(program, inputs, engine="triton", **options)
