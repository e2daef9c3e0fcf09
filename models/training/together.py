"""One network trained by several processes of one machine, which share every batch.

Each process is a copy of the whole: task, network, optimizer. Only the first tells of epochs and writes. One that fails
ends the run: the others would wait for it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from models.network.config import NetworkConfig
from models.tasks import load_task
from models.training.config import TrainConfig
from models.training.team import joined_team
from models.training.train import Progress, TrainingResult, check_device, train
from toolchain.errors import InputError, ToolchainError


@dataclass(frozen=True)
class Request:
    """What each process is to do; the attributes are those of `train`."""

    task: str
    network: NetworkConfig
    training: TrainConfig
    folder: Path
    resume: bool = False
    measure_test: bool = True
    stop_after: int | None = None
    threads: int = 1
    device: str = "cpu"
    start: Path | None = None


def check_devices(count: int, device: str, training: TrainConfig) -> None:
    """See that so many processes can train there.

    Raises:
        InputError: no such device, fewer GPUs than processes, or batches that they cannot share evenly on GPUs.
    """
    check_device(device)
    if count > training.batch_size:
        found = f"{count} processes for batches of {training.batch_size}"
        raise InputError("devices", found, "take fewer devices, or a larger batch_size")
    if device == "cpu":
        return
    if count > torch.cuda.device_count():
        found = f"{count} GPUs are asked for, PyTorch finds {torch.cuda.device_count()}"
        raise InputError("devices", found, "take as many as there are")
    if training.batch_size % count:
        # A recorded step has one shape.
        found = f"{count} GPUs for batches of {training.batch_size}"
        raise InputError("devices", found, "make batch_size a multiple of the devices")


def train_together(
    count: int, request: Request, on_epoch: Callable[[Progress], None] | None = None
) -> TrainingResult | None:
    """Train in so many processes; the parent only waits.

    Args:
        count: processes; on ``cuda``, each has a GPU of its own.
        request: what to train.
        on_epoch: called in the first process after every epoch; a function of a module, which other processes import.

    Raises:
        InputError: see `check_devices` and `train`.
        ToolchainError: a process ended without a word.
    """
    check_devices(count, request.device, request.training)
    context = get_context("spawn")
    with tempfile.TemporaryDirectory() as room:
        processes: list[BaseProcess] = []
        ends: list[Connection] = []
        for rank in range(count):
            mine, theirs = context.Pipe(duplex=False)
            place = rank, count, Path(room) / "meeting"
            process: BaseProcess = context.Process(
                target=_work, args=(theirs, place, request, on_epoch if rank == 0 else None)
            )
            process.start()
            theirs.close()
            processes.append(process)
            ends.append(mine)
        try:
            return _answers(ends)[0]
        finally:
            for process in processes:
                process.terminate()
                process.join()


def _answers(ends: Sequence[Connection]) -> list[TrainingResult | None]:
    """What each process came to; the first error is raised as soon as it comes."""
    answers: dict[int, Any] = {}
    while len(answers) < len(ends):
        for end in wait([end for rank, end in enumerate(ends) if rank not in answers]):
            rank = next(index for index, one in enumerate(ends) if one is end)
            try:
                answer = ends[rank].recv()
            except EOFError:
                raise ToolchainError(
                    f"process {rank}", "ended without an answer", "see what it printed above"
                ) from None
            if isinstance(answer, ErrorAsData):
                raise answer.kind(*answer.arguments)
            answers[rank] = answer
    return [answers[rank] for rank in range(len(ends))]


@dataclass(frozen=True)
class ErrorAsData:
    """An error on its way between processes."""

    kind: type[ToolchainError]
    arguments: tuple[str, str, str]


def _work(
    answer: Connection, place: tuple[int, int, Path], request: Request, on_epoch: Callable[[Progress], None] | None
) -> None:
    """One process, from its start to its answer."""
    options = {name: getattr(request, name) for name in ("resume", "measure_test", "stop_after", "threads", "device")}
    try:
        task = load_task(request.task)
        with joined_team(*place, request.device) as team:
            result = train(
                task,
                request.network,
                request.training,
                request.folder,
                **options,
                on_epoch=on_epoch,
                start=request.start,
                team=team,
            )
        answer.send(result)
    except ToolchainError as error:
        answer.send(ErrorAsData(type(error), (error.where, error.what, error.remedy)))
