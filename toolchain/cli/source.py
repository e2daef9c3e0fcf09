"""What can be deployed: a network of the zoo, or a NIR file with calibration data of the user's own."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from toolchain.doctor import installed
from toolchain.errors import InputError
from toolchain.frontend.graph import FloatArray
from toolchain.ir.integer import IntArray

ZOO_PREFIX = "zoo:"
CALIBRATION_SAMPLES = 256


@dataclass(frozen=True)
class Samples:
    """Input sequences (sample, step, channel) and, where known, their classes (sample,)."""

    x: FloatArray
    y: IntArray | None

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Source:
    """A network to deploy with the data that it needs.

    Attributes:
        name: of the network, for the program and the report.
        task: name of its task, or "" where the user's own.
        nir: its NIR file.
        calibration: inputs that scales are chosen on; never test data.
        test: labelled inputs that accuracy is measured on.
        float_classes: decisions of the trained network in PyTorch on given inputs, or None where it is not at hand.
        command: what the user typed, for the report.
    """

    name: str
    task: str
    nir: Path
    calibration: Samples
    test: Samples
    float_classes: Callable[[FloatArray], IntArray] | None
    command: str


def find_source(model: str, calibrate: Path | None, test: Path | None) -> Source:
    """Resolve what the user named.

    Args:
        model: ``zoo:<name>`` or the path of a NIR file.
        calibrate: npz with ``x`` (and ``y``); compulsory for a file, refused for the zoo.
        test: npz with ``x`` and ``y``; by default the calibration data.

    Raises:
        InputError: unknown network, missing file, or data that are not what they should be.
    """
    if model.startswith(ZOO_PREFIX):
        if calibrate is not None or test is not None:
            raise InputError(model, "a network of the zoo brings its own data", "leave --calibrate and --test out")
        return _from_zoo(model.removeprefix(ZOO_PREFIX))
    path = Path(model)
    if not path.is_file():
        raise InputError(model, "no such file", "give zoo:<name> or the path of a .nir file")
    if calibrate is None:
        raise InputError(model, "a NIR file needs data to choose scales on", "add --calibrate data.npz with an array x")
    calibration = read_samples(calibrate)
    measured = calibration if test is None else read_samples(test)
    command = f"seamount deploy {path.name} --calibrate {calibrate.name}" + (f" --test {test.name}" if test else "")
    return Source(path.stem, "", path, calibration, measured, None, command)


def zoo_folder() -> Path:
    """The folder of shipped networks; found without importing PyTorch."""
    spec = find_spec("models")
    if spec is None or not spec.submodule_search_locations:
        raise InputError("zoo", "the package 'models' is not installed", "install Seamount again")
    return Path(next(iter(spec.submodule_search_locations))) / "zoo"


def _from_zoo(name: str) -> Source:
    from models.tasks import load_task

    folder = zoo_folder() / name
    if not (folder / "model.nir").is_file():
        known = sorted(path.parent.name for path in zoo_folder().glob("*/model.nir"))
        if (folder / "config.json").is_file():
            what, remedy = (
                "is shipped as weights, without a NIR file",
                "make one with models.zoo.publish and deploy that",
            )
            raise InputError(ZOO_PREFIX + name, what, remedy)
        raise InputError(ZOO_PREFIX + name, "no such network", f"use one of {', '.join(ZOO_PREFIX + k for k in known)}")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    task = load_task(config["task"])
    chosen = _spread(len(task.train), CALIBRATION_SAMPLES)
    return Source(
        name=name,
        task=task.name,
        nir=folder / "model.nir",
        calibration=Samples(task.train.inputs[chosen].astype(np.float64), task.train.labels[chosen]),
        test=Samples(task.test.inputs.astype(np.float64), task.test.labels),
        float_classes=_torch_classes(name) if installed("torch") else None,
        command=f"seamount deploy {ZOO_PREFIX}{name}",
    )


def _spread(total: int, wanted: int) -> IntArray:
    """`wanted` indices spread evenly over `total`."""
    return np.unique(np.linspace(0, total - 1, min(total, wanted)).astype(np.int64))


def _torch_classes(name: str) -> Callable[[FloatArray], IntArray]:
    def classes(x: FloatArray) -> IntArray:
        from models.measure import classify
        from models.zoo import load

        return classify(load(name).network, x.astype(np.float32))

    return classes


def read_samples(path: Path) -> Samples:
    """Read ``x`` (sample, step, channel) and, if there, ``y`` (sample,) from an npz file.

    Raises:
        InputError: no such file, not an npz, no ``x``, wrong axes, values that are not finite, bad labels.
    """
    if not path.is_file():
        raise InputError(str(path), "no such file", "give an npz file with an array x (sample, step, channel)")
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, TypeError, AttributeError) as error:
        raise InputError(str(path), "is not an npz file", "write it with numpy.savez(path, x=..., y=...)") from error
    if "x" not in arrays:
        raise InputError(
            str(path), f"holds {sorted(arrays)}, no array x", "write it with numpy.savez(path, x=..., y=...)"
        )
    return Samples(_inputs(path, arrays["x"]), _labels(path, arrays.get("y"), len(arrays["x"])))


def _inputs(path: Path, x: FloatArray) -> FloatArray:
    if x.ndim == 2:
        raise InputError(f"{path}: x", f"shape {x.shape} lacks an axis", "give (sample, step, channel); add x[None]")
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


def _labels(path: Path, y: IntArray | None, samples: int) -> IntArray | None:
    if y is None:
        return None
    if y.shape != (samples,) or y.dtype.kind not in "iu":
        found = f"shape {y.shape} of {y.dtype} for {samples} samples"
        raise InputError(f"{path}: y", found, "give one integer class a sample")
    return y.astype(np.int64)
