"""A program that this one started ends with it, and its output and exit code come back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.source_tree import ROOT
from toolchain import children


def test_what_a_program_says_and_how_it_ends_come_back(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd()); print('no', file=sys.stderr); sys.exit(3)"
    found = children.run([sys.executable, "-c", code], timeout_s=60, cwd=tmp_path)
    assert found == (3, f"{tmp_path}\n", "no\n")
    code = f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})"
    assert children.run([sys.executable, "-c", code], timeout_s=60)[0] == 128 + signal.SIGKILL
    assert children.run(["/absent"], timeout_s=60) == (127, "", "/absent: No such file or directory\n")


def gone(group: int) -> bool:
    """Whether a process group has ended, within ten seconds."""
    for _ in range(1000):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def test_a_program_that_does_not_end_in_time_is_ended_with_its_own(tmp_path: Path) -> None:
    code = (
        f"import os, time; os.fork(); open({str(tmp_path / 'group')!r}, 'w').write(str(os.getpgrp())); time.sleep(99)"
    )
    with pytest.raises(subprocess.TimeoutExpired):
        children.run([sys.executable, "-c", code], timeout_s=1.0)
    assert gone(int((tmp_path / "group").read_text()))


def test_a_program_ends_when_the_process_that_started_it_is_killed() -> None:
    code = (
        "import time\nfrom toolchain import children\n"
        "process = children.start(['sleep', '99'])\nprint(process.pid, flush=True)\ntime.sleep(99)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment) as run:
        assert run.stdout is not None
        group = int(run.stdout.readline())
        run.kill()
    assert gone(group)
