"""Trainings one after the other on one machine: a log in each one's folder, a line an epoch, and the command line."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import torch

from models.training.measure import Figures
from toolchain.errors import ToolchainError

Tell = Callable[[str], None]


class Job(Protocol):
    """What a command line's job is named by."""

    @property
    def name(self) -> str: ...


AnyJob = TypeVar("AnyJob", bound=Job)


class Epoch(Protocol):
    """What is told of a finished epoch."""

    @property
    def epoch(self) -> int: ...
    @property
    def train_loss(self) -> float: ...
    @property
    def validation(self) -> Figures: ...
    @property
    def best_epoch(self) -> int: ...


@contextmanager
def logged(folder: Path) -> Iterator[Tell]:
    """A function that prints a line and appends it to `log.txt` in the folder, which is made if absent."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.txt").open("a", encoding="utf-8") as log:

        def tell(line: str) -> None:
            for stream in (log, sys.stdout):
                print(line, file=stream, flush=True)

        yield tell


def epoch_teller(name: str, epochs: int | None, tell: Tell) -> Callable[[Epoch], None]:
    """Tells one line an epoch, with the time since the last; `epochs` is their number, where it is known."""
    last = [time.perf_counter()]
    of = "" if epochs is None else f"/{epochs}"

    def on_epoch(epoch: Epoch) -> None:
        now, found = time.perf_counter(), epoch.validation
        rates = " ".join(f"{rate:.3f}" for rate in found.spike_rates)
        tell(
            f"{name} epoch {epoch.epoch}{of} {now - last[0]:.1f} s loss {epoch.train_loss:.4f}"
            f" validation {found} {found.loss:.4f} rates {rates} best {epoch.best_epoch}"
        )
        last[0] = now

    return on_epoch


def device_name(device: str) -> str:
    """The GPU's name for ``cuda``, else the device as given."""
    return torch.cuda.get_device_name() if device == "cuda" else device


def add_device(parser: argparse.ArgumentParser) -> None:
    """The option ``--device``: the GPU where there is one, by default."""
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")


def run_command_line(
    about: str | None,
    form: str,
    folder: tuple[str, str],
    parse: Callable[[str], AnyJob],
    run: Callable[[AnyJob, Path, str], object],
) -> None:
    """Parse the command line and run its jobs; the exit code is 0 if all went well.

    Args:
        about: shown by ``--help``.
        form: of a job, as it is typed.
        folder: that results go into: the option's name and its default.
        parse: a job from its text.
        run: does a job, in that folder, on a device.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="+", metavar=form)
    parser.add_argument(folder[0], dest="folder", type=Path, default=Path(folder[1]))
    add_device(parser)
    options = parser.parse_args()
    jobs = [parse(text) for text in options.jobs]
    sys.exit(not run_jobs(jobs, lambda job: run(job, options.folder, options.device)))


def run_jobs(jobs: Sequence[AnyJob], run: Callable[[AnyJob], object]) -> bool:
    """Run all jobs; one that fails is told of and does not hold up the next. Returns whether all went well."""
    well = True
    for job in jobs:
        try:
            run(job)
        except ToolchainError as error:
            print(f"error: {job.name}: {error}", file=sys.stderr, flush=True)
            well = False
    return well
