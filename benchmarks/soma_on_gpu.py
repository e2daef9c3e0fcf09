"""Time four ways to train a soma on a GPU, alone and within a training step, and one training step of a recipe.

The ways:

    fused   the exact soma as one kernel forward and one backward (`models/kernels/soma_triton.py`)
    SDN     the surrogate dynamic network of SpikingSSMs, frozen; gradients through the drive alone
    SLTT    the exact soma step by step, with gradients through the drive alone
    BPTT    the exact soma step by step, with autograd through all steps

    python -m benchmarks.soma_on_gpu [--json FILE] [--lengths 1024,2048]
    python -m benchmarks.soma_on_gpu --profile listops --batch 64 --steps 1152
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from models.layers.sdn import SurrogateSoma
from models.layers.soma import Soma, sltt_loop, soma_loop
from models.network.config import NetworkConfig
from models.network.spiking_ssm import SpikingSSM
from models.training.config import TrainConfig
from models.training.optimizer import make_optimizer
from models.training.recipes import recipe
from models.training.step import WARM_UP_STEPS as UNRECORDED_STEPS
from models.training.step import DirectStep, RecordedStep

BATCH, CHANNELS, MODES = 64, 128, 16
LENGTHS = (1024, 2048, 4096, 8192)
WARM_UP_STEPS = 64
"""The loops take seconds: they are warmed up on this many steps and timed once."""


class Looped(Soma):
    """A soma whose steps are operations one by one."""

    run: Callable[[Tensor, Tensor], Tensor]

    def forward(self, y: Tensor) -> Tensor:
        return type(self).run(y, self.threshold())


class SLTT(Looped):
    """Gradients through the drive alone."""

    run = staticmethod(sltt_loop)


class BPTT(Looped):
    """Gradients through all steps."""

    run = staticmethod(soma_loop)


SOMAS: dict[str, type[Soma]] = {"fused": Soma, "SDN": SurrogateSoma, "SLTT": SLTT, "BPTT": BPTT}


def milliseconds(run: Callable[[], object], repeats: int) -> float:
    torch.cuda.synchronize()
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    start.record()
    for _ in range(repeats):
        run()
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end)) / repeats


def timed(make: Callable[[int], Callable[[], object]], steps: int, looped: bool) -> float:
    """Of what `make` gives for so many steps."""
    run = make(WARM_UP_STEPS if looped else steps)
    for _ in range(1 if looped else 3):
        run()
    return milliseconds(make(steps) if looped else run, 1 if looped else 20)


def alone(kind: type[Soma]) -> Callable[[int], Callable[[], object]]:
    """Forward and backward of the soma."""
    soma = kind(CHANNELS).cuda()

    def make(steps: int) -> Callable[[], object]:
        y = torch.randn(BATCH, CHANNELS, steps, device="cuda", requires_grad=True)
        grad = torch.randn_like(y)
        return lambda: soma(y).backward(grad)

    return make


def within(kind: type[Soma]) -> Callable[[int], Callable[[], object]]:
    """A whole training step of one block: state space, soma, gated linear unit, optimizer."""
    torch.manual_seed(0)
    network = SpikingSSM(NetworkConfig(blocks=1, channels=CHANNELS, modes=MODES, mix="glu"))
    network.block_list()[0].soma = kind(CHANNELS)
    network.cuda()
    config = TrainConfig(learning_rate=1e-4)
    step = DirectStep(network, make_optimizer(network, config), config, None)

    def make(steps: int) -> Callable[[], object]:
        inputs = torch.randn(BATCH, steps, 1, device="cuda")
        labels = torch.arange(BATCH, device="cuda") % 10
        return lambda: step(inputs, labels, 1.0)

    return make


def compare(lengths: list[int]) -> dict[str, dict[str, dict[str, float]]]:
    found: dict[str, dict[str, dict[str, float]]] = {}
    for title, what in (("soma alone", alone), ("training step of one block", within)):
        print(f"{title}, {BATCH} x {CHANNELS} neurons, ms, on {torch.cuda.get_device_name()}")
        rows = found.setdefault(title, {})
        for steps in lengths:
            row = {name: timed(what(kind), steps, issubclass(kind, Looped)) for name, kind in SOMAS.items()}
            rows[str(steps)] = row
            ratios = ", ".join(f"BPTT / {name} {row['BPTT'] / row[name]:.1f}" for name in ("fused", "SDN"))
            print(f"{steps}:", ", ".join(f"{k} {v:.2f}" for k, v in row.items()), "|", ratios, flush=True)
            torch.cuda.empty_cache()
    return found


def profile_step(task: str, batch: int, steps: int) -> None:
    """Where the time of a training step goes, and what it takes as a recorded graph."""
    network_config, config = recipe(task)
    network = SpikingSSM(network_config).cuda()
    step = DirectStep(network, make_optimizer(network, config), config, None)
    decisions = (batch, steps) if network_config.decode == "every-step" else (batch,)
    inputs = torch.rand(batch, steps, network_config.inputs, device="cuda")
    labels = torch.zeros(decisions, dtype=torch.long, device="cuda")
    recorded = RecordedStep(step)
    for _ in range(UNRECORDED_STEPS + 1):
        recorded(inputs, labels, 1.0)
    print(f"{task}: a step of {batch} x {steps}: {milliseconds(lambda: recorded(inputs, labels, 1.0), 20):.2f} ms")
    with torch.profiler.profile() as profile:
        step(inputs, labels, 1.0)
        torch.cuda.synchronize()
    print(profile.key_averages().table(sort_by="self_cuda_time_total", row_limit=22, max_name_column_width=50))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="where to write the times")
    parser.add_argument("--lengths", default=",".join(map(str, LENGTHS)))
    parser.add_argument("--profile", metavar="TASK", help="show where the time of its training step goes, and no more")
    parser.add_argument("--batch", type=int, default=64, help="sequences of that step")
    parser.add_argument("--steps", type=int, default=1024, help="their length")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("this needs an NVIDIA GPU")
    if options.profile:
        profile_step(options.profile, options.batch, options.steps)
        return
    found = compare([int(length) for length in options.lengths.split(",")])
    if options.json is not None:
        options.json.write_text(json.dumps({"device": torch.cuda.get_device_name(), "ms": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
