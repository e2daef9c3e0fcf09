"""Programs as PyTorch modules: equal to the reference, and counted by NeuroBench as the report counts them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seamount as sm
from seamount.build.result import Build
from simulators import reference
from tests.backends.random_programs import Scale, random_inputs, random_program
from tests.cli.conftest import lif_graph
from toolchain.errors import InputError, OverflowTrapError

torch = pytest.importorskip("torch", reason="torch is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")
SMALL = Scale(populations=10, sizes=(1, 3, 6), modes=2, samples=2, steps=12)


@pytest.mark.parametrize("seed", range(4))
def test_random_programs_send_what_the_reference_sends(seed: int) -> None:
    from simulators.accelerator.module import Deployed

    rng = np.random.default_rng(seed)
    program = random_program(rng, SMALL)
    inputs = random_inputs(rng, program, SMALL.samples, SMALL.steps)
    given = {name: torch.from_numpy(values) for name, values in inputs.items()}
    try:
        trace = reference.simulate(program, inputs, strict=False)
    except OverflowTrapError:
        with pytest.raises(OverflowTrapError):
            Deployed(program).run(given, SMALL.steps)
        return
    found = Deployed(program).run(given, trace.steps)
    for name, sent in trace.messages.items():
        assert np.array_equal(found[name].numpy(), sent), name


@pytest.fixture(params=["spikes", "values"])
def build(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Build, Any, Any]:
    """A small network on zeros and ones, or on values between."""
    monkeypatch.setattr("seamount.simulators.COMPARABLE", ("fast",))
    rng = np.random.default_rng(3)
    x = rng.integers(0, 2, (6, 10, 4)).astype(float) if request.param == "spikes" else rng.random((6, 10, 4))
    y = rng.integers(0, 3, 6)
    return sm.deploy(lif_graph(), tmp_path / "net", calibrate=x, labels=y, compared=2), x, y


def test_a_build_as_a_module(build: tuple[Build, Any, Any]) -> None:
    made, x, _ = build
    module = made.to_torch()
    assert np.array_equal(module(torch.tensor(x)).numpy(), sm.simulate(made, x).outputs)
    assert {p.dtype for p in module.parameters()} == {torch.int8}
    with pytest.raises(InputError, match=r"instead of \(samples, steps, 4\)"):
        module(torch.tensor(x[..., :3]))


def test_the_row_is_what_neurobench_counts(build: tuple[Build, Any, Any]) -> None:
    benchmarks = pytest.importorskip("neurobench.benchmarks", reason="neurobench is not installed (.oracles has it)")
    from neurobench.metrics.static import ConnectionSparsity, Footprint, ParameterCount
    from neurobench.metrics.workload import ActivationSparsity, ClassificationAccuracy, SynapticOperations
    from neurobench.models import TorchModel

    made, x, y = build
    model = TorchModel(made.to_torch())
    model.add_activation_module(model.net.Neurons)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(y)), len(x))
    static = [Footprint, ParameterCount, ConnectionSparsity]
    workload = [SynapticOperations, ActivationSparsity, ClassificationAccuracy]
    decide = [lambda numbers: numbers[:, -1].argmax(-1)]
    theirs = benchmarks.Benchmark(model, loader, [], decide, [static, workload]).run(quiet=True)
    ours = made.report.neurobench
    assert ours is not None
    assert (ours.footprint_bytes, ours.parameters) == (theirs["Footprint"], theirs["ParameterCount"])
    assert ours.connection_sparsity == theirs["ConnectionSparsity"]
    assert ours.activation_sparsity == pytest.approx(theirs["ActivationSparsity"], rel=1e-12)
    counted = theirs["SynapticOperations"]
    found = {"Effective_MACs": ours.effective_macs, "Effective_ACs": ours.effective_acs, "Dense": ours.dense}
    assert found == counted
    assert made.accuracy["integer"] == pytest.approx(theirs["ClassificationAccuracy"])
