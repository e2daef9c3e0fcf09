"""Programs that this one starts end when it ends, however it ends: a keeper between the two ends the program's group.

Run as a script, this file is that keeper. It holds the reading end of a pipe whose other end the starting process has;
when that process is gone, killed or not, the pipe closes. It imports nothing that takes time.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess

KEPT = hasattr(os, "fork") and hasattr(os, "killpg")
"""Whether this system has process groups; elsewhere a program that runs while this one is killed runs to its end."""


def start(command: list[str], **options: Any) -> subprocess.Popen[Any]:
    """Start a program in a process group of its own, whose leader is the keeper.

    Args:
        command: the program and its arguments.
        options: of `subprocess.Popen`, but for stdin, which the keeper has.

    Returns:
        The keeper; its exit code is the program's, or 128 and the signal that ended it. It must be held until then.
    """
    import subprocess

    if not KEPT:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
    keeper = [sys.executable, "-I", "-S", __file__, *command]
    return subprocess.Popen(keeper, stdin=subprocess.PIPE, start_new_session=True, **options)


def run(
    command: list[str], *, timeout_s: float, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Run a program to its end.

    Returns:
        Its exit code, and what it wrote to stdout and stderr.

    Raises:
        OSError: it cannot be started.
        subprocess.TimeoutExpired: it did not end in time; nothing of it stays.
    """
    import subprocess
    import threading

    with start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd, env=env) as process:
        assert process.stdout is not None and process.stderr is not None
        taken: dict[str, bytes] = {}
        pipes = {"out": process.stdout, "err": process.stderr}
        readers = [threading.Thread(target=lambda n=n, p=p: taken.__setitem__(n, p.read())) for n, p in pipes.items()]
        for reader in readers:
            reader.start()
        try:
            code = process.wait(timeout_s)
        finally:
            end_group(process, signal.SIGKILL)
            process.wait()
            for reader in readers:
                reader.join()
    said, complained = (taken[name].decode("utf-8", errors="replace") for name in ("out", "err"))
    return code, said, complained


def end_group(process: subprocess.Popen[Any], number: int) -> bool:
    """Signal every process of a group; False where there is none."""
    if not KEPT:
        process.terminate()
        return process.poll() is None
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _keep(command: list[str]) -> int:
    """The keeper's life: the program's exit code, unless the starting process ends first."""
    import _thread

    program = os.fork()
    if program == 0:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        try:
            os.execvp(command[0], command)
        except OSError as error:
            os.write(2, f"{command[0]}: {error.strerror}\n".encode())
            os._exit(127)
    _thread.start_new_thread(_end_with_the_pipe, ())
    _, status = os.waitpid(program, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _end_with_the_pipe() -> None:
    while os.read(0, 4096):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    os._exit(_keep(sys.argv[1:]))
