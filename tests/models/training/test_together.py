"""Several processes train what one does; pieces of a batch sum up to the batch."""

from __future__ import annotations

from dataclasses import replace
from multiprocessing import Pipe
from pathlib import Path

import pytest
import torch

from models.layers.weights import load_tensors
from models.network.config import NetworkConfig
from models.network.spiking_ssm import SpikingSSM
from models.tasks import load_task
from models.training.config import TrainConfig
from models.training.gradients import Gradients
from models.training.team import Team
from models.training.together import ErrorAsData, Request, _answers, check_devices, train_together
from models.training.train import train
from toolchain.errors import InputError, ToolchainError

TINY = NetworkConfig(channels=6, modes=2, blocks=2, mix="glu", norm="batch")
PLAIN = TrainConfig(epochs=2, batch_size=101, augment=0, ema=0.9, learning_rate=3e-3)
"""The digits' 1221 samples make batches of 93 and 94, which two processes share unevenly."""


def _weights(folder: Path, prefix: str = "model.") -> dict[str, torch.Tensor]:
    tensors, _ = load_tensors(folder / "checkpoint.safetensors")
    return {name: tensor for name, tensor in tensors.items() if name.startswith(prefix)}


@pytest.mark.slow
def test_two_processes_train_what_one_does_and_go_on_where_they_stopped(tmp_path: Path) -> None:
    """Sums in another order round otherwise; norms by a share's own statistics would part them by 1.5e-3."""
    task = load_task("digits")
    train(task, TINY, PLAIN, tmp_path / "one", measure_test=False)
    shared = Request("digits", TINY, PLAIN, tmp_path / "two", measure_test=False)
    assert train_together(2, replace(shared, stop_after=1)) is None
    assert not (tmp_path / "two" / "model.safetensors").exists()
    result = train_together(2, replace(shared, resume=True))
    assert result is not None and result.folder == tmp_path / "two"
    start = SpikingSSM(TINY).state_dict()
    one, two = (_weights(tmp_path / name) for name in ("one", "two"))
    moved = sum((tensor - start[name.removeprefix("model.")]).norm() for name, tensor in one.items())
    apart = sum((tensor - two[name]).norm() for name, tensor in one.items())
    assert apart < 5e-4 * moved


def test_an_error_of_one_process_ends_the_run() -> None:
    """As soon as it comes, whatever the other does; and so does an end without an answer."""
    (here, there), (silent, _other) = Pipe(duplex=False), Pipe(duplex=False)
    there.send(ErrorAsData(InputError, ("epoch 1", "the loss is nan", "lower the learning rate")))
    with pytest.raises(InputError, match="epoch 1: the loss is nan; lower the learning rate"):
        _answers([silent, here])
    there.close()
    with pytest.raises(ToolchainError, match="process 1: ended without an answer"):
        _answers([silent, here])


def test_pieces_sum_up_to_the_batch() -> None:
    """A decision a sequence and one a step, with true lengths: every decision and step counts as much as before."""
    config = TrainConfig(rate_penalty=2.0, label_smoothing=0.1)
    for decode, labels in (("mean", torch.arange(7) % 3), ("every-step", torch.arange(7 * 20).view(7, 20) % 3)):
        torch.manual_seed(0)
        network = SpikingSSM(NetworkConfig(inputs=2, classes=3, channels=5, modes=2, blocks=2, decode=decode))
        batch, lengths = torch.randn(7, 20, 2), torch.tensor([20, 3, 7, 11, 20, 1, 16])
        found = []
        for pieces in (1, 3):
            network.zero_grad()
            loss = Gradients(network, replace(config, accumulate=pieces))(batch, labels, lengths)
            gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
            found.append(torch.cat([loss[None], *(gradient.flatten() for gradient in gradients)]))
        torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-6)


def test_what_cannot_be_shared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="devices: 3 processes for batches of 2; take fewer devices"):
        check_devices(3, "cpu", TrainConfig(batch_size=2))
    with pytest.raises(InputError, match="devices: a batch of 2 sequences cannot be shared by 3 processes"):
        Team(0, 3).share(torch.arange(2))
    assert [Team(rank, 3).share(torch.arange(7)).tolist() for rank in range(3)] == [[0, 1, 2], [3, 4], [5, 6]]
