"""Accuracy of a trained network on its whole test part: as trained, and as integer programs of given widths.

    python -m benchmarks.quantized_accuracy smnist                      # the compiler's default widths
    python -m benchmarks.quantized_accuracy digits --settings w4a12c6.json --settings w4a12c6s16.json

The network is one of the zoo or the folder of a run. The float figure is the one of its `config.json`; the integer
programs are compiled as `seamount deploy` does and run by the fast simulator, some samples at a time.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from models.qat.compiling import Compiler
from models.qat.finetune import find_folder
from models.tasks import Part, load_task
from models.tasks.calibration import calibration_inputs
from models.zoo import load_folder
from simulators import fast
from toolchain.cli.quantize import read_settings
from toolchain.ir.program import Program
from toolchain.lower.encode import decide, encode_counted
from toolchain.quantize.settings import Settings

TOGETHER = 500
"""Samples of a run of the simulator."""


def correct(program: Program, part: Part, overflow: str) -> int:
    """Right decisions of a program on a part."""
    right = 0
    for start in range(0, len(part), TOGETHER):
        chosen = slice(start, start + TOGETHER)
        payload = encode_counted(program.inputs[0], part.inputs[chosen], overflow).payload
        trace = fast.simulate(program, {"input": payload}, record_messages=False, strict=False)
        right += int((decide(program, trace) == part.labels[chosen]).sum())
    return right


def main() -> None:
    """Compile and run every settings file in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network")
    parser.add_argument("--settings", type=Path, action="append", help="JSON file; may be given several times")
    options = parser.parse_args()
    trained = load_folder(find_folder(options.network))
    task, expected = load_task(trained.task), trained.figures["test"]["accuracy"]
    print(f"{options.network}: {len(task.test)} samples, float {100 * expected:.2f} %", flush=True)
    for path in options.settings or [None]:
        settings: Settings = read_settings(path)
        choice = Compiler(task.name, task.steps, calibration_inputs(task), settings).calibrate(trained.network)
        right = correct(choice.program, task.test, settings.input_overflow)
        share = 100 * right / len(task.test)
        name = path.name if path else "default widths"
        print(f"{name}: {right} right, {share:.2f} %, loss {100 * expected - share:.2f}", flush=True)


if __name__ == "__main__":
    main()
