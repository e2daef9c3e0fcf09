"""How to deploy: what the command line, a script and the manifest say in the same words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from toolchain.errors import InputError
from toolchain.passes.pipeline import DEFAULT
from toolchain.quantize.settings import Settings
from toolchain.reading import json_of


@dataclass(frozen=True)
class Options:
    """How to deploy.

    Attributes:
        settings: bit widths and rules, or the path of a JSON file of them; by default those that are stored beside the
            network's weights, else the usual ones.
        target: name or path of the chip's limits.
        convention: preset for what NIR leaves open, with switches in place of its own, as `conventions_for` takes them;
            by default what the file says, else plain NIR.
        dt: time step in seconds in place of the convention's.
        compared: number of test samples that every simulator runs with all registers probed; by default 16, fewer where
            their registers would fill too many words.
        seed: picks those samples.
        simulator: runs the whole test set; by default the quickest that can run.
        passes: pipeline of compiler passes, as text; "" for none.
        samples: run so many test samples, spread evenly, in place of all.
        nir_samples: interpret the float network on so many of them; by default on all that take reasonable time.
        mapping: "packed" fills cores across layers, "layers" gives each layer cores of its own.
        strict: whether a finding of grade "loss" makes the command fail, once the build is written.
        expect: npz of what the framework made of the calibration samples; another outcome here is an error.
        compare: simulators that run the compared samples and are held to the reference, joined by commas ("fast" or
            "reference,fast"); by default all that can run here. Others are left out, and the report says so.
        onnx_lanes: type of the numbers in model.onnx: "int64", "float64" or "int32"; by default all its inputs and
            outputs are int64, and it computes in the quickest type that is proven to be exact.
        decision: how the class is read of an output, in place of the settings' word (`Settings.decision`).

    Raises:
        InputError: a seed or a number of samples out of range.
    """

    settings: Settings | str | None = None
    target: str = "loihi2"
    convention: str | None = None
    dt: float | None = None
    compared: int | None = None
    seed: int = 0
    simulator: str | None = None
    passes: str = DEFAULT
    samples: int | None = None
    nir_samples: int | None = None
    mapping: str = "packed"
    expect: Path | str | None = None
    strict: bool = False
    compare: str | None = None
    onnx_lanes: str | None = None
    decision: str | None = None

    def __post_init__(self) -> None:
        """Say at once, and not after a minute of other work, that a number cannot be."""
        if self.seed < 0:
            raise InputError("--seed", f"{self.seed} is negative", "give 0 or more")
        for name in ("compared", "samples", "nir_samples"):
            count = getattr(self, name)
            if count is not None and count < 1:
                raise InputError(_flag(name), f"{count} is not a number of samples", "give 1 or more")
        if self.dt is not None and not 0 < self.dt < float("inf"):
            raise InputError("--dt", f"{self.dt} s is not a positive time", "give seconds")

    def with_changes(self, changes: Mapping[str, Any]) -> Options:
        """These options with some of them changed, by name.

        Raises:
            InputError: no such option.
        """
        known = [field.name for field in fields(self)]
        for name in changes:
            if name not in known:
                raise InputError(name, "is not an option", f"use {', '.join(known)}")
        return replace(self, **changes)

    def chosen_settings(self, stored: Settings | None) -> Settings:
        """The settings that hold: those given, else those stored with the network, else the usual ones."""
        chosen = self._settings(stored)
        return chosen if self.decision is None else replace(chosen, decision=self.decision)

    def _settings(self, stored: Settings | None) -> Settings:
        if isinstance(self.settings, Settings):
            return self.settings
        if self.settings is not None:
            return read_settings(Path(self.settings))
        return stored or Settings()

    def words(self) -> list[str]:
        """What to type after `seamount deploy` and the network to say the same; settings that lie in no file are left
        out."""
        words = []
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default and not isinstance(value, Settings):
                words += [_flag(field.name)] if value is True else [_flag(field.name), str(value)]
        return words

    def as_dict(self, settings: Settings) -> dict[str, Any]:
        """As plain data, with the settings that were used."""
        found = {**asdict(replace(self, settings=None)), "settings": settings.as_dict()}
        return found | {"expect": None if self.expect is None else str(self.expect)}


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def read_settings(path: Path | None) -> Settings:
    """Settings from a JSON file; the defaults without one.

    Raises:
        InputError: the file cannot be read or names what is not a setting.
    """
    if path is None:
        return Settings()
    try:
        values = json_of(path, 1 << 20)
    except (OSError, ValueError) as error:
        raise InputError(str(path), f"cannot be read ({error})", "give a JSON object of settings") from error
    if not isinstance(values, dict):
        raise InputError(str(path), f"holds a {type(values).__name__}", "give a JSON object of settings")
    return Settings.from_dict(values)
