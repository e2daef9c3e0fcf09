"""Time the exact soma on a GPU, fused against the loop with autograd, and one training step of a task's recipe.

python -m benchmarks.soma_on_gpu
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch

from models.config import TrainConfig
from models.recipes import recipe
from models.soma import soma, soma_loop
from models.spiking_ssm import SpikingSSM
from models.optimizer import make_optimizer

BATCH, CHANNELS = 64, 128
LENGTHS = (1024, 2048, 4096, 8192)


def milliseconds(run: Callable[[], object], repeats: int) -> float:
    run()
    torch.cuda.synchronize()
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    for _ in range(repeats):
        run()
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end)) / repeats


def somas() -> None:
    theta = torch.ones(CHANNELS, device="cuda", requires_grad=True)
    print(f"forward and backward of {BATCH} x {CHANNELS} neurons, ms, on {torch.cuda.get_device_name()}")
    for steps in LENGTHS:
        y = torch.randn(BATCH, CHANNELS, steps, device="cuda", requires_grad=True)
        grad = torch.randn_like(y)
        fused = milliseconds(lambda y=y, grad=grad: soma(y, theta).backward(grad), 20)
        looped = milliseconds(lambda y=y, grad=grad: soma_loop(y, theta).backward(grad), 1)
        print(f"{steps} steps: fused {fused:.2f}, loop {looped:.0f}, ratio {looped / fused:.0f}", flush=True)


def training_step(task: str, batch: int, steps: int) -> None:
    config, _ = recipe(task)
    network = SpikingSSM(config).cuda()
    optimizer = make_optimizer(network, TrainConfig())
    inputs, labels = torch.rand(batch, steps, config.inputs, device="cuda"), torch.zeros(batch, device="cuda").long()

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(inputs).logits, labels).backward()
        optimizer.step()

    print(f"{task}: a step of {batch} x {steps}: {milliseconds(step, 20):.1f} ms", flush=True)
    with torch.profiler.profile() as profile:
        step()
        torch.cuda.synchronize()
    print(profile.key_averages().table(sort_by="self_cuda_time_total", row_limit=22, max_name_column_width=50))


def main() -> None:
    if not torch.cuda.is_available():
        sys.exit("this needs an NVIDIA GPU")
    somas()
    for precision in ("highest", "high"):
        torch.set_float32_matmul_precision(precision)
        training_step("smnist", 100, 784)


if __name__ == "__main__":
    main()
