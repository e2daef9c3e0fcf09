"""Choose between settings for HAPT by cross-validation over people, then train the chosen ones on all of them.

    python -m models.training.cross_validation --runs runs hapt:0:epochs=25 wide=hapt:0:epochs=25,channels=256

Jobs are written as in `models.training.on_device`; their seconds are not looked at. The 21 people outside the test part
are dealt into folds. Each job is trained with each fold held out. What counts is the accuracy of the last epoch, so
that no epoch is chosen. The job with the highest mean is trained anew on all 21 people (`refit`), as the run ``hapt``,
and measured on the test part.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from models.layers.weights import write_json
from models.tasks import Task, hapt
from models.training.on_device import TrainingJob, parse_job, run_job
from models.training.train import Progress, train

FOLDS = 3


def cross_validate(job: TrainingJob, tasks: list[Task], device: str) -> list[float]:
    """Accuracy of the last epoch on each fold."""
    accuracies = []
    for task in tasks:
        seen: list[Progress] = []
        with tempfile.TemporaryDirectory() as folder:
            train(
                task, job.network, job.training, Path(folder), measure_test=False, on_epoch=seen.append, device=device
            )
        accuracies.append(seen[-1].validation.accuracy)
    return accuracies


def main() -> None:
    """Parse the command line, cross-validate every job, train the best."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="+", metavar="[NAME=]hapt:0[:key=value,...]")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--folds", type=int, default=FOLDS)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    jobs = [parse_job(text) for text in options.jobs]
    tasks = [hapt.load(people) for people in hapt.folds(options.folds)]
    found = {}
    for job in jobs:
        found[job.name] = cross_validate(job, tasks, options.device)
        print(f"{job.name}: {np.mean(found[job.name]):.4f} of {[round(x, 4) for x in found[job.name]]}", flush=True)
    best = max(jobs, key=lambda job: float(np.mean(found[job.name])))
    print(f"chosen: {best.name}", flush=True)
    chosen = replace(best, name="hapt", seconds=float("inf"), training=replace(best.training, refit=1))
    run_job(chosen, options.runs, options.device)
    write_json(options.runs / "hapt" / "cross_validation.json", {"folds": found, "chosen": best.name})


if __name__ == "__main__":
    main()
