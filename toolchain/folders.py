"""Folders and files that come to be whole or not at all, whenever the machine or the run stops.

What a run has not finished is marked with its process and machine. A later run removes the marks of dead processes;
what other machines or living processes made stays.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import glob
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from toolchain.errors import InputError

PARTIAL, OLD = "partial", "old"
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


def mark() -> str:
    """The process, and the machine, as a folder may be shared: PID@HOST."""
    return f"{os.getpid()}@{platform.node()}"


def is_dead(marked: str) -> bool:
    """Whether the process that a leftover is marked with is gone; False where that cannot be known."""
    pid, _, host = marked.partition("@")
    if not pid.isdigit() or host not in ("", platform.node()):
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return int(pid) == os.getpid()


def partial_of(out: Path) -> Path:
    """The folder beside `out` that this process fills."""
    return out.with_name(f".{out.name}.{mark()}.{PARTIAL}")


def is_unfinished(folder: Path) -> bool:
    """Whether a folder is, or lies in, one that a run is filling."""
    return any(part.startswith(".") and part.endswith(f".{PARTIAL}") for part in folder.absolute().parts)


def clear_leftovers(out: Path) -> None:
    """Remove what killed runs left beside `out`; a folder that one had just set aside is put back."""
    for path in sorted(out.parent.glob(f".{glob.escape(out.name)}.*")):
        marked, _, kind = path.name.removeprefix(f".{out.name}.").rpartition(".")
        if kind not in (PARTIAL, OLD) or not path.is_dir() or not is_dead(marked):
            continue
        if kind == OLD and not out.exists():
            os.replace(path, out)
        else:
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def filling(out: Path) -> Iterator[Path]:
    """A folder beside `out` to fill, which is removed at the end if it was not moved; one run at a time has one.

    What runs that were killed left is removed first.

    Raises:
        InputError: another run of this machine fills one.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = partial_of(out)
    with only_one(out.parent, wait=True):
        clear_leftovers(out)
        for other in out.parent.glob(f".{glob.escape(out.name)}.*.{PARTIAL}"):
            if _is_held(other):
                what = f"is being written by another run ({other.name.split('.')[-2]})"
                raise InputError(str(out), what, "wait for that run, or name another folder")
        beside.mkdir()
        held = _hold(beside)
    try:
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        if held is not None:
            os.close(held)


def _hold(folder: Path) -> int | None:
    """Lock a folder for as long as the number that is returned stays open; None where there are no locks."""
    try:
        import fcntl
    except ImportError:
        return None
    number = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(number)
        return None
    return number


def _is_held(folder: Path) -> bool:
    """Whether a living run fills a folder: its number may have been given to another process since."""
    if not folder.is_dir() or sys.platform == "win32":
        return False
    number = _hold(folder)
    if number is not None:
        os.close(number)
    return number is None


def take_the_place(beside: Path, out: Path) -> None:
    """Put a finished folder where another may be: after a crash the old one is there or the new one, whole.

    The two change names in one step where the system can (Linux's renameat2); elsewhere the old one is set aside
    first, and `clear_leftovers` puts it back if the run ends just then.
    """
    inside = is_unfinished(out.parent)  # which is held, and is written to the disk as a whole in its turn
    if not inside:
        sync_tree(beside)
    old = out.with_name(f".{out.name}.{mark()}.{OLD}")
    with nullcontext() if inside else only_one(out.parent, wait=True):
        if not os.path.lexists(out):
            os.replace(beside, out)
        elif _exchange(beside, out):
            os.replace(beside, old)
        else:
            os.replace(out, old)
            os.replace(beside, out)
        sync(out.parent)
    shutil.rmtree(old, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Let two paths change names in one step; False where the system or the file system cannot."""
    if sys.platform != "linux":
        return False
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return False
    given = (_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    if rename(*given) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM):
        return False
    raise OSError(code, os.strerror(code), str(other))


def sync(path: Path) -> None:
    """Have the system write a file, or a folder's names, to its disk; nothing where it cannot, as on some networks."""
    try:
        number = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EROFS):
            raise
    finally:
        os.close(number)


def sync_tree(root: Path) -> None:
    """`sync` every file and folder below a root."""
    for place, _, names in os.walk(root, topdown=False):
        for name in names:
            sync(Path(place, name))
        sync(Path(place))


@contextmanager
def only_one(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold a folder against other runs. The lock lies in no file, and goes with the process that has it.

    Args:
        folder: made if absent.
        wait: for the other run to let go; otherwise it is an error.

    Raises:
        InputError: another run has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:
        yield
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(number)
        what, remedy = "is in use by another run", "wait for that run, or name another folder"
        raise InputError(str(folder), what, remedy) from None
    except OSError:  # a file system without locks
        pass
    try:
        yield
    finally:
        os.close(number)


@contextmanager
def scratch(kind: str) -> Iterator[Path]:
    """A temporary folder; those of dead processes are removed first.

    Args:
        kind: for its name, e.g. ``"lava"``.
    """
    start = f"seamount-{kind}-"
    place = Path(tempfile.gettempdir())
    for path in place.glob(f"{start}*@*"):
        marked = path.name.removeprefix(start).rpartition("-")[0]
        if marked != mark() and path.is_dir() and not path.is_symlink() and is_dead(marked):
            shutil.rmtree(path, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{start}{mark()}-", dir=place) as name:
        yield Path(name)
