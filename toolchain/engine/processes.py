"""The engine "processes": spawned workers, each with a pipe of its own.

A pipe a worker, and not one queue for all as in concurrent.futures: a worker that is killed takes down its own unit
alone, its unit is known, and workers end by themselves when the run is killed, since the pipe then closes.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.process import parent_process

from toolchain.engine.perform import Outcome, Task, perform_beside_others

LOOK_SECONDS = 1.0
"""Between looks at who is alive: a child of a killed worker may hold its pipe open."""

_CONTEXT = multiprocessing.get_context("spawn")


class Processes:
    """Workers on this machine; each starts with its first unit."""

    def __init__(self, workers: int) -> None:
        self.size = workers
        self._idle: list[_Worker] = []
        self._busy: dict[_Worker, Task] = {}

    @property
    def busy(self) -> int:
        """How many units are under way."""
        return len(self._busy)

    def submit(self, task: Task) -> None:
        """Hand a unit to a worker that has none."""
        worker = self._idle.pop() if self._idle else _Worker()
        worker.give(task.text)
        self._busy[worker] = task

    def wait(self) -> list[Outcome]:
        """Units that ended, at least one."""
        while True:
            wait([worker.pipe for worker in self._busy], timeout=LOOK_SECONDS)
            ended = [worker for worker in self._busy if worker.answered() or not worker.process.is_alive()]
            if ended:
                return [self._outcome(worker, self._busy.pop(worker)) for worker in ended]

    def _outcome(self, worker: _Worker, task: Task) -> Outcome:
        text = worker.take()
        if text is None:
            return Outcome(task, death=worker.end())
        self._idle.append(worker)
        return Outcome(task, text)

    def close(self) -> None:
        """End all workers at once; those with a unit do not finish it."""
        for worker in self._busy:
            worker.process.terminate()
        for worker in self._idle:
            worker.pipe.close()
        for worker in (*self._idle, *self._busy):
            worker.end()
        self._idle.clear()
        self._busy.clear()


class _Worker:
    """One process and our end of its pipe."""

    def __init__(self) -> None:
        self.pipe, theirs = _CONTEXT.Pipe()
        self.process: SpawnProcess = _CONTEXT.Process(target=serve, args=(theirs,), name="seamount-worker")
        self.process.start()
        theirs.close()

    def give(self, text: str) -> None:
        """Send a task; a worker that is gone is noticed when its answer is waited for."""
        try:
            self.pipe.send_bytes(text.encode())
        except OSError:
            self.process.kill()

    def answered(self) -> bool:
        """Whether there is something to take, be it the end."""
        return self.pipe.poll()

    def take(self) -> str | None:
        """The answer; None where the worker died before it was whole."""
        try:
            return self.pipe.recv_bytes().decode() if self.pipe.poll() else None
        except (OSError, EOFError):
            return None

    def end(self) -> str:
        """End the process if it has not ended, and say how it did."""
        self.pipe.close()
        self.process.join(LOOK_SECONDS if self.process.exitcode is None else 0)
        if self.process.exitcode is None:
            self.process.terminate()
            self.process.join(LOOK_SECONDS)
        if self.process.exitcode is None:
            self.process.kill()
        self.process.join()
        return _told(self.process.exitcode or 0)


def _told(code: int) -> str:
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"


def serve(pipe: Connection) -> None:
    """A worker's life: tasks in, answers out, until the pipe closes."""
    # Ctrl-C reaches the whole group; the run ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_run, daemon=True).start()
    while True:
        try:
            task = pipe.recv_bytes()
        except (OSError, EOFError):
            return
        answer = perform_beside_others(task.decode())
        sys.stdout.flush()
        pipe.send_bytes(answer.encode())


def _end_with_the_run() -> None:
    """Leave a unit unfinished when nobody waits for it any more."""
    run = parent_process()
    if run is not None:
        run.join()
        os._exit(1)
