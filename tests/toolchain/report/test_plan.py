"""Plans against the placement and the counts of the same layers as programs, and against a published mapping."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.compiler_tables import PILOTNET, YOLO, YOLO_INPUT
from toolchain.errors import InputError, PlacementError
from toolchain.ir.connections import Dense
from toolchain.ir.program import Input, Output, Population, Program, Projection
from toolchain.ir.text import program_hash
from toolchain.ir.trace import Trace
from toolchain.mapping import load_target, place
from toolchain.report.counts import count_run
from toolchain.report.plan import PLANS, Plan, PlannedLayer, lay_out, load_plan, shipped_plans

LOIHI2 = load_target("loihi2")


def plan_of(*layers: dict[str, Any]) -> Plan:
    return Plan(name="made", title="made", steps=1, layers=tuple(PlannedLayer(**layer) for layer in layers))


def test_a_dense_layer_is_planned_as_it_is_placed_and_counted() -> None:
    """1,500 neurons of 900 sources, all of which send: the same cores, operations and messages as of the program."""
    planned = lay_out(plan_of({"name": "a", "inputs": 900, "neurons": 1500, "rate": 1.0, "graded": True}), LOIHI2)
    weights = np.random.default_rng(1).integers(1, 128, (1500, 900)) * np.where(np.arange(900) % 2, 1, -1)
    program = Program(
        "a",
        (Input("in", 900),),
        (Population("a", "cuba_lif", 1500, coefficients={"vth": np.full(1500, 9)}),),
        (Projection("p", "in", "a", Dense(weights)),),
        (Output("out", "a"),),
    )
    placement = place(program, LOIHI2)
    sent = {"in": np.ones((1, 900), dtype=np.int64), "a": np.zeros((1, 1500), dtype=np.int64)}
    counts = count_run(program, Trace(program_hash(program), "hand", 1, 1, sent=sent), placement, LOIHI2)
    assert planned.cores == len(placement.cores) > 10
    for name in ("synops_nonzero", "synops_dense", "synops_mac", "neuron_updates", "word_updates"):
        assert planned.counts.total(name) == counts.total(name), name
    layer = next(layer for layer in counts.layers if layer.name == "in")
    assert planned.counts.total("core_messages") == layer.core_messages
    busiest = max(core.synops_nonzero for core in counts.cores)
    assert planned.counts.cores[0].synops_nonzero == pytest.approx(busiest, rel=0.05)


def test_convolutions_take_the_cores_of_the_compiler_table() -> None:
    shape: tuple[int, ...] = YOLO_INPUT
    layers = []
    for number, row in enumerate(YOLO):
        layers.append(
            {
                "name": str(number), "kind": "convolution", "input_shape": shape, "channels": row.neurons[0],
                "kernel": row.kernel, "stride": row.stride[0], "padding": row.padding[0], "weight_bits": row.bits,
                "rate": 0.1,
            }
        )  # fmt: skip
        shape = row.neurons
    planned = lay_out(plan_of(*layers), LOIHI2)
    assert [cores for _, _, cores, _ in planned.layers] == [row.cores for row in YOLO]
    assert planned.chips(LOIHI2) == 5


def test_zeros_and_fewer_bits_take_fewer_cores() -> None:
    base = {"name": "a", "inputs": 2560, "neurons": 1000, "rate": 0.5}
    cores = [lay_out(plan_of({**base, **more}), LOIHI2).cores for more in ({}, {"weight_bits": 2}, {"nonzero": 0.5})]
    assert cores[0] > cores[1] and cores[0] > cores[2]
    assert PILOTNET[5].axon_in == 2560


def test_repeated_layers_multiply() -> None:
    layer = {"name": "a", "inputs": 100, "neurons": 50, "rate": 0.5, "neuron_words": 3}
    one, three = lay_out(plan_of(layer), LOIHI2), lay_out(plan_of({**layer, "repeat": 3}), LOIHI2)
    assert (three.cores, three.parameters) == (3 * one.cores, 3 * one.parameters)
    assert three.counts.total("synops_nonzero") == 3 * one.counts.total("synops_nonzero") == 3 * 2500
    assert three.counts.total("word_updates") == 3 * 150
    assert three.counts.cores == one.counts.cores


def test_the_published_language_model() -> None:
    """24 chips, one block each; its widths are assumed, so a sixth is allowed."""
    planned = lay_out(load_plan("matmul_free_lm_370m"), LOIHI2)
    assert planned.parameters == pytest.approx(307e6, rel=0.01)
    assert abs(planned.chips(LOIHI2) - 24) <= 4


@pytest.mark.parametrize("name", shipped_plans())
def test_shipped_plans_lay_out(name: str) -> None:
    plan = load_plan(name)
    assert plan.name == name and plan.notes
    assert lay_out(plan, LOIHI2).cores > 100


def test_what_does_not_fit_or_is_no_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        PlacementError, match="wide: one neuron of 20000 sources does not fit a core; split its sources"
    ):
        lay_out(plan_of({"name": "wide", "inputs": 20_000, "neurons": 4, "rate": 0.1}), LOIHI2)
    with pytest.raises(InputError, match="no such plan; use one of lm_1b, "):
        load_plan("none")
    path = tmp_path / "mine.toml"
    text = (PLANS / "lm_1b.toml").read_text(encoding="utf-8")
    path.write_text(text.replace("neurons = 1792", "neurons = 0", 1), encoding="utf-8")
    with pytest.raises(InputError, match=r"layers\.0: .*a dense layer needs inputs and neurons"):
        load_plan(path)
