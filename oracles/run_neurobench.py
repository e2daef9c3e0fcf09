"""NeuroBench's synaptic operations, for spikes that another simulator recorded.

Every projection is a torch Linear; at each step each is called with what its source sent in that step. NeuroBench hooks
the layers and counts. The inputs file holds the populations' recorded spikes beside the inputs.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from exchange import PlainProgram, main
from neurobench.benchmarks import Benchmark
from neurobench.metrics.workload import SynapticOperations
from neurobench.models import TorchModel


class Replay(torch.nn.Module):
    """One Linear a projection, fed with recorded spikes, (1, step, all sources)."""

    def __init__(self, network: PlainProgram) -> None:
        super().__init__()
        self.slices, start = {}, 0
        for name, spikes in network.spikes.items():
            self.slices[name] = slice(start, start + spikes.shape[1])
            start += spikes.shape[1]
        self.sources = [projection["source"] for projection in network.projections]
        self.layers = torch.nn.ModuleList(_layer(projection["weights"]) for projection in network.projections)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Call every layer once a step."""
        for step in range(batch.shape[1]):
            for number, source in enumerate(self.sources):
                self.layers[number](batch[:, step, self.slices[source]])
        return batch[:, -1]


def _layer(weights: Any) -> torch.nn.Linear:
    layer = torch.nn.Linear(weights.shape[1], weights.shape[0], bias=False)
    layer.weight.data = torch.tensor(weights, dtype=torch.float32)
    return layer


def run(network: PlainProgram) -> tuple[dict[str, Any], dict[str, Any]]:
    """Count with NeuroBench's own benchmark."""
    data = torch.tensor(np.concatenate(list(network.spikes.values()), axis=1)[None], dtype=torch.float32)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(data, torch.zeros(1)))
    benchmark = Benchmark(TorchModel(Replay(network)), loader, [], [], [[], [SynapticOperations]])
    counted = benchmark.run(quiet=True)["SynapticOperations"]
    return {}, {"counts": {name: float(value) for name, value in counted.items()}}


if __name__ == "__main__":
    main(run, version("neurobench"))
