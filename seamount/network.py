"""What can be deployed: a network of the zoo, a training run, a NIR file, or a graph in memory; each with its data.

The one place that knows where a network's inputs, symbols, labels, true lengths and settings come from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seamount.given import inputs_as_given, refuse_labels, samples_of
from seamount.importing import SAMPLES, STEPS, from_nir, is_module, read_module
from seamount.options import read_settings
from seamount.ports import Ports
from seamount.samples import Data, Samples, spread
from toolchain.doctor import how_to_install, installed
from toolchain.errors import InputError, MissingPartError
from toolchain.frontend.extensions import extension_note
from toolchain.frontend.graph import Finding, FloatArray, Graph
from toolchain.frontend.read import read_nir
from toolchain.ir.integer import IntArray
from toolchain.quantize.settings import Settings

if TYPE_CHECKING:
    from models.tasks import Part, Task

ZOO_PREFIX = "zoo:"
SETTINGS = "settings.json"
"""Beside the weights of a network that was fine-tuned for integers: what it was fine-tuned for."""
TORCH_VALUES = 1 << 19
"""Steps of all test samples up to which the trained network is run in PyTorch again; beyond, its card is quoted."""
_HEADS = {
    b"PK\x03\x04": "a zip archive, as torch.save and numpy.savez write",
    b"\x80": "a pickle, as torch.save once wrote",
    b"\x93NUMPY": "an array of numpy",
}
_SUFFIXES = {
    ".pt": "a file of torch.save",
    ".pth": "a file of torch.save",
    ".ckpt": "a checkpoint, of torch.save or others",
    ".safetensors": "weights of PyTorch or others (torch, jax, ...), without their network",
    ".onnx": "an ONNX model",
}
_HDF5 = b"\x89HDF"


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
        nir: its NIR file; None where it is shipped as weights alone, or lies in memory.
        file: what the network was read from: the NIR file, else the weights; None where it lies in memory.
        calibration: inputs that scales are chosen on; never test data.
        test: labelled inputs that accuracy is measured on.
        command: what to type after `seamount deploy` to name the network and its data again; None where one of them
            lies in memory.
        test_samples: size of the whole test set, of which `test` may hold a part.
        validation: at most so many samples to make choices on, never of the test set: the task's validation part, and
            training samples where there is room; else the calibration data.
        settings: what the network was fine-tuned for; None where it was not.
        float_classes: decisions of the trained network in PyTorch on given inputs, or None where it is not at hand.
        card: what was measured when it was trained, on the whole test set; None where unknown.
    """

    name: str
    task: str
    graph: Graph
    nir: Path | None
    file: Path | None
    calibration: Samples
    test: Samples
    command: tuple[str, ...] | None
    test_samples: int
    validation: Callable[[int], Samples]
    settings: Settings | None = None
    float_classes: Callable[[FloatArray], IntArray] | None = None
    card: Figures | None = None

    def __post_init__(self) -> None:
        """Refuse labels that no output stands for: they would be counted as wrong, or as another class."""
        for name, samples in (("calibration", self.calibration), ("test", self.test)):
            refuse_labels(samples, self.graph, name)

    def restricted(self, samples: int | None) -> Source:
        """With only so many test samples, spread evenly over all; None leaves all."""
        if samples is None or samples >= len(self.test):
            return self
        return replace(self, test=self.test.chosen(spread(len(self.test), samples)))


def find_source(model: Any, calibrate: Data | None = None, test: Data | None = None) -> Source:
    """Resolve what the user named.

    Args:
        model: ``zoo:<name>``, the folder of a training run, the path of a NIR file, a `Graph`, a `nir.NIRGraph`, or a
            live module of a PyTorch framework.
        calibrate: inputs (an npz file, or arrays; see `seamount.given.samples_of`); compulsory for a file or a graph,
            refused for the others, whose task has data.
        test: inputs and labels; by default the calibration data.

    Raises:
        InputError: unknown network, missing file, or data that are not what they should be.
        MissingPartError: a network shipped as weights, and no PyTorch to read them.
    """
    if is_module(model):
        return _with_data(_from_module(model, calibrate), "network", None, calibrate, test)
    if not isinstance(model, str | Path):
        return _with_data(graph_of(model), "network", None, calibrate, test)
    path = Path(model)
    zoo = str(model).startswith(ZOO_PREFIX)
    if zoo or path.is_dir():
        if calibrate is not None or test is not None:
            raise InputError(str(model), "a trained network's task brings its data", "leave --calibrate and --test out")
        return _from_zoo(str(model).removeprefix(ZOO_PREFIX)) if zoo else _from_run(path)
    if not path.is_file():
        remedy = "give zoo:<name>, the folder of a training run, or the path of a .nir file"
        raise InputError(str(model), "no such file", remedy)
    _refuse_weights(path)
    if calibrate is None:
        what, remedy = "a NIR file needs data to choose scales on", "add --calibrate data.npz with an array x"
        raise InputError(str(model), what, remedy)
    return _with_data(read_nir(path), path.stem, path, calibrate, test)


def _from_module(net: Any, calibrate: Data | None) -> Graph:
    """The graph of a live module, held against its own run on the first of what scales are chosen on."""
    if calibrate is None:
        raise InputError("network", "needs data to choose scales on", "give calibrate=x (sample, step, ...)")
    return read_module(net, inputs_as_given(calibrate)[:SAMPLES, :STEPS])


def _refuse_weights(path: Path) -> None:
    """Name what is given in place of a NIR file, by its first bytes or its suffix.

    Raises:
        InputError: weights, arrays or another tool's model.
    """
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(_HDF5):
        return
    found = next((what for start, what in _HEADS.items() if head.startswith(start)), _SUFFIXES.get(path.suffix))
    if found is not None:
        remedy = "export the network to NIR, or give the folder of a seamount training run"
        raise InputError(str(path), f"is {found}, not a NIR file", remedy)


def _with_data(graph: Graph, name: str, path: Path | None, calibrate: Data | None, test: Data | None) -> Source:
    """A network with data of the user's own."""
    if calibrate is None:
        raise InputError(name, "a network needs data to choose scales on", "give calibrate=x (sample, step, channel)")
    ports = Ports.of_graph(graph)
    calibration = samples_of(calibrate, ports, "" if isinstance(calibrate, str | Path) else "calibrate")
    measured = calibration
    if test is not None:
        measured = samples_of(test, ports, "" if isinstance(test, str | Path) else "test")
    return Source(
        name=name,
        task="",
        graph=graph,
        nir=path,
        file=path,
        calibration=calibration,
        test=measured,
        command=_words(path, calibrate, test),
        test_samples=len(measured),
        validation=lambda most: calibration.chosen(slice(most)),
    )


def _words(path: Path | None, calibrate: Data, test: Data | None) -> tuple[str, ...] | None:
    """What names a file and its data on the command line; None where something is in no file."""
    if path is None or not isinstance(calibrate, str | Path) or not isinstance(test, str | Path | None):
        return None
    return (str(path), "--calibrate", str(calibrate), *(() if test is None else ("--test", str(test))))


def graph_of(model: Any) -> Graph:
    """The graph of a network that lies in memory.

    Raises:
        InputError: it is neither a `Graph` nor a `nir.NIRGraph`.
    """
    if isinstance(model, Graph):
        return model
    import nir

    if not isinstance(model, nir.NIRGraph):
        what = f"is a {type(model).__module__}.{type(model).__qualname__}"
        raise InputError("network", what, "give a path, zoo:<name>, a module, a nir.NIRGraph or a Graph of read")
    return from_nir(model)


def zoo_folder() -> Path:
    """The folder of shipped networks; found without importing PyTorch."""
    spec = find_spec("models")
    if spec is None or not spec.submodule_search_locations:
        raise InputError("zoo", "the package 'models' is not installed", "install Seamount again")
    return Path(next(iter(spec.submodule_search_locations))) / "shipped"


def _from_zoo(name: str) -> Source:
    folder = zoo_folder() / name
    if not name or not (folder / "config.json").is_file():
        known = sorted(path.parent.name for path in zoo_folder().glob("*/config.json"))
        raise InputError(ZOO_PREFIX + name, "no such network", f"use one of {', '.join(ZOO_PREFIX + k for k in known)}")
    return _from_folder(folder, name, ZOO_PREFIX + name)


def _from_run(folder: Path) -> Source:
    if not (folder / "config.json").is_file():
        raise InputError(str(folder), "holds no config.json", "give the folder of a finished seamount train")
    return _from_folder(folder, folder.resolve().name, str(folder))


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
    nir_file = folder / "model.nir"
    graph = read_nir(nir_file) if nir_file.is_file() else _from_weights(folder, task)
    small = len(task.test) * task.steps <= TORCH_VALUES and task.symbols is None and task.test.lengths is None
    return Source(
        name=name,
        task=task.name,
        graph=graph,
        nir=nir_file if nir_file.is_file() else None,
        file=nir_file if nir_file.is_file() else folder / "model.safetensors",
        calibration=task_samples(task.train, task, calibration_samples(task)),
        test=task_samples(task.test, task),
        command=(given,),
        test_samples=len(task.test),
        validation=lambda most: _validation(task, most),
        settings=read_settings(folder / SETTINGS) if (folder / SETTINGS).is_file() else None,
        float_classes=_torch_classes(folder) if small and installed("torch") else None,
        card=_figures(config),
    )


def task_samples(part: Part, task: Task, rows: IntArray | slice | None = None) -> Samples:
    """Samples of a task's part: values or symbols, labels, true lengths; all of them unless `rows` chooses."""
    whole = Samples(part.inputs, part.labels, part.lengths, task.inputs)
    return whole if rows is None else whole.chosen(rows)


def _validation(task: Task, most: int) -> Samples:
    """The validation part, then as much of the training part as there is room for, spread evenly."""
    own = task_samples(task.validation, task, slice(most))
    room = most - len(own)
    return own if room <= 0 else own.joined(task_samples(task.train, task, spread(len(task.train), room)))


def _figures(config: Mapping[str, Any]) -> Figures | None:
    found = config.get("figures", {}).get("test")
    if not found:
        return None
    return Figures(float(found["accuracy"]), int(found["samples"]), found.get("bits_per_symbol"))


def _refuse_without_torch(given: str, folder: Path) -> None:
    if not (folder / "model.nir").is_file() and not installed("torch"):
        what, remedy = "is shipped as weights, which PyTorch reads; torch is not installed", how_to_install("train")
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
