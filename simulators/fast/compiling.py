"""From LLVM text to functions: compiled once for this machine, kept on disk as object code.

A file in the cache is named after a hash of the text, the compiler's version, and the processor with its features, so
it is found by whatever needs the same code: the next start, or another network of the same structure. It holds
machine code and a checksum. Files are written beside and then moved, so that several processes may share the folder.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import threading
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm

from simulators.fast.assembly import Function
from toolchain.files import written_whole

CACHE_VARIABLE = "SEAMOUNT_CACHE"
"""Environment variable: the folder of the cache; empty for none."""

DIGEST_BYTES = 32


def cache_folder() -> Path | None:
    """Where compiled code is kept; None where the user wants none."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen is not None:
        return Path(chosen) if chosen else None
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "seamount" / "fast"


@cache
def _machine() -> Any:
    """The target machine: this processor with everything that it can do, vectors at their full width."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = ",".join(filter(None, [llvm.get_host_cpu_features().flatten(), "-prefer-256-bit"]))
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features, opt=3, jit=True)


def has_feature(name: str) -> bool:
    """Whether this processor has an instruction set extension, by LLVM's name."""
    return bool(llvm.get_host_cpu_features().get(name, False))


@cache
def _signature() -> str:
    """What besides the text decides the machine code."""
    cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    return f"llvmlite {llvmlite.__version__} {llvm.llvm_version_info} {cpu} {features}"


@cache
def _engine() -> Any:
    """Holds all loaded code for the life of the process."""
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())


_loaded: dict[str, int] = {}
_lock = threading.Lock()


def key_of(text: str) -> str:
    """The name of a function's code in the cache."""
    return hashlib.sha256(f"{_signature()}\n{text}".encode()).hexdigest()


def function_address(function: Function) -> int:
    """Compile a function, or find it compiled, and return its address."""
    text = function.text()
    key = key_of(text)
    with _lock:
        if key not in _loaded:
            symbol = f"seamount_{key[:32]}"
            code = _stored(key) or _store(key, _compiled(text.replace("@NAME(", f"@{symbol}("), function.declared))
            _engine().add_object_file(llvm.ObjectFileRef.from_data(code))
            _engine().finalize_object()
            _loaded[key] = _engine().get_function_address(symbol)
        return _loaded[key]


def as_callable(address: int, arguments: int) -> Any:
    """A function of that many 64-bit integers or addresses; calling it lets other threads run."""
    return ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * arguments)(address)


def _compiled(text: str, declarations: set[str]) -> bytes:
    module = llvm.parse_assembly("\n".join([*sorted(declarations), text]))
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    builder = llvm.create_pass_builder(_machine(), options)
    builder.getModulePassManager().run(module, builder)
    return bytes(_machine().emit_object(module))


def _stored(key: str) -> bytes | None:
    """Code from the cache, where it is there and whole."""
    folder = cache_folder()
    try:
        content = (folder / f"{key}.o").read_bytes() if folder else b""
    except OSError:
        return None
    code, digest = content[:-DIGEST_BYTES], content[-DIGEST_BYTES:]
    return code if code and hashlib.sha256(code).digest() == digest else None


def _store(key: str, code: bytes) -> bytes:
    """Keep code for the next start; a cache that can't be written is no error."""
    folder = cache_folder()
    try:
        if folder:
            with written_whole(folder / f"{key}.o") as beside:
                beside.write_bytes(code + hashlib.sha256(code).digest())
    except OSError:
        pass
    return code
