"""Live networks of norse."""

from __future__ import annotations

from typing import Any

import pytest

from seamount.importing import from_torch
from tests.models.importing.inputs import images, kinds, lively, outcome, spikes, vectors
from toolchain.errors import UnsupportedError
from toolchain.frontend import conventions_for

pytestmark = pytest.mark.filterwarnings("ignore")
norse = pytest.importorskip("norse.torch", reason="norse is not installed")


def test_cells_of_two_time_steps_and_a_first_voltage(torch: Any) -> None:
    resting = norse.LIFParameters(v_leak=torch.tensor(0.2), v_reset=torch.tensor(-0.1))
    cells = norse.LIFCell(), norse.LIFCell(resting, dt=2e-3)
    net = norse.SequentialState(torch.nn.Linear(6, 8), cells[0], torch.nn.Linear(8, 3), cells[1])
    graph = from_torch(lively(net, 8.0), vectors())
    assert kinds(graph) == {"0": "Affine", "1": "CubaLIF", "2": "Affine", "3": "CubaLIF"} and spikes(graph) > 40
    found = conventions_for(graph)
    assert (found.input, found.start, found.dt) == ("jump", "v_leak", 1e-3)


def test_box_and_integrate_and_fire_cells_together(torch: Any) -> None:
    from norse.torch.module.iaf import IAFCell
    from norse.torch.module.lif_box import LIFBoxCell

    net = norse.SequentialState(
        torch.nn.Linear(6, 8), IAFCell(), torch.nn.Linear(8, 8), LIFBoxCell(), torch.nn.Linear(8, 3), norse.LICell()
    )
    graph = from_torch(lively(net, 4.0), vectors())
    assert [kinds(graph)[name] for name in ("1", "3", "5")] == ["IF", "LIF", "CubaLI"] and spikes(graph) > 40


def test_recurrent_cells(torch: Any) -> None:
    net = norse.SequentialState(norse.LIFRecurrentCell(6, 8), norse.LILinearCell(8, 3))
    graph = from_torch(lively(net, 2.0), vectors())
    assert {"0.w_in", "0", "0.w_rec", "1.w_in", "1"} == set(kinds(graph)) and "voltages within" in outcome(graph)


def test_layers_of_whole_sequences(torch: Any) -> None:
    net = norse.SequentialState(norse.Lift(torch.nn.Conv2d(1, 3, 3)), norse.LIF(), norse.Lift(torch.nn.Flatten()))
    graph = from_torch(lively(net, 6.0), images())
    assert kinds(graph) == {"0.lifted_module": "Conv2d", "1": "CubaLIF", "2.lifted_module": "Flatten"}
    assert spikes(graph) > 100


def test_other_cells_are_refused(torch: Any) -> None:
    with pytest.raises(UnsupportedError, match="1: norse's LIFAdExCell has no form here"):
        from_torch(norse.SequentialState(torch.nn.Linear(6, 8), norse.LIFAdExCell()), vectors())
