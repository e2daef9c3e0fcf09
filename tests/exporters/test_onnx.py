"""The exported model as a file: versions, names, functions, storage, what it says about itself, what is refused."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import pytest

from exporters.onnx import Description, Form, build_model, export_onnx, parse_description
from tests.onnx_programs import LIMITED, ROOT, beyond_doubles, digits_shaped, one_of, with_features
from toolchain.errors import InputError, MissingPartError, UnsupportedError, VerificationError
from toolchain.ir.connections import Dense, Sparse
from toolchain.ir.integer import Value
from toolchain.ir.neurons import NEURONS, NEURONS_BY_NAME, Keep, NeuronType, Port, Values
from toolchain.ir.program import Probe, Program


@pytest.fixture(scope="module")
def program() -> Program:
    return with_features()


def described(model: onnx.ModelProto) -> Description:
    return parse_description({entry.key: entry.value for entry in model.metadata_props}, "model")


def names(values: list[onnx.ValueInfoProto]) -> set[str]:
    return {value.name for value in values}


def test_versions_are_pinned(program: Program) -> None:
    for structured, domains in ((False, {("", 18)}), (True, {("", 18), ("seamount", 1)})):
        model = build_model(program, structured=structured)
        assert model.ir_version == 8
        assert {(opset.domain, opset.version) for opset in model.opset_import} == domains
        assert bool(model.functions) == structured
        assert all([(o.domain, o.version) for o in f.opset_import] == [("", 18)] for f in model.functions)


@pytest.mark.parametrize("form", ["step", "scan"])
def test_checker_accepts_it(program: Program, form: Form) -> None:
    onnx.checker.check_model(build_model(program, form=form, probes=program.all_probes()), full_check=True)


def test_step_has_the_documented_names(program: Program) -> None:
    graph = build_model(program, probes=[Probe("filter", "drive")]).graph
    stored = {"filter.state_re", "filter.state_im", "filter.voltage", "cells.current", "cells.voltage", "cells.wait"}
    # The longest delays: 3 steps from "pixels", 1 from "other", 1 from "filter", 2 from "cells", none from "sum".
    stored |= {"pixels.message_1", "pixels.message_2", "pixels.message_3", "other.message_1", "filter.message_1"}
    stored |= {"cells.message_1", "cells.message_2", "relay.message_1", "sum.total", "sum.wait"}
    # Of all other registers it is proven that every value fits.
    counted = {"filter.state_re", "filter.state_im", "filter.readout", "filter.voltage", "cells.voltage", "sum.total"}
    assert names(graph.input) == {"in.pixels", "in.other"} | {f"state.{word}" for word in stored}
    emitted = {"out.filter", "out.cells", "out.relay", "out.sum", "probe.filter.drive"}
    outputs = {f"next.{w}" for w in stored} | emitted | {f"overflow.{w}" for w in counted} | {"canary"}
    assert names(graph.output) == outputs


def test_scan_needs_its_inputs_alone(program: Program) -> None:
    step, scan = build_model(program).graph, build_model(program, form="scan").graph
    assert names(scan.input) == {"in.pixels", "in.other"}
    assert names(scan.output) == names(step.output)


@pytest.mark.parametrize("form", ["step", "scan"])
@pytest.mark.parametrize(
    ("lanes", "kind"),
    [(None, onnx.TensorProto.INT64), ("int64", onnx.TensorProto.INT64), ("float64", onnx.TensorProto.DOUBLE)],
)
def test_all_ends_have_one_type_and_samples_are_dynamic(
    program: Program, form: Form, lanes: str | None, kind: int
) -> None:
    graph = build_model(program, form=form, lanes=lanes).graph
    for value in [*graph.input, *graph.output]:
        assert value.type.tensor_type.elem_type == kind
        assert value.type.tensor_type.shape.dim[0].dim_param == "samples"


def test_the_quickest_exact_lanes_are_chosen(program: Program) -> None:
    assert described(build_model(program)).lanes == "float64"
    assert described(build_model(program, lanes="int64")).lanes == "int64"
    with pytest.raises(UnsupportedError, match="and int32 lanes are exact up to 2147483647 only"):
        build_model(program, lanes="int32")
    with pytest.raises(InputError, match="--onnx-lanes: 'int16' is unknown"):
        build_model(program, lanes="int16")
    wide = beyond_doubles()
    assert described(build_model(wide)).lanes == "int64"
    with pytest.raises(UnsupportedError, match="and float64 lanes are exact up to 9007199254740992 only; use int64"):
        build_model(wide, lanes="float64")
    assert described(build_model(one_of("lif"), lanes="int32")).lanes == "int32"


def test_nothing_is_in_the_file_that_some_runtime_lacks(program: Program) -> None:
    """No 16-bit tensors, no choice between equal numbers, running sums with all their attributes."""
    for lanes in ("int64", "float64"):
        graph = build_model(program, lanes=lanes, probes=program.all_probes()).graph
        assert not {t.data_type for t in graph.initializer} & {onnx.TensorProto.INT16, onnx.TensorProto.UINT16}
        for node in graph.node:
            assert node.op_type not in ("Min", "Max", "Pow", "Mod", "Mean") and node.domain == ""
            assert node.op_type != "Where" or node.input[1] != node.input[2]
            if node.op_type == "CumSum":
                assert {attribute.name for attribute in node.attribute} == {"exclusive", "reverse"}
        ops = {node.op_type for node in graph.node}
        assert not ops & ({"BitwiseAnd", "Div"} if lanes == "float64" else {"Clip", "Sign", "Floor", "Gemm"})


def test_counts_are_left_out_on_demand(program: Program) -> None:
    model = build_model(program, count_overflows=False, structured=True)
    assert not [name for name in names(model.graph.output) if name.startswith("overflow.")]
    assert not [o for f in model.functions for o in f.output if o.startswith("overflow.")]


def test_functions_read_as_neurons(program: Program) -> None:
    model = build_model(program, structured=True)
    found = {function.name: function for function in model.functions}
    assert set(found) == {"ssm_lif__filter", "cuba_lif__cells", "relay__relay", "integrator__sum"}
    assert {function.domain for function in model.functions} == {"seamount"}
    assert "multiply_shift_toward_zero" in found["cuba_lif__cells"].doc_string
    calls = {node.name: node.op_type for node in model.graph.node if node.domain == "seamount"}
    assert calls == {p.name: f"{p.neuron}__{p.name}" for p in program.populations}


def test_populations_with_equal_steps_share_a_function() -> None:
    program = digits_shaped()
    assert [f.name for f in build_model(program, structured=True).functions] == [
        "ssm_lif__block0",
        "integrator__readout",
    ]
    other = dataclasses.replace(program.populations[1], settings={"c_shift": 7})
    changed = dataclasses.replace(program, populations=(program.populations[0], other, program.populations[2]))
    functions = [f.name for f in build_model(changed, structured=True).functions]
    assert functions == ["ssm_lif__block0", "ssm_lif__block1", "integrator__readout"]


def test_weights_are_stored_as_bytes(program: Program) -> None:
    stored = {tensor.name: tensor for tensor in build_model(program).graph.initializer}
    for projection in program.projections:
        tensor = stored[f"stored.weights.{projection.name}"]
        assert tensor.data_type == onnx.TensorProto.INT8
        dense = projection.connection.matrix()
        dense = dense if isinstance(dense, np.ndarray) else dense.toarray()
        kept = onnx.numpy_helper.to_array(tensor)
        assert np.array_equal(kept if kept.ndim == 2 else np.diag(kept), dense.T)


def test_large_sparse_connections_stay_lists() -> None:
    rng = np.random.default_rng(2)
    weights = rng.integers(-128, 128, (300, 300)) * (rng.random((300, 300)) < 0.02)
    program = one_of("relay", size=300)
    (joint,) = program.projections
    for connection, entries in (
        (Dense(weights), weights.size),
        (Sparse.from_dense(weights), np.count_nonzero(weights) + 1),
    ):
        changed = dataclasses.replace(program, projections=(dataclasses.replace(joint, connection=connection),))
        stored = {tensor.name: tensor for tensor in build_model(changed).graph.initializer}
        assert np.prod(stored[f"stored.weights.{joint.name}"].dims) == entries


def test_same_program_same_bytes(program: Program, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from exporters.onnx import export_onnx;"
        "from tests.onnx_programs import with_features; program = with_features();"
        "[export_onnx(program, Path(sys.argv[1]) / f'{form}.onnx', form=form, probes=program.all_probes())"
        " for form in ('step', 'scan')]"
    )
    for seed in ("1", "2"):
        command = [sys.executable, "-c", code, str(tmp_path / seed)]
        subprocess.run(command, cwd=ROOT, env={"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"}, check=True)
    for form in ("step.onnx", "scan.onnx"):
        assert (tmp_path / "1" / form).read_bytes() == (tmp_path / "2" / form).read_bytes()


def test_it_describes_itself(program: Program) -> None:
    properties = {entry.key: entry.value for entry in build_model(program).metadata_props}
    assert all(key.startswith("seamount.") for key in properties)
    facts = {key.removeprefix("seamount."): json.loads(value) for key, value in properties.items()}
    assert facts["inputs"][0] == {"name": "pixels", "size": 2, "bits": 6, "exponent": 4, "overflow": "refuse"}
    assert facts["decoding"].keys() == facts["outputs"].keys()
    assert all(how.keys() == {"reading", "exponents", "early_steps"} for how in facts["decoding"].values())
    assert not any(state["initial"] for state in facts["states"])
    starts = {s["name"]: (s["start"], s["slope"]) for s in facts["states"] if (s["start"], s["slope"]) != (0, 1)}
    assert starts == {"state.cells.wait": (2, -1), "state.sum.wait": (1, -1)}
    assert (facts["lanes"], facts["tensors"], facts["counted"]) == ("float64", "int64", True)
    voltage = facts["populations"]["cells"]["registers"]["voltage"]
    assert (voltage["bits"], voltage["overflow"]) == (24, "saturate")
    assert facts["populations"]["filter"]["settings"]["input_shift"] == 3
    assert facts["outputs"] == {"total": "next.sum.total", "spikes": "out.cells"}
    assert facts["projections"][0]["exponent"] == 2
    description = parse_description(properties, "x.onnx")
    assert description.inputs == program.inputs
    assert description.latency_steps == program.latency_steps


def test_another_meaning_is_refused(program: Program) -> None:
    properties = {entry.key: entry.value for entry in build_model(program).metadata_props}
    with pytest.raises(InputError, match="semantics version 99"):
        parse_description(properties | {"seamount.semantics_version": "99"}, "x.onnx")
    with pytest.raises(InputError, match="does not describe itself"):
        parse_description({"producer": "somebody"}, "x.onnx")


def test_unknown_primitive_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def step(own: Values, state: Values, ports: Values, keep: Keep) -> tuple[dict[str, Value], Value]:
        return {}, ports.input.apply_primitive("cube_root", (ports.input,))

    cube = NeuronType("cube", "takes roots", (), (), (), (Port("input"),), 24, step)
    monkeypatch.setitem(NEURONS_BY_NAME, "cube", cube)
    with pytest.raises(UnsupportedError, match="cells: primitive 'cube_root' has no ONNX form"):
        export_onnx(one_of("cube"), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_exported_is_refused(program: Program) -> None:
    with pytest.raises(InputError, match="form: 'loop' is unknown"):
        build_model(program, form=cast(Form, "loop"))
    with pytest.raises(InputError, match=r"cells\.volts: is not a register"):
        build_model(program, probes=[Probe("cells", "volts")])
    with pytest.raises(InputError, match="twice"):
        build_model(program, probes=[Probe("cells", "voltage")] * 2)
    alone = dataclasses.replace(program, inputs=(), projections=())
    with pytest.raises(UnsupportedError, match="has no input"):
        build_model(alone)
    with pytest.raises(VerificationError, match="unknown neuron type"):
        build_model(one_of("nothing"))


def test_missing_onnx_is_said(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith("exporters.onnx.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingPartError, match=r"onnx.*pip install 'seamount\[onnx\]'"):
        build_model(program)


@pytest.mark.parametrize("neuron", [neuron.name for neuron in (*NEURONS, LIMITED)])
def test_each_neuron_type_is_one_function_of_standard_operators(neuron: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NEURONS_BY_NAME, LIMITED.name, LIMITED)
    (function,) = build_model(one_of(neuron), structured=True).functions
    assert function.name == f"{neuron}__cells"
    assert {node.domain for node in function.node} == {""}
