"""The two forms of a model: one step with explicit state, and a scan of that step over a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx
from onnx import helper

from exporters.onnx.functions import DOMAIN
from exporters.onnx.lanes import choose_lanes
from exporters.onnx.metadata import Description, Form, StateTensor, describe
from exporters.onnx.nodes import TYPES, Nodes
from exporters.onnx.step import CANARY, StepNodes
from exporters.scalar.plan import plan_program
from toolchain.errors import UnsupportedError
from toolchain.ir.program import Probe, Program
from toolchain.version import __version__

OPSET = 18
IR_VERSION = 8
"""Pinned: onnx writes newer versions by default than older runtimes read. onnxruntime 1.17 reads these."""

SAMPLES = "samples"
STEPS = "steps"

Extent = tuple[int | str, ...]


@dataclass(frozen=True)
class Wanted:
    """What a model is to be; see `exporters.onnx.build_model`."""

    form: Form
    probes: Sequence[Probe]
    count_overflows: bool
    lanes: str | None
    structured: bool


def assemble(program: Program, wanted: Wanted) -> tuple[onnx.ModelProto, Description]:
    """Build the model of a program, and what it says about itself."""
    if not program.inputs:
        raise UnsupportedError(program.name, "has no input, so its graph has no sample axis", "add an input")
    plan = plan_program(program, wanted.probes)
    lanes = choose_lanes(plan, wanted.lanes)
    # Lanes that are asked for by name are the type of all tensors, for runtimes that have no other.
    tensors = lanes if wanted.lanes else "int64"
    counts = {
        name: {count.value: count for count in step.counts} if wanted.count_overflows else {}
        for name, step in plan.steps.items()
    }
    description = describe(plan, wanted.form, lanes, tensors, wanted.probes, counts if wanted.count_overflows else None)
    edge = tensors if wanted.form == "step" else lanes
    probes = frozenset(description.probes)
    step = StepNodes(plan, lanes, edge, wanted.structured, counts, probes).write()
    graph = (_step_graph if wanted.form == "step" else _scan_graph)(description, program, step)
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(
        graph,
        functions=[function.proto(opsets) for function in step.functions],
        opset_imports=[*opsets, *([helper.make_opsetid(DOMAIN, 1)] if wanted.structured else [])],
        ir_version=IR_VERSION,
        producer_name="seamount",
        producer_version=__version__,
        doc_string="Names of inputs and outputs: docs/onnx.md of Seamount. Facts: metadata_props, and the JSON file "
        "beside this one. Take no result of a runtime that does not give 1 at the output 'canary'.",
    )
    helper.set_model_props(model, description.properties())
    onnx.checker.check_model(model, full_check=True)
    return model, description


def _tensors(kind: str, names: Sequence[str], shapes: Sequence[Extent], *axes: int | str) -> list[onnx.ValueInfoProto]:
    return [
        helper.make_tensor_value_info(name, TYPES[kind], [*axes, *shape])
        for name, shape in zip(names, shapes, strict=True)
    ]


def _inputs(kind: str, description: Description, *axes: int | str) -> list[onnx.ValueInfoProto]:
    names = [f"in.{source.name}" for source in description.inputs]
    return _tensors(kind, names, [(source.size,) for source in description.inputs], *axes)


def _states(kind: str, description: Description) -> list[onnx.ValueInfoProto]:
    states = description.states
    return _tensors(kind, [s.name for s in states], [s.shape for s in states], SAMPLES)


def _next(kind: str, description: Description) -> list[onnx.ValueInfoProto]:
    states = description.states
    return _tensors(kind, [s.next for s in states], [s.shape for s in states], SAMPLES)


def _emitted(kind: str, description: Description, program: Program, *axes: int | str) -> list[onnx.ValueInfoProto]:
    """What each step gives beside its state: messages, probes, overflow counts, the canary."""
    messages = {f"out.{p.name}": (p.size,) for p in program.populations}
    probes: dict[str, Extent] = {f"probe.{key}": _register_shape(description, key) for key in description.probes}
    overflows: dict[str, Extent] = {f"overflow.{key}": () for key in description.overflows}
    ends: dict[str, Extent] = {**messages, **probes, **overflows, CANARY: ()}
    return _tensors(kind, list(ends), list(ends.values()), *axes)


def _register_shape(description: Description, key: str) -> Extent:
    name, _, register = key.rpartition(".")
    facts = description.populations[name]
    per_mode = facts["registers"][register]["per"] == "mode"
    return (facts["size"], facts["modes"]) if per_mode else (facts["size"],)


def _step_graph(description: Description, program: Program, step: StepNodes) -> onnx.GraphProto:
    kind = description.tensors
    return helper.make_graph(
        [*step.widened.nodes, *step.step.nodes],
        f"{program.name} step",
        [*_inputs(kind, description, SAMPLES), *_states(kind, description)],
        [*_next(kind, description), *_emitted(kind, description, program, SAMPLES)],
        initializer=step.constants,
    )


def _scan_graph(description: Description, program: Program, step: StepNodes) -> onnx.GraphProto:
    """All steps of a sequence from rest; sequences are (sample, step, channel), as everywhere."""
    kind, lanes = description.tensors, description.lanes
    before, after = Nodes(lanes), Nodes(lanes)
    emitted = _emitted(kind, description, program, SAMPLES)
    starts = [_start(before, description, state) for state in description.states]
    scanned = [_swapped_in(before, description, i.name) for i in description.inputs]
    ends = [*(state.next for state in description.states), *(f"by_step.{end.name}" for end in emitted)]
    call = helper.make_node(
        "Scan",
        [*starts, *scanned],
        ends if kind == lanes else [f"lanes.{end}" for end in ends],
        name="steps",
        body=_body(description, program, step),
        num_scan_inputs=len(scanned),
    )
    if kind != lanes:
        for end in ends:
            after.cast(f"lanes.{end}", TYPES[kind], end)
    for end in emitted:
        rank = len(end.type.tensor_type.shape.dim) + 1
        after.add("Transpose", f"by_step.{end.name}", result=end.name, perm=[1, 0, *range(2, rank)])
    return helper.make_graph(
        [*step.widened.nodes, *before.nodes, call, *after.nodes],
        f"{program.name} scan",
        _inputs(kind, description, SAMPLES, STEPS),
        [*_next(kind, description), *_emitted(kind, description, program, SAMPLES, STEPS)],
        initializer=step.constants,
    )


def _body(description: Description, program: Program, step: StepNodes) -> onnx.GraphProto:
    """The step as the scan's body; weights and coefficients are the outer graph's.

    Everything else is called ``step.<name>``: a body may not use a name that the graph around it uses too.
    """
    outer = {name for node in step.widened.nodes for name in node.output} | {kept.name for kept in step.constants}

    def inside(name: str) -> str:
        return name if name in outer else f"step.{name}"

    nodes = []
    for node in step.step.nodes:
        renamed = onnx.NodeProto()
        renamed.CopyFrom(node)
        renamed.input[:] = map(inside, node.input)
        renamed.output[:] = map(inside, node.output)
        nodes.append(renamed)
    lanes = description.lanes
    incoming = [*_states(lanes, description), *_inputs(lanes, description, SAMPLES)]
    outgoing = [*_next(lanes, description), *_emitted(lanes, description, program, SAMPLES)]
    inputs, outputs = ([_called(end, inside(end.name)) for end in side] for side in (incoming, outgoing))
    return helper.make_graph(nodes, "step", inputs, outputs)


def _called(value: onnx.ValueInfoProto, name: str) -> onnx.ValueInfoProto:
    renamed = onnx.ValueInfoProto()
    renamed.CopyFrom(value)
    renamed.name = name
    return renamed


def _start(nodes: Nodes, description: Description, state: StateTensor) -> str:
    """A state before step 0, which is 0, for as many samples as the input has."""
    nodes.about(state.name)
    samples = nodes.add("Shape", f"in.{description.inputs[0].name}", start=0, end=1)
    shape = nodes.add("Concat", samples, nodes.shape(*state.shape), axis=0)
    return nodes.add("Expand", 0, shape, result=f"start.{state.name}")


def _swapped_in(nodes: Nodes, description: Description, name: str) -> str:
    """An input with its step axis first, in lanes."""
    nodes.about(f"in.{name}")
    swapped = nodes.add("Transpose", f"in.{name}", perm=[1, 0, 2])
    same = description.tensors == description.lanes
    return swapped if same else nodes.cast(swapped, nodes.type, f"by_step.in.{name}")
