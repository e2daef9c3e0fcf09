#!/usr/bin/env bash
# neurobench 2.3.0: how many operations are MACs and how many ACs depends on the batch size.
#
# Guess:   SynapticOperations counts accumulates (ACs) for binary inputs and multiply-accumulates (MACs) for others,
#          sample by sample, so the figures per sample are the same for any batch size.
# Instead: each call of a layer is judged as a whole. One value in the batch that is not -1, 0 or 1 turns all its
#          operations into MACs, those of purely binary samples too. Two samples of 6 operations each give 3 MACs and
#          3 ACs at batch size 1, and 6 MACs at batch size 2.
# Matters: neurons with several spikes a step (sinabs and rockpool by default) and pooled spikes send a few 2s among
#          many 1s. A reported energy, with a MAC several times as dear as an AC, grows with the batch.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 torch==2.13.0 snntorch==1.0.0 tqdm==4.67.1 scipy==1.17.1 pandas==2.3.3 requests==2.32.5
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps neurobench==2.3.0

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import torch
from neurobench.benchmarks import Benchmark
from neurobench.metrics.workload import SynapticOperations
from neurobench.models import TorchModel

print(*(f"{name} {version(name)}" for name in ("neurobench", "snntorch", "torch")))
# Both samples have two inputs that are not 0, onto three outputs: 6 operations. The first is binary.
samples = torch.tensor([[1.0, 0.0, 1.0, 0.0], [2.0, 0.0, 1.0, 0.0]])


def operations(batch_size: int) -> dict[str, float]:
    """NeuroBench's operations per sample of one dense layer of weights."""
    network = torch.nn.Sequential(torch.nn.Linear(4, 3, bias=False))
    pairs = torch.utils.data.TensorDataset(samples, torch.zeros(len(samples)))
    loader = torch.utils.data.DataLoader(pairs, batch_size=batch_size)
    result = Benchmark(TorchModel(network), loader, [], [], [[], [SynapticOperations]]).run(quiet=True)
    return {name: float(result["SynapticOperations"][name]) for name in ("Effective_MACs", "Effective_ACs")}


found = {batch_size: operations(batch_size) for batch_size in (1, 2)}
for batch_size, counts in found.items():
    print(f"batch size {batch_size}: {counts}")
if found != {1: {"Effective_MACs": 3.0, "Effective_ACs": 3.0}, 2: {"Effective_MACs": 6.0, "Effective_ACs": 0.0}}:
    sys.exit("changed: the counts no longer depend on the batch size in this way")
print("as stated: the same samples give twice the MACs at batch size 2")
PYTHON
