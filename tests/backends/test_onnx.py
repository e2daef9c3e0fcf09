"""What is peculiar to ONNX: its forms, evaluators, lists of synapses, files. `test_suite` has the rest."""

from __future__ import annotations

import dataclasses
import itertools
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx.reference
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings

import exporters.onnx.step
import simulators.onnx
import simulators.onnx.golden
from exporters.onnx import FORMS, Form, build_model, export_onnx, parse_description
from exporters.scalar.plan import plan_program
from simulators import reference
from simulators.compare import compare
from simulators.onnx import Evaluator
from tests.onnx_programs import LIMITED, digits_shaped, one_of, with_features
from tests.plain_npz import save_plain_npz
from tests.strategies import runs
from toolchain.errors import InputError, MissingPartError, OverflowTrapError
from toolchain.ir.connections import Dense, Sparse
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.neurons import NEURONS_BY_NAME
from toolchain.ir.program import Probe, Program
from toolchain.ir.timestep import all_registers
from toolchain.ir.trace import Trace

WAYS = list(itertools.product(simulators.onnx.EVALUATORS, FORMS))
LANES = [None, "int64", "float64"]

each_way = pytest.mark.parametrize(("evaluator", "form"), WAYS)


def every_probe(program: Program) -> list[Probe]:
    return [Probe(p.name, register.name) for p in program.populations for register in all_registers(p)]


def random_inputs(program: Program, samples: int, steps: int) -> dict[str, IntArray]:
    rng = np.random.default_rng(1)
    return {
        i.name: rng.integers(*limits(i.bits), (samples, steps, i.size), endpoint=True, dtype=np.int64)
        for i in program.inputs
    }


def assert_same(program: Program, expected: Trace, found: Trace) -> None:
    """Equal in every recorded value, and neither trace holds what the other lacks."""
    if expected.steps:  # of nothing, nothing can be compared
        comparison = compare(program, expected, found)
        assert comparison.equal, str(comparison.first)
    assert expected.overflows == found.overflows
    for group in ("messages", "registers", "sent", "final"):
        left, right = getattr(expected, group), getattr(found, group)
        assert left.keys() == right.keys()
        for name in left:
            assert left[name].shape == right[name].shape
            assert np.array_equal(left[name], right[name]), f"{group} {name}"


@pytest.fixture
def lists_of_synapses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write every sparse connection as a list, however small it is."""
    monkeypatch.setattr(exporters.onnx.step, "DENSE_ENTRIES", 0)


@given(drawn=runs())
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lists_of_synapses(drawn: tuple[Program, dict[str, IntArray]], lists_of_synapses: None) -> None:
    """What is kept sparse in a large program, in small ones."""
    program, inputs = drawn
    listed = tuple(
        dataclasses.replace(p, connection=Sparse.from_dense(p.connection.weights))
        if isinstance(p.connection, Dense)
        else p
        for p in program.projections
    )
    program = dataclasses.replace(program, projections=listed)
    running_sums = [node for node in build_model(program).graph.node if node.op_type == "CumSum"]
    listed_sums = [
        synapses
        for step in plan_program(program).steps.values()
        for port, arrivals in step.arrivals.items()
        for arrival in arrivals
        for synapses in arrival.synapses
        if f"port.{port}" in step.used and synapses.form != "paired"
    ]
    assert len(running_sums) == len(listed_sums)
    expected = reference.simulate(program, inputs, strict=False)
    for evaluator, form in WAYS:
        found = simulators.onnx.simulate(program, inputs, strict=False, evaluator=evaluator, form=form)
        assert_same(program, expected, found)


@each_way
@pytest.mark.parametrize("make", [with_features, digits_shaped])
def test_programs_with_every_feature(make: Callable[[], Program], evaluator: Evaluator, form: Form) -> None:
    program = make()
    inputs = random_inputs(program, samples=3, steps=25)
    probes = every_probe(program)
    expected = reference.simulate(program, inputs, probes=probes)
    emitting = [p.name for p in program.populations if p.message_range != (0, 0)]
    assert all(expected.messages[name].any() for name in emitting)
    found = simulators.onnx.simulate(program, inputs, probes=probes, evaluator=evaluator, form=form)
    assert_same(program, expected, found)


@each_way
def test_a_type_with_a_table_a_trap_and_constants(
    evaluator: Evaluator, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NEURONS_BY_NAME, LIMITED.name, LIMITED)
    program, probes = one_of("limited"), every_probe(one_of("limited"))
    quiet = random_inputs(program, 2, 12)["entry"] // 700
    expected = reference.simulate(program, {"entry": quiet}, probes=probes)
    # The reference keeps a stored number as it is, one for all samples and neurons.
    expected = dataclasses.replace(expected, final={**expected.final, "cells.constant": np.full((2, 3), 7)})
    found = simulators.onnx.simulate(program, {"entry": quiet}, probes=probes, evaluator=evaluator, form=form)
    assert_same(program, expected, found)
    assert np.unique(found.registers["cells.seen"]).size > 3
    loud = quiet.copy()
    loud[1, 3, 0] = 2000
    for strict in (True, False):  # a trap stops a run in either mode
        with pytest.raises(OverflowTrapError):
            reference.simulate(program, {"entry": loud}, strict=strict)
        with pytest.raises(OverflowTrapError, match=r"cells\.level \(net\.cells\): .* sample 1, step 4"):
            simulators.onnx.simulate(program, {"entry": loud}, strict=strict, evaluator=evaluator, form=form)


# ------------------------------------------------------------------------------------------- the run as a whole


@each_way
def test_strict_mode_stops_where_the_reference_does(evaluator: Evaluator, form: Form) -> None:
    program = digits_shaped()
    block = program.populations[0]
    loud = dataclasses.replace(block, settings={**block.settings, "input_shift": 14})
    program = dataclasses.replace(program, populations=(loud, *program.populations[1:]))
    inputs = random_inputs(program, 3, 20)
    with pytest.raises(OverflowTrapError) as expected:
        reference.simulate(program, inputs)
    with pytest.raises(OverflowTrapError) as found:
        simulators.onnx.simulate(program, inputs, evaluator=evaluator, form=form)
    assert found.value.where == expected.value.where
    place = re.compile(r"sample \d+|step \d+")
    assert place.findall(str(found.value)) == place.findall(str(expected.value))
    assert len(place.findall(str(found.value))) == 2
    counted = reference.simulate(program, inputs, strict=False)
    assert counted.overflows
    assert_same(
        program, counted, simulators.onnx.simulate(program, inputs, strict=False, evaluator=evaluator, form=form)
    )


@each_way
@pytest.mark.parametrize("steps", [0, 1, 7, 30])
def test_number_of_steps(steps: int, evaluator: Evaluator, form: Form) -> None:
    program, inputs = with_features(), random_inputs(with_features(), 2, 9)
    probes = every_probe(program)
    expected = reference.simulate(program, inputs, steps=steps, probes=probes)
    found = simulators.onnx.simulate(program, inputs, steps=steps, probes=probes, evaluator=evaluator, form=form)
    assert_same(program, expected, found)


def test_messages_may_be_left_out() -> None:
    program, inputs = with_features(), random_inputs(with_features(), 2, 9)
    found = simulators.onnx.simulate(program, inputs, record_messages=False)
    assert found.messages == {}
    assert found.sent["cells"].any()


def test_bad_inputs_are_refused_as_by_the_reference() -> None:
    program = with_features()
    good = random_inputs(program, 2, 5)
    for bad in (
        {},
        good | {"third": good["other"]},
        good | {"other": good["other"] * 99},
        good | {"other": good["pixels"]},
    ):
        with pytest.raises(InputError) as expected:
            reference.simulate(program, bad)
        with pytest.raises(InputError) as found:
            simulators.onnx.simulate(program, bad)
        assert str(found.value) == str(expected.value)


def test_missing_runtime_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    program, inputs = with_features(), random_inputs(with_features(), 1, 2)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingPartError, match=r"onnxruntime.*pip install 'seamount\[onnx\]'"):
        simulators.onnx.simulate(program, inputs)
    assert simulators.onnx.simulate(program, inputs, evaluator="reference").steps == 5


# ------------------------------------------------------------------------------------------------ exported files


@each_way
def test_a_file_runs_by_what_it_says_of_itself(evaluator: Evaluator, form: Form, tmp_path: Path) -> None:
    program, inputs = with_features(), random_inputs(with_features(), 2, 12)
    path = export_onnx(program, tmp_path / "model.onnx", form=form, probes=every_probe(program))
    expected = reference.simulate(program, inputs, probes=every_probe(program))
    assert_same(program, expected, simulators.onnx.simulate_file(path, inputs, evaluator=evaluator))


@pytest.mark.parametrize("evaluator", simulators.onnx.EVALUATORS)
def test_files_that_are_refused(evaluator: Evaluator, tmp_path: Path) -> None:
    inputs = random_inputs(with_features(), 1, 2)
    path = tmp_path / "model.onnx"
    with pytest.raises(InputError, match="no such file"):
        simulators.onnx.simulate_file(path, inputs, evaluator=evaluator)
    path.write_bytes(b"not a model")
    with pytest.raises(InputError, match=r"model\.onnx: is not an ONNX file"):
        simulators.onnx.simulate_file(path, inputs, evaluator=evaluator)
    foreign = build_model(with_features())
    del foreign.metadata_props[:]
    path.write_bytes(foreign.SerializeToString())
    with pytest.raises(InputError, match="does not describe itself"):
        simulators.onnx.simulate_file(path, inputs, evaluator=evaluator)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("structured", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_every_lanes_and_layout(lanes: str | None, structured: bool, form: Form) -> None:
    program, inputs = with_features(), random_inputs(with_features(), 2, 12)
    probes = every_probe(program)
    expected = reference.simulate(program, inputs, probes=probes)
    found = simulators.onnx.simulate(
        program, inputs, probes=probes, lanes=lanes, structured=structured, form=form
    )  # fmt: skip
    assert_same(program, expected, found)


@pytest.mark.parametrize("neuron", ["lif", "relay", "sigmoid_gate", "resonate_fire"])
def test_int32_lanes(neuron: str) -> None:
    program, inputs = one_of(neuron), random_inputs(one_of(neuron), 2, 20)
    expected = reference.simulate(program, inputs, strict=False)
    assert_same(program, expected, simulators.onnx.simulate(program, inputs, strict=False, lanes="int32"))


def test_strict_needs_counts(tmp_path: Path) -> None:
    program, inputs = with_features(), random_inputs(with_features(), 1, 9)
    path = export_onnx(program, tmp_path / "model.onnx", count_overflows=False)
    with pytest.raises(InputError, match="counts no overflows"):
        simulators.onnx.simulate_file(path, inputs)
    assert_same(program, reference.simulate(program, inputs), simulators.onnx.simulate_file(path, inputs, strict=False))


PLAIN = """
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession("model.onnx")
given = np.load("inputs.npz")
samples, steps = given["pixels"].shape[:2]
kept = [i for i in session.get_inputs() if i.name.startswith("state.")]
state = {i.name: np.zeros((samples, *i.shape[1:]), np.int64) for i in kept}
names = [o.name for o in session.get_outputs()]
spikes = []
for t in range(steps):
    feeds = {"in.pixels": given["pixels"][:, t], "in.other": given["other"][:, t]} | state
    result = dict(zip(names, session.run(names, feeds)))
    spikes.append(result["out.filter"])
    state = {name: result[name.replace("state.", "next.", 1)] for name in state}
np.savez("found.npz", spikes=np.stack(spikes, 1), **{k: v for k, v in state.items() if "message" not in k})
"""


def test_a_stock_session_by_names_alone(tmp_path: Path) -> None:
    program, inputs = with_features(), random_inputs(with_features(), 2, 20)
    export_onnx(program, tmp_path / "model.onnx", count_overflows=False)
    save_plain_npz(tmp_path / "inputs.npz", inputs)
    subprocess.run([sys.executable, "-c", PLAIN], cwd=tmp_path, check=True)
    expected = reference.simulate(program, inputs, steps=20)
    with np.load(tmp_path / "found.npz") as found:
        assert np.array_equal(found["spikes"], expected.messages["filter"])
        assert {name for name in found.files if name != "spikes"} == {f"state.{key}" for key in expected.final}
        # Both populations have waited for as long as they rest.
        waited = {"cells.wait": np.full((2, 3), 2), "sum.wait": np.full((2, 2), 1)}
        held = {**expected.final, **waited}
        assert all(np.array_equal(found[f"state.{key}"], value) for key, value in held.items())


def test_optimized_or_not_the_numbers_are_the_same() -> None:
    """onnxruntime rewrites graphs when it loads them; without its rewriting the outputs are equal."""
    program, inputs = with_features(), random_inputs(with_features(), 2, 20)
    model = build_model(program, form="scan")
    description = parse_description({e.key: e.value for e in model.metadata_props}, "model")
    feeds = {f"in.{source.name}": inputs[source.name] for source in description.inputs}
    results = []
    for level in (
        onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
        onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    ):
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = level
        results.append(onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, feeds))
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))
    onnx.checker.check_model(model, full_check=True)
