"""How to deploy: what the command line, a script and the manifest say in the same words."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from toolchain.errors import InputError
from toolchain.passes.pipeline import DEFAULT
from toolchain.quantize.settings import Settings


@dataclass(frozen=True)
class Options:
    """How to deploy.

    Attributes:
        settings: bit widths.
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
        mapping: "packed" fills cores across layers, "layers" gives each layer cores of its own.
        nir_samples: interpret the float network on so many of them; by default on all that take reasonable time.
        expect: npz of what the framework made of the calibration samples; another outcome here is an error.
    """

    settings: Settings = field(default_factory=Settings)
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
    expect: Path | None = None


def read_settings(path: Path | None) -> Settings:
    """Settings from a JSON file; the defaults without one.

    Raises:
        InputError: the file cannot be read or names what is no setting.
    """
    if path is None:
        return Settings()
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(str(path), f"cannot be read ({error})", "give a JSON object of settings") from error
    if not isinstance(values, dict):
        raise InputError(str(path), f"holds a {type(values).__name__}", "give a JSON object of settings")
    return Settings.from_dict(values)
