"""Fine-tune several networks one after the other on one machine, each within a limit of time.

    python -m models.qat.on_device --out tuned small=smnist:120:weight_bits=4,a_bits=12,c_bits=6,epochs=2

Each job is ``NAME=START:SECONDS[:key=value,...]``: START is a network of the zoo or the folder of a run, keys are those
of the compiler's settings, of `TrainConfig`, ``refresh_steps`` and ``distill``. The folder ``tuned/NAME`` gets weights,
configuration, settings and `log.txt`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch

from models.qat.finetune import Finetuned, Run, finetune
from models.qat.tuner import Epoch
from toolchain.errors import InputError, ToolchainError
from toolchain.quantize.settings import Settings

FORM = "NAME=START:SECONDS[:key=value,...]"


@dataclass(frozen=True)
class Job:
    """One network to fine-tune: the name of its folder, the network to begin with, and how."""

    name: str
    start: str
    run: Run


def parse_job(text: str) -> Job:
    """A job from the command line.

    Raises:
        InputError: another form, an unknown key, or a value out of its range.
    """
    head, _, changes = text.partition(":")[2].partition(":")
    name, _, start = text.partition(":")[0].partition("=")
    pairs = dict(item.partition("=")[::2] for item in changes.split(",") if item)
    refresh_steps, distill = pairs.pop("refresh_steps", "1"), pairs.pop("distill", "0")
    own = {spec.name for spec in fields(Settings)}
    try:
        seconds, refresh, share = float(head), int(refresh_steps), float(distill)
        training = {key: _number(value) for key, value in pairs.items() if key not in own}
    except ValueError as error:
        raise InputError(text, f"is no job ({error})", f"give {FORM}") from error
    if not name or not start or refresh < 1:
        raise InputError(text, "is no job", f"give {FORM}, and refresh_steps of 1 or more")
    widths = {key: int(value) if value.isdigit() else value for key, value in pairs.items() if key in own}
    return Job(name, start, Run(Settings.from_dict(widths), training, refresh, share, seconds))


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdigit() else float(text)


def run_job(job: Job, out: Path, device: str) -> Finetuned:
    """Fine-tune; the log says how every epoch went."""
    folder = out / job.name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.txt").open("a", encoding="utf-8") as log:

        def tell(line: str) -> None:
            for stream in (log, sys.stdout):
                print(line, file=stream, flush=True)

        tell(f"{job.name}: {job}, on {torch.cuda.get_device_name() if device == 'cuda' else device}")
        result = finetune(job.start, folder, replace(job.run, device=device), teller(job.name, tell))
        tell(f"{job.name}: {result}")
    return result


def teller(name: str, tell: Callable[[str], None]) -> Callable[[Epoch], None]:
    """Tells one line an epoch, with the time since the last."""
    last = [time.perf_counter()]

    def on_epoch(epoch: Epoch) -> None:
        now, found = time.perf_counter(), epoch.validation
        rates = " ".join(f"{rate:.3f}" for rate in found.spike_rates)
        tell(
            f"{name} epoch {epoch.epoch} {now - last[0]:.1f} s loss {epoch.train_loss:.4f}"
            f" validation {found} {found.loss:.4f} rates {rates} best {epoch.best_epoch}"
        )
        last[0] = now

    return on_epoch


def main() -> None:
    """Parse the command line and run the jobs; a job that fails does not hold up the next ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="+", metavar=FORM)
    parser.add_argument("--out", type=Path, default=Path("tuned"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    failed = False
    for job in [parse_job(text) for text in options.jobs]:
        try:
            run_job(job, options.out, options.device)
        except ToolchainError as error:
            print(f"error: {job.name}: {error}", file=sys.stderr, flush=True)
            failed = True
    sys.exit(failed)


if __name__ == "__main__":
    main()
