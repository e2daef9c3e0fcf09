"""The two forms of a model: one step with explicit state, and a scan of that step over a sequence."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx import helper

from exporters.onnx.functions import DOMAIN
from exporters.onnx.metadata import Description, Form, StateTensor, describe
from exporters.onnx.nodes import INT64, Nodes
from exporters.onnx.step import StepNodes, step_nodes
from toolchain.errors import UnsupportedError
from toolchain.ir.program import Probe, Program
from toolchain.version import __version__

OPSET = 21
IR_VERSION = 10
"""Pinned: onnx writes newer versions by default than its runtimes read."""

SAMPLES = "samples"
STEPS = "steps"

Extent = tuple[int | str, ...]


def assemble(program: Program, form: Form, probes: Sequence[Probe], count_overflows: bool) -> onnx.ModelProto:
    """Build the model of a program; see `exporters.onnx.build_model`."""
    description = describe(program, form, probes, count_overflows)
    if not program.inputs:
        raise UnsupportedError(program.name, "has no input, so its graph has no sample axis", "add an input")
    opsets = [helper.make_opsetid("", OPSET)]
    step = step_nodes(program, description, opsets)
    graph = _step_graph(description, program, step) if form == "step" else _scan_graph(description, program, step)
    model = helper.make_model(
        graph,
        functions=[function.proto for function in step.functions],
        opset_imports=[*opsets, helper.make_opsetid(DOMAIN, 1)],
        ir_version=IR_VERSION,
        producer_name="seamount",
        producer_version=__version__,
        doc_string="Names of inputs and outputs: docs/onnx.md of Seamount. Facts: metadata_props.",
    )
    helper.set_model_props(model, description.properties())
    onnx.checker.check_model(model, full_check=True)
    return model


def _tensors(names: Sequence[str], shapes: Sequence[Extent], *axes: int | str) -> list[onnx.ValueInfoProto]:
    return [
        helper.make_tensor_value_info(name, INT64, [*axes, *shape]) for name, shape in zip(names, shapes, strict=True)
    ]


def _inputs(description: Description, *axes: int | str) -> list[onnx.ValueInfoProto]:
    names = [f"in.{source.name}" for source in description.inputs]
    return _tensors(names, [(source.size,) for source in description.inputs], *axes)


def _next(description: Description) -> list[onnx.ValueInfoProto]:
    states = description.states
    return _tensors([s.next for s in states], [s.shape for s in states], SAMPLES)


def _emitted(description: Description, program: Program, *axes: int | str) -> list[onnx.ValueInfoProto]:
    """What each step gives beside its state: messages, probes, overflow counts."""
    messages = {f"out.{p.name}": (p.size,) for p in program.populations}
    probes: dict[str, Extent] = {f"probe.{key}": _register_shape(description, key) for key in description.probes}
    overflows: dict[str, Extent] = {f"overflow.{key}": () for key in description.overflows}
    ends: dict[str, Extent] = {**messages, **probes, **overflows}
    return _tensors(list(ends), list(ends.values()), *axes)


def _register_shape(description: Description, key: str) -> Extent:
    name, _, register = key.rpartition(".")
    facts = description.populations[name]
    per_mode = facts["registers"][register]["per"] == "mode"
    return (facts["size"], facts["modes"]) if per_mode else (facts["size"],)


def _step_graph(description: Description, program: Program, step: StepNodes) -> onnx.GraphProto:
    states = description.states
    return helper.make_graph(
        [*step.widened.nodes, *step.step.nodes],
        f"{program.name} step",
        [*_inputs(description, SAMPLES), *_tensors([s.name for s in states], [s.shape for s in states], SAMPLES)],
        [*_next(description), *_emitted(description, program, SAMPLES)],
        initializer=step.constants,
    )


def _scan_graph(description: Description, program: Program, step: StepNodes) -> onnx.GraphProto:
    """All steps of a sequence from rest; sequences are (sample, step, channel), as everywhere."""
    before, after = Nodes(), Nodes()
    emitted = _emitted(description, program, SAMPLES)
    starts = [_start(before, description, state) for state in description.states]
    scanned = [_swap_axes(before, f"in.{i.name}", f"by_step.in.{i.name}", 3) for i in description.inputs]
    call = helper.make_node(
        "Scan",
        [*starts, *scanned],
        [*(state.next for state in description.states), *(f"by_step.{end.name}" for end in emitted)],
        name="steps",
        body=_body(description, step, emitted),
        num_scan_inputs=len(scanned),
    )
    for end in emitted:
        _swap_axes(after, f"by_step.{end.name}", end.name, len(end.type.tensor_type.shape.dim) + 1)
    return helper.make_graph(
        [*step.widened.nodes, *before.nodes, call, *after.nodes],
        f"{program.name} scan",
        _inputs(description, SAMPLES, STEPS),
        [*_next(description), *_emitted(description, program, SAMPLES, STEPS)],
        initializer=step.constants,
    )


def _body(description: Description, step: StepNodes, emitted: list[onnx.ValueInfoProto]) -> onnx.GraphProto:
    """The step as the scan's body; weights and coefficients are the outer graph's.

    Everything else is called ``step.<name>``: a body may not use a name that the graph around it uses too.
    """
    outer = {name for node in step.widened.nodes for name in node.output}

    def inside(name: str) -> str:
        return name if name in outer else f"step.{name}"

    nodes = []
    for node in step.step.nodes:
        renamed = onnx.NodeProto()
        renamed.CopyFrom(node)
        renamed.input[:] = map(inside, node.input)
        renamed.output[:] = map(inside, node.output)
        nodes.append(renamed)
    states = _tensors([s.name for s in description.states], [s.shape for s in description.states], SAMPLES)
    ends = ([*states, *_inputs(description, SAMPLES)], [*_next(description), *emitted])
    inputs, outputs = ([_called(end, inside(end.name)) for end in side] for side in ends)
    return helper.make_graph(nodes, "step", inputs, outputs)


def _called(value: onnx.ValueInfoProto, name: str) -> onnx.ValueInfoProto:
    renamed = onnx.ValueInfoProto()
    renamed.CopyFrom(value)
    renamed.name = name
    return renamed


def _start(nodes: Nodes, description: Description, state: StateTensor) -> str:
    """A state before step 0, for as many samples as the input has."""
    nodes.about(state.name)
    samples = nodes.add("Shape", f"in.{description.inputs[0].name}", start=0, end=1)
    shape = nodes.add("Concat", samples, nodes.shape(*state.shape), axis=0)
    return nodes.add("Expand", state.initial, shape, result=f"start.{state.name}")


def _swap_axes(nodes: Nodes, name: str, result: str, rank: int) -> str:
    """Exchange the sample axis and the step axis."""
    return nodes.add("Transpose", name, result=result, perm=[1, 0, *range(2, rank)])
