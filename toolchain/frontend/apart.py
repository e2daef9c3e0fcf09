"""An HDF5 file as plain Python, read by a child that is ended where it takes too long, too much, or dies.

A fork where this process has one thread (a few milliseconds); else an interpreter of its own, which imports h5py and
numpy alone.
"""

from __future__ import annotations

import faulthandler
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from select import select
from typing import Any

import numpy as np

from toolchain.errors import InputError
from toolchain.frontend import hdf5_tree
from toolchain.frontend.hdf5_tree import HEAD

CPU_SECONDS, BYTES_A_SECOND = 5, 20_000_000
"""Processor time for a file: so much, and more by its size; a sound file of 1 MB takes 0.01 s."""
WAIT = 12
"""How many times as long the child may take by the clock, on a machine with other work."""
MEMORY = 3 << 29
"""Bytes beyond those that the child begins with."""

Tree = dict[str, Any]
"""A group: by name, groups, arrays and scalars of numpy, texts, and `Unread`."""


@dataclass(frozen=True)
class Unread:
    """A dataset that was left alone, and why."""

    why: str


def read_tree(path: Path, wanted: Collection[str]) -> Tree:
    """All groups of a file, and of its datasets those that are wanted.

    Args:
        path: the file.
        wanted: names of datasets to read; any other is `Unread`.

    Raises:
        InputError: no HDF5, damage, links, sizes that cannot be, or HDF5 itself failed on it.
    """
    size = path.stat().st_size
    seconds = CPU_SECONDS + size // BYTES_A_SECOND
    child = _Forked(path, wanted, seconds) if _may_fork() else _Spawned(path, wanted, seconds)
    try:
        text, arrays = _answer(child.output, time.monotonic() + WAIT * seconds)
    except EOFError:
        raise _failed(path, child.ended(), seconds) from None
    except TimeoutError:
        raise _failed(path, signal.SIGXCPU, seconds) from None
    finally:
        child.end()
    told = json.loads(text)
    if "refused" in told:
        raise InputError(*told["refused"])
    return _tree(told["entries"], arrays, path)


def _may_fork() -> bool:
    return hasattr(os, "fork") and sys.platform == "linux" and threading.active_count() == 1


def _failed(path: Path, code: int, seconds: int) -> InputError:
    """The error of a child that gave no answer; its signal, or its exit code below 0."""
    if code in (signal.SIGXCPU, signal.SIGKILL):
        what = f"is damaged: HDF5 did not come to an end within {seconds} s of processor time"
    else:
        named = signal.Signals(code).name if code in {s.value for s in signal.Signals} else f"exit code {-code}"
        what = f"is damaged: HDF5 ended with {named}"
    return InputError(str(path), what, "get the file again")


class _Forked:
    """A copy of this process that reads the file."""

    def __init__(self, path: Path, wanted: Collection[str], seconds: int) -> None:
        self.output, theirs = os.pipe()
        with warnings.catch_warnings():
            # Python 3.12 warns of threads; numpy's own take part in nothing here, and Python's were counted.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._pid = os.fork()
        if self._pid == 0:
            self._serve(path, wanted, seconds, theirs)
        os.close(theirs)
        self._code: int | None = None

    def _serve(self, path: Path, wanted: Collection[str], seconds: int, theirs: int) -> None:
        """The child's life; it never returns."""
        try:
            faulthandler.disable()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            os.close(self.output)
            hdf5_tree.limit(seconds, MEMORY)
            with os.fdopen(theirs, "wb") as out:
                hdf5_tree.answer(path, wanted, out)
            os._exit(0)
        finally:
            os._exit(1)

    def ended(self) -> int:
        """The signal that ended it, or its exit code below 0."""
        if self._code is None:
            _, status = os.waitpid(self._pid, 0)
            self._code = os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)
        return self._code

    def end(self) -> None:
        """End it, whatever it is doing."""
        os.close(self.output)
        if self._code is None:
            os.kill(self._pid, signal.SIGKILL)
            self.ended()


class _Spawned:
    """Another interpreter that reads the file."""

    def __init__(self, path: Path, wanted: Collection[str], seconds: int) -> None:
        command = [sys.executable, "-I", hdf5_tree.__file__, str(path), str(seconds), str(MEMORY), *wanted]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdout is not None
        self.output = self._process.stdout.fileno()

    def ended(self) -> int:
        """The signal that ended it, or its exit code below 0."""
        return -self._process.wait()

    def end(self) -> None:
        """End it, whatever it is doing."""
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.kill()
        self._process.wait()


def _answer(output: int, deadline: float) -> tuple[bytes, bytearray]:
    """The JSON and the arrays of an answer; EOFError where it ends early, TimeoutError where it does not come."""
    text_length, arrays_length = HEAD.unpack(_taken(output, HEAD.size, deadline))
    return bytes(_taken(output, text_length, deadline)), _taken(output, arrays_length, deadline)


def _taken(output: int, length: int, deadline: float) -> bytearray:
    taken = bytearray(length)
    view, at = memoryview(taken), 0
    while at < length:
        if not select([output], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError
        got = os.readv(output, [view[at : at + (1 << 20)]])
        if not got:
            raise EOFError
        at += got
    return taken


def _tree(entries: list[list[Any]], arrays: bytearray, path: Path) -> Tree:
    """The groups within each other; entries name their group by its number, which is less than their own."""
    root: Tree = {}
    groups = {0: root}
    for number, (parent, name, kind, *rest) in enumerate(entries):
        if parent < 0:
            continue
        holder = groups[parent]
        if name in holder:
            raise InputError(f"{path.name}: {name}", "is there twice once its name is text", "rename one of the two")
        if kind == "group":
            groups[number] = holder[name] = {}
        else:
            holder[name] = _leaf(kind, rest, arrays)
    return root


def _leaf(kind: str, rest: list[Any], arrays: bytearray) -> Any:
    if kind == "unread":
        return Unread(*rest)
    if kind == "texts":
        texts, shape = rest
        return np.array(texts, dtype=object).reshape(shape) if shape else texts[0]
    dtype, shape, start = rest
    size = math.prod(shape)
    found = np.frombuffer(arrays, dtype, size, start).reshape(shape) if size else np.zeros(shape, dtype)
    return found if shape else found[()]
