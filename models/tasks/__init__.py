"""The tasks by name. Data only: numpy arrays, no torch, so that the compiler's calibration can use them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from models.tasks import digits, hapt, images, listops, mail, pathfinder, sotu
from models.tasks.official import cifar, shd, text, wikitext
from models.tasks.official import listops as lra_listops
from models.tasks.official import pathfinder as lra_pathfinder
from models.tasks.task import Distortion, Part, Task
from toolchain.errors import InputError

__all__ = ["TASKS", "Distortion", "Part", "Task", "load_task"]

TASKS: Mapping[str, Callable[[], Task]] = {
    "digits": digits.load,
    "hapt": hapt.load,
    "listops": listops.load,
    "mail": mail.load,
    "pathfinder32": pathfinder.load,
    "pathfinder32-easy": partial(pathfinder.load, "pathfinder32-easy"),
    "psmnist": images.psmnist,
    "sfashion": images.sfashion,
    "smnist": images.smnist,
    "smnist196": images.smnist196,
    "sotu": sotu.task,
    # From the publishers' own files, which the user obtains.
    "lra-image": cifar.lra_image,
    "lra-listops": lra_listops.lra_listops,
    "lra-pathfinder32": lra_pathfinder.lra_pathfinder32,
    "lra-pathx": lra_pathfinder.lra_pathx,
    "lra-retrieval": text.lra_retrieval,
    "lra-text": text.lra_text,
    "scifar": cifar.scifar,
    "shd": shd.shd,
    "wikitext103": wikitext.wikitext103,
}
"""Name to loader."""


def load_task(name: str) -> Task:
    """The task's data.

    Raises:
        InputError: there is no task of that name, or its data have not been fetched.
    """
    if name not in TASKS:
        raise InputError("task", f"there is no task {name!r}", f"choose from {sorted(TASKS)}")
    return TASKS[name]()
