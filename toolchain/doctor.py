"""What is installed, what each part enables, and how to get what is missing.

Only the metadata of the distributions is read, and programs are asked for their version: nothing heavy is imported, so
this also works where a part is broken.

About lava-nc: 0.10.0 is the last release (the project is archived). It declares Python 3.10 only, numpy < 2 and
networkx <= 2.8.7, and it works beyond all three once one thing is patched at import time (simulators/lava.py); hence
the unusual way of installing it.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

MINIMUM_PYTHON = (3, 11)


@dataclass(frozen=True)
class Part:
    """One thing that Seamount uses.

    Attributes:
        name: of the distribution, or ``python``.
        version: what is installed; None where nothing (or, for Python, nothing usable) is.
        enables: what works with it, and only with it.
        remedy: how to get it.
        required: whether the base install holds it.
    """

    name: str
    version: str | None
    enables: str
    remedy: str
    required: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing stands in the way: installed, or optional."""
        return self.version is not None or not self.required


ROOT = Path(__file__).parents[1]
"""Of a checkout; of an installed wheel, the folder of packages."""


@cache
def how_to_install(extra: str = "") -> str:
    """The command that brings an extra, or everything that is required: right in a checkout and for a wheel.

    A wheel of Seamount comes from no index, so that there what it declares is named, with its ranges.
    """
    if (ROOT / "constraints.txt").is_file() and (ROOT / "pyproject.toml").is_file():
        return f"pip install -c constraints.txt '.[{extra}]'" if extra else "pip install -c constraints.txt ."
    wanted = _declared(extra)
    return f"pip install {' '.join(wanted)}" if wanted else "install the wheel of Seamount again"


def _declared(extra: str) -> list[str]:
    """What the installed distribution asks for under an extra, or without one, each in quotes."""
    try:
        lines = requires("seamount") or []
    except PackageNotFoundError:
        return []
    parted = [line.partition(";") for line in lines]
    marks = (f"extra == '{extra}'", f'extra == "{extra}"')
    return [
        f"'{what.strip()}'"
        for what, _, marker in parted
        if (any(mark in marker for mark in marks) if extra else "extra ==" not in marker)
    ]


_REQUIRED = (
    ("numpy", "all arithmetic"),
    ("scipy", "discretization and calibration"),
    ("h5py", "reading NIR files"),
    ("nir", "writing NIR files"),
    ("llvmlite", "the fast simulator"),
    ("numba", "training on a processor"),
    ("pillow", "the published images of Pathfinder"),
    ("safetensors", "reading trained weights"),
    ("pydantic", "checking target and settings files"),
    ("jinja2", "the HTML report"),
    ("matplotlib", "the figures of the report"),
    ("typer", "the command line"),
    ("rich", "tables on the command line"),
)
_OPTIONAL = (
    (
        "torch",
        "training networks (models/) and simulator 'accelerator'; compiling and running need it not",
        how_to_install("train"),
    ),
    ("triton", "simulator 'accelerator' with kernels on a GPU", how_to_install("accelerator")),
    ("lava-nc", "simulator 'lava'", "pip install --no-deps --ignore-requires-python lava-nc==0.10.0"),
    ("asteval", "importing lava-nc", how_to_install("lava")),
    ("scikit-learn", "importing lava-nc", how_to_install("lava")),
    ("networkx", "importing lava-nc", how_to_install("lava")),
    ("onnx", "exporter 'onnx'", how_to_install("onnx")),
    ("onnxruntime", "simulator 'onnx'", how_to_install("onnx")),
    ("ray", "--engine ray: work on a cluster", how_to_install("ray")),
    ("nirtorch", "tests against a foreign reader of NIR", how_to_install("dev")),
)


_TOOLS = (
    ("node", "simulator 'js'", "install Node.js 18 or newer"),
    ("cc", "simulator 'c'", "install gcc or clang"),
)
"""Programs of the system, which pip does not bring."""


def examine() -> list[Part]:
    """List Python and every part, required ones first, each with its installed version or None."""
    required = [Part(name, installed(name), enables, how_to_install(), required=True) for name, enables in _REQUIRED]
    optional = [Part(name, installed(name), enables, remedy) for name, enables, remedy in _OPTIONAL]
    tools = [Part(name, tool_version(name), enables, remedy) for name, enables, remedy in _TOOLS]
    return [_python(), *required, *optional, *tools]


def tool_version(name: str) -> str | None:
    """The version that a program of the system reports; None where there is none."""
    path = shutil.which(name)
    if path is None:
        return None
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, errors="replace", timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\d+(\.\d+)+", said)
    return found[0] if found else "unknown"


def installed(name: str) -> str | None:
    """Look up the installed version of a distribution; None where there is none."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _python() -> Part:
    usable = sys.version_info[:2] >= MINIMUM_PYTHON
    wanted = ".".join(map(str, MINIMUM_PYTHON))
    return Part(
        "python", platform.python_version() if usable else None, "everything", f"install Python {wanted} or newer", True
    )
