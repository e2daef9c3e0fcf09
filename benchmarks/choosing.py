"""Time a calibration of shipped networks, and the choice of integers between two of them while they are fine-tuned.

OMP_NUM_THREADS=1 python -m benchmarks.choosing listops sotu
"""

from __future__ import annotations

import argparse
import time

from models.qat.compiling import Compiler
from models.shipped.zoo import load
from models.tasks import load_task
from models.tasks.calibration import calibration_inputs
from toolchain.quantize.settings import Settings

CHOICES = 5


def main() -> None:
    """Print seconds of processor time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+", help="of the zoo")
    for name in parser.parse_args().networks:
        trained = load(name)
        task = load_task(trained.task)
        compiler = Compiler(trained.task, task.steps, calibration_inputs(task), Settings())
        began = time.process_time()
        choice = compiler.calibrate(trained.network)
        calibration = time.process_time() - began
        each = []
        for _ in range(CHOICES):
            began = time.process_time()
            compiler.choose(trained.network, choice)
            each.append(time.process_time() - began)
        print(f"{name}: calibration {calibration:.1f} s, a choice {min(each):.2f} to {max(each):.2f} s", flush=True)


if __name__ == "__main__":
    main()
