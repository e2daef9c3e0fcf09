"""A network that a Python file makes, with its weights from a safetensors file."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from models.layers.weights import load_tensors
from toolchain.errors import InputError, ToolchainError

STATES = ("v_mem", "i_syn", "mem", "syn", "spk")
"""Buffers that hold neurons' states and no parameters."""
_FORM = "give net.py:NAME or package.module:NAME, where NAME is a function that makes the network, or the network"


def network_of(text: str, weights: Path | None) -> nn.Module:
    """The network that a text names; its file is run.

    Args:
        text: ``net.py:NAME`` or ``package.module:NAME``.
        weights: a safetensors file of its state dictionary; None leaves the weights that it is made with.

    Raises:
        InputError: no such file or name, what it makes is no module, code in it that raises, or weights of another
            network.
    """
    place, _, name = text.rpartition(":")
    if not place or not name.isidentifier():
        raise InputError(text, "names no network", _FORM)
    found = getattr(_loaded(text, place), name, None)
    if found is None:
        raise InputError(text, f"defines no {name}", _FORM)
    net: Any = found if isinstance(found, nn.Module) else _made(text, found)
    if not isinstance(net, nn.Module):
        raise InputError(text, f"makes a {type(net).__name__}, no torch.nn.Module", _FORM)
    if weights is not None:
        _fill(net, weights)
    return net


def _loaded(text: str, place: str) -> ModuleType:
    path = Path(place)
    try:
        if path.suffix != ".py":
            return importlib.import_module(place)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if not path.is_file() or spec is None or spec.loader is None:
            raise InputError(text, "no such file", _FORM)
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(path.stem, module)  # for classes that look up their own module
        spec.loader.exec_module(module)
    except (ImportError, SyntaxError) as error:
        raise InputError(text, f"cannot be imported ({error})", "install what it needs, or mend it") from error
    except ToolchainError:
        raise
    except Exception as error:
        raise _raised(text, "its import", error) from error
    return module


def _made(text: str, found: Any) -> Any:
    try:
        return found()
    except ToolchainError:
        raise
    except Exception as error:
        inside = error.__traceback__ is not None and error.__traceback__.tb_next is not None
        if isinstance(error, TypeError) and not inside:
            raise InputError(text, f"cannot be called without arguments ({error})", _FORM) from error
        raise _raised(text, text.rpartition(":")[2], error) from error


def _raised(text: str, what: str, error: Exception) -> InputError:
    """An exception of the user's own code: the last line of the named file that led to it."""
    frames = traceback.extract_tb(error.__traceback__)
    place = text.rpartition(":")[0]
    stem = Path(place).name if place.endswith(".py") else f"{place.rpartition('.')[2]}.py"
    own = [frame for frame in frames if Path(frame.filename).name == stem] or frames
    said = " ".join(str(error).split())[:200]
    where = f"{Path(own[-1].filename).name}:{own[-1].lineno}"
    return InputError(where, f"{what} raised {type(error).__name__} ({said})", "correct it")


def _fill(net: nn.Module, path: Path) -> None:
    """Weights into the network, every one of them; states of neurons are left as they are."""
    if path.suffix in (".pt", ".pth", ".ckpt"):
        what = "is a file of torch.save, which only a pickle reads"
        remedy = "write safetensors.torch.save_file(net.state_dict(), 'weights.safetensors')"
        raise InputError(str(path), what, remedy)
    tensors, _ = load_tensors(path)
    given = {key: value for key, value in tensors.items() if key.rpartition(".")[2] not in STATES}
    try:
        missing, unexpected = net.load_state_dict(given, strict=False)
    except RuntimeError as error:
        raise InputError(str(path), f"does not fit the network ({str(error).splitlines()[-1].strip()})") from error
    missing = [key for key in missing if key.rpartition(".")[2] not in STATES]
    if missing or unexpected:
        what = f"lacks {', '.join(missing[:3]) or 'nothing'} and holds {', '.join(unexpected[:3]) or 'nothing'} besides"
        raise InputError(str(path), what, "give the state dictionary of this network")
