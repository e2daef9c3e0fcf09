"""What can be deployed: a network of the zoo, or a NIR file with calibration data of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seamount.samples import Samples, read_samples, spread
from toolchain.doctor import installed
from toolchain.errors import InputError, MissingPartError
from toolchain.frontend.extensions import extension_note
from toolchain.frontend.graph import Finding, FloatArray, Graph
from toolchain.frontend.read import read_nir
from toolchain.ir.integer import IntArray

if TYPE_CHECKING:
    from models.tasks import Part, Task

ZOO_PREFIX = "zoo:"
TORCH_VALUES = 1 << 19
"""Steps of all test samples up to which the trained network is run in PyTorch again; beyond, its card is quoted."""


@dataclass(frozen=True, eq=False)
class Figures:
    """What a network's card says of its test set.

    Attributes:
        accuracy: share of right decisions.
        samples: how many there were.
        bits: mean bits a symbol, for networks that predict at every step.
    """

    accuracy: float
    samples: int
    bits: float | None = None


@dataclass(frozen=True, eq=False)
class Source:
    """A network to deploy with the data that it needs.

    Attributes:
        name: of the network, for the program and the report.
        task: name of its task, or "" where the user's own.
        graph: the network.
        nir: its NIR file; None where it is shipped as weights alone.
        file: what the network was read from: the NIR file, else the weights.
        calibration: inputs that scales are chosen on; never test data.
        test: labelled inputs that accuracy is measured on.
        float_classes: decisions of the trained network in PyTorch on given inputs, or None where it is not at hand.
        card: what was measured when it was trained, on the whole test set; None where unknown.
        command: what the user typed, for the report.
        test_samples: size of the whole test set, of which `test` may hold a part.
    """

    name: str
    task: str
    graph: Graph
    nir: Path | None
    file: Path
    calibration: Samples
    test: Samples
    float_classes: Callable[[FloatArray], IntArray] | None
    card: Figures | None
    command: str
    test_samples: int

    def restricted(self, samples: int | None) -> Source:
        """With only so many test samples, spread evenly over all; None leaves all."""
        if samples is None or samples >= len(self.test):
            return self
        return replace(self, test=self.test.chosen(spread(len(self.test), samples)))


def find_source(model: str, calibrate: Path | None, test: Path | None) -> Source:
    """Resolve what the user named.

    Args:
        model: ``zoo:<name>``, the folder of a training run, or the path of a NIR file.
        calibrate: npz with ``x`` (and ``y``); compulsory for a file, refused for the others, whose task has data.
        test: npz with ``x`` and ``y``; by default the calibration data.

    Raises:
        InputError: unknown network, missing file, or data that are not what they should be.
        MissingPartError: a network shipped as weights, and no PyTorch to read them.
    """
    path = Path(model)
    if model.startswith(ZOO_PREFIX) or path.is_dir():
        if calibrate is not None or test is not None:
            raise InputError(model, "a trained network's task brings its data", "leave --calibrate and --test out")
        return _from_zoo(model.removeprefix(ZOO_PREFIX)) if model.startswith(ZOO_PREFIX) else _from_run(path)
    if not path.is_file():
        remedy = "give zoo:<name>, the folder of a training run, or the path of a .nir file"
        raise InputError(model, "no such file", remedy)
    if calibrate is None:
        raise InputError(model, "a NIR file needs data to choose scales on", "add --calibrate data.npz with an array x")
    graph = read_nir(path)
    calibration = read_samples(calibrate, input_channels(graph))
    measured = calibration if test is None else read_samples(test, input_channels(graph))
    command = f"seamount deploy {path.name} --calibrate {calibrate.name}" + (f" --test {test.name}" if test else "")
    return Source(path.stem, "", graph, path, path, calibration, measured, None, None, command, len(measured))


def input_channels(graph: Graph) -> int:
    """Width of the network's (first) input."""
    return next((int(np.prod(node.output_shape)) for node in graph.of_kind("Input")), 0)


def zoo_folder() -> Path:
    """The folder of shipped networks; found without importing PyTorch."""
    spec = find_spec("models")
    if spec is None or not spec.submodule_search_locations:
        raise InputError("zoo", "the package 'models' is not installed", "install Seamount again")
    return Path(next(iter(spec.submodule_search_locations))) / "shipped"


def _from_zoo(name: str) -> Source:
    folder = zoo_folder() / name
    if not (folder / "config.json").is_file():
        known = sorted(path.parent.name for path in zoo_folder().glob("*/config.json"))
        raise InputError(ZOO_PREFIX + name, "no such network", f"use one of {', '.join(ZOO_PREFIX + k for k in known)}")
    return _from_folder(folder, name, ZOO_PREFIX + name)


def _from_run(folder: Path) -> Source:
    if not (folder / "config.json").is_file():
        raise InputError(str(folder), "holds no config.json", "give the folder of a finished seamount train")
    return _from_folder(folder, folder.resolve().name, folder.resolve().name)


def _from_folder(folder: Path, name: str, given: str) -> Source:
    """A trained network with the data of its task.

    Args:
        folder: with its configuration, and its weights or NIR file.
        name: of the program.
        given: what the user calls it.
    """
    from models.network.config import read_json
    from models.tasks import load_task
    from models.tasks.calibration import calibration_samples

    config = read_json(folder / "config.json")
    if not isinstance(config, Mapping) or not isinstance(config.get("task"), str):
        raise InputError(str(folder / "config.json"), "names no task", "give the folder that seamount train wrote")
    _refuse_without_torch(given, folder)
    task = load_task(config["task"])
    nir = folder / "model.nir"
    graph = read_nir(nir) if nir.is_file() else _from_weights(folder, task)
    small = len(task.test) * task.steps <= TORCH_VALUES and task.symbols is None and task.test.lengths is None
    return Source(
        name=name,
        task=task.name,
        graph=graph,
        nir=nir if nir.is_file() else None,
        file=nir if nir.is_file() else folder / "model.safetensors",
        calibration=_samples(task.train, task, calibration_samples(task)),
        test=_samples(task.test, task, slice(None)),
        float_classes=_torch_classes(folder) if small and installed("torch") else None,
        card=_figures(config),
        command=f"seamount deploy {given}",
        test_samples=len(task.test),
    )


def _samples(part: Part, task: Task, rows: IntArray | slice) -> Samples:
    chosen = Samples(part.inputs, part.labels, part.lengths, task.inputs).chosen(rows)
    return chosen if part.symbolic else replace(chosen, x=chosen.x.astype(np.float64))


def _figures(config: Mapping[str, Any]) -> Figures | None:
    found = config.get("figures", {}).get("test")
    if not found:
        return None
    return Figures(float(found["accuracy"]), int(found["samples"]), found.get("bits_per_symbol"))


def _refuse_without_torch(given: str, folder: Path) -> None:
    if not (folder / "model.nir").is_file() and not installed("torch"):
        what, remedy = "is shipped as weights, which PyTorch reads; torch is not installed", "pip install '.[train]'"
        raise MissingPartError(given, what, remedy)


def _from_weights(folder: Path, task: Task) -> Graph:
    """The network as NIR, made of its weights."""
    from models.network.to_nir import to_graph
    from models.training.folder import load_folder

    trained = load_folder(folder)
    graph = to_graph(trained.network, trained.task, task.steps)
    note = extension_note(graph)
    return replace(graph, findings=(Finding("graph", note, "kept", "note"),)) if note else graph


def _torch_classes(folder: Path) -> Callable[[FloatArray], IntArray]:
    def classes(x: FloatArray) -> IntArray:
        from models.training.folder import load_folder
        from models.training.measure import classify

        return classify(load_folder(folder).network, x.astype(np.float32))

    return classes
