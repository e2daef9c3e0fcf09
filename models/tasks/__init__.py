"""The tasks by name. Data only: numpy arrays, no torch, so that the compiler's calibration can use them."""

from __future__ import annotations

from models.tasks import digits
from models.tasks.task import Part, Task
from toolchain.errors import InputError

__all__ = ["TASKS", "Part", "Task", "load_task"]

TASKS = {"digits": digits.load}
"""Name to loader."""


def load_task(name: str) -> Task:
    """The task's data.

    Raises:
        InputError: there is no task of that name.
    """
    if name not in TASKS:
        raise InputError("task", f"there is no task {name!r}", f"choose from {sorted(TASKS)}")
    return TASKS[name]()
