"""Seamount: trained spiking networks become integer programs on Loihi-style cores, proven spike for spike.

    import seamount as sm

    build = sm.deploy("net.nir", calibrate=x, labels=y)     # or "zoo:digits", a training run, a live torch module, ...
    build                                                   # accuracy, synaptic operations, energy, latency
    sm.simulate(build, x).classes

`deploy` makes a folder; `compile` only the program; `quantize` says what rounding costs and `search` finds narrower
widths; `load_build`, `simulate`, `verify` and `diff` work on a build that is there; `read` and `from_nir` give the
graph of a network. How it is done is said by `Options` and `Settings`, what happens by `Event`, what is wrong by
`ToolchainError`. `from_torch` reads a live module of snnTorch, norse, SpikingJelly or sinabs (so do `from_snntorch`,
`from_norse`, ...). In the examples of each, net.nir is an LIF network of 4 inputs and 3 outputs, x (8, 20, 4) are
inputs and y (8,) their classes.

Names are imported when they are first used: `import seamount` alone loads nothing. The command line
(`seamount --help`) calls the same functions. This is the only package that may import all others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seamount.build.compile import compile
    from seamount.build.deploy import deploy
    from seamount.build.quantize import quantize
    from seamount.build.result import Build, load_build
    from seamount.events import Event
    from seamount.importing import from_nir, from_torch
    from seamount.options import Options
    from seamount.rerun.diff import diff
    from seamount.rerun.simulate import simulate
    from seamount.rerun.verify import verify
    from seamount.samples import Samples
    from seamount.searching.search import search
    from toolchain.errors import ToolchainError
    from toolchain.frontend.read import read_nir as read
    from toolchain.quantize.settings import Settings
    from toolchain.version import __version__

_HOMES = {
    "deploy": "seamount.build.deploy:deploy",
    "compile": "seamount.build.compile:compile",
    "quantize": "seamount.build.quantize:quantize",
    "search": "seamount.searching.search:search",
    "load_build": "seamount.build.result:load_build",
    "simulate": "seamount.rerun.simulate:simulate",
    "verify": "seamount.rerun.verify:verify",
    "diff": "seamount.rerun.diff:diff",
    "read": "toolchain.frontend.read:read_nir",
    "from_nir": "seamount.importing:from_nir",
    "from_torch": "seamount.importing:from_torch",
    "Build": "seamount.build.result:Build",
    "Event": "seamount.events:Event",
    "Options": "seamount.options:Options",
    "Samples": "seamount.samples:Samples",
    "Settings": "toolchain.quantize.settings:Settings",
    "ToolchainError": "toolchain.errors:ToolchainError",
    "__version__": "toolchain.version:__version__",
}
"""Where each public name is defined. At most 20; no module directly below this package bears one of them."""
_TOOLS = ("snntorch", "norse", "spikingjelly", "sinabs", "spyx")
"""Frameworks with a `from_<name>` beside `from_torch`, which takes all of PyTorch."""

__all__ = [
    "deploy",
    "compile",
    "quantize",
    "search",
    "load_build",
    "simulate",
    "verify",
    "diff",
    "read",
    "from_nir",
    "from_torch",
    "Build",
    "Event",
    "Options",
    "Samples",
    "Settings",
    "ToolchainError",
    "__version__",
]


def __getattr__(name: str) -> object:
    if name in [f"from_{tool}" for tool in _TOOLS]:
        return getattr(import_module("seamount.importing"), name)
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, own = _HOMES[name].partition(":")
    return getattr(import_module(module), own)


def __dir__() -> list[str]:
    return sorted(__all__)
