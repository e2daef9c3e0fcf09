"""One step of a whole program as nodes: deliver, accumulate, step, emit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import onnx
import scipy.sparse
from onnx import helper, numpy_helper

from exporters.onnx.functions import DOMAIN, StepFunction, step_function
from exporters.onnx.metadata import Description, longest_delay
from exporters.onnx.nodes import INT64, Nodes
from exporters.onnx.primitives import write_primitive
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Population, Program, Projection
from toolchain.ir.timestep import stored_registers

DENSE_ENTRIES = 1 << 16
"""A sparse connection of at most so many entries is written densely: a matrix product is quicker and plainer."""


@dataclass
class StepNodes:
    """The nodes of one step, and what they refer to.

    Attributes:
        constants: weights and coefficients, each in the narrowest type that holds it.
        widened: nodes that cast the constants to int64; they depend on no input.
        step: the nodes of the step itself.
        functions: each population's step.
    """

    constants: list[onnx.TensorProto] = field(default_factory=list)
    widened: Nodes = field(default_factory=Nodes)
    step: Nodes = field(default_factory=Nodes)
    functions: list[StepFunction] = field(default_factory=list)

    def constant(self, name: str, values: IntArray) -> str:
        """Store an array narrowly and return the name of its int64 form."""
        self.constants.append(numpy_helper.from_array(narrow(values), f"stored.{name}"))
        return self.widened.add("Cast", f"stored.{name}", result=name, to=INT64)


def narrow(values: IntArray) -> np.ndarray[tuple[int, ...], np.dtype[np.signedinteger]]:
    """The same integers in the smallest signed type that holds them all."""
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    for kind in (np.int8, np.int16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return values.astype(kind)
    return values


def step_nodes(program: Program, description: Description, opsets: list[onnx.OperatorSetIdProto]) -> StepNodes:
    """Write one step of a program.

    Raises:
        UnsupportedError: naming a primitive that has no ONNX form.
    """
    graph = StepNodes()
    for population in program.populations:
        ports = [_accumulate(graph, program, population, port.name) for port in population.type.ports]
        _call(graph, population, ports, bool(description.overflows), opsets)
    for name in program.sizes():
        _pass_on(graph.step, name, longest_delay(program, name), f"in.{name}" if _is_input(program, name) else "")
    for probe in description.probes:
        graph.step.add("Identity", _probed(program, probe), result=f"probe.{probe}")
    return graph


def _probed(program: Program, probe: str) -> str:
    """What a probe shows: a stored register after the step (a voltage after its reset), another as it was written."""
    name, _, register = probe.rpartition(".")
    stored = {r.name for r in stored_registers(program.population(name))}
    return f"next.{probe}" if register in stored else f"kept.{probe}"


def _is_input(program: Program, name: str) -> bool:
    return name in {source.name for source in program.inputs}


def _accumulate(graph: StepNodes, program: Program, population: Population, port: str) -> str:
    """Write the sum of what arrives at a port, in the port's register; return its name."""
    declared = next(p for p in population.type.ports if p.name == port)
    arriving = [_arrive(graph, p) for p in program.into(population.name) if p.port == port]
    result = f"port.{population.name}.{port}"
    if not arriving:
        return _nothing(graph.step, program, population.size, result)
    total = arriving[0]
    for more in arriving[1:]:
        graph.step.about(result)
        total = graph.step.add("Add", total, more)
    write_primitive(graph.step, population.name, declared.overflow.value, (total, declared.bits), result)
    return result


def _nothing(nodes: Nodes, program: Program, size: int, result: str) -> str:
    """Zeros, (sample, neuron): nothing arrives at the port, ever."""
    nodes.about(result)
    source = f"in.{program.inputs[0].name}"
    samples = nodes.add("Shape", source, start=0, end=1)
    return nodes.add("Expand", 0, nodes.add("Concat", samples, nodes.shape(size), axis=0), result=result)


def _arrive(graph: StepNodes, projection: Projection) -> str:
    """Write what a projection delivers in this step; return its name."""
    messages = f"state.{projection.source}.message_{projection.delay_steps}"
    result = f"arriving.{projection.name}"
    graph.step.about(result)
    matrix = projection.connection.matrix()
    if isinstance(matrix, np.ndarray):
        total = _dense_sum(graph, projection.name, matrix, messages)
    elif matrix.shape[0] * matrix.shape[1] <= DENSE_ENTRIES:
        total = _dense_sum(graph, projection.name, matrix.toarray(), messages)
    else:
        total = _sparse_sum(graph, projection.name, matrix.tocsr(), messages)
    if projection.exponent >= 0:
        write_primitive(graph.step, projection.name, "shift_left", (total, projection.exponent), result)
    else:
        write_primitive(graph.step, projection.name, "shift_floor", (total, -projection.exponent), result)
    return result


def _dense_sum(graph: StepNodes, projection: str, matrix: IntArray, messages: str) -> str:
    """Sum over all synapses; the weights are stored as (source, target)."""
    return graph.step.add("MatMul", messages, graph.constant(f"weights.{projection}", np.ascontiguousarray(matrix.T)))


def _sparse_sum(graph: StepNodes, projection: str, rows: scipy.sparse.csr_array, messages: str) -> str:
    """Sum over listed synapses: each row is the difference of two running sums, which integers make exact."""
    rows.sort_indices()
    # A synapse of weight 0 in front makes the running sum begin at 0, so that row i is total[end i] - total[end i-1].
    weights = graph.constant(f"weights.{projection}", np.concatenate([[0], rows.data]))
    sources = graph.constant(f"sources.{projection}", np.concatenate([[0], rows.indices]))
    ends = np.asarray(rows.indptr, dtype=np.int64)
    nodes = graph.step
    products = nodes.add("Mul", nodes.add("Gather", messages, sources, axis=1), weights)
    total = nodes.add("CumSum", products, nodes.constant("axis.1", np.array(1, dtype=np.int64)))
    upper = nodes.add("Gather", total, graph.constant(f"ends.{projection}", ends[1:]), axis=1)
    lower = nodes.add("Gather", total, graph.constant(f"starts.{projection}", ends[:-1]), axis=1)
    return nodes.add("Sub", upper, lower)


def _call(
    graph: StepNodes,
    population: Population,
    ports: Iterable[str],
    count_overflows: bool,
    opsets: list[onnx.OperatorSetIdProto],
) -> None:
    """Write the call of a population's step."""
    function = _shared(graph, step_function(population, count_overflows, opsets))
    own = population.values()
    arguments = [f"state.{population.name}.{r.name}" for r in stored_registers(population)]
    arguments += ports
    arguments += [graph.constant(f"own.{population.name}.{c.name}", own[c.name]) for c in population.type.coefficients]
    results = [_result(population.name, output) for output in function.outputs]
    graph.step.nodes.append(
        helper.make_node(function.proto.name, arguments, results, name=population.name, domain=DOMAIN)
    )


def _shared(graph: StepNodes, function: StepFunction) -> StepFunction:
    """The first function that does the same, or this one."""
    for known in graph.functions:
        if known.key == function.key:
            return known
    graph.functions.append(function)
    return function


def _result(population: str, output: str) -> str:
    """The graph's name of a function's output: ``next.voltage`` becomes ``next.<population>.voltage``."""
    kind, _, register = output.partition(".")
    return f"{kind}.{population}.{register}" if register else f"out.{population}"


def _pass_on(nodes: Nodes, source: str, longest: int, emitted: str) -> None:
    """Write what each source emitted k steps ago, one step later."""
    for ago in range(1, longest + 1):
        before = f"state.{source}.message_{ago - 1}" if ago > 1 else emitted or f"out.{source}"
        nodes.add("Identity", before, result=f"next.{source}.message_{ago}")
