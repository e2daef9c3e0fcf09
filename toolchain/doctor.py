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
from importlib.metadata import PackageNotFoundError, version

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


_BASE = "pip install -c constraints.txt ."
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
        "pip install -c constraints.txt '.[train]'",
    ),
    ("triton", "simulator 'accelerator' with kernels on a GPU", "pip install -c constraints.txt '.[accelerator]'"),
    ("lava-nc", "simulator 'lava'", "pip install --no-deps --ignore-requires-python lava-nc==0.10.0"),
    ("asteval", "importing lava-nc", "pip install -c constraints.txt '.[lava]'"),
    ("scikit-learn", "importing lava-nc", "pip install -c constraints.txt '.[lava]'"),
    ("networkx", "importing lava-nc", "pip install -c constraints.txt '.[lava]'"),
    ("onnx", "exporter 'onnx'", "pip install -c constraints.txt '.[onnx]'"),
    ("onnxruntime", "simulator 'onnx'", "pip install -c constraints.txt '.[onnx]'"),
    ("ray", "--engine ray: work on a cluster", "pip install -c constraints.txt '.[ray]'"),
    ("nirtorch", "tests against a foreign reader of NIR", "pip install -c constraints.txt '.[dev]'"),
)


_TOOLS = (
    ("node", "simulator 'js'", "install Node.js 18 or newer"),
    ("cc", "simulator 'c'", "install gcc or clang"),
)
"""Programs of the system, which pip does not bring."""


def examine() -> list[Part]:
    """List Python and every part, required ones first, each with its installed version or None."""
    required = [Part(name, installed(name), enables, _BASE, required=True) for name, enables in _REQUIRED]
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
