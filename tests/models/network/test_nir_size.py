"""The exported file grows in proportion to the number of modes, whichever way their number grows."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.network.config import NetworkConfig
from models.network.spiking_ssm import SpikingSSM
from models.network.to_nir import to_graph
from toolchain.frontend.write import write_nir


def _bytes_a_mode(channels: int, modes: int, path: Path) -> float:
    torch.manual_seed(1)
    network = SpikingSSM(NetworkConfig(blocks=1, channels=channels, modes=modes))
    # The mixing and the readout have no modes; they would hide how the state space grows.
    graph = to_graph(network, "digits", 64)
    write_nir(graph, path)
    mixing = channels * channels * 8
    return (path.stat().st_size - mixing) / (channels * modes)


@pytest.mark.parametrize(("small", "large"), [((32, 8), (32, 32)), ((32, 16), (128, 16))])
def test_bytes_a_mode_do_not_grow(small: tuple[int, int], large: tuple[int, int], tmp_path: Path) -> None:
    before, after = _bytes_a_mode(*small, tmp_path / "small.nir"), _bytes_a_mode(*large, tmp_path / "large.nir")
    assert after < 1.25 * before
