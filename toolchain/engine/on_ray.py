"""The engine "ray": a Ray cluster, or this machine without one.

Ray is imported where this engine is chosen and nowhere else. Its own retries are off, so that a death is counted and
reported as on every engine.
"""

from __future__ import annotations

import os
import socket
from types import ModuleType
from typing import Any

from toolchain.doctor import how_to_install, installed
from toolchain.engine.perform import Outcome, Task, perform_beside_others
from toolchain.errors import MissingPartError, WorkError

REACH_S = 10.0
"""How long a cluster may take to answer."""
REMEDY = how_to_install("ray")


def require_ray() -> None:
    """See that Ray can be used, before any work is done.

    Raises:
        MissingPartError: Ray is not installed.
        WorkError: RAY_ADDRESS names a cluster that does not answer; Ray itself would try for minutes.
    """
    if installed("ray") is None:
        raise MissingPartError("engine ray", "ray is not installed", REMEDY)
    named = os.environ.get("RAY_ADDRESS", "")
    host, _, port = named.rpartition("://")[2].rpartition(":")
    if not host or not port.isdigit():
        return  # "auto", "local" and the like, which Ray finds out at once
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_S).close()
    except (OSError, OverflowError) as error:
        what = f"RAY_ADDRESS is {named}, and nothing answers there ({error})"
        raise WorkError("engine ray", what, "start the cluster, correct the address, or use processes") from error


def _load() -> ModuleType:
    """Ray, told to report nothing to anybody."""
    require_ray()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    module: ModuleType = ray
    return module


class OnRay:
    """Workers that Ray starts; a Ray that runs already is used and left running.

    With RAY_ADDRESS set, or where the program called `ray.init` itself, units go to that cluster; otherwise Ray is
    started on this machine, without a dashboard, and stopped at the end.
    """

    def __init__(self, workers: int | None) -> None:
        self._ray = _load()
        self._started = not self._ray.is_initialized()
        if self._started:
            self._start(workers)
        cores = int(self._ray.cluster_resources().get("CPU", 1))
        self.size = workers or max(1, cores)
        self._perform = self._ray.remote(perform_beside_others).options(max_retries=0, num_cpus=1)
        self._tasks: dict[Any, Task] = {}

    def _start(self, workers: int | None) -> None:
        cluster = bool(os.environ.get("RAY_ADDRESS"))
        local = {} if cluster else {"num_cpus": workers, "include_dashboard": False}
        try:
            self._ray.init(log_to_driver=False, logging_level="error", **local)
        except (OSError, RuntimeError, ValueError) as error:
            raise WorkError("engine ray", f"does not start ({error})", "see RAY_ADDRESS, or use processes") from error

    @property
    def busy(self) -> int:
        """How many units are under way."""
        return len(self._tasks)

    def submit(self, task: Task) -> None:
        """Hand a unit to Ray."""
        self._tasks[self._perform.remote(task.text)] = task

    def wait(self) -> list[Outcome]:
        """Units that ended, at least one."""
        ended, _ = self._ray.wait(list(self._tasks), num_returns=1)
        return [self._outcome(handle, self._tasks.pop(handle)) for handle in ended]

    def _outcome(self, handle: Any, task: Task) -> Outcome:
        # What the work raises comes back as text; what Ray raises is that the worker or its machine died.
        try:
            return Outcome(task, self._ray.get(handle))
        except self._ray.exceptions.RayError as error:
            lines = str(error).strip().splitlines()
            return Outcome(task, death=f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}")

    def close(self) -> None:
        """End what is under way, and Ray if it was started here."""
        for handle in self._tasks:
            self._ray.cancel(handle, force=True)
        self._tasks.clear()
        if self._started:
            self._ray.shutdown()
