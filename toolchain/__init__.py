"""The compiler: a NIR graph of a trained network in, an integer program placed on cores out.

Importing this package imports neither torch nor lava nor onnx.
"""

from __future__ import annotations

from toolchain.errors import ToolchainError
from toolchain.version import __version__

__all__ = [
    "ToolchainError",
    "__version__",
]
