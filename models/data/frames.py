"""Reads numbers out of a pickled table without unpickling: a small machine for the opcodes that such a file uses.

The recordings of HAPT are published as a pickle of pandas frames (protocol 1), the images of CIFAR-10 in one version as
a pickled dictionary of Python 2 (protocol 2). Unpickling runs whatever code the file
names; here nothing is imported or called. A "call" in the file becomes a `Made` that remembers the name and the
arguments, and an opcode outside the list is an error.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import InputError

MARK = object()
DTYPES = {"f8": "<f8", "i8": "<i8", "u1": "|u1"}
VALUES = ("BININT", "BININT1", "BININT2", "INT", "LONG1", "BINUNICODE", "BINSTRING", "SHORT_BINSTRING", "GLOBAL")
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
SHORT_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass
class Made:
    """What the file would make by a call: the callable's name, its arguments, and the state set afterwards."""

    name: str
    arguments: tuple[Any, ...]
    state: Any = None


def read_pickled(content: bytes, where: str) -> Any:
    """The tree in a pickle: dicts, lists, tuples, numbers, text, and `Made` for everything else.

    Raises:
        InputError: an opcode that a table of numbers does not need, or a file cut short.
    """
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    try:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name == "STOP":
                return _only(stack)
            _apply(opcode.name, argument, stack, memo)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(where, f"is not a pickled table ({error})", "fetch it again") from error
    raise InputError(where, "ends before its last opcode", "fetch it again")


def _only(stack: list[Any]) -> Any:
    """The one value that is left at the end."""
    if len(stack) != 1 or stack[0] is MARK:
        raise ValueError(f"{len(stack)} values are left")
    return stack[0]


def _apply(name: str, argument: Any, stack: list[Any], memo: dict[int, Any]) -> None:
    """One opcode."""
    if name in VALUES:
        stack.append(argument)
    elif name in CONSTANTS:
        stack.append(CONSTANTS[name])
    elif name in ("BINPUT", "LONG_BINPUT"):
        memo[argument] = stack[-1]
    elif name in ("BINGET", "LONG_BINGET"):
        stack.append(memo[argument])
    elif name == "MARK":
        stack.append(MARK)
    elif name in ("EMPTY_DICT", "EMPTY_LIST"):
        stack.append({} if name == "EMPTY_DICT" else [])
    elif name != "PROTO":
        _combine(name, stack)


def _combine(name: str, stack: list[Any]) -> None:
    """The opcodes that take what is on the stack together."""
    if name == "TUPLE":
        stack.append(tuple(_since_mark(stack)))
    elif name in SHORT_TUPLES:
        items = [stack.pop() for _ in range(SHORT_TUPLES[name])]
        stack.append(tuple(reversed(items)))
    elif name == "APPENDS":
        items = _since_mark(stack)
        stack[-1].extend(items)
    elif name == "SETITEMS":
        items = _since_mark(stack)
        stack[-1].update(zip(items[::2], items[1::2], strict=True))
    elif name == "SETITEM":
        value, key = stack.pop(), stack.pop()
        stack[-1][key] = value
    elif name == "REDUCE":
        arguments, called = stack.pop(), stack.pop()
        stack.append(Made(str(called), tuple(arguments)))
    elif name == "BUILD":
        state = stack.pop()
        stack[-1].state = state
    else:
        raise ValueError(f"opcode {name}")


def _since_mark(stack: list[Any]) -> list[Any]:
    items: list[Any] = []
    while (item := stack.pop()) is not MARK:
        items.append(item)
    return items[::-1]


def frame_columns(frame: Made) -> dict[str, NDArray[Any]]:
    """Columns of a pandas frame by name, from the blocks that its manager holds.

    Raises:
        ValueError, LookupError, TypeError, AttributeError: the tree is no frame.
    """
    axes, blocks, names = frame.state["_data"].state[:3]
    if axes[0].name != "pandas.core.indexes.base _new_Index":
        raise ValueError(f"columns are a {axes[0].name}")
    columns = names_of(axes[0])
    found: dict[str, NDArray[Any]] = {}
    for block, index in zip(blocks, names, strict=True):
        rows = array_of(block)
        own = names_of(index) if isinstance(index, Made) and "Index" in index.name else array_of(index)
        found |= {str(name): row for name, row in zip(own, rows, strict=True)}
    return {name: found[name] for name in columns}


def names_of(index: Made) -> list[str]:
    """The labels of a pandas index of text."""
    labels = index.arguments[1]["data"].state[4]
    return [str(label) for label in labels]


def array_of(made: Made) -> NDArray[Any]:
    """A numpy array of float64, int64 or uint8, from its shape, type, memory order and bytes."""
    _, shape, dtype, fortran, raw = made.state
    text, encoding = raw.arguments if isinstance(raw, Made) else (raw, "latin1")
    values = np.frombuffer(text.encode(encoding), dtype=DTYPES[dtype.arguments[0]])
    return values.reshape(shape, order="F" if fortran else "C")
