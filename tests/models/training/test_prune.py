"""Pruning: which weights go, that they stay gone, and that a program of the network is smaller for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from models.network.config import NetworkConfig
from models.network.spiking_ssm import SpikingSSM
from models.network.to_nir import to_graph
from models.shipped.zoo import ZOO, load
from models.tasks import Part, Task, load_task
from models.training.folder import load_folder
from models.training.prune import Pruned, Pruner, Pruning, masks_of, prunable, prune, zeros_of
from simulators.reference import simulate
from toolchain.errors import InputError
from toolchain.frontend.conventions import conventions_for
from toolchain.host.encode import encode
from toolchain.lower.pipeline import compile_graph
from toolchain.mapping import load_target, place
from toolchain.passes.pipeline import DEFAULT, run_passes
from toolchain.report import count_run

SPARSITY = 0.8


def digits(samples: int) -> Task:
    """The task with few samples of each part."""
    task = load_task("digits")
    parts = {name: getattr(task, name) for name in ("train", "validation", "test")}
    few = {name: Part(part.inputs[:samples], part.labels[:samples]) for name, part in parts.items()}
    return Task(**{**vars(task), **few})


@pytest.fixture(scope="module")
def pruned(tmp_path_factory: pytest.TempPathFactory) -> Pruned:
    """The shipped network, pruned in two epochs."""
    return prune(ZOO / "digits", tmp_path_factory.mktemp("pruned"), Pruning(SPARSITY, epochs=2))


def test_the_smallest_of_all_or_of_each_matrix_go() -> None:
    weights = {"a": torch.tensor([[0.1, -3.0], [2.0, -0.2]]), "b": torch.tensor([[0.3, 0.4], [5.0, 6.0]])}
    together, each = masks_of(weights, 0.5), masks_of(weights, 0.5, "layer")
    assert together["a"].tolist() == [[0, 1], [1, 0]] and together["b"].tolist() == [[0, 0], [1, 1]]
    assert each["a"].tolist() == [[0, 1], [1, 0]] and each["b"].tolist() == [[0, 0], [1, 1]]
    uneven = {"a": weights["a"], "b": 100 * weights["b"]}
    assert masks_of(uneven, 0.5)["b"].sum() == 4 and masks_of(uneven, 0.5, "layer")["b"].sum() == 2


def test_zeros_go_first_and_of_equals_the_first() -> None:
    weights = {"a": torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0])}
    assert masks_of(weights, 0.4)["a"].tolist() == [1, 0, 1, 1, 0]
    assert masks_of(weights, 0.6)["a"].tolist() == [0, 0, 1, 1, 0]


def test_zeros_become_more_up_to_half_of_the_epochs() -> None:
    pruning = Pruning(0.9, epochs=40)
    shares = [pruning.share(epoch) for epoch in range(40)]
    assert shares == sorted(shares) and 0 < shares[0] < 0.2
    assert shares[18] < 0.9 and shares[19:] == [0.9] * 21
    assert [pruning.is_final(epoch) for epoch in (18, 19)] == [False, True]


def test_a_linear_mixing_before_the_readout_is_left_alone() -> None:
    assert list(prunable(SpikingSSM(NetworkConfig(blocks=3, channels=4, modes=2)))) == [
        "blocks.0.mix.weight", "blocks.1.mix.weight",
    ]  # fmt: skip
    gated = SpikingSSM(NetworkConfig(blocks=1, channels=4, modes=2, mix="glu"))
    assert list(prunable(gated)) == ["blocks.0.mix.weight"]
    with pytest.raises(InputError, match="no matrix between blocks"):
        prunable(SpikingSSM(NetworkConfig(blocks=1, channels=4, modes=2)))


@pytest.mark.parametrize("wrong", [{"sparsity": 0.0}, {"sparsity": 1.0}, {"scope": "row"}, {"epochs": 1}])
def test_bad_choices_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"prune\."):
        Pruning(**{"sparsity": 0.5, **wrong})  # type: ignore[arg-type]


def test_what_is_pruned_stays_so_and_the_rest_learns(pruned: Pruned) -> None:
    before, after = load("digits").network, load_folder(pruned.folder).network
    assert pruned.zeros == zeros_of(after) == {"blocks.0.mix.weight": round(SPARSITY * 64 * 64) / 64**2}
    matrix, now = before.block_list()[0].mix.weight, after.block_list()[0].mix.weight
    assert torch.all(now[now != 0] != matrix[now != 0])
    assert torch.all(after.readout.weight != 0)
    assert pruned.test.samples == 360 and pruned.test.accuracy > 0.9


def test_the_same_choices_give_the_same_weights() -> None:
    found: list[dict[str, torch.Tensor]] = []
    for _ in range(2):
        trained = load("digits")
        torch.manual_seed(len(found))  # what came before may not matter
        Pruner(trained.network, digits(96), trained.training, Pruning(0.5, epochs=2)).run()
        found.append(trained.network.state_dict())
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_operations_and_memory_of_the_program_fall(pruned: Pruned) -> None:
    whole, less = (costs(network) for network in (load("digits").network, load_folder(pruned.folder).network))
    assert less["kind"] == "sparse" and whole["kind"] == "dense"
    # Of those kept a few may still round to 0.
    assert 0.98 * (1 - SPARSITY) * 64 * 64 < less["synapses"] <= round((1 - SPARSITY) * 64 * 64)
    assert less["words"] < 0.6 * whole["words"]
    assert less["synops"] < 0.5 * whole["synops"]


def costs(network: SpikingSSM) -> dict[str, Any]:
    """The matrix between the blocks in a compiled program: stored synapses, operations; words of the whole program."""
    task = digits(64)
    graph = to_graph(network, "digits", task.steps)
    x = task.train.inputs.astype(float)
    program = compile_graph(graph, conventions_for(graph), x).lowered.program
    program = run_passes(program, DEFAULT, lambda remark: None).program
    target = load_target("loihi2")
    placement = place(program, target)
    trace = simulate(program, {"input": encode(program.inputs[0], x)[0]}, record_messages=False, strict=False)
    between = next(p for p in program.projections if (p.source, p.target) == ("block0", "block1"))
    counts = {count.name: count for count in count_run(program, trace, placement, target).projections}
    return {
        "kind": between.connection.kind,
        "synapses": int(between.connection.stored_fan_out().sum()),
        "synops": counts[between.name].nonzero,
        "words": sum(core.usage.synapse_words for core in placement.cores),
    }


def test_the_folder_says_what_was_done(pruned: Pruned) -> None:
    figures = load_folder(Path(pruned.folder)).figures
    assert figures["pruning"]["sparsity"] == SPARSITY and figures["pruning"]["zeros"] == pruned.zeros
    assert figures["start"]["training"]["epochs"] == 100
