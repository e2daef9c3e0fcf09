"""What is replayed: networks of the zoo, graphs of ../shared/cases, random graphs; files made once, for both trees."""

from __future__ import annotations

import json
import math
import shutil
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from tests.replay.graphs import write_random

FEW = ("--compared", "1", "--samples", "4", "--nir-samples", "2")
CONVENTIONS = ("snntorch-subtract", "snntorch", "norse", "seamount")
EXPLAINED, ON_LAVA = 5, 40
"""Every so manyeth random graph is also quantized with --explain; every so manyeth also runs on Lava."""
SAMPLES, STEPS = 4, 16


@dataclass(frozen=True)
class ReplayJob:
    """One command.

    Attributes:
        name: of what it writes: a folder (deploy) or ``<name>.json`` (quantize).
        words: behind `seamount`, with paths from the folder of a driver.
        lava: whether Lava runs too.
    """

    name: str
    words: tuple[str, ...]
    lava: bool = False


def _deploy(name: str, words: Iterable[str], lava: bool = False) -> ReplayJob:
    return ReplayJob(name, ("deploy", *words, *FEW, "--out", name), lava)


def zoo_jobs(repository: Path, data: Path, lava: bool) -> list[ReplayJob]:
    """Every network whose data lie in `data` or come with a package; the digits on Lava, too."""
    jobs = []
    for card in sorted((repository / "models").rglob("CARD.md")):
        name, config = card.parent.name, json.loads((card.parent / "config.json").read_text(encoding="utf-8"))
        if has_data(config["task"], data):
            jobs.append(_deploy(f"zoo-{name}", [f"zoo:{name}"], lava and name == "digits"))
    return jobs


def has_data(task: str, data: Path) -> bool:
    """Whether a task's data are here: the digits are shipped, the others lie in a folder."""
    kinds = {"smnist": "mnist", "psmnist": "mnist", "smnist196": "mnist", "sfashion": "fashion"}
    return task == "digits" or (data / f"{kinds.get(task, task)}.npz").is_file()


def case_jobs(cases: Path, inputs: Path) -> list[ReplayJob]:
    """Every graph of the cases under plain NIR and under one other convention, with its data or with seeded ones."""
    jobs = []
    for path in sorted(cases.rglob("*.nir")):
        name = "-".join(path.relative_to(cases).with_suffix("").parts)
        shutil.copyfile(path, inputs / f"{name}.nir")
        data = _case_data(path, inputs / f"{name}.npz")
        other = CONVENTIONS[zlib.crc32(name.encode()) % len(CONVENTIONS)]
        words = [f"../inputs/{name}.nir", "--calibrate", f"../inputs/{data.name}"]
        if (path.parent / "test.npz").is_file():
            shutil.copyfile(path.parent / "test.npz", inputs / f"{name}.test.npz")
            words += ["--test", f"../inputs/{name}.test.npz"]
        jobs += [_deploy(f"case-{name}", words), _deploy(f"case-{name}-{other}", [*words, "--convention", other])]
    return jobs


def _case_data(path: Path, target: Path) -> Path:
    """The data beside a graph of `found`; else spikes of the shape that its Input names, of a seed from its name."""
    for beside in (path.parent / "input.npz", path.with_suffix(".npz")):
        if "found" in path.parts and beside.is_file():
            shutil.copyfile(beside, target)
            return target
    rng = np.random.default_rng(zlib.crc32(path.stem.encode()))
    np.savez(target, x=(rng.random((SAMPLES, STEPS, _channels(path))) < 0.3).astype(np.float32))
    return target


def _channels(path: Path) -> int:
    """Width of the first Input that a file holds; 1 where none can be read."""
    found: list[int] = []

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Group) and "type" in item and item["type"][()] == b"Input" and "shape" in item:
            found.append(math.prod(int(size) for size in np.atleast_1d(item["shape"][()])))

    try:
        with h5py.File(path) as file:
            file.visititems(visit)
    except OSError:
        return 1
    return found[0] if found else 1


def random_jobs(count: int, inputs: Path, lava: bool) -> list[ReplayJob]:
    """So many random graphs; of some, what rounding cost as well."""
    jobs = []
    for seed in range(count):
        words, name = write_random(seed, inputs), f"random{seed:04d}"
        jobs.append(_deploy(name, words, lava and seed % ON_LAVA == 0))
        if seed % EXPLAINED == 0:
            plain = _without(words, "--target", "--passes")
            jobs.append(ReplayJob(f"{name}-quantize", ("quantize", *plain, "--explain", "--json")))
    return jobs


def _without(words: list[str], *options: str) -> list[str]:
    """Words without options and what follows each."""
    dropped = {i + more for i, word in enumerate(words) if word in options for more in (0, 1)}
    return [word for i, word in enumerate(words) if i not in dropped]
