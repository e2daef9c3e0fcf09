"""Fine-tune several networks one after the other on one machine, each within a limit of time.

    python -m models.qat.on_device --out tuned w4=smnist:120:weight_bits=4,epochs=2 listops=listops:420:refresh_steps=8

Each job is ``NAME=START:SECONDS[:key=value,...]``: START is a network of the zoo or the folder of a run, keys are those
of the compiler's settings, of `TrainConfig`, ``refresh_steps``, ``distill`` and ``epoch_samples``. The folder
``tuned/NAME`` gets weights, configuration, settings and `log.txt`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

from models.qat.finetune import Finetuned, Run, finetune
from models.training.jobs import device_name, epoch_teller, logged, run_command_line
from toolchain.errors import InputError
from toolchain.quantize.settings import Settings

FORM = "NAME=START:SECONDS[:key=value,...]"


@dataclass(frozen=True)
class TuningJob:
    """One network to fine-tune: the name of its folder, the network to begin with, and how."""

    name: str
    start: str
    run: Run


def parse_job(text: str) -> TuningJob:
    """A job from the command line.

    Raises:
        InputError: another form, an unknown key, or a value out of its range.
    """
    head, _, changes = text.partition(":")[2].partition(":")
    name, _, start = text.partition(":")[0].partition("=")
    pairs = dict(item.partition("=")[::2] for item in changes.split(",") if item)
    refresh_steps, distill = pairs.pop("refresh_steps", "1"), pairs.pop("distill", "0")
    few = pairs.pop("epoch_samples", None)
    own = {spec.name for spec in fields(Settings)}
    try:
        seconds, refresh, share = float(head), int(refresh_steps), float(distill)
        samples = None if few is None else int(few)
        training = {key: _number(value) for key, value in pairs.items() if key not in own}
    except ValueError as error:
        raise InputError(text, f"is not a job ({error})", f"give {FORM}") from error
    if not name or not start or refresh < 1 or (samples is not None and samples < 1):
        raise InputError(text, "is not a job", f"give {FORM}, and refresh_steps and epoch_samples of 1 or more")
    widths = {key: int(value) if value.isdigit() else value for key, value in pairs.items() if key in own}
    return TuningJob(
        name, start, Run(Settings.from_dict(widths), training, refresh, share, seconds, epoch_samples=samples)
    )


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdigit() else float(text)


def run_job(job: TuningJob, out: Path, device: str) -> Finetuned:
    """Fine-tune; the log says how every epoch went."""
    folder = out / job.name
    run = replace(job.run, device=device)
    with logged(folder) as tell:
        tell(f"{job.name}: {job.start}, {run}, on {device_name(device)}")
        result = finetune(job.start, folder, run, epoch_teller(job.name, None, tell))
        tell(f"{job.name}: {result}")
    return result


def main() -> None:
    """Parse the command line and run the jobs; a job that fails does not hold up the next ones."""
    run_command_line(__doc__, FORM, ("--out", "tuned"), parse_job, run_job)


if __name__ == "__main__":
    main()
