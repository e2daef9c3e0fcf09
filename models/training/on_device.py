"""Train several networks one after the other on one machine, each within a limit of time, and go on later.

    python -m models.training.on_device --runs runs smnist:300 quick=smnist:60:epochs=4,blocks=2

Each job is ``[NAME=]TASK:SECONDS[:key=value,...]``, with keys of `NetworkConfig` and `TrainConfig` in place of the
recipe's, ``system=NAME`` for another system (`network/systems.py`), ``from=NAME`` to begin with the weights of
another run, ``fit=1`` to take as many epochs as the time allows, by a measurement before the first, and ``test=0``
for a trial that leaves the test part alone. The folder ``runs/NAME`` gets the checkpoint after every epoch, the chosen
weights and figures at the end, and `log.txt`; a job that finds its checkpoint there goes on from it. The weights are
chosen on the validation part; the test part is measured once, at the end.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from models.layers.weights import load_tensors
from models.network.config import NetworkConfig
from models.tasks import Task, load_task
from models.training.config import TrainConfig
from models.training.jobs import Tell, device_name, epoch_teller, logged, run_command_line
from models.training.pace import measure_pace
from models.training.recipes import configured
from models.training.run_state import FILE as CHECKPOINT
from models.training.train import TrainingResult, train
from toolchain.errors import InputError

FORM = "[NAME=]TASK:SECONDS[:key=value,...]"
SLACK, LEEWAY = 1.03, 1.25
"""How much longer than measured an epoch is taken to last, and how much longer than asked a fitted job may take."""


@dataclass(frozen=True)
class TrainingJob:
    """One network to train.

    Attributes:
        name: of its folder.
        task: what on.
        seconds: after which no further epoch is begun.
        network, training: the settings.
        start: name of the run whose weights are the initial ones, or "".
        fit: whether the number of epochs is chosen to fill the time.
        test: whether the chosen weights are measured on the test part.
    """

    name: str
    task: str
    seconds: float
    network: NetworkConfig
    training: TrainConfig
    start: str = ""
    fit: bool = False
    test: bool = True


def parse_job(text: str) -> TrainingJob:
    """A job from the command line.

    Raises:
        InputError: another form, an unknown task or key, or a value that is no number or out of its range.
    """
    head, _, changes = text.partition(":")[2].partition(":")
    name, named, task = text.partition(":")[0].rpartition("=")
    pairs = dict(item.partition("=")[::2] for item in changes.split(",") if item)
    start, fit, system = pairs.pop("from", ""), pairs.pop("fit", "0"), pairs.pop("system", None)
    test = pairs.pop("test", "1")
    if not {fit, test} <= {"0", "1"}:
        raise InputError(text, f"is not a job (fit={fit}, test={test})", "give 0 or 1 for each")
    try:
        seconds = float(head)
    except ValueError as error:
        raise InputError(text, f"is not a job ({error})", f"give {FORM}") from error
    network, training = configured(task, system, pairs, f"{text}: settings")
    return TrainingJob(name if named else task, task, seconds, network, training, start, fit == "1", test == "1")


def run_job(job: TrainingJob, runs: Path, device: str) -> TrainingResult | None:
    """Train until the end or until the job's time is up; the folder holds what is needed to go on."""
    folder = runs / job.name
    with logged(folder) as tell:
        tell(f"{job.name}: {job}, on {device_name(device)}")
        task = load_task(job.task)
        if job.fit:
            job = fitted(job, task, folder, device, tell)
        on_epoch = epoch_teller(job.name, job.training.epochs, tell)
        start = runs / job.start if job.start else None
        options: dict[str, Any] = {"seconds": job.seconds, "device": device, "start": start, "measure_test": job.test}
        result = train(task, job.network, job.training, folder, resume=True, on_epoch=on_epoch, **options)
        if device == "cuda":
            torch.cuda.empty_cache()
        tell(f"{job.name}: time is up, checkpoint left" if result is None else f"{job.name}: {result}")
    return result


def fitted(job: TrainingJob, task: Task, folder: Path, device: str, tell: Tell) -> TrainingJob:
    """The job with as many epochs as fill its time; with the number of its checkpoint, where there is one."""
    checkpoint = folder / CHECKPOINT
    if checkpoint.exists():
        epochs = int(load_tensors(checkpoint)[1]["settings"]["training"]["epochs"])
        return replace(job, training=replace(job.training, epochs=epochs))
    began = time.perf_counter()
    pace = measure_pace(task, job.network, job.training, device)
    left = job.seconds - (time.perf_counter() - began) - pace.closing_seconds
    epochs = max(1, int(left / (SLACK * pace.epoch_seconds)))
    tell(f"{job.name}: {pace}, {epochs} epochs")
    # Its end is set by the epochs; a measurement a little too short is no reason to stop before the last one.
    return replace(job, seconds=LEEWAY * job.seconds, training=replace(job.training, epochs=epochs))


def main() -> None:
    """Parse the command line and run the jobs; a job that fails does not hold up the next ones."""
    run_command_line(__doc__, FORM, ("--runs", "runs"), parse_job, run_job)


if __name__ == "__main__":
    main()
