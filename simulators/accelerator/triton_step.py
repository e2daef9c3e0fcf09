"""A population's kernel on a GPU: its text in a file that Python can import, and its launches.

Triton reads a kernel's source from its file and keeps what it compiled in a cache of its own. The file is named after a
hash of the text and lies in the cache folder; it is imported only if it holds exactly the text.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib.util
import math
import os
import shutil
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from simulators.accelerator.memory import DTYPES, Memory
from simulators.accelerator.plan import Plan
from simulators.accelerator.triton_code import KERNEL, Kernel, Word, kernel_of
from toolchain.files import write_text
from toolchain.ir.program import Population

CACHE_VARIABLE = "SEAMOUNT_CACHE"
"""Environment variable: the folder of the cache; empty for none."""

WARPS = 4


class TritonStep:
    """Steps of one population, all samples at once.

    Args:
        plan: of the population.
        device: where its tensors are; ``cpu`` where Triton's interpreter runs the kernel.

    Raises:
        UnsupportedError: the step uses a primitive that has no form here.
    """

    def __init__(self, plan: Plan, device: str) -> None:
        self.plan, self.device, self.name = plan, device, plan.population.name
        self.kernel = kernel_of(plan)
        self.launch = load(self.kernel)
        self.own = {word: self._coefficient(plan.population, word) for word in self.kernel.words if _is_own(word)}

    def _coefficient(self, population: Population, word: Word) -> Tensor:
        kind = DTYPES[self.plan.own_bits(word.name)]
        return torch.tensor(population.values()[word.name], dtype=kind, device=self.device).contiguous()

    def advance(self, memory: Memory, ports: Mapping[str, Tensor], start: int, stop: int) -> None:
        """Run steps of the block; the sums at the ports are (step, sample, neuron), from `start` on."""
        size = self.plan.population.size
        lanes = memory.samples * size
        if not lanes or stop <= start:
            return
        programs = math.ceil(lanes / self.kernel.block)
        counts = torch.zeros((len(self.plan.counts), programs), dtype=torch.int64, device=self.device)
        tensors = [self._tensor(memory, ports, counts, word, start) for word in self.kernel.words]
        self.launch[(programs,)](*tensors, stop - start, lanes, size, programs, num_warps=WARPS)
        memory.counts[self.name] += counts.sum(1)

    def _tensor(self, memory: Memory, ports: Mapping[str, Tensor], counts: Tensor, word: Word, start: int) -> Tensor:
        if word.role == "port":
            return ports[word.name]
        if word.role == "state":
            return memory.registers[self.name, word.name]
        if word.role == "message":
            return memory.rows(self.name, start, start + 1)
        if word.role == "probe":
            return memory.recorded[self.name, word.name][start:]
        return counts if word.role == "counts" else self.own[word]


def _is_own(word: Word) -> bool:
    return word.role in ("own", "table")


@cache
def folder() -> Path:
    """Where kernels' text is kept; a folder of this process where the user wants none."""
    chosen = os.environ.get(CACHE_VARIABLE)
    home = os.environ.get("XDG_CACHE_HOME")
    if chosen is None:
        return (Path(home) if home else Path.home() / ".cache") / "seamount" / "accelerator"
    return Path(chosen) / "accelerator" if chosen else _temporary()


def _temporary() -> Path:
    path = Path(tempfile.mkdtemp(prefix="seamount"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


_loaded: dict[str, Any] = {}


def load(kernel: Kernel) -> Any:
    """The kernel, ready to be launched; the same text gives the same one."""
    key = hashlib.sha256(kernel.text.encode()).hexdigest()
    if key not in _loaded:
        _loaded[key] = getattr(_imported(_written(kernel.text, key), key), KERNEL)
    return _loaded[key]


def _written(text: str, key: str) -> Path:
    """The file that holds the text; in a folder of this process where the cache can't be written to."""
    for place in (folder, _temporary):
        path = place() / f"kernel_{key[:32]}.py"
        try:
            if not path.is_file() or path.read_bytes() != text.encode():
                write_text(path, text)
            return path
        except OSError:
            continue
    raise OSError(f"{path}: can't be written")


def _imported(path: Path, key: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"seamount_kernel_{key}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
