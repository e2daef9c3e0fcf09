"""Accuracy of a trained network on its whole test part: as trained, and as integer programs of given widths.

    python -m benchmarks.quantized_accuracy smnist                      # the compiler's default widths
    python -m benchmarks.quantized_accuracy digits --settings w4a12c6.json --settings w4a12c6s16.json

The network is one of the zoo or the folder of a run. The float figure is the one of its `config.json`; the integer
programs are compiled as `seamount deploy` does and run by the fast simulator, some samples at a time.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from models.qat.compiling import Choice, Compiler
from models.qat.finetune import find_folder
from models.tasks import Part, load_task
from models.tasks.calibration import calibration_inputs
from models.training.folder import load_folder
from models.training.measure import Figures
from seamount.build.score import Score
from seamount.build.whole import is_read_stepwise, score_trace
from seamount.options import read_settings
from seamount.samples import Samples
from simulators import fast
from toolchain.host.decode import output_probe
from toolchain.host.encode import encode
from toolchain.quantize.settings import Settings

TOGETHER = 100
"""Samples of a run of the simulator."""


def score(choice: Choice, part: Part, channels: int) -> Score:
    """Decisions of a program on a part, each sequence read at its own last step, or at every step."""
    program, probe = choice.program, output_probe(choice.program)
    samples = Samples(part.inputs, part.labels, part.lengths, channels)
    probes = (probe,) if probe is not None and is_read_stepwise(program, samples) else ()
    total = Score(0, 0, 0.0 if samples.per_step else None)
    for start in range(0, len(samples), TOGETHER):
        chosen = samples.chosen(slice(start, start + TOGETHER))
        payload = encode(program.inputs[0], chosen.values())[0]
        trace = fast.simulate(program, {"input": payload}, probes=probes, record_messages=False, strict=False)
        total += score_trace(program, trace, chosen)
    return total


def main() -> None:
    """Compile and run every settings file in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network")
    parser.add_argument("--settings", type=Path, action="append", help="JSON file; may be given several times")
    options = parser.parse_args()
    trained = load_folder(find_folder(options.network))
    task, expected = load_task(trained.task), Figures.from_mapping(trained.figures["test"])
    print(f"{options.network}: {len(task.test)} samples, float {expected}", flush=True)
    for path in options.settings or [None]:
        settings: Settings = read_settings(path).for_labels(task.test.labels.ndim == 2)
        choice = Compiler(task.name, task.steps, calibration_inputs(task), settings).calibrate(trained.network)
        found = score(choice, task.test, task.inputs)
        share, name = found.correct / found.counted, path.name if path else "default widths"
        if found.bits_per_symbol is not None and expected.bits_per_symbol is not None:
            loss = found.bits_per_symbol - expected.bits_per_symbol
            print(f"{name}: {found.bits_per_symbol:.4f} bits a symbol, loss {loss:.4f}", flush=True)
        else:
            loss = 100 * (expected.accuracy - share)
            print(f"{name}: {found.correct} right, {100 * share:.2f} %, loss {loss:.2f}", flush=True)


if __name__ == "__main__":
    main()
